"""Tables of the designated system: what is ordered to be connected to, and who says it is.

A connection here is what an enterprise confirms; what the program measures of a camera is in the
ledger and in `vonggac.db.task`.  The same document as `vonggac.db.tables`, with its conventions,
in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Moment, metadata


def _text(name: str, comment: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default, comment=comment)


def _moment(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, Moment, nullable=False, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _by() -> list[sa.Column[str]]:
    return [
        _text("said_by", "name of the account that entered it"),
        _text("said_name", "their full name then", default=""),
    ]


designated_system = sa.Table(
    "designated_system",
    metadata,
    _id(),
    _text("name", "what the system is called"),
    _text("operator", "who runs it"),
    _text("document", "number, day and issuer of what designates it"),
    sa.Column("from_on", sa.Date, nullable=False, comment="first day on which it counts"),
    _moment("said_ns", "when it was entered"),
    *_by(),
    sa.Index(None, "from_on", "said_ns"),
    comment="the system that cameras are ordered to be connected to, by day; only ever added",
)

designated_link = sa.Table(
    "designated_link",
    metadata,
    _id(),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False,
              comment="which facility"),
    sa.Column("camera_id", sa.Text, sa.ForeignKey("camera.id"), nullable=False,
              comment="which camera"),
    sa.Column("system_id", sa.Text, sa.ForeignKey("designated_system.id"), nullable=False,
              comment="the system that was designated on the day"),
    sa.Column("linked", sa.Boolean, nullable=False,
              comment="whether it is connected there; false says that it no longer is"),
    _text("enterprise", "which enterprise confirms it"),
    _text("ident", "what the camera is called there", default=""),
    _text("method", "how it is connected", default=""),
    sa.Column("linked_on", sa.Date, nullable=False, comment="day of the connection, or its end"),
    _moment("said_ns", "when it was entered"),
    *_by(),
    sa.Index(None, "camera_id", "said_ns"),
    sa.Index(None, "site_id"),
    comment="connections that an enterprise confirms, the last of a camera counts; only ever added",
)  # fmt: skip
