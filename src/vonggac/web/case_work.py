"""What pages and API of cases share: who may do which step, and the step itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac.clock import rfc3339
from vonggac.domain import access, case_book, cases, registry, units
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.words import day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonggac.db import Connection
    from vonggac.domain.access import Thing
    from vonggac.domain.case_book import Description, Given, Moment, Word
    from vonggac.domain.cases import Case, Entry, Handover, Mark
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Words
    from vonggac.web.desk import Visitor

FAULTS: Final[Mapping[str, str]] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không ghi, không đính kèm nội dung có dấu MẬT.",
    "person_name": "Có vẻ là tên người. Ghi phòng và vai trò, ví dụ: người ở phòng 207.",
    "person_day": "Không ghi ngày vào khu hay ngày khác: vụ việc đã có thời điểm của nó.",
    "person_number": "Có vẻ là số điện thoại, số giấy tờ của một người. Không ghi vào vụ việc.",
    "person_health": "Tình trạng sức khỏe là dữ liệu nhạy cảm. Không ghi vào vụ việc.",
    "outside": "Thời điểm nằm ngoài khoảng được ghi.",
    "too_long_clip": "Đoạn hình của một thời điểm dài nhất một giờ.",
    "in_the_past": "Hạn phải ở sau bây giờ, nhiều nhất một năm nữa.",
    "elsewhere": "Camera này của cơ sở khác.",
    "linked": "Vụ việc này đã gắn rồi, hoặc là chính nó.",
    "no_such_case": "Không có vụ việc mang số này trong phạm vi của bạn.",
    "no_such_violation": "Chọn một hành vi trong danh mục.",
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "no_moment": "Viết dạng ngày/tháng/năm giờ:phút, ví dụ 18/11/2026 14:30.",
    "case_state": "Vụ việc đã sang trạng thái khác. Mở lại trang để xem.",
    "own_case": "Bạn đánh dấu vụ việc này, nên người khác phải xác nhận.",
    "own_confirmation": "Bạn đã xác nhận sự việc này, nên người khác phải ghi kết luận vi phạm.",
    "not_described": "Chọn hành vi, đối tượng và ghi nội dung trước khi xác nhận.",
    "handed_over": "Vụ việc đang ở cơ quan đã nhận bàn giao; ghi kết quả của cơ quan ấy trước.",
    "not_handed_over": "Chưa bàn giao vụ việc cho cơ quan nào.",
    "no_tier": "Không còn đơn vị nào ở trên.",
}  # fmt: skip
STATES: Final[Mapping[str, str]] = {
    "suspected": "nghi vấn",
    "confirmed": "đã xác nhận sự việc",
    "handling": "đang xử lý",
    "closed": "đã đóng",
    "dismissed": "đã loại bỏ",
}
STEPS: Final[Mapping[str, str]] = {
    "opened": "Mở vụ việc",
    "marked": "Đánh dấu thêm thời điểm",
    "described": "Mô tả",
    "noted": "Diễn biến",
    "linked": "Gắn vụ việc liên quan",
    "confirmed": "Xác nhận sự việc",
    "dismissed": "Loại bỏ",
    "taken": "Nhận xử lý vụ việc",
    "escalated": "Chuyển cấp trên",
    "handed_over": "Bàn giao cho cơ quan có thẩm quyền",
    "concluded": "Ghi kết quả của cơ quan đã nhận",
    "closed": "Đóng vụ việc",
}
OUTCOMES: Final[Mapping[str, str]] = {"event": "sự việc", "violation": "vi phạm"}
UNHELD: Final[Mapping[str, str]] = {
    "": "Nghi vấn của máy không tự giữ hình.",
    "box_elsewhere": "Chưa giữ được: chưa có thiết bị ghi nào của cơ sở này nối với hệ thống.",
    "too_many": "Chưa giữ được: cơ sở đã có quá nhiều lệnh giữ.",
}  # fmt: skip
VIAS: Final[Mapping[str, str]] = {
    "live": "đánh dấu khi xem trực tiếp",
    "playback": "đánh dấu khi xem lại",
    "program": "máy gợi ý",
}
QUEUES: Final[Mapping[str, str]] = {
    "open": "Đang mở",
    "mine": "Của tôi",
    "unit": "Của đơn vị tôi",
    "late": "Quá hạn",
    "over": "Đã xong",
    "all": "Tất cả",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with everything under it, and what the visitor may do to it."""

    it: Case
    marks: list[Mark]
    entries: list[Entry]
    handovers: list[Handover]
    linked: list[Case]
    site: registry.Site | None
    thing: Thing
    unit: Words | None
    may: frozenset[str]
    """Acts that the visitor may do to it."""
    me: str
    """The visitor's account."""

    def why_not(self, step: cases.Step) -> str:
        """Why this visitor cannot take a step now, as a code."""
        return cases.refusal(self.it, step, by_id=self.me, handovers=self.handovers)


