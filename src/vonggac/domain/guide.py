"""The guide (hướng dẫn camera): what it replaces, who got it, what was asked, who was trained.

The program's defaults are listed in `rules/defaults.toml`, read from where they stand, so that no
number is written twice.  A document that replaces one is tied to it with page, point and the day
from which it counts; what no document replaces stays *mặc định của phần mềm*.  What reads a default
asks `vonggac.domain.guide_values`.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among, tables
from vonggac.db import guide as rows
from vonggac.domain import access, audit, legal
from vonggac.domain.duties import Act
from vonggac.domain.matters import Matter, Standing
from vonggac.domain.profiles import profile_on
from vonggac.domain.rules import Words
from vonggac.domain.units import is_secret
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone

OURS: Final = Words("mặc định của phần mềm", "the software's default")
MAX_LINE: Final = 300
MAX_TEXT: Final = 2_000
VALUE_MOST: Final = 100_000
AHEAD: Final = timedelta(days=730)
"""How far ahead a document may begin to count (ours): a year typed wrong is no plan."""
PEOPLE_MOST: Final = 10_000
LISTED: Final = 200
GUIDE: Final = "guide"
"""What was sent when it is the whole guide and no role's card."""
UNANSWERED: Final = "Câu hỏi của {facility} về hướng dẫn chờ trả lời"
UNRECEIVED: Final = "{facility} chưa xác nhận đã nhận hướng dẫn, thẻ công việc"
SAID: Final = (UNANSWERED, UNRECEIVED)


Change = Literal["", "number", "codes"]


@dataclass(frozen=True, slots=True)
class Default:
    """Something that the software decides, with the sentence that says it."""

    code: str
    area: str
    name: Words
    rule: Words
    values: Mapping[str, Words]
    """Its value by profile; the empty profile is of all of them."""
    changes: Change
    """What of a document takes its place; empty: it is only said."""
    least: int
    most: int
    where: Words
    """What a new value changes and what it does not."""
    choices: Mapping[str, Words]
    """Of codes: those that there are, with their words."""
    basis: str
    cards: frozenset[str]

    def value(self, profile: str) -> Words:
        """What the software decides where no document says otherwise."""
        return self.values.get(profile) or self.values[""]


@dataclass(frozen=True, slots=True)
class Basis:
    """A document that replaces a default."""

    id: str
    code: str
    document: str
    directive_id: str | None
    page: str
    point: str
    value: int | None
    listed: str
    said: str
    from_day: date | None
    tied_ns: int
    tied_by: str
    tied_name: str

    @property
    def since(self) -> date:
        """The first day on which it counts."""
        return self.from_day or legal.day_of(self.tied_ns)

    @property
    def codes(self) -> tuple[str, ...]:
        """What it puts in place of a list; empty leaves the list."""
        return tuple(one for one in self.listed.split(",") if one)

    @property
    def words(self) -> Words:
        """As it stands beside the default."""
        vi, en = [self.document], [self.document]
        if self.page:
            vi.append(f"trang {self.page}")
            en.append(f"page {self.page}")
        if self.point:
            vi.append(f"điểm {self.point}")
            en.append(f"point {self.point}")
        return Words(", ".join(vi), ", ".join(en))


@dataclass(frozen=True, slots=True)
class Rule:
    """A default as it is in force: its value and where that stands."""

    default: Default
    value: Words
    basis: Basis | None
    published: str
    """The document of the profile that says so; empty is none."""
    coming: Basis | None = None
    """What takes its place on a later day."""

    @property
    def number(self) -> int:
        """The value of a default that is a whole number.

        Raises:
            VonggacError: NOT_FOUND, it is none.
        """
        if not self.value.en.isdigit():
            raise VonggacError(Kind.NOT_FOUND, "this default is no number")
        return int(self.value.en)

    @property
    def codes(self) -> tuple[str, ...]:
        """The value of a default that is a list."""
        replaced = self.basis.codes if self.basis is not None else ()
        return replaced or tuple(self.default.choices)

    @property
    def is_replaced(self) -> bool:
        """Whether a document puts another value in its place, and not only its own name."""
        return self.basis is not None and (self.basis.value is not None or bool(self.basis.codes))

    @property
    def source(self) -> Words:
        """Document, page and point, or that it is the software's."""
        if self.basis is not None:
            return self.basis.words
        return Words(self.published, self.published) if self.published else OURS

    @property
    def is_ours(self) -> bool:
        """Whether no document says so."""
        return self.basis is None and not self.published

    @property
    def sentence(self) -> Words:
        """The sentence of the guide."""
        said = self.default.rule
        return Words(said.vi.format(value=self.value.vi), said.en.format(value=self.value.en))


