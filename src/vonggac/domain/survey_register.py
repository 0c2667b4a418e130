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
from vonggac.domain.register import Contact, clean
from vonggac.domain.survey_forms import CONTACT, SIZES
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.registry import Camera
    from vonggac.domain.rules import Placement
    from vonggac.domain.survey_forms import Said, SaidCamera
    from vonggac.domain.survey_verdicts import Facts
    from vonggac.domain.surveys import Answer, SurveyState
    from vonggac.keys import Box

What = Literal["contact", "capacity", "rooms", "floors", "absent", "camera", "address", "new"]
DEVICE: Final = ("maker", "model")
"""What of a camera's answers the register keeps."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the register would say otherwise."""

    key: str
    """Unique: `contact`, `rooms`, `absent-SAN`, `camera-2`, `address-2`, `new-3`."""
    what: What
    of: str
    """The place or camera that is meant; empty for the facility."""
    before: str
    after: str
    blocked: str = ""
    """Why it cannot be written: `no_picture`; empty when it can."""
    remark: str = ""
    """`unmeasured`: it waits in the register, unrecorded, until its address is confirmed."""

    @property
    def is_camera(self) -> bool:
        """Whether writing it takes the right to edit cameras."""
        return self.what in ("camera", "address", "new")


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
    every = registry.cameras(connection, site_id)
    stands = _Stands(
        {one.name: one for one in every},
        {_place(one.zone, one.title): one for one in every},
        registry.unmeasured(connection, site_id),
        register_places.facts(connection, [site_id]),
    )
    return [found for one in said.cameras for found in _camera(one, stands, facts)]


@dataclass(frozen=True, slots=True)
class _Stands:
    """The cameras of a facility as the register has them."""

    named: Mapping[str, Camera]
    placed: Mapping[tuple[str, str], Camera]
    unmeasured: frozenset[str]
    devices: Mapping[str, register_places.Facts]


def _place(zone: str, title: str) -> tuple[str, str]:
    return zone, clean(title).casefold()


def _camera(one: SaidCamera, stands: _Stands, facts: Facts) -> list[Difference]:
    """What the register would say otherwise of one camera: nothing, or that it is new."""
    seen = survey_verdicts.measured_of(one, facts)
    url = seen.url if seen is not None else ""
    known, there = stands.named.get(one.code), stands.placed.get(_place(one.zone, one.title))
    if known is None and there is not None and (not url or there.id in stands.unmeasured):
        known = there
    if known is None:
        if url in {it.main_url for it in stands.named.values()} and url:
            return []
        where = url or typed_url(one)
        after = f"{one.zone}, {where}" if where else one.zone
        remark = "" if url else "unmeasured"
        return [Difference(f"new-{one.at}", "new", one.title, "", after, remark=remark)]
    found = []
    device = stands.devices.get(known.id, register_places.Facts())
    before, after = " ".join(getattr(device, name) for name in DEVICE).strip(), _device(one, facts)
    if after and after != before:
        found.append(Difference(f"camera-{one.at}", "camera", known.name, before, after))
    if url and known.id in stands.unmeasured:
        found.append(Difference(f"address-{one.at}", "address", known.name, known.main_url, url))
    return found


def typed_url(one: SaidCamera) -> str:
    """The address of a stream that somebody typed; empty if it is none.

    A bare host says nothing of the stream: its path is the root until somebody measures it.
    """
    text = one.facts.get("address", "")
    url = text if "://" in text else f"rtsp://{text}/"
    plain = registry.split_credentials(url)[0]
    if not text or not plain.isascii() or any(mark.isspace() for mark in plain):
        return ""
    return "" if registry.url_problems("address", plain) else plain


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
    cameras = {one.at: one for one in said.cameras}
    for one in chosen:
        if one.is_camera:
            told = cameras[int(one.key.rpartition("-")[2])]
            _write_camera(connection, site_id, one, told, facts, placement, box, now_ns)
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


def _write_camera(
    connection: Connection,
    site_id: str,
    change: Difference,
    one: SaidCamera,
    facts: Facts,
    placement: Placement,
    box: Box,
    now_ns: int,
) -> None:
    if change.what == "new":
        _add(connection, site_id, one, facts, placement, box, now_ns)
        return
    camera = next(it for it in registry.cameras(connection, site_id) if it.name == change.of)
    if change.what == "camera":
        _tell(connection, camera, one, facts, now_ns)
    else:
        registry.confirm_address(connection, camera.id, change.after, now_ns=now_ns)


def _tell(
    connection: Connection, camera: Camera, one: SaidCamera, facts: Facts, now_ns: int
) -> None:
    """Maker and model of a camera that the register knows; everything else of it stays."""
    known = register_places.facts(connection, [camera.site_id])
    seen = survey_verdicts.measured_of(one, facts)
    stands = known.get(camera.id, register_places.Facts())
    told: dict[str, Any] = {
        name: (getattr(seen, name) if seen else "") or one.facts.get(name, "")
        or getattr(stands, name)
        for name in DEVICE
    }  # fmt: skip
    said = {camera.id: (camera.site_id, replace(stands, **told))}
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
    """A camera that is not in the register: where it was measured, else as it was typed.

    One that nobody measured waits: it is neither recorded nor counted until its address is
    confirmed.
    """
    seen = survey_verdicts.measured_of(one, facts)
    measured = seen is not None and bool(seen.url)
    url = seen.url if seen is not None and seen.url else typed_url(one)
    taken = {it.name for it in registry.cameras(connection, site_id)}
    mark = one.zone.casefold()
    name = next(f"{mark}-{n}" for n in range(1, len(taken) + 2) if f"{mark}-{n}" not in taken)
    camera = registry.register_camera(
        connection, site_id, registry.Draft(name, one.title, one.zone, url), placement=placement,
        box=box, now_ns=now_ns, measured=measured,
    )  # fmt: skip
    if _device(one, facts):
        _tell(connection, camera, one, facts, now_ns)
