"""`posthouse seeds`: lists of our own people's mailboxes, and the test-sends that go to them."""

import getpass
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.output import AsJson, Failed, answer, errors_as_answers, listing, stdout
from tasks import accounts
from tasks import seeds as steps
from tasks.resources import resources
from tasks.seeds import Report, Wish


app = typer.Typer(no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's slug.")]
List = Annotated[str, typer.Argument(metavar="LIST", help="The list's name, such as team.")]
Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="Of your own people.")]

# The options of `template test-send` and `campaign test-send`.
Seeds = Annotated[str, typer.Option(metavar="LIST", help="The seed list that gets it.")]
Contact = Annotated[int | None, typer.Option(help="As which contact of the audience sees it.")]
Mark = Annotated[bool, typer.Option("--mark/--no-mark", help="Begin the subject with [Test].")]
RequestId = Annotated[
    str, typer.Option(help="The same again calls nobody a second time. Default: a new one.")
]


@app.command()
def add(tenant: Tenant, name: List, address: Addresses, *, as_json: AsJson = False) -> None:
    """Add addresses to a list of at most fifty, which is made if there is none."""
    with errors_as_answers(as_json=as_json):
        added = steps.add(resources(), tenant_slug=tenant, name=name, given=address)
        answer({"list": name, "added": added, "already": len(address) - added}, as_json=as_json)


@app.command()
def remove(tenant: Tenant, name: List, address: Addresses, *, as_json: AsJson = False) -> None:
    """Take addresses from a list; the list goes with its last one."""
    with errors_as_answers(as_json=as_json):
        removed = steps.remove(resources(), tenant_slug=tenant, name=name, given=address)
        answer({"list": name, "removed": removed}, as_json=as_json)


@app.command("list")
def list_(
    tenant: Tenant,
    name: Annotated[str | None, typer.Argument(metavar="LIST", help="One list, with its addresses.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List a tenant's seed lists, or the addresses of one."""
    with errors_as_answers(as_json=as_json):
        if name is not None:
            found = steps.members(resources(), tenant_slug=tenant, name=name)
            shown = {"list": name, "addresses": found}
            answer(shown, as_json=as_json, show=lambda: stdout.print(*found, sep="\n", highlight=False))
            return
        lists = [
            {"list": known, "addresses": number}
            for known, number in steps.lists(resources(), tenant_slug=tenant).items()
        ]
        table = listing(("list", "addresses"), [list(line.values()) for line in lists])
        answer({"lists": lists}, as_json=as_json, show=lambda: stdout.print(table))


def wish(seeds: str, contact: int | None, *, mark: bool, request_id: str) -> Wish:
    """Return the options of a test-send as its step takes them."""
    named: dict[str, Any] = {"request_id": request_id} if request_id else {}
    return Wish(seeds=seeds, contact_id=contact, is_marked=mark, actor=getpass.getuser(), **named)


def send_test(send: Callable[[], Report], *, as_json: bool) -> None:
    """Read the quota, send a test and answer what became of it. Exit 1 unless SES took every message."""
    with errors_as_answers(as_json=as_json):
        accounts.refresh(resources())
        report = send()
        answer(report.as_json(), as_json=as_json, show=lambda: _show(report))
        if not report.ok:
            raise Failed


def _show(report: Report) -> None:
    lines = [(one.state, one.address, one.why, one.ses_message_id or "") for one in report.messages]
    stdout.print(listing(("", "seed", "why", "SES message id"), lines))
    stdout.print(f"request {report.request_id}", highlight=False)
