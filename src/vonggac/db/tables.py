"""The hub's tables, as a document: every table and every column says what it is.

Conventions: `_ns` is a moment in UTC nanoseconds since 1970, or a length in nanoseconds where
the comment says so; ids are opaque text and permanent; a row of a dated thing is ended, never
deleted. `docs/ref/schema.md` is printed from this module.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Moment = sa.BigInteger
"""UTC nanoseconds since 1970; 64 bits last until the year 2262."""

Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A key that the database counts; SQLite counts only a column that it calls INTEGER."""


def _text(
    name: str, comment: str, *, null: bool = False, default: str | None = None
) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, server_default=default, comment=comment)


def _moment(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, Moment, nullable=null, comment=comment)


def _flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false(), comment=comment)


unit = sa.Table(
    "unit",
    metadata,
    sa.Column(
        "id", sa.Text, primary_key=True, comment="permanent opaque id; names change, it stays"
    ),
    sa.Column(
        "parent_id",
        sa.Text,
        sa.ForeignKey("unit.id"),
        nullable=True,
        comment="the unit above; null for a root",
    ),
    _text("kind", "country, province, district, commune, body ...: a kind of the rules"),
    _text("code", "as the state numbers it: 01, 00070; of a body: its short name"),
    _text("profile", "2021 or 2026, or own for what an administrator added"),
    sa.Column("valid_from", sa.Date, nullable=False, comment="first day"),
    sa.Column("valid_to", sa.Date, nullable=True, comment="first day without it; null while it is"),
    _text("source", "where it stands, or chưa kiểm chứng"),
    sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="ends_after_start"),
    sa.Index(None, "parent_id"),
    comment="an administrative area or a body in the tree; ended, never changed",
)

unit_name = sa.Table(
    "unit_name",
    metadata,
    sa.Column("unit_id", sa.Text, sa.ForeignKey("unit.id"), primary_key=True, comment="whose"),
    sa.Column("valid_from", sa.Date, primary_key=True, comment="first day"),
    sa.Column("valid_to", sa.Date, nullable=True, comment="first day without it; null while it is"),
    _text("vi", "in Vietnamese"),
    _text("en", "in English"),
    _text("folded", "in lower case and without diacritics, for the search"),
    _text("source", "where it stands, or chưa kiểm chứng"),
    sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="ends_after_start"),
    comment="what a unit is called, and from when until when",
)

site = sa.Table(
    "site",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id; stands in subjects"),
    _text("name", "short name from the configuration"),
    _text("title", "what people read", default=""),
    _text("address", "where it stands, as people write it", default=""),
    _text("owner_line", "military, paid_hotel or civil: who answers for it", default="civil"),
    _text(
        "unit_id",
        "unit that it stands in; unassigned is reached by roles over everything only",
        default="unassigned",
    ),
    _text("public_key", "the site's key; every fact from it is verified with this", null=True),
    sa.Column(
        "retention_days",
        sa.Integer,
        nullable=False,
        server_default="30",
        comment="days of recordings promised (the default is the software's, not an official one)",
    ),
    _moment("created_ns", "when this hub first knew it"),
    sa.CheckConstraint("owner_line IN ('military', 'paid_hotel', 'civil')", name="owner_line"),
    comment="one quarantine facility and its box",
)

