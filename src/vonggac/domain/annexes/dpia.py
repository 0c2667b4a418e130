"""The annex on the impact of processing personal data: what is processed, why, who gets it, risks.

The risks are ours; how grave they are is for the body that processes: those cells stay open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonggac.domain.annexes import dataflow, law, measures
from vonggac.domain.annexes.facts import WINDOW_DAYS
from vonggac.domain.annexes.sheet import DEFAULT, NONE, Part, Table, cell, table

if TYPE_CHECKING:
    from vonggac.domain.annexes.facts import Facts
    from vonggac.domain.annexes.sheet import Cell

TITLE = "Phụ lục đánh giá tác động xử lý dữ liệu cá nhân"
ABOUT = "Hệ thống camera giám sát cơ sở cách ly tập trung"
SIGNS = ("Người đánh giá", "Thủ trưởng đơn vị")
OPEN = "................"
"""A person fills it in."""

GUARDS = ("second_factor", "lockout", "audit", "audit_kept", "tls", "encrypted_storage", "backup")
"""Measures of level 3 that guard personal data, by their ids."""


def parts(facts: Facts) -> tuple[Part, ...]:
    """The parts of the document."""
    return (
        Part("Các bên", (), (_sides(facts),)),
        Part("Dữ liệu cá nhân được xử lý", (), (_kinds(facts),)),
        Part(
            "Mục đích và căn cứ",
            (f"Số lượt xem trong {WINDOW_DAYS} ngày qua, đếm theo mục đích người xem đã nêu.",),
            (
                _purposes(facts),
                table(
                    "Căn cứ pháp lý",
                    ("Văn bản", "Nội dung áp dụng"),
                    law.cited(facts, ("luat-91-2025", "nd-356-2025", "nd-330-2026")),
                    (5, 5),
                ),
            ),
        ),
        Part(
            "Người được tiếp cận, bên nhận dữ liệu",
            (dataflow.roles_say(facts),),
            (dataflow.roles(facts), _given(facts)),
        ),
        Part("Thời hạn lưu và xóa", (), (dataflow.kept(facts),)),
        Part("Biện pháp bảo vệ", (), (_guards(facts),)),
        Part(
            "Rủi ro với người bị ghi hình",
            ("Danh mục rủi ro là " + DEFAULT + "; mức độ do đơn vị đánh giá và ghi tay.",),
            (_risks(facts),),
        ),
        Part("Quyền của người bị ghi hình", (), (_rights(facts),)),
    )


def _sides(facts: Facts) -> Table:
    rows: list[tuple[str | Cell, ...]] = []
    for place in facts.places:
        name = place.site.title or place.site.name
        rows.append(
            (
                name,
                place.operator or f"{NONE} trong phần mềm; ghi tay: {OPEN}",
                place.contact or f"{NONE} trong phần mềm; ghi tay: {OPEN}",
            )
        )
    return table(
        "",
        ("Cơ sở", "Bên kiểm soát dữ liệu (theo biển báo)", "Đầu mối liên hệ"),
        rows,
        (4, 5, 5),
    )


def _kinds(facts: Facts) -> Table:
    loud = sum(camera.audio for camera in facts.cameras)
    mark = law.mark(facts, "nd-356-2025")
    rows: list[tuple[str | Cell, ...]] = [
        ("Hình ảnh người ở nơi có camera", cell("cơ bản", mark),
         f"có: {len(facts.cameras)} camera, {len(facts.by_zone())} khu vực"),
        ("Âm thanh, tiếng nói", cell("cơ bản", mark),
         f"có: {loud} camera" if loud else NONE),
        ("Tình trạng sức khỏe, danh sách người được cách ly", cell("nhạy cảm", mark),
         f"{NONE}; nhưng hình ở cơ sở cách ly cho biết ai đang cách ly"),
        ("Khuôn mặt để nhận dạng, sinh trắc học", cell("nhạy cảm", mark),
         f"{NONE}: phần mềm không nhận dạng khuôn mặt"),
        ("Người dùng: họ tên, tên đăng nhập, địa chỉ mạng, thiết bị, lượt xem",
         cell("cơ bản", mark), f"có: {facts.people.open + facts.people.closed} tài khoản"),
    ]  # fmt: skip
    return table("", ("Dữ liệu", "Loại", "Ở hệ thống này"), rows, (5, 3, 6))


def _purposes(facts: Facts) -> Table:
    counted: dict[str, int] = {}
    for place in facts.places:
        for code, number in place.views:
            counted[code] = counted.get(code, 0) + number
    stated = sorted({place.purpose for place in facts.places if place.purpose})
    rows: list[tuple[str | int, ...]] = [(f"Theo biển báo: {text}", "–") for text in stated]
    rows += [
        (facts.purposes.get(code, code), number)
        for code, number in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    ]
    return table("Mục đích", ("Mục đích", "Số lượt xem"), rows, (7, 2))


def _given(facts: Facts) -> Table:
    made = facts.uses.exports
    out = made.get("ready", 0) + made.get("expired", 0)
    rows = (
        ("Trích xuất theo văn bản yêu cầu",
         f"{sum(made.values())} yêu cầu, {out} tệp đã lập, {made.get('refused', 0)} không duyệt"),
        ("Chia sẻ camera có thời hạn với cơ quan khác", f"{facts.uses.shares} đang hiệu lực"),
        ("Chuyển dữ liệu ra nước ngoài", f"{NONE}: phần mềm không gửi dữ liệu đi đâu"),
    )  # fmt: skip
    return table("Bên nhận", ("Cách chuyển", "Số lượng"), rows, (6, 6))


def _guards(facts: Facts) -> Table:
    found = {one.measure.id: one for one in measures.findings(facts)}
    rows = [
        (
            found[name].measure.says,
            cell(measures.STATES[found[name].state]),
            cell(found[name].how, *found[name].marks),
        )
        for name in GUARDS
    ]
    return table("", ("Biện pháp", "Mức", "Ở hệ thống này"), rows, (5, 2, 7))


def _risks(facts: Facts) -> Table:
    loud = sum(camera.audio for camera in facts.cameras)
    outside = [one for one in facts.listeners if one.is_open]
    rows = (
        ("Xem hình ngoài nhiệm vụ", "mỗi lượt xem nêu mục đích, có hạn, có nhật ký; cơ sở thấy cơ "
         "quan nào đang xem"),
        ("Trích xuất, phát tán trái phép", "cần văn bản, hai người; bản sao in tên người yêu cầu; "
         f"quay lại màn hình bằng điện thoại: biện pháp trong phần mềm: {NONE}"),
        ("Ghi nơi riêng tư", "không đăng ký được camera trong phòng, nhà tắm, nhà vệ sinh; hướng "
         "lắp thực tế do người kiểm tra"),
        ("Ghi âm", f"{loud} camera đang ghi âm" if loud else f"ghi âm: {NONE}"),
        ("Lộ trên đường truyền", "cổng không mã hóa: "
         + (", ".join(one.name for one in outside) or NONE)
         + f"; camera đọc qua RTSP không mã hóa: {facts.by_transport().get('rtsp', 0) or NONE}"),
        ("Mất thiết bị ghi, ổ đĩa", f"mã hóa bản ghi bởi phần mềm: {NONE}"),
        ("Lưu quá lâu", "tự xóa khi hết hạn; đoạn đang giữ theo vụ việc: "
         f"{facts.uses.holds or NONE}"),
        ("Lộ việc ai đang cách ly", "không lưu danh sách người; đoạn hình gắn với khu vực, không "
         "gắn với tên"),
    )  # fmt: skip
    return table(
        "",
        ("Rủi ro", "Biện pháp và điều còn thiếu", "Mức còn lại"),
        [(risk, guard, OPEN) for risk, guard in rows],
        (4, 8, 3),
    )


def _rights(facts: Facts) -> Table:
    signs = sum(bool(place.operator) for place in facts.places)
    uses = facts.uses
    rows = (
        ("Được biết là bị ghi hình",
         f"biển báo trong phần mềm: {f'{signs} cơ sở' if signs else NONE}"),
        ("Yêu cầu xem, nhận bản sao, xóa, phản đối, khiếu nại",
         f"sổ yêu cầu: {uses.requests} yêu cầu, {uses.open_requests} chưa trả lời"),
        ("Được báo khi lộ dữ liệu",
         f"hồ sơ sự cố: {uses.incidents}, {uses.open_incidents} đang mở"),
    )  # fmt: skip
    return table("", ("Quyền", "Ở hệ thống này"), rows, (5, 8))
