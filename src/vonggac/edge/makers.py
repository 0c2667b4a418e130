"""The makers sold in Việt Nam and how their addresses look: `rules/makers.toml`, read and applied.

Pure apart from reading the shipped file once.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date  # noqa: TC003 - msgspec reads it
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from vonggac.errors import ConfigError


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way a maker writes its RTSP paths."""

    path: str
    """With {channel} and {stream}."""
    main: str
    sub: str
    of: Literal["camera", "recorder", "both"] = "both"
    note: str = ""

    @property
    def counts_channels(self) -> bool:
        """Whether a recorder's channels can be told apart with it."""
        return "{channel}" in self.path

    def at(self, channel: int, stream: Literal["main", "sub"]) -> str:
        """The path of a stream of a channel, from 1."""
        word = self.main if stream == "main" else self.sub
        return self.path.replace("{stream}", word).replace("{channel}", str(channel))


class Maker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A maker and how RTSP and ONVIF are switched on."""

    id: str
    name: str
    rtsp_port: int
    onvif_port: int
    realm: str
    server: str
    onvif_maker: str
    user_hint: str
    enable_vi: str
    enable_en: str
    verified: Literal["tài liệu", "chưa kiểm chứng"]
    source: str
    form: tuple[Form, ...]
    also: tuple[str, ...] = ()


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which edition of the list it is."""

    date: date
    name: str


class OnvifPorts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ONVIF is looked for."""

    ports: tuple[int, ...]


class Makers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole list."""

    about: About
    onvif: OnvifPorts
    maker: tuple[Maker, ...]


@cache
def load() -> Makers:
    """The shipped list.

    Raises:
        ConfigError: it cannot be read; only an edited copy can be.
    """
    text = resources.files("vonggac").joinpath("rules/makers.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), Makers)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"rules/makers.toml: {error}") from error


def guess(makers: Makers, realm: str = "", server: str = "", onvif_maker: str = "") -> Maker | None:
    """Whose device it is, from what it says of itself; None if nothing fits."""
    for maker in makers.maker:
        for pattern, text in (
            (maker.onvif_maker, onvif_maker),
            (maker.realm, realm),
            (maker.server, server),
        ):
            if text and re.search(pattern, text):
                return maker
    return None


def in_order(makers: Makers, likely: Maker | None) -> list[Maker]:
    """All makers, the likely one first."""
    if likely is None:
        return list(makers.maker)
    return [likely, *(maker for maker in makers.maker if maker is not likely)]
