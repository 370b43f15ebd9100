"""One DAG a feed, ``feed__<id>``: fetch → ingest → done. When things run, nothing else.

XCom carries hashes and counts only. A task is a transaction: the same hashes in give the same rows, so
retries and backfills are free. What may pass by itself is retried; a fault in the data, in a setting or in
our code fails at once. A quarantined document is no failure of the run: it is counted and waits as an issue.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, ExceptionRetryPolicy, RetryAction, RetryRule, task
from airflow.sdk.exceptions import AirflowSkipException

from bousai import catalogue, settings
from bousai.catalogue import Feed

TRANSIENT = ExceptionRetryPolicy(
    rules=[
        RetryRule(["bousai.errors.FetchError", "bousai.errors.StoreError", OSError], RetryAction.RETRY),
    ],
    default=RetryAction.FAIL,
)


@task
def fetch(feed_id: str) -> list[str]:
    """Ask the source; archive what is new. Gives the hashes of what is not ingested yet, oldest first."""
    from bousai import pipeline

    return pipeline.fetch_feed(feed_id)


@task
def ingest(feed_id: str, sha256s: list[str]) -> dict[str, int]:
    """Parse, normalise and store, one transaction a document. Gives counts."""
    from bousai import pipeline

    return pipeline.ingest_documents(feed_id, sha256s)


@task
def done(counts: dict[str, int]) -> None:
    """Wake the outputs, unless there was nothing to read."""
    if not counts["documents"]:
        raise AirflowSkipException("nothing new")


def feed_dag(feed: Feed) -> DAG:
    """The DAG of one feed."""
    with DAG(
        f"feed__{feed.id}",
        dag_display_name=f"{feed.id} {feed.title_ja}",
        description=feed.title_en,
        doc_md=f"{feed.credit} ([{feed.licence}]({feed.licence_url}))\n\n{feed.notes}",
        schedule=None if feed.disabled else timedelta(seconds=feed.every),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["feed", feed.publisher, *feed.kinds],
        default_args={
            "owner": "bousai",
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "retry_policy": TRANSIENT,
        },
    ) as dag:
        counts = ingest(feed.id, fetch(feed.id))
        done.override(outlets=[Asset(f"bousai://feed/{feed.id}")])(counts)
    return dag


for _feed in catalogue.load(settings.load().config).feeds.values():
    globals()[f"feed__{_feed.id}"] = feed_dag(_feed)
