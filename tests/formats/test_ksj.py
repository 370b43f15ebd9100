"""KSJ deliveries: archives as they really come, and archives that nobody should open."""

from __future__ import annotations

import io
import json
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import pyproj
import pytest
import shapely

from bousai.errors import ParseError
from bousai.formats import geojson, ksj

Files = dict[str, bytes]


def packed(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return body.getvalue()


def packed_cp932(files: Files) -> bytes:
    """Names in CP932 without saying so, as Windows packs them."""
    names = {name: name.encode("cp932") for name in files}
    aliases = {name: f"{n:03}".ljust(len(names[name]), "x") for n, name in enumerate(files)}
    body = packed({aliases[name]: content for name, content in files.items()}, 0)
    for name, alias in aliases.items():
        assert body.count(alias.encode()) == 2
        body = body.replace(alias.encode(), names[name])
    return body


def error_of(body: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        ksj.read(body, "N03")
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return caught.value


def code_of(body: bytes) -> str:
    return error_of(body).code


@pytest.fixture(scope="module")
def ishikawa(realdata: Path) -> bytes:
    return (realdata / "n03/N03-21_17_210101.json").read_bytes()


def shapefile(source: bytes, folder: Path, stem: str, *, encoding: str, epsg: int = 6668) -> Files:
    """The same features written by GDAL."""
    frame = geopandas.read_file(io.BytesIO(source)).to_crs(epsg)
    folder.mkdir()
    frame.to_file(folder / f"{stem}.shp", encoding=encoding)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(features: ksj.Features) -> list[tuple[Any, ...]]:
    columns = [features.columns[name] for name in sorted(features.columns)]
    return sorted(zip(*columns, strict=True), key=repr)


def test_geojson_alone_is_the_same_by_columns(ishikawa: bytes) -> None:
    found = ksj.read(ishikawa, "N03")
    expected = json.loads(ishikawa)["features"]
    assert len(found) == len(expected) == 19
    for name in ("N03_001", "N03_003", "N03_004", "N03_007"):
        assert found.columns[name] == [feature["properties"][name] for feature in expected]
    assert found.geometry == geojson.read(ishikawa).geometry


def test_a_missing_attribute_is_none() -> None:
    features = [{"type": "Feature", "geometry": None, "properties": one} for one in ({"a": 1}, {"b": "x"}, None)]
    found = ksj.read(json.dumps({"type": "FeatureCollection", "features": features}).encode(), "N03")
    assert found.columns == {"a": [1, None, None], "b": [None, "x", None]}


@pytest.mark.parametrize(
    "name",
    ["N03.geojson", "n03-21_17.GEOJSON", "N03-21_17_GML\\N03-21_17_210101.geojson", "a/b/N03-21_17_210101.json"],
)
def test_geojson_in_an_archive(ishikawa: bytes, name: str) -> None:
    files = {name: ishikawa, "KS-META-N03.xml": b"<x/>", "readme/": b""}
    assert ksj.read(packed(files), "N03") == ksj.read(ishikawa, "N03")


@pytest.mark.parametrize("encoding", ["CP932", "UTF-8"])
@pytest.mark.parametrize("without", [".cpg", ".prj"])
def test_shapefile_in_both_encodings(ishikawa: bytes, tmp_path: Path, encoding: str, without: str) -> None:
    files = shapefile(ishikawa, tmp_path / "shp", "N03-21_17", encoding=encoding)
    text = "金沢市".encode(encoding)
    assert text in files["N03-21_17.dbf"]
    del files["N03-21_17" + without]
    found, expected = ksj.read(packed(files), "N03"), ksj.read(ishikawa, "N03")
    assert found.unreadable == []
    assert [(v or None) for v in found.columns["N03_004"]] == expected.columns["N03_004"]
    assert rows(found) == rows(
        ksj.Features({k: [v or None for v in c] for k, c in expected.columns.items()}, expected.geometry, [])
    )
    shapes = shapely.from_wkb(found.geometry), shapely.from_wkb(expected.geometry)
    assert shapely.equals_exact(*map(shapely.normalize, shapes), tolerance=1e-9).all()


def test_utf8_that_would_be_cp932_too_is_utf8(tmp_path: Path) -> None:
    name = "ああ"
    assert name.encode().decode("cp932") == "縺ゅ≠"
    feature = {
        "type": "Feature",
        "properties": {"name": name},
        "geometry": {"type": "Point", "coordinates": [139, 35]},
    }
    source = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    files = shapefile(source, tmp_path / "shp", "N03", encoding="UTF-8")
    assert ksj.read(packed(files), "N03").columns == {"name": [name]}


def test_real_shapefile_with_cp932_names_of_attributes(realdata: Path) -> None:
    files = {path.name: path.read_bytes() for path in (realdata / "ksj/cp932_shapefile").iterdir()}
    found = ksj.read(packed(files), "L03")
    assert list(found.columns)[:4] == ["メッシュ", "田", "他農用地", "森林"]
    assert len(found) == (len(files["src_blank.shx"]) - 100) // 8 == 6400
    assert found.columns["メッシュ"][:2] == ["66420000", "66420001"]
    assert found.columns["森林"][:3] == [927664, 890560, 853457]


def test_real_delivery(realdata: Path) -> None:
    """A CP932 Shapefile without .prj and .cpg."""
    found = ksj.read((realdata / "ksj/A30a5-11_4939-jgd_GML.zip").read_bytes(), "A30")
    assert (found.columns["A30a5_001"], found.columns["A30a5_002"]) == (["東京都"], ["八丈町"])
    assert len(found) == 1


@pytest.mark.parametrize("folder", ["行政区域\\", "表能力\\ソ\\", "N03-21_17_GML\\"])
def test_names_in_cp932_with_backslashes(ishikawa: bytes, tmp_path: Path, folder: str) -> None:
    """The second byte of 表 能 ソ is a backslash as well."""
    files = shapefile(ishikawa, tmp_path / "shp", "N03-表ソ", encoding="CP932")
    body = packed_cp932({folder + name: content for name, content in files.items()})
    assert len(ksj.read(body, "N03")) == 19
    del files["N03-表ソ.dbf"]
    assert "表ソ" in str(error_of(packed_cp932({folder + name: content for name, content in files.items()})))


def test_names_in_capitals(ishikawa: bytes, tmp_path: Path) -> None:
    files = shapefile(ishikawa, tmp_path / "shp", "N03", encoding="CP932")
    assert len(ksj.read(packed({name.upper(): content for name, content in files.items()}), "N03")) == 19


def test_summaries_beside_the_layer_are_left_out(ishikawa: bytes, tmp_path: Path) -> None:
    files: Files = {}
    other = json.dumps({"type": "FeatureCollection", "features": []}).encode()
    for name in ("N03-20240101_17_prefecture", "N03-20240101_17", "N03-20240101_17_subprefecture"):
        files[f"{name}.geojson"] = ishikawa if name.endswith("17") else other
    assert len(ksj.read(packed(files), "N03")) == 19
    shapes = {
        **shapefile(ishikawa, tmp_path / "a", "N03-20240101_17_prefecture", encoding="UTF-8"),
        **shapefile(ishikawa, tmp_path / "b", "N03-20240101_17", encoding="UTF-8"),
    }
    del shapes["N03-20240101_17_prefecture.dbf"]
    assert len(ksj.read(packed(shapes), "N03")) == 19
    assert len(ksj.read(packed({**files, "A33-23_17.geojson": other, "A33-23_17_b.geojson": other}), "N03")) == 19
    stray = shapefile(ishikawa, tmp_path / "c", "N03-20240101_17", encoding="UTF-8")
    assert len(ksj.read(packed({**stray, "package.json": b'{"name": "stray"}'}), "N03")) == 19


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "no_layer"),
        ({"readme.txt": b"x"}, "no_layer"),
        ({"N03_17.geojson": b"{}", "N03_18.geojson": b"{}"}, "no_layer"),
        ({"N03\n\x1b[31m_17.geojson": b"{}", "N03" + "x" * 900 + ".geojson": b"{}"}, "no_layer"),
        ({"N03.geojson": b""}, "empty"),
        ({"N03.geojson": b"<html>"}, "html_instead_of_json"),
        ({"N03.shp": b"x"}, "not_shapefile"),
        ({"N03\n\x1b[31m" + "x" * 900 + ".shp": b"x"}, "not_shapefile"),
        ({"N03.shp": b"x", "N03.shx": b"x", "N03.dbf": b"x"}, "not_shapefile"),
        ({"N03.zip": packed({"N03.geojson": b"{}"})}, "not_geojson"),
        (
            {"N03.zip": packed({"N03.zip": packed({"N03.geojson": b"{}"})})},
            "no_layer",
        ),  # one deep, no further
    ],
)
def test_archives_without_the_layer(files: Files, code: str) -> None:
    assert code_of(packed(files)) == code


