"""JMA tsunami telegrams: VTSE41 津波警報・注意報・予報, VTSE51 津波情報, VTSE52 沖合の津波観測に関する情報.

Source: www.data.jma.go.jp/developer/xml/feed/eqvol.xml; 気象庁防災情報XMLフォーマット, telegram notes on 津波.

| scope | from | says |
|---|---|---|
| ``jma/tsunami_forecast/<event>`` | 41 | every coast with its grade |
| ``jma/tsunami_arrival/<event>`` | 51 (and 41 when it stands down) | first wave and high tide |
| ``jma/tsunami_observation/<event>/<type>`` | 51, 52 | what stations measured, estimates for coasts |
| ``jma/earthquake/<event>/hypocentre`` | all | time, place, depth, magnitude |

A VTSE41 replaces the set of its event: a coast that it does not list has nothing in force. Kind code 53 is a newly
issued 大津波警報, not a worse level than 52. While the tsunamis of several earthquakes overlap, one telegram names
all their event ids: it then speaks under the earliest, and empties the scopes of the others.

Observations are never complete: a station that a later report no longer lists has still measured what it
measured, and a 訂正 or 取消 says so where it has not. A time or height that cannot be read, an unknown kind and an
unknown coast never hold back a coast: it goes out with what is known, and an issue tells the rest.

Known gaps:
* one telegram for several earthquakes (several event ids) was seen in official samples only
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from bousai.errors import ParseError
from bousai.formats import jma_seismology, jma_xml
from bousai.formats.jma_seismology import Hypocentre
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, ItemTable, table_of
from bousai.vocab import jma

VERSION = "1"
HANDLES = ("VTSE41", "VTSE51", "VTSE52")
_KINDS = {
    "VTSE41": ("tsunami_forecast", "tsunami_arrival"),
    "VTSE51": ("tsunami_arrival", "tsunami_observation"),
    "VTSE52": ("tsunami_observation",),
}
_IN_FORCE = ("major_warning", "warning", "advisory")
_AFTER_LIFTING = ("50", "60", "72", "73")
_BOUNDS = {"超": "over", "以上": "at_least", "未満": "under"}


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """The bulletins of one telegram.

    Raises `ParseError` as `jma_xml.read` and `jma_seismology.event_ids` do, and ``no_coast`` for a VTSE41 that lists
    none.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    events = jma_seismology.event_ids(telegram)
    node = jma_xml.body(telegram)
    issues: list[Issue] = []
    node.drop("Text", "Comments")  # prose for readers; on a 取消 it is all there is
    if telegram.msg_type == "withdraw":
        yield from _withdrawals(telegram, events)
    else:
        yield from _hypocentres(telegram, events, node, issues)
        tsunami = node.one("Tsunami")
        if telegram.bulletin_type == "VTSE41":
            yield from _forecasts(telegram, events, tsunami, issues)
        elif tsunami:
            yield from _arrivals(telegram, events, tsunami, issues)
            yield from _observations(telegram, events, tsunami, issues)
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _withdrawals(telegram: Telegram, events: list[str]) -> Iterator[Bulletin]:
    for event in events:
        for kind in _KINDS[telegram.bulletin_type]:
            yield jma_xml.withdrawal(telegram, kind=kind, scope=_scope(kind, event, telegram), event_id=event)
        scope = jma_seismology.aspect_scope(event, "hypocentre")
        yield jma_xml.withdrawal(telegram, kind="earthquake", scope=scope, event_id=event)


def _scope(kind: str, event: str, telegram: Telegram) -> str:
    # Coast and offshore stations are told by two series of telegrams that know nothing of each other.
    series = f"/{telegram.bulletin_type}" if kind == "tsunami_observation" else ""
    return f"jma/{kind}/{event}{series}"


def _statements(
    telegram: Telegram, events: list[str], kind: str, items: ItemTable, *, complete: bool
) -> Iterator[Bulletin]:
    """The items under the earliest event; under every other event of the telegram nothing any more."""
    for event in events:
        first = event == events[0]
        yield jma_xml.statement(
            telegram,
            kind=kind,
            scope=_scope(kind, event, telegram),
            event_id=event,
            items=items if first else table_of([]),
            complete=complete if first else True,
        )


