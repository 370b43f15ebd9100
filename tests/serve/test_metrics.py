"""/metrics: requests by route, feeds and layers by age; and the access log."""

from __future__ import annotations

import logging
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bousai import pipeline, store
from bousai import settings as settings_module
from bousai.serve import create
from bousai.settings import Settings
from tests import measured
from tests.measured import FEED, samples
from tests.serve.asking import ask, raw


def test_requests_are_counted_by_template_and_never_by_what_a_client_makes_up(tree: Settings) -> None:
    app = create(tree)
    ask(app, "/public/index.json")
    ask(app, "/public/index.json")
    ask(app, "/public/index.json", if_none_match="*")
    for n in range(5):
        ask(app, f"/public/{n}.json")
        ask(app, f"/made-up/{n}")
        ask(app, "/public/index.json", f"MADEUP{n}")
    ask(app, "/alerts/feed.atom")
    ask(app, "/exercise/alerts/feed.atom")
    found = samples(ask(app, "/metrics").text)
    counted = {tuple(dict(labels).values()): n for labels, n in found["bousai_http_requests_total"].items()}
    assert counted == {
        ("GET", "/public/{path:path}", "200"): 2,
        ("GET", "/public/{path:path}", "304"): 1,
        ("GET", "/public/{path:path}", "404"): 5,
        ("GET", "none", "404"): 5,
        ("other", "/public/{path:path}", "405"): 5,
        ("GET", "/alerts/{path:path}", "404"): 1,
        ("GET", "/exercise/alerts/{path:path}", "404"): 1,
    }
    index = (tree.public / "index.json").stat().st_size
    assert found["bousai_http_response_bytes_total"][(("route", "/public/{path:path}"),)] >= 2 * index
    assert found["bousai_http_first_byte_seconds_count"][(("route", "none"),)] == 5
    assert found["bousai_http_requests_running"][()] == 1  # this one
    assert samples(ask(app, "/metrics").text)["bousai_http_requests_running"][()] == 1


def test_feeds_and_layers(tree: Settings) -> None:
    found = samples(ask(create(tree), "/metrics").text)
    assert found["bousai_store_up"][()] == 1
    for state, _ in pipeline.feed_states(tree):
        of_feed = {
            dict(labels)["state"]: value
            for labels, value in found["bousai_feed_state"].items()
            if dict(labels)["feed"] == state.feed
        }
        assert set(of_feed) == {"ok", "quiet", "late", "dead", "held", "paused"}
        assert [name for name, value in of_feed.items() if value] == [state.state]
        known = ((("feed", state.feed),) in found["bousai_feed_content_age_seconds"], state.last_content_at)
        assert known[0] == (known[1] is not None)
    index = ask(create(tree), "/public/index.json").json()
    for layer in index["layers"]:
        labels = (("layer", layer["id"]), ("status", "actual"))
        assert found["bousai_layer_features"][labels] == layer["features"]
        assert found["bousai_layer_version_age_seconds"][labels] >= 0
    assert {dict(labels)["status"] for labels in found["bousai_layer_features"]} == {"actual", "exercise"}
    assert set(found["bousai_index_age_seconds"]) == {(("status", "actual"),), (("status", "exercise"),)}


def test_without_a_store_the_rest_is_still_told(tree: Settings, tmp_path: Path) -> None:
    shutil.copytree(tree.public, tmp_path / "public")
    app = create(settings_module.load({"BOUSAI_DATA": str(tmp_path)}))
    found = samples(ask(app, "/metrics").text)
    assert found["bousai_store_up"][()] == 0
    assert "bousai_feed_state" not in found
    assert found["bousai_layer_features"]
    (tmp_path / "bousai.gpkg").write_bytes(b"SQLite format 3\0" + bytes(4000))
    app = create(settings_module.load({"BOUSAI_DATA": str(tmp_path)}))
    assert samples(ask(app, "/metrics").text)["bousai_store_up"][()] == 0
    (tmp_path / "public" / "index.json").write_bytes(b"{")
    app = create(settings_module.load({"BOUSAI_DATA": str(tmp_path)}))
    assert {dict(labels)["status"] for labels in samples(ask(app, "/metrics").text)["bousai_layer_features"]} == {
        "exercise"
    }


