"""Floor plans: kept when they are replaced, bounded, and only with cameras of their facility."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.config import Config, SiteConfig
from vonggac.db import tables
from vonggac.domain import coverage, floor_plans, pictures, register_places, registry, rules
from vonggac.domain.floor_plans import View
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db.engine import Database

SITE = "b" * 26
RULE = rules.placement(date(2026, 11, 18))
VIEW = View("c1", 5_000, 5_000, 90, 90, 2_000)


@pytest.fixture
def hub(sqlite: Database) -> Database:
    """A facility with two cameras, a corridor with doors, and a drawing."""
    with sqlite.writing() as connection:
        config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05", title="KS Mường Hoa"))
        registry.ensure_site(connection, config, site_id=SITE, public_key="k", now_ns=1)
        for name in ("c1", "c2"):
            connection.execute(
                sa.insert(tables.camera).values(
                    id=name, site_id=SITE, name=name, title="", zone="HL", main_url="rtsp://x/1",
                    source="auto", transcode=False, record_sub=False, audio=False, user_name="",
                    origin="page", created_ns=1,
                    updated_ns=1, revision=1,
                )
            )  # fmt: skip
        area = register_places.Area("hl-2", "HL", floor="Tầng 2", doors=("201", "202"))
        register_places.set_area(connection, SITE, area, placement=RULE)
        other = register_places.Area("hl-3", "HL", floor="3", doors=("301",))
        register_places.set_area(connection, SITE, other, placement=RULE)
        register_places.tie_door(connection, SITE, "201", "c1")
    return sqlite


def drawing(connection: object) -> str:
    picture = pictures.Picture("image/png", 400, 300, b"drawing")
    return coverage.keep_picture(connection, SITE, "plan", picture, by="an", now_ns=2)


def added(connection: object, *, floor: str = "2", keep: bool = True, now_ns: int = 3) -> object:
    return floor_plans.add(
        connection, SITE, floor=floor, title="", picture=drawing(connection), keep=keep, by="an",
        now_ns=now_ns,
    )  # fmt: skip


@pytest.mark.parametrize("keep", [True, False])
def test_a_plan_that_is_replaced_is_kept_as_it_was(hub: Database, keep: bool) -> None:
    """An acceptance looked at that drawing; the new one may carry the cameras over."""
    with hub.writing() as connection:
        old = added(connection)
        floor_plans.put(connection, old, [VIEW])
        fresh = added(connection, floor="tầng 2", keep=keep, now_ns=9)
        moved = dataclasses.replace(VIEW, x=1)
        floor_plans.put(connection, fresh, [moved])
        every = floor_plans.plans(connection, SITE)
        seen = floor_plans.views(connection, [one.id for one in every])
        gone = floor_plans.plan(connection, SITE, old.id)
        with pytest.raises(VonggacError, match="took the place"):
            floor_plans.put(connection, gone, [VIEW])
        with pytest.raises(VonggacError, match="took the place"):
            floor_plans.drop(connection, gone, "c1")

    assert [(one.id, one.is_current) for one in every] == [(fresh.id, True), (old.id, False)]
    assert seen == {old.id: {"c1": VIEW}, fresh.id: {"c1": moved}}


def test_cameras_are_carried_over_only_when_that_is_asked(hub: Database) -> None:
    """A new drawing may be cut differently."""
    with hub.writing() as connection:
        floor_plans.put(connection, added(connection), [VIEW])
        carried = added(connection, keep=True)
        bare = added(connection, keep=False)
        seen = floor_plans.views(connection, [carried.id, bare.id])

    assert seen == {carried.id: {"c1": VIEW}, bare.id: {}}


def test_the_doors_of_a_floor_are_those_of_its_areas(hub: Database) -> None:
    """`Tầng 2` and `2` are written by different people; a door that nobody sees stays in it."""
    with hub.writing() as connection:
        doors = floor_plans.doors_of(connection, added(connection))

    assert [(one.name, one.camera_id) for one in doors] == [("201", "c1"), ("202", None)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("x", -1), ("y", 10_001), ("heading", 360), ("angle", 4), ("angle", 361), ("reach", 99)],
)
def test_a_place_out_of_bounds_is_refused_by_its_field(
    hub: Database, field: str, value: int
) -> None:
    """The form says which figure is wrong."""
    with hub.writing() as connection:
        made = added(connection)
        with pytest.raises(VonggacError) as refused:
            floor_plans.put(connection, made, [dataclasses.replace(VIEW, **{field: value})])

    assert refused.value.detail["fields"] == {field: "bad_place"}


def test_only_cameras_of_the_facility_stand_on_its_plan(hub: Database) -> None:
    """An id from elsewhere would show where another facility's camera is."""
    with hub.writing() as connection:
        made = added(connection)
        with pytest.raises(VonggacError, match="no such camera"):
            floor_plans.put(connection, made, [dataclasses.replace(VIEW, camera_id="elsewhere")])
        with pytest.raises(VonggacError, match="does not stand"):
            floor_plans.drop(connection, made, "c1")
        with pytest.raises(VonggacError, match="no such plan"):
            floor_plans.plan(connection, "a" * 26, made.id)


def test_a_plan_needs_a_floor_and_a_picture_of_its_facility(hub: Database) -> None:
    """Everything that is wrong is said at once."""
    with hub.writing() as connection, pytest.raises(VonggacError) as refused:
        floor_plans.add(
            connection, SITE, floor=" ", title="x" * 121, picture="none", keep=True, by="an",
            now_ns=3,
        )  # fmt: skip

    assert refused.value.detail["fields"] == {
        "floor": "missing", "title": "too_long", "picture": "no_file",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("view", "path"),
    [
        (VIEW, "M200.0 150.0L256.6 93.4A80.0 80.0 0 0 1 256.6 206.6Z"),
        (
            dataclasses.replace(VIEW, angle=360),
            "M120.0 150.0a80.0 80.0 0 1 0 160.0 0a80.0 80.0 0 1 0 -160.0 0Z",
        ),
    ],
)
def test_what_a_camera_sees_is_drawn_from_where_it_stands(view: View, path: str) -> None:
    """Heading 90 looks to the right; a dome sees all around."""
    assert floor_plans.cone(view, 400, 300) == path
