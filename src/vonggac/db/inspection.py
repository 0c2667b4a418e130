"""Tables of inspections: rounds, checklists, findings, reminders, proposals and decisions.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, json, moment, reference, text
from vonggac.db.tables import Counter, metadata


def _site() -> sa.Column[str]:
    return reference("site_id", "site.id", "where")


def _by(verb: str, *, null: bool = False) -> list[sa.Column[str]]:
    default = "" if null else None
    return [
        text(f"{verb}_by", "name of the account that did", default=default),
        text(f"{verb}_name", "their full name then", default=""),
    ]


inspection_round = sa.Table(
    "inspection_round",
    metadata,
    identity(),
    text("title", "what people call it"),
    text("body", "the body that leads it"),
    text("decision", "number of the decision; empty while it is a draft", default=""),
    day("decided", "day of the decision", null=True),
    json("team", "who goes: name, body, part"),
    text("directive_id", "the directive that it carries out", null=True),
    text("paper_id", "the draft of the decision", null=True),
    moment("made_ns", "when it was made"),
    *_by("made"),
    sa.Index(None, "made_ns"),
    comment="a decision to inspect: which body, who goes, to which facilities, when",
)

inspection = sa.Table(
    "inspection",
    metadata,
    identity(),
    reference("round_id", "inspection_round.id", "of which decision"),
    _site(),
    day("planned", "the day that was planned"),
    text("way", "on_site or remote"),
    text("state", "planned, open, done or dropped", default="planned"),
    text("checklist", "version of the rules whose items are asked", default=""),
    json("facts", "what the program knew when it began, by item; empty before"),
    moment("facts_ns", "as of when; null before it began", null=True),
    moment("since_ns", "from when the figures count: the inspection before", null=True),
    day("done", "the day of the minutes", null=True),
    sa.Column(
        "counts",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="it satisfies the rule of days: on site, or a leader lets a remote one count",
    ),
    json("present", "who was there for the facility and agreed: name, position, agreed"),
    text("opinion", "what the facility says of it", default=""),
    text("refused", "why the facility did not sign; empty when it did not refuse", default=""),
    text("witness", "before whom it refused: name and what they are", default=""),
    text("client_id", "names the minutes where they were made, so that they come once", null=True),
    moment("minutes_ns", "when the minutes were made, by the maker's clock", null=True),
    moment("closed_ns", "when they came", null=True),
    *_by("closed", null=True),
    text("paper_id", "the draft of the minutes", null=True),
    moment("made_ns", "when it was planned"),
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
    reference("inspection_id", "inspection.id", "of which inspection"),
    text("item", "code of the checklist"),
    text("verdict", "pass, fail or na"),
    text("said", "what was found, and what has to be done", default=""),
    text("action", "what the facility has to do, of an item that failed", default=""),
    text("responsible", "who does it", default=""),
    day("due", "until when", null=True),
    moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("verdict IN ('pass', 'fail', 'na')", name="verdict"),
    sa.PrimaryKeyConstraint("inspection_id", "item"),
    comment="what the inspector found of an item",
)

inspection_photo = sa.Table(
    "inspection_photo",
    metadata,
    identity(),
    reference("inspection_id", "inspection.id", "of which inspection"),
    reference("finding_id", "finding.id", "of which finding, as its proof", null=True),
    text("item", "of which item of the checklist; empty for the whole", default=""),
    text("client_id", "names it where it was taken, so that it comes once", null=True),
    text("media_type", "image/png or image/jpeg"),
    sa.Column("width", sa.Integer, nullable=False, comment="pixels"),
    sa.Column("height", sa.Integer, nullable=False, comment="pixels"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes, without metadata"),
    moment("made_ns", "when it came"),
    *_by("made"),
    sa.UniqueConstraint("client_id"),
    sa.Index(None, "inspection_id"),
    sa.Index(None, "finding_id"),
    comment="photographs of an inspection, and of what was mended",
)

finding = sa.Table(
    "finding",
    metadata,
    identity(),
    reference("inspection_id", "inspection.id", "of which inspection"),
    _site(),
    text("item", "code of the checklist"),
    text("said", "what is wrong"),
    text("action", "what has to be done"),
    text("responsible", "who does it"),
    day("due", "until when"),
    text("state", "open, proved or closed", default="open"),
    text("task_id", "the task that it opened", null=True),
    moment("made_ns", "when"),
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
    reference("finding_id", "finding.id", "of which finding"),
    text("kind", "proof, closed or reopened"),
    text("said", "what was done, or why it is open again", default=""),
    text("proof", "photo, clip, ledger or word: of a proof", default=""),
    text("proof_id", "id of the photograph or of the export", default=""),
    json("figures", "figures of the ledger at that moment, of such a proof"),
    day("due", "the new last day, of what was opened again", null=True),
    moment("made_ns", "when"),
    *_by("made"),
    sa.CheckConstraint("kind IN ('proof', 'closed', 'reopened')", name="kind"),
    sa.Index(None, "finding_id"),
    comment="proofs and re-checks of a finding, in order; only ever added",
)

inspection_switch = sa.Table(
    "inspection_switch",
    metadata,
    identity(),
    reference("unit_id", "unit.id", "for the facilities of which unit; null is all", null=True),
    sa.Column("remote", sa.Boolean, nullable=False, comment="a remote inspection counts"),
    text("reason", "why"),
    moment("made_ns", "since when"),
    *_by("made"),
    sa.Index(None, "unit_id", "made_ns"),
    comment="leaders who let remote inspections count, or did until then; only ever added",
)

reminder = sa.Table(
    "reminder",
    metadata,
    identity(),
    _site(),
    text("about", "what is late: subject:id"),
    text("level", "to whom, as the rules of escalation have it"),
    text("addressee", "whom it is addressed to"),
    text("what", "what is asked for"),
    day("due", "the last day that was missed", null=True),
    day("answer_by", "until when an answer is asked for"),
    text("paper_id", "the draft of the letter", null=True),
    text("number", "number of the letter; empty before it was sent", default=""),
    day("sent", "day of sending", null=True),
    *_by("sent", null=True),
    moment("sent_ns", "when the sending was entered", null=True),
    moment("made_ns", "when it was drafted"),
    *_by("made"),
    sa.Index(None, "site_id", "sent"),
    sa.Index(None, "about"),
    comment="letters that urge: drafted by the program, sent by a person",
)

proposal = sa.Table(
    "proposal",
    metadata,
    identity(),
    _site(),
    text("list", "not_installing or not_supervising"),
    json("inputs", "the figures that put the facility on the list, as of its making"),
    text("directive_id", "the directive that it carries out", null=True),
    json("reminded", "the reminders that were counted: number, day, level"),
    text("state", "explaining, explained, proposed, decided or dropped", default="explaining"),
    day("explain_by", "until when the facility explains"),
    text("link", "digest of the one-time link; empty when there is none", default=""),
    moment("link_used_ns", "when the link was used", null=True),
    text("explanation", "what the facility says", default=""),
    text("explained_for", "who says it for the facility: name and position", default=""),
    text("came", "page, link or paper; empty before", default=""),
    moment("explained_ns", "when it came", null=True),
    *_by("explained", null=True),
    text("measure", "what is proposed", default=""),
    text("reason", "why", default=""),
    text("proposed_to", "the body that decides", default=""),
    text("proposing", "the body that proposes", default=""),
    text("paper_id", "the draft of the letter", null=True),
    moment("proposed_ns", "when", null=True),
    text("proposed_id", "account that did", default=""),
    *_by("proposed", null=True),
    text("decision", "what was decided: applied, eased or refused", default=""),
    text("decision_said", "what it says", default=""),
    text("decided_body", "the body that decided", default=""),
    text("decided_person", "who signed: name and position", default=""),
    text("document", "number of the document", default=""),
    day("decided", "its day", null=True),
    moment("decided_ns", "when it was entered", null=True),
    *_by("decided", null=True),
    moment("made_ns", "when the explanation was asked for"),
    *_by("made"),
    sa.CheckConstraint(
        "state IN ('explaining', 'explained', 'proposed', 'decided', 'dropped')", name="state"
    ),
    sa.CheckConstraint("list IN ('not_installing', 'not_supervising')", name="list"),
    sa.Index(None, "site_id", "made_ns"),
    sa.Index(None, "link"),
    comment="what is proposed against a facility: its explanation first, the decision after it",
)
