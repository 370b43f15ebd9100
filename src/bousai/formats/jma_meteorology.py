"""JMA telegrams on weather and rivers: what their headlines and bodies share (schema jmx_mete.xsd).

Source: 気象庁防災情報XMLフォーマット, jmx_ib.xsd (type.headline) and jmx_mete.xsd. A headline names kinds and the
areas that they hold for; a body has 気象要素 (MeteorologicalInfos) with prose, quantities and events, each for an
area or a station and for a moment or one of the periods that a TimeDefines declares:

    tags = jma_meteorology.headline(telegram, issues)
    said = jma_meteorology.infos(body, issues)
    said.texts, said.quantities, said.events

Oddities: a quantity stands in one of many ``…Part`` elements that are all built alike, directly or within ``Base``,
``Becoming``, ``Local`` and the like; all of them are read by the same rule. An element outside these rules stays
unread and is reported by `jma_xml.nothing_left`. An empty quantity with a condition (値なし, 欠測, 未計算) is kept,
with value None: that something is missing is itself said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from bousai.errors import ParseError
from bousai.formats import jma_xml
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Issue
from bousai.vocab import rain

_QUANTITIES = frozenset(
    {
        "Discharge",
        "FloodDepth",
        "Humidity",
        "Icing",
        "Precipitation",
        "PrecipitationBasedIndex",
        "Pressure",
        "ProbabilityOfPrecipitation",
        "SeaIce",
        "SnowDepth",
        "SnowfallDepth",
        "Sunshine",
        "Temperature",
        "TidalLevel",
        "TidalPeriod",
        "Visibility",
        "WaterLevel",
        "WaveHeight",
        "Weather",
        "WindDegree",
        "WindDirection",
        "WindScale",
        "WindSpeed",
    }
)
_WITHIN = frozenset({"Base", "Temporary", "Becoming", "SubArea", "Local", "Sequence"})
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)


class Kind(NamedTuple):
    """A kind in the headline: 警報等, or an 情報タグ whose word stands in `condition`."""

    name: str | None
    code: str | None
    condition: str | None


class Place(NamedTuple):
    """An area or a station. `code_type` is the name of the code list; `status` e.g. 付近."""

    code: str | None
    name: str | None
    code_type: str | None
    station: bool
    location: str | None
    status: str | None

    def plain(self) -> dict[str, str | None]:
        """Code and name, for a property."""
        return {"code": self.code, "name": self.name}


class HeadlineItem(NamedTuple):
    """Kinds and the areas for which they hold."""

    kinds: list[Kind]
    areas: list[Place]


class Period(NamedTuple):
    """A TimeDefine: a moment, or a span with a duration (ISO 8601, as written)."""

    start: str | None
    duration: str | None
    name: str | None

    def end(self) -> datetime | None:
        """Where a span ends; None for a moment and for a duration that is not of days, hours, minutes, seconds.

        >>> Period("2024-07-13T15:00:00+09:00", "PT48H", None).end().isoformat()
        '2024-07-15T15:00:00+09:00'
        """
        match = _DURATION.fullmatch(self.duration or "")
        if self.start is None or match is None or not any(match.groups()):
            return None
        days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
        try:
            return datetime.fromisoformat(self.start) + timedelta(
                days=days, hours=hours, minutes=minutes, seconds=seconds
            )
        except OverflowError:  # a duration of millions of years
            return None


@dataclass(frozen=True, slots=True)
class Where:
    """What holds for all that is said in one Item: the section, what it is about, places, the time of the section."""

    section: str
    element: str | None
    places: tuple[Place, ...]
    at: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """One piece of prose. `type` is 本文, 解説, 気象要素, 補足 …"""

    where: Where
    type: str | None
    text: str
    period: Period | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number or direction. `value` is None where it is missing or not a number, then see `text`, `condition`.

    `time` is the moment that it was measured at or is expected for, `period` the span it is about; `part` the local
    area that it is narrowed to (AreaName), `phase` a change in time (のち …).
    """

    where: Where
    name: str
    value: float | None
    text: str | None
    unit: str | None
    condition: str | None
    time: str | None
    period: Period | None
    part: str | None
    phase: str | None
    sentence: str | None
    remark: str | None

    def plain(self) -> dict[str, Any]:
        """As an object for a property."""
        return {
            "section": self.where.section,
            "element": self.where.element,
            "places": [place.plain() for place in self.where.places],
            "part": self.part,
            "quantity": self.name,
            "value": self.value,
            "unit": self.unit,
            "condition": self.condition,
            "text": self.text,
            "time": self.time,
            "period": self.period.name if self.period else None,
            "period_from": self.period.start if self.period else None,
            "period_duration": self.period.duration if self.period else None,
            "phase": self.phase,
            "sentence": self.sentence,
            "remark": self.remark,
        }


