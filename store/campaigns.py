"""Campaigns: create, find, move between states, and count how they stand."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from core.campaigns import FINAL, CampaignState, Status
from core.errors import ConflictError, NotFoundError
from core.outcomes import LONGER_THAN_ANY_RETRY
from core.rendering import TemplateSources
from models import Campaign, TemplateVersion
from store import account_breaker, auditing, breakers, quarantine, vanguards
from store.session import Row, count, one, rows, run


def pin_template(session: Session, *, tenant_id: int, sources: TemplateSources) -> str:
    """Store a template's sources under their digest, once; return the digest."""
    digest: str = sources.digest()
    session.connection().execute(
        insert(TemplateVersion)
        .values(tenant_id=tenant_id, digest=digest, name=sources.name, sources=sources.as_json())
        .on_conflict_do_nothing()
    )
    return digest


def template(session: Session, *, tenant_id: int, digest: str) -> TemplateSources:
    """Return the sources that a campaign pinned."""
    version = session.get(TemplateVersion, (tenant_id, digest))
    assert version is not None, "a campaign's foreign key points at its template"
    return TemplateSources.from_json(version.sources)


def add(session: Session, campaign: Campaign) -> int:
    """Store a new campaign and return its id."""
    session.add(campaign)
    session.flush()
    assert campaign.id is not None
    return campaign.id


def tenant_of(session: Session, campaign_id: int) -> int:
    """Return the tenant of a campaign: the way in for those who know only the id.

    Raises:
        NotFoundError: There is no such campaign.
    """
    found = session.exec(select(Campaign.tenant_id).where(Campaign.id == campaign_id)).first()
    if found is None:
        raise NotFoundError(f"there is no campaign {campaign_id}", hint="posthouse campaign list")
    return found


def find(session: Session, *, tenant_id: int, campaign_id: int) -> Campaign:
    """Return a campaign of the tenant.

    Raises:
        NotFoundError: The tenant has no such campaign.
    """
    campaign = session.get(Campaign, (tenant_id, campaign_id))
    if campaign is None:
        raise NotFoundError(f"there is no campaign {campaign_id}", hint="posthouse campaign list")
    return campaign


def of_tenant(session: Session, *, tenant_id: int) -> Sequence[Campaign]:
    """Return the tenant's campaigns, newest first."""
    return session.exec(
        select(Campaign).where(Campaign.tenant_id == tenant_id).order_by(col(Campaign.id).desc())
    ).all()


