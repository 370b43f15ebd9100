"""What the corridor writes into the log comes out of Airflow's logging, with level and name, as a task's own."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest
import structlog

from bousai import pipeline
from bousai import settings as settings_module

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow"), pytest.mark.usefixtures("metadata")]


def test_a_piece_of_work_is_in_the_log_of_its_task(
    bag: DagBag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOUSAI_DATA", str(tmp_path))
    pipeline.prepare(settings_module.load())
    written = io.StringIO()
    airflows = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler) and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    assert airflows
    for handler in airflows:
        monkeypatch.setattr(handler, "stream", written)
    run = bag.dags["upkeep"].test()
    assert run.state == "success"
    said = re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())
    works = re.findall(r"\[info +\] upkeep (\w+) done in [0-9.]+ s +\[bousai\.work\]", said)
    assert sorted(works) == ["calendar", "tidy", "verify"]
