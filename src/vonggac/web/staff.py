"""Administration of accounts: the list, one person, accounts from a sheet, the access review.

Whoever administers a part of the tree sees and changes the accounts whose every role lies in it,
and no other (`roles.within`): they answer as if they were not there.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    accounts,
    audit,
    roles,
    roster,
    second_factor,
    sessions,
    settings,
)
from vonggac.domain.audit import Act
from vonggac.domain.duties import duties, line_words
from vonggac.errors import Kind, VonggacError
from vonggac.hub import idle
from vonggac.web import account as own
from vonggac.web import words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xlsxwriter

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FAULTS: Mapping[str, str] = {
    "name_not_plain": "Tên đăng nhập gồm 2 đến 50 chữ thường không dấu, số, dấu chấm, gạch.",
    "full_name_missing": "Ghi họ và tên, từ 2 đến 100 chữ.",
    "name_taken": "Tên đăng nhập này đã có người dùng.",
    "name_twice": "Tên đăng nhập này có hai lần trong bảng.",
    "unknown_role": "Không có vai trò này. Trang thứ hai của mẫu liệt kê các vai trò.",
    "unit_unknown": "Không có đơn vị nào tên như vậy.",
    "unit_ambiguous": "Có nhiều đơn vị cùng tên. Ghi mã đơn vị.",
    "site_unknown": "Không có cơ sở nào tên như vậy.",
    "bad_line": "Loại cơ sở không đúng. Trang thứ hai của mẫu liệt kê các loại.",
    "bad_day": "Ghi ngày dạng 31/12/2026.",
    "needs_line": "Vai trò này phải ghi loại cơ sở.",
    "fixed_line": "Vai trò này chỉ dùng cho một loại cơ sở.",
    "needs_sites": "Vai trò này phải ghi cơ sở.",
    "must_end": "Vai trò này phải có ngày kết thúc.",
    "ends_before": "Ngày kết thúc phải ở sau hôm nay.",
    "sheet_empty": "Bảng không có dòng nào.",
    "sheet_too_long": "Bảng quá dài: mỗi lần nhiều nhất {most} dòng.",
    "sheet_unreadable": "Không đọc được tệp này. Hãy dùng tệp .xlsx theo mẫu.",
    "heading_missing": "Thiếu cột “{heading}”. Hãy dùng tệp theo mẫu.",
    "no_file": "Chọn một tệp .xlsx.",
    "last_administrator": (
        "Đây là quản trị cuối cùng còn mở. Hãy giao quản trị cho người khác trước."
    ),
    "not_allowed": "Bạn không được giao vai trò này với phạm vi này.",
}
"""What is said of input that cannot be taken; `not_allowed` stands for every other refusal."""

CLOSED: Mapping[str, str] = {"administrator": "quản trị khóa", "idle": "lâu không dùng"}
"""Why an account is closed."""


# -- the list --------------------------------------------------------------------------------


@routes.get("/accounts")
def accounts_page(
    who: Annotated[Visitor, Depends(visitor)], show: str = "", q: str = ""
) -> Response:
    """The accounts of the visitor's scope, and whether the access review is due."""
    return _accounts_page(who, show=show, q=q)


def _accounts_page(
    who: Visitor,
    *,
    show: str = "",
    q: str = "",
    form: Form | None = None,
    status: int = 200,
) -> Response:
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        idle.close(connection, now_ns, desk.rules)
    with desk.database.reading() as connection:
        everybody = accounts.people(connection)
        reached = _reached(connection, who)
        last = settings.review(connection)
        counts = _session_counts(connection, who)
    people = [one for one in everybody if one.id in reached]
    since_ns = last.at_ns if last else min(one.created_ns for one in everybody)
    due_ns = since_ns + desk.rules.review_months * 365 * accounts.DAY_NS // 12
    kinds = {
        "open": [one for one in people if one.disabled_ns is None],
        "closed": [one for one in people if one.disabled_ns is not None],
        "no_factor": [
            one for one in people if one.disabled_ns is None and one.factor_since_ns is None
        ],
    }
    shown = kinds.get(show, people)
    wanted = q.strip().casefold()
    return who.page(
        "accounts.html",
        {
            "people": [
                one
                for one in shown
                if not wanted or wanted in one.name or wanted in one.full_name.casefold()
            ],
            "total": len(people),
            "counts": {kind: len(some) for kind, some in kinds.items()},
            "open_sessions": counts,
            "roles": _role_names(who),
            "closed": CLOSED,
            "show": show,
            "q": q,
            "last": last,
            "due_ns": due_ns,
            "is_due": due_ns <= now_ns,
            "notes_review": who.may(access.Act.REVIEW_EXPORT, access.SYSTEM),
            "form": form or Form(),
        },
        status=status,
        section="accounts",
    )


