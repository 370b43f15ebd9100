"""What a poll asks for, and what it does not ask for, against a source on this machine that plays a script."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from xml.sax.saxutils import escape

import orjson
import pytest

from bousai.catalogue import AtomSource, Feed, FileSource
from bousai.errors import FetchError
from bousai.fetch import Fetched, pull
from bousai.model import Issue, RawDocument
from bousai.vocab.japanese_time import JST
from tests.fetch.book import HOST, SHORT, Book, a_feed, documents, issues, receipts
from tests.fetch.scripted import Exchange, Site, serving

LONG = f"https://{HOST}/developer/xml/feed/eqvol_l.xml"
CLAIMED = {"VXSE51": "jma_quake", "VXSE53": "jma_quake", "VTSE41": "jma_tsunami"}
T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def telegram(name: str) -> str:
    return f"https://{HOST}/developer/xml/data/{name}.xml"


def http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


@dataclass
class Entry:
    """One line of an index."""

    name: str
    at: datetime | None
    title: str = "訓練"

    @property
    def url(self) -> str:
        return telegram(self.name)


def index(*entries: Entry, made: datetime = datetime(2026, 11, 5, 1, tzinfo=UTC)) -> bytes:
    """An Atom index with these entries, that says when it was made."""
    body = "".join(
        f"<entry><title>{escape(entry.title)}</title><id>{entry.url}</id>"
        f"<updated>{'' if entry.at is None else entry.at.strftime('%Y-%m-%dT%H:%M:%SZ')}</updated>"
        f'<link type="application/xml" href="{entry.url}"/></entry>'
        for entry in entries
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>訓練</title>'
        f"<updated>{made.astimezone(JST).isoformat()}</updated>{body}</feed>"
    ).encode()


@dataclass
class Page:
    """What the source has at an address. `failing` are statuses that it gives first, one per request."""

    body: bytes
    modified: datetime | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    failing: list[int] = field(default_factory=list)
    always: int | None = None


@dataclass
class World:
    """A source, its clock, and the feeds that poll it."""

    site: Site
    pages: dict[str, Page] = field(default_factory=dict)
    book: Book = field(default_factory=lambda: Book(CLAIMED))
    at: datetime = T0
    sleeps: list[float] = field(default_factory=list)

    def answer(self, exchange: Exchange) -> None:
        page = self.pages.get("https:/" + exchange.path)
        if page is None:
            exchange.reply(404)
            return
        status = page.always or (page.failing.pop(0) if page.failing else 200)
        if status != 200:
            exchange.reply(status, **page.headers)
            return
        etag = f'"{sha256(page.body).hexdigest()[:8]}"'
        headers = {"ETag": etag, **page.headers}
        if page.modified is not None:
            modified = page.modified
            headers["Last_Modified"] = modified if isinstance(modified, str) else http_date(modified)
        if exchange.headers.get("If-None-Match") == headers["ETag"]:
            exchange.reply(304, **headers)
        else:
            exchange.reply(200, page.body, **headers)

    def has(self, *entries: Entry) -> None:
        """The telegrams of these entries can be fetched."""
        for entry in entries:
            self.pages[entry.url] = Page(f"<Report>{entry.name}</Report>".encode(), entry.at)

    def indexes(self, short: list[Entry], long: list[Entry], long_at: datetime) -> None:
        """What the two indexes list now; when the long one was made."""
        self.pages[SHORT] = Page(index(*short), self.at)
        self.pages[LONG] = Page(index(*long), long_at)

    def asked(self, url: str) -> int:
        """How often the source was asked for an address."""
        return self.site.paths.count("/" + url.removeprefix("https://"))

    def poll(self, feed: Feed, after: timedelta = timedelta(0)) -> list[Fetched | Issue]:
        """One poll; what it yields is in the book even if it raises."""
        self.at += after
        came = []
        for one in pull(feed, self.book, now=lambda: self.at, playback=self.site.address, sleep=self.sleeps.append):
            if isinstance(one, Fetched):
                self.book.record(one)
            came.append(one)
        return came


@pytest.fixture
def world() -> Iterator[World]:
    with serving(lambda exchange: there.answer(exchange)) as site:
        there = World(site)
        yield there


def indexed(feed_id: str) -> Feed:
    types = tuple(code for code, owner in CLAIMED.items() if owner == feed_id)
    return a_feed(feed_id, AtomSource(type="atom", url=SHORT, long_url=LONG, types=types))


QUAKE, TSUNAMI = indexed("jma_quake"), indexed("jma_tsunami")
FILES = a_feed("gsi_shelter", FileSource(type="files", urls=()))


OLD = Entry("20261104120000_0_VXSE51_010000", T0 - timedelta(hours=13))
ONE = Entry("20261105005100_0_VXSE53_010000", T0 - 9 * MINUTE)
TWO = Entry("20261105005500_0_VXSE51_010000", T0 - 5 * MINUTE)
WAVE = Entry("20261105005600_0_VTSE41_010000", T0 - 4 * MINUTE)


def settled(world: World) -> None:
    """A first poll of the quake feed is over and nothing is open: the long index was made a moment ago."""
    world.indexes([TWO, ONE], [TWO, ONE, OLD], T0 - MINUTE)
    world.has(OLD, ONE, TWO)
    world.poll(QUAKE)


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_poll_reads_both_indexes_and_the_telegrams_oldest_first(world: World) -> None:
    world.indexes([WAVE, TWO, ONE], [WAVE, TWO, ONE, OLD], T0 - MINUTE)
    world.has(OLD, ONE, TWO, WAVE)
    came = world.poll(QUAKE)
    assert receipts(came) == [
        ("new", "eqvol"),
        ("new", "eqvol_l"),
        ("new", OLD.name),
        ("new", ONE.name),
        ("new", TWO.name),
    ]
    assert issues(came) == []
    assert [document.url for document in documents(came)] == [OLD.url, ONE.url, TWO.url]
    first = documents(came)[0]
    body = world.pages[OLD.url].body
    assert first == RawDocument(
        sha256(body).hexdigest(), "jma_quake", OLD.url, f"{OLD.name}.xml", T0, len(body), "actual", OLD.at
    )
    assert all(one.body is not None for one in came if isinstance(one, Fetched))


def test_an_entry_without_a_readable_time_comes_last(world: World) -> None:
    undated = Entry("20261105000000_0_VXSE51_020000", None)
    world.indexes([undated, TWO, ONE], [], T0 - MINUTE)
    world.has(undated, ONE, TWO)
    assert [name for _, name in receipts(world.poll(QUAKE))][2:] == [ONE.name, TWO.name, undated.name]


def test_within_the_minute_nothing_is_sent_and_other_feeds_use_what_came(world: World) -> None:
    world.indexes([WAVE, TWO], [OLD], T0 - MINUTE)
    world.has(OLD, TWO, WAVE)
    world.poll(QUAKE)
    before = list(world.site.paths)
    again = world.poll(QUAKE, timedelta(seconds=30))
    assert receipts(again) == [("skipped", "eqvol")]
    assert world.site.paths == before
    other = world.poll(TSUNAMI, timedelta(seconds=10))
    assert receipts(other) == [("skipped", "eqvol"), ("skipped", "eqvol_l"), ("new", WAVE.name)]
    assert world.site.paths[len(before) :] == [f"/{WAVE.url.removeprefix('https://')}"]
    (spared, _, _) = world.book.receipts[-3:]
    assert (spared.feed, spared.seconds, spared.http_status) == ("jma_tsunami", 0.0, None)
    assert spared.sha256 == sha256(world.pages[SHORT].body).hexdigest()
    world.poll(QUAKE, timedelta(seconds=16))  # 56 seconds after the last real request
    assert world.asked(SHORT) == 2


def test_spared_polls_do_not_put_off_the_next_real_one(world: World) -> None:
    settled(world)
    for _ in range(6):
        world.poll(QUAKE, timedelta(seconds=20))
    assert world.asked(SHORT) == 3  # at 0, 60 and 120 seconds


def test_an_unchanged_index_is_not_modified_and_is_no_document(world: World) -> None:
    settled(world)
    came = world.poll(QUAKE, MINUTE)
    (one,) = came
    assert isinstance(one, Fetched)
    assert (one.body, one.document) == (None, None)
    receipt = one.receipt
    assert (receipt.outcome, receipt.http_status) == ("not_modified", 304)
    assert receipt.sha256 == sha256(world.pages[SHORT].body).hexdigest()
    asked = world.site.requests[-1].headers
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == (receipt.etag, http_date(T0))
    assert receipt.last_modified == http_date(T0)


def test_an_unchanged_index_still_says_what_is_missing(world: World) -> None:
    settled(world)
    world.pages[SHORT] = Page(index(TWO, WAVE, ONE), T0)
    world.poll(QUAKE, MINUTE)  # does not want the wave
    world.has(WAVE)
    other = world.poll(TSUNAMI, 2 * MINUTE)
    assert ("not_modified", "eqvol") in receipts(other)
    assert ("new", WAVE.name) in receipts(other)


def test_a_telegram_is_asked_for_once(world: World) -> None:
    settled(world)
    for _ in range(5):
        world.pages[SHORT].body += b" "  # a new index every minute, the same entries
        world.poll(QUAKE, MINUTE)
    world.poll(TSUNAMI, MINUTE)
    for entry in (OLD, ONE, TWO):
        assert world.asked(entry.url) == 1
    assert len(world.book.documents) == 3


def test_without_a_gap_the_long_index_is_read_once_a_day(world: World) -> None:
    settled(world)

    def poll() -> None:
        world.pages[SHORT] = Page(index(TWO, ONE, made=world.at + 7 * MINUTE))
        world.poll(QUAKE, 7 * MINUTE)

    while world.at < T0 + timedelta(hours=23, minutes=50):
        poll()
    assert world.asked(LONG) == 1
    poll()
    poll()
    assert world.asked(LONG) == 2


def test_a_short_index_that_stands_still_is_compared_with_the_long_one_every_hour(world: World) -> None:
    settled(world)
    for _ in range(24):
        came = world.poll(QUAKE, 5 * MINUTE)
        assert issues(came) == []  # they agree: nothing has happened
    assert world.asked(LONG) == 3
    newest = world.book.last_good(LONG)
    assert newest is not None
    assert newest.made_at == T0  # what it says of itself, kept with a 304


def test_what_only_the_long_index_shows_is_fetched_and_told(world: World) -> None:
    settled(world)
    for _ in range(10):
        world.poll(QUAKE, 5 * MINUTE)
    hidden = Entry("20261105013000_0_VXSE53_010000", T0 + 30 * MINUTE)
    world.has(hidden)
    world.pages[LONG] = Page(index(hidden, TWO, ONE, OLD, made=T0 + 55 * MINUTE), T0 + 55 * MINUTE)
    came = [one for _ in range(3) for one in world.poll(QUAKE, 5 * MINUTE)]
    assert ("new", hidden.name) in receipts(came)
    (issue,) = issues(came)
    assert (issue.code, issue.severity, issue.position) == ("short_index_behind", "error", SHORT)
    assert hidden.url in issue.cause
    assert world.book.receipts[-1].outcome == "not_modified"


def test_a_new_answer_says_when_it_was_made(world: World) -> None:
    settled(world)
    made = {receipt.url: receipt.made_at for receipt in world.book.receipts}
    assert made[SHORT] == T0
    assert made[ONE.url] == ONE.at  # Last-Modified


def test_after_an_outage_the_long_index_is_read_until_the_two_meet(world: World) -> None:
    settled(world)
    for _ in range(3):
        world.poll(QUAKE, 7 * MINUTE)
    assert world.asked(LONG) == 1
    # 21 minutes after T0; then half an hour without us, in which two telegrams come and leave the short index
    lost = Entry("20261105012500_0_VXSE51_010000", T0 + 25 * MINUTE)
    late = Entry("20261105014000_0_VXSE53_010000", T0 + 40 * MINUTE)
    world.at = T0 + 51 * MINUTE
    world.indexes([], [lost, TWO, ONE, OLD], T0 + 30 * MINUTE)
    world.has(lost, late)
    assert receipts(world.poll(QUAKE)) == [("new", "eqvol"), ("new", "eqvol_l"), ("new", lost.name)]
    # the long index of half past does not know what came at 40 past: the gap is still open
    assert receipts(world.poll(QUAKE, MINUTE)) == [("not_modified", "eqvol"), ("not_modified", "eqvol_l")]
    world.poll(QUAKE, 8 * MINUTE)
    assert world.asked(LONG) == 4
    # rebuilt on the hour, it closes it
    world.at = T0 + 63 * MINUTE
    world.pages[LONG] = Page(index(late, lost, TWO, ONE, OLD), T0 + 61 * MINUTE)
    assert receipts(world.poll(QUAKE)) == [("not_modified", "eqvol"), ("new", "eqvol_l"), ("new", late.name)]
    world.poll(QUAKE, MINUTE)
    assert world.asked(LONG) == 5


def test_eight_minutes_are_no_gap_and_a_little_more_is_one(world: World) -> None:
    settled(world)
    world.poll(QUAKE, 8 * MINUTE)
    assert world.asked(LONG) == 1
    world.poll(QUAKE, 8 * MINUTE + timedelta(seconds=1))
    assert world.asked(LONG) == 2


def test_a_poll_that_failed_does_not_count_as_one(world: World) -> None:
    settled(world)
    world.pages[SHORT].failing = [500] * 3
    with pytest.raises(FetchError):
        world.poll(QUAKE, 5 * MINUTE)
    world.poll(QUAKE, 5 * MINUTE)
    assert world.asked(LONG) == 2


def test_a_long_index_from_the_future_closes_no_gap(world: World) -> None:
    world.indexes([TWO], [TWO], T0 + timedelta(hours=5))
    world.has(TWO)
    world.poll(QUAKE)
    world.poll(QUAKE, timedelta(hours=2))
    assert world.asked(LONG) == 2


@pytest.mark.parametrize("stated", [None, "yesterday", "Fri, 31 Dec 9999 23:59:59 -0100"])
def test_a_long_index_that_does_not_say_its_time_is_an_hour_old(world: World, stated: str | None) -> None:
    world.indexes([TWO], [TWO], T0)
    world.pages[LONG].modified = stated
    world.has(TWO)
    world.poll(QUAKE)
    world.poll(QUAKE, MINUTE)
    assert world.asked(LONG) == 2


def test_an_index_that_is_a_web_page(world: World) -> None:
    page = b"<!DOCTYPE html><html><body>maintenance</body></html>"
    world.indexes([], [], T0)
    world.pages[SHORT].body = page
    with pytest.raises(FetchError) as caught:
        world.poll(QUAKE)
    assert caught.value.code == "not_an_index"
    assert SHORT in caught.value.cause
    assert world.asked(LONG) == 0
    assert len(world.book.receipts) == world.asked(SHORT) == 3
    for receipt in world.book.receipts:
        assert (receipt.outcome, receipt.error_code, receipt.http_status) == ("error", "not_an_index", 200)
        assert receipt.error
        assert (receipt.size, receipt.sha256) == (len(page), sha256(page).hexdigest())
    assert world.book.bodies == {sha256(page).hexdigest(): page}
    assert world.book.documents == []
    # it is not remembered as an answer: the next poll asks at once and without a condition
    settled(world)
    assert len(world.book.documents) == 3
    assert all("If-None-Match" not in request.headers for request in world.site.requests)


def test_types_that_nobody_takes_are_told_once_by_the_first_feed(world: World) -> None:
    entries = [
        Entry("20261105005200_0_VFVO53_010000", T0 - 8 * MINUTE, "降灰予報（定時）"),
        Entry("20261105005300_0_VFVO53_010001", T0 - 7 * MINUTE, "降灰予報（定時）"),
        Entry("20261105005400_0_VXSE61_010000", T0 - 6 * MINUTE, "顕著な地震の震源要素更新のお知らせ"),
        Entry("nameless", T0 - 6 * MINUTE, "what is this"),
    ]
    world.indexes([*entries, WAVE], [], T0 - MINUTE)
    world.has(WAVE, *entries)
    first, second = world.poll(QUAKE), world.poll(TSUNAMI)
    assert [(issue.code, issue.position, issue.severity) for issue in issues(first)] == [
        ("no_parser", "VFVO53", "info"),
        ("no_parser", "VXSE61", "info"),
        ("no_parser", "what is this", "info"),
    ]
    assert all(issue.position in issue.cause and issue.remedy for issue in issues(first))
    assert issues(second) == []
    assert [world.asked(entry.url) for entry in entries] == [0, 0, 0, 0]
    assert world.asked(WAVE.url) == 1


def test_a_name_without_a_type_is_assigned_by_its_title(world: World) -> None:
    wave = Entry("a1b2c3d4", T0 - 3 * MINUTE, "津波警報・注意報・予報a")
    shake = Entry("e5f6", T0 - 2 * MINUTE, "震度速報")
    world.indexes([wave, shake], [], T0 - MINUTE)
    world.has(wave, shake)
    assert receipts(world.poll(QUAKE))[2:] == [("new", "e5f6")]
    assert receipts(world.poll(TSUNAMI))[2:] == [("new", "a1b2c3d4")]


# ── telegrams that fail ──────────────────────────────────────────────────────────────────────────────────


def test_a_telegram_that_fails_stops_no_other_and_is_asked_again(world: World) -> None:
    world.indexes([TWO, ONE], [TWO, ONE], T0 - MINUTE)
    world.has(ONE, TWO)
    world.pages[ONE.url].failing = [500, 503, 502]
    came = world.poll(QUAKE)
    assert receipts(came)[2:] == [("error", ONE.name)] * 3 + [("new", TWO.name)]
    failed = [receipt for receipt in world.book.receipts if receipt.outcome == "error"]
    assert [receipt.http_status for receipt in failed] == [500, 503, 502]
    assert [receipt.error_code for receipt in failed] == ["http_500", "http_503", "http_502"]
    assert all(receipt.error and receipt.requested_at == T0 and receipt.feed == "jma_quake" for receipt in failed)
    assert issues(came) == []
    # it has left both indexes, and is asked for all the same
    world.indexes([], [], T0 + MINUTE)
    again = world.poll(QUAKE, 2 * MINUTE)
    assert ("new", ONE.name) in receipts(again)
    assert [document.url for document in documents(again)] == [ONE.url]
    assert receipts(world.poll(QUAKE, MINUTE)) == [("not_modified", "eqvol")]


def test_a_telegram_that_fails_for_days_is_given_up(world: World) -> None:
    world.indexes([ONE], [], T0 - MINUTE)
    world.pages[ONE.url] = Page(b"", always=500)
    world.poll(QUAKE)
    world.indexes([], [], T0 + MINUTE)
    world.poll(QUAKE, timedelta(days=6))
    assert world.asked(ONE.url) == 6
    world.poll(QUAKE, timedelta(days=8))
    assert world.asked(ONE.url) == 6


def test_a_telegram_that_is_not_there(world: World) -> None:
    world.indexes([TWO, ONE], [TWO, ONE], T0 - MINUTE)
    world.has(TWO)
    came = world.poll(QUAKE)
    assert receipts(came)[2:] == [("error", ONE.name), ("new", TWO.name)]
    (issue,) = issues(came)
    assert (issue.code, issue.severity, issue.position) == ("telegram_missing", "warning", ONE.url)
    assert "404" in issue.cause
    world.indexes([], [], T0 + MINUTE)
    world.poll(QUAKE, 2 * MINUTE)
    assert world.asked(ONE.url) == 1
    assert world.sleeps == []


def test_a_telegram_elsewhere_is_not_asked_for(world: World) -> None:
    world.indexes([ONE], [], T0 - MINUTE)
    world.pages[SHORT].body = world.pages[SHORT].body.replace(f"https://{HOST}".encode(), b"https://127.0.0.1")
    came = world.poll(QUAKE)
    assert receipts(came)[2:] == [("error", ONE.name)]
    assert [issue.code for issue in issues(came)] == ["telegram_missing"]
    assert world.book.receipts[-1].error_code == "refused_address"
    assert len(world.site.requests) == 2


def test_an_unasked_304_is_an_error_with_a_receipt(world: World) -> None:
    world.indexes([TWO, ONE], [], T0 - MINUTE)
    world.has(TWO)
    world.pages[ONE.url] = Page(b"", failing=[304, 304, 304])
    came = world.poll(QUAKE)
    assert receipts(came)[2:] == [("error", ONE.name)] * 3 + [("new", TWO.name)]
    assert {one.error_code for one in world.book.receipts if one.outcome == "error"} == {"http_304"}


# ── patience ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("share", "expected"), [(0.0, [0.0, 0.0]), (0.5, [1.0, 4.0]), (1.0, [2.0, 8.0])])
def test_pauses_grow_fourfold_with_full_jitter(
    world: World, share: float, expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low + share * (high - low))
    world.indexes([], [], T0)
    world.pages[SHORT].always = 500
    with pytest.raises(FetchError) as caught:
        world.poll(QUAKE)
    assert caught.value.code == "http_500"
    assert world.sleeps == expected
    assert receipts([Fetched(receipt) for receipt in world.book.receipts]) == [("error", "eqvol")] * 3


def test_pauses_are_not_all_alike(world: World) -> None:
    world.indexes([], [], T0)
    world.pages[SHORT].always = 500
    for _ in range(5):
        with pytest.raises(FetchError):
            world.poll(QUAKE, MINUTE)
    assert len(set(world.sleeps)) == 10
    assert all(0 <= pause <= 2 * 4 ** (n % 2) for n, pause in enumerate(world.sleeps))


def test_the_patience_that_a_source_asks_for(world: World) -> None:
    world.indexes([TWO], [], T0 - MINUTE)
    world.has(TWO)
    world.pages[SHORT].failing = [503]
    world.pages[SHORT].headers = {"Retry_After": "30"}
    world.poll(QUAKE)
    assert world.sleeps == [30.0]


def test_more_patience_than_a_poll_has_is_left_to_the_next_poll(world: World) -> None:
    world.indexes([], [], T0)
    world.pages[SHORT].failing = [503]
    world.pages[SHORT].headers = {"Retry_After": "61"}
    with pytest.raises(FetchError) as caught:
        world.poll(QUAKE)
    assert caught.value.retry_after == 61
    assert (world.sleeps, world.asked(SHORT)) == ([], 1)


# ── what a playback says of a document ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("stated", "taint"), [(None, "actual"), ("exercise", "exercise"), ("test", "test")])
def test_the_status_of_a_playback_taints_its_documents(world: World, stated: str | None, taint: str) -> None:
    world.indexes([ONE], [], T0 - MINUTE)
    world.has(ONE)
    if stated is not None:
        world.pages[ONE.url].headers = {"Bousai_Status": stated}
    (document,) = documents(world.poll(QUAKE))
    assert document.taint == taint


def test_an_unknown_status_is_refused(world: World) -> None:
    world.indexes([TWO, ONE], [], T0 - MINUTE)
    world.has(ONE, TWO)
    world.pages[ONE.url].headers = {"Bousai_Status": "drill"}
    came = world.poll(QUAKE)
    assert [document.url for document in documents(came)] == [TWO.url]
    assert [issue.position for issue in issues(came)] == [ONE.url]
    assert receipts(came)[2:] == [("error", ONE.name), ("new", TWO.name)]
    (error,) = [receipt for receipt in world.book.receipts if receipt.outcome == "error"]
    assert (error.error_code, error.http_status) == ("unknown_status", 200)


@pytest.mark.parametrize(
    ("stated", "dated_at"),
    [
        ("Thu, 05 Nov 2026 01:02:03 GMT", datetime(2026, 11, 5, 1, 2, 3, tzinfo=UTC)),
        ("yesterday", None),
        ("Thu, 05 Nov 2026 01:02:03 -0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        (None, None),
    ],
)
def test_last_modified_dates_a_document(world: World, stated: str | None, dated_at: datetime | None) -> None:
    world.indexes([ONE], [], T0 - MINUTE)
    world.has(ONE)
    world.pages[ONE.url].modified = stated
    (document,) = documents(world.poll(QUAKE))
    assert document.dated_at == dated_at


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────


def listed(world: World, *names: str) -> None:
    """The playback server has these files for the feed of files, in this order."""
    paths = [f"playback/{name}" for name in names]
    world.pages[f"https://{HOST}/.playback/gsi_shelter.json"] = Page(orjson.dumps(paths))
    for name in names:
        world.pages[f"https://{HOST}/playback/{name}"] = Page(f"name,{name}\n".encode(), T0 - MINUTE)


def test_files_come_in_the_order_of_the_list(world: World) -> None:
    listed(world, "b/2.csv", "c/1.csv", "a/3.csv")
    came = world.poll(FILES)
    assert receipts(came) == [("new", "2.csv"), ("new", "1.csv"), ("new", "3.csv")]
    assert [(document.name, document.dated_at) for document in documents(came)] == [
        ("2.csv", T0 - MINUTE),
        ("1.csv", T0 - MINUTE),
        ("3.csv", T0 - MINUTE),
    ]
    assert documents(came)[0].url == f"https://{HOST}/playback/b/2.csv"


def test_files_are_asked_once_a_minute_and_on_condition(world: World) -> None:
    listed(world, "1.csv")
    world.poll(FILES)
    assert receipts(world.poll(FILES, timedelta(seconds=54))) == [("skipped", "1.csv")]
    came = world.poll(FILES, timedelta(seconds=1))
    assert receipts(came) == [("not_modified", "1.csv")]
    assert documents(came) == []
    world.pages[f"https://{HOST}/playback/1.csv"].body = b"name,new\n"
    came = world.poll(FILES, MINUTE)
    assert receipts(came) == [("new", "1.csv")]
    assert len(documents(came)) == 1


def test_two_feeds_that_read_one_file_each_get_it(world: World) -> None:
    listed(world, "1.csv")
    other = a_feed("other_shelter", FileSource(type="files", urls=()))
    world.pages[f"https://{HOST}/.playback/other_shelter.json"] = world.pages[
        f"https://{HOST}/.playback/gsi_shelter.json"
    ]
    for body in (b"name,1\n", b"name,2\n"):
        world.pages[f"https://{HOST}/playback/1.csv"].body = body
        for feed in (FILES, other):
            (document,) = documents(world.poll(feed, timedelta(seconds=1)))
            assert document.feed == feed.id
        for feed in (FILES, other):
            assert receipts(world.poll(feed, MINUTE)) == [("not_modified", "1.csv")]
            assert receipts(world.poll(feed, timedelta(seconds=1))) == [("skipped", "1.csv")]
        world.at += MINUTE


def test_the_same_bytes_again_are_known_and_no_document(world: World) -> None:
    listed(world, "1.csv")
    world.poll(FILES)
    world.pages[f"https://{HOST}/playback/1.csv"].headers = {"ETag": '"another"'}
    (one,) = world.poll(FILES, MINUTE)
    assert isinstance(one, Fetched)
    assert (one.body, one.document) == (None, None)
    assert (one.receipt.outcome, one.receipt.http_status, one.receipt.etag) == ("known", 200, '"another"')
    assert one.receipt.size == len(b"name,1.csv\n")
    assert receipts(world.poll(FILES, MINUTE)) == [("not_modified", "1.csv")]


def test_one_file_that_fails_stops_no_other(world: World) -> None:
    listed(world, "1.csv", "2.csv", "3.csv")
    world.pages[f"https://{HOST}/playback/1.csv"].always = 500
    world.pages[f"https://{HOST}/playback/2.csv"].always = 404
    came = world.poll(FILES)
    assert receipts(came) == [("error", "1.csv")] * 3 + [("error", "2.csv"), ("new", "3.csv")]
    assert len(documents(came)) == 1


def test_all_files_failing_raises_the_first_error(world: World) -> None:
    listed(world, "1.csv", "2.csv")
    world.pages[f"https://{HOST}/playback/1.csv"].always = 404
    world.pages[f"https://{HOST}/playback/2.csv"].always = 410
    with pytest.raises(FetchError) as caught:
        world.poll(FILES)
    assert caught.value.code == "http_404"
    assert [receipt.error_code for receipt in world.book.receipts] == ["http_404", "http_410"]


def test_without_a_playback_the_addresses_of_the_catalogue_are_asked(world: World) -> None:
    urls = ("https://one.example.org/1.csv", "https://two.example.org/2.csv")
    feed = a_feed("gsi_shelter", FileSource(type="files", urls=urls))  # neither is among its hosts: nothing is sent
    came = pull(feed, world.book, now=lambda: T0, sleep=world.sleeps.append)
    for url in urls:
        one = next(came)
        assert isinstance(one, Fetched)
        assert (one.receipt.url, one.receipt.error_code) == (url, "refused_address")
    with pytest.raises(FetchError) as caught:
        next(came)
    assert caught.value.code == "refused_address"
