"""Publishing 50,000 polygons with 10 million vertices as GeoJSON, in ratio to ``geopandas.to_json`` of the same rows.

Ours is measured three times: the text alone, written to a file as the peer's is; the whole layer with gzip, zstd,
cuts by municipality, list of changes and manifest; and the whole layer again when nothing has changed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import numpy.typing as npt
import shapely
from measure import medians, show, timed

from bousai import publish
from bousai.model import Field, ReleasedLayer, RevisionTable, SourceFreshness

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LAYER = ReleasedLayer(
    id="bench",
    kind="municipality",
    title_ja="訓練",
    title_en="Bench",
    description_ja="",
    description_en="",
    geometry="polygon",
    tier="public",
    fields=tuple(Field(name=name, type="text", ja=name, en=name) for name in ("name", "depth", "river")),
)
SOURCE = SourceFreshness("bench", "ok", "", T0, T0, T0, "credit", "licence", "https://example.org/")


def polygons(count: int, vertices: int) -> npt.NDArray[np.object_]:
    """Star-shaped invented polygons, most of them small and a few very large, always the same."""
    random = np.random.default_rng(20260101)
    sizes = random.lognormal(4.5, 1.2, count)
    sizes = np.maximum(4, sizes * vertices / sizes.sum()).astype(int)
    made = []
    for size, x, y in zip(
        sizes.tolist(), random.uniform(130, 142, count), random.uniform(33, 43, count), strict=True
    ):
        angle = np.linspace(0, 2 * np.pi, size, endpoint=False)
        radius = 0.01 + 0.005 * random.random(size)
        ring = np.round(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]), 6)
        made.append(shapely.Polygon(ring))
    return np.array(made, dtype=object)


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--polygons", type=int, default=50_000)
    parser.add_argument("--vertices", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    n = options.polygons
    shapes = polygons(n, options.vertices)
    props = [{"name": f"訓練区域{i}", "depth": f"{i % 7}m", "river": f"訓練川{i % 97}"} for i in range(n)]
    wkb = [bytes(one) for one in shapely.to_wkb(shapes)]
    frame = geopandas.GeoDataFrame(props, geometry=shapes, crs=4326)
    table = RevisionTable(
        kind="municipality",
        status="actual",
        valid_at=T0,
        known_at=T0,
        revision=range(n),
        item_id=[f"{i:06d}" for i in range(n)],
        scope=["bench"] * n,
        muni_code=[f"{17201 + i % 50}" for i in range(n)],
        props=[json.dumps(one, ensure_ascii=False, sort_keys=True) for one in props],
        geometry=wkb,
        source=["bench"] * n,
        issuer=["bench"] * n,
        issued_at=[T0] * n,
        recorded_at=[T0] * n,
        bulletin_type=["bench"] * n,
        serial=[None] * n,
    )
    results: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def text(folder: Path = folder) -> None:
                features = publish.features(LAYER, [table], {})
                chunks = publish.layer_chunks(features, valid_at=T0, known_at=T0, published_at=T0, freshness=[SOURCE])
                with (folder / "ours.geojson").open("wb") as file:
                    file.writelines(chunks)

            def layer(folder: Path = folder) -> None:
                publish.write_layer(
                    folder,
                    publish.features(LAYER, [table], {}),
                    status="actual",
                    valid_at=T0,
                    known_at=T0,
                    published_at=T0,
                    freshness=[SOURCE],
                    publisher=("bench", "bench@example.org"),
                )

            def peer(folder: Path = folder) -> None:
                (folder / "peer.geojson").write_text(frame.to_json(), encoding="utf-8")

            for label, run in (("text", text), ("layer", layer), ("layer, unchanged", layer), ("to_json", peer)):
                results.setdefault(label, []).append(timed(run))
    median = medians(results)
    ratios = {
        "geopandas.to_json / publishing GeoJSON (at least 7)": median["to_json"] / median["text"],
        "geopandas.to_json / whole layer with gzip, zstd, cuts, manifest": median["to_json"] / median["layer"],
    }
    show(results, ratios, as_json=options.json)


if __name__ == "__main__":
    main()
