"""Secrets: the pepper of recipient keys and the keys of unsubscribe tokens.

They come from the environment (a secret manager in production) or, on a machine that has none, from
`state_dir/secrets.json`, which is made once with mode 0600. They are never stored in the database: whoever reads a
dump must not be able to test addresses against recipient keys, or to forge an unsubscribe link.
"""

import json
import os
import secrets as random
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from core.unsubscribe import TokenKey
from gateways.settings import Settings


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What must not be printed; `repr` shows nothing."""

    recipient_key: bytes
    token_keys: tuple[TokenKey, ...]  # the first signs, all verify


def load(settings: Settings) -> Secrets:
    """Return the secrets, making the local file on first use.

    Raises:
        ConfigurationError: A value is not hex, or not `kid:hex`.
    """
    if settings.recipient_key_secret and settings.token_secrets:
        return _parse(
            settings.recipient_key_secret.get_secret_value(), settings.token_secrets.get_secret_value()
        )
    stored = _stored(settings.state_dir / "secrets.json")
    return _parse(stored["recipient_key"], stored["token_keys"])


def _stored(path: Path) -> dict[str, str]:
    """Read the file, or win or lose the race to make it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = {"recipient_key": random.token_hex(32), "token_keys": f"k1:{random.token_hex(32)}"}
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        draft.write_text(json.dumps(fresh))
        draft.chmod(0o600)
        try:
            path.hardlink_to(draft)  # atomic, and fails if another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def _parse(recipient_key: str, token_keys: str) -> Secrets:
    try:
        pairs = [pair.split(":", 1) for pair in token_keys.split(",")]
        keys = tuple(TokenKey(kid=kid, secret=bytes.fromhex(secret)) for kid, secret in pairs)
        return Secrets(bytes.fromhex(recipient_key), keys)
    except ValueError as error:
        raise ConfigurationError(
            "a secret cannot be read",
            hint="POSTHOUSE_RECIPIENT_KEY_SECRET is hex; POSTHOUSE_TOKEN_SECRETS is kid:hex,kid:hex with the newest first.",
        ) from error
