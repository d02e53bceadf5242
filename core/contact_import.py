"""Contact import: the records of a file become contacts, suppressions and rejections, each row exactly one of them.

A row is judged in this order: it is rejected, or it is a person who must not be mailed, or it repeats somebody of an
earlier row, or it is a contact. Nothing is guessed about values: leading zeros, dates and plus signs stay the text that
they are.

Terms:
    rejected: the row cannot be a contact; it has a code, a message and a line.
    repeated: its comparable address stood in an earlier row of the file. The first row counts. A repeated row that
        spells the address otherwise becomes a contact of its own, since RFC 5321 lets the two be different people; a
        campaign mails only one of them and says of the other that it is a duplicate.
    batch: the rows that are committed together.

Invariants:
    rows = contacts + repeated + suppressed + rejected.
    Memory does not grow with the file, but for 11 to 22 bytes for each different address (`Seen`).
    The same file gives the same batches, so an import can be taken up at the line where it stopped.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from core import addresses, diagnostics
from core.csv_records import Block, Defect, blocks, shape_of
from core.errors import ImportFileError, InvalidAddressError
from core.import_formats import STATUS_WORDS, SUPPRESSED_FOR, FileFormat, Plan, Standing, plan, snake
from core.suppression import Reason


MAX_ROWS: Final = 5_000_000
BATCH: Final = 7_500

# Enough of a file to see how it is written and what its header is.
HEAD_BYTES: Final = 256 * 1024


# Exports that are safe in spreadsheets, ours among them, write an apostrophe before what looks like a formula (OWASP).
_GUARDED: Final = ("'=", "'+", "'-")


class ImportedContact(NamedTuple):
    """A row that is a contact. `attributes` are text but for listmonk's, which are any JSON."""

    address: str
    recipient_key: str
    attributes: dict[str, Any]
    consent_basis: str | None = None
    consent_at: datetime | None = None
    consent_source: str | None = None
    consent_wording: str | None = None


class ImportedSuppression(NamedTuple):
    """A row whose person must not be mailed."""

    address: str
    recipient_key: str
    reason: Reason
    detail: str


class Rejection(NamedTuple):
    """A row that is neither; `address_text` is what stood in its address column."""

    line: int
    code: str
    message: str
    address_text: str


@dataclass(slots=True)
class Batch:
    """The rows of the lines up to `last_line` that no earlier batch holds."""

    contacts: list[ImportedContact] = field(default_factory=list)
    repeated: list[ImportedContact] = field(default_factory=list)
    suppressions: list[ImportedSuppression] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    last_line: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows it holds."""
        return len(self.contacts) + len(self.repeated) + len(self.suppressions) + len(self.rejections)


def read(
    chunks: Iterable[bytes],
    *,
    file_name: str,
    file_format: FileFormat,
    pepper: bytes,
    mapping: Mapping[str, str] | None = None,
) -> Iterator[Batch]:
    """Return the rows of a file, batch by batch. Its header is looked at now, its rows as they are asked for.

    Args:
        chunks: The file from its first byte on; the first piece of at least `HEAD_BYTES` unless the file is shorter.
        file_name: Without folders.
        file_format: Whose export it is.
        pepper: For recipient keys.
        mapping: Column name to field; see `core.import_formats`.

    Raises:
        ImportFileError: The file as a whole cannot be read.
        InputError: The mapping does not fit the file.
    """
    source = iter(chunks)
    head = next(source, b"")
    shape = shape_of(head)
    parts = blocks(chain((head,), source), shape)
    first = _with_header(parts)
    line, header = first.records[0]
    columns = plan(header, file_format, file_name=file_name, mapping=mapping)
    rows = first.records if columns.first_row_is_data else first.records[1:]
    defects = [defect for defect in first.defects if defect.line > line]
    reader = _Reader(columns, pepper)
    return _batches(reader, chain((Block(rows, defects, first.last_line),), parts))


def _with_header(parts: Iterator[Block]) -> Block:
    """Return the block that begins with the header; Excel's `sep=;` before it is passed over."""
    for block in parts:
        records = [
            record for record in block.records if record[0] > 1 or not record[1][0].lower().startswith("sep=")
        ]
        if records:
            return Block(records, block.defects, block.last_line)
    raise ImportFileError(
        "no line of the file can be read", hint="Save it as CSV UTF-8.", code="unreadable_header"
    )


def _batches(reader: "_Reader", parts: Iterable[Block]) -> Iterator[Batch]:
    batch = Batch()
    for block in parts:
        reader.take(block, batch)
        batch.last_line = block.last_line
        if batch.rows >= BATCH:
            yield batch
            batch = Batch(last_line=block.last_line)
    yield batch


