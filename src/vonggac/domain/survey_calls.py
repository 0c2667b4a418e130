"""Calls and reminders of a survey: who was rung up, what was said, when the letter is due.

A facility that stays silent at the third call in a row (ours) is reported to the body that answers
for it: the letter is drafted in the same transaction, for the records clerk to number and send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import sqlalchemy as sa

from vonggac.db import among, tables
from vonggac.db import survey as db
from vonggac.domain import audit, campaigns, legal, papers, register, survey_papers, surveys, units
from vonggac.domain.access import UNASSIGNED
from vonggac.domain.register import clean
from vonggac.domain.registry import titles
from vonggac.domain.survey_forms import rules
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.exports import Someone
    from vonggac.domain.register import Contact
    from vonggac.domain.surveys import SurveyState

Outcome = Literal["answered", "silent", "refused"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("answered", "silent", "refused")
LISTED: Final = 60
"""Facilities that one reminder names (ours); the next reminder names the next ones."""


@dataclass(frozen=True, slots=True)
class Call:
    """A telephone call to a facility."""

    id: int
    called_ns: int
    outcome: Outcome
    person: str
    """Who was reached, or who refuses."""
    said: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class ToCall:
    """A facility that owes an answer, with whom to ring up."""

    survey: SurveyState
    name: str
    unit: str
    contacts: tuple[Contact, ...]
    calls: int
    silences: int
    """The last ones in a row."""
    last_ns: int | None


# -- calls -----------------------------------------------------------------------------------


def enter(
    connection: Connection,
    survey_id: str,
    *,
    called_ns: int,
    outcome: str,
    person: str,
    said: str,
    by: Someone,
    now_ns: int,
) -> str | None:
    """Enter a call; the id of the letter that the third silence drafts. A writing transaction.

    Args:
        connection: a writing transaction.
        survey_id: about which survey.
        called_ns: when.
        outcome: `answered`, `silent`, or `refused` with who refuses and why.
        person: who was reached.
        said: what was answered, or the reason.
        by: who called.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, it owes nothing.
    """
    found = surveys.find(connection, survey_id)
    person, said = clean(person), clean(said)
    faults = {
        "outcome": "" if outcome in OUTCOMES else "bad_choice",
        "called": "in_future" if called_ns > now_ns else "",
        "person": "missing" if outcome == "refused" and not person else _fault(person, 200),
        "said": "missing" if outcome != "silent" and not said else _fault(said, 1000),
    }
    if told := {name: why for name, why in faults.items() if why}:
        raise VonggacError(Kind.BAD_INPUT, f"{', '.join(told)}: cannot stay", fields=told)
    connection.execute(
        db.survey_call.insert().values(
            survey_id=survey_id, called_ns=called_ns, outcome=outcome, person=person, said=said,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    letter_id = None
    if outcome == "refused":
        surveys.refuse(connection, survey_id, person=person, reason=said, by=by, now_ns=now_ns)
    elif outcome == "silent" and silences(calls(connection, survey_id)) == rules().silences:
        letter_id = escalate(connection, found, by=by, now_ns=now_ns)
    surveys.record(connection, by.actor, audit.Act.SURVEY_CALL, found, now_ns, outcome=outcome)
    return letter_id


def _fault(text: str, most: int) -> str:
    if len(text) > most:
        return "too_long"
    return "secret_mark" if units.is_secret(text) else ""


def calls(connection: Connection, survey_id: str) -> list[Call]:
    """Calls about a survey, the last first."""
    table = db.survey_call
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Call.__slots__))
        .where(table.c.survey_id == survey_id)
        .order_by(table.c.called_ns.desc(), table.c.id.desc())
    )
    return [Call(*row) for row in rows]


def silences(newest_first: Iterable[Call]) -> int:
    """How many of the last calls in a row nobody answered."""
    count = 0
    for one in newest_first:
        if one.outcome != "silent":
            break
        count += 1
    return count


def to_call(
    connection: Connection, owing: Sequence[SurveyState], *, now_ns: int, most: int = 1_000
) -> list[ToCall]:
    """The call list: facilities that owe an answer, those called longest ago first."""
    if not owing:
        return []
    names = titles(connection)
    known = _calls_of(connection, [one.id for one in owing])
    last = {survey_id: calls[0].called_ns for survey_id, calls in known.items()}
    ours = sorted(owing, key=lambda one: (last.get(one.id, 0), names[one.site_id]))[:most]
    sites = [one.site_id for one in ours]
    contacts = register.contacts(connection, sites)
    named = units.names_of_sites(connection, legal.day_of(now_ns), sites)
    found = []
    for one in ours:
        own = known.get(one.id, [])
        whom = [contacts.get((one.site_id, kind)) for kind in ("contact", "deputy", "duty")]
        found.append(
            ToCall(
                one, names[one.site_id],
                named[one.site_id].vi if one.site_id in named else "",
                tuple(who for who in whom if who is not None), len(own), silences(own),
                last.get(one.id),
            )
        )  # fmt: skip
    return found


def _calls_of(connection: Connection, survey_ids: Sequence[str]) -> Mapping[str, list[Call]]:
    table = db.survey_call
    rows = connection.execute(
        sa.select(table.c.survey_id, *(table.c[name] for name in Call.__slots__))
        .where(among(table.c.survey_id, survey_ids))
        .order_by(table.c.called_ns.desc(), table.c.id.desc())
    )
    found: dict[str, list[Call]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Call(*row[1:]))
    return found


# -- letters ---------------------------------------------------------------------------------


def escalate(connection: Connection, found: SurveyState, *, by: Someone, now_ns: int) -> str:
    """Draft the letter to the body that answers for a silent facility; the paper's id."""
    over = campaigns.campaign(connection, found.campaign_id)
    said = register.facility(connection, found.site_id).said
    made = survey_papers.to_owner(
        connection, over, said, calls(connection, found.id), now_ns=now_ns
    )
    return papers.draft(
        connection, made, about=f"survey:{found.id}", site_id=found.site_id,
        unit_id=_unit(over, said.unit_id), directive_id=over.directive_id, by=by, now_ns=now_ns,
    )  # fmt: skip


