"""Which rule says that somebody must not be mailed."""

import pytest

from core.suppression import SKIP_REASONS, Reason, strongest


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        pytest.param([], None, id="nothing forbids it"),
        pytest.param(["import"], "import", id="only one"),
        pytest.param(["import", "complaint", "unsubscribe"], "complaint", id="a complaint beats all"),
        pytest.param(["hard_bounce", "unsubscribe"], "unsubscribe", id="a wish beats a bounce"),
        pytest.param(["soft_bounce", "hard_bounce"], "hard_bounce", id="hard beats soft"),
        pytest.param(["import", "manual"], "manual", id="by hand beats by import"),
    ],
)
def test_the_strongest_reason_is_told(reasons: list[str], told: str | None) -> None:
    assert strongest(Reason(reason) for reason in reasons) == told


def test_every_reason_has_its_own_word_for_who_was_skipped() -> None:
    assert {str(reason): str(skip) for reason, skip in SKIP_REASONS.items()} == {
        "complaint": "complained",
        "unsubscribe": "unsubscribed",
        "hard_bounce": "hard_bounced",
        "soft_bounce": "soft_bounced",
        "manual": "suppressed",
        "import": "suppressed",
    }


def test_the_skip_reasons_stand_in_the_order_of_strength() -> None:
    """The queries rank by this mapping."""
    assert list(SKIP_REASONS) == list(Reason)
