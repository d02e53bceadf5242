"""Whether a burst of hard bounces is the provider's own trouble or mailboxes that are gone."""

import pytest

from core.anomalies import Burst, domain_of, fault_of_provider, in_words, place_of


@pytest.mark.parametrize(
    ("people", "known", "answered", "is_fault"),
    [
        pytest.param(0, 0, 0, False, id="nobody"),
        pytest.param(20, 20, 200, True, id="twenty known people, a tenth of what was answered"),
        pytest.param(19, 19, 100, False, id="nineteen are few"),
        pytest.param(20, 20, 201, False, id="less than a tenth: some mailboxes die every month"),
        pytest.param(300, 300, 100_000, False, id="a large list has its ordinary dead"),
        pytest.param(400, 21, 1_000, False, id="a bought list: forty in a hundred dead, and hardly one was ever reached"),
        pytest.param(50, 25, 100, True, id="half of them known"),
        pytest.param(50, 24, 100, False, id="less than half of them known"),
        pytest.param(50, 0, 55, True, id="a first mailing that reaches next to nobody"),
        pytest.param(49, 0, 49, False, id="forty-nine of a first mailing are few"),
        pytest.param(50, 0, 56, False, id="a first mailing of which some arrives"),
        pytest.param(60, 60, 0, True, id="no delivery is known at all"),
    ],
)  # fmt: skip
def test_people_who_were_reached_before_do_not_die_together(
    people: int, known: int, answered: int, *, is_fault: bool
) -> None:
    assert bool(fault_of_provider(Burst(people=people, known=known, answered=answered))) is is_fault


def test_the_reason_is_said_in_numbers() -> None:
    assert fault_of_provider(Burst(people=1200, known=1100, answered=1500, tenants=3)) == (
        "1,100 people who were reached before, among 1,200, bounced hard with one text: 80% of what was answered"
    )


def test_a_place_is_a_provider_or_the_domain_of_nobodys_in_particular() -> None:
    assert [place_of("gmail", "gmail.com"), place_of("other", "Corp.example")] == [
        "gmail",
        "domain:corp.example",
    ]
    assert [domain_of("gmail"), domain_of("domain:corp.example")] == ["", "corp.example"]
    assert [in_words("gmail"), in_words("domain:corp.example")] == ["gmail", "corp.example"]
