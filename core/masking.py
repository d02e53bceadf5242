"""Masking: a contact as it may be shown where contacts are not kept, such as in Prefect's artifacts.

What Prefect stores outlives the contact: nobody erases a person from there. So what is shown of a message there is
rendered for a contact of whom nothing personal is left, rather than rendered and then searched for what is personal.

Terms:
    stand-in: the address in place of a contact's; it names the contact by id.

Invariants:
    No letter and no digit of a masked text comes from the contact, but for its language and country.
    What was a text, a number, a list or an object still is one, and dates and times still are.

Standards:
    RFC 2606 (reserved names), 2: `.invalid` is never delivered to. RFC 5322 (Internet message format), 3.2.3 atext.
"""

import re
from collections.abc import Mapping
from typing import Any, Final


# Without these another variant of a template would be shown than the contact gets.
KEPT: Final = frozenset({"locale", "language", "lang", "country"})
_DIGITS: Final = re.compile(r"\d")
_SIGNS: Final = frozenset("!#$%&'*+-./=?^_`{|}~")  # RFC 5322's atext and the dot
_DOMAIN: Final = re.compile(r"[\w-]+\.")


def stand_in(contact_id: int) -> str:
    """Return an address that is nobody's."""
    return f"contact-{contact_id}@masked.invalid"


def without_addresses(text: str) -> str:
    """Return text whose addresses have lost what stands before the @: a tenant's own may stand in a template."""
    first, *rest = text.split("@")
    pieces = [first]
    for piece in rest:
        if _DOMAIN.match(piece):
            pieces[-1] = _without_local_part(pieces[-1])
        pieces.append(piece)
    return "@".join(pieces)


def _without_local_part(text: str) -> str:
    """Return text that ends before an @, walked back once: a picture in a page is one word of a hundred thousand signs."""
    end = len(text)
    while end and (text[end - 1].isalnum() or text[end - 1] in _SIGNS):
        end -= 1
    return text if end == len(text) else f"{text[:end]}…"


def masked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact's attributes without what is personal in them."""
    return {name: value if name in KEPT else _masked(name, value) for name, value in attributes.items()}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return type(value)(1)
    if isinstance(value, str):
        return _text(name, value)
    if isinstance(value, list):
        return [_masked(name, part) for part in value]
    return {key: _masked(key, part) for key, part in value.items()}


def _text(name: str, value: str) -> str:
    """Return the field's name in place of words; of a date or a number keep the form: 1111-11-11 is a day, too."""
    if re.fullmatch(r"[\d\s.,:+/TZ-]*", value):
        return _DIGITS.sub("1", value)
    return f"‹{name.replace('_', ' ')}›"
