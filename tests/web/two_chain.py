"""Something of each kind of the orders' chain that belongs to one facility, its words marked.

`two_units` puts it up on either side, so that what a page or an answer tells of it to the other
side is found.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub_stage import NOW, NOW_NS
from vonggac.config import AcceptanceConfig
from vonggac.domain import (
    acceptance,
    campaigns,
    coverage,
    floor_plans,
    guide,
    letters,
    papers,
    pictures,
    survey_links,
    surveys,
    tasks,
)

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

TODAY = NOW.date()


def chained(
    connection: Connection, site: str, unit: str, camera: str, by: Someone, word: str
) -> dict[str, str]:
    """Their ids, as paths call them."""
    return (
        _paper(connection, site, by, word)
        | _task(connection, site, by, word)
        | _guide(connection, site, by, word)
        | _survey(connection, site, unit, by, word)
        | _plan(connection, site, by, word)
        | _try(connection, camera, by)
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


def _survey(connection: Connection, site: str, unit: str, by: Someone, word: str) -> dict[str, str]:
    draft: Any = campaigns.Draft(f"Khảo sát {word}", TODAY + timedelta(days=9), unit_id=unit)
    made = campaigns.begin(connection, draft, [site], by=by, now_ns=NOW_NS)
    found = surveys.state(connection, [site])[site]
    link, _ = survey_links.make_link(connection, found.id, days=9, by=by, now_ns=NOW_NS)
    return {"campaign_id": made.id, "survey_id": found.id, "link_id": link.id}


def _plan(connection: Connection, site: str, by: Someone, word: str) -> dict[str, str]:
    picture = coverage.keep_picture(
        connection, site, "plan", pictures.Picture("image/png", 8, 8, b"-"), by=by.name,
        now_ns=NOW_NS,
    )  # fmt: skip
    made = floor_plans.add(
        connection, site, floor="2", title=f"Tầng {word}", picture=picture, keep=False, by=by.name,
        now_ns=NOW_NS,
    )  # fmt: skip
    return {"floor_plan_id": made.id, "picture_id": picture}


def _try(connection: Connection, camera: str, by: Someone) -> dict[str, str]:
    made = acceptance.begin(connection, camera, AcceptanceConfig(), by=by, now_ns=NOW_NS)
    return {"acceptance_id": made.id}