@pytest.mark.parametrize(("suffix", "cuts"), [(".dbf", (0, 40, -300)), (".shx", (0, 40, -8)), (".shp", (0, 40))])
def test_shapefile_with_a_part_missing_or_broken(
    ishikawa: bytes, tmp_path: Path, suffix: str, cuts: tuple[int, ...]
) -> None:
    files = shapefile(ishikawa, tmp_path / "shp", "N03", encoding="UTF-8")
    name = f"N03{suffix}"
    for cut in cuts:
        assert code_of(packed({**files, name: files[name][:cut]})) == "not_shapefile"
    del files[name]
    assert code_of(packed(files)) == ("no_layer" if suffix == ".shp" else "not_shapefile")


def test_shapefile_cut_off_in_its_shapes(ishikawa: bytes, tmp_path: Path) -> None:
    files = shapefile(ishikawa, tmp_path / "shp", "N03", encoding="UTF-8")
    found = ksj.read(packed({**files, "N03.shp": files["N03.shp"][:-8]}), "N03")
    assert (len(found), found.unreadable, found.geometry[18]) == (19, [18], None)


def test_shapefile_in_another_encoding(ishikawa: bytes, tmp_path: Path) -> None:
    files = shapefile(ishikawa, tmp_path / "shp", "N03", encoding="UTF-8")
    files["N03.dbf"] = files["N03.dbf"].replace("金沢市".encode(), b"\xff" * 9)
    assert code_of(packed(files)) == "wrong_encoding"


