"""The hub's copy of a site's ledger: what facts say, put where questions can be asked."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac.causes import Cause
from vonggac.db import Connection, is_away, tables
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


UNREAD = "unknown"
"""Kind of a genuine fact that this version does not know."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a camera of a site, as the wire names them."""

    site_id: str
    camera: str
    stream: str = "main"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that the media prove, in ns since 1970."""

    from_ns: int
    to_ns: int
    run: str | None = None
    epoch: int | None = None
    """The journal that told it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of missing time with its cause; `to_ns` is None while it lasts."""

    from_ns: int
    to_ns: int | None
    cause: Cause
    evidence: str = ""
    epoch: int | None = None
    """The journal that told it."""


@dataclass(frozen=True, slots=True)
class State:
    """What a stream is doing, as far as the hub knows."""

    status: str
    since_ns: int
    cause: Cause | None
    as_of_ns: int
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SiteState:
    """What a box is doing, and since when it answers."""

    as_of_ns: int
    heard_ns: int
    reachable_since_ns: int | None
    lost_ns: int | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PageRow:
    """An hour of one camera's ledger, of one of its streams."""

    number: int
    from_ns: int
    to_ns: int
    recorded_ns: int
    bytes: int
    pictures: int
    declared_fps: float | None
    delivered_fps: float | None
    clock_error_ms: float | None
    root: str
    hash: str


@contextmanager
def all_or_nothing(connection: Connection) -> Iterator[None]:
    """Part of a transaction that is undone alone when what came cannot be stored.

    Raises:
        VonggacError: CORRUPT, the database refuses a value: a moment beyond the year 2262, a
            stream that is neither main nor sub. The transaction around it goes on.
    """
    try:
        with connection.begin_nested():
            yield
    except (sa.exc.DBAPIError, OverflowError) as error:
        if is_away(error):  # no value's fault: what came must come again
            raise
        raise VonggacError(
            Kind.CORRUPT, f"a fact cannot be stored: {type(error).__name__}"
        ) from error


def take_fact(
    connection: Connection,
    site_id: str,
    epoch: int,
    sequence: int,
    kind: str,
    *,
    as_of_ns: int,
    received_ns: int,
) -> bool:
    """Claim a fact for this transaction; False when it was applied before.

    Raises:
        VonggacError: CORRUPT, another fact has this place: two boxes sign with one key.
    """
    table = tables.fact
    known = connection.execute(
        sa.select(table.c.kind, table.c.as_of_ns).where(
            table.c.site_id == site_id, table.c.epoch == epoch, table.c.sequence == sequence
        )
    ).one_or_none()
    if known is not None:
        # What an older version could not read it could not date either.
        if tuple(known) != (kind, as_of_ns) and UNREAD not in (known.kind, kind):
            raise VonggacError(
                Kind.CORRUPT, "another fact has this place: the key of a box is used twice"
            )
        return False
    connection.execute(
        table.insert().values(
            site_id=site_id,
            epoch=epoch,
            sequence=sequence,
            kind=kind,
            as_of_ns=as_of_ns,
            received_ns=received_ns,
        )
    )
    return True


def latest_epoch(connection: Connection, site_id: str) -> int | None:
    """The last life of a site's box of which a fact was taken."""
    table = tables.fact
    found: int | None = connection.execute(
        sa.select(sa.func.max(table.c.epoch)).where(table.c.site_id == site_id)
    ).scalar_one_or_none()
    return found


def facts_of_epoch(connection: Connection, site_id: str, epoch: int) -> int:
    """How many facts of a life of a box there must have been, by the last that was taken."""
    table = tables.fact
    last: int | None = connection.execute(
        sa.select(sa.func.max(table.c.sequence)).where(
            table.c.site_id == site_id, table.c.epoch == epoch
        )
    ).scalar_one_or_none()
    return 0 if last is None else last + 1


def put_span(connection: Connection, stream: Stream, span: Span) -> None:
    """A span that closed or grew; the same start replaces what was known of it."""
    if span.to_ns <= span.from_ns:
        return
    key = _key(tables.span, stream) & (tables.span.c.from_ns == span.from_ns)
    connection.execute(tables.span.delete().where(key))
    connection.execute(
        tables.span.insert().values(
            **_names(stream),
            from_ns=span.from_ns,
            to_ns=span.to_ns,
            run=span.run,
            epoch=span.epoch,
        )
    )


