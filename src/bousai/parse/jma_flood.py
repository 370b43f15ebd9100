"""River floods: 指定河川洪水予報 (VXKO50–89) and 水位周知河川に関する情報 (VXSU50–59).

Source: www.data.jma.go.jp/developer/xml/feed/extra.xml; 気象庁防災情報XMLフォーマット, notes on 指定河川洪水予報 and
水位周知河川; schema jmx_mete.xsd. Kinds in vocab/data/jma_flood_kind.csv, a code space of their own with other names
from 2026-05-28 on: 10 alone lifts, 22 lowers to an advisory that is in force.

One telegram speaks of one forecast section (予報区域, 12 digits; VXSU: 発表区間, 10 digits), in two scopes:

| scope | says |
|---|---|
| ``jma/river_flood/<section>`` | the headline: kind, level, rivers, prefectures; item ``jma/<section>`` |
| ``jma/river_flood/<section>/detail`` | the Body: 主文, stations, rain, and municipalities that may be flooded |

In the second, what the Body says of the section goes under the same id ``jma/<section>`` (water levels, criteria),
and each municipality is an item of its own, ``jma/<section>/<area of 7 digits>``.

Oddities
* A telegram may have its headline alone (a short form that JMA keeps for trouble). It changes kind and level at once;
  municipalities and stations stay as the last Body said, with the time of that, and an issue says so. They must not
  disappear: that would look like an all-clear where the level may just have risen.
* 浸水想定地区（氾濫発生情報） lists only what the breach that happened may flood. What was listed before stays
  beside it until a telegram lists 浸水想定地区 again or lifts the warning.
* EventID is the section and comes back with every flood, Serial starts again with each: a 取消 takes back the newest
  telegram of its section and no other.
* A level per station (1–5, 9 where it was not computed) is of the water level; the section's level may be higher.
* Station codes have 17 digits in VXKO and 15 in VXSU, river codes 10 and 8. PrefectureCode is 16000, not 160000.

Known gaps:
* VXSU was only seen as an official sample: its distribution is postponed
* 氾濫水の予報 (FloodAssumptionTable), 流量 and code 53 were only seen as synthetic samples
* rivers and forecast sections have no shape here; only municipalities do
* a municipality has the level of the telegram that listed it (detail_at): after a headline alone, or after a breach
  elsewhere, the item of the section is newer and may be higher
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml, unread
from bousai.formats.jma_meteorology import HeadlineItem, Place, Quantity
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import rain
from bousai.vocab.code import JmaAreaCode, jma_area_code, municipality_of, river_code
from bousai.vocab.municipality import municipalities

VERSION = "1"
HANDLES = ("VXKOii", "VXSUii")

_SECTION = ("指定河川洪水予報（予報区域）", "水位周知河川に関する情報（発表区間）")
_RIVER = ("指定河川洪水予報（河川）", "水位周知河川に関する情報（河川）")
_PREFECTURE = ("指定河川洪水予報（府県予報区等）", "水位周知河川に関する情報（府県予報区等）")
_FLOODED = "浸水想定地区"
_BREACH = "浸水想定地区（氾濫発生情報）"
_RAIN = "雨量情報"
_MEASURED = ("water_level_m", "discharge", "discharge_unit", "level", "condition")
_NO_PART = ("-", "－", "ー")
_PREF = re.compile(r"\d{2}", re.ASCII)


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """Two bulletins of kind `river_flood` for a section, then issues.

    Raises `ParseError`: those of `jma_xml.read`; ``no_section`` where no forecast section is named, ``bad_section``
    where it is not named by a code, ``no_kind`` where nothing is said of it.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    issues: list[Issue] = []
    headline = jma_meteorology.headline(telegram, issues)
    node = jma_xml.body(telegram)
    node.drop("OfficeInfo")  # the offices stand in Control; their telephone numbers are nobody's business here
    if telegram.msg_type == "withdraw":
        section = _withdrawn_section(telegram, headline)
        # What is taken back, or Text alone.
        node.drop("Text", "Notice", "TargetArea", "Warning", "MeteorologicalInfos", "Comment", "AdditionalInfo")
        for scope in (_scope(section), _scope(section) + "/detail"):
            # Without an event id it takes back the newest: EventID is the section, shared by all floods of years.
            yield jma_xml.withdrawal(telegram, kind="river_flood", scope=scope, event_id="")
    else:
        yield from _statements(telegram, headline, node, issues)
    yield from issues
    yield from unread.columns(headline, (*_SECTION, *_RIVER, *_PREFECTURE), "the headline's lists")
    yield from jma_xml.nothing_left(telegram, node)