@dataclass(frozen=True, slots=True)
class Happening:
    """A 現象 (Event): 線状降水帯, 竜巻, 突風 … with when it was seen or is expected."""

    where: Where
    type: str | None
    names: tuple[str, ...]
    classes: tuple[str, ...]
    times: tuple[str, ...]
    durations: tuple[str, ...]
    period: Period | None
    part: str | None
    location: str | None
    coordinate: str | None
    sentence: str | None
    remark: str | None

    def plain(self) -> dict[str, Any]:
        """As an object for a property."""
        return {
            "section": self.where.section,
            "event": self.type,
            "names": list(self.names),
            "classes": list(self.classes),
            "places": [place.plain() for place in self.where.places],
            "part": self.part,
            "location": self.location,
            "coordinate": self.coordinate,
            "times": list(self.times),
            "durations": list(self.durations),
            "period": self.period.name if self.period else None,
            "sentence": self.sentence,
            "remark": self.remark,
        }


@dataclass(frozen=True, slots=True)
class Inundation:
    """氾濫水の予報: when water reaches a place and how deep it gets.

    Times as written, with their 頃, and in words as the time since the breach (`…_after`).
    """

    where: Where
    area: Place | None
    district: str | None
    reached_at: str | None
    reached_after: str | None
    deepest_at: str | None
    deepest_after: str | None
    dubious: str | None
    depths: tuple[Quantity, ...]
    remark: str | None

    def plain(self) -> dict[str, Any]:
        """As an object for a property."""
        return {
            "area": self.area.plain() if self.area else None,
            "district": self.district,
            "reached_at": self.reached_at,
            "reached_after": self.reached_after,
            "deepest_at": self.deepest_at,
            "deepest_after": self.deepest_after,
            "dubious": self.dubious,
            "depths": [
                {
                    "quantity": one.name,
                    "value": one.value,
                    "unit": one.unit,
                    "condition": one.condition,
                    "text": one.text,
                }
                for one in self.depths
            ],
            "remark": self.remark,
        }


@dataclass(slots=True)
class Infos:
    """Everything that the MeteorologicalInfos of a body say, in document order.

    `sections` are their types with the latest end of any period that they declare.
    """

    texts: list[Words] = field(default_factory=list)
    quantities: list[Quantity] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    inundation: list[Inundation] = field(default_factory=list)
    sections: dict[str, datetime | None] = field(default_factory=dict)


def superseded(telegram: Telegram) -> Issue | None:
    """The one issue of an old telegram that since the system of 2026 only repeats what a newer type says."""
    newer = rain.superseded_by(telegram.bulletin_type, telegram.issued_at)
    if newer is None:
        return None
    return Issue(
        code="superseded_telegram",
        cause=f"{telegram.bulletin_type} of {telegram.issued_at.isoformat()} repeats what {newer} says",
        remedy=f"nothing to do: this is taken from {newer} since it began",
        severity="info",
    )


