"""Administrators of a part of the tree: they see and change the accounts of that part alone."""

from __future__ import annotations

import asyncio
import io
import re
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import pytest_asyncio
import sqlalchemy as sa
from test_matrix import ROLES, SCOPES, Cast, cast, held
from test_staff import GOOD, enter, form_token, send, sheet

from vonggac.db import tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DISTRICT = ("administrator", "inside")
"""An administrator of unit A."""
HOTELS = ("", "")
"""An administrator of the paid hotels of unit A."""
TWICE = "surveyor-inside"
"""Serves in unit A and in unit B."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    """The people of the matrix, an administrator of one line, and one who serves twice."""
    async with cast(tmp_path_factory.mktemp("staff")) as found:
        with found.hub.database.writing() as connection:
            _hold(connection, "nobody-nowhere", "administrator", "A", "paid_hotel")
            _hold(connection, TWICE, "surveyor", "B", None)
        yield found


def _unit(connection: Any, code: str) -> str:
    return str(
        connection.execute(sa.select(tables.unit.c.id).where(tables.unit.c.code == code)).scalar()
    )


def _hold(connection: Any, name: str, role: str, unit: str, line: str | None) -> None:
    connection.execute(
        tables.role_held.insert().values(
            id=f"{name}-{unit}", account_id=name, role=role, line=line, sites=[],
            unit_id=_unit(connection, unit), from_ns=1, reason="-", given_by="-", given_ns=1,
        )
    )  # fmt: skip


def administered(lines: set[str | None]) -> set[str]:
    """Accounts of unit A whose role is held over one of these lines, in plain words."""
    found = set()
    for role in ROLES:
        for scope in SCOPES:
            over = held(role, scope)
            line = "paid_hotel" if scope == "inside" and over["sites"] else over["line"]
            line = "civil" if scope == "other line" and over["sites"] else line
            if over["unit"] == "A" and line in lines:
                found.add(f"{role}-{scope.replace(' ', '-')}")
    return found - {TWICE}


async def names(found: Cast, person: tuple[str, str]) -> set[str]:
    """Whom a person reads of in the list and in the access review."""
    async with found.browser(person) as client:
        page = (await client.get("/accounts")).text
        review = await client.get("/accounts/review.xlsx")
    listed = set(re.findall(r'class="sub code" translate="no">([^<]+)<', page))
    table = openpyxl.load_workbook(io.BytesIO(review.content)).active
    rows = list(table.iter_rows(values_only=True))[1:]
    assert {row[0] for row in rows} == listed
    return listed


async def test_they_see_the_accounts_of_their_scope_and_no_other(found: Cast) -> None:
    """By subtree and by owning line; who serves elsewhere too belongs to no part alone."""
    district = await names(found, DISTRICT)
    hotels = await names(found, HOTELS)
    everything = await names(found, ("administrator", "everything"))

    assert district == administered({None, "paid_hotel", "civil"}) | {"nobody-nowhere"}
    assert hotels == administered({"paid_hotel"}) | {"nobody-nowhere"}
    assert len(everything) == len(ROLES) * len(SCOPES) + 2  # nobody-nowhere, and the first account


async def test_no_way_that_they_are_shown_is_closed_to_them(found: Cast) -> None:
    """A link to a page that answers 403 tells nobody anything."""
    async with found.browser(DISTRICT) as client:
        told = (await client.get("/more")).text
        ways = set(re.findall(r'href="(/[a-z]*)"', told))
        said = {way: (await client.get(way)).status_code for way in sorted(ways)}

    assert "/accounts" in said
    assert {way for way, status in said.items() if status != 200} == set()


async def test_what_they_may_not_change_is_not_there(found: Cast) -> None:
    """Not by any of the acts of an account's page; the same acts are done inside."""
    strangers = (TWICE, "centre_duty-outside", "military_command-inside", "auditor-everything", "x")
    before = await asyncio.to_thread(_accounts, found)
    async with found.browser(DISTRICT) as client:
        form = {"form_token": found.forms[DISTRICT]}
        for name in strangers:
            assert (await client.get(f"/accounts/{name}")).status_code == 404, name
            for act in ("sessions", "close", "open", "password", "factor"):
                answer = await client.post(f"/accounts/{name}", data={**form, "do": act})
                assert answer.status_code == 404, (name, act)
        untouched = await asyncio.to_thread(_accounts, found)
        own = "/accounts/centre_duty-inside"
        assert (await client.get(own)).status_code == 200
        reset = await client.post(own, data={**form, "do": "password"})
        closed = await client.post(own, data={**form, "do": "close"})
        noted = await client.post("/accounts/review", data=form)
    after = await asyncio.to_thread(_accounts, found)

    assert untouched == before
    assert "first-password" in reset.text
    assert closed.status_code == 303
    assert {name for name in after if after[name] != before[name]} == {"centre_duty-inside"}
    assert noted.status_code == 403  # one review stands for the whole hub


