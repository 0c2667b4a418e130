"""The register: the site and its cameras, and the rule that says where none may stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import sqlalchemy as sa

from vonggac.config import NAME, Secret
from vonggac.db import Connection, once, tables
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vonggac.config import Config
    from vonggac.domain.rules import ForbiddenZone, Placement
    from vonggac.keys import Box

TITLE_LIMIT = 120
"""Characters of a title: two lines of a caption."""
URL_LIMIT = 500
"""Characters of a stream address."""


@dataclass(frozen=True, slots=True)
class Site:
    """One quarantine facility."""

    id: str
    name: str
    title: str
    address: str
    owner_line: str
    public_key: str | None
    retention_days: int
    created_ns: int


@dataclass(frozen=True, slots=True)
class Camera:
    """A registered camera, without its password."""

    id: str
    site_id: str
    name: str
    title: str
    zone: str
    main_url: str
    sub_url: str | None
    source: Literal["auto", "rtsp", "libav"]
    transcode: bool
    record_sub: bool | None
    audio: bool
    user_name: str
    has_password: bool
    retention_days: int | None
    origin: Literal["page", "config"]
    revision: int
    created_ns: int


SOURCES: Final = ("auto", "rtsp", "libav")
"""How a camera's stream is taken: ours first, ours, or FFmpeg."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form, the API or the configuration says a camera should be."""

    name: str
    title: str
    zone: str
    main_url: str
    sub_url: str | None = None
    source: str = "auto"
    transcode: bool = False
    record_sub: bool | None = None
    audio: bool = False
    user_name: str = ""
    password: Secret | None = None
    """None keeps the stored one."""
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that cannot stay as it is.

    `code` is a key of the pages' words; a refused place carries its own sentences.
    """

    field: str
    code: str
    message: str
    place: ForbiddenZone | None = None


class Unacceptable(VonggacError):  # noqa: N818 - the draft is, not the program
    """A draft with problems, all of them at once.

    Args:
        problems: at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            Kind.BAD_INPUT,
            "; ".join(problem.message for problem in problems),
            fields={problem.field: problem.message for problem in problems},
        )
        self.problems = tuple(problems)

    @property
    def refused_place(self) -> ForbiddenZone | None:
        """The place where no camera may stand, if that is among the problems."""
        return next((problem.place for problem in self.problems if problem.place), None)


def check(draft: Draft, placement: Placement, *, address: bool = True) -> tuple[Problem, ...]:
    """Everything that is wrong with a draft; empty when it can be registered.

    The first rule is not technical: no camera stands in a room, a toilet or a bath.

    Args:
        draft: what the camera should be.
        placement: the rule in force.
        address: it has one; False: nobody has measured it, and none is known yet.
    """
    found: list[Problem] = []
    place = placement.refusal(draft.zone, draft.name.replace("-", " "), draft.title)
    if place is not None:
        said = f"{place.refusal.en} ({placement.name.en})"
        found.append(Problem("zone", "forbidden_zone", said, place))
    elif placement.zone(draft.zone) is None:
        found.append(Problem("zone", "unknown_zone", f"zone {draft.zone!r} is not in the rule"))
    if not re.fullmatch(NAME, draft.name):
        found.append(
            Problem("name", "bad_name", "name: use a-z, 0-9 and -, at most 63, as in hl-2a")
        )
    if len(draft.title) > TITLE_LIMIT:
        found.append(Problem("title", "too_long", f"title: at most {TITLE_LIMIT} characters"))
    if address or draft.main_url:
        found.extend(url_problems("main_url", draft.main_url))
    if draft.sub_url:
        found.extend(url_problems("sub_url", draft.sub_url))
    if draft.source not in SOURCES:
        found.append(Problem("source", "bad_source", "source: auto, rtsp or libav"))
    if draft.retention_days is not None and not 1 <= draft.retention_days <= 3650:
        found.append(Problem("retention_days", "bad_days", "retention_days: 1 to 3650"))
    return tuple(found)


