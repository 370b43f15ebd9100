"""A step in the life of a chain → a CAP message: in Japanese first, then in English, with what to do in plain
words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import msgspec

from bousai.alert.entry import Entry, Situation
from bousai.alert.life import Step
from bousai.alert.shape import MOST, rings
from bousai.model import (
    SEVERITIES,
    Alert,
    AlertRule,
    CapArea,
    CapInfo,
    CapSeverity,
    CapType,
    Message,
    Reference,
    Status,
    cap_status,
)
from bousai.vocab.cap_level import CapLevel, cap_levels
from bousai.vocab.japanese_time import JST

_SHORT = timedelta(hours=1)
"""How long a message holds that says that something is over."""

_PROFILE = "profile:bousai-jp:1.0"
_MARK: Mapping[Status, tuple[str, str]] = {
    "actual": ("", ""),
    "exercise": ("【訓練】", "[EXERCISE] "),
    "test": ("【試験】", "[TEST] "),
}
_NOTE: Mapping[Status, str] = {
    "actual": "",
    "exercise": "これは訓練です。実際の災害ではありません。 This is an exercise.",
    "test": "これは試験です。実際の災害ではありません。 This is a test.",
}
_AREAS_NAMED = 3
_BUDGET = 1000  # vertices of all areas together: a message of a whole prefecture stays near 100 kB
_LEAST = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a message comes from and how it is signed for: `sender` (a mail address), `publisher` (its name), the
    address of the public tree, and the documents behind it as (address, SHA-256)."""

    sender: str
    publisher: str
    url: str
    documents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """Entries of one grade and name, in force or over."""

    entries: tuple[Entry, ...]
    level: CapLevel
    over: bool

    @property
    def severity(self) -> CapSeverity:
        return "Minor" if self.over else self.level.severity


def entries_of(message: Message) -> tuple[Entry, ...]:
    """What a message told of, area by area."""
    return msgspec.json.decode(message.entries, type=tuple[Entry, ...])


