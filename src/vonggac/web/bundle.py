"""Joining the browser's modules: one file where a browser would fetch and link twenty.

A browser pays for every module that it loads, kept or not, a few milliseconds on each of its
processes: for the wall's twenty that was 0.1 s of the first picture. So they are joined when the
program starts, as they are written: each stays a scope of its own, `of["nats.mjs"]` holds what it
exports, and what an earlier file of the page holds already is taken from there.

The modules keep to one form, which `join` insists on: `import { a, b as c } from "./x.mjs";` on a
line of its own, and `export` before a function, a class or a const.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_IMPORT: Final = re.compile(r'^import \{ ([\w ,]+) \} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_OTHER: Final = re.compile(r"^(?:import|export)\b[^\n]*", re.MULTILINE)


def graph(modules: Mapping[str, str], entry: str) -> list[str]:
    """A module and all that it imports, each after what it needs itself.

    Args:
        modules: text by name.
        entry: which one.

    Raises:
        ValueError: a module is missing, or two need each other.
    """
    found: list[str] = []
    _visit(modules, entry, found, ())
    return found


def join(modules: Mapping[str, str], entries: Sequence[str]) -> dict[str, str]:
    """One file for each entry, in the order in which a page loads them.

    Args:
        modules: text by name.
        entries: the first one is a classic script, which a page's head runs where it stands,
            before anything is laid out, and which leaves what it holds in `globalThis.vonggac`;
            a later one takes that from there, and holds only what it lacks.

    Raises:
        ValueError: as `graph`, or a module imports or exports in another form.
    """
    made: dict[str, str] = {}
    held: list[str] = []
    for before, entry in zip(("", *entries), entries, strict=False):
        fresh = [name for name in graph(modules, entry) if name not in held]
        held += fresh
        head = "const of = globalThis.vonggac" + (";\n" if before else " = {};\n")
        scopes = "".join(_scope(name, modules[name]) for name in fresh)
        made[entry] = f'"use strict";\n{{\n{head}{scopes}}}\n'
    return made


def _visit(modules: Mapping[str, str], name: str, found: list[str], above: tuple[str, ...]) -> None:
    if name in found:
        return
    if name in above:
        raise ValueError(f"{name} imports itself by way of {', '.join(above)}")
    if name not in modules:
        raise ValueError(f"{above[-1] if above else 'the page'} imports {name}, which is not there")
    for imported in _IMPORT.finditer(modules[name]):
        _visit(modules, imported[2], found, (*above, name))
    found.append(name)


def _scope(name: str, text: str) -> str:
    """A module as a function that is called at once and returns what it exports."""
    exports = _EXPORT.findall(text)
    inside = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    other = _OTHER.search(inside)
    if other is not None:
        raise ValueError(f"{name}: this form of import or export is not joined: {other[0]}")
    return f'of["{name}"] = (() => {{\n{inside}\nreturn {{ {", ".join(exports)} }};\n}})();\n'


def _taken(imported: re.Match[str]) -> str:
    return f'const {{ {imported[1].replace(" as ", ": ")} }} = of["{imported[2]}"];\n'
