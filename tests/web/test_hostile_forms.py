"""Hostile input into every form: no failure, nothing of the inside, nothing of another unit.

The forms are found in the pages themselves and the routes in the route table, so that a new page is
tried without a line here.  `VONGGAC_HOSTILE=all` puts every value into every field.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
import itertools
import os
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from test_matrix import ROUTES
from two_units import ALL, DUTY, NO_ROLE, A, Two, faults, put_up

from hub_stage import ORIGIN, browser, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx

EVERYTHING = os.environ.get("VONGGAC_HOSTILE") == "all"
pytestmark = pytest.mark.timeout(7_200 if EVERYTHING else 900)
TAG = "<zz-tag onload=alert(1)>"

VALUES: Sequence[bytes] = (
    b"",
    b" ",
    b"a\0b",
    b"\xff\xfe\x80",
    b"\xed\xa0\x80",  # a lone surrogate as UTF-8 would write it
    "‮đảo‏".encode(),
    ("e" + "́" * 400).encode(),
    "👩‍👩‍👧‍👦".encode(),
    "\ufeff\u2028".encode(),
    b"' OR 1=1 --",
    b"'; DROP TABLE account; --",
    b"%' ESCAPE '\\",
    f"\"'>{TAG}".encode(),
    b"{{ 7 * 7 }}${7*7}{% include 'base.html' %}",
    b"%s%n%(x)s{0.__class__}",
    b"../../../../etc/passwd",
    b"file:///etc/passwd",
    b"//evil.invalid/",
    b"javascript:alert(1)",
    b"rtsp://u:p@127.0.0.1:99999/\r\nTEARDOWN",
    b"http://[::1",
    b"a\r\nSet-Cookie: zz-set=1",
    b"-1",
    b"0",
    b"1e309",
    b"NaN",
    b"99999999999999999999",
    b"9" * 5_000,
    "٣²½".encode(),
    b"2026-02-30",
    b"0000-00-00",
    b"0001-01-01T00:00:00+23:59",
    b"9999-12-31T23:59",
    b"2026-11-18T25:61",
    b"31/02/2026 24:60",
    b"99999-01-01",
    b"[]",
    b'{"a": 1}',
    b"null",
    b"on",
    b"=cmd|'/C calc'!A0",
    b"a;b,c\td\ne",
    b"A" * 50_000,
    b"\xc4\x90" * 2_000,
)
"""Empty, huge, no text, no Unicode, code of other languages, numbers and days that are none."""


SHARPEST = (b"9" * 5_000, "²".encode(), b"a\0b")
"""Figures that int() refuses though isdigit() calls them such, and what PostgreSQL takes nowhere:
one of them into each field, each time."""
WRONG_PATHS = (b"\0", b"..", b"\xff", b"A" * 3_000, b"'")
BODIES, OTHERS, PATHS = 3, 3, 2
"""Of the bodies that are no form, of the things of another unit and of the wrong paths, so many are
sent to each form; the next form gets the next ones."""


@dataclass
class Form:
    """A form as a page shows it: where it goes, and what a browser would send."""

    action: str
    method: str
    shown: bool = True
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Its fields, each once."""
        return list(dict.fromkeys(name for name, _ in self.fields if name != "form_token"))


