"""Reconciliation: look at all that events should have told, say what is missing, and keep it.

It reads and never repairs: SES is asked for its quota and its lists, queues for their depth, our tables for the rest. What
mends a gap stands in the gap's own words.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from core import addresses, event_canary, reconciliation, reconciliation_report
from core.errors import ConfigurationError, InvalidAddressError, SendingError
from core.gaps import Finding, Severity
from core.pipeline import Canary, Counts, Doubtful, Hour, Lists, Observed, Stream
from core.reconciliation import CANARY_PATIENCE
from gateways.queues import dead_letters_of
from gateways.sqs import Queue
from store import reconciliation as records
from store import tenants
from store.reconciliation import Kept, Unheard
from tasks import accounts, anomalies, event_canaries, events
from tasks.events import DrainReport
from tasks.log import run_logger
from tasks.resources import Resources


LISTS_EVERY: Final = timedelta(hours=24)
MOST_LISTED: Final = 200_000  # of one list; SES gives a thousand a second
CANARY_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One reconciliation: when, its sentence, its gaps, and the hours that were looked at."""

    at: datetime
    words: str
    findings: Sequence[Finding]
    hours: Sequence[Hour] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "at": self.at.isoformat(),
            "ok": not self.findings,
            "words": self.words,
            "gaps": [one.as_json() for one in self.findings],
        }

    def as_markdown(self) -> str:
        """Return it as people read it in Prefect."""
        return reconciliation_report.report(self.at, self.words, self.findings, self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a reconciliation is wanted.

    Attributes:
        is_thorough: Count every hour of the week that lacks something, and read SES's lists, also if that was done lately.
        canaries: Send an event canary for every tenant, not only where there is a doubt.
        unconfirmed: The deliveries that were called unconfirmed just now, by tenant.
        waited: How long what was drained last had waited, by queue.
    """

    is_thorough: bool = False
    canaries: bool = False
    unconfirmed: Mapping[str, int] = field(default_factory=dict)
    waited: Mapping[str, timedelta] = field(default_factory=dict)


def run(resources: Resources, wish: Wish | None = None) -> Report:
    """Look, judge, keep, and log every gap; call it after a drain, or what waits on the queues is called missing."""
    wish = wish or Wish()
    observed, lists_at = _observe(resources, wish)
    findings = reconciliation.find(observed)
    words = reconciliation_report.in_words(observed, findings)
    with resources.database.begin() as session:
        records.keep(session, words=words, findings=findings, lists=observed.lists, lists_at=lists_at)
    _log(words, findings)
    return Report(at=observed.now, words=words, findings=findings, hours=observed.hours)


def drain(resources: Resources) -> DrainReport:
    """Take what the queues have; that one of them cannot be used is a gap, and no reason not to look for others."""
    try:
        return events.drain(resources)
    except ConfigurationError as error:
        run_logger().warning("Not drained: %s", error.message)
        return DrainReport()


def history(resources: Resources, *, most: int = 24) -> list[Kept]:
    """Return the last runs, the newest first."""
    with resources.database.begin() as session:
        return records.newest(session, limit=most)


def unheard(
    resources: Resources,
    *,
    tenant_id: int,
    within: timedelta = timedelta(hours=1),
    after: timedelta = timedelta(minutes=5),
) -> Unheard:
    """Return how many of a tenant's calls of the last hour SES has accepted and not reported: for who stops when blind."""
    with resources.database.begin() as session:
        return records.unheard(session, tenant_id=tenant_id, within=within, after=after)


def overdue(resources: Resources, *, tenant_slug: str, most: int = 50) -> list[dict[str, Any]]:
    """Return a tenant's oldest overdue messages, by ids alone.

    Raises:
        NotFoundError: There is no such tenant.
    """
    grace = timedelta(minutes=resources.settings.events_grace_minutes)
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, tenant_slug)
        assert tenant.id is not None, "it came from the database"
        found = records.overdue(session, tenant_id=tenant.id, grace=grace, limit=most)
    return [{**row, "age": round(row["age"].total_seconds())} for row in found]


