"""What this process runs on."""

import platform

from core.runtime import parse
from gateways import runtime


def test_the_versions_are_those_of_this_process() -> None:
    found = runtime.versions()

    assert found["Python"] == platform.python_version()
    assert parse(found["Jinja"]) >= (3, 1, 6)
    assert parse(found["libxml2"]) >= (2, 9)


def test_an_old_database_is_judged_too() -> None:
    components = [warning.component for warning in runtime.warnings(postgresql="13.4")]

    assert "PostgreSQL" in components


def test_a_database_that_is_not_named_is_not_judged() -> None:
    assert "PostgreSQL" not in [warning.component for warning in runtime.warnings()]
