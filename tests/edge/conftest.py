"""Fixtures of the recorder's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def cache(pytestconfig: pytest.Config) -> Path:
    """Coded loops of virtual cameras, drawn once and kept between runs."""
    kept = pytestconfig.cache
    assert kept is not None
    return kept.mkdir("vonggac-loops")
