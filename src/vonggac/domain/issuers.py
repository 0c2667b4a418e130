"""Whose head and whose signature block a drafted letter has: from the tree of units.

The names come from the units, the symbol of a body from the first letters of its name, as the
letters themselves do (`SYT`, `SKHCN`); a clerk who knows better corrects the draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac.domain import access, units
from vonggac.errors import VonggacError
from vonggac.paper.letter import Issuer, Signature

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.units import Unit

COMMITTEE: Final = "Ủy ban nhân dân"
SMALL: Final = frozenset(("và", "của", "các"))
"""Words that give no letter to a symbol."""
UNKNOWN_PLACE: Final = "…"
NO_SYMBOL: Final = "CQ"
"""Of a body whose name has no letter (ours: cơ quan)."""
MOST_NAMED: Final = 200
"""Units of one name that are looked at (ours: each province has its Sở Y tế)."""
AREA_KINDS: Final = ("province", "district", "commune")
AREAS: Final = ("Tỉnh ", "Thành phố ", "Xã ", "Phường ", "Đặc khu ")
"""Words before the name of an area; the line of the date leaves the first two away."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who issues, who signs, and how others write to it."""

    issuer: Issuer
    signature: Signature
    name: str
    """As it is written within a sentence."""
    province: str
    """The committee of its province, as it is written within a sentence; empty if unknown."""


def office(connection: Connection, unit_id: str | None, *, on: date, otherwise: str) -> Office:
    """The office of a unit on a day.

    Args:
        connection: a transaction.
        unit_id: which; None, or one that there is not, is `otherwise`.
        on: the day of the letter.
        otherwise: what to call an office that stands in no tree.
    """
    above = _path(connection, unit_id, on)
    province = next((one for one in above if one.kind == "province"), None)
    committee = f"{COMMITTEE} {_within(province.vi)}" if province else ""
    if not above:
        issuer = Issuer("", otherwise.upper(), "", "")
        return Office(issuer, Signature(("THỦ TRƯỞNG CƠ QUAN",)), otherwise, "")
    it = above[-1]
    if it.kind in AREA_KINDS:
        name = f"{COMMITTEE} {_within(it.vi)}"
        issuer = Issuer("", name.upper(), "UBND", bare(it.vi))
        return Office(issuer, Signature(("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH")), name, committee)
    place = bare(province.vi) if province else ""
    issuer = Issuer(committee.upper(), it.vi.upper(), initials(it.vi), place)
    head = "GIÁM ĐỐC" if it.vi.startswith("Sở ") else "THỦ TRƯỞNG CƠ QUAN"
    return Office(issuer, Signature((head,)), it.vi, committee)


def province_office(connection: Connection, site_id: str, *, on: date, otherwise: str) -> Office:
    """The office of the province where a facility is; its unit's if it lies in none."""
    path = access.thing_of_site(connection, site_id).path
    found = [one for unit_id in path[-1:] for one in _path(connection, unit_id, on)]
    province = next((one.id for one in found if one.kind == "province"), None)
    return office(connection, province or (path[-1] if path else None), on=on, otherwise=otherwise)


def named(connection: Connection, body: str, province: Unit | None, *, on: date) -> Office:
    """The office that a person named as the writer of a letter.

    It is the unit of this name that lies in the province.  Where there is none, or more than one,
    head and signature follow from the name itself.

    Args:
        connection: a transaction.
        body: as it was typed, such as `Sở Y tế` or `Ủy ban nhân dân xã A`.
        province: of the facility that the letter is about; None if unknown.
        on: the day of the letter.
    """
    wanted = body.strip()
    area = wanted.removeprefix(COMMITTEE).strip()
    if province is None:
        return _by_words(wanted, None)
    # A unit is also named without its committee: the form proposes `Tỉnh A`.
    found = [
        made
        for one in units.search(connection, area, on, limit=MOST_NAMED)
        if any(above.id == province.id for above in _path(connection, one.id, on))
        for made in (office(connection, one.id, on=on, otherwise=wanted),)
        if wanted.casefold() in (one.vi.casefold(), made.name.casefold())
    ]
    return found[0] if len(found) == 1 else _by_words(wanted, province)


def _by_words(body: str, province: Unit | None) -> Office:
    committee = f"{COMMITTEE} {_within(province.vi)}" if province else ""
    place = bare(province.vi) if province else UNKNOWN_PLACE
    if body.startswith(COMMITTEE):
        signature = Signature(("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"))
        return Office(Issuer("", body.upper(), "UBND", place), signature, body, committee)
    is_department = body.startswith("Sở ")
    above = committee.upper() if is_department else ""
    signature = Signature(("GIÁM ĐỐC" if is_department else "THỦ TRƯỞNG CƠ QUAN",))
    symbol = "".join(one for one in initials(body) if one.isalpha()) or NO_SYMBOL
    return Office(Issuer(above, body.upper(), symbol, place), signature, body, committee)


def spoken_for(connection: Connection, person: Person, *, now_ns: int, on: date) -> frozenset[str]:
    """What the bodies are called for which a person's roles are held; for `is_among`.

    A role over an area that names no body is held for its committee.
    """
    lasting = [one for one in person.held if one.lasts(now_ns)]
    bodies = {one.body or one.unit for one in lasting}
    return frozenset(name for one in bodies for name in _names(_path(connection, one, on)))


def is_among(body: str, names: Collection[str]) -> bool:
    """Whether a body, as somebody typed it, is one of those with these names."""
    typed = _key(body)
    # Sở Y tế tỉnh A is called Sở Y tế A in the tree.
    kinds = (f" {units.folded(one)} " for one in AREAS)
    return any(one in names for one in (typed, *(typed.replace(kind, " ") for kind in kinds)))


def _names(above: Sequence[Unit]) -> set[str]:
    """What people call the last unit of a path: whole, and without the name of its area."""
    areas = [one for one in above if one.kind in AREA_KINDS]
    if not above:
        return set()
    it, within = above[-1], f" {units.folded(bare(areas[-1].vi))}" if areas else ""
    called = _key(it.vi)
    if it.kind not in AREA_KINDS:
        return {called, called.removesuffix(within)}
    committee = f"{_key(COMMITTEE)} {called}"
    return {called, committee, committee.removesuffix(within)}


def _key(name: str) -> str:
    """A name without marks; a committee is written out or not."""
    return units.folded(name).replace(units.folded(COMMITTEE), "ubnd")


def initials(name: str) -> str:
    """`SKHCN` of Sở Khoa học và Công nghệ."""
    return "".join(word[0].upper() for word in name.split() if word.casefold() not in SMALL)


def bare(name: str) -> str:
    """The name of an area without the word before it."""
    word = next((one for one in AREAS if name.startswith(one)), "")
    return name[len(word) :]


def _within(name: str) -> str:
    """Tỉnh A within a sentence: tỉnh A."""
    word = next((one for one in AREAS if name.startswith(one)), "")
    return word.casefold() + name[len(word) :]


def _path(connection: Connection, unit_id: str | None, on: date) -> list[Unit]:
    if not unit_id or unit_id == access.UNASSIGNED:
        return []
    try:
        return units.path(connection, unit_id, on)
    except VonggacError:
        return []
