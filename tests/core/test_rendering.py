"""What a template may do, what it may spend, and what it says when it may not."""

from datetime import date
from typing import Any

import pytest

from core import contexts, filling
from core.contexts import context_for
from core.errors import (
    InputError,
    TemplateError,
    TemplateForbiddenError,
    TemplateLimitError,
    TemplateSyntaxError,
    TemplateUndefinedError,
)
from core.rendering import Content, TemplateSources, compile_template


def sources(html: str = "<p>x</p>", **parts: Any) -> TemplateSources:
    whole = {"name": "news", "subject": "Subject", "text": "Text", "shared": {}, **parts}
    return TemplateSources(html=f"<html><head></head><body>{html}</body></html>", **whole)


def shown(html: str, **context: Any) -> str:
    rendered = compile_template(sources(html)).render(context).html
    return rendered.removeprefix("<html><head></head><body>").removesuffix("</body></html>")


# --- the contract ------------------------------------------------------------------------------------------------


def test_a_message_has_a_subject_an_html_part_and_a_text_part() -> None:
    compiled = compile_template(
        sources("<p>{{ a }}</p>", subject=" News for {{ a }}\n", text="Dear {{ a }},\n")
    )

    assert compiled.render({"a": "Ada & Co"}) == Content(
        subject="News for Ada & Co",
        html="<html><head></head><body><p>Ada &amp; Co</p></body></html>",
        text="Dear Ada & Co,\n",
    )


def test_sources_survive_json_and_keep_their_digest() -> None:
    original = sources(shared={"_shared/a.j2": "a"})
    copied = TemplateSources.from_json(original.as_json())

    assert copied == original
    assert copied.digest() == original.digest()
    assert len(original.digest()) == 64


@pytest.mark.parametrize("part", ["name", "subject", "html", "text", "shared"])
def test_a_change_of_any_part_changes_the_digest(part: str) -> None:
    changed = sources().as_json() | {part: {"_shared/a.j2": "a"} if part == "shared" else "changed"}

    assert TemplateSources.from_json(changed).digest() != sources().digest()


def test_fields_are_the_dotted_names_that_a_template_asks_for() -> None:
    compiled = compile_template(
        sources(
            "{% for p in contact.products %}{{ p.name }}{% endfor %}{{ contact['city']|default('') }}"
            "{% set z = tenant.name %}{{ z }}{{ contact.first_name.upper() }}",
            subject="{{ campaign.name }}",
            text="{{ unsubscribe_url }}",
        )
    )

    assert compiled.fields == {
        "campaign.name",
        "contact.city",
        "contact.first_name",
        "contact.products",
        "tenant.name",
        "unsubscribe_url",
    }


def test_the_context_is_five_names() -> None:
    context = context_for(
        contact={"email": "ada@example.com"},
        tenant={"name": "T"},
        campaign={"name": "C"},
        unsubscribe_url="https://e.example/u",
        preferences_url="https://e.example/p",
    )

    assert context == {
        "contact": {"email": "ada@example.com"},
        "tenant": {"name": "T"},
        "campaign": {"name": "C"},
        "unsubscribe_url": "https://e.example/u",
        "preferences_url": "https://e.example/p",
    }


# --- what is printed ---------------------------------------------------------------------------------------------


