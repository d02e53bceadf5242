"""Templates that nobody wrote: whatever is put together, no message differs from what premailer makes of the page.

Two kinds. Mails are built of elements that could stand in one, with branches, loops and values wherever authors put them.
Soups are built of pieces of tags, comments and quotes, with branches and values between any two of them: most are nonsense
that is inlined for each contact, and one that were wrongly taken for proven would show here.
"""

from typing import Any
from xml.dom import DOMException

import pytest
from cssselect.parser import SelectorError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from core.errors import TemplateError
from core.rendering import compile_template
from tests.templates.oracle import Oracle, dom, html_template


# The same ones each time: what a search finds on a build server would be news, and no fault of the change that it stops.
# To search anew, take `derandomize` out and raise the number.
SETTINGS = settings(
    derandomize=True,
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

VALUES = st.sampled_from(
    ["A & <b>\"'", "Zoë-->", "", "a", "b a", "a\" title='", "</p></style>", "-", ">", "=", "/", "&lt;", "color:red", "🎉 \u202e"]
)  # fmt: skip
CONTEXTS = st.lists(
    st.fixed_dictionaries(
        {
            "x": VALUES,
            "k": st.sampled_from(["a", "b", "a b", "c", ""]),
            "n": st.integers(0, 2),
            "items": st.lists(st.integers(0, 2), max_size=3),
        }
    ),
    min_size=3,
    max_size=5,
)


def judge(html: str, contexts: list[dict[str, Any]]) -> None:
    sources = html_template(html)
    oracle = Oracle(sources)
    try:
        compiled = compile_template(sources)
    except TemplateError:
        event("refused")
        return
    event(compiled.inlining)
    for context in contexts:
        try:
            expected = oracle.html(context)
        except (SelectorError, DOMException):
            # A sheet that premailer cannot read, perhaps with this value alone: then we must not read it either.
            with pytest.raises(TemplateError):
                compiled.render(context)
        else:
            assert dom(compiled.render(context).html) == dom(expected), compiled.why


def page(body: str, css: str) -> str:
    return f"<!DOCTYPE html><html><head><style>{css}</style></head><body>{body}</body></html>"


# --- mails -------------------------------------------------------------------------------------------------------

CLASSES = st.sampled_from(["a", "b", "a b", "{{ k }}", "a{% if n %} b{% endif %}", "{% if n %}a{% else %}b{% endif %}", "{{ x }}", ""])  # fmt: skip
STYLES = st.sampled_from(
    ["margin:0", "color:lime!important", "{{ x }}", "{% if n %}color:lime;{% endif %}margin:0", "width:{{ n }}px", "font-family:&quot;A&quot;"]
)  # fmt: skip
PLAIN = st.sampled_from(
    ['title="t"', "title='{{ x }}'", 'title="{% if n %}t{% endif %}"', "hidden", "lang=en", 'data-x="&amp;{{ k }}"', 'TITLE="{{ k }}"']
)  # fmt: skip
ONE = st.one_of(
    CLASSES.map('class="{}"'.format),
    CLASSES.map("CLASS='{}'".format),
    STYLES.map('style="{}"'.format),
    st.sampled_from(["a", "{{ k }}"]).map('id="{}"'.format),
    PLAIN,
    PLAIN,
)
GIVEN = st.one_of(
    ONE.map(" {}".format),
    ONE.map(" {}".format),
    ONE.map(" {}".format),
    ONE.map("\n {} ".format),
    ONE.map("{{% if n %}} {}{{% endif %}}".format),
    ONE.map(" {{% if n %}}{}{{% endif %}}".format),
    st.tuples(ONE, ONE).map(lambda two: f" {{% if n %}}{two[0]}{{% else %}}{two[1]}{{% endif %}}"),
    st.tuples(ONE, ONE).map(lambda two: f"{{% if n %}} {two[0]} {two[1]}{{% endif %}}"),
    ONE.map("{{% for i in items %}} {}{{% endfor %}}".format),
)
ATTRIBUTES = st.lists(GIVEN, max_size=2).map("".join)
TEXT = st.sampled_from(
    ["", "t", "{{ x }}", "&amp;", "&{{ k }}", "{% if n %}{{ x }}{% endif %}", "{# <p> #}", "<!-- {{ x }} -->", "<br>", "<br/>", "\n"]
)  # fmt: skip


def element(tag: str, content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda attributes, inner: f"<{tag}{attributes}>{inner}</{tag}>", ATTRIBUTES, content)


def moving(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        content,
        content,
        content.map("{{% if n %}}{}{{% endif %}}".format),
        content.map("{{% for i in items %}}{}{{% endfor %}}".format),
        content.map('{{% for k in ["a", "b"] %}}{}{{% endfor %}}'.format),
        content.map("{{% with k = 'a' %}}{}{{% endwith %}}".format),
        st.tuples(content, content).map(lambda two: f"{{% if n %}}{two[0]}{{% else %}}{two[1]}{{% endif %}}"),
        content.map("<!--[if mso]><table><tr><td><![endif]-->{}<!--[if mso]></td></tr></table><![endif]-->".format),
    )  # fmt: skip


def several(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(moving(content), max_size=2).map("".join)


PHRASE = several(st.one_of(TEXT, element("b", TEXT), element("span", element("i", TEXT)), element("a", TEXT)))
ROW = element("tr", several(element("td", PHRASE)))


@st.composite
def mails(draw: st.DrawFn, depth: int = 3) -> str:
    """Return some blocks, as they may stand in a body or a cell."""
    leaf = st.one_of(element("p", PHRASE), element("h1", PHRASE), TEXT)
    if depth == 0:
        return draw(several(leaf))
    inner = mails(depth - 1)
    block = st.one_of(
        leaf,
        element("div", inner),
        element("DIV", inner),
        element("x-card", inner),
        several(ROW).map("<table>{}</table>".format),
        element("td", inner).map("<table><tbody><tr>{}</tr></tbody></table>".format),
        element("ul", several(element("li", inner))),
        element("svg", st.sampled_from(["<path/>", "<g class='a'><rect/></g>"])),
    )
    return draw(several(block))


COMPOUND = st.sampled_from(
    [
        "p",
        "div",
        ".a",
        ".b",
        "p.a",
        "div.a",
        "b",
        "td",
        "li",
        "#a",
        "[title]",
        "[class~=b]",
        "i.b",
        "tr.a",
        "*",
    ]
)
SELECTOR = st.builds(
    lambda first, rest: first + "".join(combinator + compound for combinator, compound in rest),
    COMPOUND,
    st.lists(st.tuples(st.sampled_from([" ", " > ", " ", " > ", ", "] * 4 + [" + "]), COMPOUND), max_size=3),
)
DECLARATION = st.sampled_from(
    [
        "color: red",
        "color: blue !important",
        "margin: 0; padding: 1px 2px",
        "margin-top: 3px; margin: 1px; margin-top: 2px",
        "font: bold 12px 'A B', serif",
        "mso-line-height-rule: exactly; color: unset",
    ]
)
RULES = st.lists(
    st.one_of(
        st.builds("{} {{ {} }}".format, SELECTOR, DECLARATION),
        st.builds("{} {{ {} }}".format, SELECTOR, DECLARATION),
        st.builds("@media (max-width: 9px) {{ {} {{ {} }} }}".format, SELECTOR, DECLARATION),
        st.builds("{}:hover {{ {} }}".format, COMPOUND, DECLARATION),
    ),
    max_size=6,
).map(" ".join)


@SETTINGS
@given(mails(), RULES, CONTEXTS)
def test_mails_that_nobody_wrote(body: str, css: str, contexts: list[dict[str, Any]]) -> None:
    judge(page(f"{body}<p>end</p>", css), contexts)


# --- soups -------------------------------------------------------------------------------------------------------


@st.composite
def soup(draw: st.DrawFn, *pieces: str, depth: int = 2) -> str:
    """Return what can be put together of pieces, with values, branches and loops between any two of them."""
    some = st.lists(st.sampled_from([*pieces, "{{ x }}", "{{ k }}"]), max_size=3).map("".join)
    if depth == 0:
        return draw(some)
    inner = soup(*pieces, depth=depth - 1)
    around = st.sampled_from(
        ["{}{}", "{}{{% if n %}}{}{{% endif %}}", "{{% if n %}}{}{{% else %}}{}{{% endif %}}", "{}{{% for i in items %}}{}{{% endfor %}}"]
    )  # fmt: skip
    return draw(some) + draw(around).format(draw(inner), draw(inner)) + draw(some)


TAG_SOUP = soup(" ", " class", '="', '"', "'", "a", " title='t'", ' class="a"', 'style="margin:0"', " hidden", "/", ">", "=", "\n")  # fmt: skip
COMMENT_SOUP = soup("-", "--", ">", "!", "<!--", "-->", "a", " ", "<p class='a'>", "[if mso]", "<![endif]")
TEXT_SOUP = soup(
    "<p class='a'>", "</p>", "<div>", "</div>", "<", "</", "&", "&am", "p;", "t", "<br/>", "<o:p/>", "<b>", "</b>", "<!--", "-->"
)  # fmt: skip
TABLE_SOUP = soup("<tr class='a'>", "</tr>", "<td>", "</td>", "<tbody>", "</tbody>", "t", "<table>", "</table>", "<p>", "</p>", "\n")  # fmt: skip
RAW_SOUP = soup("<textarea>", "</textarea>", "<pre>", "</pre>", "<script>", "</script>", "<xmp>", "</xmp>", "<title>", "</title>", "<p class='a'>t</p>", "<", "&lt;")  # fmt: skip
SHEET_SOUP = soup("p", " { ", " } ", "color:red;", ".a", "/*", "*/", "@media print", "'", ">", ",", " ", "<!--", "-->", ":hover", "\\")  # fmt: skip
CSS = "p{color:red} .a{margin:0} div p, td .a{padding:1px} tr.a td{color:blue}"


@SETTINGS
@given(
    st.one_of(
        TAG_SOUP.map("<p{}>t</p><div class='a'><p>u</p></div>".format),
        TAG_SOUP.map("<div {}><p>t</p></div>".format),
        COMMENT_SOUP.map("<p>t</p><!--{}--><p class='a'>u</p>".format),
        TEXT_SOUP.map("<div class='a'>{}</div><p>u</p>".format),
        TABLE_SOUP.map("<table class='a'>{}</table><p>u</p>".format),
        RAW_SOUP,
    ).map(lambda body: page(body, CSS))
    | SHEET_SOUP.map(lambda css: page("<div class='a'><p class='a'>t</p></div>", css)),
    CONTEXTS,
)
def test_soups_that_nobody_wrote(html: str, contexts: list[dict[str, Any]]) -> None:
    judge(html, contexts)
