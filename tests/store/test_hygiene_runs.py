"""A night of hygiene, from whom its rules take to what has become of them, in a real database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session

from core.address_hints import ROLE_ENDINGS, ROLES, role_of
from core.errors import ConflictError, NotFoundError
from core.hygiene import HygienePolicy, Rule
from core.hygiene_runs import RunState
from core.mailbox_domains import Lookup, Reach
from core.removals import ListShare
from core.suppression import Reason
from models import Contact
from store import audiences, hygiene_findings, hygiene_runs, hygiene_taking, mailbox_domains, planning, skips
from store.mailbox_domains import Known
from store.session import one, rows, run
from tests.builders import Scene, a_campaign, a_contact, a_scene, excluded, ledger, plan, suppress


POLICY = HygienePolicy(sunset_days=180, sunset_messages=2)


@pytest.fixture
def scene(session: Session) -> Scene:
    return a_scene(session)


def begun(session: Session, scene: Scene, policy: HygienePolicy = POLICY) -> dict[str, int]:
    run_id = hygiene_runs.begin(session, tenant_id=scene.tenant_id, policy=policy)
    return {"tenant_id": scene.tenant_id, "run_id": run_id}


def take_all(session: Session, key: dict[str, int], policy: HygienePolicy = POLICY) -> tuple[int, int]:
    taken = spared = 0
    while done := hygiene_taking.take(session, **key, policy=policy, limit=1):
        taken, spared = taken + done["taken"], spared + done["spared"]
    return taken, spared


def removals(session: Session, key: dict[str, int]) -> dict[str, str]:
    found = rows(
        session,
        """SELECT c.address, r.rule FROM hygiene_removal r
           JOIN contact c ON c.tenant_id = r.tenant_id AND c.recipient_key = r.recipient_key
           WHERE r.tenant_id = :tenant_id AND r.run_id = :run_id""",
        **key,
    )
    return {row["address"]: row["rule"] for row in found}


def states(session: Session, scene: Scene) -> dict[str, tuple[str, str | None]]:
    found = rows(
        session,
        "SELECT address, state, state_rule FROM contact WHERE tenant_id = :tenant_id",
        tenant_id=scene.tenant_id,
    )
    return {row["address"]: (row["state"], row["state_rule"]) for row in found}


def winback_members(session: Session, scene: Scene) -> list[str]:
    found = rows(
        session,
        """SELECT c.address FROM audience a
           JOIN audience_member m ON m.tenant_id = a.tenant_id AND m.audience_id = a.id
           JOIN contact c ON c.tenant_id = m.tenant_id AND c.id = m.contact_id
           WHERE a.tenant_id = :tenant_id AND a.purpose = 'winback' ORDER BY c.address""",
        tenant_id=scene.tenant_id,
    )
    return [row["address"] for row in found]


def winback_scene(session: Session, scene: Scene) -> Scene:
    """A campaign to the tenant's win-back list."""
    row = one(
        session,
        "SELECT id FROM audience WHERE tenant_id = :tenant_id AND purpose = 'winback'",
        tenant_id=scene.tenant_id,
    )
    assert row is not None
    on_list = Scene(scene.slug, scene.tenant_id, row["id"], scene.sending_domain_id, 0)
    return a_campaign(session, on_list)


def mail(session: Session, scene: Scene, contact: Contact, *days: float) -> None:
    """Campaigns that were delivered to a contact so many days ago."""
    for ago in days:
        campaign = a_campaign(session, scene)
        row = one(
            session,
            """INSERT INTO delivery (tenant_id, campaign_id, contact_id, recipient_key, state)
               VALUES (:tenant_id, :campaign_id, :contact_id, :key, 'sent') RETURNING id""",
            **campaign.campaign,
            contact_id=contact.id,
            key=contact.recipient_key,
        )
        assert row is not None
        run(
            session,
            """INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at)
               SELECT :tenant_id, :id, 'delivery', at, at
               FROM (SELECT now() - make_interval(secs => :ago * 86400) AS at) AS told""",
            tenant_id=scene.tenant_id,
            id=row["id"],
            ago=float(ago),
        )


