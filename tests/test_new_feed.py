"""A feed of a known format is two files: what docs/adding-a-feed.md shows is done here, in a temporary folder."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bousai import catalogue, pipeline, settings

pytestmark = pytest.mark.store
PROJECT = Path(__file__).resolve().parents[1]
PAGE = (PROJECT / "docs" / "adding-a-feed.md").read_text(encoding="utf-8")


def shown() -> dict[str, str]:
    """The files that the page shows, by their path."""
    blocks = re.findall(r"^## \d+\. (\S+)\n\n```\w+\n(.*?)^```$", PAGE, flags=re.M | re.S)
    return dict(blocks)


def test_two_files_are_a_feed(tmp_path: Path, record_testsuite_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    config = tmp_path / "config"
    shutil.copytree(PROJECT / "config", config)
    (yaml_name, yaml_text), (sample_name, sample_text) = shown().items()
    (tmp_path / yaml_name).write_text(yaml_text, encoding="utf-8")
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var"), "BOUSAI_CONFIG": str(config)})
    pipeline.prepare(own)
    feed = Path(yaml_name).stem
    sample = (Path(sample_name).name, sample_text.encode())
    (done,) = pipeline.ingest_files(feed, [sample], own, taint="exercise", strict=True)
    assert (done.outcome, done.issues, done.cause) == ("stored", 0, None)
    collection = json.loads(b"".join(pipeline.layer_geojson("lifeline_outage", own, status="exercise")))
    found = {one["properties"]["area_name"]: one["properties"] for one in collection["features"]}
    assert set(found) == {"横須賀市【訓練】訓練町", "三浦市【訓練】訓練台"}
    first = found["横須賀市【訓練】訓練町"]
    assert (first["muni_code"], first["affected"]["value"], first["affected"]["qualifier"]) == (
        "14201",
        1200,
        "approx",
    )
    assert first["issued_at"] == "2026-11-05T09:00:00+09:00"
    assert any(credit["feed"] == feed for credit in collection["bousai:freshness"])
    record_testsuite_property("seconds_to_add_a_feed", round(time.monotonic() - began, 2))


def test_the_two_files_are_all_that_the_page_adds() -> None:
    (yaml_name, _), (sample_name, _) = shown().items()
    feed = Path(yaml_name).stem
    assert yaml_name == f"config/feeds/{feed}.yml"
    assert sample_name.startswith(f"tests/feeds/{feed}/")
    assert feed not in catalogue.load(PROJECT / "config").feeds
