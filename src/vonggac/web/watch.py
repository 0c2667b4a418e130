"""Pages where pictures move: the wall and playback.

The server says what may be seen; the browser's modules (`static/js/README.md`) fetch the pictures
from the bus themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import ledger, purposes, registry
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.security import websocket_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.rules import CauseWords

routes = APIRouter(include_in_schema=False)

LAYOUTS = (1, 4, 9, 16, 25)
REVIEW = "review"
"""What playback opens with for whoever is on duty."""
IN_STEP = 4
"""Cameras that are played in step at most."""

TEXTS: Mapping[str, str] = {
    "live": "Trực tiếp",
    "late": "Chậm {age} s",
    "stale": "Không phải hình trực tiếp",
    "stale_at": "hình lúc {time}",
    "stale_why": "đứng {age}, luồng vẫn mở nhưng không có hình mới",
    "opening": "Đang mở",
    "waiting": "Chờ hình đầu tiên",
    "marked": "Đã đánh dấu {case}: {camera} lúc {time}, đã giữ hình.",
    "marked_unheld": "Đã đánh dấu {case}: {camera} lúc {time}, chưa giữ được hình.",
    "mark_open": "Mở vụ việc này",
    "mark_choose": "Chọn một ô trước khi đánh dấu.",
    "mark_failed": "Chưa đánh dấu được: {why}",
    "gap_since": "Từ {time}, đã {age}.",
    "gap_retry": "Thiết bị ghi tự thử lại.",
    "no_picture": "Không có hình mới",
    "no_picture_why": "Không nhận được hình từ {time}. Thiết bị ghi có thể vẫn đang ghi.",
    "recording": "Đang ghi",
    "not_recording": "Không ghi",
    "unknown": "Chưa đối soát",
    "review_until": "Xem lại tới {time}",
    "sub_stream": "luồng phụ",
    "main_stream": "luồng chính",
    "codec_title": "Trình duyệt không mở được {codec}",
    "codec_why": (
        "Camera vẫn đang ghi. Máy này thiếu bộ giải mã {codec} và camera không có luồng phụ H.264."
    ),
    "denied_title": "Bạn không có quyền xem",
    "denied_why": "Camera này không nằm trong quyền xem của bạn.",
    "out_of_view": "Ngoài màn hình, tạm dừng",
    "no_cameras": "Bạn chưa được giao camera nào.",
    "countdown": "trang kế sau {seconds} s",
    "session_renewing": "Đang xin lại quyền xem.",
    "session_lost": "Mất kết nối tới trung tâm từ {time}. Đang thử lại.",
    "session_refused": "Quyền xem đã hết hoặc bị thu hồi. Hãy đăng nhập lại.",
    "ended_title": "Quyền xem đã kết thúc",
    "refused_unauthenticated": "Phiên đăng nhập đã kết thúc. Hãy đăng nhập lại.",
    "refused_session_ended": "Phiên đăng nhập đã kết thúc. Hãy đăng nhập lại.",
    "refused_account_disabled": "Tài khoản đã bị khóa.",
    "refused_withdrawn": "Lượt xem này đã bị thu hồi. Mở lại trang nếu bạn vẫn cần xem.",
    "refused_purpose_over": "Hết thời hạn của mục đích xem. Mở lại trang để xem tiếp.",
    "refused_not_in_time": "Vai trò hoặc thời hạn chia sẻ của bạn đã hết.",
    "refused_no_role": "Bạn không còn vai trò được xem camera này.",
    "refused_outside_scope": "Camera này không còn trong phạm vi của bạn.",
    "refused_wrong_purpose": "Vai trò của bạn không phục vụ mục đích xem này.",
    "purpose_refused": "Không nhận mục đích này; vẫn xem theo mục đích trước.",
    "duration_s": "{s} giây",
    "duration_m": "{m} phút {s} giây",
    "duration_h": "{h} giờ {m} phút",
    "duration_d": "{d} ngày {h} giờ",
    "no_picture_at": "Không có hình lúc {time}",
    "gap_from_to": "{cause} từ {from} đến {to} ({length}).",
    "to_time": "Tới {time}",
    "back_to_time": "Lùi về {time}",
    "jumped": "Bỏ qua {length}: {cause}, {from}–{to}.",
    "expired": "Đã quá hạn lưu",
    "expired_why": "Bản ghi trước {time} đã được xóa theo thời hạn lưu.",
    "not_yet": "Chưa tới thời điểm này",
    "unknown_why": "Chưa nhận được sổ ghi của khoảng này.",
    "nothing_day": "Camera chưa ghi gì trong ngày này.",
    "end_of_recording": "Đã tới hình mới nhất.",
    "loading": "Đang lấy hình",
    "failed": "Không lấy được hình: {why}",
    "has_picture": "có hình",
    "without_picture": "không có hình",
    "reviewing": "xem lại {date} {time}",
    "viewing_window": "đang xem {from}–{to}",
    "as_of": "tính đến {time}",
    "whole_day": "Cả ngày",
    "recorded": "Đã ghi",
    "strip": "{camera}: các đoạn đã ghi và mất",
    "gap_title": "{cause}: {from}–{to}",
    "recorded_of": "{recorded} s trên {total} s",
    "play": "Phát",
    "pause": "Dừng",
    "weekdays": "Chủ Nhật,Thứ Hai,Thứ Ba,Thứ Tư,Thứ Năm,Thứ Sáu,Thứ Bảy",
}
"""What the browser's modules say, by their keys (static/js/README.md, Texts)."""

