"""Normalise: every step, and the laws for whatever comes: nothing dropped, valid areas, a second pass idle."""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, ItemTable, RawDocument, Status
from bousai.normalise import STEPS, normalise
from bousai.parse import gsi_shelter, ksj_municipality
from bousai.vocab.kind import kinds

JST = timezone(timedelta(hours=9))
SEEN = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
ISSUED = datetime(2026, 11, 5, 9, 30, tzinfo=JST)
NAN, INF = float("nan"), float("inf")


def raw(taint: Status = "actual", dated_at: datetime | None = None) -> RawDocument:
    return RawDocument("0" * 64, "feed", "https://example.org/a.csv", "a.csv", SEEN, 1, taint, dated_at)


def bulletin(
    geometry: Sequence[bytes | None] = (None,),
    *,
    kind: str = "shelter",
    props: dict[str, list[Any]] | None = None,
    muni_code: Sequence[str | None] | None = None,
    ends: Sequence[datetime | None] | None = None,
    **members: Any,
) -> Bulletin:
    n = len(geometry)
    table = ItemTable(
        item_id=[f"item-{index}" for index in range(n)],
        props=props or {"name": ["河井小学校"] * n},
        muni_code=muni_code or [None] * n,
        geometry=geometry,
        valid_to=ends,
        position=[f"line {index + 2}" for index in range(n)],
    )
    said: dict[str, Any] = {"issued_at": ISSUED, "status": "actual", "issuer": "国土地理院", "complete": True}
    return Bulletin(kind=kind, scope="gsi/shelter/17204", items=table, **{**said, **members})


def contents(of: Bulletin) -> tuple[Any, ...]:
    items = of.items
    return (
        *(of.status, of.issued_at, of.sent_at, of.valid_to, of.complete),
        *(list(items.item_id), list(items.muni_code), list(items.geometry)),
        {name: list(column) for name, column in items.props.items()},
    )


def placed(wkb: bytes | None, kind: str = "shelter") -> tuple[Any, list[Issue]]:
    """One geometry, with a good neighbour that must not suffer."""
    neighbour = shapely.to_wkb(shapely.Point(136.9, 37.4))
    result, issues = normalise(bulletin([wkb, neighbour], kind=kind), raw())
    assert len(result.items) == 2
    assert result.items.geometry[1] == neighbour
    assert result.items.item_id == ["item-0", "item-1"]
    found = result.items.geometry[0]
    return (None if found is None else shapely.from_wkb(found)), issues


# status


@pytest.mark.parametrize(
    ("said", "taint", "expected"),
    [
        ("actual", "actual", "actual"),
        ("actual", "exercise", "exercise"),
        ("actual", "test", "test"),
        ("exercise", "actual", "exercise"),
        ("exercise", "test", "test"),
        ("test", "exercise", "test"),
        ("test", "actual", "test"),
    ],
)
def test_what_came_through_the_door_of_an_exercise_stays_one(said: Status, taint: Status, expected: Status) -> None:
    result, issues = normalise(bulletin(status=said), raw(taint))
    assert (result.status, issues) == (expected, [])


# time


@pytest.mark.parametrize("name", ["issued_at", "sent_at", "valid_to"])
def test_a_time_without_zone_is_refused(name: str) -> None:
    with pytest.raises(ParseError) as caught:
        normalise(bulletin(**{name: datetime(2026, 11, 5, 9)}), raw())  # noqa: DTZ001
    assert (caught.value.code, name in str(caught.value)) == ("time_without_zone", True)


def test_a_time_without_zone_of_an_item_is_refused() -> None:
    ends = [ISSUED, None, datetime(2026, 11, 6)]  # noqa: DTZ001
    with pytest.raises(ParseError) as caught:
        normalise(bulletin([None] * 3, ends=ends), raw())
    assert caught.value.code == "time_without_zone"


