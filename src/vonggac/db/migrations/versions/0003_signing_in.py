"""Second factors, password history, API tokens, workstations with PINs, displays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Every account keeps its password, whose age counts from the making of the account."""
    _widen_account()
    _widen_session()
    _create_tables()
    with op.batch_alter_table("grant_issued") as batch:
        batch.add_column(
            sa.Column(
                "display_id",
                sa.Text,
                nullable=True,
                comment="the screen that it is shown on; null for a person",
            )
        )
    op.execute("UPDATE account SET password_set_ns = created_ns")


def _widen_account() -> None:
    with op.batch_alter_table("account") as batch:
        batch.alter_column(
            "signed_in_ns",
            existing_type=sa.BigInteger,
            existing_nullable=True,
            comment="when somebody last signed in with it, or it was opened",
        )
        batch.add_column(
            sa.Column("disabled_why", sa.Text, nullable=True, comment="administrator or idle")
        )
        batch.add_column(
            sa.Column(
                "password_set_ns",
                sa.BigInteger,
                nullable=True,
                comment="when the present password was set",
            )
        )
        batch.add_column(
            sa.Column(
                "factor_sealed",
                sa.LargeBinary,
                nullable=True,
                comment="the second factor's secret, encrypted under the hub's key and bound to"
                " the id",
            )
        )
        batch.add_column(
            sa.Column(
                "factor_since_ns",
                sa.BigInteger,
                nullable=True,
                comment="when the second factor was enrolled",
            )
        )
        batch.add_column(
            sa.Column(
                "factor_step",
                sa.BigInteger,
                nullable=True,
                comment="time step (RFC 6238) of the last code that was taken: no code is taken"
                " twice",
            )
        )
        batch.add_column(
            sa.Column(
                "identity",
                sa.Text,
                nullable=True,
                comment="issuer and subject of an OpenID Connect provider; nothing writes it yet",
            )
        )
        batch.create_unique_constraint("uq_account_identity", ["identity"])


def _widen_session() -> None:
    with op.batch_alter_table("session") as batch:
        batch.add_column(
            sa.Column(
                "stage",
                sa.Text,
                nullable=False,
                server_default="open",
                comment="code, enrol or open: what is still asked of the person",
            )
        )
        batch.add_column(
            sa.Column(
                "factor",
                sa.Text,
                nullable=False,
                server_default="password",
                comment="password, totp, recovery or pin: what it was opened with",
            )
        )
        batch.add_column(
            sa.Column(
                "workstation_id",
                sa.Text,
                nullable=True,
                comment="the enrolled machine it is open on",
            )
        )
        batch.create_check_constraint("ck_session_stage", "stage IN ('code', 'enrol', 'open')")
        batch.create_check_constraint(
            "ck_session_factor", "factor IN ('password', 'totp', 'recovery', 'pin')"
        )


def _account_id(comment: str, name: str = "account_id") -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey("account.id"), nullable=False, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, comment=comment)


