"""The readers' pages in headless Chromium: without scripts, on a phone and on a desk, in the light and in the dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.unsubscribe import Claim, Purpose, sign
from gateways.settings import Settings
from models import Audience, AudienceMember
from store.session import Database, rows, run
from tests.mailed import Mailed
from tests.web.browsing import DESK, PHONE, a_browser, findings, fits, open_page, picture, served
from tests.web.conftest import KEY
from web.doors import Doors


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def url(database: Database, tmp_path: Path) -> Iterator[str]:
    with served(Doors(Settings(state_dir=tmp_path), database=database, token_keys=[KEY])) as url:
        yield url


@pytest.fixture
def reader(database: Database, mailed: Mailed) -> Mailed:
    """A reader of three lists of a tenant that has a website and a language."""
    with database.begin() as session:
        for name, title in (("letters", "Letters from the road"), ("offers", "Offers of the week")):
            audience = Audience(tenant_id=mailed.tenant_id, name=name, title=title)
            session.add(audience)
            session.flush()
            session.add(
                AudienceMember(
                    tenant_id=mailed.tenant_id, audience_id=audience.id, contact_id=mailed.contact_id
                )
            )
        run(session, "UPDATE audience SET title = 'The Acme Travel letter' WHERE name = 'readers'")
        run(session, "UPDATE tenant SET website = 'https://acme.example/'")
    return mailed


def way(reader: Mailed, purpose: Purpose) -> str:
    letter = {Purpose.UNSUBSCRIBE: "u", Purpose.PREFERENCES: "p"}[purpose]
    return f"/{letter}/{sign(Claim(reader.tenant_id, reader.delivery_id, purpose), KEY)}"


def stopped(database: Database) -> int:
    with database.begin() as session:
        return len(rows(session, "SELECT FROM suppression WHERE expires_at IS NULL OR expires_at > now()"))


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_person_leaves_a_list_and_then_everything(
    browser: Browser, url: str, database: Database, reader: Mailed, viewport: dict[str, int]
) -> None:
    page = open_page(browser, viewport)
    page.goto(url + way(reader, Purpose.UNSUBSCRIBE))
    expect(page.get_by_role("heading", name="Unsubscribe from Acme Travel")).to_be_visible()
    assert fits(page)
    assert stopped(database) == 0
    if viewport == PHONE:
        picture(page, "reader-unsubscribe-phone")
    page.get_by_role("button", name="Stop this newsletter").click()
    expect(page.get_by_role("status")).to_contain_text(
        "You will not receive this newsletter from Acme Travel any more."
    )
    assert stopped(database) == 1
    page.get_by_role("button", name="Stop all mail from Acme Travel").click()
    expect(page.get_by_role("status")).to_contain_text("Acme Travel will send you no more mail.")
    assert fits(page)
    assert stopped(database) == 2


@pytest.mark.parametrize(("viewport", "width"), [(PHONE, "phone"), (DESK, "desktop")], ids=["phone", "desk"])
def test_a_person_chooses_less_mail_and_a_break(
    browser: Browser, url: str, database: Database, reader: Mailed, viewport: dict[str, int], width: str
) -> None:
    page = open_page(browser, viewport)
    page.goto(url + way(reader, Purpose.UNSUBSCRIBE))
    page.get_by_role("link", name="Choose what you get, and how often").click()
    expect(page.get_by_role("heading", name="Your mail from Acme Travel")).to_be_visible()
    assert fits(page)
    picture(page, f"reader-preferences-{width}")
    page.get_by_label("Offers of the week").uncheck()
    page.get_by_label("One message a week").check()
    page.get_by_label("Break for 30 days").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved. Mail from Acme Travel begins again on ")
    assert fits(page)
    if width == "phone":
        picture(page, "reader-saved-phone")
    expect(page.get_by_label("Offers of the week")).not_to_be_checked()
    expect(page.get_by_label("Letters from the road")).to_be_checked()
    expect(page.get_by_label("One message a week")).to_be_checked()
    expect(page.get_by_label("as now")).to_be_checked()
    assert stopped(database) == 1


def test_reloading_sends_the_same_choice_and_changes_nothing(
    browser: Browser, url: str, database: Database, reader: Mailed
) -> None:
    page = open_page(browser, DESK)
    page.goto(url + way(reader, Purpose.PREFERENCES))
    page.get_by_label("No, stop all of it").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.reload()
    expect(page.get_by_role("status")).to_be_visible()
    with database.begin() as session:
        assert len(rows(session, "SELECT FROM audit_entry WHERE action = 'preferences.changed'")) == 1


def test_the_keyboard_alone_is_enough(browser: Browser, url: str, database: Database, reader: Mailed) -> None:
    page = open_page(browser, DESK)
    page.goto(url + way(reader, Purpose.PREFERENCES))
    page.keyboard.press("Tab")  # the brand
    page.keyboard.press("Tab")  # whether mail is wanted
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("No, stop all of it")).to_be_checked()
    for _ in range(6):  # three lists, how often, a break, save
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Acme Travel will send you no more mail.")
    assert stopped(database) == 1


def spoiled(page: Page) -> None:
    """Send a form as a page that lay open for a year would."""
    page.evaluate("document.querySelector('input[name=pause]').value = '2020-01-01'")
    page.get_by_role("button", name="Save").click()


def test_what_is_wrong_is_said_first_and_leads_to_its_question(
    browser: Browser, url: str, database: Database, reader: Mailed
) -> None:
    page = open_page(browser, PHONE, scripts=True)
    page.goto(url + way(reader, Purpose.PREFERENCES))
    spoiled(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("There is a problem")
    expect(page).to_have_title("Error: Your mail from Acme Travel")
    alert.get_by_role("link").click()
    expect(page.locator("#pause")).to_be_focused()
    group = page.get_by_role("group", name="Do you want a break?")
    expect(group).to_have_accessible_description(
        "After a break, mail begins again by itself. Error: Say whether you want a break, and choose one of the dates below"
    )
    assert stopped(database) == 0


def test_nothing_is_loaded_from_anywhere_and_nothing_runs(browser: Browser, url: str, reader: Mailed) -> None:
    page = open_page(browser, DESK, scripts=True)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    for purpose in Purpose:
        page.goto(url + way(reader, purpose))
    assert [address for address in asked if not address.endswith("/favicon.ico")] == [
        url + way(reader, purpose) for purpose in Purpose
    ]
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("de-DE", "Ihre Nachrichten von Acme Travel"),
        ("fr-FR", "Vos messages de Acme Travel"),
        ("es-ES", "Sus mensajes de Acme Travel"),
        ("it-IT", "I suoi messaggi da Acme Travel"),
        ("nl-NL", "Uw berichten van Acme Travel"),
    ],
)
def test_the_longest_languages_fit_a_phone(
    browser: Browser, url: str, reader: Mailed, locale: str, words: str
) -> None:
    page = open_page(browser, {"width": 320, "height": 640}, locale=locale)
    page.goto(url + way(reader, Purpose.PREFERENCES))
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    assert fits(page)
    if locale == "de-DE":
        picture(page, "reader-preferences-german")


@pytest.mark.node
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page(
    browser: Browser, url: str, database: Database, reader: Mailed, viewport: dict[str, int], *, dark: bool
) -> None:
    page = open_page(browser, viewport, scripts=True, dark=dark)
    found = {}
    for purpose in Purpose:
        page.goto(url + way(reader, purpose))
        found[purpose.name] = findings(page)
    spoiled(page)
    found["refused"] = findings(page)
    if dark and viewport == PHONE:
        picture(page, "reader-problem-dark")
    page.get_by_label("No break").check()
    page.get_by_role("button", name="Save").click()
    found["saved"] = findings(page)
    page.goto(url + way(reader, Purpose.UNSUBSCRIBE))
    page.get_by_role("button", name="Stop this newsletter").click()
    found["unsubscribed"] = findings(page)
    with database.begin() as session:
        run(session, "UPDATE suppression SET reason = 'complaint', source = 'ses'")
    page.goto(url + way(reader, Purpose.PREFERENCES))
    found["held"] = findings(page)
    page.goto(f"{url}/u/x")
    found["bad link"] = findings(page)
    assert {where: what for where, what in found.items() if what} == {}