def _scope(section: str) -> str:
    return f"jma/river_flood/{section}"


def _of(headline: dict[str, list[HeadlineItem]], types: tuple[str, str]) -> list[HeadlineItem]:
    return [item for name in types for item in headline.get(name, [])]


def _section_code(text: str | None) -> str:
    try:
        return river_code(text or "")
    except ValueError as error:
        raise ParseError(
            f"the forecast section is {text!r}, not a code of 10 or 12 digits",
            code="bad_section",
            remedy="ask the publisher; the last statement stands until then",
            position="Head/Headline/Information",
        ) from error


def _withdrawn_section(telegram: Telegram, headline: dict[str, list[HeadlineItem]]) -> str:
    named = [place.code for item in _of(headline, _SECTION) for place in item.areas]
    return _section_code(named[0] if named else telegram.event_id)


def _statements(
    telegram: Telegram, headline: dict[str, list[HeadlineItem]], body: Node, issues: list[Issue]
) -> Iterator[Bulletin]:
    found: dict[str, tuple[HeadlineItem, Place]] = {}
    for item in _of(headline, _SECTION):
        for place in item.areas:
            found.setdefault(_section_code(place.code), (item, place))
    if not found:
        raise ParseError(
            "no forecast section is named in the headline",
            code="no_section",
            remedy="see whether JMA changed the telegram; the last statement stands until then",
            position="Head/Headline/Information",
        )
    of_body = telegram.event_id if telegram.event_id in found else next(iter(found))
    if of_body != telegram.event_id or len(found) > 1:
        issues.append(
            Issue(
                "section_differs",
                f"EventID is {telegram.event_id or 'empty'}, the headline names {', '.join(found)}: "
                f"the Body is taken to speak of {of_body}",
                "none needed for a sample; for a real telegram ask the publisher",
                "warning",
                "Head/EventID",
            )
        )
    for code, (item, place) in found.items():
        common = _common(telegram, headline, item, place, code, issues)
        ended = bool(common.pop("ended"))
        position = "Head/Headline/Information[1]"
        yield jma_xml.statement(
            telegram,
            kind="river_flood",
            scope=_scope(code),
            event_id="",
            items=table_of([Item(f"jma/{code}", common, ended=ended, position=position)]),
            complete=True,
        )
        if code == of_body:
            yield _detail(telegram, body, code, common, ended=ended, issues=issues)
        elif ended:
            yield _nothing_more(telegram, code)


def _nothing_more(telegram: Telegram, section: str) -> Bulletin:
    return jma_xml.statement(
        telegram,
        kind="river_flood",
        scope=_scope(section) + "/detail",
        event_id="",
        items=table_of([]),
        complete=True,
    )


def _common(
    telegram: Telegram,
    headline: dict[str, list[HeadlineItem]],
    item: HeadlineItem,
    place: Place,
    code: str,
    issues: list[Issue],
) -> dict[str, Any]:
    """What the headline says of the section; with `ended` beside the properties."""
    if not item.kinds or item.kinds[0].code is None:
        raise ParseError(
            f"nothing is said of the forecast section {place.name}",
            code="no_kind",
            remedy="ask the publisher; the last statement stands until then",
            position="Head/Headline/Information",
        )
    kind = item.kinds[0]
    known = rain.flood_kind(kind.code or "", telegram.issued_at)
    if known is None or len(item.kinds) > 1:
        issues.append(
            Issue(
                "unknown_kind_code",
                f"{place.name} has {' and '.join(f'{one.code} {one.name}' for one in item.kinds)}: "
                + ("kept without level and grade" if known is None else "the first is kept"),
                "see the code table of 指定河川洪水予報 and add the code to vocab/data/jma_flood_kind.csv",
                "warning",
                "Head/Headline/Information",
            )
        )
    rivers = _with_kind(_of(headline, _RIVER))
    return {
        "area_type": "section",
        "section_code": code,
        "section_name": place.name,
        "river_code": rivers[0]["code"] if len(rivers) == 1 else None,
        "river_name": "、".join(one["name"] for one in rivers if one["name"]) or None,
        "rivers": rivers,
        "kind_code": kind.code,
        "kind_name": kind.name,
        "condition": kind.condition,
        "level": known.level if known else None,
        "grade": known.grade if known else None,
        "change": known.change if known else None,
        "title": telegram.head_title or None,
        "headline": telegram.headline or None,
        "prefectures": _with_kind(_of(headline, _PREFECTURE)),
        "telegram": telegram.bulletin_type.removesuffix("ii"),
        # A kind that no table has is in force until a known one says otherwise.
        "ended": known is not None and not known.active,
    }


