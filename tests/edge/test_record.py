"""`vonggac record` as people run it, against virtual cameras and against servers written by others.

One recording of some seconds serves all tests of this module: cameras that behave, and cameras
that change size, declare a wrong rate, jump in time and drift while they are recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from peers import gstreamer, gstreamer_missing, ipycam
from recordings import (
    SMALL,
    VONGGAC,
    Lateness,
    Recording,
    assert_each_once,
    checked,
    ffprobe,
    gaps,
    ledger,
    playable,
    stored,
    virtual_cameras,
    wait_until,
)
from vonggac.cli import main
from vonggac.clock import NS, parse_rfc3339
from vonggac.edge.recovery import segment_files
from vonggac.media.fmp4_read import scan
from vonggac.sim.cameras import StreamPlan
from vonggac.sim.server import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vonggac.media.fmp4_read import Scan
    from vonggac.sim.cameras import Truth

USER, PASSWORD = "quan trắc", "p@ss:w/r#d?100% mật"
FAULTS = {"resized": "resize", "slower": "wrongfps", "jumping": "jump", "drifting": "drift"}
PLAIN = ("plain", "other")
VIRTUAL = (*PLAIN, *FAULTS, "h265")
GOP_S = 2


@dataclass
class Session:
    """What was recorded, and what was sent."""

    directory: Path
    summary: dict[str, Any]
    truth: dict[str, Truth]
    started_ns: int
    stopped_ns: int

    def files(self, camera: str) -> list[Path]:
        return [p for p in segment_files(self.directory) if p.name.startswith(f"{camera}_")]

    def numbers(self, camera: str) -> list[int]:
        return [number for number, _ in stored(self.files(camera))]


@pytest.fixture(scope="module")
def session(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Eight virtual cameras, one of GStreamer with B-pictures, and ipycam, for some 12 s.

    The slow one sends a picture a second: its last one ends after the recorder has.
    """
    directory = tmp_path_factory.mktemp("recorded") / "disk"
    secret = Credentials(USER, PASSWORD, "digest-sha256")
    with contextlib.ExitStack() as stack:
        h264 = stack.enter_context(virtual_cameras(6, cache, credentials=secret))
        h265 = stack.enter_context(
            virtual_cameras(1, cache, main=StreamPlan(320, 240, 10.0, 200, "h265"))
        )
        numbered = dict(zip(h264.names, (*PLAIN, *FAULTS), strict=True))
        cameras = {numbered[name]: h264.url(name) for name in h264.names}
        cameras["h265"] = h265.url("cam01")
        slow = stack.enter_context(virtual_cameras(1, cache, main=StreamPlan(320, 240, 1.0, 20)))
        cameras["slow"] = slow.url("cam01")
        ports = stack.enter_context(ipycam())
        cameras["ipycam"] = f"rtsp://127.0.0.1:{ports['rtsp_port']}/video_main"
        if not gstreamer_missing():
            urls = stack.enter_context(gstreamer("b=h264:bframes=2,transport=tcp"))
            cameras["gstreamer"] = urls["b"]
        recording = stack.enter_context(
            Recording(
                directory, cameras, "--segment-seconds", "5", "--user", USER,
                "--password-env", "CAMERA_PASSWORD", environment={"CAMERA_PASSWORD": PASSWORD},
            )
        )  # fmt: skip
        recording.wait_for_files(*cameras)
        argument = {"resize": "192x144", "wrongfps": "6", "jump": "100", "drift": "20000"}
        for name, called in numbered.items():
            if called in FAULTS:
                kind = FAULTS[called]
                seconds = 4.0 if kind in ("resize", "jump") else None
                h264.fault(name, kind, argument=argument[kind], seconds=seconds)
        recording.wait_for_files(*VIRTUAL, count=3)

        def size() -> int:  # of all files: its next picture may begin another
            return sum(path.stat().st_size for path in recording.files("slow"))

        before = size()
        wait_until(lambda: size() > before, "another picture of the slow one")
        truth = {called: h264.truth(name) for name, called in numbered.items()}
        truth["h265"] = h265.truth("cam01")
        stopped_ns = max(each.last_wall_ns for each in truth.values())
        summary = recording.stop()
        yield Session(directory, summary, truth, recording.started_ns, stopped_ns)


def whole(path: Path) -> Scan:
    data = path.read_bytes()
    return scan(lambda at, count: data[at : at + count], len(data))


