"""Who lets a message out, and to whom it goes.

What JMA or a municipality issued is passed on at once. What we compose ourselves needs approval, bound to the SHA-256
of the very bytes, by as many people as the rule says, none of whom wrote it, before it lapses; without that it stays
here. Exercises and tests reach exercise subscribers and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bousai.alert.entry import Situation
from bousai.alert.life import Step, too_old
from bousai.errors import UsageError
from bousai.model import SEVERITIES, AlertRule, Message, MessageState, Subscription, join_status


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word on one message: `sha256` of the bytes that he saw."""

    person: str
    sha256: str
    at: datetime


def first_state(
    rule: AlertRule, step: Step, now: Situation, released: bool, stands: bool, at: datetime
) -> MessageState:
    """The state in which a message begins. `released`: a message of its running chain went out; `stands`: one that
    has not expired did, so that how it goes on must be told however late."""
    if step.phase in ("all_clear", "cancel") and not released:
        return "dropped"
    if not step.renewal and not stands and too_old(rule, now, at):
        return "too_old"
    if rule.dwell and not released:
        return "waiting"
    return "awaiting" if rule.approvals else "released"


def approved(message: Message, given: Sequence[Approval], new: Approval) -> bool:
    """Whether with a new approval enough people have approved. Raises `UsageError` where that word does not count."""
    if message.state != "awaiting":
        raise UsageError(
            f"{message.identifier} is {message.state}: there is nothing to approve",
            remedy="bousai alerts list --state awaiting",
        )
    if message.lapses_at is not None and new.at >= message.lapses_at:
        raise UsageError(f"{message.identifier} has lapsed", remedy="a new one is made while what it tells goes on")
    if new.sha256 != message.sha256:
        raise UsageError(
            f"{message.identifier}: the bytes approved are {new.sha256[:12]}…, the message is {message.sha256[:12]}…",
            remedy="read it again: bousai alerts show",
        )
    if new.person == message.author:
        raise UsageError(
            f"{message.identifier}: {new.person} wrote it", remedy="somebody else must approve what one has written"
        )
    people = {one.person for one in given if one.sha256 == message.sha256}
    if new.person in people:
        raise UsageError(
            f"{message.identifier}: {new.person} has approved it already",
            remedy="another person must approve it, too",
        )
    return len(people) + 1 >= message.approvals


def may_leave(message: Message, inputs: Iterable[str]) -> None:
    """The wall between what is actual and exercises. Raises `ValueError`: that is a fault of this program."""
    statuses = [*inputs]
    if join_status("actual", *statuses) != message.status:  # type: ignore[arg-type]
        raise ValueError(f"{message.identifier} is {message.status} and made of {', '.join(sorted(statuses))}")


def fits(subscription: Subscription, message: Message, *, had: bool) -> bool:
    """Whether a message goes to a subscriber. `had`: an earlier one of its chain did, so he is told how it goes
    on.
    """
    if subscription.exercise != (message.status != "actual"):
        return False
    if had:
        return True
    if message.ended or SEVERITIES.index(message.severity) < SEVERITIES.index(subscription.least):
        return False
    return subscription.wants(message.rule, message.munis)
