"""JMA volcano telegrams: VFVO50–56, VFVO60, VZVO40, and at sea VFSV50–61.

Source: www.data.jma.go.jp/developer/xml/feed/eqvol.xml (VFSV: other.xml); 気象庁防災情報XMLフォーマット,
jmx_volc.xsd, telegram notes on 火山. Codes in vocab/data/jma_volcano_kind.csv.

| scope | from | says |
|---|---|---|
| ``jma/volcanic_warning/<volcano>`` | VFVO50 噴火警報・予報 | the volcano; warning and 防災対応 by municipality |
| ``jma/volcanic_warning/<volcano>/sea`` | VFSV 火山現象に関する海上警報・予報 | the same for sea areas |
| ``jma/volcano_bulletin/VFVO51/<volcano>`` | VFVO51 火山の状況に関する解説情報 | what goes on, in words |
| ``jma/volcano_bulletin/VZVO40/<event>`` | VZVO40 火山に関するお知らせ | a notice |
| ``jma/volcano_eruption/<type>/<event>`` | VFVO52 観測報, VFVO56 噴火速報 | one eruption |
| ``jma/volcano_plume/<volcano>`` | VFVO60 推定噴煙流向報 | the newest plume, with winds by height |
| ``jma/ash_fall_forecast/<type>/<volcano>`` | VFVO53 定時, 54 速報, 55 詳細 | ash by period and municipality |

Every telegram is the whole statement of its scope. A volcano is one item and stays, at level 1 as at level 5. A
municipality is one item with its warning (01–05) and what to do (41–49) side by side; it has ended where the
telegram says 警報解除 or 噴火予報 and nothing else, or no longer lists it. An item of an ash forecast ends with its
period. An eruption happened and does not end.

An ash forecast has three sorts of item: the volcano (texts, what was observed), the extent of a kind in a period (its
polygons) and each municipality in it (without geometry of its own: what falls there falls on a part of it).

Oddities: EventID is the number of the volcano in all but VFVO52, VFVO56 and VFVO60, where the time of issue stands
before it: there a 取消 takes back all of that eruption, elsewhere only the newest telegram, because the number of a
volcano binds the telegrams of decades. One VFVO51 may speak of several volcanoes (全国の活火山). VFSV repeats the
volcano in words of its own (36 周辺海域警戒), so its items have ids of their own. A name that a level had before it
was renamed is read as the same level.

Known gaps:
* VFVO53, VFVO55 and VZVO40 were only seen as samples of our own, made after the schema
* no real telegram of these types was seen, only official samples; 取消 only of VFVO56
* a sea area has no geometry: the telegrams give none, and we hold no outlines of 地方海上予報区
* VFVO51 tells a level too; what is in force is taken from VFVO50 alone
* a 噴火速報 gives no coordinate of its volcano, so only its municipalities are on the map
* a 取消 of a 噴火警報 after a 訂正 takes back the 訂正 alone: the telegrams do not say which one they mean
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from bousai.errors import ParseError
from bousai.formats import contacts, jma_volcanology, jma_xml
from bousai.formats.jma_volcanology import Area, EventTime, Stated
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import volcano
from bousai.vocab.japanese_time import JST
from bousai.vocab.volcano import VolcanoKind

VERSION = "1"
_ERUPTION = ("VFVO52", "VFVO56")
_EVENT_ID = re.compile(r"(?:\d{14}_)?(\d{3,4})")
_NOTICE_ID = re.compile(r"\d{12,14}")
_LEVEL = re.compile(r"レベル\s*([1-5１-５])")
_EXTRAORDINARY = "（臨時）"
_PROSE = (
    *("headline", "activity", "prevention", "next_advisory", "other_information"),
    *("appendix", "remark", "text", "notice"),
)
Findings = list[Issue]


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One bulletin, then issues.

    Raises `ParseError` as `jma_xml.read` does; ``bad_event_id`` where nobody can say of which volcano or eruption it
    speaks; ``no_volcano`` and ``several_volcanoes`` where a warning or a forecast is not about one volcano.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    node = jma_xml.body(telegram)
    issues: Findings = []
    read = _READERS[telegram.bulletin_type]
    if telegram.msg_type == "withdraw":
        node.drop("Text", "Notice")  # 「取り消します」: on a 取消 it is all there is
        yield _withdrawal(telegram)
    else:
        yield read(telegram, node, issues)
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _withdrawal(telegram: Telegram) -> Bulletin:
    kind, scope, event = _scope(telegram, _volcano_of(telegram))
    return jma_xml.withdrawal(telegram, kind=kind, scope=scope, event_id=event)


def _statement(telegram: Telegram, volcano_code: str, items: Iterable[Item], *, complete: bool) -> Bulletin:
    kind, scope, event = _scope(telegram, volcano_code)
    return jma_xml.statement(
        telegram, kind=kind, scope=scope, event_id=event, items=table_of(items), complete=complete
    )


def _scope(telegram: Telegram, code: str) -> tuple[str, str, str]:
    """Kind, scope, and the event that a 取消 takes back: "" where only the newest telegram may be meant."""
    kind = telegram.bulletin_type
    if kind == "VFVO50":
        return "volcanic_warning", f"jma/volcanic_warning/{code}", ""
    if kind == "VFSVii":
        return "volcanic_warning", f"jma/volcanic_warning/{code}/sea", ""
    if kind == "VFVO51":
        return "volcano_bulletin", f"jma/volcano_bulletin/VFVO51/{code}", ""
    if kind == "VZVO40":
        return "volcano_bulletin", f"jma/volcano_bulletin/VZVO40/{code}", telegram.event_id
    if kind in _ERUPTION:
        return "volcano_eruption", f"jma/volcano_eruption/{kind}/{telegram.event_id}", telegram.event_id
    if kind == "VFVO60":
        return "volcano_plume", f"jma/volcano_plume/{code}", telegram.event_id
    return "ash_fall_forecast", f"jma/ash_fall_forecast/{kind}/{code}", ""


def _volcano_of(telegram: Telegram) -> str:
    """The number of the volcano in Head/EventID; for a notice the EventID itself."""
    notice = telegram.bulletin_type == "VZVO40"
    match = (_NOTICE_ID if notice else _EVENT_ID).fullmatch(telegram.event_id)
    if match is None:
        raise ParseError(
            f"Head/EventID of {telegram.bulletin_type} is {telegram.event_id!r}, which names no volcano or notice",
            code="bad_event_id",
            remedy="ask the publisher",
            position="Head/EventID",
        )
    return match[0] if notice else match[1]


def _one_volcano(telegram: Telegram, records: list[Stated], issues: Findings) -> Stated:
    """The record of the one volcano that a telegram speaks of."""
    named: dict[str, Stated] = {}
    for record in records:
        if record.area.level == "volcano":
            named.setdefault(record.area.code, record)
    if len(named) != 1:
        raise ParseError(
            f"a {telegram.bulletin_type} about {len(named)} volcanoes instead of one",
            code="several_volcanoes" if named else "no_volcano",
            remedy="see the telegram; the last statement stands until then",
            position="Body/VolcanoInfo",
        )
    code, record = next(iter(named.items()))
    if _volcano_of(telegram) != code:
        issues.append(
            Issue(
                "volcano_differs",
                f"the body speaks of {record.area.name} ({code}), Head/EventID is {telegram.event_id}",
                "see which is right: the body was believed",
                "warning",
                record.position,
            )
        )
    return record


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────


def _known(record: Stated, issues: Findings) -> VolcanoKind | None:
    """What the record's code means; an issue where it is unknown or has another name than it ever had."""
    found = volcano.kind(record.code or "")
    if found is None:
        cause = f"{record.area.name} has the unknown kind {record.code} {record.name}"
        remedy = "treat it as in force; add the code to vocab/data/jma_volcano_kind.csv"
        issues.append(Issue("unknown_kind_code", cause, remedy, "warning", record.position))
    elif record.name is not None and not volcano.is_named(found, record.name):
        cause = f"code {record.code} is called {record.name}, a name that the table does not have"
        remedy = "see whether JMA renamed it: both are published as stated; add the name with its date to the table"
        issues.append(Issue("kind_name_differs", cause, remedy, "info", record.position))
    return found


