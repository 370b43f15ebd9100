"""Outlooks of JMA (時系列情報, 早期注意情報): what is expected by time window, before any warning is issued.

Source: www.data.jma.go.jp/developer/xml/feed/regular.xml; 気象庁防災情報XMLフォーマット, notes on these telegrams
with 別表5 (code of 危険度); schema jmx_mete.xsd (type.TimeSeriesInfo).

| type | what | horizon |
|---|---|---|
| VPWP50 | 気象警報・注意報時系列情報: 危険度 and quantities by municipality, until tomorrow | time_series |
| VPFD61 | 早期注意情報（明後日まで）: 警報級の可能性 by area | near |
| VPFD60 | 警報級の可能性（明日まで）, which VPFD61 replaced on 2026-05-28 | near |
| VPFW60 | 警報級の可能性（明後日以降）, by day | far |

One telegram is the whole statement for its horizon and its 府県予報区: scope ``jma/weather_outlook/near/370000``,
complete. One item for each area and element (Property/Type), id ``jma/near/370000/大雨の警報級の可能性``, with a list
of `windows`; those that follow each other and say the same are one. An item ends with its last window.

None of this is a warning: the level of a 危険度 is what JMA expects (相当), and only a warning says that it is so.

Oddities
* A telegram has several TimeSeriesInfo, each with TimeDefines of its own: timeId 1 is another time in each, and two
  of them may have the same start. One element (雨) stands in two of them: hourly amounts and those of 24 hours.
* EventID is empty and the areas do not name the region: it is read from the first words of Head/Title. A region that
  is no 府県予報区 of the table (a prefecture as a whole) is known by its name instead of a code.
* 値なし is a value: that nothing is said is said. In VPFD and VPFW it is an empty element with a condition.
* なし means that the phenomenon does not occur in this season.
* VPFD60 goes on in parallel until 2028 or later; since 2026-05-28 it yields one issue and no bulletin.

Known gaps:
* VPFD60 and VPFW60 were only seen as synthetic samples, VPWP50 and VPFD61 as official ones
* areas of 早期注意情報 are coarser than municipalities and have no code of one; no item has a shape
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bousai.errors import ParseError
from bousai.formats import jma_meteorology, jma_xml
from bousai.formats.jma_meteorology import Period, Quantity, Where
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import outlook, rain, warning

VERSION = "1"
_HORIZONS = {"VPWP50": "time_series", "VPFD60": "near", "VPFD61": "near", "VPFW60": "far"}
HANDLES = _HORIZONS.keys()

_REGION = re.compile(r"(.+?)(?:警戒・注意事項時系列情報|早期注意情報|警報級の可能性).*")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """At most one bulletin of kind `weather_outlook`, then issues.

    Raises `ParseError`: those of `jma_xml.read`; ``no_region`` where the title names none; ``no_window`` where a
    statement has no item at all.
    """
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES) or jma_meteorology.superseded(telegram):
        yield issue
        return
    horizon = _HORIZONS[telegram.bulletin_type]
    region_code, region = _region(telegram)
    scope = f"jma/weather_outlook/{horizon}/{region_code or region}"
    node = jma_xml.body(telegram)
    issues: list[Issue] = []
    if telegram.msg_type == "withdraw":
        # What is taken back: on a 取消 the Body has Text alone, or what was said.
        node.drop("Text", "MeteorologicalInfos", "Comment", "Notice", "TargetArea", "OfficeInfo", "AdditionalInfo")
        yield jma_xml.withdrawal(telegram, kind="weather_outlook", scope=scope, event_id="")
    else:
        outlooks = _Outlooks(telegram, horizon, region_code, region)
        for group in node.all("MeteorologicalInfos"):
            for series in group.all("TimeSeriesInfo"):
                periods = jma_meteorology.time_periods(series, issues)
                for record in series.all("Item"):
                    _read(record, group.attribute("type") or "", periods, outlooks, issues)
        items = list(outlooks.items())
        if not items:
            raise ParseError(
                f"no outlook for any area in a {telegram.bulletin_type}",
                code="no_window",
                remedy="see whether JMA changed the telegram; the last statement stands until its windows end",
                position="Body",
            )
        statement = jma_xml.statement(
            telegram,
            kind="weather_outlook",
            scope=scope,
            event_id="",
            items=table_of(items),
            complete=not outlooks.held_back,
        )
        yield replace(statement, valid_to=max((item.valid_to for item in items if item.valid_to), default=None))
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _region(telegram: Telegram) -> tuple[str | None, str]:
    """Code, if it has one, and name of the region that the title begins with."""
    match = _REGION.fullmatch(telegram.head_title)
    if match is None:
        raise ParseError(
            f"the title {telegram.head_title!r} of a {telegram.bulletin_type} names no region",
            code="no_region",
            remedy="see whether JMA changed its titles; the last statement stands until its windows end",
            position="Head/Title",
        )
    code = warning.region_in(telegram.head_title)
    return code, match[1]


@dataclass(slots=True)
class _Said:
    """What is said of one area and element, over all TimeSeriesInfo of the telegram.

    `gravest` is the window of 危険度 or 警報級の可能性 that ranks highest, with its rank; quantities have no rank.
    """

    area_code: str
    area_name: str | None
    element: str
    position: str
    windows: list[dict[str, Any]] = field(default_factory=list)
    gravest: tuple[int, dict[str, Any]] | None = None
    ends: list[datetime] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    status_text: str | None = None
    stated_at: str | None = None

    def add(self, period: Period | None, rank: int | None = None, **said: Any) -> None:
        """One window. Without a period (its TimeDefine is missing) the times stay open; that is an issue already."""
        end = period.end() if period else None
        self.ends += [end] if end else []
        window = {
            "start": period.start if period else None,
            "end": end.isoformat() if end else None,
            "name": period.name if period else None,
            **{name: said.get(name) for name in _SAID_OF_A_WINDOW},
        }
        self.windows.append(window)
        if rank is not None and (self.gravest is None or rank > self.gravest[0]):
            self.gravest = rank, window


_SAID_OF_A_WINDOW = ("type", "part", "code", "level", "text", "value", "unit", "condition")
_NO_VALUE, _UNKNOWN = -1, 99  # ranks below and above all that are known: what nobody knows is not to be overlooked


@dataclass(slots=True)
class _Outlooks:
    """All of one telegram, by item id; `held_back` where an area had no code."""

    telegram: Telegram
    horizon: str
    region_code: str | None
    region: str
    said: dict[str, _Said] = field(default_factory=dict)
    held_back: bool = False

    def items(self) -> Iterator[Item]:
        kind_of_telegram = self.telegram.bulletin_type
        until = rain.counts_until(kind_of_telegram)  # an old type, and all that it said, gave way at one instant
        for item_id, said in self.said.items():
            code = said.area_code
            gravest = said.gravest[1] if said.gravest else {}
            yield Item(
                item_id=item_id,
                props={
                    "area_code": code,
                    "area_name": said.area_name,
                    "region_code": self.region_code,
                    "region_name": self.region,
                    "horizon": self.horizon,
                    "element": said.element,
                    "highest_code": gravest.get("code"),
                    "highest_text": gravest.get("text") or gravest.get("condition"),
                    "highest_level": gravest.get("level"),
                    "text": "\n".join(dict.fromkeys(said.texts)) or None,
                    "windows": _joined(said.windows),
                    "status_text": said.status_text,
                    "stated_at": said.stated_at,
                    "telegram": kind_of_telegram,
                },
                muni_code=code[:5] if len(code) == 7 and code.isascii() and code.isdigit() else None,
                valid_to=min((at for at in (max(said.ends, default=None), until) if at), default=None),
                position=said.position,
            )


def _joined(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Windows that follow each other and say the same become one: a calm day is one window, not eight.

    All of Japan has 36,000 items several times a day. Nothing is lost but the seams.
    """
    found: list[dict[str, Any]] = []
    first_name = None
    for window in windows:
        before = found[-1] if found else None
        if before and before["end"] == window["start"] and all(before[n] == window[n] for n in _SAID_OF_A_WINDOW):
            names = [name for name in (first_name, window["name"]) if name]
            found[-1] = {**before, "end": window["end"], "name": " … ".join(names) or None}
        else:
            found.append(window)
            first_name = window["name"]
    return found


