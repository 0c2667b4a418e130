"""The catalogue of violations: a page that shows it with its bases, and the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from vonggac.domain import legal, violations
from vonggac.domain.duties import line_words
from vonggac.domain.profiles import profile_on
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from datetime import date

    from vonggac.domain.violations import Cite, Violation

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]
Said = Annotated[str, Query(alias="q", max_length=200)]
Code = Annotated[str, Query(max_length=20)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the catalogue is asked for."""

    said: str = ""
    subject: str = ""
    zone: str = ""
    on: str = ""
    """The day, as it was typed; empty, today."""

    def to(self, **changed: str) -> str:
        """The address of the same with something else."""
        values = {"q": self.said, "subject": self.subject, "zone": self.zone, "on": self.on}
        left = {name: value for name, value in (values | changed).items() if value}
        return f"/violations?{urlencode(left)}" if left else "/violations"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the catalogue with the documents of the day."""

    it: Violation
    cites: list[tuple[Cite, legal.Basis]]

    @property
    def has_basis(self) -> bool:
        """Whether any document of the day asks for the conduct."""
        return bool(self.cites)


def day_of(who: Visitor, text: str) -> date:
    """The day that was asked for; today where none was.

    Raises:
        VonggacError: BAD_INPUT, it is no day.
    """
    if not text.strip():
        return legal.day_of(who.desk.now_ns())
    try:
        return dates.read_day(text)
    except ValueError as error:
        raise VonggacError(Kind.BAD_INPUT, f"on: {error}", fields={"on": "no_day"}) from error


def rows(wish: Wish, on: date) -> list[Row]:
    """Rows in force on a day that match."""
    every = violations.catalogue(on).values()
    found = violations.found(every, said=wish.said, subject=wish.subject, zone=wish.zone)
    return [Row(one, violations.cited(one.code, on)) for one in found]


@routes.get("/violations")
def violations_page(
    who: Signed, q: Said = "", subject: Code = "", zone: Code = "", on: Code = ""
) -> Response:
    """The catalogue as it stands on a day, searched without diacritics."""
    who.signed_in  # noqa: B018 - refuses who may not look
    fault, today = "", legal.day_of(who.desk.now_ns())
    try:
        day = day_of(who, on)
    except VonggacError:
        fault, day = who.t("Viết dạng ngày/tháng/năm, ví dụ 18/11/2026."), today
    wish = Wish(q, subject, zone, on)
    with who.desk.database.reading() as connection:
        unchecked = legal.unchecked(connection)
    every = rows(Wish(on=on), day)
    return who.page(
        "violations.html",
        {
            "rows": [one for one in rows(wish, day) if not one.it.is_technical],
            "technical": [one for one in rows(wish, day) if one.it.is_technical],
            "total": len(every),
            "without": sum(not one.has_basis and not one.it.is_technical for one in every),
            "acts": sum(not one.it.is_technical for one in every),
            "wish": wish,
            "day": day,
            "is_today": day == today,
            "profile": profile_on(day),
            "fault": fault,
            "subjects": violations.subjects(),
            "severities": violations.severities(),
            "hints": violations.hints(),
            "seen": violations.seen_words(),
            "zones": {one.code: one.name for one in who.desk.placement.zones},
            "lines": line_words(),
            "unchecked": unchecked,
        },
        status=422 if fault else 200,
        section="violations",
    )


@api.get("/violations", summary="The catalogue of violations")
def every_violation(
    who: Signed, q: Said = "", subject: Code = "", zone: Code = "", on: Code = ""
) -> dict[str, Any]:
    """Rows in force on a day (`on`, 18/11/2026 or 2026-11-18; today), with what is cited for each.

    `status` says whether a case of it may ever close as a violation: `cited`, or `suggested`.
    """
    who.signed_in  # noqa: B018
    day = day_of(who, on)
    with who.desk.database.reading() as connection:
        unchecked = legal.unchecked(connection)
    return {
        "version": violations.version(),
        "on": day.isoformat(),
        "profile": profile_on(day),
        "severities": [
            {"code": one.code, "minutes": one.minutes, "ours": True}
            for one in violations.severities().values()
        ],
        "violations": [
            _json(one, unchecked) for one in rows(Wish(q, subject, zone), day)
        ],
    }  # fmt: skip


def _json(row: Row, unchecked: frozenset[str]) -> dict[str, Any]:
    it = row.it
    return {
        "code": it.code,
        "name": {"vi": it.name.vi, "en": it.name.en},
        "subjects": list(it.subjects),
        "zones": list(it.zones),
        "severity": it.severity,
        "hint": it.hint or None,
        "technical": it.is_technical,
        "from": it.from_day.isoformat(),
        "source": it.seen,
        "status": "cited" if row.has_basis else "suggested",
        "bases": [
            {
                "code": basis.code,
                "number": basis.number,
                "lines": list(cite.lines),
                "from": cite.from_day.isoformat(),
                "to": cite.to_day.isoformat() if cite.to_day else None,
                "compared": basis.code not in unchecked,
            }
            for cite, basis in row.cites
        ],
    }
