"""The events: the same keys as the samples of AWS, the right tags, and the right sequence for each kind of message."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from simulator.behaviour import Step, fate_of
from simulator.events import Mail, event_json
from simulator.message import Message
from simulator.receivers import Receiver

from .conftest import Running
from .requests import bulk, content, simple


Sample = Callable[[str], dict[str, Any]]

MESSAGE = Message(
    "SendBulkEmail",
    sender="News <news@mail.tenant-a.example>",
    to=["reader@example.net"],
    recipients=["reader@example.net"],
    subject="Spring news for Zoë",
    html="<a href='https://shop.tenant-a.example/p/1' ses:tags='block:hero;pos:1;'>Buy</a>",
    headers={"List-Unsubscribe": "<https://u.tenant-a.example/u/abc>"},
    tags=[("campaign", "c-42"), ("rid", "r-000123")],
    configuration_set="tenant-a-marketing",
    tenant="tenant-a",
    source_ip="192.0.2.10",
)
MAIL = Mail(
    MESSAGE, "0100018f3a2b4c5d-1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809-000000", 1_790_841_600.12, "us-east-1"
)

SURE = {"hard_bounce": 0.0, "soft_bounce": 0.0, "delay": 0.0, "complaint": 0.0, "open": 0.0, "bot_open": 0.0}


def fates(**change: float) -> list[Step]:
    receiver = Receiver(**SURE | change)
    return [
        step
        for seed in range(40)
        for step in fate_of(MESSAGE, "reader@example.net", receiver, random.Random(seed))
    ]


def of_kind(kind: str, steps: list[Step], **detail: str) -> Step:
    return next(step for step in steps if step.kind == kind and detail.items() <= step.detail.items())


def structure(value: Any) -> Any:
    """Return keys and types, without values: of a list that of its first element, of `tags` and headers only the type."""
    if isinstance(value, dict):
        return {key: structure(inner) for key, inner in value.items() if key not in {"headers", "linkTags"}}
    if isinstance(value, list):
        return [structure(value[0])] if value else []
    return type(value).__name__


TO_SIMULATOR = fate_of(MESSAGE, "suppressionlist@simulator.amazonses.com", Receiver(), random.Random(1))

SHAPES = [
    pytest.param("send", Step("Send", "reader@example.net", {}), id="send"),
    pytest.param("delivery", of_kind("Delivery", fates()), id="delivery"),
    pytest.param(
        "bounce_permanent_noemail",
        of_kind("Bounce", fates(hard_bounce=1), bounceSubType="NoEmail"),
        id="no mailbox",
    ),
    pytest.param(
        "bounce_permanent_general",
        of_kind("Bounce", fates(hard_bounce=1), bounceSubType="General"),
        id="hard bounce",
    ),
    pytest.param(
        "bounce_transient_mailboxfull",
        of_kind("Bounce", fates(soft_bounce=1), bounceSubType="MailboxFull"),
        id="full",
    ),
    pytest.param(
        "bounce_transient_general",
        of_kind("Bounce", fates(soft_bounce=1), bounceSubType="General"),
        id="soft bounce",
    ),
    pytest.param("bounce_permanent_suppressed_global", TO_SIMULATOR[0], id="globally suppressed"),
    pytest.param("complaint_abuse", of_kind("Complaint", fates(complaint=1)), id="complaint"),
    pytest.param("delivery_delay_general", of_kind("DeliveryDelay", fates(delay=1)), id="delay"),
    pytest.param("open", of_kind("Open", fates(open=1)), id="open"),
    pytest.param("open_bot", of_kind("Open", fates(bot_open=1)), id="bot open"),
    pytest.param("click", of_kind("Click", fates(open=1, click=1)), id="click"),
    pytest.param("reject", Step("Reject", "reader@example.net", {}), id="reject"),
    pytest.param(
        "rendering_failure",
        Step("Rendering Failure", "reader@example.net", {"attribute": "html"}),
        id="rendering failure",
    ),
]


@pytest.mark.parametrize(("name", "step"), SHAPES)
def test_an_event_has_the_keys_and_types_of_the_sample(sample: Sample, name: str, step: Step) -> None:
    published = event_json(MAIL, step, 1_790_841_601.345, random.Random(1))
    assert published.endswith("}\n"), "SES ends its JSON with a line feed"
    assert structure(json.loads(published)) == structure(sample(name))


def test_the_mail_of_an_event_is_that_of_the_sample(sample: Sample) -> None:
    event = json.loads(
        event_json(MAIL, Step("Send", "reader@example.net", {}), 1_790_841_600.12, random.Random(1))
    )
    wanted = sample("send")["mail"]
    assert event["mail"]["tags"] == wanted["tags"] | {"ses:caller-identity": ["simulated-sender"]}
    for key in (
        "timestamp",
        "source",
        "sourceArn",
        "sendingAccountId",
        "messageId",
        "destination",
        "commonHeaders",
    ):
        assert event["mail"][key] == wanted[key]


def test_a_rendering_failure_names_the_missing_attribute(sample: Sample) -> None:
    step = Step("Rendering Failure", "reader@example.net", {"attribute": "html"})
    event = json.loads(event_json(MAIL, step, 1_790_841_600.12, random.Random(1)))
    assert event["failure"]["errorMessage"] == sample("rendering_failure")["failure"]["errorMessage"]


def test_headers_are_cut_at_ten_kilobytes() -> None:
    long = Message("SendEmail", sender="a@example.com", headers={f"X-{n}": "v" * 900 for n in range(15)})
    mail = Mail(long, "id", 0.0, "us-east-1").as_json("Send")
    assert mail["headersTruncated"]
    assert sum(len(header["name"]) + len(header["value"]) for header in mail["headers"]) < 10_240


@pytest.mark.parametrize(
    ("recipient", "kinds"),
    [
        pytest.param("success@simulator.amazonses.com", ["Send", "Delivery"], id="success"),
        pytest.param("bounce@simulator.amazonses.com", ["Send", "Bounce"], id="bounce"),
        pytest.param("complaint@simulator.amazonses.com", ["Send", "Delivery", "Complaint"], id="complaint"),
    ],
)
def test_a_sent_message_is_reported_with_its_own_tags(
    simulator: Running, events: Callable[[], list[dict[str, Any]]], recipient: str, kinds: list[str]
) -> None:
    ses_message_id = simulator.client().send_email(**simple(recipient))["MessageId"]
    reported = events()
    assert [event["eventType"] for event in reported] == kinds
    for event in reported:
        assert event["mail"]["messageId"] == ses_message_id
        assert event["mail"]["tags"]["rid"] == ["r-000123"]
        assert event["mail"]["tags"]["ses:operation"] == ["SendEmail"]
        is_feedback = event["eventType"] in {"Bounce", "Complaint"}
        assert event["mail"]["tags"].get("ses:tenant-name") == (["tenant-a"] if is_feedback else None)


def test_a_missing_variable_is_a_success_that_fails_to_render(
    simulator: Running, events: Callable[[], list[dict[str, Any]]]
) -> None:
    template = {"Subject": "Hello {{name}}", "Html": "{{n}}"}
    [result] = simulator.client().send_bulk_email(**bulk("r@example.net", template=template))[
        "BulkEmailEntryResults"
    ]
    assert result["Status"] == "SUCCESS"
    [event] = events()
    assert event["eventType"] == "Rendering Failure"
    assert event["failure"]["errorMessage"] == "Attribute 'name' is not present in the rendering data."
    assert event["mail"]["messageId"] == result["MessageId"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"html": "<p>EICAR-STANDARD-ANTIVIRUS-TEST-FILE</p>"}, id="in the text"),
        pytest.param(
            {"Attachments": [{"FileName": "a.txt", "RawContent": b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$"}]},
            id="in an attachment",
        ),
    ],
)
def test_a_virus_is_accepted_and_then_rejected(
    simulator: Running, events: Callable[[], list[dict[str, Any]]], changes: dict[str, Any]
) -> None:
    simulator.client().send_email(**simple(Content={"Simple": content(**changes)}))
    [event] = events()
    assert (event["eventType"], event["reject"]) == ("Reject", {"reason": "Bad content"})


def test_a_message_to_several_is_sent_once_and_delivered_to_each(
    simulator: Running, events: Callable[[], list[dict[str, Any]]]
) -> None:
    recipients = [f"success+{n}@simulator.amazonses.com" for n in range(3)]
    simulator.client().send_email(
        **simple(Destination={"ToAddresses": recipients[:1], "BccAddresses": recipients[1:]})
    )
    reported = events()
    assert Counter(event["eventType"] for event in reported) == {"Send": 1, "Delivery": 3}
    assert {one for event in reported[1:] for one in event.get("delivery", {}).get("recipients", [])} <= set(
        recipients
    )


def test_without_a_configuration_set_ses_says_nothing(
    simulator: Running, events: Callable[[], list[dict[str, Any]]]
) -> None:
    request = simple("success@simulator.amazonses.com")
    del request["ConfigurationSetName"]
    simulator.client().send_email(**request)
    assert events() == []
    assert simulator.control("GET", "stats")["without_configuration_set"] == 1
