"""Tasks by the API: everything that their pages do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vonggac.clock import rfc3339
from vonggac.domain import task_board, task_lists, tasks
from vonggac.web import tasks as pages
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]
Wanted = Annotated[str, Query(max_length=200)]


class TaskBody(BaseModel):
    """A task that a person thought of."""

    model_config = ConfigDict(extra="forbid")

    place: str = Field(max_length=60, description="site:ID, unit:ID, or all")
    body: str = Field(min_length=1, max_length=tasks.MAX_LINE)
    what: str = Field(min_length=1, max_length=tasks.MAX_WHAT)
    due: str | None = Field(default=None, max_length=10, description="2026-12-01")
    after: list[str] = Field(default_factory=list, max_length=tasks.MAX_AFTER)
    directive: str = Field(
        default="", max_length=40, description="that it carries out; empty is the place's"
    )


class SourceBody(BaseModel):
    """What tasks are made from."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(max_length=60, description="plan:ID, estimate:ID or clause:ID")
    body: str = Field(default="", max_length=tasks.MAX_LINE)
    due: str | None = Field(default=None, max_length=10)


class StepBody(BaseModel):
    """What a task is now."""

    model_config = ConfigDict(extra="forbid")

    state: str = Field(max_length=10, description="open, doing, done or waived")
    note: str = Field(default="", max_length=tasks.MAX_NOTE)


class AfterBody(BaseModel):
    """What a task waits for."""

    model_config = ConfigDict(extra="forbid")

    after: str = Field(max_length=40)


class ExtensionBody(BaseModel):
    """A request for more time."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=tasks.MAX_NOTE)
    due: str = Field(max_length=10, description="2026-12-20")


class AnswerBody(BaseModel):
    """Who agreed, or did not."""

    model_config = ConfigDict(extra="forbid")

    answer_is: Literal["agreed", "refused"]
    person: str = Field(min_length=1, max_length=tasks.MAX_LINE)
    document: str = Field(default="", max_length=tasks.MAX_LINE)
    answer: str = Field(default="", max_length=tasks.MAX_NOTE)


@api.get("/tasks", summary="Tasks")
def every_task(
    who: Signed,
    q: Wanted = "",
    show: Wanted = "",
    unit: Wanted = "",
    body: Wanted = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=task_lists.SHOWN)] = task_lists.SHOWN,
) -> dict[str, Any]:
    """By the last day, without `show` those that are not over; `found` counts all that fit."""
    it = pages.board(who, pages.Wish(q, show, unit, body), offset=offset, limit=limit)
    return {"found": it.found, "tasks": [_shown(one) for one in it.shown]}


@api.post("/tasks", summary="Open a task", status_code=201)
async def add_task(request: Request, body: TaskBody) -> dict[str, Any]:
    """Of a facility, of a unit, or everybody's."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        made = pages.open_one(
            who, place=body.place, body=body.body, what=body.what,
            due=pages.day_in(body.due or "", "due"), after=body.after, directive=body.directive,
        )  # fmt: skip
        return _whole(who, made)

    return await run_in_threadpool(add)


@api.post("/tasks/from", summary="Open the tasks of a plan, an estimate or a clause",
          status_code=201)  # fmt: skip
async def add_from(request: Request, body: SourceBody) -> dict[str, Any]:
    """Each source is opened once."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        due = pages.day_in(body.due or "", "due")
        made = pages.open_from(who, body.source, body=body.body, due=due)
        return {"tasks": [_whole(who, one) for one in made]}

    return await run_in_threadpool(add)


@api.get("/tasks/board", summary="The deadline board")
def the_board(who: Signed) -> dict[str, Any]:
    """Counts by unit and by body; each task is counted once."""
    it = pages.board(who, pages.Wish(), limit=1)
    return {
        "all": _counts(task_lists.count(it.groups)),
        "units": [{"unit": row.key, **_counts(row.counts)} for row in it.units],
        "bodies": [{"body": row.key, **_counts(row.counts)} for row in it.bodies],
    }


@api.get("/tasks/{task_id}", summary="One task")
def one_task(who: Signed, task_id: str) -> dict[str, Any]:
    """With its steps, requests for more time and files."""
    who.signed_in  # noqa: B018
    return _whole(who, task_id)


@api.post("/tasks/{task_id}/steps", summary="Say what a task is now", status_code=201)
async def add_step(request: Request, task_id: str, body: StepBody) -> dict[str, Any]:
    """The state that it has already needs a note."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        pages.step(who, task_id, body.state, body.note)
        return _whole(who, task_id)

    return await run_in_threadpool(add)


