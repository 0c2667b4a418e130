"""Pictures of virtual cameras can be counted exactly."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import av
from hypothesis import given
from hypothesis import strategies as st
from onlookers import SMALL

from vonggac.sim.cameras import VirtualCameras
from vonggac.sim.numbering import (
    escape,
    nals_of_annex_b,
    nals_of_sample,
    number_nal,
    numbers_in_file,
    padding_nal,
    picture_number,
)

if TYPE_CHECKING:
    from pathlib import Path


@given(
    number=st.integers(0, 2**32 - 1),
    wall_ns=st.integers(0, 2**64 - 1),
    h265=st.booleans(),
)
def test_a_number_survives_its_message(number: int, wall_ns: int, h265: bool) -> None:
    """Zeros inside numbers and times must not break the NAL unit's syntax."""
    nal = number_nal(number, wall_ns, h265=h265)
    assert picture_number(nal) == (number, wall_ns)
    assert not any(code in nal for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


def test_the_bytes_of_a_message_are_those_of_the_standard() -> None:
    """Written out by hand from clauses 7.3.2.3.1 and D.1.7: type 5, 28 bytes, UUID, u32, u64."""
    assert number_nal(7, 0x0102030405060708).hex(" ") == (
        "06 05 1c 9b 2f 6e 0a 7c 51 4d 27 8a 53 56 47 4e 55 4d 31 "
        "00 00 03 00 07 01 02 03 04 05 06 07 08 80"
    )
    assert number_nal(7, 1, h265=True)[:4].hex(" ") == "4e 01 05 1c"


def test_other_messages_carry_no_number() -> None:
    """A recorder's reader meets slices, padding and cut messages too."""
    for nal in (b"", b"\x06", b"\x65\x88\x84", padding_nal(500), number_nal(1, 2)[:25]):
        assert picture_number(nal) is None


def test_padding_has_the_size_asked_for() -> None:
    """The bitrate on the wire rests on it."""
    for size in (60, 300, 5_000, 40_000):
        assert abs(len(padding_nal(size)) - size) <= 3


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 0x80]), max_size=40))
def test_escaped_bytes_hold_no_start_code_and_come_back(values: list[int]) -> None:
    """Clause 7.4.1: no 000000, 000001, 000002 inside a NAL unit."""
    rbsp = bytes(values)
    escaped = escape(rbsp)
    assert not any(code in escaped for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    if b"\0\0\3" not in rbsp:
        assert escaped.replace(b"\0\0\3", b"\0\0") == rbsp


def test_units_are_cut_where_they_end() -> None:
    """Lengths that lie must not make up a unit."""
    assert nals_of_annex_b(b"\0\0\0\1\x67ab\0\0\1\x68c") == [b"\x67ab", b"\x68c"]
    assert list(nals_of_sample(b"\0\0\0\2ab\0\0\0\1c")) == [b"ab", b"c"]
    assert list(nals_of_sample(b"\0\0\0\2ab\0\0\0\x09c")) == [b"ab"]


async def test_a_file_that_ffmpeg_wrote_tells_its_numbers(tmp_path: Path, cache: Path) -> None:
    """The benches count a recording of any recorder so."""
    path = tmp_path / "recorded.mp4"

    def record(url: str) -> None:
        with (
            av.open(url, options={"rtsp_transport": "tcp"}) as source,
            av.open(str(path), "w") as out,
        ):
            stream = out.add_stream_from_template(source.streams.video[0])
            for count, packet in enumerate(source.demux(video=0)):
                packet.stream = stream
                out.mux(packet)
                if count == 29:
                    return

    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras:
        await asyncio.to_thread(record, cameras.url("cam01"))
        truth = cameras.truth("cam01")
    found = numbers_in_file(path)
    first = found[0][0]
    assert [number for number, _ in found] == list(range(first, first + 30))
    assert truth.last_number >= first + 29
    gaps = [after[1] - before[1] for before, after in itertools.pairwise(found)]
    assert all(gap > 0 for gap in gaps)