def _level(record: Stated, found: VolcanoKind | None, issues: Findings) -> int | None:
    """The 噴火警戒レベル by its code; None where the name states another."""
    match = _LEVEL.search(record.name or "")
    level = found.level if found else None
    if match is None or int(match[1]) == level:
        return level
    cause = f"{record.area.name}: code {record.code} and name {record.name} are different levels"
    remedy = "ask the publisher at once: the level is published as unknown, code and name as stated"
    issues.append(Issue("level_differs", cause, remedy, "warning", record.position))
    return None


def _change(record: Stated, issues: Findings) -> str | None:
    if record.condition is None:
        return None
    change = volcano.change(record.condition)
    if change is None:
        cause = f"{record.area.name}: Condition {record.condition!r} is not known"
        remedy = "the word is published as it is; add it to vocab/volcano.py"
        issues.append(Issue("unknown_condition", cause, remedy, "info", record.position))
    return change


# ── warnings ─────────────────────────────────────────────────────────────────────────────────────────────


def _warnings(telegram: Telegram, node: Node, issues: Findings) -> Bulletin:
    """VFVO50 and VFSV: the volcano, and each municipality or sea area once."""
    records, held_back = jma_volcanology.stated(node, issues)
    main = _one_volcano(telegram, records, issues)
    code = main.area.code
    at_sea = telegram.bulletin_type == "VFSVii"
    base = f"jma/{code}/sea" if at_sea else f"jma/{code}"
    texts = _prose(telegram, node, issues)
    observed, _ = _observed(node, issues)
    told: dict[str, Any] = {
        "telegram": telegram.bulletin_type,
        "title": telegram.head_title,
        "target_at": _iso(telegram.target_at),
    }
    state, found = _worst([record for record in records if record.area.level == "volcano"], issues)
    told["volcano_level"] = _level(state or main, found, issues)
    items = [
        Item(
            base,
            _warning_props(main.area, main.area, (state, found), _NOTHING, issues)
            | told
            | texts
            | {"observation": observed},
            geometry=main.area.geometry,
            position=main.position,
        )
    ]
    short = dict.fromkeys(_PROSE) | {"headline": texts["headline"]}
    for area, said in _by_area(records):
        warning = _worst([one for one in said if not _is_response(one)], issues)
        response = _worst([one for one in said if _is_response(one)], issues)
        items.append(
            Item(
                f"{base}/{area.code}",
                _warning_props(main.area, area, warning, response, issues) | told | short | {"observation": None},
                muni_code=area.muni_code,
                geometry=area.geometry,
                ended=not (_holds(warning) or _holds(response)),
                position=said[0].position,
            )
        )
    return _statement(telegram, code, items, complete=not held_back)


