"""Danh mục cơ sở: the list, the forms, and what pages and API of the register share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    audit,
    coverage,
    guide,
    pictures,
    register,
    register_places,
    units,
)
from vonggac.domain.access import UNASSIGNED, Act
from vonggac.domain.duties import LINES, line_words
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.web import dates, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.register import Facility, Known
    from vonggac.domain.rules import ForbiddenZone

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

PAGE = 50
"""Facilities of one page of the list."""

FAULTS: Mapping[str, str] = {
    "missing": "Ô này phải có.",
    "bad_name": "Dùng chữ thường không dấu, số và dấu gạch nối, ví dụ sl-05.",
    "name_taken": "Mã này không dùng được. Hãy chọn mã khác.",
    "name_fixed": "Mã không đổi được.",
    "too_long": "Quá dài.",
    "secret_mark": "Không ghi nội dung mang dấu MẬT.",
    "bad_choice": "Chọn một mục trong danh sách.",
    "bad_number": "Ghi một số từ 0 đến 100.000.",
    "bad_days": "Từ 1 đến 3650 ngày.",
    "bad_day": "Ghi ngày dạng 31/12/2026.",
    "ends_before": "Ngày ngừng phải ở sau ngày đưa vào sử dụng.",
    "unit_unknown": "Không có đơn vị nào tên như vậy.",
    "unit_ambiguous": "Có nhiều đơn vị cùng tên. Ghi mã đơn vị.",
    "kept_by_config": "Nằm trong tệp cấu hình của cơ sở. Hãy sửa ở đó.",
    "not_covered": "Chưa có kết luận đủ camera, nên cơ sở chưa được tiếp nhận người.",
    "bad_phone": "Số điện thoại gồm chữ số, dấu cách, dấu +, dấu gạch.",
    "bad_email": "Ghi dạng ten@co-quan.vn.",
    "unknown_zone": "Chọn một khu vực trong danh sách.",
    "door_twice": "Có cửa đã ghi ở khu vực khác.",
    "no_picture": "Đính kèm ít nhất một ảnh.",
    "no_file": "Đính kèm ít nhất một ảnh.",
    "picture_large": "Ảnh nhiều nhất 5 MB và 60 triệu điểm.",
    "picture_kind": "Dùng ảnh JPEG hoặc PNG.",
    "picture_broken": "Ảnh bị hỏng, không đọc được.",
    "area_in_use": "Còn camera nhìn khu vực này. Hãy chuyển camera trước.",
    "stale_form": "Người khác vừa sửa cơ sở này. Hãy mở lại biểu mẫu.",
}
"""What is said of a field of the register, by the codes of the domain."""


# -- the list --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """What a list is asked for."""

    q: str = ""
    unit: str = ""
    line: str = ""
    status: str = ""
    offset: int = 0
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class Row:
    """A facility of the list: what everybody may know who may know that it is there."""

    it: Facility
    unit: str
    cameras: int
    recording: int
    has_details: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, with the counts of what was not chosen."""

    rows: Sequence[Row]
    found: int
    every: int
    lines: Mapping[str, int]
    statuses: Mapping[str, int]


def listing(connection: Connection, who: Visitor, ask: Ask) -> Listing:
    """The facilities that the visitor may see and asks for; the search heeds no diacritics."""
    who.signed_in  # noqa: B018 - refuses who may not look
    things, now_ns = access.things_of_sites(connection), who.desk.now_ns()
    seen = set(access.allowed(who.person, Act.FACILITY_SEE, things, now_ns=now_ns))
    details = set(access.allowed(who.person, Act.FACILITY_DETAILS, things, now_ns=now_ns))
    wanted = units.folded(ask.q)[:200].split()
    matching: list[str] = []
    lines: dict[str, int] = dict.fromkeys(LINES, 0)
    statuses = dict.fromkeys(register.kinds().statuses, 0)
    for one in register.known(connection):
        if one.id not in seen or (ask.unit and ask.unit not in things[one.id].path):
            continue
        if wanted and not _matches(one, wanted, has_details=one.id in details):
            continue
        fits_line = not ask.line or one.line == ask.line
        fits_status = not ask.status or one.status == ask.status
        lines[one.line] += fits_status
        statuses[one.status] += fits_line
        if fits_line and fits_status:
            matching.append(one.id)
    page = matching[ask.offset : ask.offset + ask.limit]
    known = register.facilities(connection, page)
    counts = register.camera_counts(connection, page)
    names = units.names_of_sites(connection, words.day_of(now_ns), page)
    rows = [
        Row(known[one], who.t.of(names[one]) if one in names else "", *counts.get(one, (0, 0)),
            one in details)
        for one in page
    ]  # fmt: skip
    return Listing(rows, len(matching), len(seen), lines, statuses)


