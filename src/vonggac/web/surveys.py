"""Pages of surveys: campaigns, the call list, one facility's answers, its verdict and minutes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    audit,
    campaigns,
    directives,
    legal,
    papers,
    register,
    survey_calls,
    survey_forms,
    survey_links,
    survey_papers,
    survey_register,
    survey_verdicts,
    surveys,
)
from vonggac.domain.access import UNASSIGNED, Act
from vonggac.domain.duties import LINES, line_words
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.register import refused_place
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.audit import Actor
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import ForbiddenZone
    from vonggac.domain.survey_links import Link
    from vonggac.domain.survey_register import Difference
    from vonggac.domain.survey_verdicts import Facts, Verdict
    from vonggac.domain.surveys import Answer, SurveyState

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
Shown = Annotated[str, Query(max_length=40)]

SHOWN = 100
"""Facilities of a list at most; filters find the others."""
LINKS_MOST = 200
"""Links that are made in one go (ours): what fits a few printed pages."""

STATES: Mapping[str, str] = {
    "asked": "chưa trả lời",
    "answered": "đã trả lời, chờ xác nhận",
    "verified": "đã xác nhận",
    "disputed": "trả lại, chờ trả lời lại",
    "refused": "từ chối khảo sát",
}
ANSWERING: Mapping[str, str] = {
    "facility": "đầu mối của cơ sở",
    "surveyor": "cán bộ khảo sát",
}
OUTCOMES: Mapping[str, str] = {
    "answered": "nghe máy",
    "silent": "không liên lạc được",
    "refused": "từ chối khảo sát",
}
PARTIES: Mapping[str, str] = {
    "facility": "Đại diện cơ sở",
    "surveyor": "Người khảo sát",
    "owner": "Đại diện cơ quan quản lý",
    "enterprise": "Đại diện doanh nghiệp",
}
WHAT: Mapping[str, str] = {
    "contact": "Đầu mối của cơ sở",
    "capacity": "Sức chứa",
    "rooms": "Số phòng",
    "floors": "Số tầng",
    "absent": "Không có khu {of}",
    "camera": "Hãng, mẫu của camera {of}",
    "address": "Địa chỉ đã đo của camera {of}",
    "new": "Camera mới: {of}",
}
"""What an answer would change in the register."""
BLOCKED: Mapping[str, str] = {
    "no_picture": "chưa có ảnh chứng minh",
}
REMARKS: Mapping[str, str] = {
    "unmeasured": "chưa đo: vào danh mục, chưa ghi hình cho đến khi xác nhận địa chỉ",
}
FAULTS: Mapping[str, str] = {
    "missing": "Ô này phải có.",
    "too_long": "Quá dài.",
    "too_many": "Quá nhiều camera trong một phiếu.",
    "secret_mark": "Không ghi nội dung mang dấu MẬT.",
    "bad_choice": "Chọn một mục trong danh sách.",
    "bad_number": "Ghi một số nguyên.",
    "bad_day": "Ghi ngày dạng 31/12/2026.",
    "bad_days": "Từ 1 đến 60 ngày.",
    "bad_phone": "Số điện thoại gồm chữ số, dấu cách, dấu +, dấu gạch.",
    "bad_email": "Ghi dạng ten@co-quan.vn.",
    "bad_moment": "Ghi ngày giờ dạng 18/11/2026 14:30.",
    "in_future": "Thời điểm này chưa đến.",
    "unknown_zone": "Chọn một khu vực trong danh sách.",
    "unit_unknown": "Không có đơn vị nào tên như vậy.",
    "has_camera": "Đã khai camera ở khu này.",
    "no_sites": "Không có cơ sở nào trong phạm vi của bạn như vậy.",
    "no_order": "Không có văn bản này trong sổ.",
    "no_file": "Chọn một tệp.",
    "bad_file": "Không phải tệp của vonggac survey.",
    "picture_large": "Ảnh nhiều nhất 5 MB và 60 triệu điểm.",
    "picture_kind": "Dùng ảnh JPEG, PNG hoặc WebP.",
    "picture_broken": "Ảnh bị hỏng, không đọc được.",
    "pictures_many": "Phiếu đã có đủ số ảnh nhận được.",
    "pictures_at_once": "Ảnh chưa được nhận vì mỗi lần gửi nhiều nhất 20 MB ảnh. Chọn lại ảnh này"
    " rồi gửi tiếp; chữ và các ảnh khác còn nguyên.",
    "ended": "Đợt khảo sát đã kết thúc, hoặc phiếu đã được xác nhận.",
    "not_answered": "Chưa có phiếu nào để xác nhận.",
    "stale_form": "Cơ sở vừa gửi phiếu mới. Hãy đọc lại.",
    "blocked": "Có mục chưa ghi vào danh mục được.",
    "nobody_owes": "Không còn cơ sở nào chưa trả lời.",
    "parties": "Biên bản cần ít nhất hai bên ký.",
}
"""What is said of input of surveys that cannot be taken."""


# -- what pages and API share ----------------------------------------------------------------


def found(connection: Connection, who: Visitor, survey_id: str, act: Act) -> SurveyState:
    """A survey of a facility where the visitor may do this.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    it = surveys.find(connection, survey_id[:40])
    rights.require(connection, who, act, access.thing_of_site(connection, it.site_id))
    return it


