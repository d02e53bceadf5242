"""The simulator of Amazon SES as a process of its own, and the environment in which boto3 finds it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Simulated:
    """A simulator that is up."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 to it, with credentials that any simulator takes."""
        return {
            "AWS_ENDPOINT_URL_SESV2": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Call the control API."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return json.load(answer)

    def fault(self, action: str, **rule: Any) -> None:
        """Put one fault rule in force."""
        self.control("POST", "faults", {"action": action, **rule})

    def accepted(self) -> list[dict[str, Any]]:
        """What stands in the accept log: the truth about what was sent."""
        return self.control("GET", "accepted?limit=10000")

    def calls(self, operation: str = "SendEmail") -> int:
        """How many requests of an operation arrived, whatever was answered."""
        return self.control("GET", "stats")["calls"].get(operation, 0)

    def reset(self) -> None:
        """Forget everything."""
        self.control("POST", "reset")
        self.control("DELETE", "faults")


@contextmanager
def a_simulator(*arguments: str) -> Iterator[Simulated]:
    """Start `python -m simulator` on a free port, and stop it at the end."""
    command = [sys.executable, "-m", "simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Simulated(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
