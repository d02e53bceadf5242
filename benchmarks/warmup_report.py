"""What a warm-up run was like, day by day, and what the simulator's accept log says against it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from benchmarks.fast_clock import control
from benchmarks.measuring import Goal
from benchmarks.warmup_people import PROVIDERS, STRICT, provider_of
from core.campaigns import Status
from store import standings
from store.session import rows
from tasks import campaigns
from tasks.resources import Resources


MOST_PUT_OFF: Final = 0.05  # of the strict provider's messages


@dataclass(frozen=True, slots=True)
class Morning:
    """What was foretold before a day began: the forecast as every door gives it."""

    on: date
    forecast: Mapping[str, Any]

    @property
    def p50(self) -> str:
        """Return the day by which it is done as likely as not."""
        return str(self.forecast["done_on"])

    @property
    def p90(self) -> str:
        """Return the day by which it is done in nine of ten cases."""
        return str(self.forecast.get("done_on_p90") or self.forecast["done_on"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDay:
    """One day at one provider. `rule` decided the cap; `log` is what the accept log counts on that day."""

    on: date
    provider: str
    cap: int
    used: int
    rule: str
    why: str
    accepted: int
    delayed: int
    log: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the accept log says. Each of these should be nought."""

    duplicates: int
    lost: int
    over_a_cap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run."""

    status: Status
    mornings: Sequence[Morning]
    days: Sequence[ProviderDay]
    receivers: Sequence[Mapping[str, Any]]
    verdict: Verdict
    events: Mapping[str, int]
    spent: Mapping[str, float]
    seconds: float
    machine: Mapping[str, Any]

    @property
    def done_on(self) -> date | None:
        """Return the last day on which a message left; None if some did not."""
        left = [day.on for day in self.days if day.log]
        return max(left) if left and not self.status.pending else None

    def put_off(self, provider: str) -> float:
        """Return the share of a provider's messages that it put off at first."""
        of_it = [day for day in self.days if day.provider == provider]
        return sum(day.delayed for day in of_it) / max(sum(day.accepted for day in of_it), 1)

    def offences(self, provider: str) -> int:
        """Return how often a provider took offence."""
        return sum(each["offences"] for each in self.receivers if each["provider"] == provider)

    def goals(self) -> list[Goal]:
        """Return what the run should have come to."""
        unsent = self.status.pending + self.status.claimed + self.status.submitting + self.status.in_doubt
        return [
            Goal(what="left over when the run ended", value=unsent, bound="at most", limit=0, unit="messages"),
            Goal(what="duplicates", value=self.verdict.duplicates, bound="at most", limit=0, unit="messages"),
            Goal(what="lost", value=self.verdict.lost, bound="at most", limit=0, unit="messages"),
            Goal(what="over a day's cap", value=self.verdict.over_a_cap, bound="at most", limit=0, unit="messages"),
            Goal(
                what=f"put off by the strict provider ({STRICT})",
                value=round(self.put_off(STRICT), 4),
                bound="at most",
                limit=MOST_PUT_OFF,
                unit="of its messages",
            ),
        ]  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "contacts": self.status.audience,
            "state": str(self.status.state),
            "days": len(self.mornings),
            "done_on": self.done_on.isoformat() if self.done_on else None,
            "verdict": asdict(self.verdict),
            "mornings": [{"on": one.on.isoformat(), "forecast": one.forecast} for one in self.mornings],
            "by_provider": {
                each.key: {
                    "put_off": round(self.put_off(each.key), 4),
                    "offences": self.offences(each.key),
                    "days": [
                        asdict(day) | {"on": day.on.isoformat()}
                        for day in self.days
                        if day.provider == each.key
                    ],
                }
                for each in PROVIDERS
            },
            "events": self.events,
            "seconds": round(self.seconds, 1),
            "spent": {what: round(seconds, 1) for what, seconds in sorted(self.spent.items())},
            "machine": self.machine,
        }

    def as_markdown(self) -> str:
        """Return the tables for people."""
        return "\n".join([*self._summary(), "", *self._eta(), "", *self._caps(), ""])

    def _summary(self) -> list[str]:
        came_to = f"{self.status.audience:,} contacts, {self.status.sent:,} sent, {self.status.state} on day {len(self.mornings)}"
        spent = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in sorted(self.spent.items()))
        goals = [f"| {goal.as_row()[2:]}" for goal in self.goals()]
        table = [
            f"| {each.key} | {_sum(self.days, each.key):,} | {len(_used(self.days, each.key))} | "
            f"{self.put_off(each.key):.2%} | {self.offences(each.key)} |"
            for each in PROVIDERS
        ]
        return [
            f"{came_to}; {sum(self.events.values()):,} facts of events. {self.seconds:,.0f} s of real time ({spent}).",
            "",
            "| what | goal | measured | met |",
            "| --- | --- | --- | --- |",
            *goals,
            "",
            "| provider | messages | days with mail | put off | offences |",
            "| --- | ---: | ---: | ---: | ---: |",
            *table,
        ]

    def _eta(self) -> list[str]:
        """Return the forecast of each morning beside what it turned out to be."""
        lines = ["| day | date | waiting | done as likely as not | in nine of ten cases | days off |"]
        lines.append("| ---: | --- | ---: | --- | --- | ---: |")
        for number, one in enumerate(self.mornings, 1):
            off = f"{(date.fromisoformat(one.p50) - self.done_on).days:+d}" if self.done_on else ""
            waiting = one.forecast["waiting"]
            lines.append(f"| {number} | {one.on} | {waiting:,} | {one.p50} | {one.p90} | {off} |")
        return lines

    def _caps(self) -> list[str]:
        """Return each provider's day: what was used of the cap, what was put off of it, and the rule that decided the cap."""
        names = [each.key for each in PROVIDERS]
        found = {(day.on, day.provider): day for day in self.days}
        lines = [f"| date | {' | '.join(names)} |", f"| --- | {' | '.join('---' for _ in names)} |"]
        for on in sorted({day.on for day in self.days}):
            cells = [_cell(found.get((on, name))) for name in names]
            lines.append(f"| {on} | {' | '.join(cells)} |")
        return lines


