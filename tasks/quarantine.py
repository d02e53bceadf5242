"""Quarantine: look for the signs that the ledger lacks calls that were made, hold sending, and let it go on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from core import quarantine as rules
from core.errors import ConflictError, InputError, SendingError
from core.quarantine import IN_WORDS, Count, Reason
from store import inbox, quarantine
from store.quarantine import Quarantine, Standing
from store.session import Session
from tasks import evidence
from tasks.log import run_logger
from tasks.resources import Resources


# Until this long after its beginning a quarantine is about a lost call: what was being called then has left by then.
_COVERED: Final = timedelta(minutes=20)


def watch(resources: Resources) -> None:
    """Look whether the ledger may be believed, and end what ends by itself.

    Raises:
        LedgerBehindError: It may not; nothing is sent until then.
    """
    with resources.database.begin() as session:
        note_identity(session)
        held = quarantine.open_ones(session)
    for one in held:
        if not _ended_by_itself(resources, one):
            raise rules.refusal(one.region, IN_WORDS[one.reason])


def note_identity(session: Session) -> None:
    """Put every account in quarantine that remembers another database than this."""
    for standing in quarantine.standings(session):
        reason = rules.changed(standing.remembered, standing.current, silence=standing.silence)
        if reason:
            _begin(session, standing, reason, _told(standing))


def note_lost(session: Session, mailed: Sequence[datetime]) -> None:
    """Put every account in quarantine because events told of calls that the ledger had lost, unless that is known.

    Args:
        session: The transaction that stores what the events say.
        mailed: When SES accepted the lost calls.
    """
    note_identity(session)
    began = quarantine.beginnings(session)
    news = [at for at in mailed if not rules.is_covered(at, began, guard=_COVERED)]
    for standing in quarantine.standings(session) if news else ():
        _begin(session, standing, Reason.UNKNOWN_ATTEMPTS, {"calls": len(news)})


def compare(session: Session, *, region: str, ses_count: float, is_shared: bool) -> None:
    """Compare SES's count of 24 hours with ours; to be asked before the account's row takes the new count."""
    standing = next((one for one in quarantine.standings(session) if one.region == region), None)
    if standing is None:
        return
    count = Count(ses=ses_count, ours=quarantine.our_count(session), others=standing.others)
    if rules.outcounted(count, silence=standing.silence, is_shared=is_shared):
        told = {"ses_count": count.ses, "our_count": count.ours, "others": count.others}
        _begin(session, standing, Reason.SES_KNOWS_MORE, told)
    elif not any(one.region == region for one in quarantine.open_ones(session)):
        others = rules.others_after(count, silence=standing.silence)
        quarantine.note_others(session, region=region, others=others)


def status(resources: Resources) -> list[dict[str, Any]]:
    """Return the open quarantines, each with what still speaks against its end."""
    with resources.database.begin() as session:
        note_identity(session)
        held = quarantine.open_ones(session)
    return [
        {
            "region": one.region,
            "reason": str(one.reason),
            "message": IN_WORDS[one.reason],
            "since": one.began_at,
            "evidence": dict(one.evidence),
            "obstacles": _obstacles(resources, one),
        }
        for one in held
    ]


def confirm(resources: Resources, *, reason: str, actor: str, anyway: bool = False) -> list[str]:
    """Let sending go on, because a person says so; return the regions. The record keeps who, when and why.

    Raises:
        InputError: There is no reason given.
        ConflictError: Something speaks against it, and `anyway` was not said; or nothing is in quarantine.
    """
    if not reason.strip():
        raise InputError(
            "a confirmation needs a reason", hint="Say how you know that nobody gets a second mail."
        )
    with resources.database.begin() as session:
        note_identity(session)
        held = quarantine.open_ones(session)
    if not held:
        raise ConflictError("the ledger is not in quarantine", hint="posthouse ledger status")
    found = {one.id: _obstacles(resources, one) for one in held}
    if any(found.values()) and not anyway:
        told = "; ".join(dict.fromkeys(obstacle for obstacles in found.values() for obstacle in obstacles))
        raise ConflictError(
            f"the ledger may not have caught up yet: {told}",
            hint="posthouse events drain, then again; --anyway goes on in spite of it, and is kept in the record.",
        )
    _end(resources, held, by=actor, why=reason, overridden={one for one in found if found[one]})
    return [one.region for one in held]


def _ended_by_itself(resources: Resources, held: Quarantine) -> bool:
    if held.reason is not Reason.FAILED_OVER or _obstacles(resources, held):
        return False
    if not rules.ends_by_itself(held.reason, _counted(resources, held)):
        return False
    why = "the guard is over, every event was applied, and SES knows no more than the ledger"
    _end(resources, [held], by="posthouse", why=why, overridden=set())
    return True


def _counted(resources: Resources, held: Quarantine) -> Count | None:
    """Ask SES anew: the count that the ledger remembers is as old as the ledger."""
    if held.region != resources.ses.region:
        return None
    try:
        quota = resources.ses.quota()
    except SendingError:
        return None
    with resources.database.begin() as session:
        [standing] = [one for one in quarantine.standings(session) if one.region == held.region]
        return Count(ses=quota.sent_last_24_hours, ours=quarantine.our_count(session), others=standing.others)


def _end(
    resources: Resources, held: Sequence[Quarantine], *, by: str, why: str, overridden: set[int]
) -> None:
    with resources.database.begin() as session:
        for one in held:
            quarantine.end(session, quarantine_id=one.id, by=by, why=why, overridden=one.id in overridden)
    regions = ", ".join(one.region for one in held)
    run_logger().warning("the quarantine of the ledger has ended for SES in %s: %s", regions, why)


def _obstacles(resources: Resources, held: Quarantine) -> list[str]:
    guard = timedelta(seconds=resources.settings.doubt_guard_seconds)
    with resources.database.begin() as session:
        is_clear = inbox.is_clear(session)
    is_clear = is_clear and evidence.queues_are_clear(resources)
    return rules.obstacles(age=held.age, guard=guard, is_clear=is_clear)


def _begin(session: Session, standing: Standing, reason: Reason, told: dict[str, Any]) -> None:
    if quarantine.begin(session, region=standing.region, reason=reason, evidence=told):
        run_logger().error(
            "QUARANTINE: %s. Nothing is sent through SES in %s; posthouse ledger status tells more",
            IN_WORDS[reason],
            standing.region,
        )


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "was": f"{standing.remembered.system} on timeline {standing.remembered.timeline}",
        "is": f"{standing.current.system} on timeline {standing.current.timeline}",
        "silence_seconds": round(standing.silence.total_seconds()),
    }
