"""Columns that every table shares. `tenant_id` stands first in every key, and foreign keys carry it along."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Dialect,
    ForeignKey,
    Identity,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


def tenant_key(*, foreign: bool = True) -> Column[int]:
    """Return the first column of a tenant's table."""
    keys = [ForeignKey("tenant.id")] if foreign else []
    return Column("tenant_id", BigInteger, *keys, primary_key=True, autoincrement=False)


def identity() -> Column[int]:
    """Return the id of a row, unique in the whole table and the second column of its key."""
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def part_of_key(name: str) -> Column[int]:
    """Return a bigint column of a composite key."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def created() -> Column[datetime]:
    """Return the time of insertion by the database's clock."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()"))


def moment(name: str, *, required: bool = False, default: str | None = None) -> Column[datetime]:
    """Return an aware timestamp; `default` is SQL."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=not required,
        server_default=text(default) if default else None,
    )


def derived(name: str, expression: str) -> Column[bool]:
    """Return a boolean that PostgreSQL keeps as the truth of an expression of its row."""
    return Column(name, Boolean, Computed(expression, persisted=True), nullable=True)


def json_object(name: str) -> Column[Any]:
    """Return a JSON object column that is `{}` by default."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def json_list(name: str) -> Column[Any]:
    """Return a JSON array column that is `[]` by default."""
    return Column(name, JSONB, nullable=False, server_default=text("'[]'::jsonb"))


def words(name: str, default: str | None = None, *, required: bool = True) -> Column[str]:
    """Return a text column; `default` is its literal text."""
    return Column(
        name,
        Text,
        nullable=not required,
        server_default=None if default is None else text(f"'{default}'"),
    )


class _Word(TypeDecorator[StrEnum]):
    """Text in the database, a member of its enum in Python."""

    impl = Text
    cache_ok = True

    def __init__(self, values: type[StrEnum]) -> None:
        super().__init__()
        self._values = values

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Return the member that the text names."""
        del dialect
        return None if value is None else self._values(value)


def word(
    name: str, default: StrEnum | None = None, *, of: type[StrEnum], required: bool = True
) -> Column[Any]:
    """Return a text column that holds one of an enum's words; `one_of` holds the database to them as well."""
    server_default = None if default is None else text(f"'{default}'")
    return Column(name, _Word(of), nullable=not required, server_default=server_default)


def one_of(column: str, values: type[StrEnum] | Iterable[str], name: str) -> CheckConstraint:
    """Return the constraint that holds a column to the words of an enum."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