def _cell(day: ProviderDay | None) -> str:
    if day is None:
        return ""
    late = f", {day.delayed:,} put off" if day.delayed else ""
    return f"{day.used:,} of {day.cap:,}{late}; {day.rule}"


def _sum(days: Sequence[ProviderDay], provider: str) -> int:
    return sum(day.log for day in days if day.provider == provider)


def _used(days: Sequence[ProviderDay], provider: str) -> list[ProviderDay]:
    return [day for day in days if day.provider == provider and day.log]


def made(
    resources: Resources,
    *,
    campaign_id: int,
    mornings: Sequence[Morning],
    spent: Mapping[str, float],
    log: Path,
    url: str,
    zone: ZoneInfo,
    seconds: float,
    machine: Mapping[str, Any],
) -> Report:
    """Gather the ledger's days and the simulator's log, and hold the one against the other."""
    status = campaigns.status_of(resources, campaign_id)
    recipients, by_day = _accepted(log, campaign_id, zone)
    days = _days(resources, campaign_id, by_day)
    over = sum(max(day.log - day.cap, 0) for day in days)
    without_cap = by_day.total() - sum(day.log for day in days)
    return Report(
        status=status,
        mornings=mornings,
        days=days,
        receivers=control(url, "receivers")["receivers"],
        verdict=Verdict(
            duplicates=recipients.total() - len(recipients),
            # Whoever was neither accepted nor is waiting, failed or skipped for a reason that is told.
            lost=status.sent + status.unconfirmed - len(recipients),
            over_a_cap=over + without_cap,
        ),
        events=campaigns.event_counts(resources, campaign_id),
        spent=spent,
        seconds=seconds,
        machine=machine,
    )


def _accepted(log: Path, campaign_id: int, zone: ZoneInfo) -> tuple[Counter[str], Counter[tuple[date, str]]]:
    """Count the accept log by recipient, and by the tenant's day and provider."""
    recipients: Counter[str] = Counter()
    by_day: Counter[tuple[date, str]] = Counter()
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            assert entry["tags"]["campaign"] == str(campaign_id)
            [address] = entry["to"]
            recipients[address] += 1
            by_day[datetime.fromisoformat(entry["at"]).astimezone(zone).date(), provider_of(address)] += 1
    return recipients, by_day


def _days(
    resources: Resources, campaign_id: int, by_day: Mapping[tuple[date, str], int]
) -> list[ProviderDay]:
    with resources.database.begin() as session:
        found = rows(
            session,
            """SELECT w.tenant_id, w.sending_domain_id, w.on_day, w.provider, w.allowance, w.used, w.rule,
                      coalesce(w.evidence ->> 'why', '') AS why
               FROM warmup_allowance w
               JOIN campaign c ON c.tenant_id = w.tenant_id AND c.sending_domain_id = w.sending_domain_id
               WHERE c.id = :campaign_id ORDER BY w.on_day, w.provider""",
            campaign_id=campaign_id,
        )
        reported: dict[date, Mapping[str, standings.Reported]] = defaultdict(dict)
        for row in found:
            key = {"tenant_id": row["tenant_id"], "sending_domain_id": row["sending_domain_id"]}
            reported[row["on_day"]] = reported[row["on_day"]] or standings.reported(
                session, **key, day=row["on_day"]
            )
    days = []
    for row in found:
        told = reported[row["on_day"]].get(row["provider"])
        days.append(
            ProviderDay(
                on=row["on_day"],
                provider=row["provider"],
                cap=row["allowance"],
                used=row["used"],
                rule=row["rule"],
                why=row["why"],
                accepted=told.tally.accepted if told else 0,
                delayed=told.tally.delayed if told else 0,
                log=by_day.get((row["on_day"], row["provider"]), 0),
            )
        )
    return days
