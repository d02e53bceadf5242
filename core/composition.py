"""Composition: one template out of a body, its layout and its parts.

Jinja follows `extends`, `include` and `import` while it renders. We follow them before: the names must be constants
anyway (a tenant's data must not choose a file), and a template that is one tree can be judged, limited and inlined
as one.

Terms:
    shared: a source that templates may name, such as `_shared/layout.html.j2`.
    prelude: what a child template does outside its blocks that is not output: `set`, macros and imports.

Invariants:
    A composed tree has no extends, block, include, import or super left.
    A block sees the variables around it, an include those of its place; what either sets stays inside.

See:
    docs/rendering.md, "The dialect".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError as JinjaSyntaxError

from core import locales
from core.errors import TemplateForbiddenError, TemplateLimitError, TemplateSyntaxError


MAX_SOURCE = 200_000
MAX_NODES = 5_000
# A layout, its child, its parts and their parts: nobody needs more, and a file that includes itself does.
MAX_NESTED_FILES = 10

# Jinja's nodes know their line and not their file, so each file's lines begin at a multiple of this.
LINES = 1_000_000

_PRELUDE = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.FromImport)


@dataclass(frozen=True, slots=True)
class Composition:
    """One tree, and where its nodes come from."""

    tree: nodes.Template
    files: list[str]
    environment: Environment

    def where(self, lineno: int) -> str:
        """Return the file and line of a node's `lineno`, in words."""
        return f"{self.files[lineno // LINES]}, line {lineno % LINES}"