def test_t05_a_name_is_escaped_in_html_and_literal_in_text() -> None:
    """T05."""
    compiled = compile_template(sources('<p title="{{ n }}">{{ n }}</p>', text="{{ n }}", subject="{{ n }}"))
    content = compiled.render({"n": "<script>alert('1')</script>\""})

    escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&#34;"
    assert content.html == f'<html><head></head><body><p title="{escaped}">{escaped}</p></body></html>'
    assert content.text == content.subject == "<script>alert('1')</script>\""


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{{ 1.50 }} {{ 7 }} {{ true }}", "1.5 7 True", id="numbers and truth values"),
        pytest.param("[{{ none }}]", "[]", id="nothing for none"),
        pytest.param("{{ c.items }} {{ c.get }}", "field get", id="a key wins over a method"),
        pytest.param("{{ c.nothing|default('there') }}", "there", id="a default for none"),
        pytest.param("{{ c.empty|default('there', true) }}", "there", id="a default for an empty text"),
        pytest.param("{{ c.absent|default('there') }}", "there", id="a default for a missing field"),
        pytest.param("{{ c.name.upper() }} {{ c.name|upper }}", "ADA ADA", id="methods and filters"),
        pytest.param("{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "a1", id="a dict's items"),
        pytest.param("{% for i in [1,2] %}{{ loop.index }}{{ loop.cycle('a','b') }}{% endfor %}", "1a2b", id="loop"),
        pytest.param("{{ '%.2f'|format(3) }} {{ '%s!' % 'a' }}", "3.00 a!", id="simple formats"),
        pytest.param("{{ [3,1]|sort|join('-') }} {{ [1,2]|sum }}", "1-3 3", id="lists"),
        pytest.param("{% for r in [1,2,3]|batch(2,0) %}{{ r|join }};{% endfor %}", "12;30;", id="rows"),
        pytest.param("{{ [{'a':1},{'a':2}]|map(attribute='a')|join('+') }}", "1+2", id="map"),
        pytest.param("{{ 'a' ~ 1 ~ '<' }}", "a1&lt;", id="joining escapes"),
        pytest.param("{{ 'x<y'|replace('x', '<') }}", "&lt;&lt;y", id="replacing escapes"),
        pytest.param("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b='<') }}", "121&lt;", id="macro"),
        pytest.param("{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}x{% endcall %}", "(x)", id="call block"),
        pytest.param("{% filter upper %}a{{ c.name }}{% endfilter %}", "AADA", id="filter block"),
        pytest.param("{% set n = namespace(i=0) %}{% for i in range(3) %}{% set n.i = n.i + i %}{% endfor %}{{ n.i }}", "3", id="namespace"),
        pytest.param("{{ 'a' if false }}", "", id="an if without else"),
        pytest.param("{% for i in l if i.a != c.name %}{{ i.a }}{% endfor %}", "1", id="a loop with a condition"),
        pytest.param("{{ c.empty|default('x')|default('y', true) }}", "y", id="a default of a default"),
        pytest.param("{{ c.absent|default(c.empty|default('x', true)) }}", "x", id="a default in a default"),
        pytest.param("{{ c.deep.er.name }}{{ c.deep['er'].name }}", "downdown", id="fields of fields"),
        pytest.param("{% macro m(p) %}{{ p.name }}/{{ p.name }}{% endmacro %}{{ m(c) }}", "Ada/Ada", id="fields in a macro"),
        pytest.param("{{ 1.5 * 2 }} {{ 7 % 4 }} {{ 'ab' * 2 }}", "3.0 3 abab", id="arithmetic"),
    ],
)  # fmt: skip
def test_the_dialect_prints(template: str, expected: str) -> None:
    c = {
        "items": "field",
        "get": "get",
        "nothing": None,
        "empty": "",
        "name": "Ada",
        "deep": {"er": {"name": "down"}},
    }

    assert shown(template, c=c, d={"a": 1}, l=[{"a": "Ada"}, {"a": 1}]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("https://e.example/?a=b:c#d:e", "https://e.example/?a=b:c#d:e", id="https"),
        pytest.param("mailto:a@example.com", "mailto:a@example.com", id="mailto"),
        pytest.param("TEL:+44", "TEL:+44", id="tel"),
        pytest.param("/path:1", "/path:1", id="a path"),
        pytest.param("javascript:alert(1)", "#", id="javascript"),
        pytest.param(" java\nscript\t:alert(1)", "#", id="javascript with white space"),
        pytest.param("JaVaScRiPt:alert(1)", "#", id="javascript in capitals"),
        pytest.param("data:text/html,x", "#", id="data"),
        pytest.param("vbscript:x", "#", id="vbscript"),
    ],
)
def test_t09_a_link_leads_to_the_web_or_nowhere(value: str, expected: str) -> None:
    """T09."""
    assert shown('<a href="{{ u }}">x</a>', u=value) == f'<a href="{expected}">x</a>'


def test_t09_a_link_put_together_from_two_fields_is_still_checked() -> None:
    """T09."""
    assert shown('<a href="{{ a }}{{ b }}">x</a>', a="java", b="script:alert(1)") == '<a href="java#">x</a>'
    assert shown('<a href="{% if a %}{{ b }}{% endif %}">x</a>', a=1, b="javascript:1") == '<a href="#">x</a>'


