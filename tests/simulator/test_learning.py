"""Receivers that learn: they take what they are used to, put off the rest, and remember how it went."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from simulator.learning import Learned, Temper
from simulator.receivers import read_profile

from .conftest import Running
from .requests import simple


SENDER = "news.example"
STEADY = Temper(capacity=100, growth=1.5, tolerance=2.0, mood=0.0)
FIRST_DAY = dt.datetime(2026, 10, 1, 8, tzinfo=dt.UTC)


def moment(day: int) -> float:
    return (FIRST_DAY + dt.timedelta(days=day)).timestamp()


def taken(learned: Learned, day: int, messages: int, *, temper: Temper = STEADY, complaints: int = 0) -> int:
    found = sum(learned.offer("yahoo", SENDER, temper, moment(day)) for _ in range(messages))
    for _ in range(complaints):
        learned.complain("yahoo", SENDER)
    return found


@pytest.mark.parametrize(
    ("first_day", "complaints", "second_day"),
    [
        pytest.param(100, 0, 150, id="a full day: half as much again"),
        pytest.param(80, 0, 120, id="what was taken grows, not what might have been"),
        pytest.param(50, 0, 100, id="half of the capacity says nothing"),
        pytest.param(200, 0, 150, id="twice the capacity is borne"),
        pytest.param(201, 0, 75, id="more than that is an offence"),
        pytest.param(100, 2, 150, id="two complaints are bad luck"),
        pytest.param(100, 3, 60, id="three of a hundred are an offence"),
    ],
)
def test_a_day_decides_what_is_taken_on_the_next(first_day: int, complaints: int, second_day: int) -> None:
    learned = Learned(7)
    assert taken(learned, 0, first_day, complaints=complaints) == min(first_day, 100)
    assert taken(learned, 1, 500) == second_day


def test_whoever_stays_away_is_forgotten_bit_by_bit() -> None:
    learned = Learned(7)
    taken(learned, 0, 100)
    assert taken(learned, 11, 1000) == 128  # 150 after that day, and ten idle ones
    fresh = Learned(7)
    taken(fresh, 0, 1)
    assert taken(fresh, 400, 1000) == 50  # never below the least


def test_each_sending_domain_and_each_provider_is_known_apart() -> None:
    learned = Learned(7)
    assert taken(learned, 0, 150) == 100
    assert learned.offer("gmail", SENDER, STEADY, moment(0))
    assert learned.offer("yahoo", "other.example", STEADY, moment(0))
    assert not learned.offer("yahoo", SENDER, STEADY, moment(0))


def test_the_mood_of_a_day_follows_from_the_seed() -> None:
    moody = Temper(capacity=1000, mood=0.2)
    first = [taken(Learned(seed), 0, 2000, temper=moody) for seed in range(20)]
    assert first == [taken(Learned(seed), 0, 2000, temper=moody) for seed in range(20)]
    assert len(set(first)) > 10
    assert 800 <= min(first) < max(first) <= 1200


@pytest.mark.parametrize(
    ("learns", "said"),
    [
        pytest.param({"speed": 1}, "learns has no speed; known are capacity", id="unknown"),
        pytest.param({"growth": 0.9}, "growth and tolerance are 1 or more", id="growth that shrinks"),
        pytest.param({"capacity": 0}, "a capacity above 0", id="no capacity"),
        pytest.param({"gives_up": 1.5}, "shares in 0..1", id="no share"),
        pytest.param({"mood": "bad"}, "learns takes numbers, also for mood", id="no number"),
        pytest.param([1], "learns is an object of capacity", id="no object"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(tmp_path: Path, learns: Any, said: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"mail.example": {"learns": learns}}))
    with pytest.raises(ValueError, match=said) as raised:
        read_profile(path)
    assert str(raised.value).startswith("profile of mail.example: ")


def test_the_domains_of_one_provider_must_learn_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    profile = {
        f"{n}.example": {"provider": "yahoo", "learns": {"capacity": capacity}}
        for n, capacity in enumerate([100, 200])
    }
    path.write_text(json.dumps(profile))
    with pytest.raises(ValueError, match="profile of yahoo: its domains must learn in the same way"):
        read_profile(path)


PROFILE = {
    domain: {
        "provider": "yahoo",
        "hard_bounce": 0,
        "soft_bounce": 0,
        "delay": 0,
        "complaint": 0,
        "open": 0,
        "bot_open": 0,
        "later": "421 4.7.0 [TSS04] Messages temporarily deferred",
        "learns": {"capacity": 3, "mood": 0, "gives_up": gives_up, "least": 1},
    }
    for domain, gives_up in (("one.example", 0.0), ("two.example", 0.0))
}


@pytest.fixture
def event_log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def begin(start: Callable[..., Running], tmp_path: Path, event_log: Path) -> Callable[..., Running]:
    """Start a simulator of a profile whose events are not late."""

    def begin(profile: dict[str, Any]) -> Running:
        path = tmp_path / "profile.json"
        path.write_text(json.dumps(profile))
        return start(
            profile=path,
            event_log=event_log,
            event_delay_seconds=(0.0, 0.0),
            reorder=False,
            duplicate_rate=0.0,
        )

    return begin


def set_clock(simulator: Running, ahead: dt.timedelta) -> dt.datetime:
    now = dt.datetime.fromisoformat(simulator.control("GET", "clock")["now"]) + ahead
    assert simulator.control("POST", "clock", {"now": now.isoformat()})["published"]
    return now


def told(event_log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in event_log.read_text().splitlines()]


def kinds(event_log: Path) -> Counter[str]:
    return Counter(event["eventType"] for event in told(event_log))


def test_what_is_over_the_capacity_arrives_hours_later_by_the_simulated_clock(
    begin: Callable[..., Running], event_log: Path
) -> None:
    """Two domains of one provider share what it takes."""
    simulator = begin(PROFILE)
    client = simulator.client()
    for number in range(5):
        client.send_email(**simple(f"reader{number}@{'one' if number % 2 else 'two'}.example"))
    set_clock(simulator, dt.timedelta(minutes=1))
    assert kinds(event_log) == {"Send": 5, "Delivery": 3, "DeliveryDelay": 2}
    set_clock(simulator, dt.timedelta(hours=6))
    assert kinds(event_log) == {"Send": 5, "Delivery": 5, "DeliveryDelay": 2}
    events = told(event_log)
    [delay, _] = [event["deliveryDelay"] for event in events if event["eventType"] == "DeliveryDelay"]
    assert delay["delayedRecipients"][0]["diagnosticCode"].startswith("smtp; 421 4.7.0 [TSS04]")
    accepted = dt.datetime.fromisoformat(events[0]["mail"]["timestamp"])
    arrived = [
        dt.datetime.fromisoformat(event["delivery"]["timestamp"]) - accepted
        for event in events
        if event["eventType"] == "Delivery"
    ]
    assert sum(dt.timedelta(hours=1) < after < dt.timedelta(hours=6) for after in arrived) == 2
    [known] = simulator.control("GET", "receivers")["receivers"]
    assert (known["provider"], known["domain"]) == ("yahoo", "mail.example.com")
    assert (known["offered"], known["taken"], known["put_off"], known["capacity"]) == (5, 3, 2, 3.0)


def test_ses_gives_up_after_fourteen_hours(begin: Callable[..., Running], event_log: Path) -> None:
    learns = {"capacity": 1, "mood": 0, "gives_up": 1.0, "least": 1}
    simulator = begin({"one.example": PROFILE["one.example"] | {"learns": learns}})
    client = simulator.client()
    for number in range(2):
        client.send_email(**simple(f"reader{number}@one.example"))
    set_clock(simulator, dt.timedelta(hours=13))
    assert kinds(event_log) == {"Send": 2, "Delivery": 1, "DeliveryDelay": 1}
    set_clock(simulator, dt.timedelta(hours=2))
    [bounce] = [event["bounce"] for event in told(event_log) if event["eventType"] == "Bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == ("Transient", "General")


def test_the_clock_goes_on_from_where_it_was_set(simulator: Running) -> None:
    told_at = set_clock(simulator, dt.timedelta(days=30))
    simulator.client().send_email(**simple())
    [entry] = simulator.control("GET", "accepted")
    assert dt.timedelta(0) <= dt.datetime.fromisoformat(entry["at"]) - told_at < dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param({"now": "2001-01-01T00:00:00Z"}, "only set forward", id="back"),
        pytest.param({"now": "2099-01-01T00:00:00"}, "offset", id="without an offset"),
        pytest.param({"now": "tomorrow"}, "Invalid isoformat string", id="no time"),
        pytest.param({}, "say", id="nothing"),
        pytest.param([], "say", id="no object"),
    ],
)
def test_a_clock_that_makes_no_sense_is_refused(simulator: Running, document: Any, said: str) -> None:
    with pytest.raises(HTTPError) as refused:
        simulator.control("POST", "clock", document)
    assert refused.value.code == 400
    assert said in json.load(refused.value)["error"]
