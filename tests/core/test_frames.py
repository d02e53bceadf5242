"""A frame and its holes are the message, to the last character, and nothing in it is a hole by mistake."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TemplateForbiddenError
from core.frames import WHOLE, WORTH, Filling, Frame
from core.rendering import Content, TemplateSources, compile_template


LONG = "The quick brown fox jumps over the lazy dog. "
# As Handlebars reads a template: a backslash before braces makes them text, three of them are an expression.
EXPRESSION = re.compile(r"\\?\{{2,3}[^{}]*\}{2,3}")


def rendered(body: str, text: str = "Text", **context: Any) -> Content:
    html = f"<html><head></head><body>{body}</body></html>"
    sources = TemplateSources(name="news", subject="Subject", html=html, text=text, shared={})
    return compile_template(sources).render(context)


def filling(body: str, text: str = "Text", **context: Any) -> Filling:
    found = rendered(body, text, **context).filling
    assert found is not None
    return found


def assembled(template: str, holes: dict[str, str]) -> str:
    """Do what SES does: replace each expression by the value of its name."""
    assert [found for found in EXPRESSION.findall(template) if found[2:-2] not in holes] == []
    return EXPRESSION.sub(lambda found: holes[found[0][2:-2]], template)


def test_what_everybody_gets_is_in_the_frame_and_what_differs_in_the_holes() -> None:
    found = filling(f"<p>{LONG}{{{{ name }}}}</p><p>{LONG}</p>", name="Zoë")
    assert found.html_frame.pieces == (
        f"html><head></head><body><p>{LONG}"[:-1],
        f"/p><p>{LONG}</p></body></html",
    )
    assert found.html == ("<", " Zoë<", ">")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{% if vip %}" + LONG + "{% endif %}", id="a branch"),
        pytest.param("{% for item in items %}<p>" + LONG + "{{ item }}</p>{% endfor %}", id="a loop"),
        pytest.param("{% set x %}" + LONG + "{% endset %}{{ x }}{{ x }}", id="a collected text"),
        pytest.param("{% macro m() %}" + LONG + "{% endmacro %}{{ m() }}{{ m() }}", id="a macro"),
        pytest.param("{% filter upper %}" + LONG + "{% endfilter %}", id="a filtered text"),
    ],
)
def test_what_is_not_printed_exactly_once_is_in_a_hole(body: str) -> None:
    assert not any(LONG[:20] in piece for piece in filling(body, vip=True, items=[1, 2]).html_frame.pieces)


def test_what_stands_in_a_with_or_a_block_is_printed_once_too() -> None:
    found = filling(
        f"{{% with a=1 %}}<p>{LONG}{{{{ a }}}}</p>{{% endwith %}}{{% block b %}}{LONG}{{% endblock %}}"
    )
    assert sum(LONG[1:-1] in piece for piece in found.html_frame.pieces) == 2


def test_no_hole_is_empty() -> None:
    found = filling(
        f"{{{{ a }}}}{{{{ a }}}}<p>{LONG}</p>{{{{ a }}}}{LONG}{{{{ a }}}}", f"{LONG}{{{{ a }}}}{LONG}", a=""
    )
    assert all(found.html)
    assert all(found.text)
    assert len(found.html_frame.pieces) == 2
    assert len(found.text_frame.pieces) == 2


def test_a_short_piece_is_cheaper_inside_the_hole() -> None:
    found = filling(f"{LONG}{{{{ a }}}}, {{{{ a }}}}{LONG}", a="x")
    assert len(found.html_frame.pieces) == 2
    assert found.html[1] == " x, xT"
    assert min(map(len, found.html_frame.pieces)) >= WORTH


@pytest.mark.parametrize("edge", ["{", "{{", "}", "}}", "\\", "\\\\", "~", "{\\", "}}}{{{~"])
def test_nothing_at_the_edge_of_a_hole_is_read_as_part_of_it(edge: str) -> None:
    raw = "{% raw %}" + edge + "{% endraw %}"
    content = rendered(f"<p>{LONG}{raw}{{{{ a }}}}{raw}{LONG}</p>", a="v")
    assert content.filling is not None
    frame, holes = content.filling.html_frame, content.filling.html
    values = dict(zip(frame.names("h"), holes, strict=True))
    assert assembled(frame.as_template("h"), values) == content.html
    assert f"{edge}v{edge}" in content.html


def test_a_piece_with_doubled_braces_stays_in_its_hole() -> None:
    found = filling("{% raw %}<p>" + LONG + "{{ses:x}}" + LONG + "</p>{% endraw %}")
    assert found.html_frame == WHOLE


def test_a_template_that_is_inlined_each_time_shares_no_html() -> None:
    found = filling(f"<style>p:first-child{{color:red}}</style><p>{LONG}</p>", LONG)
    assert found.html_frame == WHOLE
    assert 'style="color:red"' in found.html[0]
    assert found.text_frame.pieces == (LONG[1:-1],)


@pytest.mark.parametrize(
    "body",
    [pytest.param("{{ '\\x00' }}", id="printed"), pytest.param("a\0b", id="written")],
)
def test_the_mark_is_no_character_of_a_mail(body: str) -> None:
    with pytest.raises(TemplateForbiddenError, match="NUL"):
        rendered(body)


def test_parts_that_share_nothing_are_one_hole() -> None:
    alone = Filling.whole("<p>a</p>", "b")
    assert (alone.html_frame.fill(alone.html), alone.text_frame.fill(alone.text)) == ("<p>a</p>", "b")
    assert alone.html_frame.as_template("h") == "{{h0}}"


@given(st.lists(st.text(max_size=5), max_size=5), st.data())
def test_a_frame_gives_back_what_it_was_filled_with(pieces: list[str], data: st.DataObject) -> None:
    frame = Frame(tuple(pieces))
    letters = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
    holes = tuple(data.draw(st.lists(letters, min_size=len(pieces) + 1, max_size=len(pieces) + 1)))
    marked = Frame(("\0",) * len(pieces)).fill(holes)
    assert frame.split(marked) == holes
    assert frame.fill(holes) == "".join(a + b for a, b in zip(holes, [*pieces, ""], strict=True))


def test_what_ses_puts_together_is_what_was_rendered() -> None:
    html, text = Frame((" a piece ", " another ")), Frame()
    filling = Filling(html, ("<p>", "{{h0}} of a reader", "$1 \\1</p>"), text, ("the text",))

    assert filling.put_together() == ("<p> a piece {{h0}} of a reader another $1 \\1</p>", "the text")
    assert Filling.whole("html", "text").put_together() == ("html", "text")
