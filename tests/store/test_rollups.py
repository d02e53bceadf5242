"""Rollups are what a recount finds: in any order, with repetitions, in any batches, and after kills in between."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from core.events import Event, parse
from core.facts import Fact, Seen
from core.rollups import Whose, recount
from store import facts, rollups
from store.facts import Located
from store.rollups import Counted
from store.session import rows, run
from tests.mailed import Mailed, a_campaign, a_contact, a_delivery, an_event, another_campaign


NIGHT = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
PROVIDERS = ("gmail", "yahoo", "other")

# What is told of, and the object of its JSON that has the time.
SAMPLES = {
    "send": "mail",
    "delivery": "delivery",
    "delivery_delay_general": "deliveryDelay",
    "bounce_permanent_noemail": "bounce",
    "bounce_transient_mailboxfull": "bounce",
    "bounce_transient_general": "bounce",
    "complaint_abuse": "complaint",
    "open": "open",
    "open_bot": "open",
    "click": "click",
}


def an_audience(session: Session) -> list[Mailed]:
    """Deliveries of two campaigns to people of three providers and segments."""
    first = a_campaign(session)
    deliveries = []
    for n in range(4):
        campaign = first if n % 2 else another_campaign(session, first)
        contact = a_contact(session, campaign, f"Reader{n}.{first.slug}@Example{n % 3}.net")
        deliveries.append(a_delivery(session, campaign, contact))
        run(
            session,
            "UPDATE delivery SET provider = :provider, tier = :tier WHERE id = :id",
            provider=PROVIDERS[n % 3],
            tier=n % 3,
            id=deliveries[-1].delivery_id,
        )
    return deliveries


def an_occurrence(mailed: Mailed, sample: str, minutes: int, link: int) -> Event:
    at = (NIGHT + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    changes: dict[str, Any] = {f"{SAMPLES[sample]}__timestamp": at}
    if sample == "click":
        changes["click__link"] = f"https://acme.example/page-{link}?reader=ann"
    event = parse(an_event(sample, mailed, **changes))
    assert event is not None
    return event


def expected(session: Session, mailed: Mailed) -> dict[tuple[int, str, str, str], int]:
    """Every fact of the tenant, counted anew."""
    found = rows(
        session,
        """SELECT d.campaign_id, d.provider, d.tier, k.address, f.delivery_id, f.fact, f.first_at, f.last_at, f.detail
           FROM delivery_fact f JOIN delivery d ON d.id = f.delivery_id JOIN contact k ON k.id = d.contact_id
           WHERE f.tenant_id = :tenant_id""",
        tenant_id=mailed.tenant_id,
    )
    whose: dict[int, Whose] = {}
    known: dict[int, dict[Fact, Seen]] = defaultdict(dict)
    for row in found:
        domain = row["address"].rpartition("@")[2].lower()
        whose[row["delivery_id"]] = Whose(row["campaign_id"], row["provider"], row["tier"], domain)
        known[row["delivery_id"]][Fact(row["fact"])] = Seen(
            first_at=row["first_at"], last_at=row["last_at"], detail=row["detail"]
        )
    counted = recount((whose[delivery], of_it) for delivery, of_it in known.items())
    return {
        (cell.campaign_id, str(cell.dimension), cell.key, str(cell.fact)): n for cell, n in counted.items()
    }


def held(session: Session, deliveries: list[Mailed]) -> dict[tuple[int, str, str, str], int]:
    """What the sums hold."""
    return {
        (campaign_id, *cell): number
        for campaign_id in {one.campaign_id for one in deliveries}
        for cell, number in rollups.cells(
            session, tenant_id=deliveries[0].tenant_id, campaign_id=campaign_id
        ).items()
    }


def count(session: Session, mailed: Mailed, *, limit: int = 1000) -> None:
    while rollups.refresh(session, tenant_id=mailed.tenant_id, limit=limit).facts == limit:
        pass


occurrences = st.tuples(
    st.integers(0, 3), st.sampled_from(sorted(SAMPLES)), st.integers(-90, 90), st.integers(1, 3)
)
# Between batches the sums are brought up to date, or whoever does it dies before the commit, or nobody does.
batches = st.lists(
    st.tuples(st.lists(occurrences, max_size=8), st.sampled_from(["count", "die", "wait"])), max_size=6
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
def test_the_sums_are_what_a_recount_finds(session: Session, told: list[tuple[list[Any], str]]) -> None:
    """E01, E02, E08"""
    deliveries = an_audience(session)
    for batch, then in told:
        located = [
            Located(
                delivery_id=deliveries[n].delivery_id,
                event=an_occurrence(deliveries[n], sample, minutes, link),
            )
            for n, sample, minutes, link in batch
        ]
        facts.apply(session, tenant_id=deliveries[0].tenant_id, located=located)
        if then == "count":
            count(session, deliveries[0], limit=3)
        elif then == "die":
            with session.begin_nested() as half_done:
                rollups.refresh(session, tenant_id=deliveries[0].tenant_id, limit=5)
                half_done.rollback()
    count(session, deliveries[0], limit=7)
    assert held(session, deliveries) == expected(session, deliveries[0])
    assert not rollups.uncounted(session, tenant_id=deliveries[0].tenant_id)


@pytest.fixture
def deliveries(session: Session) -> list[Mailed]:
    return an_audience(session)


def tell(session: Session, mailed: Mailed, *told: tuple[str, int, int]) -> None:
    located = [
        Located(delivery_id=mailed.delivery_id, event=an_occurrence(mailed, *occurrence))
        for occurrence in told
    ]
    facts.apply(session, tenant_id=mailed.tenant_id, located=located)


def test_a_fact_whose_first_time_turns_out_to_be_earlier_moves_to_its_hour(
    session: Session, deliveries: list[Mailed]
) -> None:
    one = deliveries[0]
    for minutes in (45, -45):
        tell(session, one, ("open", minutes, 1))
        count(session, one)
    found = rollups.of_campaign(session, tenant_id=one.tenant_id, campaign_id=one.campaign_id)
    assert found.totals["open"] == 1
    opened = {hour: sums["open"] for hour, sums in found.hours.items() if "open" in sums}
    assert opened == {datetime(2026, 11, 24, 22, tzinfo=UTC): 1}


def test_what_changes_no_sum_is_not_counted_again(session: Session, deliveries: list[Mailed]) -> None:
    one = deliveries[0]
    tell(session, one, ("click", 0, 1))
    count(session, one)
    tell(session, one, ("click", 30, 1))
    assert not rollups.uncounted(session, tenant_id=one.tenant_id)
    tell(session, one, ("click", 31, 2))
    assert rollups.refresh(session, tenant_id=one.tenant_id).facts == 1
    found = rollups.of_campaign(session, tenant_id=one.tenant_id, campaign_id=one.campaign_id)
    assert found.links == {
        "https://acme.example/page-1": {"click": 1},
        "https://acme.example/page-2": {"click": 1},
    }
    assert found.totals["click"] == 1


def test_people_and_machines_are_counted_apart(session: Session, deliveries: list[Mailed]) -> None:
    one = deliveries[0]
    tell(session, one, ("open", 0, 1), ("open_bot", 1, 1))
    count(session, one)
    found = rollups.of_campaign(session, tenant_id=one.tenant_id, campaign_id=one.campaign_id)
    assert found.totals == {"sent": 1, "open": 1, "open_machine": 1}
    assert found.providers == {"gmail": {"sent": 1, "open": 1, "open_machine": 1}}
    assert found.segments == {0: {"sent": 1, "open": 1, "open_machine": 1}}
    assert found.domains == {"example0.net": {"sent": 1, "open": 1, "open_machine": 1}}


def test_bounces_are_counted_by_their_class_and_a_newer_answer_moves_them(
    session: Session, deliveries: list[Mailed]
) -> None:
    one = deliveries[0]
    tell(session, one, ("bounce_transient_mailboxfull", 0, 1))
    count(session, one)
    tell(session, one, ("bounce_permanent_noemail", 5, 1), ("bounce_transient_general", 9, 1))
    count(session, one)
    found = rollups.of_campaign(session, tenant_id=one.tenant_id, campaign_id=one.campaign_id)
    assert found.classes == {"bad_mailbox": {"bounce_permanent": 1}, "network": {"bounce_transient": 1}}


def test_domains_are_the_largest_only(session: Session, deliveries: list[Mailed]) -> None:
    for one in deliveries:
        tell(session, one, ("delivery", 0, 1))
    count(session, deliveries[0])
    of = Counter(one.campaign_id for one in deliveries)
    (campaign_id, _), *_ = of.most_common()
    found = rollups.of_campaign(session, tenant_id=deliveries[0].tenant_id, campaign_id=campaign_id, most=1)
    assert len(found.domains) == 1
    assert found.totals["delivery"] == of[campaign_id]


def test_another_tenants_facts_are_not_counted(session: Session, deliveries: list[Mailed]) -> None:
    other = a_delivery(session)
    tell(session, other, ("delivery", 0, 1))
    tell(session, deliveries[0], ("delivery", 0, 1))
    assert rollups.refresh(session, tenant_id=other.tenant_id) == Counted(2, frozenset({other.campaign_id}))
    assert rollups.uncounted(session, tenant_id=deliveries[0].tenant_id)


def test_an_erased_address_is_counted_under_no_domain(session: Session, deliveries: list[Mailed]) -> None:
    one = deliveries[0]
    run(session, "UPDATE contact SET address = 'erased 1' WHERE id = :id", id=one.contact_id)
    tell(session, one, ("delivery", 0, 1))
    count(session, one)
    found = rollups.of_campaign(session, tenant_id=one.tenant_id, campaign_id=one.campaign_id)
    assert list(found.domains) == ["unknown"]


def test_what_is_uncounted_is_found_through_its_index(session: Session, deliveries: list[Mailed]) -> None:
    run(session, "SET LOCAL enable_seqscan = off")
    plan = run(
        session,
        f"EXPLAIN (FORMAT JSON) SELECT 1 FROM delivery_fact f WHERE f.tenant_id = :tenant_id AND {rollups._UNCOUNTED}",
        tenant_id=deliveries[0].tenant_id,
    ).scalar_one()
    assert "delivery_fact_uncounted" in json.dumps(plan)
