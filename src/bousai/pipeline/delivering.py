"""Messages that went out → the tree of files, and each subscriber.

At least once, and never twice for who looks at the identifier: an attempt is written down before it is made; where
nothing is heard of it, it is made again, with the same identifier (``webhook-id``, ``Message-ID``, MQTT topic).
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bousai import deliver, publish, store
from bousai.errors import DeliveryError, UsageError
from bousai.model import Message, Status, Subscription, WorkOutcome
from bousai.pipeline.book import Book, book
from bousai.pipeline.house import House, opened, tree_url
from bousai.settings import Settings
from bousai.store import Delivery

_AT_ONCE = 8
_FIRST = 15.0
"""Seconds until the second attempt; each further one waits twice as long, up to `_LONGEST`, more or less by
chance.
"""
_LONGEST = 3600.0
_UNHEARD = timedelta(seconds=90)
"""An attempt of which nothing is heard for so long has failed: its sender was killed."""
_MOST = 20
_HOUR = timedelta(hours=1)
_TREES: tuple[tuple[str, tuple[Status, ...]], ...] = (("", ("actual",)), ("exercise", ("exercise", "test")))


def publish_alerts(settings: Settings | None = None) -> list[dict[str, Any]]:
    """Put messages that went out into the public tree and the exercise tree, and bring their indexes up to date.
    Returns one dict a tree: status, path, new, listed."""
    written = []
    with opened(settings) as house:
        at = house.now()
        for below, statuses in _TREES:
            new = store.unpublished_alerts(house.store, statuses)
            listed = store.listed_alerts(house.store, statuses, at)
            root = house.settings.public / below
            watched = (root / "alerts").is_dir() or (not below and store.alert_position(house.store) > 0)
            if not new and not listed and not watched:
                continue  # nothing was ever watched: an empty index would say that nothing is in force
            path = publish.write_alerts(
                root,
                new,
                listed,
                url=tree_url(house.settings, statuses[0]),
                exercise=bool(below),
                publisher=house.settings.publisher,
                at=at,
            )
            store.mark_alerts_published(house.store, [one.number for one in new], at)
            written.append({"status": statuses[0], "path": str(path), "new": len(new), "listed": len(listed)})
    return written


def deliveries_due(settings: Settings | None = None) -> int:
    """How many deliveries are to be made now."""
    with opened(settings) as house:
        return len(store.deliveries(house.store, due_at=house.now()))


def deliver_alerts(settings: Settings | None = None) -> list[dict[str, Any]]:
    """Make every delivery that is due, those of one subscriber in their order, several subscribers at a time. Returns
    one dict a delivery: identifier, subscription, state, attempts, code, cause."""
    with opened(settings) as house, book(house) as notes:
        due = sorted(
            store.deliveries(house.store, due_at=house.now()), key=lambda one: (one.subscription, one.number)
        )
        by = [list(some) for _, some in groupby(due, key=lambda one: one.subscription)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deliver") as pool:
            return [line for lines in pool.map(lambda some: _to_one(house, some, notes), by) for line in lines]


def _to_one(house: House, due: Sequence[Delivery], notes: Book) -> list[dict[str, Any]]:
    lines = []
    for one in due:
        with notes.entry("deliver", one.subscription) as entry:
            line = _attempt(house, one)
            if line is None:
                entry.outcome = "unchanged"  # another process has it in hand
                continue
            entry.reference = line["identifier"]
            entry.detail |= {"state": line["state"], "attempts": line["attempts"], "cause": line["cause"]}
            entry.outcome = "unchanged" if line["code"] == "ceiling" else _OUTCOMES.get(line["state"], "done")
            lines.append(line)
    return lines


_OUTCOMES: dict[str, WorkOutcome] = {"dead": "refused", "due": "failed"}


def _attempt(house: House, one: Delivery) -> dict[str, Any] | None:
    at = house.now()
    message = store.alert_numbered(house.store, one.number)
    subscription = house.catalogue.subscriptions.get(one.subscription)
    if subscription is None:
        return _settled(
            house, one, message, "dead", at, ("unsubscribed", "there is no such subscription any more", "")
        )
    if store.is_gone(house.store, one.subscription):
        told = (
            "gone",
            "the receiver answered that it wants nothing more",
            f"bousai alerts again {one.subscription} …",
        )
        return _settled(house, one, message, "dead", at, told)
    later = store.newer_for(house.store, message, one.subscription)
    if any(state == "delivered" for _, state in later):
        return _settled(house, one, message, "superseded", at)
    if message.expires <= at and one.attempts:
        return _settled(house, one, message, "dead", at, (one.code or "expired", one.cause or "it has expired", ""))
    if not message.bypass:
        sent = store.delivered_since(house.store, one.subscription, at - _HOUR)
        if len(sent) >= subscription.per_hour:
            if later:
                return _settled(house, one, message, "superseded", at)
            told = ("ceiling", f"{subscription.per_hour} messages an hour were sent", "it waits for the hour to pass")
            return _settled(house, one, message, "due", at, told, sent[0] + _HOUR)
    if not store.claim_delivery(house.store, one, at, at + _UNHEARD):
        return None
    try:
        deliver.hand_over(
            subscription,
            _parcel(house, subscription, message),
            environ=os.environ,
            sender=house.settings.publisher,
            now=at,
        )
    except DeliveryError as error:
        return _failed(house, one, message, error)
    return _settled(house, one, message, "delivered", house.now())


def _failed(house: House, one: Delivery, message: Message, error: DeliveryError) -> dict[str, Any]:
    at = house.now()
    told = ("gone" if error.gone else error.code, error.cause, error.remedy)
    if not error.transient or one.attempts + 1 >= _MOST:
        return _settled(house, one, message, "dead", at, told)
    wait = min(_LONGEST, _FIRST * 2**one.attempts) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret
    wait = max(wait, error.retry_after or 0.0)
    return _settled(house, one, message, "due", at, told, at + timedelta(seconds=wait))


def _settled(
    house: House,
    one: Delivery,
    message: Message,
    state: str,
    at: datetime,
    told: tuple[str, str, str] | None = None,
    next_at: datetime | None = None,
) -> dict[str, Any]:
    store.settle_delivery(house.store, one, state, at, next_at=next_at, told=told)
    return {
        "identifier": message.identifier,
        "subscription": one.subscription,
        "state": state,
        "attempts": one.attempts + 1,
        "code": told[0] if told else None,
        "cause": told[1] if told else None,
    }


def _parcel(house: House, subscription: Subscription, message: Message) -> deliver.Parcel:
    url = f"{tree_url(house.settings, message.status)}/alerts/cap/{message.identifier}.xml"
    earlier = store.chain_of(house.store, message.rule, message.subject, message.status)
    held = {code for one in earlier if one.number < message.number and one.state == "released" for code in one.munis}
    headline = message.headline_en if subscription.language == "en" else message.headline_ja
    return deliver.Parcel(
        identifier=message.identifier,
        status=message.status,
        rule=message.rule,
        subject=message.subject,
        ended=message.ended,
        expires=message.expires,
        headline=headline,
        text=publish.plain_text(message.cap, subscription.language, url),
        cap=message.cap,
        munis=message.munis,
        left=tuple(sorted(held - set(message.munis))),
        summary=publish.alert_summary(message, url),
    )


def send_again(identifiers: Sequence[str], subscription: str, settings: Settings | None = None) -> int:
    """Make messages due once more for a subscriber, whatever became of them: those that were given up, or all that he
    lost. How many. Raises `UsageError`."""
    with opened(settings) as house:
        if subscription not in house.catalogue.subscriptions:
            raise UsageError(f"no subscription {subscription!r}", remedy="config/subscriptions/<id>.yml")
        numbers = []
        for identifier in identifiers:
            message = store.alert_named(house.store, identifier)
            if message is None or message.state != "released":
                raise UsageError(f"no message {identifier!r} went out", remedy="bousai alerts list --state released")
            if house.catalogue.subscriptions[subscription].exercise != (message.status != "actual"):
                raise UsageError(
                    f"{identifier} is {message.status}, {subscription} is not for that",
                    remedy="exercises go to exercise subscriptions alone",
                )
            numbers.append(message.number)
        return store.send_again(house.store, numbers, subscription, house.now())


def undelivered(settings: Settings | None = None) -> list[dict[str, Any]]:
    """Deliveries that were given up, and those that are due, with why."""
    with opened(settings) as house:
        found = [*store.deliveries(house.store, state="dead"), *store.deliveries(house.store, state="due")]
        return [
            {
                "identifier": store.alert_numbered(house.store, one.number).identifier,
                "subscription": one.subscription,
                "state": one.state,
                "attempts": one.attempts,
                "next_at": one.next_at,
                "code": one.code,
                "cause": one.cause,
                "remedy": one.remedy,
            }
            for one in found
        ]
