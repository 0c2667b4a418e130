"""What every page and every answer needs: the desk that a request is handled at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations

from vonggac.clock import NS
from vonggac.domain import ledger, registry, sessions
from vonggac.domain.audit import Actor
from vonggac.errors import Kind, VonggacError
from vonggac.web import words

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from starlette.responses import HTMLResponse

    from vonggac.causes import Cause
    from vonggac.clock import Clock
    from vonggac.config import Config
    from vonggac.db import Database
    from vonggac.domain.rules import CauseWords, Language, Placement
    from vonggac.hub.grants import Grants
    from vonggac.hub.orders import Orders
    from vonggac.hub.site import Site
    from vonggac.keys import Box
    from vonggac.web.limits import RateLimit
    from vonggac.web.render import Pages

SESSION_COOKIE = "vg_session"
LANGUAGE_COOKIE = "vg_language"

LATE_NS = 15 * NS
"""A figure older than this says how late it is (ours)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The collaborators of the web, made once by `create_app`."""

    database: Database
    site: Site
    orders: Orders
    grants: Grants
    box: Box
    clock: Clock
    config: Config
    placement: Placement
    causes: Mapping[Cause, CauseWords]
    pages: Pages
    sign_in_limit: RateLimit
    ask_limit: RateLimit
    hashing: threading.BoundedSemaphore
    """Room for passwords that are looked at, all addresses together."""
    websocket_port: int
    secure: bool
    is_demo: bool
    started_ns: int

    def now_ns(self) -> int:
        """UTC now."""
        return self.clock.wall_ns()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, in which language, from where. Signed in unless `session` is None."""

    desk: Desk
    session: sessions.Session | None
    t: words.Tongue
    address: str
    path: str

    @property
    def signed_in(self) -> sessions.Session:
        """The session.

        Raises:
            VonggacError: UNAUTHENTICATED, there is none; FORBIDDEN, the password is still the
                generated one.
        """
        if self.session is None:
            raise VonggacError(Kind.UNAUTHENTICATED, "sign in first (POST /api/v1/session)")
        if self.session.account.must_change:
            raise VonggacError(
                Kind.FORBIDDEN, "change the generated password first", code="must_change_password"
            )
        return self.session

    @property
    def actor(self) -> Actor:
        """For the audit."""
        if self.session is None:
            return Actor("-", None, self.address)
        account = self.session.account
        return Actor(account.name, account.id, self.address)

    def check_form(self, form: Mapping[str, Any]) -> None:
        """Refuse a form that was not made for this session.

        Raises:
            VonggacError: UNAUTHENTICATED or FORBIDDEN.
        """
        if self.session is None:
            raise VonggacError(Kind.UNAUTHENTICATED, "sign in first")
        if not sessions.is_form_of(self.session, str(form.get("form_token", ""))):
            raise VonggacError(
                Kind.FORBIDDEN, "this form belongs to another session; open it again"
            )

    def page(
        self, template: str, values: Mapping[str, Any], *, status: int = 200, section: str = ""
    ) -> HTMLResponse:
        """A page with everything that its frame shows."""
        now_ns = self.desk.now_ns()
        config = self.desk.config
        return self.desk.pages.page(
            template,
            self.t,
            {
                "now_ns": now_ns,
                "site_title": config.site.title or config.site.name,
                "site_name": config.site.name,
                "session": self.session,
                "is_demo": self.desk.is_demo,
                "section": section,
                "path": self.path,
                **values,
            },
            status=status,
        )


def desk_of(request: Request) -> Desk:
    """The desk of the application."""
    desk: Desk = request.app.state.desk
    return desk


def visitor(request: Request) -> Visitor:
    """Who asks. Reads the database: for worker threads (FastAPI calls it in one)."""
    desk = desk_of(request)
    t = words.Tongue(language_of(request))
    token = request.cookies.get(SESSION_COOKIE)
    session = None
    if token and len(token) < 100:
        now_ns = desk.now_ns()
        with desk.database.reading() as connection:
            session = sessions.find_session(connection, token, now_ns=now_ns)
        if session is not None and session.stale:
            with desk.database.writing() as connection:
                sessions.touch(connection, token, now_ns=now_ns)
    address = request.client.host if request.client else ""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Visitor(desk, session, t, address, path)


def guest(request: Request) -> Visitor:
    """A visitor without a look at the database, for errors."""
    address = request.client.host if request.client else ""
    return Visitor(
        desk_of(request), None, words.Tongue(language_of(request)), address, request.url.path
    )


def language_of(request: Request) -> Language:
    """The language of the page that answers."""
    return words.choose(
        request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    )


@dataclass(frozen=True, slots=True)
class AsOf:
    """The time of figures, and whether they are older than they should be."""

    ns: int | None
    late_ns: int

    @property
    def is_late(self) -> bool:
        """Whether the page says so."""
        return self.ns is None or self.late_ns > LATE_NS


def as_of(state: ledger.SiteState | None, now_ns: int) -> AsOf:
    """The time until which the hub knows its site."""
    if state is None or not state.as_of_ns:
        return AsOf(None, 0)
    return AsOf(state.as_of_ns, max(0, now_ns - state.as_of_ns))


def the_site(connection: Any, desk: Desk) -> registry.Site:
    """The one site of this hub.

    Raises:
        VonggacError: UNAVAILABLE, the register is empty: the program is still starting.
    """
    found = registry.sites(connection)
    if not found:
        raise VonggacError(Kind.UNAVAILABLE, "the register is empty; the program is starting")
    return next((site for site in found if site.name == desk.config.site.name), found[0])
