"""How many contacts one CPU second imports: `python -m benchmarks.import_contacts --rows 1000000`.

The CPU time of our process and of its PostgreSQL backend are added, so the figure does not depend on how many cores
there are. Every contact is new, which is the dearest case: `--again` measures the same file a second time.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

import psutil

from gateways import postgres
from gateways.settings import Settings
from models import Tenant
from store import migrations, tenants
from store.session import one
from tasks.contacts import import_contacts
from tasks.resources import Resources


_FIRST = ("anna", "ben", "carla", "dmitri", "elena", "farid", "gita", "hugo", "ines", "jonas", "kim", "lena")
_LAST = ("miller", "garcia", "okafor", "novak", "rossi", "tanaka", "silva", "dubois", "larsen", "kowalski")


def write_file(path: Path, count: int, seed: int = 1) -> None:
    """Write a file of `count` people, one of a hundred of them a second time in capitals."""
    dice = random.Random(seed)
    previous = ""
    with path.open("w") as target:
        target.write("email,first_name,last_name,country,plan\n")
        for number in range(count):
            first, last = dice.choice(_FIRST), dice.choice(_LAST)
            address = f"{first}.{last}.{number}@example{number % 997}.com"
            if number % 100 == 99:
                address = previous.upper()
            previous = address
            target.write(f"{address},{first.title()},{last.title()},DE,{'gold' if number % 3 else 'free'}\n")


def measure(resources: Resources, tenant_id: int, file: Path) -> dict[str, object]:
    """Import a file and return what it cost."""
    with resources.database.begin() as session:
        row = one(session, "SELECT pg_backend_pid() AS pid")
    assert row is not None
    # One thread, so one pooled connection: the same backend does all the work.
    backend = psutil.Process(row["pid"])
    before, started, clock = backend.cpu_times(), time.process_time(), time.monotonic()
    report = import_contacts(resources, tenant_id=tenant_id, location=str(file), audience="everybody")
    client, after = time.process_time() - started, backend.cpu_times()
    server = after.user + after.system - before.user - before.system
    rows = report.counts["rows"]
    return {
        "rows": rows,
        "created": report.counts["created"],
        "unchanged": report.counts["unchanged"],
        "client_cpu_s": round(client, 2),
        "backend_cpu_s": round(server, 2),
        "rows_per_cpu_s": round(rows / (client + server)),
        "wall_s": round(time.monotonic() - clock, 2),
        "rss_mb_peak": round(_peak_rss_mb(), 1),
    }


def _peak_rss_mb() -> float:
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="import the same file a second time as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        file = state / "contacts.csv"
        write_file(file, options.rows)
        server = postgres.ensure_running(state)
        try:
            for result in run(server.url("posthouse"), state, file, again=options.again):
                print(json.dumps(result))
        finally:
            server.stop()


def run(url: str, state: Path, file: Path, *, again: bool) -> list[dict[str, object]]:
    """Return the measurements on a fresh database."""
    migrations.upgrade(url)
    resources = Resources(Settings(database_url=url, state_dir=state))
    tenant = Tenant(
        slug="bench",
        name="Bench",
        from_name="Bench",
        from_address="news@example.com",
        reply_to="news@example.com",
        postal_address="1 Example Street",
    )
    with resources.database.begin() as session:
        tenant_id = tenants.add(session, tenant)
    results = [measure(resources, tenant_id, file) for _ in range(2 if again else 1)]
    resources.database.dispose()
    return results


if __name__ == "__main__":
    main()
