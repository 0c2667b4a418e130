"""The tree of units: looking through it, finding a unit, naming, ending, assigning facilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, audit, profiles, registry, units
from vonggac.domain.access import Act
from vonggac.domain.duties import line_words
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

FOUND_LIMIT = 60
"""Units that a search shows."""

FAULTS: Mapping[str, str] = {
    "bad_unit_name": "Ghi tên, từ 1 đến 200 chữ.",
    "secret_mark": "Không được gắn nội dung có dấu MẬT. Hãy giữ nội dung đó ngoài phần mềm này.",
    "name_before": "Tên mới phải bắt đầu sau tên trước và khi đơn vị còn.",
    "unit_over": "Đơn vị đã kết thúc, hoặc ngày kết thúc nằm trước ngày bắt đầu.",
    "unit_in_use": "Còn cơ sở hoặc đơn vị bên trong. Hãy chuyển hoặc kết thúc chúng trước.",
    "bad_day": "Ngày không đọc được.",
    "no_site": "Chọn một cơ sở.",
}
"""What is said of a change that cannot be made."""


@routes.get("/units")
def units_page(who: Annotated[Visitor, Depends(visitor)], q: str = "", on: str = "") -> Response:
    """The roots of the tree, or what a search finds, on a day.

    Args:
        who: the visitor.
        q: words of a name, diacritics or not.
        on: the day, 2026-11-18; today by default.
    """
    day = _day(on) if on else words.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        found = units.search(connection, q, day, limit=FOUND_LIMIT) if q.strip() else []
        roots = units.below(connection, None, day)
        if not q.strip() and len(roots) <= 2:
            found = [
                one for root in roots for one in (root, *units.below(connection, root.id, day))
            ]
        gone = units.succeeded(connection, q, day)
        paths = {one.id: _path_words(connection, who, one, day) for one in found}
        counts = _site_counts(connection, who)
    return who.page(
        "units.html",
        {
            "found": found if found or q.strip() else roots,
            "paths": paths,
            "gone": gone,
            "counts": counts,
            "kinds": profiles.kind_words(),
            "unverified": units.UNVERIFIED,
            "q": q,
            "on": on,
            "limit": FOUND_LIMIT,
        },
        section="units",
    )


def _path_words(connection: Connection, who: Visitor, one: units.Unit, day: date) -> str:
    above = units.path(connection, one.id, day)[:-1]
    return " › ".join(unit.vi if who.t.language == "vi" else unit.en for unit in above)


def _site_counts(connection: Connection, who: Visitor) -> Mapping[str, int]:
    """How many facilities that the visitor may see stand in or below each unit."""
    found: dict[str, int] = {}
    for site in rights.shown_sites(connection, who, Act.FACILITY_SEE):
        for unit_id in access.thing_of_site(connection, site.id).path:
            found[unit_id] = found.get(unit_id, 0) + 1
    return found


@routes.get("/units/{unit_id}")
def unit_page(who: Annotated[Visitor, Depends(visitor)], unit_id: str) -> Response:
    """One unit: what it is called and was, what lies below it, which facilities stand in it."""
    return _unit_page(who, unit_id)


def _unit_page(
    who: Visitor, unit_id: str, *, form: Form | None = None, do: str = "", status: int = 200
) -> Response:
    day = words.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        path = units.path(connection, unit_id, day)
        seen = rights.shown_sites(connection, who, Act.FACILITY_SEE)
        here = {
            site.id
            for site in seen
            if access.thing_of_site(connection, site.id).path[-1] == unit_id
        }
        values = {
            "unit": path[-1],
            "above": path[:-1],
            "names": units.names(connection, unit_id),
            "links": (
                units.before(connection, path[-1], day),
                units.after(connection, path[-1], day),
            ),
            "below": units.below(connection, unit_id, day),
            "counts": _site_counts(connection, who),
            "sites": [site for site in seen if site.id in here],
            "others": [site for site in seen if site.id not in here],
        }
    return who.page(
        "unit.html",
        {
            **values,
            "lines": line_words(),
            "kinds": profiles.kind_words(),
            "unverified": units.UNVERIFIED,
            "today": day.isoformat(),
            "form": form or Form(),
            "do": do,
        },
        section="units",
        status=status,
    )


@routes.post("/units/{unit_id}")
async def unit_send(request: Request, unit_id: str) -> Response:
    """Add a unit below, give a name, end it, or assign a facility."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_unit_send, request, unit_id, form)


