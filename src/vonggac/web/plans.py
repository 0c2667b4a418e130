"""Pages of connection plans: what a facility lacks, its bill of quantities, who agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, costs, estimates, money, papers, plans, prices, registry, tasks
from vonggac.domain.access import Act
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "bad_number": "Ghi một số nguyên trong giới hạn.",
    "bad_amount": "Ghi số tiền bằng đồng, số nguyên, như 1.234.567.",
    "bad_percent": "Ghi phần trăm từ 0 đến 100, như 8 hoặc 12,5.",
    "too_much": "Số lượng nhân đơn giá quá lớn.",
    "above_asked": "Không được cao hơn số đề nghị.",
    "above_the_last": "Không được cao hơn số của bước trước.",
    "in_the_future": "Không được ở tương lai.",
    "before_the_last": "Không được trước bước trước.",
    "no_date": "Ghi ngày, như 18/11/2026.",
    "no_file": "Chọn một tệp.",
    "file_too_long": "Tệp quá lớn, nhiều nhất 2 MB.",
    "bad_file": "Chỉ nhận tệp PDF, PNG hoặc JPEG.",
    "sheet_unreadable": "Không đọc được tệp này. Hãy dùng tệp .xlsx theo mẫu.",
    "sheet_empty": "Bảng không có dòng nào đọc được.",
    "sheet_too_long": "Bảng quá lớn.",
    "heading_missing": "Bảng thiếu cột. Hãy dùng tệp theo mẫu.",
    "bad_choice": "Không có giá trị này.",
    "twice": "Mã đã có ở dòng trên.",
    "plan_agreed": "Phương án đã được thống nhất. Muốn đổi thì lập phương án mới.",
    "agreed_already": "Bên này đã thống nhất.",
    "empty": "Chưa có dòng nào.",
    "too_many": "Đã đủ số dòng.",
    "stale_form": "Người khác vừa sửa. Hãy mở lại trang rồi sửa tiếp.",
    "submitted_already": "Dự toán đã trình, không sửa được nữa.",
    "not_next": "Dự toán đang chờ bước khác.",
    "not_returned": "Chỉ dự toán bị trả lại mới lập phiên bản mới.",
    "version_taken": "Đã có phiên bản sau.",
    "same_person": "Người lập, người thẩm định và người phê duyệt phải là ba người khác nhau.",
    "not_yours": "Vai trò của bạn không ghi thay bên này.",
}
"""What is said of input of plans and estimates that cannot be taken."""

BASES: Mapping[str, str] = {
    "lack_places": "khu vực đã khai chưa đủ camera:",
    "lack_doors": "tính theo số phòng",
    "lack_floors": "tính theo số tầng",
    "lack_none": "khu vực bắt buộc chưa có camera hoạt động",
    "recorder": "{cameras} camera, mỗi thiết bị {each} camera",
    "disk_measured": "{cameras} camera × {kbit} kbit/s × {days} ngày, thêm {spare} % dự trữ; tốc độ"
    " đo từ sổ ghi hình của {measured} camera; mỗi ổ {tb} TB",
    "disk_default": "{cameras} camera × {kbit} kbit/s × {days} ngày, thêm {spare} % dự trữ; tốc độ"
    " là mặc định của phần mềm; mỗi ổ {tb} TB",
    "switch": "{cameras} camera mới, mỗi bộ {each} cổng dùng được",
    "cable": "{cameras} camera mới × {each} mét, mặc định của phần mềm",
    "ups": "cơ sở chưa có thiết bị ghi báo về",
    "screen": "một màn hình cho chốt trực",
    "line": "danh mục chưa có mã thuê bao đường truyền",
    "trial": "một lần cho cơ sở",
    "person": "người lập thêm",
}
"""From what a line of the bill was reckoned, by the codes of `domain.plan`."""


# -- what pages share ------------------------------------------------------------------------


def faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is wrong with which field, in the visitor's language."""
    fields = error.detail.get("fields")
    if not isinstance(fields, dict) or not set(fields.values()) <= set(FAULTS):
        return {}
    return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}


def refused(
    who: Visitor,
    values: Mapping[str, str],
    error: VonggacError,
    show: Callable[[Form, int], Response],
) -> Response:
    """The page again, with what is wrong; what has no words is raised on."""
    found = faults(who, error)
    if found:
        return show(Form(values, found), 422)
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        return show(Form(values, general=who.t(FAULTS[code])), 409)
    raise error


