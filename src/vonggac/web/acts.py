"""What every route is, as an act on a thing: of signing in, facilities, pictures and the office.

The routes of the orders' chain, from directive to report, are in `vonggac.web.acts_chain`; the two
tables are joined and obeyed in `vonggac.web.rights`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from vonggac.domain.access import Act

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def nobody() -> Rule:
    """Whoever comes."""
    return Rule(Act.OWN_ACCOUNT, Of.NOBODY)


def own() -> Rule:
    """Of the visitor's own account."""
    return Rule(Act.OWN_ACCOUNT, Of.OWN)


def system(act: Act) -> Rule:
    """Of the hub itself."""
    return Rule(act, Of.SYSTEM)


def camera(act: Act) -> Rule:
    """Of the camera in the path."""
    return Rule(act, Of.CAMERA)


def site(act: Act) -> Rule:
    """Of the site in the path."""
    return Rule(act, Of.SITE)


def lists(act: Act) -> Rule:
    """Of the sites where it is allowed."""
    return Rule(act, Of.LISTS)


def somewhere(act: Act) -> Rule:
    """Of what the body or the thing names: the route asks `rights.require`."""
    return Rule(act, Of.SOMEWHERE)


ACTS: Final[Mapping[str, Rule]] = {
    # signing in and out, one's own account
    "GET /signin": nobody(),
    "POST /signin": nobody(),
    "GET /signin/help": nobody(),
    "GET /ca": nobody(),
    "GET /ca.crt": nobody(),
    "POST /signout": nobody(),
    "GET /language": nobody(),
    "GET /password": own(),
    "POST /password": own(),
    "GET /signin/code": nobody(),
    "POST /signin/code": nobody(),
    "GET /account": own(),
    "POST /account/sessions": own(),
    "GET /account/factor": own(),
    "POST /account/factor": own(),
    "POST /account/recovery": own(),
    "POST /account/pin": own(),
    "GET /account/tokens": own(),
    "POST /account/tokens": own(),
    "POST /api/v1/session": nobody(),
    "GET /api/v1/session": own(),
    "DELETE /api/v1/session": nobody(),
    "PUT /api/v1/session/password": own(),
    "POST /api/v1/session/second-factor": own(),
    "PUT /api/v1/session/second-factor": own(),
    "GET /api/v1/sessions": own(),
    "DELETE /api/v1/sessions/{session_id}": own(),
    "GET /api/v1/tokens": own(),
    "POST /api/v1/tokens": own(),
    "DELETE /api/v1/tokens/{token_id}": own(),
    # a machine on duty, and a screen on a wall: each proves itself by a key of its own
    "GET /person": nobody(),
    "POST /person": nobody(),
    "GET /api/v1/workstation": nobody(),
    "POST /api/v1/workstation/person": nobody(),
    "GET /display": nobody(),
    "POST /display": nobody(),
    "POST /api/v1/display/grants": nobody(),
    # accounts: those of the visitor's scope (`roles.within`); one review stands for the whole hub
    "GET /accounts": somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/new": somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/new": somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/sheet": somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/sheet": somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/sheet.xlsx": somewhere(Act.PEOPLE_EDIT),
    "GET /accounts/review.xlsx": somewhere(Act.REVIEW_EXPORT),
    "POST /accounts/review": system(Act.REVIEW_EXPORT),
    "GET /accounts/{account_id}": somewhere(Act.PEOPLE_EDIT),
    "POST /accounts/{account_id}": somewhere(Act.PEOPLE_EDIT),
    "GET /workstations": system(Act.PEOPLE_EDIT),
    "POST /workstations": system(Act.PEOPLE_EDIT),
    # facilities and cameras
    "GET /": own(),
    "GET /facilities": lists(Act.FACILITY_SEE),
    "GET /facilities/new": somewhere(Act.FACILITY_EDIT),
    "POST /facilities/new": somewhere(Act.FACILITY_EDIT),
    "GET /facilities/import": somewhere(Act.FACILITY_EDIT),
    "POST /facilities/import": somewhere(Act.FACILITY_EDIT),
    "GET /facilities/import/{upload_id}": somewhere(Act.FACILITY_EDIT),
    "POST /facilities/import/{upload_id}": somewhere(Act.FACILITY_EDIT),
    "GET /facilities/template.xlsx": somewhere(Act.FACILITY_EDIT),
    "GET /facilities/export.xlsx": lists(Act.FACILITY_DETAILS),
    "GET /facilities/{site_id}/edit": site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/edit": site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/contacts": site(Act.FACILITY_EDIT),
    "GET /facilities/{site_id}/cover": site(Act.FACILITY_DETAILS),
    "POST /facilities/{site_id}/cover": site(Act.FACILITY_EDIT),
    "POST /facilities/{site_id}/intake": site(Act.INTAKE_RULE),
    "GET /facilities/{site_id}/pictures/{picture_id}": site(Act.FACILITY_DETAILS),
    "POST /facilities/absences": somewhere(Act.FACILITY_EDIT),
    "POST /facilities/conclusions": somewhere(Act.COVER_CONCLUDE),
    "GET /api/v1/facilities": lists(Act.FACILITY_SEE),
    "POST /api/v1/facilities": somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/facilities/{site_id}": site(Act.FACILITY_DETAILS),
    "PUT /api/v1/facilities/{site_id}": site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/contacts/{kind}": site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/contacts/{kind}": site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/areas/{code}": site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/areas/{code}": site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/doors/{name}": site(Act.FACILITY_EDIT),
    "GET /api/v1/facilities/{site_id}/coverage": site(Act.FACILITY_DETAILS),
    "POST /api/v1/facilities/{site_id}/conclusions": site(Act.COVER_CONCLUDE),
    "PUT /api/v1/facilities/{site_id}/absences/{zone}": site(Act.FACILITY_EDIT),
    "DELETE /api/v1/facilities/{site_id}/absences/{zone}": site(Act.FACILITY_EDIT),
    "PUT /api/v1/facilities/{site_id}/intake": site(Act.INTAKE_RULE),
    "POST /api/v1/pictures": somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/cameras/{camera_id}/inventory": camera(Act.FACILITY_DETAILS),
    "PUT /api/v1/cameras/{camera_id}/inventory": camera(Act.CAMERA_EDIT),
    "POST /api/v1/register/import": somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/register.xlsx": lists(Act.FACILITY_DETAILS),
    "GET /api/v1/sites": lists(Act.FACILITY_SEE),
    "PUT /api/v1/sites/{site_id}/unit": system(Act.UNITS_EDIT),
    "GET /cameras/new": lists(Act.CAMERA_EDIT),
    "POST /cameras/new": lists(Act.CAMERA_EDIT),
    "GET /discover": lists(Act.DISCOVER),
    "POST /discover": lists(Act.DISCOVER),
    "GET /cameras/{camera_id}": camera(Act.FACILITY_DETAILS),
    "POST /cameras/{camera_id}/probe": camera(Act.PROBE),
    "GET /cameras/{camera_id}/edit": camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/edit": camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/inventory": camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/retire": camera(Act.CAMERA_EDIT),
    "POST /cameras/{camera_id}/maintenance": camera(Act.MAINTENANCE_PLAN),
    "POST /cameras/{camera_id}/maintenance/{plan_id}/withdrawal": camera(Act.MAINTENANCE_PLAN),
    "GET /api/v1/cameras": lists(Act.FACILITY_DETAILS),
    "POST /api/v1/cameras": lists(Act.CAMERA_EDIT),
    "GET /api/v1/cameras/{camera_id}": camera(Act.FACILITY_DETAILS),
    "PUT /api/v1/cameras/{camera_id}": camera(Act.CAMERA_EDIT),
    "DELETE /api/v1/cameras/{camera_id}": camera(Act.CAMERA_EDIT),
    "GET /api/v1/cameras/{camera_id}/maintenance": camera(Act.FACILITY_DETAILS),
    "POST /api/v1/cameras/{camera_id}/maintenance": camera(Act.MAINTENANCE_PLAN),
    "DELETE /api/v1/cameras/{camera_id}/maintenance/{plan_id}": camera(Act.MAINTENANCE_PLAN),
    "POST /api/v1/probe": lists(Act.PROBE),
    "POST /api/v1/discover": lists(Act.DISCOVER),
    # pictures
    "GET /wall": lists(Act.LIVE_VIEW),
    "GET /playback": lists(Act.PLAYBACK),
    "GET /api/v1/purposes": own(),
    "POST /api/v1/grants": somewhere(Act.LIVE_VIEW),
    "DELETE /api/v1/grants/{grant_id}": own(),
    # who watches, and cameras shared with another body
    "GET /watching": lists(Act.WATCHING_SEE),
    "POST /watching": lists(Act.WATCHING_SEE),
    "GET /api/v1/sites/{site_id}/views": somewhere(Act.WATCHING_SEE),
    "DELETE /api/v1/views/{view_id}": somewhere(Act.WATCHING_SEE),
    "GET /shares": lists(Act.SHARE_GRANT),
    "POST /shares": lists(Act.SHARE_GRANT),
    "GET /api/v1/shares": lists(Act.SHARE_GRANT),
    "POST /api/v1/shares": somewhere(Act.SHARE_GRANT),
    "DELETE /api/v1/shares/{share_id}": somewhere(Act.SHARE_GRANT),
    "GET /shared": own(),
    "GET /shared/{share_id}": own(),
    "GET /api/v1/cameras/{camera_id}/snapshot.jpg": camera(Act.SNAPSHOT),
    "GET /api/v1/cameras/{camera_id}/recording.mp4": camera(Act.DOWNLOAD),
    "HEAD /api/v1/cameras/{camera_id}/recording.mp4": camera(Act.DOWNLOAD),
    # the ledger
    "GET /continuity": lists(Act.LEDGER_SEE),
    "GET /continuity.csv": lists(Act.LEDGER_SEE),
    "GET /api/v1/cameras/{camera_id}/ledger": camera(Act.LEDGER_SEE),
    "GET /api/v1/cameras/{camera_id}/timeline": camera(Act.LEDGER_SEE),
    # people and units
    "GET /api/v1/duties": own(),
    "GET /roles": somewhere(Act.PEOPLE_SEE),
    "GET /roles/new": somewhere(Act.ROLES_EDIT),
    "POST /roles/new": somewhere(Act.ROLES_EDIT),
    "POST /roles/{role_id}/end": somewhere(Act.ROLES_EDIT),
    "GET /units": somewhere(Act.UNITS_SEE),
    "GET /units/{unit_id}": somewhere(Act.UNITS_SEE),
    "POST /units/{unit_id}": system(Act.UNITS_EDIT),
    "GET /api/v1/roles": somewhere(Act.PEOPLE_SEE),
    "POST /api/v1/roles": somewhere(Act.ROLES_EDIT),
    "DELETE /api/v1/roles/{role_id}": somewhere(Act.ROLES_EDIT),
    "GET /api/v1/units": somewhere(Act.UNITS_SEE),
    "POST /api/v1/units": system(Act.UNITS_EDIT),
    "PUT /api/v1/units/{unit_id}/name": system(Act.UNITS_EDIT),
    "DELETE /api/v1/units/{unit_id}": system(Act.UNITS_EDIT),
    # what people who are filmed are told, and what they ask
    "GET /notices": lists(Act.DOCUMENTS_MAKE),
    "POST /notices": somewhere(Act.SETTINGS_EDIT),
    "GET /notices/{site_id}/sign.pdf": somewhere(Act.DOCUMENTS_MAKE),
    "GET /api/v1/notices": lists(Act.DOCUMENTS_MAKE),
    "GET /api/v1/notices/{site_id}": somewhere(Act.DOCUMENTS_MAKE),
    "PUT /api/v1/notices/{site_id}": somewhere(Act.SETTINGS_EDIT),
    "GET /api/v1/notices/{site_id}/sign.pdf": somewhere(Act.DOCUMENTS_MAKE),
    "GET /thong-bao/{public_id}": nobody(),
    "POST /thong-bao/{public_id}": nobody(),
    "POST /thong-bao/{public_id}/tra-cuu": nobody(),
    "GET /requests": lists(Act.REQUESTS_EDIT),
    "POST /requests": somewhere(Act.REQUESTS_EDIT),
    "GET /requests.csv": lists(Act.REQUESTS_EDIT),
    "GET /requests.xlsx": lists(Act.REQUESTS_EDIT),
    "GET /requests/{request_id}": somewhere(Act.REQUESTS_EDIT),
    "POST /requests/{request_id}": somewhere(Act.REQUESTS_EDIT),
    "GET /api/v1/requests": lists(Act.REQUESTS_EDIT),
    "POST /api/v1/requests": somewhere(Act.REQUESTS_EDIT),
    "GET /api/v1/requests/{request_id}": somewhere(Act.REQUESTS_EDIT),
    "POST /api/v1/requests/{request_id}/acknowledgement": somewhere(Act.REQUESTS_EDIT),
    "POST /api/v1/requests/{request_id}/answer": somewhere(Act.REQUESTS_EDIT),
    # incidents, and the law
    "GET /incidents": lists(Act.INCIDENT_EDIT),
    "POST /incidents": somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}": somewhere(Act.INCIDENT_EDIT),
    "POST /incidents/{incident_id}": somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}/record.pdf": somewhere(Act.INCIDENT_EDIT),
    "GET /incidents/{incident_id}/record.docx": somewhere(Act.INCIDENT_EDIT),
    "GET /api/v1/incidents": lists(Act.INCIDENT_EDIT),
    "POST /api/v1/incidents": somewhere(Act.INCIDENT_EDIT),
    "GET /api/v1/incidents/{incident_id}": somewhere(Act.INCIDENT_EDIT),
    "POST /api/v1/incidents/{incident_id}/steps": somewhere(Act.INCIDENT_EDIT),
    "GET /legal": own(),
    "POST /legal/texts": system(Act.SETTINGS_EDIT),
    "GET /legal/texts/{text_id}": own(),
    "POST /legal/texts/{text_id}": system(Act.SETTINGS_EDIT),
    "GET /api/v1/legal": own(),
    # the catalogue of violations: rules are no secret
    "GET /violations": own(),
    "GET /api/v1/violations": own(),
    # the office
    "GET /audit": system(Act.AUDIT_READ),
    "GET /audit.csv": system(Act.AUDIT_EXPORT),
    "GET /audit.jsonl": system(Act.AUDIT_EXPORT),
    "GET /api/v1/audit": system(Act.AUDIT_READ),
    "GET /compliance": system(Act.COMPLIANCE_SEE),
    "GET /compliance/{kind}": system(Act.COMPLIANCE_SEE),
    "GET /compliance/{kind}/file": system(Act.COMPLIANCE_SEE),
    # evidence
    "GET /exports": lists(Act.EXPORT_SEE),
    "GET /exports/new": lists(Act.EXPORT_ASK),
    "POST /exports/new": somewhere(Act.EXPORT_ASK),
    "GET /exports/{export_id}": somewhere(Act.EXPORT_SEE),
    "POST /exports/{export_id}/approval": somewhere(Act.EXPORT_APPROVE),
    "POST /exports/{export_id}/withdrawal": somewhere(Act.EXPORT_ASK),
    "GET /exports/{export_id}/file": somewhere(Act.EXPORT_TAKE),
    "GET /exports/{export_id}/key": somewhere(Act.EXPORT_SEE),
    "GET /api/v1/exports": lists(Act.EXPORT_SEE),
    "POST /api/v1/exports": somewhere(Act.EXPORT_ASK),
    "GET /api/v1/exports/{export_id}": somewhere(Act.EXPORT_SEE),
    "POST /api/v1/exports/{export_id}/approval": somewhere(Act.EXPORT_APPROVE),
    "POST /api/v1/exports/{export_id}/withdrawal": somewhere(Act.EXPORT_ASK),
    "GET /api/v1/exports/{export_id}/file": somewhere(Act.EXPORT_TAKE),
    "GET /holds": lists(Act.EXPORT_SEE),
    "POST /holds": somewhere(Act.HOLD_PLACE),
    "POST /holds/{hold_id}/release": somewhere(Act.HOLD_RELEASE),
    "GET /api/v1/holds": lists(Act.EXPORT_SEE),
    "POST /api/v1/holds": somewhere(Act.HOLD_PLACE),
    "POST /api/v1/holds/{hold_id}/release": somewhere(Act.HOLD_RELEASE),
    "GET /verify": nobody(),
    "GET /verify/page": nobody(),
    "GET /system": lists(Act.SYSTEM_SEE),
    "GET /more": own(),
    "GET /healthz": nobody(),
    "GET /metrics": Rule(Act.SYSTEM_SEE, Of.LOCAL),
}
"""The routes of pages and API, by method and path, but for those of the chain."""
