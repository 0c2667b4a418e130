"""Hubs below this one, the codes by which they join, and the sites that they tell of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0030"


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=null, comment=comment)


def upgrade() -> None:
    """Two new tables, empty: no hub has joined another yet."""
    op.create_table(
        "hub_below",
        _text("id", "permanent opaque id"),
        _text("title", "what people call the hub below, for example that of a province"),
        _text("unit_id", "unit below which everything stands that it tells of"),
        _text("code_hash", "SHA-256 of the code's secret; the code itself is kept nowhere"),
        _moment("made_ns", "when the code was issued"),
        _text("made_by", "name of the account that issued it"),
        _text("made_name", "their full name then", default=""),
        _moment("ends_ns", "when an unused code ends"),
        _moment("revoked_ns", "when it was taken back before a hub used it", null=True),
        _moment("used_ns", "when a hub used it first", null=True),
        _text("hub_id", "permanent id of that hub; stands in the subjects of its sites", null=True),
        _text(
            "public_key", "the key with which it signs; every fact from it is verified with it",
            null=True,
        ),
        _text(
            "voucher", "its signature over this hub's key: sites below take grants by it", null=True
        ),
        _text("used_address", "where it asked from", default=""),
        _text("used_version", "version of its program", default=""),
        _text("control_user", "nkey of the leaf credential for facts and questions", null=True),
        _text("media_user", "nkey of the leaf credential for pictures", null=True),
        _text("answer", "what it got, sealed to it: the same again if it asks again", null=True),
        _moment("cut_ns", "when what it got was made void", null=True),
        _moment("told_epoch", "life of the hub of which the last fact was taken", null=True),
        _moment("told_sequence", "number of that fact", null=True),
        _moment(
            "register_ns",
            "when it had told of every site; its sites' facts are taken from then on", null=True,
        ),
        sa.Column(
            "link", sa.JSON(), nullable=True, comment="how it is joined, as the server says"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_below")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_hub_below_code_hash")),
        comment="hubs that join this one, by a code of one use each; only ever added and ended",
    )  # fmt: skip
    op.create_index(op.f("ix_hub_below_hub_id"), "hub_below", ["hub_id"])
    op.create_table(
        "site_below",
        _text("site_id", "which"),
        _text("hub_id", "the hub below that enrolled it, and speaks of it"),
        _moment("told_ns", "when that hub last told of it"),
        sa.Column(
            "link", sa.JSON(), nullable=True, comment="how it is joined there, as that hub says"
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_site_below_site_id_site")
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site_below")),
        comment="sites that are reached through a hub below",
    )  # fmt: skip
    op.create_index(op.f("ix_site_below_hub_id"), "site_below", ["hub_id"])


def downgrade() -> None:
    """Without both."""
    op.drop_table("site_below")
    op.drop_table("hub_below")
