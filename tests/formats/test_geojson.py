"""GeoJSON: the same as json and shapely read, for whatever is right; every broken document by its code."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import shape

from bousai.errors import ParseError
from bousai.formats import geojson

POINT = '{"type": "Point", "coordinates": [139, 35]}'


def document(geometry: str = POINT, properties: str = "{}", members: str = "") -> bytes:
    feature = f'{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
    return f'{{"type": "FeatureCollection", {members} "features": [{feature}]}}'.encode()


def error_of(body: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        geojson.read(body)
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return caught.value


def code_of(body: bytes) -> str:
    return error_of(body).code


numbers = st.one_of(
    st.floats(-180, 180),
    st.integers(-180, 180),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
)
positions = st.lists(numbers, min_size=2, max_size=2)


@st.composite
def rings(draw: st.DrawFn) -> list[list[float]]:
    open_ring = draw(st.lists(positions, min_size=3, max_size=6))
    return [*open_ring, open_ring[0]]


lines = st.lists(positions, min_size=2, max_size=5)
polygons = st.lists(rings(), min_size=1, max_size=3)
COORDINATES = {
    "Point": positions,
    "MultiPoint": st.lists(positions, min_size=1, max_size=4),
    "LineString": lines,
    "MultiLineString": st.lists(lines, min_size=1, max_size=3),
    "Polygon": polygons,
    "MultiPolygon": st.lists(polygons, min_size=1, max_size=3),
}
geometries = st.sampled_from(sorted(COORDINATES)).flatmap(
    lambda name: st.fixed_dictionaries({"type": st.just(name), "coordinates": COORDINATES[name]})
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
features = st.fixed_dictionaries(
    {
        "type": st.just("Feature"),
        "id": st.none() | st.integers() | texts,
        "properties": st.none() | st.dictionaries(texts, values, max_size=4),
        "geometry": st.none() | geometries,
    }
)


@given(
    found=st.lists(features, max_size=5),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    bom=st.booleans(),
)
def test_random_features_are_what_json_and_shapely_read(
    found: list[dict[str, Any]], indent: int | None, ascii_only: bool, bom: bool
) -> None:
    text = json.dumps(
        {"name": "x", "features": found, "type": "FeatureCollection"}, indent=indent, ensure_ascii=ascii_only
    )
    read = geojson.read(text.encode("utf-8-sig" if bom else "utf-8"))
    expected = json.loads(text)["features"]
    assert read.properties == [feature["properties"] or {} for feature in expected]
    assert read.unreadable == []
    for wkb, feature in zip(read.geometry, expected, strict=True):
        if feature["geometry"] is None:
            assert wkb is None
        else:
            assert wkb == shapely.to_wkb(shape(feature["geometry"]))


@given(
    body=st.binary(max_size=60)
    | st.builds(
        lambda a, b, c: document()[:a] + b + document()[a + c :],
        st.integers(0, 130),
        st.binary(max_size=3),
        st.integers(0, 3),
    )
)
def test_nothing_but_a_parse_error_leaves(body: bytes) -> None:
    try:
        read = geojson.read(body)
    except ParseError:
        return
    assert len(read.properties) == len(read.geometry)
    assert all(isinstance(one, dict) for one in read.properties)


@given(part=st.floats(0, 1, exclude_max=True))
def test_no_beginning_of_a_document_is_one(part: float) -> None:
    body = document(properties='{"名": "輪島"}')
    assert code_of(body[: int(part * len(body))]) in ("empty", "not_json")


def test_real_lists_and_areas(realdata: Path) -> None:
    paths = [*realdata.glob("gsi-shelters/geojson/e*/??????.json"), *realdata.glob("n03/N03-21_1*.json")]
    assert len(paths) == 19
    for path in paths:
        read = geojson.read(path.read_bytes())
        expected = json.loads(path.read_bytes())["features"]
        assert read.properties == [feature["properties"] for feature in expected]
        assert read.geometry == [shapely.to_wkb(shape(feature["geometry"])) for feature in expected]
        assert read.unreadable == []


def test_many_features_are_read_in_parts() -> None:
    """Unreadable ones keep their number beyond the first part."""
    count = 4500
    bad = {0, 1999, 2000, 4001, 4499}
    found = [
        {
            "type": "Feature",
            "properties": {"n": n},
            "geometry": {"type": "Point", "coordinates": [n / 100, None if n in bad else 1]},
        }
        for n in range(count)
    ]
    read = geojson.read(json.dumps({"type": "FeatureCollection", "features": found}).encode())
    assert [one["n"] for one in read.properties] == list(range(count))
    assert set(read.unreadable) == {n for n, wkb in enumerate(read.geometry) if wkb is None} == bad
    assert shapely.get_x(shapely.from_wkb(read.geometry[4002])) == 40.02


UNREADABLE = [
    '{"type": "Point"}',
    '{"type": "Point", "coordinates": null}',
    '{"type": "Point", "coordinates": []}',
    '{"type": "Point", "coordinates": [139]}',
    '{"type": "Point", "coordinates": ["139", "35"]}',
    '{"type": "Point", "coordinates": ["１３９", "３５"]}',
    '{"type": "Point", "coordinates": [null, null]}',
    '{"type": "Point", "coordinates": [[139, 35]]}',
    '{"type": "Point", "coordinates": {"lon": 139, "lat": 35}}',
    '{"type": "Point", "coordinates": [1e999, 35]}',
    '{"type": "Point", "coordinates": [1' + "0" * 5000 + ", 35]}",
    '{"type": "Polygon", "coordinates": []}',
    '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0]]]}',
    '{"type": "Polygon", "coordinates": [139, 35]}',
    '{"type": "LineString", "coordinates": [[0, 0]]}',
    '{"type": "MultiPolygon", "coordinates": ' + "[" * 40 + "]" * 40 + "}",
    '{"type": "MultiPolygon", "coordinates": ' + "[\n" * 40 + "]" * 40 + "}",
    '{"type": "Circle", "coordinates": [139, 35]}',
    '{"type": "GeometryCollection", "geometries": [' + POINT + "]}",
]


@pytest.mark.parametrize("geometry", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_geometry_that_cannot_be_read_is_listed_and_its_feature_stays(geometry: str) -> None:
    one = document(geometry, '{"name": "a"}').decode().partition('"features": [')[2].removesuffix("]}")
    good = one.replace(geometry, POINT).replace('"a"', '"b"')
    read = geojson.read(f'{{"type": "FeatureCollection", "features": [{good}, {one}, {good}]}}'.encode())
    assert [properties["name"] for properties in read.properties] == ["b", "a", "b"]
    assert read.unreadable == [1]
    assert [wkb is None for wkb in read.geometry] == [False, True, False]


def test_no_geometry_is_not_unreadable() -> None:
    read = geojson.read(document("null"))
    assert (read.geometry, read.unreadable) == ([None], [])


@pytest.mark.parametrize("depth", [2000, 100_000])
def test_deep_geometry_collections_stop_at_once(depth: int) -> None:
    """Refused or unreadable, as deep as the interpreter's own limit goes; never a crash, never slow."""
    body = document('{"type": "GeometryCollection", "geometries": [' * depth + POINT + "]}" * depth)
    began = time.perf_counter()
    try:
        outcome: object = geojson.read(body).unreadable
    except ParseError as error:
        outcome = error.code
    assert outcome in ([0], "not_json")
    assert time.perf_counter() - began < 2


