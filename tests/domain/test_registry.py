"""The register refuses what may not stand there, and keeps secrets secret."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.config import CameraConfig, Config, Secret, SiteConfig, StreamConfig
from vonggac.db import tables
from vonggac.domain import registry, rules
from vonggac.errors import VonggacError
from vonggac.keys import Box

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Database

SITE = "b" * 26
PLACEMENT = rules.placement(date(2026, 11, 18))


def draft(**changes: Any) -> registry.Draft:
    values: dict[str, Any] = {
        "name": "hl-2a",
        "title": "Hành lang tầng 2",
        "zone": "HL",
        "main_url": "rtsp://192.0.2.10:554/main",
    }
    return registry.Draft(**(values | changes))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box.at(tmp_path / "credentials.key")


@pytest.fixture
def site(database: Database) -> Database:
    config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05"))
    with database.writing() as connection:
        registry.ensure_site(connection, config, site_id=SITE, public_key="k", now_ns=1)
    return database


def register(database: Database, box: Box, **changes: Any) -> registry.Camera:
    with database.writing() as connection:
        return registry.register_camera(
            connection, SITE, draft(**changes), placement=PLACEMENT, box=box, now_ns=5
        )


def edit(
    database: Database, box: Box, camera_id: str, revision: int | None, **changes: Any
) -> registry.Camera:
    with database.writing() as connection:
        return registry.edit_camera(
            connection,
            camera_id,
            draft(**changes),
            revision=revision,
            placement=PLACEMENT,
            box=box,
            now_ns=9,
        )


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("TAM", "Không được lắp camera trong nhà tắm. Hãy chọn vị trí phía ngoài cửa (VS)."),
        ("WC", "Không được lắp camera trong nhà vệ sinh. Hãy chọn vị trí phía ngoài cửa (VS)."),
        (
            "PHONG",
            "Không được lắp camera trong phòng cách ly. Hãy chọn vị trí ngoài cửa phòng (HL).",
        ),
    ],
)
def test_no_camera_stands_in_a_room_a_toilet_or_a_bath(
    site: Database, box: Box, zone: str, sentence: str
) -> None:
    """D10: refused at registration, with the sentence of ui.md, and nothing is written."""
    with pytest.raises(registry.Unacceptable) as caught:
        register(site, box, zone=zone)

    place = caught.value.refused_place
    assert place is not None
    assert place.refusal.vi == sentence
    with site.reading() as connection:
        assert registry.cameras(connection, SITE) == []


def test_a_title_that_tells_of_a_forbidden_place_is_refused_too(site: Database, box: Box) -> None:
    """Choosing 'corridor' in the form does not make a shower a corridor."""
    with pytest.raises(registry.Unacceptable):
        register(site, box, zone="HL", title="Camera trong nhà tắm nam")
    with pytest.raises(registry.Unacceptable):
        register(site, box, zone="VS", title="Trong WC tầng 2")

    assert register(site, box, zone="VS", title="Trước nhà tắm chung").zone == "VS"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("phòng 201", "PHONG"), ("Phong so 5A", "PHONG"), ("P.201", "PHONG"), ("p201", "PHONG"),
        ("buồng 12", "PHONG"), ("Phòng cách ly", "PHONG"), ("Room 12", "PHONG"),
        ("giường", "PHONG"),
        ("Hành lang, trong phòng 201", "PHONG"), ("WC", "WC"), ("wc-2", "WC"),
        ("toilet tầng 2", "WC"),
        ("Nhà vệ sinh nam", "WC"), ("nha_ve_sinh", "WC"), ("nhà tắm", "TAM"), ("NHATAM nu", "TAM"),
        ("Phong tam chung", "TAM"), ("Bathroom 1", "TAM"),
    ],
)  # fmt: skip
def test_a_name_that_says_room_toilet_or_bath_is_refused(said: str, place: str) -> None:
    """As people type it: with and without marks, run together, abbreviated, in either language."""
    found = PLACEMENT.refusal("HL", "hl 9", unicodedata.normalize("NFC", said))

    assert found is not None
    assert found.code == place


@pytest.mark.parametrize(
    "said",
    [
        "Hành lang trước phòng 201", "Hành lang phòng 201-210", "Ngoài cửa phòng 203", "Cổng p2",
        "Trước nhà tắm chung", "Lối vào WC", "Phòng lấy mẫu", "Phòng trực y tế", "Sảnh, phòng chờ",
        "Corridor, rooms 201 to 210", "Hl P201", "Phòng tiếp đón",
    ],
)  # fmt: skip
def test_a_corridor_in_front_of_rooms_is_no_room(said: str) -> None:
    """The rule asks for cameras that see the doors from outside: they must not be refused."""
    assert PLACEMENT.refusal("HL", "hl 9", said) is None


def test_an_edit_cannot_move_a_camera_into_a_room(site: Database, box: Box) -> None:
    camera = register(site, box)

    with pytest.raises(registry.Unacceptable):
        edit(site, box, camera.id, camera.revision, zone="PHONG")

    with site.reading() as connection:
        assert registry.camera(connection, camera.id).zone == "HL"


def test_a_configured_camera_in_a_bath_stops_the_program(site: Database, box: Box) -> None:
    """The configuration file is no way round the rule."""
    config = Config(
        data_dir="/nowhere",
        cameras=(CameraConfig(name="x", zone="TAM", main=StreamConfig(url="rtsp://192.0.2.1/")),),
    )

    with pytest.raises(registry.Unacceptable), site.writing() as connection:
        registry.follow_config(connection, SITE, config, placement=PLACEMENT, box=box, now_ns=1)


def test_every_problem_is_said_at_once(site: Database, box: Box) -> None:
    """Nobody should send a form five times to learn of five mistakes."""
    with pytest.raises(registry.Unacceptable) as caught:
        register(
            site,
            box,
            name="Tầng 2",
            zone="??",
            main_url="http://x",
            sub_url="rtsp://",
            retention_days=0,
        )

    assert {problem.field for problem in caught.value.problems} == {
        "name",
        "zone",
        "main_url",
        "sub_url",
        "retention_days",
    }


@pytest.mark.parametrize(
    ("url", "plain", "user", "password"),
    [
        ("rtsp://admin:x@192.0.2.1/a", "rtsp://192.0.2.1/a", "admin", "x"),
        ("rtsp://admin:p%40ss@192.0.2.1/a", "rtsp://192.0.2.1/a", "admin", "p@ss"),
        ("rtsp://admin:p@s:s@192.0.2.1:554/a", "rtsp://192.0.2.1:554/a", "admin", "p@s:s"),
        ("rtsp://admin:a/b?c#d@192.0.2.1/a", "rtsp://192.0.2.1/a", "admin", "a/b?c#d"),
        ("rtsp://192.0.2.1/a", "rtsp://192.0.2.1/a", "", ""),
    ],
)
def test_credentials_leave_the_address(url: str, plain: str, user: str, password: str) -> None:
    """Passwords hold @ : / ? #; none may stay in an address that pages and logs show."""
    assert registry.split_credentials(url) == (plain, user, password)


