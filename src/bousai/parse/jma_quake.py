"""JMA earthquake telegrams VXSE51, 52, 53, 61 and 62: one earthquake told in pieces, each a scope of its own.

Source: www.data.jma.go.jp/developer/xml/feed/eqvol.xml; 気象庁防災情報XMLフォーマット, telegram notes on 地震情報.

| scope | from | says |
|---|---|---|
| ``jma/earthquake/<event>/hypocentre`` | 52, 53, 61, 62 (and the tsunami telegrams) | time, place, magnitude |
| ``jma/earthquake/<event>/intensity`` | 51, 53 | the largest 震度 |
| ``jma/earthquake/<event>/lpgm`` | 62 | the largest 長周期地震動階級 |
| ``jma/earthquake/<event>/comment`` | 51, 52, 53 where they have 固定付加文 | tsunami or not |
| ``jma/seismic_intensity/<event>`` | 51 (regions of 震度３ and more), 53 (all) | 震度 by area |
| ``jma/seismic_intensity/<event>/lpgm`` | 62 | 長周期地震動階級 by prefecture and region |

Oddities: one event is restated with other numbers for days (令和6年能登半島地震: M7.6, M7.4, M7.6; depth 0,
then 20 km). 遠地地震に関する情報 is a VXSE53 without Intensity: it says nothing about 震度 here. A municipality
whose stations have not reported has the Condition 震度５弱以上未入電, perhaps beside a smaller MaxInt. VXSE61 gives
the position twice, the second time in degrees and minutes.

Known gaps:
* stations (震度観測点) are passed over: the layer tells municipalities
* no real 取消 was seen, only the official samples
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bousai.formats import jma_seismology, jma_xml
from bousai.formats.jma_seismology import earthquake_aspect, earthquake_id
from bousai.formats.jma_xml import Telegram
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, ItemTable
from bousai.vocab import jma

VERSION = "1"
HANDLES = ("VXSE51", "VXSE52", "VXSE53", "VXSE61", "VXSE62")
_NOT_RECEIVED = "震度５弱以上未入電"


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """The bulletins of one telegram. Raises `ParseError` as `jma_xml.read` and `jma_seismology.event_id` do."""
    telegram = jma_xml.read(body)
    if issue := jma_xml.no_parser(telegram, HANDLES):
        yield issue
        return
    event = jma_seismology.event_id(telegram)
    node = jma_xml.body(telegram)
    issues: list[Issue] = []
    node.drop("Text")  # prose for readers; on a 取消 it is all there is
    if telegram.msg_type == "withdraw":
        yield from _withdrawals(telegram, event)
    else:
        yield from _statements(telegram, event, node, issues)
    yield from issues
    yield from jma_xml.nothing_left(telegram, node)


def _withdrawals(telegram: Telegram, event: str) -> Iterator[Bulletin]:
    for aspect in _ASPECTS[telegram.bulletin_type]:
        scope = jma_seismology.aspect_scope(event, aspect)
        yield jma_xml.withdrawal(telegram, kind="earthquake", scope=scope, event_id=event)
    for scope in _AREA_SCOPES[telegram.bulletin_type]:
        yield jma_xml.withdrawal(telegram, kind="seismic_intensity", scope=scope.format(event), event_id=event)


_ASPECTS = {
    "VXSE51": ("intensity", "comment"),
    "VXSE52": ("hypocentre", "comment"),
    "VXSE53": ("hypocentre", "intensity", "comment"),
    "VXSE61": ("hypocentre",),
    "VXSE62": ("hypocentre", "lpgm"),
}
_AREA_SCOPES = {
    "VXSE51": ("jma/seismic_intensity/{}",),
    "VXSE52": (),
    "VXSE53": ("jma/seismic_intensity/{}",),
    "VXSE61": (),
    "VXSE62": ("jma/seismic_intensity/{}/lpgm",),
}


def _statements(telegram: Telegram, event: str, node: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    earthquake = node.one("Earthquake")
    if earthquake:
        found = jma_seismology.hypocentre(earthquake, issues)
        yield earthquake_aspect(telegram, event, "hypocentre", found.item(event))
    comments = node.one("Comments")
    if comments:
        yield from _comment(telegram, event, comments)
    intensity = node.one("Intensity")
    observation = intensity.one("Observation") if intensity else None
    if observation:
        observation.drop("CodeDefine")
        if telegram.bulletin_type == "VXSE62":
            yield from _lpgm(telegram, event, observation, issues)
        else:
            yield from _intensity(telegram, event, observation, issues)


def _comment(telegram: Telegram, event: str, comments: Node) -> Iterator[Bulletin]:
    """固定付加文: what the telegram says about a tsunami, apart from the rest.

    VXSE61 and VXSE62 speak here of their own telegram only (度単位の震源要素は…, explanations of the classes), so
    they must not replace what VXSE51–53 said about the tsunami.
    """
    if telegram.bulletin_type in ("VXSE61", "VXSE62"):
        comments.drop("ForecastComment", "VarComment", "FreeFormComment", "URI")
        return
    codes: list[str] = []
    tsunami: list[str] = []
    others: list[str] = []
    subjects = jma.fixed_comment_subjects()
    for name in ("ForecastComment", "VarComment"):
        comment = comments.one(name)
        if comment is None:
            continue
        lines = [line for line in (comment.text("Text") or "").splitlines() if line.strip()]
        stated = (comment.text("Code") or "").split()
        codes += stated
        if len(lines) != len(stated):  # one block for several codes: it cannot be divided
            about_tsunami = any(subjects.get(code) == "tsunami" for code in stated)
            (tsunami if about_tsunami else others).extend(lines)
            continue
        for line, code in zip(lines, stated, strict=True):
            (tsunami if subjects.get(code) == "tsunami" else others).append(line)
    free = comments.text("FreeFormComment")
    if not codes and free is None:
        return
    props = {
        "event_id": event,
        "tsunami_comment": "\n".join(tsunami) or None,
        "comment": "\n".join(others) or None,
        "comment_codes": codes,
        "free_comment": free,
    }
    item = Item(earthquake_id(event), props, position=comments.position)
    yield earthquake_aspect(telegram, event, "comment", item)


def _intensity(telegram: Telegram, event: str, observation: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    rows: list[tuple[Any, ...]] = []
    held_back = 0
    some_not_received = False
    for area, level in _areas(observation):
        code, name = area.text("Code"), area.text("Name")
        received, condition, revised = area.text("MaxInt"), area.text("Condition"), area.text("Revise")
        not_received = condition == _NOT_RECEIVED
        some_not_received |= not_received
        intensity = _at_least(received, not_received=not_received)
        rank = jma.intensity_rank(intensity) if intensity else None
        if code is None or rank is None:
            issues.append(_held_back(area, code, name, "intensity", intensity))
            held_back += 1
            continue
        muni = code[:5] if level == "city" and len(code) == 7 and code.isdecimal() else None
        key = (f"{event}/{code}", muni, area.position, event, code, name, level)
        rows.append((*key, intensity, rank, received, condition, revised))
    yield jma_xml.statement(
        telegram,
        kind="seismic_intensity",
        scope=f"jma/seismic_intensity/{event}",
        event_id=event,
        items=_table(rows, ("intensity", "intensity_rank", "intensity_received", "condition", "revised")),
        # 震度速報 lists regions of 震度３ and more only, so it must not wipe what a VXSE53 told in detail.
        complete=telegram.bulletin_type == "VXSE53" and bool(rows) and not held_back,
    )
    largest = _at_least(observation.text("MaxInt"), not_received=some_not_received)
    if largest is None or jma.intensity_rank(largest) is None:
        issues.append(_held_back(observation, "MaxInt", "the largest intensity", "intensity", largest))
        return
    item = Item(earthquake_id(event), {"event_id": event, "max_intensity": largest}, position=observation.position)
    yield earthquake_aspect(telegram, event, "intensity", item)


def _at_least(received: str | None, *, not_received: bool) -> str | None:
    """震度 as stated, or "!5-" where stations of 5 lower or more are believed to exist and less has come in.

    >>> _at_least("3", not_received=True), _at_least("6-", not_received=True), _at_least("3", not_received=False)
    ('!5-', '6-', '3')
    """
    if received == _NOT_RECEIVED:
        return "!5-"
    return "!5-" if not_received and received not in _FIVE_LOWER_AND_MORE else received


_FIVE_LOWER_AND_MORE = ("5-", "5+", "6-", "6+", "7")


def _lpgm(telegram: Telegram, event: str, observation: Node, issues: list[Issue]) -> Iterator[Bulletin]:
    observation.drop("MaxInt")  # 震度 is for VXSE53 to say: here only of the stations that measure long periods
    rows: list[tuple[Any, ...]] = []
    held_back = 0
    for area, level in _areas(observation):
        area.drop("MaxInt")
        code, name, lpgm_class = area.text("Code"), area.text("Name"), area.text("MaxLgInt")
        if code is None or lpgm_class not in jma.lpgm_classes():
            issues.append(_held_back(area, code, name, "long-period class", lpgm_class))
            held_back += 1
            continue
        rows.append((f"{event}/{code}", None, area.position, event, code, name, level, lpgm_class))
    yield jma_xml.statement(
        telegram,
        kind="seismic_intensity",
        scope=f"jma/seismic_intensity/{event}/lpgm",
        event_id=event,
        items=_table(rows, ("lpgm_class",)),
        complete=not held_back,
    )
    largest, category = observation.text("MaxLgInt"), observation.text("LgCategory")
    if largest not in jma.lpgm_classes():
        issues.append(_held_back(observation, "MaxLgInt", "the largest class", "long-period class", largest))
        return
    props = {"event_id": event, "max_lpgm_class": largest, "lpgm_category": category}
    item = Item(earthquake_id(event), props, position=observation.position)
    yield earthquake_aspect(telegram, event, "lpgm", item)


def _areas(observation: Node) -> Iterator[tuple[Node, str]]:
    """Prefectures (都道府県等), regions (細分区域), municipalities, each with its level; stations are not used."""
    for pref in observation.all("Pref"):
        yield pref, "pref"
        for region in pref.all("Area"):
            yield region, "region"
            for city in region.all("City"):
                city.drop("IntensityStation")
                yield city, "city"
            region.drop("IntensityStation")


def _table(rows: list[tuple[Any, ...]], fields: tuple[str, ...]) -> ItemTable:
    """Columns from rows of item id, municipality, position, the four fields that name the area, and `fields`."""
    names = ("event_id", "area_code", "area_name", "area_level", *fields)
    columns = list(zip(*rows, strict=True)) or [()] * (3 + len(names))
    ids, munis, positions, *props = columns
    return ItemTable(
        item_id=ids,
        props=dict(zip(names, props, strict=True)),
        muni_code=munis,
        geometry=[None] * len(rows),
        position=positions,
    )


def _held_back(area: Node, code: str | None, name: str | None, what: str, value: str | None) -> Issue:
    return Issue(
        code="unmapped_area",
        cause=f"{name or 'an area without a name'} ({code}) has {what} {value!r}",
        remedy="see the telegram and the code table; add the value to vocab/data if it is new",
        position=area.position,
    )
