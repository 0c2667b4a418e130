"""Tables of the designated system: what is ordered to be connected to, and who says it is.

A connection here is what an enterprise confirms; what the program measures of a camera is in the
ledger and in `vonggac.db.task`.

Rows are only ever added: of systems the one of the latest day that has come counts, of a camera's
connections the one that was said last.  The same document as `vonggac.db.tables`, with its
conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, reference, text
from vonggac.db.tables import metadata


def _by() -> list[sa.Column[str]]:
    """The person who entered a row; they are not the enterprise that it names."""
    return [
        text("said_by", "name of the account that entered it"),
        text("said_name", "their full name then", default=""),
    ]


designated_system = sa.Table(
    "designated_system",
    metadata,
    identity(),
    text("name", "what the system is called"),
    text("operator", "who runs it"),
    text("document", "number, day and issuer of what designates it"),
    day("from_day", "first day on which it counts"),
    moment("said_ns", "when it was entered"),
    *_by(),
    sa.Index(None, "from_day", "said_ns"),
    comment="the system that cameras are ordered to be connected to, by day; only ever added",
)

designated_link = sa.Table(
    "designated_link",
    metadata,
    identity(),
    reference("site_id", "site.id", "which facility"),
    reference("camera_id", "camera.id", "which camera"),
    reference("system_id", "designated_system.id", "the system that was designated on the day"),
    sa.Column(
        "linked", sa.Boolean, nullable=False,
        comment="whether it is connected there; false says that it no longer is",
    ),
    text("enterprise", "which enterprise confirms it"),
    text("ident", "what the camera is called there", default=""),
    text("method", "how it is connected", default=""),
    day("linked_day", "day of the connection, or its end"),
    moment("said_ns", "when it was entered"),
    *_by(),
    sa.Index(None, "camera_id", "said_ns"),
    sa.Index(None, "site_id"),
    comment="connections that an enterprise confirms, the last of a camera counts; only ever added",
)  # fmt: skip
