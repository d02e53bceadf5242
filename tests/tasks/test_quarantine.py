"""A ledger that forgot what was sent: nothing leaves until it knows again, and nobody gets a second mail."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from core.errors import ConflictError, InputError, LedgerBehindError
from core.message import Message
from gateways import postgres as embedded
from gateways.postgres import EmbeddedPostgres, ensure_running
from gateways.queues import ensure_event_pipeline
from store import campaigns, migrations
from store.session import Database, one, rows, run
from tasks import accounts, doctoring, events, quarantine
from tests.builders import Scene, a_scene, allow_today, plan
from tests.fakes import FakeSes, a_quota, some_resources
from tests.mailed import SAMPLES
from tests.stage import Stage


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Event queues that hold nothing."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with mock_aws():
        ensure_event_pipeline(["posthouse-critical", "posthouse-engagement"], region="us-east-1")
        yield


def send_event(message: Message, number: int, **tags: str) -> str:
    """The Send event of the message that SES accepted as this one."""
    document = json.loads((SAMPLES / "send.json").read_text())
    ours = {**message.tags, "ses:configuration-set": message.configuration_set or "", **tags}
    document["mail"]["tags"] = {name: [value] for name, value in ours.items()}
    document["mail"]["messageId"] = f"fake-{number:06}"
    document["mail"]["timestamp"] = datetime.now(UTC).isoformat()
    document["mail"]["destination"] = [message.recipient]
    return json.dumps(document)


def tell(stage: Stage, *raws: str) -> events.DrainReport:
    path = stage.state_dir / "events.json"
    path.write_text("\n".join(raws))
    return events.ingest_files(stage.resources(), [path])


def all_events(messages: Sequence[Message]) -> list[str]:
    return [send_event(message, number) for number, message in enumerate(messages, start=1)]


def told_count(stage: Stage, messages: int) -> None:
    """Let GetAccount say how many messages SES has accepted in 24 hours."""
    assert isinstance(stage.ses, FakeSes)
    stage.ses._quota = a_quota(sent_last_24_hours=float(messages))


def records(database: Database) -> list[dict[str, Any]]:
    with database.begin() as session:
        return [dict(row) for row in rows(session, "SELECT * FROM ledger_quarantine ORDER BY id")]


def later(database: Database, pause: timedelta) -> None:
    with database.begin() as session:
        run(session, "UPDATE ledger_quarantine SET began_at = began_at - :pause", pause=pause)


def half_sent(stage: Stage, *, before: int, after: int) -> Scene:
    """A campaign of which the day's allowance lets some messages out, and whose account was read."""
    scene = stage.set(before + after, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, before)
    accounts.refresh(stage.resources())
    return scene


# P09: a dump that is read back


def restored(postgres: EmbeddedPostgres, dump: Path, name: str) -> Database:
    url = postgres.url(name).replace("+psycopg", "")
    where = ("--host", str(postgres.socket_dir), "--username", "postgres")
    embedded._run("createdb", *where, name)
    embedded._run("psql", "-Xq", "--file", str(dump), url)
    return Database(postgres.url(name))


@pytest.fixture
def yesterday(postgres: EmbeddedPostgres, stage: Stage, tmp_path: Path) -> Iterator[tuple[Stage, Scene]]:
    """The ledger of before thirty messages went out, read back from a dump."""
    scene = half_sent(stage, before=30, after=15)
    dumped = embedded._run("pg_dump", "--dbname", stage.database.url.replace("+psycopg", ""))
    dump = tmp_path / "dump.sql"
    dump.write_text(dumped.stdout)
    for folder in (tmp_path, dump):
        folder.chmod(0o755)
    assert stage.send(scene).accepted == 30
    told_count(stage, 30)
    database = restored(postgres, dump, "yesterday")
    back = Stage(database, stage.state_dir)
    back.ses = stage.ses
    yield back, scene
    database.dispose()
    embedded._run(
        "dropdb", "--host", str(postgres.socket_dir), "--username", "postgres", "--force", "yesterday"
    )


@pytest.mark.usefixtures("queues", "no_patience")
def test_a_restored_ledger_sends_nothing_until_a_person_confirms(yesterday: tuple[Stage, Scene]) -> None:
    """P09"""
    stage, scene = yesterday
    assert stage.states(scene) == {"pending": 45}
    with pytest.raises(LedgerBehindError, match="quarantine") as caught:
        stage.send(scene)
    assert caught.value.code == "ledger_behind_ses"
    with pytest.raises(LedgerBehindError, match="was restored"):
        accounts.refresh(stage.resources())
    assert len(stage.ses.calls) == 30
    with stage.database.begin() as session:
        reason = campaigns.status(session, **scene.campaign).state_reason
    assert reason.startswith("ledger_behind_ses: the database was restored")
    assert tell(stage, *all_events(stage.ses.sent)).applied == 30
    assert stage.states(scene) == {"pending": 15, "sent": 30}
    later(stage.database, timedelta(minutes=21))
    with pytest.raises(LedgerBehindError):
        accounts.refresh(stage.resources())  # a restore does not end by itself
    assert quarantine.confirm(stage.resources(), reason="all events came", actor="ann") == ["us-east-1"]
    accounts.refresh(stage.resources())
    stage.send(scene)
    assert stage.states(scene) == {"sent": 45}
    assert stage.called_twice() == []
    [record] = records(stage.database)
    assert (record["reason"], record["ended_by"], record["end_reason"], record["overridden"]) == (
        "restored",
        "ann",
        "all events came",
        False,
    )