def test_the_password_is_in_the_database_only_encrypted(site: Database, box: Box) -> None:
    camera = register(site, box, main_url="rtsp://admin:bi-mat-that@192.0.2.10/main")

    with site.reading() as connection:
        row = connection.execute(sa.select(tables.camera)).one()
        secret = registry.password_of(connection, camera.id, box)
    assert "bi-mat-that" not in repr(row)
    assert row.main_url == "rtsp://192.0.2.10/main"
    assert row.user_name == "admin"
    assert secret == Secret("bi-mat-that")
    assert camera.has_password


def test_another_key_does_not_open_it(site: Database, box: Box, tmp_path: Path) -> None:
    camera = register(site, box, user_name="admin", password=Secret("x"))
    (tmp_path / "other").mkdir()
    other = Box.at(tmp_path / "other" / "credentials.key")

    with site.reading() as connection, pytest.raises(VonggacError, match="key"):
        registry.password_of(connection, camera.id, other)


def test_an_edit_without_a_password_keeps_it_and_an_empty_one_forgets_it(
    site: Database, box: Box
) -> None:
    camera = register(site, box, user_name="admin", password=Secret("x"))

    kept = edit(site, box, camera.id, 1, user_name="admin", title="khác")
    gone = edit(site, box, camera.id, 2, user_name="admin", password=Secret(""))

    assert (kept.has_password, kept.title) == (True, "khác")
    assert not gone.has_password


