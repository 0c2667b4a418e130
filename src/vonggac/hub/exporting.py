"""Building exports: clips from the box, pages from here, minutes on paper, the site's seal.

One at a time, oldest first.  The ZIP is written beside its place and verified whole before it is
called ready: what is handed out has passed `evidence.verify` on this very file.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vonggac import keys, log, paper, wire
from vonggac.clock import NS
from vonggac.config import inherited
from vonggac.domain import exports, ledger, site_keys
from vonggac.errors import Kind, VonggacError
from vonggac.evidence import (
    MANIFEST,
    SEAL,
    CameraEvidence,
    Clip,
    EvidenceZip,
    Manifest,
    Person,
    Request,
    encode_manifest,
    encode_sealed,
    fingerprint,
    signers,
    verify,
)
from vonggac.evidence.gather import Receiver, camera_evidence
from vonggac.hub import minutes

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.domain.exports import Export, Someone
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites

_log = log.get(__name__)

EXPORTS = "exports"
"""Folder of the ZIPs below the data directory."""
LOOK_S = 2.0
"""Seconds between two looks for an export to build, and between two questions whether the box's
page is closed."""
PATIENCE_S = 900.0
"""Seconds that the box gets to close the page of the last minute and to send it here; a segment
lasts ten minutes at most."""
COPY_S = 6 * 3_600.0
"""Seconds that the burned-in copy of one clip may take: a day of video on a slow machine."""
WRITE = 4 * 1024 * 1024
"""Bytes written and hashed at a time, in a worker thread."""
ROOM = 1_000_000_000
"""Free bytes that the hub's disk keeps while an export is written."""


