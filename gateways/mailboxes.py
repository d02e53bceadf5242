"""Mailboxes: the heads of the mails at a place, one by one, and a place for those that were read.

    s3://bucket/prefix/     what a receipt rule of SES has stored; read ones move to heeded/ and others/ below it
    a Maildir               what is in new/; read ones move to .Heeded/cur/, others to cur/ as every reader does
    another folder          each file; read ones move to heeded/ and others/ in it
    a file                  one mail, or an mbox; it stays as it is, since somebody else's server writes it

Of each mail no more than its head is read, however large it is. Nothing is deleted. Another process may read the same place at the
same time: what has gone meanwhile is passed over.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import InputError
from core.unsubscribe_mail import HEAD_BYTES
from gateways import aws


if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HEEDED: Final = "heeded"
OTHERS: Final = "others"
_GONE: Final = frozenset({"NoSuchKey", "404"})
_EMPTY: Final = "InvalidRange"


def _stays(_heeded: bool) -> None:  # noqa: FBT001  # the shape of `Mail.done`
    """Leave a mail where it is."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's head, and what puts the mail away, given whether it was heeded."""

    head: bytes
    done: Callable[[bool], None] = _stays


def mails(location: str) -> Iterator[Mail]:
    """Yield the mails at a place.

    Raises:
        InputError: There is no such place, or it cannot be read.
    """
    if location.startswith("s3://"):
        yield from _of_bucket(location)
        return
    path = Path(location)
    try:
        if not path.is_dir():
            yield from _of_file(path)
        elif (path / "new").is_dir():
            yield from _of_folder(
                path / "new", heeded=path / ".Heeded" / "cur", others=path / "cur", flags=":2,"
            )
        else:
            yield from _of_folder(path, heeded=path / HEEDED, others=path / OTHERS)
    except OSError as error:
        raise InputError(
            f"the mailbox cannot be read: {error.strerror}",
            hint="An mbox, a Maildir, a folder of mails, or s3://…",
        ) from error


def _of_folder(folder: Path, *, heeded: Path, others: Path, flags: str = "") -> Iterator[Mail]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as source:
                head = _head(source)
        except FileNotFoundError:
            continue
        yield Mail(head, partial(_move, path, heeded, others, flags))


def _move(path: Path, heeded: Path, others: Path, flags: str, was_heeded: bool) -> None:  # noqa: FBT001  # the shape of `Mail.done`
    folder = heeded if was_heeded else others
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.rename(folder / f"{path.name}{flags}")


def _head(source: BufferedReader) -> bytes:
    """Return the bytes of a mail before its first empty line, of at most `HEAD_BYTES`."""
    return _before_blank(source.read(HEAD_BYTES))


def _before_blank(start: bytes) -> bytes:
    ends = [at for blank in (b"\n\n", b"\r\n\r\n") if (at := start.find(blank)) >= 0]
    return start[: min(ends, default=len(start))]


def _of_file(path: Path) -> Iterator[Mail]:
    with path.open("rb") as source:
        if source.peek(5)[:5] == b"From ":
            yield from (Mail(head) for head in _of_mbox(source))
        else:
            yield Mail(_head(source))


def _of_mbox(source: BufferedReader) -> Iterator[bytes]:
    """Yield the heads of an mbox: a line `From ` behind an empty one begins a mail (RFC 4155)."""
    head, in_head, after_blank = bytearray(), False, True
    while line := source.readline(HEAD_BYTES):
        blank = not line.strip()
        if after_blank and line.startswith(b"From "):
            if head:
                yield bytes(head)
            head, in_head = bytearray(), True
        elif in_head and not blank and len(head) < HEAD_BYTES:
            head += line
        in_head, after_blank = in_head and not blank, blank
    if head:
        yield bytes(head)


def _of_bucket(location: str) -> Iterator[Mail]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    client: S3Client = aws.client("s3")
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            for found in page.get("Contents", []):
                key = found["Key"]
                if key.endswith("/") or (head := _object_head(client, bucket, key)) is None:
                    continue
                yield Mail(head, partial(_move_object, client, bucket, key))
    except (ClientError, BotoCoreError) as error:
        raise InputError(f"the mailbox cannot be read: {error}", hint=location) from error


def _object_head(client: "S3Client", bucket: str, key: str) -> bytes | None:
    """Return an object's head, None if it has gone meanwhile."""
    try:
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        return _before_blank(answer["Body"].read())
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            return None
        if code == _EMPTY:
            return b""
        raise


def _move_object(client: "S3Client", bucket: str, key: str, was_heeded: bool) -> None:  # noqa: FBT001  # as `_move`
    folder = HEEDED if was_heeded else OTHERS
    before, _, name = key.rpartition("/")
    there = "/".join(filter(None, (before, folder, name)))
    try:
        client.copy_object(Bucket=bucket, Key=there, CopySource={"Bucket": bucket, "Key": key})
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return
    client.delete_object(Bucket=bucket, Key=key)
