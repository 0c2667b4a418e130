"""What happened in the demo's invented province after its plans: recording, acceptance, inspection.

Every facility that was built has a story of its own: one whole, one with gaps, one whose line is
cut, one with a camera that is silent.  From there on inspections, findings, reminders, proposals
and what enterprises confirm are entered by the functions that pages use, each on its day, as by
the body whose duty it is.  No box stands there: what was recorded is entered as its ledger would
say it, and ends when the demo began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.config import AcceptanceConfig
from vonggac.db import inspection as inspection_rows
from vonggac.domain import (
    acceptance,
    designated,
    findings,
    inspection_papers,
    inspections,
    ledger,
    legal,
    papers,
    pictures,
    registry,
    reminders,
    sanctions,
    surveys,
    tasks,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.findings import Proof
from vonggac.domain.inspection_input import Answer, Member, Minutes, RoundDraft
from vonggac.domain.ledger import Gap, Span, State, Stream
from vonggac.domain.sanctions import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement

DAY_NS: Final = 86_400 * NS
HOUR_NS: Final = 3_600 * NS
RECORDED_DAYS: Final = 3
"""Days before the demo of which the ledgers of built facilities speak."""
TRIED_DAYS: Final = 2
"""Days before the demo at which trials began that are over."""
REFUSING, SILENT, WAITED_FOR = 29, 25, 27
"""Facilities without cameras about which a measure is proposed, by their place in the province."""
PROBED: Final[Mapping[str, Any]] = {
    "reachable": True, "authenticated": True, "codec": "h264", "width": 1920, "height": 1080,
    "declared_fps": 15.0, "delivered_fps": 15.0, "gop_s": 2.0, "kbps": 2_000, "clock_error_ms": 40,
    "criteria": {"name": "mặc định của phần mềm", "date": ""},
}  # fmt: skip
"""What a probe found, but for its verdict."""


@dataclass(frozen=True, slots=True)
class World:
    """What every facility needs to be made."""

    today: date
    now_ns: int
    then: date
    """The day on which the survey's facilities were entered."""
    then_ns: int
    placement: Placement
    province: str
    areas: tuple[str, ...]
    who: Mapping[str, Someone]
    """By account."""
    names: Mapping[str, str]
    """What a body is called in the profile, by account."""
    bodies: Mapping[str, str]
    """Units of the bodies that are more than an area's committee, by account."""
    campaign: str = ""
    directive: str = ""

    def ago(self, days: int, hours: int = 0) -> int:
        """A moment before the demo."""
        return self.now_ns - days * DAY_NS - hours * HOUR_NS

    def day(self, days: int) -> date:
        """The day so many days before today."""
        return self.today - timedelta(days=days)


# -- what was recorded -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of which nothing was recorded."""

    camera: int | None
    """Which camera of the facility; None is all of them."""
    back: int
    """Minutes before the demo at which it begins."""
    minutes: int | None
    """None while it lasts."""
    cause: Cause


HOLES: Final[Mapping[int, tuple[Hole, ...]]] = {
    1: (Hole(3, 43 * 60, 40, Cause.STALLED), Hole(None, 10 * 60, 31, Cause.POWER_LOST),
        Hole(5, 4 * 60, 12, Cause.UNREACHABLE), Hole(0, 3 * 60, 8, Cause.REFUSED)),
    2: (Hole(2, 15 * 60, 9, Cause.UNREACHABLE),),
    3: (Hole(4, 5 * 60, None, Cause.UNREACHABLE), Hole(1, 19 * 60, 3, Cause.NO_KEYFRAME)),
}  # fmt: skip
"""Of the built facilities; the first has none."""
KNOWN_MINUTES: Final[Mapping[int, int]] = {2: 180}
"""Minutes before the demo up to which a box was heard, where its line is cut."""


def recorded(connection: Connection, world: World, at: int, site_id: str) -> None:
    """What the ledger of a built facility says of the last days."""
    known_ns = world.now_ns - KNOWN_MINUTES.get(at, 0) * 60 * NS
    for place, camera in enumerate(registry.cameras(connection, site_id)):
        stream = Stream(site_id, camera.name)
        mine = [one for one in HOLES.get(at, ()) if one.camera in (None, place)]
        _record(connection, world, stream, mine, known_ns)
    ledger.put_site_state(connection, site_id, as_of_ns=known_ns, heard_ns=known_ns, detail={})
    ledger.lose_site(connection, site_id, lost_ns=known_ns)


