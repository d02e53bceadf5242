"""Auditing: a demotion stands with the sources that it was found in, for their tenant, once."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from store import auditing, campaigns, templates
from tests.builders import NEWSLETTER, Scene, a_scene


@pytest.fixture
def scene(session: Session) -> Scene:
    return a_scene(session)


def publish(session: Session, scene: Scene, text: str = NEWSLETTER.text) -> tuple[int, bool]:
    sources = replace(NEWSLETTER, text=text)
    digest = campaigns.pin_template(session, tenant_id=scene.tenant_id, sources=sources)
    return templates.publish(
        session,
        tenant_id=scene.tenant_id,
        digest=digest,
        name=sources.name,
        inlining="once",
        why="No reason against it.",
        fields=[],
    )


def test_a_demotion_is_remembered_once_with_its_first_reason(session: Session, scene: Scene) -> None:
    publish(session, scene)
    key = {"tenant_id": scene.tenant_id, "digest": NEWSLETTER.digest()}

    assert not auditing.standing(session, **key).is_demoted
    assert auditing.demote(session, **key, why="html/body[2]/p[1]: style differs in color")
    assert not auditing.demote(session, **key, why="another")
    assert auditing.standing(session, **key).demoted_why == "html/body[2]/p[1]: style differs in color"
    [version] = templates.history(session, tenant_id=scene.tenant_id)
    assert version.demoted_at is not None
    assert version.demoted_why == "html/body[2]/p[1]: style differs in color"


def test_unchanged_sources_that_are_published_again_stay_demoted_and_changed_ones_start_anew(
    session: Session, scene: Scene
) -> None:
    publish(session, scene, text="a")
    digest = replace(NEWSLETTER, text="a").digest()
    auditing.demote(session, tenant_id=scene.tenant_id, digest=digest, why="differs")

    assert publish(session, scene, text="a") == (1, False)
    publish(session, scene, text="b")

    found = templates.history(session, tenant_id=scene.tenant_id)
    assert [(version.number, version.demoted_why) for version in found] == [(2, ""), (1, "differs")]


def test_another_tenants_same_sources_are_not_demoted(session: Session, scene: Scene) -> None:
    stranger = a_scene(session)
    auditing.demote(session, tenant_id=scene.tenant_id, digest=NEWSLETTER.digest(), why="differs")

    assert not auditing.standing(session, tenant_id=stranger.tenant_id, digest=NEWSLETTER.digest()).is_demoted


def test_audited_messages_add_up(session: Session, scene: Scene) -> None:
    key = {"tenant_id": scene.tenant_id, "digest": NEWSLETTER.digest()}
    auditing.count_audited(session, **key, messages=1)
    auditing.count_audited(session, **key, messages=2)

    assert auditing.standing(session, **key).audited == 3
    assert auditing.standing(session, tenant_id=scene.tenant_id, digest="unknown").audited == 0
