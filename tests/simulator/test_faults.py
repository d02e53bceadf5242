"""Faults, as a sender meets them: what botocore raises, and whether the message was accepted all the same."""

from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from simulator.faults import BEFORE, Call, Faults

from .conftest import Running
from .requests import bulk, simple


REFUSALS = [
    pytest.param("throttle", "TooManyRequestsException", 429, id="throttle"),
    pytest.param("daily_quota", "LimitExceededException", 400, id="daily quota"),
    pytest.param("reject", "MessageRejected", 400, id="reject"),
    pytest.param("account_suspended", "AccountSuspendedException", 400, id="account suspended"),
    pytest.param("sending_paused", "SendingPausedException", 400, id="sending paused"),
    pytest.param("mail_from_not_verified", "MailFromDomainNotVerifiedException", 400, id="MAIL FROM"),
]


@pytest.mark.parametrize(("action", "code", "status"), REFUSALS)
def test_a_refusal_raises_the_modelled_exception_and_nothing_is_accepted(
    simulator: Running, action: str, code: str, status: int
) -> None:
    """F07, F08, F09, F11."""
    simulator.fault(action)
    client = simulator.client()
    for call in (
        lambda: client.send_email(**simple()),
        lambda: client.send_bulk_email(**bulk("r@example.net")),
    ):
        with pytest.raises(getattr(client.exceptions, code)) as refusal:
            call()
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert simulator.control("GET", "accepted") == []


LOST = [
    pytest.param("error", {"when": "before", "status": 500}, ClientError, 0, id="500 before"),
    pytest.param("error", {"when": "before", "status": 503}, ClientError, 0, id="503 before"),
    pytest.param("reset", {"when": "before"}, ConnectionClosedError, 0, id="reset before"),
    pytest.param("close", {"when": "before"}, ConnectionClosedError, 0, id="close before"),
    pytest.param("hang", {"when": "before"}, ReadTimeoutError, 0, id="hang before"),
    pytest.param("error", {"when": "after", "status": 500}, ClientError, 1, id="500 after"),
    pytest.param("error", {"when": "after", "status": 503}, ClientError, 1, id="503 after"),
    pytest.param("reset", {"when": "after"}, ConnectionClosedError, 1, id="reset after"),
    pytest.param("close", {"when": "after"}, ConnectionClosedError, 1, id="close after"),
    pytest.param("hang", {}, ReadTimeoutError, 1, id="hang after"),
    pytest.param("slow", {"when": "after", "seconds": 1.5}, ReadTimeoutError, 1, id="slow after"),
]


@pytest.mark.parametrize(("action", "rule", "raised", "accepted"), LOST)
def test_a_lost_answer_looks_the_same_whether_or_not_the_message_was_accepted(
    simulator: Running, action: str, rule: dict[str, Any], raised: type[Exception], accepted: int
) -> None:
    """F01, F02, F04."""
    simulator.fault(action, times=1, **rule)
    client = simulator.client(read_timeout=0.5)
    with pytest.raises(raised) as error:
        client.send_email(**simple())
    if isinstance(error.value, ClientError):
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == rule["status"]
    assert simulator.control("GET", "stats")["accepted"] == accepted
    assert client.send_email(**simple())["MessageId"], "the fault was for once"


@pytest.mark.parametrize("action", ["truncated_200", "html_200", "empty_200"])
def test_a_mangled_answer_to_an_accepted_message_has_no_message_id(simulator: Running, action: str) -> None:
    """F05: botocore raises nothing for it."""
    simulator.fault(action)
    answer = simulator.client().send_email(**simple())
    assert "MessageId" not in answer
    assert simulator.control("GET", "stats")["accepted"] == 1


def test_a_bulk_answer_may_be_shorter_than_its_request(simulator: Running) -> None:
    """F13."""
    simulator.fault("short_reply")
    answer = simulator.client().send_bulk_email(**bulk("a@example.net", "b@example.net"))
    assert len(answer["BulkEmailEntryResults"]) == 1
    assert simulator.control("GET", "stats")["accepted"] == 2


