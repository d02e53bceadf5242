"""Requests as boto3 takes them."""

import json
from typing import Any


def simple(to: str = "reader@example.net", **changes: Any) -> dict[str, Any]:
    """Return the arguments of a SendEmail with everything a newsletter has."""
    return {
        "FromEmailAddress": "News <news@mail.example.com>",
        "Destination": {"ToAddresses": [to]},
        "ReplyToAddresses": ["editor@example.com"],
        "Content": {"Simple": content()},
        "EmailTags": [{"Name": "campaign", "Value": "c-42"}, {"Name": "rid", "Value": "r-000123"}],
        "ConfigurationSetName": "tenant-a-marketing",
        "TenantName": "tenant-a",
    } | changes


def content(html: str = "<p><a href='https://shop.example/1'>Buy</a></p>", **changes: Any) -> dict[str, Any]:
    """Return a Simple content."""
    return {
        "Subject": {"Data": "Spring news for Zoë"},
        "Body": {"Html": {"Data": html}, "Text": {"Data": "Buy"}},
        "Headers": [
            {"Name": "List-Unsubscribe", "Value": "<https://u.example/u/abc>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ],
    } | changes


def bulk(*recipients: str, template: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a SendBulkEmail with one entry a recipient and their place as the data `n`."""
    default = {"Subject": "Hello {{n}}", "Html": "<p>{{n}}</p>", "Text": "{{n}}"}
    return {
        "FromEmailAddress": "News <news@mail.example.com>",
        "DefaultContent": {"Template": {"TemplateContent": template or default, "TemplateData": "{}"}},
        "DefaultEmailTags": [{"Name": "campaign", "Value": "c-42"}],
        "BulkEmailEntries": [entry(recipient, n=str(n)) for n, recipient in enumerate(recipients)],
        "ConfigurationSetName": "tenant-a-marketing",
    } | changes


def entry(recipient: str, **data: Any) -> dict[str, Any]:
    """Return one entry of a bulk call."""
    return {
        "Destination": {"ToAddresses": [recipient]},
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(data)}},
        "ReplacementTags": [{"Name": "rid", "Value": f"r-{len(recipient)}"}],
    }
