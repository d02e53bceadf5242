"""Each rule answers yes to the message that breaks it, and to no other."""

from dataclasses import replace

import pytest

from core.preflight import RULES, Finding, check_message
from core.rendering import Content


ADDRESS = "Kestrel Ltd, 14 Quay Street, Bristol"
URL = "https://mail.example.com/u/v1.k.p.t"
HEADERS = {
    "From": "Kestrel <letter@kestrel.example>",
    "List-Unsubscribe": f"<{URL}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
GOOD = Content(
    subject="News in autumn",
    html=(
        f"<html><head><title>News</title><style>p{{color:red}}</style></head><body><p>All is well.</p>"
        f'<img src="https://e.example/i.png" alt=""><a href="https://kestrel.example/?a=1&amp;b=2">More</a>'
        f'<a href="{URL}">Unsubscribe</a><p>Kestrel Ltd, 14 Quay\n Street, Bristol</p></body></html>'
    ),
    text=f"All is well.\nUnsubscribe: {URL}\nKestrel Ltd, 14 Quay Street, Bristol\n",
)


def findings(content: Content = GOOD, *, postal_address: str = ADDRESS, **headers: str) -> list[Finding]:
    return check_message(
        content,
        headers={**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}},
        postal_address=postal_address,
        unsubscribe_url=URL,
    )


def ids(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in found]


def with_html(old: str, new: str) -> Content:
    assert old in GOOD.html
    return replace(GOOD, html=GOOD.html.replace(old, new))


def test_a_good_message_has_no_findings() -> None:
    assert findings() == []


def test_a_finding_says_where_to_look() -> None:
    [finding] = findings(replace(GOOD, subject=""))

    assert finding.as_json() == {
        "id": "FMT-HDR-06",
        "severity": "block",
        "message": "the subject is empty",
        "where": "subject",
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(replace(GOOD, subject=" "), ("FMT-HDR-06", "block"), id="no subject"),
        pytest.param(replace(GOOD, subject="x" * 151), ("FMT-HDR-06", "warn"), id="a long subject"),
        pytest.param(replace(GOOD, subject="Re: your order"), ("FMT-HDR-06", "warn"), id="a feigned reply"),
        pytest.param(replace(GOOD, subject="AW: Ihre Bestellung"), ("FMT-HDR-06", "warn"), id="a feigned German reply"),
        pytest.param(with_html("All is well.", "All is well. " * 200), ("FMT-BODY-01", "warn"), id="a thin text part"),
        pytest.param(with_html("<body>", f"<body><!--{'x' * 92_000}-->"), ("FMT-BODY-02", "warn"), id="92 KB"),
        pytest.param(with_html("<body>", f"<body><!--{'x' * 103_000}-->"), ("FMT-BODY-02", "block"), id="103 KB"),
        pytest.param(with_html("<p>", "<form></form><p>"), ("FMT-BODY-04", "warn"), id="a form"),
        pytest.param(with_html("https://e.example/i.png", "data:image/png;base64,x"), ("FMT-BODY-04", "warn"), id="an image as data"),
        pytest.param(with_html("kestrel.example/?", "192.0.2.1/?"), ("FMT-BODY-05", "block"), id="a bare IPv4 address"),
        pytest.param(with_html("kestrel.example/?", "bit.ly/?"), ("FMT-BODY-05", "warn"), id="a shortener"),
        pytest.param(with_html("https://kestrel.example/?", "kestrel.example/?"), ("FMT-BODY-05", "warn"), id="a link without scheme"),
        pytest.param(with_html("https://kestrel.example/?a=1&amp;b=2", ""), ("FMT-BODY-06", "block"), id="an empty link"),
        pytest.param(with_html("https://kestrel.example/?a=1&amp;b=2", "#"), ("FMT-BODY-06", "block"), id="a link that was refused"),
        pytest.param(with_html(' alt=""', ""), ("FMT-BODY-06", "block"), id="an image without words"),
        pytest.param(with_html("All is", "{{ all }} is"), ("FMT-BODY-06", "block"), id="template code"),
        pytest.param(with_html(f'href="{URL}"', 'href="https://kestrel.example/"'), ("UNS-06", "block"), id="no link to unsubscribe"),
        pytest.param(replace(GOOD, text=GOOD.text.replace(URL, "")), ("UNS-06", "warn"), id="no address to unsubscribe in the text"),
        pytest.param(with_html("14 Quay", "15 Quay"), ("LAW-US-01", "block"), id="no postal address in the HTML"),
        pytest.param(replace(GOOD, text=GOOD.text.replace("14", "15")), ("LAW-US-01", "block"), id="no postal address in the text"),
        pytest.param(with_html("<p>Kestrel Ltd", "<style>Kestrel Ltd, 14 Quay Street, Bristol</style><p>Kes trel Ltd"), ("LAW-US-01", "block"), id="a postal address that nobody sees"),
    ],
)  # fmt: skip
def test_a_message_that_breaks_one_rule_has_one_finding(content: Content, expected: tuple[str, str]) -> None:
    assert ids(findings(content)) == [expected]


def test_an_empty_text_part_lacks_all_that_it_should_hold() -> None:
    assert ids(findings(replace(GOOD, text=""))) == [
        ("FMT-BODY-01", "block"),
        ("UNS-06", "warn"),
        ("LAW-US-01", "block"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("From", "Kestrel <kestrel@gmail.com>", ("FMT-HDR-02", "block"), id="from Gmail"),
        pytest.param(
            "From", "Kestrel 🦅 <a@kestrel.example>", ("FMT-HDR-05", "block"), id="an emoji in the name"
        ),
        pytest.param(
            "From",
            '"boss@bank.example" <a@kestrel.example>',
            ("FMT-HDR-05", "block"),
            id="an address in the name",
        ),
        pytest.param("List_Unsubscribe", "", ("UNS-01", "block"), id="no list header"),
        pytest.param(
            "List_Unsubscribe", "<mailto:leave@kestrel.example>", ("UNS-01", "block"), id="mailto alone"
        ),
        pytest.param("List_Unsubscribe", URL, ("UNS-01", "block"), id="no angle brackets"),
        pytest.param(
            "List_Unsubscribe_Post", "List-Unsubscribe=one-click", ("UNS-02", "block"), id="other capitals"
        ),
    ],
)
def test_a_header_that_breaks_one_rule_has_one_finding(
    name: str, value: str, expected: tuple[str, str]
) -> None:
    assert ids(findings(**{name: value})) == [expected]


def test_a_tenant_without_a_postal_address_cannot_send() -> None:
    assert ids(findings(postal_address=" ")) == [("LAW-US-01", "block")]


def test_header_names_are_found_whatever_their_case() -> None:
    found = check_message(
        GOOD,
        headers={name.lower(): value for name, value in HEADERS.items()},
        postal_address=ADDRESS,
        unsubscribe_url=URL,
    )

    assert found == []


def test_every_rule_is_a_question_with_a_name() -> None:
    assert len({rule.asks for rule in RULES}) == len(RULES)
    assert all(rule.asks.__doc__ and rule.asks.__doc__.startswith("Whether ") for rule in RULES)
