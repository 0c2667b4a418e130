"""The edge's index of what it recorded: one SQLite file, one writer thread, many readers.

The catalog proves nothing by itself: it is made again from the segment files and the journal
when it is missing or damaged (`edge.recovery`).  Writers never wait for it: every change is a
letter to the writer thread, which commits what has come in once every `COMMIT_S`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from vonggac import log
from vonggac.clock import is_credible
from vonggac.errors import Kind, VonggacError
from vonggac.mailbox import Closed, Crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

SCHEMA_VERSION = 2
"""Version 1 knew no volume. Every change of `SCHEMA` raises it and adds an entry to `UPGRADES`; a
catalog that none leads on from is set aside and made again from files and journal."""

COMMIT_S = 0.25
"""Ours: a reader sees a state change within this time, and 100 cameras cost four commits a
second instead of forty."""

MAX_LETTERS = 50_000
"""Changes waiting for a disk that does not answer; a segment is two letters a minute, so this is
half an hour of 500 streams."""

FLUSH_S = 2.0
"""A stopping recorder waits this long for a disk that does not answer, and no longer."""

WHOLE = "whole"
"""The note in a catalog that knows every file and every gap: whoever makes it anew may be cut off
in between, and changes may be lost before a disk that refuses."""

QUICK_CHECK_BYTES = 32 * 1024 * 1024
"""A catalog up to this size is checked whole when it is opened (0.1 s); a larger one would delay
recording, and its damage shows when it is read."""

ADDED_IN_2 = """
create index if not exists segment_open on segment (start_ns) where end_ns is null;
create index if not exists segment_by_age on segment (start_ns)
    where end_ns is not null and held = 0;

-- Bytes of a stream's closed segments, kept by the triggers: retention asks three times a minute,
-- and adding up two million rows takes seconds.
create table if not exists volume (
    camera text not null,
    stream text not null,
    size integer not null,
    primary key (camera, stream)
) strict, without rowid;
create trigger if not exists volume_begins after insert on segment begin
    insert into volume select new.camera, new.stream, 0 where not exists
        (select 1 from volume where camera = new.camera and stream = new.stream);
    update volume set size = size + new.size
        where camera = new.camera and stream = new.stream and new.end_ns is not null;
end;
create trigger if not exists volume_grows after update of end_ns, size on segment begin
    update volume set size = size + iif(new.end_ns is null, 0, new.size)
        - iif(old.end_ns is null, 0, old.size)
        where camera = new.camera and stream = new.stream;
end;
create trigger if not exists volume_shrinks after delete on segment
    when old.end_ns is not null begin
    update volume set size = size - old.size where camera = old.camera and stream = old.stream;
end;
"""

FILLED_IN_2 = """
delete from volume;
insert into volume select camera, stream, sum(iif(end_ns is null, 0, size)) from segment
    group by camera, stream;
"""

SCHEMA = f"""
-- Times are integers: nanoseconds of UTC since 1970, as the box believed when it wrote them,
-- moved since by clock steps of the same epoch.  Half-open: from <= t < to.

-- One life of the recorder process.
create table epoch (
    epoch integer primary key,   -- counts up for ever
    boot text not null,          -- the operating system's boot id: what a clock step moves
    started_ns integer not null,
    trusted integer not null     -- 1 if the wall clock was credible
) strict;

-- Everything from one successful connection until it ends, with a reason.
create table run (
    run blob primary key,        -- 16 random bytes; in the init of every segment
    camera text not null,
    stream text not null,        -- main or sub
    epoch integer not null,
    started_ns integer not null,
    ended_ns integer,            -- null while it lasts
    cause text,                  -- why it ended, in the ledger's words; null for a planned end
    evidence text,               -- one sentence
    source text not null,        -- rtsp, libav or file
    source_why text not null,
    codec text not null,
    width integer not null,
    height integer not null,
    declared_fps real,
    delivered_fps real,
    clock_error_ns integer,      -- camera minus box, from RTCP sender reports
    pictures integer not null default 0,
    size integer not null default 0 -- bytes
) strict, without rowid;
create index run_by_stream on run (camera, stream, started_ns);

