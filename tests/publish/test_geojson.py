"""GeoJSON: the same geometry as shapely says, one feature a line, readable by every reader."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from shapely.geometry import mapping

from bousai.model import Bulletin, Item, RawDocument, Status
from bousai.model import table_of as items_of
from bousai.normalise.geometry import geometry as normalised
from bousai.publish import FeatureTable, features
from bousai.publish.geojson import feature_lines, geometry_texts
from tests.publish.tables import T0, document, layer, row, source, table

ODD_IDS = ['"', "\\", "a\nb", "\u2028", "避難所", "𠮷", ',"geometry":null', "\x00", "", "</script>"]


# ── geometry ─────────────────────────────────────────────────────────────────────────────────────────────


def _degrees(limit: int) -> st.SearchStrategy[float]:
    """Numbers whose sixth decimal is not in doubt."""
    return st.builds(
        lambda millionths, rest: millionths / 1e6 + rest / 1e7,
        st.integers(-limit * 10**6, limit * 10**6),
        st.integers(-4, 4),
    )


_pair = st.tuples(_degrees(180), _degrees(90))
_ring = st.lists(_pair, min_size=3, max_size=6)
_point = st.builds(shapely.Point, _pair)
_line = st.builds(shapely.LineString, st.lists(_pair, min_size=2, max_size=5))
_polygon = st.builds(shapely.Polygon, _ring, st.lists(_ring, max_size=2))
_multipolygon = st.builds(shapely.MultiPolygon, st.lists(_polygon, min_size=1, max_size=3))
_more = st.one_of(
    st.builds(shapely.MultiPoint, st.lists(_pair, min_size=1, max_size=3)),
    st.builds(shapely.MultiLineString, st.lists(_line, min_size=1, max_size=3)),
    st.builds(shapely.GeometryCollection, st.lists(st.one_of(_point, _polygon), min_size=1, max_size=3)),
)
_shapes = st.lists(st.one_of(st.none(), _point, _line, _polygon, _multipolygon, _more), max_size=8)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value


def _array(shapes: list[Any]) -> Any:
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found


def _decimals(value: Any) -> int:
    if isinstance(value, dict | list):
        return max((_decimals(part) for part in (value.values() if isinstance(value, dict) else value)), default=0)
    return -int(value.as_tuple().exponent) if isinstance(value, Decimal) else 0


@given(shapes=_shapes)
@example(shapes=[shapely.LineString([(0, 0.131), (0.1, 35.123456)])])
def test_geometry_is_what_shapely_says_with_six_decimals(shapes: list[Any]) -> None:
    texts = geometry_texts(_array(shapes))
    assert [json.loads(text) for text in texts] == [None if one is None else _rounded(mapping(one)) for one in shapes]
    assert max((_decimals(json.loads(text, parse_float=Decimal)) for text in texts), default=0) <= 6
    assert not any(b"\n" in text for text in texts)


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2001])
def test_no_feature_is_lost_where_batches_meet(count: int) -> None:
    rows = [row(f"{i:05}", geometry=shapely.Point(i / 100, 35) if i % 3 else None) for i in range(count)]
    found = json.loads(document(features(layer("n"), [table(rows)], {})))["features"]
    assert [one["id"] for one in found] == [one["item_id"] for one in rows]
    wanted = [{"type": "Point", "coordinates": [i / 100, 35.0]} if i % 3 else None for i in range(count)]
    assert [one["geometry"] for one in found] == wanted


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────


def _named(ids: list[str], status: Status = "actual") -> FeatureTable:
    rows = [row(item_id, props={"n": item_id}, geometry=shapely.Point(1, 2)) for item_id in ids]
    return features(layer("n"), [table(rows, status=status)], {})


@given(ids=st.lists(st.one_of(st.sampled_from(ODD_IDS), st.text()), unique=True, max_size=6))
def test_any_text_may_be_an_id_or_a_value(ids: list[str]) -> None:
    body = document(_named(ids))
    found = json.loads(body)["features"]
    assert [(one["id"], one["properties"]["id"], one["properties"]["n"]) for one in found] == [
        (item_id, item_id, item_id) for item_id in sorted(ids)
    ]
    assert all(one["type"] == "Feature" for one in found)


def test_one_feature_a_line() -> None:
    table_ = _named(ODD_IDS)
    body = document(table_)
    first, *lines, last, end = body.split(b"\n")
    assert (last, end) == (b"]}", b"")
    assert [line.removesuffix(b",") for line in lines] == list(feature_lines(table_))
    assert [json.loads(line.removesuffix(b","))["id"] for line in lines] == sorted(ODD_IDS)
    assert [line.endswith(b",") for line in lines] == [True] * (len(ODD_IDS) - 1) + [False]
    assert json.loads(first + b"]}")["features"] == []


def test_a_collection_says_what_it_is() -> None:
    sources = [source(), source("quiet"), source("late", feed="late_feed", reason="no answer for 7 min: boom")]
    body = json.loads(document(_named(["a"]), sources))
    assert body.pop("features")
    assert body == {
        "type": "FeatureCollection",
        "title": "避難所",
        "title_en": "Shelters",
        "timeStamp": "2026-01-01T09:00:00+09:00",
        "bousai:layer": "shelter",
        "bousai:status": "actual",
        "bousai:tier": "public",
        "bousai:valid_at": "2026-01-01T09:00:00+09:00",
        "bousai:known_at": "2026-01-01T09:00:00+09:00",
        "bousai:freshness": [
            {"feed": "feed", "state": "ok"},
            {"feed": "feed", "state": "ok"},
            {
                "feed": "late_feed",
                "state": "late",
                "reason": "the source has not answered for too long",
                "last_content_at": "2026-01-01T09:00:00+09:00",
                "last_fetch_at": "2026-01-01T09:00:00+09:00",
            },
        ],
        "bousai:credits": ["出典：内閣府"] * 3,
        "bousai:licences": [{"name": "PDL1.0", "url": "https://example.jp/licence"}] * 3,
    }


@pytest.mark.parametrize(
    ("status", "ja", "en"),
    [
        ("actual", "避難所", "Shelters"),
        ("exercise", "【訓練】避難所", "[EXERCISE] Shelters"),
        ("test", "【試験】避難所", "[TEST] Shelters"),
    ],
)
def test_an_exercise_says_so_in_its_title_and_in_every_feature(status: Status, ja: str, en: str) -> None:
    body = json.loads(document(_named(["a", "b"], status)))
    assert (body["title"], body["title_en"], body["bousai:status"]) == (ja, en, status)
    assert [one["properties"]["status"] for one in body["features"]] == [status, status]


# ── RFC 7946 and other readers ───────────────────────────────────────────────────────────────────────────

_HOLED = shapely.Polygon(
    [(139, 35), (139, 36), (140, 36), (140, 35)], [[(139.2, 35.2), (139.8, 35.2), (139.8, 35.8), (139.2, 35.8)]]
)


def _members(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for part in value.values() for name in _members(part)}
    return {name for part in value for name in _members(part)} if isinstance(value, list) else set()


def _turns_left(ring: list[list[float]]) -> bool:
    return sum((x2 - x1) * (y2 + y1) for (x1, y1), (x2, y2) in pairwise(ring)) < 0


@pytest.mark.parametrize("turn", [lambda shape: shape, shapely.reverse])
def test_rings_follow_the_right_hand_and_no_crs_is_named(turn: Callable[[Any], Any]) -> None:
    shapes = [turn(_HOLED), shapely.MultiPolygon([turn(_HOLED), turn(shapely.box(141, 35, 142, 36))])]
    items = items_of([Item(name, {}, geometry=shapely.to_wkb(one)) for name, one in zip("ab", shapes, strict=True)])
    said = Bulletin("municipality", "s", T0, "actual", items, "国土交通省", complete=True)
    raw = RawDocument(sha256="", feed="feed", url="file:a", name="a", fetched_at=T0, size=0)
    wkbs = normalised(said, raw, []).items.geometry
    rows = [
        {**row(item_id), "geometry": shapely.from_wkb(wkb)} for item_id, wkb in zip(items.item_id, wkbs, strict=True)
    ]
    body = json.loads(document(features(layer("n"), [table(rows)], {})))
    assert "crs" not in _members(body)
    polygon, multi = (one["geometry"]["coordinates"] for one in body["features"])
    assert [len(part) for part in (polygon, *multi)] == [2, 2, 1]
    for exterior, *holes in (polygon, *multi):
        assert _turns_left(exterior)
        assert not any(_turns_left(hole) for hole in holes)


def test_a_borrowed_union_follows_the_right_hand() -> None:
    wards = {str(code): shapely.to_wkb(shapely.box(code, 0, code + 1, 1)) for code in range(14131, 14138)}
    found = features(layer("n"), [table([row("a", muni_code="14130")])], wards)
    (text,) = geometry_texts(found.geometry)
    assert _turns_left(json.loads(text)["coordinates"][0])


def test_gdal_reads_the_same_ids_and_geometries(tmp_path: Path) -> None:
    shapes = [
        shapely.Point(139.123456, 35.654321),
        _HOLED,
        shapely.MultiPolygon([_HOLED, shapely.box(141, 35, 142, 36)]),
        shapely.LineString([(139, 35), (140, 36)]),
        None,
    ]
    ids = sorted(['"quoted"', "避難所/1", "line\nbreak", "\\", "𠮷"])
    rows = [
        row(item_id, props={"n": f"<{item_id}>"}, muni_code="17204", geometry=shape)
        for item_id, shape in zip(ids, shapes, strict=True)
    ]
    body = document(features(layer("n"), [table(rows)], {}))
    (path := tmp_path / "latest.geojson").write_bytes(body)
    for frame in (pyogrio.read_dataframe(path), geopandas.read_file(io.BytesIO(body), engine="pyogrio")):
        assert list(frame["id"]) == ids
        assert list(frame["n"]) == [f"<{item_id}>" for item_id in ids]
        assert list(frame["muni_code"]) == ["17204"] * 5  # text: a code may begin with 0
        assert frame.crs.to_epsg() == 4326
        for read, wanted in zip(frame.geometry, shapes, strict=True):
            assert read is None if wanted is None else read.equals_exact(wanted, 0)
