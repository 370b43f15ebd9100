"""FlatGeobuf (flatgeobuf.org, version 3): a map reads the part that it shows over HTTP, by the index of places.

Where a feature has no place the file has no such index, which cannot hold it: that all features are there counts
more. Title, description and labels of the columns stand in the header, as does everything that the head of a
collection says (metadata, JSON); times are those of Japan. A layer without places has no such file.
The same content gives the same bytes with one version of GDAL.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from bousai.publish.described import description
from bousai.publish.sheet import Column, Sheet, arrow, with_geometry

_GEOMETRY = "geometry"


def write(path: Path, of: Sheet) -> None:
    """Write the file; it must not be there yet. Raises ValueError for a layer without places."""
    import pyogrio.raw  # here, not above: with geopandas beside it, it takes a second that no other task must wait

    if of.geometry_type is None:
        raise ValueError(f"layer {of.layer.id} has no places")
    pyogrio.raw.write_arrow(
        with_geometry(arrow(of, {one.name: _described(one) for one in of.columns}), of.wkb, _GEOMETRY),
        path,
        layer=of.layer.id,
        driver="FlatGeobuf",
        geometry_name=_GEOMETRY,
        geometry_type=of.geometry_type,
        crs="EPSG:4326",
        layer_metadata={
            "credit": "\n".join(of.members["bousai:credits"]),
            "bousai": orjson.dumps(dict(of.members)).decode(),
        },
        layer_options={
            "TITLE": of.members["title"],
            "DESCRIPTION": description(of.layer, of.members),
            "SPATIAL_INDEX": "NO" if of.has_gaps or not len(of) else "YES",
        },
    )


def _described(column: Column) -> dict[str, str]:
    unit = f"（{column.unit}）" if column.unit else ""
    return {"GDAL:OGR:alternative_name": f"{column.ja}{unit}", "GDAL:OGR:comment": column.en}