def _reached(connection: Connection, who: Visitor) -> frozenset[str]:
    """Ids of the accounts that the visitor administers."""
    return roles.within(connection, who.person, access.Act.PEOPLE_EDIT, now_ns=who.desk.now_ns())


def _session_counts(connection: Connection, who: Visitor) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for one in sessions.listed(connection, now_ns=who.desk.now_ns(), rules=who.desk.rules):
        counts[one.account_id] = counts.get(one.account_id, 0) + 1
    return counts


def _role_names(who: Visitor) -> Mapping[str, str]:
    known = duties(words.day_of(who.desk.now_ns()))
    return {code: who.t.of(duty.name) for code, duty in known.items()}


# -- a new one -------------------------------------------------------------------------------


@routes.get("/accounts/new")
def new_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """One account with one role; more roles are given on its page."""
    return _new_page(who, Form())


def _new_page(who: Visitor, form: Form, status: int = 200) -> Response:
    known = duties(words.day_of(who.desk.now_ns()))
    return who.page(
        "account_new.html",
        {
            "form": form,
            "duties": list(known.values()),
            "lines": {code: who.t.of(said) for code, said in line_words().items()},
        },
        status=status,
        section="accounts",
    )


@routes.post("/accounts/new")
async def new_send(request: Request) -> Response:
    """Make the account; answers with its slip, once."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_new_send, request, form)


def _new_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    typed = roster.Typed(
        line_number=1,
        **{field: form.get(field, "")[: roster.CELL_LIMIT].strip() for field in roster.HEADINGS},
    )
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        (outcome,) = roster.enter(
            connection, who.person, [typed], reason=_reason(who), now_ns=now_ns
        )
        if outcome.first is not None:
            _record(connection, who, Act.ACCOUNT_MADE, outcome.first.name, role=typed.role)
    if outcome.first is None:
        fault = outcome.fault or "name_taken"
        said = who.t(FAULTS.get(fault, FAULTS["not_allowed"]))
        field = outcome.field if outcome.field in roster.HEADINGS else "until"
        return _new_page(who, Form(values=form, faults={field or "name": said}), 422)
    return _slips_page(who, [(typed.full_name, outcome.first)])


# -- accounts from a sheet -------------------------------------------------------------------


@routes.get("/accounts/sheet")
def sheet_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Where a sheet is sent."""
    return _sheet_page(who)


def _sheet_page(who: Visitor, *, error: str = "", status: int = 200) -> Response:
    return who.page(
        "accounts_sheet.html",
        {"outcomes": None, "error": error, "most": roster.ROWS_LIMIT},
        status=status,
        section="accounts",
    )


@routes.post("/accounts/sheet")
async def sheet_send(request: Request) -> Response:
    """Rehearse a sheet, or enter the rows that were rehearsed."""
    async with request.form() as sent:
        file = sent.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
        form = form_values(dict(sent))
    return await run_in_threadpool(_sheet_send, request, form, content)


def _sheet_send(request: Request, form: dict[str, str], content: bytes) -> Response:
    who = visitor(request)
    who.check_form(form)
    if form.get("do") == "enter":
        return _enter(who, form.get("rows", ""))
    if not content:
        return _sheet_page(who, error=who.t(FAULTS["no_file"]), status=422)
    try:
        rows = roster.read(content)
    except VonggacError as error:
        fault = str(error.detail.get("fault"))
        if fault not in FAULTS:
            raise
        said = who.t(FAULTS[fault], most=roster.ROWS_LIMIT, heading=error.detail.get("heading", ""))
        return _sheet_page(who, error=said, status=422)
    outcomes = _rehearsed(who, rows)
    return who.page(
        "accounts_sheet.html",
        {
            "outcomes": outcomes,
            "said": {one.typed.line_number: _said(who, one) for one in outcomes},
            "made": sum(one.state == "made" for one in outcomes),
            "stands": sum(one.state == "stands" for one in outcomes),
            "wrong": sum(one.state == "fault" for one in outcomes),
            "headings": roster.HEADINGS,
            "rows": msgspec.json.encode([one.typed for one in outcomes]).decode(),
            "error": "",
            "most": roster.ROWS_LIMIT,
        },
        section="accounts",
    )


