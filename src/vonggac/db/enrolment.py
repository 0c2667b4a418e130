"""Tables of joining: codes that a hub issued, and the boxes that a facility had before.

A row of a code is ended, never deleted: who issued it, which box used it, when and from where.
What a box got is kept sealed to it: nobody who reads this table can join in its place.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, json, moment, number, reference, text
from vonggac.db.tables import metadata

# A used code is never used again; its time matters only until then.
enrolment = sa.Table(
    "enrolment",
    metadata,
    identity(),
    reference("site_id", "site.id", "which facility the box will serve"),
    text("code_hash", "SHA-256 of the code's secret; the code itself is kept nowhere"),
    sa.Column(
        "replaces", sa.Boolean, nullable=False, server_default=sa.false(),
        comment="whether it may take the place of a box that the facility has",
    ),
    moment("made_ns", "when it was issued"),
    text("made_by", "name of the account that issued it"),
    text("made_name", "their full name then", default=""),
    moment("ends_ns", "when an unused code ends"),
    moment("revoked_ns", "when it was taken back before a box used it", null=True),
    moment("used_ns", "when a box used it first", null=True),
    text("used_key", "public key of that box", null=True),
    text("used_address", "where the box asked from", default=""),
    text("used_version", "version of its program", default=""),
    text("control_user", "nkey of the leaf credential for facts and questions", null=True),
    text("media_user", "nkey of the leaf credential for pictures", null=True),
    text("answer", "what the box got, sealed to it: the same again if it asks again", null=True),
    moment("cut_ns", "when what the box got was made void", null=True),
    text("cut_why", "replaced or revoked", null=True),
    sa.UniqueConstraint("code_hash"),
    sa.Index(None, "site_id", "made_ns"),
    comment="codes by which boxes join this hub, of one use each; only ever added and ended",
)  # fmt: skip

site_box = sa.Table(
    "site_box",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="whose"),
    sa.Column(
        "number", sa.Integer, primary_key=True, autoincrement=False,
        comment="counts the earlier boxes of this facility from 1",
    ),
    text("first", "the first public key that it signed with"),
    json("announcements", "changes of its key, each an envelope in base64, in order"),
    number("epoch", "its last life: what lies up to here was signed by it"),
    moment("ended_ns", "when it was replaced or its joining was revoked"),
    text("why", "replaced or revoked"),
    text("ended_by", "name of the account that said so"),
    comment="earlier boxes of a facility; what they signed is verified with their keys for ever",
)  # fmt: skip
