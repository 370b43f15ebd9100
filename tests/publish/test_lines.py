"""Lines: what is published opens in GDAL with the coordinates that were stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from bousai.publish import features
from tests.publish.tables import document, layer, row, table

LINE = shapely.LineString([(130.65, 32.5), (130.600142, 32.464131), (130.513299, 32.365122)])
BOTH = shapely.MultiLineString([LINE, [(131.0, 33.0), (131.1, 33.1)]])


@pytest.mark.parametrize("shape", [LINE, BOTH])
def test_gdal_reads_the_line_that_was_stated(tmp_path: Path, shape: shapely.Geometry) -> None:
    found = features(layer(geometry="line"), [table([row("a", geometry=shape), row("b")])], {})
    path = tmp_path / "lines.geojson"
    path.write_bytes(document(found))
    meta, _, geometry, columns = pyogrio.raw.read(path)
    assert meta["geometry_type"] == shape.geom_type
    assert shapely.from_wkb(geometry[0]).equals_exact(shape, 0)
    assert geometry[1] is None
    ids = columns[list(meta["fields"]).index("id")]
    assert np.array_equal(ids, ["a", "b"])
