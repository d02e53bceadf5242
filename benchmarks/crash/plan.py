"""What all processes of one crash run know: where things are, and how short everything is.

A day of doubt has to fit into half a minute, so all times are scaled down together. What keeps them safe is their
order, which is the same as in production: the guard is longer than the call's deadline and the life of a signature
together, and the window is longer than the guard.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.deliveries import Policy
from gateways.settings import Settings


CLAIM_LEASE_SECONDS: Final = 3
CALL_LEASE_SECONDS: Final = 2
READ_TIMEOUT_SECONDS: Final = 1.0
# A signature names whole seconds, so the simulator may take a request up to a second less than this after signing.
SIGNATURE_SECONDS: Final = 4
GUARD_SECONDS: Final = (
    8  # over 0.7 * 2 until a call must have left, 4 for its signature, and a slow acceptance
)
WINDOW_SECONDS: Final = 10
# Evidence needs the campaign to come to rest, so that all neighbours of a call have been told of; then round after round
# a quarter of the calls is in doubt again, and each round takes a guard. Where events are lost it never gets them all.
EVIDENCE_WINDOW_SECONDS: Final = 1800
LONGEST_PAUSE_SECONDS: Final = 3 * CALL_LEASE_SECONDS

CALLS_IN_FLIGHT: Final = 8
WINDOW_SIZE: Final = 16
CLAIM_SIZE: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run, as it is handed to every process."""

    settings: Settings
    tenant_id: int
    campaign_id: int
    event_log: Path
    folder: Path  # of the run; the keeper's place in the event log and the processes' errors lie in it
    seed: int


def settings(database_url: str, state_dir: Path, policy: Policy, *, event_loss: float) -> Settings:
    """Return the settings of the processes under test."""
    patient = policy is Policy.EVIDENCE and not event_loss
    return Settings(
        database_url=database_url,
        state_dir=state_dir,
        claim_lease_seconds=CLAIM_LEASE_SECONDS,
        call_lease_seconds=CALL_LEASE_SECONDS,
        doubt_guard_seconds=GUARD_SECONDS,
        doubt_window_seconds=EVIDENCE_WINDOW_SECONDS if patient else WINDOW_SECONDS,
        # A quarter of all answers is lost on purpose: what would be a brown-out elsewhere is the weather here.
        ambiguity_pause_seconds=0.01,
        calls_in_flight=CALLS_IN_FLIGHT,
        window_size=WINDOW_SIZE,
        claim_size=CLAIM_SIZE,
    )
