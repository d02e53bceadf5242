"""A night's hygiene over several tenants."""

from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.hygiene import Rule
from store.session import Database, one, run
from tasks import hygiene
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_campaign, a_contact, a_delivery, another_campaign, suppressions_of


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


@pytest.fixture
def bounced(database: Database) -> Mailed:
    """A person with two soft bounces, at a tenant that has patience for two."""
    with database.begin() as session:
        campaign = a_campaign(session, "acme")
        run(
            session,
            """UPDATE tenant SET policies = '{"soft_bounces": 2, "soft_bounce_days": 2}' WHERE slug = 'acme'""",
        )
        contact = a_contact(session, campaign)
        for days in (1, 2):
            mailed = a_delivery(session, another_campaign(session, campaign), contact, state="sent")
            run(
                session,
                """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
                   SELECT :tenant_id, :id, 'bounce_transient', at, at
                   FROM (SELECT now() - make_interval(days => :days) AS at) AS told""",
                tenant_id=mailed.tenant_id,
                id=mailed.delivery_id,
                days=days,
            )
        return mailed


def test_all_tenants_are_kept_clean_and_the_night_after_finds_nothing(
    resources: Resources, database: Database, bounced: Mailed
) -> None:
    with database.begin() as session:
        a_campaign(session, "other")
    report = hygiene.run(resources)
    assert report.as_json() == {
        "suppressed": {"complaint": 0, "hard_bounce": 0, "soft_bounce": 1, "mailbox_full": 0},
        "retired": 0,
        "lapsing": 0,
        "spared": 0,
        "came_back": 0,
        "waiting": [],
    }
    with database.begin() as session:
        assert [row[0] for row in suppressions_of(session, bounced)] == ["soft_bounce"]
    assert suppressed(hygiene.run(resources)) == 0


def suppressed(report: hygiene.HygieneReport) -> int:
    """How many people were suppressed for soft bounces."""
    return sum(night.counts.get(Rule.SOFT_BOUNCE, 0) for night in report.nights)


def test_a_dry_run_counts_and_changes_nothing(
    resources: Resources, database: Database, bounced: Mailed
) -> None:
    assert suppressed(hygiene.run(resources, tenant_id=bounced.tenant_id, dry_run=True)) == 1
    with database.begin() as session:
        found = one(
            session, "SELECT (SELECT count(*) FROM suppression) + (SELECT count(*) FROM hygiene_run) AS n"
        )
    assert found is not None
    assert found["n"] == 0


def test_one_tenant_can_be_chosen(resources: Resources, database: Database, bounced: Mailed) -> None:
    with database.begin() as session:
        other = a_campaign(session, "other")
    assert suppressed(hygiene.run(resources, tenant_id=other.tenant_id)) == 0
    with pytest.raises(NotFoundError):
        hygiene.run(resources, tenant_id=0)
