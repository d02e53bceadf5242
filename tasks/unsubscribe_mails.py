"""Unsubscribes by mail: read a mailbox, heed every mail with a genuine token, and answer nobody."""

from dataclasses import dataclass
from typing import Any

from core import unsubscribe, unsubscribe_mail
from core.errors import ConfigurationError, InputError
from core.preferences import Source
from core.suppression import Scope
from core.unsubscribe import NOBODY, Claim, Purpose
from gateways import mailboxes
from store import suppressions, unsubscribes
from store.session import Session
from tasks.resources import Resources


@dataclass(slots=True)
class Report:
    """What was in a mailbox: mails, people who were unsubscribed by them, and mails without a genuine token."""

    mails: int = 0
    unsubscribed: int = 0
    already: int = 0
    others: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line answers it."""
        return {
            "mails": self.mails,
            "unsubscribed": self.unsubscribed,
            "already": self.already,
            "others": self.others,
        }

    def in_words(self) -> str:
        """Return it as a sentence."""
        return (
            f"{self.mails:,} mails: {self.unsubscribed:,} people unsubscribed, {self.already:,} already were, "
            f"{self.others:,} mails without our token"
        )


def read_mailbox(resources: Resources, location: str = "") -> Report:
    """Unsubscribe whoever has sent a mail there; read again, a mail changes nothing.

    Each mail is a transaction of its own, after whose commit it is put away: a process that is killed reads one mail twice.

    Args:
        resources: Of this process.
        location: Where `gateways.mailboxes` finds them; that of the settings if empty.

    Raises:
        ConfigurationError: There is none.
        InputError: It cannot be read.
    """
    place = location or resources.settings.unsubscribe_mailbox
    if not place:
        raise ConfigurationError(
            "no mailbox is set",
            hint="POSTHOUSE_UNSUBSCRIBE_MAILBOX, or name one: an mbox, a Maildir, a folder, s3://…",
        )
    report = Report()
    for mail in mailboxes.mails(place):
        report.mails += 1
        claim = _claim(resources, mail.head)
        heeded = claim is not None and _heed(resources, claim, mail.head, report)
        report.others += not heeded
        mail.done(heeded)
    return report


def _claim(resources: Resources, head: bytes) -> Claim | None:
    """Return what the first genuine token of a mail says."""
    for token in unsubscribe_mail.tokens(head):
        try:
            return unsubscribe.read(token, resources.secrets.token_keys, purpose=Purpose.UNSUBSCRIBE)
        except InputError:
            continue
    return None


def _heed(resources: Resources, claim: Claim, head: bytes, report: Report) -> bool:
    """Do what a mail asks; return whether there is anybody who may ask for it. That of a test mail stops nobody."""
    if claim.delivery_id == NOBODY:
        report.already += 1
        return True
    found = resources.database.repeat(lambda session: _stop(session, claim, unsubscribe_mail.digest(head)))
    if found is not None:
        report.unsubscribed += found
        report.already += not found
    return found is not None


def _stop(session: Session, claim: Claim, digest: str) -> bool | None:
    """Take the person off the list of the message; say whether that is new, None if there is no such delivery."""
    key = {"tenant_id": claim.tenant_id, "delivery_id": claim.delivery_id}
    if unsubscribes.addressee(session, **key) is None:
        return None
    if not unsubscribes.note_mail(session, **key, digest=digest):
        return False
    suppressions.acting(session, actor="recipient", why="unsubscribed by mail")
    return unsubscribes.stop(session, **key, scope=Scope.AUDIENCE, source=Source.MAILTO)
