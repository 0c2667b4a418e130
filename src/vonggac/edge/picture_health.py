"""From measures to picture faults: black, over-exposed, frozen, covered, defocused or moved.

`signs` judges one picture and is pure; `CameraHealth` keeps what one camera needs between pictures,
within a bound (some 2 MB, mostly its references), and knows neither file nor clock.

A sign is *strong* or *mild*.  A strong one becomes a fault after seconds, a mild one after half
a minute, so that somebody who passes close by is none; a fault ends when the picture has been
well for a while.  All bounds and dwell times here are the program's own (*cách tính của phần mềm*);
no document orders them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from vonggac.clock import NS
from vonggac.edge.picture_measures import (
    Measures,
    Polygon,
    compare,
    counted,
    enough,
    luma_of,
    prepare,
)
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.edge.picture_measures import Luma, Prepared, Seen

MAX_REFERENCES: Final = 4
"""Approved pictures of one camera: day and night, and one of each for a scene that has two faces,
such as a gate that stands open or shut."""
LAPSE_NS: Final = 60 * NS
"""After so long without a picture nothing is known to have lasted."""
MISSES: Final = 2
"""So many good pictures in a row end what was about to become a fault."""
EARLIER: Final = 16
"""Pictures that are remembered by their digest: half a minute at one every two seconds.  A frozen
sensor whose picture is coded anew each time gives some few pictures over and over."""
DRIFT_NS: Final = 3600 * NS
MAX_DRIFT: Final = 7 * 24


class Ill(StrEnum):
    """What may be wrong with a picture; a closed list."""

    BLACK = "black"
    OVEREXPOSED = "overexposed"
    FROZEN = "frozen"
    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one camera is judged. Every value is a default of the program."""

    sensitivity: Annotated[float, msgspec.Meta(ge=0.5, le=1.5)] = 1.0
    """Above 1 finds smaller faults of the mild kind, and more that are none."""
    strong_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    """Seconds that a strong sign must last."""
    mild_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0
    """Seconds that a mild sign must last."""
    clear_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    """Seconds that the picture must have been well before a fault ends."""
    ignored: tuple[Polygon, ...] = ()
    """What does not count: screens, trees, the clock in the corner; shares of width and height."""


class Reference(msgspec.Struct, frozen=True):
    """A reference picture: what a person approved as that which the camera should show."""

    luma: bytes
    """As `picture_measures.Luma`, row by row."""
    approved_by: str = ""
    """The account; empty if nobody approved it and it only stands in."""
    approved_ns: int = 0
    night: bool = False

    @property
    def name(self) -> str:
        """Names the picture by what it shows: the beginning of its SHA-256."""
        return hashlib.sha256(self.luma).hexdigest()[:16]


class Sign(NamedTuple):
    """What speaks for an ill in one picture."""

    strong: bool
    measure: str
    """Field of `Measures`."""
    value: float
    bound: float
    """What the value went beyond."""


class PictureFault(msgspec.Struct, frozen=True, kw_only=True):
    """An ill that lasted; the same again with `until_ns` when it is over."""

    what: Ill
    strong: bool
    since_ns: int
    """Of the first picture that showed it."""
    found_ns: int
    """When it had lasted long enough."""
    until_ns: int | None = None
    """Of the first picture that was well again."""
    measure: str
    value: float
    bound: float
    picture_ns: int
    """Which picture: its moment; the recording has it."""
    reference: str | None = None
    """Which reference it was held against: `Reference.name`."""


class Drift(msgspec.Struct, frozen=True):
    """How far an hour's pictures were from their reference, on average."""

    from_ns: int
    pictures: int
    same: float
    sharpness: float


def signs(measures: Measures, settings: Settings) -> dict[Ill, Sign]:
    """What one picture shows.

    Of what hides or displaces the scene only the likeliest is told: a black picture is not
    covered, too.
    """
    found: dict[Ill, Sign] = {}
    frozen = _frozen(measures)
    if frozen is not None:
        found[Ill.FROZEN] = frozen
    likeliest: tuple[Ill, Sign] | None = None
    for ill, judge in _JUDGES:
        sign = judge(measures, settings)
        if sign is not None and (likeliest is None or (sign.strong and not likeliest[1].strong)):
            likeliest = (ill, sign)
    if likeliest is not None:
        found[likeliest[0]] = likeliest[1]
    return found


def _black(found: Measures, settings: Settings) -> Sign | None:
    if found.darker is not None and found.darker >= 0.5:
        return None  # the reference is as dark
    if found.top < 24:
        return Sign(True, "top", found.top, 24)
    if found.darker is not None:
        bound = 0.12 * settings.sensitivity
        return Sign(False, "darker", found.darker, bound) if found.darker < bound else None
    bound = 15 * settings.sensitivity
    return Sign(False, "mean", found.mean, bound) if found.mean < bound else None


def _overexposed(found: Measures, settings: Settings) -> Sign | None:
    value, name = found.clipped_more, "clipped_more"
    strong, mild = 0.35, 0.12 / settings.sensitivity
    if value is None:
        value, name, strong, mild = found.clipped, "clipped", 0.6, 0.4
    if value >= strong:
        return Sign(True, name, value, strong)
    if value >= mild:
        return Sign(False, name, value, mild)
    return None


