"""The tree of units: the shipped profiles, names over time, the search, facilities in it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from databases import migrated_at
from vonggac.db import tables
from vonggac.domain import access, profiles, units
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection, Database

TODAY = dt.date(2026, 11, 18)
THEN = dt.date(2021, 6, 1)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Both profiles, loaded once: eleven thousand units of 2021 and the thousands of 2026."""
    database = migrated_at(tmp_path_factory.mktemp("units") / "hub.db")
    with database.writing() as connection:
        assert units.load(connection, "2021") > 10_000
        assert units.load(connection, "2026") > 3_321 + 34
        assert units.load(connection, "2026") == 0, "a second time changes nothing"
    with database.reading() as connection:
        yield connection
    database.close()


def test_today_has_34_provinces_and_no_districts(country: Connection) -> None:
    """Two tiers since July 2025; the count of communes is that of the law."""
    found = units.below(country, "vn", TODAY)
    provinces = [one for one in found if one.kind == "province"]
    communes = [one for one in profiles.units("2026") if one.kind == "commune"]

    assert len(provinces) == 34
    assert len(communes) == 3_321
    assert {one.kind for one in found} == {"province", "body"}
    assert {one.kind for one in units.below(country, "2026.12", TODAY)} == {"commune", "body"}


def test_2021_has_63_provinces_with_districts_and_its_departments(country: Connection) -> None:
    """The letters of 2021 address bodies that are gone."""
    provinces = [one for one in units.below(country, "vn", THEN) if one.kind == "province"]
    below = units.below(country, "2021.12", THEN)
    names = {one.vi for one in below if one.kind == "body"}

    assert len(provinces) == 63
    assert {one.kind for one in below} == {"district", "body"}
    assert {"Sở Thông tin và Truyền thông Lai Châu", "Bộ Chỉ huy Quân sự tỉnh Lai Châu"} <= names
    assert "Sở Thông tin và Truyền thông Lai Châu" not in {
        one.vi for one in units.below(country, "2026.12", TODAY)
    }


def test_a_unit_is_called_what_it_was_called_on_the_day(country: Connection) -> None:
    """Đồng Nai became a city on 30/4/2026."""
    before = units.unit(country, "2026.75", dt.date(2026, 4, 29))
    after = units.unit(country, "2026.75", dt.date(2026, 4, 30))

    assert (before.vi, after.vi) == ("Tỉnh Đồng Nai", "Thành phố Đồng Nai")
    assert after.en == "Đồng Nai city"


def test_what_took_the_place_of_a_unit_of_2021_is_linked_with_its_source(
    country: Connection,
) -> None:
    """What domain 4.1 and 4.7 state and no more: of provinces that merged nothing is said."""
    links = {(row.of, row.by): row.source for row in profiles.successors()}
    ministry = units.after(country, units.unit(country, "2021.bo-tttt", TODAY), TODAY)
    department = units.before(country, units.unit(country, "2026.12.so-khcn", TODAY), TODAY)
    district = next(one for one in units.below(country, "2021.12", THEN) if one.kind == "district")

    assert set(links) == {
        ("2021.01", "2026.01"), ("2021.12", "2026.12"), ("district", None),
        ("2021.bo-tttt", "2026.bo-khcn"), ("2021.bo-tttt", "2026.bo-cong-an"),
        ("2021.01.so-tttt", "2026.01.so-khcn"), ("2021.12.so-tttt", "2026.12.so-khcn"),
    }  # fmt: skip
    assert all(links.values())
    shipped = {one.id for profile in profiles.PROFILES for one in profiles.units(profile)}
    assert {one for link in links for one in link} - shipped == {"district", None}
    assert [(link.unit and link.unit.id, link.takes and link.takes.vi) for link in ministry] == [
        ("2026.bo-khcn", None), ("2026.bo-cong-an", "quản lý an toàn thông tin"),
    ]  # fmt: skip
    assert [link.unit and link.unit.vi for link in department] == [
        "Sở Thông tin và Truyền thông Lai Châu"
    ]
    assert [link.unit for link in units.after(country, district, TODAY)] == [None]


def test_who_looks_for_a_department_that_is_gone_finds_the_one_of_today(
    country: Connection,
) -> None:
    """In 2021 it stands itself, and nothing is offered in its place."""
    found = units.succeeded(country, "so thong tin va truyen thong lai chau", TODAY)

    assert [(old.id, link.unit and link.unit.id) for old, link in found] == [
        ("2021.12.so-tttt", "2026.12.so-khcn")
    ]
    assert units.succeeded(country, "so thong tin va truyen thong lai chau", THEN) == []
    assert units.succeeded(country, "so y te lai chau", TODAY) == []


