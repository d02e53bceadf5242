"""Audits behind the walls: of every variant, through a child that dies, and of what a bulk call would put together."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from core.errors import TemplateError, TemplateForbiddenError, TemplateLimitError
from core.frames import WHOLE
from core.rendering import Content, TemplateSources
from gateways import templates
from gateways.render_process import BOOTSTRAP, CLEAN, RemoteTemplate, Renderer
from gateways.settings import PROJECT
from tasks.auditing import found_in


# A comparison that takes a second of the processor, and one whose answer has an address in it.
SLOW = BOOTSTRAP.replace(
    "\nmain()",
    """
import time
sys.modules['requests'] = type(sys)('requests')
from core import equality
def difference(ours, premailers):
    if 'slowly' in ours:
        ends = time.process_time() + 1
        while time.process_time() < ends:
            pass
    return 'html/body[2]: ada@example.com differs' if 'ada' in ours else ''
equality.difference = difference
main()
""",
)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.fixture
def slow() -> Iterator[Renderer]:
    made = Renderer(compile_seconds=5.0, bootstrap=SLOW)
    yield made
    made.close()


def compiled(renderer: Renderer, text: str) -> RemoteTemplate:
    html = (
        f"<html><head><style>p {{color: red}}</style></head><body><p>{text} {{{{ name }}}}</p></body></html>"
    )
    return renderer.compile(
        TemplateSources(name="news", subject="s", html=html, text="t", shared={}), owner=1
    )


def newsletter(renderer: Renderer, locale: str) -> tuple[RemoteTemplate, dict[str, Any]]:
    folder = PROJECT / "templates"
    sample = templates.sample(folder, "newsletter")
    data = sample | {"contact": sample["contact"] | {"locale": locale}}
    return renderer.compile(templates.load(folder, "newsletter"), owner=1), data


@pytest.mark.parametrize("locale", ["en", "de", "de-AT", "ja"])
def test_every_variant_is_audited_as_its_reader_gets_it(renderer: Renderer, locale: str) -> None:
    template, data = newsletter(renderer, locale)
    content = template.render(data)

    assert found_in(template, data, content) == ""
    assert found_in(
        template, data | {"contact": {"locale": "de" if locale in {"en", "ja"} else "en"}}, content
    )


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_demoted_template_sends_its_html_whole_and_its_text_as_before(
    renderer: Renderer, locale: str
) -> None:
    template, data = newsletter(renderer, locale)
    usual = template.render(data)
    template.demoted = True

    plain = template.render(data)

    assert plain.filling is not None
    assert usual.filling is not None
    assert plain.filling.html_frame == WHOLE
    assert plain.filling.text_frame == usual.filling.text_frame != WHOLE
    assert (plain.subject, plain.text) == (usual.subject, usual.text)
    assert plain.html != usual.html
    assert found_in(template, data, plain) == ""


def test_what_a_bulk_call_puts_together_is_judged(renderer: Renderer) -> None:
    """A hole that is not the one that was rendered is found, though the message as a whole is right."""
    template, data = newsletter(renderer, "en")
    content = template.render(data)
    assert content.filling is not None
    spoilt = replace(content.filling, html=("", *content.filling.html[1:]))

    told = found_in(template, data, Content(content.subject, content.html, content.text, spoilt))

    assert told == "the frame and its holes make another message than was rendered"


def test_an_audit_whose_child_is_killed_is_made_by_another(slow: Renderer) -> None:
    template = compiled(slow, "slowly")
    data = {"name": "Bo"}
    content = template.render(data)
    child = slow.pid
    assert child is not None
    results: list[str] = []

    auditing = threading.Thread(target=lambda: results.append(template.audit(data, content)))
    auditing.start()
    time.sleep(0.3)
    psutil.Process(child).kill()
    auditing.join()

    assert results == [""]
    assert slow.pid != child


def test_an_audit_that_takes_too_long_is_not_held_against_the_template(slow: Renderer) -> None:
    template = compiled(slow, "slowly")
    data = {"name": "Bo"}
    content = template.render(data)
    slow.compile_seconds = 0.2

    with pytest.raises(TemplateLimitError, match="it takes more than"):
        template.audit(data, content)

    assert slow.kills == 1
    assert slow.record(f"1:{template.sources.digest()}") == CLEAN


def test_an_answer_that_could_carry_an_address_is_not_believed(slow: Renderer) -> None:
    template = compiled(slow, "hello")
    data = {"name": "ada"}

    with pytest.raises(TemplateForbiddenError, match="changed the process"):
        template.audit(data, template.render(data))


def test_a_page_that_premailer_cannot_use_is_an_error_of_the_template(renderer: Renderer) -> None:
    template = compiled(renderer, "hello")

    with pytest.raises(TemplateError, match="name"):
        template.audit({}, template.render({"name": "Bo"}))
