"""Hazard exposure: the join against shapely pair by pair, which maps cover what, statements, and the layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import pipeline, settings, store
from bousai.consolidate import hazard_exposure
from bousai.consolidate.hazard_exposure import HAZARDS, NOT_COVERED, PLACES, Areas, Survey
from bousai.model import ItemTable, RevisionTable, Status

T0 = datetime(2024, 4, 1, tzinfo=UTC)


def table(kind: str, rows: Mapping[str, Mapping[str, Any]], status: Status = "actual") -> RevisionTable:
    """Item id → `shape`, `muni`, `issued_at`, `source` and properties."""
    n = len(rows)
    own = ("shape", "muni", "issued_at", "source", "scope")
    return RevisionTable(
        kind=kind,
        status=status,
        valid_at=T0,
        known_at=T0,
        revision=list(range(100, 100 + n)),
        item_id=list(rows),
        scope=[row.get("scope", "s") for row in rows.values()],
        muni_code=[row.get("muni") for row in rows.values()],
        props=[json.dumps({k: v for k, v in row.items() if k not in own}) for row in rows.values()],
        geometry=[None if (shape := row.get("shape")) is None else bytes(shape.wkb) for row in rows.values()],
        source=[row.get("source", "feed") for row in rows.values()],
        issuer=["国土交通省"] * n,
        issued_at=[row.get("issued_at", T0) for row in rows.values()],
        recorded_at=[T0] * n,
        bulletin_type=["X"] * n,
        serial=[None] * n,
        document=["d"] * n,
        position=["p"] * n,
    )


# Two municipalities of 石川県 side by side, 0.2 degrees wide, and one of 富山県 beside them: invented squares.
NANAO, WAJIMA, TOYAMA = "17202", "17204", "16201"
SQUARES = {
    NANAO: shapely.box(136.8, 37.0, 137.0, 37.2),
    WAJIMA: shapely.box(137.0, 37.0, 137.2, 37.2),
    TOYAMA: shapely.box(137.2, 37.0, 137.4, 37.2),
}


def land(*codes: str) -> Areas:
    return hazard_exposure.areas(table("municipality", {c: {"shape": SQUARES[c], "muni": c} for c in codes}))


ALL = land(NANAO, WAJIMA, TOYAMA)


def placed(rows: Mapping[str, Mapping[str, Any]], areas: Areas = ALL, pref: str = "17") -> hazard_exposure.Places:
    return hazard_exposure.places([table("shelter", rows)], areas, pref)


def at(x: float, y: float, muni: str | None = None) -> dict[str, Any]:
    return {"shape": shapely.Point(x, y), "muni": muni}


def zone(shape: Any, /, **more: Any) -> dict[str, Any]:
    return {"shape": shape, "hazard": "flood", "scenario": "maximum", "edition": "A31a-24", **more}


def said(
    places: hazard_exposure.Places, zones: Mapping[str, Mapping[str, Any]], areas: Areas = ALL
) -> dict[str, dict[str, Any]]:
    """Key of a place → what is said of it for floods."""
    found = hazard_exposure.survey(places, areas, [table("hazard_zone_flood", zones)])
    items = hazard_exposure.statements("flood", places, found)
    return dict(zip(items.item_id, items.props["flood"], strict=True))


def states(
    places: hazard_exposure.Places, zones: Mapping[str, Mapping[str, Any]], areas: Areas = ALL
) -> dict[str, str]:
    return {key.removeprefix("shelter/"): one["state"] for key, one in said(places, zones, areas).items()}


# ── the join ─────────────────────────────────────────────────────────────────────────────────────────────

GRID = st.integers(0, 8).map(float)  # whole numbers: many points lie on borders, corners and in holes


@st.composite
def shapes(draw: st.DrawFn) -> Any:
    """A valid polygon with or without a hole, several at once, an empty one, or none at all."""

    def one() -> Any:
        x, y, width, height = draw(GRID), draw(GRID), draw(st.integers(1, 6)), draw(st.integers(1, 6))
        shell = shapely.box(x, y, x + width, y + height)
        if draw(st.booleans()) and width > 2 and height > 2:
            shell = shell.difference(shapely.box(x + 1, y + 1, x + width - 1, y + height - 1))
        if draw(st.booleans()):
            shell = shell.intersection(shapely.Polygon([(x, y), (x + width, y), (x, y + height)]))
        return shell

    kind = draw(st.sampled_from(["one", "one", "several", "empty", "none"]))
    if kind == "none":
        return None
    if kind == "empty":
        return shapely.Polygon()
    shape = one() if kind == "one" else shapely.union_all([one() for _ in range(3)])
    return shape if shape.geom_type in ("Polygon", "MultiPolygon") else shapely.Polygon()


@given(
    places=st.lists(st.tuples(GRID | st.just(0.5), GRID | st.just(float("nan"))), max_size=40),
    areas=st.lists(shapes(), max_size=12),
)
def test_the_join_is_that_of_shapely_pair_by_pair(places: list[tuple[float, float]], areas: list[Any]) -> None:
    x, y = (np.array([one[n] for one in places], dtype=float) for n in (0, 1))
    polygons = np.array([*areas, None], dtype=object)[:-1]
    points, found = hazard_exposure.inside(x, y, polygons)
    expected = {
        (n, k)
        for k, area in enumerate(areas)
        for n, (px, py) in enumerate(places)
        if area is not None and not np.isnan(py) and shapely.covers(area, shapely.Point(px, py))
    }
    pairs = list(zip(points.tolist(), found.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
    assert found.tolist() == sorted(found.tolist())


def test_portions_are_joined_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = (one.ravel() for one in np.meshgrid(np.arange(20.0), np.arange(20.0)))
    polygons = np.array([shapely.box(n, 0, n + 3, 19) for n in range(17)], dtype=object)
    whole = hazard_exposure.inside(x, y, polygons)
    monkeypatch.setattr(hazard_exposure, "_AT_A_TIME", 5)
    again = hazard_exposure.inside(x, y, polygons)
    assert len(whole[0]) == 17 * 4 * 20
    assert set(zip(*whole, strict=True)) == set(zip(*again, strict=True))
    assert again[1].tolist() == whole[1].tolist()


def test_one_polygon_many_times_is_as_many_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hazard_exposure, "_AT_A_TIME", 3)
    x, y = np.tile(np.arange(0.0, 4.0, 0.1), 5), np.repeat(np.arange(5.0), 40)
    square = shapely.box(0, 0, 2, 2)
    points, areas = hazard_exposure.inside(x, y, np.array([square, None] * 50, dtype=object))
    assert np.bincount(areas, minlength=100).tolist() == [63, 0] * 50
    assert set(points.tolist()) == set(np.flatnonzero((x <= 2) & (y <= 2)).tolist())


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_place_is_of_the_municipality_that_it_states_and_lies_in() -> None:
    places = placed(
        {
            "stated": at(136.9, 37.1, NANAO),
            "not stated": at(137.1, 37.1),
            "not stated, of another prefecture": at(137.3, 37.1),
            "on the border": at(137.0, 37.1),
            "just over the border": at(137.001, 37.1, NANAO),
            "somewhere else": at(137.15, 37.1, NANAO),
            "at sea": at(136.9, 37.3, NANAO),
            "nowhere": {"muni": NANAO},
        }
    )
    assert dict(zip(places.item_id, places.area, strict=True)) == {
        "stated": NANAO,
        "not stated": WAJIMA,
        "on the border": NANAO,
        "just over the border": NANAO,
        "somewhere else": None,
        "at sea": None,
    }
    assert dict(zip(places.item_id, places.muni_code, strict=True))["not stated"] == WAJIMA
    assert list(places.key) == sorted(places.key)


def test_without_areas_what_is_stated_counts() -> None:
    places = placed({"stated": at(136.9, 37.1, NANAO), "not": at(136.9, 37.1)}, land())
    assert dict(zip(places.item_id, places.area, strict=True)) == {"stated": NANAO}
    # 新潟県's box holds it too, and 石川県's is later in the list of codes: it is counted once in the country
    owners = [
        pref for pref in map("{:02d}".format, range(1, 48)) if len(placed({"not": at(136.9, 37.1)}, land(), pref))
    ]
    assert len(owners) == 1
    # The area of the stated municipality is not known, but that of the one where it lies is: in doubt.
    assert placed({"a": at(136.9, 37.1, WAJIMA)}, land(NANAO)).area == [None]


def test_a_designated_city_is_its_wards() -> None:
    ward = hazard_exposure.areas(table("municipality", {"w": {"shape": SQUARES[NANAO], "muni": "14101"}}))
    assert placed({"a": at(136.9, 37.1, "14100")}, ward, "14").area == ["14101"]


def test_the_centre_of_an_area_and_of_a_line_is_looked_at() -> None:
    line = shapely.LineString([(136.85, 37.1), (136.87, 37.1), (136.95, 37.1)])
    cell = shapely.box(136.9, 37.1, 136.91, 37.11)
    places = placed(
        {"a": {"shape": cell, "muni": NANAO}, "b": {"shape": line, "muni": NANAO}, "c": at(137, 37, NANAO)}
    )
    assert (places.x[0], places.y[0]) == pytest.approx((136.905, 37.105))
    assert shapely.Point(places.x[1], places.y[1]).distance(line) < 1e-9
    assert list(places.stated) == [False, False, True]


def test_of_two_statements_of_one_place_the_newer_counts() -> None:
    older = table("shelter", {"a": at(136.9, 37.1, NANAO)})
    newer = table("shelter", {"a": {**at(136.95, 37.15, NANAO), "issued_at": T0 + timedelta(days=1)}})
    for order in ([older, newer], [newer, older]):
        assert hazard_exposure.places(order, ALL, "17").x.tolist() == [136.95]


# ── which map covers what ────────────────────────────────────────────────────────────────────────────────

INSIDE, BESIDE, NEIGHBOUR = at(136.905, 37.105, NANAO), at(136.95, 37.15, NANAO), at(137.1, 37.1, WAJIMA)


def test_inside_outside_and_nothing() -> None:
    places = placed({"in": INSIDE, "beside": BESIDE, "neighbour": NEIGHBOUR})
    told = said(places, {"z": zone(shapely.box(136.9, 37.1, 136.91, 37.11))})
    assert {key: one["state"] for key, one in told.items()} == {"shelter/in": "inside", "shelter/beside": "outside"}
    maps = [
        {
            "source": "feed",
            "issuer": "国土交通省",
            "edition": "A31a-24",
            "scenario": "maximum",
            "hazard": "flood",
            "zone": None,
        }
    ]
    assert told["shelter/beside"] == {"state": "outside", "worst": [], "zones": [], "maps": maps}
    assert told["shelter/in"]["maps"] == maps


def test_a_sliver_across_the_border_is_no_map_of_the_neighbour() -> None:
    places = placed({"in": INSIDE, "neighbour": NEIGHBOUR})
    assert states(places, {"z": zone(shapely.box(136.9, 37.1, 137.0015, 37.11))}) == {"in": "inside"}
    assert states(places, {"z": zone(shapely.box(136.9, 37.1, 137.01, 37.11))}) == {
        "in": "inside",
        "neighbour": "outside",
    }


def test_a_zone_that_states_its_municipality_covers_it_without_areas() -> None:
    places = placed({"beside": BESIDE, "neighbour": NEIGHBOUR}, land())
    shape = shapely.box(136.9, 37.1, 136.91, 37.11)
    assert states(places, {"z": zone(shape, muni=NANAO)}, land()) == {"beside": "outside"}
    assert states(places, {"z": zone(shape)}, land()) == {}


def test_a_place_in_doubt_is_never_outside() -> None:
    places = placed({"doubt": at(137.15, 37.1, NANAO), "doubt in": at(136.905, 37.105, WAJIMA)})
    zones = {"z": zone(shapely.box(136.9, 37.1, 136.91, 37.11)), "y": zone(shapely.box(137.1, 37.01, 137.11, 37.02))}
    assert states(places, zones) == {"doubt in": "inside"}


@pytest.mark.parametrize(
    ("blind", "left"),
    [
        (zone(shapely.Point(136.95, 37.1)), {"neighbour": "outside"}),
        (zone(shapely.LineString([(136.95, 37.1), (136.96, 37.1)])), {"neighbour": "outside"}),
        (zone(None, muni=NANAO), {"neighbour": "outside"}),
        (zone(None, pref_code="16"), {"beside": "outside", "neighbour": "outside"}),
        (zone(None, pref_code="17"), {}),
        (zone(None), {}),
        (zone(None, scenario="planned"), {"beside": "outside", "neighbour": "outside"}),
    ],
)
def test_a_zone_of_unknown_extent_leaves_no_outside(blind: dict[str, Any], left: dict[str, str]) -> None:
    places = placed({"in": INSIDE, "beside": BESIDE, "neighbour": NEIGHBOUR})
    known = {"y": zone(shapely.box(136.9, 37.1, 136.91, 37.11)), "z": zone(shapely.box(137.15, 37.1, 137.16, 37.11))}
    assert states(places, {**known, "blind": blind}) == {"in": "inside", **left}


@given(
    x=st.floats(136.8, 137.2), y=st.floats(37.0, 37.2), width=st.floats(0.001, 0.2), kind=st.sampled_from(["a", "b"])
)
def test_outside_is_only_said_where_a_map_has_a_zone_of_the_municipality(
    x: float, y: float, width: float, kind: str
) -> None:
    shape = shapely.box(x, y, x + width, y + width / 2)
    places = placed({"nanao": at(136.81, 37.01, NANAO), "wajima": at(137.19, 37.19, WAJIMA)})
    told = said(places, {"z": zone(shape, source=kind)})
    for key, code in (("nanao", NANAO), ("wajima", WAJIMA)):
        one = told.get(f"shelter/{key}", NOT_COVERED)
        lies_in = shape.covers(
            shapely.Point(places.x[places.item_id.index(key)], places.y[places.item_id.index(key)])
        )
        assert (one["state"] == "inside") == lies_in
        if one["state"] == "outside":
            assert shapely.intersects(shape, SQUARES[code])
            assert {found["source"] for found in one["maps"]} == {kind}


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────

SQUARE = shapely.box(136.9, 37.1, 136.91, 37.11)


def worst_of(*zones: dict[str, Any]) -> list[dict[str, Any]]:
    told = said(placed({"in": INSIDE}), {f"z{n}": zone(SQUARE, **one) for n, one in enumerate(zones)})
    worst: list[dict[str, Any]] = told["shelter/in"]["worst"]
    return worst


def test_the_deepest_class_of_each_scenario_and_all_zones() -> None:
    shallow, deep = {"depth_min_m": 0.5, "depth_max_m": 3.0}, {"depth_min_m": 3.0, "depth_max_m": 5.0}
    bottomless = {"depth_min_m": 3.0, "depth_max_m": None, "class_code": "9"}
    planned, maximum = worst_of(shallow, deep, bottomless, {**shallow, "scenario": "planned", "class_text": "床上"})[
        ::-1
    ]
    assert (planned["scenario"], planned["class_text"], planned["count"]) == ("planned", "床上", 1)
    assert (maximum["scenario"], maximum["class_code"], maximum["count"]) == ("maximum", "9", 3)
    assert (maximum["depth_min_m"], maximum["depth_max_m"], maximum["without_measure"]) == (3.0, None, 0)


def test_a_zone_without_depth_is_counted_beside_those_with_one() -> None:
    (one,) = worst_of({"depth_min_m": 0.0, "depth_max_m": 0.5}, {"class_text": "不明"})
    assert (one["depth_max_m"], one["count"], one["without_measure"]) == (0.5, 2, 1)


def test_the_strictest_zone_where_there_is_no_depth() -> None:
    zones = [{"scenario": None, "hazard": "debris_flow", "zone": name} for name in ("warning", "special_warning")]
    (flow,) = worst_of(*zones)
    assert flow["zone"] == "special_warning"
    steep, flow = worst_of(*zones, {**zones[0], "hazard": "steep_slope"})[::-1]
    assert [one["hazard"] for one in (flow, steep)] == ["debris_flow", "steep_slope"]


def test_the_longest_under_water() -> None:
    hours = [{"scenario": "duration", "duration_min_h": h, "duration_max_h": 2 * h or 12} for h in (0, 72, 12)]
    assert worst_of(*hours)[0]["duration_min_h"] == 72


def test_a_zone_is_listed_with_its_source() -> None:
    told = said(
        placed({"in": INSIDE}), {"z": zone(SQUARE, name="訓練川", class_code="3", designated_on="2020-05-01")}
    )
    (one,) = told["shelter/in"]["zones"]
    assert one == {
        "kind": "hazard_zone_flood",
        "item_id": "z",
        "revision": 100,
        "hazard": "flood",
        "zone": None,
        "class_code": "3",
        "class_text": None,
        "depth_min_m": None,
        "depth_max_m": None,
        "duration_min_h": None,
        "duration_max_h": None,
        "scenario": "maximum",
        "name": "訓練川",
        "designated_on": "2020-05-01",
        "edition": "A31a-24",
        "source": "feed",
        "issuer": "国土交通省",
        "issued_at": "2024-04-01T09:00:00+09:00",
    }


def test_nothing_says_nothing() -> None:
    none = placed({})
    assert (len(none), none.box) == (0, None)
    assert said(none, {"z": zone(SQUARE)}) == {}
    assert said(placed({"in": INSIDE}), {}) == {}
    assert len(hazard_exposure.statements("flood", none, Survey())) == 0


def test_zones_in_several_tables_are_one_survey() -> None:
    places = placed({"in": INSIDE, "beside": BESIDE})
    zones = [zone(SQUARE, name=str(n)) for n in range(5)] + [zone(shapely.box(136.94, 37.14, 136.96, 37.16))]
    whole = [table("hazard_zone_flood", {str(n): one for n, one in enumerate(zones)})]
    apart = [table("hazard_zone_flood", {str(n): one}) for n, one in enumerate(zones)]
    found = [
        hazard_exposure.statements("flood", places, hazard_exposure.survey(places, ALL, t)) for t in (whole, apart)
    ]
    names = [[[z["name"] for z in one["zones"]] for one in items.props["flood"]] for items in found]
    assert names[0] == names[1] == [[None], ["0", "1", "2", "3", "4"]]


# ── what is due, and what others ask ─────────────────────────────────────────────────────────────────────


def test_news_is_of_the_prefectures_that_it_may_concern() -> None:
    toyama = (137.2, 36.6, 137.25, 36.7)
    assert hazard_exposure.prefectures_of([("shelter", "17", toyama)]) == {"17"}
    assert {"16"} <= hazard_exposure.prefectures_of([("shelter", None, toyama)]) < {f"{n:02d}" for n in range(1, 48)}
    assert "16" in hazard_exposure.prefectures_of([("hazard_zone_flood", "17", toyama)])
    assert hazard_exposure.prefectures_of([("hazard_zone_flood", "17", None)]) == {"17"}
    assert len(hazard_exposure.prefectures_of([("hazard_zone_flood", None, None)])) == 47
    assert hazard_exposure.prefectures_of([("shelter", None, None)]) == set()


def stored(*parts: tuple[str, ItemTable]) -> RevisionTable:
    """Statements of some hazards as the store gives them back."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, items in parts:
        for item in items.rows():
            assert item.geometry is not None
            shape = shapely.from_wkb(item.geometry)
            rows[(item.item_id, kind)] = {
                **item.props,
                "shape": shape,
                "muni": item.muni_code,
                "scope": f"exposure/{kind}/17",
            }
    made = table("hazard_exposure", {f"{n:03d}": row for n, row in enumerate(rows.values())})
    return RevisionTable(**{name: getattr(made, name) for name in made.__slots__} | {"item_id": [i for i, _ in rows]})


