"""What has ended by the newest statement of its scope: it holds no more, and its source has said so.

An outage of 0, a warning lifted, a road opened again: `read.items` has none of them, for they do not hold, and
neither it nor `read.sightings` can tell "none" from "nobody says". This can, with the document and the position of
the statement that ended them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import RevisionTable, Status, Visibility, open_to
from bousai.store import dialect, read
from bousai.store.encode import instant, unpack
from bousai.store.engine import Store

_KNOWN = "{one}.id <= :known AND ({one}.replaced_by IS NULL OR {one}.replaced_by > :known)"
_NEWEST = (
    "SELECT * FROM (SELECT b.id, b.msg_type, b.item_count, b.members, s.scope, {order_b} AS place_in_order,"
    " row_number() OVER (PARTITION BY s.scope ORDER BY {order_b} DESC, b.id DESC) AS place"
    " FROM scope s JOIN bulletin b ON b.scope_id = s.id"
    f" WHERE {{these}} AND b.issued_at <= :valid AND {_KNOWN.format(one='b')}) newest"
    " WHERE place = 1 AND msg_type <> 'withdraw' AND NOT EXISTS ("
    "SELECT 1 FROM scope s JOIN bulletin w ON w.scope_id = s.id WHERE {these} AND s.scope = newest.scope"
    f" AND w.msg_type = 'withdraw' AND {{order_w}} > newest.place_in_order AND {_KNOWN.format(one='w')})"
)
_KEPT = (
    "SELECT r.id, r.item_id, r.muni_code, r.props, {geometry} AS geom, r.position FROM revision r WHERE r.id IN :ids"
)


def endings(
    store: Store,
    kind: str,
    *,
    valid_at: datetime,
    known_at: datetime | None = None,
    status: Status = "actual",
    visibility: Visibility = "public",
) -> RevisionTable:
    """The items of a kind that the newest statement of their scope, issued by `valid_at` and known at `known_at`
    (None: now), says have ended. Ordered by item id.

    What an older statement ended and the newest does not speak of is not in it, and nothing is of a scope in which a
    withdrawal follows its newest statement.
    """
    circles = ", ".join(f"'{one}'" for one in open_to(visibility))
    with store.engine.connect() as connection:
        known, recorded = read._log_position(connection, known_at, visibility)
        query = _NEWEST.format(
            these=f"s.kind = :kind AND s.status = :status AND s.visibility IN ({circles})",
            order_b=dialect.bytewise(connection, "b.order_key"),
            order_w=dialect.bytewise(connection, "w.order_key"),
        )
        bound = {"kind": kind, "status": status, "known": known, "valid": instant(valid_at)}
        ended: dict[int, tuple[str, int]] = {}
        for row in connection.execute(sa.text(query), bound):
            members = unpack(bytes(row.members), row.item_count)
            if members.ended is not None:
                ended |= dict.fromkeys(members.rows[members.ended].tolist(), (row.scope, row.id))
        kept = _kept(connection, sorted(ended))
        rows = []
        for row in sorted(kept, key=lambda row: (row.item_id.encode(), row.id)):
            scope, by = ended[row.id]
            rows.append((row.id, row.item_id, scope, row.muni_code, row.props, row.geom, by, by, row.position))
        return read.table_of_rows(connection, rows, kind, status, valid_at, recorded)


def _kept(connection: Connection, revisions: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    query = sa.text(_KEPT.format(geometry=dialect.geometry_column(connection)))
    statement = query.bindparams(sa.bindparam("ids", expanding=True))
    for start in range(0, len(revisions), 450):
        found += connection.execute(statement, {"ids": revisions[start : start + 450]}).fetchall()
    return found
