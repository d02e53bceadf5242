"""What a stretch of sending came to."""

from datetime import timedelta

from core.runs import Ending, Tally


def test_a_tally_counts_stretches_together_and_ends_as_the_last_did() -> None:
    total = Tally(accepted=5, failed=1, ending=Ending.MORE)
    total.add(
        Tally(
            accepted=2, retried=3, in_doubt=4, skipped=6, failed=1,
            ending=Ending.BLOCKED, wait=timedelta(seconds=9), reason="ses_unreachable",
        )
    )  # fmt: skip
    assert total == Tally(
        accepted=7, failed=2, retried=3, in_doubt=4, skipped=6,
        ending=Ending.BLOCKED, wait=timedelta(seconds=9), reason="ses_unreachable",
    )  # fmt: skip


def test_a_tally_tells_what_happened_and_not_what_did_not() -> None:
    assert Tally(accepted=1_234, in_doubt=1).in_words() == "1,234 sent, 1 in doubt"
    assert (
        Tally(accepted=1, skipped=2, retried=3, failed=4, in_doubt=5).in_words()
        == "1 sent, 2 skipped, 3 to be tried again, 4 failed, 5 in doubt"
    )


def test_an_empty_tally_says_so() -> None:
    assert Tally().in_words() == "nothing sent"
