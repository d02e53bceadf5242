"""The SES account that all workers share: one row, one clock."""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Thread

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.errors import ConfigurationError
from core.fairness import Asker
from store import accounts, tenants
from store.session import Database, one, run
from tests.builders import a_tenant, an_account, pass_time
from tests.fakes import REGION


@pytest.fixture(autouse=True)
def account(session: Session) -> None:
    """100 messages a second, of which we take 90."""
    an_account(session, max_send_rate=100.0, max_24_hour_send=50_000.0)


def row(session: Session) -> dict[str, object]:
    found = one(session, "SELECT * FROM ses_account")
    assert found is not None
    return dict(found)


def somebody(session: Session) -> Asker:
    """The same campaign at each call."""
    found = one(session, "SELECT id FROM tenant WHERE slug = 'somebody'")
    tenant_id = found["id"] if found else a_tenant(session, slug="somebody").id
    assert tenant_id is not None
    return Asker(tenant_id=tenant_id, campaign_id=1)


def reserve(session: Session, wanted: int = 48) -> tuple[int, str]:
    grant = accounts.reserve(session, region=REGION, asker=somebody(session), wanted=wanted)
    return grant.count, grant.held_by


def test_an_account_that_was_never_read_is_a_fault_of_the_set_up(session: Session) -> None:
    with pytest.raises(ConfigurationError, match="eu-west-1 was never read"):
        accounts.reserve(session, region="eu-west-1", asker=somebody(session), wanted=1)


def test_a_grant_is_kept_and_the_next_worker_waits_for_it(session: Session) -> None:
    assert reserve(session) == (22, "")
    assert reserve(session) == (0, "rate")
    assert row(session)["sent_last_24_hours"] == 22


def test_reading_the_quota_again_keeps_the_rate_that_throttling_left(session: Session) -> None:
    accounts.slow_down(session, region=REGION)
    an_account(session, max_send_rate=200.0, max_24_hour_send=60_000.0, sent_last_24_hours=77.0)
    found = row(session)
    assert found["send_rate"] == pytest.approx(63.0)
    assert (found["max_send_rate"], found["max_24_hour_send"], found["sent_last_24_hours"]) == (
        200,
        60_000,
        77,
    )
    assert found["slowed_at"] is not None


def test_slowing_down_twice_at_once_slows_down_once(session: Session) -> None:
    accounts.slow_down(session, region=REGION)
    accounts.slow_down(session, region=REGION)
    assert row(session)["send_rate"] == pytest.approx(63.0)


def limit(session: Session, rate: float | None) -> None:
    accounts.set_limit(session, region=REGION, rate=rate, reason="slow server", actor="ann")


def test_a_limit_holds_from_the_next_grant_on_and_survives_getaccount(session: Session) -> None:
    limit(session, 8.0)
    an_account(session, max_send_rate=200.0, max_24_hour_send=50_000.0)
    assert reserve(session) == (2, "")
    run(session, "UPDATE ses_account SET due_at = now()")
    limit(session, None)
    assert reserve(session) == (45, "")


def test_a_limit_is_audited_for_every_tenant(session: Session) -> None:
    ours, theirs = a_tenant(session), a_tenant(session)
    limit(session, 8.0)
    limit(session, None)
    for tenant in (ours, theirs):
        ended, begun = tenants.audit_trail(session, tenant_id=tenant.id)
        assert (begun["action"], begun["subject"]) == ("account.limited", "SES account in us-east-1")
        assert (begun["actor"], begun["reason"]) == ("ann", "slow server")
        assert begun["detail"] == {"limit": 8.0, "was": None}
        assert (ended["action"], ended["detail"]) == ("account.unlimited", {"limit": None, "was": 8.0})


def test_an_account_that_was_never_read_has_nothing_to_limit(session: Session) -> None:
    with pytest.raises(ConfigurationError, match="never read"):
        accounts.set_limit(session, region="eu-west-1", rate=5.0, reason="r", actor="ann")


