"""Days and times of forms: as this country writes them, in every browser, and nothing guessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hub_stage import NOW_NS
from vonggac.clock import NS
from vonggac.web import dates
from vonggac.web.render import ROOT

if TYPE_CHECKING:
    import httpx


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("18/11/2026 14:32:07", 0),
        (" 18/11/2026  14:32 ", -7),
        ("8/1/2026 4:05", None),
        ("18/11/2026", None),
        ("11/18/2026 14:32", None),
        ("18/11/26 14:32", None),
        ("18/11/2026 24:00", None),
        ("29/02/2027 08:00", None),
        ("2026-11-18 14:32", None),
        ("18/11/9999 14:32", None),
        ("١٨/١١/٢٠٢٦ 14:32", None),
        ("", None),
    ],
)
def test_a_moment_is_read_as_the_country_writes_it(text: str, seconds: int | None) -> None:
    """Anything else is refused, never guessed: 11/18 is no day here."""
    if text.startswith("8/1"):
        assert dates.write_moment(dates.read_moment(text)) == "08/01/2026 04:05"
    elif seconds is None:
        with pytest.raises(ValueError, match=r".*"):
            dates.read_moment(text)
    else:
        assert dates.read_moment(text) == NOW_NS + seconds * NS
        assert dates.read_moment(dates.write_moment(NOW_NS)) == NOW_NS


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("18/11/2026", "2026-11-18"),
        (" 8/1/2026 ", "2026-01-08"),
        ("2026-11-18", "2026-11-18"),
        ("11/18/2026", None),
        ("31/02/2026", None),
        ("18.11.2026", None),
        ("18/11/1889", None),
        ("tomorrow", None),
    ],
)
def test_a_day_is_read_as_written_or_as_in_an_address(text: str, iso: str | None) -> None:
    """Links name days as RFC 3339 does; a person's field sends day, month, year."""
    if iso is None:
        assert dates.written(text) == text
        with pytest.raises(ValueError, match=r".*"):
            dates.read_day(text)
    else:
        assert dates.read_day(text).isoformat() == iso
        assert dates.written(text) == f"{iso[8:]}/{iso[5:7]}/{iso[:4]}"


def test_no_page_has_a_date_field_of_the_browsers_own() -> None:
    """It follows the browser's language: an officer with an English one reads 11/18/2026."""
    native = re.compile(r"""type=\W{0,2}(date|time|month|week|datetime)\b""")
    found = [path.name for path in ROOT.glob("templates/*.html") if native.search(path.read_text())]

    assert found == []


@pytest.mark.parametrize("path", ["/continuity", "/audit", "/units"])
async def test_a_day_that_was_typed_is_taken_and_shown_again(
    client: httpx.AsyncClient, path: str
) -> None:
    """The same page by its form and by a link."""
    name = "on" if path == "/units" else "day"
    typed = await client.get(path, params={name: "17/11/2026"})
    linked = await client.get(path, params={name: "2026-11-17"})
    wrong = await client.get(path, params={name: "11/17/2026"})

    assert (typed.status_code, linked.status_code, wrong.status_code) == (200, 200, 422)
    assert f'name="{name}" value="17/11/2026"' in typed.text
    assert f'name="{name}" value="17/11/2026"' in linked.text


async def test_playback_opens_on_the_day_in_its_field(client: httpx.AsyncClient) -> None:
    """Its module reads the same form of a day."""
    page = await client.get("/playback?c=hl-2a&day=17/11/2026")

    assert 'id="day" value="17/11/2026"' in page.text
    assert '"day":"2026-11-17"' in page.text
