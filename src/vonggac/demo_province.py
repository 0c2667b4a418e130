"""The demo's invented province: 30 facilities in all states of the chain, and an account a body.

    python -m vonggac.demo_province FOLDER PROFILE

A process of its own, which the demo starts when its pages stand: it writes into the same database,
a facility at a time, so that nobody waits for it.  The password comes in PASSWORD.  Everything here
is invented; where the profile of 2021 names a day, it is the day of the letters, long past.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac import demo_chain, demo_papers
from vonggac.clock import NS, SystemClock
from vonggac.db import Database, sqlite_url, tables
from vonggac.demo import PROFILES
from vonggac.demo_chain import World
from vonggac.domain import (
    accounts,
    campaigns,
    costs,
    directives,
    estimate,
    estimates,
    guide,
    issuers,
    legal,
    plans,
    register,
    registry,
    roles,
    rules,
    survey_verdicts,
    surveys,
    tasks,
    units,
)
from vonggac.domain.exports import Someone
from vonggac.domain.survey_forms import Said, SaidCamera
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection

FACILITIES: Final = 30
PROVINCE: Final = "Tỉnh Mường Hoa (giả định)"
ENTERED_DAYS: Final = 30
"""Days before the demo at which register, survey and plans were entered (ours)."""
SOURCE: Final = "dữ liệu minh họa của phần mềm"
CODE: Final = "mh-{:02}"
"""Code of each facility; the first is how a second start sees that the province stands."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body of the letters: its account, its role, what it is called then and today."""

    account: str
    role: str
    then: str
    now: str
    line: str | None = None

    def name(self, profile: str) -> str:
        """As it is called in a profile."""
        return self.then if profile == "2021" else self.now


BODIES: Final = (
    Body("ubnd-tinh", "leader", "Ủy ban nhân dân tỉnh", "Ủy ban nhân dân tỉnh"),
    Body("so-chu-tri", "surveyor", "Sở Thông tin và Truyền thông", "Sở Khoa học và Công nghệ"),
    Body("so-y-te", "health_inspector", "Sở Y tế", "Sở Y tế"),
    Body("so-tai-chinh", "finance_appraiser", "Sở Tài chính", "Sở Tài chính"),
    Body("so-du-lich", "owning_body", "Sở Du lịch", "Sở Văn hóa, Thể thao và Du lịch",
         "paid_hotel"),
    Body("bo-chqs", "military_command", "Bộ Chỉ huy Quân sự tỉnh", "Bộ Chỉ huy Quân sự tỉnh",
         "military"),
    Body("ubnd-co-so", "committee", "UBND huyện Thượng Mường", "UBND xã Thượng Mường"),
    Body("van-phong", "office", "Văn phòng UBND tỉnh", "Văn phòng UBND tỉnh"),
    Body("van-thu", "records_clerk", "Văn thư UBND tỉnh", "Văn thư UBND tỉnh"),
    Body("co-so", "site_duty", "Cơ sở MH-01", "Cơ sở MH-01"),
    Body("doanh-nghiep", "enterprise", "Doanh nghiệp được chỉ định", "Doanh nghiệp được chỉ định"),
)  # fmt: skip
"""The nine bodies of the letters, with the office and the records clerk that papers need."""
OF_BODIES: Final = (
    "surveyor", "health_inspector", "finance_appraiser", "owning_body", "military_command",
    "office",
)  # fmt: skip
"""Roles that are held on behalf of a body of the province."""
AREAS: Final = ("Thượng Mường", "Hạ Mường", "Nậm Thia", "Bản Vàng", "Đồi Sim")
LINES: Final = ("civil", "paid_hotel", "civil", "military", "civil")
KINDS: Final[Mapping[str, str]] = {
    "civil": "Trường dân tộc nội trú {area} {n}",
    "paid_hotel": "Khách sạn Hoa Ban {area} {n}",
    "military": "Doanh trại {area} {n}",
}
REASONS: Final = ("camera quá cũ", "đang thay chủ đầu tư", "không cử được đầu mối")


class Stage:
    """How far a facility got; each takes in those before it."""

    (
        REFUSES,
        ASKED,
        ANSWERED,
        UNFIT,
        FIT,
        PLANNED,
        DRAFTED,
        SUBMITTED,
        APPRAISED,
        APPROVED,
        BUILT,
    ) = range(11)


