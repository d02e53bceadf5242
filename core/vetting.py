"""Vetting: what a composed template tree may contain, asked before any of it runs.

The dialect stops a forbidden call when it happens; this module finds it when the template is saved, and can name
the line. It also writes the meter's charges into the loops, and lists the fields that a template needs.

Invariants:
    A vetted tree has no attribute that starts with an underscore, no filter or test off the list, no call but of a
        name or of a harmless method, no recursive loop, no `autoescape` block.
    Loops are nested at most two deep, statements at most twenty.

See:
    core/dialect.py for the lists and the meter.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from jinja2 import Environment, meta, nodes

from core.composition import Composition
from core.dialect import COUNTED, METHOD_NAMES
from core.errors import TemplateForbiddenError, TemplateLimitError


MAX_LOOPS = 2
MAX_STATEMENTS = 20

# What Jinja lets a template say and ours do not, with what to write in its place.
_FORBIDDEN: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.ScopedEvalContextModifier: ("an autoescape block", "HTML is always escaped"),
    nodes.EvalContextModifier: ("an autoescape block", "HTML is always escaped"),
    nodes.Import: ("{% import %}", 'write {% from "file" import macro %}'),
    nodes.Include: ("an include inside an expression", "include it as a statement"),
    nodes.Extends: ("{% extends %} in the middle", "extends comes first"),
}
_FORBIDDEN_NAMES = {
    "self": "repeat the text, or make it a macro",
    "super": "put {{ super() }} directly in its block",
}


def vet(whole: Composition) -> None:
    """Refuse a tree that reaches for what templates may not touch.

    Raises:
        TemplateForbiddenError: It does; the message names the line.
        TemplateLimitError: Loops or statements are nested too deep.
    """
    for node in whole.tree.find_all(nodes.Node):
        for problem, hint in _problems(node, whole.environment):
            raise TemplateForbiddenError(f"{whole.where(node.lineno)}: {problem}", hint=hint)
    _check_nesting(whole, whole.tree, loops=0, statements=0)


def _problems(node: nodes.Node, environment: Environment) -> Iterator[tuple[str, str]]:
    if type(node) in _FORBIDDEN:
        yield _FORBIDDEN[type(node)]
    if isinstance(node, nodes.Filter) and node.name not in environment.filters:
        yield f"no filter named {node.name!r}", _similar(node.name, environment.filters)
    if isinstance(node, nodes.Test) and node.name not in environment.tests:
        yield f"no test named {node.name!r}", _similar(node.name, environment.tests)
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        yield f"the attribute {node.attr!r}", "names that start with an underscore are private"
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _FORBIDDEN_NAMES:
        yield f"the name {node.name!r}", _FORBIDDEN_NAMES[node.name]
    if isinstance(node, nodes.For) and node.recursive:
        yield "a recursive loop", "write one loop inside the other"
    if isinstance(node, nodes.Call):
        yield from _call_problems(node)


def _call_problems(node: nodes.Call) -> Iterator[tuple[str, str]]:
    called = node.node
    if isinstance(called, nodes.Getattr):
        if called.attr not in METHOD_NAMES:
            yield f"a call of .{called.attr}()", "use a filter, such as {{ name|upper }}"
    elif not isinstance(called, nodes.Name):
        yield "a call of something that has no name", "call a macro by its name"


def _similar(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, [k for k in known if k[0] != " "], n=1)
    return f"did you mean {close[0]!r}?" if close else "docs/rendering.md lists what there is"


def _check_nesting(whole: Composition, node: nodes.Node, *, loops: int, statements: int) -> None:
    if loops > MAX_LOOPS or statements > MAX_STATEMENTS:
        raise TemplateLimitError(
            f"{whole.where(node.lineno)}: nested too deep",
            hint=f"at most {MAX_LOOPS} loops and {MAX_STATEMENTS} statements",
        )
    for child in node.iter_child_nodes():
        _check_nesting(
            whole,
            child,
            loops=loops + isinstance(child, nodes.For),
            statements=statements
            + isinstance(child, nodes.For | nodes.If | nodes.With | nodes.CallBlock | nodes.Macro),
        )


def charge_loops(whole: Composition) -> None:
    """Make each loop pay, before its first turn, for the nodes that its turns will evaluate."""
    for loop in whole.tree.find_all(nodes.For):
        cost = 1 + sum(1 for statement in loop.body for _ in statement.find_all(nodes.Node))
        loop.iter = nodes.Filter(loop.iter, COUNTED, [nodes.Const(cost)], [], None, None, lineno=loop.lineno)
    whole.tree.set_environment(whole.environment)


def fields(tree: nodes.Template) -> frozenset[str]:
    """Return the dotted names of the data that the template asks for, such as `contact.first_name`."""
    roots = meta.find_undeclared_variables(tree)
    return frozenset(name for name in _dotted_names(tree) if name.split(".")[0] in roots)


def _dotted_names(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        # In `contact.name.upper()` the field is `contact.name`.
        yield from _dotted_names(node.node.node)
        for argument in (*node.args, *node.kwargs):
            yield from _dotted_names(argument)
    elif name := _dotted(node):
        yield name
    else:
        for child in node.iter_child_nodes():
            yield from _dotted_names(child)


def _dotted(node: nodes.Node) -> str:
    """Return `a.b.c` for a chain of names, "" for anything else."""
    if isinstance(node, nodes.Name):
        return node.name if node.ctx == "load" else ""
    if isinstance(node, nodes.Getattr):
        owner = _dotted(node.node)
        return f"{owner}.{node.attr}" if owner else ""
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        owner = _dotted(node.node)
        return f"{owner}.{node.arg.value}" if owner else ""
    return ""
