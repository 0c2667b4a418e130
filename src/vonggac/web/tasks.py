"""Tasks on pages: the deadline board, one task with its steps, extensions and files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    directives,
    registry,
    task_board,
    task_lists,
    task_sources,
    tasks,
    units,
)
from vonggac.domain import workdays as calendar
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.web import citing, dates, estimates, evidence_api, plans, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Thing
    from vonggac.domain.exports import Someone
    from vonggac.domain.task_board import Stands
    from vonggac.domain.task_lists import Group, Place
    from vonggac.domain.tasks import Task

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
Wanted = Annotated[str, Query(max_length=200)]

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "too_many": "Quá nhiều.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "no_such_kind": "Chọn một mục trong danh sách.",
    "no_such_task": "Không có công việc này.",
    "no_such": citing.NONE_SUCH,
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "not_later": "Ngày mới phải sau hạn đang có.",
    "in_the_past": "Ngày mới đã qua.",
    "in_a_circle": "Hai việc không chờ lẫn nhau được.",
    "no_file": "Chọn một tệp.",
    "file_too_long": "Tệp quá lớn, nhiều nhất 10 MB.",
    "not_a_document": "Chỉ nhận tệp PDF, PNG, JPEG, DOCX hoặc XLSX.",
    "no_such_step": "Công việc không còn ở trạng thái đó. Hãy tải lại trang.",
    "waits": "Việc này còn chờ việc khác xong.",
    "task_over": "Công việc đã khép lại.",
    "asks_already": "Đã có một lần xin gia hạn chờ trả lời.",
    "decided_already": "Lần xin gia hạn này đã có trả lời.",
    "opened_already": "Việc từ đây đã được giao.",
    "nothing_left": "Không còn việc nào để giao.",
}
"""What is said of input of these pages that cannot be taken."""
STATES: Mapping[str, str] = {
    "open": "chưa làm",
    "doing": "đang làm",
    "done": "xong",
    "waived": "miễn",
}
STANDS: Mapping[str, str] = {
    "late": "Trễ hạn",
    "risk": "Có nguy cơ trễ",
    "in_time": "Còn hạn",
    "undated": "Không ghi hạn",
    "done": "Xong",
    "waived": "Miễn",
}
STEPS: Mapping[str, str] = {
    "doing": "Bắt đầu làm",
    "done": "Ghi đã xong",
    "open": "Mở lại",
    "waived": "Miễn việc này",
}
ANSWERS: Mapping[str, str] = {"asked": "chờ trả lời", "agreed": "đồng ý", "refused": "không đồng ý"}
ABOUT: Mapping[str, tuple[str, str]] = {
    "plan": ("/plans/{id}", "phương án"),
    "estimate": ("/estimates/{id}", "dự toán"),
    "acceptance": ("/acceptance/{id}", "nghiệm thu camera"),
    "drift": ("/cameras/{id}", "kiểm tra lại hằng đêm"),
}
"""Where what a task came from is found, and what it is called."""
SHOWN = 50
"""Tasks of a page at most; the filters find the others (ours)."""
LINES = 50
"""Units and bodies of a table at most, those with the most late tasks (ours)."""
OTHERS = 200
"""Tasks of a choice at most (ours)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A task as a list shows it."""

    it: Task
    stands: Stands
    place: str
    """The unit, in the visitor's language."""
    site_title: str
    left: calendar.Left | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the board is asked for."""

    q: str = ""
    show: str = ""
    unit: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """Every task that the visitor may see, counted; and a page of those that are asked for."""

    groups: Sequence[Group]
    places: Mapping[Place, str]
    shown: Sequence[Shown]
    found: int
    """Tasks that are asked for, those of other pages too."""

    @property
    def units(self) -> list[task_board.Row]:
        """A line for each unit."""
        return task_lists.rows(self.groups, lambda it: self.places[it.place])

    @property
    def bodies(self) -> list[task_board.Row]:
        """A line for each body."""
        return task_lists.rows(self.groups, lambda it: it.body)


# -- what pages and API share ----------------------------------------------------------------


def found(connection: Connection, who: Visitor, task_id: str) -> Task:
    """A task that the visitor may see; another one is not there."""
    allowed = tasks.visible(connection, who.person, Act.TASK_SEE, who.desk.now_ns())
    return tasks.seen(connection, allowed, task_id[:40])


def may(connection: Connection, who: Visitor, act: Act, it: Task) -> bool:
    """Whether the visitor may do this to a task."""
    return who.may(act, tasks.thing_of(connection, it))


def by(connection: Connection, who: Visitor, act: Act, thing: Thing) -> Someone:
    """The visitor, who may do this to that.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    return evidence_api.someone(who, rights.require(connection, who, act, thing))


