"""指定緊急避難場所: every cell of the real lists read a second time, and the odd records one by one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import gsi_evacuation_site

HAZARDS = {  # written a second time by hand
    "洪水": "flood",
    "崖崩れ、土石流及び地滑り": "landslide",
    "高潮": "storm_surge",
    "地震": "earthquake",
    "津波": "tsunami",
    "大規模な火事": "fire",
    "内水氾濫": "inland_flood",
    "火山現象": "volcano",
}
ROW: dict[str, Any] = {
    "NO": "1",
    "共通ID": "E1720400001201",
    "都道府県名及び市町村名": "石川県輪島市",
    "施設・場所名": "河井小学校",
    "住所": "石川県輪島市河井町",
    **dict.fromkeys(HAZARDS, "1"),
    "指定避難所との住所同一": "",
    "緯度": "37.394",
    "経度": "136.899",
    "備考": "",
}
MUNICIPALITIES = ("012025", "172014", "172022", "172049", "172057", "173843", "174611")


def csv_of(*rows: dict[str, Any], without: tuple[str, ...] = ()) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [name for name in ROW if name not in without], extrasaction="ignore")
    writer.writeheader()
    writer.writerows([{**ROW, **row} for row in rows])
    return text.getvalue().encode("utf-8-sig")


def geojson_of(*features: tuple[dict[str, Any] | None, Any]) -> bytes:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": p, "geometry": g} for p, g in features],
        }
    ).encode()


def parsed(document: bytes) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(gsi_evacuation_site.parse(document))
    bulletins = {result.scope: result for result in results if isinstance(result, Bulletin)}
    issues = [result for result in results if isinstance(result, Issue)]
    assert len(bulletins) + len(issues) == len(results)
    for issue in issues:
        assert issue.cause.isprintable()
        assert issue.remedy
        assert len(issue.cause) < 300
    return bulletins, issues


def only(document: bytes) -> tuple[Item, list[Issue]]:
    bulletins, issues = parsed(document)
    [bulletin] = bulletins.values()
    [item] = bulletin.items.rows()
    return item, issues


def refused(document: bytes) -> str:
    with pytest.raises(ParseError) as caught:
        list(gsi_evacuation_site.parse(document))
    assert caught.value.remedy
    return caught.value.code


def point(item: Item) -> tuple[float, float] | None:
    if item.geometry is None:
        return None
    shape = shapely.from_wkb(item.geometry)
    assert shape.geom_type == "Point"
    return shape.x, shape.y


@pytest.mark.parametrize("code", MUNICIPALITIES)
def test_every_cell_of_the_real_lists(realdata: Path, code: str) -> None:
    document = (realdata / f"gsi-shelters/geojson/emergency/{code}.json").read_bytes()
    expected = json.loads(document)["features"]
    bulletins, issues = parsed(document)
    assert issues == []
    assert list(bulletins) == [f"gsi/evacuation_site/{code[:5]}"]
    [bulletin] = bulletins.values()
    assert (bulletin.kind, bulletin.complete, bulletin.status) == ("evacuation_site", True, "actual")
    assert (bulletin.issued_at, bulletin.issuer, bulletin.bulletin_type) == (None, "国土地理院", "gsi_2")
    items = list(bulletin.items.rows())
    assert len(items) == len(expected) > 10
    for index, (item, feature) in enumerate(zip(items, expected, strict=True)):
        said = feature["properties"]
        flags = {"1": True, "": False}
        lon, lat = feature["geometry"]["coordinates"]
        assert item.item_id == said["共通ID"]
        assert (item.muni_code, item.position) == (code[:5], f"features[{index}]")
        assert point(item) == (lon, lat)
        assert item.props == {
            "common_id": said["共通ID"],
            "name": said["施設・場所名"].strip(),
            "address": said["住所"].strip(),
            "lat": lat,
            "lon": lon,
            "hazards": {hazard: flags[said[column]] for column, hazard in HAZARDS.items()},
            "same_address": flags[said["指定避難所との住所同一"]],
            "facility_id": said["共通ID"][:11],
            "note": said["備考"].strip(),
        }


def test_the_placeholder_of_a_ward_is_refused(realdata: Path) -> None:
    document = (realdata / "gsi-shelters/geojson/evacuation/011011_unavailable.json").read_bytes()
    assert refused(document) == "not_feature_collection"


def test_the_list_of_shelters_is_refused(realdata: Path) -> None:
    for path in realdata.glob("gsi-shelters/geojson/evacuation/??????.json"):
        assert refused(path.read_bytes()) == "wrong_list"
    document = (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").read_bytes()
    assert refused(document) == "wrong_list"


def test_csv_and_geojson_say_the_same() -> None:
    properties = {name: cell for name, cell in ROW.items() if name not in ("緯度", "経度")} | {"NO": 1}
    geometry = {"type": "Point", "coordinates": [136.899, 37.394]}
    one, none = only(geojson_of((properties, geometry)))
    two, nothing = only(csv_of({}))
    assert none == nothing == []
    assert (one.props, one.geometry, one.muni_code) == (two.props, two.geometry, two.muni_code)
    assert (one.position, two.position) == ("features[0]", "line 2")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_encodings(encoding: str) -> None:
    row = {"施設・場所名": "①髙﨑～公民館", "住所": "表町"}
    item, issues = only(csv_of(row).decode("utf-8-sig").encode(encoding))
    assert (item.props["name"], item.props["address"], issues) == ("①髙﨑～公民館", "表町", [])


@pytest.mark.parametrize("column", list(HAZARDS))
def test_a_missing_hazard_is_unknown_and_only_that_one(column: str) -> None:
    rows = [{}, {"共通ID": "E1720400002201", **dict.fromkeys(HAZARDS, "")}]
    bulletins, issues = parsed(csv_of(*rows, without=(column,)))
    [bulletin] = bulletins.values()
    first, second = (item.props["hazards"] for item in bulletin.items.rows())
    assert (first, second) == (
        {hazard: True if hazard != HAZARDS[column] else None for hazard in HAZARDS.values()},
        {hazard: False if hazard != HAZARDS[column] else None for hazard in HAZARDS.values()},
    )
    assert (bulletin.complete, issues) == (True, [])


def test_a_flag_that_one_feature_does_not_have_is_unknown_for_it() -> None:
    point = {"type": "Point", "coordinates": [136.9, 37.4]}
    properties = {name: value for name, value in ROW.items() if name not in ("緯度", "経度")}
    without = {name: value for name, value in properties.items() if name != "津波"}
    other = {**properties, "共通ID": "E1720400002201", "津波": None}
    blank = {**properties, "共通ID": "E1720400003201", "津波": ""}
    bulletins, issues = parsed(geojson_of((without, point), (other, point), (blank, point)))
    [bulletin] = bulletins.values()
    assert [item.props["hazards"]["tsunami"] for item in bulletin.items.rows()] == [None, None, False]
    assert issues == []


@pytest.mark.parametrize("flag", ["○", "0", "１", "11", "true", "x\n\x1b[31m" + "y" * 1000])
def test_an_unknown_flag_is_unknown_and_an_issue(flag: str) -> None:
    bulletins, issues = parsed(csv_of({}, {"共通ID": "E1720400002201", "津波": flag}))
    [bulletin] = bulletins.values()
    first, second = (item.props["hazards"] for item in bulletin.items.rows())
    assert (first["tsunami"], second["tsunami"], second["flood"]) == (True, None, True)
    [issue] = issues
    assert (issue.code, issue.severity, issue.position.startswith("line ")) == ("unknown_flag", "warning", True)
    assert "E1720400002201" in issue.cause
    assert "津波" in issue.cause
    assert bulletin.complete


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ("", ""),
        ("37.394", ""),
        ("", "136.899"),
        ("999", "999"),
        ("0", "0"),
        ("３７．３９４", "１３６．８９９"),
        ("136.899", "37.394"),
        ("37,394", "136,899"),
        ("37°23'38\"", "136°53'56\""),
        ("1e999", "136.899"),
        ("nan", "nan"),
        ("inf", "136.899"),
        ("不明", "不明"),
        ("x\n\x1b[31m" + "y" * 1000, "1"),
    ],
)
def test_an_impossible_position_is_left_out_and_the_place_kept(lat: str, lon: str) -> None:
    bulletins, issues = parsed(csv_of({"緯度": lat, "経度": lon}, {"共通ID": "E1720400002201"}))
    [bulletin] = bulletins.values()
    first, second = bulletin.items.rows()
    assert (point(first), first.props["lat"], first.props["lon"]) == (None, None, None)
    assert (point(second), second.props["lat"]) == ((136.899, 37.394), 37.394)
    assert [(issue.code, issue.severity, issue.position) for issue in issues] == [
        ("no_position", "warning", "line 2")
    ]
    assert bulletin.complete


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Point", "coordinates": []},
        {"type": "Point", "coordinates": ["136.899", "37.394"]},
        {"type": "Point", "coordinates": [37.394, 136.899]},
        {"type": "Point", "coordinates": [999, 999]},
        {"type": "Polygon", "coordinates": [[[136, 37], [137, 37], [137, 38], [136, 37]]]},
    ],
)
def test_an_impossible_geometry_is_left_out_and_the_place_kept(geometry: Any) -> None:
    properties = {name: cell for name, cell in ROW.items() if name not in ("緯度", "経度")}
    item, issues = only(geojson_of((properties, geometry)))
    assert (point(item), item.props["lat"], item.props["name"]) == (None, None, "河井小学校")
    assert [(issue.code, issue.position) for issue in issues] == [("no_position", "features[0]")]


def test_coordinates_have_six_decimals() -> None:
    item, _ = only(csv_of({"緯度": "37.394000412345678", "経度": " 136.8990004 "}))
    assert (point(item), item.props["lat"], item.props["lon"]) == ((136.899, 37.394), 37.394, 136.899)


NANAO = {"共通ID": "E1720200001201", "都道府県名及び市町村名": "石川県七尾市"}
BAD_IDS = [
    "",
    "1",
    "E172040000120",
    "E17204000012011",
    "E172040000120１",
    "E１７２０４00001201",
    "E1720400001200",
    "E1720400001301",
    "e1720400001201",
    "x\n\x1b[31m" + "y" * 1000,
]


@pytest.mark.parametrize("common_id", BAD_IDS)
def test_a_record_with_a_bad_id_is_held_back(common_id: str) -> None:
    """Only the statement of its municipality is not complete then: an absent place has not ended."""
    bulletins, issues = parsed(csv_of({}, {"共通ID": common_id, "緯度": ""}, NANAO))
    assert {scope: b.items.item_id for scope, b in bulletins.items()} == {
        "gsi/evacuation_site/17202": ["E1720200001201"],
        "gsi/evacuation_site/17204": ["E1720400001201"],
    }
    complete = {scope[-5:]: bulletin.complete for scope, bulletin in bulletins.items()}
    assert complete == {"17202": True, "17204": False}
    assert sorted((issue.code, issue.severity) for issue in issues) == [
        ("bad_common_id", "warning"),
        ("no_position", "warning"),
    ]


def test_space_around_an_id_is_no_fault() -> None:
    item, issues = only(csv_of({"共通ID": " E1720400001201\n"}))
    assert (item.item_id, issues) == ("E1720400001201", [])


@pytest.mark.parametrize("where", ["", "石川県能登市"])
def test_a_held_back_record_of_nobody_makes_all_incomplete(where: str) -> None:
    bulletins, _ = parsed(csv_of({}, {"共通ID": "?", "都道府県名及び市町村名": where}, NANAO))
    assert {scope[-5:]: bulletin.complete for scope, bulletin in bulletins.items()} == {
        "17202": False,
        "17204": False,
    }


def test_a_duplicate_is_held_back_and_the_statement_stays_complete() -> None:
    bulletins, issues = parsed(csv_of({}, {"施設・場所名": "二度目"}, NANAO))
    assert [b.complete for b in bulletins.values()] == [True, True]
    [item] = bulletins["gsi/evacuation_site/17204"].items.rows()
    assert item.props["name"] == "河井小学校"
    [issue] = issues
    assert (issue.code, issue.severity, issue.position) == ("duplicate_id", "warning", "line 3")
    assert "line 2" in issue.cause


def test_a_duplicate_of_a_held_back_record_is_no_duplicate() -> None:
    other = {"共通ID": "E1720400002111"}
    bulletins, issues = parsed(csv_of({}, other, other, NANAO))
    assert [(issue.code, issue.position) for issue in issues] == [("wrong_list", "line 3"), ("wrong_list", "line 4")]
    assert not bulletins["gsi/evacuation_site/17204"].complete


def test_a_few_records_of_the_other_list_are_held_back() -> None:
    bulletins, issues = parsed(csv_of({}, {"共通ID": "E1720400002111"}, NANAO))
    assert {scope[-5:]: bulletin.complete for scope, bulletin in bulletins.items()} == {
        "17202": True,
        "17204": False,
    }
    assert [(issue.code, issue.position) for issue in issues] == [("wrong_list", "line 3")]


def test_without_the_column_of_names_the_id_tells_the_municipality() -> None:
    bulletins, issues = parsed(csv_of({}, NANAO, without=("都道府県名及び市町村名",)))
    assert (sorted(bulletins), issues) == (["gsi/evacuation_site/17202", "gsi/evacuation_site/17204"], [])


def test_the_name_goes_before_the_id() -> None:
    """After a merger an id keeps the code of the former municipality."""
    moved = {"共通ID": "E1720200002201"}
    bulletins, issues = parsed(csv_of({}, moved, NANAO))
    assert {scope[-5:]: b.items.item_id for scope, b in bulletins.items()} == {
        "17202": ["E1720200001201"],
        "17204": ["E1720400001201", "E1720200002201"],
    }
    assert bulletins["gsi/evacuation_site/17204"].items.muni_code == ["17204", "17204"]
    assert issues == []


@pytest.mark.parametrize(
    ("name", "common_id"),
    [("石川県能登市", "E1720400001201"), ("", "E1720400001201"), ("北海道泊村", "E0140300001201")],
)
def test_an_unknown_or_ambiguous_name_falls_back_to_the_id(name: str, common_id: str) -> None:
    item, issues = only(csv_of({"都道府県名及び市町村名": name, "共通ID": common_id}))
    assert (item.muni_code, issues) == (common_id[1:6], [])


@pytest.mark.parametrize("column", ["共通ID", "施設・場所名", "住所"])
def test_a_renamed_column_is_refused(column: str) -> None:
    renamed = csv_of({}).decode("utf-8-sig").replace(column, f"{column}(新)", 1)
    assert refused(renamed.encode()) == "not_gsi_list"
    properties = {name: cell for name, cell in ROW.items() if name != column}
    assert refused(geojson_of((properties, None))) == "not_gsi_list"


def test_a_column_that_nobody_knows_is_an_issue() -> None:
    document = csv_of({}).decode("utf-8-sig").replace("備考", "収容人数\x1b", 1).encode()
    item, issues = only(document)
    assert [(issue.code, issue.severity) for issue in issues] == [("unread", "info")]
    assert item.props["note"] is None


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b"<html>", "html_instead_of_csv"),
        (geojson_of(), "empty"),
        (geojson_of(({}, None)), "not_gsi_list"),
        (geojson_of((None, {"type": "Point", "coordinates": [136, 37]})), "not_gsi_list"),
        (b"[]", "not_geojson"),
        (b"a,b\n1,2\n", "not_gsi_list"),
        (csv_of({})[:-30], "ragged"),
    ],
)
def test_no_list(document: bytes, code: str) -> None:
    assert refused(document) == code


def test_odd_values_in_geojson_stay_text() -> None:
    properties = {
        **ROW,
        "施設・場所名": 7,
        "住所": None,
        "備考": [1],
        "地震": 1,
        "津波": True,
        "緯度": 37.394,
        "経度": 136.899,
    }
    item, issues = only(geojson_of((properties, None)))
    assert (item.props["name"], item.props["address"], item.props["note"]) == ("7", "", "[1]")
    assert (item.props["hazards"]["earthquake"], item.props["hazards"]["tsunami"]) == (True, None)
    assert [issue.code for issue in issues] == ["unknown_flag"]
    assert point(item) == (136.899, 37.394)
