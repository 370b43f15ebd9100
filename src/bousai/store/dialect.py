"""All that differs between the two databases: opening, the write lock, bulk insert, geometry, bounding box."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url

from bousai.errors import StoreError
from bousai.store import rtree
from bousai.store.encode import DIGEST, Content, Ids

_GPKG_HEADER = b"GP\x00\x01" + (4326).to_bytes(4, "little")  # version 1, no envelope, little-endian
_LOCK_KEY = 0x626F75736169  # "bousai": one writer at a time, so that ids grow in the order of recording
_PATIENCE = 300  # seconds until another writer is done: a hazard map of a gigabyte is written in less than one minute
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


def create_engine(url: str) -> Engine:
    """An engine with its connection settings. Create it after a fork, never before."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise StoreError("the store needs a file", remedy="set BOUSAI_STORE=sqlite:///<path>/bousai.gpkg")
        assert parsed.database is not None
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": _PATIENCE})
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.drivername == "postgresql+psycopg":
        return sa.create_engine(parsed, pool_pre_ping=True)
    raise StoreError(
        f"no store on {parsed.drivername}",
        remedy="BOUSAI_STORE is sqlite:///… or postgresql+psycopg://…",
    )


def must_exist(url: str) -> None:
    """Raise `StoreError` where the file of an embedded store is not there: opening it would make an empty one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        raise StoreError("the store is at version none: there is no such file", remedy="run: bousai prepare")


def _sqlite_connect(connection: sqlite3.Connection, _: object) -> None:
    # Transactions are begun by `_sqlite_begin`; the driver must not begin its own.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_size=8192")  # heeded when the file is made
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA wal_autocheckpoint=8192")  # 64 MB: a national list is committed without a checkpoint
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
        raw.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)
        return
    with raw.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for chunk in _copy_chunks(rows):
            copy.write(chunk)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_field(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)


def _copy_chunks(rows: Sequence[tuple[Any, ...]], size: int = 2000) -> Iterable[str]:
    for start in range(0, len(rows), size):
        lines = ["\t".join([_copy_field(value) for value in row]) for row in rows[start : start + size]]
        yield "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, eq=False)
class RevisionRows:
    """New revisions: entries (None: all) of one statement, true from `valid_from`, written by bulletin `by`.

    `born_dead`: said, but never true (ended); or only the keeper of a content that other rows refer to.
    """

    ids: Ids
    scope_id: int
    content: Content
    entries: Sequence[int] | None
    valid_from: int
    by: int
    born_dead: bool


def insert_revisions(connection: Connection, rows: RevisionRows) -> None:
    """Write new revisions and enter them into the spatial index."""
    c, picked = rows.content, rows.entries

    def pick(column: Sequence[Any]) -> Sequence[Any]:
        return column if picked is None else [column[n] for n in picked]

    n = len(rows.ids)
    props = c.props(picked)
    geometry = pick(c.geometry)
    expires = repeat(None, n) if c.expires_at is None else pick(c.expires_at)
    ids, item_ids, munis, positions = rows.ids.tolist(), pick(c.item_id), pick(c.muni_code), pick(c.position)
    entries = range(n) if picked is None else picked
    digests = (c.digests[k * DIGEST : (k + 1) * DIGEST] for k in entries)
    raw = connection.connection.driver_connection
    assert raw is not None
    if is_sqlite(connection):
        blobs = (None if wkb is None else _GPKG_HEADER + wkb for wkb in geometry)
        # CAST spares decoding JSON bytes to text and encoding them again.
        raw.executemany(
            "INSERT INTO revision (id, scope_id, item_id, hash, muni_code, props, geom, expires_at, position,"
            f" valid_from, stated_by, opened_by, retired_by) VALUES (?, {rows.scope_id}, ?, ?, ?, CAST(? AS TEXT),"
            f" ?, ?, ?, {rows.valid_from}, {rows.by}, {rows.by}, {rows.by if rows.born_dead else 'NULL'})",
            zip(ids, item_ids, digests, munis, props, blobs, expires, positions, strict=True),
        )
        kept = [k for k, wkb in enumerate(geometry) if wkb is not None]
        if kept:
            boxes = _boxes([wkb for wkb in geometry if wkb is not None])
            rtree.insert(raw, "rtree_revision_geom", rows.ids[kept], boxes)
        return
    _copy_revisions(connection, rows, ids, item_ids, digests, munis, props, geometry, expires, positions)


_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("xy", "<f8", (2,))])


def _boxes(wkb: Sequence[bytes]) -> rtree.Boxes:
    """minx, miny, maxx, maxy of each; points are read without making geometries of them."""
    if all(len(one) == _POINT.itemsize for one in wkb):
        points = np.frombuffer(b"".join(wkb), dtype=_POINT)
        if (points["order"] == 1).all() and (points["type"] == 1).all():
            return np.hstack([points["xy"], points["xy"]])
    boxes: rtree.Boxes = shapely.bounds(shapely.from_wkb(np.array(wkb, dtype=object)))
    return boxes


_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_SRID = b"\x20" + (4326).to_bytes(4, "little")
_BULK = 10_000


def _int8(value: int | None) -> bytes:
    return _NULL if value is None else b"\x00\x00\x00\x08" + value.to_bytes(8, "big", signed=True)


def _ewkb(geometry: Sequence[bytes | None]) -> Iterable[bytes]:
    """Fields of PostGIS's EWKB: the SRID's flag and number stand between the type and the coordinates."""
    if all(wkb is not None and len(wkb) == _POINT.itemsize for wkb in geometry):
        points = np.frombuffer(b"".join(geometry), dtype=np.uint8).reshape(-1, _POINT.itemsize)  # type: ignore[arg-type]
        fields = np.empty((len(points), 8 + _POINT.itemsize), dtype=np.uint8)
        fields[:, :4] = np.frombuffer((4 + _POINT.itemsize).to_bytes(4, "big"), dtype=np.uint8)
        fields[:, 4:8] = points[:, :4]
        fields[:, 8:13] = np.frombuffer(_SRID, dtype=np.uint8)
        fields[:, 13:] = points[:, 5:]
        joined = fields.tobytes()
        return (joined[at : at + fields.shape[1]] for at in range(0, len(joined), fields.shape[1]))
    return (
        _NULL if wkb is None else b"".join(((len(wkb) + 4).to_bytes(4, "big"), wkb[:4], _SRID, wkb[5:]))
        for wkb in geometry
    )


def _copy_revisions(
    connection: Connection,
    rows: RevisionRows,
    ids: Iterable[int],
    item_ids: Iterable[str],
    digests: Iterable[bytes],
    munis: Iterable[str | None],
    props: Iterable[bytes],
    geometry: Sequence[bytes | None],
    expires: Iterable[int | None],
    positions: Iterable[str],
) -> None:
    """Binary COPY (PostgreSQL manual, COPY, "Binary Format"): neither side writes or reads hexadecimal."""
    retired = rows.by if rows.born_dead else None
    scope = _int8(rows.scope_id)
    tail = b"".join(_int8(v) for v in (rows.valid_from, None, rows.by, rows.by, None, retired))
    head = struct.Struct(">hiq12si").pack  # 15 fields; the id; the scope; the length of the item id
    size = struct.Struct(">i").pack
    known = {code: _NULL if code is None else size(len(code)) + code.encode() for code in set(munis)}
    encoded = (
        b"".join(
            (
                head(15, 8, i, scope, len(item)),
                item,
                b"\x00\x00\x00\x10",
                digest,
                known[muni],
                size(len(text)),
                text,
                ewkb,
                _NULL if expiry is None else _int8(expiry),
                size(len(position)),
                position,
                tail,
            )
        )
        for i, item, digest, muni, text, ewkb, expiry, position in zip(
            ids,
            map(str.encode, item_ids),
            digests,
            munis,
            props,
            _ewkb(geometry),
            expires,
            map(str.encode, positions),
            strict=True,
        )
    )
    n = len(rows.ids)
    rebuild = n >= _BULK and _few_revisions(connection, n)
    if rebuild:
        # An index that is built over all rows at once is sorted first; GiST so costs a fifth of growing one.
        connection.exec_driver_sql("DROP INDEX revision_geom, revision_item")
    raw = connection.connection.driver_connection
    assert raw is not None
    with raw.cursor() as cursor, cursor.copy("COPY revision FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_COPY_HEADER)
        while chunk := b"".join(islice(encoded, 1000)):
            copy.write(chunk)
        copy.write(_COPY_END)
    if rebuild:
        connection.exec_driver_sql("CREATE INDEX revision_geom ON revision USING gist (geom)")
        connection.exec_driver_sql("CREATE INDEX revision_item ON revision (scope_id, item_id)")


def _few_revisions(connection: Connection, than: int) -> bool:
    found = connection.exec_driver_sql(f"SELECT count(*) FROM (SELECT 1 FROM revision LIMIT {than}) few").scalar_one()
    return int(found) < than


def copy_revision(
    connection: Connection,
    source: int,
    new: int,
    scope_id: int,
    valid_from: int,
    valid_to: int | None,
    stated_by: int,
    opened_by: int,
    by: int,
) -> None:
    """A new row of a scope with the content of row `source` for another span of time."""
    values = {
        "source": source,
        "scope_id": scope_id,
        "new": new,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "stated_by": stated_by,
        "opened_by": opened_by,
        "closed_by": None if valid_to is None else by,
    }
    connection.execute(_COPY, values)
    if is_sqlite(connection):
        box = "SELECT CAST(:new AS INTEGER), minx, maxx, miny, maxy FROM rtree_revision_geom WHERE id = :source"
        connection.execute(sa.text(f"INSERT INTO rtree_revision_geom {box}"), values)


_COPY = sa.text(
    "INSERT INTO revision (id, scope_id, item_id, hash, muni_code, props, geom, expires_at, position,"
    " valid_from, valid_to, stated_by, opened_by, closed_by)"
    " SELECT :new, :scope_id, item_id, hash, muni_code, props, geom, expires_at, position,"
    " :valid_from, :valid_to, :stated_by, :opened_by, :closed_by FROM revision WHERE id = :source"
)


def geometry_out(connection: Connection, value: bytes | None) -> bytes | None:
    """WKB from what a query over `geometry_column` gave."""
    if value is None:
        return None
    if is_sqlite(connection):
        return value[8 + _ENVELOPE_BYTES[(value[3] >> 1) & 7] :]
    return bytes(value)


def geometry_column(connection: Connection) -> str:
    """SQL expression that reads the geometry of revision `r`."""
    return "r.geom" if is_sqlite(connection) else "ST_AsBinary(r.geom)"


def in_box(connection: Connection, revision: str = "r") -> str:
    """SQL predicate on a revision (by its name in the query) for the bound names :west :south :east :north.

    On SQLite the subquery keeps the planner on the R-tree (a join makes it walk the B-tree first).
    """
    if is_sqlite(connection):
        return (
            f"{revision}.id IN (SELECT id FROM rtree_revision_geom"
            " WHERE minx <= :east AND maxx >= :west AND miny <= :north AND maxy >= :south)"
        )
    return f"{revision}.geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"


def extent(connection: Connection) -> str:
    """SQL from the columns west, south, east, north of an aggregate query on, over scope `s` and revision `r`."""
    if is_sqlite(connection):
        return (
            "min(t.minx), min(t.miny), max(t.maxx), max(t.maxy) FROM scope s JOIN revision r ON r.scope_id = s.id"
            " LEFT JOIN rtree_revision_geom t ON t.id = r.id"
        )
    return (
        "min(ST_XMin(r.geom)), min(ST_YMin(r.geom)), max(ST_XMax(r.geom)), max(ST_YMax(r.geom))"
        " FROM scope s JOIN revision r ON r.scope_id = s.id"
    )


def bytewise(connection: Connection, column: str) -> str:
    """SQL expression that sorts text by its bytes on both databases, whatever the cluster's locale."""
    return column if is_sqlite(connection) else f'{column} COLLATE "C"'
