"""Warm-up tables: the schedules that others publish, as data to compare with.

Each gives a number of messages for each day, whatever receivers say; two of their authors add that one should wait when it goes
badly. Where only a part is published, the page of `core.warmup_worlds` says what was assumed for the rest.

Terms:
    schedule: messages a day, from the first day on. After its last day it stays, or goes on by its growth.
    holds: the next day comes only when the last one was good (`Holding`): nine in ten delivered, complaints below 0.1 %.

Standards:
    None; these are the habits of the trade. They count messages of one IP address or one domain, over all providers. Read in
    November 2026; the date of a schedule is that of its page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A published table.

    Attributes:
        key: Its name in `posthouse warmup simulate`.
        days: Messages of the first day, the second, and so on.
        source: Who published it, and where.
        dated: The date of the page; empty when it bears none.
        growth: The factor of a further day; 1 where the table ends with its last number.
        holds: Whether a bad day is repeated.
        assumed: What is not published and was assumed here.
    """

    key: str
    days: tuple[int, ...]
    source: str
    dated: str = ""
    growth: float = 1.0
    holds: bool = False
    assumed: str = ""

    def cap(self, day: int) -> int:
        """Return the messages of a day; the first is 0."""
        if day < len(self.days):
            return self.days[day]
        return int(min(self.days[-1] * self.growth ** min(day - len(self.days) + 1, 60), 10**9))


def _each(days: int, *numbers: int) -> tuple[int, ...]:
    return tuple(number for number in numbers for _ in range(days))


_SENDGRID_BY_HOUR: Final = (
    20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111, 4_356, 6_098, 8_583, 11_953,
    16_734, 23_427, 32_798, 45_917, 64_284, 89_998,
)  # fmt: skip

_SENDGRID: Final = Schedule(
    key="sendgrid",
    days=tuple(24 * number for number in _SENDGRID_BY_HOUR),
    growth=1.4,
    source="Twilio SendGrid, automated IP warm-up: messages an hour, times 24",
    assumed="that all 24 hours are used",
)
_SPARKPOST: Final = Schedule(
    key="sparkpost",
    days=(
        200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 50_000, 75_000, 100_000, 150_000, 200_000, 250_000,
        325_000, 400_000, 500_000, 600_000, 750_000, 1_000_000, 1_250_000, 1_750_000, 2_000_000, 3_000_000, 4_250_000,
        5_000_000, 6_000_000, 7_500_000, 10_000_000,
    ),
    source="SparkPost (Bird), IP warm-up overview",
    dated="2020-09-04",
)  # fmt: skip
_BRAZE_MODERATE: Final = Schedule(
    key="braze_moderate",
    days=(
        50, 100, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 25_000, 35_000, 50_000, 75_000, 100_000, 150_000, 200_000,
        275_000, 375_000, 500_000, 650_000, 825_000, 1_000_000,
    ),
    source="Braze, IP warming: moderate",
)  # fmt: skip
_BRAZE_CONSERVATIVE: Final = Schedule(
    key="braze_conservative",
    days=_each(
        3, 50, 100, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000
    ),
    source="Braze, IP warming: conservative, doubled every three days after 8,000",
)
_BRAZE_AGGRESSIVE: Final = Schedule(
    key="braze_aggressive",
    days=(
        50, 100, 500, 1_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 250_000, 400_000, 600_000,
        1_000_000, 2_000_000, 4_000_000,
    ),
    source="Braze, IP warming: aggressive",
)  # fmt: skip
_SALESFORCE: Final = Schedule(
    key="salesforce",
    days=_each(7, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000),
    source="Salesforce Marketing Cloud, Trailhead: the most for each week",
)
_MAILGUN_RESELLER: Final = Schedule(
    key="mailgun_reseller",
    days=(
        1_000, 2_500, 5_000, 6_500, 8_000, 10_000, 14_000, 20_000, 25_000, 35_000, 50_000, 80_000, 125_000, 175_000,
        250_000,
    ),
    source="a reseller of Mailgun: 15 stages, each left only when it was used; Mailgun's own table is not public",
)  # fmt: skip
_AMAZON_SES: Final = Schedule(
    key="amazon_ses",
    days=tuple(50_000 * day // 45 for day in range(1, 46)),
    source="Amazon SES, standard dedicated addresses: 50,000 a day within 45 days, whatever is sent",
    dated="2022-11",
    assumed="a straight line: only its end is published",
)

SCHEDULES: Final[Mapping[str, Schedule]] = {
    schedule.key: schedule
    for schedule in (
        _SENDGRID,
        _SPARKPOST,
        replace(
            _SPARKPOST, key="sparkpost_holding", holds=True, assumed="waiting as Braze's automation does"
        ),
        _BRAZE_CONSERVATIVE,
        _BRAZE_MODERATE,
        replace(
            _BRAZE_MODERATE, key="braze_holding", holds=True, source="Braze, automated IP warming (beta)"
        ),
        _BRAZE_AGGRESSIVE,
        _SALESFORCE,
        _MAILGUN_RESELLER,
        _AMAZON_SES,
    )
}
