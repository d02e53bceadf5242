"""What a bounce says about an address."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import bounces
from core.bounce_codes import RULES as CODES
from core.bounce_codes import STATUS_CODES, SUBTYPES
from core.bounce_rules import EFFECTS, BounceClass, Cause, Rule, Scope, fault
from core.bounce_texts import RULES as TEXTS
from core.bounces import classify
from core.events import Bounce


Verdict = tuple[BounceClass, str]


def rule_of(
    diagnostic: str = "", *, status: str = "", kind: str = "Permanent", subtype: str = "General"
) -> Rule:
    return classify(
        Bounce(bounce_type=kind, subtype=subtype, feedback_id="f", status=status, diagnostic=diagnostic)
    )


def said(
    diagnostic: str = "", *, status: str = "", kind: str = "Permanent", subtype: str = "General"
) -> Verdict:
    rule = rule_of(diagnostic, status=status, kind=kind, subtype=subtype)
    return rule.bounce_class, rule.reason


HARD, SOFT, BLOCK, CONTENT = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK, BounceClass.CONTENT


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [
        ("NoEmail", (HARD, "no_such_mailbox")),
        ("Suppressed", (HARD, "suppressed_by_ses")),
        ("OnAccountSuppressionList", (HARD, "on_account_suppression_list")),
        ("OnTenantSuppressionList", (HARD, "on_tenant_suppression_list")),
        ("EmailValidationSuppressed", (HARD, "failed_validation")),
        ("UnsubscribedRecipient", (HARD, "unsubscribed_at_ses")),
        ("MailboxFull", (SOFT, "mailbox_full")),
        ("MessageTooLarge", (CONTENT, "too_large")),
        ("ContentRejected", (CONTENT, "content")),
        ("AttachmentRejected", (CONTENT, "attachment")),
        ("CustomTimeoutExceeded", (BounceClass.IGNORED, "our_deadline")),
    ],
)
def test_an_exact_sub_type_decides(subtype: str, expected: Verdict) -> None:
    assert said("smtp; 550 5.7.1 whatever", subtype=subtype) == expected


@pytest.mark.parametrize(
    ("diagnostic", "bounce_class", "reason"),
    [
        pytest.param("smtp; 550-5.1.1 The email account that you tried to reach does not exist.", HARD, "no_such_mailbox", id="Gmail 5.1.1"),
        pytest.param("smtp; 550 5.2.1 The email account that you tried to reach is inactive.", HARD, "mailbox_disabled", id="Gmail inactive"),
        pytest.param("smtp; 450 4.2.1 The user you are trying to contact is receiving mail at a rate that", SOFT, "receiving_too_fast", id="Gmail busy mailbox"),
        pytest.param("smtp; 552 5.2.2 The recipient's inbox is out of storage space and inactive.", SOFT, "full_and_inactive", id="Gmail full and inactive"),
        pytest.param("smtp; 421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP", BLOCK, "rate", id="Gmail 4.7.28"),
        pytest.param("smtp; 550 5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending domain", BLOCK, "reputation", id="Gmail reputation"),
        pytest.param("smtp; 550 5.7.26 This mail has been blocked because the sender is unauthenticated.", BLOCK, "authentication", id="Gmail 5.7.26"),
        pytest.param("smtp; 550 5.7.1 [2001:db8::1] likely unsolicited mail", CONTENT, "spam", id="Gmail unsolicited"),
        pytest.param("smtp; 550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your provider since part of their network is on our block list (S3140).", BLOCK, "block_list", id="Outlook.com S3140"),
        pytest.param("smtp; 550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.", BLOCK, "authentication", id="Outlook.com 5.7.515"),
        pytest.param("smtp; 550 5.5.0 Requested action not taken: mailbox unavailable SC-001", BLOCK, "policy", id="Outlook.com SC-001"),
        pytest.param("smtp; 550 5.4.1 Recipient address rejected: Access denied. [AS(201806281)]", HARD, "no_such_mailbox", id="M365 5.4.1"),
        pytest.param("smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", HARD, "no_such_mailbox", id="M365 5.1.10"),
        pytest.param("smtp; 550 5.7.606 Access denied, banned sending IP [192.0.2.1]", BLOCK, "block_list", id="M365 banned"),
        pytest.param("smtp; 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", BLOCK, "rate", id="Yahoo TSS04"),
        pytest.param("smtp; 553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", BLOCK, "block_list", id="Yahoo BL21"),
        pytest.param("smtp; 554 5.7.9 Message not accepted for policy reasons.", BLOCK, "policy", id="Yahoo policy"),
        pytest.param("smtp; 554 delivery error: dd This user doesn't have a yahoo.com account", HARD, "no_such_mailbox", id="Yahoo no account"),
        pytest.param("smtp; 554 delivery error: dd Sorry, your message cannot be delivered. This mailbox is disabled (554.30).", HARD, "mailbox_disabled", id="Yahoo disabled"),
        pytest.param("smtp; 554 Reject due to policy restrictions.", BLOCK, "policy", id="GMX"),
        pytest.param("smtp; 550 Trop de connexions, veuillez verifier votre configuration.", BLOCK, "rate", id="Orange"),
        pytest.param("smtp; 554 5.7.1 Service unavailable; client host blocked using Spamhaus", BLOCK, "block_list", id="Spamhaus"),
        pytest.param("smtp; 550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown in virtual mailbox table", HARD, "no_such_mailbox", id="Postfix"),
        pytest.param("smtp; 550 No such user here", HARD, "no_such_mailbox", id="Exim"),
        pytest.param("smtp; 554 5.4.4 unable to route", HARD, "no_such_domain", id="no mail server"),
        pytest.param("smtp; 450 4.7.1 greylisted, come back", SOFT, "try_later", id="greylisting"),
        pytest.param("smtp; 550 5.1.1 <r@example.net>: Recipient address rejected: User unknown in relay recipient table", HARD, "no_such_mailbox", id="Postfix relay"),
        pytest.param("smtp; 550 5.1.1 mx1.antispam.example: no such user here", HARD, "no_such_mailbox", id="a telling host name"),
        pytest.param("smtp; 550 Access from ip address 192.0.2.1 blocked.", BLOCK, "block_list", id="address of ours"),
        pytest.param("smtp; 550 5.1.8 Domain of sender address example.org does not exist", BLOCK, "bad_sender", id="our own domain"),
        pytest.param("smtp; 550 5.7.1 This message is not RFC 5322 compliant. There are multiple Subject headers.", CONTENT, "format", id="Gmail format"),
        pytest.param("smtp; 550 5.0.0 Relaying Denied", SOFT, "relay_denied", id="relaying"),
        pytest.param("smtp; 554 5.4.6 Too many hops", SOFT, "mail_loop", id="loop"),
        pytest.param("smtp; 550 You have been blocked by the recipient", SOFT, "refused_by_recipient", id="one person's block"),
        pytest.param("smtp; 550 no existe ese usuario", HARD, "no_reason_given", id="about the mailbox in Spanish"),
        pytest.param("smtp; 550 go away", SOFT, "not_understood", id="about nothing that is understood"),
        pytest.param("smtp; 550 5.1.0 refused", HARD, "bad_address", id="5.1.0"),
        pytest.param("smtp; 552 5.3.4 message size exceeds fixed limit", CONTENT, "too_large", id="too large"),
    ],
)  # fmt: skip
def test_the_words_of_a_provider_decide(diagnostic: str, bounce_class: BounceClass, reason: str) -> None:
    assert said(diagnostic) == (bounce_class, reason)


@pytest.mark.parametrize(
    ("status", "kind", "bounce_class", "reason"),
    [
        pytest.param("5.1.1", "Permanent", HARD, "no_such_mailbox", id="mailbox"),
        pytest.param("5.1.2", "Permanent", HARD, "no_such_domain", id="domain"),
        pytest.param("5.1.7", "Permanent", BLOCK, "bad_sender", id="the sender's own address"),
        pytest.param("5.2.2", "Permanent", SOFT, "mailbox_full", id="full is soft even as 5.x"),
        pytest.param("5.4.7", "Permanent", SOFT, "expired", id="expired is soft even as 5.x"),
        pytest.param("4.4.1", "Transient", SOFT, "network", id="network"),
        pytest.param("5.3.0", "Permanent", SOFT, "receiver_trouble", id="the receiver's system"),
        pytest.param("5.6.0", "Permanent", CONTENT, "content", id="content"),
        pytest.param("5.7.1", "Permanent", BLOCK, "policy", id="5.7 is policy and never the recipient's fault"),
        pytest.param("4.7.0", "Transient", BLOCK, "policy", id="4.7 too"),
        pytest.param("5.7.13", "Permanent", HARD, "mailbox_disabled", id="but 5.7.13"),
        pytest.param("5.7.17", "Permanent", HARD, "owner_changed", id="and 5.7.17"),
        pytest.param("5.0.0", "Permanent", HARD, "no_reason_given", id="no reason, Permanent"),
        pytest.param("4.0.0", "Transient", SOFT, "no_reason_given", id="no reason, Transient"),
        pytest.param("5.1.10", "Permanent", HARD, "no_such_domain", id="5.1.10 is not 5.1.1"),
        pytest.param("not a code", "Undetermined", SOFT, "undetermined", id="not a code"),
    ],
)  # fmt: skip
def test_the_status_code_decides_without_words(
    status: str, kind: str, bounce_class: BounceClass, reason: str
) -> None:
    assert said(status=status, kind=kind) == (bounce_class, reason)


def test_the_code_in_the_reply_goes_before_the_code_of_the_report() -> None:
    assert said("smtp; 550 5.7.1 go away", status="5.1.1") == (BLOCK, "policy")


def test_an_ip_address_is_no_status_code() -> None:
    assert said("smtp; 550 refused for 5.7.1.12") == (SOFT, "not_understood")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Permanent", (HARD, "no_reason_given")),
        ("Transient", (BounceClass.AUTOREPLY, "no_report")),
        ("Undetermined", (SOFT, "undetermined")),
    ],
)
def test_a_bounce_without_any_report(kind: str, expected: Verdict) -> None:
    """An out-of-office answer is Transient and has no report."""
    assert said(kind=kind) == expected


@pytest.mark.parametrize(
    ("diagnostic", "cause"),
    [
        pytest.param("smtp; 550 5.1.1 User unknown", Cause.BAD_MAILBOX, id="bad mailbox"),
        pytest.param("smtp; 550 5.2.1 The email account that you tried to reach is inactive.", Cause.INACTIVE, id="inactive"),
        pytest.param("smtp; 452 4.2.2 The recipient's inbox is out of storage space.", Cause.FULL, id="full"),
        pytest.param("smtp; 554 5.7.9 Message not accepted for policy reasons.", Cause.POLICY, id="policy"),
        pytest.param("smtp; 553 5.7.1 [BL21] Connections will not be accepted", Cause.BLOCK, id="block"),
        pytest.param("smtp; 550 5.7.1 likely unsolicited mail", Cause.CONTENT, id="content"),
        pytest.param("smtp; 550 5.7.26 This mail is unauthenticated", Cause.AUTH, id="auth"),
        pytest.param("smtp; 421 4.7.28 unusual rate of mail", Cause.THROTTLED, id="throttled"),
        pytest.param("smtp; 451 4.4.3 DNS lookup failed", Cause.DNS, id="DNS"),
        pytest.param("smtp; 550 5.4.310 DNS domain example.net does not exist", Cause.BAD_DOMAIN, id="a domain that is gone"),
        pytest.param("smtp; 550 5.7.1 Unable to relay", Cause.RELAY, id="relay"),
        pytest.param("smtp; 450 4.7.1 greylisted", Cause.DEFERRED, id="greylisting"),
        pytest.param("smtp; 550 5.7.513 Service unavailable", Cause.REFUSED, id="one reader's own list"),
        pytest.param("smtp; 550 5.7.620 Access denied", Cause.BLOCK, id="a range of Microsoft's"),
        pytest.param("smtp; 550 go away", Cause.UNKNOWN, id="unknown"),
    ],
)  # fmt: skip
def test_a_bounce_has_a_class(diagnostic: str, cause: Cause) -> None:
    assert rule_of(diagnostic).cause is cause


@pytest.mark.parametrize(
    "cause", [Cause.POLICY, Cause.BLOCK, Cause.CONTENT, Cause.AUTH, Cause.THROTTLED, Cause.SIZE]
)
def test_what_is_about_the_sender_or_the_message_never_touches_the_address(cause: Cause) -> None:
    effect, scope = EFFECTS[cause]
    assert effect in {BLOCK, CONTENT}
    assert scope in {Scope.SENDER, Scope.MESSAGE}


def test_only_what_is_about_the_recipient_or_the_domain_suppresses() -> None:
    assert {cause for cause, (effect, _) in EFFECTS.items() if effect is HARD} == {
        Cause.BAD_MAILBOX,
        Cause.INACTIVE,
        Cause.BAD_DOMAIN,
        Cause.SUPPRESSED,
    }


# The register at IANA, "Enumerated Status Codes", read on 2026-11-24: subject, and the last detail of each.
REGISTER = {0: 0, 1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 10, 7: 30}


@pytest.mark.parametrize("subject", REGISTER)
def test_every_code_of_the_register_has_a_row_of_its_own(subject: int) -> None:
    """RFC 5248"""
    codes = [f"{subject}.{detail}" for detail in range(subject != 0 and 0, REGISTER[subject] + 1)]
    assert [code for code in codes if not {f"*.{code}", f"5.{code}"} & STATUS_CODES.keys()] == []


def test_of_the_codes_for_policy_only_three_are_about_the_recipient() -> None:
    """RFC 3463, 3.8: security or policy status."""
    hard = {code for code, rule in STATUS_CODES.items() if ".7" in code[:3] and rule.bounce_class is HARD}
    assert hard == {"5.7.13", "5.7.17", "5.7.18"}


LAST = (bounces.AUTOREPLY, bounces.PERMANENT, bounces.TRANSIENT, bounces.NOT_UNDERSTOOD, bounces.UNDETERMINED)
ROWS = [*SUBTYPES.values(), *CODES, *TEXTS, *LAST]


def test_every_row_has_an_id_of_its_own_a_source_and_a_date() -> None:
    assert len({rule.id for rule in ROWS}) == len(ROWS)
    assert [
        rule.id for rule in ROWS if not rule.source or date.fromisoformat(rule.read_on) < date(2026, 1, 1)
    ] == []


@pytest.mark.parametrize("rule", TEXTS, ids=lambda rule: rule.id)
def test_every_pattern_takes_time_that_is_linear_in_the_text(rule: Rule) -> None:
    assert fault(rule.pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        pytest.param("a+", "it repeats something without an end", id="no end"),
        pytest.param("(a{0,9}b){0,9}", "it repeats a repetition", id="nested"),
        pytest.param("a{0,200}b{0,200}", "it has 40401 ways from one place", id="many ways"),
        pytest.param(r"(a)\1", "it uses GROUPREF, which nobody has judged", id="a reference back"),
        pytest.param("(a", "missing ), unterminated subpattern at position 0", id="no pattern"),
    ],
)
def test_a_pattern_that_may_take_long_is_refused(pattern: str, why: str) -> None:
    assert fault(pattern) == why


def test_an_answer_is_read_no_further_than_two_thousand_characters() -> None:
    assert said("x" * 2000 + " user unknown") == (SOFT, "not_understood")


@given(
    st.text(max_size=300),
    st.sampled_from(["Permanent", "Transient", "Undetermined", "", "New"]),
    st.text(max_size=12),
)
def test_any_answer_at_all_has_a_row(diagnostic: str, kind: str, status: str) -> None:
    assert rule_of(diagnostic, status=status, kind=kind) in ROWS
