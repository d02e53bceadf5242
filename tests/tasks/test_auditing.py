"""The run-time audit: a message that is not premailer's page is found before it is sent, and its template is demoted."""

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.message import Message
from core.rendering import TemplateSources
from core.tenants import DeliveryApi
from gateways.render_process import BOOTSTRAP, Renderer
from gateways.ses import Ses
from store import auditing as records
from store import tenants
from store.session import Database, rows, run
from tasks import auditing, campaigns
from tasks.preflight import check_campaign
from tasks.resources import Resources
from tasks.sending import sender
from tests.builders import (
    NEWSLETTER,
    Scene,
    a_campaign,
    a_contact,
    a_scene,
    an_account,
    ledger,
    plan,
    write_template,
)
from tests.fakes import RENDERER, all_accepted
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage
from tests.templates.oracle import Oracle, dom


# Proofs have had holes. This child's proof has one: it takes `p + p` for a selector that looks at no sibling, so the
# second paragraph is red once and for all, though only members have a first one.
HOLE = """
sys.modules['requests'] = type(sys)('requests')
from core import stylesheets
stylesheets.is_plain = lambda selector: True
"""
# And this one writes another colour into the tags than premailer has told it.
WRONG_FOR_ALL = """
sys.modules['requests'] = type(sys)('requests')
from core import inlining
learned = inlining._constant_edits
inlining._constant_edits = lambda *given: [
    (start, end, text.replace('red', 'blue')) for start, end, text in learned(*given)
]
"""
SIBLINGS = replace(
    NEWSLETTER,
    html=(
        "<html><head><style>p + p {color: red}</style></head><body>"
        "{% if contact.member %}<p>Dear member,</p>{% endif %}<p>hello {{ contact.first_name }}</p>"
        '<a href="{{ unsubscribe_url }}">leave</a></body></html>'
    ),
)
PLAIN = replace(
    NEWSLETTER,
    html=(
        "<html><head><style>p {color: red}</style></head><body><p>hello {{ contact.first_name }}, this is what we have "
        'to say today to everybody who reads us</p><a href="{{ unsubscribe_url }}">leave</a></body></html>'
    ),
)
DIFFERENCE = "html/body[2]/p[1]: style differs in color"


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "posthouse")
    return caplog


