"""The DAG ``outputs``: the shelter register, then publish what changed; woken by any feed and swept every minute.

Asset events are only a wake-up: what is new is decided by a cursor in our own store, so a lost or batched
event loses nothing. Runs may overlap, tasks may not: max_active_runs=1 would leave asset events waiting for the
next one (apache/airflow#56050), so it is the task of which only one runs at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task

from bousai import catalogue, settings

FEEDS = [Asset(f"bousai://feed/{feed_id}") for feed_id in catalogue.load(settings.load().config).feeds]

with DAG(
    "outputs",
    description="Bring the shelter register up to date and publish changed layers",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=AssetAny(*FEEDS)
    ),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["outputs"],
    default_args={"owner": "bousai", "retries": 1, "retry_delay": timedelta(seconds=20)},
):

    @task(max_active_tis_per_dag=1)
    def register() -> dict[str, int]:
        """Put new entries of the lists of shelters to their places; gives counts."""
        from bousai import pipeline

        return pipeline.update_register()

    @task(max_active_tis_per_dag=1, trigger_rule="all_done")
    def publish() -> list[dict[str, Any]]:
        """Write the layers that changed; a fault of the register stops no warning."""
        from bousai import pipeline

        return pipeline.publish_layers(register=False)

    @task
    def done() -> None:
        """The run has failed where either has."""

    first, second = register(), publish()
    first >> second
    [first, second] >> done()
