"""The definitions of the figures: leads, peaks, outages, falls, availability, the two clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import shapely

from bousai.model import Claim, Receipt
from bousai.report import compose, damage, empty_words, lag, moments, orders, outages, read_words, readings, shelters
from bousai.report.cited import Citations
from bousai.report.document import Block, Map, Table
from bousai.report.evidence import Evidence
from bousai.report.observed import said
from bousai.vocab.tsunami_coast import coasts_of

from .making import BEGAN, after, claim, evidence, number, telling


def test_a_lead_may_be_negative_and_no_order_is_not_zero() -> None:
    warned = [
        claim("weather_warning", m, telling(n, after(hours=1)), muni=m, level=4, phenomenon="landslide")
        for n, m in enumerate(("14201", "14203", "14204"), start=1)
    ]
    ordered = [
        claim(
            "evacuation_order", "a", telling(7, after(minutes=50)), muni="14201", order="evacuate", hazard="土砂災害"
        ),
        claim("evacuation_order", "b", telling(8, after(minutes=80)), muni="14203", order="evacuate"),
        claim("evacuation_order", "c", telling(9, after(minutes=80)), muni="14204", order="evacuate", hazard="洪水"),
    ]
    claims = [*warned, *ordered]
    found = orders.leads(orders.orders(claims), orders.warnings(claims), 4)
    assert [(one.muni, one.seconds) for one in found] == [("14201", -600), ("14203", 1200), ("14204", None)]
    assert orders.told_middle([-600, 1200], 3) == "中央値 5分（n=2/3、打ち切り1）"


def test_an_interval_is_given_from_ten_values_on() -> None:
    assert orders.middle([1.0] * 9) == (1.0, None)
    found = orders.middle([float(n) for n in range(10)])
    assert found is not None
    assert found[0] == 4.5
    assert found[1] is not None
    assert found[1][0] < 4.5 < found[1][1]
    assert found == orders.middle([float(n) for n in range(10)])
    assert orders.middle([]) is None


def _people(item: str, n: int, hours: float, value: int) -> object:
    return claim("shelter_status", item, telling(n, after(hours=hours)), state="open", evacuees=number(value))


def test_the_peak_takes_no_count_older_than_three_hours() -> None:
    claims = [_people("a", 1, 1, 100), _people("b", 2, 2, 50), _people("b", 3, 6, 120)]
    found = shelters.peak(said(claims, "shelter_status"))  # type: ignore[arg-type]
    assert found is not None
    assert (found.total, found.at, found.carried) == (150, after(hours=2), 1)


def test_the_area_under_an_outage_and_when_it_was_restored() -> None:
    course = [(0, 1000), (2, 600), (4, 90), (10, 0)]
    claims = [
        claim("lifeline_outage", "p", telling(n, after(hours=hours)), utility="power", affected=number(value))
        for n, (hours, value) in enumerate(course, start=1)
    ]
    found = outages.outage(said(claims, "lifeline_outage"))
    assert found is not None
    assert found.house_hours == pytest.approx(1600 + 690 + 270)
    assert found.restored == (after(hours=4), after(hours=4), after(hours=10))


def test_what_went_out_again_was_not_restored_before() -> None:
    counts = (100, 0, 80, 0)
    claims = [
        claim("lifeline_outage", "a", telling(n, after(hours=n)), utility="power", affected=number(count))
        for n, count in enumerate(counts)
    ]
    found = outages.outage(said(claims, "lifeline_outage"))
    assert found is not None
    assert found.restored == (after(hours=3),) * 3


def test_reports_are_complete_by_kind_of_damage_and_a_ward_is_part_of_its_city() -> None:
    claims = [
        claim("damage_count", "c", telling(1, after(hours=1)), muni="14100", dead=number(1)),
        claim("damage_count", "w", telling(1, after(hours=1)), muni="14101", dead=number(1)),
        claim("damage_count", "b", telling(2, after(hours=2)), muni="14201", dead=number(0)),
        claim("damage_count", "b", telling(3, after(hours=3)), muni="14201", house_destroyed=number(2)),
    ]
    made = compose(evidence(*claims), read_words(empty_words(evidence().incident), "x"))
    (table,) = (one for one in made.tables() if one.id == "completeness-table")
    assert [["".join(run.text for run in one) for one in row] for row in table.rows] == [
        ["11/5 11:00", "1／1", "100%", "0／1", "0%"],
        ["11/5 12:00", "1／1", "100%", "0／1", "0%"],
        ["11/5 13:00", "1／1", "100%", "1／1", "100%"],
    ]
    (first,) = (one for one in made.tables() if one.id == "lag-first-table")
    assert [row[0][0].text for row in first.rows] == ["横浜市", "横浜市鶴見区", "横須賀市", "中央値", "90％"]
    # of the dead the first figures of 横浜市 and 横須賀市, not that of the ward
    assert first.rows[3][2][0].text == "1時間30分（n=2）"


def test_a_fall_that_the_rest_of_its_group_makes_up_for_may_be_another_class() -> None:
    first = claim(
        "damage_count", "a", telling(1, after(hours=1)), house_half_destroyed=number(5), house_destroyed=number(0)
    )
    second = claim(
        "damage_count", "a", telling(2, after(hours=2)), house_half_destroyed=number(3), house_destroyed=number(2)
    )
    third = claim(
        "damage_count", "a", telling(3, after(hours=3)), house_half_destroyed=number(3), house_destroyed=number(1)
    )
    found = damage.falls(said([first, second, third], "damage_count"))
    assert [(one.item, one.was, one.now, one.moved) for one in found] == [
        ("house_half_destroyed", 5, 3, True),
        ("house_destroyed", 2, 1, False),
    ]


def _explained(*reports: dict[str, Any]) -> list[str]:
    claims = [
        claim("damage_count", "a", telling(n, after(hours=n)), **counts) for n, counts in enumerate(reports, start=1)
    ]
    made = compose(evidence(*claims), read_words(empty_words(evidence().incident), "x"))
    (table,) = (one for one in made.tables() if one.id.endswith("-falls"))
    return ["".join(run.text for run in row[-1]) for row in table.rows]


def test_a_fall_is_explained_as_far_as_the_numbers_go_and_no_further() -> None:
    unknown = {"value": None, "state": "unknown", "qualifier": "exact", "text": "不明"}
    same = {"injured_severe": number(0), "casualty_unclassified": number(3)}
    assert _explained(same, {"injured_severe": number(3), "casualty_unclassified": number(0)}) == [
        "群の合計は変わらず、区分の付け替えと合う（重傷 +3）。"
    ]
    # what was 不明 may have been anything: no 0, and no sum
    assert _explained(
        {"cardiac_arrest": number(2), "injured_severe": unknown, "dead": number(0)},
        {"cardiac_arrest": number(0), "injured_severe": number(2), "dead": number(0)},
    ) == [
        "他の区分が増えている（重傷 新たに2）が、前後どちらかの報で数のない区分がある。"
        "付け替えか下方修正かは出典から分からない。"
    ]
    assert _explained(
        {"unaccounted": number(8), "dead": number(8)}, {"unaccounted": number(4), "dead": number(19)}
    ) == ["安否が確かめられると減る数。同じ報で増えた区分: 死者 +11。"]
    assert _explained({"dead": number(2)}, {"dead": number(1), "note": "重複のため"}) == [
        "下方修正。群の合計は 2→1。 備考「重複のため」"
    ]


def test_a_number_falls_against_the_last_one_whatever_lies_between() -> None:
    claims = [
        claim("damage_count", "a", telling(1, after(hours=1)), dead=number(5)),
        claim("damage_count", "a", telling(2, after(hours=2)), injured_severe=number(1)),
        claim("damage_count", "a", telling(3, after(hours=3)), dead=number(3)),
    ]
    (found,) = damage.falls(said(claims, "damage_count"))
    assert (found.was, found.now, found.before.at) == (5, 3, after(hours=1))


def test_a_count_has_settled_when_it_stays_near_its_last() -> None:
    times = [after(hours=n) for n in range(4)]
    assert damage.settled_at(times, [100, 50, 97, 100]) == times[2]
    assert damage.settled_at(times, [100, 100, 50, 100]) == times[3]
    assert damage.settled_at(times, [1, 1, 1, 0]) is None


def test_a_blank_is_no_first_figure() -> None:
    blank = {"value": None, "state": "investigating", "qualifier": "exact", "text": None}
    claims = [
        claim("damage_count", "a", telling(1, after(hours=1)), dead=blank),
        claim("damage_count", "a", telling(2, after(hours=5)), dead=number(0)),
    ]
    found = lag.first_figures(said(claims, "damage_count"), ("dead",))
    assert found["14201"].issued_at == after(hours=5)


def test_how_a_source_could_be_read() -> None:
    def receipt(minutes: float, outcome: str) -> Receipt:
        return Receipt("kunren", "u", after(minutes=minutes), 0.1, outcome)  # type: ignore[arg-type]

    some = [receipt(5, "new"), receipt(65, "error"), receipt(70, "error"), receipt(200, "not_modified")]
    found = readings.availability(some, BEGAN, after(hours=4), 60)
    assert found is not None
    assert (found.hours, found.answered, found.failed) == (4, 2, 2)
    assert (found.gap_from, found.gap_until) == (after(minutes=5), after(minutes=200))
    assert found.gaps == ((after(minutes=5), after(minutes=200)),)
    assert readings.availability([], BEGAN, after(hours=4), 60) is None


def test_true_then_is_not_known_then() -> None:
    late = telling(1, after(hours=1), recorded=after(hours=9))
    over = telling(2, after(hours=3), recorded=after(hours=10))
    order = claim("evacuation_order", "a", late, order="evacuate", until=after(hours=3), closed=over)
    at = after(hours=2)
    assert moments.held([order], at, after(days=1)) == [order]
    assert moments.held([order], at, at) == []
    # at nine it was known, and that it had ended was not
    assert moments.held([order], after(hours=4), after(hours=9)) == [order]
    assert moments.held([order], after(hours=4), after(hours=10)) == []
    chosen = moments.chosen(evidence().incident)
    assert chosen[:2] == (BEGAN + timedelta(hours=1), BEGAN + timedelta(hours=3))


def _maps(given: Evidence) -> list[Block]:
    """The maps at the moments of an exercise."""
    whole = [*given.before, *given.claims]
    states = [(at, moments.held(whole, at, given.known_at)) for at in moments.chosen(given.incident)]
    return moments._maps(given, states, Citations({}))


def test_a_map_has_a_panel_for_each_moment_at_which_orders_differ_and_a_table() -> None:
    square = shapely.to_wkb(shapely.box(139, 35, 139.1, 35.1))
    over = telling(2, after(hours=4))
    order = claim(
        "evacuation_order",
        "a",
        telling(1, after(minutes=30)),
        order="evacuate",
        order_text="避難指示",
        until=after(hours=4),
        closed=over,
    )
    made = evidence(order)
    drawn, told = _maps(replace(made, outlines={"14201": square, "14203": square}))
    assert isinstance(drawn, Map)
    assert isinstance(told, Table)
    assert [[area.shade for area in one.areas] for one in drawn.panels] == [[1, None], [None, None]]
    assert [one.title for one in drawn.panels] == ["2026-11-05 11:00 現在", "2026-11-05 16:00 現在"]
    assert (drawn.table, [[run.text for run in one] for one in told.rows[0]]) == (
        told.id,
        [["横須賀市"], ["避難指示"], []],
    )
    assert _maps(made) == []


def test_damage_is_drawn_by_the_newest_report_of_each_time_and_a_blank_is_no_zero() -> None:
    square = shapely.to_wkb(shapely.box(139, 35, 139.1, 35.1))

    def counted(muni: str, hours: int, **told: Any) -> Claim:
        said = telling(hours, after(hours=hours))
        return claim("damage_count", muni, said, muni=muni, area_level="municipality", **told)

    claims = [
        counted("14201", 2, house_destroyed=number(3), house_half_destroyed=number(9)),
        counted("14203", 2, dead=number(1)),
        counted("14201", 5, house_destroyed=number(3), house_half_destroyed=number(120)),
        counted("14203", 5, house_damaged=number(0)),
    ]
    made = replace(evidence(*claims), outlines={"14201": square, "14203": square, "14204": square})
    maps = [one for one in _maps(made) if isinstance(one, Map)]
    houses = next(one for one in maps if one.id.startswith("houses"))
    shades = [[None if a.shade is None else houses.classes[a.shade] for a in one.areas] for one in houses.panels]
    assert shades == [["10～99", None, None], ["100～999", "0と報告", None]]
    assert "2026-11-05 13:00は10～99 1市町村" in houses.alt


def test_a_city_that_has_wards_is_drawn_in_all_of_them_unless_a_ward_tells_its_own() -> None:
    square = shapely.to_wkb(shapely.box(139, 35, 139.1, 35.1))
    claims = [
        claim("damage_count", m, telling(n, after(hours=1)), muni=m, area_level="municipality", dead=number(count))
        for n, (m, count) in enumerate((("14100", 120), ("14101", 3)), start=1)
    ]
    made = replace(evidence(*claims), outlines={"14101": square, "14102": square, "14201": square})
    (drawn,) = (one for one in _maps(made) if isinstance(one, Map))
    assert [None if a.shade is None else drawn.classes[a.shade] for a in drawn.panels[0].areas] == [
        "1～9",
        "100～999",
        None,
    ]


def test_what_a_source_states_as_over_ends_its_course() -> None:
    first, again, back = (telling(n, after(hours=n)) for n in (1, 2, 3))
    claims = [
        claim("lifeline_outage", "a", first, utility="water", affected=number(3030)),
        claim("lifeline_outage", "a", again, utility="water", affected=number(3030)),
        claim("lifeline_outage", "a", back, utility="water", affected=number(0), retired=back),
        claim("lifeline_outage", "b", first, utility="water", affected=number(10)),
        claim("lifeline_outage", "b", back, utility="water", retired=back),
        # it came late: written, retired at once, and written anew with its end
        replace(claim("lifeline_outage", "c", first, utility="water", affected=number(7), retired=first), revision=1),
        replace(claim("lifeline_outage", "c", first, utility="water", affected=number(7)), revision=2),
    ]
    rows = said(claims, "lifeline_outage", ends=True)
    courses = {}
    for item in "abc":
        found = outages.outage([row for row in rows if row.claim.item_id == item])
        assert found is not None
        courses[item] = (found.last.at, found.restored[2], found.house_hours)
    assert courses == {
        "a": (after(hours=3), after(hours=3), 3030 + 1515),
        "b": (after(hours=3), after(hours=3), 10.0),
        "c": (after(hours=1), None, 0.0),
    }
    assert len(said(claims, "lifeline_outage")) == 4


def test_nobody_is_counted_in_a_shelter_that_has_closed() -> None:
    claims = [
        claim("shelter_status", "a", telling(1, after(hours=1)), state="open", evacuees=number(35)),
        claim("shelter_status", "b", telling(2, after(hours=1)), state="open", evacuees=number(129)),
        claim("shelter_status", "a", telling(3, after(hours=2)), state="closed"),
        claim("shelter_status", "b", telling(4, after(hours=2)), state="open", evacuees=number(381)),
        claim("shelter_status", "c", telling(5, after(hours=2)), state="open", evacuees=number(20)),
    ]
    over = telling(6, after(hours=3))
    claims += [
        claim("shelter_status", "c", over, retired=over),
        claim("shelter_status", "b", telling(7, after(hours=3)), state="open", evacuees=number(390)),
    ]
    found = shelters.peak(said(claims, "shelter_status", ends=True))
    assert found is not None
    assert (found.total, found.at, found.carried) == (401, after(hours=2), 0)


def test_an_order_for_an_earthquake_answers_a_tsunami_warning_and_no_rain() -> None:
    coast = next(iter(coasts_of("14205")))
    warned = telling(1, after(minutes=3))
    claims = [
        claim("tsunami_forecast", "c", warned, muni=None, coast_code=coast, grade="warning", kind_name="津波警報"),
        claim("weather_warning", "w", telling(2, after(hours=2)), muni="14205", level=4, phenomenon="heavy_rain"),
        claim(
            "evacuation_order",
            "o",
            telling(3, after(minutes=10)),
            muni="14205",
            order="evacuate",
            incident="【訓練】相模湾の地震",
        ),
    ]
    given = orders.orders(claims)
    tsunami = orders.tsunami_warnings(claims, ["14205", "14201", "14402"])
    # of 横須賀市 it is not known whether it lies on that coast, and 清川村 has none
    assert [one.muni for one in tsunami] == ["14205"]
    found = orders.leads(given, [*tsunami, *orders.warnings(claims)], 4)
    assert [(one.hazard, one.seconds) for one in found] == [("大雨・洪水", None), ("津波", 420)]


def test_on_a_map_what_is_not_known_is_no_zero_and_the_rest_is_at_least_so_many() -> None:
    unknown = {"value": None, "state": "unknown", "qualifier": "exact", "text": "不明"}

    def counted(muni: str, **told: Any) -> Any:
        (row,) = said(
            [claim("damage_count", muni, telling(1, after(hours=1)), muni=muni, area_level="municipality", **told)],
            "damage_count",
        )
        return row

    rows = [
        counted("14201", dead=number(3), injured_severe=unknown),
        counted("14203", dead=number(0), injured_severe=unknown),
        counted("14204", dead=number(0), casualty_unclassified=number(2)),
    ]
    parts = next(one[3] for one in moments._COUNTED if one[1] == "people")
    found = moments._counted(rows, parts, "casualties")
    assert {muni: one.text for muni, one in found.items()} == {
        "14201": "3以上（11/5 11:00）",
        "14204": "2（11/5 11:00）",
    }
