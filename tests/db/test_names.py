"""Asking about many ids is one value of a statement, and means what `IN` means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.db import among, tables
from vonggac.db.names import BETWEEN, FEW

if TYPE_CHECKING:
    from vonggac.db import Database

MANY = [f"s-{number}" for number in range(2 * FEW)]


@pytest.mark.parametrize("more", ["", 'it\'s, "x"\\ {y} [1] đ', f"a{BETWEEN}b"])
def test_many_ids_are_asked_about_at_once(database: Database, more: str) -> None:
    """Whatever stands in them: what parts them on the way, too."""
    site = tables.site
    there = {"s-3", "s-39", more or "s-4"}
    with database.writing() as connection:
        for name in (*there, "other", "b"):
            connection.execute(site.insert().values(id=name, name=name, title="", created_ns=1))
        found = connection.execute(sa.select(site.c.id).where(among(site.c.id, [*MANY, more])))
        assert set(found.scalars()) == there
        none = connection.execute(sa.select(site.c.id).where(among(site.c.id, [])))
        assert none.all() == []
