"""What no linter of others knows of this house's style. `make check` runs it; the tests share it.

Each rule is a generator of findings over files; `RULES` lists them all. Prints one line a finding
and exits 1 if there is one. It reads text and syntax trees and imports nothing of the program.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import unicodedata
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]

MAX_LINES, MIN_LINES = 800, 60
SIZE_ALLOWED = {
    "src/vonggac/audit_command.py": "one command of its own",
    "src/vonggac/causes.py": "the closed list, and nothing else",
    "src/vonggac/db/columns.py": "kinds of columns, and nothing else",
    "src/vonggac/db/migrations/env.py": "Alembic asks for this file",
    "src/vonggac/db/site_keys.py": "a table, and the document of the others is full",
    "src/vonggac/domain/ids.py": "imported by every table's module",
}
"""Modules outside the bounds, each with its reason."""

BANNED_SUFFIXES = ("Manager", "Helper", "Util", "Utils", "Handler", "Processor", "Service")
BANNED_MODULES = {"util", "utils", "helper", "helpers", "misc", "common", "manager", "handlers"}

DEQUE_ALLOWED = {
    "src/vonggac/mailbox.py": "the hand-off itself",
    "src/vonggac/media/timeline.py": "measurements with maxlen, read where they are written",
}
"""Where a deque may be imported: `Mailbox` and `Crossing` are the only hand-offs."""

CLOCK_READERS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
"""Calls that ask the operating system for the time, by the name before the dot."""

CLOCK_ALLOWED = {"src/vonggac/clock.py": "`SystemClock` is where time comes from"}

PURE = ("src/vonggac/media/", "src/vonggac/wire/", "src/vonggac/domain/")
"""Folders without `async def`: decisions are pure, effects are elsewhere."""

MUTABLE_ALLOWED: dict[str, str] = {}
"""`path:name` of module-level state that changes, each with its reason."""

OLD_PLACE = {
    re.compile(pattern): advice
    for pattern, advice in {
        r"o[àáảãạ](?!\w)": "òa, óa, ỏa, õa, ọa",
        r"o[èéẻẽẹ](?!\w)": "òe, óe, ỏe, õe, ọe",
        r"(?<![qQ])u[ỳýỷỹỵ](?!\w)": "ùy, úy, ủy, ũy, ụy",
    }.items()
}
"""Tone marks in the new place (x-o-á), and how this house writes them."""

NEW_PLACE_ALLOWED = {
    "scripts/style.py": "the patterns above",
    "tests/web/test_words.py": "asserts that such words are found in no page",
}

FOREIGN_PATHS = re.compile(r"(?<![\w.:$}*/-])/(?:home|root|work|Users)/\w|/tmp/[a-z]/")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|crates\.io|index-url\s*=|"
    r"deb\.debian\.org|ghcr\.io|docker\.io",
)

SENTENCE_END = re.compile(
    r"(?<![A-Z])(?P<word>[\w.%\])”\"'`*_]+)[.!?…][\"”')*_`]*\s+[\"“(*_\[]*(?P<next>[`\w])"
)
ABBREVIATIONS = {"St", "no", "vs", "TP", "Dr", "e.g", "i.e", "cf"}


class Finding(NamedTuple):
    """Something to mend."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class House:
    """A tree of files under git.

    Args:
        root: where it is.
        small_or_large: modules outside the bounds, each with its reason.
    """

    def __init__(self, root: Path = ROOT, small_or_large: Mapping[str, str] = SIZE_ALLOWED) -> None:
        self.root = root
        self.small_or_large = small_or_large

    @cached_property
    def tracked(self) -> tuple[str, ...]:
        """Every file that git tracks or would track, relative to the root."""
        told = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return tuple(sorted(n for n in told.stdout.splitlines() if (self.root / n).is_file()))

    @cache  # noqa: B019 - a house lives as long as the program
    def text_of(self, path: str) -> str:
        """A file's text; empty if it is no text."""
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            return ""

    @cache  # noqa: B019
    def tree_of(self, path: str) -> ast.Module:
        """A module's syntax tree."""
        return ast.parse(self.text_of(path), path)

    def python(self, *folders: str) -> list[str]:
        """Python files below the folders; of the program without any."""
        below = folders or ("src/vonggac/",)
        return [name for name in self.tracked if name.startswith(below) and name.endswith(".py")]

    def texts(self) -> list[str]:
        """Files that people or the program read as text: no locks, licences or vendored files."""
        skipped = (".lock", ".woff2", ".png", ".bin", ".h264", ".h265", ".svg", ".min.js")
        return [
            name
            for name in self.tracked
            if not name.endswith(skipped) and "/vendor/" not in name and "LICENSE" not in name
        ]


