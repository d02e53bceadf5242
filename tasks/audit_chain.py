"""Audit chain: verify what is written of who did what, and export the anchors that prove it later."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import audit_chain as rule
from core.audit_chain import Link, Verdict
from core.errors import InputError
from models import Tenant
from store import audit_chain, tenants
from tasks.resources import Resources


def verify(
    resources: Resources, *, slug: str | None = None, kept: Mapping[str, Link] | None = None
) -> list[dict[str, Any]]:
    """Walk the chain of one tenant, or of each, and say how many links hold and which is the first that does not.

    Args:
        resources: Of this process.
        slug: One tenant; all without it.
        kept: Links that were exported earlier, by slug.

    Raises:
        NotFoundError: There is no such tenant.
    """
    return [
        _line(tenant.slug, _verdict(resources, tenant, kept or {})) for tenant in _chosen(resources, slug)
    ]


def _line(slug: str, verdict: Verdict) -> dict[str, Any]:
    broken = verdict.broken
    told = {"position": broken.position, "why": broken.why} if broken else None
    return {"tenant": slug, "ok": broken is None, "entries": verdict.entries, "broken": told}


def _verdict(resources: Resources, tenant: Tenant, kept: Mapping[str, Link]) -> Verdict:
    assert tenant.id is not None
    # One snapshot: an entry that is committed meanwhile is neither in the entries nor in the head.
    with resources.database.begin() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        anchor, head = audit_chain.ends(session, tenant_id=tenant.id)
        entries = audit_chain.entries(session, tenant_id=tenant.id)
        return rule.verify(entries, anchor=anchor, head=head, kept=kept.get(tenant.slug))


def anchors(resources: Resources, *, slug: str | None = None) -> list[dict[str, Any]]:
    """Return the newest link of one tenant's chain, or of each: kept elsewhere, it tells of any later forgery.

    Raises:
        NotFoundError: There is no such tenant.
    """
    at, found = datetime.now(UTC), []
    for tenant in _chosen(resources, slug):
        assert tenant.id is not None
        with resources.database.begin() as session:
            _, head = audit_chain.ends(session, tenant_id=tenant.id)
        found.append({"tenant": tenant.slug, "position": head.position, "hash": head.hash, "at": at})
    return found


def read_anchors(path: Path) -> dict[str, Link]:
    """Return the links of a file that `posthouse audit anchor --json` wrote, by slug.

    Raises:
        InputError: It is no such file.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))["anchors"]
        return {one["tenant"]: Link(position=int(one["position"]), hash=str(one["hash"])) for one in written}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} holds no anchors", hint="posthouse audit anchor --json writes such a file."
        ) from error


def _chosen(resources: Resources, slug: str | None) -> Sequence[Tenant]:
    with resources.database.begin() as session:
        return [tenants.by_slug(session, slug)] if slug else tenants.everyone(session)
