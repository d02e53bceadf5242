"""Contact files: a path or an S3 object becomes bytes, a digest and a place for the rejected lines.

The digest needs the whole file before its first row is stored, so an object of S3 is fetched into the state directory
and read from there. It has its digest in its name, which makes a second fetch after a crash harmless.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from core.contact_import import HEAD_BYTES, MAX_ROWS
from core.errors import ImportFileError
from gateways import aws
from gateways.csv_files import write_csv


MAX_BYTES: Final = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFile:
    """A file to import. `lines` counts line ends, for the limit and the progress bar."""

    path: Path
    name: str
    digest: str
    size: int
    lines: int
    rejected_path: Path

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes."""
        with self.path.open("rb") as source:
            while chunk := source.read(HEAD_BYTES):
                yield chunk


@contextmanager
def opened(location: str, *, state_dir: Path) -> Iterator[ContactFile]:
    """Yield the file at a location; what was fetched is removed afterwards.

    Args:
        location: A path, or `s3://bucket/key`.
        state_dir: Where S3 objects, and the rejected lines of what has no writable folder, are kept.

    Raises:
        ImportFileError: It does not exist, cannot be read or is too large.
    """
    if not location.startswith("s3://"):
        path = Path(location)
        yield _described(path, path.name, _beside(path, state_dir))
        return
    folder = state_dir / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(location).name
    with tempfile.TemporaryDirectory(dir=folder) as fetched:
        path = Path(fetched) / "object"
        _fetch(location, path)
        yield _described(path, name, folder / f"{Path(name).stem}.rejected.csv")


def _described(path: Path, name: str, rejected_path: Path) -> ContactFile:
    digest = hashlib.sha256()
    size = lines = 0
    try:
        with path.open("rb") as source:
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n")
    except OSError as error:
        raise ImportFileError(f"the file cannot be read: {error.strerror}", hint=str(path)) from error
    # Within quotation marks a line end is no row's, so a file of that many lines may hold fewer rows; none that large
    # is refused for it in practice.
    if lines > MAX_ROWS + 1 or size > MAX_BYTES:
        raise ImportFileError(
            f"the file has {lines:,} lines and {size / 1e6:,.0f} MB; {MAX_ROWS:,} and {MAX_BYTES / 1e6:,.0f} are the most",
            hint="Split it, each part with the header, and import the parts one by one.",
            code="file_too_large",
        )
    return ContactFile(
        path=path, name=name, digest=digest.hexdigest(), size=size, lines=lines, rejected_path=rejected_path
    )


def _beside(path: Path, state_dir: Path) -> Path:
    rejected = path.with_name(f"{path.stem}.rejected.csv")
    return rejected if os.access(path.parent, os.W_OK) else state_dir / "imports" / rejected.name


def _fetch(location: str, path: Path) -> None:
    # Not by `urlsplit`: a key may hold # and ?.
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        aws.client("s3").download_file(bucket, key, str(path))
    except (ClientError, BotoCoreError) as error:
        raise ImportFileError(f"the object cannot be fetched: {error}", hint=location) from error


def write_rejected(path: Path, lines: Iterable[Sequence[object]]) -> int:
    """Write rejected lines for their user, replacing those of an earlier run, and return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as target:
        return write_csv(target, ("line", "code", "message", "address"), lines)
