"""Documents in the layout of decree 30/2020: kinds from the rules, samples, the template in use.

The values are `vonggac.paper.letter`'s; what is invented says so at the foot of its first page.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import directives as rows
from vonggac.domain import audit
from vonggac.domain.rules import Words
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys import new_id
from vonggac.paper import letter
from vonggac.paper.letter import (
    Appendix,
    Bar,
    Chapter,
    Chart,
    DocumentKind,
    Form,
    Grid,
    Issuer,
    Letter,
    Signature,
    Text,
    Urgency,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.paper.letter import Block

MINUTES: Final = "bien-ban"


MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Template:
    """A template in place of the shipped one, without its bytes."""

    id: str
    file_name: str
    size: int
    sha256: str
    uploaded_ns: int
    uploaded_by: str
    uploaded_name: str


@cache
def kinds() -> Mapping[str, DocumentKind]:
    """Every kind of document, by code, in the order of the rules."""
    return {
        row["code"]: DocumentKind(row["code"], row["title"], row["symbol"], Form(row["form"]))
        for row in _tree()["kind"]
    }


@cache
def kind_words() -> Mapping[str, Words]:
    """What people call each kind."""
    return {row["code"]: Words(row["vi"], row["en"]) for row in _tree()["kind"]}


@cache
def minutes() -> tuple[str, ...]:
    """Which minutes there is a sample of; the first is that of a meeting (mẫu 1.9)."""
    return tuple(row["minutes"] for row in _tree()["sample"] if row["kind"] == MINUTES)


def sample(code: str, drafted: date, *, of_minutes: str = "") -> Letter:
    """A document of a kind from invented data.

    Args:
        code: of a kind.
        drafted: its day; the number stays blank.
        of_minutes: which minutes, of `minutes`; empty is the first.

    Raises:
        VonggacError: NOT_FOUND, there is no such kind or no such minutes.
        ConfigError: the rules lack a part that the kind must have.
    """
    rows = [
        row
        for row in _tree()["sample"]
        if row["kind"] == code and of_minutes in ("", row.get("minutes", ""))
    ]
    if not rows:
        raise VonggacError(Kind.NOT_FOUND, f"there is no sample of {code} {of_minutes}".rstrip())
    made = _sample(rows[0], drafted)
    missing = letter.faults(made)
    if missing:
        raise ConfigError(f"rules/letters.toml, sample {code}: {', '.join(missing)}")
    return made


def template(connection: Connection) -> Template | None:
    """The template in use; None is the shipped one."""
    row = connection.execute(_in_use(*Template.__dataclass_fields__)).first()
    return None if row is None else Template(*row)


def template_content(connection: Connection) -> bytes | None:
    """The bytes of the template in use, for `paper.word.document`; None is the shipped one."""
    found = connection.execute(_in_use("content")).scalar()
    return None if found is None else bytes(found)


def change_template(
    connection: Connection, content: bytes | None, *, file_name: str, by: Someone, now_ns: int
) -> None:
    """Put a template into use, or the shipped one again. A writing transaction.

    Args:
        connection: a writing transaction.
        content: accepted by `paper.word.template_faults`; None is the shipped one.
        file_name: as it was called where it came from.
        by: who changes it.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT with `template`, the reasons why it cannot be taken.
    """
    # python-docx costs a start of the program more than all else; few requests need it.
    from vonggac.paper import word

    found = word.template_faults(content) if content is not None else ()
    if found:
        said = ", ".join(f"{one.code} {one.name}".rstrip() for one in found)
        raise VonggacError(Kind.BAD_INPUT, f"template: {said}", template=found)
    table = rows.letter_template
    connection.execute(
        table.update().where(table.c.ended_ns.is_(None)).values(ended_ns=now_ns, ended_by=by.name)
    )
    detail: dict[str, object] = {"template": "shipped"}
    if content is not None:
        detail = {"template": new_id(), "sha256": hashlib.sha256(content).hexdigest()}
        connection.execute(
            table.insert().values(
                id=detail["template"], file_name=file_name[:MAX_NAME], size=len(content),
                sha256=detail["sha256"], content=content, uploaded_ns=now_ns,
                uploaded_by=by.name, uploaded_name=by.full_name,
            )
        )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.TEMPLATE_CHANGED, now_ns=now_ns, thing="letter",
        detail=detail,
    )  # fmt: skip


def _in_use(*columns: str) -> sa.Select[*tuple[Any, ...]]:
    table = rows.letter_template
    query = sa.select(*(table.c[name] for name in columns)).where(table.c.ended_ns.is_(None))
    return query.order_by(table.c.uploaded_ns.desc(), table.c.id).limit(1)


def _sample(row: Mapping[str, Any], drafted: date) -> Letter:
    tree = _tree()
    issuer = Issuer(**tree["issuer"][row["issuer"]], contact=tree["invented"])
    return Letter(
        kind=kinds()[row["kind"]],
        issuer=replace(issuer, symbol=row.get("symbol", issuer.symbol)),
        drafted=drafted,
        subject=row["subject"],
        body=_blocks(row["body"]),
        signatures=tuple(Signature(tuple(lines), tree["signer"]) for lines in row["signs"]),
        addressees=tuple(row.get("to", ())),
        wired_by=row.get("wired_by", ""),
        authority=row.get("authority", ""),
        basis=tuple(row.get("basis", ())),
        with_decision=row.get("with_decision", ""),
        recipients=tuple(row.get("recipients", ())),
        archive=row.get("archive", ""),
        copies=row.get("copies", ""),
        urgency=Urgency(row.get("urgency", "")),
        refusal=row.get("refusal", False),
        appendices=tuple(
            Appendix(one["title"], _blocks(one["body"]), one.get("landscape", False))
            for one in row.get("appendix", ())
        ),
    )


def _blocks(rows: Sequence[Mapping[str, Any]]) -> tuple[Block, ...]:
    return tuple(_block(row) for row in rows)


def _block(row: Mapping[str, Any]) -> Block:
    if "head" in row:
        return Grid(
            tuple(row["head"]),
            tuple(tuple(cells) for cells in row["rows"]),
            tuple(row["shares"]),
            frozenset(row.get("figures", ())),
        )
    if "bars" in row:
        bars = tuple(Bar(label, tuple(values), said) for label, values, said in row["bars"])
        return Chart(row["title"], tuple(row["names"]), bars)
    if "number" in row:
        return Chapter(row["number"], row["title"])
    return Text(row["text"], row.get("lead", ""))


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("letters.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
