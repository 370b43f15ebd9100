"""A ledger in memory, a feed to poll, and what a poll gave, for the tests of every kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from bousai.catalogue import Feed
from bousai.fetch import Fetched
from bousai.model import Issue, RawDocument, Receipt

HOST = "www.data.jma.go.jp"
SHORT = f"https://{HOST}/developer/xml/feed/eqvol.xml"


class Book:
    """A ledger in memory: it knows what was yielded, and nothing else."""

    def __init__(self, claimed: Mapping[str, str] | None = None) -> None:
        self.receipts: list[Receipt] = []
        self.bodies: dict[str, bytes] = {}
        self.documents: list[RawDocument] = []
        self._claimed = claimed or {}

    def record(self, fetched: Fetched) -> None:
        self.receipts.append(fetched.receipt)
        if fetched.body is not None:
            body = fetched.body if isinstance(fetched.body, bytes) else fetched.body.read_bytes()
            digest = sha256(body).hexdigest()
            assert fetched.receipt.sha256 == digest
            assert fetched.receipt.size == len(body)
            self.bodies[digest] = body
        if fetched.document is not None:
            assert fetched.document.sha256 == fetched.receipt.sha256
            self.documents.append(fetched.document)

    def last_good(self, url: str, feed: str | None = None) -> Receipt | None:
        good = {"new", "not_modified", "known"} | (set() if feed is None else {"skipped"})
        found = [one for one in self.receipts if one.url == url and one.outcome in good and feed in (None, one.feed)]
        return max(reversed(found), key=lambda one: one.requested_at, default=None)  # of equals the later one

    def good_times(self, url: str, feed: str, since: datetime) -> list[datetime]:
        return sorted(
            one.requested_at
            for one in self.receipts
            if one.url == url and one.feed == feed and one.outcome != "error" and one.requested_at >= since
        )

    def failed(self, feed: str, since: datetime) -> list[Receipt]:
        mine = [one for one in self.receipts if one.feed == feed]
        answered = {one.url for one in mine if one.outcome != "error"}
        newest = {one.url: one for one in mine if one.requested_at >= since and one.url not in answered}
        return list(newest.values())

    def body(self, digest: str) -> bytes:
        return self.bodies[digest]

    def has_document(self, url: str) -> bool:
        return any(document.url == url for document in self.documents)

    def claimed(self, url: str) -> Mapping[str, str]:
        return self._claimed if url == SHORT else {}


def a_feed(feed_id: str, source: Any, *, hosts: tuple[str, ...] = (HOST,), **more: Any) -> Feed:
    return Feed(
        id=feed_id,
        title_ja="訓練",
        title_en="Exercise",
        publisher="気象庁",
        licence="x",
        licence_url="https://example.org/",
        credit="気象庁",
        parser="jma_quake",
        kinds=("earthquake",),
        source=source,
        hosts=hosts,
        every=60,
        late_after=600,
        dead_after=3600,
        **more,
    )


def receipts(came: list[Fetched | Issue]) -> list[tuple[str, str]]:
    """(outcome, last part of the address) of every attempt."""
    return [
        (one.receipt.outcome, one.receipt.url.rpartition("/")[2].removesuffix(".xml"))
        for one in came
        if isinstance(one, Fetched)
    ]


def issues(came: list[Fetched | Issue]) -> list[Issue]:
    return [one for one in came if isinstance(one, Issue)]


def documents(came: list[Fetched | Issue]) -> list[RawDocument]:
    return [one.document for one in came if isinstance(one, Fetched) and one.document is not None]
