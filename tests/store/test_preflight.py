"""Whom preflight looks at, all over an audience, and what was overridden."""

from sqlmodel import Session

from store import preflight
from tests.builders import Scene, a_contact, a_scene, some_contacts


def audience(scene: Scene) -> dict[str, int]:
    return {"tenant_id": scene.tenant_id, "audience_id": scene.audience_id}


def test_members_are_taken_from_all_over_an_audience(session: Session) -> None:
    scene = a_scene(session, contacts=100)
    found = [row["id"] for row in preflight.spread(session, **audience(scene), strides=4, each=2)]
    first = found[0]
    assert [identifier - first for identifier in found] == [0, 1, 24, 25, 49, 50, 74, 75]


def test_a_small_audience_is_taken_whole_and_nobody_twice(session: Session) -> None:
    scene = a_scene(session, contacts=7)
    found = [row["id"] for row in preflight.spread(session, **audience(scene))]
    assert len(found) == len(set(found)) == 7
    assert found == sorted(found)


def test_neither_the_retired_nor_another_tenants_are_taken(session: Session) -> None:
    scene, stranger = a_scene(session, contacts=2), a_scene(session, contacts=3)
    a_contact(session, scene, state="retired")
    assert len(preflight.spread(session, **audience(scene))) == 2
    assert preflight.spread(session, tenant_id=scene.tenant_id, audience_id=stranger.audience_id) == []
    assert preflight.spread(session, **audience(a_scene(session))) == []


def test_up_to_three_who_lack_an_attribute_are_found_for_each(session: Session) -> None:
    scene = a_scene(session)
    some_contacts(session, scene, 9)
    alone = a_contact(session, scene, attributes={"city": "Bristol"})
    retired = a_contact(session, scene, attributes={}, state="retired")
    found = preflight.lacking(session, **audience(scene), attributes=["city", "first_name"])
    assert len(found) == 4, "three of the nine without a city, and the one without a name"
    assert alone.id in [row["id"] for row in found]
    assert retired.id not in [row["id"] for row in found]
    assert preflight.lacking(session, **audience(scene), attributes=[]) == []


def test_every_locale_that_somebody_names_is_found_with_one_who_does(session: Session) -> None:
    scene, stranger = a_scene(session, contacts=3), a_scene(session, contacts=2)
    german = [a_contact(session, scene, attributes={"locale": "de"}) for _ in range(2)]
    french = a_contact(session, scene, attributes={"language": "fr"})
    a_contact(session, scene, attributes={"locale": "pl"}, state="retired")
    a_contact(session, stranger, attributes={"locale": "it"})
    found = preflight.wishes(session, **audience(scene))
    assert [row["people"] for row in found] == [3, 2, 1]
    assert [row["id"] for row in found[1:]] == [german[0].id, french.id]
    assert found[1]["attributes"] == {"locale": "de"}
    assert len(preflight.wishes(session, **audience(scene), limit=1)) == 1


def test_the_first_who_overrode_a_rule_stays_on_record(session: Session) -> None:
    scene, stranger = a_scene(session), a_scene(session)
    for actor in ("ann", "bob"):
        preflight.override(
            session, **scene.campaign, rule="FMT-BODY-06-ALT", finding="no alt", reason="why", actor=actor
        )
    [row] = preflight.overrides(session, **scene.campaign)
    assert (row["rule"], row["finding"], row["reason"], row["actor"]) == (
        "FMT-BODY-06-ALT",
        "no alt",
        "why",
        "ann",
    )
    assert preflight.overrides(session, **stranger.campaign) == []