def module_sizes(house: House) -> Iterator[Finding]:
    """150 to 600 lines are home; above 800 or below 60 needs a reason in `SIZE_ALLOWED`."""
    scripts = [name for name in house.tracked if name.endswith(".mjs") and name.startswith("src/")]
    for path in (*house.python(), *scripts):
        lines = house.text_of(path).count("\n")
        if path in house.small_or_large:
            if MIN_LINES <= lines <= MAX_LINES:
                yield Finding(path, 1, "is of an ordinary size: take it off SIZE_ALLOWED")
        elif lines > MAX_LINES:
            yield Finding(path, 1, f"has {lines} lines; more than {MAX_LINES} needs a reason")
        elif lines < MIN_LINES and not _may_be_short(path):
            yield Finding(path, 1, f"has {lines} lines; fewer than {MIN_LINES} needs a reason")
    for path in sorted(set(house.small_or_large) - set(house.tracked)):
        yield Finding(path, 1, "is gone: take it off SIZE_ALLOWED")


def _may_be_short(path: str) -> bool:
    """A package's door, a migration (as long as its change), and what is no Python."""
    return (
        not path.endswith(".py") or path.endswith("__init__.py") or "/migrations/versions/" in path
    )


def names(house: House) -> Iterator[Finding]:
    """Nouns of the trade: no Manager, Helper, Util, Handler, Processor or Service."""
    for path in house.python("src/", "tests/", "bench/", "scripts/"):
        if Path(path).stem in BANNED_MODULES and path.startswith("src/"):
            yield Finding(path, 1, "a module is named after what it is about")
        for node in ast.walk(house.tree_of(path)):
            if isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_SUFFIXES):
                yield Finding(path, node.lineno, f"class {node.name}: name it by what it is")


def test_modules(house: House) -> Iterator[Finding]:
    """No two test modules of one name: pytest would collect neither, in a whole run only."""
    first: dict[str, str] = {}
    for path in house.python("tests/"):
        name = Path(path).name
        if name.startswith("test_") and first.setdefault(name, path) != path:
            yield Finding(path, 1, f"is called as {first[name]}: give it a name of its own")


def mocks(house: House) -> Iterator[Finding]:
    """Tests run the real thing."""
    for path in house.python("src/", "tests/", "bench/"):
        for node, module in _imports(house, path):
            if module.split(".")[0] == "mock" or module.startswith("unittest"):
                yield Finding(path, node.lineno, "unittest and its mocks are not used here")


def hand_offs(house: House) -> Iterator[Finding]:
    """Every queue is a `Mailbox` or a `Crossing`: bounded, with a policy, counting its losses."""
    for path in house.python():
        for node, module in _imports(house, path):
            if module in ("queue", "multiprocessing.queues") and path != "src/vonggac/mailbox.py":
                yield Finding(path, node.lineno, "queues live in mailbox.py only")
            if module == "collections.deque" and path not in DEQUE_ALLOWED:
                yield Finding(path, node.lineno, "a deque needs a reason in DEQUE_ALLOWED")
        for node in ast.walk(house.tree_of(path)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("Queue", "PriorityQueue", "LifoQueue", "SimpleQueue", "deque")
                and path != "src/vonggac/mailbox.py"
            ):
                yield Finding(path, node.lineno, f"{node.attr}: use Mailbox or Crossing")