def test_the_access_log_is_one_plain_line_without_the_query(tree: Settings, caplog: pytest.LogCaptureFixture) -> None:
    app = create(tree)
    with caplog.at_level(logging.INFO, "bousai.access"):
        ask(app, "/public/index.json?token=secret")
        raw(app, '/nothing"\r\n2026-01-01 127.0.0.1 "GET /forged" 200')
    first, second = (record.getMessage() for record in caplog.records if record.name == "bousai.access")
    assert first.startswith('127.0.0.1 "GET /public/index.json" 200 ')
    assert "secret" not in first
    assert first.endswith(" ms")
    assert second.startswith(
        '127.0.0.1 "GET /nothing%22%0D%0A2026-01-01%20127.0.0.1%20%22GET%20/forged%22%20200" 404'
    )


def test_workers_count_together_and_forget_what_the_dead_were_doing(tmp_path: Path, tree: Settings) -> None:
    """Three processes in a row, as workers that come and go: counts add up, what runs is only what runs now."""
    program = (
        "import sys; from bousai import settings; from bousai.serve import create\n"
        "from tests.serve.asking import ask\n"
        "app = create(settings.load()); app.state.requests.running.inc()\n"
        "ask(app, '/public/index.json'); print(ask(app, '/metrics').text)\n"
    )
    env = {**os.environ, "BOUSAI_DATA": str(tree.data), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    said = [
        samples(subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True,
                               cwd=Path(__file__).resolve().parents[2]).stdout)
        for _ in range(2)
    ]  # fmt: skip
    labels = (("method", "GET"), ("route", "/public/{path:path}"), ("status", "200"))
    assert [one["bousai_http_requests_total"][labels] for one in said] == [1, 2]
    assert [one["bousai_http_requests_running"][()] for one in said] == [2, 2]
    assert said[-1]["bousai_store_up"][()] == 1


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """See `measured.fetched`."""
    with measured.fetched(tmp_path_factory.mktemp("fetched")) as own:
        yield own


def test_what_the_ledger_knows(fetched: Settings) -> None:
    before = time.time()
    found = samples(ask(create(fetched), "/metrics").text)
    with pipeline.opened(fetched) as house:
        ways = [one for one in store.ways(house.store, house.now() - timedelta(hours=1)) if one.feed == FEED]
        receipt = store.last_receipt(house.store, feed=FEED)
        rows = store.works(house.store, since=house.now() - timedelta(hours=1))
    assert ways
    assert receipt is not None
    of_feed = (("feed", FEED),)
    assert found["bousai_documents_last_hour"] == {of_feed: len(ways)}
    delays = {
        (dict(labels)["stage"], dict(labels)["share"]): value
        for labels, value in found["bousai_stage_seconds"].items()
        if dict(labels)["feed"] == FEED
    }
    assert {stage for stage, _ in delays} >= {"issued_seen", "seen_fetched", "fetched_stored"}
    stored = sorted((one.stored_at - one.fetched_at).total_seconds() for one in ways)
    assert delays["fetched_stored", "0.95"] == max(0.0, stored[math.ceil(0.95 * len(stored)) - 1])
    assert 0 <= delays["fetched_published", "0.95"] < 120
    assert delays["fetched_published", "0.95"] >= delays["stored_published", "0.5"]
    assert found["bousai_feed_answer_timestamp_seconds"][of_feed] == receipt.requested_at.timestamp()
    state = next(state for state, _ in pipeline.feed_states(fetched) if state.feed == FEED)
    assert state.source_made_at is not None
    assert found["bousai_feed_source_made_timestamp_seconds"][of_feed] == state.source_made_at.timestamp()
    age = found["bousai_feed_answer_age_seconds"][of_feed]
    assert before - receipt.requested_at.timestamp() <= age <= time.time() - receipt.requested_at.timestamp()
    whys = {dict(labels)["feed"]: dict(labels)["why"] for labels in found["bousai_feed_why"]}
    assert whys == {state.feed: state.why for state, _ in pipeline.feed_states(fetched)}
    assert whys["gsi_shelter"] == "never_read"
    bounds = {
        dict(labels)["bound"]: n for labels, n in found["bousai_feed_bound_seconds"].items() if FEED in labels[1]
    }
    with pipeline.opened(fetched) as house:
        feed = house.catalogue.feeds[FEED]
    assert (bounds["late"], bounds["dead"]) == (feed.late_after, feed.dead_after)
    held = {layer for _, layers in pipeline.feed_states(fetched) for layer in layers}
    stale = {dict(labels)["layer"]: n for labels, n in found["bousai_layer_stale_sources"].items()}
    assert {layer for layer, n in stale.items() if n} <= held
    assert stale["weather_warning"] >= 1
    assert found["bousai_documents_waiting"][(("feed", "jma_warning"), ("outcome", "quarantined"))] == 1
    assert sum(found["bousai_documents_waiting"].values()) == 1
    issues = pipeline.open_issues("jma_warning", fetched)
    assert found["bousai_issues_open"][(("feed", "jma_warning"), ("severity", "error"))] == sum(
        one["severity"] == "error" for one in issues
    )
    counted = {(one.verb, one.outcome) for one in rows}
    assert {("ingest", "refused"), ("ingest", "done"), ("publish", "done"), ("run", "failed")} <= counted
    for verb, outcome in counted:
        labels = (("outcome", outcome), ("verb", verb))
        assert found["bousai_work_last_hour"][labels] == sum(
            (one.verb, one.outcome) == (verb, outcome) for one in rows
        )
    assert (("outcome", "refused"), ("verb", "deliver")) not in found["bousai_work_last_hour"]  # too long ago
    assert found["bousai_work_last_duration_seconds"][(("verb", "deliver"),)] == 1.5
    assert found["bousai_work_last_timestamp_seconds"][(("verb", "run"),)] == pytest.approx(before, abs=300)
    assert found["bousai_alert_deliveries_retrying"][()] == 0
    assert all(value > before - 400 * 86_400 for value in found["bousai_calendar_date_timestamp_seconds"].values())
    assert found["bousai_calendar_overdue"][()] >= 0


