"""Hazard areas with a declared column map: real files against json and GDAL, stable ids, nothing invented."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import msgspec
import pyogrio
import pytest

from bousai import catalogue, pipeline
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import hazard_areas
from bousai.parse.hazard_areas import FIELDS, Options

PROJECT = Path(__file__).resolve().parents[2]
FEEDS = catalogue.load(PROJECT / "config").feeds
TOKYO = (PROJECT / "tests/feeds/tokyo_debris_flow/tokyo_dosekiryu_kunren.json").read_text(encoding="utf-8")


def of(feed: str, name: str, body: bytes) -> tuple[Bulletin, list[Issue]]:
    found = list(pipeline.parsed(FEEDS[feed], name, body))
    (bulletin,) = [one for one in found if isinstance(one, Bulletin)]
    return bulletin, [one for one in found if isinstance(one, Issue)]


@pytest.mark.parametrize(
    ("feed", "pattern"),
    [
        ("fukuoka_tsunami_area", "ksj-hazard/fukuoka/tsunami.geojson"),
        ("fukuoka_sediment_area", "ksj-hazard/fukuoka/sediment.geojson"),
        ("yokosuka_tsunami_area", "ksj-hazard/yokosuka-tsunami/*.geojson"),
        ("gsi_slope_failure", "noto2024-gis/hokai*.fgb"),
        ("gsi_tsunami_inundation", "noto2024-gis/shinsui*.fgb"),
        ("gsi_survey_area", "noto2024-gis/IdentifyArea*.fgb"),
    ],
)
def test_files_without_attributes_say_where_and_no_more(realdata: Path, feed: str, pattern: str) -> None:
    paths = sorted(realdata.glob(pattern))
    assert paths
    for path in paths:
        bulletin, issues = of(feed, path.name, path.read_bytes())
        assert issues == []
        assert len(bulletin.items) == pyogrio.read_info(path)["features"]
        assert len(set(bulletin.items.item_id)) == len(bulletin.items)
        told = {"hazard", "scenario", "pref_code"}
        for name in set(FIELDS) - told:
            assert set(bulletin.items.props[name]) == {None}, (path.name, name)


def test_the_day_and_the_place_are_in_the_name_of_the_file(realdata: Path) -> None:
    feed = FEEDS["gsi_tsunami_inundation"]
    (path,) = (realdata / "noto2024-gis").glob("shinsui*Re2*.fgb")
    bulletin, _ = of("gsi_tsunami_inundation", path.name, path.read_bytes())
    assert bulletin.scope == "gsi_tsunami_inundation/hazard_observed/suzu-wajimaEAST"
    at = feed.dated_by(path.name)
    assert at is not None
    assert at.isoformat() == "2024-01-10T00:00:00+09:00"


def test_zones_of_tokyo_are_those_of_the_file(realdata: Path) -> None:
    path = realdata / "ksj-hazard/tokyo-dosha/tokyo_dosekiryu_tokubetsu.json"
    raw = [feature["properties"] for feature in json.loads(path.read_bytes())["features"]]
    bulletin, issues = of("tokyo_debris_flow", path.name, path.read_bytes())
    props = bulletin.items.props
    assert list(props["zone_id"]) == [one["keiryunum"] for one in raw]
    assert list(props["place"]) == [one["shozaichi"] for one in raw]
    assert Counter(props["zone"]) == {"special_warning": len(raw)}
    assert sum(on is None for on in props["designated_on"]) == sum(one["koujidate"] is None for one in raw) == 117
    dates = {one["koujidate"]: on for one, on in zip(raw, props["designated_on"], strict=True)}
    assert (dates["令和元年6月28日"], dates["平成23年3月31日"]) == ("2019-06-28", "2011-03-31")
    assert {issue.code for issue in issues} <= {"unknown_municipality"}
    known = sum(code is not None for code in bulletin.items.muni_code)
    assert known > 0.99 * len(raw)


def test_the_same_file_again_has_the_same_ids_and_order_does_not_matter() -> None:
    first, _ = of("tokyo_debris_flow", "a.json", TOKYO.encode())
    turned = json.loads(TOKYO)
    turned["features"].reverse()
    second, _ = of("tokyo_debris_flow", "a.json", json.dumps(turned).encode())
    assert set(first.items.item_id) == set(second.items.item_id)


def test_two_equal_areas_are_two_items(realdata: Path) -> None:
    body = (PROJECT / "tests/feeds/fukuoka_tsunami_area/tsunami.geojson").read_bytes()
    bulletin, _ = of("fukuoka_tsunami_area", "tsunami.geojson", body)
    first, second = bulletin.items.item_id
    assert second == f"{first}~2"


def told(**columns: str) -> Options:
    return Options("x", "訓練", "hazard_zone_flood", "p", columns=columns)


def collection(**properties: object) -> bytes:
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [[[139, 35], [139.1, 35], [139.1, 35.1], [139, 35]]]},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def test_depth_and_duration_are_read_from_words() -> None:
    body = collection(depth="０．５ｍ以上 〜 ３ｍ未満", dur="12時間以上1日未満")
    found = list(hazard_areas.parse(body, told(depth="depth_text", dur="duration_text")))
    bulletin = found[0]
    assert isinstance(bulletin, Bulletin)
    props = {name: column[0] for name, column in bulletin.items.props.items()}
    assert (props["depth_min_m"], props["depth_max_m"]) == (0.5, 3.0)
    assert (props["duration_min_h"], props["duration_max_h"]) == (12, 24)
    assert props["class_text"] == "０．５ｍ以上 〜 ３ｍ未満"


def test_words_that_are_no_depth_are_kept_and_told() -> None:
    found = list(hazard_areas.parse(collection(depth="浸水区域"), told(depth="depth_text")))
    bulletin, issue = found
    assert isinstance(bulletin, Bulletin)
    assert isinstance(issue, Issue)
    assert (bulletin.items.props["class_text"][0], bulletin.items.props["depth_min_m"][0]) == ("浸水区域", None)
    assert issue.code == "unknown_class"


def test_a_value_that_the_feed_does_not_explain_refuses_the_file() -> None:
    with pytest.raises(ParseError) as refused:
        of("tokyo_debris_flow", "a.json", TOKYO.replace("特別警戒区域", "新区域").encode())
    assert refused.value.code == "unknown_value"


def test_a_new_attribute_is_told() -> None:
    _, issues = of("tokyo_debris_flow", "a.json", TOKYO.replace('"gid": 1', '"gid": 1, "surprise": 2').encode())
    assert [issue.code for issue in issues if "surprise" in issue.cause] == ["unread"]


def test_a_wrong_column_map_and_a_wrong_file_are_refused() -> None:
    with pytest.raises(ParseError) as refused:
        list(hazard_areas.parse(collection(a=1), told(a="surprise")))
    assert refused.value.code == "wrong_column_map"
    for body, code in ((b"", "empty"), (b"fgb\x03fgb\x00broken", "not_flatgeobuf"), (b"{}", "not_geojson")):
        with pytest.raises(ParseError) as refused:
            list(hazard_areas.parse(body, told()))
        assert refused.value.code == code
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"source": "x"}, Options)
