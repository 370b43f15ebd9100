"""The same documents through the whole line on SQLite and on PostGIS: the same layers, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bousai import pipeline, settings
from bousai.settings import Settings

pytestmark = [pytest.mark.store, pytest.mark.xdist_group("postgis")]

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
FEEDS = (
    "ksj_municipality",
    "ksj_tsunami",
    "ksj_flood",
    "gsi_shelter",
    "gsi_evacuation_site",
    "jma_quake",
    "jma_tsunami",
    "jma_warning",
    "lalert",
)
LAYERS = (
    "earthquake",
    "tsunami_forecast",
    "weather_warning",
    "shelter",
    "municipality",
    "seismic_intensity",
    "shelter_register",
    "shelter_now",
    "municipality_situation",
    "hazard_exposure",
)


def _timeless(members: dict[str, Any]) -> dict[str, Any]:
    own = {"recorded_at", "timeStamp", "bousai:valid_at", "bousai:known_at", "last_fetch_at", "decided_at"}
    if members.get("kind") == "shelter_member":
        own |= {"as_of", "issued_at"}  # when the link was made
    return {name: value for name, value in members.items() if name not in own}


def told(own: Settings) -> Iterator[tuple[str, Any]]:
    """Everything that the line answers, without the times at which it did its work."""
    for name in LAYERS:
        for status in ("actual", "exercise"):
            for at in (None, datetime.fromisoformat("2026-11-05T10:20:00+09:00")):
                text = b"".join(pipeline.layer_geojson(name, own, valid_at=at, status=status))
                yield f"{name} {status} {at}", json.loads(text, object_hook=_timeless)
    boxed = pipeline.layer_geojson("shelter", own, bbox=(139.0, 35.0, 139.3, 35.4), status="exercise")
    yield "boxed", [feature["id"] for feature in json.loads(b"".join(boxed))["features"]]
    yield (
        "history",
        [
            {
                key: one[key]
                for key in ("scope", "status", "valid_from", "valid_to", "props", "bulletin_type", "position")
            }
            for one in pipeline.history("earthquake", "jma-20261105100008", own)
        ],
    )


def filled(data: Path, store: str | None) -> Settings:
    """A store that has read the exercise."""
    own = settings.load({"BOUSAI_DATA": str(data), **({} if store is None else {"BOUSAI_STORE": store})})
    pipeline.prepare(own)
    at = datetime.fromisoformat("2026-10-01T00:00:00+09:00")
    for feed in FEEDS:
        files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).iterdir())]
        outcomes = {one.outcome for one in pipeline.ingest_files(feed, files, own, dated_at=at, taint="exercise")}
        assert outcomes <= {"stored", "unchanged"}
    pipeline.update_register(own)
    for pref in pipeline.prefectures_to_expose(own):
        pipeline.expose(pref, own)
    return own


def test_both_stores_tell_the_same(tmp_path: Path, postgis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlalchemy as sa

    name = f"line_{tmp_path.name}".replace("-", "_").lower()
    engine = sa.create_engine(f"{postgis_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    first = filled(tmp_path / "embedded", None)
    second = filled(tmp_path / "server", f"{postgis_server}/{name}")
    asked = datetime.now(UTC)  # both at one time: an age is told in minutes
    monkeypatch.setattr(pipeline.house, "now", lambda: asked)
    embedded, server = dict(told(first)), dict(told(second))
    assert embedded == server
    assert embedded["boxed"]
    assert len(embedded["history"]) > 3
