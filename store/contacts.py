"""Contacts: set-wise insertion of what an import read, and the look-ups by person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import orjson
import psycopg
from sqlalchemy.exc import IntegrityError
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
        consent_wording text,
        repeated boolean NOT NULL
    ) ON COMMIT DELETE ROWS
"""

# Everything here reaches a contact by its unique index: in a sub-query for one staged row at a time, which OFFSET 0
# keeps the planner from turning into a join, or as the arbiter of ON CONFLICT. An import fills tables that have no
# statistics yet, and a join was planned as all staged rows times all contacts of the tenant: 10 s a batch, not 0.1.
_PROBE = """
    LEFT JOIN LATERAL (
        SELECT contact.id,
               contact.attributes || staged.attributes IS DISTINCT FROM contact.attributes
               OR staged.consent_basis IS DISTINCT FROM contact.consent_basis AND staged.consent_basis IS NOT NULL
               OR staged.consent_at IS DISTINCT FROM contact.consent_at AND staged.consent_at IS NOT NULL
               OR staged.consent_source IS DISTINCT FROM contact.consent_source
                   AND staged.consent_source IS NOT NULL
               OR staged.consent_wording IS DISTINCT FROM contact.consent_wording
                   AND staged.consent_wording IS NOT NULL AS differs
        FROM contact
        WHERE contact.tenant_id = :tenant_id AND contact.address = staged.address
        OFFSET 0
    ) AS known ON TRUE
"""

# Attributes of the file go over those of the same name, others stay: a file with two columns must not erase what a
# file with ten columns brought. Consent is replaced only where the file has some. New contacts are inserted without ON
# CONFLICT, which would cost each of them a tenth more; `upsert` meets the rare conflict.
_UPSERT = f"""
    WITH probed AS MATERIALIZED (
        SELECT staged.*, known.id, known.differs FROM staged_contact AS staged {_PROBE}
        WHERE NOT staged.repeated
    ), created AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes,
                             consent_basis, consent_at, consent_source, consent_wording, import_id)
        SELECT :tenant_id, address, recipient_key, attributes,
               consent_basis, consent_at, consent_source, consent_wording, CAST(:import_id AS bigint)
        FROM probed
        WHERE id IS NULL
        ORDER BY address
        RETURNING id
    ), updated AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes,
                             consent_basis, consent_at, consent_source, consent_wording)
        SELECT :tenant_id, address, recipient_key, attributes,
               consent_basis, consent_at, consent_source, consent_wording
        FROM probed
        WHERE differs
        ORDER BY address
        ON CONFLICT (tenant_id, address) DO UPDATE SET
            attributes = contact.attributes || excluded.attributes,
            consent_basis = coalesce(excluded.consent_basis, contact.consent_basis),
            consent_at = coalesce(excluded.consent_at, contact.consent_at),
            consent_source = coalesce(excluded.consent_source, contact.consent_source),
            consent_wording = coalesce(excluded.consent_wording, contact.consent_wording),
            updated_at = now()
        RETURNING id
    ), newcomers AS (
        -- A contact that was created just now is on no list, so this needs no look-up of its own.
        INSERT INTO audience_member (tenant_id, audience_id, contact_id)
        SELECT :tenant_id, :audience_id, id FROM created
    ), joined AS (
        INSERT INTO audience_member (tenant_id, audience_id, contact_id)
        SELECT :tenant_id, :audience_id, id FROM updated
        UNION ALL
        SELECT :tenant_id, :audience_id, id FROM probed WHERE NOT differs
        ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM created) AS created,
           (SELECT count(*) FROM updated) AS updated,
           (SELECT count(*) FROM probed WHERE NOT differs) AS unchanged
"""  # noqa: S608  # put together from constants


