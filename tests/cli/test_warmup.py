"""`posthouse warmup simulate`, as a script and as a person use it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import warmup


def simulated(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(warmup.app, ["simulate", *arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_without_worlds_only_the_ladder_is_walked() -> None:
    found = simulated("--volume", "120000")
    assert found["reached_on_day"] == 15
    assert found["days"][:2] == [{"day": 1, "allowance": 200}, {"day": 2, "allowance": 400}]
    assert found["scenarios"] == []


def test_a_known_volume_starts_the_ladder_higher() -> None:
    assert simulated("--volume", "120000", "--known", "40000")["days"][0] == {"day": 1, "allowance": 10_000}


def test_every_way_is_tried_in_every_scenario() -> None:
    found = simulated("--volume", "20000", "--worlds", "1")["scenarios"]
    assert len(found) == 4 * 12
    assert found[0] == {
        "scenario": "strict",
        "schedule": "controller",
        "worlds": 1,
        "reached": 1.0,
        "median_days": 12,
        "p90_days": 12,
        "deferred_rate": pytest.approx(0.00143, abs=0.00001),
        "penalised": 0.0,
    }
    assert {one["schedule"] for one in found} >= {
        "controller",
        "ladder",
        "sendgrid",
        "sparkpost",
        "amazon_ses",
    }


def test_a_way_that_never_arrives_has_no_days() -> None:
    (found,) = simulated(
        "--volume", "120000", "--worlds", "2", "--scenario", "strict", "--schedule", "salesforce"
    )["scenarios"]
    assert (found["reached"], found["median_days"], found["p90_days"]) == (0.0, None, None)


def test_the_same_seed_is_the_same_answer() -> None:
    choice = ("--volume", "60000", "--worlds", "3", "--scenario", "strict", "--schedule", "controller")
    assert simulated(*choice, "--seed", "7") == simulated(*choice, "--seed", "7")
    assert simulated(*choice, "--seed", "7") != simulated(*choice, "--seed", "8")


@pytest.mark.parametrize(
    ("option", "expected"), [("--scenario", "slow_to_trust"), ("--schedule", "sendgrid")]
)
def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are(option: str, expected: str) -> None:
    found = simulated("--volume", "1000", option, "no-such", exit_code=1)
    assert expected in json.dumps(found)


def test_a_person_gets_a_table() -> None:
    done = CliRunner().invoke(
        warmup.app,
        ["simulate", "--volume", "1000", "--worlds", "1", "--scenario", "lenient", "--schedule", "ladder"],
    )
    assert done.exit_code == 0
    assert "allowance" in done.stdout
    assert "lenient" in done.stdout
