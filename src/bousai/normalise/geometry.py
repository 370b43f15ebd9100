"""Geometry: two dimensions, six decimals, where it can be; polygons valid and with the right-hand rule."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from bousai.model import Bulletin, Issue, RawDocument
from bousai.vocab.kind import kinds

JAPAN = (122.0, 20.0, 154.0, 46.0)
"""West, south, east, north: from 与那国島 and 沖ノ鳥島 to 南鳥島 and 択捉島, with some sea."""
_EARTH = (-180.0, -90.0, 180.0, 90.0)
_POLYGONS = (3, 6)  # shapely's type ids of Polygon and MultiPolygon
_COLLECTION = 7
_NAMED = 5  # items that an issue names


def geometry(bulletin: Bulletin, raw: RawDocument, issues: list[Issue]) -> Bulletin:
    """Check and mend the geometry of all items at once; one that cannot be right becomes None, with an issue."""
    items = bulletin.items
    held = np.array([wkb is not None for wkb in items.geometry], dtype=bool)
    if not held.any():
        return bulletin
    shapes = np.full(len(items), None, dtype=object)
    with np.errstate(all="ignore"):  # coordinates that are no numbers: not usable, below
        shapes[held] = shapely.from_wkb([wkb for wkb in items.geometry if wkb is not None], on_invalid="ignore")
    if shapely.has_z(shapes).any():
        shapes = shapely.force_2d(shapes)
    usable, why = _usable(shapes, kinds()[bulletin.kind].in_japan)
    usable &= held
    for index in np.flatnonzero(held & ~usable).tolist():
        position = items.position[index] if items.position else ""
        cause, remedy = _WHY[why(index)]
        issues.append(
            Issue(why(index), f"{items.item_id[index]}: {cause}", remedy, "warning", position or bulletin.scope)
        )
    shapes[~usable] = None
    shapes = _rounded(shapes)
    shapes = _mended(shapes, bulletin, issues)
    wkbs = [None if shape is None else bytes(wkb) for shape, wkb in zip(shapes, shapely.to_wkb(shapes), strict=True)]
    return bulletin.with_items(replace(items, geometry=wkbs))


def _rounded(shapes: Any) -> Any:
    """Six decimals (11 cm), as they are published: what is valid here is valid there."""
    return shapely.transform(shapes, lambda coordinates: np.round(coordinates, 6))


_WHY = {
    "bad_geometry": ("its geometry cannot be read", "look at it in the document; the item is kept without a place"),
    "swapped_coordinates": (
        "latitude and longitude seem to be swapped",
        "tell the publisher; the item is kept without a place",
    ),
    "outside_japan": ("its place is not in Japan", "look it up; the item is kept without a place"),
    "off_the_earth": ("its place is not on the earth", "look it up; the item is kept without a place"),
}


def _within(bounds: npt.NDArray[np.float64], box: tuple[float, float, float, float]) -> npt.NDArray[np.bool_]:
    west, south, east, north = box
    inside: npt.NDArray[np.bool_] = (
        (bounds[:, 0] >= west) & (bounds[:, 1] >= south) & (bounds[:, 2] <= east) & (bounds[:, 3] <= north)
    )
    return inside


def _usable(shapes: Any, in_japan: bool) -> tuple[npt.NDArray[np.bool_], Any]:
    bounds = shapely.bounds(shapes)
    readable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    coordinates, of = shapely.get_coordinates(shapes, return_index=True)  # the bounds leave a NaN out
    readable[of[~np.isfinite(coordinates).all(axis=1)]] = False
    on_earth = _within(bounds, _EARTH)
    inside = _within(bounds, JAPAN) if in_japan else on_earth
    swapped = _within(bounds[:, [1, 0, 3, 2]], JAPAN)

    def why(index: int) -> str:
        if not readable[index]:
            return "bad_geometry"
        if swapped[index]:
            return "swapped_coordinates"
        return "outside_japan" if on_earth[index] else "off_the_earth"

    return readable & inside, why


def _mended(shapes: Any, bulletin: Bulletin, issues: list[Issue]) -> Any:
    """Valid polygons (OGC 06-103r4, 6.1.11), exterior rings counter-clockwise (RFC 7946, 3.1.6)."""
    areas = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    if not areas.any():
        return shapes
    mended: dict[str, list[int]] = defaultdict(list)
    for index in np.flatnonzero(areas & ~shapely.is_valid(shapes)).tolist():
        reason = shapely.is_valid_reason(shapes[index]).partition("[")[0]
        shapes[index] = _repaired(shapes[index])
        if shapes[index] is not None:
            mended[reason].append(index)
            continue
        issues.append(
            Issue(
                "geometry_repaired",
                f"{bulletin.items.item_id[index]}: polygon was not valid ({reason}); nothing usable was left of it",
                "none needed; tell the publisher",
                position=_position(bulletin, index),
            )
        )
    for reason, those in mended.items():  # a hazard map has thousands of them
        named = ", ".join(bulletin.items.item_id[index] for index in those[:_NAMED])
        more = f" and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
        issues.append(
            Issue(
                "geometry_repaired",
                f"{named}{more}: polygon was not valid ({reason})",
                "none needed; tell the publisher",
                "info",
                _position(bulletin, those[0]),
            )
        )
    shapes[areas] = shapely.orient_polygons(_rounded(shapes[areas]), exterior_cw=False)
    return shapes


def _position(bulletin: Bulletin, index: int) -> str:
    return (bulletin.items.position[index] if bulletin.items.position else "") or bulletin.scope


def _repaired(shape: Any) -> Any:
    """Valid on the grid of six decimals; None where nothing is left, or where GEOS does not find it."""
    try:
        shape = _areas_of(shapely.make_valid(shape, method="structure", keep_collapsed=False))
        if shape is not None:
            shape = _areas_of(_rounded(shapely.set_precision(shape, 1e-6)))
    except shapely.GEOSException:
        return None
    return shape if shapely.is_valid(shape) else None


def _areas_of(shape: Any) -> Any:
    if shapely.get_type_id(shape) == _COLLECTION:
        parts = [part for part in shapely.get_parts(shape) if shapely.get_type_id(part) in _POLYGONS]
        shape = shapely.union_all(parts)
    return None if shapely.is_empty(shape) or shapely.get_type_id(shape) not in _POLYGONS else shape