class Seen:
    """The people of a file so far, as 63 bits of a hash of each recipient key in a table of open addressing.

    A Python set of five million keys takes half a gigabyte, this 67 MB, and 17 MB for a million. Any two of five
    million people share 63 bits with a probability of about one in a million; the later of them would count as
    repeated and still become a contact.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 16))
        self._mask = (1 << 16) - 1
        self._count = 0

    def add(self, recipient_key: str) -> bool:
        """Remember a key; say whether it is new."""
        # Zero marks a free slot.
        value = hash(recipient_key) & 0x7FFF_FFFF_FFFF_FFFF or 1
        slots, mask = self._slots, self._mask
        at = value & mask
        while found := slots[at]:
            if found == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        self._count += 1
        if self._count * 4 > mask * 3:
            self._grow()
        return True

    def _grow(self) -> None:
        old = self._slots
        self._mask = mask = self._mask * 2 + 1
        self._slots = slots = array("Q", bytes(8 * (mask + 1)))
        for value in old:
            if value:
                at = value & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = value


class _Reader:
    """Judges rows; its only memory is who was seen."""

    def __init__(self, columns: Plan, pepper: bytes) -> None:
        self._plan = columns
        self._pepper = pepper
        self._seen = Seen()

    def take(self, block: Block, batch: Batch) -> None:
        """Add a block's rows to a batch."""
        for defect in block.defects:
            batch.rejections.append(_rejected(defect, ""))
        for line, cells in block.records:
            try:
                self._row(cells, batch)
            except _RowError as error:
                text = cells[self._plan.email] if len(cells) > self._plan.email else ""
                batch.rejections.append(Rejection(line, error.code, error.message, text[:320]))

    def _row(self, cells: list[str], batch: Batch) -> None:
        columns = self._plan
        if len(cells) != columns.columns:
            _check_width(cells, columns.columns)
        text = cells[columns.email]
        if text.startswith(_GUARDED):
            text = text[1:]
        try:
            address = addresses.parse(text)
        except InvalidAddressError as error:
            raise _RowError(error.code, error.message) from error
        key = addresses.recipient_key(address.comparable, self._pepper)
        standing = columns.standing if columns.status is None else _standing(cells, columns)
        if standing is not Standing.SUBSCRIBED:
            batch.suppressions.append(_suppression(address, key, standing, cells, columns))
            return
        contact = _contact(address.deliverable, key, cells, columns)
        (batch.contacts if self._seen.add(key) else batch.repeated).append(contact)


class _RowError(Exception):
    """A row that is rejected, inside this module only."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _rejected(defect: Defect, text: str) -> Rejection:
    return Rejection(defect.line, defect.code, defect.message, text)


def _check_width(cells: Sequence[str], columns: int) -> None:
    """Refuse a row of another width than the header; empty cells too many at its end change nothing."""
    if len(cells) < columns or any(cell.strip() for cell in cells[columns:]):
        raise _RowError("ragged_row", f"the row has {len(cells)} cells where the header has {columns}")


def _standing(cells: Sequence[str], columns: Plan) -> Standing:
    assert columns.status is not None
    return STATUS_WORDS.get(snake(cells[columns.status]), columns.standing)


def _suppression(
    address: addresses.Address, key: str, standing: Standing, cells: Sequence[str], columns: Plan
) -> ImportedSuppression:
    if standing is Standing.NOT_SUBSCRIBED:
        raise _RowError("not_subscribed", "the earlier system did not have the person as subscribed")
    told = "" if columns.detail is None else cells[columns.detail].strip()
    # The history of suppressions outlives the person's data, so nobody is named in it.
    detail = diagnostics.masked(told, [address.deliverable])[:200] if told else ""
    return ImportedSuppression(address.deliverable, key, SUPPRESSED_FOR[standing], detail)


def _contact(address: str, key: str, cells: Sequence[str], columns: Plan) -> ImportedContact:
    attributes: dict[str, Any] = {
        name: value for name, index in columns.attributes if (value := cells[index].strip())
    }
    if columns.json is not None:
        attributes = _json_attributes(cells[columns.json]) | attributes
    if columns.consent_at is None and columns.consent_basis is None:
        return ImportedContact(address, key, attributes)
    return ImportedContact(address, key, attributes, **_consent(cells, columns))


def _json_attributes(cell: str) -> dict[str, Any]:
    try:
        attributes = json.loads(cell) if cell.strip() else {}
    except (ValueError, RecursionError) as error:
        raise _RowError("bad_attributes", "the attributes column is not JSON") from error
    if not isinstance(attributes, dict):
        raise _RowError("bad_attributes", "the attributes column is not a JSON object")
    return attributes


def _consent(cells: Sequence[str], columns: Plan) -> dict[str, Any]:
    """Return the consent columns; a moment without a basis means consent, with the earlier system as its source."""
    at = _moment(_cell(cells, columns.consent_at))
    basis = _cell(cells, columns.consent_basis)
    source = _cell(cells, columns.consent_source)
    return {
        "consent_basis": snake(basis) if basis else "consent" if at else None,
        "consent_at": at,
        "consent_source": source or (columns.source if at else None),
        "consent_wording": _cell(cells, columns.consent_wording),
    }


def _cell(cells: Sequence[str], index: int | None) -> str | None:
    return None if index is None else cells[index].strip() or None


def _moment(text: str | None) -> datetime | None:
    """Return a moment in ISO 8601; without an offset it is UTC, as in Mailchimp's exports."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _RowError("bad_consent_at", "consent_at is not a date such as 2024-05-31 10:00:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
