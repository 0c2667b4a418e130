"""Orders in boxes' own WANT, alarms, and until when what a site was doing stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0026"


def upgrade() -> None:
    """Two tables, empty, and a column; what stands already stays where it was written."""
    op.create_table(
        "want",
        sa.Column("site_id", sa.Text(), nullable=False, comment="of whom"),
        sa.Column(
            "key", sa.Text(), nullable=False,
            comment="its place in WANT: kept- and the hub that wants",
        ),
        sa.Column(
            "revision", sa.BigInteger(), nullable=False,
            comment="of what is wanted now; 0 where another hub wants it",
        ),
        sa.Column(
            "digest", sa.Text(), server_default="", nullable=False,
            comment="SHA-256 of what is wanted now; empty where another hub wants it",
        ),
        sa.Column(
            "made_ns", sa.BigInteger(), nullable=False,
            comment="when that revision was made, or first heard of",
        ),
        sa.Column(
            "sent_ns", sa.BigInteger(), nullable=True,
            comment="when it last lay at the box's server; null: it is still to go",
        ),
        sa.Column(
            "answered", sa.BigInteger(), nullable=True,
            comment="the last revision that the box answered",
        ),
        sa.Column(
            "answered_ns", sa.BigInteger(), nullable=True, comment="when, by the box's clock"
        ),
        sa.Column(
            "accepted", sa.Boolean(), nullable=True, comment="whether it took that revision"
        ),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="why it did not, in its words"),
        sa.Column(
            "refused", sa.JSON(), nullable=False, comment="what it did not take of it: id to why"
        ),
        sa.Column(
            "spans", sa.JSON(), nullable=False,
            comment="what it keeps by it: id, camera, from and to in ns",
        ),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_want_numbered")),
        sa.CheckConstraint(
            "(answered IS NULL) = (answered_ns IS NULL)", name=op.f("ck_want_answered")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_want_site_id")),
        sa.PrimaryKeyConstraint("site_id", "key", name=op.f("pk_want")),
        comment="orders that lie in boxes' own WANT, with what the boxes made of them",
    )  # fmt: skip
    op.create_table(
        "alarm",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="clone, impostor, forged or silent"
        ),
        sa.Column(
            "site_id", sa.Text(), server_default="", nullable=False,
            comment="which facility; empty where nobody can say",
        ),
        sa.Column("first_ns", sa.BigInteger(), nullable=False, comment="when it was first seen"),
        sa.Column("last_ns", sa.BigInteger(), nullable=False, comment="when it was last seen"),
        sa.Column("times", sa.BigInteger(), nullable=False, comment="how often since"),
        sa.Column(
            "evidence", sa.Text(), nullable=False, comment="what was seen the last time"
        ),
        sa.Column(
            "taken_by", sa.Text(), nullable=True, comment="account of the person who took it on"
        ),
        sa.Column(
            "taken_name", sa.Text(), server_default="", nullable=False, comment="their name then"
        ),
        sa.Column(
            "taken_ns", sa.BigInteger(), nullable=True, comment="when; null while it is open"
        ),
        sa.Column(
            "note", sa.Text(), server_default="", nullable=False,
            comment="what they did or will do",
        ),
        sa.CheckConstraint(
            "kind IN ('clone', 'impostor', 'forged', 'silent')", name=op.f("ck_alarm_kind")
        ),
        sa.CheckConstraint(
            "(taken_ns IS NULL) = (taken_by IS NULL)", name=op.f("ck_alarm_taken")
        ),
        sa.CheckConstraint(
            "times > 0 AND last_ns >= first_ns", name=op.f("ck_alarm_counted")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
        comment="what nobody may overlook: open until a named person takes it on; never deleted",
    )  # fmt: skip
    op.create_index(op.f("ix_alarm_taken_ns_last_ns"), "alarm", ["taken_ns", "last_ns"])
    op.create_index(op.f("ix_alarm_kind_site_id"), "alarm", ["kind", "site_id"])
    op.add_column(
        "site_state",
        sa.Column(
            "stands_ns", sa.BigInteger(), server_default="0", nullable=False,
            comment="until when what its streams were doing stands by itself; 0: not at all",
        ),
    )  # fmt: skip


def downgrade() -> None:
    """Without them."""
    op.drop_column("site_state", "stands_ns")
    op.drop_table("alarm")
    op.drop_table("want")
