"""Tables of the hubs below this one: codes by which they join, and the sites that they tell of.

A row of a code is ended, never deleted, as in `vonggac.db.enrolment`.  The same document as
`vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, moment, number, text
from vonggac.db.tables import metadata

hub_below = sa.Table(
    "hub_below",
    metadata,
    identity(),
    text("title", "what people call the hub below, for example that of a province"),
    text("unit_id", "unit below which everything stands that it tells of"),
    text("code_hash", "SHA-256 of the code's secret; the code itself is kept nowhere"),
    moment("made_ns", "when the code was issued"),
    text("made_by", "name of the account that issued it"),
    text("made_name", "their full name then", default=""),
    moment("ends_ns", "when an unused code ends"),
    moment("revoked_ns", "when it was taken back before a hub used it", null=True),
    moment("used_ns", "when a hub used it first", null=True),
    text("hub_id", "permanent id of that hub; stands in the subjects of its sites", null=True),
    text(
        "public_key", "the key with which it signs; every fact from it is verified with it",
        null=True,
    ),
    text("voucher", "its signature over this hub's key: sites below take grants by it", null=True),
    text("used_address", "where it asked from", default=""),
    text("used_version", "version of its program", default=""),
    text("control_user", "nkey of the leaf credential for facts and questions", null=True),
    text("media_user", "nkey of the leaf credential for pictures", null=True),
    text("answer", "what it got, sealed to it: the same again if it asks again", null=True),
    moment("cut_ns", "when what it got was made void", null=True),
    number("told_epoch", "life of the hub of which the last fact was taken", null=True),
    number("told_sequence", "number of that fact", null=True),
    moment(
        "register_ns", "when it had told of every site; its sites' facts are taken from then on",
        null=True,
    ),
    sa.Column("link", sa.JSON, nullable=True, comment="how it is joined, as the server says"),
    sa.UniqueConstraint("code_hash"),
    sa.Index(None, "hub_id"),
    comment="hubs that join this one, by a code of one use each; only ever added and ended",
)  # fmt: skip

site_below = sa.Table(
    "site_below",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="which"),
    text("hub_id", "the hub below that enrolled it, and speaks of it"),
    moment("told_ns", "when that hub last told of it"),
    sa.Column("link", sa.JSON, nullable=True, comment="how it is joined there, as that hub says"),
    sa.Index(None, "hub_id"),
    comment="sites that are reached through a hub below",
)  # fmt: skip
