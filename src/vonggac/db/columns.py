"""Columns that every table is made of: each with its comment, as the document of tables is printed.

A module of tables writes what each column says; how a kind of column is stored stands here once.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Moment


def identity() -> sa.Column[str]:
    """The key of a row that is pointed at from elsewhere."""
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    """Words; `default` is what rows have that were written before the column was."""
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    """Nanoseconds since 1970, UTC; the name ends in `_ns`."""
    return sa.Column(name, Moment, nullable=null, comment=comment)


def day(name: str, comment: str, *, null: bool = False) -> sa.Column[object]:
    """A day of the calendar, as a paper bears it."""
    return sa.Column(name, sa.Date, nullable=null, comment=comment)


def number(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    """A count, an amount in đồng or a size: 64 bits, so that none overflows."""
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def json(name: str, comment: str) -> sa.Column[object]:
    """What is kept as a whole and never searched in."""
    return sa.Column(name, sa.JSON, nullable=False, comment=comment)


def reference(name: str, target: str, comment: str, *, null: bool = False) -> sa.Column[str]:
    """A row of another table, named as `table.column`."""
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=null, comment=comment)
