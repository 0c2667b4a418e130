"""The shape of the house: layers, sizes, names, and what may stand where (scripts/style.py)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import MetaData

import style
from vonggac.db import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
OURS = style.House()


@pytest.mark.parametrize("rule", style.RULES, ids=lambda rule: rule.__name__)
def test_house_keeps_its_own_style(rule: Callable[[style.House], Iterator[style.Finding]]) -> None:
    """The rules that no linter of others knows; `make check` prints the same findings."""
    assert [str(finding) for finding in rule(OURS)] == []


@pytest.mark.parametrize(
    ("rule", "path", "text", "lines"),
    [
        (style.module_sizes, "src/vonggac/a.py", "x = 1\n" * 801, [1]),
        (style.module_sizes, "src/vonggac/a.py", "x = 1\n" * 59, [1]),
        (style.module_sizes, "src/vonggac/a.py", "x = 1\n" * 60, []),
        (style.names, "src/vonggac/a.py", "class DiskManager: ...\n", [1]),
        (style.names, "src/vonggac/utils.py", "", [1]),
        (style.mocks, "tests/a.py", "from unittest.mock import patch\n", [1, 1]),
        (style.hand_offs, "src/vonggac/a.py", "import asyncio\nq = asyncio.Queue()\n", [2]),
        (style.hand_offs, "src/vonggac/a.py", "from queue import SimpleQueue\n", [1]),
        (style.hand_offs, "src/vonggac/a.py", "from collections import deque\n", [1]),
        (style.clocks, "src/vonggac/a.py", "import time\nt = time.time()\n", [2]),
        (style.clocks, "src/vonggac/a.py", "from time import monotonic\n", [1]),
        (style.clocks, "src/vonggac/clock.py", "import time\nt = time.time()\n", []),
        (style.purity, "src/vonggac/media/a.py", "async def f(): ...\n", [1]),
        (style.purity, "src/vonggac/edge/a.py", "async def f(): ...\n", []),
        (style.state, "src/vonggac/a.py", "SEEN = {}\ndef f(): SEEN['a'] = 1\n", [1]),
        (style.state, "src/vonggac/a.py", "NAMES = {'a': 1}\ndef f(): return NAMES\n", []),
        (style.state, "src/vonggac/a.py", "def f():\n    global X\n    X = 1\n", [2]),
        (style.logging, "src/vonggac/a.py", "_log.info(f'run {x}')\n", [1]),
        (style.logging, "src/vonggac/a.py", "self._logger.info('run.ended', run=x)\n", []),
        (style.vietnamese, "a.html", "Kho" + "\u00e1" + " cửa\n", [1]),
        (style.vietnamese, "a.html", "xóa, khóa, hòa, thủy, toàn, quý, hoàn, ngoài", []),
        (style.vietnamese, "a.html", "xo\u0301a\n", [1]),
        (style.workplaces, "a.md", "see /ho" + "me/someone/notes\n", [1]),
        (style.workplaces, "a.lock", "--index-" + "url = x\n", [1]),
        (style.sentences, "a.md", "One sentence. And another.\n", [1]),
        (style.sentences, "a.md", "One `x`. `y` too.\n", [1]),
        (style.sentences, "a.md", "A sentence that\ngoes on.\n", [1]),
        (style.sentences, "a.md", "1. One, e.g. This.\n2. Two: `a. B`.\n   Three.\n", []),
        (style.sentences, "a.md", "```\nNot prose. At all.\n```\n| A. | B. C |\n", []),
    ],
)  # fmt: skip
def test_rules_of_style_bite(
    tmp_path: Path,
    rule: Callable[[style.House], Iterator[style.Finding]],
    path: str,
    text: str,
    lines: list[int],
) -> None:
    """A rule that finds nothing anywhere would pass for ever."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")

    assert [finding.line for finding in rule(style.House(tmp_path, {}))] == lines


def test_test_modules_of_one_name_are_found(tmp_path: Path) -> None:
    """A whole run would stop at its collection, while each module alone passes."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for folder in ("domain", "web"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / "test_a.py").write_text("", encoding="utf-8")

    found = [finding.path for finding in style.test_modules(style.House(tmp_path, {}))]
    assert found == ["tests/web/test_a.py"]


def test_reasons_are_given_for_every_exception() -> None:
    """An allow-list without reasons grows."""
    for allowed in (style.SIZE_ALLOWED, style.DEQUE_ALLOWED, style.CLOCK_ALLOWED,
                    style.MUTABLE_ALLOWED, style.NEW_PLACE_ALLOWED):  # fmt: skip
        for path, reason in allowed.items():
            assert (ROOT / path.partition(":")[0]).exists(), path
            assert len(reason) > 10, path


def test_layers_point_one_way() -> None:
    """import-linter holds the layers; its contracts are in pyproject.toml."""
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stdout


def test_every_package_stands_in_a_layer() -> None:
    """A package that no layer names would be free to import anything."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {part.strip().removeprefix("vonggac.") for layer in layers for part in layer.split("|")}
    source = ROOT / "src" / "vonggac"
    found = {path.parent.name for path in source.glob("*/__init__.py")}
    found |= {path.stem for path in source.glob("*.py")} - {"__init__"}

    assert found == named


@pytest.mark.parametrize("table", MetaData.sorted_tables.fget(tables.metadata), ids=str)
def test_every_column_says_what_it_is(table: object) -> None:
    """The schema is a document: docs/ref/schema.md is printed from these comments."""
    assert table.comment, "the table itself"  # type: ignore[attr-defined]
    missing = [column.name for column in table.columns if not column.comment]  # type: ignore[attr-defined]
    assert missing == []


def test_columns_of_time_name_their_unit() -> None:
    """A moment without a unit is guessed wrong one day."""
    doubtful = [
        f"{table.name}.{column.name}"
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(("_at", "_time", "_on"))
    ]
    assert doubtful == []


def test_what_few_ask_for_is_not_loaded_at_every_start() -> None:
    """Sheets and the list of all communes cost the hub a second of its start on a small box.

    They are imported where they are used: `domain.roster`, `domain.profiles`, `web.staff`.
    """
    heavy = ("numpy", "openpyxl", "xlsxwriter", "vietnam_provinces")
    asked = f"import sys, vonggac.up, vonggac.demo; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert told.stdout.strip() == "[]"
