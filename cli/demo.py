"""`posthouse demo`: two tenants, ten thousand people, one evening, on the real components.

Both campaigns go out through a real Prefect server and worker, over HTTP to the SES simulator; events come back
through SNS and SQS. Then the judge compares the ledger with the simulator's own accept log. Exit 1 if they differ.
"""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import demo_data, demo_readers, demo_report, processes
from cli.output import AsJson, Failed, answer, errors_as_answers, stderr
from cli.stack import Stack
from core import warmup_schedule
from core.hygiene import Rule
from core.suppression import Reason
from gateways.settings import Settings
from models import Tenant
from store import suppressions
from tasks import campaigns, contacts, events, forecasts, judging, mailbox_domains, rollups, tenants
from tasks import hygiene as hygiene_steps
from tasks.events import DrainReport
from tasks.judging import Verdict
from tasks.resources import Resources
from tasks.suppression_files import import_suppressions


SUPPRESSED_SHARE: Final = 0.12
BROKEN_LINES: Final = 40
FIRST_SHARE: Final = 0.6  # of the contacts are the first tenant's
EVENT_PATIENCE_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One tenant of the demo, and what it sends."""

    slug: str
    name: str
    template: str
    campaign: str
    postal_address: str
    daily_volume: int | None  # None: the domain is warm

    def tenant(self) -> Tenant:
        """Return it as a row; events need a configuration set."""
        return Tenant(
            slug=self.slug,
            name=self.name,
            from_name=self.name,
            from_address=f"news@mail.{self.slug}.example",
            reply_to=f"hello@{self.slug}.example",
            postal_address=self.postal_address,
            website=f"https://www.{self.slug}.example",
            ses_tenant_name=self.slug,
            configuration_set=f"{self.slug}-marketing",
        )


CLIENTS: Final = (
    Client(
        slug="northwind",
        name="Northwind Travel",
        template="newsletter",
        campaign="Winter journeys",
        postal_address="Northwind Travel, 12 Harbour Street, Bergen 5003, Norway",
        daily_volume=None,
    ),
    Client(
        slug="lindgren",
        name="Lindgren Books",
        template="announcement",
        campaign="The new catalogue",
        postal_address="Lindgren Books, 4 Mill Lane, Uppsala 753 10, Sweden",
        daily_volume=2_000,
    ),
)


def demo(
    *,
    people: Annotated[int, typer.Option("--contacts", min=200, help="Rows that become contacts.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed invents the same people, with the same fate.")] = 7,
    keep: Annotated[Path | None, typer.Option(help="Keep database, logs and files here.")] = None,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Keep it running to look around; default: on a terminal."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send two campaigns through the whole system on this machine, and let the simulator judge."""
    with errors_as_answers(as_json=as_json), ExitStack() as cleanup, suppress(KeyboardInterrupt):
        folder = keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="posthouse-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        profile = folder / "profile.json"
        profile.write_text(json.dumps(demo_data.PROFILE))
        stack = Stack(
            settings=Settings(state_dir=folder),
            simulator_arguments=("--seed", str(seed), "--profile", str(profile), "--max-send-rate", "400"),
        )
        _say("Starting PostgreSQL, Prefect, the web app and stand-ins for Amazon")
        with stack:
            document = _show_it_all(stack, folder, people, seed)
            document = {"seconds": round(time.monotonic() - began, 1), **document, "urls": stack.urls}
            answer(document, as_json=as_json, show=lambda: demo_report.show(document))
            if stay if stay is not None else _somebody_watches(as_json=as_json):
                _say("It keeps running, so that you can look around. Ctrl-C ends it.")
                stack.watch()
        if not Verdict(**document["judge"]).ok:
            raise Failed


