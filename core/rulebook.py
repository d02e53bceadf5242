"""The rulebook: the rules that a message is held to, as data, each with its authority and the date of its text.

Rules of mailbox providers change: a new one is a row here and a function in `core/header_questions.py` or
`core/body_questions.py`; a changed one is a new date. What a provider says is told as its own, and what is only our
judgement as ours.

Terms:
    block: it would be refused, hurt the sender's name or break a law. warn: a person should look. info: good to know.
    firm: a blocking rule that nobody may override. They are those without which a message breaks the law (a way to
        leave, a postal address), or could not be sent or stopped at all.

Invariants:
    One question has one rule, one rule one id. An id begins with its family, and is never used again for another rule.

See:
    docs/preflight.md, which a test compares with this table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from core import body_questions as body
from core import header_questions as header
from core.authorities import (
    APPLE,
    CAN_SPAM,
    CASL,
    GMAIL_SEEN,
    GOOGLE,
    GOOGLE_LIMITS,
    GOOGLE_NAMES,
    MICROSOFT,
    MICROSOFT_HELP,
    OURS,
    RFC_2046,
    RFC_2047,
    RFC_2369,
    RFC_3834,
    RFC_3986,
    RFC_5322,
    RFC_6531,
    RFC_8058,
    SES,
    W3C,
    W3C_LANGUAGE,
    YAHOO,
    YAHOO_CODES,
    YAHOO_FAQ,
    Source,
)
from core.samples import Sample


Severity = Literal["block", "warn", "info"]

# When all rules were last compared with their sources, and for how long that may be believed.
REVIEWED_ON = date(2026, 11, 24)
STALE_AFTER = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Rule:
    """A question; what to say when its answer is yes, what to do then, and who says so."""

    id: str
    severity: Severity
    where: str
    asks: Callable[[Sample], bool]
    message: str
    remedy: str
    sources: tuple[Source, ...]
    firm: bool = False


RULES: tuple[Rule, ...] = (
    Rule(
        "FMT-HDR-01", "block", "headers", header.repeats_a_header,
        "a header stands there twice", "Leave one of the two.", (GOOGLE, RFC_5322), firm=True,
    ),
    Rule(
        "FMT-HDR-01-FROM", "block", "From", header.has_not_one_sender,
        "From needs exactly one address", "Give the tenant one From address.", (GOOGLE, RFC_5322), firm=True,
    ),
    Rule(
        "FMT-HDR-01-REPLY", "block", "Reply-To", header.has_many_reply_addresses,
        "Reply-To needs exactly one address", "Give the tenant one Reply-To address.", (MICROSOFT, RFC_5322), firm=True,
    ),
    Rule(
        "FMT-HDR-02", "block", "From", header.sends_from_free_mail,
        "the sender's domain is a free-mail provider's, which forbids others to send from it",
        "Send from a domain of the tenant's own.", (GOOGLE, YAHOO),
    ),
    Rule(
        "FMT-HDR-02-DOMAIN", "block", "From", header.sends_from_anothers_domain,
        "the sender's domain is none of the tenant's sending domains",
        "Add the domain to the tenant, or send from one that it has.", (GOOGLE, YAHOO, MICROSOFT, APPLE), firm=True,
    ),
    Rule(
        "FMT-HDR-03", "block", "headers", header.exceeds_gmails_limits,
        "a header, or all together, is larger than Gmail accepts", "Shorten it.", (GOOGLE_LIMITS,),
    ),
    Rule(
        "FMT-HDR-04", "block", "headers", header.smuggles_a_header,
        "a header holds a line break or a control character, openly or in an encoded word",
        "Correct the template or the data: what follows the break would be a header of its own.",
        (RFC_5322, RFC_2047), firm=True,
    ),
    Rule(
        "FMT-HDR-04-ASCII", "block", "From", header.has_an_address_beyond_ascii,
        "From or Reply-To has an address that is not ASCII", "Write its domain as an A-label (xn--…).",
        (YAHOO_CODES, RFC_6531), firm=True,
    ),
    Rule(
        "FMT-HDR-04-WORD", "warn", "subject", header.writes_encoded_words,
        "the subject holds an encoded word, which is shown as it stands",
        "Write the characters themselves; SES encodes them.", (RFC_2047,),
    ),
    Rule(
        "FMT-HDR-04-LINE", "info", "html", body.has_long_lines,
        "a line has more than 998 bytes", "Break it: SES encodes it, and not every program on the way does.",
        (RFC_5322,),
    ),
    Rule(
        "FMT-HDR-05", "block", "From", header.has_an_address_as_its_name,
        "the sender's name holds an address", "Name the sender.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-05-EMOJI", "block", "From", header.has_a_picture_in_its_name,
        "the sender's name holds an emoji, an arrow or a check mark", "Name the sender in letters.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-05-FIELD", "block", "From", header.has_a_merge_field_in_its_name,
        "the sender's name holds a field to be filled in", "Name the sender; it is not a template.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-05-URGENT", "warn", "From", header.has_an_urgent_name,
        "the sender's name hurries the reader", "Name the sender, and nothing of the message.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-05-COUNT", "warn", "From", header.has_a_counted_name,
        "the sender's name looks like a thread, as in (2) or Re:", "Name the sender.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-05-SUBJECT", "warn", "From", header.repeats_its_subject_as_name,
        "the sender's name holds the subject", "Name the sender.", (GOOGLE_NAMES,),
    ),
    Rule(
        "FMT-HDR-06", "block", "subject", header.has_no_subject,
        "the subject is empty", "Give the template or the campaign a subject.", (OURS,),
    ),
    Rule(
        "FMT-HDR-06-LONG", "warn", "subject", header.has_a_long_subject,
        "the subject has more than 150 characters", "Say it in fewer; telephones show about 40.", (OURS,),
    ),
    Rule(
        "FMT-HDR-06-REPLY", "warn", "subject", header.pretends_to_be_a_reply,
        "the subject begins like a reply or a forward", "Begin with what the message is about.", (GOOGLE, CAN_SPAM),
    ),
    Rule(
        "FMT-HDR-07", "warn", "html", header.mixes_scripts_in_a_domain,
        "a domain mixes scripts that look alike", "Use a domain in one script (Unicode TS 39, 5.2).", (GOOGLE,),
    ),
    Rule(
        "FMT-HDR-09", "block", "List-Unsubscribe", header.names_the_reader_to_unsubscribe,
        "the link to unsubscribe has the reader's address in it", "Use the link of unsubscribe_url, which is opaque.",
        (RFC_8058,), firm=True,
    ),
    Rule(
        "FMT-HDR-09-LINK", "warn", "html", header.names_the_reader_in_a_link,
        "a link has the reader's address in it, and hands it to the logs of whom it leads to",
        "Leave the address out of links.", (OURS,),
    ),
    Rule(
        "FMT-HDR-11", "info", "headers", header.claims_to_be_automatic,
        "a header says that the message is an automatic answer", "Leave Auto-Submitted and Precedence out.", (RFC_3834,),
    ),
    Rule(
        "DNS-ABUSE-01", "warn", "Reply-To", header.cannot_be_answered,
        "answers go to a mailbox that nobody reads", "Give the tenant a Reply-To that a person reads.", (MICROSOFT,),
    ),
    Rule(
        "FMT-BODY-01", "block", "text", body.has_no_text_part,
        "the text part is empty", "Write body.txt.j2.", (OURS, RFC_2046),
    ),
    Rule(
        "FMT-BODY-01-THIN", "warn", "text", body.has_a_thin_text_part,
        "the text part says much less than the HTML", "Say the same in both parts.", (RFC_2046,),
    ),
    Rule(
        "FMT-BODY-01-LINKS", "info", "text", body.has_a_text_without_links,
        "the text part leads to none of the pages that the HTML leads to", "Write the addresses into the text.",
        (RFC_2046,),
    ),
    Rule(
        "FMT-BODY-02", "block", "html", body.is_clipped_before_its_footer,
        "the HTML is over 102 KB, and Gmail cuts off its end with the link to unsubscribe", "Shorten the HTML.",
        (GMAIL_SEEN,),
    ),
    Rule(
        "FMT-BODY-02-CLIP", "warn", "html", body.is_clipped_after_its_footer,
        "the HTML is over 102 KB: Gmail cuts off its end", "Shorten the HTML.", (GMAIL_SEEN,),
    ),
    Rule(
        "FMT-BODY-02-NEAR", "warn", "html", body.is_nearly_clipped,
        "the HTML is over 90 KB; SES adds its pixel and longer links, and Gmail cuts at 102 KB", "Shorten the HTML.",
        (GMAIL_SEEN,),
    ),
    Rule(
        "FMT-BODY-03", "warn", "html", body.is_heavy,
        "the message is over 1 MB", "Send less: every reader downloads it.", (OURS,),
    ),
    Rule(
        "FMT-BODY-03-MAX", "block", "html", body.is_too_heavy,
        "the message is over 25 MB, more than Gmail and Yahoo take", "Send less.", (YAHOO_FAQ, SES), firm=True,
    ),
    Rule(
        "FMT-BODY-04", "warn", "html", body.has_forms_or_scripts,
        "a form, a script or a frame is stripped by mail programs", "Link to a page that has it.",
        (MICROSOFT_HELP,),
    ),
    Rule(
        "FMT-BODY-04-DATA", "warn", "html", body.embeds_images_as_data,
        "an image is embedded as data; Gmail does not show it", "Host the image and link to it.", (GMAIL_SEEN,),
    ),
    Rule(
        "FMT-BODY-04-HIDDEN", "warn", "html", body.hides_text,
        "more text is hidden than one preheader", "Show it or leave it out.", (GOOGLE,),
    ),
    Rule(
        "FMT-BODY-04-COLOUR", "warn", "html", body.writes_in_the_colour_of_the_paper,
        "text has the colour of its own background", "Show it or leave it out.", (GOOGLE,),
    ),
    Rule(
        "FMT-BODY-05", "block", "html", body.links_to_a_bare_number,
        "a link leads to an IP address", "Link to a domain.", (MICROSOFT_HELP, RFC_3986),
    ),
    Rule(
        "FMT-BODY-05-LOCAL", "block", "html", body.links_to_a_local_name,
        "a link leads to a name that only this network knows", "Link to a public domain.", (MICROSOFT_HELP,),
    ),
    Rule(
        "FMT-BODY-05-TEXT", "block", "html", body.shows_another_domain,
        "the text of a link is the address of another organisation than the one it leads to",
        "Show where the link leads, or words.", (MICROSOFT_HELP, GOOGLE),
    ),
    Rule(
        "FMT-BODY-05-USER", "block", "html", body.links_with_a_user,
        "a link has a user before its host, which hides where it leads", "Leave out what stands before the @.",
        (RFC_3986, MICROSOFT_HELP),
    ),
    Rule(
        "FMT-BODY-05-SCHEME", "warn", "html", body.links_without_scheme,
        "a link has no https:, mailto: or tel:", "Write the whole address.", (MICROSOFT_HELP,),
    ),
    Rule(
        "FMT-BODY-05-SHORT", "warn", "html", body.links_through_a_shortener,
        "a link goes through a public shortener", "Link to the page itself.", (MICROSOFT_HELP, GOOGLE),
    ),
    Rule(
        "FMT-BODY-05-HTTP", "info", "html", body.links_in_clear,
        "a link is http:, which anybody on the way may read and change", "Link to https:.", (OURS,),
    ),
    Rule(
        "FMT-BODY-06", "block", "html", body.shows_template_code,
        "template code is visible", "Close the field, or leave it out.", (OURS,),
    ),
    Rule(
        "FMT-BODY-06-LINK", "block", "html", body.links_to_nothing,
        "a link leads nowhere: its href is empty, or what it was given is no web address",
        "Give the link an address, or leave it out where there is none.", (GOOGLE,),
    ),
    Rule(
        "FMT-BODY-06-ALT", "block", "html", body.has_images_without_words,
        "an image has no alt text", 'Say in alt what it shows; alt="" if it only decorates.', (W3C,),
    ),
    Rule(
        "FMT-BODY-06-SRC", "block", "html", body.has_images_from_nowhere,
        "an image has no address of the web, and shows nowhere", "Host the image and write its whole address.", (OURS,),
    ),
    Rule(
        "FMT-BODY-06-GREETING", "warn", "html", body.greets_nobody,
        "a greeting has no name where one was meant", 'Use |default("reader", true) for the name.', (OURS,),
    ),
    Rule(
        "FMT-BODY-07", "info", "html", body.names_no_language,
        "the HTML does not say its language, so that it is read aloud in the language of the program",
        'Write <html lang="{{ lang }}" dir="{{ dir }}">.', (W3C_LANGUAGE,),
    ),
    Rule(
        "FMT-BODY-07-LANG", "warn", "html", body.names_another_language,
        "the HTML says another language than that of its file",
        'Write <html lang="{{ lang }}">, and the locale of the files without a tag into meta.json.', (W3C_LANGUAGE,),
    ),
    Rule(
        "FMT-BODY-07-DIR", "warn", "html", body.names_no_direction,
        "a language that is written from right to left is set from left to right",
        'Write <html lang="{{ lang }}" dir="{{ dir }}">.', (OURS,),
    ),
    Rule(
        "UNS-01", "block", "List-Unsubscribe", header.has_no_list_header,
        "List-Unsubscribe needs one <https://...> address, and at most one mailto beside it",
        "Set POSTHOUSE_PUBLIC_URL to an https address.", (GOOGLE, YAHOO, RFC_2369, RFC_8058), firm=True,
    ),
    Rule(
        "UNS-02", "block", "List-Unsubscribe-Post", header.has_no_one_click_header,
        "it must be List-Unsubscribe=One-Click", "Leave the header as Posthouse writes it.",
        (GOOGLE, YAHOO, RFC_8058), firm=True,
    ),
    Rule(
        "UNS-06", "block", "html", body.has_no_unsubscribe_link,
        "the HTML has no visible link to unsubscribe", "Link to {{ unsubscribe_url }}.",
        (CAN_SPAM, CASL, GOOGLE, YAHOO, MICROSOFT, APPLE), firm=True,
    ),
    Rule(
        "UNS-06-TEXT", "warn", "text", body.has_no_unsubscribe_link_in_text,
        "the text has no address to unsubscribe", "Write {{ unsubscribe_url }} into the text.",
        (YAHOO, MICROSOFT),
    ),
    Rule(
        "LAW-US-01", "block", "html", body.has_no_postal_address,
        "the sender's postal address is missing from the HTML", "Write {{ tenant.postal_address }} into the footer.",
        (CAN_SPAM, CASL, YAHOO), firm=True,
    ),
    Rule(
        "LAW-US-01-TEXT", "block", "text", body.has_no_postal_address_in_text,
        "the sender's postal address is missing from the text", "Write {{ tenant.postal_address }} into the text.",
        (CAN_SPAM, CASL, YAHOO),
    ),
)  # fmt: skip


def rule_of(identifier: str) -> Rule | None:
    """Return the rule of an id, None if there is none."""
    return next((rule for rule in RULES if rule.id == identifier), None)


def is_stale(today: date) -> bool:
    """Whether the rules were compared with their sources too long ago to be believed."""
    return today - REVIEWED_ON > STALE_AFTER
