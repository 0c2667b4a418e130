"""Segments and virtual MP4s in front of a real Chromium: opened, sought, played across borders."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from footage import DAY_NS, Footage, footage, segment_of
from vonggac.media.fmp4_read import Scan, scan
from vonggac.media.progressive import VirtualMp4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from playwright.async_api import Page

CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt install chromium)"),
]

SECOND = 1_000_000_000
CHUNK = 64 * 1024
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<video muted playsinline></video><script>
const video = document.querySelector('video');
const event = name => new Promise((yes, no) => {
  video.addEventListener(name, yes, {once: true});
  video.addEventListener('error', () => no(new Error(video.error.message)), {once: true});
});
// The bits in the top rows of the picture, bit 0 on the left.
function number() {
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, 16, canvas.width, 1).data;
  let bits = 0;
  for (let bit = 0; bit < 16; bit++)
    if (row[4 * Math.floor((2 * bit + 1) * canvas.width / 32)] > 128) bits |= 1 << bit;
  return bits;
}
async function opened(address) {
  const ready = event('loadeddata');
  video.src = address;
  await ready;
  return {duration: video.duration, width: video.videoWidth};
}
async function sought(time) {
  const done = event('seeked');
  const shown = new Promise(yes => video.requestVideoFrameCallback(yes));
  video.currentTime = time;
  await Promise.all([done, shown]);
  return {number: number(), width: video.videoWidth};
}
async function played(until) {
  video.playbackRate = 8;
  await video.play();
  await new Promise((yes, no) => {
    video.addEventListener('error', () => no(new Error(video.error.message)), {once: true});
    const look = () => { if (video.currentTime >= until || video.ended) yes(); };
    video.addEventListener('timeupdate', look);
    video.addEventListener('ended', look);
    look();
  });
  video.pause();
  return video.videoWidth;
}
async function appended(type, files) {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise(yes => source.addEventListener('sourceopen', yes, {once: true}));
  const buffer = source.addSourceBuffer(type);
  for (const [address, offset] of files) {
    const bytes = await (await fetch(address)).arrayBuffer();
    buffer.timestampOffset = offset;
    const done = new Promise((yes, no) => {
      buffer.addEventListener('updateend', yes, {once: true});
      buffer.addEventListener('error', () => no(new Error('refused')), {once: true});
    });
    buffer.appendBuffer(bytes);
    await done;
  }
  const ranges = [];
  for (let i = 0; i < buffer.buffered.length; i++)
    ranges.push([buffer.buffered.start(i), buffer.buffered.end(i)]);
  return ranges;
}
</script>"""