@pytest.mark.parametrize("name", ["issued_at", "sent_at"])
@pytest.mark.parametrize("zone", [UTC, JST])
def test_the_clock_of_a_source_may_be_five_minutes_ahead(name: str, zone: timezone) -> None:
    for minutes in (-10_000, 4, 5):
        at = (SEEN + timedelta(minutes=minutes)).astimezone(zone)
        result, issues = normalise(bulletin(**{name: at}), raw())
        assert (getattr(result, name), issues) == (at, [])
    for ahead in (timedelta(minutes=5, seconds=1), timedelta(minutes=6), timedelta(hours=2)):
        with pytest.raises(ParseError) as caught:
            normalise(bulletin(**{name: (SEEN + ahead).astimezone(zone)}), raw())
        assert (caught.value.code, bool(caught.value.remedy)) == ("from_the_future", True)


def test_local_time_said_to_be_utc_is_from_the_future() -> None:
    with pytest.raises(ParseError) as caught:
        normalise(bulletin(issued_at=ISSUED.replace(tzinfo=UTC)), raw())
    assert caught.value.code == "from_the_future"


def test_an_end_may_be_in_the_future() -> None:
    end = SEEN + timedelta(days=3)
    result, _ = normalise(bulletin(ends=[end]), raw())
    assert result.items.valid_to == [end]


def test_offsets_are_kept() -> None:
    result, _ = normalise(bulletin(sent_at=ISSUED.astimezone(UTC)), raw())
    assert result.issued_at is not None
    assert result.sent_at is not None
    assert (result.issued_at.isoformat(), result.sent_at.isoformat()) == (
        "2026-11-05T09:30:00+09:00",
        "2026-11-05T00:30:00+00:00",
    )


def test_a_statement_without_a_time_gets_that_of_the_document() -> None:
    dated = datetime(2026, 10, 1, tzinfo=JST)
    assert normalise(bulletin(issued_at=None), raw(dated_at=dated))[0].issued_at == dated
    assert normalise(bulletin(issued_at=None), raw())[0].issued_at == SEEN
    assert normalise(bulletin(), raw(dated_at=dated))[0].issued_at == ISSUED
    with pytest.raises(ParseError) as caught:
        normalise(bulletin(issued_at=None), raw(dated_at=SEEN + timedelta(minutes=6)))
    assert caught.value.code == "from_the_future"


# text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("河井小学校", "河井小学校"),
        (" 河井\u3000小学校\u3000\n", "河井\u3000小学校"),
        ("か\u3099", "が"),
        ("", None),
        (" \u3000\t", None),
        ("レベル４ ①髙﨑～", "レベル４ ①髙﨑～"),
        ("一行目\r\n二行目\r三行目\n", "一行目\n二行目\n三行目"),
        ("a\tb", "a\tb"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        (0, 0),
        (False, False),
        (None, None),
        (1.5, 1.5),
        ([], []),
        ({}, {}),
        (["", " a "], [None, "a"]),
        ((" a",), ["a"]),
        ({"か\u3099 ": [{"x": "か\u3099 "}]}, {"か\u3099 ": [{"x": "が"}]}),
    ],
)
def test_text(said: Any, kept: Any) -> None:
    result, issues = normalise(bulletin(props={"name": [said]}), raw())
    assert (result.items.props["name"], issues) == ([kept], [])
    assert type(result.items.props["name"][0]) is type(kept)


@pytest.mark.parametrize(
    ("said", "kept", "codes"),
    [
        ("a\x00b", "ab", "U+0000"),
        ("\x1b[31m赤", "[31m赤", "U+001B"),
        ("a\x7f\x85\x9f", "a", "U+007F, U+0085, U+009F"),
        ("\u202e学校", "学校", "U+202E"),
        ("\u2066a\u2069", "a", "U+2066, U+2069"),
        ("\u200ea\u200f", "a", "U+200E, U+200F"),
        ("\u061ca", "a", "U+061C"),
        ("\ufeffa", "a", "U+FEFF"),
        ("\x01", None, "U+0001"),
        (["x", {"y": "\x02a"}], ["x", {"y": "a"}], "U+0002"),
    ],
)
def test_invisible_characters_are_taken_out_with_one_issue(said: Any, kept: Any, codes: str) -> None:
    result, issues = normalise(bulletin([None] * 3, props={"name": [said, "b", said], "note": [said] * 3}), raw())
    assert result.items.props == {"name": [kept, "b", kept], "note": [kept] * 3}
    [issue] = issues
    assert (issue.code, issue.severity) == ("control_characters", "info")
    assert codes in issue.cause
    assert issue.cause.isprintable()