def _read(record: Node, section: str, periods: dict[str, Period], outlooks: _Outlooks, issues: list[Issue]) -> None:
    """All elements of one area."""
    places = jma_meteorology.places(record)
    if len(places) != 1 or places[0].code is None:
        named = ", ".join(place.name or "?" for place in places) or "nowhere"
        issues.append(
            Issue(
                code="no_area_code",
                cause=f"an outlook for {named} has no single area code",
                remedy="ask the publisher; the record is held back and what was said before stands",
                position=record.position,
            )
        )
        outlooks.held_back = True
        record.drop("Kind")
        return
    (place,) = places
    for kind in record.all("Kind"):
        status, stated_at = kind.text("Status"), jma_xml.time_text(kind, "DateTime", issues)
        # 発表時刻 of the telegram once more; repeated on every item, it would make each of them new every time.
        if stated_at is not None and datetime.fromisoformat(stated_at) == outlooks.telegram.issued_at:
            stated_at = None
        for node in kind.all("Property"):
            element = node.text("Type") or ""
            item_id = f"jma/{outlooks.horizon}/{place.code}/{element}"
            said = outlooks.said.setdefault(item_id, _Said(place.code or "", place.name, element, node.position))
            said.status_text, said.stated_at = status or said.status_text, stated_at or said.stated_at
            _property(node, Where(section, element, places, None), periods, said, issues)


