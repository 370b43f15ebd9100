"""FlatGeobuf files (flatgeobuf.org, version 3): features of one layer, read by GDAL from memory.

Coordinates must be degrees of a system that is WGS 84 within a few metres (EPSG:4326, 6668 JGD2011, 4612 JGD2000),
which is what 国土地理院 publishes; another system is refused rather than guessed at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyogrio.errors
import pyogrio.raw

from bousai.errors import ParseError
from bousai.formats import refusal
from bousai.formats.geojson import Features

_MAGIC = b"fgb\x03fgb"
_DEGREES = ("EPSG:4326", "EPSG:6668", "EPSG:4612", "OGC:CRS84")


def is_flatgeobuf(body: bytes) -> bool:
    """Whether the bytes begin as FlatGeobuf does."""
    return body.startswith(_MAGIC)


def read(body: bytes) -> Features:
    """All features, as `geojson.read` gives them. Raises `ParseError`: ``empty``, ``not_flatgeobuf``,
    ``wrong_crs``.
    """
    if not body:
        raise refusal.empty()
    if not is_flatgeobuf(body):
        raise ParseError("not FlatGeobuf", code="not_flatgeobuf", remedy=refusal.AGAIN)
    try:
        meta, _, wkb, values = pyogrio.raw.read(body)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, IndexError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ParseError(f"not FlatGeobuf: {cause}", code="not_flatgeobuf", remedy=refusal.AGAIN) from error
    if meta["crs"] not in _DEGREES:
        raise ParseError(
            f"coordinates in {str(meta['crs'])[:60]!r}, not in degrees of JGD2011, JGD2000 or WGS 84",
            code="wrong_crs",
            remedy="ask the publisher for EPSG:6668 or EPSG:4326",
        )
    names = [str(name) for name in meta["fields"]]
    rows = zip(*(map(_plain, column) for column in values), strict=True) if names else ((),) * len(wkb)
    geometry = [None if one is None else bytes(one) for one in wkb]
    return Features(
        [dict(zip(names, row, strict=True)) for row in rows],
        geometry,
        [number for number, one in enumerate(geometry) if one is None],
    )


def _plain(value: Any) -> Any:
    """A Python value; a missing number (NaN) is None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value