def somebody_looks(session: Session, scene: Scene) -> None:
    a_contact(session, scene, "keen@example.net", engaged_at=datetime.now(UTC))


def a_lapsing(session: Session, scene: Scene, address: str = "quiet@example.net") -> Contact:
    """A contact whom a night has let lapse."""
    somebody_looks(session, scene)
    contact = a_contact(session, scene, address)
    mail(session, scene, contact, 200, 100)
    key = begun(session, scene)
    hygiene_findings.silent(session, **key, policy=POLICY)
    assert take_all(session, key) == (1, 0)
    hygiene_runs.finish(session, **key)
    return contact


def let_pass(session: Session, scene: Scene, days: int) -> None:
    """Let time pass since the contacts of a tenant lapsed."""
    run(
        session,
        "UPDATE contact SET state_at = state_at - make_interval(days => :days) WHERE tenant_id = :tenant_id",
        days=days,
        tenant_id=scene.tenant_id,
    )


def look(session: Session, contact: Contact) -> None:
    """The person opens something, after everything that has happened so far."""
    run(
        session,
        "UPDATE contact SET engaged_at = clock_timestamp() + interval '1 second' WHERE id = :id",
        id=contact.id,
    )


# Silence, with the win-back step.


def test_the_silent_lapse_first_and_are_put_on_the_win_back_list(session: Session, scene: Scene) -> None:
    a_lapsing(session, scene)
    assert states(session, scene)["quiet@example.net"] == ("lapsing", "silent")
    assert states(session, scene)["keen@example.net"] == ("active", None)
    assert winback_members(session, scene) == ["quiet@example.net"]


def test_a_list_of_people_that_has_the_name_already_keeps_it(session: Session, scene: Scene) -> None:
    run(
        session,
        "INSERT INTO audience (tenant_id, name) VALUES (:tenant_id, 'win-back')",
        tenant_id=scene.tenant_id,
    )
    a_lapsing(session, scene)
    assert hygiene_runs.standing(session, tenant_id=scene.tenant_id) == {
        "lapsing": 1,
        "retired": 0,
        "winback": "win-back (hygiene)",
    }


def test_nobody_is_imported_into_the_list_that_hygiene_keeps(session: Session, scene: Scene) -> None:
    a_lapsing(session, scene)
    with pytest.raises(ConflictError, match="hygiene keeps the list 'win-back'"):
        audiences.get_or_create(session, tenant_id=scene.tenant_id, name="win-back")
    assert audiences.find(session, tenant_id=scene.tenant_id, name="win-back")


def test_ordinary_campaigns_pass_over_who_lapses_and_a_win_back_is_sent_once(
    session: Session, scene: Scene
) -> None:
    contact = a_lapsing(session, scene)
    let_pass(session, scene, 1)
    ordinary = a_campaign(session, scene)
    plan(session, ordinary)
    assert excluded(session, ordinary) == {contact.id: "lapsing"}
    first = winback_scene(session, scene)
    assert plan(session, first) == 1
    assert plan(session, first) == 0  # begun again after a crash: it does not count itself
    assert excluded(session, first) == {}
    second = winback_scene(session, scene)
    assert plan(session, second) == 0
    assert excluded(session, second) == {contact.id: "winback_sent"}
    found = planning.preview(session, tenant_id=scene.tenant_id, audience_id=first.audience_id)
    assert found == {"winback_sent": 1}


def test_a_win_back_that_was_cancelled_before_its_turn_does_not_count(session: Session, scene: Scene) -> None:
    a_lapsing(session, scene)
    first = winback_scene(session, scene)
    plan(session, first)
    skips.cancel_waiting(session, **first.campaign)
    assert plan(session, winback_scene(session, scene)) == 1


def test_a_look_makes_active_at_once_and_a_night_tidies_up(session: Session, scene: Scene) -> None:
    contact = a_lapsing(session, scene)
    let_pass(session, scene, 1)
    look(session, contact)
    campaign = a_campaign(session, scene)
    assert plan(session, campaign) == 2
    revived = hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[])
    assert revived == 1
    assert states(session, scene)["quiet@example.net"] == ("active", None)
    assert winback_members(session, scene) == []


