"""クロノロジー: claims → what happened, one row for what one document says of one thing at several places.

A row has both clocks: when it happened or was issued, and when it was recorded here. What was corrected or withdrawn
stays, struck through, with the word of what became of it. 検証 of real disasters turn on this table (石川県 2025,
全国知事会): what was decided upon what, known when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from bousai.model import Claim
from bousai.report.counts import shown
from bousai.report.evidence import Evidence, municipality_name
from bousai.report.observed import lasted
from bousai.report.readings import VERBS, availability
from bousai.vocab.damage import damage_items
from bousai.vocab.japanese_time import JST
from bousai.vocab.map_scale import scales

CATEGORIES = {
    "earthquake": "地震",
    "seismic_intensity": "地震",
    "seismic_bulletin": "地震",
    "tsunami_forecast": "津波",
    "tsunami_observation": "津波",
    "weather_warning": "気象",
    "landslide_warning": "気象",
    "river_flood": "気象",
    "weather_bulletin": "気象",
    "volcanic_warning": "火山",
    "volcano_eruption": "火山",
    "evacuation_order": "発令",
    "disaster_hq": "本部",
    "shelter_status": "避難所",
    "evacuation_summary": "避難所",
    "damage_count": "被害",
    "landslide_damage": "被害",
    "river_damage": "被害",
    "lifeline_outage": "ライフライン",
    "road_restriction": "道路",
    "water_point": "支援",
    "supply_point": "支援",
    "medical_facility": "支援",
    "damage_certificate": "生活再建",
    "public_notice": "広報",
}
"""Kind → the category of its rows; other kinds are lists and maps, in which nothing happens."""
OUR_OWN = ("配信", "収集", "操作")
"""The categories of what happened here: alerts that went out, sources that did not answer, actions of people."""

_PASSING = frozenset(
    {
        "as_of",
        "report_no",
        "reporter",
        "serial",
        "telegram",
        "status_text",
        "change",
        "bulletin_types",
        "comment_codes",
        "licence",
        "affected_municipalities",
        "intensity_rank",
        "kind_code",
        "last_kind_code",
        "intensity_received",
        "revised",
    }
)
"""Properties that differ from one statement to the next without anything having happened."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row. `at` is when it happened, or was issued where nobody says when; `known_at` when it was recorded.
    `munis` are 5-digit codes, `places` the names as the sources write them. `struck`: why it is not so any more."""

    at: datetime
    known_at: datetime
    category: str
    kind: str
    munis: tuple[str, ...]
    places: tuple[str, ...]
    text: str
    issuer: str
    claims: tuple[Claim, ...]
    struck: str = ""


def events(evidence: Evidence) -> list[Event]:
    """What happened, by the time at which it did, then by when it was known. What was so before the incident began is
    no row of its own; what becomes of it is."""
    began = evidence.incident.since
    known = [one for one in evidence.before if one.kind not in _COUNTED]
    steps = [
        step
        for claims in _by_item([*known, *evidence.claims])
        for step in _steps(claims)
        if step.claim.stated.issued_at >= began
    ]
    found: dict[tuple[Any, ...], list[_Step]] = {}
    for step in steps:
        # an earthquake comes in parts: hypocentre, intensity, comment
        words = "" if step.claim.kind == "earthquake" else step.text
        found.setdefault((step.document, step.claim.kind, step.at, step.struck, words), []).append(step)
    rows = _gathered([_row(some) for some in found.values()])
    rows += [*_alerts(evidence), *_gaps(evidence), *_actions(evidence)]
    return sorted(rows, key=lambda row: (row.at, row.known_at, row.kind, row.text))


_COUNTED = frozenset({"damage_count", "evacuation_summary", "lifeline_outage"})
"""What one report counts place by place, each with numbers of its own."""
_COUNTED_ANEW = "避難所の内容を更新（避難者数など）"
_NAMED = 4
"""So many places of one report are named with their numbers; more would hide what else happened then."""


def _gathered(rows: Sequence[Event]) -> list[Event]:
    """One row for a report that counts at more than a few places: totals first, then the first places, and how many
    more. The numbers of all of them are in the tables. Shelters whose numbers alone have changed are one row an hour:
    sixty municipalities that count anew each hour would hide who opened and who closed."""
    found: dict[tuple[Any, ...], list[Event]] = {}
    for row in rows:
        if row.kind in _COUNTED:
            key: tuple[Any, ...] = (row.claims[0].stated.sha256, row.kind, row.at, row.struck)
        elif row.text == _COUNTED_ANEW:
            key = (row.kind, row.at.replace(minute=0, second=0, microsecond=0), row.struck)
        else:
            key = (id(row),)
        found.setdefault(key, []).append(row)
    return [one for some in found.values() for one in _told_short(some)]


def _told_short(rows: Sequence[Event]) -> Sequence[Event]:
    if len(rows) > 1 and rows[0].text == _COUNTED_ANEW:
        return [_within_the_hour(sorted(rows, key=lambda row: row.at))]
    return rows if len(rows) <= _NAMED else [_as_one(rows)]


def _within_the_hour(rows: Sequence[Event]) -> Event:
    first, last = rows[0], rows[-1]
    issuers = list(dict.fromkeys(row.issuer for row in rows))
    more = f"ほか{len(issuers) - 1}" if len(issuers) > 1 else ""
    return replace(
        first,
        known_at=min(row.known_at for row in rows),
        munis=tuple(dict.fromkeys(muni for row in rows for muni in row.munis)),
        places=tuple(dict.fromkeys(place for row in rows for place in row.places)),
        text=f"{first.text}（{len(rows)}件、{last.at.astimezone(JST):%H:%M}まで）",
        issuer=first.issuer + more,
        claims=tuple(one for row in rows for one in row.claims),
    )


def _as_one(rows: Sequence[Event]) -> Event:
    def rank(row: Event) -> bool:
        return row.claims[0].props.get("area_level") not in ("prefecture", "country")

    ranked = sorted(rows, key=rank)
    told = "／".join(f"{'、'.join(row.places[:_NAMED])} {row.text}".strip() for row in ranked[:_NAMED])
    places = tuple(dict.fromkeys(place for row in ranked for place in row.places))
    named = {place for row in ranked[:_NAMED] for place in row.places}
    left = len(places) - len(named)
    return replace(
        ranked[0],
        known_at=min(row.known_at for row in rows),
        munis=tuple(dict.fromkeys(muni for row in ranked for muni in row.munis)),
        places=places,
        text=f"{told}／ほか{left}地域" if left > 0 else told,
        claims=tuple(one for row in ranked for one in row.claims),
    )


def _own(at: datetime, category: str, text: str, who: str, munis: tuple[str, ...] = ()) -> Event:
    """What happened here: it was known when it did, and rests upon our own ledger."""
    return Event(at, at, category, "", munis, tuple(municipality_name(one) for one in munis), text, who, ())


def _alerts(evidence: Evidence) -> Iterable[Event]:
    for one in evidence.sent:
        message = one.message
        if message.released_at is not None:
            text = f"{message.headline_ja}（CAP {message.phase}、{message.identifier}）"
            yield _own(message.released_at, OUR_OWN[0], text, message.sender, message.munis)


def _gaps(evidence: Evidence) -> Iterable[Event]:
    incident = evidence.incident
    for feed in evidence.feeds:
        found = availability(feed.receipts, incident.since, min(incident.until, evidence.known_at), feed.every)
        for since, until in () if found is None else found.gaps:
            yield _own(since, OUR_OWN[1], f"{lasted((until - since).total_seconds())} 応答なし", feed.title)


def _actions(evidence: Evidence) -> Iterable[Event]:
    for one in evidence.works:
        yield _own(one.started_at, OUR_OWN[2], f"{VERBS.get(one.verb, one.verb)}: {one.subject}", one.actor)


@dataclass(frozen=True, slots=True)
class _Step:
    claim: Claim
    at: datetime
    known_at: datetime
    document: str
    issuer: str
    text: str
    struck: str


def _by_item(claims: Iterable[Claim]) -> Iterable[list[Claim]]:
    def key(claim: Claim) -> tuple[str, str, str]:
        return claim.kind, claim.scope, claim.item_id

    for _, some in groupby(sorted(claims, key=lambda one: (*key(one), one.valid_from, one.revision)), key=key):
        yield list(some)


def _steps(claims: Sequence[Claim]) -> Iterable[_Step]:
    """What the claims about one item say one after the other."""
    if claims[0].kind not in CATEGORIES:
        return
    live = [(one, _content(one)) for one in claims if one.retired is None]
    held = {one.stated.number for one in claims if not one.never_held}
    before: Claim | None = None
    for claim in claims:
        if claim.never_held:
            if claim.stated.number in held:
                continue
            if before is not None or claims[0] is claim:
                yield _step(claim, before, "over")
            before = None
            continue
        if claim.retired is not None:
            content = _content(claim)
            still = any(said == content and _covers(one, claim) for one, said in live)
            reread = claim.retired.sha256 == claim.stated.sha256
            if not still and not reread:
                yield _step(claim, None, "said", struck=_WHY.get(claim.retired.msg_type, "後の報で書き換え"))
            continue
        if before is None or _content(before) != _content(claim):
            yield _step(claim, before, "said")
        before = claim


def _covers(one: Claim, other: Claim) -> bool:
    """One held when the other began to: the same told twice, or told anew because an older statement came late."""
    return one.valid_from <= other.valid_from and (one.until is None or other.valid_from < one.until)


_WHY = {"correct": "訂正", "withdraw": "取消"}


def _content(claim: Claim) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, repr(v)) for k, v in claim.props.items() if k not in _PASSING and v is not None))


def _step(claim: Claim, before: Claim | None, what: str, struck: str = "") -> _Step:
    say = _SAY.get(claim.kind, _any)
    telling = claim.stated
    return _Step(
        claim=claim,
        # what is told anew of a thing that has happened is news when it is told
        at=(_happened(claim, what) if before is None or what == "over" else None) or telling.issued_at,
        known_at=claim.opened.recorded_at,
        document=telling.sha256,
        issuer=telling.issuer,
        text=say(claim, before, what),
        struck=struck,
    )


_HAPPENED = {
    "earthquake": ("origin_time",),
    "evacuation_order": ("ordered_at",),
    "disaster_hq": ("set_up_at",),
    "road_restriction": ("started_at",),
}
_OVER = {
    "evacuation_order": ("lifted_at",),
    "disaster_hq": ("dissolved_at",),
    "road_restriction": ("ended_at",),
    "lifeline_outage": ("ended_at",),
}


def _happened(claim: Claim, what: str) -> datetime | None:
    """When the source says that it happened."""
    for name in (_OVER if what == "over" else _HAPPENED).get(claim.kind, ()):
        told = claim.props.get(name)
        if isinstance(told, str):
            at = datetime.fromisoformat(told)
            return at if at.tzinfo is not None else None
    return None


def _row(steps: Sequence[_Step]) -> Event:
    first = steps[0]
    munis = tuple(dict.fromkeys(one.claim.muni_code for one in steps if one.claim.muni_code is not None))
    return Event(
        at=first.at,
        known_at=min(one.known_at for one in steps),
        category=CATEGORIES[first.claim.kind],
        kind=first.claim.kind,
        munis=munis,
        places=tuple(dict.fromkeys(filter(None, (place_of(one.claim) for one in steps)))),
        text="、".join(dict.fromkeys(filter(None, (one.text for one in steps)))),
        issuer=first.issuer,
        claims=tuple(one.claim for one in steps),
        struck=first.struck,
    )


def place_of(claim: Claim) -> str:
    """Where, as the source writes it; else the name of the municipality."""
    for name in ("area_name", "coast_name", "hypocentre_name", "station_name"):
        told = claim.props.get(name)
        if isinstance(told, str) and told:
            return told
    return "" if claim.muni_code is None else municipality_name(claim.muni_code)


# ── what a claim says, by kind ───────────────────────────────────────────────────────────────────────────────

_Say = Callable[[Claim, "Claim | None", str], str]


def _label(scale: str, value: object) -> str:
    """The Japanese name of a value of a scale; the value itself where the scale has no such."""
    names = {step.value: step.ja for step in scales()[scale]}
    return names.get(str(value), str(value))


def _text(props: Mapping[str, Any], *names: str) -> str:
    return next((str(props[name]) for name in names if props.get(name) not in (None, "")), "")


def _warning(claim: Claim, before: Claim | None, what: str) -> str:
    name = _text(claim.props, "kind_name", "title")
    if what == "over":
        was = "" if before is None else _text(before.props, "kind_name", "title")
        return f"{was or name}を解除"
    was = "" if before is None else _text(before.props, "kind_name", "title")
    if was and was != name:
        return f"{was}から{name}に切替"
    return f"{name}を発表" if before is None else f"{name}（内容を更新）"


def _order(claim: Claim, before: Claim | None, what: str) -> str:
    props = claim.props
    name = _text(props, "order_text") or _label("evacuation", props.get("order"))
    hazard = _text(props, "hazard")
    area = _text(props, "district_name")
    told = f"{name}{f'（{hazard}）' if hazard else ''}{f' {area}' if area else ''}"
    if what == "over":
        return f"{told} 解除"
    people = shown(props.get("people"))
    households = shown(props.get("households"))
    size = "、".join(one for one in (households and f"{households}世帯", people and f"{people}人") if one)
    verb = "発令" if before is None else "変更"
    return f"{told} {verb}{f'（対象 {size}）' if size else ''}"


def _headquarters(claim: Claim, before: Claim | None, what: str) -> str:
    name = _text(claim.props, "name") or "災害対策本部"
    gone = what == "over" or claim.props.get("state") == "dissolved"
    return f"{name} {'廃止' if gone else '設置' if before is None else '変更'}"


def _shelter(claim: Claim, before: Claim | None, what: str) -> str:
    if what == "over":
        return "避難所を閉鎖"
    state = claim.props.get("state")
    was = None if before is None else before.props.get("state")
    if state != was:
        told = _label("open", state)
        return f"避難所 {told}" if was is None else f"避難所 {_label('open', was)}から{told}に"
    return _COUNTED_ANEW


def _summary(claim: Claim, before: Claim | None, what: str) -> str:
    order = _text(claim.props, "order_text")
    told = [
        f"{f'{order}の' if order and name.startswith('order_') else ''}{ja} {_in_units(change, unit)}"
        for name, ja, unit in _SUMMED
        for change in [_change(claim, before, name)]
        if change
    ]
    if what == "over":
        return f"{order or '避難状況'}の掲載が終了"
    return "避難状況: " + ("、".join(told) or "内容を更新")


_SUMMED = (
    ("shelters_open", "開設避難所", "か所"),
    ("evacuees", "避難者", "人"),
    ("evacuated_households", "避難世帯", "世帯"),
    ("order_municipalities", "対象市町村", "団体"),
    ("order_people", "対象人数", "人"),
)


def _change(claim: Claim, before: Claim | None, name: str) -> str:
    """``12``, ``12→15``, or nothing where it is the same or not told."""
    now = claim.props.get(name)
    was = None if before is None else before.props.get(name)
    if shown(now) == shown(was):
        return ""
    return shown(now) if before is None else f"{shown(was) or '－'}→{shown(now) or '－'}"


def _in_units(change: str, unit: str) -> str:
    """With its unit where it ends in a number: 調査中 has none."""
    return change + unit if any(sign.isdigit() for sign in change.rpartition("→")[2]) else change


_MOST = 6


def _damage(claim: Claim, before: Claim | None, what: str) -> str:
    number = claim.props.get("report_no")
    head = f"第{number}報 " if number else ""
    if what == "over":
        return f"{head}被害の記載がなくなる"
    told = [
        f"{item.ja} {_in_units(change, item.unit)}"
        for name, item in damage_items().items()
        for change in [_change(claim, before, name)]
        if change not in ("", "0", "－")
    ]
    more = f"、ほか{len(told) - _MOST}項目" if len(told) > _MOST else ""
    return head + ("、".join(told[:_MOST]) + more if told else "数の変化なし")


def _lifeline(claim: Claim, before: Claim | None, what: str) -> str:
    name = _label("utility", claim.props.get("utility"))
    unit = _text(claim.props, "unit") or "戸"
    if what == "over":
        return f"{name} 解消"
    change = _change(claim, before, "affected")
    return (
        f"{name} {_in_units(change, unit)}"
        if change
        else f"{name}（数は{shown(claim.props.get('affected')) or '不明'}）"
    )


def _road(claim: Claim, before: Claim | None, what: str) -> str:
    props = claim.props
    ends = "～".join(one for one in (_text(props, "start_point"), _text(props, "end_point")) if one)
    road = " ".join(one for one in (_text(props, "road_name"), ends) if one) or _text(props, "detail") or "道路"
    kind = _text(props, "restriction_text") or _label("road", props.get("restriction"))
    return f"{road} {'規制解除' if what == 'over' else kind if before is None else f'{kind}（変更）'}"


def _earthquake(claim: Claim, _before: Claim | None, _what: str) -> str:
    props = claim.props
    parts = [
        _text(props, "hypocentre_name"),
        _text(props, "magnitude_text") or (f"M{props['magnitude']}" if props.get("magnitude") is not None else ""),
        f"深さ{props['depth_km']:g}km" if props.get("depth_km") else "",
        f"最大{_label('intensity', props['max_intensity'])}" if props.get("max_intensity") else "",
        _text(props, "tsunami_comment"),
    ]
    told = [part.rstrip("。") for part in parts if part]
    return "、".join(told) or _text(props, "comment", "free_comment").rstrip("。") or "地震に関する発表"


def _intensity(claim: Claim, before: Claim | None, _what: str) -> str:
    told = _label("intensity", claim.props.get("intensity"))
    return f"{told}を観測" if before is None else f"観測した震度を{told}に更新"


def _tsunami(claim: Claim, before: Claim | None, what: str) -> str:
    name = _text(claim.props, "kind_name").partition("：")[0] or _label("tsunami", claim.props.get("grade"))
    if what == "over" or claim.props.get("grade") == "cleared":
        return "津波警報・注意報を解除"
    was = "" if before is None else _text(before.props, "kind_name").partition("：")[0]
    return f"{name}を発表" if not was else f"{was}から{name}に切替" if was != name else f"{name}（内容を更新）"


def _any(claim: Claim, before: Claim | None, what: str) -> str:
    name = _text(claim.props, "title", "headline", "name", "kind_name", "site_name", "subject")
    verb = "終了" if what == "over" else "" if before is None else "（更新）"
    return " ".join(one for one in (_NAMES.get(claim.kind, ""), name, verb) if one)


_NAMES = {
    "seismic_bulletin": "地震・津波情報",
    "tsunami_observation": "津波の観測",
    "weather_bulletin": "気象防災速報",
    "volcano_eruption": "噴火の観測",
    "landslide_damage": "土砂災害",
    "river_damage": "河川の被害",
    "water_point": "給水等の拠点",
    "supply_point": "物資拠点",
    "medical_facility": "医療機関",
    "damage_certificate": "罹災証明",
    "public_notice": "お知らせ",
}
_SAY: dict[str, _Say] = {
    "weather_warning": _warning,
    "landslide_warning": _warning,
    "river_flood": _warning,
    "volcanic_warning": _warning,
    "evacuation_order": _order,
    "disaster_hq": _headquarters,
    "shelter_status": _shelter,
    "evacuation_summary": _summary,
    "damage_count": _damage,
    "lifeline_outage": _lifeline,
    "road_restriction": _road,
    "earthquake": _earthquake,
    "seismic_intensity": _intensity,
    "tsunami_forecast": _tsunami,
}