def test_t09_data_without_quotes_around_it_is_refused() -> None:
    """T09."""
    with pytest.raises(TemplateForbiddenError, match="title= without quotes"):
        compile_template(sources("<p title={{ x }}>x</p>"))


# --- what is missing ---------------------------------------------------------------------------------------------


def test_t04_a_field_that_is_missing_is_named_and_a_similar_one_suggested() -> None:
    """T04."""
    compiled = compile_template(sources("{{ contact.frist_name }}"))

    with pytest.raises(TemplateUndefinedError, match=r"contact\.frist_name") as raised:
        compiled.render({"contact": {"first_name": "Ada"}})
    assert raised.value.hint == "did you mean contact.first_name?"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ nobody }}", "nobody"),
        ("{{ nobody.name }}", "nobody"),
        ("{{ c.list[0].b }}", r"c\.list\[0\]\.b"),
        ("{{ c.absent|upper }}", r"c\.absent"),
        ("{% if c.absent %}{% endif %}", r"c\.absent"),
        ("{% for i in c.absent %}{% endfor %}", r"c\.absent"),
        ("{% for i in c.list %}{{ i.b }}{% endfor %}", r"c\.list\[0\]\.b"),
    ],
)
def test_t04_whatever_is_done_with_a_missing_field_it_is_named(template: str, name: str) -> None:
    """T04."""
    with pytest.raises(TemplateUndefinedError, match=f"uses {name},"):
        shown(template, c={"list": [{"a": 1}]})


# --- what is forbidden -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("{{ ''.__class__.__mro__ }}", id="class"),
        pytest.param("{{ ''|attr('__class__') }}", id="attr filter (CVE-2025-27516)"),
        pytest.param("{{ '{0.__class__}'.format(1) }}", id="str.format (CVE-2016-10745)"),
        pytest.param("{{ '{x.__class__}'.format_map({'x': 1}) }}", id="str.format_map (CVE-2019-10906)"),
        pytest.param("{% set f = ''.format %}{{ f(1) }}", id="str.format by another name (CVE-2024-56326)"),
        pytest.param(
            "{{ ['{0.__class__}']|map('format', 1)|join }}{{ ''['format'](1) }}",
            id="format through a subscript",
        ),
        pytest.param("{{ range.__globals__ }}", id="globals"),
        pytest.param("{{ [1].append(2) }}", id="list.append"),
        pytest.param("{{ c.update({}) }}", id="dict.update"),
        pytest.param("{{ c.pop('a') }}", id="dict.pop"),
        pytest.param("{{ 'a'.join([]) }}", id="a method off the list"),
        pytest.param("{{ 'a'|center(9) }}", id="a filter off the list"),
        pytest.param("{{ c|tojson }}", id="tojson"),
        pytest.param("{{ c is callable }}", id="a test off the list"),
        pytest.param("{{ lipsum() }}", id="lipsum"),
        pytest.param("{{ cycler('a') }}", id="cycler"),
        pytest.param("{{ c() }}", id="calling data"),
        pytest.param("{{ self.body() }}", id="self"),
        pytest.param("{% autoescape false %}{{ c }}{% endautoescape %}", id="autoescape block"),
        pytest.param("{% for i in [1] recursive %}{{ loop([]) }}{% endfor %}", id="recursive loop"),
        pytest.param("{% include c.name %}", id="a computed include"),
        pytest.param("{% include '../../etc/passwd' %}", id="a file that is not shared"),
        pytest.param("{% extends c.name %}", id="a computed parent"),
        pytest.param("{% import '_shared/m.j2' as m %}", id="import as a module"),
        pytest.param("{% if c %}{% extends '_shared/m.j2' %}{% endif %}", id="extends in a branch"),
        pytest.param("{{ [{'a': 1}]|map(attribute='__class__')|join }}", id="class through map"),
        pytest.param("{{ super() }}", id="super outside a block"),
    ],
)
def test_t03_a_template_cannot_reach_out_of_its_data(template: str) -> None:
    """T03."""
    with pytest.raises(TemplateForbiddenError):
        compile_template(sources(template, shared={"_shared/m.j2": ""})).render(
            {"c": {"a": "b", "name": "x"}}
        )


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param(date(2026, 1, 1), id="a date"),
        pytest.param((1, 2), id="a tuple"),
        pytest.param({1, 2}, id="a set"),
        pytest.param(b"x", id="bytes"),
        pytest.param({1: "x"}, id="a key that is no text"),
        pytest.param([{"a": object()}], id="an object deep inside"),
        pytest.param(type("Text", (str,), {})("x"), id="a kind of str"),
        pytest.param(lambda: "x", id="a function"),
    ],
)
def test_data_that_is_not_plain_json_is_refused_before_anything_is_rendered(value: object) -> None:
    with pytest.raises(TemplateError) as refused:
        compile_template(sources()).render({"contact": {"field": value}})
    assert refused.value.code == "data_type"


