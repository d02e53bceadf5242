"""Each rule answers yes to the message that breaks it, and to no other."""

from dataclasses import replace
from datetime import date
from email.utils import parseaddr

import pytest

from core import body_questions, preflight, rulebook
from core.errors import InputError
from core.headers import from_header
from core.preflight import Finding, check_message
from core.rendering import Content
from core.samples import take_apart


ADDRESS = "Kestrel Ltd, 14 Quay Street, Bristol"
URL = "https://mail.example.com/u/v1.k.p.t"
SHOP = "https://kestrel.example/"
HEADERS = {
    "From": "Kestrel <letter@kestrel.example>",
    "Reply-To": "hello@kestrel.example",
    "List-Unsubscribe": f"<{URL}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
GOOD = Content(
    subject="News in autumn",
    html=(
        f'<html lang="en"><head><title>News</title><style>p{{color:red}}</style></head><body>'
        f'<div style="display:none; font-size:1px">What we made&#8199;&#65279;&#847; &#8199;&#65279;&#847;</div>\n'
        f'<p>All is well.</p>\n<img src="https://e.example/i.png" alt="">'
        f'<a href="{SHOP}?a=1&amp;b=2">More</a>'
        f'<a href="{URL}">Unsubscribe</a><p>Kestrel Ltd, 14 Quay\n Street<br>Bristol</p></body></html>'
    ),
    text=f"All is well.\nMore: {SHOP}?a=1&b=2\nUnsubscribe: {URL}\nKestrel Ltd, 14 Quay Street, Bristol\n",
)


def findings(
    content: Content = GOOD, *, postal_address: str = ADDRESS, lang: str = "", **headers: str
) -> list[Finding]:
    return check_message(
        content,
        headers={**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}},
        postal_address=postal_address,
        unsubscribe_url=URL,
        recipient="ann@reader.example",
        sending_domains=["kestrel.example"],
        lang=lang,
    )


def ids(found: list[Finding]) -> list[str]:
    return [finding.id for finding in found]


def with_html(old: str, new: str) -> Content:
    assert old in GOOD.html
    return replace(GOOD, html=GOOD.html.replace(old, new))


def with_body(extra: str) -> Content:
    return with_html("<p>All", f"{extra}<p>All")


def with_link(url: str, words: str = "More") -> Content:
    return with_html(
        f'<a href="{SHOP}?a=1&amp;b=2">More</a>',
        f'<a href="{SHOP}?a=1&amp;b=2">Shop</a><a href="{url}">{words}</a>',
    )


def without_unsubscribe_link() -> Content:
    return with_html(f'href="{URL}"', f'href="{SHOP}"')


