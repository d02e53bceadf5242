"""Locales: in which language a reader is written to, of those that a template has.

    subject.txt.j2      the default files, in the template's own language
    subject.de.txt.j2   what stands in their place for who reads German, in Austria too
    body.de-AT.html.j2  and for Austria alone

Terms:
    tag: a language with or without script and region, as files and `<html lang>` write it: `de`, `de-AT`, `zh-Hant-TW`.
    variant: the files of one tag. It may have any of the four parts, and the others fall back: `de-AT`, `de`, default.
    home: the tag of the default files, `meta.json`'s `locale`, English if it says nothing.
    wanted: the contact's `locale`, else its `language`, else the tenant's locale.

Invariants:
    A reader gets the nearest variant or the default: an odd setting stops no campaign. A tag of a file has one spelling.
    What prints dates and numbers is the reader's own locale only while it is of the language that is written in: in a
        template without variants, which may tell languages apart by itself, it always is the reader's own.

Standards:
    RFC 5646 (Tags for identifying languages), 2.1 syntax, 2.1.1 case. RFC 4647 (Matching of language tags), 3.4 lookup.
    Both are BCP 47. What languages, scripts and regions there are is CLDR's, by babel.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

from babel import Locale
from babel.core import get_global

from core.errors import TemplateError


PARTS: Final = ("subject", "preheader", "html", "text")
# The part's file, on either side of where its tag stands.
FILES: Final = {
    "subject": ("subject", "txt.j2"),
    "preheader": ("preheader", "txt.j2"),
    "html": ("body", "html.j2"),
    "text": ("body", "txt.j2"),
}
HOME: Final = "en"
MOST: Final = 60  # variants of one template
DEFAULT: Final = ""  # where a tag is asked for: the default files

_SYNTAX: Final = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<rest>(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?)",
    re.IGNORECASE | re.ASCII,
)
_LONGEST: Final = 64
# Loaded here, because the process that renders can open no file any more.
_KNOWN_LANGUAGES: Final = frozenset(Locale("en").languages)
_KNOWN_SCRIPTS: Final = frozenset(Locale("en").scripts)
_KNOWN_REGIONS: Final = frozenset(Locale("en").territories)
# By "Norwegian" nearly everybody means Bokmål, and CLDR has its dates and numbers under that name.
_LANGUAGES: Final[Mapping[str, str]] = {**get_global("language_aliases"), "no": "nb"}
_REGIONS: Final[Mapping[str, list[str]]] = get_global("territory_aliases")
_LIKELY: Final[Mapping[str, str]] = get_global("likely_subtags")
_RIGHT_TO_LEFT: Final = frozenset({"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"})


@lru_cache(maxsize=1024)
def canonical(written: str) -> str | None:
    """Return the tag that somebody meant, None if it names no language.

    >>> [canonical(written) for written in ("de_at", "EN-uk", "zh-hant", "iw", "de_DE.UTF-8", "German", "xx")]
    ['de-AT', 'en-GB', 'zh-Hant', 'he', 'de-DE', None, None]
    """
    plain = re.split(r"[.@]", written.strip(), maxsplit=1)[0].replace("_", "-")  # POSIX: de_DE.UTF-8@euro
    found = _SYNTAX.fullmatch(plain) if len(plain) <= _LONGEST else None
    if found is None:
        return None
    language = found["language"].lower()
    language = alias if (alias := _LANGUAGES.get(language, "")).isalpha() else language
    script, region = (found["script"] or "").title(), (found["region"] or "").upper()
    region = _REGIONS[region][0] if len(_REGIONS.get(region, ())) == 1 else region
    if not _is_known(language, script, region):
        return None
    return "-".join(filter(None, (language, script, region))) + found["rest"].lower()


def _is_known(language: str, script: str, region: str) -> bool:
    return (
        language in _KNOWN_LANGUAGES
        and (not script or script in _KNOWN_SCRIPTS)
        and (not region or region in _KNOWN_REGIONS)
    )


def file_name(part: str, tag: str) -> str:
    """Return the name of a part's file.

    >>> file_name("html", "de-AT"), file_name("text", "")
    ('body.de-AT.html.j2', 'body.txt.j2')
    """
    stem, ending = FILES[part]
    return f"{stem}.{tag}.{ending}" if tag else f"{stem}.{ending}"


def check(variants: Mapping[str, Mapping[str, str]], home: str) -> None:
    """Refuse variants whose tags are none, or are not written as all write them.

    Raises:
        TemplateError: One is not; `code` is "template_locale", and the hint says how to name the file.
    """
    if canonical(home) != home:
        raise _misnamed("meta.json", home, canonical(home) or HOME)
    for tag, parts in variants.items():
        part = next(iter(parts), "html")
        if canonical(tag) != tag:
            raise _misnamed(file_name(part, tag), tag, file_name(part, canonical(tag) or "de-AT"))
    if len(variants) > MOST:
        raise TemplateError(f"{len(variants)} locales", hint=f"at most {MOST}", code="template_locale")


def _misnamed(where: str, tag: str, better: str) -> TemplateError:
    problem = "is not how this language tag is written" if canonical(tag) else "is no language tag of BCP 47"
    hint = f"such as {better}" if canonical(tag) is None else f"write {better}"
    return TemplateError(f"{where}: {tag!r} {problem}", hint=hint, code="template_locale")


def chain(tag: str) -> Iterator[str]:
    """Yield a tag and what it falls back to, the default last (RFC 4647, 3.4).

    Where a region writes its language in another script than most, that script stands before the language: who reads
    Chinese in Taiwan is better served by `zh-Hant` than by `zh`. RFC 4647 knows nothing of scripts that are not written.

    >>> list(chain("zh-Hant-TW-x-old")), list(chain("zh-TW"))
    (['zh-Hant-TW-x-old', 'zh-Hant-TW', 'zh-Hant', 'zh', ''], ['zh-TW', 'zh-Hant', 'zh', ''])
    """
    subtags = tag.split("-") if tag else []
    while subtags:
        yield "-".join(subtags)
        if script := _script_of_its_own(subtags):
            yield f"{subtags[0]}-{script}"
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
    yield DEFAULT


def _script_of_its_own(subtags: Sequence[str]) -> str:
    """Return the script of a language and its region, "" if it is the usual one."""
    if len(subtags) != len(("zh", "TW")) or len(subtags[1]) > len("419"):
        return ""
    here = _LIKELY.get("_".join(subtags), "").split("_")
    usual = _LIKELY.get(subtags[0], "").split("_")
    return here[1] if len(here) > 1 and here[1:2] != usual[1:2] else ""


def lookup(wanted: str, available: Collection[str]) -> str:
    """Return the nearest of the tags that there are, `DEFAULT` if none is near."""
    return next((tag for tag in chain(wanted) if tag in available), DEFAULT)


def shared_name(name: str, tag: str, available: Collection[str], within: Collection[str] = ()) -> str:
    """Return which file is meant by a shared name in a file of this tag: `_shared/footer.html.j2` has variants too.

    Args:
        name: As the author writes it, without a tag.
        tag: Of the file that names it.
        available: The names of all shared files.
        within: Those that it stands in: a variant that extends its own default means the next one.
    """
    stem, dot, ending = name.partition(".")
    names = (f"{stem}.{own}{dot}{ending}" if own else name for own in chain(tag))
    return next((found for found in names if found in available and found not in within), name)


def wanted(context: Mapping[str, Any]) -> str:
    """Return the tag that a message's data asks for, `DEFAULT` if nobody says."""
    contact, tenant = context.get("contact"), context.get("tenant")
    said = [contact.get("locale"), contact.get("language")] if isinstance(contact, dict) else []
    said += [tenant.get("locale")] if isinstance(tenant, dict) else []
    return next((tag for word in said if isinstance(word, str) and (tag := canonical(word))), DEFAULT)


