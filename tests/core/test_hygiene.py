"""The thresholds of hygiene."""

from typing import Any

import pytest

from core.errors import ConfigurationError
from core.hygiene import (
    AT_ONCE,
    STATE_RULES,
    Effect,
    HygienePolicy,
    Rule,
    SoftBounces,
    effect,
    reason,
    verdict,
)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"bounces": 4, "days": 4}, None, id="four bounces"),
        pytest.param({"bounces": 5, "days": 2}, None, id="five bounces on two days"),
        pytest.param({"bounces": 5, "days": 3}, Rule.SOFT_BOUNCE, id="five bounces on three days"),
        pytest.param({"full": 3, "full_span_days": 20}, None, id="full three times in 20 days"),
        pytest.param({"full": 2, "full_span_days": 80}, None, id="full twice"),
        pytest.param({"full": 3, "full_span_days": 21}, Rule.MAILBOX_FULL, id="full three times in 21 days"),
        pytest.param({"full": 1, "abandoned": 1}, None, id="full and inactive once"),
        pytest.param({"full": 2, "full_span_days": 1, "abandoned": 2}, Rule.MAILBOX_FULL, id="full and inactive twice"),
        pytest.param({"bounces": 4, "days": 4, "full": 2, "full_span_days": 30}, None, id="the two are not added"),
        pytest.param({"bounces": 9, "days": 9, "full": 9, "full_span_days": 90}, Rule.SOFT_BOUNCE, id="both"),
    ],
)  # fmt: skip
def test_repeated_soft_bounces_break_a_rule(history: dict[str, int], expected: Rule | None) -> None:
    assert verdict(SoftBounces(**history), HygienePolicy()) is expected


def test_a_tenant_may_choose_its_own_thresholds() -> None:
    policy = HygienePolicy.of(
        {"soft_bounces": 2, "soft_bounce_days": 1, "sunset_days": 90, "another_policy": 7}
    )
    assert policy == HygienePolicy(soft_bounces=2, soft_bounce_days=1, sunset_days=90)
    assert verdict(SoftBounces(bounces=2, days=1), policy) is Rule.SOFT_BOUNCE


def test_zero_turns_a_rule_off() -> None:
    policy = HygienePolicy(soft_bounces=0, mailbox_full_bounces=0, full_inactive_bounces=0)
    assert verdict(SoftBounces(bounces=99, days=30, full=99, full_span_days=90, abandoned=9), policy) is None


@pytest.mark.parametrize("value", [-1, True, 1.5, "5", None])
def test_a_threshold_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="policy sunset_days"):
        HygienePolicy.of({"sunset_days": value})


@pytest.mark.parametrize(
    ("rule", "policy", "expected"),
    [
        pytest.param(Rule.COMPLAINT, {}, Effect.SUPPRESS, id="complaint"),
        pytest.param(Rule.HARD_BOUNCE, {}, Effect.SUPPRESS, id="hard bounce"),
        pytest.param(Rule.SOFT_BOUNCE, {}, Effect.SUPPRESS, id="soft bounces"),
        pytest.param(Rule.MAILBOX_FULL, {}, Effect.SUPPRESS, id="full mailbox"),
        pytest.param(Rule.DEAD_DOMAIN, {}, Effect.RETIRE, id="dead domain"),
        pytest.param(Rule.DISPOSABLE, {}, Effect.RETIRE, id="disposable domain"),
        pytest.param(Rule.ROLE, {}, Effect.RETIRE, id="role address"),
        pytest.param(Rule.SILENT, {}, Effect.LAPSE, id="silence, at first"),
        pytest.param(Rule.SILENT, {"winback_days": 0}, Effect.RETIRE, id="silence, without the step"),
        pytest.param(Rule.SILENT_AFTER_WINBACK, {}, Effect.RETIRE, id="silence after the win-back"),
    ],
)
def test_each_rule_has_its_effect(rule: Rule, policy: dict[str, int], expected: Effect) -> None:
    assert effect(rule, HygienePolicy(**policy)) is expected


def test_only_what_law_and_ses_demand_waits_for_nobody() -> None:
    assert AT_ONCE == (Rule.COMPLAINT, Rule.HARD_BOUNCE)
    assert not set(AT_ONCE) & set(STATE_RULES)


@pytest.mark.parametrize("rule", Rule)
def test_each_rule_says_its_reason_with_the_tenants_own_numbers(rule: Rule) -> None:
    told = reason(rule, HygienePolicy(sunset_days=90, winback_days=14, dead_domain_nights=3))
    assert told
    assert "_" not in told
    assert "180" not in told