def _rehearsed(who: Visitor, rows: Sequence[roster.Typed]) -> list[roster.Outcome]:
    """What would become of the rows: everything is done, and undone."""
    with who.desk.database.writing() as connection:
        rehearsal = connection.begin_nested()
        outcomes = roster.enter(
            connection, who.person, rows, reason=_reason(who), now_ns=who.desk.now_ns()
        )
        rehearsal.rollback()
    return outcomes


def _enter(who: Visitor, text: str) -> Response:
    try:
        rows = msgspec.json.decode(text, type=list[roster.Typed])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise VonggacError(Kind.BAD_INPUT, "rows: not as the rehearsal gave them") from error
    if len(rows) > roster.ROWS_LIMIT:
        raise VonggacError(Kind.BAD_INPUT, "rows: too many")
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        outcomes = roster.enter(connection, who.person, rows, reason=_reason(who), now_ns=now_ns)
        for one in outcomes:
            if one.first is not None:
                _record(
                    connection, who, Act.ACCOUNT_MADE, one.first.name, role=one.typed.role[:100]
                )
    slips = [(one.typed.full_name, one.first) for one in outcomes if one.first is not None]
    return _slips_page(who, slips)


def _slips_page(who: Visitor, slips: Sequence[tuple[str, accounts.FirstSignIn]]) -> Response:
    url = _url(who)
    return who.page(
        "slips.html",
        {
            "slips": slips,
            "url": url,
            "qr": own.qr(url) if url else "",
            "rules": who.desk.rules,
        },
        section="accounts",
    )


def _reason(who: Visitor) -> str:
    return f"bảng tài khoản ngày {words.day_of(who.desk.now_ns()):%d/%m/%Y}"


def _said(who: Visitor, outcome: roster.Outcome) -> str:
    if outcome.state != "fault":
        return ""
    return who.t(FAULTS.get(outcome.fault, FAULTS["not_allowed"]))


def new_book(made: io.BytesIO) -> xlsxwriter.Workbook:
    """An empty workbook; what is put into it is text, never a formula."""
    import xlsxwriter  # a tenth of a second of every start, for a file that few ask for

    return xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False})


