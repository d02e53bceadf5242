"""Tests to seeds: their own small ledger. An intent is committed before a call, and every answer moves it once.

Events find a test by the tag that its message carries. They may come before the answer of the call, twice, and in any
order.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core import facts
from core.events import Event
from core.seeds import SeedState, reported, state_after
from store.facts import SUPPRESSING
from store.session import Row, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One wish of a person to send a test: of which template, for which campaign and sample contact, if any."""

    request_id: str
    template_digest: str
    campaign_id: int | None = None
    contact_id: int | None = None
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one call came to."""

    test_id: str
    state: SeedState
    ses_message_id: str | None = None
    code: str | None = None


def begin(session: Session, *, tenant_id: int, request: Request, tests: Mapping[str, str]) -> dict[str, str]:
    """Write the intents of calls; return those that may now be made, once.

    A seed that this request has called before is not called again, unless that call is known not to have been sent.

    Args:
        session: The transaction of the intents.
        tenant_id: Whose tests.
        request: What is sent.
        tests: Fresh test ids by recipient key.

    Returns:
        The test ids that were begun, by recipient key.
    """
    begun = rows(
        session,
        """INSERT INTO seed_send (tenant_id, request_id, template_digest, recipient_key, test_id, campaign_id,
                                  contact_id, actor)
           SELECT :tenant_id, :request_id, :digest, w.*, CAST(:campaign_id AS bigint), CAST(:contact_id AS bigint), :actor
           FROM unnest(CAST(:keys AS text[]), CAST(:test_ids AS text[])) AS w
           ON CONFLICT (tenant_id, request_id, template_digest, recipient_key) DO UPDATE SET
               test_id = excluded.test_id, state = 'submitting', started_at = clock_timestamp(),
               outcome_code = NULL, resolved_at = NULL
           WHERE seed_send.state = 'not_sent' RETURNING recipient_key, test_id""",
        tenant_id=tenant_id,
        request_id=request.request_id,
        digest=request.template_digest,
        campaign_id=request.campaign_id,
        contact_id=request.contact_id,
        actor=request.actor,
        keys=list(tests),
        test_ids=list(tests.values()),
    )
    return {row["recipient_key"]: row["test_id"] for row in begun}


def record(session: Session, *, tenant_id: int, outcomes: Sequence[Outcome]) -> None:
    """Record what calls came to; what an event has settled before stays so."""
    run(
        session,
        """WITH answered AS MATERIALIZED (
               SELECT * FROM unnest(CAST(:test_ids AS text[]), CAST(:states AS text[]), CAST(:message_ids AS text[]),
                                    CAST(:codes AS text[])) AS w (test_id, state, ses_message_id, code)
           )
           UPDATE seed_send s SET state = answered.state, outcome_code = answered.code,
               ses_message_id = answered.ses_message_id, resolved_at = clock_timestamp()
           FROM answered
           WHERE s.tenant_id = :tenant_id AND s.test_id = answered.test_id AND s.state = 'submitting'""",
        tenant_id=tenant_id,
        test_ids=[one.test_id for one in outcomes],
        states=[str(one.state) for one in outcomes],
        message_ids=[one.ses_message_id for one in outcomes],
        codes=[one.code for one in outcomes],
    )


def of_request(session: Session, *, tenant_id: int, request: Request) -> dict[str, Row]:
    """Return how the tests of a request stand, by recipient key: state, outcome_code, ses_message_id, test_id."""
    found = rows(
        session,
        """SELECT recipient_key, state, outcome_code, ses_message_id, test_id FROM seed_send
           WHERE tenant_id = :tenant_id AND request_id = :request_id AND template_digest = :digest""",
        tenant_id=tenant_id,
        request_id=request.request_id,
        digest=request.template_digest,
    )
    return {row["recipient_key"]: row for row in found}


def known(session: Session, *, tenant_id: int, test_ids: Collection[str]) -> set[str]:
    """Return which of these tests are the tenant's."""
    found = rows(
        session,
        """SELECT test_id FROM seed_send
           WHERE tenant_id = :tenant_id AND test_id = ANY(CAST(:test_ids AS text[]))""",
        tenant_id=tenant_id,
        test_ids=list(test_ids),
    )
    return {row["test_id"] for row in found}


def apply(session: Session, *, tenant_id: int, told: Mapping[str, Sequence[Event]]) -> None:
    """Record what events say of tests, and suppress the seeds that cannot be mailed, as any other recipient."""
    found = rows(
        session,
        """SELECT test_id, recipient_key, reported FROM seed_send
           WHERE tenant_id = :tenant_id AND test_id = ANY(CAST(:test_ids AS text[])) ORDER BY test_id FOR UPDATE""",
        tenant_id=tenant_id,
        test_ids=list(told),
    )
    for row in found:
        _apply_to(session, tenant_id, row, told[row["test_id"]])


def _apply_to(session: Session, tenant_id: int, row: Row, events: Sequence[Event]) -> None:
    news = facts.fold(events)
    whole = reported(row["reported"], news)
    state = state_after(facts.Fact(fact) for fact in whole)
    run(
        session,
        """UPDATE seed_send SET state = :state, reported = CAST(:reported AS jsonb), resolved_at = clock_timestamp(),
               ses_message_id = coalesce(ses_message_id, :ses_message_id),
               outcome_code = CASE WHEN :state = 'failed' THEN coalesce(outcome_code, 'dropped') END
           WHERE tenant_id = :tenant_id AND test_id = :test_id""",
        tenant_id=tenant_id,
        test_id=row["test_id"],
        state=str(state),
        reported=json.dumps(whole),
        ses_message_id=events[0].ses_message_id,
    )
    for fact, reason in SUPPRESSING.items():
        if fact in news:
            _suppress(session, tenant_id, row["recipient_key"], reason=str(reason), at=news[fact].last_at)


def _suppress(session: Session, tenant_id: int, recipient_key: str, *, reason: str, at: datetime) -> None:
    """Suppress a seed for the whole tenant; its address is known as long as it stands in a list."""
    run(
        session,
        """INSERT INTO suppression (tenant_id, recipient_key, address, scope, reason, source, detail)
           SELECT :tenant_id, :recipient_key, (SELECT address FROM seed_address
               WHERE tenant_id = :tenant_id AND recipient_key = :recipient_key LIMIT 1),
               'tenant', :reason, 'ses', 'a test to a seed'
           ON CONFLICT ON CONSTRAINT suppression_once DO UPDATE SET expires_at = NULL
               WHERE suppression.expires_at < CAST(:at AS timestamptz)""",
        tenant_id=tenant_id,
        recipient_key=recipient_key,
        reason=reason,
        at=at,
    )
