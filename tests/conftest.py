"""Shared by all tests: its place puts `footage`, `peers` and the like on the import path.

Nothing here is judged by the speed of the machine: hypothesis sets no deadline, and does not mind
that examples take long to draw.
"""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import argon2
import pytest
from hypothesis import HealthCheck, settings

from vonggac.domain import accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _passwords_of_little_work() -> Iterator[None]:
    """The same argon2id with less work: thousands of sign-ins would be minutes of hashing.

    What it costs in the product, and what depends on that, is tested with `passwords_of_full_work`.
    """
    full = accounts._hasher
    accounts._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=256, parallelism=1)
    yield
    accounts._hasher = full


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
