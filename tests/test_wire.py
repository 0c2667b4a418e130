"""Subjects, messages and frames: what goes in comes out, garbage is refused, the page is true."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac import wire
from vonggac.causes import Cause
from vonggac.errors import Kind, MalformedError, VonggacError

PAGE = (Path(__file__).parents[1] / "docs" / "ref" / "subjects.md").read_text(encoding="utf-8")

ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
cameras = names | st.just(wire.NO_CAMERA)
numbers = st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True)
subjects = st.one_of(
    st.builds(wire.LiveSubject, ids, ids, names, st.sampled_from(("main", "sub"))),
    st.builds(wire.AskSubject, ids, ids, st.sampled_from(wire.Verb), cameras, ids),
    st.builds(wire.ReplySubject, ids, ids, ids, numbers),
    st.builds(wire.FactSubject, ids, ids, st.from_regex(r"[a-z_]{1,32}", fullmatch=True), cameras),
    st.builds(wire.WantSubject, ids, ids, names),
)


# ---- subjects ------------------------------------------------------------------------------


@given(subjects)
def test_subject_is_read_back_as_it_was_built(subject: wire.Subject) -> None:
    """One module builds and parses; nothing else may take a subject apart."""
    assert wire.parse_subject(str(subject)) == subject


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (wire.LiveSubject("h", "s", "cam01", "sub"), "vg.h.s.live.cam01.sub"),
        (wire.AskSubject("h", "s", wire.Verb.GOP, "cam01", "g"), "vg.h.s.ask.gop.cam01.g"),
        (wire.ReplySubject("h", "s", "g", "7"), "vg.h.s.re.g.7"),
        (wire.FactSubject("h", "s", "page", "cam01"), "vg.h.s.fact.page.cam01"),
        (wire.FactSubject("h", "s", "disk"), "vg.h.s.fact.disk.-"),
        (wire.WantSubject("h", "s", "cameras"), "vg.h.s.want.cameras"),
    ],
)
def test_subjects_look_as_documented(subject: wire.Subject, text: str) -> None:
    """Written out, because browsers and credentials are written against it."""
    assert str(subject) == text


A, B = "a" * 26, "b" * 26


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vg",
        f"vg.{A}.{B}",
        f"xx.{A}.{B}.live.cam01.main",
        f"vg.{A}.{B}.live.cam01.third",
        f"vg.{A}.{B}.live.cam01",
        f"vg.{A}.{B}.live.cam01.main.more",
        f"vg.{A}.{B}.live.*.main",
        f"vg.{A}.{B}.live.-.main",
        f"vg.{A}.{B}.live.Cam01.main",
        f"vg.*.{B}.live.cam01.main",
        f"vg.{A}.>.live.cam01.main",
        f"vg.{A}.{B}\n.live.cam01.main",
        f"vg.{A}.{B}.ask.destroy.cam01.{A}",
        f"vg.{A}.{B}.ask.open.cam01.short",
        f"vg.{A}.{B}.ask.open.cam01.{A}.1",
        f"vg.{A}.{B}.re.{A}.UPPER",
        f"vg.{A}.{B}.re.{A}.12345678901234567",
        f"vg.{A}.{B}.re.{A}.1\n",
        f"vg.{A}.{B}.fact.page",
        f"vg.{A}.{B}.fact.pa-ge.cam01",
        f"vg.{A}.{B}.want.a.b",
        f"vg.{A}.{B}.dlv.cam01.main",
    ],
)
def test_subject_that_is_none_of_ours_is_refused(text: str) -> None:
    """Reply subjects come from browsers: each token is held to its form."""
    with pytest.raises(MalformedError):
        wire.parse_subject(text)


@given(st.text())
def test_any_text_is_a_subject_or_refused(text: str) -> None:
    """Never another exception."""
    try:
        parsed = wire.parse_subject(text)
    except MalformedError:
        return
    assert str(parsed) == text


# ---- parts, questions, answers -------------------------------------------------------------


@given(
    st.builds(
        wire.PartHead,
        st.binary(min_size=16, max_size=16).map(bytes.hex),
        st.integers(0, 10**9),
        st.integers(0, 10**12),
        st.booleans(),
        st.integers(0, 10**15),
        st.integers(0, 10**19 - 1),
    )
)
def test_part_head_is_read_back(head: wire.PartHead) -> None:
    """Six headers a part."""
    assert wire.part_head(head.headers()) == head


@pytest.mark.parametrize(
    "changed",
    [
        {"Vg-Run": ""},
        {"Vg-Run": "A" * 32},
        {"Vg-Run": "0" * 31},
        {"Vg-Seq": "-1"},
        {"Vg-Seq": "1.5"},
        {"Vg-Seq": "٣"},
        {"Vg-Seq": "9" * 20},
        {"Vg-Dt": ""},
        {"Vg-Wall": "now"},
    ],
)
def test_part_head_that_says_no_number_is_refused(changed: dict[str, str]) -> None:
    """int() would take Arabic digits and blanks; we do not."""
    headers = wire.PartHead("0" * 32, 1, 2, True, 3, 4).headers() | changed

    with pytest.raises(MalformedError):
        wire.part_head(headers)


@given(st.binary(max_size=300), st.sampled_from(list(wire.ASKS.values())))
def test_any_bytes_are_a_question_or_refused(body: bytes, kind: type[msgspec.Struct]) -> None:
    """With a kind that the asker can read, never a decoder's own exception."""
    try:
        wire.decode_ask(body, kind)
    except VonggacError as error:
        assert error.kind in (Kind.BAD_INPUT, Kind.TOO_LARGE)