-- One file of consecutive parts of one run.
create table segment (
    id integer primary key,
    camera text not null,
    stream text not null,
    run blob not null,
    epoch integer not null,
    number integer not null,     -- in its run, from 0
    path text not null unique,   -- relative to the recording directory
    start_ns integer not null,   -- wall time of the first picture
    end_ns integer,              -- end of the last picture; null while it is open
    base_ticks integer not null, -- decode time of its first part in the run, 90 kHz
    size integer not null default 0, -- bytes
    pictures integer not null default 0,
    parts integer not null default 0,
    root blob,                   -- Merkle root over init and parts (RFC 9162); null while open
    keyframes blob,              -- pairs of (wall ns i64, byte offset u32) of parts with a keyframe
    held integer not null default 0 -- spans under a case are never deleted
) strict;
create index segment_by_time on segment (camera, stream, start_ns);
create index segment_by_run on segment (run, number);
{ADDED_IN_2}
-- A stretch of missing time with its settled cause.
create table gap (
    id integer primary key,
    camera text not null,
    stream text not null,
    from_ns integer not null,
    to_ns integer,               -- null while it lasts
    cause text not null,
    evidence text not null,
    epoch integer not null
) strict;
create index gap_by_time on gap (camera, stream, from_ns);

-- A stretch that retention deleted: expired, never a gap.
create table expired (
    camera text not null,
    stream text not null,
    before_ns integer not null,  -- everything recorded before this is gone
    primary key (camera, stream)
) strict, without rowid;

-- An hour of one camera's ledger, as the fact that was signed.
create table page (
    camera text not null,
    number integer not null,     -- counts the camera's pages from 0
    from_ns integer not null,
    to_ns integer not null,
    hash blob not null,          -- SHA-256 of content
    content blob not null,       -- the page's exact bytes
    primary key (camera, number)
) strict, without rowid;

-- Small durable values: the site's id, cursors.
create table note (
    key text primary key,
    value text not null
) strict, without rowid;
"""

UPGRADES = {1: ADDED_IN_2 + FILLED_IN_2}
"""What leads from a version to the next one. Version 1 was also written by programs that made the
volume already."""

_TURN_S = 0.02
"""How often whoever flushes looks whether there is room again."""

_KEYFRAME = struct.Struct("<qI")

_WRONG = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a change of ours can be at fault for; everything else is the disk's."""


class SegmentRow(NamedTuple):
    """A segment as the catalog knows it. Times in ns of UTC."""

    id: int
    camera: str
    stream: str
    run: bytes
    epoch: int
    number: int
    path: str
    start_ns: int
    end_ns: int | None
    base_ticks: int
    size: int
    pictures: int
    parts: int
    root: bytes | None
    keyframes: bytes | None
    held: int

    def keyframe_index(self) -> list[tuple[int, int]]:
        """(wall ns, byte offset) of every part that starts with a keyframe."""
        return list(_KEYFRAME.iter_unpack(self.keyframes or b""))


class GapRow(NamedTuple):
    """A gap as the catalog knows it."""

    camera: str
    stream: str
    from_ns: int
    to_ns: int | None
    cause: str
    evidence: str
    epoch: int = 0


class RunRow(NamedTuple):
    """A run as the catalog knows it."""

    run: bytes
    camera: str
    stream: str
    epoch: int
    started_ns: int
    ended_ns: int | None
    cause: str | None
    evidence: str | None
    source: str
    source_why: str
    codec: str
    width: int
    height: int
    declared_fps: float | None
    delivered_fps: float | None
    clock_error_ns: int | None
    pictures: int
    size: int


SEGMENT_COLUMNS = ", ".join(SegmentRow._fields)
GAP_COLUMNS = ", ".join(GapRow._fields)
RUN_COLUMNS = ", ".join(RunRow._fields)


def pack_keyframes(index: Iterable[tuple[int, int]]) -> bytes:
    """The inverse of `SegmentRow.keyframe_index`."""
    return b"".join(_KEYFRAME.pack(wall_ns, offset) for wall_ns, offset in index)


