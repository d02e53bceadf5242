"""Import formats: what the columns of a file mean, and what a row says about its person.

People bring the exports of the system that they leave. Those hold not only contacts: half of a Mailchimp export are
people who left or whose mail bounced, and importing them as contacts is how a new sender's reputation ends in a day. So
a format says of each row where its person stands, and whoever must not be mailed becomes a suppression.

Terms:
    standing: what the earlier system knew: subscribed, or why not.
    field: what a column becomes: `email`, `status`, a `consent_…` column, `ignore`, or the name of an attribute.
    plan: the fields of one file's columns by position.

Invariants:
    Of two readings of a file the one that mails fewer people is taken: a Sendy file whose name does not say who is in
    it is refused, a Mailchimp file with a column UNSUB_TIME is one of unsubscribed people.
    No two columns become one attribute: the second gets `_2` at the end of its name, the third `_3`.

Standards:
    GDPR Art. 5(1)(c) (data minimisation): IP addresses, coordinates and staff notes of the earlier system are dropped.
    GDPR Art. 7(1), 21(3): the record of consent is kept, an objection stays one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core import addresses
from core.csv_records import MAX_COLUMNS
from core.errors import ImportFileError, InputError, InvalidAddressError
from core.suppression import Reason


class FileFormat(StrEnum):
    """Whose export it is."""

    GENERIC = "generic"
    MAILCHIMP = "mailchimp"
    SENDY = "sendy"
    LISTMONK = "listmonk"


class Standing(StrEnum):
    """Where a person stood with the earlier system."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"
    NOT_SUBSCRIBED = "not_subscribed"  # never confirmed, never asked, or switched off


SUPPRESSED_FOR: Final = {
    Standing.UNSUBSCRIBED: Reason.UNSUBSCRIBE,
    Standing.BOUNCED: Reason.HARD_BOUNCE,
    Standing.COMPLAINED: Reason.COMPLAINT,
    Standing.BLOCKED: Reason.MANUAL,
}

# The words of a status column that forbid mail, in snake case. Any other word leaves the person subscribed and stays
# readable as the attribute, since a column of that name may as well say "gold" or "married".
STATUS_WORDS: Final[dict[str, Standing]] = {
    **dict.fromkeys(("unsubscribed", "unsubscribe", "opted_out", "opt_out", "optout"), Standing.UNSUBSCRIBED),
    **dict.fromkeys(("cleaned", "bounced", "hard_bounce", "hard_bounced", "invalid"), Standing.BOUNCED),
    **dict.fromkeys(
        ("complained", "complaint", "spam", "marked_as_spam", "abuse", "abuse_complaint"), Standing.COMPLAINED
    ),
    **dict.fromkeys(
        ("blocklisted", "blacklisted", "blocked", "suppressed", "do_not_contact"), Standing.BLOCKED
    ),
    **dict.fromkeys(
        (
            "unconfirmed",
            "pending",
            "disabled",
            "nonsubscribed",
            "non_subscribed",
            "transactional",
            "archived",
        ),
        Standing.NOT_SUBSCRIBED,
    ),
}

# What makes a column the address, best first; compared in snake case.
_EMAIL_COLUMNS: Final = (
    "email",
    "e_mail",
    "email_address",
    "e_mail_address",
    "emailaddress",
    "mail",
    "subscriber_email",
    "primary_email",
    "contact_email",
    "e_mail_adresse",
    "email_adresse",
    "adresse_email",
    "adresse_e_mail",
    "correo",
    "correo_electronico",
    "indirizzo_email",
    "e_mailadres",
)

_CONSENT: Final = ("consent_basis", "consent_at", "consent_source", "consent_wording")

_GENERIC: Final = {name: name for name in ("status", *_CONSENT)} | dict.fromkeys(
    ("subscription_status", "subscriber_status", "email_status"), "status"
)