def test_every_verb_has_a_body_and_a_viewers_verb_is_never_the_hubs() -> None:
    """A verb added without its body or its place would be open to nobody or to everybody."""
    assert set(wire.ASKS) == set(wire.Verb)
    assert wire.VIEWER_VERBS == ("open", "gop", "timeline", "snapshot")


@given(st.lists(st.binary(max_size=3_000), max_size=20), st.data())
def test_frames_come_out_however_they_are_cut(contents: list[bytes], data: st.DataObject) -> None:
    """Frames do not respect the borders of chunks."""
    stream = b"".join(wire.frame(content) for content in contents)
    reader = wire.FrameReader()
    got: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += reader.feed(stream[:size])
        stream = stream[size:]

    assert got == contents
    assert reader.unfinished == 0


def test_frame_that_claims_too_much_is_refused_before_it_is_read() -> None:
    """Four bytes shall not make us wait for four gigabytes."""
    reader = wire.FrameReader(limit=1_000)

    with pytest.raises(MalformedError, match="1001"):
        reader.feed((1_001).to_bytes(4, "big"))


@given(st.lists(st.integers(0, 300_000), max_size=6))
def test_chunks_are_full_but_for_the_last_and_lose_nothing(sizes: list[int]) -> None:
    """An empty answer is one empty chunk: the asker needs a last message."""
    pieces = [bytes([n % 256]) * size for n, size in enumerate(sizes)]

    cut = list(wire.chunks(pieces))

    assert b"".join(cut) == b"".join(pieces)
    assert all(len(chunk) == wire.CHUNK for chunk in cut[:-1])
    assert len(cut[-1]) <= wire.CHUNK


# ---- facts ---------------------------------------------------------------------------------


def test_fact_is_read_back_and_says_what_it_is_about() -> None:
    """The kind and the camera stand in the subject, taken from the fact itself."""
    fact = wire.GapClosed(
        at=5, camera="cam01", stream="main", from_=1, to=4, cause=Cause.STALLED, evidence="no data"
    )

    payload = wire.encode_fact(fact)

    assert payload == (
        b'{"kind":"gap","at":5,"camera":"cam01","stream":"main","from":1,"to":4,'
        b'"cause":"stalled","evidence":"no data"}'
    )
    assert wire.decode_fact(payload) == fact
    assert (wire.fact_kind(fact), fact.about) == ("gap", "cam01")
    assert wire.BoxStopped(at=1).about == "-"
    assert wire.Audited(
        at=1, actor="a", purpose="p", grant="g", verb="status", outcome="answered"
    ).about == "-"  # fmt: skip


def test_page_inside_a_fact_keeps_its_exact_bytes() -> None:
    """The hash of a page is over the bytes as they were signed, whoever reads them later."""
    odd = b'{ "site" : "x", "new_field": [1,2 ,3] }'
    payload = wire.encode_fact(wire.PageClosed(at=1, camera="cam01", page=msgspec.Raw(odd)))

    fact = wire.decode_fact(payload)

    assert isinstance(fact, wire.PageClosed)
    assert bytes(fact.page) == odd


def test_page_is_read_back() -> None:
    """An hour of a camera, with what it proves."""
    stream = wire.PageStream(
        "main",
        ((1, 2),),
        (wire.PageGap(2, 3, Cause.UNREACHABLE),),
        10,
        20,
        25.0,
        24.9,
        None,
        1,
        "ab",
    )
    page = wire.Page("a" * 26, "cam01", 0, 0, 3, (stream,), "")

    assert wire.decode_page(wire.encode_page(page)) == page


