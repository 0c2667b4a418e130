"""The form of a survey as a value: what is asked, what was said, and what cannot stay as it is.

A form is sent as plain fields (`q-fence`, `z-HL-absent`, `c-0-zone`), by a browser with or without
a script; `read` makes answers of them and `flat` makes fields of answers again, so that nothing
that was typed is lost on refusal.  The questions stand in `rules/survey.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain.register import clean
from vonggac.domain.rules import Words
from vonggac.domain.units import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.rules import ForbiddenZone, Placement

LINE_MOST: Final = 200
"""Characters of a line (ours)."""
NUMBER_MOST: Final = 100_000
PICTURES_MOST: Final = 40
"""Pictures of one facility's answers (ours)."""
CONTACT: Final = ("name", "position", "phone", "address", "email")
"""As ordered in 2021: họ tên, chức danh, điện thoại, địa chỉ, e-mail."""
PERSON: Final = ("name", "position", "phone")
SIZES: Final = ("capacity", "rooms", "floors")
_CAMERA: Final = re.compile(r"c-(\d{1,3})-([a-z_]{1,20})")
_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
PLACED: Final = ("zone", "title", "doors_from", "doors_to", "code")
"""What is asked of where a camera looks; `code` is its name in the register, if it has one."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked: chosen of a list, a number, or a line."""

    code: str
    name: Words
    choices: tuple[str, ...] = ()
    is_number: bool = False
    part: str = ""
    """Step of the form with which it is asked: `house` or `line`; empty of a camera's."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What `rules/survey.toml` says."""

    premises: tuple[Question, ...]
    camera: tuple[Question, ...]
    choices: Mapping[str, Words]
    reasons: Mapping[str, Words]
    link_days: int
    cameras_most: int
    silences: int
    soon_days: int
    line_kbps_each: int
    lines_least: int
    fps_least: int