def _log(words: str, findings: Sequence[Finding]) -> None:
    log = run_logger()
    for one in findings:
        say = log.error if one.severity is Severity.ERROR else log.warning
        say("%s: %s. What to do: %s", one.tenant or "all tenants", one.message, one.remedy)
    if not findings:
        log.info("Reconciliation: %s", words)


# Looking


def _observe(resources: Resources, wish: Wish) -> tuple[Observed, datetime | None]:
    grace = timedelta(minutes=resources.settings.events_grace_minutes)
    with resources.database.begin() as session:
        everyone = [(one.id, one.slug, one.ses_tenant_name) for one in tenants.everyone(session)]
    known = [(tenant_id, slug, name) for tenant_id, slug, name in everyone if tenant_id is not None]
    # First, because no canary is sent through an account whose quota was never read.
    counts = _counts(resources)
    hours: list[Hour] = []
    canaries: list[Canary] = []
    doubtful: list[Doubtful] = []
    for tenant_id, slug, _ in known:
        its_hours = _hours(resources, tenant_id, slug, grace=grace, is_thorough=wish.is_thorough)
        hours += its_hours
        canaries += _canary(resources, tenant_id, slug, its_hours, is_wanted=wish.canaries)
        doubtful.append(_doubtful(resources, tenant_id, slug, wish.unconfirmed.get(slug, 0)))
    if wish.canaries:
        canaries = _await(resources, canaries, {slug: tenant_id for tenant_id, slug, _ in known})
    lists, lists_at = _lists(resources, known, is_thorough=wish.is_thorough)
    with resources.database.begin() as session:
        waiting = records.inbox(session)
    observed = Observed(
        now=datetime.now(UTC),
        grace=grace,
        hours=hours,
        inbox=waiting,
        streams=[_stream(name, wish.waited.get(name)) for name in _queues(resources)],
        canaries=canaries,
        lists=lists,
        doubtful=doubtful,
        counts=counts,
        troubled=anomalies.troubled(resources),
    )
    return observed, lists_at


def _hours(
    resources: Resources, tenant_id: int, slug: str, *, grace: timedelta, is_thorough: bool
) -> list[Hour]:
    with resources.database.begin() as session:
        records.count_hours(session, tenant_id=tenant_id, grace=grace, is_thorough=is_thorough)
        return records.hours_of(session, tenant_id=tenant_id, slug=slug)


def _canary(
    resources: Resources, tenant_id: int, slug: str, hours: Sequence[Hour], *, is_wanted: bool
) -> list[Canary]:
    """Return the tenant's newest canary, sending one if that would settle a doubt."""
    newest = event_canaries.newest(resources, tenant_id=tenant_id, slug=slug)
    if is_wanted or event_canary.is_wanted(
        hours, newest_age=newest.age if newest else None, patience=CANARY_PATIENCE
    ):
        refusal = event_canaries.send(resources, tenant_id=tenant_id)
        if refusal:
            return [Canary(tenant=slug, age=timedelta(0), refusal=refusal)]
        # One that was sent just now says nothing yet; what became of the one before it does.
        newest = newest or event_canaries.newest(resources, tenant_id=tenant_id, slug=slug)
    return [newest] if newest else []


def _await(resources: Resources, canaries: Sequence[Canary], ids: Mapping[str, int]) -> list[Canary]:
    """Drain until the canaries that were sent just now are back, for a minute at most; then their patience is over."""
    sent = [one for one in canaries if not one.refusal]
    ends = time.monotonic() + CANARY_WAIT_SECONDS
    back = sent
    while time.monotonic() < ends:
        time.sleep(1)
        drain(resources)
        found = [event_canaries.newest(resources, tenant_id=ids[one.tenant], slug=one.tenant) for one in sent]
        back = [one for one in found if one]
        if not any(one.missing for one in back):
            break
    late = [replace(one, age=max(one.age, CANARY_PATIENCE + timedelta(seconds=1))) for one in back]
    return [*(one for one in canaries if one.refusal), *late]


