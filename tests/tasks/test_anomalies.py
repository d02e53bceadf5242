"""A provider that calls living mailboxes dead: nobody is suppressed by it, and what was suppressed is taken back."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, NotFoundError
from core.pipeline import Troubled
from models import Contact
from store import hygiene as hygiene_store
from store import inbox
from store.session import Database, one, rows, run
from tasks import anomalies, events, hygiene
from tasks import facts as applying
from tasks.anomalies import Window
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import Mailed, a_campaign, a_contact, a_delivery, an_event, another_campaign


_numbers = itertools.count(1)


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


class Mail:
    """A tenant's mail to a provider: people who were reached by the campaign before, and events of this one."""

    def __init__(
        self, resources: Resources, slug: str, *, provider: str = "gmail", domain: str = "gmail.example"
    ) -> None:
        self._resources = resources
        self._provider, self._domain, self._slug = provider, domain, slug
        with resources.database.begin() as session:
            self.before = a_campaign(session, slug)
            self.now = another_campaign(session, self.before)

    def people(self, number: int, *, reached: bool) -> list[Mailed]:
        """So many people who are mailed now, and were, or were not, reached by the campaign before."""
        with self._resources.database.begin() as session:
            contacts = [
                a_contact(session, self.now, f"{self._slug}{next(_numbers)}@{self._domain}")
                for _ in range(number)
            ]
            earlier = [a_delivery(session, self.before, one, "sent") for one in contacts] if reached else []
            mailed = [a_delivery(session, self.now, one, "sent") for one in contacts]
            run(session, "UPDATE delivery SET provider = :provider", provider=self._provider)
        self.tell("delivery", earlier, at=datetime.now(UTC) - timedelta(days=30))
        return mailed

    def again(self, people: list[Mailed]) -> list[Mailed]:
        """The same people, mailed by another campaign."""
        with self._resources.database.begin() as session:
            self.now = another_campaign(session, self.before)
            contacts = [session.get_one(Contact, (one.tenant_id, one.contact_id)) for one in people]
            mailed = [a_delivery(session, self.now, one, "sent") for one in contacts]
            run(session, "UPDATE delivery SET provider = :provider", provider=self._provider)
        return mailed

    def arrives(self) -> None:
        """One message is delivered a moment from now, so that deliveries are known as far as bounces are."""
        self.tell("delivery", self.people(1, reached=False), at=datetime.now(UTC) + timedelta(seconds=30))

    def tell(
        self,
        sample: str,
        mailed: list[Mailed],
        said: str = "550 5.1.1 user unknown",
        *,
        at: datetime | None = None,
    ) -> None:
        """Let SES report something of these messages."""
        raws = [self._raw(sample, one, said, at or datetime.now(UTC)) for one in mailed]
        with self._resources.database.begin() as session:
            inbox.store_many(session, [one for raw in raws if (one := events.arrival(raw, source="file"))])
        applying.apply_due(self._resources.database)

    def queue(self, sample: str, mailed: list[Mailed], said: str = "550 5.1.1 user unknown") -> None:
        """Let SES report it, and nobody apply it yet."""
        raws = [self._raw(sample, one, said, datetime.now(UTC)) for one in mailed]
        with self._resources.database.begin() as session:
            inbox.store_many(session, [one for raw in raws if (one := events.arrival(raw, source="file"))])

    def _raw(self, sample: str, mailed: Mailed, said: str, at: datetime) -> str:
        member = sample.partition("_")[0]
        changes: dict[str, Any] = {f"{member}__timestamp": at.isoformat(), "mail__timestamp": at.isoformat()}
        if member == "bounce":
            with self._resources.database.begin() as session:
                contact = session.get_one(Contact, (mailed.tenant_id, mailed.contact_id))
            recipient = {
                "emailAddress": contact.address,
                "diagnosticCode": f"smtp; {said} {contact.address} q{mailed.delivery_id}",
            }
            changes["bounce__bouncedRecipients"] = [recipient]
            changes["bounce__feedbackId"] = mailed.attempt_id
        return an_event(sample, mailed, **changes)