def exposed(places: hazard_exposure.Places) -> RevisionTable:
    found = []
    for kind in ("hazard_zone_flood", "hazard_zone_tsunami"):
        survey = hazard_exposure.survey(places, ALL, [table(kind, {"z": zone(SQUARE, name=kind)})])
        found.append((kind, hazard_exposure.statements(HAZARDS[kind], places, survey)))
    return stored(*found)


def test_every_hazard_of_a_subject_is_answered() -> None:
    known = hazard_exposure.exposure_by_subject(exposed(placed({"in": INSIDE, "beside": BESIDE})))
    assert set(known) == {"shelter/in", "shelter/beside"}
    one = known["shelter/in"]
    assert {hazard: said["state"] for hazard, said in one.hazards.items()} == {
        **dict.fromkeys(HAZARDS.values(), "not_covered"),
        "flood": "inside",
        "tsunami": "inside",
    }
    assert (one.lon, one.lat) == (136.905, 37.105)
    assert set(one.revisions) == {"flood", "tsunami"}
    assert one.at(bytes(shapely.Point(136.905, 37.105).wkb)) is one.hazards
    for elsewhere in (bytes(shapely.Point(136.9, 37.1).wkb), None):
        assert {said["state"] for said in one.at(elsewhere).values()} == {"not_covered"}


