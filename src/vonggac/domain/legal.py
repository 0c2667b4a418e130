"""What the law says, as far as the product cites it, and which texts of it somebody attached.

`rules/legal.toml` names every legal basis, with how it was read.  What was read only at second
hand is marked *chưa đối chiếu bản gốc* wherever it is cited, until somebody attaches the text.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import compliance
from vonggac.domain import audit
from vonggac.domain.rules import Words
from vonggac.domain.units import is_secret
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

VIETNAM: Final = timezone(timedelta(hours=7), "+07")
"""The days of the law are those of a clock in Việt Nam."""
MAX_FILE: Final = 4 * 1024 * 1024
"""Bytes of a text at most (ours): a decree of a hundred pages as text, not as scanned pictures."""
MAX_FILES: Final = 10
"""Texts of one basis that stand at once (ours)."""
MAX_NAME: Final = 200
MAX_NOTE: Final = 300

Read = Literal["original", "second_hand", "common"]


@dataclass(frozen=True, slots=True)
class Basis:
    """A document of the law that the product cites."""

    code: str
    number: str
    title: Words
    says: Words
    """What the product does because of it."""
    read: Read
    from_day: date | None
    to_day: date | None
    by: str
    """Code of what took its place; empty while it stands."""

    def in_force(self, on: date) -> bool:
        """Whether it is in force on a day, as far as its days are known."""
        return (self.from_day is None or self.from_day <= on) and (
            self.to_day is None or on < self.to_day
        )


@dataclass(frozen=True, slots=True)
class RequestKind:
    """What a person who was filmed may ask for, and how long an answer may take."""

    code: str
    name: Words
    acknowledge_working_days: int
    days: int
    basis: str
    ours: bool
    """The days are the software's default: no source names them for this kind."""


@dataclass(frozen=True, slots=True)
class ClockRule:
    """Until when something is done about an incident."""

    code: str
    name: Words
    hours: int
    only: Literal["", "serious", "personal_data", "security"]
    basis: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the law that somebody attached, without its bytes."""

    id: str
    basis: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    note: str
    attached_ns: int
    attached_by: str
    attached_name: str
    removed_ns: int | None
    removed_by: str
    removed_reason: str

    @property
    def stands(self) -> bool:
        """Whether it still counts."""
        return self.removed_ns is None


# -- the rules -------------------------------------------------------------------------------


@cache
def bases() -> Mapping[str, Basis]:
    """Every legal basis that is cited, by code, in the order of the file.

    Raises:
        ConfigError: the file names what there is not.
    """
    found = {
        row["code"]: Basis(
            code=row["code"],
            number=row["number"],
            title=Words(row["vi"], row["en"]),
            says=Words(row["says_vi"], row["says_en"]),
            read=row["read"],
            from_day=row.get("from"),
            to_day=row.get("to"),
            by=row.get("by", ""),
        )
        for row in _tree()["basis"]
    }
    cited = {row["basis"] for name in ("request", "clock") for row in _tree()[name]}
    unknown = (cited | {one.by for one in found.values() if one.by}) - set(found)
    if unknown:
        raise ConfigError(f"rules/legal.toml cites {', '.join(sorted(unknown))}, which it lacks")
    return found


@cache
def request_kinds(on: date) -> Mapping[str, RequestKind]:
    """What may be asked for, as the rules stand on a day."""
    return {
        row["code"]: RequestKind(
            row["code"],
            Words(row["vi"], row["en"]),
            row["acknowledge_working_days"],
            row["days"],
            row["basis"],
            row.get("ours", False),
        )
        for row in _in_force("request", on)
    }


@cache
def clocks(on: date) -> Mapping[str, ClockRule]:
    """The clocks of incidents, as the rules stand on a day; the shortest first."""
    rows = sorted(_in_force("clock", on), key=lambda row: int(row["hours"]))
    return {
        row["code"]: ClockRule(
            row["code"], Words(row["vi"], row["en"]), row["hours"], row["only"], row["basis"]
        )
        for row in rows
    }


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("legal.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _in_force(name: str, on: date) -> list[dict[str, Any]]:
    return [
        row
        for row in _tree()[name]
        if row["from"] <= on and (row.get("to") is None or on < row["to"])
    ]


# -- days ------------------------------------------------------------------------------------


def day_of(ns: int) -> date:
    """The day of a moment, in Việt Nam."""
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(VIETNAM).date()


def start_of(day: date) -> int:
    """Midnight in Việt Nam at the start of a day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=VIETNAM).timestamp()) * NS


def end_of(day: date) -> int:
    """The end of a day in Việt Nam."""
    return start_of(day + timedelta(days=1))


def after_days(ns: int, days: int) -> int:
    """The end of the day that lies so many days after the day of a moment."""
    return end_of(day_of(ns) + timedelta(days=days))


def after_working_days(ns: int, days: int) -> int:
    """The same in working days, Monday to Friday.

    Holidays are not known here and count as working days, so that a date is never too late.
    """
    day = day_of(ns)
    left = days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return end_of(day)


