"""N03: the real prefectures against their own JSON, both generations of attributes, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import ksj_municipality

PREFECTURES = {"13": 62, "15": 37, "16": 15, "17": 19, "18": 17, "43": 49}
ODD = "x\n\x1b[31m" + "y" * 10_000


def parsed(document: bytes) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(ksj_municipality.parse(document))
    bulletins = {result.scope: result for result in results if isinstance(result, Bulletin)}
    return bulletins, [result for result in results if isinstance(result, Issue)]


def error_of(document: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        list(ksj_municipality.parse(document))
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    return caught.value


def square(west: float = 136.0, south: float = 36.0, side: float = 0.1) -> dict[str, Any]:
    return shapely.box(west, south, west + side, south + side).__geo_interface__


def n03(*features: dict[str, Any]) -> bytes:
    """Features from attributes; `geometry` among them instead of a square."""
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {f"N03_{name}": value for name, value in one.items() if name != "geometry"},
                    "geometry": one.get("geometry", square()),
                }
                for one in features
            ],
        }
    ).encode()


KANAZAWA = {"001": "石川県", "002": None, "003": None, "004": "金沢市", "007": "17201"}
UNASSIGNED = {"001": "石川県", "002": None, "003": None, "004": "所属未定地", "007": None}


def items_of(document: bytes) -> dict[str, Item]:
    bulletins, _ = parsed(document)
    return {item.item_id: item for bulletin in bulletins.values() for item in bulletin.items.rows()}


@pytest.mark.parametrize(("pref", "count"), PREFECTURES.items())
def test_real_prefectures(realdata: Path, pref: str, count: int) -> None:
    document = (realdata / f"n03/N03-21_{pref}_210101.json").read_bytes()
    shapes: dict[str, list[Any]] = defaultdict(list)
    said: dict[str, dict[str, Any]] = {}
    for feature in json.loads(document)["features"]:
        code = feature["properties"]["N03_007"]
        if code is not None:
            shapes[code].append(shape(feature["geometry"]))
            said[code] = feature["properties"]
    bulletins, issues = parsed(document)
    [(scope, bulletin)] = bulletins.items()
    assert (scope, bulletin.kind, bulletin.complete) == (f"ksj/municipality/{pref}", "municipality", True)
    assert (bulletin.issued_at, bulletin.issuer, bulletin.bulletin_type) == (None, "国土交通省", "N03")
    assert bulletin.items.item_id == bulletin.items.muni_code == sorted(shapes)
    assert len(shapes) == count
    assert [(issue.code, issue.severity) for issue in issues] == [("unassigned_land", "info")] * (pref == "13")
    for item in bulletin.items.rows():
        properties = said[item.item_id]
        area = shapely.from_wkb(item.geometry)
        assert area.geom_type in ("Polygon", "MultiPolygon")
        assert area.area == pytest.approx(sum(one.area for one in shapes[item.item_id]), rel=1e-12)
        assert item.props["pref_name"] == properties["N03_001"]
        assert str(item.props["name"]).endswith(properties["N03_004"])
        index = int(item.position.removeprefix("features[").removesuffix("]"))
        assert json.loads(document)["features"][index]["properties"] == properties


def test_real_names(realdata: Path) -> None:
    niigata = items_of((realdata / "n03/N03-21_15_210101.json").read_bytes())
    assert niigata["15101"].props == {
        "pref_name": "新潟県",
        "subprefecture_name": None,
        "county_name": None,
        "name": "新潟市北区",
        "city_name": "新潟市",
    }
    assert niigata["15202"].props["name"] == "長岡市"
    assert niigata["15202"].props["city_name"] is None
    tokyo = items_of((realdata / "n03/N03-21_13_210101.json").read_bytes())
    assert (tokyo["13101"].props["name"], tokyo["13101"].props["city_name"]) == ("千代田区", None)
    ishikawa = items_of((realdata / "n03/N03-21_17_210101.json").read_bytes())
    assert (ishikawa["17463"].props["county_name"], ishikawa["17463"].props["name"]) == ("鳳珠郡", "能登町")


def test_both_generations_of_attributes_say_the_same() -> None:
    before = items_of(n03({"001": "新潟県", "002": None, "003": "新潟市", "004": "北区", "007": "15101"}))
    since = items_of(n03({"001": "新潟県", "002": None, "003": None, "004": "新潟市", "005": "北区", "007": "15101"}))
    assert before == since
    assert (before["15101"].props["name"], before["15101"].props["city_name"]) == ("新潟市北区", "新潟市")


@pytest.mark.parametrize("ward", [None, ""])
def test_a_county_and_a_subprefecture(ward: str | None) -> None:
    town = {"001": "北海道", "002": "渡島総合振興局", "003": "上磯郡", "004": "木古内町", "005": ward, "007": "01334"}
    assert items_of(n03(town))["01334"].props == {
        "pref_name": "北海道",
        "subprefecture_name": "渡島総合振興局",
        "county_name": "上磯郡",
        "name": "木古内町",
        "city_name": None,
    }


def test_islands_become_one_multipolygon_of_the_same_area() -> None:
    hole = shapely.box(138, 36, 138.5, 36.5).difference(shapely.box(138.1, 36.1, 138.2, 36.2))
    double = shapely.union(shapely.box(139, 36, 139.1, 36.1), shapely.box(139.5, 36, 139.6, 36.1))
    parts = [shapely.box(136, 36, 136.1, 36.1), hole, double]
    document = n03(*({**KANAZAWA, "geometry": part.__geo_interface__} for part in parts))
    items = items_of(document)
    area = shapely.from_wkb(items["17201"].geometry)
    assert (list(items), area.geom_type, shapely.get_num_geometries(area)) == (["17201"], "MultiPolygon", 4)
    assert area.area == pytest.approx(sum(part.area for part in parts), rel=1e-12)
    assert area.equals(shapely.union_all(parts))
    assert items["17201"].position == "features[0]"


def test_one_polygon_stays_a_polygon() -> None:
    assert shapely.from_wkb(items_of(n03(KANAZAWA))["17201"].geometry).geom_type == "Polygon"


def test_several_prefectures_are_several_statements() -> None:
    toyama = {**KANAZAWA, "001": "富山県", "004": "富山市", "007": "16201"}
    bulletins, issues = parsed(n03(KANAZAWA, toyama, {**KANAZAWA, "004": "七尾市", "007": "17202"}))
    assert {scope: bulletin.items.item_id for scope, bulletin in bulletins.items()} == {
        "ksj/municipality/16": ["16201"],
        "ksj/municipality/17": ["17201", "17202"],
    }
    assert (issues, all(bulletin.complete for bulletin in bulletins.values())) == ([], True)


def test_land_of_nobody_is_left_out_with_an_issue() -> None:
    bulletins, issues = parsed(n03(KANAZAWA, UNASSIGNED, {**UNASSIGNED, "001": ODD}))
    assert bulletins["ksj/municipality/17"].items.item_id == ["17201"]
    assert [(issue.code, issue.severity, issue.position) for issue in issues] == [
        ("unassigned_land", "info", "features[1]"),
        ("unassigned_land", "info", "features[2]"),
    ]
    assert all(issue.cause.isprintable() and len(issue.cause) < 300 for issue in issues)


def test_an_archive_says_the_same(realdata: Path) -> None:
    document = (realdata / "n03/N03-21_17_210101.json").read_bytes()
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("N03-21_17_210101.geojson", document)
        archive.writestr("N03-21_17_210101_prefecture.geojson", b"{}")
    assert items_of(body.getvalue()) == items_of(document)


def test_prefectures_alone_are_refused(realdata: Path) -> None:
    error = error_of((realdata / "n03/prefectures.json").read_bytes())
    assert (error.code, "N03_007" in str(error)) == ("not_n03", True)


@pytest.mark.parametrize(
    "change",
    [
        {"007": None},
        {"007": ""},
        {"007": 17201},
        {"007": "172014"},
        {"007": "１７２０１"},
        {"007": "1720"},
        {"007": ODD},
        {"007": [ODD]},
        {"004": None},
        {"004": ""},
        {"004": {"name": "金沢市"}},
        {"004": ODD, "007": ODD},
    ],
)
def test_a_municipality_without_its_code_or_name_is_refused(change: dict[str, Any]) -> None:
    """Half of a prefecture would be a complete statement that the other half is no more."""
    error = error_of(n03(KANAZAWA, {**KANAZAWA, **change}))
    assert (error.code, error.position) == ("not_n03", "features[1]")


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[136, 36], [137, 36]]]},
        {"type": "Point", "coordinates": [136, 36]},
        {"type": "LineString", "coordinates": [[136, 36], [137, 37]]},
        {"type": "GeometryCollection", "geometries": [square()]},
    ],
)
@pytest.mark.parametrize("before", [[], [KANAZAWA], [UNASSIGNED]])
def test_an_area_that_is_none_is_refused(geometry: Any, before: list[dict[str, Any]]) -> None:
    """Also where it is one island of many: it would be lost in silence."""
    error = error_of(n03(*before, {**KANAZAWA, "geometry": geometry}))
    assert (error.code, error.position) == ("bad_geometry", f"features[{len(before)}]")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b"<html>", "html_instead_of_json"),
        (b"PK\x03\x04", "not_zip"),
        (n03(), "not_n03"),
        (n03({"001": "石川県"}), "not_n03"),
        (n03({"A33_001": 1}), "not_n03"),
    ],
)
def test_no_n03(document: bytes, code: str) -> None:
    assert error_of(document).code == code


@pytest.mark.parametrize("value", [5, True, ["新潟市"], {"市": 1}])
def test_other_attributes_of_a_wrong_type_are_absent(value: Any) -> None:
    item = items_of(n03({**KANAZAWA, "001": value, "002": value, "003": value, "005": value}))["17201"]
    assert item.props == {
        "pref_name": None,
        "subprefecture_name": None,
        "county_name": None,
        "name": "金沢市",
        "city_name": None,
    }
