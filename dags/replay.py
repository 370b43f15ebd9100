"""The DAG ``replay``, started by hand: read documents of a feed again from the archive, for a past period; one task a
day. Nothing is fetched. The same bytes give the same rows, so what is known already stays as it is; after a better
parser, or an address that was mended, it is brought up to date.

過去の期間の文書を、アーカイブから読み直す（再取得はしない）。
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, get_current_context, task

from bousai import callbacks, catalogue, settings

FEEDS = catalogue.load(settings.load().config).feeds

with DAG(
    "replay",
    dag_display_name="replay 過去の期間の読み直し",
    description="Read documents of a past period again from the archive",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["upkeep", "backfill"],
    params={
        "feed": Param(sorted(FEEDS)[0], type="string", enum=sorted(FEEDS), title="Feed 情報源"),
        "since": Param("2026-01-01T00:00:00+09:00", type="string", format="date-time", title="From 始まり"),
        "until": Param("2026-01-02T00:00:00+09:00", type="string", format="date-time", title="To 終わり"),
    },
    default_args={
        **callbacks.OURS,
        "pool": catalogue.BACKGROUND,
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(hours=1, minutes=30),
    },
):

    @task
    def days() -> list[tuple[str, list[str]]]:
        """The days of the period that have documents, each with their hashes."""
        from bousai import pipeline

        params = get_current_context()["params"]
        since, until = (datetime.fromisoformat(params[name]) for name in ("since", "until"))
        return pipeline.days_to_replay(params["feed"], since, until)

    @task(max_active_tis_per_dag=1, map_index_template="{{ day }}")
    def again(day: tuple[str, list[str]]) -> dict[str, int]:
        """One day; gives counts. One at a time: what comes now goes first. Order makes no difference."""
        from bousai import pipeline

        context = get_current_context()
        feed = context["params"]["feed"]
        context["day"] = f"{feed} {day[0]} ({len(day[1])})"
        return pipeline.ingest_documents(feed, day[1])

    again.expand(day=days())
