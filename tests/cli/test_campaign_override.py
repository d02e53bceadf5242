"""`posthouse campaign preflight --override`, as an operator uses it."""

import getpass
import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import campaign
from core.campaigns import CampaignState
from store.session import Database
from tasks import accounts
from tests.builders import NEWSLETTER, a_scene, an_account


WITHOUT_ALT = replace(
    NEWSLETTER, html=NEWSLETTER.html.replace("<p>Hello", '<img src="https://acme.example/i.png"><p>Hello')
)


@pytest.fixture(autouse=True)
def _environment(own_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(accounts, "refresh", lambda _resources: None)  # there is no SES to ask


@pytest.fixture
def number(database: Database) -> str:
    """The id of a campaign with an image that has no alt text."""
    with database.begin() as session:
        an_account(session)
        scene = a_scene(session, contacts=2, state=CampaignState.DRAFT, sources=WITHOUT_ALT)
    return str(scene.campaign_id)


def posthouse_campaign(*arguments: str, exit_code: int) -> Any:
    done = CliRunner().invoke(campaign.app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout)


def test_a_finding_is_overridden_by_name_and_the_campaign_may_start(number: str) -> None:
    refused = posthouse_campaign("preflight", number, exit_code=1)
    assert [(found["id"], found["overridable"]) for found in refused["findings"]] == [
        ("FMT-BODY-06-ALT", True)
    ]
    told = posthouse_campaign(
        "preflight", number, "--override", " FMT-BODY-06-ALT, ", "--reason", "it decorates", exit_code=0
    )
    assert (told["ok"], told["findings"][0]["overridden"]) == (True, True)
    assert [(one["id"], one["reason"], one["actor"]) for one in told["overrides"]] == [
        ("FMT-BODY-06-ALT", "it decorates", getpass.getuser())
    ]
    assert posthouse_campaign("preflight", number, exit_code=0)["overrides"] == told["overrides"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        pytest.param(["--override", "FMT-BODY-06-ALT"], "invalid_input", "an override needs a reason", id="no reason"),
        pytest.param(["--reason", "x"], "invalid_input", "a reason for what?", id="no rule"),
        pytest.param(
            ["--override", "UNS-06", "--reason", "x"], "invalid_input", "there is no blocking finding 'UNS-06'", id="no such finding"
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["preflight", "send"])
def test_an_override_that_cannot_be_is_refused(
    command: str, options: list[str], code: str, message: str, number: str
) -> None:
    told = posthouse_campaign(command, number, *options, exit_code=1)
    assert (told["error"]["code"], told["error"]["message"]) == (code, message)
    assert posthouse_campaign("preflight", number, exit_code=1)["overrides"] == []


def test_a_person_reads_what_to_do_and_who_says_so(number: str) -> None:
    done = CliRunner().invoke(campaign.app, ["preflight", number], env={"COLUMNS": "300"})
    told = " ".join(done.output.split())
    assert "WCAG 2.2" in told
    assert "may not start" in told
