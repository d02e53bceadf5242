"""Prefect as a program sees it from outside: plain HTTP, and none of Prefect's own code."""

import time
from collections.abc import Callable
from typing import Any

import httpx


FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class PrefectApi:
    """The few calls of Prefect's REST API that the tests make."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/", trust_env=False, timeout=30)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def post(self, path: str, document: dict[str, Any] | None = None) -> httpx.Response:
        return self._http.post(path, json=document or {})

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment; here each has its flow's name."""
        return self.get(f"deployments/name/{name}/{name}")

    def ask(self, name: str, parameters: dict[str, Any]) -> httpx.Response:
        """Ask for a flow run; the answer may be a refusal."""
        return self.post(
            f"deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters}
        )

    def start(self, name: str, /, **parameters: Any) -> str:
        """Start a flow run; its id."""
        return self.ask(name, parameters).raise_for_status().json()["id"]

    def flow_run(self, run_id: str) -> dict[str, Any]:
        return self.get(f"flow_runs/{run_id}")

    def wait(self, run_id: str, until: set[str] = FINAL, *, seconds: float = 120) -> dict[str, Any]:
        """The flow run as soon as its state is of one of these types."""
        deadline = time.monotonic() + seconds
        while (run := self.flow_run(run_id))["state_type"] not in until:
            assert time.monotonic() < deadline, (
                f"still {run['state_name']} after {seconds} s: {self.logs(run_id)}"
            )
            time.sleep(0.3)
        return run

    def complete(self, name: str, /, **parameters: Any) -> str:
        """Run a flow to its end; the message of its Completed state."""
        return self.completed(self.start(name, **parameters))

    def completed(self, run_id: str) -> str:
        """Wait for the end of a run; the message of its Completed state."""
        run = self.wait(run_id)
        assert run["state_type"] == "COMPLETED", f"{run['state']['message']}\n{self.logs(run_id)}"
        return run["state"]["message"]

    def logs(self, run_id: str) -> list[str]:
        """What the run and its tasks have logged."""
        answer = self.post(
            "logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        )
        return [entry["message"] for entry in answer.raise_for_status().json()]

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """What the run has left, by key."""
        answer = self.post("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {entry["key"]: entry["data"] for entry in answer.raise_for_status().json() if entry["key"]}


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.2)