def acting(who: Visitor, survey_id: str, act: Act) -> tuple[SurveyState, Someone]:
    """A survey and the visitor as who does this to it.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = surveys.find(connection, survey_id[:40])
        thing = access.thing_of_site(connection, it.site_id)
        return it, evidence_api.someone(who, rights.require(connection, who, act, thing))


def someone(who: Visitor, act: Act) -> Someone:
    """The visitor, who may do this to some facility."""
    who.signed_in  # noqa: B018
    verdict = access.may_somewhere(who.person, act, now_ns=who.desk.now_ns())
    return evidence_api.someone(who, verdict)


def sites(connection: Connection, who: Visitor, act: Act) -> list[str]:
    """Facilities where the visitor may do this."""
    return access.sites_for(connection, who.person, act, who.desk.now_ns())


def campaign_of(
    connection: Connection, who: Visitor, campaign_id: str, act: Act
) -> tuple[Campaign, list[SurveyState]]:
    """A campaign with its surveys that the visitor may see by name.

    Raises:
        VonggacError: NOT_FOUND, there is none, or none of its facilities is the visitor's.
    """
    over = campaigns.campaign(connection, campaign_id[:40])
    mine = set(sites(connection, who, act))
    seen = mine | set(sites(connection, who, Act.FACILITY_SEE))
    ours = surveys.of_campaign(connection, over.id, sorted(seen))
    if not any(one.site_id in mine for one in ours):
        raise VonggacError(Kind.NOT_FOUND, "there is no such campaign, or it is not for you")
    return over, ours


def begin(who: Visitor, draft: campaigns.Draft) -> Campaign:
    """Begin a campaign over facilities that the visitor sees; military ones too, by name."""
    by = someone(who, Act.SURVEY_LEAD)
    with who.desk.database.reading() as connection:
        leads = set(sites(connection, who, Act.SURVEY_LEAD))
        military = {
            site_id for site_id, thing in access.things_of_sites(connection).items()
            if thing.line == "military"
        }  # fmt: skip
        names = [
            one for one in sites(connection, who, Act.FACILITY_SEE)
            if one in leads or one in military
        ]  # fmt: skip
        _known_order(connection, who, draft)
    with who.desk.database.writing() as connection:
        return campaigns.begin(connection, draft, names, by=by, now_ns=who.desk.now_ns())


def _known_order(connection: Connection, who: Visitor, draft: campaigns.Draft) -> None:
    if draft.directive_id is None:
        return
    allowed = directives.visible(connection, who.person, who.desk.now_ns())
    if not directives.listed(connection, allowed, only=draft.directive_id):
        raise Unacceptable([Problem("directive", "no_order", "directive: none in your register")])


def remind(who: Visitor, campaign_id: str, unit_id: str) -> str:
    """Draft the reminder to the facilities of a unit that owe an answer; the paper's id."""
    by = someone(who, Act.SURVEY_LEAD)
    with who.desk.database.reading() as connection:
        over, ours = campaign_of(connection, who, campaign_id, Act.SURVEY_LEAD)
        leads = set(sites(connection, who, Act.SURVEY_LEAD))
    owing = [one for one in ours if one.owes and one.site_id in leads]
    with who.desk.database.writing() as connection:
        return survey_calls.remind(
            connection, over, owing, unit_id, by=by, now_ns=who.desk.now_ns()
        )


