"""Surveys of facilities: how far each is, its answers in versions, what is made of them.

    asked ──▶ answered ──▶ verified
      │          ▲  │
      │          │  ▼
      ├──────── disputed
      └──▶ refused (by telephone, with name and reason; an answer takes it back)

Every version of the answers is kept.  Who may do what is `access.may`'s to say; every step leaves
an audit row in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import Connection, among, tables
from vonggac.db import survey as db
from vonggac.domain import access, audit, campaigns, legal, survey_forms, survey_verdicts, units
from vonggac.domain.access import Act
from vonggac.domain.ids import new_password
from vonggac.domain.matters import Matter, Standing, standing_on
from vonggac.domain.register import clean
from vonggac.domain.registry import titles
from vonggac.domain.survey_forms import rules
from vonggac.domain.survey_verdicts import REFUSED, Facts, Verdict
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.domain.access import Person
    from vonggac.domain.audit import Actor
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.exports import Someone
    from vonggac.domain.pictures import Picture
    from vonggac.domain.rules import Placement
    from vonggac.domain.survey_forms import Said
    from vonggac.domain.survey_links import Link

State = Literal["asked", "answered", "verified", "disputed", "refused"]
STATES: Final[tuple[State, ...]] = ("asked", "answered", "verified", "disputed", "refused")
OPEN: Final[tuple[State, ...]] = ("asked", "disputed")
"""States in which the facility owes an answer."""
PERSON_MOST: Final = 200
REASON_MOST: Final = 1000
FEW: Final = 5
"""More facilities of a campaign than so many are one matter with their number (ours)."""


@dataclass(frozen=True, slots=True)
class SurveyState:
    """How far a facility's survey is."""

    id: str
    campaign_id: str
    site_id: str
    state: State
    reason: str
    """Why it is disputed or refused."""
    person: str
    """Who refused."""
    changed_ns: int
    due: date
    ended: bool
    """Its campaign is over."""

    @property
    def owes(self) -> bool:
        """Whether an answer is still waited for."""
        return self.state in OPEN and not self.ended


@dataclass(frozen=True, slots=True)
class Answer:
    """A version of the answers."""

    id: str
    version: int
    client_id: str
    receipt: str
    said: Said
    pictures: tuple[str, ...]
    person: str
    link_id: str | None
    sent_ns: int
    sent_by: str
    sent_name: str


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture that came with answers, without its bytes."""

    id: str
    client_id: str
    about: str
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a survey."""

    state: str
    version: int
    reason: str
    written: tuple[str, ...]
    made_ns: int
    made_by: str
    made_name: str


# -- how far facilities are ------------------------------------------------------------------


def surveys(
    connection: Connection,
    *conditions: sa.ColumnElement[bool],
    site_ids: Sequence[str] | None = None,
) -> list[SurveyState]:
    """Surveys of facilities, by the names of the facilities.

    Args:
        connection: a transaction.
        conditions: on `db.survey`.
        site_ids: only of these; None is all, and none at all is none.
    """
    table, over = db.survey, db.survey_campaign
    query = (
        sa.select(
            table.c.id, table.c.survey_campaign_id, table.c.site_id, table.c.state,
            table.c.reason, table.c.person, table.c.changed_ns, over.c.due,
            over.c.ended_ns,
        )
        .join(over, over.c.id == table.c.survey_campaign_id)
        .join(tables.site, tables.site.c.id == table.c.site_id)
        .where(*conditions)
        .order_by(tables.site.c.name, over.c.made_ns, table.c.id)
    )  # fmt: skip
    if site_ids is not None:
        query = query.where(among(table.c.site_id, site_ids))
    return [SurveyState(*row[:8], row.ended_ns is not None) for row in connection.execute(query)]


def of_campaign(
    connection: Connection, campaign_id: str, site_ids: Sequence[str]
) -> list[SurveyState]:
    """The surveys of a campaign at these facilities."""
    if not site_ids:
        return []
    return surveys(connection, db.survey.c.survey_campaign_id == campaign_id, site_ids=site_ids)


