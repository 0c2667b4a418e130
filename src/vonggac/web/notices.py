"""What people who are filmed are told, and its sign as PDF: the page and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import segno
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import NS, rfc3339
from vonggac.domain import access, audit, legal, notices, registry
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "in_the_future": "Không được ở tương lai.",
    "no_time": "Ghi ngày và giờ.",
    "outside": "Phải sau lúc phát hiện và không ở tương lai.",
    "no_file": "Chọn một tệp.",
    "not_pdf_or_text": "Chỉ nhận tệp PDF hoặc TXT.",
    "file_too_long": "Tệp quá lớn, nhiều nhất 4 MB.",
    "clock_runs": "Chỉ đóng hồ sơ khi mọi đồng hồ đã có báo cáo.",
    "reported": "Việc này đã được ghi là xong.",
    "closed": "Hồ sơ đã đóng.",
}
"""What is said of input of these pages that cannot be taken."""

Signed = Annotated[Visitor, Depends(visitor)]
SiteId = Annotated[str, Query(max_length=40)]


class NoticeBody(BaseModel):
    """What the sign says; retention, sound and zones are read from the register."""

    model_config = ConfigDict(extra="forbid")

    operator: str = Field(max_length=notices.MAX_LINE)
    contact: str = Field(max_length=notices.MAX_LINE)
    purpose: str = Field(max_length=notices.MAX_PURPOSE)
    purpose_en: str = Field(default="", max_length=notices.MAX_PURPOSE)


def faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is wrong with which field, in the visitor's language."""
    fields = error.detail.get("fields")
    if not isinstance(fields, dict):
        return {}
    return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}


def this_minute(who: Visitor) -> str:
    """Now, as a field of a form begins: to the minute that has begun."""
    now_ns = who.desk.now_ns()
    return dates.write_moment(now_ns - now_ns % (60 * NS))


def public_address(request: Request, notice: notices.Notice) -> str:
    """Where people reach the public page: as configured, else as this browser reached us."""
    desk = request.app.state.desk
    root = desk.config.web.public_url or str(request.base_url)
    return f"{root.rstrip('/')}/thong-bao/{notice.public_id}"


@routes.get("/notices")
def notices_page(request: Request, who: Signed, site: SiteId = "") -> Response:
    """What the sign says, the form that edits it, and what retention deleted."""
    return _page(request, who, site)


def _page(
    request: Request, who: Visitor, site_id: str, form: Form | None = None, *, status: int = 200
) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.DOCUMENTS_MAKE)
        site = next((one for one in sites if one.id == site_id), sites[0] if sites else None)
        if site is None:
            raise VonggacError(Kind.FORBIDDEN, "no facility is in your scope", code="outside_scope")
        thing = access.thing_of_site(connection, site.id)
        notice = notices.of_site(connection, site.id)
        practice = notices.practice(connection, site, who.desk.placement)
        deleted = notices.deletions(connection, site.id)
        unchecked = legal.unchecked(connection)
    address = public_address(request, notice) if notice else ""
    filled = form or Form(
        {name: getattr(notice, name, "") for name in notices.Draft.__dataclass_fields__}
    )
    return who.page(
        "notices.html",
        {
            "site": site,
            "sites": sites,
            "notice": notice,
            "practice": practice,
            "address": address,
            "is_local": not who.desk.config.web.public_url,
            "form": filled,
            "may_edit": who.may(Act.SETTINGS_EDIT, thing),
            "deleted": deleted,
            "languages": notices.languages(),
            "law": legal.bases()["luat-91-2025"],
            "unchecked": unchecked,
        },
        status=status,
        section="notices",
    )


