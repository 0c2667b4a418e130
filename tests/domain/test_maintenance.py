"""Planned maintenance: beforehand, bounded, ended and never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import audit, maintenance
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection, Database

NOW = 1_795_000_000 * NS
HOUR = 3_600 * NS
AN = audit.Actor("an", "a-1", "192.0.2.1")


@pytest.fixture
def writing(database: Database) -> Iterator[Connection]:
    with database.writing() as connection:
        connection.execute(
            tables.account.insert().values(id="a-1", name="an", password_hash="x", created_ns=1)
        )
        connection.execute(tables.site.insert().values(id="s-1", name="s-1", created_ns=1))
        connection.execute(
            tables.camera.insert().values(
                id="cg-1", site_id="s-1", name="cg-1", zone="CG", main_url="rtsp://192.0.2.9/",
                origin="page", revision=1, created_ns=1, updated_ns=1,
            )
        )  # fmt: skip
        yield connection


def plan(
    connection: Connection, begin: int = NOW + HOUR, end: int = NOW + 2 * HOUR,
    reason: str = "thay ống kính", *, now_ns: int = NOW,
) -> maintenance.Plan:  # fmt: skip
    return maintenance.plan(
        connection, "cg-1", span=(begin, end), reason=reason, by=AN, now_ns=now_ns
    )


def told(connection: Connection, now_ns: int) -> list[tuple[int, int]]:
    found = maintenance.told(connection, "s-1", now_ns=now_ns)
    return [(one.from_ns, one.until_ns) for one in found.get("cg-1", [])]


def test_a_plan_is_told_until_a_day_after_its_end(writing: Connection) -> None:
    """A box that was cut off when the plan ended still divides its gap at the plan's end."""
    made = plan(writing, reason="  thay \n ống kính ")
    rows = audit.rows(writing, audit.Filter())

    assert (made.reason, made.planned_by) == ("thay ống kính", "an")
    assert told(writing, NOW) == [(NOW + HOUR, NOW + 2 * HOUR)]
    assert told(writing, NOW + 25 * HOUR) != []
    assert told(writing, NOW + 26 * HOUR) == []
    assert [(row.act, row.purpose) for row in rows] == [("maintenance_planned", "thay ống kính")]


def test_withdrawing_ends_a_plan_now_and_keeps_what_has_passed(writing: Connection) -> None:
    """What was planned is not unplanned afterwards; what never began is not told at all."""
    lasts, comes = plan(writing, NOW, NOW + HOUR), plan(writing)
    for one in (lasts, comes):
        maintenance.withdraw(writing, "cg-1", one.id, by=AN, now_ns=NOW + 600 * NS)

    assert told(writing, NOW + 600 * NS) == [(NOW, NOW + 600 * NS)]
    assert [one.withdrawn_by for one in maintenance.listed(writing, "cg-1")] == ["an", "an"]
    with pytest.raises(VonggacError) as again:
        maintenance.withdraw(writing, "cg-1", lasts.id, by=AN, now_ns=NOW + 601 * NS)
    assert again.value.kind is Kind.CONFLICT


def test_a_plan_of_another_camera_is_not_found(writing: Connection) -> None:
    """Who may plan for one camera withdraws nothing of another."""
    made = plan(writing)

    with pytest.raises(VonggacError) as refused:
        maintenance.withdraw(writing, "hl-1", made.id, by=AN, now_ns=NOW)
    assert refused.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    ("begin", "end", "reason", "faults"),
    [
        (NOW - 299 * NS, NOW + HOUR, "x", {}),
        (NOW - 301 * NS, NOW + HOUR, "x", {"from": "in_the_past"}),
        (NOW - 200 * NS, NOW - 100 * NS, "x", {"to": "ends_before_it_begins"}),
        (NOW + HOUR, NOW + HOUR, "x", {"to": "ends_before_it_begins"}),
        (NOW, NOW + maintenance.LONGEST_NS, "x", {}),
        (NOW, NOW + maintenance.LONGEST_NS + 1, "x", {"to": "lasts_too_long"}),
        (NOW + maintenance.AHEAD_NS + 1, NOW + maintenance.AHEAD_NS + HOUR, "x",
         {"from": "too_far_ahead"}),
        (NOW, NOW + HOUR, " \n", {"reason": "required"}),
        (NOW, NOW + HOUR, "x" * 301, {"reason": "too_long"}),
        (NOW, NOW + HOUR, "kèm bản MẬT", {"reason": "secret_mark"}),
    ],
)  # fmt: skip
def test_the_past_is_not_explained_away(
    writing: Connection, begin: int, end: int, reason: str, faults: dict[str, str]
) -> None:
    """Who writes a plan down a few minutes late is believed; nobody plans yesterday."""
    if not faults:
        assert plan(writing, begin, end, reason).from_ns == begin
        return
    with pytest.raises(VonggacError) as refused:
        plan(writing, begin, end, reason)
    assert refused.value.detail["fields"] == faults


def test_an_order_never_carries_more_plans_than_a_box_takes(
    writing: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box refuses a whole order that names more; so the hub refuses the plan."""
    monkeypatch.setattr(maintenance, "MAX_PLANS", 2)
    first = plan(writing)
    plan(writing)

    with pytest.raises(VonggacError) as refused:
        plan(writing)
    assert refused.value.kind is Kind.TOO_MANY
    maintenance.withdraw(writing, "cg-1", first.id, by=AN, now_ns=NOW)
    plan(writing)
