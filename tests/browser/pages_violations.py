"""The catalogue of violations: of today, of 2021, searched, and with a day that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visiting import Visit

if TYPE_CHECKING:
    from hub_stage import Stage

VISITS = (
    Visit("/violations", "/violations"),
    Visit("/violations", "/violations?on=12%2F06%2F2021&subject=N"),
    Visit("/violations", "/violations?q=khong+co&zone=CG"),
    Visit("/violations", "/violations?on=31%2F02%2F2021", 422),
)
NO_PAGES: tuple[str, ...] = ()


def load(hub: Stage, said: str = "") -> None:
    """The catalogue ships with the program."""
    del hub, said
