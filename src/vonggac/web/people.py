"""People and roles: who holds what over which scope, giving a role and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import NS
from vonggac.domain import access, audit, registry, roles, units
from vonggac.domain.access import Act
from vonggac.domain.duties import LINES, act_words, duties, line_words
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.duties import Line

routes = APIRouter(include_in_schema=False)

WAYS = ("now", "later", "over")
"""Which roles are listed: held now, given for later, over."""

FAULTS: Mapping[str, str] = {
    "unknown_role": "Chọn một vai trò trong danh sách.",
    "no_reason": "Ghi lý do, một câu là đủ (nhiều nhất 300 chữ).",
    "secret_mark": "Không được gắn nội dung có dấu MẬT. Hãy giữ nội dung đó ngoài phần mềm này.",
    "bad_line": "Chọn một loại hình trong danh sách.",
    "fixed_line": "Vai trò này chỉ có trên một loại hình quản lý.",
    "needs_line": "Vai trò này phải chọn một loại hình quản lý.",
    "needs_sites": "Vai trò này phải chọn cơ sở.",
    "too_many_sites": "Chọn ít cơ sở hơn, hoặc giao theo đơn vị.",
    "site_elsewhere": "Có cơ sở không nằm trong đơn vị đã chọn.",
    "site_other_line": "Có cơ sở không thuộc loại hình đã chọn.",
    "must_end": "Vai trò này phải có ngày kết thúc.",
    "ends_before": "Ngày kết thúc phải sau ngày bắt đầu và sau hôm nay.",
    "bad_time": "Ngày không đọc được.",
    "own_role": "Không ai tự giao vai trò cho mình. Hãy nhờ một quản trị khác.",
    "no_account": "Chọn một người.",
    "unit_unknown": "Không có đơn vị nào tên như vậy. Thử ít chữ hơn, có dấu hoặc không dấu.",
    "unit_over": "Đơn vị này không còn. Nếu đơn vị nay thay nó là đơn vị bạn cần, hãy chọn.",
    "unit_ambiguous": "Có nhiều đơn vị cùng tên. Hãy chọn một trong danh sách.",
    "no_role": "Vai trò của bạn không được giao vai trò.",
    "not_in_time": "Vai trò của bạn đã hết hạn.",
    "outside_scope": "Phạm vi này vượt quá phạm vi của bạn.",
    "military_line": "Chỉ bộ chỉ huy quân sự cho phép xem cơ sở do quân đội quản lý.",
    "not_given": "Vai trò của bạn không được giao vai trò này.",
    "body_elsewhere": "Cơ quan này nằm ngoài phạm vi của bạn.",
    "narrowed": "Phiên này không được giao vai trò.",
    "role_over": "Vai trò này đã kết thúc.",
    "last_administrator": "Đây là quản trị cuối cùng. Hãy giao quản trị cho người khác trước.",
}
"""What is said of a role that cannot be given or ended, by the codes of `roles.Refused`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A role as the list shows it."""

    row: roles.Row
    name: str
    scope: tuple[str, ...]
    """Unit, line and sites, in words; empty is everything."""
    body: str
    way: str
    may_end: bool


def shown_roles(connection: Connection, who: Visitor) -> list[Shown]:
    """Every role whose scope the visitor may look at, newest end last."""
    now_ns = who.desk.now_ns()
    today = words.day_of(now_ns)
    known = duties(today)
    sites = {site.id: site for site in registry.sites(connection)}
    named: dict[str, str] = {}

    def called(unit_id: str) -> str:
        if unit_id not in named:
            one = units.unit(connection, unit_id, today)
            named[unit_id] = one.vi if who.t.language == "vi" else one.en
        return named[unit_id]

    found = []
    for row in roles.rows(connection):
        things = roles.scope(connection, row.unit, row.line, row.sites)
        if not _is_shown(who, row, things):
            continue
        duty = known.get(row.role)
        scope = [called(row.unit)] if row.unit else []
        if row.line:
            scope.append(who.t.of(line_words()[row.line]))
        scope += [sites[one].title or sites[one].name for one in row.sites if one in sites]
        found.append(
            Shown(
                row=row,
                name=who.t.of(duty.name) if duty else row.role,
                scope=tuple(scope),
                body=called(row.body) if row.body else "",
                way="over" if row.to_ns is not None and row.to_ns <= now_ns
                else "later" if row.from_ns > now_ns else "now",
                may_end=all(who.may(Act.ROLES_EDIT, thing) for thing in things),
            )
        )  # fmt: skip
    return found


# -- the list --------------------------------------------------------------------------------


@routes.get("/roles")
def roles_page(
    who: Annotated[Visitor, Depends(visitor)], show: str = "now", q: str = "", ending: str = ""
) -> Response:
    """Who holds which role over what, why and until when.

    Args:
        who: the visitor.
        show: now, later or over.
        q: words of a name, a role or a scope, diacritics or not.
        ending: the role whose end is being asked for.
    """
    return _roles_page(who, show=show, q=q, ending=ending)


def _roles_page(
    who: Visitor,
    *,
    show: str = "now",
    q: str = "",
    ending: str = "",
    fault: str = "",
    status: int = 200,
) -> Response:
    with who.desk.database.reading() as connection:
        every = shown_roles(connection, who)
        holders = {one.row.account_id for one in every if one.way == "now"}
        idle = [one for one in roles.holders(connection) if one.id not in holders]
    show = show if show in WAYS else "now"
    wanted = units.folded(q).split()
    rows = [one for one in every if one.way == show and _matches(one, wanted)]
    return who.page(
        "roles.html",
        {
            "rows": rows,
            "counts": {way: sum(one.way == way for one in every) for way in WAYS},
            "show": show,
            "q": q,
            "ending": ending,
            "fault": fault,
            "idle": idle if who.may(Act.PEOPLE_SEE, access.SYSTEM) else [],
        },
        section="roles",
        status=status,
    )


def _matches(one: Shown, wanted: Sequence[str]) -> bool:
    text = units.folded(
        " ".join((one.row.account, one.row.full_name, one.name, one.body, *one.scope))
    )
    return all(word in text for word in wanted)


@routes.post("/roles/{role_id}/end")
async def end_send(request: Request, role_id: str) -> Response:
    """End a role now."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_end_send, request, role_id, form)


