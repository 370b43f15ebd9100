"""Shapefiles (ESRI Shapefile Technical Description, 1998; dBASE III), record by record, of any size.

Read here and not by GDAL because nothing may be unpacked to disk and a prefecture's flood zones are a gigabyte:
shapes go from the file to WKB as they stand, a block at a time. Real oddities: rubbish between the records of a .shp
(A31-12, so the .shx says where each begins), a .dbf in CP932 or UTF-8 without saying which, names and texts cut off
in the middle of a letter, rings that turn the wrong way or do not close. Z and M are left out.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely

from bousai.errors import ParseError
from bousai.formats import refusal

_NO_CHARACTER = re.compile("[\x80\uf8f0-\uf8f3]")  # what Python's cp932 makes of bytes that are in no code table
_BLOCK = 4 * 1024**2
_ROWS = 5000
_POINTS, _LINES, _AREAS, _CLOUDS = (1, 11, 21), (3, 13, 23), (5, 15, 25), (8, 18, 28)


class Source(Protocol):
    """What can be read from its beginning."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Block:
    """Some features in order, from number `first` on: columns by name (absent = None), WKB, which are unreadable."""

    first: int
    columns: dict[str, list[Any]]
    geometry: list[bytes | None]
    unreadable: list[int]
    deleted: int


def blocks(
    name: str, shp: Callable[[], Source], shx: Callable[[], Source], dbf: Callable[[], Source]
) -> Iterator[Block]:
    """The features of a Shapefile whose three parts can be opened, each from its beginning; the .dbf twice.

    A record that is marked as deleted is left out. Raises `ParseError`: ``not_shapefile``, ``wrong_encoding``.
    """
    index = shx().read()
    if len(index) < 100 or len(index) % 8 != 4 or _code(index) != 9994:
        raise _broken(name, "its .shx is not whole")
    places = np.frombuffer(index, dtype=">i4", offset=100).reshape(-1, 2).astype(np.int64) * 2
    table = _Table.of(name, dbf())
    if table.rows != len(places):
        raise _broken(name, f"{len(places)} shapes and {table.rows} rows of attributes")
    encoding = _encoding(name, table, dbf())
    shapes, rows = _Shapes(name, shp()), _opened(table, dbf())
    first = 0
    while first < len(places):
        sizes = np.cumsum(places[first : first + _ROWS, 1])
        count = max(1, int(np.searchsorted(sizes, _BLOCK)))
        found = places[first : first + count]
        columns, alive = table.columns(name, rows, len(found), encoding)
        geometry = [shapes.wkb(start, size) for start, size in found.tolist()]
        deleted = len(alive) - sum(alive)
        if deleted:
            geometry = [one for one, kept in zip(geometry, alive, strict=True) if kept]
            columns = {
                key: [v for v, kept in zip(column, alive, strict=True) if kept] for key, column in columns.items()
            }
        yield Block(first, columns, geometry, [n for n, one in enumerate(geometry) if one is None], deleted)
        first += count
    if not len(places):
        yield Block(0, {key: [] for key in table.names(name, encoding)}, [], [], 0)


def _code(head: bytes) -> int:
    return int.from_bytes(head[:4], "big")


def _broken(name: str, cause: str) -> ParseError:
    return ParseError(f"{name[:80]!r}: {cause}", code="not_shapefile", remedy=refusal.AGAIN)


# ── attributes ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Field:
    name: bytes
    type: str
    size: int
    decimals: int


@dataclass(frozen=True, slots=True)
class _Table:
    rows: int
    head: int
    width: int
    fields: list[_Field]

    @classmethod
    def of(cls, name: str, file: Source) -> _Table:
        start = file.read(32)
        if len(start) < 32:
            raise _broken(name, "its .dbf is not whole")
        rows, head, width = struct.unpack_from("<IHH", start, 4)
        rest = file.read(max(0, head - 32))
        fields = []
        for at in range(0, len(rest) - 31, 32):
            one = rest[at : at + 32]
            if one[0] == 0x0D:
                break
            fields.append(_Field(one[:11].partition(b"\0")[0].strip(), chr(one[11]), one[16], one[17]))
        if len(rest) != head - 32 or width != 1 + sum(field.size for field in fields):
            raise _broken(name, "its .dbf is not whole")
        if not fields:
            raise _broken(name, "no attribute in its .dbf")
        unknown = [field for field in fields if field.type not in "CNFDL"]
        if unknown:
            raise _broken(name, f"an attribute of the type {unknown[0].type!r}")
        return cls(rows, head, width, fields)

    def names(self, name: str, encoding: str) -> list[str]:
        found = [_decoded(field.name, encoding, full=True) for field in self.fields]
        if len(set(found)) != len(found):
            raise _broken(name, "two attributes of one name")
        return found

    def columns(self, name: str, file: Source, count: int, encoding: str) -> tuple[dict[str, list[Any]], list[bool]]:
        """The next `count` rows by column, and which of them are not marked as deleted."""
        raw = _exactly(name, file, count * self.width)
        layout = np.dtype([("flag", "S1"), *((f"f{n}", f"V{field.size}") for n, field in enumerate(self.fields))])
        table = np.frombuffer(raw, dtype=layout)
        columns = {
            key: [_value(cell, field, encoding) for cell in table[f"f{n}"].tolist()]
            for n, (key, field) in enumerate(zip(self.names(name, encoding), self.fields, strict=True))
        }
        return columns, [flag != b"*" for flag in table["flag"].tolist()]


