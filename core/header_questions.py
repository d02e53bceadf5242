"""Header questions: what may be wrong with the header fields of a message. Each function is one yes/no question.

Terms:
    display name: the words before the address in `From`, decoded.

Standards:
    RFC 5322 (Internet message format), 3.6 (occurrences of fields), 3.6.2 (originator). RFC 2047 (encoded words).
    RFC 2369 (List-Unsubscribe). RFC 8058 (one-click unsubscribe). Unicode Technical Standard #39, 5.2 (script mixing).
"""

import re
import unicodedata
from collections import Counter
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from urllib.parse import quote, unquote

from core import headers
from core.errors import InputError
from core.samples import Sample, host_of, readable


LONG_SUBJECT = 150

# Gmail's limits, in characters where it says characters.
_MAX_HEADERS = 500_000
_MAX_VALUE = 32_000
_MAX_NAME = 1_000
_MAX_SUBJECT = 998

_FREE_MAIL = frozenset(
    {
        "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com",
        "mail.ru", "me.com", "outlook.com", "proton.me", "protonmail.com", "web.de", "yahoo.com", "ymail.com",
    }
)  # fmt: skip
_PICTURES = re.compile("[\u2190-\u21ff\u2500-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")
_MERGE_FIELD = re.compile(r"\{\{|\{%|\*\||\|\*|%%|\[\[|<<")
_COUNT = re.compile(r"[(\[]\s*\d+\s*[)\]]")
_URGENT = re.compile(
    r"\b(?:urgent|last chance|final notice|act now|time is running out|(?:important|latest) update|new message|alert)\b",
    re.IGNORECASE,
)
_REPLY = re.compile(r"\s*(?:re|fwd?|aw|wg|sv|vs|tr|rv)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)
_DEAF = re.compile(r"(?:no|do-?not|donot)[-_.]?reply\b", re.IGNORECASE)
# Scripts of East Asia, which may stand beside Latin in one name.
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})


def repeats_a_header(sample: Sample) -> bool:
    """Whether a header stands there twice; names differ in more than their case."""
    return any(times > 1 for times in Counter(name.lower() for name in sample.headers).values())


def has_not_one_sender(sample: Sample) -> bool:
    """Whether `From` has no address, or more than one."""
    return len(_addresses(sample, "From")) != 1


def has_many_reply_addresses(sample: Sample) -> bool:
    """Whether `Reply-To` is there and has not exactly one address."""
    return bool(sample.header("Reply-To")) and len(_addresses(sample, "Reply-To")) != 1


def sends_from_free_mail(sample: Sample) -> bool:
    """Whether the sender's domain is one whose owner forbids others to send from it."""
    return _sender_domain(sample) in _FREE_MAIL


def sends_from_anothers_domain(sample: Sample) -> bool:
    """Whether the sender's domain is none of the tenant's sending domains, nor below one."""
    domain = _sender_domain(sample)
    ours = sample.sending_domains
    return bool(ours) and not any(domain == one or domain.endswith(f".{one}") for one in ours)


def exceeds_gmails_limits(sample: Sample) -> bool:
    """Whether the headers are larger than Gmail accepts: in all, one of them, a name, or the subject."""
    fields = [*sample.headers.items(), ("Subject", sample.content.subject)]
    return (
        sum(len(name) + len(value) for name, value in fields) > _MAX_HEADERS
        or any(len(name) > _MAX_NAME or len(value) > _MAX_VALUE for name, value in fields)
        or len(sample.content.subject) > _MAX_SUBJECT
    )


def smuggles_a_header(sample: Sample) -> bool:
    """Whether a value is, or decodes to, more than one line, so that what follows reads as another header."""
    return any(_is_unsafe(*field) for field in [*sample.headers.items(), ("Subject", sample.content.subject)])


def writes_encoded_words(sample: Sample) -> bool:
    """Whether the subject holds an encoded word, which SES would encode again."""
    return bool(re.search(r"=\?[\w-]+\?[bq]\?[^?\s]*\?=", sample.content.subject, re.IGNORECASE))


def has_an_address_beyond_ascii(sample: Sample) -> bool:
    """Whether the address in `From` or `Reply-To` has characters that SMTP without SMTPUTF8 cannot carry."""
    return any(not address.isascii() for _, address in _originators(sample))


def has_an_address_as_its_name(sample: Sample) -> bool:
    """Whether the display name holds an address."""
    return "@" in _display_name(sample)


def has_a_picture_in_its_name(sample: Sample) -> bool:
    """Whether the display name holds an emoji, an arrow or a check mark."""
    return bool(_PICTURES.search(_display_name(sample)))


