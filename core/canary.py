"""Canary: one mail by both of SES's calls, so that a person can see in a real mailbox that they are the same.

A bulk call sends a template and what goes into its holes (`core/frames.py`, `gateways/ses_bulk.py`). What SES makes of them is
documented and holds at every stand-in for SES; this asks SES itself, with a mail that has all that could go wrong:
characters beyond ASCII, what HTML and JSON escape, what a template could read as its own, empty lines and long ones.

Terms:
    canary: the mail, and the run that sends it twice.
"""

from typing import Any, Final

from core.rendering import TemplateSources


SINGLE, BULK = "canary-single", "canary-bulk"  # the first part of each mail's Feedback-ID

_HTML: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ campaign.name }}</title>
<style>p { color: #1c2833 } .item { padding: 4px 8px; border-bottom: 1px solid #ccd1d9 }</style></head><body>
<p>Hello {{ contact.first_name }}, this mail came to you twice: by SendEmail and by SendBulkEmail.</p>
<p>Both must look the same, to the last character: {{ contact.signs }} and } braces { of our own, 100% = "all" \\ of it.</p>
<table>{% for item in contact.items %}<tr><td class="item">{{ item }}</td></tr>{% endfor %}</table>
<p>{{ contact.long }}</p>


<p>{{ tenant.name }}, {{ tenant.postal_address }}</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>
"""

_TEXT: Final = """Hello {{ contact.first_name }}, this mail came to you twice: by SendEmail and by SendBulkEmail.
Both must be the same, to the last character: {{ contact.signs }} and } braces { of our own, 100% = "all" \\ of it.
{% for item in contact.items %}
- {{ item }}
{% endfor %}
{{ contact.long }}


--
{{ tenant.name }}, {{ tenant.postal_address }}
Unsubscribe: {{ unsubscribe_url }}
"""

SOURCES: Final = TemplateSources(
    name="ses-canary",
    subject="SES canary for {{ contact.first_name }} – Grüße 🐤",
    html=_HTML,
    text=_TEXT,
    shared={},
)

ATTRIBUTES: Final[dict[str, Any]] = {
    "first_name": "Zoë O'Neil",
    "signs": "<b>&amp; \"quotes\" 'single' £ € 李 é ~ \u00a0 {x} ${y} %s",
    "items": ["One", "Two & three", "Vier – fünf"],
    "long": "A line longer than mail allows is folded on its way. " * 30,
}

_TOLD_APART: Final = f"{SINGLE}, {BULK}"

COMPARE: Final = (
    'Open both with the mail program\'s "show original". The SES message id of each is in its Message-ID.',
    "The same: Subject, From, Reply-To, To, List-Unsubscribe, List-Unsubscribe-Post, and both parts once decoded.",
    f"Different: Message-ID, Date, Received, DKIM-Signature, the MIME boundary, and how Feedback-ID begins ({_TOLD_APART}).",
    "One that is missing, a {{h0}} in the text, an &amp; where the other has &: keep delivery_api at single.",
)
