"""No camera stands in a room, a toilet or a bath: every way into the register refuses it.

The register is written by one module; each way to it that the program has is tried here with each
forbidden place, chosen as a zone or told by the camera's name or title.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_hostile_forms import Reader, filled

import vonggac
from hub_stage import NOW, NOW_NS, SITE_ID, Stage
from vonggac.config import CameraConfig, Config, StreamConfig
from vonggac.domain import audit, registry, rules, survey_forms

if TYPE_CHECKING:
    import httpx

PLACEMENT = rules.placement(NOW.date())
PLACES = [
    *({"zone": place.code} for place in PLACEMENT.forbidden),
    *({"zone": f" {place.code.casefold()} "} for place in PLACEMENT.forbidden),
    *({"title": f"Camera {place.words[0]} 2"} for place in PLACEMENT.forbidden),
    {"title": unicodedata.normalize("NFD", "Trong nhà tắm nam")},
    {"title": "TRONG NHA VE SINH tang 2"},
    {"title": "Trong\u00a0phòng\u200b 203"},
    {"title": "G\u200dIƯỜNG số 4"},
    {"title": "phòng 201"},
    {"title": "P.201"},
    {"title": "WC"},
    {"title": "NhaTam nam"},
]
"""What is changed of a camera that may stand where it stands."""
CAMERA = {"title": "Hành lang", "zone": "HL", "main_url": "rtsp://192.0.2.77:554/1"}


async def _form(client: httpx.AsyncClient, page: str, changed: dict[str, str]) -> httpx.Response:
    reader = Reader(page)
    reader.feed((await client.get(page)).text)
    (form,) = (one for one in reader.forms if "main_url" in one.names)
    token = next(value for name, value in form.fields if name == "form_token")
    values = {name: value.decode() for name, value in filled(form, {})}
    values |= {"form_token": token, "do": "save", **changed}
    return await client.post(form.action, data=values)


async def test_every_way_over_http_refuses_every_forbidden_place(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """Added or changed, on the page or by the API; each try stands in the access log."""
    made = await client.post("/api/v1/cameras", json={"name": "moi-1", **CAMERA})
    assert made.status_code == 201
    let_in: list[str] = []
    for place in PLACES:
        asked = {**CAMERA, **place}
        answers = {
            "POST": await client.post("/api/v1/cameras", json={"name": "moi-2", **asked}),
            "PUT": await client.put("/api/v1/cameras/moi-1", json={"name": "moi-1", **asked}),
            "new": await _form(client, "/cameras/new", {"name": "moi-2", **asked}),
            "edit": await _form(client, "/cameras/moi-1/edit", asked),
        }
        let_in += [
            f"{way} {place}: {answer.status_code}"
            for way, answer in answers.items()
            if answer.status_code != 422
        ]

    assert let_in == []
    with hub.database.reading() as connection:
        refused = audit.rows(connection, audit.Filter(act="placement_refused"))
        names = {camera.name: camera.zone for camera in registry.cameras(connection, SITE_ID)}
    assert len(refused) == 4 * len(PLACES)
    assert "moi-2" not in names
    assert names["moi-1"] == "HL"


async def test_a_place_before_the_door_is_let_in(client: httpx.AsyncClient) -> None:
    """The rule is about where a camera stands, not about the words of its title."""
    for number, title in enumerate(("Trước nhà tắm chung", "Ngoài cửa phòng 203", "Lối vào WC")):
        answer = await client.post(
            "/api/v1/cameras",
            json={**CAMERA, "name": f"vs-{number}9", "zone": "VS", "title": title},
        )
        assert answer.status_code == 201, title


@pytest.mark.parametrize("known", [False, True])
def test_the_configuration_refuses_every_forbidden_place(hub: Stage, known: bool) -> None:
    """A camera that is new in the file, and one that was moved in it."""
    let_in: list[dict[str, str]] = []
    for place in PLACES:
        kept: dict[str, Any] = {"zone": "HL", "title": "Hành lang", **place}
        changed = CameraConfig(
            name="hl-2a" if known else "moi-3",
            main=StreamConfig(url="rtsp://192.0.2.77:554/1"),
            **kept,
        )
        others = tuple(one for one in hub.config.cameras if one.name != changed.name)
        config = Config(data_dir=".", cameras=(*others, changed))
        with pytest.raises(registry.Unacceptable), hub.database.writing() as connection:
            box = hub.app.state.desk.box
            registry.follow_config(
                connection, SITE_ID, config, placement=PLACEMENT, box=box, now_ns=NOW_NS
            )
            let_in.append(place)

    assert let_in == []


@pytest.mark.parametrize("place", PLACES)
def test_the_survey_refuses_every_forbidden_place(place: dict[str, str]) -> None:
    """The same form is sent by link, signed in and by the API (test_survey_pages sends it)."""
    camera = {"zone": "HL", "title": "Hành lang", **place}
    said = survey_forms.read({f"c-0-{name}": value for name, value in camera.items()})
    refused = [one for one in survey_forms.check(said, PLACEMENT) if one.place is not None]

    assert [one.name for one in refused] == ["c-0-zone"]


def test_the_program_does_not_start_with_a_camera_in_a_bath(tmp_path: Path) -> None:
    """The real command, with the sentence that says which camera and why."""
    config = tmp_path / "up.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n'
        "[web]\nport = 0\n[[cameras]]\n"
        'name = "tam-1"\nzone = "TAM"\n[cameras.main]\nurl = "rtsp://192.0.2.1/1"\n'
    )
    program = str(Path(sys.executable).with_name("vonggac"))
    ended = subprocess.run(
        [program, "up", "--config", config], capture_output=True, text=True, timeout=50, check=False
    )

    assert ended.returncode == 2
    assert "No camera may stand" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_one_module_writes_the_register() -> None:
    """Whoever adds another way in must come through the module that asks the rule."""
    writes = re.compile(r"tables\.camera\.(?:insert|update)\(|(?:insert|update)\(tables\.camera\)")
    source = Path(vonggac.__file__).parent
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if writes.search(path.read_text("utf-8"))
    }

    assert found == {"domain/registry.py"}
