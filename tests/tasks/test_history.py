"""Everything we know of one person's mail, for whoever has to answer the person."""

from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.suppression import Reason
from store.session import Database, one, run
from tasks import history
from tasks.resources import Resources
from tasks.sending import sender
from tests.builders import Scene, a_contact, a_scene, an_account, ledger, plan, suppress
from tests.fakes import FakeSes, some_resources


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path, FakeSes())


def why(resources: Resources, scene: Scene, address: str) -> dict[str, object]:
    return history.why(resources, tenant_slug=scene.slug, address_text=address)


def a_sent_campaign(resources: Resources, *addresses: str) -> Scene:
    with resources.database.begin() as session:
        an_account(session)
        scene = a_scene(session)
        for address in addresses:
            a_contact(session, scene, address)
        plan(session, scene)
    with sender(resources, scene.campaign_id) as sending:
        sending.send(seconds=10)
    return scene


def report(resources: Resources, scene: Scene, address: str, **facts: str) -> None:
    """What SES said of an address's delivery: a fact and the minutes after its call."""
    with resources.database.begin() as session:
        (delivery,) = [row for row in ledger(session, scene) if row["address"] == address]
        for fact, minutes in facts.items():
            run(
                session,
                """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
                   SELECT tenant_id, id, :fact, resolved_at + CAST(:later AS interval), now(), '{"status": "5.1.1"}'
                   FROM delivery WHERE id = :id""",
                fact=fact,
                later=f"{minutes} minutes",
                id=delivery["id"],
            )


def test_a_sent_message_has_a_timeline(resources: Resources) -> None:
    scene = a_sent_campaign(resources, "ann@example.net")
    report(resources, scene, "ann@example.net", sent="1", delivery="2", open="9")
    answer = why(resources, scene, " ANN@Example.net")
    assert answer["summary"] == "1 contact with this address, not suppressed, 1 campaign."
    assert answer["suppressions"] == []
    (delivery,) = answer["deliveries"]
    assert (delivery["campaign_id"], delivery["campaign"], delivery["state"]) == (
        scene.campaign_id,
        "Spring",
        "sent",
    )
    assert delivery["why"] == "SES accepted it; reported since: delivered, opened by a person."
    assert [step["what"] for step in delivery["timeline"]] == [
        "planned",
        "called, attempt 1",
        "sent, known by api",
        "confirmed by a Send event",
        "delivered",
        "opened by a person",
    ]
    moments = [step["at"] for step in delivery["timeline"]]
    assert moments == sorted(moments)
    assert delivery["timeline"][-1]["detail"] == {"status": "5.1.1"}


def test_a_bounced_message_says_what_ses_reported_and_what_follows(resources: Resources) -> None:
    scene = a_sent_campaign(resources, "gone@example.net")
    report(resources, scene, "gone@example.net", bounce_permanent="1")
    with resources.database.begin() as session:
        suppress(session, scene, "gone@example.net", Reason.HARD_BOUNCE)
    answer = why(resources, scene, "gone@example.net")
    assert answer["summary"] == "1 contact with this address, suppressed (hard_bounce), 1 campaign."
    assert [row["reason"] for row in answer["suppressions"]] == ["hard_bounce"]
    (delivery,) = answer["deliveries"]
    assert delivery["why"] == "SES accepted it; reported since: hard bounce."
    assert delivery["timeline"][-1]["what"] == "hard bounce"


def test_a_suppressed_person_is_told_the_reason(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session)
        a_contact(session, scene, "no@example.net")
        suppress(session, scene, "no@example.net", Reason.UNSUBSCRIBE)
        plan(session, scene)
    answer = why(resources, scene, "no@example.net")
    (delivery,) = answer["deliveries"]
    assert (delivery["state"], delivery["why"]) == ("skipped", "Not sent: the person has unsubscribed.")
    assert [step["what"] for step in delivery["timeline"]] == ["planned", "skipped, known by policy"]


