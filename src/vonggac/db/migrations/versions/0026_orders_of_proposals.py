"""Which directive a proposal and a closing carry out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"

SAID = "the directive that it carries out"


def upgrade() -> None:
    """Rows of before name none: nobody was asked."""
    for table in ("proposal", "closing"):
        op.add_column(table, sa.Column("directive_id", sa.Text(), nullable=True, comment=SAID))


def downgrade() -> None:
    """Nobody can say it any more."""
    for table in ("proposal", "closing"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("directive_id")
