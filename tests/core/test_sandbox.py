"""What Jinja's own sandbox is tested for, and the escapes that were published: ours refuses all of it."""

import pytest

from core.errors import TemplateError, TemplateForbiddenError
from core.rendering import TemplateSources, compile_template


def rendered(template: str, **parts: str) -> str:
    whole = {"name": "n", "subject": "s", "html": "<p>x</p>", **parts}
    return compile_template(TemplateSources(text=template, shared={}, **whole)).render({"c": {"a": "b"}}).text


ESCAPES = [
    pytest.param("{{ '{0.__class__.__mro__}'.format(42) }}", id="CVE-2016-10745 str.format"),
    pytest.param("{{ '{a.__class__}'.format_map({'a': 42}) }}", id="CVE-2019-10906 str.format_map"),
    pytest.param("{% set f = '{0.__class__}'.format %}{{ f(42) }}", id="CVE-2024-56326 a stored str.format"),
    pytest.param(
        "{{ ['{0.__class__}'.format]|map('join')|list }}{{ ''['format']() }}", id="CVE-2024-56326 by filter"
    ),
    pytest.param(
        "{{ ('{0.__call__.__builtins__[__import__]}'|attr('format'))(c) }}", id="CVE-2025-27516 |attr"
    ),
    pytest.param("{{ ''.__class__.__mro__ }}", id="mro"),
    pytest.param("{{ range.__globals__ }}", id="globals of a function"),
    pytest.param("{{ namespace.__init__ }}", id="init of a class"),
    pytest.param("{{ c.__class__.__subclasses__() }}", id="subclasses"),
    pytest.param("{{ [].append(23) }}", id="append to a list"),
    pytest.param("{{ {}.clear() }}", id="clear a dict"),
    pytest.param("{{ c.setdefault('x', 1) }}", id="add to the data"),
    pytest.param("{{ c.popitem() }}", id="take from the data"),
    pytest.param("{{ 'a'.encode('utf-8') }}", id="bytes"),
    pytest.param("{{ 'a'.translate({}) }}", id="translate"),
    pytest.param("{{ caller.__globals__ }}", id="globals of a caller"),
    pytest.param("{% macro m() %}{% endmacro %}{{ m.__globals__ }}", id="globals of a macro"),
    pytest.param("{% for i in [1] %}{{ loop.__class__ }}{% endfor %}", id="class of a loop"),
]


@pytest.mark.parametrize("template", ESCAPES)
def test_t03_a_published_escape_is_refused(template: str) -> None:
    """T03."""
    with pytest.raises(TemplateForbiddenError):
        rendered(template)


def test_t03_a_file_name_is_no_code() -> None:
    """T03, CVE-2024-56201: the name of a file, with a syntax error in it, became part of the compiled template."""
    name = "n'\nraise SystemExit('escaped')\n#"
    assert rendered("{{ c.a }}", name=name) == "b"
    with pytest.raises(TemplateError):
        rendered("{{ c.a|nofilter }}", name=name)


@pytest.mark.parametrize(
    "template", ["{{ c['__class__'] }}", "{{ c['update'] }}", "{{ c|map(attribute='__len__')|list }}"]
)
def test_a_subscript_leads_no_further_than_an_attribute(template: str) -> None:
    with pytest.raises(TemplateError):
        rendered(template)
