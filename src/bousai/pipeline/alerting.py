"""Statements → messages: follow the log, watch the layers, let out what may go out.

Every step is a transaction of its own with the position in the log in it; killed anywhere, the next call goes on
where the last one was. Nothing here sends: `delivering` does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any, Concatenate, ParamSpec

import orjson

from bousai import alert, store
from bousai.alert import Cause, Situation, Step
from bousai.formats import cap_xml
from bousai.model import AlertRule, Issue, Message, MessageState, Status
from bousai.pipeline.book import book
from bousai.pipeline.freshness import feed_states_for
from bousai.pipeline.house import House, opened, tree_url
from bousai.pipeline.ingesting import stale_layers
from bousai.pipeline.picture import features_of
from bousai.settings import Settings
from bousai.store import Statement

_log = logging.getLogger(__name__)
_NOTICED: tuple[Status, ...] = ("actual", "exercise")


def make_alerts(settings: Settings | None = None) -> list[dict[str, Any]]:
    """Make the messages that pass on what was issued since the last call, and those that must be sent again because
    they are about to expire. Returns one dict a message, see `told`."""
    with opened(settings) as house, book(house) as notes, notes.entry("alert", "relays") as entry:
        made = [told(message) for message in (*follow(house), *renew(house))]
        entry.outcome = "done" if made else "unchanged"
        entry.detail["messages"] = [one["identifier"] for one in made]
        return made


def make_notices(settings: Settings | None = None) -> list[dict[str, Any]]:
    """Look at the layers for what is worth a situation notice, and at the notices that wait: one dict a new
    message.
    """
    with opened(settings) as house, book(house) as notes, notes.entry("notice", "notices") as entry:
        made = [told(message) for message in watch(house)]
        entry.outcome = "done" if made else "unchanged"
        entry.detail["messages"] = [one["identifier"] for one in made]
        return made


def told(message: Message) -> dict[str, Any]:
    """A message in a line."""
    return {
        "identifier": message.identifier,
        "rule": message.rule,
        "subject": message.subject,
        "status": message.status,
        "phase": message.phase,
        "state": message.state,
        "severity": message.severity,
        "issued_at": message.issued_at,
        "sent": message.sent,
        "expires": message.expires,
        "headline_ja": message.headline_ja,
        "headline_en": message.headline_en,
        "munis": list(message.munis),
        "sha256": message.sha256,
    }


class Outlines:
    """The outline of a municipality, asked of the store of a house once."""

    def __init__(self, house: House) -> None:
        self._house, self._at = house, house.now()
        self._known: dict[tuple[Status, str], bytes | None] = {}

    def of(self, status: Status) -> Callable[[str], bytes | None]:
        """For messages of a status: an exercise may have municipalities of its own, and else has the real ones."""
        return lambda code: self._find("actual", code) or (self._find(status, code) if status != "actual" else None)

    def _find(self, status: Status, code: str) -> bytes | None:
        key = (status, code)
        if key not in self._known:
            held = store.borrowed_geometry(self._house.store, "municipality", self._at, None, status, [code])
            self._known[key] = held.get(code)
        return self._known[key]


def follow(house: House, outlines: Outlines | None = None) -> list[Message]:
    """Messages of what JMA and municipalities have issued since the position in the log, document by document.
    `outlines`: of another house, where this one has no municipalities."""
    rules = [rule for rule in house.catalogue.rules.values() if rule.type == "relay"]
    kinds = {kind for rule in rules for kind in rule.kinds}
    outlines = outlines or Outlines(house)
    made: list[Message] = []
    while True:
        position = store.alert_position(house.store)
        said = store.statements(house.store, kinds, after=position)
        if not said:
            return made
        for _, group in groupby(said, key=lambda one: one.document):
            statements = list(group)
            cursor = statements[-1].cursor
            new = [
                message
                for rule, subject, status, about in _touched(rules, statements)
                if (message := _alone(house, rule, subject, _relay, status, about, cursor, outlines)) is not None
            ]
            due = [(message, _due(house, message)) for message in new]
            if not store.record_alerts(house.store, due, position=(position, cursor), at=house.now()):
                break  # another process follows the log, too: look again where it stands
            made += new
            position = cursor


def _touched(
    rules: Sequence[AlertRule], statements: Sequence[Statement]
) -> Iterable[tuple[AlertRule, str, Status, Statement]]:
    """The subjects that a document speaks of, each with its newest statement about it."""
    found: dict[tuple[str, str, Status], tuple[AlertRule, Statement]] = {}
    for rule in rules:
        assert rule.subject is not None
        for one in statements:
            match = re.fullmatch(rule.subject, one.scope) if one.kind in rule.kinds else None
            if match is not None:
                key = (rule.id, match.group(1), one.status)
                if key not in found or one.issued_at >= found[key][1].issued_at:
                    found[key] = (rule, one)
    for (_, subject, status), (rule, one) in found.items():
        yield rule, subject, status, one


def _situation(
    house: House, rule: AlertRule, subject: str, status: Status, about: Statement, cursor: int, at: datetime | None
) -> Situation:
    """What is in force of a subject by its newest statement known at a position in the log (`at`: at that time)."""
    assert rule.subject is not None
    scopes = [
        (kind, scope)
        for kind, scope in store.scopes_with(house.store, rule.kinds, subject, status)
        if (match := re.fullmatch(rule.subject, scope)) is not None and match.group(1) == subject
    ]
    as_of = store.newest_of_scopes(house.store, scopes, status, cursor)
    tables = {
        kind: store.items_of_scopes(
            house.store,
            kind,
            [scope for k, scope in scopes if k == kind],
            valid_at=at or as_of,
            cursor=cursor,
            status=status,
        )
        for kind in rule.kinds
    }
    found = alert.relayed(rule, tables)
    return Situation(
        rule=rule.id,
        subject=subject,
        status=status,
        entries=found.entries,
        as_of=as_of,
        cursor=cursor,
        issued_at=about.issued_at,
        recorded_at=about.recorded_at,
        withdrawn=about.msg_type == "withdraw",
        corrected=about.msg_type == "correct",
        inputs=frozenset(table.status for table in tables.values()),
        issuer=about.issuer,
        context_ja=found.context_ja,
        context_en=found.context_en,
    )


_More = ParamSpec("_More")


def _alone(
    house: House,
    rule: AlertRule,
    subject: str,
    make: Callable[Concatenate[House, AlertRule, str, _More], Message | None],
    *more: _More.args,
    **named: _More.kwargs,
) -> Message | None:
    """The message of one subject. A fault of this program in it is an issue, and holds up no other subject's; what
    no subject can do without (the store) is raised."""
    try:
        return make(house, rule, subject, *more, **named)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        _log.exception("no message of %s %s", rule.id, subject)
        remedy = "nothing was sent: tell people by hand, and report this fault"
        cause = f"{rule.id} {subject}: {type(error).__name__}: {error}"
        _tell(house, rule, Issue("alert_failed", cause, remedy, "error"))
        return None


def _relay(
    house: House,
    rule: AlertRule,
    subject: str,
    status: Status,
    about: Statement,
    cursor: int,
    outlines: Outlines,
) -> Message | None:
    now = _situation(house, rule, subject, status, about, cursor, None)
    chain = store.chain_of(house.store, rule.id, subject, status)
    at = house.now()
    step = alert.next_step(rule, chain[-1] if chain else None, now, at)
    if step is None:
        return None
    return _written(house, rule, step, now, chain, [(about.url, about.sha256)], at, outlines)


def _written(
    house: House,
    rule: AlertRule,
    step: Step,
    now: Situation,
    chain: Sequence[Message],
    documents: Sequence[tuple[str, str]],
    at: datetime,
    outlines: Outlines,
) -> Message:
    """The message of a step with its bytes, checked and signed, in the state in which it begins."""
    name, mail = house.settings.publisher
    cause = Cause(mail, name, tree_url(house.settings, now.status), tuple(documents))
    drawn, kept = alert.composed(rule, step, now, chain, cause, at, outlines.of(now.status))
    alert.may_leave(kept, now.inputs)
    body = cap_xml.write(drawn)
    faults = cap_xml.faults(body)
    told_before = alert.running(chain)
    stands = any(one.expires > at for one in told_before)
    state = alert.first_state(rule, step, now, bool(told_before), stands, at)
    if faults:
        state = "rejected"
        remedy = "nothing was sent: tell people by hand, and report this fault"
        _tell(house, rule, Issue("alert_invalid", f"{kept.identifier}: {faults[0]}", remedy, "error"))
    body = _signed(house, rule, body)
    return replace(
        kept,
        state=state,
        cap=body,
        sha256=sha256(body).hexdigest(),
        released_at=at if state == "released" else None,
        not_before=at + timedelta(seconds=rule.dwell) if state == "waiting" else None,
        lapses_at=at + timedelta(seconds=rule.dwell + rule.lapse) if rule.approvals else None,
    )


def _tell(house: House, rule: AlertRule, issue: Issue) -> None:
    _log.error("%s", issue.cause)
    store.add_issues(house.store, f"alert/{rule.id}", [issue], house.now())


def _signed(house: House, rule: AlertRule, body: bytes) -> bytes:
    """The message signed, where this installation has a key. One that is of no use stops no warning: it goes out
    unsigned, and that is an issue."""
    key, certificate = house.settings.cap_key, house.settings.cap_certificate
    if key is None or certificate is None:
        return body
    try:
        return cap_xml.sign(body, key.read_bytes(), certificate.read_bytes())
    except (OSError, cap_xml.CapSignatureError) as error:
        remedy = "messages go out unsigned: mend BOUSAI_CAP_KEY and BOUSAI_CAP_CERTIFICATE"
        _tell(house, rule, Issue("alert_unsigned", f"cannot sign: {error}", remedy, "error"))
        return body


def _due(house: House, message: Message) -> list[str]:
    """The subscriptions that a message goes to, once it goes out."""
    if message.state != "released":
        return []
    return receivers(house, message)


def receivers(house: House, message: Message) -> list[str]:
    had = store.had_before(house.store, message.rule, message.subject, message.status)
    every = house.catalogue.subscriptions.values()
    return [one.id for one in every if alert.fits(one, message, had=one.id in had)]


def renew(house: House, outlines: Outlines | None = None, *, watched: bool = True) -> list[Message]:
    """Send again what is still in force when its message is about to expire: a warning that nobody lifted goes on.
    Where its source does not answer, that is said, and certainty is Unknown (`watched`: false where nobody asks it).
    """
    made: list[Message] = []
    at = house.now()
    outlines = outlines or Outlines(house)
    for last in store.running_alerts(house.store):
        rule = house.catalogue.rules.get(last.rule)
        if rule is None or rule.type != "relay" or not rule.renew or last.state != "released":
            continue
        if (last.expires - at).total_seconds() > rule.renew:
            continue
        message = _alone(house, rule, last.subject, _renewed, last, at, outlines, watched)
        if message is not None and store.record_alerts(
            house.store, [(message, _due(house, message))], position=None, at=at
        ):
            made.append(message)
    return made


def _renewed(
    house: House, rule: AlertRule, subject: str, last: Message, at: datetime, outlines: Outlines, watched: bool
) -> Message | None:
    cursor = max(store.alert_position(house.store), last.cursor)
    about = Statement(
        cursor, 0, rule.kinds[0], "", last.status, "issue", last.issued_at, last.recorded_at, "", "", ""
    )
    now = _situation(house, rule, subject, last.status, about, cursor, at)
    if not now.entries:
        return None  # it ends by itself, as its source said it would
    now = replace(now, issuer=now.entries[0].issuer)
    if watched and (silent := _silence(house, rule)):
        now = replace(
            now,
            doubt_ja=f"情報源から応答がないため、現在も発表中かどうか確認できません（{silent}）。",
            doubt_en=f"The source does not answer: whether this is still in force is not known ({silent}).",
        )
    step = alert.next_step(rule, last, now, at)
    if step is None or not step.renewal:
        return None
    chain = store.chain_of(house.store, rule.id, subject, last.status)
    return _written(house, rule, step, now, chain, (), at, outlines)


def _silence(house: House, rule: AlertRule) -> str:
    """Why none of the feeds behind a rule can be believed to be up to date; "" where one can."""
    feeds = [one for one in house.catalogue.feeds.values() if not set(rule.kinds).isdisjoint(one.kinds)]
    states = feed_states_for(house, feeds=feeds).values()
    if any(state.state in ("ok", "quiet") for state in states):
        return ""
    return "; ".join(f"{state.feed}: {state.reason}" for state in states if state.last_content_at is not None)


def watch(house: House) -> list[Message]:
    """Situation notices: of what the layers show now, each held for its dwell time and then for approval."""
    rules = [rule for rule in house.catalogue.rules.values() if rule.type == "notice"]
    at = house.now()
    outlines = Outlines(house)
    running = store.running_alerts(house.store)
    cursor, _ = store.log_position(house.store)
    made: list[Message] = []
    for status in _NOTICED:
        if status != "actual" and not store.has_status(house.store, status, "public"):
            continue
        features: dict[tuple[str, datetime], list[dict[str, Any]]] = {}
        for rule in rules:
            if status != "actual" and "feed_status" in rule.layers:
                continue
            window = rule.options.get("window")
            now = {layer: _features(house, features, layer, status, at) for layer in rule.layers}
            then = at - timedelta(seconds=window) if window else at
            before = {layer: _features(house, features, layer, status, then) for layer in rule.layers}
            found = alert.noticed(rule, now, before, at)
            told_of = {one.subject for one in running if one.rule == rule.id and one.status == status}
            for subject in sorted(told_of | set(found)):
                noticed = Situation(
                    rule.id,
                    subject,
                    status,
                    found.get(subject, ()),
                    at,
                    cursor,
                    at,
                    at,
                    inputs=frozenset({status}),
                    issuer="bousai",
                )
                message = _notice(house, rule, noticed, at, outlines)
                if message is not None:
                    made.append(message)
    return made


def _features(
    house: House, made: dict[tuple[str, datetime], list[dict[str, Any]]], layer_id: str, status: Status, at: datetime
) -> list[dict[str, Any]]:
    """The features of a layer as everybody may see them."""
    key = (layer_id, at)
    if key not in made:
        if layer_id == "feed_status":
            made[key] = _feed_status(house)
        else:
            table = features_of(house, house.catalogue.layer(layer_id), status, at, None, lasting=True)
            made[key] = [
                {"id": item, "muni_code": muni} | orjson.loads(properties)
                for item, muni, properties in zip(table.ids, table.muni_codes, table.properties, strict=True)
            ]
    return made[key]


def _feed_status(house: House) -> list[dict[str, Any]]:
    feeds = house.catalogue.feeds
    return [
        {
            "id": state.feed,
            "state": state.state,
            "reason": state.reason,
            "title_ja": feeds[state.feed].title_ja,
            "title_en": feeds[state.feed].title_en,
            "stale_layers": stale_layers(house, feeds[state.feed]),
        }
        for state in feed_states_for(house).values()
        # a source that was never read is not one that went silent
        if state.last_fetch_at is not None
    ]


def _notice(house: House, rule: AlertRule, now: Situation, at: datetime, outlines: Outlines) -> Message | None:
    chain = [
        message
        for message in store.chain_of(house.store, rule.id, now.subject, now.status)
        if message.state != "lapsed" and not (message.state == "dropped" and not message.ended)
    ]
    pending = chain[-1] if chain and chain[-1].state in ("waiting", "awaiting") else None
    settled = chain[:-1] if pending else chain
    step = alert.next_step(rule, settled[-1] if settled else None, now, at)
    if pending is not None:
        if pending.lapses_at is not None and at >= pending.lapses_at:
            store.set_alert_state(house.store, pending, "lapsed")
            return None  # proposed anew the next time, if it still goes on
        if step is not None and step.fingerprint == pending.fingerprint:
            if pending.state == "waiting" and pending.not_before is not None and at >= pending.not_before:
                store.set_alert_state(house.store, pending, "awaiting")
            return None
    changes: dict[int, MessageState] = {}
    if pending is not None:
        changes[pending.number] = "lapsed" if pending.ended else "dropped"
    made = []
    if step is not None:
        message = _written(house, rule, step, now, settled, (), at, outlines)
        made.append((message, _due(house, message)))
    if made or changes:
        store.record_alerts(house.store, made, position=None, changes=changes, at=at)
    return made[0][0] if made else None
