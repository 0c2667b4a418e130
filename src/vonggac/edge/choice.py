"""Which source pulls a stream, and why: ours first, FFmpeg's for what ours refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vonggac.causes import Cause
from vonggac.edge.source import RtspSource

if TYPE_CHECKING:
    from vonggac.clock import Clock
    from vonggac.config import Secret
    from vonggac.edge.source import HangUps, Source
    from vonggac.errors import RunEnded

ASK_OURS_AGAIN = 20
"""After so many failures of the second source the first is asked again: the camera may have been
set right meanwhile."""


class SourceChoice:
    """Makes the source of each connection of one stream.

    Args:
        url: rtsp://host:port/path.
        user: camera account.
        password: its secret.
        clock: for arrival times.
        buffer: the read buffer shared by all streams of the loop.
        hang_ups: of the loop.
        prefer: rtsp or libav always, or auto.
        audio: take sound too.
        transcode: re-encode what browsers cannot show (libav only).

    Raises:
        ConfigError: the URL is none.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: Secret,
        *,
        clock: Clock,
        buffer: bytearray,
        hang_ups: HangUps | None = None,
        prefer: Literal["auto", "rtsp", "libav"] = "auto",
        audio: bool = False,
        transcode: bool = False,
    ) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._clock = clock
        self._buffer = buffer
        self._hang_ups = hang_ups
        self._prefer = prefer
        self._audio = audio
        self._transcode = transcode
        self._why = "set in the configuration" if prefer == "libav" else ""
        self._second = prefer == "libav"
        self._failures = 0
        self._ours()  # a wrong URL is told now

    def connect(self) -> Source:
        """The source of the next connection."""
        if not self._second:
            return self._ours()
        # Imported only where it is needed: FFmpeg's libraries cost 40 MB that most boxes save.
        from vonggac.edge.libav import LibavSource

        return LibavSource(
            self._url,
            self._user,
            self._password,
            clock=self._clock,
            audio=self._audio,
            transcode=self._transcode,
            why=self._why,
        )

    def ended(self, ended: RunEnded) -> None:
        """A connection ended: a format that ours refuses is given to the second source."""
        if self._prefer != "auto":
            return
        if not self._second and ended.cause is Cause.FORMAT_REFUSED:
            self._second = True
            self._failures = 0
            self._why = f"ours refused it: {ended.message}"
        elif self._second:
            self._failures += 1
            if self._failures >= ASK_OURS_AGAIN:
                self._second = False

    def _ours(self) -> RtspSource:
        return RtspSource(
            self._url,
            self._user,
            self._password,
            clock=self._clock,
            audio=self._audio,
            buffer=self._buffer,
            hang_ups=self._hang_ups,
        )
