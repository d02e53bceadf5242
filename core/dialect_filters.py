"""Dialect's filters: the ones whose result can be much larger than their input, each with its bound.

Terms:
    bounded: at most 100,000 characters, or 10,000 items nested at most eight deep.

Invariants:
    A filter that would pass its bound raises before it builds the result.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from jinja2.filters import do_batch, do_join, do_replace, do_sum
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.utils import pass_environment, pass_eval_context
from markupsafe import Markup

from core.errors import TemplateError, TemplateLimitError


MAX_TEXT = 100_000
MAX_ITEMS = 10_000
MAX_NESTING = 8

T = TypeVar("T")
Text = TypeVar("Text", bound=str)
# One printf directive, with widths of at most two digits: `%1000000000d` is a memory bomb in ten letters.
_DIRECTIVE = re.compile(r"%(?:%|[-+ 0]?\d{0,2}(?:\.\d{1,2})?[sdfg])")


def bounded_text(text: Text) -> Text:
    """Return `text`.

    Raises:
        TemplateLimitError: It has more than 100,000 characters.
    """
    if len(text) > MAX_TEXT:
        raise TemplateLimitError(f"a text has {len(text)} characters", hint=f"at most {MAX_TEXT}")
    return text


def bounded(container: T) -> T:
    """Return a list, tuple or dict that a template has just written.

    Lists of themselves double with each line (`{% set a = [a, a] %}`), and comparing two such takes for ever.

    Raises:
        TemplateLimitError: It has more than 10,000 items, or is nested more than eight deep.
    """
    level, count = [container], 0
    for _ in range(MAX_NESTING):
        level = [item for holder in level for item in _items(holder)]
        count += len(level)
        if not level or count > MAX_ITEMS:
            break
    if level:
        raise TemplateLimitError("a list is too long or nested too deep", hint=f"at most {MAX_ITEMS} items")
    return container


def _items(holder: Any) -> Any:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list | tuple) else ()


def default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 -- Jinja's signature
    """Return the default for a missing field, and also for `None`: a JSON null is no name to greet by."""
    if value is None or isinstance(value, Undefined) or (boolean and not value):
        return default_value
    return value


@pass_eval_context
def replace(context: EvalContext, value: str, old: str, new: str, count: int | None = None) -> str:
    """Return `value` with `old` replaced, if that is short enough."""
    found = str(value).count(str(old)) if count is None else count
    if len(str(value)) + abs(found) * len(str(new)) > MAX_TEXT:
        raise TemplateLimitError(
            "the result of replace would be too long", hint=f"at most {MAX_TEXT} characters"
        )
    return do_replace(context, value, old, new, count)


@pass_eval_context
def join(context: EvalContext, value: Any, separator: str = "", attribute: str | int | None = None) -> str:
    """Return the items joined, if that is short enough."""
    items = list(value)
    size = sum(len(str(item)) for item in items if not isinstance(item, dict)) + len(items) * len(
        str(separator)
    )
    if size > MAX_TEXT:
        raise TemplateLimitError(
            "the result of join would be too long", hint=f"at most {MAX_TEXT} characters"
        )
    joined: str = do_join(context, items, separator, attribute)
    return bounded_text(joined)


def batch(value: Any, count: int, fill_with: Any = None) -> list[list[Any]]:
    """Return the items in rows of `count`, for grids; the last row filled up with `fill_with`."""
    if not 0 < count <= 100:
        raise TemplateLimitError("batch takes from 1 to 100 items a row", hint="use a smaller number")
    return list(do_batch(value, count, fill_with))


@pass_environment
def total(environment: Any, value: Any, attribute: str | int | None = None, start: float = 0) -> Any:
    """Return the sum of numbers. Jinja's would also add up lists, in quadratic time."""
    if not isinstance(start, int | float):
        raise TemplateError("sum adds numbers", hint="leave its start out")
    return do_sum(environment, value, attribute, start)


@lru_cache(maxsize=64)
def _is_simple(directives: str) -> bool:
    return "%" not in _DIRECTIVE.sub("", directives)


def printf(value: str, *args: Any, **kwargs: Any) -> str:
    """Return `value % args` for simple directives: `%s %d %5.2f`.

    Raises:
        TemplateLimitError: A directive is not simple.
        TemplateError: Something other than text and numbers is formatted.
    """
    if type(value) is str and len(args) == 1 and type(args[0]) in {int, float} and _is_simple(value):
        return value % args  # one price, nearly always
    if not _is_simple(str(value)):
        raise TemplateLimitError("format takes simple directives only", hint="such as %s, %d or %.2f")
    if kwargs or any(isinstance(arg, Undefined) or not isinstance(arg, str | int | float) for arg in args):
        raise TemplateError("format takes texts and numbers", hint="give a field that holds one")
    return bounded_text(type(value)(value % args) if isinstance(value, Markup) else value % args)


CHECKED_FILTERS: Mapping[str, Callable[..., Any]] = {
    "batch": batch,
    "d": default,
    "default": default,
    "format": printf,
    "join": join,
    "replace": replace,
    "sum": total,
}