MESSAGES = [
    pytest.param("FMT-BODY-07", with_html(' lang="en"', ""), id="no language"),
    pytest.param("FMT-BODY-07", with_html(' lang="en"', ' lang=""'), id="an empty language"),
    pytest.param("FMT-HDR-03", replace(GOOD, subject="x" * 999), id="a subject that Gmail refuses"),
    pytest.param("FMT-HDR-04", replace(GOOD, subject="Hi\r\nBcc: all@kestrel.example"), id="T06: a second header"),
    pytest.param("FMT-HDR-04", replace(GOOD, subject="Hi\u2028there"), id="T06: a Unicode line end"),
    pytest.param("FMT-HDR-04-WORD", replace(GOOD, subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="), id="an encoded word"),
    pytest.param("FMT-HDR-04-LINE", with_body(f"<!-- {'x' * 1000} -->"), id="a long line of HTML"),
    pytest.param("FMT-HDR-04-LINE", replace(GOOD, text=f"{GOOD.text}{'ü' * 500}\n"), id="a long line of text, in bytes"),
    pytest.param("FMT-HDR-06", replace(GOOD, subject=" "), id="no subject"),
    pytest.param("FMT-HDR-06-LONG", replace(GOOD, subject="x" * 151), id="a long subject"),
    pytest.param("FMT-HDR-06-REPLY", replace(GOOD, subject="Re: your order"), id="a feigned reply"),
    pytest.param("FMT-HDR-06-REPLY", replace(GOOD, subject="FW : look"), id="a feigned forward"),
    pytest.param("FMT-HDR-06-REPLY", replace(GOOD, subject="AW: Ihre Bestellung"), id="a feigned German reply"),
    pytest.param("FMT-HDR-07", with_link("https://pаypal.example/"), id="a Cyrillic letter in a Latin domain"),
    pytest.param("FMT-HDR-07", with_link("https://xn--pypal-4ve.example/"), id="the same as an A-label"),
    pytest.param("FMT-HDR-09-LINK", with_link(f"{SHOP}?who=ann@reader.example"), id="the reader's address in a link"),
    pytest.param("FMT-HDR-09-LINK", with_link(f"{SHOP}?who=Ann%40reader.example"), id="the same, encoded"),
    pytest.param("FMT-BODY-01-THIN", with_body(f"<p>{'All is well. ' * 300}\n</p>".replace(". A", ".\nA")), id="a thin text part"),
    pytest.param("FMT-BODY-01-LINKS", replace(GOOD, text=GOOD.text.replace(SHOP, "")), id="a text that leads nowhere"),
    pytest.param("FMT-BODY-02", with_body("<!--\n-->" * 13_000), id="103 KB before the footer"),
    pytest.param("FMT-BODY-02-CLIP", with_html("</body>", "<!--\n-->" * 13_000 + "</body>"), id="103 KB after the footer"),
    pytest.param("FMT-BODY-02-NEAR", with_body("<!--\n-->" * 11_500), id="92 KB"),
    pytest.param("FMT-BODY-04", with_body("<form></form>"), id="a form"),
    pytest.param("FMT-BODY-04", with_body("<script>go()</script>"), id="a script"),
    pytest.param("FMT-BODY-04-DATA", with_html("https://e.example/i.png", "data:image/png;base64,x"), id="an image as data"),
    pytest.param("FMT-BODY-04-HIDDEN", with_body('<p style="color:red;display: none">and more</p>'), id="a second hidden text"),
    pytest.param("FMT-BODY-04-HIDDEN", with_html("What we made", "What we made " * 30), id="a long hidden text"),
    pytest.param("FMT-BODY-04-COLOUR", with_body('<p style="color:#FFF;background-color:#fff">more</p>'), id="white on white"),
    pytest.param("FMT-BODY-05", with_link("https://192.0.2.1/"), id="a bare IPv4 address"),
    pytest.param("FMT-BODY-05", with_link("https://[2001:db8::1]:8080/"), id="a bare IPv6 address"),
    pytest.param("FMT-BODY-05", with_link("https://3232235777/"), id="an IPv4 address as one number"),
    pytest.param("FMT-BODY-05-LOCAL", with_link("https://intranet/x"), id="a name of this network"),
    pytest.param("FMT-BODY-05-LOCAL", with_link("https://shop.localhost/"), id="a name of this machine"),
    pytest.param("FMT-BODY-05-TEXT", with_link("https://evil.example/", "https://www.bank.example/login"), id="another domain is shown"),
    pytest.param("FMT-BODY-05-TEXT", with_link("https://bank.example.evil.test/", "bank.example"), id="another domain that begins alike"),
    pytest.param("FMT-BODY-05-TEXT", with_link("https://a.co.uk/", "b.co.uk"), id="another domain under co.uk"),
    pytest.param("FMT-BODY-05-TEXT", with_link("https://evil.example/", '<img src="https://e.example/i.png" alt="www.bank.example">'), id="another domain as alt text"),
    pytest.param("FMT-BODY-05-USER", with_link("https://bank.example@evil.example/"), id="a user before the host"),
    pytest.param("FMT-BODY-05-SCHEME", with_link("kestrel.example/"), id="a link without scheme"),
    pytest.param("FMT-BODY-05-SCHEME", with_link("http://[kestrel.example/"), id="a link that is no URL"),
    pytest.param("FMT-BODY-05-SHORT", with_link("https://bit.ly/x"), id="a shortener"),
    pytest.param("FMT-BODY-05-HTTP", with_link("http://kestrel.example/"), id="a link in clear"),
    pytest.param("FMT-BODY-06", with_html("All is", "{{ all }} is"), id="template code"),
    pytest.param("FMT-BODY-06", replace(GOOD, subject="News for *|FNAME|*"), id="another system's template code"),
    pytest.param("FMT-BODY-06-LINK", with_link(""), id="an empty link"),
    pytest.param("FMT-BODY-06-LINK", with_link("#"), id="a link that was refused"),
    pytest.param("FMT-BODY-06-ALT", with_html(' alt=""', ""), id="an image without words"),
    pytest.param("FMT-BODY-06-SRC", with_html("https://e.example/i.png", "/i.png"), id="an image of no site"),
    pytest.param("FMT-BODY-06-SRC", with_html('src="https://e.example/i.png" ', ""), id="an image of nothing"),
    pytest.param("FMT-BODY-06-GREETING", with_html("All is well.", "Hello , all is well."), id="nobody is greeted"),
    pytest.param("FMT-BODY-06-GREETING", replace(GOOD, text=f"Dear None\n{GOOD.text}"), id="None is greeted"),
    pytest.param("UNS-06", without_unsubscribe_link(), id="no link to unsubscribe"),
    pytest.param("UNS-06", with_html(">Unsubscribe<", "> <"), id="a link to unsubscribe without words"),
    pytest.param("UNS-06-TEXT", replace(GOOD, text=GOOD.text.replace(URL, "")), id="no address to unsubscribe in the text"),
    pytest.param("LAW-US-01", with_html("14 Quay", "15 Quay"), id="no postal address in the HTML"),
    pytest.param("LAW-US-01", with_html("<p>Kestrel Ltd", f"<style>{ADDRESS}</style><p>Kes Ltd"), id="a postal address that is a style"),
    pytest.param("LAW-US-01-TEXT", replace(GOOD, text=GOOD.text.replace("14", "15")), id="no postal address in the text"),
]  # fmt: skip

SENDERS = [
    pytest.param("FMT-HDR-01", {"list_unsubscribe": f"<{URL}>"}, id="a header twice"),
    pytest.param("FMT-HDR-01-FROM", {"From": "a@kestrel.example, b@kestrel.example"}, id="two senders"),
    pytest.param("FMT-HDR-01-REPLY", {"Reply_To": "a@kestrel.example, b@kestrel.example"}, id="two for answers"),
    pytest.param("FMT-HDR-02-DOMAIN", {"From": "Kestrel <a@merlin.example>"}, id="from another's domain"),
    pytest.param("FMT-HDR-02-DOMAIN", {"From": "a@notkestrel.example"}, id="from a domain that ends alike"),
    pytest.param("FMT-HDR-03", {"X_Long": "x" * 32_001}, id="a header that Gmail refuses"),
    pytest.param("FMT-HDR-04-ASCII", {"Reply_To": "jörg@kestrel.example"}, id="an address that is not ASCII"),
    pytest.param("FMT-HDR-05", {"From": '"boss@bank.example" <a@kestrel.example>'}, id="an address as the name"),
    pytest.param("FMT-HDR-05-EMOJI", {"From": "Kestrel 🦅 <a@kestrel.example>"}, id="an emoji in the name"),
    pytest.param("FMT-HDR-05-EMOJI", {"From": from_header("Kestrel ✔", "a@kestrel.example")}, id="a check mark, encoded as it is sent"),
    pytest.param("FMT-HDR-05-FIELD", {"From": '"{{ contact.first_name }}" <a@kestrel.example>'}, id="a field in the name"),
    pytest.param("FMT-HDR-05-URGENT", {"From": "LAST CHANCE at Kestrel <a@kestrel.example>"}, id="an urgent name"),
    pytest.param("FMT-HDR-05-COUNT", {"From": '"Kestrel (2)" <a@kestrel.example>'}, id="a counted name"),
    pytest.param("FMT-HDR-05-SUBJECT", {"From": '"Kestrel: News in autumn" <a@kestrel.example>'}, id="the subject in the name"),
    pytest.param("FMT-HDR-09", {"List_Unsubscribe": "<https://mail.example.com/u?who=ann%40reader.example>"}, id="the reader's address in the header"),
    pytest.param("FMT-HDR-11", {"Precedence": "bulk"}, id="Precedence"),
    pytest.param("FMT-HDR-11", {"Auto_Submitted": "auto-generated"}, id="Auto-Submitted"),
    pytest.param("DNS-ABUSE-01", {"Reply_To": "no-reply@kestrel.example"}, id="nobody reads answers"),
    pytest.param("DNS-ABUSE-01", {"Reply_To": "donotreply@kestrel.example"}, id="nobody reads answers here either"),
    pytest.param("UNS-01", {"List_Unsubscribe": ""}, id="no list header"),
    pytest.param("UNS-01", {"List_Unsubscribe": "<mailto:leave@kestrel.example>"}, id="mailto alone"),
    pytest.param("UNS-01", {"List_Unsubscribe": URL}, id="no angle brackets"),
    pytest.param("UNS-01", {"List_Unsubscribe": f"<{URL}>, <{URL}>"}, id="two of the web"),
    pytest.param("UNS-02", {"List_Unsubscribe_Post": "List-Unsubscribe=one-click"}, id="other capitals"),
]  # fmt: skip

# These break more than one rule by their nature, and are asked for in tests of their own.
ELSEWHERE = {
    "FMT-HDR-02",
    "FMT-BODY-01",
    "FMT-BODY-03",
    "FMT-BODY-03-MAX",
    "FMT-BODY-07-LANG",
    "FMT-BODY-07-DIR",
}


def test_a_good_message_has_no_findings() -> None:
    assert findings() == []


@pytest.mark.parametrize(("rule", "content"), MESSAGES)
def test_a_message_that_breaks_one_rule_has_one_finding(rule: str, content: Content) -> None:
    found = set(ids(findings(content))) - ({"FMT-HDR-06-LONG"} if rule == "FMT-HDR-03" else set())
    assert found == {rule}


@pytest.mark.parametrize(
    ("says", "lang", "found"),
    [
        pytest.param('lang="de"', "", [], id="nobody knows what it should be"),
        pytest.param('lang="de"', "de", [], id="the same"),
        pytest.param('lang="de-DE"', "de-AT", [], id="the same language elsewhere"),
        pytest.param('lang="DE"', "de", [], id="in capitals"),
        pytest.param('lang="en"', "de", ["FMT-BODY-07-LANG"], id="another"),
        pytest.param('lang="german"', "de", ["FMT-BODY-07-LANG"], id="no tag at all"),
        pytest.param('lang="ar" dir="rtl"', "ar", [], id="from right to left"),
        pytest.param('lang="he" dir="RTL"', "he-IL", [], id="in capitals from right to left"),
        pytest.param('lang="ar"', "ar", ["FMT-BODY-07-DIR"], id="from the wrong side"),
    ],
)
def test_the_html_says_the_language_it_is_written_in(says: str, lang: str, found: list[str]) -> None:
    assert ids(findings(with_html('lang="en"', says), lang=lang)) == found


@pytest.mark.parametrize(("rule", "headers"), SENDERS)
def test_a_header_that_breaks_one_rule_has_one_finding(rule: str, headers: dict[str, str]) -> None:
    assert ids(findings(**headers)) == [rule]


def test_every_rule_is_broken_by_some_message() -> None:
    broken = {str(case.values[0]) for case in [*MESSAGES, *SENDERS]}
    assert broken | ELSEWHERE == {rule.id for rule in rulebook.RULES}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(replace(GOOD, subject="Reinventing: the wheel"), id="a word that begins like a reply"),
        pytest.param(replace(GOOD, subject="a =? b ?= c"), id="what only looks like an encoded word"),
        pytest.param(replace(GOOD, subject="x" * 150), id="150 characters"),
        pytest.param(with_link("https://www.kestrel.example/", "kestrel.example"), id="the organisation is shown"),
        pytest.param(with_link(SHOP, "https://news.kestrel.example/today"), id="a part of the organisation is shown"),
        pytest.param(with_link("https://xn--bcher-kva.example/", "bücher.example"), id="a domain as it is read"),
        pytest.param(with_link(SHOP, "README.md"), id="the name of a file is shown"),
        pytest.param(with_link(SHOP, "Version 2.0 and more"), id="words with a dot are shown"),
        pytest.param(with_link("mailto:a@kestrel.example", "kestrel.example"), id="a mailbox"),
        pytest.param(with_link("mailto:ann@reader.example?subject=x"), id="a mailbox that is the reader's"),
        pytest.param(with_link("tel:+441179460000"), id="a telephone"),
        pytest.param(with_link("https://例え.example/ひらがなkana"), id="Han and kana"),
        pytest.param(with_link("https://пример.example/"), id="a domain that is Cyrillic all through"),
        pytest.param(with_html("All is well.", "Hello, all is well. None of us"), id="everybody is greeted"),
        pytest.param(with_html("Quay\n Street<br>", "QUAY STREET &middot; "), id="an address in other signs"),
        pytest.param(with_body("<!-- <a href=''>x</a> <img> -->"), id="a comment"),
        pytest.param(with_body('<p style="color:#fff;background-color:#000">more</p>'), id="white on black"),
        pytest.param(with_body('<p style="font-size: 0.9em">more</p>'), id="small but seen"),
        pytest.param(with_body('<td style="display: none"></td>\n'), id="an empty hidden cell"),
    ],
)  # fmt: skip
def test_a_message_that_only_looks_wrong_has_no_findings(content: Content) -> None:
    assert findings(content) == []


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param("letter@kestrel.example", id="an address alone"),
        pytest.param("<letter@news.kestrel.example>", id="a part of the domain"),
        pytest.param(
            from_header("Käthe & Söhne, Bäcker", "letter@kestrel.example"), id="a name in encoded words"
        ),
        pytest.param(
            from_header("Alertness Ltd.", "letter@kestrel.example"), id="a name that begins like a warning"
        ),
    ],
)
def test_a_sender_may_be_called_so(sender: str) -> None:
    assert parseaddr(sender)[1]
    assert findings(From=sender) == []


