"""Locales, from the contact to what SES is handed: each reader's own files, in as few calls as before."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.tenants import DeliveryApi
from gateways.ses import Ses
from models import Tenant
from store import tenants
from store.session import Database, rows, run
from tasks import campaigns, preflight, previews, templates
from tasks import tenants as tenant_steps
from tasks.messages import Links, context, load_job
from tasks.resources import Resources
from tests.builders import NEWSLETTER, Scene, a_contact, a_scene, an_account, plan, write_template
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

HTML = NEWSLETTER.html.replace('<html lang="en">', '<html lang="{{ lang }}" dir="{{ dir }}">')
LETTER = replace(
    NEWSLETTER,
    html=HTML,
    preheader="What is new for {{ contact.first_name }}",
    variants={
        "de": {
            "subject": "{{ campaign.name }} für {{ contact.first_name }}",
            "html": HTML.replace("Hello", "Hallo").replace("Leave", "Abmelden"),
            "text": NEWSLETTER.text.replace("Hello", "Hallo").replace("Leave", "Abmelden"),
            "preheader": "Was es Neues gibt für {{ contact.first_name }}",
        },
        "de-AT": {"subject": "Servus {{ contact.first_name }}"},
    },
)
LINKS = Links(
    unsubscribe="https://mail.example.com/u/x", preferences="https://mail.example.com/p/x", mailto=None
)
LARGE = {"window_size": 500, "claim_size": 1000}


def let_read(stage: Stage, scene: Scene, locale: str, share: int) -> None:
    """Let one contact of so many read that locale; lots are drawn, so that no window is alike."""
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE contact SET attributes = attributes || jsonb_build_object('locale', CAST(:locale AS text))
               WHERE tenant_id = :tenant_id AND abs(hashtext(id::text)) % :share = 0""",
            tenant_id=scene.tenant_id,
            locale=locale,
            share=share,
        )


# Sending


def test_each_reader_gets_the_nearest_files(stage: Stage) -> None:
    with stage.database.begin() as session:
        an_account(session)
        scene = a_scene(session, sources=LETTER)
        for name, attributes in {
            "ann": {},
            "bert": {"locale": "de_DE"},
            "cleo": {"language": "de-AT"},
            "dan": {"locale": "fr", "language": "de"},
        }.items():
            a_contact(session, scene, f"{name}@example.net", attributes={"first_name": name, **attributes})
        plan(session, scene)
    stage.send(scene)
    found = {
        message.recipient.partition("@")[0]: (
            message.content.subject,
            message.content.html.partition("<html ")[2].partition(">")[0],
            message.content.text.partition("\n")[0],
        )
        for message in stage.ses.sent
    }
    assert found == {
        "ann": ("Spring for ann", 'lang="en" dir="ltr"', "Hello ann"),
        "bert": ("Spring für bert", 'lang="de" dir="ltr"', "Hallo bert"),
        "cleo": ("Servus cleo", 'lang="de" dir="ltr"', "Hallo cleo"),
        "dan": ("Spring for dan", 'lang="en" dir="ltr"', "Hello dan"),
    }


def test_who_says_nothing_gets_the_tenants_language(stage: Stage) -> None:
    scene = stage.set(1, sources=LETTER, locale="de")
    stage.send(scene)
    assert stage.ses.sent[0].content.subject == "Spring für Ann"


def test_two_locales_mixed_in_large_windows_still_share_their_calls(stage: Stage) -> None:
    """Each of two frames leaves at most one call that is not full: of 500 messages there are at most 11."""
    scene = stage.set(1000, sources=LETTER, delivery_api=DeliveryApi.BULK)
    let_read(stage, scene, "de", share=2)
    stage.send(scene, seconds=120, **LARGE)
    assert stage.states(scene) == {"sent": 1000}
    alike = [{message.content.html.partition(">")[0] for message in call} for call in stage.ses.bulk_calls]
    assert all(len(languages) == 1 for languages in alike)
    calls = len(stage.ses.bulk_calls) + (1000 - sum(map(len, stage.ses.bulk_calls)))
    assert calls <= 1000 / 45


def test_a_campaigns_own_subject_takes_the_place_of_the_default_one(
    resources: Resources, scene: Scene
) -> None:
    campaign_id = campaigns.create(
        resources,
        tenant_slug=scene.slug,
        name="May",
        audience="readers",
        template="newsletter",
        subject="Sale",
    )
    job = load_job(resources, campaign_id)
    subjects = [
        job.template.render(
            context(job.voice, "a@example.net", {"first_name": "Ann", "locale": locale}, LINKS)
        ).subject
        for locale in ("en", "de")
    ]
    assert subjects == ["Sale", "May für Ann"]


