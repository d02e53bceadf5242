"""A sending domain's days and their tokens, as the tests of allowances and of the nights that decide them use both."""

from dataclasses import replace
from datetime import date

from sqlmodel import Session

from core.allowances import ALL
from core.providers import OTHER
from store import allowances, sending_domains
from store.allowances import Day
from store.session import run
from tests.builders import Scene


TODAY = date(2026, 11, 24)
YESTERDAY = date(2026, 11, 23)


def today(session: Session, scene: Scene) -> date:
    return sending_domains.local_now(session, tenant_id=scene.tenant_id).date()


def open_day(
    session: Session, scene: Scene, day: date, messages: int, provider: str = ALL, rule: str = "rung"
) -> None:
    run(
        session,
        """INSERT INTO warmup_allowance (tenant_id, sending_domain_id, on_day, provider, allowance, rule)
           VALUES (:tenant_id, :sending_domain_id, :day, :provider, :messages, :rule)""",
        **scene.domain,
        day=day,
        messages=messages,
        provider=provider,
        rule=rule,
    )


def a_day(session: Session, scene: Scene, on: date) -> Day:
    """That day, at an hour at which the whole of its caps may leave."""
    return replace(allowances.today(session, **scene.domain), on=on, hour=23)


def take(session: Session, scene: Scene, wanted: int, day: date = TODAY, provider: str = OTHER) -> int | None:
    """As the intents take tokens; None when no cap holds the domain."""
    left = allowances.locked(session, **scene.domain, day=a_day(session, scene, day))
    if not left:
        return None
    taken = min(wanted, *(left[key] for key in (ALL, provider) if key in left))
    allowances.use(session, **scene.domain, day=day, tokens={ALL: taken, provider: taken})
    return taken


def give_back(session: Session, scene: Scene, tokens: int, day: date = TODAY, provider: str = OTHER) -> None:
    allowances.use(session, **scene.domain, day=day, tokens={ALL: -tokens, provider: -tokens})


def days(session: Session, scene: Scene) -> list[tuple[object, ...]]:
    return [
        (row["on_day"], row["allowance"], row["used"], row["rule"])
        for row in sending_domains.days(session, **scene.domain)
    ]
