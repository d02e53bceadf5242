"""P07: an unsafe runtime is told, with the release that is safe."""

import pytest

from core.runtime import needed_release, parse, warnings


PYTHON = ((3, 11, 15), (3, 12, 13), (3, 13, 12), (3, 14, 3))


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        pytest.param((3, 11, 7), (3, 11, 15), id="older than its series' fix"),
        pytest.param((3, 11, 15), None, id="the fix itself"),
        pytest.param((3, 11, 16), None, id="newer than the fix"),
        pytest.param((3, 12, 1), (3, 12, 13), id="each series has a fix of its own"),
        pytest.param((3, 13, 0), (3, 13, 12), id="a newer series is not safe by that"),
        pytest.param((3, 14, 3), None, id="the newest series' fix"),
        pytest.param((3, 15, 0), None, id="a series begun after the fix"),
        pytest.param((3, 10, 99), (3, 11, 15), id="a series that gets no fix goes to the next"),
        pytest.param((4, 0, 0), None, id="the next major version"),
    ],
)
def test_a_version_needs_the_fix_of_its_own_series(
    version: tuple[int, ...], needed: tuple[int, ...] | None
) -> None:
    assert needed_release(version, PYTHON) == needed


@pytest.mark.parametrize(
    ("version", "needed"),
    [((13, 22), (14, 9)), ((14, 8), (14, 9)), ((14, 9), None), ((15, 0), None), ((18, 6), None)],
)
def test_postgresql_counts_series_by_their_first_number(
    version: tuple[int, int], needed: tuple[int, int] | None
) -> None:
    assert needed_release(version, ((14, 9),)) == needed


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("3.11.7", (3, 11, 7), id="plain"),
        pytest.param("3.15.0rc2", (3, 15, 0), id="release candidate"),
        pytest.param("18.6 (Debian 18.6-1.pgdg12+1)", (18, 6), id="a distribution's PostgreSQL"),
        pytest.param("3.13.0+", (3, 13, 0), id="built from a checkout"),
    ],
)
def test_a_version_is_read_up_to_what_is_not_a_number(text: str, version: tuple[int, ...]) -> None:
    assert parse(text) == version


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="not a version: 'unknown'"):
        parse("unknown")


def test_p07_each_unsafe_component_is_named_with_the_fixed_version() -> None:
    found = warnings({"Python": "3.11.7", "Jinja": "3.1.4", "libxml2": "2.9.14", "PostgreSQL": "14.2"})

    assert [warning.message.split(":")[0] for warning in found] == [
        "Python 3.11.7",
        "Jinja 3.1.4",
        "libxml2 2.9.14",
        "PostgreSQL 14.2",
    ]
    assert [warning.hint.split(" or later")[0] for warning in found] == [
        "Update to Python 3.11.15",
        "Update to Jinja 3.1.6",
        "Update to libxml2 2.14.2",
        "Update to PostgreSQL 15.0",
    ]


def test_safe_components_say_nothing() -> None:
    assert warnings({"Python": "3.14.3", "Jinja": "3.1.6", "libxml2": "2.14.6", "PostgreSQL": "18.6"}) == []


def test_a_component_that_is_not_there_is_not_judged() -> None:
    assert warnings({}) == []
