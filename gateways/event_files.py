"""Files of events: one JSON document in the whole file, or one on each line."""

import json
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError


def documents(path: Path) -> Iterator[str]:
    """Yield the documents of a file, which may be larger than memory if it has one on each line.

    Raises:
        InputError: The file cannot be read, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            first = next((line for line in lines if line.strip()), "")
            if _is_complete(first):
                yield first.strip()
                yield from (line.strip() for line in lines if line.strip())
            elif first:
                yield first + lines.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as UTF-8 text", hint="Give files of JSON documents."
        ) from error


def _is_complete(line: str) -> bool:
    """Whether a line is a document by itself; the first line of indented JSON is not."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