def wanted_of(attributes: Mapping[str, Any], tenant_locale: str = "") -> str:
    """Return the tag that a contact with these attributes is looked up by."""
    return wanted({"contact": dict(attributes), "tenant": {"locale": tenant_locale}})


def language(tag: str) -> str:
    """Return the language of a tag without script and region."""
    return tag.partition("-")[0]


def direction(tag: str) -> str:
    """Return "rtl" for a tag that is written from right to left, else "ltr".

    >>> [direction(tag) for tag in ("ar", "pa", "pa-PK", "az-Arab", "he-IL", "de")]
    ['rtl', 'ltr', 'rtl', 'rtl', 'rtl', 'ltr']
    """
    parts = tag.split("-")
    script = next((part for part in parts[1:2] if len(part) == len("Latn") and part.isalpha()), "")
    region = next((part for part in parts[1:3] if len(part) == len("AT")), "")
    likely = _LIKELY.get(f"{parts[0]}_{region}") or _LIKELY.get(parts[0], "")
    return "rtl" if (script or likely.partition("_")[2].partition("_")[0]) in _RIGHT_TO_LEFT else "ltr"


@lru_cache(maxsize=4096)
def words(reader: str, tag: str, home: str, *, has_variants: bool) -> Mapping[str, str]:
    """Return what a part sees of its language: `lang`, `dir`, and `locale`, by which dates and numbers are printed.

    Args:
        reader: What the reader wants, `DEFAULT` if nobody says.
        tag: Of the part's file.
        home: Of the default files.
        has_variants: Whether the template has any.
    """
    lang = tag or home
    reader = reader or lang
    own = not has_variants or language(reader) == language(lang)
    return MappingProxyType(
        {"lang": lang, "dir": direction(lang), "locale": reader if own else lang},
    )


SUPPLIED: Final = frozenset({"lang", "dir", "locale", "preheader"})  # names that no data has to have


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What a template has for one locale: the parts that have files of it, and how the CSS of its HTML is inlined."""

    locale: str
    overrides: tuple[str, ...]
    inlining: Literal["once", "each"]
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "locale": self.locale,
            "overrides": list(self.overrides),
            "inlining": self.inlining,
            "why": self.why,
        }


def verdict(variants: Sequence[Variant]) -> tuple[Literal["once", "each"], str]:
    """Return how the CSS of a whole template is inlined, and why; the default files come first."""
    for variant in variants:
        if variant.inlining == "each":
            return "each", variant.why
    return "once", variants[0].why


def mixtures(tags: Mapping[str, Mapping[str, str]], home: str) -> dict[str, list[str]]:
    """Return the variants whose messages are of several languages, each with the parts that are of another than its own.

    Args:
        tags: Of each variant, the tag of the file that each of its parts comes from.
        home: Of the default files.
    """
    found = {
        own: [part for part in PARTS if part in parts and language(parts[part] or home) != language(own)]
        for own, parts in tags.items()
    }
    return {own: parts for own, parts in found.items() if parts}


def in_words(variants: Mapping[str, Iterable[str]]) -> str:
    """Return what a template's variants override, as a person would tell it.

    >>> in_words({"de": ["html", "subject"], "fr": ["subject"]})
    'de (subject, html), fr (subject)'
    """
    listed = (
        f"{tag} ({', '.join(part for part in PARTS if part in parts)})"
        for tag, parts in sorted((tag, set(parts)) for tag, parts in variants.items())
    )
    return ", ".join(listed) or "none"
