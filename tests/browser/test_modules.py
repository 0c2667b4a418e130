"""The pure modules, in the browser they are written for; what is vendored; the words they need."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stand import STATIC, opened, texts

if TYPE_CHECKING:
    from playwright.async_api import Browser
    from stand import Stand

pytestmark = pytest.mark.browser

MODULES = sorted(path.name for path in (STATIC / "js").glob("*.mjs"))
JS_TESTS = sorted(path.name for path in (Path(__file__).parents[1] / "js").glob("*.test.mjs"))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", JS_TESTS)
async def test_the_pure_modules_do_in_chromium_what_their_tests_say(
    browser: Browser, place: Stand, name: str
) -> None:
    """They decide what is shown as live: nothing but the real engine will do."""
    async with opened(browser, f"{place.origin}/blank") as (page, complaints):
        outcomes = await page.evaluate(
            "async (name) => { await import(`/tests/js/${name}`);"
            " return (await import('/tests/js/check.mjs')).outcomes; }",
            name,
        )

    assert complaints == []
    assert [one for one in outcomes if one["error"]] == []
    assert len(outcomes) >= 10


HANDED_OVER = """async () => {
  const { handOver } = await import('/static/js/purpose.mjs');
  const { grantsOf } = await import('/static/js/page.mjs');
  document.body.innerHTML = `<form id="why" data-ask="choose"><select name="code">
    <option value="request" selected>old</option></select><input name="note" value="12/CAT">
    <span data-show="purpose" hidden></span></form>`;
  const named = (code, note = null) => ({ code, note, name: { vi: '-', en: `en ${code}` } });
  const page = { purposes: { request: 'number' }, purpose: 'request', note: '12/CAT',
    language: 'en', csrf: { token: 'the next one', header: 'x' } };
  const { code, note } = document.getElementById('why').elements;
  const texts = () => [...code.options].map((one) => one.text);
  const seen = () => [page.purpose, page.note, code.value, texts()];
  const told = [];
  told.push(handOver(page, [named('watch'), named('request', 'number')]), seen(),
    JSON.parse(sessionStorage.getItem('vonggac.purpose')).of);
  told.push(handOver(page, [named('technical')]), seen(), note.hidden,
    document.querySelector('[data-show]').textContent);
  told.push(await grantsOf(page, null)('key', ['cam']).catch((error) => page.fault));
  return told;
}"""


@pytest.mark.asyncio(loop_scope="module")
async def test_the_next_person_goes_on_only_with_a_purpose_of_their_own(
    browser: Browser, place: Stand
) -> None:
    """Stated for one person it is not assumed of another: the page asks, and asks for no grant."""
    async with opened(browser, f"{place.origin}/blank") as (page, complaints):
        told = await page.evaluate(HANDED_OVER)

    assert complaints == []
    assert told[:3] == [
        True, ["request", "12/CAT", "request", ["en watch", "en request"]], "the next",
    ]  # fmt: skip
    assert told[3:7] == [False, ["", "", "", ["choose", "en technical"]], True, "choose"]
    assert told[7] == "no_purpose"


def test_vendored_files_are_the_published_ones() -> None:
    """A changed file of others is nobody's any more."""
    rows = re.findall(
        r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (STATIC / "vendor/README.md").read_text(), re.M
    )
    present = {path.name for path in (STATIC / "vendor").glob("*.js")}

    assert {name for name, _ in rows} == present
    for name, digest in rows:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


def test_every_text_that_a_module_asks_for_is_listed_and_used() -> None:
    """The list in README.md is what the server's catalogues are checked against."""
    source = "".join((STATIC / "js" / name).read_text() for name in MODULES)
    asked = set(re.findall(r'say\("(\w+)"', source))

    assert asked == set(texts())


def test_no_module_holds_a_word_that_people_read() -> None:
    """Vietnamese in a module would stand on the English page too."""
    for name in MODULES:
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", (STATIC / "js" / name).read_text(), flags=re.S)
        assert not re.search(r"[À-ỹ]", code), name


def test_the_readme_lists_every_module() -> None:
    """Whoever looks for where something happens starts there."""
    listed = re.findall(r"^\| `(\w+\.mjs)` \|", (STATIC / "js/README.md").read_text(), re.M)

    assert sorted(listed) == MODULES
