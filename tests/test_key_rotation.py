"""Changing the keys of a hub: nothing is lost, whenever the change is cut off."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac import keys
from vonggac.cli import main
from vonggac.config import Secret
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import accounts, audit, sealed, sessions
from vonggac.errors import ConfigError
from vonggac.keys import rotation, tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAMERAS = 400
PASSWORD = "Mật khẩu của camera {}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A hub's data directory with keys, an account with a factor, and many cameras."""
    folder = tmp_path / "keys"
    keys.make_folder(folder)
    box = keys.Box.at(folder / rotation.CREDENTIALS)
    keys.SigningKey.at(folder / rotation.HUB)
    keys.Trust.at(folder / "trust", issued_s=int(time.time()))
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    database.migrate()
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai de thu")
        account = accounts.people(connection)[0].id
        connection.execute(
            tables.account.update().values(
                factor_sealed=box.lock(Secret("GEZDGNBV"), f"factor {account}")
            )
        )
        connection.execute(
            tables.site.insert().values(
                id="s1", name="s1", title="", address="", owner_line="civil", public_key="",
                created_ns=1,
            )
        )  # fmt: skip
        connection.execute(
            tables.camera.insert(),
            [
                {
                    "id": f"c{n}", "site_id": "s1", "name": f"c{n}", "title": "", "zone": "HL",
                    "main_url": "rtsp://192.0.2.1/", "origin": "page", "revision": 1,
                    "created_ns": 1, "updated_ns": 1, "user": "xem",
                    "password_sealed": box.lock(Secret(PASSWORD.format(n)), f"c{n}"),
                }
                for n in range(CAMERAS)
            ],
        )  # fmt: skip
    database.close()
    return tmp_path


@contextlib.contextmanager
def opened(data: Path) -> Iterator[Database]:
    database = Database(sqlite_url(data / "hub.sqlite"))
    try:
        yield database
    finally:
        database.close()


def settled(data: Path) -> list[str]:
    """What `vonggac up` does first, and then every password as the box would get it."""
    with opened(data) as database, database.reading() as connection:
        box = rotation.settle_credentials(data / "keys", lambda box: sealed.opens(connection, box))
        rows = connection.execute(
            sa.select(tables.camera.c.id, tables.camera.c.password_sealed).order_by(
                tables.camera.c.main_url, sa.cast(sa.func.substr(tables.camera.c.id, 2), sa.Integer)
            )
        ).all()
        return [box.unlock(value, row).reveal() for row, value in rows]


def credentials_files(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "keys").glob("credentials.key*"))


def run(data: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = main(["keys", *words, "--data", str(data), "--json"])
    said = capsys.readouterr()
    told = said.out.strip().splitlines()
    return code, json.loads(told[-1]) if told else None, said.err


ALL = [PASSWORD.format(n) for n in range(CAMERAS)]


def test_every_sealed_column_is_known_to_the_change_of_the_key() -> None:
    """A column that was forgotten could never be read again."""
    known = {(one.value.table.name, one.value.name) for one in sealed.COLUMNS}
    found = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }

    assert known == found


