"""Papers for the authorities: their words come from the installation, and change with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy as sa

from hub_stage import NOW_NS, PASSWORD, SITE_ID, seed
from vonggac.clock import NS
from vonggac.config import (
    AuditConfig,
    BusConfig,
    CameraConfig,
    PowerConfig,
    RetentionConfig,
    SignInConfig,
    StreamConfig,
    WebConfig,
)
from vonggac.db import compliance, tables
from vonggac.domain import (
    accounts,
    annexes,
    audit,
    exports,
    guide,
    legal,
    registry,
    roles,
    settings,
)
from vonggac.domain.annexes import law, measures
from vonggac.domain.annexes.sheet import DEFAULT, NONE, UNCHECKED
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vonggac.config import Config
    from vonggac.db import Database
    from vonggac.domain.annexes import Annex, Kind


class House:
    """A facility with nine cameras in six zones, and its configuration."""

    def __init__(self, database: Database, config: Config) -> None:
        self.database = database
        self.config = config

    def set(self, **sections: Any) -> None:
        self.config = msgspec.structs.replace(self.config, **sections)

    def facts(self) -> annexes.Facts:
        with self.database.reading() as connection:
            return annexes.gather(connection, self.config, now_ns=NOW_NS)

    def paper(self, kind: Kind) -> Annex:
        return annexes.annex(kind, self.facts())

    def finding(self, name: str) -> measures.Finding:
        return next(one for one in measures.findings(self.facts()) if one.measure.id == name)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, seed(database, tmp_path))


@pytest.fixture
def lite(sqlite: Database, tmp_path: Path) -> House:
    return House(sqlite, seed(sqlite, tmp_path))


def words(paper: Annex) -> Iterator[str]:
    """Every word of a paper: what it says, its cells and their marks."""
    for part in paper.parts:
        yield part.title
        yield from part.says
        for table in part.tables:
            yield from (table.caption, *table.head)
            for row in table.rows:
                for cell in row:
                    yield from (cell.text, *cell.marks)


def rows_of(paper: Annex, title: str, at: int = 0) -> dict[str, list[str]]:
    """Rows of a part's table by their first cell, marks behind the words."""
    part = next(part for part in paper.parts if part.title == title)
    return {
        row[0].text: [" ".join((cell.text, *cell.marks)) for cell in row[1:]]
        for row in part.tables[at].rows
    }


@pytest.mark.parametrize("kind", annexes.KINDS)
def test_every_paper_is_made_on_both_engines_and_says_when_and_by_what(
    house: House, kind: Kind
) -> None:
    """Equal facts make equal papers, so that two of them can be held against each other."""
    paper = house.paper(kind)

    assert paper == house.paper(kind)
    assert (paper.agency, paper.above, paper.made) == ("KS Mường Hoa", "", "18/11/2026 14:32")
    assert "0.1.0" in paper.notes[0]
    assert "KS Mường Hoa" in set(words(paper)) or kind == "level"
    assert not [word for word in words(paper) if "None" in word or "{" in word]


def test_counts_are_those_of_the_database(house: House) -> None:
    """Cameras by zone, sound, days, people: asked from the tables once more, by other questions."""
    with house.database.writing() as connection:
        connection.execute(
            tables.camera.update().where(tables.camera.c.name == "cg-1").values(audio=True)
        )
        connection.execute(tables.site.update().values(retention_days=17))
        connection.execute(
            tables.camera.update().where(tables.camera.c.name == "hl-2a").values(origin="page")
        )
        registry.retire_camera(connection, "hl-2a", reason="hỏng", now_ns=NOW_NS)
    with house.database.reading() as connection:
        counted = dict(
            connection.execute(
                sa.select(tables.camera.c.zone, sa.func.count())
                .where(tables.camera.c.retired_ns.is_(None))
                .group_by(tables.camera.c.zone)
            ).all()
        )
    paper = house.paper("dataflow")
    zones = rows_of(paper, "Phạm vi", 1)

    assert counted["HL"] == 3
    assert zones["Hành lang, ngoài cửa phòng"] == ["3", NONE]
    assert zones["Cổng ra vào"] == ["1", "1"]
    assert sum(int(row[0]) for row in zones.values()) == sum(counted.values()) == 8
    assert rows_of(paper, "Phạm vi")["KS Mường Hoa"][-1] == "8"
    assert rows_of(paper, "Nơi lưu và thời hạn lưu")["Bản ghi hình, KS Mường Hoa"][1] == (
        "17 ngày, tự xóa"
    )
    assert rows_of(house.paper("dpia"), "Dữ liệu cá nhân được xử lý")["Âm thanh, tiếng nói"][1] == (
        "có: 1 camera"
    )


