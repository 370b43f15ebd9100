"""A layer as flat properties: for answers whose reader knows no objects and no lists (desktop GIS).

The columns are those of `sheet`, so an answer and the GeoPackage of the same layer have the same names and values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.compute as pc

from bousai.model import Field, ReleasedLayer, Status
from bousai.publish.features import FeatureTable
from bousai.publish.sheet import Column, layout, sheet
from bousai.vocab.japanese_time import JST

_AT_ONCE = 2000
_JAPAN = "+09:00"
_MOST_OF_32_BITS = 2**31 - 1
_FORMATS = {
    "date": r"^\d{4}-\d\d-\d\d$",
    "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$",
}
_LIKE_A_TIME = r"^\d{4}[-/]\d\d?[-/]\d\d?([T ].*)?$|^\d\d?:\d\d(:.*)?$"


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Features with flat properties.

    `fields` are the columns, each of a scalar type. `formats` says what else is true of all values of a column, by
    its name: ``int64`` (some need more than 32 bits), ``date`` or ``date-time`` (each text is one). `properties` are
    JSON objects in the order that was given. `first` are the rows that tell a reader the most: see `_telling`.
    """

    fields: tuple[Field, ...]
    formats: Mapping[str, str]
    properties: list[bytes]
    first: list[int]


def flat(layer: ReleasedLayer, status: Status, properties: Sequence[bytes], located: Sequence[bool]) -> Flat:
    """Flat properties of features; `properties` are the JSON objects of them as GeoJSON has them, `located` says
    which of them have a place."""
    try:
        return _flat(layer, status, properties, located, _AT_ONCE)
    except _TypesDifferError:  # a column is text as a whole where one value in it is none of its type
        return _flat(layer, status, properties, located, len(properties))


class _TypesDifferError(Exception):
    """A column has one type in some features and another in others."""


def _flat(
    layer: ReleasedLayer, status: Status, properties: Sequence[bytes], located: Sequence[bool], at_once: int
) -> Flat:
    """`at_once` features at a time: the objects of 100,000 fill gigabytes, which takes half as long again.
    Raises `_TypesDifferError`."""
    volatile = _has_volatile(layer, properties)
    fields: tuple[Field, ...] | None = None
    texts: list[bytes] = []
    seen: list[list[_Seen]] = []
    for start in range(0, len(properties), at_once):
        part = properties[start : start + at_once]
        nowhere = np.full(len(part), None, dtype=object)
        columns = sheet(FeatureTable(layer, status, [], [], list(part), nowhere, {}), {}, volatile=volatile).columns
        found = _fields(columns)
        if fields is not None and found != fields:
            raise _TypesDifferError
        fields = found
        names = [one.name for one in columns]
        rows = zip(*map(_values, columns), strict=True)
        texts += [orjson.dumps(dict(zip(names, row, strict=True))) for row in rows]
        seen.append([_seen(one) for one in columns])
    if fields is None:
        return Flat(flat_fields(layer), {}, [], [])
    whole = [_together(parts) for parts in zip(*seen, strict=True)]
    formats = {field.name: one.format for field, one in zip(fields, whole, strict=True) if one.format is not None}
    return Flat(
        fields, formats, texts, _telling([np.array(located, dtype=bool), *(m for one in whole for m in one.marks)])
    )


def flat_fields(layer: ReleasedLayer) -> tuple[Field, ...]:
    """The columns of a layer of which there are no features yet."""
    return _fields(layout(layer))


def _has_volatile(layer: ReleasedLayer, properties: Sequence[bytes]) -> bool:
    names = orjson.loads(properties[0]).keys() if properties else ()
    return any(field.volatile and field.name in names for field in layer.fields)


def _fields(columns: Sequence[Column]) -> tuple[Field, ...]:
    return tuple(
        Field(name=one.name, type="text" if one.type == "json" else one.type, ja=one.ja, en=one.en, unit=one.unit)
        for one in columns
    )


def _values(column: Column) -> list[Any]:
    """As JSON has them. Of a number that may have decimals each value is written with them, so that no reader takes
    the column for whole numbers because the first few are; times are those of Japan, for QGIS drops the offset."""
    if column.type == "number":
        return [None if value is None else float(value) for value in column.values]
    if column.type == "datetime":
        return [value if value is None or value.endswith(_JAPAN) else _in_japan(value) for value in column.values]
    return column.values


def _in_japan(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(JST).isoformat()


def _telling(marks: Sequence[npt.NDArray[np.bool_]]) -> list[int]:
    """As few rows as will do that between them have all that any row has: a value in every column, and a place. The
    one that adds most comes first, of equals the earlier one.

    QGIS 3.22 and GDAL 3.6 take the types of columns from the first ten features of a layer, and show nothing in a
    column that was empty in them, or was there of another type.
    """
    waiting = np.array([mark for mark in marks if mark.any()], dtype=bool)
    first: list[int] = []
    while len(waiting):
        row = int(waiting.sum(axis=0, dtype=np.uint16).argmax())
        first.append(row)
        waiting = waiting[~waiting[:, row]]
    return first


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the values of a column show: which rows have one, which of those one that needs more than 32 bits, which a
    text that is no date and no time of day; and the formats (`Flat`) that all texts have."""

    type: str
    filled: npt.NDArray[np.bool_]
    wide: npt.NDArray[np.bool_]
    words: npt.NDArray[np.bool_]
    formats: frozenset[str]

    @property
    def marks(self) -> list[npt.NDArray[np.bool_]]:
        """The rows of which a reader must see one to know the type. A date tells nothing of a column with words."""
        return [self.words if self.words.any() else self.filled, self.wide]

    @property
    def format(self) -> str | None:
        """What is true of all values."""
        if self.wide.any():
            return "int64"
        return min(self.formats) if len(self.formats) and self.type == "text" and self.filled.any() else None


def _seen(column: Column) -> _Seen:
    values = column.array
    filled, none = _true(values.is_valid()), np.zeros(len(values), dtype=bool)
    if column.type == "integer":
        return _Seen(column.type, filled, _true(pc.greater(pc.abs(values), _MOST_OF_32_BITS)), none, frozenset())
    if column.type != "text":
        return _Seen(column.type, filled, none, filled if column.type == "json" else none, frozenset())
    words = filled & ~_true(pc.match_substring_regex(values, _LIKE_A_TIME))
    if words.all():
        return _Seen(column.type, filled, none, words, frozenset())
    formats = {
        name
        for name, pattern in _FORMATS.items()
        if (_true(pc.match_substring_regex(values, pattern)) == filled).all()
    }
    return _Seen(column.type, filled, none, words, frozenset(formats))


def _together(parts: Sequence[_Seen]) -> _Seen:
    filled, wide, words = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("filled", "wide", "words")
    )
    return _Seen(parts[0].type, filled, wide, words, frozenset.intersection(*(one.formats for one in parts)))


def _true(array: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)
