"""The canary really has holes, and nothing in it that keeps it from the bulk call."""

from core import canary
from core.message import Message
from core.rendering import compile_template
from gateways import ses_bulk


CONTEXT = {
    "contact": {**canary.ATTRIBUTES, "email": "ann@example.org"},
    "tenant": {"name": "Acme", "postal_address": "1 Main St"},
    "campaign": {"name": "canary"},
    "unsubscribe_url": "https://mail.acme.example/u/v1.k1.x",
}


def test_the_canary_goes_out_as_a_frame_with_holes() -> None:
    content = compile_template(canary.SOURCES).render(CONTEXT)
    assert content.filling is not None
    assert len(content.filling.html) >= 5
    assert len(content.filling.text) >= 3
    message = Message(
        from_header="news@acme.example", reply_to="", recipient="ann@example.org", content=content
    )
    assert ses_bulk.entry_size(message) != ses_bulk.ALONE


def test_the_canary_has_what_goes_wrong_in_templates() -> None:
    content = compile_template(canary.SOURCES).render(CONTEXT)
    assert "&lt;b&gt;&amp;amp; &#34;quotes&#34;" in content.html
    assert "<b>&amp; \"quotes\" 'single' £ € 李" in content.text
    assert "{" in content.text
    assert "🐤" in content.subject
