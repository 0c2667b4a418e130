"""Every page of the product, at 1440 and 390 pixels, in both languages, in a real Chromium.

No overflow, no sentence of the other language, no error in the console, nothing refused by the
content policy. A page route that is not in the list below fails the first test.
"""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import openpyxl
import pages_cases
import pages_closing
import pages_enrolment
import pages_estimates
import pages_floor_plans
import pages_guide
import pages_hubs
import pages_inspections
import pages_papers
import pages_surveys
import pages_tasks
import pages_today
import pages_violations
import pytest
import pytest_asyncio
import sqlalchemy as sa
from visiting import Visit

from hub_stage import CAMERAS, PASSWORD, SITE_ID, Stage, config, stage
from vonggac.clock import NS, SystemClock
from vonggac.db import compliance, tables
from vonggac.db import register as db_register
from vonggac.domain import (
    coverage,
    directives,
    exports,
    holds,
    pictures,
    registry,
    roles,
    sharing,
    units,
)
from vonggac.domain import incidents as records
from vonggac.domain import legal as law
from vonggac.domain import register as facilities
from vonggac.domain import register_import as entering
from vonggac.domain import register_places as places
from vonggac.domain import register_sheets as sheets
from vonggac.domain import register_uploads as uploads
from vonggac.domain import requests as register
from vonggac.domain.exports import Someone
from vonggac.keys import tls
from vonggac.web import rights, serve, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Response,
        ViewportSize,
    )

    from vonggac.db import Connection

pytestmark = pytest.mark.browser
in_module = pytest.mark.asyncio(loop_scope="module")
"""Chromium and the hub live on one loop for the whole module."""


PUBLIC = "p" * 26
"""Public name of the facility."""


AREAS = (
    pages_cases,
    pages_closing,
    pages_enrolment,
    pages_estimates,
    pages_floor_plans,
    pages_guide,
    pages_hubs,
    pages_inspections,
    pages_papers,
    pages_today,
    pages_tasks,
    pages_surveys,
    pages_violations,
)  # fmt: skip
"""Subjects with pages of their own."""

