"""SendBulkEmail: one answer for each message, in place; and who must not go together with others."""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import botocore.session
import pytest

from core import errors
from core.batching import MOST_BYTES
from core.errors import SendingError
from core.frames import WHOLE, Filling, Frame
from core.message import Message, tags_for
from core.rendering import Content
from gateways.ses import Ses
from gateways.ses_bulk import ALONE, answers, calls, entry_size, request, shared_size
from gateways.ses_errors import ENTRIES, translate_entry
from tests.simulated import Simulated


FRAME = Frame(
    ("html><head></head><body><p>The quick brown fox", "/p><p>jumps over the lazy dog</p></body></html")
)


def a_message(number: int = 0, content: Content | None = None, **changes: Any) -> Message:
    message = Message(
        from_header="Acme <news@acme.example>",
        reply_to="hi@acme.example",
        recipient=f"reader{number}@example.net",
        content=content or Content(f"News {number}", f"<p>Grüße {number}</p>", f"Grüße {number}\n"),
        headers={
            "List-Unsubscribe": f"<https://mail.acme.example/u/v1.k1.{number}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        tags=tags_for(tenant="acme", campaign_id=7, delivery_id=number, attempt_id=f"a-{number}"),
        configuration_set="acme-set",
        ses_tenant_name="acme",
    )
    return replace(message, **changes)


def messages(count: int) -> list[Message]:
    return [a_message(number) for number in range(count)]


def soon() -> float:
    return time.monotonic() + 30


def kinds(told: list[str | SendingError]) -> list[type]:
    return [type(answer) for answer in told]


# Over real sockets


def test_each_message_arrives_as_it_was_meant(ses: Ses, simulated: Simulated) -> None:
    told = ses.send_bulk(messages(50), deadline=soon())
    accepted = simulated.accepted()
    assert told == [entry["ses_message_id"] for entry in accepted]
    assert simulated.calls("SendBulkEmail") == 1
    last = accepted[49]
    assert (last["from"], last["to"], last["subject"]) == (
        "Acme <news@acme.example>",
        ["reader49@example.net"],
        "News 49",
    )
    assert last["html_sha256"] == sha256("<p>Grüße 49</p>".encode()).hexdigest()
    assert last["text_bytes"] == len("Grüße 49\n".encode())
    assert (last["configuration_set"], last["tenant"]) == ("acme-set", "acme")
    assert last["headers"] == {
        "List-Unsubscribe": "<https://mail.acme.example/u/v1.k1.49>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert last["tags"] == {
        "tenant": "acme",
        "campaign": "7",
        "delivery": "49",
        "attempt": "a-49",
        "ses:feedback-id-a": "7",
        "ses:feedback-id-b": "acme",
    }
    assert "rendering_failure" not in last


def test_what_is_wrong_with_one_message_stops_no_other(ses: Ses, simulated: Simulated) -> None:
    """F12"""
    told = ses.send_bulk([*messages(49), a_message(recipient="nobody")], deadline=soon())
    assert kinds(told) == [str] * 49 + [errors.MessageRejectedError]
    assert [told[49].error_code, told[49].http_status] == ["INVALID_PARAMETER", 200]
    assert len(told[49].request_id) >= 8
    assert len(simulated.accepted()) == 49


def test_what_the_reply_is_silent_about_is_in_doubt(ses: Ses, simulated: Simulated) -> None:
    """F13"""
    simulated.fault("short_reply")
    told = ses.send_bulk(messages(10), deadline=soon())
    assert kinds(told) == [str] * 9 + [errors.OutcomeUnknownError]
    assert told[9].error_code == "NoResult"
    assert len(simulated.accepted()) == 10, "it was accepted, and nobody said so"


def test_a_throttled_entry_waits_alone(ses: Ses, simulated: Simulated) -> None:
    simulated.fault("entry_status", status="ACCOUNT_THROTTLED", match={"to": "reader3@example.net"})
    told = ses.send_bulk(messages(5), deadline=soon())
    assert kinds(told) == [str, str, str, errors.ThrottledError, str]


def test_a_quota_that_ends_half_way_ends_for_the_rest(simulated: Simulated, ses: Ses) -> None:
    """F08"""
    simulated.fault(
        "entry_status", status="ACCOUNT_DAILY_QUOTA_EXCEEDED", match={"to": "reader1@example.net"}
    )
    assert kinds(ses.send_bulk(messages(2), deadline=soon())) == [str, errors.QuotaExhaustedError]


WHOLE_CALLS = [
    pytest.param("hang", {}, errors.OutcomeUnknownError, "ReadTimeoutError", 3, id="F01: no answer"),
    pytest.param(
        "hang", {"when": "before"}, errors.OutcomeUnknownError, "ReadTimeoutError", 0,
        id="F02: no answer, and not accepted",
    ),
    pytest.param(
        "reset", {"when": "after"}, errors.OutcomeUnknownError, "ConnectionClosedError", 3, id="F04: reset after"
    ),
    pytest.param(
        "error", {"when": "after", "status": 503}, errors.OutcomeUnknownError, None, 3, id="F04: 503 after"
    ),
    pytest.param("truncated_200", {}, errors.OutcomeUnknownError, "NoResult", 3, id="F05: half an answer"),
    pytest.param("html_200", {}, errors.OutcomeUnknownError, "NoResult", 3, id="F05: a web page"),
    pytest.param("empty_200", {}, errors.OutcomeUnknownError, "NoResult", 3, id="F05: an empty answer"),
    pytest.param("throttle", {}, errors.ThrottledError, "TooManyRequestsException", 0, id="F07: throttled"),
    pytest.param("daily_quota", {}, errors.QuotaExhaustedError, "LimitExceededException", 0, id="F08: quota"),
    pytest.param(
        "account_suspended", {}, errors.SendingPausedError, "AccountSuspendedException", 0, id="F09: suspended"
    ),
    pytest.param("tenant_refused", {}, errors.SendingPausedError, None, 0, id="the tenant is refused"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "rule", "expected", "code", "accepted"), WHOLE_CALLS)
def test_a_call_is_made_once_and_its_error_is_everybodys(
    ses: Ses,
    simulated: Simulated,
    action: str,
    rule: dict[str, object],
    expected: type[SendingError],
    code: str | None,
    accepted: int,
) -> None:
    simulated.fault(action, **rule)
    told = ses.send_bulk(messages(3), deadline=soon())
    assert kinds(told) == [expected] * 3
    assert code in {None, *(answer.error_code for answer in told)}
    assert simulated.calls("SendBulkEmail") == 1
    assert len(simulated.accepted()) == accepted


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(messages(51), id="by SES: more than fifty"),
        pytest.param(
            [a_message(content=Content("x", "w" * 250_000, "y"))] * 5, id="by SES: more than a megabyte"
        ),
        pytest.param(
            [a_message(), a_message(tags={"attempt": 7})], id="by botocore: not what the model says"
        ),
    ],
)
def test_a_call_that_is_refused_as_a_whole_blames_nobody(
    ses: Ses, simulated: Simulated, refused: list[Message]
) -> None:
    with pytest.raises(errors.MessageRejectedError) as raised:
        ses.send_bulk(refused, deadline=soon())
    assert "example.net" not in raised.value.message
    assert simulated.accepted() == []


