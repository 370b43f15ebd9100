"""Road closures transcribed by hand from the numbered reports (第○報) of a road authority, with a history for each.

Source: JSON of centrixuge/kumamoto-earthquake-traffic-map, made from the PDF notices of 国土交通省 熊本河川国道事務所
(道第○報) and 西日本高速道路 (第○報) on the earthquake of 2026-07-28. One file is all closures since the earthquake,
each with its start, its end where it has one, and the reports that speak of it (``label`` holds number and time).

Scope ``<source>/<closure>``, complete, one closure each: it holds from ``start_timestamp`` (from its first report
where the start was still to come when the file was written) until ``end_timestamp``, which is its `valid_to`. So the
closures of the past can be asked for although one file tells all of them. A later file replaces what an earlier one
said of a closure: `sent_at` is the time of its newest report, or ``transcribed_at`` if that is later. What reports
said in between (迂回路決定, 解除見込み) is in their labels, which stand in `detail`.

Oddities
* A report may have a day without a time: it counts from the beginning of that day.
* The lines are not the road authority's: the transcriber routed them (OSRM) or joined nodes of OpenStreetMap; the
  words about how, with errors of up to a kilometre, are in `geometry_note`. ``path`` and points are latitude first.
* 夜間 works are one closure from the first evening to the last morning; the hours are in the reason.
* No end means that it still held when the file was written (``transcribed_at``), not that it holds for ever.

Known gaps:
* of two files written on one day with the same newest report, which one counts is not told by their times
* a closure that the transcriber later splits in two keeps standing under its former name until a person withdraws it
* direction (上り, 下り) is in the reason only
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import shapely

from bousai.errors import ParseError
from bousai.formats import json_rows, unread
from bousai.model import Bulletin, Issue, Item, table_of
from bousai.vocab import drill, road
from bousai.vocab.japanese_time import JST, day, moment

VERSION = "1"
_DOCUMENT = frozenset(
    (
        *("source_name", "transcribed_at", "items"),
        *("source_url", "pdf_dir", "note", "coverage_note"),  # dropped: words about the file as a whole
    )
)
_ITEM = frozenset(
    (
        *("route_name", "section", "length_km", "content", "reason", "start_timestamp", "end_timestamp", "reports"),
        *("path", "point", "path_source", "point_source", "emergency_access"),
        *("affected_point_codes", "match_basis"),  # dropped: the transcriber's comparison with traffic counters
        "path_length_km",  # dropped: measured along the routed line, while length_km is the report's
        *(
            "endpoints",
            "mentioned_points",
        ),  # dropped: nodes of OpenStreetMap on the line, and places that reason names
    )
)
_REPORT = frozenset(("label", "pdf", "url"))
_NUMBER = re.compile(r"第\s*(\d+)\s*報")
_BRACKET = re.compile(r"[（(]([^（）()]*)[）)]")
_STAMP = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:\s+(\d{1,2}:\d{2}))?")
_ANY_LENGTH = 10_000  # of degrees or kilometres: more can only be a mistake
_TELL = "see the record and its reports; tell the transcriber"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` begins scopes and ids; `incident` is the disaster; `issuer` is whose reports were transcribed."""

    source: str
    incident: str
    issuer: str


class _Report(NamedTuple):
    at: datetime
    number: str | None
    label: str


def parse(body: bytes, options: Options) -> Iterator[Bulletin | Issue]:
    """One statement a closure. Raises `ParseError`: those of `json_rows.load`, ``not_transcript``."""
    document = json_rows.load(body)
    listed = document.get("items") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ParseError(
            "no list of `items`: not a transcript of road reports",
            code="not_transcript",
            remedy="check which file was put into the folder",
        )
    issues: list[Issue] = [*unread.columns(document, _DOCUMENT, "the document")]
    issues += unread.columns(dict.fromkeys(name for one in listed for name in one), _ITEM, "items")
    written = day(str(document.get("transcribed_at") or ""))
    if written is None:
        issues.append(Issue("bad_time", "transcribed_at is no day", _TELL, "info"))
    until = None if written is None else datetime(written.year, written.month, written.day, tzinfo=JST)
    status = drill.status_of(document)
    seen: dict[str, str] = {}
    for index, one in enumerate(listed):
        position = f"items[{index}]"
        bulletin = _closure(one, options, until, position, issues)
        if bulletin is None:
            continue
        if bulletin.scope in seen:
            cause = f"the closure of {seen[bulletin.scope]} again; this one is held back"
            issues.append(Issue("duplicate_id", cause, _TELL, "warning", position))
            continue
        seen[bulletin.scope] = position
        yield replace(bulletin, status=status)
    yield from issues


