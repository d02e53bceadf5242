"""Who is suppressed between plan and send gets nothing, at whatever beat of the sender and in whatever scope."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from core.suppression import Reason, Scope
from store import skips, suppressions
from store.suppressions import NewSuppression
from tasks import sending
from tasks.claiming import Claimer
from tests.builders import Scene, a_campaign, key_of, plan
from tests.stage import Stage


def suppress(stage: Stage, scene: Scene, address: str, scope: Scope) -> None:
    """As a link, an event or an operator does it: in a transaction of its own, while others are open."""
    new = NewSuppression(
        recipient_key=key_of(address),
        address=address,
        reason=Reason.UNSUBSCRIBE,
        scope=scope,
        audience_id=scene.audience_id if scope is Scope.AUDIENCE else None,
    )
    with stage.database.begin() as session:
        if scope is Scope.GLOBAL:
            suppressions.add_global(session, new)
        else:
            suppressions.add(session, tenant_id=scene.tenant_id, suppressions=[new])


def before(
    patch: pytest.MonkeyPatch, owner: ModuleType | type, name: str, act: Callable[[], None]
) -> list[str]:
    """Do something once, the first time that a function is about to run; return where it was done."""
    real, done = getattr(owner, name), []

    def wrapped(*given: Any, **named: Any) -> Any:
        if not done:
            done.append(name)
            act()
        return real(*given, **named)

    patch.setattr(owner, name, wrapped)
    return done


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("owner", "beat"),
    [
        pytest.param(Claimer, "claim", id="before the claim"),
        pytest.param(sending, "message_for", id="claimed, before it is rendered"),
        pytest.param(sending, "reserve", id="rendered, the transaction of the intent open"),
        pytest.param(skips, "skip_suppressed", id="the account locked, before the question"),
    ],
)
def test_a_person_suppressed_after_the_plan_gets_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, owner: ModuleType | type, beat: str, scope: Scope
) -> None:
    """F30"""
    scene = stage.set(4)
    gone = str(stage.ledger(scene)[-1]["address"])
    done = before(monkeypatch, owner, beat, lambda: suppress(stage, scene, gone, scope))
    tally = stage.send(scene)
    assert done == [beat]
    assert (tally.accepted, tally.skipped) == (3, 1)
    assert gone not in stage.ses.recipients
    assert [row["skip_reason"] for row in stage.ledger(scene) if row["address"] == gone] == ["unsubscribed"]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_person_suppressed_before_the_plan_has_no_delivery(stage: Stage, scope: Scope) -> None:
    scene = stage.set(3)
    gone = str(stage.ledger(scene)[-1]["address"])
    suppress(stage, scene, gone, scope)
    with stage.database.begin() as session:
        again = a_campaign(session, scene)
        assert plan(session, again) == 2
    assert gone not in {row["address"] for row in stage.ledger(again)}


def test_who_is_suppressed_while_the_message_is_called_gets_this_one_and_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of the promise: a call that an intent has allowed cannot be taken back."""
    scene = stage.set(1)
    gone = str(stage.ledger(scene)[0]["address"])
    before(monkeypatch, type(stage.ses), "send", lambda: suppress(stage, scene, gone, Scope.TENANT))
    assert stage.send(scene).accepted == 1
    with stage.database.begin() as session:
        assert plan(session, a_campaign(session, scene)) == 0


def test_a_suppression_of_all_tenants_holds_for_those_who_never_heard_of_it(stage: Stage) -> None:
    scene, other = stage.set(2), stage.set(2)
    gone = str(stage.ledger(scene)[0]["address"])
    suppress(stage, other, gone, Scope.GLOBAL)
    assert stage.send(scene).skipped == 1
    assert stage.send(other).skipped == 0