@dataclass
class _Work:
    """An export while it is built."""

    export: Export
    site: Site
    archive: zipfile.ZipFile
    cameras: list[CameraEvidence] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of every file but the clips."""
    copies: list[str] = field(default_factory=list)
    done: int = 0
    total: int = 0


class Exporter:
    """Builds what was approved. Belongs to one event loop.

    Args:
        sites: whose boxes are asked, and asked to sign.
        database: requests, pages, the register.
        clock: wall time and pauses.
        folder: where the ZIPs lie; made when missing.
        hub: this hub's id.
    """

    def __init__(
        self, sites: Sites, database: Database, clock: Clock, folder: Path, *, hub: str
    ) -> None:
        self._sites = sites
        self._database = database
        self._clock = clock
        self._folder = folder
        self._hub = hub

    async def run(self) -> None:
        """Build for good; returns only when cancelled."""
        await asyncio.to_thread(self._tidy)
        while True:
            await asyncio.to_thread(self.expire)
            if not await self.run_once():
                await self._clock.sleep(LOOK_S)

    async def run_once(self) -> bool:
        """Build the next export; False when there is none."""
        export = await asyncio.to_thread(self._next)
        if export is None:
            return False
        partial = self._folder / f"{export.id}.partial"
        try:
            await self._build(export, partial)
        except VonggacError as error:
            _log.warning("export.failed", export=export.id, error=error.message)
            await asyncio.to_thread(self._fail, export, error.message)
        except OSError as error:
            _log.warning("export.failed", export=export.id, error=str(error))
            await asyncio.to_thread(self._fail, export, f"the hub's disk: {error.strerror}")
        finally:
            for left in (partial, partial.with_suffix(".film"), partial.with_suffix(".copy")):
                left.unlink(missing_ok=True)
        return True

    def expire(self) -> None:
        """Delete the files whose days are over. A worker thread."""
        with self._database.writing() as connection:
            gone = exports.over(connection, now_ns=self._clock.wall_ns())
        for export_id in gone:
            zip_path(self._folder, export_id).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """What a program that was killed left half written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.iterdir():
            if left.suffix in (".partial", ".film", ".copy"):
                left.unlink(missing_ok=True)

    def _next(self) -> Export | None:
        with self._database.reading() as connection:
            return exports.next_to_build(connection)

    def _fail(self, export: Export, fault: str) -> None:
        with self._database.writing() as connection:
            exports.fail(connection, export.id, fault=fault, now_ns=self._clock.wall_ns())

    def _say(self, work: _Work, step: str) -> None:
        with self._database.writing() as connection:
            exports.progress(
                connection, work.export.id, step=step, done_bytes=work.done,
                total_bytes=work.total,
            )  # fmt: skip

    async def _build(self, export: Export, partial: Path) -> None:
        """The whole way from an approval to a file that verifies.

        Raises:
            VonggacError: why it cannot be built.
            OSError: the disk refuses.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        site = await asyncio.to_thread(self._look, export)
        archive = zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, allowZip64=True)
        with archive:
            work = _Work(export, site, archive)
            await self._say_soon(work, "pages")
            names = await asyncio.to_thread(self._names, export)
            proofs = {
                camera: await self._proof(work, names[camera][0]) for camera in export.cameras
            }
            work.total = sum(clip.size for proof in proofs.values() for clip in proof.clips)
            free = os.statvfs(self._folder)
            if work.total * (2 if export.with_copy else 1) + ROOM > free.f_bavail * free.f_frsize:
                raise VonggacError(
                    Kind.FULL, f"the hub's disk has no room for {work.total} bytes of clips"
                )
            await self._say_soon(work, "clips")
            for camera, proof in proofs.items():
                await self._add_camera(work, names[camera], proof)
            await self._say_soon(work, "seal")
            await self._finish(work, partial)
        digest = await asyncio.to_thread(_digest, partial)
        await self._check(partial, site)
        final = zip_path(self._folder, export.id)
        size = partial.stat().st_size
        partial.replace(final)
        await asyncio.to_thread(self._ready, export, size, digest)

    async def _say_soon(self, work: _Work, step: str) -> None:
        await asyncio.to_thread(self._say, work, step)

    def _look(self, export: Export) -> Site:
        with self._database.reading() as connection:
            return self._sites.look(connection, export.site_id)

    def _names(self, export: Export) -> dict[str, tuple[str, str, str]]:
        """Name on the wire, title and zone of each camera."""
        with self._database.reading() as connection:
            found = exports.camera_names(connection, export.cameras)
        return {
            camera: (found[camera].name, found[camera].title, found[camera].zone)
            for camera in export.cameras
        }

    async def _proof(self, work: _Work, camera: str) -> wire.Proof:
        """What the box proves, once its page is closed."""
        export = work.export
        until = self._clock.monotonic_ns() + int(PATIENCE_S * NS)
        while True:
            try:
                proof = await work.site.proof(camera, "main", (export.from_ns, export.to_ns))
            except VonggacError as error:
                # A line that is down for minutes is no reason to ask a person again.
                if error.kind not in (Kind.UNAVAILABLE, Kind.TIMED_OUT):
                    raise
                proof = wire.Proof(ready=False)
            if proof.ready:
                return proof
            if self._clock.monotonic_ns() > until:
                raise VonggacError(
                    Kind.UNAVAILABLE,
                    f"the box has not closed the page of {camera}: it does not answer, or does not"
                    " know the time",
                )
            await self._clock.sleep(LOOK_S)

    async def _add_camera(
        self, work: _Work, names: tuple[str, str, str], proof: wire.Proof
    ) -> None:
        camera, title, zone = names
        envelopes = await self._pages(work.export, camera, proof.pages)
        clips: list[Clip] = []
        for number, told in enumerate(proof.clips):
            name = f"{camera}/clip-{number + 1}.mp4"
            clips.append(await self._add_clip(work, camera, number, told, name))
        evidence, files = camera_evidence(
            camera=camera, title=title, zone=zone, stream="main",
            span=(work.export.from_ns, work.export.to_ns), proof=proof, clips=clips,
            pages=envelopes,
        )  # fmt: skip
        work.cameras.append(evidence)
        for name, content in files.items():
            _add(work, name, content)

    async def _pages(
        self, export: Export, camera: str, numbers: tuple[int, ...]
    ) -> list[wire.Envelope]:
        """The pages as they came here, signed; one that was closed now is still on its way."""
        until = self._clock.monotonic_ns() + int(PATIENCE_S * NS)
        while True:
            found = await asyncio.to_thread(self._stored, export.site_id, camera, numbers)
            missing = [number for number in numbers if number not in found]
            if not missing:
                return [found[number] for number in numbers]
            if self._clock.monotonic_ns() > until:
                raise VonggacError(
                    Kind.UNAVAILABLE, f"page {missing[0]} of {camera} has not arrived here"
                )
            await self._clock.sleep(LOOK_S / 10)

    def _stored(
        self, site_id: str, camera: str, numbers: tuple[int, ...]
    ) -> dict[int, wire.Envelope]:
        with self._database.reading() as connection:
            stream = ledger.Stream(site_id, camera, "main")
            found = ledger.page_envelopes(connection, stream, numbers)
        return {number: wire.decode_envelope(content) for number, content in found.items()}

    async def _add_clip(
        self, work: _Work, camera: str, number: int, told: wire.ProofClip, name: str
    ) -> Clip:
        """Carry a clip from the box into the ZIP, hashed on the way."""
        export = work.export
        receiver = Receiver(told)
        film = self._folder / f"{export.id}.film" if export.with_copy else None
        said = self._clock.monotonic_ns()
        info = zipfile.ZipInfo(name)
        with contextlib.ExitStack() as open_files:
            outs = [open_files.enter_context(work.archive.open(info, "w", force_zip64=True))]
            if film is not None:
                outs.append(open_files.enter_context(film.open("wb")))
            gathered = bytearray()

            def write(content: bytes) -> None:
                receiver.feed(content)
                for out in outs:
                    out.write(content)

            span = (export.from_ns, export.to_ns)
            async with contextlib.aclosing(
                work.site.clip(camera, "main", span, number, told)  # type: ignore[type-var]
            ) as chunks:
                async for chunk in chunks:
                    gathered += chunk
                    if len(gathered) < WRITE:
                        continue
                    await asyncio.to_thread(write, bytes(gathered))
                    work.done += len(gathered)
                    gathered.clear()
                    if self._clock.monotonic_ns() - said > NS:
                        said = self._clock.monotonic_ns()
                        await self._say_soon(work, "clips")
            await asyncio.to_thread(write, bytes(gathered))
            work.done += len(gathered)
        clip = receiver.finish(name)
        if film is not None:
            await self._say_soon(work, "copy")
            await self._add_copy(work, clip, film)
        return clip

    async def _add_copy(self, work: _Work, clip: Clip, film: Path) -> None:
        """A second film with name and time burned in, made by a process of its own."""
        export = work.export
        made = self._folder / f"{export.id}.copy"
        asked = export.asked.full_name or export.asked.name
        told = {
            "words": f"BẢN SAO, không dùng làm bản gốc. {export.request.body}, {asked}",
            "camera": clip.file.partition("/")[0].upper(),
            "begin": export.from_ns,
            "segments": [(int(one.from_), int(one.to)) for one in clip.segments],
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vonggac.evidence.copy", str(film), str(made),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, env=inherited(),
        )  # fmt: skip
        try:
            async with asyncio.timeout(COPY_S):
                _, said = await process.communicate(json.dumps(told).encode())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        if process.returncode != 0:
            why = said.decode(errors="replace").strip().rpartition("\n")[2][:200]
            raise VonggacError(Kind.INTERNAL, f"the copy of {clip.file} could not be made: {why}")
        name = f"copies/{clip.file.replace('/', '-')}"
        await asyncio.to_thread(_add_file, work, name, made)
        work.copies.append(name)
        film.unlink(missing_ok=True)
        made.unlink(missing_ok=True)

    async def _finish(self, work: _Work, partial: Path) -> None:
        """Minutes, manifest, seal."""
        export = work.export
        now_ns = self._clock.wall_ns()
        place = await asyncio.to_thread(self._place, export)
        values = minutes.values(
            export, place, work.cameras, work.copies, fingerprint(work.site.public_key)
        )
        sheet = await asyncio.to_thread(paper.pdf, "minutes", values)
        _add(work, "minutes.pdf", sheet)
        chain = await asyncio.to_thread(self._chain, work)
        for name, content in signers.announcement_files(chain).items():
            _add(work, name, content)
        assert export.decided is not None, "it was approved"
        manifest = Manifest(
            v=signers.version(chain),
            export=export.id,
            hub=self._hub,
            site=export.site_id,
            site_name=place.site.name,
            site_title=place.site.title,
            site_address=place.site.address,
            key=work.site.public_key,
            from_=str(export.from_ns),
            to=str(export.to_ns),
            made_at=str(now_ns),
            request=Request(
                number=export.request.number,
                date=export.request.dated,
                body=export.request.body,
                reason=export.request.reason,
                basis=export.request.basis,
            ),
            asked=_person(export.asked, export.asked_ns),
            approved=_person(export.decided, export.decided_ns or 0),
            cameras=tuple(work.cameras),
            files=work.files,
        )
        content = encode_manifest(manifest)
        digest = hashlib.sha256(content).hexdigest()
        sealed = await work.site.anchor(
            wire.AnchorAsk(what="export", digest=digest, name=export.id)
        )
        work.archive.writestr(MANIFEST, content)
        work.archive.writestr(SEAL, encode_sealed(sealed))

    def _place(self, export: Export) -> minutes.Place:
        with self._database.reading() as connection:
            return minutes.place(connection, export.site_id, now_ns=self._clock.wall_ns())

    def _chain(self, work: _Work) -> keys.Chain:
        with self._database.reading() as connection:
            found = site_keys.chain(connection, work.site.id)
        return found or keys.Chain(work.site.id, work.site.public_key)

    async def _check(self, partial: Path, site: Site) -> None:
        """Verify what is about to be handed out.

        Raises:
            VonggacError: CORRUPT, something in it is not as it was recorded.
        """

        def look() -> list[str]:
            with EvidenceZip(partial) as files:
                return verify(files, key=site.public_key).faults

        faults = await asyncio.to_thread(look)
        if faults:
            raise VonggacError(Kind.CORRUPT, f"the export does not verify: {faults[0]}")

    def _ready(self, export: Export, size: int, digest: str) -> None:
        with self._database.writing() as connection:
            exports.finish(
                connection, export.id, size=size, sha256=digest, now_ns=self._clock.wall_ns()
            )
        _log.info("export.ready", export=export.id, bytes=size)


def zip_path(folder: Path, export_id: str) -> Path:
    """Where the ZIP of an export lies. The id is this program's own, never a visitor's text."""
    return folder / f"{export_id}.zip"


def _person(someone: Someone, at_ns: int) -> Person:
    return Person(name=someone.name, full_name=someone.full_name, unit=someone.unit, at=str(at_ns))


def _add(work: _Work, name: str, content: bytes) -> None:
    work.archive.writestr(name, content)
    work.files[name] = hashlib.sha256(content).hexdigest()


def _add_file(work: _Work, name: str, path: Path) -> None:
    digest = hashlib.sha256()
    info = zipfile.ZipInfo(name)
    with path.open("rb") as source, work.archive.open(info, "w", force_zip64=True) as out:
        while block := source.read(WRITE):
            digest.update(block)
            out.write(block)
    work.files[name] = digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
