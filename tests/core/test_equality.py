"""Equality: what of a page may be spelled in two ways, what may not, and that no difference is told with data in it."""

import pytest

from core.equality import MOST, difference


def page(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("ours", "premailers"),
    [
        pytest.param("<p>a  b</p>", "<p>a\n b</p>", id="white space in text"),
        pytest.param("<p style='a:b; c:d'>x</p>", '<p style="a: b;c:d;">x</p>', id="a style's spelling"),
        pytest.param("<p style='A:b  c'>x</p>", "<p style='a:b c'>x</p>", id="a property's case"),
        pytest.param("<P CLASS=a>x</P>", '<p class="a">x', id="case, quotes and an end tag"),
        pytest.param("<a href='/ä ö?a=1&b=2'>x</a>", '<a href="/%C3%A4%20%C3%B6?a=1&amp;b=2">x</a>', id="a link"),
        pytest.param("<img alt='a\r\nb'>", "<img alt='a&#13;\nb'>", id="ends of lines in an attribute"),
        pytest.param("<br/>&auml;", "<br>ä", id="entities"),
        pytest.param("<table><tr><td>x</table>", "<table><tbody><tr><td>x</td></tr></tbody></table>", id="tbody"),
        pytest.param("<p a=1 b=2>x</p>", "<p b=2 a=1>x</p>", id="the order of attributes"),
    ],
)  # fmt: skip
def test_what_no_reader_can_tell_is_no_difference(ours: str, premailers: str) -> None:
    assert difference(page(ours), page(premailers)) == ""


@pytest.mark.parametrize(
    ("ours", "premailers", "told"),
    [
        pytest.param("<p>a</p>", "<p>b</p>", "html/body[2]/p[1]: the text differs", id="text"),
        pytest.param("<p>a</p>x", "<p>a</p>y", "html/body[2]/p[1]: the text behind it differs", id="text behind"),
        pytest.param("<p style='a:b'>x</p>", "<p style='a:c'>x</p>", "html/body[2]/p[1]: style differs in a", id="a style"),
        pytest.param("<p>x</p>", "<p style='a:c;b:d'>x</p>", "html/body[2]/p[1]: style differs in a, b", id="no style"),
        pytest.param(
            "<p style='a:b;c:d'>x</p>", "<p style='c:d;a:b'>x</p>",
            "html/body[2]/p[1]: style differs in the order of its declarations", id="what takes effect last",
        ),
        pytest.param("<p class='a'>x</p>", "<p>x</p>", "html/body[2]/p[1]: class differs", id="an attribute"),
        pytest.param("<p>x</p>", "<div>x</div>", "html/body[2]/p[1]: premailer's has div there", id="another element"),
        pytest.param("<p>x</p><b></b>", "<p>x</p>", "html/body[2]: child 2, b, is only in ours", id="one more"),
        pytest.param("<p>x</p>", "<p>x</p><!-- a -->", "html/body[2]: child 2, comment, is only in premailer's", id="one less"),
        pytest.param("<!-- a -->", "<!-- b -->", "html/body[2]/comment[1]: the text differs", id="a comment"),
    ],
)  # fmt: skip
def test_everything_else_is_told_by_its_place(ours: str, premailers: str, told: str) -> None:
    assert difference(page(ours), page(premailers)) == told


def test_a_kept_sheet_may_differ_in_white_space_alone() -> None:
    ours, premailers = (
        "@media x { p { color:red } }",
        "@media x {\n    p {\n        color:red\n        }\n    }",
    )
    assert difference(page("x", f"<style>{ours}</style>"), page("x", f"<style>{premailers}</style>")) == ""
    assert difference(page("x", f"<style>{ours}</style>"), page("x", f"<style>{ours}p{{}}</style>")) == (
        "html/head[1]/style[1]: the text differs"
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param("<ada@example.com>x", id="an element"),
        pytest.param("<p ada@example.com=1>x</p>", id="an attribute"),
        pytest.param("<p style='ada@example.com:1'>x</p>", id="a property"),
        pytest.param("<p title='ada@example.com'>x</p>", id="a value"),
        pytest.param("<p>ada@example.com</p>", id="text"),
    ],
)
def test_no_address_is_told_whatever_data_has_made_of_the_page(spoilt: str) -> None:
    told = difference(page(spoilt), page("<p>x</p>")) + difference(page("<p>x</p>"), page(spoilt))

    assert told
    assert "ada" not in told
    assert "@" not in told


def test_of_a_long_path_the_end_is_told() -> None:
    told = difference(page("<div>" * 150 + "a"), page("<div>" * 150 + "b"))

    assert told.startswith("...")
    assert told.endswith("div[1]: the text differs")
    assert len(told) == MOST + 3
