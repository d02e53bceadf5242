"""Preflight: what a rendered message says about a campaign, before anybody gets it.

A campaign does not start while a finding forbids it. Whoever answers for a campaign may override most of them, by id
and with a reason; nobody overrides a firm one.

Terms:
    finding: one rule that answered yes, or something that keeps messages from being made at all.
    override: a person's decision, for one campaign, that a blocking finding does not forbid its start.

Invariants:
    `check_message` looks at the sample alone: no DNS, no database. It answers in the order of `rulebook.RULES`.
    What is no rule (a template that does not render, an audience of nobody, a paused tenant) cannot be overridden.

Standards:
    Those of `core/rulebook.py`, rule by rule.

See:
    docs/preflight.md
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core import rulebook
from core.authorities import Source
from core.errors import InputError
from core.rendering import Content
from core.rulebook import Rule, Severity
from core.samples import take_apart


_WEIGHT: Mapping[Severity, int] = {"block": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that answered yes. `where` is the part of the message to look at, `remedy` what to do about it.

    `locales` are those whose messages show it, empty where a template has no variants.
    """

    id: str
    severity: Severity
    message: str
    where: str
    remedy: str = ""
    sources: tuple[Source, ...] = ()
    firm: bool = True
    overridden: bool = False
    locales: tuple[str, ...] = ()

    @property
    def forbids(self) -> bool:
        """Whether a campaign may not start with it."""
        return self.severity == "block" and not self.overridden

    @property
    def authority(self) -> str:
        """Return who says so and of which date that is, in one line, "" for what is no rule."""
        return "; ".join(map(str, self.sources))

    def as_json(self) -> dict[str, Any]:
        """Return the finding as the command line and the web answer it."""
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "where": self.where,
            "remedy": self.remedy,
            "sources": [source.as_json() for source in self.sources],
            "overridable": self.severity == "block" and not self.firm,
            "overridden": self.overridden,
            "locales": list(self.locales),
        }


def check_message(
    content: Content,
    *,
    headers: Mapping[str, str],
    postal_address: str,
    unsubscribe_url: str,
    preferences_url: str = "",
    recipient: str = "",
    sending_domains: Collection[str] = (),
    lang: str = "",
) -> list[Finding]:
    """Return what is wrong with a rendered sample, in the order of the rulebook.

    Args:
        content: The sample, as one contact would get it.
        headers: At least `From` and the two list headers.
        postal_address: The tenant's, which must be readable in both parts.
        unsubscribe_url: The contact's own, which both parts must lead to.
        preferences_url: The contact's own too; no rule asks for it.
        recipient: The contact's address, which no link may tell; "" asks nothing.
        sending_domains: The tenant's, in lower case; none asks nothing.
        lang: The tag of the language that the HTML is written in; "" asks nothing.
    """
    sample = take_apart(
        content,
        headers=headers,
        recipient=recipient,
        postal_address=postal_address,
        unsubscribe_url=unsubscribe_url,
        preferences_url=preferences_url,
        sending_domains=frozenset(sending_domains),
        lang=lang,
    )
    return [_finding(rule) for rule in rulebook.RULES if rule.asks(sample)]


def check_rulebook(today: date) -> list[Finding]:
    """Return a finding if the rules themselves are out of date."""
    if not rulebook.is_stale(today):
        return []
    return [
        Finding(
            id="rules_stale",
            severity="info",
            message=f"the rules were last compared with their sources on {rulebook.REVIEWED_ON}",
            where="rules",
            remedy="Update Posthouse; providers change their rules every year.",
        )
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity, the worst first, and otherwise in the order that they have."""
    return sorted(findings, key=lambda finding: _WEIGHT[finding.severity])


def forbid(identifier: str, message: str, where: str, remedy: str = "") -> Finding:
    """Return a finding that forbids the start, of a check that stands in no rulebook."""
    return Finding(id=identifier, severity="block", message=message, where=where, remedy=remedy)


def forbidding(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that forbid a start."""
    return [finding for finding in findings if finding.forbids]


def overridden(findings: Iterable[Finding], identifiers: Collection[str]) -> list[Finding]:
    """Return the findings, those that may be and are in `identifiers` marked as overridden."""
    return [
        replace(finding, overridden=True)
        if finding.severity == "block" and not finding.firm and finding.id in identifiers
        else finding
        for finding in findings
    ]


def check_override(
    findings: Sequence[Finding], identifiers: Collection[str], *, reason: str
) -> list[Finding]:
    """Return the findings that are overridden by naming them; one that was overridden before may be named again.

    Raises:
        InputError: No reason, no such blocking finding, or one that nobody may override; nothing is overridden.
    """
    if not reason.strip():
        raise InputError("an override needs a reason", hint="Give --reason; it is kept with your name.")
    chosen = []
    for identifier in sorted(set(identifiers)):
        found = [finding for finding in findings if finding.id == identifier and finding.severity == "block"]
        if not found:
            raise InputError(
                f"there is no blocking finding {identifier!r}", hint=_may_be_overridden(findings)
            )
        if firm := next((finding for finding in found if finding.firm), None):
            raise InputError(
                f"{identifier} cannot be overridden: {firm.message}",
                hint=firm.remedy,
                code="override_refused",
            )
        chosen += found
    return chosen


def _may_be_overridden(findings: Sequence[Finding]) -> str:
    known = sorted({finding.id for finding in findings if finding.severity == "block" and not finding.firm})
    return f"What may be overridden: {', '.join(known)}." if known else "There is nothing to override."


def _finding(rule: Rule) -> Finding:
    return Finding(
        id=rule.id,
        severity=rule.severity,
        message=rule.message,
        where=rule.where,
        remedy=rule.remedy,
        sources=rule.sources,
        firm=rule.firm,
    )
