"""A box looks at its cameras' pictures in turn, and says as a signed fact what is wrong."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from msgspec import structs
from test_picture_command import clip
from test_picture_measures import noisy, room

from vonggac import sentences, wire
from vonggac.clock import NS, SimulatedClock, SystemClock
from vonggac.config import Secret
from vonggac.edge import picture_references
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.picture_command import keyframes
from vonggac.edge.picture_health import Ill, PictureFault, Reference
from vonggac.edge.picture_watch import WORDS, PictureWatch, sentence
from vonggac.errors import ConfigError, Kind, VonggacError

BEGAN_NS = 1_785_542_400 * NS


class Shown:
    """Stands in for the streams of a box: coded keyframes, one a look, as a recorder has them."""

    def __init__(self, pictures: dict[str, list[tuple[int, bytes, bytes]]]) -> None:
        self.pictures = pictures
        self.asked: list[str] = []

    def cameras(self):
        return [(camera, "sub") for camera in self.pictures]

    async def newest(self, camera: str, stream: str):
        self.asked.append(camera)
        left = self.pictures[camera]
        if not left:
            raise VonggacError(Kind.NOT_FOUND, "the box has no such stream")
        at_ns, init, part = left.pop(0) if len(left) > 1 else left[0]
        return BEGAN_NS + at_ns, init, part


async def coded(path, pictures) -> list[tuple[int, bytes, bytes]]:
    """These pictures as keyframes with their inits."""
    found = keyframes(
        clip(path, pictures), "", Secret(""), clock=SystemClock(), every_s=0, seconds=None
    )
    async with aclosing(found):
        return [one async for one in found]


@pytest.fixture
async def decoder():
    made = PictureDecoder()
    yield made
    await made.close()


def approve(directory, picture, *, by: str = "Tổ kỹ thuật", name: str = "day") -> None:
    path = directory / picture_references.FOLDER / "cam01" / f"{name}.pgm"
    picture_references.write(path, Reference(picture.tobytes(), approved_by=by))


def watch(directory, shown, decoder, facts, clock=None) -> PictureWatch:
    made = clock or SimulatedClock(BEGAN_NS)
    return PictureWatch(directory, shown, decoder, facts.append, made, a_second=2)


async def test_a_camera_that_was_moved_becomes_a_fact_and_is_normal_once_approved(
    tmp_path, decoder
):
    """The fact has the measure, the reference picture and the moment; a person's word ends it."""
    approve(tmp_path, room())
    moved = await coded(tmp_path / "moved.mp4", [noisy(room(dx=40), n) for n in range(16)])
    clock, facts = SimulatedClock(BEGAN_NS), []
    looker = watch(tmp_path, Shown({"cam01": moved}), decoder, facts, clock)

    for _ in range(6):
        await looker.run_once()
    assert [(one.camera, one.stream, one.what) for one in facts] == [("cam01", "sub", "picture")]
    name = Reference(room().tobytes()).name
    assert facts[0].evidence.startswith("the camera was moved or turned for 6 s: aligned ")
    assert facts[0].evidence.endswith(f"against reference picture {name}")
    assert facts[0].at == BEGAN_NS + 6 * NS
    assert wire.decode_fact(wire.encode_fact(facts[0])) == facts[0]

    approve(tmp_path, room(dx=40))
    await clock.advance(60)
    for _ in range(8):
        await looker.run_once()

    assert len(facts) == 2
    assert facts[1].evidence == "well again after 12 s: the camera was moved or turned"
    for fact in facts:
        found = sentences.find(fact.evidence)
        assert found is not None
        assert found.values["what"] == "the camera was moved or turned"


async def test_cameras_have_their_turn_and_none_is_looked_at_twice_for_one_picture(
    tmp_path, decoder
):
    """The budget is the box's: a camera without new keyframes takes nothing from the others."""
    well = await coded(tmp_path / "well.mp4", [noisy(room(), n) for n in range(3)])
    shown = Shown({"cam01": list(well), "cam02": list(well[:1]), "cam03": []})
    looker = watch(tmp_path, shown, decoder, [])

    for _ in range(9):
        await looker.run_once()

    assert shown.asked == ["cam01", "cam02", "cam03"] * 3
    assert looker.counts == {"looked": 4, "nothing_new": 2, "not_decoded": 3}


async def test_a_picture_that_cannot_be_decoded_costs_nothing_else(tmp_path, decoder):
    """What a camera sends is hostile until it is decoded elsewhere."""
    well = await coded(tmp_path / "well.mp4", [noisy(room(), n) for n in range(2)])
    broken = (well[0][0], well[0][1], well[0][2][:200])
    looker = watch(tmp_path, Shown({"cam01": [broken, well[1]]}), decoder, [])

    await looker.run_once()
    await looker.run_once()

    assert looker.counts == {"not_decoded": 1, "looked": 1}


async def test_it_looks_by_the_clock_and_outlives_what_fails(tmp_path, decoder):
    """Two pictures a second are one every half second, also after a fault of the program."""

    class Broken(Shown):
        async def newest(self, camera, stream):
            self.asked.append(camera)
            raise RuntimeError("a fault of the program")

    shown, clock = Broken({"cam01": []}), SimulatedClock(BEGAN_NS)
    looking = asyncio.create_task(watch(tmp_path, shown, decoder, [], clock).run())
    await asyncio.sleep(0)
    await clock.advance(2.1)
    looking.cancel()

    assert shown.asked == ["cam01"] * 4


def test_a_reference_without_a_name_is_not_judged_by(tmp_path):
    """Who says that this is normal must stand for it."""
    approve(tmp_path, room(), by="", name="a")
    approve(tmp_path, room(), name="b-night")
    (tmp_path / picture_references.FOLDER / "cam01" / "c.pgm").write_bytes(b"P5\n")

    found, wrong = picture_references.approved(tmp_path, "cam01")

    assert [(one.approved_by, one.night) for one in found] == [("Tổ kỹ thuật", True)]
    assert ["says not who approved it" in wrong[0], "is no reference" in wrong[1]] == [True, True]
    assert picture_references.approved(tmp_path, "cam02") == ([], [])
    with pytest.raises(ConfigError, match="one line"):
        approve(tmp_path, room(), by="a\nb")


@pytest.mark.parametrize("what", Ill)
@pytest.mark.parametrize("reference", [None, "0123456789abcdef"])
def test_every_picture_fault_has_words_in_both_languages(what, reference):
    """Who reads the page of a camera reads Vietnamese."""
    fault = PictureFault(
        what=what, strong=True, since_ns=0, found_ns=6 * NS, measure="lost", value=0.9, bound=0.7,
        picture_ns=6 * NS, reference=reference,
    )  # fmt: skip
    for one in (fault, structs.replace(fault, until_ns=60 * NS)):
        said = sentences.say(sentence(one), "vi")
        assert "“" not in said
        assert WORDS[what] not in said
