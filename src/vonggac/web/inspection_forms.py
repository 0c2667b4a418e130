"""What pages and API of inspections, reminders and proposals share: rights, fields, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vonggac.domain import access, inspections, units
from vonggac.domain import inspection_rules as book
from vonggac.domain.inspection_input import Answer, Member
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights, words
from vonggac.web.render import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from starlette.responses import Response

    from vonggac.db import Connection
    from vonggac.domain.access import Act
    from vonggac.domain.exports import Someone
    from vonggac.web.desk import Visitor


def today(who: Visitor) -> date:
    """The day in the site's time."""
    return words.day_of(who.desk.now_ns())


def sites(connection: Connection, who: Visitor, act: Act) -> list[str]:
    """Facilities where the visitor may do this."""
    return access.sites_for(connection, who.person, act, who.desk.now_ns())


def by(connection: Connection, who: Visitor, act: Act, site_id: str) -> Someone:
    """The visitor, who may do this to a facility. Not inside a writing transaction.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    verdict = rights.require(connection, who, act, access.thing_of_site(connection, site_id))
    return evidence_api.someone(who, verdict)


def may(connection: Connection, who: Visitor, act: Act, site_id: str) -> bool:
    """Whether the visitor may do this to a facility."""
    return who.may(act, access.thing_of_site(connection, site_id))


def body_of(connection: Connection, who: Visitor, act: Act) -> str:
    """What the visitor's own body is called, for a field that is filled in beforehand."""
    now_ns = who.desk.now_ns()
    for held in who.person.held:
        unit_id = held.body or held.unit
        if act in held.acts and held.lasts(now_ns) and unit_id:
            try:
                return units.unit(connection, unit_id, words.day_of(now_ns)).vi
            except VonggacError:
                continue
    return ""


def page_in(text: str) -> int:
    """The number of a page of a list, from 1; what is no number is the first one."""
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1


# -- fields ----------------------------------------------------------------------------------


def day_in(values: Mapping[str, str], field: str) -> date | None:
    """A day of a form; None for an empty field.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    return day(values.get(field, ""), field)


def day(text: str | None, field: str) -> date | None:
    """A day as people or programs write it; None for none.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if not (text or "").strip():
        return None
    try:
        return dates.read_day(str(text))
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"{field}: no day", fields={field: "no_day"}) from error


def people_in(text: str) -> tuple[Member, ...]:
    """A person a line: full name; position, body."""
    found = []
    for line in text.splitlines():
        name, _, body = line.partition(";")
        if line.strip():
            found.append(Member(name.strip(), body.strip()))
    return tuple(found)


def people_out(people: tuple[Member, ...]) -> str:
    """The same, to be edited."""
    return "\n".join(f"{one.name}; {one.body}" for one in people)


def answers_in(values: Mapping[str, str]) -> list[Answer]:
    """The items of a checklist that a form has judged.

    Raises:
        VonggacError: BAD_INPUT with `fields`, by item.
    """
    found = []
    for code in book.items():
        verdict = values.get(f"v-{code}", "")
        if verdict:
            found.append(
                Answer(
                    code, verdict, values.get(f"s-{code}", ""), values.get(f"a-{code}", ""),
                    values.get(f"r-{code}", ""), day(values.get(f"d-{code}", ""), code),
                )
            )  # fmt: skip
    return found


def answers_out(answers: list[Answer]) -> dict[str, str]:
    """The same, as the fields of a form."""
    values: dict[str, str] = {}
    for one in answers:
        values |= {
            f"v-{one.item}": one.verdict, f"s-{one.item}": one.said, f"a-{one.item}": one.action,
            f"r-{one.item}": one.responsible,
            f"d-{one.item}": dates.write_day(one.due) if one.due else "",
        }  # fmt: skip
    return values


# -- words -----------------------------------------------------------------------------------


def faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is said of input that cannot be taken, by field; empty when it is no such thing."""
    known = book.fault_words()
    more = {"items": error.detail.get("items", ""), "n": book.numbers().reminders}
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(known):
        return {str(name): who.t.of(known[str(why)]).format(**more) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t.of(known[code]).format(**more)} if code in known else {}


def refused(
    who: Visitor,
    values: Mapping[str, str],
    error: VonggacError,
    show: Callable[[Form, int], Response],
) -> Response:
    """The page again, with what is wrong; what has no words is raised on."""
    found = faults(who, error)
    if not found:
        raise error
    general = found.pop("", "") or found.pop("items", "")
    status = 422 if error.kind is Kind.BAD_INPUT else 409
    return show(Form(dict(values), found, general), status)


def titles(connection: Connection, site_ids: list[str]) -> dict[str, str]:
    """What facilities are called."""
    return inspections.site_titles(connection, site_ids)


def members_json(people: tuple[Member, ...]) -> list[dict[str, Any]]:
    """People as the API says them."""
    return [{"name": one.name, "body": one.body} for one in people]