def _doubtful(resources: Resources, tenant_id: int, slug: str, unconfirmed: int) -> Doubtful:
    guard = timedelta(seconds=resources.settings.doubt_guard_seconds)
    with resources.database.begin() as session:
        number = records.in_doubt(session, tenant_id=tenant_id, after=guard + timedelta(hours=1))
    return Doubtful(tenant=slug, in_doubt=number, unconfirmed=unconfirmed)


def _queues(resources: Resources) -> tuple[str, str]:
    return resources.settings.critical_queue, resources.settings.engagement_queue


def _stream(name: str, waited: timedelta | None) -> Stream:
    try:
        waiting, dead = Queue(name).depth(), Queue(dead_letters_of(name)).depth()
    except ConfigurationError as error:
        return Stream(name=name, refusal=error.message)
    return Stream(name=name, waiting=waiting, dead=dead, oldest=waited)


def _counts(resources: Resources) -> Counts | None:
    """Compare SES's count of a day with ours; nothing where anybody may send through the account as they please."""
    if resources.settings.ses_account_shared:
        return None
    try:
        ses = accounts.read(resources).sent_last_24_hours
    except SendingError as error:
        return Counts(refusal=error.message)
    with resources.database.begin() as session:
        at_least, at_most = records.our_count(session)
    return Counts(ses=ses, at_least=at_least, at_most=at_most)


# SES's lists


def _lists(
    resources: Resources, known: Sequence[tuple[int, str, str | None]], *, is_thorough: bool
) -> tuple[Sequence[Lists], datetime | None]:
    """Compare our suppressions with SES's once a day; in between what was found then is told again."""
    with resources.database.begin() as session:
        kept = records.newest(session)
    if not is_thorough and kept and kept[0].lists_at and datetime.now(UTC) - kept[0].lists_at < LISTS_EVERY:
        return kept[0].lists, kept[0].lists_at
    found = [
        _own_list(resources, tenant_id, slug, name) for tenant_id, slug, name in known if name is not None
    ]
    everyone = [tenant_id for tenant_id, _, _ in known]
    return [*found, *_account_list(resources, everyone)], datetime.now(UTC)


def _own_list(resources: Resources, tenant_id: int, slug: str, name: str) -> Lists:
    try:
        theirs, is_whole = _keys(resources, name)
    except SendingError as error:
        return Lists(tenant=slug, refusal=error.message)
    with resources.database.begin() as session:
        ours = records.keys_for_ses(session, tenant_id=tenant_id)
        only_there = records.may_be_mailed(session, tenant_id=tenant_id, recipient_keys=theirs - ours)
    # A list that has none of ours is no backstop with holes; nobody has put them there.
    only_here = len(ours - theirs) if is_whole and ours & theirs else 0
    return Lists(tenant=slug, only_there=only_there, only_here=only_here, is_whole=is_whole)


def _account_list(resources: Resources, tenant_ids: Sequence[int]) -> list[Lists]:
    """Compare the account's list with all tenants' contacts. What is only here is no gap: tenants have lists of their own."""
    if not tenant_ids:
        return []
    try:
        theirs, is_whole = _keys(resources, None)
    except SendingError as error:
        return [Lists(tenant="", refusal=error.message)]
    with resources.database.begin() as session:
        people = (
            sum(
                records.may_be_mailed(session, tenant_id=tenant_id, recipient_keys=theirs)
                for tenant_id in tenant_ids
            )
            if theirs
            else 0
        )
    return [Lists(tenant="", only_there=people, is_whole=is_whole)]


def _keys(resources: Resources, ses_tenant_name: str | None) -> tuple[set[str], bool]:
    """Return the recipient keys of a list of SES's, and whether it was read to its end."""
    listed = list(
        islice(resources.suppression_lists.listed(ses_tenant_name=ses_tenant_name), MOST_LISTED + 1)
    )
    keys = set()
    for one in listed[:MOST_LISTED]:
        try:
            address = addresses.parse(one.address)
        except InvalidAddressError:
            continue  # no contact can have it
        keys.add(addresses.recipient_key(address.comparable, resources.secrets.recipient_key))
    return keys, len(listed) <= MOST_LISTED
