"""What boxes said of pictures: black, covered, moved ..., as the page of a camera lists it.

A box says so in a signed fact whose evidence is a sentence of `rules/evidence.toml`; of each kind
of picture fault the last word is kept, with what is known of its stream.  Nobody is accused by it:
a picture fault is a state of a device, and what came of it is for people to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac import sentences
from vonggac.domain import ledger

if TYPE_CHECKING:
    from vonggac.db import Connection

WELL: Final = "picture_well"
FORMS: Final = ("picture_fault", "picture_fault_alone", WELL)
"""Forms of `rules/evidence.toml` that say which fault it is."""
_KEY: Final = "picture: "


@dataclass(frozen=True, slots=True)
class Said:
    """The last word on one kind of picture fault of a stream."""

    at_ns: int
    """Of the picture by which it was told, or from which on all was well: the recording has it."""
    evidence: str
    lasts: bool


def put(connection: Connection, stream: ledger.Stream, evidence: str, *, at_ns: int) -> None:
    """Keep what a box said.

    What has no known form is not kept: there are as many kinds as the list has, and a hostile box
    cannot make more.

    Args:
        connection: within a transaction.
        stream: whose picture it is.
        evidence: the box's sentence, in English.
        at_ns: the fact's moment.
    """
    found = sentences.find(evidence)
    if found is None or found.code not in FORMS:
        return
    said = {"at_ns": at_ns, "evidence": evidence, "lasts": found.code != WELL}
    ledger.describe_stream(connection, stream, {f"{_KEY}{found.values['what']}": said})


def listed(*states: ledger.State | None) -> list[Said]:
    """What was last said of each kind of picture fault of some streams, the newest first."""
    said = [
        Said(int(value["at_ns"]), str(value["evidence"]), bool(value["lasts"]))
        for state in states
        if state is not None
        for name, value in state.detail.items()
        if name.startswith(_KEY) and isinstance(value, dict)
    ]
    return sorted(said, key=lambda one: one.at_ns, reverse=True)