_Meant = tuple[Stated | None, VolcanoKind | None]
_NOTHING: _Meant = (None, None)


def _by_area(records: list[Stated]) -> Iterator[tuple[Area, list[Stated]]]:
    areas: dict[str, list[Stated]] = {}
    for record in records:
        if record.area.level != "volcano":
            areas.setdefault(record.area.code, []).append(record)
    for said in areas.values():
        yield said[0].area, said


def _is_response(record: Stated) -> bool:
    found = volcano.kind(record.code or "")
    return "防災対応" in record.info if found is None else found.subject == "response"


def _worst(records: list[Stated], issues: Findings) -> _Meant:
    """The record in force for an area; the worst where a telegram names several."""
    if not records:
        return _NOTHING
    known = [(record, _known(record, issues)) for record in records]
    record, found = max(known, key=lambda one: (volcano.severity(one[1]), (one[1].level or 0) if one[1] else 0))
    if len({one.code for one in records}) > 1:
        cause = f"{record.area.name} has {' and '.join(str(one.name) for one in records)} at once"
        remedy = "see the telegram: the worst of them is kept"
        issues.append(Issue("two_kinds_of_one_area", cause, remedy, "warning", record.position))
    if record.condition == "解除" and volcano.in_force(found):
        cause = f"{record.area.name} has {record.name} with the condition 解除"
        remedy = "ask the publisher: it counts as in force until then"
        issues.append(Issue("contradiction", cause, remedy, "warning", record.position))
    return record, found


def _holds(meant: _Meant) -> bool:
    record, found = meant
    return record is not None and volcano.in_force(found)


def _warning_props(of: Area, area: Area, warning: _Meant, response: _Meant, issues: Findings) -> dict[str, Any]:
    """What holds for an area of a volcano, or for the volcano itself."""
    said, found = warning
    advice, advised = response
    return {
        **_area_props(of, area),
        "grade": found.meaning if found else None,
        "kind_code": said.code if said else None,
        "kind_name": said.name if said else None,
        "change": _change(said, issues) if said else None,
        "condition": said.condition if said else None,
        "last_kind_code": said.last_code if said else None,
        "last_kind_name": said.last_name if said else None,
        "response_code": advice.code if advice else None,
        "response_name": advice.name if advice else None,
        "response_grade": advised.meaning if advised else None,
        "response_change": _change(advice, issues) if advice else None,
        "last_response_code": advice.last_code if advice else None,
        "crater_name": area.crater_name,
        "elevation_m": area.elevation_m,
        "near": area.near,
    }


