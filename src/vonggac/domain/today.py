"""What waits for a person today: the matters of every subject, as far as the person's roles reach.

Every subject of the chain says its own matters; those of directives, plans, estimates, the
register, requests, exports and incidents are said here, since they were there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import register as db_register
from vonggac.domain import (
    acceptance_drift,
    access,
    directives,
    estimate,
    estimates,
    exports,
    findings,
    guide,
    incidents,
    inspections,
    issuers,
    legal,
    papers,
    plans,
    registry,
    reminders,
    requests,
    sanctions,
    schedules,
    surveys,
    task_board,
)
from vonggac.domain.duties import Act
from vonggac.domain.matters import Matter, Standing, in_order, standing_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person, Thing

    Subject = Callable[..., list[Matter]]

MANY: Final = 5
"""More facilities with the same lack than so many are one line with their number (ours)."""
NEWS_NS: Final = 7 * 86_400 * NS
"""What happened is told for so long (ours)."""
NEWS_MOST: Final = 10
"""Lines of what happened, of one subject (ours)."""
VERIFIED_DAYS: Final = 90
"""A contact that nobody called for so long is to be verified (ours; a guide may say otherwise)."""

SUBJECTS: Final[Sequence[Subject]] = (
    guide.matters,
    papers.matters,
    surveys.matters,
    task_board.matters,
    acceptance_drift.matters,
    inspections.matters,
    findings.matters,
    reminders.matters,
    sanctions.matters,
    schedules.matters,
)
"""`matters` of the subjects that say their own."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Who looks, when, and over which facilities."""

    connection: Connection
    person: Person
    now_ns: int
    today: date
    things: Mapping[str, Thing]
    titles: Mapping[str, str]
    closed: frozenset[str]

    def may(self, act: Act) -> list[str]:
        """Facilities where the person may do this, without those that are closed."""
        reached = access.sites_for(self.connection, self.person, act, self.now_ns)
        return [site_id for site_id in reached if site_id not in self.closed]

    def title(self, site_id: str) -> str:
        """What people call the facility."""
        return self.titles[site_id]


def matters(connection: Connection, person: Person, *, now_ns: int) -> list[Matter]:
    """What a person has to do, what is late and what changed, in the order of reading."""
    look = _look(connection, person, now_ns)
    found = [
        *_owed(look),
        *_new_directives(look),
        *_plans(look),
        *_estimates(look),
        *_contacts(look),
        *_cover(look),
        *_requests(look),
        *_exports(look),
        *_incidents(look),
    ]
    seen = look.may(Act.FACILITY_SEE)
    for subject in SUBJECTS:
        found += subject(connection, seen, person, now_ns=now_ns)
    return in_order(found)


def _look(connection: Connection, person: Person, now_ns: int) -> _Look:
    table = db_register.facility
    closed = connection.execute(
        sa.select(table.c.site_id).where(table.c.status == "closed")
    ).scalars()
    return _Look(
        connection,
        person,
        now_ns,
        legal.day_of(now_ns),
        access.things_of_sites(connection),
        registry.titles(connection),
        frozenset(closed),
    )


def _each(look: _Look, site_ids: Sequence[str], one: Matter, many: str, href: str) -> list[Matter]:
    """A line a facility, or one line with their number when they are many.

    Args:
        look: who looks.
        site_ids: of which facilities.
        one: of one; `{site}` in its address is the facility's id.
        many: the sentence of their number.
        href: where all of them are.
    """
    if len(site_ids) > MANY:
        return [Matter(one.subject, many, href, one.standing, (("n", str(len(site_ids))),))]
    return [
        Matter(
            one.subject, one.what, one.href.format(site=site_id), one.standing,
            (("facility", look.title(site_id)),), one.due, site_id,
        )
        for site_id in site_ids
    ]  # fmt: skip


# -- directives ------------------------------------------------------------------------------


