"""What the program knows of a facility when an inspection begins: facts that are frozen with it.

A fact is a list of sentences by code with plain values, so that it is kept as it was and said in
either language later; `rules/inspection.toml` has the sentences.  Nothing here judges: the
inspector does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.db import among, compliance, tables
from vonggac.domain import (
    continuity,
    continuity_sums,
    coverage,
    ledger,
    legal,
    register,
    registry,
    rules,
)
from vonggac.domain import inspection_rules as book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.continuity_sums import Sums
    from vonggac.domain.coverage import Coverage
    from vonggac.domain.rules import Placement

Said = list[list[Any]]
"""Sentences: code and values."""
CONTACT_KINDS: Final = 6
"""Kinds of contacts that a facility has: `vonggac.domain.register`."""
_MINUTE, _HOUR, _DAY = 60 * NS, 3600 * NS, 86_400 * NS


def facts(
    connection: Connection, site_id: str, placement: Placement, *, since_ns: int, now_ns: int
) -> dict[str, Said]:
    """What the ledger and the register say of each item of the checklist that has a fact.

    Args:
        connection: a transaction.
        site_id: which facility.
        placement: the rule in force.
        since_ns: from when continuity and views are counted.
        now_ns: as of when.
    """
    cover = coverage.coverage(connection, site_id, placement)
    made: Mapping[str, Said] = {
        "cameras": _cameras(connection, site_id),
        "doors": _doors(cover),
        "cover": _cover(cover),
        "continuity": _continuity(connection, site_id, since_ns, now_ns),
        "places": _places(connection, site_id, placement),
        "watch": _watch(connection, site_id, since_ns, now_ns),
        "contacts": _contacts(connection, site_id),
        "violations": [["violations", {}]],
        "notice": _notice(connection, site_id),
    }
    return {item.code: made[item.fact] for item in book.items().values() if item.fact}


def say(said: Sequence[Sequence[Any]], language: Literal["vi", "en"]) -> str:
    """A fact as people read it."""
    return " ".join(_sentence(str(code), values, language) for code, values in said)


def _sentence(code: str, values: Mapping[str, Any], language: Literal["vi", "en"]) -> str:
    words = book.fact_words()
    known = {name: _value(name, value, language) for name, value in values.items()}
    return words[code][language].format(**known) if code in words else ""


def _value(name: str, value: Any, language: Literal["vi", "en"]) -> str:
    if name == "percent":
        return percent(value, language)
    if name in ("length", "missing"):
        return length(int(value), language)
    if name == "since":
        return f"{legal.day_of(int(value)):%d/%m/%Y}"
    if name == "cause":
        return rules.causes()[Cause(value)].name[language]
    if isinstance(value, list):
        most = book.numbers().names
        more = [book.fact_words()["more"][language].format(n=len(value) - most)]
        return ", ".join([*map(str, value[:most]), *(more if len(value) > most else [])])
    return str(value)


def percent(hundredths: int | None, language: Literal["vi", "en"]) -> str:
    """98,84 %, cut; a dash where nothing is known."""
    if hundredths is None:
        return "–"
    whole, part = divmod(int(hundredths), 100)
    said = str(whole) if whole == 100 else f"{whole}{',' if language == 'vi' else '.'}{part:02d}"
    return f"{said} %"


def length(ns: int, language: Literal["vi", "en"]) -> str:
    """Two units at most: 2 ngày 3 giờ, 3 giờ 12 phút, 8 phút."""
    units = {"vi": ("ngày", "giờ", "phút"), "en": ("d", "h", "min")}[language]
    sizes = (_DAY, _HOUR, _MINUTE)
    parts = [
        f"{ns // size if at == 0 else ns % sizes[at - 1] // size} {units[at]}"
        for at, size in enumerate(sizes)
    ]
    kept = [part for part in parts if not part.startswith("0 ")]
    return " ".join(kept[:2]) or f"0 {units[2]}"


def moment(ns: int) -> str:
    """hồi 14 giờ 32 phút, ngày 18/11/2026: as minutes say it."""
    here = datetime.fromtimestamp(ns // NS, UTC).astimezone(legal.VIETNAM)
    return f"{here:%H} giờ {here:%M} phút, ngày {here:%d/%m/%Y}"


# -- the facts -------------------------------------------------------------------------------


def _cameras(connection: Connection, site_id: str) -> Said:
    cameras = registry.cameras(connection, site_id)
    if not cameras:
        return [["no_cameras", {}]]
    states = ledger.states(connection, site_id)
    silent = [
        one.name for one in cameras
        if (state := states.get((one.name, "main"))) is None or state.status != "recording"
    ]  # fmt: skip
    said: Said = [["cameras", {"working": len(cameras) - len(silent), "total": len(cameras)}]]
    return [*said, ["silent", {"names": silent}]] if silent else said


def _doors(cover: Coverage) -> Said:
    if not cover.doors:
        return [["no_doors", {}]]
    unseen = [one.name for one in cover.unseen_doors]
    said: Said = [["doors", {"seen": cover.doors - len(unseen), "total": cover.doors}]]
    return [*said, ["unseen", {"names": unseen}]] if unseen else said


def _cover(cover: Coverage) -> Said:
    said: Said = [["cover", {"covered": cover.covered, "required": cover.required}]]
    lacking = [one.zone.code for one in cover.zones if one.zone.required and not one.is_covered]
    return [*said, ["lacking", {"names": lacking}]] if lacking else said


def _places(connection: Connection, site_id: str, placement: Placement) -> Said:
    cameras = registry.cameras(connection, site_id)
    allowed = sum(placement.refusal(one.zone, one.title) is None for one in cameras)
    return [["places", {"allowed": allowed, "total": len(cameras)}]]


def _contacts(connection: Connection, site_id: str) -> Said:
    known = sum(bool(one.phone) for one in register.contacts(connection, [site_id]).values())
    return [["contacts", {"known": known, "total": CONTACT_KINDS}]]


def _notice(connection: Connection, site_id: str) -> Said:
    table = compliance.notice
    row = connection.execute(sa.select(table.c.operator).where(table.c.site_id == site_id)).first()
    return [["notice_yes" if row is not None and row[0] else "notice_no", {}]]


def continuity_since(connection: Connection, site_id: str, since_ns: int, now_ns: int) -> Sums:
    """Continuity over all cameras of a facility, as reports have it."""
    found = continuity_sums.of_sites(connection, [site_id], (since_ns, now_ns))
    return found.get(site_id, continuity_sums.Sums())


def _unknown(connection: Connection, site_id: str, window: tuple[int, int], *, now_ns: int) -> int:
    """Camera time in service of which nothing is known, in nanoseconds."""
    cameras = registry.cameras(connection, site_id)
    spans = ledger.spans_between(connection, site_id, *window)
    gaps = ledger.gaps_between(connection, site_id, *window)
    states, expiries = ledger.states(connection, site_id), ledger.expiries(connection, site_id)
    service = registry.in_service(connection, [one.id for one in cameras], *window)
    first = ledger.first_known(connection, site_id)
    found: list[continuity.Piece] = []
    for camera in cameras:
        key = (camera.name, "main")
        state = states.get(key)
        since = continuity.begun(first.get(key), state)
        found += continuity.pieces(
            spans.get(key, []), gaps.get(key, []), window=window,
            service=[(max(start, since), end) for start, end in service[camera.id] if end > since],
            state=state, now_ns=now_ns, expiry=expiries.get(key),
        )  # fmt: skip
    return continuity.figures(found).unknown_ns


def _continuity(connection: Connection, site_id: str, since_ns: int, now_ns: int) -> Said:
    known = continuity_since(connection, site_id, since_ns, now_ns)
    unknown = _unknown(connection, site_id, (since_ns, now_ns), now_ns=now_ns)
    said: Said = []
    if known.hundredths is None:
        said.append(["nothing_known", {"since": since_ns}])
    else:
        values = {"percent": known.hundredths, "missing": known.missing_ns, "since": since_ns}
        said.append(["continuity", values])
        causes = sorted(known.by_cause.items(), key=lambda one: -one[1])
        said += [["cause", {"cause": str(cause), "length": ns}] for cause, ns in causes[:4]]
    if unknown >= _MINUTE:
        said.append(["unknown", {"length": unknown}])
    return said


def watched(views: Sequence[tuple[int, int]], since_ns: int, now_ns: int) -> tuple[int | None, int]:
    """Share of the time with pictures open, in hundredths, and the longest time without.

    Views may overlap and need no order.
    """
    at, seen, longest = since_ns, 0, 0
    for start, end in sorted(views):
        begin, stop = max(start, at), min(end, now_ns)
        if stop <= at:
            continue
        longest = max(longest, begin - at)
        seen += stop - begin
        at = stop
    longest = max(longest, now_ns - at)
    return continuity.cut_hundredths(seen, now_ns - since_ns), longest


def views_of(
    connection: Connection, site_ids: Sequence[str], since_ns: int, now_ns: int
) -> dict[str, list[tuple[int, int]]]:
    """When people had pictures of these facilities open; screens that nobody watches left out."""
    table = tables.viewing
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.began_ns, table.c.until_ns, table.c.ended_ns).where(
            among(table.c.site_id, site_ids),
            table.c.began_ns < now_ns,
            sa.or_(table.c.ended_ns.is_(None), table.c.ended_ns > since_ns),
            table.c.display_id.is_(None),
        )
    )
    found: dict[str, list[tuple[int, int]]] = {site_id: [] for site_id in site_ids}
    for site_id, began, until, ended in rows:
        end = min(until, now_ns) if ended is None else ended
        if end > since_ns:
            found[site_id].append((began, end))
    return found


def _watch(connection: Connection, site_id: str, since_ns: int, now_ns: int) -> Said:
    views = views_of(connection, [site_id], since_ns, now_ns)[site_id]
    share, longest = watched(views, since_ns, now_ns)
    values = {"percent": share, "since": since_ns, "views": len(views), "length": longest}
    return [["watch", values]]