camera = sa.Table(
    "camera",
    metadata,
    sa.Column(
        "id",
        sa.Text,
        primary_key=True,
        comment="what the API and the pages call it; equals the name while no other site has it",
    ),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where it is"),
    _text("name", "unique in the site; stands in folder names and subjects"),
    _text("title", "what people read, for example Hành lang tầng 2, đông", default=""),
    _text("zone", "code of the placement rule; never a room, a toilet or a bath"),
    _text("main_url", "rtsp address of the main stream, without credentials"),
    _text("sub_url", "rtsp address of the sub-stream, without credentials", null=True),
    _text("source", "auto, rtsp or libav: which source pulls it", default="auto"),
    _flag("transcode", "re-encode MJPEG or MPEG-4 to H.264; somebody has seen what it costs"),
    sa.Column(
        "record_sub",
        sa.Boolean,
        nullable=True,
        comment="record the sub-stream too; null leaves it to the rule (yes when main is H.265)",
    ),
    _flag("audio", "record sound; off unless the site's rule says so"),
    _text("user_name", "the camera's account", default=""),
    sa.Column(
        "password_sealed",
        sa.LargeBinary,
        nullable=True,
        comment="the camera's password, encrypted under the hub's key and bound to the id",
    ),
    sa.Column(
        "retention_days", sa.Integer, nullable=True, comment="days promised, if not the site's"
    ),
    _text("origin", "page or config: who keeps this row; config rows are not edited in pages"),
    sa.Column("revision", sa.Integer, nullable=False, comment="counts edits; a stale form loses"),
    _moment("created_ns", "when it was registered"),
    _moment("updated_ns", "when it was last edited"),
    _moment("retired_ns", "when it left the register; its ledger stays", null=True),
    sa.UniqueConstraint("site_id", "name"),
    sa.CheckConstraint("source IN ('auto', 'rtsp', 'libav')", name="source"),
    sa.CheckConstraint("origin IN ('page', 'config')", name="origin"),
    comment="a device with an address and credentials, placed in a zone",
)

camera_service = sa.Table(
    "camera_service",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="row number"),
    sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("camera.id"), nullable=False, comment="which camera"
    ),
    _moment("from_ns", "in service from here"),
    _moment("to_ns", "until here; null while it lasts", null=True),
    _text("reason", "why it ended", default=""),
    sa.CheckConstraint("to_ns IS NULL OR to_ns >= from_ns", name="ends_after_start"),
    sa.Index(None, "camera_id", "from_ns"),
    comment="when a camera is expected to record; time outside counts as nothing, not as missing",
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="what is typed at sign-in"),
    _text("full_name", "what colleagues read", default=""),
    _text(
        "role",
        "administrator for the first account; what an account may do stands in role_held",
        default="administrator",
    ),
    _text("password_hash", "argon2id, with its parameters"),
    _flag("must_change", "the password was given by somebody else and opens nothing but a change"),
    _moment("created_ns", "when it was made"),
    _moment("signed_in_ns", "when somebody last signed in with it, or it was opened", null=True),
    _moment("disabled_ns", "since when it opens nothing", null=True),
    _text("disabled_why", "administrator or idle", null=True),
    _moment("password_set_ns", "when the present password was set", null=True),
    sa.Column(
        "factor_sealed",
        sa.LargeBinary,
        nullable=True,
        comment="the second factor's secret, encrypted under the hub's key and bound to the id",
    ),
    _moment("factor_since_ns", "when the second factor was enrolled", null=True),
    sa.Column(
        "factor_step",
        sa.BigInteger,
        nullable=True,
        comment="time step (RFC 6238) of the last code that was taken: no code is taken twice",
    ),
    sa.Column(
        "identity",
        sa.Text,
        nullable=True,
        unique=True,
        comment="issuer and subject of an OpenID Connect provider; nothing writes it yet",
    ),
    comment="one named person who may sign in",
)

password_past = sa.Table(
    "password_past",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="order of setting"),
    sa.Column(
        "account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose it was"
    ),
    _text("password_hash", "argon2id, with its parameters"),
    _moment("ended_ns", "when another took its place"),
    sa.Index(None, "account_id"),
    comment="earlier passwords, which may not be taken again",
)

recovery_code = sa.Table(
    "recovery_code",
    metadata,
    sa.Column(
        "code_hash", sa.Text, primary_key=True, comment="SHA-256 of a code of 80 random bits"
    ),
    sa.Column(
        "account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose it is"
    ),
    _moment("created_ns", "when it was shown"),
    _moment("used_ns", "when it was used, once", null=True),
    sa.Index(None, "account_id"),
    comment="what opens an account once when the telephone is lost",
)

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column(
        "account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="for whom"
    ),
    _text("title", "what it is for, in its owner's words"),
    sa.Column(
        "token_hash", sa.Text, nullable=False, unique=True, comment="SHA-256 of the token's value"
    ),
    sa.Column("scopes", sa.JSON, nullable=False, comment="read, pictures, manage: what it opens"),
    _moment("created_ns", "from"),
    _moment("expires_ns", "until"),
    _moment("used_ns", "last request, to the minute", null=True),
    _moment("revoked_ns", "taken back", null=True),
    sa.Index(None, "account_id"),
    comment="what a program carries in place of a person's session; it opens the API only",
)