def find(connection: Connection, survey_id: str) -> SurveyState:
    """One survey.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = surveys(connection, db.survey.c.id == survey_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such survey")
    return found[0]


def state(connection: Connection, site_ids: Sequence[str]) -> dict[str, SurveyState]:
    """How far each facility's last survey is; one that was never asked is not in."""
    if not site_ids:
        return {}
    # By the begin of campaigns: the last one counts.
    return {one.site_id: one for one in surveys(connection, site_ids=site_ids)}


def verdict(connection: Connection, site_id: str) -> Verdict | None:
    """The facility's last verified verdict; of one that refuses, that it does; None before."""
    return verdicts(connection, [site_id]).get(site_id)


def verdicts(connection: Connection, site_ids: Sequence[str]) -> dict[str, Verdict]:
    """`verdict` of many facilities; those without one are not in."""
    if not site_ids:
        return {}
    table = db.survey_verdict
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.found)
        .where(among(table.c.site_id, site_ids))
        .order_by(table.c.made_ns, table.c.id)
    )
    found = {row.site_id: survey_verdicts.from_json(row.found) for row in rows}
    refusing = [
        one.site_id for one in state(connection, site_ids).values() if one.state == "refused"
    ]
    return found | dict.fromkeys(refusing, REFUSED)


# -- answers ---------------------------------------------------------------------------------


def answer(
    connection: Connection,
    survey_id: str,
    said: Said,
    *,
    client_id: str,
    pictures: Sequence[str],
    link: Link | None,
    placement: Placement,
    actor: Actor,
    full_name: str,
    now_ns: int,
) -> Answer:
    """Take in a version of the answers; what a device sends again is answered as the first time.

    Args:
        connection: a writing transaction.
        survey_id: which survey.
        said: what the form says, checked here.
        client_id: made by the device for this sending.
        pictures: device's ids of the pictures that belong to it.
        link: what it came through; None: a signed-in person.
        placement: the rule in force.
        actor: for the audit.
        full_name: of a signed-in person.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `faults`; CONFLICT, nothing is asked any more.
    """
    found = find(connection, survey_id)
    if not survey_forms.is_client_id(client_id):
        raise VonggacError(Kind.BAD_INPUT, "client_id: 8 to 64 of A-Z, a-z, 0-9, - and _")
    before = answers(connection, survey_id)
    same = next((one for one in before if one.client_id == client_id), None)
    if same is not None:
        return same
    if found.ended or found.state == "verified":
        raise VonggacError(Kind.CONFLICT, "nothing is asked any more", code="ended")
    if faults := survey_forms.check(said, placement):
        told = ", ".join(f"{one.name}: {one.code}" for one in faults[:10])
        raise VonggacError(Kind.BAD_INPUT, told, faults=faults)
    if link is not None:
        _use(connection, link, now_ns)
    version = len(before) + 1
    connection.execute(
        db.survey_answer.insert().values(
            id=new_id(), survey_id=survey_id, version=version, client_id=client_id,
            receipt=new_password(), said=survey_forms.to_json(said),
            pictures=list(dict.fromkeys(pictures))[: survey_forms.PICTURES_MOST],
            person=", ".join(said.person.values()), link_id=link.id if link else None,
            sent_ns=now_ns, sent_by="" if link else actor.name,
            sent_name="" if link else full_name,
        )
    )  # fmt: skip
    names = ("", "") if link else (actor.name, full_name)
    _step(connection, survey_id, "answered", version, by=names, now_ns=now_ns)
    record(connection, actor, audit.Act.SURVEY_ANSWERED, found, now_ns, version=version)
    return answers(connection, survey_id)[0]


def _use(connection: Connection, link: Link, now_ns: int) -> None:
    """A link is used once, however many devices send through it at the same moment."""
    table = db.survey_link
    done = connection.execute(
        table.update()
        .where(table.c.id == link.id, table.c.used_ns.is_(None), table.c.revoked_ns.is_(None))
        .values(used_ns=now_ns)
    )
    if done.rowcount != 1:
        raise VonggacError(Kind.CONFLICT, "nothing is asked any more", code="ended")


