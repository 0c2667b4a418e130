"""What verified answers would change in the register: shown before, written by choice.

Nothing goes into the register by itself: the surveyor sees each difference and confirms those that
are true.  They are written by the functions that the register's own pages use, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import survey as db
from vonggac.domain import coverage, legal, register, register_places, registry, survey_verdicts
from vonggac.domain.pictures import Picture
from vonggac.domain.register import Contact
from vonggac.domain.survey_forms import CONTACT, SIZES
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement
    from vonggac.domain.survey_forms import Said, SaidCamera
    from vonggac.domain.survey_verdicts import Facts
    from vonggac.domain.surveys import Answer, SurveyState
    from vonggac.keys import Box

What = Literal["contact", "capacity", "rooms", "floors", "absent", "camera", "new"]
DEVICE: Final = ("maker", "model")
"""What of a camera's answers the register keeps."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the register would say otherwise."""

    key: str
    """Unique: `contact`, `rooms`, `absent-SAN`, `camera-2`, `new-3`."""
    what: What
    of: str
    """The place or camera that is meant; empty for the facility."""
    before: str
    after: str
    blocked: str = ""
    """Why it cannot be written: `no_picture`, `no_address`; empty when it can."""

    @property
    def is_camera(self) -> bool:
        """Whether writing it takes the right to edit cameras."""
        return self.what in ("camera", "new")


def differences(
    connection: Connection, site_id: str, said: Said, facts: Facts, pictured: Collection[str]
) -> list[Difference]:
    """Everything that answers say otherwise than the register.

    Args:
        connection: a transaction.
        site_id: which facility.
        said: the answers.
        facts: what was measured.
        pictured: fields of the form that a picture was taken for.
    """
    stands = register.facility(connection, site_id).said
    known = register.contacts(connection, [site_id]).get((site_id, "contact"))
    found = []
    after = ", ".join(said.contact[name] for name in CONTACT if said.contact.get(name))
    before = ", ".join(value for name in CONTACT if (value := getattr(known, name, "")))
    if after and after != before:
        found.append(Difference("contact", "contact", "", before, after))
    for name in SIZES:
        told = said.sizes.get(name, "")
        now = getattr(stands, name)
        if told and told != str("" if now is None else now):
            what: What = (
                "rooms" if name == "rooms" else "floors" if name == "floors" else "capacity"
            )
            found.append(Difference(name, what, "", str("" if now is None else now), told))
    gone = coverage.absences(connection, site_id)
    found += [
        Difference(
            f"absent-{zone}", "absent", zone, gone[zone].reason if zone in gone else "", why,
            "" if f"z-{zone}" in pictured else "no_picture",
        )
        for zone, why in said.absent.items()
        if zone not in gone or gone[zone].reason != why
    ]  # fmt: skip
    return found + _cameras(connection, site_id, said, facts)


def _cameras(connection: Connection, site_id: str, said: Said, facts: Facts) -> list[Difference]:
    cameras = {one.name: one for one in registry.cameras(connection, site_id)}
    urls = {one.main_url for one in cameras.values()}
    devices = register_places.facts(connection, [site_id])
    found = []
    for one in said.cameras:
        seen = survey_verdicts.measured_of(one, facts)
        if one.code in cameras:
            stands = devices.get(cameras[one.code].id, register_places.Facts())
            before = " ".join(getattr(stands, name) for name in DEVICE).strip()
            after = _device(one, facts)
            if after and after != before:
                found.append(Difference(f"camera-{one.at}", "camera", one.code, before, after))
        elif seen is None or not seen.url:
            found.append(Difference(f"new-{one.at}", "new", one.title, "", one.zone, "no_address"))
        elif seen.url not in urls:
            said_new = f"{one.zone}, {seen.url}"
            found.append(Difference(f"new-{one.at}", "new", one.title, "", said_new))
    return found


def _device(one: SaidCamera, facts: Facts) -> str:
    """Maker and model: what was measured, else what was typed."""
    seen = survey_verdicts.measured_of(one, facts)
    told = [(getattr(seen, name) if seen else "") or one.facts.get(name, "") for name in DEVICE]
    return " ".join(told).strip()


