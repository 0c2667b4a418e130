"""Tables of the register of facilities: what a facility is, whom to call, where cameras look.

The same document as `vonggac.db.tables`, with its conventions, in a module of its own.
"""

from __future__ import annotations

import sqlalchemy as sa

from vonggac.db.columns import day, identity, moment, text
from vonggac.db.tables import Counter, metadata


def _number(name: str, comment: str) -> sa.Column[int | None]:
    return sa.Column(name, sa.Integer, nullable=True, comment=comment)


def _said_yes(name: str, comment: str) -> sa.Column[bool | None]:
    return sa.Column(name, sa.Boolean, nullable=True, comment=f"{comment}; null is not known")


def _site() -> sa.Column[str]:
    return sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where")


def _picture(comment: str) -> sa.Column[str]:
    return sa.Column(
        "picture_id", sa.Text, sa.ForeignKey("register_picture.id"), nullable=False, comment=comment
    )


facility = sa.Table(
    "facility",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="of whom"),
    text("folded", "code, name and address without marks, for the search", default=""),
    text("status", "preparing, in_service, paused or closed", default="in_service"),
    _number("capacity", "people it can take"),
    _number("rooms", "rooms for people in quarantine"),
    _number("floors", "floors"),
    text("note", "what else people should know; never about a person in quarantine", default=""),
    sa.Column(
        "intake_needs_cover",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="nobody is taken in before somebody concluded that cameras are enough",
    ),
    text("intake_reason", "why a leader set or lifted that", default=""),
    text("intake_by", "name of the account that did", default=""),
    moment("intake_ns", "when they did", null=True),
    sa.Column("revision", sa.Integer, nullable=False, comment="counts edits; a stale form loses"),
    moment("updated_ns", "when it was last edited"),
    text("updated_by", "name of the account that edited it", default=""),
    sa.CheckConstraint("status IN ('preparing', 'in_service', 'paused', 'closed')", name="status"),
    comment="what the register says of a site; one without a row has said nothing",
)

facility_service = sa.Table(
    "facility_service",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    _site(),
    sa.Column("from_day", sa.Date, nullable=False, comment="first day of service"),
    day("to_day", "first day without it; null while it lasts", null=True),
    sa.CheckConstraint("to_day IS NULL OR to_day >= from_day", name="ends_after_start"),
    sa.Index(None, "site_id", "from_day"),
    comment="when a facility took people in: facilities open, close and open again",
)

contact = sa.Table(
    "contact",
    metadata,
    identity(),
    _site(),
    text("kind", "contact, deputy, duty, line, electrician or engineer: a kind of the rules"),
    text("name", "full name, or the name of the desk that answers"),
    text("position", "what they are", default=""),
    text("organisation", "for whom they work", default=""),
    text("phone", "telephone", default=""),
    text("address", "where they are found", default=""),
    text("email", "e-mail", default=""),
    text("subscriber", "subscriber code of the line", default=""),
    text("hotline", "the provider's hotline", default=""),
    day("verified_day", "the day on which somebody last called and was answered", null=True),
    moment("updated_ns", "when it was last edited"),
    text("updated_by", "name of the account that edited it", default=""),
    sa.UniqueConstraint("site_id", "kind"),
    comment="whom to call about a facility: people on duty, never people in quarantine",
)

area = sa.Table(
    "area",
    metadata,
    identity(),
    _site(),
    text("code", "unique in the site: hl-2 ..."),
    text("zone", "code of the placement rule"),
    text("title", "what people read", default=""),
    text("floor", "as the facility calls it", default=""),
    text("blind", "blind spots that somebody named; empty when none is known", default=""),
    sa.UniqueConstraint("site_id", "code"),
    comment="one place of the placement rule in a facility: the corridor of a floor, a gate",
)

door = sa.Table(
    "door",
    metadata,
    identity(),
    _site(),
    sa.Column("area_id", sa.Text, sa.ForeignKey("area.id"), nullable=False, comment="opens to it"),
    text("name", "as it stands on the door; unique in the site"),
    sa.Column(
        "camera_id",
        sa.Text,
        sa.ForeignKey("camera.id"),
        nullable=True,
        comment="the corridor camera that sees it",
    ),
    sa.UniqueConstraint("site_id", "name"),
    sa.Index(None, "area_id"),
    comment="the door of a quarantine room, seen from outside",
)

register_picture = sa.Table(
    "register_picture",
    metadata,
    identity(),
    _site(),
    text("kind", "plan, absence or conclusion: what it belongs to"),
    text("media_type", "image/png, image/jpeg or image/webp"),
    sa.Column("width", sa.Integer, nullable=False, comment="pixels"),
    sa.Column("height", sa.Integer, nullable=False, comment="pixels"),
    text("sha256", "of the bytes, hex"),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="drawn again, without metadata"),
    moment("made_ns", "when it was sent"),
    text("made_by", "name of the account that sent it"),
    sa.Index(None, "site_id"),
    comment="pictures that people attached to the register",
)

