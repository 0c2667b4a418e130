"""What a hub wants of a box: the document of `configure`, and of the order `cameras`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vonggac.wire.facts import CameraName, Id  # noqa: TC001 - msgspec reads them


class WantedStream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream of a wanted camera."""

    url: Annotated[str, msgspec.Meta(max_length=2_048)]
    """Without credentials."""
    source: Literal["auto", "rtsp", "libav"] = "auto"
    transcode: bool = False
    record: bool = True
    audio: bool = False


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Time in which a person expects a camera to be away; ns since 1970, half-open."""

    begin: int
    end: int
    reason: Annotated[str, msgspec.Meta(max_length=300)]


class WantedCamera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera that the box shall record."""

    name: CameraName
    main: WantedStream
    sub: WantedStream | None = None
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    zone: Annotated[str, msgspec.Meta(max_length=8)] = ""
    sealed: Annotated[str, msgspec.Meta(max_length=4_096)] | None = None
    """`Credentials` sealed to the site's key."""
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    in_service: bool = True
    maintenance: Annotated[tuple[Maintenance, ...], msgspec.Meta(max_length=100)] = ()


class WantedHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span under a case: what was recorded then is never deleted while this stands.

    The camera may have left the register; ns since 1970, half-open.
    """

    camera: CameraName
    begin: int
    end: int
    case: Annotated[str, msgspec.Meta(max_length=300)]


KEPT = "kept-"
"""Before the id of the hub that wants it, in the key of an order of `WantedKept`."""


class KeptSpan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span that a hub above has kept; ns since 1970, half-open."""

    id: Id
    """Of the hold, or of the export that asks for it."""
    camera: CameraName
    begin: int
    end: int
    case: Annotated[str, msgspec.Meta(max_length=300)]


class WantedKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a hub above has kept at a site, beside what the site's own hub orders."""

    spans: Annotated[tuple[KeptSpan, ...], msgspec.Meta(max_length=1_000)] = ()


HOUR_NS = 3_600 * 10**9

LONGEST_SEGMENT_NS = 11 * 60 * 10**9
"""`record.segment_s` is ten minutes at most, and a GOP."""


def held_hours(begin: int, end: int) -> tuple[int, int]:
    """What is kept for a held span: the whole pages, because an hour's tree proves a segment.

    The first segment may have begun some minutes before the span.
    """
    begin -= LONGEST_SEGMENT_NS
    return begin - begin % HOUR_NS, -(-end // HOUR_NS) * HOUR_NS


class WantedCameras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cameras of a site."""

    cameras: Annotated[tuple[WantedCamera, ...], msgspec.Meta(max_length=1_000)]
    holds: Annotated[tuple[WantedHold, ...], msgspec.Meta(max_length=1_000)] = ()
