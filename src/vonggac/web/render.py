"""Templates and static files: hashed addresses, one environment, no logic of its own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from vonggac import __version__
from vonggac.web import words

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from starlette.responses import Response
    from starlette.types import Scope

ROOT = Path(str(resources.files("vonggac.web")))
STATIC = ROOT / "static"
YEAR_S = 31_536_000

_IMPORT = re.compile(r'^(?:import|export)\b[^"]*"\./([\w-]+\.mjs)";', re.MULTILINE)


class Assets(StaticFiles):
    """Static files.

    One asked for by the hash of its content may be kept for a year; any other is asked for again
    each time and answered 304 when unchanged. Modules import each other by plain names, so they
    share one hash, in the name of their folder: `/static/js-<hash>/wall.mjs` is `js/wall.mjs`.
    """

    def __init__(self) -> None:
        super().__init__(directory=STATIC)
        self._hashes: dict[str, str] = {}
        self._modules = {path.name: path.read_text("utf-8") for path in STATIC.glob("js/*.mjs")}
        told = hashlib.sha256()
        for name, text in sorted(self._modules.items()):
            told.update(f"{name}\n{len(text)}\n{text}".encode())
        self._folder = f"js-{told.hexdigest()[:16]}"

    def address(self, path: str) -> str:
        """`/static/css/base.css?v=<hash>`."""
        if path not in self._hashes:
            content = (STATIC / path).read_bytes()
            self._hashes[path] = hashlib.sha256(content).hexdigest()[:16]
        return f"/static/{path}?v={self._hashes[path]}"

    def module(self, name: str) -> str:
        """`/static/js-<hash>/wall.mjs`."""
        return f"/static/{self._folder}/{name}"

    def modules(self, name: str) -> list[str]:
        """Addresses of a module and all that it imports, to be fetched at once.

        A browser finds them one import after the other: 0.2 s of a wall's first picture.
        """
        found = [name]
        for known in found:  # it grows meanwhile
            imported = _IMPORT.findall(self._modules[known])
            found += (other for other in imported if other not in found)
        return [self.module(one) for one in found]

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer one request for a file."""
        folder, _, name = path.partition("/")
        by_hash = scope.get("query_string", b"").startswith(b"v=") or folder == self._folder
        if folder.startswith("js-"):  # also of an older hash: a page that outlived an upgrade
            path = f"js/{name}"
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
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            asset=assets.address,
            module=assets.module,
            modules=assets.modules,
            icon=_icon,
            page_json=page_json,
            codec_name=codec_name,
            version=__version__,
            machine=words.machine,
        )

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
