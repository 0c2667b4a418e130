"""Pages of tasks and of the acceptance of cameras, and what stands on them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from hub_stage import JPEG, PROBE, SITE_ID
from vonggac.clock import NS
from vonggac.db import register, tables
from vonggac.db import task as db
from vonggac.domain import (
    acceptance,
    acceptance_drift,
    designated,
    designated_sheets,
    registry,
    roles,
    tasks,
)
from vonggac.domain.exports import Someone
from vonggac.web import words

if TYPE_CHECKING:
    from hub_stage import Stage
    from vonggac.db import Connection

VISITS = (
    Visit("/tasks", "/tasks"),
    Visit("/tasks/{task_id}", "/tasks", press='#list a[href^="/tasks/"]'),
    Visit("/acceptance", "/acceptance"),
    Visit("/acceptance/sites/{site_id}", f"/acceptance/sites/{SITE_ID}"),
    Visit("/designated", "/designated"),
    Visit(
        "/acceptance/sites/{site_id}/designated/{upload_id}",
        f"/acceptance/sites/{SITE_ID}/designated/{'w' * 26}",
    ),
    Visit(
        "/acceptance/{acceptance_id}", f"/acceptance/sites/{SITE_ID}",
        press='tr:has(.badge-bad) a[href^="/acceptance/"]',
    ),
    Visit(
        "/acceptance/{acceptance_id}", f"/acceptance/sites/{SITE_ID}",
        press='tr:has(.badge-warn) a[href^="/acceptance/"]',
    ),
)  # fmt: skip
NO_PAGES = (
    "/acceptance/sites/{site_id}/designated.xlsx",
    "/tasks/{task_id}/files/{file_id}",
    "/acceptance/{acceptance_id}/pictures/{picture_id}",
)


def load(hub: Stage, said: str = "") -> None:
    """Tasks that are late, at risk, in time and over, one of which asks for more time."""
    now_ns = hub.clock.wall_ns()
    today = words.day_of(now_ns)
    body = said[:300] or "Doanh nghiệp được chỉ định"
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name)
        roles.give(
            connection, roles.whoever_holds_the_machine(now_ns), account.id,
            roles.Draft(role="surveyor", sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
        )  # fmt: skip
        made = [
            tasks.open_task(
                connection, site_id=SITE_ID, unit_id=None, body=who, what=said[:500] or what,
                due=None if days is None else today + timedelta(days), about="", directive_id=None,
                by=by, now_ns=now_ns,
            )
            for what, who, days in (
                ("Lắp 2 camera: hành lang, quan sát bên ngoài cửa phòng cách ly", body, -4),
                ("Lắp 1 camera: cổng ra vào", body, 1),
                ("Lắp đặt thiết bị: 1 đầu ghi, 1 bộ lưu điện", body, 20),
                ("Kiểm tra kết nối, nghiệm thu camera", "UBND phường Tân Sơn", 25),
                ("Cập nhật sơ đồ tầng", "UBND phường Tân Sơn", None),
                ("Khảo sát lại đường truyền", "UBND phường Tân Sơn", 3),
            )
        ]  # fmt: skip
        for after in made[:3]:
            tasks.wait_for(connection, made[3], after, by=by, now_ns=now_ns)
        tasks.wait_for(connection, made[0], made[4], by=by, now_ns=now_ns)
        tasks.step(connection, made[5], "done", said[:900] or "đã xong", by=by, now_ns=now_ns)
        tasks.attach(
            connection, made[0], file_name=(said[:100] or "bien-ban") + ".pdf",
            content=b"%PDF-1.7 x", by=by, now_ns=now_ns,
        )  # fmt: skip
        for at, (days, agreed) in enumerate(((30, True), (40, None))):
            asked = tasks.ask_extension(
                connection, made[0], reason=said[:900] or "chờ cấp vốn",
                new_due=today + timedelta(days), by=by, now_ns=now_ns + at,
            )  # fmt: skip
            if agreed is not None:
                tasks.decide_extension(
                    connection, asked.id, agreed=agreed, person=said[:300] or "Phó Chủ tịch UBND",
                    document="", answer="", by=by, now_ns=now_ns,
                )  # fmt: skip
        _accept(hub, connection, by, said, now_ns)
        _confirm(connection, by, said, now_ns)


def _accept(hub: Stage, connection: Connection, by: Someone, said: str, now_ns: int) -> None:
    """A camera that is accepted, one that drifted, one that failed, and one on trial."""
    desk, day = hub.app.state.desk, 86_400 * NS
    fit = {**PROBE, "verdict": {"connectable": True, "details": PROBE["verdict"]["details"][1:]}}
    cameras = registry.cameras(connection, SITE_ID)[:4]
    for at, camera in enumerate(cameras):
        it = acceptance.begin(
            connection, camera.id, desk.config.acceptance, by=by, now_ns=now_ns - 2 * day
        )
        found = PROBE if at == 2 else fit
        acceptance.note_probe(connection, it.id, found, by=by, now_ns=now_ns - day)
        acceptance.keep_picture(connection, it.id, JPEG, by=by, now_ns=now_ns - day)
        if at == 3:
            continue
        acceptance.confirm_picture(
            connection, it.id, well=True, said=said[:900], by=by, now_ns=now_ns - day
        )
        acceptance.confirm_zone(
            connection, it.id, desk.placement, well=True, said=said[:900], by=by,
            now_ns=now_ns - day,
        )  # fmt: skip
        if at == 2:
            continue
        facts = {"from_ns": str(now_ns - 2 * day), "to_ns": str(now_ns - day), "reasons": [],
                 "missing_ns": "0", "recorded": 9_997, "linked": 10_000}  # fmt: skip
        connection.execute(
            db.acceptance_check.insert().values(
                acceptance_id=it.id, kind="trial", well=True, facts=facts, made_ns=now_ns - day,
                made_by="vonggac",
            )
        )  # fmt: skip
        connection.execute(
            db.acceptance.update().where(db.acceptance.c.id == it.id)
            .values(state="passed", reasons=[], closed_ns=now_ns - day)
        )  # fmt: skip
        done = acceptance.accept(connection, it.id, said[:300], by=by, now_ns=now_ns - day)
        drift = acceptance_drift.Drift(at == 0, () if at == 0 else ("recorded_low",), {})
        acceptance_drift.note(connection, done, drift, now_ns=now_ns)


def _confirm(connection: Connection, by: Someone, said: str, now_ns: int) -> None:
    """The designated system, a camera that is connected, one that no longer is, and a sheet."""
    today = words.day_of(now_ns)
    for at, name in enumerate(("Hệ thống A", "Hệ thống B")):
        designated.designate(
            connection, said[:300] or name, said[:300] or "Đơn vị vận hành", said[:300] or "12/CV",
            today - timedelta(9 - at), by=by, now_ns=now_ns + at,
        )  # fmt: skip
    for at, camera in enumerate(registry.cameras(connection, SITE_ID)[:2]):
        for linked in (True, not at):
            draft = designated.Draft(
                said[:300] or "Doanh nghiệp được chỉ định", today, said[:300] or "A-001",
                said[:300] or "RTSP qua VPN", linked,
            )  # fmt: skip
            designated.confirm(
                connection, camera.id, draft, by=by, today=today, now_ns=now_ns + linked
            )
    connection.execute(
        register.sheet_upload.insert().values(
            id="w" * 26, account_id=by.account_id, file_name=(said[:100] or "ket-noi") + ".xlsx",
            content=designated_sheets.template(connection, SITE_ID), sha256="", state="links",
            progress={"site": SITE_ID}, made_ns=now_ns, touched_ns=now_ns,
        )
    )  # fmt: skip
