"""The accept log, and the verdict drawn from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.journal import Journal, summary, verdict
from simulator.message import Message

from .conftest import Running
from .requests import content, simple


def accepted(campaign: str, *recipients: str, **tags: str) -> dict[str, Any]:
    return {"to": list(recipients), "tags": {"campaign": campaign, **tags}}


def test_a_duplicate_is_a_message_beyond_the_first_to_the_same_recipient_of_a_campaign() -> None:
    log = [
        accepted("c-1", "zoe@example.net"),
        accepted("c-1", "ZOE@Example.net"),
        accepted("c-1", "zoe@example.net"),
        accepted("c-1", "adam@example.net"),
        accepted("c-2", "zoe@example.net"),
        {"to": ["zoe@example.net"], "tags": {}},
    ]
    assert verdict(log) == {
        "accepted": 6,
        "distinct": 4,
        "duplicates": 2,
        "by_campaign": {
            "": {"accepted": 1, "distinct": 1, "duplicates": 0},
            "c-1": {"accepted": 4, "distinct": 2, "duplicates": 2},
            "c-2": {"accepted": 1, "distinct": 1, "duplicates": 0},
        },
    }


def test_the_summary_groups_by_tags_but_not_by_those_that_identify() -> None:
    log = [accepted("c-1", f"r{n}@example.net", kind="news", rid=f"r-{n}") for n in range(300)]
    assert summary(log)["by_tag"] == {
        "campaign": {"c-1": {"accepted": 300, "distinct": 300, "duplicates": 0}},
        "kind": {"news": {"accepted": 300, "distinct": 300, "duplicates": 0}},
    }


def test_an_accept_log_is_continued_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    for number in range(2):
        journal = Journal(path)
        journal.record(
            Message("SendEmail", recipients=[f"r{number}@example.net"]), f"id-{number}", 1_790_000_000.0
        )
        journal.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["n"], line["ses_message_id"]) for line in lines] == [(1, "id-0"), (2, "id-1")]


def test_a_line_cut_off_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_bytes(b'{"n": 1, "tags": {}, "to": ["a@example.net"]}\n{"n": 2, "ta')
    journal = Journal(path)
    journal.record(Message("SendEmail", recipients=["b@example.net"]), "id-2", 1_790_000_000.0)
    assert [entry["to"] for entry in journal.entries()] == [["a@example.net"], ["b@example.net"]]
    journal.close()


@pytest.fixture
def ten(simulator: Running) -> Running:
    """A simulator that has accepted ten messages of two campaigns."""
    client = simulator.client()
    for number in range(10):
        tags = [{"Name": "campaign", "Value": f"c-{number % 2}"}]
        client.send_email(**simple(f"r{number}@example.net", EmailTags=tags))
    return simulator


def test_accepted_messages_are_read_in_pages_and_by_campaign(ten: Running) -> None:
    first = ten.control("GET", "accepted?campaign=c-1&limit=3")
    assert [one["to"] for one in first] == [
        ["r1@example.net"],
        ["r3@example.net"],
        ["r5@example.net"],
    ]
    second = ten.control("GET", f"accepted?campaign=c-1&limit=3&since={first[-1]['n']}")
    assert [one["to"] for one in second] == [["r7@example.net"], ["r9@example.net"]]
    assert ten.control("GET", "accepted?tenant=tenant-b") == []


def test_a_reset_shows_nothing_of_before_and_numbers_on(ten: Running) -> None:
    ten.fault("reject")
    ten.control("POST", "reset")
    stats = ten.control("GET", "stats")
    assert (stats["accepted"], stats["sent_last_24_hours"], stats["calls"]) == (0, 0, {})
    ten.client().send_email(**simple())
    [accepted] = ten.control("GET", "accepted")
    assert accepted["n"] == 11


def test_bodies_are_kept_for_people_to_look_at(start: Callable[..., Running], tmp_path: Path) -> None:
    simulator = start(keep_bodies=tmp_path / "bodies")
    simulator.client().send_email(**simple(Content={"Simple": content("<p>Grüße</p>")}))
    kept = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "bodies").iterdir()}
    assert kept == {"00000001.html": "<p>Grüße</p>", "00000001.txt": "Buy"}


def test_an_unknown_control_operation_lists_the_known_ones(simulator: Running) -> None:
    with pytest.raises(OSError, match="404") as refusal:
        simulator.control("GET", "nothing")
    with refusal.value as answer:  # type: ignore[attr-defined]  # an HTTPError is the answer itself
        assert "POST /_simulator/faults" in json.load(answer)["known"]
