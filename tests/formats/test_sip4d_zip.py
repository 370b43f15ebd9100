"""SIP4D-ZIP: the real test files of the checker, what is taken with an issue, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.formats import sip4d_package as made

from bousai.errors import ParseError
from bousai.formats import sip4d_zip
from bousai.model import Issue

# by other means: unzip -p, and the README of the checker's test data
REAL = {
    "0304-02": ("0304-02", "test", "災害対応機関のみ公開可能", 1),
    "052_20250801_0000000": ("99-999-99", "exercise", "災害対応機関のみ公開可能", 1),
    "bomtest": ("0304-04", "exercise", "一般公開可能", 1),
    "kunren_023_01-001-01_20260414140049_1": ("01-001-01", "exercise", "一般公開可能", 1),
    "multi_geometry_type_err": ("99-999-99", "exercise", "災害対応機関のみ公開可能", 1),
    "polygon_style_err_sample": ("99-999-99", "test", "災害対応機関のみ公開可能", 2),
    "ttid_nashi": ("0304-03", "exercise", "災害対応機関のみ公開可能", 1),
}
FAULTS = {
    "bomtest": {"byte_order_mark"},
    "multi_geometry_type_err": {"mixed_geometry"},
    "polygon_style_err_sample": set(),
    "ttid_nashi": {"bad_ttid"},
}


def whole(body: bytes) -> tuple[sip4d_zip.Package, list[sip4d_zip.Entry], list[Issue]]:
    package = sip4d_zip.read(body)
    entries, issues = sip4d_zip.entries(package)
    return package, entries, package.issues + issues


def codes_of(body: bytes) -> set[str]:
    return {issue.code for issue in whole(body)[2]}


def refused(body: bytes) -> str:
    with pytest.raises(ParseError) as caught:
        whole(body)
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    return caught.value.code


def changed(**meta: Any) -> bytes:
    return made.package(made.SHELTER, [made.shelter(1, "2")], **meta)


@pytest.mark.parametrize("name", REAL)
def test_real_packages(realdata: Path, name: str) -> None:
    path = realdata / f"sip4d-zip/{name}.zip"
    package, entries, issues = whole(path.read_bytes())
    assert (package.code, package.status, package.openflg, len(entries)) == REAL[name]
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            features = json.loads(archive.read(entry.file).decode("utf-8-sig"))["features"]
            assert entry.features.properties == [feature["properties"] for feature in features]
            described = json.loads(archive.read(entry.file.replace(".geojson", "_columns.json")).decode("utf-8-sig"))[
                "columns"
            ]
            assert list(entry.columns) == [column["name"] for column in described]
    found = {issue.code for issue in issues}
    assert found >= FAULTS.get(name, set())
    assert "unread" not in found
    assert {issue.severity for issue in issues} <= {"info"}
    assert (package.information_date is None) == (name.startswith("kunren"))


def test_a_whole_package_has_no_issue() -> None:
    package, [entry], issues = whole(changed())
    assert issues == []
    assert package.information_date is not None
    assert package.information_date.isoformat() == "2026-11-05T09:00:00+09:00"
    assert (package.author, package.incident, package.report) == ("訓練県", "kunren-2026", "3")
    assert entry.columns["eststts"].words is not None
    assert entry.columns["eststts"].words["1"] == ("未開設", "notopen")
    assert list(sip4d_zip.positions(entry)) == ["kunren.geojson/features[0]"]


@pytest.mark.parametrize("version", ["1", "1.0", "1.1"])
def test_versions(version: str) -> None:
    old = {} if version == "1.1" else {"payload_type": None}
    assert whole(changed(version=version, **old))[0].code == "01-001-01"


@pytest.mark.parametrize(
    "flag", [None, "", "本番", " 訓練 ", "訓練 ", "通常・訓練", ["訓練"], True, "actual", "テスト", "訓　練"]
)
def test_no_status_or_an_unknown_one_is_refused(flag: Any) -> None:
    """Never actual, and not corrected either: a person asks."""
    assert refused(changed(testflg=flag)) == "unknown_status"


@pytest.mark.parametrize("name", ["title", "disaster"])
def test_actual_with_the_name_of_a_drill_is_refused(name: str) -> None:
    real = {"title": "避難所", "disaster": {"name": "令和８年の地震"}, "testflg": "通常"}
    assert whole(changed(**real))[0].status == "actual"
    drill: dict[str, Any] = {"title": "避難所（訓練）", "disaster": {"name": "総合防災訓練"}}
    assert refused(changed(**{**real, name: drill[name]})) == "unknown_status"


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({"version": "2.0"}, "unknown_version"),
        ({"version": None}, "unknown_version"),
        ({"format": "SIP4D"}, "unknown_version"),
        ({"payload_type": "RASTER"}, "unknown_payload"),
        ({"code": "避難所"}, "not_sip4d_zip"),
        ({"code": None}, "not_sip4d_zip"),
        ({"title": None}, "not_sip4d_zip"),
        ({"author": {}}, "not_sip4d_zip"),
        ({"disaster": "地震"}, "not_sip4d_zip"),
        ({"entry_num": 2}, "entries_missing"),
        ({"entry": []}, "entries_missing"),
        ({"entry": [{"file": "other.geojson"}]}, "entries_missing"),
        ({"entry": None}, "entries_missing"),
    ],
)
def test_metadata_that_do_not_hold(meta: dict[str, Any], code: str) -> None:
    assert refused(changed(**meta)) == code


@pytest.mark.parametrize("ttid", ["", "x", "00000000-0000-4000-8000-00000000000Z1", 7, None])
def test_an_odd_ttid_is_told_and_no_more(ttid: Any) -> None:
    assert codes_of(changed(ttid=ttid)) == {"bad_ttid"}


@pytest.mark.parametrize("text", ["2026-05-20T010:05:02", "2026/05/20 01:05:02", "", "2026-13-01T00:00:00"])
def test_a_wrong_time_is_no_time(text: str) -> None:
    package = whole(changed(information_date=text))[0]
    assert (package.information_date, package.information_text) == (None, text)


def test_byte_order_marks_folders_litter_and_symbols() -> None:
    contents = made.files(made.SHELTER, [made.shelter(1, "2")])
    marked = made.packed({name: b"\xef\xbb\xbf" + content for name, content in contents.items()})
    assert codes_of(marked) == {"byte_order_mark"}
    assert sum(issue.code == "byte_order_mark" for issue in whole(marked)[2]) == 3
    assert codes_of(made.packed({f"訓練/{name}": content for name, content in contents.items()})) == {"not_flat"}
    litter = {"__MACOSX/._sip4d_zip_meta.json": b"x", ".DS_Store": b"x", "icon.PNG": b"x"}
    assert codes_of(made.packed({**contents, **litter})) == set()
    assert codes_of(made.packed({**contents, "readme.txt": b"x"})) == {"unread"}


@pytest.mark.parametrize("style", [b"{", b"[]", b'{"num_class": 2, "classes": [{}]}'])
def test_a_style_that_does_not_fit_loses_nothing(style: bytes) -> None:
    contents = made.files(made.SHELTER, [made.shelter(1, "2")])
    _, [entry], issues = whole(made.packed({**contents, "kunren_style.json": style}))
    assert ([issue.code for issue in issues], len(entry.features)) == (["bad_style"], 1)


def test_files_that_are_missing() -> None:
    contents = made.files(made.SHELTER, [made.shelter(1, "2")])
    for name, code in (
        ("sip4d_zip_meta.json", "not_sip4d_zip"),
        ("kunren.geojson", "entries_missing"),
        ("kunren_columns.json", "no_columns"),
    ):
        assert refused(made.packed({n: content for n, content in contents.items() if n != name})) == code
    twice = {**contents, "a/kunren.geojson": contents["kunren.geojson"]}
    assert refused(made.packed(twice)) == "duplicate_file"


@pytest.mark.parametrize(
    "more",
    [
        {"key_list": ["1"], "value_list": ["開設", "閉鎖"]},
        {"key_list": ["1", "1"], "value_list": ["開設", "閉鎖"]},
        {"key_list": None, "value_list": ["開設"]},
        {"key_list": "1", "value_list": "開"},
    ],
)
def test_words_that_cannot_be_known_are_refused(more: dict[str, Any]) -> None:
    columns = [*made.PLACE, made.column("eststts", "List", **more)]
    assert refused(made.package(columns, [made.shelter(1, "1")])) == "bad_columns"


def test_counts_that_are_wrong_are_told() -> None:
    columns = [*made.PLACE, {**made.column("eststts", "List"), "num_key": 9, "conn_attr_list": ["open"]}]
    contents = made.files(columns, [made.shelter(1, "2")], {"num_column": 99})
    _, _, issues = whole(made.packed(contents))
    assert [issue.code for issue in issues] == ["bad_number"] * 3


def test_columns_of_another_code_are_refused() -> None:
    other = made.files(made.SHELTER, [made.shelter(1, "2")], {"code": "01-002-01"})
    assert refused(made.packed(other)) == "conflicting_code"
    none = made.files(made.SHELTER, [made.shelter(1, "2")], {"code": None}, version="1")
    assert codes_of(made.packed(none)) == set()


def test_new_members_are_seen() -> None:
    body = made.packed(
        made.files(
            [{**made.column("id"), "unit": "人"}], [], {"locale": "ja"}, priority=1, disaster={"name": "訓練", "x": 1}
        )
    )
    assert sorted(issue.position for issue in whole(body)[2]) == ["locale", "priority", "unit", "x"]


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a": NaN}', b'{"a": 1, "a": 2}', b"<html>", b"", b"[1]"])
def test_hostile_json(content: bytes) -> None:
    contents = made.files(made.SHELTER, [made.shelter(1, "2")])
    for name in contents:
        refused(made.packed({**contents, name: content}))
