"""Mailbox domains: asked for once, kept in trouble, and never a reason to wait."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError, InvalidAddressError, NotFoundError
from store import planning
from store.session import Database, one, rows, run
from tasks import campaigns, mailbox_domains
from tasks.mailbox_domains import Resolution
from tasks.resources import Resources
from tests.builders import Scene, a_contact, a_scene, a_tenant, ledger
from tests.fakes import some_resources
from tests.zones import SERVFAIL, SILENCE, NameServer, name_server


GOOGLE = {"MX": ["10 aspmx.l.google.com.", "20 alt1.aspmx.l.google.com."]}
MICROSOFT = {"MX": ["0 firm-net.mail.protection.outlook.com."]}


@pytest.fixture
def zones() -> Iterator[NameServer]:
    with name_server(
        {"agency.net": GOOGLE, "firm.net": MICROSOFT, "own.net": {"A": ["192.0.2.1"]}}
    ) as server:
        yield server


@pytest.fixture
def resources(database: Database, tmp_path: Path, zones: NameServer) -> Resources:
    return some_resources(database, tmp_path, dns_servers=(f"127.0.0.1:{zones.port}",))


def a_list(resources: Resources, *addresses: str) -> Scene:
    with resources.database.begin() as session:
        scene = a_scene(session)
        for address in addresses:
            a_contact(session, scene, address)
    return scene


def resolve(resources: Resources, scene: Scene) -> Resolution:
    return mailbox_domains.resolve(resources, tenant_id=scene.tenant_id, audience_id=scene.audience_id)


def ask_again(resources: Resources) -> None:
    with resources.database.begin() as session:
        run(session, "UPDATE mailbox_domain SET look_again_at = now()")


def provider_of(resources: Resources, domain: str) -> str:
    return str(mailbox_domains.show(resources, domain)["provider"])


def test_each_domain_is_asked_for_once_for_all_tenants(resources: Resources, zones: NameServer) -> None:
    first = a_list(resources, "a@agency.net", "b@agency.net", "c@firm.net", "d@gmail.com", "e@acme.example")
    second = a_list(resources, "f@agency.net", "g@own.net")
    assert resolve(resources, first) == Resolution(asked=2, answered=2)
    assert resolve(resources, first) == Resolution()
    assert resolve(resources, second) == Resolution(asked=1, answered=1)
    assert [name for name, kind in zones.asked if kind == "MX"] == ["agency.net", "firm.net", "own.net"]


def test_a_plan_gives_each_delivery_to_the_provider_that_keeps_the_mailbox(resources: Resources) -> None:
    scene = a_list(
        resources, "a@agency.net", "b@firm.net", "c@own.net", "d@gmail.com", "e@gone.net", "f@acme.example"
    )
    campaigns.plan(resources, scene.campaign_id)
    with resources.database.begin() as session:
        found = {row["address"]: row["provider"] for row in ledger(session, scene)}
        assert planning.planned(session, **scene.campaign) == {
            "gmail": 1,
            "google_workspace": 1,
            "microsoft_365": 1,
            "other": 3,
        }
    assert found == {
        "a@agency.net": "google_workspace",
        "b@firm.net": "microsoft_365",
        "c@own.net": "other",
        "d@gmail.com": "gmail",
        "e@gone.net": "other",
        "f@acme.example": "other",
    }


@pytest.mark.parametrize("trouble", [SERVFAIL, SILENCE])
def test_in_trouble_what_was_known_stays_known(resources: Resources, zones: NameServer, trouble: str) -> None:
    scene = a_list(resources, "a@agency.net")
    resolve(resources, scene)
    zones.zones["agency.net"] = trouble
    ask_again(resources)
    assert resolve(resources, scene) == Resolution(asked=1, answered=0)
    found = mailbox_domains.show(resources, "agency.net")
    assert (found["provider"], found["reach"]) == ("google_workspace", "exchangers")


def test_a_domain_that_moves_is_its_new_providers(resources: Resources, zones: NameServer) -> None:
    scene = a_list(resources, "a@agency.net")
    resolve(resources, scene)
    zones.zones["agency.net"] = MICROSOFT
    ask_again(resources)
    resolve(resources, scene)
    assert provider_of(resources, "agency.net") == "microsoft_365"


def test_a_dns_that_is_away_stops_no_campaign(
    resources: Resources, zones: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    zones.zones = {"*": SILENCE}
    scene = a_list(resources, "a@agency.net", "b@gmail.com")
    with caplog.at_level(logging.WARNING):
        assert campaigns.plan(resources, scene.campaign_id) == 2
    assert "The DNS told 0 of 1 mail domains" in caplog.text
    assert "agency.net" not in caplog.text


def test_after_trouble_a_domain_is_asked_for_again_later_and_later(
    resources: Resources, zones: NameServer
) -> None:
    zones.zones["agency.net"] = SERVFAIL
    scene = a_list(resources, "a@agency.net")
    pauses = []
    for _ in range(3):
        resolve(resources, scene)
        with resources.database.begin() as session:
            row = one(
                session,
                "SELECT round(extract(epoch FROM look_again_at - now()) / 3600) AS hours FROM mailbox_domain",
            )
            assert row is not None
            pauses.append(int(row["hours"]))
        ask_again(resources)
    assert pauses == [1, 2, 4]


def test_when_time_is_up_the_rest_is_left_for_the_next_campaign(
    resources: Resources, zones: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_domains, "BATCH", 1)
    scene = a_list(resources, "a@agency.net", "b@firm.net")
    found = mailbox_domains.resolve(
        resources, tenant_id=scene.tenant_id, audience_id=scene.audience_id, seconds=0
    )
    assert found == Resolution(asked=0, answered=0, left=2)
    assert resolve(resources, scene) == Resolution(asked=2, answered=2)


def test_with_lookups_off_nobody_is_asked(database: Database, tmp_path: Path, zones: NameServer) -> None:
    resources = some_resources(
        database, tmp_path, dns_lookups=False, dns_servers=(f"127.0.0.1:{zones.port}",)
    )
    scene = a_list(resources, "a@agency.net", "b@hotmail.de")
    campaigns.plan(resources, scene.campaign_id)
    assert zones.asked == []
    assert provider_of(resources, "hotmail.de") == "microsoft_consumer"


def test_a_resolver_that_is_no_address_is_said_and_stops_nothing(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resources = some_resources(database, tmp_path, dns_servers=("nonsense",))
    scene = a_list(resources, "a@agency.net")
    assert campaigns.plan(resources, scene.campaign_id) == 1
    assert "POSTHOUSE_DNS_SERVERS" in caplog.text


def test_a_persons_choice_outlives_the_answers_of_the_dns(resources: Resources) -> None:
    scene = a_list(resources, "a@agency.net")
    mailbox_domains.choose(resources, "Agency.net.", provider="yahoo", actor="cli", reason="They told us.")
    ask_again(resources)
    resolve(resources, scene)
    assert provider_of(resources, "agency.net") == "yahoo"
    found = mailbox_domains.choose(resources, "agency.net", provider=None, actor="cli")
    assert found["set_by"] is None
    resolve(resources, scene)
    assert provider_of(resources, "agency.net") == "google_workspace"


@pytest.mark.parametrize(
    ("domain", "own"),
    [
        pytest.param("gmail.com", "gmail", id="well known"),
        pytest.param("acme.example", "other", id="reserved"),
    ],
)
def test_a_choice_that_is_taken_back_is_gone_where_the_dns_is_never_asked(
    resources: Resources, domain: str, own: str
) -> None:
    mailbox_domains.choose(resources, domain, provider="yahoo", actor="cli", reason="They told us.")
    assert mailbox_domains.choose(resources, domain, provider=None, actor="cli")["provider"] == own


def test_a_choice_that_makes_no_sense_is_refused(resources: Resources) -> None:
    with pytest.raises(InputError, match="there is no mailbox provider gmial"):
        mailbox_domains.choose(resources, "firm.net", provider="gmial", actor="cli", reason="x")
    with pytest.raises(InputError, match="needs a reason"):
        mailbox_domains.choose(resources, "firm.net", provider="gmail", actor="cli", reason=" ")
    with pytest.raises(InvalidAddressError):
        mailbox_domains.choose(resources, "not a domain", provider="gmail", actor="cli", reason="x")
    with pytest.raises(NotFoundError, match="nobody has chosen"):
        mailbox_domains.choose(resources, "firm.net", provider=None, actor="cli")
    with pytest.raises(NotFoundError, match="nobody has asked"):
        mailbox_domains.show(resources, "firm.net")


def test_an_audience_is_counted_by_provider(resources: Resources) -> None:
    scene = a_list(resources, "a@agency.net", "b@agency.net", "c@firm.net", "d@acme.example")
    assert mailbox_domains.of_audience(resources, tenant_slug=scene.slug, audience="readers") == {
        "google_workspace": 2,
        "microsoft_365": 1,
        "other": 1,
    }
    with resources.database.begin() as session:
        stranger = a_tenant(session)
    with pytest.raises(NotFoundError):
        mailbox_domains.of_audience(resources, tenant_slug=stranger.slug, audience="readers")


# At night: which domains are dead, and when nobody is believed.

CANARIES = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com")


def nights_of(resources: Resources) -> dict[str, int]:
    """How many nights each domain that was ever dead has been so."""
    with resources.database.begin() as session:
        found = rows(session, "SELECT domain, dead_nights FROM mailbox_domain WHERE dead_nights > 0")
    return {row["domain"]: row["dead_nights"] for row in found}


def a_night(resources: Resources, scene: Scene) -> Resolution:
    """A day later: every answer that may be old is asked for again."""
    with resources.database.begin() as session:
        run(
            session,
            "UPDATE mailbox_domain SET dead_on = dead_on - 1, look_again_at = look_again_at - interval '1 day'",
        )
    return mailbox_domains.resolve_all(resources, tenant_id=scene.tenant_id)


@pytest.fixture
def well(zones: NameServer) -> NameServer:
    """A resolver that finds the domains which certainly take mail."""
    zones.zones |= dict.fromkeys(CANARIES, GOOGLE)
    return zones


def test_a_domain_dies_by_nights_and_lives_again_with_one_answer(
    resources: Resources, well: NameServer
) -> None:
    well.zones["null.net"] = {"MX": ["0 ."]}
    scene = a_list(resources, "a@gone.net", "b@null.net", "c@agency.net")
    assert a_night(resources, scene) == Resolution(asked=3, answered=3)
    # The same night asks for nothing twice.
    assert mailbox_domains.resolve_all(resources, tenant_id=scene.tenant_id) == Resolution()
    for nights in (2, 3):
        assert a_night(resources, scene) == Resolution(asked=2, answered=2)
        assert nights_of(resources) == {"gone.net": nights, "null.net": nights}
    well.zones["gone.net"] = MICROSOFT
    a_night(resources, scene)
    assert nights_of(resources) == {"null.net": 4}


def test_trouble_with_the_dns_counts_no_night_and_ends_none(resources: Resources, well: NameServer) -> None:
    scene = a_list(resources, "a@gone.net")
    a_night(resources, scene)
    well.zones["gone.net"] = SERVFAIL
    a_night(resources, scene)
    assert nights_of(resources) == {"gone.net": 1}


def test_a_resolver_that_finds_no_canary_kills_nobody(
    resources: Resources, zones: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It says of everybody that there is no such name: what is known stays known."""
    scene = a_list(resources, "a@agency.net")
    a_night(resources, scene)
    zones.zones.clear()
    with resources.database.begin() as session:
        run(session, "UPDATE mailbox_domain SET look_again_at = now()")
    with caplog.at_level(logging.WARNING):
        assert mailbox_domains.resolve_all(resources, tenant_id=scene.tenant_id) == Resolution(asked=1)
    assert nights_of(resources) == {}
    assert mailbox_domains.show(resources, "agency.net")["reach"] == "exchangers"
    assert "none of it is believed" in caplog.text


def test_a_night_on_which_many_die_at_once_is_not_believed(resources: Resources, well: NameServer) -> None:
    domains = [f"firm{n}.net" for n in range(25)]
    well.zones |= dict.fromkeys(domains, MICROSOFT)
    scene = a_list(resources, *(f"a@{domain}" for domain in domains))
    assert a_night(resources, scene).answered == 25
    for domain in domains:
        del well.zones[domain]
    with resources.database.begin() as session:
        run(session, "UPDATE mailbox_domain SET look_again_at = now()")
    a_night(resources, scene)
    assert nights_of(resources) == {}


def test_the_domains_of_retired_contacts_are_asked_for_too_for_they_may_come_back(
    resources: Resources, well: NameServer
) -> None:
    scene = a_list(resources, "a@agency.net")
    with resources.database.begin() as session:
        run(session, "UPDATE contact SET state = 'retired'")
    assert a_night(resources, scene) == Resolution(asked=1, answered=1)