def test_a_sender_at_a_free_mail_provider_is_none_of_the_tenants_domains_either() -> None:
    assert ids(findings(From="Kestrel <kestrel@gmail.com>")) == ["FMT-HDR-02", "FMT-HDR-02-DOMAIN"]


def test_a_second_header_hides_in_an_encoded_word() -> None:
    """T06"""
    hidden = replace(GOOD, subject="=?utf-8?q?Hi=0D=0ABcc:_x?=")
    assert ids(findings(hidden)) == ["FMT-HDR-04", "FMT-HDR-04-WORD"]


def test_an_empty_text_part_lacks_all_that_it_should_hold() -> None:
    assert ids(findings(replace(GOOD, text=""))) == ["FMT-BODY-01", "UNS-06-TEXT", "LAW-US-01-TEXT"]


def test_a_heavy_message_is_also_clipped() -> None:
    heavy = with_html("</body>", "x\n" * 380_000 + "</body>")
    assert ids(findings(replace(heavy, text=GOOD.text + "x\n" * 38_000))) == [
        "FMT-BODY-02-CLIP",
        "FMT-BODY-03",
    ]


@pytest.mark.parametrize(
    ("size", "answers"),
    [
        pytest.param(740_000, (False, False), id="under 1 MB with base64"),
        pytest.param(760_000, (True, False), id="over 1 MB with base64"),
        pytest.param(18_700_000, (True, False), id="under 25 MB with base64"),
        pytest.param(18_800_000, (False, True), id="over 25 MB with base64"),
    ],
)
def test_a_message_is_weighed_as_it_travels(size: int, answers: tuple[bool, bool]) -> None:
    sample = take_apart(
        Content("", "", "x" * size),
        headers={},
        recipient="",
        postal_address="",
        unsubscribe_url="",
        sending_domains=frozenset(),
    )
    assert (body_questions.is_heavy(sample), body_questions.is_too_heavy(sample)) == answers


