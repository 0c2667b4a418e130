"""What every page and every answer needs: the desk that a request is handled at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations

from vonggac.clock import NS
from vonggac.domain import access, ledger, registry, second_factor, sessions, tokens, workstations
from vonggac.domain.access import NOBODY, Act, Person, Thing
from vonggac.domain.audit import Actor
from vonggac.domain.duties import duties
from vonggac.errors import Kind, VonggacError
from vonggac.web import limits, words

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from starlette.responses import HTMLResponse

    from vonggac.causes import Cause
    from vonggac.clock import Clock
    from vonggac.config import Config, SignInConfig
    from vonggac.db import Connection, Database
    from vonggac.domain.guide_values import Placements
    from vonggac.domain.rules import CauseWords, Language, Placement
    from vonggac.hub.enrolling import Enroller
    from vonggac.hub.grants import Grants
    from vonggac.hub.orders import Orders
    from vonggac.hub.sites import Sites
    from vonggac.keys import Box
    from vonggac.web.limits import RateLimit, Recently
    from vonggac.web.render import Pages

SESSION_COOKIE = "vg_session"
LANGUAGE_COOKIE = "vg_language"
WORKSTATION_COOKIE = "vg_workstation"
DISPLAY_COOKIE = "vg_display"

LATE_NS = 15 * NS
"""A figure older than this says how late it is (ours)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The collaborators of the web, made once by `create_app`."""

    database: Database
    sites: Sites
    orders: Orders
    grants: Grants
    box: Box
    clock: Clock
    config: Config
    placements: Placements
    causes: Mapping[Cause, CauseWords]
    pages: Pages
    sign_in_limit: RateLimit
    ask_limit: RateLimit
    public_limit: RateLimit
    page_limit: RateLimit
    refusal_limit: RateLimit
    downloads: Recently
    """Spans that are being downloaded: a row of the access log for each, however many ranges."""
    hashing: threading.BoundedSemaphore
    """Room for passwords that are looked at, all addresses together."""
    websocket_port: int
    secure: bool
    is_demo: bool
    started_ns: int
    enroller: Enroller | None = None
    """Answers boxes that want to join this hub; None: it takes none in."""

    def now_ns(self) -> int:
        """UTC now."""
        return self.clock.wall_ns()

    @property
    def placement(self) -> Placement:
        """The placement rule in force today, with what a document puts in its place."""
        return self.placements.on(words.day_of(self.now_ns()))

    @property
    def rules(self) -> SignInConfig:
        """What signing in takes."""
        return self.config.sign_in

    def is_inside(self, address: str) -> bool:
        """Whether a request from this address comes from inside."""
        web = self.config.web
        return second_factor.is_inside(
            address, web.inside_networks, behind_proxy=web.public_url is not None
        )


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, in which language, from where. Signed in unless `session` is None."""

    desk: Desk
    session: sessions.Session | None
    t: words.Tongue
    address: str
    path: str
    agent: str = ""
    workstation_key: str = ""
    person: Person = NOBODY
    """The account with its roles, as it stands now."""
    here: Thing | None = None
    """This hub's own facility, once it is registered; None on a hub without one."""
    origin: str = ""
    """How the request came: scheme and host, as its browser shows them."""

    @property
    def line(self) -> str:
        """Whose allowance of sign-ins this is: an IPv6 line has one, not 2**64."""
        return limits.holder(self.address)

    @property
    def signed_in(self) -> sessions.Session:
        """The session.

        Raises:
            VonggacError: UNAUTHENTICATED, there is none; FORBIDDEN, the password is still the
                generated one, or a second factor must be enrolled first.
        """
        if self.session is None:
            raise VonggacError(Kind.UNAUTHENTICATED, "sign in first (POST /api/v1/session)")
        if self.session.account.must_change:
            raise VonggacError(
                Kind.FORBIDDEN, "change the generated password first", code="must_change_password"
            )
        if self.session.stage == "enrol":
            raise VonggacError(
                Kind.FORBIDDEN, "enrol a second factor first", code="must_enrol_second_factor"
            )
        return self.session

    @property
    def actor(self) -> Actor:
        """For the audit."""
        if self.session is None:
            return Actor("-", None, self.address)
        account = self.session.account
        return Actor(account.name, account.id, self.address, device=self.agent)

    def workstation(self, connection: Connection) -> workstations.Workstation | None:
        """The enrolled machine that the request comes from, if it is one."""
        if not self.workstation_key:
            return None
        return workstations.workstation_of(connection, self.workstation_key)

    @property
    def role_words(self) -> str:
        """The roles that the visitor holds now, as people call them."""
        now_ns = self.desk.now_ns()
        known = duties(words.day_of(now_ns))
        held = [one.role for one in self.person.held if one.lasts(now_ns)]
        if not held:
            return self.t("Chưa có vai trò")
        first = self.t.of(known[held[0]].name)
        more = len(set(held)) - 1
        return self.t("{role} và {n} vai trò khác", role=first, n=more) if more else first

    @property
    def is_office(self) -> bool:
        """Whether the visitor's work is papers rather than pictures: `/` leads to the day's page.

        Whoever holds a role that opens facilities and carries out no directive watches one; whoever
        keeps the settings looks at the facility first, too.
        """
        now_ns = self.desk.now_ns()
        watches = any(
            Act.FACILITY_DETAILS in held.acts and Act.DIRECTIVE_SEE not in held.acts
            for held in self.person.held
            if held.lasts(now_ns)
        )
        return self.can(Act.DIRECTIVE_SEE) and not watches and not self.can(Act.SETTINGS_EDIT)

    def can(self, act: str) -> bool:
        """Whether there is anything to which the visitor may do this: for links."""
        return access.may_somewhere(self.person, Act(act), now_ns=self.desk.now_ns()).allowed

    def everywhere(self, act: str) -> bool:
        """Whether the visitor may do this to the hub itself: for links."""
        return self.may(Act(act), access.SYSTEM)

    def may(self, act: Act, thing: Thing) -> bool:
        """Whether the visitor may do this to that."""
        return access.may(self.person, act, thing, now_ns=self.desk.now_ns()).allowed

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

    @property
    def _title(self) -> str:
        """The name of this hub's own facility, for those who may know it."""
        config = self.desk.config
        if not self.desk.sites.own_id:
            return config.hub.title or self.t("Trung tâm giám sát")
        if self.session is not None and not (self.here and self.may(Act.FACILITY_SEE, self.here)):
            return self.t("Cơ sở")
        return config.site.title or config.site.name

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
                "site_title": self._title,
                "site_name": config.site.name if self.here else "",
                "session": self.session,
                "can": self.can,
                "everywhere": self.everywhere,
                "role_words": self.role_words,
                "is_office": self.is_office,
                "is_demo": self.desk.is_demo,
                "at_workstation": bool(self.workstation_key),
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
    session = (
        _bearer(desk, request) if "authorization" in request.headers else _cookie(desk, request)
    )
    address = request.client.host if request.client else ""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Visitor(
        desk,
        session,
        t,
        address,
        path,
        request.headers.get("user-agent", "")[:200],
        request.cookies.get(WORKSTATION_COOKIE, "")[:100],
        *_roles(desk, session),
        origin=str(request.base_url).rstrip("/"),
    )


