"""Inlined once or inlined each time, a message is what premailer makes of the rendered page."""

import json
import socket
from pathlib import Path

import pytest

from core import movement, styling
from core.errors import TemplateError, TemplateForbiddenError, TemplateLimitError
from core.rendering import compile_template
from tests.templates.oracle import Oracle, dom, html_template


CONSTRUCTS = json.loads((Path(__file__).parents[1] / "data" / "jinja-constructs.json").read_text())


def page(body: str, css: str = "p{color:red} .a{color:blue} td{padding:4px}") -> str:
    return f"<!DOCTYPE html><html><head><style>{css}</style></head><body>{body}</body></html>"


def inlined(body: str, css: str = "p{color:red} .a{color:blue} td{padding:4px}") -> str:
    return compile_template(html_template(page(body, css))).inlining


def body_of(html: str) -> str:
    return html.partition("<body>")[2].partition("</body>")[0]


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_a_construct_comes_out_as_premailer_would_have_it(name: str) -> None:
    sources = html_template(CONSTRUCTS["templates"][name])
    compiled, oracle = compile_template(sources), Oracle(sources)

    for context in CONSTRUCTS["contexts"]:
        assert dom(compiled.render(context).html) == dom(oracle.html(context))


EACH = {
    "split open/close by if",
    "{% if %} in <style>",
    "macro def + call",
    "set block capture",
    "sibling p + p",
}


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_only_what_depends_on_the_contact_is_inlined_for_each(name: str) -> None:
    compiled = compile_template(html_template(CONSTRUCTS["templates"][name]))

    assert compiled.inlining == ("each" if name in EACH else "once")
    assert compiled.why


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("<p {{ x }}>t</p>", "inside a tag", id="a hole in a tag"),
        pytest.param("<p {% if x %}class='a'>{% else %}>{% endif %}t</p>", "places", id="the end of a tag"),
        pytest.param("<p title{% if x %}='t'{% endif %}>t</p>", "cuts an attribute", id="half an attribute"),
        pytest.param("<p><i {% if x %}/{% endif %}></p>", "closes", id="the slash of a tag"),
        pytest.param("<p><o:p/>{{ x }}</p>", "<o:p></o:p>", id="an element that closes itself"),
        pytest.param("{{ x|safe }}", "|safe", id="markup from the data"),
        pytest.param("{{ (x|safe) ~ 'y' }}", "|safe", id="markup inside an expression"),
        pytest.param(
            "{% if x %}<div>{% endif %}<p>t</p>{% if x %}</div>{% endif %}", "places", id="half an element"
        ),
        pytest.param("<p>{% if x %}</p><p>{% endif %}t</p>", "places", id="one paragraph made two"),
        pytest.param("<ul>{% for i in [1] %}<li>t{% endfor %}</ul>", "close", id="a tag left open"),
        pytest.param("<p>t</p></div>", "closes nothing", id="an end tag too many"),
        pytest.param("<p><div>t</div></p>", "does not allow", id="an element that the parser moves"),
        pytest.param("<p>a <{% if x %} b{% endif %}</p>", "unfinished", id="half a tag before a branch"),
        pytest.param("<!-- {{ x }}-> --><p>t</p>", "unfinished", id="half the end of a comment behind data"),
        pytest.param("{% set z %}<b>t</b>{% endset %}{{ z }}", "holds tags", id="collected tags"),
        pytest.param("{% set z %}'{% endset %}<p title='{{ z }}'>t</p>", "quotes", id="a collected quote"),
        pytest.param(
            "{% if x %}<style>p{color:green}</style>{% endif %}", "style sheet", id="a sheet in a branch"
        ),
        pytest.param("<style>p{color:{{ x }}}</style>", "style sheet", id="data in a sheet"),
    ],
)
def test_a_doubt_is_inlined_for_each_and_the_author_is_told(body: str, reason: str) -> None:
    compiled = compile_template(html_template(page(body)))

    assert compiled.inlining == "each"
    assert reason in compiled.why


@pytest.mark.parametrize(
    "selector",
    ["p + p", "p ~ p", "p:first-child", "li:last-child", "div > p + .a", "[title] ~ p"],
)
def test_a_selector_that_asks_for_neighbours_is_inlined_for_each(selector: str) -> None:
    assert inlined("<div><p title='t'>t</p><p class='a'>t</p></div>", f"{selector}{{color:red}}") == "each"


