"""Settings: the environment, read once."""

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import ConfigurationError
from gateways.settings import PROJECT, Settings, settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"POSTHOUSE_{name.upper()}", raising=False)


def test_without_any_environment_everything_lives_in_the_checkout() -> None:
    settings = Settings()
    assert settings.database_url is None
    assert settings.state_dir == PROJECT / "var"
    assert settings.templates_dir == PROJECT / "templates"
    assert (settings.calls_in_flight, settings.window_size, settings.claim_size) == (12, 100, 500)
    assert (settings.claim_lease_seconds, settings.call_lease_seconds) == (300, 90)


def test_every_name_has_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", "postgresql+psycopg://db.example/posthouse")
    monkeypatch.setenv("POSTHOUSE_STATE_DIR", "/srv/posthouse")
    monkeypatch.setenv("POSTHOUSE_WINDOW_SIZE", "7")
    monkeypatch.setenv("POSTHOUSE_SNS_TOPIC_ARNS", '["arn:aws:sns:us-east-1:1:a"]')
    monkeypatch.setenv("WINDOW_SIZE", "9")
    settings = Settings()
    assert settings.database_url == "postgresql+psycopg://db.example/posthouse"
    assert settings.state_dir == Path("/srv/posthouse")
    assert settings.window_size == 7
    assert settings.sns_topic_arns == ("arn:aws:sns:us-east-1:1:a",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("CALLS_IN_FLIGHT", "0", id="no calls"),
        pytest.param("CALLS_IN_FLIGHT", "65", id="too many calls"),
        pytest.param("WINDOW_SIZE", "many", id="not a number"),
        pytest.param("CALL_LEASE_SECONDS", "0", id="a lease that is over at once"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"POSTHOUSE_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().window_size = 3  # type: ignore[misc]  # that is the point


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("OPERATOR_PASSWORD", "CANARY-pass", "at least 12", id="a short password"),
        pytest.param("OPERATOR_PASSWORD", "", "at least 12", id="an empty password"),
        pytest.param("WINDOW_SIZE", "CANARY-number", "valid integer", id="not a number"),
    ],
)
def test_a_wrong_value_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """An error's text ends up in logs, with those of the errors that it came of."""
    monkeypatch.setenv(f"POSTHOUSE_{name}", value)
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=f"POSTHOUSE_{name}: .*{told}") as refused:
        settings()
    assert "CANARY" not in "".join(traceback.format_exception(refused.value))


def test_the_password_of_the_operators_is_not_shown() -> None:
    chosen = Settings(operator_password="correct horse battery")
    assert "correct" not in repr(chosen)
    assert chosen.operator_password is not None
    assert chosen.operator_password.get_secret_value() == "correct horse battery"
