"""Asking about thousands of ids at once: one value of a statement, however many ids it names.

An `IN` with a place for each id is put together, sent and planned anew for every number of ids;
two thousand facilities cost more that way than the rows that are asked for.  Nor are they sent as
an array: the driver looks at each of its elements, and a page asks thirty times.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Dialect

FEW: Final = 20
"""Ids up to which each has a place of its own, so that an index is used for certain (ours)."""
BETWEEN: Final = "\x1f"
"""The sign of ASCII that parts units; no id holds it, and what does is asked for by itself."""


def among(column: sa.ColumnElement[Any], ids: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a column of text is one of these; of none at all it is false.

    Args:
        column: of text.
        ids: which; each may stand there more than once.
    """
    every = list(ids)
    if len(every) <= FEW or "".join(every).find(BETWEEN) >= 0:
        return column.in_(every)
    return _Among(column, sa.bindparam(None, every, type_=_Names(), unique=True))


class _Names(sa.types.TypeDecorator[Any]):
    """One text: parted by a sign on PostgreSQL, a list in JSON on SQLite, which parts none."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The list as the database takes it."""
        return BETWEEN.join(value) if dialect.name == "postgresql" else json.dumps(value)


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
    return f"({column} = ANY (string_to_array({ids}, chr({ord(BETWEEN)}))))"


@compiles(_Among, "sqlite")
def _as_json(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = (compiler.process(one, **more) for one in element.clauses)
    # Both are what the compiler made: a column's name and a place for the value.
    return f"({column} IN (SELECT value FROM json_each({ids})))"  # noqa: S608
