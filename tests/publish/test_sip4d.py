"""SIP4D-ZIP as it is written: the rules of the standard and of NIED's checker said again, and read back by ours."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import shapely

from bousai import catalogue, settings
from bousai.formats import sip4d_zip
from bousai.model import Bulletin, Field, Issue, ReleasedLayer, SourceFreshness, Status
from bousai.parse import sip4d as reader
from bousai.publish import features, geojson
from bousai.publish.features import FeatureTable
from bousai.publish.sip4d import packages
from bousai.vocab.count import reported, without
from tests.formats import sip4d_package as sample
from tests.publish.tables import PUBLISHER, T0, row, source, table, table_of

KNOWN = catalogue.load(settings.load({}).config)
SIP4D = source(feed="sip4d", licence="CC BY 4.0")
CATEGORIES = re.split(
    " ",
    "気象 地震 津波 土砂災害 洪水 火山 人的被害 建物被害 公共施設 交通 ライフライン 通信 燃料・エネルギー SNS情報"
    " 画像・動画 避難 物資 医療 廃棄物 派遣 本部設置 法律適用 その他",
)
SQUARE = shapely.box(139.15, 35.25, 139.16, 35.26)


def released(layer_id: str, tier: Any = "public") -> ReleasedLayer:
    one = KNOWN.layer(layer_id)
    return ReleasedLayer(**{name: getattr(one, name) for name in type(one).model_fields}, tier=tier)


def written(
    found: FeatureTable, before: Sequence[Path] = (), freshness: Sequence[SourceFreshness] = (SIP4D,)
) -> dict[str, bytes]:
    members = geojson.members(
        found.layer, status=found.status, valid_at=T0, known_at=T0, published_at=T0, freshness=freshness
    )
    return {one.name: one.body for one in packages(found, members, PUBLISHER, before)}


def of(layer_id: str, *rows: Mapping[str, Any], status: Status = "actual", tier: Any = "public") -> FeatureTable:
    layer = released(layer_id, tier)
    return features(layer, [table([row(f"x/{n}", **one) for n, one in enumerate(rows)], layer.kind, status)], {})


def opened(body: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Metadata, columns and features of a package, after everything that the standard asks of it."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, content in files.items() if "/" in name or content.startswith(b"\xef\xbb\xbf")]
    meta = json.loads(files["sip4d_zip_meta.json"])
    assert (meta["version"], meta["format"], meta["payload_type"], meta["character"]) == (
        *("1.1", "SIP4D-ZIP", "VECTOR", "UTF-8"),
    )
    assert re.fullmatch(r"\d{2}-\d{3}-\d{2}", meta["code"])
    assert meta["category"] in CATEGORIES
    assert UUID(meta["ttid"])
    for moment in (meta["updated"], meta["information_date"], meta["entry"][0]["updated"]):
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", moment)
    assert meta["author"]["name"]
    assert re.match(r"^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$", meta["maintainer"]["e-mail"])
    assert meta["disaster"]["name"]
    assert meta["openflg"] in ("一般公開可能", "災害対応機関のみ公開可能", "ＩＳＵＴ－ＳＩＴＥのみ公開可")
    assert meta["testflg"] in ("通常", "訓練", "試験")
    assert meta["license_id"] in ("cc-zero", "cc-by", "cc-by-sa", "cc-nc", "other-nc", "other-closed")
    assert all(isinstance(word, str) for word in meta["tags"])
    assert all(re.fullmatch(r"\d{5}", code) for code in meta["lgcode"])
    assert all(isinstance(meta[name], str) for name in ("title", "note", "remark", "license_note"))
    assert meta["entry_num"] == len(meta["entry"]) == 1
    file = meta["entry"][0]["file"]
    columns = json.loads(files[file.replace(".geojson", "_columns.json")])
    assert set(files) == {"sip4d_zip_meta.json", file, file.replace(".geojson", "_columns.json")}
    assert (columns["version"], columns["code"], columns["num_column"]) == (
        "1",
        meta["code"],
        len(columns["columns"]),
    )
    named = {one["name"]: one for one in columns["columns"]}
    connids = [one["connid"] for one in columns["columns"] if "connid" in one]
    assert len(named) == len(columns["columns"])
    assert len(set(connids)) == len(connids)
    for one in named.values():
        assert re.fullmatch(r"[a-z0-9_]+", one["name"])
        assert one["show"] is True
        assert one["type"] in ("String", "Integer", "Double", "List", "Datetime")
        if one["type"] == "List":
            lists = [one[name] for name in ("key_list", "value_list", "conn_attr_list")]
            assert {len(listed) for listed in lists} == {one["num_key"]}
    collection = json.loads(files[file])
    assert len({feature["geometry"]["type"] for feature in collection["features"]}) <= 1
    for feature in collection["features"]:
        assert feature["type"] == "Feature"
        check_places(feature["geometry"]["coordinates"])
        assert shapely.is_valid(shapely.from_geojson(json.dumps(feature["geometry"])))
        assert set(feature["properties"]) == set(named)
        for name, value in feature["properties"].items():
            if value is not None:
                check_value(named[name], value)
    return meta, named, collection


def check_places(coordinates: Any) -> None:
    if isinstance(coordinates[0], list):
        for part in coordinates:
            check_places(part)
    else:
        assert len(coordinates) == 2
        assert all(type(axis) is float for axis in coordinates)


def check_value(column: Mapping[str, Any], value: Any) -> None:
    match column["type"]:
        case "Integer":
            assert type(value) is int
        case "Double":
            assert type(value) is float
        case "List":
            assert value in column["key_list"]
        case "Datetime":
            assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", value)
        case _:
            assert type(value) is str
    if column.get("connid") == "citycode":
        assert re.fullmatch(r"\d{5}", value)


def read(body: bytes) -> tuple[Bulletin, list[Issue]]:
    options = reader.Options(("一般公開可能", "災害対応機関のみ公開可能"), ("cc-zero", "cc-by", "cc-by-sa"))
    found = list(reader.parse(body, options))
    (bulletin,) = (one for one in found if isinstance(one, Bulletin))
    return bulletin, [one for one in found if isinstance(one, Issue)]


# ── there and back ───────────────────────────────────────────────────────────────────────────────────────

OURS = {"source_id", "common_id", "report_no", "reporter", "as_of", "licence", "note", "incident"}


def plain(props: Mapping[str, Any], fields: Sequence[Field]) -> str:
    """What can be compared: of a count the number, for why there is none stands in a column of ours."""
    said = {field.name: props.get(field.name) for field in fields}
    return json.dumps({n: v["value"] if isinstance(v, dict) else v for n, v in said.items()}, sort_keys=True)


@pytest.mark.parametrize("name", [name for name in sample.samples() if "refused" not in name])
def test_every_code_is_written_and_read_back(name: str) -> None:
    bulletin, _ = read(sample.samples()[name])
    layer = released(bulletin.kind)
    items = list(bulletin.items.rows())
    lent = SQUARE if layer.geometry_from else None
    rows = [
        row(
            item.item_id,
            props=item.props,
            muni_code=item.muni_code,
            geometry=shapely.from_wkb(item.geometry) if item.geometry else lent,
            source="sip4d",
        )
        for item in items
        if not item.ended
    ]
    found = features(layer, [table(rows, layer.kind, "exercise")], {})
    made = written(found)
    assert made == written(found)
    again: dict[str, dict[str, Any]] = {}
    for body in made.values():
        meta, _, _ = opened(body)
        assert meta["testflg"] == "訓練"
        assert meta["title"].startswith("【訓練】")
        assert meta["license_id"] == "cc-by"
        back, issues = read(body)
        assert (back.status, back.kind) == ("exercise", layer.kind)
        assert {issue.code for issue in issues} <= {"unread", "no_state"}
        columns = {
            column for issue in issues if issue.code == "unread" for column in re.findall(r"'(\w+)'", issue.cause)
        }
        assert not columns & set(reader._THEMES[meta["code"]].fields)
        for item in back.items.rows():
            key = item.props.get("source_id") or item.item_id.rsplit("/", 1)[-1]
            again[str(key)] = {**item.props, "muni_code": item.muni_code}
    wanted = [item for item in items if not item.ended and item.props.get("area_level") in (None, "municipality")]
    assert len(again) == len(wanted)
    fields = [field for field in layer.fields if field.name not in OURS]
    assert sorted(plain(one, fields) for one in again.values()) == sorted(plain(one.props, fields) for one in wanted)
    assert sorted(one["muni_code"] for one in again.values()) == sorted(str(item.muni_code) for item in wanted)


# ── what is said and what is not ─────────────────────────────────────────────────────────────────────────


def shelter(**props: Any) -> dict[str, Any]:
    return {
        "props": {"name": "訓練小学校", "state": "open", "incident": "地震", **props},
        "geometry": shapely.Point(139, 35),
        "muni_code": "14206",
        "source": "sip4d",
    }


@pytest.mark.parametrize(
    ("count", "number", "state"),
    [
        (reported(0), 0, "reported"),
        (reported(60, "approx", "約60人"), 60, "approx"),
        (reported(60, "less_than", "60人未満"), None, "less_than"),
        (reported(60, "at_least", "60人以上"), None, "at_least"),
        (without("investigating", "調査中"), None, "investigating"),
        (without("suppressed"), None, "suppressed"),
        (None, None, None),
    ],
)
def test_a_count_is_a_number_only_where_the_source_gives_one(count: Any, number: Any, state: Any) -> None:
    (body,) = written(of("shelter_status", shelter(evacuees=count))).values()
    _, _, collection = opened(body)
    said = collection["features"][0]["properties"]
    assert (said["evacueeno"], said["evacueeno_state"]) == (number, state)
    assert said["evacueeno_text"] == (count or {}).get("text")


def test_a_word_that_the_standard_does_not_have_is_not_made_up() -> None:
    (body,) = written(of("shelter_status", shelter(state="no_statement", crowding="slightly_crowded"))).values()
    said = opened(body)[2]["features"][0]["properties"]
    assert (said["eststts"], said["crowdstts"], said["cityname"]) == ("不明", None, "小田原市")
    assert opened(body)[2]["features"][0]["geometry"]["coordinates"] == [139.0, 35.0]


def test_incidents_and_sources_are_packages_of_their_own() -> None:
    made = written(
        of(
            "shelter_status",
            shelter(),
            shelter(incident="大雨"),
            {**shelter(), "source": "other"},
            {**shelter(incident=None), "geometry": None},
        ),
        freshness=[SIP4D, source(feed="other", licence="利用規約による", credit="出典：某市")],
    )
    metas = [opened(body)[0] for body in made.values()]
    assert sorted((one["disaster"]["name"], one["license_id"], tuple(one["credit"])) for one in metas) == [
        ("地震", "cc-by", ("出典：内閣府",)),
        ("地震", "other-closed", ("出典：某市",)),
        ("大雨", "cc-by", ("出典：内閣府",)),
        ("（災害名の記載なし）", "cc-by", ("出典：内閣府",)),
    ]
    (without_place,) = (one for one in metas if one["disaster"]["name"].startswith("（"))
    assert without_place["remark"] == "位置が不明のため含まれない記録：1件"


def test_sums_of_a_prefecture_are_no_municipality() -> None:
    rows = [
        {
            "props": {"incident": "地震", "area_level": level, "dead": reported(n), "area_name": name},
            "geometry": SQUARE,
            "muni_code": code,
            "source": "sip4d",
        }
        for n, (level, name, code) in enumerate(
            [("municipality", "小田原市", "14206"), ("prefecture", "神奈川県", None)]
        )
    ]
    (body,) = written(of("damage_count", *rows)).values()
    _, columns, collection = opened(body)
    (only,) = collection["features"]
    assert (only["properties"]["citycode"], only["properties"]["deadno"]) == ("14206", 0)
    assert {"deadno", "missingno", "alldstno", "floorfno", "fireno"} <= set(columns)


def test_roads_are_points_and_lines_apart() -> None:
    line = shapely.LineString([(139, 35), (139.5, 35)])
    road = {"props": {"road_name": "国道1号", "restriction": "closed"}, "source": "sip4d"}
    made = written(
        of(
            "road_restriction",
            {**road, "geometry": line},
            {**road, "geometry": shapely.Point(139, 35)},
            {**road, "geometry": shapely.MultiLineString([line])},
        )
    )
    assert sorted((opened(body)[0]["code"], len(opened(body)[2]["features"])) for body in made.values()) == [
        ("01-005-01", 2),
        ("01-005-02", 1),
    ]


@pytest.mark.parametrize(("tier", "flag"), [("public", "一般公開可能"), ("responders", "災害対応機関のみ公開可能")])
def test_who_may_see_it(tier: str, flag: str) -> None:
    (body,) = written(of("shelter_status", shelter(), tier=tier)).values()
    assert opened(body)[0]["openflg"] == flag


def test_a_package_whose_last_record_went_is_written_empty(tmp_path: Path) -> None:
    before = written(of("shelter_status", shelter()))
    ((name, body),) = before.items()
    kept = tmp_path / f"latest.{name}.sip4d.zip"
    kept.write_bytes(body)
    after = written(of("shelter_status", shelter(incident="大雨")), [kept])
    assert set(after) > {name}
    meta, _, collection = opened(after[name])
    assert (meta["disaster"]["name"], collection["features"]) == ("地震", [])
    kept.write_bytes(after[name])
    assert set(written(of("shelter_status", shelter(incident="大雨")), [kept])) == set(after)
    assert sip4d_zip.read(after[name]).status == "actual"
    kept.write_bytes(b"spoilt")
    assert set(written(of("shelter_status", shelter(incident="大雨")), [kept])) == set(after) - {name}


def test_layers_that_the_standard_does_not_know_have_no_package() -> None:
    members = geojson.members(
        table_of({}).layer, status="actual", valid_at=T0, known_at=T0, published_at=T0, freshness=[SIP4D]
    )
    assert packages(table_of({"a": (1, None)}), members, PUBLISHER) == []


def test_the_layers_name_what_the_standard_has() -> None:
    with_packages = {layer.id: layer.sip4d for layer in KNOWN.layers.values() if layer.sip4d}
    codes = {one.code for rules in with_packages.values() for one in rules}
    assert codes == set(reader._THEMES)
    for layer_id, rules in with_packages.items():
        fields = KNOWN.layer(layer_id).fields
        connids = [field.connid for field in fields if field.connid]
        assert len(set(connids)) == len(connids), layer_id
        for one in rules:
            assert one.category in CATEGORIES
            assert set(one.where) <= {field.name for field in fields}
        known = {connid for one in rules for connid in reader._THEMES[one.code].fields}
        assert {*connids} <= {*known, "license_id"}, layer_id
