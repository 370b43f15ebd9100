"""Figures of a municipality: every claim is kept, the rule of which is shown holds, nothing is added over sources."""

from __future__ import annotations

import random
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai.consolidate import situation_counts as counts
from bousai.consolidate.situation_counts import Claim
from bousai.consolidate.situation_statements import Said, said_of
from bousai.vocab.count import Count, State, reported, without
from tests.consolidate.statements import AT, INCIDENT, count, stated, table

ISSUERS = ("宇城市", "熊本県", "内閣府", "訓練電力")
states: st.SearchStrategy[State] = st.sampled_from(("blank", "not_applicable", "investigating", "unknown"))
values = st.one_of(st.integers(0, 5).map(reported), states.map(without))
sources = st.tuples(st.sampled_from(ISSUERS), st.integers(0, 3), values)


def said(kind: str, rows: list[dict[str, Any]]) -> list[Said]:
    return said_of(table(kind, rows))


def claims(told: list[tuple[str, int, Count]], figure: str = "evacuees") -> list[Claim]:
    """Claims of an issuer, hours ago and a value."""
    rows = [
        stated("43213", f"{n}", ago, _issuer=issuer, _source=f"feed{n}", incident=INCIDENT, **{figure: value})
        for n, (issuer, ago, value) in enumerate(told)
    ]
    return counts.summaries(said("evacuation_summary", rows))


# ── which is shown ───────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(sources, min_size=1, max_size=6), st.randoms())
def test_the_newest_that_says_anything_is_shown_of_one_time_the_closest(
    told: list[tuple[str, int, Count]], order: random.Random
) -> None:
    found = claims(told)
    shown = counts.shown_of(found, "evacuees")
    assert shown is not None
    telling = [one for one in told if one[2]["state"] not in ("blank", "not_applicable")]
    newest = min(ago for _, ago, _ in telling or told)
    then = [(issuer, value["value"]) for issuer, ago, value in telling or told if ago == newest]
    numbers = [issuer for issuer, number in then if number is not None]
    closest = min(ISSUERS.index(issuer) for issuer in numbers or [issuer for issuer, _ in then])
    assert shown.issuer == ISSUERS[closest]
    value = shown.figures["evacuees"]
    assert (ISSUERS[closest], newest, value) in telling or not telling
    mixed = order.sample(found, len(found))
    assert counts.shown_of(mixed, "evacuees") == shown


@given(st.lists(sources, min_size=1, max_size=6))
def test_a_conflict_has_every_value_and_is_there_when_two_differ(told: list[tuple[str, int, Count]]) -> None:
    found = counts.conflict(claims(told), "evacuees", "evacuees")
    telling = [value for _, _, value in told if value["state"] not in ("blank", "not_applicable")]
    different = len({(value["value"], value["state"]) for value in telling}) > 1
    assert (found is not None) == different
    if found is not None:
        assert sorted(repr(sorted(one["value"].items())) for one in found["values"]) == sorted(
            repr(sorted(value.items())) for value in telling
        )
        assert sum(one["shown"] for one in found["values"]) == 1
        assert all(one["as_of"] and one["issuer"] for one in found["values"])


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (count(5), count(5), False),
        (count(5), count(6), True),
        (count(5, "at_least"), count(9), False),
        (count(5, "at_least"), count(4), True),
        (count(5, "more_than"), count(5), True),
        (count(10, "less_than"), count(9), False),
        (count(10, "less_than"), count(10), True),
        (count(10, "at_most"), count(10), False),
        (count(60, "approx"), count(61), True),
        (without("blank"), count(9), False),
        (without("investigating"), count(9), True),
        (without("investigating"), without("investigating"), False),
    ],
)
def test_values_that_can_both_be_true_are_no_conflict(one: Count, other: Count, differ: bool) -> None:
    found = claims([("宇城市", 1, one), ("熊本県", 1, other)])
    assert (counts.conflict(found, "evacuees", "x") is not None) == differ