def put_gap(connection: Connection, stream: Stream, gap: Gap) -> None:
    """A gap that opened or closed; the same start replaces what was known of it."""
    key = _key(tables.gap, stream) & (tables.gap.c.from_ns == gap.from_ns)
    connection.execute(tables.gap.delete().where(key))
    if gap.to_ns is not None and gap.to_ns <= gap.from_ns:
        return
    connection.execute(
        tables.gap.insert().values(
            **_names(stream),
            from_ns=gap.from_ns,
            to_ns=gap.to_ns,
            cause=gap.cause.value,
            evidence=gap.evidence[:500],
            epoch=gap.epoch,
        )
    )


def begin_run(connection: Connection, site_id: str, run: str, values: Mapping[str, object]) -> None:
    """A run began."""
    table = tables.run
    connection.execute(table.delete().where(table.c.site_id == site_id, table.c.run == run))
    connection.execute(table.insert().values(site_id=site_id, run=run, **values))


def end_run(connection: Connection, site_id: str, run: str, *, to_ns: int, cause: Cause) -> None:
    """A run is over."""
    table = tables.run
    connection.execute(
        table.update()
        .where(table.c.site_id == site_id, table.c.run == run)
        .values(to_ns=to_ns, cause=cause.value)
    )


def begin_life(
    connection: Connection, site_id: str, epoch: int, *, boot: str, started_ns: int
) -> None:
    """A box came up and began a journal."""
    table = tables.life
    connection.execute(table.delete().where(table.c.site_id == site_id, table.c.epoch == epoch))
    connection.execute(
        table.insert().values(site_id=site_id, epoch=epoch, boot=boot, started_ns=started_ns)
    )


def step_clock(connection: Connection, site_id: str, epoch: int, delta_ns: int) -> None:
    """The box did not know the time since it started: what it told since then was so much later.

    What lies before that start stays: it is the end of what an earlier start had told. The signed
    pages keep the times they were signed with; the fact of the step is signed too.
    """
    lives, since_ns = _lives_of_boot(connection, site_id, epoch)
    if not lives:
        return
    life = tables.life
    connection.execute(
        life.update()
        .where(life.c.site_id == site_id, life.c.epoch.in_(lives))
        .values(started_ns=life.c.started_ns + delta_ns)
    )
    for table in (tables.run, tables.span, tables.gap):
        told = sa.and_(table.c.site_id == site_id, table.c.epoch.in_(lives))
        rows = [dict(row) for row in connection.execute(sa.select(table).where(told)).mappings()]
        # Row by row the keys of what moves would meet the keys of what is still to move.
        connection.execute(table.delete().where(told))
        for row in rows:
            for edge in ("from_ns", "to_ns"):
                if row[edge] is not None and row[edge] >= since_ns:
                    row[edge] += delta_ns
        kept = [row for row in rows if row["to_ns"] is None or row["to_ns"] > row["from_ns"]]
        if kept:
            connection.execute(table.insert(), kept)
    state = tables.state
    for column in (state.c.since_ns, state.c.as_of_ns):
        connection.execute(
            state.update()
            .where(state.c.site_id == site_id, column >= since_ns)
            .values({column: column + delta_ns})
        )


def _lives_of_boot(connection: Connection, site_id: str, epoch: int) -> tuple[list[int], int]:
    """The lives of the box since the machine started, and when the first of them began."""
    life = tables.life
    boot = connection.execute(
        sa.select(life.c.boot).where(life.c.site_id == site_id, life.c.epoch == epoch)
    ).scalar_one_or_none()
    if boot is None:
        return [], 0
    same = life.c.boot == boot if boot else life.c.epoch == epoch
    rows = connection.execute(
        sa.select(life.c.epoch, life.c.started_ns).where(life.c.site_id == site_id, same)
    ).all()
    return [row.epoch for row in rows], min(row.started_ns for row in rows)


def put_state(connection: Connection, stream: Stream, state: State) -> None:
    """What a stream is doing now; an older word never replaces a newer one.

    What was known of it before (codec, rates ...) stays and is added to.
    """
    known = _state(connection, stream)
    if known is not None and known.since_ns > state.since_ns:
        return
    as_of_ns = max(state.as_of_ns, known.as_of_ns if known else 0)
    detail = {**(known.detail if known else {}), **state.detail}
    _write_state(
        connection,
        stream,
        State(state.status, state.since_ns, state.cause, as_of_ns, detail),
    )


