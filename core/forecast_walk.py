"""Forecast's walk: a campaign's days, one after the other, until its last message has left.

Each day every mailbox provider takes what its cap admits, all of them together what the ladder, the account's quota and its
rate admit. Then the caps move as the controller would decide for the luck of the day. A friendly walk is one with the best luck.

Terms:
    lane: the messages of one mailbox provider. `others` are those of other campaigns of the same sending domain: who share a
        cap get of it in proportion to how many they have waiting, so that all of them end on the same day.
    pool: what holds all lanes together: the steps of a ladder or table, the 24-hour quota, the rate.
    elsewhere: messages of other sending domains that wait for the same account, and how many of them their own caps let
        through a day.
    held: what kept a lane's messages from leaving on a day: "warm-up", "rest", "window", "quota" or "rate".
    horizon: the day at which a walk gives up.

Invariants:
    On no day more leaves than any cap, the ladder, the quota or the rate admits.
    For the same luck the caps move as the controller decides; with friendly providers no walk of the road is done earlier.
    With equal luck a lane with more messages is never done earlier.

See:
    core/forecast.py for what people are told of it; docs/forecast.md for the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from core.forecast_odds import PRIOR, SMALL_CAREFUL, SMALL_EXPLORING, SMALL_SHARE, Odds, Temper
from core.warmup import DayReport, next_rung
from core.warmup_controller import (
    BACK_TO,
    CAREFUL_GROWTH,
    FLOOR,
    GROWTH,
    MIN_DELIVERED,
    THRESHOLD_AT,
    TOP,
    TOP_GROWTH,
    USED_SHARE,
    Pace,
)


WARM_UP: Final = "warm-up"
REST: Final = "rest"
QUOTA: Final = "quota"
RATE: Final = "rate"
WINDOW: Final = "window"

LUCK: Final = 61  # days of luck that a run draws for a lane; a longer walk begins with them anew
NO_CAP: Final = 2**62
# What a provider takes of a day after which the cap goes back: a tenth of such days in the worlds are outside.
WORST_TAKEN: Final = 0.5
BEST_TAKEN: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one mailbox provider still has to get.

    Attributes:
        provider: Its key.
        waiting: Messages of this campaign.
        others: Of other campaigns of the same sending domain.
        left: What today's cap still admits; None without a cap.
        used: What today's cap has admitted already.
        pace: How its cap moves; None where it has none of its own.
        odds: What is believed of the provider.
        rests: Whether it takes nothing more today, because it rests.
    """

    provider: str
    waiting: int
    others: int = 0
    left: int | None = None
    used: int = 0
    pace: Pace | None = None
    odds: Odds = PRIOR
    rests: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps of a ladder or a table, which hold all lanes together. `left` and `used` are today's."""

    steps: Sequence[int]
    rung: int
    left: int
    used: int = 0
    odds: Odds = PRIOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the account admits to everybody together; None is no limit. Rates are messages a day."""

    quota_left: int | None = None
    quota_per_day: int | None = None
    rate_left: int = NO_CAP
    rate_per_day: int = NO_CAP
    elsewhere: int = 0
    elsewhere_a_day: int = NO_CAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """All that a walk needs to know.

    `left` is what a cap for all lanes still admits today where there is no ladder, as a person may have set it; None without one.
    `closed` are days, counted from today, on which no window is open.
    """

    lanes: Sequence[Lane]
    left: int | None = None
    ladder: Ladder | None = None
    account: Account = field(default_factory=Account)
    closed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Luck:
    """What happens to one lane or ladder in one walk: its provider's temper, and a number from 0 to 1 for each day."""

    temper: Temper
    days: Sequence[float]


# Everything is taken. The number is never below a share of days that is zero.
FRIENDLY: Final = Luck(Temper(0.0, 0.0, 0.0, 0.0), (0.5,))


@dataclass(slots=True)
class Walk:
    """What became of a campaign, lane by lane.

    Attributes:
        ends: The day of the last message; 0 is today.
        sent: How many left on each day, over all walks that were added.
        held: On how many days it was held by what.
    """

    ends: list[int]
    sent: list[list[int]]
    held: list[dict[str, int]]


