"""From a camera to the wall: every program between them is the one that people run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from programs import ages, browsing, running

from recordings import Cameras, virtual_cameras, wait_until
from vonggac.sim.cameras import StreamPlan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
]

PICTURE = StreamPlan(width=640, height=360, fps=10.0, kbps=400)


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(2, cache, main=PICTURE) as made:
        yield made


@pytest.fixture(scope="module")
def program(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`vonggac up` with two cameras."""
    folder = tmp_path_factory.mktemp("up")
    config = folder / "vonggac.toml"
    lines = [
        f'data_dir = "{folder / "data"}"',
        "[web]",
        "port = 0",
        "[sign_in]",
        'second_factor = "outside"',
    ]
    for name in cameras.names:
        lines += ["[[cameras]]", f'name = "{name}"', f'main = {{url = "{cameras.url(name)}"}}']
    config.write_text("\n".join(lines) + "\n")
    with running(["up", "--config", str(config)], folder / "log", {}) as made:
        yield made


def test_the_wall_shows_what_the_camera_sees_now_and_says_why_it_does_not(
    cameras: Cameras, program: Running
) -> None:
    """The clock in the picture is the camera's own: nothing on the way can make it look younger."""
    with browsing(program) as (page, complaints):
        page.goto(f"{program.url}/wall")
        for camera in cameras.names:
            page.wait_for_selector(f'article[data-camera="{camera}"][data-look="live"]')
        shown = len(ages(page, "cam01"))
        wait_until(lambda: len(ages(page, "cam01")) > shown + 20, "the picture moves")
        wait_until(lambda: max(ages(page, "cam01")[-20:]) < 2_000, "and is of this moment")
        assert min(ages(page, "cam01")[-20:]) >= 0

        cameras.fault("cam02", "drop", seconds=300)
        gone = page.wait_for_selector('article[data-camera="cam02"][data-look="gap"]')
        assert gone is not None
        text = gone.inner_text()
        counted = page.inner_text('[data-show="missing"]')
        assert page.get_attribute('article[data-camera="cam01"]', "data-look") == "live"

        cameras.clear("cam02")
        page.wait_for_selector('article[data-camera="cam02"][data-look="live"]')
        before = len(ages(page, "cam02"))
        wait_until(lambda: len(ages(page, "cam02")) > before + 5, "the picture moves again")

    assert "Mất kết nối camera" in text
    assert counted == "1"
    assert complaints == []


def test_one_key_marks_a_moment_on_the_wall_and_in_playback(
    cameras: Cameras, program: Running
) -> None:
    """The second of the picture that was seen, its clip held; everything else can wait."""
    with browsing(program) as (page, complaints):
        page.goto(f"{program.url}/wall")
        tile = page.wait_for_selector('article[data-camera="cam01"][data-look="live"]')
        assert tile is not None
        page.keyboard.press("v")
        choose = page.wait_for_selector("#marked:visible")
        assert choose is not None
        assert choose.inner_text() == "Chọn một ô trước khi đánh dấu."
        tile.focus()
        page.keyboard.press("v")
        link = page.wait_for_selector("#marked a")
        assert link is not None
        said = page.inner_text("#marked")
        page.click(".wfoot [data-do=case]")  # takes the focus from the tile that is meant
        page.wait_for_function(
            "(was) => { const told = document.getElementById('marked');"
            " return told.querySelector('a') && told.innerText !== was; }",
            arg=said,
        )
        page.click("#marked a")
        page.wait_for_selector("#describe")
        shown = page.inner_text("main")
        page.click("main a[href^='/playback']")
        page.wait_for_selector("#views .pic")
        page.keyboard.press("v")
        again = page.wait_for_selector("#marked a")
        assert again is not None
    told = program.http.get("/api/v1/cases").json()["cases"]
    holds = program.http.get("/api/v1/holds").json()["holds"]

    assert said.startswith("Đã đánh dấu VV-")
    assert "CAM01" in said
    assert "đã giữ, không tự xóa" in shown
    assert [one["camera"] for one in told] == ["cam01"] * 3
    assert {one["case_number"] for one in holds} == {one["number"] for one in told}
    assert complaints == []