STAGES: Final = (
    Stage.BUILT, Stage.BUILT, Stage.BUILT, Stage.BUILT, Stage.APPROVED, Stage.APPRAISED,
    Stage.APPRAISED, Stage.SUBMITTED, Stage.SUBMITTED, Stage.SUBMITTED, Stage.DRAFTED,
    Stage.DRAFTED, Stage.PLANNED, Stage.PLANNED, Stage.PLANNED, Stage.FIT, Stage.FIT, Stage.FIT,
    Stage.UNFIT, Stage.UNFIT, Stage.UNFIT, Stage.ANSWERED, Stage.ANSWERED, Stage.ANSWERED,
    Stage.ANSWERED, Stage.ASKED, Stage.ASKED, Stage.ASKED, Stage.REFUSES, Stage.REFUSES,
)  # fmt: skip
"""Of each facility, in the order of their codes."""


SURVEYED: Final = 7
"""Places with a camera where some are lacking; what is built gets the others."""
SENT_BACK: Final = 9
"""The facility whose estimate the finance department sent back, by its place."""
LATER: Final = (
    ("allocated", "so-tai-chinh", "51/QĐ-UBND", 3), ("procured", "ubnd-co-so", "52/QĐ-UBND", 5),
    ("contracted", "ubnd-co-so", "07/HĐ", 7), ("accepted", "ubnd-co-so", "09/BB-NT", 27),
    ("settled", "so-tai-chinh", "61/QT-STC", 29),
)  # fmt: skip
"""Steps after approval: who enters them by which paper, days after the plan."""
REACHED: Final = ("settled", "contracted", "procured", "allocated")
"""The last step of each built facility."""


def load(database: Database, *, profile: str, password: str, now_ns: int) -> int:
    """Load the province, once; returns how many facilities were not there.

    Args:
        database: the demo's, in use by the hub.
        profile: 2021 or 2026.
        password: of every account.
        now_ns: UTC now.
    """
    with database.writing() as connection:
        taken = sa.select(tables.site.c.id).where(tables.site.c.name == CODE.format(1))
        if connection.execute(taken).first() is not None:
            return 0
        world = _begin(connection, profile, now_ns)
    with database.writing() as connection:
        sites = [_facility(connection, world, at) for at in range(FACILITIES)]
    world = _order(database, world, profile)
    for at, site_id in enumerate(sites):
        with database.writing() as connection:
            _carry(connection, world, at, site_id)
    with database.writing() as connection:
        _people(connection, world, sites, password)
    for at in range(STAGES.count(Stage.BUILT)):
        with database.writing() as connection:
            demo_chain.recorded(connection, world, at, sites[at])
            demo_chain.accepted(connection, world, at, sites[at])
    for happens in (demo_chain.inspected, demo_chain.urged, demo_chain.proposed):
        with database.writing() as connection:
            happens(connection, world, sites)
    demo_papers.written(database, world, sites)
    return len(sites)


def _begin(connection: Connection, profile: str, now_ns: int) -> World:
    """The province with its areas and bodies, and the accounts' names."""
    today, then_ns = legal.day_of(now_ns), now_ns - ENTERED_DAYS * 86_400 * NS
    since = date(2021, 1, 1) if profile == "2021" else date(2025, 7, 1)
    country = connection.execute(
        sa.select(tables.unit.c.id).where(tables.unit.c.kind == "country")
        .order_by(tables.unit.c.valid_from.desc())
    ).scalars().first()  # fmt: skip

    def unit(parent: str | None, kind: str, code: str, vi: str) -> str:
        return units.add_unit(
            connection, parent_id=parent, kind=kind, code=code, vi=vi, en=vi, valid_from=since,
            source=SOURCE,
        )  # fmt: skip

    province = unit(country, "province", "MH", PROVINCE)
    below = ("commune", "Xã") if profile == "2026" else ("district", "Huyện")
    areas = tuple(
        unit(province, below[0], f"MH-{at}", f"{below[1]} {name} (giả định)")
        for at, name in enumerate(AREAS, 1)
    )
    bodies = {
        one.account: unit(province, "body", f"MH-{one.account}",
                          f"{one.name(profile)} {issuers.bare(PROVINCE)}")
        for one in BODIES if one.role in OF_BODIES
    }  # fmt: skip
    who = {}
    for body in BODIES:
        account_id, _ = accounts.create(
            connection, name=body.account, full_name=f"{body.name(profile)} (giả định)",
            now_ns=now_ns,
        )  # fmt: skip
        who[body.account] = Someone(account_id, body.account, f"{body.name(profile)} (giả định)")
    placement = rules.placement(date(2021, 6, 1) if profile == "2021" else today)
    names = {body.account: body.name(profile) for body in BODIES}
    return World(
        today, now_ns, legal.day_of(then_ns), then_ns, placement, province, areas, who, names,
        bodies,
    )  # fmt: skip


