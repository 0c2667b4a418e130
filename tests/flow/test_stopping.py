"""Stopping is a feature: within five seconds, with everything closed, whatever is going on."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from recordings import (
    Cameras,
    Lateness,
    Recording,
    checked,
    gaps,
    playable,
    rows,
    small_disk,
    virtual_cameras,
    wait_until,
)
from vonggac import wire
from vonggac.edge import journal as journals
from vonggac.edge.recorder import read_mark
from vonggac.edge.recovery import segment_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOP_S = 5.0
"""The issue's bound."""


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(12, cache) as made:
        yield made


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a camera that takes the connection and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=200)) as listening:
        yield f"rtsp://127.0.0.1:{listening.getsockname()[1]}/quiet"


def assert_closed(directory: Path) -> None:
    """No open segment, nothing to repair, the mark and the journal say that it was in order."""
    assert all(row.end_ns is not None and row.root is not None for row in rows(directory))
    mark = read_mark(directory)
    assert mark is not None
    assert mark.stopped
    last = list(journals.facts(directory / "journal"))[-1][1]
    assert isinstance(last, wire.BoxStopped)
    found = checked(directory)
    assert (found.repaired, found.unplayable) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_busy_recorder_within_five_seconds(
    cameras: Cameras, silent: str, tmp_path: Path, number: int
) -> None:
    """Twelve cameras record, thirty hang in the handshake, one does not exist."""
    told = {name: cameras.url(name) for name in cameras.names}
    told |= {f"quiet{n:02d}": silent for n in range(30)}
    told["nowhere"] = "rtsp://127.0.0.1:1/x"
    with Lateness() as late, Recording(tmp_path, told) as recording:
        recording.wait_for_files(*cameras.names)
        wait_until(lambda: gaps(tmp_path, "nowhere"), "the one that does not exist had its turn")
        began = time.monotonic()
        summary = recording.stop(number, code=1)
        assert time.monotonic() - began < STOP_S + late.seconds
    assert all(summary[name]["pictures"] > 0 for name in cameras.names)
    assert_closed(tmp_path)
    files = list(segment_files(tmp_path))
    assert playable(files) >= len(cameras.names)
    (gap,) = gaps(tmp_path, "nowhere")
    assert gap.cause == "unreachable"


def test_more_signals_change_nothing(cameras: Cameras, tmp_path: Path) -> None:
    """A person presses Ctrl-C twice, and systemd sends its own: still in order, still 0."""
    with Recording(tmp_path, {name: cameras.url(name) for name in cameras.names}) as recording:
        recording.wait_for_files(*cameras.names)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            recording.process.send_signal(number)
        summary = recording.finish()
        assert "Traceback" not in recording.told
    assert set(summary) == set(cameras.names)
    assert_closed(tmp_path)


def test_a_signal_before_the_first_picture_leaves_a_directory_in_order(
    silent: str, tmp_path: Path
) -> None:
    """Nothing recorded, nothing to repair; the next start begins where it likes."""
    with Lateness() as late, Recording(tmp_path, {"cam01": silent}) as recording:
        wait_until(lambda: read_mark(tmp_path), "the recorder lives")
        began = time.monotonic()
        summary = recording.stop(code=1)
        assert time.monotonic() - began < STOP_S + late.seconds
    assert summary["cam01"]["pictures"] == 0
    assert_closed(tmp_path)


@pytest.mark.root
def test_a_recorder_before_a_full_disk_stops_as_soon(cameras: Cameras, tmp_path: Path) -> None:
    """Whatever cannot be written any more does not hold it up; what was written plays."""
    with small_disk(tmp_path / "disk", 16) as directory:
        names = cameras.names[:4]
        with (
            Lateness() as late,
            Recording(directory, {name: cameras.url(name) for name in names}) as recording,
        ):
            recording.wait_for_files(*names)
            with (directory / "filler").open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            wait_until(lambda: all(gaps(directory, name) for name in names), "the ledger tells")
            with (directory / "filler 2").open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            began = time.monotonic()
            recording.process.send_signal(signal.SIGTERM)
            recording.process.communicate(timeout=30)
            assert time.monotonic() - began < STOP_S + late.seconds
        (directory / "filler").unlink()
        (directory / "filler 2").unlink()
        checked(directory)
        assert playable(list(segment_files(directory))) >= len(names)