def with_credentials_apart(draft: Draft) -> Draft:
    """The draft with user and password moved out of its addresses, so that none is stored there."""
    main, user, password = split_credentials(draft.main_url)
    sub, sub_user, sub_password = split_credentials(draft.sub_url or "")
    secret = draft.password
    if secret is None and (password or sub_password):
        secret = Secret(password or sub_password)
    return Draft(
        name=draft.name.strip(),
        title=" ".join(draft.title.split()),
        zone=draft.zone.strip().upper(),
        main_url=main,
        sub_url=sub or None,
        source=draft.source,
        transcode=draft.transcode,
        record_sub=draft.record_sub,
        audio=draft.audio,
        user_name=draft.user_name.strip() or user or sub_user,
        password=secret,
        retention_days=draft.retention_days,
    )


def split_credentials(url: str) -> tuple[str, str, str]:
    """An address without its credentials, and the credentials.

    The last @ of the authority ends the credentials, because passwords hold @ and : unescaped.
    An address that cannot be read comes back unchanged; `check` refuses it.
    """
    url = url.strip()
    scheme, mark, rest = url.partition("://")
    if not mark or "@" not in rest:
        return url, "", ""
    # A password may hold / ? and # too; the authority ends at the first of them after the last @
    # that is followed by something that can be a host.
    userinfo, _, tail = rest.rpartition("@")
    user, _, password = userinfo.partition(":")
    return f"{scheme}://{tail}", unquote(user), unquote(password)


def ensure_site(
    connection: Connection, config: Config, *, site_id: str, public_key: str | None, now_ns: int
) -> Site:
    """Register the configured site, or bring its row up to the configuration.

    Raises:
        VonggacError: CONFLICT, the site is known with another key; facts would be refused.
    """
    known = site(connection, site_id)
    values = {
        "name": config.site.name,
        "title": config.site.title,
        "address": config.site.address,
        "owner_line": config.site.owner_line,
        "retention_days": config.retention.days,
    }
    if known is None:
        connection.execute(
            tables.site.insert().values(
                id=site_id, public_key=public_key, created_ns=now_ns, **values
            )
        )
    else:
        if public_key and known.public_key and known.public_key != public_key:
            raise VonggacError(
                Kind.CONFLICT,
                f"site {site_id} is known with another key; if its box was replaced, "
                "set the new key with an administrator's word, not silently",
            )
        values["public_key"] = known.public_key or public_key or None
        connection.execute(tables.site.update().where(tables.site.c.id == site_id).values(values))
    found = site(connection, site_id)
    assert found is not None, "just written"
    return found


def site(connection: Connection, site_id: str) -> Site | None:
    """The site with this id."""
    row = connection.execute(_sites().where(tables.site.c.id == site_id)).one_or_none()
    return None if row is None else Site(*row)


def sites(connection: Connection) -> list[Site]:
    """Every site, by name."""
    return [Site(*row) for row in connection.execute(_sites().order_by(tables.site.c.name)).all()]


