"""Reporting: a campaign's numbers as the Markdown that people read in Prefect. Counts and ids, never an address."""

from collections.abc import Mapping, Sequence

from core import forecast_picture
from core.campaigns import Status
from core.deliveries import SkipReason, State
from core.facts import Fact
from core.forecast import Forecast
from core.forecast_score import Told
from core.preflight import Finding, in_order


_WORDS: dict[str, str] = {
    Fact.SENT: "confirmed by a Send event",
    Fact.DELIVERY: "delivered",
    Fact.DELAY: "delayed",
    Fact.BOUNCE_PERMANENT: "hard bounce",
    Fact.BOUNCE_TRANSIENT: "soft bounce",
    Fact.BOUNCE_BLOCK: "blocked by the receiver's policy",
    Fact.BOUNCE_CONTENT: "refused for their content",
    Fact.COMPLAINT: "complaint",
    Fact.OPEN: "opened by a person",
    Fact.CLICK: "clicked by a person",
    Fact.OPEN_MACHINE: "opened by a machine",
    Fact.CLICK_MACHINE: "clicked by a machine",
    Fact.REJECT: "rejected by SES",
    Fact.RENDERING_FAILURE: "not rendered by SES",
}


def run_name(tenant: str, campaign: str, status: Status) -> str:
    """Return what a run is called in a list: `acme · Spring sale · 9,850 of 10,000`."""
    return f"{tenant} · {campaign} · {status.sent:,} of {status.audience - status.skipped:,}"


def standing(status: Status) -> str:
    """Return how a campaign stands in a sentence without its point."""
    return f"{status.state}: {status.sent:,} sent, {status.skipped:,} skipped, {status.failed:,} failed"


def percent(status: Status) -> float:
    """Return how much of the campaign is settled, from 0 to 100."""
    wanted = status.audience - status.skipped
    return 100.0 if wanted == 0 else 100.0 * (wanted - status.open) / wanted


def report(
    *,
    tenant: str,
    campaign: str,
    status: Status,
    events: Mapping[str, int],
    forecast: Forecast | None,
    summary: str,
    findings: Sequence[Finding] = (),
    results: Sequence[str] = (),
    foretold: Sequence[Told] = (),
) -> str:
    """Return a campaign's report; `findings` are those with which it was started, `results` the lines of its results.

    `foretold` is what was said of its end from day to day, the oldest first.
    """
    lines = [f"# {tenant} · {campaign}", "", f"**{_sentence(summary)}**", ""]
    lines += _table(("People", "Count", "Share"), _shares(_people(status), status.audience))
    lines += ["", "## What SES has reported so far", ""]
    if events:
        order = {str(fact): place for place, fact in enumerate(Fact)}
        as_it_happens = sorted(events.items(), key=lambda item: order.get(item[0], len(order)))
        told = [(fact_in_words(fact), count) for fact, count in as_it_happens]
        lines += _table(("Event", "Messages", "Share of sent"), _shares(told, status.sent))
    else:
        lines += ["Nothing yet: events arrive within minutes, opens and complaints within days."]
    lines += results
    if forecast and forecast.waiting:
        lines += ["", "## When it will be done", "", *_end(forecast)]
    if before := forecast_picture.history(foretold):
        lines += ["", "## What was forecast", "", *before]
    if status.audited:
        lines += ["", "## What the audit found", "", _audit(status)]
    if findings:
        lines += ["", "## What preflight found", "", *findings_table(findings)]
    balance = (
        "Everybody of the audience is counted once." if status.adds_up else "**The parts do not add up.**"
    )
    stands = f"Campaign {status.campaign_id} is {status.state}"
    why = f"{stands}: {_sentence(status.state_reason.rstrip('.'))}" if status.state_reason else f"{stands}."
    return "\n".join([*lines, "", f"{why} {balance}", ""])


def _audit(status: Status) -> str:
    compared = f"{status.audited:,} of this template's messages were compared with premailer's page before they were sent"
    if not status.demoted_why:
        return f"{compared}, and none of them differed."
    return (
        f"{compared}. **One differed, and the template is demoted** ({_cell(status.demoted_why)}): since then premailer "
        "writes each message itself, correctly and slowly."
    )


def question(
    campaign: str, *, will_be_sent: int, skipped: Mapping[str, int], forecast: Forecast | None
) -> str:
    """Return what the person who approves is asked."""
    people = [("will get it", will_be_sent), *_skipped(skipped)]
    lines = [f"May **{campaign}** be sent to **{will_be_sent:,}** people?", ""]
    lines += _table(("People", "Count", "Share"), _shares(people, will_be_sent + sum(skipped.values())))
    return "\n".join([*lines, "", *_end(forecast)])


def dry_run(campaign_id: int, *, ok: bool, will_be_sent: int, skipped: int) -> str:
    """Return the sentence with which a dry run ends."""
    verdict = "may start" if ok else "may not start"
    return f"dry run: campaign {campaign_id} {verdict}, {will_be_sent:,} would be sent, {skipped:,} skipped"


def check_report(
    *,
    tenant: str,
    campaign: str,
    summary: str,
    findings: Sequence[Finding],
    will_be_sent: int,
    skipped: Mapping[str, int],
    forecast: Forecast | None,
    what: str = "dry run",
) -> str:
    """Return the report of a dry run, or of another run that sent nothing."""
    selected = will_be_sent + sum(skipped.values())
    lines = [f"# {tenant} · {campaign} · {what}", "", f"**{_sentence(summary)}**", ""]
    people = [("selected", selected), ("would be sent", will_be_sent), *_skipped(skipped)]
    lines += _table(("People", "Count", "Share"), _shares(people, selected))
    lines += ["", "## Findings", ""]
    if findings:
        lines += findings_table(findings)
    else:
        lines += ["None: nothing forbids the start, and nothing needs a look."]
    return "\n".join([*lines, "", *_end(forecast), ""])


