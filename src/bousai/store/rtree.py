"""Filling SQLite's R-tree in bulk, by packing its nodes as SQLite keeps them.

Row by row SQLite splits and re-balances at each insertion, which costs more than all the rest of a first
load. A packed tree (sort-tile-recursive, Leutenegger et al. 1997) is made in one go and is as good to search.
Node format: https://www.sqlite.org/rtree.html and rtree.c of SQLite, "Database Format of R-Tree Tables";
GDAL fills GeoPackage trees in the same way. `rtreecheck()` judges the result in the tests.
"""

from __future__ import annotations

import sqlite3

import numpy as np
import numpy.typing as npt

_CELLS = 51  # RTREE_MAXCELLS: the most that a node of two-dimensional 32-bit cells holds
_CELL = np.dtype([("id", ">i8"), ("box", ">f4", (4,))])  # box: minx, maxx, miny, maxy
_NODE_BYTES = 4 + _CELLS * _CELL.itemsize
_FILL = 40  # cells in a packed node: room for what is inserted later, without a split at once
_BULK = 10_000

Boxes = npt.NDArray[np.float64]


def insert(connection: sqlite3.Connection, table: str, ids: npt.NDArray[np.int64], boxes: Boxes) -> None:
    """Add boxes (rows of minx, miny, maxx, maxy) under new ids, within the caller's transaction."""
    if len(ids) >= _BULK:
        (existing,) = connection.execute(f'SELECT count(*) FROM "{table}_rowid"').fetchone()
        if existing <= 4 * len(ids):
            _rebuild(connection, table, ids, boxes)
            return
    rows = [(i, x0, x1, y0, y1) for i, (x0, y0, x1, y1) in zip(ids.tolist(), boxes.tolist(), strict=True)]
    connection.executemany(f'INSERT INTO "{table}" VALUES (?, ?, ?, ?, ?)', rows)


def _rebuild(connection: sqlite3.Connection, table: str, ids: npt.NDArray[np.int64], boxes: Boxes) -> None:
    old = np.array(connection.execute(f'SELECT * FROM "{table}"').fetchall(), dtype=float).reshape(-1, 5)
    level = np.empty(len(old) + len(ids), dtype=_CELL)
    level["id"] = np.concatenate([old[:, 0].astype(np.int64), ids])
    level["box"][: len(old)] = old[:, 1:]
    level["box"][len(old) :] = _outward(boxes[:, [0, 2, 1, 3]])
    for name in ("node", "parent", "rowid"):
        connection.execute(f'DELETE FROM "{table}_{name}"')
    next_node = 2  # node 1 is the root
    depth = 0
    while len(level) > _CELLS:
        level = _tile(level)
        starts = np.arange(0, len(level), _FILL)
        numbers = np.arange(next_node, next_node + len(starts))
        owners = np.repeat(numbers, _FILL)[: len(level)]
        _write_nodes(connection, table, level, starts, numbers)
        _write_owners(connection, table, level, owners, leaf=depth == 0)
        parents = np.empty(len(starts), dtype=_CELL)
        parents["id"] = numbers
        box = level["box"].astype("f4")
        for column, reduce in enumerate((np.minimum, np.maximum, np.minimum, np.maximum)):
            parents["box"][:, column] = reduce.reduceat(box[:, column], starts)
        next_node += len(starts)
        level = parents
        depth += 1
    _write_owners(connection, table, level, np.ones(len(level), dtype=np.int64), leaf=depth == 0)
    _write_nodes(connection, table, level, np.array([0]), np.array([1]), depth, _CELLS)


def _outward(boxes: Boxes) -> npt.NDArray[np.float32]:
    """To 32 bits so that the box only grows: minima down, maxima up."""
    narrow = boxes.astype(np.float32)
    low, high = np.float32(-np.inf), np.float32(np.inf)
    for column, (towards, wrong) in enumerate(((low, np.greater), (high, np.less)) * 2):
        bad = wrong(narrow[:, column].astype(float), boxes[:, column])
        narrow[bad, column] = np.nextafter(narrow[bad, column], towards)
    return narrow


def _tile(level: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Order cells so that each run of 40 lies close together: vertical slices, each from south to north."""
    box = level["box"].astype(float)
    x, y = box[:, 0] + box[:, 1], box[:, 2] + box[:, 3]
    leaves = -(-len(level) // _FILL)
    per_slice = _FILL * int(np.ceil(np.sqrt(leaves)))
    by_x = np.argsort(x, kind="stable")
    slice_of = np.empty(len(level), dtype=np.int64)
    slice_of[by_x] = np.arange(len(level)) // per_slice
    return level[np.lexsort((y, slice_of))]


def _write_nodes(
    connection: sqlite3.Connection,
    table: str,
    level: npt.NDArray[np.void],
    starts: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    depth: int = 0,
    per_node: int = _FILL,
) -> None:
    rows = []
    for number, start in zip(numbers.tolist(), starts.tolist(), strict=True):
        cells = level[start : start + per_node]
        head = depth.to_bytes(2, "big") + len(cells).to_bytes(2, "big")
        rows.append((number, (head + cells.tobytes()).ljust(_NODE_BYTES, b"\0")))
    connection.executemany(f'INSERT INTO "{table}_node" (nodeno, data) VALUES (?, ?)', rows)


def _write_owners(
    connection: sqlite3.Connection,
    table: str,
    level: npt.NDArray[np.void],
    owners: npt.NDArray[np.int64],
    *,
    leaf: bool,
) -> None:
    name, key, value = ("rowid", "rowid", "nodeno") if leaf else ("parent", "nodeno", "parentnode")
    order = np.argsort(level["id"])
    rows = zip(level["id"][order].tolist(), owners[order].tolist(), strict=True)
    connection.executemany(f'INSERT INTO "{table}_{name}" ({key}, {value}) VALUES (?, ?)', rows)
