"""Contacts: set-wise insertion of what an import read, and the look-ups by person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
import psycopg
from sqlmodel import Session

from core.contact_import import ImportedContact
from store.session import Row, one, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """What became of the contacts of a batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


_STAGE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_contact (
        address text NOT NULL,
        recipient_key text NOT NULL,
        attributes jsonb NOT NULL,
        consent_basis text,
        consent_at timestamptz,
        consent_source text,
        consent_wording text
    ) ON COMMIT DELETE ROWS
"""

# A batch against a large table is always some thousand index probes. The planner, which has no statistics of the
# staged rows and old ones of a table that an import is filling, may otherwise scan the whole table for each batch.
_PROBE = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

# Names of the file go over those of the same name, others stay: a file with two columns must not erase what a file
# with ten columns brought. Consent is replaced only where the file has some.
_UPSERT = """
    WITH known AS MATERIALIZED (
        SELECT contact.id, staged.*,
               contact.attributes || staged.attributes IS DISTINCT FROM contact.attributes
               OR coalesce(staged.consent_basis <> contact.consent_basis, contact.consent_basis IS NULL AND staged.consent_basis IS NOT NULL)
               OR coalesce(staged.consent_at <> contact.consent_at, contact.consent_at IS NULL AND staged.consent_at IS NOT NULL)
               OR coalesce(staged.consent_source <> contact.consent_source, contact.consent_source IS NULL AND staged.consent_source IS NOT NULL)
               OR coalesce(staged.consent_wording <> contact.consent_wording, contact.consent_wording IS NULL AND staged.consent_wording IS NOT NULL)
               AS differs
        FROM staged_contact AS staged
        JOIN contact ON contact.tenant_id = :tenant_id AND contact.address = staged.address
    ), changed AS (
        UPDATE contact SET
            attributes = contact.attributes || known.attributes,
            consent_basis = coalesce(known.consent_basis, contact.consent_basis),
            consent_at = coalesce(known.consent_at, contact.consent_at),
            consent_source = coalesce(known.consent_source, contact.consent_source),
            consent_wording = coalesce(known.consent_wording, contact.consent_wording),
            updated_at = now()
        FROM known
        WHERE known.differs AND contact.tenant_id = :tenant_id AND contact.id = known.id
    ), fresh AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes,
                             consent_basis, consent_at, consent_source, consent_wording)
        SELECT :tenant_id, staged.*
        FROM staged_contact AS staged
        WHERE NOT EXISTS (SELECT FROM contact WHERE contact.tenant_id = :tenant_id AND contact.address = staged.address)
        ORDER BY staged.address
        ON CONFLICT (tenant_id, address) DO NOTHING
        RETURNING id
    ), joined AS (
        INSERT INTO audience_member (tenant_id, audience_id, contact_id)
        SELECT :tenant_id, :audience_id, id FROM fresh
        UNION ALL
        SELECT :tenant_id, :audience_id, id FROM known
        ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM fresh) AS created,
           (SELECT count(*) FROM known WHERE differs) AS updated,
           (SELECT count(*) FROM known WHERE NOT differs) AS unchanged
"""


def upsert(
    session: Session, *, tenant_id: int, audience_id: int, contacts: Sequence[ImportedContact]
) -> Upserted:
    """Store contacts, no address twice among them, and make them members of an audience."""
    if not contacts:
        return Upserted()
    run(session, _STAGE)
    _copy(session, contacts)
    run(session, _PROBE)
    counts = one(session, _UPSERT, tenant_id=tenant_id, audience_id=audience_id)
    assert counts is not None
    return Upserted(**counts)


# A spelling that is there already keeps its attributes: the first row of the file counts.
_ADD_REPEATED = """
    WITH fresh AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes,
                             consent_basis, consent_at, consent_source, consent_wording)
        SELECT :tenant_id, staged.* FROM staged_contact AS staged ORDER BY staged.address
        ON CONFLICT (tenant_id, address) DO NOTHING
        RETURNING id
    )
    INSERT INTO audience_member (tenant_id, audience_id, contact_id)
    SELECT :tenant_id, :audience_id, id FROM fresh
    UNION
    SELECT :tenant_id, :audience_id, contact.id
    FROM staged_contact AS staged
    JOIN contact ON contact.tenant_id = :tenant_id AND contact.address = staged.address
    ON CONFLICT DO NOTHING
