"""What is written of runs that failed, and what is done once a night."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai import archive, catalogue, pipeline, store
from bousai.catalogue import Catalogue
from bousai.errors import CatalogueError, FetchError, UsageError
from bousai.model import RawDocument, Receipt, Work
from bousai.pipeline import running, upkeep
from bousai.settings import Settings
from bousai.vocab import calendar
from bousai.vocab.japanese_time import JST
from tests import installation

pytestmark = pytest.mark.store
T0 = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)


class Clock:
    at = T0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pipeline.house, "now", lambda: made.at)
    return made


@pytest.fixture
def own(tmp_path: Path, clock: Clock) -> Settings:
    installation.config(tmp_path)
    made = installation.settings_of(tmp_path)
    pipeline.prepare(made)
    return made


@pytest.fixture
def handle(own: Settings) -> Iterator[store.Store]:
    opened = store.open_store(own.store)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def known() -> Catalogue:
    return catalogue.load(installation.PROJECT / "config")


def last(handle: store.Store) -> Work:
    return store.works(handle, since=datetime.min.replace(tzinfo=UTC))[0]


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FetchError("example.org does not answer", code="x", remedy="look at the source"), None),
        (FetchError("example.org does not answer", code="x"), None),
        (ValueError("three\nlines\nof it"), "ValueError: three lines of it"),
        (KeyboardInterrupt(), "KeyboardInterrupt: KeyboardInterrupt"),
        ("the heartbeat stopped", "the heartbeat stopped"),
        (None, None),
    ],
)
def test_a_failure_is_a_row_with_cause_remedy_and_what_is_stale(
    own: Settings, handle: store.Store, error: Any, cause: str | None
) -> None:
    pipeline.note_failure("feed__jma_quake", "fetch", "scheduled__1", error, own)
    row = last(handle)
    assert (row.verb, row.subject, row.reference, row.outcome, row.started_at) == (
        ("run", "feed__jma_quake", "scheduled__1", "failed", T0)
    )
    known = catalogue.load(own.config)
    assert row.detail["stale"] == [one.id for one in known.layers_of(known.feed("jma_quake"))] != []
    assert row.detail["task_id"] == "fetch"
    if cause is not None:
        assert row.detail["cause"] == cause
    if isinstance(error, FetchError):
        assert row.detail["cause"] == error.cause
        assert error.remedy in row.detail["remedy"]
    assert row.detail["cause"]
    assert row.detail["remedy"]


def test_who_was_killed_is_told_apart_from_who_raised(own: Settings, handle: store.Store) -> None:
    pipeline.note_failure("outputs", "publish", "r", None, own)
    killed = last(handle).detail["remedy"]
    pipeline.note_failure("outputs", "publish", "r", "the heartbeat stopped", own)
    assert last(handle).detail["remedy"] == killed
    pipeline.note_failure("outputs", "publish", "r", ValueError("no"), own)
    assert last(handle).detail["remedy"] != killed


def test_a_late_run_is_a_row_of_its_own(own: Settings, handle: store.Store, caplog: pytest.LogCaptureFixture) -> None:
    pipeline.note_late("outputs", "r1", own)
    row = last(handle)
    assert (row.subject, row.reference, row.outcome) == ("outputs", "r1", "late")
    assert row.detail["cause"]
    assert row.detail["remedy"]
    assert row.detail["stale"] == list(catalogue.load(own.config).layers)
    (line,) = [one for one in caplog.records if one.name == "bousai.work"]
    assert line.levelno >= logging.ERROR
    told = vars(line)["work"]
    assert orjson.loads(orjson.dumps(told)) == told
    assert told["detail"] == row.detail


def test_what_a_dag_makes_stale(known: Catalogue) -> None:
    house: Any = SimpleNamespace(catalogue=known)
    for feed in known.feeds.values():
        assert running.stale_by(house, f"feed__{feed.id}") == [one.id for one in known.layers_of(feed)]
    assert running.stale_by(house, "outputs") == list(known.layers)
    for nothing in ("feed__", "feed__no_such_feed", "no_such_dag", "", "upkeep", "jma_quake"):
        assert running.stale_by(house, nothing) == []
    exposed = running.stale_by(house, "exposure")
    assert "hazard_exposure" in exposed
    for layer in known.layers.values():
        assert (layer.id in exposed) == (layer.kind == "hazard_exposure" or "hazard_exposure" in layer.inputs)


def test_exposure_makes_stale_what_is_exposure_and_what_is_made_of_it() -> None:
    layers = [("a", "hazard_exposure", ()), ("b", "shelter", ("tsunami", "hazard_exposure")), ("c", "shelter", ())]
    made = {name: SimpleNamespace(id=name, kind=kind, inputs=inputs) for name, kind, inputs in layers}
    house: Any = SimpleNamespace(catalogue=SimpleNamespace(layers=made, feeds={}))
    assert running.stale_by(house, "exposure") == ["a", "b"]


def test_a_feed_that_is_gone_can_fail_all_the_same(own: Settings, handle: store.Store) -> None:
    pipeline.note_failure("feed__of_last_year", "fetch", "r", None, own)
    assert last(handle).detail["stale"] == []


# ── the archive ──────────────────────────────────────────────────────────────────────────────────────────


def kept(own: Settings, handle: store.Store, bodies: list[bytes], feed: str = "list_a") -> list[str]:
    found = []
    for n, body in enumerate(bodies):
        digest = archive.put(own.archive, body)
        store.record_document(handle, RawDocument(digest, feed, f"file:{n}", f"{n}", T0, len(body)))
        found.append(digest)
    return found


def faults(handle: store.Store) -> dict[str, dict[str, Any]]:
    return {one["position"]: one for one in store.open_issues(handle) if one["code"] == "archive_fault"}


def test_in_so_many_nights_every_document_is_verified_once(own: Settings, handle: store.Store, clock: Clock) -> None:
    digests = kept(own, handle, [f"document {n}".encode() for n in range(70)])
    kept(own, handle, [b"document 0"], feed="list_b")  # the same bytes in two feeds are there once
    counted = {"documents": 0, "bytes": 0, "faults": 0}
    for _ in range(upkeep.PARTS):
        done = pipeline.verify_archive(own)
        assert done["documents"] < len(digests)
        row = last(handle)
        assert (row.verb, row.subject, row.outcome) == ("upkeep", "verify", "done")
        assert {name: row.detail[name] for name in done} == done
        counted = {name: number + done[name] for name, number in counted.items()}
        clock.at += timedelta(days=1)
    assert counted == {
        "documents": len(digests),
        "bytes": sum(len(f"document {n}".encode()) for n in range(70)),
        "faults": 0,
    }
    assert faults(handle) == {}


def test_a_changed_byte_and_a_missing_file_are_found(own: Settings, handle: store.Store) -> None:
    digests = kept(own, handle, [f"document {n}".encode() for n in range(9)])
    changed, gone = Path(archive.path_of(own.archive, digests[0])), Path(archive.path_of(own.archive, digests[1]))
    changed.chmod(0o644)
    changed.write_bytes(b"dOcument 0")
    gone.unlink()
    done = [pipeline.verify_archive(own, part=part) for part in range(upkeep.PARTS)]
    assert sum(one["documents"] for one in done) == len(digests)
    assert sum(one["faults"] for one in done) == 2
    found = faults(handle)
    assert set(found) == set(digests[:2])
    for one in found.values():
        assert (one["code"], one["severity"]) == ("archive_fault", "error")
        assert one["remedy"]
    assert "damaged" in found[digests[0]]["cause"]
    assert "does not hold" in found[digests[1]]["cause"]
    assert changed.read_bytes() == b"dOcument 0", "nothing is overwritten"
    for part in range(upkeep.PARTS):
        pipeline.verify_archive(own, part=part)
    assert {one["id"] for one in faults(handle).values()} == {one["id"] for one in found.values()}


# ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────


def test_tidying_keeps_a_month_whole_and_of_before_what_did_something(own: Settings, handle: store.Store) -> None:
    old, new = T0 - timedelta(days=31, seconds=1), T0 - timedelta(days=31)
    rows = [
        Work("publish", "idle", old, 0.5, "unchanged"),
        Work("publish", "busy", old, 0.5, "done"),
        Work("retry", "person", old, 0.5, "unchanged", actor="toban"),
        Work("deliver", "failed", old, 0.5, "failed"),
        Work("publish", "young", new, 0.5, "unchanged"),
    ]
    store.record_works(handle, rows)
    store.record_receipt(handle, Receipt("list_a", "u", old, 0.25, "error", error="no"))
    done = pipeline.tidy(own)
    assert done["works"] == 1
    assert {row.subject for row in store.works(handle, since=old)} == {"busy", "person", "failed", "young", "tidy"}
    row = last(handle)
    assert (row.verb, row.subject, row.detail) == ("upkeep", "tidy", done)
    assert store.failed_receipts(handle, "list_a", old)
    assert pipeline.tidy(own)["works"] == 0
    assert pipeline.tidy(own, keep_days=30)["works"] == 1


# ── the calendar ─────────────────────────────────────────────────────────────────────────────────────────


def noted(handle: store.Store) -> set[tuple[str, str, str]]:
    return {(one["code"], one["position"], one["cause"]) for one in store.open_issues(handle, "calendar")}


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), JST)


def a_dated_entry() -> calendar.Entry:
    """One with a day of its own, that this installation is warned of."""
    return next(one for one in calendar.entries() if one.precision == "day" and one.last is not None)


def test_an_issue_is_raised_when_a_date_comes_and_closed_when_it_has_passed(
    own: Settings, handle: store.Store, clock: Clock
) -> None:
    one = a_dated_entry()
    assert one.first is not None
    told = ("date_comes", one.subject, f"{one.when_en}: {one.title_en}")
    warned = one.first - timedelta(days=one.warn_days)
    seen: dict[date, list[bool]] = {}
    for day in (
        warned - timedelta(days=1),
        warned,
        one.first,
        one.first + timedelta(days=1),
        warned,  # a clock that was set back
    ):
        clock.at = noon(day)
        number = pipeline.note_calendar(own)
        assert number == len(store.open_issues(handle, "calendar"))
        seen.setdefault(day, []).append(told in noted(handle))
    assert list(seen.values()) == [[False], [True, True], [True], [False]]


def test_what_is_used_after_its_end_is_told_until_it_is_not(own: Settings, handle: store.Store, clock: Clock) -> None:
    path = own.config / "feeds" / "jma_quake.yml"
    text = path.read_text(encoding="utf-8")
    used = {code for feed in catalogue.load(own.config).feeds.values() for code in getattr(feed.source, "types", ())}
    over = next(
        one
        for one in calendar.entries()
        if (one.event, one.kind, one.precision) == ("ends", "telegram", "day") and one.subject not in used
    )
    assert over.last is not None
    path.write_text(text.replace("types: [", f"types: [{over.subject}, "), encoding="utf-8")
    told = ("used_after_its_end", over.subject, f"{over.when_en}: {over.title_en}")
    clock.at = noon(over.last)
    pipeline.note_calendar(own)
    assert told not in noted(handle)
    clock.at = noon(over.last + timedelta(days=1))
    pipeline.note_calendar(own)
    assert told in noted(handle)
    (issue,) = [one for one in store.open_issues(handle, "calendar") if one["cause"] == told[2]]
    assert (issue["severity"], issue["remedy"]) == ("warning", over.remedy_en)
    path.write_text(text, encoding="utf-8")
    pipeline.note_calendar(own)
    assert told not in noted(handle)


def test_every_day_is_the_calendars_and_nothing_else(own: Settings, handle: store.Store, clock: Clock) -> None:
    """On days around every entry of some years."""
    used = [code for feed in catalogue.load(own.config).feeds.values() for code in getattr(feed.source, "types", ())]
    days = sorted({one.first for one in calendar.entries() if one.first is not None})[-6:]
    for day in days:
        clock.at = noon(day)
        pipeline.note_calendar(own)
        wanted = {("date_comes", one.subject) for one in calendar.coming(day)}
        wanted |= {("used_after_its_end", one.subject) for one in calendar.overdue(day, used)}
        assert {one[:2] for one in noted(handle)} == wanted
        assert last(handle).subject == "calendar"


# ── a past period again ──────────────────────────────────────────────────────────────────────────────────


def test_documents_of_a_period_by_the_days_of_japan(own: Settings, handle: store.Store) -> None:
    midnight = datetime(2026, 11, 5, tzinfo=JST)
    came = [midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=3), midnight + timedelta(days=2)]
    names = [f"{n:064x}" for n in range(len(came))]
    for at, digest in reversed(list(zip(came, names, strict=True))):
        store.record_document(handle, RawDocument(digest, "list_a", f"file:{digest}", digest, at, 1))
    store.record_document(handle, RawDocument("f" * 64, "list_b", "file:x", "x", midnight, 1))
    whole = pipeline.days_to_replay("list_a", came[0], came[-1] + timedelta(seconds=1), own)
    assert whole == [("2026-11-04", names[:1]), ("2026-11-05", names[1:3]), ("2026-11-07", names[3:])]
    assert pipeline.days_to_replay("list_a", came[1], came[-1], own) == [("2026-11-05", names[1:3])]
    again = RawDocument(names[0], "list_a", f"file:{names[0]}", names[0], came[-1], 1)
    store.record_document(handle, again)
    assert pipeline.days_to_replay("list_a", came[0], came[1], own) == [("2026-11-04", names[:1])]


def test_what_a_person_dismissed_is_not_replayed(own: Settings, handle: store.Store) -> None:
    raw = RawDocument("a" * 64, "list_a", "file:x", "x", T0, 1)
    store.set_outcome(handle, raw, "held", T0, cause="no", remedy="look")
    period = (T0, T0 + timedelta(seconds=1))
    assert pipeline.days_to_replay("list_a", *period, own) == [("2026-11-05", ["a" * 64])]
    pipeline.dismiss("a" * 64, own)
    assert pipeline.days_to_replay("list_a", *period, own) == []


@given(by=st.integers(-(10**6), 0))
def test_a_period_that_ends_before_it_begins_is_refused(by: int) -> None:
    with pytest.raises(UsageError) as told:
        pipeline.days_to_replay("list_a", T0, T0 + timedelta(seconds=by))
    assert told.value.remedy


def test_a_feed_that_does_not_exist_has_no_documents(own: Settings) -> None:
    with pytest.raises(CatalogueError, match="no_such_feed"):
        pipeline.days_to_replay("no_such_feed", T0, T0 + timedelta(days=1), own)


def test_a_restored_file_is_no_fault_any_more(own: Settings, handle: store.Store) -> None:
    (digest,) = kept(own, handle, [b"document"])
    path = Path(archive.path_of(own.archive, digest))
    body = path.read_bytes()
    path.unlink()
    part = int(digest[:2], 16) % upkeep.PARTS
    assert pipeline.verify_archive(own, part=part)["faults"] == 1
    path.write_bytes(body)
    assert pipeline.verify_archive(own, part=part)["faults"] == 0
    assert [one for one in pipeline.overview(own)["issues"] if one["code"] == "archive_fault"] == []
