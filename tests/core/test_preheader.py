"""The preheader: what a list of messages shows behind the subject, and where it stands in the HTML."""

import re
from typing import Any

import pytest

from core.errors import TemplateError
from core.preheader import CLOSING
from core.rendering import CompiledTemplate, TemplateSources, compile_template
from core.samples import take_apart
from tests.templates.oracle import Oracle, dom


STYLE = "<style>div {font-size: 16px; color: red} .a {margin: 0}</style>"


def sources(body: str, preheader: str | None = "For {{ contact.name }}", **parts: Any) -> TemplateSources:
    whole: dict[str, Any] = {"name": "news", "subject": "News", "text": "Text", "shared": {}} | parts
    return TemplateSources(html=f"<html><head>{STYLE}</head>{body}</html>", preheader=preheader, **whole)


def compiled(body: str = "<body><p>x</p></body>", **parts: Any) -> CompiledTemplate:
    return compile_template(sources(body, **parts))


def html(template: CompiledTemplate, name: str = "Ann") -> str:
    return template.render({"contact": {"name": name}}).html


def test_it_is_the_first_text_of_the_body_unseen_and_followed_by_blanks() -> None:
    page = html(compiled())
    first = re.search(r"<body>\s*<div style=\"([^\"]*)\">For Ann(.*?)</div>\s*<p>", page, re.DOTALL)
    assert first is not None
    assert "display:none" in first[1].replace(" ", "")
    assert not re.sub(r"&#(8199|65279|847);|\s", "", first[2])
    assert max(map(len, page.splitlines())) < 998


def test_it_is_escaped_where_it_is_printed_and_only_there() -> None:
    template = compiled(text="{{ preheader }}")
    content = template.render({"contact": {"name": "<b>A & B</b>"}})
    assert "For &lt;b&gt;A &amp; B&lt;/b&gt;" in content.html
    assert content.text == "For <b>A & B</b>"


def test_it_is_one_line() -> None:
    assert "For Ann Lee!" in html(compiled(preheader="\n For {{ contact.name }}\n\t Lee!\n"))


def test_the_text_part_and_the_subject_know_nothing_of_it() -> None:
    content = compiled().render({"contact": {"name": "Ann"}})
    assert (content.subject, content.text) == ("News", "Text")


def test_who_prints_it_has_chosen_its_place() -> None:
    page = html(compiled("<body><p>x</p><i>{{ preheader }}</i></body>"))
    assert "<i>For Ann</i>" in page
    assert page.count("For Ann") == 1


def test_a_layout_may_print_it_for_all_templates_if_there_is_one() -> None:
    layout = {"_shared/l.j2": '<body><p>{{ preheader|default("none") }}</p></body>'}
    assert "<p>For Ann</p>" in html(compiled('{% include "_shared/l.j2" %}', shared=layout))
    assert "<p>none</p>" in html(compiled('{% include "_shared/l.j2" %}', shared=layout, preheader=None))


def test_without_one_nothing_is_added() -> None:
    assert "display: none" not in html(compiled(preheader=None))


def test_html_without_a_body_says_what_to_write() -> None:
    with pytest.raises(TemplateError, match=r"news/body\.html\.j2: there is a preheader") as raised:
        compiled("<p>x</p>")
    assert raised.value.code == "template_preheader"
    assert "{{ preheader }}" in raised.value.hint


def test_its_fields_are_asked_for_and_itself_is_not() -> None:
    assert compiled("<body>{{ preheader }}{{ lang }}{{ dir }}{{ locale }}</body>").fields == {"contact.name"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('<body class="a" bgcolor="#fff"><p>x</p></body>', id="attributes"),
        pytest.param('<body class="{{ contact.name }}"><div>x</div></body>', id="a value in its tag"),
        pytest.param("{% if contact.name %}<body><p>1</p></body>{% else %}<body><p>2</p></body>{% endif %}", id="a body in each branch"),
        pytest.param("<!-- <body> --><body><p>x</p></body>", id="a body in a comment"),
        pytest.param("{# a #}<body>{# b #}\n<div class='a'>{{ contact.name }}</div></body>", id="comments of the template"),
        pytest.param('<body {% if contact.name %}class="a"{% endif %}><p>x</p></body>', id="an attribute that is there for some"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["Ann", "", 'a "quoted" <b>'])
def test_its_page_is_inlined_as_premailer_inlines_it(body: str, name: str) -> None:
    whole = sources(body)
    context = {"contact": {"name": name}}
    assert dom(compile_template(whole).render(context).html) == dom(Oracle(whole).html(context))


def test_it_is_inlined_once_like_everything_else() -> None:
    template = compiled()
    assert template.inlining == "once"
    assert any(CLOSING.strip()[:100] in piece for piece in template.html_frame.pieces)


def test_preflight_takes_it_for_the_one_hidden_text_that_a_message_may_have() -> None:
    content = compiled().render({"contact": {"name": "Ann"}})
    sample = take_apart(
        content, headers={}, recipient="", postal_address="", unsubscribe_url="", sending_domains=frozenset()
    )
    assert sample.hidden == ("For Ann",)
    assert sample.words == "x"