def _exactly(name: str, file: Source, size: int) -> bytes:
    raw = file.read(size)
    if len(raw) != size:
        raise _broken(name, "its .dbf is not whole")
    return raw


def _opened(table: _Table, file: Source) -> Source:
    file.read(table.head)
    return file


def _encoding(name: str, table: _Table, file: Source) -> str:
    """UTF-8 where every text is, else CP932 where every text is: by all bytes, whatever a .cpg says or leaves out."""
    texts = [field.name for field in table.fields]
    possible = [code for code in ("utf-8", "cp932") if _fits(texts, code)]
    spans: list[tuple[int, int]] = []
    at = 1
    for field in table.fields:
        if field.type == "C":
            spans.append((at, at + field.size))
        at += field.size
    file.read(table.head)
    left = table.rows
    while left and possible and spans:
        count = min(left, max(1, _BLOCK // table.width))
        raw = _exactly(name, file, count * table.width)
        left -= count
        if raw.isascii():
            continue
        cells = [raw[row + a : row + b] for row in range(0, len(raw), table.width) for a, b in spans]
        foreign = [cell for cell in cells if not cell.isascii()]
        possible = [code for code in possible if _fits(foreign, code)]
    if not possible:
        raise ParseError(
            f"{name[:80]!r}: .dbf is neither UTF-8 nor CP932", code="wrong_encoding", remedy=refusal.AGAIN
        )
    return possible[0]


def _fits(texts: list[bytes], encoding: str) -> bool:
    try:
        return not any(_NO_CHARACTER.search(_decoded(text, encoding, full=True)) for text in texts)
    except UnicodeDecodeError:
        return False


def _decoded(raw: bytes, encoding: str, *, full: bool) -> str:
    """`full`: the place is filled to its end, so that its last letter may be cut; what is left of one is left out."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        cut = error.reason in ("unexpected end of data", "incomplete multibyte sequence")
        if full and cut and error.end == len(raw) and raw[-1:] not in (b" ", b"\0"):
            return raw[: error.start].decode(encoding)
        raise


def _value(raw: bytes, field: _Field, encoding: str) -> Any:
    if field.type == "C":
        return _decoded(raw, encoding, full=True).rstrip(" \0").strip() or None
    text = raw.strip(b" \0").decode("latin-1")
    if not text or text.startswith("*") or not text.isascii():
        return None
    if field.type == "D":
        return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else None
    if field.type == "L":
        return {"T": True, "Y": True, "F": False, "N": False}.get(text.upper())
    try:
        return int(text) if field.decimals == 0 and field.type == "N" and "." not in text else float(text)
    except ValueError:
        return text  # not a number where one should be: for the reader to judge


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────


class _Shapes:
    """Records of a .shp by the places that the .shx gives, in a file that is read forward."""

    def __init__(self, name: str, file: Source) -> None:
        head = file.read(100)
        if len(head) < 100 or _code(head) != 9994:
            raise _broken(name, "its .shp is not whole")
        self._name = name
        self._file = file
        self._at = 100

    def wkb(self, start: int, size: int) -> bytes | None:
        """The shape of the record at `start`; None where there is none or it cannot be read."""
        if start < self._at:
            raise _broken(self._name, "the records of its .shp are not in the order of its .shx")
        while start > self._at:
            skipped = self._file.read(min(start - self._at, _BLOCK))
            if not skipped:
                return None
            self._at += len(skipped)
        record = self._file.read(8 + size)
        self._at += len(record)
        if len(record) != 8 + size or size < 4:
            return None
        content = record[8:]
        kind = int.from_bytes(content[:4], "little")
        if kind in _POINTS:
            return b"\x01\x01\x00\x00\x00" + content[4:20] if size >= 20 else None
        if kind in _CLOUDS:
            return _cloud(content)
        if kind in _LINES or kind in _AREAS:
            parts = _parts(content)
            if parts is None:
                return None
            return _lines(*parts) if kind in _LINES else _areas(*parts)
        return None


_U4 = struct.Struct("<I").pack


def _cloud(content: bytes) -> bytes | None:
    count = int.from_bytes(content[36:40], "little")
    points = content[40 : 40 + 16 * count]
    if not count or len(points) != 16 * count:
        return None
    each = (b"\x01\x01\x00\x00\x00" + points[at : at + 16] for at in range(0, len(points), 16))
    return b"\x01\x04\x00\x00\x00" + _U4(count) + b"".join(each)


def _parts(content: bytes) -> tuple[list[int], bytes] | None:
    """Where each part begins and where the last one ends, in points; and the points as they stand."""
    if len(content) < 44:
        return None
    count, points = struct.unpack_from("<II", content, 36)
    at = 44 + 4 * count
    raw = content[at : at + 16 * points]
    if not count or not points or len(raw) != 16 * points:
        return None
    starts = [*struct.unpack_from(f"<{count}I", content, 44), points]
    return (starts, raw) if starts[0] == 0 and starts == sorted(starts) else None


def _lines(starts: list[int], raw: bytes) -> bytes | None:
    lines = [b"\x01\x02\x00\x00\x00" + _U4(b - a) + raw[16 * a : 16 * b] for a, b in pairwise(starts) if b - a >= 2]
    if len(lines) < 2:
        return lines[0] if lines else None
    return b"\x01\x05\x00\x00\x00" + _U4(len(lines)) + b"".join(lines)


def _areas(starts: list[int], raw: bytes) -> bytes | None:
    return polygons([raw[16 * a : 16 * b] for a, b in pairwise(starts)])


def ring(points: bytes) -> bytes | None:
    """WKB of a ring from its points (two little-endian doubles each), closed; None where it has no area."""
    if points[:16] != points[-16:]:
        points += points[:16]
    return _U4(len(points) // 16) + points if len(points) >= 64 else None


def polygon(rings: list[bytes]) -> bytes:
    """WKB of a polygon from its rings, the outer one first."""
    return b"\x01\x03\x00\x00\x00" + _U4(len(rings)) + b"".join(rings)


def polygons(rings: list[bytes]) -> bytes | None:
    """WKB of the areas between rings of which nothing is known but which way they turn: clockwise is outside.

    A ring that turns the other way is a hole of the smallest area around it; where there is none, it turns the wrong
    way and is an area itself.
    """
    made = [one for one in map(ring, rings) if one is not None]
    if len(made) < 2:
        return polygon(made) if made else None
    areas = np.array([_signed_area(one) for one in made])
    shells = np.flatnonzero(areas < 0).tolist()
    holes = np.flatnonzero(areas > 0).tolist()  # no area at all: nothing is lost
    inside: dict[int, list[int]] = {shell: [] for shell in shells}
    for hole, shell in zip(holes, _around(made, areas, shells, holes), strict=True):
        if shell is None:
            inside[hole] = []
        else:
            inside[shell].append(hole)
    found = [polygon([made[shell], *(made[hole] for hole in inside[shell])]) for shell in sorted(inside)]
    if len(found) < 2:
        return found[0] if found else None
    return b"\x01\x06\x00\x00\x00" + _U4(len(found)) + b"".join(found)


def _points_of(one: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(one, dtype="<f8", offset=4).reshape(-1, 2)


def _signed_area(one: bytes) -> float:
    points = _points_of(one)
    x, y = (points - points[0]).T
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


def _around(
    rings: list[bytes], areas: npt.NDArray[np.float64], shells: list[int], holes: list[int]
) -> list[int | None]:
    """For each hole the smallest shell around it that is larger than itself."""
    if not holes or not shells:
        return [None] * len(holes)
    with np.errstate(all="ignore"):
        outer = shapely.from_wkb([polygon([rings[n]]) for n in shells])
        marks = shapely.point_on_surface(shapely.from_wkb([polygon([rings[n]]) for n in holes]))
    found: dict[int, int] = {}
    for hole, shell in shapely.STRtree(outer).query(marks, predicate="within").T.tolist():
        size, best = abs(areas[shells[shell]]), found.get(hole)
        larger = size >= abs(areas[holes[hole]])
        if larger and (best is None or size < abs(areas[shells[best]])):
            found[hole] = shell
    return [shells[found[n]] if n in found else None for n in range(len(holes))]
