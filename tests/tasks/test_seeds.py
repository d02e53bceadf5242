"""Tests to seeds, on a real ledger: everybody of a list at most once for a request, and the campaign is not touched."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core import errors
from core.campaigns import CampaignState
from core.errors import ConflictError, InputError, NotFoundError
from core.message import Message
from core.suppression import Reason
from core.tenants import DeliveryApi, TenantState
from store import accounts, quarantine, tenants
from store.session import Database, one, rows, run
from tasks import events, seeds
from tasks.resources import Resources
from tasks.seeds import Wish
from tests.builders import (
    Scene,
    a_contact,
    a_scene,
    allow_today,
    allowance,
    an_account,
    states,
    suppress,
    write_template,
)
from tests.fakes import REGION, FakeSes, all_accepted, lost, some_resources
from tests.mailed import SAMPLES


TEAM = ["ann@example.org", "bob@example.org", "cy@example.org"]


@pytest.fixture
def ses() -> FakeSes:
    return FakeSes()


@pytest.fixture
def resources(database: Database, tmp_path: Path, ses: FakeSes) -> Resources:
    write_template(tmp_path / "templates")
    sample = {"contact": {"email": "ada@example.com", "first_name": "Ada"}}
    (tmp_path / "templates" / "newsletter" / "sample.json").write_text(json.dumps(sample))
    return some_resources(database, tmp_path, ses, templates_dir=tmp_path / "templates")


@pytest.fixture
def scene(database: Database, resources: Resources) -> Scene:
    with database.begin() as session:
        an_account(session)
        scene = a_scene(session, state=CampaignState.DRAFT)
        a_contact(session, scene, attributes={"first_name": "Zoë"})
    seeds.add(resources, tenant_slug=scene.slug, name="team", given=TEAM)
    return scene


def of_campaign(resources: Resources, scene: Scene, **wish: Any) -> seeds.Report:
    return seeds.send_campaign(resources, scene.campaign_id, Wish(seeds="team", **wish))


def outcomes(report: seeds.Report) -> list[tuple[str, str]]:
    return [(one.state, one.why) for one in report.messages]


# Lists


def test_a_list_is_made_with_its_first_address_and_goes_with_its_last(
    resources: Resources, scene: Scene
) -> None:
    slug = scene.slug
    assert (
        seeds.add(resources, tenant_slug=slug, name="team", given=["ANN@example.org", "dee@example.org"]) == 1
    )
    assert seeds.lists(resources, tenant_slug=slug) == {"team": 4}
    assert set(seeds.members(resources, tenant_slug=slug, name="team")) == {*TEAM, "dee@example.org"}
    everybody = [*TEAM, "dee@example.org", "nobody@example.org"]
    assert seeds.remove(resources, tenant_slug=slug, name="team", given=everybody) == 4
    assert seeds.lists(resources, tenant_slug=slug) == {}
    with pytest.raises(NotFoundError, match="no seed list 'team'"):
        seeds.members(resources, tenant_slug=slug, name="team")


def test_a_list_has_at_most_fifty(resources: Resources, scene: Scene) -> None:
    many = [f"seed{number}@example.org" for number in range(48)]
    with pytest.raises(InputError, match="more than 50"):
        seeds.add(resources, tenant_slug=scene.slug, name="team", given=many)
    assert seeds.lists(resources, tenant_slug=scene.slug) == {"team": 3}
    assert seeds.add(resources, tenant_slug=scene.slug, name="team", given=many[:47]) == 47


def test_a_suppressed_address_does_not_become_a_seed(
    resources: Resources, scene: Scene, database: Database
) -> None:
    with database.begin() as session:
        suppress(session, scene, "gone@example.org", Reason.HARD_BOUNCE)
    with pytest.raises(InputError, match="address 2 is suppressed: hard_bounce") as refused:
        seeds.add(resources, tenant_slug=scene.slug, name="new", given=["x@example.org", "gone@example.org"])
    assert (refused.value.code, "gone@" in str(refused.value)) == ("seed_suppressed", False)
    assert seeds.lists(resources, tenant_slug=scene.slug) == {"team": 3}


# Sending


def test_every_seed_gets_the_mail_that_a_contact_would(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    report = of_campaign(resources, scene, is_marked=False)
    assert report.ok
    assert sorted(ses.recipients) == sorted(TEAM)
    message = ses.sent[0]
    assert all(other.content == message.content for other in ses.sent)
    assert message.content.subject == "Spring for Zoë"
    assert "Hello Zoë" in message.content.html
    assert (message.configuration_set, message.ses_tenant_name) == (f"{scene.slug}-set", scene.slug)
    assert (message.from_header, message.reply_to) == ("Acme <news@acme.example>", "hi@acme.example")
    assert message.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert {tuple(one.tags) for one in ses.sent} == {
        ("tenant", "test", "ses:feedback-id-a", "ses:feedback-id-b")
    }
    assert len({one.tags["test"] for one in ses.sent}) == 3


def test_the_subject_is_marked_unless_somebody_wants_it_as_it_will_be(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    of_campaign(resources, scene)
    assert {message.content.subject for message in ses.sent} == {"[Test] Spring for Zoë"}


def test_the_campaign_is_not_touched(resources: Resources, scene: Scene, database: Database) -> None:
    with database.begin() as session:
        allow_today(session, scene, 100)
    of_campaign(resources, scene)
    with database.begin() as session:
        assert states(session, scene) == {}
        assert allowance(session, scene) == (100, 0)
        assert rows(session, "SELECT FROM delivery_attempt") == []
        assert accounts.find(session, region=REGION)[0].sent_last_24_hours == 3


def test_the_same_request_calls_nobody_twice(resources: Resources, scene: Scene, ses: FakeSes) -> None:
    first = of_campaign(resources, scene, request_id="r1")
    again = of_campaign(resources, scene, request_id="r1")
    assert again == first
    assert len(ses.calls) == 3
    of_campaign(resources, scene, request_id="r2")
    assert len(ses.calls) == 6


def test_a_tester_who_joins_gets_the_test_of_an_earlier_request(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    of_campaign(resources, scene, request_id="r1")
    seeds.add(resources, tenant_slug=scene.slug, name="team", given=["dee@example.org"])
    of_campaign(resources, scene, request_id="r1")
    assert sorted(ses.recipients) == sorted([*TEAM, "dee@example.org"])


def test_a_lost_answer_is_in_doubt_and_not_called_again(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    ses.script = lambda message, number: lost() if number == 2 else all_accepted(message, number)
    report = of_campaign(resources, scene, request_id="r1")
    assert sorted(outcomes(report)) == [("in_doubt", "ReadTimeoutError"), ("sent", ""), ("sent", "")]
    assert not report.ok
    of_campaign(resources, scene, request_id="r1")
    assert len(ses.calls) == 3


def test_what_is_known_unsent_is_called_again_by_the_same_request(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    ses.script = lambda message, number: (
        errors.ThrottledError("slow") if number == 1 else all_accepted(message, number)
    )
    report = of_campaign(resources, scene, request_id="r1")
    assert sorted(outcomes(report)) == [("not_sent", "throttled"), ("sent", ""), ("sent", "")]
    assert of_campaign(resources, scene, request_id="r1").ok
    assert len(ses.calls) == 4
    assert len({call.tags["test"] for call in ses.calls}) == 4


def test_a_process_that_dies_in_a_call_leaves_a_test_that_may_have_been_sent(
    resources: Resources, scene: Scene, ses: FakeSes
) -> None:
    def die(_message: Message, _number: int) -> str:
        raise KeyboardInterrupt

    ses.script = die
    with pytest.raises(KeyboardInterrupt):
        of_campaign(resources, scene, request_id="r1")
    ses.script = all_accepted
    report = of_campaign(resources, scene, request_id="r1")
    assert outcomes(report) == [("submitting", "")] * 3
    assert ses.sent == []


def test_a_seed_that_is_suppressed_since_is_refused_and_the_others_get_it(
    resources: Resources, scene: Scene, database: Database, ses: FakeSes
) -> None:
    with database.begin() as session:
        suppress(session, scene, "ann@example.org", Reason.UNSUBSCRIBE, audience_id=scene.audience_id)
    report = of_campaign(resources, scene)
    assert [(one.address, one.state, one.why) for one in report.messages if one.state != "sent"] == [
        ("ann@example.org", "refused", "suppressed, unsubscribe")
    ]
    assert sorted(ses.recipients) == ["bob@example.org", "cy@example.org"]
    assert report.in_words() == f"test {report.request_id}: 2 sent, 1 refused: suppressed, unsubscribe"


def test_a_paused_tenant_sends_no_test(resources: Resources, scene: Scene, database: Database) -> None:
    with database.begin() as session:
        tenants.set_state(
            session, tenant_id=scene.tenant_id, state=TenantState.PAUSED, reason="unpaid", actor="Ann"
        )
    with pytest.raises(ConflictError, match="the tenant is paused: unpaid"):
        of_campaign(resources, scene)


def test_an_account_that_rests_sends_no_test(resources: Resources, scene: Scene, database: Database) -> None:
    with database.begin() as session:
        accounts.block(session, region=REGION, seconds=60, reason="ses_unreachable")
    with pytest.raises(ConflictError, match=r"rests \(ses_unreachable\)") as refused:
        of_campaign(resources, scene, request_id="r1")
    assert "--request-id r1" in refused.value.hint


def test_what_goes_wrong_slows_everybody_down(
    resources: Resources, scene: Scene, database: Database, ses: FakeSes
) -> None:
    ses.script = lambda _message, _number: errors.UnreachableError("no connection to SES")
    assert set(outcomes(of_campaign(resources, scene))) == {("not_sent", "ses_unreachable")}
    with database.begin() as session:
        assert accounts.find(session, region=REGION)[0].blocked_reason == "ses_unreachable"


def test_the_rate_of_the_account_is_kept(
    resources: Resources, scene: Scene, database: Database, ses: FakeSes
) -> None:
    """At 10 a second a grant is for two: three tests are two grants."""
    with database.begin() as session:
        an_account(session, max_send_rate=10.0)
        run(session, "UPDATE ses_account SET send_rate = 10")
    assert of_campaign(resources, scene).ok
    assert len(ses.sent) == 3


def test_a_tenant_that_sends_in_bulk_tests_in_bulk(
    resources: Resources, scene: Scene, database: Database, ses: FakeSes
) -> None:
    with database.begin() as session:
        tenants.by_id(session, tenant_id=scene.tenant_id).delivery_api = DeliveryApi.BULK
    assert of_campaign(resources, scene).ok
    assert [len(call) for call in ses.bulk_calls] == [3]


@pytest.mark.parametrize("named", [None, "readers"])
def test_a_template_is_shown_by_its_sample_or_by_a_contact(
    resources: Resources, scene: Scene, ses: FakeSes, named: str | None
) -> None:
    report = seeds.send_template(
        resources, name="newsletter", tenant_slug=scene.slug, audience=named, wish=Wish(seeds="team")
    )
    assert report.ok
    name = "Zoë" if named else "Ada"
    assert {message.content.subject for message in ses.sent} == {f"[Test] newsletter for {name}"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"contact_id": 7}, "a contact of which audience", id="a contact without an audience"),
        pytest.param({"seeds": "press"}, "no seed list 'press'", id="no such list"),
    ],
)
def test_what_is_not_there_is_refused(
    resources: Resources, scene: Scene, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        seeds.send_template(
            resources, name="newsletter", tenant_slug=scene.slug, wish=Wish(**{"seeds": "team"} | changes)
        )


def test_another_tenants_contact_is_not_there(resources: Resources, scene: Scene, database: Database) -> None:
    with database.begin() as session:
        other = a_scene(session)
        stranger = a_contact(session, other)
    with pytest.raises(NotFoundError, match=f"no active contact {stranger.id}"):
        of_campaign(resources, scene, contact_id=stranger.id)


# Events


def an_event(scene: Scene, message: Message, sample: str, **tags: str) -> str:
    """A sample as SES would send it of this test."""
    document = json.loads((SAMPLES / f"{sample}.json").read_text())
    given = {
        **message.tags,
        "ses:configuration-set": f"{scene.slug}-set",
        "ses:tenant-name": scene.slug,
        **tags,
    }
    document["mail"]["tags"] = {name: [value] for name, value in given.items()}
    document["mail"]["messageId"] = f"ses-{message.tags['test']}"
    return json.dumps(document)


def ingest(resources: Resources, folder: Path, raws: Sequence[str]) -> dict[str, int]:
    path = folder / "events.jsonl"
    path.write_text("\n".join(raws))
    report = events.ingest_files(resources, [path])
    return {"applied": report.applied, "quarantined": report.quarantined}


def test_events_of_tests_are_recognised_and_settle_their_doubt(
    resources: Resources, scene: Scene, ses: FakeSes, database: Database, tmp_path: Path
) -> None:
    ses.script = lambda _message, _number: lost()
    of_campaign(resources, scene, request_id="r1")
    told = [an_event(scene, message, sample) for message in ses.calls for sample in ("delivery", "send")]
    assert ingest(resources, tmp_path, [*told, *told]) == {"applied": 6, "quarantined": 0}
    assert of_campaign(resources, scene, request_id="r1").ok
    with database.begin() as session:
        assert quarantine.open_ones(session) == []
        reported = one(session, "SELECT reported FROM seed_send LIMIT 1")
    assert set(reported["reported"]) == {"sent", "delivery"}


def test_a_seed_that_bounces_for_good_is_suppressed_like_anybody(
    resources: Resources, scene: Scene, ses: FakeSes, tmp_path: Path
) -> None:
    of_campaign(resources, scene)
    [message] = [message for message in ses.sent if message.recipient == "ann@example.org"]
    ingest(resources, tmp_path, [an_event(scene, message, "bounce_permanent_noemail")])
    report = of_campaign(resources, scene)
    assert [(one.address, one.why) for one in report.messages if one.state == "refused"] == [
        ("ann@example.org", "suppressed, hard_bounce")
    ]


def test_a_rejected_test_failed(resources: Resources, scene: Scene, ses: FakeSes, tmp_path: Path) -> None:
    of_campaign(resources, scene, request_id="r1")
    ingest(resources, tmp_path, [an_event(scene, message, "reject") for message in ses.sent])
    assert outcomes(of_campaign(resources, scene, request_id="r1")) == [("failed", "dropped")] * 3


@pytest.mark.parametrize(
    ("tags", "quarantined"),
    [
        pytest.param({"ses:configuration-set": "globex-set"}, 1, id="another tenant's configuration set"),
        pytest.param({"test": "test-forged"}, 0, id="a test that nobody has sent"),
    ],
)
def test_a_forged_event_changes_no_test(
    resources: Resources, scene: Scene, ses: FakeSes, tmp_path: Path, tags: dict[str, str], quarantined: int
) -> None:
    of_campaign(resources, scene, request_id="r1")
    told = [an_event(scene, ses.sent[0], "reject", **tags)]
    assert ingest(resources, tmp_path, told) == {"applied": 0, "quarantined": quarantined}
    assert of_campaign(resources, scene, request_id="r1").ok


def test_tests_are_counted_when_the_ledger_is_compared_with_ses(
    resources: Resources, scene: Scene, database: Database
) -> None:
    of_campaign(resources, scene)
    with database.begin() as session:
        assert quarantine.our_count(session) == 3
