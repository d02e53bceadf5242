"""How many rows a step reads, which no busy machine changes.

Nothing here was ever analysed, as nothing is that was imported or planned a minute ago: PostgreSQL's planner expects
one row wherever it looks. A window's work must not grow with its campaign, nor a plan's with the square of its audience.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from core.allowances import shares
from core.deliveries import Move
from core.events import parse
from core.hygiene import HygienePolicy
from core.providers import OTHER
from core.suppression import Reason
from store import campaigns, correlation, deliveries, facts, hygiene, planning, skips, waits
from store.deliveries import Attempt, Outcome
from store.facts import Located
from store.session import Database, Session, one, run
from tests.builders import Scene, a_campaign, a_scene, plan, suppress
from tests.mailed import an_event


# A table of a few pages is rightly read as a whole for a large window; this one is large for this window.
CAMPAIGN = 2000
WINDOW = 3
AUDIENCE = 1500
LEASE = timedelta(minutes=5)


def rows_read(session: Session, *tables: str) -> int:
    """How many rows this connection has fetched, by whatever way, since it last told the statistics."""
    row = one(
        session,
        """SELECT sum(coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0)) AS rows
           FROM pg_stat_xact_user_tables WHERE relname = ANY(:tables)""",
        tables=list(tables),
    )
    assert row is not None
    return int(row["rows"])


@contextmanager
def reading_at_most(database: Database, limit: int, *tables: str) -> Iterator[Session]:
    """A transaction that fetches so few rows of these tables, and some; deliveries if no other are named."""
    with database.begin() as session:
        before = rows_read(session, *(tables or ("delivery",)))
        yield session
        assert 0 < rows_read(session, *(tables or ("delivery",))) - before <= limit


@pytest.fixture
def begun(database: Database) -> tuple[Scene, list[Attempt]]:
    """A campaign that was planned a moment ago, unknown to every statistic, and a window of it that was begun."""
    with database.begin() as session:
        scene = a_scene(session, contacts=CAMPAIGN)
        plan(session, scene)
    # Each is fetched to be chosen and to be changed.
    with reading_at_most(database, 2 * WINDOW) as session:
        claimed = deliveries.claim(session, **scene.campaign, token="t", shares={OTHER: WINDOW}, lease=LEASE)
    wanted = [Attempt(item.delivery_id, f"attempt-{item.delivery_id}") for item in claimed]
    # The foreign key of its attempt fetches each again, in the version before and in that after.
    with reading_at_most(database, 3 * WINDOW) as session:
        attempts = deliveries.begin(
            session, tenant_id=scene.tenant_id, token="t", attempts=wanted, lease=LEASE
        )
    assert len(attempts) == WINDOW
    return scene, attempts


def test_a_claim_reads_nobody_of_a_provider_whose_cap_is_used(database: Database) -> None:
    """The largest provider is capped and comes first in the list: its people are not even looked at."""
    with database.begin() as session:
        scene = a_scene(session, contacts=CAMPAIGN)
        plan(session, scene)
        run(session, "UPDATE delivery SET provider = 'gmail' WHERE id > (SELECT min(id) + 8 FROM delivery)")
        run(session, "UPDATE delivery SET provider = 'yahoo' WHERE provider = 'other'")
    with reading_at_most(database, 2 * WINDOW) as session:
        open_ones = shares(WINDOW, {"gmail": CAMPAIGN - 9, "yahoo": 9}, {"gmail": 0})
        claimed = deliveries.claim(session, **scene.campaign, token="t", shares=open_ones, lease=LEASE)
    assert [item.provider for item in claimed] == ["yahoo"] * WINDOW
    with reading_at_most(database, 1) as session:
        assert waits.pending_at(session, **scene.campaign, providers=["gmail"]) == ["gmail"]


def test_an_intent_writes_no_index_entry_of_its_deliveries(database: Database) -> None:
    """Whoever lets an index name what an intent changes pays for an entry in every index of every message."""
    with database.begin() as session:
        scene = a_scene(session, contacts=WINDOW)
        plan(session, scene)
        claimed = deliveries.claim(session, **scene.campaign, token="t", shares={OTHER: WINDOW}, lease=LEASE)
    wanted = [Attempt(item.delivery_id, f"attempt-{item.delivery_id}") for item in claimed]
    with database.begin() as session:
        before = changes_of_deliveries(session)
        deliveries.begin(session, tenant_id=scene.tenant_id, token="t", attempts=wanted, lease=LEASE)
        after = changes_of_deliveries(session)
    assert [new - old for old, new in zip(before, after, strict=True)] == [WINDOW, WINDOW]


def changes_of_deliveries(session: Session) -> tuple[int, int]:
    """How many this connection has changed since it last told the statistics, and how many of them without index entries."""
    row = one(
        session,
        """SELECT n_tup_upd AS changed, n_tup_hot_upd AS without_entries FROM pg_stat_xact_user_tables
           WHERE relname = 'delivery'""",
    )
    assert row is not None
    return row["changed"], row["without_entries"]


def test_recording_a_window_reads_that_window_alone(
    database: Database, begun: tuple[Scene, list[Attempt]]
) -> None:
    scene, attempts = begun
    accepted = [(attempt, f"id-{attempt.delivery_id}") for attempt in attempts]
    with reading_at_most(database, 2 * WINDOW) as session:
        deliveries.record_accepted(session, tenant_id=scene.tenant_id, accepted=accepted)


@pytest.mark.parametrize("move", [Move.NOT_SENT, Move.REFUSED, Move.LOST])
def test_recording_the_errors_of_a_window_reads_that_window_alone(
    database: Database, begun: tuple[Scene, list[Attempt]], move: Move
) -> None:
    scene, attempts = begun
    outcomes = [Outcome(attempt, move, "Code") for attempt in attempts]
    with reading_at_most(database, 2 * WINDOW) as session:
        deliveries.record_outcomes(session, tenant_id=scene.tenant_id, outcomes=outcomes)


def test_looking_for_the_suppressed_of_a_window_reads_that_window_alone(
    database: Database, begun: tuple[Scene, list[Attempt]]
) -> None:
    scene, attempts = begun
    with database.begin() as session:
        suppress(session, scene, "complainer@example.net", Reason.COMPLAINT)
    with reading_at_most(database, 2 * WINDOW) as session:
        skips.skip_suppressed(
            session,
            tenant_id=scene.tenant_id,
            audience_id=scene.audience_id,
            token="t",
            delivery_ids=[attempt.delivery_id for attempt in attempts],
        )


def test_finding_the_attempts_of_events_reads_those_alone(
    database: Database, begun: tuple[Scene, list[Attempt]]
) -> None:
    scene, attempts = begun
    wanted = {attempt.attempt_id: attempt.delivery_id for attempt in attempts}
    with database.begin() as session:
        # As many calls as the campaign has people: a table of a few rows is rightly read as a whole.
        run(
            session,
            """INSERT INTO delivery_attempt (tenant_id, attempt_id, delivery_id)
               SELECT tenant_id, 'older-' || id, id FROM delivery WHERE tenant_id = :tenant_id""",
            tenant_id=scene.tenant_id,
        )
    with reading_at_most(database, WINDOW, "delivery_attempt") as session:
        assert correlation.of_attempts(session, tenant_id=scene.tenant_id, attempts=wanted) == wanted
    with reading_at_most(database, WINDOW, "delivery_attempt") as session:
        assert correlation.owners_of_attempts(session, wanted) == dict.fromkeys(wanted, scene.tenant_id)


@pytest.mark.parametrize("sample", ["send", "open", "complaint_abuse"])
def test_applying_the_events_of_a_window_reads_that_window_alone(
    database: Database, begun: tuple[Scene, list[Attempt]], sample: str
) -> None:
    scene, attempts = begun
    event = parse(an_event(sample, None))
    assert event is not None
    located = [Located(delivery_id=attempt.delivery_id, event=event) for attempt in attempts]
    # A delivery is fetched to be locked, to be settled, and for the person; the person to be changed.
    with reading_at_most(database, 6 * WINDOW, "delivery", "contact", "delivery_fact") as session:
        assert facts.apply(session, tenant_id=scene.tenant_id, located=located).held == set()


def test_judging_soft_bounces_reads_only_whose_mailbox_was_full(database: Database) -> None:
    """Three messages came back to one person, and all others arrived."""
    with database.begin() as session:
        scene = a_scene(session, contacts=CAMPAIGN)
        for campaign in (scene, a_campaign(session, scene), a_campaign(session, scene)):
            plan(session, campaign)
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
               SELECT tenant_id, id, CASE WHEN is_full THEN 'bounce_transient' ELSE 'delivery' END, now(), now(),
                      CASE WHEN is_full THEN '{"reason": "mailbox_full"}'::jsonb ELSE '{}' END
               FROM (SELECT *, contact_id = min(contact_id) OVER () AS is_full FROM delivery) AS sent""",
        )
        run(session, "ANALYZE delivery, delivery_fact, contact")
    with reading_at_most(database, 15, "delivery", "delivery_fact") as session:
        (history,) = hygiene.soft_bounces(session, tenant_id=scene.tenant_id, policy=HygienePolicy()).values()
    assert history.full == 3