def now(places: Mapping[str, Mapping[str, Any]], exposure: RevisionTable) -> dict[str, RevisionTable]:
    return {kind: table(kind, places if kind == "shelter" else {}) for kind in PLACES} | {"hazard_exposure": exposure}


def test_the_layer_has_every_place_and_every_hazard() -> None:
    rows = {
        "in": {**INSIDE, "name": "訓練小学校"},
        "beside": BESIDE,
        "neighbour": NEIGHBOUR,
        "no place": {"muni": NANAO},
    }
    made = hazard_exposure.table(now(rows, exposed(placed(rows))), {}, T0)
    assert list(made.item_id) == ["shelter/beside", "shelter/in", "shelter/neighbour"]
    beside, inside, neighbour = (json.loads(props) for props in made.props)
    assert [one["flood"]["state"] for one in (beside, inside, neighbour)] == ["outside", "inside", "not_covered"]
    assert {
        one[hazard]["state"] for one in (beside, inside, neighbour) for hazard in ("landslide", "storm_surge")
    } == {"not_covered"}
    assert (inside["subject_kind"], inside["subject_id"], inside["name"]) == ("shelter", "in", "訓練小学校")
    rests = [(one["kind"], one["revision"]) for one in inside["sources"] if "flood" in one["attributes"]]
    assert rests == [("hazard_zone_flood", 100), ("hazard_exposure", 101)]
    assert [one["kind"] for one in neighbour["sources"]] == ["shelter"]