@pytest.mark.parametrize("value", ["a\x00b", "a\x1bb", "a\x7fb", "a\ud800b"])
def test_text_with_control_characters_is_refused(value: str) -> None:
    with pytest.raises(TemplateError) as refused:
        compile_template(sources()).render({"contact": {"field": value}})
    assert refused.value.code == "data_control"
    assert value not in str(refused.value)


def test_line_breaks_and_every_script_are_text() -> None:
    assert shown("{{ x }}", x="a\r\n\tb 名前 👋🏽 \u202eמ") == "a\r\n\tb 名前 👋🏽 \u202eמ"


# --- what is too much --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("{% for i in range(10**9) %}{% endfor %}", id="T01 a long range"),
        pytest.param("{% for i in range(1000) %}{% for j in range(1000) %}{{ i }}{% endfor %}{% endfor %}", id="T02 two loops"),
        pytest.param("{% for i in r %}{% for j in r %}{% for k in r %}{% endfor %}{% endfor %}{% endfor %}", id="T02 three loops"),
        pytest.param(
            "{% macro m() %}{% for i in range(999) %}{{ n() }}{% endfor %}{% endmacro %}"
            "{% macro n() %}{% for i in range(999) %}{% endfor %}{% endmacro %}{{ m() }}", id="T02 loops through macros"),
        pytest.param("{{ 'a' * 10**9 }}", id="T02 a long text"),
        pytest.param("{{ [1] * 10**9 }}", id="T02 a long list"),
        pytest.param("{{ 9**9**9 }}", id="a power"),
        pytest.param("{{ 10**18 * 10 }}", id="a large number"),
        pytest.param("{{ '%1000000000d' % 1 }}", id="a wide format"),
        pytest.param("{{ '%1000000000d'|format(1) }}", id="a wide format filter"),
        pytest.param("{{ '%*d'|format(10, 1) }}", id="a width from the arguments"),
        pytest.param("{{ 'aaaa'|replace('a', 'b' * 9999)|replace('b', 'c' * 9999) }}", id="replace"),
        pytest.param("{{ range(1000)|join('a' * 9999) }}", id="join"),
        pytest.param("{{ [1]|batch(10**9, 0) }}", id="batch"),
        pytest.param("{% set n = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}", id="doubling by ~"),
        pytest.param("{% set n = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", id="doubling by +"),
        pytest.param("{% set n = namespace(s='aa') %}{% for i in range(99) %}{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}", id="doubling by a set block"),
        pytest.param("{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}", id="doubling a list"),
        pytest.param("{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = {'a': n.s, 'b': n.s} %}{% endfor %}", id="doubling a dict"),
        pytest.param("{% macro m(f) %}{{ f(f) }}{{ f(f) }}{% endmacro %}{{ m(m) }}", id="a macro that calls itself"),
        pytest.param("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", id="3,000 parentheses"),
        pytest.param("{% if 1 %}" * 500 + "{% endif %}" * 500, id="500 nested ifs"),
        pytest.param("{% if 1 %}" * 25 + "{% endif %}" * 25, id="25 nested ifs"),
        pytest.param("{{ x }}" * 6_000, id="6,000 nodes"),
        pytest.param("x" * 200_001, id="200,001 characters"),
        pytest.param("{% include '_shared/loop.j2' %}", id="a file that includes itself"),
        pytest.param("{% include '_shared/laughs.j2' %}", id="a billion laughs"),
        pytest.param("{% for i in range(900) %}" + "x" * 1_000 + "{% endfor %}", id="900 KB of HTML"),
    ],
)  # fmt: skip
def test_t01_t02_a_template_cannot_take_more_than_its_share(template: str) -> None:
    """T01, T02."""
    shared = {
        "_shared/loop.j2": "{% include '_shared/loop.j2' %}",
        "_shared/laughs.j2": "{% include '_shared/laughs2.j2' %}" * 40,
        "_shared/laughs2.j2": "{% include '_shared/laughs3.j2' %}" * 40,
        "_shared/laughs3.j2": "ha{{ 1 }}" * 40,
    }
    with pytest.raises(TemplateLimitError):
        compile_template(sources(template, shared=shared)).render({"r": list(range(100)), "x": "x"})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"a": "x" * 300_000}, id="a long text"),
        pytest.param({"a": [1] * 40_000}, id="a long list"),
        pytest.param({"a": [[[[[[[[[1]]]]]]]]]}, id="a deep list"),
    ],
)
def test_data_that_is_too_large_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(TemplateLimitError):
        compile_template(sources()).render(data)


