"""Results: what became of a campaign, from its standing and its sums, as numbers for programs.

`core.results_report` shows them to people.

Terms:
    funnel: audience, sent, delivered, opened by a person, clicked by a person; each step with its share of sent.
    bounced: by class: hard (the mailbox is gone), soft (it may take the next one), blocked (the receiver refuses the sender),
        content (it refuses the message).

Invariants:
    What machines opened or clicked stands beside what people did, and in no rate.
    A domain with fewer than ten of a campaign's people is not named: it may be somebody's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from core.campaigns import Status
from core.facts import Fact
from core.rollups import Rollup, Sums


FEWEST_OF_A_DOMAIN: Final = 10

BOUNCES: Final = {
    Fact.BOUNCE_PERMANENT: "hard bounces",
    Fact.BOUNCE_TRANSIENT: "soft bounces",
    Fact.BOUNCE_BLOCK: "blocked",
    Fact.BOUNCE_CONTENT: "refused for their content",
}

# The columns of every table: the member of the JSON, and the fact.
COLUMNS: Final = {
    "confirmed": Fact.SENT,
    "delivered": Fact.DELIVERY,
    "hard_bounces": Fact.BOUNCE_PERMANENT,
    "soft_bounces": Fact.BOUNCE_TRANSIENT,
    "blocked": Fact.BOUNCE_BLOCK,
    "content": Fact.BOUNCE_CONTENT,
    "complaints": Fact.COMPLAINT,
    "unsubscribes": Fact.UNSUBSCRIBE,
    "opened": Fact.OPEN,
    "clicked": Fact.CLICK,
    "opened_by_machines": Fact.OPEN_MACHINE,
    "clicked_by_machines": Fact.CLICK_MACHINE,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel; `share` is of sent, None while nothing is."""

    name: str
    people: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A campaign's standing and sums."""

    tenant: str
    campaign: str
    status: Status
    rollup: Rollup

    @property
    def funnel(self) -> list[Step]:
        """Return the steps from the audience to the click."""
        sent, totals = self.status.sent, self.rollup.totals
        steps = {
            "audience": self.status.audience,
            "sent": sent,
            "delivered": totals.get(Fact.DELIVERY, 0),
            "opened": totals.get(Fact.OPEN, 0),
            "clicked": totals.get(Fact.CLICK, 0),
        }
        return [
            Step(name, people, people / sent if sent and name != "audience" else None)
            for name, people in steps.items()
        ]

    @property
    def days(self) -> dict[date, Sums]:
        """Return the sums by day (UTC)."""
        found: dict[date, Sums] = {}
        for hour, sums in self.rollup.hours.items():
            day = found.setdefault(hour.date(), {})
            for fact, number in sums.items():
                day[fact] = day.get(fact, 0) + number
        return found

    @property
    def domains(self) -> dict[str, Sums]:
        """Return the sums of the largest domains that may be named."""
        return {
            name: sums
            for name, sums in self.rollup.domains.items()
            if sums.get(Fact.SENT, 0) >= FEWEST_OF_A_DOMAIN
        }

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        rollup = self.rollup
        return {
            "tenant": self.tenant,
            "campaign": self.campaign,
            **self.status.as_json(),
            "events": dict(sorted(rollup.totals.items())),
            "funnel": [
                {"step": step.name, "people": step.people, "share_of_sent": step.share}
                for step in self.funnel
            ],
            "bounces": {
                "by_kind": {name: rollup.totals.get(fact, 0) for fact, name in BOUNCES.items()},
                "by_class": {name: sum(sums.values()) for name, sums in rollup.classes.items()},
            },
            "complaints": rollup.totals.get(Fact.COMPLAINT, 0),
            "unsubscribes": rollup.totals.get(Fact.UNSUBSCRIBE, 0),
            "providers": _lines("provider", rollup.providers),
            "segments": _lines("segment", {str(tier): sums for tier, sums in rollup.segments.items()}),
            "domains": _lines("domain", self.domains),
            "days": _lines("day", {day.isoformat(): sums for day, sums in self.days.items()}),
            "links": [
                {
                    "link": link,
                    "people": sums.get(Fact.CLICK, 0),
                    "machines": sums.get(Fact.CLICK_MACHINE, 0),
                }
                for link, sums in rollup.links.items()
            ],
        }


def numbers(sums: Mapping[str, int]) -> dict[str, int]:
    """Return the columns of one line."""
    return {name: sums.get(fact, 0) for name, fact in COLUMNS.items()}


def _lines(what: str, of: Mapping[str, Sums]) -> list[dict[str, Any]]:
    return [{what: key, **numbers(sums)} for key, sums in of.items()]
