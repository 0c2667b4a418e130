"""The drill: a province is lost with everything that it wrote since its backup, and comes back.

A real hub above a real site with a virtual camera. The backup is made while both run; facts go on,
also while there is no hub at all. What was restored catches up from the site by itself, its ledger
then equals the site's own, and its access log holds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from programs import VONGGAC, running
from test_tiers import Lines, enrolled

from peers import free_ports
from recordings import SMALL, virtual_cameras, wait_until
from vonggac.clock import SystemClock
from vonggac.config import load
from vonggac.db import Database, sqlite_url, tables
from vonggac.sim.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from programs import Running

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
]

PASSPHRASE = "mot cau mat khau rat dai"


def facts(url: str) -> set[tuple[Any, ...]]:
    """Every fact that a database holds: whose, which, of what kind, as of when."""
    database = Database(url)
    table = tables.fact
    columns = (table.c.site_id, table.c.epoch, table.c.sequence, table.c.kind, table.c.as_of_ns)
    with database.reading() as connection:
        found = {tuple(row) for row in connection.execute(sa.select(*columns))}
    database.close()
    return found


def ran(*words: str, passphrase: str = PASSPHRASE) -> dict[str, Any]:
    """A command as an operator gives it, beside the programs that run."""
    done = subprocess.run(
        [VONGGAC, *words, "--json"], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PASSPHRASE": passphrase},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@contextmanager
def site(province: Path, folder: Path, port: int, url: str) -> Iterator[tuple[Path, Running]]:
    """A site below, with a camera, joined over a line of its own."""
    lines, data = Lines(), folder / "sl-01"
    line = Link("127.0.0.1", port, SystemClock())
    enrolled(province, data, "sl-01", lines.do(line.start()))
    config = folder / "site.toml"
    config.write_text(
        f'data_dir = "{data}"\n[web]\nport = 0\n[sign_in]\nsecond_factor = "outside"\n'
        f'[[cameras]]\nname = "cam01"\nmain = {{url = "{url}"}}\n'
    )
    try:
        with running(["up", "--config", str(config)], folder / "site.log", {}) as program:
            yield data, program
    finally:
        lines.do(line.stop())
        lines.close()


def test_a_hub_that_was_lost_catches_up_from_below(
    cache: Path, tmp_path: Path, postgres_url: str
) -> None:
    """Backup, more facts, a loss of the whole machine, restore elsewhere: everything is there.

    The lost hub had SQLite, the restored one has PostgreSQL.
    """
    here, there = tmp_path / "here", tmp_path / "there"
    url = sqlite_url(here / "hub.sqlite")
    (port,) = free_ports(1)
    config = tmp_path / "province.toml"
    config.write_text(
        f'data_dir = "{here}"\n[web]\nport = 0\n[bus]\nwebsocket_port = {port}\n'
        '[sign_in]\nsecond_factor = "outside"\n'
    )
    words, log = ["hub", "--config", str(config)], tmp_path / "province.log"
    with_passphrase = ["--passphrase-env", "PASSPHRASE"]
    kept = str(tmp_path / "hub.backup")
    with virtual_cameras(1, cache, main=SMALL) as cameras:
        camera = cameras.url(cameras.names[0])
        with running(words, log, {}) as hub, site(here, tmp_path, port, camera) as (data, below):
            own = sqlite_url(data / "hub.sqlite")
            wait_until(lambda: len(facts(url)) > 5, "facts of the site arrive")
            told = ran("backup", kept, "--config", str(config), *with_passphrase)
            held = facts(url)
            restart_recorder(below, data)
            wait_until(lambda: len(facts(url)) > len(held) + 5, "more facts arrive")
            hub.process.send_signal(signal.SIGKILL)
            hub.process.wait(30)
            shutil.rmtree(here)

            onto = ["--data", str(there), "--database", postgres_url]
            back = ran("restore", kept, *onto, *with_passphrase)

            again = load(there / "vonggac.toml").database_url
            assert again == postgres_url
            assert back["row"] == told["audit_row"]
            assert facts(again) <= held  # no more than the backup had
            words = ["hub", "--config", back["config"]]
            with running(words, log, {}) as restored:
                wait_until(lambda: facts(own) <= facts(again), "the restored hub has caught up")
                assert facts(again) <= facts(own)
                refused = restored.http.get("/api/v1/audit", params={"act": "fact_refused"}).json()
                assert refused["rows"] == []
                restored.stop()
            below.stop()
            verdict = ran("check", str(there), "--config", back["config"])
            assert verdict["ok"], verdict
            assert verdict["audit"]["notes"][0].startswith("restored from a backup")
            assert ran("check", str(data))["ok"]


def restart_recorder(below: Running, data: Path) -> None:
    """End the box's recorder as a crash does: its next life makes facts."""
    database = Database(sqlite_url(data / "hub.sqlite"))

    def lives() -> int:
        with database.reading() as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(tables.life)
            ).scalar_one()

    try:
        before = lives()
        edge = next(
            pid
            for pid in below.family()
            if b"\0edge\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(edge, signal.SIGKILL)
        wait_until(lambda: lives() > before, "the recorder begins another life")
    finally:
        database.close()
