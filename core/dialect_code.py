"""Dialect's code: what a template is compiled to, so that what happens most often costs no call of Python.

A mail is some hundred reads of a dict's key, each printed. In Jinja's sandbox that is three calls for each: for the
attribute, for whether it is safe, and for the escaping. Here the common case is written out where it happens, and
everything else goes the sandbox's way.

Invariants:
    The short way is taken for an exact `dict` that has the key, and for an exact `str`. Neither can be anything but
        data, so there is nothing for the sandbox to ask.
    Everything printed is text of that kind, or goes through `environment.escaped` or `environment.plain`.

See:
    core/dialect.py for the functions that this code calls.
"""

from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame


# Names of the generated functions' own variables. Jinja's all have a number, so no template can spell these.
_PRINTED, _HOLDER, _VALUE = "t_printed", "t_holder", "t_value"

_DEFAULTS = frozenset({"d", "default"})


class MailCode(CodeGenerator):
    """Jinja's compiler, except that fields are read, and text printed, joined and collected, by our own rules."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._of_blocks: set[int] = set()  # the `id` of each filter that a block's output goes through last

    def write_commons(self) -> None:
        """Write the head of a function, with what it uses most as local names."""
        super().write_commons()
        for name in ("escape_text", "escaped", "plain", "joined", "getattr"):
            self.writeline(f"env_{name} = environment.{name}")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible  # or `{{ none }}` would be folded to "None" before we see it
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:  # noqa: ARG002 -- Jinja's signature
        text = f"env_escape_text({_PRINTED})" if frame.eval_ctx.autoescape else _PRINTED
        self.write(f"({text} if type({_PRINTED} := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:  # noqa: ARG002 -- Jinja's signature
        function = "env_escaped" if frame.eval_ctx.autoescape else "env_plain"
        self.write(f") is str else {function}({_PRINTED}))")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write `holder.attr`: the key of a dict at once, anything else by the sandbox."""
        key = repr(node.attr)
        self.write(f"({_HOLDER}[{key}] if type({_HOLDER} := ")
        self.visit(node.node, frame)
        self.write(f") is dict and {key} in {_HOLDER} else env_getattr({_HOLDER}, {key}))")

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write a block whose output goes through a filter, and print what comes out like everything else."""
        self._of_blocks.add(id(node.filter))
        super().visit_FilterBlock(node, frame)

    def visit_AssignBlock(self, node: nodes.AssignBlock, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write a block that is collected, perhaps through a filter."""
        self._of_blocks.add(id(node.filter))
        super().visit_AssignBlock(node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write a filter; Jinja believes what a block's filter returns, though `striptags` gives plain text back."""
        if id(node) in self._of_blocks and frame.eval_ctx.autoescape:
            self.write("env_escaped(")
            self._write_filter(node, frame)
            self.write(")")
        else:
            self._write_filter(node, frame)

    def _write_filter(self, node: nodes.Filter, frame: Frame) -> None:
        """Write a filter; `default` has nothing to do for a text that is not empty."""
        if node.name not in _DEFAULTS or node.node is None:
            super().visit_Filter(node, frame)
            return
        self.write(f"({_VALUE} if type({_VALUE} := ")
        self.visit(node.node, frame)
        self.write(f") is str and {_VALUE} else {self.filters[node.name]}({_VALUE}")
        self.signature(node, frame)
        self.write("))")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write `a ~ b`."""
        self.write("env_joined((")
        for child in node.nodes:
            self.visit(child, frame)
            self.write(", ")
        self.write("))")

    def _visit_container(self, node: nodes.Expr, frame: Frame) -> None:
        self.write("environment.bounded(")
        getattr(super(), f"visit_{type(node).__name__}")(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        """Write a tuple: bounded where it is a value, bare where it is assigned to."""
        if node.ctx == "load":
            self._visit_container(node, frame)
        else:
            super().visit_Tuple(node, frame)

    visit_List = visit_Dict = _visit_container  # noqa: N815 -- Jinja's names