# Column names as in Mailchimp's CSV exports of 2013 to 2024 ("Email Address", "First Name", "Last Name", MEMBER_RATING,
# OPTIN_TIME, OPTIN_IP, CONFIRM_TIME, CONFIRM_IP, LATITUDE, LONGITUDE, GMTOFF, DSTOFF, TIMEZONE, CC, REGION,
# LAST_CHANGED, LEID, EUID, NOTES, TAGS; unsubscribed files also UNSUB_TIME, UNSUB_CAMPAIGN_TITLE, UNSUB_CAMPAIGN_ID,
# UNSUB_REASON, UNSUB_REASON_OTHER; cleaned files CLEAN_TIME, CLEAN_CAMPAIGN_TITLE, CLEAN_CAMPAIGN_ID), as quoted in
# the tests of public importers; statuses: mailchimp.com/developer/marketing/api/list-members.
_MAILCHIMP: Final = {
    # OPTIN_TIME is set by Mailchimp's own forms alone. CONFIRM_TIME is also set when staff import somebody, so it is
    # no evidence of consent.
    "optin_time": "consent_at",
    "unsub_reason": "detail",
    "unsub_time": "ignore",
    "clean_time": "ignore",
} | dict.fromkeys(
    (
        "optin_ip",
        "confirm_time",
        "confirm_ip",
        "latitude",
        "longitude",
        "gmtoff",
        "dstoff",
        "leid",
        "euid",
        "notes",
        "unsub_reason_other",
        "unsub_campaign_title",
        "unsub_campaign_id",
        "clean_campaign_title",
        "clean_campaign_id",
    ),
    "ignore",
)
_MAILCHIMP_FILE: Final = re.compile(r"(subscribed|unsubscribed|cleaned|nonsubscribed)_")
_MAILCHIMP_STANDINGS: Final = {
    "subscribed": Standing.SUBSCRIBED,
    "unsubscribed": Standing.UNSUBSCRIBED,
    "cleaned": Standing.BOUNCED,
    "nonsubscribed": Standing.NOT_SUBSCRIBED,
}

# listmonk, cmd/subscribers.go, ExportSubscribers: uuid, email, name, attributes, status, created_at, updated_at. The
# status is enabled, disabled or blocklisted; who left a list is not in the file.
_LISTMONK: Final = {"attributes": "json", "status": "status", "uuid": "ignore", "updated_at": "ignore"}

# Sendy, includes/subscribers/export-csv.php: no header, each cell in quotation marks that are not escaped, name and
# address first, then the list's custom fields; the file's name ends with the segment that was exported.
_SENDY_COLUMNS: Final = ("name", "email")
_SENDY_FILE: Final = re.compile(
    r"-(active|unconfirmed|unsubscribed|bounced|marked-as-spam)(?: ?\(\d+\))?\.csv$"
)
_SENDY_STANDINGS: Final = {
    "active": Standing.SUBSCRIBED,
    "unconfirmed": Standing.NOT_SUBSCRIBED,
    "unsubscribed": Standing.UNSUBSCRIBED,
    "bounced": Standing.BOUNCED,
    "marked-as-spam": Standing.COMPLAINED,
}

_FIELDS: Final[dict[FileFormat, Mapping[str, str]]] = {
    FileFormat.GENERIC: _GENERIC,
    FileFormat.MAILCHIMP: _MAILCHIMP,
    FileFormat.SENDY: _GENERIC,
    FileFormat.LISTMONK: _LISTMONK,
}

_SPECIAL: Final = frozenset({"email", "status", "json", "detail", "ignore", *_CONSENT})
_INNER_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What each column of one file becomes. Positions count from 0; None where the file has no such column."""

    columns: int
    email: int
    attributes: tuple[tuple[str, int], ...]
    status: int | None = None
    json: int | None = None
    detail: int | None = None
    consent_basis: int | None = None
    consent_at: int | None = None
    consent_source: int | None = None
    consent_wording: int | None = None
    standing: Standing = (
        Standing.SUBSCRIBED
    )  # of everybody in the file, unless a status column says otherwise
    source: str = ""
    first_row_is_data: bool = False


def plan(
    header: Sequence[str],
    file_format: FileFormat,
    *,
    file_name: str,
    mapping: Mapping[str, str] | None = None,
) -> Plan:
    """Return what the columns of a file mean.

    Args:
        header: The cells of its first line.
        file_format: Whose export it is.
        file_name: Without folders; Mailchimp and Sendy write there who is in the file.
        mapping: Column name to field, as the user gave it; it goes before what the format knows.

    Raises:
        ImportFileError: No column is the address, the columns are too many, or nobody can tell who is in the file.
        InputError: The mapping names a column that the file does not have.
    """
    if len(header) > MAX_COLUMNS:
        raise ImportFileError(
            f"the file has {len(header)} columns; {MAX_COLUMNS} are the most", code="too_many_columns"
        )
    headless = _is_address(header)
    names = _sendy_header(len(header)) if headless and file_format is FileFormat.SENDY else list(header)
    if headless and file_format is not FileFormat.SENDY:
        raise ImportFileError(
            "the first line holds an address, so the file has no header",
            hint="Add a first line that names the columns, such as email,first_name.",
            code="no_header",
        )
    fields = _fields(names, file_format, mapping or {})
    positions = {field: index for index, field in reversed(list(enumerate(fields))) if field in _SPECIAL}
    positions.pop("ignore", None)
    return Plan(
        columns=len(header),
        attributes=_attributes(names, fields),
        standing=_standing(file_format, file_name, [snake(name) for name in names]),
        source=str(file_format),
        first_row_is_data=headless,
        **positions,
    )


def snake(name: str) -> str:
    """Return a column's name as templates use it: `First Name`, `firstName` and `FIRST-NAME` become `first_name`."""
    words = re.sub(r"\W+", "_", _INNER_CAPITAL.sub("_", name.strip("\ufeff "))).strip("_").lower()
    words = re.sub(r"__+", "_", words)
    return f"column_{words}" if words[:1].isdigit() else words


