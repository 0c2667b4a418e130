"""The configuration: typed, the unknown refused by name, secrets never in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vonggac
from vonggac.config import Config, SecretRef, inherited, load
from vonggac.errors import ConfigError, Kind

EXAMPLE = Path(__file__).parents[1] / "examples" / "vonggac.toml"


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "vonggac.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_example_is_accepted() -> None:
    """What people copy first must load."""
    config = load(EXAMPLE)

    assert [(camera.name, camera.zone) for camera in config.cameras] == [
        ("hl-2a", "HL"),
        ("cg-1", "CG"),
    ]
    assert config.cameras[1].retention_days == 45
    assert config.retention.free_floor_bytes == 20_000_000_000


def test_every_commented_field_of_the_example_is_accepted_too(tmp_path: Path) -> None:
    """A line that is switched on by removing its # must not stop the program."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    switched_on = [
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in lines
    ]
    assert switched_on != lines

    config = load(written(tmp_path, "\n".join(switched_on)))

    assert config.web.public_url == "https://giam-sat.example"
    assert config.cameras[0].sub is not None
    assert config.cameras[0].sub.record is True


def test_data_dir_alone_is_enough(tmp_path: Path) -> None:
    """Everything else has a default that is safe: loopback, no cameras, 30 days."""
    config = load(written(tmp_path, 'data_dir = "/var/lib/vonggac"\n'))

    assert config == Config(data_dir="/var/lib/vonggac")
    assert config.web.host == config.bus.host == "127.0.0.1"
    assert config.retention.days == 30


CAMERA = '[[cameras]]\nname = "a"\n[cameras.main]\nurl = "rtsp://h/1"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "data_dir"),
        ("data_dir = 1", "$.data_dir"),
        ('data_dir = "d"\ndatadir = "d"', "datadir"),
        ('data_dir = "d"\n[web]\nprot = 80', "prot"),
        ('data_dir = "d"\n[web]\nport = 65536', "$.web.port"),
        ('data_dir = "d"\n[site]\nname = "Cơ sở"', "$.site.name"),
        ('data_dir = "d"\n[site]\nowner_line = "army"', "$.site.owner_line"),
        ('data_dir = "d"\n[record]\nsegment_s = 1', "$.record.segment_s"),
        ('data_dir = "d"\n[retention]\ndays = 0', "$.retention.days"),
        ('data_dir = "d"\n[[cameras]]\nname = "a"', "$.cameras[0]"),
        (f'data_dir = "d"\n{CAMERA}password = "hunter2"', "password"),
        (f'data_dir = "d"\n{CAMERA}{CAMERA}', "two cameras are called a"),
        (f'data_dir = "d"\n{CAMERA}record = false', "cameras.a.main.record"),
        (f'data_dir = "d"\n{CAMERA}[cameras.sub]\nurl = "rtsp://h/2"\naudio = true',
         "cameras.a.sub takes url and record only"),
        ("data_dir = ", "is not TOML"),
        (f"retention = {'9' * 5000}", "a number of thousands of digits"),
    ],
)  # fmt: skip
def test_wrong_field_stops_the_program_and_is_named(tmp_path: Path, text: str, named: str) -> None:
    """A setting that is silently ignored is found out in an emergency."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert named in caught.value.message
    assert caught.value.kind is Kind.BAD_INPUT


def test_missing_file_is_named(tmp_path: Path) -> None:
    """With the reason that the system gives."""
    with pytest.raises(ConfigError, match=r"nothing\.toml: No such file"):
        load(tmp_path / "nothing.toml")


def test_secret_is_read_from_environment_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of a file, so that an editor's newline does no harm."""
    monkeypatch.setenv("CAMERA_PASSWORD", "p@ss: w/rd#")
    path = tmp_path / "password"
    path.write_text("p@ss: w/rd#\n# who set it\n", encoding="utf-8")

    from_environment = SecretRef(env="CAMERA_PASSWORD").read("cameras.a.password")
    from_file = SecretRef(file=str(path)).read("cameras.a.password")

    assert from_environment == from_file
    assert from_file.reveal() == "p@ss: w/rd#"


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (SecretRef(), "exactly one of env and file"),
        (SecretRef(env="A", file="b"), "exactly one of env and file"),
        (SecretRef(env="VONGGAC_TEST_NOT_SET"), "VONGGAC_TEST_NOT_SET is not set"),
        (SecretRef(file="/nonexistent/password"), "cannot read a first line"),
    ],
)
def test_secret_that_is_not_there_names_its_field(ref: SecretRef, said: str) -> None:
    """Whoever starts the program must know which of forty cameras it is."""
    with pytest.raises(ConfigError, match=f"cameras.a.password: .*{said}"):
        ref.read("cameras.a.password")


def test_children_inherit_how_to_run_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator names the variables, so only what is known to be needed goes on."""
    for name in ("ADMIN_PASSWORD", "CAM_HL_2A", "MY_PATH", "DATABASE_URL", "PGPASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("VONGGAC_LOG", "debug")

    kept = inherited()

    assert "secret" not in kept.values()
    assert (kept["LC_ALL"], kept["VONGGAC_LOG"]) == ("C.UTF-8", "debug")
    assert "PATH" in kept


def test_every_program_that_is_started_is_given_an_environment() -> None:
    """A new child must not bring the passwords along by leaving a word out."""
    starts = {
        f"{path.name}:{call.lineno}": {word.arg for word in call.keywords}
        for path in Path(vonggac.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("create_subprocess_exec", "create_subprocess_shell", "Popen")
    }

    assert len(starts) >= 6
    assert [where for where, words in starts.items() if "env" not in words] == []
