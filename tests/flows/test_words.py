"""The sentences and decisions of the flows that need no server."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from prefect import task
from prefect.states import Failed

from core.errors import ConflictError, NotFoundError, UnreachableError
from core.hygiene import Rule
from core.hygiene_report import Night
from core.hygiene_runs import RunState
from flows import approve_hygiene, dispatch_campaigns, import_contacts, reconcile_events, send_campaign, steps
from tasks.contacts import ImportReport
from tasks.events import DrainReport


@pytest.mark.parametrize(
    ("campaign_ids", "told"),
    [
        pytest.param([], "no campaign is ready", id="none"),
        pytest.param([7], "campaign 7 goes on", id="one"),
        pytest.param([7, 12], "campaigns 7, 12 go on", id="several"),
    ],
)
def test_dispatch_names_the_campaigns_it_started(campaign_ids: list[int], told: str) -> None:
    assert dispatch_campaigns._in_words(campaign_ids) == told


def test_events_are_told_in_counts_and_what_did_not_happen_is_not_mentioned() -> None:
    report = DrainReport(received=12_345, applied=12_000, duplicates=340, malformed=5)
    told = "12,345 received, 12,000 applied, 340 seen before, 5 malformed"
    assert reconcile_events._in_words(report) == told
    assert reconcile_events._in_words(DrainReport()) == "0 received"


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        pytest.param(
            {"rows": 1_200, "created": 1_100, "updated": 0, "rejected": 100},
            "1,200 rows, 1,100 created, 100 rejected",
            id="a file",
        ),
        pytest.param({"rows": 0}, "an empty file", id="empty"),
    ],
)
def test_an_import_is_told_in_counts(counts: dict[str, int], told: str) -> None:
    assert import_contacts._in_words(ImportReport(import_id=1, counts=counts)) == told


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        pytest.param(
            datetime.fromisoformat("2026-12-01T09:00"),
            datetime(2026, 12, 1, 9, tzinfo=UTC),
            id="no zone is UTC",
        ),
        pytest.param(
            datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=1))),
            datetime(2026, 12, 1, 8, tzinfo=UTC),
            id="Stockholm in winter",
        ),
    ],
)
def test_a_start_is_understood_in_utc(moment: datetime, utc: datetime) -> None:
    assert send_campaign._utc(moment) == utc


@pytest.mark.parametrize(
    ("error", "again"),
    [
        pytest.param(NotFoundError("there is no campaign 7"), False, id="a refusal stays a refusal"),
        pytest.param(ConflictError("somebody imports this file"), False, id="so does a conflict"),
        pytest.param(UnreachableError("no connection"), True, id="SES may come back"),
        pytest.param(ConnectionError("the database is away"), True, id="so may the database"),
    ],
)
def test_a_step_is_run_again_only_when_that_may_help(error: Exception, *, again: bool) -> None:
    @task
    def step() -> None: ...

    assert steps._may_help(step, None, Failed(data=error)) is again  # type: ignore[arg-type]  # no run is looked at


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param(
            RunState.APPLIED, "hygiene run 12 of acme was approved: 1,200 leave, 3 spared", id="approved"
        ),
        pytest.param(RunState.REFUSED, "hygiene run 12 of acme was refused: nobody leaves", id="refused"),
        pytest.param(
            RunState.EXPIRED,
            "nobody has decided on hygiene run 12 of acme in time: nobody leaves, and a later night asks anew",
            id="expired",
        ),
    ],
)
def test_a_night_that_was_asked_about_ends_in_a_sentence(state: RunState, told: str) -> None:
    night = Night(tenant="acme", run_id=12, state=state, counts={Rule.SILENT: 1_200}, spared=3)
    assert approve_hygiene._ended(night) == told
