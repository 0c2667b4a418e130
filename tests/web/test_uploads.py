"""Files that people send: as long as their pages say, told by their bytes, never by their names."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from test_staff import enter, send, sheet

from hub_stage import NOW_NS
from vonggac.db import tables
from vonggac.domain import directives, papers, roles, roster
from vonggac.domain.pictures import MAX_PICTURE
from vonggac.paper import word
from vonggac.web import rights, security
from vonggac.web.app import ROUTERS

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

FORM = 8 * 1024
"""Bytes of the fields and borders that travel with a file."""


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (f"/directives/{'d' * 26}/files", directives.MAX_FILE),
        (f"/papers/{'p' * 26}/issue", papers.MAX_FILE),
        (f"/api/v1/papers/{'p' * 26}/signed.pdf", papers.MAX_FILE),
        ("/letters/template", word.MOST_BYTES),
        ("/api/v1/letters/template", word.MOST_BYTES),
        ("/facilities/absences", MAX_PICTURE),
        ("/accounts/sheet", 512 * 1024),
    ],
)
def test_a_body_may_be_as_long_as_the_file_that_its_page_takes(path: str, most: int) -> None:
    """A scan of some pages has megabytes: refused before it is read, nobody could attach one."""
    assert security.longest(path) >= most + FORM


def test_no_other_body_is_long() -> None:
    """Patterns must not open a neighbour: one segment of a path is one segment."""
    for path in (
        "/signin", "/directives/x/y/files", "/directives/x/files/z", "/directives//files",
        "/papers/x/steps", "/thong-bao/x", "/letters/template.docx", "/papers/x/issue/",
    ):  # fmt: skip
        assert security.longest(path) == security.MAX_BODY, path


SHORT = {"POST /api/v1/enrol"}
"""Reads its body itself and takes no file: what a stranger may send stays short."""


def test_every_route_that_takes_a_file_has_room_for_one() -> None:
    """A new one without a line in the table would answer 413 to whatever is sent in earnest."""
    short = []
    for key, route in rights.routes_of(ROUTERS):
        method, path = key.split(" ")
        source = inspect.getsource(route.endpoint)
        takes = re.search(r"UploadFile|request\.stream\(|request\.body\(", source)
        filled = re.sub(r"\{\w+\}", "x" * 26, path)
        if method in ("POST", "PUT") and takes and security.longest(filled) == security.MAX_BODY:
            short.append(key)

    assert set(short) == SHORT


async def test_a_scan_of_some_pages_is_attached_to_a_directive(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """As a browser sends it: 300 kB, where a form of words has 64 kB at most."""
    with hub.database.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        (found, *_) = connection.execute(sa.text("SELECT id FROM directive")).scalars().all()
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        assert account is not None
        roles.give(
            connection, roles.whoever_holds_the_machine(NOW_NS), account,
            roles.Draft(role="office", reason="phân công"), now_ns=NOW_NS,
        )  # fmt: skip
    session = (await client.get("/api/v1/session")).json()
    scan = b"%PDF-1.7\n" + b"x" * 300_000

    answer = await client.post(
        f"/directives/{found}/files",
        data={"form_token": session["csrf_token"], "kind": "scan"},
        files={"file": ("quet.pdf", scan)},
    )

    assert answer.status_code == 303, answer.text[:500]


async def test_a_sheet_may_have_as_many_rows_as_it_says(client: httpx.AsyncClient) -> None:
    """The rows of the rehearsal come back as text of a form: longer than the file they came in."""
    lines = [
        (f"nguoi-thu-{at}", f"Nguyễn Thị Người Thử Đường Dài {at}", "vai trò không có", "Tỉnh Thử",
         "khách sạn có thu phí", "KS Thử Đường Dài", "31/12/2026")
        for at in range(roster.ROWS_LIMIT)
    ]  # fmt: skip
    rehearsed = await send(client, sheet(*lines))
    entered = await enter(client, rehearsed.text)

    assert rehearsed.status_code == 200
    assert entered.status_code == 200, entered.status_code
