"""Tables of tasks (công việc) and of the remote acceptance (nghiệm thu) of cameras.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, reference, text
from vonggac.db.tables import Counter, Moment, metadata


def _by(verb: str) -> list[sa.Column[str]]:
    return [
        text(f"{verb}_by", "name of the account; vonggac is the program itself"),
        text(f"{verb}_name", "their full name then", default=""),
    ]


task = sa.Table(
    "task",
    metadata,
    identity(),
    reference("site_id", "site.id", "where; null is no facility alone", null=True),
    reference("unit_id", "unit.id", "the unit that it belongs to; null is everybody's", null=True),
    text("body", "who is responsible, by name"),
    text("what", "what is to be done"),
    day("due", "the last day; null is none, or that of the clause", null=True),
    text("about", "what it came from, as subject:id", default=""),
    reference("directive_id", "directive.id", "the directive that it carries out", null=True),
    reference(
        "clause_id", "directive_clause.id", "the clause whose last day it has without its own",
        null=True,
    ),
    text("state", "open, doing, done or waived", default="open"),
    moment("opened_ns", "when it was opened"),
    *_by("opened"),
    moment("changed_ns", "when its state last changed"),
    sa.CheckConstraint("state IN ('open', 'doing', 'done', 'waived')", name="state"),
    sa.Index(None, "about"),
    sa.Index(None, "site_id", "state"),
    sa.Index(None, "unit_id", "state"),
    comment="what a body has to do until a day; never deleted",
)  # fmt: skip

task_after = sa.Table(
    "task_after",
    metadata,
    sa.Column("task_id", sa.Text, sa.ForeignKey("task.id"), primary_key=True, comment="which"),
    sa.Column(
        "after_id", sa.Text, sa.ForeignKey("task.id"), primary_key=True,
        comment="the task that must be over before it begins",
    ),
    comment="which task waits for which",
)  # fmt: skip

task_step = sa.Table(
    "task_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("task_id", "task.id", "of which"),
    text("state", "what it became; the one that it had where only a note was left"),
    text("note", "what was said, or the reason", default=""),
    moment("done_ns", "when"),
    *_by("done"),
    sa.Index(None, "task_id"),
    comment="what happened to a task, in order; only ever added",
)

task_extension = sa.Table(
    "task_extension",
    metadata,
    identity(),
    reference("task_id", "task.id", "of which"),
    text("reason", "why it cannot be done in time"),
    day("old_due", "the last day when it was asked for", null=True),
    day("new_due", "the last day that is asked for"),
    moment("asked_ns", "when it was asked for"),
    *_by("asked"),
    text("state", "asked, agreed or refused", default="asked"),
    text("agreed_person", "who decided: name and position", default=""),
    text("document", "number of the paper that says so", default=""),
    text("answer", "why, in the words of who decided", default=""),
    moment("decided_ns", "when the decision was entered", null=True),
    text("decided_by", "name of the account that entered it", default=""),
    text("decided_name", "their full name then", default=""),
    sa.CheckConstraint("state IN ('asked', 'agreed', 'refused')", name="state"),
    sa.Index(None, "task_id"),
    comment="requests to move a task's last day, and what became of them",
)

task_file = sa.Table(
    "task_file",
    metadata,
    identity(),
    reference("task_id", "task.id", "of which"),
    text("file_name", "as it was called where it came from"),
    text("media_type", "what the bytes are"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    moment("attached_ns", "when it was attached"),
    *_by("attached"),
    sa.Index(None, "task_id"),
    comment="files that show how a task was done",
)

acceptance = sa.Table(
    "acceptance",
    metadata,
    identity(),
    reference("site_id", "site.id", "where"),
    reference("camera_id", "camera.id", "which camera"),
    moment("tried_ns", "when the try began; the trial of continuity begins then"),
    *_by("tried"),
    sa.Column("trial_ns", Moment, nullable=False, comment="length of the trial, in ns"),
    text("state", "tried, passed or failed", default="tried"),
    sa.Column("reasons", sa.JSON, nullable=False, comment="codes of what spoke against it"),
    moment("closed_ns", "when it was found passed or failed", null=True),
    moment("accepted_ns", "when a person accepted it", null=True),
    text("accepted_by", "name of the account", default=""),
    text("accepted_name", "their full name then", default=""),
    text("accepted_note", "in the words of who accepted", default=""),
    sa.CheckConstraint("state IN ('tried', 'passed', 'failed')", name="state"),
    sa.Index(None, "camera_id", "tried_ns"),
    sa.Index(None, "site_id"),
    comment="tries to accept a camera remotely; the latest of a camera counts",
)

acceptance_check = sa.Table(
    "acceptance_check",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    reference("acceptance_id", "acceptance.id", "of which try"),
    text("kind", "probe, picture, zone or trial"),
    sa.Column("well", sa.Boolean, nullable=False, comment="whether it speaks for the camera"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what was measured or confirmed"),
    text("said", "in the words of the person", default=""),
    moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("kind IN ('probe', 'picture', 'zone', 'trial')", name="kind"),
    sa.Index(None, "acceptance_id"),
    comment="what was found in a try, only ever added; the last of each kind counts",
)

acceptance_picture = sa.Table(
    "acceptance_picture",
    metadata,
    identity(),
    reference("acceptance_id", "acceptance.id", "of which try"),
    text("media_type", "image/jpeg"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes"),
    moment("taken_ns", "when the picture was taken"),
    *_by("taken"),
    sa.Index(None, "acceptance_id"),
    comment="pictures that were held against the planned view",
)

acceptance_watch = sa.Table(
    "acceptance_watch",
    metadata,
    sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("camera.id"), primary_key=True, comment="which camera"
    ),
    reference("acceptance_id", "acceptance.id", "the accepted try that is watched"),
    moment("checked_ns", "when it was last checked again"),
    sa.Column("well", sa.Boolean, nullable=False, comment="whether it is still as accepted"),
    sa.Column("reasons", sa.JSON, nullable=False, comment="codes of what drifted"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what was found then"),
    moment("since_ns", "since when it is so"),
    sa.Column("nights", sa.Integer, nullable=False, comment="checks since then with this result"),
    comment="the nightly check of accepted cameras: the last one of each",
)
