"""The verdict: what SES accepted, by the simulator's own log, against what the ledger says. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.deliveries import TERMINAL, Policy, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Counts of people, but for `accepted` and `duplicated`, which count messages."""

    rows: int
    accepted: int
    duplicated: int  # accepted beyond the first for each person
    lost: int  # recorded as sent and never accepted, or without a row at all
    wrongly_recorded: int  # recorded as never sent, and accepted
    non_terminal: int
    unconfirmed: int
    sent: int
    failed: int

    def ok(self, policy: Policy) -> bool:
        """Whether nobody was lost, doubled or told wrongly, and everybody has an end.

        At least once is a promise of the opposite kind: duplicates are its price, and nobody may end in doubt.
        """
        broken = self.unconfirmed if policy is Policy.AT_LEAST_ONCE else self.duplicated
        return not (broken or self.lost or self.wrongly_recorded or self.non_terminal)


def judge(accepted: Sequence[str], ledger: Mapping[str, State], *, people: int) -> Verdict:
    """Compare.

    Args:
        accepted: The recipient of each accepted message.
        ledger: Each person's state; keys are spelled as in `accepted`.
        people: How many there should be in the ledger.
    """
    copies = Counter(accepted)
    states = Counter(ledger.values())
    never = {State.FAILED, State.SKIPPED}
    return Verdict(
        rows=len(ledger),
        accepted=len(accepted),
        duplicated=sum(number - 1 for number in copies.values()),
        lost=people
        - len(ledger)
        + sum(state is State.SENT and address not in copies for address, state in ledger.items()),
        wrongly_recorded=sum(state in never and address in copies for address, state in ledger.items()),
        non_terminal=sum(state not in TERMINAL for state in ledger.values()),
        unconfirmed=states[State.UNCONFIRMED],
        sent=states[State.SENT],
        failed=states[State.FAILED],
    )
