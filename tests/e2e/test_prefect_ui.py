"""Prefect's own web interface, as an operator uses it, in headless Chromium.

`POSTHOUSE_SCREENSHOTS=docs/images` keeps the pictures that docs/prefect.md shows.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from cli.stack import Stack
from store.session import run
from tests.e2e.conftest import Casting
from tests.e2e.prefect_api import PrefectApi, wait_for
from tests.plugins.skips import CHROMIUM


pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.xdist_group("stack")]

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 1_000


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A browser's page, in the time zone and language of the machine's Prefect."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, timezone_id="UTC", locale="en-US")
        # A busy machine of two cores needs some seconds to draw Prefect's pages for the first time.
        page.set_default_timeout(30 * SECONDS)
        expect.set_options(timeout=30 * SECONDS)
        yield page
        browser.close()


def test_an_operator_fills_the_form_and_schedules_a_campaign_for_later(
    stack: Stack, prefect: PrefectApi, cast: Casting, page: Page
) -> None:
    spring = cast(people=20, slug="acme")
    deployment = prefect.deployment("send-campaign")["id"]
    later = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=15)

    page.set_viewport_size({"width": 1280, "height": 1900})
    page.goto(f"{stack.urls['prefect']}/v2/deployments/deployment/{deployment}/run")
    page.get_by_label("Run Name").fill("Spring sale, for later")
    page.get_by_label("Tenant").fill(spring.slug)
    page.get_by_role("tab", name="int", exact=True).click()
    page.locator('input[type="number"]:not([max])').fill(str(spring.campaign_id))
    page.get_by_label("Approval").click()
    page.get_by_role("option", name="ask").click()
    page.get_by_role("tab", name="Later").click()
    page.locator("#start-date-time-picker").click()
    page.get_by_role("button", name="Next Month").click()
    page.locator(f'[data-day="{later.month}/{later.day}/{later.year}"]').click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    picture(page, "prefect-form")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Spring sale, for later").first).to_be_visible()

    page.goto(f"{stack.urls['prefect']}/v2/deployments/deployment/{deployment}?tab=Upcoming")
    expect(page.get_by_text("Spring sale, for later").first).to_be_visible()
    found = prefect.post(
        "flow_runs/filter", {"flow_runs": {"name": {"any_": ["Spring sale, for later"]}}}
    ).json()
    assert [run["state_type"] for run in found] == ["SCHEDULED"]
    assert found[0]["expected_start_time"].startswith(f"{later:%Y-%m-%d}")
    assert found[0]["parameters"] == {
        "tenant": spring.slug,
        "campaign_id": spring.campaign_id,
        "template": "",
        "audience": "",
        "name": "",
        "subject": "",
        "mode": "live",
        "start": None,
        "hours": "",
        "spread_hours": 0,
        "give_up": None,
        "approval": "ask",
        "override": [],
        "reason": "",
        "operator": "",
        "by_reader": False,
    }
    assert not spring.accepted


def test_an_operator_reads_the_log_and_the_report_of_a_finished_run(
    stack: Stack, prefect: PrefectApi, cast: Casting, page: Page
) -> None:
    spring = cast(people=300, warm=False, slug="globex")
    run_id = prefect.start("send-campaign", tenant=spring.slug, campaign_id=spring.campaign_id)
    prefect.completed(run_id)
    recorded = {
        "flow_runs": {"id": {"any_": [run_id]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    wait_for(lambda: prefect.post("task_runs/count", recorded).json() >= 5)  # they are recorded in batches

    page.set_viewport_size({"width": 1280, "height": 1250})
    page.goto(f"{stack.urls['prefect']}/v2/runs/flow-run/{run_id}")
    expect(page.get_by_text(f"{spring.slug} · Spring sale · 200 of 270").first).to_be_visible()
    number = spring.campaign_id
    expect(page.get_by_text(f"Campaign {number} may start: 270 of 300 people will get it")).to_be_visible()
    expect(page.get_by_text("skipped: 30 suppressed").first).to_be_visible()
    picture(page, "prefect-run")

    page.set_viewport_size({"width": 1280, "height": 1000})
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text(f"campaign-{number}-report").first.click()
    # Of all reports of this campaign, the newest.
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    expect(page.get_by_role("heading", name=f"{spring.slug} · Spring sale").last).to_be_visible()
    expect(page.get_by_role("row", name="sent 200 66.7%")).to_be_visible()
    expect(page.get_by_role("row", name="waiting 70 23.3%")).to_be_visible()
    expect(page.get_by_test_id("markdown-display")).to_contain_text("What binds it: the ")
    expect(page.get_by_role("row", name="its warm-up cap").first).to_be_visible()
    expect(page.get_by_test_id("markdown-display")).to_contain_text("What was forecast")
    expect(page.get_by_role("row", name="not known yet")).to_be_visible()
    picture(page, "prefect-report")


def test_an_operator_looks_at_the_messages_before_they_leave(
    stack: Stack, prefect: PrefectApi, cast: Casting, page: Page
) -> None:
    spring = cast(people=20, slug="initech")
    run_id = prefect.start(
        "send-campaign", tenant=spring.slug, campaign_id=spring.campaign_id, mode="dry-run"
    )
    prefect.completed(run_id)
    number = spring.campaign_id

    page.set_viewport_size({"width": 1280, "height": 2000})
    page.goto(f"{stack.urls['prefect']}/v2/runs/flow-run/{run_id}")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text(f"campaign-{number}-preview").first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    expect(page.get_by_role("heading", name=f"{spring.slug} · Spring sale · preview").last).to_be_visible()
    expect(page.get_by_role("row", name="Subject")).to_have_count(3)
    shown = page.get_by_test_id("markdown-display").locator("img")
    expect(shown).to_have_count(3)
    # The browser has drawn it: Prefect's cleaning has left the picture's address alone.
    assert shown.first.evaluate("image => image.naturalWidth") == 680
    assert len(shown.first.get_attribute("src") or "") > 10_000, "a white picture has some 5,000 characters"
    expect(page.get_by_test_id("markdown-display")).not_to_contain_text("readers.example")
    picture(page, "prefect-preview")


def test_an_operator_sees_what_became_of_a_campaign_when_its_events_have_come(
    stack: Stack, prefect: PrefectApi, cast: Casting, page: Page
) -> None:
    spring = cast(people=200, slug="hooli")
    prefect.complete("send-campaign", tenant=spring.slug, campaign_id=spring.campaign_id)
    with cast.resources.database.begin() as session:
        run(session, REPORTED, campaign_id=spring.campaign_id)
    run_id = prefect.start("reconcile-events")
    prefect.completed(run_id)
    number = spring.campaign_id
    assert f"campaign-{number}-report" in prefect.artifacts(run_id)

    page.set_viewport_size({"width": 1280, "height": 2600})
    page.goto(f"{stack.urls['prefect']}/v2/runs/flow-run/{run_id}")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text(f"campaign-{number}-report").first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    expect(page.get_by_role("heading", name=f"{spring.slug} · Spring sale").last).to_be_visible()
    charts = page.get_by_test_id("markdown-display").locator("img")
    expect(charts).to_have_count(3)
    told = [charts.nth(n).get_attribute("alt") or "" for n in range(3)]
    assert [words.partition(":")[0] for words in told] == ["Funnel", "By hour (UTC)", "By mailbox provider"]
    assert "180 sent (100.0%), 171 delivered (95.0%)" in told[0]
    # The browser has drawn each, and as wide as it is, so that its letters can be read.
    widths = charts.evaluate_all("pictures => pictures.map(one => [one.naturalWidth, one.clientWidth])")
    assert [natural for natural, _ in widths] == [600, 600, 600]
    assert min(shown for _, shown in widths) >= 500
    expect(page.get_by_role("row", name="hard bounces 9 5.0%")).to_be_visible()
    expect(page.get_by_test_id("markdown-display")).not_to_contain_text("@")
    picture(page, "prefect-results")


# As SES would tell over a day: nineteen of twenty are delivered, the others bounce; some open, and some of these click.
REPORTED = """
    WITH placed AS (
        UPDATE delivery SET provider = (ARRAY['gmail', 'gmail', 'gmail', 'yahoo', 'yahoo', 'apple'])[1 + id % 6]
        WHERE campaign_id = :campaign_id AND state = 'sent'
        RETURNING tenant_id, id
    ), person AS (
        SELECT tenant_id, id, row_number() OVER (ORDER BY id) AS n FROM placed
    )
    INSERT INTO delivery_fact (tenant_id, delivery_id, fact, first_at, last_at, detail)
    SELECT tenant_id, id, fact, at, at, detail
    FROM person, LATERAL (VALUES
        ('sent', true, 0, '{}'::jsonb), ('delivery', n % 20 > 0, 0, '{}'),
        ('bounce_permanent', n % 20 = 0, 0, '{"class": "bad_mailbox"}'),
        ('open', n % 20 > 0 AND n % 3 = 0, n % 23 * (n % 23) / 24, '{}'),
        ('click', n % 20 > 0 AND n % 12 = 0, n % 23 * (n % 23) / 20, '{"links": ["https://hooli.example/spring"]}')
    ) AS told (fact, happens, hours, detail),
    LATERAL (SELECT date_trunc('hour', now()) - interval '1 day' + hours * interval '1 hour' AS at) AS moment
    WHERE happens
    ON CONFLICT (tenant_id, delivery_id, fact) DO NOTHING
"""


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page for the documentation, when somebody wants new ones."""
    if folder := os.environ.get("POSTHOUSE_SCREENSHOTS"):
        page.wait_for_timeout(5 * SECONDS)  # Prefect draws the picture of a run late
        page.screenshot(path=Path(folder) / f"{name}.png")
