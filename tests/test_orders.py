"""The table of what two letters order: its routes and tests exist, and what is missing says so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from vonggac.domain import directives
from vonggac.web.rights import RULES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/ref/orders.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| sentence")
]


def test_both_letters_are_told_whole() -> None:
    """Every directive that ships has its chapter; every row its five cells."""
    assert {len(row) for row in ROWS} == {5}
    assert {row[1] for row in ROWS} <= {"ordered", "permitted", "presupposed", "reported", "form"}
    for shipped in directives.shipped().values():
        assert f"## {shipped['number']}" in PAGE


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_a_sentence_is_carried_out_or_said_not_to_be(row: list[str]) -> None:
    """A page with a test and, unless a command does it, a route; or the words `chưa có`."""
    _, _, page, route, test = row
    if not test:
        assert page.startswith("*chưa có*")
        assert not route
        return
    assert not page.startswith("*chưa có*")
    assert route.strip("`") in RULES or (not route and "`vonggac " in page)
    path, _, name = test.strip("`").partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {getattr(node, "name", "") for node in tree.body}
    assert re.match(r"test_\w+$", name)
