"""Bulletins → database, one transaction a document: all of it or nothing.

Ordinarily a bulletin is newer than all before it in its scope: then its hashes are compared with those of
what is open. When it is late, withdraws something, or replaces an earlier reading of the same document,
the whole scope is folded again (`fold.runs`) and only rows that differ are closed, retired or added.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import VISIBILITIES, Bulletin, Changes, Issue, Provenance, Visibility, open_to
from bousai.store import dialect, fold, ledger, schema
from bousai.store.encode import (
    DIGEST,
    Content,
    Ids,
    Members,
    bulletin_digest,
    content_of,
    instant,
    join_ids,
    pack,
    unpack,
)
from bousai.store.engine import Store

_IN_CHUNK = 450  # SQLite's oldest limit on bound values is 999


@dataclass(frozen=True, slots=True)
class _Statement:
    """A bulletin ready to be written."""

    bulletin: Bulletin
    content: Content
    joined_ids: bytes
    issued_at: int
    sent_at: int | None
    offset_min: int
    key: str


@dataclass(slots=True)
class _Scope:
    """What one circle sees of a scope: `head` is the order key of the newest bulletin that is open to it."""

    id: int
    head: str | None
    state_by: int | None


_Key = tuple[str, str, str]
"""Status, kind, scope."""
_Circles = dict[Visibility, _Scope]
"""Whom a scope has a state of its own for."""


@dataclass(frozen=True, slots=True)
class _Open:
    """What is open in a scope: its items and, for each, whether its row began before the new statement."""

    members: Members
    earlier: np.typing.NDArray[np.bool_] | None  # None: all of them did


@dataclass(slots=True)
class _Plan:
    """Rows to write, gathered over some bulletins of the document."""

    connection: Connection
    next_revision: int
    revisions: list[dialect.RevisionRows] = field(default_factory=list)
    copies: list[tuple[int, int, fold.Run, int, int]] = field(default_factory=list)
    closed: list[dict[str, int]] = field(default_factory=list)
    retired: list[dict[str, int]] = field(default_factory=list)
    bulletins: list[tuple[Any, ...]] = field(default_factory=list)
    scopes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, scope_id: int, s: _Statement, entries: Sequence[int] | None, by: int, *, born_dead: bool) -> Ids:
        """Rows for some entries (None: all) of a statement, true from its time; returns their ids."""
        n = len(s.content) if entries is None else len(entries)
        ids = np.arange(self.next_revision, self.next_revision + n, dtype=np.int64)
        self.next_revision += n
        self.revisions.append(dialect.RevisionRows(ids, scope_id, s.content, entries, s.issued_at, by, born_dead))
        return ids

    def copy(self, scope_id: int, run: fold.Run, opened_by: int, by: int) -> None:
        """A row with the content of an existing row for another span of time."""
        self.copies.append((self.next_revision, scope_id, run, opened_by, by))
        self.next_revision += 1

    def close(self, revisions: Iterable[int], at: int, by: int) -> None:
        self.closed += [{"b_id": revision, "b_to": at, "b_by": by} for revision in revisions]

    def retire(self, revisions: Iterable[int], by: int) -> None:
        self.retired += [{"b_id": revision, "b_by": by} for revision in revisions]

    def flush(self) -> None:
        """Write what was gathered, and forget it."""
        for rows in self.revisions:
            dialect.insert_revisions(self.connection, rows)
        for new_id, scope_id, run, opened_by, by in self.copies:
            span = (run.valid_from, run.valid_to, run.stated_by, opened_by, by)
            dialect.copy_revision(self.connection, run.row, new_id, scope_id, *span)
        dialect.bulk_insert(self.connection, schema.bulletin, self.bulletins)
        t = schema.revision
        where = sa.update(t).where(t.c.id == sa.bindparam("b_id"))
        if self.closed:
            self.connection.execute(
                where.values(valid_to=sa.bindparam("b_to"), closed_by=sa.bindparam("b_by")), self.closed
            )
        if self.retired:
            self.connection.execute(where.values(retired_by=sa.bindparam("b_by")), self.retired)
        if self.scopes:
            c = schema.scope
            statement = sa.update(c).where(c.c.id == sa.bindparam("b_id"))
            self.connection.execute(
                statement.values(head=sa.bindparam("b_head"), state_by=sa.bindparam("b_state")), self.scopes
            )
        for gathered in (self.revisions, self.copies, self.closed, self.retired, self.bulletins, self.scopes):
            gathered.clear()


def _statement(bulletin: Bulletin) -> _Statement:
    if bulletin.issued_at is None:
        raise ValueError(f"{bulletin.scope}: a bulletin without a time reached the store; normalise gives one")
    content = content_of(bulletin)
    if len(set(content.item_id)) != len(content):
        raise ValueError(f"{bulletin.scope}: an item id occurs twice in one bulletin")
    issued_at = instant(bulletin.issued_at)
    sent_at = None if bulletin.sent_at is None else instant(bulletin.sent_at)
    offset = bulletin.issued_at.utcoffset()
    assert offset is not None
    digest = bulletin_digest(bulletin, content)
    narrowness = VISIBILITIES.index(bulletin.visibility)
    key = fold.order_key(issued_at, sent_at, bulletin.serial, bulletin.msg_type, digest, narrowness)
    minutes = int(offset.total_seconds() // 60)
    return _Statement(bulletin, content, join_ids(content.item_id), issued_at, sent_at, minutes, key)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the cycle collector: rows make no cycles, and it would walk all of them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_undisturbed()
def apply(
    store: Store,
    bulletins: Iterable[Bulletin],
    provenance: Provenance,
    recorded_at: datetime,
    issues: Sequence[Issue] = (),
) -> Changes:
    """Record what one document says. One transaction; equal bulletins that are already there cost nothing.

    `bulletins` are normalised and speak of different scopes; they are read once, some at a time, so that a document
    may be larger than memory. `recorded_at` is now, aware; the store keeps it strictly growing over transactions. The
    document's outcome and `issues` are part of the transaction.
    Raises ValueError for a bulletin that breaks its contract (no time, repeated item id or scope).
    """
    portions = _portions(bulletins)
    first = next(portions)  # an ordinary document is hashed before others must wait
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        t = schema.bulletin
        last = connection.execute(sa.select(t.c.id, t.c.recorded_at).order_by(t.c.id.desc()).limit(1)).first()
        now = instant(recorded_at)
        if last is not None and last.recorded_at >= now:
            now = last.recorded_at + 1
        document_id = ledger.ensure_document(connection, provenance.document)
        readings = _earlier_readings(connection, document_id)
        plan = _Plan(connection, ledger.next_id(connection, schema.revision))
        written = _Written(0 if last is None else last.id)
        for some in chain([first], portions):
            _write(plan, some, document_id, provenance, now, readings, written)
        _replace_elsewhere(plan, readings, written)
        outcome = "stored" if written.fresh else "unchanged"
        ledger.write_outcome(connection, document_id, outcome, now, item_count=written.items)
        ledger.write_issues(connection, provenance.document.feed, document_id, issues, now)
    return written.changes


@dataclass(slots=True)
class _Written:
    """What one document has written so far: the last bulletin's id; what it has spoken of, by visibility, with the
    bulletin's id where that is new; its changes."""

    bulletin_id: int
    spoken: dict[_Key, dict[Visibility, int | None]] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    items: int = 0
    fresh: bool = False