def test_a_stale_form_loses(site: Database, box: Box) -> None:
    """Two people edit one camera: the second is told, not silently overwritten."""
    camera = register(site, box)
    edit(site, box, camera.id, 1, title="một")

    with pytest.raises(VonggacError, match="meanwhile"):
        edit(site, box, camera.id, 1, title="hai")


def test_a_name_is_unique_in_its_site_and_never_changes(site: Database, box: Box) -> None:
    """Recordings are filed under it."""
    camera = register(site, box)

    with pytest.raises(registry.Unacceptable, match="taken"):
        register(site, box)
    with pytest.raises(registry.Unacceptable, match="stays hl-2a"):
        edit(site, box, camera.id, 1, name="hl-2b")


def test_a_retired_camera_leaves_the_register_and_may_come_back(site: Database, box: Box) -> None:
    camera = register(site, box)
    with site.writing() as connection:
        registry.retire_camera(connection, camera.id, reason="hỏng", now_ns=20)
    with site.reading() as connection:
        assert registry.cameras(connection, SITE) == []
        times = registry.in_service(connection, [camera.id], 0, 100)
    assert times == {camera.id: [(5, 20)]}

    back = register(site, box, title="mới")

    assert (back.id, back.title) == (camera.id, "mới")


def test_the_configuration_keeps_its_cameras(site: Database, box: Box) -> None:
    """What stands in the file is edited in the file; pages' cameras stay beside it."""
    register(site, box, name="trang")
    first = Config(
        data_dir="/nowhere",
        cameras=(CameraConfig(name="tep", zone="CG", main=StreamConfig(url="rtsp://192.0.2.1/")),),
    )
    with site.writing() as connection:
        registry.follow_config(connection, SITE, first, placement=PLACEMENT, box=box, now_ns=30)
    with pytest.raises(VonggacError, match="configuration"):
        edit(site, box, "tep", None, name="tep", zone="CG")

    with site.writing() as connection:
        found = registry.follow_config(
            connection, SITE, Config(data_dir="/nowhere"), placement=PLACEMENT, box=box, now_ns=40
        )

    assert [camera.name for camera in found] == ["trang"]


def test_a_site_known_with_another_key_is_not_taken_over_silently(site: Database) -> None:
    """A replaced box is an administrator's decision: its facts would otherwise be refused."""
    config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05"))

    with pytest.raises(VonggacError, match="another key"), site.writing() as connection:
        registry.ensure_site(connection, config, site_id=SITE, public_key="other", now_ns=2)


def test_rules_are_dated() -> None:
    """The rule of 2021 is named on a page of 2021, the software's default on one of 2026."""
    assert rules.placement(date(2021, 6, 1)).rule == "4403"
    assert rules.placement(date(2026, 11, 18)).rule == "default-2026"
    assert len(PLACEMENT.zones) == 10
    assert {place.code for place in PLACEMENT.forbidden} == {"PHONG", "WC", "TAM"}


def test_every_cause_has_its_words() -> None:
    """The list of causes is closed; a cause without words would be a blank on a page."""
    for said in rules.causes().values():
        assert said.letter
        assert said.css in set("mtdkhobn")
        assert said.name.vi != said.name.en