def _facility(connection: Connection, world: World, at: int) -> str:
    """A facility with its contact; every seventh has none yet."""
    line, area = LINES[at % len(LINES)], at % len(AREAS)
    site_id = new_id()
    draft = register.Draft(
        name=CODE.format(at + 1),
        title=KINDS[line].format(area=AREAS[area], n=at + 1) + " (giả định)",
        address=f"Số {at + 1}, {AREAS[area]} (địa chỉ giả định)",
        unit_id=world.areas[area],
        owner_line=line,
        capacity=60 + 10 * (at % 9),
        rooms=20 + 4 * (at % 7),
        floors=2 + at % 3,
        opened_on=world.today - timedelta(days=40 + at),
    )
    register.add(connection, draft, site_id=site_id, by="so-chu-tri", now_ns=world.then_ns)
    if at % 7:
        contact = register.Contact(
            "contact", f"Đầu mối {draft.name.upper()}", "Quản lý cơ sở", phone=f"0200 000 1{at:02}",
            email=f"{draft.name}@co-so.test",
            verified_day=world.today - timedelta(days=at * 5),
        )  # fmt: skip
        register.set_contact(connection, site_id, contact, by="so-chu-tri", now_ns=world.then_ns)
    return site_id


def _order(database: Database, world: World, profile: str) -> World:
    """The order with the deadline of the profile, its clauses, and the survey campaign."""
    due = date(2021, 6, 11) if profile == "2021" else world.today + timedelta(days=12)
    said = "trước 12/6/2021" if profile == "2021" else f"trước hết ngày {due:%d/%m/%Y}"
    names, by = world.names, world.who["van-thu"]
    with database.writing() as connection:
        draft = directives.Draft(
            "01/UBND-VX", min(due - timedelta(days=20), world.then), PROVINCE,
            "lắp đặt, kết nối camera giám sát tại các cơ sở cách ly tập trung (văn bản giả định)",
            "KHẨN",
            (directives.CitationDraft("4403/CV-BCĐ", date(2021, 5, 30), "Ban Chỉ đạo quốc gia",
                                      due_said="trước 12/6"),),
        )  # fmt: skip
        made = directives.register(
            connection, draft, unit_id=world.province, by=by, now_ns=world.then_ns
        )
        lead, health, money = names["so-chu-tri"], names["so-y-te"], names["so-tai-chinh"]
        for number, text, leads, owed in (
            ("1", "Khảo sát, đánh giá hiện trạng; hướng dẫn lắp đặt, kết nối.", (lead,), "Báo cáo"),
            ("2", "Lắp đặt camera tại cơ sở thuộc thẩm quyền; lập dự toán.",
             (names["bo-chqs"], names["ubnd-co-so"], names["so-du-lich"]), "Dự toán"),
            ("3", "Đôn đốc, kiểm tra giám sát liên tục; đề xuất xử lý.", (health,), "Báo cáo"),
            ("4", "Thẩm định dự toán, bảo đảm kinh phí.", (money,), "Báo cáo thẩm định"),
        ):  # fmt: skip
            clause = directives.ClauseDraft(number, text, leads, (), owed, said)
            directives.assign(connection, made, clause, by=by, now_ns=world.then_ns)
        sites = connection.execute(
            sa.select(tables.site.c.id).where(tables.site.c.unit_id.in_(world.areas))
        ).scalars()
        campaign = campaigns.begin(
            connection,
            campaigns.Draft(
                "Khảo sát camera các cơ sở cách ly (giả định)",
                world.today - timedelta(days=2), directive_id=made, clause="1",
                unit_id=world.province,
            ),
            list(sites), by=world.who["so-chu-tri"], now_ns=world.then_ns,
        )  # fmt: skip
    return replace(world, campaign=campaign.id, directive=made)


def _carry(connection: Connection, world: World, at: int, site_id: str) -> None:
    """Carry a facility as far as its stage says."""
    stage = STAGES[at]
    survey = next(
        one for one in surveys.state(connection, [site_id]).values() if one.site_id == site_id
    )
    lead = world.who["so-chu-tri"]
    if stage == Stage.REFUSES:
        surveys.refuse(
            connection, survey.id, person="Người phụ trách cơ sở", reason=REASONS[at % 3], by=lead,
            now_ns=world.then_ns,
        )  # fmt: skip
    if stage < Stage.ANSWERED:
        return
    _surveyed(connection, world, at, survey.id, verified=stage > Stage.ANSWERED)
    if stage > Stage.UNFIT:
        _cameras(connection, world, at, site_id, last=_there(at))
    if stage >= Stage.PLANNED:
        _planned(connection, world, at, site_id)


