"""A site's key can change: the announcements by which this hub follows it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    """No site has changed its key yet."""
    op.create_table(
        "site_key",
        sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="whose"),
        sa.Column(
            "number", sa.Integer, primary_key=True, autoincrement=False,
            comment="counts the changes of this site's key from 1",
        ),
        sa.Column("old", sa.Text, nullable=False, comment="public key that ended"),
        sa.Column("new", sa.Text, nullable=False, comment="public key that signs what comes after"),
        sa.Column(
            "announced_ns", sa.BigInteger, nullable=False, comment="when, by the box's clock"
        ),
        sa.Column(
            "followed_ns", sa.BigInteger, nullable=False, comment="when this hub followed it"
        ),
        sa.Column(
            "arrived_ns", sa.BigInteger, nullable=True,
            comment="when it came with the ledger: nothing before it may come after it",
        ),
        sa.Column(
            "envelope", sa.LargeBinary, nullable=False,
            comment="the announcement, signed by the old key, countersigned by the new",
        ),
        comment="changes of the key with which a site signs; site.public_key is the newest",
    )  # fmt: skip


def downgrade() -> None:
    """The newest key stays; what it followed is forgotten, and is refused from then on."""
    op.drop_table("site_key")
