"""`posthouse demo`: two tenants, ten thousand people, one evening, on the real components.

Both campaigns go out through a real Prefect server and worker, over HTTP to the SES simulator; events come back
through SNS and SQS. Then the judge compares the ledger with the simulator's own accept log. Exit 1 if they differ.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import demo_data, processes
from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stderr, stdout
from cli.stack import Stack
from core import warmup_schedule
from core.facts import Fact
from core.suppression import Reason
from gateways.settings import Settings
from models import Tenant
from store import suppressions
from tasks import campaigns, contacts, events, forecasts, judging, mailbox_domains, tenants
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
            answer(document, as_json=as_json, show=lambda: _report(document))
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
    added = {client.slug: _clean(resources, client.slug, len(forbidden[client.slug])) for client in CLIENTS}
    verdict = judging.judge(
        resources,
        stack.accept_log,
        list(campaign_ids.values()),
        forbidden_keys={key for keys in forbidden.values() for key in keys},
    )
    return {
        "tenants": [
            _line(resources, slug, campaign_id, added[slug]) for slug, campaign_id in campaign_ids.items()
        ],
        "judge": verdict.as_json(),
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


def _clean(resources: Resources, slug: str, before: int) -> int:
    """Run the nightly hygiene; return how many suppressions the evening has added."""
    tenant_id = tenants.id_of(resources, slug)
    hygiene_steps.run(resources, tenant_id=tenant_id)
    campaigns.settle(resources, tenant_id=tenant_id)
    with resources.database.begin() as session:
        return sum(1 for _ in suppressions.export(session, tenant_id=tenant_id)) - before


def _line(resources: Resources, slug: str, campaign_id: int, suppressions_added: int) -> dict[str, Any]:
    status = campaigns.status_of(resources, campaign_id)
    outlook = forecasts.outlook(resources, campaign_id)
    return {
        "tenant": slug,
        **status.as_json(),
        "events": campaigns.event_counts(resources, campaign_id),
        "suppressions_added": suppressions_added,
        "forecast": outlook.as_json() if status.pending else None,
    }


def _report(document: dict[str, Any]) -> None:
    """Show the evening as a person reads it."""
    stdout.print(
        listing(("", *[line["tenant"] for line in document["tenants"]]), _table(document["tenants"]))
    )
    for line in document["tenants"]:
        if outlook := line["forecast"]:
            stdout.print(
                f"{line['tenant']}: out of today's allowance; {outlook['waiting']:,} wait until "
                f"{outlook['resumes_on']}, done about {outlook['done_on']}.",
                highlight=False,
            )
    judge, colour = document["judge"], "green" if Verdict(**document["judge"]).ok else "red"
    stdout.print(
        f"[{colour}]The judge: {judge['accepted']:,} accepted by SES, {judge['duplicates']} twice, "
        f"{judge['suppressed_accepted']} to suppressed people, {judge['lost']} lost, "
        f"{judge['unrecorded']} unrecorded.[/{colour}]",
        highlight=False,
    )
    stdout.print(f"Flow runs and reports: {document['urls']['prefect']}", highlight=False)
    stdout.print(f"Dashboard:             {document['urls']['web']}", highlight=False)
    stdout.print(f"{document['seconds']} seconds", highlight=False)


_PARTS: Final = ("audience", "sent", "pending", "failed", "in_doubt", "unconfirmed")


def _table(lines: Sequence[dict[str, Any]]) -> list[list[object]]:
    """Return one row for each part, skip reason and kind of event, with a column for each tenant."""
    reasons = sorted({reason for line in lines for reason in line["skipped"]["by_reason"]})
    kinds = [fact for fact in Fact if any(fact in line["events"] for line in lines)]
    table: list[list[object]] = [[part.replace("_", " "), *(line[part] for line in lines)] for part in _PARTS]
    table += [
        [
            f"skipped: {reason.replace('_', ' ')}",
            *(line["skipped"]["by_reason"].get(reason, 0) for line in lines),
        ]
        for reason in reasons
    ]
    table += [
        [f"event: {fact.replace('_', ' ')}", *(line["events"].get(fact, 0) for line in lines)]
        for fact in kinds
    ]
    return [*table, ["suppressions added", *(line["suppressions_added"] for line in lines)]]
