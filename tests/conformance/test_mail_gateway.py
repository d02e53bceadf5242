"""What every mail gateway does: hand over exactly what it was given, once, and say what became of it."""

import inspect
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core import headers
from core.errors import LeaseLostError
from core.message import Message, tags_for
from core.rendering import Content, TemplateSources, compile_template
from gateways import templates
from gateways.ses import Quota, Ses
from tests.conformance.conftest import Received, Side
from tests.fakes import FakeSes


TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
LINK = "https://mail.acme.example/u/v1.k1.AQAAAAEAAAAAAAAAKg.mXc0Z3x9"


def a_message(
    recipient: str = "reader@example.net", content: Content | None = None, **changes: str
) -> Message:
    message = Message(
        from_header="Acme <news@acme.example>",
        reply_to="hi@acme.example",
        recipient=recipient,
        content=content or Content("Spring news", "<p>Hello</p>", "Hello\n"),
        headers=headers.list_headers(LINK),
        tags=tags_for(tenant="acme", campaign_id=7, delivery_id=42, attempt_id="Xy_1-z"),
        configuration_set="acme-set",
        ses_tenant_name="acme",
    )
    return replace(message, **changes)


def send(side: Side, message: Message) -> str:
    return side.gateway.send(message, deadline=time.monotonic() + 30)


def send_bulk(side: Side, messages: list[Message]) -> list[Received]:
    """Send messages in one call and return them as they arrived, in the order of their answers."""
    ids = side.gateway.send_bulk(messages, deadline=time.monotonic() + 30)
    by_id = {received.ses_message_id: received for received in side.received()}
    return [by_id[str(ses_message_id)] for ses_message_id in ids]


def arrival(side: Side, message: Message) -> Received:
    """Send a message and return it as it arrived."""
    ses_message_id = send(side, message)
    (found,) = [received for received in side.received() if received.ses_message_id == ses_message_id]
    return found


