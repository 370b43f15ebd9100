"""JMA typhoon telegrams VPTW40–65 (台風解析・予報情報): where a typhoon is and where it is expected.

Source: www.data.jma.go.jp/developer/xml/feed/extra.xml; 気象庁防災情報XMLフォーマット jmx_mete.xsd, telegram notes on
台風. One telegram is the whole statement on one tropical disturbance: scope ``jma/typhoon/<EventID>``, complete, with
an item for the analysis (実況), one for an estimate (推定) and one for each forecast. The number in the type
(VPTW60–65) only tells typhoons in being at the same time apart.

Oddities
* Every speed, radius and position stands twice, in knots, nautical miles and minutes too: metric values and degrees
  are taken.
* Before it is a typhoon a disturbance has neither number nor name (台風発生予想). EventID stays the same.
* 予報円 holds the centre with a probability of 70 %. 暴風警戒域 of a forecast is where storm winds are possible.
* A forecast holds until its own time, the whole statement until the last of them; 台風消滅 in the remark ends it.

Known gaps:
* areas of wind with different radii by direction were not seen in samples; they are read as the schema has them
* only official samples were seen, no real telegram; 取消 and 推定 only composed
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unicodedata import normalize

from bousai.errors import ParseError
from bousai.formats import jma_seismology, jma_xml
from bousai.formats.jma_xml import Position, Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of

VERSION = "1"
HANDLES = ("VPTW40-45", "VPTW50-55", "VPTW60-65")
_EVENT_ID = re.compile(r"TC\d{4}")
_HOURS = re.compile(r"(予報|推定)(\d+)時間後")
_CLASS = re.compile(r".*\(([A-Z]+)\)")
_OVER = re.compile(r"台風消滅|可能性(が|は)小さく")
_MINUTES, _METRIC = "度分", ("km", "km/h", "m/s", "hPa")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One bulletin. Raises `ParseError` as `jma_xml.read` does, ``bad_event_id``, ``no_analysis``."""
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    event = telegram.event_id
    if not _EVENT_ID.fullmatch(event):
        raise ParseError(
            f"Head/EventID is {event!r}, not TC and four digits",
            code="bad_event_id",
            remedy="ask the publisher",
            position="Head/EventID",
        )
    node = jma_xml.body(telegram)
    issues: list[Issue] = []
    node.drop("Text", "Comment", "OfficeInfo")  # prose for readers; on a 取消 it is all there is
    scope = f"jma/typhoon/{event}"
    if telegram.msg_type == "withdraw":
        node.drop("MeteorologicalInfos")
        yield jma_xml.withdrawal(telegram, kind="typhoon", scope=scope, event_id=event)
    else:
        items = _items(telegram, node, issues)
        yield jma_xml.statement(
            telegram, kind="typhoon", scope=scope, event_id=event, items=table_of(items), complete=True
        )
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _items(telegram: Telegram, body: Node, issues: list[Issue]) -> list[Item]:
    found: dict[str, tuple[datetime, dict[str, Any], Position | None, str]] = {}
    for infos in body.all("MeteorologicalInfos"):
        for info in infos.all("MeteorologicalInfo"):
            at = info.one("DateTime")
            text = normalize("NFKC", (at.attribute("type") if at else None) or "")
            moment = jma_xml.instant(at.own_text(), info.position) if at else None
            info.drop("Name")
            props, place = _state(info, issues)
            if moment is None:
                cause = f"{info.position} has no time"
                issues.append(Issue("no_time", cause, "see the telegram; it is held back", "warning", info.position))
                continue
            step = _step("".join(text.split()))
            found[step] = (moment, {"step": step, "step_text": text or None, **props}, place, info.position)
    if "analysis" not in found:
        raise ParseError(
            "the telegram has no 実況", code="no_analysis", remedy="ask the publisher; the last statement stands"
        )
    named = found["analysis"][1]
    over = bool(_OVER.search(named["remark"] or ""))
    horizon = max(moment for moment, *_ in found.values())
    items = []
    for step, (moment, props, place, position) in found.items():
        forecast = step not in ("analysis", "estimate")
        items.append(
            Item(
                f"jma-{telegram.event_id}/{step}",
                {
                    "event_id": telegram.event_id,
                    "at": moment.isoformat(),
                    **props,
                    # Only the analysis is named; the forecasts are of the same one.
                    **{name: named[name] for name in ("number", "name", "name_kana", "remark")},
                },
                geometry=jma_seismology.point(place) if place else None,
                ended=over,
                valid_to=moment if forecast else horizon if horizon > moment else None,
                position=position,
            )
        )
    return items


def _step(text: str) -> str:
    """analysis, estimate, +12h …; the wording itself where it is new.

    >>> _step("実況"), _step("予報12時間後"), _step("推定1時間後"), _step("見通し")
    ('analysis', '+12h', 'estimate', '見通し')
    """
    match = _HOURS.fullmatch(text)
    if match is not None:
        return "estimate" if match[1] == "推定" else f"+{int(match[2])}h"
    return "analysis" if text == "実況" else "estimate" if text.startswith("推定") else text


