"""Every format beside GeoJSON: suffix → who writes it.

A new one is a module with ``write(path, sheet)`` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bousai.model import Layer
from bousai.publish import csv_text, flatgeobuf, geopackage, geoparquet
from bousai.publish.features import FeatureTable
from bousai.publish.sheet import Sheet, sheet

WRITERS: dict[str, Callable[[Path, Sheet], None]] = {
    "gpkg": geopackage.write,
    "fgb": flatgeobuf.write,
    "parquet": geoparquet.write,
    "csv": csv_text.write,
}


def formats_of(layer: Layer) -> list[str]:
    """The formats that a layer has, by suffix."""
    return [suffix for suffix in WRITERS if suffix != "fgb" or layer.geometry != "none"]


def write(folder: Path, features: FeatureTable, members: Mapping[str, Any], formats: Iterable[str]) -> Iterator[Path]:
    """Write the features in these formats as ``<layer>.<suffix>``; gives every file that was written."""
    wanted = [suffix for suffix in formats if suffix in formats_of(features.layer)]
    if not wanted:
        return
    table = sheet(features, members)
    for suffix in wanted:
        path = folder / f"{features.layer.id}.{suffix}"
        WRITERS[suffix](path, table)
        yield path
        if suffix == "csv":
            described = path.with_name(f"{path.name}-metadata.json")
            described.write_bytes(csv_text.metadata(table, path.name))
            yield described
