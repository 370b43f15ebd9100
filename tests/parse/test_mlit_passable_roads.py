"""通れる道マップ: the real delivery against its own JSON, the variants of attributes, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape
from tests.parse import road_samples as made

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import mlit_passable_roads

OPTIONS = mlit_passable_roads.Options("mlit_passable_roads", "令和８年熊本地震")
REAL = "damage-tables/r8-kumamoto-roads/2607291200data.zip"


def parsed(body: bytes) -> tuple[Bulletin, list[Issue]]:
    results = list(mlit_passable_roads.parse(body, OPTIONS))
    [bulletin] = [result for result in results if isinstance(result, Bulletin)]
    return bulletin, [result for result in results if isinstance(result, Issue)]


def one(properties: dict[str, Any], geometry: dict[str, Any] | None = made.LINE) -> tuple[Item, list[str]]:
    bulletin, issues = parsed(made.delivery([made.feature(properties, geometry)]))
    [item] = bulletin.items.rows()
    return item, [issue.code for issue in issues]


@pytest.fixture(scope="module")
def features(realdata: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(realdata / REAL) as archive:
        found: list[dict[str, Any]] = json.loads(archive.read("dourokisei.geojson"))["features"]
    return found


def test_every_cell_of_the_real_delivery(realdata: Path, features: list[dict[str, Any]]) -> None:
    bulletin, issues = parsed((realdata / REAL).read_bytes())
    assert issues == []
    assert (bulletin.kind, bulletin.scope) == ("road_restriction", "mlit_passable_roads/令和８年熊本地震")
    assert (bulletin.issued_at, bulletin.status, bulletin.complete) == (None, "actual", True)
    assert len(bulletin.items) == len(features) == len(set(bulletin.items.item_id)) == 29
    kinds = {"高速道路": "expressway", "直轄国道": "national", "補助国道": "national", "都道府県道": "prefectural"}
    for item, feature in zip(bulletin.items.rows(), features, strict=True):
        said, props = feature["properties"], item.props
        assert item.geometry == shapely.to_wkb(shape(feature["geometry"]))
        assert props["restriction"] == "closed"  # all 29 are 全面通行止 or 全面通行止め
        assert props["restriction_text"] == said.get("規制開始_内容", said.get("規制内容"))
        assert (props["road_name"], props["road_type"]) == (
            said["路線名"],
            kinds.get(said["道路種別"], "municipal"),
        )
        assert props["start_point"] == said.get("始点住所", said.get("始点"))
        assert props["end_point"] == said.get("終点住所", said.get("終点"))
        assert props["cause"] == f"{said['規制種別']}・{said['規制理由']}"
        length = said.get("延長_Km", said.get("規制延長_Km"))
        assert props["length_km"] == (None if length is None else float(length))
        if "規制開始_日時" in said:
            month, day, clock = said["規制開始_日時"].removeprefix("2026/").replace("/", " ").split()
            assert props["started_at"] == f"2026-{int(month):02}-{int(day):02}T{clock}:00+09:00"
        else:
            assert props["started_at"] is None
        assert (item.muni_code is None) == ("市町村名" not in said)
        assert (props["direction"], props["map_color"]) == (said.get("規制方向"), said["_color"])
        assert item.item_id.endswith(said["name"].removeprefix("整理ID")) if "name" in said else True
    assert sum(code is None for code in bulletin.items.muni_code) == 6
    assert set(bulletin.items.muni_code) >= {"43100", "43202", "44208", "45442"}


def test_the_big_companion_is_not_unpacked(realdata: Path) -> None:
    """Its bytes are broken here: nobody would notice."""
    body = bytearray((realdata / REAL).read_bytes())
    entry = body.index(b"ETC2.0_speed_data1.geojson")
    for offset in range(entry + 200, entry + 400):
        body[offset] ^= 0xFF
    assert len(parsed(bytes(body))[0].items) == 29


def test_the_same_delivery_in_a_folder_or_in_parts(realdata: Path, features: list[dict[str, Any]]) -> None:
    whole = parsed((realdata / REAL).read_bytes())[0]
    assert parsed(made.delivery(features, "260729date/dourokisei.geojson"))[0].items.item_id == whole.items.item_id
    rest = json.dumps({"type": "FeatureCollection", "features": features[10:]}).encode()
    parts = made.delivery(features[:10], "dourokisei1.geojson", **{"dourokisei2.geojson": rest})
    assert parsed(parts)[0].items.item_id == whole.items.item_id


def test_order_and_repetition_change_nothing(features: list[dict[str, Any]]) -> None:
    straight = parsed(made.delivery(features))[0]
    turned, issues = parsed(made.delivery([*reversed(features), features[3]]))
    assert {item.item_id.partition("~")[0] for item in turned.items.rows()} == set(straight.items.item_id)
    assert len(turned.items) == 29
    assert "duplicate_record" in {issue.code for issue in issues}


def test_a_line_without_a_word_is_kept() -> None:
    for properties in (made.BARE, {}, {"_color": "#800080"}, {"name": "整理ID20260731000000"}):
        item, codes = one(properties)
        assert (item.props["restriction"], item.props["restriction_text"], item.ended) == ("unknown", None, False)
        assert (item.geometry is not None, codes) == (True, ["no_attributes"])


def test_two_lines_without_a_word_are_two() -> None:
    other = {"type": "LineString", "coordinates": [[139.3, 35.3], [139.4, 35.3]]}
    bulletin, _ = parsed(made.delivery([made.feature({"_color": "x"}), made.feature({"_color": "x"}, other)]))
    assert len(set(bulletin.items.item_id)) == 2


def test_a_change_of_the_restriction() -> None:
    item, codes = one(made.CHANGED)
    assert codes == []
    assert (item.props["restriction"], item.props["restriction_text"]) == ("alternating", "片側交互通行")
    assert item.props["detail"] == (
        "規制変更 2026-11-05T11:00:00+09:00 全面通行止→片側交互通行；道路種別 補助国道；迂回路 有；孤立集落 無"
    )
    item, codes = one({**made.CHANGED, "規制変更_内容": "規制解除"})
    assert (item.ended, item.props["ended_at"], codes) == (True, "2026-11-05T11:00:00+09:00", [])
    item, codes = one({**made.CHANGED, "規制変更_内容": "一部解除"})
    assert (item.ended, item.props["restriction"], codes) == (False, "unknown", ["unknown_restriction"])


def test_grey_is_not_open() -> None:
    item, _ = one({**made.FULL, "_color": "#999999"})
    assert (item.props["restriction"], item.ended) == ("closed", False)


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({"始点緯度経度": "35.25,139.15"}, (139.15, 35.25)),
        ({"始点経度緯度": "139.15, 35.25"}, (139.15, 35.25)),
        ({"始点緯度経度": "不明"}, None),
        ({}, None),
    ],
)
def test_without_a_line_the_start_is_a_point(properties: dict[str, Any], place: tuple[float, float] | None) -> None:
    bare = {name: value for name, value in made.FULL.items() if "緯度経度" not in name}
    item, _ = one({**bare, **properties}, None)
    assert item.geometry == (None if place is None else shapely.to_wkb(shapely.Point(place)))


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"規制開始_日時": "7月28日夕方"}, ["bad_time"]),
        ({"延長_Km": "約5"}, ["bad_number"]),
        ({"市町村名": "訓練町"}, ["unknown_municipality"]),
        ({"道路種別": "林道"}, ["unknown_road_type"]),
        ({"道路種別": "国道445号"}, []),
        ({"規制開始_内容": "徐行"}, ["unknown_restriction"]),
        ({"新しい属性": "x"}, ["unread"]),
        ({"延長_Km": 1.5, "県名": None}, []),
    ],
)
def test_what_cannot_be_read_is_told(changes: dict[str, Any], codes: list[str]) -> None:
    assert one({**made.FULL, **changes})[1] == codes


def test_no_restrictions_in_the_delivery_say_nothing() -> None:
    for name in ("ETC2.0_speed_data1.geojson", "tukoujisseki2.geojson", "notice.txt"):
        with pytest.raises(ParseError) as caught:
            parsed(made.delivery([], name))
        assert (caught.value.code, bool(caught.value.remedy)) == ("no_layer", True)
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    with pytest.raises(ParseError):
        parsed(out.getvalue())


def test_a_notice_and_a_strange_file_are_seen() -> None:
    body = made.delivery([made.feature(made.FULL)], **{"notice.txt": b"as of 8:00", "x.kml": b"x"})
    assert sorted(issue.code for issue in parsed(body)[1]) == ["notice", "unread"]


def test_the_mark_of_a_drill() -> None:
    assert parsed(made.delivery([made.feature(made.FULL)]))[0].status == "exercise"
    real = {**made.FULL, "始点住所": "小田原市1", "終点住所": "小田原市2"}
    assert parsed(made.delivery([made.feature(real)]))[0].status == "actual"
