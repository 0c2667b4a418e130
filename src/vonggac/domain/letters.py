"""Documents in the layout of decree 30/2020: their kinds from the rules, and a sample of each.

The values are `vonggac.paper.letter`'s; what is invented says so at the foot of its first page.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain.rules import Words
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.paper import letter
from vonggac.paper.letter import (
    Appendix,
    Chapter,
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

    from vonggac.paper.letter import Block

MINUTES: Final = "bien-ban"


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
    if "number" in row:
        return Chapter(row["number"], row["title"])
    return Text(row["text"], row.get("lead", ""))


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("letters.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