def suppressed(database: Database, *people: Mailed) -> int:
    with database.begin() as session:
        row = one(
            session,
            """SELECT count(*) AS n FROM suppression WHERE (expires_at IS NULL OR expires_at > now())
               AND (tenant_id, recipient_key) IN (SELECT * FROM unnest(CAST(:t AS bigint[]), CAST(:k AS text[])))""",
            t=[each.tenant_id for each in people],
            k=[each.recipient_key for each in people],
        )
    assert row is not None
    return int(row["n"])


def night(resources: Resources) -> int:
    """Have a night of hygiene; return how many it has suppressed for hard bounces."""
    suppressed_by = hygiene.run(resources).as_json()["suppressed"]
    assert isinstance(suppressed_by, dict)
    return int(suppressed_by["hard_bounce"])


def open_ones(resources: Resources) -> list[dict[str, Any]]:
    return [each for each in anomalies.listing(resources) if each["closed_at"] is None]


@pytest.fixture
def mail(resources: Resources) -> Mail:
    return Mail(resources, "acme")


BOUNCE = "bounce_permanent_general"


@pytest.fixture
def broken(resources: Resources, mail: Mail) -> list[Mailed]:
    """Twenty-four people who were reached last month, told off by a provider that has lost its directory."""
    people = mail.people(24, reached=True)
    mail.arrives()
    mail.tell(BOUNCE, people)
    assert len(open_ones(resources)) == 1
    return people


def test_a_provider_that_bounces_everybody_suppresses_nobody(
    resources: Resources, database: Database, broken: list[Mailed], caplog: pytest.LogCaptureFixture
) -> None:
    (found,) = open_ones(resources)
    assert (found["place"], found["people"], found["held"], found["tenants"]) == ("gmail", 24, 24, 1)
    assert found["said"].startswith("smtp; 550 5.1.1 user unknown ‹address› q")
    assert suppressed(database, *broken) == 0
    assert anomalies.troubled(resources) == [Troubled(anomaly_id=1, place="gmail", held=24)]
    told = " ".join(record.getMessage() for record in caplog.get_records("setup"))
    assert "gmail calls living mailboxes dead" in told
    assert "@" not in told


def test_what_was_suppressed_before_it_was_noticed_is_taken_back_with_an_audit(
    resources: Resources, database: Database, mail: Mail
) -> None:
    people = mail.people(24, reached=True)
    mail.arrives()
    mail.tell(BOUNCE, people[:19])
    assert suppressed(database, *people) == 19
    mail.tell(BOUNCE, people[19:])
    assert suppressed(database, *people) == 0
    with database.begin() as session:
        audited = rows(session, "SELECT action, reason FROM audit_entry WHERE action LIKE 'suppression.%'")
        history = rows(session, "SELECT what, actor, why FROM suppression_change ORDER BY id DESC LIMIT 1")
    assert [tuple(row.values()) for row in audited] == [
        ("suppression.taken_back", "24 people: anomaly 1 at gmail")
    ]
    assert [tuple(row.values()) for row in history] == [("ended", "posthouse", "anomaly 1 at gmail")]


def test_while_it_is_open_everybody_else_at_every_tenant_is_held_too(
    resources: Resources, database: Database, broken: list[Mailed]
) -> None:
    other = Mail(resources, "other")
    late = other.people(3, reached=False)
    other.tell(BOUNCE, late)
    assert suppressed(database, *broken, *late) == 0
    assert (open_ones(resources)[0]["held"], open_ones(resources)[0]["tenants"]) == (27, 2)


def test_another_text_another_provider_and_complaints_suppress_meanwhile(
    resources: Resources, database: Database, mail: Mail, broken: list[Mailed]
) -> None:
    closed, complained = mail.people(2, reached=False)
    mail.tell(BOUNCE, [closed], "550 5.2.1 The account is disabled")
    mail.tell("complaint_abuse", [complained])
    yahoo = Mail(resources, "third", provider="yahoo", domain="yahoo.example")
    gone = yahoo.people(1, reached=True)
    yahoo.tell(BOUNCE, gone)
    assert suppressed(database, closed, complained, *gone) == 3
    assert suppressed(database, *broken) == 0


