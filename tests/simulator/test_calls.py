"""The calls, through real boto3: botocore signs and writes the requests, and parses the answers."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from .conftest import Running
from .requests import bulk, content, entry, simple


def test_a_message_is_accepted_and_stands_in_the_accept_log(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    simulator = start(accept_log=tmp_path / "accepted.jsonl")
    answer = simulator.client().send_email(**simple())
    [accepted] = [json.loads(line) for line in (tmp_path / "accepted.jsonl").read_text().splitlines()]
    assert answer["MessageId"] == accepted["ses_message_id"]
    assert answer["ResponseMetadata"]["RequestId"]
    accepted |= {"at": "", "ses_message_id": "", "invocation_id": accepted["invocation_id"] and "some"}
    assert accepted == {
        "n": 1,
        "at": "",
        "ses_message_id": "",
        "from": "News <news@mail.example.com>",
        "to": ["reader@example.net"],
        "subject": "Spring news for Zoë",
        "tags": {"campaign": "c-42", "rid": "r-000123"},
        "configuration_set": "tenant-a-marketing",
        "tenant": "tenant-a",
        "headers": {
            "List-Unsubscribe": "<https://u.example/u/abc>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "html_bytes": 47,
        "text_bytes": 3,
        "html_sha256": "33b64d22abc05aabacc341c0a6909cc7e84d5761f1a76da5134efd7c771326ac",
        "api": "single",
        "invocation_id": "some",
    }


def test_a_bulk_call_answers_by_place_and_one_bad_entry_stops_no_other(simulator: Running) -> None:
    """F12: 49 good entries and one malformed address."""
    recipients = [f"reader{n}@example.net" for n in range(49)]
    recipients.insert(7, "reader@@example..net")
    results = simulator.client().send_bulk_email(**bulk(*recipients))["BulkEmailEntryResults"]
    assert [result["Status"] for result in results] == ["SUCCESS"] * 7 + ["INVALID_PARAMETER"] + [
        "SUCCESS"
    ] * 42
    accepted = simulator.control("GET", "accepted")
    assert [one["to"] for one in accepted] == [[one] for one in recipients if one != "reader@@example..net"]
    assert [one["subject"] for one in accepted][5:8] == ["Hello 5", "Hello 6", "Hello 8"]
    assert {one["api"] for one in accepted} == {"bulk"}


def test_an_entry_replaces_headers_and_tags_of_the_same_name_and_keeps_the_others(simulator: Running) -> None:
    request = bulk("a@example.net")
    request["DefaultContent"]["Template"]["Headers"] = [
        {"Name": "X-Shared", "Value": "all"},
        {"Name": "List-Unsubscribe", "Value": "<https://u.example/>"},
    ]
    request["BulkEmailEntries"][0] |= {
        "ReplacementHeaders": [{"Name": "list-unsubscribe", "Value": "<https://u.example/a>"}],
        "ReplacementTags": [{"Name": "campaign", "Value": "c-43"}],
    }
    simulator.client().send_bulk_email(**request)
    [accepted] = simulator.control("GET", "accepted")
    assert accepted["headers"] == {"X-Shared": "all", "list-unsubscribe": "<https://u.example/a>"}
    assert accepted["tags"] == {"campaign": "c-43"}


def test_a_raw_message_says_in_its_headers_what_the_request_does_not(simulator: Running) -> None:
    mime = (
        'From: News <news@example.com>\r\nTo: "Reader, Zoë" <reader@example.net>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n'
        "X-SES-MESSAGE-TAGS: campaign=c-9, rid=r-1\r\nX-SES-CONFIGURATION-SET: raw-set\r\nX-SES-TENANT: raw-tenant\r\n"
        'Content-Type: text/html; charset="utf-8"\r\n\r\n<p>Hallo</p>\r\n'
    )
    simulator.client().send_email(Content={"Raw": {"Data": mime.encode()}})
    [accepted] = simulator.control("GET", "accepted?tenant=raw-tenant&campaign=c-9")
    assert accepted["subject"] == "Grüße"
    assert accepted["to"] == ["reader@example.net"]
    assert accepted["configuration_set"] == "raw-set"
    assert accepted["tags"] == {"campaign": "c-9", "rid": "r-1"}
    assert "X-SES-TENANT" not in accepted["headers"]


def test_a_single_template_is_rendered_by_plain_substitution_without_escaping(simulator: Running) -> None:
    template = {
        "TemplateContent": {"Subject": "{{ subject }}", "Html": "{{html}}"},
        "TemplateData": json.dumps({"subject": "a & b", "html": "<b>{{html}}</b>"}),
    }
    simulator.client().send_email(**simple(Content={"Template": template}))
    [accepted] = simulator.control("GET", "accepted")
    assert (accepted["subject"], accepted["html_bytes"]) == ("a & b", len("<b>{{html}}</b>"))


def test_the_account_shows_its_quota_and_what_it_has_sent(start: Callable[..., Running]) -> None:
    simulator = start(max_send_rate=14.0, max_24_hour_send=50_000)
    client = simulator.client()
    client.send_email(**simple())
    client.send_email(**simple("success@simulator.amazonses.com"))
    account = client.get_account()
    assert account["SendQuota"] == {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 1.0}
    assert account["SendingEnabled"]
    assert account["EnforcementStatus"] == "HEALTHY"


_LONG = {"Name": "X-Long", "Value": "v" * 996}

REFUSED = [
    pytest.param(
        {"Content": {}}, "BadRequestException", "exactly one of Simple, Raw, Template", id="no content"
    ),
    pytest.param(
        {"Content": {"Simple": content(), "Raw": {"Data": b"x"}}},
        "BadRequestException",
        "exactly one",
        id="two contents",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X-A", "Value": "b"}] * 16)}},
        "BadRequestException",
        "'content.simple.headers' failed to satisfy constraint: Member must have length less than or equal to 15",
        id="16 headers",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X" * 127, "Value": "b"}])}},
        "BadRequestException",
        "headers.1.member.name",
        id="header name of 127",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[_LONG])}},
        "BadRequestException",
        "995",
        id="header value of 996",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X-Name", "Value": "v" * 991}])}},
        "BadRequestException",
        "996",
        id="header name and value of 997",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X-A", "Value": "Grüße"}])}},
        "BadRequestException",
        "pattern",
        id="header value not ASCII",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X-A", "Value": "a\r\nBcc: x@example.com"}])}},
        "BadRequestException",
        "pattern",
        id="header injection",
    ),
    pytest.param(
        {"Content": {"Simple": content(Headers=[{"Name": "X A", "Value": "a"}])}},
        "BadRequestException",
        "pattern",
        id="header name with a space",
    ),
    pytest.param(
        {"EmailTags": [{"Name": "campaign", "Value": "spring news"}]},
        "BadRequestException",
        "Invalid tag value",
        id="tag value with a space",
    ),
    pytest.param(
        {"EmailTags": [{"Name": "ses:campaign", "Value": "c"}]},
        "BadRequestException",
        "Invalid tag name",
        id="tag name with a colon",
    ),
    pytest.param(
        {"EmailTags": [{"Name": "campaign", "Value": "c" * 257}]},
        "BadRequestException",
        "256",
        id="tag value of 257",
    ),
    pytest.param(
        {"Destination": {"ToAddresses": [f"r{n}@example.net" for n in range(51)]}},
        "BadRequestException",
        "Recipient count exceeds 50",
        id="51 recipients",
    ),
    pytest.param({"Destination": {}}, "BadRequestException", "at least one recipient", id="no recipient"),
    pytest.param(
        {"Destination": {"ToAddresses": ["reader"]}}, "BadRequestException", "Missing final", id="no domain"
    ),
    pytest.param(
        {"Destination": {"ToAddresses": ["zoë@example.net"]}},
        "BadRequestException",
        "non-ASCII",
        id="local part not ASCII",
    ),
    pytest.param(
        {"Destination": {"ToAddresses": ["zoe@exämple.net"]}},
        "BadRequestException",
        "Domain",
        id="domain not Punycode",
    ),
    pytest.param({"FromEmailAddress": ""}, "BadRequestException", "From", id="no sender"),
    pytest.param(
        {"ConfigurationOverrides": {"Tracking": {"OpenTrackingEnabled": "MAYBE"}}},
        "BadRequestException",
        "enum value set: [ENABLED, DISABLED]",
        id="unknown enum value",
    ),
    pytest.param(
        {"Content": {"Template": {"TemplateContent": {"Html": "x"}, "TemplateData": "[1]"}}},
        "BadRequestException",
        "not a JSON object",
        id="template data is a list",
    ),
    pytest.param(
        {
            "Content": {
                "Template": {
                    "TemplateContent": {"Html": "x"},
                    "TemplateData": json.dumps({"a": "x" * 262_140}),
                }
            }
        },
        "BadRequestException",
        "262144",
        id="template data too long",
    ),
    pytest.param(
        {"Content": {"Template": {"TemplateContent": {"Html": "x" * 1_000_000}, "TemplateData": "{}"}}},
        "BadRequestException",
        "Inline template request is more than 1000000 bytes",
        id="template over 1 MB",
    ),
    pytest.param(
        {"Content": {"Template": {"TemplateName": "welcome", "TemplateData": "{}"}}},
        "NotFoundException",
        "welcome",
        id="stored template",
    ),
]


@pytest.mark.parametrize(("change", "code", "says"), REFUSED)
def test_what_boto3_lets_through_and_ses_refuses_is_refused(
    simulator: Running, change: dict[str, Any], code: str, says: str
) -> None:
    client = simulator.client()
    with pytest.raises(getattr(client.exceptions, code)) as refusal:
        client.send_email(**simple(**change))
    assert says in refusal.value.response["Error"]["Message"]
    assert refusal.value.response["ResponseMetadata"]["RequestId"]
    assert simulator.control("GET", "accepted") == []


@pytest.mark.parametrize("count", [0, 51])
def test_a_bulk_call_has_one_to_fifty_entries(simulator: Running, count: int) -> None:
    client = simulator.client()
    with pytest.raises(client.exceptions.BadRequestException, match="between 1 and 50"):
        client.send_bulk_email(**bulk(*[f"r{n}@example.net" for n in range(count)]))


def test_a_bulk_call_over_one_megabyte_is_refused_as_a_whole(simulator: Running) -> None:
    client = simulator.client()
    entries = [entry(f"r{n}@example.net", n="x" * 30_000) for n in range(40)]
    with pytest.raises(client.exceptions.BadRequestException, match="1000000"):
        client.send_bulk_email(**bulk("r@example.net", BulkEmailEntries=entries))


def test_feedback_id_tags_are_the_only_ones_that_may_have_a_colon(simulator: Running) -> None:
    tags = [{"Name": "ses:feedback-id-a", "Value": "tenant-a"}]
    assert simulator.client().send_email(**simple(EmailTags=tags))["MessageId"]


def test_only_what_was_set_up_may_be_used(start: Callable[..., Running]) -> None:
    """F10: what vanishes at SES is refused with the same words as the real thing."""
    simulator = start(
        identity=("example.com",), tenant=("tenant-a",), configuration_set=("tenant-a-marketing",)
    )
    client = simulator.client()
    assert client.send_email(**simple())["MessageId"], "a domain covers its subdomains"
    with pytest.raises(client.exceptions.MessageRejected, match="Email address is not verified") as refusal:
        client.send_email(**simple(FromEmailAddress="news@notexample.com"))
    assert "US-EAST-1: news@notexample.com" in refusal.value.response["Error"]["Message"]
    with pytest.raises(client.exceptions.NotFoundException, match="Configuration set <other> does not exist"):
        client.send_email(**simple(ConfigurationSetName="other"))
    with pytest.raises(ClientError, match="Tenant not associated with resources") as denied:
        client.send_bulk_email(**bulk("r@example.net", TenantName="tenant-b"))
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_over_the_sending_rate_a_call_is_throttled(start: Callable[..., Running]) -> None:
    client = start(max_send_rate=2.0).client()
    recipients = {"ToAddresses": [f"r{n}@example.net" for n in range(20)]}
    client.send_email(**simple(Destination=recipients))
    with pytest.raises(
        client.exceptions.TooManyRequestsException, match="Maximum sending rate exceeded"
    ) as refusal:
        client.send_email(**simple())
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_over_the_daily_quota_a_call_is_refused_and_a_bulk_call_stops_in_the_middle(
    start: Callable[..., Running],
) -> None:
    """F08."""
    simulator = start(max_24_hour_send=3)
    client = simulator.client()
    results = client.send_bulk_email(**bulk(*[f"r{n}@example.net" for n in range(4)]))[
        "BulkEmailEntryResults"
    ]
    assert [result["Status"] for result in results] == ["SUCCESS"] * 3 + ["ACCOUNT_DAILY_QUOTA_EXCEEDED"]
    with pytest.raises(client.exceptions.LimitExceededException, match="Daily message quota exceeded"):
        client.send_email(**simple())


def test_sends_that_the_sdk_itself_repeats_are_counted(simulator: Running) -> None:
    simulator.fault("error", status=500, when="after", times=1)
    eager = simulator.client(retries={"mode": "standard", "total_max_attempts": 2})
    eager.send_email(**simple())
    assert simulator.control("GET", "stats")["sdk_resends"] == 1
    assert simulator.control("GET", "accepted/summary")["duplicates"] == 1


def test_an_unsigned_or_outdated_call_is_refused(start: Callable[..., Running]) -> None:
    """F18, F19: what was signed before a pause does not go out after it."""
    simulator = start(signature_seconds=-1.0)
    with pytest.raises(ClientError, match="Signature expired") as refusal:
        simulator.client().send_email(**simple())
    assert refusal.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert simulator.control("GET", "stats")["refused"] == {"InvalidSignatureException": 1}


def test_a_message_over_40_mb_is_refused(simulator: Running) -> None:
    client = simulator.client(read_timeout=20)
    attachment = {"FileName": "big.bin", "RawContent": bytes(32 * 1024 * 1024)}
    with pytest.raises(client.exceptions.BadRequestException, match="Message length is more than 41943040"):
        client.send_email(**simple(Content={"Simple": content(Attachments=[attachment])}))


def post(url: str, path: str, body: bytes) -> tuple[int, str, str]:
    """Send what boto3 would never write; return status, error code and message."""
    request = urllib.request.Request(url + path, data=body, method="POST")
    with pytest.raises(HTTPError) as refusal:
        urllib.request.urlopen(request)
    with refusal.value as answer:
        return answer.code, answer.headers["x-amzn-ErrorType"], json.load(answer)["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b'{"Content":', "not JSON", id="cut off"),
        pytest.param(b"[" * 100_000, "not JSON", id="too deep"),
        pytest.param(b'{"FromEmailAddress": "\\uD800@example.com"}', "not JSON", id="lone surrogate"),
        pytest.param(b'{"Content": []}', "Unexpected type of value at 'content'", id="list for an object"),
        pytest.param(b'{"Content": {}, "EmailTags": {}}', "at 'emailTags'", id="object for a list"),
        pytest.param(b'{"Content": {}, "TenantName": 7}', "at 'tenantName'", id="number for a text"),
        pytest.param(b'{"Content": {"Raw": {"Data": "###"}}}', "not base64", id="no base64"),
    ],
)
def test_what_cannot_be_read_is_a_serialization_error(
    start: Callable[..., Running], body: bytes, says: str
) -> None:
    status, code, message = post(start(signature_seconds=0).url, "/v2/email/outbound-emails", body)
    assert (status, code) == (400, "SerializationException")
    assert says in message


def test_an_unknown_operation_and_an_unsigned_call_are_refused(simulator: Running) -> None:
    assert post(simulator.url, "/v2/email/templates", b"{}")[:2] == (404, "UnknownOperationException")
    unsigned = post(simulator.url, "/v2/email/outbound-emails", b"{}")
    assert unsigned[:2] == (403, "MissingAuthenticationTokenException")


def test_a_raw_message_in_an_unknown_charset_is_refused(simulator: Running) -> None:
    mime = b"From: a@example.com\r\nTo: b@example.net\r\nContent-Type: text/html; charset=klingon\r\n\r\n\xff\r\n"
    client = simulator.client()
    with pytest.raises(client.exceptions.BadRequestException, match="cannot be parsed"):
        client.send_email(Content={"Raw": {"Data": mime}})
