"""GeoJSON feature collections (RFC 7946) from strangers, also of hundreds of megabytes.

Geometries go from JSON text to WKB without a Python number in between, so memory stays at a small multiple of the
document. Refused: NaN and Infinity, duplicate members in properties, nesting beyond any real geometry, and whatever
is not a FeatureCollection. A geometry that cannot be read is None in the result and listed in `unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyproj
import shapely

from bousai.errors import ParseError
from bousai.formats import refusal, strict_json

_CHUNK = 2000
_TYPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_CRS84 = re.compile(r"(CRS84|EPSG::?(4326|6668|4612))$")
_EPSG = re.compile(r"EPSG::?(\d{4,6})$", re.ASCII)


class _Geometry(msgspec.Struct):
    type: str
    coordinates: msgspec.Raw = msgspec.Raw(b"null")


class _Feature(msgspec.Struct):
    type: str
    properties: msgspec.Raw
    geometry: _Geometry | None
    id: Any = None


class _Collection(msgspec.Struct):
    type: str
    features: msgspec.Raw = msgspec.Raw(b"")
    crs: Any = None


@dataclass(frozen=True, slots=True)
class Features:
    """`properties` and `geometry` (WKB, or None) by feature; `unreadable` are the features whose geometry is not."""

    properties: list[dict[str, Any]]
    geometry: list[bytes | None]
    unreadable: list[int]

    def __len__(self) -> int:
        return len(self.properties)


def read(body: bytes, *, transform: bool = False) -> Features:
    """All features. Raises `ParseError`: ``empty``, ``html_instead_of_json``, ``not_json``, ``not_geojson``,
    ``not_feature_collection``, ``wrong_crs``.

    `transform`: coordinates in another system that the document names by its EPSG code (平面直角座標系, QGIS writes
    such files) become degrees; without it they are refused, because RFC 7946 knows no other system.
    """
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise refusal.empty()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refusal.page("an HTML or XML page", "JSON", "html_instead_of_json")
    collection, system = _decoded(body, transform)
    found = Features([], [], [])
    texts: list[str | None] = []
    for index, feature in enumerate(_features(collection)):
        found.properties.append(_object(feature.properties, f"features[{index}]"))
        texts.append(_text(feature.geometry))
        if feature.geometry is not None and texts[-1] is None:
            found.unreadable.append(index)
        if len(texts) == _CHUNK:
            _geometries(texts, found, system)
            texts = []
    _geometries(texts, found, system)
    return found


def _decoded(body: bytes, transform: bool) -> tuple[_Collection, pyproj.Transformer | None]:
    try:
        collection = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=_Collection)
    except msgspec.ValidationError as error:
        raise ParseError(f"not a GeoJSON object: {error}", code="not_geojson", remedy=refusal.AGAIN) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ParseError(f"not JSON: {_one_line(error)}", code="not_json", remedy=refusal.AGAIN) from error
    if collection.type != "FeatureCollection":
        raise ParseError(
            f"a GeoJSON object of type {collection.type[:80]!r}, not a FeatureCollection",
            code="not_feature_collection",
            remedy="check the address that the feed reads",
        )
    named = collection.crs
    for member in ("properties", "name"):
        named = named.get(member) if isinstance(named, dict) else None
    if collection.crs is not None and not (isinstance(named, str) and _CRS84.search(named)):
        code = _EPSG.search(named) if transform and isinstance(named, str) else None
        system = _transformer(int(code[1])) if code else None
        if system is not None:
            return collection, system
        raise ParseError(
            f"coordinates in {str(named)[:80]!r}, not in degrees of longitude and latitude",
            code="wrong_crs",
            remedy="ask the publisher for EPSG:4326 or EPSG:6668",
        )
    return collection, None


def _transformer(epsg: int) -> pyproj.Transformer | None:
    """To degrees, longitude first, whatever the order of the axes of the system is; None where there is no such."""
    try:
        return pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    except pyproj.exceptions.CRSError:
        return None


def _features(collection: _Collection) -> Iterator[_Feature]:
    try:
        yield from msgspec.json.decode(collection.features or b"null", type=list[_Feature])
    except msgspec.ValidationError as error:
        raise ParseError(f"not a GeoJSON feature: {error}", code="not_geojson", remedy=refusal.AGAIN) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ParseError(f"not JSON: {_one_line(error)}", code="not_json", remedy=refusal.AGAIN) from error


def _object(raw: msgspec.Raw, position: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(bytes(raw).decode())
    except (ValueError, RecursionError) as error:
        raise ParseError(
            f"properties: {_one_line(error)}", code="not_json", remedy=refusal.AGAIN, position=position
        ) from error
    if value is not None and not isinstance(value, dict):
        raise ParseError("properties are no object", code="not_geojson", remedy=refusal.AGAIN, position=position)
    return value or {}


def _text(geometry: _Geometry | None) -> str | None:
    """The geometry as JSON again; None where its type is not one that can be read without recursion."""
    if geometry is None or geometry.type not in _TYPES:
        return None
    coordinates = bytes(geometry.coordinates)
    if coordinates[:8].replace(b" ", b"").startswith(b"[[[[[") or not coordinates.isascii():
        return None
    return f'{{"type":"{geometry.type}","coordinates":{coordinates.decode()}}}'


def _geometries(texts: list[str | None], found: Features, system: pyproj.Transformer | None) -> None:
    base = len(found.geometry)
    with np.errstate(all="ignore"):  # a number beyond any float: unreadable, as it must be
        shapes = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
    for offset, (text, shape) in enumerate(zip(texts, shapes, strict=True)):
        if shape is None or shapely.is_empty(shape):
            found.geometry.append(None)
            if text is not None:
                found.unreadable.append(base + offset)
        else:
            if system is not None:
                shape = shapely.transform(shape, system.transform, interleaved=False)
            found.geometry.append(shapely.to_wkb(shape))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
