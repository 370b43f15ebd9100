"""What the board shows is what the store knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from bousai import catalogue, pipeline, store
from bousai.errors import ArchiveError, UsageError
from bousai.model import Verb, Work
from bousai.settings import Settings
from bousai.vocab import calendar
from tests import installation
from tests.installation import BROKEN, HELD, NOW, QUARANTINED, answered

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("overview")]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installation.made(tmp_path_factory.mktemp("installation"))


class Clock:
    at = NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pipeline.house, "now", lambda: made.at)
    return made


@pytest.fixture
def own(template: Path, tmp_path: Path, clock: Clock) -> Settings:
    return installation.copied(template, tmp_path)


@pytest.fixture
def handle(own: Settings) -> Iterator[store.Store]:
    opened = store.open_store(own.store)
    yield opened
    opened.close()


def feeds(own: Settings) -> dict[str, dict[str, Any]]:
    return {one["feed"]: one for one in pipeline.overview(own)["feeds"]}


def waiting(own: Settings) -> dict[str, dict[str, Any]]:
    return {one["sha256"]: one for one in pipeline.overview(own)["quarantine"]}


# ── feeds and layers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ago", "outcome", "state", "why"),
    [
        (None, None, "dead", "never_read"),
        (timedelta(minutes=1), "not_modified", "held", "refused"),
        (timedelta(hours=2), "not_modified", "late", "not_polled"),
        (timedelta(days=2), "known", "dead", "not_polled"),
    ],
)
def test_a_feed_that_is_off_names_what_is_stale(
    own: Settings, ago: timedelta | None, outcome: Any, state: str, why: str
) -> None:
    if ago is not None:
        answered(own, "list_a", ago, outcome)
    told = pipeline.overview(own)
    one = {each["feed"]: each for each in told["feeds"]}["list_a"]
    known = catalogue.load(own.config)
    assert (one["state"], one["why"], one["waiting"]) == (state, why, 1)
    assert one["stale_layers"] == [layer.id for layer in known.layers_of(known.feed("list_a"))] != []
    last = one["last_fetch_at"]
    assert (None if last is None else datetime.fromisoformat(last)) == (None if ago is None else NOW - ago)
    assert one["reason"]
    by_layer = {layer["layer"]: layer for layer in told["layers"]}
    for layer in one["stale_layers"]:
        assert by_layer[layer]["state"] == "stale"
        assert "list_a" in by_layer[layer]["sources"]


def test_a_feed_that_answers_makes_nothing_stale(own: Settings, clock: Clock) -> None:
    pipeline.retry(HELD, own, accept=True)
    for feed in ("list_a", "jma_quake"):
        answered(own, feed, timedelta(minutes=1))
    pipeline.dismiss(QUARANTINED, own)
    found = feeds(own)
    assert {feed: found[feed]["state"] for feed in ("list_a", "jma_quake", "list_b")} == {
        "list_a": "ok",
        "jma_quake": "quiet",
        "list_b": "paused",
    }
    for feed in ("list_a", "jma_quake", "list_b"):
        assert (found[feed]["stale_layers"], found[feed]["stale_alerts"]) == ([], [])
    assert found["list_b"]["reason"] == "for exercises alone"
    by_layer = {one["layer"]: one for one in pipeline.overview(own)["layers"]}
    assert (by_layer["world_event"]["state"], by_layer["world_event"]["sources"]) == ("fresh", [])


def test_a_dead_feed_of_telegrams_names_the_alerts_that_nobody_will_get(own: Settings) -> None:
    known = catalogue.load(own.config)
    found = feeds(own)
    assert found["jma_tsunami"]["state"] == "dead"
    assert "tsunami" in found["jma_tsunami"]["stale_alerts"]
    for feed, one in found.items():
        kinds = set(known.feed(feed).kinds)
        rules = [rule.id for rule in known.rules.values() if kinds & set(rule.kinds)]
        assert one["stale_alerts"] == (rules if one["state"] in ("late", "dead", "held") else [])
        assert one["dag_id"] == f"feed__{feed}"


def test_every_feed_and_every_layer_is_there(own: Settings) -> None:
    known, told = catalogue.load(own.config), pipeline.overview(own)
    assert [one["feed"] for one in told["feeds"]] == list(known.feeds)
    assert [one["layer"] for one in told["layers"]] == list(known.layers)
    for one in told["layers"]:
        off = [feed.id for feed in known.feeds_of(known.layer(one["layer"])) if feed.id != "list_b"]
        assert one["sources"] == off, one["layer"]  # nothing was ever asked here
        assert one["state"] == ("stale" if off else "fresh")


def test_a_layer_has_the_version_that_was_published(own: Settings, handle: store.Store) -> None:
    before = {one["layer"]: one for one in pipeline.overview(own)["layers"]}
    assert {one["version"] for one in before.values()} == {one["published_at"] for one in before.values()} == {None}
    store.mark_published(handle, "public", "world_event", 3, "v7", NOW - timedelta(minutes=1))
    store.mark_published(handle, "exercise", "earthquake", 3, "v8", NOW)
    after = {one["layer"]: one for one in pipeline.overview(own)["layers"]}
    assert after["world_event"]["version"] == "v7"
    assert datetime.fromisoformat(after["world_event"]["published_at"]) == NOW - timedelta(minutes=1)
    assert after["earthquake"] == before["earthquake"]


# ── what waits for a person ──────────────────────────────────────────────────────────────────────────────


def test_what_was_refused_waits_with_cause_and_remedy(own: Settings) -> None:
    known, found = catalogue.load(own.config), waiting(own)
    assert set(found) == {HELD, QUARANTINED}
    for one in found.values():
        assert one["cause"]
        assert one["remedy"]
        assert one["stale"] == [layer.id for layer in known.layers_of(known.feed(one["feed"]))]
    assert found[HELD]["outcome"] == "held"
    assert (found[QUARANTINED]["feed"], found[QUARANTINED]["size"]) == ("jma_quake", len(BROKEN))
    assert datetime.fromisoformat(found[QUARANTINED]["fetched_at"]) == NOW - timedelta(minutes=3)
    told = {one["sha256"]: one for one in pipeline.overview(own)["issues"]}
    assert {HELD, QUARANTINED} <= set(told)
    assert (told[HELD]["severity"], told[HELD]["cause"]) == ("error", found[HELD]["cause"])


def test_what_a_person_accepts_waits_no_longer(own: Settings) -> None:
    before = pipeline.overview(own)["issue_count"]
    pipeline.retry(HELD, own, by="toban")
    assert set(waiting(own)) == {HELD, QUARANTINED}, "the same bytes are refused for the same reason"
    (done,) = pipeline.retry(HELD, own, accept=True, by="toban")
    assert done.outcome == "stored"
    assert set(waiting(own)) == {QUARANTINED}
    told = pipeline.overview(own)
    assert told["issue_count"] == before - 1
    assert HELD not in {one["sha256"] for one in told["issues"]}


def test_what_a_person_dismisses_waits_no_longer(own: Settings) -> None:
    assert pipeline.dismiss(QUARANTINED, own, by="toban", reason="訓練") == 1
    assert set(waiting(own)) == {HELD}
    assert QUARANTINED not in {one["sha256"] for one in pipeline.overview(own)["issues"]}
    assert pipeline.raw_document(QUARANTINED, own)[1] == BROKEN
    (row,) = [one for one in pipeline.ledger("jma_quake", own) if one["verb"] == "dismiss"]
    assert (row["actor"], row["reference"], row["detail"]["reason"]) == ("toban", QUARANTINED, "訓練")


def test_a_message_waits_with_the_bytes_that_are_to_be_approved(own: Settings) -> None:
    (one,) = pipeline.overview(own)["alerts"]
    shown = pipeline.show_alert(one["identifier"], own)
    assert one["sha256"] == sha256(shown["cap"].encode()).hexdigest()
    assert (one["state"], one["status"], one["approvals"]) == ("awaiting", "exercise", 0)
    assert one["approvals_needed"] == shown["approvals_needed"] > 0
    assert datetime.fromisoformat(one["lapses_at"]) == shown["lapses_at"] > NOW
    assert one["decided_by"] == []


def test_an_approval_counts_for_the_bytes_that_were_read_alone(own: Settings, handle: store.Store) -> None:
    (one,) = pipeline.overview(own)["alerts"]
    message = store.alert_named(handle, one["identifier"])
    assert message is not None
    for n, (person, digest) in enumerate([("a", message.sha256), ("b", "0" * 64)]):
        decision = store.Decision("approve", person, digest, "", NOW)
        assert store.record_decision(handle, message, decision, state="awaiting", subscriptions=[], seen=n)
    (now,) = pipeline.overview(own)["alerts"]
    assert (now["approvals"], now["decided_by"]) == (1, ["a", "b"])
    assert pipeline.decide_alert(one["identifier"], "approve", "c", one["sha256"], "", own)["state"] == "released"
    assert pipeline.overview(own)["alerts"] == []


def test_issues_are_told_newest_first_and_counted_whole(own: Settings) -> None:
    every = pipeline.overview(own)
    assert every["issue_count"] == len(every["issues"]) > 2
    raised = [datetime.fromisoformat(one["raised_at"]) for one in every["issues"]]
    assert raised == sorted(raised, reverse=True)
    by_feed = {one["feed"]: one["issues"] for one in every["feeds"]}
    for feed, number in by_feed.items():
        assert number == sum(one["feed"] == feed for one in every["issues"])


# ── what was done, what comes ────────────────────────────────────────────────────────────────────────────


def test_the_calendar_has_dates_and_what_to_do(own: Settings, clock: Clock) -> None:
    today = calendar.day(NOW)
    told = pipeline.overview(own)["calendar"]
    assert {one["subject"] for one in told} >= {one.subject for one in calendar.coming(today)} != set()
    for one in told:
        assert one["title_ja"]
        assert one["title_en"]
        assert one["remedy_ja"]
        assert one["source"].startswith("https://")
        assert one["when_ja"]
        assert one["when_en"]
        said = (one["event"], one["date"] or "", one["when_ja"], one["title_ja"])
        of = calendar.of(one["subject"])
        (entry,) = [e for e in of if (e.event, e.date_text, e.when_ja, e.title_ja) == said]
        exact = entry.precision in ("day", "month", "year")
        assert one["days"] == ((entry.first - today).days if exact and entry.first else None)
    assert [one for one in told if one["days"] is not None]
    clock.at = NOW + timedelta(days=1)
    later = {(one["subject"], one["event"]): one["days"] for one in pipeline.overview(own)["calendar"]}
    for one in told:
        if one["days"] is not None and (one["subject"], one["event"]) in later:
            assert later[one["subject"], one["event"]] == one["days"] - 1


def test_the_last_work_of_each_verb_and_the_failures_of_a_day(own: Settings, handle: store.Store) -> None:
    pipeline.note_failure("feed__list_a", "fetch", "run 1", ValueError("no"), own)
    detail = {"cause": "long ago"}
    store.record_works(handle, [Work("run", "old", NOW - timedelta(days=2), 0.0, "failed", "r", detail=detail)])
    told = pipeline.overview(own)
    (failure,) = told["failures"]
    assert (failure["dag_id"], failure["run_id"], failure["outcome"]) == ("feed__list_a", "run 1", "failed")
    assert failure["cause"] == "ValueError: no"
    assert failure["stale"]
    rows = store.works(handle, since=NOW - timedelta(days=9))
    assert set(told["work"]) == {row.verb for row in rows} <= set(get_args(Verb))
    for verb, last in told["work"].items():
        newest = next(row for row in rows if row.verb == verb)
        assert (last["last_at"], last["outcome"]) == (newest.started_at.isoformat(), newest.outcome)


def test_the_ledger_of_a_feed_and_of_a_layer_in_every_tree(own: Settings, handle: store.Store) -> None:
    found = pipeline.ledger("list_a", own)
    assert [one["detail"]["outcome"] for one in found] == ["held", "stored"]
    assert {one["subject"] for one in found} == {"list_a"}
    rows = [
        Work("publish", f"{tree}/world_event", NOW - timedelta(minutes=n), 0.5, "done", position=n)
        for n, tree in enumerate(("public", "exercise", "responders"))
    ]
    old = Work("publish", "public/world_event", NOW - timedelta(days=1, seconds=1), 0.5, "done")
    store.record_works(handle, [*rows[::-1], old])
    told = pipeline.ledger("world_event", own)
    assert [one["subject"] for one in told] == [row.subject for row in rows]
    assert orjson.loads(orjson.dumps(told)) == told
    assert pipeline.ledger("nothing", own) == []


def test_all_of_it_can_be_written_as_json(own: Settings) -> None:
    pipeline.note_late("outputs", "run 2", own)
    told = pipeline.overview(own)
    assert orjson.loads(orjson.dumps(told)) == told
    assert datetime.fromisoformat(told["now"]) == NOW
    assert told["map_url"] is None or told["public_url"].startswith(told["map_url"])


def test_an_installation_in_which_nothing_ever_happened(tmp_path: Path, clock: Clock) -> None:
    installation.config(tmp_path)
    own = installation.settings_of(tmp_path)
    pipeline.prepare(own)
    told = pipeline.overview(own)
    assert {one["state"] for one in told["feeds"]} == {"dead", "paused"}
    for nothing in ("issues", "quarantine", "alerts", "undelivered", "failures"):
        assert told[nothing] == []
    assert (told["stages"], told["work"], told["issue_count"]) == ({}, {}, 0)
    assert orjson.loads(orjson.dumps(told)) == told


# ── the bytes ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_bytes_are_given_as_they_came(own: Settings) -> None:
    name, body = pipeline.raw_document(QUARANTINED, own)
    assert body == BROKEN
    assert name == '訓練\r\n"x".xml'


@pytest.mark.parametrize("asked", ["0" * 64, "", QUARANTINED[:20], QUARANTINED.upper(), "../" + QUARANTINED, "%"])
def test_what_is_no_document_is_said_to_be_none(own: Settings, asked: str) -> None:
    with pytest.raises(UsageError) as told:
        pipeline.raw_document(asked, own)
    assert told.value.remedy


def test_a_damaged_document_is_not_given(own: Settings) -> None:
    path = Path(own.archive) / HELD[:2] / HELD
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArchiveError, match="damaged"):
        pipeline.raw_document(HELD, own)
