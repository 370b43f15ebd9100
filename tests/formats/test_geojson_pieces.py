"""Long collections cut between features: the same as read at once, whatever the cuts."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import geojson, geojson_pieces

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "}{", "\\", '\\"}', "]}"]
)
FEATURE = st.builds(
    lambda n, text, inner: {
        "type": "Feature",
        "properties": {"n": n, "text": text, "inner": {"a": inner}},
        "geometry": shapely.box(139 + n, 35, 139.5 + n, 36).__geo_interface__ if n else None,
    },
    st.integers(0, 3),
    TEXT,
    st.lists(TEXT, max_size=2),
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geojson_pieces, "_PIECE", 300)


def joined(body: bytes) -> tuple[list[dict[str, Any]], list[bytes | None], int]:
    pieces = list(geojson_pieces.read(io.BytesIO(body)))
    return (
        [one for piece in pieces for one in piece.properties],
        [one for piece in pieces for one in piece.geometry],
        len(pieces),
    )


@settings(max_examples=150)
@given(
    features=st.lists(FEATURE, max_size=12),
    indent=st.sampled_from([None, 1]),
    head=st.sampled_from([{}, {"name": '"features": [', "x": {"features": [1, "}"]}}]),
    tail=st.booleans(),
    ascii_only=st.booleans(),
)
def test_any_collection_is_what_it_is_at_once(
    features: list[dict[str, Any]], indent: int | None, head: dict[str, Any], tail: bool, ascii_only: bool
) -> None:
    parts = [{"type": "FeatureCollection", **head}, {"features": features}]
    collection = {key: value for part in (parts[::-1] if tail else parts) for key, value in part.items()}
    body = json.dumps(collection, indent=indent, ensure_ascii=ascii_only).encode()
    whole = geojson.read(body)
    properties, geometry, _ = joined(body)
    assert (properties, geometry) == (whole.properties, whole.geometry)


def collection(count: int, **members: Any) -> bytes:
    features = [
        {"type": "Feature", "properties": {"n": n}, "geometry": {"type": "Point", "coordinates": [139.5, 35.5]}}
        for n in range(count)
    ]
    return json.dumps({"type": "FeatureCollection", **members, "features": features}).encode()


def test_there_are_several_pieces_and_each_is_small() -> None:
    properties, _, pieces = joined(collection(100))
    assert [one["n"] for one in properties] == list(range(100))
    assert pieces > 10


def test_a_feature_larger_than_a_piece() -> None:
    ring = [[139 + n / 1e5, 35 + (n % 7) / 1e5] for n in range(2000)]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": ring}}
    body = json.dumps({"type": "FeatureCollection", "features": [feature] * 3}).encode()
    assert joined(body)[1] == geojson.read(body).geometry


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (collection(50)[:-2], "not_json"),
        (collection(50)[:-40], "not_json"),
        (collection(50) + b"}", "not_json"),
        (collection(50).replace(b'{"type": "Feature"', b'7, {"type": "Feature"', 1), "not_geojson"),
        (collection(50, crs={"type": "name", "properties": {"name": "EPSG:6677"}}), "wrong_crs"),
        (collection(50)[:-1] + b', "crs": {"type": "name", "properties": {"name": "EPSG:6677"}}}', "wrong_crs"),
        (collection(50).replace(b"FeatureCollection", b"Feature"), "not_feature_collection"),
        (collection(50).replace(b'"n": 7}', b'"n": 7, "n": 8}'), "not_json"),
        (b"\xef\xbb\xbf" + collection(50).replace(b'"n": 40', b'"n": NaN'), "not_json"),
    ],
)
def test_refused_as_at_once(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        joined(body)
    assert caught.value.code == code
