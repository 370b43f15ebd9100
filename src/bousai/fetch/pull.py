"""What to ask a source for, and when: indexes and their gaps, files, repetitions, patience.

A JMA index (xml.kishou.go.jp/xmlpull.html): the short one is rebuilt every minute and holds at least the last ten
minutes, the long one is rebuilt every hour and holds some days. So everything has been seen that was published up
to a reading of the long one, and from there on as long as the short one was read at least every `_UNBROKEN`.
Where that chain is broken (first start, outage), the long one is read too, until the two meet.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from itertools import pairwise
from typing import Protocol, cast
from urllib.parse import unquote, urljoin, urlsplit

import orjson

from bousai.catalogue import AtomSource, Feed, FileSource
from bousai.errors import FetchError, ParseError
from bousai.fetch.client import Answer, Client, Question
from bousai.formats import atom
from bousai.model import Issue, RawDocument, Receipt, Status
from bousai.vocab import jma

ATTEMPTS = 3
_FIRST_PAUSE = 2.0
_ONCE_A = timedelta(seconds=55)  # JMA asks for at most one poll a minute; five seconds for the scheduler's jitter
_UNBROKEN = timedelta(minutes=8)  # of the ten minutes, less what caches and clocks may eat
_LONG_LAG = timedelta(minutes=2)  # Last-Modified of the long index is a little later than what it lists
_LONG_AT_LEAST = timedelta(days=1)  # read daily in any case: a second pair of eyes on the short one
_ASK_AGAIN = timedelta(days=7)  # the long index holds no more
_PASSING = frozenset(["deadline", "truncated", "connection", "tls", "http_408", "http_425", "http_429"]) | {
    f"http_{status}" for status in range(500, 600)
}
_PLAYED = ("playback.invalid",)  # what has no public address is played under this name
_NEVER = datetime.max.replace(tzinfo=UTC)


class Ledger(Protocol):
    """What was read before. Implemented by the corridor over store and archive."""

    def last_good(self, url: str, feed: str | None = None) -> Receipt | None:
        """The newest receipt with an answer of this address, by any feed or by one (then polls that were
        spared because another feed had just asked count too)."""

    def good_times(self, url: str, feed: str, since: datetime) -> list[datetime]:
        """When this feed has read the address since then, in order; spared polls count."""

    def failed(self, feed: str, since: datetime) -> list[Receipt]:
        """The newest attempt at every address that this feed has asked since then without ever an answer."""

    def body(self, digest: str) -> bytes:
        """The archived bytes."""

    def has_document(self, url: str) -> bool:
        """Whether a document of this address is held."""

    def claimed(self, url: str) -> Mapping[str, str]:
        """Telegram type → feed, over all feeds that read the index at this address."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One attempt. `body` where bytes came that are not archived yet; `document` where they are to be ingested."""

    receipt: Receipt
    body: bytes | None = None
    document: RawDocument | None = None


def pull(
    feed: Feed,
    ledger: Ledger,
    *,
    now: Callable[[], datetime],
    playback: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Fetched | Issue]:
    """Read a feed's source once.

    Yields every attempt. Raises `FetchError` when the index or no file at all could be read; one telegram that
    fails stops no other and is asked for again at the next poll.
    """
    hosts = feed.hosts if playback is None or feed.hosts else _PLAYED
    with Client(hosts, deadline=feed.deadline, max_bytes=feed.max_bytes, playback=playback) as client:
        visit = _Visit(feed, ledger, client, now, sleep)
        if isinstance(feed.source, AtomSource):
            yield from _indexed(visit, feed.source)
        elif playback is not None:
            yield from _files(visit, _listed(visit))
        elif isinstance(feed.source, FileSource):
            yield from _files(visit, feed.source.urls)


