"""Giving and ending roles: who may, over what, and that a row is ended and never changed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import access, accounts, roles, units
from vonggac.domain.access import Act
from vonggac.domain.roles import Draft, Refused
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection, Database

NOW = int(dt.datetime(2026, 11, 18, 7, 32, 7, tzinfo=dt.UTC).timestamp()) * NS
DAY = 86_400 * NS


class Place:
    """A province with a hotel and barracks, and people without roles."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.machine = roles.whoever_holds_the_machine(NOW)
        for name in ("hoa", "lan", "minh"):
            connection.execute(
                tables.account.insert().values(
                    id=name, name=name, password_hash="x", must_change=False, created_ns=NOW
                )
            )
        add: dict[str, Any] = {
            "kind": "province",
            "en": "",
            "valid_from": dt.date(2025, 7, 1),
            "source": "",
        }
        self.province = units.add_unit(connection, parent_id=None, code="01", vi="Tỉnh A", **add)
        self.other = units.add_unit(connection, parent_id=None, code="02", vi="Tỉnh B", **add)
        for name, line in (("hotel", "paid_hotel"), ("barracks", "military")):
            connection.execute(
                tables.site.insert().values(
                    id=name, name=name, owner_line=line, unit_id=self.province, created_ns=NOW
                )
            )

    def give(self, giver: str | None, to: str, role: str, **more: Any) -> str:
        by = self.machine if giver is None else access.person_of(self.connection, giver, NOW)
        more.setdefault("reason", "phân công ca trực")
        return roles.give(self.connection, by, to, Draft(role, **more), now_ns=NOW)

    def refused(self, giver: str | None, to: str, role: str, **more: Any) -> str:
        with pytest.raises(Refused) as caught:
            self.give(giver, to, role, **more)
        return caught.value.code

    def may(self, who: str, act: Act, site: str) -> bool:
        found = access.person_of(self.connection, who, NOW)
        thing = access.thing_of_site(self.connection, site)
        return access.may(found, act, thing, now_ns=NOW).allowed


@pytest.fixture
def place(sqlite: Database) -> Iterator[Place]:
    with sqlite.writing() as connection:
        yield Place(connection)


def test_an_administrator_of_a_province_gives_roles_there_and_nowhere_else(place: Place) -> None:
    """Scope holds for rights to give rights too."""
    place.give(None, "hoa", "administrator", unit=place.province)

    place.give("hoa", "lan", "centre_duty", unit=place.province)

    assert place.may("lan", Act.LIVE_VIEW, "hotel")
    assert place.refused("hoa", "lan", "centre_duty", unit=place.other) == "outside_scope"
    assert place.refused("hoa", "lan", "centre_duty") == "outside_scope"
    assert place.refused("lan", "minh", "centre_duty", unit=place.province) == "no_role"


def test_nobody_gives_a_role_to_himself(place: Place) -> None:
    """Whoever may give everything would otherwise have everything."""
    place.give(None, "hoa", "administrator")

    assert place.refused("hoa", "hoa", "shift_lead") == "own_role"


def test_the_military_line_is_given_by_the_military_command(place: Place) -> None:
    """An administrator names the command; the command alone opens its facilities."""
    place.give(None, "hoa", "administrator")

    refused = place.refused("hoa", "lan", "shift_lead", unit=place.province, line="military")
    place.give("hoa", "minh", "military_command", unit=place.province)
    place.give("hoa", "lan", "shift_lead", unit=place.province)
    before = place.may("lan", Act.LIVE_VIEW, "barracks")
    place.give("minh", "lan", "site_duty", line="military", sites=["barracks"])

    assert refused == "military_line"
    assert (before, place.may("lan", Act.LIVE_VIEW, "barracks")) == (False, True)
    assert place.refused("minh", "lan", "administrator", unit=place.province, line="military") == (
        "not_given"
    )
    assert place.refused("minh", "lan", "shift_lead", unit=place.province) == "outside_scope"