def test_the_schema_itself_knows_no_limit_below_one_a_second(session: Session) -> None:
    with pytest.raises(IntegrityError, match="ses_account_rate_limit"):
        limit(session, 0.5)


def test_a_clock_that_went_back_is_remembered_by_the_grant_that_sees_it(session: Session) -> None:
    """F20"""
    run(session, "UPDATE ses_account SET due_at = now() + interval '1 hour'")
    due_at = row(session)["due_at"]
    assert reserve(session) == (22, "")
    assert row(session)["told_twice_until"] == due_at


def test_a_block_that_a_clock_left_behind_does_not_outlast_a_new_one(session: Session) -> None:
    """F20"""
    run(session, "UPDATE ses_account SET blocked_until = now() + interval '1 hour', blocked_reason = 'quota'")
    accounts.block(session, region=REGION, seconds=60, reason="ses_unreachable")
    grant = accounts.reserve(session, region=REGION, asker=somebody(session), wanted=1)
    assert (grant.held_by, grant.wait <= timedelta(seconds=60)) == ("ses_unreachable", True)


def test_a_blocked_account_grants_nothing_until_the_block_is_over(session: Session) -> None:
    accounts.block(session, region=REGION, seconds=60, reason="ses_unreachable")
    assert reserve(session) == (0, "ses_unreachable")
    run(session, "UPDATE ses_account SET blocked_until = blocked_until - interval '61 seconds'")
    assert reserve(session) == (22, "")


def test_a_shorter_block_does_not_end_a_longer_one(session: Session) -> None:
    accounts.block(session, region=REGION, seconds=600, reason="quota")
    accounts.block(session, region=REGION, seconds=1, reason="ses_unreachable")
    grant = accounts.reserve(session, region=REGION, asker=somebody(session), wanted=1)
    assert grant.wait > timedelta(seconds=590)


def test_the_quota_is_exact(session: Session) -> None:
    an_account(session, max_send_rate=100.0, max_24_hour_send=50_000.0, sent_last_24_hours=48_995.0)
    assert reserve(session) == (5, "")
    run(session, "UPDATE ses_account SET due_at = now() - interval '1 second'")
    assert reserve(session) == (0, "quota")


def test_a_grant_that_is_rolled_back_is_free_again(database: Database) -> None:
    with database.begin() as session:
        an_account(session, max_send_rate=100.0)
    with suppress(RuntimeError), database.begin() as session:
        assert reserve(session) == (22, "")
        raise RuntimeError
    with database.begin() as session:
        assert reserve(session) == (22, "")


def test_eight_workers_together_never_exceed_the_rate(database: Database) -> None:
    """Nothing is timed: `due_at` tells when each grant was decided, by the database's clock."""
    with database.begin() as session:
        an_account(session, max_send_rate=100.0)
        somebody(session)
    grants: list[tuple[datetime, int]] = []

    def work() -> None:
        while sum(granted for _, granted in grants) < 60:
            with database.begin() as session:
                granted, _ = reserve(session, wanted=10)
                if granted:
                    due_at = row(session)["due_at"]
                    assert isinstance(due_at, datetime)
                    grants.append((due_at, granted))

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    grants.sort()
    assert sum(granted for _, granted in grants) >= 60
    for (due_at, _), (next_due_at, granted) in pairwise(grants):
        decided_at = next_due_at - timedelta(seconds=granted / 90)
        assert decided_at >= due_at - timedelta(microseconds=2), "a grant before the last one was paid for"


def test_time_heals_a_throttled_account(database: Database) -> None:
    """F07"""
    with database.begin() as session:
        an_account(session, max_send_rate=100.0)
        accounts.slow_down(session, region=REGION)
    pass_time(database, timedelta(seconds=25))
    with database.begin() as session:
        assert reserve(session) == (22, "")
        account, _ = accounts.find(session, region=REGION)
        assert (account.due_at - datetime.now(account.due_at.tzinfo)).total_seconds() < 22 / 90
