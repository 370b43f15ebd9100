"""All that differs between the two databases: opening, the write lock, bulk insert, geometry, bounding box."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url

from bousai.errors import StoreError

_GPKG_HEADER = b"GP\x00\x01" + (4326).to_bytes(4, "little")  # version 1, no envelope, little-endian
_LOCK_KEY = 0x626F75736169  # "bousai": one writer at a time, so that ids grow in the order of recording
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


def create_engine(url: str) -> Engine:
    """An engine with its connection settings. Create it after a fork, never before."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise StoreError("the store needs a file", remedy="set BOUSAI_STORE=sqlite:///<path>/bousai.gpkg")
        assert parsed.database is not None
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": 60})
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.drivername == "postgresql+psycopg":
        return sa.create_engine(parsed, pool_pre_ping=True)
    raise StoreError(
        f"no store on {parsed.drivername}",
        remedy="BOUSAI_STORE is sqlite:///… or postgresql+psycopg://…",
    )


def _sqlite_connect(connection: sqlite3.Connection, _: object) -> None:
    # Transactions are begun by `_sqlite_begin`; the driver must not begin its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=OFF")  # ids are given out by the only writer
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A reader that began with IMMEDIATE would wait for every writer.
    mode = "IMMEDIATE" if connection.get_execution_options().get("bousai_write") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


def is_sqlite(connection: Connection | Engine) -> bool:
    """True on the embedded store."""
    return connection.dialect.name == "sqlite"


def writing(engine: Engine) -> Engine:
    """The engine whose transactions are write transactions, one at a time over all processes."""
    return engine.execution_options(bousai_write=True)


def lock_for_writing(connection: Connection) -> None:
    """Wait until no other writer is at work (SQLite did so at BEGIN IMMEDIATE)."""
    if not is_sqlite(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")


def bulk_insert(connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given in the table's column order, the fastest way that the driver has."""
    if not rows:
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    raw = connection.connection.driver_connection
    assert raw is not None
    if is_sqlite(connection):
        marks = ", ".join("?" * len(table.columns))
        raw.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)  # noqa: S608 names are ours
        return
    with raw.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for chunk in _copy_chunks(rows):
            copy.write(chunk)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_field(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if ("\\" in value or not value.isprintable()) else value
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)


def _copy_chunks(rows: Iterable[tuple[Any, ...]], size: int = 2000) -> Iterable[str]:
    buffer: list[str] = []
    for row in rows:
        buffer.append("\t".join([_copy_field(value) for value in row]))
        if len(buffer) == size:
            yield "\n".join(buffer) + "\n"
            buffer = []
    if buffer:
        yield "\n".join(buffer) + "\n"


def geometry_in(connection: Connection, wkb: bytes | None) -> bytes | str | None:
    """WKB as the geometry column takes it in `bulk_insert`."""
    if wkb is None:
        return None
    if is_sqlite(connection):
        return _GPKG_HEADER + wkb
    # EWKB: the SRID flag and number stand between the type and the coordinates.
    return wkb[:4].hex() + "20" + "e6100000" + wkb[5:].hex()


def geometry_out(connection: Connection, value: bytes | None) -> bytes | None:
    """WKB from what a query over `geometry_column` gave."""
    if value is None:
        return None
    if is_sqlite(connection):
        return value[8 + _ENVELOPE_BYTES[(value[3] >> 1) & 7] :]
    return bytes(value)


def geometry_column(connection: Connection) -> str:
    """SQL expression that reads the geometry of item `i`."""
    return "i.geom" if is_sqlite(connection) else "ST_AsBinary(i.geom)"


def index_geometry(connection: Connection, ids: Sequence[int], wkb: Sequence[bytes | None]) -> None:
    """Enter new items into the spatial index (PostGIS keeps its own)."""
    if not is_sqlite(connection):
        return
    kept = [(i, w) for i, w in zip(ids, wkb, strict=True) if w is not None]
    if not kept:
        return
    bounds = shapely.bounds(shapely.from_wkb(np.array([w for _, w in kept], dtype=object)))
    rows = [(i, x0, x1, y0, y1) for (i, _), (x0, y0, x1, y1) in zip(kept, bounds.tolist(), strict=True)]
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.executemany("INSERT INTO rtree_item_geom (id, minx, maxx, miny, maxy) VALUES (?, ?, ?, ?, ?)", rows)


def in_box(connection: Connection) -> str:
    """SQL predicate on item `i` for the bound names :west :south :east :north.

    On SQLite the subquery keeps the planner on the R-tree (a join makes it walk the B-tree first).
    """
    if is_sqlite(connection):
        return (
            "i.id IN (SELECT id FROM rtree_item_geom"
            " WHERE minx <= :east AND maxx >= :west AND miny <= :north AND maxy >= :south)"
        )
    return "i.geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"


def bytewise(connection: Connection, column: str) -> str:
    """SQL expression that sorts text by its bytes on both databases, whatever the cluster's locale."""
    return column if is_sqlite(connection) else f'{column} COLLATE "C"'