texts = st.text(max_size=8) | st.text("aが\u3099 \u3000\n\r\t\x00\x1b\u202e\u061c\ufeff", max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]


@given(column=st.lists(values, min_size=1, max_size=4))
def test_every_text_that_leaves_is_clean_and_stays_so(column: list[Any]) -> None:
    before = bulletin([None] * len(column), props={"name": column})
    result, issues = normalise(before, raw())
    for leaf in leaves(list(result.items.props["name"])):
        if isinstance(leaf, str):
            assert leaf
            assert leaf == unicodedata.normalize("NFC", leaf).strip()
            assert not [c for c in leaf if unicodedata.category(c) == "Cc" and c not in "\n\t"]
            assert not [c for c in leaf if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF")]
            assert not set("\u061c\u200e\u200f\u2066\u2067\u2068\u2069\ufeff") & set(leaf)
    assert len(issues) <= 1
    again, idle = normalise(result, raw())
    assert (contents(again), idle) == (contents(result), [])


# place


def test_an_unknown_municipality_is_none_with_one_issue_and_the_item_stays() -> None:
    codes = ["17204", "17999", None, "17999", "172049", "１７２０４", ""]
    result, issues = normalise(bulletin([None] * 7, muni_code=codes), raw())
    assert result.items.muni_code == ["17204", None, None, None, None, None, None]
    assert len(result.items) == 7
    assert [(issue.code, issue.severity) for issue in issues] == [("unknown_municipality", "warning")] * 4
    assert sum("17999" in issue.cause for issue in issues) == 1


def test_abolished_municipalities_are_known() -> None:
    result, issues = normalise(bulletin(muni_code=["22131"]), raw())  # 浜松市中区, until 2023-12-31
    assert (result.items.muni_code, issues) == (["22131"], [])


# geometry


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POINT Z (136.9 37.4 12)", "POINT (136.9 37.4)"),
        ("POINT M (136.9 37.4 12)", "POINT (136.9 37.4)"),
        ("POINT (136.90000049 37.3999995)", "POINT (136.9 37.4)"),
        ("POINT (122 20)", "POINT (122 20)"),
        ("POINT (153.9807 24.2867)", "POINT (153.9807 24.2867)"),
        ("LINESTRING Z (136 37 1, 137 38 2)", "LINESTRING (136 37, 137 38)"),
        ("MULTIPOINT (136 37, 137 38)", "MULTIPOINT (136 37, 137 38)"),
        ("POLYGON Z ((136 37 1, 136 38 1, 137 38 1, 136 37 1))", "POLYGON ((136 37, 137 38, 136 38, 136 37))"),
    ],
)
def test_two_dimensions_and_six_decimals(wkt: str, expected: str) -> None:
    found, issues = placed(shapely.to_wkb(shapely.from_wkt(wkt), flavor="iso"))
    assert not found.has_z
    assert found.normalize().equals_exact(shapely.from_wkt(expected).normalize(), 0)
    assert issues == []


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (37.4, 136.9, "swapped_coordinates"),
        (0, 0, "outside_japan"),
        (127, 60, "outside_japan"),
        (121.9, 24, "outside_japan"),
        (999, 999, "off_the_earth"),
        (-200, 37, "off_the_earth"),
        (1e300, 37, "off_the_earth"),
        (NAN, NAN, "bad_geometry"),
        (NAN, 37.4, "bad_geometry"),
        (136.9, NAN, "bad_geometry"),
        (INF, 37.4, "bad_geometry"),
    ],
)
def test_a_place_that_cannot_be_is_left_out(lon: float, lat: float, code: str) -> None:
    found, issues = placed(struct.pack("<BI2d", 1, 1, lon, lat))
    assert found is None
    [issue] = issues
    assert (issue.code, issue.severity, issue.position) == (code, "warning", "line 2")
    assert "item-0" in issue.cause
    assert issue.remedy


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (-70.7, -19.6, None),
        (180, 90, None),
        (37.4, 136.9, "swapped_coordinates"),
        (190, 37, "off_the_earth"),
        (NAN, 37, "bad_geometry"),
    ],
)
def test_an_earthquake_may_be_abroad(lon: float, lat: float, code: str | None) -> None:
    neighbour = shapely.to_wkb(shapely.Point(-70, -20))
    point = struct.pack("<BI2d", 1, 1, lon, lat)
    result, issues = normalise(bulletin([point, neighbour], kind="earthquake"), raw())
    assert list(result.items.geometry) == [None if code else point, neighbour]
    assert [issue.code for issue in issues] == ([code] if code else [])