def _roles(desk: Desk, session: sessions.Session | None) -> tuple[Person, Thing | None]:
    if session is None:
        return NOBODY, None
    with desk.database.reading() as connection:
        person = access.person_of(connection, session.account.id, desk.now_ns())
        if session.scopes is not None:
            person = replace(person, only=tokens.acts_of(session.scopes))
        try:
            return person, access.thing_of_site(connection, desk.sites.own_id)
        except VonggacError:  # there is none, or the program is starting
            return person, None


def _cookie(desk: Desk, request: Request) -> sessions.Session | None:
    token = request.cookies.get(SESSION_COOKIE)
    if not token or len(token) >= 100:
        return None
    now_ns = desk.now_ns()
    with desk.database.reading() as connection:
        session = sessions.find_session(connection, token, now_ns=now_ns, rules=desk.rules)
    if session is not None and session.stale:
        with desk.database.writing() as connection:
            sessions.touch(connection, token, now_ns=now_ns)
    return session


def _bearer(desk: Desk, request: Request) -> sessions.Session | None:
    """The token of a program (RFC 6750 section 2.1); a browser's cookies count for nothing then.

    Raises:
        VonggacError: FORBIDDEN, the token does not open this.
    """
    kind, _, value = request.headers["authorization"].partition(" ")
    if kind.casefold() != "bearer" or not 0 < len(value) < 100:
        return None
    now_ns = desk.now_ns()
    with desk.database.reading() as connection:
        session = tokens.find(connection, value, now_ns=now_ns, rules=desk.rules)
    if session is None:
        return None
    needed = tokens.scope_of(request.method, request.url.path)
    if needed is None or session.scopes is None or needed not in session.scopes:
        raise VonggacError(
            Kind.FORBIDDEN,
            f"this token lacks the scope {needed}" if needed else "no token opens this",
            code="scope",
        )
    if session.stale:
        with desk.database.writing() as connection:
            tokens.touch(connection, session.id, now_ns=now_ns)
    return session


def said_of(
    who: Visitor, error: VonggacError, faults: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """What is wrong with which field of a form, and what is wrong with none, as people read it.

    Args:
        who: in whose language.
        error: what was refused.
        faults: what a page says of each code.

    Raises:
        VonggacError: the error is none that a person can put right on this page.
    """
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(faults):
        return {str(name): who.t(faults[str(why)]) for name, why in fields.items()}, ""
    code = str(error.detail.get("code", ""))
    if code in faults:
        return {}, who.t(faults[code])
    raise error


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
    """This hub's own site; on a hub without one, the first of the register.

    Raises:
        VonggacError: UNAVAILABLE, the register is empty: the program is still starting.
    """
    own = registry.site(connection, desk.sites.own_id)
    if own is not None:
        return own
    found = registry.sites(connection)
    if not found:
        raise VonggacError(Kind.UNAVAILABLE, "the register is empty; the program is starting")
    return next((site for site in found if site.name == desk.config.site.name), found[0])