def test_a_fault_may_befall_one_entry_of_a_bulk_call(simulator: Running) -> None:
    simulator.fault(
        "entry_status", match={"to": "B@example.net"}, status="TRANSIENT_FAILURE", message="later"
    )
    results = simulator.client().send_bulk_email(**bulk("a@example.net", "b@example.net"))[
        "BulkEmailEntryResults"
    ]
    assert [result["Status"] for result in results] == ["SUCCESS", "TRANSIENT_FAILURE"]
    assert results[1]["Error"] == "later"


def test_the_events_of_an_accepted_message_may_be_lost(
    simulator: Running, events: Callable[[], list[dict[str, Any]]]
) -> None:
    """F03: a message was accepted and nothing will ever say so."""
    simulator.fault("lose_events", match={"to_domain": "example.net"})
    simulator.client().send_email(**simple("lost@example.net"))
    simulator.client().send_email(**simple("success@simulator.amazonses.com"))
    assert {event["mail"]["destination"][0] for event in events()} == {"success@simulator.amazonses.com"}


def test_a_standing_suspension_shows_in_the_account(simulator: Running) -> None:
    simulator.fault("account_suspended")
    account = simulator.client().get_account()
    assert (account["SendingEnabled"], account["EnforcementStatus"]) == (False, "SHUTDOWN")
    simulator.control("DELETE", "faults")
    assert simulator.client().get_account()["SendingEnabled"]


def test_the_account_call_itself_fails_only_when_a_rule_names_it(simulator: Running) -> None:
    simulator.fault("throttle")
    assert simulator.client().get_account()["SendQuota"]
    simulator.fault("throttle", match={"operation": "GetAccount"})
    client = simulator.client()
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.get_account()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param({"action": "explode"}, "unknown action", id="unknown action"),
        pytest.param(
            {"action": "throttle", "match": {"colour": "red"}}, "cannot match on colour", id="unknown matcher"
        ),
        pytest.param(
            {"action": "throttle", "when": "after"}, "cannot happen 'after'", id="refused after accepting"
        ),
        pytest.param({"action": "throttle", "chance": 1}, "chance", id="unknown member"),
    ],
)
def test_a_rule_that_would_never_fire_is_refused(simulator: Running, rule: dict[str, Any], says: str) -> None:
    with pytest.raises(HTTPError) as refusal:
        simulator.control("POST", "faults", rule)
    with refusal.value:
        assert refusal.value.code == 400
        assert says in refusal.value.read().decode()
    assert simulator.control("GET", "faults")["rules"] == []


CALL = Call("SendEmail", "tenant-a", "set-a", "news@example.com", ("r@gmail.com",), {"campaign": "c-1"})


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"operation": "SendBulkEmail"}, False, id="other operation"),
        pytest.param({"tenant": "tenant-a", "to_domain": "GMAIL.com"}, True, id="tenant and domain"),
        pytest.param({"tenant": "tenant-b", "to_domain": "gmail.com"}, False, id="one of two"),
        pytest.param({"configuration_set": "set-a", "from_domain": "example.com"}, True, id="set and sender"),
        pytest.param({"tags": {"campaign": "c-1"}}, True, id="tag"),
        pytest.param({"tags": {"campaign": "c-2"}}, False, id="other value"),
        pytest.param({"to": "R@gmail.com"}, True, id="recipient"),
    ],
)
def test_a_rule_strikes_only_what_it_matches(match: dict[str, Any], *, fits: bool) -> None:
    faults = Faults(seed=1)
    faults.add([{"action": "throttle", "match": match}])
    assert (faults.draw(BEFORE, CALL) is not None) is fits


def test_the_first_rule_that_fits_decides_and_is_used_up() -> None:
    faults = Faults(seed=1)
    faults.add([{"action": "throttle", "times": 2}, {"action": "reject"}])
    drawn = [faults.draw(BEFORE, CALL) for _ in range(3)]
    assert [rule and rule.action for rule in drawn] == ["throttle", "throttle", "reject"]
    assert [rule["hits"] for rule in faults.listing()] == [2, 1]


def test_a_probability_of_30_percent_strikes_about_so_often_and_the_same_calls_each_run() -> None:
    """F07."""

    def struck() -> list[bool]:
        faults = Faults(seed=7)
        faults.add([{"action": "throttle", "probability": 0.3}])
        return [faults.draw(BEFORE, CALL) is not None for _ in range(1000)]

    first = struck()
    assert 250 < sum(first) < 350
    assert first == struck()
