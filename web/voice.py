"""Voice: the language in which a page speaks to a reader. One file of `web/texts` for each; all have the same sentences."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from babel.dates import format_date

from core import locales, localisation
from core.preferences import language


_TEXTS: Final = Path(__file__).resolve().parent / "texts"


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return all sentences by language tag and name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_TEXTS.glob("*.json"))}


@dataclass(frozen=True, slots=True)
class Voice:
    """A language, and the reader's own way to write a date in it."""

    lang: str
    locale: str

    @property
    def dir(self) -> str:
        """Return the direction in which it is written, as HTML has it."""
        return locales.direction(self.lang)

    def say(self, name: str, **values: object) -> str:
        """Return a sentence with these values in it, not yet escaped."""
        return texts()[self.lang][name].format_map(values)

    def day(self, on: date) -> str:
        """Return a day as readers of this language write it."""
        return format_date(on, "long", locale=localisation.negotiate(self.locale))


def voice_for(accepted: str, *, contact: str = "", tenant: str = "") -> Voice:
    """Return the voice for a reader, by what the contact, the tenant and the browser say, in this order."""
    lang = language(contact, tenant, accepted, available=texts())
    own = next((tag for said in (contact, tenant) if (tag := locales.canonical(said))), lang)
    return Voice(lang, own if locales.language(own) == lang else lang)
