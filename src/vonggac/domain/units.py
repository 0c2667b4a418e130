"""The tree of units: administrative areas and bodies, as dated data.

Two profiles are shipped (`rules/units-2021.toml`, `rules/units-2026.toml`); an administrator adds
units and gives new names and ends, each from a day on.  A row is ended, never changed: what was
true on a day can be asked for that day.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection, among, tables
from vonggac.domain import profiles
from vonggac.domain.access import thing_of_unit
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Name:
    """What a unit is called from a day until a day."""

    vi: str
    en: str
    valid_from: date
    valid_to: date | None
    source: str


def is_secret(text: str) -> bool:
    """Whether a text bears the mark of a state secret; nothing marked so may be attached."""
    return _MARK.search(unicodedata.normalize("NFC", text).replace("_", " ")) is not None


def folded(text: str) -> str:
    """A text in lower case and without diacritics: `Sở Y tế Đồng Nai` is `so y te dong nai`."""
    apart = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.split())


def load(connection: Connection, profile: str) -> int:
    """Bring a shipped profile into the tree; returns how many units were added.

    Harmless when it is there: a row that stands is never changed, but that an end which the newer
    data know is set where none was.

    Raises:
        ConfigError: there is no such profile.
    """
    shipped = profiles.units(profile)
    known = {
        row.id: row.valid_to
        for row in connection.execute(sa.select(tables.unit.c.id, tables.unit.c.valid_to))
    }
    fresh = [one for one in shipped if one.id not in known]
    if fresh:
        connection.execute(
            tables.unit.insert(),
            [
                {
                    "id": one.id,
                    "parent_id": one.parent_id,
                    "kind": one.kind,
                    "code": one.code,
                    "profile": profile,
                    "valid_from": one.valid_from,
                    "valid_to": one.valid_to,
                    "source": one.source,
                }
                for one in fresh
            ],
        )
        connection.execute(
            tables.unit_name.insert(),
            [
                {
                    "unit_id": one.id,
                    "valid_from": name.valid_from,
                    "valid_to": name.valid_to,
                    "vi": name.vi,
                    "en": name.en,
                    "folded": folded(name.vi),
                    "source": name.source,
                }
                for one in fresh
                for name in one.names
            ],
        )
    for one in shipped:
        if one.id in known and known[one.id] is None and one.valid_to is not None:
            _end(connection, one.id, one.valid_to)
    return len(fresh)


def unit(connection: Connection, unit_id: str, on: date) -> Unit:
    """One unit as it is called on a day; a unit that is not there then keeps its nearest name.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = connection.execute(
        _units()
        .where(tables.unit.c.id == unit_id)
        .order_by(_named_on(on).desc(), tables.unit_name.c.valid_from.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such unit")
    return Unit(*found)


def called(connection: Connection, unit_ids: Iterable[str], on: date) -> dict[str, Words]:
    """`unit` of many, asked for together: what each is called; without those there are not."""
    table, name = tables.unit, tables.unit_name
    rows = connection.execute(
        sa.select(table.c.id, name.c.vi, name.c.en)
        .join(name, name.c.unit_id == table.c.id)
        .where(among(table.c.id, unit_ids))
        .order_by(_named_on(on).desc(), name.c.valid_from.desc())
    )
    found: dict[str, Words] = {}
    for row in rows:
        found.setdefault(row.id, Words(row.vi, row.en))
    return found


def of_kinds(connection: Connection, unit_ids: Iterable[str], kinds: Sequence[str]) -> set[str]:
    """Those of these units that are of one of the kinds."""
    table = tables.unit
    query = sa.select(table.c.id).where(among(table.c.id, unit_ids), table.c.kind.in_(kinds))
    return set(connection.execute(query).scalars())


def below(connection: Connection, parent_id: str | None, on: date) -> list[Unit]:
    """The units directly below one, or the roots, that are there on a day: bodies last."""
    rows = connection.execute(
        _standing(on)
        .where(tables.unit.c.parent_id == parent_id)
        .order_by(tables.unit.c.kind == "body", tables.unit.c.code, tables.unit_name.c.folded)
    ).all()
    return [Unit(*row) for row in rows]


def subtree(connection: Connection, roots: Iterable[str]) -> list[str]:
    """Ids of these units and of all below them, of whatever day."""
    table = tables.unit
    tree = sa.select(table.c.id).where(table.c.id.in_(sorted(roots))).cte(recursive=True)
    child = table.alias()
    tree = tree.union(sa.select(child.c.id).join(tree, child.c.parent_id == tree.c.id))
    return list(connection.execute(sa.select(tree.c.id)).scalars())


def path(connection: Connection, unit_id: str, on: date) -> list[Unit]:
    """The units above one and itself, root first.

    Raises:
        VonggacError: NOT_FOUND.
    """
    return [unit(connection, one, on) for one in thing_of_unit(connection, unit_id).path]


def search(connection: Connection, words: str, on: date, *, limit: int = 50) -> list[Unit]:
    """Units whose name holds all the words, diacritics or not, and that are there on a day.

    Whole names and larger areas come first: who types `lai chau` means the province.
    """
    wanted = folded(words)[:NAME_LIMIT].split()
    if not wanted:
        return []
    name = tables.unit_name
    query = _standing(on)
    for word in wanted:
        query = query.where(name.c.folded.contains(word, autoescape=True))
    rank = {"country": 0, "province": 1, "district": 2, "body": 3, "commune": 4}
    query = query.order_by(
        sa.case(rank, value=tables.unit.c.kind, else_=5), sa.func.length(name.c.folded),
        tables.unit.c.code,
    ).limit(limit)  # fmt: skip
    return [Unit(*row) for row in connection.execute(query).all()]


@dataclass(frozen=True, slots=True)
class Link:
    """A unit that took another's place, or whose place it took."""

    unit: Unit | None
    """The other one, as it was called last; None: nothing took its place."""
    takes: Words | None
    valid_from: date | None
    source: str


def after(connection: Connection, one: Unit, on: date) -> list[Link]:
    """What took a unit's place, as far as it is in the tree."""
    links = [row for row in profiles.successors() if row.of in (one.id, one.kind)]
    return _links(connection, [(row, row.by) for row in links], on)


def before(connection: Connection, one: Unit, on: date) -> list[Link]:
    """Whose place a unit took, as far as it is in the tree."""
    links = [row for row in profiles.successors() if row.by == one.id]
    return _links(connection, [(row, row.of) for row in links], on)


def _links(
    connection: Connection, rows: Sequence[tuple[profiles.Successor, str | None]], on: date
) -> list[Link]:
    wanted = [unit_id for _, unit_id in rows if unit_id is not None]
    known = set(
        connection.execute(
            sa.select(tables.unit.c.id).where(tables.unit.c.id.in_(wanted))
        ).scalars()
    )
    return [
        Link(
            unit(connection, unit_id, on) if unit_id is not None else None,
            row.takes,
            row.valid_from,
            row.source,
        )
        for row, unit_id in rows
        if unit_id is None or unit_id in known
    ]


def succeeded(connection: Connection, words: str, on: date) -> list[tuple[Unit, Link]]:
    """Units of this name that are gone by a day, each with what took its place.

    Who looks for the department of 2021 finds the one of today, and reads that it is another.
    """
    wanted = folded(words)[:NAME_LIMIT].split()
    gone = [row.of for row in profiles.successors() if row.by is not None]
    if not wanted:
        return []
    name = tables.unit_name
    query = _units().where(tables.unit.c.id.in_(gone), tables.unit.c.valid_to <= on)
    for word in wanted:
        query = query.where(name.c.folded.contains(word, autoescape=True))
    found = [Unit(*row) for row in connection.execute(query.order_by(tables.unit.c.id)).all()]
    return [
        (one, link)
        for one in found
        for link in after(connection, one, on)
        if link.unit is not None and link.unit.stands(on)
    ]


def names(connection: Connection, unit_id: str) -> list[Name]:
    """Everything that a unit was, is and will be called, in the order of time."""
    name = tables.unit_name
    rows = connection.execute(
        sa.select(name.c.vi, name.c.en, name.c.valid_from, name.c.valid_to, name.c.source)
        .where(name.c.unit_id == unit_id)
        .order_by(name.c.valid_from)
    ).all()
    return [Name(*row) for row in rows]


def rename(
    connection: Connection, unit_id: str, *, vi: str, en: str, valid_from: date, source: str
) -> None:
    """Give a unit another name from a day on; the name before it ends on that day.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, as `add_unit`; CONFLICT, the day lies before what is
            known already: history is not rewritten.
    """
    vi, en, source = _checked(vi), _checked(en or vi), _checked(source or UNVERIFIED)
    one = unit(connection, unit_id, valid_from)
    last = names(connection, unit_id)[-1]
    if valid_from <= last.valid_from or not one.stands(valid_from):
        raise VonggacError(
            Kind.CONFLICT,
            "a name begins after the one before it and while the unit is there",
            code="name_before",
        )
    name = tables.unit_name
    ends = last.valid_to
    connection.execute(
        name.update()
        .where(name.c.unit_id == unit_id, name.c.valid_from == last.valid_from)
        .values(valid_to=valid_from)
    )
    connection.execute(
        name.insert().values(
            unit_id=unit_id,
            valid_from=valid_from,
            valid_to=ends if ends is not None and ends > valid_from else None,
            vi=vi,
            en=en,
            folded=folded(vi),
            source=source,
        )
    )


def end(connection: Connection, unit_id: str, *, valid_to: date) -> None:
    """End a unit; what lies in it must have gone elsewhere before.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it has ended, the day lies before its start, or sites or
            units are still in it then.
    """
    one = unit(connection, unit_id, valid_to)
    if one.valid_to is not None or valid_to <= one.valid_from:
        raise VonggacError(
            Kind.CONFLICT, "it has ended, or would end before it began", code="unit_over"
        )
    sites = sa.select(sa.func.count()).select_from(tables.site).where(
        tables.site.c.unit_id == unit_id
    )  # fmt: skip
    if connection.execute(sites).scalar_one() or below(connection, unit_id, valid_to):
        raise VonggacError(
            Kind.CONFLICT, "sites or units are still in it; move or end them first",
            code="unit_in_use",
        )  # fmt: skip
    _end(connection, unit_id, valid_to)


def _end(connection: Connection, unit_id: str, valid_to: date) -> None:
    connection.execute(
        tables.unit.update().where(tables.unit.c.id == unit_id).values(valid_to=valid_to)
    )
    name = tables.unit_name
    connection.execute(
        name.update()
        .where(name.c.unit_id == unit_id, name.c.valid_to.is_(None), name.c.valid_from < valid_to)
        .values(valid_to=valid_to)
    )


def _units() -> sa.Select[*tuple[Any, ...]]:
    table, name = tables.unit, tables.unit_name
    return sa.select(
        table.c.id,
        table.c.parent_id,
        table.c.kind,
        table.c.code,
        table.c.profile,
        table.c.valid_from,
        table.c.valid_to,
        table.c.source,
        name.c.vi,
        name.c.en,
    ).join(name, name.c.unit_id == table.c.id)


def _standing(on: date) -> sa.Select[*tuple[Any, ...]]:
    table = tables.unit
    return _units().where(
        _named_on(on),
        table.c.valid_from <= on,
        sa.or_(table.c.valid_to.is_(None), table.c.valid_to > on),
    )


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


def names_of_sites(
    connection: Connection, on: date, site_ids: Sequence[str] | None = None
) -> dict[str, Words]:
    """What the unit of each site is called on a day, by the site's id; None is of all sites."""
    name = tables.unit_name
    query = sa.select(tables.site.c.id, name.c.vi, name.c.en).join(
        name, sa.and_(name.c.unit_id == tables.site.c.unit_id, _named_on(on))
    )
    if site_ids is not None:
        query = query.where(among(tables.site.c.id, site_ids))
    return {row.id: Words(row.vi, row.en) for row in connection.execute(query)}


def _named_on(on: date) -> sa.ColumnElement[bool]:
    name = tables.unit_name
    return sa.and_(name.c.valid_from <= on, sa.or_(name.c.valid_to.is_(None), name.c.valid_to > on))
