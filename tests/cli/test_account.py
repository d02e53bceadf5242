"""`posthouse account`, as a script uses it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import account
from store import account_breaker
from store.session import Database
from tests.builders import an_account


@pytest.fixture(autouse=True)
def _environment(own_process: None, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with database.begin() as session:
        an_account(session, max_send_rate=14.0, max_24_hour_send=50_000.0)


def posthouse_account(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(account.app, [*arguments, "--json"])
    assert done.exit_code == exit_code, done.output
    return json.loads(done.stdout) if exit_code < 2 else done.output


def test_a_limit_is_set_shown_and_ended() -> None:
    assert posthouse_account("show")["limit"] is None
    limited = posthouse_account("limit", "--rate", "5", "--reason", "slow landing page")
    assert (limited["limit"], limited["rate"]) == (5.0, 5.0)
    assert posthouse_account("show") == limited
    ended = posthouse_account("limit", "--rate", "off", "--reason", "mended")
    assert (ended["limit"], ended["rate"]) == (None, 12.6)


def test_the_answer_has_the_promised_members() -> None:
    assert list(posthouse_account("show")) == [
        "region",
        "max_send_rate",
        "limit",
        "rate",
        "sent_last_24_hours",
        "max_24_hour_send",
        "blocked_until",
        "blocked_reason",
        "stopped_at",
        "stopped_why",
    ]


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        pytest.param("fast", "'fast' is no rate", id="a word"),
        pytest.param("", "'' is no rate", id="nothing"),
        pytest.param("0", "a limit is 1 message a second or more, not 0", id="nothing at all"),
        pytest.param("-2", "a limit is 1 message a second or more, not -2", id="less than nothing"),
        pytest.param("nan", "a limit is 1 message a second or more, not nan", id="no number"),
    ],
)
def test_a_rate_that_is_none_is_refused_in_words(rate: str, message: str) -> None:
    error = posthouse_account("limit", f"--rate={rate}", "--reason", "r", exit_code=1)["error"]
    assert (error["code"], error["message"]) == ("invalid_input", message)
    assert error["hint"]
    assert posthouse_account("show")["limit"] is None


@pytest.mark.parametrize(
    "arguments", [("limit", "--rate", "5"), ("limit", "--reason", "r")], ids=["no reason", "no rate"]
)
def test_a_limit_without_a_rate_or_a_reason_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    posthouse_account(*arguments, exit_code=2)


def test_an_account_that_no_breaker_has_stopped_has_nothing_to_resume() -> None:
    refused = posthouse_account("resume", "--reason", "for luck", exit_code=1)
    assert (refused["error"]["code"], refused["error"]["message"]) == (
        "conflict",
        "no breaker has stopped the SES account",
    )


def test_a_stopped_account_is_shown_and_resumed(database: Database) -> None:
    with database.begin() as session:
        assert account_breaker.trip(session, region="us-east-1", why="Stopped: too many.", detail={})
    assert posthouse_account("show")["stopped_why"] == "Stopped: too many."
    resumed = posthouse_account("resume", "--reason", "the lists are clean")
    assert (resumed["stopped_at"], resumed["stopped_why"]) == (None, None)
