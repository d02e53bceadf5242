"""Contact imports: how far each file has been read, what was counted, and which lines were rejected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from core.contact_import import Rejection
from core.errors import ConflictError, NotFoundError
from store.session import Row, count, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an import stands."""

    import_id: int
    lines_done: int
    counts: Mapping[str, int]


def begin(
    session: Session, *, tenant_id: int, audience_id: int, file_name: str, file_digest: str, file_format: str
) -> Progress:
    """Return the import of a file: a new one, the one that was interrupted, or the finished one from its start.

    `file_digest` is the SHA-256 of its bytes in hex. `file_format` stands for all that decides what its lines mean, so
    a mapping by hand is part of it.
    """
    found = one(
        session,
        """
        INSERT INTO contact_import (tenant_id, audience_id, file_name, file_digest, file_format)
        VALUES (:tenant_id, :audience_id, :file_name, :file_digest, :file_format)
        ON CONFLICT (tenant_id, audience_id, file_digest, file_format) DO UPDATE SET
            file_name = excluded.file_name,
            lines_done = CASE WHEN contact_import.finished_at IS NULL THEN contact_import.lines_done ELSE 0 END,
            counts = CASE WHEN contact_import.finished_at IS NULL THEN contact_import.counts ELSE '{}' END,
            finished_at = NULL
        RETURNING id, lines_done, counts
        """,
        tenant_id=tenant_id,
        audience_id=audience_id,
        file_name=file_name,
        file_digest=file_digest,
        file_format=file_format,
    )
    assert found is not None
    if found["lines_done"] == 0:
        run(
            session,
            "DELETE FROM import_rejection WHERE tenant_id = :tenant_id AND import_id = :import_id",
            tenant_id=tenant_id,
            import_id=found["id"],
        )
    return Progress(import_id=found["id"], lines_done=found["lines_done"], counts=found["counts"])


def progress(session: Session, *, tenant_id: int, import_id: int) -> Progress:
    """Return where an import stands by now."""
    found = one(
        session,
        "SELECT id, lines_done, counts FROM contact_import WHERE tenant_id = :tenant_id AND id = :import_id",
        tenant_id=tenant_id,
        import_id=import_id,
    )
    if found is None:
        raise NotFoundError("there is no such import")
    return Progress(import_id=found["id"], lines_done=found["lines_done"], counts=found["counts"])


def advance(
    session: Session,
    *,
    tenant_id: int,
    import_id: int,
    since: int,
    lines_done: int,
    counts: Mapping[str, int],
) -> None:
    """Say that the lines behind `since` up to `lines_done` are stored, in the transaction that stores them.

    `counts` are those of the whole import so far.

    Raises:
        ConflictError: It stands elsewhere, so another process imports the same file.
    """
    moved = count(
        session,
        """
        UPDATE contact_import SET lines_done = :lines_done, counts = CAST(:counts AS jsonb)
        WHERE tenant_id = :tenant_id AND id = :import_id AND lines_done = :since AND finished_at IS NULL
        """,
        tenant_id=tenant_id,
        import_id=import_id,
        since=since,
        lines_done=lines_done,
        counts=json.dumps(counts),
    )
    if not moved:
        raise ConflictError(
            "another process is importing the same file",
            hint="Wait for it, or start again: an import goes on where it stopped.",
        )


def finish(session: Session, *, tenant_id: int, import_id: int) -> None:
    """Say that the whole file is stored."""
    run(
        session,
        """
        UPDATE contact_import SET finished_at = now()
        WHERE tenant_id = :tenant_id AND id = :import_id AND finished_at IS NULL
        """,
        tenant_id=tenant_id,
        import_id=import_id,
    )


def reject(session: Session, *, tenant_id: int, import_id: int, rejections: Sequence[Rejection]) -> None:
    """Write down rejected lines; PostgreSQL's text has no NUL, so it is left out of theirs."""
    if not rejections:
        return
    run(
        session,
        """
        INSERT INTO import_rejection (tenant_id, import_id, line, code, message, address_text)
        SELECT :tenant_id, :import_id, given.*
        FROM unnest(
            CAST(:lines AS integer[]), CAST(:codes AS text[]), CAST(:messages AS text[]), CAST(:texts AS text[])
        ) AS given
        ON CONFLICT DO NOTHING
        """,
        tenant_id=tenant_id,
        import_id=import_id,
        lines=[rejection.line for rejection in rejections],
        codes=[rejection.code for rejection in rejections],
        messages=[rejection.message for rejection in rejections],
        texts=[rejection.address_text.replace("\0", "") for rejection in rejections],
    )


def rejections(
    session: Session, *, tenant_id: int, import_id: int, after: int = 0, page: int = 10_000
) -> Iterator[Row]:
    """Yield the rejected lines of an import behind the line `after`, in their order, read page by page."""
    while found := rows(
        session,
        """
        SELECT line, code, message, address_text FROM import_rejection
        WHERE tenant_id = :tenant_id AND import_id = :import_id AND line > :after
        ORDER BY line LIMIT :page
        """,
        tenant_id=tenant_id,
        import_id=import_id,
        after=after,
        page=page,
    ):
        yield from found
        after = found[-1]["line"]