def _record(
    connection: Connection, world: World, stream: Stream, holes: Sequence[Hole], known_ns: int
) -> None:
    """Spans around the holes, the holes, and what the stream did last."""
    at_ns = world.ago(RECORDED_DAYS)
    state = State("recording", at_ns, None, known_ns, {})
    for hole in sorted(holes, key=lambda one: -one.back):
        from_ns = world.now_ns - hole.back * 60 * NS
        to_ns = None if hole.minutes is None else from_ns + hole.minutes * 60 * NS
        ledger.put_span(connection, stream, Span(at_ns, from_ns))
        ledger.put_gap(connection, stream, Gap(from_ns, to_ns, hole.cause))
        if to_ns is None:
            state = State("gap", from_ns, hole.cause, known_ns, {})
            break
        at_ns = to_ns
        state = State("recording", at_ns, None, known_ns, {})
    if state.status == "recording":
        ledger.put_span(connection, stream, Span(at_ns, known_ns))
    ledger.put_state(connection, stream, state)


# -- acceptance ------------------------------------------------------------------------------


def accepted(connection: Connection, world: World, at: int, site_id: str) -> None:
    """Tries of a built facility's cameras: signed, waiting, failed, on trial, not begun."""
    cameras = registry.cameras(connection, site_id)
    if at == 0:
        for camera in cameras:
            _tried(connection, world, camera.id, sign=True)
        _confirmed(connection, world, [one.id for one in cameras[:5]])
    elif at == 1:
        for place, camera in enumerate(cameras[:6]):
            # The fourth stood still for forty minutes of its trial: the ledger fails it.
            _tried(connection, world, camera.id, sign=place < 3, fit=place != 5)
    else:
        for camera in cameras[: 4 if at == 2 else 2]:
            _on_trial(connection, world, camera.id)


def _tried(
    connection: Connection, world: World, camera_id: str, *, sign: bool, fit: bool = True
) -> None:
    """A try whose trial is over."""
    rules, now_ns = AcceptanceConfig(), world.ago(TRIED_DAYS)
    tester, lead = world.who["doanh-nghiep"], world.who["so-chu-tri"]
    it = acceptance.begin(connection, camera_id, rules, by=tester, now_ns=now_ns)
    acceptance.note_probe(connection, it.id, _probe(fit), by=tester, now_ns=now_ns + 60 * NS)
    _looked(connection, world, it.id, now_ns + 300 * NS)
    over_ns = it.trial_to_ns + 60 * NS
    found = acceptance.end_trial(connection, it.id, rules, by=tasks.PROGRAM, now_ns=over_ns)
    if sign and found.state == "passed":
        acceptance.accept(
            connection, it.id, "theo phiếu kết quả (giả định)", by=lead, now_ns=over_ns + HOUR_NS
        )


def _probe(fit: bool) -> dict[str, Any]:
    details = [] if fit else [
        {"code": "password", "level": "required", "survey": "security_settings",
         "vi": "Camera từ chối mật khẩu đã lưu.", "en": "The camera refuses the stored password."}
    ]  # fmt: skip
    return {**PROBED, "authenticated": fit, "verdict": {"connectable": fit, "details": details}}


def _looked(connection: Connection, world: World, acceptance_id: str, now_ns: int) -> None:
    """A picture was taken; a person confirmed it and the zone."""
    tester = world.who["doanh-nghiep"]
    acceptance.keep_picture(connection, acceptance_id, drawn("hl-2a"), by=tester, now_ns=now_ns)
    acceptance.confirm_picture(
        connection, acceptance_id, well=True, said="", by=tester, now_ns=now_ns
    )
    acceptance.confirm_zone(
        connection, acceptance_id, world.placement, well=True, said="", by=tester, now_ns=now_ns
    )


def _on_trial(connection: Connection, world: World, camera_id: str) -> None:
    """A try whose trial goes on."""
    tester, now_ns = world.who["doanh-nghiep"], world.ago(0, 5)
    it = acceptance.begin(connection, camera_id, AcceptanceConfig(), by=tester, now_ns=now_ns)
    acceptance.note_probe(connection, it.id, _probe(True), by=tester, now_ns=now_ns + 60 * NS)
    _looked(connection, world, it.id, now_ns + 300 * NS)


