"""What the database holds locked with the hub's key: which columns, and a change of that key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from vonggac.db import tables
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection
    from vonggac.keys import Box


class Sealed(NamedTuple):
    """A column of sealed values."""

    row: sa.Column[str]
    """The row's id, which the value is bound to."""
    value: sa.Column[bytes]
    label: str
    """What it is bound to besides; stands before the id."""


COLUMNS: Final = (
    Sealed(tables.camera.c.id, tables.camera.c.password_sealed, ""),
    Sealed(tables.account.c.id, tables.account.c.factor_sealed, "factor "),
)
"""Every one: a test holds it against the columns that are called `*_sealed`."""


def opens(connection: Connection, box: Box) -> bool:
    """Whether this key opens every sealed value; true if there is none."""
    try:
        for one, row, value in _values(connection):
            box.unlock(value, one.label + row)
    except VonggacError:
        return False
    return True


def reseal(connection: Connection, old: Box, new: Box) -> int:
    """Lock every value with another key; how many there were.

    Args:
        connection: a transaction that writes: all of them change, or none.
        old: the key that they are locked with.
        new: the one that they are to be locked with.

    Raises:
        VonggacError: CORRUPT, the old key does not open one of them.
    """
    count = 0
    for one, row, value in _values(connection):
        label = one.label + row
        again = new.lock(old.unlock(value, label), label)
        connection.execute(
            one.value.table.update().where(one.row == row).values({one.value.name: again})
        )
        count += 1
    return count


def _values(connection: Connection) -> Iterator[tuple[Sealed, str, bytes]]:
    for one in COLUMNS:
        rows = connection.execute(sa.select(one.row, one.value).where(one.value.is_not(None))).all()
        for row, value in rows:
            yield one, row, value