def test_one_rendering_does_not_pay_for_the_next() -> None:
    compiled = compile_template(sources("{% for i in range(1000) %}{{ i % 7 }}{% endfor %}"))

    assert len({compiled.render({}).html for _ in range(200)}) == 1


# --- what does not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ c }}",
        "{{ c.list }}",
        "{% for i in 5 %}{% endfor %}",
        "{{ '%d'|format('a') }}",
        "{{ m|upper }}",
    ],
)
def test_data_that_does_not_fit_is_an_error_of_the_template(template: str) -> None:
    with pytest.raises(TemplateError):
        shown(template, c={"list": [1]})


def test_a_value_is_not_repeated_in_an_error() -> None:
    with pytest.raises(TemplateError) as raised:
        shown("{{ '%d'|format(c) }}", c="ada@example.com")
    assert "example.com" not in str(raised.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param("{% if %}", r"news/body\.html\.j2, line 1: Expected an expression", id="an empty if"),
        pytest.param("a\n{{ b", r"news/body\.html\.j2, line 2: unexpected", id="an open expression"),
        pytest.param("{% include '_shared/bad.j2' %}", r"_shared/bad\.j2, line 3: ", id="a shared file"),
    ],
)
def test_a_syntax_error_names_file_and_line(template: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=message):
        compile_template(sources(template, shared={"_shared/bad.j2": "a\nb\n{% endif %}"}))


def test_what_is_forbidden_in_a_shared_file_names_that_file_and_line() -> None:
    with pytest.raises(
        TemplateForbiddenError, match=r"_shared/part\.j2, line 2: no filter named 'uper'"
    ) as raised:
        compile_template(
            sources("a\n{% include '_shared/part.j2' %}", shared={"_shared/part.j2": "\n{{ a|uper }}"})
        )
    assert raised.value.hint == "did you mean 'upper'?"


@pytest.mark.parametrize("subject", ["Hi\r\nBcc: x", "Hi\nX", "Hi\u2028X", "=?utf-8?q?Hi=0D=0ABcc:_x?="])
def test_t06_a_subject_cannot_carry_another_header(subject: str) -> None:
    """T06."""
    with pytest.raises(InputError) as refused:
        compile_template(sources(subject="{{ s }}")).render({"s": subject})
    assert refused.value.code == "header_invalid"


# --- composition -------------------------------------------------------------------------------------------------