@dataclass(slots=True)
class _Composer:
    environment: Environment
    shared: Mapping[str, str]
    tag: str = locales.DEFAULT
    nodes_left: int = MAX_NODES
    nesting: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def file(self, name: str, source: str, chains: dict[str, list[list[nodes.Node]]]) -> list[nodes.Node]:
        """Return the statements of one file, with its parent's around them. `chains` holds each block's versions."""
        if len(self.nesting) >= MAX_NESTED_FILES:
            raise TemplateLimitError(f"{name}: more than {MAX_NESTED_FILES} templates inside each other")
        tree = self.parse(name, source)
        for block in tree.find_all(nodes.Block):
            chains.setdefault(block.name, []).append(block.body)
        self.nesting.append(name)
        parent = next((node for node in tree.body if isinstance(node, nodes.Extends)), None)
        if parent is None:
            body = self.statements(tree.body, chains)
        else:
            prelude = self.statements([node for node in tree.body if isinstance(node, _PRELUDE)], chains)
            above = self.constant_name(parent.template)
            body = prelude + self.file(above, self.source(above), chains)
        self.nesting.pop()
        return body

    def statements(
        self, body: Iterable[nodes.Node], chains: dict[str, list[list[nodes.Node]]]
    ) -> list[nodes.Node]:
        return [made for node in body for made in self.statement(node, chains)]

    def statement(self, node: nodes.Node, chains: dict[str, list[list[nodes.Node]]]) -> list[nodes.Node]:
        if isinstance(node, nodes.Block):
            return self.block(node.name, 0, chains)
        if isinstance(node, nodes.Include):
            return self.include(node)
        if isinstance(node, nodes.FromImport):
            return self.macros(node)
        for name, value in node.iter_fields():
            if isinstance(value, list) and value and isinstance(value[0], nodes.Stmt):
                setattr(node, name, self.statements(value, chains))
        return [node]

    def block(self, name: str, level: int, chains: dict[str, list[list[nodes.Node]]]) -> list[nodes.Node]:
        """Return the block's most derived version, its `super()` replaced by the next one."""
        if len(self.nesting) + level > MAX_NESTED_FILES:
            raise TemplateLimitError(f"block {name}: blocks inside each other")
        self.nesting.append(name)
        body = self.statements([self.clone(node) for node in chains[name][level]], chains)
        made = [part for node in body for part in self.supered(node, name, level, chains)]
        self.nesting.pop()
        return [nodes.Scope(made, lineno=made[0].lineno)] if made else []

    def supered(
        self, node: nodes.Node, name: str, level: int, chains: dict[str, list[list[nodes.Node]]]
    ) -> list[nodes.Node]:
        if not isinstance(node, nodes.Output):
            return [node]
        made: list[nodes.Node] = []
        for child in node.nodes:
            if _is_super(child):
                if level + 1 >= len(chains[name]):
                    raise TemplateSyntaxError(
                        f"{self.where(node)}: super() in a block that overrides nothing"
                    )
                made += self.block(name, level + 1, chains)
            else:
                made.append(nodes.Output([child], lineno=node.lineno))
        return made

    def include(self, node: nodes.Include) -> list[nodes.Node]:
        name = self.constant_name(node.template)
        if name not in self.shared and node.ignore_missing:
            return []
        return [nodes.Scope(self.file(name, self.source(name), {}), lineno=node.lineno)]

    def macros(self, node: nodes.FromImport) -> list[nodes.Node]:
        """Return the macros of an imported file, under the names that were asked for."""
        name = self.constant_name(node.template)
        found = [made for made in self.file(name, self.source(name), {}) if isinstance(made, nodes.Macro)]
        wanted = dict(asked if isinstance(asked, tuple) else (asked, asked) for asked in node.names)
        if absent := set(wanted) - {macro.name for macro in found}:
            raise TemplateSyntaxError(f"{name} has no macro {min(absent)!r}")
        for macro in found:
            alias = wanted.get(macro.name, macro.name)
            if alias != macro.name:
                raise TemplateForbiddenError(
                    f"import {macro.name} as {alias}", hint="import it by its own name"
                )
        return list(found)

    def constant_name(self, expression: nodes.Expr) -> str:
        if not (isinstance(expression, nodes.Const) and isinstance(expression.value, str)):
            raise TemplateForbiddenError(
                f"{self.where(expression)}: the name of a template is computed", hint="write the name itself"
            )
        return locales.shared_name(expression.value, self.tag, self.shared, self.nesting)

    def source(self, name: str) -> str:
        if name not in self.shared:
            known = ", ".join(sorted(self.shared)) or "none"
            raise TemplateForbiddenError(f"no shared template {name!r}", hint=f"shared templates: {known}")
        return self.shared[name]

    def parse(self, name: str, source: str) -> nodes.Template:
        """Return the tree of one file, its lines numbered so that they tell the file."""
        tree = parse(self.environment, name, source)
        if name not in self.files:
            self.files.append(name)
        for node in tree.find_all(nodes.Node):
            # Some nodes have no line of their own.
            node.lineno = (node.lineno or 0) + self.files.index(name) * LINES
            self.spend()
        return tree

    def spend(self) -> None:
        """Count one node, while the tree grows: ten files that include each other forty times would not fit memory."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise TemplateLimitError(f"more than {MAX_NODES} nodes", hint="split the template")

    def where(self, node: nodes.Node) -> str:
        return f"{self.files[node.lineno // LINES]}, line {node.lineno % LINES}"

    def clone(self, node: nodes.Node) -> nodes.Node:
        """Return a copy of a subtree: a version of a block may be used twice, and each use is edited by itself."""
        self.spend()
        copied = {name: self._cloned(value) for name, value in node.iter_fields()}
        copy = type(node)(*(copied.get(name) for name in node.fields), lineno=node.lineno)
        return copy.set_environment(self.environment)

    def _cloned(self, value: object) -> object:
        if isinstance(value, nodes.Node):
            return self.clone(value)
        return [self._cloned(item) for item in value] if isinstance(value, list) else value


def compose(
    environment: Environment,
    name: str,
    source: str,
    shared: Mapping[str, str],
    tag: str = locales.DEFAULT,
) -> Composition:
    """Return the one tree of a template, its layout and its parts.

    Args:
        environment: Whose dialect it is.
        name: Of the file.
        source: The file.
        shared: By name, the files that it may name.
        tag: Of the file's locale: a shared file that has a variant of it is meant in its own place (`core/locales.py`).

    Raises:
        TemplateSyntaxError: Jinja cannot parse one of the files; the message names file and line.
        TemplateForbiddenError: A name is computed, or is not shared.
        TemplateLimitError: Too long, too many nodes, or files inside each other without end.
    """
    composer = _Composer(environment, shared, tag)
    try:
        body = composer.file(name, source, {})
        tree = nodes.Template(body, lineno=1)
        tree.set_environment(environment)
    except RecursionError as error:
        raise TemplateLimitError(f"{name}: nested too deep", hint="split the template") from error
    return Composition(tree, composer.files, environment)


def parse(environment: Environment, name: str, source: str) -> nodes.Template:
    """Return the tree of one file.

    Raises:
        TemplateSyntaxError: Jinja cannot parse it.
        TemplateLimitError: More than 200,000 characters.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateLimitError(f"{name}: {len(source)} characters", hint=f"at most {MAX_SOURCE}")
    try:
        return environment.parse(source, name)
    except JinjaSyntaxError as error:
        raise TemplateSyntaxError(f"{name}, line {error.lineno}: {error.message}") from error


def _is_super(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "super"
