"""Equality: whether two spellings of a page are one page to whoever reads it, and if not, where they part.

premailer writes a page anew and we write into the author's own bytes, so their texts never agree. A browser's parser
reads both, and then nothing may differ but what no reader can tell.

Terms:
    page: HTML as an HTML5 parser reads it, with the elements that it adds and moves.

Invariants:
    The same parser reads both sides, and it is neither ours (core/markup.py) nor premailer's (libxml2).
    Style declarations are compared in their order, in which they take effect.
    What is told of a difference is names and positions, never a value: values come from contacts' data.

Standards:
    HTML Living Standard, 13.2 (Parsing HTML documents), by html5lib. CSS Style Attributes.
"""

import re
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import quote

import html5lib


MOST: Final = 400  # characters of what is told; the end of a long path says more than its beginning

_NAME: Final = re.compile(r"[a-z][a-z0-9:-]{0,30}")
_DECLARATION: Final = re.compile(r"(?:\"[^\"]*\"|'[^']*'|\([^)]*\)|[^;\"'])+")
# libxml2 writes these in ASCII and percent signs; the author's own spelling leads to the same place.
_LINKS: Final = frozenset({"action", "href", "name", "src"})
_PRINTABLE: Final = "".join(map(chr, range(33, 127)))


def difference(ours: str, premailers: str) -> str:
    """Return where our page first differs from premailer's, in words without any value; "" if it does not."""
    told = _between(_parsed(ours), _parsed(premailers), "html")
    return told if len(told) <= MOST else f"...{told[-MOST:]}"


def _parsed(html: str) -> Any:
    return html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)


def _between(ours: Any, premailers: Any, path: str) -> str:
    """Return the first difference of two elements and of what is in them."""
    return (
        _between_attributes(ours.attrib, premailers.attrib, path)
        or _between_texts(ours, premailers, path)
        or _between_children(list(ours), list(premailers), path)
    )


def _between_attributes(ours: Any, premailers: Any, path: str) -> str:
    for name in sorted({*ours, *premailers}, key=str):
        one, other = (_value(str(name), side.get(name)) for side in (ours, premailers))
        if one != other:
            said = _between_styles(one, other) if name == "style" else ""
            return f"{path}: {_named(str(name))} differs{said}"
    return ""


def _between_styles(ours: list[str] | None, premailers: list[str] | None) -> str:
    mine, theirs = set(ours or ()), set(premailers or ())
    properties = sorted({_named(part.partition(":")[0]) for part in mine ^ theirs})
    return f" in {', '.join(properties[:5])}" if properties else " in the order of its declarations"


def _between_texts(ours: Any, premailers: Any, path: str) -> str:
    read = _css if ours.tag == "style" else _text
    return f"{path}: the text differs" if read(ours.text) != read(premailers.text) else ""


def _between_children(ours: list[Any], premailers: list[Any], path: str) -> str:
    for number, (one, other) in enumerate(zip_longest(ours, premailers), start=1):
        if one is None or other is None:
            found, side = (one, "only in ours") if other is None else (other, "only in premailer's")
            return f"{path}: child {number}, {_tag(found)}, is {side}"
        here = f"{path}/{_tag(one)}[{number}]"
        if _tag(one) != _tag(other) or one.tag != other.tag:
            return f"{here}: premailer's has {_tag(other)} there"
        if told := _between(one, other, here):
            return told
        if _text(one.tail) != _text(other.tail):
            return f"{here}: the text behind it differs"
    return ""


def _tag(element: Any) -> str:
    return _named(element.tag) if isinstance(element.tag, str) else "comment"


def _named(name: str) -> str:
    """Return a name, if it is one that nobody's data could have put there."""
    name = name.strip().lower()
    return name if _NAME.fullmatch(name) else "something"


def _value(name: str, value: str | None) -> Any:
    if value is None:
        return None
    if name == "style":
        return [_declaration(part) for part in _DECLARATION.findall(value) if part.strip()]
    value = value.replace("\r\n", "\n").replace("\r", "\n")  # a parser keeps what `&#13;` says
    return quote(value.strip(), safe=_PRINTABLE) if name in _LINKS else value


def _declaration(text: str) -> str:
    name, _, value = text.partition(":")
    return f"{name.strip().lower()}:{' '.join(value.split())}"


def _css(text: str | None) -> str:
    return "".join((text or "").split())


def _text(text: str | None) -> str:
    return " ".join((text or "").split())
