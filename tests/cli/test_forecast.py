"""`posthouse campaign forecast` and `posthouse forecast score`, as a script and as a person use them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import campaign
from cli import forecast as forecasting
from core.runs import Ending, Tally
from store.session import Database, run
from tasks import campaigns
from tests.builders import Scene, a_scene, an_account
from tests.fakes import some_resources


@pytest.fixture
def scene(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A planned campaign of 300 people at one provider, of a domain that begins to warm up."""
    found = some_resources(database, tmp_path)
    monkeypatch.setattr(forecasting, "resources", lambda: found)
    monkeypatch.setattr(forecasting.accounts, "refresh", lambda _: None)
    with database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=300, schedule="adaptive")
    campaigns.plan(found, scene.campaign_id)
    return scene


def told(scene: Scene, *options: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(campaign.app, ["forecast", str(scene.campaign_id), *options, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_a_forecast_has_its_documented_fields(scene: Scene) -> None:
    found = told(scene)
    assert (found["waiting"], found["fits_today"], found["binding"]) == (300, 200, "warm-up")
    assert set(found) == {
        "waiting", "fits_today", "done_on", "done_on_p90", "done_at", "resumes_on", "binding", "binding_why",
        "seconds_today", "providers",
    }  # fmt: skip
    assert found["providers"][0]["provider"] == "other"


def test_what_if_stands_beside_what_is(scene: Scene) -> None:
    found = told(scene, "--schedule", "warm", "--quota", "100000", "--rate", "50")
    assert (found["fits_today"], found["what_if"]["fits_today"]) == (200, 300)
    assert found["what_if"]["done_on"] <= found["done_on"]
    assert told(scene, "--without-tiers", "5")["what_if"]["waiting"] == 0


def test_a_deadline_is_answered(scene: Scene) -> None:
    usual = told(scene)
    found = told(scene, "--by", usual["resumes_on"])["deadline"]
    assert found["by"] == usual["resumes_on"]
    assert found["messages"] == pytest.approx(300, abs=3)


@pytest.mark.parametrize(
    "options",
    [("--start", "soon"), ("--by", "soon"), ("--without-tiers", "a"), ("--schedule", "fast")],
    ids=["start", "by", "tiers", "schedule"],
)
def test_a_wish_that_makes_no_sense_is_refused_with_a_hint(scene: Scene, options: tuple[str, str]) -> None:
    assert told(scene, *options, exit_code=1)["error"]["hint"]


def test_a_person_reads_both_forecasts(scene: Scene) -> None:
    by = told(scene)["resumes_on"]
    done = CliRunner().invoke(
        campaign.app, ["forecast", str(scene.campaign_id), "--schedule", "warm", "--by", by]
    )
    assert done.exit_code == 0
    assert "latest_start" in done.output
    assert "as it is" in done.output
    assert "what if" in done.output
    assert "binding_why" in done.output


def test_what_came_true_is_told(scene: Scene, database: Database) -> None:
    with database.begin() as session:
        run(session, "UPDATE campaign_forecast SET made_on = made_on - 1")
        run(session, "UPDATE delivery SET state = 'sent', attempt_id = 'a' || id, submitted_at = now()")
    campaigns.conclude(forecasting.resources(), scene.campaign_id, Tally(ending=Ending.NOTHING_DUE))
    done = CliRunner().invoke(forecasting.app, ["score", scene.slug, "--json"])
    found = json.loads(done.stdout)
    assert (found["forecasts"], found["within_p90"]) == (1, 1.0)
    assert found["campaigns"][0]["campaign_id"] == scene.campaign_id
    shown = CliRunner().invoke(forecasting.app, ["score"])
    assert "100% of 1 forecasts were kept by their P90" in shown.output
    assert "Spring" in shown.output