"""


def add_repeated(
    session: Session, *, tenant_id: int, audience_id: int, contacts: Sequence[ImportedContact]
) -> None:
    """Store the contacts whose spelling is new, and make all of them members; change nobody.

    They are people whom an earlier row of the file names, in any spelling, any of them repeatedly.
    """
    if not contacts:
        return
    run(session, _STAGE)
    run(session, "TRUNCATE staged_contact")
    _copy(session, contacts)
    run(session, _PROBE)
    run(session, _ADD_REPEATED, tenant_id=tenant_id, audience_id=audience_id)


def _copy(session: Session, contacts: Iterable[ImportedContact]) -> None:
    """Fill the stage. Lines of COPY's text format are an order of magnitude cheaper to make than parameters."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    lines = "".join([_line(contact) for contact in contacts])
    with connection.cursor() as cursor, cursor.copy("COPY staged_contact FROM STDIN") as copy:
        copy.write(lines)


def _line(contact: ImportedContact) -> str:
    # An address holds neither backslash nor white space, and JSON writes control characters as escapes, so that only
    # its backslashes have to be doubled.
    attributes = orjson.dumps(contact.attributes).decode().replace("\\", "\\\\")
    start = f"{contact.address}\t{contact.recipient_key}\t{attributes}"
    if contact[3:] == _NO_CONSENT:
        return f"{start}\t\\N\t\\N\t\\N\t\\N\n"
    return f"{start}\t{_text(contact.consent_basis)}\t{_text(contact.consent_at)}\t{_text(contact.consent_source)}\t{_text(contact.consent_wording)}\n"


_NO_CONSENT = (None, None, None, None)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _text(value: str | datetime | None) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPES)


def contacts_by_recipient_key(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return a person's contacts, one for each spelling of the address, oldest first, with their audiences' names."""
    return rows(
        session,
        """
        SELECT contact.id, contact.address, contact.attributes, contact.state, contact.state_reason,
               contact.consent_basis, contact.consent_at, contact.consent_source, contact.consent_wording,
               contact.engaged_at, contact.created_at, contact.updated_at,
               ARRAY(
                   SELECT audience.name
                   FROM audience_member AS member
                   JOIN audience ON audience.tenant_id = member.tenant_id AND audience.id = member.audience_id
                   WHERE member.tenant_id = contact.tenant_id AND member.contact_id = contact.id
                   ORDER BY audience.name
               ) AS audiences
        FROM contact
        WHERE contact.tenant_id = :tenant_id AND contact.recipient_key = :recipient_key
        ORDER BY contact.id
        """,
        tenant_id=tenant_id,
        recipient_key=recipient_key,
    )


def rejections_of(session: Session, *, tenant_id: int, address_text: str) -> Sequence[Row]:
    """Return the imported lines with exactly this text in their address column that were rejected, newest first."""
    return rows(
        session,
        """
        SELECT rejection.line, rejection.code, rejection.message, contact_import.file_name,
               audience.name AS audience, contact_import.created_at
        FROM import_rejection AS rejection
        JOIN contact_import
            ON contact_import.tenant_id = rejection.tenant_id AND contact_import.id = rejection.import_id
        JOIN audience
            ON audience.tenant_id = contact_import.tenant_id AND audience.id = contact_import.audience_id
        WHERE rejection.tenant_id = :tenant_id AND rejection.address_text = :address_text
        ORDER BY rejection.import_id DESC, rejection.line
        """,
        tenant_id=tenant_id,
        address_text=address_text,
    )
