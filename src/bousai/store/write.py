"""Bulletins → database, one transaction a document: all of it or nothing.

Ordinarily a bulletin is newer than all before it in its scope: then the live rows are compared with it
once, by hash. When it is late, withdraws something, or replaces an earlier reading of the same document,
the whole scope is folded again (`fold.runs`) and only rows that differ are closed, retired or added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import Bulletin, Changes, Issue, Provenance
from bousai.store import dialect, fold, ledger, schema
from bousai.store.encode import EncodedItems, bulletin_digest, encode_items, instant, pack, unpack
from bousai.store.engine import Store

_IN_CHUNK = 450  # SQLite's oldest limit on bound values is 999


@dataclass(slots=True)
class _Encoded:
    bulletin: Bulletin
    items: EncodedItems
    issued_at: int
    sent_at: int | None
    offset_min: int
    key: str


@dataclass(slots=True)
class _Plan:
    """Rows to write, gathered over all bulletins of the document."""

    next_item: int
    next_revision: int
    items: list[tuple[Any, ...]] = field(default_factory=list)
    item_ids: list[int] = field(default_factory=list)
    item_wkb: list[bytes | None] = field(default_factory=list)
    revisions: list[tuple[Any, ...]] = field(default_factory=list)
    closed: list[dict[str, int]] = field(default_factory=list)
    retired: list[dict[str, int]] = field(default_factory=list)
    bulletins: list[tuple[Any, ...]] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)

    def add_item(self, connection: Connection, scope_id: int, items: EncodedItems, n: int) -> int:
        pk = self.next_item
        self.next_item += 1
        wkb = items.geometry[n]
        self.items.append(
            (
                pk,
                scope_id,
                items.item_id[n],
                items.digest[n],
                items.muni_code[n],
                items.props[n],
                dialect.geometry_in(connection, wkb),
                bool(items.ended[n]),
                items.expires_at[n],
                items.position[n],
            )
        )
        self.item_ids.append(pk)
        self.item_wkb.append(wkb)
        return pk

    def add_revision(
        self, item_pk: int, scope_id: int, valid_from: int, valid_to: int | None, stated_by: int, opened_by: int
    ) -> None:
        closed_by = None if valid_to is None else opened_by
        row = (self.next_revision, item_pk, scope_id, valid_from, valid_to, stated_by, opened_by, closed_by, None)
        self.revisions.append(row)
        self.next_revision += 1

    def close(self, revision: int, at: int, by: int) -> None:
        self.closed.append({"b_id": revision, "b_to": at, "b_by": by})

    def retire(self, revision: int, by: int) -> None:
        self.retired.append({"b_id": revision, "b_by": by})

    def add_bulletin(
        self,
        bulletin_id: int,
        scope_id: int,
        document_id: int,
        e: _Encoded,
        provenance: Provenance,
        now: int,
        members: Sequence[int],
    ) -> None:
        b = e.bulletin
        self.bulletins.append(
            (
                bulletin_id,
                scope_id,
                document_id,
                e.key,
                b.msg_type,
                b.complete,
                e.issued_at,
                e.offset_min,
                e.sent_at,
                b.serial,
                b.source_event_id,
                b.bulletin_type,
                b.issuer,
                provenance.parser,
                provenance.parser_version,
                now,
                None,
                pack(members),
            )
        )

    def flush(self, connection: Connection) -> None:
        dialect.bulk_insert(connection, schema.item, self.items)
        dialect.index_geometry(connection, self.item_ids, self.item_wkb)
        dialect.bulk_insert(connection, schema.revision, self.revisions)
        dialect.bulk_insert(connection, schema.bulletin, self.bulletins)
        t = schema.revision
        if self.closed:
            statement = sa.update(t).where(t.c.id == sa.bindparam("b_id"))
            statement = statement.values(valid_to=sa.bindparam("b_to"), closed_by=sa.bindparam("b_by"))
            connection.execute(statement, self.closed)
        if self.retired:
            statement = sa.update(t).where(t.c.id == sa.bindparam("b_id"))
            connection.execute(statement.values(retired_by=sa.bindparam("b_by")), self.retired)
        if self.heads:
            s = schema.scope
            statement = sa.update(s).where(s.c.id == sa.bindparam("b_id")).values(head=sa.bindparam("b_head"))
            connection.execute(statement, self.heads)


def _encode(bulletin: Bulletin) -> _Encoded:
    if bulletin.issued_at is None:
        raise ValueError(f"{bulletin.scope}: a bulletin without a time reached the store; normalise gives one")
    items = encode_items(bulletin.items, bulletin.valid_to)
    if len(set(items.item_id)) != len(items):
        raise ValueError(f"{bulletin.scope}: an item id occurs twice in one bulletin")
    issued_at = instant(bulletin.issued_at)
    sent_at = None if bulletin.sent_at is None else instant(bulletin.sent_at)
    offset = bulletin.issued_at.utcoffset()
    assert offset is not None
    digest = bulletin_digest(bulletin, items)
    key = fold.order_key(issued_at, sent_at, bulletin.serial, bulletin.msg_type, digest)
    return _Encoded(bulletin, items, issued_at, sent_at, int(offset.total_seconds() // 60), key)


def apply(
    store: Store,
    bulletins: Iterable[Bulletin],
    provenance: Provenance,
    recorded_at: datetime,
    issues: Sequence[Issue] = (),
) -> Changes:
    """Record what one document says. One transaction; equal bulletins that are already there cost nothing.

    `bulletins` are normalised and speak of different scopes. `recorded_at` is now, aware; the store keeps
    it strictly growing over transactions. The document's outcome and `issues` are part of the transaction.
    Raises ValueError for a bulletin that breaks its contract (no time, repeated item id or scope).
    """
    encoded = [_encode(b) for b in bulletins]
    keys = [(e.bulletin.status, e.bulletin.kind, e.bulletin.scope) for e in encoded]
    if len(set(keys)) != len(keys):
        raise ValueError("one document spoke twice of one scope")
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        last = connection.execute(
            sa.select(schema.bulletin.c.id, schema.bulletin.c.recorded_at)
            .order_by(schema.bulletin.c.id.desc())
            .limit(1)
        ).first()
        now = instant(recorded_at)
        if last is not None and last.recorded_at >= now:
            now = last.recorded_at + 1
        document_id = ledger.ensure_document(connection, provenance.document)
        scopes = _ensure_scopes(connection, keys)
        plan = _Plan(_next_id(connection, schema.item), _next_id(connection, schema.revision))
        bulletin_id = 0 if last is None else last.id
        stated = _already_stated(connection, [(scopes[key][0], e.key) for key, e in zip(keys, encoded, strict=True)])
        readings = _earlier_readings(connection, document_id)
        total = Changes()
        fresh: list[tuple[int, str | None, _Encoded]] = []
        for key, e in zip(keys, encoded, strict=True):
            scope_id, head = scopes[key]
            if (scope_id, e.key) in stated:
                total += Changes(unchanged=len(e.items))
            else:
                fresh.append((scope_id, head, e))
        ordinary = {
            scope_id
            for scope_id, head, e in fresh
            if _is_ordinary(e, head) and (scope_id, e.issued_at, e.sent_at) not in readings
        }
        live = _live_rows(connection, [scope_id for scope_id, head, _ in fresh if scope_id in ordinary and head])
        for scope_id, head, e in fresh:
            bulletin_id += 1
            if scope_id in ordinary:
                members, changes = _append(connection, plan, scope_id, bulletin_id, e, live.get(scope_id, {}))
            else:
                replaced = readings.get((scope_id, e.issued_at, e.sent_at), [])
                members, changes = _refold(connection, plan, scope_id, bulletin_id, e, replaced)
            total += changes
            plan.add_bulletin(bulletin_id, scope_id, document_id, e, provenance, now, members)
            if head is None or e.key > head:
                plan.heads.append({"b_id": scope_id, "b_head": e.key})
        plan.flush(connection)
        ledger.write_outcome(connection, document_id, "stored" if fresh else "unchanged", now)
        ledger.write_issues(connection, provenance.document.feed, document_id, issues, now)
    return total


def _is_ordinary(e: _Encoded, head: str | None) -> bool:
    if e.bulletin.msg_type == "withdraw":
        return False
    return head is None or e.key > head


def _next_id(connection: Connection, table: sa.Table) -> int:
    highest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar()
    return 1 if highest is None else int(highest) + 1


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _IN_CHUNK):
        yield values[start : start + _IN_CHUNK]


def _ensure_scopes(
    connection: Connection, keys: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], tuple[int, str | None]]:
    """(status, kind, scope) → (scope id, order key of its newest bulletin)."""
    t = schema.scope
    found: dict[tuple[str, str, str], tuple[int, str | None]] = {}
    for chunk in _chunks([scope for _, _, scope in keys]):
        query = sa.select(t.c.status, t.c.kind, t.c.scope, t.c.id, t.c.head).where(t.c.scope.in_(chunk))
        for row in connection.execute(query):
            found[(row.status, row.kind, row.scope)] = (row.id, row.head)
    missing = [key for key in keys if key not in found]
    if missing:
        first = _next_id(connection, t)
        rows = [(first + n, *key, None) for n, key in enumerate(missing)]
        dialect.bulk_insert(connection, t, rows)
        found |= {key: (first + n, None) for n, key in enumerate(missing)}
    return found


def _already_stated(connection: Connection, wanted: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    t = schema.bulletin
    found: set[tuple[int, str]] = set()
    for chunk in _chunks(wanted):
        scope_ids = {scope_id for scope_id, key in chunk}
        keys = {key for _, key in chunk}
        query = sa.select(t.c.scope_id, t.c.order_key).where(t.c.scope_id.in_(scope_ids), t.c.order_key.in_(keys))
        found |= {(row.scope_id, row.order_key) for row in connection.execute(query)}
    return found


def _earlier_readings(connection: Connection, document_id: int) -> dict[tuple[int, int, int | None], list[int]]:
    """Bulletins that an earlier parser read from this same document: a new reading replaces them."""
    t = schema.bulletin
    query = sa.select(t.c.id, t.c.scope_id, t.c.issued_at, t.c.sent_at).where(
        t.c.document_id == document_id, t.c.replaced_by.is_(None)
    )
    found: dict[tuple[int, int, int | None], list[int]] = {}
    for row in connection.execute(query):
        found.setdefault((row.scope_id, row.issued_at, row.sent_at), []).append(row.id)
    return found


_Live = dict[str, tuple[int, int, bytes, int]]


def _live_rows(connection: Connection, scope_ids: Sequence[int]) -> dict[int, _Live]:
    """Scope → item id → (revision, item row, hash, valid from) of the rows that are open."""
    r, i = schema.revision, schema.item
    live: dict[int, _Live] = {scope_id: {} for scope_id in scope_ids}
    for chunk in _chunks(scope_ids):
        query = (
            sa.select(r.c.scope_id, i.c.item_id, r.c.id, i.c.id, i.c.hash, r.c.valid_from)
            .join_from(r, i, i.c.id == r.c.item_pk)
            .where(r.c.scope_id.in_(chunk), r.c.closed_by.is_(None), r.c.retired_by.is_(None))
        )
        for scope_id, item_id, revision, pk, digest, valid_from in connection.execute(query):
            live[scope_id][item_id] = (revision, pk, bytes(digest), valid_from)
    return live


def _append(
    connection: Connection, plan: _Plan, scope_id: int, bulletin_id: int, e: _Encoded, live: _Live
) -> tuple[list[int], Changes]:
    """The ordinary way: the newest bulletin of the scope against what is open now."""
    items, at = e.items, e.issued_at
    members: list[int] = []
    opened = changed = closed = unchanged = 0

    def end(row: tuple[int, int, bytes, int]) -> None:
        if row[3] < at:
            plan.close(row[0], at, bulletin_id)
        else:  # said and replaced at the same instant: it was never true for any length of time
            plan.retire(row[0], bulletin_id)

    left = dict(live) if e.bulletin.complete else {}
    for n, (item_id, digest, ended) in enumerate(zip(items.item_id, items.digest, items.ended, strict=True)):
        row = live.get(item_id)
        left.pop(item_id, None)
        if row is not None and row[2] == digest and not ended:
            members.append(row[1])
            unchanged += 1
            continue
        pk = plan.add_item(connection, scope_id, items, n)
        members.append(pk)
        if row is not None:
            end(row)
        if ended:
            closed += row is not None
            continue
        plan.add_revision(pk, scope_id, at, None, bulletin_id, bulletin_id)
        if row is None:
            opened += 1
        else:
            changed += 1
    for row in left.values():
        end(row)
        closed += 1
    return members, Changes(opened, changed, closed, unchanged)


def _refold(
    connection: Connection, plan: _Plan, scope_id: int, bulletin_id: int, e: _Encoded, replaced: Sequence[int]
) -> tuple[list[int], Changes]:
    """The whole scope again, with this bulletin and without what it replaces; only differences are written."""
    b, r, i = schema.bulletin, schema.revision, schema.item
    if replaced:
        connection.execute(sa.update(b).where(b.c.id.in_(replaced)).values(replaced_by=bulletin_id))
    earlier = connection.execute(sa.select(b).where(b.c.scope_id == scope_id, b.c.replaced_by.is_(None))).all()
    packed = {row.id: unpack(row.members) for row in earlier}
    contents: dict[int, tuple[str, bytes, int, bool]] = {}
    for chunk in _chunks(sorted({pk for pks in packed.values() for pk in pks})):
        query = sa.select(i.c.id, i.c.item_id, i.c.hash, i.c.ended).where(i.c.id.in_(chunk))
        for pk, item_id, digest, ended in connection.execute(query):
            contents[pk] = (item_id, bytes(digest), pk, bool(ended))
    by_content = {(item_id, digest): pk for item_id, digest, pk, _ in contents.values()}
    members = []
    for n, (item_id, digest, ended) in enumerate(zip(e.items.item_id, e.items.digest, e.items.ended, strict=True)):
        known = by_content.get((item_id, digest))
        pk = plan.add_item(connection, scope_id, e.items, n) if known is None else known
        contents[pk] = (item_id, digest, pk, bool(ended))
        members.append(pk)
    said = [
        fold.Said(
            row.id,
            row.order_key,
            row.issued_at,
            row.msg_type,
            row.complete,
            row.source_event_id,
            row.bulletin_type,
            row.serial,
            [contents[pk] for pk in packed[row.id]],
        )
        for row in earlier
    ]
    new = e.bulletin
    said.append(
        fold.Said(
            bulletin_id,
            e.key,
            e.issued_at,
            new.msg_type,
            new.complete,
            new.source_event_id,
            new.bulletin_type,
            new.serial,
            [contents[pk] for pk in members],
        )
    )
    rows = connection.execute(
        sa.select(r.c.id, r.c.item_pk, r.c.valid_from, r.c.valid_to, r.c.stated_by, i.c.item_id, i.c.hash)
        .join_from(r, i, i.c.id == r.c.item_pk)
        .where(r.c.scope_id == scope_id, r.c.retired_by.is_(None))
    ).all()
    written = {(row.item_id, row.valid_from, bytes(row.hash), row.stated_by): row for row in rows}
    before = {row.item_id: bytes(row.hash) for row in rows if row.valid_to is None}
    after: dict[str, bytes] = {}
    touched: set[str] = set()
    for run in fold.runs(said):
        if run.valid_to is None:
            after[run.item_id] = run.digest
        row = written.get((run.item_id, run.valid_from, run.digest, run.stated_by))
        if row is not None and row.valid_to in (None, run.valid_to):
            del written[(run.item_id, run.valid_from, run.digest, run.stated_by)]
            if row.valid_to != run.valid_to:
                assert run.valid_to is not None
                plan.close(row.id, run.valid_to, bulletin_id)
                touched.add(run.item_id)
            continue
        plan.add_revision(run.item_pk, scope_id, run.valid_from, run.valid_to, run.stated_by, bulletin_id)
        touched.add(run.item_id)
    for row in written.values():
        plan.retire(row.id, bulletin_id)
        touched.add(row.item_id)
    opened, closed = after.keys() - before.keys(), before.keys() - after.keys()
    changed = touched - opened - closed
    unchanged = len(members) - len(touched & set(e.items.item_id))
    return members, Changes(len(opened), len(changed), len(closed), max(unchanged, 0))
