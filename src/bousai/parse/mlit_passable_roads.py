"""通れる道マップ (国土交通省): the road restrictions behind the map of passable roads after a great disaster.

Source: www.mlit.go.jp/road/saigai/r8kumamoto/index.html, ZIP files ``YYMMDDhhmmdata.zip`` (the name is the time of
the content, JST). Of the archive only ``dourokisei.geojson`` (道路規制情報) is read. Left out:
``ETC2.0_speed_data*.geojson`` (速度) and ``tukoujisseki*.geojson`` (通行実績), which are observed traffic of tens of
megabytes and no restrictions.

Scope ``<source>/<incident>``, complete: each delivery is the whole map, and a restriction leaves it only by no longer
being listed. A delivery without dourokisei says nothing about restrictions and is refused.

Oddities
* Attributes differ by feature: 住所, 座標 and 日時 · only 始点 and 終点 (IC) · with 規制方向 · with 災害の詳細 (from
  2026-08-04 three 補助国道) · none at all, or only 整理ID (kept with their line: something is restricted there, the
  data do not say what).
* 始点緯度経度 is "lat,lon" as text (once also 始点経度緯度, lon first); the line says the same, so it is used only
  where there is no line.
* Times are ``2026/7/28 17:30`` or ``2026/7/28/16:27``, no zone: JST. 延長_Km is text.
* Digits of routes are half or full width; 道路種別 once holds a route (国道445号).
* _color tells something that nothing in the delivery explains (#999999 was seen on a road that its office had
  reopened): it is kept beside the record as `map_color` and not published; no line is taken as open because of it.
* A delivery had its files in a folder; one had a notice.txt, which is shown as an issue.

Known gaps:
* the legend of the map (what its colours mean) is not published with the data
* one delivery of 29 features was at hand; the others are known by a table of their attributes
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import csv_table, geojson, unread, zip_archive
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import drill, road
from bousai.vocab.japanese_time import moment
from bousai.vocab.municipality import named, prefecture

VERSION = "1"
_RESTRICTIONS = re.compile(r"dourokisei[_-]?\d*\.(?:geojson|json)", re.IGNORECASE)
_TRAFFIC = re.compile(r"(?:ETC2\.0|tukoujisseki|tsukoujisseki).*\.(?:geojson|json)", re.IGNORECASE)
_NOTICE = re.compile(r".*\.txt", re.IGNORECASE)
_STYLE = frozenset(
    ("_opacity", "_weight", "_dashArray", "_iconAnchor", "_iconSize", "_iconUrl", "_markerType", "_fillColor")
)
"""How the line is drawn; dropped."""
_COLOR = "_color"
_TOLD = ("整備局名", "地整番号", "県番号", "迂回路_有無", "孤立集落_有無", "人身_有無", "物損_有無", "停電_有無")
"""What has no field of its own and stands in `detail`."""
_READ = frozenset(
    (
        *("name", "県名", "市町村名", "道路種別", "路線名", "始点", "終点", "始点住所", "終点住所", "規制種別"),
        *("規制理由", "規制内容", "規制開始_日時", "規制開始_内容", "規制変更_日時", "規制変更_内容", "規制方向"),
        *("延長_Km", "規制延長_Km", "始点緯度経度", "始点経度緯度", "終点緯度経度", "終点経度緯度"),
        *(*_TOLD, _COLOR, *_STYLE),
    )
)
_ID = re.compile(r"整理ID\s*(\d+)")
_DAY_SLASH = re.compile(r"^(\d{4}/\d{1,2}/\d{1,2})/(?=\d)")
_TELL = "ask 国土交通省; see the record in the document"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` begins scope and ids; `incident` is the disaster that the map is about (its page says so, no file)."""

    source: str
    incident: str


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `zip_archive.read` and `geojson.read`, ``no_layer``."""
    files, names = zip_archive.read(body, lambda path: bool(_kind(path, (_RESTRICTIONS, _NOTICE))))
    layers = {path: content for path, content in sorted(files.items()) if _kind(path, (_RESTRICTIONS,))}
    if not layers:
        raise ParseError(
            "no dourokisei.geojson in the archive: this delivery says nothing about restrictions",
            code="no_layer",
            remedy="none if the publisher left it out; dismiss the document",
        )
    issues: list[Issue] = []
    issues += unread.columns(
        (path for path in names if not _kind(path, (_RESTRICTIONS, _TRAFFIC, _NOTICE))), (), "the archive"
    )
    for path, content in files.items():
        if path not in layers:
            text = " ".join(csv_table.decode(content).split())[:200]
            issues.append(
                Issue("notice", f"{path[:60]} says: {text}", "read it: it may change the time of the content")
            )
    items: list[Item] = []
    said: list[dict[str, Any]] = []
    for path, content in layers.items():
        features = geojson.read(content)
        said += features.properties
        for index, (properties, geometry) in enumerate(zip(features.properties, features.geometry, strict=True)):
            position = f"{path}/features[{index}]"
            if index in features.unreadable:
                cause = "a geometry that cannot be read; the restriction is kept without it"
                issues.append(Issue("bad_geometry", cause, _TELL, "warning", position))
            items.append(_item(properties, geometry, options, position, issues))
    issues += unread.columns((name for properties in said for name in properties), _READ, "dourokisei.geojson")
    yield Bulletin(
        kind="road_restriction",
        scope=f"{options.source}/{options.incident}",
        issued_at=None,
        status=drill.status_of(said),
        items=table_of(_own_ids(items, issues)),
        issuer="国土交通省",
        complete=True,
        bulletin_type="dourokisei",
    )
    yield from issues


def _kind(path: str, patterns: tuple[re.Pattern[str], ...]) -> bool:
    return any(pattern.fullmatch(zip_archive.base_name(path)) for pattern in patterns)


def _item(
    properties: Mapping[str, Any], geometry: bytes | None, options: Options, position: str, issues: list[Issue]
) -> Item:
    said = {name: text for name, value in properties.items() if (text := _text(value)) is not None}
    changed, stated = said.get("規制変更_内容"), said.get("規制開始_内容") or said.get("規制内容")
    restriction_text = changed or stated
    restriction = _restriction(restriction_text, position, issues)
    road_type = _road_type(said.get("道路種別"), position, issues)
    number = _ID.search(said.get("name", ""))
    if not said.keys() - {"name", _COLOR, *_STYLE}:
        cause = "a line without a word about what is restricted there; it is kept as unknown"
        issues.append(Issue("no_attributes", cause, _TELL, "warning", position))
    start, end = said.get("始点住所") or said.get("始点"), said.get("終点住所") or said.get("終点")
    started_at = _time(said, "規制開始_日時", position, issues)
    props = {
        "incident": options.incident,
        "road_type": road_type,
        "road_no": road.route_number(said["路線名"]) if "路線名" in said else None,
        "road_name": said.get("路線名"),
        "restriction": "unknown" if restriction in (None, "lifted") else restriction,
        "restriction_text": restriction_text,
        "direction": said.get("規制方向"),
        "start_point": start,
        "end_point": end,
        "length_km": _length(said, position, issues),
        "cause": "・".join(text for name in ("規制種別", "規制理由") if (text := said.get(name))) or None,
        "detail": _detail(said, changed, stated, position, issues),
        "started_at": started_at,
        "ended_at": _time(said, "規制変更_日時", position, issues) if restriction == "lifted" else None,
        "manager": None,
        "area_name": f"{said.get('県名', '')}{said.get('市町村名', '')}" or None,
        "report_no": None,
        "map_color": said.get(_COLOR),
    }
    if geometry is None:
        geometry = _start(said)
    key = number[1] if number else _digest(said, geometry)
    return Item(
        item_id=f"{options.source}/{key}",
        props=props,
        muni_code=_municipality(said, position, issues),
        geometry=geometry,
        ended=restriction == "lifted",
        position=position,
    )


def _digest(said: Mapping[str, str], geometry: bytes | None) -> str:
    """What names a restriction without a number: road, section, cause and start, not what may be corrected later."""
    names = ("県名", "市町村名", "路線名", "始点", "終点", "始点住所", "終点住所", "規制開始_日時", "規制理由")
    parts = [said.get(name, "") for name in names]
    if not any(parts):
        parts.append("" if geometry is None else geometry.hex())
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _own_ids(items: list[Item], issues: list[Issue]) -> Iterator[Item]:
    """Each with an id of its own: equal records are one, different ones of one id are told apart by their line."""
    times = Counter(item.item_id for item in items)
    told: set[str] = set()
    for item in items:
        item_id = item.item_id
        if times[item_id] > 1:
            whole = repr(sorted(item.props.items(), key=str)) + (item.geometry or b"").hex()
            item_id = f"{item_id}~{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
            again = item_id in told
            issues.append(
                Issue(
                    "duplicate_record" if again else "duplicate_id",
                    f"{item.item_id} is there {times[item.item_id]} times"
                    + (", this one word for word" if again else "; all are kept"),
                    _TELL,
                    "info" if again else "warning",
                    item.position,
                )
            )
            if again:
                continue
        told.add(item_id)
        yield Item(item_id, item.props, item.muni_code, item.geometry, item.ended, None, item.position)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (list, dict, bool)):
        return None
    return str(value).strip() or None


def _restriction(text: str | None, position: str, issues: list[Issue]) -> str | None:
    if text is None:
        return None
    found = road.restriction(text)
    if found is None:
        cause = f"the restriction {text[:40]!r} is not in the list; it is shown as unknown, with its words"
        issues.append(Issue("unknown_restriction", cause, "add it to vocab/data/road_word.csv", "warning", position))
    return found


def _road_type(text: str | None, position: str, issues: list[Issue]) -> str:
    if text is None:
        return "unknown"
    found = road.road_type(text)
    if found is None:
        cause = f"道路種別 {text[:40]!r} is not in the list; it is shown as unknown"
        issues.append(Issue("unknown_road_type", cause, "add it to vocab/data/road_word.csv", "info", position))
    return found or "unknown"


def _time(said: Mapping[str, str], name: str, position: str, issues: list[Issue]) -> str | None:
    text = said.get(name)
    if text is None:
        return None
    at: datetime | None = moment(_DAY_SLASH.sub(r"\1 ", text))
    if at is None:
        issues.append(
            Issue("bad_time", f"{name} is {text[:40]!r}, no time; it is left out", _TELL, "warning", position)
        )
        return None
    return at.isoformat()


def _length(said: Mapping[str, str], position: str, issues: list[Issue]) -> float | None:
    text = said.get("延長_Km") or said.get("規制延長_Km")
    if text is None:
        return None
    if re.fullmatch(r"\d{1,4}(?:\.\d+)?", text):
        return float(text)
    issues.append(Issue("bad_number", f"the length is {text[:40]!r}; it is left out", _TELL, "warning", position))
    return None


_PLAIN_TYPES = ("高速道路", "一般国道", "都道府県道", "市区町村道")


def _detail(
    said: Mapping[str, str], changed: str | None, stated: str | None, position: str, issues: list[Issue]
) -> str | None:
    parts = []
    if changed is not None or "規制変更_日時" in said:
        when = _time(said, "規制変更_日時", position, issues) or ""
        words = f"{stated or ''}→{changed}" if changed is not None else ""
        parts.append(" ".join(f"規制変更 {when} {words}".split()))
    if (kind := said.get("道路種別")) is not None and kind not in _PLAIN_TYPES:
        parts.append(f"道路種別 {kind}")  # 補助国道 and 直轄国道 are both national, 有料道路 may be any
    if (name := said.get("name")) is not None and not _ID.search(name):
        parts.append(name)
    parts += [f"{name.removesuffix('_有無')} {said[name]}" for name in _TOLD if name in said]
    return "；".join(parts) or None


def _start(said: Mapping[str, str]) -> bytes | None:
    """Where it begins, as a point, for a record without a line."""
    for name, lat_first in (("始点緯度経度", True), ("始点経度緯度", False)):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)", said.get(name, ""))
        if match:
            first, second = float(match[1]), float(match[2])
            lat, lon = (first, second) if lat_first else (second, first)
            return bytes(shapely.to_wkb(shapely.Point(lon, lat)))
    return None


def _municipality(said: Mapping[str, str], position: str, issues: list[Issue]) -> str | None:
    if "市町村名" not in said:
        return None
    found = named(said["市町村名"], prefecture(said.get("県名", "")))
    if found.code is None:
        issues.append(Issue("unknown_municipality", found.why, _TELL, "warning", position))
    return found.code