def answers(connection: Connection, survey_id: str) -> list[Answer]:
    """All versions, the last first."""
    table = db.survey_answer
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Answer.__slots__))
        .where(table.c.survey_id == survey_id)
        .order_by(table.c.version.desc())
    )
    every = (dict(row._mapping) for row in rows)
    return [
        Answer(
            **{
                **row, "said": survey_forms.from_json(row["said"]),
                "pictures": tuple(row["pictures"]),
            }
        )
        for row in every
    ]  # fmt: skip


def keep_picture(
    connection: Connection,
    survey_id: str,
    picture: Picture,
    *,
    client_id: str,
    about: str,
    by: tuple[str, str],
    now_ns: int,
) -> str:
    """Keep a picture of a survey once, by the device's id of it; its id. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT; TOO_MANY.
    """
    if not survey_forms.is_client_id(client_id):
        raise VonggacError(Kind.BAD_INPUT, "client_id: 8 to 64 of A-Z, a-z, 0-9, - and _")
    known = {one.client_id: one.id for one in photographs(connection, survey_id)}
    if client_id in known:
        return known[client_id]
    if len(known) >= 3 * survey_forms.PICTURES_MOST:
        raise VonggacError(Kind.TOO_MANY, "this survey has all the pictures that it may have")
    picture_id = new_id()
    connection.execute(
        db.survey_picture.insert().values(
            id=picture_id, survey_id=survey_id, client_id=client_id, about=clean(about)[:60],
            media_type=picture.media_type, width=picture.width, height=picture.height,
            sha256=picture.sha256, content=picture.content, made_ns=now_ns, made_by=by[0],
            made_name=by[1],
        )
    )  # fmt: skip
    return picture_id


def photographs(connection: Connection, survey_id: str) -> list[Photograph]:
    """Pictures of a survey, in the order in which they came."""
    table = db.survey_picture
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Photograph.__slots__))
        .where(table.c.survey_id == survey_id)
        .order_by(table.c.made_ns, table.c.id)
    )
    return [Photograph(*row) for row in rows]


def photograph(connection: Connection, survey_id: str, picture_id: str) -> tuple[str, bytes]:
    """Media type and bytes of a picture.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.survey_picture
    row = connection.execute(
        sa.select(table.c.media_type, table.c.content).where(
            table.c.survey_id == survey_id, table.c.id == picture_id
        )
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such picture")
    return row[0], bytes(row[1])


# -- what the surveyor does with answers -----------------------------------------------------


def dispute(
    connection: Connection, survey_id: str, reason: str, *, by: Someone, now_ns: int
) -> None:
    """Give answers back with a reason: the facility owes another version. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, there are none to judge; BAD_INPUT, no reason.
    """
    found, last = _judged(connection, survey_id)
    reason = reason_of(reason)
    _step(
        connection, survey_id, "disputed", last.version, reason=reason,
        by=(by.name, by.full_name), now_ns=now_ns,
    )  # fmt: skip
    record(connection, by.actor, audit.Act.SURVEY_DISPUTED, found, now_ns, version=last.version)


def verify(
    connection: Connection,
    survey_id: str,
    version: int,
    judged: Verdict,
    *,
    written: Sequence[str],
    by: Someone,
    now_ns: int,
) -> None:
    """Confirm answers with their verdict, as the surveyor saw them. A writing transaction.

    Args:
        connection: a writing transaction, in which `written` went into the register.
        survey_id: which survey.
        version: of the answers on the surveyor's screen.
        judged: the verdict.
        written: what of the answers went into the register.
        by: the surveyor.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, there are none to judge, or another version came.
    """
    found, last = _judged(connection, survey_id)
    if last.version != version:
        raise VonggacError(Kind.CONFLICT, "another version came meanwhile", code="stale_form")
    connection.execute(
        db.survey_verdict.insert().values(
            id=new_id(), survey_id=survey_id, site_id=found.site_id, version=version,
            qualifies=judged.qualifies, found=judged.as_json(), made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    _step(
        connection, survey_id, "verified", version, written=written,
        by=(by.name, by.full_name), now_ns=now_ns,
    )  # fmt: skip
    record(
        connection, by.actor, audit.Act.SURVEY_VERIFIED, found, now_ns, version=version,
        qualifies=judged.qualifies, written=list(written),
    )  # fmt: skip


def _judged(connection: Connection, survey_id: str) -> tuple[SurveyState, Answer]:
    found = find(connection, survey_id)
    every = answers(connection, survey_id)
    if found.state != "answered" or not every:
        raise VonggacError(Kind.CONFLICT, "there are no answers to judge", code="not_answered")
    return found, every[0]


def steps(connection: Connection, survey_id: str) -> list[Step]:
    """What happened, in order."""
    table = db.survey_step
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Step.__slots__))
        .where(table.c.survey_id == survey_id)
        .order_by(table.c.id)
    )
    every = (dict(row._mapping) for row in rows)
    return [Step(**{**row, "written": tuple(row["written"])}) for row in every]


def reason_of(text: str) -> str:
    """A reason as it is kept.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    text = clean(text)
    fault = "missing" if not text else "too_long" if len(text) > REASON_MOST else ""
    fault = fault or ("secret_mark" if units.is_secret(text) else "")
    if fault:
        raise VonggacError(Kind.BAD_INPUT, f"reason: {fault}", fields={"reason": fault})
    return text


