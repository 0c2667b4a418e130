"""The form of a facility's survey: through a link without an account, or for a signed-in person.

The same fields come from a browser with a script, which keeps them on the device and sends them
when there is a line, and from one without.  A link opens its own form and nothing else; when the
form was sent it shows the receipt.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from vonggac.domain import (
    access,
    campaigns,
    pictures,
    register,
    register_places,
    registry,
    survey_forms,
    survey_links,
    surveys,
)
from vonggac.domain.access import Act
from vonggac.domain.audit import Actor
from vonggac.domain.survey_forms import Said, SaidCamera
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.web import surveys as shared
from vonggac.web.desk import Visitor, desk_of, visitor
from vonggac.web.public import address_of
from vonggac.web.register import refused_place
from vonggac.web.render import STATIC, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.survey_links import Link
    from vonggac.domain.surveys import Answer, Photograph, SurveyState

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

FIELDS_MOST: Final = 2_000
"""Fields of a form: sixty cameras of fifteen, and the rest."""
FILES_MOST: Final = 200
"""Files of a form: an empty one comes of every place for photographs."""
PHOTOS_AT_ONCE: Final = 4
"""Photographs of the largest kind that one sending holds, from a browser that shrinks none."""
PHOTOS_MOST: Final = PHOTOS_AT_ONCE * pictures.MAX_PICTURE
"""Bytes of the photographs that are kept of one sending; the form names those that must come again.

What is longer than `security.LONG_BODIES` is not read at all."""
TEXTS: Final[Mapping[str, str]] = {
    "saved": "Đã lưu trên máy này lúc {time}.",
    "offline": "Không có mạng. Phiếu vẫn được lưu.",
    "waiting": "Chờ có mạng để gửi: {n} ảnh và phiếu.",
    "sending": "Đang gửi: còn {n} ảnh.",
    "sent": "Đã gửi lúc {time}.",
    "refused": "Chưa gửi được: có ô cần sửa. Không mất gì đã ghi.",
    "closed": "Phiếu này không nhận nữa. Những gì đã ghi vẫn còn trên máy này.",
    "signin": "Phiên đăng nhập đã hết. Hãy đăng nhập lại trên máy này rồi mở lại phiếu.",
    "failed": "Máy chủ chưa nhận. Máy này tự gửi lại.",
    "no_store": "Trình duyệt này không lưu được phiếu trên máy. Hãy gửi ngay khi điền xong.",
    "no_offline": "Mất mạng thì trang này không mở lại được. Hãy giữ trang đang mở.",
    "photo": "Ảnh {n}",
    "remove": "Bỏ ảnh {n}",
    "photo_failed": "Không đọc được ảnh này.",
    "step": "Bước {n}/{of}: {title}",
    "missing": "Ô này phải có.",
}
"""What the script says; `{…}` are filled by it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A form that may be filled in by whoever asks."""

    it: SurveyState
    link: Link | None
    address: str
    """Where it is sent."""


# -- opening ---------------------------------------------------------------------------------


def _by_link(connection: Connection, who: Visitor, token: str) -> Opened:
    link, it = survey_links.by_token(connection, token[:100], who.desk.now_ns())
    return Opened(it, link, f"/s/{token[:100]}")


def _by_person(connection: Connection, who: Visitor, survey_id: str) -> Opened:
    it = shared.found(connection, who, survey_id, Act.SURVEY_ANSWER)
    return Opened(it, None, f"/surveys/{it.id}/form")


@routes.get("/s/{survey_token}")
async def link_page(request: Request, survey_token: str) -> Response:
    """One facility's form, without an account; its receipt when it was sent."""
    desk_of(request).page_limit.take(address_of(request))

    def read() -> Response:
        who = visitor(request)
        with who.desk.database.reading() as connection:
            opened = _by_link(connection, who, survey_token)
            if opened.link is not None and opened.link.used_ns is not None:
                every = surveys.answers(connection, opened.it.id)
                sent = next((one for one in every if one.link_id == opened.link.id), None)
                return _page(connection, who, opened, {}, answer=sent)
            return _page(connection, who, opened, _before(connection, opened))
        raise AssertionError("the page was made")

    return await run_in_threadpool(read)


