"""Forms: what Prefect shows beside each parameter when a person starts a run, and what its server refuses.

Prefect gives every parameter its Python name as a title and keeps of a pydantic `Field` only the default, the
description and the extra schema (`prefect._internal.pydantic.v2_schema`, 3.8.8). So titles and bounds go into the extra
schema: the form shows them, and the server checks them before a run exists.
"""

from typing import Any, Final

from pydantic import Field
from pydantic.config import JsonDict, JsonValue

from core import breakage
from core.rulebook import RULES


# What a tenant's slug may be; `core.tenants` has the same rule for everybody who does not come through a form.
SLUG: Final = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

# What a person may override, as the drop-downs of a list offer it: blocking rules that are not firm, and mass breakage.
OVERRIDABLE: Final[JsonDict] = {
    "type": "string",
    "title": "Rule",
    "enum": [*(rule.id for rule in RULES if rule.severity == "block" and not rule.firm), breakage.RULE],
}

REQUIRED: Final[Any] = ...


def field(title: str, description: str, default: Any = REQUIRED, **schema: JsonValue) -> Any:
    """Return a flow parameter's default, with what its form shows.

    Args:
        title: Above the control; a noun, as a person would say it.
        description: Below it; what to give, and what happens without.
        default: What an untouched form sends; without one the parameter must be given.
        schema: More JSON schema, such as `pattern`, `minimum` or the `items` of a list.
    """
    return Field(default, description=description, json_schema_extra={"title": title, **schema})
