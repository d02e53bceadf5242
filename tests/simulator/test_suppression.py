"""The suppression lists of the simulator, through real boto3: what is put on them, and what they do to messages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import Running
from .requests import simple


ALICE, BOB = "Alice@example.net", "bob@example.net"


def put(client: Any, address: str, tenant: str | None = "tenant-a", reason: str = "BOUNCE") -> None:
    whose = {"TenantName": tenant} if tenant else {}
    client.put_suppressed_destination(EmailAddress=address, Reason=reason, **whose)


def listed(client: Any, **query: Any) -> list[tuple[str, str]]:
    found = client.list_suppressed_destinations(**query)["SuppressedDestinationSummaries"]
    return [(one["EmailAddress"], one["Reason"]) for one in found]


def test_an_address_is_put_changed_found_and_taken_off(simulator: Running) -> None:
    client = simulator.client()
    put(client, "bob@EXAMPLE.net")
    put(client, BOB, reason="COMPLAINT")
    assert listed(client, TenantName="tenant-a") == [(BOB, "COMPLAINT")]
    found = client.get_suppressed_destination(EmailAddress=BOB, TenantName="tenant-a")[
        "SuppressedDestination"
    ]
    assert (found["Reason"], found["TenantName"]) == ("COMPLAINT", "tenant-a")
    assert abs(found["LastUpdateTime"] - datetime.now(UTC)) < timedelta(minutes=1)
    client.delete_suppressed_destination(EmailAddress=BOB, TenantName="tenant-a")
    assert listed(client, TenantName="tenant-a") == []
    for gone in (client.get_suppressed_destination, client.delete_suppressed_destination):
        with pytest.raises(client.exceptions.NotFoundException):
            gone(EmailAddress=BOB, TenantName="tenant-a")


def test_each_tenant_and_the_account_have_a_list_of_their_own(simulator: Running) -> None:
    client = simulator.client()
    put(client, BOB)
    put(client, ALICE, tenant=None)
    assert listed(client) == [(ALICE, "BOUNCE")]
    assert listed(client, TenantName="tenant-a") == [(BOB, "BOUNCE")]
    assert listed(client, TenantName="tenant-b") == []
    assert simulator.control("GET", "stats")["suppression_lists"] == {"": 1, "tenant-a": 1}


def test_a_local_part_keeps_its_case_and_two_spellings_are_two_entries(simulator: Running) -> None:
    client = simulator.client()
    put(client, ALICE)
    put(client, ALICE.lower())
    assert len(listed(client, TenantName="tenant-a")) == 2


def test_a_list_is_read_page_by_page_by_reason_and_by_date(simulator: Running) -> None:
    client = simulator.client()
    for number in range(5):
        put(client, f"reader{number}@example.net", reason="COMPLAINT" if number == 3 else "BOUNCE")
    first = client.list_suppressed_destinations(TenantName="tenant-a", PageSize=3)
    second = client.list_suppressed_destinations(
        TenantName="tenant-a", PageSize=3, NextToken=first["NextToken"]
    )
    pages = [
        [one["EmailAddress"][:7] for one in page["SuppressedDestinationSummaries"]]
        for page in (first, second)
    ]
    assert pages == [["reader0", "reader1", "reader2"], ["reader3", "reader4"]]
    assert "NextToken" not in second
    assert listed(client, TenantName="tenant-a", Reasons=["COMPLAINT"]) == [
        ("reader3@example.net", "COMPLAINT")
    ]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert listed(client, TenantName="tenant-a", StartDate=tomorrow) == []
    assert len(listed(client, TenantName="tenant-a", EndDate=tomorrow)) == 5


@pytest.mark.parametrize(
    ("scope", "tenant", "subtype"),
    [
        pytest.param("TENANT", "tenant-a", "OnTenantSuppressionList", id="the tenant's own list"),
        pytest.param("TENANT", None, "", id="with its own list the account's does not count"),
        pytest.param("ACCOUNT", None, "OnAccountSuppressionList", id="the account's list"),
        pytest.param("ACCOUNT", "tenant-a", "", id="by default a tenant's own list is not asked"),
    ],
)
def test_a_message_to_a_listed_address_is_accepted_and_bounces(
    simulator: Running,
    events: Callable[[], list[dict[str, Any]]],
    scope: str,
    tenant: str | None,
    subtype: str,
) -> None:
    client = simulator.client()
    client.put_tenant_suppression_attributes(
        TenantName="tenant-a", SuppressionScope=scope, SuppressedReasons=["BOUNCE", "COMPLAINT"]
    )
    put(client, "reader@example.net", tenant)
    assert client.send_email(**simple())["MessageId"]
    bounces = [event["bounce"]["bounceSubType"] for event in events() if event["eventType"] == "Bounce"]
    assert bounces == ([subtype] if subtype else [])


def test_scope_and_reasons_are_set_together(simulator: Running) -> None:
    client = simulator.client()
    with pytest.raises(client.exceptions.BadRequestException):
        client.put_tenant_suppression_attributes(TenantName="tenant-a", SuppressionScope="TENANT")


def test_only_a_rule_that_names_the_operation_strikes(simulator: Running) -> None:
    client = simulator.client()
    simulator.fault("throttle")
    put(client, BOB)
    simulator.fault("throttle", match={"operation": "PutSuppressedDestination"}, times=1)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        put(client, BOB)
    put(client, BOB)