def _fields(names: Sequence[str], file_format: FileFormat, mapping: Mapping[str, str]) -> list[str]:
    known = _FIELDS[file_format]
    given = {snake(column): field for column, field in mapping.items()}
    snakes = [snake(name) for name in names]
    for column in given.keys() - set(snakes):
        raise InputError(
            f"--map names the column {column!r}, which the file does not have", hint=_listed(names)
        )
    fields = [given.get(name, known.get(name, "")) for name in snakes]
    if "email" not in fields:
        fields[_email_position(snakes, fields, names)] = "email"
    return fields


def _email_position(snakes: Sequence[str], fields: Sequence[str], names: Sequence[str]) -> int:
    for wanted in _EMAIL_COLUMNS:
        if wanted in snakes and not fields[snakes.index(wanted)]:
            return snakes.index(wanted)
    raise ImportFileError(
        "no column is recognised as the e-mail address",
        hint=f'Say which one it is: --map "COLUMN=email". {_listed(names)}',
        code="no_email_column",
    )


def _listed(names: Sequence[str]) -> str:
    return f"The file's columns are: {', '.join(names)}."


def _attributes(names: Sequence[str], fields: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return name and position of the columns that become attributes, each name once."""
    taken: set[str] = set()
    attributes = []
    for index, (name, field) in enumerate(zip(names, fields, strict=True)):
        # A second column of one meaning (two addresses, say) is an attribute like any other. So is the status, lest
        # "gold" be lost where it says that.
        if field == "ignore" or (field in _SPECIAL - {"status"} and fields.index(field) == index):
            continue
        wanted = snake(name if field in _SPECIAL else field or name) or f"column_{index + 1}"
        attributes.append((_free_name(wanted, taken), index))
        taken.add(attributes[-1][0])
    return tuple(attributes)


def _free_name(name: str, taken: set[str]) -> str:
    candidates = (name, *(f"{name}_{number}" for number in range(2, MAX_COLUMNS + 2)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _is_address(header: Sequence[str]) -> bool:
    for cell in header:
        try:
            addresses.parse(cell)
        except InvalidAddressError:
            continue
        return True
    return False


def _sendy_header(columns: int) -> list[str]:
    custom = [f"custom_{number}" for number in range(1, columns - 1)]
    return [*_SENDY_COLUMNS, *custom][:columns]


def _standing(file_format: FileFormat, file_name: str, columns: Sequence[str]) -> Standing:
    if file_format is FileFormat.MAILCHIMP:
        return _mailchimp_standing(file_name, columns)
    if file_format is FileFormat.SENDY and "status" not in columns:
        named = _SENDY_FILE.search(file_name.lower())
        if named is None:
            raise ImportFileError(
                "the name of this Sendy export does not say who is in it, and neither does any column",
                hint="Export active, unsubscribed, bounced and marked-as-spam subscribers one by one and keep the "
                "names that Sendy gives the files, such as news-active.csv. An export of all subscribers cannot be used.",
                code="unknown_standing",
            )
        return _SENDY_STANDINGS[named.group(1)]
    return Standing.SUBSCRIBED


def _mailchimp_standing(file_name: str, columns: Sequence[str]) -> Standing:
    named = _MAILCHIMP_FILE.match(file_name.lower())
    if named is not None:
        return _MAILCHIMP_STANDINGS[named.group(1)]
    if "clean_time" in columns:
        return Standing.BOUNCED
    return Standing.UNSUBSCRIBED if "unsub_time" in columns else Standing.SUBSCRIBED
