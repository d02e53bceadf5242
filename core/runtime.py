"""Runtime: which versions of what we run on have known holes, and which release closes them.

Header injection needs an interpreter that lets it happen, and a sandbox escape a template engine that does; our own
checks stand in front of both, and are not meant to stand alone. This compares version numbers only. A distribution
that back-ports a fix keeps the old number, so the answer is a warning and never a refusal.

Terms:
    series: the versions that differ in their last number only; each series gets a fix in a release of its own.
    requirement: for one component, the first fixed release of each series that has one.

Invariants:
    A version is fine if its series has a fix and it is not older, or if it is newer than every series with a fix.
    A series without a fix is fixed by going to the next series that has one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


Version = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """The releases of a component that close a known hole, oldest series first, and what the hole is."""

    component: str
    fixed_in: tuple[Version, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedComponent:
    """One component that should be newer."""

    component: str
    message: str
    hint: str


REQUIREMENTS = (
    Requirement(
        component="Python",
        fixed_in=((3, 11, 15), (3, 12, 13), (3, 13, 12), (3, 14, 3)),
        # CVE-2024-6923 and CVE-2026-1299; the releases are those whose change log names the later one.
        why="its email package lets a line break in a header start a header of its own (CVE-2026-1299)",
    ),
    Requirement(
        component="Jinja",
        fixed_in=((3, 1, 6),),
        why="its sandbox can be left through the |attr filter (CVE-2025-27516)",
    ),
    Requirement(
        component="libxml2",
        fixed_in=((2, 14, 2),),
        # Release notes of 2.14: the HTML tokenizer was rewritten to conform to HTML5.
        why="it cuts malformed HTML in other places than mail programs do, so an inlined page may differ",
    ),
    Requirement(
        component="PostgreSQL",
        fixed_in=((15, 0),),
        # UNIQUE NULLS NOT DISTINCT is new in PostgreSQL 15; Prefect's own server would do with 14.9.
        why="a suppression could be stored twice without UNIQUE NULLS NOT DISTINCT, which is new in 15",
    ),
)


def parse(text: str) -> Version:
    """Return the numbers that a version begins with: (18, 6) of "18.6 (Debian 18.6-1)", (3, 15, 0) of "3.15.0rc2".

    Raises:
        ValueError: It does not begin with a number.
    """
    found = re.match(r"\d+(\.\d+)*", text)
    if found is None:
        raise ValueError(f"not a version: {text!r}")
    return tuple(int(number) for number in found[0].split("."))


def needed_release(version: Version, fixed_in: tuple[Version, ...]) -> Version | None:
    """Return the release that a version should be replaced with, None if it is fine."""
    for fixed in fixed_in:
        series = fixed[:-1]
        if version[: len(series)] == series:
            return None if version >= fixed else fixed
    return min((fixed for fixed in fixed_in if fixed > version), default=None)


def warnings(versions: Mapping[str, str]) -> list[OutdatedComponent]:
    """Return what is too old among the given components; a component that is not given is not judged."""
    found = []
    for requirement in REQUIREMENTS:
        version = versions.get(requirement.component)
        needed = version and needed_release(parse(version), requirement.fixed_in)
        if version and needed:
            found.append(_warning(requirement, version, ".".join(map(str, needed))))
    return found


def _warning(requirement: Requirement, version: str, needed: str) -> OutdatedComponent:
    return OutdatedComponent(
        component=requirement.component,
        message=f"{requirement.component} {version}: {requirement.why}",
        hint=f"Update to {requirement.component} {needed} or later, or see that your distribution has the fix.",
    )
