"""Hygiene report: a night in the words and tables that people read in Prefect and on a terminal. Counts, never an address.

Names of files may hold an address that somebody has typed into them, so they are masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from core.hygiene import Effect, HygienePolicy, Rule, effect, reason
from core.hygiene_runs import RunState
from core.masking import without_addresses
from core.removals import ListShare
from core.source_quality import Rate, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a tenant's addresses look like; `slips` are the most frequent ones: typed, meant, people."""

    roles: int = 0
    disposable: int = 0
    alike: int = 0
    slips: Sequence[tuple[str, str, int]] = ()
    listed_on: date | None = None

    def as_json(self) -> dict[str, object]:
        """Return them as the command line answers them."""
        slips = [{"typed": typed, "meant": meant, "people": people} for typed, meant, people in self.slips]
        return {"role": self.roles, "disposable": self.disposable, "alike": self.alike, "slips": slips}


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night came to at one tenant.

    `at_once` are the suppressions that wait for nobody, `counts` whom the rules take, `stopped_by` the lists that would lose too many.
    """

    tenant: str
    run_id: int | None = None
    state: RunState = RunState.APPLIED
    policy: HygienePolicy = field(default_factory=HygienePolicy)
    at_once: Mapping[Rule, int] = field(default_factory=dict)
    counts: Mapping[Rule, int] = field(default_factory=dict)
    spared: int = 0
    revived: int = 0
    stopped_by: Sequence[ListShare] = ()
    lists: Sequence[ListShare] = ()

    @property
    def waits(self) -> bool:
        """Whether somebody has to decide before anybody is taken."""
        return self.state is RunState.WAITING

    @property
    def people(self) -> int:
        """Return how many people the rules take, those that wait for nobody included."""
        return sum(self.counts.values()) + sum(self.at_once.values())

    def by_effect(self, wanted: Effect) -> int:
        """Return how many people the rules with an effect take."""
        return sum(people for rule, people in self.counts.items() if effect(rule, self.policy) is wanted)


_EFFECTS = {
    Effect.SUPPRESS: "suppressed for {days} days",
    Effect.RETIRE: "retired",
    Effect.LAPSE: "to the win-back list",
}


def in_words(night: Night) -> str:
    """Return a night in a sentence."""
    at_once, taken = sum(night.at_once.values()), sum(night.counts.values())
    told = [f"{at_once:,} suppressed at once"] if at_once else []
    if night.revived:
        told.append(f"{night.revived:,} came back")
    if night.waits:
        worst = night.stopped_by[0].in_words if night.stopped_by else "too many would leave"
        told.append(f"run {night.run_id} waits for approval, {taken:,} would leave; {worst}")
    elif taken:
        spared = f", {night.spared:,} of them spared" if night.spared else ""
        told.append(f"{taken:,} leave{spared}")
    return "; ".join(told) or "nobody leaves"


def rules_table(night: Night) -> list[dict[str, object]]:
    """Return a row for each rule that takes somebody: tenant, rule, why, people, what happens."""
    waits = ", once approved" if night.waits else ""
    return [
        {
            "tenant": night.tenant,
            "rule": rule.replace("_", " "),
            "why": reason(rule, night.policy),
            "people": people,
            "what happens": "suppressed"
            if rule in night.at_once
            else f"{_effect(rule, night.policy)}{waits}",
        }
        for rule, people in [*night.at_once.items(), *night.counts.items()]
        if people
    ]


def _effect(rule: Rule, policy: HygienePolicy) -> str:
    return _EFFECTS[effect(rule, policy)].format(days=policy.quarantine_days)


def report(night: Night, hints: Hints, sources: Sequence[Source], *, waiting_for_winback: int = 0) -> str:
    """Return a night's report as Markdown: who would leave and why, which lists lose how many, and what a person may look at."""
    lines = [f"# {night.tenant} · hygiene", "", f"**{_sentence(in_words(night))}**", ""]
    if night.waits:
        lines += [*_how_to_decide(night), ""]
    lines += _table(
        ("Rule", "Why", "People", "What happens"),
        [[row["rule"], row["why"], row["people"], row["what happens"]] for row in rules_table(night)],
        empty="No rule takes anybody.",
    )
    if any(one.leaving for one in night.lists):
        lines += ["", "## Lists", ""]
        lines += _table(
            ("List", "People", "Would leave", "Share"),
            [
                [one.name or "all contacts together", one.mailable, one.leaving, f"{one.share:.1%}"]
                for one in sorted(night.lists, key=lambda each: -each.share)
                if one.leaving
            ],
        )
    if waiting_for_winback:
        lines += ["", f"{waiting_for_winback:,} lapsing contacts are on the win-back list."]
    return "\n".join([*lines, "", *_hints(hints), *_sources(sources), ""])


def question(night: Night) -> str:
    """Return what the person who decides is asked."""
    lines = [f"May **{sum(night.counts.values()):,}** people leave the lists of **{night.tenant}**?", ""]
    lines += [f"- {_cell(one.in_words)}" for one in night.stopped_by]
    rows = [[row["rule"], row["why"], row["people"], row["what happens"]] for row in rules_table(night)]
    lines += ["", *_table(("Rule", "Why", "People", "What happens"), rows), ""]
    lines.append(f"Who they are: `posthouse hygiene people {night.tenant} --run {night.run_id}`.")
    lines.append("Whoever shows a sign of life before you decide is spared.")
    lines.append("Off refuses: nobody leaves, and the next night looks anew.")
    return "\n".join(lines)


def _how_to_decide(night: Night) -> list[str]:
    return [
        f"Nobody is taken before somebody decides, and after {night.policy.approval_days} days the next night begins anew. Too many would leave:",
        "",
        *(f"- {_cell(one.in_words)}" for one in night.stopped_by),
        "",
        f"Resume the run `approve-hygiene` in Prefect, or `posthouse hygiene approve {night.tenant} {night.run_id} --reason …`.",
        f"Who they are: `posthouse hygiene people {night.tenant} --run {night.run_id}`.",
    ]


def _hints(hints: Hints) -> list[str]:
    dated = f", by the list of {hints.listed_on.isoformat()}" if hints.listed_on else ""
    counted = [
        (f"{hints.roles:,} role addresses, such as `info@`", hints.roles),
        (f"{hints.disposable:,} at disposable domains{dated}", hints.disposable),
        (f"{hints.alike:,} that are probably somebody's second address", hints.alike),
    ]
    told = [f"- {text}" for text, people in counted if people]
    told += [f"- {people:,} at `{_cell(typed)}`: is `{meant}` meant?" for typed, meant, people in hints.slips]
    return ["## Worth a look", "", *(told or ["Nothing."]), ""]


def _sources(sources: Sequence[Source]) -> list[str]:
    if not sources:
        return []
    rows = [
        [
            without_addresses(one.name),
            one.contacts,
            one.mailed,
            _bounds(one.bounces),
            _bounds(one.complaints),
            _bounds(one.opens),
            one.score,
            one.verdict,
        ]
        for one in sources
    ]
    head = ("Import", "Contacts", "Mailed", "Bounced", "Complained", "Opened", "Score", "Verdict")
    return ["## Imports", "", *_table(head, rows)]


def _bounds(found: Rate) -> str:
    """Return a rate with its bounds."""
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> list[str]:
    if not rows:
        return [empty]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [
        f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else _cell(str(cell)) for cell in row)} |"
        for row in rows
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    """Return text that stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
