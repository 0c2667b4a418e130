"""Every sentence that a recorder writes about missing time has its words in Vietnamese.

The code is read for them: whoever writes a new one is told here that its form is missing from
`rules/evidence.toml`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from vonggac import sentences
from vonggac.edge import ledger
from vonggac.media import rtsp_message, sdp

SOURCE = Path(sentences.__file__).parent
MODULES = (
    "edge/back_off", "edge/choice", "edge/describe", "edge/ingest", "edge/ledger", "edge/libav",
    "edge/onvif", "edge/packets", "edge/recorder", "edge/source", "edge/watchdog",
    "media/digest", "media/h26x", "media/rtp", "media/rtp_audio", "media/rtp_track",
    "media/rtp_video", "media/rtsp", "media/rtsp_message", "media/sdp",
)  # fmt: skip
"""Those whose sentences end up as evidence of a gap."""
SAYING = {
    "RunEnded": 1, "_HungUp": 1, "MalformedError": 0, "lost": 1, "_disk_failed": 2, "_within": 1,
}  # fmt: skip
"""Calls that are given a sentence, and as which argument."""
LOG = "self._log()"
"""What libav logged, in brackets, where it logged anything."""


def piece(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    return " [7]" if ast.unparse(part).strip("f\"'{}") == LOG else "7"


def written(node: ast.expr) -> list[str]:
    """The sentences that an expression can be, with 7 for every value; none if it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(map(piece, parts))]
        case ast.IfExp(body=one, orelse=other):
            return written(one) + written(other)
        case ast.BoolOp(values=several):
            return [text for one in several for text in written(one)]
    return []


def of_module(name: str) -> list[str]:
    """All sentences of a module: in calls, returns of `judge`, notes, and what is called so."""
    found: list[str] = []
    for node in ast.walk(ast.parse((SOURCE / f"{name}.py").read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=args):
                place = SAYING.get(called)
                if ast.unparse(node.func).endswith("notes.append"):
                    place = 0
                if place is not None and len(args) > place:
                    found += written(args[place])
            case ast.FunctionDef(name="judge"):
                for one in ast.walk(node):
                    if isinstance(one, ast.Return) and one.value is not None:
                        found += written(one.value)
            case ast.Assign(targets=[ast.Name(id="evidence" | "why"), *_], value=value):
                found += written(value)
            case ast.Assign(
                targets=[ast.Tuple(elts=[_, ast.Name(id="what")])], value=ast.Tuple(elts=[_, value])
            ):
                found += [f"{text}: 7" for text in written(value)]
    return [text for text in found if " " in text and not text.startswith(("insert ", "7: 7"))]


@pytest.mark.parametrize("name", MODULES)
def test_every_sentence_of_the_recorder_has_words_in_both_languages(name: str) -> None:
    """A page in Vietnamese with an English reason on it is half a page."""
    missing = [text for text in of_module(name) if sentences.find(text) is None]

    assert missing == []


def test_sentences_are_found_in_the_code() -> None:
    """Else the test above would be true of nothing."""
    assert len({text for name in MODULES for text in of_module(name)}) > 100


def test_absences_and_oddities_have_words_too() -> None:
    """They stand in tables, not in calls."""
    said = [*ledger.ABSENCES.values(), *rtsp_message.Oddity, *sdp.Oddity]

    assert [text for text in said if sentences.find(text) is None] == []


@pytest.mark.parametrize(
    ("said", "code", "vi"),
    [
        (
            "no TCP connection to 10.0.0.8:554 within 0.5 s", "no_tcp",
            "không nối được TCP tới 10.0.0.8:554 trong 0,5 giây",
        ),
        (
            "10.0.0.8:554: Connection refused", "place_says",
            "10.0.0.8:554: cổng không mở (kết nối bị từ chối)",
        ),
        (
            "No space left on device while writing cam01/a.mp4", "while_writing",
            "ổ đĩa hết chỗ khi ghi tệp cam01/a.mp4",
        ),
        ("No space left on device: /data", "at_place", "ổ đĩa hết chỗ: /data"),
        (
            "ours refused it: the camera delivers over UDP only; TCP was asked for",
            "ours_refused",
            "bộ kết nối của phần mềm không nhận: camera chỉ phát qua UDP trong khi cần TCP",
        ),
        (
            "the camera answers 454 Session Not Found to PLAY", "answers_to",
            "camera trả lời “454 Session Not Found” cho lệnh PLAY",
        ),
    ],
)  # fmt: skip
def test_a_sentence_is_taken_apart_and_said_in_vietnamese(said: str, code: str, vi: str) -> None:
    """Form and values; what the camera said itself stays as it said it."""
    found = sentences.find(said)

    assert found is not None
    assert (found.code, found.vi) == (code, vi)
    assert sentences.say(said, "en") == said


def test_what_has_no_form_is_quoted() -> None:
    """An operator's own words, or a recorder newer than this page."""
    assert sentences.say("lịch bảo trì", "vi") == "“lịch bảo trì”"
    assert sentences.say("x" * 2000, "en") == "x" * 2000
    assert sentences.say("", "vi") == ""
    assert sentences.say("weaker_digest", "en") == "accepts only the weaker digest"


def test_every_form_names_the_same_values_in_both_languages() -> None:
    """And no two forms have one code."""
    forms = sentences.forms()

    for form in forms:
        assert set(re.findall(r"\{(\w+)\}", form.vi)) == set(re.findall(r"\{(\w+)\}", form.en))
    assert len({form.code for form in forms}) == len(forms)
