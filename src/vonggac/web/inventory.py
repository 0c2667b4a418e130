"""A camera as a device: the inventory fields of QCVN 11:2026/BCA, on its page and under /api/v1."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import audit, register, register_places, registry
from vonggac.domain.register_places import Facts
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates
from vonggac.web.render import Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.web.desk import Visitor

TEXTS: Final = ("maker", "model", "firmware", "serial", "conformity", "storage_country")
DAYS: Final = ("bought_day", "patched_day")
ANSWERS: Final = ("cr_mark", "password_changed", "services_off")
TEXT_LIMIT: Final = 200
SAID: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "": None}


def known(connection: Connection, camera: registry.Camera) -> Facts:
    """What is known of a camera; nothing, if nobody has said anything."""
    return register_places.facts(connection, [camera.site_id]).get(camera.id, Facts())


def put(who: Visitor, camera_id: str, said: Mapping[str, Any]) -> Facts:
    """Write fields of a camera's inventory; those not named stay, doors among them.

    Raises:
        Unacceptable: a field has problems.
        VonggacError: NOT_FOUND.
    """
    now_ns = who.desk.now_ns()
    said = {
        name: register.clean(value) if isinstance(value, str) else value
        for name, value in said.items()
    }
    if wrong := _problems(said):
        raise Unacceptable(wrong)
    with who.desk.database.writing() as connection:
        camera = registry.camera(connection, camera_id)
        every = register_places.facts(connection, [camera.site_id])
        after = replace(every.get(camera_id, Facts()), **said)
        _check_area(connection, camera, after)
        register_places.put_facts(
            connection, {camera_id: (camera.site_id, after)}, every, now_ns=now_ns
        )
        audit.record(
            connection, who.actor, audit.Act.CAMERA_EDITED, now_ns=now_ns, thing=camera_id,
            site=camera.site_id, detail={"inventory": True},
        )  # fmt: skip
    return after


def _problems(said: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(name, "too_long", f"{name}: at most {TEXT_LIMIT} letters")
        for name in TEXTS
        if len(str(said.get(name, ""))) > TEXT_LIMIT
    ]


def _check_area(connection: Connection, camera: registry.Camera, after: Facts) -> None:
    if not after.area:
        return
    area = register_places.areas(connection, [camera.site_id]).get((camera.site_id, after.area))
    if area is None or area.zone != camera.zone:
        raise VonggacError(
            Kind.BAD_INPUT, "area: the facility has no such area of the camera's zone",
            fields={"area": "unknown_zone"},
        )  # fmt: skip


# -- the form on the camera's page -----------------------------------------------------------


def form_of(said: Facts) -> Form:
    """The fields as a person writes them."""
    words = {True: "yes", False: "no", None: ""}
    values: dict[str, str] = {name: getattr(said, name) for name in ("area", *TEXTS)}
    values |= {name: words[getattr(said, name)] for name in ANSWERS}
    for name in DAYS:
        day = getattr(said, name)
        values[name] = dates.write_day(day) if isinstance(day, date) else ""
    return Form(values)


def read(values: Mapping[str, str]) -> dict[str, Any]:
    """The form's fields as values.

    Raises:
        Unacceptable: a day cannot be read.
    """
    said: dict[str, Any] = {name: values.get(name, "")[:1000] for name in ("area", *TEXTS)}
    said |= {name: SAID.get(values.get(name, "")) for name in ANSWERS}
    problems = []
    for name in DAYS:
        text = values.get(name, "").strip()
        try:
            said[name] = dates.read_day(text) if text else None
        except ValueError:
            problems.append(Problem(name, "bad_day", f"{name}: as 31/12/2026"))
    if problems:
        raise Unacceptable(problems)
    return said
