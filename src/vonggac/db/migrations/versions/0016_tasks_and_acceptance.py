"""Tasks with their deadlines, and the remote acceptance of cameras."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0011"


def upgrade() -> None:
    """Nine tables, empty."""
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column(
            "tried_ns",
            sa.BigInteger(),
            nullable=False,
            comment="when the try began; the trial of continuity begins then",
        ),
        sa.Column(
            "tried_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "tried_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "trial_ns", sa.BigInteger(), nullable=False, comment="length of the trial, in ns"
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="tried",
            nullable=False,
            comment="tried, passed or failed",
        ),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="codes of what spoke against it"),
        sa.Column(
            "closed_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it was found passed or failed",
        ),
        sa.Column(
            "accepted_ns", sa.BigInteger(), nullable=True, comment="when a person accepted it"
        ),
        sa.Column(
            "accepted_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account",
        ),
        sa.Column(
            "accepted_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "accepted_note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="in the words of who accepted",
        ),
        sa.CheckConstraint(
            "state IN ('tried', 'passed', 'failed')", name=op.f("ck_acceptance_state")
        ),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_acceptance_camera_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_acceptance_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance")),
        comment="tries to accept a camera remotely; the latest of a camera counts",
    )
    op.create_index(
        op.f("ix_acceptance_camera_id_tried_ns"),
        "acceptance",
        ["camera_id", "tried_ns"],
        unique=False,
    )
    op.create_index(op.f("ix_acceptance_site_id"), "acceptance", ["site_id"], unique=False)
    op.create_table(
        "acceptance_check",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("acceptance_id", sa.Text(), nullable=False, comment="of which try"),
        sa.Column("kind", sa.Text(), nullable=False, comment="probe, picture, zone or trial"),
        sa.Column("well", sa.Boolean(), nullable=False, comment="whether it speaks for the camera"),
        sa.Column("facts", sa.JSON(), nullable=False, comment="what was measured or confirmed"),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="in the words of the person",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "made_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "kind IN ('probe', 'picture', 'zone', 'trial')", name=op.f("ck_acceptance_check_kind")
        ),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_acceptance_check_acceptance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance_check")),
        comment="what was found in a try, only ever added; the last of each kind counts",
    )
    op.create_index(
        op.f("ix_acceptance_check_acceptance_id"),
        "acceptance_check",
        ["acceptance_id"],
        unique=False,
    )
    op.create_table(
        "acceptance_picture",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("acceptance_id", sa.Text(), nullable=False, comment="of which try"),
        sa.Column("media_type", sa.Text(), nullable=False, comment="image/jpeg"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the bytes"),
        sa.Column(
            "taken_ns", sa.BigInteger(), nullable=False, comment="when the picture was taken"
        ),
        sa.Column(
            "taken_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "taken_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_acceptance_picture_acceptance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance_picture")),
        comment="pictures that were held against the planned view",
    )
    op.create_index(
        op.f("ix_acceptance_picture_acceptance_id"),
        "acceptance_picture",
        ["acceptance_id"],
        unique=False,
    )
    op.create_table(
        "acceptance_watch",
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column(
            "acceptance_id", sa.Text(), nullable=False, comment="the accepted try that is watched"
        ),
        sa.Column(
            "checked_ns", sa.BigInteger(), nullable=False, comment="when it was last checked again"
        ),
        sa.Column("well", sa.Boolean(), nullable=False, comment="whether it is still as accepted"),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="codes of what drifted"),
        sa.Column("facts", sa.JSON(), nullable=False, comment="what was found then"),
        sa.Column("since_ns", sa.BigInteger(), nullable=False, comment="since when it is so"),
        sa.Column(
            "nights", sa.Integer(), nullable=False, comment="checks since then with this result"
        ),
        sa.ForeignKeyConstraint(
            ["acceptance_id"], ["acceptance.id"], name=op.f("fk_acceptance_watch_acceptance_id")
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name=op.f("fk_acceptance_watch_camera_id")
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_acceptance_watch")),
        comment="the nightly check of accepted cameras: the last one of each",
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=True, comment="where; null is no facility alone"),
        sa.Column(
            "unit_id",
            sa.Text(),
            nullable=True,
            comment="the unit that it belongs to; null is everybody's",
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="who is responsible, by name"),
        sa.Column("what", sa.Text(), nullable=False, comment="what is to be done"),
        sa.Column(
            "due",
            sa.Date(),
            nullable=True,
            comment="the last day; null is none, or that of the clause",
        ),
        sa.Column(
            "about",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what it came from, as subject:id",
        ),
        sa.Column(
            "directive_id", sa.Text(), nullable=True, comment="the directive that it carries out"
        ),
        sa.Column(
            "clause_id",
            sa.Text(),
            nullable=True,
            comment="the clause whose last day it has without its own",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="open, doing, done or waived",
        ),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False, comment="when it was opened"),
        sa.Column(
            "opened_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "opened_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "changed_ns", sa.BigInteger(), nullable=False, comment="when its state last changed"
        ),
        sa.CheckConstraint(
            "state IN ('open', 'doing', 'done', 'waived')", name=op.f("ck_task_state")
        ),
        sa.ForeignKeyConstraint(
            ["clause_id"], ["directive_clause.id"], name=op.f("fk_task_clause_id")
        ),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_task_directive_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_task_site_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_task_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        comment="what a body has to do until a day; never deleted",
    )
    op.create_index(op.f("ix_task_about"), "task", ["about"], unique=False)
    op.create_index(op.f("ix_task_site_id_state"), "task", ["site_id", "state"], unique=False)
    op.create_index(op.f("ix_task_unit_id_state"), "task", ["unit_id", "state"], unique=False)
    op.create_table(
        "task_after",
        sa.Column("task_id", sa.Text(), nullable=False, comment="which"),
        sa.Column(
            "after_id",
            sa.Text(),
            nullable=False,
            comment="the task that must be over before it begins",
        ),
        sa.ForeignKeyConstraint(["after_id"], ["task.id"], name=op.f("fk_task_after_after_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_after_task_id")),
        sa.PrimaryKeyConstraint("task_id", "after_id", name=op.f("pk_task_after")),
        comment="which task waits for which",
    )
    op.create_table(
        "task_extension",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("task_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it cannot be done in time"),
        sa.Column(
            "old_due", sa.Date(), nullable=True, comment="the last day when it was asked for"
        ),
        sa.Column("new_due", sa.Date(), nullable=False, comment="the last day that is asked for"),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False, comment="when it was asked for"),
        sa.Column(
            "asked_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "asked_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="asked",
            nullable=False,
            comment="asked, agreed or refused",
        ),
        sa.Column(
            "agreed_person",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="who decided: name and position",
        ),
        sa.Column(
            "document",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the paper that says so",
        ),
        sa.Column(
            "answer",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why, in the words of who decided",
        ),
        sa.Column(
            "decided_ns", sa.BigInteger(), nullable=True, comment="when the decision was entered"
        ),
        sa.Column(
            "decided_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that entered it",
        ),
        sa.Column(
            "decided_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'agreed', 'refused')", name=op.f("ck_task_extension_state")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_extension_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_extension")),
        comment="requests to move a task's last day, and what became of them",
    )
    op.create_index(op.f("ix_task_extension_task_id"), "task_extension", ["task_id"], unique=False)
    op.create_table(
        "task_file",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("task_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was called where it came from"
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="what the bytes are"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the bytes"),
        sa.Column("attached_ns", sa.BigInteger(), nullable=False, comment="when it was attached"),
        sa.Column(
            "attached_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "attached_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_file_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_file")),
        comment="files that show how a task was done",
    )
    op.create_index(op.f("ix_task_file_task_id"), "task_file", ["task_id"], unique=False)
    op.create_table(
        "task_step",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("task_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="what it became; the one that it had where only a note was left",
        ),
        sa.Column(
            "note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was said, or the reason",
        ),
        sa.Column("done_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "done_by",
            sa.Text(),
            nullable=False,
            comment="name of the account; vonggac is the program itself",
        ),
        sa.Column(
            "done_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_step_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_step")),
        comment="what happened to a task, in order; only ever added",
    )
    op.create_index(op.f("ix_task_step_task_id"), "task_step", ["task_id"], unique=False)


def downgrade() -> None:
    """What was kept in them is gone."""
    for name in (
        "acceptance_watch", "acceptance_picture", "acceptance_check", "acceptance", "task_file",
        "task_extension", "task_step", "task_after", "task",
    ):  # fmt: skip
        op.drop_table(name)