@dataclass(frozen=True, slots=True)
class SaidCamera:
    """A camera as somebody described it."""

    at: int
    """Its place in the form."""
    zone: str
    title: str
    doors_from: str = ""
    doors_to: str = ""
    code: str = ""
    """Its name in the register; empty for one that is not there."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """By the codes of the rules; what is not known is not there."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a facility answers."""

    person: Mapping[str, str] = field(default_factory=dict)
    """Who fills the form in."""
    contact: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)
    premises: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    """Places that the facility does not have, by code: how it does without."""
    cameras: tuple[SaidCamera, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that cannot stay as it is; a refused place carries its own sentences."""

    name: str
    code: str
    place: ForbiddenZone | None = None


@cache
def rules() -> Rules:
    """The words and numbers of `rules/survey.toml`."""
    tree = tree_()
    return Rules(
        premises=tuple(_question(row) for row in tree["question"]),
        camera=tuple(_question(row) for row in tree["camera"]),
        choices={row["code"]: Words(row["vi"], row["en"]) for row in tree["choice"]},
        reasons={row["code"]: Words(row["vi"], row["en"]) for row in tree["reason"]},
        **tree["defaults"],
    )


@cache
def tree_() -> dict[str, Any]:
    """The file as it stands, for who writes letters by it."""
    text = resources.files("vonggac.rules").joinpath("survey.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _question(row: Mapping[str, Any]) -> Question:
    choices = tuple(row.get("choices", ()))
    return Question(
        row["code"], Words(row["vi"], row["en"]), choices, bool(row.get("number", False)),
        row.get("part", ""),
    )  # fmt: skip


# -- fields to answers, and back -------------------------------------------------------------


def read(values: Mapping[str, str]) -> Said:
    """What the fields of a form say; an empty camera is none."""
    told = {name: _line(value) for name, value in values.items()}
    cameras: dict[int, dict[str, str]] = {}
    for name, value in told.items():
        if (found := _CAMERA.fullmatch(name)) and value:
            cameras.setdefault(int(found[1]), {})[found[2]] = value
    absent = {
        name.split("-")[1]: told.get(f"{name.rpartition('-')[0]}-why", "")
        for name, value in told.items()
        if re.fullmatch(r"z-[A-Z]{1,8}-absent", name) and value
    }
    return Said(
        person=_group(told, "p", PERSON),
        contact=_group(told, "k", CONTACT),
        sizes=_group(told, "f", SIZES),
        premises=_group(told, "q", tuple(one.code for one in rules().premises)),
        absent=absent,
        cameras=tuple(
            _camera(at, one) for at, one in sorted(cameras.items()) if set(one) - {"zone", "state"}
        ),
        note=told.get("note", ""),
    )


def _group(told: Mapping[str, str], mark: str, names: tuple[str, ...]) -> dict[str, str]:
    return {name: told[f"{mark}-{name}"] for name in names if told.get(f"{mark}-{name}")}


def _camera(at: int, one: Mapping[str, str]) -> SaidCamera:
    facts = {
        question.code: one[question.code] for question in rules().camera if one.get(question.code)
    }
    return SaidCamera(
        at, one.get("zone", "").upper(), one.get("title", ""), one.get("doors_from", ""),
        one.get("doors_to", ""), one.get("code", ""), facts,
    )  # fmt: skip


def flat(said: Said) -> dict[str, str]:
    """Answers as the fields of a form."""
    fields = {
        f"{mark}-{name}": value
        for mark, group in (
            ("p", said.person), ("k", said.contact), ("f", said.sizes), ("q", said.premises),
        )
        for name, value in group.items()
    }  # fmt: skip
    for zone, why in said.absent.items():
        fields |= {f"z-{zone}-absent": "yes", f"z-{zone}-why": why}
    for one in said.cameras:
        placed = {name: getattr(one, name) for name in PLACED}
        fields |= {
            f"c-{one.at}-{name}": value for name, value in {**placed, **one.facts}.items() if value
        }
    return fields | ({"note": said.note} if said.note else {})


def to_json(said: Said) -> dict[str, Any]:
    """Answers as they are kept and as the API says them."""
    return {
        "person": dict(said.person), "contact": dict(said.contact), "sizes": dict(said.sizes),
        "premises": dict(said.premises), "absent": dict(said.absent),
        "cameras": [
            {**{name: getattr(one, name) for name in PLACED}, **one.facts} for one in said.cameras
        ],
        "note": said.note,
    }  # fmt: skip


def from_json(told: Mapping[str, Any]) -> Said:
    """Answers as they were kept."""
    fields = {
        f"{mark}-{name}": str(value)
        for mark, group in (("p", "person"), ("k", "contact"), ("f", "sizes"), ("q", "premises"))
        for name, value in dict(told.get(group, {})).items()
    }
    for zone, why in dict(told.get("absent", {})).items():
        fields |= {f"z-{zone}-absent": "yes", f"z-{zone}-why": str(why)}
    for at, one in enumerate(told.get("cameras", ())):
        fields |= {f"c-{at}-{name}": str(value) for name, value in one.items()}
    return read({**fields, "note": str(told.get("note", ""))})


def _line(text: str) -> str:
    """A text as it is kept; what joins letters unseen is dropped, not a space between them."""
    seen = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return clean(seen.encode("utf-8", "replace").decode("utf-8"))


def is_client_id(text: str) -> bool:
    """Whether a device may call what it sends so."""
    return _CLIENT.fullmatch(text) is not None


# -- what cannot stay ------------------------------------------------------------------------


def check(said: Said, placement: Placement) -> list[Fault]:
    """Everything that is wrong with answers; the first rule is where no camera may stand."""
    found = [fault for one in said.cameras for fault in _camera_faults(one, placement)]
    if len(said.cameras) > rules().cameras_most:
        found.append(Fault("cameras", "too_many"))
    found += [
        Fault(name, "missing")
        for name, value in (
            ("p-name", said.person.get("name")),
            ("k-name", said.contact.get("name")),
            ("k-phone", said.contact.get("phone")),
        )
        if not value
    ]
    asked = {f"q-{one.code}": one for one in rules().premises}
    for name, value in flat(said).items():
        found += _text_faults(name, value, asked.get(name))
    for zone, why in said.absent.items():
        if placement.zone(zone) is None:
            found.append(Fault(f"z-{zone}-absent", "unknown_zone"))
        elif any(one.zone == zone for one in said.cameras):
            found.append(Fault(f"z-{zone}-absent", "has_camera"))
        elif not why:
            found.append(Fault(f"z-{zone}-why", "missing"))
    return found


def _camera_faults(one: SaidCamera, placement: Placement) -> list[Fault]:
    found = []
    mark = f"c-{one.at}"
    place = placement.refusal(one.zone, one.title)
    if place is not None:
        found.append(Fault(f"{mark}-zone", "forbidden_zone", place))
    elif placement.zone(one.zone) is None:
        found.append(Fault(f"{mark}-zone", "unknown_zone"))
    if not one.title:
        found.append(Fault(f"{mark}-title", "missing"))
    for question in rules().camera:
        if question.code in one.facts:
            found += _answer_faults(f"{mark}-{question.code}", one.facts[question.code], question)
    return found


def _text_faults(name: str, value: str, question: Question | None) -> list[Fault]:
    if len(value) > (1000 if name == "note" else LINE_MOST):
        return [Fault(name, "too_long")]
    if is_secret(value):
        return [Fault(name, "secret_mark")]
    if name.removeprefix("f-") in SIZES and not _is_number(value):
        return [Fault(name, "bad_number")]
    if name == "k-phone" and not re.fullmatch(r"[0-9+() .,/;x-]{3,60}", value):
        return [Fault(name, "bad_phone")]
    if name == "k-email" and not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", value):
        return [Fault(name, "bad_email")]
    return _answer_faults(name, value, question) if question else []


def _answer_faults(name: str, value: str, question: Question) -> list[Fault]:
    if question.choices and value not in question.choices:
        return [Fault(name, "bad_choice")]
    if question.is_number and not _is_number(value):
        return [Fault(name, "bad_number")]
    return []


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,6}", value)) and int(value) <= NUMBER_MOST