@pytest.mark.usefixtures("queues")
def test_a_confirmation_is_refused_while_something_speaks_against_it(
    yesterday: tuple[Stage, Scene],
) -> None:
    stage, _ = yesterday
    with pytest.raises(InputError, match="needs a reason"):
        quarantine.confirm(stage.resources(), reason=" ", actor="ann")
    with pytest.raises(ConflictError, match="may still be accepted"):
        quarantine.confirm(stage.resources(), reason="I looked", actor="ann")
    quarantine.confirm(stage.resources(), reason="I looked", actor="ann", anyway=True)
    assert [record["overridden"] for record in records(stage.database)] == [True]
    with pytest.raises(ConflictError, match="not in quarantine"):
        quarantine.confirm(stage.resources(), reason="again", actor="ann")


# F22: a replica takes over without the last commits


class Cluster:
    """A PostgreSQL of its own, which can be put back to an earlier state and promoted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ensure_running(folder, durable=False)
        migrations.upgrade(self.url)
        self.database = Database(self.url)

    @property
    def url(self) -> str:
        return self.server.url("posthouse")

    @property
    def data(self) -> Path:
        return self.server.folder / "data"

    @property
    def copy(self) -> Path:
        return self.server.folder / "copy"

    def keep(self) -> None:
        """Copy the data as a replica has it that is about to fall behind."""
        self.server.stop()
        subprocess.run(["cp", "-a", self.data, self.copy], check=True)
        self.server = ensure_running(self.folder, durable=False)

    def put_back(self, *, promoted: bool) -> None:
        """Let the copy take over; a promoted replica goes on in a timeline of its own."""
        self.server.stop()
        subprocess.run(["rm", "-rf", self.data], check=True)
        self.copy.rename(self.data)
        if promoted:
            (self.data / "recovery.signal").touch()
            with (self.data / "postgresql.auto.conf").open("a") as settings:
                settings.write("restore_command = 'false'\n")
        self.server = ensure_running(self.folder, durable=False)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "state")
    yield cluster
    cluster.database.dispose()
    cluster.server.stop()


def forgetful(cluster: Cluster, folder: Path, *, promoted: bool) -> tuple[Stage, Scene]:
    """A ledger that forgot the last twelve of twenty messages; ten people wait besides."""
    stage = Stage(cluster.database, folder)
    scene = stage.set(30, rung=0)
    with stage.database.begin() as session:
        allow_today(session, scene, 8)
    accounts.refresh(stage.resources())
    assert stage.send(scene).accepted == 8
    stage.database.dispose()
    cluster.keep()
    with stage.database.begin() as session:
        run(session, "UPDATE warmup_allowance SET allowance = 20")
    assert stage.send(scene).accepted == 12
    told_count(stage, 20)
    stage.database.dispose()
    cluster.put_back(promoted=promoted)
    with stage.database.begin() as session:
        run(session, "UPDATE warmup_allowance SET allowance = 100")
    assert stage.states(scene) == {"sent": 8, "pending": 22}
    return stage, scene


@pytest.mark.usefixtures("queues", "no_patience")
def test_a_failover_that_lost_commits_heals_by_events_and_ends_by_itself(
    cluster: Cluster, tmp_path: Path
) -> None:
    """F22"""
    stage, scene = forgetful(cluster, tmp_path, promoted=True)
    with pytest.raises(LedgerBehindError):
        stage.send(scene)
    with pytest.raises(LedgerBehindError, match="has failed over"):
        accounts.refresh(stage.resources())
    assert len(stage.ses.calls) == 20
    assert tell(stage, *all_events(stage.ses.sent)).applied == 20
    assert stage.states(scene) == {"sent": 20, "pending": 10}
    with pytest.raises(LedgerBehindError):
        quarantine.watch(stage.resources())  # within the guard
    later(stage.database, timedelta(minutes=21))
    quarantine.watch(stage.resources())
    stage.send(scene)
    assert stage.states(scene) == {"sent": 30}
    assert stage.called_twice() == []
    assert [(row["reason"], row["ended_by"]) for row in records(stage.database)] == [
        ("failed_over", "posthouse")
    ]


@pytest.mark.usefixtures("queues", "no_patience")
def test_a_file_copy_put_back_betrays_itself_by_the_first_event(cluster: Cluster, tmp_path: Path) -> None:
    """F22, where no identity has changed: only the events know."""
    stage, scene = forgetful(cluster, tmp_path, promoted=False)
    accounts.refresh(stage.resources())
    assert tell(stage, all_events(stage.ses.sent)[8]).applied == 1
    with pytest.raises(LedgerBehindError, match="does not know"):
        accounts.refresh(stage.resources())
    with pytest.raises(LedgerBehindError):
        stage.send(scene)
    assert tell(stage, *all_events(stage.ses.sent)).applied == 19
    later(stage.database, timedelta(minutes=21))
    quarantine.confirm(stage.resources(), reason="events came", actor="ann")
    stage.send(scene)
    assert stage.states(scene) == {"sent": 30}
    assert stage.called_twice() == []


# What an event may heal, and what it may not


@pytest.fixture
def forgotten(stage: Stage) -> tuple[Scene, Message]:
    """A message that was sent, and whose attempt the ledger has lost."""
    scene = stage.set(1)
    accounts.refresh(stage.resources())
    stage.send(scene)
    with stage.database.begin() as session:
        run(session, "DELETE FROM delivery_attempt")
        run(session, "UPDATE delivery SET state = 'pending', attempt_id = NULL, ses_message_id = NULL")
    return scene, stage.ses.sent[0]


def test_a_lost_call_is_learnt_from_its_event(stage: Stage, forgotten: tuple[Scene, Message]) -> None:
    scene, message = forgotten
    assert tell(stage, send_event(message, 1)).applied == 1
    assert stage.states(scene) == {"sent": 1}
    with stage.database.begin() as session:
        attempt = one(session, "SELECT attempt_id, outcome FROM delivery_attempt")
    assert attempt is not None
    assert (attempt["attempt_id"], attempt["outcome"]) == (message.tags["attempt"], "learnt_from_event")
    [record] = records(stage.database)
    assert (record["reason"], record["evidence"]) == ("unknown_attempts", {"calls": 1})


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({"campaign": "999999"}, id="another campaign"),
        pytest.param({"delivery": "999999"}, id="a delivery that is not there"),
        pytest.param({"delivery": ""}, id="no delivery"),
        pytest.param({"attempt": ""}, id="no attempt"),
        pytest.param({"tenant": "nobody"}, id="no tenant of ours"),
    ],
)
def test_an_event_that_names_no_call_of_ours_heals_nothing(
    stage: Stage, forgotten: tuple[Scene, Message], tags: dict[str, str]
) -> None:
    scene, message = forgotten
    assert tell(stage, send_event(message, 1, **tags)).applied == 0
    assert stage.states(scene) == {"pending": 1}
    assert records(stage.database) == []


def test_another_tenants_tags_heal_nothing(stage: Stage, forgotten: tuple[Scene, Message]) -> None:
    """E12"""
    scene, message = forgotten
    with stage.database.begin() as session:
        other = a_scene(session, contacts=1)
        plan(session, other)
    tags = {"tenant": other.slug, "ses:configuration-set": f"{other.slug}-set"}
    assert tell(stage, send_event(message, 1, **tags)).applied == 0
    tags = {"ses:configuration-set": f"{other.slug}-set"}
    assert tell(stage, send_event(message, 2, **tags)).quarantined == 1
    assert stage.states(scene) == {"pending": 1}
    assert stage.states(other) == {"pending": 1}


def test_a_call_of_before_the_campaign_was_made_is_another_campaigns(
    stage: Stage, forgotten: tuple[Scene, Message]
) -> None:
    """A restored database gives ids a second time."""
    scene, message = forgotten
    with stage.database.begin() as session:
        run(session, "UPDATE campaign SET created_at = now() + interval '1 minute'")
    assert tell(stage, send_event(message, 1)).applied == 0
    assert stage.states(scene) == {"pending": 1}


# What SES has counted


@pytest.mark.parametrize(
    ("counted", "shared", "held"),
    [
        pytest.param(1000, False, True, id="P09: far more than the ledger knows"),
        pytest.param(40, False, False, id="a handful"),
        pytest.param(1000, True, False, id="a shared account"),
    ],
)
def test_a_ledger_that_was_silent_is_held_when_ses_counts_more(
    stage: Stage, counted: int, *, shared: bool, held: bool
) -> None:
    stage.set(1)
    accounts.refresh(stage.resources())
    with stage.database.begin() as session:
        run(
            session,
            "UPDATE ses_account SET refreshed_at = now() - interval '1 day', due_at = now() - interval '1 day'",
        )
    told_count(stage, counted)
    resources = some_resources(stage.database, stage.state_dir, stage.ses, ses_account_shared=shared)
    accounts.read(resources)
    assert [record["reason"] for record in records(stage.database)] == ["ses_knows_more"] * held


def test_the_doctor_tells_of_a_quarantine(stage: Stage, forgotten: tuple[Scene, Message]) -> None:
    _, message = forgotten
    ask = doctoring._QUESTIONS["ledger"]
    assert ask("ledger", stage.resources()).ok
    tell(stage, send_event(message, 1))
    answer = ask("ledger", stage.resources())
    assert (answer.ok, answer.hint) == (False, "posthouse ledger status")