@dataclass(frozen=True, slots=True)
class Handed:
    """A link that was just made, with what to say."""

    site: str
    address: str
    said: str
    link: Link


def hand(who: Visitor, survey_ids: Sequence[str], days: int) -> list[Handed]:
    """Make links; their addresses are shown this once."""
    made: list[Handed] = []
    for survey_id in survey_ids[:LINKS_MOST]:
        it, by = acting(who, survey_id, Act.SURVEY_LEAD)
        with who.desk.database.writing() as connection:
            link, token = survey_links.make_link(
                connection, it.id, days=days, by=by, now_ns=who.desk.now_ns()
            )
            said = register.facility(connection, it.site_id).said
            over = campaigns.campaign(connection, it.campaign_id)
        name, address = said.title or said.name, f"{who.origin}/s/{token}"
        made.append(Handed(name, address, survey_papers.plain_reminder(over, name, address), link))
    return made


def revoke(who: Visitor, survey_id: str, link_id: str) -> None:
    """Take a link of a form back.

    Raises:
        VonggacError: NOT_FOUND, it is no link of this form.
    """
    it, by = acting(who, survey_id, Act.SURVEY_LEAD)
    with who.desk.database.writing() as connection:
        if not any(one.id == link_id for one in survey_links.links(connection, it.id)):
            raise VonggacError(Kind.NOT_FOUND, "there is no such link")
        survey_links.revoke_link(connection, link_id, by=by, now_ns=who.desk.now_ns())


@dataclass(frozen=True, slots=True)
class Read:
    """A facility's survey as the surveyor reads it."""

    it: SurveyState
    over: Campaign
    answers: list[Answer]
    facts: Facts
    verdict: Verdict | None
    """Of the last answers, as it would be now."""
    differences: list[Difference]

    @property
    def last(self) -> Answer | None:
        """The answers to be judged."""
        return self.answers[0] if self.answers else None


