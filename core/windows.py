"""Send windows: at which hours of whose clock a campaign's messages may leave, and when the next such hour begins.

People read in the morning and complain at night. A tenant has quiet hours and days off for all of its campaigns; a campaign may
have hours of its own, by the tenant's clock or by each reader's. All of them must be open at once.

Terms:
    window: hours of the wall, from `opens` to `closes`; one that closes before it opens lasts over midnight, and belongs to
        the day on which it opened. `opens` is in it, `closes` is not.
    quiet hours: the hours outside of a window, said the other way round.
    blackout: dates on which nothing leaves.
    opening: the first moment, from a given one on, at which everything is open.

Invariants:
    An opening is never before the moment that was asked for, and everything is open at it.
    On the night on which the clocks go forward an hour that does not exist opens when the clocks have gone forward; on the night
    on which they go back an hour that comes twice is open twice, and opens once.
    A window that is never open is refused when it is set, and not found out by a campaign that waits for ever.

Standards:
    IANA Time Zone Database. ISO 8601 (weekdays from Monday, 1, to Sunday, 7).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import InputError


EVERY_DAY: Final = frozenset(range(1, 8))
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST_DAYS: Final = 400  # a window that is not open within a year never is

_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the wall on days of the week (1 is Monday). The same hour twice is the whole day."""

    opens: time
    closes: time
    days: frozenset[int] = EVERY_DAY

    def holds(self, wall: datetime) -> bool:
        """Whether a moment on the wall is in the window."""
        now = wall.time().replace(fold=0)
        if self.opens == self.closes:
            return wall.isoweekday() in self.days
        if self.opens < self.closes:
            return self.opens <= now < self.closes and wall.isoweekday() in self.days
        # Over midnight: after it, the day that counts is the one before.
        if now >= self.opens:
            return wall.isoweekday() in self.days
        return now < self.closes and (wall - _DAY).isoweekday() in self.days

    def in_words(self) -> str:
        """Return it as it is written."""
        hours = f"{self.opens:%H:%M}-{self.closes:%H:%M}"
        days = ",".join(WEEKDAYS[day - 1] for day in sorted(self.days))
        return hours if self.days == EVERY_DAY else f"{hours} {days}"


