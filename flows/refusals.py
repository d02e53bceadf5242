"""Refusals: a run that may not do what was asked ends as Failed with a sentence, not with a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from prefect.client.schemas.objects import State
from prefect.states import Failed

from core.errors import PosthouseError
from tasks.log import run_logger


P = ParamSpec("P")


def told_in_words(flow_function: Callable[P, State[None]]) -> Callable[P, State[None]]:
    """Turn the errors that Posthouse itself raises into the state's message; anything else is a bug and crashes."""

    @wraps(flow_function)
    def told(*args: P.args, **kwargs: P.kwargs) -> State[None]:
        try:
            return flow_function(*args, **kwargs)
        except PosthouseError as refusal:
            return refused(refusal.message, refusal.hint)

    return told


def refused(message: str, hint: str = "") -> State[None]:
    """Log a refusal and return the state that tells it."""
    told = f"Try: {hint}" if hint.startswith("posthouse ") else hint
    sentence = f"{message}. {told}" if told else message
    run_logger().error(sentence)
    return Failed(message=sentence)
