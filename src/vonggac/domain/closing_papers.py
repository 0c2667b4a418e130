"""The minutes of deletion of a facility that is closed: biên bản xóa dữ liệu ghi hình, as a draft.

What stands in it was counted by the ledger; who was there, when and how it was deleted is written
in by the parties, who sign when it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vonggac.clock import parse_rfc3339
from vonggac.domain import citing, issuers, legal, letters, register
from vonggac.paper.letter import Grid, Letter, Signature, Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.closing import Closing

BLANK = "……………………………………"
"""What the parties write in by hand."""


def deletion_minutes(
    connection: Connection, made: Closing, *, unit_id: str | None, order: str | None, on: date
) -> Letter:
    """The draft; the steps `ledger` and `retention` are done.

    Args:
        connection: a transaction.
        made: the closing.
        unit_id: who drafts.
        order: the directive that it carries out; None where there is none.
        on: today.
    """
    it = register.facility(connection, made.site_id)
    place = it.said.title or it.said.name
    office = issuers.office(connection, unit_id, on=on, otherwise=place)
    ledger, retention = made.done("ledger"), made.done("retention")
    figures: Mapping[str, Any] = ledger.facts if ledger else {}
    kept: Mapping[str, Any] = retention.facts if retention else {}
    until = kept.get("until")
    under = f"; {citing.cited(connection, order)}" if order else ""
    body = (
        Text(f"{place} (mã {it.said.name}), {it.said.address or BLANK}.", "1. Cơ sở:"),
        Text(f"{made.document}{under}; lý do: {made.reason}.", "2. Căn cứ đóng cơ sở:"),
        Text(f"{BLANK}", "3. Thời gian, địa điểm xóa:"),
        Text(f"{BLANK}", "4. Thành phần tham gia:"),
        Text("Theo sổ ghi hình của hệ thống, cơ sở đã ghi:", "5. Dữ liệu ghi hình:"),
        _recorded(figures),
        Text(f"{figures.get('seal', '–')}", "Mã niêm của sổ (SHA-256):"),
        Text(
            f"Bản ghi được giữ đến ngày {_day(until)} theo số ngày lưu; "
            f"{int(kept.get('holds', 0))} đoạn đang giữ theo vụ việc không bị xóa.",
            "6. Hạn lưu:",
        ),
        Text(
            f"Các bên xác nhận đã xóa dữ liệu ghi hình trên thiết bị ghi và các bản sao tại cơ sở "
            f"bằng cách: {BLANK}",
            "7. Kết quả:",
        ),
        Text("Biên bản lập thành các bản có giá trị như nhau, mỗi bên giữ một bản."),
    )
    return Letter(
        kind=letters.kinds()[letters.MINUTES],
        issuer=office.issuer,
        drafted=on,
        subject=f"Về việc xóa dữ liệu ghi hình khi đóng cơ sở {place}",
        body=body,
        signatures=(
            Signature(("ĐẠI DIỆN CƠ SỞ",)),
            Signature(("NGƯỜI XÓA DỮ LIỆU",)),
            Signature(("ĐẠI DIỆN CƠ QUAN CHỦ TRÌ",)),
        ),
        refusal=True,
    )


def _recorded(figures: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (
            f"{one['camera']} ({one['stream']})",
            _day(one["from"]),
            _day(one["to"]),
            str(int(one["recorded_s"]) // 3600),
            str(one["pages"]),
        )
        for one in figures.get("streams", ())
    )
    head = ("Camera (luồng)", "Từ ngày", "Đến ngày", "Số giờ đã ghi", "Số trang sổ")
    empty = (("Không có", "–", "–", "0", "0"),)
    return Grid(head, rows or empty, (32, 18, 18, 17, 15), frozenset({3, 4}))


def _day(moment: object) -> str:
    """A day as people write it; of nothing a blank."""
    if not moment:
        return "–"
    return f"{legal.day_of(parse_rfc3339(str(moment))):%d/%m/%Y}"
