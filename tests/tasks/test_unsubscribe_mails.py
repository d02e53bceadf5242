"""Unsubscribes by mail, from the header of a message to the suppression, and what must not come of other mails."""

from pathlib import Path

import pytest

from core import unsubscribe
from core.errors import ConfigurationError, InputError
from core.unsubscribe import NOBODY, Claim, Purpose
from store.session import Database, rows, run
from tasks import tenants
from tasks.resources import Resources
from tasks.unsubscribe_mails import Report, read_mailbox
from tests.fakes import SECRETS, FakeSes, some_resources
from tests.mailed import Mailed, a_delivery
from tests.stage import Stage


APPLE = "Auto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\nPrecedence: bulk\n"


@pytest.fixture
def tools(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path / "state", FakeSes())


@pytest.fixture
def mailed(database: Database) -> Mailed:
    with database.begin() as session:
        return a_delivery(session, state="sent")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def token(mailed: Mailed, purpose: Purpose = Purpose.UNSUBSCRIBE, **changes: int) -> str:
    claim = {"tenant_id": mailed.tenant_id, "delivery_id": mailed.delivery_id} | changes
    return unsubscribe.sign(Claim(**claim, purpose=purpose), SECRETS.token_keys[0])


def holding(database: Database) -> list[tuple[str, str, str]]:
    with database.begin() as session:
        found = rows(
            session,
            "SELECT reason, scope, source FROM suppression WHERE expires_at IS NULL OR expires_at > now() ORDER BY id",
        )
        return [(row["reason"], row["scope"], row["source"]) for row in found]


def test_a_mail_takes_its_person_off_the_list(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    """UNS-08: Apple's mail calls itself an automatic reply, and is heeded."""
    (inbox / "1").write_text(
        f"{APPLE}From: a@x.example\nTo: leave+{token(mailed)}@acme.example\n\nThis is an automated message.\n"
    )
    assert read_mailbox(tools, str(inbox)) == Report(mails=1, unsubscribed=1)
    assert holding(database) == [("unsubscribe", "audience", "mailto")]
    with database.begin() as session:
        assert [row["fact"] for row in rows(session, "SELECT fact FROM delivery_fact")] == ["unsubscribe"]
        changes = rows(session, "SELECT what, actor, why FROM suppression_change")
    assert [tuple(row.values()) for row in changes] == [("added", "recipient", "unsubscribed by mail")]


def test_a_mailbox_that_nobody_empties_takes_nobody_off_who_has_come_back(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    mbox = inbox / "mbox"
    mbox.write_text(f"From a\nSubject: unsubscribe {token(mailed)}\nMessage-ID: <1@x.example>\n\n")
    assert read_mailbox(tools, str(mbox)) == Report(mails=1, unsubscribed=1)
    assert read_mailbox(tools, str(mbox)) == Report(mails=1, already=1)
    with database.begin() as session:
        run(session, "UPDATE suppression SET expires_at = now()")
    assert read_mailbox(tools, str(mbox)) == Report(mails=1, already=1)
    assert holding(database) == []
    with mbox.open("a") as more:
        more.write(f"From a\nSubject: unsubscribe {token(mailed)}\nMessage-ID: <2@x.example>\n\n")
    assert read_mailbox(tools, str(mbox)) == Report(mails=2, already=1, unsubscribed=1)
    assert len(holding(database)) == 1


def test_spam_forgeries_and_peoples_own_words_stop_nobody(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    good = token(mailed)
    lines = {
        "flipped": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "preferences": token(mailed, Purpose.PREFERENCES),
        "other tenant": token(mailed, tenant_id=mailed.tenant_id + 1),
        "nobody's": token(mailed, delivery_id=mailed.delivery_id + 99),
        "words": "please take me off your list",
        "loop": "Auto: out of office",
    }
    for name, subject in lines.items():
        (inbox / name).write_text(f"{APPLE}To: leave@acme.example\nSubject: {subject}\n\n{good}\n")
    (inbox / "bytes").write_bytes(bytes(range(256)) * 1_000)
    assert read_mailbox(tools, str(inbox)) == Report(mails=7, others=7)
    assert holding(database) == []
    assert sorted(path.name for path in (inbox / "others").iterdir()) == sorted([*lines, "bytes"])


def test_a_genuine_token_behind_a_forged_one_counts(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    forged = unsubscribe.sign(Claim(1, 1, Purpose.UNSUBSCRIBE), unsubscribe.TokenKey("k1", bytes(16)))
    (inbox / "1").write_text(f"To: leave+{forged}@acme.example\nSubject: {token(mailed)}\n\n")
    assert read_mailbox(tools, str(inbox)).unsubscribed == 1


def test_the_mail_of_a_test_message_stops_nobody_and_is_put_away(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    (inbox / "1").write_text(f"Subject: {token(mailed, delivery_id=NOBODY)}\n\n")
    assert read_mailbox(tools, str(inbox)) == Report(mails=1, already=1)
    assert holding(database) == []


def test_a_reader_that_dies_before_it_puts_a_mail_away_reads_it_again_without_harm(
    tools: Resources, database: Database, mailed: Mailed, inbox: Path
) -> None:
    (inbox / "1").write_text(f"Subject: {token(mailed)}\n\n")
    read_mailbox(tools, str(inbox))
    (inbox / "heeded" / "1").rename(inbox / "1")
    assert read_mailbox(tools, str(inbox)) == Report(mails=1, already=1)
    with database.begin() as session:
        assert len(rows(session, "SELECT FROM suppression_change")) == 1


def test_without_a_mailbox_there_is_a_word_on_how_to_set_one(tools: Resources) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_mailbox(tools)
    assert "POSTHOUSE_UNSUBSCRIBE_MAILBOX" in refused.value.hint


def test_a_tenants_address_stands_in_every_message_from_then_on(stage: Stage, inbox: Path) -> None:
    """From the setting to the header, and from a mail to that header's address back to the suppression."""
    scene = stage.set(2)
    tools = stage.resources()
    tenants.set_unsubscribe_address(tools, scene.slug, address="leave@acme.example", actor="ann")
    stage.send(scene)
    offered = [message.headers["List-Unsubscribe"] for message in stage.ses.calls]
    assert all(value.count("<") == 2 and ">, <mailto:leave+v1.k1." in value for value in offered)
    to = offered[0].partition("<mailto:")[2].partition("?")[0]
    (inbox / "1").write_text(f"To: {to}\n\n")
    assert read_mailbox(tools, str(inbox)).unsubscribed == 1
    tenants.set_unsubscribe_address(tools, scene.slug, address="", actor="ann")
    with stage.database.begin() as session:
        assert rows(session, "SELECT policies FROM tenant")[0]["policies"] == {}


def test_an_address_that_cannot_carry_a_token_is_refused(stage: Stage) -> None:
    scene = stage.set(0)
    with pytest.raises(InputError):
        tenants.set_unsubscribe_address(
            stage.resources(), scene.slug, address="leave+x@acme.example", actor="ann"
        )
