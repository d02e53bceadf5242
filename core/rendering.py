"""Rendering: from a template and one contact's data to a subject, an HTML part and a text part.

A template is compiled once for a campaign: composed, vetted, limited, its CSS inlined (core/inlining.py). What is
left for each message is to fill in holes.

Terms:
    sources: the files of one template, and the shared ones it may name; their digest is its address.
    context: the data of one message: `contact`, `tenant`, `campaign`, `unsubscribe_url`.
    fields: the dotted names that a template asks for, such as `contact.first_name`.

Invariants:
    A context holds JSON and nothing else: no object of ours can be reached from a template.
    In HTML everything printed is escaped unless the author wrote `|safe`; in text and subject nothing is (T05).
    A field that is missing raises, and is named; nothing is rendered around it (T04).
    A subject is one line that no header can be injected through (T06).

Standards:
    Jinja 3.1 template language. RFC 8259 (JSON). RFC 5322 (Internet message format), 2.2 on header fields.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any, Literal, NamedTuple

from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError
from jinja2.exceptions import TemplateSyntaxError as JinjaSyntaxError

from core import headers, inlining, links, styling, vetting
from core.composition import Composition, compose
from core.contexts import check_context
from core.dialect import METER, MailContext, MailEnvironment, Meter
from core.errors import (
    TemplateError,
    TemplateForbiddenError,
    TemplateLimitError,
    TemplateSyntaxError,
    TemplateUndefinedError,
)
from core.frames import WHOLE, Filling, Frame, carve
from core.movement import Unknown


MAX_OUTPUT = 500_000
MAX_INLINED = 1_000_000

_HTML = MailEnvironment(html=True)
_TEXT = MailEnvironment(html=False)
_GLOBALS = _HTML.globals


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSources:
    """The files of one template. `shared` maps a name such as "_shared/layout.html.j2" to its source."""

    name: str
    subject: str
    html: str
    text: str
    shared: Mapping[str, str]

    def digest(self) -> str:
        """Return the SHA-256 of names and sources in hexadecimal: equal sources have equal digests."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the sources as JSON types."""
        return {
            "name": self.name,
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "shared": dict(self.shared),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TemplateSources":
        """Return the sources that `as_json` wrote."""
        return cls(**{key: data[key] for key in ("name", "subject", "html", "text", "shared")})


@dataclass(frozen=True, slots=True)
class Content:
    """What one contact is sent. `filling` is the same HTML and text as what it shares with others, and the rest."""

    subject: str
    html: str
    text: str
    filling: Filling | None = field(default=None, compare=False, repr=False)


class Holes(NamedTuple):
    """What a message does not share with the others of its template."""

    subject: str
    html: tuple[str, ...]
    text: tuple[str, ...]


class CompiledTemplate:
    """A template ready to be filled in. Rendering changes nothing in it, so threads may share it.

    Attributes:
        inlining: "once" if the CSS is written into the template, "each" if it is inlined for each message.
        why: The reason, for the author.
        fields: The dotted names of the data that the template asks for.
        html_frame: What all its messages share of the HTML.
        text_frame: What all its messages share of the text.
    """

    def __init__(
        self,
        parts: dict[str, Template],
        frames: tuple[Frame, Frame],
        verdict: inlining.Inlining,
        fields: frozenset[str],
        sources: TemplateSources,
    ) -> None:
        self._parts = parts
        self._sources = sources
        self._movement = verdict.movement
        self._bare: Template | None = None
        self.html_frame, self.text_frame = frames
        self.inlining: Literal["once", "each"] = verdict.when
        self.why = verdict.why
        self.fields = fields

    def render(self, context: Mapping[str, object]) -> Content:
        """Return the content for one contact.

        Raises:
            TemplateUndefinedError: The data lacks a field that the template uses.
            TemplateLimitError: It works or prints too much.
            TemplateForbiddenError: It reached for what templates may not touch.
            TemplateError: The data is not plain JSON, or does not fit the template.
            InputError: The subject is not one line; `code` is "header_invalid".
        """
        check_context(context)
        return content_of(self.fill(context), self.html_frame, self.text_frame)

    def fill(self, context: Mapping[str, object]) -> Holes:
        """Return what one contact's message does not share with the others, for data that `check_context` has passed.

        Raises:
            TemplateError: As `render`.
        """
        with _metered(context):
            data = {**_GLOBALS, **context}
            subject = _fill(self._parts["subject"], _TEXT, data).strip()
            html = self.html_frame.split(_fill(self._parts["html"], _HTML, data))
            text = self.text_frame.split(_fill(self._parts["text"], _TEXT, data))
        if self.html_frame == WHOLE:
            html = (self._inlined(html[0], context),)
        return Holes(subject, html, text)

    def _inlined(self, printed: str, context: Mapping[str, object]) -> str:
        """Return the HTML with the CSS that is not in the template already."""
        if self._movement:
            try:
                html = self._movement.settle(printed)
            except Unknown:
                html = self._movement.learn(self._without_css(context))
        else:
            html = styling.inline_page(printed) if self.inlining == "each" else printed
        if len(html) > MAX_INLINED:
            raise TemplateLimitError(f"the HTML has {len(html)} characters with its CSS", hint="send less")
        return html

    def _without_css(self, context: Mapping[str, object]) -> str:
        """Return what the HTML is before any CSS is inlined, with the marks of `core/movement.py`."""
        if self._bare is None:
            whole = _html(self._sources)
            inlining.mark_template(whole, self._movement)
            self._bare = _code(whole)
        with _metered(context):
            return _fill(self._bare, _HTML, {**_GLOBALS, **context})


def content_of(holes: Holes, html_frame: Frame, text_frame: Frame) -> Content:
    """Return the whole message with these holes in these frames.

    Raises:
        InputError: The subject is not one line; `code` is "header_invalid".
    """
    headers.check_header_value("Subject", holes.subject)
    filling = Filling(html_frame, holes.html, text_frame, holes.text)
    return Content(holes.subject, html_frame.fill(holes.html), text_frame.fill(holes.text), filling)


def compile_template(sources: TemplateSources) -> CompiledTemplate:
    """Return the template, ready to be filled in.

    Raises:
        TemplateSyntaxError: Jinja cannot parse it; the message names file and line.
        TemplateForbiddenError: It reaches for what templates may not touch.
        TemplateLimitError: It is too large or too deep.
        TemplateError: Its CSS cannot be inlined.
    """
    html = _html(sources)
    verdict = inlining.inline_template(html)
    wholes = {
        "subject": _vetted(_TEXT, f"{sources.name}/subject.txt.j2", sources.subject, sources.shared),
        "html": html,
        "text": _vetted(_TEXT, f"{sources.name}/body.txt.j2", sources.text, sources.shared),
    }
    fields = frozenset(name for whole in wholes.values() for name in vetting.fields(whole.tree))
    html_frame = carve(html.tree) if verdict.when == "once" and not verdict.movement else WHOLE
    frames = html_frame, carve(wholes["text"].tree)
    parts = {part: _code(whole) for part, whole in wholes.items()}
    return CompiledTemplate(parts, frames, verdict, fields, sources)


def _html(sources: TemplateSources) -> Composition:
    """Return the HTML as one tree, before anything is inlined."""
    whole = _vetted(_HTML, f"{sources.name}/body.html.j2", sources.html, sources.shared)
    links.guard(whole)
    return whole


def _vetted(environment: MailEnvironment, name: str, source: str, shared: Mapping[str, str]) -> Composition:
    try:
        whole = compose(environment, name, source, shared)
        vetting.vet(whole)
    except RecursionError as error:
        raise TemplateLimitError(f"{name}: nested too deep", hint="split the template") from error
    return whole


def _code(whole: Composition) -> Template:
    environment, name = whole.environment, whole.files[0]
    vetting.charge_loops(whole)
    try:
        code = environment.compile(whole.tree, name, name)
    except (RecursionError, SyntaxError, MemoryError) as error:
        raise TemplateLimitError(f"{name}: too deep to be compiled", hint="split the template") from error
    except JinjaSyntaxError as error:
        raise TemplateSyntaxError(f"{whole.where(error.lineno)}: {error.message}") from error
    return Template.from_code(environment, code, environment.make_globals(None))


def _fill(template: Template, environment: MailEnvironment, data: dict[str, object]) -> str:
    """Return what the template prints, stopping soon after it prints too much."""
    printed, size = [], 0
    stream: Iterator[str] = template.root_render_func(MailContext(environment, data))
    while chunk := list(islice(stream, 256)):
        size += sum(map(len, chunk))
        if size > MAX_OUTPUT:
            raise TemplateLimitError(f"more than {MAX_OUTPUT} characters are printed", hint="send less")
        printed += chunk
    return "".join(printed)


@contextmanager
def _metered(context: Mapping[str, object]) -> Iterator[None]:
    """Give one rendering its meter, and translate what Jinja and Python raise in it."""
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
