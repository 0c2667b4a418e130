"""Letters of inspections: decision, minutes, reminder, request to explain, proposal.

Each is a complete value in the layout of decree 30/2020; number and day are the clerk's.

What the law lets a body impose is not known here: a proposal says what was found and asks another
body to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonggac.domain import (
    access,
    citing,
    guide,
    inspection_facts,
    inspections,
    issuers,
    legal,
    registry,
    units,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.legal import plain
from vonggac.domain.letters import MINUTES, kinds
from vonggac.paper.letter import Grid, Letter, Signature, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.findings import Finding
    from vonggac.domain.inspection_input import Answer, Member
    from vonggac.domain.inspections import Inspection, Round
    from vonggac.domain.issuers import Office
    from vonggac.paper.letter import Block

LETTER, DECISION = "cong-van", "quyet-dinh"
VERDICTS: Final[Mapping[str, str]] = {"pass": "Đạt", "fail": "Không đạt", "na": "Không áp dụng"}


def reminder_letter(
    connection: Connection,
    *,
    site_id: str,
    body: str,
    addressee: str,
    what: str,
    due: date | None,
    answer_by: date,
    earlier: Sequence[tuple[str, date | None]] = (),
    order: str | None,
    now_ns: int,
) -> Letter:
    """A letter that urges (công văn đôn đốc).

    Args:
        connection: a transaction.
        site_id: the facility that it is about.
        body: who writes.
        addressee: to whom.
        what: what is owed, as it stands after "việc".
        due: the last day that was missed; None where there was none.
        answer_by: until when an answer is asked for.
        earlier: number and day of the letters that urged before.
        order: the directive that it carries out; None where there is none.
        now_ns: UTC now.
    """
    today, site = legal.day_of(now_ns), title_of(connection, site_id)
    office = _office(connection, site_id, body, today)
    body = office.name
    missed = f"; thời hạn {_day(due)}, quá hạn {(today - due).days} ngày" if due else ""
    under = f"{citing.opening(connection, order)}đến" if order else "Đến"
    said = [
        Text(f"{under} ngày {_day(today)}, {site} chưa hoàn thành việc: {plain(what)}{missed}.")
    ]
    if earlier:
        named = "; ".join(
            f"Công văn số {number} ngày {_day(day)}" if day else f"Công văn số {number}"
            for number, day in earlier
        )
        said.append(Text(f"Việc này đã được đôn đốc {len(earlier):02d} lần: {named}."))
    said.append(
        Text(
            f"{body} đề nghị {addressee} khẩn trương thực hiện, báo cáo kết quả và lý do chậm "
            f"trước ngày {_day(answer_by)}"
        )
    )
    return Letter(
        kind=kinds()[LETTER], issuer=office.issuer, drafted=today,
        subject=f"Đôn đốc thực hiện giám sát bằng camera tại {site}", body=tuple(said),
        signatures=(office.signature,), addressees=(addressee,), recipients=("Như trên",),
        archive="VT",
    )  # fmt: skip


def explanation_letter(
    connection: Connection,
    *,
    site_id: str,
    body: str,
    list_code: str,
    inputs: Sequence[str],
    explain_by: date,
    order: str | None,
    now_ns: int,
) -> Letter:
    """A letter that asks a facility to explain itself (giải trình) before anything is proposed."""
    today, site = legal.day_of(now_ns), title_of(connection, site_id)
    office = _office(connection, site_id, body, today)
    body = office.name
    name = book.lists()[list_code].name.vi.casefold()
    by = f"{citing.opening(connection, order)}theo" if order else "Theo"
    return Letter(
        kind=kinds()[LETTER], issuer=office.issuer, drafted=today,
        subject=f"Đề nghị {site} giải trình",
        body=(
            Text(f"{by} số liệu đến ngày {_day(today)}, {site} thuộc diện {name} camera giám sát "
                 f"({book.labels()['label'].vi}):"),
            *(Text(one, "-") for one in inputs),
            Text(f"{body} đề nghị cơ sở giải trình bằng văn bản hoặc trên hệ thống trước hết ngày "
                 f"{_day(explain_by)}. Quá thời hạn trên mà không giải trình, {body} đề xuất "
                 "cấp có thẩm quyền xem xét theo quy định"),
        ),
        signatures=(office.signature,), addressees=(site,), recipients=("Như trên",),
        archive="VT",
    )  # fmt: skip


def proposal_letter(
    connection: Connection,
    *,
    site_id: str,
    body: str,
    to: str,
    list_code: str,
    inputs: Sequence[str],
    reminded: Sequence[tuple[str, date | None]],
    explanation: str,
    measure: str,
    reason: str,
    order: str | None,
    now_ns: int,
) -> Letter:
    """A proposal of measures (đề xuất xử lý) to the body that decides."""
    today, site = legal.day_of(now_ns), title_of(connection, site_id)
    office = _office(connection, site_id, body, today)
    body = office.name
    name = book.lists()[list_code].name.vi.casefold()
    letters = "; ".join(f"số {number} ngày {_day(day)}" for number, day in reminded if day)
    return Letter(
        kind=kinds()[LETTER], issuer=office.issuer, drafted=today,
        subject=f"Đề xuất xử lý {site} {name} camera giám sát",
        body=(
            Text(f"{citing.opening(connection, order)}{body} báo cáo và đề xuất {to} xem xét "
                 "việc sau:"),
            Text(f"{site} thuộc diện {name} ({book.labels()['label'].vi}): {' '.join(inputs)}",
                 "1. Sự việc:"),
            Text(f"{len(reminded):02d} lần: {letters or 'không có'}.", "2. Đã đôn đốc:"),
            Text(explanation or "Cơ sở không giải trình trong thời hạn đã yêu cầu.",
                 "3. Giải trình của cơ sở:"),
            Text(f"{measure} Lý do: {reason}", "4. Đề xuất:"),
            Text(f"Kính đề nghị {to} xem xét, quyết định"),
        ),
        signatures=(office.signature,), addressees=(to,), recipients=("Như trên", site),
        archive="VT",
    )  # fmt: skip


def decision(
    connection: Connection, it: Round, every: Sequence[Inspection], *, now_ns: int
) -> Letter:
    """The decision to inspect: who goes where, when."""
    today = legal.day_of(now_ns)
    office = _office(connection, every[0].site_id if every else "", it.body, today)
    rows = [
        (str(at), title_of(connection, one.site_id), _day(one.planned),
         "tại chỗ" if one.way == "on_site" else "từ xa")
        for at, one in enumerate(every, 1)
    ]  # fmt: skip
    team = "; ".join(_person(one) for one in it.team)
    return Letter(
        kind=kinds()[DECISION], drafted=today, subject=f"{it.title}", authority=office.name.upper(),
        issuer=office.issuer,
        basis=_basis(connection, it, today),
        body=(
            Text(f"Thành lập đoàn kiểm tra gồm: {team}.", "Điều 1."),
            Text("Đoàn kiểm tra các cơ sở sau:", "Điều 2."),
            Grid(("TT", "Cơ sở", "Ngày", "Hình thức"), tuple(rows), (8, 52, 20, 20)),
            Text("Nội dung kiểm tra: camera và ghi hình; việc giám sát; quyền của người bị ghi "
                 "hình, theo danh mục kiểm tra kèm theo hệ thống.", "Điều 3."),
            Text("Đoàn kiểm tra và các cơ sở có tên tại Điều 2 chịu trách nhiệm thi hành Quyết "
                 "định này", "Điều 4."),
        ),
        signatures=(office.signature,), recipients=("Như Điều 4",), archive="VT",
    )  # fmt: skip


def _basis(connection: Connection, it: Round, today: date) -> tuple[str, ...]:
    """On what a decision rests: the order that it carries out, the rule of days, the plan."""
    found = list(citing.basis(connection, it.directive_id))
    rule = guide.rule(connection, inspections.INTERVAL, today)
    if not rule.is_ours:
        found.append(f"Căn cứ {rule.source.vi}")
    if not found:
        found.append("Căn cứ kế hoạch công tác của cơ quan")
    return (*found, "Xét yêu cầu quản lý, giám sát tại các cơ sở cách ly tập trung")


def minutes(
    connection: Connection,
    it: Inspection,
    of: Round,
    answers: Sequence[Answer],
    found: Sequence[Finding],
) -> Letter:
    """The minutes of an inspection, with what the facility says, or that it does not sign."""
    day, site = it.done or it.planned, title_of(connection, it.site_id)
    at = (
        inspection_facts.moment(it.minutes_ns)
        if it.minutes_ns
        else f"… giờ … phút, ngày {_day(day)}"
    )
    items = book.items()
    rows = tuple(
        (one.item, items[one.item].name.vi, _fact(it, one.item), _result(one))
        for one in answers
        if one.item in items
    )
    number = f" theo Quyết định số {of.decision} ngày {_day(of.decided)}" if of.decision else ""
    order = citing.opening(connection, of.directive_id)
    by = f"{number}, t{order[1:-2]}" if order else number
    way = "tại cơ sở" if it.way == "on_site" else "từ xa"
    said: list[Block] = [
        Text(f"Hôm nay, hồi {at}, kiểm tra {way} {site}{by}, chúng tôi gồm:"),
        Text("; ".join(_person(one) for one in of.team) + ".", "1. Đoàn kiểm tra:"),
        Text(("; ".join(_person(one) for one in it.present) or "không ký biên bản") + ".",
             "2. Đại diện cơ sở:"),
        Text(f"số liệu của hệ thống tính đến {inspection_facts.moment(it.facts_ns or 0)}.",
             "3. Kết quả kiểm tra:"),
        Grid(("Mục", "Nội dung", "Số liệu của hệ thống", "Kết quả"), rows, (8, 32, 32, 28)),
    ]  # fmt: skip
    if found:
        must = tuple((one.item, one.action, one.responsible, _day(one.due)) for one in found)
        said.append(Text("", "4. Việc phải khắc phục:"))
        said.append(Grid(("Mục", "Việc", "Người làm", "Hạn"), must, (8, 50, 24, 18)))
    else:
        said.append(Text("không có.", "4. Việc phải khắc phục:"))
    said.append(Text(it.opinion or "không có ý kiến.", "5. Ý kiến của cơ sở:"))
    if it.refused:
        said.append(Text(f"{it.refused} Người chứng kiến: {it.witness}.", "6. Cơ sở từ chối ký:"))
    said.append(
        Text("Biên bản lập thành 02 bản, mỗi bên giữ 01 bản, đã đọc lại cho các bên cùng nghe")
    )
    return Letter(
        kind=kinds()[MINUTES], drafted=day,
        issuer=_office(connection, it.site_id, of.body, day).issuer,
        subject=f"Kiểm tra việc giám sát bằng camera tại {site}", body=tuple(said),
        signatures=(Signature(("ĐẠI DIỆN CƠ SỞ",)), Signature(("TRƯỞNG ĐOÀN KIỂM TRA",))),
        refusal=bool(it.refused), recipients=(site, of.body), archive="VT",
    )  # fmt: skip


# -- pieces ----------------------------------------------------------------------------------


def _office(connection: Connection, site_id: str, body: str, on: date) -> Office:
    """Who issues and signs it, for a facility of its province."""
    path = _path(connection, site_id, on)
    province = next((one for one in path if one.kind in ("province", "city")), None)
    return issuers.named(connection, body, province, on=on)


def province_of(connection: Connection, site_id: str, on: date) -> str:
    """What the province of a facility is called; empty where it belongs to none."""
    path = _path(connection, site_id, on)
    return next((one.vi for one in path if one.kind in ("province", "city")), "")


def unit_of(connection: Connection, site_id: str, on: date) -> str:
    """What the nearest unit above a facility is called."""
    path = _path(connection, site_id, on)
    return path[-1].vi if path else ""


def _path(connection: Connection, site_id: str, on: date) -> list[units.Unit]:
    if registry.site(connection, site_id) is None:
        return []
    thing = access.thing_of_site(connection, site_id)
    return units.path(connection, thing.path[-1], on) if thing.path else []


def title_of(connection: Connection, site_id: str) -> str:
    """What a facility is called."""
    site = registry.site(connection, site_id)
    return (site.title or site.name) if site else ""


def _person(one: Member) -> str:
    return f"{one.name} ({one.body})"


def _fact(it: Inspection, item: str) -> str:
    return inspection_facts.say(it.facts.get(item, []), "vi") or "xem tại chỗ"


def _result(one: Answer) -> str:
    return f"{VERDICTS[one.verdict]}{': ' + one.said if one.said else ''}"


def _day(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else "…/…/……"
