"""Alembic's entrance. `posthouse db upgrade` hands over the URL; `alembic -x url=…` does for development."""

from alembic import context
from sqlalchemy import create_engine, pool
from sqlmodel import SQLModel

import models  # noqa: F401  # registers every table


def run() -> None:
    """Run the migrations in one transaction, so that a killed upgrade leaves the old schema."""
    url = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"]
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=SQLModel.metadata, compare_server_default=True
        )
        with context.begin_transaction():
            # Two machines that upgrade at once: the second waits, and finds nothing left to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4861)")
            context.run_migrations()


run()