class CatalogReader:
    """Questions to the catalog, over one read-only connection.

    One thread at a time. Readers never block the writer (WAL).

    Raises:
        VonggacError: NOT_FOUND if there is no catalog, UNAVAILABLE while it is being made, CORRUPT
            if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise VonggacError(
                Kind.NOT_FOUND, f"no catalog at {path}; `vonggac check` makes one from the files"
            )
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro"
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=5.0)
            (version,) = self._db.execute("pragma user_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise VonggacError(
                Kind.CORRUPT, f"the catalog {path} cannot be read ({error}); run `vonggac check`"
            ) from error
        if version == 0:
            self._db.close()
            raise VonggacError(
                Kind.UNAVAILABLE, f"the catalog {path} is being made; try again in a second"
            )
        if version != SCHEMA_VERSION:
            self._db.close()
            raise VonggacError(Kind.CORRUPT, _of_another_version(path, version))

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    def streams(self) -> list[tuple[str, str]]:
        """Every (camera, stream) that ever recorded or missed something."""
        return sorted({*self._streams_in("segment"), *self._streams_in("gap")})

    def _streams_in(self, table: str) -> Iterator[tuple[str, str]]:
        """One step down the index for each stream, instead of a look at each of its rows."""
        last = ("", "")
        while True:
            row = self._one(
                f"select camera, stream from {table} where (camera, stream) > (?, ?)"  # noqa: S608
                " order by camera, stream limit 1",
                last,
            )
            if row is None:
                return
            last = (row[0], row[1])
            yield last

    def segments_between(
        self, camera: str, stream: str, from_ns: int, to_ns: int
    ) -> list[SegmentRow]:
        """Segments that overlap [from, to), in order of time; open ones included."""
        rows = self._ask(
            # Segments of a stream follow each other, so no earlier one than the last that begins
            # before the span can reach in; but for clock steps, which move some by an hour.
            f"select {SEGMENT_COLUMNS} from segment"  # noqa: S608 - column names are ours
            " where camera = ?1 and stream = ?2 and start_ns < ?3"
            " and start_ns >= min(?4 - 3600000000000, coalesce((select max(start_ns) from segment"
            " where camera = ?1 and stream = ?2 and start_ns <= ?4), ?4))"
            " and (end_ns is null or end_ns > ?4) order by start_ns",
            (camera, stream, to_ns, from_ns),
        )
        return [SegmentRow(*row) for row in rows]

    def segment_near(
        self, camera: str, stream: str, at_ns: int, *, later: bool
    ) -> SegmentRow | None:
        """The first segment that starts after a moment, or the last that starts before it."""
        order, sign = ("asc", ">") if later else ("desc", "<=")
        row = self._one(
            f"select {SEGMENT_COLUMNS} from segment where camera = ? and stream = ?"  # noqa: S608
            f" and start_ns {sign} ? order by start_ns {order} limit 1",
            (camera, stream, at_ns),
        )
        return SegmentRow(*row) if row else None

    def segment_at(self, path: str) -> SegmentRow | None:
        """The segment of a file (relative path), if the catalog knows it."""
        row = self._one(
            f"select {SEGMENT_COLUMNS} from segment where path = ?",  # noqa: S608
            (path,),
        )
        return SegmentRow(*row) if row else None

    def open_segments(self) -> list[SegmentRow]:
        """Segments that were never closed: being written, or cut off by a crash."""
        rows = self._ask(
            f"select {SEGMENT_COLUMNS} from segment where end_ns is null order by start_ns"  # noqa: S608
        )
        return [SegmentRow(*row) for row in rows]

    def segments(self, camera: str | None = None) -> Iterator[SegmentRow]:
        """Every segment, of one camera or of all, in order of time."""
        where, values = ("where camera = ?", (camera,)) if camera else ("", ())
        with _told():
            for row in self._db.execute(
                f"select {SEGMENT_COLUMNS} from segment {where} order by start_ns",  # noqa: S608
                values,
            ):
                yield SegmentRow(*row)

    def gaps_between(self, camera: str, stream: str, from_ns: int, to_ns: int) -> list[GapRow]:
        """Gaps that overlap [from, to), in order of time; an open one included."""
        rows = self._ask(
            f"select {GAP_COLUMNS} from gap where camera = ? and stream = ? and from_ns < ?"  # noqa: S608
            " and (to_ns is null or to_ns > ?) order by from_ns",
            (camera, stream, to_ns, from_ns),
        )
        return [GapRow(*row) for row in rows]

    def last_gap(self, camera: str, stream: str) -> GapRow | None:
        """The gap that ended last; None if there is none, or if one lasts."""
        row = self._one(
            f"select {GAP_COLUMNS} from gap where camera = ? and stream = ?"  # noqa: S608
            " order by to_ns is null desc, to_ns desc limit 1",
            (camera, stream),
        )
        return GapRow(*row) if row and row[3] is not None else None

    def runs_between(self, camera: str, stream: str, from_ns: int, to_ns: int) -> list[RunRow]:
        """Runs that overlap [from, to), in order of time."""
        rows = self._ask(
            f"select {RUN_COLUMNS} from run where camera = ? and stream = ? and started_ns < ?"  # noqa: S608
            " and (ended_ns is null or ended_ns > ?) order by started_ns",
            (camera, stream, to_ns, from_ns),
        )
        return [RunRow(*row) for row in rows]

    def run(self, run: bytes) -> RunRow | None:
        """One run by its id."""
        row = self._one(
            f"select {RUN_COLUMNS} from run where run = ?",  # noqa: S608
            (run,),
        )
        return RunRow(*row) if row else None

    def bounds(self, camera: str, stream: str) -> tuple[int, int] | None:
        """First and last moment the catalog knows anything about a stream, or None."""
        # The index ends at the first and the last to start; among the newest is the last to end.
        ((first, last),) = self._ask(
            "select min(a), max(b) from ("
            " select * from (select start_ns a, start_ns b from segment"
            "  where camera = :c and stream = :s order by start_ns limit 1)"
            " union all select * from (select start_ns, coalesce(end_ns, start_ns) from segment"
            "  where camera = :c and stream = :s order by start_ns desc limit 3)"
            " union all select * from (select from_ns, from_ns from gap"
            "  where camera = :c and stream = :s order by from_ns limit 1)"
            " union all select * from (select from_ns, coalesce(to_ns, from_ns) from gap"
            "  where camera = :c and stream = :s order by from_ns desc limit 3))",
            {"c": camera, "s": stream},
        )
        return None if first is None else (first, last)

    def expired_before(self, camera: str, stream: str) -> int:
        """Moment before which retention has deleted; 0 if it never did."""
        row = self._one(
            "select before_ns from expired where camera = ? and stream = ?", (camera, stream)
        )
        return int(row[0]) if row else 0

    def pages(self, camera: str) -> list[tuple[int, int, int, bytes, bytes]]:
        """(number, from, to, hash, content) of a camera's pages, in order."""
        return self._ask(
            "select number, from_ns, to_ns, hash, content from page where camera = ?"
            " order by number",
            (camera,),
        )

    def pages_between(
        self, camera: str, from_ns: int, to_ns: int
    ) -> list[tuple[int, int, int, bytes]]:
        """(number, from, to, content) of the pages that overlap [from, to), in order."""
        return self._ask(
            "select number, from_ns, to_ns, content from page where camera = ? and from_ns < ?"
            " and to_ns > ? order by number",
            (camera, to_ns, from_ns),
        )

    def last_page(self, camera: str) -> tuple[int, int, bytes] | None:
        """(number, to, hash) of a camera's newest page."""
        row = self._one(
            "select number, to_ns, hash from page where camera = ? order by number desc limit 1",
            (camera,),
        )
        return None if row is None else (row[0], row[1], row[2])

    def volume(self) -> list[tuple[str, str, int, int]]:
        """(camera, stream, bytes of closed segments, start of the oldest segment)."""
        return self._ask(
            "select v.camera, v.stream, v.size, (select min(s.start_ns) from segment s"
            " where s.camera = v.camera and s.stream = v.stream) oldest"
            " from volume v where oldest is not null"
        )

    def oldest(self, limit: int) -> list[SegmentRow]:
        """The oldest closed segments that may be deleted."""
        rows = self._ask(
            f"select {SEGMENT_COLUMNS} from segment where end_ns is not null and held = 0"  # noqa: S608
            " order by start_ns limit ?",
            (limit,),
        )
        return [SegmentRow(*row) for row in rows]

    def ended_before(
        self, camera: str, stream: str, end_ns: int, *, limit: int
    ) -> list[SegmentRow]:
        """The oldest closed segments of a stream that ended before then and may be deleted."""
        rows = self._ask(
            f"select {SEGMENT_COLUMNS} from segment where camera = ? and stream = ?"  # noqa: S608
            " and start_ns < ? and end_ns < ? and held = 0 order by start_ns limit ?",
            (camera, stream, end_ns, end_ns, limit),
        )
        return [SegmentRow(*row) for row in rows]

    def lived_without_time(self, boot: str) -> bool:
        """Whether the start of the box before this one never learned what time it was."""
        row = self._one(
            "select started_ns from epoch where boot != ? order by epoch desc limit 1", (boot,)
        )
        return row is not None and not is_credible(row[0])

    def latest_epoch(self) -> int:
        """Number of the newest epoch, 0 if there is none."""
        ((epoch,),) = self._ask("select coalesce(max(epoch), 0) from epoch")
        return int(epoch)

    def booted(self, boot: str) -> int | None:
        """When the first epoch of a start of the box began; None if there was none."""
        ((started,),) = self._ask("select min(started_ns) from epoch where boot = ?", (boot,))
        return None if started is None else int(started)

    def note(self, key: str) -> str | None:
        """A small durable value."""
        row = self._one("select value from note where key = ?", (key,))
        return str(row[0]) if row else None

    def _ask(self, question: str, values: Sequence[object] | dict[str, object] = ()) -> list[Any]:
        with _told():
            return self._db.execute(question, values).fetchall()

    def _one(self, question: str, values: Sequence[object]) -> Any | None:
        with _told():
            return self._db.execute(question, values).fetchone()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What SQLite says, as an error of ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise VonggacError(
            Kind.UNAVAILABLE, f"the catalog cannot be read now ({error}); try again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise VonggacError(
            Kind.CORRUPT, f"the catalog is damaged ({error}); run `vonggac check`"
        ) from error


