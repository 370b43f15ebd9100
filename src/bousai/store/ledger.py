"""What happened around the bulletins: receipts of fetches, documents and their outcome, issues, publications."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import Issue, RawDocument, Receipt, Status
from bousai.store import dialect, schema
from bousai.store.encode import instant, moment
from bousai.store.engine import Store


@dataclass(frozen=True, slots=True)
class Document:
    """An archived document and what became of it.

    `outcome`: pending · stored · unchanged · quarantined (unreadable) · held (outside what is expected) ·
    dismissed (by a person).
    """

    id: int
    raw: RawDocument
    outcome: str
    cause: str | None
    remedy: str | None


_BOUND = 500  # values in one IN: far below every database's limit of bound parameters


def next_id(connection: Connection, table: sa.Table) -> int:
    """The next free id; only the holder of the write lock may ask."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()) + 1


def _or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else moment(microseconds)


def ensure_document(connection: Connection, raw: RawDocument) -> int:
    """The row of a document, made where it is missing; a document seen again keeps its first time."""
    t = schema.document
    row = connection.execute(sa.select(t.c.id).where(t.c.feed == raw.feed, t.c.sha256 == raw.sha256)).first()
    seen = instant(raw.fetched_at)
    dated = None if raw.dated_at is None else instant(raw.dated_at)
    if row is not None:
        connection.execute(
            sa.update(t)
            .where(t.c.id == row.id)
            .values(seen_at=seen, dated_at=dated, url=raw.url, name=raw.name, taint=raw.taint)
        )
        return int(row.id)
    new = next_id(connection, t)
    connection.execute(
        sa.insert(t).values(
            id=new,
            feed=raw.feed,
            sha256=raw.sha256,
            url=raw.url,
            name=raw.name,
            size=raw.size,
            taint=raw.taint,
            fetched_at=seen,
            seen_at=seen,
            dated_at=dated,
            outcome="pending",
        )
    )
    return new


def write_outcome(
    connection: Connection,
    document_id: int,
    outcome: str,
    now: int,
    cause: str | None = None,
    remedy: str | None = None,
    item_count: int | None = None,
) -> None:
    """Set what became of a document. A document that once was stored stays stored when it is merely repeated."""
    t = schema.document
    kept = sa.case((t.c.outcome == "stored", "stored"), else_="unchanged") if outcome == "unchanged" else outcome
    connection.execute(
        sa.update(t)
        .where(t.c.id == document_id)
        .values(outcome=kept, cause=cause, remedy=remedy, ingested_at=now, item_count=item_count)
    )


def write_issues(
    connection: Connection,
    feed: str,
    document_id: int | None,
    issues: Iterable[Issue],
    now: int,
    stale: Sequence[str] = (),
) -> int:
    """Record issues; an equal one that is already there is only seen again. Returns how many are new."""
    t = schema.issue
    new = 0
    following = 0
    for found in issues:
        identity = "\x1f".join((feed, str(document_id or 0), found.code, found.position, found.cause))
        fingerprint = sha256(identity.encode()).hexdigest()[:32]
        seen = connection.execute(sa.update(t).where(t.c.fingerprint == fingerprint).values(seen_at=now)).rowcount
        if seen:
            continue
        following = following + 1 if following else next_id(connection, t)
        connection.execute(
            sa.insert(t).values(
                id=following,
                feed=feed,
                document_id=document_id,
                code=found.code,
                severity=found.severity,
                cause=found.cause,
                remedy=found.remedy,
                position=found.position,
                stale=" ".join(stale) if found.severity == "error" else "",
                raised_at=now,
                seen_at=now,
                state="open",
                fingerprint=fingerprint,
            )
        )
        new += 1
    return new


def add_issues(
    store: Store,
    feed: str,
    issues: Sequence[Issue],
    now: datetime,
    raw: RawDocument | None = None,
    stale: Sequence[str] = (),
) -> int:
    """Record issues of a feed or of one of its documents in a transaction of their own."""
    if not issues:
        return 0
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        document_id = None if raw is None else ensure_document(connection, raw)
        return write_issues(connection, feed, document_id, issues, instant(now), stale)


