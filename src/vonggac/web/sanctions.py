"""Pages of the two lists, and of proposals: the facility is heard, another body decides.

The page of the one-time link is for whoever holds it, without an account; it shows that one
request and takes one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    audit,
    directives,
    inspection_facts,
    papers,
    reminders,
    sanction_lists,
    sanctions,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.sanctions import Decision
from vonggac.errors import VonggacError
from vonggac.web import citing
from vonggac.web import inspection_forms as forms
from vonggac.web.desk import Visitor, desk_of, visitor
from vonggac.web.public import address_of
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.sanction_lists import Entry
    from vonggac.domain.sanctions import Proposal

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
SECTION = "sanctions"
FIELDS = 30
PAGE = 50
"""Facilities of one page of a list (ours)."""


# -- what pages and API share ----------------------------------------------------------------


def lists(who: Visitor) -> list[sanction_lists.Entry]:
    """Both lists, of the facilities that the visitor may see them of."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        return sanction_lists.every(connection, seen, who.desk.placement, now_ns=who.desk.now_ns())


def ask(
    who: Visitor, site_id: str, list_code: str, body: str, explain_by: date | None,
    directive: str = "",
) -> tuple[str, str]:  # fmt: skip
    """Ask a facility to explain itself; the proposal's id, and the secret of its link."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        by = forms.by(connection, who, Act.SANCTION_PROPOSE, site_id)
        order = citing.seen(connection, who, directive)
    with who.desk.database.writing() as connection:
        return sanctions.ask(
            connection, site_id, list_code, body=body, explain_by=explain_by,
            placement=who.desk.placement, directive_id=order, by=by, now_ns=who.desk.now_ns(),
        )  # fmt: skip


def change(
    who: Visitor, proposal_id: str, act: Act, do: Callable[[Connection, str, Someone], Any]
) -> Any:
    """Ask for the right at the facility, then do it in a transaction of its own."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = sanctions.find(connection, proposal_id[:40])
        by = forms.by(connection, who, act, it.site_id)
    with who.desk.database.writing() as connection:
        return do(connection, it.id, by)


def explain(who: Visitor, proposal_id: str, said: str, person: str, *, on_paper: bool) -> None:
    """What the facility says: by its own page, or from paper by whoever proposes."""
    now_ns = who.desk.now_ns()
    change(
        who, proposal_id, Act.SANCTION_PROPOSE if on_paper else Act.FINDING_ANSWER,
        lambda connection, it, by: sanctions.explain(
            connection, it, said=said, person=person, came="paper" if on_paper else "page", by=by,
            now_ns=now_ns,
        ),
    )  # fmt: skip


def propose(who: Visitor, proposal_id: str, measure: str, reason: str, to: str) -> None:
    """Propose a measure to another body."""
    now_ns = who.desk.now_ns()
    change(
        who, proposal_id, Act.SANCTION_PROPOSE,
        lambda connection, it, by: sanctions.propose(
            connection, it, measure=measure, reason=reason, to=to, by=by, now_ns=now_ns
        ),
    )  # fmt: skip


def decide(who: Visitor, proposal_id: str, said: Decision) -> None:
    """Enter what was decided."""
    now_ns = who.desk.now_ns()
    change(
        who, proposal_id, Act.SANCTION_DECIDE,
        lambda connection, it, by: sanctions.decide(connection, it, said, by=by, now_ns=now_ns),
    )  # fmt: skip


def drop(who: Visitor, proposal_id: str, reason: str) -> None:
    """Propose nothing after all."""
    now_ns = who.desk.now_ns()
    change(
        who, proposal_id, Act.SANCTION_PROPOSE,
        lambda connection, it, by: sanctions.drop(
            connection, it, reason=reason, by=by, now_ns=now_ns
        ),
    )  # fmt: skip


def new_link(who: Visitor, proposal_id: str) -> str:
    """Make the one-time link anew; its address."""
    now_ns = who.desk.now_ns()
    token = change(
        who, proposal_id, Act.SANCTION_PROPOSE,
        lambda connection, it, by: sanctions.new_link(connection, it, by=by, now_ns=now_ns),
    )  # fmt: skip
    return f"{who.origin}/giai-trinh/{token}"


# -- the lists -------------------------------------------------------------------------------


