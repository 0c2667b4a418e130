"""The page of hubs below this one: one whose link stands, one whose link is down, codes that wait.

Each hub asks as one does, with a key of its own.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from visiting import Visit

from vonggac import keys
from vonggac.domain import hubs
from vonggac.domain.enrolments import HOUR_NS, Given
from vonggac.domain.exports import Someone
from vonggac.domain.links import Link
from vonggac.keys import enrolment as proving
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from hub_stage import Stage
    from vonggac.db import Connection

UNIT = "2026.75"

VISITS = (
    Visit("/hubs", "/hubs"),
    Visit("/hubs", "/hubs", 422, {"title": "Tỉnh"}, "main button[value=issue]"),
)
NO_PAGES: tuple[str, ...] = ()


def load(hub: Stage, said: str = "") -> None:
    """Two hubs that joined, a code that waits, one that was taken back."""
    now_ns = hub.clock.wall_ns()
    by = Someone("", "admin", said[:200] or "Cán bộ quản trị")
    with hub.database.writing() as connection:
        for up in (True, False):
            _joined(connection, hub, by, now_ns, said, up=up)
        title = said[:200] or "Trung tâm giám sát tỉnh chờ (giả định)"
        hubs.issue(connection, title, UNIT, hours=24, by=by, now_ns=now_ns)
        other, _ = hubs.issue(connection, title, UNIT, hours=1, by=by, now_ns=now_ns - HOUR_NS // 2)
        hubs.take_back(connection, other.id, by=by, now_ns=now_ns)


def _joined(
    connection: Connection, hub: Stage, by: Someone, at_ns: int, said: str, *, up: bool
) -> None:
    title = said[:190] or "Trung tâm giám sát tỉnh giả định"
    _, secret = hubs.issue(connection, title, UNIT, hours=24, by=by, now_ns=at_ns)
    key, hub_id = keys.SigningKey(keys.new_seed()), keys.new_id()
    code = wires.Code.of("https://hub.example", secret, hub.hub_key.public)
    offer = wires.EnrolOffer(1, hub.trust.hub, hub.hub_key.public, str(at_ns))
    chain = keys.Chain(hub_id, key.public)
    told = proving.asked(code, offer, key, chain, version="0.1.0", at_ns=at_ns, is_hub=True)
    asked = proving.opened(hub.hub_key, told)
    found = hubs.found_for(connection, asked, own=hub.trust.hub, now_ns=at_ns)
    given = Given("control", "media", "sealed")
    hubs.admit(connection, found, asked, given, address="192.0.2.8", now_ns=at_ns)
    hubs.put_link(connection, hub_id, asdict(Link(up=up, since_ns=at_ns - HOUR_NS)))