@pytest.mark.parametrize(
    "selector",
    [
        "p",
        ".a",
        "#i",
        "p.a",
        "div p",
        "div > p",
        "div p.a > b",
        "p[title]",
        'p[title="t"]',
        "p:hover",
        "P.A-1_b",
        "*",
    ],
)
def test_a_selector_that_asks_for_the_tag_and_its_ancestors_is_inlined_once(selector: str) -> None:
    assert inlined("<div><p title='t'>{{ x }}</p></div>", f"{selector}{{color:red}}") == "once"


def test_a_tag_that_changes_is_inlined_once_for_each_of_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    learn = styling.learn
    monkeypatch.setattr(styling, "learn", lambda page: runs.append(page) or learn(page))
    compiled = compile_template(html_template(page("<p class='{{ x }}'>t</p>", ".a{color:red} .b{margin:0}")))
    bodies = [body_of(compiled.render({"x": x}).html) for x in "abab"]

    assert compiled.inlining == "once"
    assert "changes (1)" in compiled.why
    assert bodies[:2] == ["<p style=\"color:red\" class='a'>t</p>", "<p style=\"margin:0\" class='b'>t</p>"]
    assert bodies[2:] == bodies[:2]
    assert len(runs) == 3  # the template, a and b


def test_an_attribute_that_no_selector_looks_at_may_change_freely() -> None:
    body = "<p title='{{ x }}' id='{{ x }}'>t</p>"

    assert "changes" not in compile_template(html_template(page(body, "p{color:red}"))).why
    assert "changes" in compile_template(html_template(page(body, "p[title]{color:red}"))).why
    assert "changes" in compile_template(html_template(page(body, "p#a{color:red}"))).why


def test_only_what_a_selector_reaches_from_a_tag_that_changes_is_looked_up() -> None:
    body = "<div class='{{ x }}'><p>t</p><b>t</b></div>"
    compiled = compile_template(html_template(page(body, ".a p{color:red} b{margin:0}")))

    assert body_of(compiled.render({"x": "a"}).html) == (
        '<div class=\'a\'><p style="color:red">t</p><b style="margin:0">t</b></div>'
    )


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement, "MAX_REMEMBERED", 3)
    monkeypatch.setattr(movement, "MAX_KEY", 10)
    compiled = compile_template(html_template(page("<p style='width:{{ x }}px'>t</p>")))

    for x in [*range(1, 10), 10**12]:
        assert f"width:{x}px" in compiled.render({"x": x}).html


def test_a_style_attribute_spelled_like_a_selector_spoils_no_other_page() -> None:
    """premailer keeps what it has read of selectors and of declarations by their text, in one cache."""
    first = compile_template(html_template(page('<p style="td">t</p>', "p{color:red}")))
    second = compile_template(html_template(page("<table><tr><td>t</td></tr></table>", "td{color:red}")))

    assert 'style="color:red"' in first.render({}).html
    assert 'style="color:red"' in second.render({}).html


def test_a_selector_that_premailer_can_use_for_nobody_is_refused() -> None:
    with pytest.raises(TemplateError, match="no selector"):
        compile_template(html_template(page("<p>t</p>", "p[title='a,b'] + p{color:red}")))


def test_a_page_whose_parsers_quarrel_is_premailers_own() -> None:
    html = styling.inline_page(page("<p>a<div class=a>b</div></p>"))

    assert body_of(html) == '<p style="color:red">a</p><div class="a" style="color:blue">b</div>'


def test_the_authors_bytes_stay() -> None:
    body = (
        "<!--[if mso]><v:rect href='{{ u }}'><![endif]--><A  HREF='https://e.example/é?a=%20&amp;b={{ u }}'"
        " class=a >&nbsp;&copy;</A><br/>"
    )
    html = compile_template(html_template(page(body))).render({"u": "1"}).html

    assert body_of(html) == (
        "<!--[if mso]><v:rect href='1'><![endif]--><A style=\"color:blue\"  HREF='https://e.example/é?a=%20&amp;b=1'"
        " class=a >&nbsp;&copy;</A><br/>"
    )


