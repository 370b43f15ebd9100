"""Two machines, one of which dies in the middle: scripts/distributed.py, whose own checks are the claims."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import distributed

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.xdist_group("distributed")]

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def servers() -> None:
    """Redis and PostgreSQL with PostGIS, as programs."""
    why = distributed.missing()
    if why is not None:
        if os.environ.get("BOUSAI_REQUIRE_DISTRIBUTED") == "1":
            pytest.fail(why)
        pytest.skip(f"SKIPPED ON TWO MACHINES: {why}")


@pytest.mark.usefixtures("servers")
def test_nothing_is_lost_or_doubled_where_a_worker_is_killed(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    real = Path(os.environ.get("BOUSAI_REALDATA", PROJECT.parent / "shared" / "realdata"))
    data = ["--data", str(real)] if real.is_dir() else []  # else what comes with the project
    done = subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "distributed.py"), *data, "--json", str(found)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    figures = json.loads(found.read_text(encoding="utf-8"))["figures"]
    assert figures["tries lost"] > 0
    assert min(figures["tasks"].values()) > 0
    assert figures["seconds from the kill until they were done"] > 0


def test_a_telegram_of_another_hour_differs_in_its_times_alone() -> None:
    def text(at: str, events: str) -> str:
        return f"<DateTime>{at}Z</DateTime><EventID>{events}</EventID><Code>14002000010000</Code>"

    before = text("2026-11-05T23:01:50", "20261105235900 20261105100008")
    after = text("2026-11-06T00:01:50", "20261106005900 20261105110008")
    assert distributed.restamped(before, timedelta(hours=1)) == after
