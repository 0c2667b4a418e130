"""The sites whose boxes this hub asks: its own machine's, and every one that was enrolled.

The database says which they are, each time somebody asks, so that a site that was enrolled, given
another key or revoked a moment ago is known as it is now.  On one machine there is one: its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonggac.domain import hubs, registry
from vonggac.errors import Kind, VonggacError
from vonggac.hub.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac import keys
    from vonggac.bus import Asker
    from vonggac.clock import Clock
    from vonggac.db import Connection


class Sites:
    """Finds the site to ask. Its questions belong to the loop; `look` is for any thread.

    Args:
        asker: started, listening for answers from every site.
        key: the hub's signing key.
        clock: wall time.
        own: the box of this machine, whose register this hub keeps; None: it has none.
    """

    def __init__(
        self, asker: Asker, key: keys.SigningKey, clock: Clock, *, own: Site | None = None
    ) -> None:
        self.own = own
        self._asker = asker
        self._key = key
        self._clock = clock
        self._known: dict[str, Site] = {} if own is None else {own.id: own}

    @property
    def own_id(self) -> str:
        """The site of this machine's own box; empty without one."""
        return "" if self.own is None else self.own.id

    def reaches(self, connection: Connection, site_id: str) -> bool:
        """Whether this hub asks that site's box."""
        if site_id == self.own_id:
            return True
        if not registry.boxes(connection, [site_id]):
            return False
        return site_id not in hubs.behind(connection) or site_id in hubs.ways(connection, [site_id])

    def look(self, connection: Connection, site_id: str) -> Site:
        """The site to ask.

        Raises:
            VonggacError: UNAVAILABLE, its box is not asked from here.
        """
        if self.own is not None and site_id == self.own.id:
            return self.own
        found = self._take(connection, registry.boxes(connection, [site_id]))
        if not found:
            self._known.pop(site_id, None)
            raise _unreached()
        return found[0]

    def every(self, connection: Connection) -> list[Site]:
        """All of them, this machine's own first."""
        found = self._take(connection, registry.boxes(connection))
        others = [site for site in found if site is not self.own]
        return others if self.own is None else [self.own, *others]

    def of(self, site_id: str) -> Site:
        """A site that was looked for before: for the loop, which does not read the database.

        Raises:
            VonggacError: UNAVAILABLE, its box is not asked from here.
        """
        site = self._known.get(site_id)
        if site is None:
            raise _unreached()
        return site

    def _take(self, connection: Connection, boxes: Sequence[tuple[str, str]]) -> list[Site]:
        found = []
        behind, ways = hubs.behind(connection), hubs.ways(connection)
        for site_id, public_key in boxes:
            way = ways.get(site_id)
            if site_id in behind and way is None:
                continue  # its hub was cut off
            site = self._known.get(site_id)
            if site is None or (
                site is not self.own and (site.public_key, site.way) != (public_key, way)
            ):
                site = Site(
                    self._asker, self._key, self._clock, site_id=site_id, public_key=public_key,
                    way=way,
                )  # fmt: skip
                self._known[site_id] = site
            found.append(site)
        return found


def _unreached() -> VonggacError:
    return VonggacError(Kind.UNAVAILABLE, "this hub does not reach that camera's site")