def _state(info: Node, issues: list[Issue]) -> tuple[dict[str, Any], Position | None]:
    """What is said of one moment, over all its Kinds, and the centre."""
    props: dict[str, Any] = dict.fromkeys(_FIELDS)
    place: Position | None = None
    for item in info.all("Item"):
        area = item.one("Area")
        if area:
            area.drop("Name", "Circle")  # 熱帯低気圧, and a circle that a Kind has too
        for kind in item.all("Kind"):
            kind.drop("Name", "Code", "Condition")
            for prop in kind.all("Property"):
                prop.drop("Type")
                _named(prop.one("TyphoonNamePart"), props)
                _classed(prop.one("ClassPart"), props)
                place = _centre(prop.one("CenterPart"), props, issues) or place
                _winds(prop.one("WindPart"), props, issues)
                for part in prop.all("WarningAreaPart"):
                    _wind_area(part, props, issues)
    return props, place


_FIELDS = (
    "number",
    "name",
    "name_kana",
    "remark",
    "class_code",
    "class_text",
    "size",
    "intensity",
    "place",
    "accuracy",
    "direction",
    "speed_kmh",
    "speed_text",
    "pressure_hpa",
    "max_wind_mps",
    "max_wind_where",
    "gust_mps",
    "probability_circle_km",
    "storm_area",
    "gale_area",
)


def _named(part: Node | None, props: dict[str, Any]) -> None:
    if part:
        props.update(
            name=part.text("Name"),
            name_kana=part.text("NameKana"),
            number=part.text("Number"),
            remark=part.text("Remark"),
        )
        part.drop("Time")


def _classed(part: Node | None, props: dict[str, Any]) -> None:
    if part is None:
        return
    text = part.text("TyphoonClass")
    match = _CLASS.fullmatch(normalize("NFKC", text or ""))
    props.update(
        class_text=text,
        class_code=match[1] if match else None,
        size=part.text("AreaClass"),
        intensity=part.text("IntensityClass"),
    )
    part.drop("Time", "Remark")


def _centre(part: Node | None, props: dict[str, Any], issues: list[Issue]) -> Position | None:
    if part is None:
        return None
    place: Position | None = None
    for node in part.all("Coordinate"):
        if _MINUTES not in (node.attribute("type") or ""):
            place = _position(node, issues)
            props["accuracy"] = node.attribute("condition")
    for circle in part.all("ProbabilityCircle"):
        for point in circle.all("BasePoint"):
            if _MINUTES not in (point.attribute("type") or ""):
                place = _position(point, issues)
        radii = _radii(circle, issues)
        props["probability_circle_km"] = radii[0]["radius_km"] if radii else None
    directions = [node.own_text() for node in part.all("Direction")]
    for node in part.all("Speed"):
        if node.attribute("unit") in _METRIC:
            props["speed_kmh"] = jma_xml.number(node, issues)
            props["speed_text"] = node.attribute("condition")
    pressure = part.one("Pressure")
    props.update(
        place=part.text("Location"),
        direction=directions[0] if directions else None,
        pressure_hpa=jma_xml.number(pressure, issues) if pressure else None,
    )
    part.drop("Time", "Remark", "Radius")
    return place


def _position(node: Node, issues: list[Issue]) -> Position | None:
    text = node.own_text()
    if text is None:
        return None
    try:
        return jma_xml.coordinate(text)
    except ValueError as error:
        issues.append(Issue("bad_coordinate", str(error), "ask the publisher", "warning", node.position))
        return None


def _winds(part: Node | None, props: dict[str, Any], issues: list[Issue]) -> None:
    if part is None:
        return
    for node in part.all("WindSpeed"):
        if node.attribute("unit") not in _METRIC:
            continue
        if node.attribute("type") == "最大風速":
            props["max_wind_mps"], props["max_wind_where"] = jma_xml.number(node, issues), node.attribute("condition")
        elif node.attribute("type") == "最大瞬間風速":
            props["gust_mps"] = jma_xml.number(node, issues)
    part.drop("Time", "Remark")


def _wind_area(part: Node, props: dict[str, Any], issues: list[Issue]) -> None:
    """暴風域, 暴風警戒域 (storm) and 強風域 (gale): from which speed on, and how far in which direction."""
    kind = part.attribute("type")
    speeds = [node for node in part.all("WindSpeed") if node.attribute("unit") in _METRIC]
    radii = [radius for circle in part.all("Circle") for radius in _radii(circle, issues)]
    part.drop("Time", "Remark")
    area = {
        "type": kind,
        "wind_mps": jma_xml.number(speeds[0], issues) if speeds else None,
        "radii": [radius for radius in radii if radius["radius_km"] is not None],
    }
    props["gale_area" if kind == "強風域" else "storm_area"] = area


def _radii(circle: Node, issues: list[Issue]) -> list[dict[str, Any]]:
    """Radii in km by direction; 「なし」 is a radius of None."""
    circle.drop("BasePoint")
    axes = circle.one("Axes")
    found = []
    for axis in axes.all("Axis") if axes else ():
        direction = axis.one("Direction")
        for node in axis.all("Radius"):
            if node.attribute("unit") in _METRIC:
                name = (direction.own_text() or direction.attribute("condition")) if direction else None
                found.append({"direction": name, "radius_km": jma_xml.number(node, issues)})
    return found