def test_what_waits_for_people_and_receivers(tmp_path: Path) -> None:
    with measured.alerting(tmp_path) as own, pipeline.opened(own) as house:
        found = samples(ask(create(own), "/metrics").text)
        waiting = store.alerts(house.store, state="awaiting")
    assert found["bousai_alert_messages"][(("state", "awaiting"), ("status", "exercise"))] == len(waiting) > 0
    first = min(one.lapses_at.timestamp() for one in waiting if one.lapses_at is not None)
    assert found["bousai_alert_lapse_timestamp_seconds"] == {(("status", "exercise"),): first}
    assert found["bousai_alert_deliveries_retrying"][()] == found["bousai_alert_deliveries"][(("state", "due"),)] >= 1
    assert found["bousai_alert_stage_seconds"][(("share", "0.95"), ("stage", "issued_recorded"))] >= 0


def test_the_parts_that_the_supervisor_tells_of(tmp_path: Path) -> None:
    own = settings_module.load({"BOUSAI_DATA": str(tmp_path)})
    path = measured.parts(tmp_path, pss_bytes=None)
    found = samples(ask(create(own), "/metrics").text)
    assert found["bousai_part_up"] == {(("part", "serve"),): 1}
    assert found["bousai_part_restarts_total"] == {(("part", "serve"),): 2}
    assert found["bousai_part_memory_limit_bytes"] == {(("part", "serve"),): 9}
    assert "bousai_part_memory_bytes" not in found
    measured.parts(tmp_path, state="waiting")
    found = samples(ask(create(own), "/metrics").text)
    assert found["bousai_part_up"] == {(("part", "serve"),): 0}
    assert found["bousai_part_memory_bytes"] == {(("part", "serve"),): 3}
    measured.parts(tmp_path, at=datetime.now(UTC) - timedelta(minutes=2))
    assert "bousai_part_up" not in samples(ask(create(own), "/metrics").text)
    for broken in (b"{", b'{"written_at": 1}', b"[]"):
        path.write_bytes(broken)
        assert "bousai_part_up" not in samples(ask(create(own), "/metrics").text)


def test_prometheus_finds_no_fault_with_it(fetched: Settings) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    text = ask(create(fetched), "/metrics").text
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
