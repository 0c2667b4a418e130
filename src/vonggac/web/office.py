"""Administration: the access log, the state of the system; health and metrics for machines."""

from __future__ import annotations

import csv
import io
import itertools
import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.responses import JSONResponse, Response

from vonggac import __version__
from vonggac.clock import NS, rfc3339
from vonggac.domain import access, alarms, audit, ledger, purposes, registry
from vonggac.domain.audit import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import audit_words, dates, rights, words
from vonggac.web.alarms import sites_of as alarm_sites
from vonggac.web.desk import Desk, Visitor, as_of, desk_of, the_site, visitor
from vonggac.web.ledgers import safe_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.hub.chores import Chores, Trouble

routes = APIRouter(include_in_schema=False)

CSV_ROWS = 100_000
OFTEN = 8
"""Acts of the log that have a button of their own; a list has them all (ours)."""
RECENT_NS = 86_400 * NS
"""What failed or was refused is told for a day after it was over (ours)."""

ACTS: Mapping[str, str] = {
    Act.SIGN_IN: "Đăng nhập",
    Act.SIGN_OUT: "Đăng xuất",
    Act.PASSWORD: "Đổi mật khẩu",
    Act.PASSWORD_RESET: "Cấp mật khẩu mới",
    Act.FACTOR_ENROLLED: "Đăng ký xác thực hai lớp",
    Act.FACTOR_REMOVED: "Bỏ xác thực hai lớp",
    Act.RECOVERY_CODES: "Tạo mã dự phòng",
    Act.SESSION_ENDED: "Kết thúc phiên",
    Act.TOKEN_MADE: "Tạo khóa API",
    Act.TOKEN_REVOKED: "Thu hồi khóa API",
    Act.ACCOUNT_MADE: "Lập tài khoản",
    Act.ACCOUNT_CLOSED: "Khóa tài khoản",
    Act.ACCOUNT_OPENED: "Mở lại tài khoản",
    Act.REVIEW: "Rà soát quyền",
    Act.WORKSTATION_ENROLLED: "Đăng ký máy trực",
    Act.WORKSTATION_REVOKED: "Bỏ máy trực",
    Act.PIN_SET: "Đặt mã PIN",
    Act.PERSON_CHANGED: "Đổi người trực",
    Act.DISPLAY_MADE: "Thêm màn hình treo tường",
    Act.DISPLAY_LINKED: "Ghép màn hình treo tường",
    Act.DISPLAY_REVOKED: "Bỏ màn hình treo tường",
    Act.SHOWN: "Chiếu trực tiếp",
    Act.LIVE: "Xem trực tiếp",
    Act.VIEW_BEGAN: "Bắt đầu xem",
    Act.VIEW_ENDED: "Thôi xem",
    Act.PLAYBACK: "Xem lại",
    Act.SPAN_PLAYED: "Đoạn đã xem lại",
    Act.SNAPSHOT: "Chụp hình",
    Act.DOWNLOAD: "Tải bản ghi",
    Act.VIEW_WITHDRAWN: "Thu hồi quyền đang xem",
    Act.SHARE_GIVEN: "Chia sẻ camera",
    Act.SHARE_WITHDRAWN: "Thu hồi chia sẻ camera",
    Act.REQUEST_MADE: "Nhận yêu cầu của người bị ghi hình",
    Act.REQUEST_EDITED: "Xử lý yêu cầu của người bị ghi hình",
    Act.INCIDENT_OPENED: "Lập hồ sơ sự cố",
    Act.CASE_OPENED: "Mở vụ việc",
    Act.CASE_STEP: "Ghi diễn biến vụ việc",
    Act.CASE_DELETED: "Xóa vụ việc quá hạn lưu",
    Act.INCIDENT_EDITED: "Cập nhật hồ sơ sự cố",
    Act.DIRECTIVE_REGISTERED: "Vào sổ văn bản chỉ đạo",
    Act.DIRECTIVE_ASSIGNED: "Giao nhiệm vụ",
    Act.DIRECTIVE_STEP: "Ghi kết quả nhiệm vụ",
    Act.TASK_OPENED: "Mở công việc",
    Act.TASK_STEP: "Ghi tiến độ công việc",
    Act.TASK_EXTENDED: "Xin, trả lời gia hạn công việc",
    Act.ACCEPTANCE_TRIED: "Bắt đầu thử nghiệm thu camera",
    Act.ACCEPTANCE_CHECKED: "Kiểm tra để nghiệm thu camera",
    Act.ACCEPTANCE_DECIDED: "Nghiệm thu camera",
    Act.ACCEPTANCE_DRIFTED: "Camera đã nghiệm thu lệch khỏi kết quả",
    Act.TEMPLATE_CHANGED: "Đổi mẫu văn bản",
    Act.DOCUMENT_MADE: "Lập tài liệu",
    Act.RULE_ATTACHED: "Đính kèm văn bản gốc",
    Act.KEYS_ROTATED: "Đổi khóa",
    Act.LEDGER: "Tải sổ",
    Act.CAMERA_ADDED: "Thêm camera",
    Act.CAMERA_EDITED: "Sửa camera",
    Act.CAMERA_RETIRED: "Đưa ra khỏi sổ",
    Act.FACILITY_ADDED: "Thêm cơ sở",
    Act.FACILITY_EDITED: "Sửa cơ sở",
    Act.CONTACT_EDITED: "Sửa liên hệ",
    Act.AREA_EDITED: "Sửa khu vực, cửa phòng",
    Act.SHEET_ENTERED: "Nhập danh mục từ Excel",
    Act.SHEET_TAKEN: "Xuất danh mục ra Excel",
    Act.COVER_CONCLUDED: "Kết luận độ phủ camera",
    Act.INTAKE_SET: "Đặt điều kiện tiếp nhận",
    Act.PLAN_EDITED: "Sửa sơ đồ tầng",
    Act.CLOSING_STEP: "Đóng cơ sở, từng bước",
    Act.MAINTENANCE_PLANNED: "Lên kế hoạch bảo trì",
    Act.MAINTENANCE_WITHDRAWN: "Rút kế hoạch bảo trì",
    Act.PROBE: "Kiểm tra kết nối",
    Act.DISCOVER: "Dò tìm camera",
    Act.REGISTER_REFUSED: "Từ chối vị trí lắp",
    Act.FACT_REFUSED: "Từ chối tin của cơ sở",
    Act.ACCESS_REFUSED: "Từ chối vì không có quyền",
    Act.ROLE_GIVEN: "Giao vai trò",
    Act.ROLE_ENDED: "Kết thúc vai trò",
    Act.UNIT_ADDED: "Thêm đơn vị",
    Act.UNIT_RENAMED: "Đổi tên đơn vị",
    Act.UNIT_ENDED: "Kết thúc đơn vị",
    Act.SITE_ASSIGNED: "Gán cơ sở cho đơn vị",
    Act.SITE_KEY: "Đặt khóa của cơ sở",
    Act.CODE_ISSUED: "Cấp mã đăng ký thiết bị ghi",
    Act.CODE_REVOKED: "Thu hồi mã đăng ký thiết bị ghi",
    Act.SITE_ENROLLED: "Thiết bị ghi đăng ký",
    Act.SITE_CUT_OFF: "Ngắt thiết bị ghi khỏi hệ thống",
    Act.ALARM_TAKEN: "Nhận xử lý cảnh báo",
    Act.BOX: "Thiết bị ghi báo",
    Act.DELETED: "Xóa theo hạn lưu",
    Act.AUDIT_READ: "Tải nhật ký",
    Act.AUDIT_EXPIRED: "Xóa nhật ký quá hạn",
    Act.BACKUP_MADE: "Sao lưu hệ thống",
    Act.BACKUP_RESTORED: "Khôi phục từ bản sao lưu",
    Act.DATABASE_MOVED: "Chuyển cơ sở dữ liệu",
    Act.EXPORT_ASKED: "Yêu cầu trích xuất",
    Act.EXPORT_APPROVED: "Duyệt trích xuất",
    Act.EXPORT_REFUSED: "Từ chối trích xuất",
    Act.EXPORT_BUILT: "Lập tệp trích xuất",
    Act.EXPORT_TAKEN: "Tải tệp trích xuất",
    Act.EXPORT_EXPIRED: "Xóa tệp trích xuất",
    Act.HOLD_PLACED: "Giữ bản ghi",
    Act.SCHEME_MADE: "Lập phương án kết nối",
    Act.SCHEME_EDITED: "Sửa phương án kết nối",
    Act.SCHEME_AGREED: "Thống nhất phương án",
    Act.PRICES_ENTERED: "Nhập danh mục giá",
    Act.ESTIMATE_MADE: "Lập dự toán",
    Act.ESTIMATE_EDITED: "Sửa dự toán",
    Act.ESTIMATE_STEP: "Ghi bước của dự toán",
    Act.INSPECTION_PLANNED: "Lập cuộc kiểm tra",
    Act.INSPECTION_EDITED: "Ghi kết quả kiểm tra",
    Act.INSPECTION_CLOSED: "Lập biên bản kiểm tra",
    Act.INSPECTION_RULE: "Quyết định kiểm tra từ xa có được tính",
    Act.FINDING_STEP: "Ghi việc khắc phục, kiểm tra lại",
    Act.REMINDER_DRAFTED: "Soạn công văn đôn đốc",
    Act.REMINDER_SENT: "Ghi đã gửi công văn đôn đốc",
    Act.PROPOSAL_STEP: "Giải trình, đề xuất, quyết định xử lý",
    Act.SURVEY_BEGUN: "Mở đợt khảo sát",
    Act.SURVEY_ENDED: "Kết thúc đợt khảo sát",
    Act.SURVEY_LINK: "Cấp, thu hồi đường dẫn khảo sát",
    Act.SURVEY_ANSWERED: "Nhận phiếu khảo sát",
    Act.SURVEY_CALL: "Ghi cuộc gọi khảo sát",
    Act.SURVEY_REMINDED: "Soạn công văn đôn đốc khảo sát",
    Act.SURVEY_FACTS: "Nhận số đo khảo sát",
    Act.SURVEY_VERIFIED: "Xác nhận phiếu khảo sát",
    Act.SURVEY_DISPUTED: "Trả lại phiếu khảo sát",
    Act.HOLD_RELEASED: "Thôi giữ bản ghi",
    Act.SYSTEM_DESIGNATED: "Ghi hệ thống được chỉ định",
    Act.DESIGNATED_LINK: "Ghi kết nối với hệ thống được chỉ định",
    Act.GUIDE_TIED: "Gắn hướng dẫn với mặc định",
    Act.GUIDE_SENT: "Gửi hướng dẫn, thẻ công việc",
    Act.GUIDE_RECEIVED: "Nhận hướng dẫn, thẻ công việc",
    Act.GUIDE_ASKED: "Hỏi đáp về hướng dẫn",
    Act.TRAINING_HELD: "Ghi buổi tập huấn",
    Act.PAPER_DRAFTED: "Dự thảo văn bản",
    Act.PAPER_AGREED: "Đồng ý với dự thảo",
    Act.PAPER_ISSUED: "Ban hành văn bản",
    Act.PAPER_SENT: "Theo dõi nơi nhận văn bản",
    Act.PAPER_WITHDRAWN: "Rút văn bản",
    Act.REPORT_MADE: "Lập báo cáo",
    Act.REPORT_ORDERED: "Đặt báo cáo định kỳ",
    Act.REPORT_DELIVERED: "Gửi báo cáo định kỳ",
}
"""What each act is called; a test holds it equal to `Act`."""


