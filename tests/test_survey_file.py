"""The file of a survey: read as it was written, refused if foreign, signed as it stands."""

from __future__ import annotations

import msgspec
import pytest

from vonggac import keys
from vonggac.errors import MalformedError, VonggacError
from vonggac.wire import survey as surveys

SITE = "a" * 26
AT = "2026-11-22T08:00:00Z"
CAMERA = surveys.SurveyedCamera(
    name="cam01", url="rtsp://10.0.0.8:554/main", at=AT, reachable=True, authenticated=True,
    connectable=True, kbps=1900, still=surveys.SurveyStill("cam01.jpg", 3, "0" * 64),
)  # fmt: skip
SURVEY = surveys.Survey(
    program="vonggac 1", started=AT, finished=AT, cameras=(CAMERA,),
    uplink=surveys.SurveyUplink(measured=False, why="no hub was named"),
)  # fmt: skip


def test_a_survey_is_read_as_it_was_written() -> None:
    """The hub takes in what the technician's laptop found, field by field."""
    read = surveys.read_survey(surveys.write_survey(surveys.encode_survey(SURVEY), None))

    assert read.survey == SURVEY
    assert read.signature is None


def test_a_box_signs_the_bytes_and_only_its_key_opens_them() -> None:
    """A survey decides who must buy cameras: whoever changes a figure must be found out."""
    box, other = keys.SigningKey(keys.new_seed()), keys.SigningKey(keys.new_seed())
    raw = surveys.encode_survey(SURVEY)
    content = surveys.write_survey(raw, keys.sign_survey(box, SITE, raw))
    read = surveys.read_survey(content)
    changed = surveys.read_survey(content.replace(b'"kbps":1900', b'"kbps":1901'))
    unsigned = surveys.read_survey(surveys.write_survey(raw, None))

    keys.verify_survey(read, box.public)
    for one, public in ((read, other.public), (changed, box.public), (unsigned, box.public)):
        with pytest.raises(VonggacError):
            keys.verify_survey(one, public)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"v":2,"format":"vonggac-survey","survey":{}}',
        b'{"v":1,"format":"something-else","survey":{}}',
        b'{"v":1,"format":"vonggac-survey","survey":{}}',
        b"[" * 100_000,
        b"\xff\xfe",
        b" " * (surveys.MAX_SURVEY + 1),
    ],
)
def test_what_is_no_survey_is_refused_by_its_reason(content: bytes) -> None:
    """Anybody may upload a file to a hub."""
    with pytest.raises(MalformedError):
        surveys.read_survey(content)


@pytest.mark.parametrize("name", ["../x.jpg", "cam01.png", "a/b.jpg", "", ".jpg"])
def test_a_still_is_a_name_and_no_path(name: str) -> None:
    """The intake opens files by these names."""
    still = msgspec.structs.replace(CAMERA.still, name=name)
    forged = msgspec.structs.replace(
        SURVEY, cameras=(msgspec.structs.replace(CAMERA, still=still),)
    )

    with pytest.raises(MalformedError):
        surveys.read_survey(surveys.write_survey(surveys.encode_survey(forged), None))
