"""When the ledger is not believed, and when it is again."""

from datetime import UTC, datetime, timedelta

import pytest

from core import quarantine
from core.quarantine import Count, Identity, Reason


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS, DAY = timedelta(seconds=5), timedelta(days=1)
HOME = Identity(system="7/1/2", timeline=1)


@pytest.mark.parametrize(
    ("current", "silence", "reason"),
    [
        pytest.param(HOME, DAY, None, id="the same database, after a holiday"),
        pytest.param(Identity(system="8/1/2", timeline=1), SECONDS, Reason.RESTORED, id="another cluster"),
        pytest.param(Identity(system="7/1/9", timeline=1), SECONDS, Reason.RESTORED, id="another table"),
        pytest.param(Identity(system="7/1/2", timeline=2), SECONDS, Reason.FAILED_OVER, id="a promotion"),
        pytest.param(Identity(system="7/1/2", timeline=2), DAY, Reason.RESTORED, id="P09: a point in time"),
        pytest.param(Identity(system="8/1/2", timeline=2), SECONDS, Reason.RESTORED, id="both"),
        pytest.param(Identity(), DAY, None, id="a server that does not tell"),
        pytest.param(Identity(system="7/1/2"), DAY, None, id="a server that tells no timeline"),
    ],
)
def test_another_identity_is_a_restore_or_a_failover(
    current: Identity, silence: timedelta, reason: Reason | None
) -> None:
    assert quarantine.changed(HOME, current, silence=silence) is reason


def test_a_ledger_that_remembers_no_database_believes_the_first() -> None:
    assert quarantine.changed(Identity(), HOME, silence=DAY) is None


@pytest.mark.parametrize(
    ("ses", "ours", "others", "silence", "is_shared", "expected"),
    [
        pytest.param(900, 0, 0, DAY, False, True, id="P09: SES knows more"),
        pytest.param(900, 0, 0, SECONDS, False, False, id="somebody else has begun to send"),
        pytest.param(900, 0, 0, DAY, True, False, id="a shared account"),
        pytest.param(900, 0, None, DAY, False, False, id="never compared before"),
        pytest.param(50, 0, 0, DAY, False, False, id="a handful by hand"),
        pytest.param(51, 0, 0, DAY, False, True, id="more than a handful"),
        pytest.param(1000, 0, 475, DAY, False, False, id="others as ever, doubled"),
        pytest.param(1001, 0, 475, DAY, False, True, id="others more than doubled"),
        pytest.param(50_000, 49_000, 0, DAY, False, False, id="two per cent of a big day"),
        pytest.param(10, 900, 0, DAY, False, False, id="the ledger knows more"),
    ],
)
def test_ses_counts_more_than_the_ledger_after_a_silence(
    ses: float, ours: int, others: float | None, silence: timedelta, *, is_shared: bool, expected: bool
) -> None:
    count = Count(ses=ses, ours=ours, others=others)
    assert quarantine.outcounted(count, silence=silence, is_shared=is_shared) is expected


@pytest.mark.parametrize(
    ("others", "excess", "days", "expected"),
    [
        pytest.param(None, 70, 0, 70, id="learnt at first sight"),
        pytest.param(100, 300, 0, 300, id="the largest counts"),
        pytest.param(100, 0, 1, 90, id="a tenth is forgotten a day"),
        pytest.param(100, 0, -1, 100, id="a clock that was set back forgets nothing"),
    ],
)
def test_what_others_send_is_learnt_and_slowly_forgotten(
    others: float | None, excess: int, days: int, expected: float
) -> None:
    count = Count(ses=excess, ours=0, others=others)
    assert quarantine.others_after(count, silence=timedelta(days=days)) == pytest.approx(expected)


def test_a_quarantine_has_obstacles_until_the_guard_is_over_and_nothing_waits() -> None:
    guard = timedelta(minutes=20)
    assert quarantine.obstacles(age=timedelta(minutes=5), guard=guard, is_clear=True) == [
        "calls of before may still be accepted for 15.0 minutes"
    ]
    assert len(quarantine.obstacles(age=timedelta(minutes=5), guard=guard, is_clear=False)) == 2
    assert quarantine.obstacles(age=timedelta(minutes=20), guard=guard, is_clear=True) == []


@pytest.mark.parametrize(
    ("reason", "count", "expected"),
    [
        pytest.param(Reason.FAILED_OVER, Count(ses=10, ours=10), True, id="all has come back"),
        pytest.param(Reason.FAILED_OVER, Count(ses=11, ours=10), False, id="SES knows one more"),
        pytest.param(Reason.FAILED_OVER, Count(ses=15, ours=10, others=5), True, id="others as ever"),
        pytest.param(Reason.FAILED_OVER, None, False, id="nobody has counted"),
        pytest.param(Reason.RESTORED, Count(ses=10, ours=10), False, id="a restore"),
        pytest.param(Reason.UNKNOWN_ATTEMPTS, Count(ses=10, ours=10), False, id="lost calls"),
    ],
)
def test_only_a_failover_that_lost_nothing_ends_by_itself(
    reason: Reason, count: Count | None, *, expected: bool
) -> None:
    assert quarantine.ends_by_itself(reason, count) is expected


def test_a_lost_call_of_before_a_quarantine_is_no_news() -> None:
    guard = timedelta(minutes=20)
    assert quarantine.is_covered(NOW - DAY, [NOW], guard=guard)
    assert quarantine.is_covered(NOW + timedelta(minutes=1), [NOW], guard=guard)
    assert not quarantine.is_covered(NOW + timedelta(minutes=21), [NOW], guard=guard)
    assert not quarantine.is_covered(NOW, [], guard=guard)
