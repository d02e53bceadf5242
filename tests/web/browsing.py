"""Looking at pages in headless Chromium: a browser, the application behind a real server, and what is seen of a page.

`POSTHOUSE_SCREENSHOTS=docs/images` keeps the pictures that the documents show.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.plugins.skips import AXE, CHROMIUM
from web.app import create_app
from web.doors import Doors


PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
SECONDS = 1_000


@contextmanager
def a_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        expect.set_options(timeout=20 * SECONDS)
        yield browser
        browser.close()


@contextmanager
def served(doors: Doors) -> Iterator[str]:
    """The application behind a real server; its address."""
    server = uvicorn.Server(uvicorn.Config(create_app(doors), port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def open_page(
    browser: Browser,
    viewport: dict[str, int],
    *,
    scripts: bool = False,
    dark: bool = False,
    locale: str = "en-US",
) -> Page:
    context = browser.new_context(
        viewport=viewport,
        java_script_enabled=scripts,
        color_scheme="dark" if dark else "light",
        locale=locale,
    )
    context.set_default_timeout(20 * SECONDS)
    return context.new_page()


def picture(page: Page, stem: str) -> None:
    if folder := os.environ.get("POSTHOUSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{stem}.png", full_page=True)


def fits(page: Page) -> bool:
    """Whether nothing sticks out on the right. The browser is asked from outside the page, whose scripts are off."""
    metrics = page.context.new_cdp_session(page).send("Page.getLayoutMetrics")
    return metrics["cssContentSize"]["width"] <= metrics["cssLayoutViewport"]["clientWidth"]


def findings(page: Page) -> list[str]:
    """What axe-core finds of WCAG 2.2 A and AA, and of its own best practices."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['impact']} {one['id']}: {node['html']}" for one in found for node in one["nodes"]]
