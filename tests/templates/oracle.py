"""The judge of inlining: stock Jinja, then premailer over the rendered page, and both results read as a browser would.

It shares nothing with `core` but the two libraries: another environment, another loader, Jinja's own `extends` and
`include`, premailer on text rather than on a tree.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import html5lib
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import escape
from premailer import Premailer

from core.preheader import CLOSING, OPENING
from core.rendering import TemplateSources


# The settings that docs/rendering.md promises.
SETTINGS: dict[str, Any] = {
    "allow_network": False,
    "allow_loading_external_files": False,
    "disable_validation": True,
    "cache_css_parsing": True,  # the only difference, for speed: the judge reads each sheet 200 times
    "strip_important": False,
    "disable_basic_attributes": ["align", "bgcolor", "height", "valign", "width"],
    "align_floating_images": False,
    "cssutils_logging_level": 50,
}

Node = tuple[Any, ...]


class Oracle:
    """What a template's messages have to look like.

    Args:
        sources: Of the template.
        variants: Tags of a reader's locale and of what it falls back to, the nearest first: ("de-AT", "de").
        spoken: What such a reader's HTML sees as `lang`, `dir` and `locale`; English is all else.
    """

    def __init__(
        self,
        sources: TemplateSources,
        variants: Sequence[str] = (),
        spoken: Mapping[str, str] | None = None,
    ) -> None:
        own = [sources.variants.get(tag, {}) for tag in variants]
        self.spoken = spoken or {"lang": "en", "dir": "ltr", "locale": "en"}
        tags = variants[next((n for n, files in enumerate(own) if "html" in files), len(own)) :]
        files = {name: _nearest(sources.shared, name, tags) for name in sources.shared}
        files["body"] = next((found["html"] for found in own if "html" in found), sources.html)
        page = {"autoescape": True, "undefined": StrictUndefined, "keep_trailing_newline": True}
        self.template = Environment(loader=DictLoader(files), **page).get_template("body")
        self.places_itself = any("{{ preheader" in source for source in files.values())
        preheader = next((found["preheader"] for found in own if "preheader" in found), sources.preheader)
        self.preheader = None if preheader is None else Environment().from_string(preheader)

    def html(self, context: Mapping[str, object]) -> str:
        seen = {**self.spoken, **context}
        if self.preheader:
            seen["preheader"] = " ".join(self.preheader.render(seen).split())
        page = self.template.render(seen)
        if self.preheader and not self.places_itself:
            hidden = f"{OPENING}{escape(seen['preheader'])}{CLOSING}"
            page = re.sub(
                r"(?s)<!--.*?-->|<body[^>]*>",
                lambda found: found[0] + (hidden if found[0].startswith("<body") else ""),
                page,
            )
        return Premailer(page, **SETTINGS).transform(pretty_print=False)


def _nearest(shared: Mapping[str, str], name: str, tags: Sequence[str]) -> str:
    stem, _, ending = name.partition(".")
    names = [*(f"{stem}.{tag}.{ending}" for tag in tags), name]
    return next(shared[found] for found in names if found in shared)


def html_template(html: str) -> TemplateSources:
    return TemplateSources(name="page", subject="Subject", html=html, text="Text", shared={})


def dom(html: str) -> Node:
    """Return a page as nested tuples: whatever two spellings of a page may differ in is gone."""
    return _node(html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False))


def _node(element: Any) -> Node:
    if not isinstance(element.tag, str):
        return ("comment", _text(element.text), _text(element.tail))
    attributes = tuple(
        sorted((str(name), _value(str(name), value)) for name, value in element.attrib.items())
    )
    content = _css(element.text) if element.tag == "style" else _text(element.text)
    children = tuple(_node(child) for child in element)
    return (element.tag, attributes, content, children, _text(element.tail))


def _value(name: str, value: str) -> str:
    if name == "style":
        return "; ".join(_declaration(part) for part in _declarations(value))
    # lxml writes links in ASCII and percent signs; the author's own spelling leads to the same place.
    return quote(value, safe="".join(map(chr, range(33, 127)))) if name in {"href", "src"} else value


def _declarations(style: str) -> list[str]:
    return [part for part in re.findall(r"(?:\"[^\"]*\"|'[^']*'|\([^)]*\)|[^;\"'])+", style) if part.strip()]


def _declaration(text: str) -> str:
    name, _, value = text.partition(":")
    return f"{name.strip().lower()}:{' '.join(value.split())}"


def _css(text: str | None) -> str:
    return re.sub(r"\s+", "", text or "")


def _text(text: str | None) -> str:
    return " ".join((text or "").split())