def test_fact_of_a_newer_version_is_refused_by_name_and_a_newer_field_is_not() -> None:
    """A box may be newer than its hub: what is known is read, what is not is kept sealed."""
    assert wire.decode_fact(b'{"kind":"box_stopped","at":1,"why":"new"}') == wire.BoxStopped(at=1)
    with pytest.raises(MalformedError, match="telepathy"):
        wire.decode_fact(b'{"kind":"telepathy","at":1}')


@given(st.binary(max_size=300))
def test_any_bytes_are_an_envelope_or_refused(message: bytes) -> None:
    """A hostile site can put anything into its own stream."""
    with pytest.raises(MalformedError):
        wire.decode_envelope(message)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"site": "A" * 26},
        {"site": "a" * 26 + "\n"},
        {"epoch": -1},
        {"sequence": -1},
        {"payload": bytes(wire.MAX_FACT)},
    ],
)
def test_impossible_envelope_is_refused(changed: dict[str, typing.Any]) -> None:
    """Before anything is verified, and before a database sees it."""
    fields = {
        "version": 1, "site": "a" * 26, "epoch": 0, "sequence": 0, "payload": b"", "signature": b"",
    } | changed  # fmt: skip

    with pytest.raises(MalformedError):
        wire.decode_envelope(wire.encode_envelope(wire.Envelope(**fields)))


# ---- the page ------------------------------------------------------------------------------


def column(heading: str, number: int = 0) -> list[str]:
    """The names in backticks in a column of the table below a heading, first name a row."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")]
    return [
        name for row in rows[2:] for name in re.findall(r"`([^`]+)`", row[number])
    ]  # fmt: skip


def test_page_lists_every_subject() -> None:
    """docs/ref/subjects.md against the code: the built subjects, with their tokens' names."""
    built = {
        str(wire.LiveSubject("<hub>", "<site>", "<camera>", "<stream>")),  # type: ignore[arg-type]
        str(wire.AskSubject("<hub>", "<site>", "<verb>", "<camera>", "<grant>")),  # type: ignore[arg-type]
        str(wire.ReplySubject("<hub>", "<site>", "<grant>", "<n>")),
        str(wire.FactSubject("<hub>", "<site>", "<kind>", "<camera>")),
        str(wire.WantSubject("<hub>", "<site>", "<key>")),
    }

    assert set(column("Subjects")) == built


def test_page_lists_every_verb_with_its_fields() -> None:
    """A field that the page does not name, no browser would send."""
    assert column("Questions") == [verb.value for verb in (
        wire.Verb.OPEN, wire.Verb.GOP, wire.Verb.TIMELINE, wire.Verb.SNAPSHOT, wire.Verb.MORE,
        wire.Verb.MP4, wire.Verb.PROBE, wire.Verb.DISCOVER, wire.Verb.CONFIGURE, wire.Verb.REVOKE,
        wire.Verb.STATUS, wire.Verb.EXPORT, wire.Verb.ANCHOR, wire.Verb.LEDGER,
    )]  # fmt: skip
    section = PAGE.split("\n## Questions\n", 1)[1].split("\n## ", 1)[0]
    for verb, kind in wire.ASKS.items():
        line = next(line for line in section.splitlines() if line.startswith(f"| `{verb}`"))
        body = line.split("|")[3]
        assert set(re.findall(r'"(\w+)"(?=[,:}])', body)) == set(kind.__struct_encode_fields__)


def test_page_lists_every_header() -> None:
    """Ours all begin with Vg-, and each stands on the page."""
    assert set(re.findall(r"Vg-[A-Z][a-z]+[0-9]?", PAGE)) == set(wire.HEADERS)


def test_page_lists_every_fact_with_its_fields() -> None:
    """The hub and the verifier are written against it."""
    section = PAGE.split("\n## Facts\n", 1)[1].split("\n## ", 1)[0]
    listed = {
        re.findall(r"`(\w+)`", row[1])[0]: set(re.findall(r"`(\w+)`", row[3]))
        for row in (line.split("|") for line in section.splitlines() if line.startswith("| `"))
    }

    assert listed == {
        kind.__struct_config__.tag: set(kind.__struct_encode_fields__) - {"at"}
        for kind in typing.get_args(wire.Fact)
    }


def test_page_lists_the_metas_and_the_errors() -> None:
    """What the player reads."""
    for kind in (wire.OpenMeta, wire.GopMeta, wire.Timeline):
        for name in kind.__struct_encode_fields__:
            assert f'"{name}"' in PAGE, (kind, name)
    for kind_of_error in Kind:
        assert f"`{kind_of_error.value}`" in PAGE
