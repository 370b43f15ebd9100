"""Snapshots with flat properties, for the roots ``/flat`` and ``/exercise/flat``: what desktop GIS can show.

Over OGC API – Features QGIS drops a property that is an object or a list, and so showed "unknown" where a count was
known. Here the properties are the columns of the GeoPackage of the layer. A flat snapshot is made of another one when
it is first asked for; all that finds features in the one finds them in the other. Rows have an order of their own:
first the few that between them show the type of every column (`bousai.publish.flat` says why), then all others by id.
It follows from the content alone, so a cursor means the same place in every worker, and the file need not be kept: it
has no name, and its bytes are free when nobody reads them any more.
"""

from __future__ import annotations

import threading
import uuid
from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from bousai import pipeline
from bousai.model import Field, ReleasedLayer
from bousai.serve.snapshots import Snapshot

_PROPERTIES, _NOWHERE = b',"properties":', b',"geometry":null,"properties":'
_OPEN, _OPEN_FEATURES = 64, 1_000_000


class FlatSnapshot(Snapshot):
    """A snapshot with flat properties; its `layer` has the columns as fields, `formats` what else is true of
    their values."""

    def __init__(self, path: Path, origin: Snapshot, found: pipeline.Flat) -> None:
        super().__init__(path, with_fields(origin.layer, found.fields), origin.status, f"{origin.key}.flat")
        self.formats = found.formats
        self._first = len(found.first)

    def row_of(self, feature_id: str) -> int | None:
        """The row of a feature, None where there is none of this id."""
        for row in range(self._first):
            if self.feature_id(row) == feature_id:
                return row
        row = bisect_left(range(len(self)), feature_id, lo=self._first, key=self.feature_id)
        return row if row < len(self) and self.feature_id(row) == feature_id else None


def with_fields(layer: ReleasedLayer, fields: Sequence[Field]) -> ReleasedLayer:
    """A layer whose features have flat properties."""
    shared = len(layer.common)
    return layer.model_copy(update={"common": tuple(fields[:shared]), "fields": tuple(fields[shared:])})


def empty(layer: ReleasedLayer) -> ReleasedLayer:
    """A layer of which there are no features yet, as it will be."""
    return with_fields(layer, pipeline.flat_fields(layer))


class Flats:
    """The flat snapshots of one server: each made once, whoever asks first; what nobody has used for longest goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._open: OrderedDict[str, FlatSnapshot] = OrderedDict()

    def of(self, snapshot: Snapshot) -> FlatSnapshot:
        """A snapshot, flat."""
        with self._lock:
            making = self._making[snapshot.key]
        with making:
            with self._lock:
                found = self._open.get(snapshot.key)
            if found is None:
                found = self._make(snapshot)
            with self._lock:
                self._making.pop(snapshot.key, None)
                self._open[snapshot.key] = found
                self._open.move_to_end(snapshot.key)
                while len(self._open) > _OPEN or (
                    len(self._open) > 1 and sum(map(len, self._open.values())) > _OPEN_FEATURES
                ):
                    self._open.popitem(last=False)
        return found

    def _make(self, snapshot: Snapshot) -> FlatSnapshot:
        properties, located = [], []
        for text in snapshot.features(range(len(snapshot))):
            head, of = _parts(text)
            properties.append(of)
            located.append(not head.endswith(_NOWHERE))
        found = pipeline.flat(snapshot.layer, snapshot.status, properties, located)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f".flat.{uuid.uuid4().hex}"
        try:
            with path.open("wb") as file:
                file.writelines(_collection(snapshot, found))
            return FlatSnapshot(path, snapshot, found)
        finally:
            path.unlink(missing_ok=True)


def _parts(text: bytes) -> tuple[bytes, bytes]:
    """A feature up to its properties, and the properties."""
    at = text.find(_PROPERTIES + b"{") + len(_PROPERTIES)
    return text[:at], text[at:-1]


def _collection(snapshot: Snapshot, found: pipeline.Flat) -> Iterator[bytes]:
    """The file: one feature a line, as `Snapshot` reads it."""
    yield orjson.dumps(snapshot.members)[:-1] + b',"features":[\n'
    first = set(found.first)
    rows = [*found.first, *(row for row in range(len(snapshot)) if row not in first)]
    for n, row in enumerate(rows):
        yield (b",\n" if n else b"") + _parts(snapshot.feature(row))[0] + found.properties[row] + b"}"
    yield b"\n]}\n"


_TYPES: dict[str, dict[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
}
_GEOMETRIES = {
    "point": "geometry-point",
    "line": "geometry-linestring-or-multilinestring",
    "polygon": "geometry-polygon-or-multipolygon",
}


def schema(layer: ReleasedLayer, formats: Mapping[str, str], address: str) -> dict[str, Any]:
    """The columns of a layer of this kind (OGC 23-058r2, Part 5: Schemas). A value that is not known is null."""
    fields = (*layer.common, *layer.fields)
    shown: dict[str, Any] = {
        one.name: {**_column(one, formats.get(one.name)), "x-ogc-propertySeq": n} for n, one in enumerate(fields, 1)
    }
    shown["id"]["x-ogc-role"] = "id"
    if layer.geometry != "none":
        shown["geometry"] = {
            "title": "位置・範囲 / Geometry",
            "format": _GEOMETRIES[layer.geometry],
            "x-ogc-role": "primary-geometry",
        }
    return {**_head(layer, address), "properties": shown}


def feature_schema(layer: ReleasedLayer, formats: Mapping[str, str], address: str) -> dict[str, Any]:
    """A feature of such a layer as JSON Schema. Its columns have one type each, though a value may be null: GDAL
    knows no list of types. It takes ``integer`` for 32 bits and cuts what is more, so columns with more are numbers;
    and it has the id from the features, so that there would be two columns of that name if it stood here."""
    columns = {one.name: _column(one, formats.get(one.name)) for one in (*layer.common, *layer.fields)}
    wide = {name: {**columns[name], "type": "number"} for name, what in formats.items() if what == "int64"}
    shown = {name: column for name, column in {**columns, **wide}.items() if name != "id"}
    return {
        **_head(layer, address),
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": {"type": ["object", "null"]},
            "properties": {"type": "object", "properties": shown},
        },
    }


def _head(layer: ReleasedLayer, address: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": f"{layer.title_ja} / {layer.title_en}",
    }


def _column(field: Field, form: str | None) -> dict[str, Any]:
    more = {"format": form} if form else {}
    unit = {"x-ogc-unit": field.unit} if field.unit else {}
    return {"title": f"{field.ja} / {field.en}", **_TYPES[field.type], **more, **unit}
