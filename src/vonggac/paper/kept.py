"""A letter as JSON and back, so that what was drafted once is set again, letter by letter."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

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

    from vonggac.paper.letter import Block


def to_json(letter: Letter) -> dict[str, Any]:
    """A letter in JSON's types; `of_json` gives the same letter back."""
    told = asdict(letter)
    told["kind"]["form"] = letter.kind.form.value
    told["urgency"] = letter.urgency.value
    told["drafted"] = letter.drafted.isoformat()
    told["body"] = [_block(one) for one in letter.body]
    told["appendices"] = [
        {"title": one.title, "landscape": one.landscape, "blocks": [_block(b) for b in one.blocks]}
        for one in letter.appendices
    ]
    return told


def of_json(told: Mapping[str, Any]) -> Letter:
    """The letter that `to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is no such thing.
    """
    lists = ("addressees", "basis", "recipients")
    kind = {**told["kind"], "form": Form(told["kind"]["form"])}
    return Letter(
        **{
            **told,
            **{name: tuple(told[name]) for name in lists},
            "kind": DocumentKind(**kind),
            "issuer": Issuer(**told["issuer"]),
            "drafted": date.fromisoformat(told["drafted"]),
            "urgency": Urgency(told["urgency"]),
            "body": _blocks(told["body"]),
            "signatures": tuple(
                Signature(tuple(one["lines"]), one["name"], one["note"])
                for one in told["signatures"]
            ),
            "appendices": tuple(
                Appendix(one["title"], _blocks(one["blocks"]), one["landscape"])
                for one in told["appendices"]
            ),
        }
    )


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Grid):
        return {
            "grid": {
                "head": list(block.head),
                "rows": [list(row) for row in block.rows],
                "shares": list(block.shares),
                "figures": sorted(block.figures),
            }
        }
    if isinstance(block, Chart):
        return {
            "chart": {
                "title": block.title,
                "names": list(block.names),
                "bars": [[bar.label, list(bar.values), bar.said] for bar in block.bars],
            }
        }
    return {"chapter" if isinstance(block, Chapter) else "text": asdict(block)}


def _blocks(told: Sequence[Mapping[str, Any]]) -> tuple[Block, ...]:
    return tuple(_read(one) for one in told)


def _read(told: Mapping[str, Any]) -> Block:
    if "grid" in told:
        grid = told["grid"]
        return Grid(
            tuple(grid["head"]),
            tuple(tuple(row) for row in grid["rows"]),
            tuple(grid["shares"]),
            frozenset(grid["figures"]),
        )
    if "chart" in told:
        chart = told["chart"]
        bars = tuple(Bar(label, tuple(values), said) for label, values, said in chart["bars"])
        return Chart(chart["title"], tuple(chart["names"]), bars)
    return Chapter(**told["chapter"]) if "chapter" in told else Text(**told["text"])
