"""Filling: one compiled template is run with the data of one message.

Terms:
    meter: what a rendering may spend (`core/dialect.py`). One message has one for all its parts.

Invariants:
    Whatever is raised is one of ours, and quotes no value of the data: that may be an address.

Standards:
    Jinja 3.1 template language.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice

from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError

from core.dialect import METER, MailContext, MailEnvironment, Meter
from core.errors import (
    TemplateError,
    TemplateForbiddenError,
    TemplateLimitError,
    TemplateUndefinedError,
)


MAX_OUTPUT = 500_000


def filled(template: Template, environment: MailEnvironment, data: dict[str, object]) -> str:
    """Return what a template prints, stopping soon after it prints too much.

    Args:
        template: Compiled by our environment.
        environment: The same.
        data: The globals and the context of the message.

    Raises:
        TemplateLimitError: More than 500,000 characters. What Jinja and Python raise is translated by `metered`.
    """
    printed, size = [], 0
    stream: Iterator[str] = template.root_render_func(MailContext(environment, data))
    while chunk := list(islice(stream, 256)):
        size += sum(map(len, chunk))
        if size > MAX_OUTPUT:
            raise TemplateLimitError(f"more than {MAX_OUTPUT} characters are printed", hint="send less")
        printed += chunk
    return "".join(printed)


@contextmanager
def metered(context: Mapping[str, object]) -> Iterator[None]:
    """Give one rendering its meter, and translate what Jinja and Python raise in it.

    Raises:
        TemplateUndefinedError: The data lacks a field; the hint names one that is spelled nearly so.
        TemplateForbiddenError: It reached for what templates may not touch.
        TemplateLimitError: It works, nests or prints too much.
        TemplateError: The data does not fit the template.
    """
    token = METER.set(Meter(context))
    try:
        yield
    except UndefinedError as error:
        raise _undefined(str(error), context) from error
    except SecurityError as error:
        raise TemplateForbiddenError(str(error), hint="docs/rendering.md lists what there is") from error
    except (RecursionError, MemoryError, OverflowError) as error:
        raise TemplateLimitError("the template is too deep or too large", hint="shorten it") from error
    except (TemplateRuntimeError, TypeError, ArithmeticError) as error:
        raise TemplateError(f"the data does not fit the template: {error}") from error
    except (ValueError, LookupError) as error:
        # What Python says about these quotes the value, and that may be an address.
        raise TemplateError(f"the data does not fit the template: {type(error).__name__}") from error
    finally:
        METER.reset(token)


def _undefined(name: str, context: Mapping[str, object]) -> TemplateUndefinedError:
    owner, _, field = name.rpartition(".")
    holder: object = context
    for key in owner.split(".") if owner else ():
        holder = holder.get(key, {}) if isinstance(holder, dict) else {}
    close = get_close_matches(field, list(holder) if isinstance(holder, Mapping) else [], n=1)
    hint = (
        f"did you mean {owner + '.' if owner else ''}{close[0]}?" if close else f"add |default(...) to {name}"
    )
    return TemplateUndefinedError(f"the template uses {name}, which the data does not have", hint=hint)
