"""The tags by which an event finds its way back."""

import re

from core.message import Message, tags_for
from core.rendering import Content


def test_the_tags_name_tenant_campaign_delivery_and_attempt() -> None:
    assert tags_for(tenant="acme", campaign_id=7, delivery_id=42, attempt_id="Xy_1-z") == {
        "tenant": "acme",
        "campaign": "7",
        "delivery": "42",
        "attempt": "Xy_1-z",
        "ses:feedback-id-a": "7",
        "ses:feedback-id-b": "acme",
    }


def test_the_longest_tags_are_such_as_ses_takes() -> None:
    """SES v2 SendEmail: `[A-Za-z0-9_-]`, at most 256 characters; a colon only in names that begin with `ses:`."""
    tags = tags_for(tenant="a" * 63, campaign_id=2**63 - 1, delivery_id=2**63 - 1, attempt_id="-_" * 10)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,256}", value) for value in tags.values())
    assert all(re.fullmatch("(ses:)?[A-Za-z0-9_-]{1,252}", name) for name in tags)


def test_tagging_a_message_changes_nothing_else() -> None:
    message = Message(
        from_header="Acme <news@acme.example>",
        reply_to="hi@acme.example",
        recipient="reader@example.net",
        content=Content("Spring", "<p>Hi</p>", "Hi"),
    )
    tagged = message.tagged({"attempt": "a"})
    assert (tagged.tags, message.tags) == ({"attempt": "a"}, {})
    assert tagged.tagged({}) == message
