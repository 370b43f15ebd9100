"""地域メッシュコード (JIS X 0410): codes of grid squares to places and back.

The grid is counted from 0°N 100°E in steps of 1/8 of a 基準地域メッシュ (3.75″ of latitude, 5.625″ of longitude), so
that every square is exact in whole numbers. Squares of one level do not overlap: the south and the west side belong
to a square, the north and the east side to its neighbours.

======  ======  =====================================================================================
level   digits  square
======  ======  =====================================================================================
80km    4       第1次地域区画: latitude × 1.5 and longitude − 100, two digits each
10km    6       第2次地域区画: 8 × 8 of an 80 km square, digits 0–7
5km     7       5倍地域メッシュ (統合地域メッシュ): 2 × 2 of a 10 km square, 1–4 (south-west, -east, north-west,
-east) 2km     9       2倍地域メッシュ (統合地域メッシュ): 5 × 5 of a 10 km square, the digits 0 2 4 6 8 twice, and
then a 5 1km     8       基準地域メッシュ (第3次地域区画): 10 × 10 of a 10 km square, digits 0–9
500m    9       2分の1地域メッシュ: 2 × 2 of a 1 km square, digits 1–4
250m    10      4分の1地域メッシュ: 2 × 2 of a 500 m square, digits 1–4
125m    11      8分の1地域メッシュ: 2 × 2 of a 250 m square, digits 1–4
======  ======  =====================================================================================

Nine digits are of one level only: a 2 km square ends in 5, a 500 m square in 1 to 4. Ten digits are taken for a 250 m
square; the 100 m grid of 国土数値情報 (10 × 10 of a 1 km square, not in JIS X 0410) also has ten, and where its last
two digits are 1 to 4 nothing in the code tells: who reads a file has to look at all of it.

Codes are texts. Only squares from 20°N to 46°N and from 122°E to 154°E are codes. Degrees are of JGD2011, at six
decimals the same as EPSG:4326. Codes that were made on JGD2000 name the same squares of an older datum: up to some
5 m away where the ground moved in 2011. Source: JIS X 0410:2002; 総務省統計局「地域メッシュ統計の特質・沿革」.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.str_]
Numbers = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]


class Level(NamedTuple):
    """A level of the grid: how many digits its codes have and how many steps a side of its square has."""

    digits: int
    steps: int


LEVELS: dict[str, Level] = {
    "80km": Level(4, 640),
    "10km": Level(6, 80),
    "5km": Level(7, 40),
    "2km": Level(9, 16),
    "1km": Level(8, 8),
    "500m": Level(9, 4),
    "250m": Level(10, 2),
    "125m": Level(11, 1),
}
"""From coarse to fine."""

_NAMES = ("", *LEVELS)
_STEPS = np.array([0, *(level.steps for level in LEVELS.values())], dtype=np.int64)
_PER_DEGREE_Y = 960  # steps of 3.75″
_PER_DEGREE_X = 640  # steps of 5.625″
_WEST = 100
_SOUTHMOST, _NORTHMOST = 30, 68  # first two digits: 20°N to 46°N
_WESTMOST, _EASTMOST = 22, 53  # third and fourth digit: 122°E to 154°E
_LONGEST = 11


def level(code: str) -> str:
    """The level of a code. Raises `ValueError` for anything that is no code.

    >>> [level(code) for code in ("5339", "533946", "5339463", "53394611", "533946005", "533946113")]
    ['80km', '10km', '5km', '1km', '2km', '500m']
    """
    (found,) = levels([code]).tolist()
    if not found:
        raise _no_code(code)
    return str(found)


def levels(codes: Sequence[str] | Codes) -> Codes:
    """The level of each code, "" for what is no code."""
    return np.array(_NAMES)[_read(codes)[0]]


def bounds(codes: Sequence[str] | Codes) -> Numbers:
    """West, south, east and north of each square in degrees, six decimals: shape (n, 4). Raises `ValueError` with the
    first text that is no code.

    >>> bounds(["53394611"]).tolist()
    [[139.7625, 35.675, 139.775, 35.683333]]
    """
    y, x, steps = _squares(codes)
    sides = np.stack([_degrees_x(x), _degrees_y(y), _degrees_x(x + steps), _degrees_y(y + steps)], axis=1)
    return np.round(sides, 6)


def centres(codes: Sequence[str] | Codes) -> tuple[Numbers, Numbers]:
    """Longitude and latitude of the middle of each square. Raises `ValueError`.

    >>> [round(float(one[0]), 6) for one in centres(["53394611"])]
    [139.76875, 35.679167]
    """
    y, x, steps = _squares(codes)
    return _degrees_x(x + steps / 2), _degrees_y(y + steps / 2)


def codes_at(x: npt.ArrayLike, y: npt.ArrayLike, level: str) -> Codes:
    """The code of the square of a level in which each point lies (longitude, latitude); "" outside the grid of Japan.

    A point closer than 10⁻¹² degrees to a side lies on it: degrees have no exact number for most of the sides.

    >>> codes_at([139.767125], [35.681236], "500m").tolist()
    ['533946113']
    """
    with np.errstate(invalid="ignore"):
        east = np.floor(np.round((np.asarray(x, dtype=np.float64) - _WEST) * _PER_DEGREE_X, 9))
        north = np.floor(np.round(np.asarray(y, dtype=np.float64) * _PER_DEGREE_Y, 9))
        known = (
            (north >= _SOUTHMOST * 640)
            & (north < (_NORTHMOST + 1) * 640)
            & (east >= _WESTMOST * 640)
            & (east < (_EASTMOST + 1) * 640)
        )
    found = np.full(known.shape, "", dtype=f"<U{_LONGEST}")
    found[known] = _written(north[known].astype(np.int64), east[known].astype(np.int64), level)
    return found


def parents(codes: Sequence[str] | Codes, level: str) -> Codes:
    """The square of a coarser (or the same) level in which each square lies. Raises `ValueError`, also where squares
    of the two levels cut each other: a 2 km square is in no 5 km square.

    >>> parents(["533946113", "533946005"], "80km").tolist(), parents(["53394611"], "2km").tolist()
    (['5339', '5339'], ['533946005'])
    """
    y, x, steps = _squares(codes)
    torn = np.flatnonzero(LEVELS[level].steps % steps)
    if len(torn):
        raise ValueError(f"{str(codes[torn[0]])[:40]!r} is in no single square of {level}")
    return _written(y, x, level)


def parent(code: str, level: str) -> str:
    """`parents` of one code.

    >>> parent("533946113", "1km")
    '53394611'
    """
    return str(parents([code], level)[0])


def _no_code(text: object) -> ValueError:
    return ValueError(f"not a 地域メッシュコード: {str(text)[:40]!r}")


def _degrees_x(steps: npt.NDArray[np.number]) -> Numbers:
    return np.asarray(steps / _PER_DEGREE_X + _WEST, dtype=np.float64)


def _degrees_y(steps: npt.NDArray[np.number]) -> Numbers:
    return np.asarray(steps / _PER_DEGREE_Y, dtype=np.float64)


def _squares(codes: Sequence[str] | Codes) -> tuple[_Whole, _Whole, _Whole]:
    kind, y, x = _read(codes)
    wrong = np.flatnonzero(kind == 0)
    if len(wrong):
        raise _no_code(codes[wrong[0]])
    return y, x, _STEPS[kind]


def _read(codes: Sequence[str] | Codes) -> tuple[_Whole, _Whole, _Whole]:
    """Number of the level in `_NAMES` (0: no code), and the steps of the south-west corner from 0°N and from
    100°E.
    """
    texts = np.asarray(codes, dtype=f"<U{_LONGEST + 1}").reshape(-1)  # one more than fits, so that too long shows
    digits = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), _LONGEST + 1).astype(np.int64) - ord("0")
    written = digits != -ord("0")
    length = written.sum(axis=1)
    numeric = (((digits >= 0) & (digits <= 9)) | ~written).all(axis=1)
    d = np.where(written, digits, 0)
    first_y, first_x = d[:, 0] * 10 + d[:, 1], d[:, 2] * 10 + d[:, 3]
    in_japan = (first_y >= _SOUTHMOST) & (first_y <= _NORTHMOST) & (first_x >= _WESTMOST) & (first_x <= _EASTMOST)
    second = (d[:, 4] <= 7) & (d[:, 5] <= 7)
    quarter = (d >= 1) & (d <= 4)
    even = (d[:, 6] % 2 == 0) & (d[:, 7] % 2 == 0)
    is_of = {
        "80km": length == 4,
        "10km": (length == 6) & second,
        "5km": (length == 7) & second & quarter[:, 6],
        "2km": (length == 9) & second & even & (d[:, 8] == 5),
        "1km": (length == 8) & second,
        "500m": (length == 9) & second & quarter[:, 8],
        "250m": (length == 10) & second & quarter[:, 8:10].all(axis=1),
        "125m": (length == 11) & second & quarter[:, 8:11].all(axis=1),
    }
    kind = np.zeros(len(texts), dtype=np.int64)
    for name, fits in is_of.items():
        kind[fits & numeric & in_japan] = _NAMES.index(name)
    y = first_y * 640 + d[:, 4] * 80
    x = first_x * 640 + d[:, 5] * 80
    fifth = kind == _NAMES.index("5km")
    y += np.where(fifth, (d[:, 6] - 1) // 2 * 40, d[:, 6] * 8)
    x += np.where(fifth, (d[:, 6] - 1) % 2 * 40, d[:, 7] * 8)
    for place, steps in ((8, 4), (9, 2), (10, 1)):
        halved = quarter[:, place]
        y += np.where(halved, (d[:, place] - 1) // 2 * steps, 0)
        x += np.where(halved, (d[:, place] - 1) % 2 * steps, 0)
    return kind, y, x


def _written(y: _Whole, x: _Whole, level: str) -> Codes:
    """The codes of the squares of a level that hold these steps."""
    if level not in LEVELS:
        raise ValueError(f"no level {level!r} of the grid: {', '.join(LEVELS)}")
    columns = [y // 6400, y // 640 % 10, x // 6400, x // 640 % 10]
    if level != "80km":
        columns += [y % 640 // 80, x % 640 // 80]
    in_y, in_x = y % 80, x % 80
    if level == "5km":
        columns.append(1 + in_x // 40 + in_y // 40 * 2)
    elif level == "2km":
        columns += [in_y // 16 * 2, in_x // 16 * 2, np.full(len(y), 5, dtype=np.int64)]
    elif LEVELS[level].steps <= 8:
        columns += [in_y // 8, in_x // 8]
        columns += [1 + in_x // s % 2 + in_y // s % 2 * 2 for s in (4, 2, 1) if s >= LEVELS[level].steps]
    characters = np.stack(columns, axis=1).astype(np.uint32) + ord("0")
    return np.ascontiguousarray(characters).view(f"<U{len(columns)}").reshape(-1)
