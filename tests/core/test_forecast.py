"""When a campaign will be done: worked examples, on the morning of 24 November 2026."""

from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import forecast as forecasting
from core.forecast import Forecast
from core.forecast_odds import Beta, Odds, Phase
from core.forecast_walk import Account, Ladder, Lane, Road
from core.warmup import LADDER
from core.warmup_controller import Pace, start


BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 9, tzinfo=BERLIN)
NEVER = Beta(1e-9, 1e9)
KIND = Odds(Phase(NEVER, NEVER), Phase(NEVER, NEVER))  # whatever is drawn, every day is welcome


def a_forecast(
    *lanes: Lane, rate: float = 100.0, now: datetime = NOW, seed: int = 1, **road: object
) -> Forecast:
    """What is said of these lanes."""
    return forecasting.forecast(Road(lanes=lanes, **road), now=now, rate=rate, chance=Random(seed))


def warm(waiting: int = 50_000, provider: str = "gmail") -> Lane:
    return Lane(provider=provider, waiting=waiting)


def young(waiting: int, provider: str = "yahoo", cap: int = 200, used: int = 0, **more: object) -> Lane:
    """A provider that warms up, and is always kind."""
    return Lane(
        provider=provider,
        waiting=waiting,
        left=cap - used,
        used=used,
        pace=Pace(cap=cap),
        **{"odds": KIND} | more,
    )


def laddered(left: int, rung: int) -> Ladder:
    return Ladder(steps=LADDER, rung=rung, left=left, used=LADDER[rung] - left, odds=KIND)


