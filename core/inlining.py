"""Inlining: write a template's CSS into its tags once, where that is provably the same as doing it each time.

premailer needs about a tenth of a second for a page and the same answer comes out for each contact, nearly always.
So we ask it once, at publication, about the template's skeleton, and write its answer into the template itself.
The render then costs what Jinja costs. Where the answer could differ from contact to contact, the template is
inlined for each, and the author is told what to change.

The proof. Let every `{{ }}` and every control structure stand in the text of an element, or inside one quoted value
of an attribute that no selector looks at, and begin and end in that same place. Escaped text opens no tag and
closes no quote, so a render is the skeleton with balanced parts left out or repeated: each of its tags comes from
one site, with the classes, the id and the enclosing sites that the site has in the skeleton. A selector made of
types, classes, ids, attributes, descent and childhood asks for nothing else, so it matches a tag if and only if it
matches the site. What remains is the parser, which may move an element that HTML does not allow where it stands;
it decides by the open elements, so if the skeleton's tree is the author's own nesting, every render's is.

Where an attribute that selectors look at does change, the same holds of a site together with the values of such
attributes, its own and those of the sites around it.

Terms:
    site: a start tag (core/markup.py). hole, seams: where the template moves (core/skeleton.py).
    once, each: when the CSS is inlined; at publication, or for each message.
    mover: a tag whose class, id or style changes; it is inlined once for each of its values (core/movement.py).

Invariants:
    Both ways call `styling.learn`, so they cannot disagree about what premailer does.
    A template that is inlined for each has a reason, and the reason says what to change.

See:
    core/proof.py for the conditions, one by one; docs/rendering.md, "Once and each".
"""

from dataclasses import dataclass
from typing import Literal

from core import markup, movement, proof, skeleton, styling
from core.composition import Composition
from core.movement import Movement


@dataclass(frozen=True, slots=True)
class Inlining:
    """When a template is inlined, and why. `movement` looks up the tags that change, if there are any."""

    when: Literal["once", "each"]
    why: str
    movement: Movement | None = None


def inline_template(whole: Composition) -> Inlining:
    """Write the CSS into a template's tags, if that is provably right for every contact.

    Args:
        whole: A vetted HTML template. The pieces of its tree are changed.

    Raises:
        TemplateError: The CSS or the page cannot be inlined at all, or is too large.
    """
    _scrub(whole)
    bones = skeleton.build(whole.tree)
    page = markup.lex(bones.text())
    styling.check_size(page)
    try:
        proven = proof.prove(whole.tree, bones, page)
        learned = styling.learn(page)
        proof.ask_parser(bones, styling.quarrel(page, learned, bones.edges()))
    except proof.Unproven as reason:
        where = f"{whole.where(reason.lineno)}: " if reason.lineno else ""
        return Inlining("each", f"{where}{reason}")
    moving = movement.watch(page, proven)
    edits = [*_constant_edits(page, learned.edits, moving), *(movement.marks(page, moving) if moving else ())]
    if not all(bones.holds(start, end) for start, end, _text in edits):
        return Inlining("each", "a tag is divided between two files: write it in one")
    bones.apply(edits)
    return Inlining("once", _verdict(moving), moving)


def mark_template(whole: Composition, moving: Movement | None) -> None:
    """Prepare the same template to be rendered without its CSS inlined: for what is not remembered, and to be audited.

    Args:
        whole: The vetted HTML template, composed anew.
        moving: What `inline_template` found.
    """
    _scrub(whole)
    if moving:
        bones = skeleton.build(whole.tree)
        bones.apply(movement.marks(markup.lex(bones.text()), moving, beside=True))


def _scrub(whole: Composition) -> None:
    bones = skeleton.build(whole.tree)
    edits = styling.scrub(markup.lex(bones.text()))
    bones.apply(edit for edit in edits if bones.holds(*edit[:2]))


def _constant_edits(
    page: markup.Page, edits: list[styling.Edit], moving: Movement | None
) -> list[styling.Edit]:
    """Return the edits outside of movers and followers."""
    sites = [page.sites[number] for number in moving.tags] if moving else []
    left_out = {offset for site in sites for offset in (site.after_name, *(a.start for a in site.attributes))}
    return [edit for edit in edits if edit[0] not in left_out]


def _verdict(moving: Movement | None) -> str:
    if moving is None:
        return "every tag gets the same style for every contact"
    movers = sum(tag.moves for tag in moving.tags.values())
    return f"tags whose class, id or style changes ({movers}) are inlined once for each of their values"
