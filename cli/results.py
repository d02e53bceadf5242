"""`posthouse campaign report`: what became of a campaign."""

from cli.output import listing, stdout
from core.results import Results
from core.results_report import segment_name


# Columns so narrow that a table fits into eighty.
_SHOWN = {
    "sent": "confirmed",
    "took": "delivered",
    "hard": "hard_bounces",
    "soft": "soft_bounces",
    "block": "blocked",
    "compl": "complaints",
    "open": "opened",
    "click": "clicked",
}


def show(results: Results) -> None:
    """Show a campaign's results as a person reads them."""
    document = results.as_json()
    stdout.print(f"{results.tenant} · {results.campaign}", highlight=False)
    funnel = [(step.name, step.people, _percent(step.share)) for step in results.funnel]
    stdout.print(listing(("step", "people", "of sent"), funnel))
    came_back = [*document["bounces"]["by_kind"].items()]
    came_back += [
        (f"– {name.replace('_', ' ')}", number) for name, number in document["bounces"]["by_class"].items()
    ]
    came_back += [("complaints", document["complaints"]), ("unsubscribes", document["unsubscribes"])]
    stdout.print(listing(("came back", "messages"), came_back))
    for what in ("provider", "segment", "domain", "day"):
        lines = document[f"{what}s"]
        if lines:
            table = [[_name(what, line), *(line[name] for name in _SHOWN.values())] for line in lines]
            stdout.print(listing((what, *_SHOWN), table))
    if document["links"]:
        links = [list(line.values()) for line in document["links"]]
        stdout.print(listing(("link", "people", "machines"), links))


def _name(what: str, line: dict[str, str]) -> str:
    return segment_name(int(line[what])) if what == "segment" else line[what]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
