"""One DAG a feed, ``feed__<id>``: fetch → ingest, or no further than fetch where a poll brings nothing.

XCom carries hashes and counts only. A task is a transaction: the same hashes in give the same rows, so
retries and backfills are free. What may pass by itself is retried; a fault in the data, in a setting or in
our code fails at once. A quarantined document is no failure of the run: it is counted and waits as an issue.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, ExceptionRetryPolicy, RetryAction, RetryRule, task

from bousai import callbacks, catalogue, settings
from bousai.catalogue import Feed, FolderSource

HELD = catalogue.load(settings.load().config)
ALERTED = {kind for rule in HELD.rules.values() for kind in rule.kinds}
TRANSIENT = ExceptionRetryPolicy(
    rules=[RetryRule(["bousai.errors.FetchError", "bousai.errors.StoreError", OSError], RetryAction.RETRY)],
    default=RetryAction.FAIL,
)


@task.short_circuit
def fetch(feed_id: str) -> list[str]:
    """Ask the source; archive what is new. Gives the hashes of what is not ingested yet, oldest first."""
    from bousai import pipeline

    return pipeline.fetch_feed(feed_id)


@task
def ingest(feed_id: str, sha256s: list[str]) -> dict[str, int]:
    """Parse, normalise and store, one transaction a document. Gives counts; wakes the outputs."""
    from bousai import pipeline

    return pipeline.ingest_documents(feed_id, sha256s)


def feed_dag(feed: Feed) -> DAG:
    """The DAG of one feed. Whoever hangs makes room for the next poll."""
    longest = timedelta(minutes=15) if feed.every <= 600 else timedelta(hours=2)
    with DAG(
        f"feed__{feed.id}",
        dag_display_name=f"{feed.id} {feed.title_ja}",
        description=feed.title_en,
        doc_md=f"{feed.title_ja}\n\n{feed.credit} ([{feed.licence}]({feed.licence_url}))\n\n{feed.notes}"
        + (f"\n\n**Not collected:** {feed.disabled}" if feed.disabled else ""),
        schedule=None if feed.disabled else timedelta(seconds=feed.every),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=2 * longest,
        on_failure_callback=callbacks.run_failed,
        tags=["feed", feed.publisher, *feed.kinds],
        default_args={
            **callbacks.OURS,
            "owner": feed.publisher,
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "retry_policy": TRANSIENT,
            "execution_timeout": longest,
        },
    ) as dag:
        # what lies in a folder is read where the folder is: on the machine that takes the queue `house`
        queue = {"queue": "house"} if isinstance(feed.source, FolderSource) else {}
        # what is nearer to its reader goes first: all feeds are due in the same second of a minute
        first = 20 if not ALERTED.isdisjoint(feed.kinds) else 10
        found = fetch.override(pool=feed.pool[0], priority_weight=first, **queue)(feed.id)
        woken = [Asset(f"bousai://feed/{feed.id}")]
        ingest.override(priority_weight=first + 30, outlets=woken)(feed.id, found)
    return dag


for _feed in HELD.feeds.values():
    globals()[f"feed__{_feed.id}"] = feed_dag(_feed)
