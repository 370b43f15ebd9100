"""Which claims belong to an incident: by code, by event, by name, by the name of the disaster."""

from __future__ import annotations

from bousai.report import areas_of, belonging

from .making import after, claim, evidence, number, telling

INCIDENT = evidence().incident
TOLD = telling(1, after(hours=1))


def test_a_prefecture_is_all_its_municipalities_and_wards_of_that_day() -> None:
    codes = areas_of(INCIDENT)
    assert {"14201", "14100", "14101", "14130"} <= set(codes)
    assert all(code.startswith("14") for code in codes)
    assert areas_of(INCIDENT.model_copy(update={"areas": ("14201", "22")}))[0] == "14201"


def test_places_without_a_code_are_known_by_their_names() -> None:
    here = claim("damage_count", "a", TOLD, muni=None, area_name="神奈川県", incident="訓練地震")
    there = claim("damage_count", "b", TOLD, muni=None, area_name="静岡県", incident="訓練地震")
    town = claim("road_restriction", "c", TOLD, muni=None, area_name="静岡県訓練市", incident="訓練地震")
    road = claim("road_restriction", "d", TOLD, muni=None, road_name="訓練自動車道", incident="訓練地震")
    other = claim("road_restriction", "e", TOLD, muni=None, road_name="別の道", incident="別の訓練")
    found = belonging([here, there, town, road, other], INCIDENT)
    assert [one.item_id for one in found] == ["a", "d"]
    # nobody speaks of the prefecture: what has no place is of some other disaster
    assert belonging([there, road], INCIDENT) == []


def test_an_earthquake_belongs_where_it_was_felt_and_a_tsunami_where_there_is_a_coast() -> None:
    felt = claim("seismic_intensity", "a", TOLD, muni="14206", event_id="20261105100008", intensity="5+")
    quake = claim("earthquake", "b", TOLD, muni=None, event_id="20261105100008")
    far = claim("earthquake", "c", TOLD, muni=None, event_id="20261105120000")
    coast = claim("tsunami_forecast", "d", TOLD, muni=None, event_id="20261105100008", coast_code="330")
    distant = claim("tsunami_forecast", "e", TOLD, muni=None, event_id="20261105100008", coast_code="100")
    found = belonging([felt, quake, far, coast, distant], INCIDENT)
    assert [one.item_id for one in found] == ["a", "b", "d"]
    named = INCIDENT.model_copy(update={"events": ("20261105120000",)})
    assert [one.item_id for one in belonging([far], named)] == ["c"]


def test_another_place_is_not_in_it() -> None:
    assert belonging([claim("damage_count", "a", TOLD, muni="22100", dead=number(1))], INCIDENT) == []
