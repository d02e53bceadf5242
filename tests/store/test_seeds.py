"""Seed lists and tests in the database: each tenant its own."""

import pytest
from sqlmodel import Session

from core.errors import NotFoundError
from core.seeds import SeedState
from store import seed_sends, seeds
from store.seed_sends import Outcome, Request
from store.seeds import Seed
from tests.builders import a_tenant


REQUEST = Request(request_id="r1", template_digest="d")


def state_of(session: Session, tenant_id: int) -> list[tuple[str, str | None]]:
    found = seed_sends.of_request(session, tenant_id=tenant_id, request=REQUEST)
    return [(row["state"], row["ses_message_id"]) for row in found.values()]


def test_another_tenants_list_is_not_there(session: Session) -> None:
    ours, theirs = a_tenant(session), a_tenant(session)
    seeds.add(session, tenant_id=ours.id, name="team", seeds=[Seed("k1", "ann@example.org")])
    assert seeds.lists(session, tenant_id=theirs.id) == []
    for ask in (seeds.members, lambda *a, **k: seeds.remove(*a, **k, recipient_keys=["k1"])):
        with pytest.raises(NotFoundError, match="no seed list 'team'"):
            ask(session, tenant_id=theirs.id, name="team")
    assert seeds.members(session, tenant_id=ours.id, name="team") == [Seed("k1", "ann@example.org")]


def test_a_test_is_begun_once_and_its_answer_recorded_once(session: Session) -> None:
    tenant_id = a_tenant(session).id
    assert seed_sends.begin(session, tenant_id=tenant_id, request=REQUEST, tests={"k1": "t1"}) == {"k1": "t1"}
    assert seed_sends.begin(session, tenant_id=tenant_id, request=REQUEST, tests={"k1": "t2"}) == {}
    sent = Outcome(test_id="t1", state=SeedState.SENT, ses_message_id="m1")
    seed_sends.record(session, tenant_id=tenant_id, outcomes=[sent])
    late = Outcome(test_id="t1", state=SeedState.NOT_SENT, code="throttled")
    seed_sends.record(session, tenant_id=tenant_id, outcomes=[late])
    assert state_of(session, tenant_id) == [("sent", "m1")]


def test_only_what_is_known_unsent_is_begun_again_and_under_another_id(session: Session) -> None:
    tenant_id = a_tenant(session).id
    seed_sends.begin(session, tenant_id=tenant_id, request=REQUEST, tests={"k1": "t1"})
    refused = Outcome(test_id="t1", state=SeedState.NOT_SENT, code="throttled")
    seed_sends.record(session, tenant_id=tenant_id, outcomes=[refused])
    assert seed_sends.begin(session, tenant_id=tenant_id, request=REQUEST, tests={"k1": "t2"}) == {"k1": "t2"}
    assert seed_sends.known(session, tenant_id=tenant_id, test_ids=["t1", "t2"]) == {"t2"}


def test_another_tenants_test_is_not_known(session: Session) -> None:
    ours, theirs = a_tenant(session), a_tenant(session)
    seed_sends.begin(session, tenant_id=ours.id, request=REQUEST, tests={"k1": "t1"})
    assert seed_sends.known(session, tenant_id=theirs.id, test_ids=["t1"]) == set()
    seed_sends.apply(session, tenant_id=theirs.id, told={"t1": []})
    assert state_of(session, ours.id) == [("submitting", None)]
