"""docs/configuration.md lists what can be set: all of it, and nothing else."""

import re
from pathlib import Path

from gateways.settings import Settings


def test_every_setting_is_on_the_page_with_its_default(project: Path) -> None:
    page = (project / "docs/configuration.md").read_text()
    rows = dict(re.findall(r"^\| `POSTHOUSE_([A-Z_]+)` \| (.+?) \|", page, flags=re.MULTILINE))

    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    numbers = {
        name.upper(): field.default
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, int)
    }
    assert {name: rows[name].strip("`") for name in numbers} == {
        name: str(value) for name, value in numbers.items()
    }