def _end_send(request: Request, role_id: str, form: Mapping[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    try:
        end(who, role_id, form.get("reason", ""))
    except roles.Refused as refused:
        said = who.t(FAULTS[refused.code])
        show = form.get("show", "now")
        return _roles_page(who, show=show, ending=role_id, fault=said, status=422)
    return RedirectResponse("/roles", 303)


def end(who: Visitor, role_id: str, reason: str) -> roles.Row:
    """End a role for the visitor, audited.

    Raises:
        roles.Refused: it cannot be ended, or not by this visitor.
        VonggacError: NOT_FOUND.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        _check_shown(connection, who, role_id)
        row = roles.end(connection, who.person, role_id, reason=reason, now_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            audit.Act.ROLE_ENDED,
            now_ns=now_ns,
            thing=row.account,
            purpose=row.ended_reason or "",
            detail={"role": row.role, "unit": row.unit, "line": row.line},
        )
    return row


def _check_shown(connection: Connection, who: Visitor, role_id: str) -> None:
    row = roles.held_row(connection, role_id)
    if who.may(Act.ROLES_EDIT, access.SYSTEM):
        return
    if not _is_shown(who, row, roles.scope(connection, row.unit, row.line, row.sites)):
        raise VonggacError(Kind.NOT_FOUND, "nobody holds such a role")


def _is_shown(who: Visitor, row: roles.Row, things: Sequence[access.Thing]) -> bool:
    is_own = row.account_id == who.person.account_id
    return is_own or any(
        who.may(act, thing) for act in (Act.PEOPLE_SEE, Act.ROLES_EDIT) for thing in things
    )


# -- giving ----------------------------------------------------------------------------------


@routes.get("/roles/new")
def give_page(
    who: Annotated[Visitor, Depends(visitor)], account: str = "", unit: str = "", role: str = ""
) -> Response:
    """The form that gives a role."""
    return _give_page(who, Form({"account": account, "unit_id": unit, "role": role}))


def _give_page(
    who: Visitor,
    form: Form,
    *,
    chosen: Sequence[str] = (),
    found: Sequence[units.Unit] = (),
    status: int = 200,
) -> Response:
    now_ns = who.desk.now_ns()
    today = words.day_of(now_ns)
    with who.desk.database.reading() as connection:
        hidden = _only_elsewhere(connection, who, now_ns) | {who.person.account_id}
        people = [one for one in roles.holders(connection) if one.id not in hidden]
        unit_id = str(form.values.get("unit_id", ""))
        unit = _known_unit(connection, unit_id, today)
        sites = rights.shown_sites(connection, who, Act.FACILITY_SEE)
        bodies = _bodies(connection, who, unit, today)
    known = [duty for duty in duties(today).values() if _gives(who, duty.code, now_ns)]
    return who.page(
        "role_give.html",
        {
            "form": form,
            "people": people,
            "duties": known,
            "act_words": act_words(),
            "lines": line_words(),
            "unit": unit,
            "found": found,
            "sites": sites,
            "chosen": set(chosen),
            "bodies": bodies,
            "today": today.isoformat(),
        },
        section="roles",
        status=status,
    )


def _only_elsewhere(connection: Connection, who: Visitor, now_ns: int) -> set[str]:
    """Accounts whose every role is held where the visitor sees no people: not his to be told.

    Of one that holds none any more, those count that it held.
    """
    if who.may(Act.PEOPLE_EDIT, access.SYSTEM):
        return set()
    shown = {one.row.id for one in shown_roles(connection, who)}
    return {
        account_id
        for account_id, its in roles.counting(roles.rows(connection), now_ns).items()
        if not any(row.id in shown for row in its)
    }


def _known_unit(connection: Connection, unit_id: str, today: date) -> units.Unit | None:
    if not unit_id:
        return None
    try:
        return units.unit(connection, unit_id, today)
    except VonggacError:
        return None


def _bodies(
    connection: Connection, who: Visitor, unit: units.Unit | None, today: date
) -> list[units.Unit]:
    """Bodies that may be acted for: those of the units above the chosen one, or above us."""
    if unit is not None:
        path = [one.id for one in units.path(connection, unit.id, today)]
    else:
        path = list(who.here.path) if who.here else []
    now_ns = who.desk.now_ns()
    return [
        one
        for above in path
        for one in units.below(connection, above, today)
        if one.kind == "body"
        and any(
            roles.may_name(connection, who.person, one.id, line, now_ns=now_ns)
            for line in (None, *LINES)
        )
    ]


def _gives(who: Visitor, code: str, now_ns: int) -> bool:
    """Whether some role of the visitor gives this one somewhere; `roles.give` says where."""
    known = duties(words.day_of(now_ns))
    return any(
        {"*", code} & known[held.role].gives for held in who.person.held if held.lasts(now_ns)
    )


@routes.post("/roles/new")
async def give_send(request: Request) -> Response:
    """Look for a unit, or give the role."""
    sent = await request.form()
    sites = [value for value in sent.getlist("sites") if isinstance(value, str)]
    form = form_values(dict(sent))
    return await run_in_threadpool(_give_send, request, form, sites)


def _give_send(request: Request, form: dict[str, str], sites: Sequence[str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    faults: dict[str, str] = {}
    found: list[units.Unit] = []
    typed = form.get("unit", "").strip()
    if typed:
        with who.desk.database.reading() as connection:
            found = units.search(connection, typed, words.day_of(who.desk.now_ns()), limit=12)
            gone = (
                [] if found else units.succeeded(connection, typed, words.day_of(who.desk.now_ns()))
            )
        if len(found) == 1:
            form["unit_id"], form["unit"] = found[0].id, ""
        elif gone:  # never chosen by itself: it is another body than the one that was typed
            found = [link.unit for _, link in gone if link.unit is not None]
            faults["unit"] = who.t(FAULTS["unit_over"])
        else:
            faults["unit"] = who.t(FAULTS["unit_ambiguous" if found else "unit_unknown"])
    if faults or form.get("do") == "find":
        return _give_page(
            who, Form(form, faults), chosen=sites, found=found, status=422 if faults else 200
        )
    try:
        give(who, form.get("account", ""), _draft(form, sites))
    except roles.Refused as refused:
        faulty = Form(
            form, {_FIELDS.get(refused.field, refused.field): who.t(FAULTS[refused.code])}
        )
        return _give_page(who, faulty, chosen=sites, status=422)
    return RedirectResponse("/roles", 303)


_FIELDS: Mapping[str, str] = {"from": "from_day", "to": "to_day"}


def give(who: Visitor, account_id: str, draft: roles.Draft) -> str:
    """Give a role for the visitor, audited; returns the row's id.

    Raises:
        roles.Refused: a rule of the role, or the visitor may not.
        VonggacError: NOT_FOUND, no such unit or site; no such account, or not one for the visitor.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        person = next((one for one in roles.holders(connection) if one.id == account_id), None)
        if person is None or account_id in _only_elsewhere(connection, who, now_ns):
            raise roles.Refused(
                Kind.NOT_FOUND, "no_account", "account: there is no such account", "account"
            )
        row_id = roles.give(connection, who.person, account_id, draft, now_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            audit.Act.ROLE_GIVEN,
            now_ns=now_ns,
            thing=person.name,
            purpose=draft.reason,
            detail={
                "role": draft.role,
                "unit": draft.unit,
                "line": draft.line,
                "sites": ", ".join(draft.sites)[:300],
            },
        )
    return row_id


def _draft(form: Mapping[str, str], sites: Sequence[str]) -> roles.Draft:
    line = form.get("line", "")
    return roles.Draft(
        role=form.get("role", ""),
        reason=form.get("reason", ""),
        unit=form.get("unit_id") or None,
        line=_line_of(line),
        sites=tuple(dict.fromkeys(sites)),
        body=form.get("body") or None,
        from_ns=_start(form.get("from_day", "")),
        to_ns=_end_of(form.get("to_day", "")),
    )


def _line_of(text: str) -> Line | None:
    match text:
        case "military" | "paid_hotel" | "civil":
            return text
        case "":
            return None
        case _:
            raise roles.Refused(Kind.BAD_INPUT, "bad_line", "line: there is no such line", "line")


def _start(text: str) -> int | None:
    return _day(text, "from_day") if text else None


def _end_of(text: str) -> int | None:
    """A role lasts through the day that is named as its last."""
    return _day(text, "to_day") + 86_400 * NS if text else None


def _day(text: str, field: str) -> int:
    try:
        return words.start_of(dates.read_day(text))
    except ValueError as error:
        raise roles.Refused(Kind.BAD_INPUT, "bad_time", f"{field}: {error}", field) from error