def wish(who: Visitor, queue: cases.Shelf) -> cases.Wish:
    """A list as this visitor asks for it."""
    now_ns = who.desk.now_ns()
    held = [one for one in who.person.held if one.lasts(now_ns)]
    mine = frozenset(one.body or one.unit or "" for one in held) - {""}
    return cases.Wish(queue, who.signed_in.account.id, mine, now_ns)


def seen_sites(connection: Connection, who: Visitor) -> list[str]:
    """Facilities whose cases the visitor may see."""
    return access.sites_for(connection, who.person, Act.CASE_SEE, who.desk.now_ns())


def seen(who: Visitor, case_id: str) -> Shown:
    """A case that the visitor may see.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    account = who.signed_in.account
    with who.desk.database.reading() as connection:
        it = cases.find(connection, case_id[:40])
        thing = access.thing_of_site(connection, it.site_id)
        rights.require(connection, who, Act.CASE_SEE, thing)
        visible = set(seen_sites(connection, who))
        acts = (Act.CASE_MARK, Act.CASE_DECIDE, Act.CASE_CONCLUDE, Act.EXPORT_ASK, Act.PLAYBACK,
                Act.SNAPSHOT)  # fmt: skip
        today = day_of(who.desk.now_ns())
        return Shown(
            it=it,
            marks=cases.marks(connection, it.id),
            entries=cases.entries(connection, it.id),
            handovers=cases.handovers(connection, it.id),
            linked=[one for one in cases.linked(connection, it.id) if one.site_id in visible],
            site=registry.site(connection, it.site_id),
            thing=thing,
            unit=units.called(connection, [it.unit], today).get(it.unit) if it.unit else None,
            may=frozenset(act.value for act in acts if who.may(act, thing)),
            me=account.id,
        )


def by_of(connection: Connection, who: Visitor, site_id: str, *acts: Act) -> Someone:
    """Who does this to a case of a facility, by the first of these acts that is allowed.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN, none of them is.
    """
    thing = access.thing_of_site(connection, site_id)
    act = next((one for one in acts if who.may(one, thing)), acts[0])
    return evidence_api.someone(who, rights.require(connection, who, act, thing))


def mark(who: Visitor, moment: Moment, *, case_id: str = "") -> Case:
    """Mark a moment: a case of its own, or another moment of one."""
    who.signed_in  # noqa: B018 - refuses who may not look
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        thing = access.thing_of_camera(connection, moment.camera_id)
        verdict = rights.require(connection, who, Act.CASE_MARK, thing)
        reaches = who.desk.sites.reaches(connection, thing.id)
    by = evidence_api.someone(who, verdict)
    if not case_id:
        with who.desk.database.writing() as connection:
            return case_book.mark(connection, moment, holds_here=reaches, by=by, now_ns=now_ns)
    with who.desk.database.reading() as connection:
        found = cases.find(connection, case_id[:40])
        by_of(connection, who, found.site_id, Act.CASE_MARK)
    with who.desk.database.writing() as connection:
        case_book.mark_again(connection, found.id, moment, holds_here=reaches, by=by, now_ns=now_ns)
        return cases.find(connection, found.id)


def describe(who: Visitor, case_id: str, what: Description) -> Case:
    """Say what was seen."""
    return _done(
        who, case_id, (Act.CASE_MARK,),
        lambda c, it, by, now: case_book.describe(c, it, what, by=by, now_ns=now),
    )  # fmt: skip


def note(who: Visitor, case_id: str, said: str) -> Case:
    """Add what happened."""
    return _done(
        who, case_id, (Act.CASE_MARK, Act.CASE_CONCLUDE),
        lambda c, it, by, now: case_book.note(c, it, said, by=by, now_ns=now),
    )  # fmt: skip


def link(who: Visitor, case_id: str, number: str) -> Case:
    """Link another case, by the number that people call it."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        other = cases.by_number(connection, number[:40])
        if other is None or other.site_id not in seen_sites(connection, who):
            raise VonggacError(
                Kind.BAD_INPUT, "number: no such case", fields={"number": "no_such_case"}
            )
    return _done(
        who, case_id, (Act.CASE_MARK,),
        lambda c, it, by, now: case_book.link(c, it, other, by=by, now_ns=now),
    )  # fmt: skip


