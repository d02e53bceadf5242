"""CSV that is safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterator

import pytest

from gateways import csv_files


CELLS = [
    pytest.param('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")', id="="),
    pytest.param("+1-202-555-0100", "'+1-202-555-0100", id="+"),
    pytest.param("-1", "'-1", id="-"),
    pytest.param("@SUM(A1)", "'@SUM(A1)", id="@"),
    pytest.param("\t=1", "'\t=1", id="tab"),
    pytest.param("\r=1", "'\r=1", id="carriage return"),
    pytest.param("\n=1", "'\n=1", id="line feed"),
    pytest.param("＝1", "'＝1", id="full width"),
    pytest.param("a@x.com", "a@x.com", id="harmless"),
    pytest.param(None, "", id="nothing"),
    pytest.param(7, "7", id="number"),
]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(("cell", "written"), CELLS)
def test_no_cell_of_an_export_is_a_formula(cell: object, written: str) -> None:
    """T11."""
    target = io.StringIO(newline="")
    csv_files.write_csv(target, ("cell",), [[cell]])
    assert read(target.getvalue()) == [["cell"], [written]]


@pytest.mark.parametrize(("cell", "written"), CELLS)
def test_no_cell_of_a_download_is_a_formula(cell: object, written: str) -> None:
    """T11."""
    assert read(b"".join(csv_files.pieces(("cell",), [[cell]])).decode()) == [["cell"], [written]]


def test_a_semicolon_in_a_name_opens_no_cell() -> None:
    """A spreadsheet in German takes semicolons for separators; within quotation marks it does not."""
    text = b"".join(csv_files.pieces(("name",), [["Ann;=1+1"]])).decode()
    assert text == '"name"\r\n"Ann;=1+1"\r\n'


def test_the_byte_order_mark_comes_once_and_only_when_asked_for() -> None:
    assert b"".join(csv_files.pieces(("a",), [])) == b'"a"\r\n'
    assert b"".join(csv_files.pieces(("a",), [], with_mark=True)) == b'\xef\xbb\xbf"a"\r\n'


def test_a_long_table_comes_in_pieces_that_are_made_as_they_are_taken() -> None:
    read_so_far = []

    def lines() -> Iterator[list[object]]:
        for number in range(10_000):
            read_so_far.append(number)
            yield [number, "x" * 50]

    pieces = csv_files.pieces(("number", "text"), lines())
    first = next(pieces)
    assert 64 * 1024 <= len(first) < 66 * 1024
    assert len(read_so_far) < 1_200
    whole = (first + b"".join(pieces)).decode()
    assert [row[0] for row in read(whole)[1:]] == [str(number) for number in range(10_000)]


def test_a_lone_surrogate_does_not_end_the_download() -> None:
    assert b"".join(csv_files.pieces(("a",), [["x\ud800y"]])) == b'"a"\r\n"x?y"\r\n'
