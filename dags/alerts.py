"""The DAG ``alerts``: what was issued becomes CAP messages, which are published and handed over; woken by the feeds
that alerts are made of, and swept every minute.

Apart from ``outputs``: a warning does not wait for layers. ``relay`` passes on what JMA and municipalities issued,
``deliver`` runs where somebody is to be told. What is new is decided by a position in our own store, so a lost or
batched event, a retry or two runs at once send nothing twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task

from bousai import callbacks, catalogue, settings

HELD = catalogue.load(settings.load().config)
KINDS = {kind for rule in HELD.rules.values() for kind in rule.kinds}
FEEDS = [Asset(f"bousai://feed/{feed.id}") for feed in HELD.feeds.values() if not KINDS.isdisjoint(feed.kinds)]

with DAG(
    "alerts",
    dag_display_name="alerts 警報等の配信",
    description="Make, publish and deliver CAP messages",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=AssetAny(*FEEDS)
    ),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["outputs", "alerts"],
    dagrun_timeout=timedelta(minutes=30),
    on_failure_callback=callbacks.run_failed,
    default_args={
        **callbacks.OURS,
        "queue": "house",  # the machine that has the public tree and the secrets of subscribers
        "priority_weight": 100,
        "retries": 2,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=10),
    },
):

    @task.short_circuit(max_active_tis_per_dag=1)
    def relay() -> int:
        """Make and publish messages of what was issued; gives how many deliveries are due."""
        from bousai import pipeline

        pipeline.make_alerts()
        pipeline.publish_alerts()
        return pipeline.deliveries_due()

    @task(max_active_tis_per_dag=1)
    def deliver() -> int:
        """Hand over what is due; gives how many were tried."""
        from bousai import pipeline

        return len(pipeline.deliver_alerts())

    relay() >> deliver()