def _matches(one: Known, wanted: Sequence[str], *, has_details: bool) -> bool:
    # Where only the name may be known, an address must not be found out by searching for it.
    text = one.folded if has_details else ""
    if not text:
        said = f"{one.name} {one.title}"
        text = units.folded(f"{said} {one.address}" if has_details else said)
    return all(word in text for word in wanted)


@routes.get("/facilities")
def facilities(
    who: Signed, q: str = "", unit: str = "", line: str = "", status: str = "", page: str = "1"
) -> Response:
    """Every facility of the visitor's scope: name, counts, and how to find one among thousands."""
    return list_page(who, Ask(q, unit, line, status), page)


def list_page(who: Visitor, ask: Ask | None = None, page: str = "1") -> Response:
    """The list, also where somebody sees no facility but in the list."""
    asked = ask or Ask()
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    number = max(1, number)
    ask = Ask(
        asked.q[:200], asked.unit[:40], asked.line if asked.line in LINES else "",
        asked.status if asked.status in register.kinds().statuses else "", (number - 1) * PAGE,
    )  # fmt: skip
    with who.desk.database.reading() as connection:
        found = listing(connection, who, ask)
        unit_name = _unit_name(connection, who, ask.unit) if ask.unit else ""
        held_back = register.held_back(connection, [row.it for row in found.rows])
    return who.page(
        "facilities.html",
        {
            "found": found,
            "held_back": held_back,
            "ask": ask,
            "page": number,
            "pages": max(1, -(-found.found // PAGE)),
            "unit_name": unit_name,
            "line_names": {code: who.t.of(said) for code, said in line_words().items()},
            "status_names": {
                code: who.t.of(said) for code, said in register.kinds().statuses.items()
            },
            "may_edit": who.can(Act.FACILITY_EDIT),
            "may_take": who.can(Act.FACILITY_DETAILS),
        },
        section="facilities",
    )


def _unit_name(connection: Connection, who: Visitor, unit_id: str) -> str:
    if unit_id == UNASSIGNED:
        return ""
    try:
        found = units.unit(connection, unit_id, words.day_of(who.desk.now_ns()))
    except VonggacError:
        return ""
    return found.vi if who.t.language == "vi" else found.en


# -- a facility's form -----------------------------------------------------------------------


@routes.get("/facilities/new")
def new_form(who: Signed) -> Response:
    """An empty form."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        days = guide.number(connection, "retention_days", words.day_of(who.desk.now_ns()))
    return _form_page(who, None, Form({"status": "preparing", "retention_days": str(days)}))


@routes.post("/facilities/new")
async def new_send(request: Request) -> Response:
    """Register a facility."""
    values = form_values(dict(await request.form(max_files=0, max_fields=40)))

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = add(who, _draft(who, values, None))
        except VonggacError as error:
            return _form_page(who, None, Form(values, said_of(who, error)), status=422)
        return RedirectResponse(f"/facilities/{made.id}/edit", 303)

    return await run_in_threadpool(enter)


@routes.get("/facilities/{site_id}/edit")
def edit_form(who: Signed, site_id: str) -> Response:
    """Profile and contacts of a facility."""
    with who.desk.database.reading() as connection:
        found = register.facility(connection, site_id)
        values = _values_of(connection, who, found)
    return _form_page(who, found, Form(values))


@routes.post("/facilities/{site_id}/edit")
async def edit_send(request: Request, site_id: str) -> Response:
    """Change a facility."""
    values = form_values(dict(await request.form(max_files=0, max_fields=40)))

    def change() -> Response:
        who = visitor(request)
        who.check_form(values)
        with who.desk.database.reading() as connection:
            found = register.facility(connection, site_id)
        made_from = values.get("revision", "")
        is_number = made_from.isascii() and made_from.isdigit()
        revision = int(made_from[:10]) if is_number else None
        try:
            edit(who, site_id, _draft(who, values, found), revision)
        except VonggacError as error:
            return _form_page(who, found, Form(values, said_of(who, error)), status=422)
        return RedirectResponse(f"/?site={site_id}", 303)

    return await run_in_threadpool(change)


def _form_page(
    who: Visitor,
    found: Facility | None,
    form: Form,
    *,
    contact: Form | None = None,
    status: int = 200,
) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        contacts = register.contacts(connection, [found.id]) if found else {}
        service = register.service(connection, found.id) if found else []
        held_back = bool(found and register.held_back(connection, [found]))
        kept = guide.rule(connection, "retention_days", words.day_of(who.desk.now_ns()))
    return who.page(
        "facility_form.html",
        {
            "it": found,
            "form": form,
            "contact_form": contact or Form(),
            "held_back": held_back,
            "kept": found is not None and found.id == who.desk.sites.own_id,
            "contacts": {kind: one for (_, kind), one in contacts.items()},
            "service": service,
            "retention": kept,
            "kinds": register.kinds(),
            "state_choices": [
                (code, who.t.of(said)) for code, said in register.kinds().statuses.items()
            ],
            "lines": {code: who.t.of(said) for code, said in line_words().items()},
            "write_day": dates.write_day,
        },
        section="facilities",
        status=status,
    )


def _values_of(connection: Connection, who: Visitor, found: Facility) -> dict[str, str]:
    values = {}
    for one in fields(found.said):
        value = getattr(found.said, one.name)
        if one.name in ("opened_on", "closed_on"):
            value = dates.write_day(value) if value else ""
        values[one.name] = "" if value is None else str(value)
    name = _unit_name(connection, who, found.said.unit_id)
    if name and _unit(connection, name) == found.said.unit_id:
        values["unit_id"] = name
    elif found.said.unit_id == UNASSIGNED:
        values["unit_id"] = ""
    return {**values, "revision": str(found.revision)}


def _draft(who: Visitor, values: Mapping[str, str], found: Facility | None) -> register.Draft:
    """A form as a draft.

    Raises:
        Unacceptable: a field cannot be read.
    """
    problems: list[Problem] = []
    read: dict[str, Any] = {}
    for name in ("title", "address", "owner_line", "status", "note"):
        read[name] = values.get(name, "")
    for name in ("capacity", "rooms", "floors", "retention_days"):
        read[name] = _number(values.get(name, ""), name, problems)
    for name in ("opened_on", "closed_on"):
        read[name] = _day(values.get(name, ""), name, problems)
    read["retention_days"] = read["retention_days"] or 0
    with who.desk.database.reading() as connection:
        try:
            read["unit_id"] = _unit(connection, values.get("unit_id", ""))
        except ValueError as error:
            problems.append(Problem("unit_id", str(error), "unit_id: which unit?"))
    if problems:
        raise Unacceptable(problems)
    return register.Draft(name=found.said.name if found else values.get("name", ""), **read)


def _number(text: str, name: str, problems: list[Problem]) -> int | None:
    text = text.strip().replace(".", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        problems.append(Problem(name, "bad_number", f"{name}: a number"))
        return None
    return int(text)


def _day(text: str, name: str, problems: list[Problem]) -> date | None:
    if not text.strip():
        return None
    try:
        return dates.read_day(text)
    except ValueError:
        problems.append(Problem(name, "bad_day", f"{name}: as 31/12/2026"))
        return None


def _unit(connection: Connection, text: str) -> str:
    """The unit of this id or of this name today.

    Raises:
        ValueError: `unit_unknown` or `unit_ambiguous`.
    """
    text = register.clean(text)[:200]
    if not text:
        return UNASSIGNED
    found = register.units_called(connection, text)
    if len(found) != 1:
        raise ValueError("unit_ambiguous" if found else "unit_unknown")
    return found.pop()


def said_of(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is wrong with which field, in the visitor's language.

    Raises:
        VonggacError: the error is about no field.
    """
    if isinstance(error, Unacceptable):
        return {
            one.field: refused_place(who, one.place)
            if one.place is not None
            else who.t(FAULTS[one.code])
            for one in error.problems
        }
    told = error.detail.get("fields")
    if isinstance(told, dict):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in told.items()}
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        return {"title": who.t(FAULTS[code])}
    raise error


def refused_place(who: Visitor, place: ForbiddenZone) -> str:
    """The sentence that refuses a place, with the rule that it stands in."""
    return who.t(
        "{refusal} Theo {rule}.",
        refusal=who.t.of(place.refusal),
        rule=who.t.of(who.desk.placement.name),
    )


# -- what pages and API share ----------------------------------------------------------------


def add(who: Visitor, draft: register.Draft) -> Facility:
    """Register a facility in a unit where the visitor may.

    Raises:
        Unacceptable: the draft has problems.
        VonggacError: FORBIDDEN.
    """
    by, now_ns = who.signed_in.account.name, who.desk.now_ns()
    draft = register.cleaned(draft)
    if problems := register.check(draft):
        raise Unacceptable(problems)
    _require_there(who, draft)
    with who.desk.database.writing() as connection:
        made = register.add(connection, draft, site_id=new_id(), by=by, now_ns=now_ns)
        _record(connection, who, audit.Act.FACILITY_ADDED, made.id, name=made.said.name)
    return made


def edit(who: Visitor, site_id: str, draft: register.Draft, revision: int | None) -> Facility:
    """Change a facility; moving it needs the right in the unit where it goes, too.

    Raises:
        Unacceptable: the draft has problems.
        VonggacError: FORBIDDEN; CONFLICT, somebody edited it meanwhile.
    """
    by, now_ns = who.signed_in.account.name, who.desk.now_ns()
    draft = register.cleaned(draft)
    if problems := register.check(draft):
        raise Unacceptable(problems)
    _require_there(who, draft)
    with who.desk.database.writing() as connection:
        before = register.facility(connection, site_id)
        made = register.edit(
            connection, site_id, draft, revision=revision, kept=site_id == who.desk.sites.own_id,
            by=by, now_ns=now_ns,
        )  # fmt: skip
        changed = [
            one.name
            for one in fields(draft)
            if getattr(before.said, one.name) != getattr(made.said, one.name)
        ]
        _record(connection, who, audit.Act.FACILITY_EDITED, site_id, fields=changed)
    return made


def _require_there(who: Visitor, draft: register.Draft) -> None:
    """Refuse a place in the register where the visitor may not write."""
    line: Any = draft.owner_line if draft.owner_line in LINES else None
    with who.desk.database.reading() as connection:
        if draft.unit_id == UNASSIGNED:
            thing = access.Thing("unit", UNASSIGNED, (UNASSIGNED,), line)
        else:
            try:
                thing = access.thing_of_unit(connection, draft.unit_id, line)
            except VonggacError as error:
                problem = Problem("unit_id", "unit_unknown", "unit_id: there is no such unit")
                raise Unacceptable([problem]) from error
        rights.require(connection, who, Act.FACILITY_EDIT, thing)


def _record(
    connection: Connection, who: Visitor, act: audit.Act, site_id: str, **detail: object
) -> None:
    audit.record(
        connection, who.actor, act, now_ns=who.desk.now_ns(), thing=site_id, site=site_id,
        detail=detail,
    )  # fmt: skip


def set_contact(who: Visitor, site_id: str, contact: register.Contact) -> register.Contact:
    """Write a contact.

    Raises:
        Unacceptable: it has problems.
    """
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        made = register.set_contact(
            connection, site_id, contact, by=who.signed_in.account.name, now_ns=now_ns
        )
        _record(connection, who, audit.Act.CONTACT_EDITED, site_id, kind=made.kind)
    return made


def drop_contact(who: Visitor, site_id: str, kind: str) -> None:
    """Take a contact out.

    Raises:
        VonggacError: NOT_FOUND.
    """
    with who.desk.database.writing() as connection:
        if not register.drop_contact(connection, site_id, kind):
            raise VonggacError(Kind.NOT_FOUND, "there is no such contact")
        _record(connection, who, audit.Act.CONTACT_EDITED, site_id, kind=kind, gone=True)


def set_area(who: Visitor, site_id: str, area: register_places.Area) -> register_places.Area:
    """Write an area with its doors.

    Raises:
        Unacceptable: it has problems.
    """
    with who.desk.database.writing() as connection:
        made = register_places.set_area(connection, site_id, area, placement=who.desk.placement)
        _record(connection, who, audit.Act.AREA_EDITED, site_id, area=made.code)
    return made


def drop_area(who: Visitor, site_id: str, code: str) -> None:
    """Take an area out.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, a camera looks at it.
    """
    with who.desk.database.writing() as connection:
        register_places.drop_area(connection, site_id, code)
        _record(connection, who, audit.Act.AREA_EDITED, site_id, area=code, gone=True)


def tie_door(who: Visitor, site_id: str, name: str, camera_id: str | None) -> register_places.Door:
    """Say which camera sees a door.

    Raises:
        VonggacError: NOT_FOUND.
    """
    with who.desk.database.writing() as connection:
        made = register_places.tie_door(connection, site_id, name, camera_id)
        _record(connection, who, audit.Act.AREA_EDITED, site_id, door=name, camera=camera_id)
    return made


def set_intake(who: Visitor, site_id: str, *, needs_cover: bool, reason: str) -> Facility:
    """Set or lift "no intake until covered".

    Raises:
        VonggacError: BAD_INPUT, no reason.
    """
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        made = register.set_intake(
            connection, site_id, needs_cover=needs_cover, reason=reason,
            by=who.signed_in.account.name, now_ns=now_ns,
        )  # fmt: skip
        _record(connection, who, audit.Act.INTAKE_SET, site_id, needs_cover=needs_cover)
    return made


def keep_picture(who: Visitor, site_id: str, kind: str, content: bytes) -> str:
    """Keep a picture of a facility; its id.

    Raises:
        VonggacError: BAD_INPUT, it is no picture or too large.
    """
    picture = pictures.taken(content)
    with who.desk.database.writing() as connection:
        return coverage.keep_picture(
            connection, site_id, kind, picture, by=who.signed_in.account.name,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def say_absent(who: Visitor, site_id: str, zone: str, reason: str, picture: str) -> None:
    """Say that a facility has no such place.

    Raises:
        VonggacError: BAD_INPUT.
    """
    account = who.signed_in.account
    with who.desk.database.writing() as connection:
        coverage.say_absent(
            connection, site_id, zone, reason=reason, picture=picture,
            placement=who.desk.placement, by=(account.name, account.full_name),
            now_ns=who.desk.now_ns(),
        )  # fmt: skip
        _record(connection, who, audit.Act.AREA_EDITED, site_id, zone=zone, absent=True)


def take_back_absence(who: Visitor, site_id: str, zone: str) -> None:
    """The facility has such a place after all.

    Raises:
        VonggacError: NOT_FOUND.
    """
    with who.desk.database.writing() as connection:
        if not coverage.take_back_absence(connection, site_id, zone):
            raise VonggacError(Kind.NOT_FOUND, "nobody said that there is none")
        _record(connection, who, audit.Act.AREA_EDITED, site_id, zone=zone, absent=False)


def conclude(
    who: Visitor, site_id: str, *, enough: bool, said: str, pictures_: Sequence[str]
) -> coverage.Conclusion:
    """Conclude whether cameras are enough.

    Raises:
        VonggacError: BAD_INPUT.
    """
    account = who.signed_in.account
    with who.desk.database.writing() as connection:
        made = coverage.conclude(
            connection, site_id, enough=enough, said=said, pictures=pictures_,
            placement=who.desk.placement, by=(account.name, account.full_name),
            now_ns=who.desk.now_ns(),
        )  # fmt: skip
        _record(connection, who, audit.Act.COVER_CONCLUDED, site_id, enough=enough, id=made.id)
    return made


# -- contacts ---------------------------------------------------------------------------------


@routes.post("/facilities/{site_id}/contacts")
async def contact_send(request: Request, site_id: str) -> Response:
    """Write or take out a contact."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def write() -> Response:
        who = visitor(request)
        who.check_form(values)
        kind = values.get("kind", "")[:20]
        try:
            if values.get("do") == "drop":
                drop_contact(who, site_id, kind)
            else:
                set_contact(who, site_id, _contact(who, values))
        except Unacceptable as error:
            with who.desk.database.reading() as connection:
                found = register.facility(connection, site_id)
                form = Form(_values_of(connection, who, found))
            wrong = Form(values, said_of(who, error))
            return _form_page(who, found, form, contact=wrong, status=422)
        return RedirectResponse(f"/facilities/{site_id}/edit#contacts", 303)

    return await run_in_threadpool(write)


def _contact(who: Visitor, values: Mapping[str, str]) -> register.Contact:
    problems: list[Problem] = []
    day = _day(values.get("verified_day", ""), "verified_day", problems)
    if problems:
        raise Unacceptable(problems)
    texts: dict[str, Any] = {
        one.name: values.get(one.name, "")[:1000]
        for one in fields(register.Contact)
        if one.name != "verified_day"
    }
    if values.get("verified_today"):
        day = words.day_of(who.desk.now_ns())
    return register.Contact(**texts, verified_day=day)


async def sent_pictures(request: Request, *, files: int) -> tuple[dict[str, str], list[bytes]]:
    """The text fields of a form, and its pictures, each bounded."""
    async with request.form(max_files=files, max_fields=20) as form:
        found = [
            await one.read(pictures.MAX_PICTURE + 1)
            for one in form.getlist("picture")
            if isinstance(one, UploadFile)
        ]
        return form_values(dict(form)), [one for one in found if one]
