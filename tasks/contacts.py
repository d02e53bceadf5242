"""Contacts: import one file into one audience, resumable at every batch.

Plain functions: the command line calls them as they are, a flow wraps them as tasks. One batch is one transaction that
also says how far the file is done, so a killed import goes on where it stopped.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any

from core import contact_import
from core.contact_import import Batch
from core.import_formats import FileFormat
from gateways import contact_files
from gateways.contact_files import ContactFile
from store import audiences, contact_imports, contacts, suppressions
from store.contact_imports import Progress
from store.session import Database, Session
from store.suppressions import NewSuppression
from tasks.resources import Resources


# How many rejected lines the answer itself holds; the others are written to a file.
ERRORS_SHOWN = 100

COUNTS = ("rows", "created", "updated", "unchanged", "duplicates", "suppressed", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did: its counts over all runs of this file, the first rejected lines, and this run's seconds."""

    import_id: int
    counts: Mapping[str, int]
    errors: list[dict[str, Any]] = field(default_factory=list)
    rejected_file: str | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the report as INTERFACE documents it; no address is in it."""
        return {
            **{name: self.counts.get(name, 0) for name in COUNTS},
            "errors": self.errors,
            "rejected_file": self.rejected_file,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Where the rows of one file go."""

    tenant_id: int
    audience_id: int
    import_id: int
    source: str


def import_contacts(
    resources: Resources,
    *,
    tenant_id: int,
    location: str,
    audience: str,
    file_format: FileFormat = FileFormat.GENERIC,
    mapping: Mapping[str, str] | None = None,
    on_lines: Callable[[int], None] = lambda _more: None,
) -> ImportReport:
    """Import a file, or go on with it where an earlier run stopped.

    Args:
        resources: Of this process.
        tenant_id: Whose contacts they are.
        location: A path, or `s3://bucket/key`.
        audience: The list that the contacts join; made if there is none of that name.
        file_format: Whose export it is.
        mapping: Column name to field; see docs/importing.md.
        on_lines: Told how many more lines are done, after each batch.

    Raises:
        ImportFileError: The file as a whole cannot be read.
        ConflictError: Another process is importing the same file.
    """
    started = time.monotonic()
    with contact_files.opened(location, state_dir=resources.settings.state_dir) as file:
        batches = contact_import.read(
            file.chunks(),
            file_name=file.name,
            file_format=file_format,
            pepper=resources.secrets.recipient_key,
            mapping=mapping,
        )
        job, progress = _begin(resources.database, tenant_id, audience, file, file_format, mapping or {})
        counts, done = progress.counts, progress.lines_done
        on_lines(done)
        for batch in batches:
            if batch.last_line > done:
                counts = resources.database.repeat(_store(job, batch, since=done))
                on_lines(batch.last_line - done)
                done = batch.last_line
        return _report(resources.database, job, file, counts, started)


def _begin(
    database: Database,
    tenant_id: int,
    audience: str,
    file: ContactFile,
    file_format: FileFormat,
    mapping: Mapping[str, str],
) -> tuple[_Job, Progress]:
    with database.begin() as session:
        audience_id = audiences.get_or_create(session, tenant_id=tenant_id, name=audience)
        progress = contact_imports.begin(
            session,
            tenant_id=tenant_id,
            audience_id=audience_id,
            file_name=file.name,
            file_digest=file.digest,
            file_format=_format_key(file_format, mapping),
        )
    source = f"import {progress.import_id} ({file_format})"
    return _Job(
        tenant_id=tenant_id, audience_id=audience_id, import_id=progress.import_id, source=source
    ), progress


def _format_key(file_format: FileFormat, mapping: Mapping[str, str]) -> str:
    """Return what decides the meaning of a file's lines; read otherwise, the same file is another import."""
    if not mapping:
        return str(file_format)
    return f"{file_format}+{sha256(repr(sorted(mapping.items())).encode()).hexdigest()[:16]}"


def _store(job: _Job, batch: Batch, *, since: int) -> Callable[[Session], Mapping[str, int]]:
    """Return the step that commits a batch and returns the counts with it; run again, it changes nothing."""

    def step(session: Session) -> Mapping[str, int]:
        before = contact_imports.progress(session, tenant_id=job.tenant_id, import_id=job.import_id)
        if before.lines_done == batch.last_line:
            return before.counts
        more = _store_rows(session, job, batch)
        total = {name: before.counts.get(name, 0) + more[name] for name in COUNTS}
        contact_imports.advance(
            session,
            tenant_id=job.tenant_id,
            import_id=job.import_id,
            since=since,
            lines_done=batch.last_line,
            counts=total,
        )
        return total

    return step


def _store_rows(session: Session, job: _Job, batch: Batch) -> dict[str, int]:
    tenant_id, audience_id = job.tenant_id, job.audience_id
    done = contacts.upsert(
        session,
        tenant_id=tenant_id,
        audience_id=audience_id,
        contacts=batch.contacts,
        repeated=batch.repeated,
        import_id=job.import_id,
    )
    suppressions.add(session, tenant_id=tenant_id, suppressions=_suppressions(batch, job.source))
    contact_imports.reject(session, tenant_id=tenant_id, import_id=job.import_id, rejections=batch.rejections)
    return {
        "rows": batch.rows,
        "created": done.created,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "duplicates": len(batch.repeated),
        "suppressed": len(batch.suppressions),
        "rejected": len(batch.rejections),
    }


def _suppressions(batch: Batch, source: str) -> list[NewSuppression]:
    """Return a batch's suppressions. They hold for the whole tenant, see docs/importing.md."""
    return [
        NewSuppression(
            recipient_key=row.recipient_key,
            address=row.address,
            reason=row.reason,
            source=source,
            detail=row.detail,
        )
        for row in batch.suppressions
    ]


def _report(
    database: Database, job: _Job, file: ContactFile, counts: Mapping[str, int], started: float
) -> ImportReport:
    """Close the import and hand out its rejected lines."""
    with database.begin() as session:
        contact_imports.finish(session, tenant_id=job.tenant_id, import_id=job.import_id)
        rejected = contact_imports.rejections(session, tenant_id=job.tenant_id, import_id=job.import_id)
        shown = [
            {"line": row["line"], "code": row["code"], "message": row["message"]}
            for row in islice(rejected, ERRORS_SHOWN)
        ]
        rejected_file = None
        if counts.get("rejected", 0) > ERRORS_SHOWN:
            lines = ((row["line"], row["code"], row["message"], row["address_text"]) for row in rejected)
            contact_files.write_rejected(file.rejected_path, lines)
            rejected_file = str(file.rejected_path)
    return ImportReport(
        import_id=job.import_id,
        counts=counts,
        errors=shown,
        rejected_file=rejected_file,
        seconds=time.monotonic() - started,
    )
