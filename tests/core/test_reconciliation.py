"""Reconciliation: each kind of gap is named with how soon and what to do, and nothing is where all came in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import event_canary, reconciliation, reconciliation_report
from core.gaps import Finding, Gap, Severity
from core.pipeline import Canary, Counts, Doubtful, Hour, Inbox, Lists, Observed, Stream, Troubled


NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
GRACE = timedelta(minutes=30)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def an_hour(**changes: Any) -> Hour:
    return Hour(
        **{
            "tenant": "acme",
            "began_at": NOW - 2 * HOUR - 30 * MINUTE,
            "accepted": 1000,
            "told": 1000,
            "settled": 1000,
        }
        | changes
    )


def found(**observed: Any) -> list[Finding]:
    return reconciliation.find(Observed(now=NOW, grace=GRACE, **observed))


OLD = NOW - 17 * HOUR

GAPS = [
    pytest.param(
        {"hours": [an_hour(told=995, overdue=5)]}, Gap.OVERDUE, Severity.WARNING, 5, id="few are overdue"
    ),
    pytest.param(
        {"hours": [an_hour(told=950, overdue=50)]}, Gap.OVERDUE, Severity.ERROR, 50, id="F36: one in twenty"
    ),
    pytest.param(
        {"hours": [an_hour(told=0, settled=0, overdue=1000)]},
        Gap.OVERDUE,
        Severity.ERROR,
        1000,
        id="nothing comes",
    ),
    pytest.param(
        {"hours": [an_hour(began_at=OLD, settled=0)]},
        Gap.UNSETTLED,
        Severity.ERROR,
        1000,
        id="no Delivery comes",
    ),
    pytest.param(
        {"troubled": [Troubled(anomaly_id=7, place="gmail", held=24)]},
        Gap.ANOMALY,
        Severity.ERROR,
        24,
        id="a provider calls living mailboxes dead",
    ),
    pytest.param({"inbox": Inbox(orphans=3)}, Gap.ORPHANS, Severity.WARNING, 3, id="events without a send"),
    pytest.param(
        {"inbox": Inbox(quarantined={"no delivery of ours": 2})},
        Gap.QUARANTINED,
        Severity.WARNING,
        2,
        id="quarantine",
    ),
    pytest.param(
        {"inbox": Inbox(due=7, oldest=11 * MINUTE)}, Gap.INBOX_BEHIND, Severity.ERROR, 7, id="nobody applies"
    ),
    pytest.param(
        {"streams": [Stream(name="critical", dead=4)]}, Gap.DEAD_LETTERS, Severity.ERROR, 4, id="DLQ"
    ),
    pytest.param(
        {"streams": [Stream(name="critical", waiting=9, oldest=11 * MINUTE)]},
        Gap.QUEUE,
        Severity.WARNING,
        9,
        id="the queue is late",
    ),
    pytest.param(
        {"streams": [Stream(name="critical", waiting=9, oldest=2 * HOUR)]},
        Gap.QUEUE,
        Severity.ERROR,
        9,
        id="very late",
    ),
    pytest.param(
        {"streams": [Stream(name="critical", refusal="AccessDenied")]},
        Gap.QUEUE,
        Severity.ERROR,
        1,
        id="a queue is gone",
    ),
    pytest.param(
        {"canaries": [Canary(tenant="acme", age=11 * MINUTE, missing=["critical"])]},
        Gap.CANARY,
        Severity.ERROR,
        1,
        id="a canary is lost",
    ),
    pytest.param(
        {"canaries": [Canary(tenant="acme", age=MINUTE, refusal="paused")]},
        Gap.CANARY,
        Severity.WARNING,
        1,
        id="no canary can be sent",
    ),
    pytest.param(
        {"counts": Counts(ses=2000, at_least=1000, at_most=1000)},
        Gap.COUNT,
        Severity.WARNING,
        1000,
        id="SES knows more",
    ),
    pytest.param(
        {"counts": Counts(ses=100, at_least=1000, at_most=1200)},
        Gap.COUNT,
        Severity.WARNING,
        900,
        id="SES knows less",
    ),
    pytest.param(
        {"counts": Counts(refusal="no answer")}, Gap.COUNT, Severity.ERROR, 1, id="SES does not answer"
    ),
    pytest.param(
        {"lists": [Lists(tenant="acme", only_there=3)]},
        Gap.SUPPRESSED_THERE,
        Severity.WARNING,
        3,
        id="SES knew better",
    ),
    pytest.param(
        {"lists": [Lists(tenant="acme", only_here=2)]},
        Gap.SUPPRESSED_HERE,
        Severity.WARNING,
        2,
        id="no backstop",
    ),
    pytest.param(
        {"lists": [Lists(tenant="", refusal="AccessDenied")]},
        Gap.SUPPRESSED_THERE,
        Severity.WARNING,
        1,
        id="no list",
    ),
    pytest.param(
        {"doubtful": [Doubtful(tenant="acme", in_doubt=2)]}, Gap.DOUBT, Severity.WARNING, 2, id="doubt"
    ),
    pytest.param(
        {"doubtful": [Doubtful(tenant="acme", unconfirmed=1)]}, Gap.UNCONFIRMED, Severity.WARNING, 1, id="F03"
    ),
]


@pytest.mark.parametrize(("observed", "gap", "severity", "count"), GAPS)
def test_each_kind_of_gap_is_named(
    observed: dict[str, Any], gap: Gap, severity: Severity, count: int
) -> None:
    (finding,) = found(**observed)
    assert (finding.gap, finding.severity, finding.count) == (gap, severity, count)
    assert finding.message
    assert finding.remedy
    assert Finding.from_json(finding.as_json()) == finding


def test_every_kind_of_gap_has_its_row() -> None:
    assert {param.values[1] for param in GAPS} == set(Gap)


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param({}, id="nothing was sent"),
        pytest.param({"hours": [an_hour()]}, id="all is told"),
        pytest.param({"hours": [an_hour(told=400, settled=300)]}, id="some are younger than the grace"),
        pytest.param({"hours": [an_hour(began_at=NOW - 10 * HOUR, settled=990)]}, id="SES is still trying"),
        pytest.param({"inbox": Inbox(due=500, oldest=MINUTE)}, id="events came a minute ago"),
        pytest.param({"streams": [Stream(name="critical", waiting=9)]}, id="more come while we look"),
        pytest.param(
            {"canaries": [Canary(tenant="acme", age=9 * MINUTE, missing=["critical"])]}, id="a young canary"
        ),
        pytest.param({"canaries": [Canary(tenant="acme", age=HOUR)]}, id="the canary is back"),
        pytest.param(
            {"counts": Counts(ses=950, at_least=900, at_most=1000)}, id="the day's end is not known"
        ),
        pytest.param(
            {"lists": [Lists(tenant="acme")], "doubtful": [Doubtful(tenant="acme")]}, id="both agree"
        ),
    ],
)
def test_what_is_late_but_in_time_is_no_gap(observed: dict[str, Any]) -> None:
    assert found(**observed) == []


def test_the_gravest_comes_first_and_is_what_the_run_says() -> None:
    observed = Observed(
        now=NOW,
        grace=GRACE,
        hours=[an_hour(told=995, overdue=5)],
        streams=[Stream(name="posthouse-critical", dead=4)],
    )
    findings = reconciliation.find(observed)
    assert [finding.gap for finding in findings] == [Gap.DEAD_LETTERS, Gap.OVERDUE]
    assert reconciliation_report.in_words(observed, findings) == (
        "2 gaps: 4 messages are in the dead-letter queue of posthouse-critical"
    )


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        pytest.param([], "nothing is missing: nothing was sent lately, and nothing waits", id="idle"),
        pytest.param(
            [an_hour()], "nothing is missing: SES has reported 1,000 of 1,000 accepted messages", id="all"
        ),
        pytest.param(
            [an_hour(told=600)],
            "nothing is missing: SES has reported 600 of 1,000 accepted messages, 400 are younger than 30 minutes",
            id="some are young",
        ),
    ],
)
def test_a_healthy_system_says_so_in_one_line(hours: list[Hour], words: str) -> None:
    assert reconciliation_report.in_words(Observed(now=NOW, grace=GRACE, hours=hours), []) == words


def test_overdue_messages_are_listed_by_age() -> None:
    hours = [an_hour(began_at=NOW - n * HOUR, told=999, overdue=1) for n in (1, 3, 50, 26, 4)]
    (finding,) = found(hours=hours)
    assert finding.message == (
        "5 messages that SES accepted were not reported after 30 minutes "
        "(1 of 1,000 of 2 days ago, 1 of 1,000 of 26 hours ago, 1 of 1,000 of 4 hours ago and 2 more hours)"
    )


def test_the_report_tells_what_to_do_and_what_was_looked_at() -> None:
    findings = found(hours=[an_hour(told=995, overdue=5)])
    page = reconciliation_report.report(NOW, "1 gap: five are missing", findings, [an_hour(told=995)])
    assert page.startswith("# Reconciliation of 24 Nov 2026, 12:30 UTC\n\n**1 gap: five are missing.**\n")
    assert "| today | acme | 5 messages that SES accepted" in page
    assert "| acme | 24 Nov 10:00 | 1,000 | 995 | 1,000 |" in page


# The event canary

SILENT = an_hour(told=0, settled=0, overdue=1000)


@pytest.mark.parametrize(
    ("hours", "newest_age", "wanted"),
    [
        pytest.param([], None, False, id="a tenant that sends nothing costs nothing"),
        pytest.param([an_hour()], None, False, id="its mail is its canary"),
        pytest.param([SILENT], None, True, id="nothing is heard"),
        pytest.param([SILENT, an_hour(began_at=NOW - HOUR)], None, False, id="it is heard again"),
        pytest.param([an_hour(told=990, overdue=10)], None, True, id="some are missing"),
        pytest.param([an_hour(told=0, settled=0)], None, False, id="it was sent a minute ago"),
        pytest.param([SILENT], 9 * MINUTE, False, id="the newest is still on its way"),
        pytest.param([SILENT], HOUR, True, id="the newest is an hour old"),
    ],
)
def test_a_canary_is_sent_only_where_it_settles_a_doubt(
    hours: list[Hour], newest_age: timedelta | None, *, wanted: bool
) -> None:
    assert event_canary.is_wanted(hours, newest_age=newest_age, patience=10 * MINUTE) is wanted


@pytest.mark.parametrize(
    ("reported", "missing"),
    [
        pytest.param([], ["critical", "engagement"], id="nothing came back"),
        pytest.param(["sent"], ["engagement"], id="the engagement stream is gone"),
        pytest.param(["delivery", "sent"], [], id="both brought it"),
    ],
)
def test_a_canary_tells_which_stream_is_gone(reported: list[str], missing: list[str]) -> None:
    assert event_canary.missing(reported) == missing
