"""The DAG ``upkeep``, every night at 03:37 JST, or started by hand: verify a part of the archive (all of it in 32
nights), thin what only says that nothing happened, look at the calendar of telegrams and codes.

夜間の保守。手で始めるときは、検証する部分と、残す日数を選べる。
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task

from bousai import callbacks, catalogue

with DAG(
    "upkeep",
    dag_display_name="upkeep 夜間の保守",
    description="Verify the archive, thin the ledger, look at the calendar",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("37 18 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["upkeep"],
    params={
        "part": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            maximum=31,
            title="Part of the archive アーカイブの部分",
            description="0 to 31; empty: tonight's. 空欄なら今夜の分",
        ),
        "keep_days": Param(
            31,
            type="integer",
            minimum=7,
            maximum=3650,
            title="Days kept whole そのまま残す日数",
            description="Older receipts of no news are thinned to one in ten minutes. 古い「変化なし」の記録を間引く",
        ),
    },
    default_args={
        **callbacks.OURS,
        "pool": catalogue.BACKGROUND,
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1, minutes=30),
    },
):

    @task
    def verify() -> dict[str, int]:
        """Read archived bytes again and compare them with their names; gives counts."""
        from bousai import pipeline

        return pipeline.verify_archive(part=get_current_context()["params"]["part"])

    @task
    def tidy() -> dict[str, int]:
        """Thin receipts and ledger; gives how many rows went."""
        from bousai import pipeline

        return pipeline.tidy(keep_days=get_current_context()["params"]["keep_days"])

    @task
    def calendar() -> int:
        """Tell of dates that come and of what is used after its end."""
        from bousai import pipeline

        return pipeline.note_calendar()

    verify()
    tidy()
    calendar()