VISITS = (
    *(visit for area in AREAS for visit in area.VISITS),
    Visit("/signin", "/signin", signed_in=False),
    Visit(
        "/signin",
        "/signin",
        401,
        {"name": "admin", "password": "sai"},
        "button[type=submit]",
        signed_in=False,
    ),
    Visit("/signin/help", "/signin/help", signed_in=False),
    Visit("/ca", "/ca", signed_in=False),
    Visit("/password", "/password"),
    Visit("/signin/code", "/signin/code", signed_in=False),
    Visit("/person", "/person", signed_in=False),
    Visit("/display", "/display", signed_in=False),
    Visit("/facilities", "/facilities"),
    Visit("/facilities", "/facilities?q=khong+co"),
    Visit("/facilities/new", "/facilities/new"),
    Visit(
        "/facilities/new",
        "/facilities/new",
        422,
        {"name": "A B", "title": "x", "capacity": "y"},
        ".panel .btn-main",
    ),
    Visit("/facilities/import", "/facilities/import"),
    Visit("/facilities/import/{upload_id}", f"/facilities/import/{'u' * 26}"),
    Visit("/facilities/import/{upload_id}", f"/facilities/import/{'v' * 26}"),
    Visit("/facilities/{site_id}/edit", f"/facilities/{SITE_ID}/edit"),
    Visit("/facilities/{site_id}/cover", f"/facilities/{SITE_ID}/cover"),
    Visit("/account", "/account"),
    Visit("/account/factor", "/account/factor"),
    Visit("/account/tokens", "/account/tokens"),
    Visit("/accounts", "/accounts"),
    Visit("/accounts/{account_id}", "/accounts", press="td a"),
    Visit("/accounts/new", "/accounts/new"),
    Visit("/accounts/sheet", "/accounts/sheet"),
    Visit("/workstations", "/workstations"),
    Visit("/roles", "/roles"),
    Visit("/roles", "/roles?show=over&q=nobody"),
    Visit("/roles/new", "/roles/new?unit=2026.12"),
    Visit("/roles/new", "/roles/new", 422, {"unit": "hoa"}, "button[value=find]"),
    Visit("/units", "/units"),
    Visit("/units", "/units?q=lai+chau"),
    Visit("/units/{unit_id}", "/units/2026.75"),
    Visit("/", "/"),
    Visit("/", "/?show=attention&q=hl"),
    Visit("/", "/?q=nothing"),
    Visit("/wall", "/wall"),
    Visit("/wall", "/wall?tiles=25"),
    Visit("/playback", "/playback"),
    Visit("/playback", "/playback?cameras=hl-2a,hl-3c,cg-1,san-1"),
    Visit("/continuity", "/continuity"),
    Visit("/continuity", "/continuity?view=month"),
    Visit("/continuity", "/continuity?camera=san-1"),
    Visit("/continuity", "/continuity?day=2020-01-01"),
    Visit("/audit", "/audit"),
    Visit("/audit", "/audit?actor=nobody"),
    Visit("/system", "/system"),
    Visit("/more", "/more"),
    Visit("/compliance", "/compliance"),
    Visit("/compliance/{kind}", "/compliance/dataflow"),
    Visit("/compliance/{kind}", "/compliance/dpia"),
    Visit("/compliance/{kind}", "/compliance/level"),
    Visit("/exports", "/exports"),
    Visit("/exports/new", "/exports/new"),
    Visit("/exports/{export_id}", "/exports", press="main tbody a"),
    Visit("/holds", "/holds"),
    Visit("/verify", "/verify"),
    Visit("/watching", "/watching"),
    Visit("/shares", "/shares"),
    Visit("/shared", "/shared"),
    Visit("/notices", "/notices"),
    Visit("/requests", "/requests"),
    Visit(
        "/requests",
        "/requests",
        422,
        {"received": "01/01/2050 00:00", "said": "1"},
        ".panel .btn-main",
    ),
    Visit("/requests/{request_id}", "/requests", press="td a"),
    Visit("/incidents", "/incidents"),
    Visit("/incidents/{incident_id}", "/incidents", press="td a"),
    Visit("/legal", "/legal"),
    Visit("/letters", "/letters"),
    Visit("/directives", "/directives"),
    Visit("/directives", "/directives?q=nothing+here"),
    Visit(
        "/directives",
        "/directives",
        422,
        {"number": "1", "issuer": "1", "subject": "1"},
        ".panel .btn-main",
    ),
    Visit("/directives/{directive_id}", "/directives", press="td a"),
    Visit("/owed", "/owed"),
    Visit("/owed", "/owed?show=all"),
    Visit("/thong-bao/{public_id}", f"/thong-bao/{PUBLIC}", signed_in=False),
    Visit(
        "/thong-bao/{public_id}",
        f"/thong-bao/{PUBLIC}",
        200,
        {"said": "305"},
        "#ask button",
        signed_in=False,
    ),
    Visit("/cameras/new", "/cameras/new"),
    Visit(
        "/cameras/new",
        "/cameras/new",
        422,
        {"name": "hl-9", "title": "x", "zone": "TAM", "main_url": "http://x"},
        "button[value=save]",
    ),
    Visit(
        "/cameras/new",
        "/cameras/new",
        200,
        {"name": "hl-9", "zone": "HL", "main_url": "rtsp://192.0.2.9/"},
        "button[value=probe]",
    ),
    Visit("/cameras/{camera_id}", "/cameras/hl-3c"),
    Visit("/cameras/{camera_id}", "/cameras/tn-1"),
    Visit("/cameras/{camera_id}/edit", "/cameras/hl-2a/edit"),
    Visit("/discover", "/discover"),
    Visit("/discover", "/discover", 200, {"address": ""}, ".main button[type=submit]"),
    Visit("(error)", "/nothing", 404),
    Visit("(error)", "/continuity?day=tomorrow", 422),
)
NO_PAGES = {
    *(path for area in AREAS for path in area.NO_PAGES),
    "/language",
    "/healthz",
    "/metrics",
    "/continuity.csv",
    "/audit.csv",
    "/audit.jsonl",
    "/ca.crt",
    "/facilities/template.xlsx",
    "/facilities/export.xlsx",
    "/facilities/{site_id}/pictures/{picture_id}",
    "/accounts/sheet.xlsx",
    "/accounts/review.xlsx",
    "/compliance/{kind}/file",
    "/notices/{site_id}/sign.pdf",
    "/requests.csv",
    "/requests.xlsx",
    "/incidents/{incident_id}/record.pdf",
    "/incidents/{incident_id}/record.docx",
    "/legal/texts/{text_id}",
    "/letters/template.docx",
    "/letters/{kind}/sample.docx",
    "/letters/{kind}/sample.pdf",
    "/directives/{directive_id}/files/{file_id}",
    "/directives/{directive_id}/frame.docx",
    "/directives/{directive_id}/frame.pdf",
    "/exports/{export_id}/file",
    "/exports/{export_id}/key",
    "/verify/page",
    "/shared/{share_id}",
}
"""Routes that answer with something else than a page."""

