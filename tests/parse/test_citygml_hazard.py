"""Hazard areas of city models: the real files against GDAL and xpath, code lists that differ by city, what is
refused.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyogrio.raw
import pytest
import shapely
from lxml import etree

from bousai import catalogue
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item
from bousai.parse import citygml_hazard
from bousai.parse.citygml_hazard import Options

PROJECT = Path(__file__).resolve().parents[2]
FEEDS = catalogue.load(PROJECT / "config").feeds
SAMPLE = (PROJECT / "tests/feeds/plateau_hazard/52397500_htd_6697_kunren.gml").read_text(encoding="utf-8")
RISKS = {"fld": "hazard_zone_flood", "ifld": "hazard_zone_inland_flood", "tnm": "hazard_zone_tsunami"}


def options(feed: str = "plateau_hazard", part: str = "x") -> Options:
    return msgspec.convert({**FEEDS[feed].options, "part": part}, Options)


def read(body: bytes, told: Options) -> tuple[dict[str, Bulletin], dict[str, Item], list[Issue]]:
    found = list(citygml_hazard.parse(body, told))
    bulletins = {one.kind: one for one in found if isinstance(one, Bulletin)}
    items = {item.item_id: item for one in bulletins.values() for item in one.items.rows()}
    return bulletins, items, [one for one in found if isinstance(one, Issue)]


def real(realdata: Path) -> list[Path]:
    return sorted((realdata / "ksj-hazard/citygml").glob("*.gml"))


def test_areas_of_the_real_files_are_those_that_gdal_sees(realdata: Path) -> None:
    for path in real(realdata):
        told = options("plateau_saitama" if "ifld" in path.name else "plateau_hazard")
        _, items, _ = read(path.read_bytes(), told)
        _, _, wkb, _ = pyogrio.raw.read(path)
        # GDAL gives the mesh: its triangles together are the area, whatever way they are cut.
        expected = sum(
            shapely.union_all(shapely.make_valid(shapely.get_parts(shapely.force_2d(shapely.from_wkb(one))))).area
            for one in wkb
        )
        shapes = [shapely.from_wkb(item.geometry) for item in items.values()]
        assert sum(shape.area for shape in shapes) == pytest.approx(expected, rel=1e-6), path.name
        assert all(shapely.is_valid(shape) for shape in shapes)
        assert len(items) == len(wkb)


def test_classes_of_the_real_files_are_those_of_their_code_lists(realdata: Path) -> None:
    for path in real(realdata):
        told = options("plateau_saitama" if "ifld" in path.name else "plateau_hazard")
        bulletins, items, issues = read(path.read_bytes(), told)
        assert [issue for issue in issues if issue.code == "unread"] == []
        tree = etree.parse(path)
        theme = path.name.split("_")[1]
        if theme == "lsld":
            zones = [one.text for one in tree.iter("{*}areaType")]
            assert [item.props["class_code"] for item in items.values()] == zones
            assert {item.props["zone"] for item in items.values()} == {"warning", "special_warning"}
            continue
        assert set(bulletins) == {RISKS[theme]}
        (code,) = list(tree.iter("{*}rank", "{*}rankOrg"))
        listed = etree.parse(path.parent / "codelists" / (code.get("codeSpace") or "").rpartition("/")[2])
        words = {
            one.findtext(".//{*}name"): one.findtext(".//{*}description") for one in listed.iter("{*}Definition")
        }
        words |= {v: k for k, v in words.items() if v and v.isdecimal()}
        (item,) = items.values()
        assert item.props["class_code"] == code.text
        assert words[code.text or ""] == item.props["class_text"]


def test_a_list_of_another_city_is_not_used(realdata: Path) -> None:
    path = next(path for path in real(realdata) if "ifld" in path.name)
    _, items, issues = read(path.read_bytes(), options("plateau_hazard"))
    (item,) = items.values()
    assert (item.props["class_code"], item.props["class_text"], item.props["depth_min_m"]) == ("1", None, None)
    assert "unknown_class" in {issue.code for issue in issues}


def test_latitude_comes_first_and_triangles_become_one_area() -> None:
    _, items, issues = read(SAMPLE.encode(), options())
    first = items["plateau/kunren-1"]
    shape = shapely.from_wkb(first.geometry)
    assert shape.bounds == (139.65, 35.25, 139.651, 35.251)
    assert (shape.geom_type, shape.area) == ("Polygon", pytest.approx(1e-6))
    assert (first.props["depth_min_m"], first.props["depth_max_m"]) == (3.0, 5.0)
    # rank 9 is in no list: kept, without a depth, and told
    second = items["plateau/kunren-2"]
    assert (second.props["class_code"], second.props["class_text"]) == ("9", None)
    assert [issue.code for issue in issues] == ["unknown_class"]


def test_a_word_among_the_coordinates_is_no_area() -> None:
    """Nor is what is left of an area without one of its triangles: it would look safer than it is."""
    at = SAMPLE.index("posList>") + len("posList>")
    spoilt = f"{SAMPLE[:at]}{SAMPLE[at:].replace(' ', ' x', 1)}"
    _, items, issues = read(spoilt.encode(), options())
    assert items["plateau/kunren-1"].geometry is None
    assert {issue.code for issue in issues} == {"no_geometry", "unknown_class"}


def test_a_new_attribute_is_told() -> None:
    text = SAMPLE.replace(
        "<uro:HighTideRiskAttribute>", "<uro:HighTideRiskAttribute><uro:surprise>1</uro:surprise>", 1
    )
    _, _, issues = read(text.encode(), options())
    assert [issue.code for issue in issues if "surprise" in issue.cause] == ["unread"]


def test_an_unknown_risk_is_held_back_and_the_statement_is_not_whole() -> None:
    at = SAMPLE.rindex("HighTideRiskAttribute>")
    start = SAMPLE.rindex("<uro:HighTideRiskAttribute>")
    text = (
        SAMPLE[:start]
        + SAMPLE[start : at + 30].replace("HighTideRiskAttribute>", "NewRiskAttribute>")
        + SAMPLE[at + 30 :]
    )
    bulletins, items, issues = read(text.encode(), options())
    assert len(items) == 1
    assert not bulletins["hazard_zone_storm_surge"].complete
    assert "unknown_hazard" in {issue.code for issue in issues}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"<html></html>", "html_instead_of_xml"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "doctype"),
        (b"<a/>", "not_citygml"),
        (SAMPLE[:-300].encode(), "not_xml"),
        (SAMPLE.replace("EPSG/0/6697", "EPSG/0/6677").encode(), "wrong_crs"),
        (SAMPLE.replace("wtr:WaterBody", "wtr:Other").encode(), "no_hazard_area"),
        (b'<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0">' + b"<a>" * 300, "not_citygml"),
    ],
)
def test_what_is_no_city_model_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        read(body, options())
    assert refused.value.code == code