def _owed(look: _Look) -> list[Matter]:
    """What bodies owe: of everybody to those who keep the register, else of the own body."""
    if not access.may_somewhere(look.person, Act.DIRECTIVE_SEE, now_ns=look.now_ns):
        return []
    keeps = any(
        access.may_somewhere(look.person, act, now_ns=look.now_ns)
        for act in (Act.DIRECTIVE_REGISTER, Act.DIRECTIVE_ASSIGN)
    )
    own = frozenset() if keeps else issuers.spoken_for(
        look.connection, look.person, now_ns=look.now_ns, on=look.today
    )  # fmt: skip
    allowed = directives.visible(look.connection, look.person, look.now_ns)
    return [
        Matter(
            "directive", "{body} phải gửi lại theo {number}, mục {clause}",
            f"/directives/{one.directive.id}#clauses", standing_on(one.due, look.today),
            (("body", one.duty.body), ("number", one.directive.number),
             ("clause", one.clause.number)),
            one.due, body=one.duty.body,
        )
        for one in directives.owed(look.connection, allowed)
        # What is shipped shows how it is done; its deadlines were over years ago.
        if one.directive.code is None
        and one.duty.state in ("due", "returned")
        and (keeps or issuers.is_among(one.duty.body, own))
    ]  # fmt: skip


def _new_directives(look: _Look) -> list[Matter]:
    if not access.may_somewhere(look.person, Act.DIRECTIVE_SEE, now_ns=look.now_ns):
        return []
    allowed = directives.visible(look.connection, look.person, look.now_ns)
    return [
        Matter(
            "directive", "Văn bản mới vào sổ: {number} của {issuer}", f"/directives/{one.id}",
            Standing.CHANGED, (("number", one.number), ("issuer", one.issuer)),
        )
        for one in directives.listed(look.connection, allowed)
        if one.code is None and look.now_ns - one.registered_ns < NEWS_NS
    ][:NEWS_MOST]  # fmt: skip


# -- plans and estimates ---------------------------------------------------------------------


def _plans(look: _Look) -> list[Matter]:
    """The last plan of each facility, while a party has not agreed yet."""
    may = look.may(Act.SCHEME_AGREE)
    last: dict[str, plans.Plan] = {}
    for one in plans.listed(look.connection, may):
        last.setdefault(one.site_id, one)
    return [
        Matter(
            "plan", "Phương án của {facility} chờ các bên thống nhất", f"/plans/{one.id}",
            Standing.SIGN, (("facility", look.title(one.site_id)),), site_id=one.site_id,
        )
        for one in last.values()
        if not one.is_agreed
    ]  # fmt: skip


SENT_BACK: Final = "Dự toán {code} của {facility} bị trả lại, cần lập phiên bản mới"
LATER: Final = "Dự toán {code} của {facility}: ghi bước tiếp theo"
WAITS: Final[Mapping[str, tuple[str, Standing]]] = {
    "submitted": ("Dự toán {code} của {facility} đang lập, chưa trình", Standing.DUE),
    "appraised": ("Dự toán {code} của {facility} chờ thẩm định", Standing.SIGN),
    "approved": ("Dự toán {code} của {facility} chờ phê duyệt", Standing.SIGN),
}
"""What an estimate waits for, by its next step; the steps after approval have one sentence."""


def _estimates(look: _Look) -> list[Matter]:
    may: dict[Act, set[str]] = {}
    found = []
    for one in estimates.listed(look.connection, look.may(Act.ESTIMATE_SEE)):
        line = str(look.things[one.site_id].line)
        values = (("code", one.code), ("facility", look.title(one.site_id)))
        if one.state == estimate.RETURNED:
            act, said, standing = Act.ESTIMATE_MAKE, SENT_BACK, Standing.DUE
        else:
            step = estimate.next_step(one.state, line)
            if step is None:
                continue
            act = step.act_for(line)
            said, standing = WAITS.get(step.code, (LATER, Standing.DUE))
        if act not in may:
            may[act] = set(look.may(act))
        if one.site_id in may[act]:
            found.append(
                Matter(
                    "estimate", said, f"/estimates/{one.id}", standing, values,
                    site_id=one.site_id,
                )
            )  # fmt: skip
    return found


# -- the register ----------------------------------------------------------------------------


NO_CONTACT: Final = "{n} cơ sở chưa có đầu mối"
NOT_VERIFIED: Final = "{n} cơ sở có đầu mối lâu chưa xác minh"
NOT_CONCLUDED: Final = "{n} cơ sở chưa có kết luận đủ camera"

