"""GeoParquet 1.1.0 (geoparquet.org): for analysis with pandas, DuckDB, Spark and the like.

WKB with zstd, OGC:CRS84, and a column ``bbox`` for every feature (covering), by which a reader skips what lies
elsewhere. What the head of a collection says is in the metadata of the file under ``bousai`` as JSON, the labels of
the columns in those of the columns. A layer without places is plain Parquet.
The same content gives the same bytes with one version of pyarrow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyproj
import shapely
from pyarrow import parquet

from bousai.publish.sheet import Sheet, arrow, with_geometry

_GEOMETRY = "geometry"
_ROWS = 20_000
_BOX = ("xmin", "ymin", "xmax", "ymax")
_NAMES = {
    0: "Point",
    1: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}


def write(path: Path, of: Sheet) -> None:
    """Write the file."""
    table = arrow(of, {one.name: {"title_ja": one.ja, "title_en": one.en, **_unit(one.unit)} for one in of.columns})
    said = {"bousai": orjson.dumps(dict(of.members)), "credit": "\n".join(of.members["bousai:credits"])}
    if of.geometry_type is not None:
        table = with_geometry(table, of.wkb, _GEOMETRY).append_column("bbox", _boxes(of))
        said["geo"] = orjson.dumps(_geo(of))
    table = table.replace_schema_metadata(said)
    parquet.write_table(table, path, compression="zstd", row_group_size=_ROWS, store_schema=True)


def _unit(unit: str | None) -> dict[str, str]:
    return {"unit": unit} if unit else {}


def _boxes(of: Sheet) -> pa.StructArray:
    missing = shapely.is_missing(of.shapes) | shapely.is_empty(of.shapes)
    bounds = shapely.bounds(of.shapes).reshape(-1, 4)
    return pa.StructArray.from_arrays(
        [pa.array(np.ascontiguousarray(bounds[:, n]), mask=missing) for n in range(4)],
        names=list(_BOX),
        mask=pa.array(missing),
    )


def _geo(of: Sheet) -> dict[str, Any]:
    kinds = sorted(set(shapely.get_type_id(of.shapes).tolist()) - {-1})
    bounds = shapely.total_bounds(of.shapes).tolist() if kinds else None
    column = {
        "encoding": "WKB",
        "geometry_types": [_NAMES[kind] for kind in kinds],
        "crs": _crs(),
        "orientation": "counterclockwise",
        "edges": "planar",
        **({} if bounds is None else {"bbox": bounds}),
        "covering": {"bbox": {name: ["bbox", name] for name in _BOX}},
    }
    return {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}


@cache
def _crs() -> dict[str, Any]:
    found: dict[str, Any] = pyproj.CRS.from_user_input("OGC:CRS84").to_json_dict()
    return found