def write(
    connection: Connection,
    survey: SurveyState,
    answer: Answer,
    facts: Facts,
    chosen: Sequence[Difference],
    *,
    placement: Placement,
    box: Box,
    kept: bool,
    by: Someone,
    now_ns: int,
) -> list[str]:
    """Write the differences that the surveyor confirmed; their keys. A writing transaction.

    Args:
        connection: a writing transaction.
        survey: whose facility.
        answer: the version that was looked at.
        facts: what was measured.
        chosen: of `differences`, none of them blocked.
        placement: the rule in force.
        box: encrypts passwords of cameras; none is known here.
        kept: the configuration file says part of this facility.
        by: the surveyor.
        now_ns: UTC now.

    Raises:
        Unacceptable: the register refuses one of them; the transaction is to be undone.
        VonggacError: CONFLICT, one cannot be written.
    """
    if any(one.blocked for one in chosen):
        raise VonggacError(Kind.CONFLICT, "one of these cannot be written", code="blocked")
    site_id, said = survey.site_id, answer.said
    kinds = {one.what for one in chosen}
    if "contact" in kinds:
        texts = {name: said.contact.get(name, "") for name in CONTACT}
        contact = Contact("contact", verified_day=legal.day_of(now_ns), **texts)
        register.set_contact(connection, site_id, contact, by=by.name, now_ns=now_ns)
    sizes: dict[str, Any] = {one.key: int(one.after) for one in chosen if one.key in SIZES}
    if sizes:
        stands = register.facility(connection, site_id).said
        register.edit(
            connection, site_id, replace(stands, **sizes), revision=None, kept=kept,
            by=by.name, now_ns=now_ns,
        )  # fmt: skip
    for one in chosen:
        if one.what == "absent":
            _absent(connection, survey, one, placement, by, now_ns)
    cameras = {f"{mark}-{one.at}": one for one in said.cameras for mark in ("camera", "new")}
    for one in chosen:
        if one.what == "camera":
            _tell(connection, site_id, cameras[one.key], facts, now_ns)
        elif one.what == "new":
            _add(connection, site_id, cameras[one.key], facts, placement, box, now_ns)
    return [one.key for one in chosen]


def _absent(
    connection: Connection,
    survey: SurveyState,
    one: Difference,
    placement: Placement,
    by: Someone,
    now_ns: int,
) -> None:
    table = db.survey_picture
    row = connection.execute(
        sa.select(table.c.media_type, table.c.width, table.c.height, table.c.content)
        .where(table.c.survey_id == survey.id, table.c.about == f"z-{one.of}")
        .order_by(table.c.made_ns.desc(), table.c.id)
        .limit(1)
    ).one()
    picture = Picture(row.media_type, row.width, row.height, bytes(row.content))
    picture_id = coverage.keep_picture(
        connection, survey.site_id, "absence", picture, by=by.name, now_ns=now_ns
    )
    coverage.say_absent(
        connection, survey.site_id, one.of, reason=one.after, picture=picture_id,
        placement=placement, by=(by.name, by.full_name), now_ns=now_ns,
    )  # fmt: skip


def _tell(connection: Connection, site_id: str, one: SaidCamera, facts: Facts, now_ns: int) -> None:
    """Maker and model of a camera that the register knows; everything else of it stays."""
    camera = next(it for it in registry.cameras(connection, site_id) if it.name == one.code)
    known = register_places.facts(connection, [site_id])
    seen = survey_verdicts.measured_of(one, facts)
    stands = known.get(camera.id, register_places.Facts())
    told: dict[str, Any] = {
        name: (getattr(seen, name) if seen else "") or one.facts.get(name, "")
        or getattr(stands, name)
        for name in DEVICE
    }  # fmt: skip
    said = {camera.id: (site_id, replace(stands, **told))}
    register_places.put_facts(connection, said, known, now_ns=now_ns)


def _add(
    connection: Connection,
    site_id: str,
    one: SaidCamera,
    facts: Facts,
    placement: Placement,
    box: Box,
    now_ns: int,
) -> None:
    """A camera that was measured and is not in the register, at the address that was measured."""
    seen = survey_verdicts.measured_of(one, facts)
    assert seen is not None, "one without an address is blocked"
    taken = {it.name for it in registry.cameras(connection, site_id)}
    mark = one.zone.casefold()
    name = next(f"{mark}-{n}" for n in range(1, len(taken) + 2) if f"{mark}-{n}" not in taken)
    draft = registry.Draft(name, one.title, one.zone, seen.url)
    registry.register_camera(
        connection, site_id, draft, placement=placement, box=box, now_ns=now_ns
    )
    if seen.maker or seen.model:
        _tell(connection, site_id, replace(one, code=name), facts, now_ns)