def clocks(house: House) -> Iterator[Finding]:
    """Time comes from a `Clock` that was handed in."""
    for path in house.python():
        if path in CLOCK_ALLOWED:
            continue
        for node, module in _imports(house, path):
            if module.startswith("time."):
                yield Finding(path, node.lineno, f"{module}: take a Clock")
        for node in ast.walk(house.tree_of(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.attr in CLOCK_READERS.get(node.func.value.id, ())
            ):
                called = f"{node.func.value.id}.{node.func.attr}()"
                yield Finding(path, node.lineno, f"{called}: take a Clock")


def purity(house: House) -> Iterator[Finding]:
    """No `async def` in media, wire and domain."""
    for path in house.python():
        if path.startswith(PURE):
            for node in ast.walk(house.tree_of(path)):
                if isinstance(node, ast.AsyncFunctionDef):
                    yield Finding(path, node.lineno, f"async def {node.name} in a pure module")


def state(house: House) -> Iterator[Finding]:
    """Modules hold constants; what changes belongs to an object."""
    for path in house.python():
        tree = house.tree_of(path)
        held = {}
        for node in tree.body:
            targets = (
                node.targets if isinstance(node, ast.Assign)
                else [node.target] if isinstance(node, ast.AnnAssign) and node.value else []
            )  # fmt: skip
            for target in targets:
                if isinstance(target, ast.Name) and _is_container(node):
                    held[target.id] = node.lineno
        for name in sorted(_changed(tree) & set(held)):
            if f"{path}:{name}" not in MUTABLE_ALLOWED:
                yield Finding(path, held[name], f"{name} is module-level state that changes")
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                yield Finding(path, node.lineno, f"global {', '.join(node.names)}")


def logging(house: House) -> Iterator[Finding]:
    """A log call begins with a constant event name; what varies is a field."""
    for path in house.python():
        for node, events in log_calls(house, path):
            for event in events:
                if event is None:
                    yield Finding(path, node.lineno, "a log event is a constant")
                elif not re.fullmatch(r"[a-z_]+\.[a-z_]+", event):
                    yield Finding(path, node.lineno, f"{event!r}: events read thing.happened")


def vietnamese(house: House) -> Iterator[Finding]:
    """Composed characters (NFC), and tone marks in the old place."""
    for path in house.texts():
        for number, line in enumerate(house.text_of(path).splitlines(), 1):
            if not line.isascii():
                if not unicodedata.is_normalized("NFC", line):
                    yield Finding(path, number, "text that is not NFC")
                for pattern, advice in OLD_PLACE.items():
                    if (found := pattern.search(line)) and path not in NEW_PLACE_ALLOWED:
                        yield Finding(path, number, f"{found[0]!r}: write {advice}")


def workplaces(house: House) -> Iterator[Finding]:
    """Nothing of the machine that this was written on, and no package registry."""
    for path in (*house.texts(), *(name for name in house.tracked if name.endswith(".lock"))):
        if path == "scripts/style.py":
            continue
        for number, line in enumerate(house.text_of(path).splitlines(), 1):
            if found := FOREIGN_PATHS.search(line) or REGISTRIES.search(line):
                yield Finding(path, number, f"names a place of its author: {found[0]!r}")


def sentences(house: House) -> Iterator[Finding]:
    """One sentence a line in Markdown, and a sentence is not broken over lines."""
    for path in house.tracked:
        if path.endswith(".md"):
            for number, line, following in _prose(house.text_of(path)):
                line = re.sub(r"^\s*([-*+>]|\d+[.)])\s+", "", line)
                bare = re.sub(r"`[^`]*`", "`x`", re.sub(r"\]\([^)]*\)", "]", line))
                for found in SENTENCE_END.finditer(bare):
                    begins = found["next"] == "`" or found["next"].isupper()
                    if begins and found["word"] not in ABBREVIATIONS:
                        yield Finding(path, number, "two sentences on a line")
                        break
                if following and not re.search(r"[.!?…:;。][\"”')*_`\]]*$", bare.rstrip()):
                    yield Finding(path, number, "a sentence goes on in the next line")


def log_calls(house: House, path: str) -> Iterator[tuple[ast.Call, tuple[str | None, ...]]]:
    """Every call of a logger in a module, with the event it names (None: not a constant).

    More than one where an expression chooses between constants.
    """
    levels = ("debug", "info", "warning", "error", "exception", "critical")
    for node in ast.walk(house.tree_of(path)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in levels
            and re.search(r"log(ger)?(\.get\(.*\))?$", ast.unparse(node.func.value), re.IGNORECASE)
        ):
            first = node.args[0] if node.args else None
            chosen = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
            yield (
                node,
                tuple(
                    one.value if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    else None
                    for one in chosen
                ),
            )  # fmt: skip


def _imports(house: House, path: str) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(house.tree_of(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node, name.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module
            for name in node.names:
                yield node, f"{node.module}.{name.name}"


def _is_container(node: ast.Assign | ast.AnnAssign) -> bool:
    value = node.value
    if isinstance(value, ast.Call):
        called = ast.unparse(value.func).rpartition(".")[2]
        return called in ("list", "dict", "set", "defaultdict", "OrderedDict", "bytearray", "deque",
                          "WeakKeyDictionary", "WeakValueDictionary", "Counter")  # fmt: skip
    shapes = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    return isinstance(value, shapes)


def _changed(tree: ast.Module) -> set[str]:
    """Names whose object is changed somewhere in the module (subscripts, mutating methods)."""
    mutating = {
        "append", "extend", "insert", "add", "update", "pop", "popitem", "clear", "setdefault",
        "remove", "discard", "popleft", "appendleft",
    }  # fmt: skip
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(ast.unparse(node.value))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in mutating
        ):
            found.add(ast.unparse(node.func.value))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _prose(text: str) -> Iterator[tuple[int, str, bool]]:
    """Lines of prose: number, text, and whether the same paragraph goes on in the next line."""
    fenced = False
    kept: list[tuple[int, str] | None] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            kept.append(None)
        elif (
            fenced
            or not line.strip()
            or re.match(r"\s*(\||#|<|---|\[[^\]]+\]:|!\[|`[^`]+`$)", line)
        ):
            kept.append(None)
        else:
            kept.append((number, line))
    for here, after in zip(kept, [*kept[1:], None], strict=True):
        if here is not None:
            goes_on = after is not None and not re.match(r"\s*([-*+>]|\d+[.)])\s", after[1])
            yield (*here, goes_on)


RULES: tuple[Callable[[House], Iterator[Finding]], ...] = (
    module_sizes, names, test_modules, mocks, hand_offs, clocks, purity, state, logging, vietnamese,
    workplaces, sentences,
)  # fmt: skip


def main() -> int:
    """Print every finding; 1 if there is one."""
    house = House()
    findings = [finding for rule in RULES for finding in rule(house)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