def _with_kind(items: list[HeadlineItem]) -> list[dict[str, str | None]]:
    """Rivers or prefectures, each with the kind that the headline states for it."""
    return [
        {**place.plain(), "kind_code": item.kinds[0].code if item.kinds else None}
        for item in items
        for place in item.areas
    ]


def _detail(
    telegram: Telegram, body: Node, section: str, common: dict[str, Any], *, ended: bool, issues: list[Issue]
) -> Bulletin:
    """What the Body says: of the section and of each municipality that may be flooded."""
    short = not any(name in body for name in ("Warning", "MeteorologicalInfos", "AdditionalInfo"))
    warnings = list(body.all("Warning"))
    texts: list[dict[str, Any]] = []
    flooded: list[_Flooded] = []
    for warning in warnings:
        for item in warning.all("Item"):
            _warning_item(item, texts, flooded)
    notes = [*body.all("Notice"), *(one for comment in body.all("Comment") for one in comment.all("Text"))]
    infos = jma_meteorology.infos(body, issues)
    stations = _Stations()
    for text in texts:
        for one in text["stations"]:
            stations.named(one["code"], one["name"])
    for quantity in infos.quantities:
        stations.measured(quantity, issues)
    _criteria(body, stations, issues)
    listed = sorted({one.kind for one in flooded})
    items: list[Item] = []
    held_back = 0
    if not (short or ended):
        rain_texts = [
            {"at": one.where.at, "type": one.type, "text": one.text}
            for one in infos.texts
            if one.where.section == _RAIN
        ]
        own = {
            "main_texts": texts,
            "rain_texts": rain_texts,
            "rain": [one.plain() for one in infos.quantities if not _of_gauge(one)],
            "stations": stations.plain(),
            "inundation_forecast": [one.plain() for one in infos.inundation],
            "other_texts": [
                *(said for note in notes if (said := note.own_text())),
                *(one.text for one in infos.texts if one.where.section != _RAIN),
            ],
            "flooded_areas": [one.plain() for one in flooded],
            "detail_at": telegram.issued_at.isoformat(),
        }
        nothing: dict[str, Any] = dict.fromkeys(common)
        empty: dict[str, Any] = dict.fromkeys(own)
        blank: dict[str, Any] = dict.fromkeys(("area_code", "area_name", "sub_areas", "basis"))
        # Without kind and level: those are for the headline to say, which a short telegram may renew alone.
        items.append(Item(f"jma/{section}", {**nothing, **own, **blank}, position="Body"))
        for code, parts in _by_area(flooded).items():
            muni = _municipality(code, parts, issues)
            if muni is None:
                held_back += 1
                continue
            items.append(
                Item(
                    f"jma/{section}/{code}",
                    {
                        **common,
                        **empty,
                        "detail_at": own["detail_at"],
                        "area_type": "municipality",
                        "area_code": code,
                        "area_name": parts[0].area_name,
                        "sub_areas": [name for part in parts for name in part.sub_areas],
                        "basis": parts[0].kind,
                        "stations": [
                            {"code": part.station_code, "name": part.station_name}
                            for part in parts
                            if part.station_name
                        ],
                    },
                    muni_code=muni,
                    position=parts[0].position,
                )
            )
    if short and not ended:
        issues.append(
            Issue(
                "headline_only",
                f"{telegram.head_title} has its headline alone: municipalities and water levels are those of the "
                "last telegram that had a Body",
                "see the site of the river office for water levels and the areas that may be flooded",
                "warning",
                "Body",
            )
        )
    complete = ended or (not short and not held_back and _BREACH not in listed)
    return jma_xml.statement(
        telegram,
        kind="river_flood",
        scope=_scope(section) + "/detail",
        event_id="",
        items=table_of(items),
        complete=complete,
    )


