"""What the board is told of the parts."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bousai import operate, settings
from bousai.operate import status

AT = datetime(2026, 11, 5, 9, tzinfo=UTC)


def written(data: Path, **more: object) -> None:
    part = status.PartStatus("serve", "running", 1, AT, 2, None, 220_000_000, "signal 9 (SIGKILL)", "serve.log")
    now = datetime.now(UTC)
    facts = {"supervisor": os.getpid(), "started_at": AT, "written_at": now, "ready_at": AT, "parts": (part,)} | more
    (data / "airflow").mkdir(exist_ok=True)
    status.write(data / "airflow" / "parts.json", status.Status(**facts))  # type: ignore[arg-type]


def test_the_parts_as_the_board_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.setenv("BOUSAI_DATA", str(tmp_path))
    assert operate.parts_now() == [
        {
            "name": "serve",
            "state": "running",
            "since": "2026-11-05T09:00:00+00:00",
            "restarts": 2,
            "pss": None,
            "limit": 220_000_000,
            "last_exit": "signal 9 (SIGKILL)",
        }
    ]


def test_none_where_no_supervisor_runs(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path)})
    assert operate.parts_now(own) is None
    written(tmp_path, written_at=datetime.now(UTC) - timedelta(seconds=status.FRESH_SECONDS + 1))
    assert operate.parts_now(own) is None
    written(tmp_path, supervisor=2**22 + 1)  # no process has a number above 2**22
    assert operate.parts_now(own) is None
    (tmp_path / "airflow" / "parts.json").write_text("{")
    assert operate.parts_now(own) is None
