"""Reconciliation's report: a run in one sentence, and as the Markdown that people read in Prefect. Counts, never an address."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from core.gaps import Finding, Severity, span
from core.pipeline import Hour, Observed


MOST_HOURS: Final = 48


def in_words(observed: Observed, findings: Sequence[Finding]) -> str:
    """Return the sentence of a run: that all is well, or how many gaps there are and the gravest of them."""
    if findings:
        worst = findings[0]
        whose = f"{worst.tenant}: " if worst.tenant else ""
        gaps = "1 gap" if len(findings) == 1 else f"{len(findings)} gaps"
        return f"{gaps}: {whose}{worst.message}"
    accepted = sum(hour.accepted for hour in observed.hours)
    told = sum(hour.told for hour in observed.hours)
    if not accepted:
        return "nothing is missing: nothing was sent lately, and nothing waits"
    young = f", {accepted - told:,} are younger than {span(observed.grace)}" if told < accepted else ""
    return f"nothing is missing: SES has reported {told:,} of {accepted:,} accepted messages{young}"


def report(at: datetime, summary: str, findings: Sequence[Finding], hours: Iterable[Hour] = ()) -> str:
    """Return a reconciliation as Markdown: words first, then what is missing and what was looked at."""
    lines = [
        f"# Reconciliation of {at:%d %b %Y, %H:%M} UTC",
        "",
        f"**{summary[:1].upper()}{summary[1:]}.**",
        "",
    ]
    if findings:
        lines += ["| How soon | Tenant | What | What to do |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {'now' if one.severity is Severity.ERROR else 'today'} | {one.tenant or 'all'} | {_cell(one.message)} "
            f"| {_cell(one.remedy)} |"
            for one in findings
        ]
    looked = sorted(hours, key=lambda one: (one.tenant, one.began_at), reverse=True)
    if looked:
        lines += ["", "## What was looked at", ""]
        lines += [
            "| Tenant | Hour (UTC) | Accepted | Reported | Ended |",
            "| --- | --- | ---: | ---: | ---: |",
        ]
        lines += [
            f"| {one.tenant} | {one.began_at:%d %b %H:%M} | {one.accepted:,} | {one.told:,} | {one.settled:,} |"
            for one in looked[:MOST_HOURS]
        ]
        lines += [
            "",
            "Reported: SES has sent some event of it. Ended: delivered, bounced, complained about or dropped.",
        ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
