"""Variants: each reader gets the nearest files, part by part, and the page that premailer makes of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import locales
from core.errors import TemplateError, TemplateUndefinedError
from core.rendering import CompiledTemplate, TemplateSources, compile_template
from tests.templates.oracle import Oracle, dom


STYLE = "<style>p {color: red} .a {margin: 0} div {color: blue}</style>"


def page(words: str) -> str:
    return (
        f'<html lang="{{{{ lang }}}}" dir="{{{{ dir }}}}"><head>{STYLE}</head>'
        f'<body><p class="a">{words} {{{{ contact.name }}}}</p>{{% include "_shared/foot.html.j2" %}}</body></html>'
    )


def sources(variants: dict[str, dict[str, str]], **changes: Any) -> TemplateSources:
    whole: dict[str, Any] = {
        "name": "news",
        "subject": "News",
        "html": page("Hello"),
        "text": "Hello {{ contact.name }} ({{ lang }})",
        "shared": {
            "_shared/foot.html.j2": "<div>Bye</div>",
            "_shared/foot.de.html.j2": "<div>Tschüss</div>",
            "_shared/foot.de-AT.html.j2": "<div>Servus</div>",
        },
    }
    return TemplateSources(variants=variants, **whole | changes)


GERMAN = {"subject": "Neues", "html": page("Hallo"), "text": "Hallo {{ contact.name }} ({{ lang }})"}


def read(template: CompiledTemplate, locale: str | None, tenant: str = "") -> tuple[str, str, str]:
    context = {"contact": {"name": "Ann", "locale": locale}, "tenant": {"locale": tenant}}
    content = template.render(context)
    return content.subject, content.html, content.text


@pytest.mark.parametrize(
    ("locale", "subject", "text"),
    [
        pytest.param("de", "Neues", "Hallo Ann (de)", id="the language"),
        pytest.param("de_DE", "Neues", "Hallo Ann (de)", id="a region that has none of its own"),
        pytest.param("de-AT", "Neuigkeiten", "Hallo Ann (de)", id="a region that overrides one part"),
        pytest.param("fr", "News", "Hello Ann (en)", id="another language"),
        pytest.param("german", "News", "Hello Ann (en)", id="no locale at all"),
        pytest.param(None, "News", "Hello Ann (en)", id="nobody says"),
    ],
)
def test_each_part_falls_back_by_itself(locale: str | None, subject: str, text: str) -> None:
    template = compile_template(sources({"de": GERMAN, "de-AT": {"subject": "Neuigkeiten"}}))
    found = read(template, locale)
    assert (found[0], found[2]) == (subject, text)


def test_who_says_nothing_is_written_to_in_the_tenants_language() -> None:
    template = compile_template(sources({"de": GERMAN}))
    assert read(template, None, "de-CH")[0] == "Neues"
    assert read(template, "en", "de-CH")[0] == "News"


def test_the_html_says_its_language_and_its_direction() -> None:
    template = compile_template(sources({"ar": {"html": page("مرحبا")}}))
    assert '<html lang="ar" dir="rtl">' in read(template, "ar-EG")[1]
    assert '<html lang="en" dir="ltr">' in read(template, "fr")[1]


def test_a_part_that_falls_back_says_the_language_it_is_written_in() -> None:
    subject, html, text = read(compile_template(sources({"de": {"subject": "Neues"}})), "de")
    assert (subject, text) == ("Neues", "Hello Ann (en)")
    assert '<html lang="en"' in html


def test_shared_files_speak_the_language_of_the_part_that_names_them() -> None:
    template = compile_template(sources({"de": GERMAN, "de-AT": {"html": page("Grüß Gott")}}))
    assert [read(template, locale)[1].count(word) for locale, word in [("de", "Tschüss"), ("de-AT", "Servus"), ("fr", "Bye")]] == [1, 1, 1]  # fmt: skip


def test_a_shared_variant_may_extend_its_own_default() -> None:
    shared = {
        "_shared/l.html.j2": "<html><head></head><body>{% block a %}Bye{% endblock %}!</body></html>",
        "_shared/l.de.html.j2": '{% extends "_shared/l.html.j2" %}{% block a %}Tschüss{% endblock %}',
    }
    body = '{% extends "_shared/l.html.j2" %}'
    template = compile_template(sources({"de": {"html": body}}, html=body, shared=shared))
    assert "Tschüss!" in read(template, "de")[1]
    assert "Bye!" in read(template, "en")[1]


def test_dates_are_written_in_the_language_around_them() -> None:
    text = '{{ "2026-11-24"|date }}'
    template = compile_template(sources({"de": {"text": text}}, text=text))
    assert [read(template, locale)[2] for locale in ("de-AT", "fr", "en-GB")] == [
        "24. November 2026",
        "November 24, 2026",
        "24 November 2026",
    ]
    alone = compile_template(sources({}, text=text))
    assert read(alone, "fr")[2] == "24 novembre 2026"


def test_a_home_of_another_language_is_what_the_default_files_are_in() -> None:
    template = compile_template(sources({"en": {"text": "Hello ({{ lang }})"}}, locale="de"))
    assert read(template, "fr")[2] == "Hello Ann (de)"
    assert read(template, "en-GB")[2] == "Hello (en)"


def test_what_is_not_overridden_is_compiled_once_and_shared_in_calls() -> None:
    template = compile_template(sources({"de": {"subject": "Neues"}, "fr": {"html": page("Bonjour")}}))
    assert template.variants["de"].html_frame is template.html_frame
    assert template.variants["fr"].html_frame != template.html_frame
    assert template.variants["fr"].text_frame is template.text_frame


def test_the_fields_are_those_of_all_variants() -> None:
    template = compile_template(sources({"de": {"subject": "Neues, {{ contact.title }}"}}))
    assert template.fields == {"contact.name", "contact.title"}


def test_a_missing_field_of_one_variant_is_its_readers_affair_alone() -> None:
    template = compile_template(sources({"de": {"subject": "{{ contact.title }}"}}))
    assert read(template, "en")[0] == "News"
    with pytest.raises(TemplateUndefinedError, match=r"contact\.title"):
        read(template, "de")


@pytest.mark.parametrize(
    ("variants", "where"),
    [
        pytest.param({"de": {"html": "{% if %}"}}, r"news/body\.de\.html\.j2, line 1", id="a body"),
        pytest.param(
            {"de-AT": {"subject": "{% if %}"}}, r"news/subject\.de-AT\.txt\.j2, line 1", id="a subject"
        ),
        pytest.param({"deutsch": {"html": "x"}}, r"body\.deutsch\.html\.j2", id="a name"),
    ],
)
def test_an_error_of_a_variant_names_its_file(variants: dict[str, dict[str, str]], where: str) -> None:
    with pytest.raises(TemplateError, match=where):
        compile_template(sources(variants))


def test_an_error_in_a_shared_variant_names_that_file() -> None:
    shared = {"_shared/foot.html.j2": "", "_shared/foot.de.html.j2": "\n{{ x.__class__ }}"}
    with pytest.raises(TemplateError, match=r"_shared/foot\.de\.html\.j2, line 2"):
        compile_template(sources({"de": GERMAN}, shared=shared))


# Sources and their digests


def test_sources_without_variants_keep_the_digest_that_they_were_stored_under() -> None:
    """Taken from the code before there were variants: published versions and pinned campaigns name it."""
    stored = {"name": "news", "subject": "S", "html": "H", "text": "T", "shared": {"_shared/a.j2": "a"}}
    loaded = TemplateSources.from_json(stored)
    assert loaded.as_json() == stored
    assert loaded.digest() == "34cb1dfe912c9ae23637f9c8d21697eaeb0d0818f79a9bceeb287bc173b801b3"


def test_sources_with_variants_survive_json() -> None:
    whole = sources({"de": GERMAN, "de-AT": {"subject": "x"}}, preheader="p", locale="fr")
    assert TemplateSources.from_json(whole.as_json()) == whole
    assert len({whole.digest(), sources({"de": GERMAN}).digest(), sources({}).digest()}) == 3


# The judge


@settings(deadline=None)
@given(
    own=st.dictionaries(
        st.sampled_from(["de", "de-AT", "ar"]),
        st.sets(st.sampled_from(["subject", "html", "text", "preheader"]), min_size=1),
    ),
    wanted=st.sampled_from(["de", "de-AT", "de-CH", "ar-EG", "fr", ""]),
    preheader=st.sampled_from(["p", None]),
)
def test_whatever_is_overridden_a_reader_gets_premailers_page_of_the_nearest_files(
    own: dict[str, set[str]], wanted: str, preheader: str | None
) -> None:
    words = {"subject": "s {tag}", "text": "t {tag}", "preheader": "p {tag} {{{{ contact.name }}}}"}
    variants = {
        tag: {part: page(tag) if part == "html" else words[part].format(tag=tag) for part in sorted(parts)}
        for tag, parts in own.items()
    }
    whole = sources(variants, preheader=preheader)
    context = {"contact": {"name": "<Ann>", "locale": wanted}}
    content = compile_template(whole).render(context)

    chain = [tag for tag in locales.chain(wanted) if tag]
    nearest = {part: next((t for t in chain if part in own.get(t, ())), "") for part in locales.PARTS}
    assert content.subject == (f"s {nearest['subject']}" if nearest["subject"] else "News")
    assert content.text == (f"t {nearest['text']}" if nearest["text"] else "Hello <Ann> (en)")
    lang = nearest["html"] or "en"
    spoken = {"lang": lang, "dir": "rtl" if lang == "ar" else "ltr", "locale": wanted}
    assert dom(content.html) == dom(Oracle(whole, chain, spoken).html(context))
