"""The crash suite finds nothing, and would find something if there were anything."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks.crash.caps import FirstDay, caps_for
from benchmarks.crash.caps import judge as judge_day
from benchmarks.crash.failpoints import EXIT_STATUS, LABELS, Failpoint
from benchmarks.crash.keeper import EventLog
from benchmarks.crash.verdict import Verdict, judge
from core.deliveries import Policy, State
from tests.simulated import PROJECT


ANN, BOB = "ann@example.com", "bob@example.com"
FINE = Verdict(
    rows=2,
    accepted=2,
    duplicated=0,
    lost=0,
    wrongly_recorded=0,
    non_terminal=0,
    unconfirmed=0,
    sent=2,
    failed=0,
)


PROMISED = {
    "kills",
    "rows",
    "accepted",
    "duplicated",
    "lost",
    "wrongly_recorded",
    "non_terminal",
    "unconfirmed",
}
HARM = ("duplicated", "lost", "wrongly_recorded", "non_terminal")
SUITE = [sys.executable, "-m", "benchmarks.crash", "--json"]


def torment(*options: str) -> tuple[int, dict[str, float]]:
    """Run the suite; return its exit status and its report, which is all that it prints on stdout."""
    done = subprocess.run(
        [*SUITE, *options], check=False, cwd=PROJECT, capture_output=True, text=True, timeout=600
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def harm(report: dict[str, float]) -> dict[str, float]:
    """Return what must not be, by its name."""
    return {name: report[name] for name in HARM if report[name]}


@pytest.mark.xdist_group("crash")
@pytest.mark.parametrize(
    "api", [pytest.param("single", id="SendEmail"), pytest.param("bulk", id="SendBulkEmail")]
)
def test_sixty_kills_and_three_dead_databases_lose_and_double_nobody(api: str) -> None:
    """F14, F16, F18, F27: random kills and pauses, failpoints, `pg_ctl stop -m immediate`, a third of calls disturbed."""
    status, report = torment("--kills", "60", "--policy", "evidence", "--api", api)
    assert (status, harm(report)) == (0, {}), report
    assert report.keys() >= PROMISED
    assert (report["kills"], report["rows"]) == (60, 1200)
    assert report["database_crashes"] >= 3
    # All events come in the end, so evidence settles all doubt.
    assert report["unconfirmed"] == 0
    assert report["accepted"] > 1000


@pytest.mark.xdist_group("crash")
def test_no_kill_lets_a_mail_leave_beyond_the_caps_and_the_next_day_goes_on() -> None:
    """F31: eight workers, three mailbox providers with a cap each and one for all, half of the kills on either day."""
    status, report = torment("--caps", "--workers", "8", "--kills", "30", "--rows", "600")
    assert (status, harm(report)) == (0, {}), report
    # A run that reaches no cap proves nothing: all tokens were taken, and what was not accepted for them was killed or lost.
    assert (report["first_day_beyond"], report["first_day_unfilled"]) == (0, 0)
    assert report["first_day_accepted"] + report["first_day_burnt"] == 300
    assert 0 < report["first_day_burnt"] < 150
    assert (report["unconfirmed"], report["sent"] + report["failed"]) == (0, 600)


@pytest.mark.parametrize(
    ("of_gmail", "of_all", "free", "found"),
    [
        pytest.param(60, 300, {}, FirstDay(accepted=300), id="reached and kept"),
        pytest.param(61, 300, {}, FirstDay(accepted=300, beyond=1), id="one mail too many at a provider"),
        pytest.param(60, 301, {}, FirstDay(accepted=301, beyond=1, burnt=-1), id="one too many in all"),
        pytest.param(50, 290, {}, FirstDay(accepted=290, burnt=10), id="ten were killed"),
        pytest.param(
            59, 299, {"gmail": 1, "all": 1}, FirstDay(accepted=299, unfilled=2), id="a token nobody took"
        ),
    ],
)
def test_a_first_day_is_judged_by_what_was_accepted(
    of_gmail: int, of_all: int, free: dict[str, int], found: FirstDay
) -> None:
    accepted = ["ann@one.example"] * of_gmail + ["bob@three.example"] * (of_all - of_gmail)
    assert judge_day(accepted, caps_for(600), {"gmail": 0, "microsoft_365": 0, "all": 0} | free) == found


@pytest.mark.xdist_group("crash")
def test_who_may_be_sent_to_once_at_most_ends_in_honest_doubt() -> None:
    status, report = torment("--kills", "20", "--rows", "400", "--policy", "at_most_once")
    assert (status, harm(report)) == (0, {}), report
    # Were the faults off, nobody would be in doubt, and the run would prove little.
    assert report["unconfirmed"] > 0
    assert report["accepted"] > 200


@pytest.mark.xdist_group("crash")
@pytest.mark.parametrize(
    ("loss", "api", "rows"),
    [
        pytest.param("0.05", "single", "400", id="F36, a twentieth of the messages has no events"),
        # A third of the calls gets no answer, nothing ever settles them, and a call has up to fifty people: of 400 there
        # were from 192 to 308 sent, as the dice of a dozen calls fell.
        pytest.param("1", "bulk", "800", id="F03, the pipeline is down"),
    ],
)
def test_silence_proves_nothing_where_events_are_lost(loss: str, api: str, rows: str) -> None:
    """F03, F36: nobody is called again on silence, so doubt stays doubt, and nobody gets two copies."""
    status, report = torment("--kills", "20", "--rows", rows, "--event-loss", loss, "--api", api)
    assert (status, harm(report)) == (0, {}), report
    assert report["unconfirmed"] > 0
    assert report["sent"] > 200


@pytest.mark.xdist_group("crash")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_given_up_leaves_no_process_and_no_folder(number: signal.Signals) -> None:
    # A folder of its own, short enough for the socket of the database below it.
    with tempfile.TemporaryDirectory(prefix="given-up-") as name:
        with subprocess.Popen(
            [*SUITE, "--kills", "1000"],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as run:
            await_until(lambda: any(Path(name).glob("*/accept-log.jsonl")))
            assert processes_of(run.pid, name)
            # As a terminal does it: Ctrl-C is told to everybody.
            os.killpg(run.pid, number)
            assert run.wait(timeout=60) != 0
        await_until(lambda: not processes_of(run.pid, name))
        assert not any(Path(name).iterdir())


def processes_of(session: int, folder: str) -> list[str]:
    """Return the command lines of whatever runs in this session or, as a database does, on this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            words = " ".join(process.cmdline())
            if os.getsid(process.pid) == session or folder in words:
                found.append(words)
    return found


