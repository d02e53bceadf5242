"""Forecast: when a campaign will be done, and what binds it.

It walks the days that are left: each takes what the allowance of its rung admits, each full day climbs one rung. That
is the plan if receivers stay friendly; a day that they do not like moves the end by one day.

Terms:
    binding: what decides the end: "rate" (it is done today), "warm-up" or "quota".
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core import warmup


LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a person is told. `today` is the number of messages that still fit in today."""

    waiting: int
    today: int
    done_on: date
    resumes_on: date | None
    binding: str
    seconds_today: float

    def as_json(self) -> dict[str, object]:
        """Return the forecast with ISO dates."""
        return {
            "waiting": self.waiting,
            "fits_today": self.today,
            "done_on": self.done_on.isoformat(),
            "resumes_on": self.resumes_on.isoformat() if self.resumes_on else None,
            "binding": self.binding,
            "seconds_today": round(self.seconds_today, 1),
        }


def forecast(
    *,
    waiting: int,
    left_today: int | None,
    rung: int | None,
    quota_left: int | None,
    quota_per_day: int | None,
    rate: float,
    now: datetime,
) -> Forecast:
    """Say when `waiting` messages will have left.

    Args:
        waiting: Messages that have not left yet.
        left_today: What is left of today's allowance; None when no allowance holds the domain.
        rung: The rung of today; None for a warm domain.
        quota_left: What is left of the account's 24-hour quota; None when unlimited.
        quota_per_day: What the account's quota admits on a later day; None when unlimited.
        rate: Messages per second.
        now: The tenant's local time.
    """
    limits = {"warm-up": left_today, "quota": quota_left}
    binding, room = min(
        ((name, limit) for name, limit in limits.items() if limit is not None and limit < waiting),
        key=lambda item: item[1],
        default=("rate", waiting),
    )
    later = waiting - room
    tomorrow = now.date() + timedelta(days=1)
    done_on = now.date() if later == 0 else _last_day(later, tomorrow, rung, quota_per_day)
    return Forecast(
        waiting=waiting,
        today=room,
        done_on=done_on,
        resumes_on=None if later == 0 else tomorrow,
        binding=binding,
        seconds_today=room / rate,
    )


def _last_day(later: int, day: date, rung: int | None, quota_per_day: int | None) -> date:
    """Return the day on which the rest will have left, climbing one rung for each day that is filled."""
    for ahead in range(LONGEST_DAYS):
        rung = _climbed(rung)
        room = warmup.allowance(rung)
        later -= min(_known(room, quota_per_day), default=later)
        if later <= 0:
            return day + timedelta(days=ahead)
    return day + timedelta(days=LONGEST_DAYS)


def _climbed(rung: int | None) -> int | None:
    if rung is None or rung + 1 == len(warmup.LADDER):
        return None
    return rung + 1


def _known(*limits: int | None) -> list[int]:
    return [max(limit, 1) for limit in limits if limit is not None]


def in_words(sent: int, forecast: Forecast) -> str:
    """Return the sentence of a run that ended before its campaign did."""
    if forecast.waiting == 0:
        return f"{sent:,} sent, nobody waits"
    if forecast.resumes_on is None:
        return f"{sent:,} sent, {forecast.waiting:,} wait, done today"
    why = {"warm-up": "out of today's allowance", "quota": "out of today's SES quota"}.get(
        forecast.binding, "stopped"
    )
    return (
        f"{why}: {sent:,} sent, {forecast.waiting:,} wait until {forecast.resumes_on.isoformat()}, "
        f"done about {forecast.done_on.isoformat()}"
    )