def test_a_default_is_called_so_until_somebody_chooses(lite: House) -> None:
    """Thirty days that nobody chose are no official figure."""
    title = "Nơi lưu và thời hạn lưu"
    before = rows_of(lite.paper("dataflow"), title)
    lite.set(audit=AuditConfig(keep_days=500))
    with lite.database.writing() as connection:
        connection.execute(tables.site.update().values(retention_days=45))
    after = rows_of(lite.paper("dataflow"), title)

    usual = RetentionConfig().days
    assert before["Bản ghi hình, KS Mường Hoa"][1] == f"{usual} ngày, tự xóa {DEFAULT}"
    assert after["Bản ghi hình, KS Mường Hoa"][1] == "45 ngày, tự xóa"
    assert before["Nhật ký truy cập"][1] == f"366 ngày, tự xóa {DEFAULT}"
    assert after["Nhật ký truy cập"][1] == "500 ngày, tự xóa"


def test_what_is_absent_is_said_to_be_absent(lite: House) -> None:
    """A paper that claims a backup which nobody makes is worse than none."""
    level, dataflow = lite.paper("level"), lite.paper("dataflow")
    missing = {row[1].text for row in level.parts[4].tables[0].rows}

    assert lite.finding("backup").state == "none"
    assert NONE in lite.finding("backup").how
    assert "Sao lưu tự động theo quy tắc 3-2-1" in missing
    assert rows_of(dataflow, "Nơi lưu và thời hạn lưu")["Bản sao lưu"] == [
        NONE, f"sao lưu của phần mềm: {NONE}",
    ]  # fmt: skip
    assert "mã hóa bản ghi bởi phần mềm: không có" in " ".join(words(lite.paper("dpia")))


def test_second_hand_law_is_marked_until_its_text_is_attached(lite: House) -> None:
    """And the mark goes when somebody attached it, on every line that leans on it."""
    by = exports.Someone("1" * 26, "admin")
    before = list(words(lite.paper("level")))
    with lite.database.writing() as connection:
        for code in ("nd-331-2026", "luat-116-2025", "tcvn-14423-2026"):
            legal.attach(
                connection, code, file_name="van-ban.pdf", content=b"%PDF-1.7 van ban", note="",
                by=by, now_ns=NOW_NS,
            )  # fmt: skip
    after = list(words(lite.paper("level")))

    assert before.count(UNCHECKED) == len(law.measures()) + len(law.levels()) + 3
    assert after.count(UNCHECKED) == 0


def test_every_measure_of_the_rules_is_read_and_no_other() -> None:
    """A line of the rules that nothing reads would have to be guessed."""
    assert list(measures.ASK) == [one.id for one in law.measures()]


def test_a_change_of_the_configuration_changes_the_states(lite: House) -> None:
    """Each setting that a measure leans on, loosened: no longer met."""
    names = ("idle_accounts", "password", "administrator_password", "lockout", "audit_kept")
    before = {name: lite.finding(name).state for name in names}
    lite.set(
        sign_in=SignInConfig(
            idle_days=0, min_length=10, administrator_password_days=0, tries=10, lock_s=30
        )
    )
    after = {name: lite.finding(name).state for name in names}

    assert set(before.values()) == {"met"}
    assert after == {
        "idle_accounts": "none", "password": "none", "administrator_password": "none",
        "lockout": "partly", "audit_kept": "met",
    }  # fmt: skip
    assert lite.finding("lockout").how == "khóa 30 giây sau 10 lần sai trong 900 giây"


def test_the_days_of_the_access_log_say_which_document_sets_them(lite: House) -> None:
    """Ours until a document replaces it; then document, page and point stand under the days."""
    ours = lite.finding("audit_kept")
    draft = guide.BasisDraft("12/HD-BCĐ", "4", "2b", value=400)
    with lite.database.writing() as connection:
        guide.tie(connection, "audit_days", draft, by=Someone("a1", "admin"), now_ns=NOW_NS)
    said = lite.finding("audit_kept")
    paper = rows_of(lite.paper("dataflow"), "Nơi lưu và thời hạn lưu")["Nhật ký truy cập"][1]

    assert ours.marks == (guide.OURS.vi,)
    assert (said.how, said.marks) == ("lưu 400 ngày", ("12/HD-BCĐ, trang 4, điểm 2b",))
    assert "trang 4, điểm 2b" in paper


