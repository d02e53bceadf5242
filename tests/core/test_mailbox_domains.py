from datetime import timedelta

import pytest

from core.mailbox_domains import LONGEST, SOONEST, Reach, is_reserved, next_look


@pytest.mark.parametrize(
    ("domain", "reserved"),
    [
        pytest.param("firm.test", True, id="test"),
        pytest.param("a.b.example", True, id="example, deep"),
        pytest.param("example.com", True, id="the second-level name itself"),
        pytest.param("mail.example.org", True, id="below the second-level name"),
        pytest.param("myexample.com", False, id="only ends alike"),
        pytest.param("test.de", False, id="the label in another place"),
        pytest.param("gmail.com", False, id="real"),
    ],
)
def test_names_that_the_dns_never_has_are_not_asked_for(domain: str, *, reserved: bool) -> None:
    assert is_reserved(domain) is reserved


@pytest.mark.parametrize(
    ("reach", "failures", "pause"),
    [
        pytest.param(Reach.EXCHANGERS, 0, timedelta(days=7), id="known for a week"),
        pytest.param(Reach.ADDRESS, 0, timedelta(days=7), id="its own exchanger, for a week"),
        pytest.param(Reach.NONEXISTENT, 0, timedelta(hours=20), id="gone, until the next night"),
        pytest.param(Reach.NULL_MX, 0, timedelta(hours=20), id="takes no mail, until the next night"),
        pytest.param(Reach.UNKNOWN, 1, timedelta(hours=1), id="the first trouble"),
        pytest.param(Reach.UNKNOWN, 3, timedelta(hours=4), id="the third trouble"),
        pytest.param(Reach.UNKNOWN, 400, timedelta(days=7), id="trouble for ever"),
    ],
)
def test_the_next_question_comes_when_the_answer_may_have_changed(
    reach: Reach, failures: int, pause: timedelta
) -> None:
    assert next_look(reach, failures) == pause
    assert SOONEST <= pause <= LONGEST