def test_nobody_comes_back_without_a_sign_of_life(session: Session, scene: Scene) -> None:
    a_lapsing(session, scene)
    let_pass(session, scene, 40)
    assert hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[]) == 0
    assert winback_members(session, scene) == ["quiet@example.net"]


@pytest.mark.parametrize(
    ("delivered", "taken"),
    [
        pytest.param((), 0, id="no win-back was sent"),
        pytest.param((29,), 0, id="29 days of silence"),
        pytest.param((31,), 1, id="31 days of silence"),
        pytest.param((50,), 0, id="delivered before the person lapsed"),
    ],
)
def test_only_silence_after_a_delivered_win_back_retires(
    session: Session, scene: Scene, delivered: tuple[float, ...], taken: int
) -> None:
    contact = a_lapsing(session, scene)
    let_pass(session, scene, 40)
    mail(session, winback_scene(session, scene), contact, *delivered)
    key = begun(session, scene)
    assert hygiene_findings.silent_after_winback(session, **key, days=30) == taken
    assert hygiene_findings.silent(session, **key, policy=POLICY) == 0
    assert take_all(session, key) == (taken, 0)
    expected = ("retired", "silent_after_winback") if taken else ("lapsing", "silent")
    assert states(session, scene)["quiet@example.net"] == expected


def test_a_look_after_the_win_back_keeps_a_person(session: Session, scene: Scene) -> None:
    contact = a_lapsing(session, scene)
    let_pass(session, scene, 40)
    mail(session, winback_scene(session, scene), contact, 31)
    look(session, contact)
    assert hygiene_findings.silent_after_winback(session, **begun(session, scene), days=30) == 0


def test_without_the_step_who_lapsed_before_is_retired(session: Session, scene: Scene) -> None:
    a_lapsing(session, scene)
    policy = HygienePolicy(sunset_days=180, sunset_messages=2, winback_days=0)
    key = begun(session, scene, policy)
    assert hygiene_findings.silent(session, **key, policy=policy) == 1
    take_all(session, key, policy)
    assert states(session, scene)["quiet@example.net"] == ("retired", "silent")


def test_fresh_consent_brings_a_retired_person_back(session: Session, scene: Scene) -> None:
    contact = a_lapsing(session, scene)
    run(session, "UPDATE contact SET state = 'retired' WHERE id = :id", id=contact.id)
    let_pass(session, scene, 1)
    run(session, "UPDATE contact SET consent_at = now() WHERE id = :id", id=contact.id)
    assert hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[]) == 1


def test_whom_a_person_has_retired_stays_retired(session: Session, scene: Scene) -> None:
    a_contact(session, scene, state="retired", state_reason="asked by letter", engaged_at=datetime.now(UTC))
    assert hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[]) == 0


# Domains and roles.


def answer(session: Session, domain: str, reach: Reach) -> None:
    mailbox_domains.save(session, [Known(Lookup(domain, reach), "other", timedelta(days=7))])


def nights_of(session: Session, domain: str) -> int:
    row = one(session, "SELECT dead_nights FROM mailbox_domain WHERE domain = :domain", domain=domain)
    assert row is not None
    return row["dead_nights"]


def a_night_ago(session: Session) -> None:
    run(session, "UPDATE mailbox_domain SET dead_on = dead_on - 1")


def test_dead_answers_are_counted_by_nights_and_the_exchangers_are_kept(session: Session) -> None:
    known = Known(Lookup("firm.test", Reach.EXCHANGERS, ("mx.firm.test",)), "gmail", timedelta(days=7))
    mailbox_domains.save(session, [known])
    answer(session, "firm.test", Reach.NONEXISTENT)
    answer(session, "firm.test", Reach.NOWHERE)
    assert nights_of(session, "firm.test") == 1
    a_night_ago(session)
    answer(session, "firm.test", Reach.UNKNOWN)
    assert nights_of(session, "firm.test") == 1
    answer(session, "firm.test", Reach.NULL_MX)
    assert nights_of(session, "firm.test") == 2
    found = mailbox_domains.find(session, domain="firm.test")
    assert found is not None
    assert (found["reach"], found["provider"], found["exchangers"]) == ("null_mx", "gmail", ["mx.firm.test"])
    answer(session, "firm.test", Reach.ADDRESS)
    assert nights_of(session, "firm.test") == 0
    row = one(session, "SELECT dead_on FROM mailbox_domain")
    assert row is not None
    assert row["dead_on"] is None


