"""Papers of a survey: the reminder, the letter to the owning body, the minutes that parties sign.

Each is a whole `Letter`, built from what the program knows; number and day are the clerk's.  Which
department leads and which body answers for a facility stand in `rules/survey.toml`, dated; the
names of bodies are those of the units where the tree has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import citing, legal, letters, units
from vonggac.domain.access import UNASSIGNED
from vonggac.domain.survey_forms import rules, tree_
from vonggac.paper.letter import Grid, Issuer, Letter, Signature, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.register import Draft
    from vonggac.domain.rules import Placement
    from vonggac.domain.survey_calls import Call
    from vonggac.domain.survey_forms import Said
    from vonggac.domain.survey_verdicts import Verdict

BLANK: Final = "................"
"""What is filled in by hand."""
PARTIES: Final = {
    "facility": "ĐẠI DIỆN CƠ SỞ",
    "surveyor": "NGƯỜI KHẢO SÁT",
    "owner": "ĐẠI DIỆN CƠ QUAN QUẢN LÝ",
    "enterprise": "ĐẠI DIỆN DOANH NGHIỆP",
}
"""Who signs the minutes of a survey, as in the sample of the rules."""
SIGN: Final = "(Ký, ghi rõ họ tên)"


@dataclass(frozen=True, slots=True)
class Bodies:
    """Who writes about a facility, and who answers for it."""

    issuer: Issuer
    owner: str


def bodies(connection: Connection, unit_id: str | None, line: str, on: date) -> Bodies:
    """Who leads the survey where a unit is, and the body above facilities of a line there."""
    path = []
    if unit_id and unit_id != UNASSIGNED:
        path = units.path(connection, unit_id, on)
    province = next((one for one in path if one.kind == "province"), None)
    place = _place(province.vi) if province else BLANK
    lead = _dated("lead", on)[0]
    above = f"Ủy ban nhân dân {_low(province.vi)}" if province else f"Ủy ban nhân dân {BLANK}"
    name = _body(connection, province.id if province else "", str(lead["code"]), on)
    owner = next(row for row in _dated("owner", on) if row["line"] == line)
    named = owner["vi"].format(unit=_low(path[-1].vi) if path else BLANK)
    return Bodies(Issuer(above, name or lead["vi"], lead["symbol"], place), named)


def _dated(table: str, on: date) -> list[Mapping[str, Any]]:
    return [
        row for row in tree_()[table]
        if row["from"] <= on and (row.get("to") is None or on < row["to"])
    ]  # fmt: skip


def _body(connection: Connection, province_id: str, code: str, on: date) -> str:
    unit = tables.unit
    found = connection.execute(
        sa.select(unit.c.id).where(unit.c.parent_id == province_id, unit.c.code == code)
    ).scalar()
    return units.unit(connection, found, on).vi if found else ""


def _place(name: str) -> str:
    """Where a letter is written, as its date's line says it."""
    for kind in ("Tỉnh ", "Thành phố "):
        name = name.removeprefix(kind)
    return name


def _low(name: str) -> str:
    """A unit's name within a sentence: `tỉnh Lai Châu`."""
    return name[:1].lower() + name[1:]


# -- letters ---------------------------------------------------------------------------------


def reminder(
    connection: Connection, over: Campaign, late: Sequence[Draft], unit_id: str, *, now_ns: int
) -> Letter:
    """Công văn đôn đốc to the facilities of a unit that owe an answer."""
    on = legal.day_of(now_ns)
    who = bodies(connection, unit_id, late[0].owner_line, on)
    rows = tuple((str(at), one.title or one.name, one.address) for at, one in enumerate(late, 1))
    return Letter(
        kind=letters.kinds()["cong-van"],
        issuer=who.issuer,
        drafted=on,
        subject="đôn đốc trả lời phiếu khảo sát hệ thống camera tại cơ sở cách ly tập trung",
        body=(
            Text(f"{_opening(connection, over)}{who.issuer.name} đã gửi phiếu khảo sát hệ thống "
                 f"camera ({over.title}), hạn trả lời hết ngày {over.due:%d/%m/%Y}."),
            Text(f"Tính đến ngày {on:%d/%m/%Y}, các cơ sở sau chưa trả lời:"),
            Grid(("TT", "Cơ sở", "Địa chỉ"), rows, (10, 45, 45)),
            Text(f"Đề nghị các cơ sở nêu trên trả lời phiếu khảo sát theo đường dẫn đã được cấp, "
                 f"hoặc báo {who.issuer.name} cử người khảo sát trực tiếp; cơ sở gặp khó khăn nêu "
                 "rõ lý do bằng văn bản"),
        ),
        signatures=(Signature(("GIÁM ĐỐC",)),),
        addressees=("Các cơ sở cách ly tập trung có tên trong danh sách",),
        recipients=("Như trên", who.owner, who.issuer.above),
        archive="VT",
    )  # fmt: skip