def _accounts(found: Cast) -> dict[str, tuple[Any, ...]]:
    table = tables.account
    with found.hub.database.reading() as connection:
        rows = connection.execute(
            sa.select(
                table.c.id, table.c.password_hash, table.c.disabled_ns, table.c.factor_since_ns
            )
        )
        return {row.id: tuple(row) for row in rows}


async def test_they_make_accounts_with_roles_of_their_scope(found: Cast) -> None:
    """By hand and from a sheet; of people elsewhere a sheet does not even say that they stand."""
    with found.hub.database.reading() as connection:
        here, there = _unit(connection, "A"), _unit(connection, "B")
    async with found.browser(DISTRICT) as client:
        form = {"form_token": found.forms[DISTRICT], "full_name": "Người Trực", "line": "",
                "role": "centre_duty", "sites": "", "until": ""}  # fmt: skip
        answers = [
            await client.post("/accounts/new", data={**form, "name": name, **over})
            for name, over in (
                ("mot.a", {"unit": here}), ("hai.b", {"unit": there}), ("ba.c", {"unit": ""}),
                ("bon.d", {"unit": here, "line": "military"}),
                ("nam.e", {"unit": "", "sites": "KS Nơi Xa"}),
            )
        ]  # fmt: skip
        rows = (
            (*GOOD[0][:3], here, "", "", ""),
            ("centre_duty-outside", "Người Khác", "centre_duty", here, "", "", ""),
            ("ngoai.b", "Người Ngoài", "centre_duty", there, "", "", ""),
        )
        with found.hub.database.writing() as connection:
            connection.execute(
                tables.account.update()
                .where(tables.account.c.id == "centre_duty-outside")
                .values(full_name="Người Khác")
            )
        preview = await send(client, sheet(*rows))
        await enter(client, preview.text)
        mine = await names(found, DISTRICT)

    assert [one.status_code for one in answers] == [200, 422, 422, 422, 422]
    assert "1 sẽ lập, 0 đã có, 2 có lỗi" in preview.text
    assert len(mine - administered({None, "paid_hotel", "civil"})) == 3  # two new, and HOTELS


async def test_a_hidden_person_gets_no_role_and_is_not_there(found: Cast) -> None:
    """Whoever knows the exact id reads the same as of one that there is not."""
    with found.hub.database.reading() as connection:
        here, there = _unit(connection, "A"), _unit(connection, "B")
    async with found.browser(DISTRICT) as client:
        page = (await client.get("/roles/new")).text
        form = {"form_token": form_token(page), "role": "surveyor", "unit_id": here,
                "reason": "phân công"}  # fmt: skip
        body = {"role": "surveyor", "unit": here, "reason": "phân công"}
        head = {"X-CSRF-Token": found.forms[DISTRICT]}
        answers = {}
        for name in ("office-outside", "no-such-account", "office-inside"):
            sent = await client.post("/roles/new", data={**form, "account": name})
            told = await client.post("/api/v1/roles", json={**body, "account": name}, headers=head)
            answers[name] = (sent.status_code, told.status_code)
        hidden = await client.delete(
            "/api/v1/roles/office-outside", params={"reason": "thử"}, headers=head
        )
        other = {**body, "account": "office-inside", "body": there}
        shared = await client.post("/api/v1/roles", json=other, headers=head)

    assert answers["office-outside"] == answers["no-such-account"] == (422, 404)
    assert answers["office-inside"] == (303, 201)
    assert hidden.status_code == 404
    # on behalf of a body elsewhere he would see what is shared with it
    assert (shared.status_code, shared.json()["error"]["detail"]["code"]) == (403, "body_elsewhere")