def boxes(connection: Connection, site_ids: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """(site, key) of every box that was enrolled, or of these sites' boxes, by site."""
    table = tables.site
    query = sa.select(table.c.id, table.c.public_key).where(table.c.public_key.is_not(None))
    if site_ids is not None:
        query = query.where(table.c.id.in_(site_ids))
    rows = connection.execute(query.order_by(table.c.id)).all()
    return [(site_id, public_key) for site_id, public_key in rows]


def titles(connection: Connection) -> dict[str, str]:
    """What people call each site, by its id; not to be changed."""
    return once(connection, _titles)


def _titles(connection: Connection) -> dict[str, str]:
    table = tables.site
    rows = connection.execute(sa.select(table.c.id, table.c.title, table.c.name)).all()
    return {site_id: title or name for site_id, title, name in rows}


def cameras(connection: Connection, site_id: str | None = None) -> list[Camera]:
    """Registered cameras, by zone and name; those that were retired are not among them."""
    query = _cameras().where(tables.camera.c.retired_ns.is_(None))
    if site_id is not None:
        query = query.where(tables.camera.c.site_id == site_id)
    rows = connection.execute(query.order_by(tables.camera.c.zone, tables.camera.c.name)).all()
    return [_camera(row) for row in rows]


def cameras_of(connection: Connection, site_ids: Sequence[str] | None) -> list[Camera]:
    """Registered cameras of these sites, or of all, by site, zone and name."""
    table = tables.camera
    query = _cameras().where(table.c.retired_ns.is_(None))
    if site_ids is not None:
        query = query.where(table.c.site_id.in_(site_ids))
    rows = connection.execute(query.order_by(table.c.site_id, table.c.zone, table.c.name)).all()
    return [_camera(row) for row in rows]


def camera(connection: Connection, camera_id: str) -> Camera:
    """One camera.

    Raises:
        VonggacError: NOT_FOUND, there is none, or it was retired.
    """
    row = connection.execute(
        _cameras().where(tables.camera.c.id == camera_id, tables.camera.c.retired_ns.is_(None))
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    return _camera(row)


def cameras_named(connection: Connection, camera_ids: Sequence[str]) -> dict[str, Camera]:
    """`camera` of many, asked for together; without those that there are not."""
    rows = connection.execute(
        _cameras().where(tables.camera.c.id.in_(camera_ids), tables.camera.c.retired_ns.is_(None))
    ).all()
    return {row.id: _camera(row) for row in rows}


def password_of(connection: Connection, camera_id: str, box: Box) -> Secret:
    """The camera's password; empty when it has none.

    Raises:
        VonggacError: CORRUPT, it was sealed with another key file.
    """
    sealed = connection.execute(
        sa.select(tables.camera.c.password_sealed).where(tables.camera.c.id == camera_id)
    ).scalar_one_or_none()
    return box.unlock(sealed, camera_id) if sealed else Secret("")


def register_camera(
    connection: Connection,
    site_id: str,
    draft: Draft,
    *,
    placement: Placement,
    box: Box,
    now_ns: int,
    origin: Literal["page", "config"] = "page",
    measured: bool = True,
) -> Camera:
    """Add a camera to the register, in service from now on; one that is not `measured` waits.

    Raises:
        Unacceptable: the draft has problems; nothing was written.
    """
    draft = with_credentials_apart(draft)
    problems = list(check(draft, placement, address=measured))
    taken = connection.execute(
        sa.select(tables.camera.c.id, tables.camera.c.retired_ns).where(
            tables.camera.c.site_id == site_id, tables.camera.c.name == draft.name
        )
    ).one_or_none()
    if taken is not None and taken.retired_ns is None:
        problems.append(Problem("name", "name_taken", f"name: {draft.name} is taken in this site"))
    if problems:
        raise Unacceptable(problems)
    if taken is not None:
        camera_id = taken.id
        connection.execute(
            tables.camera.update()
            .where(tables.camera.c.id == camera_id)
            .values(
                **_values(draft, box, camera_id),
                origin=origin,
                revision=tables.camera.c.revision + 1,
                updated_ns=now_ns,
                retired_ns=None,
            )
        )
    else:
        camera_id = free_id(connection, draft.name, site_id)
        connection.execute(
            tables.camera.insert().values(
                id=camera_id,
                site_id=site_id,
                name=draft.name,
                origin=origin,
                revision=1,
                created_ns=now_ns,
                updated_ns=now_ns,
                **_values(draft, box, camera_id),
            )
        )
    if measured:
        put_in_service(connection, [camera_id], now_ns=now_ns)
    return camera(connection, camera_id)


def edit_camera(
    connection: Connection,
    camera_id: str,
    draft: Draft,
    *,
    revision: int | None,
    placement: Placement,
    box: Box,
    now_ns: int,
) -> Camera:
    """Change a camera. Its name stays: recordings are filed under it.

    Args:
        connection: a writing transaction.
        camera_id: which camera.
        draft: what it should be; `password=None` keeps the stored one.
        revision: what the form was made from; None overwrites whatever is there.
        placement: the rule in force.
        box: encrypts the password.
        now_ns: UTC now.

    Raises:
        Unacceptable: the draft has problems.
        VonggacError: NOT_FOUND; CONFLICT when somebody edited it meanwhile, or the configuration
            file keeps it.
    """
    before = camera(connection, camera_id)
    if before.origin == "config":
        raise VonggacError(
            Kind.CONFLICT,
            f"{before.name} stands in the configuration file; edit it there and restart",
            code="kept_by_config",
        )
    if revision is not None and revision != before.revision:
        raise VonggacError(
            Kind.CONFLICT,
            "somebody else changed this camera meanwhile; open the form again",
            code="stale_form",
        )
    draft = with_credentials_apart(draft)
    problems = list(check(draft, placement))
    if draft.name != before.name:
        problems.append(
            Problem(
                "name", "name_fixed", f"name: stays {before.name}, recordings are filed under it"
            )
        )
    if problems:
        raise Unacceptable(problems)
    connection.execute(
        tables.camera.update()
        .where(tables.camera.c.id == camera_id)
        .values(**_values(draft, box, camera_id), revision=before.revision + 1, updated_ns=now_ns)
    )
    # Whoever saves the form has confirmed the address that stands in it.
    waiting = unmeasured(connection, before.site_id) & {camera_id}
    put_in_service(connection, waiting, now_ns=now_ns)
    return camera(connection, camera_id)


def register_many(
    connection: Connection,
    drafts: Sequence[tuple[str, Draft]],
    *,
    placement: Placement,
    now_ns: int,
) -> list[str]:
    """Add cameras to the register, each (site, draft), in service from now on; returns their ids.

    As `register_camera`, in a handful of statements, and without passwords.

    Raises:
        Unacceptable: a draft has problems, or its name is taken; the transaction is to be undone.
    """
    sites = {site_id for site_id, _ in drafts}
    table = tables.camera
    gone = {
        (row.site_id, row.name): row.id
        for row in connection.execute(
            sa.select(table.c.site_id, table.c.name, table.c.id).where(
                table.c.retired_ns.is_not(None)
            )
        )
        if row.site_id in sites
    }
    ids = set(connection.execute(sa.select(table.c.id)).scalars())
    found, fresh, back = [], [], []
    for site_id, draft in drafts:
        if problems := check(draft, placement):
            raise Unacceptable(problems)
        plain: dict[str, object] = {**_plain(draft), "origin": "page", "updated_ns": now_ns}
        camera_id = gone.get((site_id, draft.name))
        if camera_id is not None:
            back.append({"b_id": camera_id, "retired_ns": None, **plain})
        else:
            camera_id = draft.name if draft.name not in ids else f"{draft.name}-{site_id[:8]}"
            while camera_id in ids:
                camera_id += "x"
            ids.add(camera_id)
            fresh.append(
                {"id": camera_id, "site_id": site_id, "name": draft.name, "revision": 1,
                 "created_ns": now_ns, **plain}
            )  # fmt: skip
        found.append(camera_id)
    if fresh:
        connection.execute(table.insert(), fresh)
    if back:
        connection.execute(_update_of_many().values(revision=table.c.revision + 1), back)
    put_in_service(connection, found, now_ns=now_ns)
    return found


def edit_many(
    connection: Connection,
    drafts: Sequence[tuple[str, Draft]],
    *,
    placement: Placement,
    now_ns: int,
) -> None:
    """Change cameras, each (id, draft); names and passwords stay. As `edit_camera`.

    Raises:
        Unacceptable: a draft has problems; the transaction is to be undone.
    """
    for _, draft in drafts:
        if problems := check(draft, placement, address=bool(draft.main_url)):
            raise Unacceptable(problems)
    told = {camera_id: draft.main_url for camera_id, draft in drafts}
    waiting = cameras_named(connection, sorted(unmeasured(connection) & set(told)))
    confirmed = [one.id for one in waiting.values() if told[one.id] not in ("", one.main_url)]
    put_in_service(connection, confirmed, now_ns=now_ns)
    if drafts:
        connection.execute(
            _update_of_many().values(revision=tables.camera.c.revision + 1),
            [{"b_id": one, "updated_ns": now_ns, **_plain(draft)} for one, draft in drafts],
        )


def _update_of_many() -> sa.Update:
    return tables.camera.update().where(tables.camera.c.id == sa.bindparam("b_id"))


def retire_camera(connection: Connection, camera_id: str, *, reason: str, now_ns: int) -> Camera:
    """Take a camera out of the register; its recordings and its ledger stay.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT when the configuration file keeps it.
    """
    before = camera(connection, camera_id)
    if before.origin == "config":
        raise VonggacError(
            Kind.CONFLICT,
            f"{before.name} stands in the configuration file; take it out there and restart",
            code="kept_by_config",
        )
    take_out(connection, camera_id, reason=reason, now_ns=now_ns)
    return before


def follow_config(
    connection: Connection,
    site_id: str,
    config: Config,
    *,
    placement: Placement,
    box: Box,
    now_ns: int,
) -> list[Camera]:
    """Bring the cameras of the configuration file into the register; cameras of pages stay.

    Raises:
        Unacceptable: a configured camera has problems: the program does not start, and says which.
        ConfigError: a password cannot be read.
    """
    wanted = {camera.name: camera for camera in config.cameras}
    known = {found.name: found for found in cameras(connection, site_id)}
    for name, found in known.items():
        if found.origin == "config" and name not in wanted:
            take_out(connection, found.id, reason="taken out of the configuration", now_ns=now_ns)
    for name, conf in wanted.items():
        draft = Draft(
            name=name,
            title=conf.title,
            zone=conf.zone,
            main_url=conf.main.url,
            sub_url=conf.sub.url if conf.sub else None,
            source=conf.main.source,
            transcode=conf.main.transcode,
            record_sub=conf.sub.record if conf.sub else None,
            audio=conf.main.audio,
            user_name=conf.user,
            password=conf.password.read(f"cameras.{name}.password") if conf.password else None,
            retention_days=conf.retention_days,
        )
        if name in known:
            apart = with_credentials_apart(draft)
            problems = check(apart, placement)
            if problems:
                raise Unacceptable(problems)
            connection.execute(
                tables.camera.update()
                .where(tables.camera.c.id == known[name].id)
                .values(**_values(apart, box, known[name].id), origin="config", updated_ns=now_ns)
            )
            waiting = unmeasured(connection, site_id) & {known[name].id}
            put_in_service(connection, waiting, now_ns=now_ns)
        else:
            register_camera(
                connection,
                site_id,
                draft,
                placement=placement,
                box=box,
                now_ns=now_ns,
                origin="config",
            )
    return cameras(connection, site_id)


def unmeasured(connection: Connection, site_id: str | None = None) -> frozenset[str]:
    """Cameras (*chưa đo*) that stand in the register and wait until their address is confirmed.

    They came from a survey in which nobody measured them: no box is told to record them, and they
    count in no figure of continuity.
    """
    camera, service = tables.camera, tables.camera_service
    # Asked of each camera by the index: of a facility this is a handful of look-ups.
    serving = sa.exists().where(service.c.camera_id == camera.c.id, service.c.to_ns.is_(None))
    query = sa.select(camera.c.id).where(camera.c.retired_ns.is_(None), ~serving)
    if site_id is not None:
        query = query.where(camera.c.site_id == site_id)
    return frozenset(connection.execute(query).scalars())


def put_in_service(connection: Connection, camera_ids: Iterable[str], *, now_ns: int) -> None:
    """From now on these cameras are expected to record."""
    rows = [{"camera_id": one, "from_ns": now_ns, "to_ns": None} for one in camera_ids]
    if rows:
        connection.execute(tables.camera_service.insert(), rows)


def confirm_address(connection: Connection, camera_id: str, url: str, *, now_ns: int) -> None:
    """Write the address at which a camera was measured; it is in service from now on.

    Raises:
        Unacceptable: it is no address of a stream.
    """
    plain, _, _ = split_credentials(url)
    if problems := url_problems("main_url", plain):
        raise Unacceptable(problems)
    table = tables.camera
    connection.execute(
        table.update()
        .where(table.c.id == camera_id)
        .values(main_url=plain, revision=table.c.revision + 1, updated_ns=now_ns)
    )
    put_in_service(connection, unmeasured(connection) & {camera_id}, now_ns=now_ns)


def in_service(
    connection: Connection, camera_ids: Sequence[str], from_ns: int, to_ns: int
) -> dict[str, list[tuple[int, int]]]:
    """When each camera was expected to record, within [from_ns, to_ns)."""
    table = tables.camera_service
    rows = connection.execute(
        sa.select(table.c.camera_id, table.c.from_ns, table.c.to_ns)
        .where(
            table.c.camera_id.in_(camera_ids),
            table.c.from_ns < to_ns,
            sa.or_(table.c.to_ns.is_(None), table.c.to_ns > from_ns),
        )
        .order_by(table.c.from_ns)
    ).all()
    found: dict[str, list[tuple[int, int]]] = {camera_id: [] for camera_id in camera_ids}
    for camera_id, start, end in rows:
        found[camera_id].append((max(start, from_ns), to_ns if end is None else min(end, to_ns)))
    return found


def take_out(connection: Connection, camera_id: str, *, reason: str, now_ns: int) -> None:
    """Mark a camera as out of the register and out of service since now."""
    connection.execute(
        tables.camera.update()
        .where(tables.camera.c.id == camera_id)
        .values(retired_ns=now_ns, updated_ns=now_ns)
    )
    connection.execute(
        tables.camera_service.update()
        .where(
            tables.camera_service.c.camera_id == camera_id,
            tables.camera_service.c.to_ns.is_(None),
        )
        .values(to_ns=now_ns, reason=reason)
    )


def url_problems(field: str, url: str) -> list[Problem]:
    """What is wrong with an address of a stream; empty when nothing is."""
    if len(url) > URL_LIMIT:
        return [Problem(field, "too_long", f"{field}: at most {URL_LIMIT} characters")]
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        return [Problem(field, "bad_url", f"{field}: write it as rtsp://host:port/path")]
    if parts.scheme not in ("rtsp", "rtsps") or not host or port == 0:
        return [Problem(field, "bad_url", f"{field}: write it as rtsp://host:port/path")]
    if urlunsplit(parts) != url and "\n" in url:
        return [Problem(field, "bad_url", f"{field}: one line only")]
    return []


def _values(draft: Draft, box: Box, camera_id: str) -> dict[str, object]:
    values = _plain(draft)
    if draft.password is not None:
        values["password_sealed"] = box.lock(draft.password, camera_id) if draft.password else None
    return values


def _plain(draft: Draft) -> dict[str, object]:
    return {
        "title": draft.title,
        "zone": draft.zone,
        "main_url": draft.main_url,
        "sub_url": draft.sub_url,
        "source": draft.source,
        "transcode": draft.transcode,
        "record_sub": draft.record_sub,
        "audio": draft.audio,
        "user_name": draft.user_name,
        "retention_days": draft.retention_days,
    }


def free_id(connection: Connection, name: str, site_id: str) -> str:
    """An id for a new camera: its name, if no other site has it."""
    taken = connection.execute(
        sa.select(tables.camera.c.id).where(tables.camera.c.id == name)
    ).one_or_none()
    return name if taken is None else f"{name}-{site_id[:8]}"


def _sites() -> sa.Select[str, str, str, str, str, str | None, int, int]:
    table = tables.site
    return sa.select(
        table.c.id,
        table.c.name,
        table.c.title,
        table.c.address,
        table.c.owner_line,
        table.c.public_key,
        table.c.retention_days,
        table.c.created_ns,
    )


def _cameras() -> sa.Select[*tuple[Any, ...]]:
    table = tables.camera
    return sa.select(
        table.c.id,
        table.c.site_id,
        table.c.name,
        table.c.title,
        table.c.zone,
        table.c.main_url,
        table.c.sub_url,
        table.c.source,
        table.c.transcode,
        table.c.record_sub,
        table.c.audio,
        table.c.user_name,
        table.c.password_sealed.is_not(None).label("has_password"),
        table.c.retention_days,
        table.c.origin,
        table.c.revision,
        table.c.created_ns,
    )


def _camera(row: sa.Row[*tuple[Any, ...]]) -> Camera:
    return Camera(**{**row._mapping, "has_password": bool(row.has_password)})
