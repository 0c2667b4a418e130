"""What `vonggac survey` measured at a facility: the file that a technician brings to the hub.

`docs/ref/survey.md` tells of it in words.  A folder holds `survey.json` and the stills that it
names.  The file is `{"v", "format", "survey", "signature"}`; a box signs the bytes of `survey` as
they stand in the file, so that whoever takes it in need not write them again to check them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from vonggac.errors import MalformedError
from vonggac.wire.proofs import Count, Digest  # noqa: TC001 - msgspec reads the annotations
from vonggac.wire.questions import MAX_REASON, UNREADABLE

SURVEY_VERSION: Final = 1
SURVEY_FORMAT: Final = "vonggac-survey"
SURVEY_FILE: Final = "survey.json"
MAX_SURVEY: Final = 8 << 20
"""Bytes of the file at most; a camera takes about 3 kB."""
MAX_SURVEYED: Final = 512
"""Cameras, devices or refused places of one survey at most: the largest facility has some 200."""
MAX_STILL: Final = 1 << 20
"""Bytes of one still at most."""
_SIGNED: Final = b"vonggac-survey-1\n"
"""Put before what is signed, so that no signature of something else passes for one of a survey."""

Text = Annotated[str, msgspec.Meta(max_length=500)]
Url = Annotated[str, msgspec.Meta(max_length=2048)]
Moment = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
"""RFC 3339, UTC."""
StillName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,60}\.jpg$")]
"""A file beside `survey.json`: no path."""
CameraLabel = Annotated[str, msgspec.Meta(pattern=r"^cam[0-9]{2,4}$")]


class SurveyReason(msgspec.Struct, frozen=True):
    """One finding of the criteria, in both languages."""

    code: Text
    level: Literal["required", "recommended"]
    survey: Text
    """Reason code of the survey forms (domain 2.4); empty where none fits."""
    vi: Annotated[str, msgspec.Meta(max_length=1000)]
    en: Annotated[str, msgspec.Meta(max_length=1000)]


class SurveyStill(msgspec.Struct, frozen=True):
    """A picture of a camera, taken for the record."""

    name: StillName
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_STILL)]
    sha256: Digest


class SurveyedCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that was probed; what was not measured is null."""

    name: CameraLabel
    """Its name within this survey, not one of the register."""
    url: Url
    """Without credentials."""
    device: Text = ""
    """Address of the device that showed it in a search; empty for an address of the list."""
    channel: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    sub_url: Url = ""
    zone: Text = ""
    """Code of the placement rule, when the technician said where it looks."""
    title: Text = ""
    at: Moment
    reachable: bool
    authenticated: bool
    connectable: bool
    """*Đủ điều kiện kết nối* by the criteria named."""
    reasons: Annotated[tuple[SurveyReason, ...], msgspec.Meta(max_length=40)] = ()
    criteria: dict[str, str] = {}
    """Which set of criteria: id, name, date, source."""
    cause: Text = ""
    """Why nothing, or no more, was measured (a cause of `rules/causes.toml`); empty if nothing."""
    codec: Text | None = None
    width: Count | None = None
    height: Count | None = None
    declared_fps: float | None = None
    delivered_fps: float | None = None
    gop_s: float | None = None
    kbps: Count | None = None
    clock_error_ms: int | None = None
    audio: bool = False
    maker: Text = ""
    model: Text = ""
    firmware: Text = ""
    serial: Text = ""
    still: SurveyStill | None = None


class SurveyedDevice(msgspec.Struct, frozen=True):
    """A camera or recorder that a search of the network found."""

    address: Text
    reachable: bool
    refused: bool
    """It wants other credentials: nothing more was asked of it."""
    streams: Count
    maker: Text = ""
    model: Text = ""
    firmware: Text = ""
    notes: Annotated[tuple[str, ...], msgspec.Meta(max_length=40)] = ()


class SurveyRefusal(msgspec.Struct, frozen=True):
    """A camera that was not looked at, because of where it was said to stand."""

    url: Url
    zone: Text
    title: Text
    place: Text
    """Code of the forbidden place."""
    rule: Text
    vi: Text
    en: Text


class SurveyUplink(msgspec.Struct, frozen=True):
    """How fast the facility's line sends to the hub."""

    measured: bool
    hub: Url = ""
    kbps: Count | None = None
    sent: Count = 0
    """Bytes that the hub said it had received."""
    seconds: float = 0.0
    why: Text = ""
    """Why it was not measured."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one survey found, in the order in which it was looked at."""

    program: Text
    """Name and version of the program that measured."""
    started: Moment
    finished: Moment | None = None
    """Null while cameras are left: the survey was cut off and may be resumed."""
    left: Count = 0
    """Cameras that have not been looked at yet."""
    site: Text = ""
    """Code of the facility, when the technician said it."""
    cameras: Annotated[tuple[SurveyedCamera, ...], msgspec.Meta(max_length=MAX_SURVEYED)] = ()
    devices: Annotated[tuple[SurveyedDevice, ...], msgspec.Meta(max_length=MAX_SURVEYED)] = ()
    refused: Annotated[tuple[SurveyRefusal, ...], msgspec.Meta(max_length=MAX_SURVEYED)] = ()
    uplink: SurveyUplink


class SurveySignature(msgspec.Struct, frozen=True):
    """Of the box that measured; a laptop has none."""

    site: Annotated[str, msgspec.Meta(pattern=r"^[a-z2-7]{26}$")]
    """The box's permanent id."""
    key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """Its public key as it says it: trust the one that the hub enrolled, never this one."""
    value: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{86}$")]
    """Ed25519 over `survey_signed_bytes`, base64url without padding."""


class _Written(msgspec.Struct, frozen=True):
    v: int
    format: str
    survey: msgspec.Raw
    signature: SurveySignature | None = None


class SurveyRead(NamedTuple):
    """A file of a survey, read."""

    survey: Survey
    raw: bytes
    """The bytes of `survey` as they stand in the file."""
    signature: SurveySignature | None


def survey_signed_bytes(raw: bytes) -> bytes:
    """What a box signs of these bytes of a survey."""
    return _SIGNED + raw


def encode_survey(survey: Survey) -> bytes:
    """The bytes of `survey` as they come into the file and are signed."""
    return msgspec.json.encode(survey)


def write_survey(raw: bytes, signature: SurveySignature | None) -> bytes:
    """The whole file, one line."""
    return msgspec.json.encode(
        _Written(SURVEY_VERSION, SURVEY_FORMAT, msgspec.Raw(raw), signature)
    ) + b"\n"  # fmt: skip


def read_survey(content: bytes) -> SurveyRead:
    """Read a file of a survey; its signature is not checked here.

    Raises:
        MalformedError: it is none, too long, or of a version that this program does not know.
    """
    if len(content) > MAX_SURVEY:
        raise MalformedError(f"a survey of {len(content)} bytes is too long")
    try:
        written = msgspec.json.decode(content, type=_Written)
        if written.format != SURVEY_FORMAT:
            raise MalformedError(f"this is not a file of a survey ({SURVEY_FORMAT})")
        if written.v != SURVEY_VERSION:
            raise MalformedError(
                f"this survey has version {written.v}; this program reads {SURVEY_VERSION}"
            )
        raw = bytes(written.survey)
        survey = msgspec.json.decode(raw, type=Survey)
    except UNREADABLE as error:
        raise MalformedError(f"a survey cannot be read: {str(error)[:MAX_REASON]}") from error
    return SurveyRead(survey, raw, written.signature)
