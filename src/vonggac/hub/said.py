"""What a box says, as it may be kept and shown: bounded, and nothing in it but letters.

A box repeats what its cameras say (server names, makers, reasons), and a camera may say anything.
Nothing is escaped here: templates do that. What goes is what no reader needs and what breaks
things: control characters (PostgreSQL takes no NUL), marks that turn the text after them round,
lengths that no page can be laid out with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

MOST: Final = 500
"""Characters of a text that are kept: the longest of our own reasons has under 200."""
MOST_ENTRIES: Final = 2_000
"""Entries of a list or an object that are kept: both streams of 300 cameras are 600."""
DEEPEST: Final = 8
"""Objects within objects that are read; a probe has four."""

_TURNS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Unicode's bidirectional controls (UAX 9)."""
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_UNSEEN: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_TURNS}\ud800-\udfff]+")
"""C0, C1, line separators, halves of surrogates, and what turns text round."""
_TURNING: Final = re.compile(f"[{_TURNS}]")


def plain(text: str, most: int = MOST) -> str:
    """A text as it may be kept: one line, at most so long."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    return _UNSEEN.sub(_seen, text)


def plain_all(value: Any, *, but: Collection[str] = (), depth: int = 0) -> Any:
    """A decoded answer with every text in it plain, and its lists no longer than they may be.

    Args:
        value: as JSON comes.
        but: names of fields that are left as they are.
        depth: how deep it lies; leave it out.
    """
    if isinstance(value, str):
        return plain(value)
    if depth >= DEEPEST and isinstance(value, (dict, list)):
        return None
    if isinstance(value, dict):
        return {
            plain(name, 100): one if name in but else plain_all(one, but=but, depth=depth + 1)
            for name, one in list(value.items())[:MOST_ENTRIES]
        }
    if isinstance(value, list):
        return [plain_all(one, but=but, depth=depth + 1) for one in value[:MOST_ENTRIES]]
    return value


def _seen(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else REPLACED


def unturned(value: Any) -> Any:
    """What a template shows, without the marks that would turn the words after it round.

    Vietnamese and English run one way; whoever types such a mark means to deceive.
    """
    if isinstance(value, str) and not value.isascii() and _TURNING.search(value):
        return type(value)(_TURNING.sub(REPLACED, value))
    return value
