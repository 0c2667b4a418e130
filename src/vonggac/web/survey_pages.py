"""The page of one facility's survey: answers, measurements, differences, calls, links, minutes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac import keys
from vonggac.clock import parse_rfc3339
from vonggac.domain import (
    access,
    legal,
    papers,
    register,
    registry,
    site_keys,
    survey_calls,
    survey_forms,
    survey_links,
    survey_verdicts,
    surveys,
)
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import api, dates, rights
from vonggac.web import surveys as shared
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values
from vonggac.wire import survey as wire_survey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonggac.config import Secret
    from vonggac.domain.surveys import SurveyState

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]


# -- the page --------------------------------------------------------------------------------


@routes.get("/surveys/{survey_id}")
def survey_page(who: Signed, survey_id: str) -> Response:
    """What a facility answered, what was measured, the verdict, and what waits."""
    return show(who, survey_id, Form())


def show(
    who: Visitor, survey_id: str, form: Form, *, wrong: str = "", status: int = 200
) -> Response:
    """The page of a survey, with what is wrong with the form that is called `wrong`."""
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        told = shared.read(connection, who, survey_id)
        thing = access.thing_of_site(connection, told.it.site_id)
        calls = survey_calls.calls(connection, told.it.id)
        cameras = registry.cameras(connection, told.it.site_id)
        may = {
            name: who.may(act, thing)
            for name, act in (
                ("lead", Act.SURVEY_LEAD), ("answer", Act.SURVEY_ANSWER),
                ("verify", Act.SURVEY_VERIFY), ("edit", Act.FACILITY_EDIT),
                ("cameras", Act.CAMERA_EDIT), ("probe", Act.PROBE),
            )
        }  # fmt: skip
        values = {
            "it": told.it,
            "over": told.over,
            "read": told,
            "facility": register.facility(connection, told.it.site_id).said,
            "calls": calls,
            "silences": survey_calls.silences(calls),
            "steps": surveys.steps(connection, told.it.id),
            "links": survey_links.links(connection, told.it.id) if may["lead"] else [],
            "pictures": surveys.photographs(connection, told.it.id),
            "contacts": register.contacts(connection, [told.it.site_id]),
            "papers": papers.of(connection, f"survey:{told.it.id}") if who.can("paper_see") else [],
            "probed": [one for one in cameras if one.main_url]
            if desk.sites.reaches(connection, told.it.site_id)
            else [],
        }  # fmt: skip
    known = survey_forms.rules()
    return who.page(
        "survey.html",
        {
            **values,
            "may": may,
            "rules": known,
            "placement": desk.placement,
            "states": shared.STATES,
            "outcomes": shared.OUTCOMES,
            "what": shared.WHAT,
            "blocked": shared.BLOCKED,
            "remarks": shared.REMARKS,
            "parties": shared.PARTIES,
            "form": form,
            "wrong": wrong,
            "now": dates.write_moment(now_ns),
            "today": legal.day_of(now_ns),
            "soon": known.soon_days,
            "path": f"/surveys/{told.it.id}",
        },
        section="surveys",
        status=status,
    )


def _try(
    who: Visitor, survey_id: str, wrong: str, values: Mapping[str, str], do: Callable[[], None]
) -> Response:
    """Do something to a survey, and show its page; what cannot be taken is said beside its form."""
    try:
        do()
    except VonggacError as error:
        told = shared.faults(who, error)
        if not told:
            raise
        status = 409 if error.kind is Kind.CONFLICT else 422
        form = Form(values, told, told.get("", ""))
        return show(who, survey_id, form, wrong=wrong, status=status)
    return RedirectResponse(f"/surveys/{survey_id[:40]}", 303)


@routes.get("/surveys/{survey_id}/pictures/{picture_id}")
def picture(who: Signed, survey_id: str, picture_id: str) -> Response:
    """A photograph that came with answers."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = shared.found(connection, who, survey_id, Act.SURVEY_SEE)
        media_type, content = surveys.photograph(connection, it.id, picture_id[:40])
    return Response(content, media_type=media_type)


