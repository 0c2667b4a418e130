"""Asking about thousands of ids at once: one value of a statement, however many ids it names.

An `IN` with a place for each id is put together, sent and planned anew for every number of ids;
two thousand facilities cost more that way than the rows that are asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

FEW: Final = 20
"""Ids up to which each has a place of its own, so that an index is used for certain (ours)."""


def among(column: sa.ColumnElement[Any], ids: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a column of text is one of these; of none at all it is false.

    Args:
        column: of text.
        ids: which; each may stand there more than once.
    """
    every = list(ids)
    if len(every) <= FEW:
        return column.in_(every)
    return _Among(column, sa.bindparam(None, every, type_=_Names(), unique=True))


class _Names(sa.types.TypeDecorator[Any]):
    """An array on PostgreSQL, a list in JSON on SQLite, which knows no arrays."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the database takes."""
        kind: TypeEngine[Any] = sa.Text()
        if dialect.name == "postgresql":
            kind = postgresql.ARRAY(sa.Text())
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The list as the database takes it."""
        return value if dialect.name == "postgresql" else json.dumps(value)


class _Among(sa.sql.functions.FunctionElement[bool]):
    """A column, and the list."""

    name = "among"
    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """It stands in brackets already; "= 1", as SQLite is told of booleans, hides an index."""
        return self


@compiles(_Among, "postgresql")
def _as_array(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = (compiler.process(one, **more) for one in element.clauses)
    return f"({column} = ANY ({ids}))"


@compiles(_Among, "sqlite")
def _as_json(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = (compiler.process(one, **more) for one in element.clauses)
    # Both are what the compiler made: a column's name and a place for the value.
    return f"({column} IN (SELECT value FROM json_each({ids})))"  # noqa: S608
