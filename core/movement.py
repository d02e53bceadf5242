r"""Movement: tags whose class, id or style change with the contact, and what such a tag's style is.

`class="button{% if vip %} gold{% endif %}"` has two styles, not one for each contact. So the first message with gold is
inlined whole, by premailer, and what its tags became is remembered; every later one looks it up.

Terms:
    mover: a site of which an attribute that is looked at changes.
    steers: of a mover, that a selector looks at what changes, not only the rules' merging into `style`.
    follower: a site below a mover that steers, which some selector asks for what it stands in.
    key: what a tag's style depends on: the looked-at attributes of its own, if it moves, and of all steering movers that
        it stands in, as they were printed.
    mark: `\2`, a site's number and `\3`, which the compiled template prints in each mover and follower, behind the tag's
        name or in place of a follower's own `style`.

Invariants:
    The proof's theorem (core/inlining.py) with attributes for sites: a plain selector asks for nothing but the looked-at
        attributes of a tag and of what it stands in, and all of those that are not constant are in the key. So tags of
        one site with one key have one style.
    What is not remembered is not guessed: the message is rendered without the CSS and inlined whole.
    Of a site the newest instance that was printed is the one around: sites do not stand in themselves.

See:
    core/proof.py, which finds the movers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from core import markup, stylesheets, styling
from core.errors import TemplateForbiddenError
from core.markup import Attribute, Page
from core.proof import Proven
from core.styling import Edit


MAX_REMEMBERED = 20_000
MAX_KEY = 2_000  # characters; longer ones are not kept

_MARK = re.compile("\2([0-9]+)\3")

Values = tuple[str | None, ...]
Key = tuple[Values, ...]


class Unknown(Exception):  # noqa: N818 -- a question, not an error
    """A tag has a key that was never seen: `learn` has to see the message first."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A mover or follower.

    Attributes:
        moves: Whether it is a mover.
        above: The steering movers around it, from the outside.
        style: A follower's own style attribute as the author wrote it, which the mark stands for.
    """

    moves: bool
    above: tuple[int, ...]
    style: str


@dataclass(slots=True)
class Movement:
    """The marked tags of a template, and what is known of them. Threads may share it.

    Attributes:
        tags: Movers and followers by the number of their site.
        steering: The attributes that selectors look at.
    """

    tags: Mapping[int, Tag]
    steering: tuple[str, ...]
    _known: dict[tuple[int, Key], str] = field(default_factory=dict)

    def settle(self, printed: str) -> str:
        """Return a message that was printed with marks, with what is remembered in their places.

        Raises:
            Unknown: One of its tags was never seen like this.
            TemplateForbiddenError: A mark is none of ours.
        """
        edits: list[Edit] = []
        for number, key, mark, style in self._keys(printed, _MARK.finditer(printed)):
            text = self._known.get((number, key))
            if text is None:
                raise Unknown
            if style is None:
                edits.append((*mark, text))
            else:
                edits += [(*mark, ""), (style.start, style.end, text)]
        return markup.edit(printed, edits)

    def learn(self, printed: str) -> str:
        """Return a message that was printed with marks and without the CSS, inlined whole, and remember its tags.

        Raises:
            TemplateError: The CSS or the page cannot be inlined, or is too large.
        """
        found = list(self._keys(printed, _MARK.finditer(printed)))
        page = markup.lex(_MARK.sub("", printed))
        styling.check_size(page)
        learned = styling.learn(page)
        changed = {edit[0]: edit for edit in learned.edits}
        shift = 0
        for number, key, (start, end), _style in found:
            offset, shift = start - shift, shift + end - start
            site = page.site_around(offset)
            own = site.attribute("style")
            at = own.start if own else site.after_name
            written = page.source[own.start : own.end] if own else ""
            self._remember(number, key, changed[at][2] if at in changed else written)
        if styling.quarrel(page, learned):
            self._known.clear()
            return learned.whole()
        return markup.edit(page.source, learned.edits)

    def _remember(self, number: int, key: Key, text: str) -> None:
        if sum(len(value or "") for values in key for value in values) > MAX_KEY:
            return
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[number, key] = text

    def _keys(
        self, printed: str, marks: Iterable[re.Match[str]]
    ) -> Iterator[tuple[int, Key, tuple[int, int], Attribute | None]]:
        """Yield, of each marked tag, its site, its key, the mark's span and the style attribute that was printed."""
        around: dict[int, Values] = {}
        for mark in marks:
            number = int(mark[1])
            tag = self.tags.get(number)
            if tag is None:
                raise TemplateForbiddenError("the template prints a control character", hint="take it out")
            key: Key = tuple(around[above] for above in tag.above)
            style = None
            if tag.moves:
                attributes, _end = markup.read_attributes(printed, mark.end())
                around[number] = _values(printed, attributes, self.steering)
                own = _values(printed, attributes, ("style",))
                style = next((a for a in attributes if a.name == "style"), None)
                key = (*key, around[number], own)
            yield number, key, mark.span(), style


def _values(source: str, attributes: list[Attribute], names: tuple[str, ...]) -> Values:
    """Return the attributes' values as they were written, None for what is not there."""
    found: dict[str, str] = {}
    for attribute in attributes:
        found.setdefault(attribute.name, source[attribute.value_start : attribute.value_end])
    return tuple(found.get(name) for name in names)


def watch(page: Page, proven: Proven) -> Movement | None:
    """Return the movers and followers of a skeleton's page, None if it has none."""
    if not proven.moving:
        return None
    steering = stylesheets.selected_attributes(proven.selectors)
    above: dict[int, tuple[int, ...]] = {}
    tags: dict[int, Tag] = {}
    for site in page.sites:
        parent = site.parent
        around = () if parent is None else above[parent]
        if parent is not None and parent in proven.steering:
            around = (*around, parent)
        above[site.number] = around
        moves = site.number in proven.moving
        reached = any(stylesheets.reaches_down(selector, site.name) for selector in proven.selectors)
        if moves or (around and reached):
            own = None if moves else site.attribute("style")
            written = page.source[own.start : own.end] if own else ""
            tags[site.number] = Tag(moves, around if reached else (), written)
    return Movement(tags, tuple(sorted(steering)))


def marks(page: Page, movement: Movement, *, beside: bool = False) -> list[Edit]:
    """Return the edits that mark the tags: in place of a follower's own style, or, for `learn`, beside it."""
    edits: list[Edit] = []
    for number, tag in movement.tags.items():
        site = page.sites[number]
        own = site.attribute("style") if tag.style and not beside else None
        span = (own.start, own.end) if own else (site.after_name, site.after_name)
        edits.append((*span, f"\2{number}\3"))
    return edits