def number_in(values: Mapping[str, str], field: str) -> int:
    """A whole number from a field, as people group it; -1 for what is none, which is refused."""
    try:
        return money.read(values.get(field, ""))
    except ValueError:
        return -1


def percent_in(values: Mapping[str, str], field: str) -> int:
    """A percentage from a field in hundredths; -1 for what is none, which is refused."""
    try:
        return money.read_percent(values.get(field, ""))
    except ValueError:
        return -1


def day_in(values: Mapping[str, str], field: str) -> date | None:
    """A day from a field; None for what is none."""
    try:
        return dates.read_day(values.get(field, ""))
    except ValueError:
        return None


def today(who: Visitor) -> date:
    """The day in the site's time."""
    return words.day_of(who.desk.now_ns())


def by(connection: Connection, who: Visitor, act: Act, site_id: str) -> Someone:
    """The visitor, who may do this to a facility.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    verdict = rights.require(connection, who, act, access.thing_of_site(connection, site_id))
    return evidence_api.someone(who, verdict)


def allowed(who: Visitor, plan_id: str, act: Act) -> tuple[plans.Plan, Someone]:
    """A plan to which the visitor may do this, and who they are."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = plans.find(connection, plan_id[:40])
        return it, by(connection, who, act, it.site_id)


def my_parties(connection: Connection, who: Visitor, site_id: str) -> list[costs.Party]:
    """The parties whose agreement the visitor may enter: by the role that is held, as the rules."""
    thing = access.thing_of_site(connection, site_id)
    now_ns = who.desk.now_ns()
    roles = {
        held.role
        for held in who.person.held
        if access.may(replace(who.person, held=(held,)), Act.SCHEME_AGREE, thing, now_ns=now_ns)
    }
    return [one for one in costs.parties_of(str(thing.line)) if one.roles & roles]


# -- making ----------------------------------------------------------------------------------


def make(who: Visitor, site_id: str, how: str, months: int) -> plans.Plan:
    """Make a plan for a facility."""
    who.signed_in  # noqa: B018
    desk = who.desk
    with desk.database.reading() as connection:
        actor = by(connection, who, Act.SCHEME_MAKE, site_id)
    with desk.database.writing() as connection:
        return plans.make(
            connection, site_id, how=how, months=months, placement=desk.placement, by=actor,
            now_ns=desk.now_ns(),
        )  # fmt: skip


@routes.post("/plans")
async def plans_send(request: Request) -> Response:
    """Make a plan from what is found now."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        months = number_in(values, "months")
        made = make(who, values.get("site", "")[:40], values.get("how", ""), months)
        return RedirectResponse(f"/plans/{made.id}", 303)

    return await run_in_threadpool(send)


# -- one plan --------------------------------------------------------------------------------


@routes.get("/plans/{connection_plan_id}")
def plan_page(who: Signed, connection_plan_id: str) -> Response:
    """One plan: what is missing, what it takes, who agreed, what was changed."""
    return show(who, connection_plan_id, Form())


def show(who: Visitor, plan_id: str, form: Form, status: int = 200) -> Response:
    """The page of a plan."""
    it, _ = allowed(who, plan_id, Act.SCHEME_SEE)
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, it.site_id)
        parties = costs.parties_of(str(thing.line))
        agreements = plans.agreements(connection, it.id)
        values = {
            "it": it,
            "site": registry.site(connection, it.site_id),
            "lines": plans.lines(connection, it.id),
            "edits": plans.edits(connection, it.id),
            "tasks": tasks.of(connection, f"plan:{it.id}") if who.may(Act.TASK_SEE, thing) else [],
            "may_task": who.may(Act.TASK_MAKE, thing),
            "agreements": agreements,
            "parties": parties,
            "standing": {one.party for one in agreements if one.stands},
            "mine": my_parties(connection, who, it.site_id),
            "estimates": [
                one for one in estimates.listed(connection, [it.site_id])
                if one.connection_plan_id == it.id
            ] if who.may(Act.ESTIMATE_SEE, thing) else [],
            "may_edit": who.may(Act.SCHEME_MAKE, thing) and not it.is_agreed,
            "may_cost": who.may(Act.ESTIMATE_MAKE, thing),
            "may_draft": who.may(Act.SCHEME_MAKE, thing),
            "drafts": papers.of(connection, f"plan:{it.id}")
            if who.may(Act.PAPER_SEE, thing) else [],
            "catalogue": prices.in_force(connection, today(who)),
            "sources": {
                name: Words(**it.facts[name])
                for name in ("rule_source", "doors_source") if name in it.facts
            },
        }  # fmt: skip
    return who.page(
        "plan.html",
        {
            **values,
            "names": kind_names(),
            "zones": {zone.code: zone.name for zone in who.desk.placement.zones},
            "party_names": {code: party.name for code, party in costs.parties().items()},
            "bases": BASES,
            "percent": money.percent,
            "grouped": money.grouped,
            "form": form,
            "today": dates.write_day(today(who)),
            "path": f"/plans/{it.id}",
        },
        status=status,
        section="estimates",
    )


def kind_names() -> dict[str, Any]:
    """What each kind of a bill is called, and its unit, as the software's own catalogue has it."""
    found: dict[str, Any] = {}
    for price in costs.example(costs_day()):
        found.setdefault(price.kind, price)
    return found


