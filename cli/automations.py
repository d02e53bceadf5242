"""Make Prefect's server agree with deployments/automations.yaml: `python -m cli.automations`.

Prefect's own `prefect automation create` makes another one of the same name each time. This updates what has the name,
so it may be run at every start. Automations that are not in the file are left alone.
"""

from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore

from gateways.settings import PROJECT


FILE: Final = PROJECT / "deployments" / "automations.yaml"


def read(file: Path = FILE) -> list[AutomationCore]:
    """Return the automations of a file.

    Raises:
        pydantic.ValidationError: Prefect would not take one of them.
    """
    listed = yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]
    return [AutomationCore.model_validate(automation) for automation in listed]


def apply(client: SyncPrefectClient, automations: list[AutomationCore]) -> None:
    """Make or update each automation by its name; doubles of a name are deleted."""
    for automation in automations:
        first, *others = [*client.read_automations_by_name(automation.name), None]
        if first is None:
            client.create_automation(automation)
            continue
        client.update_automation(first.id, automation)
        for double in others:
            if double is not None:
                client.delete_automation(double.id)


def main() -> None:
    """Apply the file that ships."""
    with get_client(sync_client=True) as client:
        apply(client, read())


if __name__ == "__main__":
    main()