def walk(road: Road, luck: Sequence[Luck], *, horizon: int, sent: Sequence[list[int]] | None = None) -> Walk:
    """Walk once.

    Args:
        road: What waits, and what holds it.
        luck: Of each lane, then of the ladder.
        horizon: Days after which the walk gives up; who is not done then ends on that day.
        sent: Counts to which those of this walk are added, by lane and day; None for new ones.
    """
    counts = sent or [[0] * horizon for _ in road.lanes]
    lanes = [_Lane(lane, one, into) for lane, one, into in zip(road.lanes, luck[:-1], counts, strict=True)]
    pool = _Pool(road, luck[-1])
    alive = [lane for lane in lanes if lane.mine > 0]
    for day in range(horizon):
        if not alive:
            break
        if day in road.closed:
            for lane in alive:
                lane.note(WINDOW)
        else:
            word = pool.share(alive)
            alive = [lane for lane in alive if lane.serve(day, word)]
        pool.next_day()
    for lane in alive:
        lane.end = horizon
    return Walk([lane.end for lane in lanes], list(counts), [lane.held for lane in lanes])


class _Lane:
    """A lane in the middle of its walk. Of a lane without a cap it is larger than any number of messages."""

    __slots__ = (
        "_cap", "_days", "_hold_days", "_length", "_sent", "_temper", "_threshold", "_unjudged", "_used",
        "end", "held", "left", "mine", "others", "rests", "wish",
    )  # fmt: skip

    def __init__(self, lane: Lane, luck: Luck, sent: list[int]) -> None:
        pace = lane.pace
        self.mine, self.others = lane.waiting, lane.others
        self.left = 0 if lane.rests else NO_CAP if lane.left is None else lane.left
        self.rests, self.end, self.wish = lane.rests, 0, 0
        self.held: dict[str, int] = {}
        self._cap, self._used = pace.cap if pace else NO_CAP, lane.used
        self._threshold = (pace.threshold if pace else None) or 0
        self._hold_days = pace.hold_days if pace else 0
        self._unjudged = pace.unjudged.delivered if pace else 0
        self._temper, self._days, self._length, self._sent = luck.temper, luck.days, len(luck.days), sent

    def note(self, word: str) -> None:
        """Count a day on which something held the lane."""
        self.held[word] = self.held.get(word, 0) + 1

    def serve(self, day: int, word: str) -> bool:
        """Let today's messages leave, and return whether more wait; `word` says what has cut them, "" the lane's own cap."""
        wish, mine = self.wish, self.mine
        self.end = day
        if wish >= mine + self.others:
            self._sent[day] += mine
            self.mine = 0
            return False
        if self.others:
            mine = -(-wish * mine // (mine + self.others))
            self.others -= wish - mine
        else:
            mine = wish
        self.mine -= mine
        self._sent[day] += mine
        self.note(word or (REST if self.rests else WARM_UP))
        self._move(day)
        return self.mine > 0

    def _move(self, day: int) -> None:
        """Decide tomorrow's cap, as `core.warmup_controller.decide` does for what luck says of today."""
        cap = self._cap
        self.rests = False
        if cap >= NO_CAP:
            self.left = NO_CAP
            return
        used, self._used = self._used + self.wish, 0
        if used * 100 >= cap:
            self._judge(cap, used, self._days[day % self._length])
        self.left = self._cap

    def _judge(self, cap: int, used: int, luck: float) -> None:
        temper = self._temper
        if self._threshold:
            back, hold = temper.careful_back, temper.careful_hold
        else:
            back, hold = temper.exploring_back, temper.exploring_hold
        if cap < (SMALL_CAREFUL if self._threshold else SMALL_EXPLORING):
            back *= SMALL_SHARE
        if luck < back:
            taken = cap * (WORST_TAKEN + (BEST_TAKEN - WORST_TAKEN) * luck / back)
            self._cap = min(cap, max(int(taken * BACK_TO), FLOOR))
            self._threshold, self._hold_days, self._unjudged = max(int(taken * THRESHOLD_AT), FLOOR), 2, 0
            return
        judged = self._unjudged + used
        self._unjudged = judged if judged < MIN_DELIVERED else 0
        if luck < back + hold or self._hold_days:
            self._hold_days = max(self._hold_days - 1, 0)
        elif used >= cap * USED_SHARE and judged >= MIN_DELIVERED:
            self._cap = grown(cap, self._threshold)


def grown(cap: int, threshold: int) -> int:
    """Return the cap after a day that was welcome; a threshold of 0 is none."""
    factor = TOP_GROWTH
    for below, larger in GROWTH:
        if cap < below:
            factor = larger
            break
    most = cap * factor
    if threshold and most > threshold:
        most = min(most, max(threshold, cap * CAREFUL_GROWTH))
    return int(most) if most < TOP else TOP


class _Pool:
    """What holds all lanes together, in the middle of a walk."""

    __slots__ = (
        "_account", "_elsewhere", "_ladder", "_left", "_luck", "_rung", "_sent", "_today", "_used",
    )  # fmt: skip

    def __init__(self, road: Road, luck: Luck) -> None:
        self._account, self._ladder, self._luck = road.account, road.ladder, luck
        self._elsewhere = road.account.elsewhere
        self._rung: int | None = road.ladder.rung if road.ladder else None
        self._left = road.ladder.left if road.ladder else NO_CAP if road.left is None else road.left
        self._used = road.ladder.used if road.ladder else 0
        self._today = self._sent = 0

    def share(self, lanes: Sequence[_Lane]) -> str:
        """Give each lane what it may send today; return what has cut them, "" where only their own caps did."""
        wanted = 0
        for lane in lanes:
            lane.wish = min(lane.left, lane.mine + lane.others)
            wanted += lane.wish
        self._sent, word = self._room(wanted)
        if word:
            _cut(lanes, wanted, self._sent)
        return word

    def _room(self, wanted: int) -> tuple[int, str]:
        """Return how many of the messages that the caps admit may leave today, and what has cut them."""
        account, is_first = self._account, self._today == 0
        quota = account.quota_left if is_first else account.quota_per_day
        rate = account.rate_left if is_first else account.rate_per_day
        room, word = (self._left, WARM_UP) if self._left < wanted else (wanted, "")
        for limit, name in ((NO_CAP if quota is None else quota, QUOTA), (rate, RATE)):
            fair = self._fair(limit, room)
            if fair < room:
                room, word = fair, name
        return room, word

    def _fair(self, limit: int, wanted: int) -> int:
        """Return what others of the account leave of a limit, in proportion to how many they want to send today."""
        rivals = min(self._elsewhere, self._account.elsewhere_a_day)
        return limit * wanted // (wanted + rivals) if wanted + rivals > limit else wanted

    def next_day(self) -> None:
        """Let the others of the account send what they want, as far as the quota goes, and the ladder move."""
        quota = self._account.quota_per_day if self._today else self._account.quota_left
        rivals = min(self._elsewhere, self._account.elsewhere_a_day)
        self._elsewhere -= rivals if quota is None else min(rivals, max(quota - self._sent, 0))
        if self._ladder is None or self._rung is None:
            self._left = NO_CAP
        else:
            self._climb(self._ladder, self._rung, self._sent + self._used)
        self._today += 1
        self._sent = self._used = 0

    def _climb(self, ladder: Ladder, rung: int, used: int) -> None:
        temper, days = self._luck.temper, self._luck.days
        luck = days[self._today % len(days)]
        report = DayReport(allowance=ladder.steps[rung], accepted=used, delivered=used)
        if luck < temper.exploring_back:
            self._rung = max(rung - 1, 0)
        elif luck >= temper.exploring_back + temper.exploring_hold:
            self._rung = next_rung(rung, report, ladder.steps).rung
        self._left = NO_CAP if self._rung is None else ladder.steps[self._rung]


def _cut(lanes: Sequence[_Lane], wanted: int, room: int) -> None:
    """Give each lane its part of the room, so that the parts add up to it."""
    before = total = 0
    for lane in lanes:
        total += lane.wish
        until = total * room // wanted
        lane.wish, before = until - before, until
