"""Wrong passwords are counted for the address that they come from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001a"
down_revision = "0001"

_NAME = "the account name as typed, known or not: an answer must not tell which"
_ADDRESS = "network address they came from, /64 for IPv6; * counts those of all addresses"
_LOCKED = "refused until then, right password or wrong"
_TABLE = "tries to sign in that have not succeeded"


def upgrade() -> None:
    """Make the table again: what it holds is forgotten after a quarter of an hour anyway."""
    op.drop_table("attempt")
    op.create_table(
        "attempt",
        sa.Column("name", sa.Text(), nullable=False, comment=_NAME),
        sa.Column("address", sa.Text(), nullable=False, comment=_ADDRESS),
        _failures(),
        sa.Column(
            "since_ns", sa.BigInteger(), nullable=False, comment="the first try that is counted"
        ),
        sa.Column("tried_ns", sa.BigInteger(), nullable=False, comment="the last try"),
        sa.Column("locked_until_ns", sa.BigInteger(), nullable=True, comment=_LOCKED),
        sa.PrimaryKeyConstraint("name", "address", name=op.f("pk_attempt")),
        comment=_TABLE,
    )


def _failures() -> sa.Column[int]:
    return sa.Column(
        "failures", sa.Integer(), nullable=False, comment="tries since the last success"
    )


def downgrade() -> None:
    """The table as 0001 made it."""
    op.drop_table("attempt")
    op.create_table(
        "attempt",
        sa.Column("name", sa.Text(), nullable=False, comment=_NAME),
        _failures(),
        sa.Column("tried_ns", sa.BigInteger(), nullable=False, comment="the last try"),
        sa.Column("locked_until_ns", sa.BigInteger(), nullable=True, comment=_LOCKED),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_attempt")),
        comment=_TABLE,
    )