def costs_day() -> date:
    """A day on which every row of the example is in force; its words are the same on all."""
    return dates.read_day("01/01/2026")


@routes.post("/plans/{connection_plan_id}/lines")
async def lines_send(request: Request, connection_plan_id: str) -> Response:
    """Change how many, or add a line; each change with its reason."""
    values = form_values(dict(await request.form(max_files=0, max_fields=500)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, actor = allowed(who, connection_plan_id, Act.SCHEME_MAKE)
        try:
            if values.get("do") == "add":
                _add(who, it, values, actor)
            else:
                _edit(who, it, values, actor)
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/plans/{it.id}", 303)

    return await run_in_threadpool(send)


def _edit(who: Visitor, it: plans.Plan, values: Mapping[str, str], actor: Someone) -> None:
    with who.desk.database.writing() as connection:
        for line in plans.lines(connection, it.id):
            if f"q-{line.id}" not in values:
                continue
            quantity = number_in(values, f"q-{line.id}")
            if quantity != line.quantity:
                plans.edit_line(
                    connection, it.id, line.id, quantity=quantity, why=values.get("why", ""),
                    by=actor, now_ns=who.desk.now_ns(),
                )  # fmt: skip


def _add(who: Visitor, it: plans.Plan, values: Mapping[str, str], actor: Someone) -> None:
    with who.desk.database.writing() as connection:
        plans.add_line(
            connection, it.id, kind=values.get("kind", ""), title=values.get("title", ""),
            unit=values.get("unit", ""), quantity=number_in(values, "quantity"),
            why=values.get("why", ""), by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip


@routes.post("/plans/{connection_plan_id}/agreements")
async def agreement_send(request: Request, connection_plan_id: str) -> Response:
    """Enter that a party agreed."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, actor = allowed(who, connection_plan_id, Act.SCHEME_AGREE)
        try:
            agree(who, it, values, actor, day_in(values, "agreed"))
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/plans/{it.id}", 303)

    return await run_in_threadpool(send)


def agree(
    who: Visitor,
    it: plans.Plan,
    values: Mapping[str, str],
    actor: Someone,
    agreed_date: date | None,
) -> plans.Plan:
    """Enter an agreement for a party that the visitor's role may speak for."""
    desk, party = who.desk, values.get("party", "")
    if agreed_date is None:
        raise VonggacError(Kind.BAD_INPUT, "agreed: no date", fields={"agreed": "no_date"})
    with desk.database.reading() as connection:
        if party not in {one.code for one in my_parties(connection, who, it.site_id)}:
            raise VonggacError(
                Kind.BAD_INPUT, "party: not yours to enter", fields={"party": "not_yours"}
            )
        line = estimates.owner_line(connection, it.site_id)
    with desk.database.writing() as connection:
        return plans.agree(
            connection, it.id, party=party, person=values.get("person", ""),
            document=values.get("document", ""), agreed_date=agreed_date, line=line,
            today=today(who), by=actor, now_ns=desk.now_ns(),
        )  # fmt: skip


def cost(who: Visitor, it: plans.Plan, title: str, actor: Someone) -> estimates.Estimate:
    """Make an estimate of a plan."""
    with who.desk.database.writing() as connection:
        return estimates.from_plan(
            connection, it.id, title=title, on=today(who), by=actor, now_ns=who.desk.now_ns()
        )


@routes.post("/plans/{connection_plan_id}/estimate")
async def estimate_send(request: Request, connection_plan_id: str) -> Response:
    """Cost the plan by the catalogue of the day."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, actor = allowed(who, connection_plan_id, Act.ESTIMATE_MAKE)
        try:
            made = cost(who, it, values.get("title", ""), actor)
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/estimates/{made.id}", 303)

    return await run_in_threadpool(send)