_PORTION = 32 * 1024**2
_ITEM = 500  # bytes of an item without its geometry, roughly


def _portions(bulletins: Iterable[Bulletin]) -> Iterator[list[_Statement]]:
    """As many statements at a time as may be in memory: all of an ordinary document, some of a hazard map.

    At least one portion, which may be empty.
    """
    some: list[_Statement] = []
    size = 0
    for bulletin in bulletins:
        some.append(_statement(bulletin))
        size += _ITEM * len(bulletin.items) + sum(map(len, filter(None, bulletin.items.geometry)))
        if size > _PORTION:
            yield some
            some, size = [], 0
    yield some


def _write(
    plan: _Plan,
    statements: Sequence[_Statement],
    document_id: int,
    provenance: Provenance,
    now: int,
    readings: Sequence[_Reading],
    written: _Written,
) -> None:
    connection = plan.connection
    keys: list[_Key] = [(s.bulletin.status, s.bulletin.kind, s.bulletin.scope) for s in statements]
    for key, s in zip(keys, statements, strict=True):
        spoken = written.spoken.setdefault(key, {})
        if s.bulletin.visibility in spoken:
            raise ValueError("one document spoke twice of one scope")
        spoken[s.bulletin.visibility] = None
    scopes = _ensure_scopes(connection, keys, [s.bulletin.visibility for s in statements], written.bulletin_id + 1)
    own = [scopes[key][s.bulletin.visibility] for key, s in zip(keys, statements, strict=True)]
    said = _already_said(connection, [(scope.id, s.key) for scope, s in zip(own, statements, strict=True)])
    earlier: dict[tuple[int, int, int | None], list[int]] = {}
    for one in readings:
        earlier.setdefault((one.scope_id, one.issued_at, one.sent_at), []).append(one.id)
    for key, scope, s in zip(keys, own, statements, strict=True):
        written.items += len(s.content)
        if (scope.id, s.key) in said:
            written.changes += Changes(unchanged=len(s.content))
            continue
        written.fresh = True
        written.bulletin_id += 1
        circles, visibility = scopes[key], s.bulletin.visibility
        written.spoken[key][visibility] = written.bulletin_id
        if len(circles) > 1:
            plan.flush()  # what this document has said of the scope to another circle must be there to be folded
        replaced = earlier.get((scope.id, s.issued_at, s.sent_at), [])
        rows, changes = _take(plan, circles, visibility, written.bulletin_id, s, replaced, None)
        written.changes += changes
        for narrower in VISIBILITIES[VISIBILITIES.index(visibility) + 1 :]:
            if narrower in circles:
                _take(plan, circles, narrower, written.bulletin_id, s, replaced, rows)
        plan.bulletins.append(_row(written.bulletin_id, scope.id, document_id, s, provenance, now, rows))
    plan.flush()


