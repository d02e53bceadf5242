"""What Prefect makes of a flow's parameters, without a server."""

import inspect
from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import get_call_parameters

from core.rulebook import RULES
from flows.approve_hygiene import approve_hygiene
from flows.control_campaign import control_campaign
from flows.import_contacts import import_contacts
from flows.onboard_tenant import onboard_tenant
from flows.send_campaign import send_campaign
from flows.send_seeds import send_seeds


def schema_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """The form's JSON schema."""
    return flow.parameters.model_dump()


@pytest.mark.parametrize(
    ("flow", "required"),
    [
        pytest.param(send_campaign, ["tenant"], id="send-campaign"),
        pytest.param(import_contacts, ["tenant", "location", "audience"], id="import-contacts"),
        pytest.param(
            control_campaign, ["tenant", "campaign_id", "action", "reason", "operator"], id="control-campaign"
        ),
        pytest.param(send_seeds, ["tenant", "seed_list"], id="test-send"),
        pytest.param(approve_hygiene, ["tenant", "run_id"], id="approve-hygiene"),
        pytest.param(
            onboard_tenant, ["slug", "name", "sending_domain", "postal_address"], id="onboard-tenant"
        ),
    ],
)
def test_a_form_asks_for_what_has_no_default(flow: Flow[..., Any], required: list[str]) -> None:
    assert schema_of(flow)["required"] == required


def test_titles_and_bounds_survive_in_the_schema() -> None:
    shown = schema_of(send_campaign)["properties"]["tenant"]
    assert shown["title"] == "Tenant"
    assert shown["description"] == "The tenant's slug, such as acme."
    assert shown["pattern"] == "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
    assert schema_of(onboard_tenant)["properties"]["known_daily_volume"]["minimum"] == 0


def test_what_may_be_overridden_is_chosen_from_a_list() -> None:
    shown = schema_of(send_campaign)["properties"]["override"]
    assert (shown["type"], shown["title"], shown["uniqueItems"]) == ("array", "Override", True)
    offered = shown["items"]["enum"]
    assert {"FMT-BODY-06-ALT", "LAW-US-01-TEXT", "render_errors"} < set(offered)
    assert not {rule.id for rule in RULES if rule.firm} & set(offered)


def test_a_missing_parameter_takes_its_default_and_not_the_field_that_describes_it() -> None:
    bound = get_call_parameters(send_campaign.fn, (), {"tenant": "acme"})
    assert bound == {
        "tenant": "acme",
        "campaign_id": None,
        "template": "",
        "audience": "",
        "name": "",
        "subject": "",
        "mode": "live",
        "start": None,
        "hours": "",
        "spread_hours": 0,
        "give_up": None,
        "approval": "none",
        "override": [],
        "reason": "",
        "operator": "",
        "by_reader": False,
    }


@pytest.mark.parametrize(
    "flow", [send_campaign, control_campaign, import_contacts, onboard_tenant, send_seeds, approve_hygiene]
)
def test_no_parameter_is_named_for_an_address(flow: Flow[..., Any]) -> None:
    names = set(inspect.signature(flow.fn).parameters) - {"postal_address"}
    assert not [name for name in names if "address" in name or "email" in name or "recipient" in name]
