"""Campaigns of surveys: which facilities are asked until which day, by which order.

Whose facilities somebody may ask is `access`'s to say; a campaign means those of them that its
draft names, by unit, by owning line or one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.db import survey as db
from vonggac.domain import audit, citing, units
from vonggac.domain.duties import LINES
from vonggac.domain.register import clean
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from vonggac.domain.exports import Someone

TITLE_MOST: Final = 200
SITES_MOST: Final = 5_000
"""Facilities of one campaign (ours)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign that somebody begins."""

    title: str
    due: date | None
    answers: str = "facility"
    """Who is to answer: `facility` (its contact, by link or account) or `surveyor`."""
    directive_id: str | None = None
    clause: str = ""
    unit_id: str | None = None
    """Whose facilities, with those below; None is named ones."""
    lines: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands."""

    id: str
    title: str
    directive_id: str | None
    clause: str
    due: date
    answers: str
    unit_id: str | None
    lines: tuple[str, ...]
    made_ns: int
    made_by: str
    made_name: str
    ended_ns: int | None


def meant(connection: Connection, draft: Draft, allowed: Sequence[str]) -> list[str]:
    """Facilities that a campaign asks: those of `allowed` that its draft means, by their names."""
    if draft.sites:
        return [one for one in allowed if one in set(draft.sites)]
    site = tables.site
    query = sa.select(site.c.id).order_by(site.c.name)
    if draft.unit_id is not None:
        query = query.where(site.c.unit_id.in_(units.subtree(connection, [draft.unit_id])))
    if draft.lines:
        query = query.where(site.c.owner_line.in_(draft.lines))
    may = set(allowed)
    return [one for one in connection.execute(query).scalars() if one in may]


def begin(
    connection: Connection, draft: Draft, allowed: Sequence[str], *, by: Someone, now_ns: int
) -> Campaign:
    """Begin a campaign: every facility that is meant is asked. A writing transaction.

    Raises:
        Unacceptable: the draft has problems, or means no facility of `allowed`.
    """
    title = clean(draft.title)
    problems = _draft_problems(draft, title)
    sites = [] if problems else meant(connection, draft, allowed)
    if not problems and not 1 <= len(sites) <= SITES_MOST:
        problems.append(Problem("sites", "no_sites", "sites: none of yours is meant"))
    if problems:
        raise Unacceptable(problems)
    campaign_id = new_id()
    order = citing.chosen(connection, draft.directive_id, "", site_id=sites[0])
    connection.execute(
        db.survey_campaign.insert().values(
            id=campaign_id, title=title, directive_id=order,
            clause=clean(draft.clause)[:20], due=draft.due, answers=draft.answers,
            unit_id=None if draft.sites else draft.unit_id, lines=list(draft.lines),
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    connection.execute(
        db.survey.insert(),
        [
            {"id": new_id(), "survey_campaign_id": campaign_id, "site_id": one, "state": "asked",
             "changed_ns": now_ns}
            for one in sites
        ],
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.SURVEY_BEGUN, now_ns=now_ns, thing=campaign_id,
        detail={"title": title, "facilities": len(sites)},
    )  # fmt: skip
    return campaign(connection, campaign_id)


def _draft_problems(draft: Draft, title: str) -> list[Problem]:
    found = []
    if not title:
        found.append(Problem("title", "missing", "title: what is it called?"))
    elif len(title) > TITLE_MOST:
        found.append(Problem("title", "too_long", f"title: at most {TITLE_MOST} characters"))
    elif units.is_secret(title):
        found.append(Problem("title", "secret_mark", "title: nothing marked MẬT is kept"))
    if draft.due is None:
        found.append(Problem("due", "bad_day", "due: the last day of an answer"))
    if draft.answers not in ("facility", "surveyor"):
        found.append(Problem("answers", "bad_choice", "answers: facility or surveyor"))
    if set(draft.lines) - set(LINES):
        found.append(Problem("lines", "bad_choice", f"lines: of {', '.join(LINES)}"))
    return found


def end(connection: Connection, campaign_id: str, *, by: Someone, now_ns: int) -> None:
    """End a campaign: nobody owes an answer to it any more. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is over.
    """
    found = campaign(connection, campaign_id)
    if found.ended_ns is not None:
        raise VonggacError(Kind.CONFLICT, "this survey is over", code="ended")
    table = db.survey_campaign
    connection.execute(table.update().where(table.c.id == found.id).values(ended_ns=now_ns))
    audit.record(connection, by.actor, audit.Act.SURVEY_ENDED, now_ns=now_ns, thing=found.id)


def campaign(connection: Connection, campaign_id: str) -> Campaign:
    """One campaign.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = campaigns(connection, [campaign_id])
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such survey campaign")
    return found[0]


def campaigns(connection: Connection, ids: Iterable[str] | None = None) -> list[Campaign]:
    """Campaigns, those that last first, then the newest."""
    table = db.survey_campaign
    query = sa.select(*(table.c[name] for name in Campaign.__slots__)).order_by(
        table.c.ended_ns.is_not(None), table.c.made_ns.desc(), table.c.id
    )
    if ids is not None:
        query = query.where(table.c.id.in_(list(ids)))
    rows = (dict(row._mapping) for row in connection.execute(query))
    return [Campaign(**{**row, "lines": tuple(row["lines"])}) for row in rows]
