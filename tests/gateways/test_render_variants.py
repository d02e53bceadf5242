"""Variants across the pipe: the parent and the child must agree, without a word, on which files a reader gets."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.errors import TemplateError
from core.rendering import TemplateSources, compile_template
from gateways.render_process import Renderer


LONG = "a text that is long enough to be carved out of every message of the template, once and for all"
SOURCES = TemplateSources(
    name="news",
    subject="News",
    html=f"<html lang='{{{{ lang }}}}'><head></head><body><p>{LONG} {{{{ contact.name }}}}</p></body></html>",
    text=f"{LONG} {{{{ contact.name }}}}",
    shared={},
    preheader="For {{ contact.name }}",
    variants={
        "de": {
            "html": "<html lang='{{ lang }}'><head></head><body>"
            f"<p>{LONG}</p><p>{{{{ contact.name }}}}</p><p>{LONG}</p></body></html>",
        },
        "de-AT": {"subject": "Neuigkeiten"},
        "fr": {"html": "<html lang='fr'><head></head><body><p>{{ 1|string|safe }}</p></body></html>"},
    },
)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.mark.parametrize("locale", ["en", "de", "de-AT", "de_CH", "fr", "German", None, 7])
def test_a_message_is_the_same_on_both_sides_of_the_pipe(renderer: Renderer, locale: object) -> None:
    context = {"contact": {"name": "Ada", "locale": locale}, "tenant": {"locale": ""}}
    here, there = compile_template(SOURCES), renderer.compile(SOURCES, owner=1)
    message = there.render(context)
    assert message == here.render(context)
    assert message.filling is not None
    assert message.filling.put_together() == (message.html, message.text)
    assert there.audit(context, message) == ""


def test_a_template_knows_what_its_variants_override_and_how_they_are_inlined(renderer: Renderer) -> None:
    compiled = renderer.compile(SOURCES, owner=1)
    assert {tag: (each.overrides, each.inlining) for tag, each in compiled.variants.items()} == {
        "de": (("html",), "once"),
        "de-AT": (("subject",), "once"),
        "fr": (("html",), "each"),
    }
    assert compiled.inlining == "each"
    assert compiled.why.startswith("news/body.fr.html.j2, line 1")


def test_a_variant_that_does_not_compile_is_named(renderer: Renderer) -> None:
    broken = replace(SOURCES, variants={"de": {"text": "\n{% if %}"}})
    with pytest.raises(TemplateError, match=r"news/body\.de\.txt\.j2, line 2"):
        renderer.compile(broken, owner=1)


def test_languages_are_known_where_no_file_can_be_opened(renderer: Renderer) -> None:
    """CLDR's tables are read before the walls are up; a tag that nobody has asked for yet needs no file."""
    variants = {"ckb": {"text": "{{ dir }} {{ lang }}"}, "zh-Hant": {"text": "{{ dir }} {{ lang }}"}}
    compiled = renderer.compile(replace(SOURCES, variants=variants), owner=1)
    texts = [
        compiled.render({"contact": {"name": "A", "locale": wanted}}).text
        for wanted in ("ckb-IQ", "zh-hant-hk")
    ]
    assert texts == ["rtl ckb", "ltr zh-Hant"]
