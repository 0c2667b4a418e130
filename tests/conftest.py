"""Shared by all tests: its place puts `footage`, `peers` and the like on the import path.

Nothing here is judged by the speed of the machine: hypothesis sets no deadline, and does not mind
that examples take long to draw.
"""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


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
