"""Timing: whether a campaign's messages may leave now, by whose clock, and when those go on that may not.

A campaign whose hours are meant by the tenant's clock stops as a whole and goes on when they begin. One whose hours are meant by
the readers' clocks goes on with those whose hours are open; the others wait, each for an own moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import ConflictError, InputError
from core.runs import Ending
from core.windows import FrequencyCap, Hours, Manners, Timing, together, zone_of
from models import Tenant
from store import campaigns, planning, skips, tenants
from store.deliveries import Claimed
from store.session import Session
from tasks.messages import Job
from tasks.resources import Resources
from tasks.stopping import Stop


NEVER_OPEN_AGAIN_IN = timedelta(hours=1)  # then it is looked at again
OUT_OF_HOURS = "outside of the hours in which its messages may leave"


@dataclass(frozen=True, slots=True)
class Clockwork:
    """A campaign's hours and its tenant's, together."""

    hours: Hours
    zone: ZoneInfo
    timing: Timing
    frequency: FrequencyCap | None

    @classmethod
    def of(cls, policies: Mapping[str, Any], time_zone: str, timing: Mapping[str, Any]) -> "Clockwork":
        """Return what holds a campaign of this timing, whose tenant has these policies and this time zone."""
        manners, its = Manners.of(policies), Timing.of(timing)
        return cls(together(manners.hours, its.hours), ZoneInfo(time_zone), its, manners.frequency)

    def early(self, claimed: Sequence[Claimed], now: datetime) -> dict[int, datetime]:
        """Return which of these readers must wait by their own clock, each with the moment at which it may."""
        if not self.timing.by_reader:
            return {}
        moments = {
            delivery.delivery_id: self.hours.opening(
                now, zone_of(delivery.attributes.get("time_zone"), self.zone)
            )
            for delivery in claimed
        }
        return {delivery_id: moment for delivery_id, moment in moments.items() if moment > now}


def check(session: Session, job: Job) -> Clockwork:
    """Return what holds the campaign now; give up on whoever waits when its end has come.

    Raises:
        Stop: It has ended, or its hours by the tenant's clock have not begun.
    """
    key = {"tenant_id": job.tenant_id, "campaign_id": job.campaign_id}
    row = campaigns.clock_of(session, **key)
    clockwork, now = Clockwork.of(row["policies"], row["time_zone"], row["timing"]), row["now"]
    give_up_at = clockwork.timing.give_up_at
    if give_up_at is not None and now >= give_up_at:
        skips.give_up_waiting(session, **key)
        return clockwork
    if not clockwork.timing.by_reader:
        try:
            wait = clockwork.hours.opening(now, clockwork.zone) - now
        except InputError as error:
            # Manners that were set later may leave no hour open; a person has to see it, and nothing is lost meanwhile.
            raise Stop(Ending.HOURS, wait=NEVER_OPEN_AGAIN_IN, reason=error.message) from error
        if wait > timedelta(0):
            raise Stop(Ending.HOURS, wait=wait, reason=OUT_OF_HOURS)
    return clockwork


def lay_out(session: Session, *, tenant_id: int, campaign_id: int) -> None:
    """Give the deliveries of a plan that is about to be finished their moments: spread, and by their readers' clocks."""
    key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    row = campaigns.clock_of(session, **key)
    clockwork, now = Clockwork.of(row["policies"], row["time_zone"], row["timing"]), row["now"]
    if clockwork.timing.spread:
        planning.spread(session, **key, over=clockwork.timing.spread)
    if clockwork.timing.by_reader:
        moments = {
            written: clockwork.hours.opening(now, zone_of(written, clockwork.zone))
            for written in planning.zones(session, **key)
        }
        later = {written: opens for written, opens in moments.items() if opens > now}
        if later:
            planning.send_zones_after(session, **key, moments=later)


def set_timing(
    resources: Resources, campaign_id: int, timing: Timing, *, reason: str, actor: str
) -> dict[str, Any]:
    """Give a campaign other hours, another spread or another end, also while it is being sent; from the next claim on.

    Who waits for a moment by an earlier timing waits for it still; a spread is laid out when a campaign is planned.

    Raises:
        NotFoundError: There is no such campaign.
        ConflictError: It has ended.
        InputError: No reason, or hours that are never open together with the tenant's.
    """
    if not reason.strip():
        raise InputError("say why", hint="--reason is kept in the audit.")
    with resources.database.begin() as session:
        tenant_id = campaigns.tenant_of(session, campaign_id)
        key = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        campaign = campaigns.find(session, **key)
        if campaign.finished_at:
            raise ConflictError(f"campaign {campaign_id} is {campaign.state}", hint="It has ended.")
        tenant = tenants.by_id(session, tenant_id=tenant_id)
        check_ever_open(tenant, timing, campaigns.clock_of(session, **key)["now"])
        campaigns.set_timing(session, **key, timing=timing.as_json())
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="campaign.timing",
            subject=f"campaign {campaign_id}",
            reason=reason,
            detail=timing.as_json(),
        )
    return {"campaign_id": campaign_id, "timing": timing.as_json()}


def check_ever_open(tenant: Tenant, timing: Timing, now: datetime) -> None:
    """Do nothing when the hours are open at some time.

    Raises:
        InputError: They never are.
    """
    clockwork = Clockwork.of(tenant.policies, tenant.time_zone, timing.as_json())
    clockwork.hours.opening(now, clockwork.zone)


def set_manners(
    resources: Resources, slug: str, changes: Mapping[str, Any], *, reason: str, actor: str
) -> dict[str, Any]:
    """Change a tenant's quiet hours, blackout dates or frequency cap; from the next claim of every campaign on.

    Args:
        resources: Of this process.
        slug: The tenant.
        changes: `quiet_hours`, `blackout`, `frequency_cap`; None takes one away, what is not in it stays.
        reason: Kept in the audit.
        actor: Who.

    Raises:
        InputError: One of them is not what it should be, or there is no reason.
    """
    if not reason.strip():
        raise InputError("say why", hint="--reason is kept in the audit.")
    with resources.database.begin() as session:
        tenant = tenants.by_slug(session, slug)
        assert tenant.id is not None
        policies = {
            name: value for name, value in {**tenant.policies, **changes}.items() if value is not None
        }
        Manners.of(policies)
        tenants.set_policies(session, tenant_id=tenant.id, policies=policies)
        tenants.audit(
            session,
            tenant_id=tenant.id,
            actor=actor,
            action="tenant.manners",
            subject=slug,
            reason=reason,
            detail=dict(changes),
        )
        for campaign_id in campaigns.open_ones(session, tenant_id=tenant.id):
            campaigns.wait_for(session, tenant_id=tenant.id, campaign_id=campaign_id, pause=timedelta(0))
    return manners(resources, slug)


def manners(resources: Resources, slug: str) -> dict[str, Any]:
    """Return a tenant's quiet hours, blackout dates and frequency cap, as they were written.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        policies = tenants.by_slug(session, slug).policies
    return {
        "tenant": slug,
        **{name: policies.get(name) for name in ("quiet_hours", "blackout", "frequency_cap")},
    }
