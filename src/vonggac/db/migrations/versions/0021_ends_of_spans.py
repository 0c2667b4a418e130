"""Spans and gaps are found by their end: a day of a country is counted without reading its month.

The ledger's keys begin with the site and the camera, which is what one facility is asked by.  The
figures of a country are asked by time alone, and most of what is kept ended long before.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """An index each; nothing that is kept changes.

    On a hub that has recorded for months this takes a while; the program starts when they stand.
    """
    op.create_index(op.f("ix_span_to_ns"), "span", ["to_ns"])
    op.create_index(op.f("ix_gap_to_ns"), "gap", ["to_ns"])


def downgrade() -> None:
    """The indexes go; every statement works without them."""
    op.drop_index(op.f("ix_gap_to_ns"), table_name="gap")
    op.drop_index(op.f("ix_span_to_ns"), table_name="span")