def test_a_footer_that_is_hidden_is_none() -> None:
    hidden = with_html(f'<a href="{URL}"', f'<div style="visibility:hidden"><a href="{URL}"')
    closed = replace(hidden, html=hidden.html.replace("</body>", "</div></body>"))
    assert ids(findings(closed)) == ["FMT-BODY-04-HIDDEN", "UNS-06", "LAW-US-01"]


def test_a_tenant_without_a_postal_address_cannot_send() -> None:
    assert ids(findings(postal_address=" ")) == ["LAW-US-01", "LAW-US-01-TEXT"]


def test_our_own_link_may_lead_to_this_machine_in_a_demo() -> None:
    here = "http://127.0.0.1:8025/u/t"
    content = Content(GOOD.subject, GOOD.html.replace(URL, here), GOOD.text.replace(URL, here))
    found = check_message(
        content,
        headers={**HEADERS, "List-Unsubscribe": f"<{here}>"},
        postal_address=ADDRESS,
        unsubscribe_url=here,
    )
    assert found == []


def test_header_names_are_found_whatever_their_case() -> None:
    found = check_message(
        GOOD,
        headers={name.lower(): value for name, value in HEADERS.items()},
        postal_address=ADDRESS,
        unsubscribe_url=URL,
    )
    assert found == []


