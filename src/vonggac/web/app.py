"""The web application, put together once from its collaborators."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from vonggac import log
from vonggac.domain import guide_values, rules
from vonggac.errors import Kind, VonggacError
from vonggac.web import (
    acceptance,
    acceptance_api,
    account,
    account_api,
    alarms,
    annexes,
    api,
    board,
    cameras,
    cases,
    cases_api,
    closing,
    designated,
    designated_api,
    directives,
    drafting,
    enrolment,
    entrance,
    estimate_sheets,
    estimates,
    estimates_api,
    evidence,
    evidence_api,
    facility,
    findings,
    floor_plans,
    guide,
    guide_api,
    hubs,
    incidents,
    inspections,
    inspections_api,
    joining,
    ledgers,
    legal,
    letters,
    maintenance,
    notices,
    office,
    papers,
    people,
    people_api,
    plans,
    public,
    register,
    register_api,
    register_cover,
    register_import,
    reports,
    requests,
    rights,
    sanctions,
    schedules,
    shares,
    staff,
    survey_form,
    survey_pages,
    surveys,
    surveys_api,
    task_files_api,
    tasks,
    tasks_api,
    today,
    tree,
    trusting,
    viewing,
    violations,
    watch,
    words,
    workplaces,
)
from vonggac.web.desk import Desk, guest
from vonggac.web.errors import DOCUMENTED, STATUS, error_body, error_response, kind_of
from vonggac.web.limits import RateLimit, Recently
from vonggac.web.render import Pages, assets
from vonggac.web.security import Guard, is_for_programs, longest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.config import Config
    from vonggac.db import Database
    from vonggac.hub.chores import Chores
    from vonggac.hub.enrolling import Enroller
    from vonggac.hub.grants import Grants
    from vonggac.hub.orders import Orders
    from vonggac.hub.sites import Sites
    from vonggac.keys import Box

_log = log.get("web.app")

SIGN_IN_BURST, SIGN_IN_PER_SECOND = 10, 0.2
"""Sign-ins of one address: ten at once, then one in five seconds (ours)."""
SIGN_INS_AT_ONCE = 4
"""Passwords looked at at once, of all addresses: 64 MiB and a core each (ours)."""
ASK_BURST, ASK_PER_SECOND = 6, 0.2
"""Probes and searches of one account: each makes the box open connections (ours)."""
DOWNLOAD_S = 600
"""Seconds in which further ranges of a span belong to the same download (ours)."""
PUBLIC_BURST, PUBLIC_PER_SECOND = 10, 1 / 30
"""Requests of one address through the public page, where nobody has an account (ours)."""
PAGE_BURST, PAGE_PER_SECOND = 60, 1.0
"""Readings of the public page: it counts three months of views each time, and a whole hotel may
read it behind one address (ours)."""

_ONE_TIME = re.compile(r"^(/s/|/giai-trinh/)[^/]+")
"""Addresses that open something to whoever holds them."""
_PHOTOGRAPHED = re.compile(r"/s/[^/]+|/surveys/[^/]+/form")
"""Forms that come with several photographs from a browser without scripts."""

ROUTERS = (
    api.routes,
    account_api.routes,
    entrance.routes,
    trusting.routes,
    account.routes,
    staff.routes,
    workplaces.routes,
    facility.routes,
    closing.routes,
    closing.api,
    enrolment.routes,
    enrolment.api,
    joining.routes,
    joining.api,
    hubs.routes,
    hubs.api,
    floor_plans.routes,
    floor_plans.api,
    register_import.routes,
    register_cover.routes,
    register.routes,
    register_api.routes,
    cameras.routes,
    maintenance.routes,
    maintenance.pages,
    watch.routes,
    viewing.routes,
    viewing.pages,
    shares.routes,
    shares.pages,
    ledgers.routes,
    evidence.routes,
    evidence_api.routes,
    notices.routes,
    notices.api,
    public.routes,
    requests.routes,
    requests.api,
    incidents.routes,
    incidents.api,
    letters.routes,
    letters.api,
    papers.routes,
    papers.api,
    drafting.routes,
    drafting.api,
    schedules.routes,
    schedules.api,
    reports.routes,
    reports.api,
    today.routes,
    today.api,
    board.routes,
    board.api,
    designated.routes,
    designated_api.api,
    guide.routes,
    guide_api.api,
    directives.routes,
    directives.api,
    legal.routes,
    legal.api,
    violations.routes,
    violations.api,
    cases.routes,
    cases_api.api,
    office.routes,
    alarms.routes,
    alarms.api,
    annexes.routes,
    surveys.routes,
    survey_pages.routes,
    survey_form.routes,
    surveys_api.routes,
    plans.routes,
    estimate_sheets.routes,
    acceptance.routes,
    acceptance_api.api,
    tasks.routes,
    tasks_api.api,
    task_files_api.api,
    estimates.routes,
    estimates_api.routes,
    inspections.routes,
    findings.routes,
    sanctions.routes,
    inspections_api.api,
    people.routes,
    tree.routes,
    people_api.routes,
)
"""Everything that answers a request, but for the static files."""


def create_app(
    *,
    database: Database,
    sites: Sites,
    orders: Orders,
    grants: Grants,
    box: Box,
    clock: Clock,
    config: Config,
    websocket_port: int,
    is_demo: bool = False,
    authority: Path | None = None,
    chores: Chores | None = None,
    enroller: Enroller | None = None,
) -> FastAPI:
    """The pages, the API and the static files of one hub.

    Args:
        database: migrated, with the site registered.
        sites: finds the box to ask.
        orders: told when the register changes.
        grants: signs permissions to see.
        box: opens stored credentials.
        clock: wall and monotonic time.
        config: what the program was started with.
        websocket_port: of the bus's WebSocket listener, for browsers.
        is_demo: mark every page as showing invented data.
        authority: certificate of the hub's private authority, where browsers need it.
        chores: what goes on beside the pages, and what happened to it.
        enroller: answers boxes that want to join; None: this hub takes none in.
    """
    files = assets()
    public_url = config.web.public_url or ""
    secure = config.web.tls is not None or public_url.startswith("https://")
    desk = Desk(
        database=database,
        sites=sites,
        orders=orders,
        grants=grants,
        box=box,
        clock=clock,
        config=config,
        placements=guide_values.Placements(database),
        causes=rules.causes(),
        pages=Pages(files),
        sign_in_limit=RateLimit(clock, burst=SIGN_IN_BURST, per_second=SIGN_IN_PER_SECOND),
        ask_limit=RateLimit(clock, burst=ASK_BURST, per_second=ASK_PER_SECOND),
        public_limit=RateLimit(clock, burst=PUBLIC_BURST, per_second=PUBLIC_PER_SECOND),
        page_limit=RateLimit(clock, burst=PAGE_BURST, per_second=PAGE_PER_SECOND),
        refusal_limit=RateLimit(
            clock, burst=rights.REFUSALS_BURST, per_second=rights.REFUSALS_PER_SECOND
        ),
        downloads=Recently(clock, DOWNLOAD_S),
        hashing=threading.BoundedSemaphore(SIGN_INS_AT_ONCE),
        websocket_port=websocket_port,
        secure=secure,
        is_demo=is_demo,
        started_ns=clock.wall_ns(),
        enroller=enroller,
    )
    app = FastAPI(
        title="Vọng Gác",
        version="1",  # of the API; the program's own is nobody's business who has not signed in
        description="JSON API of a hub. Times are RFC 3339 UTC; errors have one shape.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(rights.guard), Depends(_put_away)],
        responses=DOCUMENTED,
    )
    app.state.desk = desk
    app.state.authority = authority
    app.state.chores = chores
    app.add_middleware(
        Guard,
        websocket=config.bus.public_websocket_url,
        websocket_port=websocket_port,
        secure=secure,
    )
    app.mount("/static", files, name="static")
    rights.check_table(ROUTERS)
    for routes in ROUTERS:
        app.include_router(routes)
    app.add_exception_handler(VonggacError, _on_own_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(ClientDisconnect, _on_leaving)
    app.add_exception_handler(Exception, _on_surprise)
    return app


async def _put_away(request: Request) -> AsyncIterator[None]:
    """Close the files that came with a form, whether or not its route wanted any."""
    try:
        yield
    finally:
        await request.close()


def _on_own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, VonggacError), "registered for these"
    headers = {}
    if error.detail.get("status") == 416:
        # The one status that no kind has: RFC 9110 section 15.5.17 wants it, with the size.
        headers["Content-Range"] = f"bytes */{error.detail['size']}"
        body = error_body(error.kind, error.message, {"size": error.detail["size"]})
        return JSONResponse(body, 416, headers=headers)
    if "retry_s" in error.detail:
        headers["Retry-After"] = str(error.detail["retry_s"])
    if _is_api(request):
        return error_response(error, headers=headers)
    if error.kind is Kind.UNAUTHENTICATED:
        goes_back = request.url.path if request.method == "GET" else "/"
        if request.url.query and request.method == "GET":
            goes_back += f"?{request.url.query}"
        return RedirectResponse(f"/signin?next={quote(goes_back)}", 303)
    if error.detail.get("code") == "must_change_password":
        return RedirectResponse("/password", 303)
    if error.detail.get("code") == "must_enrol_second_factor":
        return RedirectResponse("/account/factor", 303)
    return _error_page(request, error.kind, headers)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these"
    if error.status_code == 405:
        _log.warning("request.method_refused", method=request.method, path=told(request.url.path))
    kind = kind_of(error.status_code)
    headers = dict(error.headers or {})
    if _is_api(request):
        return JSONResponse(
            error_body(kind, str(error.detail), {}), error.status_code, headers=headers
        )
    return _error_page(request, kind, headers, status=error.status_code)


def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for these"
    fields = {
        ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]): fault["msg"]
        for fault in error.errors()
    }
    message = "; ".join(f"{field}: {said}" for field, said in fields.items())
    if _is_api(request):
        if any(fault["loc"][0] == "body" for fault in error.errors()) and _is_other(request):
            said = "the body must be application/json"
            return JSONResponse(error_body(Kind.BAD_INPUT, said, {}), 415)
        return JSONResponse(
            error_body(Kind.BAD_INPUT, message, {"fields": fields}), STATUS[Kind.BAD_INPUT]
        )
    return _error_page(request, Kind.BAD_INPUT, {})


def _is_other(request: Request) -> bool:
    """Whether a body came that calls itself something else than JSON (RFC 9110 section 15.5.16)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    return bool(media) and media != "application/json" and not media.endswith("+json")