def test_a_variant_that_overrides_the_subject_alone_needs_no_call_of_its_own(stage: Stage) -> None:
    scene = stage.set(100, sources=LETTER, delivery_api=DeliveryApi.BULK, locale="de")
    let_read(stage, scene, "de-AT", share=2)
    stage.send(scene, window_size=100, claim_size=100)
    assert [len(call) for call in stage.ses.bulk_calls] == [50, 50]
    subjects = Counter(message.content.subject.split()[0] for message in stage.ses.sent)
    assert set(subjects) == {"Servus", "Spring"}


# With boto3 and the simulator, whose journal is the judge


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulated]:
    with a_simulator("--keep-bodies", str(tmp_path / "bodies")) as simulated:
        yield simulated


@pytest.mark.parametrize("api", [DeliveryApi.SINGLE, DeliveryApi.BULK])
def test_two_locales_arrive_with_their_own_subject_and_language(
    stage: Stage, simulator: Simulated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: DeliveryApi
) -> None:
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    stage.ses = Ses(read_timeout=5)
    scene = stage.set(40, sources=LETTER, delivery_api=api)
    let_read(stage, scene, "de-CH", share=2)
    stage.send(scene, window_size=50, claim_size=50)
    stage.ses._client.close()
    accepted = simulator.accepted()
    assert len(accepted) == 40
    readers = {str(row["address"]): "locale" in dict(row["attributes"]) for row in _attributes(stage, scene)}
    for entry in accepted:
        html = (tmp_path / "bodies" / f"{entry['n']:08d}.html").read_text()
        german = readers[entry["to"][0]]
        assert entry["subject"] == ("Spring für Ann" if german else "Spring for Ann")
        assert f'<html lang="{"de" if german else "en"}" dir="ltr">' in html
        assert ("Was es Neues gibt für Ann" if german else "What is new for Ann") in html
    assert 0 < sum(readers.values()) < 40


def _attributes(stage: Stage, scene: Scene) -> list[dict[str, Any]]:
    with stage.database.begin() as session:
        found = rows(
            session,
            "SELECT address, attributes FROM contact WHERE tenant_id = :tenant_id",
            tenant_id=scene.tenant_id,
        )
        return [dict(row) for row in found]


# Preflight, previews and publishing


@pytest.fixture
def scene(database: Database, resources: Resources) -> Scene:
    """An audience of which most say nothing, two read German, three French, and one cannot be understood."""
    write_template(resources.settings.templates_dir, LETTER)
    with database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=20, sources=LETTER)
        for locale in ("de", "de_AT", "fr", "fr-CA", "fr", "Klingon-ish"):
            a_contact(session, scene, attributes={"first_name": "Zoë", "locale": locale})
    return scene


def check(resources: Resources, scene: Scene) -> dict[str, Any]:
    return preflight.check_template(
        resources, name="newsletter", tenant_slug=scene.slug, audience="readers"
    ).as_json()


def test_a_check_tells_what_there_is_and_who_gets_another_language(
    resources: Resources, scene: Scene
) -> None:
    found = check(resources, scene)
    assert found["ok"]
    assert [(each["locale"], each["overrides"]) for each in found["locales"]] == [
        ("de", ["subject", "preheader", "html", "text"]),
        ("de-AT", ["subject"]),
    ]
    told = {finding["id"]: finding for finding in found["findings"]}
    assert set(told) == {"locale_missing", "locale_unreadable"}
    missing = told["locale_missing"]
    assert (
        missing["message"] == "contacts who read another language get the default files, which are en: fr (3)"
    )
    assert (missing["severity"], missing["locales"]) == ("info", ["fr"])
    assert "subject.fr.txt.j2" in missing["remedy"]
    assert told["locale_unreadable"]["message"].startswith("the locale or language of a contact is no tag")


def test_languages_that_are_missing_are_one_finding_however_many_they_are(
    resources: Resources, scene: Scene
) -> None:
    with resources.database.begin() as session:
        for locale in ("es", "it", "pl", "pt", "ro", "sk", "sl", "sv", "sv"):
            a_contact(session, scene, attributes={"first_name": "Zoë", "locale": locale})
    [missing] = [each for each in check(resources, scene)["findings"] if each["id"] == "locale_missing"]
    assert ": fr (3), sv (2), " in missing["message"]
    assert missing["message"].endswith(" and 1 more")
    assert missing["locales"] == ["es", "fr", "it", "pl", "pt", "ro", "sk", "sl", "sv"]


