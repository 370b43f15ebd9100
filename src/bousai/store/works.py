"""The ledger of what was done: one row a piece of work. What was fetched is in the receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from bousai.model import Verb, Work
from bousai.store import dialect, schema
from bousai.store.encode import instant, moment
from bousai.store.engine import Store
from bousai.store.ledger import next_id

_MOST_READ = 20_000  # bulletins, of the newest, that ways are made of


def record_works(store: Store, works: Sequence[Work]) -> None:
    """Keep rows, in one transaction."""
    if not works:
        return
    t = schema.work
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        first = next_id(connection, t)
        connection.execute(
            sa.insert(t),
            [
                {
                    "id": first + n,
                    "verb": one.verb,
                    "subject": one.subject,
                    "reference": one.reference,
                    "started_at": instant(one.started_at),
                    "seconds": one.seconds,
                    "outcome": one.outcome,
                    "position": one.position,
                    "detail": orjson.dumps(dict(one.detail), option=orjson.OPT_SORT_KEYS).decode(),
                    "actor": one.actor,
                }
                for n, one in enumerate(works)
            ],
        )


def _work(row: sa.Row[Any]) -> Work:
    return Work(
        verb=row.verb,
        subject=row.subject,
        started_at=moment(row.started_at),
        seconds=row.seconds,
        outcome=row.outcome,
        reference=row.reference,
        position=row.position,
        detail=orjson.loads(row.detail),
        actor=row.actor,
    )


def works(
    store: Store,
    *,
    since: datetime,
    until: datetime | None = None,
    verb: Verb | None = None,
    subject: str | None = None,
    limit: int | None = None,
) -> list[Work]:
    """Rows that began since a time and before another, newest first."""
    t = schema.work
    query = sa.select(t).where(t.c.started_at >= instant(since)).order_by(t.c.started_at.desc(), t.c.id.desc())
    if until is not None:
        query = query.where(t.c.started_at < instant(until))
    if verb is not None:
        query = query.where(t.c.verb == verb)
    if subject is not None:
        query = query.where(t.c.subject == subject)
    with store.engine.connect() as connection:
        return [_work(row) for row in connection.execute(query.limit(limit))]


def last_works(store: Store, verbs: Sequence[Verb]) -> dict[Verb, Work]:
    """The newest row of each verb that has one."""
    t = schema.work
    found = {}
    with store.engine.connect() as connection:
        for verb in verbs:
            query = sa.select(t).where(t.c.verb == verb).order_by(t.c.started_at.desc(), t.c.id.desc()).limit(1)
            row = connection.execute(query).first()
            if row is not None:
                found[verb] = _work(row)
    return found


@dataclass(frozen=True, slots=True)
class Way:
    """One document on its way through: times in UTC, None where it has not come so far or nobody says.

    `issued_at` is when the source says that it issued or sent it, `seen_at` when it, or the index that lists it, was
    asked for, `fetched_at` when its bytes were here, `stored_at` when its statements were. `position` is its place in
    the change log.
    """

    feed: str
    sha256: str
    name: str
    issued_at: datetime
    seen_at: datetime
    fetched_at: datetime
    stored_at: datetime
    position: int


def ways(store: Store, since: datetime) -> list[Way]:
    """Documents that came over a network and whose statements were recorded since a time, oldest first; of very many
    the newest.

    Where a telegram is listed in an index, it was seen with the last reading of that index before it was asked for.
    """
    with store.engine.connect() as connection:
        readings = connection.execute(
            sa.text(
                "SELECT b.document_id, MIN(COALESCE(b.sent_at, b.issued_at)) AS issued, MIN(b.recorded_at) AS stored,"
                " MAX(b.id) AS position FROM (SELECT * FROM bulletin WHERE recorded_at >= :since"
                " ORDER BY id DESC LIMIT :most) b WHERE NOT EXISTS (SELECT 1 FROM bulletin e"
                " WHERE e.document_id = b.document_id AND e.recorded_at < :since)"
                " GROUP BY b.document_id, b.parser, b.parser_version ORDER BY position"
            ),
            {"since": instant(since), "most": _MOST_READ},
        ).all()
        first: dict[int, sa.Row[Any]] = {}
        for row in readings:
            first.setdefault(row.document_id, row)  # a better parser may read it once more, much later
        recorded = list(first.values())
        if not recorded:
            return []
        t = schema.receipt
        earliest = min(row.stored for row in recorded) - 86_400_000_000
        receipts = connection.execute(
            sa.select(t.c.id, t.c.feed, t.c.url, t.c.sha256, t.c.requested_at, t.c.seconds, t.c.outcome)
            .where(t.c.requested_at >= earliest)
            .where(t.c.outcome.in_(["new", "known", "not_modified", "skipped"]))
            .order_by(t.c.requested_at, t.c.id)
        ).all()
        d = schema.document
        rows: dict[int, sa.Row[Any]] = {}
        numbers = [row.document_id for row in recorded]
        for start in range(0, len(numbers), 500):
            query = sa.select(d.c.id, d.c.feed, d.c.sha256, d.c.name, d.c.url).where(
                d.c.id.in_(numbers[start : start + 500])
            )
            rows |= {row.id: row for row in connection.execute(query)}
        # what any document ever came from is no index, whatever became of that document
        documents = {(row.feed, row.url) for row in rows.values()}
        urls = sorted({one.url for one in receipts})
        for start in range(0, len(urls), 500):
            asked = sa.select(d.c.feed, d.c.url).where(d.c.url.in_(urls[start : start + 500]))
            documents |= {(row.feed, row.url) for row in connection.execute(asked.distinct())}
    came: dict[tuple[str, str], tuple[int, int]] = {}
    index_read: dict[str, int] = {}
    for one in receipts:
        if (one.feed, one.url) not in documents:
            index_read[one.feed] = one.requested_at
        elif one.outcome == "new":
            seen = index_read.get(one.feed, one.requested_at)
            came.setdefault((one.feed, one.sha256), (seen, one.requested_at + int(one.seconds * 1_000_000)))
    found = []
    for row in recorded:
        of = rows[row.document_id]
        if (of.feed, of.sha256) in came:
            seen, fetched = came[of.feed, of.sha256]
            found.append(
                Way(
                    feed=of.feed,
                    sha256=of.sha256,
                    name=of.name,
                    issued_at=moment(row.issued),
                    seen_at=moment(seen),
                    fetched_at=moment(fetched),
                    stored_at=moment(row.stored),
                    position=row.position,
                )
            )
    return found


def thin_receipts(store: Store, before: datetime, every: int) -> int:
    """Of the receipts of polls that brought nothing new and are older than a time, keep the last of each kind in
    `every` seconds for each address and feed; all others stay. How many went."""
    t = schema.receipt
    quiet = sa.and_(t.c.requested_at < instant(before), t.c.outcome.in_(["not_modified", "skipped"]))
    kept = (
        sa.select(sa.func.max(t.c.id))
        .where(quiet)
        .group_by(t.c.feed, t.c.url, t.c.outcome, t.c.requested_at // sa.literal(every * 1_000_000, schema.Big))
    )
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        return int(connection.execute(sa.delete(t).where(quiet, t.c.id.not_in(kept))).rowcount)


def thin_works(store: Store, before: datetime) -> int:
    """Let go of rows older than a time that say that there was nothing to do. How many went."""
    t = schema.work
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        gone = sa.delete(t).where(t.c.started_at < instant(before), t.c.outcome == "unchanged", t.c.actor == "")
        return int(connection.execute(gone).rowcount)