EXAMPLES = [
    pytest.param([warm()], {}, 50_000, date(2026, 11, 24), None, "rate", id="warm: today"),
    pytest.param(
        [warm(10_000)], {"ladder": laddered(10_000, 6)}, 10_000, date(2026, 11, 24), None, "rate",
        id="it just fits into today",
    ),
    pytest.param(
        [warm(201)], {"ladder": laddered(200, 0)}, 200, date(2026, 11, 25), date(2026, 11, 25), "warm-up",
        id="one too many: tomorrow",
    ),
    # 25 November 10,000, then 15,000 and 22,000.
    pytest.param(
        [warm(43_600)], {"ladder": laddered(0, 5)}, 0, date(2026, 11, 27), date(2026, 11, 25), "warm-up",
        id="four days of a ladder",
    ),
    # 200 today, then 400 + 800 + 1,600 + 3,200 + 6,400 + 10,000 + 15,000 + 22,000.
    pytest.param(
        [warm()], {"ladder": laddered(200, 0)}, 200, date(2026, 12, 2), date(2026, 11, 25), "warm-up",
        id="a whole ladder",
    ),
    # 250,000 on the 25th, warm from the 26th on; 86,400 seconds of it are enough.
    pytest.param(
        [warm(3_000_000)], {"ladder": laddered(0, 17)}, 0, date(2026, 11, 26), date(2026, 11, 25), "warm-up",
        id="the ladder ends",
    ),
    pytest.param(
        [warm(150_000)], {"account": Account(quota_left=20_000, quota_per_day=49_000)}, 20_000,
        date(2026, 11, 27), date(2026, 11, 25), "quota", id="the account's quota",
    ),
    # 200 today, 400, 800 and 1,600.
    pytest.param(
        [young(3_000)], {}, 200, date(2026, 11, 27), date(2026, 11, 25), "warm-up", id="a provider's cap doubles"
    ),
    # gmail is done today; yahoo needs 200, 400.
    pytest.param(
        [warm(9_000), young(600)], {}, 9_200, date(2026, 11, 25), date(2026, 11, 25), "warm-up",
        id="the slowest provider decides",
    ),
    # The other campaign wants as much, so that each day's cap is halved: 200 + 400 + 800 admit 700 of ours.
    pytest.param(
        [young(700, others=700)], {}, 100, date(2026, 11, 26), date(2026, 11, 25), "warm-up",
        id="another campaign of the domain shares the cap",
    ),
    # Ours is a fifth of what wants to leave.
    pytest.param(
        [warm(10_000)], {"account": Account(quota_left=10_000, quota_per_day=25_000, elsewhere=40_000)}, 2_000,
        date(2026, 11, 26), date(2026, 11, 25), "quota", id="other tenants share the quota",
    ),
    # Their caps let through a hundred a day, so that hardly anything is lost to them.
    pytest.param(
        [warm(10_000)],
        {"account": Account(quota_left=10_100, quota_per_day=25_000, elsewhere=40_000, elsewhere_a_day=100)},
        10_000, date(2026, 11, 24), None, "rate", id="other tenants who warm up take little of it",
    ),
    pytest.param(
        [young(150, rests=True)], {}, 0, date(2026, 11, 25), date(2026, 11, 25), "rest", id="a provider rests"
    ),
    pytest.param(
        [warm(150)], {"closed": frozenset({0, 1, 2})}, 0, date(2026, 11, 27), date(2026, 11, 25), "window",
        id="no window is open",
    ),
    pytest.param(
        [warm(10_000)], {"left": 4_000}, 4_000, date(2026, 11, 25), date(2026, 11, 25), "warm-up",
        id="a person has given today a cap for all",
    ),
    pytest.param([warm(0)], {}, 0, date(2026, 11, 24), None, "rate", id="nobody waits"),
    pytest.param([], {}, 0, date(2026, 11, 24), None, "rate", id="there is nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("lanes", "road", "today", "done_on", "resumes_on", "binding"), EXAMPLES)
def test_the_forecast_walks_the_days_that_are_left(
    lanes: list[Lane],
    road: dict[str, object],
    today: int,
    done_on: date,
    resumes_on: date | None,
    binding: str,
) -> None:
    outlook = a_forecast(*lanes, **road)
    assert (outlook.today, outlook.done_on, outlook.resumes_on, outlook.binding) == (
        today,
        done_on,
        resumes_on,
        binding,
    )
    assert outlook.done_on_p90 == done_on, "with providers that are always kind nothing is uncertain"


WORDS = [
    pytest.param([warm()], {}, "SES's sending rate", id="rate"),
    pytest.param(
        [warm(9_000), young(600)], {}, "the cap at yahoo, until about 2026-11-25", id="a provider's cap"
    ),
    pytest.param(
        [warm(201)], {"ladder": laddered(200, 0)}, "the warm-up's cap for all, until about 2026-11-25",
        id="a ladder's cap",
    ),
    pytest.param(
        [warm(30_000)], {"account": Account(quota_left=20_000, quota_per_day=49_000)},
        "SES's quota of 24 hours, until about 2026-11-25", id="quota",
    ),
    pytest.param([young(150, rests=True)], {}, "yahoo rests today, until about 2026-11-25", id="rest"),
    pytest.param(
        [warm(150)], {"closed": frozenset({0})},
        "the hours and dates at which messages may leave, until about 2026-11-25", id="window",
    ),
    pytest.param([warm(0)], {}, "nobody waits", id="nobody waits"),
]  # fmt: skip


@pytest.mark.parametrize(("lanes", "road", "words"), WORDS)
def test_what_binds_is_told_in_words(lanes: list[Lane], road: dict[str, object], words: str) -> None:
    assert a_forecast(*lanes, **road).binding_why == words


def test_an_account_without_any_quota_is_never_done() -> None:
    account = Account(quota_left=0, quota_per_day=0)
    assert a_forecast(warm(10**9), account=account).done_on == date(2036, 11, 21)


def test_a_rate_that_is_too_slow_for_one_day_binds() -> None:
    outlook = a_forecast(warm(100_000), rate=1.0)
    assert (outlook.today, outlook.done_on, outlook.binding) == (15 * 3600, date(2026, 11, 25), "rate")


def test_a_provider_that_sends_the_cap_back_delays_the_campaign() -> None:
    strict = Odds(Phase(Beta(2, 8), NEVER), Phase(Beta(1, 40), Beta(2, 8)))
    kind, hard = a_forecast(young(100_000)), a_forecast(young(100_000, odds=strict))
    assert hard.done_on > kind.done_on
    assert hard.done_on_p90 > hard.done_on


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        pytest.param(datetime(2026, 11, 24, 9, tzinfo=BERLIN), 15 * 3600, id="a usual day"),
        pytest.param(datetime(2026, 10, 25, 1, tzinfo=BERLIN), 24 * 3600, id="the clocks go back"),
        pytest.param(datetime(2026, 3, 29, 1, tzinfo=BERLIN), 22 * 3600, id="the clocks go forward"),
    ],
)
def test_a_day_has_as_many_seconds_as_its_clock(now: datetime, seconds: int) -> None:
    assert forecasting.seconds_left(now) == seconds