DEEP = "[" * 100_000 + "]" * 100_000


REFUSED = [
    (b"", "empty"),
    (b"\xef\xbb\xbf \r\n", "empty"),
    (b"\n<!DOCTYPE html><html>", "html_instead_of_json"),
    (b"<HTML>", "html_instead_of_json"),
    (b"<?xml version='1.0'?><Error/>", "html_instead_of_json"),
    (b"[" * 100_000, "not_geojson"),
    (DEEP.encode(), "not_geojson"),
    (b'{"a":' * 100_000, "not_json"),
    (document(f'{{"type": "Point", "coordinates": {DEEP}}}'), "not_json"),
    (document(properties=f'{{"a": {DEEP}}}'), "not_json"),
    (document(members=f'"crs": {DEEP},'), "not_json"),
    (document('{"type": "Point", "coordinates": [NaN, 35]}'), "not_json"),
    (document('{"type": "Point", "coordinates": [Infinity, 35]}'), "not_json"),
    (document(properties='{"a": NaN}'), "not_json"),
    (document(properties='{"a": -Infinity}'), "not_json"),
    (document(properties='{"a": 1e999}'), "not_json"),
    (document(properties='{"a": [{"b": -1e999}]}'), "not_json"),
    (document(properties='{"a": 1, "a": 2}'), "not_json"),
    (document(properties='{"x": {"a": 1, "a": 1}}'), "not_json"),
    (document(properties='{"a": ' + "9" * 5000 + "}"), "not_json"),
    (document(properties='{"a": "\\ud800"}'), "not_json"),
    (document() + b"x", "not_json"),
    (document() + document(), "not_json"),
    (document().decode().encode("utf-16"), "not_json"),
    (document(properties='{"a": "髙"}').decode().encode("cp932"), "not_json"),
    (document('{"type": "Po?nt", "coordinates": [139, 35]}').replace(b"?", b"\xff"), "not_json"),
    (b"\0" * 40, "not_json"),
    (b'"FeatureCollection"', "not_geojson"),
    (b"null", "not_geojson"),
    (b"{}", "not_geojson"),
    (b'{"type": "FeatureCollection"}', "not_geojson"),
    (b'{"type": "FeatureCollection", "features": null}', "not_geojson"),
    (b'{"type": "FeatureCollection", "features": {"0": 1}}', "not_geojson"),
    (b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}', "not_geojson"),
    (document("{}"), "not_geojson"),
    (document('"POINT (139 35)"'), "not_geojson"),
    *((document(properties=one), "not_geojson") for one in ("[1]", '"a"', "5", "true", "0", '""', "[]")),
    (document()[document().index(b"[{") + 1 : -2], "not_feature_collection"),
    (POINT.encode(), "not_feature_collection"),
    (b'{"type": "unavailable", "code": "011011"}', "not_feature_collection"),
    (b'{"type": "' + b"\\u001b" * 1000 + b'"}', "not_feature_collection"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED, ids=range(len(REFUSED)))
def test_refused(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_coordinates_in_another_encoding_are_no_crash() -> None:
    body = document('{"type": "Point", "coordinates": "?"}').replace(b"?", b"\xff")
    assert geojson.read(body).unreadable == [0]


@pytest.mark.parametrize(
    "name",
    ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::6668", "EPSG:4326", "urn:ogc:def:crs:EPSG::4612"],
)
def test_coordinates_in_degrees(name: str) -> None:
    member = json.dumps({"type": "name", "properties": {"name": name}})
    assert len(geojson.read(document(members=f'"crs": {member},'))) == 1
    assert len(geojson.read(document(members='"crs": null,'))) == 1


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2449"}},
        {"type": "name", "properties": {"name": "EPSG:3857"}},
        {"type": "name", "properties": {"name": "EPSG:43260"}},
        {"type": "name", "properties": {"name": ["EPSG:4326"]}},
        {"type": "name", "properties": ["EPSG:4326"]},
        {"type": "name", "properties": None},
        {"type": "link"},
        "EPSG:4326",
        4326,
        [],
    ],
)
def test_other_coordinates_are_refused(crs: Any) -> None:
    error = error_of(document(members=f'"crs": {json.dumps(crs)},'))
    assert error.code == "wrong_crs"


