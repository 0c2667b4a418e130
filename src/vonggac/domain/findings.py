"""Findings: what an inspection found wrong, who mends it until when, the proof, and the re-check.

    open ──▶ proved ──▶ closed
      ▲         │          │
      └─────────┴──────────┘ reopened, with a new last day

Whoever is responsible brings proof: a photograph, a clip by the export that holds it, or a figure
of the ledger, which is read at that moment.  Another person looks again and closes it by name, or
opens it again with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among
from vonggac.db import inspection as db
from vonggac.domain import access, audit, exports, inspection_facts, inspections, legal, tasks
from vonggac.domain.access import Act
from vonggac.domain.inspection_input import MAX_SAID, refuse, text_faults
from vonggac.domain.legal import plain
from vonggac.domain.matters import Matter, Standing, standing_on
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone
    from vonggac.domain.inspections import Inspection

State = Literal["open", "proved", "closed"]
PROOFS: Final = ("photo", "clip", "ledger", "word")
LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that has to be mended."""

    id: str
    inspection_id: str
    site_id: str
    item: str
    said: str
    action: str
    responsible: str
    due: date
    state: State
    task_id: str | None
    made_ns: int
    made_by: str
    made_name: str

    @property
    def is_over(self) -> bool:
        """Whether somebody found it mended."""
        return self.state == "closed"


@dataclass(frozen=True, slots=True)
class Step:
    """A proof, or what a re-check found."""

    kind: str
    said: str
    proof: str
    proof_id: str
    figures: Mapping[str, Any]
    due: date | None
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What is brought."""

    proof: str
    said: str
    proof_id: str = ""
    """Of a photograph or an export."""


def open_all(
    connection: Connection, it: Inspection, *, directive_id: str | None, by: Someone, now_ns: int
) -> list[str]:
    """Open a finding and a task for every item that failed. A writing transaction.

    Returns:
        Their ids, in the order of the checklist.
    """
    made = []
    for answer in inspections.answers_of(connection, it.id):
        if answer.verdict != "fail" or answer.due is None:
            continue
        finding_id = new_id()
        task_id = tasks.open_task(
            connection, site_id=it.site_id, unit_id=None, body=answer.responsible,
            what=answer.action, due=answer.due, about=f"finding:{finding_id}",
            directive_id=directive_id, by=by, now_ns=now_ns,
        )  # fmt: skip
        connection.execute(
            db.finding.insert().values(
                id=finding_id, inspection_id=it.id, site_id=it.site_id, item=answer.item,
                said=answer.said, action=answer.action, responsible=answer.responsible,
                due=answer.due, state="open", task_id=task_id, made_ns=now_ns, made_by=by.name,
                made_name=by.full_name,
            )
        )  # fmt: skip
        made.append(finding_id)
    return made


def prove(
    connection: Connection, finding_id: str, proof: Proof, *, by: Someone, now_ns: int
) -> Finding:
    """Bring proof that something was mended. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is not open; BAD_INPUT with `fields`.
    """
    it = find(connection, finding_id)
    if it.state != "open":
        raise VonggacError(Kind.CONFLICT, "this finding is not open", code="finding_state")
    faults = text_faults("said", proof.said, MAX_SAID)
    if proof.proof not in PROOFS:
        faults["proof"] = "no_such"
    figures: dict[str, Any] = {}
    if proof.proof == "clip" and not _is_export(connection, it.site_id, proof.proof_id):
        faults["proof_id"] = "no_export"
    elif proof.proof == "photo" and not _is_photo(connection, it, proof.proof_id):
        faults["photo"] = "no_file"
    elif proof.proof == "ledger" and not faults:
        figures = _figures(connection, it, now_ns)
    refuse(faults)
    _step(connection, it, "proof", proof, figures, None, by, now_ns)
    return _become(connection, it, "proved", it.due)


def check(
    connection: Connection,
    finding_id: str,
    *,
    mended: bool,
    said: str,
    due: date | None = None,
    by: Someone,
    now_ns: int,
) -> Finding:
    """Look again: close it, or open it again until a new day. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, there is no proof to look at, or it is one's own;
            BAD_INPUT with `fields`.
    """
    it = find(connection, finding_id)
    before = steps(connection, it.id)
    if it.state != "proved" and (mended or it.state != "closed"):
        raise VonggacError(Kind.CONFLICT, "this finding has no proof", code="finding_state")
    if any(one.kind == "proof" and one.made_by == by.name for one in before[-1:]):
        raise VonggacError(Kind.CONFLICT, "the proof is your own", code="own_proof")
    faults = text_faults("said", said, MAX_SAID, needed=not mended)
    if not mended and due is None:
        faults["due"] = "required"
    elif not mended and due is not None and due < legal.day_of(now_ns):
        faults["due"] = "in_the_past"
    refuse(faults)
    if mended:
        _end_task(connection, it, said, by, now_ns)
    kind = "closed" if mended else "reopened"
    _step(connection, it, kind, Proof("", said), {}, None if mended else due, by, now_ns)
    return _become(connection, it, "closed" if mended else "open", due if not mended else it.due)


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, finding_id: str) -> Finding:
    """One finding.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _findings(connection, db.finding.c.id == finding_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such finding")
    return found[0]


def listed(
    connection: Connection,
    site_ids: Sequence[str],
    *,
    states: Sequence[str] = (),
    offset: int = 0,
    most: int = LISTED,
) -> list[Finding]:
    """Findings of these facilities, by their last day; from `offset` on, `most` at most."""
    conditions = _of_sites(site_ids, states)
    return _findings(connection, *conditions, page=(offset, most))


def counted(connection: Connection, site_ids: Sequence[str], states: Sequence[str]) -> int:
    """How many findings `listed` would tell without its bounds."""
    query = sa.select(sa.func.count()).select_from(db.finding)
    return connection.execute(query.where(*_of_sites(site_ids, states))).scalar_one()


def _of_sites(site_ids: Sequence[str], states: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    table = db.finding
    conditions = [among(table.c.site_id, site_ids)]
    return [*conditions, table.c.state.in_(states)] if states else conditions


def of_inspection(connection: Connection, inspection_id: str) -> list[Finding]:
    """What one inspection found wrong."""
    return _findings(connection, db.finding.c.inspection_id == inspection_id)


def steps(connection: Connection, finding_id: str) -> list[Step]:
    """Proofs and re-checks, in order."""
    table = db.finding_step
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Step.__dataclass_fields__))
        .where(table.c.finding_id == finding_id)
        .order_by(table.c.id)
    )
    return [Step(*row) for row in rows]


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """What has to be mended, for those who answer; what waits for a re-check, for inspectors."""
    today = legal.day_of(now_ns)
    answers = set(access.sites_for(connection, person, Act.FINDING_ANSWER, now_ns))
    checks = set(access.sites_for(connection, person, Act.INSPECTION_MAKE, now_ns))
    names = inspections.site_titles(connection, allowed_sites)
    found = []
    for one in listed(connection, allowed_sites, states=("open", "proved")):
        values = (("item", one.item), ("site", names.get(one.site_id, "")))
        href, rest = f"/findings/{one.id}", (values, one.due, one.site_id, one.responsible)
        if one.state == "proved" and one.site_id in checks:
            again = Matter(
                "inspection", "Kiểm tra lại việc khắc phục {item} tại {site}", href,
                Standing.SIGN, *rest,
            )  # fmt: skip
            found.append(again)
        elif one.state == "open" and one.site_id in (answers | checks):
            late = standing_on(one.due, today)
            found.append(Matter("inspection", "Khắc phục {item} tại {site}", href, late, *rest))
    return found


