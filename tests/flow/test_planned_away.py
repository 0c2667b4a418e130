"""A camera that is away as announced: planned on the hub, told by the box, read from the hub."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from programs import moment, running

from recordings import Cameras, virtual_cameras, wait_until
from vonggac.sim.cameras import StreamPlan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Running

pytestmark = pytest.mark.timeout(300)

PICTURE = StreamPlan(width=320, height=180, fps=10.0, kbps=200)
PATH = "/api/v1/cameras/cam01/maintenance"
REASON = "thay ống kính"


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(1, cache, main=PICTURE) as made:
        yield made


@pytest.fixture
def program(cameras: Cameras, tmp_path: Path) -> Iterator[Running]:
    """`vonggac up` with one camera."""
    config = tmp_path / "vonggac.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[web]\nport = 0\n[sign_in]\n'
        'second_factor = "outside"\n[[cameras]]\nname = "cam01"\n'
        f'main = {{url = "{cameras.url("cam01")}"}}\n'
    )
    with running(["up", "--config", str(config)], tmp_path / "log", {}) as made:
        yield made


def test_a_camera_cut_off_in_planned_time_is_missing_as_planned_and_no_longer(
    cameras: Cameras, program: Running
) -> None:
    """Away before the plan began and after it ended: those seconds keep their true cause.

    The plan reaches the box before it begins, and the box divides the gap at its very edges.
    """
    wait_until(lambda: is_recording(program), "the camera is recorded")
    begin = round(time.time()) + 5
    end = begin + 4
    planned = {"from": moment(begin), "to": moment(end), "reason": REASON}
    made = program.http.post(PATH, json=planned)
    assert made.status_code == 201, made.text
    cameras.fault("cam01", "drop", seconds=300)
    wait_until(lambda: time.time() > end + 1, "the camera is away for longer than planned")
    cameras.clear("cam01")
    wait_until(lambda: is_recording(program) and gaps_of(program), "the camera is back")
    found = wait_until(
        lambda: len(told := gaps_of(program)) == 3 and not told[-1]["open"] and told,
        "the ledger tells the three",
    )
    continuity = program.http.get("/continuity?camera=cam01").text

    before, away, after = found
    assert [gap["cause"] for gap in found] == ["unreachable", "maintenance", "unreachable"]
    assert (away["from"], away["to"]) == (made.json()["from"], made.json()["to"])
    assert (before["to"], after["from"]) == (away["from"], away["to"])
    assert away["evidence"] == REASON
    assert "Bảo trì có kế hoạch" in continuity


def is_recording(program: Running) -> bool:
    told = program.http.get("/api/v1/cameras/cam01").json()
    return bool(told["state"]["kind"] == "recording")


def gaps_of(program: Running) -> list[dict[str, Any]]:
    """Those after the first recorded second."""
    told = program.ledger("cam01")
    first = told["spans"][0]["from"] if told["spans"] else ""
    return [gap for gap in told["gaps"] if gap["from"] > first]
