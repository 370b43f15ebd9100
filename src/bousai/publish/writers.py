"""Every format beside GeoJSON: suffix → who writes it.

A new one is a module with ``write(path, sheet)`` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bousai.model import Layer, SourceFreshness
from bousai.publish import csv_text, flatgeobuf, geojson, geopackage, geoparquet, municipal_csv, sip4d
from bousai.publish.features import FeatureTable
from bousai.publish.sheet import Sheet, sheet

Publisher = tuple[str, str]
"""Who runs this system, for formats that must say so: name and mail address."""

SIP4D = "sip4d"
DESCRIPTION, PACKAGE = "-metadata.json", sip4d.SUFFIX
WRITERS: dict[str, Callable[[Path, Sheet], None]] = {
    "gpkg": geopackage.write,
    "fgb": flatgeobuf.write,
    "parquet": geoparquet.write,
    "csv": csv_text.write,
    "evacuation_space.csv": municipal_csv.write,
}
_DESCRIBED: dict[str, Callable[[Sheet, str], bytes]] = {
    "csv": csv_text.metadata,
    "evacuation_space.csv": municipal_csv.metadata,
}
FORMATS = (*WRITERS, SIP4D)


def formats_of(layer: Layer) -> list[str]:
    """The formats beside GeoJSON that a layer has."""
    without = {
        *(["fgb"] if layer.geometry == "none" else []),
        *([] if layer.kind in municipal_csv.KINDS else ["evacuation_space.csv"]),
        *([] if layer.sip4d else [SIP4D]),
    }
    return [one for one in FORMATS if one not in without]


def write_files(
    folder: Path,
    features: FeatureTable,
    formats: Iterable[str],
    *,
    valid_at: datetime,
    known_at: datetime,
    published_at: datetime,
    freshness: Sequence[SourceFreshness],
    publisher: Publisher,
) -> list[Path]:
    """The answer to one question in these formats, with the fields that change by themselves."""
    members = geojson.members(
        features.layer,
        status=features.status,
        valid_at=valid_at,
        known_at=known_at,
        published_at=published_at,
        freshness=freshness,
    )
    return list(write(folder, features, members, formats, publisher, volatile=True))


def write(
    folder: Path,
    features: FeatureTable,
    members: Mapping[str, Any],
    formats: Iterable[str],
    publisher: Publisher,
    *,
    before: Sequence[Path] = (),
    volatile: bool = False,
) -> Iterator[Path]:
    """Write the features in those of these formats that the layer has; gives every file that was written:
    ``<layer>.<suffix>``, with ``-metadata.json`` beside a CSV, and ``<layer>.<package>.sip4d.zip``.

    `before` are the packages that stand. `volatile`: with the fields that change by themselves as time passes.
    """
    layer = features.layer
    wanted = [one for one in formats_of(layer) if one in formats]
    table = sheet(features, members, volatile=volatile) if {*wanted} - {SIP4D} else None
    for suffix in wanted:
        if table is not None and suffix in WRITERS:
            path = folder / f"{layer.id}.{suffix}"
            WRITERS[suffix](path, table)
            yield path
            if suffix in _DESCRIBED:
                beside = path.with_name(f"{path.name}{DESCRIPTION}")
                beside.write_bytes(_DESCRIBED[suffix](table, path.name))
                yield beside
    if SIP4D in wanted:
        for package in sip4d.packages(features, members, publisher, before):
            path = folder / f"{layer.id}.{package.name}{sip4d.SUFFIX}"
            path.write_bytes(package.body)
            yield path
