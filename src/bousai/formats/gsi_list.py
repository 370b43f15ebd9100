"""国土地理院's lists of 指定緊急避難場所 and 指定避難所: CSV and GeoJSON with the same Japanese column names.

Source: hinanmap.gsi.go.jp/hinanjocp/hinanbasho/koukaidate.html. National CSV ``mergeFromCity_1.csv`` is 指定避難所,
``mergeFromCity_2.csv`` 指定緊急避難場所 (the reverse of what one expects); prefectural and older CSV have no column
都道府県名及び市町村名; the GeoJSON has the coordinates in its geometry instead of 緯度 and 経度.

共通ID (全国共通避難所・避難場所ID, 14 characters): E, municipality (5), facility (5), 11 指定避難所 (一般),
12 指定避難所 (福祉), 20 指定緊急避難場所, and a serial 1-9A-Za-z of the same kind at the same address.
Flags are "1" or empty.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely

from bousai.errors import ParseError
from bousai.formats import csv_table, geojson
from bousai.model import Bulletin, Issue, ItemTable
from bousai.vocab import municipality

ISSUER = "国土地理院"
_COMMON_ID = re.compile(r"E(\d{5})(\d{5})(11|12|20)([1-9A-Za-z])", re.ASCII)
_ID, _NAME, _ADDRESS, _WHERE, _NOTE = "共通ID", "施設・場所名", "住所", "都道府県名及び市町村名", "備考"
_LAT, _LON = "緯度", "経度"
_COMMON = ("NO", _ID, _WHERE, _NAME, _ADDRESS, _LAT, _LON, _NOTE)
_NO_PLACE = "999"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as columns of text. `column` gives one by its Japanese name, None where the list has none."""

    columns: dict[str, list[str]]
    geometry: list[bytes | None]
    position: list[str]
    absent: dict[str, frozenset[int]]
    """GeoJSON: by column, the features that do not have it or have null. CSV: none."""

    def column(self, name: str) -> list[str] | None:
        """The cells of a column, "" where empty; None where the list has no such column."""
        return self.columns.get(name)

    def flags(self, name: str, issues: list[Issue]) -> Sequence[bool | None]:
        """A column of flags: "1" is True, empty is False (so stated); no such cell, or another value: None."""
        cells = self.columns.get(name)
        if cells is None:
            return [None] * len(self.position)
        absent = self.absent.get(name, frozenset())
        flags = [None if index in absent else _FLAG.get(cell) for index, cell in enumerate(cells)]
        for index, flag in enumerate(flags):
            if flag is None and index not in absent:
                issues.append(
                    Issue(
                        "unknown_flag",
                        f"{_shown(self.columns[_ID][index])}: {name} is {cells[index][:40]!r}, not 1 or empty",
                        "ask 国土地理院; it is shown as unknown",
                        "warning",
                        self.position[index],
                    )
                )
        return flags


_FLAG = {"1": True, "": False}


def _shown(common_id: str) -> str:
    return common_id if _COMMON_ID.fullmatch(common_id) else repr(common_id[:40])


def read(body: bytes) -> Listing:
    """A list in either format. Raises `ParseError`: those of `csv_table`, `geojson`, ``not_gsi_list``."""
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        features = geojson.read(body)
        names = list(dict.fromkeys(name for properties in features.properties for name in properties))
        columns = {name: [_cell(properties.get(name)) for properties in features.properties] for name in names}
        absent = {
            name: frozenset(n for n, properties in enumerate(features.properties) if properties.get(name) is None)
            for name in names
        }
        positions = [f"features[{n}]" for n in range(len(features))]
        listing = Listing(columns, features.geometry, positions, absent)
    else:
        table = csv_table.read(body)
        columns = {name: [cell.strip() for cell in column] for name, column in table.columns.items()}
        listing = Listing(columns, [None] * len(table), [f"line {line}" for line in table.lines], {})
    missing = [name for name in (_ID, _NAME, _ADDRESS) if name not in columns]
    if missing:
        raise ParseError(
            f"no column {' and no column '.join(missing)}",
            code="not_gsi_list" if columns or listing.position else "empty",
            remedy="check the address that the feed reads",
        )
    return listing


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip()
    return repr(value)[:80]


Properties = Callable[[Listing, list[Issue]], dict[str, Sequence[Any]]]