def read(connection: Connection, who: Visitor, survey_id: str) -> Read:
    """A facility's survey, with what its answers would change.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    it = found(connection, who, survey_id, Act.SURVEY_SEE)
    answers = surveys.answers(connection, it.id)
    facts = surveys.facts(connection, it.id)
    verdict, differences = None, []
    if answers:
        verdict = survey_verdicts.judge(answers[0].said, facts, who.desk.placement)
        pictured = {one.about for one in surveys.photographs(connection, it.id)}
        differences = survey_register.differences(
            connection, it.site_id, answers[0].said, facts, pictured
        )
    over = campaigns.campaign(connection, it.campaign_id)
    return Read(it, over, answers, facts, verdict, differences)


def verify(who: Visitor, survey_id: str, version: int, keys: Sequence[str]) -> SurveyState:
    """Confirm the answers that were read, and write what was chosen into the register.

    Raises:
        Unacceptable: the register refuses something; nothing was written.
        VonggacError: FORBIDDEN; CONFLICT.
    """
    it, by = acting(who, survey_id, Act.SURVEY_VERIFY)
    desk = who.desk
    with desk.database.reading() as connection:
        chosen = [one for one in read(connection, who, it.id).differences if one.key in set(keys)]
        thing = access.thing_of_site(connection, it.site_id)
        if any(not one.is_camera for one in chosen):
            rights.require(connection, who, Act.FACILITY_EDIT, thing)
        if any(one.is_camera for one in chosen):
            rights.require(connection, who, Act.CAMERA_EDIT, thing)
    try:
        with desk.database.writing() as connection:
            return _verified(connection, who, it, version, chosen, by)
    except Unacceptable as problem:
        if problem.refused_place is not None:
            note_refusal(who, by.actor, it, problem.refused_place)
        raise


def _verified(
    connection: Connection,
    who: Visitor,
    it: SurveyState,
    version: int,
    chosen: Sequence[Difference],
    by: Someone,
) -> SurveyState:
    desk, now_ns = who.desk, who.desk.now_ns()
    answers = surveys.answers(connection, it.id)
    facts = surveys.facts(connection, it.id)
    if not answers or answers[0].version != version:
        raise VonggacError(Kind.CONFLICT, "another version came meanwhile", code="stale_form")
    written = survey_register.write(
        connection, it, answers[0], facts, chosen, placement=desk.placement, box=desk.box,
        kept=it.site_id == desk.sites.own_id, by=by, now_ns=now_ns,
    )  # fmt: skip
    judged = survey_verdicts.judge(answers[0].said, facts, desk.placement)
    surveys.verify(connection, it.id, version, judged, written=written, by=by, now_ns=now_ns)
    return surveys.find(connection, it.id)


def note_refusal(who: Visitor, actor: Actor, it: SurveyState, place: ForbiddenZone) -> None:
    """Write into the access log that a camera where none may stand was refused."""
    desk = who.desk
    with desk.database.writing() as connection:
        audit.record(
            connection, actor, audit.Act.REGISTER_REFUSED, now_ns=desk.now_ns(), thing=it.id,
            site=it.site_id, outcome="refused",
            detail={"zone": place.code, "rule": desk.placement.rule},
        )  # fmt: skip


def dispute(who: Visitor, survey_id: str, reason: str) -> SurveyState:
    """Give the answers back."""
    it, by = acting(who, survey_id, Act.SURVEY_VERIFY)
    with who.desk.database.writing() as connection:
        surveys.dispute(connection, it.id, reason, by=by, now_ns=who.desk.now_ns())
        return surveys.find(connection, it.id)


def draft_minutes(who: Visitor, survey_id: str, parties: Sequence[str]) -> str:
    """Draft the minutes of a survey for the parties to sign; the paper's id.

    Raises:
        VonggacError: BAD_INPUT with `fields`; CONFLICT, nothing was answered yet.
    """
    it, by = acting(who, survey_id, Act.SURVEY_VERIFY)
    desk = who.desk
    signing = [one for one in survey_papers.PARTIES if one in set(parties)]
    if len(signing) < 2:
        raise VonggacError(Kind.BAD_INPUT, "parties: two", fields={"parties": "parties"})
    with desk.database.writing() as connection:
        told = read(connection, who, it.id)
        if told.last is None or told.verdict is None:
            raise VonggacError(Kind.CONFLICT, "nothing was answered", code="not_answered")
        said = register.facility(connection, it.site_id).said
        made = survey_papers.minutes(
            connection, told.over, said, told.last.said, told.verdict, desk.placement, signing,
            surveyor=by.full_name or by.name, now_ns=desk.now_ns(),
        )  # fmt: skip
        unit = None if said.unit_id == UNASSIGNED else said.unit_id
        return papers.draft(
            connection, made, about=f"survey:{it.id}", site_id=it.site_id, unit_id=unit,
            directive_id=told.over.directive_id, by=by, now_ns=desk.now_ns(),
        )  # fmt: skip


def call(who: Visitor, survey_id: str, **said: Any) -> str | None:
    """Enter a call; the letter that the third silence drafts."""
    it, by = acting(who, survey_id, Act.SURVEY_LEAD)
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        return survey_calls.enter(connection, it.id, by=by, now_ns=now_ns, **said)


def faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is wrong with which field, in the visitor's language; empty: the error is of none."""
    if isinstance(error, Unacceptable):
        return {
            one.field: refused_place(who, one.place) if one.place is not None
            else who.t(FAULTS.get(one.code, FAULTS["bad_choice"]))
            for one in error.problems
        }  # fmt: skip
    told = error.detail.get("faults")
    if isinstance(told, list):
        return {
            one.name: refused_place(who, one.place) if one.place is not None
            else who.t(FAULTS[one.code])
            for one in told
        }  # fmt: skip
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t(FAULTS[code])} if code in FAULTS else {}


def _refused(
    who: Visitor,
    values: Mapping[str, str],
    error: VonggacError,
    show: Callable[[Form, int], Response],
) -> Response:
    told = faults(who, error)
    if not told:
        raise error
    status = 409 if error.kind is Kind.CONFLICT else 422
    return show(Form(values, told, told.get("", "")), status)


