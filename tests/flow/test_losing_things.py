"""What a site loses, and what its ledger says of it: power, processes, disks, cameras.

The real `vonggac record` against virtual cameras, whose pictures are numbered: the numbers on the
disk are the truth that the ledger is held to.  Bounds are those of the design, plus what this
machine's own load adds to any timer (`Lateness`).
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from recordings import (
    VONGGAC,
    Cameras,
    Edges,
    Ext4,
    Lateness,
    Recording,
    assert_each_once,
    assert_in_time,
    checked,
    gaps,
    holes,
    playable,
    rows,
    small_disk,
    stored,
    virtual_cameras,
    wait_until,
)
from vonggac.clock import NS, parse_rfc3339
from vonggac.config import RecordConfig
from vonggac.edge.recovery import CATALOG, segment_files
from vonggac.edge.report import read_ledger
from vonggac.sim.server import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FPS = 10
GOP_S = 2.0
CRASH_S = 0.8
POWER_CUT_S = 1.8
EDGE_S = 1.0
OFF_S = 1.0 + 1 / FPS + 0.2
"""Off for so long, a recorder surely leaves a gap: more than a second after the end of a picture
that came at its very end."""


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    """Eight small ones, each on a port of its own that is closed while it is gone."""
    with virtual_cameras(8, cache, separate_ports=True) as made:
        yield made


def urls(cameras: Cameras, *names: str) -> dict[str, str]:
    return {name: cameras.url(name) for name in names}


def recorded_after(recording: Recording, camera: str, wall_ns: int) -> bool:
    """Whether a picture that was sent after a moment is on the disk."""
    files = [path for path in recording.files(camera) if path.stat().st_size]
    return (
        bool(files)
        and files[-1].stat().st_mtime_ns > wall_ns
        and stored(files[-1:])[-1][1] > (wall_ns)
    )


def wait_while_off(since_s: float) -> None:
    """Until a recorder that ended then has been off for long enough to be a gap."""
    wait_until(lambda: time.time() - since_s > OFF_S, "an absence that counts")


# ---- crashes -------------------------------------------------------------------------------------


def lost_s(cameras: Cameras, directory: Path, names: tuple[str, ...]) -> dict[str, float]:
    """By the numbers: what was sent and is not on the disk, in seconds of each camera."""
    found = {}
    for name in names:
        wait_until(lambda n=name: cameras.truth(n).clients == 0, "the camera notices")
        files = [p for p in segment_files(directory) if p.name.startswith(f"{name}_")]
        found[name] = (cameras.truth(name).last_number - stored(files)[-1][0]) / FPS
    return found


@pytest.mark.timeout(300)
def test_a_killed_recorder_loses_less_than_a_second_and_accounts_for_it(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Killed three times at random moments, the catalog whole, damaged and taken away.

    Each time: 0.8 s at most by the numbers, every file playable, the index as the files are, no
    picture twice, and the time until the next life is edge off, from the last picture to the
    first.
    """
    names = ("cam01", "cam02", "cam03")
    for damage in ("none", "overwritten", "missing"):
        lives = 2 if damage == "none" else 1
        for _ in range(lives):
            with (
                Lateness() as late,
                Recording(tmp_path, urls(cameras, *names), "--segment-seconds", "5") as recording,
            ):
                before = len(list(segment_files(tmp_path)))
                wait_until(
                    lambda n=before: len(list(segment_files(tmp_path))) >= n + 3, "new segments"
                )
                time.sleep(random.uniform(0.2, 1.5))
                recording.kill()
            killed = time.time()
            lost = lost_s(cameras, tmp_path, names)
            assert max(lost.values()) <= CRASH_S + late.seconds, lost
            wait_while_off(killed)
        if damage == "overwritten":
            (tmp_path / CATALOG).write_bytes(random.randbytes(30_000))
        elif damage == "missing":
            (tmp_path / CATALOG).unlink()
        done = subprocess.run(
            [VONGGAC, "check", str(tmp_path), "--json"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done
        told = json.loads(done.stdout.splitlines()[-1])
        files = list(segment_files(tmp_path))
        assert (told["ok"], told["unplayable"], told["segments"]) == (True, 0, len(files))
        assert len(told["repaired"]) >= 1
        assert all(0 <= seconds <= CRASH_S + late.seconds for seconds in told["lost_s"].values())
        assert playable(files) == len(files)
        for name in names:
            mine = [path for path in files if path.name.startswith(f"{name}_")]
            numbers = [number for number, _ in stored(mine)]
            assert numbers == sorted(set(numbers))
            assert_the_ledger_tells_the_holes(tmp_path, name, mine, {"edge_off"})
    assert {len(gaps(tmp_path, name)) for name in names} == {3}, "it was off three times"


def assert_the_ledger_tells_the_holes(
    directory: Path, camera: str, files: list[Path], causes: set[str], *, within: float = 0.3
) -> list[Edges]:
    """Every hole between stored pictures is a gap, with its edges; and there is no other gap.

    A gap is counted from the end of the last picture.
    """
    truth = holes(files, longer_than=1.0 + 1 / FPS)
    told = [gap for gap in gaps(directory, camera) if gap.end < stored(files)[-1][1] / NS]
    assert len(told) == len(truth), (told, truth)
    assert {gap.cause for gap in told} <= causes
    for gap, hole in zip(told, truth, strict=True):
        assert_in_time(-within, gap.begin - hole.begin - 1 / FPS, within, "it begins")
        assert_in_time(-within, gap.end - hole.end, within, "it ends")
    return told


def test_recording_begins_before_a_lost_catalog_is_made_again(
    cameras: Cameras, tmp_path: Path
) -> None:
    """A month of files takes minutes to read; the cameras are recorded within two seconds.

    Counted from the recorder's own first word, since Python's start depends on the machine; and
    the index of old files is complete in the end, with the journal's gaps.
    """
    with Recording(tmp_path, urls(cameras, "cam01")) as first:
        first.wait_for_files("cam01")
        wait_until(lambda: recorded_after(first, "cam01", first.started_ns), "a picture")
        first.kill()
    killed = time.time()
    (seed,) = first.files("cam01")
    stem = seed.name[: -len("-0000.mp4")]
    for number in range(1, 600):
        os.link(seed, seed.with_name(f"{stem}-{number:04d}.mp4"))
    (tmp_path / CATALOG).write_bytes(b"\0" * 100_000)
    wait_while_off(killed)
    with Recording(tmp_path, urls(cameras, "cam01")) as second, Lateness() as late:
        fresh = wait_until(
            lambda: [p for p in second.files("cam01") if stem not in p.name], "a new segment"
        )[0]
        wait_until(lambda: fresh.stat().st_size > 0, "its first bytes")
        began_ns = time.time_ns()
        wait_until(lambda: len(rows(tmp_path)) > 599, "the index")
        second.stop()
    said = re.search(r"(\d{4}-\S+Z)[^\n]*recording.began", second.told)
    assert said is not None, second.told
    assert "catalog.set_aside" in second.told
    (gap,) = gaps(tmp_path, "cam01")
    assert gap.cause == "edge_off"
    assert checked(tmp_path).segments == len(list(segment_files(tmp_path)))
    took_s = (began_ns - parse_rfc3339(said[1])) / NS
    assert_in_time(0.0, took_s, 2.0 + late.seconds, "the first bytes after the first word")


@pytest.mark.root
def test_a_power_cut_loses_less_than_two_seconds(cameras: Cameras, tmp_path: Path) -> None:
    """The filesystem is cut off with everything that was not yet on the disk, then mounted again.

    1.8 s at most by the numbers, every file playable, catalog and journal mended.
    """
    names = ("cam01", "cam02", "cam03")
    disk = Ext4(tmp_path)
    disk.mount()
    try:
        directory = disk.place / "site"
        for _ in range(2):
            with (
                Lateness() as late,
                Recording(directory, urls(cameras, *names), "--segment-seconds", "5") as recording,
            ):
                before = len(list(segment_files(directory)))
                wait_until(
                    lambda n=before: len(list(segment_files(directory))) >= n + 3, "new segments"
                )
                time.sleep(random.uniform(1.5, 3.0))
                last = {name: cameras.truth(name).last_number for name in names}
                disk.cut_power()
                recording.kill()
            killed = time.time()
            disk.unmount()
            disk.mount()
            checked(directory)
            files = list(segment_files(directory))
            assert playable(files) == len(files)
            for name in names:
                mine = [path for path in files if path.name.startswith(f"{name}_")]
                missing = (last[name] - stored(mine)[-1][0]) / FPS
                assert missing <= POWER_CUT_S + late.seconds
            wait_while_off(killed)
        for name in names:
            (gap,) = gaps(directory, name)
            assert gap.cause == "edge_off"
    finally:
        disk.unmount("-l")


# ---- cameras -------------------------------------------------------------------------------------

FAULTS = {
    "cam01": ("drop", "unreachable"),
    "cam02": ("reboot", "unreachable"),
    "cam03": ("stall", "stalled"),
    "cam04": ("refuse", "refused"),
    "cam05": ("garbage", "garbled"),
}


class Trouble(NamedTuple):
    """A recording of cameras that failed."""

    directory: Path
    files: dict[str, list[Path]]
    """Of each camera."""
    late_s: float
    """What this machine added to any timer."""


@pytest.fixture(scope="module")
def troubled(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Trouble:
    """A recording in which five cameras fail for some seconds, each in its way, and one does not.

    cam06 stands still (its picture freezes), which is no fault of the stream.
    """
    directory = tmp_path_factory.mktemp("troubled")
    names = (*FAULTS, "cam06")
    with Lateness() as late, Recording(directory, urls(cameras, *names)) as recording:
        recording.wait_for_files(*names)
        for name in names:
            wait_until(
                lambda n=name: recorded_after(recording, n, recording.started_ns), "a picture"
            )
        for name, (kind, _) in FAULTS.items():
            cameras.fault(name, kind, seconds=3.0)
        cameras.fault("cam06", "freeze", seconds=3.0)
        wait_until(
            lambda: all(
                cameras.truth(name).faults and cameras.truth(name).faults[-1].to_ns
                for name in names
            ),
            "the faults are over",
        )
        for name in names:
            ended = cameras.truth(name).faults[-1].to_ns
            assert ended is not None
            wait_until(lambda n=name, e=ended: recorded_after(recording, n, e), f"{name} is back")
        recording.stop()
    return Trouble(directory, {name: recording.files(name) for name in names}, late.seconds)


@pytest.mark.parametrize("camera", FAULTS)
def test_a_camera_that_fails_is_a_gap_with_its_cause_and_its_edges(
    cameras: Cameras, troubled: Trouble, camera: str
) -> None:
    """Named by evidence, within a second of the truth, and recording goes on by itself."""
    directory, files, late_s = troubled
    fault = cameras.truth(camera).faults[-1]
    assert fault.to_ns is not None
    _, cause = FAULTS[camera]
    if camera == "cam02":  # its numbers began anew
        (gap,) = gaps(directory, camera)
    else:
        (gap,) = assert_the_ledger_tells_the_holes(directory, camera, files[camera], {cause})
    assert gap.cause == cause
    begin_s, end_s = gap.begin - fault.from_ns / NS, gap.end - fault.to_ns / NS
    assert_in_time(-EDGE_S - late_s, begin_s, EDGE_S + late_s, "it begins")
    # A refusal is tried again after 5 s: cameras lock accounts. Its end is when it was.
    patience = 5.0 if cause == "refused" else 0.0
    assert_in_time(-0.3, end_s, EDGE_S + patience + late_s, "it ends")


def test_a_picture_that_stands_still_is_recorded_all_the_same(troubled: Trouble) -> None:
    """The stream goes on; whether a corridor is empty is not the recorder's to judge."""
    directory, files, _ = troubled
    assert gaps(directory, "cam06") == []
    assert_each_once([number for number, _ in stored(files["cam06"])])


def test_trouble_leaves_nothing_to_repair(troubled: Trouble) -> None:
    """Segments that a fault cut short are closed like any other."""
    directory, files, _ = troubled
    found = checked(directory)
    assert found.repaired == []
    assert playable([path for each in files.values() for path in each]) == found.segments


def test_a_wrong_password_is_refused_from_the_start_and_told_while_it_lasts(
    cache: Path, tmp_path: Path
) -> None:
    """`vonggac ledger` beside the running recorder; the password is in no file and no log."""
    with virtual_cameras(1, cache, credentials=Credentials("admin", "right")) as locked:
        with Recording(
            tmp_path, {"cam01": locked.url("cam01")}, "--user", "admin",
            "--password-env", "WORD", environment={"WORD": "wr0ng-and-secret"},
        ) as recording:  # fmt: skip
            (gap,) = wait_until(lambda: gaps(tmp_path, "cam01"), "the ledger tells")
            assert gap.cause == "refused"
            assert recording.process.poll() is None
            recording.stop(code=1)
        (gap,) = gaps(tmp_path, "cam01")
        assert gap.cause == "refused"
        assert "wr0ng" not in recording.told
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or b"wr0ng" not in path.read_bytes()
        assert_in_time(-EDGE_S, gap.begin - _began(recording), EDGE_S, "it begins")


def _began(recording: Recording) -> float:
    """When the recorder said its first word, seconds since 1970."""
    said = re.search(r"(\d{4}-\S+Z)", recording.told)
    assert said is not None
    return parse_rfc3339(said[1]) / NS


def test_a_camera_without_keyframes_is_told_so_and_recorded_from_the_first_one(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Pictures come and none can start a decoder: neither stalled nor unreachable."""
    cameras.fault("cam07", "nokey")
    try:
        with Recording(tmp_path, urls(cameras, "cam07")) as recording:
            wait_until(lambda: gaps(tmp_path, "cam07"), "the ledger tells")
            cleared_ns = time.time_ns()
            cameras.clear("cam07")
            recording.wait_for_files("cam07")
            wait_until(lambda: recorded_after(recording, "cam07", cleared_ns), "a picture")
            recording.stop()
    finally:
        cameras.clear("cam07")
    (gap,) = gaps(tmp_path, "cam07")
    assert gap.cause == "no_keyframe"
    numbers = stored(recording.files("cam07"))
    assert_in_time(-EDGE_S, gap.end - cleared_ns / NS, EDGE_S, "it ends, by the fault")
    assert_in_time(-0.3, gap.end - numbers[0][1] / NS, 0.3, "it ends, by the first picture")


# ---- the recorder itself -------------------------------------------------------------------------


def test_the_time_between_two_recordings_is_edge_off(cameras: Cameras, tmp_path: Path) -> None:
    """Stopped in order and started again: from the last picture to the first, and nothing else."""
    with Recording(tmp_path, urls(cameras, "cam01")) as first:
        first.wait_for_files("cam01")
        wait_until(lambda: recorded_after(first, "cam01", first.started_ns), "a picture")
        first.stop()
    wait_while_off(time.time())
    with Recording(tmp_path, urls(cameras, "cam01")) as second:
        second.wait_for_files("cam01", count=2)
        wait_until(lambda: recorded_after(second, "cam01", second.started_ns), "a picture")
        told = second.stop()
    files = second.files("cam01")
    assert_the_ledger_tells_the_holes(tmp_path, "cam01", files, {"edge_off"})
    assert told["cam01"]["gaps"][0]["cause"] == "edge_off"
    view, pages = read_ledger(tmp_path, camera="cam01")["cam01"]
    assert len(view.spans) == 2
    assert pages == 2
    assert checked(tmp_path).repaired == []


# ---- disks ---------------------------------------------------------------------------------------


@pytest.mark.root
def test_a_full_disk_is_told_and_used_again_when_there_is_room(
    cameras: Cameras, tmp_path: Path
) -> None:
    """`vonggac record` deletes nothing: somebody must make room. Then it goes on by itself."""
    names = ("cam01", "cam08")
    with (
        small_disk(tmp_path / "disk", 24) as directory,
        Lateness() as late,
        Recording(directory, urls(cameras, *names)) as recording,
    ):
        recording.wait_for_files(*names)
        for name in names:
            wait_until(
                lambda n=name: recorded_after(recording, n, recording.started_ns), "a picture"
            )
        filler = directory / "somebody else's"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(65536)):
                    pass
            except OSError:
                full = time.time()
        for name in names:
            (gap,) = wait_until(lambda n=name: gaps(directory, n), "the ledger tells")
            wait_while_off(gap.begin)
        filler.unlink()
        room = time.time()
        for name in names:
            wait_until(lambda n=name: recorded_after(recording, n, int(room * NS)), "it goes on")
        recording.stop()
        assert checked(directory).repaired == []
        assert playable(list(segment_files(directory))) >= 4
        for name in names:
            (gap,) = assert_the_ledger_tells_the_holes(
                directory, name, recording.files(name), {"disk_full"}
            )
            # Not before: what had been sent by then was written. It may be later: the catalog
            # gives its log's pages back when it is refused, and they hold some seconds.
            assert gap.begin < room
            assert_in_time(-CRASH_S - late.seconds, gap.begin - full, room - full, "it begins")
            # Asked again four times a second; then it waits for a keyframe. A picture that was
            # taken within the two timers before there was room is written with those after it.
            held = RecordConfig().drain_s + RecordConfig().flush_s + late.seconds
            ended_s = gap.end - room
            assert_in_time(-held, ended_s, EDGE_S + GOP_S + late.seconds, "it ends")


@pytest.mark.root
def test_a_disk_that_does_not_answer_for_seconds_costs_nothing(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Frozen for three seconds, as a disk that spins up or a tired card: memory bridges it."""
    disk = Ext4(tmp_path)
    disk.mount()
    try:
        with Recording(disk.place / "site", urls(cameras, "cam01")) as recording:
            recording.wait_for_files("cam01")
            with disk.frozen():
                time.sleep(3.0)
            thawed = time.time_ns()
            wait_until(lambda: recorded_after(recording, "cam01", thawed), "a picture")
            told = recording.stop()
        assert told["cam01"]["gaps"] == []
        assert_each_once([number for number, _ in stored(recording.files("cam01"))])
        checked(disk.place / "site")
    finally:
        disk.unmount("-l")


def test_a_directory_that_vanishes_is_told_and_recorded_into_when_it_is_back(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Moved away and back, as a mount that comes and goes; nothing is written beside it."""
    directory = tmp_path / "disk"
    with Lateness() as late, Recording(directory, urls(cameras, "cam01")) as recording:
        recording.wait_for_files("cam01")
        wait_until(lambda: recorded_after(recording, "cam01", recording.started_ns), "a picture")
        gone = time.time()
        directory.rename(tmp_path / "away")
        time.sleep(3.0)
        assert not directory.exists()
        back = time.time()
        (tmp_path / "away").rename(directory)
        wait_until(lambda: recorded_after(recording, "cam01", int(back * NS)), "it goes on")
        told = recording.stop()
    (gap,) = assert_the_ledger_tells_the_holes(
        directory, "cam01", recording.files("cam01"), {"disk_gone"}
    )
    assert told["cam01"]["gaps"][0]["cause"] == "disk_gone"
    checked(directory)
    assert gap.end > back
    assert_in_time(-0.5, gap.begin - gone, EDGE_S + late.seconds + 0.5, "it begins")
    assert_in_time(0.0, gap.end - back, EDGE_S + GOP_S + late.seconds, "it ends")