# What happens in the world: earthquakes and texts on them, typhoons and seas, what other countries report.
ABROAD = {"earthquake", "seismic_bulletin", "weather_commentary", "typhoon", "cap_alert", "world_event"}


@pytest.mark.parametrize("kind", sorted(set(kinds()) - ABROAD))
def test_nothing_else_may(kind: str) -> None:
    assert placed(shapely.to_wkb(shapely.Point(-70.7, -19.6)), kind)[0] is None


RING_WITH_NAN = struct.pack("<BIII8d", 1, 3, 1, 4, 136, 37, 137, 37, NAN, 38, 136, 37)
RING_WITH_INF = struct.pack("<BIII8d", 1, 3, 1, 4, 136, 37, 137, 37, INF, 38, 136, 37)
TWO_POINTS = struct.pack("<BIIBI2dBI2d", 1, 4, 2, 1, 1, 136, 37, 1, 1, NAN, 37)
EMPTY = ["POINT EMPTY", "POLYGON EMPTY", "MULTIPOLYGON EMPTY", "GEOMETRYCOLLECTION EMPTY"]


@pytest.mark.parametrize(
    "wkb",
    [
        b"",
        b"\x01",
        b"garbage",
        b"POINT (136 37)",
        b"\0" * 50,
        b"\x01\x03\0\0\0\xff\xff\xff\xff",
        struct.pack("<BI2d", 1, 1, 136, 37)[:-3],
        struct.pack("<BI2d", 1, 99, 136, 37),
        RING_WITH_NAN,
        RING_WITH_INF,
        TWO_POINTS,
        *(shapely.to_wkb(shapely.from_wkt(wkt)) for wkt in EMPTY),
    ],
    ids=range(15),
)
def test_a_geometry_that_cannot_be_read_is_left_out(wkb: bytes) -> None:
    found, issues = placed(wkb)
    assert found is None
    assert [(issue.code, issue.position) for issue in issues] == [("bad_geometry", "line 2")]


def test_a_bow_tie_is_repaired_with_an_issue() -> None:
    bow = shapely.Polygon([(136, 37), (137, 38), (137, 37), (136, 38)])
    assert not bow.is_valid
    found, issues = placed(shapely.to_wkb(bow))
    assert found.is_valid
    assert found.area == pytest.approx(0.5)
    assert found.bounds == bow.bounds
    [issue] = issues
    assert (issue.code, issue.severity, issue.position) == ("geometry_repaired", "info", "line 2")
    assert "Self-intersection" in issue.cause


def test_many_bow_ties_are_one_issue() -> None:
    bows = [
        shapely.to_wkb(shapely.Polygon([(x, 37), (x + 0.1, 38), (x + 0.1, 37), (x, 38)]))
        for x in np.linspace(136, 138, 30)
    ]
    result, issues = normalise(bulletin(bows), raw())
    assert shapely.is_valid(shapely.from_wkb(result.items.geometry)).all()
    [issue] = issues
    assert issue.cause.startswith("item-0, item-1, item-2, item-3, item-4 and 25 more: ")


def test_an_area_smaller_than_the_grid_leaves_nothing_and_the_item_stays() -> None:
    tiny = shapely.Polygon([(136, 37), (136.0000001, 37), (136, 37.0000001)])
    found, issues = placed(shapely.to_wkb(tiny))
    assert found is None
    assert [(issue.code, issue.severity) for issue in issues] == [("geometry_repaired", "warning")]


