"""An operator's limit of the SES account, set while campaigns run."""

import math
from collections.abc import Sequence

import pytest

from core import pacing
from core.errors import ConfigurationError, InputError
from core.message import Message
from gateways.ses import Quota
from store import accounts as stored
from store.session import rows, run
from tasks import accounts, dispatching
from tests.builders import an_account
from tests.fakes import REGION, a_quota
from tests.stage import Stage


CLAIM = 20


def limit(stage: Stage, rate: float | None, reason: str = "the landing page is slow") -> dict[str, object]:
    return accounts.limit(stage.resources(), rate=rate, reason=reason, actor="ann")


def windows(stage: Stage) -> Sequence[int]:
    """How many intents each transaction has committed, in their order: one grant is one transaction."""
    with stage.database.begin() as session:
        found = rows(
            session,
            "SELECT count(*) AS intents FROM delivery_attempt GROUP BY xmin::text::bigint ORDER BY xmin::text::bigint",
        )
    return [row["intents"] for row in found]


def test_a_sender_obeys_a_limit_from_its_next_window_on_and_the_next_one_as_well(stage: Stage) -> None:
    """Windows are of 8 messages, and a grant at 8 a second is a quarter of that."""

    def limit_at_the_tenth(_message: Message, number: int) -> str:
        if number == 10:
            limit(stage, 8.0)
        return f"fake-{number}"

    scene = stage.set(24, limit_at_the_tenth)
    stage.send(scene)
    assert stage.states(scene) == {"sent": 24}
    # A claim is 20: two windows of 8, the rest of the claim, then a claim of 4.
    assert windows(stage) == [8, 8, 2, 2, 2, 2]
    later = stage.set(4)
    limit(stage, 8.0)
    stage.send(later)
    assert windows(stage)[-2:] == [2, 2]


def test_the_end_of_a_limit_is_obeyed_as_soon(stage: Stage) -> None:
    def end_it_at_the_third(_message: Message, number: int) -> str:
        if number == 3:
            limit(stage, None)
        return f"fake-{number}"

    scene = stage.set(20, end_it_at_the_third)
    limit(stage, 8.0)
    stage.send(scene)
    assert windows(stage) == [2, 2, 8, 8]


def test_a_limit_outlives_what_getaccount_says(stage: Stage) -> None:
    stage.set(1)
    limit(stage, 5.0)
    accounts.read(stage.resources())
    shown = accounts.show(stage.resources())
    assert (shown["limit"], shown["rate"], shown["max_send_rate"]) == (5.0, 5.0, 1e6)


def test_the_account_is_shown_as_it_holds_everybody(stage: Stage) -> None:
    with stage.database.begin() as session:
        an_account(session, max_send_rate=14.0, max_24_hour_send=50_000.0, sent_last_24_hours=1200.0)
    assert accounts.show(stage.resources()) == {
        "region": "us-east-1",
        "max_send_rate": 14.0,
        "limit": None,
        "rate": 12.6,
        "sent_last_24_hours": 1200.0,
        "max_24_hour_send": 50_000.0,
        "blocked_until": None,
        "blocked_reason": None,
        "stopped_at": None,
        "stopped_why": None,
    }


def test_a_block_is_shown_until_it_is_over(stage: Stage) -> None:
    with stage.database.begin() as session:
        an_account(session)
        stored.block(session, region=REGION, seconds=60, reason=pacing.AMBIGUITY)
    shown = accounts.show(stage.resources())
    assert (shown["blocked_reason"], shown["blocked_until"] is None) == ("ambiguity", False)
    with stage.database.begin() as session:
        run(session, "UPDATE ses_account SET blocked_until = now()")
    shown = accounts.show(stage.resources())
    assert (shown["blocked_reason"], shown["blocked_until"]) == (None, None)


@pytest.mark.parametrize("rate", [0.0, -3.0, 0.99, math.inf, math.nan])
def test_what_is_no_rate_is_refused_and_changes_nothing(stage: Stage, rate: float) -> None:
    stage.set(1)
    limit(stage, 5.0)
    with pytest.raises(InputError, match="1 message a second or more") as caught:
        limit(stage, rate)
    assert "pause" in str(caught.value.hint)
    assert accounts.show(stage.resources())["limit"] == 5.0


def test_a_limit_needs_a_reason(stage: Stage) -> None:
    stage.set(1)
    with pytest.raises(InputError, match="needs a reason"):
        limit(stage, 5.0, reason="  ")


def test_an_account_that_was_never_read_says_so(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="never read"):
        accounts.show(stage.resources())


def counted(stage: Stage) -> float:
    with stage.database.begin() as session:
        [row] = rows(session, "SELECT sent_last_24_hours FROM ses_account")
    return float(row["sent_last_24_hours"])


@pytest.mark.parametrize("at", [1, 3, 8, 9, 20])
def test_reading_the_quota_forgets_no_call_that_is_under_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Amazon counts what it has accepted; the rest of a window is granted already and about to be called."""

    def read_it_in_between(_message: Message, number: int) -> str:
        if number == at:
            answer = a_quota(sent_last_24_hours=float(number - 1))
            monkeypatch.setattr(stage.ses, "quota", lambda: answer)
            accounts.read(stage.resources())
        return f"fake-{number}"

    scene = stage.set(24, read_it_in_between)
    stage.send(scene)
    assert stage.states(scene) == {"sent": 24}
    # What of the claim is answered and not yet recorded may be counted twice, until the account is read again.
    assert 24 <= counted(stage) <= 24 + CLAIM


def test_what_is_granted_while_amazon_answers_is_counted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = stage.set(10)

    def answer_late() -> Quota:
        stage.send(scene)
        return a_quota(sent_last_24_hours=100.0)

    monkeypatch.setattr(stage.ses, "quota", answer_late)
    accounts.read(stage.resources())
    assert counted(stage) == 110


def test_of_two_answers_the_later_to_be_stored_does_not_forget_the_grants_between(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = stage.set(10)
    answers = iter([lambda: accounts.read(stage.resources()), lambda: None])

    def answer() -> Quota:
        if next(answers)() is not None:
            stage.send(scene)
        return a_quota(sent_last_24_hours=100.0)

    monkeypatch.setattr(stage.ses, "quota", answer)
    accounts.read(stage.resources())
    assert counted(stage) == 110


def test_an_account_is_read_again_while_something_is_being_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Amazon lowers in the middle of a long campaign holds from the next dispatch on."""
    scene = stage.set(1)
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET state = 'sending' WHERE id = :id", id=scene.campaign_id)
    monkeypatch.setattr(stage.ses, "quota", lambda: a_quota(max_send_rate=7.0, max_24_hour_send=900.0))
    assert dispatching.read_account(stage.resources())
    shown = accounts.show(stage.resources())
    assert (shown["max_send_rate"], shown["max_24_hour_send"]) == (7.0, 900.0)


def test_amazon_is_not_asked_while_nothing_is_being_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = stage.set(1)
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET state = 'done' WHERE id = :id", id=scene.campaign_id)

    def never() -> Quota:
        raise AssertionError("nobody needs to know")

    monkeypatch.setattr(stage.ses, "quota", never)
    assert not dispatching.read_account(stage.resources())
