"""Tables of cases: what somebody saw, what is proved of it, what was decided, who took it over.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.  That no
case counts as confirmed without a named person, and none as a violation without a body, a basis and
a person who entered its word, is held here, below every program (`vonggac.domain.case_told`).
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, number, reference, text
from vonggac.db.tables import metadata

case_record = sa.Table(
    "case_record",
    metadata,
    identity(),
    reference("site_id", "site.id", "where"),
    number("year", "of its number"),
    number("serial", "counts the cases of a year from 1"),
    text("state", "suspected, confirmed, handling, closed or dismissed", default="suspected"),
    text("found_by", "person, or program for a suspicion of a machine"),
    text("violation", "code of the catalogue; empty until somebody says which", default=""),
    text("catalogue", "version of the catalogue that the code is of", default=""),
    text("subject", "whose act: N, P, K or C; empty until somebody says", default=""),
    text("severity", "low, medium, high or urgent"),
    text("place", "room or place, never a person", default=""),
    text("role", "who as a role, never a name", default=""),
    text("said", "what was seen, without names and dates of people", default=""),
    moment("happened_ns", "the second that was marked first"),
    moment("due_ns", "until when whoever has it decides"),
    moment("opened_ns", "when it was opened"),
    reference("opened_by", "account.id", "who did; null for a machine", null=True),
    text("opened_name", "what they or the machine were called then"),
    text("unit", "the unit that has it in hand; empty for nobody's", default=""),
    reference("responsible_id", "account.id", "who deals with it", null=True),
    text("responsible_name", "what they were called then", default=""),
    moment("confirmed_ns", "when a person confirmed that it happened", null=True),
    reference("confirmed_by", "account.id", "who did", null=True),
    text("confirmed_name", "what they were called then", default=""),
    text("outcome", "event or violation; empty before it is known", default=""),
    text("basis", "the document and clause that the body named for a violation", default=""),
    text("concluded_body", "the body that concluded a violation", default=""),
    reference("concluded_by", "account.id", "who entered its word", null=True),
    moment("ended_ns", "when it was closed or dismissed", null=True),
    reference("ended_by", "account.id", "who did", null=True),
    text("ended_name", "what they were called then", default=""),
    text("ended_reason", "why, or what came of it", default=""),
    sa.UniqueConstraint("year", "serial"),
    sa.CheckConstraint(
        "state IN ('suspected', 'confirmed', 'handling', 'closed', 'dismissed')", name="state"
    ),
    sa.CheckConstraint(
        "(found_by = 'person' AND opened_by IS NOT NULL) OR found_by = 'program'", name="found_by"
    ),
    sa.CheckConstraint("severity IN ('low', 'medium', 'high', 'urgent')", name="severity"),
    sa.CheckConstraint(
        "state IN ('suspected', 'dismissed') OR confirmed_by IS NOT NULL", name="confirmed"
    ),
    sa.CheckConstraint(
        "outcome IN ('', 'event') OR (outcome = 'violation' AND confirmed_by IS NOT NULL"
        " AND concluded_by IS NOT NULL AND basis <> '' AND concluded_body <> '')",
        name="violation",
    ),
    sa.CheckConstraint("(state IN ('closed', 'dismissed')) = (ended_ns IS NOT NULL)", name="ended"),
    sa.Index(None, "site_id", "opened_ns"),
    sa.Index(None, "state", "due_ns"),
    comment="cases: something seen by camera, from a suspicion to its end; deleted when old",
)

case_mark = sa.Table(
    "case_mark",
    metadata,
    identity(),
    reference("case_id", "case_record.id", "of which"),
    reference("camera_id", "camera.id", "which camera showed it"),
    text("camera", "its name on the wire"),
    text("zone", "its place by the placement rule then"),
    moment("at_ns", "the second; the still and the playback lead here"),
    moment("from_ns", "begin of the clip"),
    moment("to_ns", "end of the clip"),
    text("via", "live or playback; program for a suspicion of a machine"),
    reference("hold_id", "hold.id", "what keeps the clip from deletion", null=True),
    text("unheld", "why nothing keeps it: box_elsewhere or too_many", default=""),
    moment("marked_ns", "when it was marked"),
    text("marked_name", "who did, as they were called then"),
    sa.CheckConstraint("via IN ('live', 'playback', 'program')", name="via"),
    sa.CheckConstraint("from_ns <= at_ns AND at_ns <= to_ns", name="span"),
    sa.Index(None, "case_id"),
    comment="moments of cameras under a case",
)

case_step = sa.Table(
    "case_step",
    metadata,
    identity(),
    reference("case_id", "case_record.id", "of which"),
    number("serial", "counts the steps of a case from 1"),
    text("kind", "opened, marked, described, confirmed, dismissed, taken, escalated, ..."),
    text("said", "what was written", default=""),
    moment("entered_ns", "when it was entered"),
    text("entered_by", "name of the account that did; empty for a machine", default=""),
    text("entered_name", "their full name then", default=""),
    sa.UniqueConstraint("case_id", "serial"),
    comment="what happened to a case, in order; only ever added",
)

case_link = sa.Table(
    "case_link",
    metadata,
    sa.Column(
        "case_id", sa.Text, sa.ForeignKey("case_record.id"), primary_key=True, comment="of which"
    ),
    sa.Column(
        "other_id", sa.Text, sa.ForeignKey("case_record.id"), primary_key=True, comment="the other"
    ),
    comment="cases that belong together; a row for each direction",
)

case_handover = sa.Table(
    "case_handover",
    metadata,
    identity(),
    reference("case_id", "case_record.id", "of which"),
    text("body", "the body with the power to conclude"),
    text("receiver", "who took it over there: name and position of an official"),
    text("minutes", "number of the minutes of the hand-over"),
    day("minutes_day", "their day"),
    moment("handed_ns", "when it was entered"),
    text("handed_name", "who handed it over, as they were called then"),
    text("outcome", "event or violation, by the body; empty while it waits", default=""),
    text("document", "number of the body's decision or answer", default=""),
    day("document_day", "its day", null=True),
    text("said", "what the body said", default=""),
    moment("outcome_ns", "when its word was entered", null=True),
    text("outcome_name", "who entered it, as they were called then", default=""),
    sa.CheckConstraint("outcome IN ('', 'event', 'violation')", name="outcome"),
    sa.Index(None, "case_id"),
    comment="hand-overs of cases to a body that may conclude, with what it concluded",
)
