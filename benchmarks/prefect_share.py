"""What Prefect adds to a campaign: a real run of `send-campaign` on a real server and worker, taken apart.

The run's time is cut at what Prefect itself has written down: from the request to the run's start, the task runs, and
what lies between them. Whatever is not inside a task run is called Prefect's, our own artifacts and look-ups included, so
the share is an upper bound. The start costs the same however long a campaign is: the worker looks for runs every two
seconds, and a new process imports Prefect and us. Nobody gets events: the tenant has no configuration set.
"""

import json
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import Goal, Result
from cli.stack import Stack
from core import warmup_schedule
from gateways.settings import Settings
from models import Tenant
from tasks import campaigns, tenants
from tasks.contacts import import_contacts
from tasks.resources import Resources


SIZE = 50_000
SHARE = 0.03
SEND_RATE = 500  # messages a second; 90 % of it are used
SCHEDULED = (
    "dispatch-campaigns",
    "read-unsubscribes",
    "reconcile-events",
    "advance-warmup",
    "update-hygiene",
)
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
CHUNK = "Send chunk"
PARTS = ("prefect server", "prefect worker")

_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A task run: its name, and the seconds from its start to its end."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A flow run in seconds: from the request to its start, from the start to its end, and its task runs."""

    until_start: float
    running: float
    spans: Sequence[Span]

    @property
    def in_steps(self) -> float:
        """Return the seconds inside task runs; they never overlap."""
        return sum(span.seconds for span in self.spans)

    @property
    def between_steps(self) -> float:
        """Return the seconds of the run outside of task runs."""
        return self.running - self.in_steps

    @property
    def share(self) -> float:
        """Return the part of the run's time, once it has started, that no step has."""
        return self.between_steps / self.running

    @property
    def share_with_start(self) -> float:
        """Return the same of the time since the request: with the worker's poll, a new process and its imports."""
        return (self.until_start + self.between_steps) / (self.until_start + self.running)

    def as_json(self) -> dict[str, Any]:
        """Return the parts."""
        chunks = [span for span in self.spans if span.name.startswith(CHUNK)]
        return {
            "until_start_s": round(self.until_start, 2),
            "sending_s": round(sum(span.seconds for span in chunks), 2),
            "other_steps_s": round(self.in_steps - sum(span.seconds for span in chunks), 2),
            "between_steps_s": round(self.between_steps, 2),
            "chunks": len(chunks),
            "share": round(self.share, 4),
            "share_with_start": round(self.share_with_start, 4),
        }


def timeline(flow_run: Mapping[str, Any], task_runs: Sequence[Mapping[str, Any]]) -> Timeline:
    """Return the timeline of what Prefect's API says of a run and of its tasks."""
    return Timeline(
        until_start=_seconds(flow_run["created"], flow_run["start_time"]),
        running=_seconds(flow_run["start_time"], flow_run["end_time"]),
        spans=[
            Span(name=task["name"], seconds=_seconds(task["start_time"], task["end_time"]))
            for task in task_runs
        ],
    )


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def measure(size: int = SIZE) -> Result:
    """Send a campaign of `size` messages by one run of the deployment."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stack = Stack(
            settings=Settings(state_dir=Path(folder), database_url=None),
            simulator_arguments=("--max-send-rate", str(SEND_RATE), "--max-24-hour-send", "-1"),
        )
        with stack:
            resources = Resources(Settings(state_dir=Path(folder), database_url=stack.database_url))
            campaign_id = _campaign(resources, Path(folder), size)
            for name in SCHEDULED:
                _ask(stack, f"deployments/{_deployment(stack, name)}/pause_deployment", {})
            before = _spent(stack)
            flow_run = _run(stack, campaign_id)
            after = _spent(stack)
            assert campaigns.status_of(resources, campaign_id).sent == size
            resources.database.dispose()
            found = timeline(flow_run, _task_runs(stack, flow_run["id"]))
    return Result(
        goals=[
            Goal(what=what, value=round(share * 100, 2), bound="at most", limit=SHARE * 100, unit="%")
            for what, share in (
                (f"Prefect's share of a run of {size:,} messages", found.share),
                ("the same with the wait for the run's start", found.share_with_start),
            )
        ],
        figures={
            "messages": size,
            **found.as_json(),
            "messages_per_second": round(size / found.as_json()["sending_s"]),
            **{f"{name.replace(' ', '_')}_cpu_s": round(after[name] - before[name], 2) for name in PARTS},
        },
    )


def _campaign(resources: Resources, folder: Path, size: int) -> int:
    tenant = Tenant(
        slug="bench",
        name="Kestrel Workshop",
        from_name="Kestrel Workshop",
        from_address="letter@news.example",
        reply_to="hello@news.example",
        website="https://kestrel.example",
        postal_address="Kestrel Workshop Ltd, 14 Quay Street, Bristol BS1 4DJ, United Kingdom",
    )
    tenant_id = tenants.add(resources, tenant, schedule=warmup_schedule.WARM)
    file = folder / "readers.csv"
    with file.open("w") as target:
        target.write("email,first_name\n")
        target.writelines(f"reader{number}@example{number % 97}.com,Ada\n" for number in range(size))
    import_contacts(resources, tenant_id=tenant_id, location=str(file), audience="readers")
    return campaigns.create(
        resources, tenant_slug="bench", name="Autumn letter", audience="readers", template="announcement"
    )


def _ask(stack: Stack, path: str, document: Mapping[str, Any] | None = None) -> Any:
    """Call Prefect's API: POST with a document, GET without."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(  # noqa: S310  # our own server on 127.0.0.1
        f"{stack.urls['prefect']}/api/{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with _LOCAL.open(request, timeout=60) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def _deployment(stack: Stack, name: str) -> str:
    found: str = _ask(stack, f"deployments/name/{name}/{name}")["id"]
    return found


def _run(stack: Stack, campaign_id: int) -> dict[str, Any]:
    """Start the deployment and return its run as soon as it has ended."""
    parameters = {"tenant": "bench", "campaign_id": campaign_id}
    started = _ask(
        stack,
        f"deployments/{_deployment(stack, 'send-campaign')}/create_flow_run",
        {"parameters": parameters},
    )
    while True:
        found: dict[str, Any] = _ask(stack, f"flow_runs/{started['id']}")
        if found["state_type"] in FINAL:
            assert found["state_type"] == "COMPLETED", found["state"]["message"]
            return found
        time.sleep(1)


def _task_runs(stack: Stack, flow_run_id: str) -> list[dict[str, Any]]:
    """Return the task runs, when the last of them has arrived: the server takes them over a queue."""
    wanted = {"flow_runs": {"id": {"any_": [flow_run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}
    while True:
        found: list[dict[str, Any]] = _ask(stack, "task_runs/filter", wanted)
        if found and all(task["end_time"] for task in found):
            return found
        time.sleep(1)


def _spent(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds of Prefect's server and worker, without the processes of flow runs."""
    pids = {child.name: child.process.pid for child in stack.children}
    return {name: _cpu(psutil.Process(pids[name]), all_of_it=name != "prefect worker") for name in PARTS}


def _cpu(process: psutil.Process, *, all_of_it: bool) -> float:
    """Return what a process has spent, with all that it started and lives; of the worker's launcher, with the worker."""
    family = [process, *process.children(recursive=all_of_it)]
    return sum(times.user + times.system for times in (member.cpu_times() for member in family))
