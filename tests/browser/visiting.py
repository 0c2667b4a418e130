"""What a page of the product is to the test that looks at all of them.

A subject whose pages need much to stand has a module of its own beside this one, `pages_….py`, with
`VISITS`, `NO_PAGES` and `load(hub, said)`; `test_looks.AREAS` names them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Visit:
    """A page as it is opened: an address, or a form that is filled and sent."""

    route: str
    """As the program registers it."""
    address: str
    status: int = 200
    fill: dict[str, str] = field(default_factory=dict)
    press: str = ""
    signed_in: bool = True
