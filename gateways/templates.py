"""Template folders: `templates/<name>/{subject.txt,body.html,body.txt}.j2`, `sample.json` and `_shared/*`."""

import json
import re
from pathlib import Path
from typing import Any

from core.errors import InputError, NotFoundError
from core.rendering import TemplateSources


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_SHARED = "_shared"


def names(folder: Path) -> list[str]:
    """Return the names of the templates in a folder, sorted."""
    found = (path.parent.name for path in folder.glob("*/body.html.j2"))
    return sorted(name for name in found if _NAME.fullmatch(name))


def load(folder: Path, name: str) -> TemplateSources:
    """Return a template's sources, and all that it may include.

    Raises:
        NotFoundError: There is none of that name, or one of its files is missing.
    """
    home = _home(folder, name)
    return TemplateSources(
        name=name,
        subject=_read(home / "subject.txt.j2"),
        html=_read(home / "body.html.j2"),
        text=_read(home / "body.txt.j2"),
        shared={f"{_SHARED}/{path.name}": _read(path) for path in sorted((folder / _SHARED).glob("*.j2"))},
    )


def sample(folder: Path, name: str) -> dict[str, Any]:
    """Return the context that a template is shown with.

    Raises:
        NotFoundError: There is no such template, or it has no sample.
        InputError: The sample is not a JSON object.
    """
    text = _read(_home(folder, name) / "sample.json")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}/sample.json is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{name}/sample.json is not a JSON object")
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