class Reader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = html.unescape(said.get("action", "")) or self._page
            self.forms.append(Form(action, said.get("method", "get").lower()))
        if not self.forms:
            return
        fields = self.forms[-1].fields
        name = said.get("name", "")
        if tag == "select":
            self._select = name
            fields.append((name, ""))
        elif tag == "option" and self._select and (fields[-1][1] == "" or "selected" in said):
            fields[-1] = (self._select, said.get("value", ""))
        elif name and tag in ("input", "textarea", "button"):
            fields.append((name, said.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def path_of(key: str, ids: Mapping[str, str]) -> str:
    """The path of a route with these things in it."""
    path = key.split(" ")[1]
    for name in ROUTES[key].param_convertors:
        path = path.replace(f"{{{name}}}", ids.get(name, "nothing"))
    return path


def key_of(path: str) -> str | None:
    """The route that a form is sent to."""
    for key, route in ROUTES.items():
        if key.startswith("POST ") and route.path_regex.match(path):
            return key
    return None


PAGES = [key for key in ROUTES if key.startswith("GET ") and not key.startswith("GET /api/")]
POSTS = [key for key in ROUTES if key.startswith("POST ") and not key.startswith("POST /api/")]


@dataclass
class Run:
    """What was sent and what was wrong with the answers."""

    two: Two
    client: httpx.AsyncClient
    wrong: list[str] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)

    async def page(self, person: str | None, path: str) -> str:
        """Open a page, which is held to the same as an answer."""
        answer = await self._answer(person, "GET", path)
        self._look(f"GET {path}", person, answer)
        return answer.text if "html" in answer.headers.get("content-type", "") else ""

    async def send(
        self, key: str, person: str | None, path: str, fields: Sequence[tuple[str, bytes]]
    ) -> None:
        """Send a form with the right token."""
        token = self.two.session(person)[1] if person else ""
        pairs = [("form_token", token.encode()), *fields]
        body = b"&".join(
            quote_plus(name).encode() + b"=" + quote_plus(value).encode() for name, value in pairs
        )
        await self.raw(key, person, path, body, "application/x-www-form-urlencoded")

    async def raw(
        self, key: str, person: str | None, path: str, body: bytes, content_type: str
    ) -> None:
        """Send a body as it is; once more if the session was over that its token is of."""
        headers = {"content-type": content_type} if content_type else {}
        answer = await self._answer(person, "POST", path, content=body, headers=headers)
        self._look(f"{key} <- {body[:160]!r} ({content_type})", person, answer)
        self.answers[key, answer.status_code] += 1
        to = answer.headers.get("location", "")
        if answer.status_code not in (401, 403, 413) and not to.startswith("/signin?"):
            self.reached.add(key)

    async def _answer(
        self, person: str | None, method: str, path: str, content: bytes = b"", **more: Any
    ) -> httpx.Response:
        """What they are answered who are signed in."""
        for _ in range(2):
            self.client.cookies.clear()
            self.client.cookies.update(self.two.cookies(person))
            answer = await self.client.request(method, path, content=content, **more)
            form = self.two.session(person)[1] if person else ""
            if not self.two.has_ended(
                person, answer.status_code, answer.headers.get("location", "")
            ):
                break
            assert person is not None
            content = content.replace(form.encode(), self.two.session(person)[1].encode())
        return answer

    def _look(self, what: str, person: str | None, answer: httpx.Response) -> None:
        found = list(faults(answer.status_code, answer.headers, answer.content, person))
        if TAG in answer.text:
            found.append("says a tag as it was sent")
        if (
            "http" in answer.headers.get("location", "")
            or "//" in answer.headers.get("location", "").removeprefix(ORIGIN).partition("?")[0]
        ):
            found.append(f"leads away: {answer.headers['location']}")
        self.wrong += [f"{what} as {person}: {fault}" for fault in found]


@contextlib.asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Run]:
    """The hub, with a box that answers."""
    async with stage(tmp_path, cameras=False) as hub:
        two = await asyncio.to_thread(put_up, hub)
        box = await hub.box()
        async with browser(hub, "192.0.2.77") as client:
            yield Run(two, client)
        await box.stop()


async def forms_of(run: Run, person: str) -> dict[str, list[Form]]:
    """The forms that a person finds in the pages, by the route that they are sent to."""
    found: dict[str, list[Form]] = {key: [] for key in POSTS}
    for key in PAGES:
        reader = Reader(path_of(key, run.two.own))
        reader.feed(await run.page(person, reader._page))
        for form in reader.forms:
            path = urlsplit(form.action).path
            goes = key_of(path) if form.method == "post" else None
            if goes in found and all(form.names != other.names for other in found[goes]):
                found[goes].append(form)
    every = sorted({name for forms in found.values() for form in forms for name in form.names})
    for key, forms in found.items():
        if not forms:  # no page shows it now: all names that forms have
            fields = [(name, "") for name in every]
            forms.append(Form(path_of(key, run.two.own), "post", False, fields))
    return found