def test_shapefile_in_metres(ishikawa: bytes, tmp_path: Path) -> None:
    """平面直角座標系 VII is converted, and that is said."""
    files = shapefile(ishikawa, tmp_path / "shp", "N03", encoding="UTF-8", epsg=6675)
    assert files["N03.prj"].startswith(b"PROJCS")
    found, expected = ksj.read(packed(files), "N03"), ksj.read(ishikawa, "N03")
    shapes = shapely.from_wkb(found.geometry), shapely.from_wkb(expected.geometry)
    assert shapely.equals_exact(*map(shapely.normalize, shapes), tolerance=1e-8).all()
    with ksj.opened(io.BytesIO(packed(files))) as delivery:
        list(delivery.layers[0].blocks())
        (notice,) = delivery.layers[0].notices
    assert (notice.code, notice.severity) == ("converted_crs", "info")
    files["N03.prj"] = b'PROJCS["nonsense"]'
    assert code_of(packed(files)) == "wrong_crs"


def test_shapefile_in_the_old_datum(ishikawa: bytes, tmp_path: Path) -> None:
    """日本測地系 lies 400 m beside: the origin of 日本経緯度原点 in both systems, as 国土地理院 publishes it."""
    old, new = (139 + 44 / 60 + 40.5020 / 3600, 35 + 39 / 60 + 17.5148 / 3600), (139.741357, 35.658099)
    feature = {"type": "Feature", "properties": {"a": 1}, "geometry": {"type": "Point", "coordinates": old}}
    source = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    files = shapefile(source, tmp_path / "shp", "N03", encoding="UTF-8")
    files["N03.prj"] = (
        b'GEOGCS["GCS_Tokyo",DATUM["D_Tokyo",SPHEROID["Bessel_1841",6377397.155,299.1528128]],'
        b'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
    )
    with ksj.opened(io.BytesIO(packed(files))) as delivery:
        (block,) = delivery.layers[0].blocks()
        (notice,) = delivery.layers[0].notices
    metres = pyproj.Geod(ellps="GRS80").inv(*new, *shapely.from_wkb(block.geometry[0]).coords[0])[2]
    assert metres < 9 < pyproj.Geod(ellps="GRS80").inv(*new, *old)[2]
    assert "Tokyo" in notice.cause
    assert "within 9 m" in notice.cause


@pytest.mark.parametrize("body", [b"PK", b"PK\x03\x04" + b"\0" * 100, b"PK\x05\x06" + b"\xff" * 18])
def test_not_a_zip(body: bytes) -> None:
    assert code_of(body) == "not_zip"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b"<!DOCTYPE html>", "html_instead_of_json"), (b"Rar!\x1a\x07", "not_json")],
)
def test_neither_a_zip_nor_geojson(body: bytes, code: str) -> None:
    assert code_of(body) == code


