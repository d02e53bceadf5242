"""Style sheets: what may stand in a mail's CSS, and the one way in which premailer is run over a page.

Mail programs drop `<style>` (or half of it), so each rule must become a `style` attribute of the elements that it
matches. premailer does that, with settings that are chosen here once, for the page that is inlined at publication
and for the page that is inlined for each contact, so that both come out alike.

Terms:
    applied rule: one that premailer turns into `style` attributes.
    kept rule: one that stays in `<style>`, because only a mail program can decide it: `@media` and `:hover`.

Invariants:
    No network connection and no file is opened, whatever the page says (T07).
    premailer changes `style` attributes and `<style>` elements, nothing else.

Standards:
    Selectors Level 3 (type, class, id and attribute selectors; descendant and child combinators).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import cssutils
from cssselect import GenericTranslator, SelectorError
from premailer import Premailer, merge_style, premailer

from core.errors import TemplateError, TemplateForbiddenError, TemplateLimitError


MAX_CSS_BYTES = 64_000
MAX_RULES = 500

_CRITICAL = 50  # the level of the standard library's `logging`, which `core` does not import
cssutils.log.setLevel(_CRITICAL)


def _separate_caches() -> None:
    """Give premailer a cache for selectors and one for declarations.

    It has one for both, keyed by the text alone: after `style="p"` has been read, the selector `p` is answered with a
    list of declarations, in every page of the process, which then cannot be inlined.
    """
    selector = lru_cache(512)(premailer._create_cssselector.__wrapped__)  # noqa: SLF001 -- what is to be replaced
    pairs: Any = lru_cache(512)(merge_style.csstext_to_pairs.__wrapped__)
    pairs._lock = merge_style.csstext_to_pairs._lock  # noqa: SLF001 -- premailer looks for it there
    premailer._create_cssselector = selector  # noqa: SLF001 -- the same
    premailer.csstext_to_pairs = merge_style.csstext_to_pairs = pairs


_separate_caches()

# cssutils keeps in a global whether a bad declaration is an error, and changes its mind while it parses.
_ONE_AT_A_TIME = Lock()

_SETTINGS: dict[str, Any] = {
    "allow_network": False,
    "allow_loading_external_files": False,
    # cssutils validates against CSS 2.1 and would drop `mso-line-height-rule`.
    "disable_validation": True,
    # premailer edits the sheets it has cached, so a cache would hand one template's sheet to another.
    "cache_css_parsing": False,
    # In a kept `@media` rule `!important` is what lets it win over a `style` attribute.
    "strip_important": False,
    # Authors write `width`, `bgcolor` and `align` for Outlook themselves; premailer would overwrite them.
    "disable_basic_attributes": ["align", "bgcolor", "height", "valign", "width"],
    "align_floating_images": False,
}

_IMPORT = re.compile(r"""@import\b(?:"[^"]*"|'[^']*'|url\([^)]*\)|[^;{}])*;?""", re.IGNORECASE)
_ESCAPED_KEYWORD = re.compile(r"@[\w-]*\\")
_IDENTIFIER = r"-?(?:[A-Za-z_]|[^\x00-\x7f])(?:[\w-]|[^\x00-\x7f])*"
_COMPOUND = (
    rf"(?:{_IDENTIFIER}|(?=[.#\[]))(?:[.#]{_IDENTIFIER}"
    rf"|\[\s*{_IDENTIFIER}\s*(?:[~|^$*]?=\s*(?:\"[^\"]*\"|'[^']*'|{_IDENTIFIER})\s*)?\])*"
)
_PLAIN_SELECTOR = re.compile(rf"{_COMPOUND}(?:(?:\s*>\s*|\s+){_COMPOUND})*")
_BRACKETS = re.compile(r"\[(?:\"[^\"]*\"|'[^']*'|[^\]])*\]")
_SIGNS = {"class": ".", "id": "#"}
_SELECTED_ATTRIBUTE = re.compile(rf"\[\s*({_IDENTIFIER})")


class OfflinePremailer(Premailer):  # type: ignore[misc]  # premailer has no types
    """premailer with our settings and a CSS parser that has nothing to fetch with."""

    def __init__(self) -> None:
        super().__init__(**_SETTINGS)

    def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:  # noqa: FBT001, FBT002 -- premailer's signature
        parser = cssutils.CSSParser(validate=validate, fetcher=lambda _url: None)
        return parser.parseString(css_body)

    def transform(self, html: Any) -> Any:
        """Inline the CSS of lxml's tree, in place."""
        with _ONE_AT_A_TIME:
            return super().transform(html, pretty_print=False)


def without_imports(css: str) -> str:
    r"""Return `css` without `@import`.

    Raises:
        TemplateForbiddenError: An at-rule is spelled with a CSS escape (`@\69mport`), which has no honest use.
    """
    if _ESCAPED_KEYWORD.search(css):
        raise TemplateForbiddenError(
            "a style sheet spells an at-rule with a backslash",
            hint="write the at-rule's name in plain letters",
        )
    return _IMPORT.sub("", css)


def check_size(css: str) -> None:
    """Refuse a sheet that would take premailer long: its cost grows with rules times elements (T08).

    Raises:
        TemplateLimitError: More than 64 KB or 500 rules.
    """
    if len(css.encode()) > MAX_CSS_BYTES or css.count("{") > MAX_RULES:
        raise TemplateLimitError(
            f"the CSS has {len(css.encode())} bytes and {css.count('{')} rules",
            hint=f"at most {MAX_CSS_BYTES} bytes and {MAX_RULES} rules",
            code="html_too_complex",
        )


def applied_selectors(css: str) -> list[str]:
    """Return the selectors of the applied rules, in premailer's own opinion of what it applies."""
    with _ONE_AT_A_TIME:
        rules, _kept = OfflinePremailer()._parse_style_rules(css, 0)  # noqa: SLF001 -- guessing its opinion would be worse
    return [selector for _specificity, selector, _declarations in rules]


def is_plain(selector: str) -> bool:
    """Whether the selector looks only at an element and its ancestors, never at siblings or positions."""
    return _PLAIN_SELECTOR.fullmatch(selector.strip()) is not None


def check_selector(selector: str) -> None:
    """Refuse a selector that premailer could use for nobody.

    Raises:
        TemplateError: It cannot be read.
    """
    try:
        GenericTranslator().css_to_xpath(selector.partition(":")[0] or selector)
    except SelectorError as error:
        raise TemplateError(
            f"the CSS cannot be inlined: {selector!r} is no selector that premailer can read",
            hint="a comma in an attribute's value counts as the end of a selector",
        ) from error


def selected_attributes(selectors: Sequence[str]) -> frozenset[str]:
    """Return the attributes whose values decide which rules apply."""
    named = {name.lower() for selector in selectors for name in _SELECTED_ATTRIBUTE.findall(selector)}
    signs = {
        attribute for attribute, sign in _SIGNS.items() if any(sign in selector for selector in selectors)
    }
    return frozenset(named | signs)


def reaches_down(selector: str, name: str) -> bool:
    """Whether a plain selector asks of an element of that name what its ancestors are."""
    *above, last = re.split(r"\s*>\s*|\s+", _BRACKETS.sub("[]", selector.strip()))
    wanted = re.split(r"[.#\[]", last, maxsplit=1)[0].lower()
    return bool(above) and wanted in {"", name}
