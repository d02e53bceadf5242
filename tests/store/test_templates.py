"""Published versions: numbered by name within a tenant, immutable, and found again."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from core.errors import NotFoundError
from store import campaigns, templates
from tests.builders import NEWSLETTER, Scene, a_scene


@pytest.fixture
def scene(session: Session) -> Scene:
    return a_scene(session)


def publish(session: Session, scene: Scene, **changes: str) -> tuple[int, bool]:
    sources = replace(NEWSLETTER, **changes)
    digest = campaigns.pin_template(session, tenant_id=scene.tenant_id, sources=sources)
    return templates.publish(
        session,
        tenant_id=scene.tenant_id,
        digest=digest,
        name=sources.name,
        inlining="once",
        why="No reason against it.",
        fields=["contact.last_name", "contact.first_name"],
    )


def test_versions_are_numbered_from_one(session: Session, scene: Scene) -> None:
    assert [publish(session, scene, text=text) for text in ("a", "b", "c")] == [
        (1, True),
        (2, True),
        (3, True),
    ]


def test_the_same_sources_are_the_same_version(session: Session, scene: Scene) -> None:
    assert publish(session, scene, text="a") == (1, True)
    assert publish(session, scene, text="b") == (2, True)
    assert publish(session, scene, text="a") == (1, False)


def test_each_name_and_each_tenant_counts_for_itself(session: Session, scene: Scene) -> None:
    assert publish(session, scene) == (1, True)
    assert publish(session, scene, name="digest") == (1, True)
    assert publish(session, a_scene(session)) == (1, True)


def test_the_history_tells_what_publishing_found_newest_first(session: Session, scene: Scene) -> None:
    for text in ("a", "b"):
        publish(session, scene, text=text)
    publish(session, scene, name="digest")
    found = templates.history(session, tenant_id=scene.tenant_id, name=NEWSLETTER.name)
    assert [version.number for version in found] == [2, 1]
    assert found[0].fields == ["contact.first_name", "contact.last_name"]
    assert (found[0].inlining, found[0].why) == ("once", "No reason against it.")
    assert len(templates.history(session, tenant_id=scene.tenant_id)) == 3


def test_a_version_gives_its_sources_back(session: Session, scene: Scene) -> None:
    publish(session, scene, text="a")
    publish(session, scene, text="b")
    key = {"tenant_id": scene.tenant_id, "name": NEWSLETTER.name}
    assert templates.sources_of(session, **key, number=1) == replace(NEWSLETTER, text="a")


def test_a_version_that_is_not_there_is_told_from_those_that_are(session: Session, scene: Scene) -> None:
    key = {"tenant_id": scene.tenant_id, "name": NEWSLETTER.name}
    with pytest.raises(NotFoundError) as none:
        templates.sources_of(session, **key, number=1)
    assert none.value.hint.startswith("posthouse template publish")
    publish(session, scene)
    with pytest.raises(NotFoundError, match="no version 7") as other:
        templates.sources_of(session, **key, number=7)
    assert other.value.hint == "published versions: 1"
    stranger = a_scene(session)
    with pytest.raises(NotFoundError):
        templates.sources_of(session, tenant_id=stranger.tenant_id, name=NEWSLETTER.name, number=1)
