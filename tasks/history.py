"""History: everything we know of one person's mail at one tenant, for whoever has to answer the person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core import addresses, reporting
from core.errors import InvalidAddressError
from core.preferences import Frequency
from store import campaigns, contacts, preferences, suppressions, tenants
from store.session import Row, Session
from tasks.resources import Resources


def why(resources: Resources, *, tenant_slug: str, address_text: str) -> dict[str, Any]:
    """Return suppressions, refused import lines and deliveries of an address, each with its reason.

    An address that is not valid cannot have deliveries; its answer says what is wrong with it.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        tenant_id = tenants.by_slug(session, tenant_slug).id
        assert tenant_id is not None
        refused = contacts.rejections_of(session, tenant_id=tenant_id, address_text=address_text.strip())
        imports = [dict(row) for row in refused]
        try:
            address = addresses.parse(address_text)
        except InvalidAddressError as error:
            return _answer(f"{error.message} ({error.code})", [], [], [], imports, {})
        key = addresses.recipient_key(address.comparable, resources.secrets.recipient_key)
        spellings = contacts.contacts_by_recipient_key(session, tenant_id=tenant_id, recipient_key=key)
        chosen = preferences.of(session, tenant_id=tenant_id, recipient_key=key)
        suppressed = suppressions.of(session, tenant_id=tenant_id, recipient_key=key)
        past = campaigns.history(session, tenant_id=tenant_id, recipient_key=key)
        found = [_delivery(session, tenant_id, row) for row in past]
    standing = [dict(row) for row in suppressed]
    known = [_contact(row) for row in spellings]
    summary = _summary(len(known), standing, found) + _hygiene(known) + _wish(chosen)
    return _answer(summary, known, standing, found, imports, chosen)


def _contact(row: Row) -> dict[str, Any]:
    """Return what hygiene says of one spelling, and the lists that it is on."""
    return {
        "contact_id": row["id"],
        "state": row["state"],
        "rule": row["state_rule"],
        "why": row["state_reason"],
        "since": row["state_at"],
        "audiences": list(row["audiences"]),
    }


def _hygiene(known: Sequence[Mapping[str, Any]]) -> str:
    """Return whom hygiene does not mail any more and why, as the end of a summary; "" if that is nobody."""
    away = next((one for one in known if one["state"] != "active"), None)
    if away is None:
        return ""
    why = f": {away['why']}" if away["why"] else ""
    if away["state"] == "lapsing":
        return f" Lapsing{why}; only a win-back is sent."
    return f" Retired{why}."


def _answer(
    summary: str,
    known: list[dict[str, Any]],
    suppressed: list[dict[str, Any]],
    found: list[dict[str, Any]],
    imports: list[dict[str, Any]],
    chosen: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "summary": summary,
        "contacts": known,
        "suppressions": suppressed,
        "preferences": chosen,
        "deliveries": found,
        "imports": imports,
    }


def _wish(chosen: Mapping[str, Any]) -> str:
    """Return what the person has chosen, as the end of a summary; "" if it is the usual."""
    told = _WISHES.get(chosen["frequency"], "")
    if chosen["paused_until"]:
        told += f" Has asked for a break until {chosen['paused_until']:%Y-%m-%d}."
    return told


_WISHES = {
    Frequency.WEEKLY: " Wants one message a week.",
    Frequency.MONTHLY: " Wants one message a month.",
}


def _summary(spellings: int, suppressed: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    if not spellings and not suppressed:
        return "No contact and no suppression has this address."
    known = f"{spellings} contact{'s' if spellings != 1 else ''} with this address"
    reasons = [row["reason"] for row in suppressed if row["holds"]]
    standing = f"suppressed ({', '.join(reasons)})" if reasons else "not suppressed"
    return f"{known}, {standing}, {len(found)} campaign{'s' if len(found) != 1 else ''}."


def _delivery(session: Session, tenant_id: int, row: Row) -> dict[str, Any]:
    reported = (
        campaigns.facts_of(session, tenant_id=tenant_id, delivery_id=row["delivery_id"])
        if row["delivery_id"]
        else []
    )
    return {
        "campaign_id": row["campaign_id"],
        "campaign": row["campaign"],
        "state": row["state"],
        "why": reporting.why(
            state=row["state"],
            skip_reason=row["skip_reason"],
            outcome_code=row["outcome_code"],
            facts=[fact["fact"] for fact in reported],
        ),
        "timeline": _timeline(row, reported),
    }


def _timeline(row: Row, reported: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what happened in order of time; SES's own words stay beside ours in `detail`."""
    steps: list[tuple[datetime | None, str, dict[str, Any]]] = [
        (row["planned_at"], "planned", {}),
        (row["submitted_at"], f"called, attempt {row['attempt_no']}", {}),
        (row["resolved_at"], f"{row['state']}, known by {row['resolved_by']}", {}),
    ]
    steps += [
        (
            fact["first_at"],
            reporting.fact_in_words(fact["fact"]),
            {"times": fact["times"], "detail": fact["detail"]},
        )
        for fact in reported
    ]
    known = [(at, what, more) for at, what, more in steps if at is not None]
    return [{"at": at, "what": what, **more} for at, what, more in sorted(known, key=lambda step: step[0])]