def restate_issues(store: Store, feed: str, codes: Collection[str], found: Sequence[Issue], now: datetime) -> None:
    """The issues of a feed with these codes, as a check that looks at the whole has just found them: what it no
    longer
    finds is resolved. In a transaction of its own."""
    t = schema.issue
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        write_issues(connection, feed, None, found, instant(now))
        gone = sa.and_(t.c.feed == feed, t.c.document_id.is_(None), t.c.code.in_(codes), t.c.state == "open")
        for issue in found:
            gone = sa.and_(gone, sa.not_(sa.and_(t.c.code == issue.code, t.c.cause == issue.cause)))
        connection.execute(sa.update(t).where(gone).values(state="resolved"))
        for issue in found:  # it may have been resolved, and has come back
            back = sa.and_(
                t.c.feed == feed, t.c.document_id.is_(None), t.c.code == issue.code, t.c.cause == issue.cause
            )
            connection.execute(sa.update(t).where(back, t.c.state == "resolved").values(state="open"))


def record_document(store: Store, raw: RawDocument) -> None:
    """Note that the archive holds a document which waits to be ingested (again, if its bytes came back)."""
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        document_id = ensure_document(connection, raw)
        t = schema.document
        connection.execute(sa.update(t).where(t.c.id == document_id).values(outcome="pending"))


def set_outcome(
    store: Store,
    raw: RawDocument,
    outcome: str,
    now: datetime,
    *,
    cause: str,
    remedy: str,
    issues: Sequence[Issue] = (),
    stale: Sequence[str] = (),
) -> None:
    """Quarantine or hold a document, with its issues, in one transaction."""
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        document_id = ensure_document(connection, raw)
        write_outcome(connection, document_id, outcome, instant(now), cause, remedy)
        write_issues(connection, raw.feed, document_id, issues, instant(now), stale)


def raw_document(row: sa.Row[Any]) -> RawDocument:
    """A row of the table of documents as what was archived."""
    return RawDocument(
        sha256=row.sha256,
        feed=row.feed,
        url=row.url,
        name=row.name,
        fetched_at=moment(row.seen_at),
        size=row.size,
        taint=row.taint,
        dated_at=_or_none(row.dated_at),
    )


def _document(row: sa.Row[Any]) -> Document:
    return Document(row.id, raw_document(row), row.outcome, row.cause, row.remedy)


def find_document(store: Store, sha256_prefix: str) -> list[Document]:
    """Documents whose SHA-256 begins with the given text."""
    t = schema.document
    with store.engine.connect() as connection:
        query = sa.select(t).where(t.c.sha256.startswith(sha256_prefix, autoescape=True)).order_by(t.c.id)
        return [_document(row) for row in connection.execute(query)]


def pending_documents(store: Store, feed: str) -> list[Document]:
    """Documents of a feed that are archived and not yet ingested, in the order in which they came."""
    return documents(store, feed, "pending")


def last_item_count(store: Store, raw: RawDocument) -> int | None:
    """How many items the last good document from the same address had, other than `raw` itself; None if none was."""
    t = schema.document
    query = (
        sa.select(t.c.item_count)
        .where(t.c.feed == raw.feed, t.c.url == raw.url, t.c.sha256 != raw.sha256, t.c.item_count.is_not(None))
        .order_by(t.c.seen_at.desc(), t.c.id.desc())
        .limit(1)
    )
    with store.engine.connect() as connection:
        return connection.execute(query).scalar()


def refused_documents(store: Store, feed: str) -> list[Document]:
    """Held and quarantined documents of a feed that wait for a person: nothing newer came from their address."""
    t, newer = schema.document, schema.document.alias()
    followed = sa.exists().where(newer.c.feed == t.c.feed, newer.c.url == t.c.url, newer.c.seen_at > t.c.seen_at)
    query = (
        sa.select(t)
        .where(t.c.feed == feed, t.c.outcome.in_(["held", "quarantined"]), ~followed)
        .order_by(t.c.seen_at, t.c.id)
    )
    with store.engine.connect() as connection:
        return [_document(row) for row in connection.execute(query)]