def move(
    session: Session,
    *,
    tenant_id: int,
    campaign_id: int,
    to: CampaignState,
    since: Sequence[CampaignState],
    reason: str = "",
) -> None:
    """Move a campaign to another state, if it is in one of the states `since`; being there already is no error.

    Raises:
        ConflictError: It is in another state; the message names it.
    """
    moved = count(
        session,
        """UPDATE campaign SET state = :to, state_reason = :reason,
               finished_at = CASE WHEN :to = ANY(:final) THEN now() END
           WHERE tenant_id = :tenant_id AND id = :campaign_id AND state = ANY(:since)""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        to=str(to),
        reason=reason,
        since=[str(state) for state in since],
        final=[str(state) for state in FINAL],
    )
    if moved:
        return
    session.expire_all()
    state = find(session, tenant_id=tenant_id, campaign_id=campaign_id).state
    if state != to:
        raise ConflictError(
            f"campaign {campaign_id} is {state} and cannot become {to}",
            hint=f"posthouse campaign status {campaign_id}",
        )


def finish(session: Session, *, tenant_id: int, campaign_id: int) -> bool:
    """Mark a campaign as done if every delivery has a terminal state; return whether it is done."""
    return bool(
        count(
            session,
            """UPDATE campaign c SET state = 'done', finished_at = coalesce(finished_at, now())
               WHERE c.tenant_id = :tenant_id AND c.id = :campaign_id AND c.state IN ('sending', 'done')
                 AND c.planned_at IS NOT NULL AND NOT EXISTS (
                   SELECT FROM delivery d WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id
                     AND d.state IN ('pending', 'claimed', 'submitting', 'in_doubt'))""",
            tenant_id=tenant_id,
            campaign_id=campaign_id,
        )
    )


def status(session: Session, *, tenant_id: int, campaign_id: int) -> Status:
    """Count how a campaign stands; the parts add up to the audience because they are counted in one statement."""
    campaign = find(session, tenant_id=tenant_id, campaign_id=campaign_id)
    found = rows(
        session,
        """SELECT state, skip_reason AS reason, count(*) AS people FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id GROUP BY state, skip_reason
           UNION ALL
           SELECT 'skipped', reason, count(*) FROM campaign_exclusion
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id GROUP BY reason""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    counts = {row["state"]: row["people"] for row in found if row["state"] != "skipped"}
    skipped: dict[str, int] = {}
    for row in found:
        if row["state"] == "skipped":
            skipped[row["reason"]] = skipped.get(row["reason"], 0) + row["people"]
    standing = auditing.standing(session, tenant_id=tenant_id, digest=campaign.template_digest)
    return Status(
        campaign_id=campaign_id,
        state=campaign.state,
        state_reason=_why(session, campaign),
        audience=sum(counts.values()) + sum(skipped.values()),
        skipped_by_reason=dict(sorted(skipped.items())),
        audited=standing.audited,
        demoted_why=standing.demoted_why,
        **counts,
    )


def _why(session: Session, campaign: Campaign) -> str:
    """Return why a campaign stands where it does; one that should be sent may wait for the ledger, or be held by a breaker."""
    waits = campaign.state in {CampaignState.SENDING, CampaignState.SCHEDULED}
    held = quarantine.reason_to_wait(session) or account_breaker.reason_to_wait(session) if waits else ""
    told = held or campaign.state_reason
    if campaign.state != CampaignState.SENDING or told:
        return told
    assert campaign.id is not None
    key = {"tenant_id": campaign.tenant_id, "campaign_id": campaign.id}
    return " ".join(filter(None, (vanguards.in_words(session, **key), breakers.in_words(session, **key))))


def ready(session: Session, *, tenant_id: int) -> Sequence[Row]:
    """Return the campaigns that dispatch should start or carry on: id and name.

    A scheduled one is ready from its `start_at`. One that is being sent is ready when its plan is not complete or a
    delivery is due, nobody holds a live lease on any of its deliveries, and its `resume_at` has come.
    """
    # One due delivery is enough, and a scalar query stops at it; of an EXISTS the planner may make a hash of all of them.
    return rows(
        session,
        """SELECT c.id, c.name FROM campaign c JOIN tenant t ON t.id = c.tenant_id
           WHERE c.tenant_id = :tenant_id AND t.state = 'active' AND (
               (c.state = 'scheduled' AND c.start_at <= now())
               OR (c.state = 'sending' AND (c.resume_at IS NULL OR c.resume_at <= now())
                   AND NOT EXISTS (
                       SELECT FROM delivery d WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id
                         AND d.is_leased AND d.state IN ('claimed', 'submitting') AND d.lease_until > now())
                   AND (c.planned_at IS NULL OR (
                       SELECT true FROM delivery d WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id
                         AND d.state = 'pending' AND d.is_pending AND d.send_after <= now() AND (d.not_before IS NULL OR d.not_before <= now()
                                                      OR d.not_before > now() + :too_long) LIMIT 1))))
           ORDER BY c.id""",
        tenant_id=tenant_id,
        too_long=LONGER_THAN_ANY_RETRY,
    )


def set_timing(session: Session, *, tenant_id: int, campaign_id: int, timing: Mapping[str, Any]) -> None:
    """Give a campaign other hours, and let it look at once whether they are open."""
    run(
        session,
        """UPDATE campaign SET timing = CAST(:timing AS jsonb), resume_at = NULL
           WHERE tenant_id = :tenant_id AND id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        timing=json.dumps(dict(timing)),
    )


def clock_of(session: Session, *, tenant_id: int, campaign_id: int) -> Row:
    """Return what says when a campaign's messages may leave: timing, policies and time_zone of its tenant, and now."""
    row = one(
        session,
        """SELECT c.timing, t.policies, t.time_zone, clock_timestamp() AS now
           FROM campaign c JOIN tenant t ON t.id = c.tenant_id
           WHERE c.tenant_id = :tenant_id AND c.id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    assert row is not None
    return row


def wait_until_tomorrow(session: Session, *, tenant_id: int, campaign_id: int) -> None:
    """Let dispatch look at the campaign again when the tenant's next day begins."""
    run(
        session,
        """UPDATE campaign c SET resume_at =
               (date_trunc('day', now() AT TIME ZONE t.time_zone) + interval '1 day') AT TIME ZONE t.time_zone
           FROM tenant t WHERE t.id = c.tenant_id AND c.tenant_id = :tenant_id AND c.id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )


def wait_for(session: Session, *, tenant_id: int, campaign_id: int, pause: timedelta) -> None:
    """Let dispatch look at the campaign again after a pause; one of zero means at once."""
    run(
        session,
        """UPDATE campaign SET resume_at = CASE WHEN :pause > interval '0' THEN now() + :pause END
           WHERE tenant_id = :tenant_id AND id = :campaign_id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        pause=pause,
    )


def by_origin(session: Session, *, tenant_id: int, origin: str) -> int | None:
    """Return the id of the campaign that a flow run created before it was started over."""
    return session.exec(
        select(Campaign.id).where(Campaign.tenant_id == tenant_id, Campaign.origin == origin)
    ).first()


def open_ones(session: Session, *, tenant_id: int) -> Sequence[int]:
    """Return the ids of the campaigns that are being sent."""
    found = rows(
        session,
        "SELECT id FROM campaign WHERE tenant_id = :tenant_id AND state = 'sending' ORDER BY id",
        tenant_id=tenant_id,
    )
    return [row["id"] for row in found]


def exclusions(session: Session, *, tenant_id: int, campaign_id: int, limit: int) -> Sequence[Row]:
    """Return who was left out and why, by contact id, never by address."""
    return rows(
        session,
        """SELECT contact_id, reason FROM campaign_exclusion
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id ORDER BY contact_id LIMIT :limit""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
        limit=limit,
    )


def history(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return a person's deliveries and exclusions over all campaigns, newest first, for `posthouse why`."""
    return rows(
        session,
        """SELECT d.campaign_id, c.name AS campaign, d.id AS delivery_id, d.state, d.skip_reason, d.outcome_code,
                  d.attempt_no, d.submitted_at, d.resolved_at, d.resolved_by, d.not_before, c.planned_at
           FROM delivery d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
           WHERE d.tenant_id = :tenant_id AND d.recipient_key = :recipient_key
           UNION ALL
           SELECT e.campaign_id, c.name, NULL, 'skipped', e.reason, NULL, 0, NULL, c.planned_at, 'policy', NULL,
                  c.planned_at
           FROM campaign_exclusion e JOIN campaign c ON c.tenant_id = e.tenant_id AND c.id = e.campaign_id
           JOIN contact k ON k.tenant_id = e.tenant_id AND k.id = e.contact_id
           WHERE e.tenant_id = :tenant_id AND k.recipient_key = :recipient_key
           ORDER BY 1 DESC""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )


def facts_of(session: Session, *, tenant_id: int, delivery_id: int) -> Sequence[Row]:
    """Return what SES reported of a delivery, in order of time."""
    return rows(
        session,
        """SELECT fact, first_at, last_at, times, detail FROM delivery_fact
           WHERE tenant_id = :tenant_id AND delivery_id = :delivery_id ORDER BY first_at, fact""",
        tenant_id=tenant_id,
        delivery_id=delivery_id,
    )


def event_counts(session: Session, *, tenant_id: int, campaign_id: int) -> dict[str, int]:
    """Count the deliveries of a campaign by what SES reported of them."""
    found = rows(
        session,
        """SELECT f.fact, count(*) AS deliveries FROM delivery d
           JOIN delivery_fact f ON f.tenant_id = d.tenant_id AND f.delivery_id = d.id
           WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id GROUP BY f.fact ORDER BY f.fact""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
    return {row["fact"]: row["deliveries"] for row in found}


def ledger(session: Session, *, tenant_id: int, campaign_id: int) -> Sequence[Row]:
    """Return every delivery of a campaign: id, recipient_key, state. For a judge, who compares it with SES's own log."""
    return rows(
        session,
        """SELECT id, recipient_key, state FROM delivery
           WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id ORDER BY id""",
        tenant_id=tenant_id,
        campaign_id=campaign_id,
    )
