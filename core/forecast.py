"""Forecast: when a campaign will be done, how sure that is, and what binds it.

A campaign of a young sending domain ends when its slowest mailbox provider has taken the last message, and a provider may
send the cap back on any day. So a date alone says too little. The campaign's days are walked two hundred times, each time with
providers that the odds allow, and what is told is the day by which half of the walks are done, and nine in ten.

Terms:
    road: what waits, by mailbox provider, and what holds it (`core.forecast_walk`).
    P50, P90: the day by which half of the walks, or nine in ten, are done.
    binding: what holds the provider that ends last on most of its days: "warm-up" (a cap), "rest" (the provider rests today),
        "window" (of hours or dates), "quota", or "rate", also when nothing else does.

Invariants:
    No provider is done later than all together, nor P50 later than P90.
    The same road and the same random numbers give the same forecast.

See:
    docs/forecast.md for what it was measured by and its limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from core.forecast_odds import PRIOR, Chance, drawn
from core.forecast_walk import FRIENDLY, LUCK, RATE, WARM_UP, Lane, Luck, Road, Walk, walk
from core.warmup_shape import room_this_hour


LONGEST_DAYS: Final = 3650
RUNS: Final = 200
FEWEST_RUNS: Final = 60
LANE_DAYS: Final = 200_000  # more are walked by fewer runs: two hundred thousand take a fifth of a second
FORESEEABLE: Final = (
    400  # days; of a campaign that takes longer even with friendly providers nothing is drawn
)
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class AtProvider:
    """What is expected at one mailbox provider. `today` is the number of messages that still fit in today."""

    provider: str
    waiting: int
    today: int
    done_on: date
    done_on_p90: date
    binding: str

    def as_json(self) -> dict[str, object]:
        """Return it with ISO dates."""
        return {
            "provider": self.provider,
            "waiting": self.waiting,
            "fits_today": self.today,
            "done_on": self.done_on.isoformat(),
            "done_on_p90": self.done_on_p90.isoformat(),
            "binding": self.binding,
        }


@dataclass(frozen=True, slots=True)
class ExpectedDay:
    """How many messages are expected to leave on a day, by mailbox provider; the mean of all walks."""

    on: date
    sent: Mapping[str, float]

    @property
    def total(self) -> float:
        """Return how many leave together."""
        return sum(self.sent.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a person is told. `today` is the number of messages that still fit in today, `done_at` when it is done today."""

    waiting: int
    today: int
    done_on: date
    resumes_on: date | None
    binding: str
    seconds_today: float
    done_on_p90: date | None = None
    done_at: datetime | None = None
    binding_why: str = ""
    providers: Sequence[AtProvider] = ()
    days: Sequence[ExpectedDay] = ()

    def as_json(self) -> dict[str, object]:
        """Return the forecast with ISO dates."""
        return {
            "waiting": self.waiting,
            "fits_today": self.today,
            "done_on": self.done_on.isoformat(),
            "done_on_p90": (self.done_on_p90 or self.done_on).isoformat(),
            "done_at": self.done_at.isoformat(timespec="minutes") if self.done_at else None,
            "resumes_on": self.resumes_on.isoformat() if self.resumes_on else None,
            "binding": self.binding,
            "binding_why": self.binding_why,
            "seconds_today": round(self.seconds_today, 1),
            "providers": [each.as_json() for each in self.providers],
        }


def forecast(
    road: Road, *, now: datetime, rate: float, chance: Chance, begins_on: date | None = None
) -> Forecast:
    """Say when everything on a road will have left.

    Args:
        road: What waits, and what holds it. Its first day is today, or the day on which the campaign begins.
        now: The time, in the tenant's zone.
        rate: Messages per second.
        chance: Random numbers.
        begins_on: When the campaign begins, if not today.
    """
    is_today = begins_on is None or begins_on <= now.date()
    first = now.date() if is_today or begins_on is None else begins_on
    seconds = seconds_left(now) if is_today else DAY_SECONDS
    account = replace(
        road.account, rate_left=int(rate * seconds), rate_per_day=max(int(rate * DAY_SECONDS), 1)
    )
    road = replace(
        road, lanes=sorted(road.lanes, key=lambda lane: (-lane.waiting, lane.provider)), account=account
    )
    friendly = walk(road, [FRIENDLY] * (len(road.lanes) + 1), horizon=LONGEST_DAYS)
    ends, days = _drawn(road, friendly, chance)
    providers = [
        AtProvider(
            provider=lane.provider,
            waiting=lane.waiting,
            today=friendly.sent[number][0],
            done_on=_on(first, quantile(ends[number], 0.5)),
            done_on_p90=_on(first, quantile(ends[number], 0.9)),
            binding=_most(friendly.held[number]),
        )
        for number, lane in enumerate(road.lanes)
    ]
    together = [max(run) for run in zip(*ends, strict=True)] or [0]
    today = sum(each.today for each in providers)
    waiting = sum(lane.waiting for lane in road.lanes)
    done_on = _on(first, quantile(together, 0.5))
    is_done_today = is_today and today == waiting
    last = max(providers, key=lambda each: (each.done_on, each.done_on_p90), default=None)
    return Forecast(
        waiting=waiting,
        today=today,
        done_on=done_on,
        done_on_p90=_on(first, quantile(together, 0.9)),
        done_at=_done_at(road, now, rate) if is_done_today else None,
        resumes_on=None if today == waiting else _on(first, 1),
        binding=last.binding if last else RATE,
        binding_why=_why(road, last),
        seconds_today=today / rate,
        providers=providers,
        days=_expected(road, first, days),
    )


