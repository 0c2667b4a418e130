"""From a facility without cameras to a settled bill, by the bodies whose duty each step is."""

from __future__ import annotations

import io
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import sqlalchemy as sa

from hub_stage import NOW, NOW_NS, SITE_ID, browser
from vonggac.db import estimate as db
from vonggac.db import tables
from vonggac.domain import accounts, audit, costs, estimates, roles, sessions, units
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from hub_stage import Stage

DAY = "18/11/2026"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@dataclass
class Bodies:
    """Signed-in browsers, each of the body that it is called after."""

    hub: Stage
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]

    async def get(self, name: str, path: str) -> httpx.Response:
        return await self.clients[name].get(path)

    async def form(self, name: str, path: str, **fields: Any) -> httpx.Response:
        files = fields.pop("files", None)
        values = {"form_token": self.tokens[name], **fields}
        return await self.clients[name].post(path, data=values, files=files)

    async def sent(self, name: str, path: str, **fields: Any) -> str:
        """A form that is taken; where it leads."""
        answer = await self.form(name, path, **fields)
        assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text)[:3_000]
        return answer.headers["location"]

    async def step(self, name: str, path: str, code: str, **fields: str) -> httpx.Response:
        said = {"code": code, "number": f"12/{code}", "dated": DAY, "do": "enter", **fields}
        return await self.form(name, f"{path}/steps", **said)

    def rows(self, path: str) -> list[Any]:
        """The lines of an estimate, as the database has them."""
        with self.hub.database.reading() as connection:
            return list(
                connection.execute(
                    sa.select(db.estimate_line)
                    .where(db.estimate_line.c.estimate_id == path.rsplit("/", 1)[-1])
                    .order_by(db.estimate_line.c.at)
                )
            )


GIVEN = {
    "uyban": "committee",
    "khaosat": "surveyor",
    "taichinh": "finance_appraiser",
    "lanhdao": "leader",
    "vanthu": "records_clerk",
    "yte": "health_inspector",
}


@pytest.fixture
async def bodies(hub: Stage) -> AsyncIterator[Bodies]:
    tokens: dict[str, str] = {}
    clients: dict[str, httpx.AsyncClient] = {}
    async with AsyncExitStack() as stack:
        with hub.database.writing() as connection:
            province = units.add_unit(
                connection, parent_id=None, kind="province", code="A", vi="Tỉnh Sơn Lĩnh", en="",
                valid_from=NOW.date(), source="",
            )  # fmt: skip
            connection.execute(tables.site.update().values(owner_line="civil", unit_id=province))
            machine = roles.whoever_holds_the_machine(NOW_NS)
            for name, role in GIVEN.items():
                account_id, _ = accounts.create(
                    connection, name=name, full_name=f"Cán bộ {name}", now_ns=NOW_NS
                )
                connection.execute(tables.account.update().values(must_change=False))
                draft = roles.Draft(role=role, unit=province, reason="phân công")
                roles.give(connection, machine, account_id, draft, now_ns=NOW_NS)
                cookie = sessions.open_session(
                    connection, accounts.find(connection, account_id), address="127.0.0.1",
                    agent="", now_ns=NOW_NS,
                )  # fmt: skip
                session = sessions.find_session(connection, cookie, now_ns=NOW_NS)
                assert session is not None
                tokens[name] = session.form_token
                clients[name] = await stack.enter_async_context(browser(hub))
                clients[name].cookies.set(SESSION_COOKIE, cookie)
        yield Bodies(hub, clients, tokens)


