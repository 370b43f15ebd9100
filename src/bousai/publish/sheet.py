"""A layer as typed columns, the same for every format that is a table (GeoPackage, FlatGeobuf, GeoParquet, CSV).

A count ``{value, state, qualifier, text}`` becomes three columns: ``<name>`` the number, empty where there is none;
``<name>_state`` in one word what the number is (``reported``, or its qualifier: ``approx``, ``at_least``,
``less_than``, …) or why there is none (``blank``, ``investigating``, ``suppressed``, …); ``<name>_text`` the wording
of the source where it says more. Of another object or a list the column is JSON text, and the parts of it that the
layer names stand beside it as ``<name>_<part>``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import shapely

from bousai.model import Field, ReleasedLayer
from bousai.publish.features import FeatureTable

Type = Literal["text", "integer", "number", "boolean", "datetime", "json"]

_ARROW: dict[Type, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("ms", tz="+09:00"),
}
_PYTHON: dict[Type, set[type]] = {
    "text": {str},
    "json": {str},
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
    "datetime": {str},
}
_FAMILY = {"point": (0, "Point"), "line": (5, "MultiLineString"), "polygon": (6, "MultiPolygon")}
_LINE, _POLYGON, _MULTILINE, _MULTIPOLYGON = 1, 3, 5, 6


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column: `values` as JSON has them (a time is ISO 8601 text), `array` typed.

    `type` is that of the layer's field; where a value is none of that type the whole column is text, so that what a
    source says is shown and never dropped.
    """

    name: str
    type: Type
    ja: str
    en: str
    unit: str | None
    values: list[Any]
    array: pa.Array


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Columns and places of the features of a layer, in the order of their ids.

    `shapes` has six decimals, lines and polygons as their multiple forms. `geometry_type` is the one that all have,
    ``Unknown`` where they differ, None for a layer without places. `members` is what the head of a collection says.
    """

    layer: ReleasedLayer
    columns: list[Column]
    shapes: npt.NDArray[Any]
    wkb: list[bytes | None]
    geometry_type: str | None
    members: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def has_gaps(self) -> bool:
        """True where a feature has no place."""
        return bool(shapely.is_missing(self.shapes).any())


def sheet(features: FeatureTable, members: Mapping[str, Any], *, volatile: bool = False) -> Sheet:
    """The features as columns. `volatile`: with the fields that change by themselves as time passes."""
    layer = features.layer
    with _uncollected():
        rows = [orjson.loads(properties) for properties in features.properties]
        columns = [
            column
            for field in (*layer.common, *layer.fields)
            if volatile or not field.volatile
            for column in _columns(field, field.name, [row.get(field.name) for row in rows])
        ]
        del rows
    shapes = multiple(rounded(features.geometry))
    wkb = [None if one is None else bytes(one) for one in shapely.to_wkb(shapes)]
    return Sheet(layer, columns, shapes, wkb, _geometry_type(layer, shapes), members)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles, of which JSON has none: that takes half of the time of 100,000 features."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def rounded(shapes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Two coordinates of six decimals, as in GeoJSON."""
    flat: npt.NDArray[Any] = shapely.transform(shapes, lambda coordinates: np.round(coordinates, 6) + 0.0)
    return flat


def layout(layer: ReleasedLayer, *, volatile: bool = False) -> list[Column]:
    """The columns of a layer without rows."""
    return [
        column
        for field in (*layer.common, *layer.fields)
        if volatile or not field.volatile
        for column in _columns(field, field.name, [])
    ]


def _columns(field: Field, name: str, values: list[Any]) -> list[Column]:
    if field.is_count:
        return _count(field, name, values)
    if field.type != "object" and field.type != "list":
        return [_column(name, field.type, field.ja, field.en, field.unit, values)]
    texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    parts = [
        column
        for part in field.parts
        for column in _columns(
            part.model_copy(update={"ja": f"{field.ja}：{part.ja}", "en": f"{field.en}: {part.en}"}),
            f"{name}_{part.name}",
            [value.get(part.name) if isinstance(value, dict) else None for value in values],
        )
    ]
    return [_column(name, "json", field.ja, field.en, field.unit, texts), *parts]


def _count(field: Field, name: str, values: list[Any]) -> list[Column]:
    counts = [value if isinstance(value, dict) else {} for value in values]
    return [
        _column(name, "integer", field.ja, field.en, field.unit, [count.get("value") for count in counts]),
        _column(
            f"{name}_state",
            "text",
            f"{field.ja}（値の状態）",
            f"{field.en}: what the number is, or why there is none",
            None,
            [_state(count) for count in counts],
        ),
        _column(
            f"{name}_text",
            "text",
            f"{field.ja}（原文）",
            f"{field.en}: wording of the source where it says more than the number",
            None,
            [count.get("text") for count in counts],
        ),
    ]


def _state(count: Mapping[str, Any]) -> str | None:
    """One word for state and qualifier: a qualifier is only where there is a number."""
    qualifier = count.get("qualifier", "exact")
    state: str | None = count.get("state")
    return state if qualifier == "exact" else str(qualifier)


def _column(name: str, kind: Type, ja: str, en: str, unit: str | None, values: list[Any]) -> Column:
    found = {*map(type, values)} - {type(None)}
    if found <= _PYTHON[kind]:
        # Arrow makes 2 of 2.5 where it is told to expect a whole number, so it is asked only for what fits.
        with suppress(pa.ArrowInvalid, OverflowError):
            if kind == "datetime":  # some write more digits of a second than the files have
                exact = pa.array(values, pa.string()).cast(pa.timestamp("us", tz="+09:00"))
                return Column(name, kind, ja, en, unit, values, exact.cast(_ARROW[kind], safe=False))
            return Column(name, kind, ja, en, unit, values, pa.array(values, _ARROW[kind]))
    if kind == "integer" and found <= _PYTHON["number"] and float in found:
        return _column(name, "number", ja, en, unit, values)
    texts = [value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values]
    return Column(name, "text", ja, en, unit, texts, pa.array(texts, pa.string()))


def multiple(shapes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Lines and polygons as their multiple forms, so that all of a kind are of one type."""
    kinds = shapely.get_type_id(shapes)
    shapes = shapes.copy()
    for one, many in ((_LINE, shapely.multilinestrings), (_POLYGON, shapely.multipolygons)):
        rows = np.flatnonzero(kinds == one)
        if len(rows):
            shapes[rows] = many(shapes[rows], indices=np.arange(len(rows)))
    return shapes


def _geometry_type(layer: ReleasedLayer, shapes: npt.NDArray[Any]) -> str | None:
    kinds = set(shapely.get_type_id(shapes).tolist()) - {-1}
    if layer.geometry == "none":
        return "Unknown" if kinds else None
    kind, name = _FAMILY[layer.geometry]
    return name if kinds <= {kind} else "Unknown"


def arrow(of: Sheet, described: Mapping[str, Mapping[str, str]] | None = None) -> pa.Table:
    """The columns as an Arrow table; `described` gives metadata of fields by their name."""
    described = described or {}
    schema = pa.schema(
        [pa.field(one.name, one.array.type, metadata=dict(described.get(one.name, {}))) for one in of.columns]
    )
    return pa.Table.from_arrays([one.array for one in of.columns], schema=schema)


def with_geometry(table: pa.Table, wkb: Sequence[bytes | None], name: str) -> pa.Table:
    """The table with a column of WKB, marked as such for who reads it through Arrow."""
    field = pa.field(name, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    return table.append_column(field, pa.array(wkb, pa.binary()))
