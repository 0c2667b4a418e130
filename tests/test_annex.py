"""`vonggac annex`: the text of the PDF is what the database and the configuration say."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pypdf
import pytest

from databases import migrated_at
from hub_stage import seed
from vonggac.cli import main
from vonggac.db import Database, sqlite_url
from vonggac.domain import audit, registry

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURED = """
data_dir = "{data}"
[site]
name = "sl-05"
title = "KS Mường Hoa"
[web]
host = "{host}"
port = 8080
[sign_in]
idle_days = {idle}
[audit]
keep_days = {keep}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a hub with nine cameras."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = migrated_at(folder / "hub.sqlite")
    seed(database, folder)
    database.close()
    return folder


def configured(data: Path, *, host: str = "127.0.0.1", idle: int = 45, keep: int = 366) -> Path:
    path = data.parent / "vonggac.toml"
    path.write_text(CONFIGURED.format(data=data, host=host, idle=idle, keep=keep), "utf-8")
    return path


def made(kind: str, config: Path) -> str:
    """Make a paper by the command; its text."""
    out = config.parent / f"{kind}.pdf"
    assert main(["annex", kind, "--config", str(config), "--out", str(out)]) == 0
    return text_of(out.read_bytes())


def text_of(content: bytes) -> str:
    """In one line; a name of a setting may have been broken after its strokes."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\u200b", "").split())


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("dataflow", "BẢN MÔ TẢ LUỒNG DỮ LIỆU CÁ NHÂN"),
        ("dpia", "PHỤ LỤC ĐÁNH GIÁ TÁC ĐỘNG XỬ LÝ DỮ LIỆU CÁ NHÂN"),
        ("level", "PHỤ LỤC KỸ THUẬT CỦA HỒ SƠ ĐỀ XUẤT CẤP ĐỘ"),
    ],
)
def test_the_text_of_the_paper_is_what_the_database_says(
    data: Path, kind: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cell of the document stands in the PDF, and its counts are those of the register."""
    config = configured(data)
    out = data / f"{kind}.pdf"
    assert main(["annex", kind, "--config", str(config), "--out", str(out), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    text = text_of(out.read_bytes())
    cells = {
        cell["text"]
        for part in told["document"]["parts"]
        for table in part["tables"]
        for row in table["rows"]
        for cell in row
    }
    database = Database(sqlite_url(data / "hub.sqlite"))
    with database.reading() as connection:
        cameras = registry.cameras(connection)
        rows = audit.rows(connection, audit.Filter(act="document_made"))
    database.close()

    assert title in text
    packed = text.replace(" ", "")
    assert [cell for cell in cells if cell.replace(" ", "") not in packed] == []
    assert f"{len(cameras)} camera" in text
    assert (told["kind"], told["bytes"]) == (kind, out.stat().st_size)
    assert [(row.actor, row.thing, row.detail["sha256"]) for row in rows] == [
        ("command line", f"annex/{kind}", told["sha256"])
    ]


def test_a_change_of_the_configuration_changes_the_paper(data: Path) -> None:
    """What is set otherwise is printed otherwise, at the next making."""
    before = made("level", configured(data))
    ways = made("dataflow", configured(data))
    after = made("level", configured(data, host="0.0.0.0", idle=0, keep=400))
    open_ways = made("dataflow", configured(data, host="0.0.0.0"))

    assert "tự khóa sau 45 ngày không đăng nhập" in before
    assert "không tự khóa" in after
    assert "lưu 366 ngày (mặc định của phần mềm)" in before
    assert "lưu 400 ngày" in after
    assert "lưu 400 ngày (mặc định" not in after
    assert "127.0.0.1:8080 không mã hóa, chỉ trong cùng một máy" in ways
    assert "0.0.0.0:8080 không mã hóa" in open_ways
    assert "0.0.0.0:8080 không mã hóa, chỉ" not in open_ways


@pytest.mark.parametrize("kind", ["dataflow", "dpia", "level"])
def test_a_paper_is_made_in_english_too(data: Path, kind: str) -> None:
    """The page gives both; whoever works without a browser gets both, and the row says which."""
    config, out = configured(data), data.parent / "annex.pdf"
    assert main(["annex", kind, "--config", str(config), "--out", str(out), "--lang", "en"]) == 0
    said = text_of(out.read_bytes())
    database = Database(sqlite_url(data / "hub.sqlite"))
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter())
    database.close()

    assert "The Vietnamese text is the official one" in said
    assert rows[0].detail["language"] == "en"


def test_no_hub_and_no_place_to_write_are_wrong_use(data: Path) -> None:
    """And no database is made where there was none."""
    nowhere = configured(data.parent / "elsewhere")
    out = str(data / "annex.pdf")
    assert main(["annex", "level", "--config", str(nowhere), "--out", out]) == 2
    assert not (data.parent / "elsewhere").exists()
    config = configured(data)
    away = str(data / "no" / "annex.pdf")
    assert main(["annex", "level", "--config", str(config), "--out", away]) == 2
