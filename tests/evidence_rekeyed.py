"""What somebody does to an export of a site that changed its key, and what must be said of it.

Both verifiers are held against this list: the command and the page in the browser.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from evidence_made import KEY, NEW_KEY, OTHER_KEY, SITE, changed, export, sealed
from vonggac import keys, wire
from vonggac.evidence import MANIFEST, encode_sealed
from vonggac.evidence.manifest import decode_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGE = "keys/000001.json"
FIRST_PAGE, SECOND_PAGE = "pages/cam01-000000.json", "pages/cam01-000001.json"


def made(directory: Path) -> dict[str, bytes]:
    """An export over the hour at whose end the key was changed."""
    recorded, chain = changed(directory)
    return export(recorded, 599, 604, key=NEW_KEY, chain=chain)


def resealed(
    files: dict[str, bytes],
    *,
    by: keys.SigningKey = NEW_KEY,
    epoch: int = 9,
    without: str = "",
    **told: object,
) -> dict[str, bytes]:
    """The manifest written anew for these files, and sealed."""
    manifest = decode_manifest(files[MANIFEST])
    names = {name: sha256(files[name]).hexdigest() for name in manifest.files if name != without}
    manifest = msgspec.structs.replace(manifest, **{"files": names, **told})
    kept = {name: content for name, content in files.items() if name != without}
    return sealed(kept, manifest, by, epoch=epoch)


def signed_anew(
    files: dict[str, bytes], name: str, by: keys.SigningKey, *, epoch: int | None = None
) -> dict[str, bytes]:
    """One fact of the export with another signature or place."""
    old = msgspec.json.decode(files[name], type=wire.Envelope)
    at = old.epoch if epoch is None else epoch
    envelope = by.envelope(SITE, at, old.sequence, old.payload)
    return {**files, name: encode_sealed(envelope)}


def announced(
    files: dict[str, bytes], old: keys.SigningKey, new: keys.SigningKey
) -> dict[str, bytes]:
    """Another announcement in the place of the first."""
    chain = keys.Chain(SITE, old.public)
    return {**files, CHANGE: encode_sealed(keys.announce(chain, old, new, epoch=5, at_ns=7))}


def attacks(good: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes], str, str]]:
    """(what was done, the files, the key that is given, what must be said)."""
    first, newest = KEY.public, NEW_KEY.public
    yield "another site's key", good, OTHER_KEY.public, "none of those that the site has had"
    yield (
        "the announcement is gone", resealed(good, without=CHANGE), newest,
        f"the chain of keys is broken: {CHANGE} is missing",
    )  # fmt: skip
    yield (
        "a stranger's announcement", resealed(announced(good, OTHER_KEY, NEW_KEY)), first,
        "none of those that the site has had",
    )  # fmt: skip
    yield (
        "signed by a stranger", resealed(signed_anew(good, CHANGE, OTHER_KEY)), first,
        f"{CHANGE}: announcement 1 of a key is signed by a stranger",
    )  # fmt: skip
    yield (
        "signed by the new key itself", resealed(signed_anew(good, CHANGE, NEW_KEY)), first,
        f"{CHANGE}: announcement 1 of a key is signed by a stranger",
    )  # fmt: skip
    yield (
        "moved to another place", resealed(signed_anew(good, CHANGE, KEY, epoch=2)), first,
        "is not countersigned with the key that it announces",
    )  # fmt: skip
    yield (
        "the old key goes on", resealed(signed_anew(good, SECOND_PAGE, KEY)), newest,
        f"{SECOND_PAGE}: a fact is signed with key 1 of the site, which had ended before it",
    )  # fmt: skip
    yield (
        "the new key writes the past", resealed(signed_anew(good, FIRST_PAGE, NEW_KEY)), newest,
        f"{FIRST_PAGE}: a fact is signed with key 2 of the site, which did not sign yet",
    )  # fmt: skip
    yield (
        "a stranger's page", resealed(signed_anew(good, FIRST_PAGE, OTHER_KEY)), newest,
        f"{FIRST_PAGE}: a fact's signature is not the site's",
    )  # fmt: skip
    yield (
        "sealed with the old key, later", resealed(good, by=KEY), newest,
        "seal.json: a fact is signed with key 1 of the site, which had ended before it",
    )  # fmt: skip
    yield (
        "sealed with the old key, dated back", resealed(good, by=KEY, epoch=4), newest,
        "seal.json: signed with a key that had ended before this export",
    )  # fmt: skip
    yield (
        "back to the old key altogether", resealed(good, by=KEY, epoch=4, key=first), newest,
        "the manifest names another key than the last that was announced",
    )  # fmt: skip
    yield (
        "as if nothing had changed",
        resealed(good, by=KEY, epoch=4, key=first, v=1, without=CHANGE), newest,
        "the export names another key than the one that was given",
    )  # fmt: skip
    yield "of a later version", resealed(good, v=3), newest, "manifest.json was changed"
