"""One tenant's templates do their worst while another tenant's campaign is sent, in the same process. Counts, no times."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.errors import TemplateError
from core.rendering import TemplateSources
from core.runs import Ending, Tally
from gateways.render_process import Renderer
from tasks.messages import load_job
from tasks.resources import Resources
from tasks.sending import sender
from tests.builders import NEWSLETTER, Scene
from tests.escaped import ESCAPED
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

LIMIT = 0.3
GOOD_MESSAGES, BAD_MESSAGES = 40, 9
TEMPLATES = {
    "burns": "{{ contact|burn }}",
    "dies": "{{ contact|die }}",
    "hoards": "{{ contact|bomb }}",
    "lies": "{{ (contact, '000000027b5d')[1]|say }}{{ contact|die }}",
}
# A stop is one of these; on a busy machine whoever would have died or lied may be too late for that.
STOPPED = {"template_limit", "template_forbidden"}

PLAIN = replace(
    NEWSLETTER, subject="Spring", html="<html><head></head><body><p>x</p></body></html>", text="Hello"
)


def hostile(what: str) -> TemplateSources:
    return replace(PLAIN, text=TEMPLATES[what])


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer(render_seconds=LIMIT, bootstrap=ESCAPED)
    yield made
    made.close()


def a_process(stage: Stage, renderer: Renderer) -> Resources:
    resources = stage.resources()
    vars(resources).update(renderer=renderer)
    return resources


def send(resources: Resources, scene: Scene) -> Tally:
    with sender(resources, scene.campaign_id) as sending:
        return sending.send(seconds=60)


def codes(resources: Resources, scene: Scene) -> list[str]:
    """Render message after message of a campaign, as a person has forced it to; return how each ended."""
    template, found = load_job(resources, scene.campaign_id).template, []
    for _ in range(BAD_MESSAGES):
        try:
            template.render({"contact": {"first_name": "Eve"}})
        except TemplateError as error:
            found.append(error.code)
        else:
            found.append("")
    return found


@pytest.mark.parametrize("what", TEMPLATES)
def test_a_neighbour_who_does_his_worst_costs_no_message_and_no_second_try(
    stage: Stage, renderer: Renderer, what: str
) -> None:
    """T02: the other tenant is unaffected. Its child is the one that it had before."""
    good = stage.set(GOOD_MESSAGES)
    bad = stage.set(BAD_MESSAGES, sources=hostile(what))
    resources = a_process(stage, renderer)
    load_job(resources, good.campaign_id)
    child = renderer.pids[good.tenant_id]

    with ThreadPoolExecutor(2) as pool:
        theirs = [pool.submit(send, resources, bad), pool.submit(codes, resources, bad)]
        tally = send(resources, good)
        paused, ended = theirs[0].result(60), theirs[1].result(60)

    assert tally == Tally(accepted=GOOD_MESSAGES, ending=Ending.NOTHING_DUE)
    assert stage.called_twice() == []
    assert {message.content.text.partition("\n")[0] for message in stage.ses.calls} == {"Hello Ann"}
    assert renderer.pids[good.tenant_id] == child
    assert (paused.ending, paused.accepted) == (Ending.STOPPED, 0)
    assert stage.states(bad) == {"pending": BAD_MESSAGES}
    assert set(ended) <= STOPPED


@pytest.mark.parametrize(
    ("what", "most"),
    [
        pytest.param("burns", 7, id="each time it is stopped, another child"),
        pytest.param("dies", 13, id="each time it dies, a second try"),
    ],
)
def test_what_a_template_may_take_is_counted_and_ends(
    stage: Stage, renderer: Renderer, what: str, most: int
) -> None:
    """Nine messages, forced: six are tried, three are not."""
    bad = stage.set(1, sources=hostile(what))
    resources = a_process(stage, renderer)
    assert set(codes(resources, bad)) <= STOPPED
    assert 6 <= renderer.starts <= most
    spent = renderer.starts, renderer.kills
    with pytest.raises(TemplateError, match="again and again: not tried for 60 s") as refused:
        load_job(resources, bad.campaign_id)  # by another run in this process: it does not begin from nothing
    assert refused.value.code in STOPPED
    assert (renderer.starts, renderer.kills) == spent


def test_the_same_owners_other_templates_go_on(stage: Stage, renderer: Renderer) -> None:
    bad = stage.set(1, sources=hostile("lies"))
    codes(a_process(stage, renderer), bad)
    good = renderer.compile(
        replace(NEWSLETTER, text="Hello", html="<p>x</p>", subject="s"), owner=bad.tenant_id
    )
    assert good.render({}).text == "Hello"


def test_who_has_not_rendered_for_the_longest_time_gives_up_the_seat(renderer: Renderer) -> None:
    templates = [renderer.compile(PLAIN, owner=owner) for owner in range(5)]
    assert set(renderer.pids) == {2, 3, 4}
    assert [template.render({}).text for template in templates] == ["Hello"] * 5
    assert len(renderer.pids) == 3