def describe_stream(connection: Connection, stream: Stream, values: Mapping[str, object]) -> None:
    """Add to what is known of a stream without saying what it is doing."""
    known = _state(connection, stream)
    if known is None:
        known = State("off", 0, None, 0, {})
    detail = {**known.detail, **values}
    _write_state(
        connection,
        stream,
        State(known.status, known.since_ns, known.cause, known.as_of_ns, detail),
    )


@dataclass(frozen=True, slots=True)
class Expiry:
    """How far retention has come with a stream."""

    before_ns: int
    """What was recorded before this was deleted,"""
    kept: tuple[tuple[int, int], ...] = ()
    """but for this, which a case keeps."""


def put_expiry(
    connection: Connection,
    stream: Stream,
    span: tuple[int, int],
    held: Sequence[tuple[int, int]] = (),
) -> None:
    """Retention has deleted everything of this stream within the span.

    It goes from the oldest on: what is older and was not deleted is gone for long, or held.

    Args:
        connection: a writing transaction.
        stream: whose recordings.
        span: what was deleted, as the box says.
        held: what the box does not delete of this camera now.
    """
    table = tables.expiry
    row = connection.execute(
        sa.select(table.c.before_ns, table.c.kept).where(_key(table, stream))
    ).one_or_none()
    known = Expiry(row.before_ns, _pairs(row.kept)) if row else Expiry(0)
    skipped = [(max(low, known.before_ns), min(high, span[0])) for low, high in held]
    kept = [
        (low, high)
        for old in (*known.kept, *skipped)
        for low, high in ((old[0], min(old[1], span[0])), (max(old[0], span[1]), old[1]))
        if low < high
    ]
    values = {"before_ns": max(known.before_ns, span[1]), "kept": sorted(set(kept)) or None}
    if row is None:
        connection.execute(table.insert().values(**_names(stream), **values))
    else:
        connection.execute(table.update().where(_key(table, stream)).values(**values))


def expiries(connection: Connection, site_id: str) -> dict[tuple[str, str], Expiry]:
    """How far retention has come, by (camera, stream)."""
    table = tables.expiry
    rows = connection.execute(sa.select(*table.c).where(table.c.site_id == site_id)).all()
    return {(row.camera, row.stream): Expiry(row.before_ns, _pairs(row.kept)) for row in rows}


def _pairs(stored: list[list[int]] | None) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high in stored or ())


def put_page(
    connection: Connection,
    stream: Stream,
    page: PageRow,
    *,
    previous: str,
    envelope: bytes,
    spans: Sequence[Span],
    gaps: Sequence[Gap],
) -> None:
    """A closed hour: it replaces everything the hub held for that time."""
    table = tables.page
    connection.execute(table.delete().where(_key(table, stream), table.c.from_ns == page.from_ns))
    connection.execute(
        table.insert().values(
            **_names(stream),
            from_ns=page.from_ns,
            to_ns=page.to_ns,
            number=page.number,
            recorded_ns=page.recorded_ns,
            bytes=page.bytes,
            pictures=page.pictures,
            declared_fps=page.declared_fps,
            delivered_fps=page.delivered_fps,
            clock_error_ms=page.clock_error_ms,
            root=page.root,
            hash=page.hash,
            previous=previous,
            envelope=envelope,
        )
    )
    _clear_window(connection, stream, page.from_ns, page.to_ns)
    for span in spans:
        _join_span(connection, stream, span)
    for gap in gaps:
        _join_gap(connection, stream, gap)


def put_site_state(
    connection: Connection,
    site_id: str,
    *,
    as_of_ns: int,
    heard_ns: int,
    detail: Mapping[str, object],
) -> None:
    """The box said something of itself: it is reachable, and `detail` is added to what is known."""
    known = site_state(connection, site_id)
    reachable = known.reachable_since_ns if known else None
    values = {
        "as_of_ns": max(as_of_ns, known.as_of_ns if known else 0),
        "heard_ns": heard_ns,
        "reachable_since_ns": heard_ns if reachable is None else reachable,
        "lost_ns": None,
        "detail": {**(known.detail if known else {}), **detail},
    }
    _put_site_state(connection, site_id, known, values)