def headline(telegram: Telegram, issues: list[Issue]) -> dict[str, list[HeadlineItem]]:
    """What Head/Headline says, by the type of its Information elements; what it has beside that becomes an issue."""
    node = jma_xml.headline(telegram)
    if node is None:
        return {}
    found: dict[str, list[HeadlineItem]] = {}
    for information in node.all("Information"):
        items = found.setdefault(information.attribute("type") or "", [])
        for item in information.all("Item"):
            item.drop("LastKind")  # what was in force before: the store knows
            kinds = [Kind(kind.text("Name"), kind.text("Code"), kind.text("Condition")) for kind in item.all("Kind")]
            areas: list[Place] = []
            for group in item.all("Areas"):
                code_type = group.attribute("codeType")
                for node_of_area in group.all("Area"):
                    # Shapes are those of events (JMA areas have none here); such a telegram tells them in its Body.
                    node_of_area.drop("Circle", "Coordinate", "Line", "Polygon")
                    code, name = node_of_area.text("Code"), node_of_area.text("Name")
                    areas.append(Place(code, name, code_type, station=False, location=None, status=None))
            items.append(HeadlineItem(kinds, areas))
    issues.extend(node.nothing_left())
    return found


def area(node: Node, code_type: str | None = None) -> Place:
    """An Area of a body."""
    node.drop("CodeList")  # areas of which it consists, or of which it is a part: the list does not say which
    return Place(
        code=node.text("Code"),
        name=node.text("Name"),
        code_type=node.attribute("codeType") or code_type,
        station=False,
        location=node.text("Location"),
        status=node.text("Status"),
    )


def station(node: Node) -> Place:
    """A Station: its first code, with the name of the list."""
    codes = list(node.all("Code"))
    node.drop("Coordinate")  # to minutes only; the station lists of JMA and MLIT have better ones
    return Place(
        code=codes[0].own_text() if codes else None,
        name=node.text("Name"),
        code_type=codes[0].attribute("type") if codes else None,
        station=True,
        location=node.text("Location"),
        status=node.text("Status"),
    )


def places(item: Node) -> tuple[Place, ...]:
    """Every area and station of an Item, in the order of the schema."""
    found: list[Place] = []
    for group in item.all("Areas"):
        found += [area(one, group.attribute("codeType")) for one in group.all("Area")]
    for group in item.all("Stations"):
        found += [station(one) for one in group.all("Station")]
    found += [area(one) for one in item.all("Area")]
    found += [station(one) for one in item.all("Station")]
    return tuple(found)


def infos(body: Node, issues: list[Issue]) -> Infos:
    """Pop and read every MeteorologicalInfos of a body."""
    found = Infos()
    for group in body.all("MeteorologicalInfos"):
        section = group.attribute("type") or ""
        ends: list[datetime] = []
        for info in group.all("MeteorologicalInfo"):
            at = jma_xml.time_text(info, "DateTime", issues)
            info.drop("Name")  # the period in words
            period = Period(at, info.text("Duration"), None)
            ends += [end] if (end := period.end()) else []
            for item in info.all("Item"):
                _item(item, section, at, {}, found, issues)
        for series in group.all("TimeSeriesInfo"):
            periods = time_periods(series, issues)
            ends += [end for one in periods.values() if (end := one.end())]
            for item in series.all("Item"):
                _item(item, section, None, periods, found, issues)
        known = found.sections.get(section)
        found.sections[section] = max([*ends, *([known] if known else [])], default=None)
    return found


def time_periods(series: Node, issues: list[Issue]) -> dict[str, Period]:
    """The TimeDefines of one TimeSeriesInfo by timeId, which means something else in the next."""
    found = {}
    for group in series.all("TimeDefines"):
        for define in group.all("TimeDefine"):
            found[define.attribute("timeId") or ""] = Period(
                jma_xml.time_text(define, "DateTime", issues), define.text("Duration"), define.text("Name")
            )
    return found


