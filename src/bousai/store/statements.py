"""What was said, statement by statement, for who follows the log: alerts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bousai.model import MsgType, RawDocument, RevisionTable, Status
from bousai.store import schema
from bousai.store.dialect import bytewise
from bousai.store.encode import instant, moment
from bousai.store.engine import Store
from bousai.store.ledger import raw_document
from bousai.store.read import SEEN, columns_of, table_of_rows, visible_to


@dataclass(frozen=True, slots=True)
class Statement:
    """One public bulletin: where it stands in the log, what it speaks of, and the document that says it."""

    cursor: int
    document: int
    kind: str
    scope: str
    status: Status
    msg_type: MsgType
    issued_at: datetime
    recorded_at: datetime
    issuer: str
    url: str
    sha256: str


def statements(store: Store, kinds: Collection[str], *, after: int, limit: int = 1000) -> list[Statement]:
    """The public statements of some kinds after a position in the log, oldest first, `limit` and the rest of the
    document of the last."""
    b, s, d = schema.bulletin, schema.scope, schema.document
    query = (
        sa.select(b, s.c.kind, s.c.scope, s.c.status, d.c.url, d.c.sha256)
        .join_from(b, s, s.c.id == b.c.scope_id)
        .join(d, d.c.id == b.c.document_id)
        .where(b.c.id > after, s.c.kind.in_(sorted(kinds)), s.c.visibility == "public")
        .order_by(b.c.id)
    )
    with store.engine.connect() as connection:
        rows = list(connection.execute(query.limit(limit)))
        if len(rows) == limit:
            last = rows[-1]
            rest = query.where(b.c.id > last.id, b.c.document_id == last.document_id)
            rows += list(connection.execute(rest))
    return [
        Statement(
            row.id,
            row.document_id,
            row.kind,
            row.scope,
            row.status,
            row.msg_type,
            moment(row.issued_at, row.issued_offset_min),
            moment(row.recorded_at),
            row.issuer,
            row.url,
            row.sha256,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A document with statements of some kinds: when its newest was issued and, where the source says so, sent."""

    document: RawDocument
    issued_at: datetime
    sent_at: datetime | None


def documents_between(store: Store, kinds: Collection[str], since: datetime, until: datetime) -> list[Spoken]:
    """The documents with public statements of some kinds that were issued from one time to another, both included, in
    the order of their issue."""
    b, s, d = schema.bulletin, schema.scope, schema.document
    query = (
        sa.select(d, sa.func.max(b.c.issued_at).label("issued"), sa.func.max(b.c.sent_at).label("sent"))
        .join_from(b, s, s.c.id == b.c.scope_id)
        .join(d, d.c.id == b.c.document_id)
        .where(s.c.kind.in_(sorted(kinds)), s.c.visibility == "public")
        .where(b.c.issued_at >= instant(since), b.c.issued_at <= instant(until))
        .group_by(*d.c)
        .order_by(sa.func.max(b.c.issued_at), sa.func.max(b.c.sent_at), d.c.id)
    )
    with store.engine.connect() as connection:
        return [
            Spoken(raw_document(row), moment(row.issued), None if row.sent is None else moment(row.sent))
            for row in connection.execute(query)
        ]


def scopes_with(store: Store, kinds: Collection[str], part: str, status: Status) -> list[tuple[str, str]]:
    """(kind, scope) of the public scopes of some kinds whose name has `part` in it."""
    s = schema.scope
    query = (
        sa.select(s.c.kind, s.c.scope)
        .where(s.c.kind.in_(sorted(kinds)), s.c.status == status, s.c.visibility == "public")
        .where(s.c.scope.contains(part, autoescape=True))
        .order_by(s.c.kind, s.c.scope)
    )
    with store.engine.connect() as connection:
        return [(row.kind, row.scope) for row in connection.execute(query)]


def newest_of_scopes(store: Store, scopes: Collection[tuple[str, str]], status: Status, cursor: int) -> datetime:
    """When the newest statement of some public (kind, scope) was issued, as known at a position in the log."""
    b, s = schema.bulletin, schema.scope
    query = (
        sa.select(sa.func.max(b.c.issued_at))
        .join_from(s, b, b.c.scope_id == s.c.id)
        .where(s.c.scope.in_(sorted({scope for _, scope in scopes})), s.c.kind.in_({kind for kind, _ in scopes}))
        .where(s.c.status == status, s.c.visibility == "public", b.c.id <= cursor)
    )
    with store.engine.connect() as connection:
        return moment(connection.execute(query).scalar_one())


def items_of_scopes(
    store: Store, kind: str, scopes: Collection[str], *, valid_at: datetime, cursor: int, status: Status
) -> RevisionTable:
    """The public items of some scopes as true at `valid_at` and as known at a position in the log."""
    bound = {"kind": kind, "status": status, "valid": instant(valid_at), "known": cursor, "scopes": sorted(scopes)}
    with store.engine.connect() as connection:
        query = sa.text(
            f"{columns_of(connection)} WHERE {SEEN} AND s.kind = :kind AND s.status = :status AND s.scope IN :scopes"
            f" AND {visible_to('public')} ORDER BY {bytewise(connection, 'r.item_id')}, r.id"
        ).bindparams(sa.bindparam("scopes", expanding=True, type_=sa.Text()))
        rows = connection.execute(query, bound).fetchall()
        recorded = connection.execute(
            sa.select(schema.bulletin.c.recorded_at).where(schema.bulletin.c.id == cursor)
        ).scalar()
        return table_of_rows(connection, rows, kind, status, valid_at, recorded or 0)