KEYS_WALL: Sequence[tuple[str, str]] = (
    ("1–9, Enter", "phóng to ô, hoặc thu lại"),
    ("← ↑ → ↓", "sang ô khác; quá mép là sang trang"),
    ("Esc", "về toàn bộ các ô"),
    ("P", "xem lại ô này, lùi 30 giây"),
    ("V", "đánh dấu vụ việc ở ô đang chọn"),
    ("S", "luồng chính hoặc luồng phụ"),
    ("C", "tự chuyển trang"),
    ("F", "toàn màn hình"),
    ("M", "tiếng báo khi có khoảng trống mới"),
    ("Shift + ← →", "đổi chỗ ô"),
    ("L", "bố cục đã lưu"),
    ("?", "bảng phím này"),
)
KEYS_PLAYBACK: Sequence[tuple[str, str]] = (
    ("Space", "phát, dừng"),
    ("← →", "lùi, tới 10 giây; giữ Shift: 1 khung hình"),
    ("J K L", "lùi, dừng, tới nhanh"),
    ("G, Shift+G", "khoảng trống kế tiếp, khoảng trống trước"),
    ("+ − 0", "phóng to, thu nhỏ, cả ngày"),
    ("I O", "đầu và cuối đoạn chọn"),
    ("V", "đánh dấu vụ việc ở giây này hoặc đoạn đang chọn"),
    ("T", "tới một giờ nhập vào"),
    ("1–4", "chỉ camera này"),
    ("[ ]", "ngày trước, ngày sau"),
    ("?", "bảng phím này"),
)


@routes.get("/wall")
def wall(
    request: Request,
    who: Annotated[Visitor, Depends(visitor)],
    tiles: int = 9,
    site: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The wall: every camera of a facility that the person may see, so many at a time."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        shown = rights.shown_site(connection, who, Act.LIVE_VIEW, site)
        cameras = registry.cameras(connection, shown.id)
        states = ledger.states(connection, shown.id)
        choices = rights.choices(connection, who, Act.LIVE_VIEW, shown)
        purpose = rights.purpose(connection, who, Act.LIVE_VIEW, shown, usual=_usual(who))
    data = _page_data(request, who, cameras, states, purpose=purpose, choices=choices)
    return who.page(
        "wall.html",
        {
            "cameras": cameras,
            "tiles": tiles if tiles in LAYOUTS else 9,
            "layouts": LAYOUTS,
            "data": data,
            "choices": choices,
            "keys": KEYS_WALL,
        },
        section="wall",
    )


@routes.get("/playback")
def playback(
    request: Request,
    who: Annotated[Visitor, Depends(visitor)],
    cameras: str = "",
    camera: str = "",
    c: Annotated[list[str] | None, Query(max_length=50)] = None,
    t: str = "",
    at: str = "",
    day: str = "",
) -> Response:
    """Playback of one to four cameras in step.

    Args:
        request: names the host that the bus is reached at.
        who: the visitor.
        cameras: ids, separated by commas; `camera` is the same with one.
        camera: one id.
        c: the same, one parameter each, as a form of check boxes sends them.
        t: where to start, RFC 3339; `at` is the same.
        at: where to start.
        day: which day, 2026-11-18, when no moment is given.
    """
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        first = (c or (cameras or camera).split(","))[0]
        site = rights.shown_site(connection, who, Act.PLAYBACK, _site_of(connection, who, first))
        known = {found.id: found for found in registry.cameras(connection, site.id)}
        states = ledger.states(connection, site.id)
        usual = REVIEW if _usual(who) == purposes.USUAL else _usual(who)
        choices = rights.choices(connection, who, Act.PLAYBACK, site)
        purpose = rights.purpose(connection, who, Act.PLAYBACK, site, usual=usual)
    named = c or (cameras or camera).split(",")
    wanted = [name for name in dict.fromkeys(named) if name][:IN_STEP]
    if any(name not in known for name in wanted):
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    if not wanted and known:
        recording = [
            found.id
            for found in known.values()
            if (state := states.get((found.name, "main"))) and state.status == "recording"
        ]
        wanted = [recording[0] if recording else next(iter(known))]
    start_ns = _start(t or at, day, now_ns)
    shown_ns = start_ns if start_ns is not None else now_ns
    data = _page_data(request, who, list(known.values()), states, purpose=purpose, choices=choices)
    data |= {
        "shows": "recorded",
        "day": words.day_of(shown_ns).isoformat(),
        "at": None if start_ns is None else rfc3339(start_ns),
        "selected": wanted,
    }
    return who.page(
        "playback.html",
        {
            "known": list(known.values()),
            "selected": [known[name] for name in wanted],
            "in_step": IN_STEP,
            "data": data,
            "choices": choices,
            "legend": _legend(who),
            "keys": KEYS_PLAYBACK,
            "day": words.day_of(shown_ns).isoformat(),
        },
        section="playback",
    )


def _site_of(connection: Connection, who: Visitor, camera_id: str) -> str:
    """The facility of the camera that the address names, if the visitor may see it at all."""
    found = registry.cameras_named(connection, [camera_id]).get(camera_id)
    if found is None:
        return ""
    shown = rights.shown_sites(connection, who, Act.PLAYBACK)
    return found.site_id if any(site.id == found.site_id for site in shown) else ""


def _usual(who: Visitor) -> str:
    """The purpose that a page opens with for the visitor's roles; a code."""
    now_ns = who.desk.now_ns()
    held = [one.role for one in who.person.held if one.lasts(now_ns)]
    return purposes.usual(held, now_ns=now_ns).code


def _legend(who: Visitor) -> list[CauseWords]:
    """One cause for each pattern: the day on the screen changes, the key under it does not."""
    found: dict[str, CauseWords] = {}
    for said in who.desk.causes.values():
        found.setdefault(said.css, said)
    return list(found.values())


def _start(moment: str, day: str, now_ns: int) -> int | None:
    try:
        if moment:
            return max(0, min(parse_rfc3339(moment.replace(" ", "+")), now_ns))
        if day:
            return max(0, words.start_of(dates.read_day(day)))
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"t, day: {error}") from error
    return None


