"""Which act each route is, and to what: the table that decides who may ask it at all.

Every request passes `guard` before its route runs.  A route that is not in `RULES` is answered by
nobody: the application does not start with one, and a request that finds one all the same is
refused.  `vonggac.domain.access.may` decides; what is decided here is only what is asked.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations
from fastapi.routing import APIRoute

from vonggac.domain import access, audit, purposes, registry
from vonggac.domain.access import SYSTEM, Act, Thing, Verdict
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.web import acts, acts_chain
from vonggac.web.acts import Of, Rule
from vonggac.web.desk import Visitor, visitor
from vonggac.wire import VIEWER_VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastapi import APIRouter

    from vonggac.db import Connection


RULES: Final[Mapping[str, Rule]] = {**acts.ACTS, **acts_chain.CHAIN}
"""Every route of the pages and of the API, by method and path."""

VERB_ACTS: Final[Mapping[str, tuple[Act, ...]]] = {
    "open": (Act.LIVE_VIEW,),
    "gop": (Act.PLAYBACK,),
    "timeline": (Act.LEDGER_SEE,),
    # The box gives any recorded moment for the asking, not only the present one.
    "snapshot": (Act.SNAPSHOT, Act.PLAYBACK),
    "more": (Act.LIVE_VIEW,),
    "probe": (Act.PROBE,),
    "discover": (Act.DISCOVER,),
    "configure": (Act.CAMERA_EDIT,),
    "mp4": (Act.DOWNLOAD,),
    "status": (Act.SYSTEM_SEE,),
    "ledger": (Act.LEDGER_SEE,),
    "export": (Act.EXPORT_TAKE,),
    "anchor": (Act.AUDIT_EXPORT,),
    "revoke": (Act.SESSIONS_END,),
}
"""What must be allowed for a question to a box; a viewer's grant names `VIEWER_VERBS` at most."""

SUBJECT_ACTS: Final[Mapping[str, Act | None]] = {
    "live": Act.LIVE_VIEW,
    "ask": None,  # by the verb
    "re": Act.LIVE_VIEW,
    "fact": None,
    "want": None,
}
"""What must be allowed for a viewer's token to open a subject; None: no token does by itself."""

OPEN_PATHS: Final[Mapping[str, str]] = {
    "/static": "styles, scripts and type: the same for everybody",
    "/api/v1/openapi.json": "how to ask, not what there is",
}
"""What is answered without passing `guard`, each with its reason."""

REFUSALS_BURST, REFUSALS_PER_SECOND = 60, 0.5
"""Refusals of one account that are each written down; whoever asks faster waits (ours)."""


def routes_of(routers: Iterable[APIRouter]) -> Iterator[tuple[str, APIRoute]]:
    """Every route with its key in `RULES`.

    Raises:
        ConfigError: a router holds something else than routes, which `guard` would not see.
    """
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                raise ConfigError(f"{route} passes no guard; add its routes to a router of ours")
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}", route


def check_table(routers: Iterable[APIRouter]) -> None:
    """Refuse to start with a route that nobody decided about.

    Raises:
        ConfigError: names them.
    """
    unguarded = sorted({key for key, _ in routes_of(routers)} - set(RULES))
    if unguarded:
        raise ConfigError(f"web/rights.py has no rule for {', '.join(unguarded)}")


def guard(request: Request) -> None:
    """Refuse what the visitor may not do, and write that down. FastAPI calls it in a thread.

    Raises:
        VonggacError: UNAUTHENTICATED, FORBIDDEN; NOT_FOUND where not even the facility may be
            seen, so that a guessed address tells nothing.
    """
    route = request.scope.get("route")
    path = route.path if isinstance(route, APIRoute) else ""
    rule = RULES.get(f"{request.method} {path}")
    if rule is None:
        raise VonggacError(Kind.FORBIDDEN, "nobody decided who may do this", code="no_rule")
    if rule.of is Of.NOBODY:
        return
    if rule.of is Of.LOCAL and is_local(request):
        return
    who = visitor(request)
    if rule.of is Of.OWN:
        if who.session is None:
            raise VonggacError(Kind.UNAUTHENTICATED, "sign in first (POST /api/v1/session)")
        return
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        verdict, thing = decide(connection, who, rule, request.path_params)
        hides = not verdict and thing is not None and _hides(who, thing)
    if not verdict:
        raise refusal(who, rule.act, thing, verdict, hides=hides)


def decide(
    connection: Connection, who: Visitor, rule: Rule, path_params: Mapping[str, str]
) -> tuple[Verdict, Thing | None]:
    """Whether a signed-in visitor may ask a route with this rule, and about what he would ask.

    Raises:
        VonggacError: NOT_FOUND, the path names no such thing.
    """
    now_ns = who.desk.now_ns()
    match rule.of:
        case Of.CAMERA:
            thing = access.thing_of_camera(connection, path_params["camera_id"])
            return access.may(who.person, rule.act, thing, now_ns=now_ns), thing
        case Of.SITE:
            thing = access.thing_of_site(connection, path_params["site_id"])
            return access.may(who.person, rule.act, thing, now_ns=now_ns), thing
        case Of.LISTS:
            verdict = access.may_somewhere(who.person, rule.act, now_ns=now_ns)
            if verdict and not access.sites_for(connection, who.person, rule.act, now_ns):
                return Verdict(False, "outside_scope"), None
            return verdict, None
        case Of.SOMEWHERE:
            return access.may_somewhere(who.person, rule.act, now_ns=now_ns), None
        case _:
            return access.may(who.person, rule.act, SYSTEM, now_ns=now_ns), SYSTEM