def test_dispatch_looks_for_one_delivery_that_is_due(database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=CAMPAIGN)
        plan(session, scene)
    with reading_at_most(database, 1) as session:
        (ready,) = campaigns.ready(session, tenant_id=scene.tenant_id)
    assert ready["id"] == scene.campaign_id


def test_counting_who_waits_reads_nobody_whose_message_has_left(database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=CAMPAIGN)
        plan(session, scene)
        run(
            session,
            """UPDATE delivery SET state = CASE WHEN number <= 3 THEN 'pending' WHEN number = 4 THEN 'claimed' ELSE 'sent' END
               FROM (SELECT id AS delivery_id, row_number() OVER (ORDER BY id) AS number FROM delivery) AS n
               WHERE id = delivery_id""",
        )
        run(session, "ANALYZE delivery")
    with reading_at_most(database, 12) as session:
        assert waits.by_provider(session, **scene.campaign) == {OTHER: 4}


def test_a_preview_reads_each_contact_and_each_member_a_few_times(database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=AUDIENCE)
    with reading_at_most(database, 4 * AUDIENCE, "contact", "audience_member") as session:
        people = planning.preview(session, tenant_id=scene.tenant_id, audience_id=scene.audience_id)
    assert people == {None: AUDIENCE}


def test_a_plan_reads_each_contact_and_each_member_a_few_times(database: Database) -> None:
    with database.begin() as session:
        scene = a_scene(session, contacts=AUDIENCE)
    # A connection keeps the plans of foreign keys from when the tables were empty, until somebody analyses them.
    database.dispose()
    # Twice to choose, and once for each foreign key.
    with reading_at_most(database, 6 * AUDIENCE, "contact", "audience_member") as session:
        assert plan(session, scene) == AUDIENCE
