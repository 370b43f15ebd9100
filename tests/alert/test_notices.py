"""Situation notices: each for what it is for, and for nothing less."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bousai import catalogue
from bousai.alert import NOTICES, Entry, noticed
from bousai.model import AlertRule
from bousai.vocab.cap_level import cap_levels

RULES = catalogue.load(Path(__file__).resolve().parents[2] / "config").rules
AT = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
Feature = dict[str, Any]


def entries(name: str, now: list[Feature], before: list[Feature] | None = None) -> dict[str, tuple[Entry, ...]]:
    rule: AlertRule = RULES[name]
    layer = rule.layers[0]
    return noticed(rule, {layer: now}, {layer: now if before is None else before}, AT)


def test_every_function_has_a_rule_and_every_rule_a_function() -> None:
    assert {rule.entries for rule in RULES.values() if rule.type == "notice"} == set(NOTICES)


# --- a shelter in a tsunami zone ---------------------------------------------------------------------------------

TSUNAMI = {"kind": "tsunami_forecast", "grade": "warning"}
ZONE = {"hazard": "tsunami", "class_text": "3m以上5m未満", "depth_min_m": 3.0, "depth_max_m": 5.0}


def shelter(**other: Any) -> Feature:
    return {
        "id": "shelter/1",
        "muni_code": "17204",
        "name": "輪島小学校",
        "state": "open",
        "as_of": "2026-07-01T17:50:00+09:00",
        "hazards": {"tsunami": "inside"},
        "hazard_zones": [ZONE],
        "warnings": [TSUNAMI],
    } | other


@pytest.mark.parametrize("grade", ["warning", "major_warning"])
def test_a_shelter_that_is_open_in_a_tsunami_zone_is_noticed(grade: str) -> None:
    found = entries("shelter_in_tsunami_zone", [shelter(warnings=[TSUNAMI | {"grade": grade}])])
    (one,) = found["17204"]
    assert (one.item_id, one.level, one.munis) == ("shelter/1", "notice/shelter_in_tsunami_zone", ("17204",))
    assert one.area == "石川県輪島市 輪島小学校"
    assert "浸水想定 3m以上5m未満" in one.facts_ja
    assert "2026-07-01T17:50:00+09:00" in one.facts_ja
    assert ("LGCODE", "172049") in one.geocodes


@pytest.mark.parametrize(
    "other",
    [
        *({"state": state} for state in ("closed", "not_open", "unknown", "other", "no_statement")),
        *({"hazards": hazards} for hazards in ({"tsunami": "outside"}, {"tsunami": "not_covered"}, {}, None)),
        {"hazards": {"flood": "inside", "tsunami": "outside"}},
        *({"warnings": [TSUNAMI | {"grade": grade}]} for grade in ("advisory", "forecast", "cleared")),
        {"warnings": [{"kind": "weather_warning", "grade": "warning"}]},
        {"warnings": []},
        {"warnings": None},
    ],
    ids=str,
)
def test_a_shelter_that_is_closed_or_dry_or_not_warned_is_not(other: Feature) -> None:
    assert entries("shelter_in_tsunami_zone", [shelter(**other)]) == {}


def test_shelters_of_a_municipality_are_one_subject() -> None:
    second = shelter(id="shelter/2", hazard_zones=[], name=None)
    elsewhere = shelter(id="shelter/3", muni_code="17205")
    found = entries(
        "shelter_in_tsunami_zone", [shelter(), second, elsewhere, shelter(id="shelter/4", state="closed")]
    )
    told = {subject: [one.item_id for one in some] for subject, some in found.items()}
    assert told == {"17204": ["shelter/1", "shelter/2"], "17205": ["shelter/3"]}
    assert "津波浸水想定区域内" in found["17204"][1].facts_ja
    assert found["17204"][1].area == "石川県輪島市 shelter/2"


def test_a_zone_of_another_hazard_says_nothing_of_the_depth() -> None:
    flood = {"hazard": "flood", "class_text": "20m以上"}
    (one,) = entries("shelter_in_tsunami_zone", [shelter(hazard_zones=[flood, ZONE])])["17204"]
    assert "浸水想定 3m以上5m未満" in one.facts_ja
    assert "20m" not in one.facts_ja


# --- an order without a shelter ---------------------------------------------------------------------------------

ORDER = {"order": "evacuate", "order_text": "避難指示"}


def municipality(**other: Any) -> Feature:
    return {
        "id": "municipality/17204",
        "muni_code": "17204",
        "name": "輪島市",
        "orders": [ORDER],
        "shelters_open": None,
    } | other


def count(value: int | None, state: str = "reported") -> Feature:
    return {"value": value, "state": state}


@pytest.mark.parametrize("order", ["evacuate", "evacuate_urgent", "emergency_safety"])
def test_an_order_without_a_word_of_shelters_is_noticed(order: str) -> None:
    (one,) = entries("order_without_shelter", [municipality(orders=[{"order": order, "order_text": None}])])["17204"]
    assert one.area == "石川県輪島市"
    assert order in one.facts_ja
    assert "情報なし" in one.facts_ja
    assert "nothing is known" in one.facts_en


def test_that_none_is_open_and_that_none_is_known_are_told_apart() -> None:
    (unknown,) = entries("order_without_shelter", [municipality()])["17204"]
    (none,) = entries("order_without_shelter", [municipality(shelters_open=count(0))])["17204"]
    assert unknown.tells != none.tells
    assert "0か所との発表" in none.facts_ja
    assert "0か所" not in unknown.facts_ja


@pytest.mark.parametrize(
    "other",
    [
        {"shelters_open": count(1)},
        {"shelters_open": count(None, "under_investigation")},
        {"shelters_open": count(0, "under_investigation")},
        {"orders": []},
        {"orders": None},
        {"orders": [{"order": "elderly_evacuate", "order_text": "高齢者等避難"}]},
        {"orders": [{"order": None, "order_text": "避難指示"}]},
    ],
    ids=str,
)
def test_an_order_with_shelters_or_no_order_is_not(other: Feature) -> None:
    assert entries("order_without_shelter", [municipality(**other)]) == {}


# --- a count has jumped ------------------------------------------------------------------------------------------


def damage(**columns: Any) -> Feature:
    return {
        "id": "damage/17",
        "muni_code": "17204",
        "issuer": "石川県",
        "as_of": "2026-07-01T17:00:00+09:00",
    } | columns


@pytest.mark.parametrize(("last", "value"), [(0, 10), (9, 19), (10, 21), (4, 40)], ids=lambda number: str(number))
def test_a_count_that_has_more_than_doubled_by_ten_is_noticed(last: int, value: int) -> None:
    found = entries("count_jumped", [damage(dead=count(value))], [damage(dead=count(last))])
    (one,) = found["damage/17"]
    assert f"死者 {last}→{value}" in one.facts_ja
    assert f"dead {last} → {value}" in one.facts_en
    assert "石川県" in one.facts_ja
    assert one.issuer == "石川県"


@pytest.mark.parametrize(
    ("last", "value"),
    [
        (count(0), count(9)),  # too few
        (count(10), count(20)),  # doubled, not more
        (count(100), count(150)),  # less than doubled
        (count(30), count(3)),  # corrected downwards
        (count(30), count(30)),
        (None, count(50)),  # it was not counted before
        (count(None, "under_investigation"), count(50)),
        (count(5), None),
        (count(5), count(None, "unknown")),
    ],
    ids=str,
)
def test_a_count_that_is_small_or_falls_or_is_not_there_is_not(last: Feature | None, value: Feature | None) -> None:
    assert entries("count_jumped", [damage(dead=value)], [damage(dead=last)]) == {}


def test_a_report_that_was_not_there_before_is_not_a_jump() -> None:
    assert entries("count_jumped", [damage(dead=count(50))], []) == {}
    assert entries("count_jumped", [damage(dead=count(50))], [damage(id="damage/18", dead=count(1))]) == {}


def test_only_columns_that_the_rule_names_are_watched_and_all_of_those_that_jumped_are_told() -> None:
    now = damage(dead=count(12), missing=count(40), injured_severe=count(3), evacuees=count(5000))
    before = damage(dead=count(1), missing=count(2), injured_severe=count(2), evacuees=count(1))
    (one,) = entries("count_jumped", [now], [before])["damage/17"]
    assert one.tells == ("dead=12", "missing=40")
    assert entries("count_jumped", [damage(evacuees=count(5000))], [damage(evacuees=count(1))]) == {}


# --- a source is silent -------------------------------------------------------------------------------------------


def feed(**other: Any) -> Feature:
    return {
        "id": "jma_tsunami",
        "state": "dead",
        "reason": "応答なし 3時間",
        "title_ja": "気象庁 津波",
        "title_en": "JMA tsunami",
        "stale_layers": ["tsunami_forecast"],
    } | other


def test_a_source_of_warnings_that_does_not_answer_is_noticed() -> None:
    (one,) = entries("feed_dead", [feed()])["jma_tsunami"]
    assert one.area == "気象庁 津波"
    assert "tsunami_forecast" in one.facts_ja
    assert "応答なし 3時間" in one.facts_en
    assert (one.munis, one.places) == ((), ())


@pytest.mark.parametrize("state", ["ok", "quiet", "late", "held", "paused"])
def test_a_source_that_is_merely_late_is_not(state: str) -> None:
    assert entries("feed_dead", [feed(state=state)]) == {}


def test_a_source_that_no_warning_comes_from_is_not() -> None:
    assert entries("feed_dead", [feed(id="ksj_flood")]) == {}


def test_what_the_reason_says_does_not_make_the_news_new() -> None:
    first, later = (entries("feed_dead", [feed(reason=text)])["jma_tsunami"] for text in ("3時間", "4時間"))
    assert first[0].tells == later[0].tells


# --- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "now", "before"),
    [
        ("shelter_in_tsunami_zone", shelter(), None),
        ("order_without_shelter", municipality(), None),
        ("count_jumped", damage(dead=count(20)), damage(dead=count(1))),
        ("feed_dead", feed(), None),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_notice_has_the_grade_of_its_rule_and_says_that_it_is_one(
    name: str, now: Feature, before: Feature | None
) -> None:
    found = entries(name, [now], None if before is None else [before])
    (one,) = next(iter(found.values()))
    assert (one.level,) == RULES[name].grades
    assert "（状況通知）" in one.event_ja
    assert "(situation notice)" in one.event_en
    assert one.stated_level is None
    assert cap_levels()[one.level].level is None
    assert one.issued_at == AT


def test_the_deepest_zone_is_told() -> None:
    zones = [
        ZONE | {"class_text": "5.0m以上10.0m未満", "depth_min_m": 5.0, "depth_max_m": 10.0},
        ZONE | {"class_text": "20.0m以上", "depth_min_m": 20.0, "depth_max_m": None},
        ZONE | {"class_text": "10.0m以上20.0m未満", "depth_min_m": 10.0, "depth_max_m": 20.0},
    ]
    found = entries("shelter_in_tsunami_zone", [shelter() | {"hazard_zones": zones}])
    assert "20.0m以上" in next(iter(found.values()))[0].facts_ja