@routes.get("/audit")
def audit_page(
    who: Annotated[Visitor, Depends(visitor)],
    act: str = "",
    actor: str = "",
    q: str = "",
    day: str = "",
    before: int | None = None,
) -> Response:
    """The access log, newest first."""
    who.signed_in  # noqa: B018 - refuses who may not look
    desk = who.desk
    wanted = _filter(act, actor, day, before, text=q)
    with desk.database.reading() as connection:
        rows = audit.rows(connection, wanted)
        counts = audit.count_by_act(connection, wanted)
        head = audit.head(connection)
        anchor = audit.last_anchor(connection)
    shown = {name: counts[name] for name in ACTS if counts.get(name)}
    often = sorted(shown, key=lambda name: -shown[name])[:OFTEN]
    return who.page(
        "audit.html",
        {
            "rows": rows,
            "acts": ACTS,
            "stated": lambda text: purposes.read(text, now_ns=desk.now_ns()),
            "details": lambda kept: list(audit_words.details(who.t, kept, desk.now_ns())),
            "counts": shown,
            "often": {
                name: number for name, number in shown.items() if name in often or name == act
            },
            "total": sum(counts.values()),
            "act": act,
            "actor": actor,
            "q": q,
            "day": dates.written(day),
            "head": head,
            "anchor": anchor,
            "next_before": rows[-1].id if len(rows) == wanted.limit else None,
        },
        section="audit",
    )