def _on_leaving(request: Request, error: Exception) -> Response:
    """The browser went away in the middle of its question; nobody reads this."""
    assert isinstance(error, ClientDisconnect), "registered for these"
    return Response(status_code=400)


def _on_surprise(request: Request, error: Exception) -> Response:
    _log.error("request.failed", path=told(request.url.path), error=repr(error))
    if _is_api(request):
        body = error_body(Kind.INTERNAL, "the program failed; its log says how", {})
        return JSONResponse(body, 500)
    return _error_page(request, Kind.INTERNAL, {})


def _error_page(
    request: Request, kind: Kind, headers: dict[str, str], *, status: int | None = None
) -> Response:
    who = guest(request)
    code = status or STATUS[kind]
    if code in (408, 413):
        title, said = _unread(code, request.url.path, who.t)
    else:
        title, said = _words(kind, who.t)
    response = who.page(
        "error.html",
        {
            "title": title,
            "said": said,
            "status": code,
            "again": kind in (Kind.TIMED_OUT, Kind.UNAVAILABLE, Kind.INTERNAL)
            and request.method == "GET",
        },
        status=code,
    )
    response.headers.update(headers)
    return response


def _unread(code: int, path: str, t: words.Tongue) -> tuple[str, str]:
    """What is said of a form that was not read: its files are too much, or its line too slow."""
    again = t("Chưa có gì được lưu. Bấm nút quay lại của trình duyệt: chữ đã gõ còn ở trang trước;"
              " chọn ít tệp hơn hoặc tệp nhỏ hơn rồi gửi lại.")  # fmt: skip
    if code == 408:
        return t("Đường truyền quá chậm cho lần gửi này"), again
    most = longest(path)
    size = f"{most // 2**20} MB" if most >= 2**20 else f"{most // 2**10} kB"
    said = t("Mỗi lần gửi ở trang này nhận nhiều nhất {size}, cả chữ và tệp.", size=size)
    if _PHOTOGRAPHED.fullmatch(path):
        n = survey_form.PHOTOS_AT_ONCE
        said += " " + t("Gửi mỗi lần nhiều nhất {n} ảnh, mỗi ảnh 5 MB, rồi điền tiếp.", n=n)
    return t("Lần gửi này quá lớn"), f"{said} {again}"