def test_both_spellings_of_one_address_are_told_together(resources: Resources) -> None:
    """T13"""
    scene = a_sent_campaign(resources, "ann@example.net", "Ann@example.net")
    answer = why(resources, scene, "ann@example.net")
    assert answer["summary"] == "2 contacts with this address, not suppressed, 2 campaigns."
    assert sorted((found["state"], found["why"]) for found in answer["deliveries"]) == [
        ("sent", "SES accepted it."),
        ("skipped", "Not sent: another contact of the audience has the same address, and got it."),
    ]


def test_an_invalid_address_says_what_is_wrong_and_on_which_line_it_stood(resources: Resources) -> None:
    """T12"""
    with resources.database.begin() as session:
        scene = a_scene(session)
        run(
            session,
            """WITH i AS (
                   INSERT INTO contact_import (tenant_id, audience_id, file_name, file_digest, file_format)
                   VALUES (:tenant_id, :audience_id, 'list.csv', 'd', 'generic') RETURNING id
               )
               INSERT INTO import_rejection (tenant_id, import_id, line, code, message, address_text)
               SELECT :tenant_id, id, 17, 'invalid_address', 'two dots', 'a@b..example' FROM i""",
            tenant_id=scene.tenant_id,
            audience_id=scene.audience_id,
        )
    answer = why(resources, scene, " a@b..example ")
    assert answer["summary"].endswith("(invalid_address)")
    assert (answer["deliveries"], answer["suppressions"]) == ([], [])
    (refused,) = answer["imports"]
    assert (refused["line"], refused["code"], refused["file_name"]) == (17, "invalid_address", "list.csv")


def test_nobody_we_know_is_said_to_be_nobody(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session)
    answer = why(resources, scene, "stranger@example.net")
    assert answer["summary"] == "No contact and no suppression has this address."


def test_an_erased_person_is_still_suppressed(resources: Resources) -> None:
    """P06"""
    with resources.database.begin() as session:
        scene = a_scene(session)
        suppress(session, scene, "erased@example.net", Reason.UNSUBSCRIBE)
        run(session, "UPDATE suppression SET address = NULL")
    answer = why(resources, scene, "erased@example.net")
    assert answer["summary"] == "0 contacts with this address, suppressed (unsubscribe), 0 campaigns."


def test_another_tenants_person_is_unknown(resources: Resources) -> None:
    """P04"""
    scene = a_sent_campaign(resources, "ann@example.net")
    with resources.database.begin() as session:
        stranger = a_scene(session)
        assert one(session, "SELECT 1 FROM contact WHERE tenant_id = :id", id=scene.tenant_id) is not None
    assert why(resources, stranger, "ann@example.net")["deliveries"] == []


def test_an_unknown_tenant_is_not_found(resources: Resources) -> None:
    with pytest.raises(NotFoundError):
        history.why(resources, tenant_slug="nobody", address_text="ann@example.net")


@pytest.mark.parametrize(
    ("state", "why_not", "told"),
    [
        pytest.param(
            "lapsing",
            "no open or click in 180 days and 12 messages",
            "Lapsing: no open or click in 180 days and 12 messages; only a win-back is sent.",
            id="lapsing",
        ),
        pytest.param("retired", "the domain has taken no mail for 7 nights", "Retired: the domain has taken no mail for 7 nights.", id="retired by hygiene"),
        pytest.param("retired", "", "Retired.", id="retired without a reason"),
    ],
)  # fmt: skip
def test_whom_hygiene_does_not_mail_is_told_why(
    resources: Resources, state: str, why_not: str, told: str
) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session)
        contact = a_contact(session, scene, "ann@example.net", state=state, state_reason=why_not)
    answer = why(resources, scene, "ann@example.net")
    assert answer["summary"] == f"1 contact with this address, not suppressed, 0 campaigns. {told}"
    assert answer["contacts"] == [
        {
            "contact_id": contact.id,
            "state": state,
            "rule": None,
            "why": why_not,
            "since": None,
            "audiences": ["readers"],
        }
    ]