def await_until(fulfilled: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    ends = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.mark.xdist_group("crash")
def test_the_usual_worker_is_found_out() -> None:
    status, report = torment("--kills", "5", "--rows", "200", "--naive")
    assert (status, report["kills"]) == (1, 5)
    assert report["duplicated"] > 0


@pytest.mark.parametrize(
    ("accepted", "ledger", "expected"),
    [
        pytest.param([ANN, BOB], {ANN: State.SENT, BOB: State.SENT}, {"sent": 2}, id="all is well"),
        pytest.param(
            [ANN, ANN, ANN, BOB], {ANN: State.SENT, BOB: State.SENT}, {"duplicated": 2}, id="each copy counts"
        ),
        pytest.param([ANN], {ANN: State.SENT, BOB: State.SENT}, {"lost": 1}, id="sent but never accepted"),
        pytest.param([ANN], {ANN: State.SENT}, {"lost": 1, "rows": 1}, id="a row has gone"),
        pytest.param(
            [ANN, BOB],
            {ANN: State.FAILED, BOB: State.SKIPPED},
            {"wrongly_recorded": 2, "failed": 1},
            id="recorded as never sent",
        ),
        pytest.param(
            [ANN],
            {ANN: State.IN_DOUBT, BOB: State.PENDING},
            {"non_terminal": 2, "lost": 0},
            id="no end yet is no loss yet",
        ),
        pytest.param(
            [ANN],
            {ANN: State.UNCONFIRMED, BOB: State.UNCONFIRMED},
            {"unconfirmed": 2, "lost": 0, "wrongly_recorded": 0},
            id="doubt is honest either way",
        ),
    ],
)
def test_the_judge_counts(accepted: list[str], ledger: dict[str, State], expected: dict[str, int]) -> None:
    verdict = judge(accepted, ledger, people=2)
    assert {name: getattr(verdict, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("policy", "harm", "ok"),
    [
        pytest.param(Policy.EVIDENCE, {}, True, id="none"),
        pytest.param(Policy.EVIDENCE, {"unconfirmed": 1}, True, id="doubt is no harm"),
        pytest.param(Policy.AT_MOST_ONCE, {"duplicated": 1}, False, id="a copy"),
        pytest.param(Policy.AT_LEAST_ONCE, {"duplicated": 1}, True, id="a copy is its price"),
        pytest.param(Policy.AT_LEAST_ONCE, {"unconfirmed": 1}, False, id="but doubt is not"),
        pytest.param(Policy.EVIDENCE, {"lost": 1}, False, id="a loss"),
        pytest.param(Policy.EVIDENCE, {"wrongly_recorded": 1}, False, id="a lie"),
        pytest.param(Policy.EVIDENCE, {"non_terminal": 1}, False, id="no end"),
    ],
)
def test_the_verdict_depends_on_what_was_promised(policy: Policy, harm: dict[str, int], *, ok: bool) -> None:
    counts = {name: getattr(FINE, name) for name in Verdict.__slots__}
    assert Verdict(**counts | harm).ok(policy) is ok


def test_a_failpoint_ends_the_process_at_its_label_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    for label in LABELS:
        Failpoint.parse("recorded:1").passed(label)
        Failpoint.parse(f"{label}:0").passed(label)
    assert ends == [EXIT_STATUS]


def test_an_unknown_failpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="is one of claimed, rendered, intended"):
        Failpoint.parse("lunch:0.5")


def test_the_keeper_reads_whole_lines_from_where_the_last_one_was(tmp_path) -> None:
    log, place = tmp_path / "events.jsonl", tmp_path / "place"
    log.write_text('{"n": 1}\n{"n": 2}\n{"n":')
    reader = EventLog(log, place)
    assert reader.next_lines() == (['{"n": 1}', '{"n": 2}'], 18)
    # Nothing is remembered yet, as if it had been killed before the events were stored.
    assert EventLog(log, place).next_lines() == (['{"n": 1}', '{"n": 2}'], 18)
    reader.remember(18)
    assert EventLog(log, place).next_lines() == ([], 18)
    log.write_text('{"n": 1}\n{"n": 2}\n{"n": 3}\n')
    assert EventLog(log, place).next_lines() == (['{"n": 3}'], 27)