def require(
    connection: Connection, who: Visitor, act: Act, thing: Thing, *, purpose: str | None = None
) -> Verdict:
    """Refuse what the visitor may not do to this thing: for routes that read it from the body.

    Raises:
        VonggacError: FORBIDDEN or NOT_FOUND, as `guard`.
    """
    verdict = access.may(who.person, act, thing, now_ns=who.desk.now_ns(), purpose=purpose)
    if not verdict:
        raise refusal(who, act, thing, verdict, hides=_hides(who, thing))
    return verdict


def refusal(
    who: Visitor, act: Act, thing: Thing | None, verdict: Verdict, *, hides: bool = False
) -> VonggacError:
    """Write a refusal down and say what is answered. Not inside a writing transaction.

    Raises:
        VonggacError: TOO_MANY, the visitor asks for what he may not faster than is written down.
    """
    desk = who.desk
    assert who.session is not None, "whoever has not signed in is refused before"
    desk.refusal_limit.take(who.session.account.id)
    detail = {"act": act.value, "why": verdict.why, "path": who.path.partition("?")[0][:200]}
    with desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            audit.Act.ACCESS_REFUSED,
            now_ns=desk.now_ns(),
            thing=thing.id if thing else "",
            outcome="refused",
            detail=detail,
        )
    if hides:
        return VonggacError(Kind.NOT_FOUND, "there is no such thing, or it is not for you")
    return VonggacError(
        Kind.FORBIDDEN,
        f"you may not do this ({act.value}: {verdict.why}); whoever gives roles can change that",
        code=verdict.why,
        act=act.value,
    )


def _hides(who: Visitor, thing: Thing) -> bool:
    if thing.kind != "site":
        return False
    return not access.may(who.person, Act.FACILITY_SEE, thing, now_ns=who.desk.now_ns())


def shown_sites(connection: Connection, who: Visitor, act: Act) -> list[registry.Site]:
    """The sites that a list may show to the visitor, this hub's own first.

    Raises:
        VonggacError: UNAVAILABLE, the register is empty: the program is still starting.
    """
    every = registry.sites(connection)
    if not every:
        raise VonggacError(Kind.UNAVAILABLE, "the register is empty; the program is starting")
    allowed = set(access.sites_for(connection, who.person, act, who.desk.now_ns()))
    found = [site for site in every if site.id in allowed]
    return sorted(found, key=lambda site: site.id != who.desk.sites.own_id)


def shown_site(connection: Connection, who: Visitor, act: Act, wanted: str = "") -> registry.Site:
    """The one site of a page that shows one: this hub's own if the visitor may, else his first.

    Args:
        connection: the database.
        who: the visitor.
        act: what the page does.
        wanted: id of the site that the visitor chose.

    Raises:
        VonggacError: FORBIDDEN, there is none; NOT_FOUND, the chosen one is not among them;
            UNAVAILABLE, the program is still starting.
    """
    found = shown_sites(connection, who, act)
    if not found:
        raise VonggacError(Kind.FORBIDDEN, "no facility is in your scope", code="outside_scope")
    if not wanted:
        return found[0]
    chosen = next((site for site in found if site.id == wanted), None)
    if chosen is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such thing, or it is not for you")
    return chosen


def camera_here(connection: Connection, who: Visitor, camera_id: str) -> registry.Camera:
    """A camera whose box this hub asks. Its name alone would reach the wrong box.

    Raises:
        VonggacError: NOT_FOUND, there is none; UNAVAILABLE, its site's box is not asked from here.
    """
    found = registry.camera(connection, camera_id)
    who.desk.sites.look(connection, found.site_id)
    return found


def viewer_verbs(who: Visitor, thing: Thing, *, purpose: str) -> tuple[Verb, ...]:
    """What a grant of the visitor may ask the box for: the verbs whose acts are allowed."""
    now_ns = who.desk.now_ns()
    return tuple(
        verb
        for verb in VIEWER_VERBS
        if all(
            access.may(who.person, act, thing, now_ns=now_ns, purpose=purpose)
            for act in VERB_ACTS[verb.value]
        )
    )


def purpose(
    connection: Connection, who: Visitor, act: Act, site: registry.Site, *, usual: str
) -> str:
    """Why a page shows pictures: the usual purpose, or the one that the visitor's role serves."""
    thing, now_ns = access.thing_of_site(connection, site.id), who.desk.now_ns()
    if access.may(who.person, act, thing, now_ns=now_ns, purpose=usual):
        return usual
    by = access.may(who.person, act, thing, now_ns=now_ns).by
    return min(by.purposes) if by and by.purposes else usual


def choices(
    connection: Connection, who: Visitor, act: Act, site: registry.Site
) -> list[purposes.Purpose]:
    """The purposes that the visitor may state on a page of a site's pictures.

    What was shared with a body has its own page, and its own purpose.
    """
    thing, now_ns = access.thing_of_site(connection, site.id), who.desk.now_ns()
    return [
        one
        for one in purposes.for_people(now_ns)
        if one.code != purposes.SHARED
        and access.may(who.person, act, thing, now_ns=now_ns, purpose=one.code)
    ]


def is_local(request: Request) -> bool:
    """Whether a program of this machine asks, and no proxy stands between.

    A proxy that names nobody hands the name of the hub on, and a page that lets its own name point
    to this machine sends that: so the host that is asked for must be this machine itself, too.
    """
    address = request.client.host if request.client else ""
    asked, _, _ = request.headers.get("host", "").rpartition(":")
    try:
        return (
            ip_address(address).is_loopback
            and asked in ("localhost", "127.0.0.1", "[::1]")
            and not any(
                name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")
            )
        )
    except ValueError:
        return False
