"""Rendering: from a template and one contact's data to a subject, an HTML part and a text part.

A template is compiled once for a campaign: composed, vetted, limited, its CSS inlined (core/inlining.py). What is
left for each message is to fill in holes.

Terms:
    sources: the files of one template, its variants' and the shared ones they may name; their digest is its address.
    context: the data of one message: `contact`, `tenant`, `campaign`, `unsubscribe_url`, `preferences_url`.
    fields: the dotted names that a template asks for, such as `contact.first_name`.

Invariants:
    A context holds JSON and nothing else: no object of ours can be reached from a template.
    In HTML everything printed is escaped unless the author wrote `|safe`; in text and subject nothing is (T05).
    A field that is missing raises, and is named; nothing is rendered around it (T04).
    A subject is one line that no header can be injected through (T06).

Standards:
    Jinja 3.1 template language. RFC 8259 (JSON). RFC 5322 (Internet message format), 2.2 on header fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from jinja2.environment import Template
from jinja2.exceptions import TemplateSyntaxError as JinjaSyntaxError

from core import equality, headers, inlining, links, locales, preheader, styling, vetting
from core.composition import Composition, compose
from core.contexts import check_context
from core.dialect import MailEnvironment
from core.errors import TemplateLimitError, TemplateSyntaxError
from core.filling import filled, metered
from core.frames import WHOLE, Filling, Frame, carve
from core.movement import Unknown
from core.sources import TemplateSources


__all__ = ("CompiledTemplate", "Content", "Holes", "TemplateSources", "compile_template", "content_of")

MAX_INLINED = 1_000_000

_HTML = MailEnvironment(html=True)
_TEXT = MailEnvironment(html=False)
_GLOBALS = _HTML.globals


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


@dataclass(frozen=True, slots=True)
class _Part:
    """One file, compiled. `frame` is what it has carved out, `verdict` says how the CSS of an HTML part is inlined."""

    code: Template
    fields: frozenset[str]
    frame: Frame = WHOLE
    verdict: inlining.Inlining | None = None


class CompiledTemplate:
    """A template ready to be filled in. Rendering changes nothing in it, so threads may share it.

    Attributes:
        inlining: "once" if the CSS is written into the template, "each" if it is inlined for each message.
        why: The reason, for the author.
        fields: The dotted names of the data that the template and its variants ask for.
        html_frame: What all its messages share of the HTML.
        text_frame: What all its messages share of the text.
        variants: By tag, what a reader of that locale gets in its place; each is whole, and has no variants itself.
    """

    def __init__(self, parts: Mapping[str, _Part], sources: TemplateSources, tag: str) -> None:
        verdict = parts["html"].verdict
        assert verdict is not None
        self._parts = {name: part.code for name, part in parts.items()}
        self._sources = sources.spoken(tag)
        self._tags = sources.tags(tag)
        self._own_tags = frozenset(self._tags.values())
        self._has_variants = bool(sources.variants)
        self._movement = verdict.movement
        self._bare: Template | None = None
        self._plain: Template | None = None
        self.html_frame, self.text_frame = parts["html"].frame, parts["text"].frame
        self.inlining: Literal["once", "each"] = verdict.when
        self.why = verdict.why
        self.fields = frozenset(name for part in parts.values() for name in part.fields)
        self.variants: Mapping[str, CompiledTemplate] = {}

    def variant_for(self, context: Mapping[str, object]) -> "CompiledTemplate":
        """Return what renders the message of these data: the nearest variant, or the template itself."""
        if not self.variants:
            return self
        return self.variants.get(locales.lookup(locales.wanted(context), self.variants), self)

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
        chosen = self.variant_for(context)
        return content_of(chosen.fill(context), chosen.html_frame, chosen.text_frame)

    def fill(self, context: Mapping[str, object]) -> Holes:
        """Return what one contact's message does not share with the others, for data that `check_context` has passed.

        Raises:
            TemplateError: As `render`.
        """
        if (chosen := self.variant_for(context)) is not self:
            return chosen.fill(context)
        with metered(context):
            data = self._data(context)
            subject = filled(self._parts["subject"], _TEXT, data["subject"]).strip()
            html = self.html_frame.split(filled(self._parts["html"], _HTML, data["html"]))
            text = self.text_frame.split(filled(self._parts["text"], _TEXT, data["text"]))
        if self.html_frame == WHOLE:
            html = (self._inlined(html[0], context),)
        return Holes(subject, html, text)

    def fill_plainly(self, context: Mapping[str, object]) -> Holes:
        """Return the same with the HTML whole, as premailer writes it: what is sent when our inlining is not trusted.

        Raises:
            TemplateError: As `render`.
        """
        if (chosen := self.variant_for(context)) is not self:
            return chosen.fill_plainly(context)
        with metered(context):
            data = self._data(context)
            subject = filled(self._parts["subject"], _TEXT, data["subject"]).strip()
            text = self.text_frame.split(filled(self._parts["text"], _TEXT, data["text"]))
        return Holes(subject, (_not_too_long(self._premailers(context)),), text)

    def audit(self, context: Mapping[str, object], html: str) -> str:
        """Return how what is about to be sent differs from premailer's page, in words without data; "" if it does not.

        Raises:
            TemplateError: premailer cannot be asked about this page.
        """
        if (chosen := self.variant_for(context)) is not self:
            return chosen.audit(context, html)
        return equality.difference(html, self._premailers(context))

    def _premailers(self, context: Mapping[str, object]) -> str:
        """Return the page that premailer makes of the template as its author wrote it."""
        if self._plain is None:
            whole = _html(self._sources, self._tags["html"])
            inlining.mark_template(whole, None)
            self._plain = _code(whole)
        with metered(context):
            printed = filled(self._plain, _HTML, self._data(context)["html"])
        return styling.premailers_page(printed)

    def _data(self, context: Mapping[str, object]) -> dict[str, dict[str, object]]:
        """Return what each part sees: a name that the data has is the data's, but for the template's own preheader."""
        reader, home = locales.wanted(context), self._sources.locale
        seen: dict[str, dict[str, object]] = {}
        for tag in self._own_tags:
            spoken = locales.words(reader, tag, home, has_variants=self._has_variants)
            seen[tag] = {**_GLOBALS, **spoken, **context}
        if code := self._parts.get("preheader"):
            shown = preheader.line(filled(code, _TEXT, seen[self._tags["preheader"]]))
            for data in seen.values():
                data[preheader.NAME] = shown
        return {part: seen[tag] for part, tag in self._tags.items()}

    def _inlined(self, printed: str, context: Mapping[str, object]) -> str:
        """Return the HTML with the CSS that is not in the template already."""
        if self._movement:
            try:
                html = self._movement.settle(printed)
            except Unknown:
                html = self._movement.learn(self._without_css(context))
        else:
            html = styling.inline_page(printed) if self.inlining == "each" else printed
        return _not_too_long(html)

    def _without_css(self, context: Mapping[str, object]) -> str:
        """Return what the HTML is before any CSS is inlined, with the marks of `core/movement.py`."""
        if self._bare is None:
            whole = _html(self._sources, self._tags["html"])
            inlining.mark_template(whole, self._movement)
            self._bare = _code(whole)
        with metered(context):
            return filled(self._bare, _HTML, self._data(context)["html"])


def _not_too_long(html: str) -> str:
    if len(html) > MAX_INLINED:
        raise TemplateLimitError(f"the HTML has {len(html)} characters with its CSS", hint="send less")
    return html


def content_of(holes: Holes, html_frame: Frame, text_frame: Frame) -> Content:
    """Return the whole message with these holes in these frames.

    Raises:
        InputError: The subject is not one line; `code` is "header_invalid".
    """
    headers.check_header_value("Subject", holes.subject)
    filling = Filling(html_frame, holes.html, text_frame, holes.text)
    return Content(holes.subject, html_frame.fill(holes.html), text_frame.fill(holes.text), filling)


def compile_template(sources: TemplateSources) -> CompiledTemplate:
    """Return the template, ready to be filled in, with its variants. A file that several of them share is compiled once.

    Raises:
        TemplateSyntaxError: Jinja cannot parse it; the message names file and line.
        TemplateForbiddenError: It reaches for what templates may not touch.
        TemplateLimitError: It is too large or too deep.
        TemplateError: Its CSS cannot be inlined, a file is named for no locale, or its preheader has no place.
    """
    locales.check(sources.variants, sources.locale)
    known: dict[object, _Part] = {}
    template = _compiled(sources, locales.DEFAULT, known)
    template.variants = {tag: _compiled(sources, tag, known) for tag in sorted(sources.variants)}
    template.fields = template.fields.union(*(variant.fields for variant in template.variants.values()))
    return template


def _compiled(sources: TemplateSources, tag: str, known: dict[object, _Part]) -> CompiledTemplate:
    """Return one variant; `known` holds the parts that others have compiled already."""
    spoken, parts = sources.spoken(tag), {}
    for name, own in sources.tags(tag).items():
        key = name, own, spoken.preheader is not None
        if key not in known:
            known[key] = _html_part(spoken, own) if name == "html" else _text_part(name, spoken, own)
        parts[name] = known[key]
    return CompiledTemplate(parts, sources, tag)


def _html_part(sources: TemplateSources, tag: str) -> _Part:
    whole = _html(sources, tag)
    verdict = inlining.inline_template(whole)
    fields = vetting.fields(whole.tree) - locales.SUPPLIED
    frame = carve(whole.tree) if verdict.when == "once" and not verdict.movement else WHOLE
    return _Part(_code(whole), fields, frame, verdict)


def _text_part(part: str, sources: TemplateSources, tag: str) -> _Part:
    name = f"{sources.name}/{locales.file_name(part, tag)}"
    whole = _vetted(_TEXT, name, getattr(sources, part), sources.shared, tag)
    fields = vetting.fields(whole.tree) - locales.SUPPLIED
    frame = carve(whole.tree) if part == "text" else WHOLE
    return _Part(_code(whole), fields, frame)


def _html(sources: TemplateSources, tag: str) -> Composition:
    """Return the HTML as one tree, before anything is inlined."""
    whole = _vetted(
        _HTML, f"{sources.name}/{locales.file_name('html', tag)}", sources.html, sources.shared, tag
    )
    if sources.preheader is not None and preheader.NAME not in vetting.fields(whole.tree):
        preheader.place(whole)
    links.guard(whole)
    return whole


def _vetted(
    environment: MailEnvironment, name: str, source: str, shared: Mapping[str, str], tag: str
) -> Composition:
    try:
        whole = compose(environment, name, source, shared, tag)
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