def findings_table(findings: Sequence[Finding]) -> list[str]:
    """Return the table of findings, the worst first, with what to do and who says so."""
    lines = ["| Severity | Rule | Finding | What to do | Who says so |", "| --- | --- | --- | --- | --- |"]
    for one in in_order(findings):
        severity = f"{one.severity}, overridden" if one.overridden else one.severity
        cells = (severity, f"`{one.id}`", _cell(one.message), _cell(one.remedy), _cell(one.authority))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _end(forecast: Forecast | None) -> list[str]:
    if forecast is None:
        return ["When it will be done is not known: the SES quota was never read."]
    if forecast.resumes_on is None:
        return [f"{forecast.waiting:,} wait; they take {_duration(forecast.seconds_today)}, all of it today."]
    resumes_on, done_on = forecast.resumes_on.isoformat(), forecast.done_on.isoformat()
    fitting = (
        f"{forecast.today:,} of them fit into today" if forecast.today else "nothing more fits into today"
    )
    return [
        f"{forecast.waiting:,} wait, and {fitting}.",
        f"The rest leaves from **{resumes_on}**, until about **{done_on}**{_surely(forecast)}.",
        f"What binds it: {forecast.binding_why or forecast.binding}.",
        *forecast_picture.by_provider(forecast),
        *forecast_picture.table(forecast),
    ]


def _surely(forecast: Forecast) -> str:
    """Return the day by which nine in ten forecasts are kept, where it is another."""
    likely = forecast.done_on_p90 or forecast.done_on
    return "" if likely == forecast.done_on else f", nine times in ten by **{likely.isoformat()}**"


def _duration(seconds: float) -> str:
    """Return a duration as a person says it."""
    for size, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:,.0f} {name}"
    return "about a minute" if seconds >= 45 else "less than a minute"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    """Return text that stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def fact_in_words(fact: str) -> str:
    """Return what SES reported as a person says it."""
    return _WORDS.get(fact, fact.replace("_", " "))


def _people(status: Status) -> list[tuple[str, int]]:
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
    return [row for row in rows if row[1] or row[0] in {"audience", "sent"}] + _skipped(
        status.skipped_by_reason
    )


def _skipped(by_reason: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(f"– {reason.replace('_', ' ')}", count) for reason, count in by_reason.items()]


def _shares(counts: Sequence[tuple[str, int]], whole: int) -> list[tuple[str, str, str]]:
    """Return the rows of a table with the share of the whole beside each count."""
    return [(name, f"{count:,}", f"{count / whole:.1%}" if whole else "–") for name, count in counts]


def _table(header: tuple[str, str, str], rows: Sequence[tuple[str, str, str]]) -> list[str]:
    return [
        f"| {' | '.join(header)} |",
        "| --- | ---: | ---: |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def why(*, state: str, skip_reason: str | None, outcome_code: str | None, facts: Sequence[str]) -> str:
    """Return in a sentence why one person's message is where it is."""
    if state == State.SKIPPED:
        return (
            f"Not sent: {_SKIPPED.get(SkipReason(skip_reason), skip_reason)}." if skip_reason else "Not sent."
        )
    if state == State.FAILED:
        return f"SES refused it for good ({outcome_code})." if outcome_code else "It could not be sent."
    if state == State.SENT:
        told = [fact_in_words(fact) for fact in facts if fact != Fact.SENT]
        return f"SES accepted it; reported since: {', '.join(told)}." if told else "SES accepted it."
    return _STANDING[State(state)]


_SKIPPED = {
    SkipReason.UNSUBSCRIBED: "the person has unsubscribed",
    SkipReason.COMPLAINED: "the person has complained about earlier mail",
    SkipReason.HARD_BOUNCED: "the address bounced for good",
    SkipReason.SOFT_BOUNCED: "the address bounced again and again",
    SkipReason.SUPPRESSED: "the address was suppressed by hand or by import",
    SkipReason.DUPLICATE: "another contact of the audience has the same address, and got it",
    SkipReason.RETIRED: "hygiene has retired the contact",
    SkipReason.LAPSING: "the contact has been silent for long, and only a win-back campaign is sent to it",
    SkipReason.WINBACK_SENT: "the person has had the one win-back already",
    SkipReason.NO_CONSENT: "there is no consent on record",
    SkipReason.CANCELLED: "the campaign was cancelled",
    SkipReason.TOO_LATE: "the campaign was given up before the message's turn came",
    SkipReason.TOO_OFTEN: "the person has had as many messages lately as the tenant allows",
    SkipReason.WANTS_LESS: "the person wants less mail, and has had one message lately",
    SkipReason.PAUSED: "the person has asked for a pause, after which mail begins again by itself",
}

_STANDING = {
    State.PENDING: "It waits for its turn.",
    State.CLAIMED: "A worker is rendering it.",
    State.SUBMITTING: "It is being handed to SES.",
    State.IN_DOUBT: "SES's answer was lost; its events will tell whether it was accepted.",
    State.UNCONFIRMED: "SES's answer was lost and no event came; it may or may not have been delivered.",
}
