"""A campaign's numbers in words."""

from datetime import date

import pytest

from core import reporting
from core.authorities import Source
from core.campaigns import CampaignState, Status
from core.deliveries import SkipReason, State
from core.forecast import Forecast
from core.preflight import Finding


def a_status(**counts: object) -> Status:
    values = {
        "campaign_id": 7,
        "state": CampaignState.SENDING,
        "audience": 10_000,
        "sent": 9_850,
        "pending": 100,
    }
    return Status(**values | {"skipped_by_reason": {"duplicate": 50}} | counts)


def test_a_run_is_called_by_its_tenant_campaign_and_progress() -> None:
    assert reporting.run_name("acme", "Spring sale", a_status()) == "acme · Spring sale · 9,850 of 9,950"


@pytest.mark.parametrize(
    ("status", "percent"),
    [
        pytest.param(a_status(sent=0, pending=9_950), 0.0, id="nothing yet"),
        pytest.param(a_status(sent=4_975, pending=4_975), 50.0, id="half"),
        pytest.param(a_status(sent=9_000, failed=950, pending=0), 100.0, id="failed is settled too"),
        pytest.param(a_status(sent=9_948, in_doubt=2, pending=0), 99.97989949748744, id="doubt is open"),
        pytest.param(a_status(audience=50, sent=0, pending=0), 100.0, id="nobody but the skipped"),
    ],
)
def test_progress_counts_what_is_settled(status: Status, percent: float) -> None:
    assert reporting.percent(status) == pytest.approx(percent)


def test_a_report_has_people_events_and_the_end() -> None:
    told = reporting.report(
        tenant="acme",
        campaign="Spring sale",
        status=a_status(),
        events={"sent": 9_850, "bounce_permanent": 12, "something_new": 1},
        forecast=Forecast(
            waiting=100,
            today=40,
            done_on=date(2026, 11, 25),
            resumes_on=date(2026, 11, 25),
            binding="warm-up",
            seconds_today=0.4,
        ),
        summary="out of today's allowance",
    )
    assert (
        told
        == """# acme · Spring sale

**Out of today's allowance.**

| People | Count | Share |
| --- | ---: | ---: |
| audience | 10,000 | 100.0% |
| sent | 9,850 | 98.5% |
| waiting | 100 | 1.0% |
| skipped | 50 | 0.5% |
| – duplicate | 50 | 0.5% |

## What SES has reported so far

| Event | Messages | Share of sent |
| --- | ---: | ---: |
| confirmed by a Send event | 9,850 | 100.0% |
| hard bounce | 12 | 0.1% |
| something new | 1 | 0.0% |

## When it will be done

100 wait, and 40 of them fit into today.
The rest leaves from **2026-11-25**, until about **2026-11-25**.
What binds it: warm-up.

Campaign 7 is sending. Everybody of the audience is counted once.
"""
    )


def test_a_report_that_does_not_add_up_says_so_loudly() -> None:
    told = reporting.report(
        tenant="acme", campaign="x", status=a_status(sent=1), events={}, forecast=None, summary=""
    )
    assert "**The parts do not add up.**" in told
    assert "Nothing yet: events arrive within minutes" in told


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        pytest.param(
            {"state": "skipped", "skip_reason": "unsubscribed"},
            "Not sent: the person has unsubscribed.",
            id="skipped",
        ),
        pytest.param(
            {"state": "skipped", "skip_reason": "duplicate"},
            "Not sent: another contact of the audience has the same address, and got it.",
            id="duplicate",
        ),
        pytest.param(
            {"state": "failed", "outcome_code": "MessageRejected"},
            "SES refused it for good (MessageRejected).",
            id="refused",
        ),
        pytest.param({"state": "failed"}, "It could not be sent.", id="failed without a code"),
        pytest.param({"state": "sent", "facts": ["sent"]}, "SES accepted it.", id="sent"),
        pytest.param(
            {"state": "sent", "facts": ["sent", "delivery", "open"]},
            "SES accepted it; reported since: delivered, opened by a person.",
            id="delivered and opened",
        ),
        pytest.param({"state": "pending"}, "It waits for its turn.", id="pending"),
        pytest.param(
            {"state": "in_doubt", "outcome_code": "ReadTimeoutError"},
            "SES's answer was lost; its events will tell whether it was accepted.",
            id="in doubt",
        ),
    ],
)
def test_one_persons_message_is_explained_in_a_sentence(known: dict[str, object], sentence: str) -> None:
    assert reporting.why(**{"skip_reason": None, "outcome_code": None, "facts": []} | known) == sentence


