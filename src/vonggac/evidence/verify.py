"""Is this export what the site recorded, whole and in order? Offline, with the site's public key.

The chain of proof, each link checked and each break named:

1. The seal is a fact signed by the site; it names the SHA-256 of the manifest.
2. The manifest names every file, and the hash of every part in every clip.
3. Init and parts lead to the root of their segment (RFC 9162), and that to the root in the page
   of their hour, which the site signed when it recorded.
4. Where the site changed its key, announcements lead from its first key to the one that sealed,
   each signed with the key that ended and countersigned with the next; each page is held against
   the key of its time.
5. Pages follow each other by hash and cover the span; what they call recorded is in the clips or
   declared absent; the gaps that the manifest names are theirs.

Who holds the site's key can say anything; who does not cannot change a bit unseen.  Everything is
read even after a fault, so that what was changed is named and not only that something was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from vonggac import wire
from vonggac.clock import NS, rfc3339
from vonggac.errors import MalformedError, VonggacError
from vonggac.evidence import manifest as manifests
from vonggac.evidence import signers
from vonggac.evidence.manifest import MANIFEST, SEAL
from vonggac.media import merkle
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vonggac import keys
    from vonggac.evidence.container import Files
    from vonggac.evidence.manifest import CameraEvidence, Clip, Manifest, Segment

SPAN_ENDS_NS: Final = NS
"""Pictures closer than this are one span, as in the ledger (ADR 0005); a slow camera's are four
intervals apart at most."""
MAX_FAULTS: Final = 200
"""Faults told; what is broken everywhere is not told part by part."""
_BLOCK: Final = 1 << 20


@dataclass
class Verdict:
    """What was found."""

    site: str = ""
    site_title: str = ""
    export: str = ""
    cameras: list[str] = field(default_factory=list)
    from_ns: int = 0
    to_ns: int = 0
    gaps: list[dict[str, str]] = field(default_factory=list)
    """Missing time inside the span: camera, from, to, cause (also expired and lost)."""
    faults: list[str] = field(default_factory=list)
    parts: int = 0
    """Parts whose hash was right."""
    fingerprint: str = ""
    """Of the key that sealed: it must be the one that the site shows, or showed then."""
    changes: list[wire.KeyChanged] = field(default_factory=list)
    """How one key of the site followed the other, from its first to the one that sealed."""
    key_given: bool = False

    @property
    def ok(self) -> bool:
        """Unchanged, complete but for the gaps, of these cameras and this time."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """As `vonggac verify --json` prints it."""
        return {
            "ok": self.ok,
            "site": self.site,
            "site_title": self.site_title,
            "export": self.export,
            "cameras": self.cameras,
            "from": rfc3339(self.from_ns) if self.from_ns else None,
            "to": rfc3339(self.to_ns) if self.to_ns else None,
            "gaps": self.gaps,
            "faults": self.faults,
            "parts": self.parts,
            "key": self.fingerprint,
            "key_changes": [
                {
                    "at": rfc3339(one.at),
                    "old": manifests.fingerprint(one.old),
                    "new": manifests.fingerprint(one.new),
                }
                for one in self.changes
            ],
            "key_given": self.key_given,
        }


class Stretch(NamedTuple):
    """Time, half-open, ns since 1970."""

    from_ns: int
    to_ns: int


class _Page(NamedTuple):
    page: wire.Page
    digest: str
    file: str


def verify(files: Files, *, key: str | None) -> Verdict:
    """Verify an export. Never raises for what is wrong in it.

    Args:
        files: its files.
        key: a public key that the site has or had (base64url, 43 characters), from somewhere
            else than the export; without one the export's own is used, and the verdict holds
            only if `fingerprint` is the site's.

    Raises:
        OSError: the files cannot be read.
    """
    found = Verdict(key_given=key is not None)
    told = _read_manifest(files, found)
    if told is None:
        return found
    found.site, found.site_title, found.export = told.site, told.site_title, told.export
    found.cameras = [camera.camera for camera in told.cameras]
    found.from_ns, found.to_ns = int(told.from_), int(told.to)
    try:
        manifests.fingerprint(told.key if key is None else key)
    except ValueError:
        found.faults.append("the public key is not 32 bytes in base64url")
        return found
    chain = signers.chain_of(files, told, given=key, faults=found.faults)
    found.fingerprint = manifests.fingerprint(chain.current)
    found.changes = [change.fact for change in chain.changes]
    _check_seal(files, told, chain, found)
    _check_files(files, told, found)
    for camera in told.cameras:
        _Camera(files, told, camera, chain, found).check()
    if len(found.faults) > MAX_FAULTS:
        more = len(found.faults) - MAX_FAULTS
        found.faults[MAX_FAULTS:] = [f"and {more} more faults"]
    return found


def _read_manifest(files: Files, found: Verdict) -> Manifest | None:
    if MANIFEST not in files.names():
        found.faults.append("there is no manifest.json: this is no export, or it was cut")
        return None
    if files.size(MANIFEST) > manifests.MAX_MANIFEST:
        found.faults.append("manifest.json is longer than any that this program writes")
        return None
    try:
        return manifests.decode_manifest(_content(files, MANIFEST))
    except MalformedError as error:
        found.faults.append(f"manifest.json was changed: {error.message}")
        return None


def _check_seal(files: Files, told: Manifest, chain: keys.Chain, found: Verdict) -> None:
    if SEAL not in files.names():
        found.faults.append("there is no seal.json: the site's signature is missing")
        return
    try:
        envelope = signers.sealed(files, SEAL, told.site)
        fact = wire.decode_fact(chain.verify(envelope).envelope.payload)
    except VonggacError as error:
        found.faults.append(f"seal.json: {error.message}")
        return
    if chain.key_at((envelope.epoch, envelope.sequence)) != chain.current:
        found.faults.append("seal.json: signed with a key that had ended before this export")
    if not isinstance(fact, wire.Anchored) or fact.what != "export" or fact.name != told.export:
        found.faults.append("seal.json is a fact of the site about something else")
    elif fact.digest != sha256(_content(files, MANIFEST)).hexdigest():
        found.faults.append("manifest.json was changed: it is not the one that the site signed")


def _check_files(files: Files, told: Manifest, found: Verdict) -> None:
    """Every file is named, every named file is there; clips are looked at with their cameras."""
    clips = {clip.file for camera in told.cameras for clip in camera.clips}
    there = set(files.names())
    named = {MANIFEST, SEAL, *told.files, *clips}
    found.faults += (f"{name}: the manifest does not name it" for name in sorted(there - named))
    found.faults += (f"{name} is missing" for name in sorted(named - there - {SEAL}))
    for name in sorted(there & told.files.keys()):
        digest = sha256()
        with files.open(name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != told.files[name]:
            found.faults.append(f"{name} was changed")


class _Camera:
    """One camera of an export while it is checked."""

    def __init__(
        self,
        files: Files,
        told: Manifest,
        camera: CameraEvidence,
        chain: keys.Chain,
        found: Verdict,
    ) -> None:
        self._files = files
        self._told = told
        self._camera = camera
        self._chain = chain
        self._found = found
        self._pages: dict[int, _Page] = {}
        self._covered: list[Stretch] = []

    def check(self) -> None:
        """Pages, clips, and whether they say the same."""
        before: _Page | None = None
        for name in self._camera.pages:
            page = self._page(name)
            if page is None:
                continue
            if before is not None and (
                page.page.number != before.page.number + 1 or page.page.previous != before.digest
            ):
                self._fault(f"{name} does not continue {before.file}")
            self._pages[page.page.number] = before = page
        self._check_span()
        last = (-1, -1)
        for clip in self._camera.clips:
            last = self._check_clip(clip, last)
        self._check_complete()

    def _fault(self, said: str) -> None:
        self._found.faults.append(f"{self._camera.camera}: {said}")

    def _page(self, name: str) -> _Page | None:
        """A signed page of this camera, or None and a fault."""
        if name not in self._files.names():
            return None  # told already
        try:
            envelope = signers.sealed(self._files, name, self._told.site)
            fact = wire.decode_fact(self._chain.verify(envelope).envelope.payload)
            if not isinstance(fact, wire.PageClosed):
                self._fault(f"{name} is a fact of the site about something else")
                return None
            raw = bytes(fact.page)
            page = wire.decode_page(raw)
        except VonggacError as error:
            self._fault(f"{name}: {error.message}")
            return None
        if page.site != self._told.site or page.camera != self._camera.camera:
            self._fault(f"{name} is a page of another camera")
            return None
        return _Page(page, sha256(raw).hexdigest(), name)

    def _check_span(self) -> None:
        """Signed pages cover the whole span; the first page of all may begin within it."""
        reach = int(self._told.from_)
        for one in sorted(self._pages.values(), key=lambda each: each.page.from_):
            page = one.page
            if page.from_ > reach and page.number == 0:
                self._gap(reach, page.from_, "before_ledger")
                reach = page.from_
            if page.from_ <= reach:
                reach = max(reach, page.to)
        end = int(self._told.to)
        if reach < end:
            self._fault(f"no signed page says what was from {_at(reach)} to {_at(end)}")

    def _gap(self, from_ns: int, to_ns: int, cause: str) -> None:
        self._found.gaps.append(
            {
                "camera": self._camera.camera,
                "from": rfc3339(from_ns),
                "to": rfc3339(to_ns),
                "cause": cause,
            }
        )

    # -- clips -----------------------------------------------------------------------------

    def _check_clip(self, clip: Clip, last: tuple[int, int]) -> tuple[int, int]:
        """Hash a clip from its first byte to its last; the place of its last segment."""
        if clip.file not in self._files.names():
            return last
        size = self._files.size(clip.file)
        if size < clip.size:
            self._fault(f"{clip.file} is cut: {size} of {clip.size} bytes are there")
        elif size > clip.size:
            self._fault(f"{clip.file}: {size - clip.size} bytes were added")
        faults = len(self._found.faults)
        digest = sha256()
        with self._files.open(clip.file) as file:
            digest.update(_exactly(file, clip.index))
            known = {
                leaf: (number, part)
                for number, segment in enumerate(clip.segments)
                for part, (_, leaf) in enumerate(segment.parts)
            }
            for number, segment in enumerate(clip.segments):
                where = (segment.page, segment.index)
                if where <= last:
                    self._fault(f"{clip.file}: segment {number + 1} is not in order of time")
                last = where
                self._check_segment(clip, number, file, digest, known)
            while block := file.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != clip.sha256 and len(self._found.faults) == faults:
            self._fault(f"{clip.file}: its index was changed; the recorded parts are whole")
        return last

    def _check_segment(
        self, clip: Clip, number: int, file: BinaryIO, digest: Any, known: dict[str, Any]
    ) -> None:
        segment = clip.segments[number]
        init = _exactly(file, segment.init)
        digest.update(init)
        content = [init]
        whole = True
        if merkle.leaf(init).hex() != segment.init_hash:
            self._fault(f"{clip.file}: the init of segment {number + 1} was changed")
            whole = False
        leaves = [bytes.fromhex(segment.init_hash), *map(bytes.fromhex, segment.before)]
        for at, (size, expected) in enumerate(segment.parts):
            part = _exactly(file, size)
            digest.update(part)
            content.append(part)
            leaf = merkle.leaf(part).hex()
            leaves.append(bytes.fromhex(expected))
            if leaf == expected:
                self._found.parts += 1
                continue
            whole = False
            where = f"{clip.file}: part {at + 1} of segment {number + 1}, {_near(segment, at)},"
            if leaf in known and known[leaf] != (number, at):
                self._fault(f"{where} is out of order: another part stands there")
            elif len(part) < size:
                self._fault(f"{where} is cut off")
            else:
                self._fault(f"{where} was changed")
        leaves += map(bytes.fromhex, segment.after)
        self._check_tree(clip, number, segment, leaves)
        if whole:
            self._check_content(clip, number, segment, b"".join(content))
        # What was changed is told as changed, and not as cut besides.
        self._covered.append(Stretch(int(segment.from_), int(segment.to)))

    def _check_tree(self, clip: Clip, number: int, segment: Segment, leaves: list[bytes]) -> None:
        """From the parts to the segment's root, and from there to the signed page's."""
        name = f"{clip.file}: segment {number + 1}"
        if merkle.root(leaves).hex() != segment.root:
            self._fault(f"{name}: its parts do not lead to its root")
        one = self._pages.get(segment.page)
        stream = None if one is None else _stream_of(one.page, self._camera.stream)
        if one is None or stream is None:
            self._fault(f"{name}: the page that holds it is not here")
            return
        root = merkle.root_from_path(
            merkle.leaf(bytes.fromhex(segment.root)),
            segment.index,
            stream.segments,
            [bytes.fromhex(beside) for beside in segment.path],
        )
        if root is None or root.hex() != stream.root:
            self._fault(f"{name} is not in the page that the site signed")

    def _check_content(self, clip: Clip, number: int, segment: Segment, content: bytes) -> None:
        """Whose pictures they are, and of which second, by the bytes that were hashed."""
        name = f"{clip.file}: segment {number + 1}"
        read = scan(lambda at, count: content[at : at + count], len(content))
        if read.init is None or len(read.parts) != len(segment.parts):
            self._fault(f"{name} cannot be read: {read.fault}")
            return
        identity = read.init.identity
        whose = (identity.site, identity.camera, identity.stream, identity.run.hex())
        if whose != (self._told.site, self._camera.camera, self._camera.stream, segment.run):
            self._fault(f"{name} is of {identity.camera}/{identity.stream}, another recording")
        shift = int(segment.shift)
        first, end = read.parts[0], read.parts[-1]
        start_ns = first.wall_ns + shift
        if start_ns != int(segment.from_):
            self._fault(f"{name} is of {_at(start_ns)}, not of {_at(int(segment.from_))}")
        one = self._pages.get(segment.page)
        begins_here = not segment.before
        if one is not None and begins_here and not one.page.from_ <= start_ns < one.page.to:
            self._fault(f"{name} is of {_at(start_ns)}, outside of the page that holds it")
        end_ns = end.wall_ns + shift + end.duration * 100_000 // 9
        if end_ns != int(segment.to):
            self._fault(f"{name} ends at {_at(end_ns)}, not at {_at(int(segment.to))}")
        if self._covered and start_ns < self._covered[-1].to_ns - SPAN_ENDS_NS:
            self._fault(f"{name} begins before the one before it ends")

    # -- completeness ----------------------------------------------------------------------

    def _check_complete(self) -> None:
        """What the pages call recorded is here or declared absent; their gaps are the manifest's.

        A clip may reach further than the span, to the keyframe before it and a part after it.
        """
        window = Stretch(int(self._told.from_), int(self._told.to))
        declared = [Stretch(int(one.from_), int(one.to)) for one in self._camera.absent]
        for absent in self._camera.absent:
            self._gap(int(absent.from_), int(absent.to), absent.why)
        gaps: list[tuple[int, int, str]] = []
        for one in sorted(self._pages.values(), key=lambda each: each.page.from_):
            stream = _stream_of(one.page, self._camera.stream)
            if stream is None:
                continue
            tolerance = tolerance_ns(stream)
            for span in stream.spans:
                for missing in uncovered(
                    clipped(Stretch(*span), window), [*self._covered, *declared], tolerance
                ):
                    self._fault(
                        f"cut: {_at(missing.from_ns)} to {_at(missing.to_ns)} was recorded and"
                        " is not here"
                    )
            gaps += gaps_of(stream, window)
        named = [(int(gap.from_), int(gap.to), gap.cause) for gap in self._camera.gaps]
        if joined_gaps(gaps) != named:
            self._fault("the gaps that the manifest names are not those of the signed pages")
        for from_ns, to_ns, cause in joined_gaps(gaps):
            self._gap(from_ns, to_ns, cause)


def clipped(stretch: Stretch, window: Stretch) -> Stretch:
    """What of a stretch lies in a window; empty or negative if nothing does."""
    return Stretch(max(stretch.from_ns, window.from_ns), min(stretch.to_ns, window.to_ns))


def uncovered(stretch: Stretch, covered: Sequence[Stretch], tolerance: int) -> Iterable[Stretch]:
    """What of a stretch nothing covers, for longer than the tolerance."""
    reach = stretch.from_ns
    for from_ns, to_ns in sorted(covered):
        if to_ns <= reach:
            continue
        if from_ns >= stretch.to_ns:
            break
        if from_ns - reach > tolerance:
            yield Stretch(reach, from_ns)
        reach = to_ns
    if stretch.to_ns - reach > tolerance:
        yield Stretch(reach, stretch.to_ns)


def tolerance_ns(stream: wire.PageStream) -> int:
    """How far apart two pictures of one span may be, by what the page says of the stream."""
    recorded = sum(to_ns - from_ns for from_ns, to_ns in stream.spans)
    return max(SPAN_ENDS_NS, 4 * recorded // max(1, stream.pictures))


def gaps_of(stream: wire.PageStream, window: Stretch) -> list[tuple[int, int, str]]:
    """The gaps of a page within a window: (from, to, cause)."""
    found = []
    for gap in stream.gaps:
        from_ns, to_ns = clipped(Stretch(gap.from_, gap.to), window)
        if from_ns < to_ns:
            found.append((from_ns, to_ns, gap.cause.value))
    return found


def joined_gaps(gaps: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Gaps in order; those of one cause that touch are one: pages end in the middle of them."""
    found: list[tuple[int, int, str]] = []
    for from_ns, to_ns, cause in sorted(gaps):
        if found and found[-1][1] == from_ns and found[-1][2] == cause:
            found[-1] = (found[-1][0], to_ns, cause)
        else:
            found.append((from_ns, to_ns, cause))
    return found


def _stream_of(page: wire.Page, stream: str) -> wire.PageStream | None:
    return next((one for one in page.streams if one.stream == stream), None)


def _content(files: Files, name: str) -> bytes:
    with files.open(name) as file:
        return file.read()


def _exactly(file: BinaryIO, size: int) -> bytes:
    """So many bytes, or fewer at the end of the file."""
    return file.read(size)


def _near(segment: Segment, at: int) -> str:
    """About when a part was recorded, by its place: the part itself may be what was changed."""
    from_ns, to_ns = int(segment.from_), int(segment.to)
    return f"about {_at(from_ns + at * (to_ns - from_ns) // len(segment.parts))}"


def _at(ns: int) -> str:
    return rfc3339(ns)