def _confirmed(connection: Connection, world: World, camera_ids: Sequence[str]) -> None:
    """The designated system, and what the enterprise confirms of some cameras."""
    by, enterprise = world.who["so-chu-tri"], "Doanh nghiệp được chỉ định (giả định)"
    designated.designate(
        connection, "Hệ thống kết nối tập trung (giả định)", enterprise,
        "02/UBND-VX (văn bản giả định)", world.day(20), by=by, now_ns=world.ago(20),
    )  # fmt: skip
    for place, camera_id in enumerate(camera_ids, 1):
        draft = designated.Draft(
            enterprise, world.day(1), f"MH-{place:03}", "RTSP qua hộp tại cơ sở"
        )
        designated.confirm(
            connection, camera_id, draft, by=by, today=world.today, now_ns=world.ago(1)
        )


@cache
def drawn(scene: str) -> bytes:
    """A JPEG of a drawn scene: the people in it are figures."""
    # Both take their third of a second, for a process that only the demo starts.
    import av

    from vonggac.sim import scenes

    width, height = 480, 270
    picture = next(iter(scenes.pictures(scene, "", width=width, height=height, count=1)))
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p").reformat(format="yuvj420p")
    frame.pts = None
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"huffman": "default"}
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


# -- inspections -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """An inspection of the province."""

    title: str
    sites: tuple[int, ...]
    ago: int
    """Days before today."""
    way: str = "on_site"
    state: str = "done"
    refused: int | None = None
    """The facility that did not sign."""
    account: str = "so-y-te"
    """Who inspects: military facilities are the military command's."""


VISITS: Final = (
    Visit("Kiểm tra đợt 1 (giả định)", (2, 14), 22),
    Visit("Kiểm tra cơ sở quân đội (giả định)", (8, 13, 18), 12, account="bo-chqs"),
    Visit("Kiểm tra đợt 2 (giả định)", (1, 7, 9), 10, refused=7),
    Visit("Kiểm tra cơ sở chưa có hình (giả định)", (15, 16, 17, 19, 20), 8),
    Visit("Kiểm tra đợt 3 (giả định)", (0, 10, 11, 12), 6),
    Visit("Kiểm tra từ xa (giả định)", (3,), 5, way="remote", account="bo-chqs"),
    Visit("Kiểm tra hôm nay (giả định)", (4,), 0, state="open"),
    Visit("Kiểm tra tuần này (giả định)", (5, 21), -1, state="planned"),
    Visit("Kiểm tra đã hoãn (giả định)", (6,), -3, state="dropped"),
)
"""The last but three count from their day on: the rule of fifteen days is broken by the first."""
FAILED: Final[Mapping[int, tuple[tuple[str, str, str, int], ...]]] = {
    0: (("B.2", "sổ trực thiếu ca đêm", "ghi đủ sổ trực từng ca", 3),
        ("C.1", "cổng phụ chưa có biển thông báo", "treo biển thông báo ở cổng phụ", 2)),
    1: (("A.4", "camera tầng 3 đứng hình nhiều lần", "thay nguồn camera tầng 3", 6),
        ("B.1", "ca đêm không có người xem hình", "phân công người trực ca đêm", 9)),
    2: (("C.2", "chưa lập trang công khai", "lập trang công khai cho người bị ghi hình", 26),),
    7: (("B.3", "người trực không biết số đầu mối", "niêm yết số đầu mối tại phòng trực", 4),),
}  # fmt: skip
"""Of a facility: item, what was found, what is to be done, days until its last day."""
BARE: Final = frozenset(range(15, 21))
"""Facilities that are inspected before they have cameras or pictures: those items do not apply."""


def inspected(connection: Connection, world: World, sites: Sequence[str]) -> None:
    """Decisions to inspect, each as far as it came."""
    for number, visit in enumerate(VISITS, 11):
        symbol = "SYT" if visit.account == "so-y-te" else "BCH"
        _visit(connection, world, sites, visit, f"{number}/QĐ-{symbol}")


