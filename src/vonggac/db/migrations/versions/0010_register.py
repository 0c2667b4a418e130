"""The register of facilities: profiles, contacts, areas, doors, inventory, plans, closing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """New tables, empty; a facility without a row has said nothing yet."""
    op.create_table(
        "area",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("code", sa.Text(), nullable=False, comment="unique in the site: hl-2 ..."),
        sa.Column("zone", sa.Text(), nullable=False, comment="code of the placement rule"),
        sa.Column(
            "title", sa.Text(), server_default="", nullable=False, comment="what people read"
        ),
        sa.Column(
            "floor",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="as the facility calls it",
        ),
        sa.Column(
            "blind",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="blind spots that somebody named; empty when none is known",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_area_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area")),
        sa.UniqueConstraint("site_id", "code", name=op.f("uq_area_site_id_code")),
        comment="one place of the placement rule in a facility: the corridor of a floor, a gate",
    )
    op.create_table(
        "closing",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why the facility is closed"),
        sa.Column("document", sa.Text(), nullable=False, comment="number and date of the decision"),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False, comment="when closing began"),
        sa.Column("opened_by", sa.Text(), nullable=False, comment="name of the account"),
        sa.Column("done_ns", sa.BigInteger(), nullable=True, comment="when the last step was done"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_closing_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closing")),
        comment="the closing of a facility, step by step",
    )
    op.create_index(
        op.f("ix_closing_site_id_opened_ns"), "closing", ["site_id", "opened_ns"], unique=False
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="contact, deputy, duty, line, electrician or engineer: a kind of the rules",
        ),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="full name, or the name of the desk that answers",
        ),
        sa.Column(
            "position", sa.Text(), server_default="", nullable=False, comment="what they are"
        ),
        sa.Column(
            "organisation",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="for whom they work",
        ),
        sa.Column("phone", sa.Text(), server_default="", nullable=False, comment="telephone"),
        sa.Column(
            "address", sa.Text(), server_default="", nullable=False, comment="where they are found"
        ),
        sa.Column("email", sa.Text(), server_default="", nullable=False, comment="e-mail"),
        sa.Column(
            "subscriber",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="subscriber code of the line",
        ),
        sa.Column(
            "hotline",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the provider's hotline",
        ),
        sa.Column(
            "verified_day",
            sa.Date(),
            nullable=True,
            comment="the day on which somebody last called and was answered",
        ),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was last edited"),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that edited it",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_contact_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("site_id", "kind", name=op.f("uq_contact_site_id_kind")),
        comment="whom to call about a facility: people on duty, never people in quarantine",
    )
    op.create_table(
        "cover_conclusion",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("enough", sa.Boolean(), nullable=False, comment="whether the cameras are enough"),
        sa.Column("said", sa.Text(), nullable=False, comment="in the words of who concludes"),
        sa.Column(
            "facts", sa.JSON(), nullable=False, comment="what the program computed at that moment"
        ),
        sa.Column("pictures", sa.JSON(), nullable=False, comment="ids of pictures attached"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "made_by", sa.Text(), nullable=False, comment="name of the account that concludes"
        ),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_cover_conclusion_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cover_conclusion")),
        comment="a named surveyor's conclusion whether cameras are enough; only ever added",
    )
    op.create_index(
        op.f("ix_cover_conclusion_site_id_made_ns"),
        "cover_conclusion",
        ["site_id", "made_ns"],
        unique=False,
    )
    op.create_table(
        "facility",
        sa.Column("site_id", sa.Text(), nullable=False, comment="of whom"),
        sa.Column(
            "folded",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="code, name and address without marks, for the search",
        ),
        sa.Column(
            "status",
            sa.Text(),
            server_default="in_service",
            nullable=False,
            comment="preparing, in_service, paused or closed",
        ),
        sa.Column("capacity", sa.Integer(), nullable=True, comment="people it can take"),
        sa.Column("rooms", sa.Integer(), nullable=True, comment="rooms for people in quarantine"),
        sa.Column("floors", sa.Integer(), nullable=True, comment="floors"),
        sa.Column(
            "note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what else people should know; never about a person in quarantine",
        ),
        sa.Column(
            "intake_needs_cover",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="nobody is taken in before somebody concluded that cameras are enough",
        ),
        sa.Column(
            "intake_reason",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why a leader set or lifted that",
        ),
        sa.Column(
            "intake_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that did",
        ),
        sa.Column("intake_ns", sa.BigInteger(), nullable=True, comment="when they did"),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="counts edits; a stale form loses"
        ),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was last edited"),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="name of the account that edited it",
        ),
        sa.CheckConstraint(
            "status IN ('preparing', 'in_service', 'paused', 'closed')",
            name=op.f("ck_facility_status"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_facility_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_facility")),
        comment="what the register says of a site; one without a row has said nothing",
    )
    op.create_table(
        "facility_service",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("from_day", sa.Date(), nullable=False, comment="first day of service"),
        sa.Column(
            "to_day", sa.Date(), nullable=True, comment="first day without it; null while it lasts"
        ),
        sa.CheckConstraint(
            "to_day IS NULL OR to_day >= from_day",
            name=op.f("ck_facility_service_ends_after_start"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_facility_service_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility_service")),
        comment="when a facility took people in: facilities open, close and open again",
    )
    op.create_index(
        op.f("ix_facility_service_site_id_from_day"),
        "facility_service",
        ["site_id", "from_day"],
        unique=False,
    )
    op.create_table(
        "register_picture",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="plan, absence or conclusion: what it belongs to",
        ),
        sa.Column("media_type", sa.Text(), nullable=False, comment="image/png or image/jpeg"),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="drawn again, without metadata"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was sent"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that sent it"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_register_picture_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_picture")),
        comment="pictures that people attached to the register",
    )
    op.create_index(
        op.f("ix_register_picture_site_id"), "register_picture", ["site_id"], unique=False
    )
    op.create_table(
        "sheet_upload",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("account_id", sa.Text(), nullable=False, comment="whose"),
        sa.Column("file_name", sa.Text(), nullable=False, comment="as it was called"),
        sa.Column(
            "content",
            sa.LargeBinary(),
            nullable=True,
            comment="the workbook; gone when it was entered",
        ),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="reading, read, entering, entered or failed"
        ),
        sa.Column("progress", sa.JSON(), nullable=False, comment="how far it is"),
        sa.Column(
            "found", sa.JSON(), nullable=True, comment="counts, errors and first differences"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was sent"),
        sa.Column(
            "touched_ns", sa.BigInteger(), nullable=False, comment="when its state last changed"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_sheet_upload_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_upload")),
        comment="a workbook of the register between its preview and its entry",
    )
    op.create_index(
        op.f("ix_sheet_upload_account_id_made_ns"),
        "sheet_upload",
        ["account_id", "made_ns"],
        unique=False,
    )
    op.create_table(
        "camera_facts",
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which"),
        sa.Column("area_id", sa.Text(), nullable=True, comment="where it looks"),
        sa.Column("maker", sa.Text(), server_default="", nullable=False, comment="who made it"),
        sa.Column(
            "model", sa.Text(), server_default="", nullable=False, comment="as the maker calls it"
        ),
        sa.Column(
            "firmware",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="version of its program",
        ),
        sa.Column("serial", sa.Text(), server_default="", nullable=False, comment="serial number"),
        sa.Column(
            "conformity",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the declaration of conformity",
        ),
        sa.Column(
            "cr_mark", sa.Boolean(), nullable=True, comment="bears the CR mark; null is not known"
        ),
        sa.Column("bought_day", sa.Date(), nullable=True, comment="day of purchase"),
        sa.Column(
            "password_changed",
            sa.Boolean(),
            nullable=True,
            comment="the maker's password was changed; null is not known",
        ),
        sa.Column(
            "services_off",
            sa.Boolean(),
            nullable=True,
            comment="Telnet, UPnP and the maker's cloud are off; null is not known",
        ),
        sa.Column(
            "storage_country",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="where its maker's cloud keeps pictures, if it does",
        ),
        sa.Column(
            "patched_day", sa.Date(), nullable=True, comment="day of the last update of its program"
        ),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False, comment="when it was last edited"),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_camera_facts_area_id")),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name=op.f("fk_camera_facts_camera_id")
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_facts")),
        comment="inventory of a camera as a device: what QCVN 11:2026/BCA makes people ask",
    )
    op.create_index(op.f("ix_camera_facts_area_id"), "camera_facts", ["area_id"], unique=False)
    op.create_table(
        "closing_step",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("closing_id", sa.Text(), nullable=False, comment="of which"),
        sa.Column("code", sa.Text(), nullable=False, comment="which step of the list"),
        sa.Column("how", sa.Text(), nullable=False, comment="program or person: who did it"),
        sa.Column("said", sa.Text(), nullable=False, comment="what was done"),
        sa.Column("facts", sa.JSON(), nullable=False, comment="what the program counted or found"),
        sa.Column("done_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column(
            "done_by", sa.Text(), nullable=False, comment="name of the account that entered it"
        ),
        sa.Column(
            "done_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["closing_id"], ["closing.id"], name=op.f("fk_closing_step_closing_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closing_step")),
        comment="a step of closing a facility that is done; only ever added",
    )
    op.create_index(
        op.f("ix_closing_step_closing_id"), "closing_step", ["closing_id"], unique=False
    )
    op.create_table(
        "door",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("area_id", sa.Text(), nullable=False, comment="opens to it"),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="as it stands on the door; unique in the site",
        ),
        sa.Column(
            "camera_id", sa.Text(), nullable=True, comment="the corridor camera that sees it"
        ),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_door_area_id")),
        sa.ForeignKeyConstraint(["camera_id"], ["camera.id"], name=op.f("fk_door_camera_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_door_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door")),
        sa.UniqueConstraint("site_id", "name", name=op.f("uq_door_site_id_name")),
        comment="the door of a quarantine room, seen from outside",
    )
    op.create_index(op.f("ix_door_area_id"), "door", ["area_id"], unique=False)
    op.create_table(
        "floor_plan",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("floor", sa.Text(), nullable=False, comment="as the facility calls it"),
        sa.Column(
            "title", sa.Text(), server_default="", nullable=False, comment="what people read"
        ),
        sa.Column("picture_id", sa.Text(), nullable=False, comment="the drawing"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was sent"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that sent it"),
        sa.Column(
            "removed_ns", sa.BigInteger(), nullable=True, comment="when another took its place"
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["register_picture.id"], name=op.f("fk_floor_plan_picture_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_floor_plan_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_floor_plan")),
        comment="the drawing of a floor, on which cameras and their views are placed",
    )
    op.create_index(op.f("ix_floor_plan_site_id"), "floor_plan", ["site_id"], unique=False)
    op.create_table(
        "zone_absence",
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("zone", sa.Text(), nullable=False, comment="code of the placement rule"),
        sa.Column("reason", sa.Text(), nullable=False, comment="how the facility does without it"),
        sa.Column("picture_id", sa.Text(), nullable=False, comment="what shows it"),
        sa.Column("said_ns", sa.BigInteger(), nullable=False, comment="when it was said"),
        sa.Column("said_by", sa.Text(), nullable=False, comment="name of the account that said it"),
        sa.Column(
            "said_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["register_picture.id"], name=op.f("fk_zone_absence_picture_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_zone_absence_site_id")),
        sa.PrimaryKeyConstraint("site_id", "zone", name=op.f("pk_zone_absence")),
        comment="a facility has no such place: somebody says so by name, with a photograph",
    )
    op.create_table(
        "plan_camera",
        sa.Column("plan_id", sa.Text(), nullable=False, comment="on which"),
        sa.Column("camera_id", sa.Text(), nullable=False, comment="which camera"),
        sa.Column(
            "x", sa.Integer(), nullable=False, comment="from the left, in 1/10000 of the width"
        ),
        sa.Column(
            "y", sa.Integer(), nullable=False, comment="from the top, in 1/10000 of the height"
        ),
        sa.Column("heading", sa.Integer(), nullable=False, comment="degrees, 0 is up, clockwise"),
        sa.Column("angle", sa.Integer(), nullable=False, comment="degrees that it sees at once"),
        sa.Column(
            "reach", sa.Integer(), nullable=False, comment="how far, in 1/10000 of the width"
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.id"], name=op.f("fk_plan_camera_camera_id")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["floor_plan.id"], name=op.f("fk_plan_camera_plan_id")
        ),
        sa.PrimaryKeyConstraint("plan_id", "camera_id", name=op.f("pk_plan_camera")),
        comment="where a camera stands on a plan and what it sees",
    )


def downgrade() -> None:
    """Without them."""
    op.drop_table("plan_camera")
    op.drop_table("zone_absence")
    op.drop_index(op.f("ix_floor_plan_site_id"), table_name="floor_plan")
    op.drop_table("floor_plan")
    op.drop_index(op.f("ix_door_area_id"), table_name="door")
    op.drop_table("door")
    op.drop_index(op.f("ix_closing_step_closing_id"), table_name="closing_step")
    op.drop_table("closing_step")
    op.drop_index(op.f("ix_camera_facts_area_id"), table_name="camera_facts")
    op.drop_table("camera_facts")
    op.drop_index(op.f("ix_sheet_upload_account_id_made_ns"), table_name="sheet_upload")
    op.drop_table("sheet_upload")
    op.drop_index(op.f("ix_register_picture_site_id"), table_name="register_picture")
    op.drop_table("register_picture")
    op.drop_index(op.f("ix_facility_service_site_id_from_day"), table_name="facility_service")
    op.drop_table("facility_service")
    op.drop_table("facility")
    op.drop_index(op.f("ix_cover_conclusion_site_id_made_ns"), table_name="cover_conclusion")
    op.drop_table("cover_conclusion")
    op.drop_table("contact")
    op.drop_index(op.f("ix_closing_site_id_opened_ns"), table_name="closing")
    op.drop_table("closing")
    op.drop_table("area")