def saved(rows: list[Any], **changed: str) -> dict[str, str]:
    """The fields of the editor as they stand, some of them changed."""
    fields = {"title": "Lắp camera", "contingency": "5", "do": "save"}
    for row in rows:
        fields |= {
            f"quantity-{row.id}": str(row.quantity), f"price-{row.id}": str(row.price),
            f"vat-{row.id}": str(row.vat // 100), f"source-{row.id}": "Báo giá 12/BG",
            f"funding-{row.id}": "province", f"note-{row.id}": "",
        }  # fmt: skip
    return {**fields, **changed}


async def submitted(bodies: Bodies) -> str:
    """A plan, agreed by all, costed, saved and submitted; the path of the estimate."""
    plan = await bodies.sent("khaosat", "/plans", site=SITE_ID, how="buy", months="6")
    with bodies.hub.database.reading() as connection:
        line = connection.execute(
            sa.select(db.plan_line.c.id).where(db.plan_line.c.kind == "cable")
        ).scalar_one()
    await bodies.sent(
        "khaosat", f"{plan}/lines", **{f"q-{line}": "120", "why": "đo tại chỗ", "do": "edit"}
    )
    for party in ("owner", "lead", "enterprise"):
        await bodies.sent(
            "vanthu", f"{plan}/agreements", party=party, person="Trưởng đơn vị", agreed=DAY
        )
    page = (await bodies.get("khaosat", plan)).text
    assert "đã thống nhất 18/11/2026" in page
    assert "đo tại chỗ" in page
    path = await bodies.sent("uyban", f"{plan}/estimate", title="Lắp camera")
    await bodies.sent("uyban", f"{path}/lines", revision="1", **saved(bodies.rows(path)))
    assert (await bodies.step("uyban", path, "submitted")).status_code == 303
    return path


def total_of(rows: list[Any], quantity: str, price: str, set_aside: int = 500) -> int:
    """The sum of the rows with tax and contingency, worked out here."""
    bases: dict[int, int] = {}
    for row in rows:
        mapped = row._mapping
        bases[row.vat] = bases.get(row.vat, 0) + mapped[quantity] * mapped[price]
    taxed = sum(base + (base * rate + 5_000) // 10_000 for rate, base in bases.items())
    return taxed + (taxed * set_aside + 5_000) // 10_000


async def test_an_estimate_goes_from_gap_to_settlement_by_its_bodies(bodies: Bodies) -> None:
    """Each step by whom the letters name, with its paper; every figure from the rows."""
    path = await submitted(bodies)
    rows = bodies.rows(path)
    assert {"CAP", "CAM-TN", "DT-50"} <= {row.code for row in rows}
    assert next(row.quantity for row in rows if row.code == "CAP") == 120

    first = rows[0]
    cut = {f"quantity-{first.id}": str(first.quantity), f"price-{first.id}": "2000000"}
    silent = await bodies.form("taichinh", f"{path}/appraisal", **cut)
    above = await bodies.form(
        "taichinh", f"{path}/appraisal",
        **{**cut, f"price-{first.id}": "99000000", f"why-{first.id}": "x"},
    )  # fmt: skip
    await bodies.sent("taichinh", f"{path}/appraisal", **cut, **{f"why-{first.id}": "theo báo giá"})
    early = await bodies.step("lanhdao", path, "approved")
    mine = await bodies.step("uyban", path, "appraised")
    assert [answer.status_code for answer in (silent, above, early, mine)] == [422, 422, 409, 403]
    assert (await bodies.step("taichinh", path, "appraised")).status_code == 303
    assert (await bodies.step("lanhdao", path, "approved")).status_code == 303

    rows = bodies.rows(path)
    approved = total_of(rows, "approved_quantity", "approved_price")
    assert approved < total_of(rows, "quantity", "price")
    too_much = await bodies.step("taichinh", path, "allocated", amount=str(approved + 1))
    assert too_much.status_code == 422
    walk = [("taichinh", "allocated", approved), ("uyban", "procured", None),
            ("uyban", "contracted", approved - 5), ("uyban", "accepted", None),
            ("taichinh", "settled", approved - 5)]  # fmt: skip
    for name, code, amount in walk:
        said = {} if amount is None else {"amount": f"{amount:,}".replace(",", ".")}
        answer = await bodies.step(name, path, code, **said)
        assert answer.status_code == 303, (code, answer.text[:2_000])

    page = (await bodies.get("lanhdao", path)).text
    assert f"{approved:,}".replace(",", ".") in page
    assert "Bằng chữ:" in page
    with bodies.hub.database.reading() as connection:
        acts = [row.act for row in audit.rows(connection, audit.Filter())]
    assert acts.count("estimate_step_entered") == len(costs.chain("civil"))
    assert {"connection_plan_made", "connection_plan_edited", "connection_plan_agreed"} <= {*acts}


async def test_what_was_sent_back_is_written_anew_and_compared(bodies: Bodies) -> None:
    """The first version stays as it was; nobody appraises what they made."""
    path = await submitted(bodies)
    await bodies.sent("taichinh", f"{path}/steps", do="return", why="thiếu báo giá")
    await bodies.sent("uyban", f"{path}/versions")
    with bodies.hub.database.reading() as connection:
        first, second = estimates.versions(connection, "DT-2026-001")
    new = f"/estimates/{second.id}"
    rows = bodies.rows(new)
    changed = {f"price-{rows[0].id}": "1.000.000", f"quantity-{rows[1].id}": "0"}
    stale = await bodies.form("uyban", f"{new}/lines", revision="7", **saved(rows))
    await bodies.sent("uyban", f"{new}/lines", revision="1", **saved(rows, **changed))
    compared = (await bodies.get("taichinh", f"{new}/compare")).text
    listing = (await bodies.get("uyban", "/estimates")).text

    assert stale.status_code == 409
    assert (first.state, second.version) == ("returned", 2)
    assert "thiếu báo giá" in (await bodies.get("uyban", path)).text
    assert len(bodies.rows(path)) == len(bodies.rows(new)) + 1
    saving = 1_000_000 * rows[0].quantity - rows[0].quantity * rows[0].price
    assert f"{saving:,}".replace(",", ".").replace("-", "−") in compared
    assert "v2" in listing


async def test_sheets_have_real_numbers_that_come_to_the_totals(bodies: Bodies) -> None:
    """The sheet of an estimate and of the province, recomputed from the rows."""
    path = await submitted(bodies)
    rows = bodies.rows(path)
    answer = await bodies.get("lanhdao", f"{path}/file.xlsx")
    cells = list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.values)  # type: ignore[union-attr]
    table = cells[4 : 4 + len(rows)]
    summary = await bodies.get("lanhdao", "/estimates/summary.xlsx")
    summed = list(
        openpyxl.load_workbook(io.BytesIO(summary.content), data_only=True).active.values  # type: ignore[union-attr]
    )
    total = total_of(rows, "quantity", "price")

    assert [(line[3], line[4]) for line in table] == [(row.quantity, row.price) for row in rows]
    assert table[0][5] == "=D5*E5"
    assert cells[4 + len(rows)][5] == sum(row.quantity * row.price for row in rows)
    assert cells[4 + len(rows) + 3][5] == total
    assert summed[1][0] == "Tỉnh Sơn Lĩnh"
    assert summed[1][3] == total
    assert summed[2][3] == total
    page = (await bodies.get("taichinh", "/estimates/summary")).text
    assert page.count(f"{total:,}".replace(",", ".")) == 2


async def test_a_quote_is_bounded_and_known_by_its_hash(bodies: Bodies) -> None:
    """What is no picture or PDF is refused; what is one comes back as it was."""
    path = await submitted(bodies)
    line = bodies.rows(path)[0]
    fields = {"estimate": path.rsplit("/", 1)[1], "line": line.id, "supplier": "Công ty A",
              "quoted": "2.100.000", "quoted_date": DAY}  # fmt: skip
    exe = await bodies.form(
        "uyban", "/estimates/quotes", **fields, files={"file": ("a.pdf", b"MZ\x90")}
    )
    big = await bodies.form(
        "uyban", "/estimates/quotes", **fields, files={"file": ("a.png", PNG + b"\0" * 2_100_000)}
    )
    await bodies.sent("uyban", "/estimates/quotes", **fields, files={"file": ("a.png", PNG)})
    page = (await bodies.get("taichinh", path)).text
    found = re.search(rf'href="({path}/quotes/[^"]+)"', page)
    assert found is not None
    taken = await bodies.get("taichinh", found[1])

    assert (exe.status_code, big.status_code) == (422, 422)
    assert taken.content == PNG
    assert taken.headers["content-disposition"].startswith("attachment")


async def test_who_has_no_such_duty_sees_and_does_nothing_of_it(bodies: Bodies) -> None:
    """The inspector reads no estimate; the surveyor does not speak for the owner."""
    path = await submitted(bodies)
    plan = await bodies.sent("khaosat", "/plans", site=SITE_ID, how="lease", months="12")
    other = await bodies.form(
        "khaosat", f"{plan}/agreements", party="owner", person="A", agreed=DAY
    )
    seen = await bodies.get("yte", path)
    making = await bodies.form("taichinh", "/plans", site=SITE_ID, how="buy", months="6")
    approving = await bodies.form("taichinh", f"{path}/approval")

    assert other.status_code == 422
    assert "không ghi thay bên này" in other.text
    assert (seen.status_code, making.status_code, approving.status_code) == (403, 403, 403)


async def test_an_administrators_prices_take_the_place_of_the_example(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The sheet that is taken out goes in again; a wrong cell is named and nothing is entered."""
    page = (await client.get("/prices")).text
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token is not None
    assert "phần mềm bịa ra" in page
    taken = (await client.get("/prices.xlsx")).content
    book = openpyxl.load_workbook(io.BytesIO(taken))
    sheet = book.active
    assert sheet is not None
    fields = {"form_token": token[1], "title": "Quyết định 1/QĐ", "from": DAY}

    async def send(value: object) -> httpx.Response:
        sheet["F2"] = value
        out = io.BytesIO()
        book.save(out)
        return await client.post("/prices", data=fields, files={"file": ("g.xlsx", out.getvalue())})

    wrong = await send("1.5 triệu")
    right = await send(2_222_000)
    after = (await client.get("/prices")).text

    assert wrong.status_code == 422
    assert "Dòng 2" in wrong.text
    assert right.status_code == 303
    assert "2.222.000" in after
    assert "Quyết định 1/QĐ" in after
    assert "bịa ra" not in after
    assert date(2026, 11, 18) == NOW.date()


async def test_the_api_does_what_the_pages_do(bodies: Bodies) -> None:
    """Plan, edit, cost, write, submit, appraise, approve, by JSON alone."""

    async def ask(name: str, method: str, path: str, **body: Any) -> Any:
        answer = await bodies.clients[name].request(
            method, f"/api/v1{path}", json=body or None,
            headers={"X-CSRF-Token": bodies.tokens[name]},
        )  # fmt: skip
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    plan = await ask("khaosat", "POST", "/plans", site=SITE_ID, how="lease", months=12)
    cable = next(one for one in plan["lines"] if one["kind"] == "cable")
    plan = await ask(
        "khaosat", "PUT", f"/plans/{plan['id']}/lines/{cable['id']}", quantity=7, why="đo lại"
    )
    assert [(one["before"], one["after"]) for one in plan["edits"]] == [(cable["quantity"], 7)]
    made = await ask("uyban", "POST", "/estimates", plan=plan["id"], title="Thuê camera")
    line = made["lines"][0]
    assert line["asked"]["quantity"] % 12 == 0
    body = {"title": "Thuê camera", "unit": "tháng", "quantity": 24, "price": 100_000, "vat": 800,
            "source": "Báo giá 3/BG"}  # fmt: skip
    path = f"/estimates/{made['id']}"
    made = await ask("uyban", "PUT", f"{path}/lines/{line['id']}", **body)
    assert made["lines"][0]["asked"]["amount"] == 2_400_000
    assert made["lines"][0]["example"] is False
    step = {"date": "2026-11-18", "number": "1/TTr"}
    await ask("uyban", "POST", f"{path}/steps", code="submitted", **step)
    judged = {"quantity": 12, "price": 100_000, "why": "một camera"}
    await ask("taichinh", "PUT", f"{path}/lines/{line['id']}/appraisal", **judged)
    await ask("taichinh", "POST", f"{path}/steps", code="appraised", **step)
    made = await ask("lanhdao", "POST", f"{path}/steps", code="approved", **step)
    summary = await ask("taichinh", "GET", "/estimates/summary")
    changes = await ask("taichinh", "GET", f"{path}/changes")

    rows = bodies.rows(made["id"])
    total = total_of(rows, "approved_quantity", "approved_price")
    assert made["totals"]["approved"]["total"] == total
    assert made["totals"]["approved"]["words"].endswith(("đồng", "đồng chẵn"))
    assert summary["provinces"][0]["totals"]["approved"] == total
    assert {one["kind"] for one in changes["changes"]} == {"same"}
    assert (await ask("taichinh", "GET", "/prices"))["example"] is True