def _unit_send(request: Request, unit_id: str, form: Mapping[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    does: Mapping[str, Callable[[Visitor, str, Mapping[str, str]], str]] = {
        "add": _add,
        "name": _name,
        "end": _end,
        "assign": _assign,
    }
    do = form.get("do", "")
    if do not in does:
        raise VonggacError(Kind.BAD_INPUT, f"do: {', '.join(does)}")
    try:
        goes_to = does[do](who, unit_id, form)
    except VonggacError as error:
        code = str(error.detail.get("code", ""))
        if code not in FAULTS:
            raise
        faulty = Form(form, general=who.t(FAULTS[code]))
        status = 409 if error.kind is Kind.CONFLICT else 422
        return _unit_page(who, unit_id, form=faulty, do=do, status=status)
    return RedirectResponse(f"/units/{goes_to}", 303)


def _add(who: Visitor, unit_id: str, form: Mapping[str, str]) -> str:
    kind = form.get("kind", "")
    if kind not in profiles.kind_words():
        kind = "body"
    return add(
        who,
        parent_id=unit_id,
        kind=kind,
        code=form.get("code", "")[:50],
        vi=form.get("vi", ""),
        en=form.get("en", ""),
        valid_from=_day(form.get("day", "")),
        source=form.get("source", ""),
    )


def add(
    who: Visitor,
    *,
    parent_id: str | None,
    kind: str,
    code: str,
    vi: str,
    en: str,
    valid_from: date,
    source: str,
) -> str:
    """Add a unit for the visitor, audited; returns its id.

    Raises:
        VonggacError: as `units.add_unit`.
    """
    with who.desk.database.writing() as connection:
        found = units.add_unit(
            connection,
            parent_id=parent_id,
            kind=kind,
            code=code,
            vi=vi,
            en=en,
            valid_from=valid_from,
            source=source,
        )
        _record(connection, who, audit.Act.UNIT_ADDED, found, name=vi, above=parent_id)
    return found


def _name(who: Visitor, unit_id: str, form: Mapping[str, str]) -> str:
    rename(
        who,
        unit_id,
        vi=form.get("vi", ""),
        en=form.get("en", ""),
        valid_from=_day(form.get("day", "")),
        source=form.get("source", ""),
    )
    return unit_id


def rename(who: Visitor, unit_id: str, *, vi: str, en: str, valid_from: date, source: str) -> None:
    """Name a unit for the visitor, audited.

    Raises:
        VonggacError: as `units.rename`.
    """
    with who.desk.database.writing() as connection:
        units.rename(connection, unit_id, vi=vi, en=en, valid_from=valid_from, source=source)
        _record(
            connection, who, audit.Act.UNIT_RENAMED, unit_id, name=vi, day=valid_from.isoformat()
        )


def _end(who: Visitor, unit_id: str, form: Mapping[str, str]) -> str:
    end(who, unit_id, _day(form.get("day", "")))
    return unit_id


def end(who: Visitor, unit_id: str, valid_to: date) -> None:
    """End a unit for the visitor, audited.

    Raises:
        VonggacError: as `units.end`.
    """
    with who.desk.database.writing() as connection:
        units.end(connection, unit_id, valid_to=valid_to)
        _record(connection, who, audit.Act.UNIT_ENDED, unit_id, day=valid_to.isoformat())


def _assign(who: Visitor, unit_id: str, form: Mapping[str, str]) -> str:
    site_id = form.get("site", "")
    if not site_id:
        raise VonggacError(Kind.BAD_INPUT, "site: choose one", code="no_site")
    assign(who, site_id, unit_id)
    return unit_id


def assign(who: Visitor, site_id: str, unit_id: str) -> registry.Site:
    """Say for the visitor in which unit a facility stands, audited.

    Raises:
        VonggacError: NOT_FOUND.
    """
    with who.desk.database.writing() as connection:
        before = units.assign_site(connection, site_id, unit_id)
        site = registry.site(connection, site_id)
        assert site is not None, "just assigned"
        _record(
            connection, who, audit.Act.SITE_ASSIGNED, site.name, **{"from": before, "to": unit_id}
        )
    return site


def _record(
    connection: Connection, who: Visitor, act: audit.Act, thing: str, **detail: object
) -> None:
    audit.record(connection, who.actor, act, now_ns=who.desk.now_ns(), thing=thing, detail=detail)


def _day(text: str) -> date:
    try:
        return dates.read_day(text)
    except ValueError as error:
        raise VonggacError(Kind.BAD_INPUT, f"day: {error}", code="bad_day") from error