def doing(connection: Connection, who: Visitor, it: Task) -> Someone:
    """The visitor, who may go on with a task: whoever does it, or whoever gave it."""
    act = Act.TASK_MAKE if may(connection, who, Act.TASK_MAKE, it) else Act.TASK_DO
    return by(connection, who, act, tasks.thing_of(connection, it))


def place_in(connection: Connection, text: str) -> tuple[str | None, str | None, Thing]:
    """Facility, unit and thing of `site:id`, `unit:id`, or `all`, everybody's.

    Raises:
        VonggacError: BAD_INPUT with `fields`, it is none of them; NOT_FOUND.
    """
    kind, _, name = text.partition(":")
    if kind == "site" and name:
        return name[:40], None, access.thing_of_site(connection, name[:40])
    if kind == "unit" and name:
        return None, name[:40], access.thing_of_unit(connection, name[:40])
    if text == "all":
        return None, None, SYSTEM
    raise VonggacError(Kind.BAD_INPUT, "place: required", fields={"place": "required"})


def open_one(
    who: Visitor, *, place: str, body: str, what: str, due: date | None,
    after: Sequence[str] = (), directive: str = "",
) -> str:  # fmt: skip
    """Open a task that a person thought of."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        site_id, unit_id, thing = place_in(connection, place)
        actor = by(connection, who, Act.TASK_MAKE, thing)
        for one in after:
            found(connection, who, one)
        order = citing.chosen(connection, who, directive, "", site_id=site_id, unit_id=unit_id)
    with who.desk.database.writing() as connection:
        return tasks.open_task(
            connection, site_id=site_id, unit_id=unit_id, body=body, what=what, due=due, about="",
            directive_id=order, after=tuple(after), by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip


def open_from(who: Visitor, source: str, *, body: str, due: date | None) -> list[str]:
    """Open the tasks of a plan, an estimate or a clause, named `plan:id` and so on."""
    who.signed_in  # noqa: B018
    kind, _, name = source.partition(":")
    desk, name = who.desk, name[:40]
    now_ns, placement = desk.now_ns(), desk.placement
    if kind == "plan":
        it, _ = plans.allowed(who, name, Act.SCHEME_SEE)
        actor = _on_site(who, it.site_id)
        with desk.database.writing() as connection:
            return task_sources.from_plan(
                connection, it.id, body=body, due=due, placement=placement, by=actor, now_ns=now_ns
            )
    if kind == "estimate":
        costed, _ = estimates.allowed(who, name, Act.ESTIMATE_SEE)
        actor = _on_site(who, costed.site_id)
        with desk.database.writing() as connection:
            return task_sources.from_estimate(
                connection, costed.id, body=body, due=due, placement=placement, by=actor,
                now_ns=now_ns,
            )  # fmt: skip
    if kind == "clause":
        return _open_clause(who, name)
    raise VonggacError(Kind.BAD_INPUT, "source: no such", fields={"source": "no_such_kind"})


def _on_site(who: Visitor, site_id: str) -> Someone:
    with who.desk.database.reading() as connection:
        return by(connection, who, Act.TASK_MAKE, access.thing_of_site(connection, site_id))


def _open_clause(who: Visitor, clause_id: str) -> list[str]:
    """A clause belongs to where its directive is registered, or to the giver's own unit."""
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        clause = directives.clause(connection, clause_id)
        seen = directives.visible(connection, who.person, now_ns)
        if not directives.listed(connection, seen, only=clause.directive_id):
            raise VonggacError(Kind.NOT_FOUND, "there is no such clause")
        unit_id = directives.find(connection, clause.directive_id).unit_id or own_unit(who)
        thing = access.thing_of_unit(connection, unit_id) if unit_id else SYSTEM
        actor = by(connection, who, Act.TASK_MAKE, thing)
    with who.desk.database.writing() as connection:
        return task_sources.from_clause(
            connection, clause_id, unit_id=unit_id, by=actor, now_ns=now_ns
        )


def own_unit(who: Visitor) -> str | None:
    """The unit over which the visitor gives tasks; None is everything, or no unit at all."""
    held = [
        one for one in who.person.held
        if Act.TASK_MAKE in one.acts and one.lasts(who.desk.now_ns()) and not one.sites
        and not one.line
    ]  # fmt: skip
    if any(one.unit is None for one in held):
        return None
    return held[0].unit if held else None