def test_all_keys_change_and_everything_still_opens(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old keys open nothing any more; each change is a row, and no row has a secret."""
    tls.authority(data / "keys" / "tls", (), now_s=int(time.time()))
    files = [path for path in (data / "keys").rglob("*") if path.is_file()]
    before = {path: path.read_text() for path in files if path.name != "trust.json"}
    hub = before[data / "keys" / "trust" / "operator.seed"]
    with opened(data) as database, database.writing() as connection:
        account = accounts.begin_attempt(connection, "admin", now_ns=1).account
        assert account is not None
        now_ns = time.time_ns()
        cookie = sessions.open_session(connection, account, address="", agent="", now_ns=now_ns)

    code, told, _ = run(data, capsys, "rotate")

    assert code == 0
    assert [one["what"] for one in told["rotated"]] == [
        "credentials", "hub", "bus", "tls", "sessions",
    ]  # fmt: skip
    assert told["rotated"][0]["values"] == CAMERAS + 1
    assert settled(data) == ALL
    assert credentials_files(data) == ["credentials.key"]
    same = [
        path.name for path, text in before.items() if path.exists() and path.read_text() == text
    ]
    assert sorted(same) == ["ca.pem", "operator.seed"]
    assert keys.Trust.at(data / "keys" / "trust", issued_s=1).account_jwts(issued_s=1)
    with opened(data) as database, database.reading() as connection:
        assert sessions.find_session(connection, cookie, now_ns=now_ns + 1) is None
        rows = audit.rows(connection, audit.Filter(act=audit.Act.KEYS_ROTATED))
    assert [row.thing for row in rows] == ["sessions", "tls", "bus", "hub", "credentials"]
    text = json.dumps([row.as_json() for row in rows]) + json.dumps(told)
    assert not any(secret.strip() in text for secret in before.values())
    assert hub not in text


def test_a_running_program_is_not_pulled_the_keys_from_under(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so and changes nothing; ending the sessions is for a running program too."""
    key = (data / "keys" / rotation.CREDENTIALS).read_text()
    with rotation.hold(data):
        refused, told, said = run(data, capsys, "rotate", "--what", "credentials")
        ended, _, _ = run(data, capsys, "rotate", "--what", "sessions")

    assert (refused, told) == (2, None)
    assert "vonggac up runs on" in said
    assert "stop it first" in said
    assert ended == 0
    assert (data / "keys" / rotation.CREDENTIALS).read_text() == key


@pytest.mark.parametrize("moment", ["before the rows", "after the rows", "before the end"])
def test_each_moment_of_a_change_can_be_its_last(data: Path, moment: str) -> None:
    """Power goes between two steps: the next start finds the key that fits, and one only."""
    folder = data / "keys"
    old, new = rotation.prepare_credentials(folder)
    with opened(data) as database:
        if moment != "before the rows":
            with database.writing() as connection:
                sealed.reseal(connection, old, new)
        if moment == "before the end":
            rotation.finish_credentials(folder)

    assert settled(data) == ALL
    assert credentials_files(data) == ["credentials.key"]


def test_rows_that_a_power_cut_took_back_open_with_the_old_key(data: Path) -> None:
    """SQLite may lose the last commit with the power: the old key is kept until the next start."""
    rotation.prepare_credentials(data / "keys")
    rotation.finish_credentials(data / "keys")

    assert settled(data) == ALL


def test_a_key_that_fits_nothing_is_said_at_the_start(data: Path) -> None:
    """Another installation's folder of keys was put there."""
    folder = data / "keys"
    (folder / rotation.CREDENTIALS).unlink()
    rotation.prepare_credentials(folder)

    with pytest.raises(ConfigError, match=r"no key in .* opens the credentials"):
        settled(data)


def test_killed_in_the_middle_nothing_is_lost(data: Path) -> None:
    """SIGKILL as soon as the next key is on the disk, again and again, each a little later."""
    command = [sys.executable, "-m", "vonggac.cli", "keys", "rotate", "--what", "credentials"]
    killed = 0
    for later in range(4):
        process = subprocess.Popen(
            [*command, "--data", str(data)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        while process.poll() is None and not (data / "keys" / "credentials.key.next").exists():
            time.sleep(0.001)
        time.sleep(0.02 * later)
        process.send_signal(signal.SIGKILL)
        assert process.stderr is not None
        process.stderr.close()
        killed += process.wait() == -signal.SIGKILL
        assert settled(data) == ALL
        assert credentials_files(data) == ["credentials.key"]

    assert killed


def test_keys_are_shown_with_their_age_and_never_themselves(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is for a screen that others see."""
    secrets = [
        path.read_text().strip() for path in (data / "keys").rglob("*")
        if path.is_file() and path.name != "trust.json"
    ]  # fmt: skip

    code, told, _ = run(data, capsys, "show")

    names = {one["name"]: one for one in told["keys"]}
    assert code == 0
    assert len(names["keys/hub.key"]["public"]) == 43
    assert names["keys/trust/viewer-signing.seed"]["public"].startswith("A")
    assert names["keys/credentials.key"] | {"made": ""} == {
        "name": "keys/credentials.key", "made": "", "age_days": 0, "public": None,
    }  # fmt: skip
    assert not any(secret in json.dumps(told) for secret in secrets)