class Catalog:
    """The one writer. Made and closed by the recorder; `submit` from the loop's thread.

    Args:
        path: the SQLite file; created when missing.

    Raises:
        VonggacError: CORRUPT if the file is no catalog (the caller sets it aside and makes it
            again from the files).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        """What the disk last said when a commit failed; None while all is well."""
        self._letters: Crossing[Callable[[sqlite3.Connection], object]] = Crossing(
            "catalog", MAX_LETTERS
        )
        self._ending = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._device = path.parent.stat().st_dev
        try:
            _open(path).close()
        except sqlite3.OperationalError as error:  # the disk is full: the thread goes on asking
            self.trouble = str(error)
            log.get("catalog").warning("catalog.refused", error=str(error), waiting=0)
        self._thread = threading.Thread(target=self._write, name="catalog", daemon=True)
        self._thread.start()

    def submit(self, change: Callable[[sqlite3.Connection], object]) -> bool:
        """Have a change made soon, in order. False if too many wait already (counted)."""
        return self._letters.put(change)

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Wait until every change so far is committed. Never call it on the loop's thread.

        Returns:
            False if the disk did not take them in time.
        """
        done = threading.Event()
        turns = int(timeout_s / _TURN_S)
        while len(self._letters) >= MAX_LETTERS and turns > 0:
            turns -= 1
            time.sleep(_TURN_S)
        return self._letters.put(_Mark(done)) and done.wait(timeout_s)

    def close(self) -> None:
        """Commit what waits and stop the thread. Never raises; closing twice is harmless."""
        self._letters.close()
        self._ending.set()
        self._thread.join(10)

    def _write(self) -> None:
        """The writer's thread: take what has come, make one transaction of it, repeat.

        A disk that refuses keeps the letters here and is asked again each second.
        """
        logger = log.get("catalog")
        db: _Opened | None = None
        waiting: list[Callable[[sqlite3.Connection], object]] = []
        closing = False
        attempts_after_close = 0
        lost = 0
        while not (closing and (not waiting or attempts_after_close > 3)):
            if closing:
                attempts_after_close += 1
            elif len(waiting) >= MAX_LETTERS:
                closing = self._ending.is_set()
            else:
                try:
                    waiting += self._letters.take(1.0)
                    if waiting:
                        self._ending.wait(0 if _has_mark(waiting) else COMMIT_S)
                        if len(self._letters) and len(waiting) < MAX_LETTERS:
                            waiting += self._letters.take(0)
                except Closed:
                    closing = True
            if not waiting:
                continue
            try:
                if db is None or not db.in_place(self.path):
                    if db is not None:
                        db.close()
                    db = None
                    if not self.path.exists() and self.path.parent.stat().st_dev != self._device:
                        raise FileNotFoundError(errno.ENODEV, "the disk is not mounted")
                    db = _Opened(self.path)
                if self._letters.lost > lost:
                    lost = self._letters.lost
                    waiting.append(_not_whole)
                _apply(db.connection, waiting)
                self.trouble = None
            except (sqlite3.Error, VonggacError, OSError) as error:
                if self.trouble != str(error):
                    logger.warning("catalog.refused", error=str(error), waiting=len(waiting))
                self.trouble = str(error)
                if db is not None:
                    db.close()
                    db = None
                if closing:
                    time.sleep(0.1)
                else:
                    self._ending.wait(1.0)
                continue
            for letter in waiting:
                if isinstance(letter, _Mark):
                    letter.done.set()
            waiting = []
        if db is not None:
            db.close()