def _take(
    plan: _Plan,
    circles: _Circles,
    circle: Visibility,
    bulletin_id: int,
    s: _Statement,
    replaced: Sequence[int],
    kept: Ids | None,
) -> tuple[Ids, Changes]:
    """What a statement makes of the state that one circle sees. `kept`: the rows that hold its content already, where
    the circle is not the one that it is for."""
    scope = circles[circle]
    heads = [circles[one].head for one in open_to(circle) if one in circles]
    head = max([s.key, *(one for one in heads if one is not None)])
    founded = scope.head is None and any(heads)  # wider circles have heard of it before: their state comes first
    if head == s.key and not founded and not replaced and s.bulletin.msg_type != "withdraw":
        rows, changes = _append(plan, scope, bulletin_id, s)
        whole = kept is None and s.bulletin.complete and s.content.ended is None
        state_by = bulletin_id if whole else None
    else:
        sources = [circles[one].id for one in open_to(circle) if one in circles]
        rows, changes = _refold(plan, scope.id, sources, bulletin_id, s, replaced, kept, founded=founded)
        state_by = None
    scope.head, scope.state_by = head, state_by
    plan.scopes.append({"b_id": scope.id, "b_head": head, "b_state": state_by})
    return rows, changes


def _replace_elsewhere(plan: _Plan, readings: Sequence[_Reading], written: _Written) -> None:
    """What an earlier reading of this document told one circle, and this one tells another: it is taken back there.

    So a statement that a parser let everybody see, and should not have, leaves what the public sees when the document
    is read again."""
    for one in readings:
        spoken = written.spoken.get(one.key, {})
        by = max((new for new in spoken.values() if new is not None), default=None)
        if by is None or one.visibility in spoken:
            continue
        circles = _circles(plan.connection, [one.key])[one.key]
        for circle in VISIBILITIES[VISIBILITIES.index(one.visibility) :]:
            if circle in circles:
                sources = [circles[wider].id for wider in open_to(circle) if wider in circles]
                _, changes = _refold(plan, circles[circle].id, sources, by, None, [one.id], None)
                plan.scopes.append({"b_id": circles[circle].id, "b_head": circles[circle].head, "b_state": None})
                written.changes += changes if circle == one.visibility else Changes()
        plan.flush()


