"""Subjects: the only place that builds or parses one."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from vonggac.config import NAME, StreamName
from vonggac.errors import MalformedError

ID: Final = r"^[a-z2-7]{26}$"
"""Ids of hubs, sites and grants: 16 bytes in base32, lower case (subjects are case-sensitive and
NATS lower-cases tags)."""
NO_CAMERA: Final = "-"
"""Stands where a camera would, in questions and facts about none; no camera can be called so."""

DELIVERED: Final = "dlv"
"""Stands where a site or a kind of subject would, before a ledger on its way up; no id is so."""

_ID = re.compile(ID)
_NAME = re.compile(NAME)
_NUMBER = re.compile(r"^[a-z0-9]{1,16}$")
_KIND = re.compile(r"^[a-z_]{1,32}$")


class Verb(StrEnum):
    """What can be asked of a site."""

    OPEN = "open"
    GOP = "gop"
    TIMELINE = "timeline"
    SNAPSHOT = "snapshot"
    MORE = "more"
    PROBE = "probe"
    DISCOVER = "discover"
    CONFIGURE = "configure"
    MP4 = "mp4"
    REVOKE = "revoke"
    STATUS = "status"
    LEDGER = "ledger"
    EXPORT = "export"
    ANCHOR = "anchor"


VIEWER_VERBS: Final = (Verb.OPEN, Verb.GOP, Verb.TIMELINE, Verb.SNAPSHOT)
"""What a viewer's grant may name; `MORE` comes with any of them."""

MEDIA_VERBS: Final = (Verb.OPEN, Verb.GOP, Verb.SNAPSHOT, Verb.MP4, Verb.EXPORT)
"""Whose answers are pictures and go on the media connection, whoever asks."""


class LiveSubject(msgspec.Struct, frozen=True):
    """Where the parts of a stream appear."""

    hub: str
    site: str
    camera: str
    stream: StreamName

    def __str__(self) -> str:
        return f"vg.{self.hub}.{self.site}.live.{self.camera}.{self.stream}"


class AskSubject(msgspec.Struct, frozen=True):
    """Where a question goes."""

    hub: str
    site: str
    verb: Verb
    camera: str
    grant: str

    def __str__(self) -> str:
        return f"vg.{self.hub}.{self.site}.ask.{self.verb}.{self.camera}.{self.grant}"


class ReplySubject(msgspec.Struct, frozen=True):
    """Where the answer to question `number` of a grant goes."""

    hub: str
    site: str
    grant: str
    number: str

    def __str__(self) -> str:
        return f"vg.{self.hub}.{self.site}.re.{self.grant}.{self.number}"


class FactSubject(msgspec.Struct, frozen=True):
    """Where a fact of a site is filed."""

    hub: str
    site: str
    kind: str
    camera: str = NO_CAMERA

    def __str__(self) -> str:
        return f"vg.{self.hub}.{self.site}.fact.{self.kind}.{self.camera}"


class WantSubject(msgspec.Struct, frozen=True):
    """Where what the site shall do is kept."""

    hub: str
    site: str
    key: str

    def __str__(self) -> str:
        return f"vg.{self.hub}.{self.site}.want.{self.key}"


Subject: TypeAlias = LiveSubject | AskSubject | ReplySubject | FactSubject | WantSubject


def parse_subject(text: str) -> Subject:
    """Read a subject that came from outside.

    Raises:
        MalformedError: it is none of ours, or one of its tokens has the wrong form.
    """
    tokens = text.split(".")
    if len(tokens) < 5 or tokens[0] != "vg":
        raise MalformedError("the subject is none of ours")
    hub, site, what, rest = tokens[1], tokens[2], tokens[3], tokens[4:]
    _token(_ID, hub, "hub")
    _token(_ID, site, "site")
    match what, rest:
        case "live", [camera, ("main" | "sub") as stream]:
            return LiveSubject(hub, site, _token(_NAME, camera, "camera"), _stream(stream))
        case "ask", [verb, camera, grant]:
            try:
                known = Verb(verb)
            except ValueError:
                raise MalformedError("the verb of the question is unknown") from None
            named = _token(_ID, grant, "grant")
            return AskSubject(hub, site, known, _camera(camera), named)
        case "re", [grant, number]:
            _token(_NUMBER, number, "number")
            return ReplySubject(hub, site, _token(_ID, grant, "grant"), number)
        case "fact", [kind, camera]:
            return FactSubject(hub, site, _token(_KIND, kind, "kind"), _camera(camera))
        case "want", [key]:
            return WantSubject(hub, site, _token(_NAME, key, "key"))
        case _:
            raise MalformedError("the subject is none of ours")


def lives(hub: str, site: str = "*") -> str:
    """The pattern of every live stream."""
    return f"vg.{hub}.{site}.live.>"


def asks(hub: str, site: str = "*") -> str:
    """The pattern of every question to a site."""
    return f"vg.{hub}.{site}.ask.>"


def replies(hub: str, site: str = "*", grant: str | None = None) -> str:
    """The pattern of every answer, or of the answers to one grant."""
    return f"vg.{hub}.{site}.re.>" if grant is None else f"vg.{hub}.{site}.re.{grant}.>"


def facts(hub: str, site: str = "*") -> str:
    """The pattern of every fact of a site."""
    return f"vg.{hub}.{site}.fact.>"


def wants(hub: str, site: str = "*") -> str:
    """The pattern of everything wanted of a site."""
    return f"vg.{hub}.{site}.want.>"


def deliveries(hub: str, site: str | None = None) -> str:
    """The prefix under which a ledger from below reaches the hub that asked for it.

    Args:
        hub: id of the hub; of the one below, where `site` is None.
        site: id of the site whose ledger it is; None for what a hub holds of all below it.
    """
    return f"vg.{hub}.{DELIVERED}" if site is None else f"vg.{hub}.{site}.{DELIVERED}"


def is_id(text: str) -> bool:
    """Whether the text can be an id of a hub, a site or a grant."""
    return _ID.match(text) is not None and not text.endswith("\n")


def _token(pattern: re.Pattern[str], token: str, what: str) -> str:
    if pattern.match(token) is None or token.endswith("\n"):  # "$" also matches before a newline
        raise MalformedError(f"the subject's {what} has the wrong form")
    return token


def _camera(token: str) -> str:
    return token if token == NO_CAMERA else _token(_NAME, token, "camera")


def _stream(token: str) -> StreamName:
    return "main" if token == "main" else "sub"  # noqa: S105 - a word of the subject
