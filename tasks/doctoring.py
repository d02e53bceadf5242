"""Doctoring: is everything there that Posthouse needs, and what to do when it is not."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import URLError

from core.errors import PosthouseError
from gateways import runtime
from gateways.sqs import Queue
from store import migrations
from store.session import TRANSIENT
from tasks import accounts, hygiene_decisions, quarantine
from tasks.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One answer. A warning is not ok for a careful operator, and forbids nothing."""

    id: str
    ok: bool
    message: str
    hint: str = ""
    warning: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the check as `doctor` answers it."""
        severity = "ok" if self.ok else "warning" if self.warning else "error"
        return {
            "id": self.id,
            "ok": self.ok,
            "severity": severity,
            "message": self.message,
            "hint": self.hint,
        }


def examine(resources: Resources) -> Iterator[Check]:
    """Yield the checks one by one; each is made even when others fail."""
    for warning in runtime.warnings():
        yield Check(id="runtime", ok=False, warning=True, message=warning.message, hint=warning.hint)
    for identifier, question in _QUESTIONS.items():
        try:
            yield question(identifier, resources)
        except PosthouseError as error:
            yield Check(id=identifier, ok=False, message=error.message, hint=error.hint)
        except TRANSIENT:
            yield Check(
                id=identifier,
                ok=False,
                message="the database cannot be reached",
                hint="Is POSTHOUSE_DATABASE_URL right, and the server up?",
            )


def _database(identifier: str, resources: Resources) -> Check:
    version = resources.database.server_version()
    for warning in runtime.warnings(postgresql=version):
        if warning.component == "PostgreSQL":
            return Check(id=identifier, ok=False, warning=True, message=warning.message, hint=warning.hint)
    kind = "configured" if resources.settings.database_url else "embedded"
    return Check(id=identifier, ok=True, message=f"PostgreSQL {version}, {kind}")


def _migrations(identifier: str, resources: Resources) -> Check:
    current, head = migrations.current(resources.database.url), migrations.head()
    return Check(
        id=identifier,
        ok=current == head,
        message=f"the schema is at revision {current}, the code is written for {head}",
        hint="" if current == head else "posthouse db upgrade",
    )


def _ses(identifier: str, resources: Resources) -> Check:
    quota = accounts.read(resources)
    per_day = "unlimited" if quota.max_24_hour_send < 0 else f"{quota.max_24_hour_send:,.0f}"
    told = (
        f"{resources.ses.region}: {quota.max_send_rate:g} messages a second, {per_day} in 24 hours, "
        f"{quota.sent_last_24_hours:,.0f} used"
    )
    if not quota.sending_enabled:
        hint = "AWS has paused this account; its support centre says why."
        return Check(id=identifier, ok=False, message=f"{told}; sending is disabled", hint=hint)
    if not quota.production_access:
        hint = "Ask AWS for production access; until then only verified recipients get mail."
        return Check(id=identifier, ok=False, warning=True, message=f"{told}; a sandbox account", hint=hint)
    return Check(id=identifier, ok=True, message=told)


def _ledger(identifier: str, resources: Resources) -> Check:
    held = quarantine.status(resources)
    if not held:
        return Check(id=identifier, ok=True, message="the ledger may be believed")
    told = f"{held[0]['region']}: {held[0]['message']}; nothing is sent"
    return Check(id=identifier, ok=False, message=told, hint="posthouse ledger status")


def _hygiene(identifier: str, resources: Resources) -> Check:
    waiting = hygiene_decisions.waiting(resources)
    if not waiting:
        return Check(id=identifier, ok=True, message="no night of hygiene waits for approval")
    slug, run_id = waiting[0]
    more = f", and {len(waiting) - 1:,} more" if len(waiting) > 1 else ""
    return Check(
        id=identifier,
        ok=False,
        warning=True,
        message=f"hygiene run {run_id} of {slug} waits for approval: too many would leave{more}",
        hint=f"posthouse hygiene status {slug}",
    )


def _rendering(identifier: str, resources: Resources) -> Check:
    walls = resources.renderer.walls()
    missing = [name for name, stands in walls.items() if not stands]
    if not missing:
        return Check(id=identifier, ok=True, message=f"templates run behind {len(walls)} walls")
    return Check(
        id=identifier,
        ok=False,
        warning=True,
        message=f"templates run without these walls: {', '.join(missing)}",
        hint="docs/rendering.md, The second layer, says what each takes.",
    )


def _queue(name: Callable[[Resources], str]) -> Callable[[str, Resources], Check]:
    def check(identifier: str, resources: Resources) -> Check:
        depth = Queue(name(resources)).depth()
        return Check(id=identifier, ok=True, message=f"{name(resources)}: {depth:,} messages wait")

    return check


def _prefect(identifier: str, resources: Resources) -> Check:
    url = resources.settings.prefect_api_url
    if url is None:
        hint = "posthouse up starts one; POSTHOUSE_PREFECT_API_URL names another."
        return Check(
            id=identifier, ok=False, warning=True, message="no Prefect server is configured", hint=hint
        )
    try:
        with urllib.request.urlopen(f"{url}/admin/version", timeout=5) as answer:  # noqa: S310  # the operator's own
            version = json.load(answer)
    except (URLError, OSError, ValueError) as error:
        return Check(
            id=identifier,
            ok=False,
            message=f"{url} does not answer",
            hint=f"{type(error).__name__}; is it up?",
        )
    return Check(id=identifier, ok=True, message=f"Prefect {version} at {url}")


_QUESTIONS: Final[dict[str, Callable[[str, Resources], Check]]] = {
    "database": _database,
    "migrations": _migrations,
    "rendering": _rendering,
    "ses": _ses,
    "ledger": _ledger,
    "hygiene": _hygiene,
    "critical-queue": _queue(lambda resources: resources.settings.critical_queue),
    "engagement-queue": _queue(lambda resources: resources.settings.engagement_queue),
    "prefect": _prefect,
}
