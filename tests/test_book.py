"""The book: what was done is written down, above all when it went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai import pipeline, settings, store
from bousai.errors import BousaiError, DeliveryError, ParseError, StoreError, UsageError
from bousai.model import Verb, Work, WorkOutcome
from bousai.pipeline import House
from bousai.pipeline import book as books

pytestmark = pytest.mark.store
T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(pipeline.house, "now", lambda: T0)
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    with pipeline.opened(own) as found:
        yield found


def rows(house: House) -> list[Work]:
    """What is in the store, oldest first."""
    return store.works(house.store, since=T0 - timedelta(days=1))[::-1]


def cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("the disk is full", remedy="free space")

    monkeypatch.setattr(store, "record_works", refuse)


def test_a_row_says_what_was_done_by_whom_and_how_long(house: House) -> None:
    with books.book(house, "防災課") as notes, notes.entry("publish", "public/shelter_now", "first") as entry:
        entry.outcome, entry.reference, entry.position = "unchanged", "v1", 42
        entry.detail |= {"features": 3}
    (row,) = rows(house)
    assert 0 <= row.seconds < 60
    assert replace(row, seconds=0.0) == Work(
        "publish", "public/shelter_now", T0, 0.0, "unchanged", "v1", 42, {"features": 3}, "防災課"
    )


def test_what_is_not_said_otherwise_is_done_by_the_schedule(house: House) -> None:
    with books.book(house) as notes, notes.entry("tile", "x", "ref"):
        pass
    (row,) = rows(house)
    assert (row.outcome, row.reference, row.position, row.detail, row.actor) == ("done", "ref", None, {}, "")


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (ParseError("no title", code="x", remedy="ask the publisher"), "no title", "ask the publisher"),
        (DeliveryError("refused", code="x", transient=False), "refused", ""),
        (ValueError("a\n  strange\tvalue"), "a strange value", ""),
        (KeyError(), "KeyError", ""),
    ],
)
def test_an_error_is_a_row_with_cause_and_remedy_and_goes_on(
    house: House, error: Exception, cause: str, remedy: str
) -> None:
    def ingest() -> None:
        with books.book(house) as notes, notes.entry("ingest", "jma_quake", "ab") as entry:
            entry.detail |= {"document": "a.xml"}
            raise error

    with pytest.raises(type(error)) as told:
        ingest()
    assert told.value is error
    (row,) = rows(house)
    assert (row.outcome, row.reference) == ("failed", "ab")
    assert row.detail == {"document": "a.xml", "cause": cause, "remedy": remedy}


@given(text=st.text())
def test_a_cause_is_one_short_line(text: str) -> None:
    for error in (ValueError(text), BousaiError(text)):
        cause = books.cause_of(error)
        assert 0 < len(cause) <= 400
        assert len(cause.splitlines()) == 1


def test_what_was_done_before_an_error_is_written_too(house: House) -> None:
    def ingest() -> None:
        with books.book(house) as notes:
            with notes.entry("ingest", "first"):
                pass
            with notes.entry("ingest", "second"):
                raise UsageError("no")

    with pytest.raises(UsageError):
        ingest()
    assert [(row.subject, row.outcome) for row in rows(house)] == [("first", "done"), ("second", "failed")]


def test_an_error_beside_the_entries_loses_none(house: House) -> None:
    def ingest() -> None:
        with books.book(house) as notes:
            with notes.entry("ingest", "first"):
                pass
            raise UsageError("no")

    with pytest.raises(UsageError):
        ingest()
    assert [(row.subject, row.outcome) for row in rows(house)] == [("first", "done")]


def test_an_error_that_is_caught_fails_its_own_row_alone(house: House) -> None:
    with books.book(house) as notes, notes.entry("publish", "public"):
        with pytest.raises(ValueError, match="no"), notes.entry("publish", "public/a"):
            raise ValueError("no")
        with notes.entry("publish", "public/b"):
            pass
    assert {row.subject: row.outcome for row in rows(house)} == {
        "public/a": "failed",
        "public/b": "done",
        "public": "done",
    }


def test_a_store_that_cannot_be_written_hides_no_other_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_write(monkeypatch)
    with pytest.raises(ParseError, match="no title"), books.book(house) as notes, notes.entry("ingest", "feed"):
        raise ParseError("no title", code="x")


def test_a_store_that_cannot_be_written_is_told_where_nothing_else_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    cannot_write(monkeypatch)
    with pytest.raises(StoreError, match="full"), books.book(house) as notes, notes.entry("ingest", "feed"):
        pass


def test_rows_wait_for_each_other_and_none_is_written_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, written = [0.0], []
    kept = store.record_works

    def record(where: store.Store, some: list[Work]) -> None:
        written.append([row.subject for row in some])
        kept(where, some)

    monkeypatch.setattr(store, "record_works", record)
    monkeypatch.setattr(books, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with books.book(house) as notes:
        for n in range(7):
            with notes.entry("ingest", str(n)):
                clock[0] += 0.9
        assert [row.subject for row in rows(house)] == [str(n) for one in written for n in map(int, one)]
        # none waits much longer than some seconds, and not each has a transaction of its own
        assert 1 < len(written[0]) < 7
    assert [subject for some in written for subject in some] == [str(n) for n in range(7)]
    assert [row.subject for row in rows(house)] == [str(n) for n in range(7)]
    assert [row.seconds for row in rows(house)] == [0.9] * 7


def test_several_threads_write_one_book(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "_TOGETHER_SECONDS", 0.0)

    def deliver(n: int) -> None:
        with notes.entry("deliver", f"subscription {n % 4}", str(n)) as entry:
            entry.detail["n"] = n

    with books.book(house) as notes, ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(60)))
    found = rows(house)
    assert sorted(int(row.reference) for row in found) == list(range(60))
    assert all(row.detail == {"n": int(row.reference)} for row in found)


@pytest.mark.parametrize("outcome", get_args(WorkOutcome))
def test_a_line_of_the_log_carries_the_row(
    house: House, caplog: pytest.LogCaptureFixture, outcome: WorkOutcome
) -> None:
    caplog.set_level(logging.INFO, "bousai.work")
    with books.book(house, "toban") as notes, notes.entry("retry", "jma_quake", "ab") as entry:
        entry.outcome = outcome
        entry.detail |= {"document": "a.xml"}
    (line,) = [one for one in caplog.records if one.name == "bousai.work"]
    (row,) = rows(house)
    told: dict[str, Any] = vars(line)["work"]
    assert told == books.told(row)
    assert told["started_at"] == T0.isoformat()
    assert orjson.loads(orjson.dumps(told)) == told
    assert (line.levelno >= logging.WARNING) == (outcome in ("failed", "refused", "late"))
    assert line.getMessage().startswith(f"retry jma_quake {outcome} in ")


def test_every_verb_of_the_corridor_can_be_written(house: House) -> None:
    with books.book(house) as notes:
        for verb in get_args(Verb):
            with notes.entry(verb, "x"):
                pass
    assert [row.verb for row in rows(house)] == list(get_args(Verb))


def test_the_rows_of_a_verb_are_there_when_it_fails(house: House) -> None:
    """A real verb: of two files the second is no file."""
    files: list[tuple[str, bytes | Path]] = [
        ("a.xml", b"no telegram"),
        ("b.xml", house.settings.data / "nothing.xml"),
    ]
    with pytest.raises(FileNotFoundError):
        list(pipeline.ingest_files("jma_quake", files, house.settings))
    (row,) = rows(house)
    assert (row.verb, row.subject, row.outcome, row.detail["document"]) == ("ingest", "jma_quake", "refused", "a.xml")
    assert row.detail["cause"]
    assert row.detail["remedy"]


class Timeout(BaseException):
    """As Airflow ends a task that takes too long (AirflowTaskTimeout)."""


def test_what_was_ended_from_outside_is_not_done(house: House) -> None:
    def ingest() -> None:
        with books.book(house) as notes:
            with notes.entry("ingest", "first"):
                pass
            with notes.entry("ingest", "second"):
                raise Timeout("too long")

    with pytest.raises(Timeout):
        ingest()
    assert [(row.subject, row.outcome) for row in rows(house)] == [("first", "done"), ("second", "failed")]


def test_what_was_done_is_written_though_nobody_wants_the_rest(house: House) -> None:
    files: list[tuple[str, bytes | Path]] = [("a.xml", b"no telegram"), ("b.xml", b"none either")]
    done = pipeline.ingest_files("jma_quake", files, house.settings)
    next(done)
    done.close()  # type: ignore[attr-defined]
    assert [row.detail["document"] for row in rows(house)] == ["a.xml"]


def test_a_store_that_cannot_be_written_meanwhile_hides_no_other_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "record_works", refuse)
    monkeypatch.setattr(books, "_TOGETHER_SECONDS", -1.0)
    with pytest.raises(ParseError, match="no title"), books.book(house) as notes, notes.entry("ingest", "feed"):
        raise ParseError("no title", code="x")


def test_rows_that_could_not_be_written_are_written_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, calls = store.record_works, []

    def once(where: store.Store, some: Any) -> None:
        calls.append(some)
        if len(calls) == 1:
            raise StoreError("it is locked")
        kept(where, some)

    monkeypatch.setattr(store, "record_works", once)
    monkeypatch.setattr(books, "_TOGETHER_SECONDS", -1.0)

    def deliver() -> None:
        with books.book(house) as notes:
            with notes.entry("deliver", "first"):
                pass
            monkeypatch.setattr(books, "_TOGETHER_SECONDS", 60.0)

    with suppress(StoreError):
        deliver()
    assert [row.subject for row in rows(house)] == ["first"]
