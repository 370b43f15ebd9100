"""Every collection against the schema of its layer, and against RFC 7946."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bousai import catalogue, pipeline, settings
from bousai.model import ReleasedLayer
from bousai.publish import features, geojson
from bousai.publish.schema import schema
from bousai.vocab.count import reported
from tests.publish.tables import T0, document, layer, put, row, source, table
from tests.publish.test_tree import A, B, folder_of

KNOWN = catalogue.load(settings.load({}).config)
SAMPLES = Path(__file__).resolve().parents[1] / "feeds"


def released(layer_id: str) -> ReleasedLayer:
    return KNOWN.released(KNOWN.layer(layer_id), "public")


def wrong(shown: ReleasedLayer, body: bytes, status: Any = "actual") -> list[str]:
    found = schema(shown, status)
    Draft202012Validator.check_schema(found)
    return [one.message for one in Draft202012Validator(found).iter_errors(json.loads(body))]


def test_the_schema_stands_beside_the_layer_and_holds_for_all_of_it(tmp_path: Path) -> None:
    put(tmp_path, A)
    put(tmp_path, B, sources=[source("held", reason="x"), source("late")])
    folder = folder_of(tmp_path)
    validator = Draft202012Validator(json.loads((folder / "schema.json").read_bytes()))
    collections = [*folder.rglob("*.geojson"), *folder.rglob("delta.json")]
    assert len(collections) == 7
    for path in collections:
        validator.validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("layer_id", KNOWN.layers)
def test_an_empty_collection_of_every_layer_is_as_its_schema_says(layer_id: str) -> None:
    shown = released(layer_id)
    members = geojson.members(shown, status="actual", valid_at=T0, known_at=T0, published_at=T0, freshness=[])
    assert wrong(shown, geojson.collection(geojson.head(members), [])) == []
    names = {field.name for field in (*shown.common, *shown.fields) if not field.volatile}
    assert set(schema(shown, "actual")["$defs"]["feature"]["properties"]["properties"]["required"]) == names


def test_the_schema_says_what_is_wrong() -> None:
    fields = [
        {"name": "people", "type": "object", "ja": "人数", "en": "People", "unit": "人", "eei_item": "避難者数"},
        {"name": "at", "type": "datetime", "ja": "時刻", "en": "Time", "connid": "starttime"},
        {"name": "open", "type": "boolean", "ja": "開", "en": "Open"},
    ]
    shown = layer(fields=fields)

    def said(**props: Any) -> list[str]:
        return wrong(shown, document(features(shown, [table([row("a", props=props)])], {}), [source("ok")]))

    assert said(people=reported(3), at="2026-01-01T00:00:00+09:00", open=None) == []
    assert len(said(people=3)) == len(said(at="2026-01-01")) == len(said(at="2026-01-01T00:00:00")) == 1
    assert len(said(people={**reported(3), "state": "perhaps"})) == len(said(open="yes")) == 1
    properties = schema(shown, "actual")["$defs"]["feature"]["properties"]["properties"]["properties"]
    assert properties["people"]["x-unit"] == "人"
    assert (properties["people"]["x-eei-item"], properties["at"]["x-connid"]) == ("避難者数", "starttime")
    assert schema(shown, "exercise")["title"] == "【訓練】避難所"


@pytest.mark.store
def test_samples_of_every_kind_are_published_as_the_schemas_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    own = settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)
    kinds: set[str] = set()
    for feed in KNOWN.feeds:
        if kinds.issuperset(KNOWN.feeds[feed].kinds):
            continue
        kinds |= set(KNOWN.feeds[feed].kinds)
        samples = sorted(path for path in (SAMPLES / feed).glob("*") if not path.name.endswith(".golden.json"))
        pairs = [(path.name, path.read_bytes()) for path in samples[:1]]
        list(pipeline.ingest_files(feed, pairs, own, taint="exercise"))
    pipeline.publish_layers(None, own)
    shown = 0
    for layer_id in KNOWN.layers:
        folder = own.public / "exercise" / "layers" / layer_id
        collection = json.loads((folder / "latest.geojson").read_bytes())
        Draft202012Validator(json.loads((folder / "schema.json").read_bytes())).validate(collection)
        check_rfc7946(collection)
        shown += bool(collection["features"])
    assert shown > 10


# ── RFC 7946 ─────────────────────────────────────────────────────────────────────────────────────────────


def check_rfc7946(collection: dict[str, Any]) -> None:
    """Order of rings, closed rings, WGS 84 without a crs member, six decimals, no foreign type."""
    assert "crs" not in collection
    ids = [feature["id"] for feature in collection["features"]]
    assert len(set(ids)) == len(ids)
    for feature in collection["features"]:
        assert list(feature) == ["type", "id", "geometry", "properties"]
        if feature["geometry"] is None:
            continue
        assert set(feature["geometry"]) == {"type", "coordinates"}
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        for lon, lat in shapely.get_coordinates(shape).tolist():
            assert -180 <= lon <= 180
            assert -90 <= lat <= 90
            assert (round(lon, 6), round(lat, 6)) == (lon, lat)
        for polygon in shapely.get_parts([shape]):
            if polygon.geom_type == "Polygon":
                assert polygon.exterior.is_ccw
                assert not any(ring.is_ccw for ring in polygon.interiors)
                assert all(ring.is_closed for ring in (polygon.exterior, *polygon.interiors))


@given(st.lists(st.tuples(st.floats(-179, 179), st.floats(-89, 89), st.floats(0.001, 0.9)), max_size=5))
def test_what_we_write_is_rfc7946(places: list[tuple[float, float, float]]) -> None:
    shown = layer("n", geometry="polygon")
    shapes = [
        shapely.orient_polygons(shapely.Point(x, y).buffer(size, 4) - shapely.Point(x, y).buffer(size / 2, 4))
        for x, y, size in places
    ]
    rows = [row(f"{n}", geometry=shape) for n, shape in enumerate(shapes)]
    if rows:
        check_rfc7946(json.loads(document(features(shown, [table(rows)], {}))))