def test_every_state_and_every_reason_has_a_sentence() -> None:
    told = {
        reporting.why(state=state, skip_reason=None, outcome_code=None, facts=[])
        for state in State
        if state is not State.SKIPPED
    }
    told |= {
        reporting.why(state="skipped", skip_reason=reason, outcome_code=None, facts=[])
        for reason in SkipReason
    }
    assert len(told) == 7 + 15
    assert all(sentence.endswith(".") for sentence in told)


FINDINGS = [
    Finding(id="FMT-BODY-05-HTTP", severity="info", message="a link is http:", where="html"),
    Finding(
        id="FMT-BODY-06-ALT",
        severity="block",
        message="an image | has no alt text",
        where="html",
        remedy="Say in alt what it shows.",
        sources=(Source("W3C", "WCAG 2.2", "2023-10-05"), Source("Posthouse", "our judgement", "2026-11-24")),
        firm=False,
        overridden=True,
    ),
]
TABLE = """| Severity | Rule | Finding | What to do | Who says so |
| --- | --- | --- | --- | --- |
| block, overridden | `FMT-BODY-06-ALT` | an image \\| has no alt text | Say in alt what it shows. | W3C, WCAG 2.2 (2023-10-05); Posthouse, our judgement (2026-11-24) |
| info | `FMT-BODY-05-HTTP` | a link is http: |  |  |
"""


def test_a_report_tells_what_preflight_found_the_worst_first() -> None:
    told = reporting.report(
        tenant="acme",
        campaign="Spring sale",
        status=a_status(),
        events={},
        forecast=None,
        summary="done",
        findings=FINDINGS,
    )
    assert f"\n## What preflight found\n\n{TABLE}" in told


def test_a_run_that_may_not_start_leaves_its_findings() -> None:
    told = reporting.check_report(
        tenant="acme",
        campaign="Spring sale",
        summary="campaign 7 may not start: no way to leave",
        findings=FINDINGS,
        will_be_sent=9,
        skipped={"duplicate": 1},
        forecast=None,
        what="may not start",
    )
    assert told.startswith(
        "# acme · Spring sale · may not start\n\n**Campaign 7 may not start: no way to leave.**"
    )
    assert f"\n## Findings\n\n{TABLE}" in told


@pytest.mark.parametrize(
    ("demoted_why", "told"),
    [
        pytest.param(
            "",
            "1,200 of this template's messages were compared with premailer's page before they were sent, and none of "
            "them differed.",
            id="all equal",
        ),
        pytest.param(
            "html/body[2]/p[1]: style differs in color",
            "1,200 of this template's messages were compared with premailer's page before they were sent. **One "
            "differed, and the template is demoted** (html/body[2]/p[1]: style differs in color): since then premailer "
            "writes each message itself, correctly and slowly.",
            id="one differed",
        ),
    ],
)
def test_a_report_tells_what_the_audit_found(demoted_why: str, told: str) -> None:
    report = reporting.report(
        tenant="acme",
        campaign="Spring sale",
        status=a_status(audited=1_200, demoted_why=demoted_why),
        events={},
        forecast=None,
        summary="sent",
    )

    assert f"\n## What the audit found\n\n{told}\n" in report