def _page_data(
    request: Request,
    who: Visitor,
    cameras: Sequence[registry.Camera],
    states: Mapping[tuple[str, str], ledger.State],
    *,
    purpose: str,
    choices: Sequence[purposes.Purpose],
) -> dict[str, Any]:
    form_token = who.signed_in.form_token
    data = wall_data(request, who, cameras, states, purpose=purpose, form_token=form_token)
    return data | {"purposes": {one.code: one.note for one in choices}, "shows": "live"}


def wall_data(
    request: Request,
    who: Visitor,
    cameras: Sequence[registry.Camera],
    states: Mapping[tuple[str, str], ledger.State],
    *,
    purpose: str,
    form_token: str,
) -> dict[str, Any]:
    """What the browser's modules are given (static/js/README.md), for a person or a display."""
    desk, t = who.desk, who.t
    return {
        "api": "/api/v1",
        # As the grant will say it: the browser begins its connection without waiting for that.
        "websocket": websocket_origin(
            desk.config.bus.public_websocket_url,
            desk.websocket_port,
            request.headers.get("host", ""),
            secure=desk.secure,
        ),
        "csrf": {"header": "X-CSRF-Token", "token": form_token},
        "hub": desk.grants.hub,
        # The page's own facility: whoever sees another one is not told of this hub's.
        "site": cameras[0].site_id if cameras else "",
        "server_now": str(desk.now_ns()),
        "utc_offset_s": 25_200,
        "language": t.language,
        "purpose": purpose,
        "cameras": [_camera_data(who, camera, states) for camera in cameras],
        "causes": {
            cause.value: {
                "letter": said.letter,
                "class": said.css,
                "name": t.of(said.name),
                "next": t.of(said.next_step),
            }
            for cause, said in desk.causes.items()
        },
        "links": {
            "playback": "/playback?cameras={camera}&t={at}",
            "recording": "/api/v1/cameras/{camera}/recording.mp4?from={from}&to={to}",
            "case": "/cases/{case}" if who.can(Act.CASE_MARK) else None,
            "export": "/exports/new?camera={camera}&from={from}&to={to}",
            "hold": "/holds?camera={camera}&from={from}&to={to}",
        },
        "texts": {key: t(sentence) for key, sentence in TEXTS.items()},
    }


def _camera_data(
    who: Visitor, camera: registry.Camera, states: Mapping[tuple[str, str], ledger.State]
) -> dict[str, Any]:
    streams = {"main": _stream_data(states.get((camera.name, "main")))}
    if camera.sub_url or (camera.name, "sub") in states:
        streams["sub"] = _stream_data(states.get((camera.name, "sub")))
    zone = who.desk.placement.zone(camera.zone)
    return {
        "id": camera.id,
        "code": camera.name.upper(),
        "name": camera.title or camera.name,
        "zone": {"code": zone.code, "name": who.t.of(zone.name)} if zone else None,
        "streams": streams,
        "allowed": True,
    }


def _stream_data(state: ledger.State | None) -> dict[str, Any] | None:
    if state is None or not state.detail.get("codec"):
        return None
    return {name: state.detail.get(name) for name in ("codec", "audio_codec", "width", "height")}
