"""Suppliers' quotes, attached to a line of an estimate: bounded files, known by their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.db import estimate as db
from vonggac.domain import audit, estimates, legal
from vonggac.domain.estimate import LINE_MOST
from vonggac.domain.plans import TITLE_MOST, text_faults
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

FILE_MOST: Final = 2 * 1024 * 1024
"""Bytes of a quote: a scanned page or two (ours)."""
QUOTES_MOST: Final = 10
"""Of one line (ours)."""
MAGIC: Final = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""First bytes of what is taken; the name of a file says nothing."""
ENDINGS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote without its bytes."""

    id: str
    line_id: str
    supplier: str
    price: int
    quoted_date: date
    file_name: str
    media_type: str
    size: int
    sha256: str
    made_ns: int
    made_by: str
    made_name: str


def attach(
    connection: Connection,
    estimate_id: str,
    line_id: str,
    *,
    supplier: str,
    price: int | None,
    quoted_date: date | None,
    file_name: str,
    content: bytes,
    today: date,
    by: Someone,
    now_ns: int,
) -> Quote:
    """Attach a quote to a line, at any time before the contract.

    Raises:
        VonggacError: NOT_FOUND; TOO_MANY; BAD_INPUT with `fields`.
    """
    it = estimates.find(connection, estimate_id)
    if all(line.id != line_id for line in estimates.lines(connection, it.id)):
        raise VonggacError(Kind.NOT_FOUND, "this estimate has no such line")
    faults = text_faults("supplier", supplier, TITLE_MOST)
    if price is None or not 0 <= price <= LINE_MOST:
        faults["quoted"] = "bad_amount"
    if quoted_date is None:
        faults["quoted_date"] = "no_date"
    elif quoted_date > today:
        faults["quoted_date"] = "in_the_future"
    media_type = next((kind for head, kind in MAGIC.items() if content.startswith(head)), "")
    if not content:
        faults["file"] = "no_file"
    elif len(content) > FILE_MOST:
        faults["file"] = "file_too_long"
    elif not media_type:
        faults["file"] = "bad_file"
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    if sum(one.line_id == line_id for one in listed(connection, it.id)) >= QUOTES_MOST:
        raise VonggacError(
            Kind.TOO_MANY, f"a line has at most {QUOTES_MOST} quotes", code="too_many"
        )
    quote_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        db.quote.insert().values(
            id=quote_id, line_id=line_id, supplier=legal.plain(supplier), price=price,
            quoted_date=quoted_date, file_name=legal.plain(file_name)[:TITLE_MOST],
            media_type=media_type, size=len(content), sha256=sha256, content=content,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.ESTIMATE_EDITED, now_ns=now_ns, thing=it.id,
        site=it.site_id, purpose=f"{it.code} v{it.version}", detail={"quote": sha256},
    )  # fmt: skip
    return next(one for one in listed(connection, it.id) if one.id == quote_id)


def listed(connection: Connection, estimate_id: str) -> list[Quote]:
    """The quotes of an estimate, in order."""
    table, line = db.quote, db.estimate_line
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Quote.__dataclass_fields__))
        .join(line, line.c.id == table.c.line_id)
        .where(line.c.estimate_id == estimate_id)
        .order_by(table.c.made_ns, table.c.id)
    )
    return [Quote(*row) for row in rows]


def content(connection: Connection, estimate_id: str, quote_id: str) -> tuple[Quote, bytes]:
    """One quote of an estimate with its bytes.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = next((one for one in listed(connection, estimate_id) if one.id == quote_id), None)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "this estimate has no such quote")
    read: bytes = connection.execute(
        sa.select(db.quote.c.content).where(db.quote.c.id == quote_id)
    ).scalar_one()
    return found, read