def _closure(
    one: Mapping[str, Any], options: Options, written: datetime | None, position: str, issues: list[Issue]
) -> Bulletin | None:
    """The statement about one closure; None, with an issue, where it has no name, start or report with a time."""
    name, section = _text(one.get("route_name")), _text(one.get("section"))
    start = moment(_text(one.get("start_timestamp")))
    reports = list(_reports(one.get("reports"), position, issues))
    if name is None or section is None or start is None or not reports:
        cause = "no road, section, start or dated report: the record is held back"
        issues.append(Issue("no_identity", cause, _TELL, "warning", position))
        return None
    end = moment(_text(one.get("end_timestamp")))
    if end is None and one.get("end_timestamp") is not None:
        cause = f"end_timestamp is {str(one['end_timestamp'])[:40]!r}, no time; the closure stays open"
        issues.append(Issue("bad_time", cause, _TELL, "warning", position))
    if end is not None and end <= start:
        cause = f"it ends ({end.isoformat()}) before it starts ({start.isoformat()}); the closure stays open"
        issues.append(Issue("bad_time", cause, _TELL, "warning", position))
        end = None
    newest = reports[-1]
    number = next((report.number for report in reversed(reports) if report.number is not None), None)
    announced = written is not None and start >= written + timedelta(days=1)
    key = hashlib.sha256("\x1f".join((name, section, start.isoformat())).encode()).hexdigest()[:16]
    text = _text(one.get("content"))
    restriction = None if text is None else road.restriction(text)
    if restriction in (None, "lifted"):
        cause = f"the restriction {text!r} is not in the list; it is shown as unknown, with its words"
        issues.append(Issue("unknown_restriction", cause, "add it to vocab/data/road_word.csv", "warning", position))
        restriction = "unknown"
    length = one.get("length_km")
    if length is not None and not _number(length):
        cause = f"length_km is {str(length)[:40]!r}; it is left out"
        issues.append(Issue("bad_number", cause, _TELL, "warning", position))
    ends = re.split("[〜～]", section)
    return Bulletin(
        kind="road_restriction",
        scope=f"{options.source}/{key}",
        issued_at=reports[0].at if announced else start,
        status="actual",
        items=table_of(
            [
                Item(
                    item_id=f"{options.source}/{key}",
                    props={
                        "incident": options.incident,
                        "road_type": _road_type(name),
                        "road_no": road.route_number(name),
                        "road_name": name,
                        "restriction": restriction,
                        "restriction_text": text,
                        "direction": None,
                        "start_point": ends[0] if len(ends) == 2 else section,
                        "end_point": ends[1] if len(ends) == 2 else None,
                        "length_km": length if _number(length) else None,
                        "cause": _text(one.get("reason")),
                        "detail": _detail(one, reports),
                        "started_at": start.isoformat(),
                        "ended_at": None if end is None else end.isoformat(),
                        "manager": options.issuer,
                        "area_name": None,
                        "report_no": number,
                        "as_of": newest.at.isoformat(),
                        "geometry_note": _text(one.get("path_source")) or _text(one.get("point_source")),
                    },
                    geometry=_geometry(one, position, issues),
                    valid_to=end,
                    position=position,
                )
            ]
        ),
        issuer=options.issuer,
        complete=True,
        sent_at=newest.at if written is None else max(newest.at, written),
        serial=number,
        source_event_id=options.incident,
        bulletin_type="road_report",
    )


def _text(value: Any) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _reports(value: Any, position: str, issues: list[Issue]) -> Iterator[_Report]:
    """The reports in the order of their times; one whose label has no time is an issue."""
    found = []
    for index, one in enumerate(value if isinstance(value, list) else []):
        label = _text(one.get("label")) if isinstance(one, dict) else None
        at = None if label is None else _as_of(label)
        if label is None or at is None:
            cause = f"a report without a time: {str(label)[:60]!r}"
            issues.append(Issue("bad_time", cause, _TELL, "warning", f"{position}/reports[{index}]"))
            continue
        issues += unread.columns(one, _REPORT, "reports")
        number = _NUMBER.search(label)
        found.append(_Report(at, number[1] if number else None, label))
    return iter(sorted(found, key=lambda report: report.at))


def _as_of(label: str) -> datetime | None:
    """The first time in brackets: 道第3報（2026-07-29 2:45時点）規制解除; a day without a time is its beginning.

    >>> _as_of("道第3報（2026-07-29 2:45時点）解除").isoformat(), _as_of("第1報（追加）（2026-08-08）").isoformat()
    ('2026-07-29T02:45:00+09:00', '2026-08-08T00:00:00+09:00')
    >>> _as_of("第17報（自動転記）") is None
    True
    """
    for inner in _BRACKET.findall(label):
        match = _STAMP.match(inner.strip())
        if match:
            year, month, on, at = match.groups()
            return moment(f"{year}-{int(month):02}-{int(on):02} {(at or '0:00').rjust(5, '0')}")
    return None


def _road_type(name: str) -> str:
    if "国道" in name:
        return "national"
    return "expressway" if name.endswith("自動車道") else "unknown"


def _detail(one: Mapping[str, Any], reports: list[_Report]) -> str:
    lines = [report.label for report in reports]
    access = one.get("emergency_access")
    for part in access if isinstance(access, list) else [access]:
        said = part.values() if isinstance(part, dict) else [part]
        words = " ".join(str(value) for value in said if isinstance(value, (str, int, float)))
        if words:
            lines.append(f"緊急車両の通行: {words}")
    return "\n".join(lines)


def _geometry(one: Mapping[str, Any], position: str, issues: list[Issue]) -> bytes | None:
    path, point = one.get("path"), one.get("point")
    pairs = path if isinstance(path, list) else []
    if isinstance(point, dict) and not pairs:
        pairs = [[point.get("lat"), point.get("lon")]]
    if not pairs:
        return None
    if not all(isinstance(pair, list) and len(pair) == 2 and all(_number(x) for x in pair) for pair in pairs):
        cause = "a path or point that is no list of [latitude, longitude]; the closure is kept without it"
        issues.append(Issue("bad_geometry", cause, _TELL, "warning", position))
        return None
    places = [(lon, lat) for lat, lon in pairs]
    shape = shapely.Point(places[0]) if len(places) == 1 else shapely.LineString(places)
    return bytes(shapely.to_wkb(shape))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _ANY_LENGTH