@routes.get("/audit.csv")
def audit_csv(
    who: Annotated[Visitor, Depends(visitor)],
    act: str = "",
    actor: str = "",
    q: str = "",
    day: str = "",
) -> Response:
    """The access log for a spreadsheet, at most `CSV_ROWS` rows; taking it is a row itself."""
    who.signed_in  # noqa: B018
    desk = who.desk
    wanted = _filter(act, actor, day, None, text=q, limit=CSV_ROWS)
    with desk.database.reading() as connection:
        rows = audit.rows(connection, wanted)
    _taken(who, len(rows), act=act, actor=actor, q=q, day=day)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        ["time", "actor", "address", "act", "object", "purpose", "outcome", "detail", "number",
         "unit", "device", "hash"]
    )  # fmt: skip
    for row in rows:
        writer.writerow(
            [
                rfc3339(row.time_ns),
                safe_cell(row.actor),
                row.address,
                row.act,
                safe_cell(row.thing),
                safe_cell(row.purpose),
                row.outcome,
                safe_cell("; ".join(f"{name}={value}" for name, value in row.detail.items())),
                row.id,
                safe_cell(row.unit),
                safe_cell(row.device),
                row.hash,
            ]
        )
    return Response(
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


@routes.get("/audit.jsonl")
def audit_jsonl(
    who: Annotated[Visitor, Depends(visitor)],
    act: str = "",
    actor: str = "",
    q: str = "",
    day: str = "",
) -> Response:
    """The access log as JSON lines with its hashes, oldest first; taking it is a row itself."""
    who.signed_in  # noqa: B018
    wanted = _filter(act, actor, day, None, text=q)
    with who.desk.database.reading() as connection:
        lines = [
            json.dumps(row.as_json(), ensure_ascii=False)
            for row in itertools.islice(audit.every_row(connection, wanted), CSV_ROWS)
        ]
    _taken(who, len(lines), act=act, actor=actor, q=q, day=day)
    return Response(
        "".join(f"{line}\n" for line in lines),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _taken(who: Visitor, count: int, **wanted: str) -> None:
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            Act.AUDIT_READ,
            now_ns=who.desk.now_ns(),
            detail={"rows": count, **wanted},
        )


def _filter(
    act: str,
    actor: str,
    day: str,
    before: int | None,
    *,
    text: str = "",
    limit: int = audit.PAGE_LIMIT,
) -> audit.Filter:
    from_ns = to_ns = None
    if day:
        try:
            from_ns = words.start_of(dates.read_day(day))
        except (ValueError, OverflowError) as error:
            raise VonggacError(Kind.BAD_INPUT, f"day: {error}") from error
        to_ns = from_ns + words.DAY_NS
    if before is not None and not 0 <= before < 2**63:
        raise VonggacError(Kind.BAD_INPUT, "before is no row")
    return audit.Filter(
        act=act if act in set(Act) else "",
        actor=actor[:100],
        text=text[:100],
        from_ns=from_ns,
        to_ns=to_ns,
        before_id=before,
        limit=limit,
    )


CHORES: Mapping[str, str] = {
    "facts": "nhận tin của cơ sở",
    "facts_below": "nhận tin của các cơ sở cấp dưới",
    "below": "theo dõi đường truyền tới các cơ sở",
    "orders": "gửi lệnh cho thiết bị ghi",
    "wants": "gửi yêu cầu giữ bản ghi tới các cơ sở",
    "alarms": "tìm cơ sở im lặng quá lâu",
    "watch": "theo dõi thiết bị ghi",
    "exports": "dựng tệp trích xuất",
    "audit": "ký và dọn nhật ký truy cập",
    "syslog": "gửi nhật ký đi nơi khác",
    "revocation": "thu hồi quyền xem",
    "idle": "đóng tài khoản không dùng",
    "counting": "đếm trước số liệu của các trang",
    "reports": "lập và gửi báo cáo định kỳ",
    "acceptance": "kiểm tra lại camera đã nghiệm thu",
}
"""What goes on beside the pages, as people read it (`hub.chores`)."""


@routes.get("/system")
def system_page(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Disk, the promise of retention, the bus, versions; what failed, and who was refused."""
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        site = rights.shown_site(connection, who, access.Act.SYSTEM_SEE)
        site_state = ledger.site_state(connection, site.id)
        cameras = registry.cameras(connection, site.id)
        counts = ledger.counts(connection, site.id)
        waiting = alarms.count_open(connection, alarm_sites(connection, who))
        refused = audit.rows(
            connection,
            audit.Filter(
                act=audit.Act.FACT_REFUSED, from_ns=now_ns - RECENT_NS, to_ns=now_ns + 1, limit=1
            ),
        )
    detail: Mapping[str, Any] = site_state.detail if site_state else {}
    return who.page(
        "system.html",
        {
            "site": site,
            "site_state": site_state,
            "detail": detail,
            **disk_notes(who.t, site_state),
            "as_of": as_of(site_state, now_ns),
            "cameras": cameras,
            "counts": counts,
            "order": desk.orders.last if site.id == desk.sites.own_id else None,
            "dialect": desk.database.engine.dialect.name,
            "config": desk.config,
            "websocket_port": desk.websocket_port,
            "uptime_ns": now_ns - desk.started_ns,
            "hub": desk.grants.hub,
            "troubles": _troubles(request, now_ns),
            "refused": refused[0] if refused else None,
            "alarms": waiting,
        },
        section="system",
    )


def _troubles(request: Request, now_ns: int) -> list[tuple[str, Trouble]]:
    """Chores that a failing database held up, now or within the day."""
    kept: Chores | None = request.app.state.chores
    found = [] if kept is None else kept.troubles.values()
    return [
        (CHORES.get(one.name, one.name), one)
        for one in found
        if one.over_ns is None or now_ns - one.over_ns < RECENT_NS
    ]


def disk_notes(t: words.Tongue, site_state: ledger.SiteState | None) -> dict[str, Any]:
    """What `_disk_notes.html` shows: an ill disk, and days that will not be kept."""
    detail: Mapping[str, Any] = site_state.detail if site_state else {}
    promise = detail.get("retention") or {}
    return {
        "disk": detail.get("disk") or {},
        "promise": promise,
        "expected": length_in_days(t, promise.get("expected_days")),
    }


def length_in_days(t: words.Tongue, days: float | None) -> str:
    """So many days; below one, hours: nobody sees anything in 0,0 days."""
    if days is None:
        return ""
    if days < 1:
        return t("{n} giờ", n=t.decimal(days * 24))
    return t("{n} ngày", n=t.decimal(days))


@routes.get("/more")
def more_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """What the phone's tab bar has no room for."""
    who.signed_in  # noqa: B018
    return who.page("more.html", {}, section="more")


@routes.get("/healthz")
def healthz(request: Request) -> Response:
    """Whether this process can do its work: 200 or 503. Says nothing that is not public."""
    desk = desk_of(request)
    try:
        with desk.database.reading() as connection:
            own = desk.sites.own_id
            site_state = ledger.site_state(connection, the_site(connection, desk).id if own else "")
    except Exception:  # noqa: BLE001 - whatever the database raises, the answer is the same
        return JSONResponse({"ok": False, "database": False}, 503)
    is_reachable = bool(site_state and site_state.reachable_since_ns)
    told = {"ok": True, "database": True, "site_reachable": is_reachable}
    # Which weaknesses a version has is for those who keep this machine, not for everybody.
    return JSONResponse(told | ({"version": __version__} if rights.is_local(request) else {}))


@routes.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus figures. Counts and times only: no names of people, no addresses."""
    desk = desk_of(request)
    return Response(_exposition(desk), media_type=CONTENT_TYPE_LATEST)


def _exposition(desk: Desk) -> bytes:
    now_ns = desk.now_ns()
    collected = CollectorRegistry()

    def gauge(name: str, help_: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"vonggac_{name}", help_, labels, registry=collected)

    with desk.database.reading() as connection:
        site_id = the_site(connection, desk).id if desk.sites.own_id else ""
        cameras = registry.cameras(connection, site_id)
        states = ledger.states(connection, site_id)
        site_state = ledger.site_state(connection, site_id)
        counts = ledger.counts(connection, site_id)
    gauge("cameras", "Registered cameras").set(len(cameras))
    status = gauge("stream_recording", "1 while the stream is recorded", ("camera", "stream"))
    age = gauge("stream_state_age_seconds", "Age of what is known", ("camera", "stream"))
    for (camera, stream), state in states.items():
        status.labels(camera, stream).set(1 if state.status == "recording" else 0)
        age.labels(camera, stream).set(max(0, now_ns - state.as_of_ns) / NS)
    reachable = bool(site_state and site_state.reachable_since_ns)
    gauge("site_reachable", "1 while the box answers").set(1 if reachable else 0)
    disk = (site_state.detail.get("disk") if site_state else None) or {}
    if isinstance(disk, dict):
        gauge("disk_free_bytes", "Of the recording disk").set(disk.get("free_bytes") or 0)
        gauge("disk_total_bytes", "Of the recording disk").set(disk.get("total_bytes") or 0)
    facts = gauge("ledger_rows", "Rows of the hub's ledger", ("table",))
    for table, number in counts.items():
        facts.labels(table).set(number)
    gauge("uptime_seconds", "Since this process started").set((now_ns - desk.started_ns) / NS)
    return generate_latest(collected)