def test_an_open_door_is_not_called_encrypted(lite: House) -> None:
    """Loopback needs no TLS; an address of the network does, and cameras speak RTSP."""
    inside = lite.finding("tls")
    lite.set(web=WebConfig(host="0.0.0.0", port=80), bus=BusConfig(host="192.0.2.1"))
    outside = lite.finding("tls")
    doors = rows_of(lite.paper("dataflow"), "Cổng lắng nghe và mã hóa")

    assert (inside.state, outside.state) == ("partly", "none")
    assert "9 camera đọc qua RTSP không mã hóa" in inside.how
    assert doors["trang web và API"] == ["0.0.0.0:80", "không mã hóa"]
    assert doors["bus, cho thiết bị ghi"] == ["192.0.2.1:tự chọn", "không mã hóa"]


def test_tls_that_is_switched_on_is_told_door_by_door(lite: House) -> None:
    """With it the bus speaks TLS too; the door that only sends on is no gap."""
    lite.set(
        web=WebConfig(host="0.0.0.0", port=443, tls="private-ca", redirect_port=80),
        bus=BusConfig(host="192.0.2.1"),
    )
    found = lite.finding("tls")
    doors = rows_of(lite.paper("dataflow"), "Cổng lắng nghe và mã hóa")

    assert found.state == "partly", "the cameras still speak RTSP"
    assert doors == {
        "trang web và API": ["0.0.0.0:443", "TLS"],
        "bus, cho thiết bị ghi": ["192.0.2.1:tự chọn", "TLS"],
        "bus, WebSocket cho trình duyệt": ["0.0.0.0:tự chọn", "TLS"],
        "HTTP, chỉ chuyển sang HTTPS": ["0.0.0.0:80", "không mã hóa"],
    }
    with lite.database.writing() as connection:
        connection.execute(
            tables.camera.update().values(
                main_url=sa.func.replace(tables.camera.c.main_url, "rtsp://", "rtsps://")
            )
        )
    secured = lite.finding("tls")
    assert (secured.state, "chứng thư của camera không được kiểm tra" in secured.how) == (
        "partly", True,
    )  # fmt: skip
    with lite.database.writing() as connection:
        connection.execute(tables.camera.update().values(retired_ns=NOW_NS))
    assert lite.finding("tls").state == "met"


def test_a_proxy_is_told_of_only_where_the_program_has_no_tls_of_its_own(lite: House) -> None:
    """An https address is the program's own when `web.tls` is on: no machine stands between."""
    said = "máy chủ trung gian"
    lite.set(web=WebConfig(host="0.0.0.0", port=443, public_url="https://a.test", tls="private-ca"))
    own = lite.finding("tls")
    lite.set(web=WebConfig(host="0.0.0.0", port=80, public_url="https://a.test"))
    between = lite.finding("tls")

    assert (said in own.how, said in between.how) == (False, True)
    assert (own.state, between.state) == ("partly", "none")


def test_roles_are_counted_by_people_who_hold_them_now(lite: House) -> None:
    """Not by rows: who holds a role twice is one person, who left is none."""
    with lite.database.writing() as connection:
        giver = roles.whoever_holds_the_machine(NOW_NS)
        for name in ("an", "binh", "chi"):
            made, _ = accounts.create(
                connection, name=name, full_name=f"Người {name}", now_ns=NOW_NS - NS
            )
            for _ in range(2):
                roles.give(
                    connection, giver, made,
                    roles.Draft("site_duty", "phân công", sites=(SITE_ID,)), now_ns=NOW_NS - NS,
                )  # fmt: skip
            if name == "chi":
                accounts.disable(connection, made, why="administrator", now_ns=NOW_NS - NS)
    held = rows_of(lite.paper("dataflow"), "Ai được xem, lấy hình")

    assert held["Cán bộ trực tại cơ sở"][0] == "2"
    assert "xem trực tiếp" in held["Cán bộ trực tại cơ sở"][1]
    assert lite.facts().people.open == 3
    assert lite.facts().people.closed == 1
    assert lite.finding("named_accounts").state == "partly", "the first account has no name"


