"""The embedded PostgreSQL, for real: each test starts a server of its own in a temporary folder (0.15 s)."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from core.errors import ConfigurationError
from gateways import postgres
from gateways.postgres import EmbeddedPostgres, database_url, ensure_running
from gateways.settings import Settings


# A shell starts background jobs with SIGINT ignored, and what they start inherits that, so it is set again.
USER_PROGRAM = """
import signal, sys, time
from pathlib import Path
from gateways.postgres import ensure_running
signal.signal(signal.SIGINT, signal.default_int_handler)
ensure_running(Path(sys.argv[1]), durable=False)
print("running", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped server's folder. Copying it takes a tenth of the time of making another."""
    folder = tmp_path_factory.mktemp("cluster")
    ensure_running(folder, durable=False).stop()
    return folder


@pytest.fixture
def state_dir(tmp_path: Path, cluster: Path) -> Iterator[Path]:
    """A state folder of this test, in which a server has been and is no more."""
    subprocess.run(["cp", "-a", f"{cluster}/.", tmp_path], check=True)
    yield tmp_path
    # pytest would keep the folders of three sessions, and these have 60 MB each.
    shutil.rmtree(tmp_path / "postgres/data")


@pytest.fixture
def server(state_dir: Path) -> Iterator[EmbeddedPostgres]:
    running = ensure_running(state_dir, durable=False)
    yield running
    running.stop()


@pytest.fixture
def start_user(state_dir: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start other processes that use the server of `state_dir`."""
    users: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", USER_PROGRAM, str(state_dir)]
        users.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return users[-1]

    yield start
    for user in users:
        user.kill()
        user.communicate()
    ensure_running(state_dir).stop()


def fetch(server: EmbeddedPostgres, query: str) -> str:
    engine = sqlalchemy.create_engine(server.url("posthouse"), poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        return str(connection.execute(sqlalchemy.text(query)).scalar())


def execute(server: EmbeddedPostgres, statement: str) -> None:
    engine = sqlalchemy.create_engine(server.url("posthouse"), poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement))


def server_pid(folder: Path) -> int:
    return int((folder / "postgres/data/postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_it_holds_our_database_and_prefects(server: EmbeddedPostgres) -> None:
    async def ask_prefects() -> str:
        engine = create_async_engine(server.url("prefect", "asyncpg"))
        async with engine.connect() as connection:
            answer = await connection.scalar(sqlalchemy.text("SELECT current_database()"))
        await engine.dispose()
        return str(answer)

    assert fetch(server, "SELECT current_database()") == "posthouse"
    assert asyncio.run(ask_prefects()) == "prefect"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("listen_addresses", "", id="nothing listens on the network"),
        pytest.param("max_connections", "200", id="room for workers, web and Prefect"),
        pytest.param("TimeZone", "UTC", id="times are UTC"),
        pytest.param("server_encoding", "UTF8", id="names come in every script"),
        pytest.param("fsync", "off", id="only because these tests ask for it"),
    ],
)
def test_its_settings(setting: str, expected: str, server: EmbeddedPostgres) -> None:
    assert fetch(server, f"SHOW {setting}") == expected


def test_its_commits_survive_a_power_cut_by_default(state_dir: Path) -> None:
    running = ensure_running(state_dir)

    assert (
        fetch(running, "SELECT current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
    )
    running.stop()


def test_only_its_owner_may_open_its_folder(server: EmbeddedPostgres) -> None:
    assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_starting_it_twice_gives_the_same_server(server: EmbeddedPostgres, state_dir: Path) -> None:
    pid = server_pid(state_dir)

    assert ensure_running(state_dir) == server
    assert server_pid(state_dir) == pid


def test_it_has_stopped_when_its_only_user_says_stop(state_dir: Path) -> None:
    for _ in range(8):
        running = ensure_running(state_dir, durable=False)
        running.stop()

        assert not (state_dir / "postgres/data/postmaster.pid").exists()


def test_processes_that_start_together_share_one_server(
    state_dir: Path, start_user: Callable[[], subprocess.Popen[str]]
) -> None:
    users = [start_user() for _ in range(3)]

    answers = [user.stdout.readline() for user in users if user.stdout]

    assert answers == ["running\n"] * 3
    parents = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(state_dir / "postgres/data") in (p.info["cmdline"] or [])
    ]
    assert [p.pid for p in parents] == [server_pid(state_dir)]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_stops_after_its_last_user_however_that_ended(
    end: signal.Signals, state_dir: Path, start_user: Callable[[], subprocess.Popen[str]]
) -> None:
    first, last = start_user(), start_user()
    for user in (first, last):
        assert user.stdout is not None
        assert user.stdout.readline() == "running\n"
    pid = server_pid(state_dir)

    first.send_signal(end)
    first.wait()
    time.sleep(0.2)
    assert is_running(pid)

    last.send_signal(end)
    assert wait_until_gone(pid)


def test_a_killed_server_is_started_again_and_forgets_nothing(
    server: EmbeddedPostgres, state_dir: Path
) -> None:
    execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = server_pid(state_dir)
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(pid)

    again = ensure_running(state_dir, durable=False)

    assert fetch(again, "SELECT answer FROM kept") == "42"


def test_a_process_id_that_went_to_another_program_does_not_stop_it_from_starting(
    server: EmbeddedPostgres, state_dir: Path
) -> None:
    server.stop()
    leftover = f"{os.getpid()}\n{server.socket_dir}\n0\n5432\n{server.socket_dir}\n\n0 0\nready\n"
    (server.socket_dir / "postmaster.pid").write_text(leftover)

    again = ensure_running(state_dir, durable=False)

    assert fetch(again, "SELECT 1") == "1"


def test_a_dropped_database_is_made_again_at_the_next_start(
    server: EmbeddedPostgres, state_dir: Path
) -> None:
    engine = sqlalchemy.create_engine(server.url("postgres"), poolclass=sqlalchemy.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("DROP DATABASE prefect"))
    server.stop()

    again = ensure_running(state_dir, durable=False)

    assert fetch(again, "SELECT count(*) FROM pg_database WHERE datname = 'prefect'") == "1"


def test_a_state_folder_too_deep_for_a_socket_still_works(tmp_path: Path) -> None:
    running = ensure_running(tmp_path / ("deep" * 20), durable=False)

    assert fetch(running, "SELECT 1") == "1"
    assert running.socket_dir != running.folder / "data"
    running.stop()
    running.socket_dir.rmdir()


def test_a_socket_folder_that_somebody_else_made_first_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    deep = tmp_path / ("deep" * 20)
    socket_dir = postgres._socket_dir(deep.resolve() / "postgres/data")
    socket_dir.mkdir()
    os.chown(socket_dir, 4242, 4242)

    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        ensure_running(deep)
    socket_dir.rmdir()


def test_its_log_holds_no_value_of_a_failing_statement(server: EmbeddedPostgres) -> None:
    execute(server, "CREATE TABLE contact (address text PRIMARY KEY)")
    execute(server, "INSERT INTO contact VALUES ('ada@example.com')")

    with pytest.raises(sqlalchemy.exc.IntegrityError):
        execute(server, "INSERT INTO contact VALUES ('ada@example.com')")

    log = (server.socket_dir / "server.log").read_text()
    assert "duplicate key value" in log
    assert "ada@" not in log


def test_a_server_that_cannot_start_says_why(server: EmbeddedPostgres, state_dir: Path) -> None:
    server.stop()
    (server.socket_dir / "PG_VERSION").write_text("12\n")

    with pytest.raises(ConfigurationError, match="database files are incompatible"):
        ensure_running(state_dir)


def test_a_configured_database_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    configured = Settings(database_url="postgresql+psycopg://db.example/posthouse", state_dir=tmp_path)

    assert database_url(configured) == "postgresql+psycopg://db.example/posthouse"
    assert list(tmp_path.iterdir()) == []


def test_without_a_configured_database_the_embedded_one_is_started(tmp_path: Path) -> None:
    url = database_url(Settings(database_url=None, state_dir=tmp_path))

    running = ensure_running(tmp_path)
    assert url == running.url("posthouse", "psycopg")
    assert fetch(running, "SELECT 1") == "1"
    running.stop()
