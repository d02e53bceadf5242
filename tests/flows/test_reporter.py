"""F25, the small of it: whatever Prefect's server does, what is shown there neither holds up nor ends a run."""

import logging
import threading
import time

import pytest

from flows.reporter import Reporter


def test_what_is_told_last_is_told_before_the_run_ends() -> None:
    told: list[str] = []

    with Reporter() as reporter:
        reporter.tell("progress", lambda: told.append("half"))
        reporter.tell("report", lambda: told.append("done"))

    assert told[-1] == "done"


def test_a_server_that_is_slow_holds_nobody_up_and_is_told_the_newest_only() -> None:
    told: list[int] = []
    answers = threading.Event()

    def tell(number: int) -> None:
        answers.wait(10)
        told.append(number)

    with Reporter() as reporter:
        began = time.monotonic()
        for number in range(100):
            reporter.tell("progress", lambda number=number: tell(number))
        assert time.monotonic() - began < 1
        answers.set()

    assert told[-1] == 99
    assert len(told) <= 2, "the one that was under way, and the newest"


def test_a_server_that_is_away_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> None:
        raise ConnectionError("reader@example.com")

    with caplog.at_level(logging.WARNING), Reporter() as reporter:
        reporter.tell("progress", refuse)

    assert [record.getMessage() for record in caplog.records] == [
        "Prefect does not show the progress: ConnectionError"
    ]


def test_a_server_that_does_not_answer_is_given_up_and_what_it_misses_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    never = threading.Event()

    with caplog.at_level(logging.WARNING), Reporter(patience_seconds=0.2) as reporter:
        reporter.tell("progress", lambda: never.wait(10))
        reporter.tell("report", lambda: None)
    never.set()

    assert [record.getMessage() for record in caplog.records] == [
        "Prefect's server is away or slow; not shown there: progress, report"
    ]


def test_a_run_that_is_interrupted_does_not_wait_for_its_reporter() -> None:
    never = threading.Event()
    began = time.monotonic()

    def interrupted() -> None:
        with Reporter() as reporter:
            reporter.tell("progress", lambda: never.wait(10))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    never.set()

    assert time.monotonic() - began < 5
