"""Spoken: which languages the readers of an audience ask for, and what a template has for them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from core import locales
from core.preflight import Finding
from core.rulebook import Severity
from core.sampling import Candidate
from gateways.render_process import RemoteTemplate
from store import preflight as records
from tasks.messages import Voice
from tasks.resources import Resources


_SHOWN: Final = 8  # languages that a finding counts one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What some contacts of an audience ask for: `people` of them want `wanted`, "" if they say nothing."""

    wanted: str
    variant: str
    people: int
    contact: Candidate
    is_unreadable: bool


def wishes(resources: Resources, voice: Voice, template: RemoteTemplate, audience_id: int) -> list[Wish]:
    """Return what an audience asks for, each with a contact who does; nothing of a template without variants."""
    if not template.variants:
        return []
    with resources.database.begin() as session:
        found = records.wishes(session, tenant_id=voice.tenant_id, audience_id=audience_id)
    return [
        _wish(voice, template, Candidate(row["id"], row["address"], row["attributes"]), row["people"])
        for row in found
    ]


def readers(found: Iterable[Wish]) -> list[Candidate]:
    """Return one contact for each locale that is asked for, of those who spell it alike the most frequent."""
    firsts: dict[str, Candidate] = {}
    for wish in found:
        firsts.setdefault(wish.wanted, wish.contact)
    return list(firsts.values())


def variant_for(voice: Voice, template: RemoteTemplate, contact: Candidate) -> str:
    """Return the tag of the variant that a contact gets, "" for the default files."""
    return locales.lookup(locales.wanted_of(contact.attributes, voice.tenant.locale), template.variants)


def language_of(voice: Voice, template: RemoteTemplate, contact: Candidate) -> str:
    """Return the tag of the language in which a contact's HTML is written, "" if the template does not say."""
    sources = template.sources
    if not sources.variants and sources.locale == locales.HOME:
        return ""
    return sources.tags(variant_for(voice, template, contact))["html"] or sources.locale


def findings(template: RemoteTemplate, found: Iterable[Wish]) -> list[Finding]:
    """Return what a template's variants lack, for this audience and in themselves."""
    home = template.sources.locale
    return [*_mixed(template), *_missing(found, home), *_unreadable(found)]


def mixtures(template: RemoteTemplate) -> Mapping[str, list[str]]:
    """Return the variants that are in several languages, each with the parts that are not in its own."""
    sources = template.sources
    return locales.mixtures({tag: sources.tags(tag) for tag in sources.variants}, sources.locale)


def _wish(voice: Voice, template: RemoteTemplate, contact: Candidate, people: int) -> Wish:
    said = [word for name in ("locale", "language") if (word := contact.attributes.get(name))]
    return Wish(
        wanted=locales.wanted_of(contact.attributes, voice.tenant.locale),
        variant=variant_for(voice, template, contact),
        people=people,
        contact=contact,
        is_unreadable=bool(said) and not locales.wanted_of(contact.attributes),
    )


def _mixed(template: RemoteTemplate) -> list[Finding]:
    return [
        _finding(
            "locale_mixed",
            "warn",
            f"who reads {tag} gets {' and '.join(parts)} in another language",
            f"Add {' and '.join(locales.file_name(part, tag) for part in parts)}.",
            (tag,),
        )
        for tag, parts in mixtures(template).items()
    ]


def _missing(found: Iterable[Wish], home: str) -> list[Finding]:
    people: Counter[str] = Counter()
    for wish in found:
        tongue = locales.language(wish.wanted)
        if wish.wanted and not wish.variant and tongue != locales.language(home):
            people[tongue] += wish.people
    if not people:
        return []
    tongues = people.most_common()
    shown = ", ".join(f"{tongue} ({number:,})" for tongue, number in tongues[:_SHOWN])
    others = f" and {len(tongues) - _SHOWN} more" if len(tongues) > _SHOWN else ""
    return [
        _finding(
            "locale_missing",
            "info",
            f"contacts who read another language get the default files, which are {home}: {shown}{others}",
            f"Add {locales.file_name('subject', tongues[0][0])} and the like for those who shall be written to in theirs.",
            tuple(sorted(people)),
        )
    ]


def _unreadable(found: Iterable[Wish]) -> list[Finding]:
    odd = [wish for wish in found if wish.is_unreadable]
    if not odd:
        return []
    people = sum(wish.people for wish in odd)
    whose = "a contact" if people == 1 else f"{people:,} contacts"
    shown = ", ".join(str(wish.contact.id) for wish in odd[:3])
    return [
        _finding(
            "locale_unreadable",
            "info",
            f"the locale or language of {whose} is no tag (such as contact {shown})",
            "Write it as BCP 47 has it, such as de or de-AT; until then it counts as none.",
        )
    ]


def _finding(
    identifier: str, severity: Severity, message: str, remedy: str, tags: tuple[str, ...] = ()
) -> Finding:
    return Finding(
        id=identifier, severity=severity, message=message, where="template", remedy=remedy, locales=tags
    )
