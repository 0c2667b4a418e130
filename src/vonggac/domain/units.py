"""The tree of units: administrative areas and bodies, as dated data.

Two profiles are shipped (`rules/units-2021.toml`, `rules/units-2026.toml`); an administrator adds
units and gives new names and ends, each from a day on.  A row is ended, never changed: what was
true on a day can be asked for that day.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from datetime import date

UNVERIFIED: Final = "chưa kiểm chứng"
"""What stands for a source where nobody has read one."""
OWN: Final = "own"
"""The profile of units that an administrator added."""
NAME_LIMIT: Final = 200
"""Characters of a unit's name or source."""

_MARK: Final = re.compile(
    r"(?<!\w)(?<!BẢO )(?<!BÍ )MẬT(?!\w)(?! KHẨU)(?! MÃ)|(?i:(?<!\w)(?:tối|tuyệt|độ) mật(?!\w))"
)
"""Mật, tối mật and tuyệt mật are the marks of a state secret (law 29/2018/QH14); `mật khẩu`,
`bảo mật` and `bí mật` are ordinary words."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An administrative area or a body, as it is called on one day."""

    id: str
    parent_id: str | None
    kind: str
    code: str
    profile: str
    valid_from: date
    valid_to: date | None
    source: str
    vi: str
    en: str

    def stands(self, on: date) -> bool:
        """Whether it is there on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


def is_secret(text: str) -> bool:
    """Whether a text bears the mark of a state secret; nothing marked so may be attached."""
    return _MARK.search(unicodedata.normalize("NFC", text).replace("_", " ")) is not None


def folded(text: str) -> str:
    """A text in lower case and without diacritics: `Sở Y tế Đồng Nai` is `so y te dong nai`."""
    apart = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.split())


def assign_site(connection: Connection, site_id: str, unit_id: str) -> str:
    """Say in which unit a site stands; returns the unit it stood in.

    Raises:
        VonggacError: NOT_FOUND, there is no such site or unit.
    """
    before = connection.execute(
        sa.select(tables.site.c.unit_id).where(tables.site.c.id == site_id)
    ).scalar_one_or_none()
    if before is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such site")
    known = connection.execute(
        sa.select(tables.unit.c.id).where(tables.unit.c.id == unit_id)
    ).one_or_none()
    if known is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such unit")
    connection.execute(
        tables.site.update().where(tables.site.c.id == site_id).values(unit_id=unit_id)
    )
    return str(before)


def add_unit(
    connection: Connection,
    *,
    parent_id: str | None,
    kind: str,
    code: str,
    vi: str,
    en: str,
    valid_from: date,
    source: str,
) -> str:
    """Add a unit to the tree; returns its id.

    Raises:
        VonggacError: BAD_INPUT, a text is empty, too long or marked MẬT; NOT_FOUND, no such parent.
    """
    vi, en, source = _checked(vi), _checked(en or vi), _checked(source or UNVERIFIED)
    if parent_id is not None:
        known = connection.execute(
            sa.select(tables.unit.c.id).where(tables.unit.c.id == parent_id)
        ).one_or_none()
        if known is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such unit above")
    found = new_id()
    connection.execute(
        tables.unit.insert().values(
            id=found,
            parent_id=parent_id,
            kind=kind,
            code=code.strip(),
            profile=OWN,
            valid_from=valid_from,
            source=source,
        )
    )
    connection.execute(
        tables.unit_name.insert().values(
            unit_id=found, valid_from=valid_from, vi=vi, en=en, folded=folded(vi), source=source
        )
    )
    return found


def _checked(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if not text or len(text) > NAME_LIMIT:
        raise VonggacError(
            Kind.BAD_INPUT, f"a name has 1 to {NAME_LIMIT} characters", code="bad_unit_name"
        )
    if is_secret(text):
        raise VonggacError(Kind.BAD_INPUT, "nothing marked MẬT may be attached", code="secret_mark")
    return text