def lose_site(connection: Connection, site_id: str, *, lost_ns: int) -> None:
    """The box does not answer since then; what is known of its cameras stops being extended."""
    known = site_state(connection, site_id)
    if known is not None and known.lost_ns is not None:
        return
    values: dict[str, object] = {"reachable_since_ns": None, "lost_ns": lost_ns}
    if known is None:
        values |= {"as_of_ns": 0, "heard_ns": 0, "detail": {}}
    _put_site_state(connection, site_id, known, values)


def describe_site(connection: Connection, site_id: str, values: Mapping[str, object]) -> None:
    """Add to what is known of a site without saying that its box answers."""
    known = site_state(connection, site_id)
    if known is not None:
        _put_site_state(connection, site_id, known, {"detail": {**known.detail, **values}})


def confirm_state(
    connection: Connection, stream: Stream, *, as_of_ns: int | None, detail: Mapping[str, object]
) -> None:
    """The box says that the state still stands (`as_of_ns`), or at least what it measures."""
    known = _state(connection, stream)
    if known is None:
        return
    until_ns = known.as_of_ns if as_of_ns is None else max(known.as_of_ns, as_of_ns)
    _write_state(
        connection,
        stream,
        State(known.status, known.since_ns, known.cause, until_ns, {**known.detail, **detail}),
    )


def site_state(connection: Connection, site_id: str) -> SiteState | None:
    """What the box is doing, if it ever answered."""
    table = tables.site_state
    row = connection.execute(
        sa.select(
            table.c.as_of_ns,
            table.c.heard_ns,
            table.c.reachable_since_ns,
            table.c.lost_ns,
            table.c.detail,
        ).where(table.c.site_id == site_id)
    ).one_or_none()
    return None if row is None else SiteState(*row)


def known_until() -> sa.ColumnElement[int]:
    """Until when the state of a stream is known; for a query that joins `site_state` (outer).

    What a caught-up site below was doing stands on by itself, and its link has that moment once
    for all of its streams (`domain.links.stand`); a stream that said nothing yet has none.
    """
    state, site = tables.state, tables.site_state
    stands = sa.func.coalesce(site.c.stands_ns, 0)
    goes_on = sa.and_(state.c.as_of_ns > 0, stands > state.c.as_of_ns)
    return sa.case((goes_on, stands), else_=state.c.as_of_ns)


def states(connection: Connection, site_id: str) -> dict[tuple[str, str], State]:
    """What every stream of a site is doing, by (camera, stream)."""
    table = tables.state
    rows = connection.execute(
        sa.select(
            table.c.camera,
            table.c.stream,
            table.c.status,
            table.c.since_ns,
            table.c.cause,
            known_until().label("as_of_ns"),
            table.c.detail,
        )
        .outerjoin(tables.site_state, tables.site_state.c.site_id == table.c.site_id)
        .where(table.c.site_id == site_id)
    ).all()
    return {
        (row.camera, row.stream): State(
            row.status,
            row.since_ns,
            Cause(row.cause) if row.cause else None,
            row.as_of_ns,
            row.detail,
        )
        for row in rows
    }


def spans_between(
    connection: Connection, site_id: str, from_ns: int, to_ns: int, camera: str | None = None
) -> dict[tuple[str, str], list[Span]]:
    """Spans that touch [from_ns, to_ns), uncut, by (camera, stream), in order."""
    table = tables.span
    query = sa.select(
        table.c.camera,
        table.c.stream,
        table.c.from_ns,
        table.c.to_ns,
        table.c.run,
        table.c.epoch,
    ).where(table.c.site_id == site_id, table.c.from_ns < to_ns, table.c.to_ns > from_ns)
    if camera is not None:
        query = query.where(table.c.camera == camera)
    found: dict[tuple[str, str], list[Span]] = {}
    for row in connection.execute(query.order_by(table.c.from_ns)).all():
        found.setdefault((row.camera, row.stream), []).append(
            Span(row.from_ns, row.to_ns, row.run, row.epoch)
        )
    return found


