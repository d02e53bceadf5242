"""Render process: strangers' templates are compiled and filled in by a child that has nothing to lose.

What goes over is sources and JSON, what comes back is JSON that is believed in nothing: sizes, types and the subject are
checked here. The child is started on first use, kept, and replaced when it dies, when a message takes it longer than it
may, and when it answers what it must not. Each tenant has one of its own: nobody is rendered where a stranger was.

See:
    `core/patience.py` for what becomes of a template that is stopped again and again; `gateways/render_child.py` for the
    walls around it; docs/rendering.md, "The second layer".
"""

import json
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from core import locales
from core.contexts import check_context
from core.errors import TemplateError, TemplateForbiddenError, TemplateLimitError
from core.frames import WHOLE, Frame
from core.locales import Variant
from core.patience import GOOD, REST_SECONDS, Conduct, Rank
from core.rendering import Content, TemplateSources, content_of
from gateways import render_answers
from gateways.render_pipe import DeadError, LateError
from gateways.render_seats import Seats
from gateways.settings import PROJECT


BOOTSTRAP: Final = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from gateways.render_child import main
main()
"""
_DEATHS: Final = 2
_TRIES: Final = 5
_START_SECONDS: Final = 0.5  # of the processor, what a child's end costs beside the message it was rendering
_REMEMBERED: Final = 1_000  # templates that have cost more than others


class Renderer:
    """Compiles templates, in child processes that it owns. Threads may share it; those of one owner take turns.

    Args:
        render_seconds: What one message may take.
        compile_seconds: What compiling a template may take.
        bootstrap: What the child runs; tests make it do what ours does not.
    """

    def __init__(
        self, *, render_seconds: float = 2.0, compile_seconds: float = 20.0, bootstrap: str = BOOTSTRAP
    ) -> None:
        self.render_seconds = render_seconds
        self.compile_seconds = compile_seconds
        self.kills = 0  # children that a request has cost, until now
        self._seats = Seats(bootstrap)
        self._records: OrderedDict[str, Record] = OrderedDict()

    def compile(self, sources: TemplateSources, *, owner: int | None) -> "RemoteTemplate":
        """Return a template, ready to be filled in.

        Args:
            sources: All its files.
            owner: Whose it is: the tenant's id, None for the operator.

        Raises:
            TemplateError: As `core.rendering.compile_template`; `TemplateLimitError` also if it takes too long.
            ConfigurationError: There can be no child on this machine.
        """
        template = RemoteTemplate(self, sources, owner)
        template.open()
        return template

    def walls(self) -> Mapping[str, bool]:
        """Return which walls stand around the child.

        Raises:
            ConfigurationError: There can be no child on this machine.
        """
        with self._seats.of(self._seats.last[0]) as seat:
            return dict(seat.child().walls)

    def close(self) -> None:
        """Stop the children, if there are any. The next use starts others."""
        self._seats.close()

    @property
    def pid(self) -> int | None:
        """The process id of the child that was used last, if it runs."""
        return self._seats.last[1]

    @property
    def pids(self) -> Mapping[object, int]:
        """The process ids of the children that run now, by their owners."""
        return self._seats.pids

    @property
    def starts(self) -> int:
        """How many children were started until now."""
        return self._seats.starts

    def record(self, key: str) -> "Record":
        """Return what is remembered of a template."""
        return self._records.get(key, CLEAN)

    def remember(self, key: str, record: "Record", *, owner: object) -> None:
        """Remember this of a template, while there is room; of a good one nothing is to be remembered."""
        if record.conduct == GOOD:
            self._records.pop(key, None)
            with self._seats.of(owner) as seat:
                seat.forgive()
            return
        self._records[key] = record
        if len(self._records) > _REMEMBERED:
            self._records.popitem(last=False)

    def ask(
        self, request: Mapping[str, Any], *, owner: object, seconds: float, rank: Rank
    ) -> tuple[dict[str, Any], float]:
        """Return what the child answers, and the seconds of the processor that it took.

        Raises:
            DeadError: It died, of this request or of something else.
            LateError: It took too long.
            TemplateForbiddenError: It answered nonsense, so it is not ours any more.
            ConfigurationError: There can be no child on this machine.
        """
        frame = json.dumps({**request, "seconds": seconds}).encode()
        with self._seats.of(owner) as seat, self.believing_nothing(owner):
            child = seat.child(rank)
            try:
                busy = child.cpu_seconds()
                answer = child.ask(frame, seconds)
                return answer, child.cpu_seconds() - busy
            except DeadError:
                seat.close()
                raise
            except LateError:
                seat.close()
                self.kills += 1
                raise

    @contextmanager
    def believing_nothing(self, owner: object) -> Iterator[None]:
        """Turn every surprise in an answer into an error of the template, and the child that gave it out of the house.

        Raises:
            TemplateForbiddenError: The answer is none that our child gives.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError) as error:
            with self._seats.of(owner) as seat:
                seat.close()
            raise TemplateForbiddenError("the template changed the process that renders it") from error


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a template: its conduct, and the error that it was last stopped with."""

    conduct: Conduct = GOOD
    error: TemplateError | None = None


CLEAN: Final = Record()


class RemoteTemplate:
    """A template that is filled in by the child. Made by `Renderer.compile`; the child may forget it, we do not.

    Attributes:
        inlining: "once" if the CSS is written into the template and all its variants, "each" if it is not.
        why: The reason, for the author.
        fields: The dotted names of the data that the template asks for.
        html_frame: What all messages of the default files share of the HTML.
        text_frame: What they share of the text.
        variants: By tag, what the template has for one locale; variants have frames of their own.
        demoted: Whether premailer itself writes each message's HTML, because an audit found that ours was another page.
    """

    inlining: Literal["once", "each"]
    why: str
    fields: frozenset[str]
    variants: Mapping[str, Variant]

    def __init__(self, renderer: Renderer, sources: TemplateSources, owner: int | None) -> None:
        self._renderer = renderer
        self._sources = sources
        self._owner = owner
        self._key = f"{owner}:{sources.digest()}"
        self._frames: dict[str, tuple[Frame, Frame]] = {}
        self.demoted = False

    @property
    def sources(self) -> TemplateSources:
        """The files that it is made of."""
        return self._sources

    def open(self) -> None:
        """Let the child compile the template.

        Raises:
            TemplateError: As `Renderer.compile`.
        """
        request = {"open": self._key, "sources": self._sources.as_json()}
        answer = self._ask(request, self._renderer.compile_seconds)
        with self._believing_nothing():
            own = self._sources.variants
            told = {locales.DEFAULT: answer, **{tag: answer["variants"][tag] for tag in sorted(own)}}
            found = {tag: render_answers.variant(tag, one, own.get(tag, ())) for tag, one in told.items()}
            self._frames = {tag: render_answers.frames(one) for tag, one in told.items()}
            self.html_frame, self.text_frame = self._frames[locales.DEFAULT]
            self.inlining, self.why = locales.verdict(list(found.values()))
            self.variants = {tag: variant for tag, variant in found.items() if tag}
            self.fields = frozenset(render_answers.texts(answer["fields"], render_answers.MAX_FRAME))

    def render(self, context: Mapping[str, object]) -> Content:
        """Return the content for one contact.

        Raises:
            TemplateError: As `core.rendering.CompiledTemplate.render`; `TemplateLimitError` also if it takes too long or
                too much memory, or did so again and again a moment ago.
            InputError: The subject is not one line; `code` is "header_invalid".
        """
        check_context(context)
        request: dict[str, Any] = {"fill": self._key, "context": context}
        if self.demoted:
            request["plainly"] = True
        conduct = self._renderer.record(self._key).conduct
        answer = self._ask(request, conduct.allowed(self._renderer.render_seconds))
        html_frame, text_frame = self._frames_for(context)
        with self._believing_nothing():
            holes = render_answers.holes(answer, html_frame, text_frame)
        return content_of(holes, html_frame, text_frame)

    def audit(self, context: Mapping[str, object], content: Content) -> str:
        """Return how a message differs from what premailer makes of its page, in words without data; "" if it does not.

        Raises:
            TemplateError: premailer cannot be asked about this page.
        """
        request = {"audit": self._key, "context": context, "html": content.html}
        record = self._renderer.record(self._key)
        try:
            answer = self._ask(request, self._renderer.compile_seconds)
            with self._believing_nothing():
                return render_answers.difference(answer["difference"])
        except (TemplateLimitError, TemplateForbiddenError):
            # A template that would rest for it could not be rendered either, and its mail must not wait for an audit.
            self._renderer.remember(self._key, record, owner=self._owner)
            raise

    def _frames_for(self, context: Mapping[str, object]) -> tuple[Frame, Frame]:
        """Return the frames of the variant that these data are rendered by."""
        tag = locales.lookup(locales.wanted(context), self.variants) if self.variants else locales.DEFAULT
        html_frame, text_frame = self._frames[tag]
        return (WHOLE if self.demoted else html_frame), text_frame

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Return the child's answer. What it dies of once may have been anything; twice, it was this request."""
        conduct, deaths = self._not_resting(), 0
        rank = conduct.rank(self._renderer.render_seconds)
        if "open" in request:
            rank = min(
                rank, Rank.BEHIND
            )  # what was stopped is soon compiled again: its next message may be a good one
        for _ in range(_TRIES):
            try:
                with self._believing_nothing():
                    answer, spent = self._renderer.ask(request, owner=self._owner, seconds=seconds, rank=rank)
            except LateError as error:
                late = TemplateLimitError(f"it takes more than {seconds:g} s", hint="shorten its loops")
                raise self._stopped(late, seconds) from error
            except DeadError as error:
                deaths, rank = deaths + 1, max(rank, Rank.BEHIND)
                if deaths == _DEATHS:
                    dead = TemplateLimitError("the process that renders it ends", hint="shorten it")
                    raise self._stopped(dead, 0.0) from error
            else:
                if "unknown" not in answer:
                    self._note(request, spent + deaths * _START_SECONDS)
                    return self._without_error(answer)
                self.open()  # a new child, or one that has compiled many others since
        raise self._stopped(TemplateForbiddenError("the template changed the process that renders it"), 0.0)

    def _without_error(self, answer: dict[str, Any]) -> dict[str, Any]:
        if "error" in answer:
            with self._believing_nothing():
                raise render_answers.error(answer["error"])
        return answer

    @contextmanager
    def _believing_nothing(self) -> Iterator[None]:
        """As `Renderer.believing_nothing`; what changed its process counts as a stop."""
        try:
            with self._renderer.believing_nothing(self._owner):
                yield
        except TemplateForbiddenError as error:
            if error.__cause__ is None:
                raise
            raise self._stopped(error, 0.0) from error.__cause__

    def _not_resting(self) -> Conduct:
        """Return the template's conduct.

        Raises:
            TemplateError: It was stopped again and again, so that it is not tried now; as it was stopped the last time.
        """
        record = self._renderer.record(self._key)
        if record.error and record.conduct.rests(time.monotonic()):
            error = record.error
            message = f"{error.message}, again and again: not tried for {REST_SECONDS:g} s"
            raise type(error)(message, hint=error.hint, code=error.code)
        return record.conduct

    def _note(self, request: Mapping[str, Any], spent: float) -> None:
        """Remember what a message cost. Compiling and auditing are ours to want, so they cost the template nothing."""
        if "fill" not in request:
            return
        record = self._renderer.record(self._key)
        limit, now = self._renderer.render_seconds, time.monotonic()
        conduct = record.conduct.filled(spent, limit=limit, now=now)
        if conduct is not record.conduct:
            slow = TemplateLimitError("its messages take too long", hint="shorten its loops")
            self._renderer.remember(self._key, Record(conduct, slow), owner=self._owner)

    def _stopped(self, error: TemplateError, spent: float) -> TemplateError:
        """Remember that a message was stopped; return the error of that."""
        record = self._renderer.record(self._key)
        limit, now = self._renderer.render_seconds, time.monotonic()
        conduct = record.conduct.stopped(spent, limit=limit, now=now)
        self._renderer.remember(self._key, Record(conduct, error), owner=self._owner)
        return error
