"""The facility: one site's truth on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.domain import (
    access,
    continuity,
    coverage,
    estimates,
    grants,
    guide,
    ledger,
    links,
    plans,
    register,
    registry,
    units,
)
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import charts, figures, rights, words
from vonggac.web.desk import Visitor, as_of, visitor
from vonggac.web.estimates import state_words
from vonggac.web.office import disk_notes
from vonggac.web.register import list_page
from vonggac.web.render import codec_name
from vonggac.web.words import DAY_NS, day_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

MONTH_DAYS = 30
ESTIMATES_SHOWN = 3
YOUNGEST_NS = 300 * NS
"""The shortest strip that is drawn."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter of the table, with its count."""

    name: str
    words: str
    count: int
    current: bool


@routes.get("/")
def facility(
    who: Annotated[Visitor, Depends(visitor)], show: str = "", q: str = "", site: str = ""
) -> Response:
    """The facility's page, or name and counts of all, for those who see no more of any.

    An officer of another body, who has no facility but what is shared with him, is shown that.
    Whose work is papers lands on the page of the day, unless a facility is asked for.

    Args:
        who: the visitor.
        show: which cameras.
        q: words to find a camera by.
        site: which facility, where the visitor may see several; its name or its id.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    if who.is_office and not (show or q or site):
        return RedirectResponse("/today", 303)
    with who.desk.database.reading() as connection:
        shown = rights.shown_sites(connection, who, Act.FACILITY_DETAILS)
    if site:
        shown = [one for one in shown if site in (one.id, one.name)]
    if not shown and not site:
        return RedirectResponse("/shared", 303) if _is_partner(who) else list_page(who)
    if not shown:
        raise VonggacError(Kind.NOT_FOUND, "there is no such facility, or it is not for you")
    return _facility_page(who, shown[0], show, q)


def _is_partner(who: Visitor) -> bool:
    """Whether the visitor acts for a body, and sees no facility but by what is shared with it."""
    now_ns = who.desk.now_ns()
    acting = any(held.body for held in who.person.held if held.lasts(now_ns))
    with who.desk.database.reading() as connection:
        return acting and not rights.shown_sites(connection, who, Act.FACILITY_SEE)


@dataclass(frozen=True, slots=True)
class Count:
    """A facility in figures: what everybody may know who may know that it is there."""

    site: registry.Site
    unit: str
    cameras: int
    recording: int
    has_details: bool


def counts(who: Visitor) -> list[Count]:
    """Name and counts of every facility that the visitor may see."""
    with who.desk.database.reading() as connection:
        detailed = {one.id for one in rights.shown_sites(connection, who, Act.FACILITY_DETAILS)}
        names = units.names_of_sites(connection, words.day_of(who.desk.now_ns()))
        shown = rights.shown_sites(connection, who, Act.FACILITY_SEE)
        known = register.camera_counts(connection)
    return [
        Count(
            site=site,
            unit=who.t.of(names[site.id]) if site.id in names else "",
            cameras=known.get(site.id, (0, 0))[0],
            recording=known.get(site.id, (0, 0))[1],
            has_details=site.id in detailed,
        )
        for site in shown
    ]


def _facility_page(who: Visitor, site: registry.Site, show: str, q: str) -> Response:
    """Figures, cameras with their last 24 hours, the month, the coverage."""
    desk, t = who.desk, who.t
    now_ns = desk.now_ns()
    with desk.database.reading() as connection:
        cameras = registry.cameras(connection, site.id)
        born_ns = min((camera.created_ns for camera in cameras), default=now_ns)
        # A facility that is an hour old would show a strip of nothing: it shows its hour.
        day = (max(now_ns - DAY_NS, min(born_ns, now_ns - YOUNGEST_NS)), now_ns)
        month = (day_start(now_ns) - (MONTH_DAYS - 1) * DAY_NS, now_ns)
        long_times = figures.camera_times(connection, site, cameras, month, now_ns=now_ns)
        site_state = ledger.site_state(connection, site.id)
        more = _of_register(connection, who, site)
        kept = guide.rule(connection, "retention_days", words.day_of(now_ns))
        watching = grants.watching(connection, site.id, now_ns=now_ns)
        unmeasured = registry.unmeasured(connection, site.id)
    times = [figures.within(time, *day) for time in long_times]
    total = continuity.figures(piece for time in times for piece in time.pieces)
    shown, chips = _filtered(times, show, q, who)
    days = figures.month_days(long_times, now_ns, MONTH_DAYS, now_ns)
    shown_span = (
        t("24 giờ qua")
        if day[0] == now_ns - DAY_NS
        else t("Từ {time}", time=t.moment(day[0], near=now_ns))
    )
    month_causes = figures.causes_in(long_times, desk.causes)
    days = figures.trimmed(days)
    return who.page(
        "facility.html",
        {
            "site": site,
            "kept": kept,
            "times": shown,
            "shown_span": shown_span,
            "count": len(cameras),
            "unmeasured": unmeasured,
            "chips": chips,
            "q": q,
            "total": total,
            # Of a site that does not answer nobody knows which camera is down now.
            "faults": []
            if site_state and site_state.lost_ns
            else [time for time in times if _is_fault(time)],
            "link": links.link_of(site_state.detail) if site_state else None,
            "site_state": site_state,
            **disk_notes(t, site_state),
            "as_of": as_of(site_state, now_ns),
            "watching": watching,
            "sees_names": who.can(Act.WATCHING_NAMES),
            "watched_cameras": sum(one.cameras for one in watching),
            **more,
            "placement": desk.placement,
            "causes": desk.causes,
            "strip": lambda time: charts.strip(
                charts.Strip(day[0], day[1], time.pieces, f"{time.camera.name}, {shown_span}"),
                desk.causes,
                t,
            ),
            "month": charts.month(
                days, desk.causes, t, t("Sổ ghi hình {days} ngày, mỗi ô một giờ", days=len(days))
            ),
            "month_days": len(days),
            "legend": [desk.causes[cause] for cause in month_causes],
            "has_unknown": any(time.figures.unknown_ns for time in (*times, *long_times)),
            "not_in_service": desk.causes[Cause.NOT_IN_SERVICE],
        },
        section="facility",
    )


def _is_fault(time: figures.CameraTime) -> bool:
    return time.state is not None and time.state.status == "gap"


def _filtered(
    times: Sequence[figures.CameraTime], show: str, q: str, who: Visitor
) -> tuple[list[figures.CameraTime], list[Chip]]:
    t = who.t
    kinds = {
        "": list(times),
        "attention": [time for time in times if time.needs_attention],
        "corridor": [time for time in times if time.camera.zone == "HL"],
        "h265": [
            time
            for time in times
            if time.state and codec_name(str(time.state.detail.get("codec"))) == "H.265"
        ],
        "clock": [time for time in times if _clock_off(time)],
    }
    show = show if show in kinds else ""
    words = {
        "": t("Tất cả"),
        "attention": t("Cần để ý"),
        "corridor": t("Hành lang"),
        "h265": t("H.265"),
        "clock": t("Lệch giờ trên 1 s"),
    }
    chips = [Chip(name, words[name], len(found), name == show) for name, found in kinds.items()]
    shown = kinds[show]
    if q.strip():
        wanted = q.strip().casefold()
        shown = [
            time
            for time in shown
            if wanted in f"{time.camera.name} {time.camera.title} {time.camera.zone}".casefold()
        ]
    return shown, chips


def _clock_off(time: figures.CameraTime) -> bool:
    error = time.state.detail.get("clock_error_ms") if time.state else None
    return isinstance(error, int | float) and abs(error) > 1000


def _of_register(connection: Connection, who: Visitor, site: registry.Site) -> dict[str, Any]:
    """What the register says beyond cameras: profile, contacts, cover, and what may be edited."""
    thing = access.thing_of_site(connection, site.id)
    profile = register.facility(connection, site.id)
    said = coverage.conclusions(connection, site.id)
    kinds = register.kinds()
    contacts = register.contacts(connection, [site.id])
    return {
        "profile": profile,
        "statuses": kinds.statuses,
        "contact_kinds": kinds.contacts,
        "contacts": [
            contacts[site.id, kind] for kind in kinds.contacts if (site.id, kind) in contacts
        ],
        "cover": coverage.coverage(connection, site.id, who.desk.placement),
        "concluded": said[0] if said else None,
        "takes_in": not register.held_back(connection, [profile]),
        **_of_chain(connection, who, site.id, thing),
        "may_edit": who.may(Act.FACILITY_EDIT, thing),
        "may_close": who.may(Act.FACILITY_CLOSE, thing),
        "may_enrol": who.may(Act.SITE_ENROL, thing),
    }


def _of_chain(
    connection: Connection, who: Visitor, site_id: str, thing: access.Thing
) -> dict[str, Any]:
    """The last connection plan and the last estimates, as far as the visitor sees them."""
    sees_plans, sees_estimates = who.may(Act.SCHEME_SEE, thing), who.may(Act.ESTIMATE_SEE, thing)
    return {
        "sees_plans": sees_plans,
        "plan": next(iter(plans.listed(connection, [site_id])), None) if sees_plans else None,
        "estimates": [
            (one, state_words(who.t, one.state))
            for one in (estimates.listed(connection, [site_id]) if sees_estimates else [])
        ][:ESTIMATES_SHOWN],
    }
