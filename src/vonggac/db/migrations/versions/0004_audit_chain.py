"""Audit rows become a chain: each names the hash of the one before, and the end is kept apart."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ADDED = (
    ("unit", "the unit on whose behalf, as it was then"),
    ("device", "the browser's or the workstation's own description"),
    ("site_id", "the site that it is about; empty for the hub itself"),
    ("previous", "hash of the row before, hex; empty in the first"),
    ("hash", "SHA-256 over the hash before and this row as canonical JSON, hex"),
)
BATCH = 2_000


def upgrade() -> None:
    """Add the columns, and chain the rows that there are."""
    _unprotect()
    for name, comment in ADDED:
        column = sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment)
        op.add_column("audit", column)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, comment="always 1: there is one chain"),
        sa.Column(
            "row_id", sa.BigInteger(), nullable=False, comment="the newest row; 0 without any"
        ),
        sa.Column("hash", sa.Text(), nullable=False, comment="its hash, hex; empty without any"),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_chain")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        comment="the end of the audit's chain, at which writers take turns",
    )
    op.create_table(
        "audit_anchor",
        sa.Column("site_id", sa.Text(), nullable=False, comment="which site signed it"),
        sa.Column(
            "at_ns", sa.BigInteger(), nullable=False, comment="the site's time when it signed"
        ),
        sa.Column("row_id", sa.BigInteger(), nullable=False, comment="the newest row then"),
        sa.Column("hash", sa.Text(), nullable=False, comment="its hash, hex"),
        sa.Column(
            "envelope", sa.LargeBinary(), nullable=False, comment="the signed bytes: the proof"
        ),
        sa.PrimaryKeyConstraint("site_id", "at_ns", name=op.f("pk_audit_anchor")),
        comment="ends of the audit's chain that a site put into its signed ledger, hourly",
    )
    last, told = _chain()
    op.execute(
        sa.text("INSERT INTO audit_head (id, row_id, hash) VALUES (1, :row, :hash)").bindparams(
            row=last, hash=told
        )
    )
    _protect()


def _chain() -> tuple[int, str]:
    """Chain the rows, oldest first; number and hash of the last."""
    audit = sa.table(
        "audit",
        *(sa.column(name) for name in ("id", "time_ns", "actor", "account_id", "address", "act")),
        *(sa.column(name) for name in ("object", "purpose", "outcome", "previous", "hash")),
        sa.column("detail", sa.JSON()),
    )
    connection = op.get_bind()
    last, told = 0, ""
    while True:
        rows = (
            connection.execute(
                sa.select(audit).where(audit.c.id > last).order_by(audit.c.id).limit(BATCH)
            )
            .mappings()
            .all()
        )
        for row in rows:
            before, told = told, _hash(told, row)
            last = row["id"]
            connection.execute(
                audit.update().where(audit.c.id == last).values(previous=before, hash=told)
            )
        if len(rows) < BATCH:
            return last, told


def _hash(previous: str, row: sa.RowMapping) -> str:
    """As `domain.audit.row_hash` was when these rows were chained."""
    values = [row["id"], row["time_ns"], row["actor"], row["account_id"], "", row["address"]]
    values += ["", row["act"], row["object"], "", row["purpose"], row["outcome"], row["detail"]]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"vonggac audit 1\n{previous}\n{text}".encode()).hexdigest()


def _unprotect() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_unaltered")
        op.execute("DROP TRIGGER audit_kept")
        return
    op.execute("ALTER TABLE audit DISABLE TRIGGER audit_kept")


def _protect() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_unaltered BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER audit_kept BEFORE DELETE ON audit "
            "WHEN OLD.time_ns > "
            "(CAST(strftime('%s', 'now') AS INTEGER) - 366 * 86400) * 1000000000 "
            "BEGIN SELECT RAISE(ABORT, 'audit rows are kept for 12 months'); END"
        )
        return
    op.execute("ALTER TABLE audit ENABLE TRIGGER audit_kept")


def downgrade() -> None:
    """Rows as they were, without their chain."""
    _unprotect()
    op.drop_table("audit_anchor")
    op.drop_table("audit_head")
    for name, _ in reversed(ADDED):
        op.drop_column("audit", name)
    _protect()