@dataclass(frozen=True, slots=True)
class BasisDraft:
    """A document as an administrator ties it."""

    document: str
    page: str = ""
    point: str = ""
    said: str = ""
    value: int | None = None
    directive_id: str | None = None
    codes: tuple[str, ...] = ()
    from_day: date | None = None
    """None is today."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A guide or card that was sent to a facility, without its bytes."""

    id: str
    site_id: str
    what: str
    sha256: str
    size: int
    sent_ns: int
    sent_by: str
    sent_name: str
    received_ns: int | None
    received_by: str
    received_name: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a facility, with its answer."""

    id: str
    site_id: str
    asked: str
    asked_ns: int
    asked_by: str
    asked_name: str
    answer: str
    answered_ns: int | None
    answered_by: str
    answered_name: str


@dataclass(frozen=True, slots=True)
class Training:
    """A session, with how many took part and no names."""

    id: str
    unit_id: str | None
    title: str
    for_whom: str
    held_day: date
    people: int
    made_ns: int
    made_by: str
    made_name: str


# -- defaults --------------------------------------------------------------------------------


@cache
def defaults() -> Mapping[str, Default]:
    """Every default, by code, in the order of the file.

    Raises:
        ConfigError: a row names a value that there is not.
    """
    return {row["code"]: _default(row) for row in _read("defaults.toml")["default"]}


@cache
def areas() -> Mapping[str, Words]:
    """The parts of the guide, by code, in their order."""
    return {
        code: Words(row["vi"], row["en"]) for code, row in _read("defaults.toml")["area"].items()
    }


def _default(row: Mapping[str, Any]) -> Default:
    try:
        values, choices = _values(row), _choices(row)
    except (KeyError, AttributeError, ImportError) as error:
        raise ConfigError(f"rules/defaults.toml, {row['code']}: {error}") from error
    return Default(
        row["code"], row["area"], Words(row["vi"], row["en"]),
        Words(row["rule_vi"], row["rule_en"]), values, row.get("changes", ""),
        row.get("least", 1), row.get("most", VALUE_MOST), Words(row["where_vi"], row["where_en"]),
        choices, row.get("basis", ""), frozenset(row["cards"]),
    )  # fmt: skip


def _choices(row: Mapping[str, Any]) -> dict[str, Words]:
    if row.get("changes") != "codes":
        return {}
    if "list" in row:
        every = _read(row["file"])[row["list"]]
        return {one["code"]: Words(one.get("full_vi", one["vi"]), one["en"]) for one in every}
    tree: Any = _read(row["file"])
    for name in row["path"]:
        tree = tree[name]
    return {one: _words([one], row) for one in tree}


def _values(row: Mapping[str, Any]) -> dict[str, Words]:
    if "constant" in row:
        module, _, names = row["constant"].partition(":")
        found: Any = import_module(module)
        *outer, last = names.split(".")
        for name in outer:
            found = getattr(found, name)()
        return {"": _words(getattr(found, last), row)}
    tree = _read(row["file"])
    if "field" in row:
        by_profile = {one["profile"]: _words(one[row["field"]], row) for one in tree[row["list"]]}
        return {"": next(iter(by_profile.values())), **by_profile}
    if "list" in row:
        every = tree[row["list"]]
        return {"": _joined([Words(one.get("full_vi", one["vi"]), one["en"]) for one in every])}
    for name in row["path"]:
        tree = tree[name]
    return {"": _words(tree, row)}


def _words(value: Any, row: Mapping[str, Any]) -> Words:
    if isinstance(value, list):
        said = ", ".join(str(one).upper().replace("H26", "H.26") for one in value)
        return Words(said, said)
    number = value / row["divide"] if "divide" in row else value
    en = f"{number:g}"
    return Words(en.replace(".", ","), en)


def _joined(every: Sequence[Words]) -> Words:
    """A list inside of a sentence begins small; letters of a name stay as they are."""
    return Words(
        "; ".join(_small(one.vi) for one in every), "; ".join(_small(one.en) for one in every)
    )


def _small(text: str) -> str:
    return text if text[1:2] in (".", "") or text[:2].isupper() else text[:1].lower() + text[1:]


def _read(name: str) -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def in_force(connection: Connection, on: date) -> list[Rule]:
    """Every default as it is in force on a day, with where it stands."""
    tied = _standing(connection)
    return [_rule(one, tied, on) for one in defaults().values()]


def rule(connection: Connection, code: str, on: date) -> Rule:
    """One default as it is in force on a day.

    Raises:
        VonggacError: NOT_FOUND, there is no such default.
    """
    return rule_of(code, _standing(connection, code), on)


def number(connection: Connection, code: str, on: date) -> int:
    """The number in force on a day.

    Raises:
        VonggacError: NOT_FOUND, there is no such default, or it is no whole number.
    """
    return rule(connection, code, on).number


def rule_of(code: str, tied: Sequence[Basis], on: date) -> Rule:
    """One default as it is in force on a day, from what was read before.

    Raises:
        VonggacError: NOT_FOUND, there is no such default.
    """
    return _rule(_find(code), tied, on)


def _rule(default: Default, tied: Sequence[Basis], on: date) -> Rule:
    profile = profile_on(on)
    here = [one for one in tied if one.code == default.code]
    basis = next((one for one in reversed(here) if one.since <= on), None)
    coming = next((one for one in here if one.since > on), None)
    value = default.value(profile)
    if basis is not None and basis.value is not None:
        value = Words(str(basis.value), str(basis.value))
    elif basis is not None and basis.codes:
        named = [default.choices[one] for one in basis.codes if one in default.choices]
        value = _joined(named)
    # Documents of 2021 are no longer in force: today nothing was published.
    published = default.basis if profile == "2021" else ""
    return Rule(default, value, basis, published, coming)


def standing(connection: Connection, code: str) -> tuple[Basis, ...]:
    """What is tied to a default and not ended, by the day from which it counts."""
    return tuple(_standing(connection, code))


def _standing(connection: Connection, code: str | None = None) -> list[Basis]:
    table = rows.guide_basis
    query = _every(table, Basis).where(table.c.ended_ns.is_(None))
    if code is not None:
        query = query.where(table.c.code == code)
    found = [Basis(*row) for row in connection.execute(query).all()]
    return sorted(found, key=lambda one: (one.since, one.tied_ns))


def tie(connection: Connection, code: str, draft: BasisDraft, *, by: Someone, now_ns: int) -> Basis:
    """Say which document replaces a default; what was tied before is ended, not deleted.

    Raises:
        VonggacError: NOT_FOUND, no such default; BAD_INPUT with `fields`.
    """
    default = _find(code)
    faults = _line_fault("document", draft.document, needed=True)
    for field in ("page", "point"):
        faults |= _line_fault(field, getattr(draft, field))
    faults |= _line_fault("said", draft.said, most=MAX_TEXT)
    if draft.value is not None:
        if default.changes != "number":
            faults["value"] = "not_changed_here"
        elif not default.least <= draft.value <= default.most:
            faults["value"] = "out_of_bounds"
    if not set(draft.codes) <= set(default.choices):
        faults["codes"] = "not_changed_here" if not default.choices else "no_such_kind"
    today = legal.day_of(now_ns)
    since = draft.from_day or today
    if since > today + AHEAD:
        faults["from_day"] = "too_far"
    _refuse(faults)
    # One that counts from an earlier day stays until this one begins.
    _end_ties(connection, code, by, now_ns, since=since)
    basis_id = new_id()
    connection.execute(
        rows.guide_basis.insert().values(
            id=basis_id, code=code, document=legal.plain(draft.document),
            directive_id=draft.directive_id, page=legal.plain(draft.page),
            point=legal.plain(draft.point), value=draft.value, said=legal.plain(draft.said),
            listed=",".join(one for one in default.choices if one in draft.codes),
            from_day=since, tied_ns=now_ns, tied_by=by.name, tied_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.GUIDE_TIED, now_ns=now_ns, thing=code,
        detail={"document": legal.plain(draft.document), "value": draft.value,
                "codes": list(draft.codes), "from": since.isoformat()},
    )  # fmt: skip
    return next(one for one in _standing(connection, code) if one.id == basis_id)


def last_change(connection: Connection) -> int:
    """When a document was last tied to a default or taken from one; 0 is never."""
    table = rows.guide_basis
    both = sa.select(sa.func.max(table.c.tied_ns), sa.func.max(table.c.ended_ns))
    return max(one or 0 for one in connection.execute(both).one())


def untie(connection: Connection, code: str, *, by: Someone, now_ns: int) -> None:
    """Let the software's default stand again.

    Raises:
        VonggacError: NOT_FOUND, no such default; CONFLICT, no document replaces it.
    """
    _find(code)
    if not _end_ties(connection, code, by, now_ns):
        raise VonggacError(Kind.CONFLICT, "no document replaces it", code="not_tied")
    audit.record(
        connection, by.actor, audit.Act.GUIDE_TIED, now_ns=now_ns, thing=code,
        detail={"document": ""},
    )  # fmt: skip


def _end_ties(
    connection: Connection, code: str, by: Someone, now_ns: int, *, since: date = date.min
) -> int:
    """End what is tied to a default and counts from this day or later; how many."""
    table = rows.guide_basis
    ended = [one.id for one in _standing(connection, code) if one.since >= since]
    connection.execute(
        table.update().where(table.c.id.in_(ended)).values(ended_ns=now_ns, ended_by=by.name)
    )
    return len(ended)


def _find(code: str) -> Default:
    found = defaults().get(code)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such default")
    return found


# -- what facilities get ---------------------------------------------------------------------


def send(
    connection: Connection, site_id: str, what: str, content: bytes, *, by: Someone, now_ns: int
) -> str:
    """Keep the PDF that is sent to a facility; returns the id of the receipt to come."""
    sent_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        rows.guide_sent.insert().values(
            id=sent_id, site_id=site_id, what=what, sha256=sha256, size=len(content),
            content=content, sent_ns=now_ns, sent_by=by.name, sent_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.GUIDE_SENT, site_id, by, now_ns, what=what, sha256=sha256)
    return sent_id


def receive(connection: Connection, sent_id: str, *, by: Someone, now_ns: int) -> None:
    """Say that it is there.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, somebody said so already.
    """
    found = sent_of(connection, sent_id)
    if found.received_ns is not None:
        raise VonggacError(Kind.CONFLICT, "it was received already", code="received")
    table = rows.guide_sent
    connection.execute(
        table.update().where(table.c.id == sent_id)
        .values(received_ns=now_ns, received_by=by.name, received_name=by.full_name)
    )  # fmt: skip
    _audit(connection, audit.Act.GUIDE_RECEIVED, found.site_id, by, now_ns, what=found.what)


def sent_of(connection: Connection, sent_id: str) -> Sent:
    """One that was sent.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.guide_sent
    row = connection.execute(_every(table, Sent).where(table.c.id == sent_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "nothing like this was sent")
    return Sent(*row)


def sent_content(connection: Connection, sent_id: str) -> bytes:
    """The bytes that were sent.

    Raises:
        VonggacError: NOT_FOUND.
    """
    sent_of(connection, sent_id)
    table = rows.guide_sent
    return bytes(
        connection.execute(sa.select(table.c.content).where(table.c.id == sent_id)).scalar_one()
    )


def sent(connection: Connection, site_ids: Sequence[str]) -> list[Sent]:
    """What was sent to these facilities, the newest first."""
    table = rows.guide_sent
    query = _every(table, Sent).where(among(table.c.site_id, site_ids))
    return [Sent(*row) for row in connection.execute(query.order_by(table.c.sent_ns.desc())).all()]


def ask(connection: Connection, site_id: str, said: str, *, by: Someone, now_ns: int) -> str:
    """Ask; returns the question's id.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    _refuse(_line_fault("asked", said, needed=True, most=MAX_TEXT))
    question_id = new_id()
    connection.execute(
        rows.guide_question.insert().values(
            id=question_id, site_id=site_id, asked=legal.plain(said), asked_ns=now_ns,
            asked_by=by.name, asked_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.GUIDE_ASKED, site_id, by, now_ns, question=question_id)
    return question_id


def answer(
    connection: Connection, question_id: str, said: str, *, by: Someone, now_ns: int
) -> None:
    """Answer a question, once.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is answered; BAD_INPUT with `fields`.
    """
    found = question(connection, question_id)
    if found.answered_ns is not None:
        raise VonggacError(Kind.CONFLICT, "it is answered already", code="answered")
    _refuse(_line_fault("answer", said, needed=True, most=MAX_TEXT))
    table = rows.guide_question
    connection.execute(
        table.update().where(table.c.id == question_id)
        .values(
            answer=legal.plain(said), answered_ns=now_ns, answered_by=by.name,
            answered_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.GUIDE_ASKED, found.site_id, by, now_ns, answered=question_id)


def question(connection: Connection, question_id: str) -> Question:
    """One question.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.guide_question
    row = connection.execute(_every(table, Question).where(table.c.id == question_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such question")
    return Question(*row)


def questions(connection: Connection, site_ids: Sequence[str]) -> list[Question]:
    """What these facilities asked: open ones first, then the newest."""
    table = rows.guide_question
    query = _every(table, Question).where(among(table.c.site_id, site_ids))
    query = query.order_by(table.c.answered_ns.is_not(None), table.c.asked_ns.desc(), table.c.id)
    return [Question(*row) for row in connection.execute(query.limit(LISTED)).all()]


# -- training --------------------------------------------------------------------------------


def hold_training(
    connection: Connection,
    *,
    unit_id: str | None,
    title: str,
    for_whom: str,
    held_day: date | None,
    people: int,
    by: Someone,
    now_ns: int,
) -> str:
    """Enter a session; returns its id.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    faults = _line_fault("title", title, needed=True)
    faults |= _line_fault("for_whom", for_whom, needed=True)
    if held_day is None:
        faults["held_day"] = "required"
    if not 0 < people <= PEOPLE_MOST:
        faults["people"] = "bad_number"
    _refuse(faults)
    training_id = new_id()
    connection.execute(
        rows.training.insert().values(
            id=training_id, unit_id=unit_id, title=legal.plain(title),
            for_whom=legal.plain(for_whom), held_day=held_day, people=people, made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.TRAINING_HELD, now_ns=now_ns, thing=training_id,
        detail={"title": legal.plain(title), "people": people},
    )  # fmt: skip
    return training_id


def trainings(connection: Connection) -> list[Training]:
    """Sessions, the newest first."""
    table = rows.training
    query = _every(table, Training).order_by(table.c.held_day.desc(), table.c.id).limit(LISTED)
    return [Training(*row) for row in connection.execute(query).all()]


# -- what waits ------------------------------------------------------------------------------


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Questions without an answer, and what a facility has not confirmed to have received."""
    here = set(allowed_sites)
    answers = here & set(access.sites_for(connection, person, Act.FACILITY_EDIT, now_ns))
    gets = here & set(access.sites_for(connection, person, Act.FACILITY_DETAILS, now_ns))
    names = _titles(connection, answers | gets)
    open_ones = [one for one in questions(connection, sorted(answers)) if one.answered_ns is None]
    waiting = {one.site_id for one in sent(connection, sorted(gets - answers))
               if one.received_ns is None}  # fmt: skip
    return [
        Matter(GUIDE, said, f"/guide/sites/{site_id}", Standing.DUE,
               (("facility", names[site_id]),), site_id=site_id)
        for said, site_ids in (
            (UNANSWERED, [one.site_id for one in open_ones]), (UNRECEIVED, sorted(waiting))
        )
        for site_id in site_ids
    ]  # fmt: skip


def _titles(connection: Connection, site_ids: set[str]) -> dict[str, str]:
    table = tables.site
    found = connection.execute(
        sa.select(table.c.id, table.c.title, table.c.name).where(
            among(table.c.id, sorted(site_ids))
        )
    ).all()
    return {row.id: row.title or row.name for row in found}


# -- pieces ----------------------------------------------------------------------------------


def _every(table: sa.Table, of: type[Any]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in of.__dataclass_fields__))


def _line_fault(
    field: str, said: str, *, needed: bool = False, most: int = MAX_LINE
) -> dict[str, str]:
    text = legal.plain(said)
    if needed and not text:
        return {field: "required"}
    if len(text) > most:
        return {field: "too_long"}
    return {field: "secret_mark"} if is_secret(text) else {}


def _refuse(faults: Mapping[str, str]) -> None:
    if faults:
        raise VonggacError(Kind.BAD_INPUT, f"{', '.join(faults)}: wrong", fields=dict(faults))


def _audit(
    connection: Connection, act: audit.Act, site_id: str, by: Someone, now_ns: int, **detail: object
) -> None:
    audit.record(connection, by.actor, act, now_ns=now_ns, thing=site_id, detail=detail)
