"""Constructs: what mails are written with, each judged for every contact by premailer on the rendered page.

`tests/data/mail-constructs.json` says of each what it tries. Which of them are inlined for each contact stands here, with
what the author is told, so that none slides from once to each unnoticed, and none is wrong silently.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from core.rendering import TemplateSources, compile_template
from tests.templates.oracle import Oracle, dom


CONSTRUCTS = json.loads((Path(__file__).parents[1] / "data" / "mail-constructs.json").read_text())

# What to change, and the constructs whose authors are told so. All others are inlined once.
TOLD = {
    "put &nbsp; into it": {
        "empty li before a comment",
        "li that may be empty before text",
    },
    "take {{ }} and {% %} out of <style>": {
        "include of the style sheet's text",
        "a sheet with data",
        "a sheet with a hostile field",
        "a sheet with a branch in a kept one",
    },
    "write it out, or include it": {
        "imported macro of text",
        "imported macro of text in an attribute",
        "imported macro of tags",
        "call block of tags",
        "set block of tags printed twice",
        "filter block of tags",
    },
    "close all tags, in the order in which they were opened": {
        "loop of li, unclosed",
        "branch that chooses the wrapper, two closing tags",
        "unclosed td and tr",
        "unclosed p",
        "misnested b and i",
        "misnested b over p",
        "dl, dt and dd, unclosed",
        "image spelled image",
        "less-than before data",
        "body's attributes and a second body",
    },
    "put whole elements inside it": {
        "loop that opens a row every second time",
        "branch around </p><p>",
        "mso, a branch that starts in a comment and ends outside",
        "attribute by if, a quote outside",
        "attribute by if, the tag's end inside",
        "branch that closes a comment",
    },
    "write <v:fill></v:fill>": {
        "vml in the open, self-closed",
    },
    "put whole attributes into it, quoted, each after a space": {
        "attribute by if, half of it",
        "attribute by if, its quotes inside",
        "attribute by if, slash inside",
        "a value-less attribute by if before another",
        "a value-less attribute that would grow",
    },
    "put it into a quoted attribute value": {
        "attribute's name from data",
        "tag's name from data",
    },
    "put it around the whole": {
        "tag's name by if",
    },
    "print text": {
        "safe, html from data",
        "safe, in an attribute",
        "safe, by way of set",
        "safe, by way of with",
        "safe, by way of a loop",
        "safe, by way of a macro of text",
        "safe, by way of a macro's argument",
        "safe, by way of a default",
        "safe, as a filter block",
        "safe, on a constant",
    },
    "put it elsewhere, or use another element": {
        "p closed by div",
        "p closed by table",
        "p in p",
        "a in a",
        "b around blocks",
        "a div in the head",
    },
    "write <div></div>": {
        "self-closed div",
    },
    "take it out": {
        "end tag of br and p alone",
        "half an end tag before a branch",
        "a tag's name that would grow",
        "a control character in the template",
    },
    "use <pre>": {
        "xmp",
        "iframe",
        "plaintext",
    },
    "write <html>, <head> and <body>": {
        "no html, head or body",
    },
    "give those elements a class": {
        ":first-child in a loop",
        ":last-child and :nth-child",
        "next sibling, +",
        "later sibling, ~",
    },
    "take <style> out of {% if %} and {% for %}": {
        "a sheet in a branch",
        "two pages by if",
    },
    "name another filter, or an attribute": {
        "safe, by way of map",
        "safe, by way of map with a computed name",
    },
    "filter the values in it": {
        "filter block that unescapes",
        "set block with a filter that unescapes",
        "filter block with a default",
    },
    "finish it first": {
        "half a comment's end before data",
        "data between dashes and a bracket",
    },
    "put <style> into the head": {
        "text after a sheet in the body",
    },
}
EACH = {name: advice for advice, names in TOLD.items() for name in names}


def sources(name: str) -> TemplateSources:
    html, shared = CONSTRUCTS["templates"][name], CONSTRUCTS["shared"]
    return TemplateSources(name="page", subject="Subject", html=html, text="Text", shared=shared)


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_a_construct_comes_out_for_everybody_as_premailer_would_have_it(name: str) -> None:
    compiled, oracle = compile_template(sources(name)), Oracle(sources(name))

    for context in CONSTRUCTS["contexts"]:
        expected = dom(oracle.html(context))
        assert dom(compiled.render(context).html) == expected
        assert dom(compiled.render(context).html) == expected  # now by what was remembered of the first


@pytest.mark.parametrize("name", CONSTRUCTS["templates"])
def test_a_construct_is_inlined_once_or_its_author_is_told_what_to_change(name: str) -> None:
    compiled = compile_template(sources(name))

    assert compiled.inlining == ("each" if name in EACH else "once"), compiled.why
    assert compiled.why.endswith(EACH.get(name, ""))


def test_every_expectation_is_about_a_construct() -> None:
    assert set(EACH) <= set(CONSTRUCTS["templates"])


MOVING = [
    "class with a modifier by if",
    "class from the loop",
    "class of the body from data",
    "class dynamic inside class dynamic",
    "style from data, after and before",
    "style and class by if",
    "selector on an attribute that comes and goes",
    "followers with a style of their own",
    "followers in a loop inside a mover in a loop",
    "movers beside each other",
    "three movers deep",
    "a child selector that skips a mover",
    "style that a selector looks at",
    "movers in a table's cells",
    "several attributes by if",
    "html and body that move",
]


def combinations() -> list[dict[str, Any]]:
    fields: dict[str, list[Any]] = {
        "cls": ["a", "b", "a b"],
        "vip": [True, False],
        "s": ["q", "z"],
        "n": [2, 5],
        "items": [[1], [1, 2, 3]],
    }
    return [
        CONSTRUCTS["contexts"][0] | dict(zip(fields, values, strict=True))
        for values in product(*fields.values())
    ]


@pytest.mark.parametrize("name", MOVING)
def test_what_was_remembered_of_one_contact_is_right_for_the_others(name: str) -> None:
    compiled, oracle = compile_template(sources(name)), Oracle(sources(name))

    for context in combinations():
        assert dom(compiled.render(context).html) == dom(oracle.html(context))