@routes.get("/accounts/sheet.xlsx")
def sheet_template(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The empty sheet, with the roles that there are on its second page."""
    made = io.BytesIO()
    book = new_book(made)
    bold = book.add_format({"bold": True, "bottom": 1})
    plain = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet(who.t("Tài khoản"))
    for at, (field, heading) in enumerate(roster.HEADINGS.items()):
        sheet.set_column(
            at, at, 30 if field in ("full_name", "role", "unit", "sites") else 18, plain
        )
        sheet.write_string(0, at, heading, bold)
    lists = book.add_worksheet(who.t("Vai trò"))
    lists.set_column(0, 2, 34)
    known = duties(words.day_of(who.desk.now_ns()))
    for at, duty in enumerate(known.values()):
        lists.write_row(at, 0, [who.t.of(duty.name), who.t.of(duty.duty), duty.code])
    for at, (code, said) in enumerate(line_words().items(), start=len(known) + 1):
        lists.write_row(at, 0, [who.t.of(said), "", code])
    first = list(roster.HEADINGS).index("role")
    sheet.data_validation(
        1, first, roster.ROWS_LIMIT, first,
        {"validate": "list", "source": f"='{who.t('Vai trò')}'!$A$1:$A${len(known)}",
         "ignore_blank": True, "error_type": "warning"},
    )  # fmt: skip
    sheet.freeze_panes(1, 0)
    book.close()
    return _file(made.getvalue(), "tai-khoan-mau.xlsx")


def _file(content: bytes, name: str) -> Response:
    return Response(
        content,
        media_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# -- the access review -----------------------------------------------------------------------


@routes.get("/accounts/review.xlsx")
def review_sheet(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Who may see what, since when, until when, given by whom: one row a role."""
    desk, t, now_ns = who.desk, who.t, who.desk.now_ns()
    with desk.database.reading() as connection:
        reached = roles.within(connection, who.person, access.Act.REVIEW_EXPORT, now_ns=now_ns)
        people = {one.id: one for one in accounts.people(connection) if one.id in reached}
        held = [row for row in roles.rows(connection) if row.account_id in reached]
        scopes = _scopes(connection, who, held)
    names = _role_names(who)
    made = io.BytesIO()
    book = new_book(made)
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    sheet = book.add_worksheet(t("Rà soát quyền"))
    headings = (
        t("Tên đăng nhập"), t("Họ và tên"), t("Trạng thái"), t("Vai trò"), t("Phạm vi"),
        t("Từ"), t("Đến"), t("Người giao"), t("Lý do"), t("Đăng nhập gần nhất"),
        t("Xác thực hai lớp"), t("Còn cần? (ghi tay)"),
    )  # fmt: skip
    for at, heading in enumerate(headings):
        sheet.write_string(0, at, heading, bold)
    sheet.set_column(0, len(headings) - 1, 20)
    having = {row.account_id for row in held}
    rows: list[list[str]] = []
    for row in held:
        if row.to_ns is not None and row.to_ns <= now_ns:
            continue
        rows.append(
            [
                *_person_cells(who, people[row.account_id]),
                names.get(row.role, row.role),
                scopes[row.id],
                t.day(row.from_ns),
                "" if row.to_ns is None else t.day(row.to_ns),
                row.given_by,
                row.reason,
                *_use_cells(who, people[row.account_id]),
            ]
        )
    rows += [
        [*_person_cells(who, one), t("không có vai trò"), "", "", "", "", "", *_use_cells(who, one)]
        for one in people.values()
        if one.id not in having
    ]
    for number, cells in enumerate(rows, start=1):
        for at, text in enumerate(cells):
            sheet.write_string(number, at, text)
    sheet.autofilter(0, 0, max(1, len(rows)), len(headings) - 1)
    sheet.freeze_panes(1, 0)
    book.close()
    with desk.database.writing() as connection:
        _record(connection, who, Act.REVIEW, "review.xlsx", rows=len(rows))
    return _file(made.getvalue(), f"ra-soat-quyen-{words.day_of(now_ns).isoformat()}.xlsx")


def _person_cells(who: Visitor, one: accounts.Person) -> list[str]:
    state = who.t("đang mở") if one.disabled_ns is None else who.t("đã khóa")
    return [one.name, one.full_name, state]


def _use_cells(who: Visitor, one: accounts.Person) -> list[str]:
    used = "" if one.signed_in_ns is None else who.t.day(one.signed_in_ns)
    return [used, who.t("có") if one.factor_since_ns is not None else who.t("không")]


def _scopes(connection: Connection, who: Visitor, held: Sequence[roles.Row]) -> Mapping[str, str]:
    """What each role is held over, in words."""
    units, sites = roster.unit_names(connection), roster.site_titles(connection)
    found: dict[str, str] = {}
    for row in held:
        parts: list[str] = []
        if row.unit is not None:
            parts.append(who.t.of(units[row.unit]) if row.unit in units else row.unit)
        if row.line is not None:
            parts.append(who.t.of(line_words()[row.line]))
        if row.sites:
            parts.append(", ".join(sites.get(one, one) for one in row.sites))
        found[row.id] = "; ".join(parts) or who.t("toàn bộ")
    return found


@routes.post("/accounts/review")
async def review_send(request: Request) -> Response:
    """Note that the review was done today."""
    form: dict[str, Any] = form_values(dict(await request.form()))
    return await run_in_threadpool(_review_send, request, form)


def _review_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    with who.desk.database.writing() as connection:
        settings.note_review(connection, who.signed_in.account.name, now_ns=who.desk.now_ns())
        _record(connection, who, Act.REVIEW, "")
    return RedirectResponse("/accounts", 303)


# -- one person ------------------------------------------------------------------------------


@routes.get("/accounts/{account_id}")
def account_page(who: Annotated[Visitor, Depends(visitor)], account_id: str) -> Response:
    """One account: what it holds, where it is open, and what can be done with it."""
    return _account_page(who, account_id)


def _account_page(
    who: Visitor,
    account_id: str,
    *,
    error: str = "",
    slip: accounts.FirstSignIn | None = None,
    status: int = 200,
) -> Response:
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        _check_reached(connection, who, account_id)
        person = accounts.person(connection, account_id)
        held = roles.rows(connection, account_id=account_id)
        open_now = sessions.listed(
            connection, now_ns=now_ns, account_id=account_id, rules=desk.rules
        )
        scopes = _scopes(connection, who, held)
    return who.page(
        "person_account.html",
        {
            "person": person,
            "held": [row for row in held if row.to_ns is None or row.to_ns > now_ns],
            "scopes": scopes,
            "roles": _role_names(who),
            "sessions": open_now,
            "factors": own.FACTORS,
            "closed": CLOSED,
            "error": error,
            "slip": slip,
            "url": _url(who),
            "is_self": who.signed_in.account.id == account_id,
        },
        status=status,
        section="accounts",
    )


def _check_reached(connection: Connection, who: Visitor, account_id: str) -> None:
    """Let nobody beyond this line who does not administer the account.

    Raises:
        VonggacError: NOT_FOUND, also where there is none.
    """
    if account_id not in _reached(connection, who):
        raise VonggacError(Kind.NOT_FOUND, "there is no such account")


@routes.post("/accounts/{account_id}")
async def account_send(request: Request, account_id: str) -> Response:
    """Close or open an account, end its sessions, give a new first password, or forget a factor."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_account_send, request, account_id, form)


def _account_send(request: Request, account_id: str, form: dict[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    desk, now_ns = who.desk, who.desk.now_ns()
    is_self = who.signed_in.account.id == account_id
    with desk.database.reading() as connection:
        _check_reached(connection, who, account_id)
    match form.get("do"):
        case "sessions":
            own.end_sessions(who, account_id, form.get("session") or None)
        case "close" if not is_self:
            try:
                with desk.database.writing() as connection:
                    person = accounts.person(connection, account_id)
                    accounts.disable(connection, account_id, why="administrator", now_ns=now_ns)
                    _record(connection, who, Act.ACCOUNT_CLOSED, person.name)
            except VonggacError as error:
                if error.detail.get("fault") != "last_administrator":
                    raise
                said = who.t(FAULTS["last_administrator"])
                return _account_page(who, account_id, error=said, status=409)
        case "open":
            with desk.database.writing() as connection:
                person = accounts.person(connection, account_id)
                accounts.enable(connection, account_id, now_ns=now_ns)
                _record(connection, who, Act.ACCOUNT_OPENED, person.name)
        case "password" if not is_self:
            with desk.database.writing() as connection:
                slip = accounts.reset_password(
                    connection, account_id, now_ns=now_ns, rules=desk.rules
                )
                _record(connection, who, Act.PASSWORD_RESET, slip.name)
            return _account_page(who, account_id, slip=slip)
        case "factor" if not is_self:
            with desk.database.writing() as connection:
                person = accounts.person(connection, account_id)
                second_factor.remove(connection, account_id)
                sessions.revoke(connection, account_id, now_ns=now_ns)
                slip = accounts.reset_password(
                    connection, account_id, now_ns=now_ns, rules=desk.rules
                )
                _record(connection, who, Act.FACTOR_REMOVED, person.name)
            return _account_page(who, account_id, slip=slip)
        case _:
            raise VonggacError(Kind.BAD_INPUT, "do: sessions, close, open, password or factor")
    return RedirectResponse(f"/accounts/{account_id}", 303)


def _record(connection: Connection, who: Visitor, act: Act, name: str, **detail: object) -> None:
    audit.record(connection, who.actor, act, now_ns=who.desk.now_ns(), thing=name, detail=detail)


def _url(who: Visitor) -> str:
    """How people reach the pages: as configured, else as this request came."""
    return who.desk.config.web.public_url or who.origin