def _row(
    bulletin_id: int, scope_id: int, document_id: int, s: _Statement, provenance: Provenance, now: int, rows: Ids
) -> tuple[Any, ...]:
    b = s.bulletin
    return (
        bulletin_id,
        scope_id,
        document_id,
        s.key,
        b.msg_type,
        b.complete,
        s.issued_at,
        s.offset_min,
        s.sent_at,
        b.serial,
        b.source_event_id,
        b.bulletin_type,
        b.issuer,
        provenance.parser,
        provenance.parser_version,
        now,
        None,
        len(s.content),
        pack(s.joined_ids, s.content.digests, rows, s.content.ended),
    )


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _IN_CHUNK):
        yield values[start : start + _IN_CHUNK]


def _circles(connection: Connection, keys: Iterable[_Key]) -> dict[_Key, _Circles]:
    t = schema.scope
    wanted = dict.fromkeys(keys)
    found: dict[_Key, _Circles] = {}
    for chunk in _chunks(list(dict.fromkeys(scope for _, _, scope in wanted))):
        for row in connection.execute(sa.select(t).where(t.c.scope.in_(chunk))):
            if (row.status, row.kind, row.scope) in wanted:
                circles = found.setdefault((row.status, row.kind, row.scope), {})
                circles[row.visibility] = _Scope(row.id, row.head, row.state_by)
    return found


def _ensure_scopes(
    connection: Connection, keys: Sequence[_Key], visibilities: Sequence[Visibility], since: int
) -> dict[_Key, _Circles]:
    """The circles of each scope, that of each statement made where it is missing."""
    t = schema.scope
    found = _circles(connection, keys)
    missing = [
        (*key, visibility)
        for key, visibility in zip(keys, visibilities, strict=True)
        if visibility not in found.get(key, {})
    ]
    if missing:
        first = ledger.next_id(connection, t)
        rows = [(first + n, *key, None, None, visibility, since) for n, (*key, visibility) in enumerate(missing)]
        dialect.bulk_insert(connection, t, rows)
        for n, (status, kind, scope, visibility) in enumerate(missing):
            found.setdefault((status, kind, scope), {})[visibility] = _Scope(first + n, None, None)
    return found


