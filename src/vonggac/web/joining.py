"""The box's own page where a hub's code is pasted, for its administrator; and the API.

The page runs `vonggac enrol`, which asks the hub and writes down what it answers, so that joining
is one path wherever it begins.  The code goes to it by its standard input: a command line can be
read by every program of the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vonggac.config import inherited
from vonggac.domain import audit
from vonggac.errors import Kind, VonggacError
from vonggac.keys import enrolment as proving
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values
from vonggac.wire.enrolment import read_code

if TYPE_CHECKING:
    from starlette.responses import Response

    from vonggac.wire.enrolment import Enrolment

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

CODE_LIMIT: Final = 500
"""Letters of a code with its address, and what somebody pasted around it."""
WAIT_S: Final = 90.0
"""Seconds for the command: it waits 30 for each of its two questions."""

MISTYPED: Final = "Mã gõ sai hoặc thiếu chữ. So lại từng nhóm với tờ mã, hoặc quét mã QR."


def join(who: Visitor, code: str) -> dict[str, Any]:
    """Join a hub for the visitor; for worker threads.

    Returns:
        What `vonggac enrol --json` says.

    Raises:
        VonggacError: as the command refuses; `vi` and `en` in its detail are for people.
    """
    read_code(code)  # a slip of the hand is told at once
    desk = who.desk
    desk.ask_limit.take(who.signed_in.account.id)
    words = (
        sys.executable, "-m", "vonggac.cli", "--log-level", "error", "enrol", "-",
        "--dir", desk.config.data_dir, "--json",
    )  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no word of the form
            words, input=" ".join(code.split()) + "\n", capture_output=True, text=True,
            timeout=WAIT_S, check=False, env=inherited(),
        )  # fmt: skip
        told = json.loads(done.stdout.strip().rpartition("\n")[2])
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise VonggacError(Kind.UNAVAILABLE, f"vonggac enrol failed: {error!r}") from error
    refused = told.get("error")
    with desk.database.writing() as connection:
        audit.record(
            connection, who.actor, audit.Act.SITE_ENROLLED, now_ns=desk.now_ns(),
            thing=told.get("site", told.get("below", "")), outcome="refused" if refused else "done",
            detail={"hub": told.get("hub"), "fault": (refused or {}).get("detail", {}).get("code")},
        )  # fmt: skip
    if refused:
        raise VonggacError(Kind(refused["kind"]), refused["message"], **refused["detail"])
    return dict(told)


def parent(who: Visitor) -> Enrolment | None:
    """The hub above this machine."""
    return proving.parent_at(Path(who.desk.config.data_dir) / "keys")


@routes.get("/join")
def page(who: Signed) -> Response:
    """The hub above, and where a code is pasted."""
    return _page(who, Form())


def _page(who: Visitor, form: Form, *, done: bool = False, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    return who.page(
        "join.html",
        {"parent": parent(who), "done": done, "form": form},
        section="system",
        status=status,
    )


@routes.post("/join")
async def page_send(request: Request) -> Response:
    """Send the code that was pasted."""
    values = form_values(dict(await request.form(max_files=0, max_fields=5)))

    def act() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            join(who, values.get("code", "")[:CODE_LIMIT])
        except VonggacError as error:
            said = error.detail.get("en" if who.t.language == "en" else "vi")
            if error.detail.get("code") == "mistyped":
                said = who.t(MISTYPED)
            if not isinstance(said, str):
                raise
            return _page(who, Form(values, {"code": said}), status=422)
        return _page(who, Form(), done=True)

    return await run_in_threadpool(act)


class CodeBody(BaseModel):
    """A code as a hub issued it."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=CODE_LIMIT)


@api.get("/parent", summary="The hub above this machine")
def parent_json(who: Signed) -> dict[str, Any]:
    """Null where it works alone."""
    who.signed_in  # noqa: B018
    return {"parent": _json(parent(who))}


@api.post("/parent", summary="Join a hub with its code")
def join_json(who: Signed, body: CodeBody) -> dict[str, Any]:
    """As `vonggac enrol`; `restart` says that it takes effect at the next start."""
    return join(who, body.code)


def _json(found: Enrolment | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "hub": found.hub,
        "title": found.hub_title,
        "pages": found.pages,
        "addresses": list(found.addresses),
        "site": None if found.site is None else found.site.id,
        "below": found.below,
        "unit": _unit(found),
    }


def _unit(found: Enrolment) -> str:
    below = found.site or found.joined
    return "" if below is None else below.unit_title