def _defocused(found: Measures, settings: Settings) -> Sign | None:
    if found.sharpness is None or found.same_low is None or found.same_low < 0.4:
        return None
    mild = min(0.95, 0.75 * settings.sensitivity)
    if found.sharpness < 0.5:
        return Sign(True, "sharpness", found.sharpness, 0.5)
    if found.sharpness < mild:
        return Sign(False, "sharpness", found.sharpness, mild)
    return None


def _covered(found: Measures, settings: Settings) -> Sign | None:
    if found.lost is None:
        if found.texture < 0.6:
            return Sign(False, "texture", found.texture, 0.6)
        return None
    mild = 0.3 / settings.sensitivity
    if found.lost >= 0.7:
        return Sign(True, "lost", found.lost, 0.7)
    if found.lost >= mild:
        return Sign(False, "lost", found.lost, mild)
    return None


def _moved(found: Measures, settings: Settings) -> Sign | None:
    if found.same is None or found.same_low is None or found.aligned is None:
        return None
    elsewhere = found.turned is not None
    if found.shift_x is not None and found.shift_y is not None:
        elsewhere = max(abs(found.shift_x), abs(found.shift_y)) >= 0.012
    # The scene is all there, in another place: a person who stands in the way does not do that.
    if elsewhere and found.aligned >= 0.5 and found.aligned >= found.same + 0.25:
        return Sign(True, "aligned", found.aligned, 0.5)
    if found.turned is not None and found.aligned >= 0.35:
        return Sign(False, "aligned", found.aligned, 0.35)
    if found.same < 0.1 and found.same_low < 0.25:
        return Sign(True, "same", found.same, 0.1)
    if found.steady is not None and found.steady < 0.6:
        return None  # it changes from picture to picture: a crowd stands before the scene
    mild = 0.42 * settings.sensitivity
    hidden = found.lost is not None and found.lost >= 0.3
    if found.same < mild and found.same_low < 2 * mild and not hidden:
        return Sign(False, "same", found.same, mild)
    return None


def _frozen(found: Measures) -> Sign | None:
    # No sensor gives the same picture twice; a file or a frozen encoder does.
    if found.change is not None and found.change <= 0.003 and (found.change_most or 0) <= 0.02:
        return Sign(True, "change", found.change, 0.003)
    if found.again:
        return Sign(False, "again", found.again, 0)
    return None


_JUDGES: Final = (
    (Ill.BLACK, _black),
    (Ill.OVEREXPOSED, _overexposed),
    (Ill.DEFOCUSED, _defocused),
    (Ill.MOVED, _moved),
    (Ill.COVERED, _covered),
)
"""In the order in which they explain a picture; a strong sign goes before a mild one."""


@dataclass(slots=True)
class _Streak:
    """Pictures in a row that speak for some ill that is not told yet."""

    since_ns: int | None = None
    strong_since_ns: int | None = None
    misses: int = 0
    weak: int = 0
    counts: Counter[Ill] = field(default_factory=Counter)

    def forget(self) -> None:
        self.since_ns = self.strong_since_ns = None
        self.misses = self.weak = 0
        self.counts.clear()

    def miss(self) -> None:
        """A picture without such a sign: two in a row end the streak."""
        self.misses += 1
        if self.misses >= MISSES:
            self.forget()

    def add(self, at_ns: int, what: Ill, sign: Sign) -> None:
        self.misses = 0
        self.counts[what] += 1
        self.since_ns = at_ns if self.since_ns is None else self.since_ns
        if sign.strong:
            self.weak = 0
            self.strong_since_ns = at_ns if self.strong_since_ns is None else self.strong_since_ns
        else:
            self.weak += 1
            if self.weak >= MISSES:
                self.strong_since_ns = None

    def lasted(self, at_ns: int, settings: Settings) -> bool:
        """Whether it is long enough to be told."""
        strong, since = self.strong_since_ns, self.since_ns
        return (strong is not None and at_ns - strong >= settings.strong_s * NS) or (
            since is not None and at_ns - since >= settings.mild_s * NS
        )


