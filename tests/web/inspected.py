"""Something of every kind of inspections at a facility, its words marked: for `two_units`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub_stage import NOW, NOW_NS, SITE_ID
from vonggac.db import inspection as db
from vonggac.domain import findings, inspections, pictures, reminders, rules, sanctions
from vonggac.domain import inspection_rules as book
from vonggac.domain.inspection_input import Answer, Member, Minutes, RoundDraft

if TYPE_CHECKING:
    from vonggac.domain.exports import Someone

TODAY = NOW.date()
PIXELS = b"\x89PNG\r\n\x1a\n"


def things(connection: Any, site: str, by: Someone, word: str) -> dict[str, str]:
    """An inspection with its minutes, a finding, a photograph, a letter, a proposal and its link.

    Another inspection is open, so that its forms are tried.
    """
    people = (Member(f"Ông {word}", f"Sở {word}"),)
    draft = RoundDraft(f"kiểm tra {word}", f"Sở {word}", people, (site,), TODAY)
    made = []
    for _ in range(2):
        round_id = inspections.plan(connection, draft, by=by, now_ns=NOW_NS)
        made.append(inspections.of_round(connection, round_id)[0].id)
        inspections.start(connection, made[-1], rules.placement(TODAY), by=by, now_ns=NOW_NS)
    picture = pictures.Picture("image/png", 8, 8, PIXELS + word.encode())
    photo = inspections.attach(connection, made[1], picture, by=by, now_ns=NOW_NS)
    bad = Answer("A.1", "fail", word, f"sửa {word}", f"Cơ sở {word}", TODAY - timedelta(days=2))
    answers = [bad, *(Answer(code, "pass") for code in book.items() if code != "A.1")]
    minutes = Minutes(opinion=f"ý kiến {word}", refused=f"vì {word}", witness=f"Bà {word}")
    done, _ = inspections.close(connection, made[0], minutes, answers=answers, by=by, now_ns=NOW_NS)
    (finding,) = findings.open_all(connection, done, directive_id=None, by=by, now_ns=NOW_NS)
    letters = []
    for level in ("facility", "local"):
        wanted = reminders.Draft(site, f"site:{site}", level, f"việc {word}", None, f"Sở {word}")
        letters.append(reminders.draft(connection, wanted, by=by, now_ns=NOW_NS))
        reminders.mark_sent(connection, letters[-1], number=word, sent=TODAY, by=by, now_ns=NOW_NS)
    last = reminders.Draft(site, f"finding:{finding}", "facility", f"việc {word}", None, word)
    unsent = reminders.draft(connection, last, by=by, now_ns=NOW_NS)
    proposal, _ = sanctions.ask(
        connection, site, "not_supervising", body=f"Sở {word}", explain_by=None,
        placement=rules.placement(TODAY), by=by, now_ns=NOW_NS,
    )  # fmt: skip
    token = f"link-of-{site[:8]}"  # what is asked for is said again: no mark of the unit in it
    # Whoever holds a link that is good reads its page: that of the other unit is nobody's here.
    digest = sanctions.digest(token if site == SITE_ID else f"not {token}")
    connection.execute(db.proposal.update().where(db.proposal.c.id == proposal).values(link=digest))
    return {
        "inspection_id": made[1], "round_id": done.round_id, "photo_id": photo,
        "finding_id": finding, "reminder_id": unsent, "proposal_id": proposal, "token": token,
    }  # fmt: skip
