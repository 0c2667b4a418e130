"""Evidence: whatever is changed in an export is named, with the site's public key alone."""

from __future__ import annotations

import io
import json
import random
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import av
import msgspec
import pytest

from evidence_made import BEGIN, KEY, OTHER_KEY, TINY, export, proven, record, sealed
from footage import footage
from vonggac import cli, wire
from vonggac.clock import NS, rfc3339
from vonggac.errors import MalformedError
from vonggac.evidence import (
    MANIFEST,
    SEAL,
    EvidenceZip,
    InMemory,
    Manifest,
    Verdict,
    fingerprint,
    verify,
)
from vonggac.evidence.gather import Receiver
from vonggac.evidence.manifest import decode_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evidence_made import Recorded

CLIP = "cam01/clip-1.mp4"
PAGE = "pages/cam01-000000.json"
FLIPS = 4_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Twelve seconds in three segments, then nothing for eight."""
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def whole(recorded: Recorded) -> dict[str, bytes]:
    """An export that begins and ends in the middle of a segment."""
    return export(recorded, 1.5, 9.5)


def verified(files: dict[str, bytes], key: str | None = KEY.public) -> Verdict:
    return verify(InMemory(files), key=key)


def faults(files: dict[str, bytes]) -> list[str]:
    return verified(files).faults


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return decode_manifest(files[MANIFEST])


def test_an_export_as_it_was_made_verifies(whole: dict[str, bytes]) -> None:
    """From which camera, which second, with which gaps, and by whose key."""
    found = verified(whole)

    assert found.faults == []
    assert found.as_json() == {
        "ok": True,
        "site": "k3vq7m2xw5tdhn6ryb4pcz2aej",
        "site_title": "KS Mường Hoa",
        "export": "x" * 26,
        "cameras": ["cam01"],
        "from": rfc3339(BEGIN + 1_500_000_000),
        "to": rfc3339(BEGIN + 9_500_000_000),
        "gaps": [],
        "faults": [],
        "parts": found.parts,
        "key": fingerprint(KEY.public),
        "key_changes": [],
        "key_given": True,
    }
    assert found.parts > 10


def test_the_clip_plays_from_the_moment_to_the_moment(whole: dict[str, bytes]) -> None:
    """A court opens the file with a double click; libavformat reads every picture of it."""
    with av.open(io.BytesIO(whole[CLIP])) as container:
        stream = container.streams.video[0]
        pictures = sum(1 for _ in container.decode(stream))
        seconds = container.duration / 1_000_000 if container.duration else 0

    assert seconds == pytest.approx(8.0, abs=0.15)
    # The pictures between the keyframe and the first moment are in the file and are not shown.
    assert 80 <= pictures <= 86


def test_the_clip_holds_the_recorded_bytes_and_an_index(
    recorded: Recorded, whole: dict[str, bytes]
) -> None:
    """Remuxed only: behind the index stands, byte for byte, what lies on the box's disk."""
    clip = manifest_of(whole).cameras[0].clips[0]
    content = whole[CLIP]
    at = clip.index
    for segment in clip.segments:
        size = segment.init + sum(size for size, _ in segment.parts)
        piece = content[at : at + size]
        at += size
        files = [path.read_bytes() for path in sorted(recorded.directory.glob("cam01/*.mp4"))]
        assert any(file.startswith(piece[: segment.init]) for file in files)
        assert any(piece[segment.init :] in file for file in files)
    assert at == len(content)


def test_any_flipped_bit_is_found(whole: dict[str, bytes]) -> None:
    """Thousands of single bits of clip, manifest, pages, seal and minutes: every one is found."""
    dice = random.Random(20261118)
    places = [CLIP, MANIFEST, PAGE, SEAL, "minutes.pdf"]
    missed = []
    for number in range(FLIPS):
        name = places[number % len(places)]
        content = bytearray(whole[name])
        at, bit = dice.randrange(len(content)), dice.randrange(8)
        content[at] ^= 1 << bit
        if not faults({**whole, name: bytes(content)}):
            missed.append((name, at, bit))

    assert missed == []


