"""Who has no coast: only those who are surrounded by others wherever one looks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate.coastline import inland
from bousai.vocab import rows
from bousai.vocab.tsunami_coast import coasts_of


def squares(columns: int, lines: int) -> dict[str, bytes]:
    """Municipalities side by side, ``<line><column>000``."""
    return {
        f"{y}{x}000": shapely.to_wkb(shapely.box(x, y, x + 1, y + 1)) for x in range(columns) for y in range(lines)
    }


@given(st.integers(1, 6), st.integers(1, 6))
def test_of_a_square_of_squares_the_inner_ones_have_no_coast(columns: int, lines: int) -> None:
    inner = {f"{y}{x}000" for x in range(1, columns - 1) for y in range(1, lines - 1)}
    assert inland(squares(columns, lines)) == inner


@given(st.sets(st.integers(0, 24)))
def test_a_neighbour_that_is_not_loaded_may_be_the_sea(missing: set[int]) -> None:
    every = squares(5, 5)
    some = {code: area for n, (code, area) in enumerate(every.items()) if n not in missing}
    assert inland(some) <= inland(every)


def test_an_island_makes_a_coast_and_a_hole_that_is_filled_does_not() -> None:
    ring = shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2))
    inner, island = shapely.box(1, 1, 2, 2), shapely.box(9, 9, 10, 10)
    assert inland({"00001": shapely.to_wkb(ring), "00002": shapely.to_wkb(inner)}) == {"00002"}
    split = shapely.MultiPolygon([inner, island])
    assert inland({"00001": shapely.to_wkb(ring), "00002": shapely.to_wkb(split)}) == frozenset()


def test_a_city_of_inner_wards_has_no_coast() -> None:
    wards = {"43101": "11000", "43102": "12000"}
    areas = squares(4, 3)
    renamed = {next((new for new, old in wards.items() if old == code), code): area for code, area in areas.items()}
    assert inland(renamed) == {"43100", "43101", "43102"}
    del renamed["43102"]
    assert "43100" not in inland(renamed)


def test_nothing_of_nothing() -> None:
    assert inland({}) == frozenset()


def test_nobody_who_is_known_to_have_a_coast_is_called_inland(realdata: Path) -> None:
    shapes: dict[str, list[shapely.Geometry]] = {}
    for path in sorted((realdata / "n03").glob("N03-21_*.json")):
        for one in json.loads(path.read_bytes())["features"]:
            if (code := one["properties"]["N03_007"]) is not None:
                shapes.setdefault(code, []).append(shapely.geometry.shape(one["geometry"]))
    areas = {
        code: shapely.to_wkb(shapely.MultiPolygon(list(shapely.get_parts(np.array(parts)))))
        for code, parts in shapes.items()
    }
    found = inland(areas)
    assert len(found) > 50
    assert not [code for code in found if coasts_of(code)]
    assert found <= {row["muni_code"] for row in rows("municipality_coast") if not row["coast_code"]}
