"""GeoPackage (OGC 12-128r19): what QGIS opens with a double click. One layer a file.

The title and the description of the layer with its credit lines stand in ``gpkg_contents``, the Japanese and English
labels of the columns in ``gpkg_data_columns`` (QGIS shows them as aliases), everything that the head of a collection
says in ``gpkg_metadata`` as JSON. A DATETIME of a GeoPackage is UTC and nothing else, so the labels of times say so.
A layer without places is a table of attributes.

The same content gives the same bytes with one version of GDAL and SQLite: the only clock in it is the time of
publication, in last_change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from bousai.publish.described import description
from bousai.publish.sheet import Column, Sheet, arrow, with_geometry

_ONE_AT_A_TIME = Lock()  # GDAL takes the time of last_change from a setting of the whole process
_GEOMETRY = "geom"


def write(path: Path, of: Sheet) -> None:
    """Write the file; it must not be there yet."""
    import pyogrio.raw  # here, not above: with geopandas beside it, it takes a second that no other task must wait

    labels = [_label(one) for one in of.columns]
    unique = [
        label if labels.index(label) == n else f"{label}（{one.name}）"  # gpkg_data_columns has a label once a table
        for n, (label, one) in enumerate(zip(labels, of.columns, strict=True))
    ]
    described = {one.name: _described(one, label) for one, label in zip(of.columns, unique, strict=True)}
    table = arrow(of, described)
    more: dict[str, Any] = {}
    if of.geometry_type is not None:
        table = with_geometry(table, of.wkb, _GEOMETRY)
        more = {"geometry_name": _GEOMETRY, "geometry_type": of.geometry_type, "crs": "EPSG:4326"}
    settings = {
        "OGR_CURRENT_DATE": _utc(of.members["timeStamp"]),
        "OGR_SQLITE_SYNCHRONOUS": "OFF",  # the caller waits for the disk, once
    }
    with _ONE_AT_A_TIME:
        pyogrio.set_gdal_config_options(settings)
        try:
            pyogrio.raw.write_arrow(
                table,
                path,
                layer=of.layer.id,
                driver="GPKG",
                layer_metadata={
                    "credit": "\n".join(of.members["bousai:credits"]),
                    "bousai": orjson.dumps(dict(of.members)).decode(),
                },
                dataset_options={"DATETIME_FORMAT": "UTC"},
                layer_options={"IDENTIFIER": of.members["title"], "DESCRIPTION": description(of.layer, of.members)},
                **more,
            )
        finally:
            pyogrio.set_gdal_config_options(dict.fromkeys(settings))


def _label(column: Column) -> str:
    unit = f"（{column.unit}）" if column.unit else ""
    return f"{column.ja}{unit}{'（UTC）' if column.type == 'datetime' else ''}"


def _described(column: Column, label: str) -> dict[str, str]:
    return {
        "GDAL:OGR:alternative_name": label,
        "GDAL:OGR:comment": f"{column.en}{' (UTC)' if column.type == 'datetime' else ''}",
        **({"GDAL:OGR:subtype": "JSON"} if column.type == "json" else {}),
    }


def _utc(stamp: str) -> str:
    return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