@routes.get("/sanctions")
def sanctions_page(
    who: Signed,
    which: Annotated[str, Query(alias="list", max_length=20)] = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """The two lists with their figures, a page of each, and what was proposed."""
    return _list(who, Form(), at=(which, forms.page_in(page)))


def _list(
    who: Visitor, form: Form, status: int = 200, *, at: tuple[str, int] = ("", 1)
) -> Response:
    every_entry = lists(who)
    parts = [_part(rule, every_entry, at, form) for rule in book.lists().values()]
    entries = [one for part in parts for one in part[1]]
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        every = sanctions.of_sites(connection, seen)
        sent = reminders.of_site(connection, [one.site_id for one in entries])
        proposes = set(forms.sites(connection, who, Act.SANCTION_PROPOSE))
        names = forms.titles(connection, seen)
        body = forms.body_of(connection, who, Act.SANCTION_PROPOSE)
        orders = citing.offered(connection, who) if proposes else []
    counted: dict[str, int] = {}
    for one in sent:
        counted[one.site_id] = counted.get(one.site_id, 0) + (one.sent is not None)
    open_sites = {one.site_id for one in every if one.state in sanctions.OPEN}
    return who.page(
        "sanctions.html",
        {
            "lists": [
                (rule, _said(rule, who), shown, number, found)
                for rule, shown, number, found in parts
            ],
            "size": PAGE,
            "said": {
                (one.list, one.site_id): _figures(one.list, one.inputs, who) for one in entries
            },
            "every": every,
            "names": names,
            "counted": counted,
            "needed": book.numbers().reminders,
            "proposes": proposes - open_sites,
            "open_sites": open_sites,
            "body": body,
            "orders": orders,
            "label": book.labels()["label"],
            "form": form,
            "today": forms.today(who),
            "soon": book.numbers().soon_days,
            "path": "/sanctions",
        },
        status=status,
        section=SECTION,
    )


def _part(
    rule: book.ListRule, entries: Sequence[Entry], at: tuple[str, int], form: Form
) -> tuple[book.ListRule, list[Entry], int, int]:
    """A page of one list, its number, and how many facilities are on the list.

    What was asked of a facility and refused comes first, so that its form is there again.
    """
    number = at[1] if at[0] == rule.code else 1
    every = [one for one in entries if one.list == rule.code]
    every.sort(key=lambda one: one.site_id != form.values.get("site"))
    start = (number - 1) * PAGE
    return rule, every[start : start + PAGE], number, len(every)


def _said(rule: book.ListRule, who: Visitor) -> str:
    percent = inspection_facts.percent(rule.hundredths, who.t.language)
    return who.t.of(rule.said).format(days=rule.days, percent=percent)


def _figures(code: str, inputs: Mapping[str, Any], who: Visitor) -> list[tuple[str, str]]:
    return [(word, value) for word, value in sanction_lists.said(code, inputs, who.t.language)]


@routes.post("/sanctions")
async def ask_send(request: Request) -> Response:
    """Ask a facility to explain itself; the link is shown once."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made, token = ask(
                who, values.get("site", "")[:40], values.get("list", ""), values.get("body", ""),
                forms.day_in(values, "explain_by"), values.get("directive", ""),
            )  # fmt: skip
        except VonggacError as error:
            return forms.refused(who, values, error, lambda form, code: _list(who, form, code))
        return _one(who, made, Form(), link=f"{who.origin}/giai-trinh/{token}")

    return await run_in_threadpool(send)


# -- one proposal ----------------------------------------------------------------------------


@routes.get("/sanctions/{proposal_id}")
def proposal_page(who: Signed, proposal_id: str) -> Response:
    """One proposal, from the figures to what was decided."""
    return _one(who, proposal_id, Form())


def _one(
    who: Visitor, proposal_id: str, form: Form, status: int = 200, *, link: str = ""
) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = sanctions.find(connection, proposal_id[:40])
        forms.by(connection, who, Act.INSPECTION_SEE, it.site_id)
        rights = {
            act: forms.may(connection, who, act, it.site_id)
            for act in (Act.FINDING_ANSWER, Act.SANCTION_PROPOSE, Act.SANCTION_DECIDE)
        }
        site = forms.titles(connection, [it.site_id])[it.site_id]
        order = directives.find(connection, it.directive_id) if it.directive_id else None
        drafted = papers.of(connection, f"proposal:{it.id}") if who.can("paper_see") else []
    return who.page(
        "sanction.html",
        {
            "it": it,
            "site": site,
            "rule": book.lists()[it.list],
            "said": _figures(it.list, it.inputs, who),
            "reminded": sanctions.reminded_days(it),
            "papers": drafted,
            "order": order,
            "link": link,
            "form": form,
            "may_answer": rights[Act.FINDING_ANSWER],
            "may_propose": rights[Act.SANCTION_PROPOSE],
            "may_decide": rights[Act.SANCTION_DECIDE]
            and it.proposed_id != who.signed_in.account.id,
            "label": book.labels()["label"],
            "silent": it.state == "explaining" and it.explain_by < forms.today(who),
            "today": forms.today(who),
            "soon": book.numbers().soon_days,
            "path": f"/sanctions/{it.id}",
        },
        status=status,
        section=SECTION,
    )


@routes.post("/sanctions/{proposal_id}/explanation")
async def explain_send(request: Request, proposal_id: str) -> Response:
    """What the facility says for itself."""
    return await _step(
        request, proposal_id,
        lambda who, values: explain(
            who, proposal_id, values.get("said", ""), values.get("person", ""),
            on_paper=values.get("came") == "paper",
        ),
    )  # fmt: skip


@routes.post("/sanctions/{proposal_id}/link")
async def link_send(request: Request, proposal_id: str) -> Response:
    """Make the one-time link anew; it is shown once."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            link = new_link(who, proposal_id)
        except VonggacError as error:
            return forms.refused(
                who, values, error, lambda form, code: _one(who, proposal_id, form, code)
            )
        return _one(who, proposal_id, Form(), link=link)

    return await run_in_threadpool(send)


@routes.post("/sanctions/{proposal_id}/proposal")
async def propose_send(request: Request, proposal_id: str) -> Response:
    """Propose a measure, or nothing after all."""

    def do(who: Visitor, values: Mapping[str, str]) -> None:
        if values.get("do") == "drop":
            drop(who, proposal_id, values.get("reason", ""))
        else:
            propose(
                who, proposal_id, values.get("measure", ""), values.get("reason", ""),
                values.get("to", ""),
            )  # fmt: skip

    return await _step(request, proposal_id, do)


@routes.post("/sanctions/{proposal_id}/decision")
async def decide_send(request: Request, proposal_id: str) -> Response:
    """Enter what was decided, by whom, by which document."""

    def do(who: Visitor, values: Mapping[str, str]) -> None:
        said = Decision(
            values.get("decision", ""), values.get("said", ""), values.get("body", ""),
            values.get("person", ""), values.get("document", ""), forms.day_in(values, "decided"),
        )  # fmt: skip
        decide(who, proposal_id, said)

    return await _step(request, proposal_id, do)


async def _step(
    request: Request, proposal_id: str, do: Callable[[Visitor, Mapping[str, str]], None]
) -> Response:
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            do(who, values)
        except VonggacError as error:
            return forms.refused(
                who, values, error, lambda form, code: _one(who, proposal_id, form, code)
            )
        return RedirectResponse(f"/sanctions/{proposal_id[:40]}", 303)

    return await run_in_threadpool(send)


# -- the one-time link -----------------------------------------------------------------------


@routes.get("/giai-trinh/{token}")
def link_page(request: Request, token: str) -> Response:
    """What the facility is asked, for whoever holds the link."""
    desk_of(request).page_limit.take(address_of(request))
    return _link(visitor(request), token, Form())


def _link(who: Visitor, token: str, form: Form, status: int = 200) -> Response:
    with who.desk.database.reading() as connection:
        it = sanctions.by_link(connection, token[:80], now_ns=who.desk.now_ns())
        site = forms.titles(connection, [it.site_id])[it.site_id]
    return who.page("explain.html", _asked(it, site, who, form), status=status)


def _asked(it: Proposal, site: str, who: Visitor, form: Form) -> dict[str, Any]:
    return {
        "it": it,
        "site": site,
        "rule": book.lists()[it.list],
        "said": _figures(it.list, it.inputs, who),
        "label": book.labels()["label"],
        "form": form,
        "done": it.state != "explaining",
        # A page that holds a secret in its address is no address to come back to.
        "path": "/giai-trinh",
    }


@routes.post("/giai-trinh/{token}")
async def link_send_once(request: Request, token: str) -> Response:
    """Take the explanation, once."""
    desk_of(request).public_limit.take(address_of(request))
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        # Whoever holds a link is not named by the session of a shared machine either.
        actor = audit.Actor("-", None, who.address)
        try:
            with who.desk.database.writing() as connection:
                made = sanctions.explain_by_link(
                    connection, token[:80], said=values.get("said", ""),
                    person=values.get("person", ""), actor=actor, now_ns=who.desk.now_ns(),
                )  # fmt: skip
        except VonggacError as error:
            return forms.refused(
                who, values, error, lambda form, code: _link(who, token, form, code)
            )
        with who.desk.database.reading() as connection:
            site = forms.titles(connection, [made.site_id])[made.site_id]
        return who.page("explain.html", _asked(made, site, who, Form()))

    return await run_in_threadpool(send)
