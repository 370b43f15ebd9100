"""What was claimed in a span of time, with both clocks: for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import Claim, Status, Telling, Visibility
from bousai.store import schema
from bousai.store.encode import instant, moment
from bousai.store.engine import Store
from bousai.store.read import position_at, visible_to

_SELECT = (
    "SELECT r.id, s.kind, r.item_id, s.scope, r.muni_code, r.props, r.position, r.valid_from, r.valid_to,"
    " r.expires_at, r.stated_by, r.opened_by, r.closed_by, r.retired_by"
    " FROM bulletin b JOIN scope s ON s.id = b.scope_id"
    " JOIN revision r ON r.scope_id = s.id AND r.stated_by = b.id"
    " WHERE s.kind IN :kinds AND s.status = :status AND r.opened_by <= :known"
)
_ISSUED = "b.issued_at >= :since AND b.issued_at <= :until"
_HOLDING = (
    "b.issued_at < :at AND (r.retired_by IS NULL OR r.retired_by > :then)"
    " AND (r.valid_to IS NULL OR r.valid_to > :at OR r.closed_by > :then)"
    " AND (r.expires_at IS NULL OR r.expires_at > :at)"
)


def claims(
    store: Store,
    kinds: Collection[str],
    *,
    munis: Collection[str],
    since: datetime,
    until: datetime,
    known_at: datetime | None = None,
    status: Status = "actual",
    visibility: Visibility = "public",
) -> list[Claim]:
    """Every revision of some kinds whose statement was issued from `since` to `until`, both included, that a circle
    of readers may see and that was known at `known_at` (None: now), corrected and withdrawn ones too, in order of
    recording.

    Of items that state a municipality, those of `munis` (5-digit codes) alone; those that state none all.
    """
    bound: dict[str, Any] = {"since": instant(since), "until": instant(until)}
    with store.engine.connect() as connection:
        known = position_at(connection, known_at)
        return _claims(connection, _ISSUED, bound, kinds, munis, known, status, visibility)


def claims_before(
    store: Store,
    kinds: Collection[str],
    *,
    munis: Collection[str],
    at: datetime,
    known_at: datetime | None = None,
    status: Status = "actual",
    visibility: Visibility = "public",
) -> list[Claim]:
    """What was stated before a time and held at it, or later, by what was known at it or at any time from then on:
    the rest as for `claims`. With the claims from that time on, all that held at any time since by what was known at
    any time since."""
    with store.engine.connect() as connection:
        bound = {"at": instant(at), "then": position_at(connection, at)}
        known = position_at(connection, known_at)
        return _claims(connection, _HOLDING, bound, kinds, munis, known, status, visibility)


def _claims(
    connection: Connection,
    which: str,
    bound: Mapping[str, Any],
    kinds: Collection[str],
    munis: Collection[str],
    known: int,
    status: Status,
    visibility: Visibility,
) -> list[Claim]:
    query = f"{_SELECT} AND {which} AND {visible_to(visibility)} AND (r.muni_code IS NULL OR r.muni_code IN :munis)"
    statement = sa.text(f"{query} ORDER BY r.opened_by, r.id").bindparams(
        sa.bindparam("kinds", expanding=True, type_=sa.Text()), sa.bindparam("munis", expanding=True, type_=sa.Text())
    )
    given = {"kinds": sorted(kinds), "munis": sorted(munis), "status": status, "known": known}
    rows = connection.execute(statement, given | dict(bound)).fetchall()
    told = _tellings(connection, {n for row in rows for n in row[10:14] if n is not None and n <= known})
    return [
        Claim(
            revision=row[0],
            kind=row[1],
            item_id=row[2],
            scope=row[3],
            muni_code=row[4],
            props=orjson.loads(row[5]),
            position=row[6],
            valid_from=moment(row[7]),
            valid_to=None if row[8] is None or row[12] not in told else moment(row[8]),
            expires_at=None if row[9] is None else moment(row[9]),
            stated=told[row[10]],
            opened=told[row[11]],
            closed=told.get(row[12]),
            retired=told.get(row[13]),
        )
        for row in rows
    ]


def _tellings(connection: Connection, numbers: Iterable[int]) -> dict[int, Telling]:
    b, d = schema.bulletin, schema.document
    found = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), 450):
        query = sa.select(b, d.c.feed, d.c.sha256, d.c.url, d.c.name, d.c.fetched_at).join_from(
            b, d, d.c.id == b.c.document_id
        )
        for row in connection.execute(query.where(b.c.id.in_(wanted[start : start + 450]))):
            found[row.id] = Telling(
                number=row.id,
                msg_type=row.msg_type,
                bulletin_type=row.bulletin_type,
                serial=row.serial,
                issuer=row.issuer,
                feed=row.feed,
                issued_at=moment(row.issued_at, row.issued_offset_min),
                recorded_at=moment(row.recorded_at),
                fetched_at=moment(row.fetched_at),
                document=row.name,
                sha256=row.sha256,
                url=row.url,
            )
    return found
