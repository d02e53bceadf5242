"""Sources: the files of one template, and what each of its variants sees of them.

Terms:
    sources: the default files, the variants' files and the shared ones that all may name; their digest is its address.

Invariants:
    Equal sources have equal digests, also those that were stored before there were preheaders and variants.

Standards:
    RFC 8259 (JSON). RFC 4647 (Matching of language tags), 3.4 lookup.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core import locales


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSources:
    """The files of one template. `shared` maps a name such as "_shared/layout.html.j2" to its source.

    `variants` maps a tag to the parts that it has files of its own for, `locale` is the tag of the others (`core/locales.py`).
    """

    name: str
    subject: str
    html: str
    text: str
    shared: Mapping[str, str]
    preheader: str | None = None
    locale: str = locales.HOME
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the SHA-256 of names and sources in hexadecimal: equal sources have equal digests."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the sources as JSON types. What a template does not have is left out: older ones keep their digest."""
        return {
            "name": self.name,
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "shared": dict(self.shared),
            **({} if self.preheader is None else {"preheader": self.preheader}),
            **({} if self.locale == locales.HOME else {"locale": self.locale}),
            **({"variants": {tag: dict(own) for tag, own in self.variants.items()}} if self.variants else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TemplateSources":
        """Return the sources that `as_json` wrote."""
        known = ("name", "subject", "html", "text", "shared", "preheader", "locale", "variants")
        return cls(**{key: data[key] for key in known if key in data})

    def tags(self, variant: str) -> dict[str, str]:
        """Return of each part of a variant the tag of the file that it comes from; a part that nobody has is left out."""
        found = {
            part: next(
                (tag for tag in locales.chain(variant) if part in self.variants.get(tag, {})), locales.DEFAULT
            )
            for part in locales.PARTS
        }
        return {
            part: tag
            for part, tag in found.items()
            if tag or part != "preheader" or self.preheader is not None
        }

    def spoken(self, variant: str) -> "TemplateSources":
        """Return the sources as a variant sees them: one file for each part, and no variants."""
        own = {part: self.variants[tag][part] for part, tag in self.tags(variant).items() if tag}
        return replace(
            self,
            subject=own.get("subject", self.subject),
            preheader=own.get("preheader", self.preheader),
            html=own.get("html", self.html),
            text=own.get("text", self.text),
            variants={},
        )
