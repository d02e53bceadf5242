"""Files of suppressions: everybody in a file is suppressed; everybody who is, is written into a file.

Both stream: a batch is one transaction, and an import that was killed is simply run again, for what is there already stays.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from typing import IO, Any, Final

from core import contact_import
from core.contact_import import Batch, ImportedContact, ImportedSuppression, Rejection
from core.diagnostics import masked
from core.import_formats import FileFormat
from core.suppression import Reason, Scope
from gateways import contact_files, csv_files
from gateways.contact_files import ContactFile
from store import audiences, suppressions
from store.session import Session
from store.suppressions import NewSuppression
from tasks.resources import Resources


# The address is called `email` in the file, as every other system calls it.
EXPORT_COLUMNS: Final = (
    "email",
    "recipient_key",
    "reason",
    "scope",
    "audience",
    "source",
    "detail",
    "created_at",
    "expires_at",
)

_ERRORS_SHOWN: Final = 100
_LONGEST_DETAIL: Final = 200


@dataclass(slots=True)
class _Job:
    """One file on its way in, and what has become of it so far."""

    resources: Resources
    tenant_id: int
    reason: Reason
    actor: str
    dry_run: bool
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rows", "added", "already", "ended", "rejected"), 0)
    )
    lists: dict[str, int] = field(default_factory=dict)


def import_suppressions(
    resources: Resources,
    *,
    tenant_id: int,
    location: str,
    reason: Reason = Reason.IMPORT,
    dry_run: bool = False,
    actor: str = "import",
) -> dict[str, Any]:
    """Suppress everybody in a file.

    A status column, where there is one, gives the reason of its row ("bounced", "complained"); so does a column
    `reason` that holds one of ours, as our own export writes it. Another word there becomes the row's detail. The scope
    `audience` of our own export is kept where the tenant has that list; every other row holds in the whole tenant, for more is
    safer than less. A row whose `expires_at` has passed suppresses nobody.

    Args:
        resources: Of this process.
        tenant_id: Who must not mail them.
        location: A path, or `s3://bucket/key`.
        reason: Of the rows that do not say.
        dry_run: Count, and change nothing.
        actor: Who, for the history.

    Raises:
        ImportFileError: The file as a whole cannot be read.
    """
    started = time.monotonic()
    job = _Job(resources, tenant_id, reason, actor, dry_run)
    with resources.database.begin() as session:
        known = audiences.everyone(session, tenant_id=tenant_id)
        job.lists = {row["name"]: row["id"] for row in known}
    with contact_files.opened(location, state_dir=resources.settings.state_dir) as file:
        # The lines that are rejected come out while the file is being stored, so that none of them has to be kept.
        rejected = _stored(job, file)
        errors = list(islice(rejected, _ERRORS_SHOWN))
        rejected_file = None
        if more := list(islice(rejected, 1)):
            contact_files.write_rejected(file.rejected_path, chain(more, rejected))
            rejected_file = str(file.rejected_path)
    return {
        **job.counts,
        "dry_run": dry_run,
        "errors": [{"line": row.line, "code": row.code, "message": row.message} for row in errors],
        "rejected_file": rejected_file,
        "seconds": round(time.monotonic() - started, 3),
    }


def _stored(job: _Job, file: ContactFile) -> Iterator[Rejection]:
    """Store a file batch by batch, count, and yield what was rejected."""
    for batch in contact_import.read(
        file.chunks(),
        file_name=file.name,
        file_format=FileFormat.GENERIC,
        pepper=job.resources.secrets.recipient_key,
    ):
        found = list(_from_batch(job, batch, source=f"import of {file.name}"))
        new = [one for one in found if one.expires_at is None or one.expires_at > datetime.now(UTC)]
        with job.resources.database.begin() as session:
            added = _add(session, job, new)
        job.counts["rows"] += batch.rows
        job.counts["added"] += added
        job.counts["already"] += len(new) - added
        job.counts["ended"] += len(found) - len(new)
        job.counts["rejected"] += len(batch.rejections)
        yield from batch.rejections


def _add(session: Session, job: _Job, new: list[NewSuppression]) -> int:
    suppressions.acting(session, actor=job.actor)
    added = suppressions.add(session, tenant_id=job.tenant_id, suppressions=new)
    if job.dry_run:
        session.rollback()
    return added


def _from_batch(job: _Job, batch: Batch, *, source: str) -> Iterator[NewSuppression]:
    rows: Iterator[ImportedContact | ImportedSuppression] = chain(
        batch.contacts, batch.repeated, batch.suppressions
    )
    for row in rows:
        if isinstance(row, ImportedSuppression):
            yield NewSuppression(
                recipient_key=row.recipient_key,
                address=row.address,
                reason=row.reason,
                source=source,
                detail=row.detail,
            )
        else:
            yield _from_row(job, row, source)


def _from_row(job: _Job, row: ImportedContact, source: str) -> NewSuppression:
    said = {name: str(row.attributes.get(name, "")) for name in ("reason", "detail", "scope", "audience")}
    is_ours = said["reason"] in set(Reason)
    # Our own export puts an apostrophe before what a spreadsheet would take for a formula.
    names = (said["audience"], said["audience"].removeprefix("'")) if said["scope"] == Scope.AUDIENCE else ()
    audience_id = next((job.lists[name] for name in names if name in job.lists), None)
    return NewSuppression(
        recipient_key=row.recipient_key,
        address=row.address,
        reason=Reason(said["reason"]) if is_ours else job.reason,
        scope=Scope.TENANT if audience_id is None else Scope.AUDIENCE,
        audience_id=audience_id,
        source=source,
        detail=_detail(said["detail"] if is_ours else said["detail"] or said["reason"], row.address),
        expires_at=_moment(str(row.attributes.get("expires_at", ""))),
    )


def _detail(text: str, address: str) -> str:
    """Return what a file says of a suppression as it is kept: the history outlives the person's data, so nobody is named."""
    return masked(text, [address])[:_LONGEST_DETAIL] if text else ""


def _moment(text: str) -> datetime | None:
    """Return when a row ends; what is no time never does."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def export_suppressions(resources: Resources, *, tenant_id: int, target: IO[str]) -> int:
    """Write all suppressions of a tenant as CSV that is safe in a spreadsheet, and return how many."""
    with resources.database.begin() as session:
        found = suppressions.export(session, tenant_id=tenant_id)
        return csv_files.write_csv(
            target,
            EXPORT_COLUMNS,
            ([row["address"], *(row[name] for name in EXPORT_COLUMNS[1:])] for row in found),
        )