def _surveyed(
    connection: Connection, world: World, at: int, survey_id: str, *, verified: bool
) -> None:
    lead, unfit = world.who["so-chu-tri"], STAGES[at] == Stage.UNFIT
    said = Said(
        person={"name": f"Đầu mối MH-{at + 1:02}", "phone": f"0200 000 1{at:02}"},
        contact={"name": f"Đầu mối MH-{at + 1:02}", "phone": f"0200 000 1{at:02}"},
        premises={"fence": "whole", "power": "steady", "guard": "day_night",
                  "line": "down" if unfit else "up"},
        cameras=tuple(
            SaidCamera(
                n, zone.code, f"{zone.name.vi}, máy {n + 1}",
                facts={"state": "dead" if unfit and n else "works", "kind": "ip",
                       "lines": "1080", "fps": "15", "password": "no" if unfit else "yes",
                       "cloud": "no"},
            )
            for n, zone in enumerate(world.placement.zones[: 3 if unfit else _there(at)])
        ),
    )  # fmt: skip
    made = surveys.answer(
        connection, survey_id, said, client_id=new_id(), pictures=(), link=None,
        placement=world.placement, actor=lead.actor, full_name=lead.full_name, now_ns=world.then_ns,
    )  # fmt: skip
    if verified:
        judged = survey_verdicts.judge(said, surveys.facts(connection, survey_id), world.placement)
        surveys.verify(
            connection, survey_id, made.version, judged, written=(), by=lead, now_ns=world.then_ns
        )


def _cameras(
    connection: Connection, world: World, at: int, site_id: str, first: int = 0,
    last: int | None = None,
) -> None:  # fmt: skip
    """Cameras of places, in the order of the rule; nothing records them: they are invented."""
    drafts = [
        (site_id, registry.Draft(
            f"{zone.code.lower()}-{n}", f"{zone.name.vi} {n}", zone.code,
            f"rtsp://192.0.2.{10 + at}:{8554 + n}/main",
        ))
        for n, zone in enumerate(world.placement.zones[first:last], first + 1)
    ]  # fmt: skip
    registry.register_many(connection, drafts, placement=world.placement, now_ns=world.then_ns)


def _there(at: int) -> int | None:
    """How many places had a camera at the survey: all where it found them enough, else seven."""
    return None if STAGES[at] == Stage.FIT else SURVEYED


def _planned(connection: Connection, world: World, at: int, site_id: str) -> None:
    """A plan that the parties agree to, its estimate up to the stage, then the tasks."""
    stage, line = STAGES[at], estimates.owner_line(connection, site_id)
    maker = world.who["ubnd-co-so"]
    plan = plans.make(
        connection, site_id, how="buy", months=6, placement=world.placement, by=maker,
        now_ns=world.then_ns,
    )  # fmt: skip
    if stage == Stage.PLANNED:
        return
    for party in costs.parties_of(line):
        plans.agree(
            connection, plan.id, party=party.code, person="Người được giao (giả định)", document="",
            agreed_date=world.then, line=line, today=world.then, by=maker, now_ns=world.then_ns,
        )  # fmt: skip
    made = estimates.from_plan(
        connection, plan.id, title="Camera giám sát (giả định)", on=world.then, by=maker,
        now_ns=world.then_ns,
    )  # fmt: skip
    for needed, code, account, number in (
        (Stage.SUBMITTED, "submitted", "ubnd-co-so", "05/TTr-UBND"),
        (Stage.APPRAISED, "appraised", "so-tai-chinh", "12/BC-STC"),
        (Stage.APPROVED, "approved", "ubnd-tinh", "33/QĐ-UBND"),
    ):
        if stage >= needed and code in {one.code for one in costs.chain(line)}:
            entry = estimate.Entry(code, number, world.then)
            estimates.enter_step(
                connection, made.id, entry, today=world.then, by=world.who[account],
                now_ns=world.then_ns,
            )  # fmt: skip
    if at == SENT_BACK:
        estimates.send_back(
            connection, made.id, why="thiếu báo giá của dòng camera ngoài trời",
            by=world.who["so-tai-chinh"], now_ns=world.then_ns + 2 * 86_400 * NS,
        )  # fmt: skip
    if stage == Stage.BUILT:
        _spent(connection, world, at, made.id, line)
        _cameras(connection, world, at, site_id, first=SURVEYED)
        _built(connection, world, at, f"plan:{plan.id}", site_id)