def test_what_a_role_needs_is_asked_for(place: Place) -> None:
    """The designated enterprise: named sites, and an end."""
    needs = [
        place.refused(None, "hoa", "enterprise", unit=place.province),
        place.refused(None, "hoa", "enterprise", sites=["hotel"]),
        place.refused(None, "hoa", "owning_body", unit=place.province),
        place.refused(None, "hoa", "military_command", unit=place.province, line="civil"),
        place.refused(None, "hoa", "shift_lead", sites=["hotel"], unit=place.other),
        place.refused(None, "hoa", "site_duty", sites=["hotel"], line="civil"),
        place.refused(None, "hoa", "shift_lead", to_ns=NOW),
        place.refused(None, "hoa", "shift_lead", reason=" "),
        place.refused(None, "hoa", "shift_lead", reason="theo công văn MẬT số 5"),
        place.refused(None, "hoa", "captain"),
    ]

    assert needs == [
        "needs_sites", "must_end", "needs_line", "fixed_line", "site_elsewhere", "site_other_line",
        "ends_before", "no_reason", "secret_mark", "unknown_role",
    ]  # fmt: skip
    place.give(None, "hoa", "enterprise", sites=["hotel"], to_ns=NOW + 90 * DAY)


def test_ending_a_role_keeps_its_row(place: Place) -> None:
    """History is never changed: the row says who ended it, when and why."""
    row = place.give(None, "hoa", "centre_duty", unit=place.province)

    ended = roles.end(
        place.connection, place.machine, row, reason="chuyển công tác", now_ns=NOW + 1
    )

    assert (ended.to_ns, ended.ended_by, ended.ended_reason) == (
        NOW + 1, roles.COMMAND_LINE, "chuyển công tác",
    )  # fmt: skip
    assert (ended.reason, ended.given_by) == ("phân công ca trực", roles.COMMAND_LINE)
    with pytest.raises(Refused) as caught:
        roles.end(place.connection, place.machine, row, reason="nữa", now_ns=NOW + 2)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "role_over")


def test_the_last_administrator_stays(place: Place) -> None:
    """A hub that nobody can administer needs a restore."""
    first = place.give(None, "hoa", "administrator")
    place.give(None, "lan", "administrator", to_ns=NOW + DAY)

    with pytest.raises(Refused) as caught:
        roles.end(place.connection, place.machine, first, reason="nghỉ hưu", now_ns=NOW)
    place.give(None, "minh", "administrator")
    roles.end(place.connection, place.machine, first, reason="nghỉ hưu", now_ns=NOW)

    assert caught.value.code == "last_administrator"


def test_an_administrator_of_a_part_is_no_other_administrator_of_everything(place: Place) -> None:
    """Closing the last who reaches everything would leave a hub that nobody can set up."""
    place.give(None, "hoa", "administrator")
    place.give(None, "lan", "administrator", unit=place.province)
    place.give(None, "minh", "administrator", to_ns=NOW + DAY)
    table = tables.account

    def close(name: str) -> None:
        accounts.disable(place.connection, name, why="administrator", now_ns=NOW)

    with pytest.raises(VonggacError, match="administer"):
        close("hoa")
    close("lan")  # who reaches a part may go at any time
    closed = set(
        place.connection.execute(
            sa.select(table.c.id).where(table.c.disabled_ns.is_not(None))
        ).scalars()
    )
    assert closed == {"lan"}


def test_a_closed_account_is_no_other_administrator(place: Place) -> None:
    """Its roles stand in the register and open nothing."""
    first = place.give(None, "hoa", "administrator")
    place.give(None, "lan", "administrator")
    accounts.disable(place.connection, "lan", why="administrator", now_ns=NOW)

    with pytest.raises(Refused) as caught:
        roles.end(place.connection, place.machine, first, reason="nghỉ hưu", now_ns=NOW)

    assert caught.value.code == "last_administrator"


def test_account_role_follows_the_roles_that_are_held(place: Place) -> None:
    """Sign-in asks administrators for more; it reads one column."""

    def role() -> str:
        column = sa.select(tables.account.c.role).where(tables.account.c.id == "hoa")
        return str(place.connection.execute(column).scalar_one())

    place.give(None, "hoa", "centre_duty", unit=place.province)
    before = role()
    row = place.give(None, "hoa", "administrator", unit=place.province)
    during = role()
    roles.end(place.connection, place.machine, row, reason="hết nhiệm kỳ", now_ns=NOW)

    assert (before, during, role()) == ("centre_duty", "administrator", "centre_duty")


def test_marks_of_state_secrets_are_seen_and_ordinary_words_are_not() -> None:
    """`mật khẩu` stands in every manual."""
    marked = ("MẬT", "Văn bản TỐI MẬT", "độ mật: tuyệt mật", "phu-luc_MẬT.pdf", "(MẬT)")
    plain = ("mật khẩu", "MẬT KHẨU MỚI", "bảo mật", "BẢO MẬT THÔNG TIN", "BÍ MẬT", "mật ong", "")

    assert [text for text in marked if not units.is_secret(text)] == []
    assert [text for text in plain if units.is_secret(text)] == []