# -- calls and links -------------------------------------------------------------------------


@routes.post("/surveys/{survey_id}/calls")
async def call_send(request: Request, survey_id: str) -> Response:
    """Enter a call; the third silence drafts a letter."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)

        def do() -> None:
            shared.call(
                who, survey_id, called_ns=_moment(values.get("called", "")),
                outcome=values.get("outcome", ""), person=values.get("person", ""),
                said=values.get("said", ""),
            )  # fmt: skip

        return _try(who, survey_id, "call", values, do)

    return await run_in_threadpool(send)


def _moment(text: str) -> int:
    try:
        return dates.read_moment(text)
    except (ValueError, OverflowError) as error:
        fields = {"called": "bad_moment"}
        raise VonggacError(Kind.BAD_INPUT, "called: when?", fields=fields) from error


@routes.post("/surveys/{survey_id}/links")
async def links_send(request: Request, survey_id: str) -> Response:
    """Make a link, shown once; or take one back."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        if values.get("do") == "revoke":
            return _try(
                who, survey_id, "link", values,
                lambda: shared.revoke(who, survey_id, values.get("link", "")[:40]),
            )  # fmt: skip
        try:
            made = shared.hand(who, [survey_id], shared.days_in(values))
        except VonggacError as error:
            told = shared.faults(who, error)
            if not told:
                raise
            form = Form(values, told, told.get("", ""))
            return show(who, survey_id, form, wrong="link", status=422)
        back = f"/surveys/{survey_id[:40]}"
        return who.page(
            "survey_links.html", {"made": made, "back": back, "more": 0, "path": back},
            section="surveys",
        )  # fmt: skip

    return await run_in_threadpool(send)


# -- judging ---------------------------------------------------------------------------------


@routes.post("/surveys/{survey_id}/judgement")
async def judgement_send(request: Request, survey_id: str) -> Response:
    """Confirm the answers with what goes into the register, or give them back."""
    sent = await request.form(max_files=0, max_fields=200)
    values, chosen = form_values(dict(sent)), [str(one)[:60] for one in sent.getlist("write")]

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)

        def do() -> None:
            if values.get("do") == "dispute":
                shared.dispute(who, survey_id, values.get("reason", ""))
            else:
                text = values.get("version", "")
                version = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
                shared.verify(who, survey_id, version, chosen)

        return _try(who, survey_id, "judge", values, do)

    answer = await run_in_threadpool(send)
    # A camera that went into the register with its address is to be recorded.
    request.app.state.desk.orders.changed()
    return answer


@routes.post("/surveys/{survey_id}/minutes")
async def minutes_send(request: Request, survey_id: str) -> Response:
    """Draft the minutes for the parties that sign."""
    sent = await request.form(max_files=0, max_fields=20)
    values, parties = form_values(dict(sent)), [str(one)[:20] for one in sent.getlist("party")]

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        made: list[str] = []
        answer = _try(
            who, survey_id, "minutes", values,
            lambda: made.append(shared.draft_minutes(who, survey_id, parties)),
        )  # fmt: skip
        if made and who.can("paper_see"):
            return RedirectResponse(f"/papers/{made[0]}", 303)
        return answer

    return await run_in_threadpool(send)


# -- measuring -------------------------------------------------------------------------------


@routes.post("/surveys/{survey_id}/facts")
async def facts_send(request: Request, survey_id: str) -> Response:
    """Take in the file of `vonggac survey`."""
    async with request.form(max_files=1, max_fields=10) as sent:
        file = sent.get("file")
        content = b""
        if isinstance(file, UploadFile):
            content = await file.read(wire_survey.MAX_SURVEY + 1)
        values = form_values(dict(sent))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        return _try(who, survey_id, "facts", values, lambda: take_file(who, survey_id, content))

    return await run_in_threadpool(send)


