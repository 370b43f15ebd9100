"""The DAG ``tiles``: vector tiles (PMTiles) of the hazard layers whose published version has none yet.

Swept every hour, and apart from ``outputs``: tiles of a prefecture take minutes, and nothing else may wait for them.
What is due is decided by the version that stands in the published tree, so a run that failed is made up by the next.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from bousai import callbacks, catalogue

with DAG(
    "tiles",
    dag_display_name="tiles ベクトルタイル",
    description="Vector tiles of hazard layers",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("17 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["outputs", "tiles"],
    default_args={
        **callbacks.OURS,
        "pool": catalogue.BACKGROUND,
        "queue": "house",  # the machine that has the public tree and the secrets of subscribers
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1, minutes=30),
    },
):

    @task(max_active_tis_per_dag=1)
    def tile() -> list[dict[str, Any]]:
        """Make the tiles that are due; gives one line a layer."""
        from bousai import pipeline

        return pipeline.tile_layers()

    tile()
