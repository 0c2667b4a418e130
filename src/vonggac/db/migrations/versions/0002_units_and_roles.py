"""Units, roles held over them, and a unit for every site."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001a"

UNASSIGNED = "unassigned"
SINCE = dt.date(2021, 5, 5)
ROLE_IS = "administrator for the first account; what an account may do stands in role_held"
FIRST_ROLES = ("administrator", "auditor", "shift_lead", "technician")
"""What the one administrator did alone before there were roles."""


def upgrade() -> None:
    """Add the tables; sites stand in no unit yet, and each account keeps what it could do."""
    _create_tables()
    unit = sa.table("unit", *map(sa.column, ("id", "kind", "code", "profile", "source")),
                    sa.column("valid_from", sa.Date))  # fmt: skip
    name = sa.table("unit_name", *map(sa.column, ("unit_id", "vi", "en", "folded", "source")),
                    sa.column("valid_from", sa.Date))  # fmt: skip
    op.bulk_insert(
        unit,
        [
            {
                "id": UNASSIGNED,
                "kind": "unassigned",
                "code": "",
                "profile": "own",
                "source": "vonggac",
                "valid_from": SINCE,
            }
        ],
    )
    op.bulk_insert(
        name,
        [
            {
                "unit_id": UNASSIGNED,
                "vi": "Chưa gán đơn vị",
                "en": "No unit assigned",
                "folded": "chua gan don vi",
                "source": "vonggac",
                "valid_from": SINCE,
            }
        ],
    )
    # Without a foreign key: SQLite adds a column with one only by copying the table, and that
    # deletes it under the cameras that refer to it.
    op.add_column(
        "site",
        sa.Column(
            "unit_id",
            sa.Text(),
            server_default=UNASSIGNED,
            nullable=False,
            comment="unit that it stands in; unassigned is reached by roles over everything only",
        ),
    )
    if op.get_bind().dialect.name != "sqlite":  # which keeps no comments
        op.alter_column("account", "role", comment=ROLE_IS, existing_type=sa.Text())
    _keep_rights()


def _keep_rights() -> None:
    bind = op.get_bind()
    held = sa.table(
        "role_held",
        *map(sa.column, ("id", "account_id", "role", "line", "reason", "given_by")),
        sa.column("sites", sa.JSON),
        sa.column("from_ns", sa.BigInteger),
        sa.column("given_ns", sa.BigInteger),
    )
    accounts = bind.execute(sa.text("SELECT id, created_ns FROM account")).all()
    # Only the facility of an installation can be military so far; whoever ran it goes on.
    military = bind.execute(
        sa.text("SELECT count(*) FROM site WHERE owner_line = 'military'")
    ).scalar_one()
    roles: list[tuple[str, str | None]] = [(role, None) for role in FIRST_ROLES]
    if military:
        roles += [(role, "military") for role in ("military_command", "shift_lead", "technician")]
    rows = [
        {
            "id": f"first-{role}-{line or 'all'}-{account_id}",
            "account_id": account_id,
            "role": role,
            "line": line,
            "sites": [],
            "from_ns": created_ns,
            "given_ns": created_ns,
            "reason": "kept at the upgrade",
            "given_by": "vonggac",
        }
        for account_id, created_ns in accounts
        for role, line in roles
    ]
    if rows:
        op.bulk_insert(held, rows)


def _create_tables() -> None:
    op.create_table(
        "unit",
        sa.Column(
            "id",
            sa.Text(),
            nullable=False,
            comment="permanent opaque id; names change, it stays",
        ),
        sa.Column("parent_id", sa.Text(), nullable=True, comment="the unit above; null for a root"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="country, province, district, commune, body ...: a kind of the rules",
        ),
        sa.Column(
            "code",
            sa.Text(),
            nullable=False,
            comment="as the state numbers it: 01, 00070; of a body: its short name",
        ),
        sa.Column(
            "profile",
            sa.Text(),
            nullable=False,
            comment="2021 or 2026, or own for what an administrator added",
        ),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="first day"),
        sa.Column(
            "valid_to",
            sa.Date(),
            nullable=True,
            comment="first day without it; null while it is",
        ),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="where it stands, or chưa kiểm chứng"
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_unit_ends_after_start")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        comment="an administrative area or a body in the tree; ended, never changed",
    )
    op.create_index(op.f("ix_unit_parent_id"), "unit", ["parent_id"])
    op.create_table(
        "unit_name",
        sa.Column("unit_id", sa.Text(), nullable=False, comment="whose"),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="first day"),
        sa.Column(
            "valid_to",
            sa.Date(),
            nullable=True,
            comment="first day without it; null while it is",
        ),
        sa.Column("vi", sa.Text(), nullable=False, comment="in Vietnamese"),
        sa.Column("en", sa.Text(), nullable=False, comment="in English"),
        sa.Column(
            "folded",
            sa.Text(),
            nullable=False,
            comment="in lower case and without diacritics, for the search",
        ),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="where it stands, or chưa kiểm chứng"
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from",
            name=op.f("ck_unit_name_ends_after_start"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_name_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "valid_from", name=op.f("pk_unit_name")),
        comment="what a unit is called, and from when until when",
    )
    op.create_table(
        "role_held",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="whose"),
        sa.Column("role", sa.Text(), nullable=False, comment="code of a role of the rules"),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="root of the subtree that it is held over; null is everything",
        ),
        sa.Column(
            "line",
            sa.Text(),
            nullable=True,
            comment="owning line that it is narrowed to; null is all of them",
        ),
        sa.Column(
            "sites", sa.JSON(), nullable=False, comment="ids it is narrowed to; empty is all"
        ),
        sa.Column(
            "body_id", sa.Text(), nullable=True, comment="the body on whose behalf it is held"
        ),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="held from here"),
        sa.Column(
            "to_ns",
            sa.BigInteger(),
            nullable=True,
            comment="until here; null while nobody set an end",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was given"),
        sa.Column(
            "given_by",
            sa.Text(),
            nullable=False,
            comment="name of the account that gave it, or the program's own part",
        ),
        sa.Column("given_ns", sa.BigInteger(), nullable=False, comment="when it was given"),
        sa.Column(
            "ended_by", sa.Text(), nullable=True, comment="name of who ended it before its time"
        ),
        sa.Column("ended_reason", sa.Text(), nullable=True, comment="why it was ended"),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True, comment="when it was ended"),
        sa.CheckConstraint(
            "to_ns IS NULL OR to_ns >= from_ns", name=op.f("ck_role_held_ends_after_start")
        ),
        sa.CheckConstraint(
            "line IN ('military', 'paid_hotel', 'civil')", name=op.f("ck_role_held_line")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_role_held_account_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_role_held_unit_id")),
        sa.ForeignKeyConstraint(["body_id"], ["unit.id"], name=op.f("fk_role_held_body_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_held")),
        comment="a role that a person holds over a scope; a row is ended, never changed or deleted",
    )
    op.create_index(op.f("ix_role_held_account_id"), "role_held", ["account_id"])


def downgrade() -> None:
    """Back to one facility, where every account does everything."""
    op.drop_index(op.f("ix_role_held_account_id"), table_name="role_held")
    op.drop_table("role_held")
    op.drop_column("site", "unit_id")
    op.drop_table("unit_name")
    op.drop_index(op.f("ix_unit_parent_id"), table_name="unit")
    op.drop_table("unit")