def a_dead_domain(session: Session, domain: str, nights: int) -> None:
    run(
        session,
        """INSERT INTO mailbox_domain (domain, provider, reach, dead_nights, dead_on)
           VALUES (:domain, 'other', 'nonexistent', :nights, :day)""",
        domain=domain,
        nights=nights,
        day=date(2026, 11, 24),
    )


def test_a_domain_that_is_dead_for_nights_retires_its_contacts_until_it_is_back(
    session: Session, scene: Scene
) -> None:
    a_dead_domain(session, "gone.test", 7)
    a_dead_domain(session, "ill.test", 6)
    for address in ("ann@GONE.test", "bob@ill.test"):
        a_contact(session, scene, address)
    key = begun(session, scene)
    assert hygiene_findings.at_dead_domains(session, **key, nights=7) == 1
    assert removals(session, key) == {"ann@GONE.test": "dead_domain"}
    assert take_all(session, key) == (1, 0)
    assert states(session, scene)["ann@GONE.test"] == ("retired", "dead_domain")
    assert hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[]) == 0
    run(session, "UPDATE mailbox_domain SET dead_nights = 0, reach = 'exchangers'")
    assert hygiene_taking.revive(session, tenant_id=scene.tenant_id, policy=POLICY, disposable=[]) == 1
    assert states(session, scene)["ann@GONE.test"] == ("active", None)


@pytest.mark.parametrize(
    "local",
    ["info", "INFO", "info+shop", "news-request", "request", "ann", "infor", "ann.info", "no-reply", "a-owner", "+info"],
)  # fmt: skip
def test_the_database_knows_a_role_as_the_rule_does(session: Session, scene: Scene, local: str) -> None:
    a_contact(session, scene, f"{local}@firm.test")
    found = hygiene_findings.with_roles(session, **begun(session, scene), roles=ROLES, endings=ROLE_ENDINGS)
    assert bool(found) is (role_of(f"{local}@firm.test") is not None)


def test_a_rule_that_a_tenant_turns_off_gives_its_people_back(session: Session, scene: Scene) -> None:
    policy = HygienePolicy(retire_roles=1, retire_disposable=1)
    for address in ("info@firm.test", "ann@hour.test"):
        a_contact(session, scene, address)
    key = begun(session, scene, policy)
    hygiene_findings.at_domains(session, **key, rule=Rule.DISPOSABLE, domains=["hour.test"])
    hygiene_findings.with_roles(session, **key, roles=ROLES, endings=ROLE_ENDINGS)
    take_all(session, key, policy)
    assert states(session, scene) == {
        "info@firm.test": ("retired", "role"),
        "ann@hour.test": ("retired", "disposable"),
    }
    where = {"tenant_id": scene.tenant_id}
    assert hygiene_taking.revive(session, **where, policy=policy, disposable=["hour.test"]) == 0
    assert hygiene_taking.revive(session, **where, policy=policy, disposable=[]) == 1
    assert hygiene_taking.revive(session, **where, policy=HygienePolicy(), disposable=[]) == 1


def test_the_strongest_rule_takes_a_person_whom_two_would_take(session: Session, scene: Scene) -> None:
    contact = a_contact(session, scene, "info@gone.test")
    a_dead_domain(session, "gone.test", 9)
    key = begun(session, scene)
    assert hygiene_findings.bouncing(session, **key, rules={contact.recipient_key: Rule.SOFT_BOUNCE}) == 1
    assert hygiene_findings.at_dead_domains(session, **key, nights=7) == 0
    assert hygiene_findings.with_roles(session, **key, roles=ROLES, endings=ROLE_ENDINGS) == 0
    assert hygiene_findings.counts(session, **key) == {Rule.SOFT_BOUNCE: 1}


# The run.