# A spelling that is there already keeps its attributes: the first row of the file counts.
_ADD_REPEATED = f"""
    WITH probed AS MATERIALIZED (
        SELECT staged.*, known.id FROM staged_contact AS staged {_PROBE}
        WHERE staged.repeated
    ), fresh AS (
        INSERT INTO contact (tenant_id, address, recipient_key, attributes,
                             consent_basis, consent_at, consent_source, consent_wording, import_id)
        SELECT :tenant_id, address, recipient_key, attributes,
               consent_basis, consent_at, consent_source, consent_wording, CAST(:import_id AS bigint)
        FROM probed
        WHERE id IS NULL
        ORDER BY address
        ON CONFLICT (tenant_id, address) DO NOTHING
        RETURNING id
    )
    INSERT INTO audience_member (tenant_id, audience_id, contact_id)
    SELECT :tenant_id, :audience_id, id FROM fresh
    UNION
    SELECT :tenant_id, :audience_id, id FROM probed WHERE id IS NOT NULL
    ON CONFLICT DO NOTHING
"""  # noqa: S608  # put together from constants


def upsert(
    session: Session,
    *,
    tenant_id: int,
    audience_id: int,
    contacts: Sequence[ImportedContact],
    repeated: Sequence[ImportedContact] = (),
    import_id: int | None = None,
) -> Upserted:
    """Store the contacts of a file and make them members of an audience.

    `contacts` holds no address twice. `repeated` are people whom an earlier row of the file names, in any spelling and
    any of them repeatedly: where the spelling is new it is stored, else it changes nothing, and it is not counted.
    `import_id` is kept of the contacts that are made.
    """
    run(session, _STAGE)
    # Empty already unless this transaction has stored a batch before.
    run(session, "DELETE FROM staged_contact")
    _copy(session, chain(map(_line, contacts), map(_repeated_line, repeated)))
    key = {"tenant_id": tenant_id, "audience_id": audience_id, "import_id": import_id}
    done = _upsert(session, key)
    if repeated:
        run(session, _ADD_REPEATED, **key)
    return done


def _upsert(session: Session, key: Mapping[str, int | None], *, tries: int = 3) -> Upserted:
    """Run the upsert, again if another transaction inserts one of its addresses between its look and its insertion.

    The violation is raised once the other has committed, so that the next look finds that contact.
    """
    try:
        with session.begin_nested():
            counts = one(session, _UPSERT, **key)
    except IntegrityError:
        if tries == 1:
            raise
        return _upsert(session, key, tries=tries - 1)
    assert counts is not None
    return Upserted(**counts)


def _copy(session: Session, lines: Iterable[str]) -> None:
    """Fill the stage. Lines of COPY's text format are an order of magnitude cheaper to make than parameters."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    with connection.cursor() as cursor, cursor.copy("COPY staged_contact FROM STDIN") as copy:
        copy.write("".join(lines))


def _line(contact: ImportedContact, repeated: str = "f") -> str:
    # An address holds neither backslash nor white space, and JSON writes control characters as escapes, so that only
    # its backslashes have to be doubled.
    attributes = orjson.dumps(contact.attributes).decode().replace("\\", "\\\\")
    consent = _NO_CONSENT if contact[3:] == (None, None, None, None) else _consent(contact)
    return f"{contact.address}\t{contact.recipient_key}\t{attributes}\t{consent}\t{repeated}\n"


def _repeated_line(contact: ImportedContact) -> str:
    return _line(contact, repeated="t")


_NO_CONSENT = "\\N\t\\N\t\\N\t\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _consent(contact: ImportedContact) -> str:
    columns = (contact.consent_basis, contact.consent_at, contact.consent_source, contact.consent_wording)
    return "\t".join("\\N" if value is None else str(value).translate(_ESCAPES) for value in columns)


def contacts_by_recipient_key(session: Session, *, tenant_id: int, recipient_key: str) -> Sequence[Row]:
    """Return a person's contacts, one for each spelling of the address, oldest first, with their audiences' names."""
    return rows(
        session,
        """
        SELECT contact.id, contact.address, contact.attributes, contact.state, contact.state_reason,
               contact.state_rule, contact.state_at,
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
