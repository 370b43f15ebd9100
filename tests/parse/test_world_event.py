"""Disasters of the world: USGS and GDACS against the raw files, what ends an event and what does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from lxml import etree

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import gdacs, usgs_earthquake

FEEDS = Path(__file__).resolve().parents[1] / "feeds"
USGS = (FEEDS / "usgs_earthquake/kunren.geojson").read_bytes()
GDACS = (FEEDS / "gdacs/kunren.xml").read_bytes()


def read(parser: Any, body: bytes) -> tuple[Bulletin, dict[str, Item], list[Issue]]:
    found = list(parser.parse(body))
    (bulletin,) = [one for one in found if isinstance(one, Bulletin)]
    issues = [one for one in found if isinstance(one, Issue)]
    return bulletin, {item.item_id: item for item in bulletin.items.rows()}, issues


def test_real_events_of_usgs(realdata: Path) -> None:
    body = (realdata / "usgs/all_day_20161103_first5.geojson").read_bytes()
    raw = json.loads(body)
    bulletin, items, issues = read(usgs_earthquake, body)
    assert bulletin.issued_at == datetime.fromtimestamp(raw["metadata"]["generated"] / 1000, UTC)
    assert not bulletin.complete
    assert issues == []
    for feature in raw["features"]:
        item, props = items[f"usgs/{feature['id']}"], feature["properties"]
        assert (item.props["magnitude"], item.props["title"]) == (props["mag"], props["title"])
        lon, lat, depth = feature["geometry"]["coordinates"]
        point = shapely.from_wkb(item.geometry)
        assert (point.x, point.y, item.props["depth_km"]) == (lon, lat, depth)
        occurred = datetime.fromisoformat(item.props["occurred_at"])
        assert round(occurred.timestamp() * 1000) == props["time"]
    assert len(items) == len(raw["features"])


def test_real_events_of_gdacs(realdata: Path) -> None:
    body = (realdata / "gdacs/gdacs-1.xml").read_bytes()
    channel = etree.fromstring(body.removeprefix(b"\xef\xbb\xbf")).find("channel")
    assert channel is not None
    bulletin, items, issues = read(gdacs, body)
    assert bulletin.issued_at == parsedate_to_datetime(channel.findtext("pubDate") or "")
    assert issues == []
    listed = channel.findall("item")
    assert len(items) == len(listed) == 4
    for one in listed:
        item = items[f"gdacs/{one.findtext('guid')}"]
        lat, lon = (float(part) for part in (one.findtext("{*}point") or "").split())
        point = shapely.from_wkb(item.geometry)
        assert (point.y, point.x) == (lat, lon)
        assert item.props["alert_level"] == (one.findtext("{*}alertlevel") or "").lower()
        assert item.ended is False


def test_deleted_and_no_longer_current_events_end_and_a_blast_is_no_earthquake() -> None:
    _, items, _ = read(usgs_earthquake, USGS)
    assert {item_id: item.ended for item_id, item in items.items()} == {
        "usgs/xx訓練01": False,
        "usgs/xx訓練02": False,
        "usgs/xx訓練03": True,
    }
    assert items["usgs/xx訓練02"].props["event_type"] == "other"
    _, events, _ = read(gdacs, GDACS)
    assert {item_id: item.ended for item_id, item in events.items()} == {"gdacs/EQ1": False, "gdacs/FL2": True}


def test_a_new_member_and_a_new_element_are_told() -> None:
    _, _, issues = read(usgs_earthquake, USGS.replace(b'"sig": 800', b'"sig": 800, "surprise": 1'))
    assert [(issue.code, "surprise" in issue.cause) for issue in issues] == [("unread", True)]
    _, _, issues = read(gdacs, GDACS.replace(b"<gdacs:glide />", b"<gdacs:surprise>1</gdacs:surprise>"))
    assert [(issue.code, "surprise" in issue.cause) for issue in issues] == [("unread", True)]


def test_an_unknown_type_is_kept_and_told() -> None:
    _, items, issues = read(gdacs, GDACS.replace(b"<gdacs:eventtype>FL", b"<gdacs:eventtype>ZZ"))
    assert items["gdacs/ZZ2"].props["event_type"] == "other"
    assert [issue.code for issue in issues] == ["unknown_event_type"]


def test_an_event_without_id_is_held_back() -> None:
    _, items, issues = read(usgs_earthquake, USGS.replace('"id": "xx訓練01"'.encode(), b'"id": null'))
    assert len(items) == 2
    assert [issue.code for issue in issues] == ["no_event_id"]
    _, events, issues = read(gdacs, GDACS.replace(b"<gdacs:eventid>1</gdacs:eventid>", b""))
    assert set(events) == {"gdacs/FL2"}
    assert [issue.code for issue in issues] == ["no_event_id"]


@pytest.mark.parametrize(
    ("parser", "body", "code"),
    [
        (usgs_earthquake, b"", "empty"),
        (usgs_earthquake, b"<html></html>", "html_instead_of_json"),
        (usgs_earthquake, USGS.replace(b'"generated"', b'"made"'), "no_time"),
        (usgs_earthquake, USGS.replace(b'"metadata": {', b'"metadata": "x", "other": {'), "no_time"),
        (usgs_earthquake, USGS.replace(b"6.9", b"NaN", 1), "not_json"),
        (gdacs, b"", "empty"),
        (gdacs, b"<rss><channel><title>x</title></channel></rss>", "not_gdacs"),
        (gdacs, GDACS.replace(b"Thu, 05 Nov 2026 02:00:00 GMT", b"today", 1), "no_time"),
        (gdacs, b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>', "doctype"),
        (gdacs, GDACS[:-200], "not_xml"),
    ],
)
def test_what_is_no_list_is_refused(parser: Any, body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        list(parser.parse(body))
    assert refused.value.code == code