def test_every_byte_of_seal_and_page_matters(whole: dict[str, bytes]) -> None:
    """They are short: no byte of them is left out, also not those that base64 does not need."""
    for name in (SEAL, PAGE):
        for at in range(len(whole[name])):
            content = bytearray(whole[name])
            content[at] ^= 1
            assert faults({**whole, name: bytes(content)}), (name, at)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: {**f, CLIP: f[CLIP][:-1]}, "is cut: "),
        (lambda f: {**f, CLIP: f[CLIP] + b"\0"}, "1 bytes were added"),
        (lambda f: {k: v for k, v in f.items() if k != CLIP}, f"{CLIP} is missing"),
        (lambda f: {k: v for k, v in f.items() if k != PAGE}, f"{PAGE} is missing"),
        (lambda f: {k: v for k, v in f.items() if k != SEAL}, "no seal.json"),
        (lambda f: {k: v for k, v in f.items() if k != MANIFEST}, "no manifest.json"),
        (lambda f: {**f, "more.txt": b"x"}, "more.txt: the manifest does not name it"),
        (lambda f: {**f, MANIFEST: b"{}"}, "manifest.json was changed"),
        (lambda f: {**f, SEAL: f[PAGE]}, "seal.json is a fact of the site about something else"),
        (lambda f: {**f, PAGE: f[SEAL]}, f"{PAGE} is a fact of the site about something else"),
    ],
)
def test_what_was_done_is_said(
    whole: dict[str, bytes], change: Callable[[dict[str, bytes]], dict[str, bytes]], said: str
) -> None:
    """Whoever verifies reads what happened, not that a number is wrong."""
    found = faults(change(whole))

    assert any(said in fault for fault in found), found


def pieces_of(files: dict[str, bytes]) -> list[tuple[int, int]]:
    """Where each part lies in the clip."""
    clip = manifest_of(files).cameras[0].clips[0]
    at = clip.index
    found = []
    for segment in clip.segments:
        at += segment.init
        for size, _ in segment.parts:
            found.append((at, at + size))
            at += size
    return found


def test_a_changed_part_is_named_with_its_second(whole: dict[str, bytes]) -> None:
    """Which second cannot be trusted any more, and that the others can."""
    _, end = pieces_of(whole)[7]
    content = bytearray(whole[CLIP])
    content[end - 10] ^= 4

    found = verified({**whole, CLIP: bytes(content)})

    (fault,) = found.faults
    assert fault.startswith(f"cam01: {CLIP}: part 2 of segment 2, about 2026-08-01T10:50:04.500Z")
    assert fault.endswith("was changed")
    assert found.parts == len(pieces_of(whole)) - 1


def test_a_changed_index_is_told_from_changed_pictures(whole: dict[str, bytes]) -> None:
    """The sample tables are ours; the recorded parts behind them are whole."""
    content = bytearray(whole[CLIP])
    content[200] ^= 1

    assert faults({**whole, CLIP: bytes(content)}) == [
        f"cam01: {CLIP}: its index was changed; the recorded parts are whole"
    ]


def test_parts_in_another_order_are_called_so(whole: dict[str, bytes]) -> None:
    """Two neighbours of the same length change places."""
    pieces = pieces_of(whole)
    content = whole[CLIP]
    one, other = next(
        (a, b)
        for a in pieces
        for b in pieces
        if a < b and a[1] - a[0] == b[1] - b[0] and content[slice(*a)] != content[slice(*b)]
    )
    mixed = bytearray(content)
    mixed[slice(*one)], mixed[slice(*other)] = content[slice(*other)], content[slice(*one)]

    found = faults({**whole, CLIP: bytes(mixed)})

    assert sum("is out of order" in fault for fault in found) == 2, found


def changed(files: dict[str, bytes], change: Callable[[Any], None], *, by: Any = KEY) -> list[str]:
    """Faults of an export whose manifest somebody wrote anew: without the site's key, or with."""
    told = json.loads(files[MANIFEST])
    change(told)
    content = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
    manifest = msgspec.json.decode(content, type=Manifest)
    return faults(sealed(files, manifest, by))


