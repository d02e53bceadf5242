"""What is known of a campaign before the first message leaves."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.campaigns import CampaignState
from core.errors import InputError, NotFoundError, PreflightError
from core.rendering import TemplateSources
from core.suppression import Reason
from store import tenants
from store.session import Database, run
from tasks import campaigns, preflight
from tasks.resources import Resources
from tests.builders import (
    NEWSLETTER,
    Scene,
    a_campaign,
    a_contact,
    a_scene,
    an_account,
    states,
    suppress,
    write_template,
)
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
        "overrides": [],
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


# Overrides


def without_alt() -> TemplateSources:
    return with_html(NEWSLETTER.html.replace("<p>Hello", '<img src="https://acme.example/i.png"><p>Hello'))


def do_override(
    resources: Resources, scene: Scene, *rules: str, reason: str = "it only decorates"
) -> preflight.Preflight:
    return preflight.override(resources, scene.campaign_id, rules=rules, reason=reason, actor="ann")


def test_an_override_lets_a_campaign_start_and_is_kept_with_who_and_why(resources: Resources) -> None:
    scene = set_up(resources.database, sources=without_alt())
    assert [found for found, _, _ in blocks(resources, scene)] == ["FMT-BODY-06-ALT"]
    with pytest.raises(PreflightError):
        campaigns.start(resources, scene.campaign_id)
    result = do_override(resources, scene, "FMT-BODY-06-ALT", reason=" it only decorates ")
    assert result.ok
    [finding] = result.findings
    assert finding.overridden
    [told] = result.as_json()["overrides"]
    assert told == {
        "id": "FMT-BODY-06-ALT",
        "finding": finding.message,
        "reason": "it only decorates",
        "actor": "ann",
        "at": result.overrides[0].at.isoformat(),
    }
    campaigns.start(resources, scene.campaign_id)
    with resources.database.begin() as session:
        [entry] = tenants.audit_trail(session, tenant_id=scene.tenant_id)
    assert (entry["actor"], entry["action"], entry["subject"], entry["reason"], entry["detail"]) == (
        "ann",
        "campaign.preflight_overridden",
        f"campaign {scene.campaign_id}",
        "it only decorates",
        {"rules": ["FMT-BODY-06-ALT"]},
    )


def test_an_override_twice_is_kept_once(resources: Resources) -> None:
    scene = set_up(resources.database, sources=without_alt())
    do_override(resources, scene, "FMT-BODY-06-ALT")
    result = do_override(resources, scene, "FMT-BODY-06-ALT", reason="another")
    assert [told.reason for told in result.overrides] == ["it only decorates"]
    with resources.database.begin() as session:
        assert len(tenants.audit_trail(session, tenant_id=scene.tenant_id)) == 1


def test_an_override_holds_for_one_campaign(resources: Resources) -> None:
    scene = set_up(resources.database, sources=without_alt())
    with resources.database.begin() as session:
        other = a_campaign(session, scene, sources=without_alt(), state=CampaignState.DRAFT)
    do_override(resources, scene, "FMT-BODY-06-ALT")
    assert [found for found, _, _ in blocks(resources, other)] == ["FMT-BODY-06-ALT"]


@pytest.mark.parametrize(
    ("sources", "rule"),
    [
        pytest.param(with_html(NEWSLETTER.html.replace("{{ unsubscribe_url }}", "#")), "UNS-06", id="no way to leave"),
        pytest.param(with_html(NEWSLETTER.html.replace("{{ tenant.postal_address }}", "")), "LAW-US-01", id="no address"),
        pytest.param(with_html(NEWSLETTER.html.replace("first_name", "frist_name")), "template_undefined", id="T04: a misspelt field"),
    ],
)  # fmt: skip
def test_what_the_law_or_the_message_itself_needs_is_not_overridden(
    resources: Resources, sources: TemplateSources, rule: str
) -> None:
    scene = set_up(resources.database, sources=sources)
    with pytest.raises(InputError, match=f"{rule} cannot be overridden") as refusal:
        do_override(resources, scene, rule)
    assert refusal.value.code == "override_refused"
    assert rule in [found for found, _, _ in blocks(resources, scene)]


def test_nothing_is_overridden_when_one_of_the_rules_is_refused(resources: Resources) -> None:
    scene = set_up(resources.database, sources=without_alt())
    with pytest.raises(InputError, match="no blocking finding 'FMT-HDR-02'"):
        do_override(resources, scene, "FMT-BODY-06-ALT", "FMT-HDR-02")
    assert preflight.check_campaign(resources, scene.campaign_id).overrides == []


# Whom it looks at


def test_a_value_that_only_few_have_is_among_the_samples(resources: Resources) -> None:
    """Everybody has the field: only looking for what differs finds the one that breaks the link."""
    linked = with_html(NEWSLETTER.html.replace("<p>Hello", '<a href="{{ contact.page }}">Page</a><p>Hello'))
    scene = set_up(resources.database, contacts=0, sources=linked)
    ids: list[int | None] = []
    with resources.database.begin() as session:
        for number in range(200):
            page = "" if number == 117 else f"https://acme.example/{number}"
            ids.append(a_contact(session, scene, attributes={"first_name": "Ann", "page": page}).id)
    ((found, _, message),) = blocks(resources, scene)
    assert (found, message.endswith(f"(contacts {ids[117]})")) == ("FMT-BODY-06-LINK", True)


def test_findings_begin_with_the_worst(resources: Resources) -> None:
    scene = set_up(
        resources.database,
        sources=replace(without_alt(), subject="Re: news", text=f"{NEWSLETTER.text}{'x' * 1000}"),
    )
    result = preflight.check_campaign(resources, scene.campaign_id)
    assert [found.severity for found in result.findings] == ["block", "warn", "info"]


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
        "locales": [],
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
