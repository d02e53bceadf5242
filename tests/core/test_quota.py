"""The quota of 24 hours, against an Amazon that counts what it accepts, whenever it is asked and whoever else sends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from core import pacing
from core.pacing import Account


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


class Amazon:
    """Accepts every call, and counts the recipients of the last 24 hours."""

    def __init__(self) -> None:
        self.accepted: list[tuple[datetime, int]] = []

    def accept(self, recipients: int, now: datetime) -> None:
        self.accepted.append((now, recipients))

    def sent_last_24_hours(self, now: datetime) -> int:
        return sum(recipients for at, recipients in self.accepted if at > now - DAY)


class World:
    """One account, its sender, and GetAccount, which is asked at one moment and stored at a later one."""

    def __init__(self, quota: int) -> None:
        self.quota, self.now, self.amazon = quota, NOW, Amazon()
        self.account = Account(
            max_send_rate=1e6,
            send_rate=1e6,
            max_24_hour_send=quota,
            sent_last_24_hours=0.0,
            due_at=NOW,
        )
        self.under_way: list[int] = []
        self.asked: tuple[float, int] | None = None
        self.told: int | None = None

    def pass_time(self, twelfths: int) -> None:
        """Let five minutes pass for each, and so ten hours at most."""
        self.now += timedelta(minutes=5 * twelfths)

    def grant(self, wanted: int) -> None:
        granted, self.account = pacing.reserve(self.account, wanted, self.now)
        if granted.count:
            self.under_way.append(granted.count)

    def accept(self, _unused: int) -> None:
        if self.under_way:
            self.amazon.accept(self.under_way.pop(0), self.now)

    def read(self, _unused: int) -> None:
        """Ask and store at one go, as is done mostly."""
        for step in (self.ask, self.answer, self.store):
            step(0)

    def ask(self, _unused: int) -> None:
        """Note what is counted and under way, as is done just before GetAccount is called."""
        self.asked, self.told = (self.account.sent_last_24_hours, sum(self.under_way)), None

    def answer(self, _unused: int) -> None:
        """Amazon counts at some moment after it was asked."""
        if self.asked and self.told is None:
            self.told = self.amazon.sent_last_24_hours(self.now)

    def store(self, _unused: int) -> None:
        if self.asked is None or self.told is None:
            return
        counted, under_way = self.asked
        granted = self.account.sent_last_24_hours - counted
        again = pacing.recounted(self.told, under_way=under_way, granted=granted)
        self.account = Account(
            max_send_rate=1e6,
            send_rate=1e6,
            max_24_hour_send=self.quota,
            sent_last_24_hours=again,
            due_at=self.account.due_at,
        )
        self.asked = None

    @property
    def ours(self) -> int:
        return self.amazon.sent_last_24_hours(self.now) + sum(self.under_way)


STEPS = st.tuples(
    st.sampled_from(["pass_time", "grant", "accept", "read", "ask", "answer", "store"]), st.integers(1, 120)
)


@settings(max_examples=400, deadline=None)
@given(quota=st.integers(2, 60), steps=st.lists(STEPS, min_size=10, max_size=60))
def test_the_quota_of_any_24_hours_is_never_exceeded_whenever_amazon_is_asked(
    quota: int, steps: list[tuple[str, int]]
) -> None:
    world = World(quota)
    for name, argument in steps:
        getattr(world, name)(argument)
        assert world.ours <= quota * pacing.QUOTA_SHARE


@settings(max_examples=200, deadline=None)
@given(quota=st.integers(100, 300), others=st.integers(0, 300), wanted=st.integers(1, 400))
def test_what_other_applications_send_is_taken_from_ours_from_the_next_answer_on(
    quota: int, others: int, wanted: int
) -> None:
    world = World(quota)
    world.amazon.accept(others, world.now)
    world.read(0)
    world.grant(wanted)
    assert world.ours <= max(quota * pacing.QUOTA_SHARE, others)
