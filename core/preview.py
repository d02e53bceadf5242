"""Preview: one page that shows a message as a desktop and a phone would, with its text part, headers and size.

The message is a stranger's HTML, so it stands in frames that may do nothing: no scripts, no forms, no origin, no way out
of the frame. What the page itself says is escaped, and it runs no script either.

Terms:
    sample: one contact's message, under a label that is no address.

Invariants:
    The page loads nothing but the message's own pictures, over HTTPS.
    Nothing of the message stands outside its frame unescaped.

Standards:
    HTML Living Standard, 4.8.5 (iframe sandbox and srcdoc). Content Security Policy Level 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from core.rendering import Content


DESKTOP_PIXELS: Final = 680
PHONE_PIXELS: Final = 375
HEIGHT_PIXELS: Final = 900
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-src 'self'"
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2833; background: #f4f5f7 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.5rem }
table { border-collapse: collapse } th { text-align: left; padding: 0 1.5rem 0 0; font-weight: 600; vertical-align: top }
td { overflow-wrap: anywhere } figure { margin: 1rem 1rem 1rem 0; display: inline-block; vertical-align: top; max-width: 100% }
figcaption { color: #5d6d7e } iframe { border: 1px solid #ccd1d9; background: #fff; max-width: 100% }
pre { white-space: pre-wrap; background: #fff; border: 1px solid #ccd1d9; padding: 1rem; max-width: 80ch }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One contact's message. `label` names the contact without its address; `headers` are all that SES is handed.

    `locale` is the tag of the files it is made of, "" in a template without variants.
    """

    label: str
    content: Content
    headers: Mapping[str, str]
    locale: str = ""

    @property
    def html_bytes(self) -> int:
        """Return the size of the HTML part, which Gmail clips at some 102,000 bytes."""
        return len(self.content.html.encode())


def page(title: str, samples: Sequence[Sample]) -> str:
    """Return an HTML page of its own that shows the samples one below the other."""
    shown = "\n".join(map(_section, samples)) or "<p>There is nobody to show it to.</p>"
    return _document(title, f"<h1>{escape(title)}</h1>\n{shown}", _STYLE)


def single(sample: Sample, width: int) -> str:
    """Return a page that shows one message in one frame of that width and nothing else, for a picture."""
    return _document(
        sample.label, _iframe(sample, sample.label, width), "body { margin: 0 } iframe { border: 0 }"
    )


def _document(title: str, body: str, style: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}\n</body></html>\n"
    )


def _section(sample: Sample) -> str:
    frames = _frame(sample, "Desktop", DESKTOP_PIXELS) + _frame(sample, "Phone", PHONE_PIXELS)
    return (
        f"<section><h2>{escape(sample.label)}</h2>\n{_facts(sample)}\n{frames}\n"
        f"<h3>Text part</h3><pre>{escape(sample.content.text)}</pre></section>"
    )


def _facts(sample: Sample) -> str:
    facts = {
        "Subject": sample.content.subject,
        **({"Locale": sample.locale} if sample.locale else {}),
        **sample.headers,
        "HTML": f"{sample.html_bytes:,} bytes",
        "Text": f"{len(sample.content.text.encode()):,} bytes",
    }
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(lines)}</table>"


def _frame(sample: Sample, device: str, width: int) -> str:
    frame = _iframe(sample, f"{device}: {sample.label}", width)
    return f"<figure><figcaption>{device}, {width} pixels</figcaption>{frame}</figure>"


def _iframe(sample: Sample, title: str, width: int) -> str:
    """Return a frame of that width. `sandbox` without a word in it forbids everything."""
    return (
        f'<iframe sandbox="" title="{escape(title)}" width="{width}" height="{HEIGHT_PIXELS}" '
        f'srcdoc="{escape(sample.content.html)}"></iframe>'
    )
