"""The public page of a site, for anybody, without an account and without a script.

It says who films, why and how long, and how often pictures were opened; whoever was filmed may ask.

No cookie opens anything here, so that a form of another site could do no more than its reader can;
`security.Guard` refuses it all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from vonggac.domain import audit, legal, notices, purposes, registry, requests
from vonggac.errors import Kind, VonggacError
from vonggac.web import limits
from vonggac.web.desk import desk_of, visitor
from vonggac.web.notices import faults
from vonggac.web.render import Form, form_values
from vonggac.web.viewing import body_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.web.desk import Visitor

routes = APIRouter(include_in_schema=False)

MONTHS = 3
"""Months whose views are counted on the page (ours)."""

STATES: Mapping[str, str] = {
    "received": "Đã nhận",
    "acknowledged": "Đang xử lý",
    "answered": "Đã trả lời",
    "refused": "Đã từ chối",
}


@routes.get("/thong-bao/{public_id}")
async def public_page(request: Request, public_id: str) -> Response:
    """What people who are filmed have a right to know."""
    desk_of(request).page_limit.take(address_of(request))
    return await run_in_threadpool(_read, request, public_id)


def _read(request: Request, public_id: str) -> Response:
    return _page(visitor(request), public_id, {})


def _page(who: Visitor, public_id: str, more: Mapping[str, Any], *, status: int = 200) -> Response:
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        notice = notices.by_public_id(connection, public_id[:40])
        site = registry.site(connection, notice.site_id)
        if site is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such page")
        practice = notices.practice(connection, site, desk.placement)
        months = _months(connection, who, site.id)
        unchecked = legal.unchecked(connection)
    values = {
        "site": site,
        "notice": notice,
        "practice": practice,
        "months": months,
        "kinds": list(legal.request_kinds(legal.day_of(now_ns)).values()),
        "states": STATES,
        "languages": [one for one in notices.languages() if one.code not in ("vi", "en")],
        "law": legal.bases()["luat-91-2025"],
        "days_law": legal.bases()["nd-356-2025"],
        "unchecked": unchecked,
        "most": requests.MAX_SAID,
        "form": Form(),
        "receipt": None,
        "found": None,
        "asked": False,
        **more,
        # A page that answers a form is no address to come back to.
        "path": f"/thong-bao/{notice.public_id}",
    }
    return who.page("public.html", values, status=status)


def _months(connection: Connection, who: Visitor, site_id: str) -> list[dict[str, Any]]:
    """Views by month, with what bodies and purposes are called; numbers and nothing else."""
    now_ns = who.desk.now_ns()
    months = notices.views_by_month(connection, site_id, months=MONTHS, now_ns=now_ns)
    ids = [body for month in months for body, _, _ in month.counts]
    bodies = body_words(connection, ids, now_ns)
    known = purposes.at(now_ns)
    return [
        {
            "name": f"{month.first_day:%m/%Y}",
            "views": month.views,
            "rows": [
                (bodies.get(body or ""), known[code].name if code in known else None, number)
                for body, code, number in month.counts
            ],
        }
        for month in months
    ]


@routes.post("/thong-bao/{public_id}")
async def public_send(request: Request, public_id: str) -> Response:
    """Take a request in; answers with its receipt code, once."""
    desk_of(request).public_limit.take(address_of(request))
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))
    return await run_in_threadpool(_send, request, public_id, values)


def _send(request: Request, public_id: str, values: dict[str, str]) -> Response:
    who = visitor(request)
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        notice = notices.by_public_id(connection, public_id[:40])
    draft = requests.Draft(
        notice.site_id, values.get("kind", ""), values.get("said", ""), values.get("contact", "")
    )
    # Whoever asks without a name is not named by the session of a shared machine either.
    actor = audit.Actor("-", None, who.address)
    try:
        with desk.database.writing() as connection:
            made, code = requests.receive(
                connection, draft, actor=actor, came="form", received_ns=now_ns, now_ns=now_ns
            )
    except VonggacError as error:
        found = faults(who, error)
        if not found:
            raise
        return _page(who, public_id, {"form": Form(values, found)}, status=422)
    return _page(who, public_id, {"receipt": code, "found": made})


@routes.post("/thong-bao/{public_id}/tra-cuu")
async def look_up(request: Request, public_id: str) -> Response:
    """The state of a request, for whoever holds its receipt. The code stands in no address."""
    desk_of(request).ask_limit.take(f"receipt {address_of(request)}")
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))
    return await run_in_threadpool(_look_up, request, public_id, values.get("code", ""))


def _look_up(request: Request, public_id: str, code: str) -> Response:
    who = visitor(request)
    with who.desk.database.reading() as connection:
        notice = notices.by_public_id(connection, public_id[:40])
        found = requests.by_receipt(connection, notice.site_id, code)
    return _page(who, public_id, {"found": found, "asked": True})


def address_of(request: Request) -> str:
    """Whose allowance a request uses."""
    return limits.holder(request.client.host if request.client else "")
