"""Reference systems (OGC 18-058r1): CRS84, in which everything is kept, and those that Japan's users ask for.

JGD2011 (EPSG:6668) is equal to WGS 84 within the accuracy of these data (both realise ITRF; no transformation between
them is defined that would be better than none), so its coordinates are the same with latitude first, as for
EPSG:4326.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from pyproj import Transformer

from bousai.serve.problem import Problem

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_LATITUDE_FIRST = (f"{_EPSG}4326", f"{_EPSG}6668")
_MERCATOR = f"{_EPSG}3857"
SUPPORTED = (CRS84, *_LATITUDE_FIRST, _MERCATOR)
"""The URIs, the one of storage first."""

_EDGE = 20037508.342789244  # half the equator in metres: the end of Web Mercator's world


def known(name: str, uri: str) -> str:
    """A supported URI; the safe form ``[EPSG:6668]`` of Part 2 is understood too. Raises `Problem`."""
    found = uri
    if uri.startswith("[") and uri.endswith("]"):
        authority, _, code = uri[1:-1].partition(":")
        found = f"{_EPSG}{code}" if authority.upper() == "EPSG" else CRS84 if code.upper() == "CRS84" else uri
    if found not in SUPPORTED:
        raise Problem(
            400, f"{name}: no reference system {uri[:100]!r}", remedy=f"one of: {' '.join(SUPPORTED)}", parameter=name
        )
    return found


@cache
def _mercator(inverse: bool) -> Transformer:
    # WGS 84 in its traditional order and Web Mercator: a formula, no grid, exact both ways (EPSG method 1024).
    ends = ("EPSG:3857", "OGC:CRS84") if inverse else ("OGC:CRS84", "EPSG:3857")
    return Transformer.from_crs(*ends, always_xy=True)


def box_to_crs84(box: tuple[float, float, float, float], uri: str) -> tuple[float, float, float, float]:
    """West, south, east, north of a box whose corners are in the axis order of `uri`."""
    first, second, third, fourth = box
    if uri in _LATITUDE_FIRST:
        return second, first, fourth, third
    if uri == _MERCATOR:
        xs, ys = (np.clip([a, b], -_EDGE, _EDGE) for a, b in ((first, third), (second, fourth)))
        (west, east), (south, north) = _mercator(True).transform(xs, ys)
        return float(west), float(south), float(east), float(north)
    return box


def _there(coordinates: npt.NDArray[np.float64], uri: str) -> npt.NDArray[np.float64]:
    if uri == CRS84:
        return coordinates
    if uri in _LATITUDE_FIRST:
        return coordinates[:, ::-1]
    x, y = _mercator(False).transform(coordinates[:, 0], coordinates[:, 1])
    return np.round(np.column_stack([x, y]), 2)


def _back(coordinates: npt.NDArray[np.float64], uri: str) -> npt.NDArray[np.float64]:
    if uri in _LATITUDE_FIRST:
        return coordinates[:, ::-1]
    lon, lat = _mercator(True).transform(coordinates[:, 0], coordinates[:, 1])
    return np.column_stack([lon, lat])


def to_crs84(shape: Any, uri: str) -> Any:
    """A geometry whose coordinates are in `uri`, in longitude and latitude."""
    return shape if uri == CRS84 else shapely.transform(shape, lambda xy: _back(xy, uri))


def transform(features: Iterable[bytes], uri: str) -> list[bytes]:
    """Features (GeoJSON texts in CRS84) with their geometries in `uri`; centimetres in metres, else six decimals."""
    found = [orjson.loads(text) for text in features]
    texts = [None if one["geometry"] is None else orjson.dumps(one["geometry"]).decode() for one in found]
    shapes = shapely.transform(shapely.from_geojson(texts), lambda xy: _there(xy, uri)) if texts else []
    for feature, text in zip(found, shapely.to_geojson(shapes), strict=True):
        feature["geometry"] = None if text is None else orjson.loads(text)
    return [orjson.dumps(feature) for feature in found]