def test_the_shares_of_lists_count_whom_we_mail(session: Session, scene: Scene) -> None:
    """Suppressed and retired people are not mailed; a person with two spellings is two members, and one of all."""
    for address in ("a@x.test", "b@x.test", "A@x.test", "gone@x.test"):
        a_contact(session, scene, address)
    a_contact(session, scene, "old@x.test", state="retired")
    suppress(session, scene, "gone@x.test", Reason.COMPLAINT)
    a_dead_domain(session, "x.test", 9)
    key = begun(session, scene)
    hygiene_findings.at_dead_domains(session, **key, nights=7)
    assert sorted(hygiene_runs.shares(session, **key), key=lambda one: one.name) == [
        ListShare(name="", mailable=2, leaving=2),
        ListShare(name="readers", mailable=3, leaving=3),
    ]


def test_a_killed_night_goes_on_where_it_stopped_and_ends_once(session: Session, scene: Scene) -> None:
    for n in range(3):
        a_contact(session, scene, f"r{n}@gone.test")
    a_dead_domain(session, "gone.test", 9)
    key = begun(session, scene)
    hygiene_findings.at_dead_domains(session, **key, nights=7)
    assert hygiene_taking.take(session, **key, policy=POLICY, limit=2) == {"taken": 2, "spared": 0}
    assert not hygiene_runs.finish(session, **key)  # somebody is left
    before = hygiene_runs.open_one(session, tenant_id=scene.tenant_id)
    assert before is not None
    assert (before["id"], before["state"], before["is_over"]) == (key["run_id"], "applying", False)
    assert take_all(session, key) == (1, 0)
    assert hygiene_runs.finish(session, **key)
    assert not hygiene_runs.finish(session, **key)
    assert hygiene_taking.take(session, **key, policy=POLICY, limit=2) is None
    assert hygiene_runs.open_one(session, tenant_id=scene.tenant_id) is None


def test_nobody_is_taken_while_a_night_waits(session: Session, scene: Scene) -> None:
    contact = a_contact(session, scene)
    key = begun(session, scene)
    hygiene_findings.bouncing(session, **key, rules={contact.recipient_key: Rule.SOFT_BOUNCE})
    counts = hygiene_findings.counts(session, **key)
    hygiene_runs.describe(session, **key, counts=counts, lists=[], waits_days=7)
    assert hygiene_taking.take(session, **key, policy=POLICY, limit=2) is None
    row = hygiene_runs.find(session, **key)
    assert (row["state"], row["counts"], (row["waits_until"] - row["created_at"]).days) == (
        "waiting",
        {"soft_bounce": 1},
        7,
    )
    moved = hygiene_runs.move(
        session, **key, to=RunState.APPLYING, since=RunState.WAITING, actor="Ada", why="seen"
    )
    assert moved
    assert not hygiene_runs.move(session, **key, to=RunState.REFUSED, since=RunState.WAITING, actor="Bob")
    assert take_all(session, key) == (1, 0)
    row = hygiene_runs.find(session, **key)
    assert (row["decided_by"], row["decided_why"]) == ("Ada", "seen")


@pytest.mark.parametrize(
    ("rule", "sign"),
    [
        pytest.param(Rule.SILENT, "UPDATE contact SET engaged_at = now() + interval '1 s'", id="an open"),
        pytest.param(Rule.SILENT_AFTER_WINBACK, "UPDATE contact SET consent_at = now() + interval '1 s'", id="consent"),
        pytest.param(Rule.DEAD_DOMAIN, "UPDATE mailbox_domain SET dead_nights = 0", id="the domain is back"),
        pytest.param(Rule.SOFT_BOUNCE, "UPDATE delivery_fact SET last_at = now() + interval '1 s'", id="a delivery"),
        pytest.param(Rule.MAILBOX_FULL, "UPDATE delivery_fact SET last_at = now() + interval '1 s'", id="room in the mailbox"),
    ],
)  # fmt: skip
def test_who_shows_a_sign_of_life_while_a_night_waits_is_spared(
    session: Session, scene: Scene, rule: Rule, sign: str
) -> None:
    contact, other = (a_contact(session, scene, address) for address in ("ann@firm.test", "bob@old.test"))
    for domain in ("firm.test", "old.test"):
        a_dead_domain(session, domain, 9)
    mail(session, scene, contact, 3)
    key = begun(session, scene)
    rules = {contact.recipient_key: rule, other.recipient_key: rule}
    hygiene_findings.bouncing(session, **key, rules=rules)
    narrowed = {
        "UPDATE contact": f"{sign} WHERE id = {contact.id}",
        "UPDATE mailbox_domain": f"{sign} WHERE domain = 'firm.test'",
        "UPDATE delivery_fact": sign,
    }
    run(session, next(statement for start, statement in narrowed.items() if sign.startswith(start)))
    assert take_all(session, key) == (1, 1)
    assert states(session, scene)["ann@firm.test"] == ("active", None)
    found = rows(session, "SELECT recipient_key FROM suppression")
    assert contact.recipient_key not in {row["recipient_key"] for row in found}


