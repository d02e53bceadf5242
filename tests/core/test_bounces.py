"""What a bounce says about an address."""

import pytest

from core.bounces import BounceClass, Verdict, classify
from core.events import Bounce


def said(
    diagnostic: str = "", *, status: str = "", kind: str = "Permanent", subtype: str = "General"
) -> Verdict:
    return classify(
        Bounce(bounce_type=kind, subtype=subtype, feedback_id="f", status=status, diagnostic=diagnostic)
    )


HARD, SOFT, BLOCK, CONTENT = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK, BounceClass.CONTENT


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [
        ("NoEmail", Verdict(HARD, "no_such_mailbox")),
        ("Suppressed", Verdict(HARD, "suppressed_by_ses")),
        ("OnAccountSuppressionList", Verdict(HARD, "on_account_suppression_list")),
        ("OnTenantSuppressionList", Verdict(HARD, "on_tenant_suppression_list")),
        ("EmailValidationSuppressed", Verdict(HARD, "failed_validation")),
        ("UnsubscribedRecipient", Verdict(HARD, "unsubscribed_at_ses")),
        ("MailboxFull", Verdict(SOFT, "mailbox_full")),
        ("MessageTooLarge", Verdict(CONTENT, "too_large")),
        ("ContentRejected", Verdict(CONTENT, "content")),
        ("AttachmentRejected", Verdict(CONTENT, "attachment")),
        ("CustomTimeoutExceeded", Verdict(BounceClass.IGNORED, "our_deadline")),
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
        pytest.param("smtp; 552 5.2.2 The recipient's inbox is out of storage space and inactive.", SOFT, "mailbox_full", id="Gmail full and inactive"),
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
    assert said(diagnostic) == Verdict(bounce_class, reason)


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
    assert said(status=status, kind=kind) == Verdict(bounce_class, reason)


def test_the_code_in_the_reply_goes_before_the_code_of_the_report() -> None:
    assert said("smtp; 550 5.7.1 go away", status="5.1.1") == Verdict(BLOCK, "policy")


def test_an_ip_address_is_no_status_code() -> None:
    assert said("smtp; 550 refused for 5.7.1.12") == Verdict(SOFT, "not_understood")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Permanent", Verdict(HARD, "no_reason_given")),
        ("Transient", Verdict(BounceClass.AUTOREPLY, "no_report")),
        ("Undetermined", Verdict(SOFT, "undetermined")),
    ],
)
def test_a_bounce_without_any_report(kind: str, expected: Verdict) -> None:
    """An out-of-office answer is Transient and has no report."""
    assert said(kind=kind) == expected
