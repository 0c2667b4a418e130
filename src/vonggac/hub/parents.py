"""The hub above this one: what `vonggac enrol` wrote down, made ready for this machine's server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vonggac import bus, keys
from vonggac.config import SiteConfig
from vonggac.errors import ConfigError, MalformedError
from vonggac.wire.enrolment import decode_enrolment

if TYPE_CHECKING:
    from vonggac.config import Config
    from vonggac.wire.enrolment import Enrolment

FILE = "parent.json"
"""Below the folder of keys: the document, whole, with its credentials (0600)."""


def read(config: Config, folder: Path) -> Enrolment | None:
    """The document of the hub above; None where this machine was enrolled nowhere.

    Args:
        config: `parent.file`, if it lies elsewhere.
        folder: of the keys.

    Raises:
        ConfigError: it is named and not there, open to others, or damaged.
    """
    path = folder / FILE if config.parent.file is None else Path(config.parent.file)
    if config.parent.file is None and not path.exists():
        return None
    try:
        return decode_enrolment(keys.read_secret(path).reveal().encode())
    except MalformedError as error:
        raise ConfigError(f"{path}: {error.message}") from error


def configured(config: Config, above: Enrolment | None) -> Config:
    """The configuration, with the facility as the hub above knows it unless a file says it."""
    if above is None or above.site is None or config.site != SiteConfig():
        return config
    site = above.site
    known = SiteConfig(site.name, site.title, site.address, site.owner_line)
    return msgspec.structs.replace(config, site=known)


def remote(config: Config, above: Enrolment, folder: Path) -> bus.Parent:
    """How this machine's server joins the one above; its credentials are written out for it.

    Raises:
        ConfigError: an address is not encrypted, or a file cannot be written.
    """
    paths = {}
    for name, content in (("control", above.control), ("media", above.media)):
        paths[name] = folder / f"parent-{name}.creds"
        keys.write_secret(paths[name], content)
    trusted = None
    if above.authority is not None:
        trusted = folder / "parent-ca.pem"
        keys.write_secret(trusted, above.authority)
    return bus.Parent(
        tuple(above.addresses), paths["control"], paths["media"], trusted, config.parent.proxy
    )