@pytest.mark.parametrize(
    "ring",
    [
        [(10, 15), (4, 30), (16, 6), (17, 24), (13, 12)],
        [(18, 19), (24, 10), (22, 21), (21, 4), (28, 25), (27, 22)],
    ],
)
def test_an_area_that_cannot_be_repaired_on_the_grid_does_not_stop_the_others(ring: list[tuple[int, int]]) -> None:
    found, issues = placed(shapely.to_wkb(shapely.Polygon([(136 + x / 1e6, 37 + y / 1e6) for x, y in ring])))
    assert found is None or found.is_valid
    assert [(issue.code, issue.severity) for issue in issues] == [
        ("geometry_repaired", "warning" if found is None else "info")
    ]


def test_holes_are_clockwise() -> None:
    ring = shapely.box(136, 37, 137, 38, ccw=False)
    area = shapely.difference(ring, shapely.box(136.2, 37.2, 136.4, 37.4))
    found, issues = placed(shapely.to_wkb(shapely.orient_polygons(area, exterior_cw=True)))
    assert (found.exterior.is_ccw, [hole.is_ccw for hole in found.interiors], issues) == (True, [False], [])
    assert found.area == pytest.approx(0.96)


steps = st.sampled_from([1e-7, 1e-6, 1e-3, 0.1])
corners = st.tuples(st.integers(0, 12), st.integers(0, 12))
shifts = st.sampled_from([0.0, 3e-7, 5e-7, 1 / 3])
points = st.tuples(st.floats(130, 145), st.floats(30, 40)) | st.tuples(
    st.sampled_from([NAN, INF, 0.0, 37.0, 500.0]), st.sampled_from([NAN, 0.0, 37.0, 136.0])
)


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Polygon:
    """Rings on a coarse grid: most cross, touch or collapse somewhere."""
    step, shift = draw(steps), draw(shifts)
    rings = draw(st.lists(st.lists(corners, min_size=3, max_size=9), min_size=1, max_size=3))
    placed = [[(136 + shift + step * x, 37 + shift + step * y) for x, y in ring] for ring in rings]
    return shapely.Polygon(placed[0], placed[1:])


areas = polygons().map(shapely.to_wkb) | st.lists(polygons(), min_size=1, max_size=3).map(
    lambda parts: shapely.to_wkb(shapely.MultiPolygon(parts))
)
geometries = (
    st.none() | st.binary(max_size=30) | points.map(lambda point: struct.pack("<BI2d", 1, 1, *point)) | areas | areas
)


@settings(max_examples=400)
@given(found=st.lists(geometries, min_size=1, max_size=6))
def test_every_geometry_that_leaves_is_right_and_stays_so(found: list[bytes | None]) -> None:
    before = bulletin(found)
    result, issues = normalise(before, raw())
    assert result.items.item_id == before.items.item_id
    assert len(result.items) == len(found) == len(result.items.geometry)
    lost = {f"line {n + 2}" for n, (a, b) in enumerate(zip(found, result.items.geometry, strict=True)) if a and not b}
    assert lost <= {issue.position for issue in issues}
    assert len(issues) <= len(found)
    for wkb in result.items.geometry:
        if wkb is None:
            continue
        shape = shapely.from_wkb(wkb)
        coordinates = shapely.get_coordinates(shape)
        assert (coordinates == coordinates.round(6)).all()
        assert not shape.has_z
        assert shape.is_valid, shapely.is_valid_reason(shape)
        for part in shapely.get_parts(shape):
            assert part.geom_type in ("Polygon", "Point")
            if part.geom_type == "Polygon":
                assert part.exterior.is_ccw
                assert not any(hole.is_ccw for hole in part.interiors)
    again, idle = normalise(result, raw())
    assert (contents(again), idle) == (contents(result), [])


# all of it


def test_the_steps_and_their_order() -> None:
    assert [step.__name__ for step in STEPS] == ["status", "time", "text", "identity", "place", "geometry"]