workstation = sa.Table(
    "workstation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    _text("title", "what people call the machine"),
    _text("room", "where it stands"),
    sa.Column(
        "key_hash", sa.Text, nullable=False, unique=True, comment="SHA-256 of its cookie's value"
    ),
    sa.Column(
        "enrolled_by", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="by whom"
    ),
    _moment("enrolled_ns", "since when"),
    _moment("revoked_ns", "since when it is like any other machine", null=True),
    comment="a machine on duty where persons change by PIN",
)

pin = sa.Table(
    "pin",
    metadata,
    sa.Column(
        "workstation_id",
        sa.Text,
        sa.ForeignKey("workstation.id"),
        primary_key=True,
        comment="where it works, and nowhere else",
    ),
    sa.Column(
        "account_id", sa.Text, sa.ForeignKey("account.id"), primary_key=True, comment="for whom"
    ),
    _text("pin_hash", "argon2id, with its parameters"),
    _moment("set_ns", "when it was chosen"),
    _moment("until_ns", "end of the shift that began with a full sign-in there"),
    sa.Column("failures", sa.Integer, nullable=False, comment="tries since the last right one"),
    comment="what changes the person at a workstation within a shift",
)

display = sa.Table(
    "display",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    _text("title", "what people call the screen"),
    _text("room", "where it hangs: what it shows is shown to this room"),
    sa.Column(
        "account_id",
        sa.Text,
        sa.ForeignKey("account.id"),
        nullable=False,
        comment="who answers for it; it opens nothing that this person may not see",
    ),
    sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
    _text("form_token", "what its page's questions must carry"),
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

role_held = sa.Table(
    "role_held",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose"),
    _text("role", "code of a role of the rules"),
    sa.Column(
        "unit_id",
        sa.Text,
        sa.ForeignKey("unit.id"),
        nullable=True,
        comment="root of the subtree that it is held over; null is everything",
    ),
    _text("line", "owning line that it is narrowed to; null is all of them", null=True),
    sa.Column("sites", sa.JSON, nullable=False, comment="ids it is narrowed to; empty is all"),
    sa.Column(
        "body_id",
        sa.Text,
        sa.ForeignKey("unit.id"),
        nullable=True,
        comment="the body on whose behalf it is held",
    ),
    _moment("from_ns", "held from here"),
    _moment("to_ns", "until here; null while nobody set an end", null=True),
    _text("reason", "why it was given"),
    _text("given_by", "name of the account that gave it, or the program's own part"),
    _moment("given_ns", "when it was given"),
    _text("ended_by", "name of who ended it before its time", null=True),
    _text("ended_reason", "why it was ended", null=True),
    _moment("ended_ns", "when it was ended", null=True),
    sa.CheckConstraint("to_ns IS NULL OR to_ns >= from_ns", name="ends_after_start"),
    sa.CheckConstraint("line IN ('military', 'paid_hotel', 'civil')", name="line"),
    sa.Index(None, "account_id"),
    comment="a role that a person holds over a scope; a row is ended, never changed or deleted",
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column(
        "name",
        sa.Text,
        primary_key=True,
        comment="the account name as typed, known or not: an answer must not tell which",
    ),
    sa.Column(
        "address",
        sa.Text,
        primary_key=True,
        comment="network address they came from, /64 for IPv6; * counts those of all addresses",
    ),
    sa.Column("failures", sa.Integer, nullable=False, comment="tries since the last success"),
    _moment("since_ns", "the first try that is counted"),
    _moment("tried_ns", "the last try"),
    _moment("locked_until_ns", "refused until then, right password or wrong", null=True),
    comment="tries to sign in that have not succeeded",
)

session = sa.Table(
    "session",
    metadata,
    sa.Column(
        "token_hash",
        sa.Text,
        primary_key=True,
        comment="SHA-256 of the cookie's value; the value itself is nowhere but in the browser",
    ),
    sa.Column(
        "account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose it is"
    ),
    _text("form_token", "what every form of this session must carry"),
    _moment("created_ns", "sign-in"),
    _moment("seen_ns", "last request, to the minute"),
    _moment("expires_ns", "ends then, whatever happens"),
    _text("address", "where the sign-in came from"),
    _text("agent", "the browser's own description, cut to 200 characters", default=""),
    _text("stage", "code, enrol or open: what is still asked of the person", default="open"),
    _text("factor", "password, totp, recovery or pin: what it was opened with", default="password"),
    _text("workstation_id", "the enrolled machine it is open on", null=True),
    _moment("ended_ns", "signed out or revoked", null=True),
    sa.CheckConstraint("stage IN ('code', 'enrol', 'open')", name="stage"),
    sa.CheckConstraint("factor IN ('password', 'totp', 'recovery', 'pin')", name="factor"),
    sa.Index(None, "account_id"),
    comment="a signed-in browser",
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Counter, primary_key=True, comment="order of writing"),
    _moment("time_ns", "when"),
    _text("actor", "name of the account, or the program's own part, as it was then"),
    _text("account_id", "whose account; null for the program itself", null=True),
    _text("unit", "the unit on whose behalf, as it was then", default=""),
    _text("address", "network address the request came from", default=""),
    _text("device", "the browser's or the workstation's own description", default=""),
    _text("act", "what was done, one of the acts in domain.audit"),
    _text("object", "on what: a camera, an account, a page", default=""),
    _text("site_id", "the site that it is about; empty for the hub itself", default=""),
    _text("purpose", "why, as the person stated it", default=""),
    _text("outcome", "done or refused"),
    sa.Column("detail", sa.JSON, nullable=False, comment="named values that belong to the act"),
    _text("previous", "hash of the row before, hex; empty in the first", default=""),
    _text("hash", "SHA-256 over the hash before and this row as canonical JSON, hex", default=""),
    sa.CheckConstraint("outcome IN ('done', 'refused')", name="outcome"),
    sa.Index(None, "time_ns"),
    comment="who looked at what and changed what; the database itself refuses to alter a row",
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, comment="always 1: there is one chain"),
    sa.Column("row_id", sa.BigInteger, nullable=False, comment="the newest row; 0 without any"),
    _text("hash", "its hash, hex; empty without any"),
    sa.CheckConstraint("id = 1", name="one_chain"),
    comment="the end of the audit's chain, at which writers take turns",
)