def documents(
    store: Store, feed: str, outcome: str | None = None, sha256s: Sequence[str] | None = None
) -> list[Document]:
    """Documents of a feed (of these digests), in the order in which they came."""
    t = schema.document
    query = sa.select(t).where(t.c.feed == feed).order_by(t.c.seen_at, t.c.id)
    if outcome is not None:
        query = query.where(t.c.outcome == outcome)
    with store.engine.connect() as connection:
        if sha256s is None:
            return [_document(row) for row in connection.execute(query)]
        found: list[Document] = []
        for start in range(0, len(sha256s), _BOUND):
            some = query.where(t.c.sha256.in_(sha256s[start : start + _BOUND]))
            found += [_document(row) for row in connection.execute(some)]
        return found


def came_between(store: Store, feed: str, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """When a document of a feed came for the first time, and its SHA-256, for a period, in order; those that a person
    dismissed are left out."""
    t = schema.document
    query = (
        sa.select(t.c.fetched_at, t.c.sha256)
        .where(t.c.feed == feed, t.c.fetched_at >= instant(since), t.c.fetched_at < instant(until))
        .where(t.c.outcome != "dismissed")
        .order_by(t.c.fetched_at, t.c.id)
    )
    with store.engine.connect() as connection:
        return [(moment(row.fetched_at), row.sha256) for row in connection.execute(query)]


def digests(store: Store) -> list[str]:
    """The SHA-256 of every document, in order."""
    with store.engine.connect() as connection:
        return list(connection.execute(sa.select(schema.document.c.sha256).distinct().order_by("sha256")).scalars())


def record_receipt(store: Store, receipt: Receipt) -> None:
    """Keep one receipt."""
    t = schema.receipt
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        connection.execute(
            sa.insert(t).values(
                id=next_id(connection, t),
                feed=receipt.feed,
                url=receipt.url,
                requested_at=instant(receipt.requested_at),
                seconds=receipt.seconds,
                outcome=receipt.outcome,
                http_status=receipt.http_status,
                size=receipt.size,
                sha256=receipt.sha256,
                error_code=receipt.error_code,
                error=receipt.error,
                etag=receipt.etag,
                last_modified=receipt.last_modified,
                made_at=None if receipt.made_at is None else instant(receipt.made_at),
            )
        )


_GOOD = ("new", "not_modified", "known")


def _receipts(store: Store, query: sa.Select[Any]) -> list[Receipt]:
    with store.engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]
    return [
        Receipt(
            **{k: v for k, v in row.items() if k != "id"}
            | {"requested_at": moment(row["requested_at"]), "made_at": _or_none(row["made_at"])}
        )
        for row in rows
    ]


def last_receipt(
    store: Store, *, url: str | None = None, feed: str | None = None, good: bool = True, spared: bool = False
) -> Receipt | None:
    """The newest receipt of an address or a feed.

    `good` leaves out errors; `spared` counts polls that were skipped because the address had just been read.
    """
    t = schema.receipt
    query = sa.select(t).order_by(t.c.requested_at.desc(), t.c.id.desc()).limit(1)
    if url is not None:
        query = query.where(t.c.url == url)
    if feed is not None:
        query = query.where(t.c.feed == feed)
    wanted = [*(_GOOD if good else (*_GOOD, "error")), *(["skipped"] if spared else [])]
    return next(iter(_receipts(store, query.where(t.c.outcome.in_(wanted)))), None)


def receipts_between(store: Store, feed: str, since: datetime, until: datetime) -> list[Receipt]:
    """What a feed was asked from one time to another, both included, in order, as far as it is kept: of polls that
    brought nothing, one an hour stays after some days (`works.thin_receipts`)."""
    t = schema.receipt
    where = (t.c.feed == feed, t.c.requested_at >= instant(since), t.c.requested_at <= instant(until))
    return _receipts(store, sa.select(t).where(*where).order_by(t.c.requested_at, t.c.id))


def source_made_at(store: Store, *urls: str) -> datetime | None:
    """The newest time at which a source says that it made what it last answered at any of these addresses."""
    found = [receipt.made_at for url in urls if (receipt := last_receipt(store, url=url)) is not None]
    return max((at for at in found if at is not None), default=None)


def good_times(store: Store, url: str, feed: str, since: datetime) -> list[datetime]:
    """When a feed has read an address since then (spared polls count), in order."""
    t = schema.receipt
    query = (
        sa.select(t.c.requested_at)
        .where(t.c.url == url, t.c.feed == feed, t.c.requested_at >= instant(since))
        .where(t.c.outcome.in_([*_GOOD, "skipped"]))
        .order_by(t.c.requested_at)
    )
    with store.engine.connect() as connection:
        return [moment(at) for at in connection.execute(query).scalars()]