def _step(
    connection: Connection,
    survey_id: str,
    to: State,
    version: int,
    *,
    reason: str = "",
    person: str = "",
    written: Sequence[str] = (),
    by: tuple[str, str],
    now_ns: int,
) -> None:
    connection.execute(
        db.survey_step.insert().values(
            survey_id=survey_id, state=to, version=version, reason=reason, written=list(written),
            made_ns=now_ns, made_by=by[0], made_name=by[1],
        )
    )  # fmt: skip
    table = db.survey
    connection.execute(
        table.update()
        .where(table.c.id == survey_id)
        .values(state=to, reason=reason, person=person, changed_ns=now_ns)
    )


def refuse(
    connection: Connection, survey_id: str, *, person: str, reason: str, by: Someone, now_ns: int
) -> None:
    """Enter that a facility refuses, with who says so and why. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT with `fields`; CONFLICT, it owes nothing.
    """
    if not find(connection, survey_id).owes:
        raise VonggacError(Kind.CONFLICT, "it owes no answer", code="ended")
    person = clean(person)[:PERSON_MOST]
    if not person:
        raise VonggacError(Kind.BAD_INPUT, "person: who?", fields={"person": "missing"})
    reason = reason_of(reason)
    _step(
        connection, survey_id, "refused", 0, reason=reason, person=person,
        by=(by.name, by.full_name), now_ns=now_ns,
    )  # fmt: skip


def record(
    connection: Connection,
    actor: Actor,
    act: audit.Act,
    found: SurveyState,
    now_ns: int,
    **detail: object,
) -> None:
    """An audit row about a survey."""
    audit.record(
        connection, actor, act, now_ns=now_ns, thing=found.id, site=found.site_id, detail=detail
    )


# -- what was measured -----------------------------------------------------------------------


