"""What lasts becomes one fault; what passes becomes none; a person's word ends it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_picture_measures import CORNER, noisy, room

from vonggac.clock import NS
from vonggac.edge import picture_health
from vonggac.edge.picture_health import CameraHealth, Ill, PictureFault, Reference, Settings, signs
from vonggac.edge.picture_measures import HEIGHT, WIDTH, Measures, typical
from vonggac.errors import VonggacError
from vonggac.sim import ills

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "one-by-one.mp4"
EVERY_S = 2
WELL = Measures(
    mean=110, top=210, clipped=0.0, texture=9, change=1.2, change_most=5, same=1.0, same_low=1.0,
    lost=0.0, sharpness=1.0, clipped_more=0.0, darker=1.0, reference=0,
)  # fmt: skip


def small(picture: np.ndarray) -> np.ndarray:
    """640x360 brought to 320x192 without a coder: rows and columns that lie nearest."""
    rows = np.arange(HEIGHT) * picture.shape[0] // HEIGHT
    halved = (picture[:, ::2].astype(np.uint16) + picture[:, 1::2]) // 2
    return halved[rows].astype(np.uint8)


def reference(picture: np.ndarray) -> Reference:
    return Reference(picture.tobytes(), approved_by="an.nguyen")


def told(health: CameraHealth, pictures, *, start: int = 0, every_s: float = EVERY_S) -> list:
    """Every fault that begins or ends while these pictures come."""
    found: list[PictureFault] = []
    for number, picture in enumerate(pictures, start):
        found += health.look(round(number * every_s * NS) + NS, picture)[1]
    return found


def well(count: int, *, start: int = 0) -> list[np.ndarray]:
    return [noisy(room(), start + number) for number in range(count)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1 << 20), level=st.integers(0, 255), grainy=st.booleans())
def test_a_frozen_picture_is_always_found(seed, level, grainy):
    """Whatever it shows: bytes that stay the same for seconds came from no sensor."""
    picture = noisy(room(seed), seed) if grainy else np.full((HEIGHT, WIDTH), level, np.uint8)

    found = told(CameraHealth(), [picture] * 6)

    assert Ill.FROZEN in {one.what for one in found}


def test_a_camera_that_is_well_finds_nothing():
    """Five minutes of noise, and nothing else."""
    assert told(CameraHealth(references=[reference(room())]), well(150)) == []


@pytest.mark.parametrize(
    ("changed", "ill"),
    [
        ({"mean": 3, "top": 9, "darker": 0.03, "same": 0.0, "lost": 1.0}, Ill.BLACK),
        ({"clipped": 0.6, "clipped_more": 0.6, "same": 0.4}, Ill.OVEREXPOSED),
        ({"sharpness": 0.3, "same": 0.2}, Ill.DEFOCUSED),
        ({"same": 0.0, "same_low": 0.1, "aligned": 0.8, "shift_x": 0.1, "shift_y": 0.0}, Ill.MOVED),
        ({"same": 0.0, "same_low": 0.0, "lost": 0.9}, Ill.COVERED),
        ({"change": 0.0, "change_most": 0.0}, Ill.FROZEN),
    ],
)
def test_each_ill_is_told_by_its_name(changed, ill):
    """Who is sent there takes another tool for each."""
    values = {name: getattr(WELL, name) for name in WELL.__struct_fields__} | changed
    found = signs(Measures(**values), Settings())

    assert list(found) == [ill]
    assert found[ill].strong


def test_what_is_well_has_no_sign():
    """The picture of most of the year."""
    assert signs(WELL, Settings()) == {}


def test_what_passes_is_no_finding_and_what_lasts_is_one():
    """Somebody who walks by close to the lens, and a cloth over it."""
    health = CameraHealth(references=[reference(room())])
    cloth = np.full((HEIGHT, WIDTH), 90, np.uint8)
    passing = [*well(5), noisy(cloth, 1), noisy(cloth, 2), *well(20, start=40)]
    assert told(health, passing) == []

    covered = [noisy(cloth, number) for number in range(60)]
    found = told(health, covered, start=27)

    assert [one.what for one in found] == [Ill.COVERED], "once, however long it lasts"
    assert found[0].strong
    assert found[0].reference == reference(room()).name
    assert (found[0].found_ns - found[0].since_ns) / NS == 6
    assert found[0].value >= found[0].bound


def test_a_finding_ends_when_the_picture_was_well_for_a_while():
    """It closes by itself, with the moment from which it was well."""
    health = CameraHealth(references=[reference(room())])
    cloth = [noisy(np.full((HEIGHT, WIDTH), 90, np.uint8), number) for number in range(5)]

    begun = told(health, [*well(5), *cloth])
    over = told(health, well(7), start=10)

    assert [one.until_ns for one in begun] == [None]
    assert [(one.what, one.until_ns) for one in over] == [(Ill.COVERED, 21 * NS)]
    assert health.open == []


def test_this_is_normal_now():
    """A person who approves the new view ends the fault; the camera was hung anew on purpose."""
    health = CameraHealth(references=[reference(room())])
    moved = [noisy(room(dx=40), number) for number in range(20)]
    found = told(health, moved)
    assert [one.what for one in found] == [Ill.MOVED]

    health.approve([reference(room(dx=40))])
    after = told(health, moved, start=20)

    assert [(one.what, one.until_ns is None) for one in after] == [(Ill.MOVED, False)]


def test_after_a_pause_nothing_is_known_to_have_lasted():
    """A camera that was away for an hour was not covered all that hour."""
    health = CameraHealth(references=[reference(room())])
    cloth = np.full((HEIGHT, WIDTH), 90, np.uint8)
    pictures = [noisy(cloth, number) for number in range(12)]

    assert told(health, pictures, every_s=61) == []


def test_dwell_times_are_the_cameras_own():
    """A camera over a busy door may need more patience than one in a store room."""
    patient = Settings(strong_s=60, mild_s=120)
    health = CameraHealth(patient, [reference(room())])
    cloth = [noisy(np.full((HEIGHT, WIDTH), 90, np.uint8), number) for number in range(40)]

    found = told(health, cloth)

    assert (found[0].found_ns - found[0].since_ns) / NS == 60


def test_a_running_clock_in_an_ignored_area_does_not_hide_a_frozen_picture():
    """Recorders write the time into a picture that stands still."""
    ignoring = CameraHealth(Settings(ignored=(CORNER,)))
    pictures = []
    for number in range(8):
        picture = room().copy()
        picture[: HEIGHT // 8, : WIDTH // 8] = 10 * number
        pictures.append(picture)

    assert [one.what for one in told(ignoring, pictures)] == [Ill.FROZEN]
    assert told(CameraHealth(), pictures) == []


def test_what_is_kept_has_a_bound():
    """A box runs for years."""
    health = CameraHealth(references=[reference(room())])
    for number in range(picture_health.MAX_DRIFT + 9):
        health.look(number * 3600 * NS, room())
    for number in range(3 * picture_health.EARLIER):
        health.look((3_000_000 + number) * NS, noisy(room(), number))

    assert len(health.drift) == picture_health.MAX_DRIFT
    assert len(health._earlier) == picture_health.EARLIER


def test_a_clip_played_over_and_over_is_found():
    """Whoever wants to be unseen may show the camera's own picture of yesterday to the recorder."""
    loop = well(7)

    found = told(CameraHealth(references=[reference(room())]), loop * 5)

    assert [one.what for one in found] == [Ill.FROZEN]
    assert not found[0].strong
    assert (found[0].measure, found[0].value) == ("again", 2)


