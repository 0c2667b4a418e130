"""Words and figures as people read them, in Vietnamese and in English.

The Vietnamese sentence is the key and stands in templates and code as it is read; `locale/en.toml`
holds its English. A test finds every sentence and fails when its English is missing.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from vonggac import sentences
from vonggac.clock import NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.rules import Language, Words

LANGUAGES: tuple[Language, ...] = ("vi", "en")

HERE = timezone(timedelta(hours=7), "ICT")
"""Việt Nam has one time zone and no summer time; pages show it, the API and files use UTC."""

DAY_NS = 86_400 * NS

_WEEKDAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_UNITS = {
    "vi": {"d": "ngày", "h": "giờ", "m": "phút", "s": "giây"},
    "en": {"d": "d", "h": "h", "m": "min", "s": "s"},
}


@cache
def english() -> Mapping[str, str]:
    """Vietnamese sentence to English sentence."""
    text = resources.files("vonggac.web").joinpath("locale/en.toml").read_text(encoding="utf-8")
    found: dict[str, str] = tomllib.loads(text)
    return found


def choose(cookie: str | None, accept: str) -> Language:
    """The language of a visitor: what was chosen, else what the browser asks for, else Vietnamese.

    Args:
        cookie: value of the language cookie.
        accept: the Accept-Language header.
    """
    for language in LANGUAGES:
        if cookie == language:
            return language
    wanted: list[tuple[float, Language]] = []
    for part in accept.split(",")[:20]:
        tag, _, quality = part.partition(";q=")
        for language in LANGUAGES:
            if tag.strip().lower().split("-")[0] == language:
                try:
                    wanted.append((float(quality) if quality else 1.0, language))
                except ValueError:
                    continue
    return max(wanted, key=lambda one: one[0])[1] if wanted else "vi"


_IRREGULAR: Final[Mapping[str, str]] = {
    "copies": "copy", "entries": "entry", "facilities": "facility", "people": "person",
    "parties": "party", "replies": "reply", "tries": "try",
    "are": "is", "have": "has", "were": "was",
}  # fmt: skip
_COUNTED = (
    "copies|entries|facilities|parties|people|replies|tries|accounts|acts|alarms|answers|boxes"
    "|calls|cameras|campaigns|characters|clauses|codes|days|differences|documents|doors|errors"
    "|estimates|figures|files|floors|forms|gaps|hours|inspections|items|letters|lines|links"
    "|matters|metres|minutes|months|nights|pages|papers|photos|pictures|places|ports|prices"
    "|recordings|records|reminders|reports|requests|roles|rooms|rows|screens|seconds|sessions"
    "|shares|sites|spans|steps|tasks|times|tokens|units|viewers|views|weeks|words"
)
_KINDS = "accepted|more|new|open|other|recovery|room|submitted|usable|with|working"
_VERBS = "are|have|pass|refuse|stand|stay|tell|use|wait|were"
_ONE_OF_MANY = re.compile(
    rf"(?<![\d.,:/])1 (?P<kind>(?:{_KINDS})\s)?(?P<noun>{_COUNTED})\b"
    rf"(?:(?P<gap>\s)(?P<verb>{_VERBS})\b)?"
)
"""What an English sentence counts, when there is one of it; and what that one does."""


def _singular(found: re.Match[str]) -> str:
    noun, verb = found["noun"], found["verb"]
    one = _IRREGULAR.get(noun, "box" if noun == "boxes" else noun.removesuffix("s"))
    does = _IRREGULAR.get(verb, f"{verb}es" if verb == "pass" else f"{verb}s") if verb else ""
    return f"1 {found['kind'] or ''}{one}{found['gap'] or ''}{does}"


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: sentences, dates, durations, figures."""

    language: Language

    def __call__(self, sentence: str, /, **values: object) -> str:
        """The sentence in this language, with its placeholders filled."""
        said = sentence if self.language == "vi" else english().get(sentence, sentence)
        if values:
            said = said.format(**values)
            if self.language == "en" and any(one in (1, "1") for one in values.values()):
                said = _ONE_OF_MANY.sub(_singular, said)
        return said

    def of(self, words: Words) -> str:
        """Words of the rules."""
        return words[self.language]

    def evidence(self, said: str) -> str:
        """What a recorder says of missing time or of a source; in quotes if it has no form."""
        return sentences.say(said, self.language)

    # -- moments ---------------------------------------------------------------------------

    def clock(self, ns: int) -> str:
        """14:32:07, in the site's time, cut to the second."""
        return f"{_here(ns):%H:%M:%S}"

    def short_clock(self, ns: int) -> str:
        """14:32."""
        return f"{_here(ns):%H:%M}"

    def day(self, ns: int) -> str:
        """18/11/2026."""
        return f"{_here(ns):%d/%m/%Y}"

    def short_day(self, ns: int) -> str:
        """18/11."""
        return f"{_here(ns):%d/%m}"

    def weekday(self, ns: int) -> str:
        """Thứ Tư."""
        return _WEEKDAYS[self.language][_here(ns).weekday()]

    def moment(self, ns: int, *, near: int) -> str:
        """The clock alone on the day of `near`, else date and clock."""
        same = _here(ns).date() == _here(near).date()
        return self.clock(ns) if same else f"{self.day(ns)} {self.clock(ns)}"

    def span(self, from_ns: int, to_ns: int) -> str:
        """02:06:00-02:16:12, with dates when it crosses midnight."""
        if _here(from_ns).date() == _here(to_ns).date():
            return f"{self.clock(from_ns)}–{self.clock(to_ns)}"
        return (
            f"{self.clock(from_ns)} {self.short_day(from_ns)} – "
            f"{self.clock(to_ns)} {self.short_day(to_ns)}"
        )

    def period(self, from_ns: int, to_ns: int) -> str:
        """18/11/2026 14:30-15:30, with both dates when it crosses midnight; without seconds."""
        begin = f"{self.day(from_ns)} {self.short_clock(from_ns)}"
        if _here(from_ns).date() == _here(to_ns).date():
            return f"{begin}–{self.short_clock(to_ns)}"
        return f"{begin} – {self.day(to_ns)} {self.short_clock(to_ns)}"

    # -- lengths and figures ---------------------------------------------------------------

    def length(self, ns: int) -> str:
        """2 giờ 25 phút: the two largest units, cut; under a minute in seconds."""
        seconds = max(0, ns) // NS
        units = _UNITS[self.language]
        sizes = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
        said: list[str] = []
        for at, (unit, size) in enumerate(sizes):
            if seconds >= size:
                said.append(f"{seconds // size} {units[unit]}")
                rest = seconds % size
                if at + 1 < len(sizes):
                    following, small = sizes[at + 1]
                    if rest >= small:
                        said.append(f"{rest // small} {units[following]}")
                break
        if not said:
            tenths = max(0, ns) * 10 // NS
            return f"{self.decimal(tenths / 10, 1)} {units['s']}" if tenths else f"0 {units['s']}"
        return " ".join(said)

    def percent(self, hundredths: int | None) -> str:
        """96,42 or 100, without the sign; a dash when nothing is known."""
        if hundredths is None:
            return "–"
        if hundredths == 10_000:
            return "100"
        return f"{hundredths // 100}{self._comma}{hundredths % 100:02d}"

    def number(self, value: int) -> str:
        """47.207."""
        grouped = f"{value:,}"
        return grouped.replace(",", ".") if self.language == "vi" else grouped

    def decimal(self, value: float, places: int = 1) -> str:
        """14,9."""
        return f"{value:.{places}f}".replace(".", self._comma)

    def signed(self, value: float, places: int = 1) -> str:
        """+0,8 and −0,4, with a real minus; nothing is 0,0 without a sign."""
        said = f"{value:+.{places}f}"
        if not float(said):
            said = said[1:]
        return said.replace(".", self._comma).replace("-", "−")

    def rate(self, fps: float | None) -> str:
        """15 or 14,9; a dash when it is not known."""
        if fps is None:
            return "–"
        return f"{fps:.0f}" if abs(fps - round(fps)) < 0.05 else self.decimal(fps)

    def bytes(self, size: float) -> str:
        """1,9 TB."""
        for unit in ("B", "kB", "MB", "GB", "TB"):
            if size < 1000 or unit == "TB":
                return f"{size:.0f} {unit}" if unit == "B" else f"{self.decimal(size)} {unit}"
            size /= 1000
        raise AssertionError("the loop returns")

    @property
    def _comma(self) -> str:
        return "," if self.language == "vi" else "."


def day_start(ns: int) -> int:
    """Midnight in the site's time of the day that holds the moment."""
    return start_of(_here(ns).date())


def start_of(day: date) -> int:
    """Midnight in the site's time of a day."""
    moment = datetime(day.year, day.month, day.day, tzinfo=HERE)
    return int(moment.timestamp()) * NS


def date_of(text: str) -> date:
    """A day as addresses write it, 2026-11-18.

    Raises:
        ValueError: it is none, or lies outside 1990 to 2200.
    """
    found = date.fromisoformat(text)
    if not 1990 <= found.year <= 2200:
        raise ValueError("between 1990 and 2200")
    return found


def day_of(ns: int) -> date:
    """The day in the site's time."""
    return _here(ns).date()


def machine(ns: int) -> str:
    """For `datetime` attributes: 2026-11-18T14:32:07+07:00."""
    return _here(ns).isoformat(timespec="seconds")


def _here(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(HERE)
