"""Which act each route is, and to what: the table that decides who may ask it at all.

Every request passes `guard` before its route runs.  A route that is not in `RULES` is answered by
nobody: the application does not start with one, and a request that finds one all the same is
refused.  `vonggac.domain.access.may` decides; what is decided here is only what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from fastapi import Request  # noqa: TC002 - FastAPI reads the annotations
from fastapi.routing import APIRoute

from vonggac.domain import access, audit, purposes, registry
from vonggac.domain.access import SYSTEM, Act, Thing, Verdict
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.web.desk import Visitor, visitor
from vonggac.wire import VIEWER_VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastapi import APIRouter

    from vonggac.db import Connection


class Of(Enum):
    """How the thing of a request is found."""

    NOBODY = "nobody has signed in yet, or need not"
    OWN = "the visitor's own account"
    SYSTEM = "the hub itself: a role over everything"
    CAMERA = "the site of the camera in the path"
    SITE = "the site in the path"
    LISTS = "the sites where the act is allowed; the route shows or changes nothing else"
    SOMEWHERE = "named in the body: the route asks `require` when it has read it"
    LOCAL = "programs of this machine, else the hub itself"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route is, as an act on a thing."""

    act: Act
    of: Of


def _open() -> Rule:
    return Rule(Act.OWN_ACCOUNT, Of.NOBODY)


def _own() -> Rule:
    return Rule(Act.OWN_ACCOUNT, Of.OWN)


def _system(act: Act) -> Rule:
    return Rule(act, Of.SYSTEM)


def _camera(act: Act) -> Rule:
    return Rule(act, Of.CAMERA)


def _site(act: Act) -> Rule:
    return Rule(act, Of.SITE)


def _lists(act: Act) -> Rule:
    return Rule(act, Of.LISTS)


def _somewhere(act: Act) -> Rule:
    return Rule(act, Of.SOMEWHERE)