@pytest.mark.parametrize("camera", VIRTUAL)
def test_every_picture_that_was_sent_is_stored_once(session: Session, camera: str) -> None:
    """Counted against the numbers inside the pictures, across segments, sizes and jumps.

    All from the first that was sent; at the end, what was on its way when the signal came is
    less than the 0.8 s that a crash may cost.
    """
    truth = session.truth[camera]
    numbers = session.numbers(camera)
    first = truth.last_number + 1 - truth.pictures
    assert_each_once(numbers, first=first)
    assert numbers[-1] >= truth.last_number - 8
    assert session.summary[camera]["pictures"] == len(numbers)


@pytest.mark.parametrize("camera", [*VIRTUAL, "slow", "gstreamer", "ipycam"])
def test_every_segment_is_accepted_by_ffprobe_and_plays_to_its_end(
    session: Session, camera: str
) -> None:
    """Their durations add up to what the ledger calls recorded, within half a second."""
    if camera == "gstreamer" and gstreamer_missing():
        pytest.skip(gstreamer_missing())
    total = 0.0
    files = session.files(camera)
    for path in files:
        found = ffprobe(path)
        assert found["streams"][0]["codec_name"] == ("hevc" if camera == "h265" else "h264")
        total += float(found["format"]["duration"])
    assert playable(files) == len(files)
    assert total == pytest.approx(session.summary[camera]["recorded_s"], abs=0.5)


@pytest.mark.parametrize("camera", VIRTUAL)
def test_every_segment_plays_by_itself(session: Session, camera: str) -> None:
    """It starts at an IDR with decode times from zero, and knows whose it is and of what time."""
    for path in session.files(camera):
        found = whole(path)
        assert found.init is not None
        assert found.fault is None
        assert (found.init.identity.camera, found.init.identity.stream) == (camera, "main")
        first = found.parts[0]
        assert first.keyframe
        assert first.decode_time == 0
        assert session.started_ns - NS < first.wall_ns < session.stopped_ns
        assert all(part.duration <= 18_000 + 9_000 for part in found.parts)
        for part, following in pairwise(found.parts):
            # A part that is cut before its next picture is known guesses how long its last lasts.
            step = following.decode_time - part.decode_time
            assert step > 0
            assert abs(step - part.duration) < 9000


@pytest.mark.parametrize("camera", VIRTUAL)
def test_the_time_of_a_part_is_the_time_its_picture_was_sent(session: Session, camera: str) -> None:
    """Within 0.3 s of the camera's own word, though sockets are read in bunches of 0.2 s."""
    for path in session.files(camera):
        sent = stored([path])
        number = 0
        for part in whole(path).parts:
            assert abs(part.wall_ns - sent[number][1]) < 0.3 * NS
            number += part.count


@pytest.mark.parametrize("camera", [c for c in VIRTUAL if c != "resized"])
def test_a_camera_that_delivers_has_no_gap_and_one_run(session: Session, camera: str) -> None:
    """Whatever it declares, and however its time stamps jump: pictures came all the time."""
    told = session.summary[camera]
    assert told["gaps"] == []
    assert told["runs"] == 1
    view = ledger(session.directory, camera)
    assert len(view["spans"]) == 1
    assert view["gaps"] == []


def test_segments_are_about_as_long_as_asked_and_staggered(session: Session) -> None:
    """Five seconds and up to a GOP; the first of a run is shorter, each camera's by its share."""
    firsts = set()
    for camera in PLAIN:
        lengths = [sum(p.duration for p in whole(f).parts) / 90_000 for f in session.files(camera)]
        assert all(5 <= length <= 5 + GOP_S + 0.1 for length in lengths[1:-1])
        assert 2.5 <= lengths[0] <= 5 + GOP_S
        firsts.add(session.files(camera)[1].name.split("_")[3])
    assert len(firsts) == 2


def test_a_size_change_ends_the_run_and_loses_nothing(session: Session) -> None:
    """There and back: three runs, each with its own parameter sets, and no picture between."""
    told = session.summary["resized"]
    assert told["runs"] == 3
    assert told["gaps"] == []
    sizes = [
        (stream["width"], stream["height"])
        for path in session.files("resized")
        for stream in ffprobe(path)["streams"]
    ]
    order = [size for size, following in pairwise([*sizes, None]) if size != following]
    assert order == [(320, 240), (192, 144), (320, 240)]


