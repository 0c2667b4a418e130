"""The page of the day, with matters of every subject that has some; the board of a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visiting import Visit

if TYPE_CHECKING:
    from hub_stage import Stage

VISITS = (
    Visit("/today", "/today"),
    Visit("/today", "/today?about=register"),
    Visit("/board", "/board"),
    Visit("/board", "/board?q=khong+co&late=any"),
)
NO_PAGES = ()


def load(hub: Stage, said: str = "") -> None:
    """What the other subjects load is what waits."""
    del hub, said
