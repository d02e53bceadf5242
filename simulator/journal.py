"""The accept log: one line of JSON for every message SES took, written before the caller gets to know.

It is the judge of every test of delivery: the sender's books may say what they like, what stands here was sent. Hence
it is a file, appended to in one write per message; and hence the only thing kept in memory is where each line begins.
"""

import array
import hashlib
import itertools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from simulator.limits import timestamp
from simulator.message import Message


# A tag with more values than this (say, an id for each message) identifies and does not group.
_MOST_TAG_VALUES: Final = 200


class Journal:
    """The accept log.

    Args:
        path: Where; an unnamed temporary file when None. An existing log is continued.
        bodies: A directory to write the contents of messages to, for a person to look at.
    """

    def __init__(self, path: Path | None, bodies: Path | None = None) -> None:
        self._starts = array.array("Q")
        self._first = 0
        self._end = self._read_existing(path) if path and path.exists() else 0
        self._file = path.open("a+b", buffering=0) if path else tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # open as long as the server
        # A line without its end was cut off by a full disk or a power cut, before its sender had an answer.
        self._file.truncate(self._end)
        self._bodies = bodies
        if bodies:
            bodies.mkdir(parents=True, exist_ok=True)

    def _read_existing(self, path: Path) -> int:
        """Note where the lines of an existing log begin; return where the last complete one ends."""
        end = 0
        with path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    self._starts.append(end)
                    end += len(line)
        return end

    def forget(self) -> None:
        """Show nothing of what was accepted so far. The file keeps it, and numbering goes on."""
        self._first = len(self._starts)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts) - self._first

    def record(self, message: Message, ses_message_id: str, moment: float) -> None:
        """Append one accepted message.

        Raises:
            OSError: It could not be written; then it must not be accepted.
        """
        number = len(self._starts) + 1
        line = (
            json.dumps(_entry(number, message, ses_message_id, moment), ensure_ascii=False).encode() + b"\n"
        )
        if self._file.write(line) != len(line):
            self._file.truncate(self._end)
            raise OSError("the accept log is full")
        self._starts.append(self._end)
        self._end += len(line)
        if self._bodies:
            self._keep_body(number, message)

    def _keep_body(self, number: int, message: Message) -> None:
        parts = {"html": message.html.encode(), "txt": message.text.encode(), "eml": message.raw}
        for suffix, data in parts.items():
            if data and self._bodies:
                (self._bodies / f"{number:08d}.{suffix}").write_bytes(data)

    def entries(self, since: int = 0) -> Iterator[dict[str, Any]]:
        """Yield accepted messages whose number is greater than this, in the order they were accepted."""
        starts = self._starts[max(since, self._first) :]
        for begin, end in zip(starts, [*starts[1:], self._end], strict=False):
            yield json.loads(os.pread(self._file.fileno(), end - begin, begin))

    def page(
        self, *, tenant: str | None, campaign: str | None, since: int, limit: int
    ) -> list[dict[str, Any]]:
        """Return at most so many entries that fit; the number of the last one is where the next page begins."""
        fitting = (
            entry
            for entry in self.entries(since)
            if tenant in (None, entry["tenant"]) and campaign in (None, entry["tags"].get("campaign"))
        )
        return list(itertools.islice(fitting, limit))


def _entry(number: int, message: Message, ses_message_id: str, moment: float) -> dict[str, Any]:
    html = message.html.encode()
    entry = {
        "n": number,
        "at": timestamp(moment),
        "ses_message_id": ses_message_id,
        "from": message.sender,
        "to": message.recipients,
        "subject": message.subject,
        "tags": dict(message.tags),
        "configuration_set": message.configuration_set,
        "tenant": message.tenant,
        "headers": message.headers,
        "html_bytes": len(html),
        "text_bytes": len(message.text.encode()),
        "html_sha256": hashlib.sha256(html).hexdigest(),
        "api": "bulk" if message.operation == "SendBulkEmail" else "single",
        "invocation_id": message.invocation_id,
    }
    if message.missing_attribute:
        entry["rendering_failure"] = message.missing_attribute
    return entry


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of an accept log file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


class _Tally:
    """Counts messages, and those beyond the first to the same recipient."""

    def __init__(self) -> None:
        self.accepted = 0
        self._recipients: Counter[str] = Counter()

    def add(self, recipients: Iterable[str]) -> None:
        self.accepted += 1
        self._recipients.update(recipient.lower() for recipient in recipients)

    def as_json(self) -> dict[str, int]:
        distinct = len(self._recipients)
        return {
            "accepted": self.accepted,
            "distinct": distinct,
            "duplicates": self._recipients.total() - distinct,
        }


def verdict(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was sent twice: per campaign, messages beyond the first to the same recipient.

    Returns:
        `{"accepted", "distinct", "duplicates", "by_campaign": {campaign: the same three}}`. `distinct` counts pairs of
        campaign and recipient; recipients are the same when they differ only in case.
    """
    campaigns: dict[str, _Tally] = {}
    for entry in entries:
        campaigns.setdefault(entry["tags"].get("campaign", ""), _Tally()).add(entry["to"])
    by_campaign = {name: tally.as_json() for name, tally in sorted(campaigns.items())}
    total = {
        what: sum(counts[what] for counts in by_campaign.values())
        for what in ("accepted", "distinct", "duplicates")
    }
    return {**total, "by_campaign": by_campaign}


def summary(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the verdict and the same counts for every value of every tag that groups messages."""
    tags: dict[str, dict[str, _Tally]] = {}

    def counted() -> Iterator[Mapping[str, Any]]:
        for entry in entries:
            for name, value in entry["tags"].items():
                values = tags.setdefault(name, {})
                if value in values or len(values) <= _MOST_TAG_VALUES:
                    values.setdefault(value, _Tally()).add(entry["to"])
            yield entry

    document = verdict(counted())
    by_tag = {
        name: {value: tally.as_json() for value, tally in sorted(values.items())}
        for name, values in sorted(tags.items())
        if len(values) <= _MOST_TAG_VALUES
    }
    return document | {"by_tag": by_tag}
