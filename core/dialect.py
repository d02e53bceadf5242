"""Dialect: the part of Jinja that a template may use, and what it may spend.

Templates come from tenants, so they are programs by strangers. Jinja's sandbox keeps them away from Python's
insides, but it has been escaped five times and never limited work; so a template also meets an allow-list of
everything it can call, and a meter that is charged for each loop, macro and large text.

Terms:
    meter: the work left to one rendering, in units of about one node of the template evaluated once.
    captured: text that a macro, `{% set %}` block or filter block collects before it is printed.

Invariants:
    A template calls only: the filters and tests listed here, `range`, `namespace`, macros, and harmless methods
        of `str` and `dict`. For a dict a key wins over a method, so `contact.items` is the contact's field.
    Nothing but text, numbers and truth values is printed; `None` prints nothing.
    No text grows past 100,000 characters, no list past 10,000 items, no number past 10**18.

Standards:
    Jinja 3.1 template language. The escapes this guards against: CVE-2016-10745, CVE-2019-10906, CVE-2024-56201,
    CVE-2024-56326, CVE-2025-27516.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace, missing
from markupsafe import Markup, escape
from markupsafe import _escape_inner as escape_text  # type: ignore[attr-defined]  # private, but public in effect since 3.0

from core.dialect_code import MailCode
from core.dialect_filters import CHECKED_FILTERS, bounded, bounded_text
from core.errors import TemplateError, TemplateLimitError
from core.localisation import LOCAL_FILTERS


WORK = 1_000_000
MAX_RANGE = 1_000
MAX_CAPTURED = 500_000
MAX_NUMBER = 10**18

_PLAIN_FILTERS = (
    "abs capitalize count d default e escape first float int last length list lower map max min reject rejectattr "
    "reverse round safe select selectattr sort string striptags title trim truncate unique upper urlencode wordcount"
)
_TESTS = (
    "boolean defined divisibleby eq equalto even false float ge gt greaterthan in integer iterable le lessthan lower "
    "lt mapping ne none number odd sequence string true undefined upper == != < <= > >="
)
_TEXT_METHODS = frozenset(
    {
        "capitalize", "count", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "rstrip", "split",
        "splitlines", "startswith", "strip", "title", "upper",
    }
)  # fmt: skip
METHODS: Mapping[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    Markup: _TEXT_METHODS,
    dict: frozenset({"get", "items", "keys", "values"}),
    LoopContext: frozenset({"changed", "cycle"}),
}
METHOD_NAMES = frozenset().union(*METHODS.values())
LOOP_FIELDS = frozenset(
    {
        "changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
        "revindex", "revindex0",
    }
)  # fmt: skip

# Filters that we write into a tree ourselves: no author can spell a name with a space.
COUNTED = " counted"
LINK = " link"
_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_LINK_STARTS = tuple(f"{scheme}:" for scheme in sorted(_LINK_SCHEMES))
_DICT_NAMES = frozenset(dir(dict))
_NUMBERS = frozenset({int, float})


class Meter:
    """The work left to one rendering, and the data it renders (to name a field that is missing)."""

    __slots__ = ("context", "left")

    def __init__(self, context: Mapping[str, object], work: int = WORK) -> None:
        self.context = context
        self.left = work

    def spend(self, work: int) -> None:
        """Take `work` from what is left.

        Raises:
            TemplateLimitError: Nothing is left.
        """
        self.left -= work
        if self.left < 0:
            raise TemplateLimitError("the template works too much", hint="shorten its loops")


METER: ContextVar[Meter] = ContextVar("METER")


def spend(work: int) -> None:
    """Charge the rendering that is going on. Folding constants, when a template is compiled, is free.

    Raises:
        TemplateLimitError: Nothing is left.
    """
    if meter := METER.get(None):
        meter.spend(work)


class MissingField(StrictUndefined):
    """A field that the data does not have. It may be tested and defaulted; using it raises, by its full name."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if self._undefined_obj is missing:
            return name
        owner = path_of(self._undefined_obj, METER.get().context)
        return f"{owner}.{name}" if owner else name


