"""What was issued is passed on: names, issuer, grade and level as they are, and nothing that is no grade."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bousai import catalogue
from bousai.alert import RELAYS, Cause, Entry, Situation, composed, next_step, relayed
from bousai.alert.relays import Relayed
from bousai.formats import cap_xml
from bousai.model import Alert, RevisionTable
from bousai.vocab.cap_level import cap_levels
from bousai.vocab.tsunami_coast import municipalities_of

RULES = catalogue.load(Path(__file__).resolve().parents[2] / "config").rules
AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
CAUSE = Cause("cap@example.jp", "試験", "https://example.jp")
Props = Mapping[str, Any]


def table(kind: str, *some: Props, munis: tuple[str | None, ...] = (), issuer: str = "気象庁") -> RevisionTable:
    """Items as they are stored; each was issued a minute after the one before."""
    n = len(some)
    return RevisionTable(
        kind,
        "actual",
        AT,
        AT,
        revision=range(1, n + 1),
        item_id=[f"{kind}/{i}" for i in range(n)],
        scope=[kind] * n,
        muni_code=munis or [None] * n,
        props=[json.dumps(one) for one in some],
        geometry=[None] * n,
        source=["feed"] * n,
        issuer=[issuer] * n,
        issued_at=[AT + timedelta(minutes=i) for i in range(n)],
        recorded_at=[AT] * n,
        bulletin_type=["X"] * n,
        serial=[None] * n,
    )


def of(rule: str, **tables: RevisionTable) -> Relayed:
    every = {kind: table(kind) for kind in RULES[rule].kinds} | tables
    return relayed(RULES[rule], every)


def alert(rule: str, found: Relayed) -> Alert:
    """The first message that tells of it."""
    now = Situation(
        rule,
        "s",
        "actual",
        found.entries,
        AT,
        1,
        AT,
        AT,
        issuer="気象庁",
        context_ja=found.context_ja,
        context_en=found.context_en,
    )
    step = next_step(RULES[rule], None, now, AT)
    assert step is not None
    made, _ = composed(RULES[rule], step, now, (), CAUSE, AT, lambda _: None)
    assert cap_xml.faults(cap_xml.write(made)) == []
    return made


def levels(found: Relayed) -> list[str]:
    return [entry.level for entry in found.entries]


def test_every_function_has_a_rule_and_every_rule_a_function() -> None:
    assert {rule.entries for rule in RULES.values() if rule.type == "relay"} == set(RELAYS)


# --- tsunami ------------------------------------------------------------------------------------------------------

COAST = {
    "coast_code": "360",
    "coast_name": "石川県能登",
    "grade": "major_warning",
    "max_height_text": "５ｍ",
    "max_height_m": 5,
    "max_height_bound": None,
    "max_height_condition": None,
    "first_wave_condition": None,
    "first_wave_at": "2026-07-01T18:20:00+09:00",
}


@pytest.mark.parametrize("grade", ["major_warning", "warning", "advisory"])
def test_a_coast_is_told_as_issued(grade: str) -> None:
    (one,) = of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST | {"grade": grade})).entries
    assert (one.item_id, one.level, one.area, one.issuer) == (
        "tsunami_forecast/0",
        f"tsunami/{grade}",
        "石川県能登",
        "気象庁",
    )
    assert one.facts_ja == "予想される高さ ５ｍ、到達予想 18:20"
    assert one.facts_en == "expected height 5 m, expected at 18:20"
    assert one.onset == datetime(2026, 7, 1, 9, 20, tzinfo=UTC)
    assert set(one.munis) == set(municipalities_of("360"))
    assert ("JMA:AreaTsunami", "360") in one.geocodes
    assert one.stated_level is None


@pytest.mark.parametrize("grade", ["forecast", "cleared", "none", "huge", None])
def test_what_is_no_warning_of_a_tsunami_is_not_told(grade: str | None) -> None:
    found = of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST, COAST | {"grade": grade}))
    assert levels(found) == ["tsunami/major_warning"]
    assert of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST | {"grade": grade})) == Relayed(())


@pytest.mark.parametrize(
    ("height", "ja", "en"),
    [
        ({"max_height_text": "巨大", "max_height_m": None}, "巨大", "huge (巨大)"),
        ({"max_height_text": "高い", "max_height_m": None}, "高い", "high (高い)"),
        ({"max_height_text": "１０ｍ超", "max_height_m": 10, "max_height_bound": "over"}, "１０ｍ超", "over 10 m"),
        (
            {"max_height_text": "１ｍ以上", "max_height_m": 1, "max_height_bound": "at_least"},
            "１ｍ以上",
            "at least 1 m",
        ),
        ({"max_height_text": None, "max_height_m": None, "max_height_condition": "不明"}, "不明", "unknown"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_height_is_as_it_is_worded(height: Props, ja: str, en: str) -> None:
    (one,) = of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST | height)).entries
    assert f"予想される高さ {ja}、" in one.facts_ja
    assert f"expected height {en}, " in one.facts_en


@pytest.mark.parametrize(
    "news",
    [
        {"max_height_text": "１０ｍ超"},
        {"first_wave_at": "2026-07-01T18:30:00+09:00"},
        {"first_wave_condition": "津波到達中と推測"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_height_and_arrival_are_news(news: Props) -> None:
    (old,) = of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST)).entries
    (new,) = of("tsunami", tsunami_forecast=table("tsunami_forecast", COAST | news)).entries
    assert old.tells != new.tells
    (same,) = of(
        "tsunami", tsunami_forecast=table("tsunami_forecast", COAST | {"max_height_revised": "更新"})
    ).entries
    assert old.tells == same.tells


# --- weather ------------------------------------------------------------------------------------------------------

RAIN = {
    "area_code": "1720400",
    "area_name": "輪島市",
    "phenomenon": "heavy_rain",
    "kind_code": "03",
    "kind_name": "レベル３大雨警報",
    "level": 3,
    "grade": "warning",
    "condition": "浸水害",
}
GALE = RAIN | {"phenomenon": "gale", "kind_code": "05", "kind_name": "暴風警報", "level": None, "condition": None}


def weather(*some: Props) -> Relayed:
    munis = ("17204",) * len(some)
    return of("weather_warning", weather_warning=table("weather_warning", *some, munis=munis))


@pytest.mark.parametrize(
    ("grade", "level"), [("advisory", 2), ("warning", 3), ("danger_warning", 4), ("emergency_warning", 5)]
)
def test_a_warning_with_a_level_keeps_name_grade_and_level(grade: str, level: int) -> None:
    (one,) = weather(RAIN | {"grade": grade, "level": level, "kind_name": "名前"}).entries
    assert (one.level, one.stated_level, one.event_ja, one.issuer) == (f"jma/{grade}", level, "名前", "気象庁")
    assert cap_levels()[one.level].level == level
    assert f"(level {level})" in one.event_en
    assert (one.munis, one.places) == (("17204",), ("17204",))
    assert one.geocodes == (("JMA:AreaInformationCity", "1720400"), ("JISX0402", "17204"), ("LGCODE", "172049"))


@pytest.mark.parametrize("grade", ["advisory", "warning", "emergency_warning"])
def test_a_warning_without_a_level_gets_none(grade: str) -> None:
    (one,) = weather(GALE | {"grade": grade}).entries
    assert (one.level, one.stated_level) == (f"jma_event/{grade}", None)
    assert cap_levels()[one.level].level is None
    assert "level" not in one.event_en


@pytest.mark.parametrize(
    "other", [{"grade": None}, {"grade": "watch"}, {"level": None, "grade": "danger_warning"}], ids=str
)
def test_a_grade_that_nobody_knows_is_not_told(other: Props) -> None:
    assert weather(RAIN | other) == Relayed(())


@pytest.mark.parametrize(("kind", "stated"), [(RAIN, ["3"]), (GALE, [])], ids=["level", "no level"])
def test_the_message_has_the_level_that_the_issuer_states_and_no_other(kind: Props, stated: list[str]) -> None:
    made = alert("weather_warning", weather(kind))
    for info in made.infos:
        assert [value for name, value in info.parameters if name == "JP:警戒レベル"] == stated
    body = cap_xml.write(made).decode()
    assert ("JP:警戒レベル" in body) == bool(stated)


def test_a_level_of_one_warning_is_not_given_to_another() -> None:
    made = alert("weather_warning", weather(RAIN, GALE))
    stated = {
        info.event: dict(info.parameters).get("JP:警戒レベル") for info in made.infos if info.language == "ja-JP"
    }
    assert stated == {"レベル３大雨警報": "3", "暴風警報": None}


def test_the_term_is_that_of_the_phenomenon_or_of_the_rule() -> None:
    made = alert("weather_warning", weather(RAIN, GALE, GALE | {"phenomenon": "high_wave", "kind_name": "波浪警報"}))
    codes = {info.event: info.event_codes for info in made.infos if info.language == "ja-JP"}
    assert codes == {
        "レベル３大雨警報": (("OET:v1.2", "OET-159"),),
        "暴風警報": (("OET:v1.2", "OET-218"),),
        "波浪警報": (("OET:v1.2", "OET-000"),),
    }


def test_landslide_information_is_of_level_4() -> None:
    props = {"area_code": "1720400", "area_name": "輪島市", "kind_code": "3", "kind_name": "警戒", "level": 4}
    found = of("landslide_warning", landslide_warning=table("landslide_warning", props, munis=("17204",)))
    (one,) = found.entries
    assert (one.level, one.stated_level, one.event_ja) == ("jma/danger_warning", 4, "警戒")
    lifted = props | {"kind_code": "1", "kind_name": "解除", "level": None}
    assert of("landslide_warning", landslide_warning=table("landslide_warning", lifted)) == Relayed(())


# --- floods -------------------------------------------------------------------------------------------------------

SECTION = {
    "area_type": "section",
    "section_code": "840402000100",
    "section_name": "千曲川",
    "river_name": "千曲川",
    "kind_code": "40",
    "kind_name": "千曲川氾濫危険情報",
    "level": 4,
    "grade": "danger_warning",
    "headline": "避難が必要な水位",
}
LISTED = SECTION | {"area_type": "municipality", "area_code": "2020100", "area_name": "長野市"}


def flood(*some: Props, munis: tuple[str | None, ...] = ()) -> Relayed:
    return of("river_flood", river_flood=table("river_flood", *some, munis=munis, issuer="長野地方気象台"))


def test_a_section_is_told_for_the_municipalities_that_it_names() -> None:
    (one,) = flood(SECTION, LISTED, LISTED, munis=(None, "20201", "20206")).entries
    assert (one.level, one.stated_level, one.issuer) == ("jma/danger_warning", 4, "長野地方気象台")
    assert (one.event_ja, one.area, one.facts_ja) == ("千曲川氾濫危険情報", "千曲川", "避難が必要な水位")
    assert one.munis == one.places == ("20201", "20206")
    assert ("JMA:FloodForecastArea", "840402000100") in one.geocodes


@pytest.mark.parametrize("other", [{"kind_code": "10"}, {"grade": None}, {"grade": "lifted"}], ids=str)
def test_a_flood_that_is_lifted_or_of_no_grade_is_not_told(other: Props) -> None:
    assert flood(SECTION | other) == Relayed(())


def test_that_a_flood_warning_continues_is_no_news() -> None:
    (issued,) = flood(SECTION).entries
    (continued,) = flood(SECTION | {"kind_code": "41", "headline": "なお"}).entries
    (raised,) = flood(SECTION | {"grade": "emergency_warning", "level": 5, "kind_code": "51"}).entries
    assert issued.tells == continued.tells != raised.tells


# --- volcanoes ----------------------------------------------------------------------------------------------------

VOLCANO = {
    "volcano_code": "506",
    "volcano_name": "桜島",
    "area_level": "volcano",
    "kind_code": "13",
    "kind_name": "レベル３（入山規制）",
    "grade": "crater_warning",
    "headline": "＜噴火警戒レベル３\n（入山規制）が継続＞",
}


def volcano(*some: Props, munis: tuple[str | None, ...] = ()) -> Relayed:
    return of("volcano", volcanic_warning=table("volcanic_warning", *some, munis=munis))


@pytest.mark.parametrize("code", ["12", "13", "14", "15", "22", "23", "24", "25", "36"])
def test_a_volcano_is_told_for_the_municipalities_that_are_named(code: str) -> None:
    place = VOLCANO | {"area_level": "municipality"}
    (one,) = volcano(VOLCANO | {"kind_code": code}, place, munis=(None, "46201")).entries
    assert (one.level, one.area, one.issuer) == (f"volcano/{code}", "桜島", "気象庁")
    assert one.event_ja == "噴火警報（レベル３（入山規制））"
    assert one.event_en.isascii()
    assert "crater_warning" not in one.event_en
    assert one.munis == ("46201",)
    assert "\n" not in one.facts_ja
    assert one.stated_level is None  # of a volcano it is no 警戒レベル


@pytest.mark.parametrize("code", ["11", "21", "00", "", "9"])
def test_a_volcano_at_rest_is_not_told(code: str) -> None:
    assert volcano(VOLCANO | {"kind_code": code}) == Relayed(())


# --- earthquakes --------------------------------------------------------------------------------------------------


def shaken(intensity: str | None, level: str = "city", name: str = "輪島市") -> Props:
    return {"area_code": "1720400", "area_name": name, "area_level": level, "intensity": intensity}


QUAKE = {
    "origin_time": "2026-07-01T16:10:00+09:00",
    "hypocentre_name": "石川県能登地方",
    "magnitude": 7.6,
    "magnitude_text": "Ｍ７．６",
    "depth_km": 0,
    "tsunami_comment": "津波警報等を発表中です。",
}


def quake(*some: Props, facts: tuple[Props, ...] = (), munis: tuple[str | None, ...] = ()) -> Relayed:
    return of(
        "earthquake",
        seismic_intensity=table("seismic_intensity", *some, munis=munis),
        earthquake=table("earthquake", *facts),
    )


@pytest.mark.parametrize("intensity", ["7", "6+", "6-", "5+", "5-", "!5-"])
def test_an_intensity_of_5_lower_or_more_is_told(intensity: str) -> None:
    (one,) = quake(shaken(intensity), munis=("17204",)).entries
    assert (one.level, one.area, one.munis, one.issuer) == (
        f"earthquake/{intensity}",
        "輪島市",
        ("17204",),
        "気象庁",
    )
    assert one.event_ja == cap_levels()[one.level].event_ja
    assert one.stated_level is None


@pytest.mark.parametrize("intensity", ["4", "3", "0", "8", "", None])
def test_a_lesser_or_unknown_intensity_is_not(intensity: str | None) -> None:
    assert quake(shaken(intensity), facts=(QUAKE,)) == Relayed(())
    assert levels(quake(shaken(intensity), shaken("5-"))) == ["earthquake/5-"]


def test_the_finest_areas_that_are_known_are_told() -> None:
    region, prefecture = shaken("6+", "region", "石川県能登"), shaken("6+", "pref", "石川県")
    assert [one.area for one in quake(prefecture, region, shaken("5-")).entries] == ["輪島市"]
    assert [one.area for one in quake(prefecture, region, shaken("4")).entries] == ["石川県能登"]
    assert [one.area for one in quake(prefecture).entries] == ["石川県"]


def test_what_is_known_of_the_hypocentre_is_told_once() -> None:
    found = quake(shaken("7"), shaken("6-", name="珠洲市"), facts=(QUAKE,))
    assert found.context_ja == (
        "震源地 石川県能登地方、Ｍ７．６、深さ ごく浅い、発生 16:10",
        "津波警報等を発表中です。",
    )
    assert found.context_en == ("epicentre 石川県能登地方, M 7.6, very shallow, at 16:10",)
    assert all(one.onset == datetime(2026, 7, 1, 7, 10, tzinfo=UTC) for one in found.entries)
    described = [info.description for info in alert("earthquake", found).infos if info.language == "ja-JP"]
    assert all(text.count("震源地 石川県能登地方") == 1 for text in described)


def test_a_later_telegram_that_leaves_something_out_does_not_take_it_back() -> None:
    later = dict.fromkeys(QUAKE) | {"magnitude": 7.5, "magnitude_text": "Ｍ７．５"}
    found = quake(shaken("7"), facts=(QUAKE, later))
    assert found.context_ja[0] == "震源地 石川県能登地方、Ｍ７．５、深さ ごく浅い、発生 16:10"


def test_without_a_hypocentre_nothing_is_said_of_it() -> None:
    found = quake(shaken("7"), facts=({"magnitude": 7.6, "depth_km": 10},))
    assert (found.context_ja, found.context_en) == ((), ())
    assert alert("earthquake", found).infos[0].onset is None


# --- evacuation ---------------------------------------------------------------------------------------------------

ORDER = {
    "order": "evacuate",
    "order_text": "避難指示",
    "level": 4,
    "hazard": "土砂災害",
    "district_name": "河井町",
    "people": {"value": 120, "state": "reported"},
    "ordered_at": "2026-07-01T17:40:00+09:00",
    "area_name": "輪島市",
}


def ordered(*some: Props) -> Relayed:
    munis = ("17204",) * len(some)
    return of(
        "evacuation_order", evacuation_order=table("evacuation_order", *some, munis=munis, issuer="石川県輪島市")
    )


def test_an_order_is_told_as_the_municipality_gave_it() -> None:
    (one,) = ordered(ORDER).entries
    assert (one.level, one.stated_level, one.event_ja, one.issuer) == (
        "evacuation/evacuate",
        4,
        "避難指示",
        "石川県輪島市",
    )
    assert one.area == "輪島市 河井町"
    assert one.facts_ja == "対象災害 土砂災害、対象 120人、発令 17:40"
    assert one.onset == datetime(2026, 7, 1, 8, 40, tzinfo=UTC)
    assert one.munis == ("17204",)


@pytest.mark.parametrize("name", RULES["evacuation_order"].grades)
def test_every_kind_of_order_keeps_its_level_even_where_there_is_none(name: str) -> None:
    order = name.partition("/")[2]
    (one,) = ordered(ORDER | {"order": order, "level": None, "order_text": None}).entries
    assert (one.level, one.stated_level) == (name, None)
    assert one.event_ja == cap_levels()[name].event_ja


@pytest.mark.parametrize("order", ["lifted", "none", "voluntary", None])
def test_what_is_no_order_is_not_told(order: str | None) -> None:
    assert ordered(ORDER | {"order": order}) == Relayed(())


def test_an_order_of_a_whole_municipality_at_an_unknown_time() -> None:
    bare = ORDER | {"district_name": None, "people": None, "ordered_at": None, "hazard": None}
    (one,) = ordered(bare).entries
    assert (one.area, one.facts_ja, one.facts_en, one.onset) == ("輪島市", "", "", None)
    (gone,) = ordered(bare | {"people": {"value": None, "state": "unknown"}}).entries
    assert "人" not in gone.facts_ja


def test_a_grade_outside_the_rule_gives_nothing() -> None:
    rule = RULES["landslide_warning"]
    props = RAIN | {"grade": "warning"}
    assert relayed(rule, {"landslide_warning": table("landslide_warning", props)}) == Relayed(())


@pytest.mark.parametrize(
    ("rule", "kind", "props"),
    [
        ("tsunami", "tsunami_forecast", COAST),
        ("weather_warning", "weather_warning", RAIN),
        ("river_flood", "river_flood", SECTION),
        ("volcano", "volcanic_warning", VOLCANO),
        ("earthquake", "seismic_intensity", shaken("7")),
        ("evacuation_order", "evacuation_order", ORDER),
    ],
)
def test_issuer_time_and_revision_are_those_of_each_item(rule: str, kind: str, props: Props) -> None:
    found: tuple[Entry, ...] = of(rule, **{kind: table(kind, props, props, issuer="発表者")}).entries
    assert [one.issuer for one in found] == ["発表者", "発表者"]
    assert [one.issued_at for one in found] == [AT, AT + timedelta(minutes=1)]
    assert [one.revisions for one in found] == [(1,), (2,)]
    assert [one.item_id for one in found] == [f"{kind}/0", f"{kind}/1"]
    assert alert(rule, Relayed(found)).infos