# ── what may be flooded ──────────────────────────────────────────────────────────────────────────────────


class _Flooded(NamedTuple):
    """One Area of 浸水想定地区: parts (地区) of a municipality, and for which station they are listed."""

    kind: str
    area_code: str | None
    area_name: str | None
    pref_code: str | None
    station_code: str | None
    station_name: str | None
    sub_areas: list[str]
    position: str

    def plain(self) -> dict[str, Any]:
        return {
            "area_code": self.area_code,
            "area_name": self.area_name,
            "pref_code": self.pref_code,
            "station_code": self.station_code,
            "station_name": self.station_name,
            "sub_areas": self.sub_areas,
            "basis": self.kind,
        }


def _flooded(node: Node, kind: str, stations: list[dict[str, Any]]) -> _Flooded:
    """VXKO: Name and Code are the station's, the place stands in City. VXSU: they are the area's."""
    code, name = node.text("Code"), node.text("Name")
    city, city_code = node.text("City"), node.text("CityCode")
    prefecture, pref_code = node.text("Prefecture"), node.text("PrefectureCode")
    of_station = node.attribute("codeType") == "水位観測所"
    own_area = not of_station and code is not None and len(code) == 7
    station = stations[0] if stations else {"code": None, "name": None}
    return _Flooded(
        kind=kind,
        area_code=code if own_area else city_code,
        area_name=name if own_area else "".join(part for part in (prefecture, city) if part) or name,
        pref_code=pref_code[:2] if pref_code and _PREF.match(pref_code) else None,
        station_code=code if of_station else station["code"],
        station_name=name if of_station else station["name"],
        sub_areas=[one for one in (node.text("SubCityList") or "").split() if one not in _NO_PART],
        position=node.position,
    )


def _warning_item(item: Node, texts: list[dict[str, Any]], flooded: list[_Flooded]) -> None:
    """One Item of the Warning: 主文 of rivers and stations, or 浸水想定地区."""
    said: list[tuple[str | None, str]] = []
    kind_of_list = None
    for kind in item.all("Kind"):
        name = kind.text("Name")
        if name and name.startswith(_FLOODED):
            kind_of_list = name
        kind.drop("Code", "Condition", "Status")  # the headline says the kind; 対象地域 says no more than the name
        for node in kind.all("Property"):
            type_ = node.text("Type")
            if type_ and type_.startswith(_FLOODED):
                kind_of_list = kind_of_list or type_
            where = jma_meteorology.Where("", type_, (), None)
            for part in node.all("SignificancyPart"):
                said += [(words.type, words.text) for words in jma_meteorology.significancies(part, where, {})]
            said += [(type_, words.text) for words in jma_meteorology.texts(node, where, {})]
    stations = [
        jma_meteorology.station(one).plain() for group in item.all("Stations") for one in group.all("Station")
    ]
    if kind_of_list is not None:
        for group in item.all("Areas"):
            flooded += [_flooded(one, kind_of_list, stations) for one in group.all("Area")]
    rivers = [one.plain() for one in jma_meteorology.places(item)]
    texts += [{"type": type_, "text": text, "rivers": rivers, "stations": stations} for type_, text in said]


def _by_area(flooded: list[_Flooded]) -> dict[str, list[_Flooded]]:
    found: dict[str, list[_Flooded]] = {}
    for one in flooded:
        found.setdefault(one.area_code or "", []).append(one)
    return found


def _municipality(code: str, parts: list[_Flooded], issues: list[Issue]) -> str | None:
    area: JmaAreaCode | None
    try:
        area = jma_area_code(code)
    except ValueError:
        area = None
    muni = municipality_of(area) if area else None
    if muni is not None and muni in municipalities():
        return muni
    names = "、".join(dict.fromkeys(part.area_name or "?" for part in parts))
    issues.append(
        Issue(
            "unknown_municipality",
            f"{names} may be flooded, and its code {code!r} is no municipality's: listed with its section alone",
            "find the municipality; if it is new, add it to vocab/data/municipality.csv and retry the document",
            "warning",
            parts[0].position,
        )
    )
    return None