@pytest.mark.parametrize(
    ("epsg", "coordinates", "expected"),
    [
        # 平面直角座標系 VII, as in a real file
        (6675, [-17507.738838992453, 114708.24188835438], (136.96987, 37.03364)),
        (3857, [15539960.0, 4257980.0], (139.59784, 35.68949)),
        (4301, [139.6917, 35.6895], (139.68848, 35.69275)),  # the old Tokyo datum: some 450 m away
    ],
)
def test_other_coordinates_become_degrees_where_that_is_asked(
    epsg: int, coordinates: list[float], expected: tuple[float, float]
) -> None:
    text = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}},
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": coordinates}},
            {"type": "Feature", "properties": {}, "geometry": None},
        ],
    }
    body = json.dumps(text).encode()
    assert error_of(body).code == "wrong_crs"
    found = geojson.read(body, transform=True)
    point = shapely.from_wkb(found.geometry[0])
    assert (point.x, point.y) == pytest.approx(expected, abs=2e-4)
    assert found.geometry[1] is None
    unknown = body.replace(str(epsg).encode(), b"99999")
    with pytest.raises(ParseError) as caught:
        geojson.read(unknown, transform=True)
    assert caught.value.code == "wrong_crs"


def test_half_a_character_in_a_property_is_refused() -> None:
    body = b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":"%s"},"geometry":null}]}'
    assert error_of(body % rb"\ud800").code == "not_json"
    assert geojson.read(body % rb"\ud842\udfb7").properties == [{"a": "𠮷"}]
