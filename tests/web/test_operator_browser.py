"""The operator's pages in headless Chromium, without JavaScript, on a phone and on a desk.

`POSTHOUSE_SCREENSHOTS=docs/images` keeps the pictures that docs/operating.md shows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.campaigns import CampaignState
from core.suppression import Reason
from gateways.settings import Settings
from store.session import Database, run
from tests.builders import Scene, a_campaign, a_contact, a_scene, an_account, plan, suppress
from tests.fakes import REGION
from tests.web.browsing import DESK, PHONE, a_browser, findings, fits, open_page, picture, served
from tests.web.conftest import KEY
from tests.web.console import PASSWORD
from web.doors import Doors


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def url(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The application behind a real server."""
    monkeypatch.setenv("AWS_REGION", REGION)
    doors = Doors(
        Settings(operator_password=PASSWORD, state_dir=tmp_path), database=database, token_keys=[KEY]
    )
    with served(doors) as url:
        yield url


@pytest.fixture
def scene(database: Database) -> Scene:
    """A house with two tenants, and a campaign of forty people in the middle of being sent."""
    with database.begin() as session:
        an_account(session)
        bikes = a_scene(session, slug="bolt", name="Bolt Bikes", contacts=3, state=CampaignState.DONE)
        name(session, bikes, "Tyres for winter")
        scene = a_scene(session, slug="acme", contacts=36, rung=0)
        for number, reason in enumerate(
            (Reason.UNSUBSCRIBE, Reason.UNSUBSCRIBE, Reason.HARD_BOUNCE, Reason.COMPLAINT)
        ):
            a_contact(session, scene, f"left{number}@example.net")
            suppress(session, scene, f"left{number}@example.net", reason)
        plan(session, scene)
        name(session, scene, "Spring in the Alps")
        later = a_campaign(
            session, scene, state=CampaignState.SCHEDULED, start_at=datetime(2027, 3, 1, 8, tzinfo=UTC)
        )
        name(session, later, "Summer by the sea")
        name(session, a_campaign(session, bikes, state=CampaignState.DRAFT), "Helmets, a third off")
        for state, number in (("sent", 17), ("unconfirmed", 1), ("in_doubt", 2), ("failed", 1)):
            run(
                session,
                """UPDATE delivery SET state = :state, attempt_id = 'a' || id, attempt_no = 1, submitted_at = now()
                   WHERE id IN (SELECT id FROM delivery WHERE campaign_id = :id AND state = 'pending' ORDER BY id LIMIT :n)""",
                state=state,
                id=scene.campaign_id,
                n=number,
            )
    return scene


def name(session: Any, scene: Scene, words: str) -> None:
    run(session, "UPDATE campaign SET name = :name WHERE id = :id", name=words, id=scene.campaign_id)


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/campaigns")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()


@pytest.mark.parametrize(("viewport", "width"), [(PHONE, "phone"), (DESK, "desktop")], ids=["phone", "desk"])
def test_a_person_pauses_resumes_and_cancels_without_scripts(
    browser: Browser, url: str, scene: Scene, viewport: dict[str, int], width: str
) -> None:
    page = open_page(browser, viewport)
    sign_in(page, url)
    assert fits(page)
    picture(page, f"operator-list-{width}")

    page.get_by_role("link", name="Spring in the Alps").click()
    expect(page.get_by_role("heading", name="Spring in the Alps")).to_be_visible()
    assert fits(page)
    page.get_by_label("Why?").fill("wrong price in the offer")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused.")
    expect(page.locator("header .state")).to_have_text("paused")
    assert fits(page)
    picture(page, f"operator-campaign-{width}")

    page.get_by_label("Why?").fill("the price is mended")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("Resumed.")

    page.get_by_role("link", name="Cancel this campaign").click()
    picture(page, f"operator-cancel-{width}")
    assert fits(page)
    page.get_by_label("Why?").fill("the offer is gone")
    page.get_by_label("To confirm").fill("Winter")
    page.get_by_role("button", name="Cancel for good").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not this campaign.")
    page.get_by_label("To confirm").fill("Spring in the Alps")
    page.get_by_role("button", name="Cancel for good").click()
    expect(page.get_by_role("status")).to_contain_text("Cancelled.")
    expect(page.locator("header .state")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{url}/campaigns/{scene.campaign_id}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_browsers_own_back_button_sends_nothing_twice(browser: Browser, url: str, scene: Scene) -> None:
    page = open_page(browser, DESK)
    sign_in(page, url)
    page.goto(f"{url}/campaigns/{scene.campaign_id}")
    page.get_by_label("Why?").fill("typo")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused.")
    page.reload()
    expect(page.locator(".trail li")).to_have_count(1)


def test_the_keyboard_alone_is_enough(browser: Browser, url: str, scene: Scene) -> None:
    page = open_page(browser, DESK)
    page.goto(f"{url}/campaigns/{scene.campaign_id}")
    page.keyboard.press("Tab")
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Spring in the Alps")).to_be_visible()
    for _ in range(4):  # home, sign out, all campaigns, then the reason
        page.keyboard.press("Tab")
    page.keyboard.type("typo")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_contain_text("Paused.")


@pytest.mark.node
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page(
    browser: Browser, url: str, scene: Scene, viewport: dict[str, int], *, dark: bool
) -> None:
    page = open_page(browser, viewport, scripts=True, dark=dark)
    number, found = scene.campaign_id, {}
    page.goto(f"{url}/campaigns/sign-in")
    found["sign-in"] = findings(page)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    found["wrong password"] = findings(page)
    sign_in(page, url)
    for path in ("", f"/{number}", f"/{number}/cancel", f"/{number - 1}/cancel", "/0"):
        page.goto(f"{url}/campaigns{path}")
        found[path] = findings(page)
    page.goto(f"{url}/campaigns/{number}")
    page.get_by_label("Why?").fill("ask ann@example.com")
    page.get_by_role("button", name="Pause").click()
    found["refused"] = findings(page)
    page.get_by_label("Why?").fill("typo")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused.")
    found["paused"] = findings(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_the_list_of_who_got_it_is_downloaded_without_scripts(
    browser: Browser, url: str, scene: Scene, tmp_path: Path
) -> None:
    page = open_page(browser, PHONE)
    sign_in(page, url)
    page.goto(f"{url}/campaigns/{scene.campaign_id}")
    page.get_by_label("Who, and why").select_option("skipped")
    page.get_by_label("for Excel").check()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the list").click()
    started.value.save_as(tmp_path / "list.csv")
    assert started.value.suggested_filename == f"campaign-{scene.campaign_id}-recipients.csv"
    head, *lines = (tmp_path / "list.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith('"email","contact_id","outcome"')
    assert len(lines) == 4
    page.reload()
    expect(page.locator(".trail li")).to_contain_text(
        "List of recipients taken by web:Ada: the list of skipped"
    )
