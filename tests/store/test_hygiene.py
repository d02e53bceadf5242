"""Histories of bounces and of silence, read from a real database."""

import pytest
from sqlmodel import Session

from core.hygiene import HygienePolicy, Rule, SoftBounces
from models import Contact
from store import hygiene, hygiene_findings, hygiene_runs, hygiene_taking
from store.session import one, run
from tests.mailed import Mailed, a_campaign, a_contact, a_delivery, another_campaign, suppressions_of


POLICY = HygienePolicy()


def a_message(
    session: Session, campaign: Mailed, contact: Contact, **facts: float | tuple[float, str]
) -> Mailed:
    """One campaign message with facts of so many days ago, some with a reason."""
    mailed = a_delivery(session, another_campaign(session, campaign), contact, state="sent")
    for fact, said in facts.items():
        days, reason = said if isinstance(said, tuple) else (said, "")
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
               SELECT :tenant_id, :id, :fact, at, at, jsonb_build_object('reason', CAST(:reason AS text))
               FROM (SELECT now() - make_interval(secs => :days * 86400) AS at) AS told""",
            tenant_id=mailed.tenant_id,
            id=mailed.delivery_id,
            fact=fact,
            days=float(days),
            reason=reason,
        )
    return mailed


def history(session: Session, campaign: Mailed, policy: HygienePolicy = POLICY) -> SoftBounces | None:
    found = hygiene.soft_bounces(session, tenant_id=campaign.tenant_id, policy=policy)
    return next(iter(found.values()), None)


@pytest.fixture
def campaign(session: Session) -> Mailed:
    return a_campaign(session)


@pytest.fixture
def contact(session: Session, campaign: Mailed) -> Contact:
    return a_contact(session, campaign)


def state(session: Session, contact: Contact) -> tuple[str, str]:
    row = one(session, "SELECT state, state_reason FROM contact WHERE id = :id", id=contact.id)
    assert row is not None
    return row["state"], row["state_reason"]


def test_three_bounces_in_three_campaigns_count_three_and_three_events_of_one_count_one(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    """E11"""
    policy = HygienePolicy(soft_bounces=1)
    mailed = a_message(session, campaign, contact, bounce_transient=1)
    run(session, "UPDATE delivery_fact SET times = 3 WHERE delivery_id = :id", id=mailed.delivery_id)
    assert history(session, campaign, policy) == SoftBounces(bounces=1, days=1)
    a_message(session, campaign, contact, bounce_transient=2)
    a_message(session, campaign, contact, bounce_transient=3)
    assert history(session, campaign, policy) == SoftBounces(bounces=3, days=3)


def test_bounces_of_one_day_count_as_one_day(session: Session, campaign: Mailed, contact: Contact) -> None:
    for _ in range(5):
        a_message(session, campaign, contact, bounce_transient=2)
    assert history(session, campaign) == SoftBounces(bounces=5, days=1)


@pytest.mark.parametrize("sign_of_life", ["delivery", "open", "click"])
def test_a_sign_of_life_starts_the_count_again(
    session: Session, campaign: Mailed, contact: Contact, sign_of_life: str
) -> None:
    for days in (9, 8, 7, 6, 5):
        a_message(session, campaign, contact, bounce_transient=days)
    a_message(session, campaign, contact, **{sign_of_life: 4})
    assert history(session, campaign) is None
    for days in (3, 2, 1):
        a_message(session, campaign, contact, bounce_transient=days)
    assert history(session, campaign) == SoftBounces(bounces=3, days=3)


def test_a_message_that_was_delivered_after_all_does_not_count(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days in (5, 4, 3):
        a_message(session, campaign, contact, bounce_transient=days + 0.2, delivery=days)
    assert history(session, campaign) is None


@pytest.mark.parametrize(
    "fact", ["bounce_block", "bounce_content", "autoreply", "delay", "open_machine", "bounce_ignored"]
)
def test_what_is_not_about_the_mailbox_never_counts(
    session: Session, campaign: Mailed, contact: Contact, fact: str
) -> None:
    for days in (5, 4, 3, 2, 1):
        a_message(session, campaign, contact, **{fact: days})
    assert history(session, campaign) is None


def test_bounces_out_of_the_window_do_not_count(session: Session, campaign: Mailed, contact: Contact) -> None:
    for days in (100, 31, 2, 1):
        a_message(session, campaign, contact, bounce_transient=days)
    assert history(session, campaign) == SoftBounces(bounces=2, days=2)


def test_a_full_mailbox_is_counted_apart_in_its_own_window(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days in (91, 60, 50, 29):
        a_message(session, campaign, contact, bounce_transient=(days, "mailbox_full"))
    a_message(session, campaign, contact, bounce_transient=(1, "network"))
    assert history(session, campaign) == SoftBounces(bounces=1, days=1, full=3, full_span_days=31)


def test_a_mailbox_that_its_provider_calls_full_and_inactive_is_full_too(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days, reason in ((9, "mailbox_full"), (3, "full_and_inactive"), (1, "full_and_inactive")):
        a_message(session, campaign, contact, bounce_transient=(days, reason))
    assert history(session, campaign) == SoftBounces(full=3, full_span_days=8, abandoned=2)


def test_another_tenants_bounces_are_not_seen(session: Session, campaign: Mailed, contact: Contact) -> None:
    stranger = a_campaign(session)
    namesake = a_contact(session, stranger, contact.address)
    for days in (5, 4, 3, 2, 1):
        a_message(session, stranger, namesake, bounce_transient=days)
    assert history(session, campaign) is None


def test_a_quarantine_ends_by_itself_and_bounces_before_its_end_are_forgiven(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days in (5, 4, 3, 2):
        a_message(session, campaign, contact, bounce_transient=days)
    mailed = a_message(session, campaign, contact, bounce_transient=1)
    rules = {contact.recipient_key: Rule.SOFT_BOUNCE}
    assert hygiene.quarantine(session, tenant_id=campaign.tenant_id, rules=rules, days=90) == 1
    assert suppressions_of(session, mailed) == [
        ("soft_bounce", "tenant", contact.address, "hygiene", "soft_bounce")
    ]
    ends = one(session, "SELECT expires_at - now() AS left FROM suppression")
    assert ends is not None
    assert ends["left"].days == 90
    assert history(session, campaign) is None
    assert hygiene.quarantine(session, tenant_id=campaign.tenant_id, rules=rules, days=90) == 0
    run(session, "UPDATE suppression SET expires_at = now() - interval '36 hours'")
    assert history(session, campaign, HygienePolicy(soft_bounces=1)) == SoftBounces(bounces=1, days=1)
    assert hygiene.quarantine(session, tenant_id=campaign.tenant_id, rules=rules, days=90) == 1


def test_a_missing_suppression_is_made_good_once(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    other = a_contact(session, campaign)
    bounced = a_message(session, campaign, contact, bounce_permanent=(1, "no_such_mailbox"))
    a_message(session, campaign, contact, bounce_permanent=(3, "moved"))
    complained = a_message(session, campaign, other, complaint=(2, "abuse"), delivery=3)
    expected = {Rule.COMPLAINT: 1, Rule.HARD_BOUNCE: 1}
    assert hygiene.suppress_missing(session, tenant_id=campaign.tenant_id) == expected
    assert suppressions_of(session, bounced) == [
        ("hard_bounce", "tenant", contact.address, "ses", "no_such_mailbox")
    ]
    assert suppressions_of(session, complained) == [("complaint", "tenant", other.address, "ses", "abuse")]
    nothing = {Rule.COMPLAINT: 0, Rule.HARD_BOUNCE: 0}
    assert hygiene.suppress_missing(session, tenant_id=campaign.tenant_id) == nothing


def test_a_suppression_that_a_person_has_ended_stays_ended(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    a_message(session, campaign, contact, bounce_permanent=(3, "no_such_mailbox"))
    hygiene.suppress_missing(session, tenant_id=campaign.tenant_id)
    run(session, "UPDATE suppression SET expires_at = now() - interval '1 day'")
    assert hygiene.suppress_missing(session, tenant_id=campaign.tenant_id)[Rule.HARD_BOUNCE] == 0
    a_message(session, campaign, contact, bounce_permanent=(0.5, "no_such_mailbox"))
    assert hygiene.suppress_missing(session, tenant_id=campaign.tenant_id)[Rule.HARD_BOUNCE] == 1


SUNSET = HygienePolicy(sunset_days=180, sunset_messages=3, winback_days=0)


def retired(session: Session, campaign: Mailed, policy: HygienePolicy = SUNSET) -> int:
    """How many people a night without the win-back step retires."""
    run_id = hygiene_runs.begin(session, tenant_id=campaign.tenant_id, policy=policy)
    key = {"tenant_id": campaign.tenant_id, "run_id": run_id}
    found = hygiene_findings.silent(session, **key, policy=policy)
    while hygiene_taking.take(session, **key, policy=policy, limit=2):
        pass
    assert hygiene_runs.finish(session, **key)
    return found


@pytest.fixture
def somebody_looks(session: Session, campaign: Mailed) -> Contact:
    """Tracking works: a reader engaged yesterday."""
    reader = a_contact(session, campaign)
    run(session, "UPDATE contact SET engaged_at = now() - interval '1 day' WHERE id = :id", id=reader.id)
    return reader


@pytest.mark.usefixtures("somebody_looks")
def test_a_person_who_never_looks_is_retired(session: Session, campaign: Mailed, contact: Contact) -> None:
    for days in (181, 90, 1):
        a_message(session, campaign, contact, delivery=days, open_machine=days)
    assert retired(session, campaign) == 1
    assert state(session, contact) == ("retired", "no open or click in 180 days and 3 messages")
    assert retired(session, campaign) == 0


@pytest.mark.usefixtures("somebody_looks")
@pytest.mark.parametrize(
    "delivered",
    [
        pytest.param((), id="never mailed"),
        pytest.param((200, 190), id="mailed twice only"),
        pytest.param((3, 2, 1), id="mailed only this week"),
    ],
)
def test_a_person_who_had_little_chance_to_look_is_not_retired(
    session: Session, campaign: Mailed, contact: Contact, delivered: tuple[float, ...]
) -> None:
    for days in delivered:
        a_message(session, campaign, contact, delivery=days)
    assert retired(session, campaign) == 0
    assert state(session, contact)[0] == "active"


@pytest.mark.usefixtures("somebody_looks")
def test_messages_that_never_arrived_are_no_silence(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days in (300, 200, 100, 1):
        a_message(session, campaign, contact, bounce_block=days, sent=days)
    assert retired(session, campaign) == 0


@pytest.mark.usefixtures("somebody_looks")
@pytest.mark.parametrize("column", ["engaged_at", "consent_at"])
@pytest.mark.parametrize(
    ("days_ago", "count"),
    [
        pytest.param(10, 0, id="a fresh sign of life"),
        pytest.param(250, 0, id="an old one, with one message since"),
        pytest.param(400, 1, id="an old one, with three messages since"),
    ],
)
def test_the_last_sign_of_life_counts(
    session: Session, campaign: Mailed, contact: Contact, column: str, days_ago: int, count: int
) -> None:
    for days in (390, 350, 200):
        a_message(session, campaign, contact, delivery=days)
    run(
        session,
        f"UPDATE contact SET {column} = now() - make_interval(days => :days) WHERE id = :id",
        days=days_ago,
        id=contact.id,
    )
    assert retired(session, campaign) == count


@pytest.mark.usefixtures("somebody_looks")
def test_every_spelling_of_a_silent_person_is_retired(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    other = a_contact(session, campaign, contact.address.upper())
    assert other.recipient_key == contact.recipient_key
    for days in (300, 200, 100):
        a_message(session, campaign, contact, delivery=days)
    assert retired(session, campaign) == 1
    assert state(session, contact)[0] == state(session, other)[0] == "retired"


@pytest.mark.usefixtures("somebody_looks")
def test_a_look_under_another_spelling_is_a_look(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    other = a_contact(session, campaign, contact.address.upper())
    run(session, "UPDATE contact SET engaged_at = now() WHERE id = :id", id=other.id)
    for days in (300, 200, 100):
        a_message(session, campaign, contact, delivery=days)
    assert retired(session, campaign) == 0


def test_nobody_is_retired_where_tracking_sees_nobody(
    session: Session, campaign: Mailed, contact: Contact
) -> None:
    for days in (300, 200, 100):
        a_message(session, campaign, contact, delivery=days)
    assert retired(session, campaign) == 0


@pytest.mark.usefixtures("somebody_looks")
def test_the_sunset_can_be_turned_off(session: Session, campaign: Mailed, contact: Contact) -> None:
    for days in (300, 200, 100):
        a_message(session, campaign, contact, delivery=days)
    assert retired(session, campaign, HygienePolicy(sunset_days=0, sunset_messages=3, winback_days=0)) == 0