def test_a_style_of_the_authors_own_wins_and_is_written_in_its_place() -> None:
    html = (
        compile_template(html_template(page('<p title="t" style="color: green" lang="en">x</p>')))
        .render({})
        .html
    )

    assert body_of(html) == '<p title="t" style="color:green" lang="en">x</p>'


def test_media_rules_stay_and_win_over_what_was_inlined() -> None:
    html = (
        compile_template(
            html_template(page("<p>x</p>", "p{color:red} @media (max-width:9px){p{color:blue}}"))
        )
        .render({})
        .html
    )

    assert "@media (max-width: 9px)" in html
    assert "color: blue !important" in html
    assert body_of(html) == '<p style="color:red">x</p>'


def test_a_sheet_with_nothing_left_is_taken_out() -> None:
    assert "<style" not in compile_template(html_template(page("<p>x</p>"))).render({}).html


def test_a_sheet_marked_to_be_ignored_stays_as_it_is() -> None:
    sheet = '<style data-premailer="ignore">#outlook a{padding:0}</style>'
    html = compile_template(html_template(page(f"{sheet}<p>x</p>"))).render({}).html

    assert "<style >#outlook a{padding:0}</style>" in html


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(
            "<style>@import url(http://127.0.0.1:{port}/a.css);p{color:red}</style>", id="import with url"
        ),
        pytest.param(
            "<style>@IMPORT 'http://127.0.0.1:{port}/;b.css' screen;p{color:red}</style>",
            id="import in capitals",
        ),
        pytest.param(
            "<style>@import/**/url(http://127.0.0.1:{port}/a.css);p{color:red}</style>",
            id="import with a comment",
        ),
        pytest.param(
            "<link rel='Stylesheet' href='http://127.0.0.1:{port}/c.css'><style>p{color:red}</style>",
            id="link",
        ),
        pytest.param("<style>@import '{{{{ u }}}}';p{color:red}</style>", id="import from the data"),
    ],
)
def test_t07_nothing_is_fetched_for_a_style_sheet(head: str) -> None:
    """T07. The server is real, so that a connection would be seen."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port = server.getsockname()[1]
        html = f"<html><head>{head.replace('{port}', str(port)).replace('{{{{', '{{').replace('}}}}', '}}')}</head><body><p>x</p></body></html>"
        rendered = compile_template(html_template(html)).render({"u": f"http://127.0.0.1:{port}/d.css"}).html
        with pytest.raises(TimeoutError):
            server.accept()

    assert "127.0.0.1" not in rendered
    assert '<p style="color:red">x</p>' in rendered


def test_t07_an_import_spelled_with_an_escape_is_refused() -> None:
    with pytest.raises(TemplateForbiddenError, match="backslash"):
        compile_template(html_template(page("<p>x</p>", r"@\69mport url(http://127.0.0.1/);")))


@pytest.mark.parametrize(
    ("html", "code"),
    [
        pytest.param(page("<p>x</p>", "p{color:red}" * 3_000), "html_too_complex", id="3,000 rules"),
        pytest.param(page("<p>x</p>", "/*" + "x" * 70_000 + "*/"), "html_too_complex", id="70 KB of CSS"),
        pytest.param(
            page("<div>" * 5_000 + "</div>" * 5_000), "html_too_complex", id="5,000 nested elements"
        ),
        pytest.param(
            page("<b>x</b>" * 5_000, "p{color:red}" * 400), "html_too_complex", id="rules times tags"
        ),
        pytest.param(" \n ", "html_empty", id="nothing"),
    ],
)
def test_t08_a_page_that_would_take_too_long_is_refused(html: str, code: str) -> None:
    """T08."""
    with pytest.raises(TemplateLimitError) as refused:
        compile_template(html_template(html))
    assert refused.value.code == code


def test_t08_a_page_that_grows_too_deep_with_the_data_is_refused() -> None:
    compiled = compile_template(html_template(page("{{ x|safe }}")))

    with pytest.raises(TemplateLimitError):
        compiled.render({"x": "<div>" * 300})


def test_a_page_is_inlined_the_same_whether_or_not_its_doctype_is_there() -> None:
    assert styling.inline_page(page("<p>x</p>")).startswith("<!DOCTYPE html><html>")
    assert styling.inline_page(
        "<html><head><style>p{color:red}</style></head><body><p>x</p></body></html>"
    ) == ('<html><head></head><body><p style="color:red">x</p></body></html>')
