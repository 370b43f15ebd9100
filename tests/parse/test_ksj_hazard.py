"""Hazard maps: one set of zones in every format and encoding, editions, copies, and the real files there are."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import catalogue, normalise, pipeline, store
from bousai import settings as bousai_settings
from bousai.errors import ParseError
from bousai.model import Bulletin, Issue, Item, Provenance, RawDocument
from bousai.parse import ksj_hazard

PROJECT = Path(__file__).resolve().parents[2]
FEEDS = catalogue.load(PROJECT / "config").feeds
ZONES = [
    shapely.box(139.60, 35.4, 139.61, 35.41).difference(shapely.box(139.603, 35.403, 139.606, 35.406)),
    shapely.box(139.62, 35.4, 139.63, 35.41),
    shapely.MultiPolygon([shapely.box(139.64, 35.4, 139.645, 35.41), shapely.box(139.65, 35.4, 139.655, 35.41)]),
]


def parsed(feed: str, name: str, body: bytes) -> tuple[list[Bulletin], list[Issue]]:
    found = list(pipeline.parsed(FEEDS[feed], name, body))
    return [one for one in found if isinstance(one, Bulletin)], [one for one in found if isinstance(one, Issue)]


def items(bulletins: list[Bulletin]) -> dict[str, Item]:
    return {item.item_id: item for bulletin in bulletins for item in bulletin.items.rows()}


def read(feed: str, name: str, body: bytes) -> list[Item]:
    return sorted(items(parsed(feed, name, body)[0]).values(), key=lambda item: item.position)


def refused(feed: str, name: str, body: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parsed(feed, name, body)
    assert caught.value.remedy
    assert len(caught.value.cause) < 400
    return caught.value


def packed(files: dict[str, bytes | str], year: int = 2018) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 12, 1, 9, 0, 0)), content)
    return body.getvalue()


def geojson(rows: list[dict[str, Any]], shapes: list[Any] | None = None) -> bytes:
    places = ZONES if shapes is None else shapes
    features = [
        {"type": "Feature", "properties": row, "geometry": None if shape is None else shape.__geo_interface__}
        for row, shape in zip(rows, places, strict=False)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def a31a(rank: str, x: int = 2, river: int = 1, **more: Any) -> dict[str, Any]:
    return {
        f"A31a_{x}01": f"14{river:08d}",
        f"A31a_{x}02": f"訓練表能川{river}",
        f"A31a_{x}04": "訓練県",
        f"A31a_{x}05": rank,
        **more,
    }


ROWS = [a31a("1"), a31a("3"), a31a("6")]


def shapefile(folder: Path, rows: list[dict[str, Any]], stem: str, encoding: str = "CP932") -> dict[str, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    geopandas.GeoDataFrame(rows, geometry=ZONES[: len(rows)], crs=6668).to_file(
        folder / f"{stem}.shp", encoding=encoding
    )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def gml(rows: list[dict[str, str]], kind: str = "MaximumScale", shapes: list[Any] | None = None) -> bytes:
    """The zones in three steps of reference, latitude first."""
    curves, surfaces, features = [], [], []
    for n, (row, shape) in enumerate(zip(rows, ZONES if shapes is None else shapes, strict=False)):
        patches = []
        for p, part in enumerate(shapely.get_parts(shape)):
            rings = []
            for r, ring in enumerate([part.exterior, *part.interiors]):
                name = f"cv{n}_{p}_{r}"
                places = "\n".join(f"{y} {x}" for x, y in ring.coords)
                curves.append(
                    f'<gml:Curve gml:id="{name}"><gml:segments><gml:LineStringSegment><gml:posList>{places}'
                    "</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve>"
                )
                side = "interior" if r else "exterior"
                rings.append(
                    f'<gml:{side}><gml:Ring><gml:curveMember xlink:href="#_{name}"/></gml:Ring></gml:{side}>'
                )
            patches.append(f"<gml:PolygonPatch>{''.join(rings)}</gml:PolygonPatch>")
        surfaces.append(f'<gml:Surface gml:id="sf{n}"><gml:patches>{"".join(patches)}</gml:patches></gml:Surface>')
        said = "".join(f"<ksj:{tag}>{value}</ksj:{tag}>" for tag, value in row.items())
        features.append(f'<ksj:{kind} gml:id="f{n}"><ksj:bounds xlink:href="#sf{n}"/>{said}</ksj:{kind}>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ksj:Dataset xmlns:ksj="http://nlftp.mlit.go.jp/ksj/schemas/ksj-app"'
        ' xmlns:gml="http://schemas.opengis.net/gml/3.2.1" xmlns:xlink="http://www.w3.org/1999/xlink">'
        + "".join([*curves, *surfaces, *features])
        + "</ksj:Dataset>"
    ).encode()


TAGS = {"A31a_201": "riverNumber", "A31a_202": "riverName", "A31a_204": "riverManager", "A31a_205": "waterDepth"}
GML_ROWS = [{TAGS[key]: value for key, value in row.items()} for row in ROWS]
NAME = "A31a-20-24_14_10"


# ── one set of zones, every way of delivering it ─────────────────────────────────────────────────────────


def contents(bulletins: list[Bulletin]) -> list[Any]:
    """All that is said, but for where in the document it stands."""
    return sorted(
        (b.scope, b.complete, b.issued_at, i.item_id, dict(i.props), i.muni_code, i.geometry)
        for b in bulletins
        for i in b.items.rows()
    )


def test_gml_shapefile_and_geojson_are_the_same_items(tmp_path: Path) -> None:
    found = {
        "geojson": parsed("ksj_flood", f"{NAME}_GEOJSON.zip", packed({f"{NAME}.geojson": geojson(ROWS)})),
        "gml": parsed("ksj_flood", f"{NAME}_GML.zip", packed({f"20_訓練\\{NAME}.xml": gml(GML_ROWS)})),
    }
    for encoding in ("CP932", "UTF-8"):
        for without in ("", ".prj", ".cpg"):
            files = shapefile(tmp_path / f"{encoding}{without}", ROWS, NAME, encoding)
            assert "訓練表能川1".encode(encoding) in files[f"{NAME}.dbf"]
            files.pop(f"{NAME}{without}", None)
            found[f"{encoding}{without}"] = parsed("ksj_flood", f"{NAME}_SHP.zip", packed({**files}))
    inner = packed({**shapefile(tmp_path / "inner", ROWS, NAME)})
    found["zip in zip"] = parsed("ksj_flood", f"{NAME}_GML.zip", packed({f"{NAME}.zip": inner}))
    expected = contents(found["geojson"][0])
    assert len(expected) == 3
    assert {place for *_, place in expected} == {bytes(shapely.to_wkb(shapely.normalize(zone))) for zone in ZONES}
    for way, (bulletins, issues) in found.items():
        assert contents(bulletins) == expected, way
        assert issues == [], way


def test_one_layer_in_three_formats_is_read_once(tmp_path: Path) -> None:
    files = {
        **shapefile(tmp_path / "shp", ROWS, f"{NAME}"),
        f"{NAME}.geojson": geojson(ROWS),
        f"xml/{NAME}.xml": gml(GML_ROWS),
    }
    bulletins, issues = parsed("ksj_flood", f"{NAME}_GML.zip", packed({**files}))
    assert len(items(bulletins)) == 3
    (told,) = issues
    assert (told.code, told.severity) == ("same_in_another_format", "info")
    assert f"{NAME}.shp" in told.cause
    assert f"{NAME}.xml" in told.cause


def test_layers_of_other_places_are_no_twins(tmp_path: Path) -> None:
    """One name that begins another is the same layer only where no digits follow."""
    rows = [a31a(rank) for rank in ("1", "2", "3")]
    files: dict[str, bytes | str] = {
        "A31a-20-24_14_1.geojson": geojson(rows[:1], [ZONES[1]]),
        "A31a-20-24_14_10.xml": gml([{"riverNumber": "1400000001", "waterDepth": "2"}], shapes=[ZONES[1]]),
        **shapefile(tmp_path / "shp", [rows[2]], "A31a-20-24_14_100Polygon"),
        "A31a-20-24_14_100.xml": gml([{"riverNumber": "1400000001", "waterDepth": "3"}]),
    }
    bulletins, issues = parsed("ksj_flood", "A31a-24_14_GML.zip", packed(files))
    assert sorted(item.props["class_code"] for item in items(bulletins).values()) == ["1", "2", "3"]
    assert [(issue.code, issue.position) for issue in issues] == [("same_in_another_format", "A31a-20-24_14_100.xml")]


def test_meshes_with_collapse_zones_under_either_name() -> None:
    shapes = [ZONES[1]]
    for name, attribute in (
        ("A31-22_40", "A31_401"),
        ("A31b-41-24_10_5339", "A31b_411"),
        ("A31b-42-24_10_5339", "A31b_421"),
    ):
        bulletins, issues = parsed("ksj_flood", f"{name}.geojson", geojson([{attribute: 2}], shapes))
        assert [item.props["zone"] for item in items(bulletins).values()] == ["bank_erosion"], name
        assert {bulletin.complete for bulletin in bulletins} == {True}
        assert issues == []


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 6)), min_size=1, max_size=6, unique=True
    ),
    st.permutations(range(6)),
)
def test_the_order_of_features_and_of_points_is_no_content(
    zones: list[tuple[int, int, int]], order: list[int]
) -> None:
    rows = [a31a(str(rank)) for _, _, rank in zones]
    shapes = [shapely.box(139 + x / 100, 35 + y / 100, 139.005 + x / 100, 35.005 + y / 100) for x, y, _ in zones]
    turned = [shapely.Polygon([*s.exterior.coords[2:-1], *s.exterior.coords[:3]][::-1]) for s in shapes]
    places = [n for n in order if n < len(rows)]
    one = parsed("ksj_flood", f"{NAME}.geojson", geojson(rows, shapes))[0]
    other = parsed("ksj_flood", f"{NAME}.geojson", geojson([rows[n] for n in places], [turned[n] for n in places]))[0]
    assert contents(one) == contents(other)


def test_geometry_survives_to_the_store_and_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.gpkg'}"
    store.prepare(url, [])
    opened = store.open_store(url)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    raw = RawDocument("0" * 64, "ksj_flood", "file:x", "x", at, 1)
    bulletins = [normalise.normalise(b, raw)[0] for b in parsed("ksj_flood", f"{NAME}.geojson", geojson(ROWS))[0]]
    store.apply(opened, bulletins, Provenance(raw, "ksj_hazard", "1"), at)
    found = store.items(opened, "hazard_zone_flood", valid_at=at)
    opened.close()
    shapes = shapely.from_wkb(list(found.geometry))
    assert {shapely.normalize(one).wkb for one in shapes} == {shapely.normalize(one).wkb for one in ZONES}


# ── what the classes say ─────────────────────────────────────────────────────────────────────────────────


def test_the_two_lists_of_depths_are_not_mixed_up() -> None:
    shapes = [ZONES[1]] * 2
    new = read("ksj_flood", "A31-20_10_5339.geojson", geojson([{"A31_101": 2}, {"A31_201": "2"}], shapes))
    old = read("ksj_flood_2012", "A31-12_14.geojson", geojson([{"A31_001": 12}, {"A31_001": "22"}], shapes))
    bounds = [(item.props["depth_min_m"], item.props["depth_max_m"]) for item in [*new, *old]]
    assert bounds == [(0.5, 3), (0.5, 3), (0.5, 1), (0.5, 1)]
    assert {item.item_id.split("/")[1] for item in new} == {"A31"}
    assert {item.item_id.split("/")[1] for item in old} == {"A31-2012"}


@pytest.mark.parametrize(
    ("x", "rank", "expected"),
    [
        (1, 4, {"scenario": "planned", "depth_min_m": 5, "depth_max_m": 10}),
        (2, "6", {"scenario": "maximum", "depth_min_m": 20, "depth_max_m": None}),
        (3, 7, {"scenario": "duration", "duration_min_h": 672, "duration_max_h": None, "depth_min_m": None}),
        (4, 2, {"scenario": "collapse", "zone": "bank_erosion", "depth_max_m": None}),
        (2, 7, {"class_code": "7", "class_text": None, "depth_min_m": None, "depth_max_m": None}),
        (2, None, {"class_code": None, "class_text": None, "depth_min_m": None}),
    ],
)
def test_ranks(x: int, rank: Any, expected: dict[str, Any]) -> None:
    bulletins, issues = parsed("ksj_flood", f"{NAME}.geojson", geojson([a31a(rank, x)]))
    (item,) = items(bulletins).values()
    assert {name: item.props[name] for name in expected} == expected
    assert [issue.code for issue in issues] == (["unknown_class"] if item.props["class_text"] is None else [])


def test_words_that_give_no_depth_are_kept_with_an_issue() -> None:
    rows = [
        {"A40_001": "神奈川県", "A40_002": 14, "A40_003": text} for text in ("0.3m以上 ～ 0.5m未満", "訓練", None)
    ]
    bulletins, issues = parsed("ksj_tsunami", "A40-23_14.geojson", geojson(rows))
    said = {item.props["class_text"]: item.props for item in items(bulletins).values()}
    assert (said["0.3m以上 ～ 0.5m未満"]["depth_min_m"], said["訓練"]["depth_min_m"]) == (0.3, None)
    assert [(issue.code, issue.severity) for issue in issues] == [("unknown_class", "warning")] * 2
    assert {"A40_003 gives no class" in i.cause or "'訓練'" in i.cause for i in issues} == {True}


def test_unknown_dates_and_odd_dates() -> None:
    dates = ["9999/1/1", "9999-01-01", "99990101", "平成20年5月23日", "2008/05/23", "訓練の日"]
    row = {"A33_001": 1, "A33_002": 1, "A33_003": 5, "A33_005": "-", "A33_006": "x", "A33_008": 1}
    rows = [{**row, "A33_004": str(n), "A33_007": text} for n, text in enumerate(dates)]
    bulletins, issues = parsed("ksj_landslide", "A33-24_05.geojson", geojson(rows, [ZONES[1]] * 6))
    found = {item.props["zone_id"]: item.props for item in items(bulletins).values()}
    assert [found[str(n)]["designated_on"] for n in range(6)] == [None, None, None, "2008-05-23", "2008-05-23", None]
    assert "訓練の日" in found["5"]["note"]
    assert [issue.code for issue in issues] == ["unknown_date"]
    assert {props["pref_code"] for props in found.values()} == {"05"}
    assert {props["name"] for props in found.values()} == {None}


def test_swapped_axes_are_caught() -> None:
    swapped = [shapely.transform(zone, lambda places: places[:, ::-1]) for zone in ZONES]
    raw = RawDocument("0" * 64, "ksj_flood", "x", "x", datetime(2026, 1, 1, tzinfo=UTC), 1)
    bulletins, _ = parsed("ksj_flood", f"{NAME}.geojson", geojson(ROWS, swapped))
    issues = [issue for b in bulletins for issue in normalise.normalise(b, raw)[1]]
    assert [issue.code for issue in issues] == ["swapped_coordinates"] * 3


def test_what_nobody_knows_is_reported() -> None:
    rows = [a31a("1", A31a_209="新", OBJECTID=1, Shape_Area=0.5)]
    _, issues = parsed("ksj_flood", f"{NAME}.geojson", geojson(rows))
    assert [(issue.code, issue.position) for issue in issues] == [("unread", "A31a_209")]
    _, issues = parsed("ksj_flood", f"{NAME}.xml", gml([{**GML_ROWS[0], "newElement": "1"}]))
    assert [(issue.code, issue.position) for issue in issues] == [("unread", "newElement")]
    files: dict[str, bytes | str] = {f"{NAME}.geojson": geojson(ROWS), "new.bin": b"x", "仕様書.pdf": b"x"}
    _, issues = parsed("ksj_flood", f"{NAME}.zip", packed(files))
    assert sorted((issue.code, issue.severity) for issue in issues) == [("side_files", "info"), ("unread", "info")]


# ── whole statements, editions, copies ───────────────────────────────────────────────────────────────────


@pytest.fixture
def apply(tmp_path: Path) -> Callable[..., Any]:
    url = f"sqlite:///{tmp_path / 'hazard.gpkg'}"
    store.prepare(url, [])
    opened = store.open_store(url)
    count = 0

    def run(name: str, body: bytes) -> Any:
        nonlocal count
        count += 1
        at = datetime(2026, 1, count, tzinfo=UTC)
        raw = RawDocument(f"{count:064x}", "ksj_flood", f"file:{name}", name, at, len(body))
        bulletins = [normalise.normalise(b, raw)[0] for b in parsed("ksj_flood", name, body)[0]]
        changes = store.apply(opened, bulletins, Provenance(raw, "ksj_hazard", "1"), at)
        open_now = store.items(opened, "hazard_zone_flood", valid_at=at)
        return changes, {json.loads(props)["class_code"] for props in open_now.props}

    return run


def delivery(*ranks: str, edition: int = 24, year: int = 2025) -> bytes:
    rows = [a31a(rank, river=n) for n, rank in enumerate(ranks)]
    shapes = [shapely.box(139 + int(r) / 100, 35, 139.005 + int(r) / 100, 35.005) for r in ranks]
    return packed(
        {
            f"A31a-20-{edition}_14_14{n:08d}_10.geojson": geojson([row], [shape])
            for n, (row, shape) in enumerate(zip(rows, shapes, strict=True))
        },
        year,
    )


def test_a_river_that_is_gone_from_the_next_edition_ends(apply: Callable[..., Any]) -> None:
    changes, now = apply("A31a-24_14_10_GML.zip", delivery("1", "2", "3"))
    assert (changes.opened, now) == (3, {"1", "2", "3"})
    changes, now = apply("A31a-24_14_10_GML.zip", delivery("1", "2", "3"))
    assert (changes.opened, changes.changed, changes.closed, changes.unchanged) == (0, 0, 0, 3)
    changes, now = apply("A31a-25_14_10_GML.zip", delivery("1", "2", edition=25))
    assert now == {"1", "2"}
    assert (changes.opened, changes.closed) == (0, 1)
    changes, now = apply("A31a-24_14_10_GML.zip", delivery("1", "4"))  # an older edition that comes late
    assert now == {"1", "2"}


def test_of_one_edition_what_was_packed_last_holds(apply: Callable[..., Any]) -> None:
    """Whatever comes first, and whatever their bytes are."""
    for later, earlier in ((("1", "2"), ("3",)), (("3",), ("1", "2"))):
        year = 2024 if later == ("1", "2") else 2025
        apply("A31a-24_14_10_GML.zip", delivery(*earlier, year=year - 1))
        _, now = apply("A31a-24_14_10_GML.zip", delivery(*later, year=year))
        assert now == set(later)
        _, now = apply("A31a-24_14_10_GML.zip", delivery("4", year=year - 1))
        assert now == set(later)


def test_a_copy_a_tile_and_a_file_without_name_end_nothing(apply: Callable[..., Any]) -> None:
    apply("A31a-24_14_10_GML.zip", delivery("1", "2"))
    one = geojson([a31a("5")])
    for name, body in (
        ("flood.geojson", one),
        ("copy.geojson", geojson([{"A31a_201": "1400000001", "A31a_205": "5"}])),
        (f"{NAME}.geojson", geojson([a31a("5", _id=7, _index=1)])),
    ):
        bulletins, _ = parsed("ksj_flood", name, body)
        assert {bulletin.complete for bulletin in bulletins} == {False}, name
        _, now = apply(name, body)
        assert {"1", "2", "5"} <= now


def test_every_part_is_said_also_where_it_is_empty() -> None:
    bulletins, _ = parsed("ksj_flood", f"{NAME}.geojson", geojson(ROWS))
    assert len({bulletin.scope for bulletin in bulletins}) == len(bulletins) == 32
    for bulletin in bulletins:
        part = int(bulletin.scope.rpartition("/")[2], 16)
        for item in bulletin.items.rows():
            assert int(item.item_id.rpartition("/")[2][:2], 16) % 32 == part


def test_a_zone_that_is_listed_twice_is_one_item() -> None:
    assert len(read("ksj_flood", f"{NAME}.geojson", geojson([ROWS[0]] * 3, [ZONES[0]] * 3))) == 1


def test_the_metadata_of_a_real_delivery_dates_the_edition(realdata: Path) -> None:
    folder = realdata / "ksj-hazard/ishikawa-ksj-parts/A33-18_17"
    side = {path.name: path.read_bytes() for path in folder.iterdir()}
    rows = [{f"A33_00{n}": value for n, value in enumerate(["1", "2", "17", "x", "y", "z", "2018/8/1", "0"], 1)}]
    body = packed({**side, "A33-18_17Polygon.geojson": geojson(rows)}, year=2018)
    bulletins, issues = parsed("ksj_landslide", "A33-18_17_GML.zip", body)
    assert {str(b.issued_at) for b in bulletins} == {"2018-04-01 00:00:00+09:00"}
    assert {str(b.sent_at) for b in bulletins} == {"2019-03-15 00:00:00+09:00"}
    assert {b.scope.split("/")[2] for b in bulletins} == {"17"}
    assert [issue.code for issue in issues] == ["side_files"]


@pytest.mark.store
def test_a_big_document_is_held_or_quarantined_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the path of a file that is larger than what may be read at once, to the archive, the store and back."""
    monkeypatch.setattr(pipeline.ingesting, "_BIG", 0)
    own = bousai_settings.load({"BOUSAI_DATA": str(tmp_path / "var")})
    pipeline.prepare(own)

    def ingest(body: bytes, **options: Any) -> pipeline.Ingested:
        path = tmp_path / "A31a-24_14_10_GML.zip"
        path.write_bytes(body)
        (one,) = pipeline.ingest_files("ksj_flood", [(str(path), path)], own, **options)
        return one

    def shown() -> int:
        return len(json.loads(b"".join(pipeline.layer_geojson("hazard_zone_flood", own)))["features"])

    many = [str(n) for n in range(1, 41)]
    assert ingest(delivery(*many, year=2024)).outcome == "stored"
    assert ingest(delivery(*many, year=2024)).outcome == "unchanged"
    assert shown() == 40
    few = ingest(delivery(*many[:20], year=2025))
    assert (few.outcome, shown()) == ("held", 40)
    broken = ingest(delivery(*many, "99", year=2025)[:-40])
    assert (broken.outcome, shown()) == ("quarantined", 40)
    strict = ingest(
        packed({f"{NAME}.geojson": geojson([a31a("1", A31a_209="新")] * 3)}, 2025), strict=True, accept=True
    )
    assert (strict.outcome, strict.cause) == ("quarantined", f"strict: nobody reads 'A31a_209' of {NAME}.geojson")
    (again,) = pipeline.retry(few.sha256, own, accept=True)
    assert (again.outcome, shown()) == ("stored", 20)
    assert pipeline.ingest_documents("ksj_flood", [few.sha256], own, accept=True)["unchanged_documents"] == 1
    feature = json.loads(b"".join(pipeline.layer_geojson("hazard_zone_flood", own)))["features"][0]["id"]
    (traced,) = pipeline.trace(f"hazard_zone_flood/{feature}", own)["revisions"]
    first = delivery(*many, year=2024)  # which said it first
    assert (traced["sha256"], traced["bytes"]) == (hashlib.sha256(first).hexdigest(), len(first))