def test_cut_off_or_broken_anywhere_is_a_parse_error(ishikawa: bytes) -> None:
    """Every cut, and bytes changed at random: other errors would stop the whole run."""
    body = packed({"N03.geojson": ishikawa[:3000], "readme.txt": b"x" * 300})
    for cut in range(2, len(body), 7):
        assert code_of(body[:cut]) == "not_zip"
    dice = random.Random(4)
    codes = set()
    for _ in range(1500):
        broken = bytearray(body)
        for _ in range(dice.choice((1, 1, 3))):
            broken[dice.randrange(2, len(broken))] = dice.randrange(256)
        codes.add(code_of(bytes(broken)))
    assert {"not_zip", "not_json", "hostile_zip", "no_layer"} <= codes


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.geojson",
        "a/../../evil",
        "..\\evil.txt",
        "/etc/evil.geojson",
        "\\evil",
        "C:\\evil.txt",
        "c:evil",
        "..",
    ],
)
def test_names_outside_of_the_archive(ishikawa: bytes, name: str) -> None:
    assert code_of(packed({"N03.geojson": ishikawa, name: b"x"})) == "hostile_zip"


@pytest.mark.parametrize("name", [".", "a/./b.txt", "a//b.txt", "..a/b..", "~x"])
def test_odd_names_that_do_no_harm(ishikawa: bytes, name: str) -> None:
    assert len(ksj.read(packed({"N03.geojson": ishikawa, name: b"x"}), "N03")) == 19


def test_name_of_no_length(ishikawa: bytes) -> None:
    body = packed({"N03.geojson": ishikawa, "x": b""}, 0)
    entry = body.rindex(b"PK\x01\x02")
    end = body.rindex(b"PK\x05\x06")
    nameless = bytearray(body[:entry] + body[entry : end - 1] + body[end:])
    nameless[entry + 28 : entry + 30] = b"\0\0"
    size = len(body) - 10
    nameless[size - 1 : size + 3] = struct.pack("<I", end - 1 - body.index(b"PK\x01\x02"))
    with zipfile.ZipFile(io.BytesIO(nameless)) as archive:
        assert archive.infolist()[1].filename == ""
    assert code_of(bytes(nameless)) == "hostile_zip"


def test_symbolic_link(ishikawa: bytes) -> None:
    link = zipfile.ZipInfo("N03_link.geojson")
    link.external_attr = 0o120777 << 16
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("N03.geojson", ishikawa)
        archive.writestr(link, "/etc/passwd")
    assert code_of(body.getvalue()) == "hostile_zip"


def test_encrypted(ishikawa: bytes) -> None:
    body = bytearray(packed({"N03.geojson": ishikawa}))
    entry = body.index(b"PK\x01\x02")
    body[6] |= 1
    body[entry + 8] |= 1
    assert code_of(bytes(body)) == "hostile_zip"


def test_too_many_files() -> None:
    """100,000 entries that all point at the same bytes."""
    one = packed({"N03.geojson": b"{}"}, 0)
    entry, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    directory = one[entry:end] * 100_000
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 34464, 34464, len(directory), entry, 0)
    error = error_of(one[:entry] + directory + tail)
    assert (error.code, "100000 files" in str(error)) == ("hostile_zip", True)


def bomb(name: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(name, b" " * 50_000_000)
        archive.writestr("readme.txt", b"x")
    assert len(body.getvalue()) < 50_000
    return body.getvalue()


@pytest.mark.parametrize("name", ["N03.geojson", "other.bin"])
def test_bomb_is_not_unpacked(name: str) -> None:
    body = bomb(name)
    tracemalloc.start()
    try:
        assert code_of(body) == "hostile_zip"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(ishikawa: bytes, way: int) -> None:
    """The reader cannot bound what they unpack to."""
    assert code_of(packed({"N03.geojson": ishikawa}, way)) == "hostile_zip"


def test_bomb_that_states_false_sizes() -> None:
    """Neither a small unpacked size nor a huge packed size of something else hides it."""
    body = bomb("N03.geojson")
    first = body.index(b"PK\x01\x02")
    second = body.index(b"PK\x01\x02", first + 1)
    small = bytearray(body)
    small[first + 24 : first + 28] = struct.pack("<I", 100)
    huge = bytearray(body)
    huge[second + 20 : second + 24] = struct.pack("<I", 4_000_000_000)
    tracemalloc.start()
    try:
        assert [code_of(bytes(small)), code_of(bytes(huge))] == ["not_zip", "hostile_zip"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