def test_of_a_place_that_has_moved_nothing_is_said() -> None:
    exposure = exposed(placed({"in": INSIDE}))
    made = hazard_exposure.table(now({"in": at(136.9051, 37.105, NANAO)}, exposure), {}, T0)
    assert json.loads(made.props[0])["flood"] == NOT_COVERED


# ── real maps and lists ──────────────────────────────────────────────────────────────────────────────────


def took(own: settings.Settings, feed: str, paths: Sequence[Path]) -> None:
    files = [(path.name, path.read_bytes()) for path in paths]
    done = list(pipeline.ingest_files(feed, files, own, dated_at=datetime(2025, 4, 1, tzinfo=UTC)))
    assert {one.outcome for one in done} <= {"stored", "unchanged"}


@pytest.fixture(scope="module")
def real(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    """横須賀市's list and tsunami areas, without N03 of 神奈川県; 八王子市's list, and debris flow zones and N03 of
    東京都.
    """
    own = settings.load({"BOUSAI_DATA": str(tmp_path_factory.mktemp("real"))})
    pipeline.prepare(own)
    for feed, pattern in (
        ("yokosuka_tsunami_area", "ksj-hazard/yokosuka-tsunami/*"),
        ("yokosuka_evacuation_site", "municipal-shelters/yokosuka/*"),
        ("tokyo_debris_flow", "ksj-hazard/tokyo-dosha/*"),
        ("hachioji_evacuation_site", "municipal-shelters/hachioji/*.xlsx"),
        ("ksj_municipality", "n03/N03-21_13_*.json"),
    ):
        took(own, feed, sorted(realdata.glob(pattern)))
    for pref in pipeline.prefectures_to_expose(own):
        pipeline.expose(pref, own)
    return own


def features(own: settings.Settings, layer: str) -> list[dict[str, Any]]:
    text = b"".join(pipeline.layer_geojson(layer, own))
    found: list[dict[str, Any]] = json.loads(text)["features"]
    return found


def test_yokosuka_sites_in_the_tsunami_areas_are_those_of_shapely_pair_by_pair(real: settings.Settings) -> None:
    zones = [
        (one["id"], shapely.from_geojson(json.dumps(one["geometry"])))
        for one in features(real, "hazard_zone_tsunami")
    ]
    assert len(zones) == 32
    exposures = {one["id"]: one["properties"]["tsunami"] for one in features(real, "hazard_exposure")}
    hits = 0
    for site in features(real, "municipal_site"):
        if site["properties"]["source"] != "yokosuka_evacuation_site":
            continue
        point = shapely.from_geojson(json.dumps(site["geometry"]))
        expected = {zone_id for zone_id, area in zones if shapely.covers(area, point)}
        told = exposures[f"municipal_site/{site['id']}"]
        assert {one["item_id"] for one in told["zones"]} == expected
        # 神奈川県's municipalities are not loaded and the areas do not name theirs: nothing is outside
        assert told["state"] == ("inside" if expected else "not_covered")
        hits += bool(expected)
    assert hits >= 2


def test_hachioji_sites_are_told_what_kind_of_zone_they_are_outside_of(real: settings.Settings) -> None:
    found = [one["properties"] for one in features(real, "hazard_exposure")]
    hachioji = [one for one in found if one["source"].startswith("hachioji")]
    assert len(hachioji) >= 100
    (city,) = (one for one in features(real, "municipality") if one["id"].endswith("13201"))
    area = shapely.from_geojson(json.dumps(city["geometry"]))
    zones = [shapely.from_geojson(json.dumps(one["geometry"])) for one in features(real, "hazard_zone_landslide")]
    assert sum(shapely.covers(area, zone) for zone in zones) > 10
    for one in hachioji:
        assert one["landslide"]["state"] in ("inside", "outside")
        assert {(told["hazard"], told["zone"]) for told in one["landslide"]["maps"]} == {
            ("debris_flow", "special_warning")
        }
        assert one["flood"] == NOT_COVERED


def test_from_a_real_exposure_to_the_bytes_of_the_map(real: settings.Settings) -> None:
    inside = next(
        one for one in features(real, "hazard_exposure") if one["properties"]["tsunami"]["state"] == "inside"
    )
    traced = pipeline.trace(f"hazard_exposure/{inside['id']}#tsunami", real)["revisions"]
    assert [one["feed"] for one in traced] == ["yokosuka_tsunami_area", "hazard_exposure"]
    assert all(one["verified"] for one in traced)
    names = [one["feed"] for one in pipeline.trace(f"hazard_exposure/{inside['id']}#name", real)["revisions"]]
    assert names == ["yokosuka_evacuation_site"]


def test_before_the_map_nothing_is_known(real: settings.Settings) -> None:
    for at_time, expected in (("2025-03-01", 0), ("2025-04-02", 2)):
        with pipeline.opened(real) as house:
            moment = datetime.fromisoformat(f"{at_time}T00:00:00+09:00")
            held = store.items(house.store, "hazard_exposure", valid_at=moment)
            known = hazard_exposure.exposure_by_subject(held)
        inside = [one for one in known.values() if one.hazards["tsunami"]["state"] == "inside"]
        assert (len(inside) >= expected) if expected else not inside
