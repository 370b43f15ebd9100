"""What the JMA telegrams with a body/volcanology1 share: kinds and areas, eruption times, plumes, winds, prose.

Source: 気象庁防災情報XMLフォーマット jmx_volc.xsd (Ver.1.3), telegram notes on 火山. A body has one VolcanoInfo for
each sort of area: 対象火山, 対象市町村等, 対象市町村の防災対応等, 対象海上予報区. `stated` makes of them one record
for each kind and area; `prose` reads VolcanoInfoContent, `observation` VolcanoObservation, `extent` polygons of ash.

Oddities: coordinates are degrees and minutes with the height above the sea, those of ash polygons degrees. A time may
be good for the day only (@significant), 頃 (@dubious), or missing. A height of a plume that nobody saw is an empty
element with the condition 不明.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import shapely

from bousai.errors import ParseError
from bousai.formats import jma_xml
from bousai.formats.jma_seismology import point
from bousai.formats.jma_xml import Position
from bousai.formats.xml_tree import Node
from bousai.model import Issue

AreaLevel = Literal["volcano", "municipality", "sea"]
_PRECISION = {
    "yyyy": "year",
    "yyyy-mm": "month",
    "yyyy-mm-dd": "day",
    "yyyy-mm-ddThh": "hour",
    "yyyy-mm-ddThh:mm": "minute",
    "yyyy-mm-ddThh:mm:ss": "second",
    "yyyy-mm-ddThh:mm:ss.sss": "second",
}
_FEWEST = 4  # positions of a ring, the last of which is the first


class Area(NamedTuple):
    """One Area: a volcano, a municipality (市町村等, seven digits) or a sea area (地方海上予報区).

    `geometry` is a WKB point: the crater where the telegram names one, else the volcano.
    """

    level: AreaLevel
    code: str
    name: str | None
    muni_code: str | None
    geometry: bytes | None
    elevation_m: float | None
    crater_name: str | None
    near: str | None


class EventTime(NamedTuple):
    """When something happened: as stated, what of it is good (year … second), 頃, and a comment in words."""

    at: str | None = None
    precision: str | None = None
    dubious: str | None = None
    comment: str | None = None


class Stated(NamedTuple):
    """One kind for one area. `info` is VolcanoInfo/@type, `last_code` and `last_name` the kind before."""

    info: str
    code: str | None
    name: str | None
    condition: str | None
    last_code: str | None
    last_name: str | None
    area: Area
    time: EventTime
    position: str


class Read(NamedTuple):
    """All records of a body in document order, and whether one had to be held back."""

    records: list[Stated]
    held_back: bool


def stated(body: Node, issues: list[Issue]) -> Read:
    """Every VolcanoInfo of a body."""
    records: list[Stated] = []
    held_back = False
    for info in body.all("VolcanoInfo"):
        name = info.attribute("type") or ""
        for item in info.all("Item"):
            time = event_time(item, issues)
            kind, last = item.one("Kind"), item.one("LastKind")
            code, kind_name, condition = _kind(kind)
            last_code, last_name, _ = _kind(last)
            for area, position in areas(item, issues):
                if area is None:
                    held_back = True
                    continue
                records.append(Stated(name, code, kind_name, condition, last_code, last_name, area, time, position))
    return Read(records, held_back)


def _kind(node: Node | None) -> tuple[str | None, str | None, str | None]:
    if node is None:
        return None, None, None
    node.drop("FormalName")  # the long form of Name
    return node.text("Code"), node.text("Name"), node.text("Condition")


def areas(item: Node, issues: list[Issue]) -> Iterator[tuple[Area | None, str]]:
    """The areas of an Item with their positions; None and an issue for one that nobody could find again."""
    holder = item.one("Areas")
    if holder is None:
        return
    code_type = holder.attribute("codeType") or ""
    level = _level(code_type)
    for node in holder.all("Area"):
        code, name = node.text("Code"), node.text("Name")
        place = _point(node, "Coordinate", issues)
        crater = _point(node, "CraterCoordinate", issues)
        crater_name, near = node.text("CraterName"), node.text("AreaFromMark")
        if code is None or level is None:
            cause = f"{name} has the code {code} of {code_type!r}, which is no area that is known"
            remedy = "the record is held back; see the code table and teach formats/jma_volcanology.py the code type"
            issues.append(Issue("unmapped_area", cause, remedy, "warning", node.position))
            yield None, node.position
            continue
        best = crater or place
        yield (
            Area(
                level=level,
                code=code,
                name=name,
                muni_code=_municipality(level, code, name, node, issues),
                geometry=point(best) if best else None,
                elevation_m=None if best is None or best.depth_km is None else round(-best.depth_km * 1000, 3),
                crater_name=crater_name,
                near=near,
            ),
            node.position,
        )


def _level(code_type: str) -> AreaLevel | None:
    if code_type == "火山名":
        return "volcano"
    if "市町村" in code_type:
        return "municipality"
    return "sea" if "海上" in code_type else None


def _municipality(level: AreaLevel, code: str, name: str | None, node: Node, issues: list[Issue]) -> str | None:
    if level != "municipality":
        return None
    if len(code) == 7 and code.isascii() and code.isdigit():
        return code[:5]
    cause = f"area code {code!r} ({name}) is not one of 7 digits"
    remedy = "find the municipality in JMA's AreaInformationCity; the item went out under the code as it is"
    issues.append(Issue("unknown_area_code", cause, remedy, "warning", node.position))
    return None


def _point(area: Node, name: str, issues: list[Issue]) -> Position | None:
    node = area.one(name)
    text = node.own_text() if node else None
    if node is None or text is None:
        return None
    try:
        return jma_xml.coordinate(text)
    except ValueError as error:
        issues.append(Issue("bad_coordinate", str(error), "ask the publisher", "warning", node.position))
        return None


def event_time(holder: Node, issues: list[Issue]) -> EventTime:
    """EventTime of an Item or of an observation."""
    node = holder.one("EventTime")
    if node is None:
        return EventTime()
    node.drop("EventDateTimeUTC")  # the same instant
    comment = node.text("EventDateTimeComment")
    stamp = node.one("EventDateTime")
    text = stamp.own_text() if stamp else None
    if stamp is None or text is None:
        return EventTime(comment=comment)
    try:
        jma_xml.instant(text, stamp.position)
    except ParseError as error:
        issues.append(Issue(error.code, error.cause, error.remedy, "warning", error.position))
        return EventTime(comment=comment)
    precision = _PRECISION.get(stamp.attribute("significant") or "yyyy-mm-ddThh:mm:ss")
    return EventTime(text, precision, stamp.attribute("dubious"), comment)


def prose(body: Node) -> dict[str, str | None]:
    """VolcanoInfoContent, and the texts of the body itself (Notice, Text)."""
    content = body.one("VolcanoInfoContent")
    texts = {
        "headline": "VolcanoHeadline",
        "activity": "VolcanoActivity",
        "prevention": "VolcanoPrevention",
        "next_advisory": "NextAdvisory",
        "other_information": "OtherInfo",
        "appendix": "Appendix",
        "remark": "Text",
    }
    found = {prop: content.text(name) if content else None for prop, name in texts.items()}
    return {**found, "text": body.text("Text"), "notice": body.text("Notice")}


def observation(body: Node, issues: list[Issue]) -> tuple[dict[str, Any], EventTime]:
    """VolcanoObservation: the coloured plume flat, the white one as an object, winds, and the rest in words."""
    node = body.one("VolcanoObservation")
    wind = node.one("WindAboveCrater") if node else None
    found: dict[str, Any] = {
        **_plume(node.one("ColorPlume") if node else None, issues),
        "white_plume": _white(node.one("WhitePlume") if node else None, issues),
        "wind_at": jma_xml.time_text(wind, "DateTime", issues) if wind else None,
        "winds": _winds(wind, issues) if wind else None,
        "observed": node.text("OtherObservation") if node else None,
        "observed_appendix": node.text("Appendix") if node else None,
    }
    return found, event_time(node, issues) if node else EventTime()


def _white(node: Node | None, issues: list[Issue]) -> dict[str, Any] | None:
    return _plume(node, issues) if node else None


def _plume(node: Node | None, issues: list[Issue]) -> dict[str, Any]:
    """Heights in the units JMA states them in (m above the crater, feet above the sea), direction, comment.

    A condition (以上, 不明, 噴煙なし) is part of a height: 3000 with 以上 is a bound.
    """
    height, above_sea = (
        (node.one("PlumeHeightAboveCrater"), node.one("PlumeHeightAboveSeaLevel")) if node else (None, None)
    )
    direction = node.one("PlumeDirection") if node else None
    return {
        "plume_height_m": _measured(height, "m", issues),
        "plume_height_type": height.attribute("type") if height else None,
        "plume_height_condition": height.attribute("condition") if height else None,
        "plume_height_text": height.attribute("description") if height else None,
        "plume_height_sea_ft": _measured(above_sea, "FT", issues),
        "plume_height_sea_condition": above_sea.attribute("condition") if above_sea else None,
        "plume_height_sea_text": above_sea.attribute("description") if above_sea else None,
        "plume_direction": direction.own_text() if direction else None,
        "plume_direction_text": direction.attribute("description") if direction else None,
        "plume_direction_condition": direction.attribute("condition") if direction else None,
        "plume_comment": node.text("PlumeComment") if node else None,
    }


def _winds(node: Node, issues: list[Issue]) -> list[dict[str, Any]]:
    found = []
    for level in node.all("WindAboveCraterElements"):
        height, degree, speed = level.one("WindHeightAboveSeaLevel"), level.one("WindDegree"), level.one("WindSpeed")
        found.append(
            {
                "height_ft": _measured(height, "FT", issues),
                "from_degree": _measured(degree, "度（真方位）", issues),
                "speed_kt": _measured(speed, "ノット", issues),
                "representative": level.attribute("heightProperty") == "代表高度",
                "text": level.attribute("description"),
            }
        )
    return found


def _measured(node: Node | None, unit: str, issues: list[Issue]) -> float | None:
    """A number in the unit that the field promises; None and an issue where it is in another."""
    value = jma_xml.number(node, issues) if node else None
    if node is None or value is None:
        return None
    stated_unit = node.attribute("unit")
    if stated_unit is None or stated_unit.upper() == unit.upper():
        return value
    cause = f"{node.position} is in {stated_unit!r}, not in {unit}"
    issues.append(
        Issue("unexpected_unit", cause, "see the telegram: the number is left out", "warning", node.position)
    )
    return None


def extent(holder: Node, issues: list[Issue]) -> bytes | None:
    """The polygons of a Property as WKB, one polygon or several; None where there is none.

    None too where one of them cannot be read: half an extent looks like a safe other half.
    """
    rings: list[list[tuple[float, float]]] = []
    broken = False
    for node in holder.all("Polygon"):
        text = node.own_text()
        if text is None:  # 火口近傍: nothing to draw
            continue
        ring = _ring(text)
        if ring is None:
            cause = f"{node.position} is no ring of coordinates: {text[:60]!r}"
            remedy = "ask the publisher; the item is published without its extent"
            issues.append(Issue("bad_polygon", cause, remedy, "warning", node.position))
            broken = True
            continue
        rings.append(ring)
    if broken or not rings:
        return None
    polygons = [shapely.Polygon(ring) for ring in rings]
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return bytes(shapely.to_wkb(shape))


def _ring(text: str) -> list[tuple[float, float]] | None:
    parts = ["".join(part.split()) for part in text.strip().removesuffix("/").split("/")]
    try:
        places = [jma_xml.coordinate(f"{part}/") for part in parts]
    except ValueError:
        return None
    ring = [(place.lon, place.lat) for place in places]
    return ring if len(ring) >= _FEWEST and ring[0] == ring[-1] else None
