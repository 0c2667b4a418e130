"""The designated system: what enterprises confirm is kept with its history, apart from ours."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import acceptance, audit, designated
from vonggac.domain.exports import Someone
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_794_987_127 * NS
TODAY = date(2026, 11, 18)
BY = Someone("a1", "ky-thuat", "Người ghi")
SITE, CAMERAS = "b" * 26, ("c" * 26, "d" * 26)
SAID = designated.Draft("Doanh nghiệp A", date(2026, 11, 10), "A-001", "RTSP qua VPN")


@pytest.fixture
def hub(database: Database) -> Database:
    """A facility with two cameras, and no system yet."""
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=SITE, name="cs-1", title="Cơ sở 1", address="", unit_id="unassigned",
                owner_line="civil", retention_days=30, created_ns=NOW_NS,
            )
        )  # fmt: skip
        for at, camera_id in enumerate(CAMERAS):
            connection.execute(
                tables.camera.insert().values(
                    id=camera_id, site_id=SITE, name=f"cam{at}", title="", zone="gate",
                    main_url="rtsp://127.0.0.1/a", created_ns=NOW_NS,
                    origin="page", revision=1, updated_ns=NOW_NS,
                )
            )  # fmt: skip
    return database


def _designate(connection: Connection, name: str, operator: str, day: date) -> designated.System:
    return designated.designate(
        connection, name, operator, "1664/UBND-VX", day, by=BY, now_ns=NOW_NS
    )


def _confirm(connection: Connection, camera_id: str, draft: designated.Draft, at: int = 0) -> None:
    designated.confirm(connection, camera_id, draft, by=BY, today=TODAY, now_ns=NOW_NS + at)


def test_the_system_of_a_day_is_the_one_designated_before_it(hub: Database) -> None:
    """A later one takes its place from its day on, and the earlier one stays readable."""
    with hub.writing() as connection:
        assert designated.on(connection, TODAY) is None
        _designate(connection, "Hệ thống A", "Đơn vị A", date(2026, 11, 1))
        _designate(connection, "Hệ thống B", "Đơn vị B", date(2026, 12, 1))
        now, then = designated.on(connection, TODAY), designated.on(connection, date(2027, 1, 1))
        assert now is not None
        assert then is not None
        assert (now.name, then.name, len(designated.systems(connection))) == (
            "Hệ thống A", "Hệ thống B", 2,
        )  # fmt: skip
        assert (now.operator, now.said_name) == ("Đơn vị A", "Người ghi")


def test_what_an_enterprise_confirms_is_kept_apart_with_its_history(hub: Database) -> None:
    """The last word of a camera counts; nothing of it makes a camera accepted."""
    with hub.writing() as connection:
        _designate(connection, "Hệ thống A", "Đơn vị A", date(2026, 11, 1))
        _confirm(connection, CAMERAS[0], SAID)
        _confirm(connection, CAMERAS[1], SAID, 1)
        ended = designated.Draft("Doanh nghiệp A", TODAY, linked=False)
        _confirm(connection, CAMERAS[1], ended, 2)
        found = designated.of_sites(connection, [SITE], TODAY)[SITE]
        assert (found.cameras, found.count) == (2, 1)
        assert found.last[CAMERAS[0]].said == SAID
        assert len(designated.history(connection, [SITE])) == 3
        assert acceptance.connected(connection, [SITE])[SITE].count == 0
        rows = audit.rows(connection, audit.Filter(act=audit.Act.DESIGNATED_LINK))
        assert len(rows) == 3
        _designate(connection, "Hệ thống A", "Đơn vị A2", TODAY)
        assert designated.of_sites(connection, [SITE], TODAY)[SITE].count == 1
        _designate(connection, "Hệ thống B", "Đơn vị B", TODAY)
        # Of two from one day the one that was entered last counts.
        connection.execute(
            designated.db.designated_system.update()
            .where(designated.db.designated_system.c.name == "Hệ thống B")
            .values(said_ns=NOW_NS + 9)
        )
        assert designated.of_sites(connection, [SITE], TODAY)[SITE].count == 0


@pytest.mark.parametrize(
    ("draft", "fields"),
    [
        (designated.Draft("", date(2026, 11, 10), "A", "B"), {"enterprise": "required"}),
        (designated.Draft("A", None, "A", "B"), {"linked_day": "no_day"}),
        (designated.Draft("A", date(2026, 11, 19), "A", "B"), {"linked_day": "in_future"}),
        (designated.Draft("A", TODAY), {"ident": "required", "method": "required"}),
        (designated.Draft("A", TODAY, "x" * 301, "B"), {"ident": "too_long"}),
    ],
)
def test_what_cannot_be_entered_is_refused(
    hub: Database, draft: designated.Draft, fields: dict[str, str]
) -> None:
    """A connection needs its enterprise, its name there, how, and a day that has come."""
    with hub.writing() as connection, pytest.raises(VonggacError) as refused:
        designated.confirm(connection, CAMERAS[0], draft, by=BY, today=TODAY, now_ns=NOW_NS)
    assert refused.value.detail["fields"] == fields


def test_nothing_is_connected_to_a_system_that_nobody_designated(hub: Database) -> None:
    """The day of the connection has to lie in the days of a system."""
    with hub.writing() as connection:
        _designate(connection, "Hệ thống A", "Đơn vị A", date(2026, 11, 15))
        with pytest.raises(VonggacError) as refused:
            _confirm(connection, CAMERAS[0], SAID)
    assert (refused.value.kind, refused.value.detail["code"]) == (Kind.CONFLICT, "no_system")