LAYOUT = {
    "_shared/layout.j2": "[{% block a %}A{% endblock %}|{% block b %}B{{ x }}{% endblock %}]",
    "_shared/middle.j2": "{% extends '_shared/layout.j2' %}{% block a %}M{{ super() }}{% endblock %}",
    "_shared/part.j2": "({{ x }}{% set x = 'inner' %}{{ x }})",
    "_shared/macros.j2": "{% macro m(t) %}<{{ n(t) }}>{% endmacro %}{% macro n(t) %}{{ t }}{% endmacro %}",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{% extends '_shared/layout.j2' %}", "[A|Bx]", id="extends alone"),
        pytest.param(
            "{% extends '_shared/layout.j2' %}lost{% block b %}C{% endblock %}", "[A|C]", id="a block"
        ),
        pytest.param(
            "{% extends '_shared/middle.j2' %}{% block a %}C{{ super() }}{% endblock %}",
            "[CMA|Bx]",
            id="two parents",
        ),
        pytest.param(
            "{% extends '_shared/layout.j2' %}{% set x = 'child' %}",
            "[A|Bchild]",
            id="a set before the parent",
        ),
        pytest.param(
            "{% include '_shared/part.j2' %}{{ x }}", "(xinner)x", id="an include keeps what it sets"
        ),
        pytest.param(
            "{% include '_shared/none.j2' ignore missing %}-", "-", id="an include that may be missing"
        ),
        pytest.param(
            "{% for x in [1,2] %}{% include '_shared/part.j2' %}{% endfor %}",
            "(1inner)(2inner)",
            id="an include in a loop",
        ),
        pytest.param(
            "{% with x='w' %}{% include '_shared/part.j2' %}{% endwith %}",
            "(winner)",
            id="an include with a value",
        ),
        pytest.param("{% from '_shared/macros.j2' import m %}{{ m('a') }}", "<a>", id="an imported macro"),
    ],
)
def test_a_template_is_composed_of_its_layout_and_parts(template: str, expected: str) -> None:
    compiled = compile_template(sources(text=template, shared=LAYOUT))

    assert compiled.render({"x": "x"}).text == expected


def test_the_limits_are_those_of_the_documentation() -> None:
    assert (filling.MAX_OUTPUT, contexts.MAX_CONTEXT, contexts.MAX_CONTEXT_DEPTH) == (500_000, 256_000, 8)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{% macro m(u) %}<a href='{{ u }}'>x</a>{% endmacro %}{{ m(u) }}", id="a macro"),
        pytest.param("{% set x %}<a href='{{ u }}'>x</a>{% endset %}{{ x }}", id="a collected text"),
        pytest.param("{% filter trim %}<a href='{{ u }}'>x</a>{% endfilter %}", id="a filtered block"),
        pytest.param(
            "{% macro m() %}<i>{{ caller() }}</i>{% endmacro %}{% call m() %}<a href='{{ u }}'>x</a>{% endcall %}",
            id="a call block",
        ),
        pytest.param(
            "{% macro m(u) %}{% set x %}<a href='{{ u }}'>x</a>{% endset %}{{ x }}{% endmacro %}{{ m(u) }}",
            id="both",
        ),
    ],
)
def test_a_link_is_guarded_wherever_it_is_collected(body: str) -> None:
    """T09"""
    assert "javascript" not in shown(body, u="javascript:alert(1)")
    assert "https://acme.example" in shown(body, u="https://acme.example")


def test_a_link_that_begins_with_a_block_is_refused() -> None:
    """T09"""
    with pytest.raises(TemplateForbiddenError, match="href= begins with a block"):
        shown("<a href='{% filter lower %}{{ u }}{% endfilter %}'>x</a>", u="JavaScript:alert(1)")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{% filter striptags %}{{ x }}{% endfilter %}", id="a filtered block"),
        pytest.param("{% filter default(x, true) %}{% endfilter %}", id="a default"),
        pytest.param(
            "{% filter striptags|trim %}{{ x }}{% filter lower %}y{% endfilter %}{% endfilter %}", id="nested"
        ),
        pytest.param("{% set z|striptags %}{{ x }}{% endset %}{{ z }}", id="a collected text"),
        pytest.param(
            "{% macro m() %}{% filter striptags %}{{ x }}{% endfilter %}{% endmacro %}{{ m() }}", id="a macro"
        ),
    ],
)
def test_what_a_blocks_filter_makes_of_data_is_escaped(body: str) -> None:
    """T05"""
    assert "<script" not in shown(body, x="<script>alert(1)</script>")


def test_the_authors_own_tags_in_a_filtered_block_stay_tags() -> None:
    assert shown("{% filter trim %} <i>{{ x }}</i> {% endfilter %}", x="<b>") == "<i>&lt;b&gt;</i>"