def take_facts(
    connection: Connection,
    survey_id: str,
    kind: str,
    found: Mapping[str, Any],
    *,
    sha256: str,
    measured_ns: int,
    by: Someone,
    now_ns: int,
) -> None:
    """Keep what was measured, beside what was typed; the same again is kept once.

    Raises:
        VonggacError: NOT_FOUND.
    """
    it, table = find(connection, survey_id), db.survey_fact
    known = sa.select(table.c.id).where(table.c.survey_id == it.id, table.c.sha256 == sha256)
    if connection.execute(known).first() is not None:
        return
    connection.execute(
        table.insert().values(
            id=new_id(), survey_id=it.id, kind=kind, sha256=sha256, found=dict(found),
            measured_ns=measured_ns, made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    record(connection, by.actor, audit.Act.SURVEY_FACTS, it, now_ns, kind=kind, sha256=sha256)


def facts(connection: Connection, survey_id: str) -> Facts:
    """What was measured at a facility, the last of each camera."""
    table = db.survey_fact
    rows = connection.execute(
        sa.select(table.c.found)
        .where(table.c.survey_id == survey_id)
        .order_by(table.c.measured_ns, table.c.made_ns, table.c.id)
    )
    return survey_verdicts.joined([survey_verdicts.facts_from(row.found) for row in rows])


# -- what waits ------------------------------------------------------------------------------


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """What waits for a person: forms to fill in, answers to judge, facilities that refuse."""
    here, today = set(allowed_sites), legal.day_of(now_ns)
    every_thing = access.things_of_sites(connection)
    things = {one: thing for one, thing in every_thing.items() if one in here}
    mine = partial(access.allowed, person, things=things, now_ns=now_ns)
    leads, answering = set(mine(Act.SURVEY_LEAD)), mine(Act.SURVEY_ANSWER)
    verifying = set(mine(Act.SURVEY_VERIFY))
    names = titles(connection)
    running = {one.id: one for one in campaigns.campaigns(connection) if one.ended_ns is None}
    every = surveys(connection, db.survey.c.survey_campaign_id.in_(running), site_ids=answering)
    found: list[Matter] = []
    for campaign_id, it in running.items():
        ours = [one for one in every if one.campaign_id == campaign_id]
        owing = [one for one in ours if one.owes]
        standing = standing_on(it.due, today)
        found += _grouped(it, owing, "answer", standing, names, lead=leads)
        judging = [one for one in ours if one.state == "answered" and one.site_id in verifying]
        found += _grouped(it, judging, "judge", Standing.DUE, names, lead=leads)
        refusing = [one for one in ours if one.state == "refused" and one.site_id in leads]
        found += _refusals(it, refusing, names)
    return found


SAYS: Final[Mapping[str, tuple[str, str]]] = {
    "answer": (
        "{facility} chưa trả lời phiếu khảo sát",
        "{n} cơ sở chưa trả lời khảo sát: {title}",
    ),
    "judge": (
        "Phiếu khảo sát của {facility} chờ xác nhận",
        "{n} phiếu khảo sát chờ xác nhận: {title}",
    ),
}


def _grouped(
    it: Campaign,
    ours: Sequence[SurveyState],
    what: str,
    standing: Standing,
    names: Mapping[str, str],
    *,
    lead: set[str],
) -> list[Matter]:
    """A matter each, or one with their number where they are many."""
    one_says, many_say = SAYS[what]
    due = it.due if what == "answer" else None
    if len(ours) > FEW:
        values = (("n", str(len(ours))), ("title", it.title))
        return [Matter("survey", many_say, f"/campaigns/{it.id}", standing, values, due)]
    return [
        Matter(
            "survey", one_says,
            f"/surveys/{one.id}" if one.site_id in lead or what == "judge"
            else f"/surveys/{one.id}/form",
            standing, (("facility", names[one.site_id]),), due, one.site_id,
        )
        for one in ours
    ]  # fmt: skip


def _refusals(
    it: Campaign, refusing: Sequence[SurveyState], names: Mapping[str, str]
) -> list[Matter]:
    """Who refuses and why; their number where they are many."""
    if len(refusing) > FEW:
        values = (("n", str(len(refusing))), ("title", it.title))
        return [Matter("survey", "{n} cơ sở từ chối khảo sát: {title}", f"/campaigns/{it.id}",
                       Standing.CHANGED, values)]  # fmt: skip
    return [
        Matter(
            "survey", "{facility} từ chối khảo sát: {reason}", f"/surveys/{one.id}",
            Standing.CHANGED, (("facility", names[one.site_id]), ("reason", one.reason)),
            None, one.site_id,
        )
        for one in refusing
    ]  # fmt: skip


def soon(it: SurveyState, today: date) -> bool:
    """Whether the last day of an answer is near (ours)."""
    return it.owes and (it.due - today).days <= rules().soon_days
