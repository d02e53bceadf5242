"""`posthouse campaign`: create, check, send and watch campaigns."""

import getpass
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli import forecast as forecasting
from cli import recipients, results
from cli import seeds as seeding
from cli.output import AsJson, Failed, answer, errors_as_answers, listing, pairs, progress, stderr, stdout
from core.campaigns import FINAL, Status
from core.deliveries import Policy
from core.errors import InputError
from core.preflight import Finding
from core.runs import Ending, Tally
from core.windows import Hours, Timing, window_of
from store import campaigns, tenants
from tasks import accounts, rollups, sending, stretch
from tasks import campaigns as steps
from tasks import preflight as checks
from tasks import seeds as seed_steps
from tasks import timing as timing_steps
from tasks.preflight import Preflight
from tasks.resources import resources


app = typer.Typer(no_args_is_help=True)

Id = Annotated[int, typer.Argument(help="The campaign's id.", metavar="ID")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")]
Rules = Annotated[
    str,
    typer.Option(
        "--override",
        metavar="RULE[,RULE]",
        help="Findings that shall not forbid the start; needs --reason. Kept with your name.",
    ),
]
Windows = Annotated[
    list[str] | None,
    typer.Option(
        "--window", help="Hours in which messages may leave, such as '09:00-18:00 mon-fri'; may be repeated."
    ),
]
ByReader = Annotated[
    bool, typer.Option("--by-reader", help="Hours are meant by each reader's clock, the contact's time_zone.")
]
SpreadHours = Annotated[
    float, typer.Option(min=0, max=720, help="Spread the messages evenly over so many hours.")
]
GiveUpAt = Annotated[
    str | None, typer.Option(help="ISO time with a zone; whoever still waits then is skipped.")
]
STRETCH_SECONDS = 30.0  # after each, the progress bar moves
PATIENCE_SECONDS = 600.0  # how long to wait for an SES that cannot be reached


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="The tenant's slug.")],
    *,
    name: Annotated[str, typer.Option(help="What people call the campaign.")],
    audience: Annotated[str, typer.Option(help="The list that gets it.")],
    template: Annotated[str, typer.Option(help="A folder of templates/, pinned as it is now.")],
    subject: Annotated[str | None, typer.Option(help="Instead of the template's subject.")] = None,
    start_at: Annotated[
        str | None, typer.Option(help="ISO time with a zone; it starts by itself then.")
    ] = None,
    policy: Annotated[
        Policy, typer.Option(help="What happens to doubt that nothing settles.")
    ] = Policy.EVIDENCE,
    window: Windows = None,
    by_reader: ByReader = False,
    spread_hours: SpreadHours = 0,
    give_up_at: GiveUpAt = None,
    as_json: AsJson = False,
) -> None:
    """Create a campaign; nothing is sent."""
    with errors_as_answers(as_json=as_json):
        campaign_id = steps.create(
            resources(),
            tenant_slug=tenant,
            name=name,
            audience=audience,
            template=template,
            subject=subject,
            start_at=_moment(start_at) if start_at else None,
            policy=policy,
            timing=_timing(window, by_reader, spread_hours, give_up_at),
        )
        answer({"campaign_id": campaign_id}, as_json=as_json)


def _timing(
    windows: list[str] | None, by_reader: bool, spread_hours: float, give_up_at: str | None
) -> Timing:
    return Timing(
        hours=Hours(windows=tuple(window_of(text) for text in windows or ())),
        by_reader=by_reader,
        spread=timedelta(hours=spread_hours),
        give_up_at=_moment(give_up_at) if give_up_at else None,
    )


