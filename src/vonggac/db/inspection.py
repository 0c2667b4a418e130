"""Tables of inspections: rounds, checklists, findings, reminders, proposals and decisions.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.tables import Counter, Moment, metadata


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Moment, nullable=null, comment=comment)


def _day(name: str, comment: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date, nullable=null, comment=comment)


def _json(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False, comment=comment)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id")


def _of(name: str, target: str, comment: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=null, comment=comment)


def _site() -> sa.Column[str]:
    return _of("site_id", "site.id", "where")


def _by(verb: str, *, null: bool = False) -> list[sa.Column[str]]:
    default = "" if null else None
    return [
        _text(f"{verb}_by", "name of the account that did", default=default),
        _text(f"{verb}_name", "their full name then", default=""),
    ]


inspection_round = sa.Table(
    "inspection_round",
    metadata,
    _id(),
    _text("title", "what people call it"),
    _text("body", "the body that leads it"),
    _text("decision", "number of the decision; empty while it is a draft", default=""),
    _day("decided", "day of the decision", null=True),
    _json("team", "who goes: name, body, part"),
    _text("directive_id", "the directive that it carries out", null=True),
    _text("paper_id", "the draft of the decision", null=True),
    _moment("made_ns", "when it was made"),
    *_by("made"),
    sa.Index(None, "made_ns"),
    comment="a decision to inspect: which body, who goes, to which facilities, when",
)

inspection = sa.Table(
    "inspection",
    metadata,
    _id(),
    _of("round_id", "inspection_round.id", "of which decision"),
    _site(),
    _day("planned", "the day that was planned"),
    _text("way", "on_site or remote"),
    _text("state", "planned, open, done or dropped", default="planned"),
    _text("checklist", "version of the rules whose items are asked", default=""),
    _json("facts", "what the program knew when it began, by item; empty before"),
    _moment("facts_ns", "as of when; null before it began", null=True),
    _moment("since_ns", "from when the figures count: the inspection before", null=True),
    _day("done", "the day of the minutes", null=True),
    sa.Column(
        "counts",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="it satisfies the rule of days: on site, or a leader lets a remote one count",
    ),
    _json("present", "who was there for the facility and agreed: name, position, agreed"),
    _text("opinion", "what the facility says of it", default=""),
    _text("refused", "why the facility did not sign; empty when it did not refuse", default=""),
    _text("witness", "before whom it refused: name and what they are", default=""),
    _text("client_id", "names the minutes where they were made, so that they come once", null=True),
    _moment("minutes_ns", "when the minutes were made, by the maker's clock", null=True),
    _moment("closed_ns", "when they came", null=True),
    *_by("closed", null=True),
    _text("paper_id", "the draft of the minutes", null=True),
    _moment("made_ns", "when it was planned"),
    *_by("made"),
    sa.CheckConstraint("way IN ('on_site', 'remote')", name="way"),
    sa.CheckConstraint("state IN ('planned', 'open', 'done', 'dropped')", name="state"),
    sa.UniqueConstraint("client_id"),
    sa.Index(None, "site_id", "done"),
    sa.Index(None, "round_id"),
    comment="one facility inspected once: facts as of a moment, answers, minutes",
)

inspection_answer = sa.Table(
    "inspection_answer",
    metadata,
    _of("inspection_id", "inspection.id", "of which inspection"),
    _text("item", "code of the checklist"),
    _text("verdict", "pass, fail or na"),
    _text("said", "what was found, and what has to be done", default=""),
    _text("action", "what the facility has to do, of an item that failed", default=""),
    _text("responsible", "who does it", default=""),
    _day("due", "until when", null=True),
    _moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("verdict IN ('pass', 'fail', 'na')", name="verdict"),
    sa.PrimaryKeyConstraint("inspection_id", "item"),
    comment="what the inspector found of an item",
)

inspection_photo = sa.Table(
    "inspection_photo",
    metadata,
    _id(),
    _of("inspection_id", "inspection.id", "of which inspection"),
    _of("finding_id", "finding.id", "of which finding, as its proof", null=True),
    _text("item", "of which item of the checklist; empty for the whole", default=""),
    _text("client_id", "names it where it was taken, so that it comes once", null=True),
    _text("media_type", "image/png or image/jpeg"),
    sa.Column("width", sa.Integer, nullable=False, comment="pixels"),
    sa.Column("height", sa.Integer, nullable=False, comment="pixels"),
    _text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes, without metadata"),
    _moment("made_ns", "when it came"),
    *_by("made"),
    sa.UniqueConstraint("client_id"),
    sa.Index(None, "inspection_id"),
    sa.Index(None, "finding_id"),
    comment="photographs of an inspection, and of what was mended",
)

finding = sa.Table(
    "finding",
    metadata,
    _id(),
    _of("inspection_id", "inspection.id", "of which inspection"),
    _site(),
    _text("item", "code of the checklist"),
    _text("said", "what is wrong"),
    _text("action", "what has to be done"),
    _text("responsible", "who does it"),
    _day("due", "until when"),
    _text("state", "open, proved or closed", default="open"),
    _text("task_id", "the task that it opened", null=True),
    _moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("state IN ('open', 'proved', 'closed')", name="state"),
    sa.Index(None, "site_id", "state"),
    sa.Index(None, "inspection_id"),
    comment="what an inspection found wrong and has to be mended",
)

finding_step = sa.Table(
    "finding_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    _of("finding_id", "finding.id", "of which finding"),
    _text("kind", "proof, closed or reopened"),
    _text("said", "what was done, or why it is open again", default=""),
    _text("proof", "photo, clip, ledger or word: of a proof", default=""),
    _text("proof_id", "id of the photograph or of the export", default=""),
    _json("figures", "figures of the ledger at that moment, of such a proof"),
    _day("due", "the new last day, of what was opened again", null=True),
    _moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("kind IN ('proof', 'closed', 'reopened')", name="kind"),
    sa.Index(None, "finding_id"),
    comment="proofs and re-checks of a finding, in order; only ever added",
)

inspection_switch = sa.Table(
    "inspection_switch",
    metadata,
    _id(),
    _of("unit_id", "unit.id", "for the facilities of which unit; null is all", null=True),
    sa.Column("remote", sa.Boolean, nullable=False, comment="a remote inspection counts"),
    _text("reason", "why"),
    _moment("made_ns", "since when"),
    *_by("made"),
    sa.Index(None, "unit_id", "made_ns"),
    comment="leaders who let remote inspections count, or did until then; only ever added",
)

reminder = sa.Table(
    "reminder",
    metadata,
    _id(),
    _site(),
    _text("about", "what is late: subject:id"),
    _text("level", "to whom, as the rules of escalation have it"),
    _text("addressee", "whom it is addressed to"),
    _text("what", "what is asked for"),
    _day("due", "the last day that was missed", null=True),
    _day("answer_by", "until when an answer is asked for"),
    _text("paper_id", "the draft of the letter", null=True),
    _text("number", "number of the letter; empty before it was sent", default=""),
    _day("sent", "day of sending", null=True),
    *_by("sent", null=True),
    _moment("sent_ns", "when the sending was entered", null=True),
    _moment("made_ns", "when it was drafted"),
    *_by("made"),
    sa.Index(None, "site_id", "sent"),
    sa.Index(None, "about"),
    comment="letters that urge: drafted by the program, sent by a person",
)

proposal = sa.Table(
    "proposal",
    metadata,
    _id(),
    _site(),
    _text("list", "not_installing or not_supervising"),
    _json("inputs", "the figures that put the facility on the list, as of its making"),
    _json("reminded", "the reminders that were counted: number, day, level"),
    _text("state", "explaining, explained, proposed, decided or dropped", default="explaining"),
    _day("explain_by", "until when the facility explains"),
    _text("link", "digest of the one-time link; empty when there is none", default=""),
    _moment("link_used_ns", "when the link was used", null=True),
    _text("explanation", "what the facility says", default=""),
    _text("explained_for", "who says it for the facility: name and position", default=""),
    _text("came", "page, link or paper; empty before", default=""),
    _moment("explained_ns", "when it came", null=True),
    *_by("explained", null=True),
    _text("measure", "what is proposed", default=""),
    _text("reason", "why", default=""),
    _text("proposed_to", "the body that decides", default=""),
    _text("proposing", "the body that proposes", default=""),
    _text("paper_id", "the draft of the letter", null=True),
    _moment("proposed_ns", "when", null=True),
    _text("proposed_id", "account that did", default=""),
    *_by("proposed", null=True),
    _text("decision", "what was decided: applied, eased or refused", default=""),
    _text("decision_said", "what it says", default=""),
    _text("decided_body", "the body that decided", default=""),
    _text("decided_person", "who signed: name and position", default=""),
    _text("document", "number of the document", default=""),
    _day("decided", "its day", null=True),
    _moment("decided_ns", "when it was entered", null=True),
    *_by("decided", null=True),
    _moment("made_ns", "when the explanation was asked for"),
    *_by("made"),
    sa.CheckConstraint(
        "state IN ('explaining', 'explained', 'proposed', 'decided', 'dropped')", name="state"
    ),
    sa.CheckConstraint("list IN ('not_installing', 'not_supervising')", name="list"),
    sa.Index(None, "site_id", "made_ns"),
    sa.Index(None, "link"),
    comment="what is proposed against a facility: its explanation first, the decision after it",
)