@pytest.mark.parametrize("by", [KEY, OTHER_KEY])
def test_a_manifest_written_anew_does_not_verify(whole: dict[str, bytes], by: Any) -> None:
    """Re-dated, cut or re-ordered consistently: the signed pages say otherwise.

    Without the site's key the seal is broken as well; with it, what it signed before still holds.
    """
    later = str(BEGIN + 5 * NS)

    def redate(told: Any) -> None:
        for segment in told["cameras"][0]["clips"][0]["segments"]:
            segment["shift"] = str(3_600 * NS)
            for edge in ("from", "to"):
                segment[edge] = str(int(segment[edge]) + 3_600 * NS)

    def drop(told: Any) -> None:
        del told["cameras"][0]["clips"][0]["segments"][1]

    def turn(told: Any) -> None:
        told["cameras"][0]["clips"][0]["segments"].reverse()

    cases: list[tuple[Callable[[Any], None], str]] = [
        (redate, "outside of the page that holds it"),
        (drop, "was recorded and is not here"),
        (turn, "is not in order of time"),
        (lambda told: told.update({"to": str(BEGIN + 30 * NS)}), "no signed page says what was"),
        (lambda told: told["cameras"][0].update(camera="cam02"), "is a page of another camera"),
        (
            lambda told: told["cameras"][0]["gaps"].append(
                {"from": later, "to": str(BEGIN + 6 * NS), "cause": "unreachable"}
            ),
            "the gaps that the manifest names are not those",
        ),
        (lambda told: told["cameras"][0].update(clips=[]), "was recorded and is not here"),
        (
            lambda told: told["cameras"][0]["clips"][0]["segments"][0].update(index=1),
            "is not in the page that the site signed",
        ),
    ]
    for change, said in cases:
        found = changed(whole, change, by=by)
        assert any(said in fault for fault in found), (said, found)
        assert any("signature is not the site's" in fault for fault in found) is (by is OTHER_KEY)


def test_another_key_is_not_the_sites(whole: dict[str, bytes]) -> None:
    """A forger signs with a key of their own: only the given key tells."""
    found = verified(whole, OTHER_KEY.public)

    assert not found.ok
    assert "the export names another key than the one that was given" in found.faults
    assert verified(whole, None).fingerprint == fingerprint(KEY.public)
    assert verified(whole, None).as_json()["key_given"] is False
    assert verified(whole, "not a key").faults[-1].startswith("the public key is not")


def test_gaps_inside_the_span_are_told_and_are_no_fault(recorded: Recorded) -> None:
    """The pages say that nothing was recorded: missing pictures with a signed cause."""
    files = export(recorded, 6, 18)

    found = verified(files)

    assert found.faults == []
    assert found.gaps == [
        {
            "camera": "cam01",
            "from": rfc3339(BEGIN + 12 * NS),
            "to": rfc3339(BEGIN + 18 * NS),
            "cause": "unreachable",
        }
    ]


def test_a_span_without_a_picture_is_an_export_of_its_gap(recorded: Recorded) -> None:
    """That nothing was recorded can be evidence too."""
    files = export(recorded, 14, 18)

    found = verified(files)

    assert found.ok, found.faults
    assert [gap["cause"] for gap in found.gaps] == ["unreachable"]
    assert not any(name.endswith(".mp4") for name in files)


def test_a_span_over_the_hour_needs_both_pages(tmp_path: Path) -> None:
    """A segment that began before the hour is proved by that hour's page."""
    made = record(tmp_path, (0, 597, 601), until_s=620)

    files = export(made, 599, 604)

    assert {name for name in files if name.startswith("pages/")} == {
        PAGE,
        "pages/cam01-000001.json",
    }
    assert verified(files).faults == []
    second = json.loads(files["pages/cam01-000001.json"])
    second[3] += 1
    assert faults({**files, "pages/cam01-000001.json": json.dumps(second).encode()})


def test_a_new_format_begins_a_new_clip(tmp_path: Path) -> None:
    """Somebody turned a knob: one file cannot hold both, and both are proved."""
    other = footage(seconds=4, size=(96, 64), gop=10, fps=10)
    made = record(tmp_path, films=(TINY, other, other))

    files = export(made, 1, 11)

    assert [name for name in files if name.endswith(".mp4")] == [CLIP, "cam01/clip-2.mp4"]
    assert verified(files).faults == []


def test_what_retention_took_is_declared(tmp_path: Path) -> None:
    """The page says that it was recorded; the export says that it is gone, under the seal."""
    made = record(tmp_path)
    gone = sorted(tmp_path.glob("cam01/*.mp4"))[1]
    gone.unlink()

    found = verified(export(made, 1, 11))

    assert found.faults == []
    assert [gap["cause"] for gap in found.gaps] == ["lost"]
    assert proven(made, 1, 11).proof.unproven[0].endswith("the file is gone or was never closed")


