"""What the minutes of an extraction say ("Biên bản trích xuất dữ liệu"), as values for the paper.

The minutes are an official paper and Vietnamese whatever the page's language; times are those of
a clock on the wall in Việt Nam.  The number stays blank: the clerk gives it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.domain import access, registry, rules, units
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Export, Someone
    from vonggac.domain.registry import Site
    from vonggac.evidence import CameraEvidence

VIETNAM = timezone(timedelta(hours=7), "+07")
MOST_GAPS = 40
"""Gaps told on paper; the manifest has all."""

OTHER_CAUSES = {
    "expired": "đã xóa theo thời hạn lưu",
    "lost": "đã ghi nhưng không còn trên thiết bị",
    "before_ledger": "trước khi có sổ ghi hình",
}


class Place(NamedTuple):
    """Who issues the minutes."""

    site: Site
    above: str
    """The body above it; empty leaves the line out."""


def place(connection: Connection, site_id: str, *, now_ns: int) -> Place:
    """A site as it issues minutes: under the unit that it stands in, by its name of the day.

    Raises:
        VonggacError: NOT_FOUND, the site has left the register.
    """
    site = registry.site(connection, site_id)
    if site is None:
        raise VonggacError(Kind.NOT_FOUND, "the site has left the register")
    if access.UNASSIGNED in access.thing_of_site(connection, site_id).path:
        return Place(site, "")
    on = datetime.fromtimestamp(now_ns // NS, VIETNAM).date()
    name = units.names_of_sites(connection, on).get(site_id)
    return Place(site, name.vi if name else "")


def values(
    export: Export,
    place: Place,
    cameras: Sequence[CameraEvidence],
    copies: Sequence[str],
    fingerprint: str,
) -> dict[str, Any]:
    """Everything that the template `minutes` asks for."""
    assert export.decided is not None, "only what was approved is built"
    site = place.site
    request = export.request
    gaps = _gaps(cameras)
    title = site.title or site.name
    return {
        "above": place.above,
        "agency": title,
        "place": title,
        "giver": title,
        "site": title,
        "address": site.address or "–",
        "basis": [
            f"Căn cứ {request.basis};",
            f"Căn cứ văn bản số {request.number} ngày {_day(request.dated)} của {request.body}.",
        ],
        "request": {
            "number": request.number,
            "date": _day(request.dated),
            "body": request.body,
            "reason": request.reason,
            "basis": request.basis,
        },
        "asked": _who(export.asked, export.asked_ns),
        "approved": _who(export.decided, export.decided_ns or 0),
        "from": _moment(export.from_ns),
        "to": _moment(export.to_ns),
        "clips": [
            {
                "camera": f"{one.camera.upper()}, {one.title}" if one.title else one.camera.upper(),
                "file": clip.file,
                "format": f"{_codec(clip.codec)} {clip.width}×{clip.height}",
                "size": _size(clip.size),
                "sha256": clip.sha256,
            }
            for one in cameras
            for clip in one.clips
        ],
        "gaps": gaps[:MOST_GAPS],
        "more_gaps": max(0, len(gaps) - MOST_GAPS),
        "fingerprint": fingerprint,
        "zip": f"{export.id}.zip",
        "copies": list(copies),
    }


def _gaps(cameras: Sequence[CameraEvidence]) -> list[dict[str, str]]:
    found = []
    for one in cameras:
        missing = [(int(gap.from_), int(gap.to), gap.cause) for gap in one.gaps]
        missing += [(int(gone.from_), int(gone.to), gone.why) for gone in one.absent]
        found += [
            {
                "camera": one.camera.upper(),
                "from": _moment(from_ns),
                "to": _moment(to_ns),
                "cause": _cause(cause),
            }
            for from_ns, to_ns, cause in sorted(missing)
        ]
    return found


def _cause(cause: str) -> str:
    if cause in OTHER_CAUSES:
        return OTHER_CAUSES[cause]
    return rules.causes()[Cause(cause)].name.vi


def _who(someone: Someone, at_ns: int) -> str:
    name = f"{someone.full_name} ({someone.name})" if someone.full_name else someone.name
    return f"{name}, {_moment(at_ns)}"


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def _day(text: str) -> str:
    return date.fromisoformat(text).strftime("%d/%m/%Y")


def _codec(codec: str) -> str:
    return "H.265" if codec.startswith(("hvc1", "hev1")) else "H.264"


def _size(size: int) -> str:
    if size >= 1_000_000_000:
        return f"{size / 1_000_000_000:.1f} GB".replace(".", ",")
    return f"{size / 1_000_000:.1f} MB".replace(".", ",")
