"""Coded loops for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def cache(pytestconfig: pytest.Config) -> Path:
    """Drawn once and kept between runs; what decides their look is part of a loop's name."""
    kept = pytestconfig.cache
    assert kept is not None
    return kept.mkdir("vonggac-loops")
