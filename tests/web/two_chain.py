"""Something of each kind of the orders' chain that belongs to one facility, its words marked.

`two_units` puts it up on either side, so that what a page or an answer tells of it to the other
side is found.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub_stage import NOW, NOW_NS
from vonggac.domain import guide, inspections, letters, papers, surveys, tasks
from vonggac.domain.inspection_input import Member, RoundDraft

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

TODAY = NOW.date()


def chained(connection: Connection, site: str, unit: str, by: Someone, word: str) -> dict[str, str]:
    """Their ids, as paths call them."""
    return (
        _paper(connection, site, by, word)
        | _task(connection, site, by, word)
        | _guide(connection, site, by, word)
        | _inspection(connection, site, by, word)
        | _survey(connection, site, unit, by, word)
    )


def _paper(connection: Connection, site: str, by: Someone, word: str) -> dict[str, str]:
    letter = letters.sample("bao-cao", TODAY)
    letter = replace(letter, subject=f"về {word}", addressees=(f"Cơ quan {word}",))
    made = papers.draft(
        connection, letter, about=f"report:{word}", site_id=site, unit_id=None, directive_id=None,
        by=by, now_ns=NOW_NS,
    )  # fmt: skip
    return {"paper_id": made, "recipient_id": papers.recipients(connection, made)[0].id}


def _task(connection: Connection, site: str, by: Someone, word: str) -> dict[str, str]:
    made = tasks.open_task(
        connection, site_id=site, unit_id=None, body=f"Sở {word}", what=f"làm {word}", due=TODAY,
        about="", directive_id=None, by=by, now_ns=NOW_NS,
    )  # fmt: skip
    asked = tasks.ask_extension(
        connection, made, reason=f"vì {word}", new_due=TODAY + timedelta(days=9), by=by,
        now_ns=NOW_NS,
    )  # fmt: skip
    return {"task_id": made, "extension_id": asked.id}


def _guide(connection: Connection, site: str, by: Someone, word: str) -> dict[str, str]:
    sent = guide.send(connection, site, "guide", b"%PDF-1.7", by=by, now_ns=NOW_NS)
    asked = guide.ask(connection, site, f"hỏi {word}", by=by, now_ns=NOW_NS)
    return {"sent_id": sent, "question_id": asked}


def _inspection(connection: Connection, site: str, by: Someone, word: str) -> dict[str, str]:
    draft = RoundDraft(
        f"Kiểm tra {word}", f"Sở {word}", (Member(f"Bà {word}", f"Sở {word}"),), (site,), TODAY,
        decision=f"12/{word}", decided=TODAY,
    )  # fmt: skip
    made = inspections.plan(connection, draft, by=by, now_ns=NOW_NS)
    return {"round_id": made, "inspection_id": inspections.of_round(connection, made)[0].id}


def _survey(connection: Connection, site: str, unit: str, by: Someone, word: str) -> dict[str, str]:
    draft: Any = surveys.Draft(f"Khảo sát {word}", TODAY + timedelta(days=9), unit_id=unit)
    made = surveys.begin(connection, draft, [site], by=by, now_ns=NOW_NS)
    found = surveys.state(connection, [site])[site]
    return {"campaign_id": made.id, "survey_id": found.id}
