"""/metrics: requests by route, feeds and layers by age; and the access log."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from bousai import pipeline
from bousai import settings as settings_module
from bousai.serve import create
from bousai.settings import Settings
from tests.serve.asking import ask, raw


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Sample name → labels → value."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


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
