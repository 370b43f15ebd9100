"""What to ask a source for, and when, by the kind of the source; indexes and their gaps.

A JMA index (xml.kishou.go.jp/xmlpull.html): the short one is rebuilt every minute and holds at least the last ten
minutes, the long one is rebuilt every hour and holds some days. So everything has been seen that was published up
to a reading of the long one, and from there on as long as the short one was read at least every `_UNBROKEN`.
Where that chain is broken (first start, outage), the long one is read too, until the two meet.

The two also watch each other. Where the short one says that it was made long ago, or once a day, the long one is read
as well: does it list what the short one has never shown, then somebody must know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import orjson

from bousai import settings
from bousai.catalogue import AtomSource, CkanSource, Feed, FileSource, FolderSource, LinksSource, MqttSource
from bousai.errors import FetchError, ParseError
from bousai.fetch.client import Client, Question
from bousai.fetch.folder import dropped
from bousai.fetch.mqtt import heard
from bousai.fetch.pages import found, linked
from bousai.fetch.visit import ASK_AGAIN, PASSING, Fetched, Ledger, Visit, instant
from bousai.formats import atom
from bousai.model import Issue, Receipt
from bousai.vocab import jma

_UNBROKEN = timedelta(minutes=8)  # of the ten minutes, less what caches and clocks may eat
_LONG_LAG = timedelta(minutes=2)  # Last-Modified of the long index is a little later than what it lists
_LONG_AT_LEAST = timedelta(days=1)  # read daily in any case: a second pair of eyes on the short one
_STILL = timedelta(minutes=15)  # a short index that was made so long ago is not being made every minute
_LONG_AGAIN = timedelta(minutes=55)  # the long one is made anew every hour
_PLAYED = ("playback.invalid",)  # what has no public address is played under this name
_NEVER = datetime.max.replace(tzinfo=UTC)


def pull(
    feed: Feed,
    ledger: Ledger,
    *,
    now: Callable[[], datetime],
    playback: str | None = None,
    data: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Fetched | Issue]:
    """Read a feed's source once. `data` is the folder below which drop folders lie (default: the environment's).

    Yields every attempt. Whoever asks for the next has kept the one before: only then is a message acknowledged to
    its broker. Raises `FetchError` when the index or no file at all could be read; one telegram that fails stops no
    other and is asked for again at the next poll.
    """
    hosts = feed.hosts if playback is None or feed.hosts else _PLAYED
    with Client(hosts, deadline=feed.deadline, max_bytes=feed.max_bytes, playback=playback) as client:
        visit = Visit(feed, ledger, client, now, sleep)
        source = feed.source
        if isinstance(source, AtomSource):
            yield from _indexed(visit, source)
        elif playback is not None:
            yield from visit.files(_listed(visit))
        elif isinstance(source, FileSource):
            yield from visit.files(source.urls)
        elif isinstance(source, LinksSource):
            yield from linked(visit, source)
        elif isinstance(source, CkanSource):
            yield from found(visit, source)
        elif isinstance(source, FolderSource):
            yield from dropped(visit, source, settings.load().data if data is None else data)
        elif isinstance(source, MqttSource):
            yield from heard(visit, source)


def _readable(url: str, body: bytes) -> datetime:
    try:
        return atom.read(body).updated
    except ParseError as error:
        raise FetchError(
            f"{url}: {error.cause}",
            code="not_an_index",
            remedy="it is asked again; if it stays so, look at the source",
        ) from error


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────


def _indexed(visit: Visit, source: AtomSource) -> Iterator[Fetched | Issue]:
    entries: dict[str, atom.AtomEntry] = {}
    long_read = visit.ledger.last_good(source.long_url, visit.feed.id)
    polled_at = visit.now()
    made_at = yield from _entries(visit, source.url, entries)
    shown = set(entries)
    broken = _gap(visit, source, long_read, polled_at)
    compared = not broken and _compare(made_at, long_read, polled_at)
    if broken or compared:
        yield from _entries(visit, source.long_url, entries)
    ours = visit.ledger.claimed(source.url)
    unclaimed: dict[str, atom.AtomEntry] = {}
    wanted = [
        receipt.url
        for receipt in visit.ledger.failed(visit.feed.id, polled_at - ASK_AGAIN)
        if receipt.url not in (source.url, source.long_url) and receipt.error_code in PASSING
    ]
    for entry in sorted(entries.values(), key=lambda entry: (entry.updated or _NEVER, entry.url)):
        family = _kind_of(entry.title)  # VXKOii, where the name of the file says VXKO62
        kind = entry.bulletin_type or family
        owner = ours.get(kind) or ours.get(family)
        if owner == visit.feed.id:
            wanted.append(entry.url)
        elif owner is None:
            unclaimed.setdefault(kind, entry)
    if compared:
        never = [url for url in wanted if url in entries and url not in shown and not visit.ledger.has_document(url)]
        if never:
            yield _never_shown(source, made_at, [entries[url] for url in never])
    if visit.feed.id == min([*ours.values(), visit.feed.id]):
        yield from (_no_parser(kind, entry) for kind, entry in sorted(unclaimed.items()))
    for url in dict.fromkeys(wanted):
        if not visit.ledger.has_document(url):
            yield from visit.once(url, "telegram_missing")


def _entries(visit: Visit, url: str, entries: dict[str, atom.AtomEntry]) -> Generator[Fetched, None, datetime]:
    """Adds what an index lists; gives when the index says that it was made."""
    body = yield from visit.read(url, _readable)
    index = atom.read(body)
    for entry in index.entries:
        entries.setdefault(entry.url, entry)
    return index.updated


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


def _compare(made_at: datetime, long_read: Receipt | None, polled_at: datetime) -> bool:
    """Whether the long index is to be read though nothing is missing for certain."""
    if long_read is None:
        return False
    since = polled_at - long_read.requested_at
    return since > _LONG_AT_LEAST or (polled_at - made_at > _STILL and since > _LONG_AGAIN)


def _never_shown(source: AtomSource, made_at: datetime, missed: list[atom.AtomEntry]) -> Issue:
    newest = max(entry.updated or made_at for entry in missed)
    still = newest > made_at + _LONG_LAG
    return Issue(
        "short_index_behind",
        f"{source.url} has not shown {len(missed)} telegrams that the long index lists, {missed[0].url} among them"
        + (f"; it says that it was made at {made_at.isoformat()}" if still else ""),
        "they were fetched now; look at the source if this comes again (a feed that takes new types sees it once)",
        "error" if still else "warning",
        source.url,
    )


def _gap(visit: Visit, source: AtomSource, long_read: Receipt | None, polled_at: datetime) -> bool:
    """Whether something may have been published that neither index has shown to this feed."""
    if long_read is None:
        return True
    made_at = instant(long_read.last_modified) or long_read.requested_at - timedelta(hours=1)
    seen_until = min(made_at, long_read.requested_at) - _LONG_LAG
    polls = [seen_until, *visit.ledger.good_times(source.url, visit.feed.id, seen_until), polled_at]
    return any(later - earlier > _UNBROKEN for earlier, later in pairwise(polls))


def _listed(visit: Visit) -> list[str]:
    """The addresses that a playback server has for this feed, in time order."""
    root = f"https://{(visit.feed.hosts or _PLAYED)[0]}/"
    answer = visit.client.get(Question(f"{root}.playback/{visit.feed.id}.json"))
    return [urljoin(root, path) for path in orjson.loads(answer.body or b"[]")]
