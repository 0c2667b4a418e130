"""The ledgers of everything below, joined into one stream of this hub: JetStream's own sources.

A source keeps its place in the messages that it stored, goes on there after any outage, and is
held back by flow control: without the subject `$JS.FC.<stream>.>` in the credentials of the leaf
it stalls for good at about 2,300 messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac import wire
from vonggac.bus.streams import ApiError, call, refusal
from vonggac.keys import LEDGER, LEDGERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.bus.connection import Connection

LEDGERS_BYTES: Final = 4 * 1024**3
"""Bytes of LEDGERS: 300 sites of 20 cameras make some 250 MB a day, so two weeks in which the
database or the parent may be away; what is older lies in the sites' own ledgers."""


@dataclass(frozen=True, slots=True)
class Child:
    """Whose ledger is wanted."""

    id: str
    """Of the site, or of the hub below; it is the domain of its JetStream too."""
    hub: str | None = None
    """The hub that enrolled the site; None where the child is a hub itself."""
    register: bool = False
    """Of a hub: what it says itself of the sites below it, not what they say."""

    @property
    def stream(self) -> str:
        """What it is called there."""
        return LEDGERS if self.hub is None and not self.register else LEDGER

    def source(self) -> dict[str, object]:
        """As a source of a stream's configuration."""
        delivered = (
            wire.deliveries(self.id) if self.hub is None else wire.deliveries(self.hub, self.id)
        )
        return {
            "name": self.stream,
            "external": {"api": f"$JS.{self.id}.API", "deliver": delivered},
        }


class _External(msgspec.Struct):
    api: str = ""
    deliver: str = ""


class _Source(msgspec.Struct):
    name: str
    external: _External | None = None


class _Configuration(msgspec.Struct):
    sources: list[_Source] = []


class _Stream(msgspec.Struct):
    error: ApiError | None = None
    config: _Configuration | None = None


async def follow(connection: Connection, children: Iterable[Child], *, own: bool = False) -> bool:
    """Have LEDGERS hold the facts of exactly these children from now on.

    What is followed already goes on undisturbed; who comes back goes on where it ended. What was
    stored of a child that is followed no more stays.

    Args:
        connection: the hub's control connection.
        children: sites and hubs whose servers join this one.
        own: and what this hub says itself (`LEDGER`), so that the hub above has it in its place.

    Returns:
        Whether anything was changed.

    Raises:
        VonggacError: UNAVAILABLE or TIMED_OUT: JetStream does not answer; CONFLICT: it refuses.
    """
    wanted: list[dict[str, object]] = [{"name": LEDGER}] if own else []
    wanted += [
        child.source() for child in sorted(children, key=lambda child: (child.id, child.stream))
    ]
    there = await call(connection, f"STREAM.INFO.{LEDGERS}", None, _Stream)
    if there.error is None:
        held = there.config.sources if there.config is not None else []
        if _places(held) == _places(msgspec.convert(wanted, list[_Source])):
            return False
    elif not wanted:
        return False
    verb = "UPDATE" if there.error is None else "CREATE"
    done = await call(connection, f"STREAM.{verb}.{LEDGERS}", _configuration(wanted), _Stream)
    if done.error is not None:
        raise refusal(done.error, f"the stream {LEDGERS}")
    return True


def _places(sources: Sequence[_Source]) -> list[tuple[str, str]]:
    return sorted(
        (source.external.api if source.external is not None else "", source.name)
        for source in sources
    )


def _configuration(sources: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        "name": LEDGERS,
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "num_replicas": 1,
        "max_bytes": LEDGERS_BYTES,
        "max_msg_size": wire.MAX_FACT + 4_096,
        "deny_delete": True,
        "deny_purge": True,
        "compression": "s2",
        # No window for duplicates: the ids are the sites' own words, and one site could have a
        # fact of another thrown away by saying its id first. Readers look at the envelope.
        "duplicate_window": 0,
        "sources": list(sources),
    }
