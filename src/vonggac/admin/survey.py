"""`vonggac survey`: measure a facility's cameras and its line, and leave a folder for the hub.

It stands here and not with `vonggac probe`, because it knows both the cameras and the placement
rule: a camera that is said to stand in a room, a toilet or a bath is never looked at.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uvloop

from vonggac import keys
from vonggac.clock import NS, SystemClock
from vonggac.config import Secret
from vonggac.domain import rules
from vonggac.edge import criteria, discover, identity, surveying
from vonggac.edge.measure import SECONDS
from vonggac.edge.probe import add_login, login
from vonggac.edge.surveying import Wanted
from vonggac.edge.uplink import attach, uplink
from vonggac.errors import ConfigError, MalformedError
from vonggac.media import address as addresses
from vonggac.wire import survey as wire

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

MAX_LIST: Final = 256 << 10
"""Bytes of a list of addresses at most."""

Logins = dict[str, tuple[str, Secret]]
"""User and password by host:port, by host, or by `*`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac survey`."""
    add = parser.add_argument
    add("url", nargs="*", metavar="[PLACE=]ADDRESS",
        help="rtsp:// URL, or host whose streams are looked for; PLACE is a zone's code, words,"
        " or both")  # fmt: skip
    add("--dir", type=Path, required=True, metavar="DIR",
        help="for survey.json and the stills; one that was begun is gone on with")  # fmt: skip
    add("--list", type=Path, metavar="FILE", help="further addresses, one a line, # for remarks")
    add("--discover", action="store_true", help="search the network, too")
    add_login(parser)
    add("--logins", type=Path, metavar="FILE",
        help="lines HOST[:PORT] USER PASSWORD, HOST * for all others; mode 0600")  # fmt: skip
    add("--site", default="", metavar="CODE", help="code of the facility, for the hub")
    add("--box", type=Path, metavar="DIR", help="recording directory of the box that signs")
    add("--hub", metavar="URL", help="measure the uplink to this hub")
    add("--attach", metavar="SURVEY", help="hand the file to the hub for this facility's survey:"
        " its id, as in the address of its page; needs --hub and --token")  # fmt: skip
    add("--token", type=Path, metavar="FILE",
        help="API token with the scopes read and manage; mode 0600")  # fmt: skip
    add("--hub-ca", type=Path, metavar="FILE", help="certificate of the hub's own authority")
    add("--seconds", type=float, default=SECONDS, metavar="S",
        help="how long each camera is measured (default %(default)s)")  # fmt: skip
    add("--again", action="store_true", help="measure also what was measured before")
    add("--criteria", type=Path, metavar="FILE", help="another set of criteria")
    add("--interface", action="append", metavar="IP",
        help="search from this address of ours only; may be repeated")  # fmt: skip
    add("--onvif-port", type=int, action="append", metavar="P",
        help="look for ONVIF here only; may be repeated")  # fmt: skip
    add("--no-onvif", action="store_true", help="do not look for ONVIF")
    add("--lang", choices=("vi", "en"), default="vi")
    add("--json", action="store_true", help="one JSON object on the last line")


def command(options: argparse.Namespace) -> int:
    """Run `vonggac survey`; 0 if every camera is fit to be connected, 1 if not.

    Also 1 if the hub was to have the file and has it not.

    Raises:
        ConfigError: an address, a file or an option is wrong; nothing was measured.
    """
    if not 1 <= options.seconds <= 600:
        raise ConfigError("--seconds is between 1 and 600")
    asked = _asked(options)
    if not asked and not options.discover:
        raise ConfigError("give addresses, --list or --discover")
    if options.attach and not (options.hub and options.token):
        raise ConfigError("--attach needs --hub and --token")
    token = keys.read_secret(options.token) if options.attach else Secret("")
    signer = identity.read(options.box) if options.box is not None else None
    work = surveying.Surveying(
        options.dir,
        SystemClock(),
        identity=signer,
        site=options.site.strip(),
        seconds=options.seconds,
        onvif_ports=_ports(options),
        said=lambda camera, left: _progress(camera, left, options.lang),
    )
    try:
        uvloop.run(_survey(work, asked, options))
    except KeyboardInterrupt:
        _say(_WORDS["cut_off"][options.lang == "en"].format(folder=options.dir))
        raise
    attached = _attach(options, token) if options.attach else None
    _tell(work, options, attached)
    survey = work.survey
    good = all(camera.connectable for camera in survey.cameras) and not attached
    return 0 if survey.cameras and good and not survey.refused else 1


def _attach(options: argparse.Namespace, token: Secret) -> str:
    """Hand the file to the hub; empty when it has it, else why not: the folder stays as it is."""
    content = (options.dir / wire.SURVEY_FILE).read_bytes()
    return uvloop.run(attach(options.hub, options.attach, token, content, authority=options.hub_ca))


async def _survey(
    work: surveying.Surveying, asked: Sequence[Wanted], options: argparse.Namespace
) -> None:
    """Search, refuse, measure, and the line last: it would make cameras late."""
    clock = SystemClock()
    allowed, refused = _sorted_by_place(asked, clock.wall_ns())
    logins = _logins(options)
    hosts: list[tuple[str, Sequence[str]]] = [
        (one.url, ()) for one in allowed if "://" not in one.url
    ]
    if options.discover:
        announced = await discover.search(interfaces=options.interface)
        hosts += [(one.address, one.urls) for one in announced]
    found = [await _examined(host, logins, options, urls) for host, urls in hosts]
    streams = [one for one in allowed if "://" in one.url]
    for device in found:
        streams += surveying.streams_of(device, *_login_of(logins, device.address))
    _note_count(len(streams), len(refused), options.lang)
    await work.run(
        streams,
        devices=found,
        refused=refused,
        rules=criteria.load(options.criteria),
        again=options.again,
    )
    line = None
    if options.hub:
        line = await uplink(options.hub, clock=clock, authority=options.hub_ca)
    work.finish(line)


async def _examined(
    where: str, logins: Logins, options: argparse.Namespace, urls: Sequence[str] = ()
) -> discover.Found:
    user, password = _login_of(logins, where)
    return await discover.examine(
        where, user, password, clock=SystemClock(), onvif_ports=_ports(options), onvif_urls=urls
    )


def _ports(options: argparse.Namespace) -> tuple[int, ...] | None:
    if options.no_onvif:
        return ()
    return tuple(options.onvif_port) if options.onvif_port else None


# -- what is asked -----------------------------------------------------------------------------


def _asked(options: argparse.Namespace) -> list[Wanted]:
    """Addresses of the command line and of the list, each with its place and its login."""
    lines = list(options.url)
    if options.list is not None:
        try:
            text = options.list.read_bytes()[: MAX_LIST + 1]
        except OSError as error:
            raise ConfigError(f"cannot read {options.list}: {error.strerror}") from error
        if len(text) > MAX_LIST:
            raise ConfigError(f"{options.list} is longer than {MAX_LIST} bytes")
        written = (line.strip() for line in text.decode("utf-8", "replace").splitlines())
        lines += [line for line in written if line and not line.startswith("#")]
    logins = _logins(options)
    return [_wanted(line, logins) for line in lines]


def _wanted(line: str, logins: Logins) -> Wanted:
    """One address: `[PLACE=]ADDRESS`. A URL may have `=` itself, so the place ends before it."""
    head, mark, rest = line.partition("://")
    scheme = head.rpartition("=")[2] if mark else ""
    place, _, bare = line.rpartition("=") if not mark else (head.rpartition("=")[0], "", "")
    url = f"{scheme}{mark}{rest}" if mark else bare
    zone, title = _place(place)
    user, password = "", None
    if mark:
        try:
            authority = addresses.parse(url).authority
        except MalformedError as error:
            raise ConfigError(error.message) from error
        user, password = _login_of(logins, authority)
    channel = surveying.channel_of(url) if mark else 1
    return Wanted(url, user, password, zone=zone, title=title[:200], channel=channel)


def _place(written: str) -> tuple[str, str]:
    """Zone and title of what somebody wrote: `HL`, `hành lang tầng 2`, `HL hành lang tầng 2`."""
    first, _, rest = written.strip().partition(" ")
    rule = rules.placement(datetime.fromtimestamp(SystemClock().wall_ns() / NS, UTC).date())
    codes = {zone.code for zone in rule.zones} | {place.code for place in rule.forbidden}
    if first.upper() in codes:
        return first.upper(), rest.strip()
    return "", written.strip()


def _sorted_by_place(
    asked: Sequence[Wanted], now_ns: int
) -> tuple[list[Wanted], list[wire.SurveyRefusal]]:
    """Cameras that may be looked at, and those that may not, each with the rule that says so."""
    rule = rules.placement(datetime.fromtimestamp(now_ns / NS, UTC).date())
    allowed, refused = [], []
    for one in asked:
        place = rule.refusal(one.zone, one.title)
        if place is None:
            allowed.append(one)
            continue
        shown = one.uri if "://" in one.url else one.url
        refused.append(
            wire.SurveyRefusal(
                shown, one.zone, one.title, place.code, rule.rule,
                f"{place.refusal.vi} ({rule.name.vi})", f"{place.refusal.en} ({rule.name.en})",
            )
        )  # fmt: skip
    return allowed, refused


def _logins(options: argparse.Namespace) -> Logins:
    """Who signs in where; what the file does not name takes `--user`."""
    user, password = login(options)
    found: Logins = {"*": (user, password or Secret(""))} if user else {}
    if options.logins is None:
        return found
    for number, line in enumerate(keys.read_secret(options.logins).reveal().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split(maxsplit=2)
        if len(words) != 3:
            raise ConfigError(f"{options.logins}, line {number}: HOST[:PORT] USER PASSWORD")
        found[words[0]] = (words[1], Secret(words[2].rstrip()))
    return found


def _login_of(logins: Logins, authority: str) -> tuple[str, Secret | None]:
    host = authority.rpartition(":")[0] or authority
    for name in (authority, host, host.strip("[]"), "*"):
        if name in logins:
            return logins[name]
    return "", None


# -- what is told ------------------------------------------------------------------------------

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "count": ("{streams} luồng hình sẽ được đo, {refused} bị từ chối vì vị trí",
              "{streams} streams to measure, {refused} refused because of their place"),
    "fit": ("ĐỦ ĐIỀU KIỆN KẾT NỐI", "FIT TO BE CONNECTED"),
    "unfit": ("KHÔNG ĐỦ ĐIỀU KIỆN", "NOT FIT"),
    "left": ("còn {left}", "{left} left"),
    "cut_off": ("Đã dừng; chạy lại cùng lệnh để đo tiếp vào {folder}.",
                "Stopped; run the same command to go on in {folder}."),
    "refused": ("TỪ CHỐI", "REFUSED"),
    "line": ("Đường truyền lên trung tâm: {kbps} kbit/s", "Uplink to the hub: {kbps} kbit/s"),
    "no_line": ("Đường truyền: chưa đo ({why})", "Uplink: not measured ({why})"),
    "attached": ("Trung tâm đã nhận số đo", "The hub has the measurements"),
    "not_attached": ("Trung tâm CHƯA nhận số đo: {why}", "The hub does NOT have the file: {why}"),
    "file": ("Đã ghi {file} ({signed})", "Written: {file} ({signed})"),
    "signed": ("thiết bị ghi đã ký", "signed by the box"),
    "unsigned": ("chưa ký", "not signed"),
}  # fmt: skip


def _note_count(streams: int, refused: int, language: str) -> None:
    text = _WORDS["count"][language == "en"].format(streams=streams, refused=refused)
    _say(text)


def _progress(camera: wire.SurveyedCamera, left: int, language: str) -> None:
    """A line for people as soon as a camera is done; never on stdout."""
    word = _WORDS["fit" if camera.connectable else "unfit"][language == "en"]
    rest = _WORDS["left"][language == "en"].format(left=left)
    _say(f"{camera.name}  {camera.url}  {word}  ({rest})")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _tell(work: surveying.Surveying, options: argparse.Namespace, attached: str | None) -> None:
    path, survey = options.dir / wire.SURVEY_FILE, work.survey
    if options.json:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        told: dict[str, Any] = {"file": str(path), "sha256": digest, "signed": work.signed}
        told["attached"] = attached == ""
        told |= msgspec.to_builtins(survey)
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    lines = _lines(survey, path, options.lang, signed=work.signed)
    if attached is not None:
        word = _WORDS["not_attached" if attached else "attached"][options.lang == "en"]
        lines.append(word.format(why=attached))
    sys.stdout.write("\n".join(lines) + "\n")


def _lines(survey: wire.Survey, path: Path, language: str, *, signed: bool) -> list[str]:
    """The survey as a technician reads it."""

    def word(key: str, **values: object) -> str:
        return _WORDS[key][language == "en"].format_map(values)

    lines = []
    for camera in survey.cameras:
        verdict = word("fit" if camera.connectable else "unfit")
        size = f"{camera.codec} {camera.width}x{camera.height}" if camera.width else ""
        named = " ".join(filter(None, (camera.name, camera.zone, camera.title)))
        lines.append(f"{named}  {camera.url}  {size}  {verdict}")
        lines += [f"  {reason.en if language == 'en' else reason.vi}" for reason in camera.reasons]
    for place in survey.refused:
        said: Mapping[str, str] = {"vi": place.vi, "en": place.en}
        lines.append(f"{word('refused')}  {place.url}  {said[language]}")
    line = survey.uplink
    lines.append(word("line", kbps=line.kbps) if line.measured else word("no_line", why=line.why))
    lines.append(word("file", file=path, signed=word("signed" if signed else "unsigned")))
    return lines
