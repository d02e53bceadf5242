"""Auditing: which of the messages that are about to be sent are compared with what premailer makes of their page.

That inlining once is the same as inlining each is proven (core/inlining.py), and a proof can have a hole, or its program
a fault. So some messages are made a second time, without anything of ours but the rendering, and compared before they are
sent. One that differs demotes its template: from then on each of its messages is what premailer itself writes.

Terms:
    audited: of a message, that it was compared.
    one in N: how often. N is a setting, or what a share of the sending time pays for.
    lot: a delivery's number, drawn once from its id.

Invariants:
    The first message of each run that can be rendered is audited: a fault that everybody would get is found before anybody
        does, for the price of compiling a template.
    Whether a message is audited at N is decided by its lot alone, so whoever sends it again audits it again. A price in time
        is rounded to a power of two, so who is audited at some N is also audited at every smaller one.
    Audits take no more than their share of a run, the first aside; a run that waits for its rate can afford more of them.

See:
    docs/rendering.md, "The audit".
"""

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from core.preflight import Finding


SHARE: Final = 0.02
NEVER: Final = 0
_RAREST: Final = 2**20


class Schedule:
    """Which messages of one run are audited.

    Args:
        one_in: Audit one message in so many, 0 none, None as many as `SHARE` of the time pays for.
    """

    def __init__(self, one_in: int | None = None) -> None:
        self._one_in = one_in
        self._messages = 0
        self._audits = 0
        self._spent = self._last = 0.0

    def choose(self, delivery_ids: Iterable[int], *, elapsed: float) -> Iterator[int]:
        """Yield those to be audited. Asked lazily: whoever has audited one says so by `note` before the next.

        Args:
            delivery_ids: The messages that are sent next.
            elapsed: Seconds since the run began.
        """
        one_in = self._affordable(elapsed) if self._one_in is None else self._one_in
        for delivery_id in delivery_ids:
            self._messages += 1
            if one_in != NEVER and (not self._audits or lot(delivery_id) % one_in == 0):
                yield delivery_id

    def note(self, seconds: float) -> None:
        """Take down what an audit has cost."""
        self._audits += 1
        self._spent += seconds
        self._last = seconds

    def _affordable(self, elapsed: float) -> int:
        """Return the N at which audits take their share of the time that messages take."""
        sending = elapsed - self._spent
        if not self._audits or sending <= 0:
            return _RAREST
        wanted = self._last * self._messages / (SHARE * sending)
        return min(1 << max(0, math.ceil(wanted) - 1).bit_length(), _RAREST)


def findings(demoted_why: str) -> list[Finding]:
    """Return what preflight has to say of a template: nothing, unless an audit has demoted it."""
    if not demoted_why:
        return []
    return [
        Finding(
            id="template_demoted",
            severity="warn",
            message=f"an audit found a message that was not premailer's page ({demoted_why}): premailer writes each of "
            "them itself, correctly and slowly",
            where="template",
            remedy="Report it with the template: it is a fault of ours. Changed sources start anew.",
        )
    ]


def lot(delivery_id: int) -> int:
    """Return the number that a delivery has drawn: neighbours draw numbers far apart, and the same ones every time."""
    return zlib.crc32(delivery_id.to_bytes(8, "big"))