def step(who: Visitor, task_id: str, state: str, note: str) -> Task:
    """Say what a task is now; only whoever gives tasks waives one or opens it again."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        if state == "waived" or it.is_over:
            actor = by(connection, who, Act.TASK_MAKE, tasks.thing_of(connection, it))
        else:
            actor = doing(connection, who, it)
    with who.desk.database.writing() as connection:
        return tasks.step(connection, it.id, state, note, by=actor, now_ns=who.desk.now_ns())


def wait_for(who: Visitor, task_id: str, after_id: str) -> Task:
    """Let a task wait for another one that the visitor sees."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it, other = found(connection, who, task_id), found(connection, who, after_id)
        actor = by(connection, who, Act.TASK_MAKE, tasks.thing_of(connection, it))
    with who.desk.database.writing() as connection:
        return tasks.wait_for(connection, it.id, other.id, by=actor, now_ns=who.desk.now_ns())


def ask_extension(who: Visitor, task_id: str, reason: str, new_due: date | None) -> tasks.Extension:
    """Ask for a later last day."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        actor = doing(connection, who, it)
    if new_due is None:
        raise VonggacError(Kind.BAD_INPUT, "new_due: no day", fields={"new_due": "no_day"})
    with who.desk.database.writing() as connection:
        return tasks.ask_extension(
            connection, it.id, reason=reason, new_due=new_due, by=actor, now_ns=who.desk.now_ns()
        )


def decide_extension(
    who: Visitor, task_id: str, extension_id: str, values: Mapping[str, str]
) -> tasks.Extension:
    """Enter who agreed to a later last day, or did not."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        actor = by(connection, who, Act.TASK_MAKE, tasks.thing_of(connection, it))
        asked = tasks.extension(connection, extension_id[:40])
    if asked.task_id != it.id:
        raise VonggacError(Kind.NOT_FOUND, "this task has no such request")
    if values.get("answer_is") not in ("agreed", "refused"):
        raise VonggacError(Kind.BAD_INPUT, "answer_is", fields={"answer_is": "no_such_kind"})
    with who.desk.database.writing() as connection:
        return tasks.decide_extension(
            connection, asked.id, agreed=values["answer_is"] == "agreed",
            person=values.get("person", ""), document=values.get("document", ""),
            answer=values.get("answer", ""), by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip


def board(who: Visitor, wish: Wish, *, offset: int = 0, limit: int = SHOWN) -> Board:
    """The tasks that the visitor may see: all of them counted, those asked for by the last day."""
    who.signed_in  # noqa: B018
    today = plans.today(who)
    with who.desk.database.reading() as connection:
        allowed = tasks.visible(connection, who.person, Act.TASK_SEE, who.desk.now_ns())
        groups = task_lists.groups(connection, allowed, today)
        places = _places(connection, who, {one.place for one in groups}, today)
        wanted = task_lists.Wish(
            wish.q, wish.show, wish.body,
            [one for one, name in places.items() if name == wish.unit] if wish.unit else None,
        )  # fmt: skip
        every, found = task_lists.listed(
            connection, allowed, wanted, today, offset=offset, limit=limit
        )
    left = cache(partial(calendar.left, today))
    shown = [
        Shown(
            one.it, one.stands, places[one.place], one.site_title,
            left(one.it.due) if one.it.due and not one.it.is_over else None,
        )
        for one in every
    ]  # fmt: skip
    return Board(groups, places, shown, found)


def _places(
    connection: Connection, who: Visitor, places: set[Place], today: date
) -> dict[Place, str]:
    """What the board calls the units of tasks."""
    named = units.called(connection, {one.unit_id for one in places if one.unit_id}, today)
    return {
        one: who.t.of(named[one.unit_id]) if one.unit_id in named
        else who.t("chưa gán đơn vị") if one.of_site else who.t("toàn hệ thống")
        for one in places
    }  # fmt: skip


def unit_name(connection: Connection, unit_id: str, on: date) -> Words | None:
    """What a unit is called on a day; None when it has no name then."""
    try:
        one = units.unit(connection, unit_id, on)
    except VonggacError:
        return None
    return Words(one.vi, one.en)


def faults(who: Visitor, error: VonggacError) -> Form | None:
    """What is wrong, in the visitor's language; None for what has no words."""
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return Form({}, {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()})
    code = str(error.detail.get("code", ""))
    return Form({}, {}, who.t(FAULTS[code])) if code in FAULTS else None


def day_in(text: str, field: str) -> date | None:
    """A day of a form or of the API; None when there is none.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if not text.strip():
        return None
    try:
        return dates.read_day(text)
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"{field}: no day", fields={field: "no_day"}) from error


# -- the board -------------------------------------------------------------------------------


@routes.get("/tasks")
def tasks_page(
    who: Signed,
    q: Wanted = "",
    show: Wanted = "",
    unit: Wanted = "",
    body: Wanted = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """Done, at risk, late, by unit and by body; then a page of the tasks themselves."""
    number = max(1, int(page)) if page.isascii() and page.isdigit() else 1
    return _board(who, Wish(q, show, unit, body), Form(), number=number)


def _board(who: Visitor, wish: Wish, form: Form, *, number: int = 1, status: int = 200) -> Response:
    it = board(who, wish, offset=(number - 1) * SHOWN)
    bodies = it.bodies
    with who.desk.database.reading() as connection:
        orders = citing.offered(connection, who)
    return who.page(
        "tasks.html",
        {
            "whole": task_lists.count(it.groups),
            "units": it.units,
            "bodies": bodies,
            "lines": LINES,
            "shown": it.shown,
            "found": it.found,
            "page": number,
            "size": SHOWN,
            "wish": wish,
            "order": task_board.ORDER,
            "stands": STANDS,
            "states": STATES,
            "risk_days": task_board.RISK_WORKING_DAYS,
            "calendar_source": calendar.source(),
            "orders": orders,
            "choices": _choices(who) if who.can(Act.TASK_MAKE) else [],
            "form": form,
            "known": sorted(row.key for row in bodies)[:100],
        },
        status=status,
        section="tasks",
    )


def _choices(who: Visitor) -> list[tuple[str, str]]:
    """Where the visitor may open a task: facilities, units of the own scope, everything."""
    now_ns, today = who.desk.now_ns(), plans.today(who)
    options: list[tuple[str, str]] = []
    with who.desk.database.reading() as connection:
        allowed = access.sites_for(connection, who.person, Act.TASK_MAKE, now_ns)
        for held in who.person.held:
            reaches = Act.TASK_MAKE in held.acts and held.lasts(now_ns)
            if not reaches or held.sites or held.line:
                continue
            if held.unit is not None:
                name = unit_name(connection, held.unit, today)
                options += [(f"unit:{held.unit}", who.t.of(name))] if name else []
            options += [
                (f"unit:{one.id}", one.vi) for one in units.below(connection, held.unit, today)
            ]
        titles = registry.titles(connection)
    options += [(f"site:{one}", titles[one]) for one in allowed]
    if who.everywhere(Act.TASK_MAKE):
        options.append(("all", who.t("toàn hệ thống")))
    return list(dict.fromkeys(options))


@routes.post("/tasks")
async def open_send(request: Request) -> Response:
    """Open a task."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = open_one(
                who, place=values.get("place", ""), body=values.get("body", ""),
                what=values.get("what", ""), due=day_in(values.get("due", ""), "due"),
                directive=values.get("directive", ""),
            )  # fmt: skip
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            return _board(who, Wish(), Form(values, wrong.faults, wrong.general), status=422)
        return RedirectResponse(f"/tasks/{made}", 303)

    return await run_in_threadpool(send)


