"""Estimated people affected: small worlds reckoned by hand, and what must hold of any."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bousai import catalogue, pipeline
from bousai import settings as settings_module
from bousai.consolidate import people_estimate
from bousai.consolidate.people_estimate import METHOD, UNCERTAINTY
from bousai.model import Sightings, Status
from bousai.settings import Settings
from bousai.vocab import jma, mesh
from bousai.vocab.count import Count, reported, without
from tests.consolidate.statements import AT, stated, table

PROJECT = Path(__file__).resolve().parents[2]
LAYER = catalogue.load(PROJECT / "config").layer("people_estimate")
KUNREN = PROJECT / "exercises" / "kunren"
WEST, SOUTH = 136.0, 37.0  # a corner of 1 km squares, on the west side of the 80 km square 5536
X, Y = 1 / 80, 1 / 120  # a 1 km square
WAJIMA, SUZU = "17204", "17205"


def square(column: int, row: int, level: str = "1km") -> str:
    """The code of a square, counted from the corner."""
    size = mesh.LEVELS[level].steps / 8
    (code,) = mesh.codes_at([WEST + (column + 0.5) * size * X], [SOUTH + (row + 0.5) * size * Y], level).tolist()
    return str(code)


def land(west: float, south: float, east: float, north: float) -> Any:
    """An area in kilometre squares from the corner."""
    return shapely.box(WEST + west * X, SOUTH + south * Y, WEST + east * X, SOUTH + north * Y)


def people(code: str, count: int | Count, **own: Any) -> dict[str, Any]:
    said = {
        "mesh_code": code,
        "mesh_level": mesh.level(code),
        "population": reported(count) if isinstance(count, int) else count,
        "households": None,
        "year": 2020,
        "surveyed_on": "2020-10-01",
        "suppression": "none",
        "merged_into": None,
        "merged_from": [],
        "table_id": "T001140",
        "datum": "JGD2011",
        "covers": code[:4],
        "_source": "population_mesh",
        "_issuer": "総務省統計局",
        "_geometry": shapely.box(*mesh.bounds([code])[0].tolist()),
        "_document": "tblT001140S5536.txt",
    }
    shown = {**said, **own}
    return stated(None, f"{shown['surveyed_on']}/{code}", 50_000, **shown)


def felt(muni: str, intensity: str, event: str = "e1", **own: Any) -> dict[str, Any]:
    props = {
        "event_id": event,
        "area_code": f"{muni}00",
        "area_name": muni,
        "area_level": "city",
        "intensity": intensity,
        "intensity_rank": jma.intensity_rank(intensity),
        "intensity_received": intensity,
        "condition": None,
        "revised": None,
    }
    return stated(muni, f"{event}/{muni}00", _issuer="気象庁", _source="jma_quake", **{**props, **own})


def coast(code: str, grade: str) -> dict[str, Any]:
    props = {"event_id": "e1", "coast_code": code, "coast_name": code, "grade": grade, "kind_name": grade}
    return stated(None, f"e1/{code}", _issuer="気象庁", _source="jma_tsunami", **props)


def warning(muni: str, phenomenon: str, grade: str, level: int | None = None) -> dict[str, Any]:
    props = {"area_code": f"{muni}00", "phenomenon": phenomenon, "grade": grade, "level": level, "kind_name": grade}
    return stated(muni, f"{muni}00/{phenomenon}", _issuer="気象庁", _source="jma_warning", **props)


def river(muni: str, level: int) -> dict[str, Any]:
    grade = {2: "advisory", 3: "warning", 4: "danger_warning", 5: "emergency_warning"}[level]
    return stated(muni, f"8104/{muni}", _source="jma_flood", level=level, grade=grade, section_name="訓練川")


def exposed(code: str, _revision_from: str = "map", **hazards: str) -> dict[str, Any]:
    said = {hazard: {"state": state, "worst": [], "zones": [], "maps": []} for hazard, state in hazards.items()}
    (x,), (y,) = mesh.centres([code])
    return stated(
        None,
        f"population_mesh/2020-10-01/{code}",
        _source="hazard_exposure",
        _geometry=shapely.Point(x, y),
        _document="hazard_exposure.json",
        subject_kind="population_mesh",
        **said,
    )


def whole(cells: Sequence[dict[str, Any]], status: Status = "actual") -> Sightings:
    """A mesh that was read long after `AT`."""
    found = table("population_mesh", cells, status)
    return Sightings(found, [AT + timedelta(days=90)] * len(found), [None] * len(found))


def world(
    areas: Mapping[str, Any],
    *,
    status: Status = "actual",
    at: datetime = AT,
    known_since: datetime = AT - timedelta(days=900),
    **stated_by_kind: Sequence[dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Item id → properties of what is estimated."""
    now = {kind: table(kind, stated_by_kind.get(kind, ()), status) for kind in LAYER.inputs}
    ground = table("municipality", [stated(code, _geometry=shape) for code, shape in areas.items()], status)
    seen = {
        "municipality": Sightings(ground, [known_since] * len(ground), [None] * len(ground)),
        "population_mesh": whole(stated_by_kind.get("population_mesh", ()), status),
    }
    made = people_estimate.table(now, seen, at)
    assert made.status == status
    assert all(wkb is not None for wkb in made.geometry)
    return {key: orjson.loads(props) for key, props in zip(made.item_id, made.props, strict=True)}