def test_figures_of_different_disasters_are_no_conflict() -> None:
    rows = [
        stated("43213", "a", incident="令和8年訓練地震", dead=count(2)),
        stated("43213", "b", 5, incident="令和8年訓練豪雨", dead=count(9)),
    ]
    found = counts.damages(said("damage_count", rows))
    assert counts.conflict(found, "dead", "damage.dead") is None
    assert [[one.figures["dead"]["value"] for one in group] for group in counts.by_incident(found)] == [[2], [9]]


def test_an_empty_report_does_not_stand_before_one_with_numbers() -> None:
    rows = [
        stated("43213", "a", 1, incident="令和8年訓練豪雨", dead=without("blank")),
        stated("43213", "b", 5, incident="令和8年訓練地震", dead=count(2)),
    ]
    first, _ = counts.by_incident(counts.damages(said("damage_count", rows)))
    assert first[0].figures["dead"]["value"] == 2


# ── single shelters ──────────────────────────────────────────────────────────────────────────────────────────


def status(
    item_id: str, state: str, people: int | None = None, /, hours_ago: float = 1, **own: Any
) -> dict[str, Any]:
    evacuees = without("blank") if people is None else count(people)
    return stated("43213", item_id, hours_ago, state=state, evacuees=evacuees, **own)


def test_open_shelters_and_the_people_of_whom_a_number_is_given() -> None:
    rows = [status("a", "open", 10), status("b", "open", 5, 3), status("c", "open"), status("d", "closed", 7)]
    found = counts.shelter_sum(said("shelter_status", rows), {})
    assert found is not None
    assert found.figures == {"shelters_open": count(3), "evacuees": count(15, "at_least")}
    assert found.basis == "sum"
    assert found.of is not None
    assert (found.of["places"], found.of["open"], found.of["open_with_number"]) == (4, 3, 2)
    assert found.as_of == "2026-08-01T06:00:00+09:00"


def test_a_place_of_two_lists_is_one_and_its_newest_statement_counts() -> None:
    rows = [
        status("a", "open", 10, 2, _source="portal"),
        status("b", "open", 12, 1, _source="city"),
        status("c", "closed", None, 1, _source="city"),
        status("d", "open", 3, 2, _source="portal"),
    ]
    same = {"a": "place-1", "b": "place-1", "c": "place-2", "d": "place-2"}
    found = counts.shelter_sum(said("shelter_status", rows), same)
    assert found is not None
    assert found.figures == {"shelters_open": count(1), "evacuees": count(12)}
    assert found.of is not None
    assert (found.of["places"], found.of["lists_disagree"], found.of["open_not_matched"]) == (2, 1, 0)


def test_places_that_may_be_the_same_make_an_upper_bound() -> None:
    rows = [status("a", "open", 10, _source="portal"), status("b", "open", 12, _source="city")]
    found = counts.shelter_sum(said("shelter_status", rows), {"a": "place-1"})
    assert found is not None
    assert found.figures == {"shelters_open": count(2, "at_most"), "evacuees": count(22, "at_most")}
    assert found.issuer == "熊本県"
    assert found.source == "city portal"


def test_a_place_of_unknown_state_makes_a_lower_bound_and_no_list_makes_nothing() -> None:
    found = counts.shelter_sum(said("shelter_status", [status("a", "unknown"), status("b", "open", 1)]), {})
    assert found is not None
    assert found.figures == {"shelters_open": count(1, "at_least"), "evacuees": count(1, "at_least")}
    closed = counts.shelter_sum(said("shelter_status", [status("a", "closed")]), {})
    assert closed is not None
    assert closed.figures == {"shelters_open": count(0)}
    assert counts.shelter_sum([], {}) is None


def test_a_total_that_a_source_states_stands_before_our_sum() -> None:
    total = claims([("熊本県", 30, count(3))], "shelters_open")
    summed = counts.shelter_sum(said("shelter_status", [status("a", "open", 1)]), {})
    assert summed is not None
    shown = counts.shown_of([summed, *total], "shelters_open")
    assert shown is total[0]
    found = counts.conflict([summed, *total], "shelters_open", "shelters_open")
    assert found is not None
    assert [(one["basis"], one["value"]["value"]) for one in found["values"]] == [("stated", 3), ("sum", 1)]