@dataclass(frozen=True, slots=True)
class _Visit:
    feed: Feed
    ledger: Ledger
    client: Client
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def ask(self, url: str, *, index: bool = False) -> Iterator[Fetched]:
        """Attempts until one succeeds; the last `FetchError` is raised. An `index` must be readable as one."""
        before = self.ledger.last_good(url)
        question = Question(url)
        if before is not None and before.sha256 is not None:
            question = Question(url, before.etag, before.last_modified)
        for attempt in range(ATTEMPTS):
            requested_at, started = self.now(), time.monotonic()
            answer = body = None
            try:
                answer = self.client.get(question)
                body = answer.body
                if index and body is not None:
                    _readable(url, body)
                came = self._came(url, requested_at, time.monotonic() - started, answer, before, index=index)
            except FetchError as error:
                stated = int(error.code[5:]) if error.code.startswith("http_") else None
                yield Fetched(
                    Receipt(
                        self.feed.id,
                        url,
                        requested_at,
                        time.monotonic() - started,
                        "error",
                        http_status=stated if answer is None else answer.http_status,
                        size=None if body is None else len(body),
                        sha256=None if body is None else sha256(body).hexdigest(),
                        error_code=error.code,
                        error=error.cause,
                    ),
                    body,
                )
                pause = random.uniform(0, _FIRST_PAUSE * 4**attempt)  # noqa: S311  # full jitter, no secret
                pause = max(pause, error.retry_after or 0.0)
                if not error.transient or attempt == ATTEMPTS - 1 or pause > self.feed.deadline:
                    raise
                self.sleep(pause)
            else:
                yield came
                return

    def _came(
        self, url: str, requested_at: datetime, seconds: float, answer: Answer, before: Receipt | None, *, index: bool
    ) -> Fetched:
        if answer.body is None:
            if before is None:
                raise FetchError(
                    f"{url}: 304 to an unconditional request", code="http_304", remedy="it is asked again"
                )
            return Fetched(
                Receipt(
                    self.feed.id,
                    url,
                    requested_at,
                    seconds,
                    "not_modified",
                    http_status=answer.http_status,
                    sha256=before.sha256,
                    etag=answer.etag or before.etag,
                    last_modified=answer.last_modified or before.last_modified,
                )
            )
        digest = sha256(answer.body).hexdigest()
        known = before is not None and before.sha256 == digest
        receipt = Receipt(
            self.feed.id,
            url,
            requested_at,
            seconds,
            "known" if known else "new",
            http_status=answer.http_status,
            size=len(answer.body),
            sha256=digest,
            etag=answer.etag,
            last_modified=answer.last_modified,
        )
        if known:
            return Fetched(receipt)
        if index:
            return Fetched(receipt, answer.body)
        raw = RawDocument(
            digest,
            self.feed.id,
            url,
            unquote(urlsplit(url).path).rpartition("/")[2] or url,
            requested_at,
            len(answer.body),
            _status(url, answer.taint),
            _instant(answer.last_modified),
        )
        return Fetched(receipt, answer.body, raw)


def _readable(url: str, body: bytes) -> None:
    try:
        atom.read(body)
    except ParseError as error:
        raise FetchError(
            f"{url}: {error.cause}",
            code="not_an_index",
            remedy="it is asked again; if it stays so, look at the source",
        ) from error


def _status(url: str, taint: str | None) -> Status:
    if taint not in (None, "actual", "exercise", "test"):
        raise FetchError(
            f"{url}: the playback server gives the status {taint!r}",
            code="unknown_status",
            remedy="actual, exercise or test",
            transient=False,
        )
    return cast(Status, taint or "actual")


def _instant(http_date: str | None) -> datetime | None:
    """The instant of an HTTP-date (RFC 9110 section 5.6.7, always GMT); None where it is absent or unreadable."""
    try:
        at = parsedate_to_datetime(http_date) if http_date else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────


