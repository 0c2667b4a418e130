"""Templates and static files: hashed addresses, one environment, no logic of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from vonggac import __version__
from vonggac.hub.said import unturned
from vonggac.web import bundle, dates, words

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from starlette.types import Scope

ROOT = Path(str(resources.files("vonggac.web")))
STATIC = ROOT / "static"
YEAR_S = 31_536_000

START = "start.mjs"
"""The module that pages with pictures begin with; each page's own comes after it."""
PAGES = ("wall.mjs", "playback.mjs")
SHEETS = ("css/tokens.css", "css/fonts.css", "css/base.css", "css/pages.css", "js/pictures.css")
"""The house's styles, in the order in which they are read."""


class Assets(StaticFiles):
    """Static files.

    One asked for by the hash of its content may be kept for a year; any other is asked for again
    each time and answered 304 when unchanged. What a page needs together is joined, under a folder
    with a hash of all of it in its name: `/static/js-<hash>/wall.mjs` is `js/wall.mjs` with what
    it imports (`bundle`), `/static/css-<hash>/house.css` the five sheets. Addresses inside them,
    `../fonts/...`, stay true.
    """

    def __init__(self) -> None:
        super().__init__(directory=STATIC)
        self._hashes: dict[str, str] = {}
        modules = {path.name: path.read_text("utf-8") for path in STATIC.glob("js/*.mjs")}
        joined = {name: bundle.join(modules, (START, name))[name] for name in PAGES}
        joined |= bundle.join(modules, (START,))
        self._scripts = _folder("js", joined)
        sheet = "".join((STATIC / name).read_text("utf-8") for name in SHEETS)
        self._styles = _folder("css", {"house.css": sheet})
        self._joined = {
            f"{folder}/{name}": (text.encode(), media_type)
            for (folder, texts), media_type in (
                (self._scripts, "text/javascript"),
                (self._styles, "text/css"),
            )
            for name, text in texts.items()
        }

    def address(self, path: str) -> str:
        """`/static/css/base.css?v=<hash>`."""
        if path not in self._hashes:
            content = (STATIC / path).read_bytes()
            self._hashes[path] = hashlib.sha256(content).hexdigest()[:16]
        return f"/static/{path}?v={self._hashes[path]}"

    def module(self, name: str) -> str:
        """`/static/js-<hash>/wall.mjs`: one of `PAGES`, or `START`."""
        return f"/static/{self._scripts[0]}/{name}"

    def sheet(self) -> str:
        """`/static/css-<hash>/house.css`."""
        return f"/static/{self._styles[0]}/house.css"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer one request for a file."""
        folder, _, name = path.partition("/")
        joined = self._joined.get(path) if scope["method"] in ("GET", "HEAD") else None
        by_hash = scope.get("query_string", b"").startswith(b"v=") or joined is not None
        if joined is not None:
            response = Response(joined[0], media_type=joined[1])
        elif folder.startswith("js-") and name in self._scripts[1]:
            # An older hash: a page that outlived an upgrade.
            response = Response(self._scripts[1][name], media_type="text/javascript")
        else:
            response = await super().get_response(path, scope)
        if by_hash and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        elif path.endswith(".woff2"):
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}"
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response


class Pages:
    """Turns templates into pages.

    Args:
        assets: where styles and modules are.
    """

    def __init__(self, assets: Assets) -> None:
        self._environment = _environment(assets)

    def page(
        self,
        template: str,
        t: words.Tongue,
        values: Mapping[str, Any],
        *,
        status: int = 200,
    ) -> HTMLResponse:
        """A page in the visitor's language."""
        html = self._environment.get_template(template).render(
            {
                "t": t,
                "moment": partial(_time, t),
                "sentence": partial(_sentence, t),
                "lang": t.language,
                **values,
            }
        )
        return HTMLResponse(html, status_code=status)


@cache
def assets() -> Assets:
    """Those of this process: modules are joined and hashed once, however many hubs it has."""
    return Assets()


@cache
def _environment(assets: Assets) -> jinja2.Environment:
    """Templates are compiled once a process."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=unturned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        asset=assets.address,
        module=assets.module,
        sheet=assets.sheet,
        icon=_icon,
        page_json=page_json,
        codec_name=codec_name,
        version=__version__,
        machine=words.machine,
        day_text=dates.written,
        day_pattern=dates.DAY_PATTERN,
        moment_pattern=dates.MOMENT_PATTERN,
    )
    return environment


def _folder(kind: str, texts: dict[str, str]) -> tuple[str, dict[str, str]]:
    """A folder's name, which changes with what is in it, and what is in it."""
    told = hashlib.sha256()
    for name, text in sorted(texts.items()):
        told.update(f"{name}\n{len(text)}\n{text}".encode())
    return f"{kind}-{told.hexdigest()[:16]}", texts


@dataclass(frozen=True, slots=True)
class Form:
    """Values as typed and what is wrong with them; `general` belongs to no field."""

    values: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    general: str = ""


def form_values(form: MutableMapping[str, Any]) -> dict[str, str]:
    """The text fields of a form; files are left out."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def page_json(data: Mapping[str, Any]) -> Markup:
    """Data inside a script element: nothing in it can end the element."""
    text = msgspec.json.encode(data).decode()
    return Markup(  # noqa: S704 - the characters that matter are escaped on the next line
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )


def codec_name(codec: str) -> str:
    """H.264 or H.265 for what the wire calls avc1.64001f or hvc1...; anything else as it is."""
    if codec.startswith(("avc1", "avc3", "h264")):
        return "H.264"
    return "H.265" if codec.startswith(("hvc1", "hev1", "h265")) else codec


def _icon(name: str, css: str = "ico") -> Markup:
    return Markup('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>').format(css, name)


def _time(t: words.Tongue, ns: int, said: str | None = None) -> Markup:
    """A moment as `<time>`; the clock alone unless other words are given."""
    return Markup('<time datetime="{}">{}</time>').format(words.machine(ns), said or t.clock(ns))


def _sentence(t: words.Tongue, sentence: str, /, **values: object) -> Markup:
    """A sentence with markup in its placeholders: values are escaped unless they are markup."""
    said = escape(t(sentence))
    return said.format(**values)
