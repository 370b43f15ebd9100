"""Lists that offices keep as a table, whatever they save it as: CSV, XLSX or XLS, GeoJSON with columns as members.

The header is looked for by what it says: some lines of title may stand above it, and in a workbook every sheet that
has such a header is read (a form's explanations stand on a sheet of their own). Cells are text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from bousai.errors import ParseError
from bousai.formats import csv_table, geojson, refusal, spreadsheet

_HEADER_WITHIN = 30
_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # XLSX and ODS, XLS

IsHeader = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Listing:
    """`columns` by header (NFC, trimmed), all of one length.

    A cell is "" where it is empty and None where its row has no such column (a GeoJSON feature without the member, a
    sheet without the header). `geometry` is WKB by row, `position` says where a row stands, `left_out` are sheets on
    which there is no such table.
    """

    columns: dict[str, list[str | None]] = field(default_factory=dict)
    geometry: list[bytes | None] = field(default_factory=list)
    position: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.position)


def read(body: bytes, is_header: IsHeader) -> Listing:
    """A list in any of the formats. Raises `ParseError`: those of `csv_table.rows`, `spreadsheet.read` and
    `geojson.read`, ``no_header``, ``duplicate_header``, ``ragged``."""
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    listing = Listing()
    if body.startswith(_MAGIC):
        for sheet in spreadsheet.read(body):
            grid = [(f"{sheet.name}!{n}", row) for n, row in enumerate(sheet.rows, 1)]
            if not _add(listing, grid, is_header):
                listing.left_out.append(sheet.name)
    elif start.startswith((b"{", b"[")):
        _add_features(listing, geojson.read(body, transform=True), is_header)
    else:
        _add(listing, [(f"line {row.line}", row.cells) for row in csv_table.rows(body)], is_header)
    if not listing.columns:
        raise ParseError(
            "no line with the headers that such a list has",
            code="no_header",
            remedy="check the address; if the list is named otherwise, map its headers in the feed's YAML",
        )
    return listing


def blank(cell: str | None) -> bool:
    """Whether a cell says nothing: empty, blanks, or only a dash."""
    return not (cell or "").strip(" \u3000-－―−‐–—ー")


def _add(listing: Listing, grid: list[tuple[str, list[str]]], is_header: IsHeader) -> bool:
    """Read a table with its header into the listing; False where there is none."""
    headers = (n for n, (_, cells) in enumerate(grid[:_HEADER_WITHIN]) if is_header([_name(cell) for cell in cells]))
    at = next(headers, None)
    if at is None:
        return False
    names = [_name(cell) for cell in grid[at][1]]
    rows = [(position, cells) for position, cells in grid[at + 1 :] if any(cell.strip() for cell in cells)]
    for position, cells in rows:
        if len(cells) != len(names):
            raise ParseError(
                f"{position} has {len(cells)} cells, the header has {len(names)}",
                code="ragged",
                remedy=refusal.AGAIN,
                position=position,
            )
    for column, name in enumerate(names):
        if not name and any(cells[column].strip() for _, cells in rows):
            names[column] = f"(column {column + 1} without a header)"
    repeated = [name for name, times in Counter(names).items() if name and times > 1]
    if repeated:
        raise ParseError(
            f"the header has {repeated[0][:80]!r} more than once", code="duplicate_header", remedy=refusal.AGAIN
        )
    kept = {name: column for column, name in enumerate(names) if name}
    _extend(listing, kept, [position for position, _ in rows], [None] * len(rows))
    for name, column in kept.items():
        listing.columns[name] += [cells[column].strip() for _, cells in rows]
    return True


def _add_features(listing: Listing, features: geojson.Features, is_header: IsHeader) -> None:
    properties = [{_name(name): value for name, value in one.items()} for one in features.properties]
    names = list(dict.fromkeys(name for one in properties for name in one))
    if not is_header(names):
        return
    _extend(listing, names, [f"features[{n}]" for n in range(len(features))], features.geometry)
    for name in names:
        listing.columns[name] += [_text(one[name]) if name in one else None for one in properties]


def _extend(listing: Listing, names: Iterable[str], positions: list[str], geometry: list[bytes | None]) -> None:
    before = len(listing)
    listing.position.extend(positions)
    listing.geometry.extend(geometry)
    for name in names:
        listing.columns.setdefault(name, [None] * before)
    for name, column in listing.columns.items():
        if name not in set(names):
            column += [None] * len(positions)


def _name(text: str) -> str:
    return normalize("NFC", "".join(text.split("\n"))).strip()


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case str():
            return value.strip()
    return str(value)
