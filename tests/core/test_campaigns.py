"""How a campaign stands, in people."""

import pytest

from core.campaigns import FINAL, RESUMABLE, STARTABLE, CampaignState, Status, possible


def a_status(**counts: object) -> Status:
    return Status(**{"campaign_id": 7, "state": CampaignState.SENDING, "audience": 10} | counts)


@pytest.mark.parametrize(
    ("counts", "adds_up"),
    [
        pytest.param({"pending": 10}, True, id="all wait"),
        pytest.param(
            {
                "pending": 1, "claimed": 1, "submitting": 1, "in_doubt": 1, "sent": 2, "failed": 1,
                "unconfirmed": 1, "skipped_by_reason": {"duplicate": 1, "retired": 1},
            },
            True,
            id="one of each",
        ),
        pytest.param({"sent": 9}, False, id="somebody is missing"),
        pytest.param({"sent": 9, "skipped_by_reason": {"duplicate": 2}}, False, id="somebody is counted twice"),
        pytest.param({"audience": 0}, True, id="nobody at all"),
    ],
)  # fmt: skip
def test_a_status_knows_whether_it_adds_up(counts: dict[str, object], *, adds_up: bool) -> None:
    assert a_status(**counts).adds_up is adds_up


def test_open_are_those_without_a_terminal_state() -> None:
    status = a_status(pending=1, claimed=2, submitting=3, in_doubt=4, sent=5, failed=6, unconfirmed=7)
    assert status.open == 10


def test_the_json_is_what_the_interface_documents() -> None:
    status = a_status(pending=3, sent=5, skipped_by_reason={"duplicate": 1, "unsubscribed": 1})
    assert status.as_json() == {
        "campaign_id": 7,
        "state": "sending",
        "state_reason": "",
        "audience": 10,
        "pending": 3,
        "claimed": 0,
        "submitting": 0,
        "in_doubt": 0,
        "sent": 5,
        "failed": 0,
        "skipped": {"total": 2, "by_reason": {"duplicate": 1, "unsubscribed": 1}},
        "unconfirmed": 0,
        "audit": {"audited": 0, "demoted": None},
    }


def test_no_final_state_can_be_started_or_resumed() -> None:
    assert not FINAL & (STARTABLE | RESUMABLE)
    assert set(CampaignState) == FINAL | STARTABLE | RESUMABLE


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        pytest.param("draft", ["cancel"], id="a draft"),
        pytest.param("scheduled", ["cancel"], id="scheduled"),
        pytest.param("sending", ["pause", "cancel"], id="being sent"),
        pytest.param("paused", ["resume", "cancel"], id="paused"),
        pytest.param("done", [], id="done"),
        pytest.param("cancelled", [], id="cancelled"),
    ],
)
def test_a_person_may_do_what_fits_the_state(state: str, actions: list[str]) -> None:
    assert possible(CampaignState(state)) == actions
