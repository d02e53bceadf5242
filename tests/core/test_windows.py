from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.windows import (
    EVERY_DAY,
    FrequencyCap,
    Hours,
    Manners,
    Timing,
    Window,
    frequency_of,
    quiet,
    together,
    window_of,
    zone_of,
)


BERLIN, NEW_YORK, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
OFFICE = Hours((window_of("09:00-18:00 mon-fri"),))
NIGHT = Hours((window_of("22:00-06:00"),))


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        pytest.param("09:00-18:00", Window(time(9), time(18)), id="hours"),
        pytest.param("9:30-24:00", Window(time(9, 30), time(0)), id="until midnight"),
        pytest.param(
            "09:00-18:00 mon-fri", Window(time(9), time(18), frozenset({1, 2, 3, 4, 5})), id="a range"
        ),
        pytest.param("09:00-18:00 tue, thu", Window(time(9), time(18), frozenset({2, 4})), id="single days"),
        pytest.param(
            "09:00-18:00 SAT-MON", Window(time(9), time(18), frozenset({6, 7, 1})), id="over the week's end"
        ),
    ],
)
def test_a_window_is_what_a_person_wrote(text: str, window: Window) -> None:
    assert window_of(text) == window
    assert window_of(window.in_words()) == window


@pytest.mark.parametrize(
    "text", ["", "9-18", "09:00", "25:00-26:00", "09:61-10:00", "09:00-18:00 someday", "09:00-18:00 mon-"]
)
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as refused:
        window_of(text)
    assert "uch as" in refused.value.hint


@pytest.mark.parametrize(
    ("hours", "moment", "opens"),
    [
        pytest.param(OFFICE, berlin("2026-11-24T10:00"), berlin("2026-11-24T10:00"), id="open"),
        pytest.param(OFFICE, berlin("2026-11-24T09:00"), berlin("2026-11-24T09:00"), id="the first moment"),
        pytest.param(OFFICE, berlin("2026-11-24T18:00"), berlin("2026-11-25T09:00"), id="the end is closed"),
        pytest.param(OFFICE, berlin("2026-11-24T03:00"), berlin("2026-11-24T09:00"), id="later today"),
        pytest.param(OFFICE, berlin("2026-11-27T20:00"), berlin("2026-11-30T09:00"), id="over the week-end"),
        pytest.param(NIGHT, berlin("2026-11-24T03:00"), berlin("2026-11-24T03:00"), id="after midnight"),
        pytest.param(NIGHT, berlin("2026-11-24T12:00"), berlin("2026-11-24T22:00"), id="in the evening"),
        pytest.param(
            Hours((window_of("22:00-06:00 fri"),)),
            berlin("2026-11-28T05:59"),
            berlin("2026-11-28T05:59"),
            id="Saturday's morning is Friday's night",
        ),
        pytest.param(
            Hours((window_of("22:00-06:00 fri"),)),
            berlin("2026-11-27T05:00"),
            berlin("2026-11-27T22:00"),
            id="and Friday's morning is Thursday's",
        ),
        pytest.param(
            Hours(OFFICE.windows, frozenset({date(2026, 12, 24), date(2026, 12, 25)})),
            berlin("2026-12-23T19:00"),
            berlin("2026-12-28T09:00"),
            id="a blackout, and a week-end behind it",
        ),
        pytest.param(
            Hours(blackout=frozenset({date(2026, 11, 24)})),
            berlin("2026-11-24T10:00"),
            berlin("2026-11-25T00:00"),
            id="a blackout alone",
        ),
        pytest.param(
            together(OFFICE, Hours((quiet("12:00-13:30"),))),
            berlin("2026-11-24T12:10"),
            berlin("2026-11-24T13:30"),
            id="two windows at once",
        ),
    ],
)
def test_an_opening_is_the_first_moment_at_which_everything_is_open(
    hours: Hours, moment: datetime, opens: datetime
) -> None:
    assert hours.opening(moment, BERLIN) == opens


