"""Polygons of a message: few vertices, closed, in range, and nobody who is inside falls out."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon
from shapely.affinity import scale
from shapely.geometry import shape

from bousai.alert.shape import Ring, rings

MOST = (12, 40, 100)
PREFECTURES = ("13", "15", "16", "17", "18", "43")
centres = st.tuples(st.floats(124, 153), st.floats(21, 45))


def star(centre: tuple[float, float], radius: float, points: int, rough: float, seed: int) -> Polygon:
    """A shape that is seen whole from its centre; `rough` 0 is round, 0.9 is all spikes."""
    chance = random.Random(seed)
    x, y = centre
    corners = []
    for n in range(points):
        far = radius * (1 - rough * chance.random())
        corners.append((x + far * math.cos(math.tau * n / points), y + far * math.sin(math.tau * n / points)))
    return Polygon(corners)


stars = st.builds(
    star,
    centres,
    st.sampled_from([1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.8]),
    st.integers(3, 400),
    st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    st.integers(0, 2**16),
)


@st.composite
def rings_of_land(draw: st.DrawFn) -> Polygon:
    """A star with a hole of its own form, and in some an island in the hole."""
    outer = draw(stars)
    x, y = outer.centroid.coords[0] if outer.convex_hull.area == outer.area else _middle(outer)
    inner = scale(outer, 0.6, 0.6, origin=(x, y))
    ring = outer.difference(inner)
    return shapely.union(ring, scale(outer, 0.2, 0.2, origin=(x, y))) if draw(st.booleans()) else ring


def _middle(one: Polygon) -> tuple[float, float]:
    west, south, east, north = one.bounds
    return (west + east) / 2, (south + north) / 2


@st.composite
def slivers(draw: st.DrawFn) -> Polygon:
    x, y = draw(centres)
    length, width = draw(st.floats(1e-3, 1.5)), draw(st.sampled_from([1e-7, 1e-6, 1e-5, 1e-4]))
    turn = draw(st.floats(0, math.pi))
    dx, dy = math.cos(turn), math.sin(turn)
    return Polygon(
        [
            (x, y),
            (x + length * dx, y + length * dy),
            (x + length * dx - width * dy, y + length * dy + width * dx),
            (x - width * dy, y + width * dx),
        ]
    )


one_part = st.one_of(stars, rings_of_land(), slivers())


@st.composite
def archipelagos(draw: st.DrawFn) -> shapely.Geometry:
    """Up to thirty small islands around one place, some of which touch or overlap."""
    x, y = draw(centres)
    chance = random.Random(draw(st.integers(0, 2**16)))
    wide = draw(st.sampled_from([0.02, 0.3, 2.0]))
    return shapely.union_all(
        [
            star(
                (x + wide * chance.uniform(-0.5, 0.5), y + wide * chance.uniform(-0.5, 0.5)),
                wide * chance.choice([0.001, 0.02, 0.1]),
                chance.randint(3, 60),
                0.6,
                n,
            )
            for n in range(draw(st.integers(2, 30)))
        ]
    )


areas = st.one_of(one_part, archipelagos(), st.lists(one_part, min_size=2, max_size=3).map(shapely.union_all)).filter(
    lambda one: one.is_valid and one.area > 0
)


def drawn(found: tuple[Ring, ...]) -> shapely.Geometry:
    return shapely.union_all([Polygon([(lon, lat) for lat, lon in ring]) for ring in found])


def hold(found: tuple[Ring, ...], area: shapely.Geometry, most: int) -> None:
    """What every drawing of an area must be."""
    assert found
    assert sum(map(len, found)) <= most
    for ring in found:
        assert len(ring) >= 4
        assert ring[0] == ring[-1]
        assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in ring)
        assert Polygon([(lon, lat) for lat, lon in ring]).is_valid
    assert shapely.covers(drawn(found), area)


@given(areas, st.sampled_from(MOST))
@example(star((139.7, 35.7), 0.5, 399, 0.9, 1), 12)
@example(MultiPolygon([Point(lon, 35).buffer(1e-4) for lon in (124, 139, 153)]), 12)
def test_few_vertices_and_nobody_falls_out(area: shapely.Geometry, most: int) -> None:
    hold(rings((shapely.to_wkb(area),), most), area, most)


@given(st.lists(one_part.filter(lambda one: one.is_valid and one.area > 0), min_size=2, max_size=4))
def test_several_outlines_are_drawn_as_one_area(parts: list[shapely.Geometry]) -> None:
    found = rings(tuple(shapely.to_wkb(part) for part in parts), 100)
    hold(found, shapely.GeometryCollection(parts), 100)


@pytest.mark.parametrize("most", MOST)
def test_a_hole_is_filled(most: int) -> None:
    whole = Point(137, 37).buffer(0.5)
    found = rings((shapely.to_wkb(whole.difference(Point(137, 37).buffer(0.3))),), most)
    assert len(found) == 1
    hold(found, whole, most)


def test_what_is_simple_and_apart_stays_so() -> None:
    west, east = shapely.box(136, 36, 136.5, 36.5), shapely.box(138, 36, 138.5, 36.5)
    found = rings((shapely.to_wkb(west), shapely.to_wkb(east)), 100)
    assert len(found) == 2
    assert drawn(found).area < 1.05 * (west.area + east.area)


@pytest.mark.parametrize(
    "nothing",
    [(), (Polygon(),), (MultiPolygon(),), (Point(139, 35),), (LineString([(139, 35), (140, 36)]),)],
    ids=["none", "empty", "no parts", "point", "line"],
)
def test_what_has_no_area_is_not_drawn(nothing: tuple[shapely.Geometry, ...]) -> None:
    assert rings(tuple(shapely.to_wkb(one) for one in nothing)) == ()


def test_an_outline_that_crosses_itself_is_drawn_with_both_sides() -> None:
    bow = Polygon([(139, 35), (139.2, 35.2), (139.2, 35), (139, 35.2)])
    hold(rings((shapely.to_wkb(bow),), 40), shapely.make_valid(bow), 40)


def outlines(realdata: Path, prefecture: str) -> list[dict[str, Any]]:
    path = realdata / "n03" / f"N03-21_{prefecture}_210101.json"
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["features"]
    return sorted(found, key=lambda one: shapely.get_num_coordinates(shape(one["geometry"])))


@pytest.mark.parametrize("most", MOST)
@pytest.mark.parametrize("prefecture", PREFECTURES)
def test_municipalities_are_covered_and_not_drawn_absurdly_large(realdata: Path, prefecture: str, most: int) -> None:
    """The simplest, the most intricate, and one between."""
    every = outlines(realdata, prefecture)
    for feature in (every[0], every[len(every) // 2], every[-1]):
        outline = shapely.make_valid(shape(feature["geometry"]))
        found = rings((shapely.to_wkb(outline),), most)
        hold(found, outline, most)
        assert drawn(found).area <= 3 * outline.convex_hull.area, feature["properties"]
