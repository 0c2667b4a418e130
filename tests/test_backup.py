"""`vonggac backup`, `restore`, `migrate` on a data directory: nothing lost or overwritten."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from test_check_audit import fill
from vonggac import keys, wire
from vonggac.admin import archive
from vonggac.cli import main
from vonggac.config import Secret, load
from vonggac.db import Database, sqlite_url, tables
from vonggac.db.enrolment import enrolment
from vonggac.db.wanting import want
from vonggac.domain import accounts, audit, sessions, settings
from vonggac.edge import identity, journal
from vonggac.edge.recovery import next_epoch
from vonggac.keys import rotation, vault

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSPHRASE = "mot cau mat khau rat dai"
CAMERA = "Mật khẩu của camera"


@dataclass
class Hub:
    """A data directory as a stopped `vonggac up` leaves it, with its configuration."""

    data: Path
    url: str
    config: Path

    def database(self) -> Database:
        return Database(self.url)

    def add_rows(self, count: int) -> None:
        database = self.database()
        for _ in range(count):
            with database.writing() as connection:
                audit.record(connection, audit.Actor("binh"), audit.Act.LIVE, now_ns=time.time_ns())
        database.close()

    def head(self) -> audit.Head:
        database = self.database()
        with database.reading() as connection:
            found = audit.head(connection)
        database.close()
        return found

    def sign(self, *, at_ns: int | None = None) -> None:
        """The box puts the end of the log into its journal, as every hour."""
        recordings = self.data / "recordings"
        box = identity.read(recordings)
        told = journal.Journal(recordings, box.site, next_epoch(recordings), box.key.sign)
        head = self.head()
        at_ns = at_ns or time.time_ns()
        told.append(wire.Anchored(at=at_ns, what="audit", digest=head.hash, row=head.row))
        told.close()


BOTH = pytest.mark.parametrize("hub", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def hub(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Five rows of the log, somebody signed in, a sealed password, an order, an open code."""
    monkeypatch.setenv("BACKUP_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(vault, "COST", 1 << 4)  # what it costs is not what is tested here
    data = tmp_path / "hub"
    data.mkdir()
    url = sqlite_url(data / "hub.sqlite")
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url")
    return made(data, url)


def made(data: Path, url: str) -> Hub:
    fill(data, url)
    keys.make_folder(data / "keys")
    box = keys.Box.at(data / "keys" / rotation.CREDENTIALS)
    keys.SigningKey.at(data / "keys" / rotation.HUB)
    keys.Trust.at(data / "keys" / "trust", issued_s=int(time.time()))
    (data / "reports").mkdir()
    (data / "reports" / "2026-11-21.pdf").write_bytes(b"%PDF-1.7 a report")
    config = data.parent / "vonggac.toml"
    told = [f'data_dir = "{data}"']
    if not url.startswith("sqlite"):
        told.append(f'database_url = "{url}"')
    config.write_text("\n".join([*told, "", "[site]", 'name = "sl-05"', ""]))
    database = Database(url)
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai de thu")
        account = accounts.begin_attempt(connection, "admin", now_ns=1).account
        assert account is not None
        sessions.open_session(connection, account, address="", agent="", now_ns=time.time_ns())
        (site,) = connection.execute(sa.select(tables.site.c.id)).scalars()
        connection.execute(
            tables.camera.insert().values(
                id="c1", site_id=site, name="c1", zone="HL", main_url="rtsp://192.0.2.1/",
                origin="page", revision=1, created_ns=1, updated_ns=1,
                password_sealed=box.lock(Secret(CAMERA), "c1"),
            )
        )  # fmt: skip
        settings.next_order(connection, site, "d" * 64, now_ns=1)
        connection.execute(
            want.insert(),
            [
                {
                    "site_id": site, "key": key, "revision": 7, "digest": digest, "made_ns": 1,
                    "reasons": [], "refused": {}, "spans": [],
                }
                for key, digest in (("kept-ours", "d" * 64), ("kept-theirs", ""))
            ],
        )  # fmt: skip
        connection.execute(
            enrolment.insert().values(
                id="e1", site_id=site, code_hash="h", made_ns=1, made_by="an", ends_ns=2**62
            )
        )
    database.close()
    return Hub(data, url, config)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    """What a command said: exit code, its object, its stderr. No secret is ever in either."""
    code = main([*map(str, words), "--json"])
    said = capsys.readouterr()
    assert PASSPHRASE not in said.out + said.err
    assert CAMERA not in said.out + said.err
    lines = said.out.strip().splitlines()
    return code, json.loads(lines[-1]) if lines else None, said.err


WITH = ("--passphrase-env", "BACKUP_PASSPHRASE")


@pytest.fixture
def kept(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """A backup of it."""
    file = tmp_path / "hub.backup"
    code, told, said = run(capsys, "backup", file, "--config", hub.config, *WITH)
    assert code == 0, said
    assert (told["audit_row"], told["bytes"]) == (5, file.stat().st_size)
    yield file


@BOTH
def test_a_hub_comes_back_and_says_which_rows_are_lost(
    hub: Hub, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres_url: str
) -> None:
    """Onto either engine: files, keys, rows and configuration; what is old in it is put right."""
    hub.add_rows(3)
    elsewhere = tmp_path / "elsewhere"
    onto = ("--database", postgres_url) if hub.url.startswith("sqlite") else ()

    code, told, said = run(capsys, "restore", kept, "--data", elsewhere, *onto, *WITH)

    assert code == 0, said
    assert (told["row"], told["sessions"], told["codes"]) == (5, 1, 1)
    assert told["audit"]["ok"]
    config = load(Path(told["config"]))
    assert (config.data_dir, config.site.name) == (str(elsewhere), "sl-05")
    assert config.database_url == (onto[1] if onto else None)
    assert (elsewhere / "reports" / "2026-11-21.pdf").read_bytes() == b"%PDF-1.7 a report"
    for path in (hub.data / "keys").rglob("*"):
        if path.is_file():
            again = elsewhere / "keys" / path.relative_to(hub.data / "keys")
            assert again.read_bytes() == path.read_bytes()
            assert again.stat().st_mode & 0o077 == 0
    now = Hub(
        elsewhere, config.database_url or sqlite_url(elsewhere / "hub.sqlite"), config_of(told)
    )
    database = now.database()
    with database.reading() as connection:
        box = keys.Box.at(elsewhere / "keys" / rotation.CREDENTIALS)
        locked = connection.execute(sa.select(tables.camera.c.password_sealed)).scalar()
        assert locked is not None
        assert box.unlock(locked, "c1").reveal() == CAMERA
        (site,) = connection.execute(sa.select(tables.site.c.id)).scalars()
        order = settings.order(connection, site)
        assert order is not None
        assert order.revision > time.time_ns() // 1_000_000 - 60_000
        told_wants = {row.key: row.digest for row in connection.execute(sa.select(want))}
        assert told_wants["kept-theirs"] == ""
        assert told_wants["kept-ours"] not in ("", "d" * 64)  # so it is numbered anew
    database.close()
    assert now.head().row == told["next_row"] > time.time_ns() // 1_000_000 - 60_000
    assert not list(elsewhere.glob(".restoring*"))


def config_of(told: dict[str, Any]) -> Path:
    return Path(told["config"])


def test_rows_that_a_box_had_signed_since_are_lost_by_name_and_nothing_else_is(
    hub: Hub, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The box outlives its hub: its journal holds rows that the restored log does not have."""
    hub.add_rows(3)
    hub.sign()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (hub.data / "recordings").rename(elsewhere / "recordings")
    signed = set((elsewhere / "recordings" / "journal").iterdir())

    code, told, said = run(capsys, "restore", kept, "--data", elsewhere, *WITH)

    assert (code, told["keeps_box"]) == (0, True), said
    assert set((elsewhere / "recordings" / "journal").iterdir()) == signed
    now = Hub(elsewhere, sqlite_url(elsewhere / "hub.sqlite"), config_of(told))
    now.add_rows(4)
    now.sign()
    code, told, _ = run(capsys, "check", elsewhere)
    assert code == 0, told
    (note,) = told["audit"]["notes"]
    assert "ended with row 5" in note
    assert "up to row 9" in note
    # A second life of the same hub goes on elsewhere, with the same box: that is no restore.
    newest = now.head()
    now.add_rows(1)
    later_ns = time.time_ns() + 5 * audit.DAY_NS
    recordings = elsewhere / "recordings"
    box = identity.read(recordings)
    other = journal.Journal(recordings, box.site, next_epoch(recordings), box.key.sign)
    other.append(wire.Anchored(at=later_ns, what="audit", digest=newest.hash, row=9))
    other.close()
    assert run(capsys, "check", elsewhere)[0] == 1


def test_a_restore_cannot_hide_a_row_that_was_taken_out(
    hub: Hub, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers go on behind the gap: whoever cuts out what came afterwards is found as ever."""
    _, told, _ = run(capsys, "restore", kept, "--data", tmp_path / "elsewhere", *WITH)
    now = Hub(tmp_path / "elsewhere", sqlite_url(tmp_path / "elsewhere" / "hub.sqlite"), hub.config)
    now.add_rows(3)
    database = now.database()
    with database.writing() as connection:
        connection.execute(sa.text("DROP TRIGGER audit_kept"))
        connection.execute(tables.audit.delete().where(tables.audit.c.id == told["next_row"]))
    database.close()

    code, said, _ = run(capsys, "audit", "--data", now.data)

    assert code == 1
    assert "are missing" in said["faults"][0]


@BOTH
def test_where_something_lives_nothing_is_written(
    hub: Hub, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hub, its keys alone, a box of another site, a recorder that runs, a full database."""
    code, _, said = run(capsys, "restore", kept, "--data", hub.data, *WITH)
    assert code == 2
    assert "holds" in said
    left = tmp_path / "left"
    (left / "keys").mkdir(parents=True)
    assert run(capsys, "restore", kept, "--data", left, *WITH)[0] == 2
    strange = tmp_path / "strange"
    (strange / "recordings").mkdir(parents=True)
    identity.identity_at(strange / "recordings")
    code, _, said = run(capsys, "restore", kept, "--data", strange, *WITH)
    assert code == 2
    assert "of another site" in said
    assert sorted(path.name for path in strange.iterdir()) == ["recordings"]
    if not hub.url.startswith("sqlite"):
        onto = ("--database", hub.url)
        code, _, said = run(capsys, "restore", kept, "--data", tmp_path / "x", *onto, *WITH)
        assert code == 1
        assert "not empty" in said


def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(
    hub: Hub, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Another passphrase, a changed byte, an end that is missing, a newer version."""
    content = kept.read_bytes()
    elsewhere = tmp_path / "elsewhere"

    def refused(*words: str) -> str:
        code, _, said = run(capsys, "restore", kept, "--data", elsewhere, *words)
        assert code == 1
        assert not elsewhere.exists()
        return said

    monkeypatch.setenv("OTHER", "mot cau khac han cau kia")
    assert "passphrase is another one" in refused("--passphrase-env", "OTHER")
    kept.write_bytes(content[:-20])
    refused(*WITH)
    kept.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    refused(*WITH)
    kept.unlink()
    about = archive.About(archive.FORMAT, archive.HUB, "9.0", "9999", "sqlite", 1, has_box=False)
    with kept.open("wb") as file:
        archive.Packer(file, Secret(PASSPHRASE), about).finish(audit_row=0, audit_hash="")
    assert "newer version (9.0)" in refused(*WITH)


def test_a_passphrase_is_never_a_word_of_the_command(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a file too; not from nowhere, not a short one; and a file is never overwritten."""
    file, secret = tmp_path / "one.backup", tmp_path / "passphrase"
    assert run(capsys, "backup", file, "--data", hub.data)[0] == 2  # no terminal
    secret.write_text("ngan\n")
    by_file = ("--passphrase-file", secret)
    assert run(capsys, "backup", file, "--config", hub.config, *by_file)[0] == 2
    secret.write_text(PASSPHRASE + "\n")
    assert run(capsys, "backup", file, "--config", hub.config, *by_file)[0] == 0
    assert file.stat().st_mode & 0o077 == 0
    assert run(capsys, "backup", file, "--config", hub.config, *by_file)[0] == 2
    assert run(capsys, "restore", file, "--check", *by_file)[0] == 0
    assert sorted(tmp_path.glob(".one*")) == []


def test_a_box_comes_back_with_a_life_behind_any_that_it_had_since(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two facts must never bear one number: hubs above would take it for a clone."""
    recordings, elsewhere = tmp_path / "box" / "recordings", tmp_path / "elsewhere"
    recordings.parent.mkdir()
    (hub.data / "recordings").rename(recordings)
    file = tmp_path / "box.backup"
    assert run(capsys, "backup", file, "--data", recordings, *WITH)[0] == 0
    for _ in range(3):
        box = identity.read(recordings)
        told = journal.Journal(recordings, box.site, next_epoch(recordings), box.key.sign)
        told.append(wire.BoxStopped(at=1))
        told.close()
    before = next_epoch(recordings)

    code, told, said = run(capsys, "restore", file, "--data", elsewhere, *WITH)

    assert (code, told["kind"]) == (0, "box"), said
    assert identity.read(elsewhere).site == identity.read(recordings).site
    assert next_epoch(elsewhere) > before + 900
    code, told, _ = run(capsys, "check", elsewhere)
    assert code == 0, told
    assert run(capsys, "restore", file, "--data", elsewhere, *WITH)[0] == 2


def test_a_hub_moves_to_postgresql_and_its_log_holds(
    hub: Hub, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The source stays as it was; a second time is refused, and so is a password in the command."""
    before = (hub.data / "hub.sqlite").read_bytes()
    secret = postgres_url.replace("postgres@", "postgres:mat-khau@")
    code, _, said = run(capsys, "migrate", "--to", secret, "--data", hub.data)
    assert code == 2
    assert "PGPASSWORD" in said

    with rotation.hold(hub.data):
        code, _, said = run(capsys, "migrate", "--to", postgres_url, "--data", hub.data)
        assert code == 2
        assert "stop it first" in said
    code, told, said = run(capsys, "migrate", "--to", postgres_url, "--data", hub.data)

    assert code == 0, said
    assert told["audit"] == {"ok": True, "rows": 6, "anchors": 1, "faults": []}
    assert (hub.data / "hub.sqlite").read_bytes() == before
    assert Hub(hub.data, postgres_url, hub.config).head().row == 6
    code, _, said = run(capsys, "migrate", "--to", postgres_url, "--data", hub.data)
    assert code == 1
    assert "not empty" in said