# ── real files ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("feed", "file", "attribute"),
    [("ksj_flood", "nakatsu_flood_planned", "A31_101"), ("ksj_landslide", "nakatsu_sediment", "A33_004")],
)
def test_real_excerpts(realdata: Path, feed: str, file: str, attribute: str) -> None:
    body = (realdata / f"ksj-hazard/excerpts/{file}_excerpt.geojson").read_bytes()
    expected = json.loads(body)["features"]
    bulletins, issues = parsed(feed, f"{file}_excerpt.geojson", body)
    field = {"A31_101": "class_code", "A33_004": "zone_id"}[attribute]
    said = sorted(str(item.props[field]) for item in items(bulletins).values())
    assert said == sorted(str(feature["properties"][attribute]) for feature in expected)
    assert {bulletin.complete for bulletin in bulletins} == {False}
    assert [issue.code for issue in issues] == (["missing_attribute"] if feed == "ksj_landslide" else [])
    for item in items(bulletins).values():
        if feed == "ksj_landslide":
            assert item.props["zone"] is None
        else:
            assert item.props["depth_max_m"] == {"1": 0.5, "2": 3, "3": 5}[item.props["class_code"]]


@pytest.mark.parametrize(
    ("feed", "file", "code"),
    [
        ("ksj_tsunami", "ksj-hazard/excerpts/kamijima_tsunami_excerpt.geojson", "not_hazard_layer"),
        ("ksj_landslide", "ksj/A30a5-11_4939-jgd_GML.zip", "not_hazard_layer"),
        ("ksj_flood", "ksj-hazard/excerpts/nakatsu_sediment_excerpt.geojson", "wrong_dataset"),
        ("ksj_flood", "ksj/cp932_shapefile/src_blank.shp", "not_shapefile"),
        ("ksj_flood", "ksj/cp932_shapefile/src_blank.dbf", "not_json"),
        ("ksj_landslide", "ksj-hazard/ishikawa-ksj-parts/A33-18_17/KS-META-A33-18_17.xml", "not_ksj_gml"),
        ("ksj_flood_2012", "ksj-hazard/ishikawa-ksj-parts/A31-12_17/属性テキストファイル/17001.txt", "not_json"),
    ],
)
def test_real_files_that_are_no_zones(realdata: Path, feed: str, file: str, code: str) -> None:
    path = realdata / file
    assert refused(feed, path.name, path.read_bytes()).code == code


def test_real_table_with_names_in_cp932_is_read_and_refused(realdata: Path) -> None:
    folder = realdata / "ksj/cp932_shapefile"
    error = refused("ksj_flood", "L03.zip", packed({path.name: path.read_bytes() for path in folder.iterdir()}))
    assert error.code == "not_hazard_layer"
    assert "メッシュ" in error.cause


def test_side_files_alone_are_no_delivery(realdata: Path) -> None:
    folder = realdata / "ksj-hazard/ishikawa-ksj-parts/A31-12_17"
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    assert refused("ksj_flood_2012", "A31-12_17_GML.zip", packed({**files})).code == "no_layer"


def test_an_empty_delivery_lists_nothing() -> None:
    bulletins, _ = parsed("ksj_landslide", "A33-24_14.geojson", geojson([]))
    assert sum(len(bulletin.items) for bulletin in bulletins) == 0


def test_the_parser_says_that_it_streams() -> None:
    assert ksj_hazard.STREAMS