def test_a_tenant_has_one_open_night_and_another_tenants_is_not_found(session: Session, scene: Scene) -> None:
    """P04"""
    key = begun(session, scene)
    other = a_scene(session)
    begun(session, other)
    with pytest.raises(NotFoundError, match="there is no hygiene run"):
        hygiene_runs.find(session, tenant_id=other.tenant_id, run_id=key["run_id"])
    tried = hygiene_runs.begin(session, tenant_id=scene.tenant_id, policy=POLICY, state=RunState.REFUSED)
    assert [row["id"] for row in hygiene_runs.newest(session, tenant_id=scene.tenant_id)] == [
        tried,
        key["run_id"],
    ]


def test_old_nights_forget_whom_they_took_and_keep_their_counts(session: Session, scene: Scene) -> None:
    contact = a_contact(session, scene)
    key = begun(session, scene)
    hygiene_findings.bouncing(session, **key, rules={contact.recipient_key: Rule.SOFT_BOUNCE})
    take_all(session, key)
    hygiene_runs.finish(session, **key)
    assert hygiene_runs.forget(session, tenant_id=scene.tenant_id, after_days=90) == 0
    run(session, "UPDATE hygiene_run SET finished_at = finished_at - interval '91 days'")
    assert hygiene_runs.forget(session, tenant_id=scene.tenant_id, after_days=90) == 1


# A campaign that is being sent.


@pytest.mark.parametrize(
    ("state", "skipped"),
    [
        pytest.param("retired", {"retired"}, id="retired"),
        pytest.param("lapsing", {"lapsing"}, id="lapsing"),
        pytest.param("active", set(), id="active"),
    ],
)
def test_who_is_retired_in_mid_campaign_is_skipped_with_the_reason(
    session: Session, scene: Scene, state: str, skipped: set[str]
) -> None:
    a_contact(session, scene)
    plan(session, scene)
    run(session, "UPDATE contact SET state = :state, state_at = now()", state=state)
    run(session, "UPDATE delivery SET state = 'claimed', claim_token = 'mine', lease_until = now()")
    (delivery,) = ledger(session, scene)
    where = {"tenant_id": scene.tenant_id, "audience_id": scene.audience_id, "delivery_ids": [delivery["id"]]}
    assert skips.skip_retired(session, **where, token="another's") == set()
    found = skips.skip_retired(session, **where, token="mine")
    assert found == ({delivery["id"]} if skipped else set())
    (delivery,) = ledger(session, scene)
    assert ({delivery["skip_reason"]} - {None}, delivery["state"]) == (
        skipped,
        "skipped" if skipped else "claimed",
    )


def test_a_win_back_and_a_person_who_has_looked_again_are_not_skipped(session: Session, scene: Scene) -> None:
    contact = a_lapsing(session, scene)
    winback = winback_scene(session, scene)
    plan(session, winback)
    run(
        session,
        "UPDATE delivery SET state = 'claimed', claim_token = 'mine', lease_until = now() WHERE campaign_id = :id",
        id=winback.campaign_id,
    )
    (delivery,) = ledger(session, winback)
    where = {"tenant_id": scene.tenant_id, "token": "mine", "delivery_ids": [delivery["id"]]}
    assert skips.skip_retired(session, **where, audience_id=winback.audience_id) == set()
    let_pass(session, scene, 1)
    look(session, contact)
    assert skips.skip_retired(session, **where, audience_id=scene.audience_id) == set()