@routes.get("/surveys/{survey_id}/form")
def form_page(who: Signed, survey_id: str) -> Response:
    """The same form for a signed-in person, filled with what the register knows."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        opened = _by_person(connection, who, survey_id)
        values = _before(connection, opened)
        thing = access.thing_of_site(connection, opened.it.site_id)
        if not values and who.may(Act.FACILITY_DETAILS, thing):
            values = survey_forms.flat(_known(connection, opened.it.site_id))
        return _page(connection, who, opened, values)


def _before(connection: Connection, opened: Opened) -> dict[str, str]:
    """What was answered before, to be put right."""
    answers = surveys.answers(connection, opened.it.id)
    if not answers:
        return {}
    return survey_forms.flat(answers[0].said) | {"pictures": ",".join(answers[0].pictures)}


def _known(connection: Connection, site_id: str) -> Said:
    """What the register knows, as answers."""
    said = register.facility(connection, site_id).said
    contact = register.contacts(connection, [site_id]).get((site_id, "contact"))
    facts = register_places.facts(connection, [site_id])
    empty = register_places.Facts()
    return Said(
        contact={
            name: value for name in survey_forms.CONTACT if (value := getattr(contact, name, ""))
        },
        sizes={
            name: str(value) for name in survey_forms.SIZES
            if (value := getattr(said, name)) is not None
        },
        cameras=tuple(
            SaidCamera(
                at, one.zone, one.title or one.name, code=one.name,
                facts={
                    name: value for name in ("maker", "model")
                    if (value := getattr(facts.get(one.id, empty), name))
                },
            )
            for at, one in enumerate(registry.cameras(connection, site_id))
        ),
    )  # fmt: skip


def _page(
    connection: Connection,
    who: Visitor,
    opened: Opened,
    values: Mapping[str, str],
    *,
    faults: Mapping[str, str] | None = None,
    answer: Answer | None = None,
    extra: int = 1,
    status: int = 200,
) -> Response:
    """The form as it stands; `extra` is how many empty cameras are offered below those written."""
    said = survey_forms.read(values)
    over = campaigns.campaign(connection, opened.it.campaign_id)
    known = survey_forms.rules()
    held = _held(connection, opened, values)
    numbers = sorted({one.at for one in said.cameras} | _photographed(held, known.cameras_most))
    free = [at for at in range(known.cameras_most) if at not in numbers]
    return who.page(
        "survey_form.html",
        {
            "it": opened.it,
            "over": over,
            "facility": register.facility(connection, opened.it.site_id).said,
            "action": opened.address,
            "by_link": opened.link is not None,
            "ends_ns": opened.link.ends_ns if opened.link else None,
            "closed": opened.it.ended or opened.it.state == "verified",
            "values": values,
            "faults": faults or {},
            "numbers": [*numbers, *free[:extra]],
            "answer": answer,
            "rules": known,
            "placement": who.desk.placement,
            "texts": {name: who.t(said_) for name, said_ in TEXTS.items()},
            "refusals": {one.code: refused_place(who, one) for one in who.desk.placement.forbidden},
            "pictures": survey_forms.PICTURES_MOST,
            "held": held,
            "at_once": PHOTOS_AT_ONCE,
            # The language's links come back to the form; its secret is in no other address.
            "path": opened.address,
        },
        status=status,
    )


def _held(
    connection: Connection, opened: Opened, values: Mapping[str, str]
) -> dict[str, list[Photograph]]:
    """Photographs that the hub has of this form already, by the field that they were taken for."""
    named: set[str] = set(_named(values))
    found: dict[str, list[Photograph]] = {}
    if named:
        for one in surveys.photographs(connection, opened.it.id):
            if one.client_id in named:
                found.setdefault(one.about, []).append(one)
    return found


def _photographed(held: Mapping[str, list[Photograph]], most: int) -> set[int]:
    """Cameras of which there is a photograph, and perhaps no word yet."""
    marks = (one.partition("-") for one in held)
    numbers = {int(at) for mark, _, at in marks if mark == "c" and at.isascii() and at.isdigit()}
    return {at for at in numbers if at < most}


def _named(values: Mapping[str, str]) -> list[str]:
    """Device's ids of the photographs that a form names, without those that were taken out."""
    told = (one.strip() for one in values.get("pictures", "").split(","))
    return list(dict.fromkeys(one for one in told if one and f"drop-{one}" not in values))


# -- sending ---------------------------------------------------------------------------------


