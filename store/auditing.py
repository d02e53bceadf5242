"""Auditing: what the run-time audit has found of stored sources, which every sender asks before each of its windows."""

from dataclasses import dataclass

from store.session import Session, count, one, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the run-time audit knows of stored sources. `demoted_why` is "" until a message differed."""

    audited: int
    demoted_why: str

    @property
    def is_demoted(self) -> bool:
        """Whether premailer itself writes their messages."""
        return bool(self.demoted_why)


def standing(session: Session, *, tenant_id: int, digest: str) -> Standing:
    """Return what the audit knows of stored sources; nothing, if they are not stored."""
    row = one(
        session,
        "SELECT audited, demoted_why FROM template_version WHERE tenant_id = :tenant_id AND digest = :digest",
        tenant_id=tenant_id,
        digest=digest,
    )
    return Standing(**row) if row else Standing(audited=0, demoted_why="")


def count_audited(session: Session, *, tenant_id: int, digest: str, messages: int) -> None:
    """Count messages that were compared with premailer's page."""
    run(
        session,
        """UPDATE template_version SET audited = audited + :messages
           WHERE tenant_id = :tenant_id AND digest = :digest""",
        tenant_id=tenant_id,
        digest=digest,
        messages=messages,
    )


def demote(session: Session, *, tenant_id: int, digest: str, why: str) -> bool:
    """Let premailer itself write every message of these sources from now on; return False if it does already.

    Every sender asks before each of its windows, so those that begin after this commit are all written by it.
    """
    return bool(
        count(
            session,
            """UPDATE template_version SET demoted_at = now(), demoted_why = :why
               WHERE tenant_id = :tenant_id AND digest = :digest AND demoted_at IS NULL""",
            tenant_id=tenant_id,
            digest=digest,
            why=why,
        )
    )


def restore(session: Session, *, tenant_id: int, digest: str) -> bool:
    """Take a demotion back; return False if there is none. Senders that run stay with premailer until their end."""
    return bool(
        count(
            session,
            """UPDATE template_version SET demoted_at = NULL, demoted_why = ''
               WHERE tenant_id = :tenant_id AND digest = :digest AND demoted_at IS NOT NULL""",
            tenant_id=tenant_id,
            digest=digest,
        )
    )
