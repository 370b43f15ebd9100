"""Loads big enough for the bulk paths: packed R-tree on SQLite, binary COPY with rebuilt indexes on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
import sqlalchemy as sa

from bousai import store
from bousai.model import Bulletin, ItemTable, Provenance, RawDocument

pytestmark = pytest.mark.store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BOXES = [(135.0, 35.0, 135.5, 35.5), (130.0, 33.0, 142.0, 43.0), (139.99, 40.01, 140.0, 40.02), (0.0, 0.0, 1.0, 1.0)]


def places(count: int, seed: int, prefix: str) -> tuple[ItemTable, np.ndarray]:
    """Invented points and small squares, some without geometry; and their bounds (NaN where there is none)."""
    random = np.random.default_rng(seed)
    lon, lat = random.uniform(130, 142, count), random.uniform(33, 43, count)
    shapes = shapely.points(lon, lat)
    squares = random.random(count) < 0.2
    shapes[squares] = shapely.box(lon[squares], lat[squares], lon[squares] + 0.01, lat[squares] + 0.01)
    shapes[random.random(count) < 0.05] = None
    table = ItemTable(
        item_id=[f"{prefix}{n:06d}" for n in range(count)],
        props={"name": [f"訓練{n}" for n in range(count)]},
        muni_code=["17201"] * count,
        geometry=[None if one is None else bytes(one) for one in shapely.to_wkb(shapes)],
        position=[f"row {n}" for n in range(count)],
    )
    return table, shapely.bounds(shapes)


def load(opened: store.Store, scope: str, table: ItemTable, day: int) -> None:
    at = T0 + timedelta(days=day)
    statement = Bulletin("shelter", scope, at, "actual", table, "訓練", complete=True)
    document = RawDocument(f"{day:064x}", "f", "https://example.org/", "n", at, 1)
    store.apply(opened, [statement], Provenance(document, "p", "1"), at)


def test_a_bulk_load_is_found_by_box_like_any_other(opened: store.Store) -> None:
    first, bounds = places(12_000, 1, "a")
    load(opened, "one", first, 1)
    second, more = places(300, 2, "b")  # row by row, into what was packed
    load(opened, "two", second, 2)
    third, yet_more = places(11_000, 3, "c")  # packed again, with what was there
    load(opened, "three", third, 3)
    ids = [*first.item_id, *second.item_id, *third.item_id]
    low_high = np.vstack([bounds, more, yet_more])
    for west, south, east, north in BOXES:
        meets = (
            (low_high[:, 0] <= east)
            & (low_high[:, 2] >= west)
            & (low_high[:, 1] <= north)
            & (low_high[:, 3] >= south)
        )
        found = store.items(opened, "shelter", valid_at=T0 + timedelta(days=9), bbox=(west, south, east, north))
        # the index keeps 32-bit bounds: it may say yes to a neighbour within a metre, never no to one inside
        expected = {item for item, inside in zip(ids, meets.tolist(), strict=True) if inside}
        assert expected <= set(found.item_id)
        assert len(set(found.item_id) - expected) <= 3
    everything = store.items(opened, "shelter", valid_at=T0 + timedelta(days=9))
    assert list(everything.item_id) == sorted(ids)


def test_the_index_is_sound_after_bulk_loads(opened: store.Store) -> None:
    for day, count in enumerate((12_000, 50, 15_000), start=1):
        load(opened, f"s{day}", places(count, day, f"{day}-")[0], day)
        with opened.engine.connect() as connection:
            if opened.engine.dialect.name == "sqlite":
                judged = connection.exec_driver_sql("SELECT rtreecheck('rtree_revision_geom')").scalar_one()
                assert judged == "ok"
            else:
                names = {index["name"] for index in sa.inspect(connection).get_indexes("revision")}
                assert {"revision_geom", "revision_item"} <= names
                valid = "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'revision'::regclass"
                assert connection.exec_driver_sql(valid).scalar_one()