def plain(text: str) -> str:
    """What a person typed, line by line, without what one of the engines does not store."""
    lines = (" ".join(line.split()) for line in text.replace("\x00", "").splitlines())
    return "\n".join(lines).strip().encode("utf-8", "replace").decode("utf-8")


# -- texts -----------------------------------------------------------------------------------


def attach(
    connection: Connection,
    basis: str,
    *,
    file_name: str,
    content: bytes,
    note: str,
    by: Someone,
    now_ns: int,
) -> Text:
    """Attach the text of a legal basis: from now on it counts as compared.

    Raises:
        VonggacError: NOT_FOUND, no such basis; BAD_INPUT with `fields`; TOO_MANY.
    """
    if basis not in bases():
        raise VonggacError(Kind.NOT_FOUND, "the product cites no such basis")
    name = plain(file_name.replace("\\", "/").rpartition("/")[2])[:MAX_NAME]
    note = plain(note)
    media_type, fault = _kind_of(content)
    fault = fault or ("secret_mark" if is_secret(f"{name} . {note}") else "")
    if fault:
        raise VonggacError(
            Kind.BAD_INPUT, f"file: {fault.replace('_', ' ')}", fields={"file": fault}
        )
    if len(note) > MAX_NOTE:
        raise VonggacError(Kind.BAD_INPUT, "note: too long", fields={"note": "too_long"})
    if len([one for one in texts(connection, basis) if one.stands]) >= MAX_FILES:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_FILES} texts of this basis stand already")
    text_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        compliance.legal_text.insert().values(
            id=text_id,
            basis=basis,
            file_name=name or sha256[:12],
            media_type=media_type,
            size=len(content),
            sha256=sha256,
            content=content,
            note=note,
            attached_ns=now_ns,
            attached_by=by.name,
            attached_name=by.full_name,
        )
    )
    audit.record(
        connection,
        by.actor,
        audit.Act.RULE_ATTACHED,
        now_ns=now_ns,
        thing=basis,
        detail={"text": text_id, "sha256": sha256, "file": name},
    )
    return text(connection, text_id)


def _kind_of(content: bytes) -> tuple[str, str]:
    """What a file is by its bytes, and what is wrong with it."""
    if not content:
        return "", "no_file"
    if len(content) > MAX_FILE:
        return "", "file_too_long"
    if content.startswith(b"%PDF-"):
        return "application/pdf", ""
    try:
        said = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", "not_pdf_or_text"
    if any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in said):
        return "", "not_pdf_or_text"
    # The mark of a secret stands at the head of a document; the law itself writes of secrets.
    return "text/plain", "secret_mark" if is_secret(said[:400]) else ""


def remove(connection: Connection, text_id: str, *, reason: str, by: Someone, now_ns: int) -> Text:
    """Say that an attached text was the wrong one; its row and its bytes stay.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was taken away already; BAD_INPUT, no reason.
    """
    found = text(connection, text_id)
    if not found.stands:
        raise VonggacError(Kind.CONFLICT, "this text was taken away already")
    reason = plain(reason)
    if not 0 < len(reason) <= MAX_NOTE:
        raise VonggacError(Kind.BAD_INPUT, "say why", fields={"reason": "required"})
    table = compliance.legal_text
    connection.execute(
        table.update()
        .where(table.c.id == text_id)
        .values(removed_ns=now_ns, removed_by=by.name, removed_reason=reason)
    )
    audit.record(
        connection,
        by.actor,
        audit.Act.RULE_ATTACHED,
        now_ns=now_ns,
        thing=found.basis,
        purpose=reason,
        detail={"text": text_id, "sha256": found.sha256, "removed": True},
    )
    return text(connection, text_id)


def text(connection: Connection, text_id: str) -> Text:
    """One attached text.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_texts().where(compliance.legal_text.c.id == text_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such text")
    return Text(*row)


def content(connection: Connection, text_id: str) -> bytes:
    """The bytes of an attached text.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = compliance.legal_text
    found = connection.execute(sa.select(table.c.content).where(table.c.id == text_id)).scalar()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such text")
    return bytes(found)


def texts(connection: Connection, basis: str = "") -> list[Text]:
    """Attached texts, of one basis or of all, the newest first; those taken away too."""
    table = compliance.legal_text
    query = _texts().order_by(table.c.attached_ns.desc(), table.c.id)
    if basis:
        query = query.where(table.c.basis == basis)
    return [Text(*row) for row in connection.execute(query).all()]


def unchecked(connection: Connection) -> frozenset[str]:
    """Codes of the bases that nobody has compared with their text."""
    attached = {one.basis for one in texts(connection) if one.stands}
    return frozenset(
        one.code for one in bases().values() if one.read != "original" and one.code not in attached
    )


def _texts() -> sa.Select[*tuple[Any, ...]]:
    table = compliance.legal_text
    return sa.select(*(table.c[name] for name in Text.__dataclass_fields__))
