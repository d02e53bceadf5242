"""What a tenant's addresses look like, and what became of the mail to each import's people."""

import pytest
from sqlmodel import Session

from core.address_hints import ROLE_ENDINGS, ROLES, likeness
from store import hygiene_hints
from store.session import one, run
from tests.builders import Scene, a_contact, a_scene
from tests.store.test_hygiene_runs import mail


@pytest.fixture
def scene(session: Session) -> Scene:
    return a_scene(session)


ADDRESSES = (
    "ann.lee@gmail.com", "Ann.Lee+shop@googlemail.com", "+1@firm.test", "a+b+c@firm.test", "A.B@Firm.test", "x+@firm.test",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_database_knows_likeness_as_the_rule_does(session: Session, address: str) -> None:
    row = one(
        session,
        f"SELECT {hygiene_hints.LIKENESS} AS likeness FROM (SELECT CAST(:address AS text) AS address) AS c",
        address=address,
    )
    assert row is not None
    assert row["likeness"] == likeness(address)


def test_second_addresses_are_counted_and_spellings_of_one_are_not(session: Session, scene: Scene) -> None:
    for address in ("ann.lee@gmail.com", "annlee@gmail.com", "a.nnlee+x@googlemail.com"):
        a_contact(session, scene, address)
    for address in ("bob@firm.test", "BOB@firm.test", "cem@firm.test"):
        a_contact(session, scene, address)
    a_contact(session, a_scene(session), "cem+x@firm.test")
    assert hygiene_hints.alike(session, tenant_id=scene.tenant_id) == 2


def test_hints_are_of_those_who_are_mailed(session: Session, scene: Scene) -> None:
    for address in ("info@firm.test", "ann@gmial.com", "bob@hour.test", "cem@firm.test", "cem+x@firm.test"):
        a_contact(session, scene, address)
    a_contact(session, scene, "sales@firm.test", state="retired")
    where = {"tenant_id": scene.tenant_id, "roles": ROLES, "endings": ROLE_ENDINGS}
    assert hygiene_hints.roles(session, **where) == 1
    assert hygiene_hints.domains(session, tenant_id=scene.tenant_id) == {
        "firm.test": 3,
        "gmial.com": 1,
        "hour.test": 1,
    }
    found = hygiene_hints.flagged(session, **where, domains=["gmial.com", "hour.test"])
    assert {row["address"]: row["is_alike"] for row in found} == {
        "info@firm.test": False,
        "ann@gmial.com": False,
        "bob@hour.test": False,
        "cem@firm.test": True,
        "cem+x@firm.test": True,
    }


def an_import(session: Session, scene: Scene, name: str) -> int:
    row = one(
        session,
        """INSERT INTO contact_import (tenant_id, audience_id, file_name, file_digest, file_format, created_at)
           VALUES (:tenant_id, :audience_id, :name, :name, 'generic', '2026-11-20T10:00Z') RETURNING id""",
        tenant_id=scene.tenant_id,
        audience_id=scene.audience_id,
        name=name,
    )
    assert row is not None
    return row["id"]


def test_each_import_is_told_by_its_people_and_each_person_counts_once(
    session: Session, scene: Scene
) -> None:
    first, second = an_import(session, scene, "old.csv"), an_import(session, scene, "new.csv")
    ann, _, cem = (a_contact(session, scene, import_id=import_id) for import_id in (first, first, second))
    alone = a_contact(session, scene)
    mail(session, scene, ann, 3, 2)
    mail(session, scene, cem, 1)
    mail(session, scene, alone, 200)
    run(
        session,
        """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
           SELECT d.tenant_id, d.id, fact, now(), now() FROM delivery d,
                  unnest(CASE d.contact_id WHEN :ann THEN ARRAY['bounce_permanent', 'open_machine']
                                           WHEN :cem THEN ARRAY['click', 'complaint'] END) AS fact""",
        ann=ann.id,
        cem=cem.id,
    )
    found = hygiene_hints.sources(session, tenant_id=scene.tenant_id, days=180)
    assert [
        (one.name, one.contacts, one.mailed, one.bounced, one.complained, one.opened) for one in found
    ] == [
        (f"new.csv, 2026-11-20 (import {second})", 1, 1, 0, 1, 1),
        (f"old.csv, 2026-11-20 (import {first})", 2, 1, 1, 0, 0),
        ("no import", 1, 0, 0, 0, 0),
    ]
