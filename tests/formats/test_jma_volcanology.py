"""What volcano telegrams share: extents are drawn whole or not at all, units are never mixed up, times keep their
precision."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai.formats import jma_volcanology, jma_xml
from bousai.formats.xml_tree import Node
from bousai.model import Issue

VOLC = "http://xml.kishou.go.jp/jmaxml1/body/volcanology1/"
BASIS = "http://xml.kishou.go.jp/jmaxml1/elementBasis1/"


def node(inner: str) -> Node:
    document = f'<Body xmlns="{VOLC}" xmlns:eb="{BASIS}">{inner}</Body>'
    return Node(etree.fromstring(document), "Body", jma_xml.NAMES)


def polygon(text: str) -> str:
    return f"<eb:Polygon>{text}</eb:Polygon>"


CORNERS = st.tuples(
    st.integers(240_000, 455_000), st.integers(1_225_000, 1_535_000), st.integers(10, 5000), st.integers(10, 5000)
)


@given(st.lists(CORNERS, min_size=1, max_size=3))
def test_every_position_of_every_ring_is_drawn(boxes: list[tuple[int, int, int, int]]) -> None:
    rings = []
    for lat, lon, high, wide in boxes:
        corners = [(lat, lon), (lat, lon + wide), (lat + high, lon + wide), (lat + high, lon), (lat, lon)]
        rings.append([(a / 10_000, b / 10_000) for a, b in corners])
    texts = ["".join(f"+{lat:.4f}+{lon:.4f}/" for lat, lon in ring) for ring in rings]
    issues: list[Issue] = []
    wkb = jma_volcanology.extent(node("".join(map(polygon, texts))), issues)
    assert wkb is not None
    assert issues == []
    parts = shapely.get_parts(shapely.from_wkb(wkb))
    drawn = [[(round(y, 4), round(x, 4)) for x, y in part.exterior.coords] for part in parts]
    assert drawn == rings


@pytest.mark.parametrize(
    "text",
    [
        "+31.0+130.0/",
        "+31.0+130.0/+31.1+130.1/+31.0+130.0/",
        "+31.0+130.0/+31.1+130.1/+31.2+130.0/+31.3+130.3/",
        "+31.0+130.0/+31.1+130.1/+95.0+130.2/+31.0+130.0/",
        "鹿児島市",
    ],
)
def test_half_an_extent_is_no_extent(text: str) -> None:
    good = "+31.0+130.0/+31.0+130.1/+31.1+130.1/+31.0+130.0/"
    issues: list[Issue] = []
    assert jma_volcanology.extent(node(polygon(good) + polygon(text)), issues) is None
    assert [issue.code for issue in issues] == ["bad_polygon"]


def test_an_empty_polygon_is_nothing_to_draw() -> None:
    issues: list[Issue] = []
    assert jma_volcanology.extent(node(polygon("")), issues) is None
    assert issues == []


def test_a_height_in_another_unit_is_left_out() -> None:
    issues: list[Issue] = []
    plume = "<eb:PlumeHeightAboveCrater unit='FT'>9000</eb:PlumeHeightAboveCrater>"
    body = node(f"<VolcanoObservation><ColorPlume>{plume}</ColorPlume></VolcanoObservation>")
    found, _ = jma_volcanology.observation(body, issues)
    assert found["plume_height_m"] is None
    assert [issue.code for issue in issues] == ["unexpected_unit"]


@pytest.mark.parametrize(
    ("significant", "precision"),
    [("yyyy-mm-ddThh:mm", "minute"), ("yyyy-mm-ddThh", "hour"), ("yyyy-mm-dd", "day"), ("yyyy", "year")],
)
def test_what_of_a_time_is_good(significant: str, precision: str) -> None:
    at = "2014-09-27T11:00:00+09:00"
    stamp = f"<EventDateTime significant='{significant}' dubious='頃'>{at}</EventDateTime>"
    body = node(f"<EventTime>{stamp}<EventDateTimeUTC>2014-09-27T02:00:00Z</EventDateTimeUTC></EventTime>")
    issues: list[Issue] = []
    assert jma_volcanology.event_time(body, issues) == (at, precision, "頃", None)
    assert list(body.nothing_left()) == []


def test_an_unknown_time_keeps_its_comment() -> None:
    issues: list[Issue] = []
    body = node(
        "<EventTime><EventDateTime>きのう</EventDateTime><EventDateTimeComment>昨夜</EventDateTimeComment></EventTime>"
    )
    assert jma_volcanology.event_time(body, issues) == (None, None, None, "昨夜")
    assert [issue.code for issue in issues] == ["bad_time"]


@pytest.mark.parametrize(
    ("code_type", "code", "muni_code"),
    [("気象・地震・火山情報／市町村等", "4620100", "46201"), ("気象・地震・火山情報／市町村等", "46201", None)],
)
def test_areas(code_type: str, code: str, muni_code: str | None) -> None:
    issues: list[Issue] = []
    body = node(f"<Areas codeType='{code_type}'><Area><Name>訓練市</Name><Code>{code}</Code></Area></Areas>")
    [(area, position)] = list(jma_volcanology.areas(body, issues))
    assert area is not None
    assert (area.level, area.code, area.muni_code) == ("municipality", code, muni_code)
    assert position == "Body/Areas/Area[1]"
    assert [issue.code for issue in issues] == ([] if muni_code else ["unknown_area_code"])
