"""What is done before anything is started: once, and again only where something has changed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bousai import catalogue, settings
from bousai.operate import parts, start


def test_pools_are_imported_before_the_parts_start_and_again_where_they_or_the_database_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, home = tmp_path / "config", tmp_path / "airflow"
    shutil.copytree(settings.PROJECT / "config", config)
    home.mkdir()
    own = settings.load({"BOUSAI_DATA": str(tmp_path), "BOUSAI_CONFIG": str(config)})
    environment = parts.environment(own, "127.0.0.1", 8080, 8000, {}, {})
    ran: list[list[str]] = []

    def run(jobs: Mapping[str, Sequence[str]], *_: object) -> None:
        ran.append(sorted(jobs))
        if "db-migrate" in jobs:
            (home / "airflow.db").touch()

    monkeypatch.setattr(start, "_run", run)

    def prepared(with_environment: Mapping[str, str] = environment) -> list[list[str]]:
        ran.clear()
        start._prepare(own, with_environment, tmp_path)
        return list(ran)

    everything = [["db-migrate", "prepare"], ["pools"]]
    assert prepared() == everything
    assert prepared() == [["prepare"]]
    feed = config / "feeds" / "usgs_earthquake.yml"
    feed.write_text(feed.read_text(encoding="utf-8").replace("earthquake.usgs.gov", "other.example.org"))
    assert prepared() == [["pools", "prepare"]]
    assert "source_other.example.org" in (home / "pools.json").read_text()
    assert prepared() == [["prepare"]]
    (home / "airflow.db").replace(tmp_path / "before")
    assert prepared() == everything
    # whether another server still has them cannot be told: it is done every time
    elsewhere = environment | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://a:b@db/airflow"}
    assert prepared(elsewhere) == everything


def test_every_pool_that_a_feed_names_is_there() -> None:
    known = catalogue.load(settings.PROJECT / "config")
    assert {feed.pool[0] for feed in known.feeds.values()} | {catalogue.BACKGROUND} == set(known.pools())


def test_on_one_machine_little_is_handed_over_at_once_and_long_work_leaves_room() -> None:
    every = catalogue.load(settings.PROJECT / "config").pools()
    for at_once in (2, 3, 8):
        found = parts.pools(every, catalogue.BACKGROUND, at_once)
        assert set(found) == {*every, "default_pool"}
        assert found["default_pool"]["slots"] == at_once
        assert 1 <= found[catalogue.BACKGROUND]["slots"] < at_once
        assert max(one["slots"] for name, one in found.items() if name.startswith("source_")) <= 2


def test_where_the_pools_fail_to_be_imported_nothing_is_noted_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path)})
    (tmp_path / "airflow").mkdir()
    environment = parts.environment(own, "127.0.0.1", 8080, 8000, {}, {})

    def run(jobs: Mapping[str, Sequence[str]], *_: object) -> None:
        if "pools" in jobs:
            raise start.BousaiError("pools ended with 1: no", remedy="see")

    monkeypatch.setattr(start, "_run", run)
    with pytest.raises(start.BousaiError, match="pools ended with 1"):
        start._prepare(own, environment, tmp_path)
    assert [path.name for path in (tmp_path / "airflow").iterdir()] == ["pools.json"]


def test_links_lead_to_the_port_that_was_asked_for(tmp_path: Path) -> None:
    own = settings.load({"BOUSAI_DATA": str(tmp_path)})
    assert (
        parts.environment(own, "127.0.0.1", 8080, 8100, {}, {})["BOUSAI_PUBLIC_URL"] == "http://127.0.0.1:8100/public"
    )
    named = {"BOUSAI_PUBLIC_URL": "https://bousai.example.jp/public"}
    assert (
        parts.environment(own, "127.0.0.1", 8080, 8100, named, {})["BOUSAI_PUBLIC_URL"] == named["BOUSAI_PUBLIC_URL"]
    )