def test_a_redirected_place_is_the_one_that_it_became() -> None:
    members = table("shelter_member", [stated("43213", f"shelter_status/{one}", place_id=f"p{one}") for one in "ab"])
    places = [
        stated("43213", "pa", state="redirect", redirect_to="pc"),
        stated("43213", "pc", state="redirect", redirect_to="pb"),
        stated("43213", "pb", state="active", redirect_to=None),
    ]
    assert counts.places(members, table("shelter_place", places)) == {"a": "pb", "b": "pb"}
    circle = [
        stated("43213", one, state="redirect", redirect_to=other) for one, other in (("pa", "pb"), ("pb", "pa"))
    ]
    assert counts.places(members, table("shelter_place", circle)) == {"a": "pa", "b": "pb"}


# ── lifelines and roads ──────────────────────────────────────────────────────────────────────────────────────


def test_outages_of_two_operators_are_two_things() -> None:
    rows = [
        stated("43213", "a", utility="mobile", operator="訓練通信A", affected=count(2), unit="局"),
        stated("43213", "b", utility="mobile", operator="訓練通信B", affected=count(5), unit="局"),
        stated("43213", "c", utility="power", operator="訓練電力", affected=count(10), unit="戸"),
        stated("43213", "d", utility="power", affected=count(12), unit="戸", _source="pref"),
        stated("43213", "e", utility="power", affected=count(3), unit="件", _source="city"),
    ]
    found = [(utility, len(group)) for utility, group in counts.outages(said("lifeline_outage", rows))]
    assert found == [("mobile", 1), ("mobile", 1), ("power", 1), ("power", 2)]


def test_roads_are_counted_by_source_and_never_added_up() -> None:
    rows = [
        stated("43213", "a", restriction="closed", _source="motorway"),
        stated("43213", "b", restriction="closed", _source="national"),
        stated("43213", "c", restriction="closed", _source="national"),
        stated("43213", "d", restriction="alternating", _source="national"),
    ]
    number, found = counts.roads(said("road_restriction", rows))
    assert number == count(2, "at_least")
    assert [(one["source"], one["closed"], one["restricted"]) for one in found] == [
        ("motorway", 1, 1),
        ("national", 2, 3),
    ]
    assert counts.roads(said("road_restriction", rows[1:]))[0] == count(2)
    assert counts.roads([]) == (None, [])


def test_a_road_without_a_code_is_in_every_municipality_that_it_touches() -> None:
    areas = {code: shapely.to_wkb(shapely.box(n, 0, n + 1, 1)) for n, code in enumerate(("43213", "43202", "43211"))}
    rows = [
        stated(None, "a", restriction="closed", _geometry=shapely.LineString([(0.5, 0.5), (1.5, 0.5)])),
        stated(None, "b", restriction="closed", _geometry=shapely.Point(2.5, 0.5)),
        stated(None, "c", restriction="closed", _geometry=shapely.Point(9, 9)),
        stated(None, "d", restriction="closed"),
        stated("43468", "e", restriction="closed", _geometry=shapely.Point(0.5, 0.5)),
        stated("43213", "f", restriction="closed", ended_at=AT.isoformat()),
    ]
    found = counts.on_roads(table("road_restriction", rows), areas)
    told = {code: [one.table.item_id[one.row] for one in ones] for code, ones in found.items()}
    assert told == {"43213": ["a"], "43202": ["a"], "43211": ["b"], "43468": ["e"]}


@pytest.mark.parametrize("as_of", [None, "", "2026-07-31", "2026-07-31T20:00:00", "昨日", 5])
def test_a_time_that_is_no_instant_is_that_of_the_statement(as_of: Any) -> None:
    (one,) = said("evacuation_summary", [stated("43213", evacuees=count(1), as_of=as_of)])
    assert one.as_of == "2026-08-01T08:00:00+09:00"
