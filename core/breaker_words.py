"""Words of breakers: what a trip did, and who lets the sender go on, as people read it in a state, a log and an audit."""

from collections.abc import Mapping

from core.breakers import Level, Scope, Verdict


def about(scope: Scope, subject: str) -> str:
    """Return whom a breaker watches, as an audit's subject names it."""
    match scope:
        case Scope.CAMPAIGN:
            return f"campaign {subject}"
        case Scope.TENANT:
            return "the tenant"
        case Scope.TENANT_AT_PROVIDER:
            return f"the tenant at {subject}"
        case Scope.ACCOUNT:
            return "all tenants together"


def reason(verdict: Verdict, causes: Mapping[str, Mapping[str, int]]) -> str:
    """Return a verdict with the commonest reason and the worst list, where they are known."""
    parts = [verdict.why]
    for what, name in (("reasons", "Mostly"), ("lists", "Worst list"), ("sources", "Worst source")):
        if causes.get(what):
            worst, hits = next(iter(causes[what].items()))
            parts.append(f"{name}: {worst} ({hits:,}).")
    return " ".join(parts)


def action(scope: Scope, level: Level) -> str:
    """Return what the audit calls it."""
    done = {Level.WARN: "warned", Level.SLOW: "slowed", Level.TRIP: "tripped"}[level]
    return f"breaker.{done}" if scope is not Scope.CAMPAIGN else f"campaign.{done}"