# ── stations ─────────────────────────────────────────────────────────────────────────────────────────────


class _Stations:
    """What is said of each gauging station, gathered from three places of the Body."""

    def __init__(self) -> None:
        # By code and name: samples give one and the same code to all their stations.
        self._known: dict[tuple[str | None, str | None], dict[str, Any]] = {}
        self._steps: dict[tuple[str | None, str | None], dict[tuple[Any, ...], dict[str, Any]]] = {}

    def named(self, code: str | None, name: str | None, location: str | None = None) -> dict[str, Any]:
        key = (code, name)
        one = self._known.setdefault(
            key,
            {
                "code": code,
                "name": name,
                "location": None,
                "criteria": [],
                "sections": [],
                "remark": None,
            },
        )
        one["location"] = one["location"] or location
        return one

    def measured(self, quantity: Quantity, issues: list[Issue]) -> None:
        """A water level, discharge or level at one time; levels stand beside the value, under the same time."""
        if not _of_gauge(quantity):
            return
        place = next(place for place in quantity.where.places if place.station)
        self.named(place.code, place.name, place.location)
        period = quantity.period
        at, name = (period.start, period.name) if period else (quantity.time or quantity.where.at, None)
        steps = self._steps.setdefault((place.code, place.name), {})
        step = steps.setdefault((at, name), {"at": at, "name": name, **dict.fromkeys(_MEASURED)})
        if quantity.name == "レベル":
            # 9 and an empty one stand where nothing was computed, see condition.
            step["level"] = int(quantity.value) if quantity.value in (0, 1, 2, 3, 4, 5) else None
        elif quantity.name == "流量":
            step["discharge"], step["discharge_unit"] = quantity.value, quantity.unit
            step["condition"] = quantity.condition
        else:
            step["condition"] = quantity.condition
            if quantity.unit == "m":
                step["water_level_m"] = quantity.value
            elif quantity.value is not None:
                issues.append(
                    Issue(
                        "unknown_unit",
                        f"the water level of {place.name} is {quantity.value} {quantity.unit}, not in m: left out",
                        "ask the publisher",
                        "warning",
                        "Body/MeteorologicalInfos",
                    )
                )

    def plain(self) -> list[dict[str, Any]]:
        rows = []
        for key, one in self._known.items():
            series = list(self._steps.get(key, {}).values())
            observed = next((step for step in series if step["name"] == "現況"), None)
            rows.append(
                {
                    **one,
                    "series": series,
                    "observed_at": observed["at"] if observed else None,
                    "water_level_m": observed["water_level_m"] if observed else None,
                    "level": observed["level"] if observed else None,
                    "condition": observed["condition"] if observed else None,
                }
            )
        return rows


def _of_gauge(quantity: Quantity) -> bool:
    return quantity.name in ("水位", "流量", "レベル") and any(place.station for place in quantity.where.places)


def _criteria(body: Node, stations: _Stations, issues: list[Issue]) -> None:
    """AdditionalInfo: criteria and 受け持ち区間 of each station."""
    for info in body.all("AdditionalInfo"):
        for addition in info.all("FloodForecastAddition"):
            for part in addition.all("HydrometricStationPart"):
                area = part.one("Area")
                if area is None:
                    continue
                # Every 地区 along the section, whether it may be flooded now or not: 浸水想定地区 tells that.
                area.drop("SubCityList")
                place = jma_meteorology.area(area)
                station = stations.named(place.code, place.name, place.location)
                station["sections"] = [text for one in part.all("ChargeSection") if (text := one.own_text())]
                station["remark"] = part.text("Remark")
                for criteria in part.all("Criteria"):
                    for name in ("WaterLevel", "Discharge"):
                        for one in criteria.all(name):
                            station["criteria"].append(
                                {
                                    "name": one.attribute("type"),
                                    "value": jma_xml.number(one, issues),
                                    "unit": one.attribute("unit"),
                                    "condition": one.attribute("condition"),
                                }
                            )
