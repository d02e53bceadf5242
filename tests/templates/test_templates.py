"""Every template that ships: it renders for real lists, looks right, and is inlined once, exactly."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import readers
from core.headers import list_headers
from core.markup import lex
from core.preflight import check_message
from core.rendering import CompiledTemplate, Content, compile_template
from gateways import templates
from tests.templates.oracle import Oracle, dom


FOLDER = Path(__file__).parents[2] / "templates"
NAMES = templates.names(FOLDER)
CONTACTS = 200

# Every template as who reads no language of its variants gets it, and as the readers of each variant do.
READINGS = [(name, locale) for name in NAMES for locale in ("en", *templates.load(FOLDER, name).variants)]


@pytest.fixture(scope="module", params=READINGS, ids=[f"{name} in {locale}" for name, locale in READINGS])
def reading(request: pytest.FixtureRequest) -> tuple[str, str]:
    name, locale = request.param
    return str(name), str(locale)


@pytest.fixture(scope="module")
def name(reading: tuple[str, str]) -> str:
    return reading[0]


@pytest.fixture(scope="module")
def locale(reading: tuple[str, str]) -> str:
    return reading[1]


def sample_of(name: str, locale: str) -> dict[str, Any]:
    """Return a template's sample, read by somebody who reads that language."""
    sample = templates.sample(FOLDER, name)
    return sample | {"contact": sample["contact"] | {"locale": locale}}


@pytest.fixture(scope="module")
def compiled(name: str) -> CompiledTemplate:
    return compile_template(templates.load(FOLDER, name))


@pytest.fixture(scope="module")
def sample(name: str, locale: str) -> Content:
    return compile_template(templates.load(FOLDER, name)).render(sample_of(name, locale))


def contexts(name: str, locale: str, count: int) -> list[dict[str, Any]]:
    """Return contexts of contacts who share a tenant and a language; the first has an address and nothing more."""
    return [
        context | {"contact": context["contact"] | {"locale": locale}}
        for context in readers.contexts(name, count)
    ]


def test_the_templates_that_ship_are_found() -> None:
    assert {"announcement", "newsletter", "product-digest"} <= set(NAMES)


def test_a_template_is_inlined_once(compiled: CompiledTemplate, locale: str) -> None:
    spoken = compiled.variant_for({"contact": {"locale": locale}})
    assert spoken.inlining == "once", spoken.why


def test_a_message_is_what_premailer_makes_of_the_page(
    name: str, locale: str, compiled: CompiledTemplate
) -> None:
    spoken = {"lang": locale, "dir": "ltr", "locale": locale}
    oracle = Oracle(templates.load(FOLDER, name), [locale], spoken)

    for context in contexts(name, locale, CONTACTS):
        # Where stock Jinja prints "None" or lets `javascript:` pass, ours does better on purpose.
        plain = context | {"contact": _tamed({k: v for k, v in context["contact"].items() if v is not None})}
        assert dom(compiled.render(plain).html) == dom(oracle.html(plain))


def _tamed(contact: dict[str, Any]) -> dict[str, Any]:
    products = [
        product | {"url": product["url"].replace("javascript:", "https:")}
        for product in contact.get("products", [])
    ]
    return contact | ({"products": products} if "products" in contact else {})


def test_every_contact_of_a_real_list_gets_a_message(
    name: str, locale: str, compiled: CompiledTemplate
) -> None:
    for context in contexts(name, locale, CONTACTS):
        content = compiled.render(context)
        page = lex(content.html)

        assert content.subject
        assert not page.fault
        assert not list(page.named("script"))
        assert "None" not in content.html + content.text + content.subject
        assert "javascript:" not in content.html


def test_the_sample_passes_preflight(name: str, locale: str, sample: Content) -> None:
    context = templates.sample(FOLDER, name)
    found = check_message(
        sample,
        headers={
            **list_headers(context["unsubscribe_url"]),
            "From": f"{context['tenant']['name']} <{context['tenant']['from_address']}>",
        },
        postal_address=context["tenant"]["postal_address"],
        unsubscribe_url=context["unsubscribe_url"],
        lang=locale,
    )

    assert found == []


def test_the_sample_is_whole_html_that_mail_programs_understand(sample: Content, locale: str) -> None:
    page = lex(sample.html)
    [html] = page.named("html")
    [title] = page.named("title")

    assert sample.html.startswith("<!DOCTYPE html>")
    assert page.value(html.attribute("lang")) == locale  # type: ignore[arg-type]  # the next line would fail on None
    assert page.source[slice(*page.content(title))].strip()
    assert all(table.attribute("role") for table in page.named("table"))
    assert all(image.attribute("width") and image.attribute("height") for image in page.named("img"))
    assert "prefers-color-scheme: dark" in sample.html
    assert "max-width: 620px" in sample.html


def test_the_letter_is_written_in_german_from_its_subject_to_its_footer() -> None:
    content = compile_template(templates.load(FOLDER, "newsletter")).render(sample_of("newsletter", "de-AT"))

    assert content.subject == "Langsame Glasur, langer Tisch und eine Frage an Sie"
    assert "Eine Glasur nach elf Bränden" in content.html
    assert content.text.count("Abmelden:") == 1
    assert ">Abmelden</a>" in content.html
    assert "Unsubscribe" not in content.html + content.text


def test_the_text_part_fits_a_terminal(name: str, sample: Content) -> None:
    long = [line for line in sample.text.splitlines() if len(line) > 80 and "://" not in line]

    assert long == []
    assert "<" not in sample.text
    assert "\n\n\n\n" not in sample.text


def test_the_newsletter_is_as_large_as_newsletters_are() -> None:
    content = compile_template(templates.load(FOLDER, "newsletter")).render(
        templates.sample(FOLDER, "newsletter")
    )

    assert 35_000 < len(content.html.encode()) < 60_000


@pytest.mark.browser
def test_no_template_is_wider_than_a_phone(sample: Content) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.route("**/*", lambda route: route.abort())
        page.set_content(sample.html)
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()

    assert width == 390