def _somebody_watches(*, as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and stderr.is_terminal


def _say(what: str) -> None:
    stderr.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {what}", highlight=False)


def _show_it_all(stack: Stack, folder: Path, people: int, seed: int) -> dict[str, Any]:
    os.environ.update(stack.variables())  # this process's own boto3 and Prefect clients must find the stack
    resources = Resources(Settings())
    _name_providers(resources)
    first = int(people * FIRST_SHARE)
    for client, share in zip(CLIENTS, (first, people - first), strict=True):
        _make(resources, client, folder, share, seed)
    forbidden = _suppressed_keys(resources)
    campaign_ids, told = _send_through_prefect(resources, stack)
    told += _collect_events(resources, stack)
    _say(f"{told.applied:,} events applied, {told.duplicates:,} were duplicates")
    for slug, campaign_id in campaign_ids.items():
        left = demo_readers.leave(
            resources,
            stack.urls["web"],
            tenant_id=tenants.id_of(resources, slug),
            campaign_id=campaign_id,
            seed=seed,
        )
        _say(f"{slug}: {left} readers have unsubscribed by one click")
    hygiene = {client.slug: _clean(resources, client.slug) for client in CLIENTS}
    found = _reconcile()
    verdict = judging.judge(
        resources,
        stack.accept_log,
        list(campaign_ids.values()),
        forbidden_keys={key for keys in forbidden.values() for key in keys},
    )
    return {
        "tenants": [
            _line(resources, slug, campaign_id, hygiene=hygiene[slug], before=len(forbidden[slug]))
            for slug, campaign_id in campaign_ids.items()
        ],
        "judge": verdict.as_json(),
        "reconciliation": found,
    }


def _name_providers(resources: Resources) -> None:
    """Say who keeps the mailboxes of the invented domains."""
    for domain, provider in demo_data.PROVIDERS.items():
        mailbox_domains.choose(
            resources, domain, provider=provider, actor="demo", reason="Invented names have no MX records."
        )


def _make(resources: Resources, client: Client, folder: Path, share: int, seed: int) -> None:
    """Make the tenant and import its people."""
    tenants.add(
        resources,
        client.tenant(),
        daily_volume=client.daily_volume,
        schedule=warmup_schedule.WARM if client.daily_volume is None else warmup_schedule.ADAPTIVE,
    )
    tenant_id = tenants.id_of(resources, client.slug)
    files = demo_data.write(
        folder,
        client.slug,
        contacts=share,
        suppressed=int(share * SUPPRESSED_SHARE),
        broken=BROKEN_LINES // len(CLIENTS),
        seed=seed,
    )
    imported = contacts.import_contacts(
        resources, tenant_id=tenant_id, location=str(files.contacts), audience="readers"
    )
    import_suppressions(
        resources, tenant_id=tenant_id, location=str(files.suppressions), reason=Reason.IMPORT
    )
    counts = imported.as_json()
    _say(
        f"{client.name}: {counts['rows']:,} lines read, {counts['created']:,} contacts, {counts['duplicates']:,} "
        f"duplicates, {counts['rejected']:,} lines refused"
    )


def _suppressed_keys(resources: Resources) -> dict[str, set[str]]:
    keys = {}
    for client in CLIENTS:
        tenant_id = tenants.id_of(resources, client.slug)
        with resources.database.begin() as session:
            keys[client.slug] = {
                row["recipient_key"] for row in suppressions.export(session, tenant_id=tenant_id)
            }
    return keys


def _send_through_prefect(resources: Resources, stack: Stack) -> tuple[dict[str, int], DrainReport]:
    """Let the worker send both campaigns at once, and take their events meanwhile; return the campaigns' ids."""
    from cli.prefect_runs import run_to_its_end  # noqa: PLC0415  # Prefect reads its address when it is imported

    ids = {
        client.slug: campaigns.create(
            resources,
            tenant_slug=client.slug,
            name=client.campaign,
            audience="readers",
            template=client.template,
        )
        for client in CLIENTS
    }
    _say(f"Sending {len(ids)} campaigns through Prefect: {stack.urls['prefect']}")
    told = DrainReport()
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(
                run_to_its_end, "send-campaign/send-campaign", {"tenant": slug, "campaign_id": campaign_id}
            )
            for slug, campaign_id in ids.items()
        ]
        while not all(run.done() for run in runs):
            told += events.drain(resources)
            time.sleep(0.5)
        for run in runs:
            run.result()
    return ids, told


def _collect_events(resources: Resources, stack: Stack) -> DrainReport:
    """Take events until the simulator holds none back and a drain finds nothing new."""
    total, deadline = DrainReport(), time.monotonic() + EVENT_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        drained = processes.post(stack.urls["simulator"] + "/_simulator/flush")["drained"]
        report = events.drain(resources)
        total += report
        if drained and not report.received:
            break
    return total


def _clean(resources: Resources, slug: str) -> dict[str, int]:
    """Run the nightly hygiene; return whom it has taken, by rule, or would take once somebody has approved."""
    tenant_id = tenants.id_of(resources, slug)
    (night,) = hygiene_steps.run(resources, tenant_id=tenant_id).nights
    campaigns.settle(resources, tenant_id=tenant_id)
    taken = {} if night.waits else night.counts
    waiting = {"waits for approval": sum(night.counts.values())} if night.waits else {}
    return {str(rule): night.at_once.get(rule, 0) + taken.get(rule, 0) for rule in Rule} | waiting


def _suppressions(resources: Resources, slug: str) -> int:
    tenant_id = tenants.id_of(resources, slug)
    with resources.database.begin() as session:
        return sum(1 for _ in suppressions.export(session, tenant_id=tenant_id))


def _reconcile() -> str:
    """Let the worker look for what is missing, and write the campaigns' reports anew; return what it found, in words."""
    from cli.prefect_runs import run_to_its_end  # noqa: PLC0415  # Prefect reads its address when it is imported

    return run_to_its_end("reconcile-events/reconcile-events", {}).rpartition("; ")[2]


def _line(
    resources: Resources, slug: str, campaign_id: int, *, hygiene: dict[str, int], before: int
) -> dict[str, Any]:
    results = rollups.results(resources, campaign_id)
    outlook = forecasts.outlook(resources, campaign_id)
    told = results.as_json()
    return {
        "tenant": slug,
        **results.status.as_json(),
        **{name: told[name] for name in ("events", "bounces", "complaints", "unsubscribes")},
        "hygiene": hygiene,
        "suppressions_added": _suppressions(resources, slug) - before,
        "forecast": outlook.as_json() if results.status.pending else None,
    }