TWO = {WAJIMA: land(0, 0, 2, 2), SUZU: land(2, 0, 4, 2)}
EIGHT = [people(square(c, r), 10 ** (c // 2) * (1 + c % 2 + 2 * r)) for r in range(2) for c in range(4)]
"""1 2 / 3 4 in the one, 10 20 / 30 40 in the other."""


def value(props: Mapping[str, Any], name: str = "population") -> int | None:
    found: int | None = props[name]["value"]
    return found


def doubts(props: Mapping[str, Any]) -> list[str]:
    return [one["code"] for one in props["uncertainty"]]


# ── earthquakes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_all_who_live_where_it_shook_6_lower_or_more() -> None:
    found = world(TWO, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "6-"), felt(SUZU, "5+")])
    assert list(found) == [f"{WAJIMA}/earthquake"]
    one = found[f"{WAJIMA}/earthquake"]
    assert one["population"] == {"value": 10, "state": "reported", "qualifier": "approx", "text": "推計 約10人"}
    assert (value(one, "residents"), one["cells"], one["cells_inside"], one["coverage"]) == (10, 4, 4, None)
    assert (one["intensity"], one["name"], one["pref_name"]) == ("6-", "輪島市", "石川県")
    assert (one["population_year"], one["mesh_level"], one["mesh_source"]) == (2020, "1km", "population_mesh")
    assert one["estimate"] is True
    assert one["method"] == METHOD["earthquake"]
    assert doubts(one) == ["residents", "by_centre", "one_intensity"]
    assert (one["others"], one["mesh_squares_missing"]) == ([], [])


def test_every_field_of_the_layer_is_made_and_no_other() -> None:
    for kinds in (
        {"seismic_intensity": [felt(WAJIMA, "7")]},
        {"tsunami_forecast": [coast("360", "warning")], "hazard_exposure": [exposed(square(0, 0), tsunami="inside")]},
    ):
        (one,) = world({WAJIMA: TWO[WAJIMA]}, population_mesh=EIGHT, **kinds).values()
        assert set(one) == {field.name for field in LAYER.fields}


def test_the_strongest_of_several_earthquakes_counts_once() -> None:
    quakes = [felt(WAJIMA, "6-", "e1"), felt(WAJIMA, "6+", "e2"), felt(WAJIMA, "4", "e3")]
    (one,) = world(TWO, population_mesh=EIGHT, seismic_intensity=quakes).values()
    assert (value(one), one["intensity"]) == (10, "6+")
    assert [because["intensity"] for because in one["basis"]] == ["6+", "6-"]


def test_where_nothing_was_received_the_number_is_not_confirmed() -> None:
    (one,) = world(TWO, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "!5-")]).values()
    assert (one["population"]["value"], one["population"]["state"]) == (None, "unconfirmed")
    assert value(one, "residents") == 10
    assert "intensity_not_received" in doubts(one)
    # another earthquake of which it is known
    (one,) = world(
        TWO, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "!5-"), felt(WAJIMA, "6-", "e2")]
    ).values()
    assert value(one) == 10