audit_anchor = sa.Table(
    "audit_anchor",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="which site signed it"),
    sa.Column("at_ns", Moment, primary_key=True, comment="the site's time when it signed"),
    sa.Column("row_id", sa.BigInteger, nullable=False, comment="the newest row then"),
    _text("hash", "its hash, hex"),
    sa.Column("envelope", sa.LargeBinary, nullable=False, comment="the signed bytes: the proof"),
    comment="ends of the audit's chain that a site put into its signed ledger, hourly",
)

fact = sa.Table(
    "fact",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="which site signed it"),
    sa.Column("epoch", sa.BigInteger, primary_key=True, comment="which journal of the site"),
    sa.Column("sequence", sa.BigInteger, primary_key=True, comment="order within the epoch"),
    _text("kind", "what the payload is"),
    _moment("as_of_ns", "the site's time when it was signed"),
    _moment("received_ns", "this hub's time when it was applied"),
    comment="which facts were applied, so that each is applied once",
)

life = sa.Table(
    "life",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="which site"),
    sa.Column("epoch", sa.BigInteger, primary_key=True, comment="the journal that began"),
    _text("boot", "the operating system's boot id; a clock step moves all lives of one boot"),
    _moment("started_ns", "when the box came up, as far as it knew then or knows since"),
    comment="a life of a box: needed when its clock is put right afterwards",
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("run", sa.Text, primary_key=True, comment="32 hex digits, made by the box"),
    _text("camera", "name of the camera on the wire"),
    _text("stream", "main or sub"),
    _moment("from_ns", "first picture"),
    _moment("to_ns", "end of the last picture; null while it lasts", null=True),
    _text("cause", "why it ended", null=True),
    _text("source", "rtsp, libav or file"),
    _text("codec", "h264 or h265", null=True),
    sa.Column("width", sa.Integer, nullable=True, comment="pixels"),
    sa.Column("height", sa.Integer, nullable=True, comment="pixels"),
    sa.Column("declared_fps", sa.Float, nullable=True, comment="what the camera says"),
    sa.Column("epoch", sa.BigInteger, nullable=True, comment="the journal that told it"),
    sa.Index(None, "site_id", "camera", "from_ns"),
    comment="everything from one successful connection until it ends",
)

