"""The DAG ``outputs``: publish what changed, woken by any feed and swept every minute.

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
    description="Publish changed layers",
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
    def publish() -> list[dict[str, Any]]:
        """Write the layers that changed; gives one line of counts a layer."""
        from bousai import pipeline

        return pipeline.publish_layers()

    publish()
