"""GDAL's own OGC API – Features driver reads every collection, whole and by box, page by page."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pyogrio
import pytest
import shapely

from bousai.settings import Settings
from tests.serve.serving import Served

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_clients")]

PAGE = 7
JGD2011 = "http://www.opengis.net/def/crs/EPSG/0/6668"
BOX = (139.0, 35.2, 139.6, 35.6)
RUN = ["--config", "OGR_GEOJSON_MAX_OBJ_SIZE", "0", "--config", "GDAL_HTTP_TIMEOUT", "60"]


def gdal(program: str, *words: str) -> str:
    done = subprocess.run([program, *RUN, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def read(base: str, layer: str, *words: str) -> dict[str, Any]:
    options = ["-oo", f"PAGE_SIZE={PAGE}", *words]
    text = gdal("ogr2ogr", "-f", "GeoJSON", "/vsistdout/", f"OAPIF:{base}", layer, *options)
    found: dict[str, Any] = json.loads(text)
    return found


def published(tree: Settings, status: str = "") -> dict[str, list[dict[str, Any]]]:
    """Features of every layer as the tree has them."""
    root = tree.public / status / "layers"
    return {
        path.parent.name: json.loads(path.read_bytes())["features"] for path in sorted(root.glob("*/latest.geojson"))
    }


def ids(features: list[dict[str, Any]]) -> list[str]:
    return sorted(one.get("id", one["properties"].get("id")) for one in features)


def test_every_collection_is_listed(server: Served, tree: Settings) -> None:
    said = gdal("ogrinfo", "-so", f"OAPIF:{server.base}")
    for layer in published(tree):
        assert f": {layer} " in said, layer


@pytest.mark.parametrize("root", ["", "/exercise"])
def test_every_collection_is_read_whole_in_small_pages(server: Served, tree: Settings, root: str) -> None:
    found = published(tree, root.strip("/"))
    read_some = 0
    for layer, features in found.items():
        if not 0 < len(features) <= 60:
            continue
        got = read(server.base + root, layer)["features"]
        assert ids(got) == ids(features), layer
        read_some += len(got) > PAGE
    assert read_some >= 3


def test_a_box_gives_what_lies_in_it(server: Served, tree: Settings) -> None:
    points = published(tree)["shelter"]
    west, south, east, north = BOX
    inside = [
        one
        for one in points
        if one["geometry"] is not None
        and west <= one["geometry"]["coordinates"][0] <= east
        and south <= one["geometry"]["coordinates"][1] <= north
    ]
    got = read(server.base, "shelter", "-spat", *(str(edge) for edge in BOX))["features"]
    assert ids(got) == ids(inside)
    assert inside


def test_fields_have_the_types_that_they_have(server: Served) -> None:
    said = gdal("ogrinfo", "-so", f"OAPIF:{server.base}", "shelter", "-oo", f"PAGE_SIZE={PAGE}")
    for wanted in ("muni_code: String", "issued_at: DateTime", "status: String", "Geometry: Point"):
        assert wanted in said, said


def test_another_reference_system_has_its_own_order_of_axes(server: Served, tree: Settings) -> None:
    """JGD2011 (EPSG:6668) is latitude first; the driver puts that right, so points lie where they lay."""
    source = f"OAPIF:{server.base}"
    told, _, shapes, _ = pyogrio.raw.read(source, layer="shelter", CRS=JGD2011, PAGE_SIZE=str(PAGE))
    assert told["crs"] == "EPSG:6668"
    places = {(round(one.x, 6), round(one.y, 6)) for one in shapely.from_wkb(shapes) if one is not None}
    located = [one["geometry"]["coordinates"] for one in published(tree)["shelter"] if one["geometry"] is not None]
    assert places == {(lon, lat) for lon, lat in located}
