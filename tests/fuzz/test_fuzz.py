"""A short run of the fuzzers, and every input that once broke a parser, in each `make test`.

The long run is `make fuzz`; this one keeps the entries, the seeds and the mutations alive.
"""

from __future__ import annotations

from pathlib import Path

import fuzz_entries
import pytest

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


def test_a_case_is_told_by_its_entry_seed_and_number() -> None:
    """Otherwise a finding of one machine could not be looked at on another."""
    for entry in ENTRIES.values():
        number = len(entry.seeds) + 5

        assert entry.case(3, number) == entry.case(3, number)
        assert entry.case(3, number) != entry.case(4, number)