def test_review_second_factor_and_passwords_in_addresses_are_seen(lite: House) -> None:
    """What changes in the database or in a file shows in the states."""
    review = lite.finding("access_review").state
    with lite.database.writing() as connection:
        settings.note_review(connection, "admin", now_ns=NOW_NS - 40 * 86_400 * NS)
        audit.record(
            connection, audit.Actor("admin"), audit.Act.REVIEW, now_ns=NOW_NS, thing="review.xlsx"
        )
    camera = CameraConfig(name="x", main=StreamConfig(url="rtsp://u:bi-mat@192.0.2.1/main"))
    lite.set(cameras=(camera,), sign_in=SignInConfig(second_factor="everyone"))

    assert (review, lite.finding("access_review").state) == ("partly", "met")
    assert lite.finding("second_factor").how.startswith("bắt buộc với mọi người; 0 trên 1")
    assert lite.finding("no_secrets").state == "none"
    assert lite.finding("audit").how.startswith("1 dòng, dòng đầu: 18/11/2026")


def test_signs_requests_incidents_and_views_are_counted(lite: House) -> None:
    """What other pages keep is printed here as it stands."""
    rights = "Quyền của người bị ghi hình"
    before = rows_of(lite.paper("dpia"), rights)
    with lite.database.writing() as connection:
        insert = compliance.notice.insert().values(
            site_id=SITE_ID, public_id="x", operator="Trung tâm A", contact="0123",
            purpose="an ninh", updated_ns=NOW_NS, updated_by="admin",
        )  # fmt: skip
        connection.execute(insert)
        connection.execute(
            compliance.incident.insert().values(
                id="1", site_id=SITE_ID, kind="security", serious=True, title="mất đĩa", said="",
                found_ns=NOW_NS, opened_ns=NOW_NS, opened_by="admin",
            )
        )  # fmt: skip
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        for number, purpose in enumerate(("watch", "incident: 12/CV", "watch")):
            connection.execute(
                tables.viewing.insert().values(
                    id=str(number), account_id=account, site_id=SITE_ID, cameras=[],
                    purpose=purpose, began_ns=NOW_NS - NS, until_ns=NOW_NS,
                )
            )  # fmt: skip
    paper = lite.paper("dpia")
    after = rows_of(paper, rights)

    assert before["Được biết là bị ghi hình"] == [f"biển báo trong phần mềm: {NONE}"]
    assert after["Được biết là bị ghi hình"] == ["biển báo trong phần mềm: 1 cơ sở"]
    assert before["Được báo khi lộ dữ liệu"] == ["hồ sơ sự cố: 0, 0 đang mở"]
    assert after["Được báo khi lộ dữ liệu"] == ["hồ sơ sự cố: 1, 1 đang mở"]
    assert rows_of(paper, "Các bên")["KS Mường Hoa"] == ["Trung tâm A", "0123"]
    assert rows_of(paper, "Mục đích và căn cứ") == {
        "Theo biển báo: an ninh": ["–"], "trực giám sát": ["2"], "xử lý sự cố, vi phạm": ["1"],
    }  # fmt: skip


def test_what_is_switched_on_is_no_longer_called_absent(lite: House) -> None:
    """A UPS, a syslog server, a password of a camera: each has its line."""
    before = lite.paper("dataflow").parts[1].diagram.count("stroke-dasharray")
    lite.set(
        power=PowerConfig(ups="ups@localhost"), audit=AuditConfig(syslog="tcp://192.0.2.5:601")
    )
    level = rows_of(lite.paper("level"), "Thành phần hệ thống")

    assert level["Nguồn điện"] == ["đọc bộ lưu điện (UPS)"]
    assert lite.finding("siem").state == "met"
    assert "nhật ký gửi qua syslog không mã hóa" in lite.finding("tls").how
    assert lite.paper("dataflow").parts[1].diagram.count("stroke-dasharray") == before - 1


def test_no_paper_names_a_person_an_address_or_a_secret(lite: House) -> None:
    """They leave the house."""
    with lite.database.writing() as connection:
        accounts.create(connection, name="nguoi.la", full_name="Nguyễn Thị Lạ", now_ns=NOW_NS - NS)
    camera = CameraConfig(name="x", main=StreamConfig(url="rtsp://u:bi-mat@192.0.2.77/main"))
    lite.set(cameras=(camera,), database_url="postgresql://hub:bi-mat-2@db.example/hub")
    told = " ".join(word for kind in annexes.KINDS for word in words(lite.paper(kind)))
    told += " ".join(part.diagram for part in lite.paper("dataflow").parts)

    assert "cơ sở dữ liệu sqlite ở máy khác" in lite.finding("data_in_vietnam").how
    for secret in ("Nguyễn", "nguoi.la", "bi-mat", "192.0.2.", "db.example", PASSWORD, "rtsp://"):
        assert secret not in told
