"""Reference systems: axis order, and there and back again."""

from __future__ import annotations

from functools import cache

import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from bousai.serve import crs
from bousai.serve.problem import Problem

LON, LAT = st.floats(122, 154), st.floats(20, 46)
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def feature(shape: shapely.Geometry | None) -> bytes:
    geometry = "null" if shape is None else shapely.to_geojson(shape)
    return f'{{"type":"Feature","id":"1","geometry":{geometry},"properties":{{"名":"①髙"}}}}'.encode()


@cache
def authority(code: str) -> Transformer:
    return Transformer.from_crs("OGC:CRS84", f"EPSG:{code}")


@given(LON, LAT)
@pytest.mark.parametrize("uri", crs.SUPPORTED[1:])
def test_as_the_authority_defines_it(uri: str, lon: float, lat: float) -> None:
    """Against PROJ with the axis order that the authority gives, which our code does not ask for."""
    code = uri.rpartition("/")[2]
    wanted = authority(code).transform(lon, lat)
    (text,) = crs.transform([feature(shapely.Point(lon, lat))], uri)
    tolerance = 0.01 if code == "3857" else 1e-6
    assert orjson.loads(text)["geometry"]["coordinates"] == pytest.approx(wanted, abs=tolerance)


@given(LON, LAT, st.floats(0.01, 5), st.floats(0.01, 5))
@pytest.mark.parametrize("uri", crs.SUPPORTED)
def test_a_box_there_and_back(uri: str, west: float, south: float, width: float, height: float) -> None:
    box = (west, south, west + width, south + height)
    (text,) = crs.transform([feature(shapely.LineString([box[:2], box[2:]]))], uri)
    (a, b), (c, d) = orjson.loads(text)["geometry"]["coordinates"]
    assert crs.box_to_crs84((a, b, c, d), uri) == pytest.approx(box, abs=1e-6)


def test_what_has_no_place_stays_without() -> None:
    texts = crs.transform([feature(None), feature(shapely.Point(139.7, 35.7))], f"{_EPSG}6668")
    assert orjson.loads(texts[0])["geometry"] is None
    assert orjson.loads(texts[1]) == {
        "type": "Feature",
        "id": "1",
        "geometry": {"type": "Point", "coordinates": [35.7, 139.7]},
        "properties": {"名": "①髙"},
    }


def test_names() -> None:
    assert crs.known("crs", "[EPSG:6668]") == f"{_EPSG}6668"
    for wrong in ("", "EPSG:6668", f"{_EPSG}2451", "[OGC:CRS27]", "javascript:alert(1)"):
        with pytest.raises(Problem) as refused:
            crs.known("bbox-crs", wrong)
        assert refused.value.status == 400
        assert "bbox-crs" in refused.value.detail
