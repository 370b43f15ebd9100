"""The DAG ``notices``: looks at the layers every minute for what is worth a situation notice, which then waits for
approval.

Apart from ``alerts``: what is slow to see holds up no warning, and is not looked for with each telegram.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from bousai import callbacks

with DAG(
    "notices",
    dag_display_name="notices 状況の通知の候補",
    description="Make situation notices that wait for approval",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["outputs", "alerts"],
    dagrun_timeout=timedelta(minutes=30),
    on_failure_callback=callbacks.run_failed,
    default_args={
        **callbacks.OURS,
        "queue": "house",  # the machine that has the outlines of municipalities at hand
        "priority_weight": 60,
        "retries": 2,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=10),
    },
):

    @task
    def notice() -> int:
        """Look for what is worth a situation notice; gives how many there are new."""
        from bousai import pipeline

        return len(pipeline.make_notices())

    notice()
