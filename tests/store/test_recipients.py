"""Who got a campaign, who did not and why, read from a real ledger."""

from collections import Counter
from typing import Any

import pytest
from sqlmodel import Session

from core.deliveries import State
from core.errors import ConflictError, NotFoundError
from core.suppression import Reason
from store import campaigns, recipients, tenants
from store.session import run
from tests.builders import Scene, a_campaign, a_contact, a_scene, plan, suppress


EVERYBODY = list(State)


def listed(session: Session, scene: Scene, states: list[State] = EVERYBODY) -> list[dict[str, Any]]:
    return list(recipients.of_campaign(session, **scene.campaign, states=states))


def a_mixed_campaign(session: Session) -> Scene:
    """Eight states of deliveries, and three people who were left out; a second campaign that must not be seen."""
    scene = a_scene(session, contacts=7)
    a_contact(session, scene, "twice@example.net")
    a_contact(session, scene, "Twice@example.net")
    a_contact(session, scene, "gone@example.net")
    suppress(session, scene, "gone@example.net", Reason.COMPLAINT)
    a_contact(session, scene, "quiet@example.net", state="retired", state_reason="no open in 180 days")
    plan(session, scene)
    for number, state in enumerate(State):
        run(
            session,
            """UPDATE delivery SET state = :state, attempt_id = 'a', skip_reason = CASE :state WHEN 'skipped' THEN 'cancelled' END
               WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND id = (
                   SELECT id FROM delivery WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
                   ORDER BY id OFFSET :number LIMIT 1)""",
            **scene.campaign,
            state=str(state),
            number=number,
        )
    plan(session, a_campaign(session, scene))
    return scene


def test_every_contact_of_the_audience_is_listed_once_and_the_list_adds_up_to_the_status(
    session: Session,
) -> None:
    scene = a_mixed_campaign(session)
    found = listed(session, scene)
    assert len(found) == len({row["contact_id"] for row in found}) == 11
    status = campaigns.status(session, **scene.campaign)
    counted = Counter(row["state"] for row in found)
    assert (len(found), counted["skipped"]) == (status.audience, status.skipped)
    assert {state: counted[state] for state in ("pending", "claimed", "submitting", "in_doubt")} == {
        "pending": 1,
        "claimed": 1,
        "submitting": 1,
        "in_doubt": 1,
    }
    left_out = {
        row["address"]: (row["skip_reason"], row["state_reason"]) for row in found if row["skip_reason"]
    }
    assert left_out["Twice@example.net"] == ("duplicate", "")
    assert left_out["gone@example.net"] == ("complained", "")
    assert left_out["quiet@example.net"] == ("retired", "no open in 180 days")


@pytest.mark.parametrize(
    ("states", "people"),
    [
        pytest.param([State.SENT], 1, id="sent"),
        pytest.param([State.SKIPPED], 4, id="skipped, with those who were left out"),
        pytest.param([State.PENDING, State.CLAIMED, State.SUBMITTING, State.IN_DOUBT], 4, id="waiting"),
    ],
)
def test_some_outcomes_can_be_chosen(session: Session, states: list[State], people: int) -> None:
    assert len(listed(session, a_mixed_campaign(session), states)) == people


def test_facts_come_with_their_first_time_and_their_reason(session: Session) -> None:
    scene = a_scene(session, contacts=1)
    plan(session, scene)
    run(
        session,
        """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
           SELECT tenant_id, id, fact, '2026-11-24T09:00Z', '2026-11-25T09:00Z', '{"reason": "no_such_mailbox"}'
           FROM delivery, unnest(ARRAY['sent', 'bounce_permanent']) AS fact WHERE tenant_id = :tenant_id""",
        tenant_id=scene.tenant_id,
    )
    (row,) = listed(session, scene)
    assert set(row["facts"]) == {"sent", "bounce_permanent"}
    assert row["facts"]["bounce_permanent"]["reason"] == "no_such_mailbox"
    assert row["facts"]["bounce_permanent"]["at"].startswith("2026-11-24T")


def test_another_tenants_campaign_has_no_list(session: Session) -> None:
    """P04"""
    scene, other = a_mixed_campaign(session), a_scene(session)
    key = {"tenant_id": other.tenant_id, "campaign_id": scene.campaign_id}
    assert list(recipients.of_campaign(session, **key, states=EVERYBODY)) == []
    with pytest.raises(NotFoundError):
        recipients.note_taken(session, **key, outcomes=[], actor="Ada")


def test_a_campaign_that_is_not_planned_has_no_list_yet(session: Session) -> None:
    scene = a_scene(session, contacts=2)
    with pytest.raises(ConflictError, match="is not planned yet") as refused:
        recipients.note_taken(session, **scene.campaign, outcomes=[], actor="Ada")
    assert refused.value.hint == f"posthouse campaign preflight {scene.campaign_id}"


def test_taking_the_list_is_written_down(session: Session) -> None:
    scene = a_mixed_campaign(session)
    recipients.note_taken(session, **scene.campaign, outcomes=["failed", "skipped"], actor="web:Ada")
    entry = tenants.audit_trail(session, tenant_id=scene.tenant_id)[0]
    assert (entry["actor"], entry["action"], entry["subject"], entry["reason"]) == (
        "web:Ada",
        "campaign.recipients_taken",
        f"campaign {scene.campaign_id}",
        "the list of failed, skipped",
    )


def test_the_server_keeps_the_rows_and_we_hold_one_page(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E09's way with memory: a cursor of the server, read page by page."""
    monkeypatch.setattr(recipients, "PAGE", 2)
    scene = a_mixed_campaign(session)
    found = recipients.of_campaign(session, **scene.campaign, states=EVERYBODY)
    next(found)
    # The cursor is the server's own, and open.
    assert run(session, "SELECT count(*) FROM pg_cursors").scalar_one() == 1
    assert len(list(found)) == 10
