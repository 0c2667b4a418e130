"""Letters from data: submission and decision of an estimate, a plan, a reminder of what is owed.

Each is a complete `Letter`, for `papers.draft`.  What stands on it was counted or entered here; a
person corrects the .docx, and the clerk issues it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vonggac.domain import (
    citing,
    costs,
    estimate,
    estimates,
    issuers,
    letters,
    money,
    plans,
    registry,
)
from vonggac.errors import Kind, VonggacError
from vonggac.paper.letter import Appendix, Grid, Letter, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.costs import Price
    from vonggac.domain.directives import Owed
    from vonggac.domain.estimate import Column, Line, Totals
    from vonggac.domain.rules import Words

ANSWER_DAYS: Final = 3
"""Days that a reminder leaves for the answer (ours)."""
ESTIMATE_KINDS: Final = ("to-trinh", "quyet-dinh")
LAW: Final = "Căn cứ Luật Tổ chức chính quyền địa phương"
COLUMNS: Final[Mapping[Column, str]] = {
    "asked": "Đề nghị",
    "appraised": "Thẩm định",
    "approved": "Phê duyệt",
}


def of_estimate(
    connection: Connection,
    it: estimates.Estimate,
    kind: str,
    *,
    order: str | None,
    unit_id: str | None,
    on: date,
) -> Letter:
    """The submission or the decision of an estimate, its lines as an appendix.

    Args:
        connection: a transaction.
        it: the estimate.
        kind: of `ESTIMATE_KINDS`.
        order: the directive that it carries out; None where there is none.
        unit_id: who drafts.
        on: today.

    Raises:
        VonggacError: BAD_INPUT, no such kind; CONFLICT with a code, it has no lines, or is not
            appraised before its decision.
    """
    if kind not in ESTIMATE_KINDS:
        raise VonggacError(Kind.BAD_INPUT, f"no letter {kind[:20]} of an estimate", code="no_kind")
    every = estimates.lines(connection, it.id)
    owner = estimates.owner_line(connection, it.site_id)
    if not every:
        raise VonggacError(Kind.CONFLICT, "this estimate has no lines", code="no_lines")
    if kind == "to-trinh":
        return _submission(connection, it, every, owner, order, unit_id, on)
    return _decision(connection, it, every, owner, order, on)


def _submission(
    connection: Connection,
    it: estimates.Estimate,
    every: Sequence[Line],
    owner: str,
    order: str | None,
    unit_id: str | None,
    on: date,
) -> Letter:
    place = _title(connection, it.site_id)
    mine = issuers.office(connection, unit_id, on=on, otherwise=place)
    above = issuers.province_office(connection, it.site_id, on=on, otherwise="Ủy ban nhân dân tỉnh")
    total = _totals(it, every, "asked")
    resting = "; ".join((*citing.basis(connection, order), "căn cứ" if order else "Căn cứ"))
    to = [above.province or above.name]
    if owner != costs.OWN_MONEY:
        to.append("Sở Tài chính")
    body = (
        Text(
            f"{resting} kết quả khảo sát và phương án kết nối camera giám sát tại {place}, "
            f"{mine.name} kính trình xem xét, phê duyệt dự toán như sau:"
        ),
        Text(f"{it.title} (mã {it.code}, phiên bản {it.version}).", "1. Nội dung:"),
        Text(f"{_how(it.how)}.", "2. Hình thức:"),
        Text(f"{_money(total)}, gồm: {_parts(it, total)}.", "3. Tổng dự toán:"),
        Text(f"{_funding(every)}.", "4. Nguồn kinh phí:"),
        Text("Chi tiết từng dòng ở phụ lục kèm theo", "5."),
    )
    return Letter(
        kind=letters.kinds()["to-trinh"],
        issuer=mine.issuer,
        drafted=on,
        subject=f"Về việc phê duyệt dự toán {it.title}",
        body=body,
        signatures=(mine.signature,),
        addressees=tuple(dict.fromkeys(to)),
        archive="VT",
        appendices=(_lines_appendix(it, every, ("asked",)),),
    )


def _decision(
    connection: Connection,
    it: estimates.Estimate,
    every: Sequence[Line],
    owner: str,
    order: str | None,
    on: date,
) -> Letter:
    column = _decided(every)
    if column == "asked" and owner != costs.OWN_MONEY:
        raise VonggacError(Kind.CONFLICT, "it is not appraised yet", code="not_appraised")
    total = _totals(it, every, column)
    place = _title(connection, it.site_id)
    above = issuers.province_office(connection, it.site_id, on=on, otherwise=place)
    columns: list[Column] = ["asked"] if column == "asked" else ["asked", "appraised"]
    if column == "approved":
        columns.append("approved")
    body = (
        Text(f"Phê duyệt dự toán {it.title} (mã {it.code}), nội dung chính:", "Điều 1."),
        Text(f"{place}.", "1. Nơi lắp đặt:"),
        Text(f"{_how(it.how)}.", "2. Hình thức:"),
        Text(f"{_money(total)}, gồm: {_parts(it, total)}.", "3. Tổng dự toán:"),
        Text(f"{_funding(every)}.", "4. Nguồn kinh phí:"),
        Text("Chi tiết từng dòng ở phụ lục kèm theo Quyết định này.", ""),
        Text("Quyết định này có hiệu lực thi hành kể từ ngày ký.", "Điều 2."),
        Text(
            "Thủ trưởng các cơ quan, đơn vị liên quan chịu trách nhiệm thi hành Quyết định này",
            "Điều 3.",
        ),
    )
    return Letter(
        kind=letters.kinds()["quyet-dinh"],
        issuer=above.issuer,
        drafted=on,
        subject=f"Về việc phê duyệt dự toán {it.title}",
        body=body,
        signatures=(above.signature,),
        authority=above.name,
        basis=(LAW, *citing.basis(connection, order), *_papers_before(connection, it)),
        recipients=("Như Điều 3", place),
        archive="VT",
        appendices=(_lines_appendix(it, every, columns),),
    )


def _papers_before(connection: Connection, it: estimates.Estimate) -> list[str]:
    """What was entered of its submission and its appraisal."""
    found = []
    for one in estimates.done(connection, it.id):
        step = costs.steps().get(one.code)
        if step is None or one.code not in ("submitted", "appraised") or not one.number:
            continue
        day = f" ngày {one.document_date:%d/%m/%Y}" if one.document_date else ""
        before = "Xét" if one.code == "submitted" else "Căn cứ"
        found.append(f"{before} {step.paper.vi} số {one.number}{day}")
    return found or [f"Xét hồ sơ dự toán mã {it.code}"]


def _decided(every: Sequence[Line]) -> Column:
    if all(one.approved is not None for one in every):
        return "approved"
    return "appraised" if all(one.appraised is not None for one in every) else "asked"


def _totals(it: estimates.Estimate, every: Sequence[Line], column: Column) -> Totals:
    found = estimate.totals_of(every, column, it.contingency)
    assert found is not None, "every line has the column"
    return found


def _lines_appendix(
    it: estimates.Estimate, every: Sequence[Line], columns: Sequence[Column]
) -> Appendix:
    amounts = [COLUMNS[one] for one in columns]
    head = ("TT", "Nội dung", "Đơn vị", "Số lượng", "Đơn giá", *amounts)
    rows = [
        (
            str(line.at), line.title, line.unit, money.grouped(line.quantity),
            money.grouped(line.price),
            *(money.grouped(line.amount(column) or 0) for column in columns),
        )
        for line in every
    ]  # fmt: skip
    sums = [_totals(it, every, column) for column in columns]
    for name, figures in (
        ("Cộng", [one.sum for one in sums]),
        ("Thuế GTGT", [one.tax for one in sums]),
        (f"Dự phòng {money.percent(it.contingency)} %", [one.contingency for one in sums]),
        ("Tổng cộng", [one.total for one in sums]),
    ):
        rows.append(("", name, "", "", "", *(money.grouped(one) for one in figures)))
    shares = {1: (6, 40, 10, 10, 15, 19), 2: (5, 33, 9, 9, 14, 15, 15)}.get(
        len(columns), (5, 28, 8, 8, 12, 13, 13, 13)
    )
    grid = Grid(head, tuple(rows), shares, frozenset(range(3, len(head))))
    unit = Text("Đơn vị tính: đồng. Đơn giá trước thuế.", slanted=True)
    words = Text(f"Bằng chữ: {money.in_words(sums[-1].total)}.", slanted=True)
    return Appendix(f"Dự toán {it.title}", (unit, grid, words), landscape=True)


def _money(total: Totals) -> str:
    return f"{money.said(total.total)} ({money.in_words(total.total)})"


def _parts(it: estimates.Estimate, total: Totals) -> str:
    return (
        f"trước thuế {money.said(total.sum)}; thuế giá trị gia tăng {money.said(total.tax)}; "
        f"dự phòng {money.percent(it.contingency)} % {money.said(total.contingency)}"
    )


def _funding(every: Sequence[Line]) -> str:
    names = costs.funding()
    said = list(dict.fromkeys(names[one.funding].vi for one in every if one.funding in names))
    return "; ".join(said) if said else "chưa ghi nguồn vốn"


def _how(how: str) -> str:
    return "mua sắm" if how == "buy" else "thuê dịch vụ"


def _title(connection: Connection, site_id: str) -> str:
    found = registry.site(connection, site_id)
    return (found.title or found.name) if found else ""


# -- a plan ----------------------------------------------------------------------------------


def of_plan(
    connection: Connection,
    it: plans.Plan,
    *,
    zones: Mapping[str, Words],
    names: Mapping[str, Price],
    order: str | None,
    unit_id: str | None,
    on: date,
) -> Letter:
    """The connection plan of a facility: what is there, what it takes, who agreed.

    Args:
        connection: a transaction.
        it: the plan.
        zones: what the places of the placement rule are called.
        names: what each kind of a bill is called, and its unit.
        order: the directive that it carries out; None where there is none.
        unit_id: who drafts.
        on: today.

    Raises:
        VonggacError: CONFLICT with a code, it needs nothing.
    """
    bill = [line for line in plans.lines(connection, it.id) if line.quantity]
    if not bill:
        raise VonggacError(Kind.CONFLICT, "this plan needs nothing", code="no_lines")
    place = _title(connection, it.site_id)
    mine = issuers.office(connection, unit_id, on=on, otherwise=place)
    facts = it.facts
    lacks = "; ".join(
        f"{zones[one['zone']].vi if one['zone'] in zones else one['zone']}: thiếu {one['cameras']}"
        for one in facts.get("lacks", ())
    )
    working, silent = facts.get("cameras", 0), facts.get("silent", 0)
    grid = Grid(
        ("TT", "Nội dung", "Đơn vị", "Số lượng"),
        tuple(
            (str(at), _named(line, names), _unit(line, names), money.grouped(line.quantity))
            for at, line in enumerate(bill, 1)
        ),
        (8, 56, 18, 18),
        frozenset((3,)),
    )
    agreed = [one for one in plans.agreements(connection, it.id) if one.stands]
    parties = costs.parties()
    said = "; ".join(
        f"{parties[one.party].name.vi if one.party in parties else one.party}: {one.person}, "
        f"ngày {one.agreed_date:%d/%m/%Y}"
        for one in agreed
    )
    under = citing.opening(connection, order)
    intro = (Text(f"{under}phương án kết nối camera giám sát của {place} như sau:"),)
    body = (
        *(intro if order else ()),
        Text(f"{working + silent} camera, trong đó {silent} không có hình.", "1. Hiện trạng:"),
        Text(
            f"{lacks or 'không'} (cách tính của phần mềm{_by_rule(it)}).",
            "2. Camera còn thiếu theo khu vực:",
        ),
        Text(f"{_how(it.how)}, tính cho {it.months} tháng; khối lượng:", "3. Phương án:"),
        grid,
        Text(f"{said or 'chưa có bên nào'}", "4. Các bên đã thống nhất:"),
    )
    return Letter(
        kind=letters.kinds()["phuong-an"],
        issuer=mine.issuer,
        drafted=on,
        subject=f"Kết nối camera giám sát của {place} với hệ thống kết nối tập trung",
        body=body,
        signatures=(mine.signature,),
        recipients=(place,),
        archive="VT",
    )


def _by_rule(it: plans.Plan) -> str:
    """Where the places and the doors of a camera stand, as when the plan was made."""
    facts = it.facts
    if "doors_source" not in facts:
        return ""
    return (
        f"; khu vực theo {facts['rule_source']['vi']}; một camera hành lang cho {facts['doors']} "
        f"cửa phòng: {facts['doors_source']['vi']}"
    )


def _named(line: plans.Line, names: Mapping[str, Price]) -> str:
    title = line.title or (names[line.kind].name.vi if line.kind in names else line.kind)
    return f"{title} ({line.zone})" if line.zone else title


def _unit(line: plans.Line, names: Mapping[str, Price]) -> str:
    if line.unit:
        return line.unit
    if line.kind == "line":
        return "đường"
    return names[line.kind].unit.vi if line.kind in names else ""


# -- what is owed ----------------------------------------------------------------------------


def reminder(connection: Connection, owed: Owed, *, unit_id: str | None, on: date) -> Letter:
    """A letter to the body that owes something of a directive.

    Args:
        connection: a transaction.
        owed: the duty; neither received nor consolidated.
        unit_id: who reminds.
        on: today.

    Raises:
        VonggacError: CONFLICT with a code, nothing is owed any more.
    """
    if owed.duty.state not in ("due", "returned"):
        raise VonggacError(Kind.CONFLICT, "nothing is owed any more", code="not_owed")
    it = owed.directive
    mine = issuers.office(connection, unit_id, on=on, otherwise=it.issuer)
    left = owed.left(on)
    if owed.due is None:
        when = "Văn bản không ghi thời hạn."
    elif left is not None and left < 0:
        when = f"Thời hạn là ngày {owed.due:%d/%m/%Y}, đến nay quá hạn {-left} ngày."
    else:
        when = f"Thời hạn là ngày {owed.due:%d/%m/%Y}, còn {left} ngày."
    what = owed.clause.owed or "kết quả thực hiện"
    until = on + timedelta(days=ANSWER_DAYS)
    sent_back = f" (đã trả lại: {owed.duty.note})" if owed.duty.state == "returned" else ""
    body = (
        Text(
            f"Tại mục {owed.clause.number} {citing.cited(connection, it.id)}, "
            f"{owed.duty.body} được giao: {owed.clause.said}"
        ),
        Text(f"{when} {mine.name} chưa nhận được: {what}{sent_back}."),
        Text(
            f"Đề nghị {owed.duty.body} thực hiện và gửi {what} về {mine.name} trước ngày "
            f"{until:%d/%m/%Y}; trường hợp vướng mắc, báo cáo rõ nguyên nhân, thời gian hoàn thành"
        ),
    )
    return Letter(
        kind=letters.kinds()["cong-van"],
        issuer=mine.issuer,
        drafted=on,
        subject=f"Đôn đốc thực hiện văn bản số {it.number}",
        body=body,
        signatures=(mine.signature,),
        addressees=(owed.duty.body,),
        recipients=("Như trên",),
        archive="VT",
    )
