"""Batches: both limits kept, and nobody lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.batching import batches


SIZES = [
    pytest.param([], [], id="nobody"),
    pytest.param([1], [1], id="one"),
    pytest.param([10] * 7, [3, 3, 1], id="the count binds"),
    pytest.param([40] * 5, [2, 2, 1], id="the bytes bind"),
    pytest.param([50, 50, 1], [2, 1], id="filled to the last byte"),
    pytest.param([101], [1], id="too large, and nobody else"),
    pytest.param([10, 10, 101, 10, 10], [2, 1, 2], id="too large, and so alone"),
    pytest.param([101, 500, 10], [1, 1, 1], id="two that are too large"),
    pytest.param([60, 60, 10, 10, 10, 90], [1, 3, 2], id="both in turn"),
]


@pytest.mark.parametrize(("sizes", "counts"), SIZES)
def test_a_batch_ends_where_either_limit_is_reached(sizes: list[int], counts: list[int]) -> None:
    assert [len(sizes[batch]) for batch in batches(sizes, most=3, most_bytes=100)] == counts


def test_fifty_small_messages_share_a_call_and_large_ones_a_megabyte() -> None:
    assert list(batches([3_000] * 120)) == [slice(0, 50), slice(50, 100), slice(100, 120)]
    assert list(batches([34_000] * 48)) == [slice(0, 27), slice(27, 48)]


@given(st.lists(st.integers(0, 150)), st.integers(1, 6), st.integers(1, 120))
def test_the_batches_are_the_items_in_their_order(sizes: list[int], most: int, most_bytes: int) -> None:
    found = [sizes[batch] for batch in batches(sizes, most=most, most_bytes=most_bytes)]
    assert [size for batch in found for size in batch] == sizes
    for batch in found:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or sum(batch) <= most_bytes
    for batch, after in pairwise(found):
        assert len(batch) == most or sum(batch) + after[0] > most_bytes, "no call more than needed"
