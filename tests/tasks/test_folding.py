"""Folding through the real store: every documented sample, in any order, number and batches, ends in the same rows."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import events as ses
from core.errors import MalformedEventError
from store.session import Database
from tasks import events
from tasks.resources import Resources
from tests.fakes import some_resources
from tests.mailed import SAMPLES, Mailed, a_delivery, an_event
from tests.tasks.test_killed_ingester import counts


def every_sample() -> list[str]:
    """The samples of SES's own form, one for each key: some are variants of one event."""
    found: dict[str, str] = {}
    for path in sorted(SAMPLES.glob("*.json")):
        document = json.loads(path.read_text())
        if "mail" in document and (event := ses.parse(path.read_text())):
            found.setdefault(ses.dedupe_key(event), path.stem)
    return list(found.values())


NAMES = every_sample()


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    return some_resources(database, tmp_path)


def applied(resources: Resources, orders: list[list[str]]) -> dict[str, object]:
    """What is counted of a new tenant's delivery after batches of samples, and after all samples together."""
    with resources.database.begin() as session:
        mailed = a_delivery(session)
    for names in [*orders, NAMES]:
        take(resources, mailed, names)
    return counts(resources.database, mailed.tenant_id)


def take(resources: Resources, mailed: Mailed, names: list[str]) -> None:
    events.take_in(resources, [events.read(an_event(name, mailed), source="file") for name in names])


BATCHES = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=12), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES, st.permutations(NAMES), st.integers(1, len(NAMES) - 1))
def test_any_order_duplication_and_batches_end_in_the_same_rows(
    resources: Resources, batches: list[list[str]], order: list[str], cut: int
) -> None:
    """E02"""
    assert len(NAMES) > 30
    assert applied(resources, [*batches, order[:cut], order[cut:]]) == applied(resources, [])


def test_no_mutation_of_a_sample_makes_the_parser_fail_in_an_unforeseen_way() -> None:
    """E07: a hundred thousand texts, each an event, a notice or malformed."""
    texts = [path.read_text() for path in sorted(SAMPLES.glob("*.json"))]
    dice = _Dice(20_261_124)
    found = {"event": 0, "notice": 0, "malformed": 0}
    for _ in range(100_000):
        try:
            event = ses.parse(dice.mutated(dice.of(texts), texts))
        except MalformedEventError:
            found["malformed"] += 1
            continue
        if event is None:
            found["notice"] += 1
            continue
        found["event"] += 1
        told = "".join((event.ses_message_id, event.tags.tenant, *event.recipients, ses.dedupe_key(event)))
        assert "\0" not in told
        told.encode()
    assert min(found.values()) > 1000, found


class _Dice:
    """A small generator of its own, four times as fast as `random` for numbers this small."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 33) % limit

    def of(self, several: list[str]) -> str:
        return several[self.below(len(several))]

    def mutated(self, text: str, texts: list[str]) -> str:
        """A value exchanged for another, a character for junk, a cut, or a piece of another sample."""
        at = self.below(len(text))
        match self.below(6):
            case 0:
                return text[:at]
            case 1:
                return text[:at] + self.of(JUNK) + text[at + 1 :]
            case 2:
                other = self.of(texts)
                return text[:at] + other[self.below(len(other)) :]
            case 3:
                quoted = text.split('"')
                quoted[self.below(len(quoted))] = self.of(JUNK)
                return '"'.join(quoted)
            case 4:
                return text.replace(self.of(MEMBERS), self.of(VALUES))
            case _:
                return text.replace(self.of(NAMED), self.of(NAMED))


JUNK = [
    "",
    "\0",
    "\\u0000",
    "\\ud800",
    "\ud800",
    "[",
    "{",
    "]" * 50,
    "[" * 2000,
    "1e999",
    "-",
    "NaN",
    "null",
    "\u2028",
    "9" * 400,
]
MEMBERS = [
    '"messageId"',
    '"timestamp"',
    '"tags"',
    '"mail": {',
    '["reader@example.net"]',
    '"eventType"',
    "false",
    "null",
]
VALUES = [
    "null",
    "[]",
    "{}",
    '""',
    "0",
    '"messageId": null, "x"',
    '"mail": [',
    '"tags": 7, "y"',
    "true",
    '{"a": [1]}',
]
NAMED = [
    "Bounce",
    "Complaint",
    "Open",
    "Click",
    "Delivery",
    "Send",
    "Unknown",
    "TopicArn",
    "Message",
    "detail",
    "Body",
    "2026-10",
]
