"""Nothing that a line holds stops the file (T10)."""

import tracemalloc
from collections.abc import Iterator

import pytest

from core.csv_records import Block, Defect, blocks, shape_of
from core.errors import ImportFileError


def read(data: bytes, chunk: int = 1 << 18) -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """Return the records and the defects of a file that arrives in chunks of some size."""
    found = list(blocks((data[at : at + chunk] for at in range(0, len(data), chunk)), shape_of(data)))
    records = [record for block in found for record in block.records]
    return records, [(defect.line, defect.code) for block in found for defect in block.defects]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("email;name\na@x.com;Zoë\n".encode(), id="UTF-8"),
        pytest.param("email;name\na@x.com;Zoë\n".encode("utf-8-sig"), id="UTF-8 with mark"),
        pytest.param("\ufeffemail;name\na@x.com;Zoë\n".encode("utf-16-le"), id="UTF-16 LE"),
        pytest.param("\ufeffemail;name\na@x.com;Zoë\n".encode("utf-16-be"), id="UTF-16 BE"),
        pytest.param("email;name\na@x.com;Zoë\n".encode("utf-16-le"), id="UTF-16 LE without mark"),
        pytest.param("email;name\na@x.com;Zoë\n".encode("utf-16-be"), id="UTF-16 BE without mark"),
        pytest.param("email;name\r\na@x.com;Zoë\r\n".encode(), id="lines of Windows"),
        pytest.param("email;name\ra@x.com;Zoë\r".encode(), id="lines of the old Mac"),
        pytest.param("email\tname\na@x.com\tZoë".encode(), id="tabs and no last line end"),
        pytest.param('"email","name"\n"a@x.com","Zoë"\n'.encode(), id="all in quotation marks"),
    ],
)
def test_a_file_is_read_however_it_is_written(encoded: bytes, chunk: int) -> None:
    """T10."""
    assert read(encoded, chunk) == ([(1, ["email", "name"]), (2, ["a@x.com", "Zoë"])], [])


@pytest.mark.parametrize("chunk", [5, 1 << 18])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("b@x.com,Jos\xe9".encode("latin-1"), "bad_encoding", id="another encoding"),
        pytest.param(b"b@x.com,a\0b", "nul_byte", id="NUL"),
        pytest.param(b'b@x.com,"Bo', "unbalanced_quote", id="unclosed quotation mark"),
        pytest.param(b"b@x.com," + b"x" * 10_001, "field_too_long", id="cell of 10,001 characters"),
        pytest.param(b"b@x.com," + b"x" * 200_000, "field_too_long", id="cell beyond the limit of csv"),
    ],
)
def test_a_broken_line_is_reported_and_the_next_one_read(line: bytes, code: str, chunk: int) -> None:
    """T10."""
    records, defects = read(b"email,name\na@x.com,Al\n" + line + b"\nc@x.com,Cy\n", chunk)
    assert defects == [(3, code)]
    assert records == [(1, ["email", "name"]), (2, ["a@x.com", "Al"]), (4, ["c@x.com", "Cy"])]


def test_a_cell_of_ten_megabytes_is_one_defect_in_constant_memory() -> None:
    """T10."""

    def chunks() -> Iterator[bytes]:
        yield b"email,name\na@x.com,"
        yield from (b"x" * (1 << 18) for _ in range(40))
        yield b"\nb@x.com,Bo\n"

    tracemalloc.start()
    found = list(blocks(chunks(), shape_of(b"email,name\n")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [defect.line for block in found for defect in block.defects] == [2]
    assert found[-1].records[-1] == (3, ["b@x.com", "Bo"])
    assert peak < 30_000_000


def test_a_cell_may_span_lines_and_the_record_is_numbered_by_its_first() -> None:
    records, defects = read(b'email,note\na@x.com,"one\ntwo, ""three""\n"\nb@x.com,x\n')
    assert records[1:] == [(2, ["a@x.com", 'one\ntwo, "three"\n']), (5, ["b@x.com", "x"])]
    assert defects == []


def test_an_unclosed_quotation_mark_before_quoted_lines_swallows_none_of_them() -> None:
    records, defects = read(b'"email","name"\n"a@x.com","Al\n"b@x.com","Bo"\n"c@x.com","Cy"\n')
    assert defects == [(2, "unbalanced_quote")]
    assert [number for number, _ in records] == [1, 3, 4]


def test_an_unclosed_quotation_mark_looks_ahead_no_further_than_its_limit() -> None:
    lines = [b"email,name", b'a@x.com,"Al', *(b"p%d@x.com,x" % number for number in range(1000))]
    records, defects = read(b"\n".join(lines))
    assert defects == [(2, "unbalanced_quote")]
    assert len(records) == 1001


def test_quotation_marks_that_are_not_escaped_keep_the_columns_in_place() -> None:
    records, _ = read(b'"name","email"\n"John "Jo" Doe","j@x.com"\n')
    assert records[1][1][1] == "j@x.com"


def test_blank_lines_are_counted_and_passed_over() -> None:
    records, _ = read(b"email\n\n\na@x.com\n")
    assert records == [(1, ["email"]), (4, ["a@x.com"])]


@pytest.mark.parametrize(
    ("head", "code", "word"),
    [
        pytest.param(b"PK\x03\x04rest", "not_csv", "zip", id="zip and xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0rest", "not_csv", "Excel", id="xls"),
        pytest.param(b"\x1f\x8brest", "not_csv", "gzip", id="gzip"),
        pytest.param(b"%PDF-1.7", "not_csv", "PDF", id="PDF"),
        pytest.param(b"", "empty_file", "empty", id="empty"),
        pytest.param(b"\xef\xbb\xbf \n\n", "empty_file", "empty", id="blank"),
    ],
)
def test_what_is_not_a_table_is_refused_and_says_what_to_do(head: bytes, code: str, word: str) -> None:
    """T10: a zip bomb is never unpacked."""
    with pytest.raises(ImportFileError) as refused:
        shape_of(head)
    assert refused.value.code == code
    assert word in refused.value.message
    assert refused.value.hint


def test_the_delimiter_is_sought_outside_quotation_marks() -> None:
    assert shape_of(b'"last, first, middle";email\n').delimiter == ";"


def test_excel_may_name_the_delimiter() -> None:
    assert shape_of(b"sep=;\r\nemail,x;name\r\n").delimiter == ";"


def test_every_line_is_in_exactly_one_record_or_defect() -> None:
    data = b'e,n\na@x.com,1\nb@x.com,"\xff\nc@x.com,"x\ny"\n\nd@x.com,\0\n'
    found: list[Block] = list(blocks([data], shape_of(b"e,n\n")))
    assert found[-1].last_line == 7
    assert [d for b in found for d in b.defects] == [
        Defect(3, "bad_encoding", "the line is not UTF-8; save the file as CSV UTF-8"),
        Defect(7, "nul_byte", "the line holds a NUL character"),
    ]
