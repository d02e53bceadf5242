"""The gateway to SES's suppression lists in front of the simulator, over real sockets."""

import pytest

from core.errors import SendingPausedError, ThrottledError
from gateways import ses_suppression
from gateways.ses_suppression import ListReason, SuppressionLists
from tests.simulated import Simulated


TENANT = "tenant-a"


@pytest.fixture
def lists(simulated: Simulated) -> SuppressionLists:
    return SuppressionLists(read_timeout=2.0)


def test_what_is_put_is_listed_and_put_again_changes_only_the_reason(lists: SuppressionLists) -> None:
    lists.put("Reader@example.net", ListReason.BOUNCE, ses_tenant_name=TENANT)
    lists.put("Reader@example.net", ListReason.COMPLAINT, ses_tenant_name=TENANT)
    assert [(one.address, one.reason) for one in lists.listed(ses_tenant_name=TENANT)] == [
        ("Reader@example.net", ListReason.COMPLAINT)
    ]
    assert list(lists.listed()) == []


def test_what_is_not_listed_may_be_taken_off(lists: SuppressionLists) -> None:
    lists.put("reader@example.net", ListReason.BOUNCE, ses_tenant_name=TENANT)
    for _ in range(2):
        lists.delete("reader@example.net", ses_tenant_name=TENANT)
    assert list(lists.listed(ses_tenant_name=TENANT)) == []


def test_a_list_is_paged_through_to_its_end(lists: SuppressionLists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ses_suppression, "PAGE", 2)
    for number in range(5):
        lists.put(f"reader{number}@example.net", ListReason.BOUNCE, ses_tenant_name=TENANT)
    assert len(list(lists.listed(ses_tenant_name=TENANT))) == 5


def test_a_throttled_call_is_repeated(lists: SuppressionLists, simulated: Simulated) -> None:
    simulated.fault("throttle", match={"operation": "PutSuppressedDestination"}, times=1)
    lists.put("reader@example.net", ListReason.BOUNCE, ses_tenant_name=TENANT)
    assert simulated.calls("PutSuppressedDestination") == 2


@pytest.mark.parametrize(
    ("action", "error"),
    [
        pytest.param("throttle", ThrottledError, id="throttled to the last try"),
        pytest.param("tenant_refused", SendingPausedError, id="no right to"),
    ],
)
def test_a_refusal_is_our_error(
    lists: SuppressionLists, simulated: Simulated, action: str, error: type[Exception]
) -> None:
    lists._client.meta.events.unregister("needs-retry.sesv2", unique_id="retry-config-sesv2")
    simulated.fault(action, match={"operation": "PutTenantSuppressionAttributes"})
    with pytest.raises(error):
        lists.use_own_list(TENANT)


def test_a_tenants_own_list_is_what_its_messages_are_held_against(
    lists: SuppressionLists, simulated: Simulated
) -> None:
    lists.use_own_list(TENANT)
    assert simulated.calls("PutTenantSuppressionAttributes") == 1
