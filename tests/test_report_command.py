"""`vonggac report`: the statistics of a unit from the command line, as JSON and as files."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import openpyxl
import pytest
import sqlalchemy as sa

from databases import migrated_at
from vonggac.cli import main
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import reports, units
from vonggac.domain.statistics import FIGURES

if TYPE_CHECKING:
    from pathlib import Path

SITE_ID = "s" * 26


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A hub with a facility in Lai Châu."""
    database = migrated_at(tmp_path / "hub.sqlite")
    with database.writing() as connection:
        units.load(connection, "2026")
        unit_id = connection.execute(
            sa.select(tables.unit_name.c.unit_id).where(tables.unit_name.c.vi == "Tỉnh Lai Châu")
        ).scalars().first()  # fmt: skip
        connection.execute(
            tables.site.insert().values(
                id=SITE_ID, name="cs-1", title="Cơ sở bịa", unit_id=unit_id, created_ns=NS
            )
        )
    database.close()
    return tmp_path


def test_a_unit_is_counted_and_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name without marks, for a span, in each kind of file."""

    def run(*words: str) -> tuple[int, str]:
        code = main(["report", *words, "--data", str(data)])
        return code, capsys.readouterr().out

    span = ("--from", "2026-11-01", "--to", "22/11/2026")
    code, out = run("tinh lai chau", *span, "--json")
    told = json.loads(out.strip().splitlines()[-1])
    assert code == 0
    assert (told["from"], told["to"]) == ("2026-11-01", "2026-11-22")
    assert [one["code"] for one in told["figures"]] == [one.code for one in FIGURES]
    assert {row["site_id"] for row in told["rows"]} == {SITE_ID}
    kept = {name: told[name] for name in told if name not in ("file", "bytes")}
    assert reports.statistics_of(kept).value("facilities").amount == 1
    for ending, start in ((".docx", b"PK"), (".pdf", b"%PDF-"), (".xlsx", b"PK")):
        out_file = data / f"bao-cao{ending}"
        assert run("all", *span, "--out", str(out_file))[0] == 0
        assert out_file.read_bytes().startswith(start)
    book = openpyxl.load_workbook(io.BytesIO((data / "bao-cao.xlsx").read_bytes()))
    assert [cell.value for cell in book["Cơ sở"][2]][:2] == ["cs-1", "Cơ sở bịa"]
    assert run("all", *span, "--out", str(data / "x.txt"))[0] != 0
    assert run("không có đơn vị này")[0] != 0