def filled(form: Form, hostile: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """What a browser sends, with some values replaced."""
    return [
        (name, hostile.get(name, value.encode("utf-8", "replace")))
        for name, value in form.fields
        if name != "form_token"
    ]


def some(count: int, turn: Iterator[int]) -> Iterator[bytes]:
    """So many of the values, going on where the last one stopped; all in the long run."""
    for _ in range(len(VALUES) if EVERYTHING else count):
        yield VALUES[next(turn) % len(VALUES)]


def attacks(form: Form, ids: Mapping[str, str], turn: Iterator[int]) -> Iterator[Any]:
    """The forms that are sent: every value in all fields, some in each, fields gone and twice."""
    for value in some(4, turn):
        yield filled(form, dict.fromkeys(form.names, value))
    for name in form.names if form.shown or EVERYTHING else ():
        for value in VALUES if EVERYTHING else (SHARPEST[next(turn) % len(SHARPEST)],):
            yield filled(form, {name: value})
        if EVERYTHING or next(turn) % 3 == 0:
            yield [pair for pair in filled(form, {}) if pair[0] != name]
    for name in form.names[: None if EVERYTHING else 1]:
        yield [*filled(form, {}), (name, b"again"), (name, TAG.encode())]
        things = list(ids.values())
        for at in range(len(things) if EVERYTHING else OTHERS):
            thing = things[at if EVERYTHING else next(turn) % len(things)]
            yield filled(form, {name: thing.encode()})
    yield []
    yield [*filled(form, {}), *((f"x{n}", b"y") for n in range(1_200))]


@cache
def bomb() -> bytes:
    """A ZIP of 20 kB that would be 20 MB, named as a workbook's part."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<x/>")
        archive.writestr("xl/workbook.xml", b" " * 20_000_000)
    return file.getvalue()


def bodies(form: Form, token: str) -> Iterator[tuple[bytes, str]]:
    """Bodies that are no form, or a form of another kind, or carry files."""
    plain = b"&".join(
        quote_plus(name).encode() + b"=x" for name in ["form_token", *form.names]
    ).replace(b"form_token=x", b"form_token=" + quote(token).encode())
    yield plain, ""
    yield plain, "text/plain"
    yield b'{"form_token": "' + token.encode() + b'"}', "application/json"
    yield plain, "application/x-www-form-urlencoded; charset=utf-16"
    yield b"%zz=%%%&=&&&;=%", "application/x-www-form-urlencoded"
    yield b"\xff\xfe\x00", "application/x-www-form-urlencoded"
    yield b"x", "multipart/form-data"
    yield b"--b\r\n\r\n--b", "multipart/form-data; boundary=b"
    yield (
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ("multipart/form-data; boundary=b"),
    )
    yield b"x" * 70_000, "application/x-www-form-urlencoded"
    pieces = [b'--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n' + token.encode()]
    for content, name in (
        (bomb(), "a.xlsx"),
        (b"PK\x03\x04garbage", "../../a.xlsx"),
        (b"MZ\x90\x00", "a.exe"),
        (b"<svg onload='alert(1)'/>", "a.svg"),
        (b"", "a\0.pdf"),
    ):
        files = [
            f'--b\r\nContent-Disposition: form-data; name="{field_}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + content
            for field_ in form.names[:2]
        ]
        yield b"\r\n".join([*pieces, *files, b"--b--\r\n"]), "multipart/form-data; boundary=b"


async def test_every_form_takes_whatever_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By one who may do everything, so that each value comes as far as it can."""
    turn = itertools.count()
    async with running(tmp_path) as run:
        forms = await forms_of(run, ALL)
        for key, found in forms.items():
            for form in found:
                path = urlsplit(form.action)
                target = path.path + (f"?{path.query}" if path.query else "")
                for fields in attacks(form, run.two.ids, turn):
                    await run.send(key, ALL, target, fields)
                sent = list(bodies(form, run.two.session(ALL)[1]))
                for _ in range(len(sent) if EVERYTHING else BODIES):
                    body, content_type = sent[next(turn) % len(sent)]
                    await run.raw(key, ALL, target, body, content_type)
            for at in range(len(WRONG_PATHS) if EVERYTHING else PATHS):
                value = WRONG_PATHS[at if EVERYTHING else next(turn) % len(WRONG_PATHS)]
                ids = dict.fromkeys(run.two.own, quote(value, safe=""))
                await run.send(key, ALL, path_of(key, ids), filled(found[0], {}))

    with capsys.disabled():
        print(f"\nhostile forms: {run.answers.total()} sent to {len(POSTS)} routes, "
              f"{len(VALUES)} values, {len(run.wrong)} wrong")  # fmt: skip
    assert "\n".join(run.wrong) == ""
    assert set(POSTS) - run.reached == set()


async def test_forms_and_pages_tell_nobody_of_another_unit(tmp_path: Path) -> None:
    """With the other unit's things in the path and in every field, by those who may not see it."""
    async with running(tmp_path) as run:
        for person in (A, DUTY, NO_ROLE, None):
            for key in PAGES:
                await run.page(person, path_of(key, run.two.ids))
                if person == A:
                    await run.page(person, path_of(key, run.two.own))
        forms = await forms_of(run, ALL)
        for key, found in forms.items():
            for person, thing in [
                *((A, thing) for thing in run.two.ids.values()),
                *((other, run.two.ids["camera_id"]) for other in (DUTY, NO_ROLE, None)),
            ]:
                fields = filled(found[0], dict.fromkeys(found[0].names, thing.encode()))
                await run.send(key, person, path_of(key, run.two.ids), fields)
                if EVERYTHING or thing == run.two.ids["export_id"]:
                    await run.send(key, person, path_of(key, run.two.own), fields)

    assert "\n".join(run.wrong) == ""