@dataclass(slots=True)
class _Track:
    """Ills of one camera of which one picture shows one at most.

    They share a streak: a lens that is half covered may look covered in one picture and displaced
    in the next, and is told as what it looked like most often.  Each is told once until it ends.
    """

    streak: _Streak = field(default_factory=_Streak)
    open: dict[Ill, PictureFault] = field(default_factory=dict)
    well_since_ns: int | None = None

    def take(
        self,
        at_ns: int,
        shown: tuple[Ill, Sign] | None,
        settings: Settings,
        reference: str | None,
    ) -> list[PictureFault]:
        """One picture's sign; the faults that begin or end with it."""
        if shown is None:
            self.streak.miss()
            return self._well(at_ns, settings)
        self.well_since_ns = None
        what, sign = shown
        if what in self.open:
            self.streak.miss()
            return []
        self.streak.add(at_ns, what, sign)
        likeliest = self.streak.counts.most_common(1)[0][0]
        if likeliest != what or not self.streak.lasted(at_ns, settings):
            return []
        assert self.streak.since_ns is not None
        begun = PictureFault(
            what=what,
            strong=sign.strong,
            since_ns=self.streak.since_ns,
            found_ns=at_ns,
            measure=sign.measure,
            value=sign.value,
            bound=sign.bound,
            picture_ns=at_ns,
            reference=reference,
        )
        self.open[what] = begun
        self.streak.forget()
        return [begun]

    def _well(self, at_ns: int, settings: Settings) -> list[PictureFault]:
        """Nothing is shown; what is open ends when that has lasted."""
        since_ns = self.well_since_ns = at_ns if self.well_since_ns is None else self.well_since_ns
        if at_ns - since_ns < settings.clear_s * NS:
            return []
        over = [msgspec.structs.replace(one, until_ns=since_ns) for one in self.open.values()]
        self.open.clear()
        return over


@dataclass(slots=True)
class _Hour:
    from_ns: int = 0
    pictures: int = 0
    same: float = 0.0
    sharpness: float = 0.0


@dataclass(slots=True)
class CameraHealth:
    """What is known of one camera's picture. Bounded; used by one thread at a time.

    Args:
        settings: how it is judged.
        references: approved pictures, at most `MAX_REFERENCES`.

    Raises:
        VonggacError: (BAD_INPUT) too many references, one of another size, or one that shows too
            little to judge by; or ignored areas that leave nothing.
    """

    settings: Settings = field(default_factory=Settings)
    references: Sequence[Reference] = ()
    drift: list[Drift] = field(default_factory=list)
    """The newest hours, `MAX_DRIFT` at most."""
    _seen: Seen | None = None
    _prepared: list[Prepared] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _before: Prepared | None = None
    _before_ns: int = 0
    _frozen: _Track = field(default_factory=_Track)
    _scene: _Track = field(default_factory=_Track)
    _earlier: list[bytes] = field(default_factory=list)
    _hour: _Hour = field(default_factory=_Hour)

    def __post_init__(self) -> None:
        self.approve(self.references)

    def approve(self, references: Sequence[Reference]) -> None:
        """Hold the picture against these from now on; faults that are open may end by it."""
        if len(references) > MAX_REFERENCES:
            raise VonggacError(
                Kind.BAD_INPUT, f"{len(references)} references; at most {MAX_REFERENCES}"
            )
        seen = counted(self.settings.ignored)
        prepared = [prepare(luma_of(one.luma), seen) for one in references]
        if not all(enough(one) for one in prepared):
            raise VonggacError(
                Kind.BAD_INPUT,
                "the reference shows too little to judge by: choose a picture with the lights on"
                " and something in it",
            )
        self._seen = seen
        self.references = tuple(references)
        self._prepared, self._names = prepared, [one.name for one in references]

    @property
    def open(self) -> list[PictureFault]:
        """What is wrong now."""
        return [*self._frozen.open.values(), *self._scene.open.values()]

    def look(self, at_ns: int, luma: Luma) -> tuple[Measures, list[PictureFault]]:
        """Take one picture, later than the one before.

        Returns:
            Its measures, and the faults that begin or end with it.
        """
        now = prepare(luma, self._seen)
        fresh = self._before is None or not 0 < at_ns - self._before_ns <= LAPSE_NS
        if fresh:
            self._earlier.clear()
            for track in (self._frozen, self._scene):
                track.streak.forget()
                track.well_since_ns = None
        measures = compare(
            now, self._prepared, None if fresh else self._before, earlier=self._earlier
        )
        self._before, self._before_ns = now, at_ns
        self._earlier.append(now.digest)
        del self._earlier[:-EARLIER]
        self._add(at_ns, measures)
        name = None if measures.reference is None else self._names[measures.reference]
        shown = list(signs(measures, self.settings).items())
        frozen = next((one for one in shown if one[0] is Ill.FROZEN), None)
        scene = next((one for one in shown if one[0] is not Ill.FROZEN), None)
        changed = self._frozen.take(at_ns, frozen, self.settings, None)
        return measures, changed + self._scene.take(at_ns, scene, self.settings, name)

    def _add(self, at_ns: int, measures: Measures) -> None:
        """Keep the mean distance from the reference of each hour."""
        hour = self._hour
        if hour.pictures and at_ns // DRIFT_NS != hour.from_ns // DRIFT_NS:
            self.drift.append(self.hour())
            del self.drift[:-MAX_DRIFT]
            hour.pictures, hour.same, hour.sharpness = 0, 0.0, 0.0
        if measures.same is None or measures.sharpness is None:
            return
        if not hour.pictures:
            hour.from_ns = at_ns
        hour.pictures += 1
        hour.same += measures.same
        hour.sharpness += measures.sharpness

    def hour(self) -> Drift:
        """The hour that is under way."""
        count = max(1, self._hour.pictures)
        return Drift(
            self._hour.from_ns,
            self._hour.pictures,
            round(self._hour.same / count, 4),
            round(self._hour.sharpness / count, 4),
        )
