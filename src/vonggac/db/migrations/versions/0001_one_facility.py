# ruff: noqa: E501 - written by the tool, formatted after
"""The tables of one facility, and audit rows that the database itself protects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From nothing."""
    _create_tables()
    _protect_audit()


def _create_tables() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("name", sa.Text(), nullable=False, comment="what is typed at sign-in"),
        sa.Column(
            "full_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what colleagues read",
        ),
        sa.Column(
            "role",
            sa.Text(),
            server_default="administrator",
            nullable=False,
            comment="administrator, so far the only one",
        ),
        sa.Column(
            "password_hash", sa.Text(), nullable=False, comment="argon2id, with its parameters"
        ),
        sa.Column(
            "must_change",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the password was given by somebody else and opens nothing but a change",
        ),
        sa.Column("created_ns", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column(
            "signed_in_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when somebody last signed in with it",
        ),
        sa.Column(
            "disabled_ns", sa.BigInteger(), nullable=True, comment="since when it opens nothing"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        comment="one named person who may sign in",
    )
    op.create_table(
        "attempt",
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="the account name as typed, known or not: an answer must not tell which",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="tries since the last success"),
        sa.Column("tried_ns", sa.BigInteger(), nullable=False, comment="the last try"),
        sa.Column(
            "locked_until_ns",
            sa.BigInteger(),
            nullable=True,
            comment="refused until then, right password or wrong",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_attempt")),
        comment="tries to sign in that have not succeeded",
    )
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order of writing",
        ),
        sa.Column("time_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="name of the account, or the program's own part, as it was then",
        ),
        sa.Column(
            "account_id",
            sa.Text(),
            nullable=True,
            comment="whose account; null for the program itself",
        ),
        sa.Column(
            "address",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="network address the request came from",
        ),
        sa.Column(
            "act",
            sa.Text(),
            nullable=False,
            comment="what was done, one of the acts in domain.audit",
        ),
        sa.Column(
            "object",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="on what: a camera, an account, a page",
        ),
        sa.Column(
            "purpose",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why, as the person stated it",
        ),
        sa.Column("outcome", sa.Text(), nullable=False, comment="done or refused"),
        sa.Column(
            "detail", sa.JSON(), nullable=False, comment="named values that belong to the act"
        ),
        sa.CheckConstraint("outcome IN ('done', 'refused')", name=op.f("ck_audit_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="who looked at what and changed what; the database itself refuses to alter a row",
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_time_ns"), ["time_ns"], unique=False)

    op.create_table(
        "expiry",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column(
            "before_ns",
            sa.BigInteger(),
            nullable=False,
            comment="recordings before this were deleted by retention",
        ),
        sa.PrimaryKeyConstraint("site_id", "camera", "stream", name=op.f("pk_expiry")),
        comment="how far retention has come: what it deleted is neither kept nor missing",
    )
    op.create_table(
        "fact",
        sa.Column("site_id", sa.Text(), nullable=False, comment="which site signed it"),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="which journal of the site"),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="order within the epoch"),
        sa.Column("kind", sa.Text(), nullable=False, comment="what the payload is"),
        sa.Column(
            "as_of_ns",
            sa.BigInteger(),
            nullable=False,
            comment="the site's time when it was signed",
        ),
        sa.Column(
            "received_ns",
            sa.BigInteger(),
            nullable=False,
            comment="this hub's time when it was applied",
        ),
        sa.PrimaryKeyConstraint("site_id", "epoch", "sequence", name=op.f("pk_fact")),
        comment="which facts were applied, so that each is applied once",
    )
    op.create_table(
        "gap",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column(
            "from_ns", sa.BigInteger(), nullable=False, comment="end of the last picture before it"
        ),
        sa.Column(
            "to_ns", sa.BigInteger(), nullable=True, comment="next keyframe; null while it lasts"
        ),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=False,
            comment="settled by evidence, one of the closed list",
        ),
        sa.Column(
            "evidence",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what was seen, in one sentence",
        ),
        sa.Column("epoch", sa.BigInteger(), nullable=True, comment="the journal that told it"),
        sa.PrimaryKeyConstraint("site_id", "camera", "stream", "from_ns", name=op.f("pk_gap")),
        comment="a stretch of missing time with its cause",
    )
    op.create_table(
        "life",
        sa.Column("site_id", sa.Text(), nullable=False, comment="which site"),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="the journal that began"),
        sa.Column(
            "boot",
            sa.Text(),
            nullable=False,
            comment="the operating system's boot id; a clock step moves all lives of one boot",
        ),
        sa.Column(
            "started_ns",
            sa.BigInteger(),
            nullable=False,
            comment="when the box came up, as far as it knew then or knows since",
        ),
        sa.PrimaryKeyConstraint("site_id", "epoch", name=op.f("pk_life")),
        comment="a life of a box: needed when its clock is put right afterwards",
    )
    op.create_table(
        "page",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="start of the hour"),
        sa.Column("to_ns", sa.BigInteger(), nullable=False, comment="end of what the page covers"),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="counts the camera's pages"),
        sa.Column(
            "recorded_ns",
            sa.BigInteger(),
            nullable=False,
            comment="length recorded, in nanoseconds",
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="bytes of media"),
        sa.Column("pictures", sa.BigInteger(), nullable=False, comment="coded pictures"),
        sa.Column("declared_fps", sa.Float(), nullable=True, comment="what the camera says"),
        sa.Column("delivered_fps", sa.Float(), nullable=True, comment="what came"),
        sa.Column(
            "clock_error_ms", sa.Float(), nullable=True, comment="camera's clock minus the box's"
        ),
        sa.Column(
            "root",
            sa.Text(),
            nullable=False,
            comment="Merkle root (RFC 9162) over the segments' roots, hex",
        ),
        sa.Column("hash", sa.Text(), nullable=False, comment="SHA-256 of this page, hex"),
        sa.Column(
            "previous",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="hash of the page before it, hex; empty for the first",
        ),
        sa.Column(
            "envelope", sa.LargeBinary(), nullable=False, comment="the signed bytes: the proof"
        ),
        sa.PrimaryKeyConstraint("site_id", "camera", "stream", "from_ns", name=op.f("pk_page")),
        comment="an hour of one camera's ledger, signed by its site",
    )
    op.create_table(
        "run",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("run", sa.Text(), nullable=False, comment="32 hex digits, made by the box"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="first picture"),
        sa.Column(
            "to_ns",
            sa.BigInteger(),
            nullable=True,
            comment="end of the last picture; null while it lasts",
        ),
        sa.Column("cause", sa.Text(), nullable=True, comment="why it ended"),
        sa.Column("source", sa.Text(), nullable=False, comment="rtsp, libav or file"),
        sa.Column("codec", sa.Text(), nullable=True, comment="h264 or h265"),
        sa.Column("width", sa.Integer(), nullable=True, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=True, comment="pixels"),
        sa.Column("declared_fps", sa.Float(), nullable=True, comment="what the camera says"),
        sa.Column("epoch", sa.BigInteger(), nullable=True, comment="the journal that told it"),
        sa.PrimaryKeyConstraint("site_id", "run", name=op.f("pk_run")),
        comment="everything from one successful connection until it ends",
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_run_site_id_camera_from_ns"),
            ["site_id", "camera", "from_ns"],
            unique=False,
        )

    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False, comment="which"),
        sa.Column("value", sa.JSON(), nullable=False, comment="its value"),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was set"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
        comment="what an administrator may change without a restart",
    )
    op.create_table(
        "site",
        sa.Column(
            "id", sa.Text(), nullable=False, comment="permanent opaque id; stands in subjects"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="short name from the configuration"),
        sa.Column(
            "title", sa.Text(), server_default="", nullable=False, comment="what people read"
        ),
        sa.Column(
            "address",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="where it stands, as people write it",
        ),
        sa.Column(
            "owner_line",
            sa.Text(),
            server_default="civil",
            nullable=False,
            comment="military, paid_hotel or civil: who answers for it",
        ),
        sa.Column(
            "public_key",
            sa.Text(),
            nullable=True,
            comment="the site's key; every fact from it is verified with this",
        ),
        sa.Column(
            "retention_days",
            sa.Integer(),
            server_default="30",
            nullable=False,
            comment="days of recordings promised (the default is the software's, not an official one)",
        ),
        sa.Column(
            "created_ns", sa.BigInteger(), nullable=False, comment="when this hub first knew it"
        ),
        sa.CheckConstraint(
            "owner_line IN ('military', 'paid_hotel', 'civil')", name=op.f("ck_site_owner_line")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        comment="one quarantine facility and its box",
    )
    op.create_table(
        "site_state",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column(
            "as_of_ns", sa.BigInteger(), nullable=False, comment="the box's time when it said so"
        ),
        sa.Column(
            "heard_ns",
            sa.BigInteger(),
            nullable=False,
            comment="this hub's time when the box last answered",
        ),
        sa.Column(
            "reachable_since_ns",
            sa.BigInteger(),
            nullable=True,
            comment="since when the box answers; null while it does not",
        ),
        sa.Column(
            "lost_ns",
            sa.BigInteger(),
            nullable=True,
            comment="since when it does not answer; null while it does",
        ),
        sa.Column(
            "detail", sa.JSON(), nullable=False, comment="disk, retention, versions, counters"
        ),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site_state")),
        comment="what a box is doing now: the clock of reachability, never mixed with the ledger",
    )
    op.create_table(
        "span",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="first picture"),
        sa.Column("to_ns", sa.BigInteger(), nullable=False, comment="end of the last picture"),
        sa.Column("run", sa.Text(), nullable=True, comment="the run it belongs to"),
        sa.Column("epoch", sa.BigInteger(), nullable=True, comment="the journal that told it"),
        sa.CheckConstraint("to_ns > from_ns", name=op.f("ck_span_has_length")),
        sa.PrimaryKeyConstraint("site_id", "camera", "stream", "from_ns", name=op.f("pk_span")),
        comment="a stretch of time that the media prove",
    )
    op.create_table(
        "state",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("camera", sa.Text(), nullable=False, comment="name of the camera on the wire"),
        sa.Column("stream", sa.Text(), nullable=False, comment="main or sub"),
        sa.Column("status", sa.Text(), nullable=False, comment="recording, gap or off"),
        sa.Column("since_ns", sa.BigInteger(), nullable=False, comment="since when"),
        sa.Column("cause", sa.Text(), nullable=True, comment="of the gap, if it is one"),
        sa.Column(
            "as_of_ns",
            sa.BigInteger(),
            nullable=False,
            comment="until when this is known to be true",
        ),
        sa.Column(
            "detail",
            sa.JSON(),
            nullable=False,
            comment="codec, size, rates, bitrate, clock error, source, evidence, next try",
        ),
        sa.CheckConstraint("status IN ('recording', 'gap', 'off')", name=op.f("ck_state_status")),
        sa.PrimaryKeyConstraint("site_id", "camera", "stream", name=op.f("pk_state")),
        comment="what a stream is doing now, as far as this hub knows",
    )
    op.create_table(
        "camera",
        sa.Column(
            "id",
            sa.Text(),
            nullable=False,
            comment="what the API and the pages call it; equals the name while no other site has it",
        ),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where it is"),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="unique in the site; stands in folder names and subjects",
        ),
        sa.Column(
            "title",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what people read, for example Hành lang tầng 2, đông",
        ),
        sa.Column(
            "zone",
            sa.Text(),
            nullable=False,
            comment="code of the placement rule; never a room, a toilet or a bath",
        ),
        sa.Column(
            "main_url",
            sa.Text(),
            nullable=False,
            comment="rtsp address of the main stream, without credentials",
        ),
        sa.Column(
            "sub_url",
            sa.Text(),
            nullable=True,
            comment="rtsp address of the sub-stream, without credentials",
        ),
        sa.Column(
            "source",
            sa.Text(),
            server_default="auto",
            nullable=False,
            comment="auto, rtsp or libav: which source pulls it",
        ),
        sa.Column(
            "transcode",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="re-encode MJPEG or MPEG-4 to H.264; somebody has seen what it costs",
        ),
        sa.Column(
            "record_sub",
            sa.Boolean(),
            nullable=True,
            comment="record the sub-stream too; null leaves it to the rule (yes when main is H.265)",
        ),
        sa.Column(
            "audio",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="record sound; off unless the site's rule says so",
        ),
        sa.Column(
            "user_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the camera's account",
        ),
        sa.Column(
            "password_sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="the camera's password, encrypted under the hub's key and bound to the id",
        ),
        sa.Column(
            "retention_days",
            sa.Integer(),
            nullable=True,
            comment="days promised, if not the site's",
        ),
        sa.Column(
            "origin",
            sa.Text(),
            nullable=False,
            comment="page or config: who keeps this row; config rows are not edited in pages",
        ),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts edits; a stale form loses"
        ),
        sa.Column("created_ns", sa.BigInteger(), nullable=False, comment="when it was registered"),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was last edited"),
        sa.Column(
            "retired_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when it left the register; its ledger stays",
        ),
        sa.CheckConstraint("origin IN ('page', 'config')", name=op.f("ck_camera_origin")),
        sa.CheckConstraint("source IN ('auto', 'rtsp', 'libav')", name=op.f("ck_camera_source")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_camera_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera")),
        sa.UniqueConstraint("site_id", "name", name=op.f("uq_camera_site_id_name")),
        comment="a device with an address and credentials, placed in a zone",
    )
    op.create_table(
        "grant_issued",
        sa.Column("id", sa.Text(), nullable=False, comment="stands in subjects"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="whose"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("cameras", sa.JSON(), nullable=False, comment="exactly these"),
        sa.Column("streams", sa.JSON(), nullable=False, comment="exactly these"),
        sa.Column("purpose", sa.Text(), nullable=False, comment="why, as the person stated it"),
        sa.Column("nkey", sa.Text(), nullable=False, comment="the browser's public key"),
        sa.Column("renews", sa.Text(), nullable=True, comment="the grant that this one continues"),
        sa.Column("issued_ns", sa.BigInteger(), nullable=False, comment="from"),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False, comment="until"),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True, comment="taken back"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_grant_issued_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_issued")),
        comment="permissions to see named cameras, for a purpose, until a time",
    )
    with op.batch_alter_table("grant_issued", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_grant_issued_account_id_expires_ns"),
            ["account_id", "expires_ns"],
            unique=False,
        )

    op.create_table(
        "session",
        sa.Column(
            "token_hash",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the cookie's value; the value itself is nowhere but in the browser",
        ),
        sa.Column("account_id", sa.Text(), nullable=False, comment="whose it is"),
        sa.Column(
            "form_token",
            sa.Text(),
            nullable=False,
            comment="what every form of this session must carry",
        ),
        sa.Column("created_ns", sa.BigInteger(), nullable=False, comment="sign-in"),
        sa.Column(
            "seen_ns", sa.BigInteger(), nullable=False, comment="last request, to the minute"
        ),
        sa.Column(
            "expires_ns", sa.BigInteger(), nullable=False, comment="ends then, whatever happens"
        ),
        sa.Column("address", sa.Text(), nullable=False, comment="where the sign-in came from"),
        sa.Column(
            "agent",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the browser's own description, cut to 200 characters",
        ),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True, comment="signed out or revoked"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
        comment="a signed-in browser",
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_account_id"), ["account_id"], unique=False)

    op.create_table(
        "camera_service",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, comment="in service from here"),
        sa.Column(
            "to_ns", sa.BigInteger(), nullable=True, comment="until here; null while it lasts"
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it ended"),
        sa.CheckConstraint(
            "to_ns IS NULL OR to_ns >= from_ns", name=op.f("ck_camera_service_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name=op.f("fk_camera_service_camera_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_service")),
        comment="when a camera is expected to record; time outside counts as nothing, not as missing",
    )
    with op.batch_alter_table("camera_service", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_camera_service_camera_id_from_ns"),
            ["camera_id", "from_ns"],
            unique=False,
        )


def _protect_audit() -> None:
    # A row may be deleted only when it is older than 366 days (the 12 months that the
    # information-security rules ask for, see domain.audit); altering one is never right.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_unaltered BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER audit_kept BEFORE DELETE ON audit "
            "WHEN OLD.time_ns > (CAST(strftime('%s', 'now') AS INTEGER) - 366 * 86400) * 1000000000 "
            "BEGIN SELECT RAISE(ABORT, 'audit rows are kept for 12 months'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND OLD.time_ns <= "
        "(extract(epoch FROM now())::bigint - 366 * 86400) * 1000000000 THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'audit rows are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
    )


def downgrade() -> None:
    """Back to nothing."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP TRIGGER audit_kept ON audit")
        op.execute("DROP FUNCTION audit_is_append_only")
    with op.batch_alter_table("camera_service", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_camera_service_camera_id_from_ns"))

    op.drop_table("camera_service")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_account_id"))

    op.drop_table("session")
    with op.batch_alter_table("grant_issued", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grant_issued_account_id_expires_ns"))

    op.drop_table("grant_issued")
    op.drop_table("camera")
    op.drop_table("state")
    op.drop_table("span")
    op.drop_table("site_state")
    op.drop_table("site")
    op.drop_table("setting")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_site_id_camera_from_ns"))

    op.drop_table("run")
    op.drop_table("page")
    op.drop_table("life")
    op.drop_table("gap")
    op.drop_table("fact")
    op.drop_table("expiry")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_time_ns"))

    op.drop_table("audit")
    op.drop_table("attempt")
    op.drop_table("account")
