"""Secrets: from the environment, or made once on a machine that has none."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from gateways import secrets
from gateways.settings import Settings


KEYS = f"k2:{'ab' * 16},k1:{'cd' * 16}"


def settings(state_dir: Path, **values: str) -> Settings:
    return Settings(state_dir=state_dir, **values)


def test_the_environment_wins_and_its_newest_key_signs(tmp_path: Path) -> None:
    loaded = secrets.load(settings(tmp_path, recipient_key_secret="00ff", token_secrets=KEYS))
    assert loaded.recipient_key == b"\x00\xff"
    assert [(key.kid, key.secret) for key in loaded.token_keys] == [
        ("k2", b"\xab" * 16),
        ("k1", b"\xcd" * 16),
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_secrets_makes_them_once_and_for_itself_alone(tmp_path: Path) -> None:
    first = secrets.load(settings(tmp_path / "var"))
    assert secrets.load(settings(tmp_path / "var")) == first
    assert secrets.load(settings(tmp_path / "other")) != first
    (file,) = (tmp_path / "var").iterdir()
    assert file.name == "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first.recipient_key) == 32
    assert [len(key.secret) for key in first.token_keys] == [32]


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gateways import secrets; from gateways.settings import Settings;"
        "print(secrets.load(Settings(state_dir=Path(sys.argv[1]))).recipient_key.hex())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert said == {json.loads((tmp_path / "secrets.json").read_text())["recipient_key"]}
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


@pytest.mark.parametrize(
    ("recipient_key", "token_keys"),
    [
        pytest.param("not hex", KEYS, id="the pepper is not hex"),
        pytest.param("00ff", "ab" * 16, id="a key without a name"),
        pytest.param("00ff", "k1:zz", id="a key that is not hex"),
        pytest.param("00ff", "k1:abcd", id="a key that is too short"),
    ],
)
def test_a_secret_that_cannot_be_read_is_refused_without_showing_it(
    tmp_path: Path, recipient_key: str, token_keys: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        secrets.load(settings(tmp_path, recipient_key_secret=recipient_key, token_secrets=token_keys))
    assert recipient_key not in str(refusal.value)
    assert token_keys not in str(refusal.value)


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    """P05"""
    given = settings(tmp_path, recipient_key_secret="00ff00ff", token_secrets=KEYS)
    printed = f"{given!r} {given} {secrets.load(given)!r} {secrets.load(given)}"
    assert not any(secret in printed for secret in ("00ff00ff", "abab", "\\xab", "cdcd"))