class _Opened:
    """The writer's connection, and which file it is one to."""

    def __init__(self, path: Path) -> None:
        self.connection = _open(path)
        found = path.stat()
        self._file = (found.st_dev, found.st_ino)

    def in_place(self, path: Path) -> bool:
        """Whether the file still lies where it was opened: rows must not go where nobody looks."""
        try:
            found = path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def close(self) -> None:
        """Never raises."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()


class _Mark:
    """A letter that tells when everything before it is committed."""

    def __init__(self, done: threading.Event) -> None:
        self.done = done

    def __call__(self, _db: sqlite3.Connection) -> None:
        """Change nothing."""


def _has_mark(letters: Iterable[object]) -> bool:
    return any(isinstance(letter, _Mark) for letter in letters)


def _not_whole(db: sqlite3.Connection) -> None:
    """Changes were lost: the next start reads files and journal again."""
    db.execute("delete from note where key = ?", (WHOLE,))


def _apply(db: sqlite3.Connection, letters: list[Callable[[sqlite3.Connection], object]]) -> None:
    """Make all changes in one transaction; what is wrong with one of them is its own affair."""
    try:
        db.execute("begin immediate")
        try:
            for change in letters:
                change(db)
            db.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("rollback")
            raise
    except _WRONG:
        _apply_singly(db, letters)


def _apply_singly(
    db: sqlite3.Connection, letters: list[Callable[[sqlite3.Connection], object]]
) -> None:
    logger = log.get("catalog")
    for change in letters:
        db.execute("begin immediate")
        try:
            change(db)
            db.execute("commit")
        except _WRONG as error:
            db.execute("rollback")
            logger.warning("change.left_out", error=f"{type(error).__name__}: {error}")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("rollback")
            raise


def _open(path: Path) -> sqlite3.Connection:
    fresh = not path.exists() or path.stat().st_size == 0
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("pragma wal_autocheckpoint = 400")
        (version,) = db.execute("pragma user_version").fetchone()
        if fresh or version == 0:
            db.executescript(f"begin; {SCHEMA} pragma user_version = {SCHEMA_VERSION}; commit;")
            os.chmod(path, 0o640)  # noqa: PTH101 - the path is ours
            version = SCHEMA_VERSION
        while version in UPGRADES and _is_upgradable(db, version):
            db.executescript(
                f"begin; {UPGRADES[version]} pragma user_version = {version + 1}; commit;"
            )
            version += 1
        (verdict,) = (
            db.execute("pragma quick_check(1)").fetchone()
            if not fresh and path.stat().st_size <= QUICK_CHECK_BYTES
            else ("ok",)
        )
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise VonggacError(Kind.CORRUPT, f"the catalog {path} cannot be read: {error}") from error
    if version != SCHEMA_VERSION:
        db.close()
        raise VonggacError(Kind.CORRUPT, _of_another_version(path, version))
    if verdict != "ok":
        db.close()
        raise VonggacError(Kind.CORRUPT, f"the catalog {path} is damaged: {verdict}")
    return db


def _is_upgradable(db: sqlite3.Connection, version: int) -> bool:
    """Whether the step from this version can be made in place."""
    if version != 1:
        return True
    # Catalogs of the first days kept pages by stream: they say what the files say again.
    (count,) = db.execute(
        "select count(*) from pragma_table_info('page') where name = 'content'"
    ).fetchone()
    return bool(count)


def _of_another_version(path: Path, version: int) -> str:
    return (
        f"the catalog {path} has version {version}, this program reads {SCHEMA_VERSION};"
        " `vonggac check` and the next recording bring it up, or make it again from the files"
    )
