"""What no file of the repository may speak of: the machine it was written on, and where its packages came from."""

import re
import subprocess
from pathlib import Path

import pytest


PROJECT = Path(__file__).resolve().parents[2]


def our_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False
    ).stdout
    # Without git, as in an unpacked archive, the folders themselves are the list.
    names = (
        listed.split("\0") if listed else [str(path.relative_to(PROJECT)) for path in PROJECT.glob("*/**/*")]
    )
    paths = [PROJECT / name for name in names if name]
    return [path for path in paths if path.is_file() and path != Path(__file__)]


def speaking_of(pattern: str) -> list[str]:
    found = []
    for path in our_files():
        raw = path.read_bytes()
        if b"\0" in raw:
            continue  # a picture, not a text
        text = raw.decode("utf-8")
        found += [
            f"{path.relative_to(PROJECT)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
            for match in re.finditer(pattern, text)
        ]
    return found


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"(?<![\w./-])/(?:root|work)/[\w./-]*", id="a folder of one machine"),
        pytest.param(r"(?<![\w./-])/tmp/[a-z]\w*", id="a scratch folder"),
        pytest.param(
            r"--(?:extra-)?index-url|\bPIP_INDEX_URL\b|\bUV_INDEX\w*|\btrusted-host\b", id="an index address"
        ),
        pytest.param(
            r"https?://[\w.-]*(?:artifactory|nexus|devpi|pypi-proxy|simple/)[\w./-]*", id="a package mirror"
        ),
    ],
)
def test_no_file_speaks_of_the_machine_it_was_written_on(pattern: str) -> None:
    assert speaking_of(pattern) == []


def test_nothing_is_left_for_later() -> None:
    words = r"\b(?:TODO|FIXME|XXX|HACK)\b|pragma: no cover"
    allowed = ("pyproject.toml", "tests/data/", "package-lock.json", "requirements.lock")
    assert [found for found in speaking_of(words) if not found.startswith(allowed)] == []


def test_every_skip_and_every_silenced_finding_gives_its_reason() -> None:
    bare = re.compile(
        r"pytest\.skip\(\)|mark\.skip\b(?!\()|mark\.xfail\b(?!\()|# noqa(?!: [A-Z])|# type: ignore(?!\[)"
    )
    found = []
    for path in our_files():
        if path.suffix == ".py":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if bare.search(line):
                    found.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()}")
    assert found == []
