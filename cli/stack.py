"""`posthouse up`: everything that Posthouse needs, on one machine, until Ctrl-C.

PostgreSQL, an SNS and SQS in Amazon's place (moto), an SES in Amazon's place (our simulator), Prefect's server and a
worker, and our web. All of it listens on 127.0.0.1, writes under `state_dir`, and can reach no real account: what the
user's environment says about Amazon and Prefect is left out of the children's.
"""

import contextlib
import fcntl
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from rich.table import Table

from cli import processes, stack_environment
from cli.output import AsJson, answer, errors_as_answers, stderr, stdout
from cli.processes import Child
from core.errors import ConfigurationError
from gateways import postgres
from gateways.queues import EventQueue, ensure_event_pipeline
from gateways.settings import PROJECT, Settings, settings
from store import migrations


WORKER = "prefect worker"
WORK_POOL = "posthouse"

_REGION = "us-east-1"

# An empty database takes Prefect 13 s to migrate on a quiet machine of two cores and was seen to take 65 s on a busy one.
_PREFECT_SECONDS = 180
_OTHERS_SECONDS = 60

# Of a person who tries things out: more than the machine is quick at, so that none waits for another to end.
_RUNS_AT_ONCE = 10

# What the worker needs besides its runs' time of grace, to report them and to end.
_WORKER_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where each part listens on 127.0.0.1."""

    prefect: int
    web: int
    simulator: int
    amazon: int

    @classmethod
    def choose(cls) -> Self:
        """Return the usual ports, and free ones in place of those that are taken."""
        return cls(
            prefect=processes.free_port(4200),
            web=processes.free_port(8025),
            simulator=processes.free_port(8026),
            amazon=processes.free_port(8027),
        )

    @classmethod
    def any(cls) -> Self:
        """Return free ports that the system chooses: two stacks that start at once do not race for the usual ones."""
        return cls(
            prefect=processes.free_port(),
            web=processes.free_port(),
            simulator=processes.free_port(),
            amazon=processes.free_port(),
        )


@dataclass(kw_only=True)
class Stack:
    """The running stack: a context manager that starts everything, and leaves nothing behind.

    Args:
        settings: Its `state_dir` holds the data, the logs and the accept log of the simulator.
        ports: Where the parts listen; by default on free ones.
        simulator_arguments: More options for `python -m simulator`.

    Raises:
        ConfigurationError: On entering: something did not start, and what had started is stopped again.
    """

    settings: Settings
    ports: Ports = field(default_factory=Ports.any)
    simulator_arguments: Sequence[str] = ()
    children: list[Child] = field(default_factory=list, init=False)
    _cleanup: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)

    def __enter__(self) -> Self:
        """Start everything. Call it from the main thread (see `cli.tether`)."""
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(processes.interruptible())
            cleanup.enter_context(_only_one(self.settings.state_dir))
            self._server = postgres.ensure_running(self.settings.state_dir)
            cleanup.callback(self._server.stop)
            cleanup.callback(self._stop_children)
            self._start()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop everything, the worker first: what it runs can then still report to Prefect."""
        self._cleanup.close()

    @property
    def urls(self) -> dict[str, str]:
        """Where a person or a program finds each part."""
        return {
            "web": f"http://127.0.0.1:{self.ports.web}",
            "prefect": f"http://127.0.0.1:{self.ports.prefect}",
            "simulator": f"http://127.0.0.1:{self.ports.simulator}",
            "amazon": f"http://127.0.0.1:{self.ports.amazon}",
            "database": self.database_url,
        }

    @property
    def database_url(self) -> str:
        """Our database: the configured one, or the embedded server's."""
        return self.settings.database_url or self._server.url("posthouse")

    @property
    def accept_log(self) -> Path:
        """Every message that the simulator accepted, one JSON per line."""
        return self.settings.state_dir / "logs" / "accepted.jsonl"

    @cached_property
    def event_queues(self) -> list[EventQueue]:
        """The topics and queues of SES events, made on first use."""
        names = (self.settings.critical_queue, self.settings.engagement_queue)
        return ensure_event_pipeline(names, stand_in_url=self.urls["amazon"], region=_REGION)

    def environment(self) -> dict[str, str]:
        """Return the environment in which our programs use this stack, and nothing else of Amazon or Prefect."""
        return stack_environment.inherited() | self.variables()

    def variables(self) -> dict[str, str]:
        """Return what `environment` adds to the user's own."""
        return (
            stack_environment.ours(self.settings, database_url=self.database_url, urls=self.urls)
            | stack_environment.amazon(self.urls, region=_REGION)
            | stack_environment.prefect(self.urls, home=self.settings.state_dir / "prefect")
        )

    def watch(self) -> None:
        """Return never, as long as all is well.

        Raises:
            ConfigurationError: A part has ended; the message names it and shows the end of its log.
        """
        while True:
            for child in self.children:
                child.require_alive()
            time.sleep(0.5)

    def _start(self) -> None:
        """Start the parts, each as soon as what it needs is there; the slow ones start first and are awaited last."""
        prefect = self._start_prefect_server()
        amazon = self._start_amazon()
        migrations.upgrade(self.database_url)
        web = self._start_web()
        processes.wait_for_url(f"{self.urls['amazon']}/moto-api/data.json", amazon, seconds=_OTHERS_SECONDS)
        simulator = self._start_simulator()
        processes.wait_for_url(
            self.urls["simulator"] + "/_simulator/health", simulator, seconds=_OTHERS_SECONDS
        )
        processes.wait_for_url(self.urls["web"] + "/readyz", web, seconds=_OTHERS_SECONDS)
        processes.wait_for_url(self.urls["prefect"] + "/api/ready", prefect, seconds=_PREFECT_SECONDS)
        self._start_worker()
        self._deploy()
        # A server that lost the race for its port may be gone by now, while its rival answered for it.
        for child in self.children:
            child.require_alive()

    def _spawn(self, name: str, *module: str, environment: Mapping[str, str] | None = None) -> Child:
        child = processes.start(
            name,
            module,
            environment=environment or self.environment(),
            cwd=PROJECT,
            log=self.settings.state_dir / "logs" / f"{name.replace(' ', '-')}.log",
        )
        self.children.append(child)
        return child

    def _start_prefect_server(self) -> Child:
        return self._spawn(
            "prefect server",
            *("prefect", "server", "start", *_listen(self.ports.prefect)),
            environment=self.environment()
            | stack_environment.prefect_server(self._server.url("prefect", "asyncpg")),
        )

    def _start_amazon(self) -> Child:
        return self._spawn("amazon", "cli.amazon", "-H", "127.0.0.1", "-p", str(self.ports.amazon))

    def _start_web(self) -> Child:
        # An access log would keep the tokens of unsubscribe links.
        return self._spawn("web", "uvicorn", "web.app:app", "--no-access-log", *_listen(self.ports.web))

    def _start_simulator(self) -> Child:
        critical, engagement = self.event_queues
        return self._spawn(
            "simulator",
            *(
                "simulator",
                "--port",
                str(self.ports.simulator),
                "--accept-log",
                str(self.accept_log.resolve()),
            ),
            *("--sns-endpoint", self.urls["amazon"], "--topic-arn-critical", critical.topic_arn),
            *("--topic-arn-engagement", engagement.topic_arn, *self.simulator_arguments),
        )

    def _start_worker(self) -> None:
        """Start the worker, which makes its work pool when there is none, and wait for the pool."""
        worker = self._spawn(WORKER, "cli", "worker", "--pool", WORK_POOL, "--limit", str(_RUNS_AT_ONCE))
        pool = f"{self.urls['prefect']}/api/work_pools/{WORK_POOL}"
        deadline = time.monotonic() + _OTHERS_SECONDS
        while not processes.answers(pool, below=400):
            worker.require_alive()
            if time.monotonic() > deadline:
                raise ConfigurationError(f"The worker made no work pool:\n{processes.tail(worker.log)}")
            time.sleep(0.2)

    def _deploy(self) -> None:
        """Register what prefect.yaml lists, checked by Prefect, and what its server does by itself."""
        registrars = (
            self._spawn("prefect deploy", "prefect", "--no-prompt", "deploy", "--all"),
            self._spawn("prefect automations", "cli.automations"),
        )
        for registrar in registrars:
            if registrar.process.wait() != 0:
                registrar.require_alive()
            self.children.remove(registrar)

    def _stop_children(self) -> None:
        workers = [child for child in self.children if child.name == WORKER]
        processes.ask_to_end(workers, seconds=self.settings.stop_grace_seconds + _WORKER_SECONDS)
        processes.stop(workers)
        processes.stop([child for child in self.children if child not in workers])