@routes.post("/notices")
async def notices_send(request: Request) -> Response:
    """Edit what the sign says."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))
    return await run_in_threadpool(_send, request, values)


def _send(request: Request, values: dict[str, str]) -> Response:
    who = visitor(request)
    who.check_form(values)
    site_id = values.get("site", "")[:40]
    draft = notices.Draft(
        **{name: values.get(name, "") for name in notices.Draft.__dataclass_fields__}
    )
    try:
        _save(who, site_id, draft)
    except VonggacError as error:
        found = faults(who, error)
        if not found:
            raise
        return _page(request, who, site_id, Form(values, found), status=422)
    return RedirectResponse(f"/notices?site={site_id}", 303)


def _save(who: Visitor, site_id: str, draft: notices.Draft) -> None:
    desk = who.desk
    with desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        verdict = rights.require(connection, who, Act.SETTINGS_EDIT, thing)
    by = evidence_api.someone(who, verdict)
    with desk.database.writing() as connection:
        notices.save(connection, site_id, draft, by=by, now_ns=desk.now_ns())


@routes.get("/notices/{site_id}/sign.pdf")
def sign(request: Request, who: Signed, site_id: str) -> Response:
    """The sign at the door, to print on A4."""
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        verdict = rights.require(connection, who, Act.DOCUMENTS_MAKE, thing)
        site = registry.site(connection, site_id)
        notice = notices.of_site(connection, site_id)
        if site is None or notice is None:
            raise VonggacError(Kind.NOT_FOUND, "write operator and contact first")
        practice = notices.practice(connection, site, desk.placement)
    values = sign_values(site, notice, practice, public_address(request, notice))
    made = paper.pdf("notice", values)
    with desk.database.writing() as connection:
        audit.record(
            connection,
            evidence_api.someone(who, verdict).actor,
            audit.Act.DOCUMENT_MADE,
            now_ns=now_ns,
            thing=site_id,
            site=site_id,
            detail={"what": "notice sign"},
        )
    return Response(
        made,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="bien-bao-{site.name}.pdf"'},
    )


def sign_values(
    site: registry.Site, notice: notices.Notice, practice: notices.Practice, address: str
) -> Mapping[str, Any]:
    """What stands on the sign, with the code that leads to the public page."""
    modules = segno.make(address, error="m", micro=False).matrix
    qr = ["".join("1" if module else "0" for module in row) for row in modules]
    return notices.sign_values(site, notice, practice, address=address, qr=qr)


# -- API -------------------------------------------------------------------------------------


@api.get("/notices", summary="What people who are filmed are told")
def every_notice(request: Request, who: Signed) -> dict[str, Any]:
    """One for each facility of the visitor's scope, written or not."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.DOCUMENTS_MAKE)
        return {"notices": [_notice_json(request, who, connection, site) for site in sites]}


@api.get("/notices/{site_id}", summary="What people who are filmed at a facility are told")
def one_notice(request: Request, who: Signed, site_id: str) -> dict[str, Any]:
    """What was written, and what the cameras do."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id[:40])
        rights.require(connection, who, Act.DOCUMENTS_MAKE, thing)
        site = registry.site(connection, thing.id)
        assert site is not None, "it is a thing"
        return _notice_json(request, who, connection, site)


@api.put("/notices/{site_id}", summary="Write what people who are filmed are told")
def write_notice(request: Request, who: Signed, site_id: str, body: NoticeBody) -> dict[str, Any]:
    """The first time opens the public page."""
    who.signed_in  # noqa: B018
    draft = notices.Draft(body.operator, body.contact, body.purpose, body.purpose_en)
    _save(who, site_id[:40], draft)
    with who.desk.database.reading() as connection:
        site = registry.site(connection, site_id[:40])
        assert site is not None, "just written"
        return _notice_json(request, who, connection, site)


@api.get("/notices/{site_id}/sign.pdf", summary="The sign at the door", response_class=Response)
def sign_file(request: Request, who: Signed, site_id: str) -> Response:
    """A4, in every language of `languages`."""
    return sign(request, who, site_id[:40])


def _notice_json(
    request: Request, who: Visitor, connection: Connection, site: registry.Site
) -> dict[str, Any]:
    notice = notices.of_site(connection, site.id)
    practice = notices.practice(connection, site, who.desk.placement)
    written = None
    if notice is not None:
        written = {
            "operator": notice.operator,
            "contact": notice.contact,
            "purpose": notice.purpose,
            "purpose_en": notice.purpose_en or None,
            "public_page": public_address(request, notice),
            "updated": {"by": notice.updated_by, "at": rfc3339(notice.updated_ns)},
        }
    return {
        "site": site.id,
        "title": site.title or site.name,
        "written": written,
        "cameras": practice.cameras,
        "zones": [zone.code for zone in practice.zones],
        "retention_days": practice.days,
        "sound": practice.sound,
        "languages": [one.code for one in notices.languages()],
    }
