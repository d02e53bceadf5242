"""A message: what is handed to SES for one recipient, and what its tags must look like.

Standards:
    Amazon SES v2 SendEmail: tag names and values `[A-Za-z0-9_-]`, at most 256 characters; `ses:feedback-id-a` and
    `ses:feedback-id-b` are the only names with a colon and become part of the Feedback-ID header that Gmail reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.rendering import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one recipient, ready to be called out. `headers` are those beyond From, To, Subject, Reply-To."""

    from_header: str
    reply_to: str
    recipient: str
    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    configuration_set: str | None = None
    ses_tenant_name: str | None = None

    def tagged(self, tags: Mapping[str, str]) -> "Message":
        """Return the message with the tags of one attempt."""
        return replace(self, tags=tags)


def tags_for(*, tenant: str, campaign_id: int, delivery_id: int, attempt_id: str) -> dict[str, str]:
    """Return the tags by which an event finds its way back, even when the answer of the call was lost."""
    return {
        "tenant": tenant,
        "campaign": str(campaign_id),
        "delivery": str(delivery_id),
        "attempt": attempt_id,
        "ses:feedback-id-a": str(campaign_id),
        "ses:feedback-id-b": tenant,
    }