def has_a_merge_field_in_its_name(sample: Sample) -> bool:
    """Whether the display name holds a field to be filled in, such as the reader's name."""
    return bool(_MERGE_FIELD.search(_display_name(sample)))


def has_an_urgent_name(sample: Sample) -> bool:
    """Whether the display name hurries the reader."""
    return bool(_URGENT.search(_display_name(sample)))


def has_a_counted_name(sample: Sample) -> bool:
    """Whether the display name looks like a thread, as in `Ann (2)` or `Re: Ann`."""
    name = _display_name(sample)
    return bool(_COUNT.search(name) or _REPLY.match(name))


def repeats_its_subject_as_name(sample: Sample) -> bool:
    """Whether the display name holds the subject."""
    subject = sample.content.subject.strip().casefold()
    return len(subject) > 3 and subject in _display_name(sample).casefold()


def has_no_subject(sample: Sample) -> bool:
    """Whether the subject is empty."""
    return not sample.content.subject.strip()


def has_a_long_subject(sample: Sample) -> bool:
    """Whether the subject is longer than any mail program shows."""
    return len(sample.content.subject) > LONG_SUBJECT


def pretends_to_be_a_reply(sample: Sample) -> bool:
    """Whether the subject claims an earlier conversation."""
    return bool(_REPLY.match(sample.content.subject))


def mixes_scripts_in_a_domain(sample: Sample) -> bool:
    """Whether a domain of the sender or of a link mixes scripts that look alike, such as Latin and Cyrillic."""
    domains = {address.rpartition("@")[2].lower() for _, address in _originators(sample)}
    return any(_mixes_scripts(domain) for domain in domains | {host_of(link.url) for link in sample.links})


def names_the_reader_to_unsubscribe(sample: Sample) -> bool:
    """Whether the way to unsubscribe has the reader's address in it, so that whoever has the link knows whose it is."""
    target = sample.header("List-Unsubscribe")
    return _holds_address(target, sample.recipient) or _holds_address(
        sample.unsubscribe_url, sample.recipient
    )


def names_the_reader_in_a_link(sample: Sample) -> bool:
    """Whether a link has the reader's address in it, and so hands it to other people's logs."""
    return any(
        _holds_address(link.url, sample.recipient)
        for link in sample.foreign_links
        if not link.url.lower().startswith("mailto:")
    )


def claims_to_be_automatic(sample: Sample) -> bool:
    """Whether there is a header of automatic answers, or the non-standard `Precedence`."""
    return bool(sample.header("Auto-Submitted") or sample.header("Precedence"))


def cannot_be_answered(sample: Sample) -> bool:
    """Whether an answer would go to a mailbox that by its name nobody reads."""
    answers = _addresses(sample, "Reply-To") or _addresses(sample, "From")
    return any(_DEAF.match(address) for _, address in answers)


def has_no_list_header(sample: Sample) -> bool:
    """Whether `List-Unsubscribe` lacks its one HTTPS address, or has anything beside it and one mailto."""
    return not re.match(r"<https?://[^<>\s]+>(,\s*<mailto:[^<>\s]+>)?$", sample.header("List-Unsubscribe"))


def has_no_one_click_header(sample: Sample) -> bool:
    """Whether `List-Unsubscribe-Post` is not the very words of RFC 8058."""
    return sample.header("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click"


def _addresses(sample: Sample, name: str) -> list[tuple[str, str]]:
    return [(name, address) for name, address in getaddresses([sample.header(name)]) if address]


def _originators(sample: Sample) -> list[tuple[str, str]]:
    return _addresses(sample, "From") + _addresses(sample, "Reply-To")


def _sender_domain(sample: Sample) -> str:
    return next((address.rpartition("@")[2].lower() for _, address in _addresses(sample, "From")), "")


def _display_name(sample: Sample) -> str:
    """Return the sender's name as a reader sees it: a name that is not ASCII travels in encoded words."""
    name = next((name for name, _ in _addresses(sample, "From")), "")
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name


def _is_unsafe(name: str, value: str) -> bool:
    try:
        headers.check_header_value(name, value)
    except InputError:
        return True
    return False


def _holds_address(text: str, address: str) -> bool:
    if not address or "@" not in address:
        return False
    return any(form.lower() in text.lower() for form in (address, quote(address, safe=""))) or (
        "%" in text and address.lower() in unquote(text).lower()
    )


def _mixes_scripts(domain: str) -> bool:
    for label in readable(domain).split("."):
        letters = (letter for letter in label if letter.isalpha())
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
        if len(scripts) > 1 and not scripts <= _EAST_ASIAN | {"LATIN"}:
            return True
    return False
