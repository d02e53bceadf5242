"""Allowances: the caps of a day, of all providers together and of each, taken and given back to the message."""

from datetime import date
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.allowances import ALL
from core.providers import OTHER
from store import allowances
from store.session import Database, run
from tests.builders import Scene, a_scene, allowance
from tests.store.tokens import TODAY, YESTERDAY, a_day, days, give_back, open_day, take, today


@pytest.fixture
def scene(session: Session) -> Scene:
    """A domain on the first rung: 200 messages a day."""
    return a_scene(session, rung=0)


def left(session: Session, scene: Scene, day: date | None = None) -> dict[str, int]:
    return allowances.left(session, **scene.domain, day=a_day(session, scene, day or today(session, scene)))


def open_today(session: Session, scene: Scene, **planned: int) -> None:
    day = allowances.today(session, **scene.domain)
    allowances.open_day(session, **scene.domain, day=day, planned=planned or {OTHER: 1})


# A day's allowance


def test_a_day_is_opened_once_with_what_the_rung_allows(session: Session, scene: Scene) -> None:
    open_today(session, scene)
    take(session, scene, 30, today(session, scene))
    open_today(session, scene)
    assert days(session, scene) == [(today(session, scene), 200, 30, "rung")]
    assert left(session, scene) == {ALL: 170}


def test_a_warm_domain_has_no_allowance(session: Session) -> None:
    scene = a_scene(session, rung=None)
    open_today(session, scene)
    assert days(session, scene) == []
    assert left(session, scene) == {}
    assert allowances.left_today(session, **scene.domain, planned={OTHER: 9}) is None
    assert take(session, scene, 1_000) is None


@pytest.mark.parametrize(
    ("rung", "opened", "limited"),
    [
        pytest.param(0, False, True, id="warming, and nobody has opened the day"),
        pytest.param(0, True, True, id="warming"),
        pytest.param(None, False, False, id="warm"),
        pytest.param(None, True, True, id="warm since today"),
    ],
)
def test_only_a_warm_domain_needs_no_allowance_today(
    session: Session, rung: int | None, opened: Any, limited: Any
) -> None:
    scene = a_scene(session, rung=rung)
    day = today(session, scene)
    if opened:
        open_day(session, scene, day, 100)
    found = allowances.today(session, **scene.domain)
    assert (found.on, found.is_limited) == (day, limited)


def test_a_day_that_nobody_opened_is_forecast_from_the_rung(session: Session, scene: Scene) -> None:
    def fits(**planned: int) -> int | None:
        return allowances.left_today(session, **scene.domain, planned=planned)

    assert (fits(gmail=150, yahoo=100), fits(gmail=150)) == (200, 150)
    assert days(session, scene) == []
    open_day(session, scene, today(session, scene), 50)
    assert fits(gmail=150) == 50


def test_no_more_is_taken_than_the_day_allows(session: Session, scene: Scene) -> None:
    """F31"""
    open_day(session, scene, TODAY, 100)
    assert [take(session, scene, 48) for _ in range(4)] == [48, 48, 4, 0]
    assert allowance(session, scene) == (100, 100)


def test_a_token_that_is_given_back_can_be_taken_again(session: Session, scene: Scene) -> None:
    open_day(session, scene, TODAY, 100)
    take(session, scene, 100)
    give_back(session, scene, 3)
    give_back(session, scene, 0)
    assert take(session, scene, 48) == 3


def test_a_token_goes_back_to_the_day_it_was_taken_from(session: Session, scene: Scene) -> None:
    """Midnight between the intent and the answer."""
    open_day(session, scene, YESTERDAY, 100)
    open_day(session, scene, TODAY, 200)
    take(session, scene, 100, YESTERDAY)
    take(session, scene, 10, TODAY)
    give_back(session, scene, 5, YESTERDAY)
    assert days(session, scene) == [(TODAY, 200, 10, "rung"), (YESTERDAY, 100, 95, "rung")]


@pytest.mark.parametrize("change", ["used = 101", "used = -1", "allowance = 9"])
def test_the_schema_lets_nobody_send_one_message_too_many(
    session: Session, scene: Scene, change: str
) -> None:
    open_day(session, scene, TODAY, 100)
    take(session, scene, 10)
    with pytest.raises(IntegrityError, match="warmup_allowance_holds"), session.begin_nested():
        run(session, f"UPDATE warmup_allowance SET {change}")


def test_workers_at_once_take_exactly_the_allowance(database: Database) -> None:
    """F31"""
    with database.begin() as session:
        scene = a_scene(session, rung=0)
        open_day(session, scene, TODAY, 500)
    taken: list[int] = []

    def work() -> None:
        while True:
            with database.begin() as session:
                had = take(session, scene, 7)
            assert had is not None
            if not had:
                return
            taken.append(had)

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(taken) == 500
    assert set(taken) <= {7, 500 % 7}


# Caps of single providers


def test_a_message_takes_a_token_of_its_provider_and_one_of_all(session: Session, scene: Scene) -> None:
    open_day(session, scene, TODAY, 100)
    open_day(session, scene, TODAY, 10, "gmail")
    assert take(session, scene, 50, provider="gmail") == 10
    assert take(session, scene, 50, provider="yahoo") == 50
    assert left(session, scene, TODAY) == {ALL: 40, "gmail": 0}
    give_back(session, scene, 2, provider="gmail")
    assert left(session, scene, TODAY) == {ALL: 42, "gmail": 2}


def test_workers_at_once_keep_every_cap_and_wait_for_nobody_in_a_circle(database: Database) -> None:
    """F31"""
    providers = ["apple", "gmail", "yahoo"]
    with database.begin() as session:
        scene = a_scene(session, rung=0)
        open_day(session, scene, TODAY, 120)
        for provider in providers:
            open_day(session, scene, TODAY, 60, provider)
    taken: list[int] = []

    def work(first: int) -> None:
        order = providers[first:] + providers[:first]
        for _ in range(20):
            for provider in order:
                with database.begin() as session:
                    taken.append(take(session, scene, 3, provider=provider) or 0)

    threads = [Thread(target=work, args=(number % 3,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.begin() as session:
        assert left(session, scene, TODAY)[ALL] == 0
        assert all(number >= 0 for number in left(session, scene, TODAY).values())
    assert sum(taken) == 120
