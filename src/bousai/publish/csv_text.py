"""CSV for people: opens in Excel with a double click (UTF-8 with byte order mark, CRLF), one row a feature.

``lon`` and ``lat`` come last (of an area or a line, a point of it); a list of plain values is joined with ``; ``,
other lists and objects are JSON. Times are ISO 8601 with their offset. No line but the first is anything but data:
credit, licence, age of the sources and the meaning of the columns stand in
``<file>-metadata.json`` beside it (W3C CSV on the Web, where a reader of that standard looks for it).

A text that a spreadsheet would run as a formula is made harmless with ``'`` in front; numbers are never touched.
Codes keep their leading zeros in the file; Excel drops them where one opens it without saying that the column is
text.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

from bousai.publish.sheet import Column, Sheet

_FORMULA = re.compile(r"[\s;,]*[=+\-@＝＋－＠]|[\s;,]*[\t\r\n]")
_DATATYPE = {
    "text": "string",
    "json": "json",
    "integer": "integer",
    "number": "double",
    "boolean": "boolean",
    "datetime": "dateTime",
}
BOM = "\ufeff"


def write(path: Path, of: Sheet) -> None:
    """Write the table."""
    columns = [_cells(one) for one in of.columns]
    names = [one.name for one in of.columns]
    if of.geometry_type is not None:
        names += _axes(of)
        columns += places(of)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        rows = csv.writer(file, lineterminator="\r\n")
        rows.writerow(names)
        rows.writerows(zip(*columns, strict=True))


def harmless(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless(" ＠SUM"), harmless("避難所"), harmless(";=1")
    ("'=1+1", "' ＠SUM", '避難所', "';=1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def _cells(column: Column) -> list[Any]:
    if column.type == "boolean":
        return [None if value is None else "true" if value else "false" for value in column.values]
    if column.type in ("integer", "number", "datetime"):
        return column.values
    if column.type == "json":
        return [None if text is None else _plain(text) for text in column.values]
    matches = _FORMULA.match
    return [
        value if value is None or not (isinstance(value, str) and matches(value)) else f"'{value}"
        for value in column.values
    ]


def _plain(text: str) -> str:
    if text.startswith("["):
        listed = orjson.loads(text)
        if all(isinstance(one, (str, int, float)) for one in listed):
            return harmless("; ".join(str(one) for one in listed))
    return text


def _axes(of: Sheet) -> tuple[str, str]:
    """The names of the columns of the place; another where the layer has such of its own (as a source states it)."""
    taken = {one.name for one in of.columns}
    return ("place_lon", "place_lat") if {"lon", "lat"} & taken else ("lon", "lat")


def places(of: Sheet) -> list[list[float | None]]:
    """Longitudes and latitudes: of a point itself, of a line or an area a point of it."""
    points = shapely.get_type_id(of.shapes) == 0
    where = of.shapes.copy()
    where[~points] = shapely.point_on_surface(of.shapes[~points])
    missing = shapely.is_missing(where) | shapely.is_empty(where)
    lon, lat = (np.round(axis(where), 6).tolist() for axis in (shapely.get_x, shapely.get_y))
    return [
        [None if gone else value for value, gone in zip(axis, missing.tolist(), strict=True)] for axis in (lon, lat)
    ]


def metadata(of: Sheet, url: str) -> bytes:
    """The description of the table as CSV on the Web has it (https://www.w3.org/TR/tabular-metadata/)."""
    columns = [
        {
            "name": one.name,
            "titles": {"und": one.name, "ja": one.ja, "en": one.en},
            "datatype": _DATATYPE[one.type],
            **({"dc:description": f"{one.ja}（{one.unit}）"} if one.unit else {}),
        }
        for one in of.columns
    ]
    if of.geometry_type is not None:
        of_area = "" if of.geometry_type == "Point" else "（区域・線はその上の1点）"
        columns += [
            {"name": name, "titles": {"und": name, "ja": f"{ja}{of_area}", "en": en}, "datatype": "double"}
            for name, ja, en in zip(_axes(of), ("経度", "緯度"), ("Longitude", "Latitude"), strict=True)
        ]
    return described(of, url, columns, "id")


def described(of: Sheet, url: str, columns: list[dict[str, Any]], key: str | None) -> bytes:
    """A description with credit, licence and the state of the sources."""
    said = of.members
    body = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "ja"}],
        "url": url,
        "dc:title": said["title"],
        "dc:description": of.layer.description_ja,
        "dc:modified": said["timeStamp"],
        "dc:source": list(dict.fromkeys(said["bousai:credits"])),
        "dc:license": list(dict.fromkeys(one["url"] or one["name"] for one in said["bousai:licences"])),
        "dialect": {"encoding": "utf-8", "lineTerminators": ["\r\n"], "header": True},
        "tableSchema": {"columns": columns, **({"primaryKey": key} if key else {})},
        **{name: value for name, value in said.items() if name.startswith("bousai:")},
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
