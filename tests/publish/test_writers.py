"""The formats beside GeoJSON, read by others: GDAL, SQLite, pyarrow, geopandas, and the csv module."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bousai import catalogue, settings
from bousai.model import ReleasedLayer, Status
from bousai.publish import FeatureTable, features, formats_of, write_files
from bousai.publish.csv_text import harmless
from bousai.publish.sheet import layout
from bousai.vocab.count import reported, without
from tests.publish.tables import PUBLISHER, T0, layer, row, source, table

NAMES = "髙﨑①～−㈱"
SOURCES = [source("late", last_fetch_at=T0)]
FIELDS = [
    {"name": "name", "type": "text", "ja": "名称", "en": "Name"},
    {"name": "floors", "type": "integer", "ja": "階数", "en": "Floors"},
    {"name": "depth", "type": "number", "ja": "深さ", "en": "Depth", "unit": "m"},
    {"name": "unlisted", "type": "boolean", "ja": "一覧外", "en": "Unlisted"},
    {"name": "opened_at", "type": "datetime", "ja": "開設日時", "en": "Opened"},
    {"name": "evacuees", "type": "object", "ja": "避難者数", "en": "Evacuees", "unit": "人"},
    {"name": "sources", "type": "list", "ja": "出典", "en": "Sources"},
    {
        "name": "hazards",
        "type": "object",
        "ja": "災害種別",
        "en": "Hazards",
        "parts": [{"name": "flood", "type": "boolean", "ja": "洪水", "en": "Flood"}],
    },
    {"name": "age_min", "type": "integer", "ja": "経過", "en": "Age", "unit": "分", "volatile": True},
]
PROPS: list[dict[str, Any]] = [
    {
        "name": NAMES,
        "floors": 3,
        "depth": -0.5,
        "unlisted": False,
        "opened_at": "2026-01-01T16:10:00+09:00",
        "evacuees": reported(60, "less_than", "60人未満"),
        "sources": [{"feed": "a"}],
        "hazards": {"flood": True},
        "age_min": 5,
    },
    {"name": "=1+1", "evacuees": without("investigating"), "hazards": {"flood": None}, "sources": []},
    {"name": "01234", "floors": 2**40, "evacuees": reported(0), "sources": ["甲", "乙"]},
]
POINT, SQUARE, LINE = (
    shapely.Point(136.9999999, 37.0),
    shapely.box(136, 37, 137, 38),
    shapely.LineString([(1, 2), (3, 4)]),
)


def made(
    *shapes: Any, geometry: str = "point", props: Sequence[dict[str, Any]] = PROPS, status: Status = "actual"
) -> FeatureTable:
    shown = layer(fields=FIELDS, geometry=geometry)
    rows = [
        row(f"s/{n}", props=said, geometry=shape, muni_code="01202")
        for n, (said, shape) in enumerate(zip(props, shapes, strict=True))
    ]
    if not rows:
        return FeatureTable(shown, status, [], [], [], shapely.from_wkb([]), {})
    return features(shown, [table(rows, status=status)], {})


def files(found: FeatureTable, folder: Path, *formats: str) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    written = write_files(
        folder,
        found,
        formats,
        valid_at=T0,
        known_at=T0,
        published_at=T0,
        freshness=SOURCES,
        publisher=PUBLISHER,
    )
    return {path.name.removeprefix("shelter."): path for path in written}


def ours(path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found.row_factory = sqlite3.Row
    return found


# ── the same in every format ─────────────────────────────────────────────────────────────────────────────

CASES: dict[str, tuple[tuple[Any, ...], str, str | None]] = {
    "points": ((POINT, shapely.Point(139, 35), shapely.Point(130, 33)), "point", "Point"),
    "a point is missing": ((POINT, None, shapely.Point(130, 33)), "point", "Point"),
    "no place at all": ((None, None, None), "point", "Point"),
    "polygons": ((SQUARE, shapely.MultiPolygon([SQUARE]), shapely.box(1, 1, 2, 2)), "polygon", "MultiPolygon"),
    "lines": ((LINE, shapely.MultiLineString([LINE]), LINE), "line", "MultiLineString"),
    "points among lines": ((LINE, POINT, None), "line", "Unknown"),
    "without places": ((None, None, None), "none", None),
    "nothing": ((), "point", "Point"),
}


def test_a_time_may_have_more_digits_than_a_file_keeps(tmp_path: Path) -> None:
    """As USGS has them; it stays a time, to the millisecond."""
    times = ["2026-01-01T07:10:16.090417+00:00", "2026-01-01T16:10:00+09:00"]
    shapes = (shapely.Point(140, 35),) * 2
    found = files(made(*shapes, props=[{**PROPS[0], "opened_at": at} for at in times]), tmp_path, "gpkg", "fgb")
    for path in found.values():
        frame = pyogrio.read_dataframe(path)
        told = [pd.Timestamp(one).tz_convert("UTC") for one in frame["opened_at"]]
        assert told == [pd.Timestamp("2026-01-01T07:10:16.090Z"), pd.Timestamp("2026-01-01T07:10:00Z")]


@pytest.mark.parametrize(("shapes", "geometry", "kind"), CASES.values(), ids=CASES)
def test_gdal_reads_what_was_written(
    tmp_path: Path, shapes: tuple[Any, ...], geometry: str, kind: str | None
) -> None:
    found = files(made(*shapes, geometry=geometry, props=PROPS[: len(shapes)]), tmp_path, "gpkg", "fgb")
    assert set(found) == ({"gpkg", "fgb"} if geometry != "none" else {"gpkg"})
    for path in found.values():
        info = pyogrio.read_info(path, force_feature_count=True)
        assert info["features"] == len(shapes)
        assert info["geometry_type"] == kind
        assert info["crs"] == ("EPSG:4326" if kind else None)
        types = dict(zip(info["fields"], info["ogr_types"], strict=True))
        subtypes = dict(zip(info["fields"], info["ogr_subtypes"], strict=True))
        assert types["evacuees"] == types["floors"] == types["age_min"] == "OFTInteger64"
        assert types["depth"] == "OFTReal"
        assert types["opened_at"] == types["issued_at"] == "OFTDateTime"
        assert types["name"] == types["muni_code"] == types["evacuees_state"] == types["hazards"] == "OFTString"
        assert subtypes["unlisted"] == subtypes["hazards_flood"] == "OFSTBoolean"
        frame = pyogrio.read_dataframe(path).set_index("id")
        for n, shape in enumerate(shapes):
            one = frame.loc[f"s/{n}"]
            assert one["name"] == PROPS[n]["name"]
            assert one["muni_code"] == "01202"
            if kind:
                place = one["geometry"]
                assert (place is None) == (shape is None)
                assert (
                    place is None or place.equals_exact(shapely.set_precision(shape, 1e-6), 1e-9) or kind != "Point"
                )
        if len(shapes):
            first = frame.loc["s/0"]
            assert (first["evacuees"], first["evacuees_state"], first["evacuees_text"]) == (
                60,
                "less_than",
                "60人未満",
            )
            assert first["opened_at"] == datetime.fromisoformat("2026-01-01T16:10:00+09:00")
            assert first["sources"] in ([{"feed": "a"}], '[{"feed":"a"}]')  # GDAL knows JSON in a GeoPackage
            assert (first["hazards_flood"], first["age_min"], first["floors"]) == (True, 5, 3)
            second = frame.loc["s/1"]
            assert pd.isna(second["evacuees"])
            assert second["evacuees_state"] == "investigating"
            assert pd.isna(second["hazards_flood"])
            assert (frame.loc["s/2"]["evacuees"], frame.loc["s/2"]["floors"]) == (0, 2**40)


@pytest.mark.parametrize(("shapes", "geometry", "kind"), CASES.values(), ids=CASES)
def test_geoparquet_as_pyarrow_and_geopandas_see_it(
    tmp_path: Path, shapes: tuple[Any, ...], geometry: str, kind: str | None
) -> None:
    path = files(made(*shapes, geometry=geometry, props=PROPS[: len(shapes)]), tmp_path, "parquet")["parquet"]
    found = pyarrow.parquet.read_table(path)
    assert found.num_rows == len(shapes)
    assert str(found.schema.field("opened_at").type) == "timestamp[ms, tz=+09:00]"
    assert str(found.schema.field("evacuees").type) == "int64"
    assert found.schema.field("name").metadata[b"title_ja"].decode() == "名称"
    assert json.loads(found.schema.metadata[b"bousai"])["bousai:freshness"][0]["state"] == "late"
    assert pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD" or not shapes
    if kind is None:
        assert b"geo" not in found.schema.metadata
        assert "geometry" not in found.column_names
        return
    geo = json.loads(found.schema.metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"], column["encoding"]) == ("1.1.0", "geometry", "WKB")
    assert (column["crs"]["id"], column["orientation"]) == ({"authority": "OGC", "code": "CRS84"}, "counterclockwise")
    assert column["covering"]["bbox"]["xmax"] == ["bbox", "xmax"]
    frame = geopandas.read_parquet(path)
    assert frame.crs is not None
    assert frame.crs.equals("OGC:CRS84")
    places = [shape for shape in shapes if shape is not None]
    assert set(column["geometry_types"]) == {shape.geom_type for shape in frame.geometry if shape is not None}
    assert ("bbox" in column) == bool(places)
    for shape, box in zip(frame.geometry, found["bbox"].to_pylist(), strict=True):
        assert (shape is None) == (box is None)
        assert shape is None or (box["xmin"], box["ymin"], box["xmax"], box["ymax"]) == shape.bounds
    if places:
        assert len(geopandas.read_parquet(path, bbox=tuple(frame.geometry.iloc[0].bounds))) >= 1
        assert len(geopandas.read_parquet(path, bbox=(-10, -10, -9, -9))) == 0


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    shapes = CASES["points"][0]
    every = formats_of(made(*shapes).layer)
    one, two = (files(made(*shapes), tmp_path / name, *every) for name in ("one", "two"))
    assert {name: path.read_bytes() for name, path in one.items()} == {
        name: path.read_bytes() for name, path in two.items()
    }


def test_an_exercise_says_so_in_every_format(tmp_path: Path) -> None:
    found = files(made(*CASES["points"][0], status="exercise"), tmp_path, "gpkg", "fgb", "parquet", "csv")
    assert pyogrio.read_info(found["gpkg"])["layer_metadata"]["IDENTIFIER"] == "【訓練】避難所"
    assert pyogrio.read_info(found["fgb"])["layer_metadata"]["TITLE"] == "【訓練】避難所"
    assert pyogrio.read_info(found["gpkg"])["layer_metadata"]["DESCRIPTION"].startswith("【訓練】実際の災害では")
    said = pyarrow.parquet.read_schema(found["parquet"]).metadata[b"bousai"]
    assert json.loads(said)["title"] == json.loads(found["csv-metadata.json"].read_bytes())["dc:title"]
    assert json.loads(said)["title"] == "【訓練】避難所"


def test_a_value_that_is_none_of_its_type_is_shown_and_not_dropped(tmp_path: Path) -> None:
    props = [{"opened_at": "2026-01-01", "floors": 2.5, "depth": "深い", "unlisted": 1}, {"floors": 2}, {}]
    path = files(made(*CASES["points"][0], props=props), tmp_path, "parquet")["parquet"]
    found = pyarrow.parquet.read_table(path).to_pydict()
    assert found["opened_at"] == ["2026-01-01", None, None]
    assert found["floors"] == [2.5, 2.0, None]
    assert found["unlisted"] == ["1", None, None]
    assert found["depth"] == ["深い", None, None]


def test_no_column_of_a_layer_is_there_twice() -> None:
    known = catalogue.load(settings.load({}).config)
    for one in known.layers.values():
        shown = ReleasedLayer(**{name: getattr(one, name) for name in type(one).model_fields}, tier="isut")
        names = [column.name.lower() for column in layout(shown, volatile=True)]
        assert len(set(names)) == len(names), one.id
        assert not {"fid", "geom", "geometry", "bbox"} & set(names), one.id


# ── GeoPackage ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_geopackage_is_one_as_the_standard_has_it(tmp_path: Path) -> None:
    """OGC 12-128r19, what a GIS looks at: requirements 2, 10 to 16, 18 to 33, 75 to 77, 99 and 100."""
    path = files(made(*CASES["a point is missing"][0]), tmp_path, "gpkg")["gpkg"]
    assert path.read_bytes()[:16] == b"SQLite format 3\0"
    with ours(path) as found:

        def rows(sql: str) -> list[dict[str, Any]]:
            return [dict(one) for one in found.execute(sql)]

        assert rows("PRAGMA application_id") == [{"application_id": 0x47504B47}]
        assert rows("PRAGMA user_version")[0]["user_version"] >= 10300
        assert rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert rows("PRAGMA foreign_key_check") == []
        assert {one["srs_id"] for one in rows("SELECT * FROM gpkg_spatial_ref_sys")} >= {-1, 0, 4326}
        (content,) = rows("SELECT * FROM gpkg_contents")
        assert (content["table_name"], content["data_type"], content["srs_id"]) == ("shelter", "features", 4326)
        assert content["identifier"] == "避難所"
        assert content["last_change"] == "2026-01-01T00:00:00.000Z"
        lines = content["description"].splitlines()
        assert lines[:3] == ["避難所の一覧", "出典：内閣府", "利用条件：PDL1.0 https://example.jp/licence"]
        assert lines[-1].startswith("注意：feed は更新が遅れています")
        (column,) = rows("SELECT * FROM gpkg_geometry_columns")
        assert (column["column_name"], column["geometry_type_name"], column["z"], column["m"]) == (
            "geom",
            "POINT",
            0,
            0,
        )
        (key,) = (one for one in rows("PRAGMA table_info(shelter)") if one["pk"])
        assert (key["name"], key["type"]) == ("fid", "INTEGER")
        extensions = {(one["table_name"], one["extension_name"]) for one in rows("SELECT * FROM gpkg_extensions")}
        assert {("shelter", "gpkg_rtree_index"), ("gpkg_data_columns", "gpkg_schema")} <= extensions
        assert rows("SELECT count(*) AS n FROM rtree_shelter_geom") == [{"n": 2}]
        labels = {one["column_name"]: one for one in rows("SELECT * FROM gpkg_data_columns")}
        assert (labels["evacuees"]["name"], labels["evacuees"]["description"]) == ("避難者数（人）", "Evacuees")
        assert labels["opened_at"]["name"] == "開設日時（UTC）"
        assert labels["hazards_flood"]["name"] == "災害種別：洪水"
        types = {one["name"]: one["type"] for one in rows("PRAGMA table_info(shelter)")}
        assert (types["opened_at"], types["evacuees"], types["unlisted"]) == ("DATETIME", "INTEGER", "BOOLEAN")
        assert rows("SELECT opened_at FROM shelter WHERE id = 's/0'") == [{"opened_at": "2026-01-01T07:10:00Z"}]
        shape = rows("SELECT geom FROM shelter WHERE id = 's/0'")[0]["geom"]
        assert shape[:2] == b"GP"
        assert shapely.from_wkb(shape[8:]).equals(shapely.Point(137, 37))  # six decimals


def test_a_geopackage_without_places_is_a_table_of_attributes(tmp_path: Path) -> None:
    path = files(made(None, None, None, geometry="none"), tmp_path, "gpkg")["gpkg"]
    with ours(path) as found:
        assert [tuple(one) for one in found.execute("SELECT table_name, data_type FROM gpkg_contents")] == [
            ("shelter", "attributes")
        ]


# ── FlatGeobuf ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_flatgeobuf_finds_by_place_where_every_feature_has_one(tmp_path: Path) -> None:
    whole = files(made(*CASES["points"][0]), tmp_path / "whole", "fgb")["fgb"]
    gaps = files(made(*CASES["a point is missing"][0]), tmp_path / "gaps", "fgb")["fgb"]
    assert pyogrio.read_info(whole)["capabilities"]["fast_spatial_filter"] is True
    assert pyogrio.read_info(gaps)["capabilities"]["fast_spatial_filter"] is False
    assert list(pyogrio.read_dataframe(whole, bbox=(138, 34, 140, 36))["id"]) == ["s/1"]
    assert len(pyogrio.read_dataframe(gaps)) == 3
    assert json.loads(pyogrio.read_info(gaps)["layer_metadata"]["bousai"])["bousai:credits"] == ["出典：内閣府"]


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────────


def read_csv(path: Path) -> list[dict[str, str]]:
    body = path.read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    assert body.count(b"\r\n") == body.count(b"\n")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_is_what_excel_opens(tmp_path: Path) -> None:
    first, second, third = read_csv(files(made(*CASES["a point is missing"][0]), tmp_path, "csv")["csv"])
    assert (first["name"], first["muni_code"], first["floors"], first["depth"]) == (NAMES, "01202", "3", "-0.5")
    assert (first["evacuees"], first["evacuees_state"], first["evacuees_text"]) == ("60", "less_than", "60人未満")
    assert (first["opened_at"], first["unlisted"]) == ("2026-01-01T16:10:00+09:00", "false")
    assert (first["lon"], first["lat"], first["sources"]) == ("137.0", "37.0", '[{"feed":"a"}]')
    assert (second["name"], second["evacuees"], second["evacuees_state"]) == ("'=1+1", "", "investigating")
    assert (second["lon"], second["lat"], second["depth"], second["sources"]) == ("", "", "", "")
    assert (third["name"], third["evacuees"], third["sources"]) == ("01234", "0", "甲; 乙")


def test_a_csv_of_areas_has_a_point_within(tmp_path: Path) -> None:
    hook = shapely.Polygon([(0, 0), (9, 0), (9, 9), (8, 9), (8, 1), (0, 1)])
    (one,) = read_csv(files(made(hook, geometry="polygon", props=PROPS[:1]), tmp_path, "csv")["csv"])
    assert hook.contains(shapely.Point(float(one["lon"]), float(one["lat"])))


def test_what_a_csv_says_of_itself_stands_beside_it(tmp_path: Path) -> None:
    found = files(made(*CASES["points"][0]), tmp_path, "csv")
    said = json.loads(found["csv-metadata.json"].read_bytes())
    assert (said["url"], said["dc:title"], said["dc:source"]) == ("shelter.csv", "避難所", ["出典：内閣府"])
    assert said["dc:license"] == ["https://example.jp/licence"]
    assert said["bousai:freshness"][0]["state"] == "late"
    with found["csv"].open(encoding="utf-8-sig") as file:
        assert [one["name"] for one in said["tableSchema"]["columns"]] == next(csv.reader(file))


@given(st.text(alphabet="=+-@＝＋－＠ \t\r\n;,'a1あ", min_size=1))
def test_no_cell_of_text_is_a_formula(text: str) -> None:
    cell = harmless(text)
    assert cell in (text, f"'{text}")
    assert not cell.lstrip(" ;,\u3000").startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"))
    assert cell == text or not text.startswith(("a", "1", "あ", "'"))
