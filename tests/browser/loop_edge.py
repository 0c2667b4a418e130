"""An edge whose cameras play a looped clip, for the tests of the browser's modules.

The real edge is driven by the flow tests. This one stands here because its faults come on demand
and in milliseconds: a part that is lost, a run that ends, a stall, a gap at a known second. The
parts are made by `vonggac.media.fmp4` out of a clip that ffmpeg encoded, the messages follow
docs/ref/subjects.md, and the server between it and the browser is the real nats-server.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import av

from vonggac.media import fmp4, h26x

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac import bus

NS = 1_000_000_000
TICKS = 90_000
CHUNK = 131_072


@dataclass(frozen=True)
class Clip:
    """Pictures of a whole number of GOPs, in decode order, ready for `fmp4.part`."""

    video: h26x.VideoFormat
    fps: int
    gop: int
    pictures: list[tuple[bytes, bool]]

    @property
    def gop_ns(self) -> int:
        return self.gop * NS // self.fps


def make_clip(
    path: Path, *, codec: str = "h264", size: str = "640x360", fps: int = 25, gop: int = 25,
    seconds: int = 4, pattern: str = "testsrc2", kbps: int = 600,
) -> Clip:  # fmt: skip
    """Encodes a clip once and cuts it into pictures."""
    encoder = {"h264": "libx264", "h265": "libx265"}[codec]
    if not path.exists():
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi",
             "-i", f"{pattern}=size={size}:rate={fps}:duration={seconds}",
             "-c:v", encoder, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0",
             "-b:v", f"{kbps}k", "-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0",
             *(["-x265-params", f"log-level=error:keyint={gop}:min-keyint={gop}:scenecut=0"]
               if codec == "h265" else []),
             "-f", "h264" if codec == "h264" else "hevc", str(path)],
            check=True,
        )  # fmt: skip
    kind = h26x.Codec(codec)
    sets: dict[str, list[bytes]] = {"vps": [], "sps": [], "pps": []}
    pictures: list[tuple[bytes, bool]] = []
    with av.open(BytesIO(path.read_bytes()), format="h264" if codec == "h264" else "hevc") as media:
        for packet in media.demux(video=0):
            if packet.size == 0:
                continue
            kept = []
            for nal in h26x.split_annexb(bytes(packet)):
                name = h26x.nal_class(kind, nal).name.lower()
                if name in sets:
                    if nal not in sets[name]:
                        sets[name].append(nal)
                elif name not in ("aud", "sei"):
                    kept.append(struct.pack(">I", len(nal)) + nal)
            pictures.append((b"".join(kept), packet.is_keyframe))
    video = h26x.video_format(
        h26x.ParameterSets(kind, tuple(sets["vps"]), tuple(sets["sps"]), tuple(sets["pps"]))
    )
    return Clip(video, fps, gop, pictures)


@dataclass
class LoopCamera:
    """One stream: a clip that began at `epoch_ns` and goes on for ever, with gaps cut out of it."""

    name: str
    stream: str
    clip: Clip
    epoch_ns: int
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    expired_before_ns: int = 0
    run: bytes = b"\x01" * 16
    seq: int = 0
    picture: int = 0
    run_picture: int = 0
    current: list[tuple[int, bytes]] = field(default_factory=list)
    leased_until: float = 0.0
    given_back: asyncio.Event = field(default_factory=asyncio.Event)
    lose: int = 0
    stalled: bool = False
    cause: str | None = None
    since_ns: int = 0
    published: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def init(self) -> bytes:
        identity = fmp4.Identity("site", self.name, self.stream, self.run)
        return fmp4.init(self.clip.video, None, identity)

    def part(self, first: int, count: int, *, run_first: int, seq: int) -> bytes:
        """The part of `count` pictures from number `first`; decode times count from `run_first`."""
        step = TICKS // self.clip.fps
        taken = [
            self.clip.pictures[n % len(self.clip.pictures)] for n in range(first, first + count)
        ]
        return fmp4.part(
            seq,
            (first - run_first) * step,
            self.epoch_ns + first * NS // self.clip.fps,
            [(step, len(data), key, 0) for data, key in taken],
            [data for data, _ in taken],
        )

    def gap_at(self, at: int) -> tuple[int, int, str] | None:
        return next((gap for gap in self.gaps if gap[0] <= at < gap[1]), None)

    def new_run(self) -> None:
        """What a reconnected camera brings: another run, from its next keyframe on."""
        self.run = bytes([self.run[0] + 1]) * 16
        self.seq = 0
        self.picture += -self.picture % self.clip.gop
        self.run_picture = self.picture
        self.current = []


class LoopEdge:
    """Answers as docs/ref/subjects.md says, on the two connections of an edge."""

    def __init__(
        self, control: bus.Connection, media: bus.Connection, base: str, cameras: list[LoopCamera]
    ) -> None:
        self.control = control
        self.media = media
        self.base = base
        self.streams = {(c.name, c.stream): c for c in cameras}
        self.credits: dict[str, asyncio.Semaphore] = {}
        self.refuse: set[str] = set()

    async def run(self) -> None:
        """Publishes until cancelled."""
        asked = await self.control.subscribe(f"{self.base}.ask.>", capacity=256)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish())
            async for message in asked:
                tasks.create_task(self._answer(message))

    async def _publish(self) -> None:
        now = time.time_ns()
        for camera in self.streams.values():
            camera.picture = (now - camera.epoch_ns) * camera.clip.fps // NS
            camera.picture -= camera.picture % camera.clip.gop
            camera.run_picture = camera.picture
        while True:
            for camera in self.streams.values():
                await self._advance(camera)
            await asyncio.sleep(0.02)  # pictures come by the clock, as a camera's do

    async def _advance(self, camera: LoopCamera) -> None:
        count = 5
        while camera.epoch_ns + (camera.picture + count) * NS // camera.clip.fps <= time.time_ns():
            first, seq = camera.picture, camera.seq
            if camera.stalled or camera.cause:
                camera.picture += count
                continue
            part = camera.part(first, count, run_first=camera.run_picture, seq=seq)
            key = first % camera.clip.gop == 0
            if key:
                camera.current = []
            camera.current.append((seq, part))
            camera.picture += count
            camera.seq += 1
            if time.monotonic() > camera.leased_until:
                continue
            if camera.lose:
                camera.lose -= 1
                continue
            camera.published += 1
            await self.media.publish(
                self.live(camera),
                part,
                headers={
                    "Vg-Run": camera.run.hex(), "Vg-Seg": "0", "Vg-Seq": str(seq),
                    "Vg-Key": "1" if key else "0", "Vg-Dt": "0",
                    "Vg-Wall": str(camera.epoch_ns + first * NS // camera.clip.fps),
                },
            )  # fmt: skip

    def live(self, camera: LoopCamera) -> str:
        return f"{self.base}.live.{camera.name}.{camera.stream}"

    async def tell(self, camera: LoopCamera, state: str, cause: str | None) -> None:
        """Begins or ends a stall or a gap, and says so as the edge does."""
        camera.stalled = state == "stalled"
        camera.cause = cause
        camera.since_ns = time.time_ns()
        if state == "live":
            camera.new_run()
        headers = {"Vg-State": state, "Vg-Cause": cause or "", "Vg-Since": str(camera.since_ns)}
        await self.media.publish(self.live(camera), b"", headers=headers)

    async def _answer(self, msg: bus.Message) -> None:
        _, _, _, _, verb, name, _grant = msg.subject.split(".")
        body = json.loads(msg.payload)
        if verb == "more":
            for _ in range(body["chunks"]):
                self.credits[msg.reply].release()
            return
        camera = self.streams.get((name, body.get("stream", "main")))
        if camera is None or verb in self.refuse:
            await self._refuse(msg, "not_found" if camera is None else "forbidden")
            return
        camera.asked.append(verb)
        if verb == "open":
            await self._open(msg, camera, body)
        elif verb == "gop":
            await self._gop(msg, camera, body)
        elif verb == "timeline":
            answer = json.dumps(self._timeline(camera, body)).encode()
            await self._send(msg, "application/json", answer)

    async def _open(self, msg: bus.Message, camera: LoopCamera, body: dict[str, object]) -> None:
        lease = int(body.get("lease_s", 30))  # type: ignore[call-overload]
        camera.leased_until = time.monotonic() + lease if lease else 0.0
        if not lease:
            camera.given_back.set()
        parts = [] if body.get("extend") or camera.cause else camera.current
        video = camera.clip.video
        meta = {
            "v": 1, "state": "gap" if camera.cause else "stalled" if camera.stalled else "live",
            "cause": camera.cause, "since": str(camera.since_ns),
            "run": None if camera.cause else camera.run.hex(), "seg": 0,
            "seq": parts[0][0] if parts else camera.seq, "dt": 0, "wall": "0",
            "codec": video.codec_string, "audio_codec": None, "width": video.width,
            "height": video.height, "fps": None, "lease_s": lease,
            "frames": len(parts) + 1 if parts else 0,
        }  # fmt: skip
        frames = [camera.init, *(part for _, part in parts)] if parts else []
        await self._frames(msg, meta, frames)

    async def _gop(self, msg: bus.Message, camera: LoopCamera, body: dict[str, str]) -> None:
        clip, at = camera.clip, int(body["at"])
        newest = (time.time_ns() - camera.epoch_ns) // clip.gop_ns - 1
        number = (at - camera.epoch_ns) // clip.gop_ns
        number += {"at": 0, "next": 1, "prev": -1}[body["dir"]]
        asked, gap = number, None
        back = body["dir"] == "prev"
        while camera.gap_at(camera.epoch_ns + number * clip.gop_ns):
            gap = camera.gap_at(camera.epoch_ns + number * clip.gop_ns)
            number += -1 if back else 1
        oldest = (camera.expired_before_ns - camera.epoch_ns + clip.gop_ns - 1) // clip.gop_ns
        if number < oldest and body["dir"] != "prev":
            number = oldest
        meta: dict[str, object] = {
            "v": 1, "run": None, "seg": 0, "seq": 0, "dt": 0, "from": None, "to": None,
            "codec": clip.video.codec_string, "audio_codec": None, "width": clip.video.width,
            "height": clip.video.height, "next_from": None, "gap": None, "frames": 0,
        }  # fmt: skip
        if gap and asked != number:
            meta["gap"] = {"from": str(gap[0]), "to": str(gap[1]), "cause": gap[2]}
        inside = camera.gap_at(at) if body["dir"] == "at" else None
        if inside:  # as the edge does: the gap alone; what comes after it is asked for by "next"
            meta["gap"] = {"from": str(inside[0]), "to": str(inside[1]), "cause": inside[2]}
        if number > newest or number < oldest or inside:
            await self._frames(msg, meta, [])
            return
        start = camera.epoch_ns + number * clip.gop_ns
        following = number + 1
        while camera.gap_at(camera.epoch_ns + following * clip.gop_ns):
            following += 1
        meta |= {
            "run": "ee" * 16, "seg": number, "seq": number,
            "from": str(start), "to": str(start + clip.gop_ns),
            "dt": number * clip.gop * (TICKS // clip.fps), "frames": clip.gop // 5 + 1,
            "next_from": str(camera.epoch_ns + following * clip.gop_ns)
            if following <= newest else None,
        }  # fmt: skip
        first = number * clip.gop
        cut = next((g[0] for g in camera.gaps if start < g[0] < start + clip.gop_ns), None)
        parts = [
            camera.part(first + n, 5, run_first=first, seq=number + n // 5)
            for n in range(0, clip.gop, 5)
            if cut is None or start + (n + 5) * NS // clip.fps <= cut
        ]
        if cut is not None:
            meta |= {"to": str(cut), "frames": len(parts) + 1}
        await self._frames(msg, meta, [camera.init, *parts])

    def _timeline(self, camera: LoopCamera, body: dict[str, str]) -> dict[str, object]:
        now = time.time_ns()
        start = max(int(body["from"]), camera.expired_before_ns)
        end = min(int(body["to"]), now)
        gaps = sorted(g for g in camera.gaps if g[1] > start and g[0] < end)
        spans, at = [], start
        for gap in gaps:
            if gap[0] > at:
                spans.append({"from": str(at), "to": str(gap[0])})
            at = max(at, gap[1])
        if at < end:
            spans.append({"from": str(at), "to": str(end)})
        return {
            "as_of": str(now),
            "spans": spans,
            "gaps": [{"from": str(f), "to": str(t), "cause": c} for f, t, c in gaps],
            "expired_before": str(camera.expired_before_ns),
            "density": [],
        }

    async def _frames(self, msg: bus.Message, meta: dict[str, object], frames: list[bytes]) -> None:
        head = json.dumps(meta).encode()
        data = b"".join(struct.pack(">I", len(f)) + f for f in (head, *frames))
        await self._send(msg, "application/vnd.vonggac.frames", data)

    async def _refuse(self, msg: bus.Message, kind: str) -> None:
        body = json.dumps({"kind": kind, "message": "refused by the test", "detail": None})
        headers = {"Vg-Status": kind, "Vg-Part": "0", "Vg-Last": "1"}
        await self.media.publish(msg.reply, body.encode(), headers=headers)

    async def _send(self, msg: bus.Message, kind: str, data: bytes) -> None:
        window = int(msg.headers.get("Vg-Window", "8"))
        credit = self.credits[msg.reply] = asyncio.Semaphore(window)
        pieces = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)] or [b""]
        more = msg.subject.split(".")
        more[4] = "more"
        for number, piece in enumerate(pieces):
            await asyncio.wait_for(credit.acquire(), 10)
            headers = {"Vg-Status": "200", "Vg-Part": str(number)}
            if number == 0:
                headers |= {"Vg-Type": kind, "Vg-Credit": ".".join(more)}
            if number == len(pieces) - 1:
                headers["Vg-Last"] = "1"
            await self.media.publish(msg.reply, piece, headers=headers)
        self.credits.pop(msg.reply, None)