@app.command()
def timing(
    campaign_id: Id,
    *,
    window: Windows = None,
    by_reader: ByReader = False,
    spread_hours: SpreadHours = 0,
    give_up_at: GiveUpAt = None,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Give a campaign other hours or another end, also while it is being sent; what is not given is taken away."""
    with errors_as_answers(as_json=as_json):
        done = timing_steps.set_timing(
            resources(),
            campaign_id,
            _timing(window, by_reader, spread_hours, give_up_at),
            reason=reason,
            actor=getpass.getuser(),
        )
        answer(done, as_json=as_json)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a time", hint="Such as 2026-12-01T09:00+01:00.") from error
    if moment.tzinfo is None:
        raise InputError(f"{text!r} has no time zone", hint="Such as 2026-12-01T09:00+01:00, or …Z for UTC.")
    return moment.astimezone(UTC)


@app.command()
def preflight(campaign_id: Id, *, override: Rules = "", reason: Why = "", as_json: AsJson = False) -> None:
    """Check a campaign: who gets it, who does not and why, and when it will be done. Exit 1 if it may not start."""
    with errors_as_answers(as_json=as_json):
        accounts.refresh(resources())
        _override(campaign_id, override, reason)
        result = checks.check_campaign(resources(), campaign_id)
        answer(result.as_json(), as_json=as_json, show=lambda: _show_preflight(result))
        if not result.ok:
            raise Failed


def _override(campaign_id: int, rules: str, reason: str) -> None:
    """Override the rules that `--override` names, if it names any."""
    named = [rule.strip() for rule in rules.split(",") if rule.strip()]
    if named:
        checks.override(resources(), campaign_id, rules=named, reason=reason, actor=getpass.getuser())
    elif reason:
        raise InputError("a reason for what?", hint="Name the findings: --override RULE[,RULE]")


def told(findings: Sequence[Finding]) -> list[tuple[str, str, str, str, str]]:
    """Return the lines in which a person reads findings."""
    return [
        (
            "overridden" if finding.overridden else finding.severity,
            finding.id,
            finding.message,
            finding.remedy,
            finding.authority,
        )
        for finding in findings
    ]


def _show_preflight(result: Preflight) -> None:
    stdout.print(f"{result.will_be_sent:,} of {result.selected:,} people will be sent to")
    for reason, number in result.skipped.items():
        stdout.print(f"  {number:,} skipped: {reason.replace('_', ' ')}")
    if result.findings:
        stdout.print(listing(("", "rule", "finding", "what to do", "who says so"), told(result.findings)))
    for override in result.overrides:
        stdout.print(
            f"{override.rule} was overridden by {override.actor}: {override.reason}", highlight=False
        )
    if result.forecast:
        stdout.print(pairs(result.forecast.as_json()))
    stdout.print("[green]may start[/green]" if result.ok else "[red]may not start[/red]")


@app.command()
def send(
    campaign_id: Id,
    *,
    via_prefect: Annotated[
        bool, typer.Option("--via-prefect", help="Let a Prefect worker do it, and wait.")
    ] = False,
    override: Rules = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Send until the campaign is done, paused or out of today's allowance; answer its status."""
    with errors_as_answers(as_json=as_json):
        _override(campaign_id, override, reason)
        if steps.status_of(resources(), campaign_id).state in FINAL:
            stderr.print(f"campaign {campaign_id} has ended; there is nothing to send", highlight=False)
        elif via_prefect:
            _send_via_prefect(campaign_id)
        else:
            _send_here(campaign_id)
        _answer_status(steps.status_of(resources(), campaign_id), as_json=as_json)


def _send_here(campaign_id: int) -> None:
    accounts.refresh(resources())
    steps.start(resources(), campaign_id)
    steps.plan(resources(), campaign_id)
    status = steps.status_of(resources(), campaign_id)
    with progress("sending", status.open) as more, sending.sender(resources(), campaign_id) as sender:
        total, waited = Tally(), 0.0
        while True:
            tally = stretch.send(sender, seconds=STRETCH_SECONDS)
            total.add(tally)
            more(tally.accepted + tally.failed + tally.skipped)
            waited = 0.0 if tally.accepted else waited
            if tally.ending is Ending.BLOCKED and waited < PATIENCE_SECONDS:
                time.sleep(tally.wait.total_seconds())
                waited += tally.wait.total_seconds()
            elif tally.ending is not Ending.MORE:
                break
    status, outlook = steps.conclude(resources(), campaign_id, total)
    stderr.print(steps.in_words(status, total, outlook), highlight=False)


def _send_via_prefect(campaign_id: int) -> None:
    from cli.prefect_runs import run_to_its_end  # noqa: PLC0415  # importing Prefect takes seconds

    with resources().database.begin() as session:
        tenant = tenants.by_id(session, tenant_id=campaigns.tenant_of(session, campaign_id))
    run_to_its_end("send-campaign/send-campaign", {"tenant": tenant.slug, "campaign_id": campaign_id})


@app.command("test-send")
def send_test(
    campaign_id: Id,
    *,
    seeds: seeding.Seeds,
    contact: seeding.Contact = None,
    mark: seeding.Mark = True,
    request_id: seeding.RequestId = "",
    as_json: AsJson = False,
) -> None:
    """Send what the campaign has pinned to a seed list; the campaign itself is not touched. Exit 1 unless SES took all."""
    wish = seeding.wish(seeds, contact, mark=mark, request_id=request_id)
    seeding.send_test(lambda: seed_steps.send_campaign(resources(), campaign_id, wish), as_json=as_json)


@app.command()
def status(campaign_id: Id, *, as_json: AsJson = False) -> None:
    """Say how a campaign stands; the parts add up to its audience."""
    with errors_as_answers(as_json=as_json):
        _answer_status(steps.status_of(resources(), campaign_id), as_json=as_json)


def _answer_status(status: Status, *, as_json: bool) -> None:
    document = status.as_json()
    audit = {"audited": status.audited} | ({"demoted": status.demoted_why} if status.demoted_why else {})
    flat = {**document, "skipped": {"total": status.skipped, **status.skipped_by_reason}, "audit": audit}
    answer(document, as_json=as_json, show=lambda: stdout.print(pairs(flat)))


@app.command()
def report(campaign_id: Id, *, as_json: AsJson = False) -> None:
    """Say what became of a campaign: delivered, bounced, opened and clicked, by provider, segment, domain, day and link."""
    with errors_as_answers(as_json=as_json):
        found = rollups.results(resources(), campaign_id)
        answer(found.as_json(), as_json=as_json, show=lambda: results.show(found))


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List campaigns, newest first."""
    with errors_as_answers(as_json=as_json):
        found = _campaigns(tenant)
        table = listing(tuple(found[0]), [list(line.values()) for line in found]) if found else "no campaigns"
        answer({"campaigns": found}, as_json=as_json, show=lambda: stdout.print(table))


def _campaigns(tenant: str | None) -> list[dict[str, Any]]:
    with resources().database.begin() as session:
        chosen = [tenants.by_slug(session, tenant)] if tenant else tenants.everyone(session)
        return [
            {
                "campaign_id": campaign.id,
                "tenant": owner.slug,
                "name": campaign.name,
                "state": str(campaign.state),
                "start_at": campaign.start_at,
            }
            for owner in chosen
            if owner.id is not None
            for campaign in campaigns.of_tenant(session, tenant_id=owner.id)
        ]


@app.command()
def pause(campaign_id: Id, *, reason: Why = "", as_json: AsJson = False) -> None:
    """Stop a campaign within one window of calls; nothing is cancelled."""
    with errors_as_answers(as_json=as_json):
        moved = steps.pause(resources(), campaign_id, reason=reason, actor=getpass.getuser())
        _answer_status(moved, as_json=as_json)


@app.command()
def resume(campaign_id: Id, *, reason: Why = "", as_json: AsJson = False) -> None:
    """Let a paused campaign go on; resuming twice is harmless."""
    with errors_as_answers(as_json=as_json):
        moved = steps.resume(resources(), campaign_id, reason=reason, actor=getpass.getuser())
        _answer_status(moved, as_json=as_json)


@app.command()
def cancel(campaign_id: Id, *, reason: Why = "", as_json: AsJson = False) -> None:
    """End a campaign for good: who waits is skipped, doubt and calls in flight are still settled."""
    with errors_as_answers(as_json=as_json):
        moved = steps.cancel(resources(), campaign_id, reason=reason, actor=getpass.getuser())
        _answer_status(moved, as_json=as_json)


app.command("forecast")(forecasting.of_campaign)
app.command("recipients")(recipients.of_campaign)