def _create_tables() -> None:
    op.create_table(
        "password_past",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            comment="order of setting",
        ),
        _account_id("whose it was"),
        sa.Column(
            "password_hash", sa.Text, nullable=False, comment="argon2id, with its parameters"
        ),
        _moment("ended_ns", "when another took its place"),
        comment="earlier passwords, which may not be taken again",
    )
    op.create_index("ix_password_past_account_id", "password_past", ["account_id"])
    op.create_table(
        "recovery_code",
        sa.Column(
            "code_hash",
            sa.Text,
            primary_key=True,
            comment="SHA-256 of a code of 80 random bits",
        ),
        _account_id("whose it is"),
        _moment("created_ns", "when it was shown"),
        _moment("used_ns", "when it was used, once", null=True),
        comment="what opens an account once when the telephone is lost",
    )
    op.create_index("ix_recovery_code_account_id", "recovery_code", ["account_id"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
        _account_id("for whom"),
        sa.Column("title", sa.Text, nullable=False, comment="what it is for, in its owner's words"),
        sa.Column(
            "token_hash",
            sa.Text,
            nullable=False,
            unique=True,
            comment="SHA-256 of the token's value",
        ),
        sa.Column(
            "scopes", sa.JSON, nullable=False, comment="read, pictures, manage: what it opens"
        ),
        _moment("created_ns", "from"),
        _moment("expires_ns", "until"),
        _moment("used_ns", "last request, to the minute", null=True),
        _moment("revoked_ns", "taken back", null=True),
        comment="what a program carries in place of a person's session; it opens the API only",
    )
    op.create_index("ix_api_token_account_id", "api_token", ["account_id"])
    op.create_table(
        "workstation",
        sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
        sa.Column("title", sa.Text, nullable=False, comment="what people call the machine"),
        sa.Column("room", sa.Text, nullable=False, comment="where it stands"),
        sa.Column(
            "key_hash",
            sa.Text,
            nullable=False,
            unique=True,
            comment="SHA-256 of its cookie's value",
        ),
        _account_id("by whom", "enrolled_by"),
        _moment("enrolled_ns", "since when"),
        _moment("revoked_ns", "since when it is like any other machine", null=True),
        comment="a machine on duty where persons change by PIN",
    )
    op.create_table(
        "pin",
        sa.Column(
            "workstation_id",
            sa.Text,
            sa.ForeignKey("workstation.id"),
            primary_key=True,
            comment="where it works, and nowhere else",
        ),
        sa.Column(
            "account_id",
            sa.Text,
            sa.ForeignKey("account.id"),
            primary_key=True,
            comment="for whom",
        ),
        sa.Column("pin_hash", sa.Text, nullable=False, comment="argon2id, with its parameters"),
        _moment("set_ns", "when it was chosen"),
        _moment("until_ns", "end of the shift that began with a full sign-in there"),
        sa.Column("failures", sa.Integer, nullable=False, comment="tries since the last right one"),
        comment="what changes the person at a workstation within a shift",
    )
    op.create_table(
        "display",
        sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
        sa.Column("title", sa.Text, nullable=False, comment="what people call the screen"),
        sa.Column(
            "room",
            sa.Text,
            nullable=False,
            comment="where it hangs: what it shows is shown to this room",
        ),
        _account_id("who answers for it; it opens nothing that this person may not see"),
        sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
        sa.Column(
            "form_token", sa.Text, nullable=False, comment="what its page's questions must carry"
        ),
        sa.Column(
            "code_hash",
            sa.Text,
            nullable=True,
            comment="SHA-256 of the code that links a screen, once; null when it is used",
        ),
        _moment("code_until_ns", "until when the code may be typed", null=True),
        sa.Column(
            "key_hash",
            sa.Text,
            nullable=True,
            unique=True,
            comment="SHA-256 of the cookie's value of the screen that was linked",
        ),
        _moment("created_ns", "since when"),
        _moment("linked_ns", "when a screen was linked", null=True),
        _moment("seen_ns", "last request of its page, to the minute", null=True),
        _moment("revoked_ns", "since when it opens nothing", null=True),
        comment="a screen on a wall with a room and a responsible person; it watches nothing",
    )


def downgrade() -> None:
    """Second factors, tokens, workstations and displays are gone."""
    for table in (
        "display",
        "pin",
        "workstation",
        "api_token",
        "recovery_code",
        "password_past",
    ):
        op.drop_table(table)
    with op.batch_alter_table("grant_issued") as batch:
        batch.drop_column("display_id")
    with op.batch_alter_table("session") as batch:
        batch.drop_constraint("ck_session_factor", type_="check")
        batch.drop_constraint("ck_session_stage", type_="check")
        for name in ("workstation_id", "factor", "stage"):
            batch.drop_column(name)
    with op.batch_alter_table("account") as batch:
        batch.drop_constraint("uq_account_identity", type_="unique")
        for name in (
            "identity",
            "factor_step",
            "factor_since_ns",
            "factor_sealed",
            "password_set_ns",
            "disabled_why",
        ):
            batch.drop_column(name)
