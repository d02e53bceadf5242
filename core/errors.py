"""Every error that Posthouse raises, in one tree, shaped by one question.

The question is: *is the message known not to have been sent?* What may follow an error depends on its answer alone.

    PosthouseError
    ├── ConfigurationError              the set-up is wrong: stop and tell a person
    │   └── UnsafeRuntimeError              a known hole in the interpreter or a library
    ├── LedgerError                     our own database cannot be used: no commit, so no call was made
    │   ├── LedgerBehindError               it may lack calls that were made: a person, or time, decides
    │   ├── LedgerBusyError                 others hold what this needs, for long
    │   └── StorageFullError                the server's disk is full
    ├── InputError                      what was given cannot be used; nothing was changed
    │   ├── InvalidAddressError             not an address that SES can deliver to
    │   ├── NotFoundError                   no such tenant, campaign, audience, template ...
    │   ├── ConflictError                   it exists already, or its state forbids this
    │   └── ImportFileError                 the file as a whole cannot be read
    ├── TemplateError                   a template, or it and its data, cannot be rendered
    │   ├── TemplateSyntaxError             Jinja cannot parse it
    │   ├── TemplateUndefinedError          it names a field that a contact does not have
    │   ├── TemplateForbiddenError          it reaches for what templates may not touch
    │   └── TemplateLimitError              it is too large, too deep or too slow
    ├── PreflightError                  the campaign may not start; carries the findings
    ├── SendingError                    Amazon SES did not take the message
    │   ├── NotSentError                    known not sent: the same call may work later
    │   │   ├── ThrottledError                  over the sending rate: slow down
    │   │   ├── QuotaExhaustedError             over the 24-hour quota: stop until it rolls off
    │   │   ├── UnreachableError                no connection was made
    │   │   ├── ClockSkewError                  our clock is off: every call would be refused
    │   │   ├── LeaseLostError                  our own deadline passed before the call left
    │   │   └── SendingPausedError              account, tenant or configuration refused: stop, tell a person
    │   ├── MessageRejectedError            known not sent, and never will be: this message's own fault
    │   └── OutcomeUnknownError             the answer was lost: in doubt, only evidence may settle it
    └── EventError                      an inbound SES event cannot be used
        ├── UntrustedEventError             bad signature or a topic that is not ours
        └── MalformedEventError             not the JSON that SES documents

Each class carries a stable `code` that users script against, and each error a `hint` that says what to do.
"""

from typing import Any, ClassVar


class PosthouseError(Exception):
    """The root. Raised never by itself.

    Args:
        message: What is wrong, with ids and counts, never an address.
        hint: What the reader can do about it.
        code: A more exact stable code than the class's own.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code

    def as_json(self) -> dict[str, str]:
        """Return the error as the command line and the web answer it."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class ConfigurationError(PosthouseError):
    """The set-up is wrong. Not raised for what a user typed: that is `InputError`."""

    default_code = "configuration"


class UnsafeRuntimeError(ConfigurationError):
    """The interpreter or a library has a known hole; the message names the fixed version."""

    default_code = "unsafe_runtime"


class LedgerError(PosthouseError):
    """Our own database cannot be used for this now. Nothing was committed, so that no call was made."""

    default_code = "ledger"


class LedgerBehindError(LedgerError):
    """The ledger may lack calls that were made: it was restored or failed over, or SES knows more."""

    default_code = "ledger_behind_ses"


class LedgerBusyError(LedgerError):
    """Locks, deadlocks or conflicts of transactions stood in the way, again and again."""

    default_code = "database_busy"


class StorageFullError(LedgerError):
    """The database server's disk is full (SQLSTATE 53100)."""

    default_code = "storage_full"


class InputError(PosthouseError):
    """What was given cannot be used, and nothing was changed."""

    default_code = "invalid_input"


class InvalidAddressError(InputError):
    """Not an address that SES can deliver to (RFC 5321 mailbox, IDNA domain, ASCII local part)."""

    default_code = "invalid_address"


class NotFoundError(InputError):
    """No such thing in this tenant. The same answer is given for another tenant's things."""

    default_code = "not_found"


class ConflictError(InputError):
    """It exists already, or its present state forbids this."""

    default_code = "conflict"


class ImportFileError(InputError):
    """The file as a whole cannot be read. A bad line is not an error: it is counted and reported."""

    default_code = "import_file"


class TemplateError(PosthouseError):
    """A template, or a template and its data, cannot be rendered."""

    default_code = "template"


class TemplateSyntaxError(TemplateError):
    """Jinja cannot parse the source; the message names file and line."""

    default_code = "template_syntax"


class TemplateUndefinedError(TemplateError):
    """The template names a field that the data does not have."""

    default_code = "template_undefined"


class TemplateForbiddenError(TemplateError):
    """The template reaches for what templates may not touch."""

    default_code = "template_forbidden"


class TemplateLimitError(TemplateError):
    """The template, or what it renders, is too large, too deep or too slow."""

    default_code = "template_limit"


class PreflightError(PosthouseError):
    """The campaign may not start. `findings` says why, as `core.preflight.Finding` in JSON form."""

    default_code = "preflight"

    def __init__(self, message: str, *, findings: list[dict[str, Any]], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class SendingError(PosthouseError):
    """Amazon SES did not take the message.

    Args:
        message: What SES, or the network, said.
        error_code: The code on the wire ("TooManyRequestsException") or the exception's name.
        http_status: The status of the answer, 0 when there was none.
        request_id: Amazon's request id, for its support, "" when there was none.
    """

    default_code = "sending"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        error_code: str = "",
        http_status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_code = error_code
        self.http_status = http_status
        self.request_id = request_id


class NotSentError(SendingError):
    """Known not sent, and the same call may work later. The only sending error that may be retried."""

    default_code = "not_sent"


class ThrottledError(NotSentError):
    """Over the account's sending rate ("SES drops the message and doesn't attempt to redeliver it")."""

    default_code = "throttled"


class QuotaExhaustedError(NotSentError):
    """Over the account's rolling 24-hour quota: the account stops, the message waits."""

    default_code = "quota_daily"


class UnreachableError(NotSentError):
    """No connection was made (refused, DNS, connect timeout), so no byte of the message left."""

    default_code = "ses_unreachable"


class ClockSkewError(NotSentError):
    """AWS refused the signature as too old or too new: this machine's clock is wrong, or the process was paused."""

    default_code = "clock_skew"


class LeaseLostError(NotSentError):
    """Our own deadline for the call passed before it left; somebody else may own the row by now."""

    default_code = "lease_lost"


class SendingPausedError(NotSentError):
    """SES refuses this account, tenant, identity or configuration set: every next call would fail too."""

    default_code = "ses_sending_paused"


class MessageRejectedError(SendingError):
    """SES refused this message for good. The next message may well be taken."""

    default_code = "message_rejected"


class OutcomeUnknownError(SendingError):
    """The answer was lost or makes no sense. Everything not proven unsent ends here; never send again on it."""

    default_code = "outcome_unknown"


class EventError(PosthouseError):
    """An inbound SES event cannot be used."""

    default_code = "event"


class UntrustedEventError(EventError):
    """The signature does not verify, or the topic is not on our list."""

    default_code = "event_untrusted"


class MalformedEventError(EventError):
    """Not the JSON that SES documents."""

    default_code = "event_malformed"
