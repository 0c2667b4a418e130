"""The verifier in a browser: one file from a disk, no network, the same verdict as the command."""

from __future__ import annotations

import base64
import zipfile
from typing import TYPE_CHECKING

import pytest

import evidence_rekeyed
from evidence_made import KEY, NEW_KEY, export, record
from vonggac.evidence import InMemory, fingerprint, verify
from vonggac.web.evidence import alone

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FLIPS = 300


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


async def test_a_court_verifies_without_network_or_account(
    browser: Browser, tmp_path: Path
) -> None:
    """The page is opened from a disk; a good file is called good, a flipped one is named."""
    files = export(record(tmp_path), 1.5, 18)
    clip = bytearray(files["cam01/clip-1.mp4"])
    clip[9_000] ^= 1
    good = zipped(tmp_path / "good.zip", files)
    bad = zipped(tmp_path / "bad.zip", {**files, "cam01/clip-1.mp4": bytes(clip)})
    place = tmp_path / "kiem-tra.html"
    place.write_text(alone(), "utf-8")
    page = await browser.new_page()
    await page.context.set_offline(True)
    await page.goto(place.as_uri())

    await page.fill("#key", KEY.public)
    await page.set_input_files("#file", good)
    await page.wait_for_selector('[data-ok="true"]')
    said = await page.inner_text("#verdict")
    await page.set_input_files("#file", bad)
    await page.wait_for_selector('[data-ok="false"]')
    wrong = await page.inner_text("#verdict")

    assert "Nguyên vẹn và đầy đủ" in said
    assert "unreachable" in said
    assert "part 2 of segment 2, about 2026-08-01T10:50:04.500Z, was changed" in wrong
    await page.close()


async def test_the_browser_finds_any_flipped_bit_too(browser: Browser, tmp_path: Path) -> None:
    """Hundreds of single bits of every file of the export; the script runs in the page."""
    files = export(record(tmp_path), 1.5, 9.5)
    content = zipped(tmp_path / "good.zip", files).read_bytes()
    places = [
        content.index(files[name]) + at * len(files[name]) // (FLIPS // len(files))
        for name in files
        for at in range(FLIPS // len(files))
    ]
    place = tmp_path / "kiem-tra.html"
    place.write_text(alone(), "utf-8")
    page = await browser.new_page()
    await page.goto(place.as_uri())

    missed = await page.evaluate(
        """async ([text, places, key]) => {
          const good = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const missed = [];
          if (!(await vonggacVerify.verify(new Blob([good]), key)).ok) missed.push(-1);
          for (const at of places) {
            const bad = good.slice();
            bad[at] ^= 1 << at % 8;
            if ((await vonggacVerify.verify(new Blob([bad]), key)).ok) missed.push(at);
          }
          return missed;
        }""",
        [base64.b64encode(content).decode(), places, KEY.public],
    )

    assert missed == []
    await page.close()


async def test_the_browser_follows_the_keys_of_a_site_as_the_command_does(
    browser: Browser, tmp_path: Path
) -> None:
    """From its first key to its newest; every attack is named with the same words."""
    good = evidence_rekeyed.made(tmp_path)
    cases = [("nothing", good, KEY.public, ""), ("nothing", good, NEW_KEY.public, "")]
    cases += evidence_rekeyed.attacks(good)
    name = evidence_rekeyed.CHANGE
    for at in range(5, len(good[name]), 29):
        flipped = bytearray(good[name])
        flipped[at] ^= 1 << at % 8
        cases.append((f"bit {at}", {**good, name: bytes(flipped)}, NEW_KEY.public, ""))
    place = tmp_path / "kiem-tra.html"
    place.write_text(alone(), "utf-8")
    page = await browser.new_page()
    await page.goto(place.as_uri())

    for number, (done, files, key, said) in enumerate(cases):
        content = zipped(tmp_path / f"{number}.zip", files).read_bytes()
        found = await page.evaluate(
            """([text, key]) => vonggacVerify.verify(
              new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]), key)""",
            [base64.b64encode(content).decode(), key],
        )
        command = verify(InMemory(files), key=key).as_json()
        assert found["ok"] is command["ok"] is (done == "nothing"), (done, found["faults"])
        assert any(said in fault for fault in found["faults"]) or not said, (done, found)
        assert found["key_changes"] == command["key_changes"] or not command["ok"], done

    await page.fill("#key", KEY.public)
    await page.set_input_files("#file", tmp_path / "0.zip")
    await page.wait_for_selector('[data-ok="true"]')
    shown = await page.inner_text("#verdict")
    assert f"{fingerprint(KEY.public)} → {fingerprint(NEW_KEY.public)}" in shown
    await page.close()
