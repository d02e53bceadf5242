"""Template folders: `templates/<name>/{subject.txt,body.html,body.txt}.j2`, `sample.json` and `_shared/*`.

A folder may have a `preheader.txt.j2`, files for one locale, such as `subject.de.txt.j2` or `body.de-AT.html.j2`, and a
`meta.json` that names the locale of those without a tag: `{"locale": "fr"}` (docs/templates.md).
"""

import json
import re
from pathlib import Path
from typing import Any

from core import locales
from core.errors import InputError, NotFoundError
from core.rendering import TemplateSources


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_SHARED = "_shared"


def names(folder: Path) -> list[str]:
    """Return the names of the templates in a folder, sorted."""
    found = (path.parent.name for path in folder.glob("*/body.html.j2"))
    return sorted(name for name in found if _NAME.fullmatch(name))


def load(folder: Path, name: str) -> TemplateSources:
    """Return a template's sources with its variants, and all that they may include.

    Raises:
        NotFoundError: There is none of that name, or one of its files is missing.
        InputError: Its `meta.json` is not a JSON object with a text as its locale.
    """
    home = _home(folder, name)
    preheader = home / locales.file_name("preheader", locales.DEFAULT)
    return TemplateSources(
        name=name,
        subject=_read(home / "subject.txt.j2"),
        html=_read(home / "body.html.j2"),
        text=_read(home / "body.txt.j2"),
        shared={f"{_SHARED}/{path.name}": _read(path) for path in sorted((folder / _SHARED).glob("*.j2"))},
        preheader=_read(preheader) if preheader.is_file() else None,
        locale=_locale(home),
        variants=_variants(home),
    )


def sample(folder: Path, name: str) -> dict[str, Any]:
    """Return the context that a template is shown with.

    Raises:
        NotFoundError: There is no such template, or it has no sample.
        InputError: The sample is not a JSON object.
    """
    return _json(_home(folder, name) / "sample.json")


def _variants(home: Path) -> dict[str, dict[str, str]]:
    """Return the files that have a tag in their name, by tag and part. Whether it is one is asked when they are compiled."""
    found: dict[str, dict[str, str]] = {}
    for part, (stem, ending) in locales.FILES.items():
        for path in sorted(home.glob(f"{stem}.*.{ending}")):
            tag = path.name.removeprefix(f"{stem}.").removesuffix(f".{ending}")
            found.setdefault(tag, {})[part] = _read(path)
    return found


def _locale(home: Path) -> str:
    path = home / "meta.json"
    locale = _json(path).get("locale", locales.HOME) if path.is_file() else locales.HOME
    if not isinstance(locale, str):
        raise InputError(f"{home.name}/meta.json: the locale is no text", hint='such as {"locale": "de"}')
    return locale


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_read(path))
    except ValueError as error:
        raise InputError(f"{path.parent.name}/{path.name} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path.parent.name}/{path.name} is not a JSON object")
    return data


def _home(folder: Path, name: str) -> Path:
    """Return a template's folder. Names are plain, so none leads out of `folder`."""
    if not (_NAME.fullmatch(name) and (folder / name / "body.html.j2").is_file()):
        known = ", ".join(names(folder)) or "none"
        raise NotFoundError(f"no template {name!r}", hint=f"templates: {known}")
    return folder / name


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"{path.parent.name} has no {path.name}", hint="add the file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.parent.name}/{path.name} is not UTF-8") from error