span = sa.Table(
    "span",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("camera", sa.Text, primary_key=True, comment="name of the camera on the wire"),
    sa.Column("stream", sa.Text, primary_key=True, comment="main or sub"),
    sa.Column("from_ns", Moment, primary_key=True, comment="first picture"),
    _moment("to_ns", "end of the last picture"),
    _text("run", "the run it belongs to", null=True),
    sa.Column("epoch", sa.BigInteger, nullable=True, comment="the journal that told it"),
    sa.CheckConstraint("to_ns > from_ns", name="has_length"),
    # Who counts a country's day must not read its month.
    sa.Index(None, "to_ns"),
    comment="a stretch of time that the media prove",
)

gap = sa.Table(
    "gap",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("camera", sa.Text, primary_key=True, comment="name of the camera on the wire"),
    sa.Column("stream", sa.Text, primary_key=True, comment="main or sub"),
    sa.Column("from_ns", Moment, primary_key=True, comment="end of the last picture before it"),
    _moment("to_ns", "next keyframe; null while it lasts", null=True),
    _text("cause", "settled by evidence, one of the closed list"),
    _text("evidence", "what was seen, in one sentence", default=""),
    sa.Column("epoch", sa.BigInteger, nullable=True, comment="the journal that told it"),
    sa.Index(None, "to_ns"),
    comment="a stretch of missing time with its cause",
)

page = sa.Table(
    "page",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("camera", sa.Text, primary_key=True, comment="name of the camera on the wire"),
    sa.Column("stream", sa.Text, primary_key=True, comment="main or sub"),
    sa.Column("from_ns", Moment, primary_key=True, comment="start of the hour"),
    _moment("to_ns", "end of what the page covers"),
    sa.Column("number", sa.BigInteger, nullable=False, comment="counts the camera's pages"),
    _moment("recorded_ns", "length recorded, in nanoseconds"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="bytes of media"),
    sa.Column("pictures", sa.BigInteger, nullable=False, comment="coded pictures"),
    sa.Column("declared_fps", sa.Float, nullable=True, comment="what the camera says"),
    sa.Column("delivered_fps", sa.Float, nullable=True, comment="what came"),
    sa.Column("clock_error_ms", sa.Float, nullable=True, comment="camera's clock minus the box's"),
    _text("root", "Merkle root (RFC 9162) over the segments' roots, hex"),
    _text("hash", "SHA-256 of this page, hex"),
    _text("previous", "hash of the page before it, hex; empty for the first", default=""),
    sa.Column("envelope", sa.LargeBinary, nullable=False, comment="the signed bytes: the proof"),
    comment="an hour of one camera's ledger, signed by its site",
)

expiry = sa.Table(
    "expiry",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("camera", sa.Text, primary_key=True, comment="name of the camera on the wire"),
    sa.Column("stream", sa.Text, primary_key=True, comment="main or sub"),
    _moment("before_ns", "recordings before this were deleted by retention"),
    sa.Column(
        "kept", sa.JSON, nullable=True, comment="but those that a case keeps: [[from, to]] in ns"
    ),
    comment="how far retention has come: what it deleted is neither kept nor missing",
)

state = sa.Table(
    "state",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    sa.Column("camera", sa.Text, primary_key=True, comment="name of the camera on the wire"),
    sa.Column("stream", sa.Text, primary_key=True, comment="main or sub"),
    _text("status", "recording, gap or off"),
    _moment("since_ns", "since when"),
    _text("cause", "of the gap, if it is one", null=True),
    _moment("as_of_ns", "until when this is known to be true"),
    sa.Column(
        "detail",
        sa.JSON,
        nullable=False,
        comment="codec, size, rates, bitrate, clock error, source, evidence, next try",
    ),
    sa.CheckConstraint("status IN ('recording', 'gap', 'off')", name="status"),
    comment="what a stream is doing now, as far as this hub knows",
)