def _item(
    item: Node, section: str, at: str | None, periods: dict[str, Period], found: Infos, issues: list[Issue]
) -> None:
    said_of = places(item)
    # About warnings by municipality; here they say nothing.
    item.drop("ChangeStatus", "FullStatus", "EditingMark", "OtherReport")
    for kind in item.all("Kind"):
        kind.drop("Name", "Code", "ClassName", "DateTime", "Status")  # name the element once more
        condition = kind.text("Condition")
        if condition:
            found.texts.append(Words(Where(section, None, said_of, at), "Condition", condition, None))
        for node in kind.all("Property"):
            where = Where(section, node.text("Type"), said_of, at)
            _property(node, where, periods, found, issues)


def _property(node: Node, where: Where, periods: dict[str, Period], found: Infos, issues: list[Issue]) -> None:
    found.texts += texts(node, where, periods)
    for name in node.names():
        if name == "EventPart":
            for part in node.all(name):
                found.events += _events(part, where, periods, _Context(), issues)
        elif name == "ClimateFeaturePart":
            for part in node.all(name):
                _climate(part, where, found)
        elif name == "SignificancyPart":
            for part in node.all(name):
                found.texts += significancies(part, where, periods)
        elif name == "FloodAssumptionTable":
            for part in node.all(name):
                found.inundation += _inundation(part, where, issues)
        elif name.endswith("Part"):
            for part in node.all(name):
                found.quantities += _quantities(part, where, periods, _Context(), issues)


def texts(node: Node, where: Where, periods: dict[str, Period]) -> Iterator[Words]:
    """Every Text of a node that is not empty."""
    for one in node.all("Text"):
        if text := one.own_text():
            yield Words(where, one.attribute("type"), text, periods.get(one.attribute("refID") or ""))


@dataclass(frozen=True, slots=True)
class _Context:
    """What the elements around a quantity say of it."""

    period: Period | None = None
    time: str | None = None
    part: str | None = None
    phase: str | None = None
    sentence: str | None = None
    remark: str | None = None


def _context(node: Node, outer: _Context, periods: dict[str, Period], issues: list[Issue]) -> _Context:
    sentences = [text for one in node.all("Sentence") if (text := one.own_text())]
    return _Context(
        period=periods.get(node.attribute("refID") or "") or outer.period,
        time=jma_xml.time_text(node, "Time", issues) or outer.time,
        part=node.text("AreaName") or outer.part,
        phase=node.text("TimeModifier") or outer.phase,
        sentence=" ".join(sentences) or outer.sentence,
        remark=node.text("Remark") or outer.remark,
    )


def quantities(part: Node, where: Where, periods: dict[str, Period], issues: list[Issue]) -> Iterator[Quantity]:
    """Every number and direction of one ``…Part`` of a Property."""
    return _quantities(part, where, periods, _Context(), issues)


def _quantities(
    node: Node, where: Where, periods: dict[str, Period], outer: _Context, issues: list[Issue]
) -> Iterator[Quantity]:
    context = _context(node, outer, periods, issues)
    for name in node.names():
        if name in _WITHIN:
            for inner in node.all(name):
                yield from _quantities(inner, where, periods, context, issues)
        elif name in _QUANTITIES:
            for one in node.all(name):
                period = periods.get(one.attribute("refID") or "") or context.period
                yield _quantity(one, name, where, context, period)


