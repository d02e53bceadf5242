"""What is shown in Prefect: real contacts' messages without anything that is theirs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.campaigns import CampaignState
from core.preview_report import report
from store.session import Database
from tasks import masked_previews
from tasks.messages import Job, load_job
from tasks.resources import Resources
from tests.builders import NEWSLETTER, a_contact, a_scene


SOURCES = replace(
    NEWSLETTER,
    text=NEWSLETTER.text + "{{ contact.email }} {{ contact.work | default('') }} {{ tenant.reply_to }}",
)


@pytest.fixture
def job(resources: Resources, database: Database) -> Job:
    with database.begin() as session:
        scene = a_scene(session, state=CampaignState.DRAFT, sources=SOURCES)
        a_contact(
            session, scene, "zoe@example.net", attributes={"first_name": "Zoë", "work": "zoe@work.example"}
        )
        a_contact(session, scene, "bob@example.net", attributes={"first_name": "Bob"})
        a_contact(session, scene, "nameless@example.net", attributes={})
    return load_job(resources, scene.campaign_id)


def test_nothing_of_a_contact_is_shown_but_its_id(resources: Resources, job: Job) -> None:
    samples = masked_previews.of_campaign(resources, job)
    shown = report(
        tenant="acme", campaign="Spring", shown=[masked_previews.Shown(sample=one) for one in samples]
    )
    assert [sample.content.subject for sample in samples] == ["Spring for ‹first name›"] * 2
    assert all(sample.label.startswith("contact ") for sample in samples)
    for personal in ("Zoë", "Bob", "zoe", "bob", "work.example", "hi@", "news@"):
        assert personal not in shown
    assert "…@masked.invalid ‹work› …@acme.example" in samples[0].content.text


def test_no_more_are_shown_than_wanted(resources: Resources, job: Job) -> None:
    assert len(masked_previews.of_campaign(resources, job, limit=1)) == 1


def test_without_a_browser_there_are_no_pictures_and_no_failure(
    resources: Resources, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.screenshots.browser", lambda: None)
    samples = masked_previews.of_campaign(resources, job)
    assert [one.picture for one in masked_previews.pictured(samples)] == [None, None]


@pytest.mark.browser
def test_pictures_that_are_taken_at_once_on_a_busy_machine_are_not_white(
    resources: Resources, job: Job
) -> None:
    samples = masked_previews.of_campaign(resources, job, limit=1)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: masked_previews.pictured(samples)[0].picture, range(6)))
    assert all(picture and len(picture) > 4_000 for picture in taken)


@pytest.mark.browser
def test_with_a_browser_each_sample_has_a_picture(resources: Resources, job: Job) -> None:
    (shown,) = masked_previews.pictured(masked_previews.of_campaign(resources, job, limit=1))
    assert shown.picture is not None
    assert shown.picture.startswith(b"\x89PNG")
    assert 4_000 < len(shown.picture) < 100_000, "a white one has 3,588 bytes"