@dataclass(frozen=True, slots=True)
class Hours:
    """When messages may leave by one clock: within all of the windows, and on no blackout date."""

    windows: tuple[Window, ...] = ()
    blackout: frozenset[date] = frozenset()

    def are_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether messages may leave at this moment."""
        wall = moment.astimezone(zone)
        return wall.date() not in self.blackout and all(window.holds(wall) for window in self.windows)

    def opening(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the first moment, from this one on, at which messages may leave, in UTC.

        Raises:
            InputError: There is none within `FARTHEST_DAYS`.
        """
        if self.are_open(moment, zone):
            return moment.astimezone(UTC)
        first = moment.astimezone(zone).date()
        for number in range(FARTHEST_DAYS):
            for edge in self._edges(first + number * _DAY, zone):
                if edge >= moment and self.are_open(edge, zone):
                    return edge
        raise InputError(
            "these hours are never open together",
            hint="Look at the windows of the campaign and at the tenant's quiet hours and blackout dates.",
        )

    def _edges(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """Return the moments of a day at which something may open: its beginning, and the windows' first hours."""
        edges = {_moment(day, time(0), zone), *(_moment(day, window.opens, zone) for window in self.windows)}
        return sorted(edges)


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when the wall shows this time, the first time that it does; of one that it skips, when it has skipped it."""
    wall = datetime.combine(day, at, tzinfo=zone)
    moment = wall.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    # Read with the clock of before, the hour lies as far behind the change as it lay behind the hour that was skipped.
    before, after = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    gap = after - before
    low, high = moment - gap, moment
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


def window_of(text: str) -> Window:
    """Return the window that a person wrote: `09:00-18:00`, `22:00-06:00`, `09:00-18:00 mon-fri`, `10:00-12:00 tue,thu`.

    Raises:
        InputError: It is none.
    """
    hours, _, days = text.strip().lower().partition(" ")
    found = _HOURS.fullmatch(hours)
    hint = "Such as 09:00-18:00 or 09:00-18:00 mon-fri."
    if found is None:
        raise InputError(f"{text!r} is no window", hint=hint)
    try:
        opens, closes = time(int(found[1]), int(found[2])), _until(int(found[3]), int(found[4]))
    except ValueError as error:
        raise InputError(f"{text!r} is no window: there is no such time", hint=hint) from error
    return Window(opens, closes, _days(days.strip()) if days else EVERY_DAY)


def quiet(text: str) -> Window:
    """Return the window outside of quiet hours: of `21:00-08:00` the one from 08:00 to 21:00.

    Raises:
        InputError: They are none, they are the whole day, or they name days of the week.
    """
    window = window_of(text)
    if window.days != EVERY_DAY or window.opens == window.closes:
        raise InputError(
            f"{text!r} are no quiet hours", hint="Such as 21:00-08:00; days off are blackout dates."
        )
    return Window(opens=window.closes, closes=window.opens)


def _until(hour: int, minute: int) -> time:
    return time(0) if (hour, minute) == (24, 0) else time(hour, minute)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            start, end = WEEKDAYS.index(first), WEEKDAYS.index(last if dash else first)
        except ValueError as error:
            raise InputError(
                f"{text!r} are no days of the week",
                hint=f"Of {', '.join(WEEKDAYS)}, such as mon-fri or sat,sun.",
            ) from error
        found |= {(start + number) % 7 + 1 for number in range((end - start) % 7 + 1)}
    return frozenset(found)


def zone_of(name: object, otherwise: ZoneInfo) -> ZoneInfo:
    """Return a reader's time zone; what names none is the other's."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """No more than so many messages to one person within so many days, over all campaigns of a tenant."""

    messages: int
    days: int


@dataclass(frozen=True, slots=True)
class Manners:
    """What a tenant wants of all of its campaigns; stands in `tenant.policies`."""

    hours: Hours = Hours()
    frequency: FrequencyCap | None = None

    @classmethod
    def of(cls, policies: Mapping[str, Any]) -> "Manners":
        """Return a tenant's manners; other policies stand in the same mapping and are passed over.

        Raises:
            InputError: One of them is not what `posthouse tenant manners` writes.
        """
        hours = policies.get("quiet_hours")
        dates = _dates(policies.get("blackout", ()))
        return cls(
            hours=Hours(windows=(quiet(hours),) if hours else (), blackout=dates),
            frequency=frequency_of(policies["frequency_cap"]) if policies.get("frequency_cap") else None,
        )


def frequency_of(text: str) -> FrequencyCap:
    """Return a cap that a person wrote: `3/7` is three messages within seven days.

    Raises:
        InputError: It is none.
    """
    messages, _, days = text.partition("/")
    if not (messages.isdecimal() and days.isdecimal() and int(messages) > 0 and 0 < int(days) <= 366):
        raise InputError(
            f"{text!r} is no frequency cap", hint="Such as 3/7: three messages within seven days."
        )
    return FrequencyCap(int(messages), int(days))


def _dates(texts: Iterable[str]) -> frozenset[date]:
    try:
        return frozenset(date.fromisoformat(text) for text in texts)
    except (ValueError, TypeError) as error:
        raise InputError("a blackout date is none", hint="ISO dates, such as 2026-12-24.") from error


@dataclass(frozen=True, slots=True)
class Timing:
    """When a campaign's messages may leave; stands in `campaign.timing`.

    Attributes:
        hours: Of the campaign alone.
        by_reader: Whether they, and the tenant's, are meant by the reader's clock.
        spread: Over how long the messages are spread evenly from the start on; no time is at once.
        give_up_at: When whoever still waits is skipped as too late; None is never.
    """

    hours: Hours = Hours()
    by_reader: bool = False
    spread: timedelta = timedelta(0)
    give_up_at: datetime | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Timing":
        """Return the timing that was stored."""
        give_up = stored.get("give_up_at")
        return cls(
            hours=Hours(windows=tuple(window_of(text) for text in stored.get("windows", ()))),
            by_reader=bool(stored.get("by_reader", False)),
            spread=timedelta(hours=stored.get("spread_hours", 0)),
            give_up_at=datetime.fromisoformat(give_up) if give_up else None,
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for one JSON column."""
        return {
            "windows": [window.in_words() for window in self.hours.windows],
            "by_reader": self.by_reader,
            "spread_hours": self.spread / timedelta(hours=1),
            "give_up_at": self.give_up_at.isoformat() if self.give_up_at else None,
        }


def together(*hours: Hours) -> Hours:
    """Return hours that are open when all of these are."""
    return Hours(
        windows=tuple(window for each in hours for window in each.windows),
        blackout=frozenset().union(*(each.blackout for each in hours)),
    )