# -- the list --------------------------------------------------------------------------------


@routes.get("/surveys")
def surveys_page(who: Signed) -> Response:
    """Campaigns in scope with how far they are, and the form of a new one."""
    return _list(who, Form({"answers": "facility"}))


def listed(connection: Connection, who: Visitor) -> list[tuple[Campaign, Counter[str]]]:
    """Campaigns that ask a facility of the visitor's, with how many are in which state."""
    counts: dict[str, Counter[str]] = {}
    if mine := sites(connection, who, Act.SURVEY_SEE):
        for one in surveys.surveys(connection, site_ids=mine):
            counts.setdefault(one.campaign_id, Counter())[one.state] += 1
    return [(one, counts[one.id]) for one in campaigns.campaigns(connection, counts)]


def _list(who: Visitor, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        rows = listed(connection, who)
        orders = []
        if who.can("survey_lead"):
            allowed = directives.visible(connection, who.person, now_ns)
            orders = directives.listed(connection, allowed)
    return who.page(
        "surveys.html",
        {
            "rows": rows,
            "orders": orders,
            "states": STATES,
            "answering": ANSWERING,
            "lines": {code: who.t.of(line_words()[code]) for code in LINES},
            "form": form,
            "today": legal.day_of(now_ns),
            "soon": survey_forms.rules().soon_days,
        },
        section="surveys",
        status=status,
    )


@routes.post("/surveys")
async def begin_send(request: Request) -> Response:
    """Begin a campaign."""
    sent = await request.form(max_files=0, max_fields=20)
    values = form_values(dict(sent))
    lines = tuple(str(one)[:20] for one in sent.getlist("line"))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = begin(who, _draft(who, values, lines))
        except VonggacError as error:
            kept = {**values, **{f"line-{one}": "yes" for one in lines}}
            return _refused(who, kept, error, lambda form, status: _list(who, form, status=status))
        return RedirectResponse(f"/campaigns/{made.id}", 303)

    return await run_in_threadpool(send)


def _draft(who: Visitor, values: Mapping[str, str], lines: tuple[str, ...]) -> campaigns.Draft:
    problems: list[Problem] = []
    due, unit_id = None, None
    try:
        due = dates.read_day(values.get("due", ""))
    except (ValueError, OverflowError):
        problems.append(Problem("due", "bad_day", "due: as 31/12/2026"))
    text = register.clean(values.get("unit", ""))[:200]
    named: list[str] = []
    with who.desk.database.reading() as connection:
        if text:
            known = register.units_called(connection, text)
            unit_id = known.pop() if len(known) == 1 else None
            if unit_id is None:
                problems.append(Problem("unit", "unit_unknown", "unit: which?"))
        codes = {one.casefold() for one in values.get("sites", "").replace(",", " ").split()}
        if codes:
            every = register.facilities(connection, sites(connection, who, Act.FACILITY_SEE))
            named = [site_id for site_id, one in every.items() if one.said.name in codes]
            if len(named) != len(codes):
                problems.append(Problem("sites", "no_sites", "sites: one of these is none"))
    if problems:
        raise Unacceptable(problems)
    return campaigns.Draft(
        values.get("title", ""), due, values.get("answers", ""),
        values.get("directive", "")[:40] or None, values.get("clause", "")[:20], unit_id, lines,
        tuple(named),
    )  # fmt: skip


# -- one campaign ----------------------------------------------------------------------------


@routes.get("/campaigns/{campaign_id}")
def campaign_page(who: Signed, campaign_id: str, show: Shown = "", unit: Shown = "") -> Response:
    """A campaign: how far each unit is, and who is to be called."""
    return _campaign(who, campaign_id, Form(), show=show, unit=unit)


def _campaign(
    who: Visitor, campaign_id: str, form: Form, *, show: str = "", unit: str = "", status: int = 200
) -> Response:
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        over, ours = campaign_of(connection, who, campaign_id, Act.SURVEY_SEE)
        every = register.facilities(connection, [one.site_id for one in ours])
        named = survey_calls.unit_names(connection, list(every), now_ns)
        leads = set(sites(connection, who, Act.SURVEY_LEAD))
        details = set(sites(connection, who, Act.SURVEY_SEE))
        order = directives.find(connection, over.directive_id) if over.directive_id else None
        shown = [
            one for one in ours
            if (not show or one.state == show)
            and (not unit or every[one.site_id].said.unit_id == unit)
        ]  # fmt: skip
        verdicts = surveys.verdicts(
            connection, [one.site_id for one in shown[:SHOWN] if one.site_id in details]
        )
        owing = [one for one in shown if one.owes and one.site_id in leads]
        calling = survey_calls.to_call(connection, owing, now_ns=now_ns, most=SHOWN)
        written = [
            one for one in papers.of(connection, f"campaign:{over.id}")
            if who.can("paper_see")
        ]  # fmt: skip
    by_unit: dict[str, Counter[str]] = {}
    for one in ours:
        by_unit.setdefault(every[one.site_id].said.unit_id, Counter())[one.state] += 1
    return who.page(
        "campaign.html",
        {
            "over": over,
            "order": order,
            "ours": shown[:SHOWN],
            "more": max(0, len(shown) - SHOWN),
            "counts": Counter(one.state for one in ours),
            "by_unit": sorted(by_unit.items(), key=lambda one: named.get(one[0], "")),
            "unit_names": named,
            "names": {one: it.said.title or it.said.name for one, it in every.items()},
            "unit_of": {one: it.said.unit_id for one, it in every.items()},
            "details": details,
            "verdicts": verdicts,
            "calling": calling,
            "papers": written,
            "states": STATES,
            "answering": ANSWERING,
            "outcomes": OUTCOMES,
            "lines": {code: who.t.of(words) for code, words in line_words().items()},
            "show": show,
            "unit": unit,
            "form": form,
            "today": legal.day_of(now_ns),
            "soon": survey_forms.rules().soon_days,
            "days": survey_forms.rules().link_days,
            "silences": survey_forms.rules().silences,
            "may_lead": bool(leads & set(every)) and over.ended_ns is None,
        },
        section="surveys",
        status=status,
    )


@routes.post("/campaigns/{campaign_id}")
async def campaign_send(request: Request, campaign_id: str) -> Response:
    """Make links for all who owe an answer, draft a reminder, or end the campaign."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            match values.get("do", ""):
                case "links":
                    return _hand_all(who, campaign_id, values)
                case "remind":
                    paper_id = remind(who, campaign_id, values.get("unit", "")[:40])
                    return RedirectResponse(f"/papers/{paper_id}", 303)
                case "end":
                    end(who, campaign_id)
        except VonggacError as error:
            return _refused(
                who, values, error,
                lambda form, status: _campaign(who, campaign_id, form, status=status),
            )  # fmt: skip
        return RedirectResponse(f"/campaigns/{campaign_id[:40]}", 303)

    return await run_in_threadpool(send)


def end(who: Visitor, campaign_id: str) -> None:
    """End a campaign."""
    by = someone(who, Act.SURVEY_LEAD)
    with who.desk.database.reading() as connection:
        over, _ = campaign_of(connection, who, campaign_id, Act.SURVEY_LEAD)
    with who.desk.database.writing() as connection:
        campaigns.end(connection, over.id, by=by, now_ns=who.desk.now_ns())


def owing_of(who: Visitor, campaign_id: str) -> list[SurveyState]:
    """Who owes an answer to a campaign, of facilities that the visitor leads."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        _, ours = campaign_of(connection, who, campaign_id, Act.SURVEY_LEAD)
        leads = set(sites(connection, who, Act.SURVEY_LEAD))
    return [one for one in ours if one.owes and one.site_id in leads]


def days_in(values: Mapping[str, str]) -> int:
    """Days of a link from a form; -1 for what is none, which is refused."""
    text = values.get("days", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1


def _hand_all(who: Visitor, campaign_id: str, values: Mapping[str, str]) -> Response:
    owing = owing_of(who, campaign_id)
    made = hand(who, [one.id for one in owing], days_in(values))
    back = f"/campaigns/{campaign_id[:40]}"
    more = max(0, len(owing) - LINKS_MOST)
    return who.page(
        "survey_links.html", {"made": made, "back": back, "more": more, "path": back},
        section="surveys",
    )  # fmt: skip
