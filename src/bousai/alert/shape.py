"""Outlines → polygons of a message: few vertices, and never less than the area.

A message travels over SMS gateways and radios, so an area has at most 100 vertices (CAP sets no limit; the feeds of
others are cut at that). Who is inside must stay inside: an outline is simplified outwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import shapely
from shapely import MultiPolygon, Polygon

MOST = 100
"""Vertices of one area, all its rings together, the closing ones too."""

_DIGITS = 4  # 11 m: far below what is added all round
_FIRST = 0.002  # degrees, about 200 m
_GROWTH = 1.7
_LAST = 2.0

Ring = tuple[tuple[float, float], ...]


@lru_cache(maxsize=4096)
def rings(outlines: tuple[bytes, ...], most: int = MOST) -> tuple[Ring, ...]:
    """Closed rings of (latitude, longitude), WGS 84, that together cover the given areas (WKB, EPSG:4326), with at
    most so many vertices in all. Holes are filled. Nothing for what has no area.
    """
    whole = shapely.union_all(shapely.make_valid(shapely.from_wkb(list(outlines))))
    if whole.is_empty or whole.area == 0:
        return ()
    margin = _FIRST
    while margin < _LAST:
        found = _rounded(whole, margin)
        if sum(len(ring) for ring in found) <= most and _covers(found, whole):
            return found
        margin *= _GROWTH
    west, south, east, north = whole.bounds
    step = 10.0**-_DIGITS
    west, south, east, north = west - step, south - step, east + step, north + step
    return (((south, west), (south, east), (north, east), (north, west), (south, west)),)


def _rounded(whole: shapely.Geometry, margin: float) -> tuple[Ring, ...]:
    # Simplifying moves a line by up to its tolerance; the buffer before it is wider than that and the rounding.
    coarse = shapely.simplify(whole, margin / 4)
    grown = shapely.simplify(shapely.buffer(coarse, margin, quad_segs=2), margin / 2)
    found = []
    for part in _polygons(grown):
        ring = [(round(lat, _DIGITS), round(lon, _DIGITS)) for lon, lat in part.exterior.coords]
        ring = [point for n, point in enumerate(ring) if n == 0 or point != ring[n - 1]]
        if len(ring) >= 4:
            found.append(tuple(ring))
    return tuple(sorted(found))


def _polygons(geometry: shapely.Geometry) -> Sequence[Polygon]:
    if isinstance(geometry, MultiPolygon):
        return list(geometry.geoms)
    return [geometry] if isinstance(geometry, Polygon) else []


def _covers(found: Sequence[Ring], whole: shapely.Geometry) -> bool:
    drawn = [Polygon([(lon, lat) for lat, lon in ring]) for ring in found]
    if not all(one.is_valid for one in drawn):
        return False
    return bool(shapely.covers(shapely.union_all(drawn), whole))
