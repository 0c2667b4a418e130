"""The order carried out, end to end: nine bodies of the two letters, each in a browser of its own.

One test, since each step stands on the one before it.  Who does a step is whom the letters name;
every step is done on the page where its body does it, and nothing is written behind the pages but
the facilities, the accounts and the day of the trial, which nobody waits for.  Hub, box and cameras
are real: `vonggac up` with virtual cameras on RTSP.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright
from programs import CHROMIUM, CHROMIUM_ARGS, PASSWORD, Running, running

from recordings import virtual_cameras, wait_until
from vonggac.clock import NS, SystemClock
from vonggac.db import Database, sqlite_url, tables
from vonggac.db import register as db_register
from vonggac.db import task as db_task
from vonggac.domain import (
    acceptance,
    accounts,
    directives,
    inspection_rules,
    register,
    registry,
    roles,
    surveys,
    units,
)
from vonggac.domain import estimates as kept_estimates
from vonggac.domain.ledger import Span, Stream, put_span
from vonggac.sim.cameras import StreamPlan
from vonggac.web import words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, Locator, Page

pytestmark = pytest.mark.browser

OWN = "Cơ sở cách ly đi hết chuỗi"
PROVINCE, COMMUNE = "2026.12", "Xã Thử"
HOTEL, BARRACKS = "h" * 26, "q" * 26
"""Facilities beside the one that walks the whole chain: of the tourism department, of the army."""
LEAD, HEALTH, MONEY = "Sở Khoa học và Công nghệ", "Sở Y tế", "Sở Tài chính"
ROLES = {
    "ubnd-tinh": ("leader", {}),
    "van-thu": ("records_clerk", {}),
    "so-khcn": ("surveyor", {}),
    "so-y-te": ("health_inspector", {}),
    "so-tai-chinh": ("finance_appraiser", {}),
    "so-du-lich": ("owning_body", {"line": "paid_hotel"}),
    "bo-chqs": ("military_command", {}),
    "ubnd-xa": ("committee", {}),
    "co-so": ("site_duty", {"sites": "own", "unit": None}),
    "doanh-nghiep": ("enterprise", {"sites": "own", "unit": None, "to_ns": "later"}),
}
"""Accounts with the role of each body: the nine of the letters, and the records clerk."""


DAY = 24 * 3600 * NS
PLAN = StreamPlan(width=640, height=360, fps=10.0, kbps=300)


@dataclass(frozen=True)
class Hub:
    """`vonggac up`, its database, and a virtual camera that nobody has added yet."""

    program: Running
    folder: Path
    database: Database
    clock: SystemClock
    site_id: str
    new_camera: str
    """URL of its main stream."""

    def is_recording(self, camera: str) -> bool:
        """Whether anything of it lies on the disk."""
        return any((self.folder / "data" / "recordings" / camera).rglob("*.mp4"))


@dataclass
class Walk:
    """Browsers of the bodies before one hub."""

    browser: Browser
    hub: Hub
    origin: str
    contexts: dict[str, BrowserContext] = field(default_factory=dict)

    async def page(self, body: str) -> Page:
        """A tab of a body that is signed in, as its officer signs in."""
        if body not in self.contexts:
            made = self.contexts[body] = await self.browser.new_context(locale="vi-VN")
            made.set_default_timeout(30_000)
            page = await made.new_page()
            for _ in range(4):  # ten at once from one address, then one in five seconds
                await page.goto(f"{self.origin}/signin")
                await page.fill("[name=name]", body)
                await page.fill("[name=password]", PASSWORD)
                async with page.expect_navigation() as navigation:
                    await page.click("main button[type=submit], form button[type=submit]")
                if (await navigation.value).status != 429:
                    break
                await asyncio.sleep(5.5)
            assert "/signin" not in page.url, f"{body} cannot sign in"
            return page
        return self.contexts[body].pages[0]

    async def open(self, body: str, path: str) -> Page:
        """A page of a body, with everything that is folded opened."""
        page = await self.page(body)
        answer = await page.goto(f"{self.origin}{path}")
        assert answer is not None
        assert answer.status == 200, f"{body}, {path}: {answer.status}"
        await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        return page

    async def send(
        self, body: str, path: str, action: str, /, *, press: str = "", **values: str
    ) -> str:
        """Fill the form of a page that goes to an address and send it; where it led to.

        Args:
            body: whose browser.
            path: the page.
            action: a part of the form's address.
            press: value of the button; empty is the first one.
            values: fields by name, `__` for a stroke.
        """
        page = await self.open(body, path)
        buttons = f"button[value={press}]" if press else "button[type=submit], button:not([type])"
        form = page.locator(f'main form[method="post"][action*="{action}"]')
        form = form.filter(has=page.locator(buttons))
        for name in values:
            seen = f'[name="{name.replace("__", "-")}"]:not([type="hidden"])'
            form = form.filter(has=page.locator(seen))
        form = form.first
        for name, value in values.items():
            target = form.locator(f'[name="{name.replace("__", "-")}"]')
            chosen = form.locator(f'input[type="radio"][name="{name}"][value="{value}"]')
            if await chosen.count():
                await press_radio(chosen)
            else:
                await fill(target.first, value)
        async with page.expect_navigation() as navigation:
            await form.locator(buttons).first.click()
        answer = await navigation.value
        assert answer is not None
        faults = await page.locator(".err").all_inner_texts()
        assert answer.status == 200, f"{body}, {path}: {answer.status} {faults}"
        return page.url.removeprefix(self.origin).partition("#")[0]


async def press_radio(chosen: Locator) -> None:
    """Choose as whoever presses the label does: the circle itself may be drawn by it."""
    await chosen.first.evaluate("one => one.click()")


async def fill(target: Locator, value: str) -> None:
    """Fill a field as a person does."""
    kind = await target.evaluate("element => element.type || element.tagName")
    if kind.startswith("select"):
        await target.select_option(value)
    elif kind in ("checkbox", "radio"):
        await target.check()
    else:
        await target.fill(value)


@pytest.fixture(scope="module")
def hub(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The program with one camera of two, three facilities of one province, an account a body."""
    folder = tmp_path_factory.mktemp("chain")
    with virtual_cameras(2, cache, main=PLAN) as cameras:
        config = folder / "vonggac.toml"
        first, second = (cameras.url(name) for name in cameras.names)
        lines = [
            f'data_dir = "{folder / "data"}"', "[web]", "port = 0", "[sign_in]",
            'second_factor = "outside"', "[record]", "segment_s = 5", "[retention]",
            "free_floor_bytes = 0", "[site]", f'title = "{OWN}"', "[[cameras]]", 'name = "hl-2a"',
            'zone = "HL"', 'title = "Hành lang tầng 2"', f'main = {{url = "{first}"}}',
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        words_ = ["up", "--config", str(config)]
        with running(words_, folder / "log", {}) as program:
            database = Database(sqlite_url(folder / "data" / "hub.sqlite"))
            with database.reading() as connection:
                (site,) = registry.sites(connection)
            made = Hub(program, folder, database, SystemClock(), site.id, second)
            settle(made)
            yield made
            database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def walk(hub: Hub) -> AsyncIterator[Walk]:
    """A browser that has seen nothing."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield Walk(browser, hub, hub.program.url)
        await browser.close()


def settle(hub: Hub) -> None:
    """The province, the facilities and the accounts: what stands before the order comes."""
    now_ns = hub.clock.wall_ns()
    giver = roles.whoever_holds_the_machine(now_ns)
    with hub.database.writing() as connection:
        units.load(connection, "2026")
        directives.load(connection, now_ns=now_ns)
        commune = units.add_unit(
            connection, parent_id=PROVINCE, kind="commune", code="T", vi=COMMUNE, en="Test",
            valid_from=date(2025, 7, 1), source="thử",
        )  # fmt: skip
        units.assign_site(connection, hub.site_id, commune)
        opened = words.day_of(now_ns) - timedelta(days=30)
        connection.execute(
            db_register.facility_service.insert().values(site_id=hub.site_id, from_day=opened)
        )
        connection.execute(tables.site.update().values(owner_line="civil"))
        for site_id, name, line in (
            (HOTEL, "ks-2", "paid_hotel"), (BARRACKS, "dt-3", "military"),
        ):  # fmt: skip
            draft = register.Draft(
                name=name, title=f"Cơ sở {name}", unit_id=commune, owner_line=line, rooms=20,
                floors=2,
            )  # fmt: skip
            register.add(connection, draft, site_id=site_id, by="admin", now_ns=now_ns)
        for name, (role, scope) in ROLES.items():
            account_id, _ = accounts.create(
                connection, name=name, full_name=f"Cán bộ {name}", now_ns=now_ns
            )
            accounts.set_password(connection, account_id, accounts.hashed(PASSWORD), now_ns=now_ns)
            held = {"unit": commune if role == "committee" else PROVINCE, **scope}
            if held.get("sites") == "own":
                held["sites"] = (hub.site_id,)
            if held.get("to_ns") == "later":
                held["to_ns"] = now_ns + 30 * 86_400 * 10**9
            draft_role = roles.Draft(role=role, reason="theo văn bản", **held)  # type: ignore[arg-type]
            roles.give(connection, giver, account_id, draft_role, now_ns=now_ns)


def written(day: date) -> str:
    """As people write it."""
    return f"{day:%d/%m/%Y}"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(480)
async def test_the_order_is_carried_out_from_order_to_report(walk: Walk) -> None:
    """Order, campaign, survey, verdict, plan, estimate, appraisal, task, report; by nine bodies."""
    today = words.day_of(walk.hub.clock.wall_ns())
    order = await ordered(walk, today)
    await surveyed(walk, today)
    plan = await planned(walk, today)
    estimate = await appraised(walk, plan, today)
    await others_agree(walk, today)
    await installed(walk, plan)
    await connected(walk)
    await accepted(walk)
    finding = await inspected(walk, today)
    await mended(walk, finding)
    await proposed(walk, today)
    await reported(walk, order, today)
    with walk.hub.database.reading() as connection:
        assert kept_estimates.find(connection, estimate.rpartition("/")[2]).state == "approved"


async def ordered(walk: Walk, today: date) -> str:
    """The committee's clerk enters the order, its leader assigns what each body leads."""
    order = await walk.send(
        "van-thu", "/directives", "/directives", number="21/UBND-VX",
        dated=written(today - timedelta(days=1)), issuer="Ủy ban nhân dân tỉnh",
        subject="lắp đặt, kết nối camera giám sát tại các cơ sở cách ly tập trung",
        cites="4403/CV-BCĐ; 30/05/2021; Ban Chỉ đạo; trước 12/6",
    )  # fmt: skip
    due = f"trước hết ngày {written(today + timedelta(days=10))}"
    for number, said, lead, owed in (
        ("1", "Khảo sát, hướng dẫn lắp đặt và kết nối.", LEAD, "Báo cáo kết quả"),
        ("2", "Đôn đốc, kiểm tra việc giám sát liên tục.", HEALTH, "Báo cáo kiểm tra"),
        ("3", "Thẩm định dự toán, bảo đảm kinh phí.", MONEY, "Báo cáo thẩm định"),
    ):
        await walk.send(
            "ubnd-tinh", order, "/clauses", number=number, said=said, lead=lead, owed=owed, due=due
        )
    page = await walk.open("van-thu", "/today")
    assert "21/UBND-VX" in await page.inner_text("main")
    return order


async def surveyed(walk: Walk, today: date) -> None:
    """The lead department asks; the facility answers by a link, offline; the answer is judged."""
    page = await walk.open("so-khcn", "/surveys")
    orders = page.locator('main form[action="/surveys"] [name="directive"] option')
    wanted = orders.filter(has_text="21/UBND-VX").first
    order_id = await wanted.get_attribute("value")
    assert order_id is not None
    campaign = await walk.send(
        "so-khcn", "/surveys", "/surveys", title="Khảo sát camera", directive=order_id, clause="1",
        due=written(today + timedelta(days=5)),
    )  # fmt: skip
    page = await walk.open("so-khcn", campaign)
    row = page.locator('main a[href^="/surveys/"]').filter(has_text=OWN).first
    survey = (await row.get_attribute("href") or "").partition("#")[0]
    await walk.send("so-khcn", survey, f"{survey}/links", days="7")
    page = await walk.page("so-khcn")
    link = (await page.locator("main p.code").first.inner_text()).strip()
    await answered(walk, link)
    with walk.hub.database.reading() as connection:
        sent = surveys.answers(connection, survey.rpartition("/")[2])
    assert [one.version for one in sent] == [1], "what a telephone sends comes once"
    await walk.send("so-khcn", survey, f"{survey}/judgement", press="verify")
    page = await walk.open("so-khcn", survey)
    said = await page.inner_text("#verdict")
    assert "đủ điều kiện" in said.casefold()


async def answered(walk: Walk, link: str) -> None:
    """On a telephone that loses the line: kept, loaded again without it, sent once with it."""
    phone = await walk.browser.new_context(
        locale="vi-VN", viewport={"width": 390, "height": 844}, has_touch=True
    )
    walk.contexts["facility"] = phone
    page = await phone.new_page()
    await page.goto(link)
    # The page can be opened again without a line once its worker has it and it has kept itself.
    await page.wait_for_selector("[data-kept=yes]", state="attached")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.reload()
    await page.wait_for_function("navigator.serviceWorker.controller !== null")
    await page.wait_for_selector("[data-kept=yes]", state="attached")
    await phone.set_offline(True)
    for name, value in (
        ("p-name", "Người trực"), ("k-name", "Người quản lý"), ("k-phone", "0200 000 114"),
        ("c-0-title", "Hành lang tầng 2"),
    ):  # fmt: skip
        part = page.locator("[data-part]").filter(has=page.locator(f'[name="{name}"]'))
        await page.click(f'.stepnav a[href="#{await part.get_attribute("id")}"]')
        await page.fill(f'[name="{name}"]', value)
    await page.locator('[data-state="saved"]').wait_for(state="attached")
    await page.reload()
    assert await page.input_value('[name="k-phone"]') == "0200 000 114"
    await page.click('.stepnav a[href="#s-note"]')
    await page.locator('button[form="survey"]').click()
    await page.locator('[data-state="waiting"], [data-state="failed"]').first.wait_for(
        state="attached"
    )
    await phone.set_offline(False)
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.locator('#receipt, [data-state="sent"]').first.wait_for(state="attached")


async def planned(walk: Walk, today: date) -> str:
    """The lead department plans; owner, lead and enterprise agree to it."""
    plan = await walk.send(
        "so-khcn", "/estimates", "/plans", site=walk.hub.site_id, how="buy", months="6"
    )
    for body, party in (("ubnd-xa", "owner"), ("so-khcn", "lead"), ("doanh-nghiep", "enterprise")):
        await walk.send(
            body, plan, "/agreements", party=party, person="Trưởng đơn vị", agreed=written(today)
        )
    page = await walk.open("so-khcn", plan)
    assert "đã thống nhất" in await page.inner_text("main")
    return plan


async def appraised(walk: Walk, plan: str, today: date) -> str:
    """The commune makes the estimate, finance appraises it, the province approves it."""
    estimate = await walk.send("ubnd-xa", plan, "/estimate", title="Lắp camera giám sát")
    page = await walk.open("ubnd-xa", estimate)
    editor = page.locator(f'main form[action="{estimate}/lines"]').first
    for name, value in (("source", "Báo giá 12/BG"), ("price", "")):
        fields = editor.locator(f'[name^="{name}-"]')
        for at in range(await fields.count()):
            if value or not (await fields.nth(at).input_value()).strip("0"):
                await fields.nth(at).fill(value or "1.000.000")
    funding = editor.locator('[name^="funding-"]')
    for at in range(await funding.count()):
        await funding.nth(at).select_option("province")
    async with page.expect_navigation() as navigation:
        await editor.locator('button[value="save"]').click()
    assert (await navigation.value).status == 200
    for body, number in (
        ("ubnd-xa", "05/TTr-UBND"), ("so-tai-chinh", "12/BC-STC"), ("ubnd-tinh", "33/QĐ-UBND"),
    ):  # fmt: skip
        day = await walk.open(body, "/today")
        assert "DT-" in await day.inner_text("main"), f"{body} does not read that it waits"
        await walk.send(
            body, estimate, "/steps", press="enter", number=number, dated=written(today)
        )
    return estimate


async def others_agree(walk: Walk, today: date) -> None:
    """Tourism plans for its hotel, the military command for its barracks; nobody else may."""
    for body, site_id in (("so-du-lich", HOTEL), ("bo-chqs", BARRACKS)):
        plan = await walk.send(body, "/estimates", "/plans", site=site_id, how="lease", months="6")
        party = "military" if body == "bo-chqs" else "owner"
        await walk.send(
            body, plan, "/agreements", party=party, person="Chỉ huy", agreed=written(today)
        )
    page = await walk.open("so-khcn", "/estimates")
    assert "Cơ sở dt-3" not in await page.inner_text("main"), "barracks are for the command alone"


async def installed(walk: Walk, plan: str) -> None:
    """Tasks come from the plan; the enterprise carries the first one out."""
    due = written(words.day_of(walk.hub.clock.wall_ns()) + timedelta(days=5))
    await walk.send("ubnd-xa", plan, "/tasks/from", body="Doanh nghiệp được chỉ định", due=due)
    page = await walk.open("doanh-nghiep", "/tasks")
    # Of one last day, what can be begun comes first: the acceptance waits for all the others.
    task = await page.locator('main a[href^="/tasks/"]').first.get_attribute("href")
    assert task is not None
    for state in ("doing", "done"):
        await walk.send("doanh-nghiep", task, "/steps", press=state, note="theo phương án")


async def connected(walk: Walk) -> None:
    """The camera that was hung is tested through its page, entered, and recorded by the box."""
    page = await walk.open("so-khcn", "/cameras/new")
    for name, value in (
        ("name", "hl-2b"), ("title", "Hành lang tầng 2, tây"), ("zone", "HL"),
        ("main_url", walk.hub.new_camera),
    ):  # fmt: skip
        await fill(page.locator(f'main [name="{name}"]').first, value)
    async with page.expect_navigation(timeout=60_000):
        await page.click('button[name="do"][value="probe"]')
    assert "đủ điều kiện kết nối" in (await page.inner_text("main")).casefold()
    async with page.expect_navigation(timeout=60_000) as navigation:
        await page.click('button[name="do"][value="save"]')
    assert (await navigation.value).status == 200
    await asyncio.to_thread(wait_until, lambda: walk.hub.is_recording("hl-2b"), "it is recorded")


async def accepted(walk: Walk) -> None:
    """The camera is tested, its picture looked at, watched for a day, and accepted by name."""
    with walk.hub.database.reading() as connection:
        (new,) = [
            one.id for one in registry.cameras(connection, walk.hub.site_id) if one.name == "hl-2b"
        ]
    own = f"/acceptance/sites/{walk.hub.site_id}"
    await walk.send("so-khcn", own, f"/acceptance/cameras/{new}")
    one = (await walk.page("so-khcn")).url.removeprefix(walk.origin).partition("#")[0]
    await walk.send("so-khcn", one, "/probe")
    await walk.send("so-khcn", one, "/picture", press="take")
    await walk.send("so-khcn", one, "/picture", press="well")
    await walk.send("so-khcn", one, "/zone", press="well")
    await asyncio.to_thread(let_a_day_pass, walk.hub, one.rpartition("/")[2])
    await walk.send("so-khcn", one, "/trial")
    await walk.send("so-khcn", one, "/decision", press="accept")
    page = await walk.open("so-khcn", one)
    assert "đã nghiệm thu" in await page.inner_text("main")


def let_a_day_pass(hub: Hub, acceptance_id: str) -> None:
    """The trial began a day ago, and the ledger says that everything was recorded."""
    with hub.database.writing() as connection:
        it = acceptance.find(connection, acceptance_id)
        camera = registry.camera(connection, it.camera_id)
        now_ns = hub.clock.wall_ns()
        connection.execute(db_task.acceptance.update().values(tried_ns=now_ns - it.trial_ns - NS))
        put_span(connection, Stream(hub.site_id, camera.name), Span(now_ns - 2 * DAY, now_ns))


async def inspected(walk: Walk, today: date) -> str:
    """Health inspects; one item fails and becomes a finding; the minutes name who agreed."""
    page = await walk.open("so-y-te", "/inspections")
    form = page.locator("#new")
    await page.locator(f'[name="site"][value="{walk.hub.site_id}"]').first.check(force=True)
    for name, value in (
        ("title", "Kiểm tra định kỳ"), ("body", HEALTH), ("team", "Trưởng đoàn; Sở Y tế"),
        ("planned", written(today)),
    ):  # fmt: skip
        await form.locator(f'[name="{name}"]').first.fill(value)
    async with page.expect_navigation():
        await form.locator("button[type=submit], button:not([type])").first.click()
    links = page.locator('main a[href^="/inspections/"]:not([href*="rounds"])')
    href = await links.first.get_attribute("href")
    assert href is not None
    await walk.send("so-y-te", href, f"{href}/start")
    page = await walk.open("so-y-te", href)
    for code in inspection_rules.items():
        verdict = "fail" if code == "A.1" else "pass"
        await press_radio(page.locator(f'[name="v-{code}"][value="{verdict}"]'))
    for name, value in (
        ("s-A.1", "hai camera không ghi"), ("a-A.1", "thay nguồn tầng 3"), ("r-A.1", "Cơ sở"),
        ("d-A.1", written(today + timedelta(days=3))), ("present", "Người phụ trách; cơ sở"),
        ("opinion", "Nhất trí."),
    ):  # fmt: skip
        await page.locator(f'[name="{name}"]').first.fill(value)
    await press_radio(page.locator('[name="how"][value="agreed"]'))
    async with page.expect_navigation():
        await page.locator('button[formaction$="/minutes"]').first.click()
    page = await walk.open("so-y-te", href)
    finding = await page.locator('main a[href^="/findings/"]').first.get_attribute("href")
    assert finding is not None
    return finding


async def mended(walk: Walk, finding: str) -> None:
    """The facility proves what it did; another person looks again."""
    await walk.send("co-so", finding, "/proof", proof="ledger", said="đã thay nguồn")
    await walk.send("so-y-te", finding, "/check", press="close", found="đã chạy lại")


async def proposed(walk: Walk, today: date) -> None:
    """Two reminders, an explanation of the facility, a proposal, a decision of the province."""
    for level in ("facility", "local"):
        await walk.send(
            "so-y-te", "/reminders", "/reminders", site=walk.hub.site_id, level=level, body=HEALTH,
            what="chưa có người trực xem hình",
        )  # fmt: skip
        await walk.send(
            "van-thu", "/reminders", "/sent", number=f"{level}/SYT", sent=written(today)
        )
    page = await walk.open("so-y-te", "/sanctions")
    own = f'form[action="/sanctions"]:has([name="site"][value="{walk.hub.site_id}"])'
    listed = page.locator(own).first
    await listed.locator('[name="body"]').fill(HEALTH)
    async with page.expect_navigation():
        await listed.locator("button").click()
    page = await walk.open("so-y-te", "/sanctions")
    one = await page.locator('main a[href^="/sanctions/"]').first.get_attribute("href")
    assert one is not None
    await walk.send("co-so", one, "/explanation", person="Người phụ trách", said="Thiết bị hỏng.")
    await walk.send(
        "so-y-te", one, "/proposal", to="UBND tỉnh", measure="Nhắc nhở.", reason="Không ai xem."
    )
    await walk.send(
        "ubnd-tinh", one, "/decision", decision="eased", said="Nhắc nhở bằng văn bản",
        body="UBND tỉnh", person="Chủ tịch", document="7/QĐ-UBND", decided=written(today),
    )  # fmt: skip


async def reported(walk: Walk, order: str, today: date) -> None:
    """The lead department's report is made of the figures; the committee takes it in."""
    report = await walk.send("so-khcn", "/reports", "/reports", press="periodic")
    page = await walk.open("so-khcn", report)
    assert "SHA-256" in await page.inner_text("main") or "băm" in await page.inner_text("main")
    await walk.send("van-thu", order, "/duties/", press="received", note="15/BC-SKHCN")
    page = await walk.open("ubnd-tinh", "/owed")
    assert "đã nhận kết quả" in await page.inner_text("main")
