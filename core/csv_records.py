"""CSV records: bytes of a file that people made become records with their line numbers, and nothing stops the file.

Real files are mixed: one line is in another encoding, one quotation mark never closes, one cell holds a novel. Each such
line becomes a `Defect` with its number and the reading goes on at the next line. Python's `csv` does the parsing; what
it cannot do is stop at a broken line and go on, and that is what this module adds.

It reads blocks of some hundred kilobytes. A block without defects, nearly every one, is parsed by a single call; only
the others are looked at line by line.

Terms:
    physical line: what a text editor numbers. A quoted cell may span several; a record's number is its first.
    open: a line ends inside a quoted cell, so the record goes on in the next one.

Invariants:
    Memory is bound by the size of a chunk, `MAX_LINE` and `MAX_RECORD_LINES`, whatever the file holds.
    Every physical line belongs to exactly one record, defect or blank line.

Standards:
    RFC 4180 (CSV), read liberally: any of three delimiters, any line end, quotation marks inside unquoted cells.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import ImportFileError


MAX_FIELD: Final = 10_000  # characters
MAX_COLUMNS: Final = 64
# The longest honest line: every cell full. `csv` itself stops at 131,072 characters a cell.
MAX_LINE: Final = MAX_COLUMNS * MAX_FIELD
# A quoted cell of more lines than this is taken for a quotation mark that was never closed.
MAX_RECORD_LINES: Final = 200

_DELIMITERS: Final = ",;\t"

_MAGIC: Final = (
    (b"PK\x03\x04", "it is a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV UTF-8."),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel workbook", "Save the sheet as CSV UTF-8."),
    (b"\x1f\x8b", "it is compressed with gzip", "Unpack it first: gunzip FILE."),
    (b"%PDF", "it is a PDF", "Import the CSV that it was made from."),
)

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Defect:
    """A line that is not a record, and why. The codes are listed in docs/importing.md."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive records, each `(first line, cells)`, and the last physical line that they or defects took."""

    records: Sequence[tuple[int, list[str]]]
    defects: Sequence[Defect]
    last_line: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is written, found by its beginning."""

    encoding: str  # utf-8, utf-16-le or utf-16-be
    mark: int  # bytes of the byte order mark
    delimiter: str
    line_end: str  # "\n", or "\r" for files of old spreadsheets on the Mac


def shape_of(head: bytes) -> Shape:
    """Return how a file is written.

    Args:
        head: Its first bytes; 64 KB are plenty.

    Raises:
        ImportFileError: It is empty, or it is not text at all (zip, xlsx, xls, gzip, PDF).
    """
    for magic, what, hint in _MAGIC:
        if head.startswith(magic):
            raise ImportFileError(f"this is not a CSV file: {what}", hint=hint, code="not_csv")
    encoding, mark = _encoding(head)
    text = head[mark:].decode(encoding, errors="replace")
    if not text.strip():
        raise ImportFileError(
            "the file is empty", hint="Its first line names the columns.", code="empty_file"
        )
    line_end = "\r" if "\r" in text and "\n" not in text else "\n"
    return Shape(encoding, mark, _delimiter(text.lstrip("\r\n").split(line_end, 1)[0]), line_end)


def _encoding(head: bytes) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    # UTF-16 without its mark: every other byte of a western header is zero.
    sample = head[:200]
    zeros_even, zeros_odd = sample[::2].count(0), sample[1::2].count(0)
    if max(zeros_even, zeros_odd) > len(sample) // 4:
        return ("utf-16-le" if zeros_odd > zeros_even else "utf-16-be"), 0
    return "utf-8", 0


def _delimiter(header: str) -> str:
    """Return what separates the header's cells; Excel may say so itself in a first line `sep=;`."""
    declared = header.strip().strip('"')
    if declared[:4].lower() == "sep=" and declared[4:5] in _DELIMITERS:
        return declared[4:5]
    outside_quotes = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=outside_quotes.count)


def blocks(chunks: Iterable[bytes], shape: Shape) -> Iterator[Block]:
    """Yield the records of a file, in order.

    Args:
        chunks: The file from its first byte on, in pieces of any size.
        shape: Of the same file.
    """
    source = _Lines(_line_blocks(_utf_8(chunks, shape), shape.line_end), shape.line_end)
    while (lines := source.next_block()) is not None:
        first = source.number + 1
        records = _whole(lines, shape.delimiter)
        if records is not None:
            source.number += len(lines)
            numbered = [(first + index, cells) for index, cells in enumerate(records) if cells]
            yield Block(numbered, (), source.number)
        else:
            source.put_back(lines)
            yield _one_by_one(source, len(lines), shape.delimiter)


def _utf_8(chunks: Iterable[bytes], shape: Shape) -> Iterator[bytes]:
    """Yield the file as UTF-8 without its mark. Lone surrogates of UTF-16 stay recognisable as bad UTF-8."""
    mark = shape.mark
    decoder = codecs.getincrementaldecoder(shape.encoding)("surrogatepass")
    for chunk in chunks:
        piece, mark = chunk[mark:], max(0, mark - len(chunk))
        yield piece if shape.encoding == "utf-8" else decoder.decode(piece).encode("utf-8", "surrogatepass")
    if shape.encoding != "utf-8" and decoder.getstate()[0]:
        # Half a character at the end: a byte that is never valid marks the last line as badly encoded.
        yield b"\xff"