@api.post("/tasks/{task_id}/after", summary="Let a task wait for another", status_code=201)
async def add_after(request: Request, task_id: str, body: AfterBody) -> dict[str, Any]:
    """Two tasks never wait for each other."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        pages.wait_for(who, task_id, body.after)
        return _whole(who, task_id)

    return await run_in_threadpool(add)


@api.post("/tasks/{task_id}/extensions", summary="Ask for more time", status_code=201)
async def add_extension(request: Request, task_id: str, body: ExtensionBody) -> dict[str, Any]:
    """Later than the last day that stands."""

    def add() -> dict[str, Any]:
        due = pages.day_in(body.due, "new_due")
        return _extension(pages.ask_extension(visitor(request), task_id, body.reason, due))

    return await run_in_threadpool(add)


@api.put("/tasks/{task_id}/extensions/{extension_id}", summary="Answer a request for more time")
async def answer_extension(
    request: Request, task_id: str, extension_id: str, body: AnswerBody
) -> dict[str, Any]:
    """Agreed, the last day is the new one."""
    values: Mapping[str, str] = body.model_dump()
    return await run_in_threadpool(
        lambda: _extension(pages.decide_extension(visitor(request), task_id, extension_id, values))
    )


# -- pieces ----------------------------------------------------------------------------------


def _counts(counts: task_board.Counts) -> dict[str, int]:
    found: dict[str, int] = {name: getattr(counts, name) for name in task_board.ORDER}
    return {**found, "done_late": counts.done_late, "total": counts.total}


def _task(it: tasks.Task) -> dict[str, Any]:
    return {
        "id": it.id,
        "site": it.site_id,
        "unit": it.unit_id,
        "body": it.body,
        "what": it.what,
        "due": it.due.isoformat() if it.due else None,
        "about": it.about or None,
        "directive": it.directive_id,
        "state": it.state,
        "after": list(it.after),
        "opened": {"by": it.opened_by, "at": rfc3339(it.opened_ns)},
    }


def _shown(one: pages.Shown) -> dict[str, Any]:
    left = one.left
    return {
        **_task(one.it),
        "stands": one.stands,
        "place": one.place,
        "left": {"days": left.days, "working_days": left.working, "certain": left.certain}
        if left
        else None,
    }


def _extension(one: tasks.Extension) -> dict[str, Any]:
    return {
        "id": one.id,
        "reason": one.reason,
        "old_due": one.old_due.isoformat() if one.old_due else None,
        "due": one.new_due.isoformat(),
        "state": one.state,
        "asked": {"by": one.asked_by, "at": rfc3339(one.asked_ns)},
        "person": one.agreed_person or None,
        "document": one.document or None,
        "answer": one.answer or None,
    }


def _whole(who: Visitor, task_id: str) -> dict[str, Any]:
    with who.desk.database.reading() as connection:
        it = pages.found(connection, who, task_id)
        steps = tasks.steps(connection, it.id)
        extensions = tasks.extensions(connection, it.id)
        files = tasks.files(connection, it.id)
    return {
        **_task(it),
        "steps": [
            {"state": one.state, "note": one.note or None, "at": rfc3339(one.done_ns),
             "by": one.done_by}
            for one in steps
        ],
        "extensions": [_extension(one) for one in extensions],
        "files": [
            {"id": one.id, "file": one.file_name, "size": one.size, "sha256": one.sha256}
            for one in files
        ],
    }  # fmt: skip