def gaps_between(
    connection: Connection, site_id: str, from_ns: int, to_ns: int, camera: str | None = None
) -> dict[tuple[str, str], list[Gap]]:
    """Gaps that touch [from_ns, to_ns), uncut, by (camera, stream), in order."""
    table = tables.gap
    query = sa.select(
        table.c.camera,
        table.c.stream,
        table.c.from_ns,
        table.c.to_ns,
        table.c.cause,
        table.c.evidence,
        table.c.epoch,
    ).where(
        table.c.site_id == site_id,
        table.c.from_ns < to_ns,
        sa.or_(table.c.to_ns.is_(None), table.c.to_ns > from_ns),
    )
    if camera is not None:
        query = query.where(table.c.camera == camera)
    found: dict[tuple[str, str], list[Gap]] = {}
    for row in connection.execute(query.order_by(table.c.from_ns)).all():
        found.setdefault((row.camera, row.stream), []).append(
            Gap(row.from_ns, row.to_ns, Cause(row.cause), row.evidence, row.epoch)
        )
    return found


def first_known(connection: Connection, site_id: str) -> dict[tuple[str, str], int]:
    """Since when anything is known of each stream, by (camera, stream)."""
    found: dict[tuple[str, str], int] = {}
    for table in (tables.span, tables.gap):
        rows = connection.execute(
            sa.select(table.c.camera, table.c.stream, sa.func.min(table.c.from_ns))
            .where(table.c.site_id == site_id)
            .group_by(table.c.camera, table.c.stream)
        ).all()
        for camera, stream, first_ns in rows:
            key = (camera, stream)
            found[key] = min(first_ns, found.get(key, first_ns))
    return found


def pages_between(
    connection: Connection, site_id: str, from_ns: int, to_ns: int, camera: str | None = None
) -> dict[tuple[str, str], list[PageRow]]:
    """Pages that touch [from_ns, to_ns), by (camera, stream), in order."""
    table = tables.page
    query = sa.select(
        table.c.camera,
        table.c.stream,
        table.c.number,
        table.c.from_ns,
        table.c.to_ns,
        table.c.recorded_ns,
        table.c.bytes,
        table.c.pictures,
        table.c.declared_fps,
        table.c.delivered_fps,
        table.c.clock_error_ms,
        table.c.root,
        table.c.hash,
    ).where(table.c.site_id == site_id, table.c.from_ns < to_ns, table.c.to_ns > from_ns)
    if camera is not None:
        query = query.where(table.c.camera == camera)
    found: dict[tuple[str, str], list[PageRow]] = {}
    for row in connection.execute(query.order_by(table.c.from_ns)).all():
        found.setdefault((row.camera, row.stream), []).append(PageRow(*tuple(row)[2:]))
    return found


def _state(connection: Connection, stream: Stream) -> State | None:
    table = tables.state
    row = connection.execute(
        sa.select(
            table.c.status, table.c.since_ns, table.c.cause, table.c.as_of_ns, table.c.detail
        ).where(_key(table, stream))
    ).one_or_none()
    if row is None:
        return None
    cause = Cause(row.cause) if row.cause else None
    return State(row.status, row.since_ns, cause, row.as_of_ns, row.detail)


def _write_state(connection: Connection, stream: Stream, state: State) -> None:
    connection.execute(tables.state.delete().where(_key(tables.state, stream)))
    connection.execute(
        tables.state.insert().values(
            **_names(stream),
            status=state.status,
            since_ns=state.since_ns,
            cause=state.cause.value if state.cause else None,
            as_of_ns=state.as_of_ns,
            detail=dict(state.detail),
        )
    )


def page_envelope(
    connection: Connection, site_id: str, camera: str, stream: str, from_ns: int
) -> bytes | None:
    """The signed bytes of a page: what proves an hour."""
    table = tables.page
    found: bytes | None = connection.execute(
        sa.select(table.c.envelope).where(
            _key(table, Stream(site_id, camera, stream)), table.c.from_ns == from_ns
        )
    ).scalar_one_or_none()
    return found


def page_envelopes(
    connection: Connection, stream: Stream, numbers: Sequence[int]
) -> dict[int, bytes]:
    """The signed bytes of these pages of a camera, by number, as far as they have arrived."""
    table = tables.page
    rows = connection.execute(
        sa.select(table.c.number, table.c.envelope).where(
            _key(table, stream), table.c.number.in_(list(numbers))
        )
    ).all()
    return {row.number: row.envelope for row in rows}


