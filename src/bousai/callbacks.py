"""What the scheduler calls when a task fails or a run does not end in time. Imports nothing heavy: DAG files are
parsed all the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def task_failed(context: Mapping[str, Any]) -> None:
    """A task has failed for good: cause, remedy and what is stale because of it go into the ledger and the log.
    `context` is Airflow's."""
    from bousai import pipeline

    task = context["ti"]
    pipeline.note_failure(task.dag_id, task.task_id, task.run_id, context.get("exception"))


def run_failed(context: Mapping[str, Any]) -> None:
    """A run has failed: only that it did not end in time is news, its tasks have told of anything else."""
    from bousai import pipeline

    if context.get("reason") == "timed_out":
        run = context["dag_run"]
        pipeline.note_late(run.dag_id, run.run_id)


OURS: dict[str, Any] = {"owner": "bousai", "on_failure_callback": task_failed, "weight_rule": "absolute"}
"""What the tasks of every DAG of ours have in common. Weights are as they are written: by Airflow's default the first
task of a chain goes before the last, and what has arrived waits for what is asked for."""
