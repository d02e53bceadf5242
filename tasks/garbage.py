"""Garbage: leave the collector out of a batch that makes thousands of objects and drops them all.

Python looks for cycles whenever enough objects live, and walks through everything that the process ever made: of the CPU that
an event cost, two fifths. What a batch makes has no cycles and goes when the batch ends; the collector finds the rest later.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector still for the length of the block, in all threads; of two at once the first to end wakes it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
