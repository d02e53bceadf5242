"""Templates whose markup changes with the contact, sent together: what is shared, how large the calls become, and both caps."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.rendering import TemplateSources
from core.tenants import DeliveryApi
from gateways.ses import Ses
from store.session import run
from tests.builders import NEWSLETTER, Scene
from tests.simulated import Simulated, a_simulator
from tests.stage import Stage


pytestmark = pytest.mark.usefixtures("no_patience")

CONTACTS = 60
LARGE = {"window_size": CONTACTS, "claim_size": CONTACTS}
REQUEST_LIMIT = 1_000_000  # SES: one megabyte with an inline template
# Forty kilobytes that are the same for everybody, as in a newsletter.
STORIES = "".join(
    f"<p>Story {number}: the ferry to the islands leaves at noon.</p>\n" for number in range(640)
)
FOOT = '<p>{{ tenant.postal_address }}</p><a href="{{ unsubscribe_url }}">Leave</a>'


def page(body: str, css: str = "") -> TemplateSources:
    head = f"<head><title>News</title><style>{css}</style></head>"
    return replace(NEWSLETTER, html=f"<!DOCTYPE html><html>{head}<body>{body}{STORIES}{FOOT}</body></html>")


PRODUCTS = page(
    "<table>{% for product in contact.products %}<tr><td>{{ product.name }}</td>"
    "{% if product.old_price %}<td><s>{{ product.old_price }}</s></td>{% endif %}<td>{{ product.price }}</td></tr>{% endfor %}"
    "</table>"
)
TAGGED = page(
    '{% for product in contact.products %}<a ses:tags="product:{{ product.name }};rank:{{ loop.index }};" '
    'href="https://shop.example/{{ product.name }}">{{ product.name }}</a>{% endfor %}'
)
MOVING = page(
    '<p class="kind-{{ contact.kind }}">Hello</p>', ".kind-0 {color: red} .kind-1 {color: gold} p {margin: 0}"
)
LONG = page("<div>{% for product in contact.products %}" + "{{ product.note }}" * 20 + "{% endfor %}</div>")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulated]:
    with a_simulator() as simulated:
        yield simulated


@pytest.fixture
def bodies(
    stage: Stage, simulator: Simulated, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[dict[str, Any]]]:
    """The bodies of all bulk calls that the gateway makes, each with its `size` in bytes."""
    simulator.reset()
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    stage.ses = Ses()
    found: list[dict[str, Any]] = []

    def note(request: Any, **_: Any) -> None:
        found.append({**json.loads(request.body), "size": len(request.body)})

    events = stage.ses._client.meta.events
    events.register("before-send.sesv2.SendBulkEmail", note)
    yield found
    events.unregister("before-send.sesv2.SendBulkEmail", note)
    stage.ses._client.close()


def scene_of(stage: Stage, sources: TemplateSources) -> Scene:
    """A campaign to people of three kinds, who each have none to nine products."""
    scene = stage.set(CONTACTS, sources=sources, delivery_api=DeliveryApi.BULK)
    with stage.database.begin() as session:
        run(
            session,
            """UPDATE contact SET attributes = jsonb_build_object('first_name', 'Ann', 'kind', id % 3, 'products',
                   (SELECT coalesce(jsonb_agg(jsonb_build_object('name', 'p' || n, 'price', n, 'old_price', n % 2,
                           'note', repeat('Note ', 40))), '[]')
                    FROM generate_series(1, id % 10) AS n)) WHERE tenant_id = :tenant_id""",
            tenant_id=scene.tenant_id,
        )
    return scene


@pytest.mark.parametrize(
    ("sources", "calls", "largest"),
    [
        pytest.param(PRODUCTS, [10, 50], 150_000, id="tables of products"),
        pytest.param(TAGGED, [10, 50], 180_000, id="links with tags of their own"),
        pytest.param(MOVING, [9, 17, 17, 17], REQUEST_LIMIT, id="tags whose class changes"),
        pytest.param(LONG, [13, 47], REQUEST_LIMIT, id="a hole of up to thirty-six kilobytes"),
    ],
)
def test_calls_keep_both_caps_whatever_changes(
    stage: Stage,
    simulator: Simulated,
    bodies: list[dict[str, Any]],
    sources: TemplateSources,
    calls: list[int],
    largest: int,
) -> None:
    """What changes inside of the frame costs only itself; where tags change, each message brings its whole page."""
    scene = scene_of(stage, sources)
    stage.send(scene, **LARGE)
    assert stage.states(scene) == {"sent": CONTACTS}
    assert len(simulator.accepted()) == CONTACTS
    assert simulator.calls("SendEmail") == 0
    assert sorted(len(body["BulkEmailEntries"]) for body in bodies) == calls
    assert max(body["size"] for body in bodies) <= largest
