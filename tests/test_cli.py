"""The command line's contract: exit codes, one JSON object on the last line, logs on stderr."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from vonggac import __version__, cli
from vonggac.cli import SUBCOMMANDS, main

SOURCE = Path(cli.__file__).parent


def vonggac(*words: str) -> subprocess.CompletedProcess[str]:
    """The program as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "vonggac.cli", *words],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_help_is_a_table_of_contents() -> None:
    """One line a subcommand."""
    told = vonggac("--help")

    assert told.returncode == 0
    for name, subcommand in SUBCOMMANDS.items():
        assert name in told.stdout
        assert subcommand.summary in " ".join(told.stdout.split())


def test_version_is_printed() -> None:
    """The same as in pyproject.toml and in the pages."""
    told = vonggac("--version")
    assert (told.returncode, told.stdout) == (0, f"vonggac {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["paint"],
        ["record"],
        ["record", "--dir", "d"],
        ["ledger"],
        ["up"],
        ["simulate", "--codec", "mjpeg"],
        ["probe", "rtsp://h/1", "--lang", "fr"],
        ["--log-level", "loud", "demo"],
    ],
)
def test_wrong_use_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A script must be able to tell wrong use from a bad finding; stdout stays empty."""
    with pytest.raises(SystemExit) as caught:
        main(words)

    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--config", "nothing.toml"], "cannot read nothing.toml"),
        (["edge", "--config", "nothing.json"], "cannot read nothing.json"),
        (["check", "nothing"], "nothing is not a directory"),
        (["ledger", "nothing"], "nothing is not a directory"),
        (["ledger", ".", "--from", "yesterday"], "--from: 'yesterday' is no moment"),
        (["ledger", ".", "--to", "9999-12-31T23:59:59Z"], "--to: a moment from 1970 to 2199"),
        (
            ["ledger", ".", "--from", "2026-11-19T00:00:00Z", "--to", "2026-11-18T00:00:00Z"],
            "--from must lie before --to",
        ),
        (["ledger", "."], ". holds no recordings"),
        (["check", "."], ". holds no recordings"),
        (["record", "Cam 1=rtsp://h/1", "--dir", "d"], "'Cam 1' is no camera name"),
        (["record", "a=rtsp://h/1", "a=rtsp://h/2", "--dir", "d"], "two cameras are called a"),
        (["record", "rtsp://h/1", "--dir", "d", "--password-env", "NOT_SET"], "NOT_SET"),
        (["record", "rtsp://h/1", "--dir", "d", "--segment-seconds", "1"], "--segment-seconds"),
        (["record", "rtsp://h/1", "--dir", "d", "--segment-seconds", "nan"], "--segment-seconds"),
        (["record", "rtsp://h/1", "--dir", "d", "--seconds", "nan"], "--seconds"),
        (["record", "rtsp://h/1", "--dir", "d", "--seconds", "inf"], "--seconds"),
        (["record", "rtsp://h/1", "--dir", "d", "--seconds", "-2"], "--seconds"),
        (["record", "rtsp://10.0.0.8:99999/1", "--dir", "d"], "between 1 and 65535"),
        (["probe", "rtsp://h/1", "--seconds", "0"], "--seconds"),
        (["probe", "rtsp://h:70000/1"], "between 1 and 65535"),
        (["probe", "rtsp://h/1", "--onvif-port", "99999"], "--onvif-port"),
        (["discover", "--onvif-port", "-1"], "--onvif-port"),
        (["simulate", "--port", "70000"], "--port"),
        (["simulate", "--port", "65530", "--cameras", "8", "--separate-ports"], "--port"),
        (["simulate", "--port", "0", "--kbps", "-5"], "--kbps"),
        (["simulate", "--port", "0", "--seconds", "nan"], "--seconds"),
        (["simulate", "--port", "0", "--file", "nothing.mp4"], "nothing.mp4"),
        (["discover", "--seconds", "100"], "--seconds"),
    ],
)
def test_wrong_configuration_ends_with_2_and_a_sentence(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No traceback: what is wrong, in one sentence, on stderr."""
    monkeypatch.chdir(tmp_path)

    assert main(words) == 2

    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert list(tmp_path.iterdir()) == [], "wrong use leaves nothing behind"


def test_negative_finding_ends_with_1_and_json_on_the_last_line() -> None:
    """A port where nobody listens: `probe` says so in its object, and logs go elsewhere."""
    told = vonggac("--log-json", "probe", "rtsp://127.0.0.1:9/1", "--seconds", "1", "--no-onvif",
                   "--json")  # fmt: skip

    assert told.returncode == 1, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["reachable"] is False
    assert found["verdict"]["connectable"] is False
    assert found["verdict"]["reasons"]


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["ledger", "nothing", "--json"], 2, "bad_input"),
        (["check", "nothing", "--json"], 2, "bad_input"),
        (["record", "http://h/1", "--dir", "d", "--json"], 2, "bad_input"),
        (["probe", "http://h/1", "--json"], 2, "bad_input"),
        (["discover", "rtsp://", "--json"], 2, "bad_input"),
        (["ledger", "cut", "--json"], 1, "not_found"),
    ],
)
def test_with_json_a_refusal_is_an_object_too(
    words: list[str],
    code: int,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A script reads one object as the last line in any case; the API's one shape of an error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut" / "journal").mkdir(parents=True)

    assert main(words) == code

    told = capsys.readouterr()
    error = json.loads(told.out.splitlines()[-1])["error"]
    assert error["kind"] == kind
    assert error["message"] in told.err
    assert isinstance(error["detail"], dict)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_both_functions(name: str) -> None:
    """`cli` knows no more of a subcommand than its module; read, not imported, to stay quick."""
    module = SUBCOMMANDS[name].module.removeprefix("vonggac.").replace(".", "/")
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert {"add_arguments", "command"} <= functions


def test_unchosen_subcommands_are_not_imported() -> None:
    """`vonggac ledger` on a small box must not wait for FFmpeg, SQLAlchemy and FastAPI."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vonggac.cli", "ledger", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}

    assert "vonggac.edge.catalog" in imported
    assert not imported & {"av", "sqlalchemy", "fastapi", "nats", "numpy", "aiohttp"}
