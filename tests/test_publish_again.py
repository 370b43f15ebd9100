"""Publishing again: a layer that nothing has moved is not made anew, and nothing that moves it is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bousai import pipeline, publish, settings, store
from bousai.model import Bulletin, Item, Provenance, RawDocument, table_of
from bousai.settings import Settings

pytestmark = pytest.mark.store

KUNREN = Path(__file__).resolve().parents[1] / "exercises" / "kunren"
LAYERS = (
    "earthquake",
    "evacuation_site",
    "municipality_situation",
    "public_notice",
    "seismic_intensity",
    "shelter",
    "shelter_now",
)
Made = Callable[[], list[str]]


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A store with a town's shelters and an earthquake, all of it exercise, and both trees published once."""
    made = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(made)
    ingest(made, "gsi_shelter", *sorted((KUNREN / "gsi_shelter").iterdir()))
    pipeline.publish_layers(LAYERS, made)
    return made


def ingest(own: Settings, feed: str, *files: Path) -> None:
    list(pipeline.ingest_files(feed, [(one.name, one.read_bytes()) for one in files], own, taint="exercise"))


@pytest.fixture
def made(own: Settings, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Publish again; gives the layers whose features were made anew, tree by tree."""
    original = publish.write_layer
    seen: list[str] = []

    def spy(root: Path, features: Any, **options: Any) -> Any:
        seen.append(f"{options['status']}/{features.layer.id}")
        return original(root, features, **options)

    monkeypatch.setattr(publish, "write_layer", spy)

    def again() -> list[str]:
        seen.clear()
        pipeline.publish_layers(LAYERS, own)
        return sorted(seen)

    return again


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr(pipeline.house, "now", lambda: datetime.now(UTC) + by)


def test_nothing_is_made_where_nothing_moved(made: Made) -> None:
    assert made() == []


def test_what_was_recorded_is_made_and_what_is_made_of_it(own: Settings, made: Made) -> None:
    ingest(own, "jma_quake", *sorted((KUNREN / "jma_quake").iterdir()))
    anew = made()
    assert {"exercise/earthquake", "exercise/seismic_intensity", "exercise/municipality_situation"} <= set(anew)
    assert not {"exercise/shelter", "actual/earthquake", "exercise/shelter_now"} & set(anew)
    assert made() == []


def test_a_consolidated_layer_is_never_more_than_ten_minutes_behind_the_clock(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, timedelta(minutes=11))
    anew = made()
    assert "exercise/municipality_situation" in anew
    assert "exercise/shelter_now" in anew


def test_what_ends_by_itself_is_made(own: Settings, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    end = now + timedelta(hours=1)
    notice = Item("kunren/notice", {"title": "【訓練】給水"}, valid_to=end)
    said = Bulletin("public_notice", "kunren/notice", now, "exercise", table_of([notice]), "訓練町", complete=True)
    raw = RawDocument("0" * 64, "lalert", "file:kunren.xml", "kunren.xml", now, 1, "exercise")
    with pipeline.opened(own) as house:
        store.apply(house.store, [said], Provenance(raw, "lalert", "1"), now)
    monkeypatch.setattr(pipeline.house, "now", lambda: end - timedelta(minutes=1))
    made()
    assert features(own, "public_notice") == {"kunren/notice"}
    monkeypatch.setattr(pipeline.house, "now", lambda: end + timedelta(minutes=1))
    assert "exercise/public_notice" in made()
    assert features(own, "public_notice") == set()


def features(own: Settings, layer: str) -> set[str]:
    path = own.public / "exercise" / "layers" / layer / "latest.geojson"
    return {feature["id"] for feature in json.loads(path.read_bytes())["features"]}


def test_a_layer_that_is_described_anew_is_made(own: Settings, made: Made, tmp_path: Path) -> None:
    import shutil

    config = tmp_path / "config"
    shutil.copytree(own.config, config)
    yml = config / "layers" / "shelter.yml"
    yml.write_text(yml.read_text(encoding="utf-8").replace("title_en: Designated", "title_en: All designated"))
    changed = replace(own, config=config)
    written = {one["layer"]: one for one in pipeline.publish_layers(LAYERS, changed) if one["status"] == "exercise"}
    assert written["shelter"]["changed"]
    assert not written["evacuation_site"]["changed"]
    head = json.loads((own.public / "exercise/layers/shelter/latest.geojson").read_bytes())
    assert head["title_en"] == "[EXERCISE] All designated shelters"


def test_a_version_that_was_lost_is_made_again(own: Settings, made: Made) -> None:
    (own.public / "exercise/layers/shelter/manifest.json").unlink()
    assert made() == ["exercise/shelter"]
