"""RTP out of a playing RTSP connection: interleaved frames, pictures, sound, sender reports.

Sans I/O.  `Interleaved` is fed what the socket gave; it splits RTP, RTCP and RTSP messages
(RFC 2326 section 10.12), and its tracks turn packets into `AccessUnit` (RFC 6184 for H.264,
RFC 7798 for H.265) and `AudioUnit` (RFC 3640, AAC-hbr).  One thread, one connection.

Policies, each kept by a test of its name:

* **Order.**  TCP keeps the order, so a hole in the sequence numbers means that the camera
  dropped packets: they are counted in `lost` and the pictures concerned are marked `damaged`.
  A packet up to 100 numbers old is a duplicate or came too late: dropped, counted in `late`.
  Any other jump is a camera that started to count anew and is believed at once.
* **A hole inside a NAL unit** ends that NAL unit at the hole; what follows of it is dropped.  A
  picture of which no slice is left is not given out, and counted in `unstarted`.
* **End of a picture**: the marker bit, a change of timestamp, an access unit delimiter, and in
  H.265 another first slice.  A marker before the first slice ends nothing (cameras set it on
  parameter sets), and after a marker that was followed by more slices of the same picture the
  marker is no longer believed.
* **Parameter sets** in band come into force with the next picture.  Sets equal to those in
  force change nothing.  VPS and SPS replace those before them; PPS replace those of equal id.
* **Keyframes** are IDR pictures (H.264) and IRAP pictures (H.265).  An H.264 picture of
  I slices with a recovery point of 0 frames counts only if the camera has sent no IDR for
  10 s: such cameras exist, and for all others an IDR is the better place to start.
* **Unknown channels, other payload types, frames shorter than an RTP header** are skipped and
  counted.  What is neither a frame nor an RTSP message is `MalformedError`.
* **Packet kinds that nobody should send here** (STAP-B, MTAP, FU-B, PACI) are dropped and
  counted in `refused`; the picture is marked `damaged`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vonggac.errors import MalformedError
from vonggac.media.rtp_audio import AudioTrack
from vonggac.media.rtp_track import LATE_NUMBERS, AccessUnit, AudioUnit, SenderReport, Track
from vonggac.media.rtp_video import (
    MAX_UNIT_BYTES,
    MAX_UNIT_CHUNKS,
    MAX_UNIT_NALS,
    NO_IDR_NS,
    VideoTrack,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LATE_NUMBERS",
    "MAX_HEAD_BYTES",
    "MAX_MESSAGE_BYTES",
    "MAX_UNIT_BYTES",
    "MAX_UNIT_CHUNKS",
    "MAX_UNIT_NALS",
    "MAX_WAITING",
    "NO_IDR_NS",
    "AccessUnit",
    "AudioTrack",
    "AudioUnit",
    "Interleaved",
    "SenderReport",
    "Track",
    "VideoTrack",
]

MAX_HEAD_BYTES = 16 * 1024
"""Bytes of the head of an RTSP message."""
MAX_MESSAGE_BYTES = 64 * 1024
"""Bytes of an RTSP message with its body; also what a caller must be able to hold back."""
MAX_WAITING = 64
"""RTSP messages, and sender reports, that may wait to be taken."""

_CONTENT_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?$")
_FIRST_LINE = re.compile(rb"RTSP/[0-9]\.[0-9] [0-9]{3}|[A-Z_]{3,16} \S{1,2048} RTSP/[0-9]\.[0-9]")


class Interleaved:
    """Splits the bytes of a playing connection into its tracks' packets and RTSP messages.

    Args:
        tracks: what was set up; other channels are skipped and counted.
    """

    def __init__(self, tracks: Iterable[VideoTrack | AudioTrack]) -> None:
        self.units: list[AccessUnit | AudioUnit] = []
        """Whole pictures and frames of sound; the caller empties it after each `feed`."""
        self.messages: list[bytes] = []
        """RTSP messages, head and body; the caller empties it."""
        self.reports: list[SenderReport] = []
        """Sender reports; beyond `MAX_WAITING` the oldest is dropped."""
        self.skipped = 0
        """Frames of channels that nobody set up."""
        self.tracks = tuple(tracks)
        self._media: dict[int, VideoTrack | AudioTrack] = {}
        self._control: dict[int, VideoTrack | AudioTrack] = {}
        for track in self.tracks:
            track.units = self.units
            self._media[track.channel] = track
            self._control[track.rtcp_channel] = track

    def feed(
        self, buffer: bytes | bytearray | memoryview, start: int, end: int, arrival_ns: int
    ) -> int:
        """Take what `buffer[start:end]` holds; whatever is kept of it is copied.

        Args:
            buffer: bytes as they came from the socket, after what the last call left over.
            start: where they begin.
            end: where they end.
            arrival_ns: monotonic time of the read.

        Returns:
            How many bytes were taken.  The rest, less than 65,540 bytes, is the beginning of a
            frame or a message; give it again, with more behind it.

        Raises:
            MalformedError: the bytes are no interleaved RTSP; the connection is of no more use.
        """
        view = memoryview(buffer)
        at = start
        while at < end:
            if view[at] != 0x24:
                following = self._message(view, at, end)
                if following == at:
                    break
                at = following
                continue
            if at + 4 > end:
                break
            channel = view[at + 1]
            track = self._media.get(channel)
            if track is not None:
                following = track.run(view, at, end, arrival_ns)
                if following == at:
                    break
                at = following
                continue
            following = at + 4 + (view[at + 2] << 8 | view[at + 3])
            if following > end:
                break
            track = self._control.get(channel)
            if track is None:
                self.skipped += 1
            else:
                self._report(track, bytes(view[at + 4 : following]), arrival_ns)
            at = following
        return at - start

    def finish(self) -> None:
        """The run is over: pictures that can be whole go to `units`."""
        for track in self.tracks:
            if isinstance(track, VideoTrack):
                track.finish()

    def receiver_reports(self, now_ns: int) -> bytes:
        """Receiver reports of all tracks that have received something, framed for sending."""
        return b"".join(track.receiver_report(now_ns) for track in self.tracks if track.packets)

    def _report(self, track: Track, packet: bytes, arrival_ns: int) -> None:
        self.reports += track.take_report(packet, arrival_ns)
        del self.reports[:-MAX_WAITING]

    def _message(self, view: memoryview, at: int, end: int) -> int:
        """Take an RTSP message; returns `at` if it has not arrived whole."""
        while at < end and view[at] in b"\r\n":  # some cameras end a body with a line of its own
            at += 1
        if at == end or view[at] == 0x24:
            return at
        head = bytes(view[at : min(end, at + MAX_HEAD_BYTES)])
        stop = head.find(b"\r\n\r\n")
        whole = stop >= 0
        line = head.find(b"\r\n")
        if (line >= 0 and not _FIRST_LINE.match(head, 0, line)) or not _is_text(
            head[: stop if whole else None]
        ):
            raise MalformedError("neither an interleaved frame nor an RTSP message", offset=at)
        if not whole:
            if len(head) >= MAX_HEAD_BYTES:
                raise MalformedError(f"an RTSP head of more than {MAX_HEAD_BYTES} bytes", offset=at)
            return at
        length = _CONTENT_LENGTH.search(head, 0, stop + 2)
        following = at + stop + 4 + (int(length[1]) if length else 0)
        if following - at > MAX_MESSAGE_BYTES:
            raise MalformedError(f"an RTSP message of more than {MAX_MESSAGE_BYTES} bytes")
        if following > end:
            return at
        if len(self.messages) >= MAX_WAITING:
            raise MalformedError(f"more than {MAX_WAITING} RTSP messages at once")
        self.messages.append(bytes(view[at:following]))
        return following


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in (9, 10, 13) for byte in head)