@routes.post("/s/{survey_token}")
async def link_send(request: Request, survey_token: str) -> Response:
    """Take the form in, once; answers with the receipt."""
    desk_of(request).page_limit.take(address_of(request))

    def opened() -> Opened:
        who = visitor(request)
        with who.desk.database.reading() as connection:
            return _by_link(connection, who, survey_token)

    form = await run_in_threadpool(opened)
    values, photos = await _sent(request)
    as_json = _wants_json(request)
    return await run_in_threadpool(lambda: _send(visitor(request), form, values, photos, as_json))


@routes.post("/surveys/{survey_id}/form")
async def form_send(request: Request, survey_id: str) -> Response:
    """Take the form in from a signed-in person."""

    def opened() -> Opened:
        who = visitor(request)
        who.signed_in  # noqa: B018
        with who.desk.database.reading() as connection:
            return _by_person(connection, who, survey_id)

    form = await run_in_threadpool(opened)
    values, photos = await _sent(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        return _send(who, form, values, photos, _wants_json(request))

    return await run_in_threadpool(send)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph that came with a form, as it was sent."""

    about: str
    """Field of the form that it was taken for."""
    content: bytes
    """Empty of one that was too much for this sending: it must be chosen again."""

    @property
    def client_id(self) -> str:
        """The same photograph for the same field, sent again, is one."""
        return hashlib.sha256(self.about.encode() + b"\n" + self.content).hexdigest()[:32]


async def _sent(request: Request) -> tuple[dict[str, str], list[Photo]]:
    """The fields of a form; and the photographs, which scripts send each by itself."""
    async with request.form(max_files=FILES_MOST, max_fields=FIELDS_MOST) as sent:
        photos, size = [], 0
        for name, file in sent.multi_items():
            if not (isinstance(file, UploadFile) and name.startswith("photo-") and file.size):
                continue
            length = min(file.size, pictures.MAX_PICTURE)
            fits = size + length <= PHOTOS_MOST
            size += length if fits else 0
            content = await file.read(pictures.MAX_PICTURE + 1) if fits else b""
            photos.append(Photo(name.removeprefix("photo-")[:60], content))
        return form_values(dict(sent)), photos


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _send(
    who: Visitor,
    opened: Opened,
    fields: Mapping[str, str],
    photos: Sequence[Photo],
    as_json: bool,
) -> Response:
    named, refused = _keep_photos(who, opened, _named(fields), photos)
    values = {**fields, "pictures": ",".join(named)}
    said, goes_on = survey_forms.read(values), values.get("do") in ("add", "photos")
    if refused or goes_on:
        if not goes_on:
            found = survey_forms.check(said, who.desk.placement)
            refused |= shared.faults(who, VonggacError(Kind.BAD_INPUT, "form", faults=found))
        with who.desk.database.reading() as connection:
            return _page(
                connection, who, opened, values, faults=refused,
                extra=2 if values.get("do") == "add" else 1, status=422 if refused else 200,
            )  # fmt: skip
    client_id = values.get("client_id", "")
    sent = tuple(named)
    try:
        made = keep(who, opened, said, client_id or new_id(), sent)
    except VonggacError as error:
        told = shared.faults(who, error)
        if not told:
            raise
        status = 409 if error.kind is Kind.CONFLICT else 422
        if as_json:
            return JSONResponse({"faults": told}, status)
        with who.desk.database.reading() as connection:
            return _page(connection, who, opened, values, faults=told, status=status)
    if as_json:
        return JSONResponse({"receipt": made.receipt, "version": made.version}, 201)
    with who.desk.database.reading() as connection:
        return _page(connection, who, opened, {}, answer=made)


def _keep_photos(
    who: Visitor, opened: Opened, named: Sequence[str], photos: Sequence[Photo]
) -> tuple[list[str], dict[str, str]]:
    """Keep the photographs that came with a form, whatever becomes of the form.

    A browser does not fill a file in again: a form that goes back to be mended names those that
    are here already.

    Returns:
        What the form names now, and what is wrong with which field.
    """
    found, faults, most = list(named), dict[str, str](), survey_forms.PICTURES_MOST
    sent = opened.link is not None and opened.link.used_ns is not None
    if sent or opened.it.ended or opened.it.state == "verified":
        return found, faults
    for photo in photos:
        if photo.client_id in found:
            continue
        code = "pictures_many"
        if not photo.content:
            code = "pictures_at_once"
        elif len(found) < most:
            code = _keep_photo(who, opened, photo)
        if code:
            faults[f"photo-{photo.about}"] = who.t(shared.FAULTS[code])
        else:
            found.append(photo.client_id)
    return found, faults


def _keep_photo(who: Visitor, opened: Opened, photo: Photo) -> str:
    """Keep one; what is wrong with it."""
    try:
        keep_picture(who, opened, photo.content, photo.client_id, photo.about)
    except VonggacError as error:
        told = error.detail.get("fields")
        if error.kind is Kind.TOO_MANY:
            return "pictures_many"
        if not isinstance(told, dict):
            raise
        return str(told.get("picture", "picture_broken"))
    return ""


def keep(who: Visitor, opened: Opened, said: Said, client_id: str, sent: tuple[str, ...]) -> Answer:
    """Take a version of the answers in; a camera where none may stand is refused and noted."""
    desk = who.desk
    guest = Actor("-", None, who.address)
    actor = guest if opened.link is not None else who.actor
    full_name = "" if opened.link is not None else who.signed_in.account.full_name
    try:
        with desk.database.writing() as connection:
            return surveys.answer(
                connection, opened.it.id, said, client_id=client_id, pictures=sent,
                link=opened.link, placement=desk.placement, actor=actor, full_name=full_name,
                now_ns=desk.now_ns(),
            )  # fmt: skip
    except VonggacError as error:
        faults = error.detail.get("faults")
        places = [one.place for one in faults if one.place] if isinstance(faults, list) else []
        if places:
            shared.note_refusal(who, actor, opened.it, places[0])
        raise


# -- photographs -----------------------------------------------------------------------------


@routes.post("/s/{survey_token}/pictures")
async def link_picture(request: Request, survey_token: str) -> Response:
    """Keep a photograph of a form, once."""
    desk_of(request).page_limit.take(address_of(request))

    def check() -> tuple[Visitor, Opened]:
        who = visitor(request)
        with who.desk.database.reading() as connection:
            opened = _by_link(connection, who, survey_token)
        if opened.link is not None and opened.link.used_ns is not None:
            raise VonggacError(Kind.CONFLICT, "this form was sent", code="ended")
        return who, opened

    who, opened = await run_in_threadpool(check)
    return await _take(request, who, opened)


@routes.post("/surveys/{survey_id}/pictures")
async def form_picture(request: Request, survey_id: str) -> Response:
    """Keep a photograph of a form that a signed-in person fills in."""

    def check() -> tuple[Visitor, Opened]:
        who = visitor(request)
        who.signed_in  # noqa: B018
        with who.desk.database.reading() as connection:
            return who, _by_person(connection, who, survey_id)

    who, opened = await run_in_threadpool(check)
    return await _take(request, who, opened)


async def _take(request: Request, who: Visitor, opened: Opened) -> Response:
    async with request.form(max_files=1, max_fields=10) as sent:
        file = sent.get("picture")
        content = b""
        if isinstance(file, UploadFile):
            content = await file.read(pictures.MAX_PICTURE + 1)
        values = form_values(dict(sent))

    def write() -> Response:
        if opened.link is None:
            who.check_form(values)
        picture_id = keep_picture(
            who, opened, content, values.get("client_id", ""), values.get("about", "")
        )
        return JSONResponse({"id": picture_id}, 201)

    return await run_in_threadpool(write)


def keep_picture(who: Visitor, opened: Opened, content: bytes, client_id: str, about: str) -> str:
    """Keep a photograph of a form once, without metadata; its id.

    Raises:
        VonggacError: BAD_INPUT, it is none or too large; TOO_MANY.
    """
    taken = pictures.taken(content, webp=True)
    by = ("", "") if opened.link else (who.actor.name, who.signed_in.account.full_name)
    with who.desk.database.writing() as connection:
        return surveys.keep_picture(
            connection, opened.it.id, taken, client_id=client_id, about=about, by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


# -- the worker that opens the form without a line -------------------------------------------


@routes.get("/survey-worker.js")
def worker() -> Response:
    """The service worker of the form; at the root, since its address bounds what it may open."""
    text: Any = (STATIC / "page" / "survey-worker.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