def failed_receipts(store: Store, feed: str, since: datetime) -> list[Receipt]:
    """The newest attempt at every address that a feed has asked since then without ever an answer, oldest first."""
    t, u = schema.receipt, schema.receipt.alias()
    asked = sa.and_(t.c.feed == feed, t.c.requested_at >= instant(since), t.c.outcome == "error")
    answered = sa.exists().where(u.c.url == t.c.url, u.c.outcome.in_(_GOOD))
    newest = sa.select(sa.func.max(t.c.id)).where(asked, ~answered).group_by(t.c.url)
    return _receipts(store, sa.select(t).where(t.c.id.in_(newest)).order_by(t.c.id))


def open_issues(store: Store, feed: str | None = None) -> list[dict[str, Any]]:
    """Open issues, newest last, as rows with feed, code, severity, cause, remedy, position, sha256, times."""
    t, d = schema.issue, schema.document
    query = (
        sa.select(t, d.c.sha256, d.c.name)
        .join_from(t, d, d.c.id == t.c.document_id, isouter=True)
        .where(t.c.state == "open")
        .order_by(t.c.id)
    )
    if feed is not None:
        query = query.where(t.c.feed == feed)
    with store.engine.connect() as connection:
        return [
            {str(name): value for name, value in row._mapping.items()}
            | {"raised_at": moment(row.raised_at), "seen_at": moment(row.seen_at)}
            for row in connection.execute(query)
        ]


def mark_published(store: Store, tree: str, layer: str, cursor: int, version: str, now: datetime) -> None:
    """Move a layer's position in the change log forward."""
    t = schema.publication
    values = {"cursor": cursor, "version": version, "published_at": instant(now)}
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        where = sa.and_(t.c.tree == tree, t.c.layer == layer)
        if connection.execute(sa.update(t).where(where).values(**values)).rowcount == 0:
            connection.execute(sa.insert(t).values(tree=tree, layer=layer, **values))


def published(store: Store, tree: str) -> dict[str, tuple[int, str, datetime]]:
    """Position in the change log, version and time of each layer of a tree, as last marked."""
    t = schema.publication
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(t).where(t.c.tree == tree)).all()
    return {row.layer: (row.cursor, row.version, moment(row.published_at)) for row in rows}


_AHEAD = 10 * 60 * 1_000_000
"""Microseconds that a statement may at most be recorded before the time that it speaks of (normalise refuses
more).
"""


def stirred(store: Store, status: Status, *, after: int, since: datetime, until: datetime) -> set[str]:
    """The kinds whose items may be otherwise than they were: something was recorded after a position in the log, or
    began or ended by itself after `since` and up to `until`."""
    query = sa.text(
        "SELECT s.kind FROM bulletin b JOIN scope s ON s.id = b.scope_id WHERE s.status = :status AND (b.id > :after"
        " OR (b.recorded_at > :lately AND b.issued_at > :since AND b.issued_at <= :until))"
        " UNION SELECT s.kind FROM revision r JOIN scope s ON s.id = r.scope_id WHERE s.status = :status"
        " AND r.expires_at > :since AND r.expires_at <= :until AND r.retired_by IS NULL"
    )
    bound = {
        "status": status,
        "after": after,
        "since": instant(since),
        "until": instant(until),
        "lately": instant(since) - _AHEAD,
    }
    with store.engine.connect() as connection:
        return set(connection.execute(query, bound).scalars())


def has_document(store: Store, url: str) -> bool:
    """True where a document from this address is held already."""
    t = schema.document
    with store.engine.connect() as connection:
        return connection.execute(sa.select(t.c.id).where(t.c.url == url).limit(1)).first() is not None


def resolve_issues(store: Store, document_id: int, *, dismissed: bool = False) -> None:
    """Close the issues of a document; `dismissed` also settles a document that is not to be ingested."""
    t, d = schema.issue, schema.document
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        connection.execute(
            sa.update(t)
            .where(t.c.document_id == document_id, t.c.state == "open", t.c.severity == "error")
            .values(state="dismissed" if dismissed else "resolved")
        )
        if dismissed:
            connection.execute(sa.update(d).where(d.c.id == document_id).values(outcome="dismissed"))