def composed(
    rule: AlertRule,
    step: Step,
    now: Situation,
    chain: Sequence[Message],
    cause: Cause,
    at: datetime,
    outlines: Callable[[str], bytes | None],
) -> tuple[Alert, Message]:
    """The message of a step, and how it is kept (its bytes still empty).

    `chain` are the messages of the subject, oldest first. What it says is over was told before: to whom nothing was
    told, nothing is over. `outlines` gives the outline (WKB) of a municipality, None where there
    is none.
    """
    told = running(chain)
    before = entries_of(told[-1]) if told else ()
    held = {entry.item_id for entry in step.entries}
    gone = tuple(entry for entry in before if entry.item_id not in held)
    if not step.entries and not gone:
        gone = entries_of(chain[-1])  # the end of what never went out, which goes nowhere either
    references = _references(told, at)
    # What takes back or follows a message that never went out is the first of its chain, should it be read at all.
    msg_type: CapType = "Alert" if not references else "Cancel" if step.phase == "cancel" else "Update"
    sent = at.astimezone(JST).replace(microsecond=0)
    groups = [*_groups(rule, step.entries, over=False), *_groups(rule, gone, over=True)]
    most = max(_LEAST, min(MOST, _BUDGET // max(1, len(step.entries) + len(gone))))
    draw = partial(_area, outlines=outlines, most=most)
    infos = [info for group in groups for info in _infos(rule, group, step, now, cause, sent, draw)]
    identifier = f"{rule.id}-{now.as_of.astimezone(JST):%Y%m%d%H%M%S}-{step.key[:16]}"
    alert = Alert(
        identifier=identifier,
        sender=cause.sender,
        sent=sent,
        status=cap_status(now.status),
        msg_type=msg_type,
        source=now.issuer,
        note=" ".join(part for part in (_NOTE[now.status], _what_changed(step, now, before)) if part),
        codes=(_PROFILE,),
        references=references,
        incidents=(_incident(now.subject),),
        infos=tuple(infos),
    )
    munis = tuple(sorted({code for entry in step.entries for code in entry.munis}))
    first = infos[0]
    kept = Message(
        identifier=identifier,
        key=step.key,
        rule=rule.id,
        subject=now.subject,
        status=now.status,
        phase="alert" if msg_type == "Alert" and step.phase == "update" else step.phase,
        state="released",
        sender=cause.sender,
        sent=sent,
        expires=max(info.expires for info in infos),
        severity=max((group.severity for group in groups), key=SEVERITIES.index),
        fingerprint=step.fingerprint,
        entries=msgspec.json.encode(step.entries),
        as_of=now.as_of,
        cursor=now.cursor,
        author=f"rule:{rule.id}",
        approvals=rule.approvals,
        bypass=_bypasses(rule, step, before),
        munis=munis or tuple(sorted({code for entry in gone for code in entry.munis})),
        headline_ja=first.headline,
        headline_en=infos[1].headline,
        cap=b"",
        sha256="",
        issued_at=now.issued_at,
        recorded_at=now.recorded_at,
        built_at=at,
    )
    return alert, kept


def running(chain: Sequence[Message]) -> list[Message]:
    """The messages of a chain that went out since it began or began anew, oldest first; none once it has ended."""
    found: list[Message] = []
    for message in chain:
        if message.state == "released":
            found = [*found, message] if not message.ended else []
    return found


def _references(told: Sequence[Message], at: datetime) -> tuple[Reference, ...]:
    """Those that are still active, and the last in any case. CAP compares the time as it is written, so it stands
    here as it stood there."""
    active = [one for one in told if one.expires > at or one is told[-1]]
    return tuple(Reference(one.sender, one.identifier, one.sent.astimezone(JST)) for one in active)


def _bypasses(rule: AlertRule, step: Step, before: Sequence[Entry]) -> bool:
    """Levels 4 and 5, tsunami, and the end of something: no ceiling holds them."""
    levels = [cap_levels()[entry.level] for entry in (*step.entries, *before)]
    grave = any(SEVERITIES.index(level.severity) >= SEVERITIES.index("Severe") for level in levels)
    return rule.type == "relay" and (grave or rule.entries == "tsunami" or step.phase in ("all_clear", "cancel"))


def _incident(subject: str) -> str:
    """A name without spaces: CAP separates incidents by them."""
    return "_".join(subject.split())


def _groups(rule: AlertRule, entries: Sequence[Entry], *, over: bool) -> list[_Group]:
    """Entries by grade and name, the gravest first: a rule lists its grades in that order."""
    by: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by.setdefault((entry.level, entry.event_ja), []).append(entry)
    groups = [_Group(tuple(some), cap_levels()[level], over) for (level, _), some in by.items()]
    return sorted(groups, key=lambda one: (rule.grades.index(one.entries[0].level), one.entries[0].event_ja))


def _infos(
    rule: AlertRule,
    group: _Group,
    step: Step,
    now: Situation,
    cause: Cause,
    sent: datetime,
    draw: Callable[[Entry], CapArea],
) -> tuple[CapInfo, CapInfo]:
    entries, level = group.entries, group.level
    mark_ja, mark_en = _MARK[now.status]
    event_ja, event_en = entries[0].event_ja, entries[0].event_en
    over_ja, over_en = _OVER[step.phase] if group.over else ("", "")
    issued = now.issued_at.astimezone(JST)
    ends = [entry.valid_to for entry in entries]
    known_end = max((end for end in ends if end is not None), default=None) if None not in ends else None
    expires = sent + (_SHORT if group.over else rule.life)
    if not group.over and known_end is not None:
        known_end = known_end.astimezone(JST).replace(microsecond=0)
        expires = known_end if sent < known_end < expires else expires
    named = "、".join(entry.area for entry in entries[:_AREAS_NAMED])
    more = len(entries) - _AREAS_NAMED
    stated = next((entry.stated_level for entry in entries if entry.stated_level is not None), None)
    onsets = [entry.onset for entry in entries if entry.onset is not None]
    parameters = [("bousai:rule", rule.id), ("bousai:phase", step.phase), ("bousai:issuer", now.issuer)]
    if stated is not None:
        parameters.append(("JP:警戒レベル", str(stated)))
    parameters += [("bousai:source", address) for address, _ in cause.documents]
    parameters += [("bousai:sourceSHA256", digest) for _, digest in cause.documents]
    japanese = CapInfo(
        language="ja-JP",
        categories=(rule.category,),
        event=mark_ja + event_ja + over_ja,
        response_types=("AllClear",) if group.over else level.response_types,
        urgency="Past" if group.over else level.urgency,
        severity=group.severity,
        certainty="Observed" if group.over else "Unknown" if now.doubt_ja else level.certainty,
        headline=f"{mark_ja}{event_ja}{over_ja}：{named}{f' ほか{more}区域' if more > 0 else ''}",
        description="\n".join(
            (
                f"{now.issuer} {issued:%Y年%m月%d日 %H時%M分} 発表",
                *(f"{entry.area}：{entry.facts_ja}" if entry.facts_ja else entry.area for entry in entries),
                *(() if group.over else now.context_ja),
                *((now.doubt_ja,) if now.doubt_ja else ()),
            )
        ),
        instruction="" if group.over else f"{level.instruction_ja}\n【やさしい日本語】{level.instruction_easy}",
        sender_name=f"{now.issuer}（配信 {cause.publisher}）",
        effective=sent,
        onset=min(onsets).astimezone(JST).replace(microsecond=0) if onsets and not group.over else None,
        expires=expires,
        web=f"{cause.url}/layers/{rule.layer}/latest.geojson",
        contact=cause.sender,
        event_codes=(("OET:v1.2", entries[0].event_code or rule.event_code),),
        parameters=tuple(parameters),
        areas=tuple(draw(entry) for entry in entries),
    )
    english = replace(
        japanese,
        language="en-US",
        event=mark_en + event_en + over_en,
        headline=f"{mark_en}{event_en}{over_en}: {named}{f' and {more} more areas' if more > 0 else ''}",
        description="\n".join(
            (
                f"Issued by {now.issuer} at {issued:%Y-%m-%d %H:%M} (Japan time)",
                *(f"{entry.area}: {entry.facts_en}" if entry.facts_en else entry.area for entry in entries),
                *(() if group.over else now.context_en),
                *((now.doubt_en,) if now.doubt_en else ()),
            )
        ),
        instruction="" if group.over else level.instruction_en,
        sender_name=f"{now.issuer} (relayed by {cause.publisher})",
    )
    return japanese, english


_OVER: Mapping[str, tuple[str, str]] = {
    "update": ("（解除）", " lifted"),
    "all_clear": ("（解除）", " lifted"),
    "cancel": ("（取消）", " withdrawn"),
}


def _area(entry: Entry, outlines: Callable[[str], bytes | None], most: int) -> CapArea:
    drawn = [outline for code in entry.places if (outline := outlines(code)) is not None]
    whole = entry.places and len(drawn) == len(entry.places)
    return CapArea(
        entry.area,
        polygons=rings(tuple(drawn), most) if whole else (),
        geocodes=entry.geocodes or (("bousai:item", entry.item_id),),
    )


def _what_changed(step: Step, now: Situation, before: Sequence[Entry]) -> str:
    """In one line what is different from the message before."""
    if step.renewal:
        return "内容に変更はありません。有効期間を延ばします。 No change; the validity is extended."
    if step.phase == "cancel":
        return "取り消されました。 Withdrawn: it should not have been issued."
    old = {entry.item_id: entry.event_ja for entry in before}
    changed = [
        f"{entry.area}：{old[entry.item_id]}→{entry.event_ja}"
        for entry in step.entries
        if entry.item_id in old and old[entry.item_id] != entry.event_ja
    ]
    parts = ["訂正。" if now.corrected else "", "、".join(changed[:10])]
    if len(changed) > 10:
        parts.append(f"ほか{len(changed) - 10}区域")
    return " ".join(part for part in parts if part)