site_state = sa.Table(
    "site_state",
    metadata,
    sa.Column("site_id", sa.Text, primary_key=True, comment="where"),
    _moment("as_of_ns", "the box's time when it said so"),
    _moment("heard_ns", "this hub's time when the box last answered"),
    _moment("reachable_since_ns", "since when the box answers; null while it does not", null=True),
    _moment("lost_ns", "since when it does not answer; null while it does", null=True),
    sa.Column("detail", sa.JSON, nullable=False, comment="disk, retention, versions, counters"),
    sa.Column(
        "stands_ns",
        Moment,
        nullable=False,
        server_default="0",
        comment="until when what its streams were doing stands by itself; 0: not at all",
    ),
    comment="what a box is doing now: the clock of reachability, never mixed with the ledger",
)

grant_issued = sa.Table(
    "grant_issued",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="stands in subjects"),
    sa.Column("account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose"),
    _text("site_id", "where"),
    sa.Column("cameras", sa.JSON, nullable=False, comment="exactly these"),
    sa.Column("streams", sa.JSON, nullable=False, comment="exactly these"),
    _text("purpose", "why, as the person stated it"),
    _text("nkey", "the browser's public key"),
    _text("renews", "the grant that this one continues", null=True),
    _text("viewing_id", "the view that it belongs to", null=True),
    _text("session_id", "names the browser's session that asked", null=True),
    _text("token_id", "the API token that asked", null=True),
    _moment("issued_ns", "from"),
    _moment("expires_ns", "until"),
    _moment("revoked_ns", "taken back", null=True),
    _text("display_id", "the screen that it is shown on; null for a person", null=True),
    sa.Index(None, "account_id", "expires_ns"),
    comment="permissions to see named cameras, for a purpose, until a time",
)

viewing = sa.Table(
    "viewing",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="id of its first grant"),
    sa.Column("account_id", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="whose"),
    _text("site_id", "where"),
    sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
    _text("role", "code of the role by which it was allowed; shared for a share", default=""),
    _text("body_id", "the unit on whose behalf", null=True),
    _text("purpose", "why, as the person stated it"),
    _text("display_id", "the screen that it is shown on; null for a person", null=True),
    _moment("began_ns", "when its first grant was given"),
    _moment("until_ns", "end of its newest grant"),
    _moment("ended_ns", "when it was seen to be over; null while it lasts", null=True),
    _text("why", "closed, or why the right went away; empty while it lasts", default=""),
    sa.Index(None, "site_id", "began_ns"),
    comment="a person had pictures of a site open: grants that renew each other are one view",
)

camera_share = sa.Table(
    "camera_share",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="of whom"),
    sa.Column("cameras", sa.JSON, nullable=False, comment="ids of exactly these"),
    sa.Column(
        "body_id",
        sa.Text,
        sa.ForeignKey("unit.id"),
        nullable=False,
        comment="with which body; those see them who hold a role on its behalf",
    ),
    _moment("from_ns", "shared from here"),
    _moment("to_ns", "until here; it always ends"),
    _text("reason", "why, with the document if there is one"),
    _text("given_by", "name of the account that shared"),
    _moment("given_ns", "when it was shared"),
    _text("ended_by", "name of who withdrew it before its time", null=True),
    _text("ended_reason", "why it was withdrawn", null=True),
    _moment("ended_ns", "when it was withdrawn", null=True),
    sa.CheckConstraint("to_ns >= from_ns", name="ends_after_start"),
    sa.Index(None, "body_id", "to_ns"),
    sa.Index(None, "site_id", "to_ns"),
    comment="named cameras that another body may see live for hours; ended, never changed",
)

setting = sa.Table(
    "setting",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="which"),
    sa.Column("value", sa.JSON, nullable=False, comment="its value"),
    _moment("updated_ns", "when it was set"),
    comment="what an administrator may change without a restart",
)