def _spent(connection: Connection, world: World, at: int, estimate_id: str, line: str) -> None:
    """The steps after approval, up to the facility's last one; its contract is a little cheaper."""
    every, it = estimates.lines(connection, estimate_id), estimates.find(connection, estimate_id)
    approved = estimate.totals_of(every, "approved", it.contingency)
    assert approved is not None, "what is built was approved"
    for code, account, number, days in LATER:
        if code in {one.code for one in costs.chain(line)}:
            amount = approved.total if code == "allocated" else approved.total * 97 // 100
            day = world.then + timedelta(days=days)
            entry = estimate.Entry(
                code, number, day, amount if code in estimate.MONEY_STEPS else None
            )
            estimates.enter_step(
                connection, estimate_id, entry, today=day, by=world.who[account],
                now_ns=world.then_ns + days * 86_400 * NS,
            )  # fmt: skip
        if code == REACHED[at]:
            return


def _built(connection: Connection, world: World, at: int, about: str, site_id: str) -> None:
    """Tasks of the plan: the first done, or late where the facility has an odd place."""
    first = -4 if at % 2 else 2
    opened = [
        tasks.open_task(
            connection, site_id=site_id, unit_id=None, body=world.who["doanh-nghiep"].full_name,
            what=what, due=world.today + timedelta(days=days), about=about,
            directive_id=world.directive, by=world.who["ubnd-co-so"], now_ns=world.then_ns,
        )
        for what, days in (
            ("Lắp camera hành lang", first), ("Kéo đường truyền", 5), ("Bàn giao", 9)
        )
    ]  # fmt: skip
    enterprise = world.who["doanh-nghiep"]
    done = ("doing",) if first < 0 else ("doing", "done")
    for task_id, states in zip(opened, (done, ("doing",)), strict=False):
        for state in states:
            # The last step of some is of today: the page of the day says what was done.
            moment = world.now_ns if state == "done" else world.then_ns
            tasks.step(connection, task_id, state, "theo phương án", by=enterprise, now_ns=moment)
    if first < 0:
        tasks.ask_extension(
            connection, opened[1], reason="chờ nhà mạng kéo cáp", by=enterprise,
            new_due=world.today + timedelta(days=12), now_ns=world.ago(1),
        )  # fmt: skip


def _people(connection: Connection, world: World, sites: list[str], password: str) -> None:
    """Passwords and roles of the bodies, a receipt that waits, a training session."""
    giver = roles.whoever_holds_the_machine(world.now_ns)
    hashed = accounts.hashed(password)
    for body in BODIES:
        account_id = world.who[body.account].account_id
        accounts.set_password(connection, account_id, hashed, now_ns=world.now_ns)
        narrow = body.role in ("site_duty", "enterprise")
        unit = world.areas[0] if body.role == "committee" else world.province
        draft = roles.Draft(
            role=body.role, reason="tài khoản minh họa", unit=None if narrow else unit,
            body=world.bodies.get(body.account),
            line=body.line, sites=tuple(sites[:1] if body.role == "site_duty" else sites[:12])  # type: ignore[arg-type]
            if narrow else (),
            to_ns=world.now_ns + 90 * 86_400 * NS if body.role == "enterprise" else None,
        )  # fmt: skip
        roles.give(connection, giver, account_id, draft, now_ns=world.now_ns)
    lead = world.who["so-chu-tri"]
    guide.ask(connection, sites[0], "Cổng phụ có cần camera riêng không?",
              by=world.who["co-so"], now_ns=world.now_ns)  # fmt: skip
    guide.hold_training(
        connection, unit_id=world.province, title="Sử dụng hệ thống camera (giả định)",
        for_whom="cán bộ trực các cơ sở", held_day=world.today, people=42, by=lead,
        now_ns=world.now_ns,
    )  # fmt: skip


def main() -> int:
    """Load into the folder of a demo that runs."""
    folder, profile = Path(sys.argv[1]), sys.argv[2]
    if profile not in PROFILES:
        sys.stderr.write(f"profile: one of {', '.join(PROFILES)}\n")
        return 2
    database = Database(sqlite_url(folder / "hub.sqlite"))
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    try:
        count = load(
            database, profile=profile, password=os.environ["PASSWORD"],
            now_ns=clock.wall_ns(),
        )  # fmt: skip
    finally:
        database.close()
    if count:
        sys.stderr.write(f"  {count} cơ sở giả định / invented facilities: "
                         f"{(clock.monotonic_ns() - began_ns) / NS:.1f} s\n")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