def test_a_page_that_makes_no_sense_is_looked_at_all_the_same() -> None:
    """What a browser would still show; no rule may raise."""
    for broken in (
        "<a href='x",
        "<p style=",
        "</p></a><td hidden>",
        "<!--",
        "<a href=http://[>",
        "<style><a href=#>",
    ):
        assert findings(replace(GOOD, html=broken))


# Findings


def test_a_finding_says_where_to_look_what_to_do_and_who_says_so() -> None:
    [finding] = findings(replace(GOOD, subject="Re: your order"))

    assert finding.as_json() == {
        "id": "FMT-HDR-06-REPLY",
        "severity": "warn",
        "message": "the subject begins like a reply or a forward",
        "where": "subject",
        "remedy": "Begin with what the message is about.",
        "sources": [
            {
                "authority": "Google",
                "document": "Email sender guidelines",
                "dated": "2026-03-21",
                "url": "https://support.google.com/a/answer/81126",
            },
            {
                "authority": "US law",
                "document": "CAN-SPAM Act, 15 U.S.C. 7704(a)(5)",
                "dated": "2003-12-16",
                "url": "https://www.law.cornell.edu/uscode/text/15/7704",
            },
        ],
        "overridable": False,
        "overridden": False,
        "locales": [],
    }
    assert finding.authority == (
        "Google, Email sender guidelines (2026-03-21); US law, CAN-SPAM Act, 15 U.S.C. 7704(a)(5) (2003-12-16)"
    )


