"""Faults of a picture that must be found, nuisances that must not, and what looking costs.

Every picture goes the way of a sub-stream's keyframe: 640x360, coded as an H.264 keyframe, decoded,
brought to 320x192, measured, judged; one every two seconds.  The places are the clips that are
given (by default the real room of ../shared/data, if it is there) and the drawn scenes, with a
sensor's noise.  Of each place three quarters are shown, so that a turned camera sees what is really
beside (`vonggac.sim.ills`).  The reference is the median of nine pictures of the place.

**found**: a fault of whatever kind began while the fault lasted (20 s if strong, 80 s if mild).
**named**: it was of the right kind; a lens that is covered by something dark may be called black.
The delay is from the moment the fault began.  Targets: 95 % of the strong within 10 s, 80 % of the
mild within 60 s.

**False alarms** are counted over the clean pictures of the clips alone, once each, and apart from
that over the drawn scenes; beside each rate stands the upper bound (95 %, Poisson) that so many
hours can carry.  A clip of two minutes carries nothing: the bound says so.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

import common
from vonggac.clock import NS
from vonggac.edge.picture_health import CameraHealth, Ill, PictureFault, Reference
from vonggac.edge.picture_measures import HEIGHT, WIDTH, Luma, typical
from vonggac.sim import ills, scenes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from vonggac.sim.ills import Fault, Grey, Nuisance

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "one-by-one.mp4"
EVERY_S = 2.0
LEAD_S = 40.0
"""Clean pictures before a fault."""
LASTS_S = {"strong": 20.0, "mild": 80.0}
WITHIN_S = {"strong": 10.0, "mild": 60.0}
WANTED = {"strong": 0.95, "mild": 0.80}
FALSE_ALARMS_WANTED = 0.2
CPU_MS_WANTED = 0.01 * EVERY_S * 1000
"""A hundredth of a core at one keyframe every two seconds."""
HELD = 300
"""Pictures of a clip that are held for the faults: ten minutes."""
LOOP_S, LOOP_PICTURES = 8.0, 16
QUANTISER, COARSE = 28, 40
NAMES: dict[Fault, tuple[Ill, ...]] = {
    "cover": (Ill.COVERED, Ill.BLACK),
    "defocus": (Ill.DEFOCUSED,),
    "move": (Ill.MOVED,),
    "freeze": (Ill.FROZEN,),
    "black": (Ill.BLACK,),
    "glare": (Ill.OVEREXPOSED,),
}


class Place:
    """What a camera looks at: pictures of it, two seconds apart, larger than the camera's view.

    Args:
        name: for the table.
        pictures: in their order; looked at over and over.
        real: filmed, not drawn.
    """

    def __init__(self, name: str, pictures: list[Grey], *, real: bool) -> None:
        self.name = name
        self.real = real
        self._pictures = pictures

    def at(self, index: int, seed: int) -> Grey:
        """The place at a moment; what is drawn gets slow light of its own."""
        picture = self._pictures[index % len(self._pictures)]
        if self.real:
            return picture
        light = 1 + 0.06 * math.sin(index / 97 + seed)
        return np.asarray(np.clip(picture * np.float32(light), 0, 255), np.uint8)

    def shown(self, picture: Grey, seed: int) -> Grey:
        """With the noise that a drawn place lacks."""
        return picture if self.real else ills.noisy(picture, seed)


class Coder:
    """Codes a picture as a keyframe, and decodes and scales it down as the edge does."""

    def __init__(self) -> None:
        self._encoders: dict[int, av.VideoCodecContext] = {}
        self.decode_s = 0.0
        self.pictures = 0

    def through(self, picture: Grey, quantiser: int = QUANTISER) -> Luma:
        """The small picture that comes out at the other end."""
        data = self._coded(picture, quantiser)
        began = time.process_time()
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
        small = frames[-1].reformat(width=WIDTH, height=HEIGHT, format="gray", interpolation="AREA")
        luma = np.asarray(small.to_ndarray(), np.uint8)
        self.decode_s += time.process_time() - began
        self.pictures += 1
        return luma

    def _coded(self, picture: Grey, quantiser: int) -> bytes:
        encoder = self._encoders.get(quantiser)
        if encoder is None:
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height = ills.WIDTH, ills.HEIGHT
            encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
            encoder.thread_count = 1
            encoder.options = {
                "preset": "veryfast", "tune": "zerolatency", "qp": str(quantiser), "g": "1",
            }  # fmt: skip
            self._encoders[quantiser] = encoder
        planes = np.full((ills.HEIGHT * 3 // 2, ills.WIDTH), 128, np.uint8)
        # Limited range, as cameras code: 16 to 235.
        planes[: ills.HEIGHT] = np.rint(picture * np.float32(219 / 255)) + 16
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = None
        return b"".join(bytes(packet) for packet in encoder.encode(frame))


@dataclass
class Camera:
    """A camera under test: a place, a coder, what is known of its health, and what it found."""

    place: Place
    coder: Coder
    reference: Reference
    health: CameraHealth = field(init=False)
    found: list[PictureFault] = field(default_factory=list)
    judge_s: float = 0.0
    pictures: int = 0

    def __post_init__(self) -> None:
        self.health = CameraHealth(references=(self.reference,))

    def show(self, at_s: float, picture: Grey, quantiser: int = QUANTISER) -> None:
        """One keyframe."""
        luma = self.coder.through(picture, quantiser)
        began = time.process_time()
        _, changed = self.health.look(round(at_s * NS), luma)
        self.judge_s += time.process_time() - began
        self.pictures += 1
        self.found += (one for one in changed if one.until_ns is None)


@dataclass
class Cost:
    """CPU seconds and pictures, in all."""

    seconds: float = 0.0
    pictures: int = 0

    def add(self, camera: Camera) -> None:
        """What a camera's pictures cost to judge."""
        self.seconds += camera.judge_s
        self.pictures += camera.pictures


