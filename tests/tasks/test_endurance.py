"""What a sender holds does not grow with what it has sent, nor what renders with how many templates it has seen."""

import gc
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.message import Message
from core.patience import Rank
from core.tenants import DeliveryApi
from gateways import render_child
from gateways.render_process import Renderer
from tasks import sending
from tests.builders import NEWSLETTER
from tests.fakes import FakeSes
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

WINDOW, CONTACTS = 50, 2_000
FIRST_LOOK, LAST_LOOK = 8, 38  # windows
MOST_MORE = 300  # objects; one for each message in between would be 1,500


class ForgetfulSes(FakeSes):
    """Accepts everything, and keeps nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    def send_bulk(self, messages: Sequence[Message], *, deadline: float) -> list[Any]:
        return [f"{int(deadline)}-{next(self._numbers)}" for _ in messages]


def test_a_sender_holds_as_much_at_the_end_of_a_campaign_as_at_its_beginning(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = stage.set(CONTACTS, delivery_api=DeliveryApi.BULK)
    stage.ses = ForgetfulSes()
    looks: dict[int, Counter[str]] = {}
    windows = itertools.count(1)
    begin = sending.Sender._begin

    def counted(sender: sending.Sender, *arguments: Any) -> Any:
        if (number := next(windows)) in {FIRST_LOOK, LAST_LOOK}:
            gc.collect()
            looks[number] = Counter(type(thing).__name__ for thing in gc.get_objects())
        return begin(sender, *arguments)

    monkeypatch.setattr(sending.Sender, "_begin", counted)
    assert stage.send(scene, seconds=240, window_size=WINDOW, claim_size=WINDOW).accepted == CONTACTS
    more = looks[LAST_LOOK] - looks[FIRST_LOOK]
    assert more.total() < MOST_MORE, more.most_common(5)


def test_the_child_keeps_the_last_templates_and_we_keep_nothing_of_any() -> None:
    """A template that is in use all the while is compiled again when it is asked for, and its user never hears of it."""
    renderer = Renderer()
    plain = replace(NEWSLETTER, subject="s", html="<html><head></head><body><p>x</p></body></html>")
    template = renderer.compile(replace(plain, text="Hello {{ name }}"), owner=1)
    keys = []
    for number in range(render_child.TEMPLATES + 30):
        other = renderer.compile(replace(plain, text=f"{number} {{{{ name }}}}"), owner=1)
        assert other.render({"name": "Ann"}).text == f"{number} Ann"
        keys.append(other._key)
    known = [key for key in keys if "unknown" not in asked(renderer, key)]
    assert known == keys[-render_child.TEMPLATES :]
    assert template.render({"name": "Ann"}).text == "Hello Ann"
    assert "unknown" in asked(renderer, known[0]), "it made room"
    assert (renderer.starts, len(renderer._records), len(renderer._seats._seats)) == (1, 0, 1)
    renderer.close()


def asked(renderer: Renderer, key: str) -> dict[str, Any]:
    request = {"fill": key, "context": {"name": "Ann"}}
    return renderer.ask(request, owner=1, seconds=5, rank=Rank.EQUAL)[0]


def test_tenants_do_not_share_a_compiled_template() -> None:
    """The same sources under another tenant are another template, in another child."""
    renderer = Renderer()
    plain = replace(NEWSLETTER, subject="s", html="<html><head></head><body><p>x</p></body></html>", text="y")
    first, second = (renderer.compile(plain, owner=owner) for owner in (1, 2))
    assert first._key != second._key
    assert len(set(renderer.pids.values())) == 2
    renderer.close()