def _visit(
    connection: Connection, world: World, sites: Sequence[str], visit: Visit, number: str
) -> None:
    by, now_ns = world.who[visit.account], world.ago(max(0, visit.ago))
    day = world.day(visit.ago)
    body = world.names[visit.account]
    team = (
        Member("Trưởng đoàn (giả định)", body),
        Member("Thành viên (giả định)", "cơ quan chủ trì"),
    )
    draft = RoundDraft(
        visit.title, body, team, tuple(sites[at] for at in visit.sites), day, visit.way,
        number if visit.state == "done" else "", day if visit.state == "done" else None,
        world.directive,
    )  # fmt: skip
    round_id = inspections.plan(connection, draft, by=by, now_ns=now_ns)
    of = {one.site_id: one.id for one in inspections.of_round(connection, round_id)}
    for at in visit.sites:
        inspection_id = of[sites[at]]
        if visit.state == "dropped":
            inspections.drop(connection, inspection_id, by=by, now_ns=now_ns)
        if visit.state in ("planned", "dropped"):
            continue
        inspections.start(connection, inspection_id, world.placement, by=by, now_ns=now_ns)
        if visit.state == "done":
            refused = visit.refused == at
            _minutes(connection, world, at, inspection_id, now_ns, by, refused=refused)


def _minutes(
    connection: Connection, world: World, at: int, inspection_id: str, now_ns: int, by: Someone, *,
    refused: bool,
) -> None:  # fmt: skip
    """Every item judged, the minutes, the findings, and the paper that carries them."""
    code = f"MH-{at + 1:02}"
    wrong = {item: (said, do, days) for item, said, do, days in FAILED.get(at, ())}
    day = legal.day_of(now_ns)
    answers = []
    for item in book.items():
        if item in wrong:
            said, do, days = wrong[item]
            due = day + timedelta(days=days)
            answers.append(Answer(item, "fail", said, do, f"Cơ sở {code}", due))
        else:
            bare = at in BARE and item.startswith(("A.", "B.1"))
            answers.append(Answer(item, "na" if bare else "pass"))
    present = (Member(f"Người phụ trách cơ sở {code}", "đại diện cơ sở"),)
    minutes = Minutes(present, "Nhất trí với biên bản.")
    if refused:
        minutes = Minutes(
            (), "", "Không ký vì cho rằng đã báo đầu mối.", "Đại diện thôn (giả định)"
        )
    made, _ = inspections.close(
        connection, inspection_id, minutes, answers=answers, by=by, now_ns=now_ns + HOUR_NS
    )
    found = findings.open_all(
        connection, made, directive_id=world.directive, by=by, now_ns=now_ns + HOUR_NS
    )
    if found:
        _paper(connection, world, inspection_id, now_ns + HOUR_NS)
    if at == 0:
        _proved(connection, world, made.id, found)


def _paper(connection: Connection, world: World, inspection_id: str, now_ns: int) -> None:
    """The minutes as a paper."""
    it = inspections.find(connection, inspection_id)
    letter = inspection_papers.minutes(
        connection, it, inspections.find_round(connection, it.round_id),
        inspections.answers_of(connection, it.id), findings.of_inspection(connection, it.id),
    )  # fmt: skip
    paper_id = papers.draft(
        connection, letter, about=f"inspection:{it.id}", site_id=it.site_id, unit_id=None,
        directive_id=world.directive, by=world.who["so-y-te"], now_ns=now_ns,
    )  # fmt: skip
    inspections.keep_paper(connection, inspection_rows.inspection, it.id, paper_id)


def _proved(connection: Connection, world: World, inspection_id: str, found: Sequence[str]) -> None:
    """The first finding is mended and closed by a photograph, the second waits for a re-check."""
    facility, inspector = world.who["co-so"], world.who["so-y-te"]
    closed, waits = found
    photo = inspections.attach(
        connection, inspection_id, pictures.taken(drawn("cg-1")), finding_id=closed, by=facility,
        now_ns=world.ago(4),
    )  # fmt: skip
    proof = Proof("photo", "ảnh sổ trực đã ghi đủ (hình vẽ minh họa)", photo)
    findings.prove(connection, closed, proof, by=facility, now_ns=world.ago(4))
    findings.check(
        connection, closed, mended=True, said="đã xem, đủ ca", by=inspector, now_ns=world.ago(3)
    )
    said = Proof("ledger", "đã treo biển, số liệu ghi hình kèm theo")
    findings.prove(connection, waits, said, by=facility, now_ns=world.ago(1))


