"""Questions about messages, and people's decisions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from bousai import alert, store
from bousai.errors import UsageError
from bousai.model import Message, MessageState, Status, Verb
from bousai.pipeline.alerting import receivers, told
from bousai.pipeline.book import book
from bousai.pipeline.house import House, opened
from bousai.settings import Settings

_RECENT = 5000  # messages that quantiles are made of


def list_alerts(
    settings: Settings | None = None,
    *,
    state: MessageState | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Messages, newest first; `since` and `until` of the time of issue."""
    with opened(settings) as house:
        return [told(one) for one in store.alerts(house.store, state=state, since=since, until=until, limit=limit)]


def show_alert(identifier: str, settings: Settings | None = None) -> dict[str, Any]:
    """One message: its line, its CAP text, decisions, deliveries, and the seconds of each stage. Raises
    `UsageError`.
    """
    with opened(settings) as house:
        message = _named(house, identifier)
        return told(message) | {
            "sha256": message.sha256,
            "author": message.author,
            "approvals_needed": message.approvals,
            "lapses_at": message.lapses_at,
            "stages": stages(message),
            "decisions": [
                {"decision": one.decision, "person": one.person, "sha256": one.sha256, "reason": one.reason}
                | {"decided_at": one.decided_at}
                for one in store.decisions_of(house.store, message.number)
            ],
            "deliveries": [
                {"subscription": one.subscription, "state": one.state, "attempts": one.attempts}
                | {"next_at": one.next_at, "done_at": one.done_at, "cause": one.cause, "remedy": one.remedy}
                for one in store.deliveries(house.store, number=message.number)
            ],
            "cap": message.cap.decode(),
        }


def stages(message: Message) -> dict[str, float | None]:
    """Seconds from one stage to the next; None where it has not come so far."""

    def between(first: datetime | None, second: datetime | None) -> float | None:
        return None if first is None or second is None else (second - first).total_seconds()

    return {
        "issued_recorded": between(message.issued_at, message.recorded_at),
        "recorded_built": between(message.recorded_at, message.built_at),
        "built_released": between(message.built_at, message.released_at),
        "released_published": between(message.released_at, message.published_at),
    }


def alerts_after(
    went: int, statuses: Sequence[Status], settings: Settings | None = None
) -> list[tuple[int, dict[str, Any]]]:
    """Messages in the order in which they went out, each with its place in it, after one: at most 100."""
    with opened(settings) as house:
        found = store.went_out_after(house.store, went, statuses)
        return [(place, told(message) | {"cap": message.cap.decode()}) for place, message in found]


def newest_alert(statuses: Sequence[Status], settings: Settings | None = None) -> int:
    """The place of the last message that went out; 0 where there is none."""
    with opened(settings) as house:
        return store.last_went_out(house.store, statuses)


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """Numbers of messages by (state, status), of deliveries by state, and seconds of the stages, by (stage,
    quantile),
    of the messages that went out in the last day."""

    messages: Mapping[tuple[str, str], int]
    deliveries: Mapping[str, int]
    stages: Mapping[tuple[str, str], float]


def alert_facts(house: House) -> AlertFacts:
    """How alerts have fared."""
    messages, deliveries = store.alert_counts(house.store)
    since = house.now() - timedelta(days=1)
    recent = [
        stages(one)
        for one in store.alerts(house.store, state="released", limit=_RECENT)
        if one.released_at is not None and one.released_at > since
    ]
    found: dict[tuple[str, str], float] = {}
    for stage in recent[0] if recent else ():
        seconds = sorted(value for one in recent if (value := one[stage]) is not None)
        for quantile, share in (("0.5", 0.5), ("0.95", 0.95), ("1", 1.0)):
            if seconds:
                found[stage, quantile] = seconds[max(0, ceil(share * len(seconds)) - 1)]
    return AlertFacts(messages, deliveries, found)


def _named(house: House, identifier: str) -> Message:
    found = store.alert_named(house.store, identifier)
    if found is None:
        raise UsageError(f"no message {identifier!r}", remedy="bousai alerts list")
    return found


def decide_alert(
    identifier: str,
    decision: str,
    person: str,
    digest: str,
    reason: str = "",
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Approve or reject a message of our own, by the SHA-256 (or its first 12 digits or more) of the bytes that were
    read. Returns its line. Raises `UsageError` where the decision does not count."""
    verb: Verb = "reject" if decision == "reject" else "approve"
    with opened(settings) as house, book(house, person.strip()) as notes:
        message = _named(house, identifier)
        with notes.entry(verb, message.rule, identifier) as entry:
            decided = _decide(house, message, decision, person, digest, reason)
            entry.detail |= {"state": decided["state"], "reason": reason, "sha256": message.sha256}
            return decided


def _decide(house: House, message: Message, decision: str, person: str, digest: str, reason: str) -> dict[str, Any]:
    at = house.now()
    if not person.strip():
        raise UsageError("nobody decides", remedy="--by NAME: the account of who decides")
    if len(digest) < 12 or not message.sha256.startswith(digest.lower()):
        raise UsageError(
            f"{message.identifier} has the SHA-256 {message.sha256[:12]}…, not {digest[:12]}…",
            remedy="read it (bousai alerts show) and give the first 12 digits or more of its sha256",
        )
    given = store.decisions_of(house.store, message.number)
    new = alert.Approval(person.strip(), message.sha256, at)
    earlier = [alert.Approval(one.person, one.sha256, one.decided_at) for one in given]
    rejects = decision == "reject"
    # Whoever could not approve it cannot reject it either, but one who has approved may think better of it.
    enough = alert.approved(message, [] if rejects else earlier, new)
    state: MessageState = "rejected" if rejects else "released" if enough else message.state
    due = receivers(house, message) if state == "released" else []
    done = store.record_decision(
        house.store,
        message,
        store.Decision(decision, new.person, message.sha256, reason, at),
        state=state,
        subscriptions=due,
        seen=len(given),
    )
    if not done:
        raise UsageError(f"{message.identifier}: somebody decided meanwhile", remedy="look again: bousai alerts show")
    return told(replace(message, state=state))
