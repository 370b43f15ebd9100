"""Feed → archive: read a source once and keep what is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bousai import archive, fetch, store
from bousai.errors import UsageError
from bousai.model import (
    Issue,
    Receipt,
)
from bousai.pipeline.house import House, opened
from bousai.pipeline.ingesting import dated
from bousai.settings import Settings


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What `fetch` may ask of store and archive."""

    house: House

    def last_good(self, url: str, feed: str | None = None) -> Receipt | None:
        return store.last_receipt(self.house.store, url=url, feed=feed, spared=feed is not None)

    def good_times(self, url: str, feed: str, since: datetime) -> list[datetime]:
        return store.good_times(self.house.store, url, feed, since)

    def failed(self, feed: str, since: datetime) -> list[Receipt]:
        return store.failed_receipts(self.house.store, feed, since)

    def body(self, digest: str) -> bytes:
        return archive.get(self.house.settings.archive, digest)

    def has_document(self, url: str) -> bool:
        return store.has_document(self.house.store, url)

    def claimed(self, url: str) -> dict[str, str]:
        return self.house.catalogue.claimed_types(url)


def fetch_feed(feed_id: str, settings: Settings | None = None) -> list[str]:
    """Read a feed's source once and archive what is new.

    Returns the SHA-256 of every document of the feed that waits to be ingested, oldest first. Raises
    `FetchError` when the source could not be read at all; one telegram that fails stops no other.
    """
    with opened(settings) as house:
        feed = house.catalogue.feed(feed_id)
        if feed.disabled is not None and house.settings.playback is None:
            raise UsageError(
                f"feed {feed_id} is disabled: {feed.disabled}",
                remedy=f"files that you have the right to use: bousai ingest {feed_id} FILE…",
            )
        where = house.settings
        pulled = fetch.pull(feed, _Ledger(house), now=house.now, playback=where.playback, data=where.data)
        for found in pulled:
            if isinstance(found, Issue):
                store.add_issues(house.store, feed.id, [found], house.now())
                continue
            if found.body is not None:
                archive.put(house.settings.archive, found.body)
            # The document first: a crash in between asks once more, the other way round it would be lost.
            if found.document is not None:
                store.record_document(house.store, dated(feed, found.document))
            store.record_receipt(house.store, found.receipt)
        return [document.raw.sha256 for document in store.pending_documents(house.store, feed.id)]
