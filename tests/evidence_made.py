"""An export as the box and the hub make it, from real pictures, without waiting for an hour.

The box's part is the real one (catalog, pages, `edge.proof`); the hub's is `evidence.gather`.
"""

from __future__ import annotations

import base64
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from footage import DAY_NS, IDENTITY, Footage, footage, segment_of
from vonggac import keys, wire
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.config import Secret
from vonggac.edge import pages
from vonggac.edge.catalog import Catalog, CatalogReader, pack_keyframes
from vonggac.edge.proof import prove
from vonggac.edge.recovery import CATALOG, insert_page, page_row, read_segment
from vonggac.evidence import (
    MANIFEST,
    SEAL,
    Manifest,
    Person,
    Request,
    encode_manifest,
    encode_sealed,
    signers,
)
from vonggac.evidence.gather import Receiver, camera_evidence

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.edge.proof import Proven

SITE = "k3vq7m2xw5tdhn6ryb4pcz2aej"
KEY = keys.SigningKey(Secret(base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")))
NEW_KEY = keys.SigningKey(Secret(base64.urlsafe_b64encode(b"\7" * 32).decode().rstrip("=")))
OTHER_KEY = keys.SigningKey(Secret(base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")))
HOUR = DAY_NS + 10 * 3_600 * NS
"""Recording began ten minutes before the end of this hour."""
BEGIN = HOUR + 50 * 60 * NS
TINY = footage(seconds=4, size=(64, 48), gop=10, fps=10)
"""Small enough that an export of it is verified in some milliseconds."""


@dataclass(frozen=True)
class Recorded:
    """A recording directory and the signed pages of it."""

    directory: Path
    envelopes: dict[int, wire.Envelope]


def envelope(
    fact: wire.Fact, sequence: int, key: keys.SigningKey = KEY, *, epoch: int = 3
) -> wire.Envelope:
    return key.envelope(SITE, epoch, sequence, wire.encode_fact(fact))


def record(
    directory: Path,
    starts_s: tuple[float, ...] = (0, 4, 8),
    *,
    film: Footage = TINY,
    films: tuple[Footage, ...] = (),
    until_s: float = 20,
    camera: str = "cam01",
) -> Recorded:
    """Segments that begin so many seconds after `BEGIN`, each as long as the film; a page an hour.

    Where no segment is, the camera was unreachable.
    """
    catalog = Catalog(directory / CATALOG)
    ends = []
    for number, at in enumerate(starts_s):
        source = films[number] if films else film
        start = BEGIN + int(at * NS)
        data = segment_of(source, wall_ns=start, sequence=number * 1_000)
        data = data.replace(IDENTITY.site.encode(), SITE.encode())
        if camera != IDENTITY.camera:
            data = data.replace(b"\x05cam01", bytes([len(camera)]) + camera.encode())
        path = directory / camera / f"{camera}_main_2026-08-01_10-50-00_{number:012x}-0000.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        found = read_segment(path)
        assert found is not None
        row = (
            camera, "main", found.run, 3, number, str(path.relative_to(directory)),
            found.start_ns, found.end_ns, 0, found.size, found.pictures, found.parts, found.root,
            pack_keyframes(found.keyframes),
        )  # fmt: skip
        catalog.submit(
            lambda db, v=row: db.execute(
                "insert into segment (camera, stream, run, epoch, number, path, start_ns, end_ns,"
                " base_ticks, size, pictures, parts, root, keyframes)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                v,
            )
        )
        ends.append((found.start_ns, found.end_ns))
    reach = BEGIN
    for start, end in [*ends, (BEGIN + int(until_s * NS), 0)]:
        if start - reach > NS:
            gap = (camera, "main", reach, start, Cause.UNREACHABLE, "no route", 3)
            catalog.submit(
                lambda db, v=gap: db.execute(
                    "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    v,
                )
            )
        reach = max(reach, end)
    assert catalog.flush()
    envelopes: dict[int, wire.Envelope] = {}
    previous = b""
    last = BEGIN + int(until_s * NS)
    for number, (begin, end) in enumerate(pages.hours_between(BEGIN, last)):
        with closing(CatalogReader(directory / CATALOG)) as reader:
            page = pages.compose(
                reader, site=SITE, camera=camera, streams=["main"], from_ns=begin, to_ns=end,
                number=number, previous=previous,
            )  # fmt: skip
        raw = wire.encode_page(page)
        row = page_row(bytes(raw))
        catalog.submit(lambda db, v=row: insert_page(db, v))  # type: ignore[misc]
        fact = wire.PageClosed(at=end, camera=camera, page=raw)
        envelopes[number] = envelope(fact, number)
        previous = pages.digest(page)
    assert catalog.flush()
    catalog.close()
    return Recorded(directory, envelopes)


def proven(recorded: Recorded, from_s: float, to_s: float, camera: str = "cam01") -> Proven:
    return prove(
        recorded.directory, camera, "main", BEGIN + int(from_s * NS), BEGIN + int(to_s * NS)
    )


def export(
    recorded: Recorded,
    from_s: float,
    to_s: float,
    *,
    key: keys.SigningKey = KEY,
    chain: keys.Chain | None = None,
) -> dict[str, bytes]:
    """The files of an export of a span, in seconds after `BEGIN`; `chain` leads to the key."""
    found = proven(recorded, from_s, to_s)
    assert found.proof.ready
    files: dict[str, bytes] = {}
    clips = []
    for number, (told, clip) in enumerate(zip(found.proof.clips, found.clips, strict=True), 1):
        name = f"cam01/clip-{number}.mp4"
        files[name] = clip.read(0, clip.size)
        receiver = Receiver(told)
        for at in range(0, clip.size, 1_000):
            receiver.feed(files[name][at : at + 1_000])
        clips.append(receiver.finish(name))
    span = (BEGIN + int(from_s * NS), BEGIN + int(to_s * NS))
    camera, page_files = camera_evidence(
        camera="cam01", title="Hành lang", zone="HL", stream="main", span=span,
        proof=found.proof, clips=clips,
        pages=[recorded.envelopes[number] for number in found.proof.pages],
    )  # fmt: skip
    chain = chain or keys.Chain(SITE, key.public)
    others = {**page_files, "minutes.pdf": b"%PDF-1.7 a document\n"}
    others |= signers.announcement_files(chain)
    manifest = Manifest(
        v=signers.version(chain), export="x" * 26, hub="h" * 26, site=SITE, site_name="sl-05",
        site_title="KS Mường Hoa", site_address="214 Đường Bờ Sông", key=key.public,
        from_=str(span[0]), to=str(span[1]), made_at=str(HOUR),
        request=Request(number="12/CV", date="2026-08-01", body="CQĐT", reason="r", basis="b"),
        asked=Person(name="an", full_name="", unit="", at=str(HOUR)),
        approved=Person(name="binh", full_name="", unit="", at=str(HOUR)),
        cameras=(camera,),
        files={name: sha256(content).hexdigest() for name, content in others.items()},
    )  # fmt: skip
    return sealed({**files, **others}, manifest, key, epoch=9 if chain.changes else 3)


def changed(directory: Path) -> tuple[Recorded, keys.Chain]:
    """Two pages, and the key that was changed between them."""
    recorded = record(directory, (0, 597, 601), until_s=620)
    chain = keys.Chain(SITE, KEY.public)
    chain = chain.follow(keys.announce(chain, KEY, NEW_KEY, epoch=5, at_ns=HOUR))
    later = NEW_KEY.envelope(SITE, 9, 1, recorded.envelopes[1].payload)
    return Recorded(directory, {**recorded.envelopes, 1: later}), chain


def sealed(
    files: dict[str, bytes], manifest: Manifest, key: keys.SigningKey = KEY, *, epoch: int = 3
) -> dict[str, bytes]:
    """The files with this manifest, and the site's word for it."""
    content = encode_manifest(manifest)
    fact = wire.Anchored(
        at=HOUR, what="export", digest=sha256(content).hexdigest(), name=manifest.export
    )
    seal = encode_sealed(envelope(fact, 999, key, epoch=epoch))
    return {**files, MANIFEST: content, SEAL: seal}


__all__ = [
    "BEGIN",
    "KEY",
    "NEW_KEY",
    "OTHER_KEY",
    "TINY",
    "changed",
    "export",
    "proven",
    "record",
    "replace",
    "sealed",
]