def take_file(who: Visitor, survey_id: str, content: bytes) -> None:
    """Keep what a file of `vonggac survey` measured, apart from what was typed.

    Raises:
        VonggacError: BAD_INPUT with `fields`: it is none.
    """
    it, by = shared.acting(who, survey_id, Act.SURVEY_ANSWER)
    if not content:
        raise VonggacError(Kind.BAD_INPUT, "file: which?", fields={"file": "no_file"})
    try:
        told = wire_survey.read_survey(content)
    except VonggacError as error:
        raise VonggacError(Kind.BAD_INPUT, error.message, fields={"file": "bad_file"}) from error
    measured_ns = parse_rfc3339(told.survey.finished or told.survey.started)
    with who.desk.database.writing() as connection:
        signed = False
        if told.signature is not None and told.signature.site == it.site_id:
            key = site_keys.key_at(connection, it.site_id, measured_ns)
            signed = _is_genuine(told, key)
        facts = survey_verdicts.of_file(told.survey, signed=signed)
        surveys.take_facts(
            connection, it.id, survey_verdicts.OF_FILE, survey_verdicts.facts_json(facts),
            sha256=hashlib.sha256(content).hexdigest(), measured_ns=measured_ns, by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def _is_genuine(told: wire_survey.SurveyRead, key: str) -> bool:
    try:
        keys.verify_survey(told, key)
    except VonggacError:
        return False
    return True


@routes.post("/surveys/{survey_id}/probe")
async def probe_send(request: Request, survey_id: str) -> Response:
    """Measure a camera that the hub knows, and keep what was found."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))
    who = await run_in_threadpool(visitor, request)
    who.check_form(values)
    try:
        it = await probe(who, survey_id, values.get("camera", ""))
    except VonggacError as error:
        if error.kind not in (Kind.TOO_MANY, Kind.UNAVAILABLE, Kind.TIMED_OUT):
            raise
        form = Form(values, {"camera": who.t("Thiết bị ghi không trả lời, chưa đo được camera.")})
        return await run_in_threadpool(
            lambda: show(who, survey_id, form, wrong="probe", status=503)
        )
    return RedirectResponse(f"/surveys/{it.id}", 303)


async def probe(who: Visitor, survey_id: str, name: str) -> SurveyState:
    """Probe a camera in the register and keep what was found.

    Raises:
        VonggacError: as the box answers; NOT_FOUND, FORBIDDEN, TOO_MANY.
    """
    it, camera, password = await run_in_threadpool(_camera, who, survey_id, name)
    found = await api.look_at(
        who, camera.main_url, camera.user_name, password.reveal(), site_id=it.site_id
    )
    await run_in_threadpool(_keep_probe, who, it, camera.name, found)
    return it


def _camera(who: Visitor, survey_id: str, name: str) -> tuple[SurveyState, registry.Camera, Secret]:
    it, _ = shared.acting(who, survey_id, Act.SURVEY_ANSWER)
    with who.desk.database.reading() as connection:
        rights.require(connection, who, Act.PROBE, access.thing_of_site(connection, it.site_id))
        known = registry.cameras(connection, it.site_id)
        camera = next((one for one in known if one.name == name), None)
        if camera is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
        camera = rights.camera_here(connection, who, camera.id)
        return it, camera, registry.password_of(connection, camera.id, who.desk.box)


def _keep_probe(who: Visitor, it: SurveyState, name: str, found: Mapping[str, Any]) -> None:
    _, by = shared.acting(who, it.id, Act.SURVEY_ANSWER)
    facts = survey_verdicts.Facts({name: survey_verdicts.of_probe(name, found)})
    told, now_ns = survey_verdicts.facts_json(facts), who.desk.now_ns()
    # A probe at another time is another fact, though it found the same.
    sha256 = hashlib.sha256(msgspec.json.encode([name, now_ns, told])).hexdigest()
    with who.desk.database.writing() as connection:
        surveys.take_facts(
            connection, it.id, survey_verdicts.OF_PROBE, told, sha256=sha256, measured_ns=now_ns,
            by=by, now_ns=now_ns,
        )  # fmt: skip
