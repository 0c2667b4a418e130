"""A fresh box joins a real hub with one code, by the command; every other code is refused.

The time of a code is moved in the hub's database: nobody waits an hour for a test.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from programs import command, running

from vonggac import cli, keys
from vonggac.db import Database, sqlite_url
from vonggac.db.enrolment import enrolment
from vonggac.edge import identity, joining
from vonggac.keys import enrolment as proving
from vonggac.keys import rotation
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Running

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the hub's data lie."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[Running]:
    """`vonggac up`, with its administrator signed in."""
    config = folder / "up.toml"
    config.write_text(
        f'data_dir = "{folder / "data"}"\n[site]\nname = "trung-tam"\n[web]\nport = 0\n'
        '[sign_in]\nsecond_factor = "outside"\n'
    )
    with running(["up", "--config", str(config)], folder / "log", {}) as program:
        yield program


def _post(hub: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    token = hub.http.get("/api/v1/session").json()["csrf_token"]
    answer = hub.http.post(path, json=body, headers={"X-CSRF-Token": token})
    assert answer.status_code in (200, 201), answer.text
    told: dict[str, Any] = answer.json()
    return told


def _facility(hub: Running, name: str) -> str:
    body = {"name": name, "title": f"Cơ sở {name}", "retention_days": 20}
    return str(_post(hub, "/api/v1/facilities", body)["id"])


def _code(hub: Running, site_id: str) -> str:
    return str(_post(hub, f"/api/v1/facilities/{site_id}/enrolments", {})["code"])


class Asker:
    """`vonggac` in this process: six starts of the program would be most of this test's time."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def enrol(self, code: str, folder: Path, *, done: int = 0) -> dict[str, Any]:
        """What it says with --json."""
        assert cli.main(["enrol", code, "--dir", str(folder), "--json"]) == done
        told: dict[str, Any] = json.loads(self._capsys.readouterr().out.splitlines()[-1])
        return told

    def refused(self, code: str, folder: Path) -> dict[str, Any]:
        """Why it was refused."""
        detail: dict[str, Any] = self.enrol(code, folder, done=1)["error"]["detail"]
        return detail


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Asker:
    """Asks as the command does."""
    return Asker(capsys)


def test_a_fresh_box_joins_with_one_code_and_nothing_else(hub: Running, tmp_path: Path) -> None:
    """Issue 4, must show 2: what it is given is its own, whole, and the same when asked again."""
    site = _facility(hub, "cs-1")
    code = _code(hub, site)
    told = command("enrol", code, "--dir", str(tmp_path))
    assert (told["site"], told["name"], told["restart"]) == (site, "cs-1", False)
    parent = proving.parent_at(tmp_path / "keys")
    assert parent is not None
    mine = identity.identity_at(tmp_path / "recordings")
    assert mine.site == site
    shown = hub.http.get(f"/api/v1/facilities/{site}/enrolments").json()["enrolments"][0]
    assert (shown["state"], shown["box_key"]) == ("used", mine.key.public)
    assert 'name = "cs-1"' in (tmp_path / "vonggac.toml").read_text()
    for name in (proving.PARENT, proving.CONTROL, proving.MEDIA):
        assert (tmp_path / "keys" / name).stat().st_mode & 0o777 == 0o600
    keys.Credential.load(tmp_path / "keys" / proving.CONTROL)
    (tmp_path / "keys" / proving.PARENT).unlink()  # as if the line broke before it was written
    command("enrol", code, "--dir", str(tmp_path))
    assert proving.parent_at(tmp_path / "keys") == parent


def test_a_used_expired_or_foreign_code_is_refused_with_a_clear_sentence(
    hub: Running, folder: Path, tmp_path: Path, ask: Asker
) -> None:
    """Issue 4, must show 2: each reason has its own sentence, in both languages."""
    site = _facility(hub, "cs-2")
    code = _code(hub, site)
    ask.enrol(code, tmp_path / "first")
    used = ask.refused(code, tmp_path / "second")
    assert used["code"] == "used"
    assert used["vi"].startswith("Mã đã dùng lúc ")
    assert "The code was used at " in used["en"]
    over = _code(hub, _facility(hub, "cs-3"))
    database = Database(sqlite_url(folder / "data" / "hub.sqlite"))
    with database.writing() as connection:
        connection.execute(
            enrolment.update().where(enrolment.c.used_ns.is_(None)).values(ends_ns=1)
        )
    database.close()
    assert ask.refused(over, tmp_path / "third")["code"] == "expired"
    read = wires.read_code(over)
    stranger = keys.SigningKey(keys.new_seed()).public
    foreign = str(wires.Code.of(read.address, read.secret, stranger))
    told = ask.refused(foreign, tmp_path / "third")
    assert told["code"] == "foreign"
    assert "không phải của máy chủ" in told["vi"]
    never = str(wires.Code(read.address, "a" * 16, read.fingerprint))
    assert ask.refused(never, tmp_path / "third")["code"] == "unknown"
    assert ask.refused(code[:-1], tmp_path / "third")["code"] == "mistyped"
    nowhere = str(wires.Code.of("http://127.0.0.1:1", read.secret, stranger))
    assert ask.refused(nowhere, tmp_path / "third")["code"] == "no_line"
    assert not (tmp_path / "third" / "keys" / proving.PARENT).exists()


def test_a_box_in_use_changes_at_its_next_start(hub: Running, tmp_path: Path, ask: Asker) -> None:
    """What runs goes on under its id; the next start takes the facility's, with the same key."""
    site = _facility(hub, "cs-4")
    before = identity.identity_at(tmp_path / "recordings")
    with rotation.hold(tmp_path):  # as `vonggac up` does
        told = ask.enrol(_code(hub, site), tmp_path)
        assert (told["site"], told["restart"]) == (site, True)
        assert identity.read(tmp_path / "recordings").site == before.site
    joining.settle(tmp_path)
    after = identity.identity_at(tmp_path / "recordings")
    assert (after.site, after.key.public) == (site, before.key.public)


def test_the_page_of_a_box_says_what_the_command_says(hub: Running) -> None:
    """The hub asks itself here: its own box serves a facility already, and is told so."""
    token = hub.http.get("/api/v1/session").json()["csrf_token"]
    body = {"code": _code(hub, _facility(hub, "cs-6"))}
    answer = hub.http.post("/api/v1/parent", json=body, headers={"X-CSRF-Token": token})
    assert answer.status_code == 403
    told = answer.json()["error"]["detail"]
    assert told["code"] == "serves_other"
    assert told["vi"].startswith("Thiết bị này đang thuộc cơ sở khác")


def test_the_doctor_says_what_to_ask_of_whom(hub: Running, tmp_path: Path, ask: Asker) -> None:
    """Each line that is wrong names it in both languages; a hub that is there is fine."""
    box = tmp_path / "box"
    ask.enrol(_code(hub, _facility(hub, "cs-5")), box)
    told = command("doctor", "--dir", str(box), code=1)
    found = {one["check"]: one for one in told["checks"]}
    assert found["in"]["result"] == "wrong"  # nothing runs on the box yet
    assert "vonggac up" in found["in"]["ask_vi"]
    assert [found[name]["result"] for name in ("disk", "name", "parent", "clock")] == ["ok"] * 4
    assert found["out"]["result"] == "ok", json.dumps(found["out"])
    assert (found["certificate"]["result"], found["mail"]["result"]) == ("skipped", "skipped")
