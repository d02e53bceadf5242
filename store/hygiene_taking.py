"""Hygiene taking: what a night does to its people, some thousands at a time, and what gives them back."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import Session

from core.hygiene import STATE_RULES, Effect, HygienePolicy, Rule, effect, reason
from store import hygiene
from store.session import count, one, rows, run


WINBACK: Final = "win-back"


def take(
    session: Session, *, tenant_id: int, run_id: int, policy: HygienePolicy, limit: int
) -> dict[str, int] | None:
    """Take the next people of a night that is applied: `taken` and `spared`, or None when nobody is left.

    All of it in one transaction, so that a killed process has taken each of them once or not at all.
    """
    turn = rows(
        session,
        """SELECT r.recipient_key, r.rule, k.created_at FROM hygiene_run k
           JOIN hygiene_removal r ON r.tenant_id = k.tenant_id AND r.run_id = k.id
           WHERE k.tenant_id = :tenant_id AND k.id = :run_id AND k.state = 'applying' AND r.outcome IS NULL
           ORDER BY r.recipient_key LIMIT :limit FOR UPDATE OF r SKIP LOCKED""",
        tenant_id=tenant_id,
        run_id=run_id,
        limit=limit,
    )
    if not turn:
        return None
    rules = {row["recipient_key"]: Rule(row["rule"]) for row in turn}
    spared = _alive_since(session, tenant_id, rules, since=turn[0]["created_at"])
    taken = {key: rule for key, rule in rules.items() if key not in spared}
    _suppress(session, tenant_id, taken, policy)
    _set_states(session, tenant_id, taken, policy)
    _settle(session, tenant_id, run_id, rules, spared)
    return {"taken": len(taken), "spared": len(spared)}


def _alive_since(session: Session, tenant_id: int, rules: Mapping[str, Rule], *, since: object) -> set[str]:
    """Return whose reason is gone since the night began: an open, consent, a delivery, or a domain that is back."""
    found = rows(
        session,
        """SELECT t.recipient_key
           FROM unnest(CAST(:keys AS text[]), CAST(:rules AS text[])) AS t (recipient_key, rule)
           WHERE EXISTS (
               SELECT FROM contact c
               WHERE c.tenant_id = :tenant_id AND c.recipient_key = t.recipient_key AND CASE
                   WHEN t.rule IN ('silent', 'silent_after_winback') THEN greatest(c.engaged_at, c.consent_at) > :since
                   WHEN t.rule = 'dead_domain' THEN EXISTS (
                       SELECT FROM mailbox_domain k
                       WHERE k.domain = lower(split_part(c.address, '@', -1)) AND k.dead_nights = 0)
                   WHEN t.rule IN ('soft_bounce', 'mailbox_full') THEN EXISTS (
                       SELECT FROM delivery d
                       JOIN delivery_fact f ON f.tenant_id = d.tenant_id AND f.delivery_id = d.id
                       WHERE d.tenant_id = c.tenant_id AND d.contact_id = c.id
                         AND f.fact IN ('delivery', 'open', 'click') AND f.last_at > :since)
                   ELSE false END)""",
        tenant_id=tenant_id,
        keys=list(rules),
        rules=[str(rule) for rule in rules.values()],
        since=since,
    )
    return {row["recipient_key"] for row in found}


def _suppress(session: Session, tenant_id: int, taken: Mapping[str, Rule], policy: HygienePolicy) -> None:
    bouncing = {key: rule for key, rule in taken.items() if effect(rule, policy) is Effect.SUPPRESS}
    if bouncing:
        hygiene.quarantine(session, tenant_id=tenant_id, rules=bouncing, days=policy.quarantine_days)


def _set_states(session: Session, tenant_id: int, taken: Mapping[str, Rule], policy: HygienePolicy) -> None:
    """Let contacts lapse or retire, every spelling of a person together; who lapses is put on the win-back list."""
    for rule in STATE_RULES:
        keys = [key for key, broken in taken.items() if broken is rule]
        if not keys:
            continue
        lapses = effect(rule, policy) is Effect.LAPSE
        changed = rows(
            session,
            """UPDATE contact SET state = :state, state_rule = :rule, state_reason = :reason, state_at = now(),
                   updated_at = now()
               WHERE tenant_id = :tenant_id AND recipient_key = ANY(:keys) AND state <> 'retired' AND state <> :state
               RETURNING id""",
            tenant_id=tenant_id,
            state="lapsing" if lapses else "retired",
            rule=str(rule),
            reason=reason(rule, policy),
            keys=keys,
        )
        if lapses:
            _put_on_winback(session, tenant_id, [row["id"] for row in changed])


def _put_on_winback(session: Session, tenant_id: int, contact_ids: Sequence[int]) -> None:
    run(
        session,
        """INSERT INTO audience_member (tenant_id, audience_id, contact_id)
           SELECT :tenant_id, :audience_id, id FROM unnest(CAST(:ids AS bigint[])) AS id
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        audience_id=_winback_list(session, tenant_id),
        ids=list(contact_ids),
    )


