"""GeoJSON text (RFC 7946): one feature a line, six decimals, so that two versions can be compared line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from bousai.model import Layer, ReleasedLayer, SourceFreshness, Status
from bousai.publish.features import FeatureTable
from bousai.vocab.japanese_time import local

_CHUNK = 1000
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6
END = b"\n]}\n"


def feature_lines(features: FeatureTable) -> Iterator[bytes]:
    """One JSON object a feature, in the order of the table."""
    for start in range(0, len(features), _CHUNK):
        end = start + _CHUNK
        texts = geometry_texts(features.geometry[start:end])
        rows = zip(features.ids[start:end], texts, features.properties[start:end], strict=True)
        for item_id, geometry, properties in rows:
            head = b'{"type":"Feature","id":' + orjson.dumps(item_id)
            yield b'%s,"geometry":%s,"properties":%s}' % (head, geometry, properties)


def geometry_texts(shapes: npt.NDArray[Any]) -> list[bytes]:
    """Geometry objects as JSON; ``null`` where there is none. Points and polygons go through numpy."""
    texts = [b"null"] * len(shapes)
    types = shapely.get_type_id(shapes)
    points = np.flatnonzero(types == _POINT)
    for row, text in zip(points.tolist(), _points(shapes[points]), strict=True):
        texts[row] = text
    for kind, writer in ((_POLYGON, _polygons), (_MULTIPOLYGON, _multipolygons)):
        rows = np.flatnonzero(types == kind)
        if len(rows):
            for row, text in zip(rows.tolist(), writer(shapes[rows]), strict=True):
                texts[row] = text
    others = np.flatnonzero((types >= 0) & ~np.isin(types, (_POINT, _POLYGON, _MULTIPOLYGON)))
    if len(others):
        rounded = shapely.transform(shapes[others], lambda coordinates: np.round(coordinates, 6))
        for row, text in zip(others.tolist(), shapely.to_geojson(rounded), strict=True):
            texts[row] = orjson.dumps(orjson.loads(text))  # GEOS writes 0.131 as 0.13100000000000001
    return texts


def _points(shapes: npt.NDArray[Any]) -> list[bytes]:
    if not len(shapes):
        return []
    pairs = orjson.dumps(np.round(shapely.get_coordinates(shapes), 6), option=orjson.OPT_SERIALIZE_NUMPY)
    return [b'{"type":"Point","coordinates":[%s]}' % pair for pair in pairs[2:-2].split(b"],[")]


def _rings(shapes: npt.NDArray[Any]) -> tuple[list[npt.NDArray[np.float64]], tuple[Any, ...]]:
    """Rings as arrays of rounded coordinates, and the remaining offsets of the ragged array."""
    _, coordinates, (ring_ends, *offsets) = shapely.to_ragged_array(shapes)
    rounded = np.ascontiguousarray(np.round(coordinates, 6))
    return [rounded[start:end] for start, end in pairwise(ring_ends.tolist())], tuple(offsets)


def _polygons(shapes: npt.NDArray[Any]) -> Iterator[bytes]:
    rings, (polygons,) = _rings(shapes)
    for start, end in pairwise(polygons.tolist()):
        yield _object("Polygon", rings[start:end])


def _multipolygons(shapes: npt.NDArray[Any]) -> Iterator[bytes]:
    rings, (polygons, parts) = _rings(shapes)
    pieces = [rings[start:end] for start, end in pairwise(polygons.tolist())]
    for start, end in pairwise(parts.tolist()):
        yield _object("MultiPolygon", pieces[start:end])


def _object(kind: str, coordinates: Sequence[Any]) -> bytes:
    return orjson.dumps({"type": kind, "coordinates": coordinates}, option=orjson.OPT_SERIALIZE_NUMPY)


def title(layer: Layer, status: Status) -> tuple[str, str]:
    """Japanese and English title; an exercise says so in front."""
    if status == "actual":
        return layer.title_ja, layer.title_en
    mark = {"exercise": ("【訓練】", "[EXERCISE] "), "test": ("【試験】", "[TEST] ")}[status]
    return mark[0] + layer.title_ja, mark[1] + layer.title_en


def shown_state(source: SourceFreshness) -> dict[str, Any]:
    """What a collection says of a source. `ok` and `quiet` are both "the last word of a source that answers"; with
    anything else come the times from which a reader sees the age. One that still answers (`held`, frozen, overdue)
    does so at every poll: the time of its last answer says nothing of the age and would make new versions."""
    if source.state in ("ok", "quiet"):
        return {"feed": source.feed, "state": "ok"}
    answers = source.state == "held" or source.why in _ANSWERING
    return {
        "feed": source.feed,
        "state": source.state,
        "reason": source.reason if source.state in ("held", "paused") else _ANSWERING.get(source.why, _SILENT),
        "last_content_at": _local(source.last_content_at),
        **({} if answers else {"last_fetch_at": _local(source.last_fetch_at)}),
    }


_SILENT = "the source has not answered for too long"
_ANSWERING = {
    "frozen": "the source answers, and what it answers was made too long ago",
    "overdue": "the source answers, and has not said what it always says",
}


def _local(at: datetime | None) -> str | None:
    return None if at is None else local(at)


def members(
    layer: ReleasedLayer,
    *,
    status: Status,
    valid_at: datetime,
    known_at: datetime,
    published_at: datetime,
    freshness: Sequence[SourceFreshness],
) -> dict[str, Any]:
    """What a collection says of itself, before its features; every other format says the same."""
    title_ja, title_en = title(layer, status)
    return {
        "type": "FeatureCollection",
        "title": title_ja,
        "title_en": title_en,
        "timeStamp": local(published_at),
        "bousai:layer": layer.id,
        "bousai:status": status,
        "bousai:tier": layer.tier,
        "bousai:valid_at": local(valid_at),
        "bousai:known_at": local(known_at),
        "bousai:freshness": [shown_state(source) for source in freshness],
        "bousai:credits": [source.credit for source in freshness],
        "bousai:licences": [{"name": source.licence, "url": source.licence_url} for source in freshness],
    }


def head(of: Mapping[str, Any], **more: Any) -> bytes:
    """The collection up to its first feature: `members`, and what else it says under ``bousai:<name>``."""
    return orjson.dumps({**of, **{f"bousai:{name}": value for name, value in more.items()}})[:-1] + b',"features":[\n'


def collection(start: bytes, lines: Iterable[bytes]) -> bytes:
    """A whole collection."""
    return start + b",\n".join(lines) + END


def layer_chunks(
    features: FeatureTable,
    *,
    valid_at: datetime,
    known_at: datetime,
    published_at: datetime,
    freshness: Sequence[SourceFreshness],
) -> Iterator[bytes]:
    """One layer as a GeoJSON document, in pieces: a layer of hundreds of megabytes is never held as one text."""
    yield head(
        members(
            features.layer,
            status=features.status,
            valid_at=valid_at,
            known_at=known_at,
            published_at=published_at,
            freshness=freshness,
        )
    )
    yield from batches(feature_lines(features))
    yield END


def batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The features of a collection between its head and its end, joined by commas, some hundreds at a time."""
    remaining = iter(lines)
    separator = b""
    while some := list(islice(remaining, _CHUNK)):
        yield separator + b",\n".join(some)
        separator = b",\n"