def test_the_box_is_not_ready_before_the_page_is_closed(recorded: Recorded) -> None:
    """What no page covers cannot be proved yet; the hub asks again."""
    assert proven(recorded, 10, 21).proof.ready is False


def test_a_clip_that_comes_longer_or_shorter_is_refused(recorded: Recorded) -> None:
    """The line broke, or the box lies."""
    found = proven(recorded, 1, 3)
    (told,), (clip,) = found.proof.clips, found.clips
    content = clip.read(0, clip.size)

    short = Receiver(told)
    short.feed(content[:-1])
    with pytest.raises(MalformedError, match="bytes, not"):
        short.finish("a/b.mp4")
    with pytest.raises(MalformedError, match="longer than the box said"):
        Receiver(told).feed(content + b"x")


# -- the ZIP and the command -----------------------------------------------------------------


def zipped(path: Path, files: dict[str, bytes], *, kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = cli.main(["verify", *words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_command_says_yes_and_no(
    tmp_path: Path, whole: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0 for what was recorded, 1 for anything else, 2 for a file that is not there."""
    key = tmp_path / "site.pub"
    key.write_text(KEY.public + "\n")
    good = zipped(tmp_path / "good.zip", whole)
    content = bytearray(good.read_bytes())
    content[content.index(whole[CLIP]) + 5_000] ^= 1
    bad = tmp_path / "bad.zip"
    bad.write_bytes(content)

    code, told = run(capsys, str(good), "--key", str(key))
    assert (code, told["ok"], told["cameras"], told["faults"]) == (0, True, ["cam01"], [])
    code, told = run(capsys, str(bad), "--key", str(key))
    assert (code, told["ok"], len(told["faults"])) == (1, False, 1)
    assert cli.main(["verify", str(good)]) == 0
    assert "unchanged and complete" in capsys.readouterr().out
    assert cli.main(["verify", str(bad)]) == 1
    assert "wrong: cam01" in capsys.readouterr().out
    assert cli.main(["verify", str(tmp_path / "none.zip")]) == 2
    assert cli.main(["verify", str(good), "--key", str(good)]) == 2


def test_what_is_no_export_is_refused_without_being_unpacked(
    tmp_path: Path, whole: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Compressed, twice the same name, torn, or no ZIP at all: one fault and no work."""
    squeezed = zipped(tmp_path / "squeezed.zip", whole, kind=zipfile.ZIP_DEFLATED)
    torn = tmp_path / "torn.zip"
    torn.write_bytes(zipped(tmp_path / "whole.zip", whole).read_bytes()[:-100])
    nothing = tmp_path / "nothing.zip"
    nothing.write_bytes(b"not a zip")
    for path in (squeezed, torn, nothing):
        code, told = run(capsys, str(path))
        assert (code, told["ok"], len(told["faults"])) == (1, False, 1), path
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(MalformedError, match="twice"):
        EvidenceZip(tmp_path / "twice.zip")


def test_arbitrary_bytes_in_any_file_are_a_fault_and_no_crash(whole: dict[str, bytes]) -> None:
    """A verifier for a court reads what an opponent hands it."""
    dice = random.Random(7)
    for number in range(300):
        name = [MANIFEST, SEAL, PAGE][number % 3]
        kind = dice.randrange(3)
        if kind == 0:
            content = dice.randbytes(dice.randrange(200))
        elif kind == 1:
            content = whole[name][: dice.randrange(len(whole[name]))]
        else:
            cut = dice.randrange(len(whole[name]))
            content = whole[name][cut:] + whole[name][:cut]
        if content != whole[name]:
            assert faults({**whole, name: content})


def test_the_seal_is_over_the_manifest_and_nothing_else(whole: dict[str, bytes]) -> None:
    """What the site signs is one digest, with the export's id."""
    sealed_ = msgspec.json.decode(whole[SEAL], type=wire.Envelope)
    fact = wire.decode_fact(sealed_.payload)

    assert isinstance(fact, wire.Anchored)
    assert (fact.what, fact.name) == ("export", "x" * 26)
    assert fact.digest == sha256(whole[MANIFEST]).hexdigest()
