"""The situation of the municipalities on real files: each figure against another reader's, with its page and age."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bousai import catalogue, pipeline, settings
from bousai.consolidate import municipality_situation
from bousai.consolidate.situation_statements import whole_and_parts
from bousai.consolidate.situation_warnings import INTENSITY_WINDOW as WINDOW
from bousai.model import RevisionTable
from bousai.settings import Settings
from bousai.vocab import jma
from bousai.vocab.count import Count, reported, without
from bousai.vocab.municipality import municipalities
from tests.consolidate.statements import AT, INCIDENT, count, seen, stated, table

PROJECT = Path(__file__).resolve().parents[2]
LAYER = catalogue.load(PROJECT / "config").layer("municipality_situation")
NOTO = "jma-xml/real-2024-noto"
REPORTS, EXPECTED = "damage-tables/r8-kumamoto-pref", "damage-tables/r8-kumamoto-hq-json"
TIMES = (
    *("20260729-0730", "20260729-1400", "20260730-1400", "20260731-0730", "20260801-0730", "20260801-1400"),
    *("20260802-1400", "20260803-1400", "20260805-1400", "20260806-1400"),
)
FIGURES = {
    "shelters": "shelters_open",
    "evacuees": "evacuees",
    "injuredMinor": "damage.injured_minor",
    "injuredModerate": "damage.injured_moderate",
    "injuredSevere": "damage.injured_severe",
    "cardiacArrest": "damage.cardiac_arrest",
    "deaths": "damage.dead",
    "casualtyUnclassified": "damage.casualty_unclassified",
    "homesFull": "damage.house_destroyed",
    "homesLargeHalf": "damage.house_mostly_half_destroyed",
    "homesHalf": "damage.house_half_destroyed",
    "homesPartial": "damage.house_partly_damaged",
    "homesUnclassified": "damage.house_unclassified",
    "homesTotal": "damage.house_damaged",
    "outages": "outages.power.affected",
    "waterOutages": "outages.water.affected",
    "waterStations": "outages.water.water_stations",
}
"""What another reader of the report calls it → where the layer has it."""


def jst(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


def ingested(own: Settings, feed: str, *files: Path) -> None:
    done = list(pipeline.ingest_files(feed, [(path.name, path.read_bytes()) for path in files], own))
    assert {one.outcome for one in done} <= {"stored", "unchanged"}


@pytest.fixture(scope="module")
def store(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with the areas of five prefectures, the Noto earthquake and the reports of Kumamoto (text and PDF)."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("situation"))})
    pipeline.prepare(own)
    ingested(own, "ksj_municipality", *(realdata / f"n03/N03-21_{pref}_210101.json" for pref in (15, 16, 17, 18, 43)))
    noto = realdata / NOTO
    ingested(own, "jma_quake", *(noto / name for name in ("IntensityReportL.xml", "WInfoL.xml", "LPGMInfo.xml")))
    ingested(
        own, "jma_tsunami", noto / "TsunamiAlarm.xml", noto / "TsunamiInfo.xml", noto / "canceledTsunamiAlarm.xml"
    )
    ingested(own, "kumamoto_damage_report", *sorted((realdata / REPORTS).iterdir()))
    ingested(own, "nanao_shelter_status", *sorted((realdata / "shelter-status-nanao").glob("*2024-01-*.csv")))
    return own


def features(own: Settings, at: str, **options: Any) -> dict[str, dict[str, Any]]:
    text = b"".join(pipeline.layer_geojson(LAYER.id, own, valid_at=jst(at), **options))
    return {one["id"]: one for one in json.loads(text)["features"]}


def figure(props: dict[str, Any], path: str) -> Count | None:
    """``damage.dead``, ``outages.water.affected``, ``evacuees``."""
    name, _, rest = path.partition(".")
    if name == "damage":
        found: Count | None = props["damage"][rest]
        return found
    if name == "outages":
        utility, _, rest = rest.partition(".")
        (found,) = (one[rest] for one in props["outages"] if one["utility"] == utility)
        return found
    whole: Count | None = props[name]
    return whole


# ── the Kumamoto earthquake, 2026 ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", TIMES)
def test_every_figure_of_the_prefecture_is_there_with_its_age_and_page(
    realdata: Path, store: Settings, at: str
) -> None:
    expected = json.loads((realdata / EXPECTED / f"{at}.json").read_bytes())
    when = f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[9:11]}:{at[11:]}:00"
    found = features(store, when)
    by_name = {one["properties"]["name"]: one["properties"] for code, one in found.items() if code.startswith("43")}
    later = features(store, (datetime.fromisoformat(when) + timedelta(minutes=90)).isoformat())
    assert len(expected["municipalities"]) == 45
    compared = 0
    for name, row in expected["municipalities"].items():
        props = by_name[name]
        words = expected["notes"].get(name, {})
        for column in expected["columns"]:
            path = FIGURES[column]
            said = figure(props, path)
            assert said is not None
            if column in row:
                assert said == reported(row[column]), (name, column)
            else:
                assert (said["value"], said["state"]) == (None, "unknown" if column in words else "blank"), (
                    name,
                    column,
                )
            field = path.partition(".")[0]
            source = next(
                one
                for one in props["sources"]
                if field in one["attributes"] and (field != "outages" or path.split(".")[1] in one["item_id"])
            )
            assert source["issuer"] == "熊本県"
            assert source["as_of"] == f"{when}+09:00"
            assert source["position"] == f"page 1, {name}"
            assert at in source["document"]
            compared += 1
        group = {"shelters": 0, "evacuees": 0, "damage": 0}
        assert {name: props["data_age_min"][name] for name in group} == group
        aged = later[props["id"]]["properties"]
        assert {name: aged["data_age_min"][name] for name in group} == dict.fromkeys(group, 90)
        assert props["conflicts"] == []
    assert compared == 45 * len(expected["columns"])
    assert 10 <= len(expected["columns"]) <= 16


def test_the_total_of_the_prefecture_is_what_its_municipalities_have(realdata: Path, store: Settings) -> None:
    expected = json.loads((realdata / EXPECTED / "20260801-0730.json").read_bytes())
    found = features(store, "2026-08-01T07:30:00")
    cities = [one["properties"] for code, one in found.items() if code.startswith("43")]
    counted = [props for props in cities if props["claims"]]
    assert len(counted) == 45
    extra = expected["extraRows"]["災害との関連調査中"]
    for column in expected["columns"]:
        total = sum((figure(props, FIGURES[column]) or {"value": 0})["value"] or 0 for props in counted)
        assert total + extra.get(column, 0) == expected["totals"][column]


def test_what_is_said_of_the_city_is_not_said_of_its_wards(store: Settings) -> None:
    found = features(store, "2026-08-01T07:30:00")
    city = found["43100"]
    wards = [found[f"4310{n}"] for n in range(1, 6)]
    assert city["properties"]["evacuees"]["value"] == 864
    for ward in wards:
        props = ward["properties"]
        assert (props["area_level"], props["city_code"]) == ("ward", "43100")
        assert (props["evacuees"], props["damage"], props["outages"], props["claims"]) == (None, None, [], [])
    ground = shapely.union_all([shapely.geometry.shape(ward["geometry"]) for ward in wards])
    assert shapely.geometry.shape(city["geometry"]).symmetric_difference(ground).area < 1e-9


def test_the_note_of_the_city_stands_beside_the_report_of_the_prefecture(realdata: Path, tmp_path: Path) -> None:
    """Of one hour: 62 shelters and 3,388 people by the city, 47 and 3,978 by the prefecture."""
    own = settings.load({"BOUSAI_DATA": str(tmp_path)})
    pipeline.prepare(own)
    note = realdata / "damage-tables/r8-kumamoto-yatsushiro/yatsushiro-006.json"
    (report,) = (realdata / REPORTS).glob("pref_20260801-1400_*.txt")
    ingested(own, "yatsushiro_hq_note", note)
    ingested(own, "kumamoto_damage_report", report)
    text = unicodedata.normalize("NFKC", json.loads(note.read_bytes())["text"]).replace(",", "")
    theirs = json.loads((realdata / EXPECTED / "20260801-1400.json").read_bytes())["municipalities"]["八代市"]
    ours = {
        name: re.search(pattern, text)
        for name, pattern in (("shelters", r"合計(\d+)か所"), ("evacuees", r"避難者数:(\d+)名"))
    }
    props = features(own, "2026-08-01T14:30:00", muni="43202")["43202"]["properties"]
    conflicts = {one["attribute"]: one["values"] for one in props["conflicts"]}
    for name, found in ours.items():
        assert found is not None
        path = FIGURES[name]
        assert props[path] == reported(int(found[1]))
        assert [(one["issuer"], one["value"]["value"], one["shown"]) for one in conflicts[path]] == [
            ("八代市災害対策本部", int(found[1]), True),
            ("熊本県", theirs[name], False),
        ]
    assert props["damage"]["injured_severe"] == reported(theirs["injuredSevere"])
    units = {(one["utility"], one["unit"]): one["affected"]["value"] for one in props["outages"]}
    assert units["water", "戸"] == theirs["waterOutages"]
    assert units["water", "件"] == 26
    assert [one["order"] for one in props["orders"]] == ["evacuate"]


def test_before_the_first_report_nothing_is_said_and_nothing_is_zero(store: Settings) -> None:
    found = features(store, "2026-07-28T12:00:00")
    kumamoto = [one["properties"] for code, one in found.items() if code.startswith("43")]
    assert len(kumamoto) == 50
    for props in kumamoto:
        empty = {field.name: props[field.name] for field in LAYER.fields if field.type in ("object", "list")}
        assert all(
            value in (None, []) for name, value in empty.items() if name not in ("as_of", "data_age_min", "sources")
        )
        assert set(props["as_of"].values()) == set(props["data_age_min"].values()) == {None}


def test_one_figure_leads_to_the_bytes_of_its_report(store: Settings) -> None:
    traced = pipeline.trace("municipality_situation/43213#evacuees", store)["revisions"]
    assert [one["position"] for one in traced] == ["page 1, 宇城市"]
    assert all(one["verified"] for one in traced)


# ── the Noto peninsula earthquake, 2024 ──────────────────────────────────────────────────────────────────────


def telegram(path: Path) -> etree._Element:
    return etree.fromstring(path.read_bytes())


def test_intensities_are_those_of_the_telegram_city_by_city(realdata: Path, store: Settings) -> None:
    found = features(store, "2024-01-01T16:30:00")
    root = telegram(realdata / NOTO / "WInfoL.xml")
    cities: dict[str, tuple[str, str]] = {}
    for city in root.iterfind(".//{*}Observation//{*}City"):
        code = city.findtext("{*}Code") or ""
        if code[:2] == "17":
            cities[code[:5]] = (city.findtext("{*}Name") or "", city.findtext("{*}MaxInt") or "")
    assert len(cities) == 19
    ishikawa = {code: one["properties"] for code, one in found.items() if code.startswith("17")}
    assert set(ishikawa) == set(cities)
    for code, (name, intensity) in cities.items():
        props = ishikawa[code]
        assert props["max_intensity"] == intensity, name
        assert props["max_intensity_rank"] == jma.intensity_rank(intensity)
        assert props["intensities"][0]["event_id"] == "20240101161010"
        assert props["as_of"]["intensity"] == "2024-01-01T16:24:00+09:00"
        assert props["data_age_min"]["intensity"] == 6
    assert {code for code, props in ishikawa.items() if props["max_intensity"] == "7"} == {"17384"}


def test_in_the_first_minutes_the_prefecture_is_all_that_is_known(store: Settings) -> None:
    found = features(store, "2024-01-01T16:14:00")
    for code in ("17204", "17201"):
        props = found[code]["properties"]
        (felt,) = props["intensities"]
        assert (felt["intensity"], felt["match"], felt["stated_for"]) == ("6+", "prefecture", "17")
        assert (props["max_intensity"], props["as_of"]["intensity"]) == (None, "2024-01-01T16:13:00+09:00")
    later = features(store, "2024-01-01T16:30:00")["17204"]["properties"]["intensities"]
    assert [felt["match"] for felt in later] == ["municipality"]


def test_tsunami_warnings_are_of_those_who_have_the_coast(realdata: Path, store: Settings) -> None:
    found = features(store, "2024-01-01T16:30:00")
    root = telegram(realdata / NOTO / "TsunamiAlarm.xml")
    warned = {
        item.findtext("{*}Area/{*}Name") or "": item.findtext("{*}Category/{*}Kind/{*}Code") or ""
        for item in root.iterfind(".//{*}Tsunami//{*}Forecast/{*}Item")
    }
    assert (warned["石川県能登"], warned["石川県加賀"]) == ("53", "51")
    told = {code: one["properties"]["tsunami"] for code, one in found.items() if code[:2] in ("15", "16", "17", "18")}
    for coasts in told.values():
        for coast in coasts:
            assert coast["kind_code"] == warned[coast["coast_name"]]
            assert coast["grade"] == jma.tsunami_grade(warned[coast["coast_name"]])
            assert (coast["match"], coast["issuer"]) == ("municipality", "気象庁")
    noto = {code for code, coasts in told.items() if [coast["coast_name"] for coast in coasts] == ["石川県能登"]}
    kaga = {code for code, coasts in told.items() if [coast["coast_name"] for coast in coasts] == ["石川県加賀"]}
    names = {code: municipalities()[code].name for code in noto | kaga}
    assert {names[code] for code in noto} == {
        *("七尾市", "輪島市", "珠洲市", "羽咋市", "志賀町", "宝達志水町", "穴水町", "能登町"),
    }
    assert {names[code] for code in kaga} == {
        *("金沢市", "小松市", "加賀市", "かほく市", "白山市", "能美市", "内灘町"),
    }
    dry = {municipalities()[code].name for code, coasts in told.items() if code[:2] == "17" and not coasts}
    assert dry == {"津幡町", "中能登町", "野々市市", "川北町"}
    wajima = found["17204"]["properties"]
    assert wajima["max_warning"] == {
        "phenomenon": "tsunami",
        "level": None,
        "grade": "major_warning",
        "kind_name": wajima["tsunami"][0]["kind_name"],
        "match": "municipality",
        "stated_for": "360",
        "issuer": "気象庁",
        "issued_at": "2024-01-01T16:22:00+09:00",
    }


def test_a_lifted_warning_is_gone_and_an_old_earthquake_too(store: Settings) -> None:
    next_day = features(store, "2024-01-02T10:30:00", muni="17204")["17204"]["properties"]
    assert all(coast["grade"] == "forecast" for coast in next_day["tsunami"])
    assert (next_day["max_warning"], next_day["max_intensity"]) == (None, "6+")
    assert features(store, "2024-02-01T00:00:00", muni="17204")["17204"]["properties"]["max_intensity"] is None


def test_open_shelters_of_nanao_are_counted_from_the_list(realdata: Path, store: Settings) -> None:
    lines = (realdata / "shelter-status-nanao/open_shelter_Nanao-shi_2024-01-15-1800.csv").read_text("utf-8-sig")
    listed = [line for line in lines.splitlines()[1:] if line.strip()]
    props = features(store, "2024-01-15T18:00:00", muni="17202")["17202"]["properties"]
    assert props["shelters_open"] == reported(len(listed))
    (claim,) = props["claims"]
    assert (claim["basis"], claim["of"]["open"], claim["issuer"]) == ("sum", len(listed), "七尾市")
    assert props["evacuees"]["value"] > 1000


# ── as others see it ─────────────────────────────────────────────────────────────────────────────────────────


def test_gdal_reads_it_as_polygons_with_fields(store: Settings) -> None:
    text = b"".join(pipeline.layer_geojson(LAYER.id, store, valid_at=jst("2026-08-01T07:30:00")))
    frame = pyogrio.read_dataframe(io.BytesIO(text))
    assert set(frame.geometry.geom_type) <= {"Polygon", "MultiPolygon"}
    assert frame.geometry.is_valid.all()
    assert {field.name for field in LAYER.fields} <= set(frame.columns)
    uki = frame.set_index("id").loc["43213"]
    said = uki["evacuees"]
    assert (json.loads(said) if isinstance(said, str) else said)["value"] == 3152


def test_the_same_content_gives_the_same_bytes(store: Settings) -> None:
    first, second = (pipeline.publish_layers([LAYER.id], store) for _ in range(2))
    assert any(one["changed"] for one in first)
    assert not any(one["changed"] for one in second)
    published = Path(second[0]["path"]).read_bytes()
    assert b"data_age_min" not in published


def test_a_box_and_a_municipality_are_cut_from_the_whole(store: Settings) -> None:
    whole = features(store, "2026-08-01T07:30:00")
    west, south, east, north = (130.6, 32.6, 130.75, 32.7)
    boxed = features(store, "2026-08-01T07:30:00", bbox=(west, south, east, north))
    box = shapely.box(west, south, east, north)
    near = {code for code, one in whole.items() if box.intersects(shapely.geometry.shape(one["geometry"]))}
    assert set(boxed) == near >= {"43213"}
    assert features(store, "2026-08-01T07:30:00", muni="43213") == {"43213": whole["43213"]}


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────


def situation(*tables: RevisionTable, municipality: Any = ()) -> dict[str, dict[str, Any]]:
    empty = {kind: table(kind, []) for kind in LAYER.inputs}
    made = municipality_situation.table(empty | {one.kind: one for one in tables}, seen(municipality), AT)
    assert list(made.item_id) == sorted(made.item_id)
    return {code: orjson.loads(props) for code, props in zip(made.item_id, made.props, strict=True)}


def test_every_field_of_the_layer_is_made_and_no_other() -> None:
    (props,) = situation(municipality=[stated("17204")]).values()
    assert set(props) == {field.name for field in LAYER.fields}


CODES = st.sampled_from(("43100", "43101", "43213", "12101", "22131", "17204", "99999"))
COUNTS = st.sampled_from(
    (count(0), count(7), count(7, "less_than"), without("blank"), without("investigating"), None)
)
STATEMENTS = {
    "weather_warning": {"phenomenon": "gale", "grade": "warning", "level": None, "area_name": "x"},
    "landslide_warning": {"level": 4},
    "river_flood": {"grade": "warning", "level": 3},
    "volcanic_warning": {"grade": "crater_warning"},
    "evacuation_order": {"order": "evacuate", "level": 4},
    "road_restriction": {"restriction": "closed"},
    "disaster_hq": {"name": "災害対策本部", "state": "set_up"},
    "people_estimate": {"hazard": "earthquake", "method": {"version": "x"}},
    "seismic_intensity": {"event_id": "e", "intensity": "5-", "area_code": "x", "area_level": "city"},
}
"""Kinds without counts, and a statement of each."""
COUNTED = {
    "evacuation_summary": ("shelters_open", "evacuees", "order_people"),
    "shelter_status": ("evacuees",),
    "damage_count": ("dead", "house_destroyed"),
    "lifeline_outage": ("affected", "water_stations"),
}


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from((*STATEMENTS, *COUNTED)))
    props = dict(STATEMENTS.get(kind, {})) | {name: draw(COUNTS) for name in COUNTED.get(kind, ())}
    if kind == "shelter_status":
        props["state"] = draw(st.sampled_from(("open", "closed", "unknown", None)))
    if kind == "lifeline_outage":
        props |= {"utility": draw(st.sampled_from(("power", None))), "unit": draw(st.sampled_from(("戸", None)))}
    own = {"_source": draw(st.sampled_from(("a", "b"))), "_issuer": draw(st.sampled_from(("熊本県", "宇城市", "x")))}
    hours = draw(st.integers(0, 300))
    return kind, stated(
        draw(CODES), f"{kind}/{draw(st.integers(0, 10**6))}", hours, incident=INCIDENT, **props, **own
    )


@given(st.lists(statements(), max_size=12), st.sets(CODES))
def test_whatever_is_said_stands_in_the_row_of_whom_it_is_said_of(
    said: list[tuple[str, dict[str, Any]]], areas: set[str]
) -> None:
    kinds = {kind for kind, _ in said}
    tables = [table(kind, [row for other, row in said if other == kind]) for kind in kinds]
    found = situation(*tables, municipality=[stated(code) for code in areas])
    old = {row["item_id"] for kind, row in said if kind == "seismic_intensity" and AT - row["issued_at"] > WINDOW}
    newest = min((AT - row["issued_at"] for kind, row in said if kind == "seismic_intensity"), default=WINDOW)
    for kind, row in said:
        if row["item_id"] in old and newest > WINDOW:
            continue
        of_one = [other for _, other in said if other["item_id"] == row["item_id"]]
        if kind == "seismic_intensity" and len(of_one) > 1:  # of one earthquake and place the newest counts
            continue
        silent = kind in ("evacuation_summary", "damage_count") and not any(
            isinstance(value, dict) for value in json.loads(row["props"]).values()
        )
        if silent:
            continue
        props = found[row["muni_code"]]
        behind = {source["item_id"] for source in props["sources"]}
        highest = kind in ("weather_warning", "landslide_warning", "river_flood", "volcanic_warning")
        assert highest or kind in ("people_estimate", "shelter_status") or row["item_id"] in behind
    for code, props in found.items():
        assert set(props) == {field.name for field in LAYER.fields}
        assert props["sources"] or props["people_estimate"]
        near = set(whole_and_parts(code))
        for name in ("warnings", "orders", "intensities"):
            assert {one["stated_for"] for one in props[name]} <= near
        spoken = {row["muni_code"] for kind, row in said if kind in COUNTED}
        if not spoken & near:
            assert (props["claims"], props["evacuees"], props["damage"], props["outages"]) == ([], None, None, [])


def test_sources_that_disagree_stand_side_by_side() -> None:
    rows = [
        stated("43213", "pref", 1, evacuees=count(100), incident=INCIDENT, _issuer="熊本県", _source="pref"),
        stated("43213", "city", 2, evacuees=count(90), incident=INCIDENT, _issuer="宇城市", _source="city"),
        stated("43213", "cao", 3, evacuees=count(100), incident=INCIDENT, _issuer="内閣府", _source="cao"),
    ]
    props = situation(table("evacuation_summary", rows))["43213"]
    assert props["evacuees"] == count(100)
    assert [(one["issuer"], one["figures"]["evacuees"]["value"], one["shown"]) for one in props["claims"]] == [
        ("熊本県", 100, ["evacuees"]),
        ("宇城市", 90, []),
        ("内閣府", 100, []),
    ]
    (conflict,) = props["conflicts"]
    assert conflict["attribute"] == "evacuees"
    assert [(one["issuer"], one["value"]["value"], one["shown"]) for one in conflict["values"]] == [
        ("熊本県", 100, True),
        ("宇城市", 90, False),
        ("内閣府", 100, False),
    ]
    attributes = {one["source"]: one["attributes"] for one in props["sources"]}
    assert attributes == {"pref": ["claims", "evacuees"], "city": ["claims"], "cao": ["claims"]}


def test_a_fresh_number_hides_no_stale_one() -> None:
    rows = [
        stated("43213", "w", 1, utility="water", affected=count(5), unit="戸"),
        stated("43213", "p", 30, utility="power", affected=count(9), unit="戸"),
    ]
    props = situation(table("lifeline_outage", rows))["43213"]
    assert props["data_age_min"]["outages"] == 30 * 60
    assert [(one["utility"], one["affected"]["value"]) for one in props["outages"]] == [("power", 9), ("water", 5)]


def test_parts_that_one_list_has_are_summed_and_listed() -> None:
    rows = [
        stated("43213", name, 1, utility="power", affected=said, unit="戸", operator="訓練電力", area_name=name)
        for name, said in (("東", count(5)), ("西", count(10, "less_than")), ("南", without("unknown")))
    ]
    report = stated("43213", "r", 2, utility="power", affected=count(20), unit="戸", _source="pref")
    (alone,) = situation(table("lifeline_outage", rows))["43213"]["outages"]
    assert (alone["basis"], alone["affected"]) == ("sum", count(15, "approx"))
    assert sorted(part["area_name"] for part in alone["parts"]) == sorted("東西南")
    props = situation(table("lifeline_outage", [*rows, report]))["43213"]
    (one,) = props["outages"]
    assert (one["basis"], one["affected"], one["parts"]) == ("stated", count(20), [])
    assert [(claim["basis"], claim["of"]) for claim in props["claims"]] == [
        ("stated", None),
        ("sum", {"parts": 3, "parts_with_number": 2}),
    ]


def test_shelters_of_a_ward_are_shelters_of_its_city() -> None:
    rows = [
        stated("43101", "a", state="open", evacuees=count(3)),
        stated("43100", "b", state="open", evacuees=count(4)),
    ]
    found = situation(table("shelter_status", rows))
    assert {code: props["shelters_open"]["value"] for code, props in found.items()} == {"43100": 2, "43101": 1}
    assert found["43100"]["evacuees"] == count(7)


def test_a_road_through_two_wards_is_one_road_of_the_city() -> None:
    areas = [
        stated("43101", _geometry=shapely.box(0, 0, 1, 1)),
        stated("43102", _geometry=shapely.box(1, 0, 2, 1)),
    ]
    road = stated(None, "r", restriction="closed", _geometry=shapely.LineString([(0.5, 0.5), (1.5, 0.5)]))
    found = situation(table("road_restriction", [road]), municipality=areas)
    assert {code: props["roads_closed"] for code, props in found.items()} == dict.fromkeys(
        ("43100", "43101", "43102"), count(1)
    )


def test_what_is_said_of_a_ward_alone_makes_no_row_of_its_city() -> None:
    rows = [stated("12101", utility="power", affected=count(5), unit="戸")]
    assert set(situation(table("lifeline_outage", rows))) == {"12101"}
    assert set(situation(municipality=[stated("12101")])) == {"12100", "12101"}


def test_orders_and_levels_of_the_agency_stay_apart() -> None:
    warning = stated("43213", "w", phenomenon="heavy_rain", grade="emergency_warning", level=5, kind_name="x")
    order = stated("43213", "o", order="elderly_evacuate", level=3, district_name="東部", people=count(3))
    props = situation(table("weather_warning", [warning]), table("evacuation_order", [order]))["43213"]
    assert [one["level"] for one in props["orders"]] == [3]
    assert "people" not in props["orders"][0]
    assert props["max_warning"]["level"] == 5
    assert {group for group, at in props["as_of"].items() if at} == {"warnings", "orders"}


def test_who_is_seen_to_be_inland_is_not_warned_of_a_coast_of_the_prefecture() -> None:
    square = {(x, y): shapely.box(x, y, x + 1, y + 1) for x in range(3) for y in range(3)}
    codes = dict(
        zip(square, ("02201", "02202", "02203", "02204", "02205", "02206", "02207", "02208", "02209"), strict=True)
    )
    areas = [stated(code, _geometry=square[place]) for place, code in codes.items()]
    sections = [stated(None, "e/201", coast_code="201", coast_name="x", event_id="e", grade="major_warning")]
    found = situation(table("tsunami_forecast", sections), municipality=areas)
    warned = {
        code: [one["match"] for one in props["tsunami"]] for code, props in found.items() if code in codes.values()
    }
    assert warned.pop(codes[1, 1]) == []
    assert set(map(tuple, warned.values())) == {("prefecture",)}


def test_exercises_stay_exercises() -> None:
    rows = [stated("43213", "o", evacuees=count(3))]
    empty = {kind: table(kind, [], "exercise") for kind in LAYER.inputs}
    areas = {"municipality": _as_exercise()}
    made = municipality_situation.table(
        empty | {"evacuation_summary": table("evacuation_summary", rows, "exercise")}, areas, AT
    )
    assert made.status == "exercise"


def _as_exercise() -> Any:
    from bousai.model import Sightings

    return Sightings(table("municipality", [], "exercise"), [], [])


def test_two_disasters_are_two_things() -> None:
    rows = [
        stated("43213", "a", 1, incident="令和8年訓練豪雨", dead=count(0)),
        stated("43213", "b", 9, incident="令和8年訓練地震", dead=count(20)),
    ]
    props = situation(table("damage_count", rows))["43213"]
    assert (props["damage_incident"], props["damage"]["dead"]["value"]) == ("令和8年訓練豪雨", 0)
    (other,) = props["damage_other"]
    assert (other["incident"], other["damage"]["dead"]["value"]) == ("令和8年訓練地震", 20)
    assert props["conflicts"] == []