def _already_said(connection: Connection, wanted: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    t = schema.bulletin
    found: set[tuple[int, str]] = set()
    for chunk in _chunks(wanted):
        query = sa.select(t.c.scope_id, t.c.order_key).where(
            t.c.scope_id.in_({scope_id for scope_id, _ in chunk}), t.c.order_key.in_({key for _, key in chunk})
        )
        found |= {(row.scope_id, row.order_key) for row in connection.execute(query)}
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """A bulletin that an earlier parser read from this same document: a new reading replaces it."""

    id: int
    scope_id: int
    issued_at: int
    sent_at: int | None
    key: _Key
    visibility: Visibility


def _earlier_readings(connection: Connection, document_id: int) -> list[_Reading]:
    t, s = schema.bulletin, schema.scope
    query = (
        sa.select(t.c.id, t.c.scope_id, t.c.issued_at, t.c.sent_at, s.c.status, s.c.kind, s.c.scope, s.c.visibility)
        .join_from(t, s, s.c.id == t.c.scope_id)
        .where(t.c.document_id == document_id, t.c.replaced_by.is_(None))
    )
    return [
        _Reading(row.id, row.scope_id, row.issued_at, row.sent_at, (row.status, row.kind, row.scope), row.visibility)
        for row in connection.execute(query)
    ]


def _open_items(connection: Connection, scope: _Scope, at: int) -> _Open:
    """What is open now, from the members of the statement that made it so, else from the rows."""
    if scope.state_by is not None:
        b = schema.bulletin
        row = connection.execute(
            sa.select(b.c.members, b.c.item_count, b.c.issued_at).where(b.c.id == scope.state_by)
        ).one()
        if row.issued_at < at:
            return _Open(unpack(bytes(row.members), row.item_count), None)
    r = schema.revision
    rows = connection.execute(
        sa.select(r.c.item_id, r.c.hash, r.c.id, r.c.valid_from)
        .where(r.c.scope_id == scope.id, r.c.closed_by.is_(None), r.c.retired_by.is_(None))
        .order_by(r.c.id)
    ).all()
    members = Members(
        join_ids([row.item_id for row in rows]),
        b"".join(bytes(row.hash) for row in rows),
        np.array([row.id for row in rows], dtype=np.int64),
        None,
    )
    return _Open(members, np.array([row.valid_from < at for row in rows], dtype=bool))


def _append(plan: _Plan, scope: _Scope, bulletin_id: int, s: _Statement) -> tuple[Ids, Changes]:
    """The ordinary way: the newest statement of the scope against what is open."""
    content = s.content
    n = len(content)
    if scope.head is None and content.ended is None:
        return plan.add(scope.id, s, None, bulletin_id, born_dead=False), Changes(opened=n)
    now_open = _open_items(plan.connection, scope, s.issued_at)
    old = now_open.members
    # place[i]: where entry i of the statement stands among the open items, or -1.
    if old.joined_ids == s.joined_ids and len(old.rows) == n:
        place = np.arange(n)
    else:
        where = {item_id: k for k, item_id in enumerate(old.item_ids())}
        place = np.array([where.get(item_id, -1) for item_id in content.item_id], dtype=np.int64)
    ended = np.zeros(n, dtype=bool) if content.ended is None else np.asarray(content.ended, dtype=bool)
    old_digests = np.frombuffer(old.digests, dtype="u8").reshape(-1, 2)
    new_digests = np.frombuffer(content.digests, dtype="u8").reshape(-1, 2)
    known = place >= 0
    same = np.zeros(n, dtype=bool)
    same[known] = (old_digests[place[known]] == new_digests[known]).all(axis=1)
    same &= ~ended
    rows = np.zeros(n, dtype=np.int64)
    rows[same] = old.rows[place[same]]
    stays = np.ones(len(old.rows), dtype=bool) if not s.bulletin.complete else np.zeros(len(old.rows), dtype=bool)
    stays[place[known]] = False
    stays[place[same]] = True
    goes = np.flatnonzero(~stays)
    earlier = goes if now_open.earlier is None else goes[now_open.earlier[goes]]
    plan.close(old.rows[earlier].tolist(), s.issued_at, bulletin_id)
    if now_open.earlier is not None:
        # Said and replaced at the same instant: it was never true for any length of time.
        plan.retire(old.rows[goes[~now_open.earlier[goes]]].tolist(), bulletin_id)
    alive, dead = np.flatnonzero(~same & ~ended), np.flatnonzero(ended)
    if len(alive):
        rows[alive] = plan.add(scope.id, s, alive.tolist(), bulletin_id, born_dead=False)
    if len(dead):
        rows[dead] = plan.add(scope.id, s, dead.tolist(), bulletin_id, born_dead=True)
    changed = int(np.count_nonzero(known & ~same & ~ended))
    return rows, Changes(
        opened=len(alive) - changed,
        changed=changed,
        closed=len(goes) - changed,
        unchanged=int(np.count_nonzero(same)),
    )


def _refold(
    plan: _Plan,
    scope_id: int,
    sources: Sequence[int],
    bulletin_id: int,
    s: _Statement | None,
    replaced: Sequence[int],
    kept: Ids | None,
    *,
    founded: bool = False,
) -> tuple[Ids, Changes]:
    """The whole scope again, with this bulletin and without what it replaces; only differences are written.

    `scope_id` is the state of one circle, `sources` those whose bulletins it is made of: its own and the wider ones.
    `founded`: it is new, and what wider circles have been told before was known to this one when they were told.
    """
    b, r = schema.bulletin, schema.revision
    connection = plan.connection
    if replaced:
        connection.execute(sa.update(b).where(b.c.id.in_(replaced)).values(replaced_by=bulletin_id))
    recorded = connection.execute(sa.select(b).where(b.c.scope_id.in_(sources), b.c.replaced_by.is_(None))).all()
    said = []
    holder: dict[tuple[str, bytes], int] = {}
    for row in recorded:
        members = unpack(bytes(row.members), row.item_count)
        items = []
        for n, (item_id, revision) in enumerate(zip(members.item_ids(), members.rows.tolist(), strict=True)):
            digest = members.digests[n * DIGEST : (n + 1) * DIGEST]
            holder[(item_id, digest)] = revision
            items.append((item_id, digest, revision, bool(members.ended is not None and members.ended[n])))
        said.append(_said(row.id, row.order_key, row.issued_at, row, items))
    own = [] if s is None else _own(plan, scope_id, bulletin_id, s, holder, kept)
    if s is not None:
        said.append(_said(bulletin_id, s.key, s.issued_at, s.bulletin, own))
    rows = connection.execute(
        sa.select(r.c.id, r.c.item_id, r.c.hash, r.c.valid_from, r.c.valid_to, r.c.stated_by).where(
            r.c.scope_id == scope_id, r.c.retired_by.is_(None)
        )
    ).all()
    written = {(row.item_id, row.valid_from, bytes(row.hash), row.stated_by): row for row in rows}
    before = {row.item_id for row in rows if row.valid_to is None}
    after: set[str] = set()
    touched: set[str] = set()
    for run in fold.runs(said):
        if run.valid_to is None:
            after.add(run.item_id)
        existing = written.get((run.item_id, run.valid_from, run.digest, run.stated_by))
        if existing is not None and existing.valid_to in (None, run.valid_to):
            del written[(run.item_id, run.valid_from, run.digest, run.stated_by)]
            if existing.valid_to != run.valid_to:
                assert run.valid_to is not None
                plan.close([existing.id], run.valid_to, bulletin_id)
                touched.add(run.item_id)
            continue
        plan.copy(scope_id, run, run.stated_by if founded else bulletin_id, bulletin_id)
        touched.add(run.item_id)
    plan.retire((row.id for row in written.values()), bulletin_id)
    touched |= {row.item_id for row in written.values()}
    changes = Changes(
        opened=len(after - before),
        changed=len(touched - (after ^ before)),
        closed=len(before - after),
        unchanged=len({item_id for item_id, _, _, _ in own} - touched),
    )
    return np.array([revision for _, _, revision, _ in own], dtype=np.int64), changes


def _own(
    plan: _Plan,
    scope_id: int,
    bulletin_id: int,
    s: _Statement,
    holder: dict[tuple[str, bytes], int],
    kept: Ids | None,
) -> list[tuple[str, bytes, int, bool]]:
    """The items of a new statement as the fold needs them; what no row holds yet gets one that keeps the content."""
    content = s.content
    if kept is not None:
        holder |= {
            (item_id, content.digest(n)): row
            for n, (item_id, row) in enumerate(zip(content.item_id, kept.tolist(), strict=True))
        }
    unknown = [n for n in range(len(content)) if (content.item_id[n], content.digest(n)) not in holder]
    # Their rows keep the content; the spans of time follow from the fold and refer to it.
    new_rows = (
        plan.add(scope_id, s, unknown, bulletin_id, born_dead=True) if unknown else np.array([], dtype=np.int64)
    )
    for n, revision in zip(unknown, new_rows.tolist(), strict=True):
        holder[(content.item_id[n], content.digest(n))] = revision
    return [
        (item_id, content.digest(n), holder[(item_id, content.digest(n))], bool(content.ended and content.ended[n]))
        for n, item_id in enumerate(content.item_id)
    ]


def _said(
    bulletin_id: int,
    key: str,
    issued_at: int,
    facts: Bulletin | sa.Row[Any],
    items: Sequence[tuple[str, bytes, int, bool]],
) -> fold.Said:
    return fold.Said(
        bulletin_id,
        key,
        issued_at,
        facts.msg_type,
        facts.complete,
        facts.source_event_id,
        facts.bulletin_type,
        facts.serial,
        items,
    )
