"""Disasters of the world as GDACS (Global Disaster Alert and Coordination System) lists them: RSS 2.0.

Source: www.gdacs.org/xml/rss.xml. Scope ``gdacs/world_event``, not complete: an event that leaves the list has not
ended, one of which ``gdacs:iscurrent`` is false has. The time of the statement is that of the list (channel/pubDate).

Oddities: five namespaces; gdacs:bbox is west, east, south, north; georss:point is latitude, longitude; dates are RFC
822; alert levels (Green, Orange, Red) are GDACS's own estimate of the humanitarian impact, not a warning of an
authority.

Known gaps:
* footprints and tracks (gdacs:resources) are not fetched
* only EQ, TC and DR were seen on real data
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import shapely

from bousai.errors import ParseError
from bousai.formats import xml_tree
from bousai.formats.xml_tree import Node
from bousai.model import Bulletin, Issue, Item, table_of

VERSION = "1"
_GDACS, _GEORSS = "http://www.gdacs.org", "http://www.georss.org/georss"
_NAMES = xml_tree.Names(
    [_GDACS, _GEORSS, "http://www.w3.org/2003/01/geo/wgs84_pos#", "http://purl.org/dc/elements/1.1/"]
)
_TYPES = {
    "EQ": "earthquake",
    "TC": "tropical_cyclone",
    "FL": "flood",
    "VO": "volcano",
    "DR": "drought",
    "WF": "wildfire",
    "TS": "tsunami",
}
_PICTURES = ("enclosure", "icon", "mapimage", "maplink", "gtsimage", "gtslink", "xslt")
_ELSEWHERE = ("guid", "subject", "Point", "bbox", "cap", "resources", "identifiers", "calculationtype", "version")
_PARTS = ("durationinweek", "year", "temporary", "alertscore", "episodealertscore", "episodealertlevel", "episodeid")


def parse(body: bytes) -> Iterator[Bulletin | Issue]:
    """One statement. Raises `ParseError`: those of `xml_tree.read`, ``not_gdacs``, ``no_time``."""
    root = xml_tree.read(body)
    node = Node(root, "rss", _NAMES)
    channel = node.one("channel")
    if root.tag != "rss" or channel is None or _GDACS not in root.nsmap.values():
        raise ParseError("not the RSS of GDACS", code="not_gdacs", remedy="check the address that the feed reads")
    issued_at = _instant(channel.text("pubDate"))
    if issued_at is None:
        raise ParseError("channel/pubDate is no time", code="no_time", remedy="check the address that the feed reads")
    channel.drop("title", "link", "description", "managingEditor", "webMaster", "{http://www.w3.org/2005/Atom}link")
    channel.drop("image", "ttl", "language", "copyright", "generator", "docs", "lastBuildDate")
    issues: list[Issue] = []
    items: dict[str, Item] = {}
    for one in channel.all("item"):
        item = _item(one, issues)
        if item is not None:
            items[item.item_id] = item
    yield Bulletin(
        kind="world_event",
        scope="gdacs/world_event",
        issued_at=issued_at,
        status="actual",
        items=table_of(items.values()),
        issuer="GDACS",
        complete=False,
        bulletin_type="gdacs_rss",
    )
    yield from issues
    yield from node.nothing_left()


def _item(node: Node, issues: list[Issue]) -> Item | None:
    kind, number = node.text("eventtype"), node.text("eventid")
    title, current = node.text("title"), node.text("iscurrent")
    began, ended = (_instant(node.text(name)) for name in ("fromdate", "todate"))
    updated = _instant(node.text("datemodified")) or _instant(node.text("pubDate"))
    severity, population = node.one("severity"), node.one("population")
    node.drop("description", "vulnerability", "iso3", "dateadded", *_PICTURES, *_ELSEWHERE, *_PARTS)
    point, name, country = node.text("point"), node.text("eventname"), node.text("country")
    level, glide, url = node.text("alertlevel"), node.text("glide"), node.text("link")
    node.drop("pubDate")
    if kind is None or number is None:
        cause = f"{node.position} has no type or no id"
        issues.append(Issue("no_event_id", cause, "see the list; the event is held back", "warning", node.position))
        return None
    if kind not in _TYPES:
        remedy = "see GDACS for the new type and add it; the event is kept as other"
        issues.append(Issue("unknown_event_type", f"{node.position}: type {kind}", remedy, "warning", node.position))
    magnitude = severity.attribute("value") if severity is not None and kind == "EQ" else None
    return Item(
        f"gdacs/{kind}{number}",
        {
            "event_type": _TYPES.get(kind, "other"),
            "event_type_text": kind,
            "title": title,
            "place": name,
            "occurred_at": began.isoformat() if began else None,
            "ended_at": ended.isoformat() if ended else None,
            "updated_at": updated.isoformat() if updated else None,
            "magnitude": _number(magnitude),
            "magnitude_type": severity.attribute("unit") if severity is not None and kind == "EQ" else None,
            "depth_km": None,
            "alert_level": level.lower() if level else None,
            "severity_text": severity.own_text() if severity is not None else None,
            "population_text": population.own_text() if population is not None else None,
            "countries": country,
            "review": None,
            "felt_reports": None,
            "max_reported_intensity": None,
            "max_estimated_intensity": None,
            "significance": None,
            "oceanic": None,
            "source_ids": [f"{kind}{number}"],
            "glide": glide,
            "url": url,
        },
        geometry=_point(point, node, issues),
        ended=current == "false",
        position=node.position,
    )


def _point(text: str | None, node: Node, issues: list[Issue]) -> bytes | None:
    """georss:point, latitude before longitude."""
    try:
        lat, lon = (float(part) for part in (text or "").split())
    except ValueError:
        cause = f"{node.position}: point is {text!r}"
        issues.append(Issue("no_position", cause, "the event is kept without a place", "warning", node.position))
        return None
    return bytes(shapely.to_wkb(shapely.Point(lon, lat)))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _instant(text: str | None) -> datetime | None:
    """An RFC 822 date with its zone; None where it is none."""
    try:
        at = parsedate_to_datetime(text) if text else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
