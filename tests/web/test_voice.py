"""The sentences of the readers' pages: complete in every language, and in the one that the reader wants."""

import re
import string
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from store.session import Database, run
from tests.mailed import Mailed
from web.voice import Voice, texts, voice_for


WEB = Path(__file__).resolve().parents[2] / "web"


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("tag", ["de", "en", "es", "fr", "it", "nl"])
def test_a_language_has_every_sentence_with_its_fields(tag: str) -> None:
    english, own = texts()["en"], texts()[tag]
    assert own.keys() == english.keys()
    assert {name: fields(own[name]) for name in own} == {name: fields(english[name]) for name in english}
    assert all(sentence.strip() == sentence != "" for sentence in own.values())


def test_no_sentence_is_needless_and_none_is_lacking() -> None:
    sources = [path.read_text(encoding="utf-8") for path in [*WEB.glob("*.py"), *WEB.glob("html/*.html")]]
    said = {name for source in sources for name in re.findall(r'"(\w+)"', source)}
    built = {f"{stem}{end}" for stem, ends in {
        "frequency_": ("all", "weekly", "monthly"), "problem_": ("mail", "frequency", "pause"), "bad_link": ("_text",),
        "too_many": ("_text",),
    }.items() for end in ends}  # fmt: skip
    assert set(texts()["en"]) <= said | built


@pytest.mark.parametrize(
    ("voice", "written"),
    [
        (Voice("de", "de-AT"), "22. Jänner 2027"),
        (Voice("de", "de"), "22. Januar 2027"),
        (Voice("en", "en-GB"), "22 January 2027"),
        (Voice("en", "en"), "January 22, 2027"),
        (Voice("nl", "nl-BE"), "22 januari 2027"),
    ],
)
def test_a_day_is_written_as_its_readers_write_it(voice: Voice, written: str) -> None:
    assert voice.day(date(2027, 1, 22)) == written


def test_what_prints_a_date_is_of_the_language_that_is_spoken() -> None:
    assert voice_for("", contact="pl-PL", tenant="de-AT") == Voice("de", "de")
    assert voice_for("fr", contact="de-AT") == Voice("de", "de-AT")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("de-AT", "Von Acme Travel abmelden"),
        ("fr", "Se désinscrire de Acme Travel"),
        ("es-MX", "Darse de baja de Acme Travel"),
        ("it", "Annullare l’iscrizione a Acme Travel"),
        ("nl", "Afmelden bij Acme Travel"),
        ("ja", "Unsubscribe from Acme Travel"),
    ],
)
def test_a_page_speaks_the_language_of_the_contact(
    client: TestClient,
    database: Database,
    mailed: Mailed,
    link: Callable[[Mailed], str],
    locale: str,
    words: str,
) -> None:
    with database.begin() as session:
        run(
            session,
            "UPDATE contact SET attributes = jsonb_build_object('locale', CAST(:locale AS text))",
            locale=locale,
        )
    text = client.get(link(mailed)).text
    assert f"<h1>{words}</h1>" in text
    assert f'<html lang="{locale[:2] if locale != "ja" else "en"}" dir="ltr">' in text


def test_a_bad_link_is_answered_in_the_browsers_language(client: TestClient) -> None:
    text = client.get("/u/x", headers={"Accept-Language": "pl, de;q=0.7, en;q=0.3"}).text
    assert "<h1>Dieser Link ist nicht gültig</h1>" in text