def test_a_bought_list_is_suppressed(resources: Resources, database: Database, mail: Mail) -> None:
    people = mail.people(80, reached=False)
    mail.tell("delivery", people[40:])
    mail.tell(BOUNCE, people[:40])
    assert open_ones(resources) == []
    assert suppressed(database, *people) == 40


def test_the_ordinary_dead_of_a_large_list_are_suppressed(
    resources: Resources, database: Database, mail: Mail
) -> None:
    people = mail.people(230, reached=True)
    mail.tell("delivery", people[22:])
    mail.tell(BOUNCE, people[:22])
    assert open_ones(resources) == []
    assert suppressed(database, *people) == 22


def test_a_domain_that_is_nobodys_in_particular_is_a_place_of_its_own(
    resources: Resources, database: Database
) -> None:
    mail = Mail(resources, "acme", provider="other", domain="corp.example")
    people = mail.people(24, reached=True)
    elsewhere = Mail(resources, "third", provider="other", domain="elsewhere.example")
    gone = elsewhere.people(1, reached=True)
    mail.arrives()
    mail.tell(BOUNCE, people)
    elsewhere.tell(BOUNCE, gone)
    assert [found["place"] for found in open_ones(resources)] == ["domain:corp.example"]
    assert (suppressed(database, *people), suppressed(database, *gone)) == (0, 1)


def test_a_burst_whose_deliveries_are_not_known_yet_is_judged_when_they_are(
    resources: Resources, database: Database, mail: Mail
) -> None:
    """Bounces come by another queue than deliveries, and may overtake a million of them."""
    people = mail.people(300, reached=True)
    later = datetime.now(UTC)
    mail.tell("delivery", people[24:28], at=later - timedelta(minutes=5))
    mail.tell(BOUNCE, people[:24], at=later)
    assert open_ones(resources) == []
    assert suppressed(database, *people) == 24
    mail.tell("delivery", people[28:], at=later)
    assert anomalies.review(resources) == 0
    assert suppressed(database, *people) == 24


def test_the_same_events_again_change_nothing(
    resources: Resources, database: Database, mail: Mail, broken: list[Mailed]
) -> None:
    mail.tell(BOUNCE, broken, at=datetime.now(UTC) - timedelta(seconds=1))
    assert suppressed(database, *broken) == 0
    assert open_ones(resources)[0]["held"] == 24
    assert anomalies.review(resources) == 1


def test_two_appliers_at_once_open_one_anomaly_and_suppress_nobody(
    resources: Resources, database: Database, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds the other's people too; whoever meets in a circle is rolled back and tried again."""
    monkeypatch.setattr(applying, "BATCH", 4)
    other = Mail(resources, "other")
    people = [*mail.people(30, reached=True), *other.people(30, reached=True)]
    mail.arrives()
    other.arrives()
    mail.queue(BOUNCE, people[:30])
    other.queue(BOUNCE, people[30:])
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(applying.apply_due, database) for _ in range(2)]:
            done.result(timeout=120)
    anomalies.review(resources)
    (found,) = open_ones(resources)
    assert (found["held"], found["tenants"]) == (60, 2)
    assert suppressed(database, *people) == 0


def test_the_night_suppresses_nobody_whom_an_anomaly_holds(
    resources: Resources, database: Database, broken: list[Mailed]
) -> None:
    assert night(resources) == 0
    assert suppressed(database, *broken) == 0


