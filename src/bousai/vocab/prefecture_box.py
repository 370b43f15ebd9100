"""How far a prefecture reaches: boxes in degrees, to see that a place cannot be where it is said to be.

Source: 国土数値情報 行政区域 (N03, 国土交通省), outer bounds rounded outward to a tenth of a degree with at least a
tenth more (10 km of sea); 沖ノ鳥島 is added to 東京都. Table: data/prefecture_box.csv.
"""

from __future__ import annotations

from functools import cache

from bousai.vocab import rows

Box = tuple[float, float, float, float]


@cache
def boxes() -> dict[str, Box]:
    """The box of every prefecture (west, south, east, north) by its code (JIS X 0401), in the order of the codes."""
    return {
        row["code"]: (float(row["west"]), float(row["south"]), float(row["east"]), float(row["north"]))
        for row in rows("prefecture_box")
    }


def may_touch(pref: str, bounds: Box) -> bool:
    """Whether something with these bounds (west, south, east, north) can be in a prefecture, at least in part.

    A place that fails is certainly wrong; one that passes may be wrong still.

    >>> may_touch("23", (136.9, 35.2, 136.9, 35.2)), may_touch("23", (141.84, 35.26, 141.84, 35.26))
    (True, False)
    """
    west, south, east, north = boxes()[pref]
    return bounds[0] <= east and bounds[2] >= west and bounds[1] <= north and bounds[3] >= south