def test_what_is_told_already_does_not_hide_what_comes_after():
    """A camera that was moved may be covered, too, and both are told."""
    health = CameraHealth(references=[reference(room())])
    moved = [noisy(room(dx=40), number) for number in range(8)]
    cloth = [noisy(np.full((HEIGHT, WIDTH), 90, np.uint8), number) for number in range(8)]

    found = told(health, [*moved, *cloth])

    assert [one.what for one in found] == [Ill.MOVED, Ill.COVERED]


def test_a_reference_that_shows_nothing_is_refused():
    """Who approves a black picture at night would switch the camera's health off."""
    with pytest.raises(VonggacError, match="too little"):
        CameraHealth(references=[reference(np.zeros((HEIGHT, WIDTH), np.uint8))])
    with pytest.raises(VonggacError, match="at most"):
        CameraHealth(references=[reference(room())] * 5)


@pytest.fixture(scope="module")
def filmed() -> list[np.ndarray]:
    """The real room, a picture every two seconds."""
    if not SHARED.is_file():
        pytest.skip("the real footage of ../shared/data is not here")
    pictures, due = [], 0.0
    with av.open(str(SHARED)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= due:
                due += EVERY_S
                pictures.append(frame.reformat(format="gray").to_ndarray())
    return pictures


def test_a_real_room_in_which_people_come_and_go_is_well(filmed):
    """The clip as it is: somebody enters and leaves six times."""
    shown = [small(ills.seen(picture)) for picture in filmed]

    assert told(CameraHealth(references=[reference(typical(shown[::7]))]), shown) == []


@pytest.mark.parametrize("fault", ills.FAULTS)
def test_a_strong_fault_in_a_real_room_is_found_within_ten_seconds(filmed, fault):
    """On real light and real noise, without a coder in between."""
    shown = [small(ills.seen(picture)) for picture in filmed[::7]]
    health = CameraHealth(references=[reference(typical(shown))])
    begin = 12
    told(health, [small(ills.seen(picture)) for picture in filmed[:begin]])
    before = ills.seen(filmed[begin - 1])

    found = told(
        health,
        [
            small(ills.faulty(fault, picture, before, strong=True, seed=4))
            for picture in filmed[begin : begin + 5]
        ],
        start=begin,
    )

    assert found
    assert (
        found[0].what
        in {
            "cover": {Ill.COVERED, Ill.BLACK},
            "defocus": {Ill.DEFOCUSED},
            "move": {Ill.MOVED},
            "freeze": {Ill.FROZEN},
            "black": {Ill.BLACK},
            "glare": {Ill.OVEREXPOSED},
        }[fault]
    )