def _property(node: Node, where: Where, periods: dict[str, Period], said: _Said, issues: list[Issue]) -> None:
    said.texts += [text for one in node.all("Text") if (text := one.own_text())]
    for name in node.names():
        for part in node.all(name) if name.endswith("Part") else ():
            if name == "SignificancyPart":
                for base in part.all("Base"):
                    _significancies(base, None, periods, said, issues)
            elif name == "PossibilityRankOfWarningPart":
                _possibilities(part, periods, said, issues)
            else:
                _quantities(jma_meteorology.quantities(part, where, periods, issues), part, said, issues)


def _period(node: Node, periods: dict[str, Period], issues: list[Issue]) -> Period | None:
    """The window that an element is about, by its refID in this TimeSeriesInfo."""
    period = periods.get(node.attribute("refID") or "")
    if period is None or period.end() is None:
        issues.append(_no_window(f"timeId {node.attribute('refID')}", node.position))
    return period


def _no_window(which: str, position: str) -> Issue:
    return Issue(
        code="unknown_window",
        cause=f"an expected value is for {which}, which is no span of time of its TimeDefines",
        remedy="ask the publisher; the value is kept with the times that are known",
        position=position,
    )


def _significancies(
    node: Node, area: str | None, periods: dict[str, Period], said: _Said, issues: list[Issue]
) -> None:
    """危険度 of the whole area, then of parts of it (陸上, 海上, a coast)."""
    for one in node.all("Significancy"):
        code, text = one.text("Code"), one.text("Name")
        known = outlook.significancy(code or "")
        if known is None:
            issues.append(_unknown("significancy", f"危険度 {code} {text}", "data/jma_significancy.csv", one))
            rank = _UNKNOWN
        else:
            rank = _NO_VALUE if known.code == outlook.NO_VALUE else warning.severity(known.grade)
        words = [one.text(name) for name in ("Condition", "Sentence", "Remark")]
        said.add(
            _period(one, periods, issues),
            rank,
            type=one.attribute("type"),
            part=area,
            code=code,
            level=known.level if known else None,
            text=text,
            condition=" ".join(word for word in words if word) or None,
        )
    for local in node.all("Local"):
        _significancies(local, local.text("AreaName"), periods, said, issues)


def _possibilities(part: Node, periods: dict[str, Period], said: _Said, issues: list[Issue]) -> None:
    for one in part.all("PossibilityRankOfWarning"):
        word, condition = one.own_text(), one.attribute("condition")
        rank = outlook.possibility(word) if word else _NO_VALUE
        if rank is None or not (word or condition):
            issues.append(_unknown("possibility", f"警報級の可能性 {word!r}", "data/jma_possibility.csv", one))
            rank = _UNKNOWN
        said.add(
            _period(one, periods, issues),
            rank,
            type=one.attribute("type"),
            text=word,
            condition=" ".join(filter(None, (condition, one.attribute("description")))) or None,
        )


def _quantities(quantities: Iterator[Quantity], part: Node, said: _Said, issues: list[Issue]) -> None:
    for one in quantities:
        if one.period is None or one.period.end() is None:
            issues.append(_no_window(one.name, part.position))
        said.add(
            one.period,
            type=one.name,
            part=one.part,
            text=one.text,
            value=one.value,
            unit=one.unit,
            condition=" ".join(filter(None, (one.phase, one.condition, one.sentence, one.remark))) or None,
        )


def _unknown(what: str, which: str, table: str, node: Node) -> Issue:
    return Issue(
        code=f"unknown_{what}",
        cause=f"{which} is in no table: kept as it is, and counted as the gravest",
        remedy=f"see JMA's notes on the telegram and add it to vocab/{table}",
        position=node.position,
    )
