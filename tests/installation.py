"""A small installation with something of everything: made once, then copied for each test.

The exercise of 2026-11-05 as it stands at 11:05: a tsunami warning, evacuation orders, a notice that waits for
approval; a list of earthquakes that has shrunk and is held (`HELD`), a telegram that is none (`QUARANTINED`).
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from bousai import pipeline, settings, store
from bousai.model import Receipt
from bousai.model.document import Outcome
from bousai.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
KUNREN = PROJECT / "exercises" / "kunren"
NOW = datetime.fromisoformat("2026-11-05T11:05:00+09:00")
FEEDS = ("ksj_municipality", "jma_tsunami", "jma_quake", "lalert")
LISTS = ("list_a", "list_b")
"""Lists of earthquakes of which no fewer may be told than before; `list_b` is never asked."""

WHOLE = (PROJECT / "tests" / "feeds" / "usgs_earthquake" / "kunren.geojson").read_bytes()


def shrunk() -> bytes:
    told = json.loads(WHOLE)
    told["features"] = told["features"][:1]
    return json.dumps(told, ensure_ascii=False).encode()


BROKEN = "訓練の壊れた電文\n".encode()
HELD, QUARANTINED = sha256(shrunk()).hexdigest(), sha256(BROKEN).hexdigest()


def config(folder: Path) -> Path:
    """Few feeds, every layer."""
    made = folder / "config"
    (made / "feeds").mkdir(parents=True)
    for name in ("layers", "alerts", "subscriptions", "release.yml"):
        (made / name).symlink_to(PROJECT / "config" / name)
    for feed in FEEDS:
        shutil.copy(PROJECT / "config" / "feeds" / f"{feed}.yml", made / "feeds")
    text = yaml.safe_load((PROJECT / "config" / "feeds" / "usgs_earthquake.yml").read_text(encoding="utf-8"))
    text["expect"] = {"max_drop": 0.5}
    for feed in LISTS:
        more = {"disabled": "for exercises alone"} if feed == "list_b" else {}
        (made / "feeds" / f"{feed}.yml").write_text(yaml.safe_dump(text | more), encoding="utf-8")
    return made


def settings_of(folder: Path) -> Settings:
    return settings.load(environment(folder))


def environment(folder: Path) -> dict[str, str]:
    return {"BOUSAI_DATA": str(folder / "var"), "BOUSAI_CONFIG": str(folder / "config")}


def heard(path: Path) -> bool:
    """Whether a document of the exercise has come by then; a list of shelters has not."""
    said = re.match(r"\d{12}(?=\d\d_)", path.name)
    return "shelter" not in path.name and (said is None or said[0] < f"{NOW.astimezone(UTC):%Y%m%d%H%M}")


def made(folder: Path) -> Path:
    """Make it; give the folder."""
    config(folder)
    own = settings_of(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.house, "now", lambda: NOW - timedelta(minutes=25))
        pipeline.prepare(own)
        took = {}
        for feed in ("ksj_municipality", "jma_tsunami", "lalert"):
            files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).iterdir()) if heard(path)]
            dated = NOW - timedelta(days=30)
            took[feed] = list(pipeline.ingest_files(feed, files, own, dated_at=dated, taint="exercise"))
        assert {one.outcome for some in took.values() for one in some} == {"stored"}
        pipeline.update_register(own)
        patch.setattr(pipeline.house, "now", lambda: NOW - timedelta(minutes=15))
        assert [one["state"] for one in pipeline.make_notices(own)] == ["waiting"]
        patch.setattr(pipeline.house, "now", lambda: NOW - timedelta(minutes=4))
        (whole,) = pipeline.ingest_files("list_a", [("list.geojson", WHOLE)], own)
        patch.setattr(pipeline.house, "now", lambda: NOW - timedelta(minutes=3))
        (held,) = pipeline.ingest_files("list_a", [("list.geojson", shrunk())], own)
        (refused,) = pipeline.ingest_files("jma_quake", [('訓練\r\n"x".xml', BROKEN)], own)
        assert (whole.outcome, held.outcome, refused.outcome) == ("stored", "held", "quarantined")
        pipeline.make_notices(own)
    return folder


def copied(template: Path, folder: Path) -> Settings:
    """A copy of an installation, for one test."""
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    return settings_of(folder)


def answered(own: Settings, feed: str, ago: timedelta, outcome: Outcome = "not_modified") -> None:
    """A source was asked so long before `NOW`."""
    handle = store.open_store(own.store)
    try:
        one = Receipt(feed, "https://example.org/list", NOW - ago, 0.25, outcome)
        store.record_receipt(handle, one if outcome != "error" else replace(one, error="no answer"))
    finally:
        handle.close()