def _hypocentres(telegram: Telegram, events: list[str], node: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    """The hypocentre of each earthquake, where event ids and Earthquake elements pair up one to one in time."""
    found = [jma_seismology.hypocentre(earthquake, issues) for earthquake in node.all("Earthquake")]
    if not found:
        return
    dated = sorted(((at, hypocentre) for hypocentre in found if (at := _at(hypocentre))), key=lambda pair: pair[0])
    if len(events) == len(found) == 1:
        pairs = [(events[0], found[0])]
    elif len(events) == len(found) == len(dated):
        pairs = [(event, hypocentre) for event, (_, hypocentre) in zip(events, dated, strict=True)]
    else:
        issues.append(
            Issue(
                code="unpaired_earthquake",
                cause=f"{len(found)} Earthquake elements for {len(events)} event ids ({' '.join(events)})",
                remedy="none needed: the earthquake telegrams give each hypocentre under its own event id",
                position="Body/Earthquake",
            )
        )
        return
    for event, hypocentre in pairs:
        yield jma_seismology.earthquake_aspect(telegram, event, "hypocentre", hypocentre.item(event))


def _at(hypocentre: Hypocentre) -> datetime | None:
    text = hypocentre.props["origin_time"] or hypocentre.props["detected_at"]
    return datetime.fromisoformat(text) if text else None


def _forecasts(
    telegram: Telegram, events: list[str], tsunami: Node | None, issues: list[Issue]
) -> Iterator[Bulletin]:
    """VTSE41. An item is ended where its kind says so, and all are where the telegram stands the event down.

    The last telegram of an event (Head/Title 津波予報) lifts what was in force and leaves at most 若干の海面変動,
    which asks nobody to leave the shore: with it the event is over. Where only 若干の海面変動 was ever forecast
    there is nothing to lift, and it holds until 失効時刻 (ValidDateTime).
    """
    forecast = tsunami.one("Forecast") if tsunami else None
    if forecast is None or "Item" not in forecast:
        raise ParseError(
            "the telegram lists no coast",
            code="no_coast",
            remedy="ask the publisher: an empty list must not be taken for the end of a warning",
            position="Body/Tsunami/Forecast",
        )
    forecast.drop("CodeDefine")
    items: list[Item] = []
    held_back = 0
    for node in forecast.all("Item"):
        item = _forecast(events[0], node, telegram.valid_at_end, issues)
        if item:
            items.append(item)
        else:
            held_back += 1
    over = _stands_down(items)
    if over:
        items = [replace(item, ended=True) for item in items]
    yield from _statements(telegram, events, "tsunami_forecast", table_of(items), complete=not held_back)
    if over and not held_back:
        # Nothing is expected to arrive any more, and no further VTSE51 will come to say so.
        yield from _statements(telegram, events, "tsunami_arrival", table_of([]), complete=True)


def _forecast(event: str, node: Node, valid_to: datetime | None, issues: list[Issue]) -> Item | None:
    coast = _place(node.one("Area"), node, issues)
    category = node.one("Category")
    kind = _named(category.one("Kind")) if category else None
    last = _named(category.one("LastKind")) if category else None
    first, height = _first_wave(node, issues), _max_height(node, issues)
    if coast is None:
        return None
    _check_coast(coast, node, issues)
    grade = jma.tsunami_grade(kind.code) if kind else None
    if grade is None:
        cause = f"{coast.name} has the unknown tsunami kind {kind.code if kind else None!r}"
        remedy = "treat it as in force; add the code to vocab/data/jma_tsunami_kind.csv"
        issues.append(Issue("unknown_kind_code", cause, remedy, "warning", f"{node.position}/Category/Kind"))
    props = {
        "event_id": event,
        "coast_code": coast.code,
        "coast_name": coast.name,
        "grade": grade,
        "kind_code": kind.code if kind else None,
        "kind_name": kind.name if kind else None,
        "last_kind_code": last.code if last else None,
        "first_wave_at": first.at,
        "first_wave_condition": first.condition,
        "first_wave_revised": first.revised,
        "max_height_m": height.metres,
        "max_height_text": height.text,
        "max_height_bound": height.bound,
        "max_height_condition": height.condition,
        "max_height_revised": height.revised,
    }
    ended = grade == "cleared"
    return Item(f"{event}/{coast.code}", props, ended=ended, valid_to=valid_to, position=node.position)


def _stands_down(coasts: list[Item]) -> bool:
    """No coast is under an advisory or worse any more, and at least one was.

    A grade that is not known counts as in force. 72 and 73 are 若干の海面変動 left over from a 注意報 or 警報, so
    that a telegram that says them again after the lifting does not bring the event back.
    """
    if any(coast.props["grade"] not in ("forecast", "cleared") for coast in coasts):
        return False
    lasts = [coast.props["last_kind_code"] or "" for coast in coasts]
    return any(code in _AFTER_LIFTING for code in (*lasts, *(coast.props["kind_code"] for coast in coasts))) or any(
        jma.tsunami_grade(last) in _IN_FORCE for last in lasts
    )


def _arrivals(telegram: Telegram, events: list[str], tsunami: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    """VTSE51: when the first wave comes to a coast and to its stations, and when the tide is high there.

    A coast of which no arrival is said (若干の海面変動) makes no item.
    """
    forecast = tsunami.one("Forecast")
    if forecast is None:
        return
    forecast.drop("CodeDefine")
    items: list[Item] = []
    held_back = 0
    for node in forecast.all("Item"):
        node.drop("Category", "MaxHeight")  # what is in force is for VTSE41 to say: one place, not two
        coast = _place(node.one("Area"), node, issues)
        first = _first_wave(node, issues)
        if coast is None:
            node.drop("Station")
            held_back += 1
            continue
        _check_coast(coast, node, issues)
        if any(first):
            items.append(_arrival(events[0], coast, None, first, None, node))
        for station in node.all("Station"):
            place = _place(station, station, issues)
            first = _first_wave(station, issues)
            high_tide_at = jma_xml.time_text(station, "HighTideDateTime", issues)
            if place is None:
                held_back += 1
                continue
            items.append(_arrival(events[0], coast, place, first, high_tide_at, station))
    yield from _statements(telegram, events, "tsunami_arrival", table_of(items), complete=not held_back)


def _arrival(
    event: str, coast: Named, station: Named | None, first: FirstWave, high_tide_at: str | None, node: Node
) -> Item:
    return Item(
        item_id=f"{event}/{coast.code}/{station.code}" if station else f"{event}/{coast.code}",
        props={
            "event_id": event,
            "coast_code": coast.code,
            "coast_name": coast.name,
            "station_code": station.code if station else None,
            "station_name": station.name if station else None,
            "first_wave_at": first.at,
            "first_wave_condition": first.condition,
            "first_wave_revised": first.revised,
            "high_tide_at": high_tide_at,
        },
        position=node.position,
    )


def _observations(telegram: Telegram, events: list[str], tsunami: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    """What was measured at the coast (VTSE51) and offshore (VTSE52, which names no coast), and what the offshore
    values mean for a coast (VTSE52 Estimation, whose 沿岸地域 are a code list of their own)."""
    observation, estimation = tsunami.one("Observation"), tsunami.one("Estimation")
    items: list[Item] = []
    if observation:
        observation.drop("CodeDefine")
        for node in observation.all("Item"):
            coast = _named(node.one("Area"))
            if coast:
                _check_coast(coast, node, issues)
            for station in node.all("Station"):
                place = _place(station, station, issues)
                if place:
                    items.append(_observation(events[0], coast, place, station, issues))
    if estimation:
        estimation.drop("CodeDefine")
        for node in estimation.all("Item"):
            coast = _place(node.one("Area"), node, issues)
            if coast:
                items.append(_observation(events[0], coast, None, node, issues))
    if observation or estimation:
        yield from _statements(telegram, events, "tsunami_observation", table_of(items), complete=False)


def _observation(event: str, coast: Named | None, station: Named | None, node: Node, issues: list[Issue]) -> Item:
    first, height = _first_wave(node, issues), _max_height(node, issues)
    basis = "estimated" if station is None else "coast" if coast else "offshore"
    return Item(
        item_id=f"{event}/{station.code}" if station else f"{event}/estimated/{coast.code if coast else ''}",
        props={
            "event_id": event,
            "basis": basis,
            "coast_code": coast.code if coast else None,
            "coast_name": coast.name if coast else None,
            "station_code": station.code if station else None,
            "station_name": station.name if station else None,
            "sensor": node.text("Sensor"),
            "first_wave_at": first.at,
            "first_wave_initial": first.initial,
            "first_wave_condition": first.condition,
            "first_wave_revised": first.revised,
            "max_height_at": height.at,
            "max_height_m": height.metres,
            "max_height_text": height.text,
            "max_height_bound": height.bound,
            "max_height_condition": height.condition,
            "max_height_revised": height.revised,
        },
        position=node.position,
    )


class Named(NamedTuple):
    """A coast (津波予報区, 沿岸地域), a station (潮位観測点) or a kind of warning, as the telegram names it."""

    code: str
    name: str


def _named(node: Node | None) -> Named | None:
    """Code and name; None where there is no code. A name that is left out is the code."""
    code, name = (node.text("Code"), node.text("Name")) if node else (None, None)
    return Named(code, name or code) if code else None


def _place(node: Node | None, holder: Node, issues: list[Issue]) -> Named | None:
    """Code and name, or None and an issue: without a code nobody can say later that it has ended."""
    place = _named(node)
    if place is None:
        cause = f"{holder.position} names no code of an area or station"
        issues.append(
            Issue("no_area_code", cause, "see the telegram: the record is held back", "warning", holder.position)
        )
    return place


def _check_coast(coast: Named, node: Node, issues: list[Issue]) -> None:
    if coast.code not in jma.tsunami_coasts():
        cause = f"{coast.name} has the unknown 津波予報区 code {coast.code}"
        remedy = "add it to vocab/data/jma_tsunami_coast.csv; the item went out with the name that the source gives"
        issues.append(Issue("unknown_area_code", cause, remedy, "warning", f"{node.position}/Area"))


class FirstWave(NamedTuple):
    """第１波: when (xs:dateTime), polarity (押し, 引き), condition (津波到達中と推測 …), news (追加, 更新)."""

    at: str | None = None
    initial: str | None = None
    condition: str | None = None
    revised: str | None = None


def _first_wave(holder: Node, issues: list[Issue]) -> FirstWave:
    node = holder.one("FirstHeight")
    if node is None:
        return FirstWave()
    return FirstWave(
        at=jma_xml.time_text(node, "ArrivalTime", issues),
        initial=node.text("Initial"),
        condition=node.text("Condition"),
        revised=node.text("Revise"),
    )


class Height(NamedTuple):
    """Expected or largest measured height: metres (None for 巨大, 高い, 不明), the source's wording, whether the
    number is a bound (over, at_least, under), when it was measured, conditions (重要, 観測中, 微弱, 欠測, 不明,
    上昇中), news (追加, 更新)."""

    metres: float | None = None
    text: str | None = None
    bound: str | None = None
    at: str | None = None
    condition: str | None = None
    revised: str | None = None


def _max_height(holder: Node, issues: list[Issue]) -> Height:
    node = holder.one("MaxHeight")
    if node is None:
        return Height()
    height = node.one("TsunamiHeight")
    text = height.attribute("description") if height else None
    conditions = (node.text("Condition"), height.attribute("condition") if height else None)
    return Height(
        metres=_metres(height, issues) if height else None,
        text=text,
        bound=next((bound for ending, bound in _BOUNDS.items() if text and text.endswith(ending)), None),
        at=jma_xml.time_text(node, "DateTime", issues),
        condition=" ".join(condition for condition in conditions if condition) or None,
        revised=node.text("Revise"),
    )


def _metres(height: Node, issues: list[Issue]) -> float | None:
    value = jma_xml.number(height, issues)
    unit = height.attribute("unit")
    if value is None or unit == "m":
        return value
    cause = f"{height.position} is in {unit!r}, not in m"
    issues.append(
        Issue("unexpected_unit", cause, "see the telegram: its height is left out", "warning", height.position)
    )
    return None
