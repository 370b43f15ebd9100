"""River floods: every station and municipality of a telegram, and what is in force as telegrams follow each other."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jma_telegrams import (
    BODY,
    EB,
    HEAD,
    Desk,
    answers,
    at,
    edited,
    facts,
    path_of,
    put,
    rows,
    texts,
    withdrawn,
    without,
)
from lxml import etree

from bousai.errors import ParseError
from bousai.parse import jma_flood
from bousai.vocab import jma

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_flood"
SECTION = "990001000100"
OFFICIAL = ["16_01_01_220728_VXKOii.xml", "16_02_01_220728_VXKOii.xml", "91_01_01_241031_VXSUii.xml"]
SHORT = "16_05_01_210630_VXKOii.xml"
FIRST, VXSU, HEADLINE_ONLY, BREACH, LOWERED, LIFTED, TAKEN_BACK, CORRECTED = sorted(SAMPLES.glob("*.xml"))


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    return lambda name: (realdata / "jma-xml/samples-official" / name).read_bytes()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def actual(path: Path) -> bytes:
    """A composed telegram as if it were meant: to see what the public layer would say."""
    return put(path.read_bytes(), "通常", "Control", "Status")


def whole(body: bytes) -> tuple[dict[str, object], list[dict[str, object]]]:
    """The section with all that is said of it, and the municipalities."""
    (heading, detail), _ = answers(jma_flood, body)
    (section,) = rows(heading)
    own = [row for row in rows(detail) if row.item_id == section.item_id]
    props = {**dict(section.props), **{k: v for row in own for k, v in row.props.items() if v is not None}}
    return props, [dict(row.props) for row in rows(detail) if row.item_id != section.item_id]


# ── one telegram ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_headline_tells_section_kind_rivers_and_prefectures(real: Callable[[str], bytes], name: str) -> None:
    body = real(name)
    (heading, _), _ = answers(jma_flood, body)
    (row,) = rows(heading)
    kinds = texts(body, "Head", "Headline", "Information", "Item", "Kind", "Code")
    areas = [
        [(a.findtext(f"{HEAD}Code"), a.findtext(f"{HEAD}Name")) for a in information.iter(f"{HEAD}Area")]
        for information in etree.fromstring(body).iter(f"{HEAD}Information")
    ]
    assert (row.props["section_code"], row.props["section_name"]) == areas[0][0]
    assert [(one["code"], one["name"]) for one in row.props["rivers"]] == areas[1]
    assert [(one["code"], one["name"]) for one in row.props["prefectures"]] == areas[2]
    assert {row.props["kind_code"]} == set(kinds)
    assert row.props["kind_name"] == texts(body, "Head", "Headline", "Information", "Item", "Kind", "Name")[0]
    assert row.item_id == f"jma/{areas[0][0][0]}"
    assert heading.scope == f"jma/river_flood/{areas[0][0][0]}"
    assert heading.complete
    assert (heading.serial, heading.issuer) == (
        texts(body, "Head", "Serial")[0],
        texts(body, "Control", "PublishingOffice")[0],
    )


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_water_level_and_criterion_is_read(real: Callable[[str], bytes], name: str) -> None:
    tree = etree.fromstring(real(name))
    props, _ = whole(real(name))
    stations = props["stations"]
    assert isinstance(stations, list)
    series: Counter[tuple[str, str, str]] = Counter()
    for item in tree.xpath("//*[local-name()='WaterLevelPart']/ancestor::*[local-name()='Item'][1]"):
        station = item.findtext(f"{BODY}Station/{BODY}Name")
        for level in item.iter(f"{EB}WaterLevel"):
            if level.get("type") == "水位":
                series[(station, level.text or "", level.get("condition"))] += 1
    read = Counter(
        (one["name"], "" if step["water_level_m"] is None else f"{step['water_level_m']:.2f}", step["condition"])
        for one in stations
        for step in one["series"]
    )
    assert read == series
    criteria = [
        (part.findtext(f"{BODY}Area/{BODY}Name"), level.get("type"), float(level.text), level.get("condition"))
        for part in tree.iter(f"{BODY}HydrometricStationPart")
        for level in part.iter(f"{EB}WaterLevel")
    ]
    assert [
        (one["name"], c["name"], c["value"], c["condition"]) for one in stations for c in one["criteria"]
    ] == sorted(criteria, key=lambda row: [one["name"] for one in stations].index(row[0]))
    assert criteria


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_main_text_and_every_rain_amount_is_read(real: Callable[[str], bytes], name: str) -> None:
    tree = etree.fromstring(real(name))
    props, _ = whole(real(name))
    warning = [e.text for group in tree.iter(f"{BODY}Warning") for e in group.iter(f"{BODY}Text")]
    told = [one["text"] for one in props["main_texts"] if one["type"] != "洪水害危険度"]  # type: ignore[attr-defined]
    assert told == warning
    rain = [
        e
        for e in tree.iter(f"{EB}Precipitation", f"{EB}PrecipitationBasedIndex")
        if e.get("type") != "流域雨量指数変化傾向" or e.get("condition")
    ]
    assert len(props["rain"]) == len(rain)  # type: ignore[arg-type]


def test_a_missing_water_level_is_none_and_says_why(real: Callable[[str], bytes]) -> None:
    props, _ = whole(real("16_02_01_220728_VXKOii.xml"))
    stations = {one["name"]: one for one in props["stations"]}  # type: ignore[attr-defined]
    now, later = stations["△△△水位観測所"]["series"][:2]
    assert (now["water_level_m"], now["level"], now["condition"]) == (46.6, 2, "上昇")
    assert (later["water_level_m"], later["level"], later["condition"]) == (None, None, "未計算")
    assert stations["△△△水位観測所"]["observed_at"] == "2019-05-27T09:00:00+09:00"


def test_the_areas_of_a_water_level_river_are_items_with_their_municipality(real: Callable[[str], bytes]) -> None:
    body = real("91_01_01_241031_VXSUii.xml")
    (_, detail), issues = answers(jma_flood, body)
    listed = [
        a.findtext(f"{BODY}Code")
        for a in etree.fromstring(body).iter(f"{BODY}Area")
        if a.find(f"{BODY}CityCode") is not None
    ]
    found = {row.props["area_code"]: row for row in rows(detail)[1:]}
    assert list(found) == listed
    assert found["0442101"].item_id == "jma/8201813100/0442101"
    assert {code: row.muni_code for code, row in found.items()} == {code: code[:5] for code in listed}
    assert {row.props["level"] for row in found.values()} == {2}
    assert detail.complete
    assert issues == []


def test_a_municipality_of_several_stations_is_one_item_with_all_its_parts() -> None:
    _, municipalities = whole(FIRST.read_bytes())
    yokohama = next(one for one in municipalities if one["area_code"] == "1410000")
    assert yokohama["sub_areas"] == ["訓練地区", "第二訓練地区", "訓練上地区"]
    assert [one["name"] for one in yokohama["stations"]] == ["訓練下", "訓練上"]  # type: ignore[attr-defined]
    assert next(one for one in municipalities if one["area_code"] == "1420700")["sub_areas"] == []


@pytest.mark.parametrize("name", [*OFFICIAL, SHORT])
def test_an_official_sample_leaves_nothing_unread(real: Callable[[str], bytes], name: str) -> None:
    _, issues = answers(jma_flood, real(name))
    assert "unread" not in {issue.code for issue in issues}


def test_a_section_that_is_not_the_event_is_taken_from_the_headline_and_said(real: Callable[[str], bytes]) -> None:
    (heading, _), issues = answers(jma_flood, real("16_01_01_220728_VXKOii.xml"))
    assert heading.scope == "jma/river_flood/123456789012"
    assert [issue.cause for issue in issues if issue.code == "section_differs"] == [
        "EventID is 830303020300, the headline names 123456789012: the Body is taken to speak of 123456789012"
    ]


def test_a_place_without_a_municipality_code_is_listed_and_reported(real: Callable[[str], bytes]) -> None:
    (_, detail), issues = answers(jma_flood, real("16_01_01_220728_VXKOii.xml"))
    (section,) = rows(detail)
    assert [one["area_name"] for one in section.props["flooded_areas"]] == [
        f"○○県{city}" for city in ("○○市", "△△市", "◇◇市", "□□市")
    ]
    assert not detail.complete
    assert [issue.severity for issue in issues if issue.code == "unknown_municipality"] == ["warning"]


def test_the_forecast_of_flood_water_is_read() -> None:
    props, _ = whole(BREACH.read_bytes())
    assert props["level"] == 5
    (row,) = props["inundation_forecast"]  # type: ignore[misc]
    names = ("district", "reached_at", "reached_after", "deepest_at", "deepest_after", "dubious")
    assert tuple(row[name] for name in names) == (  # type: ignore[index]
        "訓練地区",
        "2026-11-05T12:00:00+09:00",
        "４０分後",
        "2026-11-05T14:00:00+09:00",
        "２時間４０分後",
        "頃",
    )
    assert [(d["value"], d["unit"], d["condition"]) for d in row["depths"]] == [  # type: ignore[index]
        (0.5, "m", "以上"),
        (1.0, "m", "未満"),
    ]


@pytest.mark.parametrize(
    ("code", "time", "level", "grade", "ended"),
    [
        ("10", "2026-07-01T10:00:00", 2, "advisory", True),
        ("10", "2025-07-01T10:00:00", 2, "advisory", True),
        ("20", "2025-07-01T10:00:00", 2, "advisory", False),
        ("21", "2026-07-01T10:00:00", 2, "advisory", False),
        ("22", "2026-07-01T10:00:00", 2, "advisory", False),
        ("22", "2025-07-01T10:00:00", 2, "advisory", False),
        ("31", "2026-07-01T10:00:00", 3, "warning", False),
        ("41", "2025-07-01T10:00:00", 4, "warning", False),
        ("40", "2026-07-01T10:00:00", 4, "danger_warning", False),
        ("51", "2026-07-01T10:00:00", 5, "emergency_warning", False),
        ("53", "2026-07-01T10:00:00", 5, "emergency_warning", False),
        ("99", "2026-07-01T10:00:00", None, None, False),
    ],
)
def test_only_10_lifts_and_what_no_table_has_is_in_force(
    code: str, time: str, level: int | None, grade: str | None, ended: bool
) -> None:
    def recoded(root: etree._Element) -> None:
        for element in root.xpath(path_of("Report", "Head", "Headline", "Information", "Item", "Kind", "Code")):
            element.text = code

    (heading, detail), issues = answers(jma_flood, edited(at(FIRST.read_bytes(), time), recoded))
    (row,) = rows(heading)
    assert (row.props["kind_code"], row.props["level"], row.props["grade"], row.ended) == (code, level, grade, ended)
    assert row.props["kind_name"] == "レベル３氾濫警報"  # untouched, whatever the code says
    assert [issue.code for issue in issues] == ([] if level else ["unknown_kind_code"])
    assert bool(rows(detail)) is not ended


# ── telegrams one after another ──────────────────────────────────────────────────────────────────────────


def summary(desk: Desk, time: str | None = None, status: str = "actual") -> dict[str, tuple[object, object]]:
    found = desk.features("river_flood", time, status)
    return {
        id_.removeprefix(f"jma/{SECTION}"): (one["level"], one["kind_code"])
        for id_, one in found.items()
        if one["section_code"] == SECTION
    }


CHAIN = [FIRST, HEADLINE_ONLY, BREACH, LOWERED, LIFTED]
STATES = {
    "2026-11-05T09:59:00": {},
    "2026-11-05T10:00:00": {"": (3, "30"), "/1410000": (3, "30"), "/1420700": (3, "30")},
    # The level rises at once; municipalities stay as last said rather than disappear.
    "2026-11-05T10:40:00": {"": (4, "40"), "/1410000": (3, "30"), "/1420700": (3, "30")},
    # A breach says what it floods, not that the rest is safe.
    "2026-11-05T11:30:00": {"": (5, "53"), "/1410000": (5, "53"), "/1420700": (3, "30")},
    "2026-11-05T13:00:00": {"": (2, "22")},
    "2026-11-05T15:00:00": {},
}


@pytest.mark.store
@pytest.mark.parametrize(
    "order", [CHAIN, CHAIN[::-1], [CHAIN[2], *CHAIN, CHAIN[0]]], ids=["told", "backwards", "twice"]
)
def test_a_flood_rises_and_ends_in_whichever_order_its_telegrams_come(desk: Desk, order: list[Path]) -> None:
    desk.take("jma_flood", *map(actual, order))
    assert {time: summary(desk, time) for time in STATES} == STATES


@pytest.mark.store
def test_one_feature_a_section_has_the_newest_headline_and_the_last_water_levels(desk: Desk) -> None:
    desk.take("jma_flood", actual(FIRST), actual(HEADLINE_ONLY))
    section = desk.features("river_flood", "2026-11-05T11:00:00")[f"jma/{SECTION}"]
    assert (section["level"], section["serial"], section["issued_at"], section["detail_at"]) == (
        4,
        "2",
        "2026-11-05T10:40:00+09:00",
        "2026-11-05T10:00:00+09:00",
    )
    assert {one["name"]: one["water_level_m"] for one in section["stations"]} == {"訓練上": None, "訓練下": 3.02}
    municipality = desk.features("river_flood", "2026-11-05T11:00:00")[f"jma/{SECTION}/1410000"]
    assert (municipality["muni_code"], municipality["issued_at"]) == ("14100", "2026-11-05T10:00:00+09:00")


@pytest.mark.store
def test_a_withdrawal_takes_back_the_newest_telegram_and_no_earlier_flood(desk: Desk) -> None:
    earlier = at(actual(FIRST), "2026-09-01T10:00:00")
    over = at(actual(LIFTED), "2026-09-01T20:00:00")
    desk.take("jma_flood", earlier, over, *map(actual, [FIRST, LIFTED, TAKEN_BACK]))
    assert summary(desk, "2026-11-05T15:06:00") == STATES["2026-11-05T10:00:00"]
    assert summary(desk, "2026-09-01T12:00:00") == STATES["2026-11-05T10:00:00"]
    assert summary(desk, "2026-09-01T21:00:00") == {}
    desk.take("jma_flood", actual(CORRECTED))
    assert summary(desk, "2026-11-05T16:01:00") == {}


@pytest.mark.store
def test_a_withdrawal_without_areas_means_the_section_of_its_event(desk: Desk) -> None:
    desk.take("jma_flood", actual(FIRST), withdrawn(actual(FIRST), "2026-11-05T10:10:00"))
    assert summary(desk, "2026-11-05T10:11:00") == {}


@pytest.mark.store
def test_a_correction_replaces_what_it_corrects(desk: Desk) -> None:
    wrong = actual(FIRST)
    right = put(without(wrong, "//*[local-name()='Area'][*[text()='1420700']]"), "訂正", "Head", "InfoType")
    desk.take("jma_flood", wrong, right)
    assert set(summary(desk, "2026-11-05T10:01:00")) == {"", "/1410000"}


@pytest.mark.store
def test_a_drill_is_in_the_drill_alone(desk: Desk) -> None:
    desk.take("jma_flood", FIRST.read_bytes())
    assert summary(desk, "2026-11-05T10:01:00") == {}
    assert summary(desk, "2026-11-05T10:01:00", "exercise") == STATES["2026-11-05T10:00:00"]


@pytest.mark.parametrize(("word", "status"), [("訓練", "exercise"), ("試験", "test")])
@pytest.mark.parametrize("name", [*OFFICIAL, SHORT])
def test_another_status_changes_nothing_else(real: Callable[[str], bytes], name: str, word: str, status: str) -> None:
    meant, issues = answers(jma_flood, real(name))
    drill, same = answers(jma_flood, put(real(name), word, "Control", "Status"))
    assert facts(drill) == [{**one, "status": status} for one in facts(meant)]
    assert same == issues


def test_two_sections_in_one_telegram_both_keep_their_level() -> None:
    def second(root: etree._Element) -> None:
        (information,) = [i for i in root.iter(f"{HEAD}Information") if "予報区域" in (i.get("type") or "")]
        area = etree.SubElement(next(information.iter(f"{HEAD}Areas")), f"{HEAD}Area")
        etree.SubElement(area, f"{HEAD}Name").text = "訓練川上流"
        etree.SubElement(area, f"{HEAD}Code").text = "990001000200"

    bulletins, issues = answers(jma_flood, edited(FIRST.read_bytes(), second))
    assert [one.scope.removeprefix("jma/river_flood/") for one in bulletins] == [
        SECTION,
        f"{SECTION}/detail",
        "990001000200",
    ]
    assert {row.props["level"] for one in bulletins for row in rows(one)} == {3, None}
    assert [issue.code for issue in issues] == ["section_differs"]


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda b: without(b, path_of("Report", "Head", "Headline", "Information")), "no_section"),
        (
            lambda b: without(b, "//*[local-name()='Headline']//*[local-name()='Kind']/*[local-name()='Code']"),
            "no_kind",
        ),
        (lambda b: b.replace(b"990001000100", b"99000100010"), "bad_section"),
        (lambda b: b.replace(b"990001000100", "９９０００１０００１００".encode()), "bad_section"),
        (lambda b: put(b, "演習", "Control", "Status"), "unknown_status"),
        (lambda b: put(b, "速報", "Head", "InfoType"), "unknown_info_type"),
        (lambda b: b[:3000], "not_xml"),
        (lambda _: b"", "empty"),
        (lambda b: b"<!DOCTYPE r [<!ENTITY x 'y'>]>" + b[b.index(b"<Report") :], "doctype"),
    ],
)
def test_what_cannot_be_taken_as_it_is_meant_is_refused(spoil: Callable[[bytes], bytes], code: str) -> None:
    with pytest.raises(ParseError) as caught:
        list(jma_flood.parse(spoil(FIRST.read_bytes())))
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_water_level_in_another_unit_is_left_out_and_reported() -> None:
    body = FIRST.read_bytes().replace(
        '<jmx_eb:WaterLevel type="水位" unit="m" refID="1" condition="上昇">3.02'.encode(),
        '<jmx_eb:WaterLevel type="水位" unit="cm" refID="1" condition="上昇">302'.encode(),
    )
    (_, detail), issues = answers(jma_flood, body)
    stations = {one["name"]: one for one in rows(detail)[0].props["stations"]}
    assert stations["訓練下"]["water_level_m"] is None
    assert [issue.code for issue in issues] == ["unknown_unit"]


def test_a_new_element_is_reported_and_nothing_else_is_lost() -> None:
    def novel(root: etree._Element) -> None:
        etree.SubElement(next(root.iter(f"{BODY}HydrometricStationPart")), f"{BODY}Novelty").text = "1"
        etree.SubElement(next(root.iter(f"{BODY}Warning"))[0][0], f"{BODY}Nuance").text = "1"

    plain, none = answers(jma_flood, FIRST.read_bytes())
    bulletins, issues = answers(jma_flood, edited(FIRST.read_bytes(), novel))
    assert none == []
    assert facts(bulletins) == facts(plain)
    assert [(issue.code, issue.severity, issue.position) for issue in issues] == [
        ("unread", "info", "Body/AdditionalInfo/FloodForecastAddition/HydrometricStationPart/Novelty"),
        ("unread", "info", "Body/Warning/Item/Kind/Nuance"),
    ]


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=4))
def test_whatever_the_code_only_10_ends_a_section(code: str) -> None:
    def recoded(root: etree._Element) -> None:
        for element in root.xpath(path_of("Report", "Head", "Headline", "Information", "Item", "Kind", "Code")):
            element.text = code

    (heading, detail), _ = answers(jma_flood, edited(FIRST.read_bytes(), recoded))
    (row,) = rows(heading)
    assert row.ended == (code == "10")
    assert bool(rows(detail)) is not row.ended


def test_another_telegram_is_not_read_as_a_flood(real: Callable[[str], bytes]) -> None:
    bulletins, (issue,) = answers(jma_flood, real("17_03_01_190529_VXWW50.xml"))
    assert bulletins == []
    assert issue.code == "no_parser"


def test_no_telephone_number_gets_through() -> None:
    assert b"000-000-0000" in FIRST.read_bytes()
    assert "000-000-0000" not in str(facts(answers(jma_flood, FIRST.read_bytes())[0]))


def test_a_new_list_of_the_headline_is_reported() -> None:
    def more(root: etree._Element) -> None:
        information = next(root.iter(f"{HEAD}Information"))
        other = copy.deepcopy(information)
        other.set("type", "新しい一覧")
        information.addnext(other)

    _, issues = answers(jma_flood, edited(FIRST.read_bytes(), more))
    assert [(issue.code, issue.severity, issue.position) for issue in issues] == [("unread", "info", "新しい一覧")]


def test_the_feed_takes_both_families() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_flood.yml").read_text(encoding="utf-8"))
    assert tuple(feed["source"]["types"]) == jma_flood.HANDLES
    rows_of = [jma.telegram(title) for title in ("指定河川洪水予報", "水位周知河川に関する情報")]
    assert [row.telegram_type for row in rows_of if row] == list(jma_flood.HANDLES)
