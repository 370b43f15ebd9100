"""指定避難所: the real lists read a second time; what both lists share is in test_gsi_evacuation_site."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
import shapely

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue
from bousai.parse import gsi_shelter

MUNICIPALITIES = ("012025", "172014", "172022", "172049", "172057", "173843", "174611")
SAME, OTHER, ACCEPTS = "指定緊急避難場所との住所同一", "その他市町村長が必要と認める事項", "受入対象者"
FLAGS = {"1": True, "": False}


def parsed(document: bytes) -> tuple[dict[str, Bulletin], list[Issue]]:
    results = list(gsi_shelter.parse(document))
    bulletins = {result.scope: result for result in results if isinstance(result, Bulletin)}
    return bulletins, [result for result in results if isinstance(result, Issue)]


def rows_of(document: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.decode("utf-8-sig"), newline="")))


@pytest.fixture(scope="module")
def ishikawa(realdata: Path) -> bytes:
    return (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").read_bytes()


@pytest.mark.parametrize("code", MUNICIPALITIES)
def test_every_cell_of_the_real_lists(realdata: Path, code: str) -> None:
    document = (realdata / f"gsi-shelters/geojson/evacuation/{code}.json").read_bytes()
    expected = json.loads(document)["features"]
    bulletins, issues = parsed(document)
    assert issues == []
    [(scope, bulletin)] = bulletins.items()
    assert (scope, bulletin.kind, bulletin.complete) == (f"gsi/shelter/{code[:5]}", "shelter", True)
    assert (bulletin.issued_at, bulletin.issuer, bulletin.bulletin_type) == (None, "国土地理院", "gsi_1")
    items = list(bulletin.items.rows())
    assert len(items) == len(expected) > 20
    for item, feature in zip(items, expected, strict=True):
        said = feature["properties"]
        lon, lat = feature["geometry"]["coordinates"]
        assert item.geometry == shapely.to_wkb(shapely.Point(lon, lat))
        assert (item.item_id, item.muni_code) == (said["共通ID"], code[:5])
        assert item.props == {
            "common_id": said["共通ID"],
            "name": said["施設・場所名"].strip(),
            "address": said["住所"].strip(),
            "lat": lat,
            "lon": lon,
            "shelter_type": "welfare" if said["共通ID"][12] == "2" else "general",
            "accepts": (said[ACCEPTS] or "").strip(),
            "other_matters": (said[OTHER] or "").strip(),
            "same_address": FLAGS[said[SAME]],
            "facility_id": said["共通ID"][:11],
            "note": (said["備考"] or "").strip(),
        }


def test_real_list_of_a_prefecture(ishikawa: bytes) -> None:
    """It has no column of municipalities: the ids tell them."""
    expected = rows_of(ishikawa)
    bulletins, issues = parsed(ishikawa)
    assert issues == []
    counts = Counter(row["共通ID"][1:6] for row in expected)
    assert {scope: len(b.items) for scope, b in bulletins.items()} == {
        f"gsi/shelter/{code}": count for code, count in counts.items()
    }
    assert len(bulletins) == 19
    assert all(bulletin.complete for bulletin in bulletins.values())
    items = {item.item_id: item for bulletin in bulletins.values() for item in bulletin.items.rows()}
    lines = ishikawa.decode("utf-8-sig").split("\n")
    assert len(items) == len(expected) == 919
    for row in expected:
        item = items[row["共通ID"]]
        assert (item.props["name"], item.props["accepts"]) == (row["施設・場所名"].strip(), row[ACCEPTS].strip())
        assert item.props["same_address"] is FLAGS[row[SAME]]
        assert item.props["lat"] == pytest.approx(float(row["緯度"]), abs=6e-7)
        assert item.props["lon"] == pytest.approx(float(row["経度"]), abs=6e-7)
        assert item.muni_code == row["共通ID"][1:6]
        assert row["共通ID"] in lines[int(item.position.removeprefix("line ")) - 1]


def test_list_of_2025_11_has_the_places_of_2025_07(realdata: Path, ishikawa: bytes) -> None:
    """CSV and GeoJSON of one municipality, some months apart: the same ids and properties."""
    older = parsed(ishikawa)[0]["gsi/shelter/17204"]
    newer = parsed((realdata / "gsi-shelters/geojson/evacuation/172049.json").read_bytes())[0]["gsi/shelter/17204"]
    assert set(older.items.item_id) == set(newer.items.item_id)
    assert set(older.items.props) == set(newer.items.props)


def test_the_list_of_evacuation_sites_is_refused(realdata: Path) -> None:
    paths = list(realdata.glob("gsi-shelters/geojson/emergency/??????.json"))
    assert len(paths) == len(MUNICIPALITIES)
    for path in paths:
        with pytest.raises(ParseError) as caught:
            list(gsi_shelter.parse(path.read_bytes()))
        assert caught.value.code == "wrong_list"
        assert "_1.csv" in caught.value.remedy


def test_the_placeholder_of_a_ward_is_refused(realdata: Path) -> None:
    with pytest.raises(ParseError) as caught:
        list(gsi_shelter.parse((realdata / "gsi-shelters/geojson/evacuation/011011_unavailable.json").read_bytes()))
    assert caught.value.code == "not_feature_collection"


@pytest.mark.parametrize(("column", "name"), [(SAME, "same_address"), (OTHER, "other_matters"), (ACCEPTS, "accepts")])
def test_a_missing_column_is_unknown(ishikawa: bytes, column: str, name: str) -> None:
    expected = rows_of(ishikawa)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [key for key in expected[0] if key != column], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(expected)
    bulletins, issues = parsed(text.getvalue().encode())
    full, _ = parsed(ishikawa)
    assert issues == []
    for scope, bulletin in bulletins.items():
        assert set(bulletin.items.props[name]) == {None}
        others = {key: list(cells) for key, cells in bulletin.items.props.items() if key != name}
        assert others == {key: list(cells) for key, cells in full[scope].items.props.items() if key != name}


def test_an_unknown_flag_is_unknown_and_an_issue(ishikawa: bytes) -> None:
    text = ishikawa.decode("utf-8-sig").replace("石川県かほく市宇野気リ147,1,", "x,◯,")
    bulletins, issues = parsed(text.encode())
    [issue] = issues
    assert (issue.code, issue.position, "E1720900003111" in issue.cause) == ("unknown_flag", "line 3", True)
    same = dict(
        zip(
            bulletins["gsi/shelter/17209"].items.item_id,
            bulletins["gsi/shelter/17209"].items.props["same_address"],
            strict=True,
        )
    )
    assert same["E1720900003111"] is None
    assert list(same.values()).count(None) == 1


def test_a_shrunken_list_says_only_what_it_says(ishikawa: bytes) -> None:
    """Cut between two lines it is a valid list: how many there must be is for the expectations of the feed."""
    lines = ishikawa.split(b"\n")
    bulletins, issues = parsed(b"\n".join(lines[:101]) + b"\n")
    assert (sum(len(b.items) for b in bulletins.values()), issues) == (100, [])
    assert parsed(lines[0] + b"\n") == ({}, [])