SAID: Final = (SENT_BACK, LATER, NO_CONTACT, NOT_VERIFIED, NOT_CONCLUDED)
"""Sentences that are not said where their matter is made."""


def _contacts(look: _Look) -> list[Matter]:
    """Facilities without a contact person, and contacts that nobody called for long."""
    may = look.may(Act.FACILITY_EDIT)
    table = db_register.contact
    rows = look.connection.execute(
        sa.select(table.c.site_id, table.c.verified_day).where(table.c.kind == "contact")
    )
    known = {row.site_id: row.verified_day for row in rows}
    oldest = look.today - timedelta(days=guide.number(look.connection, "verify_days", look.today))
    missing = [one for one in may if one not in known]
    stale = [one for one in may if one in known and (known[one] is None or known[one] < oldest)]
    edit = "/facilities/{site}/edit"
    return [
        *_each(
            look, missing,
            Matter("register", "{facility} chưa có đầu mối", edit, Standing.DUE),
            NO_CONTACT, "/facilities",
        ),
        *_each(
            look, stale,
            Matter("register", "Gọi lại để xác minh đầu mối của {facility}", edit, Standing.DUE),
            NOT_VERIFIED, "/facilities",
        ),
    ]  # fmt: skip


def _cover(look: _Look) -> list[Matter]:
    """Facilities in service of which no surveyor concluded whether cameras are enough."""
    table = db_register.cover_conclusion
    concluded = set(look.connection.execute(sa.select(table.c.site_id).distinct()).scalars())
    open_ones = [one for one in look.may(Act.COVER_CONCLUDE) if one not in concluded]
    return _each(
        look, open_ones,
        Matter(
            "register", "{facility} chưa có kết luận đủ camera", "/facilities/{site}/cover",
            Standing.DUE,
        ),
        NOT_CONCLUDED, "/facilities",
    )  # fmt: skip


# -- requests, exports, incidents ------------------------------------------------------------


def _requests(look: _Look) -> list[Matter]:
    may = look.may(Act.REQUESTS_EDIT)
    return [
        Matter(
            "request", "Yêu cầu của người bị ghi hình ở {facility}", f"/requests/{one.id}",
            Standing.LATE if one.is_late(look.now_ns) else Standing.DUE,
            (("facility", look.title(one.site_id)),), legal.day_of(one.next_ns), one.site_id,
        )
        for one in requests.listed(look.connection, may, now_ns=look.now_ns)
        if one.is_open
    ]  # fmt: skip


def _exports(look: _Look) -> list[Matter]:
    """Requests for recordings that wait for a decision of somebody else than who asked."""
    may = look.may(Act.EXPORT_APPROVE)
    return [
        Matter(
            "export", "Đề nghị trích xuất của {facility} chờ duyệt", f"/exports/{one.id}",
            Standing.SIGN, (("facility", look.title(one.site_id)),), site_id=one.site_id,
        )
        for one in exports.listed(look.connection, may)
        if one.state == "asked" and one.asked.account_id != look.person.account_id
    ]  # fmt: skip


def _incidents(look: _Look) -> list[Matter]:
    may = look.may(Act.INCIDENT_EDIT)
    return [
        _incident(look, one)
        for one in incidents.listed(look.connection, may)
        if one.closed_ns is None
    ]


def _incident(look: _Look, one: incidents.Incident) -> Matter:
    """An open record, with the nearest clock of the law that still runs."""
    running = [clock for clock in incidents.clocks(look.connection, one) if clock.done is None]
    until_ns = min((clock.until_ns for clock in running), default=None)
    late = until_ns is not None and until_ns < look.now_ns
    return Matter(
        "incident", "Hồ sơ sự cố ở {facility} chưa khép", f"/incidents/{one.id}",
        Standing.LATE if late else Standing.DUE, (("facility", look.title(one.site_id)),),
        None if until_ns is None else legal.day_of(until_ns), one.site_id,
    )  # fmt: skip


def counted(every: Iterable[Matter]) -> dict[Standing, int]:
    """How many of each standing."""
    found = dict.fromkeys(Standing, 0)
    for one in every:
        found[one.standing] += 1
    return found
