"""Hygiene lists: who would leave, whose address deserves a look, and a night's report with what became of each import."""

from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from core import hygiene_report
from core.address_hints import ROLE_ENDINGS, ROLES, is_disposable, role_of, suggestion
from core.hygiene import HygienePolicy, Rule, effect, reason
from core.hygiene_report import Hints, Night
from gateways import csv_files
from gateways.disposable_domains import disposable_domains
from store import hygiene_hints, hygiene_runs, tenants
from store.inbox import Transaction
from tasks.hygiene import find_for_a_look, id_of
from tasks.resources import Resources


LEAVING_COLUMNS: Final = (
    "email",
    "contact_id",
    "rule",
    "why",
    "what_happens",
    "outcome",
    "lists",
    "engaged_at",
    "consent_at",
)
HINT_COLUMNS: Final = ("email", "contact_id", "hint", "detail")

# Mail of so long ago says little of an import any more.
SOURCE_DAYS: Final = 180
_SLIPS_TOLD: Final = 10


def report(resources: Resources, night: Night) -> str:
    """Return a night's report as Markdown."""
    with resources.database.begin() as session:
        tenant_id = id_of(tenants.by_slug(session, night.tenant))
        hints = _hints(session, tenant_id)
        sources = hygiene_hints.sources(session, tenant_id=tenant_id, days=SOURCE_DAYS)
        lapsing = hygiene_runs.standing(session, tenant_id=tenant_id)["lapsing"]
    return hygiene_report.report(night, hints, sources, waiting_for_winback=lapsing)


def hints_of(resources: Resources, *, tenant_slug: str) -> dict[str, Any]:
    """Return what a tenant's addresses look like, and how good its imports are.

    Raises:
        NotFoundError: There is no such tenant.
    """
    with resources.database.begin() as session:
        tenant_id = id_of(tenants.by_slug(session, tenant_slug))
        hints = _hints(session, tenant_id)
        sources = hygiene_hints.sources(session, tenant_id=tenant_id, days=SOURCE_DAYS)
    return {
        "tenant": tenant_slug,
        "hints": hints.as_json(),
        "disposable_list": disposable_domains().dated,
        "imports": [source.as_json() for source in sources],
    }


def _hints(session: Transaction, tenant_id: int) -> Hints:
    domains = hygiene_hints.domains(session, tenant_id=tenant_id)
    listed = disposable_domains()
    slips = [(domain, meant, people) for domain, people in domains.items() if (meant := suggestion(domain))]
    return Hints(
        roles=hygiene_hints.roles(session, tenant_id=tenant_id, roles=ROLES, endings=ROLE_ENDINGS),
        disposable=sum(people for domain, people in domains.items() if is_disposable(domain, listed.domains)),
        alike=hygiene_hints.alike(session, tenant_id=tenant_id),
        slips=sorted(slips, key=lambda slip: (-slip[2], slip[0]))[:_SLIPS_TOLD],
        listed_on=listed.dated,
    )


def write_leaving(
    resources: Resources,
    target: IO[bytes],
    *,
    tenant_slug: str,
    run_id: int | None,
    actor: str,
    with_mark: bool,
) -> int:
    """Write the contacts whom a night takes as CSV, and return how many.

    Args:
        resources: Of this process.
        target: Gets bytes of UTF-8.
        tenant_slug: Whose contacts.
        run_id: A night; without one, whom a night would take now, which changes nothing.
        actor: Who takes the list; kept in the audit.
        with_mark: Whether the file begins with a byte order mark, for Excel.

    Raises:
        NotFoundError: There is no such tenant or night.
    """
    tenant_id = _note_taken(
        resources, tenant_slug, actor, f"hygiene run {run_id}" if run_id else "who would leave"
    )
    counted = _Counted()
    with resources.database.begin() as session:
        if run_id is None:
            policy = HygienePolicy.of(tenants.by_id(session, tenant_id=tenant_id).policies)
            chosen = find_for_a_look(session, tenant_id, policy)
        else:
            row = hygiene_runs.find(session, tenant_id=tenant_id, run_id=run_id)
            policy, chosen = HygienePolicy.of(row["policy"]), run_id
        found = hygiene_hints.leaving(session, tenant_id=tenant_id, run_id=chosen)
        lines = counted.of(_leaving(row, policy) for row in found)
        for piece in csv_files.pieces(LEAVING_COLUMNS, lines, with_mark=with_mark):
            target.write(piece)
        if run_id is None:
            session.rollback()
    return counted.lines


def _leaving(row: Mapping[str, Any], policy: HygienePolicy) -> list[object]:
    rule = Rule(row["rule"])
    return [
        row["address"],
        row["contact_id"],
        rule,
        reason(rule, policy),
        effect(rule, policy),
        row["outcome"],
        row["lists"],
        row["engaged_at"] and f"{row['engaged_at']:%Y-%m-%d}",
        row["consent_at"] and f"{row['consent_at']:%Y-%m-%d}",
    ]


def write_hints(
    resources: Resources, target: IO[bytes], *, tenant_slug: str, actor: str, with_mark: bool
) -> int:
    """Write the contacts whose address deserves a look as CSV, one line for each hint, and return how many lines.

    Raises:
        NotFoundError: There is no such tenant.
    """
    tenant_id = _note_taken(resources, tenant_slug, actor, "hints")
    listed, counted = disposable_domains().domains, _Counted()
    with resources.database.begin() as session:
        domains = hygiene_hints.domains(session, tenant_id=tenant_id)
        found = hygiene_hints.flagged(
            session,
            tenant_id=tenant_id,
            roles=ROLES,
            endings=ROLE_ENDINGS,
            domains=[domain for domain in domains if is_disposable(domain, listed) or suggestion(domain)],
        )
        lines = counted.of(line for row in found for line in _hint_lines(row))
        for piece in csv_files.pieces(HINT_COLUMNS, lines, with_mark=with_mark):
            target.write(piece)
    return counted.lines


def _hint_lines(row: Mapping[str, Any]) -> Iterator[list[object]]:
    address = row["address"]
    domain = address.rpartition("@")[2]
    found = {
        "role": role_of(address),
        "disposable": "on the list" if is_disposable(domain, disposable_domains().domains) else None,
        "slip": f"is {meant} meant?" if (meant := suggestion(domain)) else None,
        "alike": f"probably the same person as others of {row['likeness']}" if row["is_alike"] else None,
    }
    yield from ([address, row["contact_id"], hint, detail] for hint, detail in found.items() if detail)


class _Counted:
    """Counts lines while they are written."""

    def __init__(self) -> None:
        self.lines = 0

    def of(self, lines: Iterator[list[object]]) -> Iterator[list[object]]:
        for line in lines:
            self.lines += 1
            yield line


def _note_taken(resources: Resources, tenant_slug: str, actor: str, what: str) -> int:
    with resources.database.begin() as session:
        tenant_id = id_of(tenants.by_slug(session, tenant_slug))
        tenants.audit(
            session,
            tenant_id=tenant_id,
            actor=actor,
            action="hygiene.people_taken",
            subject=f"tenant {tenant_id}",
            reason=f"the list of {what}",
        )
    return tenant_id
