"""From the lacks of a facility to a connection plan: what is missing, and what it takes.

`reckon` is a function of values: which places of the placement rule have no working camera, and the
cameras, recorder, switch, cable, power, screen, line and disks that follow.  All of it is a
proposal of the software by norms of its own (`rules/prices.toml`); a person edits the bill of
quantities (`domain.plans`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.costs import Norms

CORRIDOR: Final = "HL"
"""The zone whose cameras see doors (`rules/zones.toml`)."""
FLOORS_MOST: Final = 200
"""Floors that are reckoned with at most: a number beyond is a slip of the keyboard (ours)."""
ROOMS_MOST: Final = 10_000
TERABYTE: Final = 10**12


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the placement rule in a facility, as the register has it."""

    zone: str
    floor: str
    title: str
    doors: int
    working: int
    """Cameras that look there and record now."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a facility on the day of its plan."""

    zones: tuple[str, ...]
    """Codes of the places that the rule asks for."""
    working: Mapping[str, int]
    """Cameras that record now, or were never heard of, by zone."""
    silent: Mapping[str, int]
    """Cameras that are registered and have no picture now, by zone."""
    absent: frozenset[str] = frozenset()
    """Zones of which somebody said that the facility has none."""
    places: tuple[Place, ...] = ()
    rooms: int | None = None
    floors: int | None = None
    has_box: bool = False
    has_line: bool = False
    has_screen: bool = False
    measured_kbit: int | None = None
    """Mean of the cameras whose recorded bytes the ledger knows; None when it knows none."""
    measured_cameras: int = 0
    days: int = 30
    """For which recordings are promised to be kept."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill of quantities as the program reckons it."""

    kind: str
    quantity: int
    zone: str = ""
    basis: Mapping[str, Any] = field(default_factory=dict)
    """From what: `why` is a code of the pages' words, the rest its figures."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A place without a working camera, and how many cameras it takes."""

    zone: str
    cameras: int
    silent: int
    """Cameras that stand there without a picture: mending them may be enough."""
    why: str
    """places, doors, floors or none: from what the number was reckoned."""
    places: tuple[str, ...] = ()
    """Titles of the places that lack one."""


def lacks(found: Found, norms: Norms) -> list[Lack]:
    """The places of the rule that lack a camera, in the rule's order."""
    every = (_lack(found, norms, zone) for zone in found.zones if zone not in found.absent)
    return [lack for lack in every if lack.cameras]


def _lack(found: Found, norms: Norms, zone: str) -> Lack:
    working, silent = found.working.get(zone, 0), found.silent.get(zone, 0)
    here = [place for place in found.places if place.zone == zone]
    if here:
        lacks = [(place, _for_place(place, norms) - place.working) for place in here]
        lacking = [(place, n) for place, n in lacks if n > 0]
        names = tuple(place.title or place.floor for place, _ in lacking)
        needed = sum(n for _, n in lacking)
        # Cameras of the zone whose place nobody entered stand somewhere there.
        loose = max(0, working - sum(place.working for place in here))
        return Lack(zone, max(0, needed - loose), silent, "places", names)
    floors = min(found.floors or 1, FLOORS_MOST)
    if zone == CORRIDOR:
        doors = _ceil(min(found.rooms or 0, ROOMS_MOST), norms.doors_per_camera)
        why = "doors" if doors > floors else "floors" if floors > 1 else "none"
        return Lack(zone, max(0, max(doors, floors) - working), silent, why)
    if zone in norms.by_floor:
        why = "floors" if floors > 1 else "none"
        return Lack(zone, max(0, floors - working), silent, why)
    return Lack(zone, 0 if working else 1, silent, "none")


def _for_place(place: Place, norms: Norms) -> int:
    if place.zone == CORRIDOR:
        return max(1, _ceil(place.doors, norms.doors_per_camera))
    return 1


def reckon(found: Found, norms: Norms) -> list[Item]:
    """The bill of quantities: cameras by zone, then what carries, feeds, keeps and shows them.

    Empty when no place lacks a camera.
    """
    lacking = lacks(found, norms)
    new = sum(lack.cameras for lack in lacking)
    if not new:
        return []
    standing = sum(found.working.values()) + sum(found.silent.values())
    items = [
        Item(
            "camera_out" if lack.zone in norms.outdoor else "camera_in",
            lack.cameras,
            lack.zone,
            {"why": f"lack_{lack.why}", "silent": lack.silent, "places": list(lack.places)},
        )
        for lack in lacking
    ]
    recorders = _ceil(standing + new, norms.cameras_per_recorder)
    recorders -= _ceil(standing, norms.cameras_per_recorder) if found.has_box else 0
    stored = new if found.has_box else standing + new
    kbit = found.measured_kbit or norms.bitrate_kbit
    disks = _ceil(storage_bytes(stored, kbit, found.days, norms), norms.disk_tb * TERABYTE)
    items += [
        Item("recorder", recorders, basis={"why": "recorder", "cameras": standing + new,
                                           "each": norms.cameras_per_recorder}),
        Item("disk", disks, basis={
            "why": "disk_measured" if found.measured_kbit else "disk_default", "cameras": stored,
            "kbit": kbit, "measured": found.measured_cameras, "days": found.days,
            "tb": norms.disk_tb, "spare": norms.spare_hundredths}),
        Item("switch", _ceil(new, norms.ports_per_switch),
             basis={"why": "switch", "cameras": new, "each": norms.ports_per_switch}),
        Item("cable", new * norms.cable_metres_per_camera,
             basis={"why": "cable", "cameras": new, "each": norms.cable_metres_per_camera}),
        Item("ups", 0 if found.has_box else 1, basis={"why": "ups"}),
        Item("screen", 0 if found.has_screen else 1, basis={"why": "screen"}),
        Item("line", 0 if found.has_line else 1, basis={"why": "line"}),
        Item("trial", 1, basis={"why": "trial"}),
    ]  # fmt: skip
    return [item for item in items if item.quantity > 0]


def storage_bytes(cameras: int, kbit: int, days: int, norms: Norms) -> int:
    """What so many cameras of this rate write in so many days, with the spare part of the norms."""
    raw = cameras * kbit * 1000 // 8 * 86_400 * days
    return raw + raw * norms.spare_hundredths // 10_000


def mean_kbit(pages: Sequence[tuple[int, int]]) -> int | None:
    """The rate of a camera from its ledger: (bytes, recorded ns) of its pages; None of nothing."""
    size, length_ns = sum(one[0] for one in pages), sum(one[1] for one in pages)
    return size * 8 * 1_000_000 // length_ns if length_ns > 0 else None


def _ceil(amount: int, each: int) -> int:
    return -(-amount // each)