RULES: Final[Mapping[str, Rule]] = {
    # signing in and out, one's own account
    "GET /signin": _open(),
    "POST /signin": _open(),
    "GET /signin/help": _open(),
    "GET /ca": _open(),
    "GET /ca.crt": _open(),
    "POST /signout": _open(),
    "GET /language": _open(),
    "GET /password": _own(),
    "POST /password": _own(),
    "GET /signin/code": _open(),
    "POST /signin/code": _open(),
    "GET /account": _own(),
    "POST /account/sessions": _own(),
    "GET /account/factor": _own(),
    "POST /account/factor": _own(),
    "POST /account/recovery": _own(),
    "POST /account/pin": _own(),
    "GET /account/tokens": _own(),
    "POST /account/tokens": _own(),
    "POST /api/v1/session": _open(),
    "GET /api/v1/session": _own(),
    "DELETE /api/v1/session": _open(),
    "PUT /api/v1/session/password": _own(),
    "POST /api/v1/session/second-factor": _own(),
    "PUT /api/v1/session/second-factor": _own(),
    "GET /api/v1/sessions": _own(),
    "DELETE /api/v1/sessions/{session_id}": _own(),
    "GET /api/v1/tokens": _own(),
    "POST /api/v1/tokens": _own(),
    "DELETE /api/v1/tokens/{token_id}": _own(),
    # a machine on duty, and a screen on a wall: each proves itself by a key of its own
    "GET /person": _open(),
    "POST /person": _open(),
    "GET /api/v1/workstation": _open(),
    "POST /api/v1/workstation/person": _open(),
    "GET /display": _open(),
    "POST /display": _open(),
    "POST /api/v1/display/grants": _open(),
    # accounts: those of the visitor's scope (`roles.within`); one review stands for the whole hub
    "GET /accounts": _somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/new": _somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/new": _somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/sheet": _somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/sheet": _somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/sheet.xlsx": _somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/review.xlsx": _somewhere(Act.REVIEW_EXPORT),
    "POST /accounts/review": _system(Act.REVIEW_EXPORT),
    "GET /accounts/{account_id}": _somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/{account_id}": _somewhere(Act.PEOPLE_EDIT),
    "GET /workstations": _system(Act.PEOPLE_EDIT),
    "POST /workstations": _system(Act.PEOPLE_EDIT),
    # facilities and cameras
    "GET /": _own(),
    "GET /facilities": _lists(Act.FACILITY_SEE),
    "GET /facilities/new": _somewhere(Act.FACILITY_EDIT),
    "POST /facilities/new": _somewhere(Act.FACILITY_EDIT),
    "GET /facilities/import": _somewhere(Act.FACILITY_EDIT),
    "POST /facilities/import": _somewhere(Act.FACILITY_EDIT),
    "GET /facilities/import/{upload_id}": _somewhere(Act.FACILITY_EDIT),
    "POST /facilities/import/{upload_id}": _somewhere(Act.FACILITY_EDIT),
    "GET /facilities/template.xlsx": _somewhere(Act.FACILITY_EDIT),
    "GET /facilities/export.xlsx": _lists(Act.FACILITY_DETAILS),
    "GET /facilities/{site_id}/edit": _site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/edit": _site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/contacts": _site(Act.FACILITY_EDIT),
    "GET /facilities/{site_id}/cover": _site(Act.FACILITY_DETAILS),
    "POST /facilities/{site_id}/cover": _site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/intake": _site(Act.INTAKE_RULE),
    "GET /facilities/{site_id}/pictures/{picture_id}": _site(Act.FACILITY_DETAILS),
    "POST /facilities/absences": _somewhere(Act.FACILITY_EDIT),
    "POST /facilities/conclusions": _somewhere(Act.COVER_CONCLUDE),
    "GET /api/v1/facilities": _lists(Act.FACILITY_SEE),
    "POST /api/v1/facilities": _somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/facilities/{site_id}": _site(Act.FACILITY_DETAILS),
    "PUT /api/v1/facilities/{site_id}": _site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/contacts/{kind}": _site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/contacts/{kind}": _site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/areas/{code}": _site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/areas/{code}": _site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/doors/{name}": _site(Act.FACILITY_EDIT),
    "GET /api/v1/facilities/{site_id}/coverage": _site(Act.FACILITY_DETAILS),
    "POST /api/v1/facilities/{site_id}/conclusions": _site(Act.COVER_CONCLUDE),
    "PUT /api/v1/facilities/{site_id}/absences/{zone}": _site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/absences/{zone}": _site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/intake": _site(Act.INTAKE_RULE),
    "POST /api/v1/pictures": _somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/cameras/{camera_id}/inventory": _camera(Act.FACILITY_DETAILS),
    "PUT /api/v1/cameras/{camera_id}/inventory": _camera(Act.CAMERA_EDIT),
    "POST /api/v1/register/import": _somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/register.xlsx": _lists(Act.FACILITY_DETAILS),
    "GET /api/v1/sites": _lists(Act.FACILITY_SEE),
    "PUT /api/v1/sites/{site_id}/unit": _system(Act.UNITS_EDIT),
    "GET /cameras/new": _lists(Act.CAMERA_EDIT),
    "POST /cameras/new": _lists(Act.CAMERA_EDIT),
    "GET /discover": _lists(Act.DISCOVER),
    "POST /discover": _lists(Act.DISCOVER),
    "GET /cameras/{camera_id}": _camera(Act.FACILITY_DETAILS),
    "POST /cameras/{camera_id}/probe": _camera(Act.PROBE),
    "GET /cameras/{camera_id}/edit": _camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/edit": _camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/retire": _camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/maintenance": _camera(Act.MAINTENANCE_PLAN),
    "POST /cameras/{camera_id}/maintenance/{plan_id}/withdrawal": _camera(Act.MAINTENANCE_PLAN),
    "GET /api/v1/cameras": _lists(Act.FACILITY_DETAILS),
    "POST /api/v1/cameras": _lists(Act.CAMERA_EDIT),
    "GET /api/v1/cameras/{camera_id}": _camera(Act.FACILITY_DETAILS),
    "PUT /api/v1/cameras/{camera_id}": _camera(Act.CAMERA_EDIT),
    "DELETE /api/v1/cameras/{camera_id}": _camera(Act.CAMERA_EDIT),
    "GET /api/v1/cameras/{camera_id}/maintenance": _camera(Act.FACILITY_DETAILS),
    "POST /api/v1/cameras/{camera_id}/maintenance": _camera(Act.MAINTENANCE_PLAN),
    "DELETE /api/v1/cameras/{camera_id}/maintenance/{plan_id}": _camera(Act.MAINTENANCE_PLAN),
    "POST /api/v1/probe": _lists(Act.PROBE),
    "POST /api/v1/discover": _lists(Act.DISCOVER),
    # pictures
    "GET /wall": _lists(Act.LIVE_VIEW),
    "GET /playback": _lists(Act.PLAYBACK),
    "GET /api/v1/purposes": _own(),
    "POST /api/v1/grants": _somewhere(Act.LIVE_VIEW),
    "DELETE /api/v1/grants/{grant_id}": _own(),
    # who watches, and cameras shared with another body
    "GET /watching": _lists(Act.WATCHING_SEE),
    "POST /watching": _lists(Act.WATCHING_SEE),
    "GET /api/v1/sites/{site_id}/views": _somewhere(Act.WATCHING_SEE),
    "DELETE /api/v1/views/{view_id}": _somewhere(Act.WATCHING_SEE),
    "GET /shares": _lists(Act.SHARE_GRANT),
    "POST /shares": _lists(Act.SHARE_GRANT),
    "GET /api/v1/shares": _lists(Act.SHARE_GRANT),
    "POST /api/v1/shares": _somewhere(Act.SHARE_GRANT),
    "DELETE /api/v1/shares/{share_id}": _somewhere(Act.SHARE_GRANT),
    "GET /shared": _own(),
    "GET /shared/{share_id}": _own(),
    "GET /api/v1/cameras/{camera_id}/snapshot.jpg": _camera(Act.SNAPSHOT),
    "GET /api/v1/cameras/{camera_id}/recording.mp4": _camera(Act.DOWNLOAD),
    "HEAD /api/v1/cameras/{camera_id}/recording.mp4": _camera(Act.DOWNLOAD),
    # the ledger
    "GET /continuity": _lists(Act.LEDGER_SEE),
    "GET /continuity.csv": _lists(Act.LEDGER_SEE),
    "GET /api/v1/cameras/{camera_id}/ledger": _camera(Act.LEDGER_SEE),
    "GET /api/v1/cameras/{camera_id}/timeline": _camera(Act.LEDGER_SEE),
    # people and units
    "GET /roles": _somewhere(Act.PEOPLE_SEE),
    "GET /roles/new": _somewhere(Act.ROLES_EDIT),
    "POST /roles/new": _somewhere(Act.ROLES_EDIT),
    "POST /roles/{role_id}/end": _somewhere(Act.ROLES_EDIT),
    "GET /units": _somewhere(Act.UNITS_SEE),
    "GET /units/{unit_id}": _somewhere(Act.UNITS_SEE),
    "POST /units/{unit_id}": _system(Act.UNITS_EDIT),
    "GET /api/v1/roles": _somewhere(Act.PEOPLE_SEE),
    "POST /api/v1/roles": _somewhere(Act.ROLES_EDIT),
    "DELETE /api/v1/roles/{role_id}": _somewhere(Act.ROLES_EDIT),
    "GET /api/v1/duties": _own(),
    "GET /api/v1/units": _somewhere(Act.UNITS_SEE),
    "POST /api/v1/units": _system(Act.UNITS_EDIT),
    "PUT /api/v1/units/{unit_id}/name": _system(Act.UNITS_EDIT),
    "DELETE /api/v1/units/{unit_id}": _system(Act.UNITS_EDIT),
    # what people who are filmed are told, and what they ask
    "GET /notices": _lists(Act.DOCUMENTS_MAKE),
    "POST /notices": _somewhere(Act.SETTINGS_EDIT),
    "GET /notices/{site_id}/sign.pdf": _somewhere(Act.DOCUMENTS_MAKE),
    "GET /api/v1/notices": _lists(Act.DOCUMENTS_MAKE),
    "GET /api/v1/notices/{site_id}": _somewhere(Act.DOCUMENTS_MAKE),
    "PUT /api/v1/notices/{site_id}": _somewhere(Act.SETTINGS_EDIT),
    "GET /api/v1/notices/{site_id}/sign.pdf": _somewhere(Act.DOCUMENTS_MAKE),
    "GET /thong-bao/{public_id}": _open(),
    "POST /thong-bao/{public_id}": _open(),
    "POST /thong-bao/{public_id}/tra-cuu": _open(),
    "GET /requests": _lists(Act.REQUESTS_EDIT),
    "POST /requests": _somewhere(Act.REQUESTS_EDIT),
    "GET /requests.csv": _lists(Act.REQUESTS_EDIT),
    "GET /requests.xlsx": _lists(Act.REQUESTS_EDIT),
    "GET /requests/{request_id}": _somewhere(Act.REQUESTS_EDIT),
    "POST /requests/{request_id}": _somewhere(Act.REQUESTS_EDIT),
    "GET /api/v1/requests": _lists(Act.REQUESTS_EDIT),
    "POST /api/v1/requests": _somewhere(Act.REQUESTS_EDIT),
    "GET /api/v1/requests/{request_id}": _somewhere(Act.REQUESTS_EDIT),
    "POST /api/v1/requests/{request_id}/acknowledgement": _somewhere(Act.REQUESTS_EDIT),
    "POST /api/v1/requests/{request_id}/answer": _somewhere(Act.REQUESTS_EDIT),
    # incidents, and the law
    "GET /incidents": _lists(Act.INCIDENT_EDIT),
    "POST /incidents": _somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}": _somewhere(Act.INCIDENT_EDIT),
    "POST /incidents/{incident_id}": _somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}/record.pdf": _somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}/record.docx": _somewhere(Act.INCIDENT_EDIT),
    "GET /api/v1/incidents": _lists(Act.INCIDENT_EDIT),
    "POST /api/v1/incidents": _somewhere(Act.INCIDENT_EDIT),
    "GET /api/v1/incidents/{incident_id}": _somewhere(Act.INCIDENT_EDIT),
    "POST /api/v1/incidents/{incident_id}/steps": _somewhere(Act.INCIDENT_EDIT),
    "GET /legal": _own(),
    "POST /legal/texts": _system(Act.SETTINGS_EDIT),
    "GET /legal/texts/{text_id}": _own(),
    "POST /legal/texts/{text_id}": _system(Act.SETTINGS_EDIT),
    "GET /api/v1/legal": _own(),
    # letters
    "GET /letters": _somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/{kind}/sample.docx": _somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/{kind}/sample.pdf": _somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/template.docx": _system(Act.SETTINGS_EDIT),
    "POST /letters/template": _system(Act.SETTINGS_EDIT),
    "GET /api/v1/letters": _somewhere(Act.DOCUMENTS_MAKE),
    "PUT /api/v1/letters/template": _system(Act.SETTINGS_EDIT),
    "DELETE /api/v1/letters/template": _system(Act.SETTINGS_EDIT),
    # directives
    "GET /directives": _somewhere(Act.DIRECTIVE_SEE),
    "POST /directives": _somewhere(Act.DIRECTIVE_REGISTER),
    "GET /directives/{directive_id}": _somewhere(Act.DIRECTIVE_SEE),
    "POST /directives/{directive_id}/clauses": _somewhere(Act.DIRECTIVE_ASSIGN),
    "POST /directives/{directive_id}/files": _somewhere(Act.DIRECTIVE_REGISTER),
    "GET /directives/{directive_id}/files/{file_id}": _somewhere(Act.DIRECTIVE_SEE),
    "GET /directives/{directive_id}/frame.docx": _somewhere(Act.DIRECTIVE_SEE),
    "GET /directives/{directive_id}/frame.pdf": _somewhere(Act.DIRECTIVE_SEE),
    "POST /duties/{duty_id}": _somewhere(Act.DIRECTIVE_REGISTER),
    "GET /owed": _somewhere(Act.DIRECTIVE_SEE),
    "GET /api/v1/directives": _somewhere(Act.DIRECTIVE_SEE),
    "POST /api/v1/directives": _somewhere(Act.DIRECTIVE_REGISTER),
    "GET /api/v1/directives/{directive_id}": _somewhere(Act.DIRECTIVE_SEE),
    "POST /api/v1/directives/{directive_id}/clauses": _somewhere(Act.DIRECTIVE_ASSIGN),
    "POST /api/v1/duties/{duty_id}/steps": _somewhere(Act.DIRECTIVE_REGISTER),
    "GET /api/v1/owed": _somewhere(Act.DIRECTIVE_SEE),
    # the office
    "GET /audit": _system(Act.AUDIT_READ),
    "GET /audit.csv": _system(Act.AUDIT_EXPORT),
    "GET /audit.jsonl": _system(Act.AUDIT_EXPORT),
    "GET /api/v1/audit": _system(Act.AUDIT_READ),
    "GET /compliance": _system(Act.COMPLIANCE_SEE),
    "GET /compliance/{kind}": _system(Act.COMPLIANCE_SEE),
    "GET /compliance/{kind}/file": _system(Act.COMPLIANCE_SEE),
    # plans and estimates: the act on the facility is asked when the thing has been read
    "GET /estimates": _lists(Act.SCHEME_SEE),
    "POST /plans": _somewhere(Act.SCHEME_MAKE),
    "GET /plans/{connection_plan_id}": _somewhere(Act.SCHEME_SEE),
    "POST /plans/{connection_plan_id}/lines": _somewhere(Act.SCHEME_MAKE),
    "POST /plans/{connection_plan_id}/agreements": _somewhere(Act.SCHEME_AGREE),
    "POST /plans/{connection_plan_id}/estimate": _somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/summary": _lists(Act.ESTIMATE_SEE),
    "GET /estimates/summary.xlsx": _lists(Act.ESTIMATE_SEE),
    "POST /estimates/quotes": _somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/{estimate_id}": _somewhere(Act.ESTIMATE_SEE),
    "POST /estimates/{estimate_id}/lines": _somewhere(Act.ESTIMATE_MAKE),
    "POST /estimates/{estimate_id}/appraisal": _somewhere(Act.ESTIMATE_APPRAISE),
    "POST /estimates/{estimate_id}/approval": _somewhere(Act.ESTIMATE_APPROVE),
    "POST /estimates/{estimate_id}/steps": _somewhere(Act.ESTIMATE_SEE),
    "POST /estimates/{estimate_id}/versions": _somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/{estimate_id}/compare": _somewhere(Act.ESTIMATE_SEE),
    "GET /estimates/{estimate_id}/file.xlsx": _somewhere(Act.ESTIMATE_SEE),
    "GET /estimates/{estimate_id}/quotes/{quote_id}": _somewhere(Act.ESTIMATE_SEE),
    "GET /prices": _somewhere(Act.ESTIMATE_SEE),
    "GET /prices.xlsx": _somewhere(Act.ESTIMATE_SEE),
    "POST /prices": _system(Act.SETTINGS_EDIT),
    "GET /api/v1/plans": _lists(Act.SCHEME_SEE),
    "POST /api/v1/plans": _somewhere(Act.SCHEME_MAKE),
    "GET /api/v1/plans/{connection_plan_id}": _somewhere(Act.SCHEME_SEE),
    "POST /api/v1/plans/{connection_plan_id}/lines": _somewhere(Act.SCHEME_MAKE),
    "PUT /api/v1/plans/{connection_plan_id}/lines/{line_id}": _somewhere(Act.SCHEME_MAKE),
    "POST /api/v1/plans/{connection_plan_id}/agreements": _somewhere(Act.SCHEME_AGREE),
    "GET /api/v1/estimates": _lists(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates": _somewhere(Act.ESTIMATE_MAKE),
    "GET /api/v1/estimates/summary": _lists(Act.ESTIMATE_SEE),
    "GET /api/v1/estimates/{estimate_id}": _somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/lines": _somewhere(Act.ESTIMATE_MAKE),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}": _somewhere(Act.ESTIMATE_MAKE),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}/appraisal": _somewhere(
        Act.ESTIMATE_APPRAISE
    ),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}/approval": _somewhere(
        Act.ESTIMATE_APPROVE
    ),
    "POST /api/v1/estimates/{estimate_id}/steps": _somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/return": _somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/versions": _somewhere(Act.ESTIMATE_MAKE),
    "GET /api/v1/estimates/{estimate_id}/changes": _somewhere(Act.ESTIMATE_SEE),
    "GET /api/v1/prices": _somewhere(Act.ESTIMATE_SEE),
    # evidence
    "GET /exports": _lists(Act.EXPORT_SEE),
    "GET /exports/new": _lists(Act.EXPORT_ASK),
    "POST /exports/new": _somewhere(Act.EXPORT_ASK),
    "GET /exports/{export_id}": _somewhere(Act.EXPORT_SEE),
    "POST /exports/{export_id}/approval": _somewhere(Act.EXPORT_APPROVE),
    "POST /exports/{export_id}/withdrawal": _somewhere(Act.EXPORT_ASK),
    "GET /exports/{export_id}/file": _somewhere(Act.EXPORT_TAKE),
    "GET /exports/{export_id}/key": _somewhere(Act.EXPORT_SEE),
    "GET /api/v1/exports": _lists(Act.EXPORT_SEE),
    "POST /api/v1/exports": _somewhere(Act.EXPORT_ASK),
    "GET /api/v1/exports/{export_id}": _somewhere(Act.EXPORT_SEE),
    "POST /api/v1/exports/{export_id}/approval": _somewhere(Act.EXPORT_APPROVE),
    "POST /api/v1/exports/{export_id}/withdrawal": _somewhere(Act.EXPORT_ASK),
    "GET /api/v1/exports/{export_id}/file": _somewhere(Act.EXPORT_TAKE),
    "GET /holds": _lists(Act.EXPORT_SEE),
    "POST /holds": _somewhere(Act.HOLD_PLACE),
    "POST /holds/{hold_id}/release": _somewhere(Act.HOLD_RELEASE),
    "GET /api/v1/holds": _lists(Act.EXPORT_SEE),
    "POST /api/v1/holds": _somewhere(Act.HOLD_PLACE),
    "POST /api/v1/holds/{hold_id}/release": _somewhere(Act.HOLD_RELEASE),
    "GET /verify": _open(),
    "GET /verify/page": _open(),
    "GET /system": _lists(Act.SYSTEM_SEE),
    "GET /more": _own(),
    "GET /healthz": _open(),
    "GET /metrics": Rule(Act.SYSTEM_SEE, Of.LOCAL),
}
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
    return sorted(found, key=lambda site: site.id != who.desk.site.id)


def shown_site(connection: Connection, who: Visitor, act: Act) -> registry.Site:
    """The one site of a page that shows one: this hub's own if the visitor may, else his first.

    Raises:
        VonggacError: FORBIDDEN, there is none; UNAVAILABLE, the program is still starting.
    """
    found = shown_sites(connection, who, act)
    if not found:
        raise VonggacError(Kind.FORBIDDEN, "no facility is in your scope", code="outside_scope")
    return found[0]


def camera_here(connection: Connection, who: Visitor, camera_id: str) -> registry.Camera:
    """A camera whose box this hub asks. Its name alone would reach the wrong box.

    Raises:
        VonggacError: NOT_FOUND, there is none; UNAVAILABLE, its site's box is not asked from here.
    """
    found = registry.camera(connection, camera_id)
    if found.site_id != who.desk.site.id:
        raise VonggacError(Kind.UNAVAILABLE, "this hub does not reach that camera's site")
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
