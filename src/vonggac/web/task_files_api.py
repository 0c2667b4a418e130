"""Files of a task by the API: what shows how it was done, taken in and given out like on its page.

A file comes as the body of a request with its name beside it, as photographs of inspections do; it
is told by its bytes, bounded, and given out as it was sent.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vonggac.clock import rfc3339
from vonggac.domain import directives, tasks
from vonggac.web import tasks as pages
from vonggac.web.desk import Visitor, visitor

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]
Name = Annotated[str, Query(max_length=tasks.MAX_LINE, description="what the file is called")]


@api.get("/tasks/{task_id}/files", summary="Files of a task")
def every_file(who: Signed, task_id: str) -> dict[str, Any]:
    """In the order in which they came; the bytes are taken one by one."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = pages.found(connection, who, task_id)
        found = tasks.files(connection, it.id)
    return {"files": [_file(one) for one in found]}


@api.post("/tasks/{task_id}/files", summary="Attach a file to a task", status_code=201)
async def add_file(request: Request, task_id: str, name: Name = "") -> dict[str, Any]:
    """PDF, PNG, JPEG, DOCX or XLSX in the body."""
    content = await request.body()
    made = await run_in_threadpool(
        lambda: pages.attach(
            visitor(request), task_id, name, content[: directives.MAX_FILE + 1]
        )
    )  # fmt: skip
    return _file(made)


@api.get(
    "/tasks/{task_id}/files/{file_id}",
    summary="One file of a task",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def one_file(who: Signed, task_id: str, file_id: str) -> Response:
    """As it was sent."""
    return pages.file_of(who, task_id, file_id)


def _file(one: tasks.File) -> dict[str, Any]:
    return {
        "id": one.id,
        "file": one.file_name,
        "media_type": one.media_type,
        "size": one.size,
        "sha256": one.sha256,
        "attached": {"by": one.attached_by, "at": rfc3339(one.attached_ns)},
    }