def remind(
    connection: Connection,
    over: Campaign,
    owing: Sequence[SurveyState],
    unit_id: str,
    *,
    by: Someone,
    now_ns: int,
) -> str:
    """Draft the reminder (công văn đôn đốc) to facilities of one unit; the paper's id.

    Raises:
        VonggacError: CONFLICT, none of them owes an answer.
    """
    facilities = register.facilities(connection, [one.site_id for one in owing if one.owes])
    late = [one.said for one in facilities.values() if one.said.unit_id == unit_id]
    if not late:
        raise VonggacError(Kind.CONFLICT, "nobody there owes an answer", code="nobody_owes")
    made = survey_papers.reminder(connection, over, late[:LISTED], unit_id, now_ns=now_ns)
    paper_id = papers.draft(
        connection, made, about=f"campaign:{over.id}", site_id=None,
        unit_id=None if unit_id == UNASSIGNED else unit_id, directive_id=over.directive_id,
        by=by, now_ns=now_ns,
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.SURVEY_REMINDED, now_ns=now_ns, thing=over.id,
        detail={"unit": unit_id, "facilities": len(late), "paper": paper_id},
    )  # fmt: skip
    return paper_id


def _unit(over: Campaign, unit_id: str) -> str | None:
    unit = over.unit_id or unit_id
    return None if unit == UNASSIGNED else unit


def unit_names(connection: Connection, site_ids: Sequence[str], now_ns: int) -> dict[str, str]:
    """What the unit of each facility is called, by the unit's id."""
    site, named = tables.site, units.names_of_sites(connection, legal.day_of(now_ns))
    rows = connection.execute(
        sa.select(site.c.id, site.c.unit_id).where(among(site.c.id, site_ids))
    )
    return {row.unit_id: named[row.id].vi if row.id in named else "" for row in rows}