class Files:
    """A web server of ranges, counting what it sends."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, Callable[[int, int], bytes]]] = {}
        self.sent = 0

    def put(self, name: str, data: bytes) -> None:
        self.files[name] = (len(data), lambda start, end: data[start:end])

    def put_virtual(self, name: str, mp4: VirtualMp4, files: list[bytes]) -> None:
        def read(start: int, end: int) -> bytes:
            return b"".join(
                p if isinstance(p, bytes) else files[p.file][p.offset : p.offset + p.size]
                for p in mp4.read(start, end)
            )

        self.files[name] = (mp4.size, read)

    async def get(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/":
            return web.Response(text=PAGE, content_type="text/html")
        size, read = self.files[request.path[1:]]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        start, end = 0, size
        if asked:
            start, end = int(asked[1]), int(asked[2]) + 1 if asked[2] else size
        response = web.StreamResponse(status=206 if asked else 200)
        response.content_type = "video/mp4"
        response.content_length = end - start
        response.headers["Accept-Ranges"] = "bytes"
        if asked:
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        with contextlib.suppress(ConnectionError):  # a player that seeks drops the connection
            await response.prepare(request)
            for at in range(start, end, CHUNK):
                chunk = read(at, min(at + CHUNK, end))
                await response.write(chunk)
                self.sent += len(chunk)
        return response


@contextlib.asynccontextmanager
async def page_with(files: Files) -> AsyncIterator[Page]:
    """A page with a player, beside the files."""
    application = web.Application()
    application.router.add_get("/{path:.*}", files.get)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with asyncio.timeout(45), async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{port}/")
            yield page
            await browser.close()
    finally:
        await runner.cleanup()


def minute(b_pictures: int = 0, size: tuple[int, int] = (160, 96)) -> Footage:
    return footage(seconds=60, fps=10, gop=20, size=size, b_pictures=b_pictures)


def padded(film: Footage, size: int) -> Footage:
    """With a filler NAL unit (H.264 table 7-1, type 12) in each picture, as at a high bit rate."""
    pictures = []
    for picture in film.pictures:
        length = max(size - len(picture.nals) - 4, 3)
        filler = length.to_bytes(4) + b"\x0c" + b"\xff" * (length - 2) + b"\x80"
        pictures.append(replace(picture, nals=picture.nals + filler))
    return replace(film, pictures=tuple(pictures))


def scans(files: list[bytes]) -> list[Scan]:
    return [scan(lambda at, count, f=file: f[at : at + count], len(file)) for file in files]


async def numbers_at(page: Page, *times: float) -> list[int]:
    found: list[dict[str, Any]] = [await page.evaluate("t => sought(t)", t) for t in times]
    return [picture["number"] for picture in found]


async def test_a_segment_opens_and_seeks_by_itself_closed_cut_off_or_mended():
    """A person opens a file of the disk in a browser, also one that a crash cut short.

    Chromium stops with a decoding error where a picture is torn; truncated to `good_bytes`, as
    recovery does, the file plays to its end.
    """
    files = Files()
    whole = segment_of(padded(minute(), 8_000))
    [found] = scans([whole])
    torn = whole[: found.parts[60].mdat_offset + 9_000]
    [short] = scans([torn])
    files.put("whole.mp4", whole)
    files.put("torn.mp4", torn)
    files.put("mended.mp4", torn[: short.good_bytes])

    async with page_with(files) as page:
        opened = await page.evaluate("opened('whole.mp4')")
        assert opened == {"duration": 60, "width": 160}
        assert await numbers_at(page, 30.05, 5.15, 59.95, 0.05) == [300, 51, 599, 0]

        opened = await page.evaluate("opened('torn.mp4')")
        assert found.parts[60].decode_time == 30 * 90_000
        assert opened["duration"] == 30.5  # the torn part announces five pictures
        assert await numbers_at(page, 5.05) == [50]

        opened = await page.evaluate("opened('mended.mp4')")
        assert opened["duration"] == 30
        assert await numbers_at(page, 17.35, 29.95) == [173, 299]
        assert await page.evaluate("played(30)") == 160


async def test_segments_three_days_into_a_run_are_appended_where_they_belong():
    """Their decode times count from zero; the player's timestampOffset puts them in place."""
    files = Files()
    film = minute(b_pictures=2)
    files.put("a.mp4", segment_of(film, sequence=1_296_000))
    files.put("b.mp4", segment_of(film, sequence=1_296_120))
    days = 3 * 86_400

    async with page_with(files) as page:
        ranges = await page.evaluate(
            "([type, files]) => appended(type, files)",
            [
                f'video/mp4; codecs="{film.video.codec_string}"',
                [["a.mp4", days], ["b.mp4", days + 60]],
            ],
        )
        # with B-pictures the first is presented two pictures after it is decoded
        assert ranges == [[days + 0.2, days + 120.2]]
        assert await numbers_at(page, days + 30.25, days + 90.25) == [300, 300]


async def test_an_hour_opens_and_seeks_with_a_fraction_of_its_bytes():
    """`recording.mp4`: the moov first, then what is needed; never the whole file."""
    files = Files()
    film = padded(minute(b_pictures=2), 8_000)
    segment = segment_of(film)
    mp4 = VirtualMp4(
        scans([segment]) * 60,
        DAY_NS + 30 * SECOND,
        DAY_NS + 3600 * SECOND,
        shifts_ns=[n * 60 * SECOND for n in range(60)],
    )
    files.put_virtual("hour.mp4", mp4, [segment] * 60)
    assert mp4.size > 280_000_000

    async with page_with(files) as page:
        opened = await page.evaluate("opened('hour.mp4')")
        assert opened == {"duration": 3570, "width": 160}
        assert await numbers_at(page, 3000.05, 31.05, 0.05) == [300, 10, 300]
        assert files.sent < mp4.size / 4


async def test_a_change_of_size_in_a_span_is_played_and_sought_across():
    """Chromium reads the first sample entry only: the sets before each keyframe carry it over."""
    files = Files()
    films = [minute(b_pictures=2), minute(b_pictures=2, size=(320, 192)), minute()]
    segments = [
        segment_of(film, count=100, wall_ns=DAY_NS + n * 20 * SECOND, run=bytes([n] * 16))
        for n, film in enumerate(films)
    ]
    mp4 = VirtualMp4(scans(segments), DAY_NS, DAY_NS + 100 * SECOND)
    files.put_virtual("mixed.mp4", mp4, segments)

    async with page_with(files) as page:
        opened = await page.evaluate("opened('mixed.mp4')")
        assert opened == {"duration": 30, "width": 160}
        assert await numbers_at(page, 15.05, 25.05, 5.05) == [50, 50, 50]
        assert await page.evaluate("played(12)") == 320
        assert await page.evaluate("played(22)") == 160