def test_a_call_whose_deadline_has_passed_never_connects(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{listener.getsockname()[1]}")
        ses = Ses(read_timeout=0.2)
        told = ses.send_bulk(messages(2), deadline=time.monotonic() - 0.001)
        assert kinds(told) == [errors.LeaseLostError] * 2
        with pytest.raises(TimeoutError):
            listener.accept()


# What an entry's word means

STATUSES = {
    "ACCOUNT_THROTTLED": errors.ThrottledError,
    "TRANSIENT_FAILURE": errors.ThrottledError,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": errors.QuotaExhaustedError,
    "ACCOUNT_SUSPENDED": errors.SendingPausedError,
    "ACCOUNT_SENDING_PAUSED": errors.SendingPausedError,
    "CONFIGURATION_SET_SENDING_PAUSED": errors.SendingPausedError,
    "CONFIGURATION_SET_NOT_FOUND": errors.SendingPausedError,
    "TEMPLATE_NOT_FOUND": errors.SendingPausedError,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": errors.SendingPausedError,
    "INVALID_SENDING_POOL_NAME": errors.SendingPausedError,
    "MESSAGE_REJECTED": errors.MessageRejectedError,
    "INVALID_PARAMETER": errors.MessageRejectedError,
    "FAILED": errors.MessageRejectedError,
}
SPELT_OTHERWISE = {
    "CONFIGURATION_SET_DOES_NOT_EXIST": errors.SendingPausedError,
    "TEMPLATE_DOES_NOT_EXIST": errors.SendingPausedError,
    "INVALID_PARAMETER_VALUE": errors.MessageRejectedError,
}


def test_the_table_names_every_status_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("sesv2")
    assert {"SUCCESS", *STATUSES} == set(model.shape_for("BulkEmailStatus").enum)
    assert set(ENTRIES) == set(STATUSES | SPELT_OTHERWISE)


@pytest.mark.parametrize(("status", "expected"), (STATUSES | SPELT_OTHERWISE).items())
def test_a_status_is_translated_as_the_table_says(status: str, expected: type[SendingError]) -> None:
    error = translate_entry(status, "what SES says", request_id="r-1")
    assert type(error) is expected
    assert (error.message, error.error_code, error.http_status, error.request_id) == (
        "what SES says",
        status,
        200,
        "r-1",
    )


def test_a_status_that_nobody_has_judged_is_in_doubt() -> None:
    assert type(translate_entry("BRAND_NEW", "", request_id="")) is errors.OutcomeUnknownError


def test_an_identity_that_is_not_verified_would_refuse_every_message() -> None:
    """F10"""
    error = translate_entry("MESSAGE_REJECTED", "Email address is not verified.", request_id="")
    assert type(error) is errors.SendingPausedError


ANSWERS = [
    pytest.param({}, ["NoResult", "NoResult"], id="no results"),
    pytest.param({"BulkEmailEntryResults": []}, ["NoResult", "NoResult"], id="an empty list"),
    pytest.param(
        {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m-1"}, {"Status": "SUCCESS"}]},
        ["m-1", "NoMessageId"], id="a success without an id",
    ),
    pytest.param(
        {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m-1"}, {}]}, ["m-1", ""],
        id="a result that says nothing",
    ),
    pytest.param(
        {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m-1"}] * 3}, ["NoResult", "NoResult"],
        id="more results than entries: of which call?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "told"), ANSWERS)
def test_only_a_result_in_its_place_proves_anything(answer: Mapping[str, Any], told: list[str]) -> None:
    found = answers(answer, 2)
    assert [entry if isinstance(entry, str) else entry.error_code for entry in found] == told
    assert all(isinstance(entry, str | errors.OutcomeUnknownError) for entry in found)


# What is asked


def test_every_entry_names_all_holes_and_the_templates_data_does_too() -> None:
    arguments = request(messages(2))
    template = arguments["DefaultContent"]["Template"]
    assert template["TemplateContent"] == {
        "Subject": "{{subject}}",
        "Html": "{{h0}}",
        "Text": "{{t0}}",
    }
    assert json.loads(template["TemplateData"]) == {"subject": "", "h0": "", "t0": ""}
    data = arguments["BulkEmailEntries"][1]["ReplacementEmailContent"]["ReplacementTemplate"]
    assert data["ReplacementTemplateData"] == (
        '{"subject": "News 1", "h0": "<p>Grüße 1</p>", "t0": "Grüße 1\\n"}'
    )


def framed(number: int, *, html: Frame = FRAME, name: str = "Zoë") -> Message:
    """Return a message that shares a frame with others."""
    filling = Filling(html, ("<", f" {name}<", ">"), WHOLE, ("Text",))
    return a_message(number, Content("News", html.fill(filling.html), "Text", filling))


def test_what_messages_share_is_in_the_call_once() -> None:
    arguments = request([framed(number) for number in range(50)])
    assert arguments["DefaultContent"]["Template"]["TemplateContent"]["Html"] == (
        "{{h0}}" + FRAME.pieces[0] + "{{h1}}" + FRAME.pieces[1] + "{{h2}}"
    )
    data = arguments["BulkEmailEntries"][7]["ReplacementEmailContent"]["ReplacementTemplate"]
    assert json.loads(data["ReplacementTemplateData"]) == {
        "subject": "News", "h0": "<", "h1": " Zoë<", "h2": ">", "t0": "Text",
    }  # fmt: skip
    assert json.dumps(arguments).count(FRAME.pieces[0]) == 1


def test_messages_of_two_frames_go_out_in_two_calls() -> None:
    other = Frame(FRAME.pieces[::-1])
    mixed = [framed(number, html=other if number % 3 == 0 else FRAME) for number in range(7)]
    assert list(calls(mixed)) == [[0, 3, 6], [1, 2, 4, 5]]


def test_fifty_go_out_together_and_who_must_go_alone_does() -> None:
    some = [framed(number) for number in range(101)]
    some[10] = framed(10, name="{{ses:openTracker}}")
    assert [len(call) for call in calls(some)] == [1, 50, 50]


def test_a_call_with_its_frame_keeps_the_limit_of_a_megabyte() -> None:
    large = Frame((FRAME.pieces[0] * 2_000, FRAME.pieces[1]))
    some = [framed(number, html=large, name="w" * 100_000) for number in range(10)]
    together = list(calls(some))
    assert [len(call) for call in together] == [8, 2]
    for call in together:
        assert len(json.dumps(request([some[position] for position in call]))) < 951_000
    assert (
        sum(map(entry_size, some[:9]))
        < MOST_BYTES
        < sum(map(entry_size, some[:9])) + shared_size((large, WHOLE))
    )


@pytest.mark.parametrize("name", ["from_header", "reply_to", "configuration_set", "ses_tenant_name"])
def test_messages_of_two_senders_never_share_a_call(name: str) -> None:
    with pytest.raises(AssertionError, match="one sender"):
        request([a_message(), a_message(**{name: "another"})])


def test_a_tenant_without_a_configuration_set_names_none() -> None:
    arguments = request([a_message(configuration_set=None, ses_tenant_name=None)])
    assert not {"ConfigurationSetName", "TenantName"} & arguments.keys()


def test_sizes_add_up_to_the_body_that_botocore_writes(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    ses._client.meta.events.register(
        "before-send.sesv2.SendBulkEmail", lambda request, **_: sent.append(request.body)
    )
    some = [a_message(1), a_message(2, Content('"a" \\ b', '<p class="x">李 🎉</p>\n', "Zoë"))]
    empty = json.dumps(request(some) | {"BulkEmailEntries": []})
    ses.send_bulk(some, deadline=soon())
    assert len(sent[0]) == len(empty) + sum(map(entry_size, some)) - len(", ")


LARGE = "w" * 262_100
SIZES = [
    pytest.param(Content("x", "<p>{</p>", "{ {"), False, id="an ordinary message"),
    pytest.param(Content("x", "<style>@media print{p{color:red}}</style>", "y"), False, id="braces that close"),
    pytest.param(Content("x", "<p>{{ses:openTracker}}</p>", "y"), True, id="a placeholder of SES's own"),
    pytest.param(Content("x", "<p>y</p>", "{{amazonSESUnsubscribeUrl}}"), True, id="another one"),
    pytest.param(Content("{{ name }}", "<p>y</p>", "y"), True, id="what looks like a hole"),
    pytest.param(Content("", "<p>y</p>", "y"), True, id="no subject"),
    pytest.param(Content("x", "", "y"), True, id="no HTML"),
    pytest.param(Content("x", "<p>y</p>", ""), True, id="no text"),
    pytest.param(Content("x", LARGE, "y"), False, id="262,144 characters of data"),
    pytest.param(Content("x", LARGE + "w" * 20, "y"), True, id="more"),
    pytest.param(Content("x", LARGE[:-20] + "é" * 20, "y"), False, id="letters beyond ASCII count once"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "alone"), SIZES)
def test_who_must_not_go_with_others(content: Content, *, alone: bool) -> None:
    assert (entry_size(a_message(content=content)) == ALONE) is alone


def test_the_largest_data_that_goes_with_others_is_taken(ses: Ses, simulated: Simulated) -> None:
    largest = a_message(
        content=Content(
            "x", "w" * (262_144 - len(json.dumps({"subject": "x", "html": "", "text": "y"}))), "y"
        )
    )
    assert entry_size(largest) < ALONE
    assert kinds(ses.send_bulk([largest, largest], deadline=soon())) == [str, str]