def test_the_worst_findings_come_first() -> None:
    found = [
        Finding(id=str(number), severity=severity, message="", where="")
        for number, severity in enumerate(("info", "block", "warn", "block", "info"))
    ]
    assert ids(preflight.in_order(found)) == ["1", "3", "2", "0", "4"]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        pytest.param(date(2026, 11, 24), [], id="reviewed today"),
        pytest.param(date(2027, 11, 24), [], id="a year later"),
        pytest.param(date(2027, 11, 25), ["rules_stale"], id="a year and a day later"),
    ],
)
def test_rules_that_nobody_has_reviewed_for_a_year_say_so(today: date, expected: list[str]) -> None:
    found = preflight.check_rulebook(today)
    assert ids(found) == expected
    assert not preflight.forbidding(found)
    assert all("2026-11-24" in finding.message for finding in found)


# Overrides

PICTURE = Finding(id="FMT-BODY-06-ALT", severity="block", message="no alt", where="html", firm=False)
NO_WAY_OUT = Finding(
    id="UNS-06", severity="block", message="no link", where="html", remedy="Link to it.", firm=True
)
THIN = Finding(id="FMT-BODY-01-THIN", severity="warn", message="thin", where="text", firm=False)


def test_an_overridden_finding_is_still_told_and_forbids_nothing() -> None:
    told = preflight.overridden([PICTURE, THIN], {"FMT-BODY-06-ALT"})
    assert told == [replace(PICTURE, overridden=True), THIN]
    assert preflight.forbidding(told) == []