DONE_AT = [
    pytest.param([warm(36_000)], NOW, "2026-11-24T09:06:00+01:00", id="by the rate"),
    # An hour takes a thousand: nine o'clock, ten, and the rest at eleven.
    pytest.param(
        [young(2_500, cap=5_000)], datetime(2026, 11, 24, 9, 40, tzinfo=BERLIN), "2026-11-24T11:00:00+01:00",
        id="by the hours' parts of the cap",
    ),
    # The hour from two to three comes twice.
    pytest.param(
        [young(2_500, cap=5_000)], datetime(2026, 10, 25, 1, 40, tzinfo=BERLIN), "2026-10-25T02:00:00+01:00",
        id="in the night in which the clocks go back",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lanes", "now", "done_at"), DONE_AT)
def test_a_campaign_that_is_done_today_has_an_hour(lanes: list[Lane], now: datetime, done_at: str) -> None:
    found = a_forecast(*lanes, now=now).done_at
    assert found is not None
    assert found.isoformat() == done_at


def test_a_campaign_that_begins_later_begins_with_a_whole_day() -> None:
    road = Road(lanes=[young(600)])
    outlook = forecasting.forecast(road, now=NOW, rate=100.0, chance=Random(1), begins_on=date(2026, 12, 1))
    assert (outlook.done_on, outlook.resumes_on, outlook.done_at) == (
        date(2026, 12, 2),
        date(2026, 12, 2),
        None,
    )


def test_the_expected_days_add_up_to_what_waits() -> None:
    outlook = a_forecast(
        young(5_000, odds=Odds(Phase(Beta(1, 4), NEVER), Phase(Beta(1, 4), NEVER))), warm(700)
    )
    assert sum(day.total for day in outlook.days) == pytest.approx(5_700, abs=10), (
        "but for the days on which less than one is expected"
    )
    assert outlook.days[0].sent == {"yahoo": 200, "gmail": 700}
    assert outlook.days[0].on == date(2026, 11, 24)


SENTENCES = [
    pytest.param(
        5_000, [warm(45_000)], {"ladder": laddered(0, 5)},
        "out of today's allowance: 5,000 sent, 45,000 wait until 2026-11-25, done about 2026-11-27",
        id="out of allowance",
    ),
    pytest.param(
        200, [warm(49_800)], {"ladder": laddered(0, 0)},
        "out of today's allowance: 200 sent, 49,800 wait until 2026-11-25, done about 2026-12-02",
        id="the first day of a warm-up",
    ),
    pytest.param(
        49_000, [warm(1_000)], {"account": Account(quota_left=0, quota_per_day=49_000)},
        "out of today's SES quota: 49,000 sent, 1,000 wait until 2026-11-25, done about 2026-11-25",
        id="out of quota",
    ),
    pytest.param(9_000, [warm(1_000)], {}, "9,000 sent, 1,000 wait, done today", id="only a matter of time"),
    pytest.param(9_000, [warm(0)], {}, "9,000 sent, nobody waits", id="done"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "lanes", "road", "sentence"), SENTENCES)
def test_a_run_that_ends_before_its_campaign_says_when_it_goes_on(
    sent: int, lanes: list[Lane], road: dict[str, object], sentence: str
) -> None:
    assert forecasting.in_words(sent, a_forecast(*lanes, **road)) == sentence


def test_the_sentence_says_how_late_it_may_become() -> None:
    outlook = replace(a_forecast(young(3_000)), done_on_p90=date(2026, 12, 4))
    assert forecasting.in_words(5, outlook).endswith("done about 2026-11-27, nine times in ten by 2026-12-04")


def test_the_json_has_iso_dates() -> None:
    assert a_forecast(young(201), rate=3.0).as_json() == {
        "waiting": 201,
        "fits_today": 200,
        "done_on": "2026-11-25",
        "done_on_p90": "2026-11-25",
        "done_at": None,
        "resumes_on": "2026-11-25",
        "binding": "warm-up",
        "binding_why": "the cap at yahoo, until about 2026-11-25",
        "seconds_today": 66.7,
        "providers": [
            {
                "provider": "yahoo",
                "waiting": 201,
                "fits_today": 200,
                "done_on": "2026-11-25",
                "done_on_p90": "2026-11-25",
                "binding": "warm-up",
            }
        ],
    }
    told = a_forecast(warm(1)).as_json()
    assert (told["resumes_on"], told["done_at"]) == (None, "2026-11-24T09:00+01:00")


def test_the_same_chance_gives_the_same_forecast() -> None:
    lanes = [Lane(provider="yahoo", waiting=40_000, left=200, pace=start())]
    assert a_forecast(*lanes) == a_forecast(*lanes)
    assert a_forecast(*lanes) != a_forecast(*lanes, seed=2)


numbers = st.integers(1, 300_000)


@st.composite
def some_lanes(draw: st.DrawFn) -> list[Lane]:
    found = []
    for provider in ("gmail", "yahoo", "other")[: draw(st.integers(1, 3))]:
        cap = draw(st.integers(50, 50_000))
        found.append(
            Lane(
                provider=provider,
                waiting=draw(numbers),
                others=draw(st.sampled_from([0, 0, 5_000])),
                left=cap,
                pace=Pace(cap=cap),
            )
        )
    return found


@given(some_lanes(), st.none() | st.integers(1_000, 400_000))
@settings(max_examples=30, deadline=None)
def test_no_provider_is_done_later_than_all_and_p50_is_not_later_than_p90(
    lanes: list[Lane], quota: int | None
) -> None:
    outlook = a_forecast(*lanes, account=Account(quota_left=quota, quota_per_day=quota))
    assert outlook.done_on_p90 is not None
    assert outlook.done_on <= outlook.done_on_p90
    for each in outlook.providers:
        assert each.done_on <= each.done_on_p90
        assert each.done_on <= outlook.done_on
        assert each.done_on_p90 <= outlook.done_on_p90
    assert sum(each.waiting for each in outlook.providers) == outlook.waiting


@given(some_lanes(), numbers)
@settings(max_examples=30, deadline=None)
def test_with_more_waiting_nothing_is_done_earlier(lanes: list[Lane], more: int) -> None:
    # Of the largest lane more, so that the lanes keep their order, and with it their luck.
    lanes.sort(key=lambda lane: (-lane.waiting, lane.provider))
    longer = [replace(lanes[0], waiting=lanes[0].waiting + more), *lanes[1:]]
    before, after = a_forecast(*lanes), a_forecast(*longer)
    assert after.done_on >= before.done_on
    assert after.done_on_p90 >= before.done_on_p90


@given(numbers, st.integers(1_000, 100_000), st.integers(0, 100_000))
@settings(max_examples=30, deadline=None)
def test_with_more_quota_nothing_is_done_later(waiting: int, quota: int, more: int) -> None:
    def done(per_day: int) -> tuple[date, date | None]:
        lane = Lane(provider="gmail", waiting=waiting, left=2_000, pace=Pace(cap=2_000))
        outlook = a_forecast(lane, account=Account(quota_left=per_day, quota_per_day=per_day))
        return outlook.done_on, outlook.done_on_p90

    for less, larger in zip(done(quota), done(quota + more), strict=True):
        assert larger <= less


def test_the_quantile_is_the_first_day_by_which_that_share_is_done() -> None:
    assert [forecasting.quantile(range(1, 11), share) for share in (0.1, 0.5, 0.9, 1.0)] == [1, 5, 9, 10]
    assert forecasting.quantile([], 0.5) == 0
    assert forecasting.quantile([7], 0.9) == 7


def test_the_time_of_another_zone_is_told_in_the_tenants() -> None:
    assert a_forecast(warm(60), now=datetime(2026, 11, 24, 23, 59, 30, tzinfo=UTC)).done_on == date(
        2026, 11, 24
    )
