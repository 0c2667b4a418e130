"""`vonggac picture`: a technician and a script read the same of a file or a camera."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from test_picture_measures import noisy, room

from recordings import virtual_cameras
from vonggac.cli import main
from vonggac.edge.picture_measures import HEIGHT, WIDTH

SIZE = (WIDTH * 2, HEIGHT * 2)


def clip(path, pictures) -> str:
    """An MP4 of keyframes, two seconds apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "g": "1", "qp": "26"}
        stream.codec_context.time_base = Fraction(1, 2)
        for number, picture in enumerate(pictures):
            planes = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
            planes[: SIZE[1]] = picture.repeat(2, 0).repeat(2, 1) * (219 / 255) + 16
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number * 4, Fraction(1, 2)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(path)


def asked(capsys, *words: str) -> tuple[int, list[dict]]:
    """Exit code and the JSON lines."""
    code = main(["picture", *words, "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_clip_in_which_the_camera_is_moved(tmp_path, capsys):
    """Measures of every keyframe, the fault as it begins, and a summary on the last line."""
    well = [noisy(room(), number) for number in range(8)]
    moved = [noisy(room(dx=40), number) for number in range(8)]
    path = clip(tmp_path / "moved.mp4", [*well, *moved])

    code, lines = asked(capsys, path)

    assert code == 1
    assert [line["kind"] for line in lines].count("picture") == 16
    fault = next(line for line in lines if line["kind"] == "fault")
    assert (fault["what"], fault["strong"], fault["since"]) == ("moved", True, 16.0)
    assert fault["found"] - fault["since"] == 6
    assert lines[0]["same"] == 1.0
    pictures = [line for line in lines if line["kind"] == "picture"]
    assert pictures[12]["shift_x"] == pytest.approx(-40 / WIDTH, abs=0.01)
    assert lines[-1]["kind"] == "summary"
    assert lines[-1]["pictures"] == 16
    assert [one["what"] for one in lines[-1]["faults"]] == ["moved"]
    assert [one["approved_by"] for one in lines[-1]["references"]] == [None]


def test_a_reference_is_kept_looked_at_and_held_against(tmp_path, capsys):
    """What a person approved counts, not what the camera shows first."""
    kept = tmp_path / "approved.pgm"
    good = clip(tmp_path / "good.mp4", [noisy(room(), number) for number in range(6)])
    turned = clip(tmp_path / "turned.mp4", [noisy(room(9), number) for number in range(6)])

    assert asked(capsys, good, "--keep", str(kept), "--by", "Tổ kỹ thuật")[0] == 0
    with av.open(str(kept)) as container:
        picture = next(container.decode(video=0))
    code, lines = asked(capsys, turned, "--reference", str(kept))

    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert code == 1
    assert [one["what"] for one in lines[-1]["faults"]] == ["moved"]
    assert lines[-1]["references"][0]["approved_by"] == "Tổ kỹ thuật"


def test_people_read_the_same(tmp_path, capsys):
    """Without --json the lines are for the eye."""
    path = clip(tmp_path / "good.mp4", [noisy(room(), number) for number in range(6)])

    code = main(["picture", path])
    said = capsys.readouterr().out

    assert code == 0
    assert "same 1.00" in said
    assert "6 pictures against " in said
    assert ", which nobody approved: no fault(s)" in said


def test_a_camera_is_looked_at_over_rtsp(cache, capsys):
    """The same way as the edge goes: our own source, a decoder in a process of its own."""
    with virtual_cameras(1, cache) as cameras:
        code, lines = asked(capsys, cameras.url("cam01"), "--seconds", "3", "--every", "0")

    assert lines[-1]["kind"] == "summary"
    assert lines[-1]["pictures"] >= 2
    assert lines[-1]["damaged"] == 0
    assert lines[-1]["began"].startswith("20")
    assert code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.mp4"], "nothing.mp4 is neither a file nor a URL"),
        ([__file__, "--ignore", "0,0 1"], "--ignore '0,0 1': corners such as"),
        ([__file__, "--ignore", "0,0 1,0 1,1 0,1"], "less than a tenth"),
        ([__file__, "--sensitivity", "9"], "out of bounds"),
        ([__file__, "--every", "-1"], "--every is between"),
        ([__file__, "--reference", __file__], "is no reference: make one with"),
        (["http://h/1"], "not a camera's URL"),
    ],
)
def test_wrong_use_says_what_to_do(words, said, capsys):
    """Exit code 2, and a sentence that names the option."""
    assert main(["picture", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_without_video_is_refused_in_a_sentence(capsys):
    """Whoever gives the wrong file reads so."""
    code, lines = asked(capsys, __file__)

    assert code == 1
    assert list(lines[-1]) == ["error"]
