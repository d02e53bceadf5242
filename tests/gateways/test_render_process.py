"""The second layer: what a template that has escaped the first one finds, and what that costs everybody else."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from core import localisation
from core.errors import (
    ConfigurationError,
    InputError,
    TemplateError,
    TemplateForbiddenError,
    TemplateLimitError,
    TemplateUndefinedError,
)
from core.rendering import TemplateSources, compile_template
from gateways import templates
from gateways.render_process import Renderer
from gateways.settings import PROJECT
from tests.escaped import ESCAPED


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the wall is made of Linux's namespaces")


OURS = os.getpriority(os.PRIO_PROCESS, 0)
LAST = min(OURS + 19, 19)


def sources(text: str = "Hello {{ contact.name }}", html: str = "<p>x</p>", **parts: Any) -> TemplateSources:
    whole = {"name": "news", "subject": "{{ contact.name }}", "shared": {}, **parts}
    return TemplateSources(text=text, html=f"<html><head></head><body>{html}</body></html>", **whole)


def someone(name: object = "Ada") -> dict[str, Any]:
    return {"contact": {"name": name}}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def taken() -> Iterator[Renderer]:
    """A child that strangers have taken over."""
    made = Renderer(render_seconds=0.5, bootstrap=ESCAPED)
    yield made
    made.close()


# --- the same as here --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", templates.names(PROJECT / "templates"))
def test_the_child_renders_what_would_be_rendered_here(renderer: Renderer, name: str) -> None:
    here = compile_template(templates.load(PROJECT / "templates", name))
    there = renderer.compile(templates.load(PROJECT / "templates", name), owner=1)
    context = templates.sample(PROJECT / "templates", name)

    assert there.render(context) == here.render(context)
    assert there.render(context).filling == here.render(context).filling
    assert (there.inlining, there.why, there.fields) == (here.inlining, here.why, here.fields)


CONSTRUCTS = json.loads((PROJECT / "tests/data/jinja-constructs.json").read_text())


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_behind_its_walls_the_child_can_do_all_that_the_dialect_can(renderer: Renderer, name: str) -> None:
    """No part of Jinja, premailer, cssutils or lxml is missed, though no file can be opened any more."""
    whole = TemplateSources(name="news", subject="-", text="-", html=CONSTRUCTS["templates"][name], shared={})

    assert outcomes(renderer.compile(whole, owner=1)) == outcomes(compile_template(whole))


def outcomes(compiled: Any) -> list[object]:
    found: list[object] = []
    for context in CONSTRUCTS["contexts"]:
        try:
            found.append(compiled.render(context))
        except TemplateError as error:
            found.append(error.as_json())
    return found


def test_an_error_of_the_template_crosses_with_its_class_code_message_and_hint(renderer: Renderer) -> None:
    compiled = renderer.compile(sources("{{ contact.nmae }}"), owner=1)

    with pytest.raises(TemplateUndefinedError) as raised:
        compiled.render(someone())
    assert raised.value.as_json() == {
        "code": "template_undefined",
        "message": "the template uses contact.nmae, which the data does not have",
        "hint": "did you mean contact.name?",
    }


@pytest.mark.parametrize(
    ("context", "code"),
    [
        pytest.param(someone(object()), "data_type", id="no JSON"),
        pytest.param(someone("a\0"), "data_control", id="a control character"),
        pytest.param(someone("a\ud800"), "data_control", id="half a character"),
        pytest.param(someone("x" * 300_000), "template_limit", id="too much"),
    ],
)
def test_data_is_judged_before_it_goes_over(renderer: Renderer, context: dict[str, Any], code: str) -> None:
    compiled = renderer.compile(sources(), owner=1)

    with pytest.raises(TemplateError) as refused:
        compiled.render(context)
    assert refused.value.code == code


@pytest.mark.parametrize("number", [10**30, -7, 1.5, True])
def test_numbers_of_any_size_go_over(renderer: Renderer, number: float) -> None:
    compiled = renderer.compile(sources("{{ contact.number }}", subject="s"), owner=1)

    assert compiled.render({"contact": {"number": number}}).text == str(number)


def test_t06_the_subject_is_judged_on_our_side(renderer: Renderer) -> None:
    """T06."""
    with pytest.raises(InputError) as refused:
        renderer.compile(sources(), owner=1).render(someone("Hi\r\nBcc: x"))
    assert refused.value.code == "header_invalid"


# --- one child, and another --------------------------------------------------------------------------------------


def test_the_child_is_kept_warm(renderer: Renderer) -> None:
    compiled = renderer.compile(sources(), owner=1)
    compiled.render(someone())
    first = renderer.pid
    for _ in range(50):
        compiled.render(someone())
    assert renderer.pid == first


def test_nobody_is_rendered_where_a_stranger_was(renderer: Renderer) -> None:
    mine, theirs = renderer.compile(sources(), owner=1), renderer.compile(sources(), owner=2)
    mine.render(someone())
    first = renderer.pid
    theirs.render(someone())
    assert renderer.pid != first


def test_a_killed_child_loses_nothing_and_doubles_nothing(renderer: Renderer) -> None:
    compiled = renderer.compile(sources(), owner=1)
    subjects = []
    for number in range(30):
        if number % 10 == 5:
            assert renderer.pid is not None
            os.kill(renderer.pid, signal.SIGKILL)
        subjects.append(compiled.render(someone(str(number))).subject)
    assert subjects == [str(number) for number in range(30)]


def test_a_child_killed_while_it_renders_is_asked_again(taken: Renderer) -> None:
    compiled = taken.compile(sources("{{ (0.3, contact)[0]|nap }}", subject="s"), owner=1)
    child = psutil.Process(taken.pid)
    killed = psutil.Popen(
        [sys.executable, "-c", f"import os, time; time.sleep(0.1); os.kill({child.pid}, 9)"]
    )
    assert compiled.render(someone()).text == "awake"
    assert killed.wait() == 0
    assert taken.pid != child.pid


def test_many_templates_are_forgotten_by_the_child_and_not_by_us(renderer: Renderer) -> None:
    first = renderer.compile(sources(), owner=1)
    sizes = []
    for number in range(200):
        renderer.compile(sources(f"Hello {number} {{{{ contact.name }}}}"), owner=1)
        if number in {100, 199}:
            sizes.append(psutil.Process(renderer.pid).memory_info().rss)
    assert sizes[1] < sizes[0] * 1.1
    assert first.render(someone()).text == "Hello Ada"


def test_the_child_ends_with_its_parent() -> None:
    program = (
        "import os, time; from gateways.render_process import Renderer; r = Renderer(); r.walls(); print(r.pid, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    parent = psutil.Popen([sys.executable, "-c", program], stdout=-1, cwd=PROJECT)
    child = int(parent.communicate()[0])
    ends = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends
        time.sleep(0.05)


# --- the walls ---------------------------------------------------------------------------------------------------


@ON_LINUX
def test_doctor_can_name_the_walls(renderer: Renderer) -> None:
    walls = renderer.walls()

    assert set(walls) == {"environment", "memory", "files", "processes", "network", "folder", "privileges"}
    # A container may forbid namespaces, and only root or a namespace of one's own may change its root.
    assert {name for name, stands in walls.items() if not stands} <= {"network", "folder"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("environment", {"did {}"}, id="no environment"),
        pytest.param("open", {"PermissionError"}, id="no file"),
        pytest.param("os.open", {"PermissionError"}, id="no descriptor"),
        pytest.param("libc.open", {"did -1", "PermissionError"}, id="no descriptor below Python"),
        pytest.param("libc.socket", {"did -1", "PermissionError"}, id="no socket below Python"),
        pytest.param("libc.fork", {"did -1", "PermissionError"}, id="no process below Python"),
        pytest.param("listdir", {"PermissionError"}, id="no folder"),
        pytest.param("mkdir", {"PermissionError", "FileNotFoundError"}, id="nothing made"),
        pytest.param("fork", {"PermissionError"}, id="no process"),
        pytest.param("system", {"PermissionError"}, id="no command"),
        pytest.param("kill", {"PermissionError"}, id="no signal"),
        pytest.param("connect", {"PermissionError"}, id="no connection"),
        pytest.param("_socket", {"PermissionError"}, id="no socket"),
        pytest.param("raise the limits", {"ValueError", "PermissionError"}, id="no limit is raised"),
    ],
)
def test_a_template_that_has_escaped_finds(taken: Renderer, name: str, found: set[str]) -> None:
    compiled = taken.compile(sources("{{ contact.name|attempt }}", subject="s"), owner=1)

    assert compiled.render(someone(name)).text in found


def test_the_child_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", "postgresql://canary")
    renderer = Renderer()
    assert renderer.walls()["environment"]
    if sys.platform == "linux":
        child = psutil.Process(renderer.pid)
        assert child.environ() == {}
        assert "canary" not in " ".join(child.cmdline())
        assert child.num_fds() == 3  # the socket, and twice /dev/null
    renderer.close()


# --- what gets past the meter ------------------------------------------------------------------------------------


@pytest.mark.parametrize("filter_name", ["bomb", "burn", "die"])
def test_t02_what_the_meter_does_not_see_fails_alone(taken: Renderer, filter_name: str) -> None:
    """T02: memory, time, and the end of the process. The next message of the batch is rendered as if nothing had been."""
    text = f"{{% if contact.name == 'Eve' %}}{{{{ contact|{filter_name} }}}}{{% endif %}}Hello {{{{ contact.name }}}}"
    compiled = taken.compile(sources(text), owner=1)
    began = time.monotonic()

    assert compiled.render(someone("Ada")).text == "Hello Ada"
    with pytest.raises(TemplateLimitError) as stopped:
        compiled.render(someone("Eve"))
    assert stopped.value.code == "template_limit"
    assert compiled.render(someone("Bob")).text == "Hello Bob"
    assert time.monotonic() - began < 15


def test_compiling_has_a_limit_of_its_own() -> None:
    """Constants are folded when a template is compiled, and no meter runs then."""
    renderer = Renderer(compile_seconds=0.5, bootstrap=ESCAPED)
    with pytest.raises(TemplateLimitError, match=r"more than 0\.5 s"):
        renderer.compile(sources("{{ 1|burn }}"), owner=1)
    renderer.close()


def test_a_template_that_is_stopped_again_and_again_meets_less_patience(taken: Renderer) -> None:
    """Or five hundred such messages would outlast the claim that they are rendered under."""
    compiled = taken.compile(sources("{{ contact|burn }}"), owner=1)
    messages = []
    for _ in range(5):
        with pytest.raises(TemplateLimitError) as stopped:
            compiled.render(someone())
        messages.append(stopped.value.message)
    assert messages == ["it takes more than 0.5 s"] * 3 + ["it takes more than 0.25 s"] * 2


def test_who_works_long_is_put_behind_everybody_else() -> None:
    renderer = Renderer(render_seconds=3, bootstrap=ESCAPED)
    compiled = renderer.compile(
        sources("{% if contact.name %}{{ contact|burn }}{% endif %}ok", subject="s"), owner=1
    )
    with pytest.raises(TemplateLimitError):
        compiled.render(someone())
    compiled.render(someone(""))
    assert psutil.Process(renderer.pid).nice() == LAST, "the one that took its place, too"
    renderer.compile(sources(), owner=2).render(someone())
    assert psutil.Process(renderer.pid).nice() == OURS
    renderer.close()


def test_who_has_paid_everything_back_is_an_equal_again() -> None:
    """Only another child can be: nobody but root could raise a priority."""
    renderer = Renderer(render_seconds=1, bootstrap=ESCAPED)
    text = "{% if contact.name == 'Eve' %}{{ contact|die }}{% endif %}Hello {{ contact.name }}"
    compiled = renderer.compile(sources(text), owner=1)
    with pytest.raises(TemplateLimitError):
        compiled.render(someone("Eve"))
    assert [compiled.render(someone()).text for _ in range(2)] == ["Hello Ada"] * 2
    behind = psutil.Process(renderer.pid)
    assert behind.nice() == LAST
    for _ in range(60):
        compiled.render(someone())
    assert renderer.pid != behind.pid
    assert psutil.Process(renderer.pid).nice() == OURS
    renderer.close()


def test_a_message_that_was_a_little_slow_costs_no_child() -> None:
    """In a process of its own: a child that another template has made to stand behind is replaced by and by."""
    renderer = Renderer(render_seconds=0.5, bootstrap=ESCAPED)
    compiled = renderer.compile(sources("{{ (contact.seconds, contact)[0]|work }}", subject="s"), owner=1)
    compiled.render({"contact": {"seconds": 0.03}})
    first = renderer.pid
    for _ in range(5):
        compiled.render({"contact": {"seconds": 0.0}})
    assert renderer.pid == first
    renderer.close()


# --- what comes back ---------------------------------------------------------------------------------------------


def framed(answer: object) -> str:
    body = json.dumps(answer).encode()
    return (len(body).to_bytes(4, "big") + body).hex()


GOOD = {"subject": "s", "html": ["<", ">"], "text": ["x"]}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(framed([]), id="no object"),
        pytest.param(framed({}), id="nothing in it"),
        pytest.param(framed(GOOD | {"subject": 1}), id="a subject that is no text"),
        pytest.param(framed(GOOD | {"subject": "x" * 10_001}), id="a long subject"),
        pytest.param(framed(GOOD | {"html": "x"}), id="holes that are no list"),
        pytest.param(framed(GOOD | {"html": [1]}), id="a hole that is no text"),
        pytest.param(framed(GOOD | {"html": ["x"] * 9}), id="more holes than the frame has"),
        pytest.param(framed({"error": ["SystemExit", "x", "", ""]}), id="an error that is none of ours"),
        pytest.param(framed({"error": ["TemplateError", "A B\n", "", ""]}), id="a code that is no code"),
        pytest.param(framed({"error": []}), id="an error without words"),
        pytest.param("000000027b5d", id="no JSON"),
        pytest.param("0000000e" + b'{"a":"\\ud800"}'.hex(), id="half a character"),
        pytest.param("00001000" + "5b" * 4096, id="brackets"),
        pytest.param(framed(GOOD) + "78", id="more than one answer"),
    ],
)
def test_a_child_that_was_taken_over_is_believed_in_nothing(taken: Renderer, answer: str) -> None:
    text = f"{{{{ contact.raw|say }}}}{{{{ contact|die }}}}{{# {answer[:100]} #}}"  # or it would soon not be tried any more
    compiled = taken.compile(sources(text, subject="s"), owner=1)

    with pytest.raises(TemplateError) as raised:
        compiled.render({"contact": {"raw": answer}})
    assert raised.value.code == "template_forbidden"


def test_an_answer_of_the_right_shape_is_a_message(taken: Renderer) -> None:
    compiled = taken.compile(sources("{{ contact.raw|say }}{{ contact|die }}", subject="s"), owner=1)

    assert compiled.render({"contact": {"raw": framed(GOOD)}}).text == "x"


def test_a_frame_that_would_fill_our_memory_is_not_read(taken: Renderer) -> None:
    with pytest.raises(TemplateForbiddenError):
        taken.compile(sources("{{ contact|huge }}", subject="s"), owner=1).render(someone())


def test_an_error_is_one_line_that_can_stand_in_a_log(taken: Renderer) -> None:
    words = framed({"error": ["TemplateError", "template", "a\nb" + "x" * 5_000, "c\r"]})
    compiled = taken.compile(sources("{{ contact.raw|say }}{{ (2, contact)[0]|nap }}", subject="s"), owner=1)

    with pytest.raises(TemplateError) as raised:
        compiled.render({"contact": {"raw": words}})
    assert raised.value.message == "a b" + "x" * 997 + " ..."
    assert raised.value.hint == "c "


def test_a_machine_where_no_child_can_start_says_so() -> None:
    with pytest.raises(ConfigurationError, match="does not start"):
        Renderer(bootstrap="raise SystemExit(3)").walls()


def test_readers_of_every_language_are_written_to_behind_the_walls(renderer: Renderer) -> None:
    """babel reads a file for each language, and there a file cannot be opened any more."""
    sources = TemplateSources(
        name="news",
        subject="x",
        html="<html><head></head><body><p>x</p></body></html>",
        text='{{ "2026-11-24"|date }} {{ 1.5|money("EUR") }} {{ 0.5|percent }}',
        shared={},
    )
    compiled = renderer.compile(sources, owner=1)
    texts = {locale: compiled.render({"contact": {"locale": locale}}).text for locale in localisation.LOCALES}
    assert texts["de"].replace("\u00a0", " ") == "24. November 2026 1,50 € 50 %"
    assert len(set(texts.values())) > 30