def _area_props(of: Area, area: Area) -> dict[str, Any]:
    """Which volcano, and which area of it: the volcano itself has no area code of its own."""
    is_volcano = area.level == "volcano"
    return {
        "volcano_code": of.code,
        "volcano_name": of.name,
        "area_level": area.level,
        "area_code": None if is_volcano else area.code,
        "area_name": None if is_volcano else area.name,
    }


def _prose(telegram: Telegram, node: Node, issues: Findings) -> dict[str, str | None]:
    """The texts of the body, without telephone numbers; the headline of the Head where the body has none."""
    found: dict[str, str | None] = {}
    for name, raw in jma_volcanology.prose(node).items():
        text, left_out = contacts.without_contacts(raw)
        if left_out:
            cause = f"{left_out} lines with names or telephone numbers of staff were left out of {name}"
            remedy = "none needed: the archived document has them"
            issues.append(Issue("contact_left_out", cause, remedy, "info", "Body"))
        found[name] = text
    found["headline"] = found["headline"] or telegram.headline or None
    return found


def _observed(node: Node, issues: Findings) -> tuple[dict[str, Any] | None, EventTime]:
    """What was observed, as one object, and when; None where the telegram tells nothing."""
    found, time = jma_volcanology.observation(node, issues)
    return (found if any(value is not None for value in found.values()) else None), time


# ── bulletins ────────────────────────────────────────────────────────────────────────────────────────────


def _bulletin(telegram: Telegram, node: Node, issues: Findings) -> Bulletin:
    """VFVO51 and VZVO40: one item for each volcano that it is about, or one without a volcano."""
    records, held_back = jma_volcanology.stated(node, issues)
    code = _volcano_of(telegram)
    texts = _prose(telegram, node, issues)
    observed, _ = _observed(node, issues)
    told = {
        "observation": observed,
        "telegram": telegram.bulletin_type,
        "title": telegram.head_title or telegram.title,
        "extraordinary": _EXTRAORDINARY in telegram.head_title,
    }
    base = f"jma/{telegram.bulletin_type}/{code}"
    ids: Counter[str] = Counter()
    items = []
    for record in records:
        area = record.area
        if area.level == "volcano":
            item_id = _unique(ids, base if area.code == code else f"{base}/{area.code}")
            props = _bulletin_props(record, issues) | told | texts
            items.append(Item(item_id, props, geometry=area.geometry, position=record.position))
        else:
            cause = f"{telegram.bulletin_type} speaks of {area.name} ({area.code}), which is no volcano"
            remedy = "see the telegram and teach the parser the area; the text is published"
            issues.append(Issue("unmapped_area", cause, remedy, "warning", record.position))
    if not items:
        items = [Item(base, _bulletin_props(None, issues) | told | texts, position="Body")]
    return _statement(telegram, code, items, complete=not held_back)


def _bulletin_props(record: Stated | None, issues: Findings) -> dict[str, Any]:
    area = record.area if record else None
    found = _known(record, issues) if record else None
    return {
        "volcano_code": area.code if area else None,
        "volcano_name": area.name if area else None,
        "volcano_level": _level(record, found, issues) if record else None,
        "grade": found.meaning if found else None,
        "kind_code": record.code if record else None,
        "kind_name": record.name if record else None,
        "change": _change(record, issues) if record else None,
        "condition": record.condition if record else None,
        "last_kind_code": record.last_code if record else None,
        "crater_name": area.crater_name if area else None,
        "elevation_m": area.elevation_m if area else None,
        "near": area.near if area else None,
    }


# ── eruptions and plumes ─────────────────────────────────────────────────────────────────────────────────