@routes.post("/tasks/from")
async def open_from_send(request: Request) -> Response:
    """Open the tasks of a plan, an estimate or a clause with one click."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = open_from(
                who, values.get("source", ""), body=values.get("body", ""),
                due=day_in(values.get("due", ""), "due"),
            )  # fmt: skip
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            return _board(who, Wish(), Form(values, wrong.faults, wrong.general), status=422)
        if len(made) == 1:
            return RedirectResponse(f"/tasks/{made[0]}", 303)
        return RedirectResponse("/tasks#list", 303)

    return await run_in_threadpool(send)


# -- one task --------------------------------------------------------------------------------


@routes.get("/tasks/{task_id}")
def task_page(who: Signed, task_id: str) -> Response:
    """One task: until when, after what, what happened, requests for more time, files."""
    return _one(who, task_id, Form())


def _one(who: Visitor, task_id: str, form: Form, *, about: str = "", status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    today = plans.today(who)
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        allowed = tasks.visible(connection, who.person, Act.TASK_SEE, who.desk.now_ns())
        before = tasks.before(connection, allowed, it)
        site = registry.site(connection, it.site_id) if it.site_id else None
        directive = _directive(connection, who, it)
        waits = tasks.waits_for(connection, it)
        values: dict[str, Any] = {
            "it": it,
            "stand": task_board.stands(it, today, {one.id: one for one in before}),
            "site": site,
            "unit": unit_name(connection, it.unit_id, today) if it.unit_id else None,
            "directive": directive,
            "waits": waits,
            "before": before,
            "behind": tasks.behind(connection, allowed, it),
            "others": tasks.beside(connection, allowed, it, OTHERS),
            "steps": tasks.steps(connection, it.id),
            "extensions": tasks.extensions(connection, it.id),
            "files": tasks.files(connection, it.id),
            "may_do": may(connection, who, Act.TASK_DO, it)
            or may(connection, who, Act.TASK_MAKE, it),
            "may_make": may(connection, who, Act.TASK_MAKE, it),
        }
    return who.page(
        "task.html",
        {
            **values,
            "left": calendar.left(today, it.due) if it.due and not it.is_over else None,
            "source": _source(it),
            "states": STATES,
            "stands": STANDS,
            "actions": STEPS,
            "answers": ANSWERS,
            "next": tasks.NEXT,
            "form": form,
            "blank": Form(),
            "about": about,
            "today": today,
        },
        status=status,
        section="tasks",
    )


def _directive(connection: Connection, who: Visitor, it: Task) -> directives.Directive | None:
    """The directive that a task carries out, if the visitor may see it."""
    if it.directive_id is None or not who.can(Act.DIRECTIVE_SEE):
        return None
    seen = directives.visible(connection, who.person, who.desk.now_ns())
    return next(iter(directives.listed(connection, seen, only=it.directive_id)), None)


def _source(it: Task) -> tuple[str, str] | None:
    """Address and name of what a task came from."""
    kind, _, name = it.about.partition(":")
    if kind not in ABOUT:
        return None
    address, words = ABOUT[kind]
    return address.format(id=name), words


async def _sent(
    request: Request, task_id: str, about: str, act: Callable[[Visitor, dict[str, str]], object]
) -> Response:
    """Do what a form of a task's page asks for, and show the page again."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            act(who, values)
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            form = Form(values, wrong.faults, wrong.general)
            return _one(who, task_id, form, about=about, status=422)
        return RedirectResponse(f"/tasks/{task_id[:40]}#{about.partition(':')[0]}", 303)

    return await run_in_threadpool(send)


