"""Vector tiles: made of what stands, whole, once a version; read by a reader of PMTiles that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from pmtiles.reader import MmapSource, Reader

from bousai.model import ReleasedLayer
from bousai.publish import features, tiles, write_index, write_layer, write_tiles
from tests.publish.tables import PUBLISHER, SOURCE, T0, hidden, layer, row, source, table, tree

ZONES = layer("zone", "depth_text", id="shelter", geometry="polygon", tiles=True)


def publish(root: Path, *sizes: float) -> ReleasedLayer:
    rows = [
        row(
            f"z/{n}",
            props={"zone": f"警戒区域{n}"},
            geometry=None if not size else shapely.box(137, 37, 137 + size, 37 + size),
        )
        for n, size in enumerate(sizes)
    ]
    write_layer(
        root,
        features(ZONES, [table(rows)], {}),
        status="actual",
        valid_at=T0,
        known_at=T0,
        published_at=T0,
        freshness=[SOURCE],
        publisher=PUBLISHER,
        formats=(),
    )
    return ZONES


def opened(root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with (root / "layers" / "shelter" / "tiles" / "latest.pmtiles").open("rb") as file:
        reader = Reader(MmapSource(file))
        return reader.header(), reader.metadata()


def state(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "layers" / "shelter" / "tiles" / "tiles.json").read_bytes())
    return found


def index(root: Path) -> dict[str, Any]:
    write_index(root, [ZONES], {"shelter": [SOURCE]}, status="actual", public_url="https://e.jp", published_at=T0)
    (entry,) = json.loads((root / "index.json").read_bytes())["layers"]
    assert isinstance(entry, dict)
    return entry


def test_tiles_of_a_layer_say_what_they_are(tmp_path: Path) -> None:
    publish(tmp_path, 0.5, 0, 0.00001)
    assert "tiles" not in index(tmp_path)
    done = write_tiles(tmp_path, ZONES)
    assert done is not None
    assert done.changed
    header, metadata = opened(tmp_path)
    assert (header["min_zoom"], header["max_zoom"]) == (4, 13)
    assert header["min_lon_e7"] == 1370000000
    assert (metadata["name"], metadata["attribution"]) == ("避難所", "出典：内閣府")
    (shown,) = metadata["vector_layers"]
    assert shown["id"] == "shelter"
    assert {"id", "zone", "issuer", "issued_at", "status"} <= set(shown["fields"])
    assert metadata["tilestats"]["layers"][0]["count"] == 2  # however small; the one without a place is in no tile
    assert (state(tmp_path)["features"], state(tmp_path)["version"]) == (2, done.version)
    entry = index(tmp_path)
    assert entry["tiles"]["version"] == entry["version"] == done.version
    assert entry["links"]["pmtiles"] == "https://e.jp/layers/shelter/tiles/latest.pmtiles"
    assert hidden(tmp_path) == []


def test_tiles_are_made_once_a_version(tmp_path: Path) -> None:
    assert write_tiles(tmp_path, ZONES) is None
    publish(tmp_path, 0.5)
    first = write_tiles(tmp_path, ZONES)
    before = tree(tmp_path)
    again = write_tiles(tmp_path, ZONES)
    assert first is not None
    assert again is not None
    assert (first.version, first.changed, again.changed) == (again.version, True, False)
    assert tree(tmp_path) == before
    publish(tmp_path, 0.25)
    assert index(tmp_path)["tiles"]["version"] != index(tmp_path)["version"]  # a reader sees that they are behind
    later = write_tiles(tmp_path, ZONES)
    assert later is not None
    assert later.changed
    assert later.version != first.version
    publish(tmp_path)
    write_tiles(tmp_path, ZONES)
    assert state(tmp_path)["features"] == 0
    assert "pmtiles" not in index(tmp_path)["links"]


def test_what_fails_leaves_the_tiles_that_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, 0.5)
    write_tiles(tmp_path, ZONES)
    before = tree(tmp_path / "layers" / "shelter" / "tiles")
    publish(tmp_path, 0.25)
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "_ZOOMS", ("9", "x"))
        with pytest.raises(RuntimeError, match="tippecanoe"):
            write_tiles(tmp_path, ZONES)
    assert tree(tmp_path / "layers" / "shelter" / "tiles") == before
    assert write_tiles(tmp_path, ZONES) is not None
    assert state(tmp_path)["bousai:freshness"] == [{"feed": source("ok").feed, "state": "ok"}]
