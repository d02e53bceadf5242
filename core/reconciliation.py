"""Reconciliation: what should have been reported and was not, what was reported and should not be, and what to do.

Events are the only way in which a bounce, a complaint or the fate of a lost call becomes known. A pipeline that loses them
looks like a very good campaign: no bounces, no complaints. So every hour what SES has accepted is held against what it has
reported, and the pipeline's own parts are asked whether they stand.

Terms:
    gap: one thing that is missing, or too much (`core.gaps`). `core.pipeline` has the terms of what is looked at.
    unsettled: told, not settled, and older than SES goes on trying.
    event canary: a message to SES's own mailbox simulator whose events must come back within minutes. It is sent only for
        a tenant that has mailed lately and of whom nothing was heard.

Invariants:
    What comes late but in time is no gap: before the grace is over nothing is said.
    A part that cannot be asked is a gap; silence about it would be taken for health.
    No gap names a person.

Standards:
    Amazon SES event publishing. Amazon SQS dead-letter queues. SES v2 GetAccount (SentLast24Hours), ListSuppressedDestinations,
    MaxDeliverySeconds (a message is tried for 14 hours at most). Amazon SES mailbox simulator.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from core.gaps import Finding, Gap, Severity, span
from core.pipeline import Canary, Counts, Doubtful, Hour, Inbox, Lists, Observed, Stream, Troubled


LOOK_BACK: Final = timedelta(days=7)
LONGEST_WAY: Final = timedelta(hours=15)  # SES tries for 14 hours, and its report may take a while
CANARY_PATIENCE: Final = timedelta(minutes=10)
BEHIND: Final = timedelta(minutes=10)

# So few that a person may look at them in the morning; a larger share of the accepted is a broken pipeline.
FEW: Final = 10
SMALL_SHARE: Final = 0.01

# Two counts of one day are never taken at one moment.
COUNTS_DIFFER: Final = 50
COUNTS_DIFFER_SHARE: Final = 0.02

RUNBOOK: Final = "docs/runbooks/missing-events.md"


def find(observed: Observed) -> list[Finding]:
    """Return the gaps, the gravest first."""
    found = [
        *_of_hours(observed),
        *_of_inbox(observed.inbox),
        *(finding for stream in observed.streams for finding in _of_stream(stream)),
        *(finding for canary in observed.canaries for finding in _of_canary(canary)),
        *_of_counts(observed.counts),
        *(finding for lists in observed.lists for finding in _of_lists(lists)),
        *(finding for one in observed.doubtful for finding in _of_doubt(one)),
        *map(_of_trouble, observed.troubled),
    ]
    return sorted(found, key=lambda one: (-one.severity, one.tenant, one.gap))


# One function for each subject


def _of_hours(observed: Observed) -> Iterator[Finding]:
    for tenant in sorted({hour.tenant for hour in observed.hours}):
        hours = [hour for hour in observed.hours if hour.tenant == tenant]
        overdue = [hour for hour in hours if hour.overdue]
        if overdue:
            yield _overdue(observed, tenant, overdue)
        ended = observed.now - LONGEST_WAY - timedelta(hours=1)
        unsettled = [hour for hour in hours if hour.began_at <= ended and hour.settled < hour.told]
        if unsettled:
            yield _unsettled(tenant, unsettled)


def _overdue(observed: Observed, tenant: str, hours: Sequence[Hour]) -> Finding:
    missing, accepted = sum(hour.overdue for hour in hours), sum(hour.accepted for hour in hours)
    ages = ", ".join(
        f"{hour.overdue:,} of {hour.accepted:,} of {span(observed.now - hour.began_at)} ago"
        for hour in sorted(hours, key=lambda one: one.began_at)[:3]
    )
    more = f" and {len(hours) - 3} more hours" if len(hours) > 3 else ""
    remedy = (
        "None of these hours' messages was reported at all: is the configuration set's event destination on, and its topic "
        f"subscribed? See {RUNBOOK}"
        if missing == accepted
        else f"Drain the queues, then look for what refuses or loses events: {RUNBOOK}"
    )
    return Finding(
        gap=Gap.OVERDUE,
        severity=_by_share(missing, accepted),
        tenant=tenant,
        count=missing,
        message=f"{missing:,} messages that SES accepted were not reported after {span(observed.grace)} ({ages}{more})",
        remedy=remedy,
    )


def _unsettled(tenant: str, hours: Sequence[Hour]) -> Finding:
    missing = sum(hour.told - hour.settled for hour in hours)
    told = sum(hour.told for hour in hours)
    return Finding(
        gap=Gap.UNSETTLED,
        severity=_by_share(missing, told),
        tenant=tenant,
        count=missing,
        message=f"{missing:,} of {told:,} messages have neither a Delivery nor a Bounce after {span(LONGEST_WAY)}",
        remedy="Does the engagement queue get Delivery events, and the critical one bounces? "
        f"posthouse doctor, then {RUNBOOK}",
    )


def _of_inbox(inbox: Inbox) -> Iterator[Finding]:
    if inbox.due and inbox.oldest > BEHIND:
        yield Finding(
            gap=Gap.INBOX_BEHIND,
            severity=Severity.ERROR,
            count=inbox.due,
            message=f"{inbox.due:,} stored events are not applied, the oldest since {span(inbox.oldest)}",
            remedy="Is the worker up, and does reconcile-events end well? posthouse events drain applies them now",
        )
    if inbox.orphans:
        yield Finding(
            gap=Gap.ORPHANS,
            severity=Severity.WARNING,
            count=inbox.orphans,
            message=f"{inbox.orphans:,} events are about messages that nobody here knows",
            remedy="Another application's mail in our configuration sets, or a ledger that was restored: "
            "docs/runbooks/replay-events.md",
        )
    if inbox.quarantined:
        worst, _ = max(inbox.quarantined.items(), key=lambda item: item[1])
        number = sum(inbox.quarantined.values())
        yield Finding(
            gap=Gap.QUARANTINED,
            severity=Severity.WARNING,
            count=number,
            message=f"{number:,} events of the last day are in quarantine, mostly: {worst}",
            remedy="docs/runbooks/replay-events.md says what each reason means and how to try again",
        )


def _of_stream(stream: Stream) -> Iterator[Finding]:
    if stream.refusal:
        yield Finding(
            gap=Gap.QUEUE,
            severity=Severity.ERROR,
            count=1,
            message=stream.refusal,
            remedy="Events wait there, for 14 days at most: posthouse doctor",
        )
    if stream.dead:
        yield Finding(
            gap=Gap.DEAD_LETTERS,
            severity=Severity.ERROR,
            count=stream.dead,
            message=f"{stream.dead:,} messages are in the dead-letter queue of {stream.name}",
            remedy="They could not be read or stored five times: docs/runbooks/replay-events.md",
        )
    age = stream.oldest or timedelta(0)
    if stream.waiting and age > BEHIND:
        yield Finding(
            gap=Gap.QUEUE,
            severity=Severity.ERROR if age > timedelta(hours=1) else Severity.WARNING,
            count=stream.waiting,
            message=f"{stream.waiting:,} messages wait on queue {stream.name}, the oldest since {span(age)}",
            remedy="Events come faster than they are taken, or nobody takes them: posthouse events drain",
        )


def _of_canary(canary: Canary) -> Iterator[Finding]:
    if canary.refusal:
        yield Finding(
            gap=Gap.CANARY,
            severity=Severity.WARNING,
            tenant=canary.tenant,
            count=1,
            message=f"the event canary could not be sent: {canary.refusal}",
            remedy="What holds it holds the tenant's mail too: posthouse doctor",
        )
    elif canary.missing and canary.age > CANARY_PATIENCE:
        streams = " and ".join(canary.missing)
        yield Finding(
            gap=Gap.CANARY,
            severity=Severity.ERROR,
            tenant=canary.tenant,
            count=1,
            message=f"the event canary of {span(canary.age)} ago has not come back by the {streams} stream",
            remedy=f"Subscription, topic policy or event destination are gone: {RUNBOOK}",
        )


def _of_counts(counts: Counts | None) -> Iterator[Finding]:
    if counts is None:
        return
    if counts.refusal:
        yield Finding(
            gap=Gap.COUNT,
            severity=Severity.ERROR,
            count=1,
            message=f"SES does not tell how much it has sent: {counts.refusal}",
            remedy="Without its answer nothing can be sent either: posthouse doctor",
        )
        return
    more = counts.ses - counts.at_most
    fewer = counts.at_least - counts.ses
    difference = max(more, fewer)
    if difference <= max(COUNTS_DIFFER, COUNTS_DIFFER_SHARE * max(counts.ses, counts.at_least)):
        return
    ours = counts.at_most if more > fewer else counts.at_least
    yield Finding(
        gap=Gap.COUNT,
        severity=Severity.WARNING,
        count=round(difference),
        message=f"SES has counted {counts.ses:,.0f} messages in 24 hours, the ledger {ours:,}",
        remedy="Is the ledger an old one? posthouse ledger status. If others are to send through this account: "
        "POSTHOUSE_SES_ACCOUNT_SHARED=true"
        if more > fewer
        else "The ledger believes calls that SES did not count. Is this the account that they went through? "
        "posthouse doctor",
    )


def _of_lists(lists: Lists) -> Iterator[Finding]:
    name = "SES's list of the tenant" if lists.tenant else "SES's list of the account"
    part = "" if lists.is_whole else " (only its beginning was read)"
    if lists.refusal:
        yield Finding(
            gap=Gap.SUPPRESSED_THERE,
            severity=Severity.WARNING,
            tenant=lists.tenant,
            count=1,
            message=f"{name} cannot be read: {lists.refusal}",
            remedy="The role needs ses:ListSuppressedDestinations; without it nobody sees what was never reported",
        )
    if lists.only_there:
        yield Finding(
            gap=Gap.SUPPRESSED_THERE,
            severity=Severity.WARNING,
            tenant=lists.tenant,
            count=lists.only_there,
            message=f"{lists.only_there:,} contacts stand on {name} and may be mailed here{part}",
            remedy="Their bounces or complaints were never reported to us, and each mail to them is one more. "
            f"{RUNBOOK}, SES's lists",
        )
    if lists.only_here:
        yield Finding(
            gap=Gap.SUPPRESSED_HERE,
            severity=Severity.WARNING,
            tenant=lists.tenant,
            count=lists.only_here,
            message=f"{lists.only_here:,} bounces and complaints are suppressed here and not on {name}{part}",
            remedy=f"Nobody here mails them; only the backstop has holes. {RUNBOOK}, SES's lists",
        )


def _of_doubt(doubtful: Doubtful) -> Iterator[Finding]:
    if doubtful.in_doubt:
        yield Finding(
            gap=Gap.DOUBT,
            severity=Severity.WARNING,
            tenant=doubtful.tenant,
            count=doubtful.in_doubt,
            message=f"{doubtful.in_doubt:,} calls are in doubt, and their events should have come",
            remedy="They settle by their events, or by the campaign's policy: docs/runbooks/in-doubt.md",
        )
    if doubtful.unconfirmed:
        yield Finding(
            gap=Gap.UNCONFIRMED,
            severity=Severity.WARNING,
            tenant=doubtful.tenant,
            count=doubtful.unconfirmed,
            message=f"{doubtful.unconfirmed:,} messages of the last week stay unconfirmed: no answer and no event",
            remedy="They may or may not have been delivered: docs/runbooks/in-doubt.md",
        )


def _of_trouble(troubled: Troubled) -> Finding:
    return Finding(
        gap=Gap.ANOMALY,
        severity=Severity.ERROR,
        count=troubled.held,
        message=f"{troubled.place} calls living mailboxes dead: {troubled.held:,} people are held, and nobody is suppressed by it",
        remedy=f"posthouse bounces anomalies shows anomaly {troubled.anomaly_id}: docs/runbooks/bounce-anomaly.md",
    )


def _by_share(missing: int, of: int) -> Severity:
    is_small = missing < FEW or missing < SMALL_SHARE * of
    return Severity.WARNING if is_small else Severity.ERROR
