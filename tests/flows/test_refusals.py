"""What Posthouse itself refuses ends a run in words; a bug does not."""

import logging

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Completed

from core.errors import ConflictError, NotFoundError
from flows.refusals import told_in_words


def run(error: Exception | None) -> State[None]:
    @told_in_words
    def flow() -> State[None]:
        """A flow's docstring."""
        if error:
            raise error
        return Completed(message="done")

    assert flow.__doc__ == "A flow's docstring."
    return flow()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(ConflictError("campaign 7 is paused"), "campaign 7 is paused", id="no hint"),
        pytest.param(
            NotFoundError("there is no campaign 7", hint="posthouse campaign list"),
            "there is no campaign 7. Try: posthouse campaign list",
            id="a command",
        ),
        pytest.param(
            ConflictError("campaign 7 is done", hint="Create another."),
            "campaign 7 is done. Create another.",
            id="a sentence",
        ),
    ],
)
def test_a_refusal_becomes_the_message_of_a_failed_run_and_a_line_of_its_log(
    error: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="posthouse"):
        state = run(error)
    assert (state.type, state.message) == ("FAILED", message)
    assert [record.getMessage() for record in caplog.records] == [message]


def test_a_run_that_is_not_refused_ends_as_it_says() -> None:
    assert run(None).message == "done"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError())
