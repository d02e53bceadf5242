"""Reporting: a campaign's numbers as the Markdown that people read in Prefect. Counts and ids, never an address."""

from collections.abc import Mapping

from core.campaigns import Status
from core.forecast import Forecast


_FACTS = {
    "delivery": "delivered",
    "delay": "delayed",
    "bounce_permanent": "bounced, permanent",
    "bounce_transient": "bounced, transient",
    "complaint": "complained",
    "open": "opened",
    "click": "clicked",
    "reject": "rejected by SES",
    "render_fail": "not rendered by SES",
}


def run_name(tenant: str, campaign: str, status: Status) -> str:
    """Return what a run is called in a list: `acme · Spring sale · 9,850 of 10,000`."""
    return f"{tenant} · {campaign} · {status.sent:,} of {status.audience - status.skipped:,}"


def percent(status: Status) -> float:
    """Return how much of the campaign is settled, from 0 to 100."""
    wanted = status.audience - status.skipped
    return 100.0 if wanted == 0 else 100.0 * (wanted - status.open) / wanted


def report(
    *, tenant: str, campaign: str, status: Status, events: Mapping[str, int], forecast: Forecast | None, summary: str
) -> str:
    """Return a campaign's report."""
    lines = [f"# {tenant} · {campaign}", "", f"**{summary[:1].upper()}{summary[1:]}.**", ""]
    lines += _table(("people", "count"), _people(status))
    if events:
        lines += ["", "## What SES reports", ""]
        lines += _table(("event", "messages"), [(_FACTS.get(fact, fact), count) for fact, count in events.items()])
    if forecast and forecast.waiting:
        lines += ["", "## When it will be done", ""]
        lines += [
            f"- {forecast.waiting:,} wait, {forecast.today:,} of them fit into today.",
            f"- Done about **{forecast.done_on.isoformat()}**; bound by {forecast.binding}.",
        ]
    balance = "The parts add up to the audience." if status.adds_up else "**The parts do not add up.**"
    return "\n".join([*lines, "", f"Campaign {status.campaign_id} is {status.state}. {balance}", ""])


def _people(status: Status) -> list[tuple[str, int]]:
    skipped = [(f"– {reason.replace('_', ' ')}", count) for reason, count in status.skipped_by_reason.items()]
    rows = [
        ("audience", status.audience),
        ("sent", status.sent),
        ("waiting", status.pending + status.claimed),
        ("being called", status.submitting),
        ("in doubt", status.in_doubt),
        ("failed", status.failed),
        ("unconfirmed", status.unconfirmed),
        ("skipped", status.skipped),
    ]
    return [row for row in rows if row[1] or row[0] in {"audience", "sent"}] + skipped


def _table(header: tuple[str, str], rows: list[tuple[str, int]]) -> list[str]:
    return [
        f"| {header[0]} | {header[1]} |",
        "| --- | ---: |",
        *(f"| {name} | {count:,} |" for name, count in rows),
    ]
