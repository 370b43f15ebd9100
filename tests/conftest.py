"""Fixtures that every tier may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import throwaway_postgis

# A property is about what holds, not about how fast: a busy machine must not fail it.
settings.register_profile("bousai", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bousai")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real feed files (BOUSAI_REALDATA, or ../shared/realdata beside the project)."""
    folder = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        if os.environ.get("BOUSAI_REQUIRE_REALDATA") == "1":
            pytest.fail(f"real feed files are required and {folder} does not exist")
        pytest.skip(f"real feed files not found at {folder}: set BOUSAI_REALDATA")
    return folder


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[str]:
    """Address of a fresh server without a database name."""
    why = throwaway_postgis.missing()
    if why is not None:
        if os.environ.get("BOUSAI_REQUIRE_POSTGIS") == "1":
            pytest.fail(why)
        pytest.skip(f"SKIPPED ON POSTGIS: {why}")
    with throwaway_postgis.server("fsync=off") as address:
        yield address
