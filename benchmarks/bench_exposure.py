"""Which of 100,000 points lie in which of 50,000 polygons with 10 million vertices, in ratio to ``geopandas.sjoin``
and to the same join in PostGIS (with a spatial index on both tables, analysed, warm).

Polygons and points are those of one prefecture, for that is what is joined at once: a place lies in a dozen zones of
several rivers and scenarios, as on real flood maps. sjoin is asked both ways round: points in polygons, as people
write it, and polygons with points, which is faster. All pairs must be equal, points on borders too, otherwise nothing
is printed. PostGIS gives back numbers of points and polygons, as the others do.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable

import geopandas
import numpy as np
import numpy.typing as npt
import psycopg
import shapely
from bench_publish import polygons
from measure import medians, show, timed

import throwaway_postgis
from bousai.consolidate.hazard_exposure import inside

WEST, SOUTH, WIDTH, HEIGHT = 139.0, 35.2, 1.5, 1.25
Pairs = npt.NDArray[np.int64]


def zones(count: int, vertices: int) -> npt.NDArray[np.object_]:
    """The polygons of bench_publish, moved together into the area of one prefecture."""
    shapes = polygons(count, vertices)
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    there = np.array([WEST, SOUTH]) + (centre - [130, 33]) / [12, 10] * [WIDTH, HEIGHT]
    corners, of = shapely.get_coordinates(shapes, return_index=True)
    return shapely.set_coordinates(shapes, np.round(corners + (there - centre)[of], 6))


def places(count: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points all over the same area, always the same, six decimals."""
    random = np.random.default_rng(20260101)
    return (
        np.round(random.uniform(WEST, WEST + WIDTH, count), 6),
        np.round(random.uniform(SOUTH, SOUTH + HEIGHT, count), 6),
    )


def fill(connection: psycopg.Connection, points: npt.NDArray[np.object_], areas: npt.NDArray[np.object_]) -> None:
    """Tables ``place`` and ``zone``, each with a GiST index, analysed."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    for name, shapes in (("place", points), ("zone", areas)):
        connection.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, geom geometry(Geometry, 4326))")
        with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for n, wkb in enumerate(shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True)):
                copy.write_row((n, wkb))
        connection.execute(f"CREATE INDEX ON {name} USING gist (geom)")
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")


_JOIN = "SELECT p.id, z.id FROM zone z JOIN place p ON ST_Intersects(z.geom, p.geom)"


def ordered(point: object, polygon: object) -> Pairs:
    """Pairs in one order, to compare."""
    pairs = np.column_stack([np.asarray(point, dtype=np.int64), np.asarray(polygon, dtype=np.int64)])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--polygons", type=int, default=50_000)
    parser.add_argument("--vertices", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    areas = zones(options.polygons, options.vertices)
    x, y = places(options.points)
    points = shapely.points(x, y)
    left = geopandas.GeoDataFrame(geometry=points, crs=4326)
    right = geopandas.GeoDataFrame(geometry=areas, crs=4326)
    last: dict[str, Pairs] = {}

    def ours() -> None:
        last["ours"] = np.column_stack(inside(x, y, areas))

    def points_first() -> None:
        found = geopandas.sjoin(left, right, predicate="intersects")
        last["sjoin, points first"] = np.column_stack([found.index, found["index_right"]])

    def polygons_first() -> None:
        found = geopandas.sjoin(right, left, predicate="intersects")
        last["sjoin, polygons first"] = np.column_stack([found["index_right"], found.index])

    runs: dict[str, Callable[[], None]] = {
        "ours": ours,
        "sjoin, points first": points_first,
        "sjoin, polygons first": polygons_first,
    }
    why = throwaway_postgis.missing()
    if why is not None:
        print(f"PostGIS is left out: {why}", file=sys.stderr)
        show_all(measure(runs, last, options.rounds), as_json=options.json)
        return
    tuned = ("fsync=off", "shared_buffers=2GB", "work_mem=64MB", "jit=off")
    with throwaway_postgis.server(*tuned) as address:
        plain = address.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(f"{plain}/postgres") as connection:
            fill(connection, points, areas)

            def postgis() -> None:
                with connection.cursor(binary=True) as cursor:
                    cursor.execute(_JOIN)
                    last["PostGIS"] = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 2)

            results = measure({**runs, "PostGIS": postgis}, last, options.rounds)
    show_all(results, as_json=options.json)


def measure(runs: dict[str, Callable[[], None]], last: dict[str, Pairs], rounds: int) -> dict[str, list[float]]:
    """Seconds of interleaved rounds, after one that is not counted and in which all pairs are compared."""
    for run in runs.values():
        run()
    pairs = {name: ordered(found[:, 0], found[:, 1]) for name, found in last.items()}
    for name, found in pairs.items():
        if not np.array_equal(found, pairs["ours"]):
            raise SystemExit(f"{name} finds {len(found)} pairs, ours {len(pairs['ours'])}: not the same")
    print(f"{len(pairs['ours'])} pairs, the same in {', '.join(pairs)}", file=sys.stderr)
    results: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            results[name].append(timed(run))
    return results


def show_all(results: dict[str, list[float]], *, as_json: bool) -> None:
    """Print seconds and ratios."""
    median = medians(results)
    first, other = median["sjoin, polygons first"], median["sjoin, points first"]
    ratios = {
        "geopandas.sjoin, polygons first / exposure join (at least 1.8)": first / median["ours"],
        "geopandas.sjoin, points first / exposure join": other / median["ours"],
    }
    if "PostGIS" in median:
        ratios["PostGIS ST_Intersects / exposure join (at least 3.5)"] = median["PostGIS"] / median["ours"]
    show(results, ratios, as_json=as_json)


if __name__ == "__main__":
    main()
