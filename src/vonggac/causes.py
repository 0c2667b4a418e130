"""The closed list of causes of missing time.

The words that people read, the letters and who is expected to act are data in
`rules/causes.toml`; a test keeps the two lists equal.
"""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why a stretch of time was not recorded, settled by evidence, never guessed.

    The value is what facts, catalog and API carry.
    """

    UNREACHABLE = "unreachable"
    """No TCP connection, or it broke: refused, no route, reset, time-out while connecting."""
    REFUSED = "refused"
    """The camera answers and does not accept the credentials (RTSP 401 or 403)."""
    STALLED = "stalled"
    """Connected and playing, and no picture comes."""
    NO_KEYFRAME = "no_keyframe"
    """Pictures come and none can start a decoder: no IDR, or no parameter sets."""
    FORMAT_REFUSED = "format_refused"
    """The camera offers a codec or a transport that the chosen source does not take."""
    GARBLED = "garbled"
    """The camera sends bytes that are not RTSP, RTP or a decodable picture."""
    EDGE_OFF = "edge_off"
    """The recorder itself was not running; found at start-up from the last durable mark."""
    POWER_LOST = "power_lost"
    """As `EDGE_OFF`, and a UPS (read through NUT) says that the mains failed."""
    DISK_FULL = "disk_full"
    """Writing failed for want of space, and nothing could be deleted."""
    DISK_SLOW = "disk_slow"
    """The disk could not keep up, and the recorder gave up pictures rather than memory."""
    DISK_GONE = "disk_gone"
    """The recording directory or its mount vanished, or the device answers with I/O errors."""
    DISK_READ_ONLY = "disk_read_only"
    """The filesystem was remounted read-only."""
    OVERLOADED = "overloaded"
    """The box could not drain its sockets in time."""
    CLOCK_UNTRUSTED = "clock_untrusted"
    """The box did not know what time it was; what it recorded cannot be placed."""
    MAINTENANCE = "maintenance"
    """A person planned it beforehand."""
    NOT_IN_SERVICE = "not_in_service"
    """The camera was not in service: before its start, after its end, or switched off by plan."""