def _listen(port: int) -> tuple[str, ...]:
    return ("--host", "127.0.0.1", "--port", str(port))


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Refuse a second stack on the same data: two Prefect servers on one database get in each other's way."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"A stack already runs on {state_dir}.",
                hint="Stop it, or set POSTHOUSE_STATE_DIR for a second one.",
                code="already_running",
            ) from None
        yield


@contextlib.contextmanager
def _environment_file(stack: Stack) -> Iterator[Path]:
    """Write what a shell must source to use the stack, as long as it runs."""
    path = stack.settings.state_dir / "stack.env"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in stack.variables().items()]
    path.write_text("".join(lines))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _places(stack: Stack, environment: Path) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, what in (
        ("web", "dashboard, one-click unsubscribe, SNS webhook"),
        ("prefect", "flows, schedules and runs"),
        ("simulator", "in the place of Amazon SES"),
        ("amazon", "in the place of SNS, SQS, S3 and CloudWatch"),
    ):
        table.add_row(f"[bold]{name}[/bold]", stack.urls[name], f"[dim]{what}[/dim]")
    table.add_row("logs", str(stack.settings.state_dir / "logs"), "[dim]one file for each part[/dim]")
    table.add_row("shell", f"source {environment}", "[dim]to use all this from another terminal[/dim]")
    return table


def up(*, as_json: AsJson = False) -> None:
    """Run the whole local stack until Ctrl-C; nothing of it stays behind."""
    with errors_as_answers(as_json=as_json), contextlib.suppress(KeyboardInterrupt):
        stderr.print("Starting; the first time takes half a minute. Ctrl-C stops it.", style="dim")
        began = time.monotonic()
        with (
            Stack(settings=settings(), ports=Ports.choose()) as stack,
            _environment_file(stack) as environment,
        ):
            document = {
                "urls": stack.urls,
                "environment": stack.variables(),
                "logs": str(stack.settings.state_dir / "logs"),
                "pids": {child.name: child.process.pid for child in stack.children},
                "seconds": round(time.monotonic() - began, 1),
            }
            answer(document, as_json=as_json, show=lambda: stdout.print(_places(stack, environment)))
            # The answer is read by a program that waits for it, perhaps through a pipe.
            sys.stdout.flush()
            stack.watch()
