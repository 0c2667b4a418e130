"""The field of a form that says which directive a task or a letter carries out.

A form offers what the visitor sees in the register of directives.  Left as it is, the program takes
what the facility or the unit carries out (`vonggac.domain.citing.carried`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonggac.domain import citing, directives
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.domain.directives import Directive
    from vonggac.web.desk import Visitor

OFFERED: Final = 30
"""Directives of a field, the newest (ours); the API takes every one that the visitor sees."""
NONE_SUCH: Final = "Chọn một văn bản có trong sổ."
"""What is said beside the field of a directive that the visitor does not see."""


def offered(connection: Connection, who: Visitor) -> list[Directive]:
    """Directives that a form offers: the newest of those that the visitor sees."""
    if not who.can(Act.DIRECTIVE_SEE):
        return []
    allowed = directives.visible(connection, who.person, who.desk.now_ns())
    return directives.listed(connection, allowed)[:OFFERED]


def usual(connection: Connection, who: Visitor, site_id: str) -> Directive | None:
    """What a form takes that is left as it is, if the visitor sees that directive."""
    found = citing.carried(connection, "", site_id=site_id)
    return next((one for one in offered(connection, who) if one.id == found), None)


def seen(connection: Connection, who: Visitor, directive_id: str | None) -> str | None:
    """A directive that the visitor chose; None where they left it to the program.

    Raises:
        VonggacError: BAD_INPUT with `fields`, they see none such.
    """
    if not directive_id:
        return None
    known: list[Directive] = []
    if who.can(Act.DIRECTIVE_SEE):
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        known = directives.listed(connection, allowed, only=directive_id[:40])
    if not known:
        raise VonggacError(Kind.BAD_INPUT, "directive: none", fields={"directive": "no_such"})
    return known[0].id


def chosen(
    connection: Connection, who: Visitor, directive_id: str | None, about: str, *,
    site_id: str | None = None, unit_id: str | None = None,
) -> str | None:  # fmt: skip
    """What the visitor chose, or what the facility, the unit or the subject carries out.

    Raises:
        VonggacError: BAD_INPUT with `fields`, they see none such.
    """
    found = seen(connection, who, directive_id)
    return found or citing.carried(connection, about, site_id=site_id, unit_id=unit_id)