SIZES: tuple[ViewportSize, ...] = ({"width": 1440, "height": 900}, {"width": 390, "height": 844})
ARRANGED = ("/wall", "/playback")
"""They arrange themselves as they load, and are loaded at every width."""

VIETNAMESE = re.compile(
    "[àáạảãâầấậẩẫăằắặẳẵèéẹẻẽêềếệểễìíịỉĩòóọỏõôồốộổỗơờớợởỡùúụủũưừứựửữỳýỵỷỹđ]+", re.I
)
BROKEN = re.compile(r"\{[a-z_]+\}|\bundefined\b|\bNaN\b|\bNone\b|\[object")
TEXT = """() => {
  const said = [];
  const skip = "script, style, noscript, [translate=no], svg.defs";
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (element.closest(skip)) continue;
    if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
    else for (const name of ["aria-label", "title", "placeholder", "alt"])
      if (node.hasAttribute(name)) said.push(node.getAttribute(name));
  }
  return said.map((one) => one.trim()).filter(Boolean);
}"""  # noqa: E501
WIDE = """() => {
  const edge = document.documentElement.clientWidth + 1;
  const inside = (element) => element.closest(".scroll, .choose, .seg-ctl, .wall, svg, dialog, .vh, .skip");
  return [...document.querySelectorAll("body *")]
    .filter((element) => !inside(element) && element.getBoundingClientRect().right > edge)
    .map((element) => `${element.tagName.toLowerCase()}.${element.className}`)
    .slice(0, 5);
}"""  # noqa: E501

NAMED = """() => {
  const nameless = (element) => !(element.getAttribute("aria-label")
    || element.getAttribute("title") || element.textContent.trim());
  const faults = [];
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.hidden && !field.labels?.length && !field.getAttribute("aria-label")) faults.push("field " + field.name);
  for (const button of document.querySelectorAll("button, a[href]"))
    if (nameless(button) && !button.querySelector("[aria-label]")) faults.push("nameless " + button.outerHTML.slice(0, 80));
  for (const picture of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])"))
    faults.push("picture " + picture.outerHTML.slice(0, 80));
  if (document.querySelectorAll("h1").length !== 1) faults.push("headings");
  if (!document.querySelector("#main, #wall")) faults.push("no main");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  faults.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => "id twice: " + id));
  return faults;
}"""  # noqa: E501
"""Every field has a label, every picture and button a name, every page one heading."""


