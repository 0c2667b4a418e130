"""The box's audit: every question counted, the line not flooded."""

from __future__ import annotations

from vonggac import keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.edge.trail import Trail
from vonggac.errors import Kind

START = 1_800_000_000 * NS
GRANT = keys.Grant(
    id="c" * 26,
    hub="a" * 26,
    site="b" * 26,
    cameras=("cam01",),
    streams=("main",),
    verbs=(wire.Verb.GOP,),
    purpose="shift duty",
    actor="account 17",
    iat=0,
    exp=60,
)


class Book:
    def __init__(self) -> None:
        self.clock = SimulatedClock(START)
        self.rows: list[wire.Audited] = []
        self.trail = Trail(self._append, self.clock)

    def _append(self, fact: wire.Fact) -> None:
        assert isinstance(fact, wire.Audited)
        self.rows.append(fact)

    def told(self) -> list[tuple[str, int, int | None, int | None]]:
        return [(row.outcome, row.questions, row.from_, row.to) for row in self.rows]


async def test_series_is_told_at_its_start_and_when_it_has_been_quiet() -> None:
    """One row at once: an auditor need not wait. One more with how much it was."""
    book = Book()
    for second in range(10):
        book.trail.asked(
            GRANT, wire.Verb.GOP, "cam01", "main", from_ns=second * NS, to_ns=(second + 1) * NS
        )
        await book.clock.advance(1)
        book.trail.sweep()
    assert book.told() == [("started", 1, 0, 1 * NS)]

    await book.clock.advance(14)
    book.trail.sweep()

    assert book.told()[1:] == [("ended", 10, 0, 10 * NS)]


async def test_single_question_makes_a_single_row() -> None:
    """What was said at the start was all."""
    book = Book()
    book.trail.asked(GRANT, wire.Verb.SNAPSHOT, "cam01", "main", from_ns=5, to_ns=5)
    await book.clock.advance(60)
    book.trail.sweep()

    assert book.told() == [("started", 1, 5, 5)]


async def test_long_series_is_told_every_five_minutes() -> None:
    """Nobody watches a whole night in one row that comes in the morning."""
    book = Book()
    for _ in range(601):
        book.trail.asked(GRANT, wire.Verb.GOP, "cam01", "main")
        book.trail.sweep()
        await book.clock.advance(1)
    book.trail.finish()

    assert [row[:2] for row in book.told()] == [
        ("started", 1),
        ("ended", 301),
        ("started", 1),
        ("ended", 300),
    ]


async def test_other_camera_verb_or_person_is_another_series() -> None:
    """Rows are merged only where they would say the same."""
    book = Book()
    book.trail.asked(GRANT, wire.Verb.GOP, "cam01", "main")
    book.trail.asked(GRANT, wire.Verb.GOP, "cam01", "sub")
    book.trail.asked(GRANT, wire.Verb.GOP, "cam02", "main")
    book.trail.asked(GRANT, wire.Verb.STATUS, wire.NO_CAMERA, None)

    assert [(row.verb, row.camera, row.stream) for row in book.rows] == [
        ("gop", "cam01", "main"),
        ("gop", "cam01", "sub"),
        ("gop", "cam02", "main"),
        ("status", None, None),
    ]


async def test_refusals_are_counted_and_do_not_flood_the_ledger() -> None:
    """A thousand refusals a second from a hostile tab: five rows, and the number of the rest."""
    book = Book()
    for _ in range(1_000):
        book.trail.refused("gop", "cam02", "c" * 26, Kind.FORBIDDEN, "no")
    await book.clock.advance(1)
    book.trail.refused("gop", "cam02", "c" * 26, Kind.FORBIDDEN, "no", of=GRANT)

    assert [row.questions for row in book.rows] == [1, 1, 1, 1, 1, 996]
    assert {row.outcome for row in book.rows} == {"forbidden"}
    assert [row.actor for row in book.rows[-2:]] == ["", "account 17"]