def clip(path: Path) -> Iterator[Grey]:
    """A clip's pictures, one every two seconds, grey."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        due = 0.0
        for frame in container.decode(stream):
            at = frame.time or 0.0
            if at + 1e-6 < due:
                continue
            due = max(due + EVERY_S, at)
            width = min(frame.width, 1280)
            small = frame.reformat(
                width=width & ~1, height=round(frame.height * width / frame.width) & ~1,
                format="gray", interpolation="AREA",
            )  # fmt: skip
            yield np.asarray(small.to_ndarray(), np.uint8)


def drawn(name: str) -> Place:
    """A scene of the simulator. Neighbours in time are five pictures of the loop apart."""
    shots = scenes.pictures(name, "", width=960, height=540, count=LOOP_PICTURES)
    loop = [shot[:540].copy() for shot in shots]
    order = [loop[index * 5 % LOOP_PICTURES] for index in range(LOOP_PICTURES)]
    return Place(name, order, real=False)


def camera(place: Place, coder: Coder, dice: random.Random) -> Camera:
    """A camera that hangs as it was approved."""
    shots = [
        coder.through(place.shown(ills.seen(place.at(index * 7, 0)), dice.randrange(1 << 30)))
        for index in range(9)
    ]
    return Camera(place, coder, Reference(typical(shots).tobytes(), approved_by="bench"))


def fault(made: Camera, kind: Fault, severity: str, seed: int) -> dict[str, Any]:
    """Let a camera be well for a while, then apply a fault; what was found of it."""
    dice = random.Random(seed)
    index = start = dice.randrange(1000)
    phase = dice.uniform(0, EVERY_S)
    frozen: Grey | None = None
    for index in range(start, start + round(LEAD_S / EVERY_S)):
        frozen = made.place.shown(ills.seen(made.place.at(index, seed)), dice.randrange(1 << 30))
        made.show(index * EVERY_S, frozen)
    early = len(made.found)
    began = (index + 1) * EVERY_S - phase
    strong = severity == "strong"
    assert frozen is not None
    for step in range(1, round(LASTS_S[severity] / EVERY_S) + 1):
        source = made.place.at(index + step, seed)
        picture = ills.faulty(kind, source, frozen, strong=strong, seed=seed)
        quantiser = QUANTISER
        if kind == "freeze":
            # A frozen encoder sends the same bytes; a frozen sensor is coded anew each time.
            quantiser = QUANTISER if strong else QUANTISER + dice.randrange(4)
        else:
            picture = made.place.shown(picture, dice.randrange(1 << 30))
        made.show((index + step) * EVERY_S, picture, quantiser)
    after = made.found[early:]
    right = [one for one in after if one.what in NAMES[kind]]
    return {
        "delay_s": (after[0].found_ns / NS - began) if after else None,
        "named": bool(right),
        "as": after[0].what.value if after else None,
        "alarm_before": early,
    }


def faults(
    places: Sequence[Place], coder: Coder, options: argparse.Namespace, cost: Cost
) -> dict[str, Any]:
    """Each fault, mild and strong, at each place."""
    found: dict[str, Any] = {}
    for kind in ills.FAULTS:
        found[kind] = {}
        for severity in LASTS_S:
            cases = []
            for number, place in enumerate(places):
                for again in range(options.cases if place.real else 1):
                    seed = 7919 * number + 104729 * again + len(kind)
                    made = camera(place, coder, random.Random(seed))
                    cases.append(fault(made, kind, severity, seed) | {"place": place.name})
                    cost.add(made)
            found[kind][severity] = told(cases, severity)
            print(f"{kind} {severity}: {found[kind][severity]}", file=sys.stderr)
    return found


def told(cases: list[dict[str, Any]], severity: str) -> dict[str, Any]:
    """The figures of one fault and severity."""
    delays = sorted(case["delay_s"] for case in cases if case["delay_s"] is not None)
    in_time = sum(delay <= WITHIN_S[severity] for delay in delays)
    median = p95 = None
    if delays:
        median = round(statistics.median(delays), 1)
        p95 = round(delays[min(len(delays) - 1, math.ceil(0.95 * len(delays)) - 1)], 1)
    return {
        "applied": len(cases),
        "found": len(delays),
        "found_in_time": in_time,
        "named": sum(case["named"] for case in cases),
        "delay_s": [median, p95],
        "missed_at": [case["place"] for case in cases if case["delay_s"] is None],
        "called": sorted({case["as"] for case in cases if case["as"] is not None}),
    }


def nuisances(
    places: Sequence[Place], coder: Coder, options: argparse.Namespace, cost: Cost
) -> dict[str, Any]:
    """What happens at a place that is no fault of its camera; every fault is a false alarm."""
    found: dict[str, Any] = {}
    for kind in ills.NUISANCES:
        alarms: list[str] = []
        hours = 0.0
        for number, place in enumerate(places):
            made = camera(place, coder, random.Random(number))
            lasts = options.nuisance_s if kind != "slow_dusk" else ills.DUSK_S
            _disturb(made, kind, lasts, seed=31 * number + 5)
            alarms += (f"{place.name} {one.what.value}" for one in made.found)
            hours += lasts / 3600
            cost.add(made)
        found[kind] = {
            "cameras": len(places), "hours": round(hours, 3), "false_alarms": len(alarms),
            "at": alarms,
        }  # fmt: skip
        print(f"{kind}: {found[kind]}", file=sys.stderr)
    return found


def _disturb(made: Camera, kind: Nuisance, lasts_s: float, *, seed: int) -> None:
    lead = round(LEAD_S / EVERY_S)
    for index in range(lead + round(lasts_s / EVERY_S)):
        passed = (index - lead) * EVERY_S
        source = made.place.at(index, seed)
        if passed < 0:
            picture = ills.seen(source)
        else:
            picture = ills.disturbed(kind, source, passed, seed=seed)
        coarse = kind == "compression" and passed >= 0 and int(passed // 30) % 2 == 0
        made.show(
            index * EVERY_S,
            made.place.shown(picture, seed + index),
            COARSE if coarse else QUANTISER,
        )


def clean_clip(path: Path, place: Place, coder: Coder, cost: Cost) -> tuple[float, list[str]]:
    """A whole clip once: hours and alarms."""
    made = camera(place, coder, random.Random(1))
    count = 0
    for count, picture in enumerate(clip(path), 1):
        made.show(count * EVERY_S, ills.seen(picture))
    cost.add(made)
    return count * EVERY_S / 3600, [f"{path.name} {one.what.value}" for one in made.found]


def clean_scenes(
    places: Sequence[Place], coder: Coder, hours: float, cost: Cost
) -> tuple[float, list[str]]:
    """Drawn scenes for so many hours in all."""
    alarms: list[str] = []
    each = round(hours * 3600 / EVERY_S / max(1, len(places)))
    for number, place in enumerate(places):
        made = camera(place, coder, random.Random(number))
        for index in range(each):
            picture = ills.seen(place.at(index, number))
            made.show(index * EVERY_S, place.shown(picture, number + 1000 * index))
        alarms += (f"{place.name} {one.what.value}" for one in made.found)
        cost.add(made)
    return each * len(places) * EVERY_S / 3600, alarms


def most(events: int, confidence: float = 0.95) -> float:
    """Poisson: the expectation at which so few events would be rarer than 1 - confidence."""

    def at_most(mean: float) -> float:
        terms = (-mean + n * math.log(mean) - math.lgamma(n + 1) for n in range(events + 1))
        return sum(math.exp(term) for term in terms)

    low, high = 1e-6, 10.0 + 4 * events
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 1 - confidence else (low, middle)
    return high


def rate(hours: float, alarms: list[str]) -> dict[str, Any]:
    """False alarms of clean pictures, with what the hours can carry."""
    days = hours / 24
    return {
        "clean_hours": round(hours, 3),
        "false_alarms": len(alarms),
        "false_alarms_per_camera_day": round(len(alarms) / days, 3) if days else None,
        "upper_95_per_camera_day": round(most(len(alarms)) / days, 2) if days else None,
        "at": alarms,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it."""
    coder, cost = Coder(), Cost()
    clips = options.clip or ([SHARED] if SHARED.is_file() else [])
    filmed = [Place(path.name, list(islice(clip(path), HELD)), real=True) for path in clips]
    named = scenes.SCENES[: options.scenes]
    painted = [drawn(name) for name in named]
    found: dict[str, Any] = {"faults": faults([*filmed, *painted], coder, options, cost)}
    found["nuisances"] = nuisances([*filmed, *painted[:4]], coder, options, cost)
    hours, alarms = 0.0, []
    for path, place in zip(clips, filmed, strict=True):
        more, at = clean_clip(path, place, coder, cost)
        hours += more
        alarms += at
    found["clean"] = rate(hours, alarms)
    found["clean_drawn"] = rate(*clean_scenes(painted, coder, options.hours, cost))
    each = 1000 * (coder.decode_s / coder.pictures + cost.seconds / max(1, cost.pictures))
    found["cost"] = {
        "cpu_ms_per_keyframe": round(each, 2),
        "of_it_decoding_ms": round(1000 * coder.decode_s / coder.pictures, 2),
        "core_pct_per_camera": round(each / (10 * EVERY_S), 3),
        "keyframes": coder.pictures,
    }
    found["clips"] = [path.name for path in clips]
    found["targets"] = targets(found)
    return found


