"""Shared by all tests: its place puts `footage`, `peers` and the like on the import path.

Nothing here is judged by the speed of the machine: hypothesis sets no deadline, and does not mind
that examples take long to draw.
"""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import argon2
import pytest
from hypothesis import HealthCheck, settings

from databases import database, postgres, postgres_url, sqlite
from vonggac.bus import server
from vonggac.domain import accounts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import pluggy

# Named here once, since each conftest that names a fixture has one of its own: two would be two
# servers.
__all__ = ["database", "postgres", "postgres_url", "sqlite"]

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

WAITING = ("tests/browser/", "tests/edge/", "tests/flow/", "tests/sim/")
"""Their tests wait for programs and cameras most of the time."""
SHORT_S = 3.0
SECONDS = {
    "tests/web/test_hostile_forms.py": 95.0,
    "tests/web/test_schemathesis.py": 85.0,
    "tests/browser/test_looks.py": 100.0,
    "tests/flow/test_losing_things.py": 120.0,
    "tests/flow/test_export_and_hold.py": 80.0,
    "tests/flow/test_chain.py": 75.0,
    "tests/flow/test_demo.py": 75.0,
    "tests/flow/test_nothing_leaks.py": 70.0,
    "tests/browser/test_hostile_strings.py": 70.0,
    "tests/browser/test_playback.py": 60.0,
    "tests/sim/test_cameras.py": 55.0,
    "tests/flow/test_over_tls.py": 50.0,
    "tests/flow/test_attacks.py": 50.0,
    "tests/flow/test_two_sites.py": 50.0,
    "tests/browser/test_live.py": 45.0,
    "tests/flow/test_planned_away.py": 35.0,
    "tests/flow/test_right_gone.py": 35.0,
    "tests/browser/test_signing_in.py": 35.0,
    "tests/browser/test_segment_plays.py": 30.0,
    "tests/browser/test_wall.py": 30.0,
    "tests/browser/test_plan_moves.py": 30.0,
    "tests/browser/test_grants.py": 30.0,
    "tests/browser/test_verifier.py": 25.0,
    "tests/browser/test_modules.py": 20.0,
    "tests/browser/test_survey_offline.py": 20.0,
    "tests/edge/test_box.py": 30.0,
    "tests/edge/test_record.py": 30.0,
    "tests/edge/test_surveying.py": 25.0,
    "tests/edge/test_agent.py": 20.0,
    "tests/edge/test_probe.py": 20.0,
    "tests/flow/test_stopping.py": 25.0,
    "tests/flow/test_camera_to_wall.py": 15.0,
    "tests/sim/test_rtsp_server.py": 20.0,
    "tests/sim/test_band.py": 20.0,
    "tests/hub/test_revocation.py": 30.0,
    "tests/hub/test_facts.py": 20.0,
    "tests/domain/test_compliance.py": 15.0,
    "tests/domain/test_audit_chain.py": 20.0,
    "tests/db/test_schema.py": 30.0,
    "tests/web/test_pages.py": 17.0,
    "tests/web/test_workplaces.py": 17.0,
    "tests/web/test_api.py": 17.0,
    "tests/web/test_account.py": 15.0,
    "tests/web/test_signin.py": 15.0,
    "tests/web/test_matrix.py": 10.0,
    "tests/test_annex.py": 20.0,
    "tests/test_docs.py": 20.0,
    "tests/media/test_fmp4_read.py": 15.0,
}
"""What modules take of four workers on two cores, where that is long; only their order depends
on it."""


@pytest.fixture(scope="session", autouse=True)
def _passwords_of_little_work() -> Iterator[None]:
    """The same argon2id with less work: thousands of sign-ins would be minutes of hashing.

    What it costs in the product, and what depends on that, is tested with `passwords_of_full_work`.
    """
    full = accounts._hasher
    accounts._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=256, parallelism=1)
    yield
    accounts._hasher = full


@pytest.fixture(scope="session", autouse=True)
def _the_bus_is_looked_for_once() -> Iterator[None]:
    """Hundreds of tests start a nats-server; which one is found, and when none is, has its own."""
    look, found = server.find_server, list[Path]()

    async def find() -> Path:
        if not found:
            found.append(await look())
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "find_server", find)
        yield


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take long begin first, so that no worker is left with one at the end.

    Those that wait for programs take turns with those that compute: four workers then have
    something for both processors, and no four wait for the same seconds.
    """
    modules = list(dict.fromkeys(_module(item) for item in items))
    lanes = {
        waits: sorted(
            (module for module in modules if module.startswith(WAITING) is waits),
            key=lambda module: -SECONDS.get(module, SHORT_S),
        )
        for waits in (True, False)
    }
    done = {True: 0.0, False: 0.0}
    turns: dict[str, int] = {}
    whole = {waits: sum(SECONDS.get(one, SHORT_S) for one in lanes[waits]) for waits in lanes}
    while lanes[True] or lanes[False]:
        waits = not lanes[False] or (
            bool(lanes[True]) and done[True] * whole[False] <= done[False] * whole[True]
        )
        module = lanes[waits].pop(0)
        done[waits] += SECONDS.get(module, SHORT_S)
        turns[module] = len(turns)
    items.sort(key=lambda item: turns[_module(item)])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """Note of a failed test whether it was judged by seconds, and nothing else (`LateError`)."""
    report = (yield).get_result()
    if call.excinfo is not None and getattr(call.excinfo.value, "by_the_clock", False):
        report.user_properties.append(("late", True))


class _Late:
    """Of the tests that failed, those that only came late; kept for `scripts/run_tests.py`."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._late: set[str] = set()
        self._wrong: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            late = any(name == "late" for name, _ in report.user_properties)
            (self._late if late else self._wrong).add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        cache = self._config.cache
        assert cache is not None
        cache.set("vonggac/late", sorted(self._late - self._wrong))


def pytest_configure(config: pytest.Config) -> None:
    """Whoever gathers the reports of all workers keeps the list."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Late(config))


@pytest.fixture
def passwords_of_full_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as the product does it."""
    monkeypatch.setattr(accounts, "_hasher", argon2.PasswordHasher())


@pytest.fixture
def cut_connections() -> Iterator[None]:
    """For tests in which the server cuts a viewer off.

    nats-py leaves aiohttp's connection to the collector then, which would complain of it in
    another test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
