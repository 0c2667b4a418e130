"""Modules joined into files: the form that is insisted on, the order, and what is left alone."""

from __future__ import annotations

import pytest

from vonggac.web.bundle import graph, join
from vonggac.web.render import PAGES, START, STATIC

OURS = {path.name: path.read_text("utf-8") for path in STATIC.glob("js/*.mjs")}
SMALL = {
    "bytes.mjs": "const hidden = 1;\nexport const shown = hidden + 1;\n",
    "words.mjs": 'import { shown as seen } from "./bytes.mjs";\n\nexport function say() {\n'
    "  return seen;\n}\nexport async function later() {}\nexport class Said {}\n",
    "start.mjs": 'import { say } from "./words.mjs";\nsay();\n',
    "page.mjs": 'import { shown } from "./bytes.mjs";\nimport { own } from "./own.mjs";\n'
    "own(shown);\n",
    "own.mjs": "export const own = (x) => x;\n",
}


def test_a_module_comes_after_what_it_needs() -> None:
    assert graph(SMALL, "start.mjs") == ["bytes.mjs", "words.mjs", "start.mjs"]


def test_each_module_is_a_scope_that_gives_what_it_exports() -> None:
    """`hidden` of one module must not meet `hidden` of another."""
    made = join(SMALL, ("start.mjs",))["start.mjs"]

    assert made == (
        '"use strict";\n{\nconst of = globalThis.vonggac = {};\n'
        'of["bytes.mjs"] = (() => {\nconst hidden = 1;\nconst shown = hidden + 1;\n\n'
        "return { shown };\n})();\n"
        'of["words.mjs"] = (() => {\nconst { shown: seen } = of["bytes.mjs"];\n\n'
        "function say() {\n  return seen;\n}\nasync function later() {}\nclass Said {}\n\n"
        "return { say, later, Said };\n})();\n"
        'of["start.mjs"] = (() => {\nconst { say } = of["words.mjs"];\nsay();\n\n'
        "return {  };\n})();\n"
        "}\n"
    )


def test_a_later_file_holds_only_what_the_earlier_one_lacks() -> None:
    """A module that is held twice is two modules: two sessions, two sets of values."""
    made = join(SMALL, ("start.mjs", "page.mjs"))["page.mjs"]

    assert made.startswith('"use strict";\n{\nconst of = globalThis.vonggac;\n')
    assert 'of["own.mjs"] = ' in made
    assert 'of["page.mjs"] = ' in made
    assert 'of["bytes.mjs"] = ' not in made


@pytest.mark.parametrize(
    "text",
    [
        'import whole from "./own.mjs";\n',
        'import { own } from "./own.mjs"; own();\n',
        'import {\n  own,\n} from "./own.mjs";\n',
        'import "./own.mjs";\n',
        "export default 1;\n",
        "const a = 1;\nexport { a };\n",
        "export let a = 1;\n",
    ],
)
def test_another_form_is_refused_and_not_joined_wrongly(text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.mjs: this form"):
        join({"own.mjs": SMALL["own.mjs"], "x.mjs": text}, ("x.mjs",))


def test_a_circle_and_a_hole_are_refused() -> None:
    circle = {"a.mjs": 'import { b } from "./b.mjs";\n', "b.mjs": 'import { a } from "./a.mjs";\n'}

    with pytest.raises(ValueError, match=r"a\.mjs imports itself by way of a\.mjs, b\.mjs"):
        graph(circle, "a.mjs")
    with pytest.raises(ValueError, match=r"page\.mjs imports own\.mjs, which is not there"):
        graph({name: SMALL[name] for name in ("page.mjs", "bytes.mjs")}, "page.mjs")


@pytest.mark.parametrize("page", PAGES)
def test_every_module_of_a_page_is_joined_once(page: str) -> None:
    """What has another form, or is held by both files, would break a page and no other test."""
    made = join(OURS, (START, page))
    whole = "".join(made.values())

    for name in graph(OURS, page):
        assert whole.count(f'of["{name}"] = ') == 1