def test_a_rate_that_is_not_as_declared_is_measured(session: Session) -> None:
    """Declared 10, delivered 6: shown as such, and no gap."""
    told = session.summary["slower"]
    assert told["declared_fps"] == 10.0
    assert told["delivered_fps"] == pytest.approx(6.0, abs=1.5)
    assert session.summary["plain"]["delivered_fps"] == pytest.approx(10.0, abs=0.7)


def test_bytes_and_seconds_are_those_on_the_disk(session: Session) -> None:
    """What is printed at the end is not a guess, and the ledger says the same ever after."""
    for camera, told in session.summary.items():
        assert told["bytes"] == sum(path.stat().st_size for path in session.files(camera))
        assert told["recorded_s"] == ledger(session.directory, camera)["recorded_s"]


def test_a_finished_recording_needs_no_repair(session: Session) -> None:
    """Stopped in order, everything is closed, hashed and accounted for."""
    found = checked(session.directory)
    assert (found.repaired, found.unplayable) == ([], [])
    assert set(found.lost_s.values()) == {0.0}


def test_the_ledger_command_prints_json_last_and_text_for_people(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract of the command line: keys, RFC 3339 in UTC, one object a camera."""
    assert main(["ledger", str(session.directory), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told["cameras"]) == set(session.summary)
    plain = told["cameras"]["plain"]
    assert plain["pages"] == 1
    (span,) = plain["spans"]
    low, high = parse_rfc3339(span["from"]), parse_rfc3339(span["to"])
    assert (high - low) / NS == pytest.approx(session.summary["plain"]["recorded_s"], abs=0.002)
    words = ["ledger", str(session.directory), "--camera", "plain"]
    assert main([*words, "--from", span["from"], "--to", span["to"]]) == 0
    text = capsys.readouterr().out
    assert "100,00 %" in text
    assert "other" not in text
    assert main(["ledger", str(session.directory), "--camera", "nobody"]) == 1
    assert main([*words, "--from", "yesterday"]) == 2


def test_the_check_command_prints_json_last_and_text_for_people(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract of the command line."""
    assert main(["check", str(session.directory), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["ok"] is True
    assert told["unplayable"] == 0
    assert told["segments"] == len(list(segment_files(session.directory)))
    assert told["repaired"] == []
    assert told["lost_s"] == dict.fromkeys(session.summary, 0.0)
    assert main(["check", str(session.directory)]) == 0
    assert "all is well" in capsys.readouterr().out
    assert main(["check", str(session.directory / "nowhere")]) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cam01=rtsp://127.0.0.1:1/a", "cam01=rtsp://127.0.0.1:1/b"], "two cameras are called"),
        (["Cam_1=rtsp://127.0.0.1:1/a"], "is no camera name"),
        (["cam01=not a url"], "rtsp"),
        (["rtsp://127.0.0.1:1/a", "--segment-seconds", "2"], "between 5 and 600"),
        (["rtsp://127.0.0.1:1/a", "--password-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
    ],
)
def test_wrong_use_is_told_in_a_sentence_and_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """Before anything is recorded; a password never stands in the sentence."""
    assert main(["record", *words, "--dir", str(tmp_path / "disk")]) == 2
    assert sentence in capsys.readouterr().err


def test_what_is_recorded_is_open_to_the_group_and_to_nobody_else(
    cache: Path, tmp_path: Path
) -> None:
    """A directory that anybody may enter, and a umask of nothing: pictures of people lie in it."""
    tmp_path.chmod(0o755)
    with (
        virtual_cameras(1, cache) as cameras,
        Recording(tmp_path / "d", {"cam01": cameras.url("cam01")}, before=_no_umask) as recording,
    ):
        recording.wait_for_files("cam01")
        recording.stop()
    kept = [tmp_path / "d", *(tmp_path / "d").rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in kept}

    assert any(path.suffix == ".mp4" for path in kept)
    assert [path for path, mode in modes.items() if mode & 0o027] == []


def _no_umask() -> None:
    os.umask(0)


def test_a_second_recorder_on_a_directory_is_refused(cache: Path, tmp_path: Path) -> None:
    """Two of them would tear each other's ledger; the first goes on undisturbed."""
    with virtual_cameras(1, cache) as cameras:
        url = cameras.url("cam01")
        with Recording(tmp_path, {"cam01": url}) as first:
            first.wait_for_files("cam01")
            second = subprocess.run(
                [VONGGAC, "record", f"cam02={url}", "--dir", str(tmp_path), "--seconds", "5"],
                capture_output=True, text=True, check=False, timeout=30,
            )  # fmt: skip
            assert second.returncode == 2
            assert f"another recorder is already running on {tmp_path}" in second.stderr
            assert "Traceback" not in second.stderr
            told = first.stop(signal.SIGINT)
        assert list(told) == ["cam01"]
        assert told["cam01"]["gaps"] == []


def test_a_directory_that_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    """By a file in its place, as a wrong mount point may be."""
    (tmp_path / "disk").write_text("a file")
    done = subprocess.run(
        [VONGGAC, "record", "rtsp://127.0.0.1:1/a", "--dir", str(tmp_path / "disk")],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "disk") in done.stderr


def test_a_recording_ends_by_itself_after_the_seconds_asked_for(
    cache: Path, tmp_path: Path
) -> None:
    """And a camera that delivered nothing makes the exit code 1."""
    with virtual_cameras(1, cache, sets_in_band_only=True) as cameras:
        with (
            Lateness() as late,
            Recording(tmp_path / "a", {"cam01": cameras.url("cam01")}, "--seconds", "2") as good,
        ):
            told = good.finish()
        assert 0 < told["cam01"]["recorded_s"] < 2.3 + late.seconds
        with Recording(
            tmp_path / "b", {"cam01": cameras.url("cam01"), "dead": "rtsp://127.0.0.1:1/x"}
        ) as half:
            half.wait_for_files("cam01")
            (lasting,) = wait_until(lambda: gaps(tmp_path / "b", "dead"), "the ledger tells")
            told = half.stop(code=1)
        assert told["cam01"]["pictures"] > 0
        (gap,) = told["dead"]["gaps"]
        assert gap["cause"] == "unreachable"
        assert parse_rfc3339(gap["to"]) >= lasting.end * NS - 1000


def test_more_cameras_than_files_a_process_may_open_by_default_are_recorded(
    cache: Path, tmp_path: Path
) -> None:
    """A socket and a file each: 300 cameras pass the usual soft limit of 1024."""
    limit = (
        "import os, resource, sys;"
        "resource.setrlimit(resource.RLIMIT_NOFILE,"
        " (60, resource.getrlimit(resource.RLIMIT_NOFILE)[1]));"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    with virtual_cameras(30, cache, cheap=True) as cameras:
        words = [f"{name}={cameras.url(name)}" for name in cameras.names]
        with subprocess.Popen(
            [sys.executable, "-c", limit, VONGGAC, "record", *words, "--dir", str(tmp_path)],
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                wait_until(
                    lambda: len(list(segment_files(tmp_path))) == 30, "all thirty are recorded"
                )
            finally:
                process.terminate()
            assert process.wait(30) == 0


assert SMALL.fps == 10.0, "this module's numbers are of ten pictures a second"


@pytest.mark.skipif(bool(gstreamer_missing()), reason=gstreamer_missing() or "-")
def test_sound_is_recorded_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """A microphone in a corridor hears more than a camera sees: silence is the rule.

    Where the rule of the site allows sound, it lies beside the pictures, for as long as they.
    """
    with (
        gstreamer("sound=h264:audio=1,gop=10") as urls,
        Recording(tmp_path / "mute", {"cam": urls["sound"]}) as mute,
        Recording(tmp_path / "heard", {"cam": urls["sound"]}, "--audio") as heard,
    ):
        for recording in (mute, heard):
            recording.wait_for_files("cam")
        wait_until(lambda: heard.files("cam")[0].stat().st_size > 150_000, "seconds of sound")
        mute.stop()
        heard.stop()
    (silent,), (loud,) = mute.files("cam"), heard.files("cam")
    assert [stream["codec_name"] for stream in ffprobe(silent)["streams"]] == ["h264"]
    video, audio = ffprobe(loud)["streams"]
    assert (video["codec_name"], audio["codec_name"]) == ("h264", "aac")
    assert float(audio["duration"]) == pytest.approx(float(video["duration"]), abs=0.5)
    assert abs(float(audio["start_time"]) - float(video["start_time"])) < 0.5
    checked(tmp_path / "heard")
