"""Breakage: when so many messages cannot be rendered that a campaign is paused, before it fails its list one by one.

One contact with odd data fails alone. A template that meets a limit for everybody, or names a field that a whole import
lacks, would fail thousands for good within a minute, and a failed message is not sent later. So each stretch of sending
watches its own renderings, and stops while those who wait can still be sent to.

Terms:
    broken: a message that cannot be rendered. No call was made for it.
    forgiven: a person has overridden the rule for a campaign, and its broken messages fail alone, however many.

Invariants:
    The first 200 renderings of a stretch hold at most four broken ones before it stops, any later 200 at most twenty.
    Where nothing at all can be rendered, and it is more than one message, it stops without failing any.
"""

from collections import Counter, deque
from typing import Final

from core.errors import PosthouseError


RULE: Final = "render_errors"  # by which a person overrides it, as a finding of preflight
WATCHED: Final = 200
MOST_AT_FIRST: Final = 4  # 2 % of the first 200
MOST_LATER: Final = 20  # 10 % of any 200: an import that went wrong in its middle


class Breakage:
    """What a stretch remembers of its renderings."""

    def __init__(self) -> None:
        self._last: deque[bool] = deque(maxlen=WATCHED)
        self._looked = 0
        self._broken = 0
        self._codes: Counter[str] = Counter()
        self._told = ""

    def note(self, error: PosthouseError | None) -> None:
        """Remember one rendering, and what was wrong with it."""
        self._looked += 1
        self._last.append(error is not None)
        if error is not None:
            self._broken += 1
            self._codes[error.code] += 1
            self._told = self._told or error.message

    @property
    def is_mass(self) -> bool:
        """Whether to stop now, in the middle of a batch."""
        return sum(self._last) > (MOST_AT_FIRST if self._looked <= WATCHED else MOST_LATER)

    @property
    def is_total(self) -> bool:
        """Whether to stop at the end of a batch: nobody's message could be rendered."""
        return self._broken == self._looked > 1

    def in_words(self) -> str:
        """Return what was seen, with the first error; it names fields and limits, never a person."""
        codes = ", ".join(f"{number} {code}" for code, number in self._codes.most_common())
        return f"{self._broken} of {self._looked} messages could not be rendered ({codes}), the first: {self._told}"


def advice(campaign_id: int) -> str:
    """Return how a campaign that was paused for its breakage goes on."""
    return (
        "Correct the contacts or the limits and resume; or cancel, correct the template and create another campaign; "
        f"or let such messages fail alone: posthouse campaign preflight {campaign_id} --override {RULE} --reason …, "
        "then resume"
    )