def bulletins(
    body: bytes,
    *,
    kind: str,
    majors: tuple[str, ...],
    own_columns: Iterable[str],
    bulletin_type: str,
    props: Properties,
) -> Iterator[Bulletin | Issue]:
    """One complete statement a municipality, scope ``gsi/<kind>/<code>``.

    `majors` are the type digits of 共通ID that belong in this list; `props` makes the list's own properties.
    The statement of a municipality in which a record had to be held back is not complete. Raises `ParseError`
    as `read` does, and ``wrong_list``.
    """
    listing = read(body)
    issues: list[Issue] = []
    ids = listing.columns.get(_ID, [])
    parts = [_COMMON_ID.fullmatch(one) for one in ids]
    foreign = sum(part is not None and part[3] not in majors for part in parts)
    if foreign > len(parts) / 2:
        raise ParseError(
            f"{foreign} of {len(parts)} records are of the other list (共通ID with {'/'.join(majors)} expected)",
            code="wrong_list",
            remedy="…_1.csv is 指定避難所, …_2.csv is 指定緊急避難場所: check the address of the feed",
        )
    unread = [name for name in listing.columns if name not in {*_COMMON, *own_columns}]
    issues += [Issue("unread", f"nobody reads the column {name[:80]!r}", "see the format", "info") for name in unread]
    lat, lon, geometry = _places(listing, ids, issues)
    properties: dict[str, Sequence[Any]] = {
        "common_id": ids,
        "name": listing.columns.get(_NAME, []),
        "address": listing.columns.get(_ADDRESS, []),
        "lat": lat,
        "lon": lon,
        **props(listing, issues),
        "facility_id": [one[:11] for one in ids],
        "note": listing.column(_NOTE) or [None] * len(ids),
    }
    scopes, partial = _scopes(listing, parts, majors, issues)
    for code in sorted(scopes):
        rows = scopes[code]
        yield Bulletin(
            kind=kind,
            scope=f"gsi/{kind}/{code}",
            issued_at=None,
            status="actual",
            items=ItemTable(
                item_id=[ids[n] for n in rows],
                props={name: [column[n] for n in rows] for name, column in properties.items()},
                muni_code=[code] * len(rows),
                geometry=[geometry[n] for n in rows],
                position=[listing.position[n] for n in rows],
            ),
            issuer=ISSUER,
            complete=code not in partial and None not in partial,
            bulletin_type=bulletin_type,
        )
    yield from issues


def _places(
    listing: Listing, ids: list[str], issues: list[Issue]
) -> tuple[list[float | None], list[float | None], list[bytes | None]]:
    """緯度 and 経度 as numbers, and points as WKB; an empty or impossible one is None and an issue."""
    cells = listing.column(_LAT), listing.column(_LON)
    if cells[0] is not None and cells[1] is not None:
        lat, lon = (pd.to_numeric(pd.Series(c, dtype=object), errors="coerce").to_numpy(dtype=float) for c in cells)
    else:
        shapes = shapely.from_wkb(np.array(listing.geometry, dtype=object))
        points = shapely.get_type_id(shapes) == 0
        shapes[~points] = None
        lat, lon = shapely.get_y(shapes), shapely.get_x(shapes)
    lat, lon = np.round(lat, 6), np.round(lon, 6)  # 11 cm; the CSV has up to 15 decimals, the GeoJSON six
    good = (np.abs(lat) <= 90) & (np.abs(lon) <= 180) & ~((lat == 0) & (lon == 0))
    for index in np.flatnonzero(~good).tolist():
        said = " ".join(column[index] for column in cells if column is not None)
        what = (
            "none is given" if not said or said.strip() == _NO_PLACE or not said.strip() else f"it says {said[:60]!r}"
        )
        issues.append(
            Issue(
                "no_position",
                f"{_shown(ids[index])}: no usable position, {what}",
                "ask the municipality; the place is kept without a position",
                "warning",
                listing.position[index],
            )
        )
    wkb = shapely.to_wkb(shapely.points(np.where(good, lon, 0.0), np.where(good, lat, 0.0)))
    return (
        [y if ok else None for y, ok in zip(lat.tolist(), good.tolist(), strict=True)],
        [x if ok else None for x, ok in zip(lon.tolist(), good.tolist(), strict=True)],
        [bytes(point) if ok else None for point, ok in zip(wkb, good.tolist(), strict=True)],
    )


def _scopes(
    listing: Listing, parts: list[re.Match[str] | None], majors: tuple[str, ...], issues: list[Issue]
) -> tuple[dict[str, list[int]], set[str | None]]:
    """Rows by municipality, and the municipalities (None: any) of which a record was held back."""
    where = listing.column(_WHERE)
    named = {name: municipality.code_of(name) for name in set(where or ())}
    scopes: dict[str, list[int]] = defaultdict(list)
    partial: set[str | None] = set()
    first: dict[str, int] = {}
    for index, part in enumerate(parts):
        code = named[where[index]] if where else None
        if code is None and part is not None:
            code = part[1]
        cause = None
        if part is None:
            cause = ("bad_common_id", f"共通ID {listing.columns[_ID][index][:40]!r} is not one")
        elif part[3] not in majors:
            cause = ("wrong_list", f"{part[0]} belongs in the other list")
        elif part[0] in first:
            cause = ("duplicate_id", f"{part[0]} is listed again (first at {listing.position[first[part[0]]]})")
        if cause is None and part is not None and code is not None:
            first[part[0]] = index
            scopes[code].append(index)
            continue
        if cause is not None and cause[0] != "duplicate_id":
            partial.add(code)
        if cause is not None:
            issues.append(
                Issue(*cause, "tell the municipality; this record is held back", "warning", listing.position[index])
            )
    return scopes, partial
