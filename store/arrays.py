"""Arrays: columns of a batch, handed to PostgreSQL in its own binary form.

psycopg writes a list of texts as PostgreSQL's literal, with a backslash before every quotation mark, in Python. For a batch of
raw events, which are JSON and so consist of quotation marks, that was two fifths of all that an event cost us. Here a text is
its length and its bytes, a time or a number eight bytes, and nobody has anything to escape.

Standards:
    PostgreSQL 18 "Array Functions and Operators", and `array_recv` for the form: dimensions, whether there are nulls, the type
    of an element, length and lower bound; then each element with its length, -1 for null.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format


_TEXT, _TEXTS = 25, 1009
_BIGINT, _BIGINTS = 20, 1016
_TIMESTAMPTZ, _TIMESTAMPTZS = 1184, 1185

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NULL: Final = (-1).to_bytes(4, "big", signed=True)


class Texts(tuple[str | None, ...]):
    """A column of texts, which may be null; none may hold a NUL or a lone surrogate (`core.foreign.text_of`)."""

    __slots__ = ()


class Numbers(tuple[int, ...]):
    """A column of whole numbers of 64 bits."""

    __slots__ = ()


class Moments(tuple[datetime, ...]):
    """A column of times with a time zone."""

    __slots__ = ()


class _Column(Dumper):
    format = Format.BINARY


class _TextsDumper(_Column):
    oid = _TEXTS

    def dump(self, obj: Sequence[str | None]) -> bytes:
        parts = [_head(_TEXT, len(obj), has_null=None in obj)]
        for one in obj:
            if one is None:
                parts.append(_NULL)
            else:
                text = one.encode()
                parts += (len(text).to_bytes(4, "big"), text)
        return b"".join(parts)


class _NumbersDumper(_Column):
    oid = _BIGINTS

    def dump(self, obj: Sequence[int]) -> bytes:
        return _head(_BIGINT, len(obj)) + _eights(obj)


class _MomentsDumper(_Column):
    oid = _TIMESTAMPTZS

    def dump(self, obj: Sequence[datetime]) -> bytes:
        return _head(_TIMESTAMPTZ, len(obj)) + _eights([(one - _EPOCH) // _MICROSECOND for one in obj])


def _head(element: int, length: int, *, has_null: bool = False) -> bytes:
    if not length:
        return struct.pack(">iii", 0, 0, element)
    return struct.pack(">iiiii", 1, has_null, element, length, 1)


def _eights(values: Sequence[int]) -> bytes:
    return struct.pack(">" + "iq" * len(values), *chain.from_iterable((8, value) for value in values))


for _kind, _dumper in ((Texts, _TextsDumper), (Numbers, _NumbersDumper), (Moments, _MomentsDumper)):
    psycopg.adapters.register_dumper(_kind, _dumper)