def _line_blocks(chunks: Iterable[bytes], line_end: str) -> Iterator[bytes]:
    """Yield pieces of whole lines. Of a line beyond the limit only its beginning is kept, so that it stays a defect."""
    end = line_end.encode()
    waiting = b""
    for chunk in chunks:
        cut = chunk.rfind(end) + 1
        if not cut:
            # Twice the limit in bytes is over the limit in characters only for text that is refused anyway.
            waiting = (waiting + chunk)[: 4 * MAX_LINE + 1]
            continue
        yield waiting + chunk[:cut]
        waiting = chunk[cut:]
    if waiting:
        yield waiting + end


class _Lines:
    """Physical lines, block by block, with a way to put some back; `None` stands for a line of bad encoding."""

    def __init__(self, blocks: Iterator[bytes], line_end: str) -> None:
        self._blocks = blocks
        self._line_end = line_end
        self._waiting: deque[str | None] = deque()
        self.number = 0

    def next_block(self) -> list[str | None] | None:
        """Return the waiting lines or else the next block's, None at the end of the file."""
        if self._waiting:
            lines = list(self._waiting)
            self._waiting.clear()
            return lines
        data = next(self._blocks, None)
        return None if data is None else self._split(data)

    def _split(self, data: bytes) -> list[str | None]:
        try:
            return list(data.decode().split(self._line_end)[:-1])
        except UnicodeDecodeError:
            return [_decoded(line) for line in data.split(self._line_end.encode())[:-1]]

    def put_back(self, lines: Iterable[str | None]) -> None:
        """Make lines the next ones again."""
        self._waiting.extendleft(reversed(list(lines)))

    def has_more(self) -> bool:
        """Whether there is a next line."""
        if not self._waiting:
            self._waiting.extend(self.next_block() or ())
        return bool(self._waiting)

    def pop(self) -> str | None:
        """Return the next line; ask `has_more` first."""
        line = self._waiting.popleft()
        self.number += 1
        return line

    def push(self, lines: Sequence[str | None]) -> None:
        """Give back the lines that were popped last."""
        self.put_back(lines)
        self.number -= len(lines)


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _whole(lines: Sequence[str | None], delimiter: str) -> list[list[str]] | None:
    """Return one record for each line, or None if any of them needs a closer look."""
    if None in lines:
        return None
    texts = [line for line in lines if line is not None]
    if len(max(texts, key=len, default="")) > MAX_FIELD or "\0" in "".join(texts):
        return None
    try:
        records = list(csv.reader(texts, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return records if len(records) == len(texts) else None


def _one_by_one(source: _Lines, line_count: int, delimiter: str) -> Block:
    """Take at least `line_count` lines, the last record to its end."""
    records: list[tuple[int, list[str]]] = []
    defects: list[Defect] = []
    last = source.number + line_count
    while source.number < last:
        number = source.number + 1
        taken = _record(source, number, delimiter)
        if isinstance(taken, Defect):
            defects.append(taken)
        elif taken:
            records.append((number, taken))
    return Block(records, defects, source.number)


def _record(source: _Lines, number: int, delimiter: str) -> list[str] | Defect:
    """Take the record that begins on the next line, and the lines that it spans."""
    line = source.pop()
    defect = _line_defect(line, number)
    if line is None or defect is not None:
        assert defect is not None
        return defect
    try:
        cells = _cells([line], delimiter)
    except csv.Error:
        return _too_long(number)
    return _checked(_continued(source, line, delimiter) if cells is None else cells, number)


def _continued(source: _Lines, line: str, delimiter: str) -> list[str] | None:
    """Take the further lines of a record whose first line is open; take none and return None if it never closes."""
    parts = [f"{line}\n"]
    taken: list[str | None] = []
    while source.has_more() and len(parts) < MAX_RECORD_LINES:
        following = source.pop()
        taken.append(following)
        if following is None or _line_defect(following, source.number) is not None:
            break
        parts.append(f"{following}\n")
        if '"' not in following:
            continue
        try:
            cells = _cells(parts, delimiter)
        except csv.Error:
            break
        if cells is not None:
            return cells
    # Each of them is a record of its own until it proves otherwise.
    source.push(taken)
    return None


def _line_defect(line: str | None, number: int) -> Defect | None:
    if line is None:
        return Defect(number, "bad_encoding", "the line is not UTF-8; save the file as CSV UTF-8")
    if "\0" in line:
        return Defect(number, "nul_byte", "the line holds a NUL character")
    if len(line) > MAX_LINE:
        return _too_long(number)
    return None


def _too_long(number: int) -> Defect:
    return Defect(number, "field_too_long", f"a cell is longer than {MAX_FIELD:,} characters")


def _cells(parts: Sequence[str], delimiter: str) -> list[str] | None:
    """Return the cells of one record on the lines `parts`, None if its last cell is open.

    Raises:
        csv.Error: A cell beyond `csv`'s own limit, or text behind the closing mark of a cell of several lines.
    """
    try:
        return next(csv.reader(parts, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        if len(parts) > 1:
            raise
    # Text behind a closing mark (`"John "Jo" Doe",`), as Sendy writes it, or a carriage return inside a cell. Without
    # `strict` such marks are kept as characters, and the columns stay where they are.
    return next(csv.reader([parts[0].replace("\r", " ")], delimiter=delimiter), [])


def _checked(cells: list[str] | None, number: int) -> list[str] | Defect:
    if cells is None:
        return Defect(number, "unbalanced_quote", "a quotation mark is opened and never closed")
    return _too_long(number) if any(len(cell) > MAX_FIELD for cell in cells) else cells
