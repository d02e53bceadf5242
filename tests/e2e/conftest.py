"""One running stack for all end-to-end tests, and the people they send to."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.stack import Stack
from core import warmup_schedule
from core.campaigns import Status
from core.suppression import Reason
from gateways.settings import Settings
from models import Tenant
from store import suppressions
from tasks import campaigns, contacts, judging, tenants
from tasks.judging import Verdict
from tasks.resources import Resources
from tasks.suppression_files import import_suppressions
from tests.e2e.prefect_api import PrefectApi


SCHEDULED = (
    "dispatch-campaigns",
    "read-unsubscribes",
    "reconcile-events",
    "advance-warmup",
    "update-hygiene",
)

# Short chunks show progress; short leases let a test see what follows a crash.
ENVIRONMENT = {
    "POSTHOUSE_CHUNK_SECONDS": "2",
    "POSTHOUSE_CLAIM_LEASE_SECONDS": "10",
    "POSTHOUSE_CALL_LEASE_SECONDS": "10",
}

# moto's queues take some 50 ms for each event when the machine is busy; these tests need no other event.
ONLY_SEND_EVENTS = {"*": {"hard_bounce": 0.0, "soft_bounce": 0.0, "delivery": 0.0}}

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Prefect's server and worker, the web app and the stand-ins for Amazon."""
    folder = tmp_path_factory.mktemp("stack")
    profile = folder / "profile.json"
    profile.write_text(json.dumps(ONLY_SEND_EVENTS))
    stack = Stack(
        settings=Settings(state_dir=folder, database_url=None),
        simulator_arguments=(
            *("--max-send-rate", "100", "--event-delay-seconds", "0.1", "0.3"),
            *("--profile", str(profile)),
        ),
    )
    with ExitStack() as cleanup:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in ENVIRONMENT.items():
                environment.setenv(name, value)
            cleanup.enter_context(stack)
        yield stack


@pytest.fixture(scope="session")
def prefect(stack: Stack) -> Iterator[PrefectApi]:
    """Prefect's API. Its schedules are off, so that nothing runs but what a test starts."""
    api = PrefectApi(stack.urls["prefect"])
    for name in SCHEDULED:
        api.post(f"deployments/{api.deployment(name)['id']}/pause_deployment").raise_for_status()
    yield api
    api.close()


@pytest.fixture(scope="session")
def resources(stack: Stack) -> Iterator[Resources]:
    """The stack's database and secrets, for a test that looks at the ledger."""
    resources = Resources(
        Settings(state_dir=stack.settings.state_dir, database_url=stack.database_url, calls_in_flight=1)
    )
    yield resources
    resources.database.dispose()


@dataclass(frozen=True)
class Cast:
    """A tenant with an audience, some of whom are suppressed, and one campaign for them."""

    slug: str
    tenant_id: int
    campaign_id: int
    selected: frozenset[str]
    forbidden_keys: frozenset[str]
    accept_log: Path
    resources: Resources

    @property
    def status(self) -> Status:
        """How the campaign stands in the ledger."""
        return campaigns.status_of(self.resources, self.campaign_id)

    @property
    def verdict(self) -> Verdict:
        """What the judge says of ledger and accept log together."""
        return judging.judge(
            self.resources, self.accept_log, [self.campaign_id], forbidden_keys=self.forbidden_keys
        )

    @property
    def accepted(self) -> Counter[str]:
        """How often SES accepted a message to whom, as its own log tells."""
        entries = (json.loads(line) for line in self.accept_log.read_text().splitlines())
        return Counter(
            entry["to"][0] for entry in entries if entry["tags"].get("campaign") == str(self.campaign_id)
        )

    @property
    def everybody_once(self) -> bool:
        """Whether each selected person was accepted exactly once, nobody else was, and the judge agrees."""
        return self.accepted == Counter(self.selected) and self.verdict.ok


@pytest.fixture(scope="session")
def cast(stack: Stack, resources: Resources, tmp_path_factory: pytest.TempPathFactory) -> "Casting":
    """Makes tenants."""
    return Casting(stack, resources, tmp_path_factory.mktemp("people"))


@dataclass(frozen=True)
class Casting:
    """Makes a tenant with readers, of whom every tenth is suppressed."""

    stack: Stack
    resources: Resources
    folder: Path

    def __call__(self, *, people: int, warm: bool = True, slug: str = "") -> Cast:
        slug = slug or f"tenant-{next(_numbers)}"
        schedule = warmup_schedule.WARM if warm else warmup_schedule.ADAPTIVE
        tenant_id = tenants.add(self.resources, _tenant(slug), schedule=schedule)
        readers = [f"reader{number}@{slug}.readers.example" for number in range(people)]
        suppressed = readers[::10]
        self._import(tenant_id, readers)
        import_suppressions(
            self.resources, tenant_id=tenant_id, location=self._file(suppressed), reason=Reason.IMPORT
        )
        campaign_id = campaigns.create(
            self.resources, tenant_slug=slug, name="Spring sale", audience="readers", template="announcement"
        )
        return Cast(
            slug=slug,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            selected=frozenset(readers) - frozenset(suppressed),
            forbidden_keys=self._keys(tenant_id),
            accept_log=self.stack.accept_log,
            resources=self.resources,
        )

    def _import(self, tenant_id: int, readers: list[str]) -> None:
        contacts.import_contacts(
            self.resources, tenant_id=tenant_id, location=self._file(readers), audience="readers"
        )

    def _file(self, addresses: list[str]) -> str:
        path = self.folder / f"{next(_numbers)}.csv"
        path.write_text("\n".join(["email", *addresses]))
        return str(path)

    def _keys(self, tenant_id: int) -> frozenset[str]:
        with self.resources.database.begin() as session:
            return frozenset(
                row["recipient_key"] for row in suppressions.export(session, tenant_id=tenant_id)
            )


def _tenant(slug: str) -> Tenant:
    return Tenant(
        slug=slug,
        name="Acme",
        from_name="Acme",
        from_address=f"news@mail.{slug}.example",
        reply_to=f"hello@{slug}.example",
        website=f"https://{slug}.example",
        postal_address="Acme, 1 High Street, Springfield",
        configuration_set=f"{slug}-marketing",
    )