def to_owner(
    connection: Connection, over: Campaign, of: Draft, calls: Sequence[Call], *, now_ns: int
) -> Letter:
    """The letter to the body that answers for a facility which stays silent."""
    on = legal.day_of(now_ns)
    who = bodies(connection, of.unit_id, of.owner_line, on)
    times = tuple(
        (str(at), f"{_here(one.called_ns):%H:%M, %d/%m/%Y}", one.made_name or one.made_by)
        for at, one in enumerate(reversed(calls[: rules().silences]), 1)
    )
    return Letter(
        kind=letters.kinds()["cong-van"],
        issuer=who.issuer,
        drafted=on,
        subject=f"đề nghị chỉ đạo {of.title or of.name} phối hợp khảo sát hệ thống camera",
        body=(
            Text(f"{_opening(connection, over)}{who.issuer.name} tổ chức khảo sát hệ thống camera "
                 f"({over.title}), hạn trả lời hết ngày {over.due:%d/%m/%Y}."),
            Text(f"Đến nay {of.title or of.name}, {of.address or BLANK}, thuộc thẩm quyền quản lý "
                 "của quý cơ quan, chưa trả lời phiếu khảo sát. Đã gọi mà không liên lạc được:"),
            Grid(("Lần", "Thời gian", "Người gọi"), times, (15, 40, 45)),
            Text(f"{who.issuer.name} đề nghị {who.owner} chỉ đạo cơ sở phối hợp khảo sát và thông "
                 "báo kết quả"),
        ),
        signatures=(Signature(("GIÁM ĐỐC",)),),
        addressees=(who.owner,),
        recipients=("Như trên", who.issuer.above),
        archive="VT",
    )  # fmt: skip


def _opening(connection: Connection, over: Campaign) -> str:
    return citing.opening(connection, over.directive_id, over.clause)


def plain_reminder(over: Campaign, name: str, link: str) -> str:
    """A reminder to read out over the telephone, or to send as a message."""
    where = f" Mở phiếu tại: {link}" if link else " Đường dẫn phiếu đã gửi cho đầu mối cơ sở."
    return (
        f"Kính gửi {name}. Phiếu khảo sát camera ({over.title}) chưa được trả lời, hạn hết ngày "
        f"{over.due:%d/%m/%Y}.{where} Nếu gặp khó khăn, xin báo lại để được hỗ trợ."
    )


# -- minutes ---------------------------------------------------------------------------------


def minutes(
    connection: Connection,
    over: Campaign,
    of: Draft,
    said: Said,
    found: Verdict,
    placement: Placement,
    parties: Sequence[str],
    *,
    surveyor: str,
    now_ns: int,
) -> Letter:
    """Biên bản khảo sát: what was found, the verdict, a block for each party, lines of refusal.

    Args:
        connection: a transaction.
        over: the campaign.
        of: the facility.
        said: the answers that were verified.
        found: the verdict.
        placement: the rule in force.
        parties: who signs, of `PARTIES`; at least two.
        surveyor: the surveyor's full name.
        now_ns: UTC now.
    """
    on, at = legal.day_of(now_ns), _here(now_ns)
    who = bodies(connection, of.unit_id, of.owner_line, on)
    contact = ", ".join(said.contact.get(name, "") for name in ("name", "position", "phone"))
    reasons = [rules().reasons[code].vi for code in found.reasons]
    conclusion = "đủ điều kiện kết nối" if found.qualifies else (
        f"chưa đủ điều kiện kết nối: {', '.join(reasons)}"
    )  # fmt: skip
    signing = tuple(
        Signature((PARTIES[one],), surveyor if one == "surveyor" else "", SIGN)
        for one in PARTIES
        if one in parties
    )
    return Letter(
        kind=letters.kinds()[letters.MINUTES],
        issuer=who.issuer,
        drafted=on,
        subject="Khảo sát hiện trạng camera tại cơ sở cách ly tập trung",
        body=(
            Text(f"{_opening(connection, over)}hôm nay, hồi {at:%H} giờ {at:%M} phút, ngày "
                 f"{at:%d} tháng {at:%m} năm {at:%Y}, tại {of.title or of.name}, "
                 f"{of.address or BLANK}, các bên cùng khảo sát:"),
            Text(f"{contact}.", "1. Đại diện cơ sở:"),
            Text(f"{surveyor}, {who.issuer.name}.", "2. Người khảo sát:"),
            Text(_premises(said) or "chưa khai.", "3. Cơ sở vật chất:"),
            Text("theo bảng sau.", "4. Camera theo khu vực:"),
            Grid(
                ("Mã", "Khu vực", "Camera", "Đủ điều kiện", "Ghi chú"),
                _zone_rows(said, found, placement), (10, 34, 12, 14, 30), frozenset((2, 3)),
            ),
            Text(f"{conclusion}. Kết luận theo cách tính của phần mềm, người khảo sát xác nhận.",
                 "5. Kết luận:"),
            Text(f"{BLANK * 4}", "6. Ý kiến của cơ sở:"),
            Text(f"Biên bản lập thành {len(signing):02d} bản, mỗi bên giữ 01 bản, đã đọc lại cho "
                 "các bên cùng nghe và cùng ký tên"),
        ),
        signatures=signing,
        refusal=True,
    )  # fmt: skip


def _premises(said: Said) -> str:
    known = rules()
    told = []
    for one in known.premises:
        value = said.premises.get(one.code, "")
        if value:
            words = known.choices[value].vi if one.choices else value
            told.append(f"{one.name.vi[:1].lower()}{one.name.vi[1:]}: {words}")
    return "; ".join(told) + "." if told else ""


def _zone_rows(said: Said, found: Verdict, placement: Placement) -> tuple[tuple[str, ...], ...]:
    known, rows = rules(), []
    for zone in placement.zones:
        here = [one for one in found.cameras if one.zone == zone.code]
        reasons = dict.fromkeys(code for one in here for code in one.reasons)
        note = "; ".join(known.reasons[code].vi for code in reasons)
        if not here:
            note = f"không có khu này: {said.absent[zone.code]}" if zone.code in said.absent else ""
            note = note or ("cần bổ sung" if zone.required else "")
        fit = sum(one.qualifies for one in here)
        rows.append((zone.code, zone.full, str(len(here)), str(fit), note))
    return tuple(rows)


def _here(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(legal.VIETNAM)