def path_of(wanted: object, data: Mapping[str, object]) -> str:
    """Return where in the data an object stands, such as `contact.products[2]`, or "" if it was made on the way."""
    waiting: list[tuple[str, object]] = list(data.items())
    while waiting:
        path, value = waiting.pop(0)
        if value is wanted:
            return path
        if isinstance(value, dict):
            waiting += [(f"{path}.{key}", item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return ""


def _plain(value: Any) -> str:
    """Return what `{{ value }}` prints.

    Raises:
        TemplateError: A list or an object has no good way to be printed.
    """
    if type(value) in _NUMBERS or isinstance(value, str | int | float | Undefined):
        return str(value)
    if value is None:
        return ""
    raise TemplateError(
        f"a {type(value).__name__} cannot be printed", hint="loop over it, or name one of its fields"
    )


def _escaped(value: Any) -> str:
    if type(value) in _NUMBERS:
        return str(value)
    return escape(value if isinstance(value, Markup) else _plain(value))


class MailContext(Context):
    """The names that one part of one message sees. Jinja's own makes copies of what never changes here.

    Args:
        environment: Of the part.
        data: The globals and the context of the message; nothing is written into it, so the parts may share it.
    """

    def __init__(self, environment: "MailEnvironment", data: dict[str, Any]) -> None:
        self.parent = data
        self.vars: dict[str, Any] = {}
        self.environment = environment
        self.eval_ctx = environment.eval_ctx
        self.exported_vars: set[str] = set()
        self.name = None
        self.globals_keys: set[str] = set()
        self.blocks: dict[str, list[Callable[[Context], Iterator[str]]]] = {}


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, narrowed to our dialect. One for HTML and one for text are enough for a process."""

    code_generator_class = MailCode
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(autoescape=html, undefined=MissingField, keep_trailing_newline=True, cache_size=0)
        self.globals = {"range": _range, "namespace": Namespace}
        self.eval_ctx = EvalContext(self)
        plain = {name: _charged(FILTERS[name]) for name in _PLAIN_FILTERS.split()}
        self.filters = {**plain, **CHECKED_FILTERS, **LOCAL_FILTERS, COUNTED: _counted, LINK: _link}
        self.tests = {name: TESTS[name] for name in _TESTS.split()}

    escape_text = staticmethod(escape_text)
    escaped = staticmethod(_escaped)
    plain = staticmethod(_plain)
    bounded = staticmethod(bounded)

    def joined(self, parts: Iterable[object]) -> str:
        """Return `a ~ b`, escaped where one part is markup already (Jinja's own rule)."""
        texts = [part if isinstance(part, str) else _plain(part) for part in parts]
        if not {str}.issuperset(map(type, texts)):
            return bounded_text(Markup("").join(texts))
        return bounded_text("".join(texts))

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Return captured text, charged for."""
        collected = list(parts)
        size = sum(map(len, collected))
        if size > MAX_CAPTURED:
            raise TemplateLimitError(f"a captured text has {size} characters", hint=f"at most {MAX_CAPTURED}")
        spend(len(collected) + size // 64)
        return "".join(collected)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute`; for a dict its keys win.

        Two cases are answered without the sandbox, as nothing of Python's can be reached by them: a field that a dict
        lacks, and what Jinja itself tells of a loop.
        """
        kind = type(obj)
        if kind is dict:
            if attribute in obj:
                return obj[attribute]
            if attribute not in _DICT_NAMES:
                return self.undefined(obj=obj, name=attribute)
        elif kind is LoopContext and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def call(self, _context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what may be called.

        Raises:
            SecurityError: It is not on the list.
        """
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        if isinstance(obj, Macro):
            spend(10)
        elif not (obj is _range or obj is Namespace or _is_harmless_method(obj)):
            raise SecurityError("only macros, range, namespace and simple text methods can be called")
        return obj(*args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Return `left operator right`, unless its result would be huge."""
        if operator == "*" and type(left) in _NUMBERS and type(right) in _NUMBERS:
            return _bounded_number(left * right)
        if operator == "%" and isinstance(left, str):
            return CHECKED_FILTERS["format"](left, *(right if isinstance(right, tuple) else (right,)))
        _check_size(operator, left, right)
        result = super().call_binop(context, operator, left, right)
        return bounded_text(result) if isinstance(result, str) else _bounded_number(result)


def _bounded_number(result: Any) -> Any:
    if isinstance(result, int) and abs(result) > MAX_NUMBER:
        raise TemplateLimitError("a number is larger than 10**18", hint="compute smaller numbers")
    return result


def _check_size(operator: str, left: Any, right: Any) -> None:
    """Refuse the three operators that can make something huge out of something small, before they do."""
    sizes = [len(x) if isinstance(x, str | list | tuple) else None for x in (left, right)]
    if operator == "**":
        too_large = abs(left) > 10**6 or abs(right) > 18
    elif operator == "*" and any(size is not None for size in sizes):
        text, times = (sizes[0], right) if sizes[0] is not None else (sizes[1], left)
        too_large = (text or 0) * abs(times) > 10_000
    else:
        too_large = sum(size or 0 for size in sizes) > 100_000
    if too_large:
        raise TemplateLimitError(f"the result of `{operator}` would be too large", hint="use smaller values")


def _is_harmless_method(obj: Any) -> bool:
    if not isinstance(obj, BuiltinMethodType | MethodType):
        return False
    return obj.__name__ in METHODS.get(type(obj.__self__), ())


def _range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise TemplateLimitError(
            f"range() of more than {MAX_RANGE} numbers", hint="loop over the data instead"
        )
    return numbers


def _counted(items: Any, cost: int) -> Any:
    """Charge a loop before its first turn. `cost` is the number of nodes in its body."""
    if not hasattr(items, "__len__"):
        items = list(items)
    spend(len(items) * cost)
    return items


def _charged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of Jinja's filters, charged by the size of what it is given."""
    passed = getattr(function, "jinja_pass_arg", None)
    position = 0 if passed is None else 1

    def charged(*args: Any, **kwargs: Any) -> Any:
        if isinstance(args[position], str | list):
            spend(len(args[position]) >> 6)
        result = function(*args, **kwargs)
        return bounded_text(result) if isinstance(result, str) else result

    if passed is not None:
        charged.jinja_pass_arg = passed  # type: ignore[attr-defined]  # the mark that Jinja's decorators leave
    return charged


def _link(value: Any) -> Any:
    """Return a link's value, or `#` in place of one that a mail must not carry, such as `javascript:` (T09)."""
    if type(value) is str and value.startswith(_LINK_STARTS):
        return value
    text = re.sub(r"[\x00-\x20\x7f]", "", _plain(value))
    scheme, colon, _rest = re.split(r"[/?#]", text, maxsplit=1)[0].partition(":")
    return value if not colon or scheme.lower() in _LINK_SCHEMES else "#"
