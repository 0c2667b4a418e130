"""Pages of surveys: campaigns, answers to be judged, the form by link and for the signed-in."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from hub_stage import DAY, SITE_ID
from vonggac.db import survey as db
from vonggac.db import tables
from vonggac.domain import roles, survey_calls, survey_forms, surveys
from vonggac.domain.audit import Actor
from vonggac.domain.exports import Someone
from vonggac.domain.survey_verdicts import OF_FILE, Facts, Measured, facts_json
from vonggac.web import words

if TYPE_CHECKING:
    from hub_stage import Stage

NAME = "KS Mường Hoa, bộ phận an ninh"
CAMPAIGN, OTHER, THIRD = "q" * 26, "r" * 26, "s" * 26
ASKED, ANSWERED, OPEN = "v" * 26, "w" * 26, "x" * 26
OPEN_TOKEN, SENT_TOKEN = "t" * 43, "u" * 43

VISITS = (
    Visit("/surveys", "/surveys"),
    Visit("/surveys", "/surveys", 422, {"title": "1", "due": "31/02/2027"}, ".panel .btn-main"),
    Visit("/campaigns/{campaign_id}", f"/campaigns/{CAMPAIGN}"),
    Visit("/campaigns/{campaign_id}", f"/campaigns/{CAMPAIGN}", 200, {}, "button[value=links]"),
    Visit("/surveys/{survey_id}", f"/surveys/{ASKED}"),
    Visit("/surveys/{survey_id}", f"/surveys/{ANSWERED}"),
    Visit("/surveys/{survey_id}/form", f"/surveys/{ASKED}/form"),
    Visit("/surveys/{survey_id}/form", f"/surveys/{ANSWERED}/form"),
    Visit("/s/{survey_token}", f"/s/{OPEN_TOKEN}", signed_in=False),
    Visit("/s/{survey_token}", f"/s/{OPEN_TOKEN}?at=6#s-cameras", signed_in=False),
    Visit("/s/{survey_token}", f"/s/{SENT_TOKEN}", signed_in=False),
)
NO_PAGES = ("/surveys/{survey_id}/pictures/{picture_id}", "/survey-worker.js")


def load(hub: Stage, said: str = "") -> None:
    """A campaign that waits with a silent call, and one whose answers wait to be judged."""
    text, now_ns = said[:200] or NAME, hub.clock.wall_ns()
    today = words.day_of(now_ns)
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name, said[:200])
        roles.give(
            connection, roles.whoever_holds_the_machine(now_ns), account.id,
            roles.Draft(role="surveyor", reason="phân công"), now_ns=now_ns,
        )  # fmt: skip
        for campaign, survey, days in (
            (CAMPAIGN, ASKED, 2),
            (OTHER, ANSWERED, 12),
            (THIRD, OPEN, 20),
        ):
            connection.execute(
                db.survey_campaign.insert().values(
                    id=campaign, title=text, clause="1", due=today + timedelta(days=days),
                    answers="facility", lines=["paid_hotel"], made_ns=now_ns, made_by=by.name,
                    made_name=by.full_name,
                )
            )  # fmt: skip
            connection.execute(
                db.survey.insert().values(
                    id=survey, survey_campaign_id=campaign, site_id=SITE_ID, changed_ns=now_ns
                )
            )
        for token, survey in ((OPEN_TOKEN, OPEN), (SENT_TOKEN, ANSWERED)):
            connection.execute(
                db.survey_link.insert().values(
                    id=token[:26], survey_id=survey, ends_ns=now_ns + 9 * DAY, made_ns=now_ns,
                    token_hash=hashlib.sha256(token.encode()).hexdigest(), made_by=by.name,
                    made_name=by.full_name,
                )
            )  # fmt: skip
        survey_calls.enter(
            connection, ASKED, called_ns=now_ns, outcome="silent", person="", said="", by=by,
            now_ns=now_ns,
        )  # fmt: skip
        placement = hub.app.state.desk.placement
        fields = {"p-name": text, "k-name": text, "k-phone": "0200 000 000", "f-rooms": "40"}
        fields |= {"q-fence": "part", "q-line": "up", "q-line_mbps": "2", "q-line_provider": text}
        fields |= {"c-0-zone": "HL", "c-0-title": "sảnh, 8 h", "c-0-address": "192.0.2.9"}
        fields |= {"c-1-zone": "CG", "c-1-title": "lễ tân, 0200 000 000", "c-1-state": "dead"}
        fields |= {"z-SAN-absent": "yes", "z-SAN-why": "an ninh, phòng dịch", "note": text}
        link = connection.execute(
            sa.select(db.survey_link.c.id).where(db.survey_link.c.survey_id == ANSWERED)
        ).scalar_one()
        surveys.answer(
            connection, ANSWERED, survey_forms.read(fields), client_id="client-0001",
            pictures=(), link=None, placement=placement, actor=Actor("-", None, ""),
            full_name="", now_ns=now_ns,
        )  # fmt: skip
        connection.execute(db.survey_answer.update().values(link_id=link))
        used = db.survey_link.update().where(db.survey_link.c.id == link)
        connection.execute(used.values(used_ns=now_ns))
        seen = Measured(
            "192.0.2.9", False, ("outdated",), "rtsp://192.0.2.9/1", text, text, 640, 480
        )
        surveys.take_facts(
            connection, ANSWERED, OF_FILE, facts_json(Facts({"192.0.2.9": seen}, 1800)),
            sha256="0" * 64, measured_ns=now_ns, by=by, now_ns=now_ns,
        )  # fmt: skip
