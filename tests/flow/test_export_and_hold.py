"""Recordings that leave the system and recordings that are kept, in the whole program.

tests/evidence and tests/hub try the parts; here two persons, the hub, the box and the disk of a
running program do what a written request asks for, and `vonggac verify` is asked what came of it.
"""

from __future__ import annotations

import time
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from programs import command, moment, running, signed_in

from recordings import rows, virtual_cameras, wait_until
from vonggac.sim.cameras import StreamPlan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Person, Running

pytestmark = pytest.mark.timeout(300)

KEPT, LET_GO = "cam01", "cam02"
PLAN = StreamPlan(width=640, height=360, fps=10.0, kbps=400)
ROOM = 3_000_000
"""Bytes that recordings may take: about half a minute of both cameras."""
PAPER = {
    "number": "12/CV-CQĐT", "date": "2026-08-01", "body": "Cơ quan điều tra",
    "reason": "xác minh vụ việc", "basis": "Điều 88",
}  # fmt: skip


@dataclass
class Scene:
    """The program, two persons of one duty, and where its files are."""

    program: Running
    folder: Path
    an: Person
    binh: Person

    def files(self, camera: str) -> set[str]:
        found = (self.folder / "data" / "recordings" / camera).rglob("*.mp4")
        return {path.name for path in found}


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """`vonggac up` with two cameras and little room for their recordings."""
    folder = tmp_path_factory.mktemp("up")
    with virtual_cameras(2, cache, main=PLAN) as cameras, ExitStack() as stack:
        config = folder / "vonggac.toml"
        lines = [
            f'data_dir = "{folder / "data"}"', "[web]", "port = 0", "[sign_in]",
            'second_factor = "outside"', "[record]", "segment_s = 5", "[retention]",
            f"max_bytes = {ROOM}", "free_floor_bytes = 0",
        ]  # fmt: skip
        for name in cameras.names:
            lines += ["[[cameras]]", f'name = "{name}"', f'main = {{url = "{cameras.url(name)}"}}']
        config.write_text("\n".join(lines) + "\n")
        program = stack.enter_context(running(["up", "--config", str(config)], folder / "log", {}))
        people = []
        for name in ("an.nv", "binh.tt"):
            command("user", "add", "--user", name, "--full-name", f"Cán bộ {name}", config=config)
            given = ("--role", "shift_lead", "--reason", "phân công")
            command("role", "give", "--user", name, *given, config=config)
            told = command("user", "password", "--user", name, config=config)
            people.append(stack.enter_context(signed_in(program.url, name, told["password"])))
        yield Scene(program, folder, *people)


def test_an_export_that_one_asked_for_and_another_approved_verifies(
    scene: Scene, tmp_path: Path
) -> None:
    """Of a camera that is being recorded: the hour's page is closed early for it.

    Asked over the API, approved by the second person and by nobody else, built, taken, verified
    offline with the key that the site shows.
    """
    wait_until(lambda: len(scene.files(KEPT)) >= 3, "two closed segments", seconds=40)
    now = time.time()
    body = {"cameras": [KEPT], "from": moment(now - 8), "to": moment(now - 1), "request": PAPER}
    asked = scene.an.post("/api/v1/exports", body)
    assert asked.status_code == 201, asked.text
    path = f"/api/v1/exports/{asked.json()['id']}"

    own = scene.an.post(f"{path}/approval", {"approve": True})
    early = scene.binh.http.get(f"{path}/file")
    approved = scene.binh.post(f"{path}/approval", {"approve": True})

    assert (own.status_code, own.json()["error"]["detail"]["code"]) == (403, "own_request")
    assert early.status_code == 409
    assert approved.status_code == 200, approved.text

    def built() -> dict[str, Any] | None:
        told: dict[str, Any] = scene.binh.http.get(path).json()
        assert told["state"] != "failed", told
        return told if told["state"] == "ready" else None

    told = wait_until(built, "the export is built", seconds=60)
    taken = scene.binh.http.get(f"{path}/file")
    key = scene.binh.http.get(f"/exports/{told['id']}/key")
    file, key_file = tmp_path / "export.zip", tmp_path / "site.key"
    file.write_bytes(taken.content)
    key_file.write_text(key.text)
    verdict = command("verify", str(file), "--key", str(key_file))

    assert (verdict["ok"], verdict["faults"], verdict["cameras"]) == (True, [], [KEPT])
    assert verdict["gaps"] == []
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    assert {"minutes.pdf", "manifest.json", "seal.json", f"{KEPT}/clip-1.mp4"} <= {*names}
    altered = bytearray(taken.content)
    altered[len(altered) // 3] ^= 1
    file.write_bytes(altered)
    assert command("verify", str(file), "--key", str(key_file), code=1)["faults"] != []


def test_a_hold_keeps_its_span_while_retention_deletes_around_it(scene: Scene) -> None:
    """The order with the hold reaches the box; the other camera's files go, and its own go last."""
    now = time.time()
    hold = {"camera": KEPT, "from": moment(now - 5), "to": moment(now - 1), "case_number": "01/VA",
            "reason": "vụ việc"}  # fmt: skip
    placed = scene.an.post("/api/v1/holds", hold)
    assert placed.status_code == 201, placed.text
    recordings = scene.folder / "data" / "recordings"
    wait_until(lambda: any(row.held for row in rows(recordings)), "the box has the order")
    kept, going = scene.files(KEPT), scene.files(LET_GO)

    wait_until(lambda: going.isdisjoint(scene.files(LET_GO)), "the files beside it go", seconds=90)

    assert kept <= scene.files(KEPT)
    release = f"/api/v1/holds/{placed.json()['id']}/release"
    own = scene.an.post(release, {"reason": "xong"})
    other = scene.binh.post(release, {"reason": "đã kết thúc vụ việc"})
    assert (own.status_code, own.json()["error"]["detail"]["code"]) == (403, "own_hold")
    assert other.status_code == 200, other.text
    wait_until(lambda: not kept <= scene.files(KEPT), "what is held no more goes", seconds=60)
