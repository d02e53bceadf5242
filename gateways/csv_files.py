"""CSV files for people: safe to open in a spreadsheet, into a file or as pieces of a download.

Standards:
    RFC 4180 (CSV). OWASP, "CSV Injection". RFC 3629 (UTF-8), whose byte order mark Excel wants to see before it believes it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final


# Cells that begin so are formulas to spreadsheets, the full-width forms included.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# A piece of a download is as large as some hundred lines, so that a slow reader holds little.
_PIECE_BYTES: Final = 64 * 1024

# The line end of RFC 4180; with another one Python leaves a carriage return inside a cell unquoted.
_LINE_END: Final = "\r\n"


def write_csv(target: IO[str], columns: Sequence[str], lines: Iterable[Sequence[object]]) -> int:
    """Write a table that is safe to open in a spreadsheet, and return its number of lines.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front; None becomes an empty cell.
    """
    writer = csv.writer(target, lineterminator=_LINE_END)
    writer.writerow(columns)
    written = 0
    for line in lines:
        writer.writerow([_harmless(cell) for cell in line])
        written += 1
    return written


def pieces(
    columns: Sequence[str], lines: Iterable[Sequence[object]], *, with_mark: bool = False
) -> Iterator[bytes]:
    """Yield such a table as bytes of UTF-8, piece by piece; memory is one piece's.

    Every cell is in quotation marks, so that a spreadsheet which takes semicolons for separators makes no new cell of a name
    that has one.

    Args:
        columns: The header.
        lines: The cells.
        with_mark: Whether it begins with a byte order mark, without which Excel takes UTF-8 for the machine's own encoding.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=_LINE_END, quoting=csv.QUOTE_ALL)
    if with_mark:
        buffer.write("\ufeff")
    writer.writerow(columns)
    for line in lines:
        writer.writerow([_harmless(cell) for cell in line])
        if buffer.tell() >= _PIECE_BYTES:
            yield _taken(buffer)
    yield _taken(buffer)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes its place only when it is whole, so that nobody takes a half for a list."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as target:
            yield target
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _taken(buffer: io.StringIO) -> bytes:
    """Empty the buffer and return what was in it; a lone surrogate becomes a question mark."""
    piece = buffer.getvalue().encode("utf-8", errors="replace")
    buffer.seek(0)
    buffer.truncate()
    return piece


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
