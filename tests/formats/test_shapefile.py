"""Shapefiles against GDAL, and what GDAL would not be asked: rubbish between records, cut letters, deleted rows."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from bousai.errors import ParseError
from bousai.formats import shapefile

Parts = dict[str, bytes]


def parts_of(frame: geopandas.GeoDataFrame, folder: Path, **options: Any) -> Parts:
    folder.mkdir(exist_ok=True)
    frame.to_file(folder / "x.shp", **options)
    return {suffix: (folder / f"x{suffix}").read_bytes() for suffix in (".shp", ".shx", ".dbf")}


def read(parts: Parts) -> list[shapefile.Block]:
    shp, shx, dbf = (lambda body=parts[suffix]: io.BytesIO(body) for suffix in (".shp", ".shx", ".dbf"))
    return list(shapefile.blocks("x", shp, shx, dbf))


def geometry(parts: Parts) -> list[bytes | None]:
    return [one for block in read(parts) for one in block.geometry]


def code_of(parts: Parts) -> str:
    with pytest.raises(ParseError) as caught:
        read(parts)
    assert caught.value.remedy
    return caught.value.code


def frame(*shapes: Any, **columns: list[Any]) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(columns or {"n": list(range(len(shapes)))}, geometry=list(shapes), crs=6668)


CELL = st.tuples(st.integers(0, 5), st.integers(0, 5))


@st.composite
def areas(draw: st.DrawFn) -> Any:
    """One to four separate squares, some with holes, some of these with an island."""
    found = []
    for x, y in draw(st.lists(CELL, min_size=1, max_size=4, unique=True)):
        west, south = 130 + 2 * x, 30 + 2 * y
        whole = shapely.box(west, south, west + 1, south + 1)
        holes = draw(st.integers(0, 3))
        for n in range(holes):
            hole = shapely.box(west + 0.1 + 0.3 * n, south + 0.1, west + 0.3 + 0.3 * n, south + 0.9)
            whole = whole.difference(hole)
            if draw(st.booleans()):
                found.append(hole.buffer(-0.05, join_style="mitre"))
        found.append(whole)
    return found[0] if len(found) == 1 else shapely.multipolygons(found)


@settings(max_examples=40)
@given(shapes=st.lists(areas(), min_size=1, max_size=5))
def test_areas_are_what_gdal_wrote(tmp_path_factory: pytest.TempPathFactory, shapes: list[Any]) -> None:
    parts = parts_of(frame(*shapes), tmp_path_factory.mktemp("shp"))
    found = shapely.from_wkb(geometry(parts))
    assert shapely.equals_exact(shapely.normalize(found), shapely.normalize(np.array(shapes)), tolerance=0).all()


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Point(139.5, 35.25),
        shapely.Point(139.5, 35.25, 7),
        shapely.MultiPoint([(1, 2), (3, 4)]),
        shapely.LineString([(1, 2), (3, 4), (5, 7)]),
        shapely.MultiLineString([[(1, 2), (3, 4)], [(5, 6), (7, 9), (8, 8)]]),
        shapely.force_3d(shapely.box(1, 2, 3, 4), 9),
    ],
)
def test_other_shapes_are_what_gdal_wrote_without_heights(tmp_path: Path, shape: Any) -> None:
    (found,) = geometry(parts_of(frame(shape), tmp_path / "shp"))
    expected = shapely.normalize(shapely.force_2d(shape))
    assert shapely.normalize(shapely.from_wkb(found)).equals_exact(expected, tolerance=0)


def test_values_are_what_gdal_wrote(tmp_path: Path) -> None:
    columns = {
        "text": ["訓練", None, " x "],
        "whole": [7, 0, -3],
        "real": [0.5, 1e10, None],
        "code": ["01", "1", ""],
    }
    (block,) = read(parts_of(frame(*[shapely.Point(0, 0)] * 3, **columns), tmp_path / "shp"))
    assert block.columns == {
        "text": ["訓練", None, "x"],
        "whole": [7, 0, -3],
        "real": [0.5, 1e10, None],
        "code": ["01", "1", None],
    }


def test_cp932_and_utf8_are_the_same_rows(tmp_path: Path) -> None:
    texts = ["表示能力ソ", "～－①髙", "ｱｲｳ"]
    frames = frame(*[shapely.Point(0, 0)] * 3, 名称=texts)
    found = [read(parts_of(frames, tmp_path / code, encoding=code)) for code in ("CP932", "UTF-8")]
    assert found[0][0].columns == found[1][0].columns == {"名称": texts}


@pytest.mark.parametrize(("encoding", "kept"), [("utf-8", 84), ("cp932", 127)])
def test_a_text_that_fills_its_place_is_cut_between_letters(tmp_path: Path, encoding: str, kept: int) -> None:
    """A48_006: 254 bytes, and on no account a letter that nobody wrote."""
    long = "訓" * 200
    parts = parts_of(frame(shapely.Point(0, 0), a=["x" * 254]), tmp_path / "shp")
    raw = long.encode(encoding)[:254]
    (block,) = read({**parts, ".dbf": parts[".dbf"].replace(b"x" * 254, raw)})
    assert block.columns["a"] == ["訓" * kept]
    broken = raw[:100] + b"\xff" + raw[101:]
    assert code_of({**parts, ".dbf": parts[".dbf"].replace(b"x" * 254, broken)}) == "wrong_encoding"


def test_rubbish_between_records_is_passed_over(tmp_path: Path) -> None:
    """A31-12 of 石川県: only the .shx says where a record begins."""
    shapes = [shapely.box(n, 0, n + 0.5, 1) for n in range(4)]
    parts = parts_of(frame(*shapes), tmp_path / "shp")
    places = np.frombuffer(parts[".shx"], dtype=">i4", offset=100).reshape(-1, 2)
    shp, shx = parts[".shp"][:100], parts[".shx"][:100]
    for at, size in (places * 2).tolist():
        shp += b"RUBBISH!"
        shx += struct.pack(">ii", len(shp) // 2, size // 2)
        shp += parts[".shp"][at : at + 8 + size]
    found = geometry({**parts, ".shp": shp, ".shx": shx})
    assert found == geometry(parts)
    backwards = shx[:100] + b"".join(shx[at : at + 8] for at in range(len(shx) - 8, 99, -8))
    assert code_of({**parts, ".shp": shp, ".shx": backwards}) == "not_shapefile"


def test_deleted_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    parts = parts_of(frame(*[shapely.Point(n, 0) for n in range(3)]), tmp_path / "shp")
    head, width = struct.unpack_from("<HH", parts[".dbf"], 8)
    dbf = bytearray(parts[".dbf"])
    dbf[head + width] = ord("*")
    (block,) = read({**parts, ".dbf": bytes(dbf)})
    assert (block.deleted, block.columns) == (1, {"n": [0, 2]})
    assert [shapely.from_wkb(one).x for one in block.geometry] == [0, 2]


def polygon_record(*rings: list[tuple[float, float]]) -> Parts:
    points = [point for ring in rings for point in ring]
    starts = np.cumsum([0, *(len(ring) for ring in rings[:-1])]).astype("<i4").tobytes()
    flat = np.array(points, dtype="<f8")
    content = struct.pack("<I4dII", 5, 0, 0, 9, 9, len(rings), len(points)) + starts + flat.tobytes()
    shp = struct.pack(">I96x", 9994) + struct.pack(">II", 1, len(content) // 2) + content
    shx = struct.pack(">I96x", 9994) + struct.pack(">II", 50, len(content) // 2)
    field = b"n".ljust(11, b"\0") + b"N" + bytes(4) + bytes([3, 0]) + bytes(14)
    dbf = struct.pack("<BBBBIHH20x", 3, 126, 1, 1, 1, 65, 4) + field + b"\r" + b"   7"
    return {".shp": shp, ".shx": shx, ".dbf": dbf}


OUT = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)]
IN = [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (1.0, 1.0)]


@pytest.mark.parametrize(
    ("rings", "area"),
    [
        ([OUT], 16),
        ([OUT[::-1]], 16),  # turns the wrong way
        ([OUT[:-1]], 16),  # does not close
        ([OUT, IN], 15),
        ([IN, OUT], 15),  # the hole stands first
        ([OUT, IN, IN[:2]], 15),  # a part without area
        ([OUT, [(x + 10, y) for x, y in OUT], IN], 31),
        ([OUT, [(x + 10, y) for x, y in IN]], 17),  # a hole of nothing is an area
        ([OUT, IN, [(1.2, 1.2), (1.2, 1.8), (1.8, 1.8), (1.8, 1.2), (1.2, 1.2)]], 15.36),  # an island in the hole
    ],
)
def test_areas_of_rings(rings: list[list[tuple[float, float]]], area: float) -> None:
    (found,) = geometry(polygon_record(*rings))
    shape = shapely.from_wkb(found)
    assert shape.is_valid
    assert shape.area == pytest.approx(area)


@pytest.mark.parametrize("rings", [[IN[:2]], [[(0.0, 0.0)] * 3]])
def test_no_area_is_no_shape(rings: list[list[tuple[float, float]]]) -> None:
    (block,) = read(polygon_record(*rings))
    assert (block.geometry, block.unreadable) == ([None], [0])


def test_blocks_number_their_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapefile, "_ROWS", 4)
    parts = parts_of(frame(*[shapely.Point(n, 0) for n in range(10)]), tmp_path / "shp")
    found = read(parts)
    assert [(block.first, len(block.geometry)) for block in found] == [(0, 4), (4, 4), (8, 2)]
    assert [n for block in found for n in block.columns["n"]] == list(range(10))


@settings(max_examples=200)
@given(data=st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    parts = polygon_record(OUT, IN)
    suffix = data.draw(st.sampled_from([".shp", ".shx", ".dbf"]))
    body = bytearray(parts[suffix])
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    broken = bytes(body)[: data.draw(st.integers(0, len(body)))]
    codes = set()
    try:
        read({**parts, suffix: broken})
    except ParseError as error:
        codes.add(error.code)
    assert codes <= {"not_shapefile", "wrong_encoding"}
