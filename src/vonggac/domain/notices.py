"""What people who are filmed are told: the sign at the door, and the public page behind its code.

Operator, contact and purpose are edited; retention, sound and zones are read from the register, so
that the notice cannot say what the cameras do not do.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import compliance, tables
from vonggac.domain import audit, legal, registry
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement, Zone

MAX_LINE: Final = 200
"""Letters of operator and contact: two lines of the sign."""
MAX_PURPOSE: Final = 400
DELETIONS: Final = 100
"""Rows of the log of deletions that the page shows; the access log has all."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What was edited."""

    site_id: str
    public_id: str
    operator: str
    contact: str
    purpose: str
    purpose_en: str
    updated_ns: int
    updated_by: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice as it was sent."""

    operator: str
    contact: str
    purpose: str
    purpose_en: str = ""


@dataclass(frozen=True, slots=True)
class Practice:
    """What the cameras of a site really do, as the register has it."""

    cameras: int
    zones: tuple[Zone, ...]
    """Names of places; never addresses of cameras."""
    days: int
    """The longest that any recording of the site is kept."""
    sound: bool
    """Whether any camera of the site records sound."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """The notice in one language of people who arrive."""

    code: str
    name: str
    """The language, in itself."""
    title: str
    kept: str
    """With {days}."""
    silent: str
    sound: str
    ask: str
    face: str
    """The typeface of ours that has its letters."""
    source: str


@dataclass(frozen=True, slots=True)
class Month:
    """How often pictures were opened in a month, by body and purpose."""

    first_day: date
    counts: tuple[tuple[str | None, str, int], ...]
    """Id of the body, code of the purpose, views; the most first."""

    @property
    def views(self) -> int:
        """All of them."""
        return sum(number for _, _, number in self.counts)


@cache
def languages() -> Sequence[Sentences]:
    """The languages of the sign and of the public page, Vietnamese first."""
    text = resources.files("vonggac.rules").joinpath("notices.toml").read_text(encoding="utf-8")
    return [
        Sentences(**{name: row[name] for name in Sentences.__dataclass_fields__})
        for row in tomllib.loads(text)["language"]
    ]


def save(connection: Connection, site_id: str, draft: Draft, *, by: Someone, now_ns: int) -> Notice:
    """Edit the notice of a site; the first time gives the public page its name.

    Raises:
        VonggacError: BAD_INPUT with `fields`; NOT_FOUND, no such site.
    """
    values: dict[str, Any] = {
        name: legal.plain(getattr(draft, name)) for name in Draft.__dataclass_fields__
    }
    faults = {}
    for name, text in values.items():
        most = MAX_LINE if name in ("operator", "contact") else MAX_PURPOSE
        if not text and name != "purpose_en":
            faults[name] = "required"
        elif len(text) > most:
            faults[name] = "too_long"
        elif is_secret(text):
            faults[name] = "secret_mark"
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    if registry.site(connection, site_id) is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such site")
    table = compliance.notice
    values |= {"updated_ns": now_ns, "updated_by": by.name}
    if of_site(connection, site_id) is None:
        connection.execute(table.insert().values(site_id=site_id, public_id=new_id(), **values))
    else:
        connection.execute(table.update().where(table.c.site_id == site_id).values(**values))
    made = of_site(connection, site_id)
    assert made is not None, "just written"
    detail = {"what": "notice", "operator": made.operator, "contact": made.contact}
    audit.record(
        connection,
        by.actor,
        audit.Act.DOCUMENT_MADE,
        now_ns=now_ns,
        thing=site_id,
        site=site_id,
        detail=detail,
    )
    return made


def of_site(connection: Connection, site_id: str) -> Notice | None:
    """The notice of a site; None while nobody has written it."""
    row = connection.execute(_notices().where(compliance.notice.c.site_id == site_id)).one_or_none()
    return None if row is None else Notice(*row)


def by_public_id(connection: Connection, public_id: str) -> Notice:
    """The notice of a public page.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        _notices().where(compliance.notice.c.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such page")
    return Notice(*row)


def practice(connection: Connection, site: registry.Site, placement: Placement) -> Practice:
    """What the cameras of a site do."""
    cameras = registry.cameras(connection, site.id)
    codes = {camera.zone for camera in cameras}
    days = [camera.retention_days or site.retention_days for camera in cameras]
    return Practice(
        cameras=len(cameras),
        zones=tuple(zone for zone in placement.zones if zone.code in codes),
        days=max(days, default=site.retention_days),
        sound=any(camera.audio for camera in cameras),
    )


def views_by_month(
    connection: Connection, site_id: str, *, months: int, now_ns: int
) -> list[Month]:
    """How often pictures of a site were opened in this month and the ones before it.

    Numbers only: no person, no role, no camera, and of a purpose its code without the note.
    """
    firsts = _firsts(legal.day_of(now_ns), months)
    table = tables.viewing
    found: list[Month] = []
    until_ns = now_ns + 1
    for first in firsts:
        from_ns = legal.start_of(first)
        rows = connection.execute(
            sa.select(table.c.body_id, table.c.purpose, sa.func.count())
            .where(
                table.c.site_id == site_id,
                table.c.began_ns >= from_ns,
                table.c.began_ns < until_ns,
                table.c.display_id.is_(None),
            )
            .group_by(table.c.body_id, table.c.purpose)
        ).all()
        found.append(Month(first, _summed(rows)))
        until_ns = from_ns
    return found


def _firsts(today: date, months: int) -> list[date]:
    """First days of this month and of those before it, the newest first."""
    found = [today.replace(day=1)]
    while len(found) < months:
        year, month = found[-1].year, found[-1].month - 1
        found.append(date(year - (month == 0), month or 12, 1))
    return found


def _summed(rows: Sequence[Any]) -> tuple[tuple[str | None, str, int], ...]:
    summed: dict[tuple[str | None, str], int] = {}
    for body, purpose, number in rows:
        key = (body, str(purpose).partition(": ")[0])
        summed[key] = summed.get(key, 0) + int(number)
    counted = [(body, purpose, number) for (body, purpose), number in summed.items()]
    return tuple(sorted(counted, key=lambda one: (-one[2], one[0] or "", one[1])))


def deletions(connection: Connection, site_id: str) -> list[audit.Row]:
    """What retention deleted, as the site said it, the newest first."""
    return audit.rows(
        connection,
        audit.Filter(act=audit.Act.DELETED.value, sites=[site_id], limit=DELETIONS),
    )


def sign_values(
    site: registry.Site, notice: Notice, practice: Practice, *, address: str, qr: Sequence[str]
) -> Mapping[str, Any]:
    """What the template `notice` asks for.

    Args:
        site: whose sign it is.
        notice: what was edited.
        practice: what the cameras do.
        address: of the public page.
        qr: rows of the code, a letter a module, 1 for dark.
    """
    return {
        "site": site.title or site.name,
        "operator": notice.operator,
        "contact": notice.contact,
        "purpose": notice.purpose,
        "purpose_en": notice.purpose_en or notice.purpose,
        "days": practice.days,
        "sound": practice.sound,
        "address": address,
        "qr": list(qr),
        "languages": [
            {
                "code": one.code,
                "face": one.face,
                "title": one.title,
                "kept": one.kept.format(days=practice.days),
                "sound": one.sound if practice.sound else one.silent,
                "ask": one.ask,
            }
            for one in languages()
        ],
    }


def _notices() -> sa.Select[*tuple[Any, ...]]:
    table = compliance.notice
    return sa.select(*(table.c[name] for name in Notice.__dataclass_fields__))
