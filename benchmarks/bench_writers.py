"""Every format of a layer of 100,000 points and of 50,000 polygons, in ratio to geopandas and pandas.

Ours begins with the features as the tree has them (properties as JSON text, shapes), makes typed columns of them and
writes the file with labels, credit and metadata. The peer begins with a ready GeoDataFrame of the very columns that
ours wrote (times as times, objects as JSON text) and writes it with ``to_file``, ``to_parquet`` and ``to_csv``; it is
told no metadata. So the columns are measured apart too: they are made once for all formats of a layer. A bound of 1:
whoever takes a layer in a format must not wait longer than for a file of geopandas.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import orjson
import shapely
from bench_publish import SOURCE, polygons
from measure import medians, show, timed

from bousai.model import Field, ReleasedLayer, RevisionTable
from bousai.publish import csv_text, features, flatgeobuf, geojson, geopackage, geoparquet
from bousai.publish.sheet import Sheet, arrow, sheet

T0 = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = (
    Field(name="name", type="text", ja="名称", en="Name"),
    Field(name="state", type="text", ja="状況", en="State"),
    Field(name="opened_at", type="datetime", ja="開設日時", en="Opened"),
    Field(name="evacuees", type="object", ja="避難者数", en="Evacuees", unit="人"),
    Field(name="depth", type="number", ja="深さ", en="Depth", unit="m"),
    Field(name="sources", type="list", ja="出典", en="Sources"),
)
WRITERS = {
    "gpkg": geopackage.write,
    "fgb": flatgeobuf.write,
    "parquet": geoparquet.write,
    "csv": csv_text.write,
}


def made(shapes: npt.NDArray[np.object_], geometry: Any) -> Any:
    """The features of an invented layer with these shapes."""
    n = len(shapes)
    layer = ReleasedLayer(
        id="bench",
        kind="shelter",
        title_ja="訓練",
        title_en="Bench",
        description_ja="",
        description_en="",
        geometry=geometry,
        tier="public",
        fields=FIELDS,
    )
    props = [
        orjson.dumps(
            {
                "name": f"訓練小学校{i}",
                "state": ("open", "closed", "not_open")[i % 3],
                "opened_at": f"2026-01-0{i % 9 + 1}T09:00:00+09:00",
                "evacuees": {"value": i % 500, "state": "reported", "qualifier": "exact", "text": None},
                "depth": i % 70 / 10,
                "sources": [{"feed": "bench", "attributes": ["state"]}],
            }
        ).decode()
        for i in range(n)
    ]
    table = RevisionTable(
        kind="shelter",
        status="actual",
        valid_at=T0,
        known_at=T0,
        revision=range(n),
        item_id=[f"{i:06d}" for i in range(n)],
        scope=["bench"] * n,
        muni_code=[f"{17201 + i % 50}" for i in range(n)],
        props=props,
        geometry=[bytes(one) for one in shapely.to_wkb(shapes)],
        source=["bench"] * n,
        issuer=["bench"] * n,
        issued_at=[T0] * n,
        recorded_at=[T0] * n,
        bulletin_type=["bench"] * n,
        serial=[None] * n,
    )
    return features(layer, [table], {})


def columns(found: Any) -> Sheet:
    """The typed columns of these features."""
    members = geojson.members(
        found.layer, status="actual", valid_at=T0, known_at=T0, published_at=T0, freshness=[SOURCE]
    )
    return sheet(found, members)


def peers(of: Sheet) -> dict[str, Any]:
    """How geopandas and pandas write the same columns and shapes."""
    frame = geopandas.GeoDataFrame(arrow(of).to_pandas(), geometry=of.shapes, crs=4326)
    flat = frame.drop(columns="geometry").assign(
        lon=frame.representative_point().x, lat=frame.representative_point().y
    )
    return {
        "gpkg": partial(frame.to_file, driver="GPKG", layer="bench"),
        "fgb": partial(frame.to_file, driver="FlatGeobuf", layer="bench"),
        "parquet": partial(
            frame.to_parquet, compression="zstd", write_covering_bbox=True, schema_version="1.1.0", index=False
        ),
        "csv": partial(flat.to_csv, encoding="utf-8-sig", lineterminator="\r\n", index=False),
    }


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--polygons", type=int, default=50_000)
    parser.add_argument("--vertices", type=int, default=2_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    random = np.random.default_rng(20260101)
    where = np.column_stack([random.uniform(130, 142, options.points), random.uniform(33, 43, options.points)])
    layers = {
        "points": made(shapely.points(np.round(where, 6)), "point"),
        "polygons": made(polygons(options.polygons, options.vertices), "polygon"),
    }
    results: dict[str, list[float]] = {}
    ratios: dict[str, float] = {}
    for kind, found in layers.items():
        of = columns(found)
        theirs = peers(of)
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as name:
                results.setdefault(f"{kind}: columns", []).append(timed(partial(columns, found)))
                for suffix, write in WRITERS.items():
                    ours, peer = Path(name) / f"ours.{suffix}", Path(name) / f"peer.{suffix}"
                    results.setdefault(f"{kind}: {suffix}", []).append(timed(partial(write, ours, of)))
                    results.setdefault(f"{kind}: {suffix}, peer", []).append(timed(partial(theirs[suffix], peer)))
    median = medians(results)
    for kind in layers:
        for suffix in WRITERS:
            called = {"parquet": "geopandas.to_parquet", "csv": "pandas.to_csv"}.get(suffix, "geopandas.to_file")
            ratio = median[f"{kind}: {suffix}, peer"] / median[f"{kind}: {suffix}"]
            ratios[f"{kind}, {suffix}: {called} / ours"] = ratio
        all_peers, all_ours = (
            sum(median[f"{kind}: {suffix}{which}"] for suffix in WRITERS) for which in (", peer", "")
        )
        label = f"{kind}: four files of geopandas and pandas / four of ours with their columns (at least 1)"
        ratios[label] = all_peers / (all_ours + median[f"{kind}: columns"])
    show(results, ratios, as_json=options.json)


if __name__ == "__main__":
    main()
