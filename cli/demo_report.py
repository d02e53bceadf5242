"""The demo's last page: what became of both campaigns, what came back, what hygiene did, and what the judge says."""

from collections.abc import Sequence
from typing import Any, Final

from cli.output import listing, stdout
from core.facts import Fact
from core.reporting import fact_in_words
from tasks.judging import Verdict


_PARTS: Final = ("audience", "sent", "pending", "failed", "in_doubt", "unconfirmed")
# Told by class, in rows of their own.
_IN_DETAIL: Final = frozenset({Fact.SENT, Fact.COMPLAINT, Fact.UNSUBSCRIBE})

Line = dict[str, Any]


def show(document: Line) -> None:
    """Show the evening as a person reads it."""
    lines = document["tenants"]
    stdout.print(listing(("", *[line["tenant"] for line in lines]), table(lines)))
    for line in lines:
        if outlook := line["forecast"]:
            stdout.print(
                f"{line['tenant']}: out of today's allowance; {outlook['waiting']:,} wait until "
                f"{outlook['resumes_on']}, done about {outlook['done_on']}.",
                highlight=False,
            )
    judge, colour = document["judge"], "green" if Verdict(**document["judge"]).ok else "red"
    stdout.print(
        f"[{colour}]The judge: {judge['accepted']:,} accepted by SES, {judge['duplicates']} twice, "
        f"{judge['suppressed_accepted']} to suppressed people, {judge['lost']} lost, "
        f"{judge['unrecorded']} unrecorded.[/{colour}]",
        highlight=False,
    )
    stdout.print(f"Reconciliation: {document['reconciliation']}", highlight=False)
    stdout.print(f"Flow runs and reports: {document['urls']['prefect']}", highlight=False)
    stdout.print(f"Dashboard:             {document['urls']['web']}", highlight=False)
    stdout.print(f"{document['seconds']} seconds", highlight=False)


def table(lines: Sequence[Line]) -> list[list[object]]:
    """Return one row for each part, skip reason, event, class of bounce and rule of hygiene, with a column for each tenant."""
    kinds = [
        fact for fact in Fact if fact not in _IN_DETAIL and any(fact in line["events"] for line in lines)
    ]
    return [
        *([part.replace("_", " "), *(line[part] for line in lines)] for part in _PARTS),
        *_rows("skipped", [line["skipped"]["by_reason"] for line in lines]),
        *(
            [f"event: {fact_in_words(fact)}", *(line["events"].get(fact, 0) for line in lines)]
            for fact in kinds
        ),
        *_rows("bounce", [line["bounces"]["by_class"] for line in lines]),
        ["complaints", *(line["complaints"] for line in lines)],
        ["unsubscribes", *(line["unsubscribes"] for line in lines)],
        *_rows("hygiene", [line["hygiene"] for line in lines], with_none=True),
        ["suppressions added", *(line["suppressions_added"] for line in lines)],
    ]


def _rows(what: str, of_tenants: Sequence[dict[str, int]], *, with_none: bool = False) -> list[list[object]]:
    """Return a row for each key that any tenant has more than none of, or for each at all."""
    keys = sorted({key for counts in of_tenants for key, number in counts.items() if number or with_none})
    return [
        [f"{what}: {key.replace('_', ' ')}", *(counts.get(key, 0) for counts in of_tenants)] for key in keys
    ]
