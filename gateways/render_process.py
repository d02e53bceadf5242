"""Render process: strangers' templates are compiled and filled in by a child that has nothing to lose.

What goes over is sources and JSON, what comes back is JSON that is believed in nothing: sizes, types and the subject are
checked here. The child is started on first use, kept, and replaced when it dies, when a message takes it longer than it
may, when it answers what it must not, and when another tenant's template comes: nobody is rendered where a stranger was.

See:
    `gateways/render_child.py` for the walls around it; docs/rendering.md, "The second layer".
"""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Literal

from core.contexts import check_context
from core.errors import TemplateForbiddenError, TemplateLimitError
from core.rendering import Content, TemplateSources, content_of
from gateways import render_answers
from gateways.render_pipe import LOOK, Child, DeadError, LateError
from gateways.settings import PROJECT


BOOTSTRAP: Final = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from gateways.render_child import main
main()
"""
_PATIENT_TIMES: Final = 3
_DEATHS: Final = 2
_TRIES: Final = 5
# A child asks the kernel to be killed when the thread dies that started it, so that thread must last.
_nursery = ThreadPoolExecutor(1, thread_name_prefix="render-nursery")


class Renderer:
    """Compiles templates, in a child process that it owns. Threads may share it; they take turns.

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
        self._bootstrap = bootstrap
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._owner: object = None
        self._is_slow = False
        self.kills = 0  # children that a request has cost, until now

    def compile(self, sources: TemplateSources, *, owner: int | None) -> "RemoteTemplate":
        """Return a template, ready to be filled in.

        Args:
            sources: All its files.
            owner: Whose it is: the tenant's id, None for the operator.

        Raises:
            TemplateError: As `core.rendering.compile_template`; `TemplateLimitError` also if it takes too long.
            ConfigurationError: There can be no child on this machine.
        """
        with self._lock:
            self._is_slow = self._is_slow and owner == self._owner
        template = RemoteTemplate(self, sources, owner)
        template.open()
        return template

    def walls(self) -> Mapping[str, bool]:
        """Return which walls stand around the child.

        Raises:
            ConfigurationError: There can be no child on this machine.
        """
        with self._lock:
            return dict(self._running(self._owner).walls)

    def close(self) -> None:
        """Stop the child, if there is one. The next use starts another."""
        with self._lock:
            if self._child:
                self._child.close()
                self._child = None

    @property
    def pid(self) -> int | None:
        """The process id of the child that runs now."""
        return self._child.pid if self._child else None

    def ask(self, request: Mapping[str, Any], *, owner: object, seconds: float) -> dict[str, Any]:
        """Return what the child answers.

        Raises:
            DeadError: It died, of this request or of something else.
            TemplateLimitError: It took too long.
            TemplateForbiddenError: It answered nonsense, so it is not ours any more.
            TemplateError: As the child says.
        """
        frame = json.dumps({**request, "seconds": seconds}).encode()
        with self._lock, self.believing_nothing():
            try:
                answer = self._running(owner).ask(frame, seconds)
            except DeadError:
                self.close()
                raise
            except LateError as error:
                self.close()
                self.kills, self._is_slow = self.kills + 1, True
                raise TemplateLimitError(
                    f"it takes more than {seconds:g} s", hint="shorten its loops"
                ) from error
            if "error" in answer:
                raise render_answers.error(answer["error"])
            return answer

    @contextmanager
    def believing_nothing(self) -> Iterator[None]:
        """Turn every surprise in an answer into an error of the template, and the child that gave it out of the house.

        Raises:
            TemplateForbiddenError: The answer is none that our child gives.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError) as error:
            self.close()
            raise TemplateForbiddenError("the template changed the process that renders it") from error

    def _running(self, owner: object) -> "Child":
        """Return a living child in which nobody else's template has run."""
        if self._child and (owner != self._owner or not self._child.is_alive):
            self.close()
        if self._child is None:
            self._child = _nursery.submit(Child, self._bootstrap).result()
            self._owner = owner
            if self._is_slow:
                self._child.turn_down()
        return self._child


class RemoteTemplate:
    """A template that is filled in by the child. Made by `Renderer.compile`; the child may forget it, we do not.

    Attributes:
        inlining: "once" if the CSS is written into the template, "each" if it is inlined for each message.
        why: The reason, for the author.
        fields: The dotted names of the data that the template asks for.
    """

    inlining: Literal["once", "each"]
    why: str
    fields: frozenset[str]

    def __init__(self, renderer: Renderer, sources: TemplateSources, owner: int | None) -> None:
        self._renderer = renderer
        self._sources = sources
        self._owner = owner
        self._key = f"{owner}:{sources.digest()}"
        self._stopped = 0  # in a row

    def open(self) -> None:
        """Let the child compile the template.

        Raises:
            TemplateError: As `Renderer.compile`.
        """
        request = {"open": self._key, "sources": self._sources.as_json()}
        answer = self._ask(request, self._renderer.compile_seconds)
        with self._renderer.believing_nothing():
            self.inlining = render_answers.when(answer["inlining"])
            self.why = render_answers.text(answer["why"], 10_000)
            self.fields = frozenset(render_answers.texts(answer["fields"], render_answers.MAX_FRAME))
            self.html_frame = render_answers.frame(answer["html"])
            self.text_frame = render_answers.frame(answer["text"])

    def render(self, context: Mapping[str, object]) -> Content:
        """Return the content for one contact.

        Raises:
            TemplateError: As `core.rendering.CompiledTemplate.render`; `TemplateLimitError` also if it takes too long or
                too much memory.
            InputError: The subject is not one line; `code` is "header_invalid".
        """
        check_context(context)
        kills = self._renderer.kills
        try:
            answer = self._ask({"fill": self._key, "context": context}, self._patience)
        finally:
            self._stopped = self._stopped + 1 if self._renderer.kills > kills else 0
        with self._renderer.believing_nothing():
            holes = render_answers.holes(answer, self.html_frame, self.text_frame)
        return content_of(holes, self.html_frame, self.text_frame)

    @property
    def _patience(self) -> float:
        """What a message may take: less after some in a row had to be stopped, or a claim would outlive its lease."""
        usual = self._renderer.render_seconds
        return usual if self._stopped < _PATIENT_TIMES else min(LOOK, usual)

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Return the child's answer. What it dies of once may have been anything; twice, it was this request."""
        deaths = 0
        for _ in range(_TRIES):
            try:
                answer = self._renderer.ask(request, owner=self._owner, seconds=seconds)
            except DeadError as error:
                deaths += 1
                if deaths == _DEATHS:
                    raise TemplateLimitError("the process that renders it ends", hint="shorten it") from error
            else:
                if "unknown" not in answer:
                    return answer
                self.open()  # a new child, or one that has compiled many others since
        raise TemplateForbiddenError("the template changed the process that renders it")
