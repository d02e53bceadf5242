"""What is known of a campaign before the first message leaves."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.campaigns import CampaignState
from core.errors import NotFoundError
from core.rendering import TemplateSources
from core.suppression import Reason
from store.session import Database, run
from tasks import preflight
from tasks.resources import Resources
from tests.builders import NEWSLETTER, Scene, a_contact, a_scene, an_account, states, suppress, write_template
from tests.fakes import some_resources


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path, templates_dir=tmp_path / "templates")


def set_up(database: Database, contacts: int = 4, **scene: object) -> Scene:
    with database.begin() as session:
        an_account(session)
        return a_scene(session, contacts=contacts, state=CampaignState.DRAFT, **scene)


def blocks(resources: Resources, scene: Scene) -> list[tuple[str, str, str]]:
    result = preflight.check_campaign(resources, scene.campaign_id)
    return [(found.id, found.where, found.message) for found in preflight.blocking(result.findings)]


def with_html(html: str) -> TemplateSources:
    return replace(NEWSLETTER, html=html)


def test_a_campaign_that_may_start_says_who_gets_it(resources: Resources) -> None:
    scene = set_up(resources.database)
    with resources.database.begin() as session:
        for address in ("no@example.net", "twice@example.net", "Twice@example.net"):
            a_contact(session, scene, address)
        suppress(session, scene, "no@example.net", Reason.UNSUBSCRIBE)
    result = preflight.check_campaign(resources, scene.campaign_id)
    assert result.as_json() == {
        "ok": True,
        "findings": [],
        "audience": {"selected": 7, "will_be_sent": 5, "skipped": {"duplicate": 1, "unsubscribed": 1}},
        "forecast": result.forecast.as_json() if result.forecast else None,
    }
    assert result.forecast is not None
    assert (result.forecast.waiting, result.forecast.today) == (5, 5)
    with resources.database.begin() as session:
        assert states(session, scene) == {}, "looking changes nothing"


def test_a_misspelt_field_is_found_and_three_contacts_are_named(resources: Resources) -> None:
    """T04"""
    misspelt = with_html(NEWSLETTER.html.replace("first_name", "frist_name"))
    scene = set_up(resources.database, contacts=0, sources=misspelt)
    with resources.database.begin() as session:
        ids = [a_contact(session, scene).id for _ in range(5)]
    assert blocks(resources, scene) == [
        (
            "template_undefined",
            "template",
            f"the template uses contact.frist_name, which the data does not have (contacts {ids[0]}, {ids[1]}, {ids[2]})",
        )
    ]


def test_a_field_that_only_the_40_001st_contact_lacks_is_found(resources: Resources) -> None:
    """T04: the samples are the first twenty, and whoever lacks a field that the template names."""
    scene = set_up(resources.database, contacts=25)
    with resources.database.begin() as session:
        contact = a_contact(session, scene, attributes={"last_name": "Ann"})
    ((found, _, message),) = blocks(resources, scene)
    assert found == "template_undefined"
    assert message.endswith(f"contact.first_name, which the data does not have (contacts {contact.id})")


def test_nobody_is_looked_at_twice(resources: Resources) -> None:
    scene = set_up(resources.database, contacts=0)
    with resources.database.begin() as session:
        contact = a_contact(session, scene, attributes={})
    ((_, _, message),) = blocks(resources, scene)
    assert message.endswith(f"(contacts {contact.id})")


FORBIDDEN = [
    pytest.param(
        with_html(NEWSLETTER.html.replace("{{ tenant.postal_address }}", "")), "LAW-US-01", id="no address"
    ),
    pytest.param(
        with_html(NEWSLETTER.html.replace("{{ unsubscribe_url }}", "#")), "UNS-06", id="no way to leave"
    ),
    pytest.param(replace(NEWSLETTER, subject=""), "FMT-HDR-06", id="no subject"),
    pytest.param(replace(NEWSLETTER, text=""), "FMT-BODY-01", id="no text part"),
    pytest.param(with_html("<p>{{ contact.first_name </p>"), "template_syntax", id="not a template"),
    pytest.param(
        with_html("<p>{{ ''.__class__.__mro__ }}</p>"),
        "template_forbidden",
        id="T03: reaches for what is not its own",
    ),
]


@pytest.mark.parametrize(("sources", "rule"), FORBIDDEN)
def test_a_template_that_would_hurt_the_sender_does_not_start(
    resources: Resources, sources: TemplateSources, rule: str
) -> None:
    scene = set_up(resources.database, sources=sources)
    assert rule in [found for found, _, _ in blocks(resources, scene)]


@pytest.mark.parametrize(
    ("tenant", "rule"),
    [
        pytest.param(
            {"from_address": "acme@gmail.com"}, "FMT-HDR-02", id="the sender is at a free-mail provider"
        ),
        pytest.param({"from_name": "news@acme.example"}, "FMT-HDR-05", id="the sender's name is an address"),
        pytest.param({"postal_address": ""}, "LAW-US-01", id="the tenant has no postal address"),
    ],
)
def test_a_sender_that_receivers_refuse_does_not_start(
    resources: Resources, tenant: dict[str, str], rule: str
) -> None:
    scene = set_up(resources.database, **tenant)
    assert rule in [found for found, _, _ in blocks(resources, scene)]


def test_an_audience_of_nobody_is_a_finding(resources: Resources) -> None:
    """T14"""
    scene = set_up(resources.database, contacts=0)
    assert blocks(resources, scene) == [
        ("audience_empty", "audience", "nobody of the audience may be sent to")
    ]


def test_an_audience_of_which_nobody_is_left_is_a_finding(resources: Resources) -> None:
    scene = set_up(resources.database, contacts=0)
    with resources.database.begin() as session:
        a_contact(session, scene, "no@example.net")
        suppress(session, scene, "no@example.net", Reason.COMPLAINT)
    assert [found for found, _, _ in blocks(resources, scene)] == ["audience_empty"]


def test_a_paused_tenant_is_a_finding_with_its_reason(resources: Resources) -> None:
    scene = set_up(resources.database)
    with resources.database.begin() as session:
        run(session, "UPDATE tenant SET state = 'paused', state_reason = '12 % bounces'")
    assert blocks(resources, scene) == [("tenant_paused", "tenant", "the tenant is paused: 12 % bounces")]


def test_no_finding_shows_an_address(resources: Resources) -> None:
    """P05"""
    scene = set_up(
        resources.database, contacts=0, sources=with_html("{{ contact.email }} {{ contact.frist_name }}")
    )
    with resources.database.begin() as session:
        a_contact(session, scene, "canary@example.net")
    told = str(preflight.check_campaign(resources, scene.campaign_id).as_json())
    assert "canary" not in told


def test_before_the_quota_was_read_there_is_no_forecast(resources: Resources) -> None:
    with resources.database.begin() as session:
        scene = a_scene(session, contacts=1)
    assert preflight.check_campaign(resources, scene.campaign_id).forecast is None


def test_a_domain_that_warms_up_shows_in_the_forecast(resources: Resources) -> None:
    scene = set_up(resources.database, contacts=201, rung=0)
    outlook = preflight.check_campaign(resources, scene.campaign_id).forecast
    assert outlook is not None
    assert (outlook.today, outlook.binding) == (200, "warm-up")
    assert outlook.done_on == outlook.resumes_on


# A template and an audience


def check_template(resources: Resources, scene: Scene) -> preflight.TemplateCheck:
    return preflight.check_template(resources, name="newsletter", tenant_slug=scene.slug, audience="readers")


def test_a_template_is_checked_with_the_people_of_an_audience(resources: Resources, tmp_path: Path) -> None:
    scene = set_up(resources.database)
    write_template(tmp_path / "templates")
    assert check_template(resources, scene).as_json() == {
        "ok": True,
        "findings": [],
        "inlining": "once",
        "why": check_template(resources, scene).why,
    }


def test_a_template_that_does_not_compile_says_so(resources: Resources, tmp_path: Path) -> None:
    scene = set_up(resources.database)
    write_template(tmp_path / "templates", with_html("{% if %}"))
    result = check_template(resources, scene)
    assert (result.ok, result.why) == (False, "It does not compile.")
    assert [found.id for found in result.findings] == ["template_syntax"]


def test_a_template_that_is_not_there_is_not_found(resources: Resources) -> None:
    scene = set_up(resources.database)
    with pytest.raises(NotFoundError):
        check_template(resources, scene)
