"""Severe weather bulletins: amounts with place and time, series that grow, advisories that end by themselves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
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
from bousai.model import Issue
from bousai.parse import jma_weather_bulletin

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "tests/feeds/jma_weather_bulletin"
REAL = "20260905220832_0_VPBS50_130000.xml"
BAND, RECORD = "82_01_01_241031_VPBS50.xml", "82_01_02_250630_VPBS50.xml"
OLD = ["18_01_01_100806_VPOA50.xml", "18_03_01_190412_VPOA50.xml"]
TORNADO = "19_08_04_250630_VPHW51.xml"
WARNING = path_of("Report", "Body", "Warning")
EVERY = [REAL, BAND, RECORD, *OLD, TORNADO]


def sample(name: str) -> Path:
    (path,) = SAMPLES.glob(f"{name}*.xml")
    return path


ADVISORY, SEEN = sample("20261105010000_0_VPHW50"), sample("20261105010000_0_VPHW51")
RAIN, MORE_RAIN, RAIN_TAKEN_BACK = (sample(f"2026110501{minute}00_0_VPBS50") for minute in ("09", "17", "25"))
IMMINENT, SNOW, SNOW_CORRECTED = (sample(f"2026110501{minute}00_0_VPBS50") for minute in ("30", "40", "50"))


@pytest.fixture(scope="session")
def real(realdata: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        (path,) = (realdata / "jma-xml").glob(f"*/{name}")
        return path.read_bytes()

    return read


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def actual(path: Path) -> bytes:
    return put(path.read_bytes(), "通常", "Control", "Status")


# ── one telegram ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", EVERY)
def test_a_real_telegram_leaves_nothing_unread_and_raises_no_issue(real: Callable[[str], bytes], name: str) -> None:
    assert answers(jma_weather_bulletin, real(name))[1] == []


@pytest.mark.parametrize("name", [REAL, BAND, RECORD])
def test_the_series_is_the_scope_and_places_are_its_items(real: Callable[[str], bytes], name: str) -> None:
    body = real(name)
    (bulletin,), _ = answers(jma_weather_bulletin, body)
    series = texts(body, "Head", "EventID")[0].split("_")[0]
    tree = etree.fromstring(body)
    areas = [a.findtext(f"{HEAD}Code") for a in tree.iter(f"{HEAD}Area")]
    places = [a.findtext(f"{BODY}Code") for a in tree.iter(f"{BODY}Area")]
    stations = [f"station-{s.findtext(f'{BODY}Code')}" for s in tree.iter(f"{BODY}Station")]
    assert bulletin.scope == f"jma/weather_bulletin/{series}"
    assert not bulletin.complete
    assert {row.item_id for row in rows(bulletin)} == {f"jma/{series}/{key}" for key in (*areas, *places, *stations)}


def test_record_rain_has_its_amounts_with_place_and_time(real: Callable[[str], bytes]) -> None:
    body = real(RECORD)
    (bulletin,), _ = answers(jma_weather_bulletin, body)
    told = {
        row.props["area_name"]: (
            row.props["quantity"],
            row.props["value"],
            row.props["unit"],
            row.props["observed_at"],
        )
        for row in rows(bulletin)
        if row.props["value"] is not None
    }
    tree = etree.fromstring(body)
    assert told == {
        item.xpath(f"string(.//*[local-name()='Area' or local-name()='Station']{path_of('Name')})"): (
            amount.get("type"),
            float(amount.text),
            amount.get("unit"),
            item.findtext(f".//{BODY}Time"),
        )
        for item in tree.iter(f"{BODY}Item")
        for amount in item.iter(f"{EB}Precipitation")
    }
    biei = next(row for row in rows(bulletin) if row.props["area_code"] == "0154300")
    assert (biei.muni_code, biei.props["place_type"], biei.props["area_status"]) == ("01543", "municipality", "付近")
    assert (biei.props["value_condition"], biei.props["value_text"]) == ("約", "約１００ミリ")
    station = next(row for row in rows(bulletin) if row.props["place_type"] == "station")
    assert (station.muni_code, station.props["area_code"], station.props["location"]) == (None, "17631", "北海道")


@pytest.mark.parametrize(
    ("name", "subtype", "basis", "valid_to"),
    [
        (REAL, "rain_band_imminent", "forecast", "2026-09-06T10:08:00+09:00"),
        (BAND, "rain_band", "observed", None),
        (RECORD, "record_rain", "observed", None),
    ],
)
def test_what_is_expected_ends_and_what_was_seen_does_not(
    real: Callable[[str], bytes], name: str, subtype: str, basis: str, valid_to: str | None
) -> None:
    (bulletin,), _ = answers(jma_weather_bulletin, real(name))
    told = {
        (row.props["subtype"], row.props["basis"], row.valid_to and row.valid_to.isoformat())
        for row in rows(bulletin)
    }
    assert told == {(subtype, basis, valid_to)}


def test_a_rain_band_has_the_time_of_its_event(real: Callable[[str], bytes]) -> None:
    (bulletin,), _ = answers(jma_weather_bulletin, real(BAND))
    assert len(rows(bulletin)) == 3
    for row in rows(bulletin):
        assert row.props["observed_at"] == "2023-09-08T10:10:00+09:00"
        assert [event["names"] for event in row.props["events"]] == [["線状降水帯発生"]]


@pytest.mark.parametrize(("name", "areas"), [(OLD[0], ["270000"]), (OLD[1], ["016010", "016030"])])
def test_the_old_form_names_its_areas_and_leaves_out_those_with_none(
    real: Callable[[str], bytes], name: str, areas: list[str]
) -> None:
    (bulletin,), _ = answers(jma_weather_bulletin, real(name))
    assert [row.props["area_code"] for row in rows(bulletin)] == areas
    assert {row.props["subtype"] for row in rows(bulletin)} == {"record_rain"}
    assert all("ミリ" in row.props["headline"] for row in rows(bulletin))


def test_since_vpbs50_the_old_form_is_one_issue_and_no_bulletin(real: Callable[[str], bytes]) -> None:
    (issue,) = jma_weather_bulletin.parse(at(real(OLD[0]), "2026-05-28T13:00:00"))
    assert isinstance(issue, Issue)
    assert (issue.code, issue.severity) == ("superseded_telegram", "info")
    assert len(answers(jma_weather_bulletin, at(real(OLD[0]), "2026-05-28T12:59:59"))[0]) == 1


def test_a_tornado_advisory_is_for_its_municipalities_until_its_end(real: Callable[[str], bytes]) -> None:
    body = real(TORNADO)
    (bulletin, sighting), _ = answers(jma_weather_bulletin, body)
    (layer,) = [
        w for w in etree.fromstring(body).iter(f"{BODY}Warning") if w.get("type") == "竜巻注意情報（市町村等）"
    ]
    issued = [
        item.findtext(f"{BODY}Area/{BODY}Code")
        for item in layer.iter(f"{BODY}Item")
        if item.findtext(f"{BODY}Kind/{BODY}Status") == "発表"
    ]
    assert len(issued) < len(list(layer.iter(f"{BODY}Item")))
    assert [row.item_id for row in rows(bulletin)] == [f"jma/tornado/{code}" for code in issued]
    assert {row.valid_to.isoformat() for row in rows(bulletin) if row.valid_to} == {"2015-07-17T10:30:00+09:00"}
    assert (bulletin.scope, bulletin.complete) == ("jma/weather_bulletin/tornado/110000", True)
    assert (sighting.scope, len(sighting.items)) == ("jma/weather_bulletin/tornado_sighting/110000", 0)


def test_the_finest_layer_there_is_counts(real: Callable[[str], bytes]) -> None:
    layer = f"{WARNING}[@type='竜巻注意情報（市町村等）']"
    (bulletin, _), issues = answers(jma_weather_bulletin, without(real(TORNADO), layer))
    assert issues == []
    assert {len(row.props["area_code"]) for row in rows(bulletin)} == {6}
    assert {row.props["place_type"] for row in rows(bulletin)} == {"area"}


def test_two_tags_and_a_word_that_nobody_knows() -> None:
    (bulletin,), (issue,) = answers(jma_weather_bulletin, SNOW.read_bytes())
    area, station = rows(bulletin)
    assert area.props["tags"] == ["短時間大雪", "訓練現象"]
    assert (station.props["quantity"], station.props["value"], station.props["unit"]) == ("６時間降雪量", 37.0, "cm")
    assert area.props["texts"] == [{"type": "解説", "text": "【訓練】この強い雪は夜遅くにかけて続く見込みです。"}]
    assert (issue.code, issue.severity) == ("unknown_tag", "warning")
    alone, _ = answers(
        jma_weather_bulletin, SNOW.read_bytes().replace("<Condition>短時間大雪".encode(), b"<Condition>X")
    )
    assert {row.props["subtype"] for row in rows(alone[0])} == {"other"}


def test_an_amount_without_a_place_is_said_of_every_area() -> None:
    body = without(RAIN.read_bytes(), path_of("Report", "Body", "MeteorologicalInfos") + "//*[local-name()='Area']")
    (bulletin,), _ = answers(jma_weather_bulletin, body)
    assert [(row.props["area_code"], row.props["value"]) for row in rows(bulletin)] == [("140010", 100.0)]


# ── telegrams one after another ──────────────────────────────────────────────────────────────────────────


def amounts(desk: Desk, time: str, status: str = "actual") -> dict[str, object]:
    found = desk.features("weather_bulletin", time, status)
    return {id_.rpartition("/")[2]: one["value"] for id_, one in found.items() if one["subtype"] == "record_rain"}


@pytest.mark.store
@pytest.mark.parametrize("backwards", [False, True])
def test_a_series_grows_and_a_withdrawal_takes_back_its_newest(desk: Desk, backwards: bool) -> None:
    chain = [actual(path) for path in (RAIN, MORE_RAIN, RAIN_TAKEN_BACK)]
    desk.take("jma_weather_bulletin", *chain[:: -1 if backwards else 1])
    assert amounts(desk, "2026-11-05T10:08:00") == {}
    assert amounts(desk, "2026-11-05T10:10:00") == {"140010": None, "1410000": 100.0}
    assert amounts(desk, "2026-11-05T10:26:00") == {"140010": None, "1410000": 100.0}


@pytest.mark.store
def test_a_later_telegram_of_a_series_keeps_the_places_of_the_earlier(desk: Desk) -> None:
    other = MORE_RAIN.read_bytes().replace(b"1410000", b"1413000")
    desk.take("jma_weather_bulletin", actual(RAIN), put(other, "通常", "Control", "Status"))
    assert amounts(desk, "2026-11-05T10:20:00") == {
        "140010": None,
        "1410000": 100.0,
        "1413000": 120.0,
        "station-99999": 101.0,
    }


@pytest.mark.store
def test_a_correction_says_a_series_anew(desk: Desk) -> None:
    desk.take("jma_weather_bulletin", actual(SNOW), actual(SNOW_CORRECTED))
    before = desk.features("weather_bulletin", "2026-11-05T10:45:00")
    after = desk.features("weather_bulletin", "2026-11-05T10:55:00")
    assert len(before) == 2
    assert [one["headline"].endswith("（訂正）。") for one in after.values()] == [True]


@pytest.mark.store
def test_an_imminent_rain_band_is_over_after_its_three_hours(desk: Desk) -> None:
    desk.take("jma_weather_bulletin", actual(IMMINENT))
    assert len(desk.features("weather_bulletin", "2026-11-05T13:29:59")) == 1
    assert desk.features("weather_bulletin", "2026-11-05T13:30:00") == {}


@pytest.mark.store
@pytest.mark.parametrize("order", [[ADVISORY, SEEN], [SEEN, ADVISORY]], ids=["50 first", "51 first"])
def test_a_pair_of_tornado_telegrams_is_one_advisory_with_its_sighting(desk: Desk, order: list[Path]) -> None:
    first, second = desk.take("jma_weather_bulletin", *map(actual, order))
    found = desk.features("weather_bulletin", "2026-11-05T10:30:00")
    assert set(found) == {"jma/tornado/1410000", "jma/tornado/1413000", "jma/tornado_sighting/140011"}
    assert first.issues == second.issues == 0
    assert desk.features("weather_bulletin", "2026-11-05T11:10:00") == {}


@pytest.mark.store
def test_a_tornado_advisory_can_be_taken_back_and_an_older_one_changes_nothing(desk: Desk) -> None:
    desk.take("jma_weather_bulletin", actual(SEEN), withdrawn(actual(SEEN), "2026-11-05T10:05:00"))
    assert desk.features("weather_bulletin", "2026-11-05T10:06:00") == {}
    later = at(actual(ADVISORY), "2026-11-05T10:20:00")
    less = without(later, WARNING + "/*[*[*[text()='1413000']]]")
    desk.take("jma_weather_bulletin", less, at(actual(ADVISORY), "2026-11-05T09:50:00"))
    assert set(desk.features("weather_bulletin", "2026-11-05T10:25:00")) == {"jma/tornado/1410000"}


@pytest.mark.store
def test_a_drill_is_in_the_drill_alone(desk: Desk) -> None:
    desk.take("jma_weather_bulletin", RAIN.read_bytes(), SEEN.read_bytes())
    assert desk.features("weather_bulletin", "2026-11-05T10:30:00") == {}
    assert len(desk.features("weather_bulletin", "2026-11-05T10:30:00", "exercise")) == 5


@pytest.mark.parametrize(("word", "status"), [("訓練", "exercise"), ("試験", "test")])
@pytest.mark.parametrize("name", EVERY)
def test_another_status_changes_nothing_else(real: Callable[[str], bytes], name: str, word: str, status: str) -> None:
    meant, _ = answers(jma_weather_bulletin, real(name))
    drill, issues = answers(jma_weather_bulletin, put(real(name), word, "Control", "Status"))
    assert facts(drill) == [{**one, "status": status} for one in facts(meant)]
    assert issues == []


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [REAL, OLD[0]])
def test_a_withdrawal_names_the_scope_of_its_series(real: Callable[[str], bytes], name: str) -> None:
    (target,), _ = answers(jma_weather_bulletin, real(name))
    (taken,), issues = answers(
        jma_weather_bulletin, withdrawn(real(name), texts(real(name), "Head", "ReportDateTime")[0][:19])
    )
    assert (taken.msg_type, taken.scope, taken.bulletin_type, taken.source_event_id) == (
        "withdraw",
        target.scope,
        target.bulletin_type,
        target.source_event_id,
    )
    assert issues == []


@pytest.mark.parametrize("path", [RAIN, SEEN])
def test_a_withdrawal_of_nobody_knows_what_withdraws_nothing(path: Path) -> None:
    body = withdrawn(path.read_bytes(), "2026-11-05T10:20:00")
    nameless = put(put(body, "気象防災速報", "Head", "Title"), "", "Head", "EventID")
    with pytest.raises(ParseError) as caught:
        list(jma_weather_bulletin.parse(nameless))
    assert caught.value.code == "withdraw_without_area"


def test_a_telegram_without_an_event_is_a_series_of_its_own() -> None:
    (bulletin,), _ = answers(jma_weather_bulletin, put(RAIN.read_bytes(), "", "Head", "EventID"))
    assert bulletin.scope == "jma/weather_bulletin/VPBS50-140010-202611051009"
    assert len(bulletin.items) == 2


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (
            lambda b: without(
                without(b, "//*[local-name()='Information']"), "//*[local-name()='MeteorologicalInfos']"
            ),
            "no_area",
        ),
        (lambda b: put(b, "", "Control", "Status"), "unknown_status"),
        (lambda b: put(b, "2026-11-05T10:09", "Head", "ReportDateTime"), "bad_time"),
        (lambda b: put(b, "謎の電文", "Control", "Title"), "unknown_telegram"),
        (lambda b: b[:-200], "not_xml"),
    ],
)
def test_what_cannot_be_taken_as_it_is_meant_is_refused(spoil: Callable[[bytes], bytes], code: str) -> None:
    with pytest.raises(ParseError) as caught:
        list(jma_weather_bulletin.parse(spoil(RAIN.read_bytes())))
    assert caught.value.code == code


def test_a_tornado_telegram_whose_layers_were_renamed_is_refused(real: Callable[[str], bytes]) -> None:
    body = real(TORNADO).replace('<Warning type="竜巻注意情報（'.encode(), '<Warning type="竜巻情報（'.encode())
    with pytest.raises(ParseError) as caught:
        list(jma_weather_bulletin.parse(body))
    assert caught.value.code == "no_area"


def test_a_new_layer_and_a_new_element_are_reported(real: Callable[[str], bytes]) -> None:
    def novel(root: etree._Element) -> None:
        warning = next(root.iter(f"{BODY}Warning"))
        warning.set("type", "竜巻注意情報（町丁目等）")
        last = list(root.iter(f"{BODY}Item"))[-1]
        etree.SubElement(last, f"{BODY}Novelty").text = "1"

    _, issues = answers(jma_weather_bulletin, edited(real(TORNADO), novel))
    assert {(issue.code, issue.position) for issue in issues} == {
        ("unread", "Body/Warning/Item"),
        ("unread", "Body/Warning/Item/Novelty"),
    }


def test_a_new_list_of_the_headline_is_reported() -> None:
    def more(root: etree._Element) -> None:
        information = next(root.iter(f"{HEAD}Information"))
        other = copy.deepcopy(information)
        other.set("type", "新しい一覧")
        information.addnext(other)

    _, issues = answers(jma_weather_bulletin, edited(RAIN.read_bytes(), more))
    assert [(issue.code, issue.severity, issue.position) for issue in issues] == [("unread", "info", "新しい一覧")]


def test_the_feed_takes_what_the_parser_handles() -> None:
    feed = yaml.safe_load((PROJECT / "config/feeds/jma_weather_bulletin.yml").read_text(encoding="utf-8"))
    assert tuple(feed["source"]["types"]) == jma_weather_bulletin.HANDLES
