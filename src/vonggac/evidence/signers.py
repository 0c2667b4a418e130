"""Which keys may have signed what in an export: the announcements that it carries.

An export of a site that never changed its key (version 1) names that key and nothing else. After a
change (version 2) the files `keys/000001.json`, ... hold every announcement from the first key on,
as the site signed them; the manifest names the key that the last of them leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonggac import keys
from vonggac.errors import MalformedError, VonggacError
from vonggac.evidence import manifest as manifests

if TYPE_CHECKING:
    from vonggac import wire
    from vonggac.evidence.container import Files
    from vonggac.evidence.manifest import Manifest

FOLDER: Final = "keys/"


def announcement_file(number: int) -> str:
    """Where an announcement lies in the export."""
    return f"{FOLDER}{number:06d}.json"


def announcement_files(chain: keys.Chain) -> dict[str, bytes]:
    """The files of a chain; none until the key was changed."""
    return {
        announcement_file(change.fact.number): manifests.encode_sealed(change.envelope)
        for change in chain.changes
    }


def version(chain: keys.Chain) -> int:
    """Of a manifest: programs that know no announcements say that they do not know this one."""
    return 2 if chain.changes else 1


def chain_of(files: Files, told: Manifest, *, given: str | None, faults: list[str]) -> keys.Chain:
    """The keys of the site, as far as the export and the key that was given agree.

    Args:
        files: of the export.
        told: its manifest.
        given: a key of the site from somewhere else: its first, its newest or one between.
        faults: what is wrong is added.
    """
    if told.v == 1:
        if given is not None and given != told.key:
            faults.append("the export names another key than the one that was given")
        return keys.Chain(told.site, told.key if given is None else given)
    chain = _announced(files, told, faults)
    if chain.current != told.key:
        faults.append("the manifest names another key than the last that was announced")
    if given is not None and given not in chain.keys:
        faults.append("the key that was given is none of those that the site has had")
    return chain


def _announced(files: Files, told: Manifest, faults: list[str]) -> keys.Chain:
    """The chain, up to the first announcement that breaks it."""
    names = sorted(name for name in told.files if name.startswith(FOLDER))
    chain: keys.Chain | None = None
    for number in range(1, max(len(names), 1) + 1):
        name = announcement_file(number)
        if name not in names or name not in files.names():
            faults.append(f"the chain of keys is broken: {name} is missing")
            break
        try:
            envelope = sealed(files, name, told.site)
            if chain is None:
                chain = keys.Chain(told.site, keys.announced_old(envelope))
            chain = chain.follow(envelope)
        except VonggacError as error:
            faults.append(f"{name}: {error.message}")
            break
    return chain or keys.Chain(told.site, told.key)


def sealed(files: Files, name: str, site: str) -> wire.Envelope:
    """A signed fact of this site in a file; the signature is not looked at.

    Raises:
        MalformedError: it is none, or another site's.
    """
    if files.size(name) > manifests.MAX_SEALED:
        raise MalformedError("longer than any signed fact")
    with files.open(name) as file:
        envelope = manifests.decode_sealed(file.read())
    if envelope.site != site:
        raise MalformedError("signed by another site")
    return envelope