@routes.post("/tasks/{task_id}/steps")
async def step_send(request: Request, task_id: str) -> Response:
    """Say what the task is now, or leave a note."""
    return await _sent(
        request, task_id, "steps",
        lambda who, values: step(who, task_id, values.get("state", ""), values.get("note", "")),
    )  # fmt: skip


@routes.post("/tasks/{task_id}/after")
async def after_send(request: Request, task_id: str) -> Response:
    """Let it wait for another task."""
    return await _sent(
        request, task_id, "after",
        lambda who, values: wait_for(who, task_id, values.get("after", "")),
    )  # fmt: skip


@routes.post("/tasks/{task_id}/extensions")
async def extension_send(request: Request, task_id: str) -> Response:
    """Ask for more time."""
    return await _sent(
        request, task_id, "extensions",
        lambda who, values: ask_extension(
            who, task_id, values.get("reason", ""), day_in(values.get("new_due", ""), "new_due")
        ),
    )  # fmt: skip


@routes.post("/tasks/{task_id}/extensions/{extension_id}")
async def answer_send(request: Request, task_id: str, extension_id: str) -> Response:
    """Enter who agreed, or who did not and why."""
    return await _sent(
        request, task_id, f"extensions:{extension_id[:40]}",
        lambda who, values: decide_extension(who, task_id, extension_id, values),
    )  # fmt: skip


@routes.post("/tasks/{task_id}/files")
async def file_send(request: Request, task_id: str) -> Response:
    """Attach what shows how it was done."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(directives.MAX_FILE + 1), file.filename or ""

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            attach(who, task_id, name, content)
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            form = Form(values, wrong.faults, wrong.general)
            return _one(who, task_id, form, about="files", status=422)
        return RedirectResponse(f"/tasks/{task_id[:40]}#files", 303)

    return await run_in_threadpool(send)


def attach(who: Visitor, task_id: str, name: str, content: bytes) -> tasks.File:
    """Attach a file to a task."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        actor = doing(connection, who, it)
    with who.desk.database.writing() as connection:
        return tasks.attach(
            connection, it.id, file_name=name, content=content, by=actor, now_ns=who.desk.now_ns()
        )


@routes.get("/tasks/{task_id}/files/{file_id}")
def file_of(who: Signed, task_id: str, file_id: str) -> Response:
    """A file as it was sent; it is downloaded, never opened inside our pages."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, task_id)
        content = tasks.content(connection, it.id, file_id[:40])
    name = (
        f"cong-viec-{it.id[:6]}-{file_id[:6]}.{directives.ending(directives.sniffed(content)[0])}"
    )
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
