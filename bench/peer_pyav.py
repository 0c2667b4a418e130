"""PyAV as a peer of bench/record.py: a thread a camera, demux and mux, nothing decoded."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import av


def copy(url: str, stem: Path) -> None:
    """Record one camera in fragmented segments of a minute, for as long as the process lives."""
    with av.open(url, options={"rtsp_transport": "tcp"}) as source:
        stream = source.streams.video[0]
        number = 0
        target: av.container.OutputContainer | None = None
        began = 0.0
        for packet in source.demux(stream):
            if packet.size == 0:
                continue
            now = time.monotonic()
            if target is None or (packet.is_keyframe and now - began > 60):
                if target is not None:
                    target.close()
                target = av.open(
                    f"{stem}-{number:04d}.mp4", "w",
                    options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
                )  # fmt: skip
                out = target.add_stream_from_template(stream)
                began = now
                number += 1
            packet.stream = out
            target.mux(packet)


def main() -> None:
    """One thread a camera."""
    folder = Path(sys.argv[1])
    for number, url in enumerate(sys.argv[2:]):
        threading.Thread(target=copy, args=(url, folder / str(number)), daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)


if __name__ == "__main__":
    main()
