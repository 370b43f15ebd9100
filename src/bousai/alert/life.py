"""The life of a chain: what the next message of a subject is, given the last one and what is in force.

CAP 1.2, 3.2.1: an Update supersedes the messages that it references, a Cancel takes them back, and each has an
identifier of its own. 解除 (it is over) is an Update with responseType AllClear; 取消 (it should never have been
issued) is a Cancel. What a source does not mention any more has not ended: only a statement changes what is in force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import orjson

from bousai.alert.entry import Entry, Situation
from bousai.model import AlertRule, Message, Phase


@dataclass(frozen=True, slots=True)
class Step:
    """The next message of a chain, before it is written. `key` is the same for the same news. `before` is the item's
    level in the last message, by item."""

    phase: Phase
    entries: tuple[Entry, ...]
    fingerprint: str
    key: str
    before: dict[str, str]
    renewal: bool = False


def fingerprint(entries: tuple[Entry, ...], context: tuple[str, ...] = ()) -> str:
    """What a message tells: equal text, nothing new. JSON: [[[item, level, [facts…]], …], [lines of no area…]]."""
    told = sorted([entry.item_id, entry.level, list(entry.tells)] for entry in entries)
    return orjson.dumps([told, list(context)]).decode()


def levels_told(last: Message | None) -> dict[str, str]:
    """Item → level in the last message of a chain that still goes on."""
    if last is None or last.ended:
        return {}
    return {item: level for item, level, _ in orjson.loads(last.fingerprint)[0]}


def next_step(rule: AlertRule, last: Message | None, now: Situation, at: datetime) -> Step | None:
    """What to send of a situation at a time, None where there is nothing new.

    `last` is the last message that was made of the subject, whatever became of it. A situation that is older than
    the one it tells of gives nothing: so any replay gives nothing.
    """
    if last is not None and (now.as_of, now.cursor) < (last.as_of, last.cursor):
        return None
    goes_on = last is not None and not last.ended
    before = levels_told(last)
    # An area begins in a grade that is worth a message and stays in it while anything is in force there.
    begins = set(rule.starts or rule.grades)
    entries = tuple(entry for entry in now.entries if entry.level in begins or entry.item_id in before)
    if not entries:
        if not goes_on:
            return None
        over: Phase = "cancel" if now.withdrawn or rule.ends == "cancel" else "all_clear"
        return _step(over, (), now, before, last)
    if not goes_on:
        return _step("alert", entries, now, before, last)
    assert last is not None
    expired = last.expires <= at
    if expired and not rule.renew and _same_areas(last, entries):
        return None  # what happened is known; a detail of it that comes later is for the layer
    if fingerprint(entries, now.context_ja) == last.fingerprint:
        if not rule.renew or (last.expires - at).total_seconds() > rule.renew:
            return None
        return replace(_step("update", entries, now, before, last), renewal=True)
    return _step("update", entries, now, before, last)


def _same_areas(last: Message, entries: tuple[Entry, ...]) -> bool:
    return bool(orjson.loads(fingerprint(entries))[0] == orjson.loads(last.fingerprint)[0])


def _step(
    phase: Phase, entries: tuple[Entry, ...], now: Situation, before: dict[str, str], last: Message | None
) -> Step:
    told = fingerprint(entries, now.context_ja if entries else ())
    # The same news after the same message is the same message; after another one it is told again.
    after = "" if last is None else last.key
    key = "\x1f".join((now.rule, now.subject, now.status, phase, told, now.as_of.isoformat(), after))
    return Step(phase, entries, told, sha256(key.encode()).hexdigest(), before)


def too_old(rule: AlertRule, now: Situation, at: datetime) -> bool:
    """Whether what a situation tells had expired by its own measure when we came to know of it: a recorded disaster
    was read in, or we were away. It goes to nobody, and says so."""
    return at - now.issued_at > rule.life
