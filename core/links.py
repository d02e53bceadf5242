"""Links: no contact's data can make a link of a mail run a script, nor add an attribute to a tag (T09).

Escaping keeps data inside its quotes. It does not stop a whole link from being `javascript:...`, nor data without
quotes around it from becoming ` onclick=...`.

Invariants:
    A hole that begins the value of `href`, `src` or their like is printed through a list of schemes.
    A hole in an attribute value without quotes is refused.

Standards:
    RFC 3986 (URI generic syntax), 3.1 on schemes.
"""

from jinja2 import nodes

from core import markup, skeleton
from core.composition import Composition
from core.dialect import LINK
from core.errors import TemplateForbiddenError
from core.markup import Kind, Page
from core.skeleton import PLACEHOLDER, Hole


_LINK_ATTRIBUTES = frozenset(
    {"action", "background", "cite", "formaction", "href", "poster", "src", "xlink:href"}
)


def guard(whole: Composition) -> None:
    """Guard the links of a composed HTML template, in place; those that macros and blocks collect, too.

    Raises:
        TemplateForbiddenError: A hole stands in an attribute value without quotes, or a link begins with a block whose
            output cannot be guarded.
    """
    _guard(whole, whole.tree)
    whole.tree.set_environment(whole.environment)


def _guard(whole: Composition, tree: nodes.Template) -> None:
    bones = skeleton.build(tree)
    page = markup.lex(bones.text())
    for hole in bones.holes:
        place = page.place(hole.offset)
        if place.kind is Kind.BARE:
            raise TemplateForbiddenError(
                f"{whole.where(hole.output.lineno)}: {{{{ }}}} in {place.attribute}= without quotes",
                hint=f'write {place.attribute}="{{{{ ... }}}}"',
            )
        if place.kind is Kind.VALUE and place.attribute in _LINK_ATTRIBUTES and _begins_value(page, hole):
            if not isinstance(hole.expression, nodes.Expr):
                raise TemplateForbiddenError(
                    f"{whole.where(hole.output.lineno)}: {place.attribute}= begins with a block",
                    hint="write the link as {{ ... }}, with the filter inside",
                )
            _wrap(hole)
    for capture in bones.captures:
        _guard(whole, nodes.Template(capture.body, lineno=capture.lineno))  # type: ignore[attr-defined]  # all have one


def _begins_value(page: Page, hole: Hole) -> bool:
    """Whether no character of the author stands before the hole, so that the data decides the scheme."""
    start = next(
        attribute.value_start
        for site in page.sites
        for attribute in site.attributes
        if attribute.value_start <= hole.offset <= attribute.value_end
    )
    return not page.source[start : hole.offset].replace(PLACEHOLDER, "").strip()


def _wrap(hole: Hole) -> None:
    inner = hole.expression
    hole.output.nodes[hole.index] = nodes.Filter(inner, LINK, [], [], None, None, lineno=hole.output.lineno)
