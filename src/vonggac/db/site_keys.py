"""The table of changes of sites' keys, with the conventions of `vonggac.db.tables`."""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Moment, metadata

site_key = sa.Table(
    "site_key",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="whose"),
    sa.Column(
        "number", sa.Integer, primary_key=True, autoincrement=False,
        comment="counts the changes of this site's key from 1",
    ),
    sa.Column("old", sa.Text, nullable=False, comment="public key that ended"),
    sa.Column("new", sa.Text, nullable=False, comment="public key that signs what comes after"),
    sa.Column("announced_ns", Moment, nullable=False, comment="when, by the box's clock"),
    sa.Column("followed_ns", Moment, nullable=False, comment="when this hub followed it"),
    sa.Column(
        "arrived_ns", Moment, nullable=True,
        comment="when it came with the ledger: nothing before it may come after it",
    ),
    sa.Column(
        "envelope", sa.LargeBinary, nullable=False,
        comment="the announcement, signed by the old key, countersigned by the new",
    ),
    comment="changes of the key with which a site signs; site.public_key is the newest",
)  # fmt: skip