@dataclass
class Place:
    """A hub that Chromium can reach, with a box that answers."""

    hub: Stage
    origin: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub_place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("hub")
    async with stage(folder, clock=SystemClock(), origins=(origin,)) as hub:
        stop = asyncio.Event()
        own = tls.authority(folder / "tls", (), now_s=hub.clock.wall_ns() // NS)
        hub.app.state.authority = own.trusted
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        box = await hub.box()
        await asyncio.to_thread(load, hub)
        yield Place(hub, origin)
        await box.stop()
        stop.set()
        await serving


def load(hub: Stage, said: str = "") -> None:
    """What the pages show that no box says; `said` by strangers."""
    load_units(hub)
    load_registers(hub, said)
    load_evidence(hub, said)
    load_facilities(hub, said)
    for area in AREAS:
        area.load(hub, said)


def load_units(hub: Stage) -> None:
    """The tree of today, for the pages that show a unit."""
    with hub.database.writing() as connection:
        units.load(connection, "2026")


def load_registers(hub: Stage, said: str = "") -> None:
    """What the pages towards the public and the law show; `said` by strangers."""
    said = said or TYPED[3]
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        connection.execute(
            compliance.notice.insert().values(
                site_id=SITE_ID, public_id=PUBLIC, operator=TYPED[0], contact=TYPED[1],
                purpose=TYPED[2], purpose_en="", updated_ns=now_ns, updated_by="admin",
            )
        )  # fmt: skip
        someone = Someone("1", "admin")
        for kind, days in (("access", 20), ("copy", 0)):
            register.receive(
                connection, register.Draft(SITE_ID, kind, said[:1900]), actor=someone.actor,
                came="staff", received_ns=now_ns - days * 86_400 * NS, now_ns=now_ns,
            )  # fmt: skip
        draft = records.Draft(
            SITE_ID, "security", True, said[:200], said[:1900], "", now_ns - 30 * 3600 * NS
        )
        opened = records.open_record(connection, draft, by=someone, now_ns=now_ns)
        records.add_step(
            connection, opened.id, kind="contained", said=said[:1900], done_ns=now_ns, by=someone,
            now_ns=now_ns,
        )  # fmt: skip
        load_directives(connection, said, someone, now_ns)
        law.attach(
            connection, "nd-356-2025", file_name="356.pdf", content=b"%PDF-1.7", note="",
            by=someone, now_ns=now_ns,
        )  # fmt: skip


def load_directives(connection: Connection, said: str, someone: Someone, now_ns: int) -> None:
    """The shipped two, and one that came, whose duty is late; who looks keeps the register."""
    account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
    assert account is not None
    roles.give(
        connection, roles.whoever_holds_the_machine(now_ns), account,
        roles.Draft(role="office", reason="phân công"), now_ns=now_ns,
    )  # fmt: skip
    directives.load(connection, now_ns=now_ns - 1)
    draft = directives.Draft(
        "12/UBND-VX", date(2026, 11, 2), said[:200], said[:1900], "HỎA TỐC",
        (directives.CitationDraft("4403/CV-BCP", date(2021, 5, 30), due_said="trước 12/6"),),
    )  # fmt: skip
    came = directives.register(connection, draft, unit_id=None, by=someone, now_ns=now_ns)
    clause = directives.ClauseDraft(
        "1", said[:1900], (said[:200],), (said[:200],), said[:200], "trước 18/11"
    )
    directives.assign(connection, came, clause, by=someone, now_ns=now_ns)
    (made,) = directives.clauses(connection, came)
    directives.step(
        connection, made.duties[1].id, "received", said[:200], by=someone, now_ns=now_ns
    )
    directives.attach(
        connection, came, kind="scan", file_name=said[:100], content=b"%PDF-1.7", by=someone,
        now_ns=now_ns,
    )  # fmt: skip


def load_facilities(hub: Stage, said: str = "") -> None:
    """Contacts, places, doors, a place that is not there, a conclusion, two workbooks."""
    said, now_ns = said or TYPED[3], hub.clock.wall_ns()
    placement = hub.app.state.desk.placement
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        roles.give(
            connection, roles.whoever_holds_the_machine(now_ns), account.id,
            roles.Draft(role="surveyor", sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
        )  # fmt: skip
        contact = facilities.Contact("contact", said[:200], said[:200], said[:200], "0200 000 114")
        facilities.set_contact(connection, SITE_ID, contact, by="admin", now_ns=now_ns)
        area = places.Area("hl-2", "HL", said[:200], "2", said[:500], ("201", "202"))
        places.set_area(connection, SITE_ID, area, placement=placement)
        camera = registry.cameras(connection, SITE_ID)[0].id
        places.tie_door(connection, SITE_ID, "201", camera)
        picture = coverage.keep_picture(
            connection, SITE_ID, "absence", pictures.Picture("image/png", 8, 8, b"-"), by="admin",
            now_ns=now_ns,
        )  # fmt: skip
        by = {"placement": placement, "by": ("admin", said[:100]), "now_ns": now_ns}
        coverage.say_absent(connection, SITE_ID, "LM", reason=said[:500], picture=picture, **by)
        coverage.conclude(
            connection, SITE_ID, enough=False, said=said[:500], pictures=[picture], **by
        )
        for letter, content in (("u", _workbook("hl-9", "HL")), ("v", _workbook("wc-1", "WC"))):
            book = sheets.read(content)
            made = entering.plan(
                connection, book, gate=lambda _act, _thing: True, placement=placement, own_site=""
            )
            found = uploads.keep(connection, account.id, said[:100], content, now_ns=now_ns)
            connection.execute(
                db_register.sheet_upload.update()
                .where(db_register.sheet_upload.c.id == found)
                .values(id=letter * 26, state="read", found=uploads.summary(made))
            )


def _workbook(camera: str, zone: str) -> bytes:
    """A new camera, and a change of a contact."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    sheet = book.create_sheet("camera")
    sheet.append(["Mã cơ sở", "Tên camera", "Loại khu vực", "Luồng chính"])
    sheet.append(["sl-05", camera, zone, "rtsp://192.0.2.9/1"])
    sheet = book.create_sheet("liên hệ")
    sheet.append(["Mã cơ sở", "Vai trò", "Họ và tên", "Điện thoại"])
    sheet.append(["sl-05", "contact", "Người trực", "0200 000 115"])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def load_evidence(hub: Stage, said: str = "") -> None:
    """An export that waits for its second person, a hold, and cameras shared with another body."""
    body, reason, basis = (said[:200] or typed for typed in (TYPED[0], TYPED[3], TYPED[2]))
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        someone = Someone(account.id, account.name)
        roles.give(
            connection, roles.whoever_holds_the_machine(now_ns), account.id,
            roles.Draft(role="leader", sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
        )  # fmt: skip
        camera = registry.cameras(connection, SITE_ID)[0].id
        span = (now_ns - 2 * 3600 * NS, now_ns - 3600 * NS)
        paper = exports.Request("12/CV", "2026-11-17", body, reason, basis)
        exports.ask(
            connection, site_id=SITE_ID, cameras=[camera], span=span, request=paper,
            with_copy=True, by=someone, now_ns=now_ns, today=date(2026, 11, 18),
        )  # fmt: skip
        holds.place(
            connection, camera_id=camera, span=span, case_number="7/BB", reason=reason,
            by=someone, now_ns=now_ns,
        )  # fmt: skip
        sharing.share(
            connection, "admin",
            sharing.Draft(
                SITE_ID, [camera], "2026.75", now_ns + 4 * 3600 * NS, reason
            ),
            now_ns=now_ns,
        )  # fmt: skip


def test_every_page_route_is_in_the_list() -> None:
    """A new page is looked at by this test, or it is no page; the table of acts knows them all."""
    paths = {key.removeprefix("GET ") for key in rights.RULES if key.startswith("GET /")}
    pages = {path for path in paths if not path.startswith("/api/")}

    assert pages - NO_PAGES == {visit.route for visit in VISITS} - {"(error)"}


async def signed_in(context: BrowserContext, place: Place, language: str) -> None:
    await context.add_cookies([{"name": "vg_language", "value": language, "url": place.origin}])
    answer = await context.request.post(
        f"{place.origin}/api/v1/session", data={"user": "admin", "password": PASSWORD}
    )
    assert answer.status == 200


TYPED = (
    "KS Mường Hoa, bộ phận an ninh",
    "lễ tân, 0200 000 000",
    "an ninh, phòng dịch",
    "sảnh, 8 h",
)


def data_of(place: Place) -> list[str]:
    """What people typed into this facility: it stands on pages of both languages as it is."""
    site = config(place.hub.folder).site
    typed = [title for _, _, title in CAMERAS]
    return sorted([*typed, site.title, site.address], key=len, reverse=True)


class Reader:
    """A tab that goes from page to page, as a person's does, and what went wrong in it."""

    def __init__(self, page: Page, place: Place) -> None:
        self.page = page
        self.wrong: list[str] = []
        self._place = place
        self._granted = asyncio.Event()
        self._is_refusal = False
        page.on("response", self._answered)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _answered(self, answer: Response) -> None:
        if answer.url.endswith("/grants"):
            self._granted.set()

    def _heard(self, message: ConsoleMessage) -> None:
        expected = self._is_refusal and "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not expected:
            self.wrong.append(message.text)

    async def open(self, visit: Visit) -> int:
        """Returns the status, when the page is whole."""
        page = self.page
        self._is_refusal = visit.status >= 400
        self._granted.clear()
        answer = await page.goto(self._place.origin + visit.address)
        if visit.press:
            await self._fill(visit)
            async with page.expect_navigation() as navigation:
                await page.locator(visit.press).first.click()
            answer = await navigation.value
        assert answer is not None
        if visit.route in ARRANGED:
            # Their modules ask for a grant, connect and fill the page after it has loaded.
            async with asyncio.timeout(20):
                await self._granted.wait()
            await page.wait_for_selector(".tile, #views .pic", state="attached")
        return answer.status

    async def _fill(self, visit: Visit) -> None:
        for name, value in visit.fill.items():
            target = self.page.locator(f"main [name={name}]").first
            if await target.evaluate("element => element.tagName") == "SELECT":
                await target.select_option(value)
            else:
                await target.fill(value)


def untranslated(said: list[str], language: str, data: list[str]) -> list[str]:
    texts = []
    for one in said:
        text = one
        for typed in (*data, "Vọng Gác", "Tiếng Việt"):
            text = text.replace(typed, "")
        texts.append(text)
    if language == "en":
        letters = {words_.letter for words_ in cameras_causes()}
        return [text for text in texts if VIETNAMESE.search(text) and text.strip() not in letters]
    return [text for text in texts if text in english_sentences()]


@cache
def english_sentences() -> frozenset[str]:
    """What stands on no Vietnamese page."""
    return frozenset(
        english
        for vietnamese, english in words.english().items()
        if english != vietnamese and len(english.split()) >= 3 and "{" not in english
    )


def cameras_causes() -> list[Any]:
    from vonggac.domain import rules

    return list(rules.causes().values())


async def faults_of(page: Page, language: str, data: list[str]) -> list[str]:
    """What is wrong with a page as it stands on the screen now."""
    wide, narrow = await page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    faults = [f"{wide - narrow} px wider than the screen"] if wide > narrow else []
    faults += [f"beyond the edge: {one}" for one in await page.evaluate(WIDE)]
    said = await page.evaluate(TEXT)
    faults += [repr(one) for one in untranslated(said, language, data)]
    faults += [f"broken: {one!r}" for one in said if BROKEN.search(one)]
    spoken = await page.evaluate("document.documentElement.lang")
    return faults if spoken == language else [*faults, f"says that it is in {spoken}"]


@in_module
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_pages_are_whole(browser: Browser, hub_place: Place, language: str) -> None:
    """Fit the screen, in one language, to be worked by keyboard and read aloud.

    Faults of all pages at once: whoever reads the report mends them in one go.
    Each page is loaded at one width and looked at in both; at the other one in the other language.
    """
    locale = {"vi": "vi-VN", "en": "en-GB"}[language]
    data = data_of(hub_place)
    faults: list[str] = []
    member = await browser.new_context(locale=locale)
    stranger = await browser.new_context(locale=locale)
    await signed_in(member, hub_place, language)
    seeing = Reader(await member.new_page(), hub_place)
    waiting = Reader(await stranger.new_page(), hub_place)
    try:
        for visit in VISITS:
            reader = seeing if visit.signed_in else waiting
            name = f"{visit.address}{' sent' if visit.press else ''}"
            for at, size in enumerate(SIZES if language == "vi" else SIZES[::-1]):
                await reader.page.set_viewport_size(size)
                if at == 0 or visit.route in ARRANGED:
                    # Probes and searches are limited for each account; time passes between
                    # real ones.
                    hub_place.hub.app.state.desk.ask_limit._buckets.clear()
                    hub_place.hub.app.state.desk.sign_in_limit._buckets.clear()
                    status = await reader.open(visit)
                    if status != visit.status:
                        faults.append(f"{name}: status {status}, not {visit.status}")
                found = await faults_of(reader.page, language, data)
                if visit.signed_in and not visit.press:
                    found += await reader.page.evaluate(NAMED)
                found += [f"console: {one}" for one in reader.wrong]
                reader.wrong.clear()
                faults += [f"{name}, {size['width']} px: {one}" for one in found]
    finally:
        await member.close()
        await stranger.close()

    assert faults == []


BETWEEN: tuple[ViewportSize, ...] = ({"width": 768, "height": 900}, {"width": 1024, "height": 768})
"""A tablet upright and across: too narrow for the list beside the page."""

SQUEEZED = """() => {
  const shown = (element) => element.getClientRects().length && element.getBoundingClientRect().width;
  const faults = [];
  for (const line of document.querySelectorAll(".top, .wtop, .wfoot, .tile footer")) {
    const pieces = [...line.children].filter(shown);
    for (const [at, piece] of pieces.entries()) {
      const next = pieces[at + 1]?.getBoundingClientRect();
      const end = Math.max(piece.getBoundingClientRect().right,
        ...[...piece.children].filter((inner) => shown(inner) && getComputedStyle(piece).overflowX === "visible")
          .map((inner) => inner.getBoundingClientRect().right));
      const edge = next ? next.left : line.getBoundingClientRect().right;
      if (end > edge + 1) faults.push(`${piece.tagName.toLowerCase()}.${piece.className} lies over what follows`);
    }
  }
  const ways = [...document.querySelectorAll(".rail, .tabbar, .wtop .brand")].filter(shown);
  return ways.length ? faults : [...faults, "no way to another page"];
}"""  # noqa: E501
"""Pieces of one line that lie over one another, and a page that leads nowhere."""


@in_module
async def test_pages_on_a_tablet(browser: Browser, hub_place: Place) -> None:
    """Between the two widths above a page must fit too, and lead on to the others."""
    context = await browser.new_context()
    await signed_in(context, hub_place, "vi")
    reader = Reader(await context.new_page(), hub_place)
    faults = []
    for address in ("/", "/wall", "/playback", "/continuity", "/discover", "/system", "/more"):
        for at, size in enumerate(BETWEEN):
            await reader.page.set_viewport_size(size)
            if at == 0 or address in ARRANGED:
                await reader.open(Visit(address, address))
            found = await faults_of(reader.page, "vi", data_of(hub_place))
            found += await reader.page.evaluate(SQUEEZED)
            faults += [f"{address}, {size['width']} px: {one}" for one in found]
    await context.close()

    assert faults == []


PALE = """() => [...document.querySelectorAll(".gb i, .live, .badge, .face")]
  .filter((element) => getComputedStyle(element).printColorAdjust !== "exact")
  .map((element) => `${element.tagName.toLowerCase()}.${element.className} loses its colours`)
  .slice(0, 3)"""
"""What browsers leave out on paper unless told: the pattern of a cause is a background."""

CUT_OFF = """() => [...document.querySelectorAll(".scroll")]
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .map((element) => `${element.ariaLabel}: ${element.scrollWidth} of ${element.clientWidth} px`)"""


@in_module
async def test_pages_on_paper(browser: Browser, hub_place: Place) -> None:
    """A sheet of A4 does not scroll: tables fit its width, and causes keep their patterns."""
    context = await browser.new_context(viewport={"width": 794, "height": 1123})
    await signed_in(context, hub_place, "vi")
    page = await context.new_page()
    reader = Reader(page, hub_place)
    await page.emulate_media(media="print")
    faults = []
    for address in ("/", "/continuity", "/cameras/san-1", "/system"):
        await reader.open(Visit(address, address))
        # The margins of a sheet, which a screen has not.
        await page.evaluate("document.querySelector('.main').style.width = '717px'")
        found = await page.evaluate(PALE) + await page.evaluate(CUT_OFF)
        faults += [f"{address}: {one}" for one in found]
    await context.close()

    assert faults == []


@in_module
async def test_the_eye_of_this_test_sees(browser: Browser, hub_place: Place) -> None:
    """Judged as the other language, a page must be full of faults; else nothing above is proved."""
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    await signed_in(context, hub_place, "vi")
    page = await context.new_page()
    reader = Reader(page, hub_place)
    await reader.open(Visit("/system", "/system"))
    said = await page.evaluate(TEXT)
    await page.evaluate("console.error('heard')")
    await page.evaluate("document.querySelector('h1').style.width = '1000px'")
    wide = await page.evaluate(WIDE)
    await context.close()

    assert len(untranslated(said, "en", data_of(hub_place))) > 40
    assert wide != []
    assert reader.wrong == ["heard"]