def test_an_intensity_of_a_ward_is_not_one_of_its_city() -> None:
    chuo, higashi, kumamoto = "43101", "43102", "43100"
    wards = {chuo: land(0, 0, 2, 2), higashi: land(2, 0, 4, 2)}
    found = world(wards, population_mesh=EIGHT, seismic_intensity=[felt(chuo, "6-")])
    assert {key: value(one) for key, one in found.items()} == {"43101/earthquake": 10}
    whole = {kumamoto: land(0, 0, 4, 2)}
    assert world(whole, population_mesh=EIGHT, seismic_intensity=[felt(chuo, "6-")]) == {}
    # what is said of the city holds for its wards
    rain = [warning(kumamoto, "heavy_rain", "warning")]
    wet = [exposed(square(c, 0), flood="inside") for c in range(4)]
    found = world(wards, population_mesh=EIGHT, weather_warning=rain, hazard_exposure=wet)
    assert {key: value(one) for key, one in found.items() if key.endswith("/flood")} == {
        "43101/flood": 3,
        "43102/flood": 30,
    }


# ── where a square belongs ───────────────────────────────────────────────────────────────────────────────────


def test_a_square_cut_by_a_border_is_where_its_centre_is() -> None:
    cut = {WAJIMA: land(0, 0, 1.4, 2), SUZU: land(1.4, 0, 4, 2)}
    found = world(cut, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7"), felt(SUZU, "7")])
    assert [value(one) for one in found.values()] == [1 + 3, 2 + 4 + 100]


def test_a_centre_on_the_border_counts_once() -> None:
    cut = {WAJIMA: land(0, 0, 1.5, 2), SUZU: land(1.5, 0, 4, 2)}
    found = world(cut, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7"), felt(SUZU, "7")])
    assert [value(one) for one in found.values()] == [10, 100]


def test_people_on_the_shore_are_not_lost() -> None:
    """Its centre lies in the water: it belongs to the municipality that it touches nearest to the centre."""
    shore = {WAJIMA: land(0, 0, 4, 0.3), SUZU: land(0, 0.9, 4, 2)}
    found = world(shore, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7"), felt(SUZU, "7")])
    assert [value(one) for one in found.values()] == [1 + 2 + 10 + 20, 3 + 4 + 30 + 40]
    # also where the other one is not asked about
    found = world(shore, population_mesh=EIGHT, seismic_intensity=[felt(SUZU, "7")])
    assert [value(one) for one in found.values()] == [77]


def test_a_square_that_shares_no_more_than_a_side_with_a_municipality_is_not_its() -> None:
    cells = [people(square(0, 0), 1), people(square(1, 0), 2), people(square(2, 0), 10)]
    (one,) = world({WAJIMA: land(0, 0, 1, 1)}, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert (value(one), one["cells"]) == (1, 1)
    assert "neighbours_not_loaded" not in doubts(one)


def test_squares_at_a_prefecture_that_is_not_loaded_may_be_of_its_people() -> None:
    kahoku, x0, y0 = "17206", 136.3, 36.2  # 福井県 lies beside
    area = {kahoku: shapely.box(x0, y0, x0 + 1.3 * X, y0 + Y)}
    codes = mesh.codes_at([x0 + 0.1 * X, x0 + 1.1 * X], [y0 + Y / 2] * 2, "1km").tolist()
    cells = [people(code, 5) for code in codes]
    (one,) = world(area, population_mesh=cells, seismic_intensity=[felt(kahoku, "7")]).values()
    assert value(one) == 10
    assert "neighbours_not_loaded" in doubts(one)
    fukui = {"18208": shapely.box(x0 + 1.3 * X, y0, x0 + 3 * X, y0 + Y)}
    (one,) = world({**area, **fukui}, population_mesh=cells, seismic_intensity=[felt(kahoku, "7")]).values()
    assert "neighbours_not_loaded" not in doubts(one)


LEVEL = st.sampled_from(list(mesh.LEVELS))


@examples(max_examples=60)
@given(st.data(), LEVEL)
def test_municipalities_that_share_the_land_share_its_people(data: st.DataObject, level: str) -> None:
    """Disjoint municipalities that fill the land have together everybody who lives there, whatever the level."""
    size = mesh.LEVELS[level].steps / 8
    n = 6 if size <= 10 else 1
    cuts = sorted(data.draw(st.lists(st.floats(0, n), min_size=2, max_size=2)))
    edges = [0.0, *cuts, float(n)]
    codes = [WAJIMA, SUZU, "17206"]
    areas = {
        code: land(a * size, 0, b * size, n * size)
        for code, (a, b) in zip(codes, pairwise(edges), strict=False)
        if b - a > 1e-6
    }
    counts = data.draw(st.lists(st.integers(0, 5000), min_size=n * n, max_size=n * n))
    cells = [people(square(i % n, i // n, level), count) for i, count in enumerate(counts)]
    found = world(areas, population_mesh=cells, seismic_intensity=[felt(code, "6+") for code in areas])
    assert sum(value(one) or 0 for one in found.values()) == sum(counts)
    assert sum(one["cells"] for one in found.values()) == n * n


@given(st.data())
def test_more_shaking_is_never_fewer_people(data: st.DataObject) -> None:
    ranks = ["4", "5-", "5+", "6-", "6+", "7"]
    before = {code: data.draw(st.sampled_from(ranks)) for code in TWO}
    after = {code: data.draw(st.sampled_from(ranks[ranks.index(was) :])) for code, was in before.items()}

    def total(shaking: Mapping[str, str]) -> int:
        quakes = [felt(code, one) for code, one in shaking.items()]
        return sum(value(one) or 0 for one in world(TWO, population_mesh=EIGHT, seismic_intensity=quakes).values())

    assert total(before) <= total(after)


# ── zones ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_in_tsunami_zones_while_a_warning_is_in_force() -> None:
    maps = [
        exposed(square(0, 0), tsunami="inside", flood="outside"),
        exposed(square(1, 0), tsunami="outside"),
        exposed(square(0, 1), tsunami="inside"),
        exposed(square(1, 1), flood="inside"),
    ]
    found = world(TWO, population_mesh=EIGHT, hazard_exposure=maps, tsunami_forecast=[coast("360", "major_warning")])
    one = found[f"{WAJIMA}/tsunami"]
    assert (value(one), value(one, "population_outside"), value(one, "population_not_covered")) == (1 + 3, 2, 4)
    assert (one["coverage"], one["cells_inside"], one["cells_not_covered"], value(one, "residents")) == (
        "partial",
        2,
        1,
        10,
    )
    assert "zones_not_covered" in doubts(one)
    assert "coast_not_certain" not in doubts(one)
    assert one["basis"][0]["grade"] == "major_warning"
    assert one["basis"][0]["match"] == "municipality"


def test_where_there_is_no_map_there_is_no_number_and_no_0() -> None:
    found = world(TWO, population_mesh=EIGHT, tsunami_forecast=[coast("360", "warning")])
    one = found[f"{SUZU}/tsunami"]
    assert (one["coverage"], one["population"]["value"], one["population"]["state"]) == (
        "not_covered",
        None,
        "unknown",
    )
    assert one["population_outside"] is None
    assert (value(one, "residents"), value(one, "population_not_covered")) == (100, 100)


def test_where_all_is_mapped_and_nobody_lives_in_a_zone_it_is_0() -> None:
    maps = [exposed(square(c, r), tsunami="outside") for c in range(2) for r in range(2)]
    one = world(TWO, population_mesh=EIGHT, hazard_exposure=maps, tsunami_forecast=[coast("360", "warning")])[
        f"{WAJIMA}/tsunami"
    ]
    assert (one["coverage"], value(one), value(one, "population_outside")) == ("full", 0, 10)


@pytest.mark.parametrize("grade", ["advisory", "forecast", "cleared"])
def test_less_than_a_tsunami_warning_counts_nobody(grade: str) -> None:
    assert world(TWO, population_mesh=EIGHT, tsunami_forecast=[coast("360", grade)]) == {}


def test_a_coast_that_is_known_of_the_prefecture_only_is_said_to_be_uncertain() -> None:
    aomori = {"02203": land(0, 0, 2, 2)}
    (one,) = world(aomori, population_mesh=EIGHT, tsunami_forecast=[coast("201", "warning")]).values()
    assert "coast_not_certain" in doubts(one)
    assert one["basis"][0]["match"] == "prefecture"


@pytest.mark.parametrize(
    ("kinds", "hazards"),
    [
        ({"river_flood": [river(WAJIMA, 2)]}, set()),
        ({"river_flood": [river(WAJIMA, 3)]}, {"flood"}),
        ({"river_flood": [river(WAJIMA, 5)]}, {"flood"}),
        ({"weather_warning": [warning(WAJIMA, "heavy_rain", "advisory", 2)]}, set()),
        ({"weather_warning": [warning(WAJIMA, "heavy_rain", "warning", 3)]}, {"flood", "inland_flood"}),
        ({"weather_warning": [warning(WAJIMA, "heavy_rain", "emergency_warning", 5)]}, {"flood", "inland_flood"}),
        ({"weather_warning": [warning(WAJIMA, "flood", "warning")]}, {"flood"}),
        ({"weather_warning": [warning(WAJIMA, "storm_surge", "danger_warning", 4)]}, {"storm_surge"}),
        ({"weather_warning": [warning(WAJIMA, "gale", "warning")]}, set()),
        ({"weather_warning": [warning(WAJIMA, "landslide", "danger_warning", 4)]}, set()),
    ],
)
def test_which_warnings_count_people_in_which_zones(kinds: dict[str, Any], hazards: set[str]) -> None:
    maps = [exposed(square(0, 0), flood="inside", inland_flood="inside", storm_surge="inside", tsunami="inside")]
    found = world(TWO, population_mesh=EIGHT, hazard_exposure=maps, **kinds)
    assert set(found) == {f"{WAJIMA}/{hazard}" for hazard in hazards}
    assert {value(one) for one in found.values()} <= {1}


# ── what the mesh does not have ──────────────────────────────────────────────────────────────────────────────


def test_suppressed_people_are_where_they_were_merged_and_nowhere_else() -> None:
    cells = [
        people(square(0, 0), 57, suppression="receives", merged_from=[square(1, 0)]),
        people(square(1, 0), without("suppressed", "*"), suppression="merged", merged_into=square(0, 0)),
    ]
    (one,) = world(TWO, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert (value(one), one["cells"], one["cells_suppressed"], one["cells_unknown"]) == (57, 2, 1, 0)
    assert "suppressed_elsewhere" not in doubts(one)
    (one,) = world(TWO, population_mesh=cells[1:], seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert (value(one), one["cells_suppressed"]) == (0, 1)
    assert "suppressed_elsewhere" in doubts(one)


def test_a_total_is_taken_as_it_stands_whatever_became_of_the_details() -> None:
    cells = [
        people(square(0, 0), 57, suppression="receives", merged_from=[square(1, 0)]),
        people(square(1, 0), 3, suppression="merged", merged_into=square(0, 0)),
    ]
    (one,) = world(TWO, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert (value(one), one["cells_suppressed"]) == (60, 0)


@pytest.mark.parametrize("state", ["unknown", "blank", "investigating", "not_applicable"])
def test_a_square_without_a_number_is_said_to_be_missing(state: Any) -> None:
    cells = [people(square(0, 0), 5), people(square(1, 0), without(state))]
    (one,) = world(TWO, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert (value(one), one["cells_unknown"]) == (5, 1)
    assert "cells_unknown" in doubts(one)


def test_a_mesh_that_may_not_have_all_of_a_municipality_says_so() -> None:
    wide = {WAJIMA: land(-3, 0, 2, 2)}  # into the 80 km square 5535
    (one,) = world(wide, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7")]).values()
    assert one["mesh_squares_missing"] == ["5535"]
    assert "mesh_not_whole" in doubts(one)
    for covers, missing in (("17", []), ("16", ["5536"]), (None, ["5536"])):
        cells = [people(square(0, 0), 5, covers=covers)]
        (one,) = world(TWO, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]).values()
        assert one["mesh_squares_missing"] == missing


def test_where_the_mesh_has_everybody_and_nobody_lives_it_is_0() -> None:
    found = world(TWO, population_mesh=[people(square(40, 30), 5)], seismic_intensity=[felt(WAJIMA, "7")])
    assert [value(one) for one in found.values()] == [0]
    # of a list it is not known
    cells = [people(square(40, 30), 5, covers=None)]
    assert world(TWO, population_mesh=cells, seismic_intensity=[felt(WAJIMA, "7")]) == {}


def test_without_a_mesh_or_a_hazard_or_the_area_there_is_nothing() -> None:
    assert world(TWO, seismic_intensity=[felt(WAJIMA, "7")]) == {}
    assert world(TWO, population_mesh=EIGHT) == {}
    assert world({}, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7")]) == {}


def test_the_mesh_is_not_even_read_while_there_is_no_hazard() -> None:
    class Quiet(dict[str, Any]):
        def __missing__(self, kind: str) -> Any:
            raise AssertionError(f"{kind} was read")

    quiet = Quiet({kind: table(kind, ()) for kind in LAYER.inputs if kind != "hazard_exposure"})
    assert len(people_estimate.table(quiet, Quiet(), AT)) == 0


def test_a_square_that_a_later_table_does_not_list_any_more_is_gone() -> None:
    cells = whole(EIGHT)
    until = [AT if item_id.endswith(square(0, 0)) else None for item_id in cells.table.item_id]
    now = {kind: table(kind, ()) for kind in LAYER.inputs} | {
        "seismic_intensity": table("seismic_intensity", [felt(WAJIMA, "7")])
    }
    ground = table("municipality", [stated(WAJIMA, _geometry=TWO[WAJIMA])])
    seen = {
        "municipality": Sightings(ground, [AT], [None]),
        "population_mesh": Sightings(cells.table, cells.since, until),
    }
    (text,) = people_estimate.table(now, seen, AT).props
    assert orjson.loads(text)["population"]["value"] == 10 - 1


def test_of_several_meshes_one_is_taken_and_the_others_stand_beside_it() -> None:
    older = [people(square(c, r), 1000, surveyed_on="2015-10-01", year=2015) for r in range(2) for c in range(2)]
    newer = [people(square(c, r), 9000, surveyed_on="2026-10-01", year=2026) for r in range(2) for c in range(2)]
    finer = [people(square(c, r, "500m"), 2) for r in range(4) for c in range(4)]
    listed = [people(square(0, 0), 7, surveyed_on="2024-01-01", covers=None, _source="city_list")]
    every = [*EIGHT, *older, *newer, *finer, *listed]
    for order in (every, every[::-1]):
        (one,) = world(TWO, population_mesh=order, seismic_intensity=[felt(WAJIMA, "7")]).values()
        assert (one["mesh_level"], value(one), one["population_on"]) == ("500m", 32, "2020-10-01")
        assert [(o["mesh_level"], o["population_on"], o["mesh_source"], value(o)) for o in one["others"]] == [
            ("1km", "2020-10-01", "population_mesh", 10),
            ("1km", "2015-10-01", "population_mesh", 4000),
            ("1km", "2026-10-01", "population_mesh", 36000),  # of a day that was still to come
            ("1km", "2024-01-01", "city_list", 7),  # it may not have everybody
        ]


# ── time, status, sources ────────────────────────────────────────────────────────────────────────────────────


def test_areas_of_the_first_edition_serve_for_a_time_before_it() -> None:
    found = world(
        TWO, population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7")], known_since=AT + timedelta(days=900)
    )
    assert [value(one) for one in found.values()] == [10]


def test_every_figure_names_what_it_rests_on() -> None:
    maps = [exposed(square(0, 0), tsunami="inside"), exposed(square(1, 1), tsunami="outside")]
    found = world(TWO, population_mesh=EIGHT, hazard_exposure=maps, tsunami_forecast=[coast("360", "warning")])
    sources = found[f"{WAJIMA}/tsunami"]["sources"]
    assert [(one["kind"], one["source"]) for one in sources if "population" in one["attributes"]] == [
        ("tsunami_forecast", "jma_tsunami"),
        ("municipality", "feed"),
        ("population_mesh", "population_mesh"),
        ("hazard_exposure", "hazard_exposure"),
    ]
    named = {name for one in sources for name in one["attributes"]}
    assert named <= {field.name for field in LAYER.fields} | {"geometry"}
    assert {"population", "residents", "population_outside", "basis", "as_of", "mesh_level", "coverage"} <= named


def test_each_doubt_is_said_in_both_languages() -> None:
    assert all(ja and en for ja, en in UNCERTAINTY.values())
    assert all(set(one) == {"version", "ja", "en"} for one in METHOD.values())


def test_the_same_content_in_any_order_is_the_same_estimate() -> None:
    maps = [exposed(square(c, r), tsunami="inside") for c in range(4) for r in range(2)]
    said: dict[str, Any] = {"tsunami_forecast": [coast("360", "warning")], "seismic_intensity": [felt(WAJIMA, "7")]}
    one = world(TWO, population_mesh=EIGHT, hazard_exposure=maps, **said)
    other = world(dict(reversed(TWO.items())), population_mesh=EIGHT[::-1], hazard_exposure=maps[::-1], **said)
    assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def test_a_drill_stays_one() -> None:
    found = world(TWO, status="exercise", population_mesh=EIGHT, seismic_intensity=[felt(WAJIMA, "7")])
    assert [value(one) for one in found.values()] == [10]


_X, _Y = np.meshgrid(139.2 + (np.arange(40) + 0.5) / 320, 35.32 + (np.arange(40) + 0.5) / 480)
SQUARES = mesh.codes_at(_X.ravel(), _Y.ravel(), "250m").tolist()


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store that has read the exercise, with a mesh of 250 m squares about its tsunami zone, all of it as 訓練."""
    own = settings_module.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("estimate"))})
    pipeline.prepare(own)
    at = datetime.fromisoformat("2026-10-01T00:00:00+09:00")
    for feed in ("ksj_municipality", "ksj_tsunami", "jma_quake", "jma_tsunami"):
        files = [(path.name, path.read_bytes()) for path in sorted((KUNREN / feed).iterdir())]
        outcomes = {one.outcome for one in pipeline.ingest_files(feed, files, own, dated_at=at, taint="exercise")}
        assert outcomes <= {"stored", "unchanged"}
    lines = ["mesh_code,population【訓練】", *(f"{code},{n % 7}" for n, code in enumerate(SQUARES))]
    (done,) = pipeline.ingest_files("population_mesh", [("people_2020.csv", "\n".join(lines).encode())], own)
    assert (done.outcome, done.changes.opened, done.issues) == ("stored", 1600, 0)
    pipeline.expose("14", own)
    return own


def features(own: Settings, status: Status) -> dict[str, Any]:
    at = datetime.fromisoformat("2026-11-05T10:20:00+09:00")
    text = b"".join(pipeline.layer_geojson("people_estimate", own, valid_at=at, status=status))
    return {one["id"]: one["properties"] for one in json.loads(text)["features"]}


def test_an_exercise_through_the_whole_line_and_nothing_of_it_is_actual(drilled: Settings) -> None:
    """Against shapely, square by square."""
    found = features(drilled, "exercise")
    fujisawa = found["14205/tsunami"]
    parts = defaultdict(list)
    for one in json.loads((KUNREN / "ksj_municipality/N03-26_14_kunren.geojson").read_bytes())["features"]:
        parts[one["properties"]["N03_007"]].append(shapely.geometry.shape(one["geometry"]))
    ground = {muni: shapely.union_all(shapes) for muni, shapes in parts.items()}
    zones = shapely.union_all(shapely.from_geojson((KUNREN / "ksj_tsunami/A40-24_14.geojson").read_bytes()))
    expected = {"inside": 0, "outside": 0, "not_covered": 0}
    for n, code in enumerate(SQUARES):
        square = shapely.box(*mesh.bounds([code])[0].tolist())
        centre = square.centroid
        holds = [muni for muni, area in ground.items() if area.intersects(centre)]
        near = sorted(
            (area.distance(centre), muni)
            for muni, area in ground.items()
            if area.intersection(square).area > square.area / 100
        )
        if near and near[0][1] == "14205":
            state = "inside" if zones.intersects(centre) else "outside" if holds else "not_covered"
            expected[state] += n % 7
    assert min(expected.values()) > 20
    assert expected == {
        "inside": value(fujisawa),
        "outside": value(fujisawa, "population_outside"),
        "not_covered": value(fujisawa, "population_not_covered"),
    }
    assert value(fujisawa, "residents") == sum(expected.values())
    assert fujisawa["coverage"] == "partial"
    assert fujisawa["status"] == "exercise"
    assert features(drilled, "actual") == {}
    situation = b"".join(
        pipeline.layer_geojson(
            "municipality_situation",
            drilled,
            valid_at=datetime.fromisoformat("2026-11-05T10:20:00+09:00"),
            muni="14205",
            status="exercise",
        )
    )
    (props,) = (one["properties"] for one in json.loads(situation)["features"])
    assert [(one["hazard"], one["population"]["value"]) for one in props["people_estimate"]] == [
        ("tsunami", expected["inside"])
    ]


def test_a_drill_on_an_actual_mesh_counts_nobody(tmp_path: Path) -> None:
    """Each status has its own world: a 訓練 of an earthquake meets no actual people, in neither world."""
    own = settings_module.load({"BOUSAI_DATA": str(tmp_path)})
    pipeline.prepare(own)
    quake = [(path.name, path.read_bytes()) for path in sorted((KUNREN / "jma_tsunami").iterdir())]
    ground = KUNREN / "ksj_municipality/N03-26_14_kunren.geojson"
    at = datetime.fromisoformat("2026-10-01T00:00:00+09:00")
    list(pipeline.ingest_files("jma_tsunami", quake, own, dated_at=at))  # 訓練 by its own word
    list(pipeline.ingest_files("ksj_municipality", [(ground.name, ground.read_bytes())], own, dated_at=at))
    code = str(mesh.codes_at([139.25], [35.35], "1km")[0])
    list(pipeline.ingest_files("population_mesh", [("people_2020.csv", f"mesh_code,人口\n{code},9".encode())], own))
    assert features(own, "actual") == features(own, "exercise") == {}