def test_hygiene_rests_at_the_provider_while_an_anomaly_is_open(
    resources: Resources, database: Database, broken: list[Mailed]
) -> None:
    with database.begin() as session:
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT tenant_id, id, 'bounce_transient', now(), now() FROM delivery WHERE id = :id""",
            id=broken[0].delivery_id,
        )

    def judged() -> int:
        policy = hygiene_store.HygienePolicy(soft_bounces=1, soft_bounce_days=1)
        with database.begin() as session:
            return len(hygiene_store.soft_bounces(session, tenant_id=broken[0].tenant_id, policy=policy))

    assert judged() == 0
    anomalies.decide(resources, 1, confirmed=False, actor="eve", reason="mended")
    assert judged() == 1


def test_it_closes_by_itself_once_the_provider_is_well_and_its_people_are_mailed_again(
    resources: Resources, database: Database, broken: list[Mailed]
) -> None:
    assert anomalies.review(resources) == 1
    with database.begin() as session:
        run(session, "UPDATE hard_bounce SET noted_at = noted_at - interval '7 hours'")
        run(session, "UPDATE bounce_anomaly SET opened_at = opened_at - interval '7 hours'")
    assert anomalies.review(resources) == 0
    (found,) = anomalies.listing(resources)
    assert (found["decision"], found["held"]) == ("released", 0)
    assert night(resources) == 0
    assert suppressed(database, *broken) == 0


def test_a_mailbox_that_is_really_gone_says_so_again_and_is_suppressed(
    resources: Resources, database: Database, mail: Mail, broken: list[Mailed]
) -> None:
    """Else a company that gives up its domain would be mailed for ever."""
    anomalies.decide(resources, 1, confirmed=False, actor="eve", reason="their status page")
    mail.tell(BOUNCE, mail.again(broken))
    assert open_ones(resources) == []
    assert suppressed(database, *broken) == 24


def test_who_was_reached_in_between_is_held_in_the_next_incident_too(
    resources: Resources, database: Database, mail: Mail, broken: list[Mailed]
) -> None:
    anomalies.decide(resources, 1, confirmed=False, actor="eve", reason="their status page")
    mail.tell("delivery", mail.again(broken), at=datetime.now(UTC) + timedelta(seconds=60))
    mail.tell(BOUNCE, mail.again(broken))
    assert len(open_ones(resources)) == 1
    assert suppressed(database, *broken) == 0


def test_who_is_confirmed_is_suppressed_and_the_text_believed_for_a_week(
    resources: Resources, database: Database, mail: Mail, broken: list[Mailed]
) -> None:
    done = anomalies.decide(resources, 1, confirmed=True, actor="eve", reason="the provider has closed")
    assert done == {"anomaly_id": 1, "decision": "confirmed", "people": 24}
    assert suppressed(database, *broken) == 24
    more = mail.people(30, reached=True)
    mail.tell(BOUNCE, more)
    assert open_ones(resources) == []
    assert suppressed(database, *more) == 30


def test_what_nobody_noticed_is_taken_back_by_hand(
    resources: Resources, database: Database, mail: Mail
) -> None:
    people = mail.people(5, reached=True)
    mail.tell(BOUNCE, people)
    dead = mail.people(1, reached=False)
    mail.tell(BOUNCE, dead, "550 5.2.1 account disabled")
    assert suppressed(database, *people, *dead) == 6
    window = Window(
        place="gmail",
        since=datetime.now(UTC) - timedelta(hours=1),
        until=datetime.now(UTC) + timedelta(minutes=1),
    )
    why = {"actor": "eve", "reason": "gmail's incident"}
    tried = anomalies.take_back(resources, window, **why, dry_run=True)
    assert sorted(one["people"] for one in tried["answers"]) == [1, 5]
    assert suppressed(database, *people, *dead) == 6
    (answer,) = (one["said"] for one in tried["answers"] if one["people"] == 5)
    done = anomalies.take_back(resources, replace(window, said=answer), **why)
    assert (done["taken_back"], len(done["answers"])) == (5, 1)
    assert (suppressed(database, *people), suppressed(database, *dead)) == (0, 1)
    with pytest.raises(NotFoundError):
        anomalies.take_back(resources, replace(window, said=answer), **why)
    with pytest.raises(InputError):
        anomalies.take_back(resources, window, actor="eve", reason="")


def test_a_decision_needs_a_reason_and_an_open_anomaly(resources: Resources) -> None:
    with pytest.raises(InputError):
        anomalies.decide(resources, 1, confirmed=True, actor="eve", reason="")
    with pytest.raises(NotFoundError):
        anomalies.decide(resources, 1, confirmed=True, actor="eve", reason="x")