# -- reminders and proposals -----------------------------------------------------------------


def urged(connection: Connection, world: World, sites: Sequence[str]) -> None:
    """A reminder of a finding that was sent, and one of a survey that nobody sent yet."""
    late = next(one for one in findings.listed(connection, [sites[1]], states=("open",)))
    _remind(connection, world, sites[1], f"finding:{late.id}", "facility", late.action,
            (late.due, 3, "31/SYT-NVY"))  # fmt: skip
    silent = surveys.state(connection, [sites[26]])[sites[26]]
    _remind(connection, world, sites[26], f"survey:{silent.id}", "facility",
            "trả lời phiếu khảo sát camera", (silent.due, 0, ""))  # fmt: skip


def _remind(
    connection: Connection, world: World, site_id: str, about: str, level: str, what: str,
    sent: tuple[date | None, int, str],
) -> None:  # fmt: skip
    """A letter that urges; sent when it has a number."""
    due, ago, number = sent
    by, now_ns = world.who["so-y-te"], world.ago(ago)
    draft = reminders.Draft(site_id, about, level, what, due, world.names["so-y-te"])
    made = reminders.draft(connection, draft, by=by, now_ns=now_ns)
    if number:
        reminders.mark_sent(
            connection, made, number=number, sent=world.day(ago), by=by, now_ns=now_ns
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A proposal about a facility that does not install: days before today of each step."""

    at: int
    reminded: tuple[int, int]
    asked: int
    explain_by: int
    explained: int | None = None
    proposed: int | None = None
    decided: int | None = None


CASES: Final = (
    Case(SILENT, (20, 15), 13, 8, explained=9, proposed=6, decided=2),
    Case(REFUSING, (16, 11), 9, 4, explained=5, proposed=3),
    Case(WAITED_FOR, (12, 7), 4, -3),
)
"""One is decided, one waits for the leader, one facility still has time to explain itself."""


def proposed(connection: Connection, world: World, sites: Sequence[str]) -> None:
    """Measures that are proposed about facilities without cameras."""
    for number, case in enumerate(CASES, 1):
        _propose(connection, world, sites[case.at], case, number)


def _propose(connection: Connection, world: World, site_id: str, case: Case, number: int) -> None:
    by, body = world.who["so-y-te"], world.names["so-y-te"]
    what = "lắp đặt, kết nối camera giám sát theo văn bản chỉ đạo"
    for step, (level, ago) in enumerate(zip(("facility", "local"), case.reminded, strict=True)):
        sent = (world.day(ago + 3), ago, f"{40 + 10 * number + step}/SYT-NVY")
        _remind(connection, world, site_id, f"site:{site_id}", level, what, sent)
    made, _ = sanctions.ask(
        connection, site_id, "not_installing", body=body, explain_by=world.day(case.explain_by),
        placement=world.placement, by=by, now_ns=world.ago(case.asked),
    )  # fmt: skip
    if case.explained is not None:
        sanctions.explain(
            connection, made, said="Cơ sở đang thay chủ đầu tư, chưa có kinh phí lắp đặt.",
            person="Người phụ trách cơ sở (giả định)", came="paper", by=by,
            now_ns=world.ago(case.explained),
        )  # fmt: skip
    leader = world.names["ubnd-tinh"]
    if case.proposed is not None:
        sanctions.propose(
            connection, made, measure="Tạm dừng tiếp nhận người mới đến khi lắp xong camera.",
            reason="Đã đôn đốc hai lần, chưa lắp đặt.", to=leader, by=by,
            now_ns=world.ago(case.proposed),
        )  # fmt: skip
    if case.decided is not None:
        said = Decision(
            "eased", "Cho thêm 20 ngày; quá hạn thì tạm dừng tiếp nhận.", leader,
            "Lãnh đạo UBND tỉnh (giả định)", "45/UBND-VX", world.day(case.decided),
        )  # fmt: skip
        sanctions.decide(
            connection, made, said, by=world.who["ubnd-tinh"], now_ns=world.ago(case.decided)
        )
