"""The shipped profiles of units, read from dated data: areas and bodies of 2021 and of 2026.

The words stand in `rules/units-*.toml`; the areas come from a file beside them or from the package
`vietnam-provinces`.  Nothing here knows what an area is called.
"""

from __future__ import annotations

import gzip
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain.rules import Words
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

PROFILES: Final = ("2021", "2026")
"""What is shipped, in the order of time."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a unit is called for a while."""

    vi: str
    en: str
    valid_from: date
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Shipped:
    """A unit as a profile has it, with its names in the order of time."""

    id: str
    parent_id: str | None
    kind: str
    code: str
    valid_from: date
    valid_to: date | None
    source: str
    names: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Successor:
    """What took the place of a unit of the profile before."""

    of: str
    """Id of the unit; of a kind that is gone altogether, the kind."""
    by: str | None
    """Id of the unit that did; None: none did."""
    takes: Words | None
    """The part of its work that is meant; None is all of it."""
    valid_from: date | None
    """None where nobody read the day."""
    source: str


@dataclass(frozen=True, slots=True)
class _Area:
    level: str
    code: str
    above: str
    name: str


def profile_on(day: date) -> str:
    """The profile in force on a day; the first one before its time."""
    found = [code for code in PROFILES if _tree(code)["from"] <= day]
    return found[-1] if found else PROFILES[0]


def kind_words() -> Mapping[str, Words]:
    """What people read of a kind of unit, of the newest profile that has it."""
    return {
        row["code"]: Words(row["vi"], row["en"])
        for profile in PROFILES
        for row in _tree(profile)["kind"]
    }


@cache
def successors() -> tuple[Successor, ...]:
    """Every link between the profiles, in the order of their data."""
    before, after = PROFILES
    rows = _tree(after)["successor"]
    areas = [row for row in rows if row["level"] == "province"]
    found = [_successor(row, f"{before}.{row['of']}", f"{after}.{row['by']}") for row in areas]
    in_country = {
        row["code"]
        for profile in PROFILES
        for row in _tree(profile)["body"]
        if row["level"] == "country"
    }
    for row in rows:
        if row["level"] == "district":
            found.append(_successor(row, "district", None))
        elif row["level"] == "body" and row["of"] in in_country:
            found.append(_successor(row, f"{before}.{row['of']}", f"{after}.{row['by']}"))
        elif row["level"] == "body":
            found += [
                _successor(
                    row, f"{before}.{area['of']}.{row['of']}", f"{after}.{area['by']}.{row['by']}"
                )
                for area in areas
            ]
    return tuple(found)


def _successor(row: Mapping[str, Any], of: str, by: str | None) -> Successor:
    takes = Words(row["takes_vi"], row["takes_en"]) if "takes_vi" in row else None
    return Successor(of, by, takes, row.get("from"), row["source"])


@cache
def units(profile: str) -> tuple[Shipped, ...]:
    """Every unit of a profile, each after the one above it.

    Raises:
        ConfigError: there is no such profile, or its file is wrong.
    """
    tree = _tree(profile)
    country = tree["country"]
    root = Shipped(
        id=country["id"],
        parent_id=None,
        kind="country",
        code=country["id"],
        valid_from=_tree(PROFILES[0])["from"],
        valid_to=None,
        source="vonggac",
        names=(Named(country["vi"], country["en"], _tree(PROFILES[0])["from"], None, "vonggac"),),
    )
    areas = list(_areas(tree))
    found = [root, *(_shipped(tree, area) for area in areas)]
    for row in tree["body"]:
        if row["level"] == "country":
            found.append(_body(tree, row, None))
        else:
            found += [
                _body(tree, row, area)
                for area in areas
                if area.level == row["level"]
                and area.code not in row.get("except", ())
                and area.code in row.get("only", (area.code,))
            ]
    return tuple(found)


def _shipped(tree: Mapping[str, Any], area: _Area) -> Shipped:
    source = tree["areas_source"].format(version=metadata.version("vietnam-provinces"))
    dated = [row for row in tree.get("name", ()) if row["area"] == area.code]
    names = tuple(
        Named(row["vi"], _english(tree, row["vi"]), row["from"], row.get("to"), row["source"])
        for row in dated
    ) or (Named(area.name, _english(tree, area.name), tree["from"], tree.get("to"), source),)
    return Shipped(
        id=f"{tree['profile']}.{area.code}",
        parent_id=f"{tree['profile']}.{area.above}" if area.above else tree["country"]["id"],
        kind=area.level,
        code=area.code,
        valid_from=tree["from"],
        valid_to=tree.get("to"),
        source=source,
        names=names,
    )


def _body(tree: Mapping[str, Any], row: Mapping[str, Any], area: _Area | None) -> Shipped:
    profile = tree["profile"]
    ends = min((day for day in (row.get("to"), tree.get("to")) if day is not None), default=None)
    full, short = (area.name, _short(tree, area.name)) if area else ("", "")
    vi = row["vi"].format(name=short, area=_lower_first(full))
    en = row["en"].format(name=short)
    return Shipped(
        id=f"{profile}.{area.code}.{row['code']}" if area else f"{profile}.{row['code']}",
        parent_id=f"{profile}.{area.code}" if area else tree["country"]["id"],
        kind="body",
        code=row["code"],
        valid_from=row["from"],
        valid_to=ends,
        source=row["source"],
        names=(Named(vi, en, row["from"], ends, row["source"]),),
    )


def _areas(tree: Mapping[str, Any]) -> Iterator[_Area]:
    if tree["areas"] == "vietnam-provinces":
        yield from _package_areas(tree)
        return
    packed = resources.files("vonggac.rules").joinpath(tree["areas"]).read_bytes()
    levels = {"p": "province", "d": "district", "c": "commune"}
    above = {"p": "", "d": "", "c": ""}
    for line in gzip.decompress(packed).decode().splitlines():
        level, code, name = line.split("\t")
        yield _Area(levels[level], code, above[level], name)
        if level == "p":
            above["d"] = code
        elif level == "d":
            above["c"] = code


def _package_areas(tree: Mapping[str, Any]) -> Iterator[_Area]:
    """Provinces and communes; the package leaves the kind out of some provinces' names."""
    import vietnam_provinces  # a tenth of a second of every start; a profile is loaded once

    kinds: Sequence[str] = [row["vi"] for row in tree["word"]]
    for province in vietnam_provinces.Province.iter_all():
        name = province.name
        if not name.startswith(tuple(kinds)):
            kind = next(
                word for word in kinds if province.division_type.value.startswith(word.casefold())
            )
            name = f"{kind} {name}"
        yield _Area("province", f"{int(province.code):02}", "", name)
    for ward in vietnam_provinces.Ward.iter_all():
        yield _Area("commune", f"{int(ward.code):05}", f"{int(ward.province_code):02}", ward.name)


def _short(tree: Mapping[str, Any], name: str) -> str:
    for row in tree["word"]:
        if name.startswith(f"{row['vi']} "):
            return name[len(row["vi"]) + 1 :]
    return name


def _english(tree: Mapping[str, Any], name: str) -> str:
    for row in tree["word"]:
        if name.startswith(f"{row['vi']} "):
            said: str = row["en"].format(name=name[len(row["vi"]) + 1 :])
            return said
    return name


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


@cache
def _tree(profile: str) -> dict[str, Any]:
    if profile not in PROFILES:
        raise ConfigError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}")
    path = resources.files("vonggac.rules").joinpath(f"units-{profile}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
