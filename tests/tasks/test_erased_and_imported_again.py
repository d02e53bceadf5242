"""P06: who was erased is nowhere in the database, and is mailed by no campaign after the next import."""

from pathlib import Path

import pytest

from core.suppression import Reason
from store import suppressions
from store.session import Session, rows, run
from tasks.contacts import import_contacts
from tasks.suppressions import add_suppression
from tests.builders import a_campaign, key_of, plan
from tests.stage import Stage


ADDRESS = "Anna.Meier@example.net"


def dump(session: Session) -> str:
    """Every row of every table, in lower case."""
    tables = rows(session, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return " ".join(
        str([tuple(row.values()) for row in rows(session, f"SELECT * FROM {table['tablename']}")])
        for table in tables
    ).lower()


@pytest.mark.parametrize(
    ("reason", "skipped"),
    [
        (Reason.COMPLAINT, "complained"),
        (Reason.UNSUBSCRIBE, "unsubscribed"),
        (Reason.HARD_BOUNCE, "hard_bounced"),
        (Reason.MANUAL, "suppressed"),
    ],
)
def test_who_was_erased_is_skipped_after_the_next_import(
    stage: Stage, tmp_path: Path, reason: Reason, skipped: str
) -> None:
    """P06"""
    scene, resources = stage.set(1), stage.resources()
    add_suppression(
        resources, tenant_id=scene.tenant_id, address=ADDRESS, reason=reason, why=f"{ADDRESS} asked"
    )
    with stage.database.begin() as session:
        suppressions.forget_address(session, tenant_id=scene.tenant_id, recipient_key=key_of(ADDRESS))
    with stage.database.begin() as session:
        assert "meier" not in dump(session)
    file = tmp_path / "people.csv"
    file.write_text(f"email,first_name\n{ADDRESS.upper()},Anna\n")
    import_contacts(resources, tenant_id=scene.tenant_id, location=str(file), audience="readers")
    with stage.database.begin() as session:
        again = a_campaign(session, scene)
        assert plan(session, again) == 1
        left_out = rows(
            session, "SELECT reason FROM campaign_exclusion WHERE campaign_id = :id", id=again.campaign_id
        )
    assert [row["reason"] for row in left_out] == [skipped]
    stage.send(again)
    assert [one for one in stage.ses.recipients if "meier" in one.lower()] == []


def test_a_dump_is_searched_in_earnest(stage: Stage) -> None:
    """Else the test above could not fail."""
    scene = stage.set(1)
    with stage.database.begin() as session:
        run(
            session,
            "UPDATE contact SET address = :address WHERE tenant_id = :id",
            address=ADDRESS,
            id=scene.tenant_id,
        )
        assert "anna.meier@example.net" in dump(session)
