"""Alerts as they are kept: messages, decisions on them, deliveries. A message and its deliveries are written in one
transaction with the position in the log (transactional outbox), so that a fault or a repetition loses and doubles
nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bousai.model import Message, MessageState, Status
from bousai.store import dialect, schema
from bousai.store.encode import instant, moment
from bousai.store.engine import Store
from bousai.store.ledger import next_id

_TIMES = frozenset(
    ("sent", "expires", "as_of", "issued_at", "recorded_at", "built_at", "released_at", "published_at")
) | {"not_before", "lapses_at"}
_NAMES = tuple(field.name for field in fields(Message) if field.name not in ("number", "munis"))


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided on a message, and of which bytes."""

    decision: str
    person: str
    sha256: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one subscriber. `state`: due · delivered · superseded (a newer message of the chain went first)
    · dead (given up: a person must look)."""

    number: int
    subscription: str
    state: str
    attempts: int
    next_at: datetime
    made_at: datetime
    begun_at: datetime | None
    done_at: datetime | None
    code: str | None
    cause: str | None
    remedy: str | None


def _row(message: Message) -> dict[str, Any]:
    values = {}
    for name in _NAMES:
        value = getattr(message, name)
        values[name] = instant(value) if name in _TIMES and value is not None else value
    return values | {"munis": " ".join(message.munis)}


def _message(row: Any) -> Message:
    values: dict[str, Any] = {
        name: moment(value) if name in _TIMES and value is not None else value
        for name in _NAMES
        for value in (getattr(row, name),)
    }
    return Message(**values, munis=tuple(row.munis.split()), number=row.id)


def alert_position(store: Store) -> int:
    """The last bulletin that alerts were made of; 0 at the beginning."""
    t = schema.alert_position
    with store.engine.connect() as connection:
        found = connection.execute(sa.select(t.c.cursor).where(t.c.name == "log")).scalar()
    return found or 0


def record_alerts(
    store: Store,
    messages: Sequence[tuple[Message, Collection[str]]],
    *,
    position: tuple[int, int] | None,
    changes: Mapping[int, MessageState] | None = None,
    at: datetime,
) -> bool:
    """Write messages, each with the subscriptions that it is due to, move the states of earlier ones (`changes`, by
    number), and the position in the log from one bulletin to another, all or nothing.

    False, and nothing is written, where somebody else has moved the position meanwhile. A message whose key is there
    already is left out with its deliveries: it was made before.
    """
    t, d, p = schema.alert, schema.alert_delivery, schema.alert_position
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        if position is not None:
            stands = connection.execute(sa.select(p.c.cursor).where(p.c.name == "log")).scalar()
            if (stands or 0) != position[0]:
                return False
            if stands is None:
                connection.execute(sa.insert(p).values(name="log", cursor=position[1]))
            else:
                connection.execute(sa.update(p).where(p.c.name == "log").values(cursor=position[1]))
        for number, state in (changes or {}).items():
            connection.execute(sa.update(t).where(t.c.id == number).values(state=state))
        for message, subscriptions in messages:
            if connection.execute(sa.select(t.c.id).where(t.c.key == message.key)).first() is not None:
                continue
            number = next_id(connection, t)
            went = _next_to_go(connection) if message.state == "released" else None
            connection.execute(sa.insert(t).values(id=number, went=went, **_row(message)))
            _make_due(connection, d, number, subscriptions, at)
    return True


def _make_due(
    connection: Connection, table: sa.Table, number: int, subscriptions: Iterable[str], at: datetime
) -> None:
    for name in subscriptions:
        connection.execute(
            sa.insert(table).values(
                alert_id=number, subscription=name, state="due", attempts=0, next_at=instant(at), made_at=instant(at)
            )
        )


def chain_of(store: Store, rule: str, subject: str, status: Status) -> list[Message]:
    """The messages of one subject, oldest first."""
    t = schema.alert
    return _select(store, t.c.rule == rule, t.c.subject == subject, t.c.status == status)


def _select(store: Store, *where: Any, newest_first: bool = False, limit: int | None = None) -> list[Message]:
    t = schema.alert
    query = sa.select(t).where(*where).order_by(t.c.id.desc() if newest_first else t.c.id).limit(limit)
    with store.engine.connect() as connection:
        return [_message(row) for row in connection.execute(query)]


def alerts(
    store: Store,
    *,
    status: Status | None = None,
    state: MessageState | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[Message]:
    """Messages, newest first; `since` and `until` of the time of issue."""
    t = schema.alert
    where = [] if status is None else [t.c.status == status]
    where += [] if state is None else [t.c.state == state]
    where += [] if since is None else [t.c.issued_at >= instant(since)]
    where += [] if until is None else [t.c.issued_at <= instant(until)]
    return _select(store, *where, newest_first=True, limit=limit)


def went_out_after(store: Store, went: int, status: Sequence[Status], limit: int = 100) -> list[tuple[int, Message]]:
    """Messages in the order in which they went out, each with its place in it, after one."""
    t = schema.alert
    query = sa.select(t).where(t.c.went > went, t.c.status.in_(status)).order_by(t.c.went).limit(limit)
    with store.engine.connect() as connection:
        return [(row.went, _message(row)) for row in connection.execute(query)]


def last_went_out(store: Store, status: Sequence[Status]) -> int:
    """The place of the last message that went out; 0 where there is none."""
    t = schema.alert
    with store.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(t.c.went)).where(t.c.status.in_(status))).scalar() or 0


def _next_to_go(connection: Connection) -> int:
    """The place of the next message that goes out; only the holder of the write lock may ask, so what is seen first
    has the lower one."""
    return (connection.execute(sa.select(sa.func.max(schema.alert.c.went))).scalar() or 0) + 1


def alert_named(store: Store, identifier: str) -> Message | None:
    """One message."""
    found = _select(store, schema.alert.c.identifier == identifier)
    return found[0] if found else None


def running_alerts(store: Store) -> list[Message]:
    """The last message of every chain that has not ended, whatever its state and whether it has expired or not."""
    t = schema.alert
    newest = sa.select(sa.func.max(t.c.id)).group_by(t.c.rule, t.c.subject, t.c.status)
    return _select(store, t.c.id.in_(newest), t.c.phase.in_(("alert", "update")))


def listed_alerts(store: Store, status: Sequence[Status], at: datetime) -> list[Message]:
    """What the index of a tree lists: messages that went out and whose chain has one that has not expired."""
    t = schema.alert
    alive = (
        sa.select(t.c.rule, t.c.subject, t.c.status)
        .where(t.c.state == "released", t.c.expires > instant(at), t.c.status.in_(status))
        .distinct()
        .subquery()
    )
    same = sa.and_(t.c.rule == alive.c.rule, t.c.subject == alive.c.subject, t.c.status == alive.c.status)
    query = sa.select(t).join(alive, same).where(t.c.state == "released").order_by(t.c.id.desc())
    with store.engine.connect() as connection:
        return [_message(row) for row in connection.execute(query)]


def unpublished_alerts(store: Store, status: Sequence[Status]) -> list[Message]:
    """Messages that went out and are not in the tree of files yet."""
    t = schema.alert
    return _select(store, t.c.state == "released", t.c.published_at.is_(None), t.c.status.in_(status))


def mark_alerts_published(store: Store, numbers: Collection[int], at: datetime) -> None:
    """They are in the tree now."""
    t = schema.alert
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        connection.execute(
            sa.update(t)
            .where(t.c.id.in_(sorted(numbers)), t.c.published_at.is_(None))
            .values(published_at=instant(at))
        )


def decisions_of(store: Store, number: int) -> list[Decision]:
    """Who decided what on a message, oldest first."""
    t = schema.alert_decision
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(t).where(t.c.alert_id == number).order_by(t.c.id)).fetchall()
    return [Decision(row.decision, row.person, row.sha256, row.reason, moment(row.decided_at)) for row in rows]


def record_decision(
    store: Store,
    message: Message,
    decision: Decision,
    *,
    state: MessageState,
    subscriptions: Collection[str],
    seen: int,
) -> bool:
    """Write a decision and, with it, the state that follows and the deliveries. False, and nothing is written, where
    the message is no longer as it was, or there are not `seen` decisions on it any more: somebody was faster."""
    t, k = schema.alert, schema.alert_decision
    at = instant(decision.decided_at)
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        stands = connection.execute(sa.select(t.c.state, t.c.sha256).where(t.c.id == message.number)).one()
        given = connection.execute(
            sa.select(sa.func.count()).select_from(k).where(k.c.alert_id == message.number)
        ).scalar_one()
        if (stands.state, stands.sha256, given) != (message.state, message.sha256, seen):
            return False
        connection.execute(
            sa.insert(k).values(
                id=next_id(connection, k),
                alert_id=message.number,
                decision=decision.decision,
                person=decision.person,
                sha256=decision.sha256,
                reason=decision.reason,
                decided_at=at,
            )
        )
        values: dict[str, Any] = {"state": state}
        if state == "released":
            values |= {"released_at": at, "went": _next_to_go(connection)}
        connection.execute(sa.update(t).where(t.c.id == message.number).values(**values))
        _make_due(connection, schema.alert_delivery, message.number, subscriptions, decision.decided_at)
    return True


def had_before(store: Store, rule: str, subject: str, status: Status) -> set[str]:
    """The subscriptions to which a message of a chain was made due."""
    t, d = schema.alert, schema.alert_delivery
    query = (
        sa.select(d.c.subscription)
        .join_from(d, t, t.c.id == d.c.alert_id)
        .where(t.c.rule == rule, t.c.subject == subject, t.c.status == status)
        .distinct()
    )
    with store.engine.connect() as connection:
        return set(connection.execute(query).scalars())


def _delivery(row: Any) -> Delivery:
    when = {name: None if row[name] is None else moment(row[name]) for name in ("begun_at", "done_at")}
    return Delivery(
        number=row["alert_id"],
        next_at=moment(row["next_at"]),
        made_at=moment(row["made_at"]),
        begun_at=when["begun_at"],
        done_at=when["done_at"],
        **{name: row[name] for name in ("subscription", "state", "attempts", "code", "cause", "remedy")},
    )


def deliveries(
    store: Store, *, number: int | None = None, state: str | None = None, due_at: datetime | None = None
) -> list[Delivery]:
    """Deliveries in the order of their messages, of one message, in one state, or due at a time."""
    d = schema.alert_delivery
    query = sa.select(d).order_by(d.c.alert_id, d.c.subscription)
    if number is not None:
        query = query.where(d.c.alert_id == number)
    if state is not None:
        query = query.where(d.c.state == state)
    if due_at is not None:
        query = query.where(d.c.state == "due", d.c.next_at <= instant(due_at))
    with store.engine.connect() as connection:
        return [_delivery(row) for row in connection.execute(query).mappings()]


def alert_numbered(store: Store, number: int) -> Message:
    """One message by its number, which exists."""
    return _select(store, schema.alert.c.id == number)[0]


def claim_delivery(store: Store, one: Delivery, at: datetime, until: datetime) -> bool:
    """Take a delivery that is due for one attempt; false where another sender has it. If nothing is heard of the
    attempt it is due again at `until`."""
    d = schema.alert_delivery
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        mine = sa.and_(
            d.c.alert_id == one.number,
            d.c.subscription == one.subscription,
            d.c.state == "due",
            d.c.attempts == one.attempts,
            d.c.next_at == instant(one.next_at),
        )
        taken = connection.execute(
            sa.update(d).where(mine).values(attempts=one.attempts + 1, begun_at=instant(at), next_at=instant(until))
        )
        return taken.rowcount == 1


def settle_delivery(
    store: Store,
    one: Delivery,
    state: str,
    at: datetime,
    *,
    next_at: datetime | None = None,
    told: tuple[str, str, str] | None = None,
) -> None:
    """What became of a delivery: its state, when it is due again, and code, cause and remedy of a failure."""
    d = schema.alert_delivery
    code, cause, remedy = told or (None, None, None)
    values: dict[str, Any] = {"state": state, "code": code, "cause": cause, "remedy": remedy}
    if state != "due":
        values["done_at"] = instant(at)
    if next_at is not None:
        values["next_at"] = instant(next_at)
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        connection.execute(
            sa.update(d)
            .where(d.c.alert_id == one.number, d.c.subscription == one.subscription, d.c.state != "delivered")
            .values(**values)
        )


def send_again(store: Store, numbers: Collection[int], subscription: str, at: datetime) -> int:
    """Make dead, superseded or delivered messages due again for a subscriber; those it never had become due. How
    many. A subscriber that was gone is asked again."""
    d = schema.alert_delivery
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        connection.execute(
            sa.update(d).where(d.c.subscription == subscription, d.c.code == "gone").values(code="was_gone")
        )
        for number in sorted(numbers):
            moved = connection.execute(
                sa.update(d)
                .where(d.c.alert_id == number, d.c.subscription == subscription)
                .values(
                    state="due", attempts=0, next_at=instant(at), done_at=None, code=None, cause=None, remedy=None
                )
            ).rowcount
            if not moved:
                _make_due(connection, d, number, [subscription], at)
    return len(numbers)


def is_gone(store: Store, subscription: str) -> bool:
    """Whether a subscriber has said that it wants nothing more (and nobody has sent to it again since)."""
    d = schema.alert_delivery
    with store.engine.connect() as connection:
        found = connection.execute(
            sa.select(d.c.alert_id).where(d.c.subscription == subscription, d.c.state == "dead", d.c.code == "gone")
        )
        return found.first() is not None


def delivered_since(store: Store, subscription: str, since: datetime) -> list[datetime]:
    """When messages that a ceiling counts were delivered to a subscriber, oldest first."""
    d, t = schema.alert_delivery, schema.alert
    query = (
        sa.select(d.c.done_at)
        .join_from(d, t, t.c.id == d.c.alert_id)
        .where(d.c.subscription == subscription, d.c.state == "delivered", d.c.done_at > instant(since))
        .where(t.c.bypass.is_(False))
        .order_by(d.c.done_at)
    )
    with store.engine.connect() as connection:
        return [moment(at) for at in connection.execute(query).scalars()]


def newer_for(store: Store, message: Message, subscription: str) -> list[tuple[int, str]]:
    """(number, state of its delivery) of the later messages of a chain for the same subscriber."""
    d, t = schema.alert_delivery, schema.alert
    query = (
        sa.select(t.c.id, d.c.state)
        .join_from(d, t, t.c.id == d.c.alert_id)
        .where(t.c.rule == message.rule, t.c.subject == message.subject, t.c.status == message.status)
        .where(t.c.id > message.number, d.c.subscription == subscription)
        .order_by(t.c.id)
    )
    with store.engine.connect() as connection:
        return [(row.id, row.state) for row in connection.execute(query)]


def set_alert_state(store: Store, message: Message, state: MessageState) -> bool:
    """Move a message that has not gone out from the state that it is in; false where it has been moved already."""
    t = schema.alert
    with dialect.writing(store.engine).begin() as connection:
        dialect.lock_for_writing(connection)
        moved = connection.execute(
            sa.update(t).where(t.c.id == message.number, t.c.state == message.state).values(state=state)
        )
        return moved.rowcount == 1


def alert_counts(store: Store) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """How many messages there are by (state, status), and how many deliveries by state."""
    t, d = schema.alert, schema.alert_delivery
    number = sa.func.count()
    with store.engine.connect() as connection:
        messages = connection.execute(sa.select(t.c.state, t.c.status, number).group_by(t.c.state, t.c.status))
        by = {(state, status): n for state, status, n in messages}
        deliveries = connection.execute(sa.select(d.c.state, number).group_by(d.c.state))
        return by, {state: n for state, n in deliveries}  # noqa: C416  (rows are no pairs to `dict`)
