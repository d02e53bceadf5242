"""Four designs of the same send path, in one run: the usual one, a faster inliner, ours by one call a message, ours by bulk.

All send the newsletter that ships to the same people, against the simulator in a process of its own. The first two inline
the CSS of every rendered page, call SendEmail through boto3 as it comes, and write down what came of it.
"""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import boto3
import css_inline
from jinja2 import DictLoader, Environment

from benchmarks.measuring import Goal, Result
from benchmarks.sender import SEND_RATE, a_simulator, send
from benchmarks.world import World, a_world
from core.rendering import TemplateSources
from core.tenants import DeliveryApi
from gateways import templates
from gateways.settings import PROJECT
from store import tenants
from store.session import rows, run
from tasks import campaigns
from tasks.messages import Voice, context
from tasks.resources import Resources


SIZE = 10_000
TEMPLATE = "newsletter"
# premailer takes a tenth of a second, so the usual designs get fewer people.
SHARE = {"naive": 100, "css_inline": 10}
BULK_MS, SINGLE_MS = 1.0, 3.6
BULK_TO_NAIVE, BULK_TO_CSS_INLINE = 200, 5
CALLS_PER_MESSAGE = round(1 / 45, 4)

Inline = Callable[[str], str]


def measure(size: int = SIZE) -> Result:
    """Send `size` messages both of our ways, and a part of that by the usual ones."""
    sources = templates.load(PROJECT / "templates", TEMPLATE)
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
    with a_simulator(), a_world() as world:
        people = world.contacts(size)
        usual = {
            "naive": usually(world, people, sources, premailer_as_it_comes(), size // SHARE["naive"]),
            "css_inline": usually(world, people, sources, inliner.inline, size // SHARE["css_inline"]),
        }
        ours = {str(api): _ours(world, people, size, sources, api) for api in DeliveryApi}
    bulk, single = ours["bulk"]["cpu_ms"], ours["single"]["cpu_ms"]
    return Result(
        goals=[
            _most("ours, SendBulkEmail", bulk, BULK_MS, "ms a message"),
            _most("ours, SendEmail", single, SINGLE_MS, "ms a message"),
            _least("naive to ours in bulk", usual["naive"] / bulk, BULK_TO_NAIVE),
            _least("css-inline to ours in bulk", usual["css_inline"] / bulk, BULK_TO_CSS_INLINE),
            _most("calls, bulk", ours["bulk"]["calls"] / size, CALLS_PER_MESSAGE, "a message"),
        ],
        figures={"messages": size, "usual_cpu_ms": usual, **ours},
    )


def _ours(world: World, people: int, size: int, sources: TemplateSources, api: DeliveryApi) -> dict[str, Any]:
    with world.resources.database.begin() as session:
        run(session, "UPDATE tenant SET delivery_api = :api", api=str(api))
    calls: list[str] = []
    client = world.resources.ses._client  # noqa: SLF001  # to count the calls
    client.meta.events.register(
        "before-send.sesv2", lambda event_name, **_: calls.append(event_name), unique_id=f"count-{api}"
    )
    figures = send(world, people, size, sources)
    client.meta.events.unregister("before-send.sesv2", unique_id=f"count-{api}")
    return figures | {"calls": len(calls)}


def usually(world: World, people: int, sources: TemplateSources, inline: Inline, count: int) -> float:
    """Send `count` messages the usual way; return the ms of CPU that one cost, the database's included."""
    world.account(max_send_rate=SEND_RATE)
    campaign_id = world.campaign(people, sources)
    campaigns.plan(world.resources, campaign_id)
    world.settle()
    ses = boto3.client("sesv2")
    waiting = _waiting(world.resources, world.tenant_id, campaign_id, count)
    before = world.meter.read()
    for delivery_id, address, subject, html, text in _rendered(world, sources, waiting):
        answer = ses.send_email(
            FromEmailAddress="news@acme.example",
            Destination={"ToAddresses": [address]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject},
                    "Body": {"Html": {"Data": inline(html)}, "Text": {"Data": text}},
                }
            },
        )
        _write_down(world.resources, world.tenant_id, delivery_id, answer["MessageId"])
    return round((world.meter.read() - before).cpu * 1000 / len(waiting), 3)


def _rendered(
    world: World, sources: TemplateSources, waiting: list[dict[str, Any]]
) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield delivery, address, subject, HTML and text, by stock Jinja that has compiled its templates once."""
    pages = {"subject": sources.subject, "html": sources.html, "text": sources.text, **sources.shared}
    escaping = Environment(autoescape=True, loader=DictLoader(pages))
    plain = Environment(autoescape=False, loader=DictLoader(pages))  # noqa: S701  # text is no HTML
    parts = plain.get_template("subject"), escaping.get_template("html"), plain.get_template("text")
    with world.resources.database.begin() as session:
        voice = Voice(tenants.by_id(session, tenant_id=world.tenant_id), "Spring")
    for row in waiting:
        data = context(voice, row["address"], row["attributes"], "https://mail.acme.example/u/token")
        subject, html, text = (part.render(data) for part in parts)
        yield row["id"], row["address"], subject.strip(), html, text


def premailer_as_it_comes() -> Inline:
    """Return premailer without our repair of its caches, which is for the whole process and makes it four times as fast."""
    ours = {
        name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "premailer"
    }
    try:
        module = import_module("premailer")
    finally:
        sys.modules.update(ours)

    def inline(html: str) -> str:
        inlined: str = module.Premailer(html, allow_network=False).transform()
        return inlined

    return inline


def _waiting(resources: Resources, tenant_id: int, campaign_id: int, count: int) -> list[dict[str, Any]]:
    with resources.database.begin() as session:
        found = rows(
            session,
            """SELECT d.id, c.address, c.attributes FROM delivery d
               JOIN contact c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
               WHERE d.tenant_id = :tenant_id AND d.campaign_id = :campaign_id ORDER BY d.id LIMIT :count""",
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            count=max(count, 1),
        )
    return [dict(row) for row in found]


def _write_down(resources: Resources, tenant_id: int, delivery_id: int, ses_message_id: str) -> None:
    with resources.database.begin() as session:
        run(
            session,
            """UPDATE delivery SET state = 'sent', ses_message_id = :ses_message_id
               WHERE tenant_id = :tenant_id AND id = :delivery_id""",
            tenant_id=tenant_id,
            delivery_id=delivery_id,
            ses_message_id=ses_message_id,
        )


def _most(what: str, value: float, limit: float, unit: str) -> Goal:
    return Goal(what=what, value=round(value, 4), bound="at most", limit=limit, unit=unit)


def _least(what: str, value: float, limit: float) -> Goal:
    return Goal(what=what, value=round(value, 1), bound="at least", limit=limit, unit="times")