def seconds_left(now: datetime) -> float:
    """Return the seconds until midnight, which on two nights a year are an hour more or fewer than the wall says."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(0), tzinfo=now.tzinfo)
    # Subtracting two times of one zone would subtract what the wall shows.
    return (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds()


def quantile(ends: Sequence[int], share: float) -> int:
    """Return the first day by which this share of the walks is done."""
    ordered = sorted(ends)
    return ordered[max(-(-int(len(ordered) * share * 1000) // 1000) - 1, 0)] if ordered else 0


def _drawn(road: Road, friendly: Walk, chance: Chance) -> tuple[list[list[int]], tuple[int, list[list[int]]]]:
    """Return each lane's ends in all walks; and how many walks they were, with what left by lane and day."""
    longest = max(friendly.ends, default=0)
    is_sure = road.ladder is None and all(lane.pace is None for lane in road.lanes)
    if is_sure or longest > FORESEEABLE:
        return [[end] for end in friendly.ends], (1, friendly.sent)
    horizon = min(LONGEST_DAYS, 3 * longest + 60)
    expected = max(2 * sum(end + 1 for end in friendly.ends), 1)
    runs = max(min(RUNS, LANE_DAYS // expected), FEWEST_RUNS)
    sent = [[0] * horizon for _ in road.lanes]
    odds = [*(lane.odds for lane in road.lanes), road.ladder.odds if road.ladder else PRIOR]
    tempers = [drawn(each, chance, runs) for each in odds]
    walks = []
    for together in zip(*tempers, strict=True):
        luck = [Luck(temper, [chance.random() for _ in range(LUCK)]) for temper in together]
        walks.append(walk(road, luck, horizon=horizon, sent=sent).ends)
    return [list(ends) for ends in zip(*walks, strict=True)], (runs, sent)


def _on(first: date, day: int) -> date:
    return first + timedelta(days=day)


def _most(held: Mapping[str, int]) -> str:
    """Return what held a lane on most of its days; where nothing did, it is only a matter of the rate."""
    return max(held, key=lambda word: held[word]) if held else RATE


def _expected(road: Road, first: date, days: tuple[int, list[list[int]]]) -> list[ExpectedDay]:
    """Return the days until the last one of the walks on which at least half a message is expected."""
    runs, sent = days
    found = []
    for day, counts in enumerate(zip(*sent, strict=True)):
        by_provider = {
            lane.provider: count / runs for lane, count in zip(road.lanes, counts, strict=True) if count
        }
        found.append(ExpectedDay(_on(first, day), by_provider))
    while found and found[-1].total < 0.5:
        found.pop()
    return found


def _done_at(road: Road, now: datetime, rate: float) -> datetime:
    """Return when today's last message leaves: by the rate, and by the parts of the caps that the hours take."""
    hours = max((_hours(lane, now.hour) for lane in road.lanes if lane.left is not None), default=0)
    by_rate = now.astimezone(UTC) + timedelta(seconds=sum(lane.waiting for lane in road.lanes) / rate)
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    by_hours = hour + timedelta(hours=hours) if hours else by_rate
    return max(by_rate, by_hours).astimezone(now.tzinfo)


def _hours(lane: Lane, hour: int) -> int:
    """Return how many full hours pass before the last hour's part of a lane is open."""
    cap, waits = (lane.left or 0) + lane.used, lane.waiting + lane.others
    used = lane.used
    for passed in range(24 - hour):
        waits -= (
            room := room_this_hour(cap, used_today=used, used_this_hour=0, hours_left=24 - hour - passed)
        )
        used += room
        if waits <= 0:
            return passed
    return 0


_BINDING: Final = {
    "warm-up": "warm-up allowance",
    "quota": "SES's quota of 24 hours",
    "rate": "SES's sending rate",
    "window": "the hours and dates at which messages may leave",
}


def _why(road: Road, last: AtProvider | None) -> str:
    """Return in words what binds, and until when."""
    if last is None or last.waiting == 0:
        return "nobody waits"
    if last.binding == WARM_UP:
        what = "the warm-up's cap for all" if road.ladder else f"the cap at {last.provider}"
    elif last.binding == "rest":
        what = f"{last.provider} rests today"
    else:
        what = _BINDING[last.binding]
    return what if last.today == last.waiting else f"{what}, until about {last.done_on.isoformat()}"


def in_words(sent: int, forecast: Forecast) -> str:
    """Return the sentence of a run that ended before its campaign did."""
    if forecast.waiting == 0:
        return f"{sent:,} sent, nobody waits"
    if forecast.resumes_on is None:
        return f"{sent:,} sent, {forecast.waiting:,} wait, done today"
    why = {"warm-up": "out of today's allowance", "quota": "out of today's SES quota"}.get(
        forecast.binding, "stopped"
    )
    likely = forecast.done_on_p90 or forecast.done_on
    surely = "" if likely == forecast.done_on else f", nine times in ten by {likely.isoformat()}"
    return (
        f"{why}: {sent:,} sent, {forecast.waiting:,} wait until {forecast.resumes_on.isoformat()}, "
        f"done about {forecast.done_on.isoformat()}{surely}"
    )