@pytest.mark.parametrize(
    ("window", "moment", "opens"),
    [
        pytest.param(
            "02:30-05:00",
            berlin("2026-03-29T00:00"),
            "2026-03-29T01:00:00+00:00",
            id="an hour that is skipped",
        ),
        pytest.param(
            "03:00-05:00", berlin("2026-03-29T00:00"), "2026-03-29T01:00:00+00:00", id="the hour behind it"
        ),
        pytest.param(
            "02:30-05:00",
            berlin("2026-10-25T00:00"),
            "2026-10-25T00:30:00+00:00",
            id="an hour that comes twice",
        ),
        pytest.param(
            "09:00-18:00", berlin("2026-03-28T20:00"), "2026-03-29T07:00:00+00:00", id="the day of 23 hours"
        ),
        pytest.param(
            "09:00-18:00", berlin("2026-10-24T20:00"), "2026-10-25T08:00:00+00:00", id="the day of 25 hours"
        ),
    ],
)
def test_the_nights_on_which_the_clocks_change(window: str, moment: datetime, opens: str) -> None:
    """P10"""
    assert Hours((window_of(window),)).opening(moment, BERLIN) == datetime.fromisoformat(opens)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    """P10"""
    hours = Hours((window_of("02:00-03:00"),))
    assert hours.are_open(berlin("2026-10-25T02:30"), BERLIN)
    assert hours.are_open(berlin("2026-10-25T02:30", fold=1), BERLIN)


def test_nine_o_clock_is_another_moment_for_each_reader() -> None:
    hours, moment = Hours((window_of("09:00-12:00"),)), datetime(2026, 11, 24, 0, tzinfo=UTC)
    found = [hours.opening(moment, zone).isoformat() for zone in (TOKYO, BERLIN, NEW_YORK)]
    assert found == ["2026-11-24T00:00:00+00:00", "2026-11-24T08:00:00+00:00", "2026-11-24T14:00:00+00:00"]


def test_hours_that_are_never_open_are_refused() -> None:
    never = together(Hours((window_of("09:00-12:00"),)), Hours((window_of("13:00-15:00"),)))
    with pytest.raises(InputError, match="never open together"):
        never.opening(datetime(2026, 11, 24, tzinfo=UTC), BERLIN)


TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
WINDOWS = st.builds(Window, TIMES, TIMES, st.sets(st.integers(1, 7), min_size=1).map(frozenset))
MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])


@given(st.lists(WINDOWS, max_size=2), MOMENTS, ZONES)
def test_everything_is_open_at_an_opening_and_a_minute_before_it_was_not(windows, moment, name) -> None:
    zone, hours = ZoneInfo(name), Hours(tuple(windows))
    try:
        opening = hours.opening(moment, zone)
    except InputError:
        return
    assert opening >= moment
    assert hours.are_open(opening, zone)
    just_before = opening - timedelta(minutes=1)
    assert opening == moment or just_before < moment or not hours.are_open(just_before, zone)


@pytest.mark.parametrize("text", ["21:00-08:00 mon", "08:00-08:00"])
def test_quiet_hours_are_hours_of_every_day(text: str) -> None:
    with pytest.raises(InputError, match="no quiet hours"):
        quiet(text)


def test_quiet_hours_are_a_window_the_other_way_round() -> None:
    assert quiet("21:00-08:00") == Window(time(8), time(21), EVERY_DAY)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Asia/Tokyo", TOKYO),
        ("Mars/Olympus", BERLIN),
        ("", BERLIN),
        (None, BERLIN),
        (7, BERLIN),
        ("../etc", BERLIN),
    ],
)
def test_a_reader_without_a_zone_has_the_tenants(name: object, zone: ZoneInfo) -> None:
    assert zone_of(name, BERLIN) == zone


@pytest.mark.parametrize(("text", "cap"), [("3/7", FrequencyCap(3, 7)), ("1/1", FrequencyCap(1, 1))])
def test_a_frequency_cap_is_messages_by_days(text: str, cap: FrequencyCap) -> None:
    assert frequency_of(text) == cap


@pytest.mark.parametrize("text", ["", "3", "0/7", "3/0", "-1/7", "a/b", "3/400"])
def test_what_is_no_frequency_cap_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no frequency cap"):
        frequency_of(text)


def test_a_tenants_manners_stand_among_its_other_policies() -> None:
    policies = {
        "soft_bounces": 3,
        "quiet_hours": "21:00-08:00",
        "blackout": ["2026-12-24"],
        "frequency_cap": "2/7",
    }
    assert Manners.of(policies) == Manners(
        Hours((Window(time(8), time(21)),), frozenset({date(2026, 12, 24)})), FrequencyCap(2, 7)
    )
    assert Manners.of({"soft_bounces": 3}) == Manners()
    with pytest.raises(InputError, match="blackout"):
        Manners.of({"blackout": ["Christmas"]})


def test_a_campaigns_timing_comes_back_as_it_was_stored() -> None:
    timing = Timing(
        hours=OFFICE,
        by_reader=True,
        spread=timedelta(hours=6),
        give_up_at=datetime(2026, 12, 1, 12, tzinfo=UTC),
    )
    assert Timing.of(timing.as_json()) == timing
    assert Timing.of({}) == Timing()
    assert Timing.of(Timing().as_json()) == Timing()