def test_a_finding_of_one_locale_names_it(resources: Resources, scene: Scene) -> None:
    """One reader in 26 reads it, and is looked at all the same."""
    broken = LETTER.variants["de"] | {"html": LETTER.html.replace("{{ tenant.postal_address }}", "")}
    write_template(
        resources.settings.templates_dir, replace(LETTER, variants=LETTER.variants | {"de": broken})
    )
    [address] = [each for each in check(resources, scene)["findings"] if each["id"] == "LAW-US-01"]
    assert address["locales"] == ["de", "de-AT"]
    assert "(in de, de-AT; contacts " in address["message"]


def test_a_message_in_two_languages_is_a_warning(resources: Resources, scene: Scene) -> None:
    half = {"de": {"subject": "Neues", "html": LETTER.variants["de"]["html"]}}
    folder = resources.settings.templates_dir / "newsletter"
    for path in folder.glob("*.de*.j2"):
        path.unlink()
    write_template(resources.settings.templates_dir, replace(LETTER, variants=half))
    [mixed] = [each for each in check(resources, scene)["findings"] if each["id"] == "locale_mixed"]
    assert mixed["message"] == "who reads de gets preheader and text in another language"
    assert mixed["remedy"] == "Add preheader.de.txt.j2 and body.de.txt.j2."


def test_html_that_says_another_language_than_its_file_is_a_warning(
    resources: Resources, scene: Scene
) -> None:
    english = LETTER.variants["de"] | {"html": NEWSLETTER.html}
    write_template(resources.settings.templates_dir, replace(LETTER, variants={"de": english}))
    [found] = [each for each in check(resources, scene)["findings"] if each["id"] == "FMT-BODY-07-LANG"]
    assert found["locales"] == ["de", "de-AT"]


def test_a_file_named_for_no_locale_is_a_finding(resources: Resources, scene: Scene) -> None:
    (resources.settings.templates_dir / "newsletter" / "subject.german.txt.j2").write_text("Neues")
    found = check(resources, scene)
    assert not found["ok"]
    assert [(each["id"], each["remedy"]) for each in found["findings"]] == [
        ("template_locale", "such as subject.de-AT.txt.j2")
    ]


def test_a_preview_shows_every_locale_though_nobody_may_read_it(resources: Resources, scene: Scene) -> None:
    write_template(
        resources.settings.templates_dir,
        replace(
            LETTER, variants={**LETTER.variants, "fr": {"subject": "Bonjour"}, "pl": {"subject": "Cześć"}}
        ),
    )
    shown = previews.of_template(
        resources, name="newsletter", tenant_slug=scene.slug, audience="readers", limit=1
    )
    assert [sample.locale for sample in shown] == ["en", "de", "de-AT", "fr", "pl"]
    assert [sample.content.subject.split()[0] for sample in shown] == [
        "newsletter", "newsletter", "Servus", "Bonjour", "Cześć",
    ]  # fmt: skip
    assert shown[-1].label.endswith("as if they read pl, which nobody does")
    assert shown[1].label.endswith(", de")


def test_publishing_tells_what_variants_there_are(resources: Resources, scene: Scene) -> None:
    published = templates.publish(resources, name="newsletter", tenant_slug=scene.slug)
    assert "Locales: de (subject, preheader, html, text), de-AT (subject);" in published.in_words()
    assert published.seconds < 2
    [version] = templates.history(resources, tenant_slug=scene.slug)
    assert version.locales == [
        {"locale": "de", "overrides": ["subject", "preheader", "html", "text"]},
        {"locale": "de-AT", "overrides": ["subject"]},
    ]
    (resources.settings.templates_dir / "newsletter" / "subject.de.txt.j2").write_text("Neu")
    assert templates.publish(resources, name="newsletter", tenant_slug=scene.slug).number == 2


# Tenants


@pytest.mark.parametrize(("written", "stored"), [("", ""), ("de_at", "de-AT")])
def test_a_tenants_locale_is_stored_as_a_tag(resources: Resources, written: str, stored: str) -> None:
    tenant = a_new_tenant(written)
    tenant_steps.add(resources, tenant)
    with resources.database.begin() as session:
        assert tenants.by_slug(session, "kestrel").locale == stored


def test_a_tenants_locale_that_is_none_is_refused(resources: Resources) -> None:
    with pytest.raises(InputError, match="'German' is no locale"):
        tenant_steps.add(resources, a_new_tenant("German"))


def a_new_tenant(locale: str) -> Tenant:
    sender = "news@kestrel.example"
    return Tenant(
        slug="kestrel",
        name="Kestrel",
        from_name="Kestrel",
        from_address=sender,
        reply_to=sender,
        postal_address="14 Quay Street, Bristol",
        locale=locale,
    )