def _quantity(node: Node, name: str, where: Where, context: _Context, period: Period | None) -> Quantity:
    own = node.own_text()
    value = _number(own)
    return Quantity(
        where=where,
        name=node.attribute("type") or name,
        value=value,
        text=node.attribute("description") or (own if value is None and own != "NaN" else None),
        unit=node.attribute("unit"),
        condition=node.attribute("condition") or node.attribute("bound"),
        time=context.time,
        period=period,
        part=context.part,
        phase=context.phase,
        sentence=context.sentence,
        remark=context.remark,
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and isfinite(value) else None


def _events(
    node: Node, where: Where, periods: dict[str, Period], outer: _Context, issues: list[Issue]
) -> Iterator[Happening]:
    context = _context(node, outer, periods, issues)
    location = node.text("Location")
    coordinate = next((text for part in node.all("Coordinate") if (text := _coordinate(part))), None)
    for name in node.names():
        if name in _WITHIN:
            for inner in node.all(name):
                yield from _events(inner, where, periods, context, issues)
        elif name == "Event":
            for event in node.all(name):
                sentence = [text for one in event.all("Sentence") if (text := one.own_text())]
                yield Happening(
                    where=where,
                    type=event.attribute("type"),
                    names=_own_texts(event.all("EventName")),
                    classes=_own_texts(event.all("EventClass")),
                    times=tuple(time for one in event.all("Time") if (time := _instant(one, issues))),
                    durations=_own_texts(event.all("Duration")),
                    period=periods.get(event.attribute("refID") or "") or context.period,
                    part=context.part,
                    location=location,
                    coordinate=coordinate,
                    sentence=" ".join(sentence) or context.sentence,
                    remark=event.text("Remark") or context.remark,
                )


def _inundation(table: Node, where: Where, issues: list[Issue]) -> Iterator[Inundation]:
    of = table.one("Area")
    place = area(of) if of else None
    remark = table.text("Remark")
    for part in table.all("FloodAssumptionPart"):
        reached, deepest = part.one("AttainmentTime"), part.one("AttainmentDeepestTime")
        yield Inundation(
            where=where,
            area=place,
            district=part.text("FloodAssumptionArea"),
            reached_at=_instant(reached, issues),
            reached_after=reached.attribute("description") if reached else None,
            deepest_at=_instant(deepest, issues),
            deepest_after=deepest.attribute("description") if deepest else None,
            dubious=next((word for one in (reached, deepest) if one and (word := one.attribute("dubious"))), None),
            depths=tuple(_quantity(one, "FloodDepth", where, _Context(), None) for one in part.all("FloodDepth")),
            remark=remark,
        )


def _instant(node: Node | None, issues: list[Issue]) -> str | None:
    """The time in an element, as written; one that cannot be read is None and an issue."""
    text = node.own_text() if node else None
    if node is None or text is None:
        return None
    try:
        jma_xml.instant(text, node.position)
    except ParseError as error:
        issues.append(Issue(error.code, error.cause, error.remedy, "warning", error.position))
        return None
    return text


def _own_texts(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(text for node in nodes if (text := node.own_text()))


def _coordinate(part: Node) -> str | None:
    return part.own_text() or next(iter(_own_texts(part.all("Coordinate"))), None)


def _climate(part: Node, where: Where, found: Infos) -> None:
    """早期天候情報: probabilities of what is far from normal, with their thresholds."""
    for one in part.all("GeneralSituationText"):
        if text := one.own_text():
            found.texts.append(Words(where, one.attribute("type"), text, None))
    for element in part.all("SignificantClimateElement"):
        found.texts += texts(element, where, {})
        for name in element.names():
            if name.startswith(("Probability", "Threshold")):
                for one in element.all(name):
                    quantity = _quantity(one, name, where, _Context(part=element.attribute("kind")), None)
                    found.quantities.append(quantity)


def significancies(part: Node, where: Where, periods: dict[str, Period]) -> Iterator[Words]:
    """危険度: what each is called, e.g. 警戒レベル２ for type 洪水害危険度."""
    for base in [*part.all("Base"), *part.all("Local")]:
        local = base.text("AreaName")
        for one in base.all("Significancy"):
            one.drop("Code")  # says the same as the name
            words = [one.text("Name"), one.text("Condition"), one.text("Sentence"), one.text("Remark")]
            text = " ".join(word for word in words if word)
            if text:
                period = periods.get(one.attribute("refID") or "")
                yield Words(where, one.attribute("type"), f"{local} {text}" if local else text, period)
        yield from significancies(base, where, periods)