def confirm(who: Visitor, case_id: str, said: str) -> Case:
    """Confirm that it happened."""
    return _done(
        who, case_id, (Act.CASE_DECIDE,),
        lambda c, it, by, now: case_book.confirm(c, it, said=said, by=by, now_ns=now),
    )  # fmt: skip


def dismiss(who: Visitor, case_id: str, reason: str) -> Case:
    """Dismiss: whoever decides, or takes back a mark of their own."""
    with who.desk.database.reading() as connection:
        it = cases.find(connection, case_id[:40])
    own = it.opened_by == who.signed_in.account.id
    return _done(
        who, case_id, (Act.CASE_MARK,) if own else (Act.CASE_DECIDE,),
        lambda c, it, by, now: case_book.dismiss(c, it, reason=reason, by=by, now_ns=now),
    )  # fmt: skip


def take(who: Visitor, case_id: str, due_ns: int | None, said: str) -> Case:
    """Take it in hand oneself."""
    return _done(
        who, case_id, (Act.CASE_DECIDE,),
        lambda c, it, by, now: case_book.take(c, it, due_ns=due_ns, said=said, by=by, now_ns=now),
    )  # fmt: skip


def escalate(who: Visitor, case_id: str, said: str) -> Case:
    """Pass it to the unit above."""
    path = seen(who, case_id).thing.path
    return _done(
        who, case_id, (Act.CASE_MARK,),
        lambda c, it, by, now: case_book.escalate(c, it, path=path, said=said, by=by, now_ns=now),
    )  # fmt: skip


def hand_over(who: Visitor, case_id: str, given: Given) -> Case:
    """Hand it over to a body that may conclude."""
    return _done(
        who, case_id, (Act.CASE_DECIDE,),
        lambda c, it, by, now: case_book.hand_over(c, it, given, by=by, now_ns=now),
    )  # fmt: skip


def conclude(who: Visitor, case_id: str, word: Word) -> Case:
    """Enter the body's word; a violation takes the act of its own."""
    violation = word.outcome == "violation"
    acts = (Act.CASE_CONCLUDE,) if violation else (Act.CASE_DECIDE, Act.CASE_CONCLUDE)
    return _done(
        who, case_id, acts,
        lambda c, it, by, now: case_book.conclude(c, it, word, by=by, now_ns=now),
    )  # fmt: skip


def close(who: Visitor, case_id: str, reason: str) -> Case:
    """Close it."""
    return _done(
        who, case_id, (Act.CASE_DECIDE,),
        lambda c, it, by, now: case_book.close(c, it, reason=reason, by=by, now_ns=now),
    )  # fmt: skip


def faults(who: Visitor, error: VonggacError) -> tuple[dict[str, str], str]:
    """What is wrong with which field, and what is wrong altogether, in the visitor's language."""
    fields = error.detail.get("fields")
    if isinstance(fields, dict):
        said = {str(name): str(why) for name, why in fields.items()}
        return {name: who.t(FAULTS.get(why, FAULTS["required"])) for name, why in said.items()}, ""
    code = str(error.detail.get("code", ""))
    return {}, who.t(FAULTS[code]) if code in FAULTS else ""


def listed_json(it: Case, first: Mark | None, now_ns: int) -> dict[str, object]:
    """A case as lists of the API say it."""
    return {
        "id": it.id,
        "number": it.number,
        "site": it.site_id,
        "state": it.state,
        "found_by": it.found_by,
        "violation": it.violation or None,
        "subject": it.subject or None,
        "severity": it.severity,
        "place": it.place,
        "role": it.role,
        "happened": rfc3339(it.happened_ns),
        "due": rfc3339(it.due_ns),
        "late": it.is_late(now_ns),
        "camera": first.camera_id if first else None,
        "opened": {"by": it.opened_name, "at": rfc3339(it.opened_ns)},
        "unit": it.unit or None,
        "responsible": it.responsible_name or None,
        "confirmed": None
        if it.confirmed_ns is None
        else {"by": it.confirmed_name, "at": rfc3339(it.confirmed_ns)},
        "outcome": it.outcome or None,
        "url": f"/cases/{it.id}",
    }


def _done(
    who: Visitor,
    case_id: str,
    acts: tuple[Act, ...],
    step: Callable[[Connection, str, Someone, int], Case],
) -> Case:
    """Take a step in a transaction of its own, when the visitor may do it to that facility."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = cases.find(connection, case_id[:40])
        by = by_of(connection, who, it.site_id, *acts)
    with who.desk.database.writing() as connection:
        return step(connection, it.id, by, who.desk.now_ns())