def _winback_list(session: Session, tenant_id: int) -> int:
    """Return the tenant's list of lapsing people, made on first use; a list of people that has its name keeps it."""
    run(
        session,
        """INSERT INTO audience (tenant_id, name, purpose)
           SELECT :tenant_id, CASE WHEN EXISTS (SELECT FROM audience WHERE tenant_id = :tenant_id AND name = :name)
                                   THEN :name || ' (hygiene)' ELSE :name END, 'winback'
           WHERE NOT EXISTS (SELECT FROM audience WHERE tenant_id = :tenant_id AND purpose = 'winback')
           ON CONFLICT DO NOTHING""",
        tenant_id=tenant_id,
        name=WINBACK,
    )
    row = one(
        session,
        "SELECT id FROM audience WHERE tenant_id = :tenant_id AND purpose = 'winback'",
        tenant_id=tenant_id,
    )
    assert row is not None
    return int(row["id"])


def _settle(
    session: Session, tenant_id: int, run_id: int, rules: Mapping[str, Rule], spared: set[str]
) -> None:
    run(
        session,
        """UPDATE hygiene_removal r SET outcome = t.outcome
           FROM unnest(CAST(:keys AS text[]), CAST(:outcomes AS text[])) AS t (recipient_key, outcome)
           WHERE r.tenant_id = :tenant_id AND r.run_id = :run_id AND r.recipient_key = t.recipient_key""",
        tenant_id=tenant_id,
        run_id=run_id,
        keys=list(rules),
        outcomes=["spared" if key in spared else "taken" for key in rules],
    )


def revive(session: Session, *, tenant_id: int, policy: HygienePolicy, disposable: Sequence[str]) -> int:
    """Make active again whose reason is gone, and take who does not lapse off the win-back list; return how many contacts.

    Args:
        session: The transaction.
        tenant_id: Whose contacts.
        policy: The tenant's: a rule that was turned off gives its people back.
        disposable: The domains of the tenant's contacts that are disposable today.
    """
    revived = count(
        session,
        """WITH alive AS (
               SELECT recipient_key, greatest(max(engaged_at), max(consent_at)) AS at FROM contact
               WHERE tenant_id = :tenant_id AND recipient_key IN (
                   SELECT recipient_key FROM contact
                   WHERE tenant_id = :tenant_id AND state <> 'active'
                     AND state_rule IN ('silent', 'silent_after_winback'))
               GROUP BY recipient_key
           )
           UPDATE contact c SET state = 'active', state_rule = NULL, state_reason = '', state_at = now(), updated_at = now()
           WHERE c.tenant_id = :tenant_id AND c.state <> 'active' AND CASE c.state_rule
               WHEN 'silent' THEN c.state_at < (SELECT at FROM alive WHERE alive.recipient_key = c.recipient_key)
               WHEN 'silent_after_winback' THEN
                   c.state_at < (SELECT at FROM alive WHERE alive.recipient_key = c.recipient_key)
               WHEN 'dead_domain' THEN :nights = 0 OR EXISTS (
                   SELECT FROM mailbox_domain k
                   WHERE k.domain = lower(split_part(c.address, '@', -1)) AND k.dead_nights = 0)
               WHEN 'role' THEN :roles = 0
               WHEN 'disposable' THEN :keeps_disposable = 0
                   OR lower(split_part(c.address, '@', -1)) <> ALL(CAST(:disposable AS text[]))
               ELSE false END""",
        tenant_id=tenant_id,
        nights=policy.dead_domain_nights,
        roles=policy.retire_roles,
        keeps_disposable=policy.retire_disposable,
        disposable=list(disposable),
    )
    run(
        session,
        """DELETE FROM audience_member m USING audience a, contact c
           WHERE a.tenant_id = :tenant_id AND a.purpose = 'winback' AND m.tenant_id = a.tenant_id AND m.audience_id = a.id
             AND c.tenant_id = m.tenant_id AND c.id = m.contact_id AND c.state <> 'lapsing'""",
        tenant_id=tenant_id,
    )
    return revived
