"""The description of the data's ways: what goes from where to where, how guarded, kept how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonggac.domain.access import Act
from vonggac.domain.annexes import diagram, law
from vonggac.domain.annexes.diagram import Arrow, Box
from vonggac.domain.annexes.facts import WINDOW_DAYS
from vonggac.domain.annexes.measures import guarded
from vonggac.domain.annexes.sheet import NONE, Part, Table, cell, ruled, table
from vonggac.domain.duties import line_words

if TYPE_CHECKING:
    from vonggac.domain.annexes.facts import Facts, Listener

TITLE = "Bản mô tả luồng dữ liệu cá nhân"
ABOUT = "Hệ thống camera giám sát cơ sở cách ly tập trung"
SIGNS = ("Người lập", "Thủ trưởng đơn vị")

PICTURE_ACTS = (
    (Act.LIVE_VIEW, "xem trực tiếp"),
    (Act.PLAYBACK, "xem lại"),
    (Act.SNAPSHOT, "chụp hình"),
    (Act.DOWNLOAD, "tải bản ghi"),
    (Act.EXPORT_ASK, "lập yêu cầu trích xuất"),
    (Act.EXPORT_APPROVE, "duyệt trích xuất"),
    (Act.EXPORT_TAKE, "nhận tệp trích xuất"),
)
"""What a role may do with pictures, in words."""


def parts(facts: Facts) -> tuple[Part, ...]:
    """The parts of the document."""
    return (
        Part("Phạm vi", (), (places(facts), zones(facts))),
        Part(
            "Sơ đồ",
            ("Số trên mũi tên là số của luồng ở mục 3. Nét đứt: nằm ngoài hệ thống, hoặc không "
             "dùng ở nơi này.",),
            diagram=_drawn(facts),
        ),
        Part("Các luồng dữ liệu", (), (ways(facts),)),
        Part("Nơi lưu và thời hạn lưu", (), (kept(facts),)),
        Part("Ai được xem, lấy hình", (roles_say(facts),), (roles(facts),)),
        Part("Cổng lắng nghe và mã hóa", (), (doors(facts),)),
        Part(
            "Căn cứ",
            (),
            (table("", ("Văn bản", "Nội dung áp dụng"),
                   law.cited(facts, ("luat-91-2025", "nd-356-2025", "nd-331-2026")), (5, 5)),),
        ),
    )  # fmt: skip


def places(facts: Facts) -> Table:
    """Facilities with their cameras."""
    lines = line_words()
    return table(
        "Cơ sở",
        ("Cơ sở", "Địa chỉ", "Loại hình quản lý", "Thuộc", "Camera"),
        [
            (
                one.site.title or one.site.name,
                one.site.address or NONE,
                lines[one.site.owner_line].vi,  # type: ignore[index] # the database checks it
                one.unit or "chưa gán đơn vị",
                len(one.cameras),
            )
            for one in facts.places
        ],
        (4, 5, 4, 4, 2),
    )


def zones(facts: Facts) -> Table:
    """Cameras by the place that they look at."""
    return table(
        "Camera theo khu vực",
        ("Khu vực", "Số camera", "Ghi âm thanh"),
        [(name, number, loud or NONE) for name, number, loud in facts.by_zone()],
        (5, 2, 2),
    )


def ways(facts: Facts) -> Table:
    """Every way that personal data takes."""
    plain = "; ".join(
        f"{number} camera qua {kind.upper()}"
        for kind, number in sorted(facts.by_transport().items())
    )
    loud = any(camera.audio for camera in facts.cameras)
    locked = sum(camera.has_password for camera in facts.cameras)
    web, bus, socket = facts.listeners[:3]
    syslog = facts.config.audit.syslog
    rows = (
        ("Người ở khu vực có camera", "Camera", "hình ảnh" + (", âm thanh" if loud else ""),
         "biển báo; không đặt trong phòng, nhà tắm, nhà vệ sinh"),
        ("Camera", "Thiết bị ghi", "hình ảnh" + (", âm thanh" if loud else "; âm thanh: không có"),
         f"{plain or NONE}; {locked} camera có mật khẩu; RTSP không mã hóa đường truyền"),
        ("Thiết bị ghi", "Ổ đĩa tại cơ sở", "bản ghi, sổ ghi hình có ký số",
         f"mã hóa bởi phần mềm: {NONE}; tệp chỉ mở cho nhóm chạy phần mềm"),
        ("Thiết bị ghi", "Máy chủ (hub)", "sự kiện đã ký, trạng thái; hình theo lệnh",
         f"NATS, danh tính bằng khóa; {_where(bus)}"),
        ("Thiết bị ghi", "Trình duyệt của người xem", "hình trực tiếp và xem lại",
         f"WebSocket, quyền theo camera, có mục đích và hạn; {_where(socket)}"),
        ("Máy chủ (hub)", "Trình duyệt của người xem", "trang, sổ, ảnh chụp, bản tải",
         f"đăng nhập, phân quyền; {_where(web)}"),
        ("Máy chủ (hub)", "Cơ quan có văn bản yêu cầu", "tệp trích xuất có biên bản, ký số",
         "hai người: một lập, một duyệt; ghi nhật ký"),
        ("Máy chủ (hub)", "Hệ thống giám sát nhật ký", "nhật ký truy cập",
         "syslog, không mã hóa" if syslog else NONE),
        ("Máy chủ (hub)", "Công chúng", "biển báo; số lượt xem, không có hình và tên",
         f"trang công khai, {'có' if _is_public(facts) else 'chưa lập biển báo'}; {_where(web)}"),
    )  # fmt: skip
    return table(
        "",
        ("Số", "Từ", "Đến", "Dữ liệu", "Bảo vệ"),
        [(number, *row) for number, row in enumerate(rows, 1)],
        (1, 4, 4, 5, 7),
    )


def _where(door: Listener) -> str:
    return guarded(door)


def kept(facts: Facts) -> Table:
    """What is kept where, and until when."""
    rows = []
    for place in facts.places:
        name = place.site.title or place.site.name
        days = place.site.retention_days
        rows.append(
            (f"Bản ghi hình, {name}", "thiết bị ghi tại cơ sở",
             ruled(days, facts.rules["retention_days"], f"{days} ngày, tự xóa"))
        )  # fmt: skip
        own = sorted({one.retention_days for one in place.cameras if one.retention_days})
        rows += [
            (f"Bản ghi hình, {name}: {_with_days(place.cameras, own_days)} camera có hạn riêng",
             "thiết bị ghi tại cơ sở", cell(f"{own_days} ngày, tự xóa"))
            for own_days in own
        ]  # fmt: skip
    keep = facts.audit_days
    ready = facts.rules["export_days"]
    rows += [
        ("Bản ghi đang giữ theo vụ việc", "thiết bị ghi tại cơ sở",
         cell(f"{facts.uses.holds} đoạn, đến khi có người thứ hai bỏ giữ")),
        ("Sổ ghi hình (không có hình)", "thiết bị ghi và máy chủ", cell("không tự xóa")),
        ("Tệp trích xuất", "máy chủ",
         ruled(ready.number, ready, f"{ready.number} ngày, tự xóa; hồ sơ yêu cầu được giữ lại")),
        ("Nhật ký truy cập", "máy chủ",
         ruled(keep, facts.rules["audit_days"], f"{keep} ngày, tự xóa")),
        ("Tài khoản: họ tên, tên đăng nhập", "máy chủ",
         cell(f"{facts.people.open} đang mở, {facts.people.closed} đã khóa; không tự xóa")),
        ("Danh sách người được cách ly", NONE, cell("hệ thống không lưu")),
        ("Bản sao lưu", NONE, cell(f"sao lưu của phần mềm: {NONE}")),
    ]  # fmt: skip
    said_deletions = f"Đã tự xóa theo hạn {facts.uses.deletions} lần trong {WINDOW_DAYS} ngày qua."
    return table(said_deletions, ("Dữ liệu", "Nơi lưu", "Thời hạn"), rows, (5, 4, 5))


def _with_days(cameras: tuple[object, ...], days: int) -> int:
    return sum(getattr(one, "retention_days", None) == days for one in cameras)


def roles_say(facts: Facts) -> str:
    """One sentence on accounts."""
    people = facts.people
    return (
        f"{people.open} tài khoản đang mở, {people.with_factor} có xác thực hai lớp; "
        f"{people.workstations} máy trực, {people.displays} màn hình treo tường, "
        f"{people.tokens} khóa API, {facts.uses.shares} lượt chia sẻ camera đang hiệu lực."
    )


def roles(facts: Facts) -> Table:
    """Roles that touch pictures, with how many people hold them now."""
    rows = []
    for one in facts.roles:
        acts = [words for act, words in PICTURE_ACTS if act in one.duty.acts]
        if acts or one.people:
            rows.append((one.duty.name.vi, one.people, ", ".join(acts) or "không xem hình"))
    return table("", ("Vai trò", "Số người giữ", "Được làm với hình"), rows, (4, 2, 8))


def doors(facts: Facts) -> Table:
    """What listens where."""
    return table(
        "",
        ("Cổng", "Địa chỉ nghe", "Mã hóa"),
        [
            (one.name, f"{one.host}:{one.port or 'tự chọn'}", guarded(one))
            for one in facts.listeners
        ],
        (4, 4, 6),
    )


def _is_public(facts: Facts) -> bool:
    """Whether a facility has a sign, and with it a public page."""
    return any(place.operator for place in facts.places)


def _drawn(facts: Facts) -> str:
    cameras = len(facts.cameras)
    loud = sum(camera.audio for camera in facts.cameras)
    days = sorted({one.site.retention_days for one in facts.places})
    span = f"{days[0]} ngày" if len(days) == 1 else f"{days[0]}–{days[-1]} ngày" if days else NONE
    boxes = (
        Box(20, 10, 190, 48, "Người bị ghi hình", (f"{len(facts.by_zone())} khu vực",), True),
        Box(20, 100, 190, 60, "Camera", (f"{cameras} camera", f"ghi âm: {loud or NONE}")),
        Box(20, 204, 190, 60, "Thiết bị ghi", ("tại cơ sở", "sổ ghi hình ký số")),
        Box(20, 318, 190, 62, "Ổ đĩa bản ghi", (f"lưu {span}", "tự xóa khi hết hạn")),
        Box(300, 204, 150, 60, "Máy chủ (hub)", (facts.dialect, "nhật ký truy cập")),
        Box(300, 318, 150, 62, "Người xem",
            (f"{facts.people.open} tài khoản", "theo vai trò, mục đích")),
        Box(510, 204, 115, 60, "Cơ quan", ("có văn bản", "yêu cầu"), True),
        Box(510, 100, 115, 60, "Giám sát", ("nhật ký", "(syslog)"), True),
        Box(510, 318, 115, 62, "Công chúng", ("trang công khai", "không có hình"), True),
    )  # fmt: skip
    arrows = (
        Arrow(1, ((115, 58), (115, 100))),
        Arrow(2, ((115, 160), (115, 204))),
        Arrow(3, ((115, 264), (115, 318))),
        Arrow(4, ((210, 224), (300, 224))),
        Arrow(5, ((180, 264), (180, 292), (330, 292), (330, 318))),
        Arrow(6, ((400, 264), (400, 318))),
        Arrow(7, ((450, 226), (510, 226))),
        Arrow(8, ((375, 204), (375, 130), (510, 130)), not facts.config.audit.syslog),
        Arrow(9, ((450, 250), (480, 250), (480, 349), (510, 349)), not _is_public(facts)),
    )
    return diagram.svg("Sơ đồ luồng dữ liệu cá nhân", boxes, arrows)
