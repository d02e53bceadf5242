"""Every template that ships: it renders for real lists, looks right, and is inlined once, exactly."""

import random
from pathlib import Path
from typing import Any

import pytest
from faker import Faker

from core.headers import list_headers
from core.markup import lex
from core.preflight import check_message
from core.rendering import CompiledTemplate, Content, compile_template
from gateways import templates
from tests.templates.oracle import Oracle, dom


FOLDER = Path(__file__).parents[2] / "templates"
NAMES = templates.names(FOLDER)
CONTACTS = 200


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compiled(name: str) -> CompiledTemplate:
    return compile_template(templates.load(FOLDER, name))


@pytest.fixture(scope="module")
def sample(name: str) -> Content:
    return compile_template(templates.load(FOLDER, name)).render(templates.sample(FOLDER, name))


def contexts(name: str, count: int) -> list[dict[str, Any]]:
    """Return contexts of contacts who share a tenant and nothing else; the first has an address and nothing more."""
    people, choice = Faker(["en_GB", "de_DE", "fr_FR", "ja_JP"]), random.Random(8)
    people.seed_instance(8)
    base = templates.sample(FOLDER, name)
    contacts = [{"email": "a@example.com"}, *(_contact(people, choice) for _ in range(count - 1))]
    return [base | {"contact": contact} for contact in contacts]


def _contact(people: Faker, choice: random.Random) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "first_name": choice.choice(
            [people.first_name(), "<script>alert(1)</script>", '"><img onerror=x>', "", None]
        ),
        "city": choice.choice([people.city(), "", "St. John's & Co"]),
        "products": [_product(people, choice) for _ in range(choice.randrange(6))],
    }
    kept = {key: value for key, value in optional.items() if choice.random() < 0.7}
    return {"email": "a@example.com", **kept}


def _product(people: Faker, choice: random.Random) -> dict[str, Any]:
    product = {
        "name": choice.choice([people.catch_phrase(), "5 < 6 & 'quotes' \"twice\""]),
        "price": choice.choice([9, 12.5, 1999.999]),
        "url": choice.choice(
            ["https://e.example/?a=1&b=%20", "https://e.example/ä ö", "javascript:alert(1)"]
        ),
        "image": "https://images.example.com/p.jpg",
    }
    extra = {"discount": choice.choice([0, 10, 50]), "description": people.sentence()}
    return product | {key: value for key, value in extra.items() if choice.random() < 0.5}


def test_the_templates_that_ship_are_found() -> None:
    assert {"announcement", "newsletter", "product-digest"} <= set(NAMES)


def test_a_template_is_inlined_once(compiled: CompiledTemplate) -> None:
    assert compiled.inlining == "once", compiled.why


def test_a_message_is_what_premailer_makes_of_the_page(name: str, compiled: CompiledTemplate) -> None:
    oracle = Oracle(templates.load(FOLDER, name))

    for context in contexts(name, CONTACTS):
        # Where stock Jinja prints "None" or lets `javascript:` pass, ours does better on purpose.
        plain = context | {"contact": _tamed({k: v for k, v in context["contact"].items() if v is not None})}
        assert dom(compiled.render(plain).html) == dom(oracle.html(plain))


def _tamed(contact: dict[str, Any]) -> dict[str, Any]:
    products = [
        product | {"url": product["url"].replace("javascript:", "https:")}
        for product in contact.get("products", [])
    ]
    return contact | ({"products": products} if "products" in contact else {})


def test_every_contact_of_a_real_list_gets_a_message(name: str, compiled: CompiledTemplate) -> None:
    for context in contexts(name, CONTACTS):
        content = compiled.render(context)
        page = lex(content.html)

        assert content.subject
        assert not page.fault
        assert not list(page.named("script"))
        assert "None" not in content.html + content.text + content.subject
        assert "javascript:" not in content.html


def test_the_sample_passes_preflight(name: str, sample: Content) -> None:
    context = templates.sample(FOLDER, name)
    found = check_message(
        sample,
        headers={
            **list_headers(context["unsubscribe_url"]),
            "From": f"{context['tenant']['name']} <{context['tenant']['from_address']}>",
        },
        postal_address=context["tenant"]["postal_address"],
        unsubscribe_url=context["unsubscribe_url"],
    )

    assert found == []


def test_the_sample_is_whole_html_that_mail_programs_understand(sample: Content) -> None:
    page = lex(sample.html)
    [html] = page.named("html")
    [title] = page.named("title")

    assert sample.html.startswith("<!DOCTYPE html>")
    assert page.value(html.attribute("lang")) == "en"  # type: ignore[arg-type]  # the next line would fail on None
    assert page.source[slice(*page.content(title))].strip()
    assert all(table.attribute("role") for table in page.named("table"))
    assert all(image.attribute("width") and image.attribute("height") for image in page.named("img"))
    assert "prefers-color-scheme: dark" in sample.html
    assert "max-width: 620px" in sample.html


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
