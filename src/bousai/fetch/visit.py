"""One visit of a feed to its source: an address asked with patience, an index read, a document fetched once."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import unquote, urlsplit

from bousai.catalogue import Feed
from bousai.errors import FetchError
from bousai.fetch.client import Answer, Client, Question
from bousai.model import Issue, RawDocument, Receipt, Status

ATTEMPTS = 3
ASK_AGAIN = timedelta(days=7)  # the long index of JMA holds no more
ONCE_A = timedelta(seconds=55)  # JMA asks for at most one poll a minute; five seconds for the scheduler's jitter
PASSING = frozenset(["deadline", "truncated", "connection", "tls", "http_408", "http_425", "http_429"]) | {
    f"http_{status}" for status in range(500, 600)
}
_FIRST_PAUSE = 2.0

Check = Callable[[str, bytes], datetime | None]
"""Of an index at an address: when it says that it was made. Raises `FetchError` where the bytes are none."""


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
    """One attempt. `body` where bytes came that are not archived yet, of very many a file that holds them until the
    next attempt is asked for; `document` where they are to be ingested."""

    receipt: Receipt
    body: bytes | Path | None = None
    document: RawDocument | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A feed, what was read of it before, the connections, and the clock."""

    feed: Feed
    ledger: Ledger
    client: Client
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def ask(self, url: str, *, check: Check | None = None) -> Iterator[Fetched]:
        """Attempts until one succeeds; the last `FetchError` is raised. With `check` it is an index, which must be
        readable as one, and not a document."""
        before = self._before(url, index=check is not None)
        question = Question(url)
        if before is not None and before.sha256 is not None:
            question = Question(url, before.etag, before.last_modified)
        for attempt in range(ATTEMPTS):
            requested_at, started = self.now(), time.monotonic()
            answer = body = made = None
            try:
                answer = self.client.get(question)
                body = answer.body
                if check is not None and body is not None:
                    made = check(url, body)
                came = self._came(
                    url, requested_at, time.monotonic() - started, answer, before, made, index=check is not None
                )
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

    def _before(self, url: str, *, index: bool) -> Receipt | None:
        """The answer that we hold: an index for all feeds, a document for this one, since two may read one file."""
        newest = self.ledger.last_good(url)
        if index or newest is None or newest.feed == self.feed.id:
            return newest
        return self.ledger.last_good(url, self.feed.id)

    def _came(
        self,
        url: str,
        requested_at: datetime,
        seconds: float,
        answer: Answer,
        before: Receipt | None,
        made: datetime | None,
        *,
        index: bool,
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
                    made_at=before.made_at,
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
            made_at=made or instant(answer.last_modified),
        )
        if known:
            return Fetched(receipt)
        if index:
            return Fetched(receipt, answer.body)
        raw = RawDocument(
            digest,
            self.feed.id,
            url,
            name_of(url),
            requested_at,
            len(answer.body),
            _status(url, answer.taint),
            instant(answer.last_modified),
        )
        return Fetched(receipt, answer.body, raw)

    def read(self, url: str, check: Check) -> Generator[Fetched, None, bytes]:
        """The bytes of an index; what another feed has read within the minute is not asked for again."""
        recent = self.ledger.last_good(url)
        at = self.now()
        if recent is not None and recent.sha256 is not None and timedelta(0) <= at - recent.requested_at < ONCE_A:
            yield Fetched(self._spared(recent, at))
            return self.ledger.body(recent.sha256)
        came = None
        for came in self.ask(url, check=check):
            yield came
        assert came is not None  # ask gives an answer or raises
        assert came.receipt.sha256 is not None
        return came.body if isinstance(came.body, bytes) else self.ledger.body(came.receipt.sha256)

    def _spared(self, recent: Receipt, at: datetime) -> Receipt:
        """The receipt of a poll that was not sent: what was read within the minute stands for it."""
        return Receipt(
            self.feed.id,
            recent.url,
            at,
            0.0,
            "skipped",
            sha256=recent.sha256,
            etag=recent.etag,
            last_modified=recent.last_modified,
            made_at=recent.made_at,
        )

    def files(self, urls: Sequence[str]) -> Generator[Fetched, None, list[FetchError]]:
        """Read files at addresses whose content changes; gives why some could not be read.

        Raises the first `FetchError` when none could be.
        """
        errors: list[FetchError] = []
        for url in urls:
            recent = self.ledger.last_good(url)
            at = self.now()
            ours = recent is not None and recent.feed == self.feed.id
            if recent is not None and ours and timedelta(0) <= at - recent.requested_at < ONCE_A:
                yield Fetched(self._spared(recent, at))
                continue
            try:
                yield from self.ask(url)
            except FetchError as error:
                errors.append(error)
        if errors and len(errors) == len(urls):
            raise errors[0]
        return errors

    def once(self, url: str, code: str) -> Iterator[Fetched | Issue]:
        """Fetch a document of its own; where it will not come, an issue with this `code`."""
        try:
            yield from self.ask(url)
        except FetchError as error:
            if not error.transient:
                yield Issue(code, error.cause, error.remedy, "warning", url)


def name_of(url: str) -> str:
    """The file name in an address.

    >>> name_of("https://example.org/a/%E8%A8%93%E7%B7%B4.csv?v=1")
    '訓練.csv'
    """
    return unquote(urlsplit(url).path).rpartition("/")[2] or url


def by_number(name: str) -> list[tuple[int, str]]:
    """A sort key by which 第9報 comes before 第10報.

    >>> sorted(["第10報.pdf", "第9報.pdf"], key=by_number)
    ['第9報.pdf', '第10報.pdf']
    """
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def failure(feed: str, url: str, at: datetime, seconds: float, error: FetchError, size: int | None = None) -> Fetched:
    """An attempt that came to nothing, where no HTTP was spoken."""
    return Fetched(
        Receipt(feed, url, at, seconds, "error", size=size, error_code=error.code, error=error.cause),
    )


def _status(url: str, taint: str | None) -> Status:
    if taint not in (None, "actual", "exercise", "test"):
        raise FetchError(
            f"{url}: the playback server gives the status {taint!r}",
            code="unknown_status",
            remedy="actual, exercise or test",
            transient=False,
        )
    return cast(Status, taint or "actual")


def instant(http_date: str | None) -> datetime | None:
    """The instant of an HTTP-date (RFC 9110 section 5.6.7, always GMT); None where it is absent or unreadable."""
    try:
        at = parsedate_to_datetime(http_date) if http_date else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
