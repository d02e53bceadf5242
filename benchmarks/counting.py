"""What PostgreSQL did, counted by itself: pages and log, which no busy machine changes."""

import time
from dataclasses import asdict, dataclass

from benchmarks.world import World
from store.session import one, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the whole server has done until now, or between two readings, or for a message.

    Attributes:
        pages: Pages of tables and indexes that backends have looked at in shared buffers, or brought there.
        pages_read: Those of them that had to be read in.
        index_pages: Pages of indexes of deliveries and attempts alone.
        wal_bytes: The log.
        page_images: Whole pages in the log, because they were changed for the first time since a checkpoint.
        moved: Updates of deliveries that found no room on their page.
    """

    pages: float
    pages_read: float
    index_pages: float
    wal_bytes: float
    page_images: float
    moved: float

    def __sub__(self, earlier: "Count") -> "Count":
        """Return what was done between two readings."""
        return Count(**{name: value - getattr(earlier, name) for name, value in asdict(self).items()})

    def per_message(self, messages: int) -> dict[str, float]:
        """Return the counts of one message."""
        return {name: round(value / messages, 2) for name, value in asdict(self).items()}


def read(world: World) -> Count:
    """Return the counts until now, once every connection that is idle has told its own."""
    # An idle backend tells within a second by itself; that of the reader is asked to.
    time.sleep(1.5)
    with world.resources.database.begin() as session:
        run(session, "SELECT pg_stat_force_next_flush()")
    with world.resources.database.begin() as session:
        row = one(session, _COUNTS)
    assert row is not None
    return Count(**{name: float(value or 0) for name, value in row.items()})


_COUNTS = """
    SELECT io.pages, io.pages_read, idx.index_pages, wal.wal_bytes, wal.page_images, moves.moved
    FROM (SELECT sum(hits) + sum(reads) AS pages, sum(reads) AS pages_read FROM pg_stat_io
          WHERE backend_type = 'client backend' AND object = 'relation') AS io,
         (SELECT sum(idx_blks_hit + idx_blks_read) AS index_pages FROM pg_statio_user_indexes
          WHERE relname IN ('delivery', 'delivery_attempt')) AS idx,
         (SELECT wal_bytes, wal_fpi AS page_images FROM pg_stat_wal) AS wal,
         (SELECT n_tup_newpage_upd AS moved FROM pg_stat_user_tables WHERE relname = 'delivery') AS moves
"""