zone_absence = sa.Table(
    "zone_absence",
    metadata,
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), primary_key=True, comment="where"),
    sa.Column("zone", sa.Text, primary_key=True, comment="code of the placement rule"),
    text("reason", "how the facility does without it"),
    _picture("what shows it"),
    moment("said_ns", "when it was said"),
    text("said_by", "name of the account that said it"),
    text("said_name", "their full name then", default=""),
    comment="a facility has no such place: somebody says so by name, with a photograph",
)

camera_facts = sa.Table(
    "camera_facts",
    metadata,
    sa.Column("camera_id", sa.Text, sa.ForeignKey("camera.id"), primary_key=True, comment="which"),
    sa.Column(
        "area_id", sa.Text, sa.ForeignKey("area.id"), nullable=True, comment="where it looks"
    ),
    text("maker", "who made it", default=""),
    text("model", "as the maker calls it", default=""),
    text("firmware", "version of its program", default=""),
    text("serial", "serial number", default=""),
    text("conformity", "number of the declaration of conformity", default=""),
    _said_yes("cr_mark", "bears the CR mark"),
    day("bought_day", "day of purchase", null=True),
    _said_yes("password_changed", "the maker's password was changed"),
    _said_yes("services_off", "Telnet, UPnP and the maker's cloud are off"),
    text("storage_country", "where its maker's cloud keeps pictures, if it does", default=""),
    day("patched_day", "day of the last update of its program", null=True),
    moment("updated_ns", "when it was last edited"),
    sa.Index(None, "area_id"),
    comment="inventory of a camera as a device: what QCVN 11:2026/BCA makes people ask",
)

floor_plan = sa.Table(
    "floor_plan",
    metadata,
    identity(),
    _site(),
    text("floor", "as the facility calls it"),
    text("title", "what people read", default=""),
    _picture("the drawing"),
    moment("made_ns", "when it was sent"),
    text("made_by", "name of the account that sent it"),
    moment("removed_ns", "when another took its place", null=True),
    sa.Index(None, "site_id"),
    comment="the drawing of a floor, on which cameras and their views are placed",
)

plan_camera = sa.Table(
    "plan_camera",
    metadata,
    sa.Column(
        "plan_id", sa.Text, sa.ForeignKey("floor_plan.id"), primary_key=True, comment="on which"
    ),
    sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("camera.id"), primary_key=True, comment="which camera"
    ),
    sa.Column("x", sa.Integer, nullable=False, comment="from the left, in 1/10000 of the width"),
    sa.Column("y", sa.Integer, nullable=False, comment="from the top, in 1/10000 of the height"),
    sa.Column("heading", sa.Integer, nullable=False, comment="degrees, 0 is up, clockwise"),
    sa.Column("angle", sa.Integer, nullable=False, comment="degrees that it sees at once"),
    sa.Column("reach", sa.Integer, nullable=False, comment="how far, in 1/10000 of the width"),
    comment="where a camera stands on a plan and what it sees",
)

cover_conclusion = sa.Table(
    "cover_conclusion",
    metadata,
    identity(),
    _site(),
    sa.Column("enough", sa.Boolean, nullable=False, comment="whether the cameras are enough"),
    text("said", "in the words of who concludes"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what the program computed at that moment"),
    sa.Column("pictures", sa.JSON, nullable=False, comment="ids of pictures attached"),
    moment("made_ns", "when"),
    text("made_by", "name of the account that concludes"),
    text("made_name", "their full name then", default=""),
    sa.Index(None, "site_id", "made_ns"),
    comment="a named surveyor's conclusion whether cameras are enough; only ever added",
)

sheet_upload = sa.Table(
    "sheet_upload",
    metadata,
    identity(),
    sa.Column("account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose"),
    text("file_name", "as it was called"),
    sa.Column(
        "content", sa.LargeBinary, nullable=True, comment="the workbook; gone when it was entered"
    ),
    text("sha256", "of the bytes, hex"),
    text("state", "reading, read, entering, entered or failed"),
    sa.Column("progress", sa.JSON, nullable=False, comment="how far it is"),
    sa.Column("found", sa.JSON, nullable=True, comment="counts, errors and first differences"),
    moment("made_ns", "when it was sent"),
    moment("touched_ns", "when its state last changed"),
    sa.Index(None, "account_id", "made_ns"),
    comment="a workbook of the register between its preview and its entry",
)

closing = sa.Table(
    "closing",
    metadata,
    identity(),
    _site(),
    text("reason", "why the facility is closed"),
    text("document", "number and date of the decision"),
    text("directive_id", "the directive that it carries out", null=True),
    moment("opened_ns", "when closing began"),
    text("opened_by", "name of the account"),
    moment("done_ns", "when the last step was done", null=True),
    sa.Index(None, "site_id", "opened_ns"),
    comment="the closing of a facility, step by step",
)

closing_step = sa.Table(
    "closing_step",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    sa.Column(
        "closing_id", sa.Text, sa.ForeignKey("closing.id"), nullable=False, comment="of which"
    ),
    text("code", "which step of the list"),
    text("how", "program or person: who did it"),
    text("said", "what was done"),
    sa.Column("facts", sa.JSON, nullable=False, comment="what the program counted or found"),
    moment("done_ns", "when"),
    text("done_by", "name of the account that entered it"),
    text("done_name", "their full name then", default=""),
    sa.Index(None, "closing_id"),
    comment="a step of closing a facility that is done; only ever added",
)
