"""A calendar that leaps: the database and the simulator of SES share a clock that is set forward together.

The database's functions of time are replaced for this one database: a schema before `pg_catalog` in the search path has
functions of the same names, which add a constant, so that the planner puts them in place as it does with the real ones.
Defaults of columns, which were bound to the real ones when they were made, are bound anew. This process keeps the real
clock: the simulator checks its signatures.
"""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from store.session import Database, rows, run


_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def control(url: str, path: str, document: Any = None) -> Any:
    """Call the simulator's control API: POST with a document, GET without."""
    data = None if document is None else json.dumps(document).encode()
    with _LOCAL.open(f"{url}/_simulator/{path}", data=data, timeout=60) as answer:
        return json.load(answer)


class FastClock:
    """The clock of one database and one simulator.

    Args:
        database: Whose functions of time are replaced; connections that were opened before are closed.
        url: Of the simulator.
    """

    def __init__(self, database: Database, url: str) -> None:
        self._database, self._url = database, url
        self._ahead = timedelta(0)
        with database.begin() as session:
            run(session, "CREATE SCHEMA ahead")
            name = run(session, "SELECT current_database()").scalar_one()
        self._replace()
        self._bind_defaults()
        with database.begin() as session:
            run(session, f"ALTER DATABASE {name} SET search_path = ahead, pg_catalog, public")
        database.dispose()

    def now(self) -> datetime:
        """Return the time by this clock."""
        return datetime.now(UTC) + self._ahead

    def leap(self, moment: datetime) -> None:
        """Let it be this time, from which the clock runs on; what SES has to tell by then is published when this returns.

        A moment that is over changes nothing but that.
        """
        self._ahead += max(moment - self.now(), timedelta(0))
        self._replace()
        answer = control(self._url, "clock", {"now": self.now().isoformat()})
        assert answer["published"], "the simulator could not write its events"

    def _bind_defaults(self) -> None:
        with self._database.begin() as session:
            found = rows(
                session,
                """SELECT table_name, column_name, column_default FROM information_schema.columns
                   WHERE table_schema = 'public' AND column_default IN ('now()', 'clock_timestamp()')""",
            )
            for row in found:
                run(
                    session,
                    f"""ALTER TABLE {row["table_name"]} ALTER COLUMN {row["column_name"]}
                        SET DEFAULT ahead.{row["column_default"]}""",
                )

    def _replace(self) -> None:
        microseconds = self._ahead // timedelta(microseconds=1)
        with self._database.begin() as session:
            for name, kind in (("clock_timestamp", "VOLATILE"), ("now", "STABLE")):
                run(
                    session,
                    f"""CREATE OR REPLACE FUNCTION ahead.{name}() RETURNS timestamptz LANGUAGE sql {kind} AS
                        'SELECT pg_catalog.{name}() + interval ''{microseconds} microseconds'''""",
                )
