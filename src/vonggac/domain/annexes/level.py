"""The technical annex of a proposal of a security level: what stands, against what level 3 asks.

The level itself is approved outside of the product; this paper proposes none.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vonggac.domain import legal
from vonggac.domain.annexes import dataflow, law, measures
from vonggac.domain.annexes.measures import STATES
from vonggac.domain.annexes.sheet import NONE, Part, Table, cell, table

if TYPE_CHECKING:
    from vonggac.domain.annexes.facts import Facts

TITLE = "Phụ lục kỹ thuật của hồ sơ đề xuất cấp độ"
ABOUT = "Hệ thống camera giám sát cơ sở cách ly tập trung"
UNREAD = "chưa đọc được"
"""Of a camera that nobody asked, or that does not say."""
SIGNS = ("Người lập", "Đơn vị vận hành", "Chủ quản hệ thống")


def parts(facts: Facts) -> tuple[Part, ...]:
    """The parts of the document."""
    found = measures.findings(facts)
    count = Counter(one.state for one in found)
    told = ", ".join(f"{count[state]} {words}" for state, words in STATES.items() if count[state])
    return (
        Part(
            "Căn cứ xác định cấp độ",
            (
                "Cấp độ do cơ quan có thẩm quyền phê duyệt. Phần mềm không tự xác định cấp độ; "
                "bảng dưới nêu căn cứ để chủ quản đề xuất.",
                f"Cài đặt này phục vụ {len(facts.places)} cơ sở, {len(facts.cameras)} camera, "
                "ghi hình liên tục.",
            ),
            (_levels(facts),),
        ),
        Part("Thành phần hệ thống", (), (_components(facts), _devices(facts))),
        Part("Phạm vi và vùng mạng", (), (dataflow.places(facts), dataflow.doors(facts))),
        Part(
            "Biện pháp theo yêu cầu của cấp độ 3",
            (
                f"Trên {len(found)} yêu cầu: {told}. “Ngoài phần mềm” là việc của đơn vị vận hành, "
                "phải có bằng chứng riêng.",
            ),
            (_measures(found, facts),),
        ),
        Part(
            "Những điều chưa có",
            ("Liệt kê để chủ quản bổ sung trước khi đưa vào vận hành.",),
            (_missing(found),),
        ),
        Part(
            "Căn cứ",
            (),
            (
                table(
                    "",
                    ("Văn bản", "Nội dung áp dụng"),
                    law.cited(facts, ("luat-116-2025", "nd-331-2026", "tcvn-14423-2026")),
                    (5, 5),
                ),
            ),
        ),
    )


def _levels(facts: Facts) -> Table:
    return table(
        "",
        ("Cấp độ", "Khi nào", "Căn cứ"),
        [
            (one.level, one.says, cell(f"{one.where}, {_number(one.basis)}",
                                       law.mark(facts, one.basis)))
            for one in law.levels()
        ],
        (2, 7, 5),
    )  # fmt: skip


def _number(basis: str) -> str:
    return legal.bases()[basis].number


def _components(facts: Facts) -> Table:
    config = facts.config
    unread = sum(one.cameras for one in facts.devices if not one.firmware)
    rows = (
        ("Phần mềm Vọng Gác", f"phiên bản {facts.version}"),
        ("Thiết bị ghi", f"{len(facts.places)} thiết bị, tại cơ sở"),
        ("Camera", f"{len(facts.cameras)} camera; xem bảng kiểm kê"
         + (f"; {unread} camera chưa đọc được phiên bản" if unread else "")),
        ("Cơ sở dữ liệu", f"{facts.dialect}, {'máy khác' if facts.database_host else 'cùng máy'}"),
        ("Bus", "nats-server đi kèm phần mềm; mỗi kết nối có danh tính bằng khóa"),
        ("Nguồn điện", "đọc bộ lưu điện (UPS)" if config.power.ups
         else f"theo dõi bộ lưu điện (UPS): {NONE}"),
        ("Máy trực, màn hình", f"{facts.people.workstations} máy trực, "
         f"{facts.people.displays} màn hình treo tường"),
    )  # fmt: skip
    return table("", ("Thành phần", "Ở hệ thống này"), rows, (4, 8))


def _devices(facts: Facts) -> Table:
    """What runs in the cameras, as it was read from them or entered; never where they are."""
    return table(
        "Camera: thiết bị và phiên bản phần mềm",
        ("Hãng, kiểu", "Phiên bản phần mềm", "Số camera"),
        [(one.name or UNREAD, one.firmware or UNREAD, one.cameras) for one in facts.devices],
        (5, 5, 2),
    )


def _measures(found: list[measures.Finding], facts: Facts) -> Table:
    rows = []
    for number, one in enumerate(found, 1):
        rows.append(
            (
                number,
                cell(one.measure.says, law.mark(facts, one.measure.basis)),
                STATES[one.state],
                cell(one.how, *one.marks),
                one.where,
            )
        )
    return table("", ("TT", "Yêu cầu", "Mức", "Cách đáp ứng", "Ở đâu"), rows, (1, 5, 2, 7, 4))


def _missing(found: list[measures.Finding]) -> Table:
    rows = [
        (one.measure.group, one.measure.says, one.how)
        for one in found
        if one.state in ("none", "outside")
    ]
    return table("", ("Nhóm", "Yêu cầu", "Hiện trạng"), rows, (3, 5, 6))