export = sa.Table(
    "export",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where"),
    sa.Column("cameras", sa.JSON, nullable=False, comment="ids of the cameras, in order"),
    _moment("from_ns", "first moment asked for"),
    _moment("to_ns", "end of what is asked for"),
    _text("number", "number of the written request"),
    _text("dated", "its date, 2026-11-18"),
    _text("body", "the body that asks"),
    _text("reason", "why, as the request says"),
    _text("basis", "the legal basis that it names"),
    _flag("with_copy", "also a copy with name and time burned in"),
    _text("state", "asked, approved, refused, building, ready, failed or expired"),
    sa.Column(
        "asked_by", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="who made it"
    ),
    _text("asked_name", "their account's name then"),
    _text("asked_full_name", "their full name then", default=""),
    _text("asked_unit", "the unit on whose behalf", default=""),
    _moment("asked_ns", "when"),
    sa.Column(
        "decided_by",
        sa.Text,
        sa.ForeignKey("account.id"),
        nullable=True,
        comment="who approved or refused it; never the one who asked",
    ),
    _text("decided_name", "their account's name then", default=""),
    _text("decided_full_name", "their full name then", default=""),
    _text("decided_unit", "the unit on whose behalf", default=""),
    _moment("decided_ns", "when", null=True),
    _text("decided_note", "what they said", default=""),
    _text("step", "what is being done while it is built", default=""),
    sa.Column(
        "done_bytes", sa.BigInteger, nullable=False, server_default="0", comment="of the clips"
    ),
    sa.Column(
        "total_bytes", sa.BigInteger, nullable=False, server_default="0", comment="of the clips"
    ),
    _text("fault", "why it failed, in a sentence", default=""),
    sa.Column("size", sa.BigInteger, nullable=True, comment="bytes of the ZIP"),
    _text("sha256", "of the ZIP, hex", null=True),
    _moment("ready_ns", "when it was ready", null=True),
    _moment("expires_ns", "when the file goes; the record stays", null=True),
    sa.Index(None, "state"),
    sa.CheckConstraint(
        "state IN ('asked', 'approved', 'refused', 'building', 'ready', 'failed', 'expired')",
        name="state",
    ),
    sa.CheckConstraint("to_ns > from_ns", name="has_length"),
    sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_persons"),
    comment="recordings that left the system, and on whose word",
)

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where"),
    sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("camera.id"), nullable=False, comment="which camera"
    ),
    _text("camera", "its name on the wire"),
    _moment("from_ns", "kept from here"),
    _moment("to_ns", "until here"),
    _text("case_number", "the case that needs it"),
    _text("reason", "why, in words"),
    sa.Column("placed_by", sa.Text, sa.ForeignKey("account.id"), nullable=False, comment="by whom"),
    _text("placed_name", "their account's name then"),
    _moment("placed_ns", "when"),
    sa.Column(
        "released_by",
        sa.Text,
        sa.ForeignKey("account.id"),
        nullable=True,
        comment="who let it go; never the one who placed it",
    ),
    _text("released_name", "their account's name then", default=""),
    _moment("released_ns", "when", null=True),
    _text("released_reason", "why it is not needed any more", default=""),
    sa.Index(None, "site_id", "released_ns"),
    sa.CheckConstraint("to_ns > from_ns", name="has_length"),
    sa.CheckConstraint("released_by IS NULL OR released_by <> placed_by", name="two_persons"),
    comment="spans under a case: no rule of retention deletes them while this stands",
)

maintenance = sa.Table(
    "maintenance",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="permanent opaque id"),
    sa.Column("site_id", sa.Text, sa.ForeignKey("site.id"), nullable=False, comment="where"),
    sa.Column(
        "camera_id", sa.Text, sa.ForeignKey("camera.id"), nullable=False, comment="which camera"
    ),
    _moment("from_ns", "away from here"),
    _moment("to_ns", "until here"),
    _text("reason", "why, in words; stands in the ledger"),
    _text("planned_by", "name of the account that planned it"),
    _moment("planned_ns", "when it was planned"),
    _text("withdrawn_by", "name of who withdrew it", null=True),
    _moment("withdrawn_ns", "when; what had passed by then stays planned", null=True),
    sa.CheckConstraint("to_ns > from_ns", name="has_length"),
    sa.Index(None, "site_id", "to_ns"),
    comment="time in which a camera is expected to be away; withdrawn, never deleted",
)
