"""Suppressions: add, import, export and look up people who must not be mailed."""

import time
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import IO, Any, Final

from core import addresses, contact_import
from core.contact_import import Batch, ImportedContact, ImportedSuppression, Rejection
from core.import_formats import FileFormat
from core.suppression import Reason, Scope, strongest
from gateways import contact_files, csv_files
from gateways.contact_files import ContactFile
from store import audiences, suppressions, tenants
from store.session import Row
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


def add_suppression(
    resources: Resources,
    *,
    tenant_id: int,
    address: str,
    reason: Reason,
    audience: str | None = None,
    actor: str = "cli",
) -> dict[str, Any]:
    """Suppress one person, in the whole tenant or on one list, and return how the person stands now.

    Raises:
        InvalidAddressError: It is not an address.
        NotFoundError: There is no such audience.
    """
    parsed = addresses.parse(address)
    key = addresses.recipient_key(parsed.comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        audience_id = audiences.find(session, tenant_id=tenant_id, name=audience) if audience else None
        new = NewSuppression(
            recipient_key=key,
            address=parsed.deliverable,
            reason=reason,
            scope=Scope.AUDIENCE if audience else Scope.TENANT,
            audience_id=audience_id,
            source=actor,
        )
        added = suppressions.add(session, tenant_id=tenant_id, suppressions=[new])
        if added:
            tenants.audit(
                session,
                tenant_id=tenant_id,
                actor=actor,
                action="suppression.added",
                subject=f"recipient {key}",
                reason=str(reason),
            )
        return {"added": added, **_standing(suppressions.of(session, tenant_id=tenant_id, recipient_key=key))}


def check_suppression(resources: Resources, *, tenant_id: int, address: str) -> dict[str, Any]:
    """Return whether a person is suppressed, by which reason first, and every suppression.

    Raises:
        InvalidAddressError: It is not an address.
    """
    comparable = addresses.parse(address).comparable
    key = addresses.recipient_key(comparable, resources.secrets.recipient_key)
    with resources.database.begin() as session:
        return _standing(suppressions.of(session, tenant_id=tenant_id, recipient_key=key))


def _standing(found: Sequence[Row]) -> dict[str, Any]:
    reason = strongest(Reason(row["reason"]) for row in found if row["holds"])
    return {
        "suppressed": reason is not None,
        "reason": None if reason is None else str(reason),
        "suppressions": [dict(row) for row in found],
    }


def import_suppressions(
    resources: Resources, *, tenant_id: int, location: str, reason: Reason = Reason.IMPORT
) -> dict[str, Any]:
    """Suppress everybody in a file, in the whole tenant.

    A status column, where there is one, gives the reason of its row ("bounced", "complained"); so does a column
    `reason` that holds one of ours, as our own export writes it.

    Args:
        resources: Of this process.
        tenant_id: Who must not mail them.
        location: A path, or `s3://bucket/key`.
        reason: Of the rows that do not say.

    Raises:
        ImportFileError: The file as a whole cannot be read.
    """
    started = time.monotonic()
    counts = {"rows": 0, "added": 0, "already": 0, "rejected": 0}
    with contact_files.opened(location, state_dir=resources.settings.state_dir) as file:
        # The lines that are rejected come out while the file is being stored, so that none of them has to be kept.
        rejected = _store(resources, tenant_id, file, reason, counts)
        errors = list(islice(rejected, _ERRORS_SHOWN))
        rejected_file = None
        if more := list(islice(rejected, 1)):
            contact_files.write_rejected(file.rejected_path, chain(more, rejected))
            rejected_file = str(file.rejected_path)
    return {
        **counts,
        "errors": [{"line": row.line, "code": row.code, "message": row.message} for row in errors],
        "rejected_file": rejected_file,
        "seconds": round(time.monotonic() - started, 3),
    }


def _store(
    resources: Resources, tenant_id: int, file: ContactFile, reason: Reason, counts: dict[str, int]
) -> Iterator[Rejection]:
    """Store a file batch by batch, count, and yield what was rejected."""
    for batch in contact_import.read(
        file.chunks(),
        file_name=file.name,
        file_format=FileFormat.GENERIC,
        pepper=resources.secrets.recipient_key,
    ):
        new = list(_from_batch(batch, reason, source=f"import of {file.name}"))
        with resources.database.begin() as session:
            added = suppressions.add(session, tenant_id=tenant_id, suppressions=new)
        counts["rows"] += batch.rows
        counts["added"] += added
        counts["already"] += len(new) - added
        counts["rejected"] += len(batch.rejections)
        yield from batch.rejections


def _from_batch(batch: Batch, reason: Reason, *, source: str) -> Iterator[NewSuppression]:
    rows: Iterator[ImportedContact | ImportedSuppression] = chain(
        batch.contacts, batch.repeated, batch.suppressions
    )
    for row in rows:
        if isinstance(row, ImportedSuppression):
            why, detail = row.reason, row.detail
        else:
            why, detail = _reason(row.attributes.get("reason"), reason), str(row.attributes.get("detail", ""))
        yield NewSuppression(
            recipient_key=row.recipient_key,
            address=row.address,
            reason=why,
            source=source,
            detail=detail[:200],
        )


def _reason(word: object, otherwise: Reason) -> Reason:
    return Reason(str(word)) if word in set(Reason) else otherwise


def export_suppressions(resources: Resources, *, tenant_id: int, target: IO[str]) -> int:
    """Write all suppressions of a tenant as CSV that is safe in a spreadsheet, and return how many."""
    with resources.database.begin() as session:
        found = suppressions.export(session, tenant_id=tenant_id)
        return csv_files.write_csv(
            target,
            EXPORT_COLUMNS,
            ([row["address"], *(row[name] for name in EXPORT_COLUMNS[1:])] for row in found),
        )
