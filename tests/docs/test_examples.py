"""Documents that run: what they show is what the code answers today."""

import doctest
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "name", ["warmup.md", "warmup-controller.md", "breakers.md", "hours.md", "pacing.md", "forecast.md"]
)
def test_the_examples_of_a_document_run_as_shown(project: Path, name: str) -> None:
    failed, tried = doctest.testfile(str(project / "docs" / name), module_relative=False)
    assert tried > 5
    assert failed == 0
