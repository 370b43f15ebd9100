"""The DAG ``exposure``: which hazard zones every place lies in, one task a prefecture that has changed.

Woken by every feed that gives places, hazard maps or municipalities, and swept every ten minutes. Which prefectures
have changed is decided by a position in our own store, so a lost or batched event loses nothing, and a task that
failed is due again at the next run. Runs may overlap: the same prefecture worked out twice gives the same. A
prefecture's hazard maps can be gigabytes, read some at a time: two tasks at once, whatever the number of runs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    DAG,
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    get_current_context,
    task,
)

from bousai import callbacks, catalogue, settings

KNOWN = catalogue.load(settings.load().config)
FEEDS = [Asset(f"bousai://feed/{feed.id}") for feed in KNOWN.feeds_of(KNOWN.layer("hazard_exposure"))]
TRANSIENT = ExceptionRetryPolicy(
    rules=[RetryRule(["bousai.errors.StoreError", OSError], RetryAction.RETRY)], default=RetryAction.FAIL
)

with DAG(
    "exposure",
    dag_display_name="exposure 災害想定区域との重なり",
    description="Hazard zones that places lie in, by prefecture",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/10 * * * *", timezone="UTC"), assets=AssetAny(*FEEDS)
    ),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["consolidate", "hazard_exposure"],
    default_args={
        **callbacks.OURS,
        "pool": catalogue.BACKGROUND,
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_policy": TRANSIENT,
        "execution_timeout": timedelta(hours=1),
    },
):

    @task
    def prefectures() -> list[str]:
        """The codes of the prefectures in which something has changed."""
        from bousai import pipeline

        return pipeline.prefectures_to_expose()

    @task(max_active_tis_per_dag=2, map_index_template="{{ prefecture }}")
    def expose(pref: str) -> dict[str, int]:
        """Work out one prefecture; gives counts."""
        from bousai import pipeline

        get_current_context()["prefecture"] = f"{pref} {pipeline.prefecture_name(pref)}"
        return pipeline.expose(pref)

    expose.expand(pref=prefectures())
