"""What `prefect deploy --all` makes of prefect.yaml: deployments, schedules, and forms that refuse nonsense."""

from typing import Any

import pytest

from tests.e2e.prefect_api import PrefectApi


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

NAMES = (
    "advance-warmup",
    "approve-hygiene",
    "carry-on-campaigns",
    "control-campaign",
    "dispatch-campaigns",
    "import-contacts",
    "onboard-tenant",
    "read-unsubscribes",
    "reconcile-events",
    "send-campaign",
    "test-send",
    "update-hygiene",
)


def test_every_flow_is_deployed_under_its_own_name(prefect: PrefectApi) -> None:
    found = prefect.post("deployments/filter").json()
    assert sorted(deployment["name"] for deployment in found) == list(NAMES)
    assert all(deployment["entrypoint"].startswith("flows.") for deployment in found)


@pytest.mark.parametrize(
    ("name", "cron"),
    [
        pytest.param("dispatch-campaigns", "*/5 * * * *", id="every five minutes"),
        pytest.param("reconcile-events", "7 * * * *", id="hourly"),
        pytest.param("advance-warmup", "12 * * * *", id="a tenant's day has just begun somewhere"),
        pytest.param("read-unsubscribes", "4-59/15 * * * *", id="every quarter of an hour"),
        pytest.param("update-hygiene", "33 2 * * *", id="nightly"),
    ],
)
def test_a_scheduled_flow_never_runs_twice_at_once(prefect: PrefectApi, name: str, cron: str) -> None:
    deployment = prefect.deployment(name)
    assert [schedule["schedule"]["cron"] for schedule in deployment["schedules"]] == [cron]
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


@pytest.mark.parametrize(
    "name",
    [
        "send-campaign",
        "control-campaign",
        "test-send",
        "approve-hygiene",
        "import-contacts",
        "onboard-tenant",
    ],
)
def test_every_parameter_has_a_title_and_a_description(prefect: PrefectApi, name: str) -> None:
    form = prefect.deployment(name)["parameter_openapi_schema"]
    assert form["properties"]
    for parameter, shown in form["properties"].items():
        # A choice whose title is that of its type is shown with the type's.
        title = shown.get("title") or form["definitions"][shown["$ref"].rpartition("/")[2]]["title"]
        assert title != parameter
        assert title[0].isupper()
        assert shown["description"].endswith(".")


def test_forms_use_dropdowns_dates_and_switches(prefect: PrefectApi) -> None:
    form = prefect.deployment("send-campaign")["parameter_openapi_schema"]
    assert form["properties"]["mode"]["$ref"] == "#/definitions/Mode"
    assert form["definitions"]["Mode"]["enum"] == ["live", "dry-run"]
    assert form["definitions"]["Approval"]["enum"] == ["none", "ask"]
    assert {"type": "string", "format": "date-time"} in form["properties"]["start"]["anyOf"]
    assert form["required"] == ["tenant"]
    control = prefect.deployment("control-campaign")["parameter_openapi_schema"]
    assert control["definitions"]["Action"]["enum"] == ["pause", "resume", "cancel"]
    assert control["required"] == ["tenant", "campaign_id", "action", "reason", "operator"]
    onboarding = prefect.deployment("onboard-tenant")["parameter_openapi_schema"]["properties"]
    assert onboarding["warm"]["type"] == "boolean"


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        pytest.param("send-campaign", {}, "'tenant' is a required property", id="nothing"),
        pytest.param("send-campaign", {"tenant": "ACME"}, "does not match", id="not a slug"),
        pytest.param(
            "send-campaign", {"tenant": "acme", "mode": "nonsense"}, "is not one of", id="no such mode"
        ),
        pytest.param(
            "send-campaign", {"tenant": "acme", "campaign_id": "first"}, "is not valid", id="an id in letters"
        ),
        pytest.param(
            "onboard-tenant",
            {
                "slug": "acme",
                "name": "Acme",
                "sending_domain": "news@acme.example",
                "postal_address": "1 High Street",
            },
            "does not match",
            id="an address where a domain belongs",
        ),
    ],
)
def test_the_server_refuses_parameters_that_do_not_fit(
    prefect: PrefectApi, name: str, parameters: dict[str, Any], reason: str
) -> None:
    answer = prefect.ask(name, parameters)
    assert answer.status_code in {409, 422}
    assert reason in answer.text