def counts(connection: Connection, site_id: str) -> dict[str, int]:
    """How many rows the ledger of a site has, by table."""
    found = {}
    for table in (tables.fact, tables.run, tables.span, tables.gap, tables.page):
        query = sa.select(sa.func.count()).select_from(table).where(table.c.site_id == site_id)
        found[table.name] = connection.execute(query).scalar_one()
    return found


def _clear_window(connection: Connection, stream: Stream, from_ns: int, to_ns: int) -> None:
    """Cut every span and gap out of [from_ns, to_ns); what reaches beyond it stays."""
    window = Stream(stream.site_id, stream.camera, stream.stream)
    names = (window.camera, window.stream)
    spans = spans_between(connection, window.site_id, from_ns, to_ns, window.camera)
    for span in spans.get(names, []):
        connection.execute(
            tables.span.delete().where(
                _key(tables.span, window), tables.span.c.from_ns == span.from_ns
            )
        )
        if span.from_ns < from_ns:
            put_span(connection, window, replace(span, to_ns=from_ns))
        if span.to_ns > to_ns:
            put_span(connection, window, replace(span, from_ns=to_ns))
    gaps = gaps_between(connection, window.site_id, from_ns, to_ns, window.camera)
    for gap in gaps.get(names, []):
        connection.execute(
            tables.gap.delete().where(_key(tables.gap, window), tables.gap.c.from_ns == gap.from_ns)
        )
        if gap.from_ns < from_ns:
            put_gap(connection, window, replace(gap, to_ns=from_ns))
        if gap.to_ns is None or gap.to_ns > to_ns:
            put_gap(connection, window, replace(gap, from_ns=to_ns))


def _join_span(connection: Connection, stream: Stream, span: Span) -> None:
    """Add a span, joined with one of the same run that it touches: hours cut what was whole."""
    table = tables.span
    start, end = span.from_ns, span.to_ns
    run = table.c.run.is_(None) if span.run is None else table.c.run == span.run
    run &= table.c.epoch.is_(None) if span.epoch is None else table.c.epoch == span.epoch
    before = connection.execute(
        sa.select(table.c.from_ns).where(_key(table, stream), table.c.to_ns == start, run)
    ).scalar_one_or_none()
    after = connection.execute(
        sa.select(table.c.to_ns).where(_key(table, stream), table.c.from_ns == end, run)
    ).scalar_one_or_none()
    if before is not None:
        start = before
    if after is not None:
        connection.execute(table.delete().where(_key(table, stream), table.c.from_ns == end))
        end = after
    put_span(connection, stream, replace(span, from_ns=start, to_ns=end))


def _join_gap(connection: Connection, stream: Stream, gap: Gap) -> None:
    table = tables.gap
    start, end = gap.from_ns, gap.to_ns
    before = connection.execute(
        sa.select(table.c.from_ns, table.c.evidence).where(
            _key(table, stream), table.c.to_ns == start, table.c.cause == gap.cause.value
        )
    ).one_or_none()
    evidence = gap.evidence
    if before is not None:
        start = before.from_ns
        evidence = before.evidence or evidence
    if end is not None:
        after = connection.execute(
            sa.select(table.c.to_ns).where(
                _key(table, stream), table.c.from_ns == end, table.c.cause == gap.cause.value
            )
        ).one_or_none()
        if after is not None:
            connection.execute(table.delete().where(_key(table, stream), table.c.from_ns == end))
            end = after.to_ns
    put_gap(connection, stream, replace(gap, from_ns=start, to_ns=end, evidence=evidence))


def _put_site_state(
    connection: Connection, site_id: str, known: SiteState | None, values: Mapping[str, object]
) -> None:
    table = tables.site_state
    if known is None:
        connection.execute(table.insert().values(site_id=site_id, **values))
    else:
        connection.execute(table.update().where(table.c.site_id == site_id).values(**values))


def _names(stream: Stream) -> dict[str, str]:
    return {"site_id": stream.site_id, "camera": stream.camera, "stream": stream.stream}


def _key(table: sa.Table, stream: Stream) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.site_id == stream.site_id,
        table.c.camera == stream.camera,
        table.c.stream == stream.stream,
    )