def _indexed(visit: _Visit, source: AtomSource) -> Iterator[Fetched | Issue]:
    entries: dict[str, atom.AtomEntry] = {}
    long_read = visit.ledger.last_good(source.long_url, visit.feed.id)
    polled_at = visit.now()
    yield from _index(visit, source.url, entries)
    if _gap(visit, source, long_read, polled_at):
        yield from _index(visit, source.long_url, entries)
    ours = visit.ledger.claimed(source.url)
    unclaimed: dict[str, atom.AtomEntry] = {}
    wanted = [
        receipt.url
        for receipt in visit.ledger.failed(visit.feed.id, polled_at - _ASK_AGAIN)
        if receipt.url not in (source.url, source.long_url) and receipt.error_code in _PASSING
    ]
    for entry in sorted(entries.values(), key=lambda entry: (entry.updated or _NEVER, entry.url)):
        family = _kind_of(entry.title)  # VXKOii, where the name of the file says VXKO62
        kind = entry.bulletin_type or family
        owner = ours.get(kind) or ours.get(family)
        if owner == visit.feed.id:
            wanted.append(entry.url)
        elif owner is None:
            unclaimed.setdefault(kind, entry)
    if visit.feed.id == min([*ours.values(), visit.feed.id]):
        yield from (_no_parser(kind, entry) for kind, entry in sorted(unclaimed.items()))
    for url in dict.fromkeys(wanted):
        if not visit.ledger.has_document(url):
            yield from _telegram(visit, url)


def _kind_of(title: str) -> str:
    """The type by 情報名称, for an entry whose file name carries none; the title itself where it is not known."""
    row = jma.telegram(title)
    return row.telegram_type if row is not None else title


def _no_parser(kind: str, entry: atom.AtomEntry) -> Issue:
    return Issue(
        code="no_parser",
        cause=f"no parser for {kind}",
        remedy=f"no feed takes {kind} ({entry.title}) yet; it was not fetched",
        severity="info",
        position=kind,
    )


def _index(visit: _Visit, url: str, entries: dict[str, atom.AtomEntry]) -> Iterator[Fetched]:
    """Read an index into `entries`; what another feed has read within the minute is not asked for again."""
    recent = visit.ledger.last_good(url)
    at = visit.now()
    if recent is not None and recent.sha256 is not None and timedelta(0) <= at - recent.requested_at < _ONCE_A:
        yield Fetched(
            Receipt(
                visit.feed.id,
                url,
                at,
                0.0,
                "skipped",
                sha256=recent.sha256,
                etag=recent.etag,
                last_modified=recent.last_modified,
            )
        )
        body = visit.ledger.body(recent.sha256)
    else:
        came = None
        for came in visit.ask(url, index=True):
            yield came
        assert came is not None  # ask gives an answer or raises
        assert came.receipt.sha256 is not None
        body = came.body if came.body is not None else visit.ledger.body(came.receipt.sha256)
    for entry in atom.read(body).entries:
        entries.setdefault(entry.url, entry)


def _gap(visit: _Visit, source: AtomSource, long_read: Receipt | None, polled_at: datetime) -> bool:
    """Whether something may have been published that neither index has shown to this feed."""
    if long_read is None:
        return True
    made_at = _instant(long_read.last_modified) or long_read.requested_at - timedelta(hours=1)
    seen_until = min(made_at, long_read.requested_at) - _LONG_LAG
    if polled_at - long_read.requested_at > _LONG_AT_LEAST:
        return True
    polls = [seen_until, *visit.ledger.good_times(source.url, visit.feed.id, seen_until), polled_at]
    return any(later - earlier > _UNBROKEN for earlier, later in pairwise(polls))


def _telegram(visit: _Visit, url: str) -> Iterator[Fetched | Issue]:
    try:
        yield from visit.ask(url)
    except FetchError as error:
        if not error.transient:
            yield Issue("telegram_missing", error.cause, error.remedy, "warning", url)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def _listed(visit: _Visit) -> list[str]:
    """The addresses that a playback server has for this feed, in time order."""
    root = f"https://{(visit.feed.hosts or _PLAYED)[0]}/"
    answer = visit.client.get(Question(f"{root}.playback/{visit.feed.id}.json"))
    return [urljoin(root, path) for path in orjson.loads(answer.body or b"[]")]


def _files(visit: _Visit, urls: tuple[str, ...] | list[str]) -> Iterator[Fetched | Issue]:
    errors: list[FetchError] = []
    for url in urls:
        recent = visit.ledger.last_good(url)
        at = visit.now()
        if recent is not None and timedelta(0) <= at - recent.requested_at < _ONCE_A:
            yield Fetched(Receipt(visit.feed.id, url, at, 0.0, "skipped", sha256=recent.sha256))
            continue
        try:
            yield from visit.ask(url)
        except FetchError as error:
            errors.append(error)
    if errors and len(errors) == len(urls):
        raise errors[0]