def _eruption(telegram: Telegram, node: Node, issues: Findings) -> Bulletin:
    """VFVO52, VFVO56 and VFVO60: what a volcano did, and the municipalities that 噴火速報 names."""
    records, held_back = jma_volcanology.stated(node, issues)
    main = _one_volcano(telegram, records, issues)
    texts = _prose(telegram, node, issues)
    observed, seen_at = jma_volcanology.observation(node, issues)
    told = {"telegram": telegram.bulletin_type, "title": telegram.head_title, "event_id": telegram.event_id}
    plume = telegram.bulletin_type == "VFVO60"
    base = f"jma/{main.area.code}/plume" if plume else f"jma/{telegram.bulletin_type}/{telegram.event_id}"
    unseen = dict.fromkeys(observed)
    short = dict.fromkeys(_PROSE) | {"headline": texts["headline"]}
    ids: Counter[str] = Counter()
    items = []
    for record in records:
        area = record.area
        is_volcano = area.level == "volcano"
        time = record.time if record.time.at or record.time.comment else main.time
        items.append(
            Item(
                _unique(ids, base if is_volcano else f"{base}/{area.code}"),
                _eruption_props(main, record, time if time.at or time.comment else seen_at, issues)
                | (observed if is_volcano else unseen)
                | told
                | (texts if is_volcano else short),
                muni_code=area.muni_code,
                geometry=area.geometry,
                position=record.position,
            )
        )
    return _statement(telegram, main.area.code, items, complete=not held_back)


def _unique(ids: Counter[str], item_id: str) -> str:
    """The id, with a number from the second on: one telegram may tell of one thing twice."""
    ids[item_id] += 1
    return item_id if ids[item_id] == 1 else f"{item_id}/{ids[item_id]}"


def _eruption_props(main: Stated, record: Stated, time: EventTime, issues: Findings) -> dict[str, Any]:
    found = _known(record, issues)
    return {
        **_area_props(main.area, record.area),
        "phenomenon": found.meaning if found else None,
        "phenomenon_code": record.code,
        "phenomenon_name": record.name,
        "condition": record.condition,
        **_time_props(time),
        "crater_name": record.area.crater_name or main.area.crater_name,
        "elevation_m": record.area.elevation_m,
        "near": record.area.near,
    }


def _time_props(time: EventTime) -> dict[str, str | None]:
    return {
        "event_at": time.at,
        "event_precision": time.precision,
        "event_dubious": time.dubious,
        "event_comment": time.comment,
    }


# ── ash ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Period(NamedTuple):
    """One AshInfo: its name (予報　３時間後), start and end as stated, the end as a time, and a key for ids."""

    label: str | None
    start_at: str | None
    end_at: str | None
    ends: datetime | None
    key: str


class _Fall(NamedTuple):
    """What falls in a period: on an area, or (area None) the extent of it all. `amount` is the Property in props."""

    code: str | None
    name: str | None
    area: Area | None
    amount: dict[str, Any]
    extent: bytes | None
    position: str


def _ash(telegram: Telegram, node: Node, issues: Findings) -> Bulletin:
    """VFVO53, 54 and 55: the volcano, then by period and kind the extent and the municipalities."""
    records, held_back = jma_volcanology.stated(node, issues)
    main = _one_volcano(telegram, records, issues)
    texts = _prose(telegram, node, issues)
    observed, seen_at = _observed(node, issues)
    told = {
        "telegram": telegram.bulletin_type,
        "title": telegram.head_title,
        **_time_props(main.time if main.time.at else seen_at),
        "crater_name": main.area.crater_name,
    }
    volcano_only: dict[str, Any] = {
        "elevation_m": main.area.elevation_m,
        "near": main.area.near,
        "observation": observed,
        **texts,
    }
    elsewhere = dict.fromkeys(volcano_only) | {"headline": texts["headline"]}
    base = f"jma/{main.area.code}/{telegram.bulletin_type}"
    whole = _Period(None, _iso(telegram.target_at), _iso(telegram.valid_at_end), telegram.valid_at_end, "whole")
    volcano_fall = _Fall(main.code, main.name, main.area, _amount(None, issues), None, main.position)
    items = [
        Item(
            base,
            _ash_props(main, whole, volcano_fall, issues) | told | volcano_only,
            geometry=main.area.geometry,
            valid_to=whole.ends,
            position=main.position,
        )
    ]
    falls: list[tuple[_Period, _Fall]] = []
    ash = node.one("AshInfos")
    for number, window in enumerate(ash.all("AshInfo") if ash else (), start=1):
        period = _period(window, number, telegram, issues)
        for fall in _falls(window, issues):
            held_back |= fall is None
            if fall:
                falls.append((period, fall))
    foretold = {(fall.code, fall.area.code) for _, fall in falls if fall.area}
    for record in records:  # 対象市町村等 is the sum of all periods; what no period has must not be lost
        if record.area.level != "volcano" and (record.code, record.area.code) not in foretold:
            fall = _Fall(record.code, record.name, record.area, _amount(None, issues), None, record.position)
            falls.append((whole, fall))
    ids: Counter[str] = Counter()
    for period, fall in falls:
        place = f"/{fall.area.code}" if fall.area else ""
        items.append(
            Item(
                _unique(ids, f"{base}/{period.key}/{fall.code}{place}"),
                _ash_props(main, period, fall, issues) | told | elsewhere,
                muni_code=fall.area.muni_code if fall.area else None,
                geometry=fall.extent,
                valid_to=period.ends,
                position=fall.position,
            )
        )
    return _statement(telegram, main.area.code, items, complete=not held_back)