@pytest.mark.parametrize("name", templates.names(TEMPLATES))
def test_a_template_arrives_as_it_was_rendered(side: Side, name: str) -> None:
    content = compile_template(templates.load(TEMPLATES, name)).render(templates.sample(TEMPLATES, name))
    received = arrival(side, a_message(content=content))
    assert received.subject == content.subject
    assert received.html == content.html
    assert received.text == content.text
    assert received.headers == {
        "List-Unsubscribe": f"<{LINK}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


CONTENTS = [
    pytest.param(Content("Grüße aus Köln 🎉", "<p>Zoë &amp; 李</p>", "Zoë & 李"), id="beyond ASCII"),
    pytest.param(Content('"Quoted", = and ?', "<p>=?utf-8?q?x?=</p>", "=20 . \n.\n"), id="what mail escapes"),
    pytest.param(Content("x", "<p>1</p>\n\n\n<p>2</p>\n", "line\n\n-- \nAcme\n"), id="empty lines"),
    pytest.param(Content("s" * 200, f"<p>{'w' * 5000}</p>", "t" * 5000), id="lines longer than mail allows"),
    pytest.param(Content("large", "<p>word </p>" * 20_000, "word " * 20_000), id="a third of a megabyte"),
]


@pytest.mark.parametrize("content", CONTENTS)
def test_content_arrives_to_the_last_character(side: Side, content: Content) -> None:
    received = arrival(side, a_message(content=content))
    assert Content(received.subject, received.html, received.text) == content


@pytest.mark.parametrize(
    "name", ["Acme", "Acme, Inc.", 'The "Best" Shop', "Jörg's Läden", "旅行社", "x" * 150], ids=ascii
)
def test_the_sender_arrives_as_it_was_given(side: Side, name: str) -> None:
    from_header = headers.from_header(name, "news@acme.example")
    assert arrival(side, a_message(from_header=from_header)).from_header == from_header


def test_the_longest_unsubscribe_link_arrives_in_one_piece(side: Side) -> None:
    """RFC 8058: folded or encoded it would be no link, and one-click silently broken."""
    link = f"https://mail.acme.example/u/{'t' * 900}"
    message = replace(a_message(), headers=headers.list_headers(link))
    received = arrival(side, message)
    assert received.headers["List-Unsubscribe"] == f"<{link}>"
    assert received.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_together_messages_arrive_as_they_do_alone(side: Side) -> None:
    contents = [content for case in CONTENTS[:-1] for content in case.values if isinstance(content, Content)]
    # The sender does not let SES see these two together with others; filled in once, they arrive all the same.
    contents += [
        Content("{{ name }} {{{raw}}}", "<p>{{#if x}}{{html}}{{/if}}</p>", "{% raw %} {{text}} \\{{x}}"),
        Content("& < > \" '", "<p>&amp;lt; &quot;</p>", "C:\\new\\table"),
    ]
    assert_together_is_as_alone(side, contents)


@pytest.mark.parametrize("name", templates.names(TEMPLATES))
def test_what_messages_share_is_put_together_as_it_was_rendered(side: Side, name: str) -> None:
    """SES fills the holes of a frame; real Handlebars does in one of the implementations."""
    template = compile_template(templates.load(TEMPLATES, name))
    sample = templates.sample(TEMPLATES, name)
    contacts = [{"email": "a@example.net"}, {"email": "b@example.net", "first_name": "<Zoë> & {Ann}\\"}]
    contexts = [sample, *({**sample, "contact": contact} for contact in contacts)]
    contents = [template.render(context) for context in contexts]
    assert len(template.html_frame.pieces) > 3
    assert_together_is_as_alone(side, contents)


def test_the_edges_of_a_hole_are_the_authors(side: Side) -> None:
    long = "The quick brown fox jumps over the lazy dog."
    edges = ["{", "}", "{}", "\\", "~", "&#123;", "}}}", "\n"]
    body = "".join(f"<p>{long}{edge}{{{{ a }}}}{edge}{long}</p>" for edge in edges if edge != "{")
    sources = TemplateSources(
        name="edges", subject="x", html=f"<html><body>{body}</body></html>", text=f"{long} {body}", shared={}
    )
    template = compile_template(sources)
    contents = [template.render({"a": value}) for value in ("v", "", "{", "}", "\\", "<&>")]
    assert_together_is_as_alone(side, contents)


def assert_together_is_as_alone(side: Side, contents: list[Content]) -> None:
    messages = [
        replace(
            a_message(f"reader{number}@example.net", content),
            headers=headers.list_headers(f"{LINK}{number}"),
            tags=tags_for(tenant="acme", campaign_id=7, delivery_id=number, attempt_id=f"a-{number}"),
        )
        for number, content in enumerate(contents)
    ]
    together = send_bulk(side, messages)
    alone = [arrival(side, message) for message in messages]
    assert [replace(received, ses_message_id="") for received in together] == [
        replace(received, ses_message_id="") for received in alone
    ]
    assert [Content(found.subject, found.html, found.text) for found in together] == contents
    assert len({found.ses_message_id for found in together}) == len(messages)


def test_together_after_their_deadline_no_message_is_called_out(side: Side) -> None:
    before = len(side.received())
    told = side.gateway.send_bulk([a_message(), a_message()], deadline=time.monotonic() - 0.001)
    assert [type(answer) for answer in told] == [LeaseLostError] * 2
    assert len(side.received()) == before


def test_a_message_goes_to_its_one_recipient(side: Side) -> None:
    recipient = "o'hara+news@xn--bcher-kva.example"
    assert arrival(side, a_message(recipient)).to == [recipient]


def test_every_acceptance_has_an_id_of_its_own(side: Side) -> None:
    assert len({send(side, a_message()) for _ in range(20)}) == 20


def test_a_call_after_its_deadline_is_not_made(side: Side) -> None:
    before = len(side.received())
    with pytest.raises(LeaseLostError):
        side.gateway.send(a_message(), deadline=time.monotonic() - 0.001)
    assert len(side.received()) == before


def test_threads_may_share_a_gateway(side: Side) -> None:
    people = [f"reader{number}@example.net" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        ids = dict(zip(people, pool.map(lambda person: send(side, a_message(person)), people), strict=True))
    arrived = {
        received.to[0]: received.ses_message_id for received in side.received() if received.to[0] in ids
    }
    assert set(arrived) == set(people)
    if isinstance(side.gateway, Ses):
        assert arrived == ids


def test_the_quota_is_known(side: Side) -> None:
    quota = side.gateway.quota()
    assert isinstance(quota, Quota)
    assert quota.max_send_rate > 0
    assert quota.sending_enabled


def test_the_fake_can_be_asked_what_the_gateway_can_be_asked() -> None:
    for name in ("send", "send_bulk", "quota"):
        assert inspect.signature(getattr(FakeSes, name)) == inspect.signature(getattr(Ses, name))
    public = {name for name, _ in inspect.getmembers(Ses) if not name.startswith("_")}
    assert public <= {name for name, _ in inspect.getmembers(FakeSes)}
