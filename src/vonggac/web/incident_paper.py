"""The record of an incident on paper: what the authority is handed, as PDF and as `.docx`.

The law asks for what happened, when it was found, who and how many are affected, what was done,
and for reports within 24 and 72 hours (`rules/legal.toml`); both papers hold the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import incidents, legal, letters
from vonggac.domain.annexes import UNCHECKED
from vonggac.paper.letter import Grid, Issuer, Letter, Signature, Text
from vonggac.web import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.paper.letter import Block

SIGNED: Final = "(Ký, ghi rõ họ tên)"


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that stands on the paper."""

    incident: incidents.Incident
    clocks: Sequence[incidents.Clock]
    steps: Sequence[incidents.Step]
    agency: str
    unread: frozenset[str]
    """Codes of legal bases whose text nobody compared."""
    kinds: Mapping[str, str]
    steps_named: Mapping[str, str]
    now_ns: int


def values(record: Record) -> dict[str, Any]:
    """What the template `incident` asks for."""
    it = record.incident
    names = _names(record)
    return {
        "above": "",
        "agency": record.agency,
        "title": it.title,
        "kind": record.kinds[it.kind],
        "serious": it.serious,
        "said": it.said,
        "affected": it.affected or "chưa rõ",
        "found": _moment(it.found_ns),
        "opened": f"{_moment(it.opened_ns)}, {it.opened_by}",
        "closed": f"{_moment(it.closed_ns)}, {it.closed_by}" if it.closed_ns else "chưa đóng",
        "clocks": [
            {
                "name": one.rule.name.vi,
                "hours": one.rule.hours,
                "until": _moment(one.until_ns),
                "done": _moment(one.done.done_ns) if one.done else "chưa",
                "late": one.is_late(record.now_ns),
                "basis": _basis(record, one.rule.basis),
            }
            for one in record.clocks
        ],
        "steps": [
            {
                "at": _moment(step.done_ns),
                "kind": names.get(step.kind, step.kind),
                "said": step.said,
                "by": step.entered_name or step.entered_by,
            }
            for step in record.steps
        ],
        "printed": _moment(record.now_ns),
    }


def letter(record: Record) -> Letter:
    """The same as minutes of decree 30/2020; its number stays blank."""
    it = values(record)
    told = [
        f"- Loại: {it['kind']}{', nghiêm trọng' if it['serious'] else ''}.",
        f"- Phát hiện lúc: {it['found']}.",
        f"- Lập hồ sơ: {it['opened']}.",
        f"- Nội dung: {it['said']}",
        f"- Dữ liệu và số người bị ảnh hưởng: {it['affected']}",
        f"- Đóng hồ sơ: {it['closed']}.",
    ]
    body: list[Block] = [Text("", "1. Sự cố"), *map(Text, told), Text("", "2. Thời hạn")]
    body.append(
        Grid(
            ("Việc", "Hạn", "Đã làm", "Căn cứ"),
            tuple(
                (
                    f"{one['name']} ({one['hours']} giờ)",
                    one["until"],
                    one["done"] + (" (quá hạn)" if one["late"] else ""),
                    one["basis"],
                )
                for one in it["clocks"]
            ),
            (34, 20, 20, 26),
        )
    )
    body.append(Text("", "3. Việc đã làm"))
    if it["steps"]:
        rows = tuple((one["at"], one["kind"], one["said"], one["by"]) for one in it["steps"])
        body.append(Grid(("Lúc", "Việc", "Nội dung", "Người ghi"), rows, (20, 20, 40, 20)))
    else:
        body.append(Text("- Chưa có."))
    body.append(Text(f"Biên bản in từ hồ sơ của hệ thống lúc {it['printed']} (giờ Việt Nam)"))
    return Letter(
        kind=letters.kinds()[letters.MINUTES],
        issuer=Issuer(above="", name=record.agency, symbol="", place=""),
        drafted=words.day_of(record.now_ns),
        subject=f"Ghi nhận sự cố: {record.incident.title}",
        body=tuple(body),
        signatures=(
            Signature(("NGƯỜI LẬP",), note=SIGNED),
            Signature(("LÃNH ĐẠO ĐƠN VỊ",), note=SIGNED),
        ),
    )


def _names(record: Record) -> dict[str, str]:
    rules = legal.clocks(legal.day_of(record.incident.found_ns))
    return {code: rule.name.vi for code, rule in rules.items()} | dict(record.steps_named)


def _basis(record: Record, code: str) -> str:
    number = legal.bases()[code].number
    return f"{number} ({UNCHECKED})" if code in record.unread else number


def _moment(ns: int) -> str:
    t = words.Tongue("vi")
    return f"{t.day(ns)} {t.clock(ns)}"