def _period(window: Node, number: int, telegram: Telegram, issues: Findings) -> _Period:
    start_at = jma_xml.time_text(window, "StartTime", issues)
    end_at = jma_xml.time_text(window, "EndTime", issues)
    # The same hours of a later telegram are the same item, with a better forecast.
    key = datetime.fromisoformat(start_at).astimezone(JST).strftime("%Y%m%d%H%M") if start_at else f"no{number}"
    ends = datetime.fromisoformat(end_at) if end_at else telegram.valid_at_end
    return _Period(window.attribute("type"), start_at, end_at, ends, key)


def _falls(window: Node, issues: Findings) -> Iterator[_Fall | None]:
    """Extent and municipalities of every Item of a period; None for a municipality that is held back."""
    for item in window.all("Item"):
        kind = item.one("Kind")
        if kind is None:
            continue
        kind.drop("FormalName", "Condition")  # the long form of Name; no change is told of ash
        code, name, holder = kind.text("Code"), kind.text("Name"), kind.one("Property")
        amount = _amount(holder, issues)
        yield _Fall(
            code, name, None, amount, jma_volcanology.extent(holder, issues) if holder else None, item.position
        )
        for area, position in jma_volcanology.areas(item, issues):
            yield _Fall(code, name, area, amount, None, position) if area else None


def _amount(holder: Node | None, issues: Findings) -> dict[str, Any]:
    """Property but for its polygons: size with its unit, direction, distance."""
    size, direction = (holder.one("Size"), holder.one("PlumeDirection")) if holder else (None, None)
    distance = holder.one("Distance") if holder else None
    is_km = distance is not None and distance.attribute("unit") in (None, "km")
    return {
        "size": jma_xml.number(size, issues) if size else None,
        "size_unit": size.attribute("unit") if size else None,
        "size_type": size.attribute("type") if size else None,
        "direction": direction.own_text() if direction else None,
        "direction_text": direction.attribute("description") if direction else None,
        "direction_condition": direction.attribute("condition") if direction else None,
        "distance_km": _kilometres(distance.own_text()) if distance and is_km else None,
        "distance_text": (distance.attribute("description") or distance.own_text()) if distance else None,
        "remark_on_fall": holder.text("Remark") if holder else None,
    }


def _kilometres(text: str | None) -> float | None:
    """The distance where it is a number: the schema has text, so that JMA may write 以上."""
    return float(text) if text and re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII) else None


def _ash_props(main: Stated, period: _Period, fall: _Fall, issues: Findings) -> dict[str, Any]:
    area = fall.area or main.area
    known = _known(Stated("", fall.code, fall.name, None, None, None, area, EventTime(), fall.position), issues)
    return {
        **_area_props(main.area, area),
        **({} if fall.area else {"area_level": "extent"}),
        "period": period.label,
        "start_at": period.start_at,
        "end_at": period.end_at,
        "kind_code": fall.code,
        "kind_name": fall.name,
        "amount": known.meaning if known and known.subject == "ash" else None,
        **fall.amount,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


_READERS: dict[str, Callable[[Telegram, Node, Findings], Bulletin]] = {
    "VFVO50": _warnings,
    "VFSVii": _warnings,
    "VFVO51": _bulletin,
    "VZVO40": _bulletin,
    "VFVO52": _eruption,
    "VFVO56": _eruption,
    "VFVO60": _eruption,
    "VFVO53": _ash,
    "VFVO54": _ash,
    "VFVO55": _ash,
}
HANDLES = tuple(_READERS)
