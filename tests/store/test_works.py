"""The ledger of what was done, and what is thinned of it and of the receipts, on both databases."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bousai import catalogue, pipeline, store
from bousai import settings as settings_module
from bousai.model import (
    Bulletin,
    Item,
    Provenance,
    RawDocument,
    Receipt,
    Verb,
    Work,
    WorkOutcome,
    table_of,
)
from bousai.model.document import Outcome
from bousai.pipeline import House
from bousai.store import schema

pytestmark = pytest.mark.store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
INDEX = "https://jma.example/eqvol.xml"
_SETTINGS = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_work = st.builds(
    Work,
    verb=st.sampled_from(get_args(Verb)),
    subject=_text,
    started_at=st.integers(0, 20 * 60 * 10**6).map(lambda n: T0 + timedelta(microseconds=n)),
    seconds=st.floats(0, 1e6),
    outcome=st.sampled_from(get_args(WorkOutcome)),
    reference=_text,
    position=st.none() | st.integers(0, 2**62),
    detail=st.dictionaries(_text, _json, max_size=3),
    actor=st.sampled_from(["", "防災課", "o'brien"]),
)


def work(verb: Verb = "ingest", subject: str = "feed", minutes: float = 0, **more: object) -> Work:
    values: dict[str, object] = {"seconds": 0.5, "outcome": "done"}
    return Work(verb, subject, T0 + timedelta(minutes=minutes), **(values | more))  # type: ignore[arg-type]


def receipt(seconds: float, outcome: Outcome, url: str = INDEX, feed: str = "feed", **more: object) -> Receipt:
    """An attempt so many seconds after T0."""
    return Receipt(feed, url, T0 + timedelta(seconds=seconds), 0.25, outcome, **more)  # type: ignore[arg-type]


def kept(opened: store.Store) -> list[tuple[str, str, datetime, str]]:
    t = schema.receipt
    with opened.engine.connect() as connection:
        rows = connection.execute(sa.select(t).order_by(t.c.id)).all()
    return [
        (row.feed, row.url, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row.requested_at), row.outcome)
        for row in rows
    ]


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────


@_SETTINGS
@given(rows=st.lists(_work, max_size=8), cut=st.integers(0, 8))
def test_rows_come_back_whole_and_the_newest_first(
    opened: store.Store, forget: Callable[[store.Store], None], rows: list[Work], cut: int
) -> None:
    forget(opened)
    store.record_works(opened, rows[:cut])
    store.record_works(opened, rows[cut:])
    found = store.works(opened, since=T0)
    assert found == [one for _, one in sorted(enumerate(rows), key=lambda e: (e[1].started_at, e[0]), reverse=True)]
    assert all(one.started_at.utcoffset() == timedelta(0) for one in found)


@_SETTINGS
@given(
    rows=st.lists(_work, max_size=8),
    since=st.integers(-1, 20),
    until=st.none() | st.integers(0, 21),
    verb=st.none() | st.sampled_from(get_args(Verb)),
    number=st.none() | st.integers(0, 7),
    limit=st.none() | st.integers(0, 4),
)
def test_a_question_is_answered_with_what_it_names_alone(
    opened: store.Store,
    forget: Callable[[store.Store], None],
    rows: list[Work],
    since: int,
    until: int | None,
    verb: Verb | None,
    number: int | None,
    limit: int | None,
) -> None:
    forget(opened)
    store.record_works(opened, rows)
    subject = None if number is None else rows[number].subject if number < len(rows) else "nobody"
    begin = T0 + timedelta(minutes=since)
    end = None if until is None else T0 + timedelta(minutes=until)
    wanted = [
        one
        for one in store.works(opened, since=datetime.min.replace(tzinfo=UTC))
        if one.started_at >= begin
        and (end is None or one.started_at < end)
        and verb in (None, one.verb)
        and subject in (None, one.subject)
    ]
    found = store.works(opened, since=begin, until=end, verb=verb, subject=subject, limit=limit)
    assert found == wanted[:limit]


def test_a_period_has_its_beginning_and_not_its_end(opened: store.Store) -> None:
    store.record_works(opened, [work(minutes=n) for n in range(3)])
    found = store.works(opened, since=T0 + timedelta(minutes=1), until=T0 + timedelta(minutes=2))
    assert [one.started_at for one in found] == [T0 + timedelta(minutes=1)]


@_SETTINGS
@given(rows=st.lists(_work, max_size=8), asked=st.lists(st.sampled_from(get_args(Verb)), max_size=4))
def test_the_last_of_each_verb_is_the_newest_of_it(
    opened: store.Store, forget: Callable[[store.Store], None], rows: list[Work], asked: list[Verb]
) -> None:
    forget(opened)
    store.record_works(opened, rows)
    every = store.works(opened, since=T0)
    wanted = {verb: [one for one in every if one.verb == verb] for verb in asked}
    assert store.last_works(opened, asked) == {verb: those[0] for verb, those in wanted.items() if those}


def test_rows_are_written_all_or_none(opened: store.Store) -> None:
    good, bad = work(), work(detail={"cannot": object()})
    with pytest.raises(TypeError):
        store.record_works(opened, [good, bad])
    assert store.works(opened, since=T0) == []


# ── thinning ─────────────────────────────────────────────────────────────────────────────────────────────

_receipt = st.builds(
    receipt,
    seconds=st.integers(0, 40).map(lambda n: 30 * n),
    outcome=st.sampled_from([*get_args(Outcome), "not_modified", "not_modified"]),
    url=st.sampled_from([INDEX, "https://jma.example/long.xml"]),
    feed=st.sampled_from(["jma_quake", "jma_tsunami"]),
)
QUIET = ("not_modified", "skipped")


@_SETTINGS
@given(receipts=st.lists(_receipt, max_size=14), before=st.integers(0, 1300))
def test_thinning_lets_go_of_old_polls_that_brought_nothing_alone(
    opened: store.Store, forget: Callable[[store.Store], None], receipts: list[Receipt], before: int
) -> None:
    forget(opened)
    for one in receipts:
        store.record_receipt(opened, one)
    was, until = kept(opened), T0 + timedelta(seconds=before)
    gone = store.thin_receipts(opened, until, 600)
    now = kept(opened)
    assert len(now) == len(was) - gone

    def matters(row: tuple[str, str, datetime, str]) -> bool:
        return row[3] not in QUIET or row[2] >= until

    assert [row for row in now if matters(row)] == [row for row in was if matters(row)]
    assert {row[:2] for row in now} == {row[:2] for row in was}
    assert store.thin_receipts(opened, until, 600) == 0
    assert kept(opened) == now


@_SETTINGS
@given(
    receipts=st.lists(_receipt, max_size=14),
    before=st.integers(0, 1300),
    every=st.sampled_from([1, 60, 300, 600]),
)
def test_of_polls_that_brought_nothing_one_in_each_window_stays(
    opened: store.Store, forget: Callable[[store.Store], None], receipts: list[Receipt], before: int, every: int
) -> None:
    forget(opened)
    for one in receipts:
        store.record_receipt(opened, one)
    was, until = kept(opened), T0 + timedelta(seconds=before)
    gone = store.thin_receipts(opened, until, every)
    now = kept(opened)
    assert len(now) == len(was) - gone
    windows: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for row in was:
        if row[3] in QUIET and row[2] < until:
            windows[row[0], row[1], row[3], int(row[2].timestamp()) // every] = 1
    left = [row for row in now if row[3] in QUIET and row[2] < until]
    assert [row for row in now if row not in left] == [row for row in was if row[3] not in QUIET or row[2] >= until]
    counted: dict[tuple[str, str, str, int], int] = defaultdict(int)
    for row in left:
        assert row in was
        counted[row[0], row[1], row[3], int(row[2].timestamp()) // every] += 1
    assert counted == windows
    assert store.thin_receipts(opened, until, every) == 0
    assert kept(opened) == now


def test_a_night_of_polls_is_thinned_to_one_in_ten_minutes(opened: store.Store) -> None:
    """A feed asked once a minute for an hour."""
    for n in range(60):
        store.record_receipt(opened, receipt(60 * n, "not_modified"))
    assert store.thin_receipts(opened, T0 + timedelta(hours=1), 600) == 54
    assert [row[2] for row in kept(opened)] == [T0 + timedelta(minutes=10 * n + 9) for n in range(6)]


@pytest.fixture(scope="module")
def known() -> catalogue.Catalogue:
    return catalogue.load(settings_module.PROJECT / "config")


_poll = st.tuples(st.integers(1, 400), st.sampled_from(get_args(Outcome)))


@_SETTINGS
@given(polls=st.lists(_poll, max_size=14), last=_poll, later=st.integers(0, 1200))
def test_freshness_says_the_same_after_thinning_what_is_older(
    opened: store.Store,
    forget: Callable[[store.Store], None],
    known: catalogue.Catalogue,
    polls: Sequence[tuple[int, Outcome]],
    last: tuple[int, Outcome],
    later: int,
) -> None:
    """What a feed is judged by is among what stays."""
    forget(opened)
    feed = known.feed("usgs_earthquake")
    at = 0
    for step, outcome in (*polls, last):
        at += step
        made_at = T0 + timedelta(seconds=at - 5)
        store.record_receipt(opened, receipt(at, outcome, "https://usgs.example", feed.id, made_at=made_at))
    newest = T0 + timedelta(seconds=at)
    house = House(settings_module.load({}), known, opened, lambda: newest + timedelta(seconds=later))

    (was,) = pipeline.feed_states_for(house, "isut", [feed]).values()
    store.thin_receipts(opened, newest, 600)
    (now,) = pipeline.feed_states_for(house, "isut", [feed]).values()
    assert now == was


def test_only_what_did_nothing_and_that_nobody_asked_for_goes(opened: store.Store) -> None:
    outcomes = get_args(WorkOutcome)
    rows = [
        work(verb, f"{verb}/{outcome}/{actor}/{minutes}", minutes, outcome=outcome, actor=actor)
        for verb in get_args(Verb)
        for outcome in outcomes
        for actor in ("", "防災課")
        for minutes in (0, 9, 10, 11)
    ]
    store.record_works(opened, rows)
    before = T0 + timedelta(minutes=10)
    stay = [one for one in rows if one.started_at >= before or one.outcome != "unchanged" or one.actor]
    gone = store.thin_works(opened, before)
    assert gone == len(rows) - len(stay)
    assert {one.subject for one in store.works(opened, since=T0)} == {one.subject for one in stay}
    assert gone == 2 * len(get_args(Verb))
    assert store.thin_works(opened, before) == 0


# ── ways of documents ────────────────────────────────────────────────────────────────────────────────────


class Line:
    """A feed of telegrams: fetched and recorded as the corridor does it, at seconds after T0."""

    def __init__(self, opened: store.Store, feed: str = "feed") -> None:
        self.store, self.feed = opened, feed

    def fetched(self, n: int, at: float, url: str | None = None, taken: float = 0.25) -> RawDocument:
        digest = sha256(f"{self.feed}{n}".encode()).hexdigest()
        url = f"https://jma.example/{n}.xml" if url is None else url
        when = T0 + timedelta(seconds=at)
        raw = RawDocument(digest, self.feed, url, f"{n}.xml", when + timedelta(seconds=taken), 10)
        store.record_document(self.store, raw)
        store.record_receipt(self.store, Receipt(self.feed, url, when, taken, "new", 200, 10, digest))
        return raw

    def polled(self, at: float, outcome: Outcome = "new", url: str = INDEX) -> None:
        digest = sha256(f"{url}{at}".encode()).hexdigest() if outcome == "new" else None
        store.record_receipt(self.store, receipt(at, outcome, url, self.feed, sha256=digest))

    def stored(self, raw: RawDocument, at: float, version: str = "1", **more: object) -> None:
        values: dict[str, object] = {"kind": "shelter", "scope": raw.name, "status": "actual", "issuer": "g"}
        values |= {"complete": True, "issued_at": T0 - timedelta(seconds=30)}
        one = Bulletin(items=table_of([Item("a", {"n": version})]), **(values | more))  # type: ignore[arg-type]
        store.apply(self.store, [one], Provenance(raw, "p", version), T0 + timedelta(seconds=at))


def seconds(at: datetime) -> float:
    return (at - T0).total_seconds()


def told(ways: list[store.Way]) -> list[tuple[str, float, float, float]]:
    return [(one.name, seconds(one.seen_at), seconds(one.fetched_at), seconds(one.stored_at)) for one in ways]


def test_a_telegram_is_seen_with_the_reading_of_its_index(opened: store.Store) -> None:
    line = Line(opened)
    line.polled(0)
    line.polled(60)
    raw = line.fetched(1, 62, taken=0.5)
    line.stored(raw, 65, sent_at=T0 - timedelta(seconds=20))
    line.polled(120, "not_modified")
    (way,) = store.ways(opened, T0)
    assert (way.feed, way.sha256, way.name) == (raw.feed, raw.sha256, raw.name)
    assert told([way]) == [("1.xml", 60, 62.5, 65)]
    assert way.issued_at == T0 - timedelta(seconds=20)
    assert way.position == store.log_position(opened)[0]


@pytest.mark.parametrize("outcome", ["new", "known", "not_modified", "skipped"])
def test_an_index_that_was_just_read_for_another_feed_was_seen_too(opened: store.Store, outcome: Outcome) -> None:
    line = Line(opened)
    line.polled(0)
    line.polled(60, outcome)
    line.stored(line.fetched(1, 62), 65)
    assert told(store.ways(opened, T0)) == [("1.xml", 60, 62.25, 65)]


def test_an_index_that_did_not_answer_was_not_seen(opened: store.Store) -> None:
    line = Line(opened)
    line.polled(0)
    line.polled(60, "error")
    line.stored(line.fetched(1, 62), 65)
    assert told(store.ways(opened, T0)) == [("1.xml", 0, 62.25, 65)]


def test_telegrams_of_one_reading_were_seen_together(opened: store.Store) -> None:
    line = Line(opened)
    line.polled(0)
    first, second = line.fetched(1, 2), line.fetched(2, 4)
    line.stored(first, 6)
    line.stored(second, 7)
    assert told(store.ways(opened, T0)) == [("1.xml", 0, 2.25, 6), ("2.xml", 0, 4.25, 7)]


def test_the_index_of_another_feed_is_not_ours(opened: store.Store) -> None:
    Line(opened, "other").polled(10)
    line = Line(opened)
    line.polled(0)
    line.stored(line.fetched(1, 20), 25)
    assert told(store.ways(opened, T0)) == [("1.xml", 0, 20.25, 25)]


def test_a_document_at_a_fixed_address_was_seen_when_it_was_asked_for(opened: store.Store) -> None:
    line = Line(opened)
    url = "https://example.org/list.csv"
    for at in (0, 300):
        line.polled(at, "not_modified", url)
    raw = line.fetched(1, 600, url)
    line.stored(raw, 605)
    line.polled(900, "known", url)
    assert told(store.ways(opened, T0)) == [("1.xml", 600, 600.25, 605)]


def test_two_versions_of_one_address_are_two_documents(opened: store.Store) -> None:
    line = Line(opened)
    url = "https://example.org/list.csv"
    line.stored(line.fetched(1, 0, url), 5)
    line.stored(line.fetched(2, 300, url), 309, issued_at=T0 + timedelta(seconds=290))
    assert told(store.ways(opened, T0)) == [("1.xml", 0, 0.25, 5), ("2.xml", 300, 300.25, 309)]


def test_a_document_that_comes_again_keeps_its_way(opened: store.Store) -> None:
    line = Line(opened)
    raw = line.fetched(1, 0)
    line.stored(raw, 5)
    was = store.ways(opened, T0)
    assert told(was) == [("1.xml", 0, 0.25, 5)]
    store.record_receipt(opened, receipt(600, "known", raw.url, sha256=raw.sha256))
    store.record_document(opened, raw)
    line.stored(raw, 605)
    assert store.ways(opened, T0) == was


def test_a_document_read_by_a_better_parser_stands_once(opened: store.Store) -> None:
    line = Line(opened)
    raw = line.fetched(1, 0)
    line.stored(raw, 5)
    at = store.log_position(opened)[0]
    line.stored(raw, 900, version="2")
    (way,) = store.ways(opened, T0)
    assert (way.sha256, way.position) == (raw.sha256, at)
    assert (seconds(way.fetched_at), seconds(way.stored_at)) == (0.25, 5)
    assert store.ways(opened, T0 + timedelta(seconds=100)) == []


def test_a_document_of_several_statements_has_one_way_to_its_last(opened: store.Store) -> None:
    line = Line(opened)
    raw = line.fetched(1, 0)
    line.stored(raw, 5, scope="a", issued_at=T0 - timedelta(seconds=9))
    line.stored(raw, 6, scope="b", issued_at=T0 - timedelta(seconds=8))
    (way,) = store.ways(opened, T0)
    assert (seconds(way.issued_at), seconds(way.stored_at)) == (-9, 5)
    assert way.position == store.log_position(opened)[0]


def test_what_was_not_fetched_has_no_way(opened: store.Store) -> None:
    line = Line(opened)
    raw = RawDocument("ab" * 32, line.feed, "file:a.xml", "a.xml", T0, 10)
    store.record_document(opened, raw)
    line.stored(raw, 5)
    assert store.log_position(opened)[0] > 0
    assert store.ways(opened, T0) == []


def test_ways_begin_with_what_was_recorded_since(opened: store.Store) -> None:
    line = Line(opened)
    for n in range(4):
        line.stored(line.fetched(n, 10 * n), 10 * n + 5)
    assert [one.name for one in store.ways(opened, T0 + timedelta(seconds=15))] == ["1.xml", "2.xml", "3.xml"]
    assert store.ways(opened, T0 + timedelta(seconds=36)) == []


def test_of_very_many_the_newest_oldest_first(opened: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(opened)
    monkeypatch.setattr(sys.modules["bousai.store.works"], "_MOST_READ", 5)  # the package has a verb of this name
    for n in range(9):
        line.stored(line.fetched(n, 10 * n), 10 * n + 5)
    found = store.ways(opened, T0)
    assert [one.name for one in found] == [f"{n}.xml" for n in range(4, 9)]
    assert [one.position for one in found] == sorted(one.position for one in found)


def test_more_documents_than_one_question_may_name(opened: store.Store) -> None:
    """A database binds only so many values in one statement."""
    t, number = Line(opened), 1203
    raws = [
        RawDocument(f"{n:064x}", t.feed, f"https://jma.example/{n}.xml", f"{n}.xml", T0, 10) for n in range(number)
    ]
    with opened.engine.begin() as connection:
        rows = [
            {"id": n + 1, "feed": raw.feed, "url": raw.url, "requested_at": 10**15 + n, "seconds": 0.25}
            | {"outcome": "new", "sha256": raw.sha256}
            for n, raw in enumerate(raws)
        ]
        connection.execute(sa.insert(schema.receipt), rows)
        documents = [
            {"id": n + 1, "feed": raw.feed, "sha256": raw.sha256, "url": raw.url, "name": raw.name, "size": 10}
            | {"taint": "actual", "fetched_at": 10**15, "seen_at": 10**15, "outcome": "stored"}
            for n, raw in enumerate(raws)
        ]
        connection.execute(sa.insert(schema.document), documents)
    t.stored(raws[0], 0)
    with opened.engine.begin() as connection:
        first = dict(connection.execute(sa.select(schema.bulletin)).one()._mapping)
        recorded = 10**15 + 10**9
        connection.execute(sa.update(schema.bulletin).values(recorded_at=recorded))
        more = [
            first | {"id": first["id"] + n, "document_id": n + 1, "order_key": f"{n:05}", "recorded_at": recorded + n}
            for n in range(1, number)
        ]
        connection.execute(sa.insert(schema.bulletin), more)
    found = store.ways(opened, datetime.fromtimestamp(10**9, UTC))
    assert [one.name for one in found] == [f"{n}.xml" for n in range(number)]


def test_a_telegram_that_nobody_could_read_is_no_index(opened: store.Store) -> None:
    line = Line(opened)
    line.polled(0)
    line.fetched(1, 2)  # quarantined, or waiting: nothing of it is recorded
    line.stored(line.fetched(2, 5), 9)
    assert told(store.ways(opened, T0)) == [("2.xml", 0, 5.25, 9)]


def test_a_telegram_that_was_recorded_before_the_period_is_no_index(opened: store.Store) -> None:
    line = Line(opened)
    line.polled(0)
    first, second = line.fetched(1, 2), line.fetched(2, 5)
    line.stored(first, 6)
    line.stored(second, 9)
    assert told(store.ways(opened, T0 + timedelta(seconds=8))) == [("2.xml", 0, 5.25, 9)]


def test_another_file_of_the_same_feed_is_no_index(opened: store.Store) -> None:
    line = Line(opened)
    other = "https://example.org/other.csv"
    line.stored(line.fetched(1, -(10**6), other), -(10**6) + 5)  # a fixed address, unchanged for days
    line.polled(0, "not_modified", other)
    line.stored(line.fetched(2, 300, "https://example.org/list.csv"), 309)
    assert told(store.ways(opened, T0)) == [("2.xml", 300, 300.25, 309)]