def test_a_firm_finding_forbids_whatever_is_named() -> None:
    """A rule may have become firm after it was overridden."""
    told = preflight.overridden([PICTURE, NO_WAY_OUT], {"FMT-BODY-06-ALT", "UNS-06"})
    assert preflight.forbidding(told) == [NO_WAY_OUT]


def test_an_override_names_findings_that_are_there() -> None:
    assert preflight.check_override([PICTURE, NO_WAY_OUT], ["FMT-BODY-06-ALT"], reason="decoration") == [
        PICTURE
    ]


@pytest.mark.parametrize(
    ("rule", "reason", "message", "hint"),
    [
        pytest.param("UNS-06", "why not", "UNS-06 cannot be overridden: no link", "Link to it.", id="a firm one"),
        pytest.param("FMT-BODY-01-THIN", "x", "no blocking finding 'FMT-BODY-01-THIN'", "What may be overridden: FMT-BODY-06-ALT.", id="one that does not block"),
        pytest.param("FMT-HDR-02", "x", "no blocking finding 'FMT-HDR-02'", "What may be overridden: FMT-BODY-06-ALT.", id="one that is not there"),
        pytest.param("FMT-BODY-06-ALT", " ", "needs a reason", "kept with your name", id="without a reason"),
    ],
)  # fmt: skip
def test_an_override_is_refused(rule: str, reason: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        preflight.check_override([PICTURE, THIN, NO_WAY_OUT], ["FMT-BODY-06-ALT", rule], reason=reason)
    assert hint in refusal.value.hint


# The rulebook


def test_every_rule_is_a_question_of_its_own() -> None:
    rules = rulebook.RULES
    assert len({rule.id for rule in rules}) == len({rule.asks for rule in rules}) == len(rules)
    assert all(rule.asks.__doc__ and rule.asks.__doc__.startswith("Whether ") for rule in rules)


def test_every_rule_says_who_says_so_and_what_to_do() -> None:
    for rule in rulebook.RULES:
        assert rule.sources, rule.id
        assert rule.remedy.endswith((".", ")")), rule.id
        assert rule.message[0].islower() or rule.message.startswith(("From", "Reply", "List", "Gmail")), (
            rule.id
        )
        assert rule.severity == "block" or not rule.firm, rule.id


def test_every_source_is_dated_and_none_from_the_future() -> None:
    for source in {source for rule in rulebook.RULES for source in rule.sources}:
        assert source.dated[:4].isdecimal()
        assert source.dated <= rulebook.REVIEWED_ON.isoformat()
        assert source.url.startswith("https://") or source.authority in {"Gmail", "Posthouse"}


def test_what_the_law_asks_for_cannot_be_overridden() -> None:
    firm = {rule.id for rule in rulebook.RULES if rule.firm}
    assert firm >= {"UNS-01", "UNS-02", "UNS-06", "LAW-US-01", "FMT-HDR-04"}
