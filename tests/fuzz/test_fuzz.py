"""A short run of the fuzzers, and every input that once broke a parser, in each `make test`.

The long run is `make fuzz`; this one keeps the entries, the seeds and the mutations alive.
"""

from __future__ import annotations

from pathlib import Path

import fuzz_corpus
import fuzz_entries
import fuzz_pictures
import guided
import pytest

from vonggac.causes import Cause

REGRESSIONS = Path(__file__).parent / "regressions"
ENTRIES = fuzz_entries.entries()
INPUTS = sorted(REGRESSIONS.rglob("*.bin"))


@pytest.mark.parametrize("path", INPUTS, ids=[f"{path.parent.name}/{path.stem}" for path in INPUTS])
def test_an_input_that_broke_a_parser_breaks_it_no_more(path: Path) -> None:
    """Named after what it did; what it may do now is be taken or be refused as documented."""
    ENTRIES[path.parent.name].take(path.read_bytes())


@pytest.mark.parametrize("name", ENTRIES)
def test_mutated_bytes_raise_nothing_but_what_is_documented(name: str) -> None:
    """All seeds, then as many changed ones as a second holds; the same on every machine."""
    entry = ENTRIES[name]
    taken = sum(entry.take(entry.case(2, number)) for number in range(len(entry.seeds) + 300))

    # A mutation that nothing survives tests one `if`.
    assert taken > 10


async def test_sound_alone_is_a_stalled_stream_and_is_not_kept() -> None:
    """A camera whose picture freezes while its sound goes on is not recording."""
    sound = fuzz_corpus.lives()[-1][1:]

    ended, files, pictures = await fuzz_pictures.lived(0x60, sound, between=0.2, step=400)

    assert ended is not None
    assert (ended.cause, ended.message) == (
        Cause.STALLED, "no picture for 10 s on an open connection",
    )  # fmt: skip
    assert (files, pictures) == ([], 0)


async def test_pictures_in_no_time_are_cut_into_parts_that_readers_take() -> None:
    """A thousand pictures, a tick of 11 us apart: no part holds more than a reader allows."""
    flood = fuzz_corpus.lives()[-12][1:]

    ended, (written,), pictures = await fuzz_pictures.lived(0x60, flood, between=0.2, step=90_000)

    assert (ended, pictures) == (None, 1100)
    assert len(written) == 3


def test_a_case_is_told_by_its_entry_seed_and_number() -> None:
    """Otherwise a finding of one machine could not be looked at on another."""
    for entry in ENTRIES.values():
        number = len(entry.seeds) + 5

        assert entry.case(3, number) == entry.case(3, number)
        assert entry.case(3, number) != entry.case(4, number)


def test_the_guided_run_names_every_entry() -> None:
    """It must not import them before they are instrumented, so it has a list of its own."""
    assert set(ENTRIES) == set(guided.ENTRIES)
