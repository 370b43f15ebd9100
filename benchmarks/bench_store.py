"""First load and re-load of 100,000 points into the store, in ratios to geopandas in the same run.

Peers: ``geopandas.to_file`` (GeoPackage) for the embedded store, ``geopandas.to_postgis`` for PostGIS. They keep
no history and hash nothing; the rows are the same. A round runs ours and the peer in turn; medians of rounds.
PostGIS is a server of the benchmark's own, durable as installed (fsync on), with 2 GB of shared buffers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas
import numpy as np
import shapely
import sqlalchemy as sa
from measure import medians, show, timed

import throwaway_postgis
from bousai import store
from bousai.model import Bulletin, ItemTable, Provenance, RawDocument

N = 100_000
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def points() -> geopandas.GeoDataFrame:
    """100,000 invented shelters with nine properties, always the same."""
    random = np.random.default_rng(20260101)
    lon, lat = random.uniform(130, 142, N), random.uniform(33, 43, N)
    number = np.arange(N)
    columns = {
        "common_id": [f"E{17201 + n % 50:05d}{n:05d}111" for n in number.tolist()],
        "name": [f"訓練第{n}小学校" for n in number.tolist()],
        "address": [f"訓練県訓練市訓練町{n % 977}番地{n % 31}" for n in number.tolist()],
        "muni_code": [f"{17201 + n % 50:05d}" for n in number.tolist()],
        "capacity": (number % 900).tolist(),
        "flood": (number % 2 == 0).tolist(),
        "tsunami": (number % 3 == 0).tolist(),
        "note": [f"備考{n % 13}" for n in number.tolist()],
        "accepts": [f"対象{n % 7}" for n in number.tolist()],
    }
    return geopandas.GeoDataFrame(columns, geometry=shapely.points(lon, lat), crs=4326)


def bulletin(frame: geopandas.GeoDataFrame, day: int, wkb: list[bytes]) -> Bulletin:
    """The frame as one complete statement."""
    names = [name for name in frame.columns if name != "geometry"]
    table = ItemTable(
        item_id=[f"{n:06d}" for n in range(len(frame))],
        props={name: frame[name].tolist() for name in names},
        muni_code=frame["muni_code"].tolist(),
        geometry=wkb,
        position=[f"row {n}" for n in range(len(frame))],
    )
    return Bulletin(
        kind="shelter",
        scope="bench",
        issued_at=T0 + timedelta(days=day),
        status="actual",
        items=table,
        issuer="bench",
        complete=True,
    )


def ours(url: str, frames: list[tuple[geopandas.GeoDataFrame, list[bytes]]]) -> list[float]:
    """Seconds of each load in turn, from columns to committed."""
    opened = store.open_store(url)
    seconds = []
    for day, (frame, wkb) in enumerate(frames):
        document = RawDocument(f"{day:064x}", "bench", "https://example.org/", "bench", T0, 1)
        b = bulletin(frame, day, wkb)
        now = T0 + timedelta(days=day)
        seconds.append(timed(lambda b=b, d=document, now=now: store.apply(opened, [b], Provenance(d, "p", "1"), now)))
    opened.close()
    return seconds


def measured(rounds: int, server: str | None) -> dict[str, list[float]]:
    """Seconds by what was done, a value a round."""
    first = points()
    second = first.copy()
    second.loc[second.index % 100 == 0, "name"] = "訓練改称小学校"
    frames = [(f, list(shapely.to_wkb(f.geometry.to_numpy()))) for f in (first, second)]
    frames.append(frames[1])
    results: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        results.setdefault(name, []).append(seconds)

    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'store.gpkg'}"
            store.prepare(url, [])
            peer = Path(folder) / "peer.gpkg"
            note("to_file first", timed(lambda p=peer: first.to_file(p, driver="GPKG", layer="shelter")))
            for name, seconds in zip(("first", "1 % changed", "unchanged"), ours(url, frames), strict=True):
                note(f"embedded {name}", seconds)
            peer.unlink()
            note("to_file again", timed(lambda p=peer: second.to_file(p, driver="GPKG", layer="shelter")))
        if server is not None:
            engine = sa.create_engine(server)
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("DROP SCHEMA IF EXISTS published CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            store.prepare(server, [])
            for name, seconds in zip(("first", "1 % changed", "unchanged"), ours(server, frames), strict=True):
                note(f"postgis {name}", seconds)
            note("to_postgis", timed(lambda e=engine: first.to_postgis("peer", e, if_exists="replace")))
            engine.dispose()
    return results


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    why = throwaway_postgis.missing()
    if why is None:
        with throwaway_postgis.server("shared_buffers=2GB", "max_wal_size=8GB", "jit=off") as address:
            results = measured(options.rounds, f"{address}/postgres")
    else:
        print(f"PostGIS is not measured: {why}", file=sys.stderr)
        results = measured(options.rounds, None)
    median = medians(results)
    ratios = {
        "embedded first load / to_file (at most 1.5)": median["embedded first"] / median["to_file first"],
        "to_file / embedded re-load, 1 % changed (at least 3)": median["to_file again"]
        / median["embedded 1 % changed"],
    }
    if why is None:
        ratios["to_postgis / postgis first load (at least 1.5)"] = median["to_postgis"] / median["postgis first"]
    show(results, ratios, as_json=options.json)


if __name__ == "__main__":
    main()
