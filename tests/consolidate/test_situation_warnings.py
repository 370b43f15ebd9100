"""Warnings, orders, intensities and tsunami warnings by municipality: the gravest is never hidden, nothing is
renamed.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate import situation_warnings as situation
from bousai.model import RevisionTable
from bousai.vocab import jma, warning
from tests.consolidate.statements import AT, stated, table

GRADES = ("advisory", "warning", "danger_warning", "emergency_warning")
KINDS = [kind for kind in warning.kinds() if kind.code_space == "jma_warning_r06" and kind.phenomenon]


def warned(muni: str, phenomenon: str, grade: str | None, /, part: str = "00", **more: Any) -> dict[str, Any]:
    props = {"phenomenon": phenomenon, "grade": grade, "level": None, "kind_name": f"{phenomenon} {grade}", **more}
    return stated(muni, f"{muni}{part}/{phenomenon}", area_name=f"{muni}{part}", _issuer="気象庁", **props)


def shown(*tables: RevisionTable) -> dict[str, list[dict[str, Any]]]:
    return situation.warnings_by_municipality({one.kind: one for one in tables})


def coast(code: str, grade: str) -> dict[str, Any]:
    name = jma.tsunami_coasts()[code]
    return stated(None, f"e/{code}", coast_code=code, coast_name=name, event_id="e", grade=grade, _issuer="気象庁")


# ── warnings ─────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(("01", "02", "03"))), min_size=1, max_size=12))
def test_the_gravest_of_each_hazard_is_shown_as_it_was_issued(said: list[tuple[warning.WarningKind, str]]) -> None:
    once = {(kind.phenomenon, part): kind for kind, part in said}
    rows = [
        warned("15202", str(kind.phenomenon), kind.grade, part, level=kind.level, kind_name=kind.name)
        for (_, part), kind in once.items()
    ]
    found = shown(table("weather_warning", rows))["15202"]
    assert {one["phenomenon"] for one in found} == {kind.phenomenon for kind in once.values()}
    order = [warning.severity(one["grade"]) for one in found]
    assert order == sorted(order, reverse=True)
    for one in found:
        same = [kind for kind in once.values() if kind.phenomenon == one["phenomenon"]]
        assert warning.severity(one["grade"]) == max(warning.severity(kind.grade) for kind in same)
        assert (one["kind_name"], one["level"], one["grade"]) in {(k.name, k.level, k.grade) for k in same}
        assert one["issuer"] == "気象庁"
        assert len(one["parts"]) == (len(same) if len(same) > 1 else 0)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [
        warned("15202", hazard, grade, part) for hazard in ("gale", "thunder") for grade in GRADES for part in "12"
    ]
    rows = [row | {"item_id": f"{n}"} for n, row in enumerate(rows)]
    first = shown(table("weather_warning", rows))
    for seed in range(5):
        mixed = random.Random(seed).sample(rows, len(rows))
        assert shown(table("weather_warning", mixed)) == first


def test_a_city_is_warned_with_its_wards_and_a_ward_with_its_city() -> None:
    found = shown(
        table("weather_warning", [warned("43100", "gale", "warning"), warned("43102", "thunder", "advisory")])
    )
    assert [(one["phenomenon"], one["stated_for"]) for one in found["43100"]] == [
        ("gale", "43100"),
        ("thunder", "43102"),
    ]
    assert [(one["phenomenon"], one["stated_for"]) for one in found["43101"]] == [("gale", "43100")]
    assert [one["phenomenon"] for one in found["43102"]] == ["gale", "thunder"]


def test_hazards_of_other_kinds_keep_their_names() -> None:
    found = shown(
        table("weather_warning", [warned("17202", "heavy_rain", "emergency_warning", level=5)]),
        table("landslide_warning", [stated("17202", level=4, kind_name="警戒", grade=None)]),
        table("river_flood", [stated("17202", "r", level=3, grade="warning", section_name="訓練川")]),
        table("volcanic_warning", [stated("17202", "v", grade="residential_warning", volcano_name="訓練山")]),
    )["17202"]
    told = [(one["phenomenon"], one["grade"], one["level"], one["of"]) for one in found]
    assert told == [
        ("heavy_rain", "emergency_warning", 5, None),
        ("volcano", "residential_warning", None, "訓練山"),
        ("landslide", None, 4, None),
        ("river_flood", "warning", 3, "訓練川"),
    ]


def flood(item_id: str, level: int, grade: str, /, muni: str | None = None, **own: Any) -> dict[str, Any]:
    kind = "section" if muni is None else "municipality"
    props = {"area_type": kind, "section_code": "1", "section_name": "訓練川", "level": level, "grade": grade}
    return stated(muni, item_id, kind_name=f"レベル{level}", area_name=muni, **props, **own)


def test_a_flood_that_has_risen_since_the_municipality_was_listed_is_shown() -> None:
    listed = flood("1/17202", 2, "advisory", muni="17202")
    risen = flood("1", 5, "emergency_warning")
    (one,) = shown(table("river_flood", [listed, risen]))["17202"]
    assert (one["grade"], one["level"], one["kind_name"], one["stated_for"]) == (
        "emergency_warning",
        5,
        "レベル5",
        "17202",
    )
    assert (one["listed"]["grade"], one["listed"]["level"]) == ("advisory", 2)
    (warned_of,) = situation.warned({"river_flood": table("river_flood", [listed, risen])})["17202"]
    assert [said.table.item_id[said.row] for said in (warned_of.said, *warned_of.beside)] == ["1", "1/17202"]
    for other in (flood("1", 2, "advisory"), flood("1", 1, "lifted"), flood("9", 5, "emergency_warning", _scope="x")):
        other["props"] = other["props"] if other["item_id"] == "1" else other["props"].replace('"1"', '"9"')
        (one,) = shown(table("river_flood", [listed, other]))["17202"]
        assert (one["grade"], one["listed"]) == ("advisory", None)


def test_a_calm_volcano_is_no_warning() -> None:
    assert (
        shown(table("volcanic_warning", [stated("17202", grade="forecast"), stated("17204", grade="lifted")])) == {}
    )


# ── tsunami ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_coast_warns_who_lies_on_it_and_says_where_that_is_not_known() -> None:
    now = {"tsunami_forecast": table("tsunami_forecast", [coast("360", "major_warning"), coast("201", "warning")])}
    found = situation.tsunamis(now)
    assert {(one.shown["grade"], one.shown["match"]) for one in found["17204"]} == {("major_warning", "municipality")}
    assert {(one.shown["grade"], one.shown["match"]) for one in found["02203"]} == {("warning", "prefecture")}
    assert {code[:2] for code in found} == {"02", "17"}
    assert "17407" not in found
    assert "17201" not in found
    warnings = situation.warnings_by_municipality(now)
    assert [(one["phenomenon"], one["grade"], one["match"]) for one in warnings["17204"]] == [
        ("tsunami", "major_warning", "municipality")
    ]


def test_a_forecast_of_slight_changes_is_shown_and_warns_nobody() -> None:
    now = {"tsunami_forecast": table("tsunami_forecast", [coast("360", "forecast"), coast("361", "cleared")])}
    assert {one.shown["grade"] for found in situation.tsunamis(now).values() for one in found} == {"forecast"}
    assert situation.warnings_by_municipality(now) == {}


def test_a_tsunami_warning_stands_before_a_dry_air_advisory() -> None:
    now = {
        "tsunami_forecast": table("tsunami_forecast", [coast("201", "warning")]),
        "weather_warning": table("weather_warning", [warned("02203", "dry_air", "advisory")]),
    }
    assert [one["phenomenon"] for one in situation.warnings_by_municipality(now)["02203"]] == ["tsunami", "dry_air"]


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_orders_stand_by_themselves_the_gravest_first() -> None:
    later = (AT + timedelta(hours=1)).isoformat()
    earlier = (AT - timedelta(hours=1)).isoformat()
    rows = [
        stated("43213", "a", order="elderly_evacuate", level=3, district_name="東部"),
        stated("43213", "b", order="evacuate", level=4, district_name="西部", lifted_at=later),
        stated("43213", "c", order="emergency_safety", level=5, district_name="北部", lifted_at=earlier),
    ]
    summary = stated("43213", "d", order_level=4, order_text="避難指示", order_people=12)
    found = situation.orders_by_municipality(
        {
            "evacuation_order": table("evacuation_order", rows),
            "evacuation_summary": table("evacuation_summary", [summary]),
        }
    )
    told = [(one["basis"], one["level"], one["order"], one["district_name"]) for one in found["43213"]]
    assert told == [
        ("order", 4, "evacuate", "西部"),
        ("summary", 4, None, None),
        ("order", 3, "elderly_evacuate", "東部"),
    ]


def test_a_warning_of_the_agency_makes_no_order() -> None:
    now = {"weather_warning": table("weather_warning", [warned("43213", "heavy_rain", "emergency_warning", level=5)])}
    assert situation.orders_by_municipality(now) == {}


# ── intensity ────────────────────────────────────────────────────────────────────────────────────────────────


def felt(muni: str, event: str, intensity: str | None, /, hours_ago: float = 1, **more: Any) -> dict[str, Any]:
    props = {"event_id": event, "intensity": intensity, "area_name": muni, "area_code": f"{muni}00", **more}
    return stated(muni, f"{event}/{muni}00", hours_ago, _issuer="気象庁", **props)


@given(st.lists(st.sampled_from(("1", "4", "5-", "!5-", "5+", "6-", "6+", "7")), min_size=1, unique=True))
def test_the_strongest_shaking_is_first(said: list[str]) -> None:
    rows = [felt("17384", f"e{n}", intensity) for n, intensity in enumerate(said)]
    found = situation.intensities({"seismic_intensity": table("seismic_intensity", rows)}, AT)["17384"]
    ranks = [one.shown["intensity_rank"] for one in found]
    assert ranks == sorted(ranks, reverse=True)
    assert {one.shown["intensity"] for one in found} == set(said)
    if "!5-" in said and "5-" in said:
        order = [one.shown["intensity"] for one in found]
        assert order.index("!5-") < order.index("5-")


@pytest.mark.parametrize(("hours", "there"), [(1, True), (24 * 7, True), (24 * 7 + 1, False)])
def test_an_earthquake_counts_for_seven_days_after_the_newest_statement(hours: float, there: bool) -> None:
    now = {"seismic_intensity": table("seismic_intensity", [felt("17384", "e", "7", hours)])}
    assert bool(situation.intensities(now, AT)) == there


def test_a_later_statement_on_another_place_keeps_the_earthquake() -> None:
    rows = [felt("17384", "e", "7", 24 * 9), felt("17202", "e", "6+", 24)]
    assert set(situation.intensities({"seismic_intensity": table("seismic_intensity", rows)}, AT)) == {
        "17384",
        "17202",
    }


def test_two_statements_on_one_earthquake_and_place_are_one() -> None:
    rows = [felt("17384", "e", "6+", 3), felt("17384", "e", "7", 2), felt("17384", "e", None, 1, lpgm_class="4")]
    (one,) = situation.intensities({"seismic_intensity": table("seismic_intensity", rows)}, AT)["17384"]
    assert one.shown["intensity"] == "7"
