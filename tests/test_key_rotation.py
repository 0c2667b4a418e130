"""Changing the keys of a hub: nothing is lost, whenever the change is cut off."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from databases import migrated_at
from vonggac import keys, wire
from vonggac.cli import main
from vonggac.config import Config, Secret, SiteConfig
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import accounts, audit, registry, sealed, sessions, site_keys
from vonggac.edge import box, identity, journal
from vonggac.edge.recovery import open_catalog
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
    database = migrated_at(tmp_path / "hub.sqlite")
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

    assert refused == 2
    assert told is not None
    assert "stop it first" in told["error"]["message"]
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


# -- the key of the box ----------------------------------------------------------------------


def site_key(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    return run(data, capsys, "rotate", "--what", "site")


@pytest.fixture
def boxed(data: Path) -> Path:
    """The same with a box beside it that has written a page, and that the hub has enrolled."""
    recordings = data / "recordings"
    recordings.mkdir()
    found = identity.identity_at(recordings)
    open_catalog(recordings)[0].close()
    written(recordings, found, 1)
    config = Config(data_dir=str(data), site=SiteConfig(name="sl-05"))
    with opened(data) as database, database.writing() as connection:
        registry.ensure_site(
            connection, config, site_id=found.site, public_key=found.key.public, now_ns=1
        )
    return data


def written(recordings: Path, who: identity.Identity, epoch: int) -> None:
    """A life of the box in which it signed a page."""
    page = wire.Page(
        site=who.site, camera="cam01", number=0, from_=1, to=2, streams=(), previous=""
    )
    fact = wire.PageClosed(at=2, camera="cam01", page=wire.encode_page(page))
    envelope = who.key.envelope(who.site, epoch, 0, wire.encode_fact(fact))
    (recordings / "journal").mkdir(exist_ok=True)
    journal.write_alone(recordings / "journal", envelope)


def checked(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """What `vonggac check` repaired, and what it calls wrong."""
    main(["check", str(data), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    repaired = [one for one in told["repaired"] if not one.startswith("catalog")]
    return repaired, told["faults"]


def test_the_key_of_a_site_is_changed_and_followed(
    boxed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hub knows the new one, the old one is shown with its end, and everything verifies."""
    recordings = boxed / "recordings"
    first = identity.identity_at(recordings)

    code, told, _ = site_key(boxed, capsys)
    shown = {one["name"]: one for one in run(boxed, capsys, "show")[1]["keys"]}

    now = identity.identity_at(recordings)
    (change,) = told["rotated"]
    assert (code, change["number"], change["old"]) == (0, 1, first.key.public)
    assert change["new"] == now.key.public != first.key.public
    assert shown["recordings/identity/site.key"]["public"] == now.key.public
    ended = shown["recordings/identity/site.key, key 1"]
    assert ended["public"] == first.key.public
    assert ended["ended"]
    written(recordings, now, 3)
    assert checked(boxed, capsys) == ([], [])
    with opened(boxed) as database, database.reading() as connection:
        assert site_keys.chain(connection, now.site) == now.chain
        rows = audit.rows(connection, audit.Filter(act=audit.Act.KEYS_ROTATED))
    assert [row.thing for row in rows] == ["site"]


def test_a_running_box_keeps_its_key(boxed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program says so and refuses: under `vonggac up`, and under `vonggac record` too."""
    before = (boxed / "recordings" / "identity" / "site.key").read_text()
    with rotation.hold(boxed):
        refused, _, said = site_key(boxed, capsys)
    held = box.lock(boxed / "recordings")
    alone, _, recorder = site_key(boxed, capsys)
    os.close(held)

    assert (refused, alone) == (2, 2)
    assert "stop it first" in said
    assert "another recorder is already running" in recorder
    assert (boxed / "recordings" / "identity" / "site.key").read_text() == before


def test_without_a_box_there_is_nothing_to_change(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, said = site_key(data, capsys)

    assert code == 2
    assert "is changed on its own machine" in said


def test_check_finds_what_a_change_left_and_what_nobody_announced(
    boxed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost announcement is written again; a key whose time it was not, and an old one, named."""
    recordings = boxed / "recordings"
    first = identity.identity_at(recordings)
    old = (recordings / "identity" / "site.key").read_text()
    site_key(boxed, capsys)

    (recordings / "journal" / "000002.log").unlink()
    (recordings / "identity" / "site.key.next").write_text("x")
    repaired, faults = checked(boxed, capsys)
    assert repaired == [
        "site.key.next: left by a change of the key that was cut off",
        "announcement 1 of a key: put into the journal",
    ]
    assert faults == []

    written(recordings, first, 4)
    assert checked(boxed, capsys)[1] == [
        "journal: a fact is signed with key 1 of the site, which had ended before it (fact 4/0)"
    ]
    (recordings / "identity" / "site.key").write_text(old)
    faults = checked(boxed, capsys)[1]
    assert any("the journal says that this key ended" in fault for fault in faults)
    assert any("which ended when key 2 was announced" in fault for fault in faults)


def test_a_box_that_changed_its_key_alone_is_followed_at_the_next_start(
    boxed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed between the box's files and the hub's database."""
    recordings = boxed / "recordings"
    before = identity.identity_at(recordings)
    after = identity.rotate(recordings, before, epoch=2, at_ns=5)

    with opened(boxed) as database, database.writing() as connection:
        site_keys.follow_box(connection, after.chain, now_ns=6)
        found = registry.site(connection, after.site)

    assert found is not None
    assert found.public_key == after.key.public
    assert site_key(boxed, capsys)[1]["rotated"][0]["number"] == 2
