"""River gauges of 川の防災情報, on synthetic files: level, thresholds and value, missing and unconfirmed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse.kawabou import Options, parse

GAUGE = "2199900400001"
AREA, OVER = Options(), Options(over="over-obs-create")


def station(**more: Any) -> dict[str, Any]:
    properties = {
        "obs_fcd": GAUGE,
        "obs_nm": "【訓練】訓練橋",
        "twn_cd": 1701204,
        "rvr_cd": 1799990001,
        "obs_time": "2026/11/05 10:00",
        "stg_ovlvl": 80,
        "rsrv_stg": 1.5,
        "dng_stg": 3.0,
        **more,
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [136.9, 37.39]},
        "properties": properties,
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def town(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"tmList": {"tmStg": list(rows)}}


def value(**more: Any) -> dict[str, Any]:
    return {"obsFcd": GAUGE, "obsTime": "2026/11/05 10:00", "stg": 3.12, "stgOvlvl": 80, "stgCcd": 0, **more}


def read(document: Any, options: Options = AREA) -> tuple[list[Bulletin], list[Issue]]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    found = list(parse(body, options))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def only(document: Any, options: Options = AREA) -> Any:
    (bulletin,) = read(document, options)[0]
    (item,) = bulletin.items.rows()
    return item


def test_the_list_of_gauges_over_a_threshold_is_one_complete_statement() -> None:
    other = station(obs_fcd="0199900400002", twn_cd=102204, obs_time="2026/11/05 10:10", stg_ovlvl=10)
    (bulletin,), issues = read(collection(station(), other), OVER)
    assert issues == []
    assert (bulletin.scope, bulletin.complete) == ("kawabou/over_threshold", True)
    assert bulletin.issued_at == datetime.fromisoformat("2026-11-05T10:10:00+09:00")
    assert [item.item_id for item in bulletin.items.rows()] == [f"kawabou/{GAUGE}", "kawabou/0199900400002"]
    assert bulletin.items.muni_code == ["17204", "01204"]
    assert bulletin.items.props["source_level"] == ["80", "10"]


def test_nobody_over_a_threshold_is_a_statement_too_but_an_empty_area_says_nothing() -> None:
    (bulletin,), issues = read(collection(), OVER)
    assert (bulletin.complete, len(bulletin.items), bulletin.issued_at, issues) == (True, 0, None, [])
    assert read(collection()) == ([], [])


def test_a_gauge_that_is_held_back_makes_the_list_incomplete() -> None:
    for bad in ({"obs_fcd": None}, {"obs_time": "?"}):
        (bulletin,), issues = read(collection(station(**bad), station(obs_fcd="2199900400009")), OVER)
        assert (bulletin.complete, len(bulletin.items), len(issues)) == (False, 1, 1)
    (bulletin,), issues = read(collection(station(), station()), OVER)
    assert (bulletin.complete, len(bulletin.items)) == (False, 1)
    assert [issue.code for issue in issues] == ["twice"]


def test_a_gauge_of_an_area_has_its_place_thresholds_and_level() -> None:
    (bulletin,), issues = read(collection(station(stg_ccd=0, fld_stg=None, warn_stg="2.0")))
    assert issues == []
    (item,) = bulletin.items.rows()
    assert bulletin.scope == f"kawabou/station/{GAUGE}"
    assert item.props == {
        "sensor_id": GAUGE,
        "name": "【訓練】訓練橋",
        "property": "water_level",
        "property_name": "水位",
        "unit": "m",
        "river_code": "1799990001",
        "source_level": "80",
        "source_level_at": "2026-11-05T10:00:00+09:00",
        "thresholds": {"水防団待機水位": 1.5, "氾濫注意水位": 2.0, "氾濫危険水位": 3.0},
    }
    assert shapely.from_wkb(item.geometry).coords[0] == (136.9, 37.39)


@pytest.mark.parametrize(
    ("quality", "stated", "expected"),
    [
        (0, 3.12, (3.12, None, "measured")),
        (0, "3.12", (3.12, None, "measured")),
        (127, -0.35, (-0.35, None, "measured")),
        (0, 0, (0.0, None, "measured")),
        (128, 3.12, (None, None, "missing")),
        (130, 0, (None, None, "missing")),
        ("192", 3.12, (None, None, "missing")),
        (0, None, (None, None, "missing")),
        (None, None, (None, None, "missing")),
        (0, "欠測", (None, "欠測", "text")),
        (None, 3.12, (None, "3.12", "unconfirmed")),
    ],
)
def test_only_a_value_that_the_source_vouches_for_is_a_number(quality: Any, stated: Any, expected: Any) -> None:
    bulletins, issues = read(town(value(stg=stated, stgCcd=quality)))
    (item,) = bulletins[0].items.rows()
    assert (item.props["value"], item.props["value_text"], item.props["condition"]) == expected
    assert [issue.code for issue in issues] == (["unconfirmed_value"] if expected[2] == "unconfirmed" else [])


def test_value_and_station_are_aspects_of_one_gauge_that_never_mix() -> None:
    (a,), _ = read(collection(station()))
    (b,), _ = read(town(value()))
    (c,), _ = read({"prefTwn": [{"twnCd": 1701204, "twnNm": "訓練市", "stg": [value()]}, {"twnCd": 1, "twnNm": "x"}]})
    assert a.items.item_id == b.items.item_id == c.items.item_id
    assert (b.scope, c.scope) == (f"kawabou/water_level/{GAUGE}",) * 2
    # what a joined feature shows of the value comes from one aspect alone
    assert not {"value", "value_text", "condition", "observed_at", "quality"} & set(a.items.props)
    assert not {"thresholds", "name", "river_code"} & set(b.items.props)
    # a level goes with its time, or neither is said
    for level in (80, 0, None):
        for item in (only(collection(station(stg_ovlvl=level))), only(town(value(stgOvlvl=level)))):
            assert (item.props["source_level"] is None) is (level is None) is (item.props["source_level_at"] is None)


def test_midnight_as_24_hours() -> None:
    assert only(town(value(obsTime="2026/11/04 24:00"))).props["observed_at"] == "2026-11-05T00:00:00+09:00"


@pytest.mark.parametrize(
    ("twn", "code", "told"),
    [
        (1701204, "17204", 0),
        ("0102204", "01204", 0),
        (102204, "01204", 0),
        (None, None, 0),
        (1799999, None, 1),
        ("x", None, 1),
    ],
)
def test_municipalities(twn: Any, code: str | None, told: int) -> None:
    bulletins, issues = read(collection(station(twn_cd=twn)))
    assert bulletins[0].items.muni_code == [code]
    assert [issue.code for issue in issues] == ["unknown_municipality"] * told


def test_faults_beside_the_level_lose_no_level() -> None:
    feature = station(dng_stg="?", lat=None, lon=None)
    feature["geometry"] = None
    bulletins, issues = read(collection(feature))
    (item,) = bulletins[0].items.rows()
    assert (item.props["source_level"], item.geometry) == ("80", None)
    assert [issue.code for issue in issues] == ["bad_threshold", "bad_position"]
    feature["properties"].update(lat="37.39", lon="136.9", dng_stg=None)
    assert only(collection(feature)).geometry is not None


@pytest.mark.parametrize("gauge", [None, "", "2199900700001", "x", 12, "21999004000011"])
def test_what_is_no_gauge_of_water_levels_is_held_back(gauge: Any) -> None:
    for document in (collection(station(obs_fcd=gauge)), town(value(obsFcd=gauge))):
        bulletins, issues = read(document)
        assert bulletins == []
        assert [issue.code for issue in issues] == ["not_a_gauge"]


def test_a_code_that_lost_its_leading_zero() -> None:
    assert only(town(value(obsFcd=199900400002))).item_id == "kawabou/0199900400002"


def test_what_is_new_and_what_is_not_taken_is_told_once() -> None:
    assert [i.position for i in read(collection(station(new=1), station(obs_fcd="2199900400002", new=1)))[1]] == [
        "new"
    ]
    assert [(i.code, i.position) for i in read(town(value(stgNew=1)))[1]] == [("unread", "stgNew")]
    document = town(value())
    document["tmList"].update(tmDam=[{"obsFcd": "2199900700001"}], tmRn=[])
    assert [(i.code, i.severity, i.position) for i in read(document)[1]] == [("not_taken", "info", "tmList/tmDam")]
    assert [issue.code for issue in read(town(value(), value()))[1]] == ["twice"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "html_instead_of_json"),
        (b"[]", "unknown_shape"),
        (b"{}", "unknown_shape"),
        (b'{"crntObsTime": "2026/11/05 10:00"}', "unknown_shape"),
        (b'{"obsStg": []}', "unknown_shape"),
        (b'{"type": "FeatureCollection", "features": [1]}', "unknown_shape"),
        (b'{"tmList": {"tmStg": [1]}}', "unknown_shape"),
        (b'{"prefTwn": [1]}', "unknown_shape"),
    ],
)
def test_what_is_no_list_of_gauges_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(body)
    assert caught.value.code == code


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(station()["properties"])), JSON),
    st.dictionaries(st.sampled_from(sorted(value())), JSON),
    JSON,
)
def test_any_values_in_a_gauge_are_read_or_told(properties: Any, row: Any, geometry: Any) -> None:
    for document in (collection({**station(**properties), "geometry": geometry}), town(value(**row))):
        bulletins, issues = read(document)
        assert bulletins or issues
