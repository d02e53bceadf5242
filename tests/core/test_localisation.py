"""Dates, numbers and money as the reader writes them; and what is none of these."""

from typing import Any

import pytest

from core import localisation
from core.errors import TemplateError, TemplateUndefinedError
from core.rendering import TemplateSources, compile_template


def shown(expression: str, locale: str | None = "de", **data: Any) -> str:
    sources = TemplateSources(
        name="news", subject="x", html="<p>x</p>", text=f"{{{{ {expression} }}}}", shared={}
    )
    contact = {"locale": locale} if locale else {}
    text = compile_template(sources).render({"contact": contact, **data}).text
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("expression", "german", "english"),
    [
        ('"2026-11-24"|date', "24. November 2026", "November 24, 2026"),
        ('"2026-11-24T23:30:00Z"|date("short")', "24.11.26", "11/24/26"),
        ('"2026-11-24"|date("EEEE, d MMM")', "Dienstag, 24 Nov.", "Tuesday, 24 Nov"),
        ("1234567.5|number", "1.234.567,5", "1,234,567.5"),
        ("1234.5|number(2)", "1.234,50", "1,234.50"),
        ("1234.5|number(0)", "1.234", "1,234"),
        ('1234.5|money("EUR")', "1.234,50 €", "€1,234.50"),
        ('"19.9"|money("USD")', "19,90 $", "$19.90"),
        ('1234|money("JPY")', "1.234 ¥", "¥1,234"),
        ("0.25|percent", "25 %", "25%"),
        ('1|money("EUR", locale="fr")', "1,00 €", "1,00 €"),
        ("none|number", "", ""),
        ('""|date', "", ""),
    ],
)
def test_values_are_written_as_the_reader_writes_them(expression: str, german: str, english: str) -> None:
    assert (shown(expression), shown(expression, "en")) == (german, english)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("de", "de"), ("de-AT", "de_AT"), ("DE_at", "de_AT"), ("de_LI", "de"), ("tlh", "en"), ("", "en"),
     (None, "en"), (7, "en"), ("../de", "en"), ("zh-TW", "zh_TW")],
)  # fmt: skip
def test_the_nearest_locale_that_we_have_is_taken(wanted: object, found: str) -> None:
    assert localisation.negotiate(wanted) == found


def test_a_contacts_language_stands_in_for_its_locale() -> None:
    assert shown("1.5|number", None, contact={"language": "fr"}) == "1,5"
    assert shown("1.5|number", None) == "1.5"


def test_a_constant_is_not_written_in_the_language_of_the_publisher() -> None:
    """Jinja folds constant expressions when it compiles, and then there is no reader yet."""
    assert [shown("0.5|percent", locale) for locale in ("de", "tr")] == ["50 %", "%50"]


@pytest.mark.parametrize(
    "expression",
    [
        '"tomorrow"|date', "20261124|date", "[]|date", '"x"|number', "true|number", '"nan"|number', '"1e99"|number',
        '1|money("euro")', '1|money("€")', '1|date("' + "d" * 41 + '")',
    ],
)  # fmt: skip
def test_what_is_none_is_the_datas_fault(expression: str) -> None:
    with pytest.raises(TemplateError):
        shown(expression)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(TemplateUndefinedError, match=r"contact\.renews_on"):
        shown("contact.renews_on|date")


def test_every_locale_can_be_loaded() -> None:
    localisation.load()
    assert len(localisation.LOCALES) == 50
