"""Connection plans, prices, estimates with their lines, steps and quotes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """New tables, empty; prices are the software's examples until somebody enters others."""
    op.create_table(
        "price_catalogue",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("title", sa.Text(), nullable=False, comment="what people call it"),
        sa.Column("from_date", sa.Date(), nullable=False, comment="in force from this day"),
        sa.Column(
            "sha256", sa.Text(), nullable=False, comment="of the workbook that it came from, hex"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_catalogue")),
        comment="prices that an administrator entered; the newest in force on a day counts",
    )
    op.create_index(
        op.f("ix_price_catalogue_from_date"), "price_catalogue", ["from_date"], unique=False
    )
    op.create_table(
        "connection_plan",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column("how", sa.Text(), nullable=False, comment="buy or lease"),
        sa.Column(
            "months",
            sa.BigInteger(),
            nullable=False,
            comment="months that lines and leases are reckoned for",
        ),
        sa.Column("facts", sa.JSON(), nullable=False, comment="what the program found that day"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "agreed_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when the last party agreed; null before",
        ),
        sa.CheckConstraint("how IN ('buy', 'lease')", name=op.f("ck_connection_plan_how")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_connection_plan_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_plan")),
        comment="how a facility is to be connected, with its bill of quantities",
    )
    op.create_index(
        op.f("ix_connection_plan_site_id_made_ns"),
        "connection_plan",
        ["site_id", "made_ns"],
        unique=False,
    )
    op.create_table(
        "estimate",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("site_id", sa.Text(), nullable=False, comment="where"),
        sa.Column(
            "code",
            sa.Text(),
            nullable=False,
            comment="as people call it: DT-2026-018; the same for all its versions",
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="counts its versions from 1"),
        sa.Column("connection_plan_id", sa.Text(), nullable=True, comment="the plan that it costs"),
        sa.Column("title", sa.Text(), nullable=False, comment="what it is for"),
        sa.Column("how", sa.Text(), nullable=False, comment="buy or lease"),
        sa.Column(
            "catalogue",
            sa.Text(),
            nullable=False,
            comment="what the prices were taken from, and of which day",
        ),
        sa.Column(
            "contingency",
            sa.BigInteger(),
            nullable=False,
            comment="set aside, in hundredths of a per cent of sum and tax",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="draft",
            nullable=False,
            comment="draft, a step of the rules, returned or replaced",
        ),
        sa.Column(
            "revision", sa.BigInteger(), nullable=False, comment="counts edits; a stale form loses"
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_estimate_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_estimate")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_estimate_code_version")),
        comment="what a plan costs: asked, appraised, approved",
    )
    op.create_index(
        op.f("ix_estimate_site_id_made_ns"), "estimate", ["site_id", "made_ns"], unique=False
    )
    op.create_table(
        "price",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("catalogue_id", sa.Text(), nullable=False, comment="of which catalogue"),
        sa.Column("code", sa.Text(), nullable=False, comment="unique in the catalogue"),
        sa.Column("kind", sa.Text(), nullable=False, comment="what of a plan it prices, or other"),
        sa.Column("how", sa.Text(), nullable=False, comment="buy or lease"),
        sa.Column("title", sa.Text(), nullable=False, comment="what it is"),
        sa.Column("unit", sa.Text(), nullable=False, comment="unit of measure"),
        sa.Column("price", sa.BigInteger(), nullable=False, comment="đồng for one, before tax"),
        sa.Column(
            "vat", sa.BigInteger(), nullable=False, comment="tax, in hundredths of a per cent"
        ),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="who says so: quote, contract, decision"
        ),
        sa.Column("on_day", sa.Date(), nullable=False, comment="the day of the source"),
        sa.CheckConstraint("price >= 0", name=op.f("ck_price_price")),
        sa.ForeignKeyConstraint(
            ["catalogue_id"], ["price_catalogue.id"], name=op.f("fk_price_catalogue_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
        sa.UniqueConstraint("catalogue_id", "code", name=op.f("uq_price_catalogue_id_code")),
        comment="what one unit of something costs, on a day, and who says so",
    )
    op.create_table(
        "estimate_line",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("estimate_id", sa.Text(), nullable=False, comment="of which estimate"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="place in the table, from 1"),
        sa.Column(
            "code",
            sa.Text(),
            nullable=False,
            comment="of the price; lines of two versions or facilities are the same by it",
        ),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="what it is, as the rules call it, or other"
        ),
        sa.Column("title", sa.Text(), nullable=False, comment="what it is"),
        sa.Column("unit", sa.Text(), nullable=False, comment="unit of measure"),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="asked for"),
        sa.Column(
            "price", sa.BigInteger(), nullable=False, comment="đồng for one before tax, asked for"
        ),
        sa.Column(
            "vat", sa.BigInteger(), nullable=False, comment="tax, in hundredths of a per cent"
        ),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="where the price comes from, and of which day",
        ),
        sa.Column(
            "example", sa.Boolean(), nullable=False, comment="the price is the software's example"
        ),
        sa.Column(
            "funding",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="where the money comes from: a code of the rules",
        ),
        sa.Column(
            "note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why, in the words of who asks",
        ),
        sa.Column(
            "appraised_quantity",
            sa.BigInteger(),
            nullable=True,
            comment="as appraised; null before",
        ),
        sa.Column(
            "appraised_price", sa.BigInteger(), nullable=True, comment="as appraised; null before"
        ),
        sa.Column(
            "appraised_why",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the reason of the appraiser",
        ),
        sa.Column(
            "approved_quantity", sa.BigInteger(), nullable=True, comment="as approved; null before"
        ),
        sa.Column(
            "approved_price", sa.BigInteger(), nullable=True, comment="as approved; null before"
        ),
        sa.Column(
            "approved_why",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the reason of who approved",
        ),
        sa.CheckConstraint("quantity >= 0 AND price >= 0", name=op.f("ck_estimate_line_amounts")),
        sa.ForeignKeyConstraint(
            ["estimate_id"], ["estimate.id"], name=op.f("fk_estimate_line_estimate_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_estimate_line")),
        sa.UniqueConstraint("estimate_id", "at", name=op.f("uq_estimate_line_estimate_id_at")),
        comment="a line of an estimate: what is asked for, appraised and approved",
    )
    op.create_index(op.f("ix_estimate_line_code"), "estimate_line", ["code"], unique=False)
    op.create_table(
        "estimate_step",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("estimate_id", sa.Text(), nullable=False, comment="of which estimate"),
        sa.Column(
            "code", sa.Text(), nullable=False, comment="a step of the rules, returned, or replaced"
        ),
        sa.Column(
            "number", sa.Text(), server_default="", nullable=False, comment="number of the document"
        ),
        sa.Column("document_date", sa.Date(), nullable=True, comment="day of the document"),
        sa.Column("amount", sa.BigInteger(), nullable=True, comment="đồng that the step is about"),
        sa.Column(
            "said",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what else: supplier, reason of a return",
        ),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column("made_id", sa.Text(), nullable=False, comment="account that entered it"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["estimate_id"], ["estimate.id"], name=op.f("fk_estimate_step_estimate_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_estimate_step")),
        comment="what happened to an estimate, in order; only ever added",
    )
    op.create_index(
        op.f("ix_estimate_step_estimate_id"), "estimate_step", ["estimate_id"], unique=False
    )
    op.create_table(
        "plan_agreement",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("connection_plan_id", sa.Text(), nullable=False, comment="to which plan"),
        sa.Column(
            "party",
            sa.Text(),
            nullable=False,
            comment="owner, lead, enterprise or military: a party of the rules",
        ),
        sa.Column(
            "person",
            sa.Text(),
            nullable=False,
            comment="who agreed for the party: name and position",
        ),
        sa.Column(
            "document",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="number of the paper that says so",
        ),
        sa.Column("agreed_date", sa.Date(), nullable=False, comment="the day of agreement"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was entered"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.Column(
            "void_ns",
            sa.BigInteger(),
            nullable=True,
            comment="when an edit took it back: the party agreed to something else",
        ),
        sa.ForeignKeyConstraint(
            ["connection_plan_id"],
            ["connection_plan.id"],
            name=op.f("fk_plan_agreement_connection_plan_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_agreement")),
        comment="that a party agreed to a plan as it stood",
    )
    op.create_index(
        op.f("ix_plan_agreement_connection_plan_id"),
        "plan_agreement",
        ["connection_plan_id"],
        unique=False,
    )
    op.create_table(
        "plan_edit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="row number",
        ),
        sa.Column("connection_plan_id", sa.Text(), nullable=False, comment="of which plan"),
        sa.Column("line_id", sa.Text(), nullable=False, comment="of which line"),
        sa.Column("title", sa.Text(), nullable=False, comment="what the line was called then"),
        sa.Column(
            "before",
            sa.BigInteger(),
            nullable=True,
            comment="quantity before; null for a line that was added",
        ),
        sa.Column("after", sa.BigInteger(), nullable=False, comment="quantity after"),
        sa.Column("why", sa.Text(), nullable=False, comment="the reason that the person gave"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(
            ["connection_plan_id"],
            ["connection_plan.id"],
            name=op.f("fk_plan_edit_connection_plan_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_edit")),
        comment="what people changed in a bill of quantities; only ever added",
    )
    op.create_index(
        op.f("ix_plan_edit_connection_plan_id"), "plan_edit", ["connection_plan_id"], unique=False
    )
    op.create_table(
        "plan_line",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("connection_plan_id", sa.Text(), nullable=False, comment="of which plan"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="place in the bill, from 1"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="what it is, as the rules call it; other for what a person added",
        ),
        sa.Column(
            "zone",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="code of the placement rule that it serves; empty for the whole",
        ),
        sa.Column(
            "title",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what a person calls it; empty for what the rules say",
        ),
        sa.Column(
            "unit",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="unit of measure, of a line that a person added",
        ),
        sa.Column(
            "quantity",
            sa.BigInteger(),
            nullable=False,
            comment="how many; 0 is a line that was struck out",
        ),
        sa.Column(
            "computed", sa.BigInteger(), nullable=True, comment="how many the program reckoned"
        ),
        sa.Column("basis", sa.JSON(), nullable=False, comment="from what the program reckoned it"),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_plan_line_quantity")),
        sa.ForeignKeyConstraint(
            ["connection_plan_id"],
            ["connection_plan.id"],
            name=op.f("fk_plan_line_connection_plan_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_line")),
        sa.UniqueConstraint(
            "connection_plan_id", "at", name=op.f("uq_plan_line_connection_plan_id_at")
        ),
        comment="a line of the bill of quantities of a plan",
    )
    op.create_table(
        "quote",
        sa.Column("id", sa.Text(), nullable=False, comment="permanent opaque id"),
        sa.Column("line_id", sa.Text(), nullable=False, comment="for which line"),
        sa.Column("supplier", sa.Text(), nullable=False, comment="who offers"),
        sa.Column("price", sa.BigInteger(), nullable=False, comment="đồng for one before tax"),
        sa.Column("quoted_date", sa.Date(), nullable=False, comment="day of the quote"),
        sa.Column("file_name", sa.Text(), nullable=False, comment="as it was called"),
        sa.Column(
            "media_type",
            sa.Text(),
            nullable=False,
            comment="application/pdf, image/png or image/jpeg",
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the bytes, hex"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the bytes"),
        sa.Column("made_ns", sa.BigInteger(), nullable=False, comment="when it was attached"),
        sa.Column("made_by", sa.Text(), nullable=False, comment="name of the account that did"),
        sa.Column(
            "made_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="their full name then",
        ),
        sa.ForeignKeyConstraint(["line_id"], ["estimate_line.id"], name=op.f("fk_quote_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        comment="a supplier's quote, attached to a line of an estimate",
    )
    op.create_index(op.f("ix_quote_line_id"), "quote", ["line_id"], unique=False)


def downgrade() -> None:
    """Without them."""
    op.drop_index(op.f("ix_quote_line_id"), table_name="quote")
    op.drop_table("quote")
    op.drop_table("plan_line")
    op.drop_index(op.f("ix_plan_edit_connection_plan_id"), table_name="plan_edit")
    op.drop_table("plan_edit")
    op.drop_index(op.f("ix_plan_agreement_connection_plan_id"), table_name="plan_agreement")
    op.drop_table("plan_agreement")
    op.drop_index(op.f("ix_estimate_step_estimate_id"), table_name="estimate_step")
    op.drop_table("estimate_step")
    op.drop_index(op.f("ix_estimate_line_code"), table_name="estimate_line")
    op.drop_table("estimate_line")
    op.drop_table("price")
    op.drop_index(op.f("ix_estimate_site_id_made_ns"), table_name="estimate")
    op.drop_table("estimate")
    op.drop_index(op.f("ix_connection_plan_site_id_made_ns"), table_name="connection_plan")
    op.drop_table("connection_plan")
    op.drop_index(op.f("ix_price_catalogue_from_date"), table_name="price_catalogue")
    op.drop_table("price_catalogue")