def a_renderer(fault: str, **limits: float) -> Iterator[Renderer]:
    made = Renderer(**limits, bootstrap=BOOTSTRAP.replace("\nmain()", f"\n{fault}\nmain()"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def hole() -> Iterator[Renderer]:
    yield from a_renderer(HOLE)


@pytest.fixture(scope="module")
def wrong() -> Iterator[Renderer]:
    yield from a_renderer(WRONG_FOR_ALL)


def a_stage(
    stage: Stage, contacts: int, *, members: int, sources: TemplateSources = SIBLINGS, **tenant: Any
) -> Scene:
    """A planned campaign whose first contacts are members."""
    with stage.database.begin() as session:
        scene = a_scene(session, sources=sources, **tenant)
        for number in range(contacts):
            a_contact(session, scene, attributes={"first_name": f"Ann {number}", "member": number < members})
        plan(session, scene)
        an_account(session)
    return scene


def send(stage: Stage, scene: Scene, renderer: Renderer, **settings: Any) -> None:
    resources = stage.resources(**settings)
    vars(resources)["renderer"] = renderer
    with sender(resources, scene.campaign_id) as sending:
        sending.send(seconds=30)


def standing(database: Database, scene: Scene, sources: TemplateSources = SIBLINGS) -> records.Standing:
    with database.begin() as session:
        return records.standing(session, tenant_id=scene.tenant_id, digest=sources.digest())


def wanted(stage: Stage, scene: Scene, sources: TemplateSources = SIBLINGS) -> dict[str, Any]:
    """What premailer makes of everybody's page, by address, in the judge's opinion."""
    oracle = Oracle(sources)
    with stage.database.begin() as session:
        people = rows(
            session, "SELECT address, attributes FROM contact WHERE tenant_id = :id", id=scene.tenant_id
        )
    return {
        person["address"]: dom(oracle.html({"contact": person["attributes"], "unsubscribe_url": "x"}))
        for person in people
    }


def page(html: str) -> Any:
    """A page without the contact's own link, which the judge does not know."""
    return dom(re.sub('href="[^"]*"', 'href="x"', html))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bodies")


@pytest.fixture(scope="module")
def simulator(bodies: Path) -> Iterator[Simulated]:
    with a_simulator("--keep-bodies", str(bodies)) as simulated:
        yield simulated


@pytest.fixture
def judged(stage: Stage, simulator: Simulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose SES is the gateway, in front of the simulator."""
    simulator.reset()
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    stage.ses = Ses(read_timeout=5)
    yield stage
    stage.ses._client.close()


def accepted(simulator: Simulated, bodies: Path, scene: Scene) -> dict[str, Any]:
    """The pages that SES has accepted of a campaign, as it put them together, by address."""
    entries = [entry for entry in simulator.accepted() if entry["tags"]["campaign"] == str(scene.campaign_id)]
    assert len({entry["to"][0] for entry in entries}) == len(entries)
    return {entry["to"][0]: page((bodies / f"{entry['n']:08d}.html").read_text()) for entry in entries}


# A message that differs


@pytest.mark.parametrize("api", DeliveryApi)
def test_a_fault_that_everybody_would_get_reaches_nobody(
    judged: Stage, simulator: Simulated, bodies: Path, wrong: Renderer, api: DeliveryApi
) -> None:
    scene = a_stage(judged, 45, members=45, sources=PLAIN, delivery_api=api)

    send(judged, scene, wrong, window_size=20, claim_size=30)

    assert accepted(simulator, bodies, scene) == wanted(judged, scene, PLAIN)
    assert standing(judged.database, scene, PLAIN).demoted_why == "html/body[2]/p[1]: style differs in color"


@pytest.mark.parametrize("api", DeliveryApi)
def test_from_the_first_audited_message_that_differs_on_all_are_premailers_page(
    judged: Stage, simulator: Simulated, bodies: Path, hole: Renderer, api: DeliveryApi
) -> None:
    """Of members the page is right, of others it is not, and every message is audited."""
    scene = a_stage(judged, 30, members=25, delivery_api=api)

    send(judged, scene, hole, window_size=10, claim_size=10, audit_one_in=1)

    assert accepted(simulator, bodies, scene) == wanted(judged, scene)
    assert standing(judged.database, scene) == records.Standing(audited=26, demoted_why=DIFFERENCE)


def test_the_messages_of_a_claim_are_all_rendered_after_its_audits(stage: Stage, hole: Renderer) -> None:
    scene = a_stage(stage, 20, members=10)

    send(stage, scene, hole, audit_one_in=1)

    assert {call.recipient: page(call.content.html) for call in stage.ses.calls} == wanted(stage, scene)


def test_a_demotion_is_told_without_an_address(
    stage: Stage, hole: Renderer, caplog: pytest.LogCaptureFixture
) -> None:
    scene = a_stage(stage, 3, members=0)

    send(stage, scene, hole)

    [delivery, *_] = stage.ledger(scene)
    [said] = [record.getMessage() for record in caplog.records if record.name == "posthouse"]
    assert said == (
        f"Campaign {scene.campaign_id}: the message of contact {delivery['contact_id']} is not premailer's page "
        f"({DIFFERENCE}). Template {SIBLINGS.digest()[:12]} is demoted: premailer itself writes every message from now "
        "on, correctly and slowly."
    )
    with stage.database.begin() as session:
        [entry] = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert (entry["actor"], entry["action"], entry["reason"]) == ("the audit", "template.demoted", DIFFERENCE)
    assert entry["subject"] == f"template {SIBLINGS.digest()[:12]}"
    assert entry["detail"] == {
        "campaign": scene.campaign_id,
        "contact": delivery["contact_id"],
        "delivery": delivery["id"],
    }


def test_the_next_run_and_the_next_campaign_know_of_it_and_audit_nothing(
    stage: Stage, hole: Renderer
) -> None:
    scene = a_stage(stage, 8, members=0)
    send(stage, scene, hole)
    with stage.database.begin() as session:
        another = a_campaign(session, scene, sources=SIBLINGS)
        plan(session, another)

    send(stage, another, hole, audit_one_in=1)

    assert {call.recipient: page(call.content.html) for call in stage.ses.calls[8:]} == wanted(stage, scene)
    assert standing(stage.database, scene).audited == 1


def test_a_variant_that_differs_demotes_all_of_them(stage: Stage, hole: Renderer) -> None:
    """English readers get a right page, and the first German one is found; nobody after that is written by us."""
    german = SIBLINGS.html.replace("hello", "Hallo")
    sources = replace(PLAIN, variants={"de": {"html": german}})
    scene = a_stage(stage, 20, members=0, sources=sources)
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE contact SET attributes = attributes || '{"locale": "de-AT"}'
               WHERE tenant_id = :tenant_id AND id % 2 = 0""",
            tenant_id=scene.tenant_id,
        )

    send(stage, scene, hole, audit_one_in=1)

    english, germans = wanted(stage, scene, PLAIN), wanted(stage, scene, replace(SIBLINGS, html=german))
    pages = {call.recipient: page(call.content.html) for call in stage.ses.calls}
    assert len(pages) == 20
    assert all(found in (english[address], germans[address]) for address, found in pages.items())
    assert sum(found == germans[address] for address, found in pages.items()) == 10
    assert standing(stage.database, scene, sources).demoted_why == DIFFERENCE


def test_who_has_rendered_before_somebody_else_demotes_renders_again(stage: Stage, hole: Renderer) -> None:
    """Two processes on one campaign: what the first of them has rendered and not called yet must not go out."""
    scene = a_stage(stage, 24, members=0)

    def demoted_by_another(message: Message, number: int) -> str:
        if number == 8:
            with stage.database.begin() as session:
                records.demote(session, tenant_id=scene.tenant_id, digest=SIBLINGS.digest(), why="another's")
        return all_accepted(message, number)

    stage.ses.script = demoted_by_another
    send(stage, scene, hole, audit_one_in=0, window_size=8, claim_size=24, calls_in_flight=1)

    right = wanted(stage, scene)
    pages = [page(call.content.html) == right[call.recipient] for call in stage.ses.calls]
    assert pages == [False] * 8 + [True] * 16
    assert stage.states(scene) == {"sent": 24}


def test_two_who_find_it_at_once_write_it_down_once(stage: Stage) -> None:
    scene = a_stage(stage, 1, members=0)
    begun, results = threading.Barrier(2), []

    def find(what: str) -> None:
        begun.wait()
        with stage.database.begin() as session:
            auditing.demote(
                session, tenant_id=scene.tenant_id, digest=SIBLINGS.digest(), what=what, detail={"contact": 1}
            )
        results.append(what)

    threads = [threading.Thread(target=find, args=(what,)) for what in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with stage.database.begin() as session:
        trail = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert sorted(results) == ["one", "other"]
    assert [entry["reason"] for entry in trail] == [standing(stage.database, scene).demoted_why]


def test_status_and_preflight_tell_of_a_demotion(stage: Stage, hole: Renderer) -> None:
    scene = a_stage(stage, 8, members=0)
    resources = stage.resources()
    assert campaigns.status_of(resources, scene.campaign_id).as_json()["audit"] == {
        "audited": 0,
        "demoted": None,
    }

    send(stage, scene, hole)

    assert campaigns.status_of(resources, scene.campaign_id).as_json()["audit"] == {
        "audited": 1,
        "demoted": DIFFERENCE,
    }
    [finding] = [
        found for found in check_campaign(resources, scene.campaign_id).findings if found.where == "template"
    ]
    assert (finding.id, finding.severity) == ("template_demoted", "warn")


# A message that is as it should be


def test_a_right_template_is_audited_and_stays(stage: Stage) -> None:
    scene = a_stage(stage, 40, members=40, sources=PLAIN)

    send(stage, scene, RENDERER, audit_one_in=1)

    assert standing(stage.database, scene, PLAIN) == records.Standing(audited=40, demoted_why="")
    assert len(stage.ses.calls) == 40


def test_the_first_message_of_every_run_is_audited(stage: Stage) -> None:
    scene = a_stage(stage, 40, members=40, sources=PLAIN)

    send(stage, scene, RENDERER, audit_one_in=1_000_000)

    assert standing(stage.database, scene, PLAIN).audited == 1


def test_with_zero_nothing_is_audited(stage: Stage, wrong: Renderer) -> None:
    scene = a_stage(stage, 8, members=8, sources=PLAIN)

    send(stage, scene, wrong, audit_one_in=0)

    assert standing(stage.database, scene, PLAIN) == records.Standing(audited=0, demoted_why="")


def test_who_cannot_be_rendered_is_not_audited_and_the_next_one_is(stage: Stage) -> None:
    scene = a_stage(stage, 8, members=8, sources=PLAIN)
    with stage.database.begin() as session:
        first = ledger(session, scene)[0]
        run(session, "UPDATE contact SET attributes = '{}' WHERE id = :id", id=first["contact_id"])

    send(stage, scene, RENDERER)

    assert standing(stage.database, scene, PLAIN).audited == 1
    assert stage.states(scene) == {"sent": 7, "failed": 1}


# An audit that cannot be made


@pytest.mark.parametrize(
    "accident",
    [
        pytest.param("raise ValueError('ada@example.com')", id="premailer gives up"),
        pytest.param("os._exit(1)", id="the child dies"),
        pytest.param("while True: pass", id="it takes too long"),
        pytest.param("return 'ada@example.com'", id="the answer is none that may be logged"),
    ],
)
def test_an_audit_that_cannot_be_made_is_told_and_stops_nobody(
    stage: Stage, accident: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault = f"""
import os
sys.modules['requests'] = type(sys)('requests')
from core import equality
def difference(ours, premailers):
    if 'Ann' in ours:
        {accident}
    return ''
equality.difference = difference
"""
    scene = a_stage(stage, 12, members=0, sources=PLAIN)
    for renderer in a_renderer(fault, compile_seconds=1.0):
        send(stage, scene, renderer)

    assert stage.states(scene) == {"sent": 12}
    assert standing(stage.database, scene, PLAIN) == records.Standing(audited=0, demoted_why="")
    [said] = [record.getMessage() for record in caplog.records if record.name == "posthouse"]
    assert f"Campaign {scene.campaign_id}: the message of contact" in said
    assert "could not be audited" in said
    assert "ada" not in said


# Offline


@pytest.fixture
def resources(stage: Stage, tmp_path: Path) -> Resources:
    write_template(tmp_path / "templates", SIBLINGS)
    return stage.resources(templates_dir=tmp_path / "templates")


def audit(resources: Resources, scene: Scene, renderer: Renderer, limit: int = 100) -> auditing.Report:
    vars(resources)["renderer"] = renderer
    return auditing.of_template(
        resources, template=SIBLINGS.name, tenant_slug=scene.slug, audience="readers", limit=limit
    )


def test_a_template_can_be_audited_before_anything_is_sent(
    stage: Stage, resources: Resources, hole: Renderer
) -> None:
    scene = a_stage(stage, 6, members=4, sources=NEWSLETTER)
    ids = [row["contact_id"] for row in stage.ledger(scene)]

    found = audit(resources, scene, hole)

    assert not found.ok
    assert found.as_json() == {
        "audited": 6,
        "different": 2,
        "differences": [{"contact": contact_id, "what": DIFFERENCE} for contact_id in ids[4:]],
        "not_audited": [],
        "demoted": True,
    }
    assert standing(stage.database, scene) == records.Standing(audited=6, demoted_why=DIFFERENCE)


def test_of_a_right_template_nothing_is_found_and_nothing_is_stored(
    stage: Stage, resources: Resources
) -> None:
    scene = a_stage(stage, 6, members=4, sources=NEWSLETTER)

    found = audit(resources, scene, RENDERER, limit=5)

    assert found.ok
    assert (found.audited, found.demoted) == (5, False)
    assert standing(stage.database, scene) == records.Standing(audited=0, demoted_why="")


def test_whose_message_cannot_be_rendered_is_named(stage: Stage, resources: Resources) -> None:
    scene = a_stage(stage, 2, members=0, sources=NEWSLETTER)
    contact_id = stage.ledger(scene)[0]["contact_id"]
    with stage.database.begin() as session:
        run(session, """UPDATE contact SET attributes = '{"member": false}' WHERE id = :id""", id=contact_id)

    found = audit(resources, scene, RENDERER)

    assert (found.audited, found.ok) == (1, True)
    assert found.as_json()["not_audited"] == [
        {"contact": contact_id, "what": "the template uses contact.first_name, which the data does not have"}
    ]