def test_every_unit_of_today_has_a_source_or_says_that_nobody_checked() -> None:
    """The rule of the issue, over every shipped row."""
    for profile in profiles.PROFILES:
        for one in profiles.units(profile):
            assert one.source.strip(), one.id
            assert all(name.source.strip() and name.vi for name in one.names), one.id
    bodies = [one for one in profiles.units("2026") if one.kind == "body"]
    assert all(units.UNVERIFIED in one.source for one in bodies)


def test_search_takes_words_with_or_without_diacritics(country: Connection) -> None:
    """Whoever types at night types without them; the larger area comes first."""
    plain = [one.vi for one in units.search(country, "lai chau", TODAY)]
    marked = [one.vi for one in units.search(country, "Lai Châu", TODAY)]
    dong = units.search(country, "DONG nai thanh", TODAY)

    assert plain == marked
    assert plain[0] == "Tỉnh Lai Châu"
    assert "Sở Y tế Lai Châu" in plain
    assert dong[0].id == "2026.75"
    assert units.search(country, "100% không có", TODAY) == []
    assert units.search(country, "  ", TODAY) == []


def test_a_site_stands_below_its_commune_province_and_country(sqlite: Database) -> None:
    """What scopes are made of."""
    with sqlite.writing() as connection:
        units.load(connection, "2026")
        commune = units.below(connection, "2026.12", TODAY)[0]
        connection.execute(
            tables.site.insert().values(id="s", name="s", owner_line="civil", created_ns=1)
        )
        before = units.assign_site(connection, "s", commune.id)
        path = access.thing_of_site(connection, "s").path

    assert before == access.UNASSIGNED
    assert path == ("vn", "2026.12", commune.id)


def test_names_and_ends_are_added_and_history_stays(sqlite: Database) -> None:
    """An administrator edits names and dates, never what was."""
    with sqlite.writing() as connection:
        one = units.add_unit(
            connection, parent_id=None, kind="body", code="x", vi="Trung tâm  A", en="",
            valid_from=THEN, source="",
        )  # fmt: skip
        later = dt.date(2024, 1, 1)
        units.rename(connection, one, vi="Trung tâm B", en="Centre B", valid_from=later, source="Q")
        told = [(name.vi, name.valid_from, name.valid_to) for name in units.names(connection, one)]
        with pytest.raises(VonggacError, match="begins after"):
            units.rename(connection, one, vi="C", en="", valid_from=THEN, source="")
        with pytest.raises(VonggacError, match="MẬT"):
            units.rename(connection, one, vi="MẬT", en="", valid_from=TODAY, source="")
        units.end(connection, one, valid_to=TODAY)
        with pytest.raises(VonggacError, match="ended"):
            units.end(connection, one, valid_to=TODAY)

        assert told == [("Trung tâm A", THEN, later), ("Trung tâm B", later, None)]
        assert units.unit(connection, one, dt.date(2023, 12, 31)).vi == "Trung tâm A"
        assert units.below(connection, None, TODAY) == [
            unit for unit in units.below(connection, None, TODAY) if unit.id != one
        ]


def test_a_unit_with_facilities_in_it_does_not_end(sqlite: Database) -> None:
    """They would stand nowhere, and nobody's scope would reach them."""
    with sqlite.writing() as connection:
        one = units.add_unit(
            connection, parent_id=None, kind="body", code="x", vi="A", en="", valid_from=THEN,
            source="",
        )  # fmt: skip
        connection.execute(
            tables.site.insert().values(
                id="s", name="s", owner_line="civil", unit_id=one, created_ns=1
            )
        )

        with pytest.raises(VonggacError, match="still in it"):
            units.end(connection, one, valid_to=TODAY)


def test_profiles_are_in_force_by_day() -> None:
    """What a fresh hub loads."""
    assert profiles.profile_on(THEN) == "2021"
    assert profiles.profile_on(TODAY) == "2026"
    with pytest.raises(ConfigError, match="2022"):
        profiles.units("2022")


def test_areas_of_2021_are_those_of_the_package() -> None:
    """The file is made by a script; nobody edits it by hand."""
    script = ROOT / "scripts" / "units_2021.py"
    told = subprocess.run([sys.executable, script, "--check"], check=False)

    assert told.returncode == 0