def _words(kind: Kind, t: words.Tongue) -> tuple[str, str]:
    match kind:
        case Kind.NOT_FOUND:
            return t("Không có trang này"), t(
                "Địa chỉ sai, hoặc camera đã rời khỏi sổ. Sổ ghi của camera cũ vẫn được giữ."
            )
        case Kind.FORBIDDEN:
            return t("Bạn không có quyền làm việc này"), t(
                "Quản trị của cơ sở cấp quyền. Việc bị từ chối đã được ghi vào nhật ký."
            )
        case Kind.UNAVAILABLE | Kind.TIMED_OUT:
            return t("Chưa hỏi được thiết bị ghi"), t(
                "Thiết bị ghi tại cơ sở không trả lời. Nó vẫn ghi theo lệnh cuối; sổ và các trang "
                "khác vẫn mở được."
            )
        case Kind.BAD_INPUT | Kind.CONFLICT | Kind.TOO_LARGE:
            return t("Yêu cầu không đúng"), t("Hãy quay lại trang trước và thử lại.")
        case Kind.TOO_MANY:
            return t("Quá nhiều yêu cầu"), t("Hãy đợi một phút rồi thử lại.")
        case _:
            return t("Máy chủ gặp lỗi"), t(
                "Lỗi đã được ghi lại. Việc ghi hình không phụ thuộc vào trang này và vẫn tiếp tục."
            )


def told(path: str) -> str:
    """A path as the log may keep it: without the secret of a one-time link."""
    return _ONE_TIME.sub(r"\1…", path)[:200]


def _is_api(request: Request) -> bool:
    return is_for_programs(request.url.path)
