"""The DAG ``outputs``: the shelter register, then publish what changed; woken by any feed and swept every minute.

Asset events are only a wake-up: a cursor in our own store says what is new, so a lost one loses nothing. Runs may
overlap, tasks may not: max_active_runs=1 would leave asset events waiting for the next one (apache/airflow#56050).
One task: each is a process with two seconds of its own, and a warning waits for them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    get_current_context,
    task,
)

from bousai import callbacks, catalogue, settings

HELD = catalogue.load(settings.load().config)
FEEDS = AssetAny(*(Asset(f"bousai://feed/{feed_id}") for feed_id in HELD.feeds))

with DAG(
    "outputs",
    dag_display_name="outputs レイヤーの公開",
    description="Bring the shelter register up to date and publish changed layers",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=FEEDS),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["outputs"],
    dagrun_timeout=timedelta(hours=1),
    on_failure_callback=callbacks.run_failed,
    params={
        "layers": Param(
            [],
            type="array",
            title="Layers レイヤー (none: all that changed 選ばなければ変わったものすべて)",
            items={"type": "string", "enum": sorted(HELD.layers)},
            examples=sorted(HELD.layers),
        )
    },
    default_args={
        **callbacks.OURS,
        "queue": "house",  # the machine that has the public tree
        "priority_weight": 80,
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=30),
    },
):

    @task(max_active_tis_per_dag=1)
    def publish() -> list[dict[str, Any]]:
        """Write the layers that changed, with the register as new as the lists; its fault stops no warning."""
        from bousai import pipeline

        chosen = get_current_context()["params"]["layers"]
        try:
            pipeline.update_register()
        finally:  # the run has failed then, with every layer written
            lines = pipeline.publish_layers(chosen or None, register=False)
        return [line for line in lines if line["changed"]]

    publish()
