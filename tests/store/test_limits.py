"""Turns and limits in the database: what is kept, who is refused, and eight workers at once."""

import time
from datetime import datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.allowances import ALL
from core.fairness import TESTS, Asker
from store import accounts, limits
from store.session import Database, one, run
from tasks.rate import reserve
from tests.builders import a_tenant, an_account
from tests.fakes import REGION


def an_asker(session: Session, *, weight: float = 1, campaign_id: int = 1, **asker: bool) -> Asker:
    tenant_id = a_tenant(session, weight=weight).id
    assert tenant_id is not None
    return Asker(tenant_id=tenant_id, campaign_id=campaign_id, **asker)


def ask(session: Session, asker: Asker, providers: str = "g" * 48) -> tuple[int, str]:
    reserved = reserve(session, region=REGION, asker=asker, providers=list(providers), wanted=48)
    assert len(reserved.chosen) == reserved.grant.count
    return reserved.grant.count, reserved.grant.held_by


def limit(session: Session, asker: Asker, rate: float, provider: str = ALL) -> None:
    limits.put(
        session, tenant_id=asker.tenant_id, provider=provider, per_second=rate, actor="ann", reason="slow"
    )


def let_the_rate_come(session: Session) -> None:
    run(session, "UPDATE ses_account SET due_at = clock_timestamp() - interval '1 second'")


def test_who_was_served_lets_the_one_that_waits_go_first(session: Session) -> None:
    an_account(session, max_send_rate=100.0)
    first, second = an_asker(session), an_asker(session)
    assert ask(session, first) == (22, "")
    assert ask(session, second) == (0, "rate")
    let_the_rate_come(session)
    assert ask(session, first) == (0, "turn")
    assert ask(session, second) == (22, "")
    let_the_rate_come(session)
    assert ask(session, second) == (22, ""), "both have had as much, and who asks first is next"
    let_the_rate_come(session)
    assert ask(session, second) == (0, "turn")
    assert ask(session, first) == (22, "")


def test_a_test_goes_before_all_campaigns(session: Session) -> None:
    an_account(session, max_send_rate=100.0)
    first, second = an_asker(session), an_asker(session)
    tests = an_asker(session, campaign_id=TESTS, is_express=True)
    assert ask(session, first) == (22, "")
    assert (ask(session, second), ask(session, tests)) == ((0, "rate"), (0, "rate"))
    let_the_rate_come(session)
    assert ask(session, second) == (0, "turn")
    assert ask(session, tests) == (22, "")


def test_a_weight_that_is_set_holds_from_the_next_window_on(session: Session) -> None:
    an_account(session, max_send_rate=100.0)
    asker = an_asker(session)
    run(session, "UPDATE tenant SET weight = 4 WHERE id = :id", id=asker.tenant_id)
    ask(session, asker)
    found = one(session, "SELECT finish, campaigns FROM sender_turn")
    assert found is not None
    assert (found["finish"], found["campaigns"]) == (5.5, {"1": [22.0, None, False]})


def test_a_limit_holds_from_the_next_window_on_and_for_one_tenant_only(session: Session) -> None:
    an_account(session, max_send_rate=100.0)
    ours, theirs = an_asker(session), an_asker(session)
    limit(session, ours, 8)
    assert ask(session, ours) == (2, "")
    let_the_rate_come(session)
    assert ask(session, ours) == (0, "limit")
    assert ask(session, theirs) == (22, ""), "who waits for its own limit holds nobody up"
    assert limits.clear(session, tenant_id=ours.tenant_id, provider=ALL)
    let_the_rate_come(session)
    assert ask(session, ours) == (22, "")


def test_a_provider_with_a_limit_never_holds_up_the_others(session: Session) -> None:
    an_account(session, max_send_rate=100.0)
    asker = an_asker(session)
    limit(session, asker, 8, "g")
    assert ask(session, asker, "ggggyyy") == (5, "")
    let_the_rate_come(session)
    assert ask(session, asker, "ggggyyy") == (3, "")
    let_the_rate_come(session)
    assert ask(session, asker, "gg") == (0, "limit")


def test_the_schema_itself_knows_no_limit_slower_than_one_in_five_seconds(session: Session) -> None:
    asker = an_asker(session)
    with pytest.raises(IntegrityError, match="rate_limit_per_second"):
        limit(session, asker, 0.1)


def test_turns_cost_two_statements_of_a_window_and_limits_two_more(database: Database) -> None:
    with database.begin() as session:
        an_account(session)
        free, limited = an_asker(session), an_asker(session)
        limit(session, limited, 1000)
    statements: list[str] = []
    with database.begin() as session:
        listen = session.connection()
        event.listen(listen, "before_cursor_execute", lambda *args: statements.append(args[2]))
        ask(session, free)
        of_free = len(statements)
        ask(session, limited)
    assert (of_free, len(statements) - of_free) == (4, 6)


def test_eight_workers_together_never_exceed_a_tenants_limit(database: Database) -> None:
    with database.begin() as session:
        an_account(session)
        asker = an_asker(session)
        limit(session, asker, 40)
    grants: list[tuple[datetime, int]] = []
    ends = time.monotonic() + 3

    def work(number: int) -> None:
        mine = Asker(tenant_id=asker.tenant_id, campaign_id=number + 1)
        while time.monotonic() < ends:
            with database.begin() as session:
                locked = accounts.lock(session, region=REGION, asker=mine)
                granted, _ = ask(session, mine)
                if granted:
                    grants.append((locked.now, granted))

    threads = [Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(count for _, count in grants) >= 20
    for begins, _ in grants:
        second = [count for at, count in grants if begins <= at < begins + timedelta(seconds=1)]
        assert sum(second) <= 40 + 10
