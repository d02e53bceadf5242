"""Template folders are read by plain names only."""

from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError
from gateways import templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in {
        "news/subject.txt.j2": "S",
        "news/body.html.j2": "H ü",
        "news/body.txt.j2": "T",
        "news/sample.json": '{"contact": {}}',
        "half/body.html.j2": "H",
        "_shared/layout.html.j2": "L",
        "_shared/README": "not a template",
        "empty/note.txt": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_template_is_its_three_files_and_the_shared_ones(folder: Path) -> None:
    sources = templates.load(folder, "news")

    assert sources.as_json() == {
        "name": "news",
        "subject": "S",
        "html": "H ü",
        "text": "T",
        "shared": {"_shared/layout.html.j2": "L"},
    }


def test_files_with_a_tag_are_variants_and_a_preheader_is_read_where_there_is_one(folder: Path) -> None:
    for name in (
        "preheader.txt",
        "subject.de.txt",
        "body.de.html",
        "body.de-AT.txt",
        "preheader.de-AT.txt",
        "note.de.txt",
    ):
        (folder / f"news/{name}.j2").write_text(name)
    (folder / "news/meta.json").write_text('{"locale": "fr"}')

    sources = templates.load(folder, "news")

    assert (sources.preheader, sources.locale) == ("preheader.txt", "fr")
    assert sources.variants == {
        "de": {"subject": "subject.de.txt", "html": "body.de.html"},
        "de-AT": {"preheader": "preheader.de-AT.txt", "text": "body.de-AT.txt"},
    }


def test_a_tag_that_is_none_is_left_for_the_compiler_to_refuse(folder: Path) -> None:
    (folder / "news/body.old.version.html.j2").write_text("H")

    assert list(templates.load(folder, "news").variants) == ["old.version"]


@pytest.mark.parametrize("text", ["{", "[]", '{"locale": 7}'])
def test_a_meta_file_that_cannot_be_understood_is_refused(folder: Path, text: str) -> None:
    (folder / "news/meta.json").write_text(text)

    with pytest.raises(InputError, match=r"meta\.json"):
        templates.load(folder, "news")


def test_names_are_the_folders_with_an_html_body(folder: Path) -> None:
    assert templates.names(folder) == ["half", "news"]


def test_a_sample_is_a_context(folder: Path) -> None:
    assert templates.sample(folder, "news") == {"contact": {}}


@pytest.mark.parametrize(
    "name", ["nope", "", "_shared", "../news", "news/", "NEWS", "news\n", "a" * 101, "/etc", "x\x00"]
)
def test_a_name_that_is_not_there_is_not_found_and_told_what_is(folder: Path, name: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        templates.load(folder, name)
    assert raised.value.hint == "templates: half, news"


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"half has no subject\.txt\.j2"):
        templates.load(folder, "half")


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_sample_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / "news/sample.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(InputError):
        templates.sample(folder, "news")
