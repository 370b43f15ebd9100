"""Alerts over HTTP: what is there, and that "there are none" is never taken for an all-clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from bousai import settings as settings_module
from bousai.serve import create
from tests.serve.asking import ask


@pytest.mark.parametrize("prefix", ["", "/exercise"])
def test_alerts_of_each_tree(tmp_path: Path, prefix: str) -> None:
    app = create(settings_module.load({"BOUSAI_DATA": str(tmp_path)}))
    for path in ("/alerts/feed.atom", "/alerts/active.geojson", "/alerts/", "/alerts/cap/x.xml"):
        none = ask(app, prefix + path)
        assert none.status_code == 404
        assert none.headers["content-type"] == "application/problem+json"
        assert "not an all-clear" in none.json()["detail"]
    folder = tmp_path / "public" / prefix.strip("/") / "alerts"
    (folder / "cap").mkdir(parents=True)
    files = {
        "feed.atom": "application/atom+xml",
        "active.geojson": "application/geo+json",
        "cap/bousai-1.xml": "application/cap+xml",
    }
    for name, media in files.items():
        (folder / name).write_text(name)
        found = ask(app, f"{prefix}/alerts/{name}")
        assert (found.status_code, found.text) == (200, name)
        assert found.headers["content-type"] == media
        assert found.headers["cache-control"] == "no-cache"
        assert ask(app, f"{prefix}/alerts/{name}", if_none_match=found.headers["etag"]).status_code == 304
    gone = ask(app, f"{prefix}/alerts/cap/bousai-2.xml")
    assert gone.status_code == 404
    assert gone.json()["remedy"] == "see feed.atom for the alerts there are"


def test_an_exercise_is_not_among_the_actual_alerts(tmp_path: Path) -> None:
    app = create(settings_module.load({"BOUSAI_DATA": str(tmp_path)}))
    (tmp_path / "public" / "exercise" / "alerts").mkdir(parents=True)
    (tmp_path / "public" / "exercise" / "alerts" / "feed.atom").write_text("訓練")
    assert ask(app, "/exercise/alerts/feed.atom").text == "訓練"
    assert ask(app, "/alerts/feed.atom").status_code == 404