# -- pieces ----------------------------------------------------------------------------------


def _findings(
    connection: Connection, *conditions: sa.ColumnElement[bool], page: tuple[int, int] = (0, LISTED)
) -> list[Finding]:
    table = db.finding
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Finding.__dataclass_fields__))
        .where(*conditions)
        .order_by(table.c.due, table.c.item, table.c.id)
        .offset(page[0])
        .limit(page[1])
    )
    return [Finding(*row) for row in rows]


def _is_export(connection: Connection, site_id: str, export_id: str) -> bool:
    try:
        return exports.find(connection, export_id[:40]).site_id == site_id
    except VonggacError:
        return False


def _is_photo(connection: Connection, it: Finding, photo_id: str) -> bool:
    return any(
        one.id == photo_id and one.finding_id == it.id
        for one in inspections.photos(connection, it.inspection_id)
    )


def _figures(connection: Connection, it: Finding, now_ns: int) -> dict[str, Any]:
    """Continuity since the finding, as the ledger has it now."""
    known = inspection_facts.continuity_since(connection, it.site_id, it.made_ns, now_ns)
    if known.hundredths is None:
        return {"said": [["nothing_known", {"since": it.made_ns}]], "as_of_ns": now_ns}
    values = {"percent": known.hundredths, "missing": known.missing_ns, "since": it.made_ns}
    return {"said": [["continuity", values]], "as_of_ns": now_ns}


def _end_task(connection: Connection, it: Finding, said: str, by: Someone, now_ns: int) -> None:
    """The task is done with the finding, unless it is over or waits for another one."""
    for task in tasks.of(connection, f"finding:{it.id}"):
        if not task.is_over and not tasks.waits_for(connection, task):
            tasks.step(connection, task.id, "done", plain(said), by=by, now_ns=now_ns)


def _become(connection: Connection, it: Finding, state: State, due: date | None) -> Finding:
    table = db.finding
    connection.execute(
        table.update().where(table.c.id == it.id).values(state=state, due=due or it.due)
    )
    return find(connection, it.id)


def _step(
    connection: Connection,
    it: Finding,
    kind: str,
    proof: Proof,
    figures: Mapping[str, Any],
    due: date | None,
    by: Someone,
    now_ns: int,
) -> None:
    connection.execute(
        db.finding_step.insert().values(
            finding_id=it.id, kind=kind, said=plain(proof.said), proof=proof.proof,
            proof_id=proof.proof_id[:40], figures=dict(figures), due=due, made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.FINDING_STEP, now_ns=now_ns, thing=it.id, site=it.site_id,
        detail={"step": kind, "item": it.item, "proof": proof.proof},
    )  # fmt: skip
