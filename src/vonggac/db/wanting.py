"""Tables of what this hub wants of boxes below, what they answered, and what nobody may overlook.

An order lies here, which is its truth, and in the box's own WANT, from where the box obeys it; what
the box keeps stands beside it in the box's own words, so that wanted and real are never mixed.
An alarm is a row from the first moment, and stays one: who took it on is written into it.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import identity, json, moment, number, text
from vonggac.db.tables import metadata

# A row under another hub's key holds only what the box said: whose order it was it tells itself.
want = sa.Table(
    "want",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="of whom"),
    sa.Column(
        "key", sa.Text, primary_key=True, comment="its place in WANT: kept- and the hub that wants"
    ),
    number("revision", "of what is wanted now; 0 where another hub wants it"),
    text("digest", "SHA-256 of what is wanted now; empty where another hub wants it", default=""),
    moment("made_ns", "when that revision was made, or first heard of"),
    moment("sent_ns", "when it last lay at the box's server; null: it is still to go", null=True),
    number("answered", "the last revision that the box answered", null=True),
    moment("answered_ns", "when, by the box's clock", null=True),
    sa.Column("accepted", sa.Boolean, nullable=True, comment="whether it took that revision"),
    json("reasons", "why it did not, in its words"),
    json("refused", "what it did not take of it: id to why"),
    json("spans", "what it keeps by it: id, camera, from and to in ns"),
    sa.CheckConstraint("revision >= 0", name="numbered"),
    sa.CheckConstraint("(answered IS NULL) = (answered_ns IS NULL)", name="answered"),
    comment="orders that lie in boxes' own WANT, with what the boxes made of them",
)

alarm = sa.Table(
    "alarm",
    metadata,
    identity(),
    text("kind", "clone, impostor, forged or silent"),
    text("site_id", "which facility; empty where nobody can say", default=""),
    moment("first_ns", "when it was first seen"),
    moment("last_ns", "when it was last seen"),
    number("times", "how often since"),
    text("evidence", "what was seen the last time"),
    text("taken_by", "account of the person who took it on", null=True),
    text("taken_name", "their name then", default=""),
    moment("taken_ns", "when; null while it is open", null=True),
    text("note", "what they did or will do", default=""),
    sa.Index(None, "taken_ns", "last_ns"),
    sa.Index(None, "kind", "site_id"),
    sa.CheckConstraint("kind IN ('clone', 'impostor', 'forged', 'silent')", name="kind"),
    sa.CheckConstraint("(taken_ns IS NULL) = (taken_by IS NULL)", name="taken"),
    sa.CheckConstraint("times > 0 AND last_ns >= first_ns", name="counted"),
    comment="what nobody may overlook: open until a named person takes it on; never deleted",
)  # fmt: skip