def test_every_step_keeps_all_the_rest() -> None:
    before = bulletin(
        [shapely.to_wkb(shapely.Point(136.9, 37.4)), None],
        muni_code=["17204", "99999"],
        ends=[SEEN + timedelta(days=1), None],
        valid_to=SEEN + timedelta(days=2),
        serial="2",
        source_event_id="e",
        bulletin_type="gsi_1",
        msg_type="correct",
    )
    result, _ = normalise(before, raw("exercise"))
    for name in (
        "kind",
        "scope",
        "issuer",
        "complete",
        "valid_to",
        "msg_type",
        "serial",
        "source_event_id",
        "bulletin_type",
    ):
        assert getattr(result, name) == getattr(before, name)
    for name in ("item_id", "position", "valid_to", "ended"):
        assert getattr(result.items, name) == getattr(before.items, name)
    assert before.items.muni_code == ["17204", "99999"]  # what came in is as it was
    assert before.status == "actual"


def test_no_items_at_all() -> None:
    """「発表なし」 is a statement too."""
    result, issues = normalise(bulletin([], props={}), raw())
    assert (len(result.items), issues) == (0, [])


@pytest.mark.parametrize("name", ["13", "15", "43"])
def test_real_areas(realdata: Path, name: str) -> None:
    parsed = list(ksj_municipality.parse((realdata / f"n03/N03-21_{name}_210101.json").read_bytes()))
    for before in (one for one in parsed if isinstance(one, Bulletin)):
        result, issues = normalise(before, raw())
        assert {issue.code for issue in issues} <= {"geometry_repaired"}
        assert all(issue.severity == "info" for issue in issues)
        assert result.items.muni_code == before.items.muni_code
        old, new = shapely.from_wkb(before.items.geometry), shapely.from_wkb(result.items.geometry)
        assert shapely.is_valid(new).all()
        assert shapely.area(new) == pytest.approx(shapely.area(old), rel=1e-3)
        again, idle = normalise(result, raw())
        assert (contents(again), idle) == (contents(result), [])


def test_real_shelters_pass_unchanged_but_for_empty_cells(realdata: Path) -> None:
    document = (realdata / "gsi-shelters/csv/designated_shelters_17_ishikawa.csv").read_bytes()
    for before in gsi_shelter.parse(document):
        assert isinstance(before, Bulletin)
        result, issues = normalise(before, raw())
        assert issues == []
        assert result.items.geometry == before.items.geometry
        assert result.items.muni_code == before.items.muni_code
        for name, column in before.items.props.items():
            expected = [unicodedata.normalize("NFC", c) or None if isinstance(c, str) else c for c in column]
            assert list(result.items.props[name]) == expected


# ── identity ─────────────────────────────────────────────────────────────────────────────────────────────


def named(*ids: str, scope: str = "feed/a", issuer: str = "役所") -> Bulletin:
    made = bulletin([None] * len(ids))
    return replace(made, scope=scope, issuer=issuer).with_items(replace(made.items, item_id=list(ids)))


def test_marks_that_nobody_sees_make_no_other_thing() -> None:
    result, issues = normalise(named("a\ufeff", "b\x1f", "髙\u3000田", scope="\ud800feed/\u200ea"), raw())
    assert (result.scope, list(result.items.item_id)) == ("feed/a", ["a", "b", "髙\u3000田"])
    assert [issue.code for issue in issues] == ["control_characters"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (named("a", "b", "a"), "duplicate_item"),
        (named("a", "a\ufeff"), "duplicate_item"),
        (named("a", ""), "no_identity"),
        (named("\ufeff"), "no_identity"),
        (named("a", scope="\u200e"), "no_identity"),
    ],
)
def test_a_statement_without_its_names_is_refused(statement: Bulletin, code: str) -> None:
    with pytest.raises(ParseError) as refused:
        normalise(statement, raw())
    assert refused.value.code == code
    assert refused.value.remedy


def test_a_statement_that_does_not_say_who_speaks_is_kept_and_told() -> None:
    result, issues = normalise(named("a", issuer=""), raw())
    assert len(result.items) == 1
    assert [(issue.code, issue.severity) for issue in issues] == [("no_issuer", "warning")]
