"""Publishing: a folder becomes a numbered version, which a campaign can name long after the folder has changed."""

import pytest

from core.errors import InputError, NotFoundError, TemplateSyntaxError
from store import campaigns as ledger_of
from store.session import Database
from tasks import campaigns, templates
from tasks.resources import Resources
from tests.builders import Scene, a_scene, an_account


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.begin() as session:
        an_account(session)
        return a_scene(session)


def publish(resources: Resources, scene: Scene, name: str = "newsletter") -> templates.Published:
    return templates.publish(resources, name=name, tenant_slug=scene.slug)


def change(resources: Resources, text: str) -> None:
    (resources.settings.templates_dir / "newsletter" / "body.txt.j2").write_text(text)


def test_publishing_says_in_words_what_it_did(resources: Resources, scene: Scene) -> None:
    first = publish(resources, scene)
    assert first.number == 1
    assert first.in_words().startswith(
        f"newsletter is published as version 1 ({first.digest[:12]}). CSS is inlined once: "
    )
    assert "contact.first_name" in first.in_words()
    again = publish(resources, scene)
    assert (again.number, again.is_new) == (1, False)
    assert again.in_words().startswith("newsletter has not changed since version 1")
    change(resources, "Another text for {{ contact.last_name }}")
    second = publish(resources, scene)
    assert (second.number, second.is_new) == (2, True)
    assert "contact.last_name" in second.fields


def test_what_does_not_compile_is_not_published(resources: Resources, scene: Scene) -> None:
    change(resources, "{% if %}")
    with pytest.raises(TemplateSyntaxError):
        publish(resources, scene)
    assert templates.history(resources, tenant_slug=scene.slug) == []


def test_a_campaign_may_name_a_version(resources: Resources, scene: Scene, database: Database) -> None:
    publish(resources, scene)
    change(resources, "Another text")
    sources = [pinned(resources, scene, database, template) for template in ("newsletter@1", "newsletter")]
    assert [source.text == "Another text" for source in sources] == [False, True]


def pinned(
    resources: Resources, scene: Scene, database: Database, template: str
) -> templates.TemplateSources:
    campaign_id = campaigns.create(
        resources, tenant_slug=scene.slug, name="Autumn", audience="readers", template=template
    )
    with database.begin() as session:
        campaign = ledger_of.find(session, tenant_id=scene.tenant_id, campaign_id=campaign_id)
        return ledger_of.template(session, tenant_id=scene.tenant_id, digest=campaign.template_digest)


@pytest.mark.parametrize(
    ("template", "error", "words"),
    [
        pytest.param("newsletter@2", NotFoundError, "no version 2", id="not published"),
        pytest.param("newsletter@", InputError, "names no version", id="no number"),
        pytest.param("newsletter@latest", InputError, "names no version", id="a word"),
        pytest.param("newsletter@-1", InputError, "names no version", id="a negative number"),
        pytest.param("newsletter@²", InputError, "names no version", id="a digit that is no number"),
        pytest.param("../newsletter", NotFoundError, "no template", id="a path"),
    ],
)
def test_a_version_that_cannot_be_meant_is_refused(
    resources: Resources, scene: Scene, database: Database, template: str, error: type[Exception], words: str
) -> None:
    publish(resources, scene)
    with pytest.raises(error, match=words):
        pinned(resources, scene, database, template)