def targets(found: dict[str, Any]) -> dict[str, bool]:
    """What is aimed at, and whether it was met."""

    def share(severity: str) -> float:
        rows = [row[severity] for row in found["faults"].values()]
        applied = sum(row["applied"] for row in rows)
        return sum(row["found_in_time"] for row in rows) / applied if applied else 0.0

    bound = found["clean"]["upper_95_per_camera_day"]
    alarms = found["clean"]["false_alarms"] + found["clean_drawn"]["false_alarms"]
    return {
        "strong_95_pct_within_10_s": share("strong") >= WANTED["strong"],
        "mild_80_pct_within_60_s": share("mild") >= WANTED["mild"],
        "no_false_alarm_on_clean_pictures": alarms == 0,
        "hours_carry_0.2_a_camera_day": bound is not None and bound <= FALSE_ALARMS_WANTED,
        "at_most_1_pct_of_a_core": found["cost"]["cpu_ms_per_keyframe"] <= CPU_MS_WANTED,
    }


def table(found: dict[str, Any]) -> str:
    """For people."""
    machine = found["machine"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_before']};"
        f" clips: {', '.join(found['clips']) or 'none'}",
        "fault    severity  applied  found  in time  named  delay median, p95 (s)",
    ]
    for kind, row in found["faults"].items():
        for severity, one in row.items():
            lines.append(
                f"{kind:8} {severity:8} {one['applied']:8} {one['found']:6}"
                f" {one['found_in_time']:8} {one['named']:6}  {one['delay_s']}"
                f" {' '.join(one['missed_at'])}"
            )
    lines += (
        f"nuisance {kind:15} {one['hours']:6g} h, {one['false_alarms']} false alarms"
        f" {'; '.join(one['at'])}"
        for kind, one in found["nuisances"].items()
    )
    for name, what in (("clean", "filmed"), ("clean_drawn", "drawn")):
        one = found[name]
        lines.append(
            f"clean, {what}: {one['clean_hours']} h, {one['false_alarms']} false alarms,"
            f" {one['false_alarms_per_camera_day']} a camera-day,"
            f" at most {one['upper_95_per_camera_day']} (95 %)"
        )
    cost = found["cost"]
    lines.append(
        f"{cost['cpu_ms_per_keyframe']} ms of CPU a keyframe (decoding"
        f" {cost['of_it_decoding_ms']}), {cost['core_pct_per_camera']} % of a core a camera"
    )
    lines += (f"{'met   ' if met else 'MISSED'} {name}" for name, met in found["targets"].items())
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 1 if a target is missed that the hours can carry."""
    parser = common.parser(__doc__)
    parser.add_argument("--clip", type=Path, nargs="+", metavar="FILE", help="real footage")
    parser.add_argument("--cases", type=int, default=6, help="of each fault at each clip")
    parser.add_argument("--scenes", type=int, default=len(scenes.SCENES), help="drawn places")
    parser.add_argument("--hours", type=float, default=2.0, help="of clean drawn pictures")
    parser.add_argument("--nuisance-s", type=float, default=120.0, help="of each nuisance")
    options = parser.parse_args()
    for path in options.clip or []:
        if not path.is_file():
            parser.error(f"{path} is no file")
    found: dict[str, Any] = {"machine": common.machine()} | measure(options)
    common.show(found, options, table(found))
    missed = [name for name, met in found["targets"].items() if not met]
    return 1 if [name for name in missed if not name.startswith("hours_carry")] else 0


if __name__ == "__main__":
    sys.exit(main())
